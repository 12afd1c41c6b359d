/*
 * An answer under construction.  It is kept whole until the handler has returned,
 * so that an error leaves nothing of it (web-rule 4).
 */
#include "base/text.h"
#include "web/headers.h"
#include "web/internal.h"

#include <string.h>
#include <strings.h>

void response_open(struct response *response, struct request *request)
{
    *response = (struct response){.request = request,
                                  .status = 200,
                                  .headers = buf_make_secret(RESPONSE_HEADERS_MAX),
                                  .body = buf_make_secret(RESPONSE_BODY_MAX)};
}

static void drop_stream(struct response *response)
{
    if (response->has_stream) {
        if (response->stream.free) {
            response->stream.free(response->stream.state);
        }
        watcher_unreserve(response->request->watcher);
        response->has_stream = false;
    }
}

void response_clear(struct response *response)
{
    drop_stream(response);
    buf_reset(&response->headers);
    buf_reset(&response->body);
    response->status = 200;
    response->failed = false;
    response->cache_set = false;
}

void response_close(struct response *response)
{
    drop_stream(response);
    buf_free(&response->headers);
    buf_free(&response->body);
}

bool response_has_body(const struct response *response)
{
    return !text_equal(request_param(response->request, "REQUEST_METHOD"), "HEAD");
}

void response_status(struct response *response, int status)
{
    response->status = status;
}

/* RFC 9110 section 5.1 and 5.5: a token, and a value that cannot begin another line. */
static bool header_valid(const char *name, const char *value)
{
    for (const char *at = value; *at; at++) {
        if (((unsigned char)*at < 0x20 && *at != '\t') || *at == 0x7f) {
            return false;
        }
    }
    return text_of(name, 1, 64, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
}

void response_header(struct response *response, const char *name, const char *value)
{
    if (!name || !value || !header_valid(name, value)) {
        response->failed = true;
        return;
    }
    response->cache_set |= strcasecmp(name, "Cache-Control") == 0;
    buf_addf(&response->headers, "%s: ", name);
    buf_adds(&response->headers, value);
    buf_adds(&response->headers, "\r\n");
}

enum err response_json(struct response *response, int status, json_t *value)
{
    enum err err = ERR_MEMORY;

    if (value) {
        buf_reset(&response->body);
        err = js_add(&response->body, value);
        json_decref(value);
    }
    if (err == ERR_OK) {
        response->status = status;
        response_header(response, "Content-Type", "application/json");
    }
    return err;
}

enum err response_page(struct response *response, int status, const char *title,
                       const char *html_body)
{
    buf_reset(&response->body);
    page_add(&response->body, config_text(response->request->app->config, CFG_BASE_PATH), title,
             html_body);
    response->status = status;
    response_header(response, "Content-Type", "text/html; charset=utf-8");
    return buf_err(&response->body);
}

enum err response_redirect(struct response *response, const char *url)
{
    buf_reset(&response->body);
    /* Never 307 or 308: they would repeat a POST, password and all, at the target (row 12). */
    response->status = request_is_read(response->request) ? 302 : 303;
    response_header(response, "Location", url);
    return response->failed ? ERR_SYSTEM : ERR_OK;
}

static enum err error_page(struct response *response, int status, const char *message)
{
    struct buf html = buf_make(8192);
    enum err err;

    buf_adds(&html, "<p>");
    html_add(&html, message);
    buf_adds(&html, "</p>\n<p class=\"muted\">Request ");
    html_add(&html, response->request->id);
    buf_adds(&html, "</p>\n<p><a class=\"button primary\" href=\"");
    html_add(&html, config_text(response->request->app->config, CFG_BASE_PATH));
    buf_adds(&html, "/\">Countersign</a></p>");
    err = buf_err(&html);
    if (err == ERR_OK) {
        err = response_page(response, status,
                            status == 404   ? "There is no such page"
                            : status >= 500 ? "That did not work"
                                            : "That cannot be done",
                            buf_str(&html));
    }
    buf_free(&html);
    return err;
}

enum err response_error(struct response *response, int status, const char *code,
                        const char *message)
{
    const struct request *request = response->request;
    json_t *body;
    enum err err = ERR_OK;

    if (request_is_navigation(request) || (request->route && (request->route->demands & PAGE) &&
                                           !request_accepts(request, "application/json"))) {
        return error_page(response, status, message);
    }
    body = json_object();
    js_set_text(body, "error", code, &err);
    js_set_text(body, "message", message, &err);
    js_set_text(body, "request_id", request->id, &err);
    if (!body || err != ERR_OK) {
        json_decref(body);
        return ERR_MEMORY;
    }
    return response_json(response, status, body);
}

static const struct {
    enum err err;
    int status;
    const char *code;
    const char *message;
} answers[] = {
    {ERR_NONE, 404, "not_found", "There is nothing at this address for you."},
    {ERR_INPUT, 400, "bad_request", "The request is not in the form that is expected here."},
    {ERR_AUTH, 401, "unauthorized", "The caller did not prove who it is."},
    {ERR_DENIED, 403, "denied", "This is not allowed."},
    {ERR_FORGED, 403, "denied", "This is not allowed."},
    {ERR_CONFLICT, 409, "conflict", "Something else changed this first."},
    {ERR_LIMIT, 429, "too_many", "Too many requests, or too much at once. Try again shortly."},
    {ERR_REMOTE, 502, "remote_failed", "A system that is needed for this did not answer rightly."},
    {ERR_UNKNOWN, 504, "remote_silent", "A system that is needed for this did not answer in time."},
    {ERR_STORE, 503, "unavailable", "The server cannot do this at the moment."},
    {ERR_MEMORY, 503, "unavailable", "The server cannot do this at the moment."},
};

void response_from_err(struct response *response, enum err err)
{
    int status = 500;
    const char *code = "server_error";
    const char *message = "The server could not do this.";

    for (size_t i = 0; i < COUNT(answers); i++) {
        if (answers[i].err == err) {
            status = answers[i].status;
            code = answers[i].code;
            message = answers[i].message;
        }
    }
    if (err == ERR_INPUT && response->request->bad_media_type) {
        status = 415;
        code = "bad_media_type";
        message = "The body must be sent as application/json.";
    }
    response_clear(response);
    if (status == 429 || status == 503) {
        response_header(response, "Retry-After", "1");
    }
    if (response_error(response, status, code, message) != ERR_OK) {
        response_clear(response);
        response->status = status;
    }
}

static bool cookie_octets(const char *value)
{
    for (; *value; value++) {
        unsigned char c = (unsigned char)*value;

        if (c <= 0x20 || c >= 0x7f || c == '"' || c == ',' || c == ';' || c == '\\') {
            return false;
        }
    }
    return true;
}

void response_cookie(struct response *response, const char *name, const char *value, int max_age)
{
    struct buf line = buf_make_secret(4096);

    /* Browsers keep a __Host- cookie only with Path=/, Secure and no Domain (RFC 6265bis 4.1.3). */
    if (!text_starts(name, "__Host-") || !value || !cookie_octets(value)) {
        response->failed = true;
        return;
    }
    buf_addf(&line, "%s=", name);
    buf_adds(&line, value);
    buf_adds(&line, "; Path=/; Secure; HttpOnly; SameSite=Lax");
    if (max_age >= 0) {
        buf_addf(&line, "; Max-Age=%d", max_age);
    }
    if (buf_err(&line) == ERR_OK) {
        response_header(response, "Set-Cookie", buf_str(&line));
    } else {
        response->failed = true;
    }
    buf_free(&line);
}

enum err response_stream(struct response *response, const struct stream *stream)
{
    enum err err = ERR_OK;

    drop_stream(response);
    if (response->request->watcher) {
        err = watcher_reserve(response->request->watcher);
    }
    if (err != ERR_OK) {
        if (stream->free) {
            stream->free(stream->state);
        }
        return err;
    }
    buf_reset(&response->body);
    response->status = 200;
    response->stream = *stream;
    response->has_stream = true;
    response_header(response, "Content-Type", "text/event-stream");
    response_header(response, "X-Accel-Buffering", "no");
    return ERR_OK;
}

static const char *reason(int status)
{
    static const struct {
        int status;
        const char *text;
    } reasons[] = {{200, "OK"},
                   {201, "Created"},
                   {202, "Accepted"},
                   {204, "No Content"},
                   {302, "Found"},
                   {303, "See Other"},
                   {400, "Bad Request"},
                   {401, "Unauthorized"},
                   {403, "Forbidden"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {409, "Conflict"},
                   {411, "Length Required"},
                   {413, "Content Too Large"},
                   {415, "Unsupported Media Type"},
                   {429, "Too Many Requests"},
                   {431, "Request Header Fields Too Large"},
                   {500, "Internal Server Error"},
                   {502, "Bad Gateway"},
                   {503, "Service Unavailable"},
                   {504, "Gateway Timeout"}};

    for (size_t i = 0; i < COUNT(reasons); i++) {
        if (reasons[i].status == status) {
            return reasons[i].text;
        }
    }
    return "Status";
}

enum err response_head(const struct response *response, struct buf *out)
{
    const struct config *config = response->request->app->config;

    /* Always an explicit Status: a Location alone is an internal redirect to both servers. */
    buf_addf(out, "Status: %d %s\r\n", response->status, reason(response->status));
    for (size_t i = 0; i < security_header_count; i++) {
        buf_addf(out, "%s: %s\r\n", security_headers[i].name, security_headers[i].value);
    }
    if (text_starts(config_text(config, CFG_PUBLIC_URL), "https://")) {
        buf_adds(out, HSTS_NAME ": " HSTS_VALUE "\r\n");
    }
    if (!response->cache_set) {
        buf_adds(out, "Cache-Control: no-store\r\n");
    }
    buf_addf(out, "X-Request-Id: %s\r\n", response->request->id);
    buf_add(out, response->headers.data ? response->headers.data : "", response->headers.len);
    if (!response->has_stream && response->status != 204) {
        buf_addf(out, "Content-Length: %zu\r\n", response->body.len);
    }
    buf_adds(out, "\r\n");
    return buf_err(out);
}
