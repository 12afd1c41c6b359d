// Okta's own token endpoint for a service app: client_credentials with private_key_jwt, nothing else.
import crypto from 'node:crypto';

export const SERVICE_APP = '0oaserviceapp';
const GRANTED = ['okta.users.read', 'okta.users.manage', 'okta.groups.read', 'okta.groups.manage', 'okta.roles.read'];
const ALGORITHMS = { RS256: ['sha256'], RS384: ['sha384'], RS512: ['sha512'], PS256: ['sha256', true], ES256: ['sha256'], ES384: ['sha384'], ES512: ['sha512'] };
const fail = (status, error, description) => ({ status, body: { error, error_description: description } });

export function grantServiceToken(okta, ctx) {
  if (ctx.method !== 'POST') return fail(405, 'invalid_request', 'POST only');
  const f = ctx.fields();
  if (f.grant_type !== 'client_credentials') return fail(400, 'unsupported_grant_type', 'The authorization grant type is not supported by the authorization server.');
  if (f.client_assertion_type !== 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer') return fail(400, 'invalid_request', 'client_assertion_type is missing or wrong.');
  const why = assertionFault(okta, String(f.client_assertion ?? ''), `${okta.world.origin}/oauth2/v1/token`);
  if (why) return fail(401, 'invalid_client', why);
  const scopes = String(f.scope ?? '').split(' ').filter(Boolean);
  const unknown = scopes.find((s) => !GRANTED.includes(s));
  if (!scopes.length || unknown) return fail(400, 'invalid_scope', `The requested scope is invalid: ${unknown ?? ''}`);
  const scope = scopes.join(' ');
  return { body: { token_type: 'Bearer', expires_in: 3600, access_token: okta.issue({ userId: null, scope, expiresIn: 3600 }), scope } };
}

/** Why an assertion is not believed, or null. */
function assertionFault(okta, jwt, audience) {
  const parts = jwt.split('.');
  if (parts.length !== 3 || !parts.every((p) => /^[\w-]+$/.test(p))) return 'The client_assertion is not a JWT.';
  let header;
  let claims;
  try { [header, claims] = parts.slice(0, 2).map((p) => JSON.parse(Buffer.from(p, 'base64url').toString())); } catch { return 'The client_assertion is not a JWT.'; }
  if (!okta.serviceKey) return 'No key is registered: PUT /tenant/service-app-key';
  const [hash, pss] = ALGORITHMS[header.alg] ?? [];
  if (!hash) return 'The client_assertion algorithm is not allowed.';
  const key = crypto.createPublicKey({ key: okta.serviceKey, format: 'jwk' });
  if ((key.asymmetricKeyType === 'ec') !== header.alg.startsWith('ES')) return 'The client_assertion algorithm does not fit the key.';
  if (okta.serviceKey.kid && header.kid !== okta.serviceKey.kid) return 'The client_assertion kid is unknown.';
  const options = { key, dsaEncoding: 'ieee-p1363', ...(pss ? { padding: crypto.constants.RSA_PKCS1_PSS_PADDING } : {}) };
  if (!crypto.verify(hash, Buffer.from(`${parts[0]}.${parts[1]}`), options, Buffer.from(parts[2], 'base64url'))) return 'The client_assertion signature is invalid.';
  const now = Date.now() / 1000;
  if (claims.iss !== SERVICE_APP || claims.sub !== SERVICE_APP) return 'The client_assertion iss and sub must be the client_id.';
  if (![claims.aud].flat().includes(audience)) return `The client_assertion audience must be ${audience}.`;
  if (!(typeof claims.exp === 'number' && claims.exp > now && claims.exp <= now + 3600 + 5)) return 'The client_assertion exp is missing, past or more than an hour away.';
  if (claims.jti !== undefined) {
    if (okta.assertions.has(claims.jti)) return 'The client_assertion was used before.';
    okta.assertions.add(claims.jti);
  }
  return null;
}
