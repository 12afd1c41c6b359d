/*
 * The FastCGI loop: threads that each wait on the listening socket (file
 * descriptor 0, as the web server's spawner leaves it) and on an eventfd.
 *
 * The socket is non-blocking and each thread has an epoll of its own: with
 * several threads blocked in accept a signal would wake one and leave the others,
 * and the web server would leave orphans behind.  We accept ourselves, so that the
 * connection has its time limits before libfcgi reads the first byte from it; it
 * has none of its own, and a silent peer would hold the thread for good.
 */
#include "base/log.h"
#include "web/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define LISTEN_FD 0
#define THREADS_DEFAULT 8
#define THREADS_MAX 64
#define SWEEP_MS 60000 /* from a sweep that left nothing to the next */
#define SWEEP_FIRST_MS 1000
#define SWEEP_AGAIN_MS 100 /* there was more to take, or another process was writing */
#define SWEEP_ROWS 500
#define FILES_WANTED 4096 /* STREAMS_MAX connections and what the rest needs */

struct loop {
    struct app *app;
    const struct program *program;
    struct watcher *watcher;
};

void fcgi_finish(FCGX_Request *fcgx)
{
    if (fcgx) {
        FCGX_Finish_r(fcgx);
        /* A peer that asked to keep the connection is refused it: one request, one connection. */
        if (fcgx->ipcFd >= 0) {
            FCGX_Free(fcgx, 1);
        }
        free(fcgx);
    }
}

/* Reads exactly len bytes and sees that nothing follows. */
static enum err read_body(void *context, char *out, size_t len)
{
    FCGX_Request *fcgx = context;

    if (FCGX_GetStr(out, (int)len, fcgx->in) != (int)len || FCGX_GetChar(fcgx->in) != -1 ||
        FCGX_GetError(fcgx->in) != 0) {
        return ERR_INPUT;
    }
    return ERR_OK;
}

static bool send_answer(FCGX_Request *fcgx, const struct response *response)
{
    struct buf head = buf_make_secret(RESPONSE_HEADERS_MAX + 4096);
    bool sent = false;

    if (response_head(response, &head) == ERR_OK) {
        sent = FCGX_PutStr(head.data, (int)head.len, fcgx->out) == (int)head.len;
        if (sent && response->body.len > 0 && response_has_body(response)) {
            sent = FCGX_PutStr(response->body.data, (int)response->body.len, fcgx->out) ==
                   (int)response->body.len;
        }
        if (sent && response->has_stream && response_has_body(response)) {
            sent = FCGX_FFlush(fcgx->out) == 0;
        }
    }
    buf_free(&head);
    return sent;
}

/* True when the watcher took fcgx over. */
static bool hand_over(struct loop *loop, FCGX_Request *fcgx, struct request *request,
                      struct response *response, msec began)
{
    struct stream stream = response->stream;
    struct parked_info info = {.method = request->route->method == GET ? "GET" : "POST",
                               .pattern = request->route->pattern,
                               .began = began,
                               .has_session = request->has_session};

    response->has_stream = false;
    if (!loop->watcher) {
        stream_drain(fcgx, &stream);
        return false;
    }
    memcpy(info.request_id, request->id, sizeof(info.request_id));
    if (request->has_session) {
        memcpy(info.session_id, request->session.id, sizeof(info.session_id));
    }
    watcher_park(loop->watcher, fcgx, &stream, &info);
    return true;
}

/* One request. True when the watcher took fcgx over. */
static bool answer(struct loop *loop, FCGX_Request *fcgx)
{
    struct request request;
    struct response response;
    msec began = clock_monotonic();
    bool parked = false;
    bool sent;
    enum err err = request_open(&request, loop->app, fcgx->envp, clock_now());

    request.watcher = loop->watcher;
    log_set_request_id(request.id);
    response_open(&response, &request);
    if (err == ERR_OK) {
        serve(&request, &response, loop->program->routes, loop->program->route_count, read_body,
              fcgx);
    } else {
        response_from_err(&response, err);
    }
    sent = send_answer(fcgx, &response);
    if (sent && response.has_stream && response_has_body(&response)) {
        parked = hand_over(loop, fcgx, &request, &response, began);
    }
    if (!parked) {
        serve_log(request_param(&request, "REQUEST_METHOD"),
                  request.route ? request.route->pattern : "-", response.status, began,
                  sent ? NULL : "peer gone");
    }
    response_close(&response);
    request_close(&request);
    log_set_request_id(NULL);
    return parked;
}

/*
 * libfcgi is given the connection as one that it had kept: it then reads instead
 * of accepting.  With no listening socket to fall back to, a broken request makes
 * FCGX_Accept_r return, with the connection closed.
 */
FCGX_Request *fcgi_begin(int connection)
{
    struct timeval limit = {.tv_sec = PEER_TIMEOUT_SECONDS};
    FCGX_Request *fcgx = calloc(1, sizeof(*fcgx));

    if (!fcgx || FCGX_InitRequest(fcgx, -1, FCGI_FAIL_ACCEPT_ON_INTR) != 0) {
        free(fcgx);
        (void)close(connection);
        return NULL;
    }
    (void)setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    (void)setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    fcgx->ipcFd = connection;
    fcgx->keepConnection = 1;
    if (FCGX_Accept_r(fcgx) != 0) {
        fcgi_finish(fcgx);
        return NULL;
    }
    return fcgx;
}

static void serve_connection(struct loop *loop, int connection)
{
    FCGX_Request *fcgx = fcgi_begin(connection);

    if (fcgx && !answer(loop, fcgx)) {
        fcgi_finish(fcgx);
    }
}

static bool waits(int epoll_fd)
{
    struct epoll_event event;
    struct timespec pause = {.tv_nsec = 50000000L};

    switch (errno) {
    case EAGAIN:
        return epoll_wait(epoll_fd, &event, 1, -1) >= 0 || errno == EINTR;
    case EINTR:
    case ECONNABORTED:
        return true;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        (void)nanosleep(&pause, NULL);
        return true;
    default:
        return false;
    }
}

static int waiting_set(void)
{
    struct epoll_event connection = {.events = EPOLLIN | EPOLLEXCLUSIVE};
    struct epoll_event stop = {.events = EPOLLIN};
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

    if (epoll_fd >= 0 && (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, LISTEN_FD, &connection) != 0 ||
                          epoll_ctl(epoll_fd, EPOLL_CTL_ADD, stop_fd(), &stop) != 0)) {
        (void)close(epoll_fd);
        epoll_fd = -1;
    }
    return epoll_fd;
}

static void *work(void *context)
{
    struct loop *loop = context;
    int epoll_fd = waiting_set();
    bool going = epoll_fd >= 0;

    while (going && !stop_asked()) {
        int connection = accept4(LISTEN_FD, NULL, NULL, SOCK_CLOEXEC);

        if (connection >= 0) {
            serve_connection(loop, connection);
        } else {
            going = waits(epoll_fd);
        }
    }
    if (!going) {
        log_line(LOG_ERROR, "cannot accept", LOG_N("errno", errno));
        stop_failed(); /* the spawner starts another */
    }
    if (epoll_fd >= 0) {
        (void)close(epoll_fd);
    }
    return NULL;
}

/*
 * One sweep, and how long to wait before the next.  It never waits for another
 * process's write: a stop would wait with it.
 */
static int sweep(struct store *store)
{
    size_t removed = 0;
    enum err err = record_sweep(store, clock_now(), SWEEP_ROWS, &removed);

    if (err == ERR_CONFLICT || (err == ERR_OK && removed == SWEEP_ROWS)) {
        return SWEEP_AGAIN_MS;
    }
    if (err != ERR_OK) {
        log_line(LOG_WARN, "sweep failed", LOG_T("reason", err_name(err)));
    }
    return SWEEP_MS;
}

/* Idle moments are spent on removing what has expired. Returns when a stop is asked for. */
static void wait_for_stop(const struct loop *loop)
{
    struct pollfd stop = {.fd = stop_fd(), .events = POLLIN};
    int pause = loop->app->store ? SWEEP_FIRST_MS : -1;

    while (!stop_asked()) {
        int got = poll(&stop, 1, pause);

        if (got == 0) {
            pause = sweep(loop->app->store);
        } else if (got < 0 && errno != EINTR) {
            log_line(LOG_ERROR, "cannot wait for the stop", LOG_N("errno", errno));
            stop_failed();
            return;
        }
    }
}

static size_t thread_count(const struct app *app)
{
    const char *text = getenv("COUNTERSIGN_THREADS");
    char *end = NULL;
    long count = text ? strtol(text, &end, 10) : 0;

    if (app->one_at_a_time) {
        return 1;
    }
    return count >= 1 && count <= THREADS_MAX && *end == '\0' ? (size_t)count : THREADS_DEFAULT;
}

static bool prepare(void)
{
    struct rlimit files;
    int flags = fcntl(LISTEN_FD, F_GETFL);

    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < FILES_WANTED) {
        files.rlim_cur = files.rlim_max < FILES_WANTED ? files.rlim_max : FILES_WANTED;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    /* Else libfcgi waits 2 s at each close for a peer that has not closed its end. */
    if (setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "100", 1) != 0 || FCGX_Init() != 0) {
        return false;
    }
    return flags >= 0 && fcntl(LISTEN_FD, F_SETFL, flags | O_NONBLOCK) == 0;
}

/*
 * Nothing is freed before the last thread that may use it has ended.  Should one
 * not end in time, this never gets as far as the freeing: the listener of stop.c
 * ends the process first.
 */
static void stop_all(struct loop *loop, const pthread_t *threads, size_t count)
{
    watcher_end_streams(loop->watcher);
    if (loop->program->stopping) {
        loop->program->stopping(loop->app);
    }
    for (size_t i = 0; i < count; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    watcher_free(loop->watcher);
    loop->watcher = NULL;
    if (loop->program->stop) {
        loop->program->stop(loop->app);
    }
}

int loop_run(struct app *app, const struct program *program)
{
    struct loop loop = {.app = app, .program = program};
    pthread_t threads[THREADS_MAX];
    size_t wanted = thread_count(app);
    size_t count = 0;

    if (!prepare()) {
        log_line(LOG_ERROR, "cannot prepare the socket", LOG_N("errno", errno));
        return 1;
    }
    if (!app->one_at_a_time && watcher_start(app, &loop.watcher) != ERR_OK) {
        log_line(LOG_ERROR, "cannot start the watcher", LOG_N("errno", errno));
        return 1;
    }
    if (program->start && program->start(app) != ERR_OK) {
        log_line(LOG_ERROR, "the program could not start", LOG_T("program", program->name));
        watcher_free(loop.watcher);
        return 1;
    }
    while (count < wanted && pthread_create(&threads[count], NULL, work, &loop) == 0) {
        count++;
    }
    if (count > 0) {
        wait_for_stop(&loop);
    } else {
        log_line(LOG_ERROR, "cannot start a worker", LOG_N("errno", errno));
        stop_failed();
    }
    stop_all(&loop, threads, count);
    return stop_code();
}
