// What the documentation says is what the programs do.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (name) => fs.readFileSync(path.join(ROOT, name), 'utf8');
const programs = fs.readdirSync(path.join(ROOT, 'cgi-bin')).filter((n) => n.endsWith('.c')).map((n) => n.slice(0, -2)).sort();
const routesOf = (program) => execFileSync(path.join(ROOT, 'build/plain/cgi-bin', program), ['--routes'], { encoding: 'utf8' })
  .trim().split('\n').map((line) => { const [method, pattern] = line.split(/\s+/); return `${method} ${pattern}`; }).sort();

test("the README's route table names every program and exactly its routes", () => {
  const rows = new Map(read('README.md').split('\n').filter((l) => /^\| [a-z-]+ \| `(?:GET|POST) /.test(l)).map((l) => {
    const cells = l.split('|').map((c) => c.trim());
    return [cells[1], [...cells[2].matchAll(/`((?:GET|POST) [^`]+)`/g)].map((m) => m[1]).sort()];
  }));
  assert.ok(programs.length >= 10, programs.join(' '));
  for (const program of programs) {
    assert.ok(rows.has(program), `${program} is not in the README`);
    assert.deepEqual(rows.get(program), routesOf(program), program);
  }
  assert.deepEqual([...rows.keys()].sort(), programs);
});

test("the README's key rings are exactly those that each program opens", () => {
  for (const line of read('README.md').split('\n').filter((l) => /^\| [a-z-]+ \| `(?:GET|POST) /.test(l))) {
    const cells = line.split('|').map((c) => c.trim());
    const said = cells[5] === 'none' ? [] : cells[5].split(', ').sort();
    const opened = [...read(`cgi-bin/${cells[1]}.c`).matchAll(/KIND_BIT\(KIND_(\w+)\)/g)].map((m) => m[1].toLowerCase()).sort();
    assert.deepEqual(said, opened, cells[1]);
  }
});

test("the README's secrets are those that the set-up gives each program", () => {
  const given = new Map([...read('deploy/dev/configure.sh').matchAll(/^secrets ([\w-]+) (.*)$/gm)].map((m) => [m[1], m[2]]));
  for (const line of read('README.md').split('\n').filter((l) => /^\| [a-z-]+ \| `(?:GET|POST) /.test(l))) {
    const [, program, , , said] = line.split('|').map((c) => c.trim());
    const has = given.get(program) ?? '';
    if (program === 'action-ciba') assert.match(has, /\$web.*\$fga.*CIBA_CLIENT_SECRET/);
    else {
      assert.equal(/web client/.test(said), has.includes('$web'), program);
      assert.equal(/FGA/.test(said), has.includes('$fga'), program);
    }
    assert.equal(/AWS/.test(said), has.includes('AWS_'), program);
  }
});

test('every program answers --help and --routes and refuses an unknown option with 2', () => {
  for (const program of programs) {
    const file = path.join(ROOT, 'build/plain/cgi-bin', program);
    assert.match(execFileSync(file, ['--help'], { encoding: 'utf8' }), new RegExp(program));
    assert.throws(() => execFileSync(file, ['--nonsense'], { stdio: 'pipe' }), (e) => e.status === 2, program);
  }
});

test('every file the README names is there', () => {
  for (const [, name] of read('README.md').matchAll(/`((?:lib|cgi-bin|bin|tenant|tests|sql|lighttpd|apache)\/[\w./-]*)`/g)) {
    if (/\bNAME\b/.test(name)) continue; // stands for any
    assert.ok(fs.existsSync(path.join(ROOT, name)), name);
  }
  const targets = new Set([...read('Makefile').matchAll(/^([a-z ]+):/gm)].flatMap((m) => m[1].split(' ')));
  for (const [, first, second] of read('README.md').matchAll(/^make ([a-z]+)|`make ([a-z]+)/gm)) assert.ok(targets.has(first ?? second), `make ${first ?? second}`);
});

test('every configuration name the README uses exists, and each has a meaning', () => {
  const header = read('lib/base/config.h');
  const names = [...header.matchAll(/^ {4}X\((\w+), (\w+), [^\n]*?"([^"]+)"\)/gm)];
  assert.ok(names.length > 40);
  for (const [, name, , meaning] of names) assert.ok(meaning.length > 3, name);
  const known = new Set(names.map((m) => m[1]));
  for (const [, name] of read('README.md').matchAll(/`([A-Z][A-Z0-9]+_[A-Z0-9_]+)(?:=[^`]*)?`/g)) {
    assert.ok(known.has(name) || ['NAME_FILE', 'COUNTERSIGN_CONFIG'].includes(name), name);
  }
});

test('no committed file names a registry host or a path of the machine it was written on', () => {
  const files = execFileSync('git', ['ls-files'], { cwd: ROOT, encoding: 'utf8' }).trim().split('\n');
  for (const file of files) {
    const text = read(file);
    assert.doesNotMatch(text, new RegExp(['registry', 'npmjs', 'org'].join('\\.')), file);
    assert.doesNotMatch(text, /\/work\/(main|shared|\.library)/, file);
  }
});
