// runs: lighttpd, apache:/prod
// Approvals under attack: rows 39, 40, 42, 43, 45 to 47, 60 to 65, 74 and 78, each judged by
// what Okta and the phone saw.
import assert from 'node:assert/strict';
import test, { after, before, beforeEach } from 'node:test';
import { Browser } from './lib/http.mjs';
import { ALICE_TUPLE, Person, sleep, Tenant, until } from './lib/play.mjs';
import { startStack } from './lib/stack.mjs';

const BOB = 'bob@example.test';
const RESET = `Reset password for user '${BOB}'`;
let stack, tenant;
before(async () => { stack = await startStack({ settings: { APPROVAL_SECONDS: '40' } }); tenant = new Tenant(stack.tenant); });
after(() => stack?.stop());
beforeEach(() => tenant.reset());

// Each test plays with a person of its own, so that places, denials and locks of one
// do not reach the next.  A fresh sub is the same login at another time: the tenant
// knows alice, bob, carol and dave; rights come from the tuple we write.
const people = ['alice', 'bob', 'carol', 'dave'];
let turnOf = 0;
async function somebody(login = `${people[turnOf++ % people.length]}@example.test`) {
  const browser = new Browser(stack);
  const name = login.split('@')[0];
  await browser.signIn(login, `${name}-pw`);
  await tenant.grant({ ...ALICE_TUPLE, user: `user:${login}` });
  const person = new Person(browser);
  person.login = login;
  await until(`${login} has no open approval`, async () => (await person.approvals()).every((a) => !['sending', 'waiting', 'approved', 'executing'].includes(a.state)), 60_000);
  return person;
}
const statuses = (events) => events.filter((e) => e.event === 'action').map((e) => e.data.status);
const requests = () => tenant.json('/phone/requests?all=1');

// One person has one place; a place that a test leaves behind would hold up the next
// for its whole expiry.  Stacks are cheap, so tests that leave one use their own.
async function alone(settings, play) {
  const own = await startStack({ settings: { APPROVAL_SECONDS: '40', ...settings } });
  const outer = [stack, tenant];
  [stack, tenant] = [own, new Tenant(own.tenant)];
  try {
    await play(await somebody('alice@example.test'));
  } finally {
    [stack, tenant] = outer;
    await own.stop();
  }
}

test('row 39: nobody polls sooner than the interval, over all processes, and slow_down counts for good', () => alone({}, async (alice) => {
  await tenant.settings({ ciba_slow_down: 1, ciba_interval: 2 });
  const { turn } = await alice.ask(RESET);
  const rung = await tenant.phone();
  await sleep(17_000);
  const request = (await requests()).find((r) => r.id === rung.id);
  assert.equal(request.early, 0, `${request.early} polls came early`);
  assert.equal(request.overlapping, 0);
  const polls = await tenant.json(`/phone/requests/${rung.id}/polls`);
  assert.ok(polls.length >= 2, `${polls.length} polls`);
  for (let i = 2; i < polls.length; i++) assert.ok(polls[i] - polls[i - 1] >= 6950, `${polls[i] - polls[i - 1]} ms after a slow_down`);
  await tenant.approve(rung.id);
  await alice.finished(turn, 40_000);
  assert.equal(await tenant.resets(BOB), 1);
}));

test('row 40: missing expires_in and interval get safe values; a missing auth_req_id is a failure', () => alone({}, async (alice) => {
  await tenant.fault({ party: 'ciba', match: '/bc-authorize', kind: 'override', remove: ['interval', 'expires_in'] });
  const { turn } = await alice.ask(RESET);
  const rung = await tenant.phone();
  await alice.openApproval();
  await tenant.approve(rung.id);
  await alice.finished(turn, 40_000);
  assert.equal(await tenant.resets(BOB), 1);
  const polls = await tenant.json(`/phone/requests/${rung.id}/polls`);
  for (let i = 1; i < polls.length; i++) assert.ok(polls[i] - polls[i - 1] >= 4950);

  await tenant.fault({ party: 'ciba', match: '/bc-authorize', kind: 'override', remove: ['auth_req_id'] });
  const second = await alice.ask(RESET);
  const rung2 = await tenant.phone();
  await tenant.approve(rung2.id);
  const events = await alice.finished(second.turn, 60_000);
  assert.ok(!statuses(events).includes('done'), JSON.stringify(statuses(events)));
  assert.equal(await tenant.resets(BOB), 1);
  assert.equal((await requests()).length, 2, 'it was sent again');
}));

test('row 42: an ID token of somebody else is no approval', () => alone({}, async (alice) => {
  await tenant.settings({ id_token: [{ grants: ['urn:openid:params:grant-type:ciba'], times: -1, claims: { sub: 'oidc|Okta-OIDC|00ubob000000000000001' } }] });
  const { turn } = await alice.ask(RESET);
  await tenant.approve((await tenant.phone()).id);
  const events = await alice.finished(turn, 60_000);
  assert.ok(!statuses(events).includes('done'));
  assert.equal(await tenant.resets(BOB), 0);
}));

test('rows 42 and 15: an approval whose token is old, unsigned or for another client is none', async () => {
  for (const recipe of [{ shift: { iat: -4000 } }, { alg: 'none' }, { signature: 'flip' }, { claims: { aud: 'someone-else' } }, { claims: { iss: 'https://evil.example/' } }]) {
    await alone({}, async (alice) => {
      await tenant.settings({ id_token: [{ grants: ['urn:openid:params:grant-type:ciba'], times: -1, ...recipe }] });
      const { turn } = await alice.ask(RESET);
      await tenant.approve((await tenant.phone()).id);
      const events = await alice.finished(turn, 60_000);
      assert.ok(!statuses(events).includes('done'), JSON.stringify(recipe));
      assert.equal(await tenant.resets(BOB), 0, JSON.stringify(recipe));
    });
  }
});

test('row 43: of many proposals at once one rings, and a fourth question waits', () => alone({ TURN_SECONDS: '120' }, async (alice) => {
  const turns = [];
  for (let i = 0; i < 3; i++) turns.push((await alice.ask(`Reset password for user '${BOB}' and reset password for user 'carol@example.test'`)).turn);
  const rung = await tenant.phone();
  await sleep(4000);
  assert.equal((await tenant.pending()).length, 1, 'more than one push is open');
  const more = await alice.browser.post('/api/chat', { message: RESET });
  assert.equal(more.status, 429);
  await tenant.deny(rung.id);
  for (const turn of turns) await alice.browser.post(`/api/turns/${turn}/cancel`);
  assert.equal(await tenant.resets(BOB), 0);
}));

test('row 45: FGA down, slow, not JSON, "true" as text, the field missing: denied', async () => {
  const person = await somebody('bob@example.test');
  const sound = await person.ask(`What are the Okta groups for user '${BOB}'?`);
  assert.ok(statuses(await person.finished(sound.turn)).includes('done'), 'without a fault it is answered');
  for (const fault of [{ kind: 'status', status: 500 }, { kind: 'status', status: 401 }, { kind: 'html' }, { kind: 'garbage' }, { kind: 'override', replace: { allowed: 'true' } }, { kind: 'override', replace: {} },
    { kind: 'override', replace: { allowed: 1 } }, { kind: 'override', replace: [true] }, { kind: 'reset' }, { kind: 'hang', ms: 8000 }, { kind: 'truncate' }, { kind: 'huge' }]) {
    await tenant.fault({ party: 'fga', match: '/check', times: -1, ...fault });
    const { turn } = await person.ask(`What are the Okta groups for user '${BOB}'?`);
    const events = await person.finished(turn, 30_000);
    assert.ok(!statuses(events).includes('done'), `${JSON.stringify(fault)} ${JSON.stringify(statuses(events))}`);
    const text = events.filter((e) => e.event === 'text').map((e) => e.data.delta).join('');
    assert.ok(!text.includes('Engineering'), text);
    await tenant.json('/tenant/faults', 'DELETE');
  }
});

test('row 46: rights removed while the person decides: denied at the act', () => alone({}, async (alice) => {
  const { turn } = await alice.ask(RESET);
  const rung = await tenant.phone();
  const card = await alice.openApproval();
  await tenant.revoke(ALICE_TUPLE);
  await tenant.approve(rung.id);
  const events = await alice.finished(turn, 30_000);
  assert.ok(!statuses(events).includes('done'));
  assert.equal(await tenant.resets(BOB), 0);
  assert.equal((await alice.approval(card.id)).state, 'denied');
}));

test('row 60: the login moves to somebody else after the approval was asked for: refused', () => alone({}, async (alice) => {
  const { turn } = await alice.ask(RESET);
  const rung = await tenant.phone();
  await tenant.json('/tenant/okta/users/00ubob000000000000001', 'POST', { login: 'robert@example.test' });
  await tenant.json('/tenant/okta/users/00udave00000000000001', 'POST', { login: BOB });
  await tenant.approve(rung.id);
  const events = await alice.finished(turn, 30_000);
  assert.ok(!statuses(events).includes('done'));
  assert.equal(await tenant.resets(BOB), 0);
  assert.equal(await tenant.resets('robert@example.test'), 0);
}));

test('row 62: a display name that talks is never shown; login and id are', () => alone({}, async (alice) => {
  const { turn } = await alice.ask("Reset password for user 'tricky@example.test'");
  const rung = await tenant.phone();
  const card = await alice.openApproval();
  assert.equal(card.target, 'tricky@example.test');
  const shown = JSON.stringify(card) + rung.binding_message;
  for (const evil of ['approved K7QX', '\u202e', 'Ignore the rules', '<script>']) assert.ok(!shown.includes(evil), evil);
  await tenant.deny(rung.id);
  const events = await alice.finished(turn);
  assert.ok(!JSON.stringify(events).includes('Ignore the rules'));
}));

test('row 63: after a denial no push without a click, and three denials lock', () => alone({}, async (alice) => {
  const { turn } = await alice.ask(`Reset password for user '${BOB}' and reset password for user 'carol@example.test'`);
  await tenant.deny((await tenant.phone()).id);
  const card = await alice.openApproval(['waiting_click']);
  assert.equal(card.needs_click, true);
  await sleep(3000);
  assert.deepEqual(await tenant.pending(), [], 'the phone rang without a click');
  assert.equal((await alice.browser.post(`/api/approvals/${card.id}/send`)).status, 200);
  await tenant.deny((await tenant.phone()).id);
  await alice.finished(turn);
  const third = await alice.ask(RESET);
  await tenant.deny((await tenant.phone()).id);
  await alice.finished(third.turn);
  const fourth = await alice.ask(RESET);
  const events = await alice.finished(fourth.turn);
  assert.ok(statuses(events).some((s) => ['denied', 'failed'].includes(s)), JSON.stringify(statuses(events)));
  assert.deepEqual(await tenant.pending(), []);
  assert.equal((await requests()).length, 3);
  assert.equal(await tenant.resets(BOB), 0);
}));

test('row 65: an act whose outcome is unknown is held until the person has acknowledged it', () => alone({}, async (alice) => {
  await tenant.fault({ party: 'okta', match: '/lifecycle/reset_password', kind: 'act-reset' });
  const { turn } = await alice.ask(RESET);
  await tenant.approve((await tenant.phone()).id);
  const events = await alice.finished(turn, 40_000);
  assert.ok(statuses(events).includes('unknown'), JSON.stringify(statuses(events)));
  assert.equal(await tenant.resets(BOB), 1, 'it was repeated');
  const [unknown] = (await alice.acts()).filter((a) => a.state === 'unknown');
  assert.ok(unknown);

  const held = await alice.ask(RESET);
  const heldEvents = await alice.finished(held.turn, 30_000);
  assert.ok(!statuses(heldEvents).includes('done'));
  assert.deepEqual(await tenant.pending(), [], 'it rang although the last outcome is unknown');
  assert.equal((await alice.browser.post(`/api/approvals/${unknown.id}/acknowledge`)).status, 200);

  const again = await alice.ask(RESET);
  await tenant.approve((await tenant.phone()).id);
  await alice.finished(again.turn, 30_000);
  assert.equal(await tenant.resets(BOB), 2);
}));

test('row 47: a reset that times out after sending is unknown and never retried', () => alone({}, async (alice) => {
  await tenant.fault({ party: 'okta', match: '/lifecycle/reset_password', kind: 'act-hang' });
  const { turn } = await alice.ask(RESET);
  await tenant.approve((await tenant.phone()).id);
  const events = await alice.finished(turn, 60_000);
  assert.ok(statuses(events).includes('unknown'), JSON.stringify(statuses(events)));
  const sent = (await tenant.requests('okta')).filter((r) => r.path.endsWith('/lifecycle/reset_password'));
  assert.equal(sent.length, 1);
  assert.equal(sent[0].query.sendEmail, 'true', 'the reset link was asked for');
}));

test('row 64: five approvals in one step ring one after another', () => alone({ TURN_SECONDS: '150' }, async (alice) => {
  const users = [BOB, 'carol@example.test', 'dave@example.test', 'many@example.test', 'twin@example.test'];
  const { turn } = await alice.ask(users.map((u) => `reset password for user '${u}'`).join(' and '));
  const first = await tenant.phone();
  await sleep(3000);
  assert.equal((await tenant.pending()).length, 1);
  await tenant.approve(first.id);
  for (let i = 1; i < users.length; i++) {
    const card = await alice.openApproval(['waiting_click'], 20_000);
    assert.deepEqual(await tenant.pending(), []);
    await alice.browser.post(`/api/approvals/${card.id}/send`);
    const rung = await tenant.phone();
    assert.equal((await tenant.pending()).length, 1);
    await tenant.approve(rung.id);
  }
  await alice.finished(turn, 40_000);
  for (const user of users) assert.equal(await tenant.resets(user), 1, user);
}));

test('"Not me" ends the act, the turn and every session', () => alone({}, async (alice) => {
  const { turn } = await alice.ask(RESET);
  const rung = await tenant.phone();
  const card = await alice.openApproval();
  const answer = await alice.browser.post(`/api/approvals/${card.id}/not-me`);
  assert.equal(answer.status, 200);
  await tenant.approve(rung.id);
  await sleep(5000);
  assert.equal(await tenant.resets(BOB), 0);
  assert.equal((await alice.browser.request('/api/session')).status, 401);
  assert.ok(turn);
}));

test('signing out everywhere while the person decides: no act', () => alone({}, async (alice) => {
  await alice.ask(RESET);
  const rung = await tenant.phone();
  await alice.openApproval();
  assert.equal((await alice.browser.post('/api/sessions/all/revoke')).status, 200);
  await tenant.approve(rung.id);
  await sleep(6000);
  assert.equal(await tenant.resets(BOB), 0);
}));

test('row 74: a vault token of another Okta user, or one that lacks a scope, is discarded', async () => {
  const person = await somebody('carol@example.test');
  const sound = await person.ask(`What are the Okta groups for user '${BOB}'?`);
  assert.ok(statuses(await person.finished(sound.turn)).includes('done'), 'with her own token it is answered');
  await tenant.json('/tenant/requests', 'DELETE');
  for (const settings of [{ vault_user: 'dave@example.test' }, { vault_scope: 'openid okta.groups.read' }]) {
    await tenant.settings({ vault_user: null, vault_scope: null, ...settings });
    const { turn } = await person.ask(`What are the Okta groups for user '${BOB}'?`);
    const events = await person.finished(turn, 30_000);
    assert.ok(!statuses(events).includes('done'), JSON.stringify(settings));
    const asked = (await tenant.requests('okta')).filter((r) => r.path.includes('/groups'));
    assert.equal(asked.length, 0, 'the token was used');
  }
});

test('row 61: look-alikes, shared addresses and quotes through the chat: exactly one match or refused', async () => {
  const person = await somebody('carol@example.test');
  const groups = async (target) => {
    const { turn } = await person.ask(`What are the Okta groups for user '${target}'?`);
    const events = await person.finished(turn, 30_000);
    return { status: statuses(events), text: events.filter((e) => e.event === 'text').map((e) => e.data.delta).join('') };
  };
  assert.ok((await groups('twin@example.test')).status.includes('done'), 'an exact login is one match');
  for (const target of ['bоb@example.test', 'jose@example.test', 'shared@nowhere.test', 'a"@example.test']) {
    const { status, text } = await groups(target);
    assert.ok(!status.includes('done'), `${target}: ${text}`);
    assert.ok(!/Engineering/.test(text), text);
  }
});

test('row 78: an unknown and a forbidden target are answered alike', async () => {
  const browser = new Browser(stack);
  await browser.signIn('dave@example.test', 'dave-pw'); // no tuple after the reset of this test
  const dave = new Person(browser);
  const ask = async (target) => {
    const { turn } = await dave.ask(`What are the Okta groups for user '${target}'?`);
    const events = await dave.finished(turn);
    const text = events.filter((e) => e.event === 'text').map((e) => e.data.delta).join(''); // where it is cut is a matter of time
    const rest = events.filter((e) => !['turn', 'text'].includes(e.event)).map((e) => JSON.stringify(e.data)).join('|');
    return `${text}|${rest}`.replaceAll(target, 'X').replace(/"id":"[^"]*"/g, '');
  };
  const known = await ask(BOB), unknown = await ask('nobody@example.test');
  assert.equal(known, unknown);
});
