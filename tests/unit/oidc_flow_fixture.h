/*
 * One sign-in through the relying party of identity_fixture.h: begun as a browser
 * begins it, answered as the scripted provider answers, finished at the callback.
 * Included by the tests of lib/identity/oidc.
 */
#ifndef TESTS_UNIT_OIDC_FLOW_FIXTURE_H
#define TESTS_UNIT_OIDC_FLOW_FIXTURE_H

#include "identity_fixture.h"

#define TOKEN_PATH "/oauth/token"
#define KEYS_PATH "/jwks.json"
#define HEADER "{\"alg\":\"RS256\",\"kid\":\"key-1\",\"typ\":\"JWT\"}"

#define TEST(name, function)                                                                       \
    {                                                                                              \
        name, function, rp_open, rp_close, NULL                                                    \
    }

/* The caller ends it with begun_free(). */
struct begun {
    char cookie[LOGIN_COOKIE_SIZE];
    char *url;
    char *state;
    char *nonce;
};

static inline void begun_free(struct begun *begun)
{
    free(begun->url);
    free(begun->state);
    free(begun->nonce);
}

/* The value of a parameter of url; the caller frees. */
static inline char *parameter(const char *url, const char *name)
{
    const char *query = strchr(url, '?') + 1;
    char *value = NULL;

    assert_int_equal(form_get(query, strlen(query), name, &value), ERR_OK);
    return value;
}

static inline enum err begin_at(struct rp *rp, const char *browser, msec now, struct begun *out)
{
    uint8_t random[LOGIN_RANDOM];
    struct buf url = buf_make(8192);
    enum err err;

    rp->flows++;
    for (size_t i = 0; i < sizeof random; i++) {
        random[i] = (uint8_t)(i + 7 * rp->flows);
    }
    memset(out, 0, sizeof *out);
    err = oidc_login_begin(rp->oidc, browser, "/chat", now, random, out->cookie, &url);
    if (err == ERR_OK) {
        assert_int_equal(buf_take(&url, &out->url), ERR_OK);
        out->state = parameter(out->url, "state");
        out->nonce = parameter(out->url, "nonce");
    }
    buf_free(&url);
    return err;
}

/* Discovery is answered first, when this is the first flow. */
static inline struct begun begin(struct rp *rp)
{
    struct begun out;

    if (rp->flows == 0) {
        say(rp, rp->document);
    }
    assert_int_equal(begin_at(rp, NULL, T, &out), ERR_OK);
    return out;
}

static inline char *id_token(struct rp *rp, const char *header, const char *nonce, const char *more)
{
    char *payload =
        formatted("{\"iss\":\"%s\",\"sub\":\"" SUB "\",\"aud\":\"web-client\",\"nonce\":\"%s\","
                  "\"exp\":%lld,\"iat\":%lld%s}",
                  rp->issuer, nonce, T_SECONDS + 600, T_SECONDS, more);
    char *token = sign_text(rp->key, header, payload);

    free(payload);
    return token;
}

static inline void say_tokens(struct rp *rp, const char *token)
{
    char *body = formatted("{\"access_token\":\"opaque\",\"token_type\":\"Bearer\","
                           "\"refresh_token\":\"rt-1\",\"expires_in\":86400,\"id_token\":\"%s\"}",
                           token);

    say(rp, body);
    free(body);
}

/* The callback of a flow with these parameters after state. */
static inline enum err finish(struct rp *rp, const struct begun *begun, const char *browser,
                              const char *more, msec now, struct oidc_identity *out)
{
    struct buf query = buf_make(65536);
    char code[64];
    enum err err;

    form_add(&query, "state", begun->state);
    buf_adds(&query, more);
    err = oidc_login_finish(rp->oidc, buf_str(&query), browser, now, code, out);
    buf_free(&query);
    return err;
}

/* The parameters of a callback that carries a code, without state; the caller frees. */
static inline char *good_answer(struct rp *rp)
{
    struct buf out = buf_make(1024);
    char *text;

    form_add(&out, "code", "the-code");
    form_add(&out, "iss", rp->issuer);
    assert_int_equal(buf_err(&out), ERR_OK);
    text = strdup(buf_str(&out));
    assert_non_null(text);
    buf_free(&out);
    return text;
}

/* The whole of one flow that should end in err; keys are answered when they are asked for. */
static inline enum err whole_flow(struct rp *rp, const char *header, const char *more, bool keys,
                                  struct oidc_identity *out)
{
    struct begun begun = begin(rp);
    char *token = id_token(rp, header, begun.nonce, more);
    char *good = good_answer(rp);
    char *parameters = formatted("&%s", good);
    enum err err;

    say_tokens(rp, token);
    if (keys) {
        say(rp, rp->keys);
    }
    err = finish(rp, &begun, begun.cookie, parameters, T + 1000, out);
    free(parameters);
    free(good);
    free(token);
    begun_free(&begun);
    return err;
}

#endif
