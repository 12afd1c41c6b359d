/* The message box: Enter sends, Shift+Enter starts a line, a suggestion fills it and sends nothing. */

import { byId, setText } from './dom.js';

const text = byId('composer-text');
const USUAL_HINT =
    'Enter sends, Shift and Enter starts a new line. What you approve on your phone is done, nothing else.';

function grow() {
    /* Rows, not a style: the box follows its text without the page writing any style. */
    const lines = text.value.split('\n').length;

    text.rows = Math.min(8, Math.max(1, lines, Math.ceil(text.value.length / 90)));
}

export function setDraft(value) {
    text.value = value;
    grow();
}

export const draft = () => text.value;

export function focusComposer() {
    text.focus();
}

export function drawComposer(busy) {
    byId('composer-send').setAttribute('aria-disabled', String(busy || text.value.trim() === ''));
    setText(byId('composer-hint'), busy ? 'Wait for the answer, or stop it.' : USUAL_HINT);
}

/* A sentence to start from, with the person's own login selected, ready to be replaced. */
function suggest(sentence, login) {
    const at = sentence.indexOf('%');

    setDraft(at < 0 ? sentence : sentence.replace('%', () => login));
    text.focus();
    if (at >= 0) {
        text.setSelectionRange(at, at + login.length);
    }
}

/* onSubmit(message): trimmed, never empty.  onInput(): the draft changed.  login(): for suggestions. */
export function startComposer({ onSubmit, onInput, login }) {
    const submit = () => {
        const message = text.value.trim();

        if (message !== '') {
            onSubmit(message);
        }
    };

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
        onInput();
    });
    for (const suggestion of document.querySelectorAll('[data-sentence]')) {
        suggestion.addEventListener('click', () => {
            suggest(suggestion.dataset.sentence, login());
            onInput();
        });
    }
}
