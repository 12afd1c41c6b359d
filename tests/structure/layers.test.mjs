// The shape of the source: includes only point down, one user of libcurl, no
// banned call, and programs that link only what their place allows.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PROGRAMS = path.join(ROOT, 'build/plain/cgi-bin');

// Each module and what it may include besides itself.
const CORE = ['base', 'crypto', 'net', 'aws', 'store'];
const ALLOWED = {
  base: [],
  crypto: ['base'],
  net: ['base', 'crypto'],
  aws: ['base', 'crypto', 'net'],
  store: ['base', 'crypto', 'net', 'aws'],
  identity: CORE,
  authz: CORE,
  okta: CORE,
  catalogue: CORE,
  guard: [...CORE, 'identity', 'authz', 'okta', 'catalogue'],
  web: [...CORE, 'identity', 'catalogue'],
  agent: [...CORE, 'identity', 'catalogue', 'web'],
};

function sources(dir, pattern = /\.[ch]$/) {
  return fs.readdirSync(path.join(ROOT, dir), { withFileTypes: true }).flatMap((entry) => {
    const name = path.join(dir, entry.name);
    return entry.isDirectory() ? sources(name, pattern) : pattern.test(name) ? [name] : [];
  });
}
const read = (name) => fs.readFileSync(path.join(ROOT, name), 'utf8');
const code = (name) => read(name).replace(/\/\*[\s\S]*?\*\//g, '').replace(/\/\/.*$/gm, '').replace(/"(?:[^"\\\n]|\\.)*"/g, '""');

test('includes only point down', () => {
  const files = sources('lib');
  assert.ok(files.length > 50, `only ${files.length} files found`);
  for (const file of files) {
    const module = file.split(path.sep)[1];
    assert.ok(module in ALLOWED, `${file}: a module without a place in the layers`);
    for (const [, included] of read(file).matchAll(/^#include "([^"]+)"/gm)) {
      if (included === 'sql.inc') continue;
      const from = included.split('/')[0];
      assert.ok(from === module || ALLOWED[module].includes(from), `${file} includes ${included}`);
    }
  }
});

test('the agent knows of identity only the session', () => {
  for (const file of sources('lib/agent')) {
    for (const [, included] of read(file).matchAll(/^#include "(identity\/[^"]+)"/gm)) assert.equal(included, 'identity/session.h', file);
  }
});

test('only net includes libcurl, only crypto includes cjose, only web includes libfcgi', () => {
  for (const [header, home] of [[/<curl\//, 'lib/net/'], [/<cjose\//, 'lib/crypto/'], [/<fcg/, 'lib/web/'], [/<sqlite3/, 'lib/store/']]) {
    for (const file of [...sources('lib'), ...sources('cgi-bin'), ...sources('bin')]) {
      if (header.test(read(file))) assert.ok(file.startsWith(home), `${file} includes ${header}`);
    }
  }
});

test('functions the project does without are not called', () => {
  const banned = /\b(strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|strtok|system|popen|alloca|rand)\s*\(/;
  for (const file of [...sources('lib'), ...sources('cgi-bin'), ...sources('bin')]) {
    const m = banned.exec(code(file));
    assert.equal(m, null, `${file} calls ${m?.[1]}`);
  }
});

test('protocol code reads no clock and draws no randomness', () => {
  for (const module of ['crypto', 'aws', 'catalogue']) {
    for (const file of sources(`lib/${module}`)) {
      if (/random\.[ch]$/.test(file)) continue;
      const m = /\b(clock_now|clock_gettime|time|gettimeofday|random_bytes|RAND_bytes)\s*\(/.exec(code(file));
      if (m && /keyring_generate\.c$/.test(file) && m[1] === 'random_bytes') continue; // making keys is drawing
      assert.equal(m, null, `${file} calls ${m?.[1]}`);
    }
  }
});

function symbols(program) {
  const file = path.join(PROGRAMS, program);
  assert.ok(fs.existsSync(file), `${file} is not built`);
  return execFileSync('nm', ['--defined-only', file], { encoding: 'utf8', maxBuffer: 1 << 26 })
    .split('\n').map((line) => line.split(' ').pop());
}

test("chat's binary links no guard, FGA, CIBA, Okta or token code", () => {
  const found = symbols('chat').filter((s) => /^(guard_|fga_|ciba_|okta_|vault_|invocation_|oidc_|session_tokens_|audit_)/.test(s));
  assert.deepEqual(found, []);
  // and the pattern does find them where they belong, so that it cannot pass by being wrong
  const there = symbols('action-ciba');
  for (const prefix of ['guard_', 'fga_', 'ciba_', 'okta_', 'vault_', 'invocation_', 'audit_']) {
    assert.ok(there.some((s) => s.startsWith(prefix)), `action-ciba has no ${prefix}`);
  }
});

test('approvals links no FGA, CIBA, Okta calls and no guard', () => {
  const found = symbols('approvals').filter((s) => /^(guard_run|guard_open|fga_|ciba_|okta_(reset|user_by|unlock|group_add)|vault_|oidc_)/.test(s));
  assert.deepEqual(found, []);
});

test('every program opens only the key rings of its table row', () => {
  const rings = (program) => [...code(`cgi-bin/${program}.c`).matchAll(/KIND_BIT\((KIND_\w+)\)/g)].map((m) => m[1]);
  for (const kind of ['KIND_TOKENS', 'KIND_INVOCATION', 'KIND_AUDIT', 'KIND_LOGIN', 'KIND_CACHE']) {
    assert.ok(!rings('chat').includes(kind), `chat opens ${kind}`);
  }
  for (const kind of ['KIND_TURN', 'KIND_TOKENS', 'KIND_TICKET', 'KIND_AUDIT']) {
    assert.ok(!rings('approvals').includes(kind), `approvals opens ${kind}`);
  }
  assert.ok(rings('chat').includes('KIND_TURN'));
  assert.ok(rings('approvals').includes('KIND_INVOCATION'));
  assert.deepEqual(rings('action-fga').filter((k) => k === 'KIND_TURN'), []);
});

test('lock files record no download address', () => {
  for (const file of ['tenant/package-lock.json', 'tests/package-lock.json']) assert.doesNotMatch(read(file), /"resolved"/, file);
});
