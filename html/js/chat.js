/*
 * The chat page.
 *
 *   composer -> POST api/chat -> TurnStream -> TurnView (text, chips, cards)
 *   load     -> GET api/conversations -> each turn's events again, the running one to its end
 */

import { call, explain } from './api.js';
import { draft, focusComposer, setDraft, startComposer } from './composer.js';
import { closeDrawer, conversationsState, drawConversations, startDrawer } from './conversations.js';
import { byId, clear, setText } from './dom.js';
import { followBottom, keepPlace, startScroll } from './scroll.js';
import { session, watchSession } from './session.js';
import { newKey } from './stream.js';
import { announce, notice, reachable, showPerson, startShell } from './shell.js';
import { addView, busyTurn, drawAround, dropViews, page, settle, streamFor } from './talk.js';

/* Past turns replayed at once, so that a long conversation does not queue dozens of requests. */
const REPLAYED = 20;
const AT_ONCE = 2;

/* The message of which nobody knows whether it arrived: the same words again keep its key. */
let doubtful = null;

async function send(message) {
    const epoch = page.epoch;
    const { conversation } = page;
    const same = doubtful?.message === message && doubtful.conversation === conversation;
    const key = same ? doubtful.key : newKey();

    doubtful = null;
    const view = addView({ message });

    byId('chat-error').hidden = true;
    byId('turns').append(view.element);
    setDraft('');
    followBottom(true);
    drawAround();
    settle();
    const stream = streamFor(view);

    try {
        await stream.post(message, conversation, key);
        if (epoch === page.epoch) {
            refreshList();
            announceEnd(view);
        }
    } catch (error) {
        if (epoch !== page.epoch || stream.controller.signal.aborted) {
            return;
        }
        page.streams.delete(view);
        if (error.status === 0 || error.status >= 500) {
            doubtful = { message, conversation, key };
        }
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
 * the composer, and keep their key, so that sending them again asks for one act.
 */
async function unsent(view, message, error, epoch) {
    let arrived = null;
    let known = true;

    if (error.status === 0 || error.status >= 500) {
        view.setStatus('Looking whether your message arrived\u2026');
        const list = await call('api/conversations').catch(() => null);

        if (epoch !== page.epoch) {
            return;
        }
        known = list !== null;
        arrived = list?.conversations
            .filter((c) => !page.conversation || c.id === page.conversation)
            .slice(0, 1)
            .flatMap((c) => c.turns.map((turn) => ({ conversation: c.id, turn })))
            .findLast(({ turn }) => turn.message === message && !page.turns.has(turn.id));
    }
    if (arrived) {
        doubtful = null; /* the same words once more are a new message */
        page.conversation = arrived.conversation;
        view.setId(arrived.turn.id);
        page.turns.set(arrived.turn.id, view);
        await streamFor(view).follow();
        return;
    }
    view.stop();
    view.element.remove();
    page.views = page.views.filter((v) => v !== view);
    if (draft() === '') {
        setDraft(message);
    }
    setText(
        byId('chat-error-text'),
        known
            ? `Your message was not sent: ${explain(error)} It is back in the box below.`
            : `${explain(error)} It is not known whether your message arrived. It is back in the box below: sending it again from here cannot ask for it twice.`,
    );
    byId('chat-error').hidden = error.status === 401;
    drawAround();
    settle();
    if (error.status !== 401) {
        focusComposer();
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

    view.restored = true;
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
        drawAround();
        settle();
        await replay([...views].reverse());
        if (epoch !== page.epoch) {
            return;
        }
        settle();
    }
    byId('turns').setAttribute('aria-live', 'polite');
    drawAround();
}

function showEarlier(older) {
    const views = older.splice(-REPLAYED).map(viewOfTurn);

    keepPlace(() => {
        byId('earlier').hidden = older.length === 0;
        byId('turns').prepend(...views.map((view) => view.element));
    });
    replay([...views].reverse());
}

function pick(conversation) {
    closeDrawer();
    showConversation(page.list.find((c) => c.id === conversation.id) ?? conversation);
    focusComposer();
}

function newConversation() {
    closeDrawer();
    showConversation(null);
    focusComposer();
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
                drawAround();
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
        drawAround();
        settle();
        replay(views);
    }
}

async function restore() {
    dropViews();
    byId('restoring').hidden = false;
    byId('restore-error').hidden = true;
    conversationsState('loading');
    drawAround();
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
        drawAround();
    }
}

function submit(message) {
    if (busyTurn()) {
        announce('Wait for the answer, or stop it.');
        return;
    }
    send(message);
}

function start() {
    startShell();
    startDrawer();
    startComposer({
        onSubmit: submit,
        onInput: drawAround,
        login: () => session()?.user?.email || 'user@example.test',
    });
    startScroll(settle);
    page.onNewTurn = refreshList;
    byId('new-conversation').addEventListener('click', newConversation);
    byId('restore-retry').addEventListener('click', restore);
    byId('conversations-retry').addEventListener('click', restore);
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
            doubtful = null;
            clear(byId('conversations'));
            setDraft('');
            notice('');
            announce('');
            announce('', 'assertive');
            document.title = 'Chat \u00b7 Countersign';
        },
        onReach: reachable,
    });
}

start();
