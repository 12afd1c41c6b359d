// FGA: the evaluator's semantics as a table, and the stand-in driven by the official client.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { Model, check, listObjects, parseDuration } from '../../tenant/fga-eval.mjs';
import { START, STORES } from '../../tenant/fga.mjs';
import { require, startTenant } from './support.mjs';

const { transformer } = require('@openfga/syntax-transformer');
const { OpenFgaClient, CredentialsMethod } = require('@openfga/sdk');

const model = (dsl) => new Model('m', transformer.transformDSLToJSONObject(`model\n  schema 1.1\n${dsl}`));
const tuple = (text) => { const [user, relation, object] = text.split(' '); return { user, relation, object }; };
const ask = (m, tuples, question, more = {}) => check(m, tuples.map((x) => (typeof x === 'string' ? tuple(x) : x)), { tuple_key: tuple(question), ...more });

const DOC = model(`type user
type group
  relations
    define member: [user, group#member]
    define banned: [user, group#banned]
    define active: member but not banned
    define loop_a: [user] or loop_b
    define loop_b: [user] or loop_a
    define odd: member but not loop_a
    define both: member and loop_a
type folder
  relations
    define owner: [user]
    define viewer: [user, user:*, group#member] or owner
type doc
  relations
    define parent: [folder]
    define editor: [user, group#member]
    define approver: [user]
    define viewer: editor or viewer from parent
    define can_publish: editor and approver
    define blocked: [user]
    define can_share: viewer but not blocked
    define self: [doc#self]
    define negated: editor but not self
`);

const TABLE = [
  ['a direct tuple', ['user:a editor doc:1'], 'user:a editor doc:1', true],
  ['no tuple', [], 'user:a editor doc:1', false],
  ['another object', ['user:a editor doc:2'], 'user:a editor doc:1', false],
  ['a userset', ['group:g#member editor doc:1', 'user:a member group:g'], 'user:a editor doc:1', true],
  ['a userset of a userset', ['group:g#member editor doc:1', 'group:h#member member group:g', 'user:a member group:h'], 'user:a editor doc:1', true],
  ['not in the userset', ['group:g#member editor doc:1', 'user:b member group:g'], 'user:a editor doc:1', false],
  ['a userset as the user', ['group:g#member editor doc:1'], 'group:g#member editor doc:1', true],
  ['a union', ['user:a editor doc:1'], 'user:a viewer doc:1', true],
  ['from a parent', ['folder:f parent doc:1', 'user:a owner folder:f'], 'user:a viewer doc:1', true],
  ['from another parent', ['folder:g parent doc:1', 'user:a owner folder:f'], 'user:a viewer doc:1', false],
  ['a wildcard', ['folder:f parent doc:1', 'user:* viewer folder:f'], 'user:zoe viewer doc:1', true],
  ['a wildcard is not a userset', ['user:* viewer folder:f'], 'group:g#member viewer folder:f', false],
  ['an intersection needs both', ['user:a editor doc:1'], 'user:a can_publish doc:1', false],
  ['an intersection with both', ['user:a editor doc:1', 'user:a approver doc:1'], 'user:a can_publish doc:1', true],
  ['an exclusion takes away', ['user:a editor doc:1', 'user:a blocked doc:1'], 'user:a can_share doc:1', false],
  ['an exclusion leaves the rest', ['user:a editor doc:1'], 'user:a can_share doc:1', true],
  ['a cycle of tuples is false', ['group:g#member member group:h', 'group:h#member member group:g'], 'user:a member group:g', false],
  ['a cycle beside a true branch', ['group:g#member member group:h', 'group:h#member member group:g', 'user:a member group:h'], 'user:a member group:g', true],
  ['a cycle of relations is false', [], 'user:a loop_a group:g', false],
  ['a cycle under "and" is false', ['user:a member group:g'], 'user:a both group:g', false],
  ['a cycle under "but not" is false', ['user:a member group:g'], 'user:a odd group:g', false],
  ['a cycle of usersets under "but not" is false', ['user:a editor doc:1', 'doc:1#self self doc:1'], 'user:a negated doc:1', false],
  ['a tuple invalid under the model is ignored', ['folder:f editor doc:1', 'user:* editor doc:1', 'user:a nonsense doc:1'], 'user:a editor doc:1', false],
];

describe('evaluator', () => {
  for (const [name, tuples, question, want] of TABLE) test(`${name}: ${want}`, () => assert.equal(ask(DOC, tuples, question), want));

  test('depth beyond 25 is an error, 20 is not', () => {
    const chain = (n) => ['user:a member group:g0', ...Array.from({ length: n }, (_, i) => `group:g${i}#member member group:g${i + 1}`)];
    assert.equal(ask(DOC, chain(20), 'user:a member group:g20'), true);
    assert.throws(() => ask(DOC, chain(40), 'user:a member group:g40'), (e) => e.code === 'authorization_model_resolution_too_complex');
  });

  test('malformed questions are errors', () => {
    for (const q of ['user:a nonsense doc:1', 'user:a viewer nonsense:1', 'a viewer doc:1', 'user:a viewer doc', 'user:a viewer doc:1:2', 'robot:a viewer doc:1', 'user:a#b viewer doc:1', 'user:a viewer doc:*']) assert.throws(() => ask(DOC, [], q), (e) => e.status === 400, q);
  });

  test('contextual tuples count, invalid ones are an error', () => {
    assert.equal(ask(DOC, [], 'user:a editor doc:1', { contextual_tuples: { tuple_keys: [tuple('user:a editor doc:1')] } }), true);
    assert.throws(() => ask(DOC, [], 'user:a editor doc:1', { contextual_tuples: { tuple_keys: [tuple('doc:2 editor doc:1')] } }), (e) => e.status === 400);
  });

  test('durations', () => {
    assert.deepEqual(['24h', '1h30m', '1.5s', '10ms', '-2m'].map(parseDuration), [864e5, 54e5, 1500, 10, -12e4]);
    assert.throws(() => parseDuration('1 hour'));
  });

  test('list-objects', () => {
    const tuples = ['folder:f parent doc:1', 'folder:f parent doc:2', 'user:a owner folder:f', 'user:a editor doc:3', 'user:b editor doc:4'].map(tuple);
    assert.deepEqual(listObjects(DOC, tuples, { user: 'user:a', relation: 'viewer', type: 'doc' }).sort(), ['doc:1', 'doc:2', 'doc:3']);
  });
});

describe('condition', () => {
  const C = model(`type user
type tool
  relations
    define can_call: [user, user with non_expired_grant]
condition non_expired_grant(grant_time: timestamp, grant_duration: duration, current_time: timestamp) {
  current_time < grant_time + grant_duration
}`);
  const grant = (context) => [{ ...tuple('user:a can_call tool:t'), condition: { name: 'non_expired_grant', context } }];
  const at = (current_time) => ({ context: { current_time } });
  const hour = { grant_time: '2026-11-21T08:00:00Z', grant_duration: '1h' };
  const can = (context, more) => ask(C, grant(context), 'user:a can_call tool:t', more);
  test('inside, at the edge, outside', () => {
    assert.equal(can(hour, at('2026-11-21T08:59:59Z')), true);
    assert.equal(can(hour, at('2026-11-21T09:00:00Z')), false);
    assert.equal(can(hour, at('2026-11-21T10:30:00+01:00')), false);
  });
  test('a missing or malformed value is an error', () => {
    assert.throws(() => can(hour), (e) => e.code === 'validation_error' && /current_time/.test(e.message));
    assert.throws(() => can(hour, at('yesterday')), (e) => e.status === 400);
  });
  test('what is stored overrides the request, a stored current_time too', () => {
    assert.equal(can({ ...hour, current_time: '2026-11-21T08:00:00Z' }, at('2030-01-01T00:00:00Z')), true);
    assert.equal(can(hour, { context: { current_time: '2026-11-21T12:00:00Z', grant_duration: '1000h' } }), false);
  });
  test('an unconditioned tuple beside it still grants', () => assert.equal(ask(C, [...grant({}), 'user:a can_call tool:t'], 'user:a can_call tool:t'), true));
  test('a condition the model does not know makes the tuple invalid', () => assert.equal(ask(C, [{ ...tuple('user:a can_call tool:t'), condition: { name: 'other' } }], 'user:a can_call tool:t'), false));
});

describe('over HTTP with the official client', () => {
  let t;
  const client = (store, more = {}) => new OpenFgaClient({
    apiUrl: t.origin, storeId: STORES[store].id, authorizationModelId: STORES[store].model, retryParams: { maxRetry: 0 },
    credentials: { method: CredentialsMethod.ClientCredentials, config: { apiTokenIssuer: `${t.origin}/fga/oauth/token`, apiAudience: 'https://api.us1.fga.dev/', clientId: 'fga-client', clientSecret: 'fga-secret', ...more } },
  });
  before(async () => { t = await startTenant(3); });
  after(async () => { await t.stop(); });
  beforeEach(async () => { await t.post('/tenant/reset'); });

  test('the workshop: alice may, bob not; tuple deleted on the panel, denied', async () => {
    const f = client('workshop');
    const may = async (who) => (await f.check({ user: `user:${who}@example.test`, relation: 'read_okta', object: 'okta:groups' }, { consistency: 'HIGHER_CONSISTENCY' })).allowed;
    assert.deepEqual([await may('alice'), await may('bob')], [true, false]);
    await t.call('DELETE', '/fga/tuples', { user: 'user:alice@example.test', relation: 'read_okta', object: 'okta:groups' });
    assert.equal(await may('alice'), false);
    await t.post('/fga/tuples', { user: 'user:alice@example.test', relation: 'read_okta', object: 'okta:groups' });
    assert.equal(await may('alice'), true);
    const log = (await t.get('/tenant/requests?party=fga')).json;
    assert.equal(log.find((e) => e.path.endsWith('/check')).body.consistency, 'HIGHER_CONSISTENCY');
    assert.ok(!JSON.stringify(log).includes('fga-secret'));
  });

  test('write, read with pages, duplicate, ignore, list-objects, batch-check, model', async () => {
    const f = client('workshop');
    const one = { user: 'user:bob@example.test', relation: 'read_okta', object: 'okta:groups' };
    await f.write({ writes: [one] });
    await assert.rejects(f.write({ writes: [one] }), (e) => e.statusCode === 400);
    await f.write({ writes: [one] }, { conflict: { onDuplicateWrites: 'ignore' } });
    const first = await f.read({}, { pageSize: 1 });
    assert.equal(first.tuples.length, 1);
    assert.equal((await f.read({}, { pageSize: 1, continuationToken: first.continuation_token })).tuples[0].key.user, 'user:bob@example.test');
    assert.deepEqual((await f.listObjects({ user: 'user:bob@example.test', relation: 'read_okta', type: 'okta' })).objects, ['okta:groups']);
    const { result } = await f.batchCheck({ checks: [{ ...one, correlationId: 'x1' }, { ...one, relation: 'nonsense', correlationId: 'x2' }] });
    assert.equal(result.find((r) => r.correlationId === 'x1').allowed, true);
    const failed = result.find((r) => r.correlationId === 'x2');
    assert.equal(failed.allowed, false);
    assert.ok(failed.error);
    await f.deleteTuples([one]);
    await assert.rejects(f.deleteTuples([one]), (e) => e.statusCode === 400);
    await assert.rejects(f.write({ writes: [{ ...one, user: 'okta:groups' }] }), (e) => e.statusCode === 400);
    assert.equal((await f.readAuthorizationModel()).authorization_model.id, STORES.workshop.model);
  });

  test('refusals: wrong secret, wrong audience, wrong model, wrong store, no token', async () => {
    const key = { user: 'user:a', relation: 'read_okta', object: 'okta:groups' };
    await assert.rejects(client('workshop', { clientSecret: 'x' }).check(key));
    await assert.rejects(client('workshop', { apiAudience: 'https://api.us1.fga.dev' }).check(key));
    await assert.rejects(client('workshop').check(key, { authorizationModelId: STORES.rich.model }), (e) => e.statusCode === 400);
    const none = await t.post(`/stores/${STORES.workshop.id}/check`, { tuple_key: key });
    assert.deepEqual([none.status, none.json.code], [401, 'bearer_token_missing']);
    const { access_token: token } = (await t.form('/fga/oauth/token', { grant_type: 'client_credentials', client_id: 'fga-client', client_secret: 'fga-secret', audience: 'https://api.us1.fga.dev/' })).json;
    assert.equal((await t.post('/stores/01JCSTENANT000000000000000/check', { tuple_key: key }, { authorization: `Bearer ${token}` })).json.code, 'store_id_not_found');
    await t.post('/tenant/fga/tokens/revoke');
    assert.equal((await t.post(`/stores/${STORES.workshop.id}/check`, { tuple_key: key }, { authorization: `Bearer ${token}` })).status, 401);
  });

  test('the rich model: helpdesk, agent in context and a positive mark, all three', async () => {
    const f = client('rich');
    const may = async (relation, object, { agent = 'WORKSHOP01', user = 'alice' } = {}) => (await f.check({
      user: `user:${user}@example.test`, relation, object, contextualTuples: agent ? [{ user: `agent:${agent}`, relation: 'agent_in_context', object }] : [], context: { current_time: new Date().toISOString() },
    })).allowed;
    const bob = 'account:00ubob000000000000001';
    for (const action of ['reset_password', 'unlock_user', 'revoke_sessions', 'add_user_to_group', 'remove_user_from_group', 'find_user', 'get_user_groups', 'authenticate_user']) {
      assert.equal(await may(`can_${action}`, bob), true, action);
      assert.equal(await may('can_call', `tool:${action}`, { agent: null }), true, action);
    }
    assert.equal(await may('can_reset_password', bob, { agent: null }), false, 'no agent in context');
    assert.equal(await may('can_reset_password', bob, { agent: 'HOSTILE001' }), false, 'an agent alice does not operate');
    assert.equal(await may('can_reset_password', bob, { user: 'bob' }), false);
    assert.equal(await may('can_reset_password', 'account:00ualice0000000000001'), false, 'no mark');
    assert.equal(await may('can_reset_password', 'account:00unobody000000000001'), false, 'row 73: not classified');
    assert.equal(await may('can_add_user_to_group', 'group:00gengineering0000001'), true);
    assert.equal(await may('can_add_user_to_group', 'group:00gadmins000000000001'), false, 'row 72: carries an administrator role');
    assert.equal(await may('can_call', 'tool:reset_password', { agent: null, user: 'carol' }), false, 'the grant ran out');
  });

  test('every tuple a store starts with is valid under its model', () => {
    for (const name of Object.keys(STORES)) {
      const m = new Model('m', transformer.transformDSLToJSONObject(require('node:fs').readFileSync(new URL(`../../tenant/models/${name}.fga`, import.meta.url), 'utf8')));
      for (const x of START[name]()) assert.equal(m.tupleFault(x), null, JSON.stringify(x));
    }
  });
});
