// runs: lighttpd, apache:/prod
// Sign-in as an attacker sees it: rows 1 to 13, 28, 30, 35, 59 and 76.
import assert from 'node:assert/strict';
import test, { after, before, beforeEach } from 'node:test';
import { Browser, send } from './lib/http.mjs';
import { Person, Tenant } from './lib/play.mjs';
import { startStack } from './lib/stack.mjs';

const COOKIE = '__Host-countersign';
let stack, tenant;
before(async () => { stack = await startStack(); tenant = new Tenant(stack.tenant); });
after(() => stack?.stop());
beforeEach(() => tenant.reset());

const sessionOf = (browser) => browser.jar(stack.url).get(COOKIE);
const refused = (answer, status = [400, 403, 502]) => {
  assert.ok(status.includes(answer.status), `${answer.status}: ${answer.text.slice(0, 200)}`);
  assert.ok(!answer.cookies.some((c) => c.startsWith(`${COOKIE}=`) && !/max-age=0/i.test(c)), 'a session was set');
};

test('row 1: a callback without the login cookie is refused', async () => {
  const browser = new Browser(stack);
  const callback = await browser.authorize('alice@example.test', 'alice-pw');
  refused(await send(callback, { headers: { accept: 'text/html' } }));
});

test('row 2: state and code of one browser are refused in another', async () => {
  const a = new Browser(stack), b = new Browser(stack);
  const callback = await a.authorize('alice@example.test', 'alice-pw');
  await b.navigate('/login'); // b has a login cookie of its own
  refused(await b.navigate(callback));
  assert.equal(await b.session(), null);
});

test('row 3: the same callback twice: the second is refused, the first session unharmed', async () => {
  const browser = new Browser(stack);
  const callback = await browser.authorize('alice@example.test', 'alice-pw');
  assert.ok([302, 303].includes((await browser.navigate(callback)).status));
  assert.ok(await browser.session());
  refused(await browser.navigate(callback));
  assert.ok(await browser.session(), 'the first session is gone');
});

test('row 4: two tabs that sign in at once both succeed', async () => {
  const browser = new Browser(stack);
  const first = await browser.authorize('alice@example.test', 'alice-pw');
  const second = await browser.authorize('alice@example.test', 'alice-pw');
  assert.notEqual(first, second);
  assert.ok([302, 303].includes((await browser.navigate(first)).status));
  assert.ok([302, 303].includes((await browser.navigate(second)).status));
  assert.ok(await browser.session());
});

test('row 5: a state that is changed, empty, doubled or 64 KB is refused', async () => {
  const browser = new Browser(stack);
  const url = new URL(await browser.authorize('alice@example.test', 'alice-pw'));
  const state = url.searchParams.get('state');
  const change = (edit) => { const u = new URL(url); edit(u.searchParams); return u.href; };
  for (const bad of [
    change((p) => p.set('state', state.slice(0, -1) + (state.endsWith('A') ? 'B' : 'A'))),
    change((p) => p.set('state', '')),
    change((p) => p.delete('state')),
    change((p) => p.append('state', state)),
  ]) refused(await browser.navigate(bad));
  const huge = await browser.navigate(change((p) => p.set('state', 'x'.repeat(64 * 1024)))).catch(() => ({ status: 400, text: '', cookies: [] }));
  assert.ok(huge.status >= 400, `${huge.status}`);
  assert.equal(await browser.session(), null);
});

test('row 6: iss missing or wrong is refused before the token request', async () => {
  for (const edit of [(p) => p.delete('iss'), (p) => p.set('iss', 'https://evil.example/')]) {
    const browser = new Browser(stack);
    const url = new URL(await browser.authorize('alice@example.test', 'alice-pw'));
    const before_ = (await tenant.requests('oidc')).filter((r) => r.path.startsWith('/oauth/token')).length;
    edit(url.searchParams);
    refused(await browser.navigate(url.href));
    const after_ = (await tenant.requests('oidc')).filter((r) => r.path.startsWith('/oauth/token')).length;
    assert.equal(after_, before_, 'the token endpoint was asked');
  }
});

test('row 7: every flow has a fresh S256 challenge, state and nonce', async () => {
  const seen = new Set();
  for (let i = 0; i < 3; i++) {
    const answer = await new Browser(stack).navigate('/login');
    const p = new URL(answer.headers.location).searchParams;
    assert.equal(p.get('code_challenge_method'), 'S256');
    assert.equal(p.get('response_type'), 'code');
    assert.match(p.get('code_challenge'), /^[A-Za-z0-9_-]{43}$/);
    for (const name of ['code_challenge', 'state', 'nonce']) {
      assert.ok(p.get(name).length >= 22, name);
      assert.ok(!seen.has(p.get(name)), `${name} was used before`);
      seen.add(p.get(name));
    }
  }
});

test('rows 8 and 9: an error is shown escaped and ends the flow; error and code together are refused', async () => {
  const browser = new Browser(stack);
  const answer = await browser.navigate('/login');
  const state = new URL(answer.headers.location).searchParams.get('state');
  const iss = encodeURIComponent(`${stack.tenant}/`);
  const both = await browser.navigate(`/callback?state=${state}&iss=${iss}&error=access_denied&code=abc`);
  refused(both);
  const again = await browser.navigate('/login');
  const state2 = new URL(again.headers.location).searchParams.get('state');
  const denied = await browser.navigate(`/callback?state=${state2}&iss=${iss}&error=access_denied&error_description=%3Cscript%3Ealert(1)%3C%2Fscript%3E`);
  refused(denied, [400, 401, 403]);
  assert.ok(!denied.text.includes('<script>alert'));
  assert.match(denied.headers['content-type'], /text\/html/);
  assert.match(denied.text, /again/i);
  const url = `/callback?state=${state2}&iss=${iss}&code=abc`;
  refused(await browser.navigate(url)); // the login state is gone
});

test('row 10: of return_to only a local path survives', async () => {
  const hostile = ['//evil.example', '/\\evil.example', 'https:evil.example', 'https://evil.example/', '/%0d%0aSet-Cookie:x=y', '/\t/evil',
    '/@evil', '/%2f%2fevil.example', '/..//evil', 'javascript:alert(1)', '/%5cevil.example', '/a/../..//evil'];
  for (const to of hostile) {
    const browser = new Browser(stack);
    const callback = await browser.authorize('alice@example.test', 'alice-pw', `/login?return_to=${encodeURIComponent(to)}`);
    const answer = await browser.navigate(callback);
    const location = new URL(answer.headers.location, stack.url);
    assert.equal(location.host, new URL(stack.url).host, to);
    assert.ok(location.pathname.startsWith(`${stack.base}/`), `${to} -> ${answer.headers.location}`);
    assert.ok(!/evil/.test(answer.headers.location), `${to} -> ${answer.headers.location}`);
  }
  const browser = new Browser(stack);
  const callback = await browser.authorize('alice@example.test', 'alice-pw', '/login?return_to=dashboard');
  const answer = await browser.navigate(callback);
  assert.equal(new URL(answer.headers.location, stack.url).href, `${stack.url}/dashboard`);
});

test('row 11: a hostile Host or X-Forwarded-Host changes nothing', async () => {
  const plain = await new Browser(stack).navigate('/login');
  const want = new URL(plain.headers.location).searchParams.get('redirect_uri');
  for (const headers of [{ host: 'evil.example' }, { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' }, { forwarded: 'host=evil.example' }]) {
    const answer = await new Browser(stack).navigate('/login', { headers });
    if (answer.status === 302 || answer.status === 303) {
      assert.equal(new URL(answer.headers.location).searchParams.get('redirect_uri'), want);
    } else {
      assert.ok(answer.status >= 400);
    }
  }
  assert.equal(want, `${stack.url}/callback`);
});

test('row 12: redirects carry no-store, and after a POST there is no 307', async () => {
  const browser = new Browser(stack);
  const begun = await browser.navigate('/login');
  assert.match(begun.headers['cache-control'], /no-store/);
  const callback = await browser.authorize('alice@example.test', 'alice-pw');
  const done = await browser.navigate(callback);
  assert.ok([302, 303].includes(done.status));
  assert.match(done.headers['cache-control'], /no-store/);
  await browser.session();
  const out = await browser.request('/logout', { method: 'POST', body: `csrf_token=${browser.csrf}`, headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'text/html' } });
  assert.ok(out.status === 200 || out.status === 303, `${out.status}`);
  assert.match(out.headers['cache-control'], /no-store/);
});

test('row 28: a session cookie planted before sign-in is replaced', async () => {
  const browser = new Browser(stack);
  const planted = 'A'.repeat(43);
  browser.jar(stack.url).set(COOKIE, planted);
  await browser.signIn();
  assert.notEqual(sessionOf(browser), planted);
  const first = sessionOf(browser);
  await browser.signIn();
  assert.notEqual(sessionOf(browser), first, 'a new sign-in keeps the old id');
});

test('row 30: the cookie is __Host-, Secure, HttpOnly, Lax, Path=/, and small', async () => {
  const browser = new Browser(stack);
  const answer = await browser.navigate(await browser.authorize('alice@example.test', 'alice-pw'));
  const cookie = answer.cookies.find((c) => c.startsWith(`${COOKIE}=`));
  const attributes = cookie.split(';').slice(1).map((a) => a.trim().toLowerCase());
  for (const want of ['path=/', 'secure', 'httponly', 'samesite=lax']) assert.ok(attributes.includes(want), `${want} in ${cookie}`);
  assert.ok(!attributes.some((a) => a.startsWith('domain')));
  assert.ok(cookie.length < 200);
  assert.match(cookie.split(';')[0].split('=')[1], /^[A-Za-z0-9_-]{43}$/);
});

test('row 35: a state-changing request needs this session\'s CSRF token, and a GET on it is 405', async () => {
  const a = new Browser(stack), b = new Browser(stack);
  await a.signIn('alice@example.test');
  await b.signIn('bob@example.test');
  for (const [target, value] of [['/api/chat', { message: 'hello' }], ['/api/sessions/all/revoke', {}], ['/logout', {}]]) {
    for (const token of ['', 'x', b.csrf, a.csrf + 'x']) {
      const answer = await a.post(target, value, { 'x-csrf-token': token });
      assert.equal(answer.status, 403, `${target} with ${token}`);
    }
    const cross = await a.post(target, value, { 'sec-fetch-site': 'cross-site' });
    assert.equal(cross.status, 403, `${target} across sites`);
  }
  for (const target of ['/api/chat', '/api/sessions/all/revoke', '/api/approvals/abcd/cancel']) {
    const answer = await a.request(target);
    assert.equal(answer.status, 405, target);
    assert.match(answer.headers.allow, /POST/);
  }
  assert.ok(await a.session());
});

test("row 59: another account that bears alice's e-mail, unverified, has none of her rights and rings no phone", async () => {
  for (const login of ['mallory', 'mallory2', 'mallory3']) {
    const browser = new Browser(stack);
    const session = await browser.signIn(`${login}@evil.test`, 'mallory-pw');
    assert.ok(session, login);
    const mallory = new Person(browser);
    const { turn } = await mallory.ask("Reset password for user 'bob@example.test'");
    const events = await mallory.finished(turn);
    assert.ok(events.some((e) => e.event === 'action' && ['denied', 'failed'].includes(e.data.status)), JSON.stringify(events));
    assert.deepEqual(await tenant.pending(), []);
    assert.equal(await tenant.resets('bob@example.test'), 0);
  }
});

test('row 76: of two session cookies, one planted, none is accepted', async () => {
  const browser = new Browser(stack);
  await browser.signIn();
  const own = sessionOf(browser);
  for (const cookie of [`${COOKIE}=${'B'.repeat(43)}; ${COOKIE}=${own}`, `${COOKIE}=${own}; ${COOKIE}=${'B'.repeat(43)}`, `${COOKIE}=${own}; ${COOKIE}=${own}`]) {
    const answer = await browser.request('/api/session', { headers: { cookie } });
    assert.equal(answer.status, 401, cookie);
  }
  const alone = await browser.request('/api/session', { headers: { cookie: `${COOKIE}=${own}` } });
  assert.equal(alone.status, 200);
  const without = await browser.request('/api/session', { headers: { cookie: `countersign=${own}` } });
  assert.equal(without.status, 401, 'the same value without the prefix');
});

test('row 13: a discovery document with another issuer starts no flow', async () => {
  for (const issuer of [stack.tenant, `${stack.tenant}//`, 'http://127.0.0.1:1/', `${stack.tenant}/x`]) {
    const own = await startStack({ settings: {} });
    try {
      await new Tenant(own.tenant).fault({ party: 'oidc', match: '/.well-known/openid-configuration', kind: 'override', set: { issuer: issuer.replace(stack.tenant, own.tenant) }, times: -1 });
      const answer = await new Browser(own).navigate('/login');
      assert.ok(answer.status >= 500, `${issuer}: ${answer.status}`);
      assert.equal(answer.headers.location, undefined);
    } finally {
      await own.stop();
    }
  }
});
