/*
 * JWS in compact form (RFC 7515) with keys as JWK sets (RFC 7517), over cjose.
 * The algorithm is pinned before cjose sees a byte: the caller lists what it
 * accepts, the header must name one of them, and the key's type must be that
 * algorithm's.  Header members that carry or point to keys (jwk, jku, x5u, x5c)
 * are ignored, crit is refused (RFC 8725).
 */
#ifndef COUNTERSIGN_CRYPTO_JOSE_H
#define COUNTERSIGN_CRYPTO_JOSE_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/secret.h"

enum jose_alg {
    JOSE_RS256 = 1 << 0,
    JOSE_PS256 = 1 << 1,
    JOSE_ES256 = 1 << 2,
};
#define JOSE_SIGNED (JOSE_RS256 | JOSE_PS256 | JOSE_ES256)
#define JOSE_TOKEN_MAX ((size_t)32 * 1024)
#define JOSE_KEYS_MAX 32

struct jose_keys; /* opaque: a parsed JWK set */

/*
 * Parse a JWK set. Keys that are unusable (unknown type, RSA below 2048 bits or
 * e = 1, a point off the curve, use other than sig) are left out; the others
 * work.  ERR_INPUT when the set itself is malformed, ERR_LIMIT over
 * JOSE_KEYS_MAX keys.
 */
WARN_UNUSED enum err jose_keys_parse(const char *text, size_t len, struct jose_keys **out);
void jose_keys_free(struct jose_keys *keys);

/*
 * Verify and open.  ERR_INPUT: not a compact JWS of three strict base64url
 * parts, or a header or payload that is not one strict JSON object.  ERR_DENIED:
 * an algorithm not in algs, or crit.  ERR_NONE: no key fits the kid (or there is
 * no kid and not exactly one key fits): the caller may fetch the set anew, once.
 * ERR_FORGED: the signature is wrong, or the key was replaced under its kid (or
 * without one): the same.  On ERR_OK the caller owns *payload.  header_out may be NULL.
 */
WARN_UNUSED enum err jose_verify(const struct jose_keys *keys, unsigned algs, const char *token,
                                 size_t len, json_t **payload, json_t **header_out);

/*
 * Sign payload with a private JWK (client assertions, RFC 7523).  The header
 * holds alg, kid (when the key has one) and typ when typ is not NULL.
 */
WARN_UNUSED enum err jose_sign(const struct secret *jwk, enum jose_alg alg, const char *typ,
                               const json_t *payload, struct buf *out);

/* at_hash and friends (OIDC Core 3.1.3.6) for a SHA-256 algorithm: left half, base64url. */
void jose_half_hash(const char *value, char out[23]);

#endif
