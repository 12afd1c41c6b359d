/* Signing out at the provider: its address, revocation, and a provider that is down. */
#include "oidc_flow_fixture.h"

static void logout(void **state)
{
    struct rp *rp = *state;
    struct buf url = buf_make(8192);
    struct secret *token = NULL;
    char *value;

    assert_int_equal(secret_new("a.b.c", 5, &token), ERR_OK);
    say(rp, rp->document);
    assert_int_equal(oidc_logout_url(rp->oidc, token, "sid 1", T, &url), ERR_OK);
    assert_true(text_starts(buf_str(&url), rp->issuer));
    assert_non_null(strstr(buf_str(&url), "oidc/logout?"));
    value = parameter(buf_str(&url), "post_logout_redirect_uri");
    assert_string_equal(value, "http://localhost:9150/prod/");
    free(value);
    value = parameter(buf_str(&url), "logout_hint");
    assert_string_equal(value, "sid 1");
    free(value);
    value = parameter(buf_str(&url), "id_token_hint");
    assert_string_equal(value, "a.b.c");
    free(value);
    peer_say(rp->op, "200 OK", "", "");
    assert_int_equal(oidc_revoke(rp->oidc, token, T), ERR_OK);
    assert_true(peer_request_has(rp->op, 1, "POST /oauth/revoke HTTP/1.1"));
    assert_string_equal(peer_request_body(rp->op, 1),
                        "token=a.b.c&token_type_hint=refresh_token&client_id=web-client&"
                        "client_secret=web%20secret%26");
    peer_say(rp->op, "400 Bad", JSON_TYPE, "{\"error\":\"invalid_client\"}");
    assert_int_equal(oidc_revoke(rp->oidc, token, T), ERR_REMOTE);
    secret_free(token);
    buf_free(&url);
}

/* A URL that the hint makes too long says so, so that the caller can go without. */
static void long_hint(void **state)
{
    struct rp *rp = *state;
    struct buf url = buf_make_secret(7168);
    struct secret *token = NULL;
    char text[9000];

    memset(text, 'a', sizeof text);
    assert_int_equal(secret_new(text, sizeof text, &token), ERR_OK);
    say(rp, rp->document);
    assert_int_equal(oidc_logout_url(rp->oidc, token, "sid", T, &url), ERR_LIMIT);
    buf_reset(&url);
    assert_int_equal(oidc_logout_url(rp->oidc, NULL, NULL, T, &url), ERR_OK);
    assert_null(strstr(buf_str(&url), "id_token_hint"));
    secret_free(token);
    buf_free(&url);
}

/* The provider is down: signing out here works, and leads to our own page. */
static void logout_without_provider(void **state)
{
    struct rp *rp = *state;
    struct buf url = buf_make(8192);

    peer_say(rp->op, "503 Down", JSON_TYPE, "{}");
    assert_int_equal(oidc_logout_url(rp->oidc, NULL, "", T, &url), ERR_OK);
    assert_string_equal(buf_str(&url), "http://localhost:9150/prod/");
    buf_free(&url);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST("logout: the provider's address, and revocation byte for byte", logout),
        TEST("logout: a hint that makes the address too long is told", long_hint),
        TEST("logout works with the provider down", logout_without_provider),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
