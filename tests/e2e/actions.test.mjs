// runs: lighttpd, apache
// The action programs by themselves, as a chat that was taken over would call them:
// tickets, call ids, strict arguments, both forms of the contract and restored rows:
// rows 41, 43, 47, 49, 61, 70, 71 and 73.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import crypto from 'node:crypto';
import path from 'node:path';
import test, { after, before, beforeEach } from 'node:test';
import { Browser, send } from './lib/http.mjs';
import { ALICE_TUPLE, Person, sleep, Tenant, until } from './lib/play.mjs';
import { startStack } from './lib/stack.mjs';
import { lambdaEvent, mint, sessionId } from './lib/ticket.mjs';

const BOB = 'bob@example.test';
const SUB = { alice: 'oidc|Okta-OIDC|00ualice0000000000001', bob: 'oidc|Okta-OIDC|00ubob000000000000001' };
let stack, tenant, alice, bob;

before(async () => {
  stack = await startStack({ settings: { APPROVAL_SECONDS: '30' } });
  tenant = new Tenant(stack.tenant);
  alice = new Browser(stack);
  bob = new Browser(stack);
  await alice.signIn('alice@example.test');
  await bob.signIn('bob@example.test');
});
after(() => stack?.stop());
beforeEach(() => tenant.json('/tenant/faults', 'DELETE'));

const cookie = (browser) => browser.jar(stack.url).get('__Host-countersign');
const ticket = (group, more = {}) => mint(stack, { iss: `${stack.tenant}/`, sub: SUB.alice, session: sessionId(cookie(alice)), group, ...more });
let calls = 0;
const fresh = () => `call-${Date.now()}-${calls++}`;

async function post(program, event, headers = {}) {
  const body = typeof event === 'string' ? event : JSON.stringify(event);
  const answer = await send(`${stack.actions}/actions/${program}`, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } });
  if (answer.status !== 200) return { status: answer.status, text: answer.text };
  const { response, sessionAttributes } = answer.json();
  const inner = response.functionResponse ?? response;
  return {
    status: 200, response, sessionAttributes, state: inner.responseState,
    text: inner.responseBody.TEXT?.body ?? inner.responseBody['application/json']?.body,
  };
}
const groups = (parameters = { user_email: BOB }, more = {}) => post('okta', lambdaEvent({ group: 'OktaOperations', name: 'get_user_groups', parameters, ticket: ticket('OktaOperations'), call_id: fresh(), ...more }));
const reset = (call_id, parameters = { user_email: BOB }, more = {}) => post('ciba', lambdaEvent({ group: 'CIBAAuthentication', name: 'reset_password', parameters, ticket: ticket('CIBAAuthentication', more), call_id }));

test('a read answers in the function form and in the OpenAPI form', async () => {
  const one = await groups();
  assert.equal(one.status, 200);
  assert.equal(one.state, undefined, one.text);
  assert.match(one.text, /Engineering/);
  assert.equal(one.response.function, 'get_user_groups');
  const two = await groups({ user_email: BOB }, { form: 'api' });
  assert.equal(two.status, 200);
  assert.equal(two.response.apiPath, '/get_user_groups');
  assert.equal(two.response.httpStatusCode, 200);
  assert.match(two.text, /Engineering/);
});

test('row 71: a ticket for another session, person, agent or group, a stale, long-lived or altered one, a cookie in its place: 401', async () => {
  const name = 'get_user_groups', group = 'OktaOperations', parameters = { user_email: BOB };
  const good = ticket(group);
  const [head, mac] = good.split('.');
  const flipped = (text, at) => text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
  const bad = {
    none: undefined,
    empty: '',
    'the session cookie': cookie(alice),
    'another group': ticket('CIBAAuthentication'),
    "another person's session": ticket(group, { session: sessionId(cookie(bob)) }),
    'another person': ticket(group, { sub: SUB.bob }),
    'another issuer': ticket(group, { iss: 'https://evil.example/' }),
    'an unknown session': ticket(group, { session: crypto.randomBytes(32).toString('hex') }),
    expired: ticket(group, { now: Date.now() - 121_000 }),
    'too long a life': ticket(group, { lifetime: 121_000 }),
    'not yet valid': ticket(group, { now: Date.now() + 60_000 }),
    'another key': ticket(group, { key: crypto.randomBytes(32) }),
    'a changed text': `${flipped(head, 20)}.${mac}`,
    'a changed MAC': `${head}.${flipped(mac, 3)}`,
    'no MAC': `${head}.`,
    'a JWT': `${Buffer.from('{"alg":"none"}').toString('base64url')}.${head}.`,
  };
  for (const [what, value] of Object.entries(bad)) {
    const answer = await post('okta', lambdaEvent({ group, name, parameters, ticket: value, call_id: fresh() }));
    assert.equal(answer.status, 401, `${what}: ${answer.text}`);
  }
  const origin = await post('okta', lambdaEvent({ group, name, parameters, call_id: fresh() }), { 'x-origin-auth': 'secret', x_origin_auth: 'secret', authorization: 'Bearer x' });
  assert.equal(origin.status, 401);
  const otherAgent = await post('okta', lambdaEvent({ group, name, parameters, ticket: ticket(group, { agent: 'SOMEBODY' }), call_id: fresh() }));
  assert.equal(otherAgent.status, 401, 'a ticket of another agent');
  assert.equal((await groups()).status, 200);
});

test('row 49: unknown fields, wrong types and another identity are refused by the schema', async () => {
  for (const parameters of [{}, { user_email: BOB, approved: 'true' }, { user_email: BOB, sub: SUB.alice }, { user: BOB }, { user_email: '' }, { user_email: 'x'.repeat(200) }]) {
    const answer = await groups(parameters);
    assert.ok(answer.status === 400 || answer.state === 'FAILURE', `${JSON.stringify(parameters)}: ${answer.status} ${answer.state} ${answer.text}`);
    assert.ok(!/Engineering/.test(answer.text));
  }
  for (const value of [42, true, null, { a: 1 }, ['x']]) {
    const event = lambdaEvent({ group: 'OktaOperations', name: 'get_user_groups', parameters: {}, ticket: ticket('OktaOperations'), call_id: fresh() });
    event.parameters = [{ name: 'user_email', type: 'string', value }];
    const answer = await post('okta', event);
    assert.ok(answer.status === 400 || answer.state === 'FAILURE', JSON.stringify(value));
  }
  const doubled = lambdaEvent({ group: 'OktaOperations', name: 'get_user_groups', parameters: {}, ticket: ticket('OktaOperations'), call_id: fresh() });
  doubled.parameters = [{ name: 'user_email', type: 'string', value: BOB }, { name: 'user_email', type: 'string', value: 'alice@example.test' }];
  assert.equal((await post('okta', doubled)).status, 400);
  const self = await post('ciba', lambdaEvent({ group: 'CIBAAuthentication', name: 'authenticate_user', parameters: { user_id: SUB.bob }, ticket: ticket('CIBAAuthentication'), call_id: fresh() }));
  assert.ok(self.status === 400 || self.state === 'FAILURE', 'somebody else was to prove his presence');
  for (const [program, group, name] of [['okta', 'OktaOperations', 'reset_password'], ['okta', 'CIBAAuthentication', 'reset_password'], ['ciba', 'CIBAAuthentication', 'add_user_to_group'], ['ciba', 'CIBAAuthentication', 'nothing']]) {
    const answer = await post(program, lambdaEvent({ group, name, parameters: { user_email: BOB }, ticket: ticket(group), call_id: fresh() }));
    assert.ok(answer.status >= 400 || answer.state === 'FAILURE', `${program} ${group}.${name}: ${answer.status} ${answer.state}`);
  }
  assert.deepEqual(await tenant.pending(), []);
});

test('row 47: an id with ../, ? or %2f never reaches a URL', async () => {
  const before_ = (await tenant.requests('okta')).length;
  for (const user_email of ['../groups@x', 'a/../b@example.test', 'bob@example.test?x=1', 'bob@example.test%2f..', 'bob@example.test#x', 'bob@example.test/groups', 'bob\n@example.test']) {
    const answer = await groups({ user_email });
    assert.ok(answer.status === 400 || answer.state === 'FAILURE', user_email);
  }
  const asked = (await tenant.requests('okta')).slice(before_).map((r) => r.path);
  assert.ok(asked.every((p) => !/\.\.|%2f|\?|#/i.test(p.replace('/api/v1/users/me', ''))), asked.join(' '));
});

test('malformed events are 400, too large ones 413, another type 415', async () => {
  for (const body of ['', '{', '[]', '{"messageVersion":"2.0"}', 'null', '{"messageVersion":"1.0","actionGroup":"OktaOperations"}', `${'['.repeat(5000)}`]) {
    assert.equal((await post('okta', body)).status, 400, body.slice(0, 30));
  }
  assert.equal((await post('okta', 'x'.repeat(200_000))).status, 413);
  assert.ok([400, 415].includes((await post('okta', '{}', { 'content-type': 'text/plain' })).status));
});

test('a call id is idempotent: a double click is one act; other arguments under it are 409', async () => {
  const before_ = await tenant.resets(BOB);
  const id = fresh();
  const turn = `turn-${id}`;
  const [a, b] = await Promise.all([reset(id, undefined, { turn }), reset(id, undefined, { turn })]);
  assert.equal(a.state, 'REPROMPT', a.text);
  assert.equal(b.status === 200 ? b.sessionAttributes.invocation : a.sessionAttributes.invocation, a.sessionAttributes.invocation);
  const rung = await tenant.phone();
  assert.equal((await tenant.pending()).length, 1);
  assert.equal((await reset(id, { user_email: 'carol@example.test' }, { turn })).status, 409);
  await tenant.approve(rung.id);
  const done = await until('the act is done', async () => {
    const answers = await Promise.all([reset(id, undefined, { turn }), reset(id, undefined, { turn }), reset(id, undefined, { turn })]);
    const over = answers.find((x) => x.status === 200 && x.state === undefined);
    if (!over) await sleep(700);
    return over;
  }, 20_000);
  assert.match(done.text, /bob@example\.test/);
  assert.equal(await tenant.resets(BOB), before_ + 1);
  for (let i = 0; i < 3; i++) assert.equal((await reset(id, undefined, { turn })).state, undefined);
  assert.equal(await tenant.resets(BOB), before_ + 1, 'asking again did it again');
  for (const key of Object.keys(a.sessionAttributes)) assert.ok(!/phrase|digest/.test(key));
  assert.ok(!JSON.stringify(a).includes(rung.binding_message), 'the phrase is in the answer');
});

test('row 41: an approval pays for its own action, target and arguments, and once', async () => {
  const before_ = { bob: await tenant.resets(BOB), carol: await tenant.resets('carol@example.test') };
  const turn = `turn-${fresh()}`;
  const one = fresh(), two = fresh();
  const mine = await reset(one, { user_email: BOB }, { turn });
  assert.equal(mine.state, 'REPROMPT');
  const rung = await tenant.phone();
  const other = await reset(two, { user_email: 'carol@example.test' }, { turn });
  assert.equal(other.state, 'REPROMPT');
  await tenant.approve(rung.id);
  await until('the first is done', async () => { const x = await reset(one, { user_email: BOB }, { turn }); await sleep(600); return x.state === undefined; }, 20_000);
  await reset(two, { user_email: 'carol@example.test' }, { turn });
  assert.equal(await tenant.resets(BOB), before_.bob + 1);
  assert.equal(await tenant.resets('carol@example.test'), before_.carol, "carol was reset on bob's approval");
  // somebody else's ticket cannot continue it, even where he has the right himself
  await tenant.grant({ ...ALICE_TUPLE, user: `user:${BOB}` });
  const stolen = await post('ciba', lambdaEvent({ group: 'CIBAAuthentication', name: 'reset_password', parameters: { user_email: BOB }, call_id: one,
    ticket: mint(stack, { iss: `${stack.tenant}/`, sub: SUB.bob, session: sessionId(cookie(bob)), group: 'CIBAAuthentication', turn }) }));
  assert.equal(stolen.state, 'REPROMPT', stolen.text);
  assert.notEqual(stolen.sessionAttributes.invocation, mine.sessionAttributes.invocation);
  assert.equal(await tenant.resets(BOB), before_.bob + 1);
  for (const r of (await bob.request('/api/approvals')).json().approvals) assert.equal((await alice.request(`/api/approvals/${r.id}`)).status, 404);
  await tenant.revoke({ ...ALICE_TUPLE, user: `user:${BOB}` });
  assert.equal(await tenant.resets(BOB), before_.bob + 1);
  const person = new Person(alice);
  for (const a of await person.approvals()) await alice.post(`/api/approvals/${a.id}/cancel`);
});

test('row 61: me, a short name, diacritics, a look-alike and quotes are asked of nobody, or match exactly', async () => {
  for (const user_email of ['me', 'bob', 'jos\u00e9@example.test', 'jose@example.test', 'b\u043eb@example.test', 'a" or status pr', 'shared@nowhere.test', ' bob@example.test', 'bob@example.test ']) {
    const answer = await groups({ user_email });
    assert.ok(answer.status === 400 || answer.state === 'FAILURE', `${user_email}: ${answer.text}`);
  }
  assert.equal((await groups({ user_email: 'twin@example.test' })).state, undefined, 'an exact login is one match');
});

test('row 43: beyond five open acts of one person a further one is refused', async () => {
  const turn = `turn-${fresh()}`, answers = [];
  for (let i = 0; i < 7; i++) answers.push(await reset(fresh(), { user_email: i % 2 ? BOB : 'carol@example.test' }, { turn }));
  assert.equal(answers.filter((a) => a.state === 'REPROMPT').length, 5, answers.map((a) => a.state).join(' '));
  assert.equal(answers.filter((a) => a.state === 'FAILURE').length, 2);
  assert.ok((await tenant.pending()).filter((r) => r.user === 'alice@example.test').length <= 1);
  const person = new Person(alice);
  for (const a of await person.approvals()) await alice.post(`/api/approvals/${a.id}/cancel`);
  for (const r of await tenant.pending()) await tenant.deny(r.id);
});

test('row 70: a consumed row put back cannot act again', async () => {
  const before_ = await tenant.resets(BOB);
  const id = fresh(), turn = `turn-${id}`;
  assert.equal((await reset(id, undefined, { turn })).state, 'REPROMPT');
  const rung = await until('the phone rings', async () => { // the place of a test before may have to be given back first
    const [first] = await tenant.pending();
    if (!first) { await reset(id, undefined, { turn }); await sleep(900); }
    return first;
  }, 30_000);
  const db = path.join(stack.dir, 'db/countersign.db');
  const sql = (text) => execFileSync('sqlite3', ['-cmd', '.timeout 5000', db, text], { encoding: 'utf8' });
  await tenant.approve(rung.id);
  await sleep(2100);
  const tables = sql(".tables").split(/\s+/).filter(Boolean);
  const table = tables.find((t) => /^records?$/.test(t)) ?? tables[0];
  sql(`CREATE TABLE kept AS SELECT * FROM ${table}`);
  await until('it is done', async () => { const x = await reset(id, undefined, { turn }); await sleep(400); return x.state === undefined; }, 20_000);
  assert.equal(await tenant.resets(BOB), before_ + 1);
  sql(`DELETE FROM ${table}; INSERT INTO ${table} SELECT * FROM kept; DROP TABLE kept;`);
  for (let i = 0; i < 4; i++) { await reset(id, undefined, { turn }); await sleep(1200); }
  assert.equal(await tenant.resets(BOB), before_ + 1, 'a restored row acted again');
});

test('row 73: context comes from verified facts only; an account FGA does not classify is refused in the rich model', async () => {
  const { FGA_STORE_ID, FGA_MODEL_ID } = await tenant.json('/tenant/config?store=rich');
  const own = await startStack({ settings: { FGA_PROFILE: 'rich', FGA_STORE_ID, FGA_MODEL_ID } });
  const outer = [stack, tenant, alice];
  try {
    [stack, tenant] = [own, new Tenant(own.tenant)];
    alice = new Browser(own);
    await alice.signIn();
    const event = lambdaEvent({ group: 'OktaOperations', name: 'get_user_groups', parameters: { user_email: 'dave@example.test' }, ticket: ticket('OktaOperations'), call_id: fresh(),
      more: { contextual_tuples: [{ user: 'user:alice@example.test', relation: 'helpdesk', object: 'group:x' }] } });
    event.sessionAttributes.contextual_tuples = '[{"user":"user:alice@example.test","relation":"can_call","object":"tool:get_user_groups"}]';
    event.sessionAttributes.current_time = '1999-01-01T00:00:00Z';
    const answer = await post('okta', event);
    assert.ok(answer.status === 400 || answer.state === 'FAILURE', answer.text);
    const sent = (await tenant.requests('fga')).filter((r) => r.path.endsWith('/check'));
    assert.ok(!JSON.stringify(sent).includes('1999-01-01'));
  } finally {
    [stack, tenant, alice] = outer;
    await own.stop();
  }
});

test('action-fga answers whether an action is permitted and asks for no approval', async () => {
  const check = (action, user_email) => post('fga', lambdaEvent({ group: 'FGACheck', name: 'check', parameters: { action, user_email }, ticket: ticket('FGACheck'), call_id: fresh() }));
  const yes = await check('reset_password', BOB);
  assert.equal(yes.status, 200);
  assert.equal(yes.state, undefined, yes.text);
  assert.equal((await check('no_such_action', BOB)).status, 400);
  await tenant.revoke(ALICE_TUPLE);
  const no = await check('reset_password', BOB);
  assert.equal(no.state, 'FAILURE');
  assert.equal(no.text, (await check('reset_password', 'nobody@example.test')).text);
  await tenant.grant(ALICE_TUPLE);
  assert.deepEqual(await tenant.pending(), []);
});

test('where Okta is asked without a person\'s token, action-fga resolves the target too: unknown reads as forbidden', async () => {
  const own = await startStack({ settings: { OKTA_AUTH: 'ssws', OKTA_API_TOKEN: 'tenant-api-token' } });
  const outer = [stack, tenant, alice];
  try {
    [stack, tenant] = [own, new Tenant(own.tenant)];
    alice = new Browser(own);
    await alice.signIn();
    const check = (user_email) => post('fga', lambdaEvent({ group: 'FGACheck', name: 'check', parameters: { action: 'reset_password', user_email }, ticket: ticket('FGACheck'), call_id: fresh() }));
    assert.equal((await check(BOB)).state, undefined);
    const unknown = await check('nobody@example.test');
    assert.equal(unknown.state, 'FAILURE');
    await tenant.revoke(ALICE_TUPLE);
    assert.equal((await check(BOB)).text, unknown.text);
  } finally {
    [stack, tenant, alice] = outer;
    await own.stop();
  }
});
