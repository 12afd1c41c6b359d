/* Opening, the writes, and a service app's token. */
#include "okta/okta.h"

#include "base/log.h"
#include "base/text.h"
#include "okta/okta_internal.h"

#include <stdlib.h>
#include <string.h>

#define TOKEN_ANSWER_MAX ((size_t)64 * 1024)

enum err okta_open(const struct config *config, struct http *http, struct okta **out)
{
    const char *domain = config_text(config, CFG_OKTA_DOMAIN);
    struct buf origin = buf_make(512);
    struct okta *okta = calloc(1, sizeof(*okta));
    size_t len = strlen(domain);
    enum err err;

    *out = NULL;
    while (len > 0 && domain[len - 1] == '/') {
        len--;
    }
    if (strstr(domain, "://") == NULL) {
        buf_adds(&origin, "https://");
    }
    buf_add(&origin, domain, len);
    err = okta == NULL ? ERR_MEMORY : buf_err(&origin);
    if (err == ERR_OK && (len == 0 || strchr(domain, '?') != NULL ||
                          http_url_allowed(http, buf_str(&origin)) != ERR_OK)) {
        err = ERR_CONFIG;
    }
    if (err == ERR_OK) {
        okta->http = http;
        err = buf_take(&origin, &okta->origin);
    }
    buf_free(&origin);
    if (err != ERR_OK) {
        okta_free(okta);
        return err;
    }
    *out = okta;
    return ERR_OK;
}

void okta_free(struct okta *okta)
{
    if (okta == NULL) {
        return;
    }
    free(okta->origin);
    free(okta);
}

const char *okta_origin(const struct okta *okta)
{
    return okta->origin;
}

static enum err write_user(struct okta *okta, const struct okta_token *token, const char *method,
                           const char *id, const char *what, char code[OKTA_CODE_SIZE])
{
    struct buf path = buf_make(512);
    enum err err;

    code[0] = '\0';
    if (!okta_id_valid(id)) {
        return ERR_INPUT;
    }
    buf_addf(&path, "/api/v1/users/%s/%s", id, what);
    err = buf_err(&path);
    if (err == ERR_OK) {
        err = okta_send(okta, token, method, buf_str(&path), code);
    }
    buf_free(&path);
    return err;
}

enum err okta_reset_password(struct okta *okta, const struct okta_token *token, const char *id,
                             char code[OKTA_CODE_SIZE])
{
    /* sendEmail=false would answer the reset link itself; there is no way to ask for it here. */
    return write_user(okta, token, "POST", id, "lifecycle/reset_password?sendEmail=true", code);
}

enum err okta_unlock(struct okta *okta, const struct okta_token *token, const char *id,
                     char code[OKTA_CODE_SIZE])
{
    return write_user(okta, token, "POST", id, "lifecycle/unlock", code);
}

enum err okta_revoke_sessions(struct okta *okta, const struct okta_token *token, const char *id,
                              char code[OKTA_CODE_SIZE])
{
    return write_user(okta, token, "DELETE", id, "sessions?oauthTokens=true", code);
}

static enum err write_member(struct okta *okta, const struct okta_token *token, const char *method,
                             const char *group_id, const char *user_id, char code[OKTA_CODE_SIZE])
{
    struct buf path = buf_make(512);
    enum err err;

    code[0] = '\0';
    if (!okta_id_valid(group_id) || !okta_id_valid(user_id)) {
        return ERR_INPUT;
    }
    buf_addf(&path, "/api/v1/groups/%s/users/%s", group_id, user_id);
    err = buf_err(&path);
    if (err == ERR_OK) {
        err = okta_send(okta, token, method, buf_str(&path), code);
    }
    buf_free(&path);
    return err;
}

enum err okta_group_add(struct okta *okta, const struct okta_token *token, const char *group_id,
                        const char *user_id, char code[OKTA_CODE_SIZE])
{
    return write_member(okta, token, "PUT", group_id, user_id, code);
}

enum err okta_group_remove(struct okta *okta, const struct okta_token *token, const char *group_id,
                           const char *user_id, char code[OKTA_CODE_SIZE])
{
    return write_member(okta, token, "DELETE", group_id, user_id, code);
}

/* Is every scope of asked (split at spaces) in granted (at spaces or commas)? */
static bool scopes_granted(const char *asked, const char *granted)
{
    while (*asked != '\0') {
        size_t len = strcspn(asked, " ");
        const char *at = granted;
        bool found = len == 0;

        while (*at != '\0' && !found) {
            size_t piece = strcspn(at, " ,");
            found = piece == len && memcmp(at, asked, len) == 0;
            at += piece + (at[piece] != '\0');
        }
        if (!found) {
            return false;
        }
        asked += len + (asked[len] != '\0');
    }
    return true;
}

static enum err token_read(const struct http_response *response, const char *scope,
                           struct secret **token, msec *lifetime)
{
    json_t *body = NULL;
    json_int_t expires_in = 0;
    const char *text;
    const char *granted;
    enum err err = ERR_REMOTE;

    if (js_parse_object(buf_str(&response->body), response->body.len, TOKEN_ANSWER_MAX, &body) !=
        ERR_OK) {
        return ERR_REMOTE;
    }
    if (response->status != 200) {
        const char *error = js_text(body, "error");
        log_line(LOG_WARN, "Okta gave no service token", LOG_N("status", response->status),
                 LOG_T("error", error == NULL ? "" : error));
        err = response->status == 429                              ? ERR_LIMIT
              : response->status == 400 || response->status == 401 ? ERR_AUTH
              : response->status == 403                            ? ERR_DENIED
                                                                   : ERR_REMOTE;
        goto done;
    }
    text = js_text(body, "access_token");
    granted = js_text(body, "scope");
    if (text == NULL || text[0] == '\0' || strpbrk(text, " \t\r\n") != NULL ||
        !okta_login_equal("bearer",
                          js_text(body, "token_type") == NULL ? "" : js_text(body, "token_type")) ||
        js_int(body, "expires_in", 1, 86400, &expires_in) != ERR_OK) {
        goto done;
    }
    if (granted != NULL && !scopes_granted(scope, granted)) {
        err = ERR_DENIED;
        goto done;
    }
    err = secret_new(text, strlen(text), token);
    if (err == ERR_OK) {
        *lifetime = SECONDS(expires_in);
    }
done:
    json_decref(body);
    return err;
}

enum err okta_service_token(struct okta *okta, const char *client_assertion, const char *scope,
                            struct secret **token, msec *lifetime)
{
    static const struct http_header headers[] = {
        {"Accept", "application/json"}, {"Content-Type", "application/x-www-form-urlencoded"}};
    struct buf form = buf_make_secret(32768);
    struct buf url = buf_make(1024);
    struct http_response response = {0};
    enum err err;

    *token = NULL;
    *lifetime = 0;
    form_add(&form, "grant_type", "client_credentials");
    form_add(&form, "scope", scope);
    form_add(&form, "client_assertion_type",
             "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    form_add(&form, "client_assertion", client_assertion);
    buf_addf(&url, "%s/oauth2/v1/token", okta->origin);
    err = buf_err(&form);
    if (err == ERR_OK) {
        err = buf_err(&url);
    }
    if (err == ERR_OK) {
        err = http_call(okta->http,
                        &(struct http_request){.method = "POST",
                                               .url = buf_str(&url),
                                               .headers = headers,
                                               .header_count = COUNT(headers),
                                               .body = buf_str(&form),
                                               .body_len = form.len,
                                               .deadline = OKTA_READ_DEADLINE,
                                               .body_max = TOKEN_ANSWER_MAX},
                        &response);
        /* A token that was minted and lost does no harm, so nothing is unknown. */
        if (err == ERR_UNKNOWN || err == ERR_LIMIT) {
            err = ERR_REMOTE;
        }
    }
    if (err == ERR_OK) {
        err = token_read(&response, scope, token, lifetime);
    }
    http_response_free(&response);
    buf_free(&form);
    buf_free(&url);
    return err;
}
