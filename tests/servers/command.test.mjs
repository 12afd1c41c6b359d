// bin/countersign as an operator types it: on a directory of its own for what needs no
// stack, and on a running stack for the audit log, key rotation and the epoch.  Damage
// is done to copies of the database, with sqlite3, as one who can write the file would.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Browser } from '../e2e/lib/http.mjs';
import { Person, until } from '../e2e/lib/play.mjs';
import { startStack } from '../e2e/lib/stack.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const COMMAND = path.join(ROOT, 'build/plain/bin/countersign');
const QUESTION = "What are the Okta groups for user 'bob@example.test'?";
const SUBCOMMANDS = ['keygen', 'check-config', 'audit verify', 'audit show', 'sessions list', 'sessions end-all', 'sessions allow-again', 'epoch new'];
let dir, stack, browser, alice, copies = 0;

before(async () => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'countersign-command-'));
  stack = await startStack({ server: 'lighttpd', base: '' });
  browser = new Browser(stack);
  alice = new Person(browser);
  await browser.signIn();
  await ask();
});
after(async () => {
  await stack?.stop();
  if (dir) fs.rmSync(dir, { recursive: true, force: true });
});

// The environment stands over the configuration: so it is not passed on.
function countersign(args, config) {
  const env = { PATH: process.env.PATH, ...(config ? { COUNTERSIGN_CONFIG: config } : {}) };
  const { status, stdout, stderr } = spawnSync(COMMAND, args, { env, encoding: 'utf8', timeout: 60_000 });
  return { status, stdout, stderr };
}
const live = () => path.join(stack.dir, 'countersign.conf');
const sqlite = (file, statements) => execFileSync('sqlite3', ['-cmd', '.timeout 5000', file, statements], { encoding: 'utf8', timeout: 20_000 }).trim();
const database = () => path.join(stack.dir, 'db/countersign.db');

async function ask() {
  const { turn } = await alice.ask(QUESTION);
  assert.match(await alice.text(turn), /Engineering/);
}

// A copy of the live database after `statements`, and the configuration that names it.
function damaged(statements) {
  const copy = path.join(dir, `copy-${copies++}.db`);
  sqlite(database(), `.backup '${copy}'`);
  sqlite(copy, `DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete; ${statements}`);
  const config = `${copy}.conf`;
  fs.writeFileSync(config, fs.readFileSync(live(), 'utf8').replace(/^DATABASE=.*$/m, `DATABASE=${copy}`), { mode: 0o600 });
  return config;
}

function verified(config = live()) {
  const answer = countersign(['audit', 'verify', '--json'], config);
  assert.equal(answer.status, 0, answer.stdout + answer.stderr);
  return JSON.parse(answer.stdout);
}

test('every subcommand has --help, needs nothing for it, and exits 0', () => {
  const all = countersign(['--help']);
  assert.equal(all.status, 0);
  const listed = [...all.stdout.matchAll(/^([a-z-]+(?: [a-z][a-z-]*)?)(?= (?:\[|--))/gm)].map((m) => m[1]);
  assert.deepEqual(listed, SUBCOMMANDS);
  for (const name of SUBCOMMANDS) {
    const help = countersign([...name.split(' '), '--help']);
    assert.equal(help.status, 0, name);
    assert.match(help.stdout, new RegExp(`^${name} `, 'm'));
    assert.equal(help.stderr, '', name);
  }
});

test('an unknown subcommand, word or option is wrong usage: exit 2, told on stderr', () => {
  for (const args of [['keygenn'], [], ['audit'], ['audit', 'mend'], ['epoch'], ['epoch', 'old'], ['keygen', '--force'], ['keygen', '--keep', '5'],
    ['audit', 'verify', '--from', '1'], ['audit', 'show', '--from', 'x'], ['audit', 'verify', '--head', 'ab']]) {
    const answer = countersign(args, live());
    assert.equal(answer.status, 2, args.join(' '));
    assert.match(answer.stderr, /usage: countersign/, args.join(' '));
    assert.equal(answer.stdout, '', args.join(' '));
  }
  assert.match(countersign(['keygenn']).stderr, /no such command: keygenn/);
});

test('a configuration with two faults: both are told with their lines, exit 3', () => {
  const sound = countersign(['check-config'], live());
  assert.equal(sound.status, 0, sound.stderr);
  const text = fs.readFileSync(live(), 'utf8');
  const line = text.split('\n').length; // the first that is added
  const config = path.join(dir, 'faulty.conf');
  fs.writeFileSync(config, `${text}NO_SUCH_NAME=1\n# between them\njust words\n`, { mode: 0o600 });
  const told = [`${config}:${line}: `, `${config}:${line + 2}: `];
  const one = countersign(['check-config', 'session'], config);
  const itself = spawnSync(path.join(ROOT, 'build/plain/cgi-bin/session'), ['--check'], { env: { PATH: process.env.PATH, COUNTERSIGN_CONFIG: config }, encoding: 'utf8', timeout: 30_000 });
  for (const { status, stderr } of [one, itself]) {
    assert.equal(status, 3, stderr);
    const problems = stderr.trim().split('\n');
    assert.equal(problems.length, 2, stderr);
    told.forEach((place, i) => assert.ok(problems[i].startsWith(place), stderr));
    assert.match(problems[0], /NO_SUCH_NAME/);
  }
  assert.match(one.stdout, /^session: not ok/m);
  const every = countersign(['check-config', '--json'], config);
  assert.equal(every.status, 3);
  const { programs } = JSON.parse(every.stdout);
  assert.ok(Object.keys(programs).length >= 9 && Object.values(programs).every((ok) => ok === false), every.stdout);
});

test('keygen makes rings that only their owner reads, says what, and a second one changes nothing', () => {
  const keys = path.join(dir, 'keys');
  const first = countersign(['keygen', '--dir', keys]);
  assert.equal(first.status, 0, first.stderr);
  const names = fs.readdirSync(keys).sort();
  for (const name of ['audit.ring', 'invocation.ring', 'session.ring', 'ticket.ring']) assert.ok(names.includes(name), name);
  assert.deepEqual(first.stdout.trim().split('\n').sort(), names.map((name) => `${keys}/${name}: made`));
  assert.equal(fs.statSync(keys).mode & 0o777, 0o700);
  for (const name of names) assert.equal(fs.statSync(path.join(keys, name)).mode & 0o777, 0o400, name);
  const contents = () => names.map((name) => fs.readFileSync(path.join(keys, name), 'hex'));
  const made = contents();
  assert.equal(new Set(made).size, names.length, 'two kinds have the same ring');
  const second = countersign(['keygen', '--dir', keys]);
  assert.equal(second.status, 0, second.stderr);
  assert.deepEqual(second.stdout.trim().split('\n').sort(), names.map((name) => `${keys}/${name}: already there`));
  assert.deepEqual(contents(), made);
  assert.deepEqual(JSON.parse(countersign(['keygen', '--json', '--dir', keys]).stdout), { made: [] });
  assert.deepEqual(fs.readdirSync(keys).sort(), names, 'something was left beside the rings');
});

test('keygen --kind makes that ring only, and refuses a kind that there is not', () => {
  const keys = path.join(dir, 'one');
  assert.equal(countersign(['keygen', '--dir', keys, '--kind', 'sessions']).status, 2);
  assert.ok(!fs.existsSync(keys));
  assert.deepEqual(JSON.parse(countersign(['keygen', '--dir', keys, '--kind', 'audit', '--json']).stdout), { made: ['audit'] });
  assert.deepEqual(fs.readdirSync(keys), ['audit.ring']);
});

test('audit show --json is one JSON value per line, in the order of their numbers', () => {
  const shown = countersign(['audit', 'show', '--json'], live());
  assert.equal(shown.status, 0, shown.stderr);
  const rows = shown.stdout.trim().split('\n').map((l) => JSON.parse(l));
  assert.deepEqual(rows.map((r) => r.seq), rows.map((_, i) => i + 1));
  assert.equal(rows.length, Number(sqlite(database(), 'SELECT count(*) FROM audit')));
  for (const event of ['intent', 'outcome']) assert.ok(rows.some((r) => r.event === event), event);
  const rest = countersign(['audit', 'show', '--json', '--from', '2'], live()).stdout.trim().split('\n');
  assert.deepEqual(rest.map((l) => JSON.parse(l)), rows.slice(1));
});

test('audit verify: 0 on a sound log, whose head the programs logged', () => {
  const report = verified();
  assert.equal(report.ok, true);
  assert.equal(report.entries, Number(sqlite(database(), 'SELECT count(*) FROM audit')));
  assert.ok(report.entries >= 2);
  assert.ok(stack.log().includes(report.head), 'the head is not in the log');
  assert.equal(countersign(['audit', 'verify', '--head', report.head], live()).status, 0);
  assert.equal(countersign(['audit', 'verify', '--head', 'ab'.repeat(32)], live()).status, 1);
  assert.equal(verified(damaged('')).head, report.head, 'a copy is as good');
});

test('audit verify: 1 after an entry was edited, each of its columns', () => {
  const edits = ['at = at + 1', "event = event || 'x'", "invocation = invocation || 'x'", "request_id = request_id || 'x'", "detail = detail || ' '", 'key_id = key_id + 1', 'mac = zeroblob(32)'];
  for (const edit of edits) {
    const config = damaged(`UPDATE audit SET ${edit} WHERE seq = 2;`);
    const answer = countersign(['audit', 'verify'], config);
    assert.equal(answer.status, 1, edit + answer.stdout + answer.stderr);
    assert.match(answer.stdout, /^NOT VERIFIED at entry 2: /, edit);
    assert.equal(JSON.parse(countersign(['audit', 'verify', '--json'], config).stdout).ok, false);
  }
});

test('audit verify --head: 1 after the last rows were deleted and the stored head was set back', () => {
  const { head, entries } = verified();
  const config = damaged(`DELETE FROM audit WHERE seq > ${entries - 1};
    UPDATE audit_head SET (seq, mac) = (SELECT seq, mac FROM audit ORDER BY seq DESC LIMIT 1);`);
  assert.equal(verified(config).entries, entries - 1, 'what is left is a sound chain: only a logged head tells');
  const answer = countersign(['audit', 'verify', '--head', head], config);
  assert.equal(answer.status, 1, answer.stdout + answer.stderr);
  assert.match(answer.stdout, /NOT VERIFIED/);
});

test('a database that is not there is a wrong configuration, not an empty log', () => {
  const config = path.join(dir, 'nowhere.conf');
  fs.writeFileSync(config, fs.readFileSync(live(), 'utf8').replace(/^DATABASE=.*$/m, `DATABASE=${dir}/nowhere.db`), { mode: 0o600 });
  for (const args of [['audit', 'verify'], ['audit', 'show'], ['epoch', 'new']]) {
    const answer = countersign(args, config);
    assert.equal(answer.status, 3, args.join(' '));
    assert.match(answer.stderr, /nowhere\.db/);
  }
  assert.ok(!fs.existsSync(path.join(dir, 'nowhere.db')));
});

test('keygen --rotate: a new key in front; what was sealed before still opens', async () => {
  const before_ = verified();
  const keys = path.join(stack.dir, 'keys');
  const old = fs.readFileSync(path.join(keys, 'audit.ring'), 'hex');
  const rotated = countersign(['keygen', '--rotate'], live());
  assert.equal(rotated.status, 0, rotated.stderr);
  assert.deepEqual(rotated.stdout.trim().split('\n').sort(), fs.readdirSync(keys).sort().map((name) => `${keys}/${name}: new key in front`));
  assert.notEqual(fs.readFileSync(path.join(keys, 'audit.ring'), 'hex'), old);
  for (const name of fs.readdirSync(keys)) assert.equal(fs.statSync(path.join(keys, name)).mode & 0o777, 0o400, name);
  assert.equal(verified().head, before_.head, 'the entries of before verify');
  assert.equal((await browser.request('/api/session')).status, 200, 'the session of before is open');
  // Running programs notice by themselves: then one chain goes over both keys.
  await until('entries are made with the new key', async () => {
    await ask();
    return Number(sqlite(database(), 'SELECT count(DISTINCT key_id) FROM audit')) === 2;
  }, 60_000, 2000); // they look every half minute
  const now = verified();
  assert.ok(now.entries > before_.entries);
  assert.equal(countersign(['audit', 'verify', '--head', before_.head], live()).status, 0);
});

test('epoch new says so, voids every session, and leaves the audit log', async () => {
  const { head } = verified();
  const cookie = [...browser.jar(stack.url)].map(([k, v]) => `${k}=${v}`).join('; ');
  const session = () => browser.request('/api/session', { headers: { cookie } });
  assert.equal((await session()).status, 200);
  const answer = countersign(['epoch', 'new'], live());
  assert.equal(answer.status, 0, answer.stderr);
  assert.match(answer.stdout, /^A new epoch/);
  assert.equal((await session()).status, 401);
  assert.equal(countersign(['audit', 'verify', '--head', head], live()).status, 0);
  assert.ok(await new Browser(stack).signIn(), 'who signs in again has a session');
});
