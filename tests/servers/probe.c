/*
 * probe: a program with one route of each kind, which stands in chat's place in
 * the tests of the loop, so that they need neither agent nor sign-in.
 *
 *   POST /api/chat                 the body's length and the raw query, as JSON
 *   GET  /api/turns/{id}/events    a stream: one frame with the id, then silence
 *                                  ("quick": the frame and done)
 *   GET  /api/conversations        slow: answers after 1 s, or PROBE_SLOW_SECONDS
 *   POST /api/turns/{id}/cancel    needs a session and its CSRF token
 */
#include "base/text.h"
#include "web/web.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct silence {
    char id[65];
    bool told;
};

static enum err next(void *state, msec now, struct buf *out, bool *done)
{
    struct silence *silence = state;
    char data[128];

    (void)now;
    if (!silence->told) {
        (void)snprintf(data, sizeof(data), "{\"id\":\"%s\"}", silence->id);
        stream_frame(out, 1, "turn", data);
        silence->told = true;
    }
    *done = text_equal(silence->id, "quick");
    return ERR_OK;
}

static enum err events(struct request *request, struct response *response)
{
    struct silence *silence = calloc(1, sizeof(*silence));
    struct stream stream = {.next = next, .free = free, .state = silence};

    if (!silence || text_copy(silence->id, sizeof(silence->id), request_path_param(request))) {
        free(silence);
        return ERR_MEMORY;
    }
    return response_stream(response, &stream);
}

static enum err echo(struct request *request, struct response *response)
{
    size_t len = 0;
    enum err err = ERR_OK;
    json_t *body = json_object();

    (void)request_body(request, &len);
    js_set_int(body, "length", (json_int_t)len, &err);
    js_set_text(body, "query", request_raw_query(request), &err);
    js_set_bool(body, "navigation", request_is_navigation(request), &err);
    if (err != ERR_OK) {
        json_decref(body);
        return err;
    }
    return response_json(response, 200, body);
}

static enum err slow(struct request *request, struct response *response)
{
    const char *seconds = getenv("PROBE_SLOW_SECONDS");
    struct timespec pause = {.tv_sec = seconds ? strtol(seconds, NULL, 10) : 1};

    (void)nanosleep(&pause, NULL);
    return echo(request, response);
}

static const struct route routes[] = {
    {POST, "/api/chat", 0, echo, 65536},
    {GET, "/api/turns/{id}/events", 0, events, 0},
    {POST, "/api/turns/{id}/cancel", NEED_SESSION | NEED_CSRF, echo, 0},
    {GET, "/api/conversations", 0, slow, 0},
};

static const struct program program = {
    .name = "probe",
    .opens = PROGRAM_STORE,
    .kinds = KIND_BIT(KIND_SESSION) | KIND_BIT(KIND_OWNER),
    .routes = routes,
    .route_count = COUNT(routes),
};

/* `probe --listen PATH`: be its own spawner, so that a test has its exit code. */
static bool listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)unlink(path);
    return fd >= 0 && text_copy(address.sun_path, sizeof(address.sun_path), path) == ERR_OK &&
           bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
           listen(fd, 64) == 0 && dup2(fd, 0) == 0 && close(fd) == 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && text_equal(argv[1], "--listen")) {
        if (!listen_at(argv[2])) {
            return 1;
        }
        argc = 1;
    }
    return program_run(&program, argc, argv);
}
