// Verifies AWS Signature Version 4 with AWS's own signer: sign the same request again, compare.
import crypto from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
import { HttpRequest } from '@smithy/protocol-http';
import { Sha256 } from '@aws-crypto/sha256-js';

/** Access keys the tenant knows: a long-term one, and a temporary one with its session token. */
export const ACCESS_KEYS = {
  AKIDTENANT: { secretAccessKey: 'tenant-secret' },
  ASIATENANT: { secretAccessKey: 'tenant-secret2', sessionToken: 'tenant-session-token' },
};

const AUTHORIZATION = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request,\s*SignedHeaders=([^,]+),\s*Signature=([0-9a-f]{64})$/;
const refused = (type, message) => ({ type, message });

/** Returns null when the signature is right, else {type, message} as AWS would say it. */
export async function verifySigV4({ method, path, search, headers, body, service, region = 'us-east-1', skewSeconds = 300 }) {
  const authorization = headers.authorization;
  if (!authorization) return refused('MissingAuthenticationTokenException', 'Missing Authentication Token');
  const m = AUTHORIZATION.exec(authorization);
  if (!m) return refused('IncompleteSignatureException', 'Authorization header is malformed');
  const [, keyId, day, scopeRegion, scopeService, signedHeaders, signature] = m;
  const key = ACCESS_KEYS[keyId];
  if (!key) return refused('UnrecognizedClientException', 'The security token included in the request is invalid.');
  if (scopeRegion !== region || scopeService !== service) {
    return refused('InvalidSignatureException', `Credential should be scoped to ${region}/${service}, not ${scopeRegion}/${scopeService}.`);
  }
  const names = signedHeaders.split(';');
  if (names.join() !== [...names].sort().join()) return refused('InvalidSignatureException', 'SignedHeaders is not sorted');
  if (!names.includes('host')) return refused('InvalidSignatureException', "'Host' must be a signed header");
  const unsigned = Object.keys(headers).find((h) => h.startsWith('x-amz-') && !names.includes(h));
  if (unsigned) return refused('InvalidSignatureException', `'${unsigned}' must be a signed header`);
  const missing = names.find((n) => headers[n] === undefined);
  if (missing) return refused('InvalidSignatureException', `signed header '${missing}' was not sent`);
  const date = headers['x-amz-date'] ?? '';
  if (!/^\d{8}T\d{6}Z$/.test(date) || !date.startsWith(day)) return refused('IncompleteSignatureException', 'X-Amz-Date is missing or wrong');
  const when = new Date(date.replace(/(....)(..)(..)T(..)(..)(..)Z/, '$1-$2-$3T$4:$5:$6Z'));
  if (Math.abs(Date.now() - when) > skewSeconds * 1000) return refused('InvalidSignatureException', 'Signature expired');
  if (key.sessionToken !== headers['x-amz-security-token']) return refused('UnrecognizedClientException', 'The security token included in the request is invalid.');
  const hash = crypto.createHash('sha256').update(body).digest('hex');
  const sentHash = headers['x-amz-content-sha256'];
  if (sentHash && sentHash !== 'UNSIGNED-PAYLOAD' && sentHash !== hash) return refused('InvalidSignatureException', 'x-amz-content-sha256 does not match the body');
  const query = {};
  for (const [k, v] of new URLSearchParams(search)) query[k] = k in query ? [query[k], v].flat() : v;
  const signer = new SignatureV4({
    service, region, sha256: Sha256, credentials: { accessKeyId: keyId, secretAccessKey: key.secretAccessKey },
    uriEscapePath: service !== 's3', applyChecksum: false,
  });
  const request = new HttpRequest({
    method, protocol: 'http:', hostname: 'tenant.invalid', path, query, body,
    headers: Object.fromEntries(names.map((n) => [n, headers[n]])),
  });
  const again = await signer.sign(request, { signingDate: when, signableHeaders: new Set(names), unsignableHeaders: new Set() });
  const want = /Signature=([0-9a-f]+)/.exec(again.headers.authorization)[1];
  if (want !== signature) return refused('InvalidSignatureException', 'The request signature we calculated does not match the signature you provided.');
  return null;
}
