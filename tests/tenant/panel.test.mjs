// The panel: pages and JSON on the same routes, forms, foreign pages kept out; start and stop.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startTenant } from './support.mjs';

let t;
before(async () => { t = await startTenant(5); });
after(async () => { await t.stop(); });
const html = { accept: 'text/html' };

test('pages have no inline script or style and a strict policy', async () => {
  for (const path of ['/', '/phone', '/fga', '/okta']) {
    const page = await t.get(path, html);
    assert.equal(page.status, 200);
    assert.match(page.headers.get('content-security-policy'), /default-src 'none'/);
    assert.doesNotMatch(page.text, /<script>|\son\w+=|style="|<style/);
  }
  assert.equal((await t.get('/tenant/static/panel.js')).status, 200);
  assert.equal((await t.get('/tenant/static/../main.mjs')).status, 404);
});

test('what is in the directory is escaped', async () => {
  await t.post('/fga/tuples', { user: 'user:<script>', relation: 'read_okta', object: 'okta:groups' });
  assert.doesNotMatch((await t.get('/fga', html)).text, /user:<script>/);
});

test('tuples by form and by JSON', async () => {
  const key = { user: 'user:bob@example.test', relation: 'read_okta', object: 'okta:groups' };
  const added = await t.form('/fga/tuples', { ...key, store: 'workshop' }, html);
  assert.deepEqual([added.status, added.headers.get('location')], [303, '/fga?store=workshop']);
  assert.ok((await t.get('/fga/tuples')).json.some((x) => x.user === key.user));
  await t.form('/fga/tuples', { ...key, action: 'delete' }, html);
  assert.ok(!(await t.get('/fga/tuples')).json.some((x) => x.user === key.user));
  assert.equal((await t.post('/fga/tuples', { ...key, relation: 'nonsense' })).status, 400);
  assert.ok((await t.get('/fga/tuples?store=rich')).json.length > 10);
});

test('users and unknown things', async () => {
  const bob = (await t.get('/okta/users/bob@example.test')).json;
  assert.deepEqual([bob.login, bob.groups, bob.password_resets], ['bob@example.test', ['Everyone', 'TestGroup', 'Engineering'], 0]);
  assert.equal((await t.get('/okta/users/nobody@example.test')).status, 404);
  assert.equal((await t.post('/phone/requests/abc/approve')).status, 404);
  assert.equal((await t.get('/tenant/nonsense')).status, 404);
  assert.equal((await t.post('/tenant/settings', { nonsense: 1 })).status, 400);
});

test('another page and another host name may not press the buttons', async () => {
  const key = { user: 'user:mallory', relation: 'read_okta', object: 'okta:groups' };
  assert.equal((await t.post('/fga/tuples', key, { origin: 'https://evil.test' })).status, 403);
  const code = await new Promise((resolve) => {
    import('node:http').then(({ default: http }) => http.get({ port: t.port, host: '127.0.0.1', path: '/fga/tuples', headers: { host: 'evil.test' } }, (res) => { res.resume(); resolve(res.statusCode); }));
  });
  assert.equal(code, 421);
});

test('a malformed path or body is a 4xx', async () => {
  assert.equal((await t.get('/okta/users/%zz')).status, 400);
  assert.equal((await t.call('POST', '/tenant/settings', 'not json')).status, 400);
  assert.equal((await t.call('POST', '/oauth/token', '{bad')).status, 400);
});

test('stops on SIGTERM and SIGINT, with a request hanging too; a taken port is said plainly', async () => {
  const two = await startTenant(6);
  await two.post('/tenant/faults', { party: 'okta', kind: 'hang' });
  fetch(`${two.origin}/api/v1/users`).catch(() => {});
  const at = Date.now();
  assert.deepEqual(await two.stop(), { code: 0, signal: null });
  assert.ok(Date.now() - at < 1500);
  const taken = spawn(process.execPath, [fileURLToPath(new URL('../../tenant/main.mjs', import.meta.url)), '--port', String(t.port)]);
  let err = '';
  taken.stderr.on('data', (d) => { err += d; });
  const code = await new Promise((r) => { taken.once('exit', r); });
  assert.equal(code, 1);
  assert.match(err, new RegExp(`port ${t.port} is in use`));
});
