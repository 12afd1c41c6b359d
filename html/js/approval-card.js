/*
 * The approval card: what the phone is asking, in the same words, beside the
 * two ways to say no.  While the act is open the card asks api/approvals/{id}
 * every two seconds and so changes by itself when the phone answers.
 *
 * The phrase comes from that answer alone.  It never travelled through the
 * chat, the model or the event stream, so nothing there can forge it.
 */

import { call, explain, post, segment, serverNow } from './api.js';
import { isFinal, verbOf, viewOf } from './approval-view.js';
import { button, el, setText, whileBusy } from './dom.js';
import { countdown, spoken } from './format.js';
import { leave, tellOtherTabs } from './session.js';
import { announce } from './shell.js';
import { label, splitPhrase, visible } from './text.js';

const POLL_MS = 2000;
const TROUBLE_MS = [2000, 4000, 8000];
const LAST_CALL = 30;

let cards = 0;

export class ApprovalCard {
    /*
     * first: what the event said ({ id, action, target, expires_at }) or a whole
     * document.  onChange(doc): after each change of state.
     */
    constructor(first, onChange = () => {}) {
        this.doc = { ...first, state: first.state ?? '' };
        this.loaded = Boolean(first.state);
        this.onChange = onChange;
        this.stopped = false;
        this.failures = 0;
        this.longest = 0;
        this.lastCallSaid = false;
        this.build();
        this.draw();
        if (this.loaded && isFinal(this.doc.state)) {
            return;
        }
        this.ticker = setInterval(() => this.tick(), 1000);
        this.onVisible = () => document.visibilityState === 'visible' && this.poll();
        document.addEventListener('visibilitychange', this.onVisible);
        this.poll();
    }

    get open() {
        return !this.stopped && !isFinal(this.doc.state);
    }

    stop() {
        this.stopped = true;
        clearTimeout(this.timer);
        clearInterval(this.ticker);
        document.removeEventListener('visibilitychange', this.onVisible);
    }

    build() {
        const id = `approval-${(cards += 1)}`;
        const fact = (name, testid, attributes = {}) => {
            const value = el('dd', { 'data-testid': testid, ...attributes });
            const row = el('div', { class: 'fact' }, el('dt', {}, name), value);

            this.facts.append(row);
            return { row, value };
        };

        this.title = el('h3', { id, class: 'card-title', 'data-testid': 'approval-title', tabindex: '-1' });
        this.badge = el('span', { class: 'badge', 'data-testid': 'approval-state' });
        this.next = el('p', { class: 'card-next', 'data-testid': 'approval-next' });
        this.message = el('p', { class: 'card-message', 'data-testid': 'approval-message', dir: 'auto' });
        this.phrase = el('p', {
            class: 'phrase',
            'data-testid': 'approval-phrase',
            translate: 'no',
            dir: 'ltr',
        });
        this.facts = el('dl', { class: 'facts' });
        this.verb = fact('Action', 'approval-verb');
        this.target = fact('Account', 'approval-target', { dir: 'ltr', translate: 'no' });
        this.idEnd = fact('Id ends in', 'approval-target-id', { dir: 'ltr', translate: 'no' });
        this.status = fact('Status', 'approval-target-status');
        this.effect = fact('Effect', 'approval-effect');
        this.sentence = fact('You wrote', 'approval-sentence', { dir: 'auto' });
        this.clock = el('span', { class: 'clock', 'data-testid': 'approval-countdown', role: 'timer' });
        this.bar = el('progress', { 'aria-hidden': 'true', max: '1', value: '1' });
        this.time = el('div', { class: 'card-time' }, this.clock, this.bar);
        this.warning = el(
            'p',
            { class: 'card-warning', 'data-testid': 'approval-warning' },
            'Deny on the phone if the code or the account differs, or if you did not ask.',
        );
        this.sendButton = button(
            'Send to my phone',
            { class: 'button primary', 'data-testid': 'approval-send', hidden: true },
            () => this.act(this.sendButton, 'send'),
        );
        this.ackButton = button(
            'I have checked, continue',
            { class: 'button primary', 'data-testid': 'approval-acknowledge', hidden: true },
            () => this.act(this.ackButton, 'acknowledge'),
        );
        this.cancelButton = button(
            'Cancel',
            { 'data-testid': 'approval-cancel', hidden: true },
            () => this.act(this.cancelButton, 'cancel'),
        );
        this.notMeButton = button(
            'Not me',
            {
                class: 'button danger',
                'data-testid': 'approval-not-me',
                'aria-describedby': `${id}-not-me`,
                hidden: true,
            },
            () => this.act(this.notMeButton, 'not-me'),
        );
        this.notMeHint = el('p', { class: 'card-hint', id: `${id}-not-me` });
        this.trouble = el('p', {
            class: 'card-trouble',
            'data-testid': 'approval-error',
            role: 'status',
            hidden: true,
        });
        this.element = el(
            'section',
            {
                class: 'card',
                'aria-labelledby': id,
                'data-testid': 'approval-card',
                'data-approval-id': this.doc.id,
            },
            el('header', { class: 'card-head' }, this.title, this.badge),
            this.next,
            this.phrase,
            this.time,
            this.message,
            this.facts,
            this.warning,
            el(
                'div',
                { class: 'card-buttons' },
                this.sendButton,
                this.ackButton,
                this.cancelButton,
                this.notMeButton,
                this.notMeHint,
            ),
            this.trouble,
        );
    }

    draw() {
        const { doc } = this;
        const view = viewOf(doc);
        const put = ({ row, value }, text) => {
            row.hidden = !text;
            setText(value, text || '');
        };

        this.element.dataset.state = doc.state || 'loading';
        this.element.dataset.tone = view.tone;
        setText(this.title, this.loaded ? view.title : 'Loading the approval\u2026');
        setText(this.badge, this.loaded ? view.badge : 'Loading');
        setText(this.next, this.loaded ? view.next : 'One moment: the details come from the server.');
        /* Until the end it only says to the agent what the title says to the person. */
        const words = view.final && doc.message ? visible(doc.message) : '';

        setText(this.message, words);
        this.message.hidden = words === '';
        this.drawPhrase(view.phrase ? doc.phrase : '');
        put(this.verb, verbOf(doc));
        put(this.target, label(doc.target));
        put(this.idEnd, doc.target_id_end ? `\u2026${label(doc.target_id_end, 40)}` : '');
        put(this.status, label(doc.target_status, 40));
        /* It was read when the approval was asked for; the act may have changed it. */
        setText(this.status.row.firstElementChild, view.final ? 'Status before' : 'Status');
        put(this.effect, label(doc.effect));
        put(this.sentence, doc.sentence ? visible(doc.sentence) : '');
        this.warning.hidden = !view.warning;
        this.setButtons(view);
        this.time.hidden = !view.countdown;
        this.tick();
    }

    drawPhrase(phrase) {
        if (this.phrase.dataset.phrase === phrase) {
            return;
        }
        this.phrase.dataset.phrase = phrase;
        this.phrase.hidden = phrase === '';
        this.phrase.replaceChildren();
        if (phrase !== '') {
            const [code, rest] = splitPhrase(phrase);

            this.phrase.append(
                el('strong', { class: 'phrase-code', 'data-testid': 'approval-code' }, code),
                ...rest.split(/(?<=[._])/).flatMap((part) => [part, el('wbr')]),
            );
        }
    }

    setButtons(view) {
        const had = this.element.contains(document.activeElement) ? document.activeElement : null;

        this.sendButton.hidden = !(this.loaded && view.send);
        this.ackButton.hidden = !(this.loaded && view.acknowledge);
        this.cancelButton.hidden = !(this.loaded && view.cancel);
        this.notMeButton.hidden = !(this.loaded && view.notMe);
        this.notMeHint.hidden = this.notMeButton.hidden;
        setText(
            this.notMeHint,
            view.cancel
                ? '\u201cNot me\u201d stops this and signs you out everywhere.'
                : '\u201cNot me\u201d signs you out everywhere.',
        );
        if (had?.hidden) {
            /* The button went away under the keyboard's hands: stay in the card. */
            this.title.focus();
        }
    }

    tick() {
        if (this.time.hidden) {
            return;
        }
        const left = this.doc.expires_at - serverNow();

        this.longest = Math.max(this.longest, left, 1);
        this.bar.max = this.longest;
        this.bar.value = Math.max(0, left);
        setText(this.clock, left > 0 ? `${countdown(left)} left` : 'Time is up. Checking\u2026');
        this.time.classList.toggle('soon', left <= LAST_CALL);
        if (left > 0 && left <= LAST_CALL && !this.lastCallSaid && this.loaded) {
            this.lastCallSaid = true;
            announce(`${spoken(left)} left to approve.`);
        }
    }

    /* A document from the server: the card becomes it. */
    take(doc) {
        const before = this.doc.state;
        const first = !this.loaded;

        this.loaded = true;
        this.failures = 0;
        this.doc = { ...this.doc, ...doc };
        this.trouble.hidden = true;
        this.draw();
        if (before !== this.doc.state) {
            this.say(first);
            this.onChange(this.doc);
        }
        if (isFinal(this.doc.state)) {
            this.stop();
        }
    }

    say(first) {
        const view = viewOf(this.doc);

        if (first && view.final) {
            return;
        }
        const [code] = splitPhrase(this.doc.phrase ?? '');
        const what = `${verbOf(this.doc)}, ${label(this.doc.target)}.`;
        const spelled = view.phrase ? ` Code: ${Array.from(code).join(' ')}.` : '';

        announce(`${view.title}. ${what}${spelled} ${view.next}`, 'assertive');
    }

    async poll() {
        if (!this.open || this.polling) {
            return;
        }
        clearTimeout(this.timer);
        this.polling = true;
        try {
            const asked = this.changes ?? 0;
            const doc = await call(`api/approvals/${segment(this.doc.id)}`);

            /* A button's answer that came meanwhile is newer than this one. */
            if (this.open && asked === (this.changes ?? 0)) {
                this.take(doc);
            }
        } catch (error) {
            this.failures += 1;
            if (error.status === 401) {
                this.stop();
            } else if (!error.passing) {
                this.gone(error);
            } else if (this.failures > 1) {
                this.complain(`${explain(error)} Trying again; the request on your phone stands.`);
            }
        } finally {
            this.polling = false;
        }
        if (this.open) {
            const wait = TROUBLE_MS[Math.min(this.failures, TROUBLE_MS.length) - 1] ?? POLL_MS;

            this.timer = setTimeout(() => this.poll(), wait);
        }
    }

    gone(error) {
        this.stop();
        this.loaded = true;
        this.element.dataset.state = 'gone';
        this.element.dataset.tone = 'quiet';
        setText(this.title, 'This approval is not on record any more');
        setText(this.badge, 'Gone');
        setText(this.next, `${explain(error)} Your recent acts stand on the dashboard.`);
        this.drawPhrase('');
        this.time.hidden = true;
        this.warning.hidden = true;
        this.setButtons({});
        this.onChange(this.doc);
    }

    complain(text) {
        setText(this.trouble, text);
        this.trouble.hidden = false;
    }

    act(control, verb) {
        return whileBusy(control, async () => {
            try {
                const doc = await post(`api/approvals/${segment(this.doc.id)}/${verb}`);

                this.changes = (this.changes ?? 0) + 1;
                if (verb === 'not-me') {
                    this.stop();
                    tellOtherTabs();
                    leave(
                        'You said that it was not you. The request was stopped and every session of yours was ended. ' +
                            'Deny the request on your phone if it is still there, and change your password before you sign in again.',
                    );
                    return;
                }
                this.take(verb === 'acknowledge' ? { ...doc, acknowledged: true } : doc);
                if (verb === 'acknowledge') {
                    setText(this.next, 'Thank you: noted that you have checked. You can go on.');
                    this.onChange(this.doc);
                }
            } catch (error) {
                if (error.status === 401) {
                    return;
                }
                this.complain(`That did not work: ${explain(error)}`);
                announce(`That did not work: ${explain(error)}`, 'assertive');
                this.poll();
            }
        });
    }
}
