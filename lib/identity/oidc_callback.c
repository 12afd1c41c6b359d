/*
 * The code flow's end: the answer checked, the code exchanged, the ID token
 * validated, in an order in which nothing is asked of the provider for an answer
 * that is not its own (RFC 9207, RFC 9700).
 */
#include "base/log.h"
#include "base/text.h"
#include "identity/oidc_flow.h"
#include "identity/oidc_internal.h"

#include <stdlib.h>
#include <string.h>

struct callback {
    char *state, *code, *error, *iss;
};

static void callback_free(struct callback *callback)
{
    free_wiped(callback->state);
    free_wiped(callback->code);
    free_wiped(callback->error);
    free_wiped(callback->iss);
    memset(callback, 0, sizeof *callback);
}

static enum err parameter(const char *query, const char *name, char **out)
{
    enum err err = form_get(query, strlen(query), name, out);

    return err == ERR_NONE ? ERR_OK : err;
}

static enum err callback_read(const char *query, struct callback *out)
{
    enum err err;

    if (!query || strnlen(query, OIDC_QUERY_MAX) == OIDC_QUERY_MAX) {
        return ERR_INPUT;
    }
    err = parameter(query, "state", &out->state);
    if (err == ERR_OK) {
        err = parameter(query, "code", &out->code);
    }
    if (err == ERR_OK) {
        err = parameter(query, "error", &out->error);
    }
    if (err == ERR_OK) {
        err = parameter(query, "iss", &out->iss);
    }
    return err == ERR_OK && !out->state ? ERR_INPUT : err;
}

/*
 * The flow of this state, taken so that nobody takes it again.  The browser is
 * compared before the deletion: who only learnt a state cannot end another's flow.
 */
static enum err flow_take(struct oidc *oidc, const char *state, const char *browser, msec now,
                          struct login_flow *out)
{
    struct record record = {0};
    uint8_t id[RECORD_ID_SIZE];
    uint8_t browser_hash[RECORD_ID_SIZE];
    enum err err;

    if (!is_login_token(state) || !is_login_token(browser)) {
        return ERR_NONE;
    }
    login_flow_id(state, id);
    login_browser_hash(browser, browser_hash);
    err = record_get(oidc->store, KIND_LOGIN, id, now, &record);
    if (err != ERR_OK) {
        return err == ERR_FORGED ? ERR_NONE : err;
    }
    err = login_flow_read(&record, out);
    record_free(&record);
    if (err != ERR_OK) {
        return err;
    }
    err = memcmp(out->browser, browser_hash, sizeof browser_hash) == 0
              ? record_delete(oidc->store, KIND_LOGIN, id)
              : ERR_NONE;
    if (err != ERR_OK) {
        login_flow_free(out);
    }
    return err;
}

/* RFC 9207: the answer, good or bad, must come from the provider that was asked (row 6). */
static enum err callback_check(const struct oidc_metadata *metadata,
                               const struct callback *callback, char code[64])
{
    if ((callback->iss || metadata->iss_parameter_supported) &&
        !text_equal(callback->iss, metadata->issuer)) {
        log_line(LOG_WARN, "callback refused", LOG_T("check", "iss"));
        return ERR_FORGED;
    }
    if (callback->error && callback->code) {
        return ERR_INPUT;
    }
    if (callback->error) {
        oidc_plain_code(callback->error, code);
        return ERR_DENIED;
    }
    return callback->code && callback->code[0] ? ERR_OK : ERR_INPUT;
}

static enum err code_exchange(struct oidc *oidc, const struct oidc_metadata *metadata,
                              const char *code, const struct login_flow *flow, json_t **answer)
{
    struct http_response response = {0};
    struct buf form = buf_make_secret((size_t)16 * 1024);
    char error[64];
    enum err err;

    form_add(&form, "grant_type", "authorization_code");
    form_add(&form, "code", code);
    form_add(&form, "redirect_uri", oidc->redirect_uri);
    form_add(&form, "code_verifier", flow->code_verifier);
    err = oidc_client_post(oidc, OIDC_CLIENT_WEB, metadata->token_endpoint, &form, OIDC_ANSWER_MAX,
                           &response);
    if (err != ERR_OK) {
        log_line(LOG_WARN, "no answer from the token endpoint", LOG_T("reason", err_name(err)));
        err = err == ERR_LIMIT || err == ERR_INPUT ? ERR_REMOTE : err;
        goto done;
    }
    err = js_parse_object(buf_str(&response.body), response.body.len, OIDC_ANSWER_MAX, answer);
    if (err == ERR_OK && response.status != 200) {
        err = ERR_REMOTE;
    }
    if (err != ERR_OK && err != ERR_MEMORY) {
        oidc_error_code(*answer, error);
        log_line(LOG_WARN, "the token endpoint refused the code", LOG_N("status", response.status),
                 LOG_T("error", error));
        err = ERR_REMOTE;
    }
    if (err != ERR_OK) {
        json_decref(*answer);
        *answer = NULL;
    }
done:
    http_response_free(&response);
    buf_free(&form);
    return err;
}

static enum err keep_secret(const json_t *answer, const char *name, struct secret **out)
{
    const char *text = js_text(answer, name);

    return text && text[0] ? secret_new(text, strlen(text), out) : ERR_OK;
}

static enum err identity_fill(const json_t *claims, const json_t *answer, struct login_flow *flow,
                              struct oidc_identity *out)
{
    const char *sid = js_text(claims, "sid");
    json_int_t auth_time = 0;
    enum err err =
        person_new(js_text(claims, "iss"), js_text(claims, "sub"), js_text(claims, "email"),
                   js_true(claims, "email_verified"), js_text(claims, "name"), &out->person);

    if (err != ERR_OK) {
        return err == ERR_INPUT ? ERR_FORGED : err;
    }
    if (sid && text_copy(out->sid, sizeof out->sid, sid) != ERR_OK) {
        return ERR_FORGED; /* cut, it would name another session at the provider */
    }
    if (js_int(claims, "auth_time", 1, INT32_MAX * (json_int_t)4, &auth_time) == ERR_OK) {
        out->auth_time = SECONDS(auth_time);
    }
    out->started_at = flow->started_at;
    out->return_to = flow->return_to;
    flow->return_to = NULL;
    err = keep_secret(answer, "refresh_token", &out->refresh_token);
    return err == ERR_OK ? keep_secret(answer, "id_token", &out->id_token) : err;
}

static enum err exchange_and_verify(struct oidc *oidc, const struct oidc_metadata *metadata,
                                    const char *code, struct login_flow *flow, msec now,
                                    struct oidc_identity *out)
{
    json_t *answer = NULL;
    json_t *claims = NULL;
    enum err err = code_exchange(oidc, metadata, code, flow, &answer);

    if (err == ERR_OK) {
        struct id_token_expectation expect = {.client_id = oidc_client_id(oidc, OIDC_CLIENT_WEB),
                                              .nonce = flow->nonce,
                                              .access_token = js_text(answer, "access_token")};

        err = oidc_verify_id_token(oidc, js_text(answer, "id_token"), &expect, now, &claims);
    }
    if (err == ERR_OK) {
        err = identity_fill(claims, answer, flow, out);
    }
    json_decref(claims);
    json_decref(answer);
    return err;
}

enum err oidc_login_finish(struct oidc *oidc, const char *query, const char *browser, msec now,
                           char code[64], struct oidc_identity *out)
{
    struct oidc_metadata metadata;
    struct callback callback = {0};
    struct login_flow flow = {0};
    enum err err;

    memset(out, 0, sizeof *out);
    code[0] = '\0';
    err = callback_read(query, &callback);
    if (err == ERR_OK) {
        err = flow_take(oidc, callback.state, browser, now, &flow);
    }
    if (err == ERR_OK) {
        err = oidc_metadata(oidc, now, &metadata);
    }
    if (err == ERR_OK) {
        err = callback_check(&metadata, &callback, code);
    }
    if (err == ERR_OK) {
        err = exchange_and_verify(oidc, &metadata, callback.code, &flow, now, out);
    }
    if (err != ERR_OK) {
        oidc_identity_free(out);
    }
    login_flow_free(&flow);
    callback_free(&callback);
    return err;
}

void oidc_identity_free(struct oidc_identity *identity)
{
    if (!identity) {
        return;
    }
    person_free(&identity->person);
    free(identity->return_to);
    secret_free(identity->refresh_token);
    secret_free(identity->id_token);
    wipe(identity, sizeof *identity);
}
