/*
 * The one HTTP client, and the only user of libcurl.  https only, except
 * loopback addresses where the caller opened the client so; no redirects are
 * followed; every call has a total deadline and a cap on the answer.  Handles
 * are pooled for their connections and share one certificate store, so a second
 * call to a host costs no handshake.  Thread-safe.
 *
 * What an error means is what matters to callers that act: ERR_REMOTE says the
 * request did not reach the peer (name, connect, TLS), ERR_UNKNOWN says it was
 * sent and no full answer came.
 */
#ifndef COUNTERSIGN_NET_HTTP_H
#define COUNTERSIGN_NET_HTTP_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/err.h"

struct http; /* opaque */

/* http is allowed to loopback addresses when ALLOW_HTTP_LOOPBACK=1, and always to ACTIONS_URL. */
WARN_UNUSED enum err http_open(const struct config *config, struct http **out);
void http_free(struct http *http);

#define HTTP_HEADERS_MAX 24

struct http_header {
    const char *name;
    const char *value; /* control characters in either: ERR_INPUT, nothing is sent */
};

struct http_request {
    const char *method; /* "GET", "POST", "PUT", "DELETE" */
    const char *url;    /* absolute; sent byte for byte (CURLOPT_PATH_AS_IS) */
    const struct http_header *headers;
    size_t header_count;
    const char *body; /* NULL: none; a POST without one sends Content-Length: 0 */
    size_t body_len;
    msec deadline;   /* total milliseconds for the whole call; 0 means 10 s */
    size_t body_max; /* cap of the answer in bytes; 0 means 1 MiB */
    /*
     * For an act that must not be repeated: not on a kept connection, which the
     * peer may just be closing.  The request would be lost there and its outcome
     * unknown for no reason; a handshake is the smaller price.
     */
    bool fresh_connection;
    /*
     * When set, the body of an answer with status 200 goes here piece by piece
     * as it comes instead of into the response; anything but ERR_OK stops the
     * transfer and is what http_call returns.
     */
    enum err (*on_data)(void *context, const char *bytes, size_t len);
    void *context;
};

struct http_response {
    long status;
    struct buf headers; /* raw header block of the final answer; read with http_response_header */
    struct buf body;
    char content_type[64]; /* media type only, lower case, "" when absent */
};

/*
 * Host, Content-Length, Transfer-Encoding, Connection and Expect are written
 * here and refused from callers.  A GET may be sent again by itself where a kept
 * connection died; nothing else ever is.
 *
 * ERR_OK whenever a complete answer came, whatever its status.  Otherwise the
 * response is empty: ERR_INPUT (URL, scheme or header refused), ERR_REMOTE,
 * ERR_UNKNOWN, ERR_LIMIT (answer over body_max, which was sent: treat as
 * unknown where it matters), or what on_data returned.
 */
WARN_UNUSED enum err http_call(struct http *http, const struct http_request *request,
                               struct http_response *response);
void http_response_free(struct http_response *response);

/* First value of a header, case-insensitive; NULL when absent. nth counts from 0 for repeats. */
const char *http_response_header(const struct http_response *response, const char *name,
                                 unsigned nth, struct buf *scratch);

/* Seconds of a Retry-After in delta form, within [0, 3600]; -1 when absent or a date. */
int http_retry_after(const struct http_response *response);

/*
 * ERR_OK when url is one http_call would accept: https (or http as above), a
 * plain host that is not link-local, no user information, no fragment.
 */
WARN_UNUSED enum err http_url_allowed(const struct http *http, const char *url);

/*
 * The Host header that http_call sends for url: the host in lower case, with the
 * port where it is not the scheme's own.  For signers, which cover it.
 */
WARN_UNUSED enum err http_host_header(const char *url, char *out, size_t size);

/* Same scheme, host and port. NULL equals nothing. */
bool http_same_origin(const char *a, const char *b);

#endif
