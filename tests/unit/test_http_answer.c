/* The HTTP client: what it makes of answers, bad, endless, slow, cut off and streamed. */
#include "base/clock.h"
#include "http_fixture.h"

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

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST("row 27: HTML and 5xx are answers with their type and status", row27_statuses),
        TEST("row 27: silence, a close and a reset are unknown, in bounded time", row27_nothing),
        TEST("row 27: 10 MB meets the cap", row27_ten_megabytes),
        TEST("row 27: one byte a second meets the deadline", row27_slow),
        TEST("row 27: a reset or close in mid-body is no answer", row27_cut),
        TEST("row 27: headers without end meet their cap", row27_headers_without_end),
        TEST("http: interim answers and trailers give no headers",
             only_the_final_header_block_counts),
        TEST("http: a stream goes to its reader, is capped and can be stopped", streams),
        TEST("http: Retry-After", retry_after),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
