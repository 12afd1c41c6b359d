/*
 * Is this person still signed in?  Asked at load, when the page comes back
 * (from the back button's cache, from another tab), every 30 seconds and at the
 * session's end.  The answer stands on <html data-session>:
 *
 *   checking   nothing private is shown yet
 *   in         signed in
 *   out        signed out: private content is hidden, and the page has cleared it
 *   error      not known, because the server cannot be reached: hidden as well
 *
 * A network failure while signed in hides nothing; only the server's 401, or
 * another person's session, does.
 */

import { ApiError, call, explain, serverNow, setCsrfToken, setUnauthorizedHandler } from './api.js';
import { byId, setText } from './dom.js';

const EVERY_MS = 30000;
const RETRY_MS = 5000;

const root = document.documentElement;
const channel = 'BroadcastChannel' in globalThis ? new BroadcastChannel('countersign') : null;

let current = null;
let hooks = { onIn: () => {}, onOut: () => {}, onReach: () => {} };
let asking = null;
let retryTimer = 0;
let endTimer = 0;
/* Set by sign-out: answers to questions asked before it no longer count. */
let generation = 0;

function show(state) {
    root.dataset.session = state;
}

export const session = () => current;

function enter(value) {
    const before = current;

    setCsrfToken(value.csrf_token ?? '');
    if (before && before.user?.sub !== value.user?.sub) {
        /* Another tab signed in as someone else: nothing of the first person may stay. */
        hooks.onOut();
    }
    current = value;
    show('in');
    if (!before || before.user?.sub !== value.user?.sub) {
        hooks.onIn(value);
    }
    clearTimeout(endTimer);
    const left = (value.expires_at - serverNow()) * 1000 + 1500;

    if (left > 0 && left < 2 ** 31) {
        endTimer = setTimeout(check, left);
    }
}

/* Hides and clears.  message: why, when it was not simply a lapse. */
export function leave(message = '') {
    const was = current;

    generation += 1;
    current = null;
    setCsrfToken('');
    clearTimeout(endTimer);
    if (root.dataset.session !== 'out' || message) {
        const reason = byId('signed-out-reason');

        if (reason) {
            setText(reason, message || 'Your session ended, or you signed out in another tab.');
        }
    }
    show('out');
    if (was) {
        hooks.onOut();
        byId('signed-out-title')?.focus();
    }
}

/* The other tabs learn at once; each asks the server itself. */
export function tellOtherTabs() {
    channel?.postMessage('check');
}

async function ask() {
    const asked = generation;

    try {
        const value = await call('api/session');

        if (asked === generation) {
            hooks.onReach(true);
            enter(value);
        }
    } catch (error) {
        if (asked !== generation) {
            return;
        }
        if (error instanceof ApiError && error.status === 401) {
            hooks.onReach(true);
            leave();
            return;
        }
        hooks.onReach(false);
        if (root.dataset.session !== 'in' && root.dataset.session !== 'out') {
            const detail = byId('session-error-detail');

            if (detail) {
                setText(detail, explain(error));
            }
            show('error');
            clearTimeout(retryTimer);
            retryTimer = setTimeout(check, RETRY_MS);
        }
    }
}

/* One question at a time; whoever asks meanwhile gets the same answer. */
export function check() {
    clearTimeout(retryTimer);
    asking ??= ask().finally(() => {
        asking = null;
    });
    return asking;
}

export function watchSession(given) {
    hooks = { ...hooks, ...given };
    setUnauthorizedHandler(leave);

    /* The copy that the back button may bring back holds nothing readable until asked again. */
    addEventListener('pagehide', () => {
        if (root.dataset.session === 'in') {
            show('checking');
        }
    });
    addEventListener('pageshow', (event) => {
        if (event.persisted) {
            show(current ? 'checking' : root.dataset.session);
            check();
        }
    });
    document.addEventListener('visibilitychange', () => {
        if (document.visibilityState === 'visible') {
            check();
        }
    });
    addEventListener('online', check);
    channel?.addEventListener('message', check);
    byId('session-retry')?.addEventListener('click', () => {
        show('checking');
        check();
    });
    setInterval(check, EVERY_MS);
    return check();
}
