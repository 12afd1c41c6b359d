/*
 * The provider's signing keys: in the store for all processes, parsed in memory
 * for a minute.  A token with an unknown kid is the one thing from outside that
 * can make us fetch, so that fetch is claimed in the store: one record that lives
 * for OIDC_REFETCH and that only one process can put (row 17).
 */
#include "base/log.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "identity/oidc_internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define KEY_SET_MAX ((size_t)128 * 1024)
/* What a claim says: of one length, so that the second overwrites the first in place. */
#define FETCHING "fetching"
#define FETCHED "fetched!"
#define WAIT_STEP_MS 100
#define WAIT_STEPS                                                                                 \
    30 /* 3 s: what another process' fetch takes, at most, to be worth waiting for                 \
        */

static void retain(struct oidc *oidc, struct oidc_keys *keys)
{
    pthread_mutex_lock(&oidc->lock);
    keys->references++;
    pthread_mutex_unlock(&oidc->lock);
}

void oidc_keys_release(struct oidc *oidc, struct oidc_keys *keys)
{
    unsigned left;

    if (!keys) {
        return;
    }
    pthread_mutex_lock(&oidc->lock);
    left = --keys->references;
    pthread_mutex_unlock(&oidc->lock);
    if (left == 0) {
        jose_keys_free(keys->keys);
        free(keys);
    }
}

/* One reference, the caller's. */
static enum err parse(const char *text, size_t len, struct oidc_keys **out)
{
    struct oidc_keys *keys = calloc(1, sizeof *keys);
    enum err err = ERR_MEMORY;

    *out = NULL;
    if (!keys) {
        return err;
    }
    err = jose_keys_parse(text, len, &keys->keys);
    if (err != ERR_OK) {
        free(keys);
        return err == ERR_MEMORY ? err : ERR_REMOTE;
    }
    sha256(text, len, keys->digest);
    keys->references = 1;
    *out = keys;
    return ERR_OK;
}

/* The set becomes this process' present one; the caller keeps its own reference. */
static void install(struct oidc *oidc, struct oidc_keys *keys, msec now)
{
    struct oidc_keys *former;

    retain(oidc, keys);
    pthread_mutex_lock(&oidc->lock);
    former = oidc->keys;
    oidc->keys = keys;
    oidc->keys_until = now + OIDC_IN_MEMORY;
    pthread_mutex_unlock(&oidc->lock);
    oidc_keys_release(oidc, former);
}

static struct oidc_keys *in_memory(struct oidc *oidc, msec now)
{
    struct oidc_keys *keys = NULL;

    pthread_mutex_lock(&oidc->lock);
    if (oidc->keys && now < oidc->keys_until &&
        now >= oidc->keys_until - OIDC_IN_MEMORY - OIDC_CLOCK_SKEW) {
        keys = oidc->keys;
        keys->references++;
    }
    pthread_mutex_unlock(&oidc->lock);
    return keys;
}

static void cache_id(const char *what, const struct oidc_metadata *metadata,
                     uint8_t id[RECORD_ID_SIZE])
{
    hash_parts(id, what, metadata->issuer, metadata->jwks_uri, (const char *)NULL);
}

static enum err from_store(struct oidc *oidc, const struct oidc_metadata *metadata, msec now,
                           struct oidc_keys **out, bool *fresh)
{
    struct record record = {0};
    uint8_t id[RECORD_ID_SIZE];
    enum err err;

    *out = NULL;
    *fresh = false;
    cache_id("jwks", metadata, id);
    err = oidc_cache_get(oidc, id, now, &record);
    if (err == ERR_OK) {
        *fresh = oidc_cache_fresh(&record, now);
        err = parse(record.payload, record.payload_len, out);
        if (err == ERR_REMOTE) {
            err = ERR_NONE;
        }
    }
    record_free(&record);
    return err;
}

static enum err from_network(struct oidc *oidc, const struct oidc_metadata *metadata, msec now,
                             struct oidc_keys **out)
{
    struct http_response response = {0};
    uint8_t id[RECORD_ID_SIZE];
    msec began = clock_monotonic();
    enum err err = oidc_failure_recent(oidc, &oidc->keys_failure, now);

    *out = NULL;
    if (err != ERR_OK) {
        return err;
    }
    err = oidc_fetch(oidc, metadata->jwks_uri, KEY_SET_MAX, &response);
    if (err == ERR_OK) {
        err = parse(buf_str(&response.body), response.body.len, out);
        if (err == ERR_REMOTE) {
            log_line(LOG_WARN, "the provider's key set is malformed");
        }
    }
    if (err == ERR_OK) {
        cache_id("jwks", metadata, id);
        oidc_cache_put(oidc, id, buf_str(&response.body), response.body.len, now);
    }
    oidc_failure_note(oidc, &oidc->keys_failure, err, now, began);
    http_response_free(&response);
    return err;
}

/* The right to fetch is ours; whoever had it before may have brought what we need. */
static enum err refetch(struct oidc *oidc, const struct oidc_metadata *metadata, msec now,
                        struct oidc_keys **out)
{
    enum err err = ERR_OK;

    *out = in_memory(oidc, now);
    if (!*out) {
        err = from_network(oidc, metadata, now, out);
        if (err == ERR_OK) {
            install(oidc, *out, now);
        }
    }
    return err;
}

enum err oidc_keys_acquire(struct oidc *oidc, const struct oidc_metadata *metadata, msec now,
                           struct oidc_keys **out)
{
    struct oidc_keys *former = NULL;
    bool fresh;
    enum err err;

    *out = in_memory(oidc, now);
    if (*out) {
        return ERR_OK;
    }
    err = from_store(oidc, metadata, now, &former, &fresh);
    if (err == ERR_OK && fresh) {
        install(oidc, former, now);
        *out = former;
        return ERR_OK;
    }
    if (err != ERR_OK && err != ERR_NONE) {
        return err;
    }
    /* With something to go on with nobody waits for another's fetch. */
    err = ERR_REMOTE;
    if (oidc_fetch_begin(oidc, former ? 0 : OIDC_FETCH_WAIT)) {
        err = refetch(oidc, metadata, now, out);
        oidc_fetch_end(oidc);
    }
    if (err == ERR_REMOTE && former) {
        *out = former;
        former = NULL;
        err = ERR_OK;
    }
    oidc_keys_release(oidc, former);
    return err;
}

/* ERR_OK: the fetch is ours. ERR_CONFLICT: somebody made it, or is about to, in this interval. */
static enum err claim(struct oidc *oidc, const uint8_t id[RECORD_ID_SIZE], msec now,
                      struct record *out)
{
    *out = (struct record){.kind = KIND_CACHE, .expires_at = now + OIDC_REFETCH};
    memcpy(out->id, id, sizeof out->id);
    out->payload = strdup(FETCHING);
    if (!out->payload) {
        return ERR_MEMORY;
    }
    out->payload_len = strlen(out->payload);
    return record_put(oidc->store, out, now);
}

/* The claim stays until it expires, and says that those who wait for its fetch need not. */
static void claim_done(struct oidc *oidc, struct record *claimed, msec now)
{
    memcpy(claimed->payload, FETCHED, sizeof FETCHED);
    claimed->payload_len = strlen(FETCHED);
    if (record_replace(oidc->store, claimed, now) != ERR_OK) {
        log_line(LOG_WARN, "a finished fetch of keys could not be marked");
    }
}

static bool fetch_is_over(struct oidc *oidc, const uint8_t id[RECORD_ID_SIZE], msec now)
{
    struct record record = {0};
    bool over =
        oidc_cache_get(oidc, id, now, &record) != ERR_OK || !text_equal(record.payload, FETCHING);

    record_free(&record);
    return over;
}

static enum err other_than(struct oidc *oidc, const struct oidc_metadata *metadata,
                           const struct oidc_keys *known, msec now, struct oidc_keys **out)
{
    bool fresh;
    enum err err = from_store(oidc, metadata, now, out, &fresh);

    if (err == ERR_OK && memcmp((*out)->digest, known->digest, sizeof known->digest) == 0) {
        oidc_keys_release(oidc, *out);
        *out = NULL;
        err = ERR_NONE;
    }
    return err;
}

/* Another process claimed the fetch: its result, or ERR_NONE once it has brought nothing new. */
static enum err await(struct oidc *oidc, const struct oidc_metadata *metadata,
                      const uint8_t claim_id[RECORD_ID_SIZE], const struct oidc_keys *known,
                      msec now, struct oidc_keys **out)
{
    const struct timespec step = {.tv_nsec = WAIT_STEP_MS * 1000000L};
    enum err err = ERR_NONE;

    for (int i = 0; i < WAIT_STEPS && err == ERR_NONE; i++) {
        bool over = fetch_is_over(oidc, claim_id, now);

        err = other_than(oidc, metadata, known, now, out);
        if (over) {
            break;
        }
        if (err == ERR_NONE) {
            nanosleep(&step, NULL);
        }
    }
    return err;
}

enum err oidc_keys_newer(struct oidc *oidc, const struct oidc_metadata *metadata,
                         const struct oidc_keys *known, msec now, struct oidc_keys **out)
{
    struct record claimed = {0};
    uint8_t claim_id[RECORD_ID_SIZE];
    enum err err;

    *out = NULL;
    cache_id("jwks-refetch", metadata, claim_id);
    if (!oidc_fetch_begin(oidc, OIDC_FETCH_WAIT)) {
        return ERR_REMOTE;
    }
    err = other_than(oidc, metadata, known, now, out);
    if (err == ERR_NONE) {
        err = oidc_failure_recent(oidc, &oidc->keys_failure, now);
        if (err == ERR_OK) {
            err = claim(oidc, claim_id, now, &claimed);
        }
        if (err == ERR_OK) {
            err = from_network(oidc, metadata, now, out);
            claim_done(oidc, &claimed, now);
        }
    }
    oidc_fetch_end(oidc);
    if (err == ERR_CONFLICT) { /* another's fetch is not ours to hold everybody up for */
        err = await(oidc, metadata, claim_id, known, now, out);
    }
    if (err == ERR_OK) {
        install(oidc, *out, now);
    }
    record_free(&claimed);
    return err;
}
