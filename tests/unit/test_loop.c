/* The loop in a process of its own, from its first signal to its exit code. */
#include "web_world.h"

#include "base/text.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static struct web_world world;
static char address_path[128];

static void pause_ms(long ms)
{
    const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

    (void)nanosleep(&pause, NULL);
}

/* ---- the program: its state is what the answers are made of ---- */

struct state {
    char word[16];
    bool told; /* stopping came */
};

static enum err start(struct app *app)
{
    struct state *state = calloc(1, sizeof(*state));

    if (state && text_copy(state->word, sizeof(state->word), "here") == ERR_OK) {
        app->state = state;
        return ERR_OK;
    }
    free(state);
    return ERR_MEMORY;
}

static void stopping(struct app *app)
{
    struct state *state = app->state;

    state->told = true;
}

static void stop(struct app *app)
{
    struct state *state = app->state;

    (void)memset(state->word, 'x', sizeof(state->word) - 1); /* seen without a sanitizer as well */
    free(state);
    app->state = NULL;
}

/* As a handler that waits for a slow remote party, and then uses what it was given at start. */
static enum err slow(struct request *request, struct response *response)
{
    const struct state *state = request_app(request)->state;

    pause_ms(1000);
    return response_json(response, 200,
                         json_pack("{s:s,s:b}", "word", state->word, "told", state->told));
}

static enum err silent(struct request *request, struct response *response)
{
    const struct state *state = request_app(request)->state;

    pause_ms(8000);
    return response_json(response, 200, json_pack("{s:s}", "word", state->word));
}

static enum err quiet(void *context, msec now, struct buf *out, bool *done)
{
    const struct app *app = context;
    const struct state *state = app->state;

    (void)now;
    *done = false;
    buf_adds(out, ": ");
    buf_adds(out, state->word);
    buf_adds(out, "\n\n");
    return ERR_OK;
}

/* A stream's end may look at the state too. */
static void quiet_end(void *context)
{
    const struct app *app = context;
    const struct state *state = app->state;

    if (!text_equal(state->word, "here")) {
        _exit(9);
    }
}

static enum err stream(struct request *request, struct response *response)
{
    const struct stream made = {.next = quiet, .free = quiet_end, .state = request_app(request)};

    return response_stream(response, &made);
}

static const struct route routes[] = {
    {GET, "/slow", 0, slow, 0},
    {GET, "/silent", 0, silent, 0},
    {GET, "/stream", 0, stream, 0},
};

static const struct program program = {.name = "test",
                                       .routes = routes,
                                       .route_count = COUNT(routes),
                                       .start = start,
                                       .stopping = stopping,
                                       .stop = stop};

/* ---- its process ---- */

static int listening(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)unlink(address_path);
    assert_int_equal(text_copy(address.sun_path, sizeof(address.sun_path), address_path), ERR_OK);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 16), 0);
    return fd;
}

/* The loop on fd as a process; with_store: over the world's database. */
static pid_t run(int fd, bool with_store)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        struct app app = {.program = "test", .config = world.config};

        /* A test that fails leaves nobody behind who holds the runner's pipe open. */
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (dup2(fd, 0) != 0 || stop_listen() != ERR_OK ||
            (with_store && store_open(world.config, NULL, &app.store) != ERR_OK)) {
            _exit(8);
        }
        _exit(loop_run(&app, &program));
    }
    (void)close(fd);
    return pid;
}

/* Exit code; -1 when a signal ended it. Fails when that took longer than limit. */
static int ended(pid_t pid, msec limit)
{
    const msec end = clock_monotonic() + limit;
    int status = 0;
    pid_t got = 0;

    while (got == 0 && clock_monotonic() < end) {
        got = waitpid(pid, &status, WNOHANG);
        if (got == 0) {
            pause_ms(5);
        }
    }
    if (got == 0) {
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, &status, 0);
        fail_msg("still there after %d ms", (int)limit);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void put_record(struct buf *out, int type, const char *bytes, size_t len)
{
    const char header[8] = {1, (char)type, 0, 1, (char)(len >> 8), (char)len, 0, 0};

    buf_add(out, header, sizeof(header));
    buf_add(out, bytes, len);
}

static void put_param(struct buf *out, const char *name, const char *value)
{
    buf_addc(out, (char)strlen(name));
    buf_addc(out, (char)strlen(value));
    buf_adds(out, name);
    buf_adds(out, value);
}

/* Sends one request and returns the connection. */
static int ask(const char *method, const char *uri)
{
    static const char begin[8] = {0, 1, 0, 0, 0, 0, 0, 0};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct buf params = buf_make(1024);
    struct buf bytes = buf_make(4096);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(text_copy(address.sun_path, sizeof(address.sun_path), address_path), ERR_OK);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    put_param(&params, "REQUEST_METHOD", method);
    put_param(&params, "REQUEST_URI", uri);
    put_record(&bytes, 1, begin, sizeof(begin));
    put_record(&bytes, 4, params.data, params.len);
    put_record(&bytes, 4, "", 0);
    put_record(&bytes, 5, "", 0);
    assert_int_equal(write(fd, bytes.data, bytes.len), (ssize_t)bytes.len);
    buf_free(&params);
    buf_free(&bytes);
    return fd;
}

/* All that comes until the connection closes. */
static void answer_of(int fd, struct buf *out)
{
    const struct timeval limit = {.tv_sec = 6};
    char piece[4096];
    ssize_t got;

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    while ((got = read(fd, piece, sizeof(piece))) > 0) {
        buf_add(out, piece, (size_t)got);
    }
    (void)close(fd);
}

static bool holds(const struct buf *buf, const char *text)
{
    return buf->len > 0 && memmem(buf->data, buf->len, text, strlen(text)) != NULL;
}

/* ---- the tests ---- */

static void state_outlives_requests(void **state)
{
    struct buf got = buf_make(65536);
    struct buf streamed = buf_make(65536);
    pid_t pid = run(listening(), false);
    int parked = ask("GET", "/stream");
    int slow_one = ask("GET", "/slow");

    (void)state;
    pause_ms(300);
    assert_int_equal(kill(pid, SIGTERM), 0);
    answer_of(slow_one, &got);
    answer_of(parked, &streamed);
    assert_true(holds(&got, "\"word\":\"here\""));
    assert_true(holds(&got, "\"told\":true")); /* stopping came first */
    assert_true(holds(&streamed, ": closing\n\n"));
    assert_int_equal(ended(pid, 3000), 0);
    buf_free(&got);
    buf_free(&streamed);
}

static void unfinished_is_left(void **state)
{
    pid_t pid = run(listening(), false);
    int fd = ask("GET", "/silent");
    msec began;

    (void)state;
    pause_ms(200);
    began = clock_monotonic();
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(ended(pid, 5000), 0);
    assert_true(clock_monotonic() - began > 4000);
    (void)close(fd);
}

static void cannot_accept(void **state)
{
    pid_t pid = run(socket(AF_UNIX, SOCK_STREAM, 0), false); /* one that does not listen */

    (void)state;
    assert_int_equal(ended(pid, 3000), 1);
}

static void head(void **state)
{
    struct buf got = buf_make(65536);
    pid_t pid = run(listening(), false);

    (void)state;
    answer_of(ask("HEAD", "/slow"), &got);
    assert_true(holds(&got, "Status: 200"));
    assert_true(holds(&got, "Content-Length: 28\r\n")); /* that of GET */
    assert_false(holds(&got, "word"));
    buf_reset(&got);
    answer_of(ask("HEAD", "/stream"), &got); /* ends by itself */
    assert_true(holds(&got, "text/event-stream"));
    assert_false(holds(&got, ": here"));
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(ended(pid, 1000), 0);
    buf_free(&got);
}

static sqlite3 *database(void)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(config_text(world.config, CFG_DATABASE), &db), SQLITE_OK);
    return db;
}

static int64_t rows(sqlite3 *db)
{
    sqlite3_stmt *statement = NULL;
    int64_t count;

    assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM record", -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    count = sqlite3_column_int64(statement, 0);
    (void)sqlite3_finalize(statement);
    return count;
}

/* What an unauthenticated flood of GET /login leaves, ten minutes later. */
static void expired_rows(sqlite3 *db, int count)
{
    char sql[512];

    (void)snprintf(sql, sizeof(sql),
                   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
                   "INSERT INTO record (key, kind, id, version, expires_at, due_at, hints, sealed) "
                   "SELECT i, 0, randomblob(32), 1, 1, 0, 0, x'00' FROM n",
                   count);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fail_msg("%s", sqlite3_errmsg(db));
    }
}

static void sweeps_until_done(void **state)
{
    sqlite3 *db = database();
    const int64_t before = rows(db);
    pid_t pid;

    (void)state;
    expired_rows(db, 6000);
    pid = run(listening(), true);
    for (int i = 0; i < 600 && rows(db) > before; i++) {
        pause_ms(10);
    }
    assert_int_equal(rows(db), before);
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(ended(pid, 1000), 0);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void lock_holds_no_stop(void **state)
{
    sqlite3 *db = database();
    pid_t pid;

    (void)state;
    expired_rows(db, 10);
    pid = run(listening(), true);
    pause_ms(300); /* it is open, and has not swept yet */
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    pause_ms(1200);
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(ended(pid, 500), 0);
    assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int open_world(void **state)
{
    (void)state;
    web_world_open(&world, "https://app.test", "", true);
    (void)snprintf(address_path, sizeof(address_path), "%s/socket", world.dir);
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
    const struct CMUnitTest tests[] = {
        {"a stop frees nothing that a request or stream still uses", state_outlives_requests, NULL,
         NULL, NULL},
        {"what does not end in time is left, its memory unfreed", unfinished_is_left, NULL, NULL,
         NULL},
        {"a process that cannot accept ends with 1", cannot_accept, NULL, NULL, NULL},
        {"HEAD is answered as GET, without the body", head, NULL, NULL, NULL},
        {"a full sweep is followed by the next at once", sweeps_until_done, NULL, NULL, NULL},
        {"another's write lock holds no stop up", lock_holds_no_stop, NULL, NULL, NULL},
    };

    return cmocka_run_group_tests_name("loop", tests, open_world, close_world);
}
