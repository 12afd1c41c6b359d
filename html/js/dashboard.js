/*
 * The dashboard: who am I, what waits for me, where am I signed in, what was
 * done in my name.  Each part loads, fails and is retried by itself.
 */

import { ApprovalCard } from './approval-card.js';
import { call, explain, post, segment } from './api.js';
import { button, byId, clear, el, setText, whileBusy } from './dom.js';
import { actionName, browserName, isoTime, when } from './format.js';
import { leave, session, tellOtherTabs, watchSession } from './session.js';
import { notice, reachable, showPerson, startShell } from './shell.js';
import { label, visible } from './text.js';

const REFRESH_MS = 10000;
const MAX_ROWS = 200;

const cards = new Map();

const ACT_WORDS = {
    proposed: ['Proposed', 'wait'],
    waiting_click: ['Waiting for your click', 'wait'],
    waiting_place: ['In line', 'wait'],
    sending: ['Sending', 'wait'],
    waiting: ['Waiting for your phone', 'wait'],
    approved: ['Approved', 'wait'],
    executing: ['Carrying out', 'wait'],
    done: ['Done', 'good'],
    failed: ['Failed', 'bad'],
    unknown: ['Outcome unknown', 'bad'],
    denied: ['Denied', 'bad'],
    expired: ['Expired', 'quiet'],
    cancelled: ['Cancelled', 'quiet'],
};

/* One of loading, error, empty, ready; the parts carry ids made from the section's name. */
function setPart(name, state, error = null) {
    byId(`${name}-loading`).hidden = state !== 'loading';
    byId(`${name}-empty`).hidden = state !== 'empty';
    byId(`${name}-error`).hidden = state !== 'error';
    byId(`${name}-list`).hidden = state !== 'ready';
    if (error) {
        setText(byId(`${name}-error-text`), explain(error));
    }
}

/*
 * quiet: a refresh, which shows no "loading" and leaves what is there if it
 * fails; the list is old then, never gone.
 */
async function load(name, path, draw, quiet = false) {
    const person = session();

    if (!quiet) {
        setPart(name, 'loading');
    }
    try {
        const answer = await call(path);
        const rows = answer[name];

        if (session() !== null && session().user.sub === person?.user.sub && Array.isArray(rows)) {
            setPart(name, rows.length > 0 ? 'ready' : 'empty');
            draw(rows.slice(0, MAX_ROWS));
        }
    } catch (error) {
        if (error.status !== 401 && !quiet) {
            setPart(name, 'error', error);
        }
    }
}

function time(seconds, testid) {
    return el('time', { datetime: isoTime(seconds), 'data-testid': testid }, when(seconds));
}

function drawPerson(value) {
    setText(byId('me-name'), label(value.user.name) || 'No name given');
    setText(byId('me-email'), label(value.user.email) || 'No e-mail given');
    setText(byId('me-sub'), label(value.user.sub));
    setText(byId('me-until'), when(value.expires_at));
}

/* --- approvals --- */

function drawApprovals(docs) {
    const place = byId('approvals-list');
    const open = new Set(docs.map((doc) => doc.id));

    for (const doc of docs) {
        if (!cards.has(doc.id)) {
            const card = new ApprovalCard(doc, () => refresh());

            cards.set(doc.id, card);
            place.append(el('li', {}, card.element));
        }
    }
    for (const [id, card] of cards) {
        /* A card that has just been answered stays, with its outcome, until the page is left. */
        if (!open.has(id) && !card.open && card.doc.state === '') {
            card.stop();
            card.element.parentElement.remove();
            cards.delete(id);
        }
    }
    if (cards.size > 0) {
        setPart('approvals', 'ready');
    }
}

function dropCards() {
    for (const card of cards.values()) {
        card.stop();
    }
    cards.clear();
    clear(byId('approvals-list'));
}

/* --- sessions --- */

function drawSessions(rows) {
    const place = clear(byId('sessions-list'));

    for (const row of rows) {
        const name = browserName(row.user_agent);
        const control = button(
            'Sign out',
            {
                class: 'button small',
                'data-testid': 'session-revoke',
                'aria-label': `Sign out ${name}, last seen ${when(row.last_seen_at)}`,
            },
            () => whileBusy(control, () => revoke(row.id)),
        );

        place.append(
            el(
                'li',
                { class: 'row', 'data-testid': 'session-row', 'data-current': row.current ? 'true' : 'false' },
                el(
                    'div',
                    { class: 'row-main' },
                    el('strong', {}, name),
                    row.current ? el('span', { class: 'badge' }, 'this browser') : null,
                    el('span', { class: 'row-agent', title: label(row.user_agent, 200) }, label(row.user_agent, 200)),
                ),
                el(
                    'div',
                    { class: 'row-meta' },
                    el('span', {}, 'Signed in ', time(row.created_at, 'session-created')),
                    el('span', {}, 'Last seen ', time(row.last_seen_at, 'session-seen')),
                ),
                row.current ? null : control,
            ),
        );
    }
}

async function revoke(id) {
    try {
        await post(`api/sessions/${segment(id)}/revoke`);
        notice('');
        await load('sessions', 'api/sessions', drawSessions, true);
    } catch (error) {
        if (error.status !== 401) {
            notice(`Ending that session did not work: ${explain(error)}`);
        }
    }
}

async function signOutEverywhere() {
    try {
        await post('api/sessions/all/revoke');
    } catch (error) {
        if (error.status !== 401) {
            setText(byId('everywhere-error'), `That did not work: ${explain(error)} You are still signed in.`);
            byId('everywhere-error').hidden = false;
        }
        return;
    }
    byId('everywhere-dialog').close();
    tellOtherTabs();
    leave('You are signed out everywhere, here too.');
}

/* --- acts --- */

function drawActs(rows) {
    const place = clear(byId('actions-list'));

    for (const row of rows) {
        const [word, tone] = Object.hasOwn(ACT_WORDS, row.state)
            ? ACT_WORDS[row.state]
            : [label(row.state, 30), 'quiet'];

        place.append(
            el(
                'li',
                { class: 'row', 'data-testid': 'act-row', 'data-state': label(row.state, 30) },
                el(
                    'div',
                    { class: 'row-main' },
                    el('strong', {}, actionName(row.action)),
                    row.target ? el('bdi', { class: 'row-target', 'data-testid': 'act-target' }, label(row.target)) : null,
                    el('span', { class: 'badge', 'data-tone': tone, 'data-testid': 'act-state' }, word),
                    row.message ? el('span', { class: 'row-message', dir: 'auto' }, visible(row.message)) : null,
                ),
                el('div', { class: 'row-meta' }, el('span', {}, time(row.updated_at || row.created_at, 'act-time'))),
            ),
        );
    }
}

function loadAll(quiet = false) {
    load('approvals', 'api/approvals', drawApprovals, quiet);
    load('sessions', 'api/sessions', drawSessions, quiet);
    load('actions', 'api/actions', drawActs, quiet);
}

function refresh() {
    if (session() && document.visibilityState === 'visible') {
        load('approvals', 'api/approvals', drawApprovals, true);
        load('actions', 'api/actions', drawActs, true);
    }
}

function start() {
    const dialog = byId('everywhere-dialog');
    const confirm = byId('everywhere-confirm');

    startShell();
    byId('everywhere').addEventListener('click', () => {
        byId('everywhere-error').hidden = true;
        dialog.showModal();
    });
    byId('everywhere-keep').addEventListener('click', () => dialog.close());
    confirm.addEventListener('click', () => whileBusy(confirm, signOutEverywhere));
    byId('approvals-retry').addEventListener('click', () => load('approvals', 'api/approvals', drawApprovals));
    byId('sessions-retry').addEventListener('click', () => load('sessions', 'api/sessions', drawSessions));
    byId('actions-retry').addEventListener('click', () => load('actions', 'api/actions', drawActs));
    setInterval(refresh, REFRESH_MS);
    watchSession({
        onIn: (value) => {
            showPerson(value);
            drawPerson(value);
            loadAll();
        },
        onOut: () => {
            showPerson(null);
            dropCards();
            for (const id of ['me-name', 'me-email', 'me-sub', 'me-until']) {
                setText(byId(id), '');
            }
            clear(byId('sessions-list'));
            clear(byId('actions-list'));
            if (dialog.open) {
                dialog.close();
            }
            notice('');
        },
        onReach: reachable,
    });
}

start();
