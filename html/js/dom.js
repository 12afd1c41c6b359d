/*
 * The only ways this page makes elements.  Children that are strings become
 * text nodes; there is no way through here to parse markup, to set a style or
 * to attach a handler by attribute, so the policy "script-src 'self'" has
 * nothing to forgive.
 */

export const byId = (id) => document.getElementById(id);

/* attributes: a value of true sets an empty attribute, false and null set none. */
export function el(name, attributes = {}, ...children) {
    const element = document.createElement(name);

    for (const [key, value] of Object.entries(attributes)) {
        if (value === true) {
            element.setAttribute(key, '');
        } else if (value !== false && value !== null && value !== undefined) {
            element.setAttribute(key, String(value));
        }
    }
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
}

export function clear(element) {
    element.replaceChildren();
    return element;
}

/* Writing the same text again would make a screen reader say it again. */
export function setText(element, text) {
    if (element.textContent !== text) {
        element.textContent = text;
    }
}

export function button(text, attributes, onClick) {
    const element = el('button', { type: 'button', class: 'button', ...attributes }, text);

    element.addEventListener('click', onClick);
    return element;
}

/*
 * Runs work with the button disabled and marked busy, so that a second click
 * cannot send a second request and a slow answer is seen to be on its way.
 */
export async function whileBusy(element, work) {
    if (element.getAttribute('aria-busy') === 'true') {
        return undefined;
    }
    element.setAttribute('aria-busy', 'true');
    element.setAttribute('aria-disabled', 'true');
    try {
        return await work();
    } finally {
        element.removeAttribute('aria-busy');
        element.removeAttribute('aria-disabled');
    }
}
