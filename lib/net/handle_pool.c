#include "net/handle_pool.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ORIGINS_REMEMBERED 4

struct slot {
    CURL *easy; /* NULL: not made yet */
    bool out;
    uint64_t last_use;                    /* a counter, not a time */
    uint64_t origins[ORIGINS_REMEMBERED]; /* newest first; 0 is none */
};

struct handle_pool {
    pthread_mutex_t lock;
    pthread_cond_t returned;
    struct slot slots[POOL_HANDLES];
    uint64_t uses;
    pthread_mutex_t store_lock; /* apart: loading certificates must not hold up the pool */
    X509_STORE *store;
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_ready = CURLE_FAILED_INIT;

static void curl_start(void)
{
    curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static int condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    int failed = pthread_condattr_init(&attributes);

    if (failed != 0) {
        return failed;
    }
    failed = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (failed == 0) {
        failed = pthread_cond_init(condition, &attributes);
    }
    pthread_condattr_destroy(&attributes);
    return failed;
}

enum err handle_pool_new(struct handle_pool **out)
{
    struct handle_pool *pool;

    *out = NULL;
    if (pthread_once(&curl_once, curl_start) != 0 || curl_ready != CURLE_OK) {
        return ERR_SYSTEM;
    }
    pool = calloc(1, sizeof(*pool));
    if (pool == NULL) {
        return ERR_MEMORY;
    }
    if (condition_init(&pool->returned) != 0) {
        free(pool);
        return ERR_SYSTEM;
    }
    pthread_mutex_init(&pool->lock, NULL);
    pthread_mutex_init(&pool->store_lock, NULL);
    *out = pool;
    return ERR_OK;
}

void handle_pool_free(struct handle_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    for (size_t i = 0; i < POOL_HANDLES; i++) {
        curl_easy_cleanup(pool->slots[i].easy);
    }
    X509_STORE_free(pool->store);
    pthread_cond_destroy(&pool->returned);
    pthread_mutex_destroy(&pool->lock);
    pthread_mutex_destroy(&pool->store_lock);
    free(pool);
}

static bool slot_knows(const struct slot *slot, uint64_t origin)
{
    for (size_t i = 0; i < ORIGINS_REMEMBERED; i++) {
        if (slot->origins[i] == origin) {
            return true;
        }
    }
    return false;
}

/*
 * Best first: one that has spoken to the origin, then the one used last (a
 * program with one thread so keeps to one handle), then a new one.
 */
static struct slot *slot_choose(struct handle_pool *pool, uint64_t origin)
{
    struct slot *best = NULL;
    int best_rank = 0;

    for (size_t i = 0; i < POOL_HANDLES; i++) {
        struct slot *slot = &pool->slots[i];
        int rank = slot->easy == NULL ? 1 : slot_knows(slot, origin) ? 3 : 2;

        if (slot->out) {
            continue;
        }
        if (rank > best_rank || (rank == best_rank && slot->last_use > best->last_use)) {
            best = slot;
            best_rank = rank;
        }
    }
    return best;
}

enum err handle_take(struct handle_pool *pool, uint64_t origin, msec deadline, CURL **out)
{
    struct timespec until = {.tv_sec = (time_t)(deadline / 1000),
                             .tv_nsec = (long)(deadline % 1000) * 1000000};
    struct slot *slot;
    enum err err = ERR_OK;

    *out = NULL;
    pthread_mutex_lock(&pool->lock);
    while ((slot = slot_choose(pool, origin)) == NULL) {
        if (pthread_cond_timedwait(&pool->returned, &pool->lock, &until) == ETIMEDOUT) {
            slot = slot_choose(pool, origin);
            break;
        }
    }
    if (slot == NULL) {
        err = ERR_REMOTE;
        goto done;
    }
    if (slot->easy == NULL) {
        slot->easy = curl_easy_init();
    }
    if (slot->easy == NULL) {
        err = ERR_MEMORY;
        pthread_cond_signal(&pool->returned);
        goto done;
    }
    slot->out = true;
    *out = slot->easy;
done:
    pthread_mutex_unlock(&pool->lock);
    return err;
}

static void slot_remember(struct slot *slot, uint64_t origin)
{
    size_t at = 0;

    while (at < ORIGINS_REMEMBERED - 1 && slot->origins[at] != origin) {
        at++;
    }
    memmove(&slot->origins[1], &slot->origins[0], at * sizeof(slot->origins[0]));
    slot->origins[0] = origin;
}

void handle_give(struct handle_pool *pool, CURL *easy, uint64_t origin)
{
    /* Connections survive the reset; pointers into the caller's stack and secrets do not. */
    curl_easy_reset(easy);
    pthread_mutex_lock(&pool->lock);
    for (size_t i = 0; i < POOL_HANDLES; i++) {
        if (pool->slots[i].easy == easy) {
            pool->slots[i].out = false;
            pool->slots[i].last_use = ++pool->uses;
            slot_remember(&pool->slots[i], origin);
        }
    }
    pthread_cond_signal(&pool->returned);
    pthread_mutex_unlock(&pool->lock);
}

CURLcode handle_pool_trust(CURL *easy, void *ssl_context, void *data)
{
    struct handle_pool *pool = data;
    X509_STORE *store;

    (void)easy;
    pthread_mutex_lock(&pool->store_lock);
    if (pool->store == NULL) {
        /* The directory form reads a certificate when it is asked for, not all of them at once. */
        store = X509_STORE_new();
        if (store != NULL && X509_STORE_set_default_paths(store) == 1) {
            pool->store = store;
        } else {
            X509_STORE_free(store);
        }
    }
    store = pool->store;
    pthread_mutex_unlock(&pool->store_lock);
    if (store == NULL) {
        return CURLE_SSL_CACERT_BADFILE;
    }
    SSL_CTX_set1_cert_store(ssl_context, store);
    return CURLE_OK;
}
