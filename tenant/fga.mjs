// FGA's API: two stores, one with the workshop's model and one with the richer model, and its token endpoint.
//
//   workshop: FGA_STORE_ID=01JCSTENANTW0RKSH0P0000001  FGA_MODEL_ID=01JCSTENANTW0RKM0DE0000001
//   rich:     FGA_STORE_ID=01JCSTENANTR1CH00000000001  FGA_MODEL_ID=01JCSTENANTR1CHM0DE0000001
import crypto from 'node:crypto';
import fs from 'node:fs';
import syntax from '@openfga/syntax-transformer';
import { Model, FgaError, check, listObjects, parseObject } from './fga-eval.mjs';
import { notFound } from './http.mjs';

export const STORES = {
  workshop: { id: '01JCSTENANTW0RKSH0P0000001', model: '01JCSTENANTW0RKM0DE0000001' },
  rich: { id: '01JCSTENANTR1CH00000000001', model: '01JCSTENANTR1CHM0DE0000001' },
};
export const FGA_CLIENT = { id: 'fga-client', secret: 'fga-secret', audience: 'https://api.us1.fga.dev/' };

const load = (name) => syntax.transformer.transformDSLToJSONObject(fs.readFileSync(new URL(`./models/${name}.fga`, import.meta.url), 'utf8'));
const t = (user, relation, object, condition) => ({ user, relation, object, ...(condition ? { condition } : {}) });

/** The tuples a store starts with. */
export const START = {
  workshop: () => [t('user:alice@example.test', 'read_okta', 'okta:groups')],
  rich: () => {
    const help = 'group:00ghelpdesk0000000001';
    const staff = 'group:00gtestgroup000000001';
    const accounts = ['00ualice0000000000001', '00ubob000000000000001', '00ucarol0000000000001', '00ulocked000000000001', '00umany00000000000001'];
    const tools = ['find_user', 'get_user_groups', 'authenticate_user', 'reset_password', 'unlock_user', 'revoke_sessions', 'add_user_to_group', 'remove_user_from_group'];
    return [
      t('user:alice@example.test', 'read_okta', 'okta:groups'),
      t('user:alice@example.test', 'member', help),
      ...['WORKSHOP01', 'APIAGENT01'].map((a) => t('user:alice@example.test', 'operator', `agent:${a}`)),
      ...tools.map((name) => t(`${help}#member`, 'can_call', `tool:${name}`)),
      t(`${help}#member`, 'helpdesk', staff),
      ...accounts.map((a) => t(staff, 'home_group', `account:${a}`)),
      // alice's account and dave's are left without a mark: what nobody classified stays out of reach
      ...accounts.slice(1).flatMap((a) => ['resettable', 'unlockable', 'movable'].map((r) => t('user:*', r, `account:${a}`))),
      // Helpdesk and Engineering may be given and taken; Okta Administrators never
      ...['00ghelpdesk0000000001', '00gengineering0000001', '00gtestgroup000000001'].map((g) => t('user:*', 'assignable', `group:${g}`)),
      ...['00ghelpdesk0000000001', '00gengineering0000001', '00gadmins000000000001'].map((g) => t(`${help}#member`, 'helpdesk', `group:${g}`)),
      // carol's grant ran out long ago
      t('user:carol@example.test', 'can_call', 'tool:reset_password', { name: 'non_expired_grant', context: { grant_time: '2026-01-01T00:00:00Z', grant_duration: '1h' } }),
    ];
  },
};

const ULID = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const ulid = () => `01${[...crypto.randomBytes(24)].map((b) => ULID[b % 32]).join('')}`;
const same = (a, b) => a.user === b.user && a.relation === b.relation && a.object === b.object;

class Store {
  constructor(id, name) { this.id = id; this.name = name; this.models = new Map(); this.tuples = []; this.created = new Date().toISOString(); }

  addModel(json, id = ulid()) { this.models.set(id, new Model(id, json)); this.latest = id; return id; }

  model(id) {
    if (id === undefined || id === '') return this.models.get(this.latest);
    const model = this.models.get(id);
    if (!model) throw new FgaError(400, 'authorization_model_not_found', `Authorization Model '${id}' not found`);
    return model;
  }

  write({ writes, deletes, authorization_model_id: modelId }) {
    const model = this.model(modelId);
    const adds = writes?.tuple_keys ?? [];
    const drops = deletes?.tuple_keys ?? [];
    if (!adds.length && !drops.length) throw new FgaError(400, 'invalid_write_input', 'invalid WriteRequest: no writes and no deletes');
    if (adds.length + drops.length > 100) throw new FgaError(400, 'exceeded_entity_limit', "The number of write operations exceeds the allowed limit of 100");
    const all = [...adds, ...drops];
    if (all.some((x, i) => all.findIndex((y) => same(x, y)) !== i)) throw new FgaError(400, 'cannot_allow_duplicate_tuples_in_one_request', 'duplicate tuple in one request');
    const fresh = [];
    for (const a of adds) {
      const fault = model.tupleFault(a);
      if (fault) throw new FgaError(400, 'validation_error', `Invalid tuple '${a.object}#${a.relation}@${a.user}'. Reason: ${fault}`);
      if (!this.tuples.some((x) => same(x, a))) fresh.push({ ...a, timestamp: new Date().toISOString() });
      else if (writes.on_duplicate !== 'ignore') throw new FgaError(400, 'write_failed_due_to_invalid_input', `cannot write a tuple which already exists: user: '${a.user}', relation: '${a.relation}', object: '${a.object}'`);
    }
    for (const d of drops) {
      if (!this.tuples.some((x) => same(x, d)) && deletes.on_missing !== 'ignore') {
        throw new FgaError(400, 'write_failed_due_to_invalid_input', `cannot delete a tuple which does not exist: user: '${d.user}', relation: '${d.relation}', object: '${d.object}'`);
      }
    }
    this.tuples = [...this.tuples.filter((x) => !drops.some((d) => same(x, d))), ...fresh];
    return {};
  }

  read({ tuple_key: key = {}, page_size: size = 50, continuation_token: token }) {
    const wanted = (x) => (!key.user || x.user === key.user) && (!key.relation || x.relation === key.relation)
      && (!key.object || x.object === key.object || (key.object.endsWith(':') && x.object.startsWith(key.object)));
    const start = token ? Number(Buffer.from(token, 'base64').toString()) : 0;
    if (!Number.isInteger(start) || start < 0) throw new FgaError(400, 'invalid_continuation_token', 'Invalid continuation token');
    const all = this.tuples.filter(wanted);
    const end = start + Math.min(100, Math.max(1, size));
    return {
      tuples: all.slice(start, end).map(({ timestamp, ...rest }) => ({ key: { condition: null, ...rest }, timestamp })),
      continuation_token: end < all.length ? Buffer.from(String(end)).toString('base64') : '',
    };
  }
}

export class Fga {
  constructor() { this.json = { workshop: load('workshop'), rich: load('rich') }; this.reset(); }

  reset() {
    this.tokens = new Set();
    this.stores = new Map();
    for (const [name, { id, model }] of Object.entries(STORES)) {
      const store = new Store(id, name);
      store.addModel(this.json[name], model);
      store.tuples = START[name]().map((x) => ({ ...x, timestamp: new Date().toISOString() }));
      this.stores.set(id, store);
    }
  }

  byName(name) { return this.stores.get(STORES[name]?.id); }

  /** Every token ever given is forgotten, as when a client's tokens are revoked. */
  revokeTokens() { this.tokens.clear(); }

  handle(ctx) {
    ctx.res.setHeader('fga-request-id', crypto.randomUUID());
    ctx.res.setHeader('x-request-id', ctx.res.getHeader('fga-request-id'));
    if (ctx.path === '/fga/oauth/token') return this.token(ctx);
    if (!this.tokens.has((/^Bearer (.+)$/.exec(ctx.headers.authorization ?? '') ?? [])[1])) {
      return { status: 401, body: { code: ctx.headers.authorization ? 'invalid_bearer_token' : 'bearer_token_missing', message: 'unauthenticated' } };
    }
    try {
      return this.route(ctx);
    } catch (e) {
      if (e instanceof FgaError) return { status: e.status, body: { code: e.code, message: e.message } };
      throw e;
    }
  }

  token(ctx) {
    const f = ctx.fields();
    if (ctx.method !== 'POST') return { status: 405, body: { error: 'method_not_allowed' } };
    if (f.grant_type !== 'client_credentials') return { status: 403, body: { error: 'unauthorized_client', error_description: 'Grant type not allowed for the client.' } };
    if (f.client_id !== FGA_CLIENT.id || f.client_secret !== FGA_CLIENT.secret) return { status: 401, body: { error: 'access_denied', error_description: 'Unauthorized' } };
    if (f.audience !== FGA_CLIENT.audience) return { status: 403, body: { error: 'access_denied', error_description: `Service not found: ${f.audience}` } };
    const token = `fgat-${crypto.randomBytes(24).toString('base64url')}`;
    this.tokens.add(token);
    return { body: { access_token: token, expires_in: 86400, token_type: 'Bearer', scope: 'read write' } };
  }

  route(ctx) {
    const m = /^\/stores(?:\/([^/]+)(?:\/(.*))?)?$/.exec(ctx.path);
    if (!m) return notFound();
    const body = ctx.json();
    if (ctx.method === 'POST' && (body === undefined || body === null || typeof body !== 'object')) throw new FgaError(400, 'validation_error', 'the request body is not JSON');
    if (!m[1]) return this.listOrCreate(ctx, body);
    const store = this.stores.get(m[1]);
    if (!store) throw new FgaError(404, 'store_id_not_found', `Store ID not found`);
    const verb = `${ctx.method} ${m[2] ?? ''}`;
    if (verb === 'GET ') return { body: { id: store.id, name: store.name, created_at: store.created, updated_at: store.created } };
    if (verb === 'GET authorization-models') return { body: { authorization_models: [...store.models.values()].reverse().map((x) => ({ id: x.id, ...x.json })), continuation_token: '' } };
    if (verb === 'POST authorization-models') return { status: 201, body: { authorization_model_id: store.addModel(body) } };
    const byId = /^GET authorization-models\/(.+)$/.exec(verb);
    if (byId) {
      const model = store.models.get(byId[1]);
      if (!model) throw new FgaError(404, 'authorization_model_not_found', `Authorization Model '${byId[1]}' not found`);
      return { body: { authorization_model: { id: model.id, ...model.json } } };
    }
    switch (verb) {
      case 'POST check': return { body: { allowed: check(store.model(body.authorization_model_id), store.tuples, body), resolution: '' } };
      case 'POST batch-check': return { body: { result: batch(store, body) } };
      case 'POST write': return { body: store.write(body) };
      case 'POST read': return { body: store.read(body) };
      case 'POST list-objects': return { body: { objects: listObjects(store.model(body.authorization_model_id), store.tuples, body) } };
      default: return { status: 404, body: { code: 'undefined_endpoint', message: 'Not Found' } };
    }
  }

  listOrCreate(ctx, body) {
    if (ctx.method === 'GET') return { body: { stores: [...this.stores.values()].map((s) => ({ id: s.id, name: s.name })), continuation_token: '' } };
    if (ctx.method !== 'POST' || typeof body.name !== 'string') throw new FgaError(400, 'validation_error', 'name is required');
    const store = new Store(ulid(), body.name);
    this.stores.set(store.id, store);
    return { status: 201, body: { id: store.id, name: store.name, created_at: store.created, updated_at: store.created } };
  }
}

function batch(store, body) {
  const checks = body.checks ?? [];
  if (!checks.length || checks.length > 50) throw new FgaError(400, 'validation_error', 'batchCheck needs 1 to 50 checks');
  const ids = checks.map((c) => c.correlation_id);
  if (ids.some((i) => !/^[\w-]{1,36}$/.test(i ?? ''))) throw new FgaError(400, 'validation_error', 'invalid correlation_id');
  if (new Set(ids).size !== ids.length) throw new FgaError(400, 'validation_error', 'received duplicate correlation_id');
  const model = store.model(body.authorization_model_id);
  return Object.fromEntries(checks.map((c) => {
    try {
      return [c.correlation_id, { allowed: check(model, store.tuples, c) }];
    } catch (e) {
      if (!(e instanceof FgaError)) throw e;
      return [c.correlation_id, { allowed: false, error: { input_error: e.code, message: e.message } }];
    }
  }));
}

/** True when an object's type and id could be an FGA object at all (used by the panel). */
export const isObject = (text) => parseObject(text) !== null;
