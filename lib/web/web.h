/*
 * The program loop and what a handler sees.  A program is a table of routes and
 * their handlers; program_run does the rest: options, configuration, key rings,
 * store, HTTP client, threads, FastCGI, demands, logs, a clean stop.
 *
 * Security properties (cited below and in tests as web-rule N):
 *  1. A path matches byte for byte as sent (REQUEST_URI up to '?'), below
 *     BASE_PATH; anything encoded, doubled or dotted is 404.
 *  2. Demands are checked before the handler runs: method (405), body limit
 *     (413), session (401, or a redirect to /login for a navigation), CSRF (403).
 *  3. Every answer carries the headers of web/headers.h.
 *  4. A handler that returns an error leaves nothing of its answer: a standard
 *     JSON (or HTML, for a navigation) error goes out instead.
 */
#ifndef COUNTERSIGN_WEB_WEB_H
#define COUNTERSIGN_WEB_WEB_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/json.h"
#include "crypto/keyring.h"
#include "identity/session.h"
#include "net/http.h"
#include "store/record.h"

struct app { /* what a program holds; made by program_run, shared by its threads */
    const char *program;
    const struct config *config;
    struct keyring *keyring; /* NULL without kinds */
    struct store *store;     /* NULL unless PROGRAM_STORE */
    struct http *http;       /* NULL unless PROGRAM_HTTP */
    struct session_limits limits;
    bool one_at_a_time; /* under mod_fcgid: one request at a time, streams close when drained */
    void *state;        /* the program's own, set by start */
};

struct request;  /* opaque; valid during the handler */
struct response; /* opaque */

typedef enum err handler_fn(struct request *request, struct response *response);

enum method { GET, POST }; /* HEAD is answered by the route's GET, without the body */

enum demand {
    NEED_SESSION = 1 << 0,
    NEED_CSRF = 1 << 1,     /* X-CSRF-Token (or form field csrf_token) equal to the session's */
    WANT_SESSION = 1 << 2,  /* loaded when there is one; request_session may be NULL */
    NEED_LOOPBACK = 1 << 3, /* reached through the loopback listener only; no BASE_PATH before it */
    PAGE = 1 << 4,          /* a navigation: errors are HTML */
    /* WANT_SESSION, and when there is one NEED_CSRF: who is signed out has nothing to forge. */
    CSRF_IF_SESSION = 1 << 5
};

struct route {
    enum method method;
    const char *pattern; /* "/api/turns/{id}/events"; {id} is one segment of [A-Za-z0-9_-]{1,64} */
    unsigned demands;
    handler_fn *handler;
    size_t body_max; /* bytes; 0: no body is taken */
};

enum { PROGRAM_STORE = 1 << 0, PROGRAM_HTTP = 1 << 1 };

struct program {
    const char *name; /* "approvals" */
    unsigned opens;   /* PROGRAM_... */
    unsigned kinds;   /* KIND_BIT(...)s: the only key rings it opens */
    const enum config_name *needs;
    size_t need_count;
    const struct route *routes;
    size_t route_count;
    /*
     * Each may be NULL.  start runs once, before the first request.  At a stop:
     * stopping tells the program's own threads to end and frees nothing, for requests
     * and streams still use all there is; stop comes after the last of them has ended,
     * waits for the program's own threads and frees.  When something does not end
     * within 4.5 s of the signal, stop is not called or not waited for: the process
     * ends by _exit with its state unfreed.
     */
    enum err (*start)(struct app *app);
    void (*stopping)(struct app *app);
    void (*stop)(struct app *app);
};

/*
 * The whole of main(): `return program_run(&program, argc, argv);`.  Options:
 * --help, --routes (the table as lines "METHOD pattern demands body_max", for the
 * tests of the site files), --check (configuration only).  Exit codes: 0 (a stop by
 * signal too, during the start as well), 2 usage, 3 configuration, 1 anything else.  Threads:
 * COUNTERSIGN_THREADS (default 8), or one request at a time when COUNTERSIGN_SERVER=mod_fcgid.
 */
int program_run(const struct program *program, int argc, char **argv);

/* ---- request ---- */
struct app *request_app(const struct request *request);
msec request_now(const struct request *request); /* read once per request */
const char *request_id(const struct request *request);
const char *request_path_param(const struct request *request); /* the {id}; NULL when none */
const char *request_raw_query(const struct request *request);  /* "" when none */
/* ERR_NONE absent, ERR_INPUT malformed or doubled. Owned by the request. */
WARN_UNUSED enum err request_query(struct request *request, const char *name, const char **out);
/* "User-Agent". NULL when absent. Borrowed. */
const char *request_header(const struct request *request, const char *name);
/* ERR_NONE absent; ERR_INPUT when that name occurs twice (row 76) or the header is over 16 KiB. */
WARN_UNUSED enum err request_cookie(struct request *request, const char *name, const char **out);
const char *request_body(const struct request *request, size_t *len);
/* Body as one strict JSON object; needs Content-Type: application/json. Borrowed. ERR_INPUT. */
WARN_UNUSED enum err request_json(struct request *request, const json_t **out);
/* NULL unless NEED_SESSION, WANT_SESSION or CSRF_IF_SESSION found one. */
const struct session *request_session(const struct request *request);
bool request_accepts(const struct request *request, const char *media_type);
bool request_is_navigation(
    const struct request *request); /* Sec-Fetch-Mode, else Accept: text/html */
/* PUBLIC_URL and BASE_PATH before a local path. */
WARN_UNUSED enum err request_public_url(const struct request *request, const char *path,
                                        struct buf *out);

/* ---- response ---- */
void response_status(struct response *response, int status);
void response_header(struct response *response, const char *name, const char *value);
/* Steals value (NULL: memory, answers 503). */
enum err response_json(struct response *response, int status, json_t *value);
/* A whole page with our look around a title and a body of already escaped HTML. */
enum err response_page(struct response *response, int status, const char *title,
                       const char *html_body);
/* 303 after a POST, 302 else; no-store. */
enum err response_redirect(struct response *response, const char *url);
/* {"error":code,"message":message,"request_id":...}, or a page for a navigation. */
enum err response_error(struct response *response, int status, const char *code,
                        const char *message);
/* __Host- cookie: Path=/; Secure; HttpOnly; SameSite=Lax. max_age 0 removes it; -1: session cookie.
 */
void response_cookie(struct response *response, const char *name, const char *value, int max_age);

/* ---- event streams (Server-Sent Events, WHATWG HTML 9.2) ---- */
struct stream {
    /*
     * Append the frames that are ready now. Called in the watcher thread, never
     * concurrently for one stream; must not block on the network or on a person.
     * *done: nothing will ever follow.  An error ends the stream.
     */
    enum err (*next)(void *state, msec now, struct buf *out, bool *done);
    void (*free)(void *state);
    void *state;
};
#define STREAM_SECONDS 25
#define STREAM_HEARTBEAT_SECONDS 10
/*
 * Park the connection: the handler returns, no thread is held.  One watcher
 * thread per process calls next for every stream whenever the store changed, and
 * ends each by STREAM_SECONDS.  Under mod_fcgid next is called until it adds
 * nothing and the answer ends.  state is freed in every case.
 */
enum err response_stream(struct response *response, const struct stream *stream);
/* One SSE frame. data must hold no newline. */
void stream_frame(struct buf *out, uint64_t id, const char *event, const char *data);

#endif
