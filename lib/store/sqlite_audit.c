/* The SQLite engine: the audit log.  What an entry says, and its MAC, are audit.c's. */
#include "base/log.h"
#include "store/sqlite_engine.h"

#include <string.h>

static enum err head_get(struct connection *connection, int64_t *seq, uint8_t mac[SHA256_SIZE])
{
    sqlite3_stmt *from;
    enum err err = connection_statement(connection, SQL_AUDIT_HEAD, &from);

    if (err != ERR_OK) {
        return err;
    }
    switch (sqlite3_step(from)) {
    case SQLITE_ROW:
        *seq = sqlite3_column_int64(from, 0);
        if (*seq >= 0 && *seq < INT64_MAX && sqlite3_column_bytes(from, 1) == SHA256_SIZE) {
            memcpy(mac, sqlite3_column_blob(from, 1), SHA256_SIZE);
            break;
        } /* fall through */
    case SQLITE_DONE:
        err = ERR_FORGED;
        break;
    default:
        err = connection_failed(connection, "reading the audit head");
    }
    (void)sqlite3_reset(from);
    return err;
}

static int bind_text(sqlite3_stmt *to, int at, const char *text)
{
    return sqlite3_bind_text(to, at, text, -1, SQLITE_STATIC);
}

static enum err add(struct connection *connection, const struct engine_audit *entry)
{
    sqlite3_stmt *to;
    enum err err = connection_statement(connection, SQL_AUDIT_ADD, &to);

    if (err != ERR_OK) {
        return err;
    }
    if ((sqlite3_bind_int64(to, 1, entry->seq) | sqlite3_bind_int64(to, 2, entry->at) |
         bind_text(to, 3, entry->event) | bind_text(to, 4, entry->invocation) |
         bind_text(to, 5, entry->request_id) | bind_text(to, 6, entry->detail) |
         sqlite3_bind_int64(to, 7, entry->key_id) |
         sqlite3_bind_blob(to, 8, entry->mac, SHA256_SIZE, SQLITE_STATIC)) != SQLITE_OK) {
        err = connection_failed(connection, "writing the audit log");
        goto done;
    }
    switch (sqlite3_step(to)) {
    case SQLITE_DONE:
        break;
    case SQLITE_CONSTRAINT_UNIQUE: /* (invocation, event) */
        err = ERR_CONFLICT;
        break;
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID: /* the head was set back behind an entry */
        err = ERR_FORGED;
        break;
    default:
        err = connection_failed(connection, "writing the audit log");
    }
done:
    (void)sqlite3_reset(to);
    return err;
}

static enum err head_set(struct connection *connection, const struct engine_audit *entry)
{
    sqlite3_stmt *to;
    enum err err = connection_statement(connection, SQL_AUDIT_HEAD_SET, &to);

    if (err != ERR_OK) {
        return err;
    }
    if ((sqlite3_bind_int64(to, 1, entry->seq) |
         sqlite3_bind_blob(to, 2, entry->mac, SHA256_SIZE, SQLITE_STATIC)) != SQLITE_OK ||
        sqlite3_step(to) != SQLITE_DONE) {
        err = connection_failed(connection, "writing the audit head");
    }
    (void)sqlite3_reset(to);
    return err;
}

enum err sqlite_audit_append(struct engine *base, struct engine_audit *entry, engine_mac_fn *sign,
                             void *context)
{
    struct sqlite_engine *engine = (struct sqlite_engine *)base;
    struct connection *connection;
    uint8_t before[SHA256_SIZE];
    enum err err = connection_pool_take(engine->pool, &connection);

    if (err == ERR_OK && (err = connection_begin(connection, true)) == ERR_OK &&
        (err = head_get(connection, &entry->seq, before)) == ERR_OK) {
        entry->seq++;
        if ((err = sign(context, before, entry)) == ERR_OK &&
            (err = add(connection, entry)) == ERR_OK &&
            (err = head_set(connection, entry)) == ERR_OK) {
            err = connection_commit(connection);
        }
    }
    if (err == ERR_FORGED) {
        log_line(LOG_ERROR, "the audit log's head does not fit its entries");
    }
    connection_pool_give(engine->pool, connection);
    return err;
}

/*
 * A text with a NUL inside would read as a shorter one, for which the MAC may be
 * right, while the unique index takes the two for different: not whole.
 */
static const char *column_text(sqlite3_stmt *from, int column, bool *whole)
{
    const char *text = (const char *)sqlite3_column_text(from, column);

    if (sqlite3_column_type(from, column) != SQLITE_TEXT || text == NULL ||
        strlen(text) != (size_t)sqlite3_column_bytes(from, column)) {
        *whole = false;
    }
    return text != NULL ? text : "";
}

enum err sqlite_audit_each(struct engine *base, int64_t from_seq, size_t limit,
                           engine_audit_fn *each, void *context)
{
    struct sqlite_engine *engine = (struct sqlite_engine *)base;
    struct connection *connection;
    sqlite3_stmt *from;
    int code = SQLITE_ROW;
    enum err err = connection_pool_take(engine->pool, &connection);

    if (err != ERR_OK ||
        (err = connection_statement(connection, SQL_AUDIT_EACH, &from)) != ERR_OK) {
        goto done;
    }
    if ((sqlite3_bind_int64(from, 1, from_seq) | sqlite3_bind_int64(from, 2, (int64_t)limit)) !=
        SQLITE_OK) {
        err = connection_failed(connection, "reading the audit log");
        goto done;
    }
    while (err == ERR_OK && (code = sqlite3_step(from)) == SQLITE_ROW) {
        int64_t key_id = sqlite3_column_int64(from, 6);
        bool whole =
            key_id >= 0 && key_id <= UINT32_MAX && sqlite3_column_bytes(from, 7) == SHA256_SIZE;
        struct engine_audit entry = {
            .seq = sqlite3_column_int64(from, 0),
            .at = sqlite3_column_int64(from, 1),
            .event = column_text(from, 2, &whole),
            .invocation = column_text(from, 3, &whole),
            .request_id = column_text(from, 4, &whole),
            .detail = column_text(from, 5, &whole),
            .key_id = (uint32_t)key_id,
        };

        /* What is not whole keeps a MAC of zeros, which verifies nowhere. */
        if (whole) {
            memcpy(entry.mac, sqlite3_column_blob(from, 7), SHA256_SIZE);
        }
        err = each(context, &entry);
    }
    if (err == ERR_OK && code != SQLITE_DONE) {
        err = connection_failed(connection, "reading the audit log");
    }
    if (err == ERR_NONE) {
        err = ERR_OK;
    }
done:
    connection_pool_give(engine->pool, connection);
    return err;
}

enum err sqlite_audit_head(struct engine *base, int64_t *seq, uint8_t mac[SHA256_SIZE])
{
    struct sqlite_engine *engine = (struct sqlite_engine *)base;
    struct connection *connection;
    enum err err = connection_pool_take(engine->pool, &connection);

    if (err == ERR_OK) {
        err = head_get(connection, seq, mac);
    }
    connection_pool_give(engine->pool, connection);
    return err;
}
