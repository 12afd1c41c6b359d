/* Times, counts and names as a person reads them.  Times come in epoch seconds. */

import { label } from './text.js';

const dayTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const timeOnly = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });

export function when(seconds, now = Date.now() / 1000) {
    if (!Number.isFinite(seconds) || seconds <= 0) {
        return 'unknown';
    }
    const then = new Date(seconds * 1000);

    if (then.toDateString() === new Date(now * 1000).toDateString()) {
        return `today, ${timeOnly.format(then)}`;
    }
    return dayTime.format(then);
}

export function isoTime(seconds) {
    return Number.isFinite(seconds) && seconds > 0 && seconds < 8.64e12
        ? new Date(seconds * 1000).toISOString()
        : null;
}

/* 272 -> "4:32"; never below zero. */
export function countdown(seconds) {
    const left = Math.max(0, Math.ceil(seconds));

    return `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}`;
}

/* The same for a screen reader: "4 minutes 32 seconds". */
export function spoken(seconds) {
    const left = Math.max(0, Math.ceil(seconds));
    const minutes = Math.floor(left / 60);
    const parts = [];

    if (minutes > 0) {
        parts.push(`${minutes} ${minutes === 1 ? 'minute' : 'minutes'}`);
    }
    if (left % 60 > 0 || minutes === 0) {
        parts.push(`${left % 60} ${left % 60 === 1 ? 'second' : 'seconds'}`);
    }
    return parts.join(' ');
}

/* "reset_password" -> "Reset password": the catalogue's names are plain words. */
export function actionName(name) {
    const words = label(name, 80).replace(/_/g, ' ').trim();

    return words ? words[0].toUpperCase() + words.slice(1) : 'Action';
}

const BROWSERS = [
    ['Edge', /\bEdg(?:e|A|iOS)?\//],
    ['Opera', /\bOPR\//],
    ['Firefox', /\b(?:Firefox|FxiOS)\//],
    ['Chrome', /\b(?:Chrome|CriOS|HeadlessChrome)\//],
    ['Safari', /\bSafari\//],
    ['curl', /^curl\//],
];
const SYSTEMS = [
    ['Android', /Android/],
    ['iPhone', /iPhone/],
    ['iPad', /iPad/],
    ['Windows', /Windows/],
    ['macOS', /Mac OS X|Macintosh/],
    ['Linux', /Linux|X11/],
];

/* A guess for the eye only; the whole User-Agent is shown beside it. */
export function browserName(userAgent) {
    const text = String(userAgent ?? '');
    const browser = BROWSERS.find(([, pattern]) => pattern.test(text));
    const system = SYSTEMS.find(([, pattern]) => pattern.test(text));

    if (browser && system) {
        return `${browser[0]} on ${system[0]}`;
    }
    return browser?.[0] ?? system?.[0] ?? 'Unknown browser';
}
