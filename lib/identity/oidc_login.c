/*
 * The code flow's two ends.  One record per flow, found by the state and bound to
 * the browser by a cookie: tabs do not collide, and a state from one browser is
 * nothing in another (RFC 9700 section 4.7).
 */
#include "base/log.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "crypto/pkce.h"
#include "identity/oidc_internal.h"

#include <stdlib.h>
#include <string.h>

#define PART (LOGIN_RANDOM / 4)
#define FLOWS_MAX 30 /* per browser cookie within LOGIN_LIFETIME */
#define QUERY_MAX 8192
#define FLOW_TEXT_MAX 4096

struct flow {
    uint8_t browser[RECORD_ID_SIZE]; /* the hash of its cookie */
    char nonce[LOGIN_COOKIE_SIZE];
    char code_verifier[PKCE_SIZE];
    char *return_to;
    msec started_at;
};

static void flow_free(struct flow *flow)
{
    free(flow->return_to);
    wipe(flow, sizeof *flow);
}

static bool is_token(const char *text)
{
    return text_of(text, LOGIN_COOKIE_SIZE - 1, LOGIN_COOKIE_SIZE - 1,
                   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
}

static enum err flow_write(const struct flow *flow, struct record *record)
{
    char browser[BASE64URL_SIZE(RECORD_ID_SIZE)];
    struct buf text = buf_make_secret(FLOW_TEXT_MAX);
    enum err err = ERR_OK;
    json_t *object = json_object();

    if (!object)
        return ERR_MEMORY;
    base64url_encode(flow->browser, sizeof flow->browser, browser);
    js_set_text(object, "browser", browser, &err);
    js_set_text(object, "nonce", flow->nonce, &err);
    js_set_text(object, "code_verifier", flow->code_verifier, &err);
    js_set_text(object, "return_to", flow->return_to, &err);
    js_set_int(object, "started_at", flow->started_at, &err);
    if (err == ERR_OK)
        err = js_add(&text, object);
    if (err == ERR_OK) {
        record->payload_len = text.len;
        err = buf_take(&text, &record->payload);
    }
    json_decref(object);
    buf_free(&text);
    return err;
}

static enum err flow_read(const struct record *record, struct flow *out)
{
    json_t *object = NULL;
    const char *browser;
    size_t len = sizeof out->browser;
    enum err err = js_parse_object(record->payload, record->payload_len, FLOW_TEXT_MAX, &object);

    memset(out, 0, sizeof *out);
    if (err != ERR_OK)
        return err == ERR_MEMORY ? err : ERR_FORGED;
    browser = js_text(object, "browser");
    err = ERR_FORGED;
    if (browser && base64url_decode(browser, strlen(browser), out->browser, &len) == ERR_OK &&
        len == sizeof out->browser && js_text(object, "nonce") &&
        text_copy(out->nonce, sizeof out->nonce, js_text(object, "nonce")) == ERR_OK &&
        js_text(object, "code_verifier") &&
        text_copy(out->code_verifier, sizeof out->code_verifier,
                  js_text(object, "code_verifier")) == ERR_OK) {
        out->started_at = js_int_or(object, "started_at", 0);
        err = text_dup(js_text(object, "return_to"), &out->return_to);
    }
    json_decref(object);
    if (err != ERR_OK)
        flow_free(out);
    return err;
}

static void flow_id(const char *state, uint8_t id[RECORD_ID_SIZE])
{
    hash_parts(id, "login", state, (const char *)NULL);
}

static enum err authorization_url(const struct oidc *oidc, const struct oidc_metadata *metadata,
                                  const struct flow *flow, const char *state, struct buf *url)
{
    const char *connection = config_text(oidc->config, CFG_AUTH0_CONNECTION_NAME);
    char code_challenge[PKCE_SIZE];
    struct buf query = buf_make(QUERY_MAX);
    enum err err;

    pkce_code_challenge(flow->code_verifier, code_challenge);
    form_add(&query, "response_type", "code");
    form_add(&query, "client_id", oidc_client_id(oidc, OIDC_CLIENT_WEB));
    form_add(&query, "redirect_uri", oidc->redirect_uri);
    form_add(&query, "scope", config_text(oidc->config, CFG_OIDC_SCOPE));
    form_add(&query, "state", state);
    form_add(&query, "nonce", flow->nonce);
    form_add(&query, "code_challenge", code_challenge);
    form_add(&query, "code_challenge_method", "S256");
    if (connection[0])
        form_add(&query, "connection", connection);
    buf_adds(url, metadata->authorization_endpoint);
    buf_addc(url, strchr(metadata->authorization_endpoint, '?') ? '&' : '?');
    buf_add(url, buf_str(&query), query.len);
    err = buf_err(&query);
    buf_free(&query);
    return err == ERR_OK ? buf_err(url) : err;
}

enum err oidc_login_begin(struct oidc *oidc, const char *browser, const char *return_to, msec now,
                          const uint8_t random[LOGIN_RANDOM], char cookie[LOGIN_COOKIE_SIZE],
                          struct buf *url)
{
    struct oidc_metadata metadata;
    struct record record = {.kind = KIND_LOGIN, .expires_at = now + LOGIN_LIFETIME};
    struct flow flow = {.started_at = now};
    char state[LOGIN_COOKIE_SIZE];
    uint8_t rate_id[RECORD_ID_SIZE];
    int64_t flows = 0;
    enum err err;

    base64url_encode(random, PART, state);
    base64url_encode(random + PART, PART, flow.nonce);
    pkce_code_verifier(random + (size_t)2 * PART, flow.code_verifier);
    if (is_token(browser))
        memcpy(cookie, browser, LOGIN_COOKIE_SIZE);
    else
        base64url_encode(random + (size_t)3 * PART, PART, cookie);
    hash_parts(flow.browser, "login browser", cookie, (const char *)NULL);
    hash_parts(rate_id, "login rate", cookie, (const char *)NULL);
    err = return_to_is_local(return_to) ? text_dup(return_to, &flow.return_to) : ERR_INPUT;
    if (err == ERR_OK)
        err = oidc_metadata(oidc, now, &metadata);
    if (err == ERR_OK)
        err = record_count(oidc->store, rate_id, 1, LOGIN_LIFETIME, now, &flows);
    if (err == ERR_OK && flows > FLOWS_MAX)
        err = ERR_LIMIT;
    if (err == ERR_OK)
        err = flow_write(&flow, &record);
    if (err == ERR_OK) {
        flow_id(state, record.id);
        err = record_put(oidc->store, &record, now);
    }
    if (err == ERR_OK)
        err = authorization_url(oidc, &metadata, &flow, state, url);
    if (err != ERR_OK)
        wipe(cookie, LOGIN_COOKIE_SIZE);
    wipe(state, sizeof state);
    record_free(&record);
    flow_free(&flow);
    return err;
}

/* ---- the callback ---- */

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

    if (!query || strnlen(query, QUERY_MAX) == QUERY_MAX)
        return ERR_INPUT;
    err = parameter(query, "state", &out->state);
    if (err == ERR_OK)
        err = parameter(query, "code", &out->code);
    if (err == ERR_OK)
        err = parameter(query, "error", &out->error);
    if (err == ERR_OK)
        err = parameter(query, "iss", &out->iss);
    return err == ERR_OK && !out->state ? ERR_INPUT : err;
}

/*
 * The flow of this state, taken so that nobody takes it again.  The browser is
 * compared before the deletion: who only learnt a state cannot end another's flow.
 */
static enum err flow_take(struct oidc *oidc, const char *state, const char *browser, msec now,
                          struct flow *out)
{
    struct record record = {0};
    uint8_t id[RECORD_ID_SIZE];
    uint8_t browser_hash[RECORD_ID_SIZE];
    enum err err;

    if (!is_token(state) || !is_token(browser))
        return ERR_NONE;
    flow_id(state, id);
    hash_parts(browser_hash, "login browser", browser, (const char *)NULL);
    err = record_get(oidc->store, KIND_LOGIN, id, now, &record);
    if (err != ERR_OK)
        return err == ERR_FORGED ? ERR_NONE : err;
    err = flow_read(&record, out);
    record_free(&record);
    if (err != ERR_OK)
        return err;
    err = memcmp(out->browser, browser_hash, sizeof browser_hash) == 0
              ? record_delete(oidc->store, KIND_LOGIN, id)
              : ERR_NONE;
    if (err != ERR_OK)
        flow_free(out);
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
    if (callback->error && callback->code)
        return ERR_INPUT;
    if (callback->error) {
        oidc_plain_code(callback->error, code);
        return ERR_DENIED;
    }
    return callback->code && callback->code[0] ? ERR_OK : ERR_INPUT;
}

static enum err code_exchange(struct oidc *oidc, const struct oidc_metadata *metadata,
                              const char *code, const struct flow *flow, json_t **answer)
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
    if (err == ERR_OK && response.status != 200)
        err = ERR_REMOTE;
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

static enum err identity_fill(const json_t *claims, const json_t *answer, struct flow *flow,
                              struct oidc_identity *out)
{
    const char *sid = js_text(claims, "sid");
    json_int_t auth_time = 0;
    enum err err =
        person_new(js_text(claims, "iss"), js_text(claims, "sub"), js_text(claims, "email"),
                   js_true(claims, "email_verified"), js_text(claims, "name"), &out->person);

    if (err != ERR_OK)
        return err == ERR_INPUT ? ERR_FORGED : err;
    if (sid && text_copy(out->sid, sizeof out->sid, sid) != ERR_OK)
        return ERR_FORGED; /* cut, it would name another session at the provider */
    if (js_int(claims, "auth_time", 1, INT32_MAX * (json_int_t)4, &auth_time) == ERR_OK)
        out->auth_time = SECONDS(auth_time);
    out->started_at = flow->started_at;
    out->return_to = flow->return_to;
    flow->return_to = NULL;
    err = keep_secret(answer, "refresh_token", &out->refresh_token);
    return err == ERR_OK ? keep_secret(answer, "id_token", &out->id_token) : err;
}

static enum err exchange_and_verify(struct oidc *oidc, const struct oidc_metadata *metadata,
                                    const char *code, struct flow *flow, msec now,
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
    if (err == ERR_OK)
        err = identity_fill(claims, answer, flow, out);
    json_decref(claims);
    json_decref(answer);
    return err;
}

enum err oidc_login_finish(struct oidc *oidc, const char *query, const char *browser, msec now,
                           char code[64], struct oidc_identity *out)
{
    struct oidc_metadata metadata;
    struct callback callback = {0};
    struct flow flow = {0};
    enum err err;

    memset(out, 0, sizeof *out);
    code[0] = '\0';
    err = callback_read(query, &callback);
    if (err == ERR_OK)
        err = flow_take(oidc, callback.state, browser, now, &flow);
    if (err == ERR_OK)
        err = oidc_metadata(oidc, now, &metadata);
    if (err == ERR_OK)
        err = callback_check(&metadata, &callback, code);
    if (err == ERR_OK)
        err = exchange_and_verify(oidc, &metadata, callback.code, &flow, now, out);
    if (err != ERR_OK)
        oidc_identity_free(out);
    flow_free(&flow);
    callback_free(&callback);
    return err;
}

void oidc_identity_free(struct oidc_identity *identity)
{
    if (!identity)
        return;
    person_free(&identity->person);
    free(identity->return_to);
    secret_free(identity->refresh_token);
    secret_free(identity->id_token);
    wipe(identity, sizeof *identity);
}
