// Okta's API: users, groups, lifecycle, sessions, roles, paging by Link headers, errors and rate-limit headers.
import crypto from 'node:crypto';
import { Directory, SearchError } from './okta-store.mjs';
import { grantServiceToken } from './okta-service.mjs';

export const SSWS_TOKEN = 'tenant-api-token';
const ERRORS = {
  E0000001: [400, 'Api validation failed'], E0000003: [400, 'The request body was not well-formed.'], E0000004: [401, 'Authentication failed'],
  E0000005: [403, 'Invalid session'], E0000006: [403, 'You do not have permission to perform the requested action'],
  E0000007: [404, 'Not found: Resource not found'], E0000008: [404, 'The requested path was not found'], E0000009: [500, 'Internal Server Error'],
  E0000011: [401, 'Invalid token provided'], E0000016: [403, 'Activation failed because the user is already active'], E0000017: [403, 'Password reset failed'],
  E0000022: [405, 'The endpoint does not support the provided HTTP method'], E0000031: [400, 'Invalid search criteria.'],
  E0000032: [403, 'Unlock is not allowed for this user.'], E0000038: [403, 'This operation is not allowed in the user\'s current status.'],
  E0000047: [429, 'API call exceeded rate limit due to too many requests.'], E0000060: [501, 'Unsupported operation.'],
};

/** An error in Okta's shape. */
export function oktaError(code, cause) {
  const [status, summary] = ERRORS[code];
  return { status, body: { errorCode: code, errorSummary: summary, errorLink: code, errorId: `oae${crypto.randomBytes(12).toString('base64url')}`, errorCauses: cause ? [{ errorSummary: cause }] : [] } };
}

class Refusal extends Error { constructor(code, cause) { super(code); this.reply = oktaError(code, cause); } }
const refuse = (code, cause) => { throw new Refusal(code, cause); };

export class Okta {
  constructor(world) { this.world = world; this.directory = new Directory(); this.reset(); }

  reset() {
    this.directory.reset();
    this.tokens = new Map();
    this.serviceKey = null;
    this.assertions = new Set();
    this.calls = 0;
  }

  idOf(text) { return this.directory.find(text)?.id ?? text; }

  /** A new access token; userId null is a service app's. */
  issue({ userId, scope, expiresIn }) {
    const token = `okta-at-${crypto.randomBytes(30).toString('base64url')}`;
    this.tokens.set(token, { userId, scopes: new Set(scope.split(/[ ,]+/)), expires: Date.now() + expiresIn * 1000 });
    return token;
  }

  handle(ctx) {
    const { res } = ctx;
    const limit = 600;
    res.setHeader('x-okta-request-id', crypto.randomBytes(10).toString('hex'));
    res.setHeader('x-rate-limit-limit', String(limit));
    res.setHeader('x-rate-limit-remaining', String(Math.max(0, limit - (++this.calls % limit))));
    res.setHeader('x-rate-limit-reset', String(Math.ceil(Date.now() / 60000) * 60));
    const bodyless = ctx.headers['content-length'] === undefined && ctx.headers['transfer-encoding'] === undefined;
    if (ctx.method === 'POST' && bodyless) return { status: 411, headers: { 'content-type': 'text/html' }, body: '<html><head><title>411 Length Required</title></head></html>' };
    try {
      if (ctx.path === '/oauth2/v1/token') return grantServiceToken(this, ctx);
      if (!ctx.path.startsWith('/api/v1/')) refuse('E0000008');
      return this.api(ctx, this.authenticate(ctx));
    } catch (e) {
      if (e instanceof Refusal) return e.reply;
      if (e instanceof SearchError || e instanceof SyntaxError) return oktaError('E0000031', e.message);
      if (e instanceof URIError) return oktaError('E0000001', 'malformed path');
      throw e;
    }
  }

  authenticate(ctx) {
    const [, scheme, value] = /^(\S+) (.+)$/.exec(ctx.headers.authorization ?? '') ?? [];
    if (scheme === 'SSWS') return value === SSWS_TOKEN ? { admin: true, all: true } : refuse('E0000011');
    if (scheme !== 'Bearer') refuse('E0000011');
    const token = this.tokens.get(value);
    if (!token || token.expires < Date.now()) refuse('E0000011');
    const me = token.userId ? this.directory.users.get(token.userId) : null;
    if (token.userId && !me) refuse('E0000005');
    return { admin: token.userId ? me.admin : true, me, scopes: token.scopes };
  }

  api(ctx, actor) {
    const may = (scope, self = false) => {
      if (!actor.all && !actor.scopes.has(scope)) refuse('E0000006', `The access token provided does not contain the required scopes: ${scope}.`);
      if (!actor.admin && !self) refuse('E0000006');
    };
    // the raw path: a client that lets ../ or an encoded slash through is seen doing it
    const parts = ctx.req.url.split('?')[0].slice('/api/v1/'.length).split('/').map(decodeURIComponent);
    const [kind, id, ...rest] = parts;
    const verb = `${ctx.method} ${rest.map((p, i) => (kind === 'groups' && rest[0] === 'users' && i === 1 ? '*' : p)).join('/')}`;
    if (kind === 'users' && !id) return ctx.method === 'GET' ? this.listUsers(ctx, may) : refuse('E0000022');
    if (kind === 'groups' && !id) return ctx.method === 'GET' ? this.listGroups(ctx, may) : refuse('E0000022');
    if (kind === 'users') return this.userCall(ctx, actor, may, id, verb);
    if (kind === 'groups') return this.groupCall(ctx, may, id, rest[1], verb);
    return refuse('E0000008');
  }

  userCall(ctx, actor, may, id, verb) {
    const user = id === 'me' ? actor.me : this.directory.find(id);
    const self = Boolean(user && actor.me && user.id === actor.me.id);
    may(/^(GET|HEAD)/.test(verb) ? 'okta.users.read' : 'okta.users.manage', self && verb.startsWith('GET'));
    if (!user) refuse('E0000007', `Resource not found: ${id} (User)`);
    switch (verb) {
      case 'GET ': return { body: this.userJson(user) };
      case 'GET groups': return this.paged(ctx, this.directory.groupsOf(user).map((g) => this.groupJson(g)));
      case 'POST lifecycle/reset_password': return this.resetPassword(ctx, user);
      case 'POST lifecycle/unlock':
        if (user.status !== 'LOCKED_OUT') refuse('E0000032');
        user.status = 'ACTIVE'; user.unlocks++;
        return { body: {} };
      case 'POST lifecycle/suspend':
        if (user.status !== 'ACTIVE') refuse('E0000001', 'Cannot suspend a user that is not active');
        user.status = 'SUSPENDED';
        return { body: {} };
      case 'POST lifecycle/unsuspend':
        if (user.status !== 'SUSPENDED') refuse('E0000001', 'Cannot unsuspend a user that is not suspended');
        user.status = 'ACTIVE';
        return { body: {} };
      case 'POST lifecycle/expire_password':
        if (user.status !== 'ACTIVE') refuse('E0000038');
        user.status = 'PASSWORD_EXPIRED';
        return { body: this.userJson(user) };
      case 'DELETE sessions':
        user.sessions_revoked++;
        return { status: 204 };
      default:
        return refuse(/^(\w+ (groups|sessions|)$|\w+ lifecycle\/)/.test(verb) ? 'E0000022' : 'E0000008');
    }
  }

  resetPassword(ctx, user) {
    const sendEmail = ctx.query.get('sendEmail');
    if (sendEmail !== 'true' && sendEmail !== 'false') refuse('E0000001', 'sendEmail: The field is required');
    if (['SUSPENDED', 'DEPROVISIONED', 'STAGED'].includes(user.status)) refuse('E0000038');
    user.status = 'RECOVERY';
    user.password_resets++;
    if (ctx.query.get('revokeSessions') === 'true') user.sessions_revoked++;
    if (sendEmail === 'true') return { body: {} };
    return { body: { resetPasswordUrl: `${this.world.origin}/signin/reset-password/${crypto.randomBytes(15).toString('base64url')}` } };
  }

  groupCall(ctx, may, gid, uid, verb) {
    const group = this.directory.groups.get(gid);
    if (verb === 'GET roles') may('okta.roles.read');
    else may(ctx.method === 'GET' ? 'okta.groups.read' : 'okta.groups.manage');
    if (!group) refuse('E0000007', `Resource not found: ${gid} (UserGroup)`);
    switch (verb) {
      case 'GET ': return { body: this.groupJson(group) };
      case 'GET roles': return { body: (group.roles ?? []).map((type, i) => ({ id: `grant${gid.slice(-8)}${i}`, label: type, type, status: 'ACTIVE', assignmentType: 'GROUP' })) };
      case 'GET users': return this.paged(ctx, [...this.directory.users.values()].filter((u) => group.type === 'BUILT_IN' || u.groups.includes(gid)).map((u) => this.userJson(u)));
      case 'PUT users/*':
      case 'DELETE users/*': {
        const user = this.directory.users.get(uid);
        if (!user) refuse('E0000007', `Resource not found: ${uid} (User)`);
        if (group.type !== 'OKTA_GROUP') refuse('E0000060');
        user.groups = user.groups.filter((g) => g !== gid);
        if (ctx.method === 'PUT') user.groups.push(gid);
        return { status: 204 };
      }
      default: return refuse(/ (users|users\/\*|roles|)$/.test(verb) ? 'E0000022' : 'E0000008');
    }
  }

  listUsers(ctx, may) {
    may('okta.users.read');
    const { query } = ctx;
    const text = query.get('search') ?? query.get('filter');
    const found = text !== null ? this.directory.searchUsers(text) : query.get('q') !== null ? this.directory.queryUsers(query.get('q')) : [...this.directory.users.values()];
    return this.paged(ctx, found.map((u) => this.userJson(u)));
  }

  listGroups(ctx, may) {
    may('okta.groups.read');
    const { query } = ctx;
    const text = query.get('search') ?? query.get('filter');
    const found = text !== null ? this.directory.searchGroups(text) : query.get('q') !== null ? this.directory.queryGroups(query.get('q')) : [...this.directory.groups.values()];
    return this.paged(ctx, found.map((g) => this.groupJson(g)));
  }

  /** Two separate link lines; the cursor is the id of the last row given. */
  paged(ctx, rows) {
    const asked = ctx.query.get('limit');
    if (asked !== null && !/^\d{1,5}$/.test(asked)) refuse('E0000001', 'limit: not a number');
    const limit = Math.min(this.world.settings.okta_page_size, Math.max(1, Number(asked ?? 200)));
    const after = ctx.query.get('after');
    const start = after === null ? 0 : rows.findIndex((r) => r.id === after) + 1;
    if (after !== null && start === 0) refuse('E0000001', 'after: unknown cursor');
    const slice = rows.slice(start, start + limit);
    const link = (cursor) => {
      const q = new URLSearchParams(ctx.query);
      if (cursor) { q.set('after', cursor); q.set('limit', String(limit)); }
      return `<${this.world.origin}${ctx.path}${q.size ? `?${q}` : ''}>`;
    };
    const links = [`${link()}; rel="self"`];
    if (start + limit < rows.length) links.push(`${link(slice.at(-1).id)}; rel="next"`);
    return { headers: { link: links }, body: slice };
  }

  userJson(u) {
    const day = '2026-01-15T08:00:00.000Z';
    return {
      id: u.id, status: u.status, created: day, activated: day, statusChanged: day, lastLogin: null, lastUpdated: day, passwordChanged: day, type: { id: 'otytenant00000000001' },
      profile: { firstName: u.firstName, lastName: u.lastName, mobilePhone: null, secondEmail: null, login: u.login, email: u.email },
      credentials: { password: {}, emails: [{ value: u.email, status: 'VERIFIED', type: 'PRIMARY' }], provider: { type: 'OKTA', name: 'OKTA' } },
      _links: { self: { href: `${this.world.origin}/api/v1/users/${u.id}` } },
    };
  }

  groupJson(g) {
    const day = '2026-01-15T08:00:00.000Z';
    return {
      id: g.id, created: day, lastUpdated: day, lastMembershipUpdated: day, objectClass: ['okta:user_group'], type: g.type, profile: { name: g.name, description: g.description },
      _links: { users: { href: `${this.world.origin}/api/v1/groups/${g.id}/users` } },
    };
  }
}
