/*
 * Text from outside, made safe to look at.
 *
 * Everything a model, a directory or another browser wrote passes visible()
 * and then textContent.  Control characters, bidirectional overrides, line and
 * paragraph separators and code points that draw nothing are replaced by a
 * mark that names them, so that a text cannot reorder, hide or break the words
 * around it.
 *
 * What this is not: it escapes no HTML (textContent does that, and nothing here
 * is ever parsed as markup); it finds no look-alikes (a Cyrillic "a" stays one);
 * it judges no content.  Whether an approval is the right one is decided by the
 * code that page and phone both show, never by the text around it.
 */

const SUSPECT = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_C}\p{DI}]/gu;

/* Legitimate in running text: scripts and emoji need joiners and selectors. */
const PROSE = new Set(['\n', '\t', '\u00ad', '\u200c', '\u200d', '\ufe0e', '\ufe0f']);

function mark(character) {
    const code = character.codePointAt(0);

    /* Not the control pictures of U+2400: many fonts lack them and would show an empty box. */
    return `\u2039U+${code.toString(16).toUpperCase().padStart(4, '0')}\u203a`;
}

/* Running text: line breaks and tabs stay, CRLF becomes one line break. */
export function visible(text) {
    return String(text ?? '')
        .replace(/\r\n/g, '\n')
        .replace(SUSPECT, (c) => (PROSE.has(c) ? c : mark(c)));
}

/* A name, a login, a title: one line, nothing that draws nothing, at most max characters. */
export function label(text, max = 320) {
    const shown = String(text ?? '').replace(SUSPECT, mark);
    const characters = Array.from(shown);

    return characters.length > max ? `${characters.slice(0, max - 1).join('')}\u2026` : shown;
}

/*
 * The two halves of an approval phrase: the code, which the person compares
 * first, and the rest.  Joined they are the phrase again, byte for byte, when
 * it keeps to the alphabet of approval phrases; anything else is made visible.
 */
export function splitPhrase(phrase) {
    const text = label(phrase, 64);
    const dot = text.indexOf('.');

    return dot > 0 ? [text.slice(0, dot), text.slice(dot)] : [text, ''];
}
