/* Fine-grained authorization: only a literal true allows, and a doubt costs a bounded time. */
#include "authz/fga_internal.h"
#include "base/json.h"
#include "base/text.h"
#include "http_peer.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WHEN 1440938160000
#define JSON "Content-Type: application/json\r\n"
#define TOKEN "{\"access_token\":\"tok-1\",\"expires_in\":86400}"

static const struct fga_tuple tuple = {"user:bob", "read_okta", "okta:groups"};

struct fixture {
    struct peer *peer;
    struct config *config;
    struct http *http;
    struct fga *fga;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->peer = peer_start(NULL);
    setenv("ALLOW_HTTP_LOOPBACK", "1", 1);
    setenv("FGA_STORE_ID", "01HSTORE", 1);
    setenv("FGA_MODEL_ID", "01GMODEL", 1);
    setenv("FGA_CLIENT_ID", "client", 1);
    setenv("FGA_CLIENT_SECRET", "s&cret", 1);
    setenv("FGA_AUDIENCE", "https://api.us1.fga.dev/", 1);
    setenv("FGA_API_URL", peer_url(f->peer, ""), 1);
    setenv("FGA_TOKEN_URL", peer_url(f->peer, "/oauth/token"), 1);
    unsetenv("FGA_EMAIL_ISSUER");
    f->config = peer_config();
    if (http_open(f->config, &f->http) != ERR_OK ||
        fga_open(f->config, f->http, &f->fga) != ERR_OK) {
        return -1;
    }
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    fga_free(f->fga);
    http_free(f->http);
    peer_stop(f->peer);
    config_free(f->config);
    free(f);
    return 0;
}

static enum err check(struct fixture *f, msec now)
{
    return fga_check(f->fga, &tuple, NULL, 0, FGA_HIGHER_CONSISTENCY, now);
}

static void allowed_and_not(void **state)
{
    struct fixture *f = *state;
    const struct fga_tuple contextual = {"group:desk#member", "helpdesk", "group:home"};

    peer_say(f->peer, "200 OK", JSON, TOKEN);
    peer_say(f->peer, "200 OK", JSON, "{\"allowed\":true,\"resolution\":\"\"}");
    peer_say(f->peer, "200 OK", JSON, "{\"allowed\":false}");
    assert_int_equal(check(f, WHEN), ERR_OK);
    assert_int_equal(fga_check(f->fga, &tuple, &contextual, 1, FGA_MINIMIZE_LATENCY, WHEN),
                     ERR_DENIED);
    assert_true(peer_request_has(f->peer, 0, "POST /oauth/token HTTP/1.1"));
    assert_true(peer_request_has(f->peer, 0, "Content-Type: application/x-www-form-urlencoded"));
    assert_string_equal(peer_request_body(f->peer, 0),
                        "grant_type=client_credentials&client_id=client&client_secret=s%26cret"
                        "&audience=https%3A%2F%2Fapi.us1.fga.dev%2F");
    assert_true(peer_request_has(f->peer, 1, "POST /stores/01HSTORE/check HTTP/1.1"));
    assert_true(peer_request_has(f->peer, 1, "Authorization: Bearer tok-1"));
    assert_true(peer_request_has(f->peer, 1, "Content-Type: application/json"));
    assert_string_equal(
        peer_request_body(f->peer, 1),
        "{\"tuple_key\":{\"user\":\"user:bob\",\"relation\":\"read_okta\",\"object\":\"okta:"
        "groups\"},"
        "\"context\":{\"current_time\":\"2015-08-30T12:36:00Z\"},"
        "\"authorization_model_id\":\"01GMODEL\",\"consistency\":\"HIGHER_CONSISTENCY\"}");
    assert_string_equal(
        peer_request_body(f->peer, 2),
        "{\"tuple_key\":{\"user\":\"user:bob\",\"relation\":\"read_okta\",\"object\":\"okta:"
        "groups\"},"
        "\"contextual_tuples\":{\"tuple_keys\":[{\"user\":\"group:desk#member\","
        "\"relation\":\"helpdesk\",\"object\":\"group:home\"}]},"
        "\"context\":{\"current_time\":\"2015-08-30T12:36:00Z\"},"
        "\"authorization_model_id\":\"01GMODEL\",\"consistency\":\"MINIMIZE_LATENCY\"}");
    assert_int_equal(peer_requests(f->peer), 3);
}

static void row45_only_true(void **state)
{
    static const char *const bodies[] = {
        "{\"allowed\":\"true\"}",
        "{\"allowed\":1}",
        "{\"allowed\":null}",
        "{\"allowed\":[true]}",
        "{\"allowed\":{\"allowed\":true}}",
        "{\"Allowed\":true}",
        "{}",
        "[{\"allowed\":true}]",
        "true",
        "",
        "allowed: true",
        "<html>{\"allowed\":true}</html>",
        "{\"allowed\":true",
        "{\"allowed\":true}{\"allowed\":true}",
        "{\"allowed\":false,\"allowed\":true}",
        "{\"allowed\":true,\"allowed\":true}",
    };
    struct fixture *f = *state;

    peer_say(f->peer, "200 OK", JSON, TOKEN);
    for (size_t i = 0; i < COUNT(bodies); i++) {
        peer_say(f->peer, "200 OK", JSON, bodies[i]);
        if (check(f, WHEN) != ERR_REMOTE) {
            fail_msg("not refused: %s", bodies[i]);
        }
    }
    assert_int_equal(peer_requests(f->peer), 1 + COUNT(bodies)); /* and none was asked twice */
}

static void row45_wrong_statuses(void **state)
{
    static const struct {
        const char *status;
        const char *headers;
        enum err err;
    } cases[] = {{"201 Created", JSON, ERR_REMOTE},
                 {"204 No Content", JSON, ERR_REMOTE},
                 {"302 Found", "Location: /x\r\n" JSON, ERR_REMOTE},
                 {"400 Bad Request", JSON, ERR_REMOTE},
                 {"403 Forbidden", JSON, ERR_AUTH},
                 {"404 Not Found", JSON, ERR_REMOTE},
                 {"409 Conflict", JSON, ERR_CONFLICT},
                 {"422 Unprocessable", JSON, ERR_REMOTE},
                 {"501 Not Implemented", JSON, ERR_REMOTE},
                 {"200 OK", "Content-Type: text/html\r\n", ERR_REMOTE},
                 {"200 OK", "", ERR_REMOTE}};
    struct fixture *f = *state;

    peer_say(f->peer, "200 OK", JSON, TOKEN);
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t before = i == 0 ? 1 : peer_requests(f->peer);
        peer_say(f->peer, cases[i].status, cases[i].headers,
                 strncmp(cases[i].status, "204", 3) == 0 ? "" : "{\"allowed\":true}");
        assert_int_equal(check(f, WHEN), cases[i].err);
        assert_int_equal(peer_requests(f->peer), before + 1); /* none of these is repeated */
    }
}

static void repeats(void **state)
{
    struct fixture *f = *state;

    peer_say(f->peer, "200 OK", JSON, TOKEN);
    peer_say(f->peer, "503 Unavailable", JSON, "{\"allowed\":true}");
    peer_add(f->peer, (struct peer_answer){.how = PEER_RESET});
    peer_say(f->peer, "200 OK", JSON, "{\"allowed\":true}");
    assert_int_equal(check(f, WHEN), ERR_OK);
    assert_int_equal(peer_requests(f->peer), 4);
    for (int i = 0; i < 3; i++) {
        peer_say(f->peer, "500 Oops", JSON, "{\"allowed\":true}");
    }
    assert_int_equal(check(f, WHEN), ERR_REMOTE);
    assert_int_equal(peer_requests(f->peer), 7);
}

static void retry_after(void **state)
{
    struct fixture *f = *state;
    msec start = clock_monotonic();

    peer_say(f->peer, "200 OK", JSON, TOKEN);
    peer_say(f->peer, "429 Slow down", "Retry-After: 1\r\n" JSON, "{}");
    peer_say(f->peer, "200 OK", JSON, "{\"allowed\":true}");
    assert_int_equal(check(f, WHEN), ERR_OK);
    assert_in_range(clock_monotonic() - start, 1000, 2500);
    start = clock_monotonic();
    peer_say(f->peer, "429 Slow down", "Retry-After: 60\r\n" JSON, "{\"allowed\":true}");
    assert_int_equal(check(f, WHEN), ERR_LIMIT); /* beyond the deadline: no wait at all */
    assert_in_range(clock_monotonic() - start, 0, 500);
    assert_int_equal(peer_requests(f->peer), 4);
}

static void row45_slow(void **state)
{
    struct fixture *f = *state;
    msec start = clock_monotonic();

    peer_say(f->peer, "200 OK", JSON, TOKEN);
    for (int i = 0; i < 3; i++) {
        peer_add(f->peer, (struct peer_answer){.how = PEER_SLOW,
                                               .bytes = "HTTP/1.1 200 OK\r\n" JSON
                                                        "Content-Length: 16\r\n\r\n"
                                                        "{\"allowed\":true}",
                                               .interval_ms = 1000});
    }
    assert_int_equal(check(f, WHEN), ERR_REMOTE);
    assert_in_range(clock_monotonic() - start, 1000, 3200);
}

static void row45_down(void **state)
{
    struct fixture *f = *state;
    struct fga *fga = NULL;
    struct config *config;
    char url[64];
    msec start;

    snprintf(url, sizeof(url), "http://127.0.0.1:%d", peer_closed_port());
    setenv("FGA_API_URL", url, 1);
    config = peer_config();
    assert_int_equal(fga_open(config, f->http, &fga), ERR_OK);
    peer_say(f->peer, "200 OK", JSON, TOKEN);
    start = clock_monotonic();
    assert_int_equal(fga_check(fga, &tuple, NULL, 0, FGA_HIGHER_CONSISTENCY, WHEN), ERR_REMOTE);
    assert_in_range(clock_monotonic() - start, 0, 2700);
    fga_free(fga);
    config_free(config);
}

static void row45_bad_tokens(void **state)
{
    static const struct {
        const char *status;
        const char *body;
        enum err err;
    } cases[] = {
        {"401 Unauthorized", "{\"error\":\"access_denied\"}", ERR_AUTH},
        {"400 Bad Request", "{\"error\":\"invalid_client\"}", ERR_AUTH},
        {"404 Not Found", "", ERR_REMOTE},
        {"200 OK", "<html>", ERR_REMOTE},
        {"200 OK", "{\"access_token\":\"\",\"expires_in\":60}", ERR_REMOTE},
        {"200 OK", "{\"access_token\":7,\"expires_in\":60}", ERR_REMOTE},
        {"200 OK", "{\"access_token\":\"a b\",\"expires_in\":60}", ERR_REMOTE},
        {"200 OK", "{\"access_token\":\"a\\r\\nX: y\",\"expires_in\":60}", ERR_REMOTE},
        {"200 OK", "{\"access_token\":\"a\"}", ERR_REMOTE},
        {"200 OK", "{\"access_token\":\"a\",\"expires_in\":\"60\"}", ERR_REMOTE},
        {"200 OK", "{\"access_token\":\"a\",\"expires_in\":0}", ERR_REMOTE},
        {"200 OK", "{\"access_token\":\"a\",\"expires_in\":-5}", ERR_REMOTE},
        {"200 OK", "{\"access_token\":\"a\",\"expires_in\":1e400}", ERR_REMOTE},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        peer_say(f->peer, cases[i].status, JSON, cases[i].body);
        assert_int_equal(check(f, WHEN), cases[i].err);
        assert_int_equal(peer_requests(f->peer), i + 1);
        assert_true(peer_request_has(f->peer, i, "POST /oauth/token HTTP/1.1"));
    }
}

static void tokens_are_cached(void **state)
{
    struct fixture *f = *state;

    peer_say(f->peer, "200 OK", JSON, "{\"access_token\":\"one\",\"expires_in\":3600}");
    peer_say(f->peer, "200 OK", JSON, "{\"allowed\":true}");
    peer_say(f->peer, "200 OK", JSON, "{\"allowed\":true}");
    peer_say(f->peer, "200 OK", JSON, "{\"access_token\":\"two\",\"expires_in\":3600}");
    peer_say(f->peer, "200 OK", JSON, "{\"allowed\":true}");
    assert_int_equal(check(f, WHEN), ERR_OK);
    assert_int_equal(check(f, WHEN + SECONDS(3600 - 300 - 64) - 1), ERR_OK);
    assert_int_equal(check(f, WHEN + SECONDS(3600 - 300)), ERR_OK);
    assert_int_equal(peer_requests(f->peer), 5);
    assert_true(peer_request_has(f->peer, 2, "Authorization: Bearer one"));
    assert_true(peer_request_has(f->peer, 4, "Authorization: Bearer two"));
}

static void margins(void **state)
{
    (void)state;
    assert_int_equal(fga_token_keep(86400, 0), SECONDS(86400 - 300));
    assert_in_range(fga_token_keep(86400, 255), SECONDS(86400 - 364), SECONDS(86400 - 363));
    assert_int_equal(fga_token_keep(600, 0), SECONDS(450));
    assert_int_equal(fga_token_keep(60, 255), SECONDS(45));
    assert_int_equal(fga_token_keep(1, 0), 750);
}

static void refused_tokens(void **state)
{
    struct fixture *f = *state;

    peer_say(f->peer, "200 OK", JSON, "{\"access_token\":\"one\",\"expires_in\":3600}");
    peer_say(f->peer, "401 Unauthorized", JSON, "{\"allowed\":true}");
    peer_say(f->peer, "200 OK", JSON, "{\"access_token\":\"two\",\"expires_in\":3600}");
    peer_say(f->peer, "200 OK", JSON, "{\"allowed\":true}");
    assert_int_equal(check(f, WHEN), ERR_OK);
    assert_true(peer_request_has(f->peer, 3, "Authorization: Bearer two"));
    /* And only one fresh token: a server that refuses that too has refused. */
    peer_say(f->peer, "401 Unauthorized", JSON, "{\"allowed\":true}");
    peer_say(f->peer, "200 OK", JSON, "{\"access_token\":\"three\",\"expires_in\":3600}");
    peer_say(f->peer, "401 Unauthorized", JSON, "{\"allowed\":true}");
    assert_int_equal(check(f, WHEN), ERR_AUTH);
    assert_int_equal(peer_requests(f->peer), 7);
}

static void *one_check(void *data)
{
    return (void *)(intptr_t)check(data, WHEN); /* NOLINT: a number is what a thread returns */
}

static void one_fetch_for_all(void **state)
{
    struct fixture *f = *state;
    pthread_t threads[8];

    peer_add(f->peer, (struct peer_answer){.how = PEER_SEND,
                                           .bytes = "HTTP/1.1 200 OK\r\n" JSON
                                                    "Content-Length: 43\r\n\r\n" TOKEN,
                                           .delay_ms = 200});
    for (size_t i = 0; i < COUNT(threads); i++) {
        peer_say(f->peer, "200 OK", JSON, "{\"allowed\":true}");
    }
    for (size_t i = 0; i < COUNT(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, one_check, f), 0);
    }
    for (size_t i = 0; i < COUNT(threads); i++) {
        void *result;
        pthread_join(threads[i], &result);
        assert_int_equal((intptr_t)result, ERR_OK);
    }
    assert_int_equal(peer_requests(f->peer), 1 + COUNT(threads));
    for (size_t i = 1; i <= COUNT(threads); i++) {
        assert_true(peer_request_has(f->peer, i, "POST /stores/01HSTORE/check HTTP/1.1"));
    }
}

static void bad_names_ask_nothing(void **state)
{
    static const struct fga_tuple bad[] = {
        {"bob", "read_okta", "okta:groups"},
        {"user:", "read_okta", "okta:groups"},
        {":bob", "read_okta", "okta:groups"},
        {"user:*", "read_okta", "okta:groups"},
        {"group:a#member", "read_okta", "okta:groups"},
        {"user:bob alice", "read_okta", "okta:groups"},
        {"user:a:b", "read_okta", "okta:groups"},
        {"user:b\xc3\xb6", "read_okta", "okta:groups"},
        {"user:bob\n", "read_okta", "okta:groups"},
        {NULL, "read_okta", "okta:groups"},
        {"user:bob", "", "okta:groups"},
        {"user:bob", "read okta", "okta:groups"},
        {"user:bob", "a#b", "okta:groups"},
        {"user:bob", NULL, "okta:groups"},
        {"user:bob", "read_okta", "okta"},
        {"user:bob", "read_okta", "okta:*"},
        {"user:bob", "read_okta", "okta:groups#x"},
        {"user:bob", "read_okta", NULL},
    };
    static const struct fga_tuple contextual = {"user:a b", "r", "o:x"};
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(fga_check(f->fga, &bad[i], NULL, 0, FGA_HIGHER_CONSISTENCY, WHEN),
                         ERR_INPUT);
    }
    assert_int_equal(fga_check(f->fga, &tuple, &contextual, 1, FGA_HIGHER_CONSISTENCY, WHEN),
                     ERR_INPUT);
    assert_int_equal(fga_check(f->fga, &tuple, &tuple, 21, FGA_HIGHER_CONSISTENCY, WHEN),
                     ERR_INPUT);
    assert_int_equal(check(f, -1), ERR_INPUT);
    assert_int_equal(fga_write(f->fga, &bad[0], false, WHEN), ERR_INPUT);
    assert_int_equal(peer_connections(f->peer), 0);
}

static void objects(void **state)
{
    static const char *const refused[] = {"",
                                          "a:b",
                                          "a#b",
                                          "*",
                                          "a b",
                                          "a\tb",
                                          "a\n",
                                          "a*",
                                          "\x7f",
                                          "jos\xc3\xa9",
                                          "a\xc2\xa0" /* NOLINT: else b would be a digit */
                                          "b",
                                          NULL};
    char out[FGA_NAME_SIZE];
    char long_id[400];

    (void)state;
    assert_int_equal(fga_object("account", "00u1.x-y_z@example.test", out), ERR_OK);
    assert_string_equal(out, "account:00u1.x-y_z@example.test");
    for (size_t i = 0; i < COUNT(refused); i++) {
        assert_int_equal(fga_object("account", refused[i], out), ERR_INPUT);
        assert_string_equal(out, "");
    }
    assert_int_equal(fga_object("", "x", out), ERR_INPUT);
    assert_int_equal(fga_object("a:b", "x", out), ERR_INPUT);
    assert_int_equal(fga_object(NULL, "x", out), ERR_INPUT);
    memset(long_id, 'a', sizeof(long_id));
    long_id[sizeof(long_id) - 1] = '\0';
    assert_int_equal(fga_object("user", long_id, out), ERR_INPUT);
    long_id[256 - 5] = '\0';
    assert_int_equal(fga_object("user", long_id, out), ERR_OK);
    long_id[256 - 5] = 'a';
    long_id[256 - 4] = '\0';
    assert_int_equal(fga_object("user", long_id, out), ERR_INPUT);
}

static void users(void **state)
{
    struct person person = {0};
    struct config *config;
    char out[FGA_NAME_SIZE];
    char iss[] = "https://issuer.example/";
    char other[] = "https://other.example/";
    char email[] = "bob@example.test";
    char bad[] = "b ob@example.test";
    char no_at[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    const char *hash = "user:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

    (void)state;
    for (size_t i = 0; i < sizeof(person.owner); i++) {
        person.owner[i] = (uint8_t)i;
    }
    person.iss = iss;
    person.email = email;
    person.email_verified = true;
    unsetenv("FGA_EMAIL_ISSUER");
    config = peer_config();
    assert_int_equal(fga_user(config, &person, out), ERR_OK);
    assert_string_equal(out, hash);
    config_free(config);
    setenv("FGA_EMAIL_ISSUER", iss, 1);
    config = peer_config();
    assert_int_equal(fga_user(config, &person, out), ERR_OK);
    assert_string_equal(out, "user:bob@example.test");
    person.email_verified = false;
    assert_int_equal(fga_user(config, &person, out), ERR_OK);
    assert_string_equal(out, hash);
    person.email_verified = true;
    person.iss = other;
    assert_int_equal(fga_user(config, &person, out), ERR_OK);
    assert_string_equal(out, hash);
    person.iss = iss;
    person.email = NULL;
    assert_int_equal(fga_user(config, &person, out), ERR_OK);
    assert_string_equal(out, hash);
    person.email = bad;
    assert_int_equal(fga_user(config, &person, out), ERR_INPUT);
    person.email = no_at; /* would be the hash of someone else */
    assert_int_equal(fga_user(config, &person, out), ERR_INPUT);
    assert_string_equal(out, "");
    config_free(config);
    unsetenv("FGA_EMAIL_ISSUER");
}

static void writes(void **state)
{
    struct fixture *f = *state;
    const struct fga_tuple everyone = {"user:*", "resettable", "account:1"};

    peer_say(f->peer, "200 OK", JSON, TOKEN);
    peer_say(f->peer, "200 OK", JSON, "{}");
    peer_say(f->peer, "200 OK", JSON, "{}");
    peer_say(f->peer, "409 Conflict", JSON, "{\"code\":\"conflict\"}");
    assert_int_equal(fga_write(f->fga, &tuple, false, WHEN), ERR_OK);
    assert_int_equal(fga_write(f->fga, &everyone, true, WHEN), ERR_OK);
    assert_int_equal(fga_write(f->fga, &tuple, false, WHEN), ERR_CONFLICT);
    assert_true(peer_request_has(f->peer, 1, "POST /stores/01HSTORE/write HTTP/1.1"));
    assert_string_equal(
        peer_request_body(f->peer, 1),
        "{\"writes\":{\"tuple_keys\":[{\"user\":\"user:bob\",\"relation\":\"read_okta\","
        "\"object\":\"okta:groups\"}],\"on_duplicate\":\"ignore\"},"
        "\"authorization_model_id\":\"01GMODEL\"}");
    assert_string_equal(
        peer_request_body(f->peer, 2),
        "{\"deletes\":{\"tuple_keys\":[{\"user\":\"user:*\",\"relation\":\"resettable\","
        "\"object\":\"account:1\"}],\"on_missing\":\"ignore\"},"
        "\"authorization_model_id\":\"01GMODEL\"}");
}

static void ping(void **state)
{
    struct fixture *f = *state;

    peer_say(f->peer, "200 OK", JSON, TOKEN);
    peer_say(f->peer, "200 OK", JSON, "{\"authorization_model\":{}}");
    peer_say(f->peer, "404 Not Found", JSON, "{\"code\":\"authorization_model_not_found\"}");
    assert_int_equal(fga_ping(f->fga, WHEN), ERR_OK);
    assert_int_equal(fga_ping(f->fga, WHEN), ERR_REMOTE);
    assert_true(peer_request_has(f->peer, 1,
                                 "GET /stores/01HSTORE/authorization-models/01GMODEL HTTP/1.1"));
}

static void opening(void **state)
{
    static const struct {
        const char *name;
        const char *value;
    } cases[] = {{"FGA_MODEL_ID", NULL},
                 {"FGA_STORE_ID", NULL},
                 {"FGA_CLIENT_ID", NULL},
                 {"FGA_CLIENT_SECRET", NULL}};
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *present = getenv(cases[i].name);
        char *saved = strdup(present != NULL ? present : "");
        struct fga *fga = f->fga;
        struct config *config;
        unsetenv(cases[i].name);
        config = peer_config();
        assert_int_equal(fga_open(config, f->http, &fga), ERR_CONFIG);
        assert_null(fga);
        config_free(config);
        setenv(cases[i].name, saved, 1);
        free(saved);
    }
    fga_free(NULL);
}

#define TEST(name_, function_)                                                                     \
    {                                                                                              \
        .name = (name_), .test_func = (function_), .setup_func = set_up,                           \
        .teardown_func = tear_down                                                                 \
    }

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST("fga: a check byte for byte, allowed and denied", allowed_and_not),
        TEST("row 45: text, number, null, missing, doubled or unparsable: deny", row45_only_true),
        TEST("row 45: every other status and type: deny, and not asked again",
             row45_wrong_statuses),
        TEST("row 45: FGA slow: deny within the deadline", row45_slow),
        TEST("row 45: FGA down: deny", row45_down),
        TEST("row 45: no token or a bad one: deny", row45_bad_tokens),
        TEST("fga: 5xx and resets are asked again, three times at most", repeats),
        TEST("fga: Retry-After is kept within the deadline", retry_after),
        TEST("fga: a token is cached until its margin", tokens_are_cached),
        TEST("fga: threads that need a token share one fetch", one_fetch_for_all),
        TEST("fga: the margin is at most a quarter", margins),
        TEST("fga: a refused token is replaced once", refused_tokens),
        TEST("fga: names with ':', '#', '*' or white space ask nothing", bad_names_ask_nothing),
        TEST("fga: objects out of ids", objects),
        TEST("row 59: fga: an e-mail names the user for one issuer, and verified, only", users),
        TEST("fga: writes and deletes say ignore", writes),
        TEST("fga: ping asks for the pinned model", ping),
        TEST("fga: no model, store or client: refuses to open", opening),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
