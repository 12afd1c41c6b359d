/* The SQLite engine: the epoch, and whether anything has changed. */
#include "base/log.h"
#include "store/sqlite_engine.h"

#include <string.h>

enum err sqlite_epoch(struct engine *base, uint8_t out[EPOCH_SIZE])
{
    struct sqlite_engine *engine = (struct sqlite_engine *)base;
    struct connection *connection;
    sqlite3_stmt *from;
    enum err err = connection_pool_take(engine->pool, &connection);

    if (err != ERR_OK || (err = connection_statement(connection, SQL_EPOCH_GET, &from)) != ERR_OK) {
        goto done;
    }
    switch (sqlite3_step(from)) {
    case SQLITE_ROW:
        if (sqlite3_column_bytes(from, 0) == EPOCH_SIZE) {
            memcpy(out, sqlite3_column_blob(from, 0), EPOCH_SIZE);
            break;
        } /* fall through */
    case SQLITE_DONE:
        log_line(LOG_ERROR, "the store has no epoch");
        err = ERR_STORE;
        break;
    default:
        err = connection_failed(connection, "reading the epoch");
    }
done:
    connection_pool_give(engine->pool, connection);
    return err;
}

enum err sqlite_new_epoch(struct engine *base, const uint8_t epoch[EPOCH_SIZE])
{
    struct sqlite_engine *engine = (struct sqlite_engine *)base;
    struct connection *connection;
    sqlite3_stmt *to;
    enum err err = connection_pool_take(engine->pool, &connection);

    if (err != ERR_OK || (err = connection_begin(connection, true)) != ERR_OK ||
        (err = connection_statement(connection, SQL_EPOCH_SET, &to)) != ERR_OK) {
        goto done;
    }
    if (sqlite3_bind_blob(to, 1, epoch, EPOCH_SIZE, SQLITE_STATIC) != SQLITE_OK ||
        sqlite3_step(to) != SQLITE_DONE) {
        err = connection_failed(connection, "setting the epoch");
        goto done;
    }
    if ((err = connection_run(connection, SQL_RECORD_DELETE_ALL, "voiding records")) == ERR_OK) {
        err = connection_commit(connection);
    }
done:
    connection_pool_give(engine->pool, connection);
    return err;
}

enum err sqlite_change_number(struct engine *base, uint64_t *out)
{
    struct sqlite_engine *engine = (struct sqlite_engine *)base;
    sqlite3_stmt *from;
    enum err err = ERR_OK;

    *out = 0;
    (void)pthread_mutex_lock(&engine->watching);
    if (engine->watcher == NULL) {
        /* A fresh connection starts to count again: that must read as a change too. */
        if ((err = connection_open(engine->pool->path, &engine->watcher)) != ERR_OK) {
            goto done;
        }
        engine->changes++;
        engine->last = 0;
    }
    if ((err = connection_statement(engine->watcher, SQL_DATA_VERSION, &from)) == ERR_OK) {
        if (sqlite3_step(from) == SQLITE_ROW) {
            uint64_t version = (uint64_t)sqlite3_column_int64(from, 0);

            if (version != engine->last) {
                engine->changes++;
            }
            engine->last = version;
            *out = engine->changes;
        } else {
            err = connection_failed(engine->watcher, "reading the change number");
        }
        (void)sqlite3_reset(from);
    }
    if (engine->watcher->broken) {
        connection_close(engine->watcher);
        engine->watcher = NULL;
    }
done:
    (void)pthread_mutex_unlock(&engine->watching);
    return err;
}
