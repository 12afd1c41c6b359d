// The OpenID Provider: the certified npm oidc-provider, dressed as Auth0.
import crypto from 'node:crypto';
import querystring from 'node:querystring';
import { Provider, errors } from 'oidc-provider';
import { Storage } from './adapter.mjs';
import { CIBA_GRANT } from './ciba.mjs';
import { forge, publicJwk, takeRecipe } from './idtoken.mjs';
import { CSP, loginPage } from './pages.mjs';
import { OP_USERS, findSub } from './users.mjs';
import { VAULT_GRANT, VAULT_PARAMETERS, vaultHandler } from './vault.mjs';

const ROUTES = {
  authorization: '/authorize', token: '/oauth/token', userinfo: '/userinfo', jwks: '/.well-known/jwks.json', pushed_authorization_request: '/oauth/par',
  revocation: '/oauth/revoke', introspection: '/oauth/introspect', end_session: '/oidc/logout', backchannel_authentication: '/bc-authorize',
};
const BASES = ['', '/prod'];

export class Oidc {
  constructor(world) {
    this.world = world;
    this.storage = new Storage();
    this.keys = [];
    this.clientKeys = {};
    this.rotateKeys();
  }

  get provider() { return this.current; }

  reset() {
    this.storage.clear();
    this.clientKeys = {};
    this.keys = this.firstKeys;                                       // the relying party has them cached
    this.build();
  }

  /** New signing keys, at once in use; those before stay published unless keepOnlyNew. */
  rotateKeys({ keepOnlyNew = false } = {}) {
    const make = (pair, alg) => ({ ...pair.privateKey.export({ format: 'jwk' }), kid: crypto.randomBytes(8).toString('hex'), use: 'sig', alg, pair });
    const rsa = make(crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }), 'RS256');
    const ec = make(crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }), 'ES256');
    this.keys = [rsa, ec, ...(keepOnlyNew ? [] : this.keys.slice(0, 2))];
    this.firstKeys ??= this.keys;
    this.build();
  }

  /** The provider's own keys, for forged tokens. */
  signer() {
    const [rsa, ec] = this.keys;
    return { rsa: rsa.pair.privateKey, kid: rsa.kid, publicPem: rsa.pair.publicKey.export({ type: 'spki', format: 'pem' }), ec: ec.pair.privateKey, ecKid: ec.kid };
  }

  clients() {
    const origins = this.world.settings.rp_origins;
    const uris = (path) => origins.flatMap((o) => BASES.map((b) => `${o}${b}${path}`));
    const web = {
      redirect_uris: uris('/callback'), post_logout_redirect_uris: [...uris('/'), ...uris('')], response_types: ['code'],
      grant_types: ['authorization_code', 'refresh_token', CIBA_GRANT, VAULT_GRANT], id_token_signed_response_alg: 'RS256',
      backchannel_token_delivery_mode: 'poll', authorization_details_types: this.detailTypes(),
      backchannel_logout_uri: `${this.world.settings.backchannel_logout_uri ?? `${origins[0]}/backchannel-logout`}`, backchannel_logout_session_required: true,
    };
    const list = [
      { ...web, client_id: 'countersign-web', client_secret: 'countersign-web-secret', token_endpoint_auth_method: 'client_secret_post' },
      { ...web, client_id: 'countersign-basic', client_secret: 'countersign-basic-secret', token_endpoint_auth_method: 'client_secret_basic' },
      {
        client_id: 'countersign-ciba', client_secret: 'countersign-ciba-secret', token_endpoint_auth_method: 'client_secret_post', redirect_uris: [], response_types: [],
        grant_types: [CIBA_GRANT], backchannel_token_delivery_mode: 'poll', id_token_signed_response_alg: 'RS256', authorization_details_types: this.detailTypes(),
      },
    ];
    const jwk = this.clientKeys['countersign-pkjwt'];
    if (jwk) list.push({ ...web, client_id: 'countersign-pkjwt', token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: jwk.alg ?? 'RS256', jwks: { keys: [jwk] } });
    return list;
  }

  detailTypes() { return ['okta-password-reset', 'countersign', ...this.world.settings.detail_types].map((t) => (t.includes(':') ? t : `urn:auth0:schemas:authorization-details:v1:${t}`)); }

  build() {
    const { world } = this;
    const issuer = `${world.origin}/`;
    this.issuer = issuer;
    const self = this;
    this.current = new Provider(issuer, {
      adapter: this.storage.adapter(),
      clients: this.clients(),
      jwks: { keys: this.keys.map(({ pair, ...jwk }) => jwk) },
      cookies: { keys: [this.cookieKey ??= crypto.randomBytes(24).toString('hex')] },
      scopes: ['openid', 'offline_access', 'profile', 'email'],
      claims: { openid: ['sub', 'sid', 'acr', 'amr', 'auth_time'], profile: ['name', 'nickname'], email: ['email', 'email_verified'], iss: null },
      conformIdTokenClaims: false,                                    // Auth0 puts profile and e-mail into the ID token
      routes: ROUTES,
      extraParams: ['audience', 'connection', 'organization', 'invitation', 'screen_hint'],
      clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
      enabledJWA: { clientAuthSigningAlgValues: ['ES256', 'RS256', 'PS256'] },
      pkce: { required: () => true },
      rotateRefreshToken: () => world.settings.rotate_refresh_tokens,
      ttl: {
        AccessToken: 3600, AuthorizationCode: 60, Grant: 86400 * 30, IdToken: 36000, Interaction: 3600, RefreshToken: 86400 * 30, Session: 86400 * 3,
        BackchannelAuthenticationRequest: (ctx) => self.cibaExpiry(ctx),
      },
      issueRefreshToken: async (ctx, client, code) => client.grantTypeAllowed('refresh_token') && code.scopes.has('offline_access'),
      interactions: { url: (ctx, i) => `/u/login/${i.uid}` },
      async findAccount(ctx, sub) {
        const u = OP_USERS[sub];
        return u && { accountId: sub, async claims() { return { sub, ...u.claims, ...world.settings.op_claims[sub] }; } };
      },
      // first-party clients: consent is implied, as with Auth0
      async loadExistingGrant(ctx) {
        const { oidc } = ctx;
        const id = oidc.result?.consent?.grantId || oidc.session.grantIdFor(oidc.client.clientId);
        const grant = (id && await oidc.provider.Grant.find(id)) || new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
        grant.addOIDCScope([...oidc.requestParamOIDCScopes].join(' ') || 'openid');
        await grant.save();
        return grant;
      },
      // the library refuses to call the loopback; back-channel logout is sent only when a test asked for it
      async fetch(url, options) {
        if (!world.settings.backchannel_logout) return new Response('', { status: 200 });
        const { dispatcher, ...rest } = options;
        return fetch(url, rest);
      },
      renderError(ctx, out) {
        ctx.type = 'html';
        ctx.body = `<!doctype html><title>Error</title><h1>${out.error}</h1><p>${String(out.error_description ?? '').replace(/[<>&"]/g, '')}</p>`;
      },
      features: this.features(),
    });
    this.current.registerGrantType(VAULT_GRANT, vaultHandler(world, () => this.current), VAULT_PARAMETERS);
    this.current.use((ctx, next) => this.middleware(ctx, next));
    if (process.env.TENANT_DEBUG) {
      for (const event of ['grant.error', 'authorization.error', 'backchannel_authentication.error', 'end_session.error', 'server_error']) {
        this.current.on(event, (ctx, e) => console.error(event, e.error ?? e.message, e.error_description ?? '', e.error_detail ?? '', event === 'server_error' ? e.stack : ''));
      }
    }
    this.callback = this.current.callback();
  }

  features() {
    const { world } = this;
    const details = Object.fromEntries(this.detailTypes().map((t) => [t, { validate() {} }]));
    return {
      devInteractions: { enabled: false },
      revocation: { enabled: true },
      introspection: { enabled: true },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: { enabled: true, logoutSource(ctx, form) { ctx.body = form; } },
      pushedAuthorizationRequests: { enabled: true },
      // the library ties authorization_details to an API; at Auth0 it is the one that `audience` names
      resourceIndicators: {
        enabled: true, useGrantedResource: () => true, defaultResource: (ctx, client, oneOf) => oneOf?.[0] ?? this.audienceOf(ctx),
        getResourceServerInfo: (ctx, audience) => ({ scope: 'openid', audience, accessTokenFormat: 'opaque' }),
      },
      richAuthorizationRequests: {
        enabled: true, types: details,
        authorizationDetailsForGrantSource: (ctx, source) => JSON.parse(ctx.oidc.params?.authorization_details ?? 'null') ?? source?.rar,
        authorizationDetailsForAccessToken: (ctx, token, source) => source?.rar,
        authorizationDetailsForIntrospection: (ctx, token) => token.rar,
      },
      ciba: {
        enabled: true, deliveryModes: ['poll'],
        processLoginHint: async (ctx, hint) => world.ciba.subOfHint(hint, this.issuer),
        async processLoginHintToken() { throw new errors.InvalidRequest('login_hint_token is not supported'); },
        async verifyUserCode() {},
        validateBindingMessage: (ctx, message) => world.ciba.checkBindingMessage(message),
        validateRequestContext() {},
        triggerAuthenticationDevice: async (ctx, request, account, client) => {
          world.ciba.add({ authReqId: request.jti, sub: account.accountId, clientId: client.clientId, scope: request.scope, params: request.params, expiresAt: Date.now() + this.cibaExpiry(ctx) * 1000 });
        },
      },
    };
  }

  audienceOf(ctx) {
    if (ctx.path !== ROUTES.backchannel_authentication || !ctx.oidc.params?.authorization_details) return undefined;
    return String(querystring.parse(ctx.req.body).audience ?? `${this.issuer}api/v2/`);
  }

  cibaExpiry(ctx) {
    const asked = Number(ctx.oidc?.params?.requested_expiry ?? 300);
    const limit = this.world.settings.ciba_expires_in ?? 300;
    return Math.max(1, Math.min(limit, Number.isInteger(asked) && asked > 0 ? asked : 300));
  }

  /** The front of the library: Auth0's JSON bodies, its offline_access, its one-step logout; then Koa. */
  async handle({ req, res, raw, path, type, query }) {
    let body = raw.toString('utf8');
    if (type === 'application/json' && [ROUTES.token, ROUTES.backchannel_authentication].includes(path)) {
      let data;
      try { data = JSON.parse(body); } catch { return { status: 400, body: { error: 'invalid_request', error_description: 'the body is not JSON' } }; }
      body = querystring.stringify(data);
      req.headers['content-type'] = 'application/x-www-form-urlencoded';
    }
    req.body = body;
    // Auth0 gives a refresh token for offline_access alone; the library wants prompt=consent with it
    if (path === ROUTES.authorization && /(^| )offline_access( |$)/.test(query.get('scope') ?? '') && !/none|consent/.test(query.get('prompt') ?? '')) {
      const q = new URLSearchParams(query);
      q.set('prompt', `${query.get('prompt') ?? ''} consent`.trim());
      req.url = `${path}?${q}`;
    }
    if (path === '/v2/logout') {
      const q = new URLSearchParams({ client_id: query.get('client_id') ?? '', post_logout_redirect_uri: query.get('returnTo') ?? '' });
      return { status: 302, headers: { location: `/oidc/logout?${q}` } };
    }
    await this.callback(req, res);
    return undefined;
  }

  async middleware(ctx, next) {
    const { path } = ctx;
    const login = /^\/u\/login\/([\w-]+)$/.exec(path);
    if (login) return this.login(ctx);
    const form = path === ROUTES.token ? querystring.parse(ctx.req.body) : {};
    const grant = String(form.grant_type ?? '');
    if (grant === CIBA_GRANT) return this.cibaPoll(ctx, next, String(form.auth_req_id));
    if (path === ROUTES.backchannel_authentication && this.cibaBusy(ctx)) return undefined;
    await next();
    if (path === ROUTES.backchannel_authentication && ctx.status === 200) ctx.body = { ...ctx.body, interval: this.world.settings.ciba_interval };
    if (path === ROUTES.token) this.lie(ctx, grant);
    if (path === ROUTES.token && /grant type is not allowed/.test(ctx.body?.error_description ?? '')) {      // Auth0's words for it
      ctx.status = 403;
      ctx.body = { error: 'unauthorized_client', error_description: `Grant type '${grant}' not allowed for the client.` };
    }
    if (path === ROUTES.jwks && ctx.status === 200) ctx.body = this.published(ctx.body);
    if (path === '/.well-known/openid-configuration' && ctx.status === 200) ctx.body = { ...ctx.body, backchannel_logout_supported: true };
    if (path === ROUTES.end_session && /name="xsrf"/.test(ctx.body ?? '')) await this.finishLogout(ctx);
    return undefined;
  }

  cibaBusy(ctx) {
    let sub;
    try { sub = JSON.parse(querystring.parse(ctx.req.body).login_hint).sub; } catch { return false; }
    if (!this.world.ciba.tooMany(sub)) return false;
    ctx.status = 429;
    ctx.set({ 'x-ratelimit-limit': String(this.world.settings.ciba_per_minute), 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(Math.ceil(Date.now() / 1000) + 60) });
    ctx.body = { error: 'too_many_requests', error_description: 'Global limit has been reached' };
    return true;
  }

  async cibaPoll(ctx, next, authReqId) {
    const { ciba, settings } = this.world;
    const instead = ciba.poll(authReqId);
    if (instead) {
      ctx.status = instead.status;
      ctx.set({ 'cache-control': 'no-store', ...instead.headers });
      ctx.body = instead.body;
      return;
    }
    ciba.began(authReqId);
    try {
      if (settings.ciba_poll_hold_ms) await new Promise((r) => { setTimeout(r, settings.ciba_poll_hold_ms); });
      await next();
    } finally { ciba.ended(authReqId); }
    if (ctx.status !== 200) ctx.status = settings.ciba_error_status ?? ctx.status;
    const details = ciba.byAuthReqId.get(authReqId)?.authorization_details;
    if (ctx.status === 200 && details) ctx.body = { ...ctx.body, authorization_details: settings.ciba_details ?? details };
    this.lie(ctx, CIBA_GRANT);
  }

  /** Applies a recipe of settings.id_token to a token answer. */
  lie(ctx, grant) {
    if (ctx.status !== 200 || !ctx.body?.id_token) return;
    const { settings } = this.world;
    const recipe = takeRecipe(settings.id_token, grant) ?? (grant === CIBA_GRANT && settings.ciba_sub ? { claims: { sub: settings.ciba_sub } } : undefined);
    if (recipe) ctx.body = { ...ctx.body, id_token: forge(ctx.body.id_token, recipe, this.signer(), `${this.world.origin}/tenant/canary/jwks.json`) };
  }

  published(body) {
    const { jwks } = this.world.settings;
    let keys = [...body.keys];
    if (jwks.without_kid) keys = keys.slice(0, 1).map(({ kid, ...k }) => k);
    const extra = (jwks.add ?? []).map((k) => (typeof k === 'string' ? publicJwk(k) ?? { kty: k } : k));
    return { keys: jwks.replace ?? [...extra, ...keys] };
  }

  async login(ctx) {
    const { current: provider } = this;
    let details;
    try { details = await provider.interactionDetails(ctx.req, ctx.res); } catch {
      ctx.status = 400; ctx.type = 'html'; ctx.body = '<!doctype html><title>Sign in</title><p>This sign-in has ended. Go back to the application and start again.</p>';
      return;
    }
    const finish = (result) => { ctx.respond = false; return provider.interactionFinished(ctx.req, ctx.res, result, { mergeWithLastSubmission: true }); };
    if (details.prompt.name === 'consent') return finish({ consent: {} });
    const { params } = details;
    const view = { action: ctx.path, hint: params.login_hint ?? '', client: params.client_id, connection: params.connection };
    ctx.set({ 'content-security-policy': CSP, 'cache-control': 'no-store' });
    ctx.type = 'html';
    if (ctx.method !== 'POST') { ctx.body = loginPage(view); return; }
    const f = querystring.parse(ctx.req.body);
    if (f.action === 'cancel') return finish({ error: 'access_denied', error_description: 'User did not authorize the request' });
    const sub = findSub(f.username);
    if (!sub || OP_USERS[sub].password !== f.password) {
      ctx.status = 400;
      ctx.body = loginPage({ ...view, hint: String(f.username ?? ''), error: 'Wrong e-mail or password.' });
      return;
    }
    return finish({ login: { accountId: sub, amr: ['pwd'], acr: 'urn:tenant:pwd' }, consent: {} });
  }

  /** Auth0 asks nobody to confirm a logout: submit the library's own confirmation form on the person's behalf. */
  async finishLogout(ctx) {
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(ctx.body)[1];
    const jar = new Map((ctx.get('cookie') || '').split(/;\s*/).filter(Boolean).map((c) => [c.slice(0, c.indexOf('=')), c]));
    for (const c of [ctx.response.get('set-cookie') ?? []].flat()) jar.set(c.slice(0, c.indexOf('=')), c.split(';')[0]);
    const answer = await fetch(`${this.world.origin}/oidc/logout/confirm`, {
      method: 'POST', redirect: 'manual', headers: { cookie: [...jar.values()].join('; '), 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ xsrf, logout: 'yes' }),
    });
    ctx.status = answer.status;
    if (answer.headers.get('location')) ctx.set('location', answer.headers.get('location'));
    ctx.set('set-cookie', answer.headers.getSetCookie());
    ctx.body = '';
  }
}
