#include "identity/oidc.h"

#include "base/log.h"
#include "base/text.h"
#include "identity/oidc_internal.h"

#include <stdlib.h>
#include <string.h>

/* The configuration has derived it from AUTH0_DOMAIN where it was not given. */
static enum err set_issuer(struct oidc *oidc)
{
    const char *issuer = config_text(oidc->config, CFG_OIDC_ISSUER);
    enum err err = ERR_CONFIG;

    if (issuer[0] && text_copy(oidc->issuer, sizeof oidc->issuer, issuer) == ERR_OK) {
        err = http_url_allowed(oidc->http, issuer) == ERR_OK ? ERR_OK : ERR_CONFIG;
    }
    if (err != ERR_OK) {
        log_line(LOG_ERROR, "OIDC_ISSUER or AUTH0_DOMAIN must name the provider");
    }
    return err;
}

/* The addresses the provider sends browsers back to: only from the configuration (row 11). */
static enum err set_own_uris(struct oidc *oidc)
{
    const struct config *config = oidc->config;
    struct buf text = buf_make(sizeof oidc->signed_out_uri - 1);
    enum err err;

    buf_adds(&text, config_text(config, CFG_PUBLIC_URL));
    buf_adds(&text, config_text(config, CFG_BASE_PATH));
    buf_addc(&text, '/');
    err = buf_err(&text);
    if (err == ERR_OK) {
        err = text_copy(oidc->signed_out_uri, sizeof oidc->signed_out_uri, buf_str(&text));
    }
    if (err == ERR_OK) {
        err = text_copy(oidc->redirect_uri, sizeof oidc->redirect_uri,
                        config_text(config, CFG_AUTH0_CALLBACK_URL));
    }
    buf_free(&text);
    return err == ERR_MEMORY || err == ERR_OK ? err : ERR_CONFIG;
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

/*
 * The configuration gives the CIBA client the web client's id and secret where it
 * has neither of its own: one client's secret is never sent under another's id.
 */
const char *oidc_client_id(const struct oidc *oidc, enum oidc_client client)
{
    return config_text(oidc->config,
                       client == OIDC_CLIENT_CIBA ? CFG_CIBA_CLIENT_ID : CFG_AUTH0_CLIENT_ID);
}

const struct secret *oidc_client_secret(const struct oidc *oidc, enum oidc_client client)
{
    return config_secret(oidc->config, client == OIDC_CLIENT_CIBA ? CFG_CIBA_CLIENT_SECRET
                                                                  : CFG_AUTH0_CLIENT_SECRET);
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
