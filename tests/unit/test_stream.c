/* Parked streams over real FastCGI connections (socket pairs): nobody waits for anybody. */
#include "web_world.h"

#include "base/text.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static struct web_world world;
static struct watcher *watcher;
static atomic_int freed;

/* What a test's stream does: text once, then flood or silence, then an end. */
struct script {
    const char *text;
    bool done;
    bool flood;
    int once; /* KiB, each of its own byte */
    enum err err;
    int calls;
};

static enum err play(void *state, msec now, struct buf *out, bool *done)
{
    struct script *script = state;
    static const char filler[1024] = {'x'};

    (void)now;
    if (script->calls++ == 0 && script->text) {
        stream_frame(out, 1, "text", script->text);
    }
    for (int i = 0; script->flood && i < 500; i++) {
        buf_add(out, filler, sizeof(filler));
    }
    for (int i = 0; i < script->once; i++) {
        char kib[1024];

        (void)memset(kib, i & 0xff, sizeof(kib));
        buf_add(out, kib, sizeof(kib));
    }
    *done = script->done;
    return script->err;
}

static void release(void *state)
{
    free(state);
    atomic_fetch_add(&freed, 1);
}

static void put_record(struct buf *out, int type, const char *bytes, size_t len)
{
    const char header[8] = {1, (char)type, 0, 1, (char)(len >> 8), (char)len, 0, 0};

    buf_add(out, header, sizeof(header));
    buf_add(out, bytes, len);
}

/* FastCGI 1.0 section 6: begin, parameters, empty input. */
static FCGX_Request *connect_request(int *peer)
{
    static const char begin[8] = {0, 1, 0, 0, 0, 0, 0, 0};
    static const char params[] = "\x0e\x03REQUEST_METHODGET";
    struct buf bytes = buf_make(4096);
    int pair[2];
    FCGX_Request *fcgx;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    put_record(&bytes, 1, begin, sizeof(begin));
    put_record(&bytes, 4, params, sizeof(params) - 1);
    put_record(&bytes, 4, "", 0);
    put_record(&bytes, 5, "", 0);
    assert_int_equal(write(pair[1], bytes.data, bytes.len), (ssize_t)bytes.len);
    buf_free(&bytes);
    fcgx = fcgi_begin(pair[0]);
    assert_non_null(fcgx);
    assert_string_equal(FCGX_GetParam("REQUEST_METHOD", fcgx->envp), "GET");
    assert_int_equal(FCGX_GetChar(fcgx->in), -1);
    *peer = pair[1];
    return fcgx;
}

static int park(struct script from, const struct session *session)
{
    struct script *script = malloc(sizeof(*script));
    struct stream stream = {.next = play, .free = release, .state = script};
    struct parked_info info = {.request_id = "test", .method = "GET", .pattern = "/events"};
    int peer = -1;
    FCGX_Request *fcgx = connect_request(&peer);

    assert_non_null(script);
    *script = from;
    info.began = clock_monotonic();
    if (session) {
        info.has_session = true;
        memcpy(info.session_id, session->id, sizeof(info.session_id));
    }
    assert_int_equal(watcher_reserve(watcher), ERR_OK);
    watcher_park(watcher, fcgx, &stream, &info);
    return peer;
}

/* What arrives until the end, or until nothing came for `quiet` ms. *ended: the connection closed.
 */
static void read_all(int peer, long quiet, struct buf *out, bool *ended)
{
    struct timeval limit = {.tv_sec = quiet / 1000, .tv_usec = quiet % 1000 * 1000};
    char piece[8192];
    ssize_t got;

    (void)setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    while ((got = read(peer, piece, sizeof(piece))) > 0) {
        buf_add(out, piece, (size_t)got);
    }
    *ended = got == 0;
}

static bool holds(const struct buf *buf, const char *text)
{
    return buf->len > 0 && memmem(buf->data, buf->len, text, strlen(text)) != NULL;
}

static void wait_freed(int count, msec limit)
{
    const struct timespec pause = {.tv_nsec = 5000000};
    const msec end = clock_monotonic() + limit;

    while (atomic_load(&freed) < count && clock_monotonic() < end) {
        (void)nanosleep(&pause, NULL);
    }
    assert_int_equal(atomic_load(&freed), count);
}

static int open_watcher(void **state)
{
    (void)state;
    atomic_store(&freed, 0);
    assert_int_equal(watcher_start(&world.app, &watcher), ERR_OK);
    return 0;
}

static int close_watcher(void **state)
{
    (void)state;
    watcher_free(watcher);
    watcher = NULL;
    return 0;
}

static void frames_and_end(void **state)
{
    struct buf got = buf_make(65536);
    bool ended;
    int peer = park((struct script){.text = "{\"delta\":\"hello\"}", .done = true}, NULL);

    (void)state;
    read_all(peer, 2000, &got, &ended);
    assert_true(ended);
    assert_true(holds(&got, "id: 1\nevent: text\ndata: {\"delta\":\"hello\"}\n\n"));
    wait_freed(1, 1000);
    (void)close(peer);
    buf_free(&got);
}

static void goes_on(void **state)
{
    struct buf got = buf_make(65536);
    bool ended;
    int peer = park((struct script){.text = "x"}, NULL);

    (void)state;
    read_all(peer, 300, &got, &ended);
    assert_false(ended);
    assert_true(holds(&got, "data: x"));
    assert_int_equal(atomic_load(&freed), 0);
    watcher_end_streams(watcher);
    read_all(peer, 2000, &got, &ended);
    assert_true(ended);
    assert_true(holds(&got, ": closing\n\n"));
    wait_freed(1, 1000);
    assert_int_equal(watcher_reserve(watcher), ERR_LIMIT);
    (void)close(peer);
    buf_free(&got);
}

static void error_ends(void **state)
{
    struct buf got = buf_make(65536);
    bool ended;
    int peer = park((struct script){.text = "half", .err = ERR_STORE}, NULL);

    (void)state;
    read_all(peer, 2000, &got, &ended);
    assert_true(ended);
    assert_false(holds(&got, "half"));
    wait_freed(1, 1000);
    (void)close(peer);
    buf_free(&got);
}

static void slow_peer(void **state)
{
    struct buf got = buf_make(65536);
    bool ended;
    int stuck = park((struct script){.flood = true}, NULL);
    msec began = clock_monotonic();
    int peer = park((struct script){.text = "quick", .done = true}, NULL);

    (void)state;
    read_all(peer, 2000, &got, &ended);
    assert_true(ended);
    assert_true(holds(&got, "data: quick"));
    assert_true(clock_monotonic() - began < 600);
    wait_freed(2, 1500);
    (void)close(stuck);
    (void)close(peer);
    buf_free(&got);
}

/* The content of the FastCGI records of type STDOUT among bytes. */
static void unframe(const struct buf *bytes, struct buf *out)
{
    const unsigned char *data = (const unsigned char *)bytes->data;

    for (size_t at = 0; at + 8 <= bytes->len;) {
        size_t len = (size_t)data[at + 4] << 8 | data[at + 5];

        assert_int_equal(data[at], 1);
        assert_true(at + 8 + len + data[at + 6] <= bytes->len);
        if (data[at + 1] == 6) {
            buf_add(out, bytes->data + at + 8, len);
        }
        at += 8 + len + data[at + 6];
    }
}

/* A peer that takes 8 KiB every 90 ms of a backlog of 900 KiB: the others wait for none of it. */
static void sipping_peer(void **state)
{
    struct buf sipped = buf_make(4 * 1024 * 1024);
    struct buf content = buf_make(4 * 1024 * 1024);
    struct buf got = buf_make(65536);
    bool ended;
    int sipping = park((struct script){.once = 900, .done = true}, NULL);
    char piece[8192];
    int peer = -1;
    msec parked_at = 0;

    (void)state;
    for (int i = 0; i < 40 && got.len == 0; i++) {
        struct timespec pause = {.tv_nsec = 90 * 1000000L};
        ssize_t len = read(sipping, piece, sizeof(piece));

        assert_true(len > 0);
        buf_add(&sipped, piece, (size_t)len);
        if (i == 4) { /* what the kernel holds for the slow one is full by now */
            parked_at = clock_monotonic();
            peer = park((struct script){.text = "other", .done = true}, NULL);
        }
        (void)nanosleep(&pause, NULL);
        if (peer >= 0) {
            len = recv(peer, piece, sizeof(piece), MSG_DONTWAIT);
            if (len > 0) {
                buf_add(&got, piece, (size_t)len);
            }
        }
    }
    assert_true(clock_monotonic() - parked_at < 400);
    assert_true(holds(&got, "data: other"));
    /* Nor does the slow one lose anything, once it reads. */
    read_all(sipping, 1500, &sipped, &ended);
    assert_true(ended);
    unframe(&sipped, &content);
    assert_int_equal(content.len, 900 * 1024);
    for (size_t i = 0; i < content.len; i++) {
        assert_int_equal((unsigned char)content.data[i], (i / 1024) & 0xff);
    }
    wait_freed(2, 1000);
    (void)close(sipping);
    (void)close(peer);
    buf_free(&sipped);
    buf_free(&content);
    buf_free(&got);
}

static void gone_peer(void **state)
{
    (void)state;
    (void)close(park((struct script){.text = NULL}, NULL));
    wait_freed(1, 4000);
}

static void signed_out(void **state)
{
    struct buf got = buf_make(65536);
    bool ended;
    msec began = clock_monotonic();
    int peer = park((struct script){.text = "mine"}, &world.session);

    (void)state;
    read_all(peer, 2500, &got, &ended);
    assert_false(ended);
    assert_true(holds(&got, "mine"));
    began = clock_monotonic();
    assert_int_equal(session_end(world.app.store, world.session.id), ERR_OK);
    read_all(peer, 5000, &got, &ended);
    assert_true(ended);
    assert_true(clock_monotonic() - began < 5000);
    wait_freed(1, 1000);
    (void)close(peer);
    buf_free(&got);
}

static void places(void **state)
{
    (void)state;
    for (int i = 0; i < STREAMS_MAX; i++) {
        assert_int_equal(watcher_reserve(watcher), ERR_OK);
    }
    assert_int_equal(watcher_reserve(watcher), ERR_LIMIT);
    watcher_unreserve(watcher);
    assert_int_equal(watcher_reserve(watcher), ERR_OK);
}

static void refused_place(void **state)
{
    char *envp[] = {"REQUEST_URI=/x", "REQUEST_METHOD=GET", NULL};
    struct request request;
    struct response response;
    struct stream stream = {.next = play, .free = release, .state = calloc(1, 8)};

    (void)state;
    for (int i = 0; i < STREAMS_MAX; i++) {
        assert_int_equal(watcher_reserve(watcher), ERR_OK);
    }
    assert_int_equal(request_open(&request, &world.app, envp, 1), ERR_OK);
    request.watcher = watcher;
    response_open(&response, &request);
    assert_int_equal(response_stream(&response, &stream), ERR_LIMIT);
    assert_int_equal(atomic_load(&freed), 1);
    response_from_err(&response, ERR_LIMIT);
    assert_int_equal(response.status, 429);
    response_close(&response);
    request_close(&request);
}

static void drained(void **state)
{
    struct buf got = buf_make(65536);
    struct script *script = calloc(1, sizeof(*script));
    struct stream stream = {.next = play, .free = release, .state = script};
    bool ended;
    int peer = -1;
    FCGX_Request *fcgx = connect_request(&peer);

    (void)state;
    assert_non_null(script);
    script->text = "all there is";
    stream_drain(fcgx, &stream);
    assert_int_equal(atomic_load(&freed), 1);
    fcgi_finish(fcgx);
    read_all(peer, 1000, &got, &ended);
    assert_true(ended);
    assert_true(holds(&got, "data: all there is"));
    (void)close(peer);
    buf_free(&got);
}

static void broken_request(void **state)
{
    static const char *const openings[] = {"", "GET / HTTP/1.1\r\n\r\n", "\x01\x01"};

    (void)state;
    for (size_t i = 0; i < COUNT(openings); i++) {
        int pair[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        assert_int_equal(write(pair[1], openings[i], strlen(openings[i])),
                         (ssize_t)strlen(openings[i]));
        assert_int_equal(shutdown(pair[1], SHUT_WR), 0);
        assert_null(fcgi_begin(pair[0]));
        assert_int_equal(fcntl(pair[0], F_GETFD), -1);
        (void)close(pair[1]);
    }
}

static int open_world(void **state)
{
    (void)state;
    (void)setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "100", 1);
    assert_int_equal(FCGX_Init(), 0);
    web_world_open(&world, "https://app.test", "", true);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    web_world_close(&world);
    return 0;
}

int main(void)
{
#define WATCHED(name, test)                                                                        \
    {                                                                                              \
        name, test, open_watcher, close_watcher, NULL                                              \
    }
    const struct CMUnitTest tests[] = {
        WATCHED("a parked stream sends its frames and ends", frames_and_end),
        WATCHED("a silent stream stays, and ends at once when told to stop", goes_on),
        WATCHED("an error ends the stream and nothing half goes out", error_ends),
        WATCHED("a peer that does not read is dropped and delays nobody", slow_peer),
        WATCHED("a peer that reads slowly gets all of it and delays nobody", sipping_peer),
        WATCHED("a stream whose peer has gone is dropped", gone_peer),
        WATCHED("row 75: a stream ends within 5 s of its session's end", signed_out),
        WATCHED("there are 1000 places and no more", places),
        WATCHED("without a place the answer is 429 and the state is freed", refused_place),
        WATCHED("under mod_fcgid a stream is drained and ends", drained),
        {"a broken FastCGI request is closed and nothing waits", broken_request, NULL, NULL, NULL},
    };

    return cmocka_run_group_tests_name("stream", tests, open_world, close_world);
}
