// A private stack (tenant, web server, programs, database) for one test file.
// The site files are used as shipped; tests/servers/stack.sh does the work.
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const SCRIPT = path.join(ROOT, 'tests/servers/stack.sh');

export const SERVER = process.env.E2E_SERVER ?? 'lighttpd';
export const BASE = process.env.E2E_BASE ?? '';
const FIRST_PORT = Number(process.env.E2E_PORT ?? 23000);
let taken = 0;

// `settings` are NAME=value lines over the development configuration.
export async function startStack({ server = SERVER, base = BASE, variant = 'plain', settings = {}, env = {} } = {}) {
  const port = FIRST_PORT + 3 * taken++;
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'countersign-e2e-'));
  const extra = path.join(dir, 'settings');
  fs.writeFileSync(extra, Object.entries(settings).map(([k, v]) => `${k}=${v}\n`).join(''));
  const args = ['start', server, String(port), String(port + 1), String(port + 2), base, dir, variant];
  const options = { env: { ...process.env, ...env, STACK_SETTINGS: extra }, timeout: 60_000, maxBuffer: 1 << 24 };
  try {
    await run(SCRIPT, args, options);
  } catch (e) {
    const log = path.join(dir, 'server.log');
    throw new Error(`the stack did not start: ${e.stderr || e.message}\n${fs.existsSync(log) ? fs.readFileSync(log, 'utf8').slice(-4000) : ''}`);
  }
  return {
    dir,
    server,
    base,
    port,
    url: `http://localhost:${port}${base}`,
    actions: `http://127.0.0.1:${port + 1}`,
    tenant: `http://127.0.0.1:${port + 2}`,
    log: () => (fs.existsSync(path.join(dir, 'server.log')) ? fs.readFileSync(path.join(dir, 'server.log'), 'utf8') : ''),
    async stop() {
      await run(SCRIPT, ['stop', dir], { timeout: 30_000 });
      if (!process.env.E2E_KEEP) fs.rmSync(dir, { recursive: true, force: true });
    },
  };
}
