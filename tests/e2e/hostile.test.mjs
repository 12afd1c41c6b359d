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

// One hostile turn to its end: whatever it proposes is cancelled, never approved.
async function hostile(p, seed) {
  const { turn } = await p.ask(`hostile ${seed}`);
  const end = Date.now() + 90_000;
  let cancelled = false;
  while ((await p.turnState(turn)) === 'running') {
    if (Date.now() > end) throw new Error(`hostile ${seed} never ended`);
    if (!cancelled && (await p.approvals()).some((a) => ['waiting', 'waiting_click', 'waiting_place'].includes(a.state))) {
      await p.browser.post(`/api/turns/${turn}/cancel`);
      cancelled = true;
    }
    await sleep(150);
  }
  return p.events(turn);
}

test(`rows 44, 49, 50, 51, 52 and 53: ${TURNS} hostile turns do nothing, and honest turns between them succeed`, { timeout: 340_000 }, async () => {
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
  for (const login of ['alice', 'bob', 'carol', 'dave', 'many', 'locked']) {
    const user = await tenant.user(`${login}@example.test`);
    assert.equal(user.password_resets, 0, `${login} was reset`);
    assert.equal(user.sessions_revoked, 0, `${login}'s sessions were revoked`);
  }
  const writes = (await tenant.requests('okta')).filter((r) => r.method !== 'GET');
  assert.deepEqual(writes.map((w) => `${w.method} ${w.path}`), [], 'something was written');
  for (const r of await tenant.json('/phone/requests?all=1')) assert.ok(PEOPLE.some((n) => r.user === `${n}@example.test`), `${r.user} was asked`);
  assert.equal(honest.answered, honest.asked, 'honest turns failed');
  assert.ok(honest.asked >= TURNS / 24);
  assert.ok(seen.events > TURNS * 2);
});

test('after all that an honest reset still works, once, with its approval', { timeout: 120_000 }, async () => {
  const p = await person('alice');
  await until('the place is free', async () => (await tenant.pending()).every((r) => r.user !== p.login), 60_000);
  await tenant.json('/tenant/settings', 'POST', { ciba_interval: 2 });
  let card;
  const { turn } = await p.ask("Reset password for user 'bob@example.test'");
  card = await p.openApproval(['waiting', 'waiting_click'], 70_000);
  if (card.state === 'waiting_click') await p.browser.post(`/api/approvals/${card.id}/send`);
  const rung = await until('the phone rings', async () => (await tenant.pending()).find((r) => r.user === p.login), 30_000);
  await tenant.approve(rung.id);
  await p.finished(turn, 40_000);
  assert.equal(await tenant.resets('bob@example.test'), 1);
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
