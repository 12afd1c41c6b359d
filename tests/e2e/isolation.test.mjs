// runs: lighttpd
// The story once more with chat under a user of its own: it can read the rings and
// secrets of chat and nobody else's, and the act is done all the same.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { Browser } from './lib/http.mjs';
import { Person, Tenant } from './lib/play.mjs';
import { startStack } from './lib/stack.mjs';

const USER = 'games'; // a user of every Debian that owns nothing here
const BOB = 'bob@example.test';
const skip = process.getuid() === 0 ? false : 'needs root to start a program as another user';
const CHATS_RINGS = ['session', 'owner', 'turn', 'turn_event', 'conversation', 'once', 'ticket'];
let stack, tenant;

before(async () => {
  if (skip) return;
  stack = await startStack({ env: { STACK_CHAT_USER: USER, STACK_CHAT_RINGS: CHATS_RINGS.join(' ') } });
  tenant = new Tenant(stack.tenant);
});
after(() => stack?.stop());

const uid = () => Number(execFileSync('id', ['-u', USER], { encoding: 'utf8' }));
const canRead = (file) => spawnSync('setpriv', ['--reuid', USER, '--regid', USER, '--clear-groups', 'cat', file]).status === 0;

test('chat runs as that user and the other programs do not', { skip }, async () => {
  await new Browser(stack).signIn();
  const mine = (name) => fs.readdirSync('/proc').filter((p) => /^\d+$/.test(p)).filter((p) => {
    try {
      return fs.readlinkSync(`/proc/${p}/exe`).endsWith(`/cgi-bin/${name}`) && fs.readFileSync(`/proc/${p}/environ`, 'utf8').includes(stack.dir);
    } catch { return false; }
  }).map((p) => Number(/^Uid:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${p}/status`, 'utf8'))[1]));
  assert.deepEqual(mine('chat'), [uid()]);
  assert.deepEqual([...new Set(mine('action-ciba'))], [0]);
});

test('it can read its own rings and secrets, and no other', { skip }, () => {
  for (const file of fs.readdirSync(path.join(stack.dir, 'keys'))) {
    const ring = file.replace(/\.ring$/, '');
    assert.equal(canRead(path.join(stack.dir, 'keys', file)), CHATS_RINGS.includes(ring), ring);
  }
  for (const file of fs.readdirSync(path.join(stack.dir, 'secrets'))) {
    assert.equal(canRead(path.join(stack.dir, 'secrets', file)), file === 'chat.conf', file);
  }
});

test('groups are answered and an approved reset is done', { skip }, async () => {
  const browser = new Browser(stack);
  await browser.signIn();
  const alice = new Person(browser);
  const groups = await alice.ask(`What are the Okta groups for user '${BOB}'?`);
  assert.match(await alice.text(groups.turn), /Engineering/);
  const { turn } = await alice.ask(`Reset password for user '${BOB}'`);
  await tenant.approve((await tenant.phone()).id);
  await alice.finished(turn);
  assert.equal(await tenant.resets(BOB), 1);
});
