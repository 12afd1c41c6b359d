/* The HTTP client: what it refuses to write, and that all else goes out as it was given. */
#include "http_fixture.h"

static void plain_call(void **state)
{
    struct fixture *f = *state;
    struct http_response response;
    struct buf scratch = buf_make(256);
    const struct http_header headers[] = {{"Authorization", "Bearer t"}, {"X-Empty", ""}};

    peer_say(f->peer, "201 Created",
             "Content-Type: Application/JSON; charset=utf-8\r\nLink: <a>\r\nlink:\t<b> \r\n",
             "{\"a\":1}");
    assert_int_equal(
        http_call(f->http,
                  &(struct http_request){.method = "GET",
                                         .url = peer_url(f->peer, "/a/../b//%2e?x=%2f&y"),
                                         .headers = headers,
                                         .header_count = 2},
                  &response),
        ERR_OK);
    assert_int_equal(response.status, 201);
    assert_string_equal(buf_str(&response.body), "{\"a\":1}");
    assert_string_equal(response.content_type, "application/json");
    assert_string_equal(http_response_header(&response, "LINK", 0, &scratch), "<a>");
    assert_string_equal(http_response_header(&response, "link", 1, &scratch), "<b>");
    assert_null(http_response_header(&response, "link", 2, &scratch));
    assert_null(http_response_header(&response, "lin", 0, &scratch));
    assert_true(peer_request_has(f->peer, 0, "GET /a/../b//%2e?x=%2f&y HTTP/1.1"));
    assert_true(peer_request_has(f->peer, 0, "Authorization: Bearer t"));
    assert_true(peer_request_has(f->peer, 0, "X-Empty:"));
    assert_true(peer_request_has(f->peer, 0, "User-Agent: countersign/1"));
    assert_null(strstr(peer_request(f->peer, 0), "Accept-Encoding"));
    assert_null(strstr(peer_request(f->peer, 0), "Content-"));
    buf_free(&scratch);
    http_response_free(&response);
    http_response_free(&response);
}

static void host_is_as_signed(void **state)
{
    struct fixture *f = *state;
    struct http_response response;
    char url[128];
    char host[128];
    char line[140];

    peer_say(f->peer, "200 OK", "", "");
    snprintf(url, sizeof(url), "http://LocalHost:%d/", peer_port(f->peer));
    assert_int_equal(
        http_call(f->http, &(struct http_request){.method = "GET", .url = url}, &response), ERR_OK);
    http_response_free(&response);
    assert_int_equal(http_host_header(url, host, sizeof(host)), ERR_OK);
    snprintf(line, sizeof(line), "Host: %s", host);
    assert_true(peer_request_has(f->peer, 0, line));
    assert_int_equal(http_host_header("https://A.example:443/x", host, sizeof(host)), ERR_OK);
    assert_string_equal(host, "a.example");
    assert_int_equal(http_host_header("http://[::1]:80", host, sizeof(host)), ERR_OK);
    assert_string_equal(host, "[::1]");
    assert_int_equal(http_host_header("http://a.example:443", host, sizeof(host)), ERR_OK);
    assert_string_equal(host, "a.example:443");
    assert_int_equal(http_host_header("http://a.example:443", host, 5), ERR_LIMIT);
}

static void bodies(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *method;
        const char *body;
        const char *length;
    } cases[] = {{"POST", NULL, "Content-Length: 0"},
                 {"POST", "a=b", "Content-Length: 3"},
                 {"PUT", NULL, "Content-Length: 0"},
                 {"PUT", "abcd", "Content-Length: 4"},
                 {"DELETE", NULL, NULL},
                 {"DELETE", "ab", "Content-Length: 2"}};
    static const struct http_header accept = {"Accept", "application/json"};

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct http_response response;
        char first[32];
        peer_say(f->peer, "200 OK", "", "");
        assert_int_equal(
            http_call(f->http,
                      &(struct http_request){.method = cases[i].method,
                                             .url = peer_url(f->peer, "/x"),
                                             .headers = &accept,
                                             .header_count = 1,
                                             .body = cases[i].body,
                                             .body_len =
                                                 cases[i].body == NULL ? 0 : strlen(cases[i].body)},
                      &response),
            ERR_OK);
        http_response_free(&response);
        snprintf(first, sizeof(first), "%s /x HTTP/1.1", cases[i].method);
        assert_true(peer_request_has(f->peer, i, first));
        if (cases[i].length != NULL) {
            assert_true(peer_request_has(f->peer, i, cases[i].length));
        } else {
            assert_null(strstr(peer_request(f->peer, i), "Content-Length"));
        }
        assert_null(strstr(peer_request(f->peer, i), "Content-Type"));
        assert_null(strstr(peer_request(f->peer, i), "Expect"));
        assert_string_equal(peer_request_body(f->peer, i),
                            cases[i].body == NULL ? "" : cases[i].body);
    }
}

static void no_expect_for_a_large_body(void **state)
{
    struct fixture *f = *state;
    struct http_response response;
    char *body = calloc(1, 60001);

    memset(body, 'b', 60000);
    peer_say(f->peer, "200 OK", "", "");
    assert_int_equal(http_call(f->http,
                               &(struct http_request){.method = "POST",
                                                      .url = peer_url(f->peer, "/x"),
                                                      .body = body,
                                                      .body_len = 60000},
                               &response),
                     ERR_OK);
    assert_int_equal(strlen(peer_request_body(f->peer, 0)), 60000);
    http_response_free(&response);
    free(body);
}

static void redirects_are_told_not_followed(void **state)
{
    struct fixture *f = *state;
    struct http_response response;

    peer_say(f->peer, "302 Found", "Location: /elsewhere\r\n", "");
    assert_int_equal(
        http_call(f->http,
                  &(struct http_request){.method = "GET", .url = peer_url(f->peer, "/here")},
                  &response),
        ERR_OK);
    assert_int_equal(response.status, 302);
    assert_int_equal(peer_requests(f->peer), 1);
    http_response_free(&response);
}

static void bad_headers_and_methods(void **state)
{
    struct fixture *f = *state;
    static const struct http_header bad[] = {
        {"X", "a\r\nY: b"},
        {"X", "a\nb"},
        {"X", "a\rb"},
        {"X\r\nY", "a"},
        {"X Y", "a"},
        {"X:", "a"},
        {"", "a"},
        {NULL, "a"},
        {"X", NULL},
        {"X", "\x01"},
        {"X", "\x7f"},
        {"Host", "other"},
        {"hOST", "other"},
        {"Content-Length", "5"},
        {"Transfer-Encoding", "chunked"},
    };
    struct http_header many[HTTP_HEADERS_MAX + 1];
    struct http_response response;

    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(http_call(f->http,
                                   &(struct http_request){.method = "GET",
                                                          .url = peer_url(f->peer, "/"),
                                                          .headers = &bad[i],
                                                          .header_count = 1},
                                   &response),
                         ERR_INPUT);
        assert_empty(&response);
    }
    for (size_t i = 0; i < COUNT(many); i++) {
        many[i] = (struct http_header){"X", "y"};
    }
    assert_int_equal(http_call(f->http,
                               &(struct http_request){.method = "GET",
                                                      .url = peer_url(f->peer, "/"),
                                                      .headers = many,
                                                      .header_count = COUNT(many)},
                               &response),
                     ERR_INPUT);
    static const char *const methods[] = {"get", "TRACE", "GET\r\nX: y", "", NULL, "CONNECT"};
    for (size_t i = 0; i < COUNT(methods); i++) {
        assert_int_equal(
            http_call(f->http,
                      &(struct http_request){.method = methods[i], .url = peer_url(f->peer, "/")},
                      &response),
            ERR_INPUT);
    }
    assert_int_equal(peer_connections(f->peer), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST("http: path and query are sent byte for byte, headers as given", plain_call),
        TEST("http: the Host header is the one that signers cover", host_is_as_signed),
        TEST("http: bodies and Content-Length: 0", bodies),
        TEST("http: a large body waits for no 100", no_expect_for_a_large_body),
        TEST("http: redirects are not followed", redirects_are_told_not_followed),
        TEST("http: headers with line breaks and odd methods send nothing",
             bad_headers_and_methods),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
