/*
 * What is fetched from the provider: one thread at a time, kept in the store for
 * every process, and used for a while beyond its time when the provider cannot be
 * reached.  A provider that swallows requests must cost each of us one deadline at
 * most, not one for every thread in front: so waiting for another's fetch is
 * bounded, and a failure is remembered.
 */
#include "base/log.h"
#include "base/text.h"
#include "identity/oidc_internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

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

/* ---- one fetch at a time ---- */

bool oidc_fetch_begin(struct oidc *oidc, msec wait)
{
    struct timespec until;

    if (wait <= 0) {
        return pthread_mutex_trylock(&oidc->fetching) == 0;
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(wait / 1000);
    return pthread_mutex_clocklock(&oidc->fetching, CLOCK_MONOTONIC, &until) == 0;
}

void oidc_fetch_end(struct oidc *oidc)
{
    pthread_mutex_unlock(&oidc->fetching);
}

enum err oidc_failure_recent(struct oidc *oidc, const struct oidc_failure *failure, msec now)
{
    enum err err = ERR_OK;

    pthread_mutex_lock(&oidc->lock);
    /* Bounded below as well: a clock that stepped back must not keep the provider away. */
    if (now < failure->until && now >= failure->until - OIDC_FAILED - OIDC_CLOCK_SKEW) {
        err = failure->err;
    }
    pthread_mutex_unlock(&oidc->lock);
    return err;
}

void oidc_failure_note(struct oidc *oidc, struct oidc_failure *failure, enum err err, msec now,
                       msec began)
{
    /* Ours, not the provider's: the next may fare better. */
    if (err == ERR_MEMORY || err == ERR_STORE || err == ERR_SYSTEM) {
        return;
    }
    pthread_mutex_lock(&oidc->lock);
    failure->err = err;
    failure->until = err == ERR_OK ? 0 : now + (clock_monotonic() - began) + OIDC_FAILED;
    pthread_mutex_unlock(&oidc->lock);
}

/* ---- cached texts ---- */

enum err oidc_cache_get(struct oidc *oidc, const uint8_t id[RECORD_ID_SIZE], msec now,
                        struct record *out)
{
    enum err err = record_get(oidc->store, KIND_CACHE, id, now, out);

    return err == ERR_FORGED ? ERR_NONE : err; /* logged; a cache is fetched anew */
}

bool oidc_cache_fresh(const struct record *record, msec now)
{
    msec until = record->expires_at - OIDC_STALE;

    /* A clock that stepped back must not keep it for longer. */
    return now < until && now >= until - OIDC_CACHED - OIDC_CLOCK_SKEW;
}

void oidc_cache_put(struct oidc *oidc, const uint8_t id[RECORD_ID_SIZE], const char *text,
                    size_t len, msec now)
{
    struct record record = {.kind = KIND_CACHE, .expires_at = now + OIDC_CACHED + OIDC_STALE};
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
