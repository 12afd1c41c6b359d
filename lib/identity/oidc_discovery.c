/*
 * OpenID Connect Discovery 1.0.  The document is believed in two things only
 * after they were checked: that it is the configured issuer's (byte for byte, so
 * that another tenant's endpoints are never mixed in), and that every endpoint is
 * one our HTTP client may be sent to.  What the cache returns is checked again.
 */
#include "base/log.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "identity/oidc_internal.h"

#include <string.h>

#define DOCUMENT_MAX ((size_t)64 * 1024)

/* The members that are used and so kept. */
static const char *const KEPT[] = {"issuer",
                                   "authorization_endpoint",
                                   "token_endpoint",
                                   "jwks_uri",
                                   "end_session_endpoint",
                                   "revocation_endpoint",
                                   "backchannel_authentication_endpoint",
                                   "authorization_response_iss_parameter_supported"};

static enum err endpoint(const struct oidc *oidc, const json_t *document, const char *name,
                         bool required, char out[512])
{
    const json_t *member = json_object_get(document, name);
    const char *url = json_string_value(member);

    out[0] = '\0';
    if (!member && !required) {
        return ERR_OK;
    }
    if (url && text_copy(out, 512, url) == ERR_OK && http_url_allowed(oidc->http, url) == ERR_OK) {
        return ERR_OK;
    }
    out[0] = '\0';
    log_line(LOG_ERROR, "the provider's discovery document has an endpoint that is refused",
             LOG_T("member", name));
    return ERR_CONFIG;
}

/* CIBA_ENDPOINT, or where Auth0 has it: its documents need not name it. */
static enum err ciba_endpoint(const struct oidc *oidc, struct oidc_metadata *out)
{
    const char *configured = config_text(oidc->config, CFG_CIBA_ENDPOINT);
    struct buf url = buf_make(sizeof out->backchannel_authentication_endpoint - 1);
    enum err err;

    if (out->backchannel_authentication_endpoint[0]) {
        return ERR_OK;
    }
    if (configured[0]) {
        buf_adds(&url, configured);
    } else if (config_text(oidc->config, CFG_AUTH0_DOMAIN)[0]) {
        buf_addf(&url, "%s%sbc-authorize", out->issuer,
                 out->issuer[strlen(out->issuer) - 1] == '/' ? "" : "/");
    }
    err = buf_err(&url);
    if (err == ERR_OK && url.len && http_url_allowed(oidc->http, buf_str(&url)) != ERR_OK) {
        err = ERR_CONFIG;
    }
    if (err == ERR_OK) {
        err = text_copy(out->backchannel_authentication_endpoint,
                        sizeof out->backchannel_authentication_endpoint, buf_str(&url));
    }
    buf_free(&url);
    return err == ERR_MEMORY || err == ERR_OK ? err : ERR_CONFIG;
}

enum err oidc_metadata_read(const struct oidc *oidc, const json_t *document,
                            struct oidc_metadata *out)
{
    enum err err;

    memset(out, 0, sizeof *out);
    if (!text_equal(js_text(document, "issuer"), oidc->issuer)) {
        log_line(LOG_ERROR, "the discovery document is another issuer's",
                 LOG_T("expected", oidc->issuer), LOG_T("found", js_text(document, "issuer")));
        return ERR_CONFIG;
    }
    err = text_copy(out->issuer, sizeof out->issuer, oidc->issuer);
    if (err == ERR_OK) {
        err = endpoint(oidc, document, "authorization_endpoint", true, out->authorization_endpoint);
    }
    if (err == ERR_OK) {
        err = endpoint(oidc, document, "token_endpoint", true, out->token_endpoint);
    }
    if (err == ERR_OK) {
        err = endpoint(oidc, document, "jwks_uri", true, out->jwks_uri);
    }
    if (err == ERR_OK) {
        err = endpoint(oidc, document, "end_session_endpoint", false, out->end_session_endpoint);
    }
    if (err == ERR_OK) {
        err = endpoint(oidc, document, "revocation_endpoint", false, out->revocation_endpoint);
    }
    if (err == ERR_OK) {
        err = endpoint(oidc, document, "backchannel_authentication_endpoint", false,
                       out->backchannel_authentication_endpoint);
    }
    if (err == ERR_OK) {
        err = ciba_endpoint(oidc, out);
    }
    out->iss_parameter_supported =
        js_true(document, "authorization_response_iss_parameter_supported");
    if (err != ERR_OK) {
        memset(out, 0, sizeof *out);
    }
    return err;
}

static enum err read_text(const struct oidc *oidc, const char *text, size_t len,
                          struct oidc_metadata *out, struct buf *kept)
{
    json_t *document = NULL;
    json_t *subset = NULL;
    enum err err = js_parse_object(text, len, DOCUMENT_MAX, &document);

    if (err != ERR_OK) {
        return err == ERR_MEMORY ? err : ERR_REMOTE;
    }
    err = oidc_metadata_read(oidc, document, out);
    if (err == ERR_OK && kept) {
        subset = json_object();
        err = subset ? ERR_OK : ERR_MEMORY;
        for (size_t i = 0; err == ERR_OK && i < COUNT(KEPT); i++) {
            json_t *member = json_object_get(document, KEPT[i]);

            if (member && json_object_set(subset, KEPT[i], member) != 0) {
                err = ERR_MEMORY;
            }
        }
        if (err == ERR_OK) {
            err = js_add(kept, subset);
        }
    }
    json_decref(subset);
    json_decref(document);
    return err;
}

static enum err fetch(struct oidc *oidc, const uint8_t id[RECORD_ID_SIZE], msec now,
                      struct oidc_metadata *out)
{
    struct http_response response = {0};
    struct buf url = buf_make(1024);
    struct buf kept = buf_make(DOCUMENT_MAX);
    size_t len = strlen(oidc->issuer);
    enum err err;

    buf_add(&url, oidc->issuer, oidc->issuer[len - 1] == '/' ? len - 1 : len);
    buf_adds(&url, "/.well-known/openid-configuration");
    err = buf_err(&url);
    if (err == ERR_OK) {
        err = oidc_fetch(oidc, buf_str(&url), DOCUMENT_MAX, &response);
    }
    if (err == ERR_OK) {
        err = read_text(oidc, buf_str(&response.body), response.body.len, out, &kept);
    }
    if (err == ERR_OK) {
        oidc_cache_put(oidc, id, buf_str(&kept), kept.len, now);
    }
    http_response_free(&response);
    buf_free(&kept);
    buf_free(&url);
    return err;
}

static bool in_memory(struct oidc *oidc, msec now, struct oidc_metadata *out)
{
    bool found;

    pthread_mutex_lock(&oidc->lock);
    /* A clock that stepped back must not keep it for longer. */
    found = oidc->have_metadata && now < oidc->metadata_until &&
            now >= oidc->metadata_until - OIDC_IN_MEMORY - OIDC_CLOCK_SKEW;
    if (found) {
        *out = oidc->metadata;
    }
    pthread_mutex_unlock(&oidc->lock);
    return found;
}

static void install(struct oidc *oidc, const struct oidc_metadata *metadata, msec now)
{
    pthread_mutex_lock(&oidc->lock);
    oidc->metadata = *metadata;
    oidc->metadata_until = now + OIDC_IN_MEMORY;
    oidc->have_metadata = true;
    pthread_mutex_unlock(&oidc->lock);
}

static enum err from_store(struct oidc *oidc, const uint8_t id[RECORD_ID_SIZE], msec now,
                           struct oidc_metadata *out, bool *fresh)
{
    struct record record = {0};
    enum err err = oidc_cache_get(oidc, id, now, &record);

    *fresh = false;
    if (err == ERR_OK) {
        *fresh = oidc_cache_fresh(&record, now);
        err = read_text(oidc, record.payload, record.payload_len, out, NULL);
        if (err != ERR_OK && err != ERR_MEMORY) {
            err = ERR_NONE; /* the rules were tightened since: ask again */
        }
    }
    record_free(&record);
    return err;
}

/* The right to fetch is ours; whoever had it before may have brought what we need. */
static enum err refetch(struct oidc *oidc, const uint8_t id[RECORD_ID_SIZE], msec now,
                        struct oidc_metadata *out)
{
    msec began = clock_monotonic();
    enum err err;

    if (in_memory(oidc, now, out)) {
        return ERR_OK;
    }
    err = oidc_failure_recent(oidc, &oidc->document_failure, now);
    if (err == ERR_OK) {
        err = fetch(oidc, id, now, out);
        oidc_failure_note(oidc, &oidc->document_failure, err, now, began);
    }
    if (err == ERR_OK) {
        install(oidc, out, now);
    }
    return err;
}

enum err oidc_metadata(struct oidc *oidc, msec now, struct oidc_metadata *out)
{
    struct oidc_metadata former;
    uint8_t id[RECORD_ID_SIZE];
    bool fresh;
    enum err kept;
    enum err err;

    if (in_memory(oidc, now, out)) {
        return ERR_OK;
    }
    hash_parts(id, "discovery", oidc->issuer, (const char *)NULL);
    kept = from_store(oidc, id, now, &former, &fresh);
    if (kept == ERR_OK && fresh) {
        install(oidc, &former, now);
        *out = former;
        return ERR_OK;
    }
    if (kept != ERR_OK && kept != ERR_NONE) {
        return kept;
    }
    /* With something to go on with nobody waits for another's fetch. */
    err = ERR_REMOTE;
    if (oidc_fetch_begin(oidc, kept == ERR_OK ? 0 : OIDC_FETCH_WAIT)) {
        err = refetch(oidc, id, now, out);
        oidc_fetch_end(oidc);
    }
    /* Silence only: a provider that now calls itself something else is not believed (row 13). */
    if (err == ERR_REMOTE && kept == ERR_OK) {
        *out = former;
        err = ERR_OK;
    }
    return err;
}
