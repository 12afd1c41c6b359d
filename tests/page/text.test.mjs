// Text from outside on the page: controls are named, nothing else is touched.
import assert from 'node:assert/strict';
import test from 'node:test';
import { load } from './lib/page.mjs';

const { visible, label, splitPhrase } = await load('text.js');

test('row 51: ANSI and bidi controls in model output are made visible', () => {
  assert.equal(visible('a\u001b[31mb'), 'a‹U+001B›[31mb');
  assert.equal(visible('x\u202egnp.exe\u202c'), 'x‹U+202E›gnp.exe‹U+202C›');
  for (const c of '\u0000\u0007\u007f\u061c\u200e\u200f\u202a\u202b\u202d\u2066\u2067\u2068\u2069\ufeff\u2060\u180e\u{e0041}') {
    assert.equal(visible(`[${c}]`), `[‹U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}›]`);
  }
});

test('row 51: markup stays the characters it is, for textContent to show', () => {
  const markup = '<script>alert(1)</script><img src="https://evil.test/?q=1" onerror=x> & [ok](https://evil.test/?d=1)';
  assert.equal(visible(markup), markup);
});

test('row 78: C1 controls and line separators are made visible', () => {
  for (let code = 0x80; code <= 0x9f; code++) {
    assert.match(visible(String.fromCharCode(code)), /^‹U\+00[89][0-9A-F]›$/);
  }
  assert.equal(visible('a\u2028b\u2029c'), 'a‹U+2028›b‹U+2029›c');
});

test('row 62: a label holds no line break, no control and no invisible character', () => {
  assert.equal(label('Bob,\napproved K7QX'), 'Bob,‹U+000A›approved K7QX');
  assert.equal(label('bo\u200bb\u200d@\u202etest'), 'bo‹U+200B›b‹U+200D›@‹U+202E›test');
  assert.doesNotMatch(label('\t\r\n\u0085\u2028\u3164\u00ad'), /[\s\u00ad\u3164]/u);
});

test('running text keeps its lines, tabs, accents, right-to-left letters and emoji', () => {
  const text = 'one\ntwo\tthree é שלום مرحبا 👩‍💻 ❤️ क्‍ष';
  assert.equal(visible(text), text);
  assert.equal(visible('a\r\nb'), 'a\nb');
  assert.equal(visible('a\rb'), 'a‹U+000D›b');
});

test('a lone surrogate is named, not passed on', () => {
  assert.equal(visible('a\ud800b'), 'a‹U+D800›b');
});

test('nothing at all is an empty text', () => {
  assert.equal(visible(undefined), '');
  assert.equal(label(null), '');
});

test('a label that is too long is cut visibly, between characters', () => {
  const long = label('😀'.repeat(500), 10);
  assert.equal(Array.from(long).length, 10);
  assert.ok(long.endsWith('😀…'));
});

test('a phrase is split after its code and is the same again when joined', () => {
  for (const phrase of ['K7QX.RESET-PW.bob_at_example.test', 'K7QX.RESET-PW.#0123abcd', 'K7QX', '.x', `A1B2.${'a'.repeat(45)}`]) {
    assert.equal(splitPhrase(phrase).join(''), phrase);
  }
  assert.deepEqual(splitPhrase('K7QX.RESET-PW.bob'), ['K7QX', '.RESET-PW.bob']);
});
