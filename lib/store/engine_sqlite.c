/*
 * The engine over SQLite: each verb takes a connection, does one transaction or
 * one read, and gives it back before it returns.  Statements: sql/.
 */
#include "base/log.h"
#include "store/sqlite_engine.h"

#include <stdlib.h>
#include <string.h>

static int64_t row_key(enum kind kind, const uint8_t id[RECORD_ID_SIZE])
{
    uint8_t text[1 + RECORD_ID_SIZE], digest[SHA256_SIZE];
    int64_t key;

    text[0] = (uint8_t)kind;
    memcpy(text + 1, id, RECORD_ID_SIZE);
    sha256(text, sizeof(text), digest);
    memcpy(&key, digest, sizeof(key));
    return key;
}

/* NULL for zeros: what is none is in no index. */
static int bind_id(sqlite3_stmt *statement, int at, const uint8_t id[RECORD_ID_SIZE])
{
    static const uint8_t none[RECORD_ID_SIZE];

    if (memcmp(id, none, RECORD_ID_SIZE) == 0) {
        return sqlite3_bind_null(statement, at);
    }
    return sqlite3_bind_blob(statement, at, id, RECORD_ID_SIZE, SQLITE_STATIC);
}

static int bind_name(sqlite3_stmt *statement, enum kind kind, const uint8_t id[RECORD_ID_SIZE])
{
    return sqlite3_bind_int64(statement, 1, row_key(kind, id)) |
           sqlite3_bind_int64(statement, 2, (int64_t)kind) |
           sqlite3_bind_blob(statement, 3, id, RECORD_ID_SIZE, SQLITE_STATIC);
}

/* Take a connection, begin, and have the statement ready. */
static enum err write_start(struct sqlite_engine *engine, enum sql which, bool durable,
                            struct connection **connection, sqlite3_stmt **statement)
{
    enum err err;

    *statement = NULL;
    if ((err = connection_pool_take(engine->pool, connection)) != ERR_OK) {
        return err;
    }
    if ((err = connection_begin(*connection, durable)) != ERR_OK) {
        return err;
    }
    return connection_statement(*connection, which, statement);
}

/* Step, and commit if it touched a row; if not, the answer is untouched. */
static enum err write_end(struct connection *connection, sqlite3_stmt *statement, int bound,
                          enum err untouched, const char *doing)
{
    if (bound != SQLITE_OK || sqlite3_step(statement) != SQLITE_DONE) {
        return connection_failed(connection, doing);
    }
    (void)sqlite3_reset(statement);
    if (sqlite3_changes(connection->db) == 0) {
        connection_rollback(connection);
        return untouched;
    }
    return connection_commit(connection);
}

static enum err put(struct engine *base, const struct engine_row *row, bool durable, msec now)
{
    struct sqlite_engine *engine = (struct sqlite_engine *)base;
    struct connection *connection = NULL;
    sqlite3_stmt *to;
    enum err err = write_start(engine, SQL_RECORD_PUT, durable, &connection, &to);

    if (err == ERR_OK) {
        int bound = bind_name(to, row->kind, row->id) | bind_id(to, 4, row->owner) |
                    bind_id(to, 5, row->second) | sqlite3_bind_int64(to, 6, (int64_t)row->version) |
                    sqlite3_bind_int64(to, 7, row->expires_at) |
                    sqlite3_bind_int64(to, 8, row->due_at) |
                    sqlite3_bind_blob(to, 9, row->sealed, (int)row->sealed_len, SQLITE_STATIC) |
                    sqlite3_bind_int64(to, 10, now);
        err = write_end(connection, to, bound, ERR_CONFLICT, "putting a record");
    }
    connection_pool_give(engine->pool, connection);
    return err;
}

static enum err replace(struct engine *base, const struct engine_row *row, bool durable, msec now)
{
    struct sqlite_engine *engine = (struct sqlite_engine *)base;
    struct connection *connection = NULL;
    sqlite3_stmt *to;
    enum err err = write_start(engine, SQL_RECORD_REPLACE, durable, &connection, &to);

    if (err == ERR_OK) {
        int bound = bind_name(to, row->kind, row->id) | bind_id(to, 4, row->second) |
                    sqlite3_bind_int64(to, 5, (int64_t)row->version) |
                    sqlite3_bind_int64(to, 6, row->expires_at) |
                    sqlite3_bind_int64(to, 7, row->due_at) |
                    sqlite3_bind_blob(to, 8, row->sealed, (int)row->sealed_len, SQLITE_STATIC) |
                    sqlite3_bind_int64(to, 9, row->hints) | sqlite3_bind_int64(to, 10, now) |
                    bind_id(to, 11, row->owner);
        err = write_end(connection, to, bound, ERR_CONFLICT, "replacing a record");
    }
    connection_pool_give(engine->pool, connection);
    return err;
}

static enum err drop(struct engine *base, enum kind kind, const uint8_t *id, uint64_t version,
                     bool durable)
{
    struct sqlite_engine *engine = (struct sqlite_engine *)base;
    struct connection *connection = NULL;
    sqlite3_stmt *to;
    enum err err = write_start(engine, SQL_RECORD_DELETE, durable, &connection, &to);

    if (err == ERR_OK) {
        int bound = bind_name(to, kind, id) | sqlite3_bind_int64(to, 4, (int64_t)version);
        err = write_end(connection, to, bound, ERR_NONE, "deleting a record");
    }
    connection_pool_give(engine->pool, connection);
    return err;
}

static enum err hint(struct engine *base, enum kind kind, const uint8_t *id, msec at, bool durable,
                     msec now)
{
    struct sqlite_engine *engine = (struct sqlite_engine *)base;
    struct connection *connection = NULL;
    sqlite3_stmt *to;
    enum err err = write_start(engine, SQL_RECORD_HINT, durable, &connection, &to);

    if (err == ERR_OK) {
        int bound = bind_name(to, kind, id) | sqlite3_bind_int64(to, 4, at) |
                    sqlite3_bind_int64(to, 5, now);
        err = write_end(connection, to, bound, ERR_NONE, "hinting");
    }
    connection_pool_give(engine->pool, connection);
    return err;
}

static enum err sweep(struct engine *base, msec now, size_t limit, size_t *removed)
{
    struct sqlite_engine *engine = (struct sqlite_engine *)base;
    struct connection *connection = NULL;
    sqlite3_stmt *to = NULL;
    enum err err;

    *removed = 0;
    if ((err = connection_pool_take(engine->pool, &connection)) == ERR_OK &&
        (err = connection_try_begin(connection)) == ERR_OK) {
        err = connection_statement(connection, SQL_RECORD_SWEEP, &to);
    }
    if (err == ERR_OK) {
        int bound = sqlite3_bind_int64(to, 1, now) | sqlite3_bind_int64(to, 2, (int64_t)limit);
        err = write_end(connection, to, bound, ERR_NONE, "sweeping");
        if (err == ERR_OK) {
            *removed = (size_t)sqlite3_changes(connection->db);
        } else if (err == ERR_NONE) {
            err = ERR_OK;
        }
    }
    connection_pool_give(engine->pool, connection);
    return err;
}

/* What is not of its size is not ours: the row is handed on without a text, and cannot open. */
static bool take_blob(sqlite3_stmt *from, int column, bool may_be_none, uint8_t *out, int size)
{
    memset(out, 0, (size_t)size);
    if (may_be_none && sqlite3_column_type(from, column) == SQLITE_NULL) {
        return true;
    }
    if (sqlite3_column_type(from, column) != SQLITE_BLOB ||
        sqlite3_column_bytes(from, column) != size) {
        return false;
    }
    memcpy(out, sqlite3_column_blob(from, column), (size_t)size);
    return true;
}

static void take_row(sqlite3_stmt *from, struct engine_row *row)
{
    int64_t kind = sqlite3_column_int64(from, 0);
    bool whole = kind >= 0 && kind < KIND_RECORDS;

    memset(row, 0, sizeof(*row));
    row->kind = whole ? (enum kind)kind : KIND_RECORDS;
    whole &= take_blob(from, 1, false, row->id, RECORD_ID_SIZE);
    whole &= take_blob(from, 2, true, row->owner, RECORD_ID_SIZE);
    whole &= take_blob(from, 3, true, row->second, RECORD_ID_SIZE);
    row->version = (uint64_t)sqlite3_column_int64(from, 4);
    row->expires_at = sqlite3_column_int64(from, 5);
    row->due_at = sqlite3_column_int64(from, 6);
    row->hints = (uint32_t)sqlite3_column_int64(from, 7);
    whole &= take_blob(from, 9, false, row->epoch, EPOCH_SIZE);
    if (!whole || sqlite3_column_type(from, 8) != SQLITE_BLOB) {
        return;
    }
    row->sealed = sqlite3_column_blob(from, 8);
    row->sealed_len = (size_t)sqlite3_column_bytes(from, 8);
}

static int bind_query(sqlite3_stmt *to, const struct engine_query *query)
{
    switch (query->by) {
    case ENGINE_BY_ID:
        return bind_name(to, query->kind, query->match) | sqlite3_bind_int64(to, 4, query->now);
    case ENGINE_DUE:
        return sqlite3_bind_int64(to, 1, (int64_t)query->kind) |
               sqlite3_bind_int64(to, 2, query->before) | sqlite3_bind_int64(to, 3, query->now) |
               sqlite3_bind_int64(to, 4, (int64_t)query->limit);
    case ENGINE_BY_OWNER:
    case ENGINE_BY_SECOND:
        return sqlite3_bind_int64(to, 1, (int64_t)query->kind) |
               sqlite3_bind_blob(to, 2, query->match, RECORD_ID_SIZE, SQLITE_STATIC) |
               sqlite3_bind_int64(to, 3, query->now) |
               sqlite3_bind_int64(to, 4, (int64_t)query->limit);
    }
    return SQLITE_MISUSE;
}

static enum err read_rows(struct engine *base, const struct engine_query *query,
                          engine_row_fn *each, void *context)
{
    static const enum sql which[] = {[ENGINE_BY_ID] = SQL_RECORD_GET,
                                     [ENGINE_BY_OWNER] = SQL_RECORD_BY_OWNER,
                                     [ENGINE_BY_SECOND] = SQL_RECORD_BY_SECOND,
                                     [ENGINE_DUE] = SQL_RECORD_DUE};
    struct sqlite_engine *engine = (struct sqlite_engine *)base;
    struct connection *connection;
    sqlite3_stmt *from;
    struct engine_row row;
    int code = SQLITE_ROW;
    enum err err = connection_pool_take(engine->pool, &connection);

    if (err != ERR_OK ||
        (err = connection_statement(connection, which[query->by], &from)) != ERR_OK) {
        goto done;
    }
    if (bind_query(from, query) != SQLITE_OK) {
        err = connection_failed(connection, "reading records");
        goto done;
    }
    while (err == ERR_OK && (code = sqlite3_step(from)) == SQLITE_ROW) {
        take_row(from, &row);
        err = each(context, &row);
    }
    if (err == ERR_OK && code != SQLITE_DONE) {
        err = connection_failed(connection, "reading records");
    }
    if (err == ERR_NONE) {
        err = ERR_OK;
    }
done:
    connection_pool_give(engine->pool, connection);
    return err;
}

static enum err exists(struct engine *base, enum kind kind, const uint8_t *id, msec now)
{
    struct sqlite_engine *engine = (struct sqlite_engine *)base;
    struct connection *connection;
    sqlite3_stmt *from;
    enum err err = connection_pool_take(engine->pool, &connection);

    if (err != ERR_OK ||
        (err = connection_statement(connection, SQL_RECORD_EXISTS, &from)) != ERR_OK) {
        goto done;
    }
    if ((bind_name(from, kind, id) | sqlite3_bind_int64(from, 4, now)) != SQLITE_OK) {
        err = connection_failed(connection, "looking for a record");
        goto done;
    }
    switch (sqlite3_step(from)) {
    case SQLITE_ROW:
        break;
    case SQLITE_DONE:
        err = ERR_NONE;
        break;
    default:
        err = connection_failed(connection, "looking for a record");
    }
done:
    connection_pool_give(engine->pool, connection);
    return err;
}

static void close_engine(struct engine *base)
{
    struct sqlite_engine *engine = (struct sqlite_engine *)base;

    connection_close(engine->watcher);
    connection_pool_close(engine->pool);
    (void)pthread_mutex_destroy(&engine->watching);
    free(engine);
}

static const struct engine_verbs verbs = {
    .put = put,
    .replace = replace,
    .drop = drop,
    .hint = hint,
    .exists = exists,
    .read = read_rows,
    .sweep = sweep,
    .epoch = sqlite_epoch,
    .new_epoch = sqlite_new_epoch,
    .change_number = sqlite_change_number,
    .audit_append = sqlite_audit_append,
    .audit_each = sqlite_audit_each,
    .audit_head = sqlite_audit_head,
    .close = close_engine,
};

enum err engine_sqlite_open(const char *path, const uint8_t first[EPOCH_SIZE], struct engine **out)
{
    struct sqlite_engine *engine = calloc(1, sizeof(*engine));
    enum err err;

    *out = NULL;
    if (engine == NULL) {
        return ERR_MEMORY;
    }
    engine->base.verbs = &verbs;
    (void)pthread_mutex_init(&engine->watching, NULL);
    if ((err = connection_pool_open(path, first, &engine->pool)) != ERR_OK) {
        close_engine(&engine->base);
        return err;
    }
    *out = &engine->base;
    return ERR_OK;
}
