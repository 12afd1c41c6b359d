#include "identity/vault.h"

#include "base/log.h"
#include "base/text.h"
#include "identity/oidc_internal.h"

#include <string.h>
#include <strings.h>

#define GRANT "urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token"
#define REFRESH_TOKEN "urn:ietf:params:oauth:token-type:refresh_token"
#define CONNECTION_TOKEN "http://auth0.com/oauth/token-type/federated-connection-access-token"
#define SEPARATORS " ,"

/* Is the word among those of list? Both separators occur in providers' answers. */
static bool holds(const char *list, const char *word, size_t len)
{
    while (*list) {
        size_t n;

        list += strspn(list, SEPARATORS);
        n = strcspn(list, SEPARATORS);
        if (n == len && n > 0 && memcmp(list, word, n) == 0) {
            return true;
        }
        list += n;
    }
    return false;
}

static bool holds_all(const char *granted, const char *needed)
{
    while (needed && *needed) {
        size_t n;

        needed += strspn(needed, SEPARATORS);
        n = strcspn(needed, SEPARATORS);
        if (n > 0 && !holds(granted ? granted : "", needed, n)) {
            return false;
        }
        needed += n;
    }
    return true;
}

static enum err request_body(const struct oidc *oidc, const struct secret *refresh_token,
                             const char *connection, struct buf *out)
{
    const struct secret *secret = oidc_client_secret(oidc, OIDC_CLIENT_WEB);
    json_t *object;
    enum err err = ERR_OK;

    if (!secret || !oidc_client_id(oidc, OIDC_CLIENT_WEB)[0] || !connection || !connection[0]) {
        log_line(LOG_ERROR, "Token Vault needs the web client's id and secret and a connection");
        return ERR_CONFIG;
    }
    object = json_object();
    if (!object) {
        return ERR_MEMORY;
    }
    js_set_text(object, "grant_type", GRANT, &err);
    js_set_text(object, "client_id", oidc_client_id(oidc, OIDC_CLIENT_WEB), &err);
    js_set_text(object, "client_secret", secret_text(secret), &err);
    js_set_text(object, "subject_token", secret_text(refresh_token), &err);
    js_set_text(object, "subject_token_type", REFRESH_TOKEN, &err);
    js_set_text(object, "requested_token_type", CONNECTION_TOKEN, &err);
    js_set_text(object, "connection", connection, &err);
    if (err == ERR_OK) {
        err = js_add(out, object);
    }
    json_decref(object);
    return err;
}

static enum err refusal(long status, const json_t *answer)
{
    static const struct {
        const char *error;
        enum err err;
    } KNOWN[] = {
        {"federated_connection_refresh_token_not_found", ERR_NONE},
        {"federated_connection_refresh_token_flow_failed", ERR_AUTH},
        {"invalid_grant", ERR_AUTH},
        {"mfa_required", ERR_AUTH},
        {"unauthorized_client", ERR_DENIED},
    };
    char error[64];

    oidc_error_code(answer, error);
    log_line(LOG_WARN, "Token Vault gave no token", LOG_N("status", status), LOG_T("error", error));
    for (size_t i = 0; i < COUNT(KNOWN); i++) {
        if (strcmp(error, KNOWN[i].error) == 0) {
            return KNOWN[i].err;
        }
    }
    return status == 403 ? ERR_DENIED : ERR_REMOTE;
}

static enum err accept(const json_t *answer, const char *needed, struct secret **token)
{
    const char *text = js_text(answer, "access_token");
    const char *type = js_text(answer, "token_type");
    const char *issued = js_text(answer, "issued_token_type");

    if (!text || !text[0] || (type && strcasecmp(type, "Bearer") != 0) ||
        (issued && strcmp(issued, CONNECTION_TOKEN) != 0)) {
        log_line(LOG_WARN, "Token Vault answered something other than a bearer token");
        return ERR_REMOTE;
    }
    if (!holds_all(js_text(answer, "scope"), needed)) {
        log_line(LOG_WARN, "the person's Okta token lacks a scope", LOG_T("needed", needed));
        return ERR_DENIED;
    }
    return secret_new(text, strlen(text), token);
}

enum err vault_exchange(struct oidc *oidc, const struct secret *refresh_token,
                        const char *connection, const char *needed, msec now, struct secret **token)
{
    static const struct http_header headers[] = {{"Content-Type", "application/json"},
                                                 {"Accept", "application/json"}};
    struct oidc_metadata metadata;
    struct http_response response = {0};
    struct buf body = buf_make_secret((size_t)128 * 1024);
    struct http_request request = {.method = "POST",
                                   .headers = headers,
                                   .header_count = COUNT(headers),
                                   .body_max = OIDC_ANSWER_MAX};
    json_t *answer = NULL;
    enum err err;

    *token = NULL;
    if (!refresh_token || secret_len(refresh_token) == 0) {
        err = ERR_AUTH;
        goto done;
    }
    err = request_body(oidc, refresh_token, connection, &body);
    if (err == ERR_OK) {
        err = oidc_metadata(oidc, now, &metadata);
    }
    if (err != ERR_OK) {
        goto done;
    }
    request.url = metadata.token_endpoint;
    request.body = buf_str(&body);
    request.body_len = body.len;
    err = http_call(oidc->http, &request, &response);
    if (err != ERR_OK) {
        err = err == ERR_LIMIT || err == ERR_UNKNOWN ? ERR_REMOTE : err;
        goto done;
    }
    response.body.wipe = true;
    err = js_parse_object(buf_str(&response.body), response.body.len, OIDC_ANSWER_MAX, &answer);
    if (err == ERR_MEMORY) {
        goto done;
    }
    if (err != ERR_OK || response.status != 200) {
        err = refusal(response.status, answer);
    } else {
        err = accept(answer, needed, token);
    }
done:
    json_decref(answer);
    http_response_free(&response);
    buf_free(&body);
    return err;
}
