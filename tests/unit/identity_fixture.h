/*
 * An OpenID Provider made of a scripted peer and a key of its own, and a relying
 * party over a real store beside it.  The peer answers what the test scripts; the
 * tokens are made here with cjose alone, so that nothing of ours judges itself.
 * Included by the tests of lib/identity and of jose.
 */
#ifndef TESTS_UNIT_IDENTITY_FIXTURE_H
#define TESTS_UNIT_IDENTITY_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjose/cjose.h>
#include <cmocka.h>

#include "base/json.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "crypto/jose.h"
#include "http_peer.h"
#include "identity/oidc_internal.h"
#include "store_fixture.h"

/* Each test file uses its part of what follows. */
#pragma GCC diagnostic ignored "-Wunused-function"

#define JSON_TYPE "Content-Type: application/json\r\n"
#define T_SECONDS ((long long)(T / 1000))
#define SUB "oidc|Okta-OIDC|00ualice0000000000001"

static cjose_jwk_t *new_rsa(const char *kid)
{
    static const uint8_t e[] = {1, 0, 1};
    cjose_jwk_t *jwk = cjose_jwk_create_RSA_random(2048, e, sizeof e, NULL);

    assert_non_null(jwk);
    if (kid != NULL) {
        assert_true(cjose_jwk_set_kid(jwk, kid, strlen(kid), NULL));
    }
    return jwk;
}

static cjose_jwk_t *new_ec(const char *kid)
{
    cjose_jwk_t *jwk = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, NULL);

    assert_non_null(jwk);
    if (kid != NULL) {
        assert_true(cjose_jwk_set_kid(jwk, kid, strlen(kid), NULL));
    }
    return jwk;
}

/* {"keys":[...]} of up to three keys' public halves; the caller frees. */
static char *key_set(cjose_jwk_t *a, cjose_jwk_t *b, cjose_jwk_t *c)
{
    cjose_jwk_t *list[] = {a, b, c};
    struct buf out = buf_make(65536);
    char *text = NULL;

    buf_adds(&out, "{\"keys\":[");
    for (size_t i = 0; i < 3 && list[i] != NULL; i++) {
        char *one = cjose_jwk_to_json(list[i], false, NULL);

        assert_non_null(one);
        buf_addf(&out, "%s%s", i > 0 ? "," : "", one);
        free(one);
    }
    buf_adds(&out, "]}");
    assert_int_equal(buf_take(&out, &text), ERR_OK);
    return text;
}

/* A compact JWS over exactly these payload bytes, under exactly this header; the caller frees. */
static char *sign_bytes(cjose_jwk_t *jwk, const char *header, const void *payload, size_t len)
{
    json_t *object = json_loads(header, 0, NULL);
    const char *compact = NULL;
    char *copy;
    cjose_jws_t *jws;

    assert_non_null(object);
    jws = cjose_jws_sign(jwk, object, payload, len, NULL);
    assert_non_null(jws);
    assert_true(cjose_jws_export(jws, &compact, NULL));
    copy = strdup(compact);
    cjose_jws_release(jws);
    json_decref(object);
    return copy;
}

static char *sign_text(cjose_jwk_t *jwk, const char *header, const char *payload)
{
    return sign_bytes(jwk, header, payload, strlen(payload));
}

/* ---- the relying party ---- */

struct rp {
    struct fixture store;
    struct peer *op;
    struct http *http;
    struct oidc *oidc;
    cjose_jwk_t *key;
    char *keys; /* its set, as the provider publishes it */
    char issuer[128];
    char *document; /* its discovery document */
    unsigned flows; /* so that each has random bytes of its own */
};

static char *discovery(const char *issuer, const char *more)
{
    struct buf out = buf_make(8192);
    char *text = NULL;

    buf_addf(
        &out,
        "{\"issuer\":\"%s\",\"authorization_endpoint\":\"%sauthorize\","
        "\"token_endpoint\":\"%soauth/token\",\"jwks_uri\":\"%sjwks.json\","
        "\"end_session_endpoint\":\"%soidc/logout\",\"revocation_endpoint\":\"%soauth/revoke\","
        "\"backchannel_authentication_endpoint\":\"%sbc-authorize\","
        "\"authorization_response_iss_parameter_supported\":true%s}",
        issuer, issuer, issuer, issuer, issuer, issuer, issuer, more);
    assert_int_equal(buf_take(&out, &text), ERR_OK);
    return text;
}

static int rp_open(void **state)
{
    struct rp *rp = calloc(1, sizeof *rp);

    assert_non_null(rp);
    rp->op = peer_start(NULL);
    setenv("ALLOW_HTTP_LOOPBACK", "1", 1);
    assert_int_equal(text_copy(rp->issuer, sizeof rp->issuer, peer_url(rp->op, "/")), ERR_OK);
    setenv("OIDC_ISSUER", rp->issuer, 1);
    setenv("AUTH0_CLIENT_ID", "web-client", 1);
    setenv("AUTH0_CLIENT_SECRET", "web secret&", 1);
    setenv("AUTH0_CONNECTION_NAME", "Okta-OIDC", 1);
    setenv("CIBA_CLIENT_ID", "ciba-client", 1);
    setenv("CIBA_CLIENT_SECRET", "ciba-secret", 1);
    setenv("PUBLIC_URL", "http://localhost:9150", 1);
    setenv("BASE_PATH", "/prod", 1);
    fixture_open(&rp->store);
    assert_int_equal(http_open(rp->store.config, &rp->http), ERR_OK);
    assert_int_equal(oidc_open(rp->store.config, rp->http, rp->store.store, &rp->oidc), ERR_OK);
    rp->key = new_rsa("key-1");
    rp->keys = key_set(rp->key, NULL, NULL);
    rp->document = discovery(rp->issuer, "");
    *state = rp;
    return 0;
}

static int rp_close(void **state)
{
    struct rp *rp = *state;

    oidc_free(rp->oidc);
    http_free(rp->http);
    fixture_close(&rp->store);
    peer_stop(rp->op);
    cjose_jwk_release(rp->key);
    free(rp->keys);
    free(rp->document);
    free(rp);
    return 0;
}

/* A second process: its own memory over the same store. */
static struct oidc *rp_other(struct rp *rp, struct store **store)
{
    struct oidc *other = NULL;

    *store = fixture_other(&rp->store);
    assert_int_equal(oidc_open(rp->store.config, rp->http, *store, &other), ERR_OK);
    return other;
}

static void say(struct rp *rp, const char *body)
{
    peer_say(rp->op, "200 OK", JSON_TYPE, body);
}

/* How often the provider was asked for path. */
static size_t asked(struct rp *rp, const char *path)
{
    char get[128];
    char post[128];
    size_t count = 0;

    (void)snprintf(get, sizeof get, "GET %s HTTP/1.1", path);
    (void)snprintf(post, sizeof post, "POST %s HTTP/1.1", path);
    for (size_t i = 0; i < peer_requests(rp->op); i++) {
        count += peer_request_has(rp->op, i, get) || peer_request_has(rp->op, i, post);
    }
    return count;
}

static char *formatted(const char *format, ...)
{
    char text[16384];
    va_list list;

    va_start(list, format);
    assert_true(vsnprintf(text, sizeof text, format, list) < (int)sizeof text);
    va_end(list);
    return strdup(text);
}

#endif
