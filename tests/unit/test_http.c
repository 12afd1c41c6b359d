/* The HTTP client: what it refuses to ask, what it writes, and what it makes of bad answers. */
#include "base/clock.h"
#include "base/url.h"
#include "http_peer.h"
#include "net/http.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct peer *peer;
    struct config *config;
    struct http *http;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    setenv("ALLOW_HTTP_LOOPBACK", "1", 1);
    f->config = peer_config();
    if (http_open(f->config, &f->http) != ERR_OK) {
        return -1;
    }
    f->peer = peer_start(NULL);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    http_free(f->http);
    peer_stop(f->peer);
    config_free(f->config);
    free(f);
    return 0;
}

/* A second client under another configuration. */
static struct http *client_with(const char *name, const char *value)
{
    struct config *config;
    struct http *http = NULL;

    if (value != NULL) {
        setenv(name, value, 1);
    } else {
        unsetenv(name);
    }
    config = peer_config();
    assert_int_equal(http_open(config, &http), ERR_OK);
    config_free(config); /* the client keeps copies */
    return http;
}

static void assert_empty(const struct http_response *response)
{
    assert_int_equal(response->status, 0);
    assert_int_equal(response->headers.len, 0);
    assert_int_equal(response->body.len, 0);
    assert_string_equal(response->content_type, "");
}

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

static void row14_urls(void **state)
{
    struct fixture *f = *state;
    static const char *const refused[] = {
        "",
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "ftp://a.example/",
        "gopher://127.0.0.1:25/",
        "javascript:alert(1)",
        "//a.example/",
        "a.example",
        "https:/a.example",
        "https:a.example",
        "https://",
        "https:///path",
        "https://:443/",
        "https://?x",
        "http://a.example/",
        "http://10.0.0.1/",
        "http://192.168.1.1/",
        "http://128.0.0.1/",
        "http://localhost.example/",
        "http://127.0.0.1.example/",
        "http://[::2]/",
        "http://169.254.169.254/latest/meta-data/",
        "https://169.254.169.254/",
        "https://169.254.0.1:8443/",
        "https://[fe80::1]/",
        "https://[::ffff:169.254.169.254]/",
        "https://[::169.254.169.254]/",
        "https://0.0.0.0/",
        "https://[::]/",
        "https://0/",
        "https://2852039166/", /* 169.254.169.254 as one number */
        "https://0xa9fea9fe/",
        "https://169.254.43518/",
        "https://0251.0376.0251.0376/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "https://user@a.example/",
        "https://user:pass@a.example/",
        "https://a.example@127.0.0.1/",
        "https://a.example/#fragment",
        "https://a.example/ x",
        "https://a.example/\r\nX: y",
        "https://a.example/\tx",
        "https://a.example/\x7f",
        "https://a.example\\@b.example/",
        "https://b\320\276b.example/",
        "https://a.example:0/",
        "https://a.example:65536/",
        "https://a.example:/",
        "https://a.example:4x/",
        "https://a.example:-1/",
        "https://a..example/",
        "https://.example/",
        "https://a%2eexample/",
        "https://[::1/",
        "https://[::1]x/",
        "https://[fe80::1%25eth0]/",
        "https://[127.0.0.1]/",
        "https://[a.example]/",
        " https://a.example/",
    };
    static const char *const allowed[] = {
        "https://a.example",          "HTTPS://A.Example/",      "https://a.example:8443/x?y=z",
        "https://a.example?x=@",      "https://10.0.0.1/",       "https://xn--bcher-kva.example/",
        "https://[2001:db8::1]:443/", "http://127.0.0.1:9000/x", "http://127.255.255.254/",
        "http://localhost:9000",      "http://LOCALHOST/",       "http://[::1]:9000/",
        "https://127.0.0.1/",         "https://a.example/b%20c", "https://a_b.example/@:",
    };
    char *long_url = calloc(1, URL_MAX + 64);

    for (size_t i = 0; i < COUNT(refused); i++) {
        struct http_response response;
        if (http_url_allowed(f->http, refused[i]) != ERR_INPUT) {
            fail_msg("not refused: %s", refused[i]);
        }
        assert_int_equal(http_call(f->http,
                                   &(struct http_request){.method = "GET", .url = refused[i]},
                                   &response),
                         ERR_INPUT);
    }
    for (size_t i = 0; i < COUNT(allowed); i++) {
        if (http_url_allowed(f->http, allowed[i]) != ERR_OK) {
            fail_msg("refused: %s", allowed[i]);
        }
    }
    assert_int_equal(http_url_allowed(f->http, NULL), ERR_INPUT);
    memset(long_url, 'a', URL_MAX + 32);
    memcpy(long_url, "https://a.example/", 18);
    assert_int_equal(http_url_allowed(f->http, long_url), ERR_INPUT);
    long_url[URL_MAX] = '\0';
    assert_int_equal(http_url_allowed(f->http, long_url), ERR_OK);
    free(long_url);
}

static void row14_http_needs_the_flag(void **state)
{
    struct http *http;

    (void)state;
    setenv("ACTIONS_URL", "http://127.0.0.1:8081", 1);
    http = client_with("ALLOW_HTTP_LOOPBACK", "0");
    assert_int_equal(http_url_allowed(http, "http://127.0.0.1:9000/"), ERR_INPUT);
    assert_int_equal(http_url_allowed(http, "http://localhost:8081/"), ERR_INPUT);
    assert_int_equal(http_url_allowed(http, "http://127.0.0.1:8081/actions/okta"), ERR_OK);
    assert_int_equal(http_url_allowed(http, "http://127.0.0.1/actions/okta"), ERR_INPUT);
    http_free(http);
    setenv("ALLOW_HTTP_LOOPBACK", "1", 1);
}

static void row14_addresses(void **state)
{
    static const struct {
        const char *text;
        bool loopback;
        bool forbidden;
    } v4[] = {{"127.0.0.1", true, false},        {"127.255.0.1", true, false},
              {"128.0.0.1", false, false},       {"169.254.169.254", false, true},
              {"169.253.255.255", false, false}, {"0.0.0.0", false, true},
              {"10.0.0.1", false, false},        {"224.0.0.1", false, true},
              {"255.255.255.255", false, true}},
      v6[] = {{"::1", true, false},          {"fe80::1", false, true},
              {"::", false, true},           {"ff02::1", false, true},
              {"2001:db8::1", false, false}, {"::ffff:169.254.1.1", false, true}};

    (void)state;
    for (size_t i = 0; i < COUNT(v4); i++) {
        struct sockaddr_in in = {.sin_family = AF_INET};
        assert_int_equal(inet_pton(AF_INET, v4[i].text, &in.sin_addr), 1);
        assert_int_equal(address_is_loopback((struct sockaddr *)&in), v4[i].loopback);
        assert_int_equal(address_is_forbidden((struct sockaddr *)&in), v4[i].forbidden);
    }
    for (size_t i = 0; i < COUNT(v6); i++) {
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
        assert_int_equal(inet_pton(AF_INET6, v6[i].text, &in6.sin6_addr), 1);
        assert_int_equal(address_is_loopback((struct sockaddr *)&in6), v6[i].loopback);
        assert_int_equal(address_is_forbidden((struct sockaddr *)&in6), v6[i].forbidden);
    }
}

static void not_sent_is_remote(void **state)
{
    struct fixture *f = *state;
    struct http_response response;
    char url[64];

    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", peer_closed_port());
    assert_int_equal(
        http_call(f->http, &(struct http_request){.method = "POST", .url = url}, &response),
        ERR_REMOTE);
    assert_empty(&response);
    assert_int_equal(http_call(f->http,
                               &(struct http_request){.method = "POST",
                                                      .url = "https://no-such-host.invalid/",
                                                      .deadline = 1000},
                               &response),
                     ERR_REMOTE);
    /* A deadline that has passed before the call. */
    assert_int_equal(http_call(f->http,
                               &(struct http_request){
                                   .method = "POST", .url = peer_url(f->peer, "/"), .deadline = -5},
                               &response),
                     ERR_REMOTE);
    assert_int_equal(peer_requests(f->peer), 0);
}

/* One bad answer: the outcome, and that it took no longer than the deadline and a little. */
static void bad_answer(struct fixture *f, struct peer_answer answer, enum err expected)
{
    struct http_response response;
    msec start = clock_monotonic();
    enum err err;

    peer_add(f->peer, answer);
    err = http_call(f->http,
                    &(struct http_request){.method = "POST",
                                           .url = peer_url(f->peer, "/token"),
                                           .deadline = 1500,
                                           .body_max = 100000},
                    &response);
    assert_string_equal(err_name(err), err_name(expected));
    assert_empty(&response);
    assert_in_range(clock_monotonic() - start, 0, 2500);
}

static void row27_statuses(void **state)
{
    struct fixture *f = *state;
    struct http_response response;

    peer_say(f->peer, "200 OK", "Content-Type: text/html\r\n", "<html>no</html>");
    peer_say(f->peer, "503 Unavailable", "Retry-After: 7\r\n", "");
    assert_int_equal(
        http_call(f->http,
                  &(struct http_request){.method = "POST", .url = peer_url(f->peer, "/token")},
                  &response),
        ERR_OK);
    assert_string_equal(response.content_type, "text/html"); /* for the caller to refuse */
    http_response_free(&response);
    assert_int_equal(
        http_call(f->http,
                  &(struct http_request){.method = "POST", .url = peer_url(f->peer, "/token")},
                  &response),
        ERR_OK);
    assert_int_equal(response.status, 503);
    assert_int_equal(http_retry_after(&response), 7);
    http_response_free(&response);
}

static void row27_nothing(void **state)
{
    bad_answer(*state, (struct peer_answer){.how = PEER_SILENT}, ERR_UNKNOWN);
    bad_answer(*state, (struct peer_answer){.how = PEER_CLOSE}, ERR_UNKNOWN);
    bad_answer(*state, (struct peer_answer){.how = PEER_RESET}, ERR_UNKNOWN);
}

static void row27_ten_megabytes(void **state)
{
    bad_answer(*state,
               (struct peer_answer){.how = PEER_FILL,
                                    .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n",
                                    .fill = 10000000},
               ERR_LIMIT);
    bad_answer(*state,
               (struct peer_answer){
                   .how = PEER_FILL, .bytes = "HTTP/1.1 200 OK\r\n\r\n", .fill = 10000000},
               ERR_LIMIT);
    bad_answer(*state,
               (struct peer_answer){.how = PEER_FILL,
                                    .bytes = "HTTP/1.1 200 OK\r\n"
                                             "Content-Length: 99999999999999999999999\r\n\r\n",
                                    .fill = 10000000},
               ERR_LIMIT);
}

static void row27_slow(void **state)
{
    bad_answer(*state,
               (struct peer_answer){.how = PEER_SLOW,
                                    .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
                                    .interval_ms = 1000},
               ERR_UNKNOWN);
}

static void row27_cut(void **state)
{
    static const char *const heads[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"access_token\":\"x\"}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 2",
    };

    for (size_t i = 0; i < COUNT(heads); i++) {
        bad_answer(*state, (struct peer_answer){.how = PEER_RESET, .bytes = heads[i]}, ERR_UNKNOWN);
        bad_answer(*state, (struct peer_answer){.how = PEER_CLOSE, .bytes = heads[i]}, ERR_UNKNOWN);
    }
    bad_answer(*state, (struct peer_answer){.how = PEER_CLOSE, .bytes = "no HTTP at all\r\n\r\n"},
               ERR_UNKNOWN);
}

static void row27_headers_without_end(void **state)
{
    bad_answer(
        *state,
        (struct peer_answer){.how = PEER_FILL, .bytes = "HTTP/1.1 200 OK\r\nX: ", .fill = 10000000},
        ERR_UNKNOWN); /* one line over libcurl's own cap */
    struct buf many = buf_make(1 << 20);
    buf_adds(&many, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 4000; i++) {
        buf_addf(&many, "X-%d: aaaaaaaaaaaaaaaaaaaaaaaa\r\n", i);
    }
    bad_answer(*state, (struct peer_answer){.how = PEER_SILENT, .bytes = buf_str(&many)},
               ERR_LIMIT);
    buf_reset(&many);
    for (int i = 0; i < 4000; i++) {
        buf_adds(&many, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n");
    }
    bad_answer(*state, (struct peer_answer){.how = PEER_SILENT, .bytes = buf_str(&many)},
               ERR_LIMIT);
    buf_free(&many);
}

static void only_the_final_header_block_counts(void **state)
{
    struct fixture *f = *state;
    struct http_response response;
    struct buf scratch = buf_make(64);

    peer_add(f->peer,
             (struct peer_answer){.how = PEER_SEND,
                                  .bytes = "HTTP/1.1 103 Early Hints\r\nX-Id: early\r\n\r\n"
                                           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                           "2\r\nok\r\n0\r\nX-Id: trailer\r\n\r\n"});
    assert_int_equal(
        http_call(f->http, &(struct http_request){.method = "GET", .url = peer_url(f->peer, "/")},
                  &response),
        ERR_OK);
    assert_int_equal(response.status, 200);
    assert_string_equal(buf_str(&response.body), "ok");
    assert_null(http_response_header(&response, "X-Id", 0, &scratch));
    buf_free(&scratch);
    http_response_free(&response);
}

static enum err call(struct fixture *f, const char *method)
{
    struct http_response response;
    char url[64]; /* of this thread */
    enum err err;

    snprintf(url, sizeof(url), "http://127.0.0.1:%d/x", peer_port(f->peer));
    err = http_call(f->http, &(struct http_request){.method = method, .url = url, .deadline = 2000},
                    &response);
    if (err == ERR_OK && response.status != 200) {
        err = ERR_REMOTE;
    }
    http_response_free(&response);
    return err;
}

static void connections_are_kept(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 3; i++) {
        peer_say(f->peer, "200 OK", "", "a");
        assert_int_equal(call(f, i == 1 ? "POST" : "GET"), ERR_OK);
    }
    assert_int_equal(peer_connections(f->peer), 1);
}

static void row47_a_write_is_never_sent_twice(void **state)
{
    static const char *const writes[] = {"POST", "PUT", "DELETE"};
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT(writes); i++) {
        size_t before = peer_requests(f->peer);
        /* The peer takes the second request off a kept connection and dies without a word. */
        peer_say(f->peer, "200 OK", "", "");
        peer_add(f->peer, (struct peer_answer){.how = i == 0 ? PEER_CLOSE : PEER_RESET});
        assert_int_equal(call(f, "GET"), ERR_OK);
        assert_int_equal(call(f, writes[i]), ERR_UNKNOWN);
        assert_int_equal(peer_requests(f->peer), before + 2);
    }
}

static void a_read_may_be_sent_again(void **state)
{
    struct fixture *f = *state;

    peer_say(f->peer, "200 OK", "", "");
    peer_add(f->peer, (struct peer_answer){.how = PEER_CLOSE});
    peer_say(f->peer, "200 OK", "", "");
    assert_int_equal(call(f, "GET"), ERR_OK);
    assert_int_equal(call(f, "GET"), ERR_OK);
    assert_int_equal(peer_requests(f->peer), 3);
}

static void acts_take_a_connection_of_their_own(void **state)
{
    struct fixture *f = *state;
    struct http_response response;

    for (size_t i = 0; i < 3; i++) {
        peer_say(f->peer, "200 OK", "", "");
        assert_int_equal(http_call(f->http,
                                   &(struct http_request){.method = "POST",
                                                          .url = peer_url(f->peer, "/act"),
                                                          .fresh_connection = true},
                                   &response),
                         ERR_OK);
        http_response_free(&response);
        assert_int_equal(peer_connections(f->peer), i + 1);
    }
}

static void a_connection_closed_meanwhile_costs_nothing(void **state)
{
    struct fixture *f = *state;

    peer_add(f->peer,
             (struct peer_answer){.how = PEER_CLOSE,
                                  .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"});
    peer_say(f->peer, "200 OK", "", "");
    assert_int_equal(call(f, "GET"), ERR_OK);
    usleep(100000); /* the close arrives */
    assert_int_equal(call(f, "POST"), ERR_OK);
    assert_int_equal(peer_requests(f->peer), 2);
    assert_int_equal(peer_connections(f->peer), 2);
}

static void *slow_caller(void *data)
{
    return (void *)(intptr_t)call(data, "GET"); /* NOLINT: a number is what a thread returns */
}

static void the_pool_is_bounded(void **state)
{
    struct fixture *f = *state;
    struct http_response response;
    pthread_t threads[16];
    void *result;
    msec start;

    for (size_t i = 0; i < COUNT(threads); i++) {
        peer_add(f->peer,
                 (struct peer_answer){.how = PEER_SEND,
                                      .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                                      .delay_ms = 900});
    }
    for (size_t i = 0; i < COUNT(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, slow_caller, f), 0);
    }
    for (int i = 0; i < 60 && peer_requests(f->peer) < COUNT(threads); i++) {
        usleep(10000);
    }
    assert_int_equal(peer_requests(f->peer), COUNT(threads));
    start = clock_monotonic();
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", peer_port(f->peer));
    assert_int_equal(
        http_call(f->http, &(struct http_request){.method = "POST", .url = url, .deadline = 100},
                  &response),
        ERR_REMOTE);
    assert_in_range(clock_monotonic() - start, 90, 400);
    for (size_t i = 0; i < COUNT(threads); i++) {
        pthread_join(threads[i], &result);
        assert_int_equal((intptr_t)result, ERR_OK);
    }
    assert_int_equal(peer_requests(f->peer), COUNT(threads));
    /* And it is whole again. */
    peer_say(f->peer, "200 OK", "", "");
    assert_int_equal(call(f, "POST"), ERR_OK);
    assert_int_equal(peer_connections(f->peer), COUNT(threads));
}

struct sink {
    struct buf text;
    size_t pieces;
    enum err answer;
};

static enum err sink_data(void *context, const char *bytes, size_t len)
{
    struct sink *sink = context;

    sink->pieces++;
    buf_add(&sink->text, bytes, len);
    return sink->answer;
}

static enum err stream(struct fixture *f, struct sink *sink, size_t max,
                       struct http_response *response)
{
    return http_call(f->http,
                     &(struct http_request){.method = "POST",
                                            .url = peer_url(f->peer, "/x"),
                                            .deadline = 2000,
                                            .body_max = max,
                                            .on_data = sink_data,
                                            .context = sink},
                     response);
}

static void streams(void **state)
{
    struct fixture *f = *state;
    struct sink sink = {.text = buf_make(1000)};
    struct http_response response;

    peer_add(f->peer,
             (struct peer_answer){.how = PEER_SLOW,
                                  .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
                                  .interval_ms = 10});
    assert_int_equal(stream(f, &sink, 0, &response), ERR_OK);
    assert_string_equal(buf_str(&sink.text), "abc");
    assert_true(sink.pieces > 1);
    assert_int_equal(response.body.len, 0);
    http_response_free(&response);

    peer_say(f->peer, "403 Forbidden", "", "{\"message\":\"no\"}");
    sink.pieces = 0;
    assert_int_equal(stream(f, &sink, 0, &response), ERR_OK);
    assert_int_equal(sink.pieces, 0);
    assert_string_equal(buf_str(&response.body), "{\"message\":\"no\"}");
    http_response_free(&response);

    peer_say(f->peer, "200 OK", "", "abc");
    sink.answer = ERR_FORGED;
    assert_int_equal(stream(f, &sink, 0, &response), ERR_FORGED);
    assert_empty(&response);

    peer_add(f->peer, (struct peer_answer){
                          .how = PEER_FILL, .bytes = "HTTP/1.1 200 OK\r\n\r\n", .fill = 100000});
    sink.answer = ERR_OK;
    buf_reset(&sink.text);
    assert_int_equal(stream(f, &sink, 500, &response), ERR_LIMIT);
    assert_true(sink.text.len <= 500);
    buf_free(&sink.text);
}

static void proxies_of_the_environment_are_ignored(void **state)
{
    struct fixture *f = *state;
    char proxy[64];

    snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d", peer_closed_port());
    setenv("http_proxy", proxy, 1);
    setenv("HTTP_PROXY", proxy, 1);
    setenv("all_proxy", proxy, 1);
    peer_say(f->peer, "200 OK", "", "");
    assert_int_equal(call(f, "GET"), ERR_OK);
    unsetenv("http_proxy");
    unsetenv("HTTP_PROXY");
    unsetenv("all_proxy");
}

static void a_configured_proxy_is_used(void **state)
{
    struct fixture *f = *state;
    struct http *http;
    struct http_response response;

    http = client_with("HTTP_PROXY_URL", peer_url(f->peer, ""));
    unsetenv("HTTP_PROXY_URL");
    peer_say(f->peer, "403 Forbidden", "", "");
    assert_int_equal(http_call(http,
                               &(struct http_request){.method = "POST",
                                                      .url = "https://a.example/secret",
                                                      .deadline = 2000},
                               &response),
                     ERR_REMOTE); /* the tunnel was refused, so nothing was sent */
    assert_int_equal(peer_requests(f->peer), 1);
    assert_true(peer_request_has(f->peer, 0, "CONNECT a.example:443 HTTP/1.1"));
    assert_null(strstr(peer_request(f->peer, 0), "secret"));
    /* Loopback never goes through it. */
    peer_say(f->peer, "200 OK", "", "");
    assert_int_equal(
        http_call(http, &(struct http_request){.method = "GET", .url = peer_url(f->peer, "/near")},
                  &response),
        ERR_OK);
    assert_true(peer_request_has(f->peer, 1, "GET /near HTTP/1.1"));
    http_response_free(&response);
    http_free(http);
}

/* One POST to a TLS peer whose certificate is for san, trusted or not. */
static enum err tls_call(const char *san, bool trusted, size_t *requests)
{
    struct peer *peer = peer_start(san);
    struct http_response response;
    struct http *http;
    char path[] = "/tmp/countersign-test-XXXXXX";
    int fd = mkstemp(path);
    enum err err;

    assert_true(fd >= 0);
    close(fd);
    peer_write_certificate(peer, path);
    if (trusted) {
        setenv("SSL_CERT_FILE", path, 1);
    }
    http = client_with("ALLOW_HTTP_LOOPBACK", "1");
    peer_say(peer, "200 OK", "", "hello");
    peer_say(peer, "200 OK", "", "hello");
    err = http_call(
        http,
        &(struct http_request){.method = "POST", .url = peer_url(peer, "/"), .deadline = 3000},
        &response);
    if (err == ERR_OK) {
        assert_string_equal(buf_str(&response.body), "hello");
    }
    http_response_free(&response);
    *requests = peer_requests(peer);
    unsetenv("SSL_CERT_FILE");
    unlink(path);
    http_free(http);
    peer_stop(peer);
    return err;
}

static void certificates_are_checked(void **state)
{
    size_t requests = 0;

    (void)state;
    assert_int_equal(tls_call("IP:127.0.0.1", true, &requests), ERR_OK);
    assert_int_equal(requests, 1);
    assert_int_equal(tls_call("IP:127.0.0.1", false, &requests), ERR_REMOTE);
    assert_int_equal(requests, 0);
    assert_int_equal(tls_call("DNS:other.example", true, &requests), ERR_REMOTE);
    assert_int_equal(requests, 0);
}

static void tls_to_a_plain_peer_is_remote(void **state)
{
    struct fixture *f = *state;
    struct http_response response;
    char url[64];

    peer_say(f->peer, "200 OK", "", "");
    snprintf(url, sizeof(url), "https://127.0.0.1:%d/", peer_port(f->peer));
    assert_int_equal(
        http_call(f->http, &(struct http_request){.method = "POST", .url = url, .deadline = 500},
                  &response),
        ERR_REMOTE);
    assert_int_equal(peer_requests(f->peer), 0);
}

static void retry_after(void **state)
{
    static const struct {
        const char *line;
        int seconds;
    } cases[] = {{"Retry-After: 0\r\n", 0},
                 {"retry-after: 3600\r\n", 3600},
                 {"Retry-After: 3601\r\n", 3600},
                 {"Retry-After: 99999999999999999999\r\n", -1},
                 {"Retry-After: -1\r\n", -1},
                 {"Retry-After: 1.5\r\n", -1},
                 {"Retry-After:\r\n", -1},
                 {"", -1},
                 {"Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n", -1}};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct http_response response = {.headers = buf_make(1000)};
        buf_adds(&response.headers, "HTTP/1.1 429 Slow\r\n");
        buf_adds(&response.headers, cases[i].line);
        buf_adds(&response.headers, "\r\n");
        assert_int_equal(http_retry_after(&response), cases[i].seconds);
        http_response_free(&response);
    }
}

static void same_origin(void **state)
{
    (void)state;
    assert_true(http_same_origin("https://a.example/x", "https://A.EXAMPLE:443?y"));
    assert_true(http_same_origin("http://[::1]:90/", "http://[::1]:90"));
    assert_false(http_same_origin("https://a.example", "http://a.example"));
    assert_false(http_same_origin("https://a.example", "https://a.example:444"));
    assert_false(http_same_origin("https://a.example", "https://b.a.example"));
    assert_false(http_same_origin("https://a.example", "https://a.example@b.example"));
    assert_false(http_same_origin("https://a.example", "https://a.example.evil"));
    assert_false(http_same_origin(NULL, NULL));
    assert_false(http_same_origin("", ""));
}

#define TEST(name_, function_)                                                                     \
    {                                                                                              \
        .name = (name_), .test_func = (function_), .setup_func = set_up,                           \
        .teardown_func = tear_down                                                                 \
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
        TEST("row 14: file, link-local and plain http endpoints are refused", row14_urls),
        TEST("row 14: http to the loopback needs the flag, but for ACTIONS_URL",
             row14_http_needs_the_flag),
        TEST("row 14: the address connected to is judged, not its name", row14_addresses),
        TEST("http: not sent is told apart from unknown", not_sent_is_remote),
        TEST("row 27: HTML and 5xx are answers with their type and status", row27_statuses),
        TEST("row 27: silence, a close and a reset are unknown, in bounded time", row27_nothing),
        TEST("row 27: 10 MB meets the cap", row27_ten_megabytes),
        TEST("row 27: one byte a second meets the deadline", row27_slow),
        TEST("row 27: a reset or close in mid-body is no answer", row27_cut),
        TEST("row 27: headers without end meet their cap", row27_headers_without_end),
        TEST("http: interim answers and trailers give no headers",
             only_the_final_header_block_counts),
        TEST("http: connections are kept", connections_are_kept),
        TEST("row 47: a write is never sent twice, even on a stale connection",
             row47_a_write_is_never_sent_twice),
        TEST("http: a read may be sent again", a_read_may_be_sent_again),
        TEST("http: an act may have a connection of its own", acts_take_a_connection_of_their_own),
        TEST("http: a connection closed meanwhile costs a write nothing",
             a_connection_closed_meanwhile_costs_nothing),
        TEST("http: at most 16 at once, and waiting ends with the deadline", the_pool_is_bounded),
        TEST("http: a stream goes to its reader, is capped and can be stopped", streams),
        TEST("http: proxies of the environment are ignored",
             proxies_of_the_environment_are_ignored),
        TEST("http: a configured proxy is used, but not for the loopback",
             a_configured_proxy_is_used),
        TEST("http: certificates and names are checked", certificates_are_checked),
        TEST("http: TLS to a plain peer is not sent", tls_to_a_plain_peer_is_remote),
        TEST("http: Retry-After", retry_after),
        TEST("http: same origin", same_origin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
