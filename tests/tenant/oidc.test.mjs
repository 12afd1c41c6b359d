// Sign-in, refresh, logout and lying ID tokens, driven by plain fetch as a relying party would.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { after, before, beforeEach, test } from 'node:test';
import { ALICE, Browser, RP, WEB, authorizeUrl, claimsOf, headerOf, signIn, startTenant } from './support.mjs';

let t;
before(async () => { t = await startTenant(0); });
after(async () => { await t.stop(); });
beforeEach(async () => { await t.post('/tenant/reset'); });

const verify = async (jwt) => {
  const { keys } = (await t.get('/.well-known/jwks.json')).json;
  const key = keys.find((k) => k.kid === headerOf(jwt).kid);
  if (!key) return false;
  const [h, p, s] = jwt.split('.');
  return crypto.verify('sha256', Buffer.from(`${h}.${p}`), crypto.createPublicKey({ key, format: 'jwk' }), Buffer.from(s, 'base64url'));
};

test('ready under two seconds, with one line on standard output', () => {
  assert.equal(t.readyLine, `ready ${t.origin}\n`);
  assert.ok(t.readyMs < 2000, `${t.readyMs} ms`);
});

test('discovery looks like Auth0: slash at the end, paths, iss promised', async () => {
  const d = (await t.get('/.well-known/openid-configuration')).json;
  assert.equal(d.issuer, `${t.origin}/`);
  assert.equal(d.token_endpoint, `${t.origin}/oauth/token`);
  assert.equal(d.backchannel_authentication_endpoint, `${t.origin}/bc-authorize`);
  assert.equal(d.authorization_response_iss_parameter_supported, true);
});

test('alice signs in: iss, state, refresh token without prompt=consent, profile, e-mail and sid in a valid RS256 ID token', async () => {
  const s = await signIn(t, 'alice@example.test', 'alice-pw');
  assert.equal(s.callback.origin + s.callback.pathname, `${RP}/callback`);
  assert.equal(s.callback.searchParams.get('iss'), `${t.origin}/`);
  assert.equal(s.callback.searchParams.get('state'), 's1');
  assert.ok(s.tokens.refresh_token);
  assert.equal(headerOf(s.tokens.id_token).alg, 'RS256');
  assert.ok(await verify(s.tokens.id_token));
  const { sub, email, email_verified: verified, name, nonce, aud, sid } = s.claims;
  assert.deepEqual({ sub, email, verified, name, nonce, aud }, { sub: ALICE, email: 'alice@example.test', verified: true, name: 'Alice Example', nonce: 'n1', aud: 'countersign-web' });
  assert.ok(sid);
});

test('the redirect URIs with /prod are registered, others refused', async () => {
  const ok = await signIn(t, 'bob@example.test', 'bob-pw', { redirect_uri: `${RP}/prod/callback` });
  assert.equal(ok.callback.pathname, '/prod/callback');
  assert.equal(ok.status, 200);
  const { url } = authorizeUrl(t.origin, { redirect_uri: 'http://localhost:1/callback' });
  assert.equal((await new Browser(t.origin).go(url)).status, 400);
});

test('wrong password stays on the form; Cancel answers access_denied with iss', async () => {
  const wrong = await signIn(t, 'alice@example.test', 'nope');
  assert.match(wrong.page.text, /Wrong e-mail or password/);
  const b = new Browser(t.origin);
  const page = await b.go(authorizeUrl(t.origin).url);
  const back = await b.go(page.url, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'action=cancel' });
  const q = new URL(back.url).searchParams;
  assert.deepEqual([q.get('error'), q.get('iss'), q.get('code')], ['access_denied', `${t.origin}/`, null]);
});

test('PKCE is required and checked, a code works once', async () => {
  const b = new Browser(t.origin);
  const { url, verifier } = authorizeUrl(t.origin);
  const page = await b.go(url);
  const back = new URL((await b.go(page.url, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'username=bob%40example.test&password=bob-pw' })).url);
  const redeem = (v) => t.form('/oauth/token', { grant_type: 'authorization_code', code: back.searchParams.get('code'), redirect_uri: `${RP}/callback`, code_verifier: v, ...WEB });
  assert.equal((await redeem('x'.repeat(43))).json.error, 'invalid_grant');
  assert.equal((await redeem(verifier)).status, 200);
  assert.equal((await redeem(verifier)).json.error, 'invalid_grant');
});

test('refresh does not rotate; userinfo answers; revocation ends it', async () => {
  const s = await signIn(t, 'alice@example.test', 'alice-pw');
  const refresh = () => t.form('/oauth/token', { grant_type: 'refresh_token', refresh_token: s.tokens.refresh_token, ...WEB });
  const first = await refresh();
  assert.equal(first.status, 200);
  assert.equal(claimsOf(first.json.id_token).sub, ALICE);
  assert.equal((await refresh()).status, 200);
  assert.equal((await t.get('/userinfo', { authorization: `Bearer ${s.tokens.access_token}` })).json.email, 'alice@example.test');
  const revoked = await t.form('/oauth/revoke', { token: s.tokens.refresh_token, ...WEB });
  assert.deepEqual([revoked.status, revoked.text], [200, '']);
  assert.equal((await refresh()).json.error, 'invalid_grant');
});

test('a second sign-in in the same browser needs no password; logout ends that and goes back without a question', async () => {
  const s = await signIn(t, 'alice@example.test', 'alice-pw');
  assert.ok((await s.browser.go(authorizeUrl(t.origin).url)).left);
  const out = await s.browser.go(`${t.origin}/oidc/logout?${new URLSearchParams({ id_token_hint: s.tokens.id_token, post_logout_redirect_uri: `${RP}/`, state: 'bye' })}`);
  assert.equal(out.url, `${RP}/?state=bye`);
  assert.match((await s.browser.go(authorizeUrl(t.origin).url)).text, /password/);
  const old = await s.browser.go(`${t.origin}/v2/logout?${new URLSearchParams({ client_id: 'countersign-web', returnTo: `${RP}/prod/` })}`);
  assert.equal(old.url, `${RP}/prod/`);
});

test('look-alikes of alice: her e-mail, never verified', async () => {
  for (const [login, verified] of [['mallory@evil.test', false], ['mallory2@evil.test', 'true'], ['mallory3@evil.test', undefined]]) {
    const { claims } = await signIn(t, login, 'mallory-pw');
    assert.equal(claims.email, 'alice@example.test');
    assert.equal(claims.email_verified, verified);
    assert.notEqual(claims.sub, ALICE);
  }
});

test('rotated keys: a new kid signs, the old stays published unless told otherwise; sessions survive', async () => {
  const s = await signIn(t, 'alice@example.test', 'alice-pw');
  await t.post('/tenant/keys/rotate');
  assert.ok(await verify(s.tokens.id_token));
  const again = await t.form('/oauth/token', { grant_type: 'refresh_token', refresh_token: s.tokens.refresh_token, ...WEB });
  assert.notEqual(headerOf(again.json.id_token).kid, headerOf(s.tokens.id_token).kid);
  assert.ok(await verify(again.json.id_token));
  await t.post('/tenant/keys/rotate', { keep_old: false });
  assert.equal(await verify(s.tokens.id_token), false);
});

test('recipes change the ID token and nothing else, as often as asked', async () => {
  const forged = async (recipe) => { await t.post('/tenant/settings', { id_token: recipe }); return (await signIn(t, 'alice@example.test', 'alice-pw')).tokens.id_token; };
  const none = await forged({ alg: 'none' });
  assert.equal(none.split('.')[2], '');
  assert.equal(headerOf(none).alg, 'none');
  const resigned = await forged({ claims: { nonce: 'other', email: null } });
  assert.ok(await verify(resigned), 'signed by the real key');
  assert.deepEqual([claimsOf(resigned).nonce, claimsOf(resigned).email], ['other', undefined]);
  const foreign = await forged({ key: 'attacker', header: { jwk: '$attacker', jku: '$canary' } });
  assert.equal(headerOf(foreign).jku, `${t.origin}/tenant/canary/jwks.json`);
  assert.equal(await verify(foreign), false);
  const hs = await forged({ alg: 'HS256' });
  const pem = crypto.createPublicKey({ key: (await t.get('/.well-known/jwks.json')).json.keys.find((k) => k.kid === headerOf(hs).kid), format: 'jwk' }).export({ type: 'spki', format: 'pem' });
  const [h, p, sig] = hs.split('.');
  assert.equal(crypto.createHmac('sha256', pem).update(`${h}.${p}`).digest('base64url'), sig);
  assert.match(Buffer.from((await forged({ literal: { exp: '1e400' } })).split('.')[1], 'base64url').toString(), /"exp":1e400/);
  assert.equal((await forged({ shape: '6' })).split('.').length, 6);
  assert.match(Buffer.from((await forged({ payload_append: ',"sub":"evil"' })).split('.')[1], 'base64url').toString(), /"sub":"oidc.*"sub":"evil"}$/);
  const refreshOnly = await forged({ grants: ['refresh_token'], claims: { sub: 'auth0|mallory' } });
  assert.equal(claimsOf(refreshOnly).sub, ALICE);
  const e1 = await forged({ key: 'rsa-e1', alg: 'RS256' });
  assert.equal(Buffer.from(e1.split('.')[2], 'base64url').length, 256);
  await t.post('/tenant/settings', { id_token: null });
  assert.ok(await verify(await (await signIn(t, 'alice@example.test', 'alice-pw')).tokens.id_token));
});

test('an authorization response can lose or change iss, or carry error and code', async () => {
  await t.post('/tenant/faults', { party: 'oidc', kind: 'location', match: '/authorize', remove: ['iss'], set: { error: 'x' } });
  const q = (await signIn(t, 'alice@example.test', 'alice-pw')).callback.searchParams;
  assert.deepEqual([q.get('iss'), q.get('error'), q.has('code')], [null, 'x', true]);
  assert.equal((await signIn(t, 'alice@example.test', 'alice-pw')).callback.searchParams.get('error'), null);
});

test('bad keys can be published beside the good ones', async () => {
  await t.post('/tenant/settings', { jwks: { add: ['rsa-e1', 'ec-off-curve', 'rsa1024', { kty: 'RSA', n: '!!' }] } });
  const { keys } = (await t.get('/.well-known/jwks.json')).json;
  assert.deepEqual(keys.slice(0, 3).map((k) => k.kid), ['rsa-e1', 'ec-off-curve', 'rsa1024']);
  assert.ok(keys.length >= 6);
  assert.ok(keys.every((k) => !('d' in k)));
});

test('the log of requests names what was sent and holds no secret', async () => {
  const s = await signIn(t, 'alice@example.test', 'alice-pw');
  const log = (await t.get('/tenant/requests?party=oidc')).text;
  const token = JSON.parse(log).find((e) => e.path === '/oauth/token');
  assert.deepEqual([token.form.grant_type, token.form.client_secret, token.status], ['authorization_code', '...', 200]);
  for (const secret of ['countersign-web-secret', 'alice-pw', s.callback.searchParams.get('code'), s.tokens.refresh_token]) assert.ok(!log.includes(secret));
});
