// The site files against the programs: the same routes and the same headers.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BUILD = path.join(ROOT, 'build', process.env.STACK_VARIANT ?? 'plain', 'cgi-bin');
const LIGHTTPD = fs.readFileSync(path.join(ROOT, 'lighttpd/countersign.conf'), 'utf8');
const APACHE = fs.readFileSync(path.join(ROOT, 'apache/countersign.conf'), 'utf8');
const SOURCES = fs.readdirSync(path.join(ROOT, 'cgi-bin')).filter((f) => f.endsWith('.c')).map((f) => f.slice(0, -2)).sort();

const ask = (program, option) => execFileSync(path.join(BUILD, program), [option], { encoding: 'utf8' }).trim().split('\n');

// `listener program pattern` of every route, from the tables.
function fromPrograms() {
  const routes = new Set();
  for (const program of SOURCES) {
    for (const line of ask(program, '--routes')) {
      const [, pattern, demands] = line.split(' ');
      routes.add(`${demands.split(',').includes('loopback') ? 'loopback' : 'public'} ${program} ${pattern}`);
    }
  }
  return [...routes].sort();
}

const expand = (listener, program, alternatives) => alternatives.split('|').map((one) => {
  const pattern = one.replaceAll('[A-Za-z0-9_-]+', '{id}');
  assert.match(pattern, /^(\/[a-z{}-]+)+$/, `not a plain alternative: ${one}`);
  return `${listener} ${program} ${pattern}`;
});

function fromLighttpd() {
  const [publicPart, loopbackPart] = LIGHTTPD.split('$SERVER["socket"] == var.loopback');
  const of = (listener, text) => [...text.matchAll(/\$HTTP\["url"\] =~ (?:"\^" \+ var\.base \+ "|"\^)\(\?:([^\n]+)\)\$" \{([\s\S]*?)\n {4}\}/g)]
    .filter(([, , body]) => body.includes('fastcgi.server'))
    .flatMap(([, alternatives, body]) => expand(listener, /cgi \+ "\/([a-z-]+)"|run \+ "\/([a-z-]+)\.sock-0"/.exec(body).slice(1).find(Boolean), alternatives));
  assert.equal((LIGHTTPD.match(/^\s+fastcgi\.server/gm) ?? []).length, [...LIGHTTPD.matchAll(/\$HTTP\["url"\] =~ [^\n]*\n(?:\s+(?:#|server\.stream)[^\n]*\n)*\s+(?:#[^\n]*\n\s+)?fastcgi\.server/g)].length, 'a fastcgi.server outside an anchored condition');
  return [...of('public', publicPart), ...of('loopback', loopbackPart)].sort();
}

function fromApache() {
  const [publicPart, loopbackPart] = APACHE.split('<VirtualHost 127.0.0.1:');
  const of = (listener, text) => [...text.matchAll(/AliasMatch "\^(?:\$\{COUNTERSIGN_BASE\})?\(\?:([^"]+)\)\$" "\$\{COUNTERSIGN_BUILD\}\/cgi-bin\/([a-z-]+)"/g)]
    .flatMap(([, alternatives, program]) => expand(listener, program, alternatives));
  assert.equal((APACHE.match(/cgi-bin\//g) ?? []).length, (APACHE.match(/AliasMatch "[^"]*" "\$\{COUNTERSIGN_BUILD\}\/cgi-bin\//g) ?? []).length, 'a program reached otherwise than by an anchored AliasMatch');
  return [...of('public', publicPart), ...of('loopback', loopbackPart)].sort();
}

test('the routes of lighttpd/countersign.conf are those of the programs', () => {
  assert.deepEqual(fromLighttpd(), fromPrograms());
});

test('the routes of apache/countersign.conf are those of the programs', () => {
  assert.deepEqual(fromApache(), fromPrograms());
});

test('row 35: every POST with a session demands its CSRF token', () => {
  let seen = 0;
  for (const program of SOURCES) {
    for (const line of ask(program, '--routes')) {
      const [method, pattern, list] = line.split(' ');
      const demands = list.split(',');
      if (method !== 'POST' || !demands.some((d) => ['session', 'want-session', 'csrf-if-session'].includes(d))) continue;
      seen++;
      assert.ok(demands.includes('csrf-if-session') || (demands.includes('session') && demands.includes('csrf')), `${program}: ${line}`);
      assert.ok(!demands.includes('want-session'), `${program} ${pattern}`);
    }
  }
  assert.ok(seen >= 5);
});

test('no two programs take the same route', () => {
  const patterns = fromPrograms().map((r) => r.split(' ')).map(([listener, , pattern]) => `${listener} ${pattern}`);
  assert.deepEqual(patterns, [...new Set(patterns)]);
});

test('the security headers of both site files are those of every program', () => {
  const headers = (pairs) => Object.fromEntries([...pairs].map(([, name, value]) => [name, value]).filter(([name]) => name !== 'Strict-Transport-Security'));
  const lighttpd = headers(/set-response-header = \(([\s\S]*?)\n\)/.exec(LIGHTTPD)[1].matchAll(/"([\w-]+)" => "([^"]*)"/g));
  const apache = headers(APACHE.matchAll(/^Header always set ([\w-]+) "([^"]*)"/gm));
  assert.ok(Object.keys(lighttpd).length >= 6);
  for (const program of SOURCES) {
    const own = Object.fromEntries(ask(program, '--headers').map((line) => { const at = line.indexOf(': '); return [line.slice(0, at), line.slice(at + 2)]; }));
    assert.deepEqual(lighttpd, own, `lighttpd and ${program}`);
    assert.deepEqual(apache, own, `apache and ${program}`);
  }
});

test('every program refuses an unknown option and one without a server', () => {
  for (const program of SOURCES) {
    assert.throws(() => execFileSync(path.join(BUILD, program), ['--nonsense'], { stdio: 'pipe' }), (e) => e.status === 2, program);
    assert.throws(() => execFileSync(path.join(BUILD, program), [], { stdio: 'pipe', env: { COUNTERSIGN_CONFIG: '/nonexistent' } }), (e) => e.status === 3, program);
  }
});
