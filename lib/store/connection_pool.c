#define SQL_TEXTS
#include "store/connection_pool.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/*
 * Private memory is promised to stay under 4 MiB a process: the pages that many
 * sessions are spread over live in the system's cache anyway, so a connection's
 * own holds little more than the upper levels of the trees.
 */
#define CACHE_KIB "256"
#define TEXT_MAX (1024 * 1024) /* of one value: no edited row makes us allocate more */
#define PAUSE_MS 10

static void library_start(void)
{
    /* Its memory statistics are a lock around every allocation, and nobody reads them. */
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static void pause_ms(long ms)
{
    struct timespec wait = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    (void)nanosleep(&wait, NULL);
}

enum err connection_failed(struct connection *connection, const char *doing)
{
    int code = sqlite3_extended_errcode(connection->db);

    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_FULL:
    case SQLITE_CONSTRAINT:
    case SQLITE_NOMEM:
        break;
    default:
        connection->broken = true;
    }
    log_line(LOG_ERROR, "store failed", LOG_T("doing", doing), LOG_T("why", sqlite3_errstr(code)),
             LOG_N("code", code), LOG_N("errno", sqlite3_system_errno(connection->db)));
    return (code & 0xff) == SQLITE_NOMEM ? ERR_MEMORY : ERR_STORE;
}

void connection_close(struct connection *connection)
{
    if (connection == NULL) {
        return;
    }
    for (size_t i = 0; i < SQL_COUNT; i++) {
        (void)sqlite3_finalize(connection->statements[i]);
    }
    (void)sqlite3_close(connection->db);
    free(connection);
}

static enum err exec(struct connection *connection, const char *text, const char *doing)
{
    if (sqlite3_exec(connection->db, text, NULL, NULL, NULL) == SQLITE_OK) {
        return ERR_OK;
    }
    return connection_failed(connection, doing);
}

/*
 * Changing the journal mode asks for a lock that SQLite will not wait for while
 * another process does the same, whatever the busy time-out: so it is waited for
 * here.  The mode stays with the file; all but the first start find it set.
 */
static enum err write_ahead(struct connection *connection)
{
    sqlite3_stmt *statement = NULL;
    enum err err = ERR_STORE;

    for (int waited = 0; waited < POOL_BUSY_MS; waited += PAUSE_MS) {
        int code =
            sqlite3_prepare_v2(connection->db, "PRAGMA journal_mode = WAL", -1, &statement, NULL);
        if (code == SQLITE_OK) {
            code = sqlite3_step(statement);
        }
        if (code == SQLITE_ROW) {
            const char *mode = (const char *)sqlite3_column_text(statement, 0);

            if (mode != NULL && strcmp(mode, "wal") == 0) {
                err = ERR_OK;
            } else {
                log_line(LOG_ERROR, "the database file system has no write-ahead log",
                         LOG_T("mode", mode));
            }
        } else if ((code & 0xff) != SQLITE_BUSY) {
            err = connection_failed(connection, "choosing the journal");
        }
        (void)sqlite3_finalize(statement);
        statement = NULL;
        if ((code & 0xff) != SQLITE_BUSY) {
            return err;
        }
        pause_ms(PAUSE_MS);
    }
    return connection_failed(connection, "choosing the journal");
}

enum err connection_open(const char *path, struct connection **out)
{
    struct connection *connection = calloc(1, sizeof(*connection));
    enum err err = ERR_MEMORY;

    *out = NULL;
    if (connection == NULL) {
        goto done;
    }
    if (sqlite3_open_v2(path, &connection->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                        NULL) != SQLITE_OK) {
        if (connection->db != NULL) {
            err = connection_failed(connection, "opening");
        }
        goto done;
    }
    /* Before anything else: two processes that start at once meet in the first pragma. */
    (void)sqlite3_busy_timeout(connection->db, POOL_BUSY_MS);
    (void)sqlite3_limit(connection->db, SQLITE_LIMIT_LENGTH, TEXT_MAX);
    err = ERR_STORE;
    if (sqlite3_db_config(connection->db, SQLITE_DBCONFIG_LOOKASIDE, NULL, 256, 64) != SQLITE_OK ||
        sqlite3_db_config(connection->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) != SQLITE_OK ||
        sqlite3_db_config(connection->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL) != SQLITE_OK) {
        goto done;
    }
    if ((err = write_ahead(connection)) != ERR_OK ||
        (err = exec(connection,
                    "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -" CACHE_KIB ";"
                    "PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = 16777216;"
                    "PRAGMA cell_size_check = ON",
                    "setting up")) != ERR_OK) {
        goto done;
    }
    *out = connection;
    connection = NULL;
done:
    connection_close(connection);
    return err;
}

enum err connection_statement(struct connection *connection, enum sql which, sqlite3_stmt **out)
{
    sqlite3_stmt **held = &connection->statements[which];

    *out = NULL;
    if (*held == NULL && sqlite3_prepare_v3(connection->db, sql_text[which], -1,
                                            SQLITE_PREPARE_PERSISTENT, held, NULL) != SQLITE_OK) {
        return connection_failed(connection, "preparing");
    }
    (void)sqlite3_reset(*held);
    (void)sqlite3_clear_bindings(*held);
    *out = *held;
    return ERR_OK;
}

enum err connection_run(struct connection *connection, enum sql which, const char *doing)
{
    sqlite3_stmt *statement;
    enum err err = connection_statement(connection, which, &statement);

    if (err == ERR_OK && sqlite3_step(statement) != SQLITE_DONE) {
        err = connection_failed(connection, doing);
    }
    if (statement != NULL) {
        (void)sqlite3_reset(statement);
    }
    return err;
}

static enum err durability(struct connection *connection, bool durable)
{
    enum err err;

    if (connection->full_sync == durable) {
        return ERR_OK;
    }
    err = exec(connection, durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL",
               "choosing the durability");
    /* After a failure it is what it was, and is asked for again. */
    if (err == ERR_OK) {
        connection->full_sync = durable;
    }
    return err;
}

enum err connection_begin(struct connection *connection, bool durable)
{
    enum err err = durability(connection, durable);

    return err == ERR_OK ? connection_run(connection, SQL_BEGIN_WRITE, "beginning to write") : err;
}

enum err connection_try_begin(struct connection *connection)
{
    sqlite3_stmt *statement;
    enum err err = durability(connection, false);

    if (err != ERR_OK ||
        (err = connection_statement(connection, SQL_BEGIN_WRITE, &statement)) != ERR_OK) {
        return err;
    }
    (void)sqlite3_busy_timeout(connection->db, 0);
    if (sqlite3_step(statement) != SQLITE_DONE) {
        err = (sqlite3_errcode(connection->db) & 0xff) == SQLITE_BUSY
                  ? ERR_CONFLICT
                  : connection_failed(connection, "beginning to write");
    }
    (void)sqlite3_busy_timeout(connection->db, POOL_BUSY_MS);
    (void)sqlite3_reset(statement);
    return err;
}

void connection_rollback(struct connection *connection)
{
    /* A full disk may have ended the transaction already. */
    if (sqlite3_get_autocommit(connection->db) == 0 &&
        connection_run(connection, SQL_ROLLBACK, "rolling back") != ERR_OK) {
        connection->broken = true;
    }
}

enum err connection_commit(struct connection *connection)
{
    enum err err = connection_run(connection, SQL_COMMIT, "committing");

    if (err != ERR_OK) {
        connection_rollback(connection);
    }
    return err;
}

static enum err schema_version(struct connection *connection, int *out)
{
    sqlite3_stmt *statement;
    enum err err = connection_statement(connection, SQL_SCHEMA_VERSION, &statement);

    if (err != ERR_OK) {
        return err;
    }
    if (sqlite3_step(statement) == SQLITE_ROW) {
        *out = sqlite3_column_int(statement, 0);
    } else {
        err = connection_failed(connection, "reading the schema's version");
    }
    (void)sqlite3_reset(statement);
    return err;
}

static enum err first_epoch_set(struct connection *connection, const uint8_t epoch[EPOCH_SIZE])
{
    sqlite3_stmt *statement;
    enum err err = connection_statement(connection, SQL_EPOCH_SET, &statement);

    if (err == ERR_OK &&
        (sqlite3_bind_blob(statement, 1, epoch, EPOCH_SIZE, SQLITE_STATIC) != SQLITE_OK ||
         sqlite3_step(statement) != SQLITE_DONE)) {
        err = connection_failed(connection, "setting the first epoch");
    }
    if (statement != NULL) {
        (void)sqlite3_reset(statement);
    }
    return err;
}

static enum err migrate(struct connection *connection, const uint8_t epoch[EPOCH_SIZE])
{
    int version = 0;
    enum err err = schema_version(connection, &version);

    if (err != ERR_OK || version == SQL_SCHEMAS) {
        return err;
    }
    if ((err = connection_begin(connection, true)) != ERR_OK) {
        return err;
    }
    /* Again under the lock: another process may just have done it. */
    if ((err = schema_version(connection, &version)) != ERR_OK) {
        goto done;
    }
    if (version < 0 || version > SQL_SCHEMAS) {
        log_line(LOG_ERROR, "the database was made by a newer Countersign",
                 LOG_N("schema", version), LOG_N("known", SQL_SCHEMAS));
        err = ERR_CONFIG;
        goto done;
    }
    for (int i = version; i < SQL_SCHEMAS && err == ERR_OK; i++) {
        err = exec(connection, sql_schema[i], "migrating");
    }
    if (err == ERR_OK && version == 0) {
        err = first_epoch_set(connection, epoch);
    }
    if (err == ERR_OK) {
        err = connection_commit(connection);
    }
done:
    if (err != ERR_OK) {
        connection_rollback(connection);
    }
    return err;
}

/*
 * Made here and not by SQLite, so that the mode is ours; its -wal and -shm take
 * after it.  Only when it is not there: closing a descriptor of a database that
 * this process has open would drop SQLite's locks on it.
 */
static enum err make_file(const char *path)
{
    struct stat file;
    int fd;

    if (stat(path, &file) == 0) {
        return ERR_OK;
    }
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0660);
    if (fd < 0 && errno != EEXIST) {
        log_line(LOG_ERROR, "database cannot be made", LOG_T("file", path),
                 LOG_T("why", strerror(errno)));
        return ERR_STORE;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return ERR_OK;
}

void connection_pool_close(struct connection_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    while (pool->free != NULL) {
        struct connection *connection = pool->free;

        pool->free = connection->next;
        connection_close(connection);
    }
    (void)pthread_cond_destroy(&pool->freed);
    (void)pthread_mutex_destroy(&pool->lock);
    free(pool->path);
    free(pool);
}

enum err connection_pool_open(const char *path, const uint8_t first_epoch[EPOCH_SIZE],
                              struct connection_pool **out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct connection *connection = NULL;
    pthread_condattr_t monotonic;
    struct connection_pool *pool;
    enum err err = ERR_MEMORY;

    *out = NULL;
    (void)pthread_once(&once, library_start);
    if ((pool = calloc(1, sizeof(*pool))) == NULL) {
        return ERR_MEMORY;
    }
    (void)pthread_mutex_init(&pool->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&pool->freed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    if ((pool->path = strdup(path)) == NULL || (err = make_file(path)) != ERR_OK ||
        (err = connection_pool_take(pool, &connection)) != ERR_OK ||
        (err = migrate(connection, first_epoch)) != ERR_OK) {
        goto done;
    }
    *out = pool;
done:
    if (connection != NULL) {
        connection_pool_give(pool, connection);
    }
    if (err != ERR_OK) {
        connection_pool_close(pool);
    }
    return err;
}

enum err connection_pool_take(struct connection_pool *pool, struct connection **out)
{
    struct timespec until;
    enum err err = ERR_OK;

    *out = NULL;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += POOL_BUSY_MS / 1000;
    (void)pthread_mutex_lock(&pool->lock);
    while (pool->free == NULL && pool->count >= POOL_MAX && err == ERR_OK) {
        if (pthread_cond_timedwait(&pool->freed, &pool->lock, &until) == ETIMEDOUT) {
            err = ERR_STORE;
        }
    }
    if (pool->free != NULL) {
        *out = pool->free;
        pool->free = (*out)->next;
        err = ERR_OK;
    } else if (err == ERR_OK) {
        pool->count++;
    }
    (void)pthread_mutex_unlock(&pool->lock);
    if (err != ERR_OK) {
        log_line(LOG_ERROR, "no database connection became free", LOG_N("of", POOL_MAX));
    }
    if (err != ERR_OK || *out != NULL) {
        return err;
    }

    if ((err = connection_open(pool->path, out)) != ERR_OK) {
        (void)pthread_mutex_lock(&pool->lock);
        pool->count--;
        (void)pthread_cond_signal(&pool->freed);
        (void)pthread_mutex_unlock(&pool->lock);
    }
    return err;
}

void connection_pool_give(struct connection_pool *pool, struct connection *connection)
{
    if (connection == NULL) {
        return;
    }
    /* A statement left half read would hold its snapshot, and with it the log's growth. */
    for (size_t i = 0; i < SQL_COUNT; i++) {
        (void)sqlite3_reset(connection->statements[i]);
    }
    connection_rollback(connection);
    if (connection->broken) {
        connection_close(connection);
        connection = NULL;
    }
    (void)pthread_mutex_lock(&pool->lock);
    if (connection == NULL) {
        pool->count--;
    } else {
        connection->next = pool->free;
        pool->free = connection;
    }
    (void)pthread_cond_signal(&pool->freed);
    (void)pthread_mutex_unlock(&pool->lock);
}
