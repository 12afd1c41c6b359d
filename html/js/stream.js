/*
 * A turn's events, followed to the end.
 *
 *   POST api/chat  ->  events ... (the server ends the reply by 25 s)
 *   GET api/turns/{id}/events, Last-Event-ID  ->  events ...  until done or error
 *
 * The turn lives on the server whether anyone watches or not, so losing a reply
 * loses nothing: the next GET goes on after the last event seen.  Offline and
 * 5xx are waited out with a back-off, and the caller is told.
 */

import { ApiError, open, segment } from './api.js';
import { createDecoder } from './sse.js';

/* Streams end by 25 s and carry a heartbeat every 10 s; this much silence is a dead connection. */
const SILENCE_MS = 30000;

/* After a reply that held events more is likely soon; after an empty one, gently slower. */
export const AFTER_NEWS_MS = 300;
export const IDLE_MS = [1000, 1300, 1700, 2000, 2500, 3000];
export const TROUBLE_MS = [1000, 2000, 4000, 8000, 15000];

export function pauseFor({ news, idle, trouble, retryAfter }) {
    if (trouble > 0) {
        const step = TROUBLE_MS[Math.min(trouble, TROUBLE_MS.length) - 1];

        return Math.max(step, Math.min(retryAfter, 60) * 1000);
    }
    return news ? AFTER_NEWS_MS : IDLE_MS[Math.min(idle, IDLE_MS.length) - 1];
}

export class TurnStream {
    /*
     * onEvent(type, data): each event once, data parsed.
     * onState('live' | 'waiting' | 'trouble' | 'gone' | 'ended', error?).
     */
    constructor({ turn = null, onEvent, onState = () => {} }) {
        this.turn = turn;
        this.onEvent = onEvent;
        this.onState = onState;
        this.lastId = '';
        this.seen = new Set();
        this.ended = false;
        this.controller = new AbortController();
        this.wake = () => {};
    }

    stop() {
        this.controller.abort();
        this.wake();
    }

    /* Something happened elsewhere (the phone answered): look now rather than later. */
    nudge() {
        this.wake();
    }

    /*
     * Sends a message and follows its turn.  Throws ApiError when the server
     * refused, or when nothing shows whether the message arrived: the caller
     * then asks for the list of turns.  key: one for each message, however often
     * it is sent; a browser repeats a POST by itself when a kept connection was
     * reset, and the server answers a repeated key with the turn it began.
     */
    async post(message, conversation, key) {
        const body = conversation ? { message, conversation } : { message };
        const response = await open('api/chat', {
            method: 'POST',
            body,
            headers: { Accept: 'text/event-stream', 'Idempotency-Key': key },
            signal: this.controller.signal,
        });

        if (!isEventStream(response)) {
            this.accept('turn', await response.json());
        } else {
            await this.read(response);
        }
        if (this.turn === null && !this.ended && !this.controller.signal.aborted) {
            throw new ApiError(0, 'unreachable', 'The connection broke off before the answer began.');
        }
        await this.follow();
    }

    async follow() {
        let idle = 0;
        let trouble = 0;

        while (!this.ended && !this.controller.signal.aborted) {
            let news = 0;
            let retryAfter = 0;

            try {
                const headers = { Accept: 'text/event-stream' };

                if (this.lastId) {
                    headers['Last-Event-ID'] = this.lastId;
                }
                const response = await open(`api/turns/${segment(this.turn)}/events`, {
                    headers,
                    signal: this.controller.signal,
                });

                trouble = 0;
                this.onState('live');
                news = await this.read(response);
                idle = news > 0 ? 0 : idle + 1;
            } catch (error) {
                if (this.controller.signal.aborted) {
                    return;
                }
                if (!(error instanceof ApiError) || !error.passing) {
                    this.onState('gone', error);
                    return;
                }
                trouble += 1;
                retryAfter = error.retryAfter;
                this.onState('trouble', error);
            }
            if (!this.ended && !this.controller.signal.aborted) {
                if (trouble === 0) {
                    this.onState('waiting');
                }
                await this.pause(pauseFor({ news, idle, trouble, retryAfter }));
            }
        }
    }

    /* How many new events the reply held.  A reply that breaks off is a short one, not an error. */
    async read(response) {
        const reader = response.body.getReader();
        const text = new TextDecoder();
        let news = 0;
        let timer;
        const feed = createDecoder((event) => {
            news += this.take(event) ? 1 : 0;
        });
        const alive = () => {
            clearTimeout(timer);
            timer = setTimeout(() => reader.cancel().catch(() => {}), SILENCE_MS);
        };

        try {
            for (;;) {
                alive();
                const { value, done } = await reader.read();

                if (done) {
                    break;
                }
                feed(text.decode(value, { stream: true }));
            }
        } catch (error) {
            if (this.controller.signal.aborted) {
                return news;
            }
            await reader.cancel().catch(() => {});
            if (news === 0) {
                throw new ApiError(0, 'unreachable', 'The connection broke off.');
            }
        } finally {
            clearTimeout(timer);
        }
        return news;
    }

    /* Each event once: a server that repeats itself after Last-Event-ID changes nothing here. */
    take({ id, type, data }) {
        if (this.ended || this.controller.signal.aborted || (id && this.seen.has(id))) {
            return false;
        }
        let value;

        try {
            value = JSON.parse(data);
        } catch {
            return false;
        }
        if (id) {
            this.seen.add(id);
            this.lastId = id;
        }
        this.accept(type, value);
        return true;
    }

    accept(type, value) {
        if (type === 'turn' && this.turn === null && typeof value?.turn === 'string') {
            this.turn = value.turn;
        }
        if (type === 'done' || type === 'error') {
            this.ended = true;
        }
        try {
            this.onEvent(type, value ?? {});
        } catch (error) {
            /* A fault in drawing must not look like a lost connection and be retried for ever. */
            reportError(error);
        }
        if (this.ended) {
            this.onState('ended');
        }
    }

    pause(milliseconds) {
        return new Promise((resolve) => {
            const done = () => {
                clearTimeout(timer);
                removeEventListener('online', done);
                this.wake = () => {};
                resolve();
            };
            const timer = setTimeout(done, milliseconds);

            addEventListener('online', done);
            this.wake = done;
        });
    }
}

/* 128 random bits as hex. */
export function newKey() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));

    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function isEventStream(response) {
    return (response.headers.get('Content-Type') ?? '').startsWith('text/event-stream');
}
