/* Token Vault: the exchange's exact body, and which answers give a token. */
#include "identity_fixture.h"

#include "identity/vault.h"

#define ANSWER(scope, more)                                                                        \
    "{\"access_token\":\"okta-at\",\"scope\":\"" scope "\",\"expires_in\":3600,"                   \
    "\"issued_token_type\":\"http://auth0.com/oauth/token-type/federated-connection-access-token"  \
    "\",\"token_type\":\"Bearer\"" more "}"
#define NEEDED "okta.users.read okta.users.manage"

static enum err exchange(struct rp *rp, const char *status, const char *body, struct secret **out)
{
    struct secret *refresh = NULL;
    enum err err;

    assert_int_equal(secret_new("rt\"1", 4, &refresh), ERR_OK);
    if (peer_requests(rp->op) == 0) {
        say(rp, rp->document);
    }
    peer_say(rp->op, status, JSON_TYPE, body);
    err = vault_exchange(rp->oidc, refresh, "Okta-OIDC", NEEDED, T, out);
    assert_int_equal(err == ERR_OK, *out != NULL);
    secret_free(refresh);
    return err;
}

static void exchanges(void **state)
{
    struct rp *rp = *state;
    struct secret *token = NULL;

    assert_int_equal(
        exchange(rp, "200 OK", ANSWER("openid okta.users.manage okta.users.read", ""), &token),
        ERR_OK);
    assert_string_equal(secret_text(token), "okta-at");
    secret_free(token);
    assert_true(peer_request_has(rp->op, 1, "POST /oauth/token HTTP/1.1"));
    assert_true(peer_request_has(rp->op, 1, "Content-Type: application/json"));
    assert_string_equal(
        peer_request_body(rp->op, 1),
        "{\"grant_type\":\"urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-"
        "access-token\",\"client_id\":\"web-client\",\"client_secret\":\"web secret&\","
        "\"subject_token\":\"rt\\\"1\",\"subject_token_type\":"
        "\"urn:ietf:params:oauth:token-type:refresh_token\",\"requested_token_type\":"
        "\"http://auth0.com/oauth/token-type/federated-connection-access-token\","
        "\"connection\":\"Okta-OIDC\"}");
    assert_int_equal(
        exchange(rp, "200 OK", ANSWER("okta.users.read,openid, okta.users.manage", ""), &token),
        ERR_OK);
    secret_free(token);
}

static void scopes(void **state)
{
    struct rp *rp = *state;
    static const char *const bad[] = {
        ANSWER("", ""),
        ANSWER("okta.users.read", ""),
        ANSWER("okta.users.manage", ""),
        ANSWER("okta.users.read okta.users.managex", ""),
        ANSWER("xokta.users.read okta.users.manage", ""),
        ANSWER("okta.users.read;okta.users.manage", ""),
        ANSWER("OKTA.USERS.READ OKTA.USERS.MANAGE", ""),
        "{\"access_token\":\"a\",\"token_type\":\"Bearer\"}",
        "{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"scope\":[\"okta.users.read\"]}"};
    struct secret *token = NULL;

    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(exchange(rp, "200 OK", bad[i], &token), ERR_DENIED);
    }
}

static void refusals(void **state)
{
    struct rp *rp = *state;
    static const struct {
        const char *status, *body;
        enum err want;
    } cases[] = {
        {"401 No", "{\"error\":\"federated_connection_refresh_token_not_found\"}", ERR_NONE},
        {"401 No", "{\"error\":\"federated_connection_refresh_token_flow_failed\"}", ERR_AUTH},
        {"403 No", "{\"error\":\"invalid_grant\"}", ERR_AUTH},
        {"403 No", "{\"error\":\"mfa_required\"}", ERR_AUTH},
        {"403 No", "{\"error\":\"unauthorized_client\"}", ERR_DENIED},
        {"403 No", "{\"error\":\"whatever\"}", ERR_DENIED},
        {"403 No", "", ERR_DENIED},
        {"401 No", "{\"error\":\"invalid_client\"}", ERR_REMOTE},
        {"500 Oops", ANSWER(NEEDED, ""), ERR_REMOTE},
        {"200 OK", "<html>", ERR_REMOTE},
        {"200 OK", "{}", ERR_REMOTE},
        {"200 OK", "{\"access_token\":\"\",\"scope\":\"" NEEDED "\"}", ERR_REMOTE},
        {"200 OK", "{\"access_token\":7,\"scope\":\"" NEEDED "\"}", ERR_REMOTE},
        {"200 OK", "{\"access_token\":\"a\",\"token_type\":\"DPoP\",\"scope\":\"" NEEDED "\"}",
         ERR_REMOTE},
        {"200 OK", "{\"access_token\":\"a\",\"issued_token_type\":\"x\",\"scope\":\"" NEEDED "\"}",
         ERR_REMOTE},
        {"200 OK", ANSWER(NEEDED, ",\"access_token\":\"b\""), ERR_REMOTE},
        {"200 OK", ANSWER(NEEDED, "") "x", ERR_REMOTE},
    };
    struct secret *token = NULL;

    for (size_t i = 0; i < COUNT(cases); i++) {
        if (exchange(rp, cases[i].status, cases[i].body, &token) != cases[i].want) {
            fail_msg("case %zu", i);
        }
    }
    assert_int_equal(vault_exchange(rp->oidc, NULL, "Okta-OIDC", NEEDED, T, &token), ERR_AUTH);
    assert_null(token);
}

static void nothing_to_send(void **state)
{
    struct rp *rp = *state;
    struct secret *refresh = NULL;
    struct secret *token = NULL;

    assert_int_equal(secret_new("rt", 2, &refresh), ERR_OK);
    assert_int_equal(vault_exchange(rp->oidc, refresh, "", NEEDED, T, &token), ERR_CONFIG);
    assert_int_equal(peer_requests(rp->op), 0);
    secret_free(refresh);
}

#define TEST(name, function)                                                                       \
    {                                                                                              \
        name, function, rp_open, rp_close, NULL                                                    \
    }

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST("the exchange byte for byte, scopes by spaces or commas", exchanges),
        TEST("row 74: a token that lacks a scope is discarded", scopes),
        TEST("each refusal is told apart, and odd answers give no token", refusals),
        TEST("without a connection nothing is sent", nothing_to_send),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
