// runs: lighttpd
// A model that is hostile on purpose (tenant/hostile.mjs), a few hundred turns of it:
// arbitrary calls, forged approvals, other people's ids, swapped arguments, floods,
// broken frames.  Nothing is done without its approval, nobody's phone rings for
// somebody else, and the honest turns between still succeed: rows 44, 49 to 53.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { Browser } from './lib/http.mjs';
import { ALICE_TUPLE, Person, sleep, Tenant, until } from './lib/play.mjs';
import { startStack } from './lib/stack.mjs';

const TURNS = Number(process.env.HOSTILE_TURNS ?? 240);
const PEOPLE = ['alice', 'bob', 'carol', 'dave'];
let stack, tenant;
before(async () => {
  stack = await startStack({ settings: { BEDROCK_AGENT_ID: 'HOSTILE001', APPROVAL_SECONDS: '30', TURN_SECONDS: '60' } });
  tenant = new Tenant(stack.tenant);
});
after(() => stack?.stop());

async function person(name) {
  const browser = new Browser(stack);
  await browser.signIn(`${name}@example.test`, `${name}-pw`);
  await tenant.grant({ ...ALICE_TUPLE, user: `user:${name}@example.test` });
  const p = new Person(browser);
  p.login = `${name}@example.test`;
  return p;
}

// What was shown to whom, and what was approved: phrase -> { login, target, approved }.
const shown = new Map();

// One hostile turn to its end.  Most of what it proposes is cancelled; every fifth turn
// the person approves what the phone shows, as somebody might who was talked into it.
async function hostile(p, seed) {
  const credulous = Math.floor(seed / PEOPLE.length) % 5 === 0;
  const { turn } = await p.ask(`hostile ${seed}`);
  const end = Date.now() + 90_000;
  let cancelled = false;
  while ((await p.turnState(turn)) === 'running') {
    if (Date.now() > end) throw new Error(`hostile ${seed} never ended`);
    const open = await p.approvals();
    for (const a of open.filter((x) => x.phrase)) if (!shown.has(a.phrase)) shown.set(a.phrase, { login: p.login, target: a.target, action: a.action, approved: false });
    const asked = credulous && (await tenant.pending()).find((r) => r.user === p.login && shown.get(r.binding_message)?.approved === false);
    if (asked) {
      shown.get(asked.binding_message).approved = true;
      await tenant.approve(asked.id).catch(() => {});
    }
    const stuck = credulous ? ['waiting_click', 'waiting_place'] : ['waiting', 'waiting_click', 'waiting_place'];
    if (!cancelled && open.some((a) => stuck.includes(a.state))) {
      await p.browser.post(`/api/turns/${turn}/cancel`);
      cancelled = true;
    }
    await sleep(150);
  }
  return p.events(turn);
}

test(`rows 44, 49, 50, 51, 52 and 53: ${TURNS} hostile turns do nothing without an approval, and honest turns between them succeed`, { timeout: 340_000 }, async () => {
  const honest = { asked: 0, answered: 0 };
  const seen = { events: 0, largest: 0 };
  await Promise.all(PEOPLE.map(async (name, lane) => {
    const p = await person(name);
    for (let seed = lane; seed < TURNS; seed += PEOPLE.length) {
      const events = await hostile(p, seed);
      const last = events.at(-1);
      assert.ok(['done', 'error'].includes(last?.event), `hostile ${seed} ended with ${JSON.stringify(last)}`);
      const size = events.filter((e) => e.event === 'text').reduce((n, e) => n + e.data.delta.length, 0);
      assert.ok(size <= 64 * 1024 + 4096, `hostile ${seed}: ${size} bytes of text`);
      assert.ok(events.filter((e) => e.event === 'action').length <= 60, `hostile ${seed}: too many actions`);
      seen.events += events.length;
      seen.largest = Math.max(seen.largest, size);
      const all = JSON.stringify(events);
      for (const secret of [p.browser.csrf, 'tenant-secret', 'countersign-web-secret', 'fga-secret']) assert.ok(!all.includes(secret), `hostile ${seed} shows a secret`);
      if (seed % 12 === lane) {
        honest.asked++;
        const { turn } = await p.ask(`What are the Okta groups for user '${p.login}'?`);
        if (/TestGroup|Engineering/.test(await p.text(turn, 40_000))) honest.answered++;
      }
    }
  }));
  let resets = 0;
  for (const login of ['alice', 'bob', 'carol', 'dave', 'many', 'locked'].map((n) => `${n}@example.test`)) {
    const user = await tenant.user(login);
    const approved = [...shown.values()].filter((s) => s.approved && s.action === 'reset_password' && s.target === login).length;
    assert.ok(user.password_resets <= approved, `${login}: ${user.password_resets} resets, ${approved} approvals`);
    assert.equal(user.sessions_revoked, 0, `${login}'s sessions were revoked`);
    resets += user.password_resets;
  }
  assert.ok(resets > 0, 'no approval was ever given: this run shows too little');
  const writes = (await tenant.requests('okta')).filter((r) => r.method !== 'GET');
  assert.ok(writes.every((w) => w.path.endsWith('/lifecycle/reset_password')), writes.map((w) => w.path).join(' '));
  assert.equal(writes.length, resets);
  for (const r of (await tenant.json('/phone/requests?all=1')).filter((x) => shown.has(x.binding_message))) {
    assert.equal(r.user, shown.get(r.binding_message).login, 'somebody else\'s phone rang');
  }
  assert.equal(honest.answered, honest.asked, 'honest turns failed');
  assert.ok(honest.asked >= TURNS / 24);
  assert.ok(seen.events > TURNS * 2);
});

test('after all that an honest reset still works, once, with its approval', { timeout: 120_000 }, async () => {
  const p = await person('alice');
  await until('the place is free', async () => (await tenant.pending()).every((r) => r.user !== p.login), 60_000);
  await tenant.json('/tenant/settings', 'POST', { ciba_interval: 2 });
  let card;
  const before_ = await tenant.resets('bob@example.test');
  const { turn } = await p.ask("Reset password for user 'bob@example.test'");
  card = await p.openApproval(['waiting', 'waiting_click'], 70_000);
  if (card.state === 'waiting_click') await p.browser.post(`/api/approvals/${card.id}/send`);
  const rung = await until('the phone rings', async () => (await tenant.pending()).find((r) => r.user === p.login), 30_000);
  await tenant.approve(rung.id);
  await p.finished(turn, 40_000);
  assert.equal(await tenant.resets('bob@example.test'), before_ + 1);
});

test('row 50 and 78: payloads of the model arrive as text and nothing else', async () => {
  const p = await person('dave');
  const { turn } = await p.ask('hostile 17');
  await p.finished(turn, 60_000);
  const answer = await p.browser.request(`/api/turns/${turn}/events`, { headers: { accept: 'text/event-stream' } });
  assert.match(answer.headers['content-type'], /^text\/event-stream/);
  assert.match(answer.headers['content-security-policy'], /default-src 'none'/);
  for (const line of answer.text.split('\n')) assert.ok(/^(id: \d+|event: (turn|text|action|approval|done|error)|data: \{.*\}|: .*|)$/.test(line), `a line of its own making: ${line.slice(0, 80)}`);
});

test('no program crashed under it', () => {
  assert.doesNotMatch(stack.log(), /signal|core dumped|child exited/i);
});
