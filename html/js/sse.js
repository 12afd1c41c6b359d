/*
 * Event stream decoder (HTML Living Standard, "Server-sent events",
 * interpretation of an event stream), fed with text at any split.  EventSource
 * itself cannot POST and cannot be told where to go on, hence this one.
 */

/* No event of ours is near this; a stream that never ends a line is cut off. */
export const MAX_EVENT = 1 << 20;

/* onEvent({ id, type, data }) once per event; onRetry(milliseconds) for "retry:". */
export function createDecoder(onEvent, onRetry = () => {}) {
    let buffer = '';
    let skipLineFeed = false;
    let first = true;
    let data = null;
    let type = '';
    let lastId = '';
    let size = 0;

    function dispatch() {
        if (data !== null) {
            onEvent({ id: lastId, type: type || 'message', data });
        }
        data = null;
        type = '';
        size = 0;
    }

    function line(text) {
        if (text === '') {
            dispatch();
            return;
        }
        const colon = text.indexOf(':');

        if (colon === 0) {
            return;
        }
        const field = colon < 0 ? text : text.slice(0, colon);
        let value = colon < 0 ? '' : text.slice(colon + 1);

        if (value.startsWith(' ')) {
            value = value.slice(1);
        }
        if (field === 'data') {
            size += value.length;
            if (size > MAX_EVENT) {
                throw new RangeError('event too long');
            }
            data = data === null ? value : `${data}\n${value}`;
        } else if (field === 'event') {
            type = value;
        } else if (field === 'id' && !value.includes('\0')) {
            lastId = value;
        } else if (field === 'retry' && /^[0-9]{1,6}$/.test(value)) {
            onRetry(Number(value));
        }
    }

    return function feed(chunk) {
        let text = chunk;

        if (first && text !== '') {
            first = false;
            text = text.replace(/^\ufeff/, '');
        }
        for (;;) {
            if (skipLineFeed && text !== '') {
                skipLineFeed = false;
                if (text[0] === '\n') {
                    text = text.slice(1);
                }
            }
            const end = text.search(/[\r\n]/);

            if (end < 0) {
                buffer += text;
                if (buffer.length > MAX_EVENT) {
                    throw new RangeError('line too long');
                }
                return;
            }
            /* A CR may end the line alone or with an LF that is still to come. */
            skipLineFeed = text[end] === '\r';
            const whole = buffer + text.slice(0, end);

            buffer = '';
            text = text.slice(end + 1);
            line(whole);
        }
    };
}
