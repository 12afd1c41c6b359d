// The sources are laid out, compile under the second compiler, and pass clang-tidy.
//
// What is checked comes from the Makefile, so that `make tidy` and this agree.
// clang-tidy takes about 40 s of two processors.  One process for each file: its
// check of va_list remembers names of the file before, and then finds what is not.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);
const OPTIONS = { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 26 };
const AT_ONCE = 2;

const has = (program) => {
  try { execFileSync(program, ['--version'], { stdio: 'ignore' }); return true; } catch { return false; }
};
const without = (program) => (has(program) ? false : `${program} is not installed`);

function files(dir, pattern) {
  return fs.readdirSync(path.join(ROOT, dir), { withFileTypes: true }).flatMap((entry) => {
    const name = path.join(dir, entry.name);
    return entry.isDirectory() ? files(name, pattern) : pattern.test(name) ? [name] : [];
  }).sort();
}
const SOURCES = ['lib', 'cgi-bin', 'bin'].flatMap((dir) => files(dir, /\.c$/));
const LAID_OUT = ['lib', 'cgi-bin', 'bin', 'tests/unit', 'tests/servers'].flatMap((dir) => files(dir, /\.[ch]$/));

// The Makefile's own flags, as make computes them.
function flags() {
  const text = execFileSync('make', ['-s', '--no-print-directory', 'flags'], OPTIONS).trim().split(/\s+/);
  for (const wanted of ['-Wall', '-Wextra', '-Wpedantic', '-Wshadow', '-Wconversion', '-Werror', '-Ilib', '-D_GNU_SOURCE']) {
    assert.ok(text.includes(wanted), `make flags lacks ${wanted}`);
  }
  return text;
}

// Every file through one command, two at a time; what each that failed printed.
async function each(list, command) {
  const failed = [];
  let next = 0;
  const worker = async () => {
    while (next < list.length) {
      const [program, ...args] = command(list[next++]);
      try { await run(program, args, OPTIONS); } catch (e) { failed.push(`${e.stdout}${e.stderr}`.trim()); }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return failed;
}

test('clang-format finds nothing to change', { skip: without('clang-format') }, async () => {
  assert.ok(LAID_OUT.length > 150, `only ${LAID_OUT.length} files found`);
  await run('clang-format', ['--dry-run', '-Werror', ...LAID_OUT], OPTIONS).catch((e) => assert.fail(e.stderr));
});

test('everything compiles under clang with the warnings of the Makefile', { skip: without('clang') }, async () => {
  const options = flags();
  assert.ok(SOURCES.length > 100, `only ${SOURCES.length} files found`);
  const failed = await each(SOURCES, (file) => ['clang', ...options, '-fsyntax-only', file]);
  assert.equal(failed.join('\n'), '');
});

test('clang-tidy finds nothing', { skip: without('clang-tidy') }, async () => {
  const options = flags();
  const failed = await each(SOURCES, (file) => ['clang-tidy', '--quiet', file, '--', ...options]);
  assert.equal(failed.join('\n'), '');
});

test('a NOLINT gives its reason on its line, or the check that it is about', () => {
  for (const file of LAID_OUT) {
    const lines = fs.readFileSync(path.join(ROOT, file), 'utf8').split('\n').filter((line) => line.includes('NOLINT'));
    for (const line of lines) assert.match(line, /NOLINT(NEXTLINE)?(\([\w,.-]+\))?: \w|NOLINTBEGIN\([\w,.-]+\): \w|NOLINTEND\(/, `${file}: ${line.trim()}`);
  }
});
