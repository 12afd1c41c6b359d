// CIBA in poll mode and Token Vault, as Auth0 answers them.
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { ALICE, CIBA_CLIENT, WEB, claimsOf, signIn, sleep, startTenant } from './support.mjs';

let t;
before(async () => { t = await startTenant(1); });
after(async () => { await t.stop(); });
beforeEach(async () => { await t.post('/tenant/reset'); });

const hint = (sub = ALICE, iss = `${t.origin}/`) => JSON.stringify({ format: 'iss_sub', iss, sub });
const ask = (more = {}, client = CIBA_CLIENT) => t.form('/bc-authorize', { scope: 'openid', login_hint: hint(), binding_message: 'K7QX.RESET-PW.bob_at_example.test', requested_expiry: '300', ...client, ...more });
const poll = (id, client = CIBA_CLIENT) => t.form('/oauth/token', { grant_type: 'urn:openid:params:grant-type:ciba', auth_req_id: id, ...client });
const pending = async () => (await t.get('/phone/requests')).json;

test('approved: pending, then tokens of the person who was asked, once', async () => {
  const asked = (await ask()).json;
  assert.deepEqual([asked.interval, asked.expires_in], [1, 300]);
  const [r] = await pending();
  assert.deepEqual([r.user, r.binding_message, r.status], ['alice@example.test', 'K7QX.RESET-PW.bob_at_example.test', 'pending']);
  assert.equal((await poll(asked.auth_req_id)).json.error, 'authorization_pending');
  await sleep(1000);
  assert.equal((await t.post(`/phone/requests/${r.id}/approve`)).json.status, 'approved');
  assert.equal((await t.post(`/phone/requests/${r.id}/approve`)).status, 409);
  const done = await poll(asked.auth_req_id);
  assert.equal(done.status, 200);
  const claims = claimsOf(done.json.id_token);
  assert.deepEqual([claims.sub, claims.aud], [ALICE, 'countersign-ciba']);
  assert.deepEqual(await pending(), []);
  await sleep(1000);
  assert.equal((await poll(asked.auth_req_id)).json.error, 'invalid_grant');
  assert.equal((await t.get(`/phone/requests/${r.id}/polls`)).json.length, 3);
});

test('denied: access_denied; the web client may use CIBA too', async () => {
  const { auth_req_id: id } = (await ask({}, WEB)).json;
  await t.post(`/phone/requests/${(await pending())[0].id}/deny`);
  const answer = await poll(id, WEB);
  assert.deepEqual([answer.status, answer.json.error], [400, 'access_denied']);
});

test('polling too fast: slow_down with Retry-After, and the interval grows by five for good', async () => {
  const { auth_req_id: id } = (await ask()).json;
  await poll(id);
  const fast = await poll(id);
  assert.deepEqual([fast.status, fast.json.error, fast.headers.get('retry-after')], [400, 'slow_down', '6']);
  await sleep(1100);
  assert.equal((await poll(id)).json.error, 'slow_down');
  const [r] = await pending();
  assert.deepEqual([r.interval, r.early, r.polls], [11, 2, 3]);
  await t.post('/tenant/settings', { ciba_slow_down: 1 });
  const { auth_req_id: second } = (await ask()).json;
  assert.equal((await poll(second)).json.error, 'slow_down');
});

test('expiry: asked for, capped, and told as Auth0 does or as the specification does', async () => {
  const { auth_req_id: id, expires_in: life } = (await ask({ requested_expiry: '1' })).json;
  assert.equal(life, 1);
  await sleep(1100);
  assert.deepEqual(await pending(), []);
  assert.equal((await poll(id)).json.error, 'access_denied');
  await t.post('/tenant/settings', { ciba_expired_error: 'expired_token' });
  await sleep(1000);
  assert.equal((await poll(id)).json.error, 'expired_token');
  const all = (await t.get('/phone/requests?all=1')).json;
  assert.equal(all[0].status, 'expired');
  assert.equal((await t.post(`/phone/requests/${all[0].id}/approve`)).status, 409);
  await t.post('/tenant/settings', { ciba_expires_in: 20, ciba_interval: 3 });
  const capped = (await ask()).json;
  assert.deepEqual([capped.expires_in, capped.interval], [20, 3]);
});

test('refusals: hint, binding message, scope, secret, unknown user, too many', async () => {
  const error = async (more, client) => { const a = await ask(more, client); return [a.status, a.json.error]; };
  assert.deepEqual(await error({ login_hint: 'alice@example.test' }), [400, 'invalid_request']);
  assert.deepEqual(await error({ login_hint: hint(ALICE, t.origin) }), [400, 'invalid_request'], 'the slash is kept');
  assert.deepEqual(await error({ login_hint: hint('auth0|nobody') }), [400, 'unknown_user_id']);
  assert.deepEqual(await error({ binding_message: 'two words' }), [400, 'invalid_binding_message']);
  assert.deepEqual(await error({ binding_message: 'x'.repeat(65) }), [400, 'invalid_binding_message']);
  assert.equal((await error({ scope: 'profile' }))[0], 400);
  assert.deepEqual(await error({}, { ...CIBA_CLIENT, client_secret: 'wrong' }), [401, 'invalid_client']);
  assert.deepEqual(await pending(), []);
  await t.post('/tenant/settings', { ciba_per_minute: 1 });
  await ask();
  assert.equal((await ask()).status, 429);
});

test('authorization_details come back as sent, or changed when a test says so', async () => {
  const details = [{ type: 'urn:auth0:schemas:authorization-details:v1:okta-password-reset', instruction: 'Reset', properties: { target: { display: true, name: 'User:', display_order: 1, value: 'bob@example.test' } } }];
  const run = async () => {
    const { auth_req_id: id } = (await ask({ authorization_details: JSON.stringify(details) })).json;
    const [r] = await pending();
    assert.deepEqual(r.authorization_details, details);
    await t.post(`/phone/requests/${r.id}/approve`);
    return (await poll(id)).json.authorization_details;
  };
  assert.deepEqual(await run(), details);
  await t.post('/tenant/settings', { ciba_details: [{ type: 'x' }] });
  assert.deepEqual(await run(), [{ type: 'x' }]);
});

test('controls: an answer without auth_req_id, another sub in the token', async () => {
  await t.post('/tenant/faults', { party: 'ciba', match: '/bc-authorize', kind: 'override', remove: ['auth_req_id', 'interval'] });
  assert.deepEqual(Object.keys((await ask()).json), ['expires_in']);
  await t.post('/tenant/settings', { ciba_sub: 'auth0|mallory' });
  const { auth_req_id: id } = (await ask()).json;
  for (const r of await pending()) await t.post(`/phone/requests/${r.id}/approve`);
  assert.equal(claimsOf((await poll(id)).json.id_token).sub, 'auth0|mallory');
});

const exchange = (refresh, more = {}) => t.post('/oauth/token', {
  grant_type: 'urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token', ...WEB, subject_token: refresh,
  subject_token_type: 'urn:ietf:params:oauth:token-type:refresh_token', requested_token_type: 'http://auth0.com/oauth/token-type/federated-connection-access-token', connection: 'Okta-OIDC', ...more,
});

test('Token Vault: an Okta token of the person, again and again', async () => {
  const { tokens } = await signIn(t, 'alice@example.test', 'alice-pw');
  for (let i = 0; i < 2; i++) {
    const v = await exchange(tokens.refresh_token);
    assert.equal(v.status, 200);
    assert.match(v.json.scope, /okta\.users\.manage/);
    assert.equal(v.json.issued_token_type, 'http://auth0.com/oauth/token-type/federated-connection-access-token');
    assert.equal((await t.get('/api/v1/users/me', { authorization: `Bearer ${v.json.access_token}` })).json.profile.login, 'alice@example.test');
  }
  const byAccess = await exchange(tokens.access_token, { subject_token_type: 'urn:ietf:params:oauth:token-type:access_token' });
  assert.equal(byAccess.status, 200);
});

test('Token Vault refuses: wrong connection, no connected account, wrong token, wrong client, and what a test sets', async () => {
  const { tokens } = await signIn(t, 'alice@example.test', 'alice-pw');
  const error = async (...args) => { const v = await exchange(...args); return [v.status, v.json.error]; };
  assert.deepEqual(await error(tokens.refresh_token, { connection: 'nope' }), [401, 'federated_connection_refresh_token_not_found']);
  const mallory = await signIn(t, 'mallory@evil.test', 'mallory-pw');
  assert.deepEqual(await error(mallory.tokens.refresh_token), [401, 'federated_connection_refresh_token_not_found']);
  assert.deepEqual(await error('nonsense'), [403, 'invalid_grant']);
  assert.deepEqual(await error(tokens.refresh_token, CIBA_CLIENT), [403, 'unauthorized_client']);
  assert.deepEqual(await error(tokens.refresh_token, { client_secret: 'x' }), [401, 'invalid_client']);
  await t.post('/tenant/settings', { vault_error: { status: 401, error: 'federated_connection_refresh_token_flow_failed' } });
  assert.deepEqual(await error(tokens.refresh_token), [401, 'federated_connection_refresh_token_flow_failed']);
  await t.post('/tenant/settings', { vault_error: null, vault_user: 'bob@example.test', vault_scope: 'okta.users.read' });
  const other = (await exchange(tokens.refresh_token)).json;
  assert.equal(other.scope, 'okta.users.read');
  assert.equal((await t.get('/api/v1/users/me', { authorization: `Bearer ${other.access_token}` })).json.profile.login, 'bob@example.test');
});
