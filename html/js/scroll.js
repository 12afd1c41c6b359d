/*
 * Where the messages stand.  Whoever reads at the bottom stays there as text
 * comes in; whoever scrolled up is left alone and gets a button instead.
 */

import { byId, setText } from './dom.js';

const transcript = byId('transcript');
let following = true;
/* settle() moved the page, not the reader. */
let holding = false;

function atBottom() {
    return transcript.scrollHeight - transcript.scrollTop - transcript.clientHeight < 80;
}

export function followBottom(yes) {
    following = yes;
}

/* Runs change, which adds something above, without moving what is being read. */
export function keepPlace(change) {
    const below = transcript.scrollHeight - transcript.scrollTop;

    following = false;
    change();
    transcript.scrollTop = transcript.scrollHeight - below;
}

/* waiting: the element of the approval that waits for the person, or null. */
export function settle(waiting) {
    if (following) {
        transcript.scrollTop = transcript.scrollHeight;
        if (waiting) {
            /* On a low screen its title and code matter more than what stands below them. */
            const above = transcript.getBoundingClientRect().top - waiting.getBoundingClientRect().top;

            if (above > -8) {
                holding = true;
                transcript.scrollTop -= above + 8;
            }
        }
    }
    const latest = byId('latest');

    setText(latest, waiting ? 'An approval is waiting' : 'Jump to the latest');
    latest.hidden = following || atBottom();
}

/* onMove(): the size of the messages changed, or the reader asked for the latest. */
export function startScroll(onMove) {
    transcript.addEventListener('scroll', () => {
        if (holding) {
            holding = false;
            return;
        }
        following = atBottom();
        byId('latest').hidden = following;
    });
    byId('latest').addEventListener('click', () => {
        following = true;
        onMove();
    });
    new ResizeObserver(onMove).observe(byId('turns'));
}
