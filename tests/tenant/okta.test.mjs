// Okta's API: look-up, paging, lifecycle, membership, errors; SSWS, vault scopes, service app.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import http from 'node:http';
import { after, before, beforeEach, test } from 'node:test';
import { WEB, signIn, startTenant } from './support.mjs';

let t;
before(async () => { t = await startTenant(2); });
after(async () => { await t.stop(); });
beforeEach(async () => { await t.post('/tenant/reset'); });

const SSWS = { authorization: 'SSWS tenant-api-token' };
const get = (path, headers = SSWS) => t.get(`/api/v1${path}`, headers);
const call = (method, path, headers = SSWS) => t.call(method, `/api/v1${path}`, method === 'POST' ? '' : undefined, headers);
const BOB = '00ubob000000000000001';

test('a user by id, by login, as loosely as the real one', async () => {
  for (const key of [BOB, 'bob@example.test', 'BOB@example.test', 'bob']) {
    const u = (await get(`/users/${encodeURIComponent(key)}`)).json;
    assert.deepEqual([u.id, u.profile.login], [BOB, 'bob@example.test']);
  }
  assert.equal((await get('/users/jose%40example.test')).json.profile.login, 'josé@example.test');
  assert.notEqual((await get(`/users/${encodeURIComponent('b\u043eb@example.test')}`)).json.id, BOB);
  assert.equal((await get('/users/shared%40example.test')).json.errorCode, 'E0000007');
  assert.equal((await get('/users/me')).status, 404, 'an API token has no me here');
});

test('errors have the shape, the headers and the ids', async () => {
  const none = await get('/users/nobody%40example.test');
  assert.equal(none.status, 404);
  assert.deepEqual(Object.keys(none.json).sort(), ['errorCauses', 'errorCode', 'errorId', 'errorLink', 'errorSummary']);
  assert.ok(none.headers.get('x-okta-request-id'));
  assert.ok(Number(none.headers.get('x-rate-limit-reset')) > Date.now() / 1000 - 1);
  assert.equal((await get('/users', {})).json.errorCode, 'E0000011');
  assert.equal((await get('/users', { authorization: 'SSWS wrong' })).status, 401);
  assert.equal((await call('PUT', `/users/${BOB}/groups`)).json.errorCode, 'E0000022');
  assert.equal((await get('/nonsense')).json.errorCode, 'E0000008');
});

test('450 groups come in pages of 200 by two link lines', async () => {
  const seen = new Set();
  let path = '/users/many%40example.test/groups';
  let pages = 0;
  while (path) {
    const links = await new Promise((resolve) => {
      http.get(`${t.origin}/api/v1${path}`, { headers: SSWS }, (res) => {
        let text = '';
        res.on('data', (d) => { text += d; });
        res.on('end', () => { for (const g of JSON.parse(text)) seen.add(g.profile.name); resolve(res.rawHeaders.filter((_, i) => i % 2 && res.rawHeaders[i - 1].toLowerCase() === 'link')); });
      });
    });
    pages++;
    assert.match(links[0], /rel="self"/);
    path = /<[^>]*\/api\/v1([^>]+)>; rel="next"/.exec(links[1] ?? '')?.[1];
  }
  assert.deepEqual([seen.size, pages], [451, 3]);
  assert.equal((await get('/users/many%40example.test/groups?limit=10')).json.length, 10);
});

test('search: exact, two with one e-mail, an injected expression finds everybody, a broken one is refused', async () => {
  const search = async (s, kind = 'users') => get(`/${kind}?search=${encodeURIComponent(s)}`);
  assert.deepEqual((await search('profile.login eq "bob@example.test"')).json.map((u) => u.id), [BOB]);
  assert.equal((await search('profile.email eq "twin@example.test"')).json.length, 2);
  assert.ok((await search('profile.login eq "a" or status pr')).json.length > 5);
  assert.equal((await search('profile.login eq "a')).json.errorCode, 'E0000031');
  assert.deepEqual((await search('profile.name eq "Helpdesk"', 'groups')).json.map((g) => g.profile.name), ['Helpdesk']);
  assert.deepEqual((await get('/groups?q=Help')).json.map((g) => g.profile.name), ['Helpdesk']);
});

test('a reset: sendEmail required, counted, RECOVERY, link only without e-mail', async () => {
  const reset = (q) => call('POST', `/users/${BOB}/lifecycle/reset_password${q}`);
  assert.equal((await reset('')).json.errorCode, 'E0000001');
  assert.deepEqual((await reset('?sendEmail=true&revokeSessions=true')).json, {});
  assert.match((await reset('?sendEmail=false')).json.resetPasswordUrl, /^http/);
  const seen = (await t.get('/okta/users/bob@example.test')).json;
  assert.deepEqual([seen.password_resets, seen.status, seen.sessions_revoked], [2, 'RECOVERY', 1]);
  assert.equal((await get(`/users/${BOB}`)).json.status, 'RECOVERY');
  assert.equal((await call('POST', '/users/00ususpended000000001/lifecycle/reset_password?sendEmail=true')).json.errorCode, 'E0000038');
});

test('a POST without Content-Length is 411', async () => {
  const status = await new Promise((resolve) => {
    const r = http.request(`${t.origin}/api/v1/users/${BOB}/lifecycle/unlock`, { method: 'POST', headers: SSWS }, (res) => { res.resume(); resolve(res.statusCode); });
    r.removeHeader('transfer-encoding'); r.useChunkedEncodingByDefault = false; r.end();
  });
  assert.equal(status, 411);
  assert.equal((await t.get('/okta/users/bob@example.test')).json.unlocks, 0);
});

test('unlock, sessions, membership', async () => {
  assert.equal((await call('POST', `/users/${BOB}/lifecycle/unlock`)).json.errorCode, 'E0000032');
  assert.equal((await call('POST', '/users/00ulocked000000000001/lifecycle/unlock')).status, 200);
  assert.equal((await call('DELETE', `/users/${BOB}/sessions?oauthTokens=true`)).status, 204);
  assert.equal((await call('PUT', `/groups/00ghelpdesk0000000001/users/${BOB}`)).status, 204);
  assert.ok((await t.get('/okta/users/bob@example.test')).json.groups.includes('Helpdesk'));
  assert.equal((await call('DELETE', `/groups/00ghelpdesk0000000001/users/${BOB}`)).status, 204);
  assert.ok(!(await t.get('/okta/users/bob@example.test')).json.groups.includes('Helpdesk'));
  assert.equal((await call('PUT', `/groups/00geveryone0000000001/users/${BOB}`)).status, 501);
  assert.equal((await call('PUT', `/groups/00gdirectory000000001/users/${BOB}`)).status, 501);
  assert.equal((await get('/groups/00gadmins000000000001/roles')).json[0].type, 'ORG_ADMIN');
  assert.deepEqual((await get('/groups/00ghelpdesk0000000001/roles')).json, []);
});

test('a service app: private_key_jwt, scopes as asked, an assertion only once', async () => {
  const { publicKey, privateKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
  await t.call('PUT', '/tenant/service-app-key', { ...publicKey.export({ format: 'jwk' }), kid: 'k1' });
  const assertion = (more = {}, key = privateKey) => {
    const now = Math.floor(Date.now() / 1000);
    const part = (o) => Buffer.from(JSON.stringify(o)).toString('base64url');
    const input = `${part({ alg: 'RS256', kid: 'k1' })}.${part({ iss: '0oaserviceapp', sub: '0oaserviceapp', aud: `${t.origin}/oauth2/v1/token`, exp: now + 300, iat: now, jti: crypto.randomUUID(), ...more })}`;
    return `${input}.${crypto.sign('sha256', Buffer.from(input), key).toString('base64url')}`;
  };
  const ask = (jwt, scope = 'okta.users.read') => t.form('/oauth2/v1/token', { grant_type: 'client_credentials', scope, client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: jwt });
  const jwt = assertion();
  const good = await ask(jwt);
  assert.equal(good.status, 200);
  const bearer = { authorization: `Bearer ${good.json.access_token}` };
  assert.equal((await get(`/users/${BOB}`, bearer)).status, 200);
  assert.equal((await call('POST', `/users/${BOB}/lifecycle/reset_password?sendEmail=true`, bearer)).json.errorCode, 'E0000006');
  assert.equal((await ask(jwt)).status, 401, 'replayed');
  assert.equal((await ask(assertion({ aud: 'https://elsewhere' }))).status, 401);
  assert.equal((await ask(assertion({ exp: 1 }))).status, 401);
  assert.equal((await ask(assertion({}, crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey))).status, 401);
  assert.equal((await ask(assertion(), 'okta.everything')).json.error, 'invalid_scope');
});

test('the login moves to another user', async () => {
  await t.post(`/tenant/okta/users/${BOB}`, { login: 'robert@example.test' });
  await t.post('/tenant/okta/users/00udave00000000000001', { login: 'bob@example.test' });
  assert.equal((await get('/users/bob%40example.test')).json.id, '00udave00000000000001');
  await t.post('/tenant/reset');
  assert.equal((await get('/users/bob%40example.test')).json.id, BOB);
});

test('faults: status with headers, override, truncated, reset, act-reset acts once, hang', async () => {
  const fault = (f) => t.post('/tenant/faults', { party: 'okta', ...f });
  await fault({ kind: 'status', status: 429, headers: { 'x-rate-limit-remaining': '0' }, body: { errorCode: 'E0000047' }, times: 2 });
  assert.deepEqual([(await get('/users/bob')).status, (await get('/users/bob')).status, (await get('/users/bob')).status], [429, 429, 200]);
  await fault({ kind: 'override', match: '/users/bob', set: { id: 'other' } });
  assert.equal((await get('/users/bob')).json.id, 'other');
  for (const kind of ['truncate', 'reset']) { await fault({ kind }); await assert.rejects(get('/users/bob')); }
  await fault({ kind: 'act-reset', match: 'reset_password' });
  await assert.rejects(call('POST', `/users/${BOB}/lifecycle/reset_password?sendEmail=true`));
  assert.equal((await t.get('/okta/users/bob@example.test')).json.password_resets, 1);
  await fault({ kind: 'hang' });
  await assert.rejects(fetch(`${t.origin}/api/v1/users/bob`, { headers: SSWS, signal: AbortSignal.timeout(300) }));
  await fault({ kind: 'huge', bytes: 300000 });
  assert.equal((await get('/users/bob')).text.length, 300000);
  await fault({ kind: 'html' });
  assert.match((await get('/users/bob')).text, /<h1>/);
  await fault({ kind: 'garbage' });
  assert.equal((await get('/users/bob')).json, undefined);
  assert.equal((await fault({ kind: 'nonsense' })).status, 400);
  const log = (await t.get('/tenant/requests?party=okta')).json;
  assert.ok(log.some((e) => e.path.endsWith('/lifecycle/reset_password') && e.query.sendEmail === 'true' && e.authorization === 'SSWS'));
  assert.ok(!JSON.stringify(log).includes('tenant-api-token'));
});

test('a person without an administrator role may read himself and nobody else', async () => {
  const { tokens } = await signIn(t, 'erin@example.test', 'erin-pw');
  const vault = await t.post('/oauth/token', {
    grant_type: 'urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token', ...WEB, subject_token: tokens.refresh_token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:refresh_token', requested_token_type: 'http://auth0.com/oauth/token-type/federated-connection-access-token', connection: 'Okta-OIDC',
  });
  const bearer = { authorization: `Bearer ${vault.json.access_token}` };
  assert.equal((await get('/users/me/groups', bearer)).status, 200);
  assert.equal((await get(`/users/${BOB}`, bearer)).json.errorCode, 'E0000006');
  assert.equal((await call('POST', `/users/${BOB}/lifecycle/reset_password?sendEmail=true`, bearer)).json.errorCode, 'E0000006');
});

test('faults: slow, delayed, skipped, for ever until cleared', async () => {
  const fault = (f) => t.post('/tenant/faults', { party: 'okta', ...f });
  const timed = async () => { const at = Date.now(); const a = await get('/groups?q=Help'); return [a.status, Date.now() - at]; };
  await fault({ kind: 'delay', ms: 300 });
  const [status, ms] = await timed();
  assert.ok(status === 200 && ms >= 290, `${status} ${ms}`);
  await fault({ kind: 'slow', ms: 1 });
  const [again, slow] = await timed();
  assert.ok(again === 200 && slow >= 200, `${again} ${slow}`);
  await fault({ kind: 'status', status: 500, skip: 1, times: -1 });
  assert.deepEqual([(await timed())[0], (await timed())[0], (await timed())[0]], [200, 500, 500]);
  await t.call('DELETE', '/tenant/faults');
  assert.equal((await timed())[0], 200);
});
