// Making a party down, slow or lying for the next n matching requests (POST /tenant/faults).
import crypto from 'node:crypto';
import { drained, send, sleep } from './http.mjs';

const PARTIES = ['okta', 'fga', 'oidc', 'bedrock', 'vault', 'ciba'];
/** What each kind does; the list in README.md is this one. */
export const KINDS = {
  status: 'answers status, headers, body without doing anything',
  hang: 'takes the request and never answers (the socket is closed after ms, default 120000)',
  reset: 'resets the connection before doing anything',
  html: 'answers 200 with an HTML page',
  garbage: 'answers 200 with random bytes called JSON',
  huge: 'answers 200 with a JSON text of `bytes` bytes (default 12 MB)',
  delay: 'waits ms (default 3000), then answers properly',
  slow: 'does it, then sends the answer byte by byte, ms apart (default 1000)',
  truncate: 'does it, then sends half of the answer and resets',
  override: 'does it, then changes the JSON answer: set {..}, remove [..], or replace',
  'act-hang': 'does it, and never answers: the caller cannot know',
  'act-reset': 'does it, and resets the connection: the caller cannot know',
  location: 'changes the query of a redirect to the relying party: set {..}, remove [..]',
};

/** Holds back what a handler writes to res; resolves with the body once it ended. */
export function capture(res) {
  const kept = { write: res.write, end: res.end, writeHead: res.writeHead };
  const chunks = [];
  const push = (chunk, encoding) => {
    if (chunk && typeof chunk !== 'function') chunks.push(Buffer.from(chunk, typeof encoding === 'string' ? encoding : undefined));
  };
  return new Promise((resolve) => {
    res.writeHead = (status, ...rest) => {
      res.statusCode = status;
      for (const [name, value] of Object.entries(rest.at(-1) ?? {})) res.setHeader(name, value);
      return res;
    };
    res.write = (chunk, encoding) => { push(chunk, encoding); return true; };
    res.end = (chunk, encoding) => {
      push(chunk, encoding);
      Object.assign(res, kept);
      resolve(Buffer.concat(chunks));
      return res;
    };
  });
}

export class Faults {
  constructor(origins) { this.list = []; this.origins = origins; this.serial = 0; }

  reset() { this.list = []; }

  /** Adds one fault; returns an error text when the request is not understood. */
  add(spec) {
    if (!PARTIES.includes(spec?.party)) return `party must be one of ${PARTIES.join(' ')}`;
    if (!(spec.kind in KINDS)) return `kind must be one of ${Object.keys(KINDS).join(' ')}`;
    const fault = { match: '', method: undefined, times: 1, skip: 0, ...spec, id: ++this.serial, hits: 0 };
    this.list.push(fault);
    return fault;
  }

  /** The first live fault for this request; `skip` lets so many matching requests pass first. */
  take(party, method, path) {
    for (const f of this.list) {
      if (f.times === 0 || f.party !== party || !path.includes(f.match)) continue;
      if (f.method && f.method !== method) continue;
      if (f.skip > 0) { f.skip--; continue; }
      if (f.kind !== 'location') this.#spend(f);
      return f;
    }
    return undefined;
  }

  #spend(f) { f.hits++; if (f.times > 0) f.times--; }

  /** Carries a fault out; `run` does what the party would have done. */
  async apply(f, { req, res }, run) {
    const status = f.status ?? 503;
    switch (f.kind) {
      case 'status': return send(res, { status, headers: f.headers, body: f.body ?? '' });
      case 'html': return send(res, { status: f.status ?? 200, headers: { 'content-type': 'text/html; charset=utf-8' }, body: '<!doctype html><title>Sorry</title><h1>We are down for maintenance</h1>' });
      case 'garbage': return send(res, { status: f.status ?? 200, headers: { 'content-type': 'application/json' }, body: crypto.randomBytes(512) });
      case 'huge': return this.#huge(res, f.bytes ?? 12 * 1024 * 1024);
      case 'reset': return void req.socket.resetAndDestroy();
      case 'hang': return this.#hang(req, f.ms ?? 120000);
      case 'delay': await sleep(f.ms ?? 3000); return run();
      default: break;
    }
    const whole = capture(res);
    await run();
    const body = await whole;
    if (f.kind === 'act-hang') return this.#hang(req, f.ms ?? 120000);
    if (f.kind === 'act-reset') return void req.socket.resetAndDestroy();
    if (f.kind === 'location') return this.#location(res, f, body);
    if (f.kind === 'override') return this.#override(res, f, body);
    return f.kind === 'slow' ? this.#slow(res, body, f.ms ?? 1000) : this.#truncate(req, res, body);
  }

  #hang(req, ms) {
    const timer = setTimeout(() => req.socket.destroy(), ms);
    timer.unref();
    req.socket.once('close', () => clearTimeout(timer));
  }

  async #huge(res, bytes) {
    res.writeHead(200, { 'content-type': 'application/json', 'content-length': bytes });
    res.write('{"pad":"');
    const block = Buffer.alloc(65536, 0x61);
    for (let left = bytes - 10; left > 0 && !res.destroyed; left -= block.length) {
      if (!res.write(left < block.length ? block.subarray(0, left) : block)) await drained(res);
    }
    res.end('"}');
  }

  async #slow(res, body, ms) {
    res.removeHeader('transfer-encoding');
    res.setHeader('content-length', body.length);
    res.writeHead(res.statusCode);
    for (const byte of body) {
      if (res.destroyed) return;
      res.write(Buffer.from([byte]));
      await sleep(ms);
    }
    res.end();
  }

  #truncate(req, res, body) {
    res.setHeader('content-length', body.length);
    res.writeHead(res.statusCode);
    res.write(body.subarray(0, Math.floor(body.length / 2)), () => setTimeout(() => req.socket.destroy(), 20));
  }

  #override(res, f, body) {
    let data;
    try { data = JSON.parse(body.toString()); } catch { data = {}; }
    if ('replace' in f) data = f.replace;
    else if (data && typeof data === 'object' && !Array.isArray(data)) {
      Object.assign(data, f.set);
      for (const name of f.remove ?? []) delete data[name];
    }
    const out = Buffer.from(typeof data === 'string' && f.raw ? data : JSON.stringify(data));
    for (const [name, value] of Object.entries(f.headers ?? {})) res.setHeader(name, value);
    res.statusCode = f.status ?? res.statusCode;
    res.setHeader('content-type', 'application/json');
    res.setHeader('content-length', out.length);
    res.end(out);
  }

  #location(res, f, body) {
    const to = res.getHeader('location');
    if (to && this.origins().some((o) => to.startsWith(`${o}/`))) {
      this.#spend(f);
      const url = new URL(to);
      for (const [name, value] of Object.entries(f.set ?? {})) url.searchParams.set(name, value);
      for (const [name, value] of Object.entries(f.append ?? {})) url.searchParams.append(name, value);
      for (const name of f.remove ?? []) url.searchParams.delete(name);
      res.setHeader('location', url.href);
    }
    res.end(body);
  }
}
