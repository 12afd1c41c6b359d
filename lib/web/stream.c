/*
 * Event streams that hold no thread.  One watcher thread owns every parked
 * connection of the process:
 *
 *   worker: head sent -> watcher_park -> list -> watcher: next -> frames -> end
 *
 * It asks the store for its change number about every 50 ms while there are
 * streams, and sleeps while there are none.  It never waits for a peer: frames are
 * framed here as FastCGI records (its section 6.2) and given to the socket as far
 * as it takes them at once, so much at each look; the rest stays with the stream,
 * which is asked for no more until it is gone.  libfcgi would wait for each 8 KiB.
 * A peer that takes nothing for a while is dropped.
 */
#include "base/log.h"
#include "web/internal.h"

#include <errno.h>
#include <fastcgi.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#define TICK_MS 50
#define ASK_ANYWAY_MS 1000 /* next is called this often even if the store shows no change */
#define CHECK_MS 2000      /* session and peer are looked at this often (row 75: within 5 s) */
#define STALLED_MS 1000    /* a peer that takes nothing for so long is dropped */
#define FINISH_MS 100      /* libfcgi's last bytes wait no longer */
#define LOOK_BYTES ((size_t)32 * 1024)         /* to one peer at one look */
#define FRAMES_MAX ((size_t)1024 * 1024)       /* of one call of next */
#define BACKLOG_MAX ((size_t)16 * 1024 * 1024) /* of all streams; above it none is asked */
#define RECORD_MAX ((size_t)32 * 1024)         /* content of one FastCGI record */
#define RECORD_HEAD 8
#define BACKLOG_OF_ONE (FRAMES_MAX + (FRAMES_MAX / RECORD_MAX + 2) * RECORD_HEAD)
#define DRAIN_ROUNDS 64

struct parked {
    struct parked *next;
    FCGX_Request *fcgx;
    struct stream stream;
    struct parked_info info;
    struct buf backlog;                    /* FastCGI records that the peer has yet to take */
    size_t sent;                           /* bytes of it that it took */
    const char *ending;                    /* ends so once the backlog is gone; NULL: goes on */
    msec written_at, asked_at, checked_at; /* monotonic; written_at: the peer took something */
    bool fresh;                            /* to be asked at the next look in any case */
};

struct watcher {
    struct app *app;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct parked *incoming; /* under lock */
    int reserved;            /* under lock */
    bool stopping;           /* under lock */
    struct parked *streams;  /* this and the rest are the watcher thread's own */
    size_t backlog;          /* of all streams, bytes */
    uint64_t change;
};

void stream_frame(struct buf *out, uint64_t id, const char *event, const char *data)
{
    buf_addf(out, "id: %" PRIu64 "\nevent: ", id);
    buf_adds(out, event);
    buf_adds(out, "\ndata: ");
    buf_adds(out, data);
    buf_adds(out, "\n\n");
}

static bool put(FCGX_Request *fcgx, const char *bytes, size_t len)
{
    return FCGX_PutStr(bytes, (int)len, fcgx->out) == (int)len && FCGX_FFlush(fcgx->out) == 0;
}

/* Frames become records of the answer's standard output. */
static enum err queue(struct watcher *watcher, struct parked *parked, const char *frames,
                      size_t len)
{
    const size_t before = parked->backlog.len;

    for (size_t at = 0; at < len; at += RECORD_MAX) {
        size_t part = len - at < RECORD_MAX ? len - at : RECORD_MAX;
        int id = parked->fcgx->requestId;
        const char head[RECORD_HEAD] = {
            1, FCGI_STDOUT, (char)(id >> 8), (char)id, (char)(part >> 8), (char)part, 0, 0};

        buf_add(&parked->backlog, head, sizeof(head));
        buf_add(&parked->backlog, frames + at, part);
    }
    watcher->backlog += parked->backlog.len - before;
    return buf_err(&parked->backlog);
}

/* Give the peer what it takes at once. False: it is gone. */
static bool hand_out(struct watcher *watcher, struct parked *parked, msec mono)
{
    size_t rest = parked->backlog.len - parked->sent;
    ssize_t took;

    if (rest == 0) {
        return true;
    }
    took = send(parked->fcgx->ipcFd, parked->backlog.data + parked->sent,
                rest < LOOK_BYTES ? rest : LOOK_BYTES, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (took < 0) {
        return (errno == EAGAIN || errno == EINTR) && mono - parked->written_at < STALLED_MS;
    }
    parked->written_at = mono;
    parked->sent += (size_t)took;
    if (parked->sent == parked->backlog.len) {
        watcher->backlog -= parked->backlog.len;
        buf_free(&parked->backlog);
        parked->backlog = buf_make_secret(BACKLOG_OF_ONE);
        parked->sent = 0;
    }
    return true;
}

static void finish(struct watcher *watcher, struct parked *parked, const char *last,
                   const char *note)
{
    log_set_request_id(parked->info.request_id);
    if (last && parked->backlog.len == 0 && queue(watcher, parked, last, strlen(last)) == ERR_OK) {
        (void)hand_out(watcher, parked, clock_monotonic());
    }
    if (parked->backlog.len > 0) {
        /* Half a record went out, or nobody reads: libfcgi's end of the answer would be read as
         * the rest of it, or wait.  The client asks again from the last frame that it has. */
        (void)shutdown(parked->fcgx->ipcFd, SHUT_RDWR);
        watcher->backlog -= parked->backlog.len;
    }
    buf_free(&parked->backlog);
    if (parked->stream.free) {
        parked->stream.free(parked->stream.state);
    }
    /* The input was read to its end, so closing at once loses nothing and nobody is waited for. */
    FCGX_Detach(parked->fcgx);
    fcgi_finish(parked->fcgx);
    serve_log(parked->info.method, parked->info.pattern, 200, parked->info.began, note);
    log_set_request_id(NULL);
    free(parked);
    watcher_unreserve(watcher);
}

/* Why the stream must end whatever it has to say; NULL when it may go on. */
static const char *must_end(const struct watcher *watcher, struct parked *parked, msec mono)
{
    struct pollfd peer = {.fd = parked->fcgx->ipcFd, .events = POLLIN | POLLRDHUP};

    if (mono - parked->info.began >= SECONDS(STREAM_SECONDS)) {
        return "stream ended by time";
    }
    if (mono - parked->checked_at < CHECK_MS) {
        return NULL;
    }
    parked->checked_at = mono;
    /* The request was read to its end: whatever comes now is an abort or a hang-up. */
    if (poll(&peer, 1, 0) > 0) {
        return "peer gone";
    }
    if (parked->info.has_session && record_exists(watcher->app->store, KIND_SESSION,
                                                  parked->info.session_id, clock_now()) != ERR_OK) {
        return "session ended";
    }
    return NULL;
}

/* Ask the stream for what is ready now, and queue it. */
static void ask(struct watcher *watcher, struct parked *parked, msec mono, struct buf *frames)
{
    bool done = false;
    enum err err;

    buf_reset(frames);
    parked->fresh = false;
    parked->asked_at = mono;
    log_set_request_id(parked->info.request_id);
    err = parked->stream.next(parked->stream.state, clock_now(), frames, &done);
    log_set_request_id(NULL);
    if (err == ERR_OK) {
        err = buf_err(frames);
    }
    if (err == ERR_OK && frames->len > 0) {
        parked->written_at = mono; /* its time to take it begins */
        err = queue(watcher, parked, frames->data, frames->len);
    }
    parked->ending = err != ERR_OK ? err_name(err) : done ? "stream done" : NULL;
}

/* One look at one stream. NULL while it goes on, else why it ended. */
static const char *tend(struct watcher *watcher, struct parked *parked, bool changed,
                        struct buf *frames)
{
    static const char heartbeat[] = ": hb\n\n";
    msec mono = clock_monotonic();
    const char *why = must_end(watcher, parked, mono);

    if (why) {
        return why;
    }
    parked->fresh |= changed;
    if (parked->backlog.len == 0 && !parked->ending && watcher->backlog < BACKLOG_MAX &&
        (parked->fresh || mono - parked->asked_at >= ASK_ANYWAY_MS)) {
        ask(watcher, parked, mono, frames);
    }
    if (parked->backlog.len == 0 && !parked->ending &&
        mono - parked->written_at >= SECONDS(STREAM_HEARTBEAT_SECONDS)) {
        parked->written_at = mono;
        if (queue(watcher, parked, heartbeat, sizeof(heartbeat) - 1) != ERR_OK) {
            return err_name(ERR_MEMORY);
        }
    }
    if (!hand_out(watcher, parked, mono)) {
        return "peer does not read";
    }
    return parked->backlog.len == 0 ? parked->ending : NULL;
}

/* The streams that came since the last look join the list. True when told to stop. */
static bool gather(struct watcher *watcher)
{
    struct parked *next;
    struct timespec until;
    bool stopping;

    (void)pthread_mutex_lock(&watcher->lock);
    if (watcher->streams) {
        if (!watcher->incoming && !watcher->stopping) {
            (void)clock_gettime(CLOCK_MONOTONIC, &until);
            until.tv_nsec += TICK_MS * 1000000L;
            until.tv_sec += until.tv_nsec / 1000000000L;
            until.tv_nsec %= 1000000000L;
            (void)pthread_cond_timedwait(&watcher->wake, &watcher->lock, &until);
        }
    } else {
        while (!watcher->incoming && !watcher->stopping) {
            (void)pthread_cond_wait(&watcher->wake, &watcher->lock);
        }
    }
    for (struct parked *parked = watcher->incoming; parked; parked = next) {
        next = parked->next;
        parked->next = watcher->streams;
        watcher->streams = parked;
    }
    watcher->incoming = NULL;
    stopping = watcher->stopping;
    (void)pthread_mutex_unlock(&watcher->lock);
    return stopping;
}

/* Asked before the rows are read, so that a write in between shows at the next look. */
static bool store_changed(struct watcher *watcher)
{
    uint64_t change = 0;

    if (!watcher->app->store || store_change_number(watcher->app->store, &change) != ERR_OK) {
        return true;
    }
    if (change == watcher->change) {
        return false;
    }
    watcher->change = change;
    return true;
}

static void *watch(void *context)
{
    struct watcher *watcher = context;
    struct buf frames = buf_make_secret(FRAMES_MAX);

    while (!gather(watcher)) {
        bool changed = store_changed(watcher);
        struct parked **link = &watcher->streams;

        while (*link) {
            struct parked *parked = *link;
            const char *why = tend(watcher, parked, changed, &frames);

            if (why) {
                *link = parked->next;
                finish(watcher, parked, NULL, why);
            } else {
                link = &parked->next;
            }
        }
    }
    while (watcher->streams) {
        struct parked *parked = watcher->streams;

        watcher->streams = parked->next;
        finish(watcher, parked, ": closing\n\n", "server stops");
    }
    buf_free(&frames);
    return NULL;
}

enum err watcher_start(struct app *app, struct watcher **out)
{
    struct watcher *watcher = calloc(1, sizeof(*watcher));
    pthread_condattr_t attributes;

    *out = NULL;
    if (!watcher) {
        return ERR_MEMORY;
    }
    watcher->app = app;
    (void)pthread_mutex_init(&watcher->lock, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&watcher->wake, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    if (pthread_create(&watcher->thread, NULL, watch, watcher) != 0) {
        free(watcher);
        return ERR_SYSTEM;
    }
    *out = watcher;
    return ERR_OK;
}

enum err watcher_reserve(struct watcher *watcher)
{
    enum err err = ERR_LIMIT;

    (void)pthread_mutex_lock(&watcher->lock);
    if (watcher->reserved < STREAMS_MAX && !watcher->stopping) {
        watcher->reserved++;
        err = ERR_OK;
    }
    (void)pthread_mutex_unlock(&watcher->lock);
    return err;
}

void watcher_unreserve(struct watcher *watcher)
{
    if (watcher) {
        (void)pthread_mutex_lock(&watcher->lock);
        watcher->reserved--;
        (void)pthread_mutex_unlock(&watcher->lock);
    }
}

void watcher_park(struct watcher *watcher, FCGX_Request *fcgx, const struct stream *stream,
                  const struct parked_info *info)
{
    struct parked *parked = calloc(1, sizeof(*parked));
    struct timeval limit = {.tv_usec = FINISH_MS * 1000L};

    if (!parked) {
        if (stream->free) {
            stream->free(stream->state);
        }
        fcgi_finish(fcgx);
        watcher_unreserve(watcher);
        return;
    }
    (void)setsockopt(fcgx->ipcFd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    *parked = (struct parked){.fcgx = fcgx,
                              .stream = *stream,
                              .info = *info,
                              .fresh = true,
                              .backlog = buf_make_secret(BACKLOG_OF_ONE)};
    parked->written_at = parked->asked_at = parked->checked_at = clock_monotonic();
    (void)pthread_mutex_lock(&watcher->lock);
    parked->next = watcher->incoming;
    watcher->incoming = parked;
    (void)pthread_cond_signal(&watcher->wake);
    (void)pthread_mutex_unlock(&watcher->lock);
}

void watcher_end_streams(struct watcher *watcher)
{
    if (watcher) {
        (void)pthread_mutex_lock(&watcher->lock);
        watcher->stopping = true;
        (void)pthread_cond_signal(&watcher->wake);
        (void)pthread_mutex_unlock(&watcher->lock);
    }
}

void watcher_free(struct watcher *watcher)
{
    struct parked *next;

    if (!watcher) {
        return;
    }
    watcher_end_streams(watcher);
    (void)pthread_join(watcher->thread, NULL);
    /* A worker that was between reserving and parking may have come too late for the thread. */
    for (struct parked *parked = watcher->incoming; parked; parked = next) {
        next = parked->next;
        finish(watcher, parked, ": closing\n\n", "server stops");
    }
    (void)pthread_cond_destroy(&watcher->wake);
    (void)pthread_mutex_destroy(&watcher->lock);
    free(watcher);
}

void stream_drain(FCGX_Request *fcgx, const struct stream *stream)
{
    struct buf frames = buf_make_secret(FRAMES_MAX);
    bool done = false;

    for (int round = 0; round < DRAIN_ROUNDS && !done; round++) {
        buf_reset(&frames);
        if (stream->next(stream->state, clock_now(), &frames, &done) != ERR_OK ||
            buf_err(&frames) != ERR_OK || frames.len == 0 || !put(fcgx, frames.data, frames.len)) {
            break;
        }
    }
    buf_free(&frames);
    if (stream->free) {
        stream->free(stream->state);
    }
}
