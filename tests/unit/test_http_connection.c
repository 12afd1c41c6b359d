/* The HTTP client: connections, kept, lost, bounded, and no write that goes out twice. */
#include "base/clock.h"
#include "http_fixture.h"

#include <pthread.h>
#include <unistd.h>

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

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST("http: not sent is told apart from unknown", not_sent_is_remote),
        TEST("http: connections are kept", connections_are_kept),
        TEST("row 47: a write is never sent twice, even on a stale connection",
             row47_a_write_is_never_sent_twice),
        TEST("http: a read may be sent again", a_read_may_be_sent_again),
        TEST("http: an act may have a connection of its own", acts_take_a_connection_of_their_own),
        TEST("http: a connection closed meanwhile costs a write nothing",
             a_connection_closed_meanwhile_costs_nothing),
        TEST("http: at most 16 at once, and waiting ends with the deadline", the_pool_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
