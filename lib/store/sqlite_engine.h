/* The SQLite engine's object, shared by engine_sqlite.c and sqlite_audit.c. */
#ifndef COUNTERSIGN_STORE_SQLITE_ENGINE_H
#define COUNTERSIGN_STORE_SQLITE_ENGINE_H

#include "store/connection_pool.h"

struct sqlite_engine {
    struct engine base; /* first: the interface's pointer is a pointer to this */
    struct connection_pool *pool;
    pthread_mutex_t watching;   /* guards the three below */
    struct connection *watcher; /* writes nothing, so that every write is another's */
    uint64_t changes, last;
};

enum err sqlite_epoch(struct engine *base, uint8_t out[EPOCH_SIZE]);
enum err sqlite_new_epoch(struct engine *base, const uint8_t epoch[EPOCH_SIZE]);
enum err sqlite_change_number(struct engine *base, uint64_t *out);

enum err sqlite_audit_append(struct engine *base, struct engine_audit *entry, engine_mac_fn *sign,
                             void *context);
enum err sqlite_audit_each(struct engine *base, int64_t from, size_t limit, engine_audit_fn *each,
                           void *context);
enum err sqlite_audit_head(struct engine *base, int64_t *seq, uint8_t mac[SHA256_SIZE]);

#endif
