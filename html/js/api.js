/*
 * The JSON interface: one way in and out, so that the CSRF token, the time
 * limit, the server's clock and "you are signed out" are dealt with once.
 *
 * URLs are relative to the page, which stands directly under BASE_PATH.
 */

import { label } from './text.js';

const TIMEOUT_MS = 15000;

let csrfToken = '';
let clockSkew = 0;
let onUnauthorized = () => {};

/*
 * status 0: no answer came (offline, time-out, connection lost).  message is a
 * sentence for the person; it comes from our own server or from here.
 */
export class ApiError extends Error {
    constructor(status, code, message, requestId = '', retryAfter = 0) {
        super(message);
        this.status = status;
        this.code = code;
        this.requestId = requestId;
        this.retryAfter = retryAfter;
    }

    /* Worth another try with the same request later. */
    get passing() {
        return this.status === 0 || this.status === 429 || this.status >= 500;
    }
}

export function setCsrfToken(token) {
    csrfToken = token;
}

export function setUnauthorizedHandler(handler) {
    onUnauthorized = handler;
}

/* Now in epoch seconds by the server's clock: countdowns must not trust this computer's. */
export function serverNow() {
    return Date.now() / 1000 + clockSkew;
}

function noteClock(response) {
    const date = Date.parse(response.headers.get('Date') ?? '');

    if (Number.isFinite(date)) {
        const skew = date / 1000 - Date.now() / 1000;

        /* The header counts whole seconds; less than two of difference is no news. */
        clockSkew = Math.abs(skew) < 2 ? 0 : skew;
    }
}

const SENTENCES = {
    0: 'The server could not be reached.',
    401: 'You are signed out.',
    403: 'The server refused this request.',
    404: 'This is not there any more.',
    409: 'This is no longer possible: something changed meanwhile.',
    413: 'This is too long for the server.',
    429: 'Too many requests. Please wait a moment.',
};

export async function errorOf(response) {
    let body = {};

    try {
        body = await response.json();
    } catch {
        /* A proxy's own error page is not JSON; the status says enough. */
    }
    const fallback = SENTENCES[response.status] ?? `The server answered with an error (${response.status}).`;
    const text = (value) => (typeof value === 'string' ? label(value, 300) : '');

    return new ApiError(
        response.status,
        text(body?.error),
        text(body?.message) || fallback,
        text(body?.request_id),
        Number.parseInt(response.headers.get('Retry-After') ?? '', 10) || 0,
    );
}

function request(path, { method = 'GET', body, headers = {}, signal } = {}) {
    const all = { Accept: 'application/json', ...headers };

    if (body !== undefined) {
        all['Content-Type'] = 'application/json';
    }
    if (method !== 'GET') {
        all['X-CSRF-Token'] = csrfToken;
    }
    return fetch(path, {
        method,
        headers: all,
        body: body === undefined ? undefined : JSON.stringify(body),
        signal,
        cache: 'no-store',
        credentials: 'same-origin',
        redirect: 'error',
    });
}

/* True when a fresh token came: the refused request was not acted on and may be sent again. */
async function renewCsrfToken(signal) {
    const response = await request('api/session', { signal });

    if (!response.ok) {
        return false;
    }
    const before = csrfToken;

    csrfToken = (await response.json()).csrf_token ?? '';
    return csrfToken !== '' && csrfToken !== before;
}

/*
 * open: the raw answer, for streams.  Throws ApiError for 4xx and 5xx and for
 * no answer at all; a caller's abort comes through as the AbortError it is.
 */
export async function open(path, options = {}) {
    let response;

    try {
        response = await request(path, options);
        if (response.status === 403 && (options.method ?? 'GET') !== 'GET') {
            if (await renewCsrfToken(options.signal)) {
                response = await request(path, options);
            }
        }
    } catch (error) {
        if (options.signal?.aborted) {
            throw error;
        }
        throw new ApiError(0, 'unreachable', SENTENCES[0]);
    }
    noteClock(response);
    if (!response.ok) {
        const error = await errorOf(response);

        if (error.status === 401) {
            onUnauthorized();
        }
        throw error;
    }
    return response;
}

/* call: one JSON document, within TIMEOUT_MS. */
export async function call(path, options = {}) {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), TIMEOUT_MS);
    const abort = () => limit.abort();

    options.signal?.addEventListener('abort', abort, { once: true });
    try {
        const response = await open(path, { ...options, signal: limit.signal });

        return response.status === 204 ? {} : await response.json();
    } catch (error) {
        if (error instanceof ApiError || options.signal?.aborted) {
            throw error;
        }
        throw new ApiError(0, 'unreachable', 'The server took too long to answer, or broke off.');
    } finally {
        clearTimeout(timer);
        options.signal?.removeEventListener('abort', abort);
    }
}

export const post = (path, body) => call(path, { method: 'POST', body: body ?? {} });

/* Ids come from the server, yet a path is built from nothing unescaped. */
export const segment = (id) => encodeURIComponent(String(id));

/* One sentence for the person, with the request's id where the server gave one. */
export function explain(error) {
    if (error instanceof ApiError) {
        return error.requestId ? `${error.message} (request ${error.requestId})` : error.message;
    }
    return 'Something went wrong on this page.';
}
