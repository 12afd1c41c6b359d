#include "identity/ciba.h"

#include "base/log.h"
#include "base/text.h"
#include "identity/oidc_internal.h"

#include <string.h>

#define GRANT "urn:openid:params:grant-type:ciba"
#define AUTH_REQ_ID_CLAIM "urn:openid:params:jwt:claim:auth_req_id"
#define EXPIRY_MIN 30
#define EXPIRY_MAX 300 /* Auth0 sends longer ones by e-mail, as links that can be phished */
#define INTERVAL_MAX SECONDS(60)
#define WAIT_MAX 300 /* seconds; a longer Retry-After outlives every request of ours */
#define ANSWER_MAX ((size_t)64 * 1024)
#define LIVES_MOST 86400         /* seconds; no phone shows a prompt for longer */
#define EVIDENCE_SKEW SECONDS(5) /* how far the provider's clock may be behind ours */

static int clamp(json_int_t value, int least, int most)
{
    return value < least ? least : value > most ? most : (int)value;
}

/* ---- send ---- */

/* Auth0's form of login_hint, for every issuer (its issuer's final slash stays). */
static enum err add_login_hint(struct buf *form, const char *issuer, const char *sub)
{
    struct buf text = buf_make(2048);
    json_t *hint = json_object();
    enum err err = hint ? ERR_OK : ERR_MEMORY;

    if (err == ERR_OK) {
        js_set_text(hint, "format", "iss_sub", &err);
        js_set_text(hint, "iss", issuer, &err);
        js_set_text(hint, "sub", sub, &err);
    }
    if (err == ERR_OK) {
        err = js_add(&text, hint);
    }
    if (err == ERR_OK) {
        form_add(form, "login_hint", buf_str(&text));
    }
    json_decref(hint);
    buf_free(&text);
    return err;
}

static enum err add_details(struct buf *form, const json_t *details)
{
    struct buf text = buf_make((size_t)5 * 1024); /* the provider's own limit */
    enum err err = ERR_OK;

    if (details) {
        err = js_add(&text, details);
        if (err == ERR_OK) {
            form_add(form, "authorization_details", buf_str(&text));
        }
    }
    buf_free(&text);
    return err;
}

static enum err request_form(const struct oidc *oidc, const struct oidc_metadata *metadata,
                             const struct ciba_request *request, struct buf *form)
{
    const char *audience = config_text(oidc->config, CFG_CIBA_AUDIENCE);
    enum err err;

    form_add(form, "scope", "openid");
    err = add_login_hint(form, metadata->issuer, request->sub);
    form_add(form, "binding_message", request->binding_message);
    buf_addf(form, "&requested_expiry=%d",
             clamp(request->requested_expiry, EXPIRY_MIN, EXPIRY_MAX));
    if (err == ERR_OK) {
        err = add_details(form, request->authorization_details);
    }
    if (audience[0]) {
        form_add(form, "audience", audience);
    }
    return err == ERR_OK ? buf_err(form) : err;
}

/* What a refusal means: a 4xx did not ring the phone, anything else may have.  A 408 says only
 * that somebody on the way stopped waiting. */
static enum err refusal(const struct http_response *response, char error[64])
{
    json_t *answer = NULL;
    enum err err =
        js_parse_object(buf_str(&response->body), response->body.len, ANSWER_MAX, &answer);

    oidc_error_code(answer, error);
    json_decref(answer);
    log_line(LOG_WARN, "the approval request was refused", LOG_N("status", response->status),
             LOG_T("error", error));
    if (err == ERR_MEMORY || response->status < 400 || response->status >= 500 ||
        response->status == 408) {
        return ERR_UNKNOWN;
    }
    return response->status == 429 ? ERR_LIMIT : ERR_REMOTE;
}

enum err ciba_send(struct oidc *oidc, const struct ciba_request *request, msec now,
                   struct ciba_ack *ack, char error[64])
{
    struct oidc_metadata metadata;
    struct http_response response = {0};
    struct buf form = buf_make_secret((size_t)32 * 1024);
    enum err err;

    memset(ack, 0, sizeof *ack);
    error[0] = '\0';
    if (!request->sub || !request->sub[0] || !request->binding_message) {
        err = ERR_INPUT;
        goto done;
    }
    err = oidc_metadata(oidc, now, &metadata);
    if (err == ERR_OK && !metadata.backchannel_authentication_endpoint[0]) {
        log_line(LOG_ERROR, "the provider has no CIBA endpoint: set CIBA_ENDPOINT");
        err = ERR_CONFIG;
    }
    if (err == ERR_OK) {
        err = request_form(oidc, &metadata, request, &form);
    }
    if (err != ERR_OK) {
        goto done;
    }
    err = oidc_client_post(oidc, OIDC_CLIENT_CIBA, metadata.backchannel_authentication_endpoint,
                           &form, ANSWER_MAX, &response);
    if (err == ERR_OK && response.status != 200) {
        err = refusal(&response, error);
    } else if (err == ERR_OK) {
        err = ciba_parse_ack(buf_str(&response.body), response.body.len, request->requested_expiry,
                             ack);
        err = err == ERR_OK ? ERR_OK : ERR_UNKNOWN; /* accepted, so the phone may ring */
    } else if (err == ERR_LIMIT) {
        err = ERR_UNKNOWN;
    }
done:
    http_response_free(&response);
    buf_free(&form);
    return err;
}

enum err ciba_parse_ack(const char *body, size_t len, int requested_expiry, struct ciba_ack *ack)
{
    int asked = clamp(requested_expiry, EXPIRY_MIN, EXPIRY_MAX);
    json_t *answer = NULL;
    json_int_t seconds = 0;
    const char *id;
    enum err err;

    memset(ack, 0, sizeof *ack);
    err = js_parse_object(body, len, ANSWER_MAX, &answer);
    if (err != ERR_OK) {
        return err == ERR_LIMIT ? ERR_INPUT : err;
    }
    id = js_text(answer, "auth_req_id");
    if (!id || !id[0] || text_copy(ack->auth_req_id, sizeof ack->auth_req_id, id) != ERR_OK) {
        err = ERR_INPUT;
    } else {
        /* Row 40: absent or odd values read as what we asked for, and as CIBA's default. */
        ack->expires_in = SECONDS(asked);
        if (js_int(answer, "expires_in", 1, asked, &seconds) == ERR_OK) {
            ack->expires_in = SECONDS(seconds);
        }
        if (js_int(answer, "expires_in", 1, INT32_MAX, &seconds) == ERR_OK) {
            ack->lives_for = SECONDS(clamp(seconds, 1, LIVES_MOST));
        }
        ack->interval = CIBA_INTERVAL_DEFAULT;
        if (js_int(answer, "interval", 0, INT32_MAX, &seconds) == ERR_OK) {
            ack->interval = SECONDS(clamp(seconds, 1, (int)(INTERVAL_MAX / 1000)));
        }
    }
    json_decref(answer);
    return err;
}

/* ---- poll ---- */

void ciba_answer_free(struct ciba_answer *answer)
{
    if (!answer) {
        return;
    }
    json_decref(answer->claims);
    memset(answer, 0, sizeof *answer);
}

/*
 * Whether the request itself is spent is another question than whether it is
 * over for us: a client that was locked out says nothing of the prompt.
 */
static enum ciba_state state_of(const char *error, long status, bool *spent)
{
    static const struct {
        const char *error;
        enum ciba_state state;
        bool spent;
    } KNOWN[] = {
        {"authorization_pending", CIBA_PENDING, false},
        {"slow_down", CIBA_SLOW_DOWN, false},
        {"access_denied", CIBA_DENIED, true},
        {"expired_token", CIBA_EXPIRED, true},
        {"invalid_grant", CIBA_OVER, true},
        {"invalid_request", CIBA_OVER, false},
        {"invalid_client", CIBA_OVER, false},
        {"unauthorized_client", CIBA_OVER, false},
        {"unsupported_grant_type", CIBA_OVER, false},
        {"transaction_failed", CIBA_OVER, false},
    };

    *spent = false;
    /* A server that is ill has not heard the person: what its body says does not count. */
    if (status >= 500) {
        return CIBA_PENDING;
    }
    for (size_t i = 0; i < COUNT(KNOWN); i++) {
        if (strcmp(error, KNOWN[i].error) == 0) {
            *spent = KNOWN[i].spent;
            return KNOWN[i].state;
        }
    }
    return status == 429 ? CIBA_SLOW_DOWN : CIBA_PENDING;
}

enum err ciba_parse_poll_error(long status, const char *body, size_t len, int retry_after,
                               struct ciba_answer *answer)
{
    json_t *object = NULL;
    json_int_t seconds = 0;
    enum err err = js_parse_object(body, len, ANSWER_MAX, &object);

    memset(answer, 0, sizeof *answer);
    if (err == ERR_MEMORY) {
        return err;
    }
    oidc_error_code(object, answer->error);
    answer->state = state_of(answer->error, status, &answer->spent);
    if (retry_after >= 0) {
        answer->wait = SECONDS(clamp(retry_after, 0, WAIT_MAX));
    } else if (js_int(object, "interval", 0, INT32_MAX, &seconds) == ERR_OK) {
        answer->wait = SECONDS(clamp(seconds, 0, WAIT_MAX));
    }
    json_decref(object);
    return ERR_OK;
}

static void over(struct ciba_answer *answer, const char *why)
{
    json_decref(answer->claims);
    answer->claims = NULL;
    answer->state = CIBA_OVER;
    oidc_plain_code(why, answer->error);
    log_line(LOG_WARN, "an approval's evidence did not verify", LOG_T("check", why));
}

/* id_token.c allows for a minute, which is right for a sign-in and too much for an approval. */
static bool issued_before(const json_t *claims, msec requested_at)
{
    json_int_t iat = 0;

    return js_int(claims, "iat", 1, INT64_MAX / 2000, &iat) != ERR_OK ||
           SECONDS(iat) + SECONDS(1) + EVIDENCE_SKEW <= requested_at;
}

/*
 * The tokens are consumed by now, so evidence that cannot be checked is not
 * asked for again: it is over.  The access token is dropped unused.
 */
static enum err evidence(struct oidc *oidc, const json_t *body, const char *auth_req_id,
                         const struct ciba_expectation *expect, msec now,
                         struct ciba_answer *answer)
{
    struct id_token_expectation token = {.client_id = oidc_client_id(oidc, OIDC_CLIENT_CIBA),
                                         .sub = expect->sub,
                                         .access_token = js_text(body, "access_token"),
                                         .issued_after = expect->requested_at};
    const json_t *named;
    enum err err;

    answer->spent = true;
    if (!expect->sub || !expect->sub[0] || expect->requested_at <= 0) {
        over(answer, "no_expectation"); /* a NULL sub would mean anybody's */
        return ERR_OK;
    }
    err = oidc_verify_id_token(oidc, js_text(body, "id_token"), &token, now, &answer->claims);
    if (err == ERR_MEMORY) {
        return err;
    }
    if (err != ERR_OK) {
        over(answer, err == ERR_FORGED ? "id_token" : "keys");
        return ERR_OK;
    }
    named = json_object_get(answer->claims, AUTH_REQ_ID_CLAIM);
    if (named && !text_equal(json_string_value(named), auth_req_id)) {
        over(answer, "auth_req_id");
    } else if (issued_before(answer->claims, expect->requested_at)) {
        over(answer, "iat");
    } else if (expect->authorization_details &&
               !json_equal(expect->authorization_details,
                           json_object_get(body, "authorization_details"))) {
        over(answer, "authorization_details");
    } else {
        answer->state = CIBA_APPROVED;
    }
    return ERR_OK;
}

static enum err read_answer(struct oidc *oidc, const struct http_response *response,
                            const char *auth_req_id, const struct ciba_expectation *expect,
                            msec now, struct ciba_answer *answer)
{
    json_t *body = NULL;
    enum err err =
        js_parse_object(buf_str(&response->body), response->body.len, OIDC_ANSWER_MAX, &body);

    if (err == ERR_OK && response->status == 200 && !json_object_get(body, "error")) {
        err = evidence(oidc, body, auth_req_id, expect, now, answer);
    } else if (err != ERR_MEMORY) {
        err = ciba_parse_poll_error(response->status, buf_str(&response->body), response->body.len,
                                    http_retry_after(response), answer);
    }
    json_decref(body);
    return err;
}

enum err ciba_poll(struct oidc *oidc, const char *auth_req_id,
                   const struct ciba_expectation *expect, msec now, struct ciba_answer *answer)
{
    struct oidc_metadata metadata;
    struct http_response response = {0};
    struct buf form = buf_make_secret((size_t)8 * 1024);
    enum err err = oidc_metadata(oidc, now, &metadata);

    memset(answer, 0, sizeof *answer);
    answer->state = CIBA_PENDING;
    if (err == ERR_OK) {
        form_add(&form, "grant_type", GRANT);
        form_add(&form, "auth_req_id", auth_req_id);
        err = oidc_client_post_within(oidc, OIDC_CLIENT_CIBA, metadata.token_endpoint, &form,
                                      CIBA_POLL_MOST, OIDC_ANSWER_MAX, &response);
    }
    if (err == ERR_OK) {
        err = read_answer(oidc, &response, auth_req_id, expect, now, answer);
    } else if (err != ERR_MEMORY && err != ERR_CONFIG) {
        err = ERR_OK; /* no answer is no approval: ask again */
    }
    if (err != ERR_OK) {
        ciba_answer_free(answer);
    }
    http_response_free(&response);
    buf_free(&form);
    return err;
}
