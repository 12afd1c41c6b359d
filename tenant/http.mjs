// Small HTTP helpers: a request's context, replies, escaping.
import querystring from 'node:querystring';

export const BODY_LIMIT = 4 * 1024 * 1024;

/** Reads a body whole; returns null when it is larger than the limit. */
export async function readBody(req, limit = BODY_LIMIT) {
  const chunks = [];
  let size = 0;
  for await (const chunk of req) {
    size += chunk.length;
    if (size > limit) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export function makeContext(req, res, raw) {
  const url = new URL(req.url, 'http://tenant.invalid');
  const type = (req.headers['content-type'] ?? '').split(';')[0].trim().toLowerCase();
  return {
    req, res, raw, url, type,
    method: req.method,
    path: url.pathname,
    query: url.searchParams,
    headers: req.headers,
    /** The body as JSON, or undefined when it is not JSON. */
    json() {
      try { return raw.length ? JSON.parse(raw.toString('utf8')) : {}; } catch { return undefined; }
    },
    /** A form or a JSON object as one flat object. */
    fields() {
      if (type === 'application/json') return this.json() ?? {};
      return { ...querystring.parse(raw.toString('utf8')) };
    },
    /** True for a browser's page request, false for a program that wants JSON. */
    wantsHtml() {
      const accept = req.headers.accept ?? '';
      return accept.includes('text/html');
    },
  };
}

export function send(res, { status = 200, headers = {}, body = '' }) {
  const isData = body !== null && typeof body === 'object' && !Buffer.isBuffer(body);
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(isData ? JSON.stringify(body) : String(body ?? ''));
  res.statusCode = status;
  if (isData && !res.hasHeader('content-type')) res.setHeader('content-type', 'application/json');
  if (!res.hasHeader('cache-control')) res.setHeader('cache-control', 'no-store');
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
  if (status !== 204 && status !== 304) res.setHeader('content-length', bytes.length);
  res.end(status === 204 || status === 304 ? undefined : bytes);
}

export const escapeHtml = (text) => String(text ?? '').replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
export const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
export const notFound = (message = 'no such route') => ({ status: 404, body: { error: message } });

/** Waits until a full response drains, or its reader has gone. */
export const drained = (res) => new Promise((resolve) => {
  const done = () => { res.off('drain', done); res.off('close', done); resolve(); };
  res.once('drain', done);
  res.once('close', done);
});
