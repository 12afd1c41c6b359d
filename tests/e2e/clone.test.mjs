// runs: lighttpd
// As a new user: a fresh clone, `make start`, the story's first sentences over HTTP,
// `make stop`, and no process of it is left.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Browser, send } from './lib/http.mjs';
import { Person, Tenant } from './lib/play.mjs';

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

test('make help lists the targets', () => {
  const help = make('help').stdout;
  for (const target of ['run', 'start', 'stop', 'test', 'clean']) assert.match(help, new RegExp(`make ${target}`));
});
