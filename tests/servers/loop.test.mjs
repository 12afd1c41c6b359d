// The program loop and the site files, as shipped, under both servers and with both
// base paths; a probe program stands in chat's place (tests/servers/probe.c).
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const VARIANT = process.env.STACK_VARIANT ?? 'plain';
const BUILD = path.join(ROOT, 'build', VARIANT);
const STACK = path.join(ROOT, 'tests/servers/stack.sh');
const PORT = Number(process.env.E2E_PORT ?? 9110);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const HEADERS = (await run(path.join(BUILD, 'cgi-bin/health'), ['--headers'])).stdout.trim().split('\n').map((line) => {
  const at = line.indexOf(': ');
  return [line.slice(0, at).toLowerCase(), line.slice(at + 2)];
});

// health in every place but chat's: these tests are about the loop and the routing, not the programs.
function makeBuild(dir) {
  const cgi = path.join(dir, 'build/cgi-bin');
  fs.mkdirSync(cgi, { recursive: true });
  for (const name of ['login', 'callback', 'logout', 'session', 'approvals', 'action-okta', 'action-ciba', 'action-fga', 'health']) {
    fs.copyFileSync(path.join(BUILD, 'cgi-bin/health'), path.join(cgi, name));
  }
  fs.copyFileSync(path.join(BUILD, 'servers/probe'), path.join(cgi, 'chat'));
  return path.dirname(cgi);
}

// One request with the path and headers as given; header values as a list, so that doubles show.
function ask(port, target, { method = 'GET', headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const req = http.request({ host: '127.0.0.1', port, path: target, method, headers, agent: false, timeout: 20_000 }, (res) => {
      let text = '';
      res.on('data', (d) => { text += d; });
      res.on('end', () => resolve({ status: res.statusCode, headers: res.headersDistinct, text }));
      res.on('error', () => resolve({ status: res.statusCode, headers: res.headersDistinct, text, cut: true }));
    });
    req.on('timeout', () => req.destroy(new Error('no answer')));
    req.on('error', reject);
    req.end(body);
  });
}

// Bytes as they are; resolves with the first line of the answer, or '' when the server just closed.
function raw(port, bytes) {
  return new Promise((resolve) => {
    let text = '';
    const socket = net.connect(port, '127.0.0.1', () => socket.write(bytes));
    const end = () => { socket.destroy(); resolve(text.split('\r\n')[0]); };
    socket.on('data', (d) => { text += d; if (text.includes('\r\n')) end(); });
    socket.on('close', end);
    socket.on('error', end);
    socket.setTimeout(30_000, end);
  });
}

// Programs by their path, which lies in the stack's own directory; the servers as recorded.
function processesOf(dir) {
  const recorded = fs.existsSync(`${dir}/pids`) ? fs.readFileSync(`${dir}/pids`, 'utf8').trim().split('\n').map((line) => line.split(' ')[0]) : [];
  return fs.readdirSync('/proc').filter((pid) => /^\d+$/.test(pid)).filter((pid) => {
    try { return recorded.includes(pid) || fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1').startsWith(`${dir}/build/cgi-bin/`); } catch { return false; }
  });
}

// A process that has ended and that nobody has waited for yet is not one.
function alive(pid) {
  try { return !/\) Z /.test(fs.readFileSync(`/proc/${pid}/stat`, 'latin1')); } catch { return false; }
}

let taken = 0;
async function startStack(server, base) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'countersign-loop-'));
  const port = PORT + 3 * taken++;
  const build = makeBuild(dir);
  await run(STACK, ['start', server, String(port), String(port + 1), String(port + 2), base, dir, VARIANT], { env: { ...process.env, STACK_BUILD: build, STACK_TENANT: '0', STACK_WAKE: '0' } });
  return { dir, port, actions: port + 1, base, log: () => fs.readFileSync(path.join(dir, 'server.log'), 'utf8') };
}

for (const [server, base] of [['lighttpd', ''], ['lighttpd', '/prod'], ['apache', ''], ['apache', '/prod']]) {
  describe(`${server} with BASE_PATH '${base}'`, () => {
    let stack;
    before(async () => { stack = await startStack(server, base); });
    after(async () => {
      await run(STACK, ['stop', stack.dir]);
      fs.rmSync(stack.dir, { recursive: true, force: true });
    });

    test('health answers on the public listener, readiness on the loopback', async () => {
      const health = await ask(stack.port, `${base}/healthz`);
      assert.equal(health.status, 200);
      assert.deepEqual(JSON.parse(health.text), { status: 'ok' });
      const head = await ask(stack.port, `${base}/healthz`, { method: 'HEAD' });
      assert.equal(head.status, 200);
      assert.equal(head.text, '');
      assert.deepEqual(head.headers['content-type'], health.headers['content-type']);
      assert.deepEqual((await ask(stack.port, `${base}/healthz`, { method: 'POST' })).headers.allow, ['GET, HEAD']);
      const ready = await ask(stack.actions, '/readyz');
      assert.equal(ready.status, 200);
      assert.deepEqual(JSON.parse(ready.text), { status: 'ok', store: 'ok' });
    });

    test('loopback routes are nowhere else, and no header opens them', async () => {
      const tries = [{}, { Host: `127.0.0.1:${stack.actions}` }, { 'Countersign-Listener': 'loopback', 'X-Forwarded-Port': String(stack.actions), 'X-Forwarded-For': '127.0.0.1' }];
      for (const headers of tries) {
        for (const target of ['/readyz', `${base}/readyz`, '/actions/ciba', `${base}/actions/ciba`]) {
          assert.equal((await ask(stack.port, target, { headers })).status, 404, `${target} ${JSON.stringify(headers)}`);
        }
      }
      assert.equal((await ask(stack.actions, `${base}/healthz`)).status, 404);
      assert.equal((await ask(stack.actions, `${base}/api/session`)).status, 404);
    });

    test('paths match byte for byte', async () => {
      const bad = [`${base}/healthz/`, `${base}/healthzx`, `${base}//healthz`, `/${base}/healthz`.replace('///', '//'), `${base}/x/../healthz`, `${base}/./healthz`, `${base}/%68ealthz`, `${base}/healthz%00`, `${base}/healthz%2f`, `${base}/HEALTHZ`, `${base}/api/turns/a%2fb/events`, `${base}/api/turns/a/b/events`, `${base}/api/turns//events`, `${base}/api/chatx`];
      if (base) bad.push('/healthz', `${base}x/healthz`);
      for (const target of bad) {
        const { status } = await ask(stack.port, target);
        // a server may refuse an odd path itself, with 400 or 403; never may it reach a handler
        assert.ok([400, 403, 404].includes(status), `${target}: ${status}`);
      }
    });

    test('pages, styles and programs carry the same security headers, once', async () => {
      for (const [target, status] of [['/', 200], ['/chat', 200], ['/dashboard', 200], ['/css/base.css', 200], ['/js/chat.js', 200], ['/no-such-page', 404], ['/healthz', 200], ['/healthz/%2e', 404], ['/api/chat', 405]]) {
        const { status: got, headers } = await ask(stack.port, base + target);
        assert.equal(got, status, target);
        for (const [name, value] of HEADERS) assert.deepEqual(headers[name], [value], `${target} ${name}`);
        assert.equal(headers['strict-transport-security'], undefined);
      }
    });

    test('pages are not kept, styles are asked for again with their ETag', async () => {
      for (const target of ['/', '/chat', '/dashboard']) {
        const page = await ask(stack.port, base + target);
        assert.deepEqual(page.headers['cache-control'], ['no-store'], target);
        assert.match(page.headers['content-type'][0], /^text\/html; ?charset=utf-8$/);
      }
      const style = await ask(stack.port, `${base}/css/base.css`);
      assert.deepEqual(style.headers['cache-control'], ['no-cache']);
      assert.equal((await ask(stack.port, `${base}/css/base.css`, { headers: { 'If-None-Match': style.headers.etag[0] } })).status, 304);
      assert.match((await ask(stack.port, `${base}/js/chat.js`)).headers['content-type'][0], /^text\/javascript/);
      const missing = await ask(stack.port, `${base}/nothing`);
      assert.match(missing.text, /There is no such page/);
    });

    test('nothing but html/ is served', async () => {
      for (const target of ['/countersign.conf', '/../countersign.conf', '/run/lighttpd.pid', '/lighttpd.pid', '/apache.pid', '/css/', '/%2e%2e/lighttpd/countersign.conf', '/..%2f..%2fMakefile', '/cgi-bin/health', '/health']) {
        const { status, text } = await ask(stack.port, base + target);
        assert.ok(status >= 400, `${target}: ${status}`);
        assert.doesNotMatch(text, /DATABASE|COUNTERSIGN_/);
      }
    });

    test('row 56: a lying, absent, huge or negative Content-Length is a 4xx', async () => {
      const post = (headers, body = '') => raw(stack.port, `POST ${base}/api/chat HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers}\r\n${body}`);
      assert.match(await post('Content-Length: -1\r\n'), / 4\d\d /);
      assert.match(await post('Content-Length: 1x\r\n'), / 4\d\d /);
      assert.match(await post('Content-Length: 99999999999999999999\r\n'), / 4\d\d /);
      assert.match(await post('Content-Length: 100000\r\n', 'x'.repeat(100000)), / 413 /);
      assert.match(await post('Content-Length: 1\r\nContent-Length: 2\r\n', 'xx'), / 4\d\d /);
      const sent = await ask(stack.port, `${base}/api/chat`, { method: 'POST', body: 'x'.repeat(65536) });
      assert.equal(sent.status, 200);
      assert.equal(JSON.parse(sent.text).length, 65536);
      assert.equal((await ask(stack.port, `${base}/api/chat`, { method: 'POST', body: 'x'.repeat(65537) })).status, 413);
      assert.equal((await ask(stack.port, `${base}/api/chat`, { method: 'PUT', body: 'x' })).status, 405);
    });

    test('rows 55 and 57 and 58: odd headers, cookies and queries neither crash nor matter', async () => {
      for (const headers of [{ Proxy: 'http://127.0.0.1:1/' }, { X_Forwarded_User: 'alice' }, { Cookie: '' }, { Cookie: ';;;=; =' }, { Cookie: 'a=b; '.repeat(1500) }]) {
        assert.equal((await ask(stack.port, `${base}/healthz`, { headers })).status, 200, JSON.stringify(headers).slice(0, 60));
      }
      const huge = await ask(stack.port, `${base}/healthz`, { headers: { Cookie: 'a'.repeat(65536) } }).catch((e) => ({ status: e.code }));
      assert.ok([400, 413, 431, 'ECONNRESET', 'EPIPE'].includes(huge.status), String(huge.status));
      assert.match(await raw(stack.port, `GET ${base}/healthz HTTP/1.1\r\nHost: x\r\nCookie: a=\0b\r\n\r\n`), /^$| 400 /);
      for (const query of ['&', '=', '%', '%zz', '&&=&', 'x'.repeat(4000)]) {
        assert.equal((await ask(stack.port, `${base}/healthz?${query}`)).status, 200, query.slice(0, 20));
      }
      assert.equal((await ask(stack.port, `${base}/healthz`)).status, 200);
    });

    test('row 35: a state-changing request without session or token is refused, GET on it is 405', async () => {
      assert.equal((await ask(stack.port, `${base}/api/turns/x/cancel`)).status, 405);
      const refused = await ask(stack.port, `${base}/api/turns/x/cancel`, { method: 'POST', headers: { 'Content-Length': '0', 'X-CSRF-Token': 'x' } });
      assert.equal(refused.status, 401);
      assert.equal(JSON.parse(refused.text).error, 'signed_out');
    });

    test('each request is one JSON log line, without its query', async () => {
      const marker = 'code=Secret-In-The-Query';
      const { headers } = await ask(stack.port, `${base}/healthz?${marker}`);
      const id = headers['x-request-id'][0];
      await sleep(100);
      const lines = stack.log().split('\n').filter((line) => line.includes(id));
      assert.equal(lines.length, 1);
      const { time, ms, ...line } = JSON.parse(lines[0]);
      assert.deepEqual(line, { level: 'info', program: 'health', request_id: id, message: 'request', method: 'GET', route: '/healthz', status: 200, note: null });
      assert.ok(!stack.log().includes('Secret-In-The-Query'));
    });

    test('open streams starve nobody', async () => {
      const open = Array.from({ length: 12 }, () => ask(stack.port, `${base}/api/turns/x/events`, { headers: { Accept: 'text/event-stream' } }));
      await sleep(300);
      const began = Date.now();
      const answer = await ask(stack.port, `${base}/api/chat`, { method: 'POST', body: 'x' });
      assert.equal(answer.status, 200);
      assert.ok(Date.now() - began < 3000);
      // under mod_fcgid they end drained; under lighttpd the next test ends them
      if (server === 'apache') {
        for (const { status, text } of await Promise.all(open)) {
          assert.equal(status, 200);
          assert.match(text, /^id: 1\nevent: turn\ndata: \{"id":"x"\}\n\n/);
        }
      } else {
        open.forEach((p) => p.catch(() => {}));
      }
    });

    test('a stop with open streams ends within 5 s and leaves no process', async () => {
      const open = ask(stack.port, `${base}/api/turns/x/events`).catch(() => null);
      await sleep(300);
      const running = processesOf(stack.dir);
      assert.ok(running.length > 1);
      const began = Date.now();
      await run(STACK, ['stop', stack.dir]);
      assert.ok(Date.now() - began < 5000, `${Date.now() - began} ms`);
      assert.deepEqual(processesOf(stack.dir), []);
      assert.deepEqual(running.filter(alive), []);
      await open;
    });
  });
}

describe('a program by itself, on a socket of its own', () => {
  let dir;
  let socket;
  const children = [];
  before(async () => {
    dir = fs.mkdtempSync(path.join(os.tmpdir(), 'countersign-loop-'));
    await run(path.join(ROOT, 'deploy/dev/configure.sh'), [dir, '8080', '8081', '9000', '', BUILD]);
    socket = path.join(dir, 'probe.sock');
  });
  after(() => {
    for (const child of children) child.kill('SIGKILL');
    fs.rmSync(dir, { recursive: true, force: true });
  });

  function start(env = {}) {
    fs.rmSync(socket, { force: true });
    const child = spawn(path.join(BUILD, 'servers/probe'), ['--listen', socket], { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, COUNTERSIGN_CONFIG: path.join(dir, 'countersign.conf'), ...env } });
    child.log = '';
    child.stderr.on('data', (d) => { child.log += d; });
    child.ended = new Promise((resolve) => { child.on('exit', (code, signal) => resolve({ code, signal })); });
    children.push(child);
    return child;
  }
  const call = async (uri, method = 'GET') => {
    await until(() => fs.existsSync(socket));
    const child = spawn('cgi-fcgi', ['-bind', '-connect', socket], { env: { ...process.env, REQUEST_METHOD: method, REQUEST_URI: uri }, stdio: ['ignore', 'pipe', 'ignore'] });
    child.text = '';
    child.stdout.on('data', (d) => { child.text += d; });
    child.ended = new Promise((resolve) => { child.on('close', () => resolve(child.text)); });
    children.push(child);
    return child;
  };
  const until = async (condition) => { for (let i = 0; i < 200 && !condition(); i++) await sleep(20); assert.ok(condition()); };

  for (const signal of ['SIGTERM', 'SIGINT']) {
    test(`${signal} ends it with exit 0 within 5 s, streams with a comment, a request in hand answered`, async () => {
      const program = start();
      const stream = await call('/api/turns/x/events');
      await until(() => stream.text.includes('data: {"id":"x"}'));
      const slow = await call('/api/conversations');
      await sleep(200);
      const began = Date.now();
      program.kill(signal);
      const end = await program.ended;
      assert.deepEqual(end, { code: 0, signal: null }, program.log);
      assert.ok(Date.now() - began < 5000);
      assert.match(await stream.ended, /: closing\n\n$/);
      assert.match(await slow.ended, /^Status: 200 OK[\s\S]*"length"/);
    });
  }

  test('a request that does not end holds the stop up for less than 5 s', async () => {
    const program = start({ PROBE_SLOW_SECONDS: '30' });
    await call('/api/conversations');
    await sleep(300);
    const began = Date.now();
    program.kill('SIGTERM');
    assert.deepEqual(await program.ended, { code: 0, signal: null });
    assert.ok(Date.now() - began < 5000);
    assert.match(program.log, /stopped with work unfinished/);
  });

  test('it starts at once, and an idle one stops at once', async () => {
    const program = start();
    const began = Date.now();
    assert.match(await (await call('/api/chat')).ended, /^Status: 405 /);
    assert.ok(Date.now() - began < 1000);
    const stop = Date.now();
    program.kill('SIGTERM');
    assert.deepEqual(await program.ended, { code: 0, signal: null });
    assert.ok(Date.now() - stop < 500);
  });

  test('SIGTERM while it opens its store ends it with exit 0', async () => {
    // another process holds the file so that the very first look at it waits
    const locked = path.join(dir, 'locked.db');
    fs.rmSync(locked, { force: true });
    const holder = spawn('sqlite3', [locked], { stdio: ['pipe', 'pipe', 'inherit'] });
    children.push(holder);
    let said = '';
    holder.stdout.on('data', (d) => { said += d; });
    holder.stdin.write('PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE x (y); SELECT \'held\';\n');
    await until(() => said.includes('held'));
    const program = start({ DATABASE: locked });
    await until(() => fs.existsSync(socket));
    await sleep(500);
    assert.equal(program.exitCode, null, program.log);
    const began = Date.now();
    program.kill('SIGTERM');
    assert.deepEqual(await program.ended, { code: 0, signal: null }, program.log);
    assert.ok(Date.now() - began < 5000);
    holder.stdin.end('.quit\n');
  });

  test('a peer that connects and says nothing holds no other request up', async () => {
    const program = start({ COUNTERSIGN_THREADS: '2' });
    await until(() => fs.existsSync(socket));
    const silent = net.connect(socket);
    await sleep(100);
    assert.match(await (await call('/api/chat')).ended, /^Status: 405 /);
    silent.destroy();
    program.kill('SIGTERM');
    assert.deepEqual(await program.ended, { code: 0, signal: null });
  });
});
