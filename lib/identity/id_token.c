/*
 * ID tokens (OIDC Core 1.0 section 3.1.3.7, RFC 8725).  The checks are one
 * function without network, store or clock, so that each has its test.
 */
#include "base/log.h"
#include "base/text.h"
#include "identity/oidc_internal.h"

#include <string.h>
#include <strings.h>

#define YEAR_9999 253402300799 /* times beyond it are nonsense, and would wrap as milliseconds */
#define SUB_MAX 255
#define AUDIENCES_MAX 16

static bool time_claim(const json_t *claims, const char *name, msec *out)
{
    json_int_t seconds = 0;

    /* Integers only: a text, a fraction or 1e400 has no outcome that two readers share. */
    if (js_int(claims, name, 1, YEAR_9999, &seconds) != ERR_OK) {
        return false;
    }
    *out = SECONDS(seconds);
    return true;
}

/* aud holds us; several audiences, or an azp, must say that it was issued to us. */
static const char *audience_check(const json_t *claims, const char *client_id)
{
    const json_t *aud = json_object_get(claims, "aud");
    const json_t *azp = json_object_get(claims, "azp");
    size_t count = json_is_string(aud) ? 1 : json_array_size(aud);
    bool found = text_equal(json_string_value(aud), client_id);

    if (!client_id || !client_id[0] || count == 0 || count > AUDIENCES_MAX) {
        return "aud";
    }
    for (size_t i = 0; json_is_array(aud) && i < count; i++) {
        const char *one = json_string_value(json_array_get(aud, i));

        if (!one) {
            return "aud";
        }
        found = found || text_equal(one, client_id);
    }
    if (!found) {
        return "aud";
    }
    if ((azp || count > 1) && !text_equal(json_string_value(azp), client_id)) {
        return "azp";
    }
    return NULL;
}

static const char *time_check(const json_t *claims, const struct id_token_expectation *expect,
                              msec now)
{
    msec exp = 0;
    msec iat = 0;
    msec nbf = 0;

    if (!time_claim(claims, "exp", &exp) || now >= exp + OIDC_CLOCK_SKEW) {
        return "exp";
    }
    if (!time_claim(claims, "iat", &iat) || iat > now + OIDC_CLOCK_SKEW) {
        return "iat";
    }
    /* iat counts whole seconds, so its second may have begun before issued_after. */
    if (expect->issued_after && iat + SECONDS(1) + OIDC_CLOCK_SKEW <= expect->issued_after) {
        return "iat before the request";
    }
    if (json_object_get(claims, "nbf") &&
        (!time_claim(claims, "nbf", &nbf) || nbf > now + OIDC_CLOCK_SKEW)) {
        return "nbf";
    }
    return NULL;
}

/* The other kinds of token that one issuer signs with one key (RFC 8725 section 3.12, row 23). */
static bool is_another_kind(const json_t *header, const json_t *claims)
{
    const json_t *typ = json_object_get(header, "typ");

    return (typ && (!json_is_string(typ) || strcasecmp(json_string_value(typ), "JWT") != 0)) ||
           json_object_get(claims, "events");
}

const char *id_token_check(const char *issuer, const json_t *header, const json_t *claims,
                           const struct id_token_expectation *expect, msec now)
{
    const char *sub = js_text(claims, "sub");
    const char *failed;
    char half[23];

    if (is_another_kind(header, claims)) {
        return "kind of token";
    }
    if (!text_equal(js_text(claims, "iss"), issuer)) {
        return "iss";
    }
    failed = audience_check(claims, expect->client_id);
    if (failed) {
        return failed;
    }
    if (!sub || !sub[0] || strlen(sub) > SUB_MAX ||
        (expect->sub && !text_equal(sub, expect->sub))) {
        return "sub";
    }
    failed = time_check(claims, expect, now);
    if (failed) {
        return failed;
    }
    if (expect->nonce && !text_equal_secret(js_text(claims, "nonce"), expect->nonce)) {
        return "nonce";
    }
    /* at_hash may be absent in a code flow (section 3.1.3.6); present, it must be right. */
    if (expect->access_token && json_object_get(claims, "at_hash")) {
        jose_half_hash(expect->access_token, half);
        if (!text_equal_secret(js_text(claims, "at_hash"), half)) {
            return "at_hash";
        }
    }
    return NULL;
}

enum err oidc_verify_id_token(struct oidc *oidc, const char *id_token,
                              const struct id_token_expectation *expect, msec now, json_t **claims)
{
    struct oidc_metadata metadata;
    struct oidc_keys *keys = NULL;
    struct oidc_keys *newer = NULL;
    json_t *header = NULL;
    const char *failed = NULL;
    size_t len = id_token ? strnlen(id_token, JOSE_TOKEN_MAX + 1) : 0;
    enum err err;

    *claims = NULL;
    err = oidc_metadata(oidc, now, &metadata);
    if (err == ERR_OK) {
        err = oidc_keys_acquire(oidc, &metadata, now, &keys);
    }
    if (err != ERR_OK) {
        goto done;
    }
    err = jose_verify(keys->keys, JOSE_SIGNED, id_token, len, claims, &header);
    /* Wrong by a key that fits: it may have been replaced under its kid, or without one (row 18).
     */
    if (err == ERR_NONE || err == ERR_FORGED) {
        enum err had = err;

        err = oidc_keys_newer(oidc, &metadata, keys, now, &newer);
        if (err == ERR_OK) {
            err = jose_verify(newer->keys, JOSE_SIGNED, id_token, len, claims, &header);
        } else if (had == ERR_FORGED && err != ERR_MEMORY) {
            err = had;
        }
    }
    switch (err) {
    case ERR_OK:
        failed = id_token_check(metadata.issuer, header, *claims, expect, now);
        break;
    case ERR_INPUT:
        failed = "form";
        break;
    case ERR_DENIED:
        failed = "algorithm";
        break;
    case ERR_NONE:
        failed = "key";
        break;
    case ERR_FORGED:
        failed = "signature";
        break;
    default:
        break;
    }
    if (failed) {
        log_line(LOG_WARN, "ID token refused", LOG_T("check", failed));
        err = ERR_FORGED;
    }
done:
    if (err != ERR_OK) {
        json_decref(*claims);
        *claims = NULL;
    }
    json_decref(header);
    oidc_keys_release(oidc, newer);
    oidc_keys_release(oidc, keys);
    return err;
}
