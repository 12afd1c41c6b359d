/* Answers: the headers on all of them, refusals in their forms, nothing injected. */
#include "web_world.h"

#include "base/text.h"
#include "web/headers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct web_world world;
static struct request request;
static struct response response;
static struct buf head;

static void open_as(const char *public_url, char **envp)
{
    web_world_open(&world, public_url, "/prod", false);
    assert_int_equal(request_open(&request, &world.app, envp, SECONDS(1000)), ERR_OK);
    response_open(&response, &request);
    head = buf_make(65536);
}
#define OPEN(...) open_as("https://app.test", (char *[]){"REQUEST_URI=/prod/x", __VA_ARGS__, NULL})

static int shut(void **state)
{
    (void)state;
    response_close(&response);
    request_close(&request);
    web_world_close(&world);
    buf_free(&head);
    return 0;
}

static const char *head_text(void)
{
    buf_reset(&head);
    assert_int_equal(response_head(&response, &head), ERR_OK);
    return buf_str(&head);
}

static size_t times(const char *text, const char *part)
{
    size_t count = 0;

    for (text = strstr(text, part); text; text = strstr(text + 1, part)) {
        count++;
    }
    return count;
}

static void every_answer(void **state)
{
    (void)state;
    OPEN("REQUEST_METHOD=GET");
    assert_int_equal(response_json(&response, 200, json_pack("{s:s}", "a", "b")), ERR_OK);
    assert_memory_equal(head_text(), "Status: 200 OK\r\n", 16);
    for (size_t i = 0; i < security_header_count; i++) {
        char line[512];

        (void)snprintf(line, sizeof(line), "\r\n%s: %s\r\n", security_headers[i].name,
                       security_headers[i].value);
        assert_int_equal(times(buf_str(&head), line), 1);
    }
    assert_int_equal(times(buf_str(&head), "\r\nCache-Control: no-store\r\n"), 1);
    assert_int_equal(times(buf_str(&head), "\r\nX-Request-Id: "), 1);
    assert_int_equal(times(buf_str(&head), "\r\nContent-Length: 9\r\n"), 1);
    assert_int_equal(times(buf_str(&head), "\r\nStrict-Transport-Security: "), 1);
    assert_int_equal(times(buf_str(&head), "unsafe"), 0);
    assert_non_null(strstr(buf_str(&head), "default-src 'none'"));
    assert_non_null(strstr(buf_str(&head), "frame-ancestors 'none'"));
    assert_string_equal(buf_str(&head) + head.len - 4, "\r\n\r\n");
}

static void plain_http(void **state)
{
    (void)state;
    open_as("http://localhost:8080", (char *[]){"REQUEST_URI=/prod/x", NULL});
    assert_null(strstr(head_text(), "Strict-Transport-Security"));
}

static void cookie_line(void **state)
{
    (void)state;
    OPEN("REQUEST_METHOD=GET");
    response_cookie(&response, SESSION_COOKIE, "abc", -1);
    response_cookie(&response, "__Host-login", "", 0);
    assert_int_equal(times(head_text(), "\r\nSet-Cookie: __Host-countersign=abc; Path=/; Secure; "
                                        "HttpOnly; SameSite=Lax\r\n"),
                     1);
    assert_int_equal(times(head_text(), "\r\nSet-Cookie: __Host-login=; Path=/; Secure; HttpOnly; "
                                        "SameSite=Lax; Max-Age=0\r\n"),
                     1);
    assert_int_equal(times(head_text(), "Domain="), 0);
    assert_false(response.failed);
}

static void bad_cookies(void **state)
{
    static const char *const values[] = {"a;b", "a b", "a\r\nSet-Cookie: x=y", "a,b", "\"", "\x7f"};

    (void)state;
    OPEN("REQUEST_METHOD=GET");
    for (size_t i = 0; i < COUNT(values); i++) {
        response.failed = false;
        response_cookie(&response, SESSION_COOKIE, values[i], -1);
        assert_true(response.failed);
    }
    response.failed = false;
    response_cookie(&response, "countersign", "a", -1);
    assert_true(response.failed);
    assert_null(strstr(head_text(), "Set-Cookie"));
}

static void injected_headers(void **state)
{
    static const char *const values[] = {"a\r\nX: y", "a\nX: y", "a\rX", "\x01", "\x7f"};

    (void)state;
    OPEN("REQUEST_METHOD=GET");
    for (size_t i = 0; i < COUNT(values); i++) {
        response.failed = false;
        response_header(&response, "X-Test", values[i]);
        assert_true(response.failed);
    }
    response.failed = false;
    response_header(&response, "X Test: y", "a");
    assert_true(response.failed);
    assert_null(strstr(head_text(), "Test"));
    assert_int_equal(response_redirect(&response, "/x\r\nSet-Cookie: a=b"), ERR_SYSTEM);
}

static void redirects(void **state)
{
    (void)state;
    OPEN("REQUEST_METHOD=POST");
    assert_int_equal(response_redirect(&response, "https://app.test/x"), ERR_OK);
    assert_memory_equal(head_text(), "Status: 303 See Other\r\n", 23);
    assert_int_equal(times(buf_str(&head), "\r\nLocation: https://app.test/x\r\n"), 1);
    assert_int_equal(times(buf_str(&head), "\r\nCache-Control: no-store\r\n"), 1);
}

static void redirect_of_get(void **state)
{
    (void)state;
    OPEN("REQUEST_METHOD=GET");
    assert_int_equal(response_redirect(&response, "/prod/"), ERR_OK);
    assert_memory_equal(head_text(), "Status: 302 Found\r\n", 19);
}

static void error_forms(void **state)
{
    json_t *json;

    (void)state;
    OPEN("REQUEST_METHOD=GET");
    response_from_err(&response, ERR_DENIED);
    assert_int_equal(response.status, 403);
    json = json_loads(buf_str(&response.body), 0, NULL);
    assert_string_equal(js_text(json, "error"), "denied");
    assert_string_equal(js_text(json, "request_id"), request.id);
    assert_non_null(js_text(json, "message"));
    assert_int_equal(json_object_size(json), 3);
    json_decref(json);
}

static void error_page_form(void **state)
{
    (void)state;
    OPEN("HTTP_SEC_FETCH_MODE=navigate");
    assert_int_equal(response_error(&response, 400, "bad", "<script>alert(1)</script>"), ERR_OK);
    assert_non_null(strstr(head_text(), "\r\nContent-Type: text/html; charset=utf-8\r\n"));
    assert_null(strstr(buf_str(&response.body), "<script"));
    assert_non_null(strstr(buf_str(&response.body), "&lt;script&gt;"));
    assert_non_null(strstr(buf_str(&response.body), "href=\"/prod/css/base.css\""));
}

static void statuses(void **state)
{
    static const struct {
        enum err err;
        int status;
    } table[] = {{ERR_INPUT, 400},   {ERR_AUTH, 401},     {ERR_DENIED, 403}, {ERR_FORGED, 403},
                 {ERR_NONE, 404},    {ERR_CONFLICT, 409}, {ERR_LIMIT, 429},  {ERR_REMOTE, 502},
                 {ERR_UNKNOWN, 504}, {ERR_STORE, 503},    {ERR_MEMORY, 503}, {ERR_CONFIG, 500},
                 {ERR_SYSTEM, 500}};

    (void)state;
    OPEN("REQUEST_METHOD=GET");
    for (size_t i = 0; i < COUNT(table); i++) {
        response_from_err(&response, table[i].err);
        assert_int_equal(response.status, table[i].status);
    }
    request.bad_media_type = true;
    response_from_err(&response, ERR_INPUT);
    assert_int_equal(response.status, 415);
}

static void nothing_left(void **state)
{
    (void)state;
    OPEN("REQUEST_METHOD=GET");
    response_cookie(&response, SESSION_COOKIE, "secret-token", -1);
    response_header(&response, "Location", "https://evil.test/");
    assert_int_equal(response_page(&response, 200, "t", "half an answer"), ERR_OK);
    response_from_err(&response, ERR_STORE);
    assert_null(strstr(head_text(), "secret-token"));
    assert_null(strstr(buf_str(&head), "evil"));
    assert_null(strstr(buf_str(&response.body), "half"));
    assert_int_equal(times(buf_str(&head), "\r\nContent-Type: "), 1);
}

static void frames(void **state)
{
    struct buf out = buf_make(256);

    (void)state;
    stream_frame(&out, 18446744073709551615U, "text", "{\"delta\":\"a\"}");
    assert_string_equal(buf_str(&out),
                        "id: 18446744073709551615\nevent: text\ndata: {\"delta\":\"a\"}\n\n");
    buf_free(&out);
    OPEN("REQUEST_METHOD=GET");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"every answer carries the security headers once", every_answer, NULL, shut, NULL},
        {"HSTS only where PUBLIC_URL is https", plain_http, NULL, shut, NULL},
        {"row 30: cookies are __Host-, Path=/, Secure, HttpOnly, Lax", cookie_line, NULL, shut,
         NULL},
        {"row 30: another name or an odd value makes no cookie", bad_cookies, NULL, shut, NULL},
        {"CR, LF and controls make no header", injected_headers, NULL, shut, NULL},
        {"row 12: after a POST 303, with Status and no-store", redirects, NULL, shut, NULL},
        {"row 12: after a GET 302", redirect_of_get, NULL, shut, NULL},
        {"an error is one short JSON object", error_forms, NULL, shut, NULL},
        {"row 8: an error page escapes what it is given", error_page_form, NULL, shut, NULL},
        {"each kind of error has its status", statuses, NULL, shut, NULL},
        {"an error leaves nothing of the handler's answer", nothing_left, NULL, shut, NULL},
        {"a frame has id, event and data", frames, NULL, shut, NULL},
    };

    return cmocka_run_group_tests_name("response", tests, NULL, NULL);
}
