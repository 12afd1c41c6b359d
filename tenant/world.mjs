// Everything the tenant remembers, in one place: settings, faults, the log of requests, the parties.
import { Bedrock } from './bedrock.mjs';
import { Ciba, CIBA_GRANT } from './ciba.mjs';
import { Faults } from './faults.mjs';
import { Fga } from './fga.mjs';
import { Oidc } from './oidc.mjs';
import { Okta } from './okta.mjs';
import { VAULT_GRANT } from './vault.mjs';

const LOG_LIMIT = 20000;
/** Form and query values that are no secrets and that a test may want to see; of all others only the names are kept. */
const SHOWN = new Set(['grant_type', 'client_id', 'scope', 'connection', 'binding_message', 'requested_expiry', 'login_hint', 'response_type', 'redirect_uri', 'code_challenge_method', 'prompt', 'audience',
  'authorization_details', 'post_logout_redirect_uri', 'client_assertion_type', 'subject_token_type', 'requested_token_type']);

export class World {
  constructor({ port, env = process.env }) {
    this.origin = `http://127.0.0.1:${port}`;
    this.env = env;
    this.settings = this.defaults();
    this.faults = new Faults(() => this.settings.rp_origins);
    this.log = [];
    this.canary = [];
    this.ciba = new Ciba(this);
    this.okta = new Okta(this);
    this.fga = new Fga();
    this.bedrock = new Bedrock(this);
    this.oidc = new Oidc(this);
  }

  /** What POST /tenant/settings may change. README.md explains each. */
  defaults() {
    const origins = (this.env.TENANT_RP_ORIGINS ?? 'http://localhost:8080').split(',').map((o) => o.trim().replace(/\/+$/, '')).filter(Boolean);
    return {
      rp_origins: origins, detail_types: [], rotate_refresh_tokens: false, backchannel_logout: false, backchannel_logout_uri: null,
      ciba_interval: Number(this.env.TENANT_CIBA_INTERVAL ?? 2), ciba_expires_in: null, ciba_slow_down: 0, ciba_slow_down_status: 400, ciba_slow_down_header: true,
      ciba_expired_error: 'access_denied', ciba_error_status: null, ciba_poll_hold_ms: 0, ciba_per_minute: 0, ciba_binding_limit: 64, ciba_sub: null, ciba_details: null,
      vault_user: null, vault_scope: null, vault_error: null, vault_expires_in: 3600, okta_page_size: 200, id_token: [], jwks: {}, op_claims: {},
    };
  }

  /** Changes settings; returns an error text for an unknown name. */
  set(changes) {
    const unknown = Object.keys(changes).find((name) => !(name in this.settings));
    if (unknown) return `unknown setting ${unknown}; known: ${Object.keys(this.settings).join(' ')}`;
    const next = { ...this.settings, ...changes };
    next.id_token = [next.id_token ?? []].flat().map((r) => ({ times: 1, ...r }));
    next.jwks ??= {};
    next.op_claims ??= {};
    const rebuild = ['rp_origins', 'detail_types', 'backchannel_logout_uri'].some((n) => n in changes);
    this.settings = next;
    if (rebuild) this.oidc.build();
    return null;
  }

  reset() {
    this.settings = this.defaults();
    this.log = [];
    this.canary = [];
    for (const part of [this.faults, this.ciba, this.okta, this.fga, this.bedrock, this.oidc]) part.reset();
  }

  /** Which party a request is for. */
  partyOf(ctx) {
    const { path } = ctx;
    if (path.startsWith('/agents/')) return 'bedrock';
    if (path === '/stores' || path.startsWith('/stores/') || path === '/fga/oauth/token') return 'fga';
    if (path.startsWith('/api/v1/') || path.startsWith('/oauth2/')) return 'okta';
    if (path === '/bc-authorize') return 'ciba';
    if (path === '/oauth/token') return { [CIBA_GRANT]: 'ciba', [VAULT_GRANT]: 'vault' }[ctx.fields().grant_type] ?? 'oidc';
    if (path === '/' || /^\/(phone|fga|okta|tenant|signin)(\/|$)/.test(path)) return 'panel';
    return 'oidc';
  }

  handlerOf(party) {
    return { bedrock: this.bedrock, fga: this.fga, okta: this.okta }[party] ?? this.oidc;
  }

  /** Remembers a request to a party: names and harmless values, never a secret. Bodies of FGA and Bedrock hold none. */
  record(party, ctx) {
    const pick = (entries) => Object.fromEntries([...entries].map(([k, v]) => [k, SHOWN.has(k) ? v : party === 'okta' || party === 'bedrock' ? v : '...']));
    const entry = {
      n: this.log.length ? this.log.at(-1).n + 1 : 1, party, method: ctx.method, path: ctx.req.url.split('?')[0], query: pick(ctx.query), time: Date.now(),
      headers: Object.keys(ctx.headers), authorization: (ctx.headers.authorization ?? '').split(' ')[0] || null, content_type: ctx.type || null, status: null,
    };
    if (ctx.path === '/authorize') entry.query = Object.fromEntries(ctx.query);
    if (ctx.method !== 'GET' && ['oidc', 'ciba', 'vault', 'okta'].includes(party) && ctx.path !== '/u/login') entry.form = ctx.path.startsWith('/u/') ? {} : pick(Object.entries(ctx.fields()));
    if (party === 'fga' && ctx.path.startsWith('/stores')) entry.body = ctx.json();
    if (party === 'fga' && ctx.path === '/fga/oauth/token') entry.form = pick(Object.entries(ctx.fields()));
    if (party === 'bedrock') entry.body = ctx.json();
    if (this.log.length >= LOG_LIMIT) this.log.splice(0, LOG_LIMIT / 10);
    this.log.push(entry);
    ctx.res.once('finish', () => { entry.status = ctx.res.statusCode; entry.ms = Date.now() - entry.time; });
    ctx.res.once('close', () => { if (entry.status === null) { entry.status = 'cut'; entry.ms = Date.now() - entry.time; } });
    return entry;
  }
}
