// Runs every test there is and closes with `N passed, N failed, N skipped`.
//
//   node tests/run.mjs [--only PART] [--list]
//
// A test file is found by its place and name, never by a list, and a file that
// reports no test at all is a failure: that is the check that every file ran.
// End-to-end files run once for each server that their first line names
// (`// runs: lighttpd, apache:/prod`), a few files at a time on ports of their own.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const RESULTS = path.join(ROOT, 'build/test-results');
const only = process.argv.includes('--only') ? process.argv[process.argv.indexOf('--only') + 1] : '';
// Most tests wait for clocks of others, so three at a time on two cores.
const JOBS = 3;
const LIMIT_MS = 6 * 60_000;
// Below the ephemeral ports; the crash test alone uses a hundred and more.
const FIRST_PORT = 20_000;
const PORTS_PER_JOB = 150;

// Rows of the security list that the core must hold (the "Bad input").
const ROWS = [[1, 13], [15, 25], [28, 31], [33, 33], [35, 35], [39, 66], [69, 76], [78, 78]]
  .flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, i) => from + i));

function find(dir, pattern) {
  const full = path.join(ROOT, dir);
  if (!fs.existsSync(full)) return [];
  return fs.readdirSync(full).filter((name) => pattern.test(name)).sort().map((name) => path.join(dir, name));
}

function jobs() {
  const list = [];
  for (const source of find('tests/unit', /^test_.*\.c$/)) {
    const name = path.basename(source, '.c');
    for (const variant of ['plain', 'asan']) {
      list.push({ name: `${name} (${variant})`, source, command: [path.join(ROOT, `build/${variant}/unit/${name}`)], kind: 'cmocka' });
    }
  }
  const node = (source, name, env) => ({ name, source, env, kind: 'node', command: [process.execPath, '--test', '--test-reporter=tap', path.join(ROOT, source)] });
  for (const dir of ['tests/structure', 'tests/page', 'tests/tenant', 'tests/servers']) {
    for (const source of find(dir, /\.test\.mjs$/)) list.push(node(source, source, {}));
  }
  for (const source of find('tests/e2e', /\.test\.mjs$/)) {
    const first = fs.readFileSync(path.join(ROOT, source), 'utf8').split('\n', 1)[0];
    const runs = /^\/\/ runs: (.*)$/.exec(first)?.[1] ?? 'lighttpd, apache:/prod';
    for (const run of runs.split(/,\s*/)) {
      const [server, base = ''] = run.split(':');
      list.push(node(source, `${source} (${run})`, { E2E_SERVER: server, E2E_BASE: base }));
    }
  }
  list.forEach((job, i) => { job.port = FIRST_PORT + PORTS_PER_JOB * list.slice(0, i).filter((j) => j.kind === 'node').length; });
  return list.filter((job) => job.name.includes(only));
}

function execute(job) {
  return new Promise((resolve) => {
    const [program, ...args] = job.command;
    const env = { ...process.env, ...job.env, E2E_PORT: String(job.port), CMOCKA_MESSAGE_OUTPUT: 'TAP', VECTORS: process.env.VECTORS ?? path.join(ROOT, '../shared/vectors') };
    delete env.NODE_TEST_CONTEXT;
    const child = spawn(program, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    const keep = (d) => { if (out.length < 1 << 24) out += d; };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const timer = setTimeout(() => { out += '\nnot ok 0 - ran out of time\n'; child.kill('SIGKILL'); }, LIMIT_MS);
    child.on('error', (e) => { out += `\nnot ok 0 - ${e.message}\n`; });
    child.on('close', (code) => { clearTimeout(timer); resolve({ out, code }); });
  });
}

// Leaf results only: a TAP line that closes a suite of others counts nothing.
function count(job, { out, code }) {
  const result = { passed: 0, failed: 0, skipped: 0, rows: new Set(), names: [] };
  const lines = out.split('\n');
  lines.forEach((line, i) => {
    const m = /^\s*(not )?ok \d+ *(?:- )?(.*)$/.exec(line);
    if (!m) return;
    if (lines.slice(i + 1, i + 5).some((l) => /^\s*type: 'suite'/.test(l))) return;
    // node reports the file itself as a test around its tests
    if (job.kind === 'node' && m[2].startsWith(path.join(ROOT, job.source))) return;
    if (/# SKIP/i.test(m[2])) { result.skipped++; return; }
    if (m[1]) { result.failed++; result.names.push(m[2]); return; }
    result.passed++;
    for (const [, rows] of m[2].matchAll(/rows? ((?:\d+)(?:(?:, | and )\d+)*)/g)) {
      for (const row of rows.match(/\d+/g)) result.rows.add(Number(row));
    }
  });
  if (result.passed + result.failed + result.skipped === 0) {
    result.failed = 1;
    result.names.push(`no test ran (exit ${code})`);
  } else if (code !== 0 && result.failed === 0) {
    result.failed = 1;
    result.names.push(`exit ${code} although no test failed`);
  }
  return result;
}

const list = jobs();
if (process.argv.includes('--list')) {
  for (const job of list) console.log(job.name);
  process.exit(0);
}
fs.rmSync(RESULTS, { recursive: true, force: true });
fs.mkdirSync(RESULTS, { recursive: true });

const total = { passed: 0, failed: 0, skipped: 0 };
const rows = new Set();
const failures = [];
const started = Date.now();
let next = 0;

async function worker() {
  for (;;) {
    const job = list[next++];
    if (!job) return;
    const t = Date.now();
    const ran = await execute(job);
    const result = count(job, ran);
    const file = path.join(RESULTS, job.name.replace(/[^\w.-]+/g, '_') + '.tap');
    fs.writeFileSync(file, ran.out);
    for (const key of ['passed', 'failed', 'skipped']) total[key] += result[key];
    result.rows.forEach((row) => rows.add(row));
    const seconds = ((Date.now() - t) / 1000).toFixed(1);
    console.log(`${result.failed ? 'FAIL' : 'ok  '} ${job.name}: ${result.passed} passed, ${result.failed} failed, ${result.skipped} skipped, ${seconds} s`);
    if (result.failed) {
      failures.push(job.name);
      for (const name of result.names) console.log(`     not ok: ${name}`);
      console.log(ran.out.split('\n').slice(-60).map((l) => `     | ${l}`).join('\n'));
    }
  }
}
await Promise.all(Array.from({ length: JOBS }, () => worker()));

if (!only) {
  const known = new Set(jobs().map((job) => job.source));
  const stray = fs.readdirSync(path.join(ROOT, 'tests'), { recursive: true }).map((name) => path.join('tests', name))
    .filter((name) => !name.includes('node_modules') && /(\.test\.mjs|\/test_[^/]*\.c)$/.test(name) && !known.has(name));
  total[stray.length ? 'failed' : 'passed']++;
  console.log(stray.length ? `FAIL test files that no run takes in: ${stray.join(', ')}` : `ok   all ${known.size} test files ran`);
  const missing = ROWS.filter((row) => !rows.has(row));
  if (missing.length) {
    total.failed++;
    console.log(`FAIL rows of the security list without a passing test: ${missing.join(', ')}`);
  } else {
    total.passed++;
    console.log(`ok   every one of the ${ROWS.length} rows of the security list has a passing test`);
  }
}
if (failures.length) console.log(`failed: ${failures.join('; ')}`);
console.log(`took ${((Date.now() - started) / 1000).toFixed(0)} s; the full output of each file is under build/test-results`);
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(total.failed ? 1 : 0);
