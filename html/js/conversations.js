/* The list of conversations: a drawer on a narrow screen, a column on a wide one. */

import { byId, clear, el } from './dom.js';
import { isoTime, when } from './format.js';
import { label } from './text.js';

const MAX_LISTED = 100;

export function drawConversations(list, currentId, onPick) {
    const place = clear(byId('conversations'));

    byId('conversations-empty').hidden = list.length > 0;
    for (const conversation of list.slice(0, MAX_LISTED)) {
        const title = conversation.title || conversation.turns?.[0]?.message || 'Conversation';
        const running = conversation.turns?.some((turn) => turn.state === 'running');
        const item = el(
            'button',
            {
                type: 'button',
                class: 'conversation',
                'data-testid': 'conversation-item',
                'data-conversation-id': conversation.id,
                'aria-current': conversation.id === currentId ? 'true' : null,
            },
            el('span', { class: 'conversation-title', dir: 'auto' }, label(title, 120)),
            el(
                'span',
                { class: 'conversation-meta' },
                el('time', { datetime: isoTime(conversation.updated_at) }, when(conversation.updated_at)),
                running ? el('span', { class: 'badge' }, 'running') : null,
            ),
        );

        item.addEventListener('click', () => onPick(conversation));
        place.append(el('li', {}, item));
    }
}

export function conversationsState(state) {
    byId('conversations-loading').hidden = state !== 'loading';
    byId('conversations-error').hidden = state !== 'error';
    if (state !== 'ready') {
        byId('conversations-empty').hidden = true;
    }
}

function setDrawer(open) {
    const toggle = byId('drawer-toggle');

    document.documentElement.dataset.drawer = open ? 'open' : 'closed';
    toggle.setAttribute('aria-expanded', String(open));
}

export function closeDrawer() {
    setDrawer(false);
}

export function startDrawer() {
    const toggle = byId('drawer-toggle');

    toggle.addEventListener('click', () => setDrawer(toggle.getAttribute('aria-expanded') !== 'true'));
    addEventListener('keydown', (event) => {
        if (event.key === 'Escape' && toggle.getAttribute('aria-expanded') === 'true') {
            setDrawer(false);
            toggle.focus();
        }
    });
    setDrawer(false);
}
