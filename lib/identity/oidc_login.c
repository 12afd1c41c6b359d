/*
 * The code flow's beginning.  One record per flow, found by the state and bound to
 * the browser by a cookie: tabs do not collide, and a state from one browser is
 * nothing in another (RFC 9700 section 4.7).
 */
#include "base/log.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "crypto/pkce.h"
#include "identity/oidc_flow.h"
#include "identity/oidc_internal.h"

#include <stdlib.h>
#include <string.h>

#define PART (LOGIN_RANDOM / 4)
#define FLOWS_MAX 30 /* per browser cookie within LOGIN_LIFETIME */
/*
 * Of all browsers together within LOGIN_LIFETIME, since who sends no cookie is
 * counted nowhere else: what bounds the records that strangers can make us keep.
 */
#define FLOWS_IN_ALL_MAX 20000
#define FLOW_TEXT_MAX 4096

void login_flow_free(struct login_flow *flow)
{
    free(flow->return_to);
    wipe(flow, sizeof *flow);
}

bool is_login_token(const char *text)
{
    return text_of(text, LOGIN_COOKIE_SIZE - 1, LOGIN_COOKIE_SIZE - 1,
                   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
}

void login_browser_hash(const char *cookie, uint8_t hash[RECORD_ID_SIZE])
{
    hash_parts(hash, "login browser", cookie, (const char *)NULL);
}

enum err login_flow_write(const struct login_flow *flow, struct record *record)
{
    char browser[BASE64URL_SIZE(RECORD_ID_SIZE)];
    struct buf text = buf_make_secret(FLOW_TEXT_MAX);
    enum err err = ERR_OK;
    json_t *object = json_object();

    if (!object) {
        return ERR_MEMORY;
    }
    base64url_encode(flow->browser, sizeof flow->browser, browser);
    js_set_text(object, "browser", browser, &err);
    js_set_text(object, "nonce", flow->nonce, &err);
    js_set_text(object, "code_verifier", flow->code_verifier, &err);
    js_set_text(object, "return_to", flow->return_to, &err);
    js_set_int(object, "started_at", flow->started_at, &err);
    if (err == ERR_OK) {
        err = js_add(&text, object);
    }
    if (err == ERR_OK) {
        record->payload_len = text.len;
        err = buf_take(&text, &record->payload);
    }
    json_decref(object);
    buf_free(&text);
    return err;
}

enum err login_flow_read(const struct record *record, struct login_flow *out)
{
    json_t *object = NULL;
    const char *browser;
    size_t len = sizeof out->browser;
    enum err err = js_parse_object(record->payload, record->payload_len, FLOW_TEXT_MAX, &object);

    memset(out, 0, sizeof *out);
    if (err != ERR_OK) {
        return err == ERR_MEMORY ? err : ERR_FORGED;
    }
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
    if (err != ERR_OK) {
        login_flow_free(out);
    }
    return err;
}

void login_flow_id(const char *state, uint8_t id[RECORD_ID_SIZE])
{
    hash_parts(id, "login", state, (const char *)NULL);
}

static enum err authorization_url(const struct oidc *oidc, const struct oidc_metadata *metadata,
                                  const struct login_flow *flow, const char *state, struct buf *url)
{
    const char *connection = config_text(oidc->config, CFG_AUTH0_CONNECTION_NAME);
    char code_challenge[PKCE_SIZE];
    struct buf query = buf_make_secret(OIDC_QUERY_MAX);
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
    if (connection[0]) {
        form_add(&query, "connection", connection);
    }
    buf_adds(url, metadata->authorization_endpoint);
    buf_addc(url, strchr(metadata->authorization_endpoint, '?') ? '&' : '?');
    buf_add(url, buf_str(&query), query.len);
    err = buf_err(&query);
    buf_free(&query);
    return err == ERR_OK ? buf_err(url) : err;
}

/*
 * The common count is read before anything is written, and raised only by a flow
 * that begins: neither can make rows without end, nor can one browser use up the
 * common count by what it is refused.
 */
static enum err flows_count(struct oidc *oidc, const char *browser, msec now)
{
    uint8_t all[RECORD_ID_SIZE];
    uint8_t own[RECORD_ID_SIZE];
    int64_t flows = 0;
    enum err err;

    hash_parts(all, "login flows", (const char *)NULL);
    err = record_count(oidc->store, all, 0, LOGIN_LIFETIME, now, &flows);
    if (err == ERR_OK && flows >= FLOWS_IN_ALL_MAX) {
        log_line(LOG_WARN, "more sign-ins were begun than are kept", LOG_N("flows", flows));
        return ERR_DENIED;
    }
    if (err == ERR_OK && is_login_token(browser)) {
        hash_parts(own, "login rate", browser, (const char *)NULL);
        err = record_count(oidc->store, own, 1, LOGIN_LIFETIME, now, &flows);
        if (err == ERR_OK && flows > FLOWS_MAX) {
            err = ERR_LIMIT;
        }
    }
    return err == ERR_OK ? record_count(oidc->store, all, 1, LOGIN_LIFETIME, now, &flows) : err;
}

enum err oidc_login_begin(struct oidc *oidc, const char *browser, const char *return_to, msec now,
                          const uint8_t random[LOGIN_RANDOM], char cookie[LOGIN_COOKIE_SIZE],
                          struct buf *url)
{
    struct oidc_metadata metadata;
    struct record record = {.kind = KIND_LOGIN, .expires_at = now + LOGIN_LIFETIME};
    struct login_flow flow = {.started_at = now};
    char state[LOGIN_COOKIE_SIZE];
    enum err err;

    base64url_encode(random, PART, state);
    base64url_encode(random + PART, PART, flow.nonce);
    pkce_code_verifier(random + (size_t)2 * PART, flow.code_verifier);
    if (is_login_token(browser)) {
        memcpy(cookie, browser, LOGIN_COOKIE_SIZE);
    } else {
        base64url_encode(random + (size_t)3 * PART, PART, cookie);
    }
    login_browser_hash(cookie, flow.browser);
    err = return_to_is_local(return_to) ? text_dup(return_to, &flow.return_to) : ERR_INPUT;
    if (err == ERR_OK) {
        err = oidc_metadata(oidc, now, &metadata);
    }
    if (err == ERR_OK) {
        err = flows_count(oidc, browser, now);
    }
    if (err == ERR_OK) {
        err = login_flow_write(&flow, &record);
    }
    if (err == ERR_OK) {
        login_flow_id(state, record.id);
        err = record_put(oidc->store, &record, now);
    }
    if (err == ERR_OK) {
        err = authorization_url(oidc, &metadata, &flow, state, url);
    }
    if (err != ERR_OK) {
        wipe(cookie, LOGIN_COOKIE_SIZE);
    }
    wipe(state, sizeof state);
    record_free(&record);
    login_flow_free(&flow);
    return err;
}
