/*
 * What a request says about itself.  Nothing here trusts a header for who the
 * caller is or where the server lives: URLs are made of PUBLIC_URL (row 11), and
 * the loopback mark is a parameter that the site file sets, which no HTTP header
 * can be (those all arrive as HTTP_...).
 */
#include "base/text.h"
#include "crypto/random.h"
#include "web/internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *request_param(const struct request *request, const char *name)
{
    return FCGX_GetParam(name, request->envp);
}

static void set_id(struct request *request, const char *given, enum err *err)
{
    uint8_t random[16];

    if (request->loopback &&
        text_of(given, 8, REQUEST_ID_MAX,
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-")) {
        *err = text_copy(request->id, sizeof(request->id), given);
        return;
    }
    *err = random_bytes(random, sizeof(random));
    if (*err == ERR_OK) {
        base64url_encode(random, sizeof(random), request->id);
    }
}

/* The port of a URL as the digits of SERVER_PORT. */
static bool same_port(const char *url, const char *port)
{
    const char *host = url ? strstr(url, "://") : NULL;
    const char *colon = host ? strrchr(host + 3, ':') : NULL;
    size_t len = port ? strlen(port) : 0;

    if (len == 0 || !host) {
        return false;
    }
    if (!colon || strchr(colon, ']')) {
        return text_equal(port, text_starts(url, "https:") ? "443" : "80");
    }
    return strncmp(colon + 1, port, len) == 0 && (colon[1 + len] == '\0' || colon[1 + len] == '/');
}

static bool came_by_loopback(const struct request *request)
{
    const char *peer = request_param(request, "REMOTE_ADDR");

    return text_equal(request_param(request, "COUNTERSIGN_LISTENER"), "loopback") &&
           same_port(config_text(request->app->config, CFG_ACTIONS_URL),
                     request_param(request, "SERVER_PORT")) &&
           (text_equal(peer, "127.0.0.1") || text_equal(peer, "::1"));
}

enum err request_open(struct request *request, struct app *app, char **envp, msec now)
{
    const char *uri;
    const char *mark;
    const char *below;
    enum err err = ERR_OK;

    *request = (struct request){.app = app, .envp = envp, .now = now, .query = ""};
    request->loopback = came_by_loopback(request);
    set_id(request, request_header(request, "X-Request-Id"), &err);
    uri = request_param(request, "REQUEST_URI");
    if (err == ERR_OK && uri) {
        mark = strchr(uri, '?');
        request->query = mark ? mark + 1 : "";
        request->path = strndup(uri, mark ? (size_t)(mark - uri) : strlen(uri));
        if (!request->path) {
            return ERR_MEMORY;
        }
        below = route_below(request->path,
                            request->loopback ? "" : config_text(app->config, CFG_BASE_PATH));
        if (below) {
            memmove(request->path, below, strlen(below) + 1);
        } else {
            free(request->path);
            request->path = NULL;
        }
    }
    return err;
}

void request_close(struct request *request)
{
    struct owned *next;

    for (struct owned *item = request->owned; item; item = next) {
        next = item->next;
        wipe(item->text, strlen(item->text));
        free(item);
    }
    free(request->path);
    if (request->body) {
        wipe(request->body, request->body_len);
        free(request->body);
    }
    json_decref(request->json);
    if (request->has_session) {
        session_free(&request->session);
    }
    *request = (struct request){0};
}

bool request_is_read(const struct request *request)
{
    const char *method = request_param(request, "REQUEST_METHOD");

    return text_equal(method, "GET") || text_equal(method, "HEAD");
}

int request_body_length(const struct request *request, size_t body_max, size_t *len,
                        const char **code, const char **message)
{
    const char *text = request_param(request, "CONTENT_LENGTH");
    int64_t value = 0;

    *len = 0;
    if (!text || !*text) {
        if (body_max == 0 || request_is_read(request)) {
            return 0;
        }
        *code = "length_required";
        *message = "The request must say the length of its body in Content-Length.";
        return 411;
    }
    if (text_number(text, INT64_MAX, &value) != ERR_OK) {
        *code = "bad_length";
        *message = "Content-Length must be a decimal number.";
        return 400;
    }
    if (value < 0 || (uint64_t)value > body_max) {
        *code = "too_large";
        *message = body_max == 0 ? "This address takes no body."
                                 : "The body is larger than this address takes.";
        return 413;
    }
    *len = (size_t)value;
    return 0;
}

enum err request_load_session(struct request *request)
{
    const char *token = NULL;
    enum err err;

    if (!request->app->store) {
        return ERR_NONE;
    }
    /* Two cookies of that name mean that somebody planted one: neither counts (row 76). */
    err = request_cookie(request, SESSION_COOKIE, &token);
    if (err != ERR_OK) {
        return err == ERR_MEMORY ? err : ERR_NONE;
    }
    err = session_load(request->app->store, &request->app->limits, token, request->now,
                       &request->session);
    if (err == ERR_OK) {
        request->has_session = true;
    }
    return err == ERR_FORGED || err == ERR_INPUT ? ERR_NONE : err;
}

/* ---- what handlers ask ---- */

struct app *request_app(const struct request *request)
{
    return request->app;
}

msec request_now(const struct request *request)
{
    return request->now;
}

const char *request_id(const struct request *request)
{
    return request->id;
}

const char *request_path_param(const struct request *request)
{
    return request->param[0] ? request->param : NULL;
}

const char *request_raw_query(const struct request *request)
{
    return request->query;
}

const struct session *request_session(const struct request *request)
{
    return request->has_session ? &request->session : NULL;
}

const char *request_body(const struct request *request, size_t *len)
{
    *len = request->body_len;
    return request->body ? request->body : "";
}

static enum err keep(struct request *request, const char *text, size_t len, const char **out)
{
    struct owned *item = malloc(sizeof(*item) + len + 1);

    if (!item) {
        return ERR_MEMORY;
    }
    memcpy(item->text, text, len);
    item->text[len] = '\0';
    item->next = request->owned;
    request->owned = item;
    *out = item->text;
    return ERR_OK;
}

enum err request_query(struct request *request, const char *name, const char **out)
{
    char *value = NULL;
    enum err err = form_get(request->query, strlen(request->query), name, &value);

    *out = NULL;
    if (err == ERR_OK) {
        err = keep(request, value, strlen(value), out);
    }
    free_wiped(value);
    return err;
}

const char *request_header(const struct request *request, const char *name)
{
    char param[64] = "HTTP_";
    size_t at = 5;

    if (strcasecmp(name, "Content-Type") == 0) {
        return request_param(request, "CONTENT_TYPE");
    }
    for (; *name; name++) {
        if (at + 1 >= sizeof(param)) {
            return NULL;
        }
        param[at++] = (char)(*name == '-'                   ? '_'
                             : *name >= 'a' && *name <= 'z' ? *name - 'a' + 'A'
                                                            : *name);
    }
    param[at] = '\0';
    return request_param(request, param);
}

enum err cookie_find(const char *header, const char *name, const char **value, size_t *len)
{
    size_t name_len = strlen(name);
    bool found = false;

    *value = NULL;
    *len = 0;
    if (!header) {
        return ERR_NONE;
    }
    if (strlen(header) > COOKIE_HEADER_MAX) {
        return ERR_INPUT;
    }
    while (*header) {
        size_t part;

        header += strspn(header, " \t");
        part = strcspn(header, ";");
        if (part > name_len && header[name_len] == '=' && strncmp(header, name, name_len) == 0) {
            if (found) {
                *value = NULL;
                *len = 0;
                return ERR_INPUT;
            }
            found = true;
            *value = header + name_len + 1;
            *len = part - name_len - 1;
            while (*len > 0 && ((*value)[*len - 1] == ' ' || (*value)[*len - 1] == '\t')) {
                (*len)--;
            }
        }
        header += part;
        header += *header == ';';
    }
    return found ? ERR_OK : ERR_NONE;
}

enum err request_cookie(struct request *request, const char *name, const char **out)
{
    const char *value;
    size_t len;
    enum err err = cookie_find(request_header(request, "Cookie"), name, &value, &len);

    *out = NULL;
    return err == ERR_OK ? keep(request, value, len, out) : err;
}

static bool media_type_is(const char *value, const char *type)
{
    size_t len = strlen(type);

    return value && strncasecmp(value, type, len) == 0 &&
           (value[len] == '\0' || value[len] == ';' || value[len] == ' ' || value[len] == '\t');
}

bool request_is_form(const struct request *request)
{
    return media_type_is(request_header(request, "Content-Type"),
                         "application/x-www-form-urlencoded");
}

enum err request_json(struct request *request, const json_t **out)
{
    enum err err = ERR_OK;

    *out = NULL;
    if (!media_type_is(request_header(request, "Content-Type"), "application/json")) {
        request->bad_media_type = true;
        return ERR_INPUT;
    }
    if (!request->json) {
        err = js_parse_object(request->body ? request->body : "", request->body_len,
                              request->body_len, &request->json);
    }
    *out = request->json;
    return err;
}

/* RFC 9110 section 12.5.1, as far as it matters here: the type named itself, with q above 0. */
bool request_accepts(const struct request *request, const char *media_type)
{
    const char *accept = request_header(request, "Accept");

    while (accept && *accept) {
        size_t part;

        accept += strspn(accept, " \t,");
        part = strcspn(accept, ",");
        if (media_type_is(accept, media_type) ||
            (strncasecmp(accept, media_type, strlen(media_type)) == 0 &&
             accept[strlen(media_type)] == ',')) {
            const char *q = memmem(accept, part, ";q=0", 4);

            return !(q && strspn(q + 3, "0.") >= part - (size_t)(q + 3 - accept));
        }
        accept += part;
    }
    return false;
}

bool request_is_navigation(const struct request *request)
{
    const char *mode = request_header(request, "Sec-Fetch-Mode");

    return mode ? text_equal(mode, "navigate") : request_accepts(request, "text/html");
}

enum err request_public_url(const struct request *request, const char *path, struct buf *out)
{
    const struct config *config = request->app->config;

    buf_adds(out, config_text(config, CFG_PUBLIC_URL));
    buf_adds(out, config_text(config, CFG_BASE_PATH));
    buf_adds(out, path);
    return buf_err(out);
}
