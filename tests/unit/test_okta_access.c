/* Okta: the conditions of asking at all, its domain, a token and the rate limit. */
#include "okta_fixture.h"

static void no_token_asks_nothing(void **state)
{
    struct fixture *f = *state;
    struct okta_token none = {"Bearer", NULL};
    struct okta_user user;
    char code[OKTA_CODE_SIZE];

    assert_int_equal(okta_user_by_id(f->okta, &none, ID, &user), ERR_AUTH);
    assert_int_equal(okta_reset_password(f->okta, &none, ID, code), ERR_AUTH);
    assert_int_equal(peer_connections(f->peer), 0);
}

static void rate_waits(void **state)
{
    static const struct {
        const char *line;
        msec now;
        msec wait;
    } cases[] = {{"X-Rate-Limit-Reset: 1000\r\n", 999500, 500},
                 {"X-Rate-Limit-Reset: 1000\r\n", 998000, 2000},
                 {"X-Rate-Limit-Reset: 1000\r\n", 997999, -1},
                 {"X-Rate-Limit-Reset: 1000\r\n", 1000000, 1000},
                 {"X-Rate-Limit-Reset: 1000\r\n", 5000000, 1000},
                 {"X-Rate-Limit-Reset: 0\r\n", 5000000, 1000},
                 {"X-Rate-Limit-Reset: soon\r\n", 5000000, 1000},
                 {"X-Rate-Limit-Reset: 99999999999999999999\r\n", 5000000, 1000},
                 {"", 5000000, 1000}};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct http_response response = {.headers = buf_make(1000)};
        buf_adds(&response.headers, cases[i].line);
        assert_int_equal(okta_rate_wait(&response, cases[i].now), cases[i].wait);
        http_response_free(&response);
    }
}

static void rate_limits(void **state)
{
    struct fixture *f = *state;
    struct okta_user user;
    msec start = clock_monotonic();

    peer_say(f->peer, "429 Slow", JSON, "{\"errorCode\":\"E0000047\"}");
    peer_say(f->peer, "200 OK", JSON, USER(ID, "bob@example.test"));
    assert_int_equal(okta_user_by_id(f->okta, &f->token, ID, &user), ERR_OK);
    assert_in_range(clock_monotonic() - start, 1000, 2500);
    /* A minute away: told at once. */
    char line[64];
    snprintf(line, sizeof(line), "X-Rate-Limit-Reset: %lld\r\n",
             (long long)clock_now() / 1000 + 60);
    peer_say(f->peer, "429 Slow", line, "{\"errorCode\":\"E0000047\"}");
    start = clock_monotonic();
    assert_int_equal(okta_user_by_id(f->okta, &f->token, ID, &user), ERR_LIMIT);
    assert_in_range(clock_monotonic() - start, 0, 700);
    /* And for ever: two seconds in sum. */
    for (int i = 0; i < 3; i++) {
        peer_say(f->peer, "429 Slow", JSON, "{}");
    }
    start = clock_monotonic();
    assert_int_equal(okta_user_by_id(f->okta, &f->token, ID, &user), ERR_LIMIT);
    assert_in_range(clock_monotonic() - start, 2000, 3500);
    assert_int_equal(peer_requests(f->peer), 6);
}

static void service_tokens(void **state)
{
    static const struct {
        const char *status;
        const char *body;
        enum err err;
    } cases[] = {
        {"200 OK",
         "{\"access_token\":\"at\",\"token_type\":\"Bearer\",\"expires_in\":3600,\"scope\":\"x "
         "okta.users.read okta.groups.read\"}",
         ERR_OK},
        {"200 OK", "{\"access_token\":\"at\",\"token_type\":\"bearer\",\"expires_in\":3600}",
         ERR_OK},
        {"200 OK",
         "{\"access_token\":\"at\",\"token_type\":\"Bearer\",\"expires_in\":3600,"
         "\"scope\":\"okta.users.read okta.groups.readonly\"}",
         ERR_DENIED},
        {"200 OK", "{\"access_token\":\"at\",\"token_type\":\"DPoP\",\"expires_in\":3600}",
         ERR_REMOTE},
        {"200 OK", "{\"access_token\":\"a t\",\"token_type\":\"Bearer\",\"expires_in\":3600}",
         ERR_REMOTE},
        {"200 OK", "{\"access_token\":\"\",\"token_type\":\"Bearer\",\"expires_in\":3600}",
         ERR_REMOTE},
        {"200 OK", "{\"access_token\":\"at\",\"token_type\":\"Bearer\"}", ERR_REMOTE},
        {"200 OK", "<html>", ERR_REMOTE},
        {"400 Bad", "{\"error\":\"use_dpop_nonce\"}", ERR_AUTH},
        {"401 No", "{\"error\":\"invalid_client\"}", ERR_AUTH},
        {"429 Slow", "{}", ERR_LIMIT},
        {"500 Oops", "{}", ERR_REMOTE},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct secret *token = NULL;
        msec lifetime = -1;
        peer_say(f->peer, cases[i].status, JSON, cases[i].body);
        assert_int_equal(okta_service_token(f->okta, "h.p.s", "okta.users.read okta.groups.read",
                                            &token, &lifetime),
                         cases[i].err);
        if (cases[i].err == ERR_OK) {
            assert_string_equal(secret_text(token), "at");
            assert_int_equal(lifetime, SECONDS(3600));
        } else {
            assert_null(token);
            assert_int_equal(lifetime, 0);
        }
        secret_free(token);
    }
    assert_true(peer_request_has(f->peer, 0, "POST /oauth2/v1/token HTTP/1.1"));
    assert_string_equal(
        peer_request_body(f->peer, 0),
        "grant_type=client_credentials&scope=okta.users.read%20okta.groups.read"
        "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
        "&client_assertion=h.p.s");
}

static void origins(void **state)
{
    static const struct {
        const char *domain;
        const char *origin;
    } cases[] = {{"org.okta.example", "https://org.okta.example"},
                 {"https://org.okta.example", "https://org.okta.example"},
                 {"https://org.okta.example/", "https://org.okta.example"}};
    struct fixture *f = *state;
    struct okta *okta = f->okta;
    struct config *config;

    for (size_t i = 0; i < COUNT(cases); i++) {
        setenv("OKTA_DOMAIN", cases[i].domain, 1);
        config = peer_config();
        assert_int_equal(okta_open(config, f->http, &okta), ERR_OK);
        assert_string_equal(okta_origin(okta), cases[i].origin);
        okta_free(okta);
        config_free(config);
    }
    unsetenv("OKTA_DOMAIN");
    config = peer_config();
    assert_int_equal(okta_open(config, f->http, &okta), ERR_CONFIG);
    assert_null(okta);
    config_free(config);
    okta_free(NULL);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST("okta: without a token nothing is asked", no_token_asks_nothing),
        TEST("okta: how long a rate limit is waited for", rate_waits),
        TEST("okta: a read waits for a rate limit, two seconds at most", rate_limits),
        TEST("okta: service tokens", service_tokens),
        TEST("okta: the domain with and without https://", origins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
