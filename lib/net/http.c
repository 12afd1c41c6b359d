#include "net/http.h"

#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"
#include "base/url.h"
#include "net/handle_pool.h"
#include "net/request.h"

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define DEADLINE_DEFAULT SECONDS(10)
#define CONNECT_MAX SECONDS(3)
#define BODY_MAX_DEFAULT ((size_t)1 << 20)
#define BLOCK_MAX ((size_t)64 * 1024) /* the header block of an answer */
/* Load balancers drop idle connections after 30 s and more; ours must be the shorter patience. */
#define IDLE_SECONDS 25L

struct http {
    struct handle_pool *pool;
    char *actions_url;
    char *proxy; /* "" for none */
    bool allow_loopback;
};

/* One call under way. */
struct transfer {
    const struct http *http;
    const struct http_request *request;
    struct http_response *response;
    CURL *easy;
    struct url url;
    size_t body_max;
    size_t received;     /* bytes of body */
    size_t header_bytes; /* over all header blocks, interim answers included */
    bool headers_done;   /* what follows the final block are trailers, which count for nothing */
    bool proxied;
    unsigned sends; /* how often a request was about to be written */
    enum err err;   /* why a callback stopped the transfer */
};

enum err http_open(const struct config *config, struct http **out)
{
    struct http *http = calloc(1, sizeof(*http));
    struct sigaction old;
    enum err err = ERR_MEMORY;

    *out = NULL;
    if (http == NULL) {
        return ERR_MEMORY;
    }
    http->allow_loopback = config_flag(config, CFG_ALLOW_HTTP_LOOPBACK);
    err = text_dup(config_text(config, CFG_ACTIONS_URL), &http->actions_url);
    if (err == ERR_OK) {
        err = text_dup(config_text(config, CFG_HTTP_PROXY_URL), &http->proxy);
    }
    if (err == ERR_OK && http->proxy[0] != '\0' && !text_starts(http->proxy, "http://") &&
        !text_starts(http->proxy, "https://")) {
        err = ERR_CONFIG;
    }
    if (err == ERR_OK) {
        err = handle_pool_new(&http->pool);
    }
    if (err != ERR_OK) {
        goto done;
    }
    /* libcurl guards SIGPIPE only where it may use signals, which threads forbid. */
    if (sigaction(SIGPIPE, NULL, &old) == 0 && old.sa_handler == SIG_DFL) {
        struct sigaction ignore = {.sa_handler = SIG_IGN};
        sigaction(SIGPIPE, &ignore, NULL);
    }
    *out = http;
    http = NULL;
done:
    http_free(http);
    return err;
}

void http_free(struct http *http)
{
    if (http == NULL) {
        return;
    }
    handle_pool_free(http->pool);
    free(http->actions_url);
    free_wiped(http->proxy);
    free(http);
}

static enum err url_allowed(const struct http *http, const char *text, struct url *url)
{
    if (url_split(text, url, NULL) != ERR_OK) {
        return ERR_INPUT;
    }
    if (url->https) {
        return ERR_OK;
    }
    if (!url->loopback || !(http->allow_loopback || http_same_origin(text, http->actions_url))) {
        return ERR_INPUT;
    }
    return ERR_OK;
}

enum err http_url_allowed(const struct http *http, const char *url)
{
    struct url parts;

    return url_allowed(http, url, &parts);
}

/* FNV-1a; it only steers a call to a handle that has a connection, so a collision costs nothing. */
static uint64_t origin_hash(const struct url *url)
{
    uint64_t hash = 14695981039346656037u ^ url->port ^ (url->https ? 65536u : 0u);

    for (const char *p = url->host; *p != '\0'; p++) {
        hash = (hash ^ (unsigned char)*p) * 1099511628211u;
    }
    return hash | 1;
}

/*
 * Called just before each writing of the request.  libcurl writes it a second
 * time by itself when a kept connection dies without an answer, be it a POST;
 * but the peer may have acted before it died, so only a GET may go twice.
 */
static int on_send(void *data, char *ip, char *local_ip, int port, int local_port)
{
    struct transfer *t = data;

    (void)ip;
    (void)local_ip;
    (void)port;
    (void)local_port;
    if (t->sends > 0 && strcmp(t->request->method, "GET") != 0) {
        return CURL_PREREQFUNC_ABORT;
    }
    t->sends++;
    return CURL_PREREQFUNC_OK;
}

/* The name was checked as written; this checks where it led. */
static curl_socket_t on_socket(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
    const struct transfer *t = data;

    (void)purpose;
    if (!t->proxied && (t->url.https ? address_is_forbidden(&address->addr)
                                     : !address_is_loopback(&address->addr))) {
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t on_header(char *bytes, size_t one, size_t len, void *data)
{
    struct transfer *t = data;

    (void)one;
    if (len > BLOCK_MAX - t->header_bytes) {
        t->err = ERR_LIMIT;
        return 0;
    }
    t->header_bytes += len;
    if (t->headers_done) {
        return len;
    }
    if (len > 5 && memcmp(bytes, "HTTP/", 5) == 0) {
        buf_reset(&t->response->headers);
    }
    buf_add(&t->response->headers, bytes, len);
    if (len <= 2 && (bytes[0] == '\r' || bytes[0] == '\n')) {
        long status = 0;
        curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
        t->headers_done = status >= 200;
    }
    t->err = buf_err(&t->response->headers);
    return t->err == ERR_OK ? len : 0;
}

static size_t on_body(char *bytes, size_t one, size_t len, void *data)
{
    struct transfer *t = data;
    long status = 0;

    (void)one;
    if (len > t->body_max - t->received) {
        t->err = ERR_LIMIT;
        return 0;
    }
    t->received += len;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    if (t->request->on_data != NULL && status == 200) {
        t->err = t->request->on_data(t->request->context, bytes, len);
    } else {
        buf_add(&t->response->body, bytes, len);
        t->err = buf_err(&t->response->body);
    }
    return t->err == ERR_OK ? len : 0;
}

#define SET(option, value)                                                                         \
    do {                                                                                           \
        CURLcode set_code_ = curl_easy_setopt(easy, option, value);                                \
        if (set_code_ != CURLE_OK)                                                                 \
            return set_code_;                                                                      \
    } while (0)

/* An option that libcurl refuses fails the call: a limit that is not set is not one. */
static CURLcode set_options(struct transfer *t, struct curl_slist *list, msec left)
{
    CURL *easy = t->easy;

    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L); /* a hanging name server must not outlast the deadline */
    SET(CURLOPT_URL, t->request->url);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_PROTOCOLS_STR, t->url.https ? "https" : "http");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_PROXY, t->proxied ? t->http->proxy : "");
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_USERAGENT, "countersign/1");
    SET(CURLOPT_HTTPHEADER, list);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_CAINFO, NULL);
    SET(CURLOPT_CAPATH, NULL);
    SET(CURLOPT_SSL_CTX_FUNCTION, handle_pool_trust);
    SET(CURLOPT_SSL_CTX_DATA, t->http->pool);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(left < CONNECT_MAX ? left : CONNECT_MAX));
    SET(CURLOPT_TIMEOUT_MS, (long)left);
    SET(CURLOPT_MAXAGE_CONN, IDLE_SECONDS);
    SET(CURLOPT_MAXCONNECTS, 4L);
    SET(CURLOPT_FRESH_CONNECT, t->request->fresh_connection ? 1L : 0L);
    SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)t->body_max);
    SET(CURLOPT_PREREQFUNCTION, on_send);
    SET(CURLOPT_PREREQDATA, t);
    SET(CURLOPT_OPENSOCKETFUNCTION, on_socket);
    SET(CURLOPT_OPENSOCKETDATA, t);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, t);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, t);
    return easy_set_body(easy, t->request);
}

static void content_type(CURL *easy, char *out, size_t size)
{
    const char *text = NULL;
    size_t len;

    out[0] = '\0';
    if (curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &text) != CURLE_OK || text == NULL) {
        return;
    }
    len = strcspn(text, "; \t");
    if (len >= size) {
        return;
    }
    for (size_t i = 0; i < len; i++) {
        out[i] = (char)((text[i] >= 'A' && text[i] <= 'Z') ? text[i] - 'A' + 'a' : text[i]);
    }
    out[len] = '\0';
}

static enum err outcome(const struct transfer *t, CURLcode code)
{
    /* A close in mid-header is a success to libcurl; to us an answer without its end is none. */
    if (code == CURLE_OK) {
        return t->headers_done ? ERR_OK : ERR_UNKNOWN;
    }
    if (t->err != ERR_OK) {
        return t->err;
    }
    if (t->sends == 0) {
        if (code == CURLE_OUT_OF_MEMORY) {
            return ERR_MEMORY;
        }
        if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL) {
            return ERR_INPUT;
        }
        return ERR_REMOTE;
    }
    return code == CURLE_FILESIZE_EXCEEDED ? ERR_LIMIT : ERR_UNKNOWN;
}

enum err http_call(struct http *http, const struct http_request *request,
                   struct http_response *response)
{
    struct transfer t = {.http = http, .request = request, .response = response};
    struct curl_slist *list = NULL;
    msec start = clock_monotonic();
    msec allowed = request->deadline == 0 ? DEADLINE_DEFAULT : request->deadline;
    msec left = 0;
    CURLcode code = CURLE_OK;
    enum err err;

    memset(response, 0, sizeof(*response));
    t.body_max = request->body_max == 0 ? BODY_MAX_DEFAULT : request->body_max;
    response->headers = buf_make_secret(BLOCK_MAX);
    response->body = buf_make_secret(t.body_max);
    err = url_allowed(http, request->url, &t.url);
    if (err == ERR_OK && !request_method_allowed(request)) {
        err = ERR_INPUT;
    }
    if (err == ERR_OK) {
        err = request_headers(request, &list);
    }
    if (err != ERR_OK) {
        goto done;
    }
    t.proxied = http->proxy[0] != '\0' && !t.url.loopback;
    if (allowed > INT_MAX) {
        allowed = INT_MAX;
    }
    err =
        handle_take(http->pool, origin_hash(&t.url), start + (allowed > 0 ? allowed : 0), &t.easy);
    if (err != ERR_OK) {
        goto done;
    }
    left = allowed - (clock_monotonic() - start);
    if (left <= 0) { /* to libcurl a time-out of 0 means none */
        err = ERR_REMOTE;
        goto done;
    }
    code = set_options(&t, list, left);
    if (code == CURLE_OK) {
        code = curl_easy_perform(t.easy);
    }
    err = outcome(&t, code);
    if (err == ERR_OK) {
        curl_easy_getinfo(t.easy, CURLINFO_RESPONSE_CODE, &response->status);
        content_type(t.easy, response->content_type, sizeof(response->content_type));
    }
done:
    if (t.easy != NULL) {
        handle_give(http->pool, t.easy, origin_hash(&t.url));
    }
    request_headers_free(list);
    if (err != ERR_OK) {
        log_line(LOG_WARN, "remote call failed", LOG_T("host", t.url.host),
                 LOG_T("method", request->method), LOG_T("error", err_name(err)),
                 LOG_T("cause", code == CURLE_OK ? "" : curl_easy_strerror(code)),
                 LOG_N("ms", clock_monotonic() - start));
        http_response_free(response);
    }
    return err;
}
