#include "identity/oidc.h"

#include "base/log.h"
#include "base/text.h"
#include "identity/oidc_internal.h"

#include <stdlib.h>
#include <string.h>

/* OIDC_ISSUER, or the Auth0 domain's: its issuer ends with a slash. */
static enum err set_issuer(struct oidc *oidc)
{
    const char *issuer = config_text(oidc->config, CFG_OIDC_ISSUER);
    const char *domain = config_text(oidc->config, CFG_AUTH0_DOMAIN);
    struct buf text = buf_make(sizeof oidc->issuer - 1);
    enum err err = ERR_CONFIG;

    if (issuer[0]) {
        buf_adds(&text, issuer);
    } else if (domain[0]) {
        buf_addf(&text, "%s%s", strstr(domain, "://") ? "" : "https://", domain);
        if (text.len && text.data[text.len - 1] != '/') {
            buf_addc(&text, '/');
        }
    }
    if (text.len && buf_err(&text) == ERR_OK) {
        err = text_copy(oidc->issuer, sizeof oidc->issuer, buf_str(&text));
    }
    if (err == ERR_OK) {
        err = http_url_allowed(oidc->http, oidc->issuer) == ERR_OK ? ERR_OK : ERR_CONFIG;
    }
    if (err != ERR_OK) {
        log_line(LOG_ERROR, "OIDC_ISSUER or AUTH0_DOMAIN must name the provider");
    }
    buf_free(&text);
    return err;
}

/* The addresses the provider sends browsers back to: only from the configuration (row 11). */
static enum err set_own_uris(struct oidc *oidc)
{
    const struct config *config = oidc->config;
    const char *callback = config_text(config, CFG_AUTH0_CALLBACK_URL);
    struct buf text = buf_make(sizeof oidc->redirect_uri - 1);
    enum err err;

    buf_adds(&text, config_text(config, CFG_PUBLIC_URL));
    buf_adds(&text, config_text(config, CFG_BASE_PATH));
    buf_addc(&text, '/');
    err = text_copy(oidc->signed_out_uri, sizeof oidc->signed_out_uri, buf_str(&text));
    buf_adds(&text, "callback");
    if (err == ERR_OK) {
        err = text_copy(oidc->redirect_uri, sizeof oidc->redirect_uri,
                        callback[0] ? callback : buf_str(&text));
    }
    if (err == ERR_OK) {
        err = buf_err(&text);
    }
    buf_free(&text);
    return err == ERR_LIMIT ? ERR_CONFIG : err;
}

enum err oidc_open(const struct config *config, struct http *http, struct store *store,
                   struct oidc **out)
{
    struct oidc *oidc = calloc(1, sizeof *oidc);
    enum err err = ERR_MEMORY;

    *out = NULL;
    if (!oidc) {
        return err;
    }
    oidc->config = config;
    oidc->http = http;
    oidc->store = store;
    err = set_issuer(oidc);
    if (err == ERR_OK) {
        err = set_own_uris(oidc);
    }
    if (err == ERR_OK && !oidc_client_id(oidc, OIDC_CLIENT_WEB)[0] &&
        !oidc_client_id(oidc, OIDC_CLIENT_CIBA)[0]) {
        log_line(LOG_ERROR, "AUTH0_CLIENT_ID is missing");
        err = ERR_CONFIG;
    }
    if (err == ERR_OK && pthread_mutex_init(&oidc->lock, NULL) != 0) {
        err = ERR_SYSTEM;
    }
    if (err == ERR_OK && pthread_mutex_init(&oidc->fetching, NULL) != 0) {
        pthread_mutex_destroy(&oidc->lock);
        err = ERR_SYSTEM;
    }
    if (err != ERR_OK) {
        free(oidc);
        return err;
    }
    *out = oidc;
    return ERR_OK;
}

void oidc_free(struct oidc *oidc)
{
    if (!oidc) {
        return;
    }
    oidc_keys_release(oidc, oidc->keys);
    pthread_mutex_destroy(&oidc->fetching);
    pthread_mutex_destroy(&oidc->lock);
    free(oidc);
}

const char *oidc_client_id(const struct oidc *oidc, enum oidc_client client)
{
    const char *own = config_text(oidc->config, CFG_CIBA_CLIENT_ID);

    return client == OIDC_CLIENT_CIBA && own[0] ? own
                                                : config_text(oidc->config, CFG_AUTH0_CLIENT_ID);
}

const struct secret *oidc_client_secret(const struct oidc *oidc, enum oidc_client client)
{
    /* An id of its own has a secret of its own: one client's secret is never sent for another. */
    if (client == OIDC_CLIENT_CIBA && config_text(oidc->config, CFG_CIBA_CLIENT_ID)[0]) {
        return config_secret(oidc->config, CFG_CIBA_CLIENT_SECRET);
    }
    return config_secret(oidc->config, CFG_AUTH0_CLIENT_SECRET);
}

enum err oidc_client_post_within(struct oidc *oidc, enum oidc_client client, const char *url,
                                 const struct buf *form, msec deadline, size_t body_max,
                                 struct http_response *response)
{
    static const struct http_header headers[] = {
        {"Content-Type", "application/x-www-form-urlencoded"}, {"Accept", "application/json"}};
    const struct secret *secret = oidc_client_secret(oidc, client);
    struct buf body = buf_make_secret((size_t)64 * 1024);
    struct http_request request = {
        .method = "POST",
        .url = url,
        .headers = headers,
        .header_count = COUNT(headers),
        .deadline = deadline,
        .body_max = body_max,
        /* A push or its tokens lost on a dying connection is in doubt. */
        .fresh_connection = client == OIDC_CLIENT_CIBA};
    enum err err;

    if (!secret || !oidc_client_id(oidc, client)[0]) {
        log_line(LOG_ERROR, "the client's id or secret is missing",
                 LOG_T("client", client == OIDC_CLIENT_CIBA ? "ciba" : "web"));
        err = ERR_CONFIG;
        goto done;
    }
    buf_add(&body, buf_str(form), form->len);
    form_add(&body, "client_id", oidc_client_id(oidc, client));
    form_add(&body, "client_secret", secret_text(secret));
    err = buf_err(form) == ERR_OK ? buf_err(&body) : buf_err(form);
    if (err != ERR_OK) {
        goto done;
    }
    request.body = buf_str(&body);
    request.body_len = body.len;
    err = http_call(oidc->http, &request, response);
    if (err == ERR_OK) {
        response->body.wipe = true; /* an answer here may hold tokens */
    }
done:
    buf_free(&body);
    return err;
}

enum err oidc_client_post(struct oidc *oidc, enum oidc_client client, const char *url,
                          const struct buf *form, size_t body_max, struct http_response *response)
{
    return oidc_client_post_within(oidc, client, url, form, 0, body_max, response);
}

enum err oidc_fetch(struct oidc *oidc, const char *url, size_t body_max,
                    struct http_response *response)
{
    static const struct http_header headers[] = {{"Accept", "application/json"}};
    struct http_request request = {.method = "GET",
                                   .url = url,
                                   .headers = headers,
                                   .header_count = COUNT(headers),
                                   .deadline = SECONDS(5),
                                   .body_max = body_max};
    enum err err = http_call(oidc->http, &request, response);

    if (err == ERR_OK && response->status != 200) {
        log_line(LOG_WARN, "the provider's document could not be read",
                 LOG_N("status", response->status));
        http_response_free(response);
        return ERR_REMOTE;
    }
    if (err != ERR_OK) {
        log_line(LOG_WARN, "the provider's document could not be read",
                 LOG_T("reason", err_name(err)));
    }
    return err == ERR_UNKNOWN || err == ERR_LIMIT ? ERR_REMOTE : err;
}

/* ---- cached texts ---- */

enum err oidc_cache_get(struct oidc *oidc, const uint8_t id[RECORD_ID_SIZE], msec now,
                        struct record *out)
{
    enum err err = record_get(oidc->store, KIND_CACHE, id, now, out);

    return err == ERR_FORGED ? ERR_NONE : err; /* logged; a cache is fetched anew */
}

void oidc_cache_put(struct oidc *oidc, const uint8_t id[RECORD_ID_SIZE], const char *text,
                    size_t len, msec now)
{
    struct record record = {.kind = KIND_CACHE, .expires_at = now + OIDC_CACHED};
    enum err err = ERR_MEMORY;

    memcpy(record.id, id, sizeof record.id);
    record.payload = strndup(text, len);
    record.payload_len = len;
    if (record.payload) {
        err = record_put(oidc->store, &record, now);
    }
    if (err == ERR_CONFLICT) { /* a live one: another process was as quick, or this is a refetch */
        struct record present = {0};

        err = record_get(oidc->store, KIND_CACHE, id, now, &present);
        if (err == ERR_FORGED) {
            err = record_delete(oidc->store, KIND_CACHE, id);
            if (err == ERR_OK) {
                err = record_put(oidc->store, &record, now);
            }
        } else if (err == ERR_OK) {
            record.version = present.version;
            err = record_replace(oidc->store, &record, now);
        }
        record_free(&present);
    }
    if (err != ERR_OK) {
        log_line(LOG_WARN, "a fetched document could not be cached",
                 LOG_T("reason", err_name(err)));
    }
    record_free(&record);
}

/* ---- error codes ---- */

void oidc_plain_code(const char *text, char code[64])
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";

    code[0] = '\0';
    if (!text || !text[0]) {
        return;
    }
    if (!text_of(text, 1, 63, allowed) || text_copy(code, 64, text) != ERR_OK) {
        memcpy(code, "unreadable", sizeof "unreadable");
    }
}

void oidc_error_code(const json_t *answer, char code[64])
{
    oidc_plain_code(js_text(answer, "error"), code);
}
