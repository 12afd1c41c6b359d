/* web-rule 1: a path matches byte for byte or not at all. */
#include "web/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static enum err nothing(struct request *request, struct response *response)
{
    (void)request;
    (void)response;
    return ERR_OK;
}

static const struct route routes[] = {
    {GET, "/api/approvals", NEED_SESSION, nothing, 0},
    {GET, "/api/approvals/{id}", NEED_SESSION, nothing, 0},
    {POST, "/api/approvals/{id}/cancel", NEED_SESSION | NEED_CSRF, nothing, 0},
    {GET, "/logout", PAGE | WANT_SESSION, nothing, 0},
    {POST, "/logout", PAGE | NEED_CSRF, nothing, 4096},
    {POST, "/actions/okta", NEED_LOOPBACK, nothing, 65536},
};

static struct route_match match;

static enum route_result find(const char *method, const char *path)
{
    return route_find(routes, COUNT(routes), method, path, false, &match);
}

static void exact_paths(void **state)
{
    (void)state;
    assert_int_equal(find("GET", "/api/approvals"), ROUTE_FOUND);
    assert_ptr_equal(match.route, &routes[0]);
    assert_int_equal(find("GET", "/api/approvals/aZ09_-x"), ROUTE_FOUND);
    assert_ptr_equal(match.route, &routes[1]);
    assert_string_equal(match.param, "aZ09_-x");
    assert_int_equal(find("HEAD", "/api/approvals/q"), ROUTE_FOUND);
    assert_ptr_equal(match.route, &routes[1]);
    assert_int_equal(find("POST", "/api/approvals/q/cancel"), ROUTE_FOUND);
    assert_string_equal(match.param, "q");
}

static void other_spellings(void **state)
{
    static const char *const paths[] = {"/api/approvals/",
                                        "/api/approvalsx",
                                        "/api//approvals",
                                        "//api/approvals",
                                        "/api/./approvals",
                                        "/api/x/../approvals",
                                        "/api/approval%73",
                                        "/%61pi/approvals",
                                        "/api/approvals/a/cancel/",
                                        "/api/approvals//cancel",
                                        "/api/approvals/a.b",
                                        "/api/approvals/a%2fb",
                                        "/api/approvals/a/b",
                                        "/api/approvals/{id}",
                                        "/API/approvals",
                                        "/api/approvals;x",
                                        "/api/approvals#x",
                                        "api/approvals",
                                        "",
                                        "*",
                                        "/"};

    (void)state;
    for (size_t i = 0; i < COUNT(paths); i++) {
        if (find("GET", paths[i]) != ROUTE_NONE) {
            fail_msg("%s was taken", paths[i]);
        }
    }
    assert_int_equal(find("GET", NULL), ROUTE_NONE);
}

static void long_ids(void **state)
{
    char path[128] = "/api/approvals/";

    (void)state;
    memset(path + 15, 'a', 64);
    assert_int_equal(find("GET", path), ROUTE_FOUND);
    assert_int_equal(strlen(match.param), 64);
    path[15 + 64] = 'a';
    assert_int_equal(find("GET", path), ROUTE_NONE);
}

static void wrong_methods(void **state)
{
    (void)state;
    assert_int_equal(find("GET", "/api/approvals/q/cancel"), ROUTE_METHOD);
    assert_true(match.allow_post && !match.allow_get);
    assert_int_equal(find("POST", "/api/approvals"), ROUTE_METHOD);
    assert_true(match.allow_get && !match.allow_post);
    assert_int_equal(find("DELETE", "/logout"), ROUTE_METHOD);
    assert_true(match.allow_get && match.allow_post);
    assert_int_equal(find("HEAD", "/api/approvals/q/cancel"), ROUTE_METHOD);
    assert_int_equal(find("head", "/logout"), ROUTE_METHOD);
    assert_int_equal(find("get", "/logout"), ROUTE_METHOD);
    assert_int_equal(find("", "/logout"), ROUTE_METHOD);
    assert_int_equal(find(NULL, "/logout"), ROUTE_NONE);
}

static void loopback_routes(void **state)
{
    (void)state;
    assert_int_equal(find("POST", "/actions/okta"), ROUTE_NONE);
    assert_int_equal(route_find(routes, COUNT(routes), "POST", "/actions/okta", true, &match),
                     ROUTE_FOUND);
    assert_int_equal(route_find(routes, COUNT(routes), "GET", "/logout", true, &match), ROUTE_NONE);
}

static void base_path(void **state)
{
    (void)state;
    assert_string_equal(route_below("/prod/login", "/prod"), "/login");
    assert_string_equal(route_below("/login", ""), "/login");
    assert_null(route_below("/login", "/prod"));
    assert_null(route_below("/prod", "/prod"));
    assert_null(route_below("/production/login", "/prod"));
    assert_null(route_below("/Prod/login", "/prod"));
    assert_null(route_below("//prod/login", "/prod"));
    assert_null(route_below("http://x/prod/login", "/prod"));
    assert_null(route_below(NULL, ""));
}

static void described(void **state)
{
    struct buf out = buf_make(1024);

    (void)state;
    route_describe(&routes[2], &out);
    route_describe(&routes[5], &out);
    route_describe(&(struct route){GET, "/healthz", 0, nothing, 0}, &out);
    route_describe(&(struct route){POST, "/logout", CSRF_IF_SESSION, nothing, 9}, &out);
    assert_string_equal(buf_str(&out), "POST /api/approvals/{id}/cancel session,csrf 0\n"
                                       "POST /actions/okta loopback 65536\n"
                                       "GET /healthz - 0\n"
                                       "POST /logout csrf-if-session 9\n");
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"a path matches whole, {id} is one segment", exact_paths, NULL, NULL, NULL},
        {"encoded, doubled, dotted, longer or shorter paths match nothing", other_spellings, NULL,
         NULL, NULL},
        {"an id has at most 64 characters", long_ids, NULL, NULL, NULL},
        {"row 35: GET on a state-changing route is the wrong method", wrong_methods, NULL, NULL,
         NULL},
        {"loopback routes exist on the loopback listener only, and no others there",
         loopback_routes, NULL, NULL, NULL},
        {"BASE_PATH is stripped byte for byte", base_path, NULL, NULL, NULL},
        {"--routes tells the whole table", described, NULL, NULL, NULL},
    };

    return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
