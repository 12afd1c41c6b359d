// The controls for tests, under /tenant/: reset, faults, settings, keys, what each party was asked.
import fs from 'node:fs';
import { ALIAS } from './bedrock.mjs';
import { FGA_CLIENT, STORES } from './fga.mjs';
import { NAMES } from './hostile.mjs';
import { publicJwk } from './idtoken.mjs';
import { notFound } from './http.mjs';
import { SERVICE_APP } from './okta-service.mjs';
import { SSWS_TOKEN } from './okta.mjs';
import { ACCESS_KEYS } from './sigv4.mjs';
import { VAULT_CONNECTION } from './vault.mjs';

const STATIC = { 'tenant.css': 'text/css; charset=utf-8', 'panel.js': 'text/javascript; charset=utf-8' };
const bad = (error) => ({ status: 400, body: { error } });

export function control(world, ctx) {
  const { path, method, query } = ctx;
  const asset = /^\/tenant\/static\/([\w.]+)$/.exec(path)?.[1];
  if (asset) return asset in STATIC ? { headers: { 'content-type': STATIC[asset] }, body: fs.readFileSync(new URL(`./static/${asset}`, import.meta.url)) } : notFound();
  const canary = /^\/tenant\/canary\//.test(path);
  if (canary) {
    // nobody should ever come here: a fetched jku or x5u, an image in model output
    world.canary.push({ path, time: Date.now(), headers: Object.keys(ctx.headers) });
    return { body: { keys: [publicJwk('attacker')] } };
  }
  const body = method === 'GET' ? {} : ctx.json();
  if (body === undefined || body === null || typeof body !== 'object') return bad('the body is not a JSON object');
  const okta = /^\/tenant\/okta\/users\/([^/]+)$/.exec(path);
  if (okta) return changeUser(world, method, decodeURIComponent(okta[1]), body);
  switch (`${method} ${path}`) {
    case 'GET /tenant/health': return { body: { ok: true, node: process.version, issuer: `${world.origin}/` } };
    case 'GET /tenant/rich': return { body: storeConfig('rich') };
    case 'GET /tenant/config': return { body: configuration(world, query.get('store') === 'rich' ? 'rich' : 'workshop') };
    case 'POST /tenant/reset': world.reset(); return { body: { ok: true } };
    case 'GET /tenant/faults': return { body: world.faults.list };
    case 'POST /tenant/faults': {
      const made = world.faults.add(body);
      return typeof made === 'string' ? bad(made) : { body: made };
    }
    case 'DELETE /tenant/faults': world.faults.reset(); return { body: { ok: true } };
    case 'GET /tenant/requests': {
      const party = query.get('party');
      const since = Number(query.get('since') ?? 0);
      return { body: world.log.filter((e) => (!party || e.party === party) && e.n > since) };
    }
    case 'DELETE /tenant/requests': world.log = []; world.canary = []; return { body: { ok: true } };
    case 'GET /tenant/canary': return { body: world.canary };
    case 'GET /tenant/settings': return { body: world.settings };
    case 'POST /tenant/settings': {
      const why = world.set(body);
      return why ? bad(why) : { body: world.settings };
    }
    case 'POST /tenant/keys/rotate': world.oidc.rotateKeys({ keepOnlyNew: body.keep_old === false }); return { body: { kid: world.oidc.keys[0].kid } };
    case 'PUT /tenant/service-app-key': world.okta.serviceKey = body.keys?.[0] ?? body; return { body: { ok: true } };
    case 'PUT /tenant/client-key': world.oidc.clientKeys['countersign-pkjwt'] = body.keys?.[0] ?? body; world.oidc.build(); return { body: { ok: true } };
    case 'POST /tenant/okta/tokens/revoke': world.okta.tokens.clear(); return { body: { ok: true } };
    case 'POST /tenant/fga/tokens/revoke': world.fga.revokeTokens(); return { body: { ok: true } };
    case 'GET /tenant/hostile': return { body: NAMES };
    default: return notFound();
  }
}

const storeConfig = (name) => ({ FGA_STORE_ID: STORES[name].id, FGA_MODEL_ID: STORES[name].model });

/** What points Countersign at this tenant: names and values of its configuration, secrets (all of them public) included. */
export function configuration(world, store) {
  const { origin } = world;
  return {
    OIDC_ISSUER: `${origin}/`, AUTH0_CLIENT_ID: 'countersign-web', AUTH0_CLIENT_SECRET: 'countersign-web-secret', AUTH0_CONNECTION_NAME: VAULT_CONNECTION,
    CIBA_CLIENT_ID: 'countersign-ciba', CIBA_CLIENT_SECRET: 'countersign-ciba-secret',
    FGA_API_URL: origin, FGA_TOKEN_URL: `${origin}/fga/oauth/token`, FGA_AUDIENCE: FGA_CLIENT.audience, FGA_CLIENT_ID: FGA_CLIENT.id, FGA_CLIENT_SECRET: FGA_CLIENT.secret,
    ...storeConfig(store), FGA_PROFILE: store, FGA_EMAIL_ISSUER: `${origin}/`,
    OKTA_DOMAIN: origin, OKTA_AUTH: 'token-vault', OKTA_CLIENT_ID: SERVICE_APP, OKTA_API_TOKEN: SSWS_TOKEN,
    AGENT_BACKEND: 'bedrock-agent', BEDROCK_AGENT_ID: 'WORKSHOP01', BEDROCK_AGENT_ALIAS_ID: ALIAS, AWS_REGION: 'us-east-1',
    AWS_ENDPOINT_URL_BEDROCK_AGENT_RUNTIME: origin, AWS_ACCESS_KEY_ID: 'AKIDTENANT', AWS_SECRET_ACCESS_KEY: ACCESS_KEYS.AKIDTENANT.secretAccessKey,
  };
}

const CHANGEABLE = ['login', 'email', 'firstName', 'lastName', 'status', 'groups', 'admin'];

/** POST changes fields of a user (row 60: the login moves to somebody else); groups are ids. DELETE removes the user. */
function changeUser(world, method, key, body) {
  const { directory } = world.okta;
  const user = directory.find(key);
  if (method === 'POST' && !user && body.id && body.login) {
    const made = { email: body.login, firstName: 'New', lastName: 'User', groups: [], status: 'ACTIVE', admin: false, password_resets: 0, sessions_revoked: 0, unlocks: 0, ...body };
    directory.users.set(made.id, made);
    return { status: 201, body: directory.summary(made) };
  }
  if (!user) return { status: 404, body: { error: 'no such user' } };
  if (method === 'GET') return { body: directory.summary(user) };
  if (method === 'DELETE') { directory.users.delete(user.id); return { body: { ok: true } }; }
  const unknown = Object.keys(body).find((k) => !CHANGEABLE.includes(k));
  if (method !== 'POST' || unknown) return bad(`may change ${CHANGEABLE.join(' ')}`);
  Object.assign(user, body);
  return { body: directory.summary(user) };
}
