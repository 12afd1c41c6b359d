/*
 * What the approval card says in each state, as plain data: no DOM, no clock of
 * its own, so that a test can read every sentence.
 */

import { actionName } from './format.js';

/* Nothing more can happen to these by themselves. */
const FINAL = new Set(['done', 'failed', 'unknown', 'denied', 'expired', 'cancelled']);

export const isFinal = (state) => FINAL.has(state);

/*
 * title: what is the case.  next: what to do about it.  tone: wait, good, bad
 * or quiet.  send, cancel, acknowledge: which buttons; "Not me" stays as long
 * as the act could still come about.  phrase: whether the phone shows it now
 * or soon.
 */
const STATES = {
    proposed: {
        badge: 'Preparing',
        tone: 'wait',
        title: 'Preparing a request to your phone',
        next: 'Nothing has been sent yet.',
        cancel: true,
    },
    waiting_click: {
        badge: 'Waiting for you',
        tone: 'wait',
        title: 'Another approval is asked for',
        next: 'Only the first request of a message goes to your phone by itself. If you want this one too, send it.',
        send: true,
        cancel: true,
    },
    waiting_place: {
        badge: 'In line',
        tone: 'wait',
        title: 'Another approval of yours is still open',
        next: 'One request at a time goes to your phone. This one follows when the other has been answered or has run out.',
        cancel: true,
    },
    sending: {
        badge: 'Sending',
        tone: 'wait',
        title: 'Sending the request to your phone',
        next: 'Take your phone. Compare the code before you approve.',
        cancel: true,
        phrase: true,
    },
    waiting: {
        badge: 'Waiting for your phone',
        tone: 'wait',
        title: 'Approve this on your phone',
        next: 'Approve only if your phone shows exactly this:',
        cancel: true,
        phrase: true,
    },
    approved: {
        badge: 'Approved',
        tone: 'wait',
        title: 'Approved on your phone',
        next: 'Everything is checked once more, then it is done.',
        cancel: true,
    },
    executing: {
        badge: 'Carrying out',
        tone: 'wait',
        title: 'Being carried out',
        next: 'It can no longer be stopped. The outcome follows in a moment.',
    },
    done: {
        badge: 'Done',
        tone: 'good',
        title: 'Done',
        next: 'You approved it, and it was carried out.',
    },
    failed: {
        badge: 'Failed',
        tone: 'bad',
        title: 'It was not carried out',
        next: 'It was approved, but the other side refused to do it. Ask again if you still want it; if it fails again, tell your administrator.',
    },
    unknown: {
        badge: 'Outcome unknown',
        tone: 'bad',
        title: 'We do not know whether it happened',
        next: 'The request was sent and no answer came. It is not repeated by itself. Look at the account in the directory, then confirm here; until then the same act is held back.',
        acknowledge: true,
    },
    denied: {
        badge: 'Denied',
        tone: 'bad',
        title: 'Denied',
        next: 'Nothing was changed. If you meant to approve, ask again. Several denials in a row lock approvals for a while.',
    },
    expired: {
        badge: 'Expired',
        tone: 'quiet',
        title: 'Time ran out',
        next: 'Nobody answered in time and nothing was changed. Ask again when you have your phone at hand.',
    },
    cancelled: {
        badge: 'Cancelled',
        tone: 'quiet',
        title: 'Cancelled',
        next: 'Nothing was changed. If your phone still shows the request, deny it there; approving it does nothing any more.',
    },
};

/* A state this page does not know is shown as waiting, and offers the two safe buttons only. */
const STRANGE = {
    badge: 'Checking',
    tone: 'wait',
    title: 'Checking this approval',
    next: 'Do not approve on your phone while this stands here.',
    cancel: true,
};

export function viewOf(doc) {
    const state = Object.hasOwn(STATES, doc.state) ? STATES[doc.state] : STRANGE;
    const final = isFinal(doc.state);
    const unanswered = !final && doc.state !== 'approved' && doc.state !== 'executing';

    return {
        badge: state.badge,
        tone: state.tone,
        title: state.title,
        next: state.next,
        final,
        phrase: Boolean(state.phrase && doc.phrase),
        send: Boolean(state.send && doc.needs_click !== false),
        cancel: Boolean(state.cancel),
        notMe: !final,
        acknowledge: Boolean(state.acknowledge && doc.acknowledged !== true),
        warning: unanswered,
        countdown: unanswered && Number.isFinite(doc.expires_at) && doc.expires_at > 0,
    };
}

/* "reset_password" for the agent is "RESET-PW" on the phone; both help to recognise it. */
export function verbOf(doc) {
    const name = actionName(doc.action);

    return doc.verb ? `${name} (${doc.verb})` : name;
}
