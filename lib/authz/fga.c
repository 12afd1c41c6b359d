#include "authz/fga.h"

#include "authz/fga_internal.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "crypto/random.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ID_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
#define BODY_MAX ((size_t)64 * 1024)
#define CONTEXTUAL_MAX 20 /* OpenFGA's own limit lies above */

/* A copy of a URL without slashes at its end. */
static enum err url_copy(const char *text, char **out)
{
    enum err err = text_dup(text, out);

    if (err == ERR_OK) {
        for (size_t len = strlen(*out); len > 0 && (*out)[len - 1] == '/'; len--) {
            (*out)[len - 1] = '\0';
        }
    }
    return err;
}

static enum err open_check(const struct fga *fga)
{
    if (!text_of(fga->store, 1, 64, ID_CHARS) || !text_of(fga->model, 1, 64, ID_CHARS) ||
        fga->client_id[0] == '\0' || secret_len(fga->client_secret) == 0 ||
        http_url_allowed(fga->http, fga->url) != ERR_OK ||
        http_url_allowed(fga->http, fga->token_url) != ERR_OK) {
        return ERR_CONFIG;
    }
    return ERR_OK;
}

enum err fga_open(const struct config *config, struct http *http, struct fga **out)
{
    const struct secret *secret = config_secret(config, CFG_FGA_CLIENT_SECRET);
    struct fga *fga = calloc(1, sizeof(*fga));
    enum err err;

    *out = NULL;
    if (fga == NULL) {
        return ERR_MEMORY;
    }
    pthread_mutex_init(&fga->token.lock, NULL);
    fga->http = http;
    err = url_copy(config_text(config, CFG_FGA_API_URL), &fga->url);
    if (err == ERR_OK) {
        err = text_dup(config_text(config, CFG_FGA_TOKEN_URL), &fga->token_url);
    }
    if (err == ERR_OK) {
        err = text_dup(config_text(config, CFG_FGA_AUDIENCE), &fga->audience);
    }
    if (err == ERR_OK) {
        err = text_dup(config_text(config, CFG_FGA_CLIENT_ID), &fga->client_id);
    }
    if (err == ERR_OK) {
        err = text_dup(config_text(config, CFG_FGA_STORE_ID), &fga->store);
    }
    if (err == ERR_OK) {
        err = text_dup(config_text(config, CFG_FGA_MODEL_ID), &fga->model);
    }
    if (err == ERR_OK) {
        err = secret == NULL ? ERR_CONFIG : secret_copy(secret, &fga->client_secret);
    }
    if (err == ERR_OK) {
        err = open_check(fga);
    }
    if (err != ERR_OK) {
        fga_free(fga);
        return err;
    }
    *out = fga;
    return ERR_OK;
}

void fga_free(struct fga *fga)
{
    if (fga == NULL) {
        return;
    }
    free(fga->url);
    free(fga->token_url);
    free(fga->audience);
    free(fga->client_id);
    free(fga->store);
    free(fga->model);
    secret_free(fga->client_secret);
    secret_free(fga->token.value);
    pthread_mutex_destroy(&fga->token.lock);
    free(fga);
}

static enum err send_once(struct fga *fga, const char *method, const char *url,
                          const struct buf *body, const struct secret *token, msec left,
                          struct http_response *response)
{
    struct buf bearer = buf_make_secret(20000);
    struct http_header headers[3] = {{"Accept", "application/json"}};
    size_t count = 1;
    enum err err;

    buf_addf(&bearer, "Bearer %s", secret_text(token));
    err = buf_err(&bearer);
    memset(response, 0, sizeof(*response));
    headers[count++] = (struct http_header){"Authorization", buf_str(&bearer)};
    if (body->len > 0) {
        headers[count++] = (struct http_header){"Content-Type", "application/json"};
    }
    if (err == ERR_OK) {
        err = http_call(fga->http,
                        &(struct http_request){.method = method,
                                               .url = url,
                                               .headers = headers,
                                               .header_count = count,
                                               .body = body->len > 0 ? buf_str(body) : NULL,
                                               .body_len = body->len,
                                               .deadline = left < FGA_TRY_MAX ? left : FGA_TRY_MAX,
                                               .body_max = FGA_ANSWER_MAX},
                        response);
    }
    buf_free(&bearer);
    return err;
}

/* What a status other than 200 means to the caller; never ERR_OK and never ERR_DENIED. */
static enum err refusal(const struct http_response *response)
{
    struct buf scratch = buf_make(128);
    const char *id = http_response_header(response, "fga-request-id", 0, &scratch);
    const char *code;
    json_t *body = NULL;

    if (id == NULL) {
        id = http_response_header(response, "X-Request-Id", 0, &scratch);
    }
    if (js_parse_object(buf_str(&response->body), response->body.len, FGA_ANSWER_MAX, &body) !=
        ERR_OK) {
        body = NULL;
    }
    code = js_text(body, "code");
    log_line(LOG_WARN, "FGA gave no answer", LOG_N("status", response->status),
             LOG_T("code", code == NULL ? "" : code),
             LOG_T("fga_request_id", id == NULL ? "" : id));
    json_decref(body);
    buf_free(&scratch);
    switch (response->status) {
    case 401:
    case 403:
        return ERR_AUTH;
    case 409:
        return ERR_CONFLICT;
    case 429:
        return ERR_LIMIT;
    default:
        return ERR_REMOTE;
    }
}

/*
 * One question under the store, with its token, its repeats and its deadline.
 * Whatever is asked here may be asked twice: checks change nothing, writes say
 * ignore.  On ERR_OK the answer had status 200 and JSON, and response is the
 * caller's to free.
 */
static enum err ask(struct fga *fga, const char *method, const char *path, const struct buf *body,
                    msec now, struct http_response *response)
{
    msec until = clock_monotonic() + FGA_DEADLINE;
    struct buf url = buf_make(8192);
    uint64_t refused = 0;
    enum err err;

    buf_addf(&url, "%s/stores/%s%s", fga->url, fga->store, path);
    err = buf_err(&url);
    for (unsigned tried = 1; err == ERR_OK; tried++) {
        struct secret *token = NULL;
        uint64_t generation = 0;
        uint8_t jitter = 0;
        msec wait;

        err = fga_token_take(fga, refused, now, until, &token, &generation);
        if (err != ERR_OK) {
            break;
        }
        if (clock_monotonic() >= until) {
            secret_free(token);
            err = ERR_REMOTE;
            break;
        }
        err =
            send_once(fga, method, buf_str(&url), body, token, until - clock_monotonic(), response);
        secret_free(token);
        if (err == ERR_OK && response->status == 200 &&
            strcmp(response->content_type, "application/json") == 0) {
            break;
        }
        if (err == ERR_OK && response->status == 401 && refused == 0) {
            /* Revoked or rotated before its time: one fresh token, one more try. */
            refused = generation;
            tried--;
            http_response_free(response);
            continue;
        }
        if (random_bytes(&jitter, sizeof(jitter)) != ERR_OK) {
            jitter = 0;
        }
        wait = fga_retry_wait(err, response, tried, jitter);
        if (err == ERR_OK) {
            err = refusal(response);
        } else if (err == ERR_UNKNOWN) {
            err = ERR_REMOTE;
        }
        http_response_free(response);
        if (wait < 0 || !fga_wait(wait, until)) {
            break;
        }
        err = ERR_OK;
    }
    buf_free(&url);
    return err;
}

static json_t *tuple_json(const struct fga_tuple *tuple, enum err *err)
{
    json_t *object = json_object();

    js_set_text(object, "user", tuple->user, err);
    js_set_text(object, "relation", tuple->relation, err);
    js_set_text(object, "object", tuple->object, err);
    return object;
}

/* RFC 3339 in UTC, the form of a condition's timestamp. */
static enum err timestamp(msec now, char *out, size_t size)
{
    time_t seconds = (time_t)(now / 1000);
    struct tm utc;

    if (now < 0 || gmtime_r(&seconds, &utc) == NULL ||
        strftime(out, size, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0) {
        return ERR_INPUT;
    }
    return ERR_OK;
}

static enum err check_body(const struct fga *fga, const struct fga_tuple *tuple,
                           const struct fga_tuple *contextual, size_t count,
                           enum fga_consistency consistency, msec now, struct buf *out)
{
    json_t *root = json_object();
    json_t *context = json_object();
    char current_time[32];
    enum err err = timestamp(now, current_time, sizeof(current_time));

    js_set_new(root, "tuple_key", tuple_json(tuple, &err), &err);
    if (count > 0) {
        json_t *outer = json_object();
        json_t *keys = json_array();
        for (size_t i = 0; i < count && err == ERR_OK; i++) {
            if (json_array_append_new(keys, tuple_json(&contextual[i], &err)) != 0) {
                err = ERR_MEMORY;
            }
        }
        js_set_new(outer, "tuple_keys", keys, &err);
        js_set_new(root, "contextual_tuples", outer, &err);
    }
    js_set_text(context, "current_time", current_time, &err);
    js_set_new(root, "context", context, &err);
    js_set_text(root, "authorization_model_id", fga->model, &err);
    js_set_text(root, "consistency",
                consistency == FGA_MINIMIZE_LATENCY ? "MINIMIZE_LATENCY" : "HIGHER_CONSISTENCY",
                &err);
    if (err == ERR_OK) {
        err = js_add(out, root);
    }
    json_decref(root);
    return err;
}

enum err fga_check(struct fga *fga, const struct fga_tuple *tuple,
                   const struct fga_tuple *contextual, size_t contextual_count,
                   enum fga_consistency consistency, msec now)
{
    struct buf body = buf_make(BODY_MAX);
    struct http_response response = {0};
    json_t *root = NULL;
    const json_t *allowed;
    enum err err = ERR_INPUT;

    if (!fga_name_plain(tuple->user) || !fga_relation_plain(tuple->relation) ||
        !fga_name_plain(tuple->object) || contextual_count > CONTEXTUAL_MAX) {
        return ERR_INPUT;
    }
    for (size_t i = 0; i < contextual_count; i++) {
        if (!fga_name_user(contextual[i].user) || !fga_relation_plain(contextual[i].relation) ||
            !fga_name_plain(contextual[i].object)) {
            return ERR_INPUT;
        }
    }
    err = check_body(fga, tuple, contextual, contextual_count, consistency, now, &body);
    if (err == ERR_OK) {
        err = ask(fga, "POST", "/check", &body, now, &response);
    }
    if (err != ERR_OK) {
        goto done;
    }
    if (js_parse_object(buf_str(&response.body), response.body.len, FGA_ANSWER_MAX, &root) !=
        ERR_OK) {
        err = ERR_REMOTE;
        goto done;
    }
    /* The literal true allows, the literal false is a no; a text, a number or nothing is neither.
     */
    allowed = json_object_get(root, "allowed");
    err = json_is_true(allowed) ? ERR_OK : json_is_false(allowed) ? ERR_DENIED : ERR_REMOTE;
done:
    json_decref(root);
    http_response_free(&response);
    buf_free(&body);
    return err;
}

enum err fga_write(struct fga *fga, const struct fga_tuple *tuple, bool remove, msec now)
{
    struct buf body = buf_make(BODY_MAX);
    struct http_response response = {0};
    json_t *root = NULL;
    json_t *part = NULL;
    json_t *keys = NULL;
    enum err err = ERR_OK;

    if (!fga_name_user(tuple->user) || !fga_relation_plain(tuple->relation) ||
        !fga_name_plain(tuple->object)) {
        return ERR_INPUT;
    }
    root = json_object();
    part = json_object();
    keys = json_array();
    if (json_array_append_new(keys, tuple_json(tuple, &err)) != 0) {
        err = ERR_MEMORY;
    }
    js_set_new(part, "tuple_keys", keys, &err);
    js_set_text(part, remove ? "on_missing" : "on_duplicate", "ignore", &err);
    js_set_new(root, remove ? "deletes" : "writes", part, &err);
    js_set_text(root, "authorization_model_id", fga->model, &err);
    if (err == ERR_OK) {
        err = js_add(&body, root);
    }
    if (err == ERR_OK) {
        err = ask(fga, "POST", "/write", &body, now, &response);
    }
    json_decref(root);
    http_response_free(&response);
    buf_free(&body);
    return err;
}

enum err fga_ping(struct fga *fga, msec now)
{
    struct buf nothing = buf_make(1);
    struct buf path = buf_make(256);
    struct http_response response = {0};
    enum err err;

    buf_addf(&path, "/authorization-models/%s", fga->model);
    err = buf_err(&path);
    if (err == ERR_OK) {
        err = ask(fga, "GET", buf_str(&path), &nothing, now, &response);
    }
    http_response_free(&response);
    buf_free(&path);
    return err;
}
