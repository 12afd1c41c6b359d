/*
 * What chat and dashboard share: the signed-in name, signing out, the two
 * announcers for screen readers and the line that says the server is away.
 */

import { explain, post } from './api.js';
import { byId, setText, whileBusy } from './dom.js';
import { leave, tellOtherTabs } from './session.js';
import { label } from './text.js';

/* Polite waits for a pause in speech; assertive is for approvals only. */
export function announce(text, urgency = 'polite') {
    const region = byId(`announce-${urgency}`);

    if (region) {
        /* The same words twice in a row are news only if the region was empty between. */
        region.textContent = '';
        setTimeout(() => {
            region.textContent = text;
        }, 50);
    }
}

export function notice(text) {
    const bar = byId('notice');

    setText(bar, text);
    bar.hidden = text === '';
}

export function showPerson(session) {
    const name = session?.user?.name || session?.user?.email || session?.user?.sub || '';

    setText(byId('person'), label(name, 60));
}

export function reachable(yes) {
    notice(yes ? '' : 'The server cannot be reached. This page keeps trying; nothing is lost.');
}

/* Only a web address of the sign-in provider or of ourselves; never a script. */
function webAddress(location) {
    try {
        const url = new URL(location, document.baseURI);

        return url.protocol === 'https:' || url.protocol === 'http:' ? url.href : null;
    } catch {
        return null;
    }
}

async function signOut() {
    try {
        const answer = await post('logout');

        leave('You signed out here. Taking you to the sign-in provider to sign out there too\u2026');
        tellOtherTabs();
        const address = webAddress(answer.location);

        if (address) {
            location.assign(address);
        } else {
            leave('You signed out.');
        }
    } catch (error) {
        if (error.status !== 401) {
            notice(`Signing out did not work: ${explain(error)} You are still signed in. Try again.`);
        }
    }
}

export function startShell() {
    const control = byId('sign-out');

    control.addEventListener('click', () => whileBusy(control, signOut));
}
