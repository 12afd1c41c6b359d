// runs: lighttpd, apache:/prod
// The ways out, and the way back in after a sign-in that failed: what a person sees, what the
// provider is told, and that a session that has ended is ended.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before, beforeEach } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Browser } from './lib/http.mjs';
import { sleep, Tenant } from './lib/play.mjs';
import { startStack } from './lib/stack.mjs';

const COOKIE = '__Host-countersign';
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
let stack, tenant;
before(async () => { stack = await startStack(); tenant = new Tenant(stack.tenant); });
after(() => stack?.stop());
beforeEach(() => tenant.reset());

const cookieOf = (browser) => browser.jar(stack.url).get(COOKIE);
const revoked = async () => (await tenant.requests('oidc')).filter((r) => r.path.startsWith('/oauth/revoke')).length;
const form = (browser) => browser.request('/logout', {
  method: 'POST', body: `csrf_token=${browser.csrf}`,
  headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-site': 'same-origin' },
});
const lives = async (cookie) => (await new Browser(stack).request('/api/session', { headers: { cookie: `${COOKIE}=${cookie}` } })).status === 200;
const linkOf = (answer, words) => new RegExp(`<a [^>]*href="([^"]*)"[^>]*>${words}</a>`).exec(answer.text)?.[1].replaceAll('&amp;', '&');

function isPage(answer, status) {
  assert.equal(answer.status, status, answer.text.slice(0, 300));
  assert.match(answer.headers['content-type'], /^text\/html/);
  assert.match(answer.text, /<title>[^<]+<\/title>/);
}

test('signed out already: the page says so and offers to sign in, a script gets an address', async () => {
  const browser = new Browser(stack);
  const page = await browser.navigate('/logout');
  isPage(page, 200);
  assert.match(page.text, /signed out/i);
  assert.equal(linkOf(page, 'Sign in'), `${stack.base}/login`);
  const json = await browser.post('/logout');
  assert.equal(json.status, 200);
  assert.equal(json.json().location, `${stack.url}/`);
});

test('a GET asks and ends nothing; the form ends the session here and at the provider', async () => {
  const browser = new Browser(stack);
  await browser.signIn();
  const cookie = cookieOf(browser);
  const question = await browser.navigate('/logout');
  isPage(question, 200);
  assert.match(question.text, new RegExp(`<form method="post" action="${stack.base}/logout">`));
  assert.equal(/name="csrf_token" value="([^"]+)"/.exec(question.text)[1], browser.csrf);
  assert.equal(linkOf(question, 'Stay signed in'), `${stack.base}/chat`);
  assert.ok(await lives(cookie), 'a GET signed out');
  const before_ = await revoked();
  const page = await form(browser);
  isPage(page, 200);
  assert.match(page.text, /signed out/i);
  assert.ok(page.cookies.some((c) => c.startsWith(`${COOKIE}=;`) && /max-age=0/i.test(c)));
  assert.equal(await lives(cookie), false);
  assert.equal(await revoked(), before_ + 1);
  const [, next] = /^0; url=(.*)$/.exec(page.headers.refresh);
  assert.equal(linkOf(page, 'Sign out at the provider as well'), next);
  assert.ok(next.startsWith(`${stack.tenant}/oidc/logout?`));
  assert.equal(new URL(next).searchParams.get('post_logout_redirect_uri'), `${stack.url}/`);
  assert.ok(new URL(next).searchParams.get('id_token_hint'));
  const back = await browser.follow(await browser.navigate(next), (u) => u.startsWith(stack.url));
  assert.equal(back.next, `${stack.url}/`);
  assert.ok(!stack.log().includes(cookie), 'a session cookie is in a log');
});

test("row 35: without this session's token nobody is signed out", async () => {
  const browser = new Browser(stack);
  await browser.signIn();
  const cookie = cookieOf(browser);
  for (const headers of [{ 'x-csrf-token': '' }, { 'x-csrf-token': 'x' }, { 'sec-fetch-site': 'cross-site' }]) {
    assert.equal((await browser.post('/logout', {}, headers)).status, 403);
  }
  assert.ok(await lives(cookie));
});

test('an ID token too long for a header line: signed out all the same, without the hint', async () => {
  const browser = new Browser(stack);
  await tenant.settings({ id_token: [{ times: 1, grants: ['authorization_code'], claims: { groups: 'g'.repeat(6000) } }] });
  await browser.signIn();
  const cookie = cookieOf(browser);
  const page = await form(browser);
  isPage(page, 200);
  assert.ok(`refresh: ${page.headers.refresh}`.length < 7 * 1024);
  assert.ok(!page.headers.refresh.includes('id_token_hint'));
  assert.ok(page.headers.refresh.includes('/oidc/logout?client_id='));
  assert.equal(await lives(cookie), false);
});

test('a provider without a sign-out of its own: signed out here, and on to the first page', async () => {
  const own = await startStack();
  try {
    await new Tenant(own.tenant).fault({ party: 'oidc', match: '/.well-known/openid-configuration', kind: 'override', remove: ['end_session_endpoint', 'revocation_endpoint'], times: -1 });
    const browser = new Browser(own);
    await browser.signIn();
    const cookie = browser.jar(own.url).get(COOKIE);
    const page = await form(browser);
    isPage(page, 200);
    assert.equal(page.headers.refresh, `0; url=${own.url}/`);
    assert.equal(linkOf(page, 'Go on'), `${own.url}/`);
    assert.equal((await browser.request('/api/session', { headers: { cookie: `${COOKIE}=${cookie}` } })).status, 401);
  } finally {
    await own.stop();
  }
});

test('a hint that just fits goes out whole', async () => {
  const browser = new Browser(stack);
  await tenant.settings({ id_token: [{ times: 1, grants: ['authorization_code'], claims: { groups: 'g'.repeat(3700) } }] });
  await browser.signIn();
  const page = await form(browser);
  isPage(page, 200);
  assert.ok(page.headers.refresh.length > 5000 && page.headers.refresh.includes('id_token_hint'));
});

test('a provider that hangs while it is told holds nobody signed in', async () => {
  const browser = new Browser(stack);
  await browser.signIn();
  const cookie = cookieOf(browser);
  await tenant.fault({ party: 'oidc', match: '/oauth/revoke', kind: 'hang', times: -1 });
  const began = Date.now();
  const answer = await browser.post('/logout');
  assert.equal(answer.status, 200);
  assert.ok(Date.now() - began < 8000);
  assert.equal(cookieOf(browser), undefined);
  assert.equal(await lives(cookie), false);
});

test("one's own sessions are listed and ended one by one or all; another's are not there", async () => {
  const a = new Browser(stack), b = new Browser(stack), bob = new Browser(stack);
  await a.signIn();
  await a.post('/api/sessions/all/revoke');
  await a.signIn();
  await b.signIn();
  await bob.signIn('bob@example.test');
  const list = (await a.request('/api/sessions')).json().sessions;
  assert.equal(list.length, 2);
  assert.equal(list.filter((s) => s.current).length, 1);
  const other = list.find((s) => !s.current);
  assert.equal((await bob.post(`/api/sessions/${other.id}/revoke`)).status, 404);
  assert.deepEqual((await a.post(`/api/sessions/${other.id}/revoke`)).json(), { revoked: 1 });
  assert.equal(await b.session(), null);
  assert.ok(await a.session());
  await b.signIn();
  assert.equal((await a.post('/api/sessions/all/revoke')).json().revoked, 2);
  assert.equal(await a.session(), null);
  assert.equal(await b.session(), null);
  assert.ok(await bob.session());
});

test('row 67: a sign-in under way during a sign-out everywhere ends on a page, its token revoked', async () => {
  const a = new Browser(stack), b = new Browser(stack);
  await a.signIn();
  const callback = await b.authorize('alice@example.test', 'alice-pw');
  await a.post('/api/sessions/all/revoke');
  const before_ = await revoked();
  const page = await b.navigate(callback);
  isPage(page, 403);
  assert.match(page.text, /signed out everywhere/);
  assert.equal(linkOf(page, 'Try again'), `${stack.base}/login`);
  assert.equal(cookieOf(b), undefined);
  assert.equal(await revoked(), before_ + 1, 'the refresh token that nobody holds was left alive');
  await sleep(5); // a sign-in of the same millisecond would count as under way
  assert.ok(await b.signIn(), 'the next sign-in is refused too');
});

test("another person's sign-in ends the former session and its token; the same person's keeps the grant", async () => {
  const browser = new Browser(stack);
  await browser.signIn();
  const alice = cookieOf(browser);
  await browser.signIn();
  assert.notEqual(cookieOf(browser), alice);
  assert.equal(await lives(alice), false);
  assert.equal(await revoked(), 0);
  const second = cookieOf(browser);
  browser.jar(stack.tenant).clear(); // another person at the provider
  const session = await browser.signIn('bob@example.test');
  assert.match(session.user.email, /^bob@/);
  assert.equal(await lives(second), false);
  assert.equal(await revoked(), 1);
});

test('a sign-in that fails ends on a page that says what to do, and trying again works', async () => {
  const iss = encodeURIComponent(`${stack.tenant}/`);
  const flow = async () => {
    const browser = new Browser(stack);
    const begun = await browser.navigate('/login');
    return { browser, state: new URL(begun.headers.location).searchParams.get('state') };
  };
  const denied = await flow();
  const cases = [
    [denied.browser, `/callback?state=${denied.state}&iss=${iss}&error=access_denied`, 403, /cancelled/],
    [denied.browser, `/callback?state=${denied.state}&iss=${iss}&code=x`, 400, /ended/],
    [denied.browser, '/callback', 400, /incomplete/],
  ];
  const unknown = await flow();
  cases.push([unknown.browser, `/callback?state=${unknown.state}&iss=${iss}&code=unknown`, 502, /moment/]);
  for (const [browser, target, status, words] of cases) {
    const page = await browser.navigate(target);
    isPage(page, status);
    assert.match(page.text, words);
    const again = linkOf(page, 'Try again');
    assert.equal(again, `${stack.base}/login`, target);
    const callback = await browser.authorize('alice@example.test', 'alice-pw', again.slice(stack.base.length));
    assert.equal((await browser.navigate(callback)).status, 302);
    assert.ok(await browser.session());
  }
});

test('a long name and e-mail keep nobody out', async () => {
  const browser = new Browser(stack);
  await tenant.settings({ id_token: [{ times: 1, grants: ['authorization_code'], claims: { name: 'é'.repeat(1500), email: `${'e'.repeat(900)}@example.test` } }] });
  const session = await browser.signIn();
  assert.equal(session.user.name, 'é'.repeat(100));
  assert.equal(session.user.email, null);
});

test('after a sign-in nobody is sent back to the sign-in or out again', async () => {
  for (const to of ['/login', 'login', '/callback', '/logout', '/login?return_to=%2Flogin']) {
    const browser = new Browser(stack);
    const callback = await browser.authorize('alice@example.test', 'alice-pw', `/login?return_to=${encodeURIComponent(to)}`);
    assert.equal((await browser.navigate(callback)).headers.location, `${stack.url}/chat`, to);
  }
});

test('the operator can ask to let a person in again, and is told when nothing keeps him out', async () => {
  const command = path.join(process.env.STACK_BUILD ?? path.join(ROOT, 'build/plain'), 'bin/countersign');
  const run = (...args) => new Promise((resolve) => {
    execFile(command, ['sessions', ...args], { env: { ...process.env, COUNTERSIGN_CONFIG: path.join(stack.dir, 'countersign.conf') } },
      (e, stdout, stderr) => resolve({ code: e?.code ?? 0, stdout, stderr }));
  });
  assert.ok(fs.existsSync(command));
  const answer = await run('allow-again', '--sub', 'nobody', '--json');
  assert.deepEqual([answer.code, answer.stdout], [1, '{"allowed":false}\n'], answer.stderr);
  assert.equal((await run('allow-again')).code, 2);
  assert.equal((await run('allow', '--sub', 'nobody')).code, 2);
});

test('a provider that is silent: a page at once for all but the first, to where one wanted, and then on', async () => {
  const own = await startStack();
  try {
    const party = new Tenant(own.tenant);
    await party.fault({ party: 'oidc', match: '/.well-known/openid-configuration', kind: 'hang', times: -1 });
    const began = Date.now();
    const pages = await Promise.all(Array.from({ length: 6 }, () => new Browser(own).navigate('/login?return_to=%2Fapprovals')));
    assert.ok(Date.now() - began < 12_000, `${Date.now() - began} ms`);
    for (const page of pages) {
      isPage(page, 502);
      assert.match(page.text, /provider does not answer/);
      assert.equal(linkOf(page, 'Try again'), `${own.base}/login?return_to=%2Fapprovals`);
    }
    const script = await new Browser(own).request('/login', { headers: { accept: 'application/json' } });
    assert.equal(script.status, 502);
    assert.equal(script.json().error, 'remote_failed');
    await party.json('/tenant/faults', 'DELETE');
    await sleep(5500);
    const browser = new Browser(own);
    await browser.signIn();
    assert.ok(await browser.session());
  } finally {
    await own.stop();
  }
});
