/*
 * What the files of lib/web share and no handler sees: the insides of a request
 * and a response, the matcher, the checks and the watcher of parked streams.
 */
#ifndef COUNTERSIGN_WEB_INTERNAL_H
#define COUNTERSIGN_WEB_INTERNAL_H

#include "web/web.h"

#include <fcgiapp.h>

#define REQUEST_ID_MAX 64
#define REQUEST_HEADERS_MAX ((size_t)48 * 1024) /* all parameters of a request together */
#define COOKIE_HEADER_MAX ((size_t)16 * 1024)
#define RESPONSE_HEADERS_MAX ((size_t)16 * 1024)
#define RESPONSE_BODY_MAX ((size_t)4 * 1024 * 1024)
#define PEER_TIMEOUT_SECONDS 10 /* one read from or write to the web server */

struct watcher;

struct owned { /* a string that lives as long as its request */
    struct owned *next;
    char text[];
};

struct request {
    struct app *app;
    struct watcher *watcher; /* NULL where nothing can be parked */
    char **envp;             /* FastCGI parameters; borrowed */
    msec now;
    char id[REQUEST_ID_MAX + 1];
    bool loopback;
    const struct route *route; /* NULL until matched */
    char *path;                /* below BASE_PATH; NULL when the request has none */
    const char *query;
    char param[65];
    char *body;
    size_t body_len;
    json_t *json;
    bool bad_media_type; /* request_json met another Content-Type: an ERR_INPUT is then a 415 */
    bool has_session;
    struct session session;
    struct owned *owned;
};

struct response {
    struct request *request; /* borrowed */
    int status;
    struct buf headers; /* complete lines, each ended by CR LF */
    struct buf body;
    bool failed; /* a header or body could not be made: answered as 500 */
    bool cache_set;
    bool has_stream;
    struct stream stream;
};

/* ---- request.c ---- */
const char *request_param(const struct request *request, const char *name); /* NULL when absent */
/* Everything but route, body and session. Later checks answer for what is odd. ERR_MEMORY/SYSTEM.
 */
enum err request_open(struct request *request, struct app *app, char **envp, msec now);
void request_close(struct request *request);
/* GET, or HEAD, which is answered by a route's GET. */
bool request_is_read(const struct request *request);
/* 0, or the status (411, 413, 400) with *code and *message of a refused CONTENT_LENGTH. */
int request_body_length(const struct request *request, size_t body_max, size_t *len,
                        const char **code, const char **message);
/* Content-Type is application/x-www-form-urlencoded. */
bool request_is_form(const struct request *request);
/* The session of the one session cookie. ERR_NONE when there is none, ERR_STORE. */
enum err request_load_session(struct request *request);
/* The value of the first cookie of that name; ERR_INPUT when there are two. */
enum err cookie_find(const char *header, const char *name, const char **value, size_t *len);

/* ---- route.c ---- */
enum route_result { ROUTE_FOUND, ROUTE_NONE, ROUTE_METHOD };
struct route_match {
    const struct route *route;
    char param[65];
    bool allow_get, allow_post; /* for ROUTE_METHOD */
};
/* Strips base; NULL unless path lies below it byte for byte. Borrowed from path. */
const char *route_below(const char *path, const char *base);
enum route_result route_find(const struct route *routes, size_t count, const char *method,
                             const char *path, bool loopback, struct route_match *match);
/* One line of --routes: "METHOD pattern demands body_max". */
void route_describe(const struct route *route, struct buf *out);

/* ---- csrf.c ---- */
/* ERR_OK or ERR_DENIED (web-rule 2, row 35). */
enum err csrf_check(struct request *request);

/* ---- response.c ---- */
void response_open(struct response *response, struct request *request);
void response_close(struct response *response);
/* Drop what the handler wrote (cookies too), for an answer in its place. */
void response_clear(struct response *response);
/* The standard answer to an error of a handler (web-rule 4). */
void response_from_err(struct response *response, enum err err);
/* Head with Status, headers and security headers. A stream has no Content-Length. */
enum err response_head(const struct response *response, struct buf *out);

/* False for HEAD: the same head, and then nothing (RFC 9110 section 9.3.2). */
bool response_has_body(const struct response *response);

/* ---- page.c ---- */
void page_add(struct buf *out, const char *base, const char *title, const char *html_body);

/* ---- serve.c ---- */
/*
 * Demands, handler, error mapping: everything between the parsed parameters and
 * the bytes of the answer.  read_body fills exactly len bytes or returns an error.
 */
typedef enum err read_body_fn(void *context, char *out, size_t len);
void serve(struct request *request, struct response *response, const struct route *routes,
           size_t count, read_body_fn *read_body, void *context);
void serve_log(const char *method, const char *pattern, int status, msec began, const char *note);

/* ---- stream.c ---- */
#define STREAMS_MAX 1000
enum err watcher_start(struct app *app, struct watcher **out);
/* Take one of the STREAMS_MAX places; ERR_LIMIT. Given back by unreserve or when the stream ends.
 */
enum err watcher_reserve(struct watcher *watcher);
void watcher_unreserve(struct watcher *watcher);
/* Takes over fcgx (heap) and stream. The head was sent. */
struct parked_info {
    char request_id[REQUEST_ID_MAX + 1];
    const char *method;
    const char *pattern;
    msec began; /* monotonic */
    bool has_session;
    uint8_t session_id[RECORD_ID_SIZE];
};
void watcher_park(struct watcher *watcher, FCGX_Request *fcgx, const struct stream *stream,
                  const struct parked_info *info);
/* Every stream ends with a comment frame, none begins, and this returns at once. NULL is legal. */
void watcher_end_streams(struct watcher *watcher);
/* After the workers have ended. NULL is legal. */
void watcher_free(struct watcher *watcher);
/* mod_fcgid: call next until it adds nothing, then the answer ends. Frees the stream. */
void stream_drain(FCGX_Request *fcgx, const struct stream *stream);

/* ---- stop.c: once a process, before any other thread ---- */
/* From here on SIGTERM, SIGINT and SIGUSR1 mean: end within 5 s. ERR_SYSTEM. */
enum err stop_listen(void);
bool stop_asked(void);
int stop_fd(void);      /* readable for good once a stop was asked for */
void stop_failed(void); /* this process cannot go on: a stop with exit code 1 */
int stop_code(void);    /* what the process exits with: 0, or 1 after stop_failed */

/* ---- loop.c ---- */
/* Serve on file descriptor 0 until a stop (stop_listen came before). Exit code. */
int loop_run(struct app *app, const struct program *program);
/* The request on an accepted connection, its input unread. NULL: broken, and connection closed. */
FCGX_Request *fcgi_begin(int connection);
/* Ends the answer, closes the connection, frees fcgx. NULL is legal. */
void fcgi_finish(FCGX_Request *fcgx);

#endif
