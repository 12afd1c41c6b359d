/*
 * The conversation on the page: its turns, their streams, and what stands
 * around them.  The streams end when another conversation is chosen; the turns
 * themselves go on at the server.
 */

import { explain, post, segment } from './api.js';
import { drawComposer } from './composer.js';
import { byId, clear, setText } from './dom.js';
import { followBottom, settle as settleScroll } from './scroll.js';
import { notice } from './shell.js';
import { TurnStream } from './stream.js';
import { label } from './text.js';
import { TurnView } from './turn-view.js';

export const page = {
    list: [],
    /* null: a new conversation that the first message will create. */
    conversation: null,
    turns: new Map(),
    views: [],
    streams: new Map(),
    /* Grows with every change of conversation: late answers of an old one are dropped. */
    epoch: 0,
    /* A turn of this page began: the list of conversations is old now. */
    onNewTurn: () => {},
};

export function settle() {
    const waiting = page.views.map((view) => view.openApproval).find(Boolean);

    settleScroll(waiting?.element ?? null);
    document.title = waiting ? '(!) Approval needed \u00b7 Countersign' : 'Chat \u00b7 Countersign';
}

export const busyTurn = () => page.views.find((view) => view.running);

/* What stands around the messages: the composer, the welcome, the heading. */
export function drawAround() {
    const open = page.list.find((c) => c.id === page.conversation);

    drawComposer(Boolean(busyTurn()));
    byId('welcome').hidden = page.views.length > 0 || !byId('restoring').hidden;
    setText(byId('chat-heading'), open?.title ? label(open.title, 80) : 'New conversation');
}

export function dropViews() {
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
    followBottom(true);
}

export function addView(options) {
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

export function streamFor(view) {
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
                if (!view.restored) {
                    page.onNewTurn();
                }
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
                drawAround();
                settle();
            }
        },
    });

    page.streams.set(view, stream);
    return stream;
}
