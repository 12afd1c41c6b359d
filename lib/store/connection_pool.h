/*
 * Connections to one SQLite file: opened when a thread finds none free, at most
 * POOL_MAX, each with the statements it has used kept prepared.  A connection
 * is in one thread's hands at a time and never across a wait for anything else.
 */
#ifndef COUNTERSIGN_STORE_CONNECTION_POOL_H
#define COUNTERSIGN_STORE_CONNECTION_POOL_H

#include "store/engine.h"

#include <pthread.h>
#include <sqlite3.h>

#include "sql.inc"

#define POOL_MAX 32
#define POOL_BUSY_MS 5000 /* how long a writer waits for another before ERR_STORE */

struct connection {
    struct connection *next; /* in the pool's free list */
    sqlite3 *db;
    bool full_sync; /* what `PRAGMA synchronous` is now */
    bool broken;    /* not to be used again */
    sqlite3_stmt *statements[SQL_COUNT];
};

struct connection_pool {
    char *path;
    pthread_mutex_t lock;
    pthread_cond_t freed;
    struct connection *free;
    size_t count; /* of those in use and free */
};

/* Makes the file and brings its schema up to date. */
WARN_UNUSED enum err connection_pool_open(const char *path, const uint8_t first_epoch[EPOCH_SIZE],
                                          struct connection_pool **out);
void connection_pool_close(struct connection_pool *pool);

WARN_UNUSED enum err connection_pool_take(struct connection_pool *pool, struct connection **out);
/* Resets every statement and ends a transaction left open; NULL legal. */
void connection_pool_give(struct connection_pool *pool, struct connection *connection);

/* One outside the pool, for the change number. */
WARN_UNUSED enum err connection_open(const char *path, struct connection **out);
void connection_close(struct connection *connection);

/* The statement, reset and without bindings. */
WARN_UNUSED enum err connection_statement(struct connection *connection, enum sql which,
                                          sqlite3_stmt **out);
/* Step a statement that gives no row. */
WARN_UNUSED enum err connection_run(struct connection *connection, enum sql which,
                                    const char *doing);

/* BEGIN IMMEDIATE with the durability asked for; COMMIT, or on failure ROLLBACK. */
WARN_UNUSED enum err connection_begin(struct connection *connection, bool durable);
/* The same, not durable and without waiting: ERR_CONFLICT, not logged, when another writes. */
WARN_UNUSED enum err connection_try_begin(struct connection *connection);
WARN_UNUSED enum err connection_commit(struct connection *connection);
void connection_rollback(struct connection *connection);

/*
 * ERR_STORE, logged with what was being done; marks the connection broken where
 * the code says that it may not recover.
 */
enum err connection_failed(struct connection *connection, const char *doing);

#endif
