/*
 * One turn on the page: what the person wrote and, in the order of the events,
 * what came back: text, action chips, approval cards, the end.
 */

import { ApprovalCard } from './approval-card.js';
import { isFinal } from './approval-view.js';
import { button, el, setText, whileBusy } from './dom.js';
import { actionName, isoTime, when } from './format.js';
import { label, visible } from './text.js';

const CHIP_WORDS = {
    started: 'working',
    pending: 'waiting for approval',
    done: 'done',
    failed: 'failed',
    denied: 'denied',
    expired: 'expired',
    cancelled: 'cancelled',
    unknown: 'outcome unknown',
};
const CHIP_OPEN = new Set(['started', 'pending']);

/* More than the server lets a turn write; past it the page stops adding, not the turn. */
const MAX_TEXT = 400000;

export class TurnView {
    /*
     * onStop(): the person wants the turn stopped; answers a promise.
     * onApproval(card): a card appeared or changed.
     */
    constructor({ id = null, message, createdAt, onStop, onApproval = () => {} }) {
        this.id = id;
        this.state = 'running';
        this.onApproval = onApproval;
        this.chips = [];
        this.cards = new Map();
        this.shown = 0;
        this.started = Date.now();
        this.build(message, createdAt, onStop);
        if (id) {
            this.setId(id);
        }
    }

    build(message, createdAt, onStop) {
        const time = isoTime(createdAt);

        this.answer = el('div', { class: 'answer', 'data-testid': 'message-agent' });
        this.statusText = el('span', { 'data-testid': 'turn-status-text' });
        this.stopButton = button('Stop', { class: 'button small', 'data-testid': 'turn-stop' }, () =>
            whileBusy(this.stopButton, onStop),
        );
        this.status = el(
            'div',
            { class: 'turn-status', 'data-testid': 'turn-status' },
            el('span', { class: 'dots', 'aria-hidden': 'true' }, el('i'), el('i'), el('i')),
            this.statusText,
            this.stopButton,
        );
        this.element = el(
            'article',
            { class: 'turn', 'data-testid': 'turn', 'data-state': 'running' },
            el('h2', { class: 'sr-only' }, 'You wrote'),
            el('p', { class: 'said', 'data-testid': 'message-user', dir: 'auto' }, visible(message)),
            time ? el('time', { class: 'said-time', datetime: time }, when(createdAt)) : null,
            el('h3', { class: 'sr-only' }, 'Answer'),
            this.answer,
            this.status,
        );
        this.stopButton.hidden = true;
        this.setStatus('Working\u2026');
        this.ticker = setInterval(() => this.tick(), 1000);
    }

    setId(id) {
        this.id = id;
        this.element.dataset.turnId = id;
        this.stopButton.hidden = false;
    }

    get running() {
        return this.state === 'running';
    }

    /* The card that waits for the person, if any. */
    get openApproval() {
        return [...this.cards.values()].find((card) => card.open);
    }

    stop() {
        clearInterval(this.ticker);
        for (const card of this.cards.values()) {
            card.stop();
        }
    }

    setStatus(text) {
        this.statusWord = text;
        this.tick();
    }

    tick() {
        if (!this.running) {
            return;
        }
        const seconds = Math.round((Date.now() - this.started) / 1000);

        setText(
            this.statusText,
            seconds < 4 || this.trouble ? this.statusWord : `${this.statusWord} ${seconds} s`,
        );
    }

    /* One event of the stream.  Unknown kinds are skipped, so that a newer server can add some. */
    event(type, data) {
        if (type === 'turn') {
            if (this.id !== data.turn) {
                this.setId(data.turn);
            }
        } else if (type === 'text') {
            this.text(data.delta);
        } else if (type === 'action') {
            this.action(data);
        } else if (type === 'approval') {
            this.approval(data);
        } else if (type === 'done') {
            this.end('done');
        } else if (type === 'error') {
            this.end(data.code === 'cancelled' ? 'cancelled' : 'error', data);
        }
    }

    text(delta) {
        if (typeof delta !== 'string' || delta === '' || this.shown > MAX_TEXT) {
            return;
        }
        this.shown += delta.length;
        let block = this.answer.lastElementChild;
        let shown = visible(delta);

        if (!block?.classList.contains('text')) {
            /* The space between a chip or card and the text after it is the style sheet's. */
            shown = shown.replace(/^\n+/, '');
            if (shown === '') {
                return;
            }
            block = el('p', { class: 'text', 'data-testid': 'answer-text', dir: 'auto' });
            this.answer.append(block);
        }
        block.append(shown);
        if (this.shown > MAX_TEXT) {
            this.answer.append(el('p', { class: 'aside' }, 'The rest of this long answer is not shown.'));
        }
    }

    action({ name, target, status }) {
        const key = JSON.stringify([name, target]);
        const word = Object.hasOwn(CHIP_WORDS, status) ? CHIP_WORDS[status] : label(status, 20);
        let chip = this.chips.findLast((c) => c.key === key);

        if (!chip || (!CHIP_OPEN.has(chip.status) && CHIP_OPEN.has(status))) {
            chip = this.newChip(key, name, target);
        }
        chip.status = status;
        chip.element.dataset.status = Object.hasOwn(CHIP_WORDS, status) ? status : 'started';
        setText(chip.word, word);
        if (status === 'started') {
            this.setStatus('Working\u2026');
        }
    }

    newChip(key, name, target) {
        let row = this.answer.lastElementChild;

        if (!row?.classList.contains('chips')) {
            row = el('ul', { class: 'chips', 'aria-label': 'Actions' });
            this.answer.append(row);
        }
        const word = el('span', { class: 'chip-status', 'data-testid': 'action-status' });
        const element = el(
            'li',
            { class: 'chip', 'data-testid': 'action-chip', 'data-action': label(name, 80) },
            el('span', { class: 'chip-name' }, actionName(name)),
            target ? el('bdi', { class: 'chip-target', 'data-testid': 'action-target' }, label(target, 120)) : null,
            word,
        );
        const chip = { key, word, element, status: '' };

        row.append(element);
        this.chips.push(chip);
        return chip;
    }

    approval(data) {
        if (typeof data.id !== 'string' || this.cards.has(data.id)) {
            return;
        }
        const card = new ApprovalCard(
            { id: data.id, action: data.action, target: data.target, expires_at: data.expires_at },
            (doc) => {
                this.setStatus(isFinal(doc.state) ? 'Working\u2026' : 'Waiting for your approval\u2026');
                this.onApproval(card);
            },
        );

        this.cards.set(data.id, card);
        this.answer.append(card.element);
        this.setStatus('Waiting for your approval\u2026');
        this.onApproval(card);
    }

    /* The stream's own state; the turn itself goes on at the server whatever stands here. */
    connection(state) {
        this.trouble = state === 'trouble';
        if (state === 'trouble') {
            this.before ??= this.statusWord;
            this.setStatus('Connection lost. Trying again; nothing is lost\u2026');
        } else if (this.before) {
            const word = this.before;

            this.before = null;
            this.setStatus(word);
        }
    }

    end(state, error = null) {
        if (!this.running) {
            return;
        }
        this.state = state;
        this.element.dataset.state = state;
        clearInterval(this.ticker);
        this.status.hidden = true;
        if (state === 'cancelled') {
            this.close('quiet', 'You stopped this.', error?.message);
        } else if (state === 'error') {
            this.close('bad', 'This ended with an error.', error?.message || 'You can ask again.');
        } else if (!this.answer.hasChildNodes()) {
            this.close('quiet', 'The answer is empty.', 'Try to ask in other words.');
        }
        for (const chip of this.chips.filter((c) => CHIP_OPEN.has(c.status))) {
            /* No event said how it ended, and none will: it must not look as if it went on. */
            const waited = chip.status === 'pending';

            chip.status = waited ? 'cancelled' : 'unknown';
            chip.element.dataset.status = chip.status;
            setText(chip.word, waited ? 'no longer waited for' : CHIP_WORDS.unknown);
        }
        /* Whatever ended the turn has settled its approvals: look at once. */
        for (const card of this.cards.values()) {
            card.poll();
        }
    }

    /* The events cannot be had (any more), which says nothing about the turn's outcome. */
    lost(text, again = null) {
        this.state = 'lost';
        this.element.dataset.state = 'lost';
        clearInterval(this.ticker);
        this.status.hidden = true;
        this.close('quiet', text, '', again);
    }

    close(tone, title, detail = '', again = null) {
        this.answer.append(
            el(
                'div',
                { class: 'ending', 'data-tone': tone, 'data-testid': 'turn-ending' },
                el('strong', {}, title),
                detail ? el('span', { dir: 'auto' }, ` ${visible(detail)}`) : null,
                again ? button('Try again', { class: 'button small', 'data-testid': 'turn-retry' }, again) : null,
            ),
        );
    }
}
