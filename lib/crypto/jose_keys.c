/*
 * JWK sets (RFC 7517).  A provider's set may hold keys that are not for us; each
 * is read by itself and left out when it cannot be used safely (row 20), so that
 * one odd key does not end every sign-in (row 18).
 */
#include "base/text.h"
#include "crypto/jose_internal.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_TEXT_MAX ((size_t)256 * 1024)
#define RSA_E_BYTES_MAX 8

/* A member that must be strict base64url of 1..max bytes; 0 when it is not. */
static size_t octets(const json_t *jwk, const char *name, uint8_t *out, size_t max)
{
    const char *text = js_text(jwk, name);
    size_t len = max;

    if (!text || base64url_decode(text, strlen(text), out, &len) != ERR_OK) {
        return 0;
    }
    return len;
}

/* 2048 bits or more, an odd modulus, an odd exponent above 1 (row 20: e = 1 signs anything). */
static cjose_jwk_t *rsa_key(const json_t *jwk)
{
    uint8_t n[RSA_BYTES_MAX];
    uint8_t e[RSA_E_BYTES_MAX];
    cjose_jwk_rsa_keyspec spec = {.n = n, .e = e};
    bool e_above_one = false;

    spec.nlen = octets(jwk, "n", n, sizeof n);
    spec.elen = octets(jwk, "e", e, sizeof e);
    if (spec.nlen < RSA_BITS_MIN / 8 || spec.elen == 0) {
        return NULL;
    }
    /* A first byte of zero would pad a short modulus to the length asked for. */
    if (n[0] == 0 || (spec.nlen == RSA_BITS_MIN / 8 && !(n[0] & 0x80)) || !(n[spec.nlen - 1] & 1)) {
        return NULL;
    }
    for (size_t i = 0; i < spec.elen; i++) {
        e_above_one = e_above_one || e[i] > (i + 1 == spec.elen ? 1 : 0);
    }
    if (!e_above_one || !(e[spec.elen - 1] & 1)) {
        return NULL;
    }
    return cjose_jwk_create_RSA_spec(&spec, NULL);
}

/* OpenSSL refuses coordinates that do not satisfy the curve's equation. */
static bool on_p256(const uint8_t x[P256_BYTES], const uint8_t y[P256_BYTES])
{
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT *point = group ? EC_POINT_new(group) : NULL;
    BIGNUM *bx = BN_bin2bn(x, (int)P256_BYTES, NULL);
    BIGNUM *by = BN_bin2bn(y, (int)P256_BYTES, NULL);
    bool ok = point && bx && by &&
              EC_POINT_set_affine_coordinates(group, point, bx, by, NULL) == 1 &&
              EC_POINT_is_at_infinity(group, point) == 0;

    BN_free(bx);
    BN_free(by);
    EC_POINT_free(point);
    EC_GROUP_free(group);
    return ok;
}

static cjose_jwk_t *ec_key(const json_t *jwk)
{
    uint8_t x[P256_BYTES];
    uint8_t y[P256_BYTES];
    cjose_jwk_ec_keyspec spec = {.crv = CJOSE_JWK_EC_P_256, .x = x, .y = y};

    spec.xlen = octets(jwk, "x", x, sizeof x);
    spec.ylen = octets(jwk, "y", y, sizeof y);
    if (!text_equal(js_text(jwk, "crv"), "P-256") || spec.xlen != sizeof x ||
        spec.ylen != sizeof y || !on_p256(x, y)) {
        return NULL;
    }
    return cjose_jwk_create_EC_spec(&spec, NULL);
}

static bool may_verify(const json_t *jwk)
{
    const json_t *use = json_object_get(jwk, "use");
    const json_t *ops = json_object_get(jwk, "key_ops");
    size_t i;
    json_t *op;

    if (use && !text_equal(json_string_value(use), "sig")) {
        return false;
    }
    if (!ops) {
        return true;
    }
    json_array_foreach(ops, i, op)
    {
        if (text_equal(json_string_value(op), "verify")) {
            return true;
        }
    }
    return false;
}

/* ERR_NONE: not a key of ours, leave it out. */
static enum err key_read(const json_t *jwk, struct jose_key *out)
{
    const char *kty = js_text(jwk, "kty");
    const json_t *alg = json_object_get(jwk, "alg");
    const json_t *kid = json_object_get(jwk, "kid");
    struct jose_key key = {0};
    enum err err;

    if (!kty || !may_verify(jwk) || (kid && !json_is_string(kid))) {
        return ERR_NONE;
    }
    if (strcmp(kty, "RSA") == 0) {
        key.algs = JOSE_RS256 | JOSE_PS256;
    } else if (strcmp(kty, "EC") == 0) {
        key.algs = JOSE_ES256;
    }
    if (alg) {
        key.algs &= jose_alg_by_name(json_string_value(alg));
    }
    if (key.algs == 0) {
        return ERR_NONE;
    }
    key.jwk = key.algs & JOSE_ES256 ? ec_key(jwk) : rsa_key(jwk);
    if (!key.jwk) {
        return ERR_NONE;
    }
    err = text_dup(json_string_value(kid), &key.kid);
    if (err != ERR_OK) {
        cjose_jwk_release(key.jwk);
        return err;
    }
    *out = key;
    return ERR_OK;
}

enum err jose_keys_parse(const char *text, size_t len, struct jose_keys **out)
{
    json_t *root = NULL;
    const json_t *list;
    struct jose_keys *keys = NULL;
    enum err err = js_parse_object(text, len, KEYS_TEXT_MAX, &root);

    *out = NULL;
    if (err != ERR_OK) {
        return err;
    }
    list = js_array(root, "keys");
    if (!list) {
        err = ERR_INPUT;
    } else if (json_array_size(list) > JOSE_KEYS_MAX) {
        err = ERR_LIMIT;
    } else if (!(keys = calloc(1, sizeof *keys))) {
        err = ERR_MEMORY;
    }
    for (size_t i = 0; err == ERR_OK && i < json_array_size(list); i++) {
        err = key_read(json_array_get(list, i), &keys->keys[keys->count]);
        if (err == ERR_OK) {
            keys->count++;
        } else if (err == ERR_NONE) {
            err = ERR_OK;
        }
    }
    json_decref(root);
    if (err != ERR_OK) {
        jose_keys_free(keys);
    } else {
        *out = keys;
    }
    return err;
}

void jose_keys_free(struct jose_keys *keys)
{
    if (!keys) {
        return;
    }
    for (size_t i = 0; i < keys->count; i++) {
        cjose_jwk_release(keys->keys[i].jwk);
        free(keys->keys[i].kid);
    }
    free(keys);
}
