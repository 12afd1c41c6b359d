#include "store_fixture.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

void fixture_open(struct fixture *fixture)
{
    struct buf problems = buf_make(4096);
    const char *base = getenv("TMPDIR");
    unsigned made;

    memset(fixture, 0, sizeof(*fixture));
    (void)snprintf(fixture->dir, sizeof(fixture->dir), "%s/countersign-unit-XXXXXX",
                   base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(fixture->dir));
    (void)snprintf(fixture->database, sizeof(fixture->database), "%s/records.db", fixture->dir);
    (void)snprintf(fixture->keys, sizeof(fixture->keys), "%s/keys", fixture->dir);
    assert_int_equal(keyring_generate(fixture->keys, ALL_KINDS, false, T, 0, &made), ERR_OK);
    assert_int_equal(keyring_open(fixture->keys, ALL_KINDS, &fixture->ring), ERR_OK);
    assert_int_equal(setenv("DATABASE", fixture->database, 1), 0);
    assert_int_equal(config_load(NULL, NULL, 0, &problems, &fixture->config), ERR_OK);
    buf_free(&problems);
    fixture->store = fixture_other(fixture);
}

static void remove_in(const char *dir)
{
    DIR *listing = opendir(dir);
    const struct dirent *entry;
    char path[512];

    assert_non_null(listing);
    while ((entry = readdir(listing)) != NULL) {
        if (entry->d_name[0] == '.' && strstr(entry->d_name, ".ring") == NULL) {
            continue;
        }
        (void)snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
        if (entry->d_type == DT_DIR) {
            remove_in(path);
        } else {
            assert_int_equal(unlink(path), 0);
        }
    }
    (void)closedir(listing);
    assert_int_equal(rmdir(dir), 0);
}

void fixture_close(struct fixture *fixture)
{
    store_free(fixture->store);
    keyring_free(fixture->ring);
    config_free(fixture->config);
    remove_in(fixture->dir);
}

int fixture_setup(void **state)
{
    static struct fixture fixture;

    fixture_open(&fixture);
    *state = &fixture;
    return 0;
}

int fixture_teardown(void **state)
{
    fixture_close(*state);
    return 0;
}

struct store *fixture_other(const struct fixture *fixture)
{
    struct store *store;

    assert_int_equal(store_open(fixture->config, fixture->ring, &store), ERR_OK);
    return store;
}

void fixture_restart(struct fixture *fixture)
{
    store_free(fixture->store);
    keyring_free(fixture->ring);
    assert_int_equal(keyring_open(fixture->keys, ALL_KINDS, &fixture->ring), ERR_OK);
    fixture->store = fixture_other(fixture);
}

sqlite3 *fixture_database(const struct fixture *fixture)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(fixture->database, &db), SQLITE_OK);
    (void)sqlite3_busy_timeout(db, 5000);
    return db;
}

void fixture_sql(const struct fixture *fixture, const char *sql)
{
    sqlite3 *db = fixture_database(fixture);
    char *why = NULL;

    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) {
        fail_msg("%s: %s", sql, why);
    }
    (void)sqlite3_close(db);
}

int64_t fixture_number(const struct fixture *fixture, const char *sql)
{
    sqlite3 *db = fixture_database(fixture);
    sqlite3_stmt *statement;
    int64_t number;

    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    number = sqlite3_column_int64(statement, 0);
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(db);
    return number;
}

void fixture_id(uint8_t id[RECORD_ID_SIZE], unsigned n)
{
    memset(id, (int)(n & 0xff), RECORD_ID_SIZE);
    id[0] = (uint8_t)(n >> 8);
}

struct record fixture_record(enum kind kind, unsigned n, const char *payload)
{
    struct record record = {.kind = kind, .expires_at = T + HOURS(1)};

    fixture_id(record.id, n);
    record.payload = strdup(payload);
    assert_non_null(record.payload);
    record.payload_len = strlen(payload);
    return record;
}

void fixture_put(struct store *store, enum kind kind, unsigned n, const char *payload)
{
    struct record record = fixture_record(kind, n, payload);

    assert_int_equal(record_put(store, &record, T), ERR_OK);
    record_free(&record);
}

enum err fixture_get(struct store *store, enum kind kind, unsigned n, msec now)
{
    uint8_t id[RECORD_ID_SIZE];
    struct record record;
    enum err err;

    fixture_id(id, n);
    err = record_get(store, kind, id, now, &record);
    if (err != ERR_OK) {
        assert_null(record.payload); /* no partial result */
    }
    record_free(&record);
    return err;
}
