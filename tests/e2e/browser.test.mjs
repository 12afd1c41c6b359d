// runs: lighttpd, apache:/prod
// Document 001's story as a person plays it, in a real Chromium: sign in, ask for
// groups, ask for a reset, approve it on the phone page, see it in Okta's page;
// deny one, cancel one, let one expire, approve one with the tab closed; delete the
// tuple and be denied.  Screenshots stay under build/screenshots.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { ALICE_TUPLE, Tenant, until } from './lib/play.mjs';
import { BASE, SERVER, startStack } from './lib/stack.mjs';

const SHOTS = fileURLToPath(new URL(`../../build/screenshots/${SERVER}${BASE.replace('/', '-')}/`, import.meta.url));
const BOB = 'bob@example.test';
const RESET = `Reset password for user '${BOB}'`;
let stack, tenant, browser, context, page, phone;
const problems = [];

before(async () => {
  fs.mkdirSync(SHOTS, { recursive: true });
  stack = await startStack({ settings: { APPROVAL_SECONDS: '30' } });
  tenant = new Tenant(stack.tenant);
  const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', headless: true, args });
  context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
  page = await open();
  phone = await (await browser.newContext({ viewport: { width: 390, height: 760 } })).newPage();
});
after(async () => { await browser?.close(); await stack?.stop(); });

async function open() {
  const p = await context.newPage();
  p.setDefaultTimeout(20_000);
  p.on('pageerror', (e) => problems.push(`pageerror: ${e.message}`));
  p.on('console', (m) => { if (/Content Security Policy|Refused to/i.test(m.text())) problems.push(`console: ${m.text()}`); });
  return p;
}
const shot = (name, p = page) => p.screenshot({ path: path.join(SHOTS, `${name}.png`) });
const by = (id, p = page) => p.getByTestId(id);
const card = (p = page) => by('approval-card', p).last();
const lastTurn = (p = page) => by('turn', p).last();

async function ask(sentence, p = page) {
  const before_ = await by('turn', p).count();
  await by('composer-text', p).fill(sentence);
  await p.locator('#composer-send:not([aria-disabled=true])').waitFor(); // it is not while an answer is under way
  await by('composer-text', p).press('Enter');
  await wait('turn-begun', (n) => document.querySelectorAll('[data-testid=turn]').length > n, before_, p, 20_000);
}
// Waits in the page; what it looked like is kept when it did not come.
async function wait(what, condition, argument, p, timeout) {
  try {
    await p.waitForFunction(condition, argument, { timeout });
  } catch (e) {
    await shot(`failed-${what}`, p);
    throw new Error(`${what}: ${e.message}`);
  }
}
const ended = (p = page) => wait('turn-ended', () => { const t = [...document.querySelectorAll('[data-testid=turn]')].at(-1); return t && t.dataset.state !== 'running'; }, null, p, 60_000);
const cardState = (state, p = page, timeout = 30_000) => wait(`card-${state}`, (s) => [...document.querySelectorAll('[data-testid=approval-card]')].at(-1)?.dataset.state === s, state, p, timeout);

async function onPhone(verb) {
  const message = await card().getByTestId('approval-phrase').textContent();
  await phone.goto(`${stack.tenant}/phone`);
  const request = phone.locator('article.request', { hasText: message.trim() });
  await request.waitFor();
  await shot(`phone-${verb}`, phone);
  await request.locator(`button[data-verb=${verb}]`).click();
}

async function signIn(p = page) {
  await p.goto(`${stack.url}/`);
  await by('sign-in', p).click();
  await p.locator('input[name=username]').fill('alice@example.test');
  await p.locator('input[name=password]').fill('alice-pw');
  await p.locator('input[name=password]').press('Enter');
  await by('composer-text', p).waitFor();
}

test('the landing page explains and leads to the sign-in, and that to the chat', async () => {
  await page.goto(`${stack.url}/`);
  await by('sign-in').waitFor();
  await shot('landing');
  await signIn();
  assert.equal(new URL(page.url()).pathname, `${BASE}/chat`);
  await by('welcome').waitFor();
  await shot('chat-empty');
});

test('groups are answered', async () => {
  await ask(`What are the Okta groups for user '${BOB}'?`);
  await ended();
  assert.match(await lastTurn().textContent(), /Engineering/);
  await shot('groups');
});

test('a reset shows its card, changes by itself when the phone approves, and is done', async () => {
  const before_ = await tenant.resets(BOB);
  await ask(RESET);
  await cardState('waiting');
  const text = await card().textContent();
  assert.match(text, /bob@example\.test/);
  assert.match(text, /deny/i);
  assert.ok(await card().getByTestId('approval-countdown').isVisible());
  await shot('card-waiting');
  await onPhone('approve');
  await cardState('done');
  await ended();
  await shot('card-done');
  assert.equal(await tenant.resets(BOB), before_ + 1);
  const okta = await context.newPage();
  await okta.goto(`${stack.tenant}/okta`);
  assert.match(await okta.locator('tr', { hasText: BOB }).textContent(), /RECOVERY/);
  await shot('okta', okta);
  await okta.close();
});

test('a denial says what happened and what to do', async () => {
  const before_ = await tenant.resets(BOB);
  await ask(RESET);
  await cardState('waiting');
  await onPhone('deny');
  await cardState('denied');
  await ended();
  assert.ok((await card().getByTestId('approval-next').textContent()).length > 10);
  await shot('card-denied');
  assert.equal(await tenant.resets(BOB), before_);
});

test('row 66: cancelled on the page, then approved on the phone: no act', async () => {
  const before_ = await tenant.resets(BOB);
  await ask(RESET);
  await cardState('waiting');
  const [open_] = await tenant.pending();
  await card().getByTestId('approval-cancel').click();
  await cardState('cancelled');
  await shot('card-cancelled');
  await tenant.approve(open_.id);
  await ended();
  assert.equal(await tenant.resets(BOB), before_);
});

test('one that nobody answers expires and says so', async () => {
  const before_ = await tenant.resets(BOB);
  await until('the place is free', async () => (await tenant.pending()).length === 0, 60_000);
  await ask(RESET);
  await cardState('waiting', page, 60_000);
  await cardState('expired', page, 60_000);
  await ended();
  await shot('card-expired');
  assert.equal(await tenant.resets(BOB), before_);
});

test('one approved with the tab closed is done when the person comes back', async () => {
  const before_ = await tenant.resets(BOB);
  await ask(RESET);
  await cardState('waiting', page, 60_000);
  await page.close();
  const [open_] = await tenant.pending();
  await tenant.approve(open_.id);
  await until('Okta was asked', async () => (await tenant.resets(BOB)) === before_ + 1, 30_000);
  page = await open();
  await page.goto(`${stack.url}/chat`);
  await lastTurn().waitFor();
  await page.waitForFunction(() => [...document.querySelectorAll('[data-testid=turn]')].at(-1)?.dataset.state === 'done', null, { timeout: 30_000 });
  await shot('come-back');
});

test('with the tuple deleted in the FGA page the next question is denied', async () => {
  const fga = await context.newPage();
  await fga.goto(`${stack.tenant}/fga`);
  await shot('fga', fga);
  await fga.locator('tr', { hasText: 'user:alice@example.test' }).locator('button').first().click();
  await fga.close();
  await ask(`What are the Okta groups for user '${BOB}'?`);
  await ended();
  const chip = lastTurn().getByTestId('action-chip').last();
  assert.equal(await chip.getAttribute('data-status'), 'denied');
  assert.ok(!/Engineering/.test(await lastTurn().getByTestId('message-agent').textContent()));
  await shot('denied');
});

test('row 51: what a model writes is shown as text, never run or fetched', async () => {
  const asked = [];
  page.on('request', (r) => { if (!r.url().startsWith(new URL(stack.url).origin)) asked.push(r.url()); });
  await ask(`What are the Okta groups for user '<img src=x onerror=alert(1)>@evil.test'? [ok](https://evil.test/?d=1) <script>alert(1)</script>`);
  await ended();
  assert.equal(await page.locator('#turns img, #turns script, #turns a[href^="http"]').count(), 0);
  assert.deepEqual(asked, []);
});

test('the dashboard shows who I am, my sessions and my acts', async () => {
  await page.goto(`${stack.url}/dashboard`);
  await by('me-email').waitFor();
  assert.match(await by('me').textContent(), /alice@example\.test/);
  await by('session-row').first().waitFor();
  await by('act-row').first().waitFor();
  const states = await by('act-row').evaluateAll((rows) => rows.map((r) => r.dataset.state));
  for (const state of ['done', 'denied', 'cancelled', 'expired']) assert.ok(states.includes(state), `${state} in ${states}`);
  await shot('dashboard');
});

test('dark, and on a phone 360 pixels wide, nothing overflows', async () => {
  for (const [name, options] of [['dark', { colorScheme: 'dark' }], ['narrow', { viewport: { width: 360, height: 740 } }], ['narrow-dark', { colorScheme: 'dark', viewport: { width: 360, height: 740 } }]]) {
    const state = await context.storageState();
    const other = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options, storageState: state });
    const p = await other.newPage();
    for (const where of ['', 'chat', 'dashboard']) {
      await p.goto(`${stack.url}/${where}`);
      await p.waitForFunction(() => document.documentElement.dataset.session !== 'checking');
      await p.waitForTimeout(400);
      const wide = await p.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(wide <= 0, `${where || 'landing'} is ${wide} px too wide (${name})`);
      await shot(`${name}-${where || 'landing'}`, p);
    }
    await other.close();
  }
});

test('the card is cancelled by keyboard alone', async () => {
  await tenant.grant(ALICE_TUPLE);
  await page.goto(`${stack.url}/chat`);
  await by('composer-text').waitFor();
  await page.evaluate(() => document.activeElement?.blur());
  const reached = [];
  for (let i = 0; i < 40; i++) {
    await page.keyboard.press('Tab');
    reached.push(await page.evaluate(() => document.activeElement?.dataset?.testid ?? document.activeElement?.id ?? ''));
    if (reached.includes('composer-text')) break;
  }
  assert.ok(reached.includes('composer-text'), reached.join(' '));
  await page.keyboard.type(RESET);
  await page.locator('#composer-send:not([aria-disabled=true])').waitFor(); // the conversation is still being restored
  await page.keyboard.press('Enter');
  await cardState('waiting', page, 40_000);
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press('Shift+Tab');
    if (await page.evaluate(() => document.activeElement?.dataset?.testid) === 'approval-cancel') break;
  }
  const outline = await page.evaluate(() => { const s = getComputedStyle(document.activeElement); return `${s.outlineStyle} ${s.boxShadow}`; });
  assert.notEqual(outline, 'none none');
  await page.keyboard.press('Enter');
  await cardState('cancelled');
  await ended();
});

test('row 33: signed out elsewhere, the page notices, also from the back button', async () => {
  const second = await context.newPage();
  await second.goto(`${stack.url}/dashboard`);
  await second.getByTestId('sign-out').waitFor();
  await second.getByTestId('sign-out').click();
  await second.waitForURL((u) => !u.pathname.endsWith('/dashboard'), { timeout: 20_000 }).catch(() => {});
  await page.bringToFront();
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await by('signed-out').waitFor({ state: 'visible', timeout: 40_000 });
  assert.equal(await by('turn').count(), 0, 'private content is still there');
  await shot('signed-out');
  await second.close();
  // the page left behind, by the back button: nothing private of it comes back
  await page.goto(`${stack.url}/`);
  await page.goBack();
  await by('signed-out').waitFor({ state: 'visible', timeout: 40_000 });
  assert.equal(await by('turn').count(), 0, 'private content came back');
});

test('nothing went wrong in the page on the way', () => assert.deepEqual(problems, []));
