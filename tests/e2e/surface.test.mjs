// runs: lighttpd, lighttpd:/prod, apache, apache:/prod
// The request surface: unknown routes, wrong methods, broken bodies and cookies,
// other people's ids (rows 54 to 58), and the headers every answer carries.
import assert from 'node:assert/strict';
import net from 'node:net';
import test, { after, before } from 'node:test';
import { Browser, send } from './lib/http.mjs';
import { Person, Tenant } from './lib/play.mjs';
import { startStack } from './lib/stack.mjs';

let stack, tenant, a, b;
before(async () => {
  stack = await startStack();
  tenant = new Tenant(stack.tenant);
  a = new Browser(stack);
  b = new Browser(stack);
  await a.signIn('alice@example.test');
  await b.signIn('bob@example.test');
});
after(() => stack?.stop());

// Bytes as written, for what an HTTP library would not send.
function raw(text) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(stack.port, '127.0.0.1', () => socket.write(text));
    let out = '';
    socket.setTimeout(20_000, () => { socket.destroy(); resolve(out); });
    socket.on('data', (d) => { out += d; });
    socket.on('end', () => { socket.destroy(); resolve(out); });
    socket.on('error', (e) => (out ? resolve(out) : reject(e)));
  });
}
const statusOf = (text) => Number(/^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1] ?? 0);

test('unknown routes, encoded bytes, double slashes and dot segments are 404', async () => {
  for (const path of ['/nothing', '/api', '/api/', '/api/session/', '/api/sessionx', '/api/chatx', '/api//session', '/api/./session', '/api/x/../session',
    '/api/%73ession', '/api/session%00', '/LOGIN', '/login/', '/api/turns//events', '/api/turns/a.b/events', `/api/turns/${'a'.repeat(65)}/events`]) {
    const answer = await send(stack.url, { path: stack.base + path, headers: { accept: 'application/json' } });
    assert.ok([404, 400].includes(answer.status), `${path}: ${answer.status}`);
  }
});

test('a wrong method is 405 with Allow', async () => {
  for (const [path, method] of [['/api/session', 'POST'], ['/api/session', 'DELETE'], ['/login', 'PUT'], ['/api/chat', 'GET'], ['/healthz', 'POST']]) {
    const answer = await send(stack.url + path, { method, body: method === 'GET' ? undefined : '' });
    assert.equal(answer.status, 405, `${method} ${path}`);
    assert.ok(answer.headers.allow, `${method} ${path}`);
  }
});

test('every answer of a program carries the security headers, and an error is short JSON with a request id', async () => {
  for (const [path, status] of [['/api/session', 401], ['/healthz', 200], ['/api/turns/abcdefgh/events', 401]]) {
    const answer = await send(stack.url + path, { headers: { accept: 'application/json' } });
    assert.equal(answer.status, status, path);
    assert.match(answer.headers['content-security-policy'], /default-src 'none'/);
    assert.equal(answer.headers['x-content-type-options'], 'nosniff');
    assert.equal(answer.headers['referrer-policy'], 'no-referrer');
    assert.match(answer.headers['cache-control'], /no-store/);
    assert.ok(answer.headers['x-request-id']);
    if (status >= 400) {
      const body = answer.json();
      assert.ok(body.error && body.message && body.request_id, answer.text);
      assert.ok(answer.text.length < 600);
    }
  }
});

test('pages, scripts and styles carry the same security headers', async () => {
  const program = await send(`${stack.url}/api/session`);
  for (const path of ['/', '/chat', '/dashboard', '/css/base.css']) {
    const answer = await send(stack.url + path);
    assert.equal(answer.status, 200, path);
    for (const name of ['content-security-policy', 'x-content-type-options', 'referrer-policy', 'cross-origin-opener-policy']) {
      assert.equal(answer.headers[name], program.headers[name], `${path} ${name}`);
    }
  }
});

test("row 54: another person's conversation, turn, approval and session are 404", async () => {
  const alice = new Person(a);
  const { turn, conversation } = await alice.ask("Reset password for user 'bob@example.test'");
  const card = await alice.openApproval();
  const session = (await a.request('/api/sessions')).json().sessions[0].id;
  for (const [method, path, value] of [
    ['GET', `/api/turns/${turn}/events`], ['POST', `/api/turns/${turn}/cancel`, {}], ['GET', `/api/approvals/${card.id}`],
    ['POST', `/api/approvals/${card.id}/send`, {}], ['POST', `/api/approvals/${card.id}/cancel`, {}], ['POST', `/api/approvals/${card.id}/not-me`, {}],
    ['POST', `/api/approvals/${card.id}/acknowledge`, {}], ['POST', `/api/sessions/${session}/revoke`, {}],
    ['POST', '/api/chat', { message: 'hello', conversation }],
  ]) {
    const answer = method === 'GET' ? await b.request(path) : await b.post(path, value);
    assert.equal(answer.status, 404, `${method} ${path}: ${answer.text.slice(0, 120)}`);
  }
  assert.ok(!JSON.stringify((await b.request('/api/conversations')).json()).includes(turn));
  assert.equal((await alice.approval(card.id)).state, 'waiting');
  await tenant.deny((await tenant.phone()).id);
  await alice.finished(turn);
});

test("row 75: another person's turn with Last-Event-ID is 404, and one's own stream closes within 5 s of the sign-out", async () => {
  const browser = new Browser(stack);
  await browser.signIn('carol@example.test');
  await tenant.grant({ user: 'user:carol@example.test', relation: 'read_okta', object: 'okta:groups' });
  const carol = new Person(browser);
  const { turn } = await carol.ask("Reset password for user 'bob@example.test'");
  const foreign = await b.request(`/api/turns/${turn}/events`, { headers: { accept: 'text/event-stream', 'last-event-id': '1' } });
  assert.equal(foreign.status, 404);
  await carol.openApproval();
  let ended = 0;
  const stream = browser.request(`/api/turns/${turn}/events`, { headers: { accept: 'text/event-stream' } }).then((answer) => { ended = Date.now(); return answer; });
  await new Promise((resolve) => { setTimeout(resolve, 500); });
  const cookie = [...browser.jar(stack.url)].map(([k, v]) => `${k}=${v}`).join('; ');
  assert.equal((await browser.post('/logout')).status, 200);
  const out = Date.now();
  assert.equal((await stream).status, 200);
  assert.ok(ended - out < 5000, `${ended - out} ms after the sign-out`);
  assert.equal((await send(`${stack.url}/api/turns/${turn}/events`, { headers: { cookie, accept: 'text/event-stream' } })).status, 401);
  for (const r of await tenant.pending()) await tenant.deny(r.id);
});

test('row 55: Proxy and X_Forwarded_User headers have no effect', async () => {
  const headers = { proxy: 'http://127.0.0.1:1/', 'x-forwarded-user': 'alice@example.test', x_forwarded_user: 'alice', x_session: 'x' };
  assert.equal((await send(`${stack.url}/api/session`, { headers })).status, 401);
  const browser = new Browser(stack);
  const begun = await browser.navigate('/login', { headers: { proxy: 'http://127.0.0.1:1/' } });
  assert.equal(begun.status, 302);
  assert.equal((await a.request('/api/session', { headers })).status, 200);
});

test('row 56: broken lengths, types, bodies and doubled parameters are a clear 4xx', async () => {
  const json = { 'content-type': 'application/json', 'x-csrf-token': a.csrf, accept: 'application/json' };
  const post = (body, headers = {}) => a.request('/api/chat', { method: 'POST', body, headers: { ...json, ...headers } });
  for (const [body, headers, statuses] of [
    ['', {}, [400]], ['{', {}, [400]], ['[]', {}, [400]], ['{"message":"a","message":"b"}', {}, [400]], ['{"message":"a"} x', {}, [400]],
    ['{"message":1}', {}, [400]], ['{"message":""}', {}, [400]], ['{"message":"\xff"}', {}, [400, 202]], ['{"message":"a","extra":1}', {}, [400]],
    ['{"message":"a"}', { 'content-type': 'text/plain' }, [415, 400]], [`{"message":"${'a'.repeat(5000)}"}`, {}, [400, 413]],
    [`{"message":"${'a'.repeat(300_000)}"}`, {}, [413]], [`${'['.repeat(100_000)}`, {}, [400, 413]],
  ]) {
    const answer = await post(body, headers);
    assert.ok(statuses.includes(answer.status), `${body.slice(0, 40)}: ${answer.status}`);
    // above the server's own cap the server answers, with a page
    if (answer.status >= 400 && body.length < 200_000) assert.ok(answer.json().error);
    assert.ok(answer.text.length < 2000);
  }
  const bytes = await a.request('/api/chat', { method: 'POST', body: Buffer.from([0x7b, 0x22, 0x6d, 0x65, 0x73, 0x73, 0x61, 0x67, 0x65, 0x22, 0x3a, 0x22, 0xff, 0xfe, 0x22, 0x7d]), headers: json });
  assert.equal(bytes.status, 400);
  for (const length of ['-1', '99999999999999999999', 'abc']) {
    const answer = await raw(`POST ${stack.base}/api/chat HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n{}`);
    assert.ok(statusOf(answer) >= 400 && statusOf(answer) < 500, `Content-Length ${length}: ${answer.slice(0, 60)}`);
  }
  const doubled = await new Browser(stack).navigate('/login?return_to=chat&return_to=dashboard');
  assert.equal(doubled.status, 400);
});

test('row 57: odd cookie headers crash nothing and match nothing', async () => {
  const own = [...a.jar(stack.url)].find(([k]) => k === '__Host-countersign')[1];
  for (const cookie of ['', ';', '=', ';;;===', 'x', `${'a=b; '.repeat(1000)}c=d`, '__Host-countersign', '__Host-countersign=', `__Host-countersign=${own.slice(0, 42)}`,
    `__Host-countersign=${own}A`, `__Host-countersign="${own}"`, `__host-countersign=${own}`, ` __Host-countersign = ${own}`]) {
    const answer = await send(`${stack.url}/api/session`, { headers: cookie ? { cookie } : {} });
    assert.ok([401, 400, 431].includes(answer.status), `${cookie.slice(0, 40)}: ${answer.status}`);
  }
  const nul = await raw(`GET ${stack.base}/api/session HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: __Host-countersign=${own.slice(0, 10)}\0${own.slice(11)}\r\n\r\n`);
  assert.ok(statusOf(nul) >= 400 || nul === '', nul.slice(0, 60));
  const huge = await raw(`GET ${stack.base}/api/session HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: a=${'x'.repeat(64 * 1024)}\r\n\r\n`);
  assert.ok(statusOf(huge) >= 400 || huge === '', huge.slice(0, 60));
  assert.equal((await a.request('/api/session')).status, 200);
});

test('row 58: odd queries crash nothing', async () => {
  for (const query of ['&', '=', '%', '%zz', '&&&===', '%00', 'return_to', 'return_to=%', 'return_to=%zz', '%ff=%fe', 'a'.repeat(4000)]) {
    for (const path of ['/login', '/callback', '/api/session', '/logout']) {
      const answer = await send(stack.url, { path: `${stack.base}${path}?${query}`, headers: { accept: 'text/html', 'sec-fetch-mode': 'navigate' } });
      assert.ok(answer.status >= 200 && answer.status < 500, `${path}?${query}: ${answer.status}`);
    }
  }
  assert.equal((await send(`${stack.url}/healthz`)).status, 200);
});

test('the actions and readiness are on the loopback listener only', async () => {
  for (const path of ['/actions/okta', '/actions/ciba', '/actions/fga', '/readyz']) {
    const answer = await send(stack.url + path, { method: path === '/readyz' ? 'GET' : 'POST', body: path === '/readyz' ? undefined : '{}', headers: { 'content-type': 'application/json' } });
    assert.equal(answer.status, 404, path);
  }
  assert.equal((await send(`${stack.actions}/readyz`)).status, 200);
  assert.equal((await send(`${stack.actions}/api/session`)).status, 404);
  for (const program of ['okta', 'ciba', 'fga']) {
    const answer = await send(`${stack.actions}/actions/${program}`, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } });
    assert.ok([400, 401].includes(answer.status), `${program}: ${answer.status}`);
  }
});

test('nothing of all this left a secret or a crash in the logs', () => {
  const log = stack.log();
  assert.ok(log.length > 0, 'there is no log');
  for (const value of [a.csrf, ...[...a.jar(stack.url)].map(([, v]) => v), 'alice-pw', 'countersign-web-secret', 'fga-secret', 'tenant-secret']) {
    assert.ok(!log.includes(value), `the log holds ${value.slice(0, 6)}...`);
  }
  assert.doesNotMatch(log, /AddressSanitizer|segfault|child (exited|signalled)|terminated by calling exit|error on read/i);
});
