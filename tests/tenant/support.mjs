// Starts a tenant of its own for a test file and speaks to it; also the sign-in by plain fetch.
import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** Packages come from the tenant's own node_modules. */
export const require = createRequire(new URL('../../tenant/package.json', import.meta.url));
const MAIN = fileURLToPath(new URL('../../tenant/main.mjs', import.meta.url));
export const RP = 'http://localhost:9049';
export const sleep = (ms) => new Promise((r) => { setTimeout(r, ms); });

/** The runner gives each file a range of ports; by hand it is 9010 and on. */
const FIRST_PORT = Number(process.env.E2E_PORT ?? 9010);

/** Runs a tenant on the nth port of the range; returns {origin, stop, get, post, ...}. */
export async function startTenant(n) {
  const port = FIRST_PORT + n;
  const child = spawn(process.execPath, [MAIN, '--port', String(port)], { env: { ...process.env, TENANT_RP_ORIGINS: RP, TENANT_CIBA_INTERVAL: '1' }, stdio: ['ignore', 'pipe', 'pipe'] });
  const started = Date.now();
  let err = '';
  child.stderr.on('data', (d) => { err += d; });
  const out = await new Promise((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (d) => { text += d; if (text.includes('\n')) resolve(text); });
    child.once('exit', (code) => reject(new Error(`the tenant ended with ${code}: ${err}`)));
    setTimeout(() => reject(new Error(`no ready line: ${text} ${err}`)), 10000).unref();
  });
  const origin = `http://127.0.0.1:${port}`;
  const call = async (method, path, body, headers = {}) => {
    const answer = await fetch(origin + path, { method, redirect: 'manual', headers: { ...(body !== undefined ? { 'content-type': 'application/json' } : {}), ...headers }, body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body) });
    const text = await answer.text();
    let json;
    try { json = JSON.parse(text); } catch { json = undefined; }
    return { status: answer.status, headers: answer.headers, text, json };
  };
  return {
    origin, port, child, readyLine: out, readyMs: Date.now() - started, call, stderr: () => err,
    get: (path, headers) => call('GET', path, undefined, headers),
    post: (path, body = {}, headers = {}) => call('POST', path, body, headers),
    form: (path, fields, headers = {}) => call('POST', path, new URLSearchParams(fields).toString(), { 'content-type': 'application/x-www-form-urlencoded', ...headers }),
    stop: () => new Promise((resolve) => { child.once('exit', (code, signal) => resolve({ code, signal })); child.kill('SIGTERM'); }),
  };
}

/** A browser with a cookie jar that follows redirects until one leaves the tenant. */
export class Browser {
  constructor(origin) { this.origin = origin; this.jar = new Map(); }

  async go(url, options = {}) {
    for (let hops = 0; hops < 12; hops++) {
      const answer = await fetch(url, { redirect: 'manual', ...options, headers: { ...options.headers, cookie: [...this.jar].map(([k, v]) => `${k}=${v}`).join('; ') } });
      for (const c of answer.headers.getSetCookie()) {
        const [pair] = c.split(';');
        const [k, v] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
        if (!v || /expires=Thu, 01 Jan 1970/i.test(c)) this.jar.delete(k); else this.jar.set(k, v);
      }
      const to = answer.headers.get('location');
      if (!to) return { url, status: answer.status, text: await answer.text() };
      url = new URL(to, url).href;
      options = {};
      if (!url.startsWith(this.origin)) return { url, status: answer.status, left: true };
    }
    throw new Error('too many redirects');
  }
}

export function authorizeUrl(origin, more = {}) {
  const verifier = crypto.randomBytes(32).toString('base64url');
  const q = new URLSearchParams({
    response_type: 'code', client_id: 'countersign-web', redirect_uri: `${RP}/callback`, scope: 'openid profile email offline_access', state: 's1', nonce: 'n1',
    code_challenge: crypto.createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256', connection: 'Okta-OIDC', ...more,
  });
  return { url: `${origin}/authorize?${q}`, verifier };
}

/** The whole sign-in; returns {callback, tokens, claims, browser}. */
export async function signIn(tenant, login, password, more = {}) {
  const browser = new Browser(tenant.origin);
  const { url, verifier } = authorizeUrl(tenant.origin, more);
  const page = await browser.go(url);
  const back = await browser.go(page.url, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: new URLSearchParams({ username: login, password, action: 'default' }).toString() });
  const callback = new URL(back.url);
  if (!back.left) return { page: back, browser };
  const tokens = await tenant.form('/oauth/token', { grant_type: 'authorization_code', code: callback.searchParams.get('code') ?? '', redirect_uri: more.redirect_uri ?? `${RP}/callback`, code_verifier: verifier, client_id: 'countersign-web', client_secret: 'countersign-web-secret' });
  return { callback, tokens: tokens.json, status: tokens.status, claims: tokens.json?.id_token && claimsOf(tokens.json.id_token), browser, loginPage: page };
}

export const claimsOf = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url'));
export const headerOf = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[0], 'base64url'));
export const WEB = { client_id: 'countersign-web', client_secret: 'countersign-web-secret' };
export const CIBA_CLIENT = { client_id: 'countersign-ciba', client_secret: 'countersign-ciba-secret' };
export const ALICE = 'oidc|Okta-OIDC|00ualice0000000000001';
export const BOB = 'oidc|Okta-OIDC|00ubob000000000000001';
