// The event stream decoder at any split, and how long the page waits between two replies.
import assert from 'node:assert/strict';
import test from 'node:test';
import { load } from './lib/page.mjs';

const { createDecoder, MAX_EVENT } = await load('sse.js');
const { pauseFor } = await load('stream.js');

function decode(chunks) {
  const events = [];
  const feed = createDecoder((event) => events.push(event));
  for (const chunk of chunks) feed(chunk);
  return events;
}

const WHOLE = ': hb\n\nid: 1\nevent: turn\ndata: {"turn":"t1"}\n\n\r\nid: 2\r\nevent: text\r\ndata: {"delta":\r\ndata: "é"}\r\n\r\nid:3\rdata:x\r\rretry: 5\nevent\ndata\n\nid: 4\nevent: lost\ndata: unfinished\n';
const EVENTS = [
  { id: '1', type: 'turn', data: '{"turn":"t1"}' },
  { id: '2', type: 'text', data: '{"delta":\n"é"}' },
  { id: '3', type: 'message', data: 'x' },
  { id: '3', type: 'message', data: '' },
];

test('events come out whole, an unfinished one at the end does not', () => {
  assert.deepEqual(decode([WHOLE]), EVENTS);
});

test('every split of the text in two gives the same events', () => {
  for (let at = 0; at <= WHOLE.length; at++) {
    assert.deepEqual(decode([WHOLE.slice(0, at), WHOLE.slice(at)]), EVENTS, `split at ${at}`);
  }
});

test('one character at a time gives the same events', () => {
  assert.deepEqual(decode([...WHOLE]), EVENTS);
});

test('heartbeats and events without data are no events', () => {
  assert.deepEqual(decode([': hb\n\n: hb\n\nid: 9\nevent: text\n\n']), []);
});

test('a byte order mark before the first line is dropped, later ones are not', () => {
  assert.deepEqual(decode(['\ufeffdata: a\n\ndata: \ufeffb\n\n']).map((e) => e.data), ['a', '\ufeffb']);
});

test('a line and an event without end are refused, not collected', () => {
  assert.throws(() => decode(['data: ' + 'x'.repeat(MAX_EVENT + 1)]), RangeError);
  assert.throws(() => decode(Array.from({ length: 20 }, () => `data: ${'x'.repeat(MAX_EVENT / 16)}\n`)), RangeError);
});

test('an id that holds NUL is ignored, as the standard has it', () => {
  assert.deepEqual(decode(['id: 7\ndata: a\n\nid: 8\0\ndata: b\n\n']).map((e) => e.id), ['7', '7']);
});

test('after news the page asks at once, after an empty reply in 1 to 2 s, then gently slower', () => {
  const wait = (idle, news = 0) => pauseFor({ news, idle, trouble: 0, retryAfter: 0 });
  assert.ok(wait(0, 3) < 1000);
  assert.equal(wait(1), 1000);
  assert.ok(wait(3) <= 2000);
  for (let n = 1; n < 20; n++) assert.ok(wait(n + 1) >= wait(n) && wait(n + 1) <= 3000);
});

test('trouble backs off to 15 s, and Retry-After is obeyed within a minute', () => {
  const wait = (trouble, retryAfter = 0) => pauseFor({ news: 0, idle: 0, trouble, retryAfter });
  assert.equal(wait(1), 1000);
  assert.equal(wait(99), 15000);
  assert.equal(wait(1, 7), 7000);
  assert.equal(wait(1, 86400), 60000);
});
