// What the approval card says and offers in each state.
import assert from 'node:assert/strict';
import test from 'node:test';
import { load } from './lib/page.mjs';

const { viewOf, isFinal, verbOf } = await load('approval-view.js');

const OPEN = ['proposed', 'waiting_click', 'waiting_place', 'sending', 'waiting', 'approved', 'executing'];
const FINAL = ['done', 'failed', 'unknown', 'denied', 'expired', 'cancelled'];
const doc = (state, more = {}) => ({ id: 'a', action: 'reset_password', verb: 'RESET-PW', target: 'bob@example.test', phrase: 'K7QX.RESET-PW.bob', state, expires_at: 2000000000, needs_click: state === 'waiting_click', ...more });

test('every state has words of its own and says what to do', () => {
  const seen = new Set();
  for (const state of [...OPEN, ...FINAL]) {
    const view = viewOf(doc(state));
    assert.ok(view.title && view.badge && view.next.length > 15, state);
    seen.add(view.badge);
    assert.equal(view.final, FINAL.includes(state), state);
    assert.equal(isFinal(state), FINAL.includes(state), state);
  }
  assert.equal(seen.size, OPEN.length + FINAL.length);
});

test('the two ways to say no stand as long as they can still help', () => {
  for (const state of OPEN) assert.ok(viewOf(doc(state)).notMe, state);
  for (const state of OPEN.filter((s) => s !== 'executing')) assert.ok(viewOf(doc(state)).cancel, state);
  assert.ok(!viewOf(doc('executing')).cancel, 'what is being carried out cannot be cancelled');
  for (const state of FINAL) assert.ok(!viewOf(doc(state)).cancel && !viewOf(doc(state)).notMe, state);
});

test('row 63: only a request that waits for a click offers to send it', () => {
  for (const state of [...OPEN, ...FINAL]) assert.equal(viewOf(doc(state)).send, state === 'waiting_click', state);
});

test('row 65: only an unknown outcome asks to be acknowledged, and only once', () => {
  for (const state of [...OPEN, ...FINAL]) assert.equal(viewOf(doc(state)).acknowledge, state === 'unknown', state);
  assert.ok(!viewOf(doc('unknown', { acknowledged: true })).acknowledge);
  assert.match(viewOf(doc('unknown')).next, /not repeated/);
});

test('row 66: cancelled says that an approval on the phone does nothing any more', () => {
  assert.match(viewOf(doc('cancelled')).next, /nothing any more/);
});

test('the phrase stands only while the phone shows it', () => {
  for (const state of [...OPEN, ...FINAL]) assert.equal(viewOf(doc(state)).phrase, ['sending', 'waiting'].includes(state), state);
  assert.ok(!viewOf(doc('waiting', { phrase: '' })).phrase);
});

test('warning and countdown stand until the phone has answered', () => {
  for (const state of [...OPEN, ...FINAL]) {
    const unanswered = OPEN.slice(0, 5).includes(state);
    assert.equal(viewOf(doc(state)).countdown, unanswered, state);
    assert.equal(viewOf(doc(state)).warning, unanswered, state);
  }
  for (const none of [0, null, undefined, NaN]) assert.ok(!viewOf(doc('waiting', { expires_at: none })).countdown, `${none}`);
});

test('a state this page does not know offers no button that could lead to an act', () => {
  for (const state of ['', 'surprise', 'toString', '__proto__', 'constructor']) {
    const view = viewOf(doc(state));
    assert.ok(!view.send && !view.acknowledge && !view.phrase && !view.final, state);
    assert.ok(view.cancel && view.notMe, state);
    assert.match(view.next, /Do not approve/, state);
  }
});

test('the action is named in both languages, the agent\'s and the phone\'s', () => {
  assert.equal(verbOf(doc('waiting')), 'Reset password (RESET-PW)');
  assert.equal(verbOf({ action: 'unlock_user' }), 'Unlock user');
});
