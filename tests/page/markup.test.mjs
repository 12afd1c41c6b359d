// The pages and their scripts against the policy they are served under, and against each other.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { HTML, list, read } from './lib/page.mjs';

const PAGES = list('.', '.html');
const SCRIPTS = list('js', '.js');
const SHEETS = list('css', '.css');
const tags = (html) => [...html.replace(/<!--[\s\S]*?-->/g, '').matchAll(/<([a-z][\w-]*)((?:\s+[^\s=>]+(?:="[^"]*")?)*)\s*\/?>/g)].map(([, name, rest]) => ({
  name,
  attributes: Object.fromEntries([...rest.matchAll(/\s+([^\s=>]+)(?:="([^"]*)")?/g)].map(([, k, v]) => [k, v ?? ''])),
}));

test('there is something to check', () => {
  assert.deepEqual(PAGES, ['404.html', 'chat.html', 'dashboard.html', 'index.html']);
  assert.ok(SCRIPTS.length > 10 && SHEETS.length > 3);
  for (const page of PAGES) assert.ok(tags(read(page)).length > 10, page);
});

test('row 51: no page holds an inline script, style or handler', () => {
  for (const page of PAGES) {
    const html = read(page);
    assert.doesNotMatch(html, /<style|<base|<iframe|<object|<embed|http-equiv/i, page);
    assert.doesNotMatch(html, /<script\b[^>]*>[^<]/i, page);
    for (const { name, attributes } of tags(html)) {
      for (const key of Object.keys(attributes)) assert.doesNotMatch(key, /^(on|style$|srcdoc$)/i, `${page} <${name} ${key}>`);
      if (name === 'script') assert.equal(attributes.type, 'module');
    }
  }
});

test('every address in a page is relative, so that any BASE_PATH works', () => {
  for (const page of PAGES) {
    for (const { name, attributes } of tags(read(page))) {
      for (const key of ['href', 'src', 'action']) {
        const value = attributes[key];
        if (value === undefined) continue;
        assert.doesNotMatch(value, /^(\/|[a-z][a-z0-9+.-]*:)|^\.\.\//i, `${page} <${name} ${key}="${value}">`);
        const file = value.split(/[?#]/)[0];
        if (/\.(css|js|svg)$/.test(file)) assert.ok(fs.existsSync(path.join(HTML, file)), `${page} wants ${file}`);
      }
    }
  }
});

test('row 51: no script can turn text into markup, style or code', () => {
  const never = /\b(innerHTML|outerHTML|insertAdjacentHTML|createContextualFragment|DOMParser|setHTML\w*|srcdoc|eval|Function|execCommand)\b|document\.write|javascript:|data:|\.style\b|setAttribute\(\s*['"](style|on)|localStorage|sessionStorage|document\.cookie/;
  for (const script of SCRIPTS) {
    const code = read(`js/${script}`).replace(/\/\*[\s\S]*?\*\//g, '');
    assert.doesNotMatch(code, never, script);
  }
});

test('a script asks only relative addresses of the interface', () => {
  for (const script of SCRIPTS) {
    const code = read(`js/${script}`).replace(/\/\*[\s\S]*?\*\//g, '');
    assert.doesNotMatch(code, /['"`](https?:)?\/\/|['"`]\/(api|login|logout|chat)/, script);
    if (script !== 'api.js') assert.doesNotMatch(code, /\bfetch\(|XMLHttpRequest|EventSource|WebSocket|sendBeacon/, script);
  }
});

test('every import leads to a module, and every module is used', () => {
  const used = new Set();
  for (const page of PAGES) for (const [, file] of read(page).matchAll(/src="js\/([^"]+)"/g)) used.add(file);
  for (const script of SCRIPTS) {
    for (const [, file] of read(`js/${script}`).matchAll(/from '\.\/([^']+)'/g)) {
      assert.ok(SCRIPTS.includes(file), `${script} imports ${file}`);
      used.add(file);
    }
  }
  assert.deepEqual(SCRIPTS.filter((s) => !used.has(s)), []);
});

test('every id a script looks up is in a page that loads the script', () => {
  const reach = (script, seen = new Set()) => {
    if (!seen.has(script)) {
      seen.add(script);
      for (const [, file] of read(`js/${script}`).matchAll(/from '\.\/([^']+)'/g)) reach(file, seen);
    }
    return seen;
  };
  for (const page of ['chat.html', 'dashboard.html']) {
    const html = read(page);
    const ids = new Set([...html.matchAll(/\sid="([^"]+)"/g)].map((m) => m[1]));
    const main = /src="js\/([^"]+)"/.exec(html)[1];
    for (const script of reach(main)) {
      for (const [, id] of read(`js/${script}`).matchAll(/byId\('([^']+)'\)(?!\?)/g)) {
        assert.ok(ids.has(id), `${script} looks for #${id} in ${page}`);
      }
    }
    assert.equal(ids.size, [...html.matchAll(/\sid="/g)].length, `${page}: an id twice`);
  }
});

test('the list at the head of each page names the test ids that the page has', () => {
  for (const page of PAGES) {
    const html = read(page);
    const comment = /<!--([\s\S]*?)-->/.exec(html)[1];
    for (const { attributes } of tags(html)) {
      const id = attributes['data-testid'];
      const part = /^(\w+)-(loading|empty|error|list)$/.exec(id ?? '');
      if (id && !(part && comment.includes('<name>-loading'))) {
        assert.ok(new RegExp(`(^|[^\\w-])${id}([^\\w-]|$)`).test(comment), `${page}: ${id} is not listed`);
      }
    }
  }
});

test('people are told the language, the width, and landmarks to move by', () => {
  for (const page of PAGES) {
    const html = read(page);
    assert.match(html, /<html lang="en"/);
    assert.match(html, /name="viewport" content="width=device-width, initial-scale=1"/);
    assert.match(html, /<main/);
    assert.match(html, /<title>[^<]+<\/title>/);
  }
  assert.match(read('chat.html'), /aria-live="assertive"/);
  assert.match(read('chat.html'), /role="log" aria-live="polite"/);
});

// WCAG 2.2: 4.5 to 1 for text.  The colours are read from the style sheet, light and dark.
function luminance(hex) {
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
const contrast = (a, b) => {
  const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p);
  return (x + 0.05) / (y + 0.05);
};

test('text is readable in light and in dark: at least 4.5 to 1', () => {
  const css = read('css/base.css');
  const [light, dark] = css.split('@media (prefers-color-scheme: dark)').slice(0, 2).map((part) => Object.fromEntries([...part.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map((m) => [m[1], m[2]])));
  for (const [name, colours] of [['light', light], ['dark', dark]]) {
    for (const [ink, paper] of [['text', 'bg'], ['text', 'surface'], ['text', 'accent-soft'], ['muted', 'bg'], ['muted', 'surface'], ['muted', 'sunken'], ['muted', 'accent-soft'], ['accent', 'surface'], ['accent', 'accent-soft'], ['on-accent', 'accent'], ['good', 'good-soft'], ['bad', 'bad-soft'], ['bad', 'surface'], ['wait', 'wait-soft'], ['wait', 'surface'], ['good', 'surface']]) {
      assert.ok(contrast(colours[ink], colours[paper]) >= 4.5, `${name}: ${ink} on ${paper} is ${contrast(colours[ink], colours[paper]).toFixed(2)}`);
    }
  }
});
