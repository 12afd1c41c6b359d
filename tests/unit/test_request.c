/* What a request says about itself, and what it cannot. */
#include "web_world.h"

#include "base/text.h"
#include "crypto/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct web_world world;
static struct request request;

static int open_world(void **state)
{
    (void)state;
    web_world_open(&world, "https://app.test", "/prod", false);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    web_world_close(&world);
    return 0;
}

/* Opens `request` over a NULL-ended list. */
static void given(char **envp)
{
    request_close(&request);
    assert_int_equal(request_open(&request, &world.app, envp, SECONDS(1000)), ERR_OK);
}
#define GIVEN(...) given((char *[]){__VA_ARGS__, NULL})
#define LOOPBACK "COUNTERSIGN_LISTENER=loopback", "SERVER_PORT=8081", "REMOTE_ADDR=127.0.0.1"

static int drop(void **state)
{
    (void)state;
    request_close(&request);
    return 0;
}

static void paths(void **state)
{
    (void)state;
    GIVEN("REQUEST_URI=/prod/api/chat?x=1?y", "SCRIPT_NAME=/nonsense", "PATH_INFO=/login");
    assert_string_equal(request.path, "/api/chat");
    assert_string_equal(request_raw_query(&request), "x=1?y");
    GIVEN("REQUEST_URI=/api/chat");
    assert_null(request.path);
    GIVEN("REQUEST_URI=http://evil/prod/api/chat");
    assert_null(request.path);
    GIVEN("SERVER_NAME=x");
    assert_null(request.path);
}

static void loopback_mark(void **state)
{
    (void)state;
    GIVEN(LOOPBACK, "REQUEST_URI=/readyz");
    assert_true(request.loopback);
    assert_string_equal(request.path, "/readyz");
    GIVEN("HTTP_COUNTERSIGN_LISTENER=loopback", "SERVER_PORT=8081", "REMOTE_ADDR=127.0.0.1",
          "REQUEST_URI=/readyz");
    assert_false(request.loopback);
    GIVEN("COUNTERSIGN_LISTENER=loopback", "SERVER_PORT=8080", "REMOTE_ADDR=127.0.0.1",
          "REQUEST_URI=/readyz");
    assert_false(request.loopback);
    GIVEN("COUNTERSIGN_LISTENER=loopback", "SERVER_PORT=808", "REMOTE_ADDR=127.0.0.1",
          "REQUEST_URI=/readyz");
    assert_false(request.loopback);
    GIVEN("COUNTERSIGN_LISTENER=loopback", "SERVER_PORT=8081", "REMOTE_ADDR=10.0.0.1",
          "REQUEST_URI=/readyz");
    assert_false(request.loopback);
    GIVEN("SERVER_PORT=8081", "REMOTE_ADDR=127.0.0.1", "REQUEST_URI=/readyz");
    assert_false(request.loopback);
}

static void request_ids(void **state)
{
    char first[REQUEST_ID_MAX + 1];

    (void)state;
    GIVEN("REQUEST_URI=/prod/x", "HTTP_X_REQUEST_ID=given-by-a-client");
    assert_int_equal(strlen(request_id(&request)), 22);
    memcpy(first, request_id(&request), sizeof(first));
    GIVEN("REQUEST_URI=/prod/x");
    assert_string_not_equal(request_id(&request), first);
    GIVEN(LOOPBACK, "REQUEST_URI=/x", "HTTP_X_REQUEST_ID=abcDEF-0123");
    assert_string_equal(request_id(&request), "abcDEF-0123");
    GIVEN(LOOPBACK, "REQUEST_URI=/x", "HTTP_X_REQUEST_ID=short");
    assert_string_not_equal(request_id(&request), "short");
    GIVEN(LOOPBACK, "REQUEST_URI=/x", "HTTP_X_REQUEST_ID=line\nbreak-and-more");
    assert_int_equal(strlen(request_id(&request)), 22);
}

static void no_entropy(void **state)
{
    (void)state;
    request_close(&request);
    random_fail_for_test(1);
    assert_int_equal(request_open(&request, &world.app, (char *[]){"REQUEST_URI=/prod/x", NULL}, 1),
                     ERR_SYSTEM);
    random_fail_for_test(0);
}

static int length_status(const char *method, const char *text, size_t max, size_t *len)
{
    char param[64];
    char verb[32];
    const char *code = "";
    const char *message = "";

    (void)snprintf(param, sizeof(param), "CONTENT_LENGTH=%s", text ? text : "");
    (void)snprintf(verb, sizeof(verb), "REQUEST_METHOD=%s", method);
    GIVEN("REQUEST_URI=/prod/x", verb, text ? param : "SERVER_NAME=x");
    return request_body_length(&request, max, len, &code, &message);
}

static void lengths(void **state)
{
    size_t len = 0;

    (void)state;
    assert_int_equal(length_status("POST", "100", 100, &len), 0);
    assert_int_equal(len, 100);
    assert_int_equal(length_status("POST", "0", 100, &len), 0);
    assert_int_equal(len, 0);
    assert_int_equal(length_status("POST", "101", 100, &len), 413);
    assert_int_equal(length_status("POST", "1", 0, &len), 413);
    assert_int_equal(length_status("GET", "1", 0, &len), 413);
    assert_int_equal(length_status("GET", NULL, 0, &len), 0);
    assert_int_equal(length_status("POST", NULL, 0, &len), 0);
    assert_int_equal(length_status("POST", NULL, 100, &len), 411);
    assert_int_equal(length_status("POST", "", 100, &len), 411);
    assert_int_equal(length_status("POST", "-1", 100, &len), 400);
    assert_int_equal(length_status("POST", "+1", 100, &len), 400);
    assert_int_equal(length_status("POST", " 1", 100, &len), 400);
    assert_int_equal(length_status("POST", "0x10", 100, &len), 400);
    assert_int_equal(length_status("POST", "1e2", 100, &len), 400);
    assert_int_equal(length_status("POST", "99999999999999999999999", 100, &len), 400);
    assert_int_equal(length_status("POST", "9223372036854775807", 100, &len), 413);
    assert_int_equal(len, 0);
}

static enum err cookie(const char *header, const char **value)
{
    static struct buf param;
    buf_free(&param);
    param = buf_make(1 << 20);
    buf_adds(&param, "HTTP_COOKIE=");
    buf_adds(&param, header);
    GIVEN("REQUEST_URI=/prod/x", param.data);
    enum err err = request_cookie(&request, SESSION_COOKIE, value);
    buf_free(&param);
    return err;
}

static void cookies(void **state)
{
    const char *value;
    struct buf many = buf_make(1 << 20);

    (void)state;
    assert_int_equal(cookie("a=b; __Host-countersign=abc ; c=d", &value), ERR_OK);
    assert_string_equal(value, "abc");
    assert_int_equal(cookie("__Host-countersign=", &value), ERR_OK);
    assert_string_equal(value, "");
    assert_int_equal(cookie("", &value), ERR_NONE);
    assert_null(value);
    assert_int_equal(cookie(";;; ; =;", &value), ERR_NONE);
    assert_int_equal(cookie("__host-countersign=abc", &value), ERR_NONE);
    assert_int_equal(cookie("__Host-countersignx=abc", &value), ERR_NONE);
    assert_int_equal(cookie("x__Host-countersign=abc", &value), ERR_NONE);
    assert_int_equal(cookie("__Host-countersign =abc", &value), ERR_NONE);
    assert_int_equal(cookie("__Host-countersign", &value), ERR_NONE);
    for (int i = 0; i < 4000; i++) {
        buf_addf(&many, "a%d=b;", i);
    }
    buf_adds(&many, " __Host-countersign=abc");
    assert_int_equal(cookie(buf_str(&many), &value), ERR_INPUT);
    assert_null(value);
    buf_reset(&many);
    for (int i = 0; i < 65536; i++) {
        buf_addc(&many, 'a');
    }
    assert_int_equal(cookie(buf_str(&many), &value), ERR_INPUT);
    buf_free(&many);
}

static void two_cookies(void **state)
{
    const char *value;

    (void)state;
    assert_int_equal(cookie("__Host-countersign=a; __Host-countersign=b", &value), ERR_INPUT);
    assert_null(value);
    assert_int_equal(cookie("__Host-countersign=a; x=y; __Host-countersign=a", &value), ERR_INPUT);
    assert_null(value);
}

static void queries(void **state)
{
    static const char *const odd[] = {"&",      "=", "%",     "%zz",   "%%%",
                                      "&&&=&=", "?", "a=%00", "%u0041"};
    const char *value;

    (void)state;
    for (size_t i = 0; i < COUNT(odd); i++) {
        char uri[64];

        (void)snprintf(uri, sizeof(uri), "REQUEST_URI=/prod/x?%s", odd[i]);
        GIVEN(uri);
        assert_int_not_equal(request_query(&request, "code", &value), ERR_OK);
        assert_null(value);
    }
    GIVEN("REQUEST_URI=/prod/x?code=a%20b&state=1");
    assert_int_equal(request_query(&request, "code", &value), ERR_OK);
    assert_string_equal(value, "a b");
    GIVEN("REQUEST_URI=/prod/x?code=a&code=b");
    assert_int_equal(request_query(&request, "code", &value), ERR_INPUT);
    assert_null(value);
}

static enum err json_of(const char *type, const char *body)
{
    const json_t *json = NULL;
    char param[96];

    (void)snprintf(param, sizeof(param), "CONTENT_TYPE=%s", type);
    GIVEN("REQUEST_URI=/prod/x", param);
    request.body_len = strlen(body);
    request.body = strdup(body);
    return request_json(&request, &json);
}

static void json_bodies(void **state)
{
    (void)state;
    assert_int_equal(json_of("application/json", "{\"a\":1}"), ERR_OK);
    assert_int_equal(json_of("Application/JSON; charset=utf-8", "{}"), ERR_OK);
    assert_int_equal(json_of("application/json", ""), ERR_INPUT);
    assert_false(request.bad_media_type);
    assert_int_equal(json_of("application/json", "[]"), ERR_INPUT);
    assert_int_equal(json_of("application/json", "{\"a\":1,\"a\":2}"), ERR_INPUT);
    assert_int_equal(json_of("application/json", "{} x"), ERR_INPUT);
    assert_int_equal(json_of("text/plain", "{}"), ERR_INPUT);
    assert_true(request.bad_media_type);
    assert_int_equal(json_of("application/jsonx", "{}"), ERR_INPUT);
    assert_true(request.bad_media_type);
    assert_int_equal(json_of("application/x-www-form-urlencoded", "{}"), ERR_INPUT);
    assert_true(request.bad_media_type);
}

static void accepted_types(void **state)
{
    (void)state;
    GIVEN("REQUEST_URI=/prod/x", "HTTP_ACCEPT=text/html,application/json;q=0.9, */*;q=0.1");
    assert_true(request_accepts(&request, "text/html"));
    assert_true(request_accepts(&request, "application/json"));
    assert_false(request_accepts(&request, "text/event-stream"));
    GIVEN("REQUEST_URI=/prod/x", "HTTP_ACCEPT=text/html;q=0, text/event-stream;q=0.5");
    assert_false(request_accepts(&request, "text/html"));
    assert_true(request_accepts(&request, "text/event-stream"));
    GIVEN("REQUEST_URI=/prod/x", "HTTP_ACCEPT=text/htmlx");
    assert_false(request_accepts(&request, "text/html"));
    GIVEN("REQUEST_URI=/prod/x");
    assert_false(request_accepts(&request, "text/html"));
}

static void navigations(void **state)
{
    (void)state;
    GIVEN("REQUEST_URI=/prod/x", "HTTP_SEC_FETCH_MODE=navigate", "HTTP_ACCEPT=*/*");
    assert_true(request_is_navigation(&request));
    GIVEN("REQUEST_URI=/prod/x", "HTTP_SEC_FETCH_MODE=cors", "HTTP_ACCEPT=text/html");
    assert_false(request_is_navigation(&request));
    GIVEN("REQUEST_URI=/prod/x", "HTTP_ACCEPT=text/html,*/*");
    assert_true(request_is_navigation(&request));
    GIVEN("REQUEST_URI=/prod/x", "HTTP_ACCEPT=application/json");
    assert_false(request_is_navigation(&request));
}

static void urls(void **state)
{
    struct buf url = buf_make(256);

    (void)state;
    GIVEN("REQUEST_URI=/prod/x", "HTTP_HOST=evil.test", "SERVER_NAME=evil.test",
          "HTTP_X_FORWARDED_HOST=evil.test", "HTTP_FORWARDED=host=evil.test");
    assert_int_equal(request_public_url(&request, "/callback", &url), ERR_OK);
    assert_string_equal(buf_str(&url), "https://app.test/prod/callback");
    buf_free(&url);
}

static void proxy_headers(void **state)
{
    (void)state;
    /* A Proxy header arrives as HTTP_PROXY among the parameters; the environment stays as it is. */
    (void)unsetenv("HTTP_PROXY");
    GIVEN("REQUEST_URI=/prod/x", "HTTP_PROXY=http://evil.test/", "HTTP_X_FORWARDED_USER=alice",
          "REMOTE_USER=alice");
    assert_null(getenv("HTTP_PROXY"));
    assert_null(request_session(&request));
    assert_int_equal(request_load_session(&request), ERR_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"the path is REQUEST_URI's below BASE_PATH", paths, NULL, drop, NULL},
        {"the loopback mark comes from the server, never from a header", loopback_mark, NULL, drop,
         NULL},
        {"row 77: forged Forwarded and Host change no URL", urls, NULL, drop, NULL},
        {"row 11: a hostile Host does not reach our URLs", urls, NULL, drop, NULL},
        {"request ids are ours, and taken over on the loopback only", request_ids, NULL, drop,
         NULL},
        {"row 29: without entropy no request is served", no_entropy, NULL, drop, NULL},
        {"row 56: CONTENT_LENGTH absent, negative, huge or odd is refused", lengths, NULL, drop,
         NULL},
        {"row 57: an odd, empty, 64 KB or thousandfold Cookie header matches nothing", cookies,
         NULL, drop, NULL},
        {"row 76: two session cookies, none accepted", two_cookies, NULL, drop, NULL},
        {"row 58: queries of & = % %zz, and a doubled parameter", queries, NULL, drop, NULL},
        {"row 56: JSON needs its Content-Type and one strict object", json_bodies, NULL, drop,
         NULL},
        {"row 38: Accept names the type itself", accepted_types, NULL, drop, NULL},
        {"row 38: a navigation is told by Sec-Fetch-Mode, else by Accept", navigations, NULL, drop,
         NULL},
        {"row 55: Proxy and X_Forwarded_User have no effect", proxy_headers, NULL, drop, NULL},
    };

    return cmocka_run_group_tests_name("request", tests, open_world, close_world);
}
