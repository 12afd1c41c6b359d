/* Shared by the files of oidc, and by ciba.c and vault.c for their client's secret. */
#ifndef COUNTERSIGN_IDENTITY_OIDC_INTERNAL_H
#define COUNTERSIGN_IDENTITY_OIDC_INTERNAL_H

#include "crypto/jose.h"
#include "identity/oidc.h"

#include <pthread.h>

#define OIDC_CACHED MINUTES(10)    /* a discovery document or key set in the store */
#define OIDC_STALE MINUTES(10)     /* and for so much longer, while no newer one can be had */
#define OIDC_FAILED SECONDS(5)     /* a fetch that failed is not tried again in this time */
#define OIDC_FETCH_WAIT SECONDS(6) /* for another thread's fetch, whose deadline is 5 s */
#define OIDC_IN_MEMORY SECONDS(60) /* the parsed form in this process */
#define OIDC_REFETCH MINUTES(1)    /* at most one fetch for an unknown kid in this time */
#define OIDC_CLOCK_SKEW SECONDS(60)
#define OIDC_ANSWER_MAX ((size_t)256 * 1024)

/* A parsed key set that threads share: freed with the last reference. */
struct oidc_keys {
    struct jose_keys *keys;
    uint8_t digest[RECORD_ID_SIZE]; /* of the text: tells one set from the next */
    unsigned references;            /* under oidc.lock */
};

/* A fetch that failed: what with, and until when nobody tries again. */
struct oidc_failure {
    enum err err;
    msec until;
};

struct oidc {
    const struct config *config;
    struct http *http;
    struct store *store;
    char issuer[256];
    char redirect_uri[512];
    char signed_out_uri[512];
    pthread_mutex_t fetching; /* held over the network, so that one thread fetches for all:
                                 taken by oidc_fetch_begin only, which waits for a bounded time */
    pthread_mutex_t lock;     /* what follows; never held over the network or the store */
    bool have_metadata;
    struct oidc_metadata metadata;
    msec metadata_until;
    struct oidc_keys *keys;
    msec keys_until;
    struct oidc_failure document_failure;
    struct oidc_failure keys_failure;
};

/* ---- oidc_cache.c ---- */
/* A cached text, fresh or stale. ERR_NONE when there is none that opens. */
WARN_UNUSED enum err oidc_cache_get(struct oidc *oidc, const uint8_t id[RECORD_ID_SIZE], msec now,
                                    struct record *out);
/* Younger than OIDC_CACHED? For what oidc_cache_put wrote. */
bool oidc_cache_fresh(const struct record *record, msec now);
/* Best effort: a cache that cannot be written costs a fetch, nothing else. */
void oidc_cache_put(struct oidc *oidc, const uint8_t id[RECORD_ID_SIZE], const char *text,
                    size_t len, msec now);
/* A GET of a JSON document. ERR_REMOTE unless a complete 200 came. */
WARN_UNUSED enum err oidc_fetch(struct oidc *oidc, const char *url, size_t body_max,
                                struct http_response *response);
/* The right to fetch, waited for at most this long (0: not at all); true: give it back. */
WARN_UNUSED bool oidc_fetch_begin(struct oidc *oidc, msec wait);
void oidc_fetch_end(struct oidc *oidc);
/* ERR_OK, or what the last fetch failed with when that was less than OIDC_FAILED ago. */
WARN_UNUSED enum err oidc_failure_recent(struct oidc *oidc, const struct oidc_failure *failure,
                                         msec now);
/* began: clock_monotonic() before the fetch, since now is from before it too. */
void oidc_failure_note(struct oidc *oidc, struct oidc_failure *failure, enum err err, msec now,
                       msec began);

/* ---- oidc.c ---- */
/* NULL when the configuration has none. Borrowed. */
const struct secret *oidc_client_secret(const struct oidc *oidc, enum oidc_client client);
/* oidc_client_post with a deadline of its own; 0 is the client's default. */
WARN_UNUSED enum err oidc_client_post_within(struct oidc *oidc, enum oidc_client client,
                                             const char *url, const struct buf *form, msec deadline,
                                             size_t body_max, struct http_response *response);
/* The `error` of an OAuth error answer as a short plain word; "" when there is none. */
void oidc_error_code(const json_t *answer, char code[64]);
/* Copies when text is [A-Za-z0-9_.-]{1,63}, else "unreadable"; NULL and "" give "". */
void oidc_plain_code(const char *text, char code[64]);

/* ---- oidc_discovery.c ---- */
/* Both checks of a discovery document (rows 13 and 14), apart from the network, for tests. */
WARN_UNUSED enum err oidc_metadata_read(const struct oidc *oidc, const json_t *document,
                                        struct oidc_metadata *out);

/* ---- oidc_keys.c ---- */
/* The present key set; give it back with oidc_keys_release. */
WARN_UNUSED enum err oidc_keys_acquire(struct oidc *oidc, const struct oidc_metadata *metadata,
                                       msec now, struct oidc_keys **out);
/*
 * A set other than known, which lacked a kid: one that somebody fetched since, or
 * a fetch of our own if none was made for this reason within OIDC_REFETCH, by any
 * process.  ERR_NONE when there is none to be had.
 */
WARN_UNUSED enum err oidc_keys_newer(struct oidc *oidc, const struct oidc_metadata *metadata,
                                     const struct oidc_keys *known, msec now,
                                     struct oidc_keys **out);
void oidc_keys_release(struct oidc *oidc, struct oidc_keys *keys);

/* ---- id_token.c ---- */
/*
 * Every check of the claims; NULL when all hold, else the name of the one that
 * failed, for the log.
 */
const char *id_token_check(const char *issuer, const json_t *header, const json_t *claims,
                           const struct id_token_expectation *expect, msec now);

#endif
