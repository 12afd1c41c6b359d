// runs: lighttpd, lighttpd:/prod, apache, apache:/prod
// Document 001's story over HTTP: groups, a reset approved on the phone and really
// done, one denied, one cancelled, one expired, one approved with the tab closed,
// and the tuple deleted.  Okta's own count of resets is the judge throughout.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Browser } from './lib/http.mjs';
import { ALICE_TUPLE, frames, Person, sleep, Tenant, until } from './lib/play.mjs';
import { startStack } from './lib/stack.mjs';

const BOB = 'bob@example.test';
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
let stack, tenant, browser, alice;

before(async () => {
  stack = await startStack({ settings: { APPROVAL_SECONDS: '30' } });
  tenant = new Tenant(stack.tenant);
  browser = new Browser(stack);
  alice = new Person(browser);
});
after(() => stack?.stop());

test('signing in gives a session that names the person', async () => {
  assert.equal(await browser.session(), null);
  const session = await browser.signIn('alice@example.test');
  assert.equal(session.user.email, 'alice@example.test');
  assert.ok(session.csrf_token.length >= 43);
});

test('groups are answered from Okta', async () => {
  const { turn } = await alice.ask(`What are the Okta groups for user '${BOB}'?`);
  const text = await alice.text(turn);
  for (const group of (await tenant.user(BOB)).groups) assert.ok(text.includes(group), `${group} is missing in: ${text}`);
});

test('a streamed answer begins with its turn, each time, and the same Idempotency-Key is the same turn', async () => {
  const stream = (message, headers) => browser.post('/api/chat', { message }, { accept: 'text/event-stream', ...headers });
  const message = `What are the Okta groups for user '${BOB}'?`;
  const turns = [];
  for (let i = 0; i < 3; i++) {
    const [first] = frames((await stream(message)).text);
    assert.equal(first?.event, 'turn');
    assert.equal(first.id, 1);
    turns.push(first.data.turn);
    await alice.finished(first.data.turn);
  }
  assert.equal(new Set(turns).size, 3);
  const headers = { 'idempotency-key': `a-key-of-the-story-${Date.now()}` };
  const [one, two] = [frames((await stream(message, headers)).text)[0].data.turn, frames((await stream(message, headers)).text)[0].data.turn];
  assert.equal(one, two);
  await alice.finished(one);
  assert.equal((await stream(`${message} `, headers)).status, 400, 'other words under the same key');
});

test('a reset approved on the phone is done once, and read back', async () => {
  const before_ = await tenant.resets(BOB);
  const { turn } = await alice.ask(`Reset password for user '${BOB}'`);
  const rung = await tenant.phone();
  assert.equal(rung.user, 'alice@example.test');
  const card = await alice.openApproval();
  assert.equal(card.phrase, rung.binding_message);
  assert.equal(card.target, BOB);
  assert.match(card.phrase, /^[A-Za-z0-9+\-_.#]{1,50}$/);
  assert.equal(await tenant.resets(BOB), before_);
  await tenant.approve(rung.id);
  const events = await alice.finished(turn);
  assert.equal(events.at(-1).event, 'done');
  assert.ok(events.some((e) => e.event === 'approval' && e.data.id === card.id));
  assert.ok(events.some((e) => e.event === 'action' && e.data.status === 'done'));
  assert.equal(await tenant.resets(BOB), before_ + 1);
  assert.equal((await tenant.user(BOB)).status, 'RECOVERY');
  assert.equal((await alice.approval(card.id)).state, 'done');
  const everything = JSON.stringify(events);
  assert.ok(!everything.includes(card.phrase), 'the phrase travelled through chat');
});

test('a reset denied on the phone is not done', async () => {
  const before_ = await tenant.resets(BOB);
  const { turn } = await alice.ask(`Please reset the password of ${BOB}`);
  const rung = await tenant.phone();
  await tenant.deny(rung.id);
  const events = await alice.finished(turn);
  assert.ok(events.some((e) => e.event === 'action' && e.data.status === 'denied'));
  assert.equal(await tenant.resets(BOB), before_);
});

test('row 66: cancelled on the page, then approved on the phone: no act', async () => {
  const before_ = await tenant.resets(BOB);
  const { turn } = await alice.ask(`Reset password for user ${BOB}`);
  const rung = await tenant.phone();
  const card = await alice.openApproval();
  const answer = await browser.post(`/api/approvals/${card.id}/cancel`);
  assert.equal(answer.status, 200);
  assert.equal(answer.json().state, 'cancelled');
  await tenant.approve(rung.id);
  await alice.finished(turn);
  await sleep(1500);
  assert.equal(await tenant.resets(BOB), before_);
  assert.equal((await alice.approval(card.id)).state, 'cancelled');
});

test('an approval with the tab closed is done all the same', async () => {
  await until('the place is free again', async () => (await tenant.pending()).length === 0, 40_000);
  const before_ = await tenant.resets(BOB);
  const { turn } = await alice.ask(`Reset password for user '${BOB}'`);
  const card = await alice.openApproval(['waiting'], 45_000);
  const rung = await tenant.phone();
  await tenant.approve(rung.id);
  await until('Okta was asked', async () => (await tenant.resets(BOB)) === before_ + 1, 20_000);
  const events = await alice.finished(turn);
  assert.equal(events.at(-1).event, 'done');
  assert.equal((await alice.approval(card.id)).state, 'done');
});

test('one left alone expires and is not done', async () => {
  const before_ = await tenant.resets(BOB);
  const { turn } = await alice.ask(`Reset password for user '${BOB}'`);
  const card = await alice.openApproval();
  const events = await alice.finished(turn, 60_000);
  assert.ok(events.some((e) => e.event === 'action' && e.data.status === 'expired'), JSON.stringify(events));
  assert.equal((await alice.approval(card.id)).state, 'expired');
  assert.equal(await tenant.resets(BOB), before_);
});

test('with the tuple deleted the next question is denied', async () => {
  await tenant.revoke(ALICE_TUPLE);
  const { turn } = await alice.ask(`What are the Okta groups for user '${BOB}'?`);
  const events = await alice.finished(turn);
  assert.ok(events.some((e) => e.event === 'action' && e.data.status === 'denied'), JSON.stringify(events));
  const text = events.filter((e) => e.event === 'text').map((e) => e.data.delta).join('');
  assert.match(text, /not permitted/i);
  await tenant.grant(ALICE_TUPLE);
});

test('the audit log verifies, and holds one intent and one outcome for each act', async () => {
  const env = { ...process.env, COUNTERSIGN_CONFIG: path.join(stack.dir, 'countersign.conf') };
  const command = path.join(ROOT, 'build/plain/bin/countersign');
  execFileSync(command, ['audit', 'verify'], { env });
  const rows = execFileSync(command, ['audit', 'show', '--json'], { env, encoding: 'utf8' }).trim().split('\n').map((l) => JSON.parse(l));
  for (const act of (await alice.acts()).filter((a) => a.state === 'done')) {
    const own = rows.filter((r) => r.invocation === act.id).map((r) => r.event);
    assert.equal(own.filter((e) => e === 'intent').length, 1, `${act.action}: ${own}`);
    assert.equal(own.filter((e) => e === 'outcome').length, 1, `${act.action}: ${own}`);
  }
  assert.ok(rows.every((r) => r.event !== 'intent' || r.request_id), 'an intent without its request id');
});

test('row 33: after signing out the old cookie opens nothing', async () => {
  const cookie = [...browser.jar(stack.url)].map(([k, v]) => `${k}=${v}`).join('; ');
  const answer = await browser.post('/logout');
  assert.equal(answer.status, 200);
  assert.ok(answer.json().location);
  const again = await browser.request('/api/session', { headers: { cookie } });
  assert.equal(again.status, 401);
  assert.match(again.headers['cache-control'], /no-store/);
});
