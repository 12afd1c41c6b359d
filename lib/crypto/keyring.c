#include "crypto/keyring.h"

#include "base/log.h"
#include "crypto/keyring_file.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* How long a process may go on sealing with the former key after a rotation. */
#define LOOK_EVERY SECONDS(30)

/*
 * Rotation must not need a restart: a process that meets a key id it does not
 * know looks whether the file has changed, and every half minute all do, so that
 * a cut-off reaches those too that meet nothing new.  Rings are never altered;
 * a newer one is put in front and the older kept, since its keys may be borrowed.
 */
struct keyring_state {
    char *dir;
    _Atomic(struct ring *) rings[KIND_COUNT];
    _Atomic msec looked;
    pthread_mutex_t lock;
};

struct keyring {
    struct keyring_state *state;
};

void keyring_free(struct keyring *ring)
{
    if (ring == NULL) {
        return;
    }
    if (ring->state != NULL) {
        for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
            ring_free(atomic_load(&ring->state->rings[kind]));
        }
        (void)pthread_mutex_destroy(&ring->state->lock);
        free(ring->state->dir);
        free(ring->state);
    }
    free(ring);
}

enum err keyring_open(const char *dir, unsigned kinds, struct keyring **out)
{
    struct keyring *ring = calloc(1, sizeof(*ring));
    enum err err = ERR_MEMORY;

    *out = NULL;
    if (ring == NULL || (ring->state = calloc(1, sizeof(*ring->state))) == NULL) {
        goto done;
    }
    if (pthread_mutex_init(&ring->state->lock, NULL) != 0) {
        free(ring->state);
        ring->state = NULL;
        goto done;
    }
    if ((ring->state->dir = strdup(dir)) == NULL) {
        goto done;
    }
    err = ERR_OK;
    /* All of them, even after a failure, so that one start tells every file that is wrong. */
    for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
        struct ring *one = NULL;
        enum err this;

        if ((kinds & KIND_BIT(kind)) == 0) {
            continue;
        }
        this = ring_load(dir, (enum kind)kind, &one);
        atomic_store(&ring->state->rings[kind], one);
        if (err == ERR_OK) {
            err = this;
        }
    }
    if (err != ERR_OK) {
        goto done;
    }
    *out = ring;
    ring = NULL;
done:
    keyring_free(ring);
    return err;
}

static struct ring *ring_of(const struct keyring *ring, enum kind kind)
{
    if (ring == NULL || (unsigned)kind >= KIND_COUNT) {
        return NULL;
    }
    return atomic_load_explicit(&ring->state->rings[kind], memory_order_acquire);
}

bool keyring_has(const struct keyring *ring, enum kind kind)
{
    return ring_of(ring, kind) != NULL;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* What cannot be read now leaves the ring as it was: a slip in rotating must not end service. */
static void look_at(struct keyring_state *state, enum kind kind)
{
    struct ring *held, *newer = NULL;
    struct stat file;
    char *path = NULL;

    if (ring_path(state->dir, kind, &path) != ERR_OK) {
        return;
    }
    (void)pthread_mutex_lock(&state->lock);
    held = atomic_load(&state->rings[kind]);
    if (stat(path, &file) == 0 && !same_file(&file, &held->file) &&
        ring_load(state->dir, kind, &newer) == ERR_OK) {
        newer->older = held;
        atomic_store_explicit(&state->rings[kind], newer, memory_order_release);
        log_line(LOG_INFO, "key ring read again", LOG_T("kind", kind_name(kind)));
    }
    (void)pthread_mutex_unlock(&state->lock);
    free(path);
}

void keyring_refresh(const struct keyring *ring, msec now)
{
    msec looked;

    if (ring == NULL) {
        return;
    }
    looked = atomic_load_explicit(&ring->state->looked, memory_order_relaxed);
    if (now >= looked && now - looked < LOOK_EVERY) {
        return;
    }
    if (!atomic_compare_exchange_strong(&ring->state->looked, &looked, now)) {
        return; /* another thread does it */
    }
    for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
        if (keyring_has(ring, (enum kind)kind)) {
            look_at(ring->state, (enum kind)kind);
        }
    }
}

enum err keyring_current(const struct keyring *ring, enum kind kind, uint32_t *key_id,
                         const uint8_t **key)
{
    const struct ring *held = ring_of(ring, kind);

    *key = NULL;
    *key_id = 0;
    if (held == NULL) {
        log_line(LOG_ERROR, "this program does not open that key ring",
                 LOG_T("kind", kind_name(kind)));
        return ERR_CONFIG;
    }
    *key_id = held->keys[0].id;
    *key = held->keys[0].key;
    return ERR_OK;
}

static const struct ring_key *key_of(const struct ring *ring, uint32_t key_id)
{
    for (size_t i = 0; i < ring->count; i++) {
        if (ring->keys[i].id == key_id) {
            return &ring->keys[i];
        }
    }
    return NULL;
}

enum err keyring_find(const struct keyring *ring, enum kind kind, uint32_t key_id, msec now,
                      const uint8_t **key)
{
    const struct ring_key *found;

    *key = NULL;
    if (!keyring_has(ring, kind)) {
        log_line(LOG_ERROR, "this program does not open that key ring",
                 LOG_T("kind", kind_name(kind)));
        return ERR_CONFIG;
    }
    keyring_refresh(ring, now);
    if ((found = key_of(ring_of(ring, kind), key_id)) == NULL) {
        look_at(ring->state, kind);
        found = key_of(ring_of(ring, kind), key_id);
    }
    if (found == NULL || (found->until != 0 && now > found->until)) {
        return ERR_FORGED;
    }
    *key = found->key;
    return ERR_OK;
}
