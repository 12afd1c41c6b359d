/* web-rules 2 and 4: demands before the handler, in order, over a real store. */
#include "web_world.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct web_world world;
static int called;
static const char *sent_body = "";
static char cookie_param[128];
static char csrf_param[128];

static enum err handler(struct request *request, struct response *response)
{
    called++;
    return response_json(response, 200,
                         json_pack("{s:b}", "session", request_session(request) != NULL));
}

static enum err takes_json(struct request *request, struct response *response)
{
    const json_t *json = NULL;
    enum err err = request_json(request, &json);

    called++;
    response_cookie(response, SESSION_COOKIE, "leftover", -1);
    return err == ERR_OK ? response_json(response, 200, json_object()) : err;
}

static enum err oversized(struct request *request, struct response *response)
{
    (void)request;
    called++;
    for (int i = 0; i < 2000; i++) {
        response_header(response, "X-Filler", "0123456789");
    }
    return response_json(response, 200, json_object());
}

static const struct route routes[] = {
    {GET, "/open", 0, handler, 0},
    {GET, "/mine", NEED_SESSION, handler, 0},
    {POST, "/change", NEED_SESSION | NEED_CSRF, handler, 4096},
    {GET, "/either", WANT_SESSION, handler, 0},
    {GET, "/readyz", NEED_LOOPBACK, handler, 0},
    {POST, "/json", 0, takes_json, 64},
    {GET, "/oversized", 0, oversized, 0},
    {POST, "/page", PAGE | NEED_SESSION, handler, 0},
    {GET, "/leave", WANT_SESSION, handler, 0},
    {POST, "/leave", CSRF_IF_SESSION, handler, 4096},
};

/* Gives the bytes of sent_body, and refuses as the connection would when there are more or fewer.
 */
static enum err give_body(void *context, char *out, size_t len)
{
    (void)context;
    if (strlen(sent_body) != len) {
        return ERR_INPUT;
    }
    memcpy(out, sent_body, len);
    return ERR_OK;
}

static char answer_text[65536];
static char answer_body[8192];

static int ask(char **envp)
{
    struct request request;
    struct response response;
    struct buf head = buf_make(sizeof(answer_text));
    int status;

    called = 0;
    assert_int_equal(request_open(&request, &world.app, envp, clock_now()), ERR_OK);
    response_open(&response, &request);
    serve(&request, &response, routes, COUNT(routes), give_body, NULL);
    assert_int_equal(response_head(&response, &head), ERR_OK);
    (void)snprintf(answer_text, sizeof(answer_text), "%s", buf_str(&head));
    (void)snprintf(answer_body, sizeof(answer_body), "%s", buf_str(&response.body));
    status = response.status;
    buf_free(&head);
    response_close(&response);
    request_close(&request);
    return status;
}
#define ASK(method, uri, ...)                                                                      \
    ask((char *[]){"REQUEST_METHOD=" method, "REQUEST_URI=" uri, __VA_ARGS__, NULL})

static int open_world(void **state)
{
    (void)state;
    web_world_open(&world, "https://app.test", "/prod", true);
    (void)snprintf(cookie_param, sizeof(cookie_param), "HTTP_COOKIE=%s=%s", SESSION_COOKIE,
                   world.token);
    (void)snprintf(csrf_param, sizeof(csrf_param), "HTTP_X_CSRF_TOKEN=%s",
                   world.session.csrf_token);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    web_world_close(&world);
    return 0;
}

static void unknown(void **state)
{
    (void)state;
    assert_int_equal(ASK("GET", "/prod/nothing", "X=y"), 404);
    assert_int_equal(ASK("GET", "/open", "X=y"), 404);
    assert_int_equal(ASK("GET", "/prod/open/", "X=y"), 404);
    assert_int_equal(ASK("GET", "/prod/%6fpen", "X=y"), 404);
    assert_int_equal(ASK("GET", "/prod/readyz", "X=y"), 404);
    assert_int_equal(called, 0);
    assert_null(strstr(answer_body, "readyz"));
    assert_int_equal(ASK("GET", "/readyz", "COUNTERSIGN_LISTENER=loopback", "SERVER_PORT=8081",
                         "REMOTE_ADDR=127.0.0.1"),
                     200);
}

static void method(void **state)
{
    (void)state;
    assert_int_equal(ASK("GET", "/prod/change", cookie_param, csrf_param), 405);
    assert_int_equal(called, 0);
    assert_non_null(strstr(answer_text, "\r\nAllow: POST\r\n"));
    assert_int_equal(ASK("PUT", "/prod/open", "X=y"), 405);
    assert_non_null(strstr(answer_text, "\r\nAllow: GET, HEAD\r\n"));
    assert_int_equal(ASK("PUT", "/prod/leave", "X=y"), 405);
    assert_non_null(strstr(answer_text, "\r\nAllow: GET, HEAD, POST\r\n"));
    assert_int_equal(ASK("HEAD", "/prod/change", cookie_param, csrf_param), 405);
    assert_int_equal(called, 0);
}

static void body_limits(void **state)
{
    (void)state;
    sent_body = "{}";
    assert_int_equal(ASK("POST", "/prod/json", "CONTENT_LENGTH=65"), 413);
    assert_int_equal(ASK("POST", "/prod/json", "CONTENT_TYPE=application/json"), 411);
    assert_int_equal(ASK("POST", "/prod/json", "CONTENT_LENGTH=-2"), 400);
    assert_int_equal(ASK("POST", "/prod/json", "CONTENT_LENGTH=3"), 400);
    assert_int_equal(ASK("POST", "/prod/json", "CONTENT_LENGTH=1"), 400);
    assert_int_equal(called, 0);
    assert_int_equal(ASK("POST", "/prod/json", "CONTENT_LENGTH=2", "CONTENT_TYPE=application/json"),
                     200);
    assert_int_equal(ASK("POST", "/prod/json", "CONTENT_LENGTH=2", "CONTENT_TYPE=text/plain"), 415);
    assert_null(strstr(answer_text, "leftover"));
    sent_body = "";
    assert_int_equal(ASK("POST", "/prod/json", "CONTENT_LENGTH=0", "CONTENT_TYPE=application/json"),
                     400);
    sent_body = "{\"a\":1,\"a\":2}";
    assert_int_equal(
        ASK("POST", "/prod/json", "CONTENT_LENGTH=13", "CONTENT_TYPE=application/json"), 400);
    sent_body = "";
}

static void sessions(void **state)
{
    (void)state;
    assert_int_equal(ASK("GET", "/prod/mine", cookie_param), 200);
    assert_non_null(strstr(answer_body, "true"));
    assert_int_equal(ASK("GET", "/prod/either", cookie_param), 200);
    assert_non_null(strstr(answer_body, "true"));
    assert_int_equal(ASK("GET", "/prod/either", "X=y"), 200);
    assert_non_null(strstr(answer_body, "false"));
}

static void signed_out(void **state)
{
    (void)state;
    assert_int_equal(ASK("GET", "/prod/mine", "HTTP_ACCEPT=application/json"), 401);
    assert_non_null(strstr(answer_body, "\"signed_out\""));
    assert_int_equal(ASK("GET", "/prod/mine?code=secret", "HTTP_SEC_FETCH_MODE=navigate"), 302);
    assert_non_null(strstr(answer_text, "\r\nLocation: /prod/login?return_to=%2Fmine\r\n"));
    assert_int_equal(ASK("POST", "/prod/page", "HTTP_SEC_FETCH_MODE=navigate"), 401);
    assert_non_null(strstr(answer_text, "text/html"));
    assert_int_equal(called, 0);
}

static void planted_cookies(void **state)
{
    char two[256];

    (void)state;
    (void)snprintf(two, sizeof(two), "HTTP_COOKIE=%s=%s; %s=planted", SESSION_COOKIE, world.token,
                   SESSION_COOKIE);
    assert_int_equal(ASK("GET", "/prod/mine", two), 401);
    (void)snprintf(two, sizeof(two), "HTTP_COOKIE=%s=planted; %s=%s", SESSION_COOKIE,
                   SESSION_COOKIE, world.token);
    assert_int_equal(ASK("GET", "/prod/mine", two), 401);
    (void)snprintf(two, sizeof(two), "HTTP_COOKIE=%s=%s; %s=%s", SESSION_COOKIE, world.token,
                   SESSION_COOKIE, world.token);
    assert_int_equal(ASK("GET", "/prod/mine", two), 401);
    (void)snprintf(two, sizeof(two), "HTTP_COOKIE=countersign=%s", world.token);
    assert_int_equal(ASK("GET", "/prod/mine", two), 401);
    assert_int_equal(called, 0);
}

static void csrf(void **state)
{
    char other[128];

    (void)state;
    (void)snprintf(other, sizeof(other), "HTTP_X_CSRF_TOKEN=%s", world.token);
    assert_int_equal(ASK("POST", "/prod/change", cookie_param, "CONTENT_LENGTH=0", csrf_param),
                     200);
    assert_int_equal(ASK("POST", "/prod/change", cookie_param, "CONTENT_LENGTH=0"), 403);
    assert_int_equal(
        ASK("POST", "/prod/change", cookie_param, "CONTENT_LENGTH=0", "HTTP_X_CSRF_TOKEN="), 403);
    assert_int_equal(ASK("POST", "/prod/change", cookie_param, "CONTENT_LENGTH=0", other), 403);
    assert_int_equal(ASK("POST", "/prod/change", "CONTENT_LENGTH=0", csrf_param), 401);
    assert_int_equal(called, 0);
}

static void csrf_if_session(void **state)
{
    (void)state;
    /* Signed out: told so by the handler, whoever asks. */
    assert_int_equal(ASK("POST", "/prod/leave", "CONTENT_LENGTH=0"), 200);
    assert_non_null(strstr(answer_body, "false"));
    assert_int_equal(ASK("POST", "/prod/leave", cookie_param, "CONTENT_LENGTH=0", csrf_param), 200);
    assert_non_null(strstr(answer_body, "true"));
    assert_int_equal(ASK("POST", "/prod/leave", cookie_param, "CONTENT_LENGTH=0"), 403);
    assert_int_equal(called, 0);
    assert_int_equal(ASK("POST", "/prod/leave", cookie_param, "CONTENT_LENGTH=0", csrf_param,
                         "HTTP_SEC_FETCH_SITE=cross-site"),
                     403);
    assert_int_equal(called, 0);
}

static void read_only(void **state)
{
    (void)state;
    assert_int_equal(ASK("HEAD", "/prod/open", "X=y"), 200);
    assert_int_equal(called, 1);
    assert_non_null(strstr(answer_text, "\r\nContent-Length: 17\r\n"));
    assert_int_equal(ASK("HEAD", "/prod/mine", "HTTP_ACCEPT=application/json"), 401);
    assert_int_equal(ASK("HEAD", "/prod/mine", "HTTP_SEC_FETCH_MODE=navigate"), 302);
    assert_int_equal(ASK("HEAD", "/prod/nothing", "X=y"), 404);
    assert_int_equal(called, 0);
}

static void cross_site(void **state)
{
    (void)state;
    assert_int_equal(ASK("POST", "/prod/change", cookie_param, "CONTENT_LENGTH=0", csrf_param,
                         "HTTP_SEC_FETCH_SITE=cross-site"),
                     403);
    assert_int_equal(ASK("POST", "/prod/change", cookie_param, "CONTENT_LENGTH=0", csrf_param,
                         "HTTP_SEC_FETCH_SITE=same-site"),
                     403);
    assert_int_equal(called, 0);
    assert_int_equal(ASK("POST", "/prod/change", cookie_param, "CONTENT_LENGTH=0", csrf_param,
                         "HTTP_SEC_FETCH_SITE=same-origin"),
                     200);
}

static int post_form(const char *type, const char *fields)
{
    char length[64];
    char content_type[96];

    sent_body = fields;
    (void)snprintf(length, sizeof(length), "CONTENT_LENGTH=%zu", strlen(fields));
    (void)snprintf(content_type, sizeof(content_type), "CONTENT_TYPE=%s", type);
    return ASK("POST", "/prod/change", cookie_param, length, content_type);
}

static void csrf_field(void **state)
{
    char fields[256];

    (void)state;
    (void)snprintf(fields, sizeof(fields), "a=b&csrf_token=%s", world.session.csrf_token);
    assert_int_equal(post_form("application/x-www-form-urlencoded", fields), 200);
    assert_int_equal(post_form("text/plain", fields), 403);
    (void)snprintf(fields, sizeof(fields), "csrf_token=%s&csrf_token=%s", world.session.csrf_token,
                   world.session.csrf_token);
    assert_int_equal(post_form("application/x-www-form-urlencoded", fields), 403);
    assert_int_equal(post_form("application/x-www-form-urlencoded", "csrf_token="), 403);
    sent_body = "";
}

static void large_headers(void **state)
{
    struct buf param = buf_make(1 << 20);

    (void)state;
    buf_adds(&param, "HTTP_X_FILLER=");
    for (int i = 0; i < 50000; i++) {
        buf_addc(&param, 'a');
    }
    assert_int_equal(ASK("GET", "/prod/open", param.data), 431);
    assert_int_equal(called, 0);
    buf_free(&param);
}

static void broken_answer(void **state)
{
    (void)state;
    assert_int_equal(ASK("GET", "/prod/oversized", "X=y"), 500);
    assert_int_equal(called, 1);
    assert_null(strstr(answer_text, "Filler"));
}

static void ended(void **state)
{
    (void)state;
    assert_int_equal(session_end(world.app.store, world.session.id), ERR_OK);
    assert_int_equal(ASK("GET", "/prod/mine", cookie_param), 401);
    assert_int_equal(ASK("POST", "/prod/change", cookie_param, "CONTENT_LENGTH=0", csrf_param),
                     401);
    assert_int_equal(called, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"an unknown path is 404, a loopback route too", unknown, NULL, NULL, NULL},
        {"row 35: GET on a state-changing route is 405 with Allow", method, NULL, NULL, NULL},
        {"row 56: body limits and types are met before the handler", body_limits, NULL, NULL, NULL},
        {"a session is loaded where it is needed or wanted", sessions, NULL, NULL, NULL},
        {"row 38: signed out, callers get 401 JSON and browsers a redirect", signed_out, NULL, NULL,
         NULL},
        {"row 76: two session cookies, or one of another name, are no session", planted_cookies,
         NULL, NULL, NULL},
        {"row 35: without the session's CSRF token 403", csrf, NULL, NULL, NULL},
        {"row 35: where a session may be missing, one that is there wants its CSRF token",
         csrf_if_session, NULL, NULL, NULL},
        {"HEAD is GET to the demands and the handler", read_only, NULL, NULL, NULL},
        {"row 35: a cross-site request is refused even with the token", cross_site, NULL, NULL,
         NULL},
        {"row 35: the token as one form field of a form", csrf_field, NULL, NULL, NULL},
        {"row 57: a header over its bound is 431", large_headers, NULL, NULL, NULL},
        {"an answer that cannot be made is 500 and leaves nothing", broken_answer, NULL, NULL,
         NULL},
        {"row 33: after the session's end its cookie is worth nothing", ended, NULL, NULL, NULL},
    };

    return cmocka_run_group_tests_name("web_serve", tests, open_world, close_world);
}
