// runs: lighttpd
// The story's other configurations: the rich model with all its actions, Okta by API
// token and by service app, authorization_details, the short phrase, an agent that
// speaks the OpenAPI form; rows 72 and 73.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import test from 'node:test';
import { Browser } from './lib/http.mjs';
import { Person, Tenant } from './lib/play.mjs';
import { startStack } from './lib/stack.mjs';

const BOB = 'bob@example.test';
const RICH = { FGA_PROFILE: 'rich', FGA_STORE_ID: '01JCSTENANTR1CH00000000001', FGA_MODEL_ID: '01JCSTENANTR1CHM0DE0000001' };
const statuses = (events) => events.filter((e) => e.event === 'action').map((e) => e.data.status);

async function on(settings, play, prepare = async () => {}) {
  const stack = await startStack({ settings: { APPROVAL_SECONDS: '30', ...settings } });
  try {
    const tenant = new Tenant(stack.tenant);
    await prepare(tenant);
    const browser = new Browser(stack);
    await browser.signIn();
    await play({ stack, tenant, browser, alice: new Person(browser) });
  } finally {
    await stack.stop();
  }
}

// Ask, approve when the phone rings, wait for the end.
async function approved({ tenant, alice }, sentence) {
  const { turn } = await alice.ask(sentence);
  const rung = await tenant.phone();
  await tenant.approve(rung.id);
  return { events: await alice.finished(turn), rung };
}

test('the rich model: unlock, end sessions, move between groups and reset, each with its approval and read back', () => on(RICH, async (scene) => {
  const { tenant } = scene;
  let ran = await approved(scene, "Unlock the account of user 'locked@example.test'");
  assert.ok(statuses(ran.events).includes('done'), JSON.stringify(ran.events));
  assert.equal((await tenant.user('locked@example.test')).status, 'ACTIVE');
  assert.match(ran.rung.binding_message, /UNLOCK/);

  ran = await approved(scene, `Revoke all sessions of user '${BOB}'`);
  assert.ok(statuses(ran.events).includes('done'));
  assert.equal((await tenant.user(BOB)).sessions_revoked, 1);

  ran = await approved(scene, `Add user '${BOB}' to group 'Helpdesk'`);
  assert.ok(statuses(ran.events).includes('done'), JSON.stringify(ran.events));
  assert.ok((await tenant.user(BOB)).groups.includes('Helpdesk'));

  ran = await approved(scene, `Remove user '${BOB}' from group 'Helpdesk'`);
  assert.ok(statuses(ran.events).includes('done'));
  assert.ok(!(await tenant.user(BOB)).groups.includes('Helpdesk'));

  ran = await approved(scene, `Reset password for user '${BOB}'`);
  assert.ok(statuses(ran.events).includes('done'));
  assert.equal(await tenant.resets(BOB), 1);
}));

test('row 72: nobody is added to a group that carries an administrator role, that is not Okta\'s own, or that is unknown', () => on(RICH, async ({ tenant, alice }) => {
  // even a tuple that says so does not open it
  await tenant.grant({ user: 'user:*', relation: 'assignable', object: 'group:00gadmins000000000001' }, 'rich');
  for (const group of ['Okta Administrators', 'Everyone', 'Directory Staff', 'No Such Group', 'okta administrators']) {
    for (const user of ['alice@example.test', BOB]) {
      const before_ = (await tenant.user(user)).groups;
      const { turn } = await alice.ask(`Add user '${user}' to group '${group}'`);
      const events = await alice.finished(turn);
      assert.ok(!statuses(events).includes('done'), `${user} ${group}`);
      assert.deepEqual(await tenant.pending(), [], `${group} rang`);
      assert.deepEqual((await tenant.user(user)).groups, before_);
    }
  }
}));

test('row 78: a target that is unknown and one that is out of reach are answered alike', () => on(RICH, async ({ alice }) => {
  const ask = async (target) => {
    const { turn } = await alice.ask(`What are the Okta groups for user '${target}'?`);
    const events = await alice.finished(turn);
    return `${events.filter((e) => e.event === 'text').map((e) => e.data.delta).join('')}|${statuses(events)}`.replaceAll(target, 'X');
  };
  assert.ok((await ask(BOB)).includes('done'), 'her own helpdesk account is answered');
  assert.equal(await ask('dave@example.test'), await ask('nobody@example.test'));
}));

test('row 73: an account the model does not classify and a lapsed grant are denied', () => on(RICH, async ({ tenant, alice, stack }) => {
  const { turn } = await alice.ask("Reset password for user 'dave@example.test'");
  assert.ok(!statuses(await alice.finished(turn)).includes('done'));
  assert.deepEqual(await tenant.pending(), []);
  const browser = new Browser(stack);
  await browser.signIn('carol@example.test');
  const carol = new Person(browser); // her grant's own time lapsed long ago
  const asked = await carol.ask(`Reset password for user '${BOB}'`);
  assert.ok(!statuses(await carol.finished(asked.turn)).includes('done'));
  assert.deepEqual(await tenant.pending(), []);
}));

test('Okta by API token', () => on({ OKTA_AUTH: 'ssws', OKTA_API_TOKEN: 'tenant-api-token' }, async (scene) => {
  const ran = await approved(scene, `Reset password for user '${BOB}'`);
  assert.ok(statuses(ran.events).includes('done'), JSON.stringify(ran.events));
  const schemes = (await scene.tenant.requests('okta')).map((r) => r.authorization);
  assert.ok(schemes.length && schemes.every((s) => s === 'SSWS'), schemes.join(' '));
}));

test('Okta by a service app with private_key_jwt', async () => {
  const { privateKey, publicKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
  const jwk = { ...privateKey.export({ format: 'jwk' }), kid: 'service-1', alg: 'RS256', use: 'sig' };
  const pub = { ...publicKey.export({ format: 'jwk' }), kid: 'service-1', alg: 'RS256', use: 'sig' };
  await on({ OKTA_AUTH: 'private-key-jwt', OKTA_CLIENT_ID: '0oaserviceapp', OKTA_PRIVATE_KEY: JSON.stringify(jwk) }, async (scene) => {
    const ran = await approved(scene, `Reset password for user '${BOB}'`);
    assert.ok(statuses(ran.events).includes('done'), JSON.stringify(ran.events));
    const tokens = (await scene.tenant.requests('okta')).filter((r) => r.path === '/oauth2/v1/token');
    assert.ok(tokens.length >= 1 && tokens.length <= 3, `${tokens.length} tokens for one act`);
    assert.equal((await scene.tenant.requests('vault')).length, 0);
  }, (tenant) => tenant.json('/tenant/service-app-key', 'PUT', pub));
});

test('authorization_details travel with the request and must come back the same', async () => {
  const type = 'urn:auth0:schemas:authorization-details:v1:okta-password-reset';
  const settings = { CIBA_AUTHORIZATION_DETAILS: type };
  const prepare = (tenant) => tenant.settings({ detail_types: [type] });
  await on(settings, async (scene) => {
    const ran = await approved(scene, `Reset password for user '${BOB}'`);
    assert.ok(statuses(ran.events).includes('done'), JSON.stringify(ran.events));
    const [detail] = ran.rung.authorization_details;
    assert.equal(detail.type, type);
    assert.ok(JSON.stringify(detail.properties).includes(BOB));
  }, prepare);
  await on(settings, async (scene) => {
    await scene.tenant.settings({ ciba_details: [{ type, instruction: 'something else', properties: {} }] });
    const { turn } = await scene.alice.ask(`Reset password for user '${BOB}'`);
    await scene.tenant.approve((await scene.tenant.phone()).id);
    const events = await scene.alice.finished(turn, 60_000);
    assert.ok(!statuses(events).includes('done'));
    assert.equal(await scene.tenant.resets(BOB), 0);
  }, prepare);
});

test('the phrase of 20 characters for providers that show no more, and one for a target that does not fit', async () => {
  await on({ CIBA_BINDING_MAX: '20' }, async (scene) => {
    const ran = await approved(scene, `Reset password for user '${BOB}'`);
    assert.ok(ran.rung.binding_message.length <= 20, ran.rung.binding_message);
    assert.ok(statuses(ran.events).includes('done'));
  }, (tenant) => tenant.settings({ ciba_binding_limit: 20 }));
  await on({}, async (scene) => {
    const { turn } = await scene.alice.ask("Reset password for user 'a.very.long.login.that.does.not.fit.on.any.phone@subdomain.example.test'");
    const rung = await scene.tenant.phone();
    assert.ok(rung.binding_message.length <= 50);
    assert.ok(!/a\.very\.long/.test(rung.binding_message), 'a cut name');
    assert.match(rung.binding_message, /#?[A-Za-z0-9]{4,}$/);
    await scene.tenant.deny(rung.id);
    await scene.alice.finished(turn);
  });
});

test('an agent whose action groups are OpenAPI schemas gets the same', () => on({ BEDROCK_AGENT_ID: 'APIAGENT01' }, async (scene) => {
  const { turn } = await scene.alice.ask(`What are the Okta groups for user '${BOB}'?`);
  assert.match(await scene.alice.text(turn), /Engineering/);
  const ran = await approved(scene, `Reset password for user '${BOB}'`);
  assert.ok(statuses(ran.events).includes('done'), JSON.stringify(ran.events));
}));

test('four hundred and fifty groups come over all pages, and the answer stays bounded', () => on({}, async ({ tenant, alice }) => {
  const { turn } = await alice.ask("What are the Okta groups for user 'many@example.test'?");
  const text = await alice.text(turn);
  assert.match(text, /Many 001/);
  assert.ok(text.length < 6000, `${text.length} characters`);
  assert.match(text, /more/);
  const pages = (await tenant.requests('okta')).filter((r) => r.path.endsWith('/groups'));
  assert.ok(pages.length >= 3, `${pages.length} pages`);
}));

test('actions switched off: nothing is read and nobody is asked', () => on({ ACTIONS_ENABLED: '0' }, async ({ tenant, alice }) => {
  const { turn } = await alice.ask(`Reset password for user '${BOB}'`);
  const events = await alice.finished(turn, 60_000);
  assert.ok(!statuses(events).includes('done'));
  assert.deepEqual(await tenant.pending(), []);
}));

test('an Okta that throttles a read is waited for a little, and one that refuses is told', () => on({}, async ({ tenant, alice }) => {
  await tenant.fault({ party: 'okta', match: '/groups', kind: 'status', status: 429, headers: { 'x-rate-limit-reset': String(Math.floor(Date.now() / 1000) + 1), 'x-rate-limit-remaining': '0' }, body: '{"errorCode":"E0000047"}' });
  const first = await alice.ask(`What are the Okta groups for user '${BOB}'?`);
  assert.match(await alice.text(first.turn), /Engineering/);
  await tenant.fault({ party: 'okta', match: '/users/', kind: 'status', status: 503, times: -1 });
  const second = await alice.ask(`What are the Okta groups for user '${BOB}'?`);
  const events = await alice.finished(second.turn);
  assert.ok(!statuses(events).includes('done'));
}));
