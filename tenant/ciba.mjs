// The person's phone: CIBA requests in poll mode, as Auth0 answers them. Remembers when each was polled.
import crypto from 'node:crypto';
import { errors } from 'oidc-provider';
import { OP_USERS } from './users.mjs';

export const CIBA_GRANT = 'urn:openid:params:grant-type:ciba';
/** Early by no more than this is jitter (the client counts from sending, we from arrival), not impatience. */
const TOLERANCE_MS = 150;

export class Ciba {
  constructor(world) { this.world = world; this.reset(); }

  reset() { this.requests = new Map(); this.byAuthReqId = new Map(); this.recent = []; }

  get settings() { return this.world.settings; }

  /** Whom a login_hint names; undefined is unknown_user_id. Auth0 takes the iss_sub form only. */
  subOfHint(hint, issuer) {
    let h;
    try { h = JSON.parse(hint); } catch { throw new errors.InvalidRequest('login_hint must be a JSON object'); }
    if (h?.format !== 'iss_sub' || h.iss !== issuer || typeof h.sub !== 'string') throw new errors.InvalidRequest('login_hint: format or iss is wrong');
    return OP_USERS[h.sub] ? h.sub : undefined;
  }

  checkBindingMessage(message) {
    if (message === undefined) throw new errors.InvalidRequest('binding_message is required');
    const limit = this.settings.ciba_binding_limit;
    if (!/^[A-Za-z0-9+\-_.,:#]+$/.test(message) || message.length > limit) throw new errors.InvalidBindingMessage(`binding_message must be at most ${limit} characters of A-Za-z0-9+-_.,:#`);
  }

  /** True when this user was asked too often in the last minute (settings.ciba_per_minute). */
  tooMany(sub) {
    const limit = this.settings.ciba_per_minute;
    const since = Date.now() - 60000;
    this.recent = this.recent.filter((r) => r.at > since);
    if (limit && this.recent.filter((r) => r.sub === sub).length >= limit) return true;
    this.recent.push({ sub, at: Date.now() });
    return false;
  }

  add({ authReqId, sub, clientId, scope, params, expiresAt }) {
    const r = {
      id: crypto.randomBytes(6).toString('hex'), authReqId, sub, clientId, scope, status: 'pending',
      user: OP_USERS[sub].claims.email_verified === true ? OP_USERS[sub].claims.email : OP_USERS[sub].login,
      binding_message: params.binding_message, requested_expiry: params.requested_expiry ? Number(params.requested_expiry) : null,
      authorization_details: params.authorization_details ? JSON.parse(params.authorization_details) : null,
      created: Date.now(), expiresAt, interval: this.settings.ciba_interval, polls: [], open: 0, overlapping: 0, early: 0,
    };
    this.requests.set(r.id, r);
    this.byAuthReqId.set(authReqId, r);
    return r;
  }

  status(r) { return r.status === 'pending' && Date.now() >= r.expiresAt ? 'expired' : r.status; }

  view(r) {
    const { id, user, sub, binding_message, requested_expiry, authorization_details, interval, overlapping, early } = r;
    return {
      id, user, binding_message, status: this.status(r), sub, client_id: r.clientId, requested_expiry, authorization_details, interval,
      created_at: new Date(r.created).toISOString(), expires_at: new Date(r.expiresAt).toISOString(), polls: r.polls.length, early, overlapping,
    };
  }

  list(all) {
    const views = [...this.requests.values()].map((r) => this.view(r));
    return all ? views : views.filter((v) => v.status === 'pending');
  }

  /**
   * A poll as it arrives. Returns the answer to give instead of the library's, or null to let it through.
   * A slow_down raises the interval for good, as the specification has it.
   */
  poll(authReqId) {
    const r = this.byAuthReqId.get(authReqId);
    if (!r) return null;
    const now = Date.now();
    const last = r.polls.at(-1) ?? -Infinity;
    r.polls.push(now);
    if (r.open > 0) r.overlapping++;
    const early = now - last < r.interval * 1000 - TOLERANCE_MS;
    if (early) r.early++;
    const forced = this.settings.ciba_slow_down > 0;
    if (early || forced) {
      if (forced) this.settings.ciba_slow_down--;
      r.interval += 5;
      return {
        status: this.settings.ciba_slow_down_status,
        headers: this.settings.ciba_slow_down_header ? { 'retry-after': String(r.interval) } : {},
        body: { error: 'slow_down', error_description: 'You are polling faster than allowed. Try again later.', interval: r.interval },
      };
    }
    if (this.status(r) === 'expired') {
      const error = this.settings.ciba_expired_error;
      return { status: 400, body: { error, error_description: 'The end-user denied the authorization request or it has been expired' } };
    }
    return null;
  }

  began(authReqId) { const r = this.byAuthReqId.get(authReqId); if (r) r.open++; }

  ended(authReqId) { const r = this.byAuthReqId.get(authReqId); if (r) r.open--; }

  /** The person decides. Returns null, or why it cannot be. */
  async decide(id, what, provider) {
    const r = this.requests.get(id);
    if (!r) return { status: 404, body: { error: 'no such request' } };
    if (this.status(r) !== 'pending') return { status: 409, body: { error: `already ${this.status(r)}` } };
    r.status = what === 'approve' ? 'approved' : 'denied';
    if (what === 'approve') {
      const grant = new provider.Grant({ accountId: r.sub, clientId: r.clientId });
      grant.addOIDCScope(r.scope);
      for (const detail of r.authorization_details ?? []) grant.addRar(detail);
      await grant.save();
      await provider.backchannelResult(r.authReqId, grant, {
        acr: 'urn:tenant:push', amr: ['mfa'], authTime: Math.floor(Date.now() / 1000), ...(r.authorization_details ? { rar: r.authorization_details } : {}),
      });
    } else {
      await provider.backchannelResult(r.authReqId, new errors.AccessDenied('The end-user denied the authorization request or it has been expired'));
    }
    return null;
  }
}
