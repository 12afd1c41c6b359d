// runs: lighttpd
// As a new user: a fresh clone, `make start`, the story's first sentences over HTTP,
// `make stop`, and no process of it is left; the same after Ctrl-C in `make run`.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Browser, send } from './lib/http.mjs';
import { Person, Tenant, until } from './lib/play.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PORT = Number(process.env.E2E_PORT ?? 23900);
const BOB = 'bob@example.test';
let dir, env;

before(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'countersign-clone-'));
  execFileSync('git', ['clone', '-q', ROOT, path.join(dir, 'countersign')]);
  env = { ...process.env, PORT: String(PORT), ACTIONS_PORT: String(PORT + 1), TENANT_PORT: String(PORT + 2) };
  for (const name of Object.keys(env)) if (/^(E2E_|STACK_|COUNTERSIGN_|MAKE|MFLAGS|NODE_|VARIANT|TENANT_RP)/.test(name)) delete env[name];
});
after(() => {
  make('stop');
  fs.rmSync(dir, { recursive: true, force: true });
});

const make = (...args) => spawnSync('make', args, { cwd: path.join(dir, 'countersign'), env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 280_000 });

// Processes that run from the clone or were given its configuration.
function processes() {
  return fs.readdirSync('/proc').filter((p) => /^\d+$/.test(p) && Number(p) !== process.pid).filter((p) => {
    const read = (name) => { try { return fs.readFileSync(`/proc/${p}/${name}`, 'utf8'); } catch { return ''; } };
    if (/^State:\s+Z/m.test(read('status'))) return false;
    return read('cmdline').includes(dir) || read('environ').includes(dir);
  }).map((p) => `${p} ${fs.readFileSync(`/proc/${p}/cmdline`, 'utf8').replaceAll('\0', ' ')}`);
}

test('make start builds, makes keys and database, starts all, and tells what to type', () => {
  const started = make('start');
  assert.equal(started.status, 0, `${started.stdout}\n${started.stderr}`.slice(-3000));
  for (const want of [`http://localhost:${PORT}`, 'alice@example.test', 'alice-pw', '/phone']) assert.ok(started.stdout.includes(want), want);
});

test('the page is there and the story works', async () => {
  const stack = { url: `http://localhost:${PORT}`, tenant: `http://127.0.0.1:${PORT + 2}` };
  assert.match((await send(`${stack.url}/`)).text, /Countersign/);
  const tenant = new Tenant(stack.tenant);
  const browser = new Browser(stack);
  await browser.signIn();
  const alice = new Person(browser);
  const groups = await alice.ask(`What are the Okta groups for user '${BOB}'?`);
  assert.match(await alice.text(groups.turn), /Engineering/);
  const { turn } = await alice.ask(`Reset password for user '${BOB}'`);
  await tenant.approve((await tenant.phone()).id);
  await alice.finished(turn);
  assert.equal(await tenant.resets(BOB), 1);
});

test('a second make start says that it runs already; the set-up is quick when nothing is missing', () => {
  const started = Date.now();
  const again = make('start');
  assert.notEqual(again.status, 0);
  assert.match(again.stdout + again.stderr, /already running/);
  assert.ok(Date.now() - started < 20_000);
});

test('make stop leaves no process behind', () => {
  assert.ok(processes().length > 5, 'nothing was found running: the search is wrong');
  const stopped = make('stop');
  assert.equal(stopped.status, 0, stopped.stderr);
  assert.deepEqual(processes(), []);
});

// A terminal sends Ctrl-C to the whole foreground group, so the test does too.
test('make run tells the address, answers, and Ctrl-C leaves no process behind', async () => {
  const child = spawn('make', ['run'], { cwd: path.join(dir, 'countersign'), env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let ended = false;
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (d) => { out += d; });
  child.on('exit', () => { ended = true; });
  try {
    await until('make run tells its address', () => ended || out.includes(`http://localhost:${PORT}/`), 60_000);
    assert.ok(!ended, out.slice(-3000));
    assert.match((await send(`http://localhost:${PORT}/`)).text, /Countersign/);
    await until('it is ready for Ctrl-C', () => out.includes('Ctrl-C ends it'));
    assert.ok(processes().length > 5, 'nothing was found running: the search is wrong');
    process.kill(-child.pid, 'SIGINT');
    await until('make run ends', () => ended, 10_000);
    assert.deepEqual(processes(), []);
  } finally {
    if (!ended) process.kill(-child.pid, 'SIGKILL');
  }
});

test('make help lists the targets', () => {
  const help = make('help').stdout;
  for (const target of ['run', 'start', 'stop', 'test', 'clean']) assert.match(help, new RegExp(`make ${target}`));
});
