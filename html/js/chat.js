/*
 * The chat page.
 *
 *   composer -> POST api/chat -> TurnStream -> TurnView (text, chips, cards)
 *   load     -> GET api/conversations -> each turn's events again, the running one to its end
 *
 * One conversation is on the page at a time; its streams stop when another is
 * chosen, and the turns themselves go on at the server.
 */

import { call, explain, post, segment } from './api.js';
import { closeDrawer, conversationsState, drawConversations, startDrawer } from './conversations.js';
import { byId, clear, el, setText } from './dom.js';
import { session, watchSession } from './session.js';
import { announce, notice, reachable, showPerson, startShell } from './shell.js';
import { TurnStream } from './stream.js';
import { label } from './text.js';
import { TurnView } from './turn-view.js';

/* Past turns replayed at once, so that a long conversation does not queue dozens of requests. */
const REPLAYED = 20;
const AT_ONCE = 2;

const page = {
    list: [],
    /* null: a new conversation that the first message will create. */
    conversation: null,
    turns: new Map(),
    views: [],
    streams: new Map(),
    /* Grows with every change of conversation: late answers of an old one are dropped. */
    epoch: 0,
};

const transcript = byId('transcript');
const text = byId('composer-text');
const sendButton = byId('composer-send');
const follow = { bottom: true, holding: false };

/* Where the reader is decides: text that comes in must not pull the page away from them. */
function atBottom() {
    return transcript.scrollHeight - transcript.scrollTop - transcript.clientHeight < 80;
}

function toBottom() {
    transcript.scrollTop = transcript.scrollHeight;
}

function settle() {
    const waiting = page.views.map((view) => view.openApproval).find(Boolean);

    if (follow.bottom) {
        toBottom();
        if (waiting) {
            /* On a low screen its title and code matter more than what stands below them. */
            const above = transcript.getBoundingClientRect().top - waiting.element.getBoundingClientRect().top;

            if (above > -8) {
                follow.holding = true;
                transcript.scrollTop -= above + 8;
            }
        }
    }
    const latest = byId('latest');

    setText(latest, waiting ? 'An approval is waiting' : 'Jump to the latest');
    latest.hidden = follow.bottom || atBottom();
    document.title = waiting ? '(!) Approval needed \u00b7 Countersign' : 'Chat \u00b7 Countersign';
}

function busyTurn() {
    return page.views.find((view) => view.running);
}

function drawComposer() {
    const busy = busyTurn();

    sendButton.setAttribute('aria-disabled', String(Boolean(busy) || text.value.trim() === ''));
    setText(
        byId('composer-hint'),
        busy
            ? 'Wait for the answer, or stop it.'
            : 'Enter sends, Shift and Enter starts a new line. What you approve on your phone is done, nothing else.',
    );
    byId('welcome').hidden = page.views.length > 0 || byId('restoring').hidden === false;
    const open = page.list.find((c) => c.id === page.conversation);

    setText(byId('chat-heading'), open?.title ? label(open.title, 80) : 'New conversation');
}

function dropViews() {
    page.epoch += 1;
    for (const stream of page.streams.values()) {
        stream.stop();
    }
    for (const view of page.views) {
        view.stop();
    }
    page.streams.clear();
    page.turns.clear();
    page.views = [];
    clear(byId('turns'));
    byId('restoring').hidden = true;
    byId('earlier').hidden = true;
    byId('chat-error').hidden = true;
    follow.bottom = true;
}

/* --- one turn --- */

function addView(options) {
    const view = new TurnView({
        ...options,
        onStop: () => stopTurn(view),
        onApproval: (card) => {
            page.streams.get(view)?.nudge();
            settle();
        },
    });

    page.views.push(view);
    if (view.id) {
        page.turns.set(view.id, view);
    }
    return view;
}

async function stopTurn(view) {
    if (!view.id) {
        return;
    }
    try {
        await post(`api/turns/${segment(view.id)}/cancel`);
        view.setStatus('Stopping\u2026');
        page.streams.get(view)?.nudge();
    } catch (error) {
        if (error.status !== 401) {
            notice(`Stopping did not work: ${explain(error)}`);
        }
    }
}

function streamFor(view) {
    const epoch = page.epoch;
    const stream = new TurnStream({
        turn: view.id,
        onEvent: (type, data) => {
            if (epoch !== page.epoch) {
                return;
            }
            view.event(type, data);
            if (type === 'turn') {
                page.turns.set(data.turn, view);
                if (!page.conversation && data.conversation) {
                    page.conversation = data.conversation;
                }
                refreshList();
            }
            settle();
        },
        onState: (state, error) => {
            if (epoch !== page.epoch) {
                return;
            }
            view.connection(state);
            if (state === 'gone' && error?.status !== 401) {
                view.lost(
                    error?.status === 404
                        ? 'This answer is not kept any more.'
                        : `The answer cannot be shown: ${explain(error)}`,
                );
            }
            if (state === 'ended' || state === 'gone') {
                page.streams.delete(view);
                drawComposer();
                settle();
            }
        },
    });

    page.streams.set(view, stream);
    return stream;
}

/* --- sending --- */

async function send(message) {
    const epoch = page.epoch;
    const view = addView({ message });

    byId('chat-error').hidden = true;
    byId('turns').append(view.element);
    text.value = '';
    grow();
    follow.bottom = true;
    drawComposer();
    settle();
    const stream = streamFor(view);

    try {
        await stream.post(message, page.conversation);
        if (epoch === page.epoch) {
            refreshList();
            announceEnd(view);
        }
    } catch (error) {
        if (epoch !== page.epoch || stream.controller.signal.aborted) {
            return;
        }
        page.streams.delete(view);
        await unsent(view, message, error, epoch);
    }
}

function announceEnd(view) {
    const words = { done: 'The answer is complete.', cancelled: 'Stopped.', error: 'The answer ended with an error.' };

    announce(words[view.state] ?? '');
}

/*
 * Without an answer nobody here knows whether the message arrived.  The list of
 * turns knows: if it is there, it is followed; if not, the words go back into
 * the composer.  Sending again by itself could ask for the same act twice.
 */
async function unsent(view, message, error, epoch) {
    let arrived = null;

    if (error.status === 0 || error.status >= 500) {
        view.setStatus('Looking whether your message arrived\u2026');
        const list = await call('api/conversations').catch(() => null);

        if (epoch !== page.epoch) {
            return;
        }
        arrived = list?.conversations
            .filter((c) => !page.conversation || c.id === page.conversation)
            .slice(0, 1)
            .flatMap((c) => c.turns.map((turn) => ({ conversation: c.id, turn })))
            .findLast(({ turn }) => turn.message === message && !page.turns.has(turn.id));
    }
    if (arrived) {
        page.conversation = arrived.conversation;
        view.setId(arrived.turn.id);
        page.turns.set(arrived.turn.id, view);
        await streamFor(view).follow();
        return;
    }
    view.stop();
    view.element.remove();
    page.views = page.views.filter((v) => v !== view);
    if (text.value === '') {
        text.value = message;
        grow();
    }
    const place = byId('chat-error');

    setText(byId('chat-error-text'), `Your message was not sent: ${explain(error)} It is back in the box below.`);
    place.hidden = error.status === 401;
    drawComposer();
    settle();
    if (error.status !== 401) {
        text.focus();
    }
}

/* --- restoring --- */

function replay(turns) {
    const epoch = page.epoch;
    const waiting = [...turns];

    async function worker() {
        while (waiting.length > 0 && epoch === page.epoch) {
            const view = waiting.shift();

            await streamFor(view).follow();
        }
    }
    /* The running turn must not wait in line behind old ones, nor they behind it. */
    const running = waiting.findIndex((view) => view.liveAtStart);

    if (running >= 0) {
        const [view] = waiting.splice(running, 1);

        streamFor(view).follow().then(() => epoch === page.epoch && announceEnd(view));
    }
    return Promise.all(Array.from({ length: AT_ONCE }, worker));
}

function viewOfTurn(turn) {
    const view = addView({ id: turn.id, message: turn.message, createdAt: turn.created_at });

    view.liveAtStart = turn.state === 'running';
    view.setStatus(view.liveAtStart ? 'Working\u2026' : 'Loading\u2026');
    view.stopButton.hidden = !view.liveAtStart;
    return view;
}

async function showConversation(conversation) {
    dropViews();
    const epoch = page.epoch;

    page.conversation = conversation?.id ?? null;
    drawConversations(page.list, page.conversation, pick);
    const turns = conversation?.turns ?? [];

    if (turns.length > 0) {
        const older = turns.slice(0, -REPLAYED);
        const views = turns.slice(-REPLAYED).map(viewOfTurn);

        /* Restored text is not news: a screen reader would read the whole past aloud. */
        byId('turns').setAttribute('aria-live', 'off');
        byId('turns').append(...views.map((view) => view.element));
        if (older.length > 0) {
            byId('earlier').hidden = false;
            byId('earlier').onclick = () => showEarlier(older);
        }
        drawComposer();
        settle();
        await replay([...views].reverse());
        if (epoch !== page.epoch) {
            return;
        }
        settle();
    }
    byId('turns').setAttribute('aria-live', 'polite');
    drawComposer();
}

function showEarlier(older) {
    const views = older.splice(-REPLAYED).map(viewOfTurn);
    const below = transcript.scrollHeight - transcript.scrollTop;

    byId('earlier').hidden = older.length === 0;
    byId('turns').prepend(...views.map((view) => view.element));
    follow.bottom = false;
    transcript.scrollTop = transcript.scrollHeight - below;
    replay([...views].reverse());
}

function pick(conversation) {
    closeDrawer();
    showConversation(page.list.find((c) => c.id === conversation.id) ?? conversation);
    text.focus();
}

function newConversation() {
    closeDrawer();
    showConversation(null);
    text.focus();
}

async function loadList() {
    const answer = await call('api/conversations');

    page.list = Array.isArray(answer.conversations) ? answer.conversations : [];
    return page.list;
}

let refreshing = 0;

/* Never in the way: a list that could not be had again stays as it is. */
function refreshList() {
    clearTimeout(refreshing);
    refreshing = setTimeout(async () => {
        const epoch = page.epoch;

        try {
            await loadList();
            if (session() && epoch === page.epoch) {
                drawConversations(page.list, page.conversation, pick);
                joinNewTurns();
                drawComposer();
            }
        } catch {
            /* The next turn asks again. */
        }
    }, 300);
}

/* Turns of this conversation begun in another tab or on another device. */
function joinNewTurns() {
    const conversation = page.list.find((c) => c.id === page.conversation);

    if (!conversation || page.views.some((view) => !view.id) || page.views.length === 0) {
        return;
    }
    const last = conversation.turns.findLastIndex((turn) => page.turns.has(turn.id));
    const views = conversation.turns.slice(last + 1).map(viewOfTurn);

    if (last >= 0 && views.length > 0) {
        byId('turns').append(...views.map((view) => view.element));
        drawComposer();
        settle();
        replay(views);
    }
}

async function restore() {
    dropViews();
    byId('restoring').hidden = false;
    byId('restore-error').hidden = true;
    conversationsState('loading');
    drawComposer();
    const epoch = page.epoch;

    try {
        await loadList();
        if (epoch !== page.epoch || !session()) {
            return;
        }
        conversationsState('ready');
        byId('restoring').hidden = true;
        await showConversation(page.list[0] ?? null);
    } catch (error) {
        if (epoch !== page.epoch || error.status === 401) {
            return;
        }
        byId('restoring').hidden = true;
        conversationsState('error');
        setText(byId('restore-error-text'), `Your conversations could not be loaded. ${explain(error)}`);
        byId('restore-error').hidden = false;
        drawComposer();
    }
}

/* --- the composer --- */

function grow() {
    /* Rows, not a style: the policy allows none in markup and the page needs none. */
    const lines = text.value.split('\n').length;

    text.rows = Math.min(8, Math.max(1, lines, Math.ceil(text.value.length / 90)));
}

function submit() {
    const message = text.value.trim();

    if (message === '') {
        return;
    }
    if (busyTurn()) {
        announce('Wait for the answer, or stop it.');
        return;
    }
    send(message);
}

/* A sentence to start from, with the person's own login selected, ready to be replaced. */
function suggest(event) {
    const login = session()?.user?.email || 'user@example.test';
    const sentence = event.currentTarget.dataset.sentence;
    const at = sentence.indexOf('%');

    text.value = at < 0 ? sentence : sentence.replace('%', () => login);
    grow();
    text.focus();
    if (at >= 0) {
        text.setSelectionRange(at, at + login.length);
    }
    drawComposer();
}

function start() {
    startShell();
    startDrawer();
    byId('composer').addEventListener('submit', (event) => {
        event.preventDefault();
        submit();
    });
    text.addEventListener('keydown', (event) => {
        if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
            event.preventDefault();
            submit();
        }
    });
    text.addEventListener('input', () => {
        grow();
        drawComposer();
    });
    for (const suggestion of document.querySelectorAll('[data-sentence]')) {
        suggestion.addEventListener('click', suggest);
    }
    byId('new-conversation').addEventListener('click', newConversation);
    byId('restore-retry').addEventListener('click', restore);
    byId('conversations-retry').addEventListener('click', restore);
    byId('latest').addEventListener('click', () => {
        follow.bottom = true;
        settle();
    });
    transcript.addEventListener('scroll', () => {
        if (follow.holding) {
            /* settle() moved it, not the reader. */
            follow.holding = false;
            return;
        }
        follow.bottom = atBottom();
        byId('latest').hidden = follow.bottom;
    });
    new ResizeObserver(settle).observe(byId('turns'));
    document.addEventListener('visibilitychange', () => {
        if (document.visibilityState === 'visible' && session()) {
            refreshList();
            for (const stream of page.streams.values()) {
                stream.nudge();
            }
        }
    });
    watchSession({
        onIn: (value) => {
            showPerson(value);
            restore();
        },
        onOut: () => {
            showPerson(null);
            dropViews();
            page.list = [];
            page.conversation = null;
            clear(byId('conversations'));
            text.value = '';
            grow();
            notice('');
            announce('');
            announce('', 'assertive');
            document.title = 'Chat \u00b7 Countersign';
        },
        onReach: reachable,
    });
}

start();
