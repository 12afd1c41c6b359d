// Token Vault: the signed-in person's refresh token is exchanged for an Okta access token of that person.
import { OP_USERS } from './users.mjs';

export const VAULT_GRANT = 'urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token';
export const VAULT_PARAMETERS = ['subject_token', 'subject_token_type', 'requested_token_type', 'connection', 'login_hint', 'scope', 'audience'];
const REFRESH = 'urn:ietf:params:oauth:token-type:refresh_token';
const ACCESS = 'urn:ietf:params:oauth:token-type:access_token';
const OUT = 'http://auth0.com/oauth/token-type/federated-connection-access-token';
export const VAULT_CONNECTION = 'Okta-OIDC';
export const VAULT_SCOPE = 'openid profile email offline_access okta.users.read okta.users.manage okta.groups.read okta.groups.manage okta.roles.read';

const answer = (ctx, status, error, description) => { ctx.status = status; ctx.body = { error, error_description: description }; };

/** The handler for oidc-provider's registerGrantType; the client has been authenticated by then. */
export function vaultHandler(world, provider) {
  return async (ctx) => {
    const p = ctx.oidc.params;
    if (p.requested_token_type !== OUT) return answer(ctx, 400, 'invalid_request', 'requested_token_type is not supported');
    let subject;
    if (p.subject_token_type === REFRESH) subject = await provider().RefreshToken.find(p.subject_token ?? '');
    else if (p.subject_token_type === ACCESS) subject = await provider().AccessToken.find(p.subject_token ?? '');
    else return answer(ctx, 400, 'invalid_request', 'subject_token_type is not supported');
    if (!subject || subject.clientId !== ctx.oidc.client.clientId) return answer(ctx, 403, 'invalid_grant', 'Unknown or invalid subject token.');
    const account = OP_USERS[subject.accountId];
    const connection = /^oidc\|([^|]+)\|(.+)$/.exec(subject.accountId);
    const failure = world.settings.vault_error;
    if (failure) return answer(ctx, failure.status ?? 401, failure.error, failure.error_description ?? 'Federated connection refresh token flow failed.');
    if (!account || p.connection !== VAULT_CONNECTION || connection?.[1] !== p.connection) {
      return answer(ctx, 401, 'federated_connection_refresh_token_not_found', 'Federated connection Refresh Token not found.');
    }
    const userId = world.settings.vault_user ? world.okta.idOf(world.settings.vault_user) : connection[2];
    const scope = world.settings.vault_scope ?? VAULT_SCOPE;
    const expiresIn = world.settings.vault_expires_in;
    const token = world.okta.issue({ userId, scope, expiresIn });
    ctx.status = 200;
    ctx.set('cache-control', 'no-store');
    ctx.body = { access_token: token, scope, expires_in: expiresIn, issued_token_type: OUT, token_type: 'Bearer' };
    return undefined;
  };
}
