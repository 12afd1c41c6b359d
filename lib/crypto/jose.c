#include "crypto/jose.h"

#include "base/text.h"
#include "crypto/hash.h"
#include "crypto/jose_internal.h"

#include <stdlib.h>
#include <string.h>

/*
 * cjose reads the algorithm from the token and takes lenient base64url, so by
 * itself it would let the sender choose.  Here everything that decides is read
 * strictly first, and cjose is left with one question: is this signature, of
 * this one algorithm, by this key of that algorithm's type?
 */

#define HEADER_MAX 4096

static const struct {
    const char *name;
    enum jose_alg alg;
} ALGS[] = {{"RS256", JOSE_RS256}, {"PS256", JOSE_PS256}, {"ES256", JOSE_ES256}};

unsigned jose_alg_by_name(const char *name)
{
    for (size_t i = 0; name && i < COUNT(ALGS); i++) {
        if (strcmp(name, ALGS[i].name) == 0) {
            return ALGS[i].alg;
        }
    }
    return 0;
}

static const char *alg_name(enum jose_alg alg)
{
    for (size_t i = 0; i < COUNT(ALGS); i++) {
        if (ALGS[i].alg == alg) {
            return ALGS[i].name;
        }
    }
    return NULL;
}

/* ---- verify ---- */

struct parts {
    const char *text[3]; /* header, payload, signature */
    size_t len[3];
};

struct part_bytes {
    uint8_t *bytes;
    size_t len;
};

static enum err split(const char *token, size_t len, struct parts *parts)
{
    size_t n = 0;
    const char *end = token + len;

    if (len > JOSE_TOKEN_MAX) {
        return ERR_INPUT;
    }
    for (const char *at = token;; at++) {
        if (at < end && *at != '.') {
            continue;
        }
        if (n == 3 || at == token) {
            return ERR_INPUT;
        }
        parts->text[n] = token;
        parts->len[n++] = (size_t)(at - token);
        if (at == end) {
            break;
        }
        token = at + 1;
    }
    return n == 3 ? ERR_OK : ERR_INPUT;
}

/* One part's bytes; the caller frees. Strict before anything is decided by it (row 25). */
static enum err part_bytes(const struct parts *parts, size_t n, struct part_bytes *out)
{
    enum err err;

    out->len = parts->len[n];
    out->bytes = malloc(out->len + 1);
    if (!out->bytes) {
        return ERR_MEMORY;
    }
    err = base64url_decode(parts->text[n], parts->len[n], out->bytes, &out->len);
    return err == ERR_LIMIT ? ERR_INPUT : err;
}

static enum err part_json(const struct part_bytes *part, size_t max, json_t **out)
{
    enum err err = js_parse_object((const char *)part->bytes, part->len, max, out);

    return err == ERR_LIMIT ? ERR_INPUT : err;
}

static void part_free(struct part_bytes *part)
{
    if (part->bytes) {
        wipe(part->bytes, part->len);
        free(part->bytes);
    }
}

/* Strict base64url, and of exactly the length the algorithm gives where that is fixed. */
static enum err signature_form(const struct parts *parts, enum jose_alg alg)
{
    uint8_t signature[RSA_BYTES_MAX];
    size_t len = sizeof signature;

    if (base64url_decode(parts->text[2], parts->len[2], signature, &len) != ERR_OK) {
        return ERR_INPUT;
    }
    return alg == JOSE_ES256 && len != 2 * P256_BYTES ? ERR_FORGED : ERR_OK;
}

static enum err signature_check(const struct jose_key *key, const char *token, size_t len)
{
    cjose_err why = {0};
    cjose_jws_t *jws = cjose_jws_import(token, len, &why);
    bool ok = jws && cjose_jws_verify(jws, key->jwk, &why);

    cjose_jws_release(jws);
    if (ok) {
        return ERR_OK;
    }
    return why.code == CJOSE_ERR_NO_MEMORY ? ERR_MEMORY : ERR_FORGED;
}

static bool fits(const struct jose_key *key, enum jose_alg alg, const char *kid)
{
    return (key->algs & alg) && (!kid || text_equal(key->kid, kid));
}

/* Every key of that kid is tried: a provider may reuse one over a rotation. */
static enum err find_and_check(const struct jose_keys *keys, enum jose_alg alg, const char *kid,
                               const char *token, size_t len)
{
    size_t fitting = 0;
    enum err err = ERR_NONE;

    for (size_t i = 0; keys && i < keys->count; i++) {
        fitting += fits(&keys->keys[i], alg, kid);
    }
    if (fitting == 0 || (!kid && fitting != 1)) {
        return ERR_NONE;
    }
    for (size_t i = 0; i < keys->count && err != ERR_OK && err != ERR_MEMORY; i++) {
        if (fits(&keys->keys[i], alg, kid)) {
            err = signature_check(&keys->keys[i], token, len);
        }
    }
    return err;
}

enum err jose_verify(const struct jose_keys *keys, unsigned algs, const char *token, size_t len,
                     json_t **payload, json_t **header_out)
{
    struct parts parts;
    struct part_bytes head = {0};
    struct part_bytes body = {0};
    json_t *header = NULL;
    const json_t *kid;
    unsigned alg;
    enum err err;

    *payload = NULL;
    if (header_out) {
        *header_out = NULL;
    }
    err = token ? split(token, len, &parts) : ERR_INPUT;
    if (err == ERR_OK) {
        err = part_bytes(&parts, 0, &head);
    }
    if (err == ERR_OK) {
        err = part_bytes(&parts, 1, &body);
    }
    if (err == ERR_OK) {
        err = part_json(&head, HEADER_MAX, &header);
    }
    if (err != ERR_OK) {
        goto done;
    }
    alg = jose_alg_by_name(js_text(header, "alg")) & algs;
    kid = json_object_get(header, "kid");
    if (alg == 0 || json_object_get(header, "crit")) {
        err = ERR_DENIED;
    } else if (kid && !json_is_string(kid)) {
        err = ERR_INPUT;
    }
    if (err == ERR_OK) {
        err = signature_form(&parts, (enum jose_alg)alg);
    }
    if (err == ERR_OK) {
        err = find_and_check(keys, (enum jose_alg)alg, json_string_value(kid), token, len);
    }
    if (err == ERR_OK) {
        err = part_json(&body, JOSE_TOKEN_MAX, payload);
    }
    if (err == ERR_OK && header_out) {
        *header_out = json_incref(header);
    }
done:
    part_free(&head);
    part_free(&body);
    json_decref(header);
    return err;
}

/* ---- sign ---- */

static cjose_header_t *header_new(const cjose_jwk_t *jwk, enum jose_alg alg, const char *typ)
{
    const char *kid = cjose_jwk_get_kid(jwk, NULL);
    cjose_header_t *header = cjose_header_new(NULL);

    if (header && cjose_header_set(header, CJOSE_HDR_ALG, alg_name(alg), NULL) &&
        (!kid || cjose_header_set(header, CJOSE_HDR_KID, kid, NULL)) &&
        (!typ || cjose_header_set(header, "typ", typ, NULL))) {
        return header;
    }
    cjose_header_release(header);
    return NULL;
}

enum err jose_sign(const struct secret *secret, enum jose_alg alg, const char *typ,
                   const json_t *payload, struct buf *out)
{
    struct buf text = buf_make_secret(JOSE_TOKEN_MAX);
    cjose_jwk_t *jwk = NULL;
    cjose_header_t *header = NULL;
    cjose_jws_t *jws = NULL;
    const char *compact = NULL;
    cjose_jwk_kty_t kty;
    enum err err = js_add(&text, payload);

    if (err != ERR_OK) {
        goto done;
    }
    err = ERR_CONFIG; /* the key is ours: what is wrong with it, the operator put there */
    jwk = cjose_jwk_import(secret_text(secret), secret_len(secret), NULL);
    if (!jwk || !alg_name(alg)) {
        goto done;
    }
    kty = cjose_jwk_get_kty(jwk, NULL);
    if (kty != (alg == JOSE_ES256 ? CJOSE_JWK_KTY_EC : CJOSE_JWK_KTY_RSA)) {
        goto done;
    }
    if (cjose_jwk_get_keysize(jwk, NULL) < (alg == JOSE_ES256 ? 8 * P256_BYTES : RSA_BITS_MIN) ||
        (alg == JOSE_ES256 && cjose_jwk_EC_get_curve(jwk, NULL) != CJOSE_JWK_EC_P_256)) {
        goto done;
    }
    err = ERR_MEMORY;
    header = header_new(jwk, alg, typ);
    if (!header) {
        goto done;
    }
    err = ERR_SYSTEM;
    jws = cjose_jws_sign(jwk, header, (const uint8_t *)buf_str(&text), text.len, NULL);
    if (!jws || !cjose_jws_export(jws, &compact, NULL)) {
        goto done;
    }
    buf_adds(out, compact);
    err = buf_err(out);
done:
    cjose_jws_release(jws);
    cjose_header_release(header);
    cjose_jwk_release(jwk);
    buf_free(&text);
    return err;
}

void jose_half_hash(const char *value, char out[23])
{
    uint8_t digest[SHA256_SIZE];

    sha256(value, strlen(value), digest);
    base64url_encode(digest, SHA256_SIZE / 2, out);
}
