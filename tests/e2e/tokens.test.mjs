// runs: lighttpd, apache
// ID tokens that lie, over the wire: the provider signs what the recipe says
// (tenant/idtoken.mjs) and the callback must refuse it: rows 15 to 25.
import assert from 'node:assert/strict';
import test, { after, before, beforeEach } from 'node:test';
import { Browser } from './lib/http.mjs';
import { Tenant } from './lib/play.mjs';
import { startStack } from './lib/stack.mjs';

let stack, tenant;
before(async () => { stack = await startStack(); tenant = new Tenant(stack.tenant); });
after(() => stack?.stop());
beforeEach(() => tenant.reset());

const CODE = { grants: ['authorization_code'], times: 1 };

async function attempt(recipe) {
  await tenant.settings({ id_token: [{ ...CODE, ...recipe }] });
  const browser = new Browser(stack);
  const answer = await browser.navigate(await browser.authorize('alice@example.test', 'alice-pw'));
  return { answer, session: await browser.session() };
}

async function refused(recipe, what = JSON.stringify(recipe)) {
  const { answer, session } = await attempt(recipe);
  assert.equal(session, null, `${what.slice(0, 200)} gave a session`);
  assert.ok(answer.status >= 400 && answer.status < 600, `${what.slice(0, 200)}: ${answer.status}`);
}

async function accepted(recipe, what = JSON.stringify(recipe)) {
  const { answer, session } = await attempt(recipe);
  assert.ok(session, `${what.slice(0, 200)}: ${answer.status} ${answer.text.slice(0, 200)}`);
}

test('an untouched token is accepted, so that the refusals below mean something', () => accepted({}));

test('row 15: alg none in any case, and HS256 keyed with the public key, are refused', async () => {
  for (const alg of ['none', 'None', 'nOnE', 'NONE', 'HS256', 'hs256']) await refused({ alg });
});

test('row 16: keys in or behind the header are ignored and never fetched; crit is refused', async () => {
  await refused({ key: 'attacker', header: { jwk: '$attacker', kid: null } });
  await refused({ key: 'attacker', header: { jku: '$canary', kid: 'attacker' } });
  await refused({ key: 'attacker', header: { x5u: '$canary', x5c: ['AAAA'], kid: 'attacker' } });
  await refused({ header: { crit: ['exp'] } });
  await refused({ header: { crit: ['b64'], b64: false } });
  assert.deepEqual(await tenant.json('/tenant/canary'), [], 'something was fetched');
});

test('row 17: many unknown kids cause at most one fetch of the keys', async () => {
  await accepted({});
  const fetches = async () => (await tenant.requests('oidc')).filter((r) => r.path.endsWith('/jwks.json')).length;
  const before_ = await fetches();
  for (let i = 0; i < 25; i++) await refused({ header: { kid: `unknown-${i}` }, key: undefined, signature: 'flip' });
  assert.ok((await fetches()) - before_ <= 1, `${(await fetches()) - before_} fetches`);
});

test('row 18: a rotated key is found by one refetch, and an unparseable key in the set spoils no other', async () => {
  const own = await startStack();
  try {
    const its = new Tenant(own.tenant);
    const browser = new Browser(own);
    await browser.signIn();
    await its.json('/tenant/keys/rotate', 'POST', {});
    const again = new Browser(own);
    assert.ok(await again.signIn(), 'a key rotated just before signing broke the sign-in');
  } finally {
    await own.stop();
  }
  const other = await startStack();
  try {
    await new Tenant(other.tenant).settings({ jwks: { add: [{ kty: 'RSA', kid: 'broken', n: '!!', e: 'AQAB' }, { kty: 'XXX', kid: 'odd' }] } });
    assert.ok(await new Browser(other).signIn());
  } finally {
    await other.stop();
  }
});

test('row 19: a kid is an opaque string', async () => {
  for (const kid of ['../../etc/passwd', "' OR 1=1 --", 'a\u0000b', '', 'x'.repeat(5000)]) await refused({ key: 'attacker', header: { kid } }, `kid ${kid.slice(0, 20)}`);
});

test('row 20: weak keys and misshapen signatures are refused even when the provider publishes the key', async () => {
  for (const name of ['rsa1024', 'rsa-e1', 'ec-off-curve']) {
    const own = await startStack();
    try {
      const its = new Tenant(own.tenant);
      await its.settings({ jwks: { add: [name] }, id_token: [{ ...CODE, times: 2, key: name, alg: name.startsWith('ec') ? 'ES256' : 'RS256' }] });
      const browser = new Browser(own);
      const answer = await browser.navigate(await browser.authorize('alice@example.test', 'alice-pw'));
      assert.ok(answer.status >= 400, `${name}: ${answer.status}`);
      assert.equal(await browser.session(), null, name);
    } finally {
      await own.stop();
    }
  }
  await refused({ signature: 'flip' });
  await refused({ signature: 'empty' });
  await refused({ alg: 'ES256', key: 'op-ec', signature: 'der' });
});

test('row 21: iss, aud, azp, sub, nonce, at_hash, missing or wrong, each is refused', async () => {
  for (const claims of [
    { iss: null }, { iss: 'https://evil.example/' }, { iss: 7 }, { aud: null }, { aud: 'someone-else' }, { aud: [] }, { aud: ['someone-else'] }, { aud: 5 },
    { aud: ['countersign-web', 'other'], azp: null }, { azp: 'someone-else' }, { sub: null }, { sub: '' }, { sub: 5 }, { sub: 'x'.repeat(300) }, { nonce: null }, { nonce: 'wrong' }, { nonce: 7 }, { at_hash: 'AAAAAAAAAAAAAAAAAAAAAA' },
  ]) await refused({ claims });
});

test('row 22: exp past, missing, text, huge, negative and fractional have a defined outcome', async () => {
  for (const recipe of [{ claims: { exp: 1 } }, { claims: { exp: null } }, { claims: { exp: '9999999999' } }, { claims: { exp: -1 } }, { literal: { exp: '1e400' } }, { literal: { exp: '-9223372036854775809' } }, { claims: { iat: null } }, { claims: { exp: true } }]) {
    await refused(recipe);
  }
});

test('row 23: a logout token or an access token in its place is refused', async () => {
  await refused({ header: { typ: 'logout+jwt' }, claims: { nonce: null, events: { 'http://schemas.openid.net/event/backchannel-logout': {} } } });
  await refused({ header: { typ: 'at+jwt' } });
});

test('row 24: doubled claims, trailing bytes, invalid UTF-8 and great depth are refused in bounded time', async () => {
  for (const recipe of [{ payload_append: ',"sub":"evil"' }, { payload_append: ',"aud":"evil"' }, { trailing: 'x' }, { trailing: '{}' }, { invalid_utf8: true }, { depth: 5000 }]) {
    const started = Date.now();
    await refused(recipe);
    assert.ok(Date.now() - started < 5000);
  }
});

test('row 25: 2, 4 and 6 segments, padding, standard base64 and white space are refused', async () => {
  for (const shape of ['2', '4', '6', 'padded', 'std64', 'space']) await refused({ shape });
});

test('a token endpoint that is down, slow, or lies ends in a clean error page', async () => {
  for (const fault of [{ kind: 'status', status: 500 }, { kind: 'html' }, { kind: 'garbage' }, { kind: 'reset' }, { kind: 'huge' }, { kind: 'truncate' }, { kind: 'override', remove: ['id_token'] }]) {
    await tenant.reset();
    const browser = new Browser(stack);
    const callback = await browser.authorize('alice@example.test', 'alice-pw');
    await tenant.fault({ party: 'oidc', match: '/oauth/token', times: 1, ...fault });
    const answer = await browser.navigate(callback);
    assert.ok(answer.status >= 400 && answer.status < 600, `${fault.kind}: ${answer.status}`);
    assert.match(answer.headers['content-type'], /text\/html/);
    assert.equal(await browser.session(), null, fault.kind);
  }
});
