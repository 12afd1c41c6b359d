/* record.h against someone who can write the database file but has no key. */
#include "store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct store *store_of(void **state)
{
    return ((struct fixture *)*state)->store;
}

static void flipped(void **state)
{
    sqlite3 *db = fixture_database(*state);
    sqlite3_stmt *statement;
    uint8_t sealed[256];
    int size;

    fixture_put(store_of(state), KIND_SESSION, 1, "{\"sub\":\"alice\"}");
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT sealed FROM record", -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    size = sqlite3_column_bytes(statement, 0);
    assert_in_range(size, 48, sizeof(sealed));
    memcpy(sealed, sqlite3_column_blob(statement, 0), (size_t)size);
    (void)sqlite3_finalize(statement);
    assert_int_equal(sqlite3_prepare_v2(db, "UPDATE record SET sealed = ?1", -1, &statement, NULL),
                     SQLITE_OK);
    for (int i = 0; i < size; i++) {
        for (unsigned bit = 1; bit < 256; bit <<= 1) {
            sealed[i] = (uint8_t)(sealed[i] ^ bit);
            (void)sqlite3_bind_blob(statement, 1, sealed, size, SQLITE_STATIC);
            assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
            (void)sqlite3_reset(statement);
            assert_int_equal(fixture_get(store_of(state), KIND_SESSION, 1, T), ERR_FORGED);
            sealed[i] = (uint8_t)(sealed[i] ^ bit);
        }
    }
    /* Cut and lengthened, too. */
    for (int cut = 0; cut <= size; cut++) {
        (void)sqlite3_bind_blob(statement, 1, sealed, cut, SQLITE_STATIC);
        assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
        (void)sqlite3_reset(statement);
        assert_int_equal(fixture_get(store_of(state), KIND_SESSION, 1, T),
                         cut < size ? ERR_FORGED : ERR_OK);
    }
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(db);
    fixture_sql(*state, "UPDATE record SET sealed = CAST(sealed || x'00' AS BLOB)");
    assert_int_equal(fixture_get(store_of(state), KIND_SESSION, 1, T), ERR_FORGED);
}

static void swapped(void **state)
{
    fixture_put(store_of(state), KIND_SESSION, 1, "alice");
    fixture_put(store_of(state), KIND_SESSION, 2, "mallo");
    fixture_sql(*state, "CREATE TABLE was AS SELECT key, sealed FROM record;"
                        "UPDATE record SET sealed = "
                        "(SELECT sealed FROM was WHERE was.key <> record.key)");
    assert_int_equal(fixture_get(store_of(state), KIND_SESSION, 1, T), ERR_FORGED);
    assert_int_equal(fixture_get(store_of(state), KIND_SESSION, 2, T), ERR_FORGED);
    fixture_sql(*state, "UPDATE record SET sealed = "
                        "(SELECT sealed FROM was WHERE was.key = record.key)");
    assert_int_equal(fixture_get(store_of(state), KIND_SESSION, 1, T), ERR_OK);
}

static void columns(void **state)
{
    static const char *const edits[] = {
        "owner = x'0101010101010101010101010101010101010101010101010101010101010101'",
        "owner = NULL",
        "owner = x'01'",
        "owner = 'text'",
        "second = x'0101010101010101010101010101010101010101010101010101010101010101'",
        "second = NULL",
        "expires_at = expires_at + 1",
        "expires_at = expires_at - 1",
        "expires_at = 9223372036854775807",
        "version = version + 1",
        "version = version - 1",
        "version = 0",
        "version = -1",
        "sealed = 'text'",
        "sealed = zeroblob(0)",
        "sealed = zeroblob(300000)",
    };

    for (unsigned i = 0; i < COUNT(edits); i++) {
        struct record record = fixture_record(KIND_INVOCATION, i, "{}");
        char sql[256];

        fixture_id(record.owner, 100);
        fixture_id(record.second, 101);
        assert_int_equal(record_put(store_of(state), &record, T), ERR_OK);
        (void)snprintf(sql, sizeof(sql), "UPDATE record SET %s", edits[i]);
        fixture_sql(*state, sql);
        if (fixture_get(store_of(state), KIND_INVOCATION, i, T) != ERR_FORGED) {
            fail_msg("%s was not noticed", edits[i]);
        }
        assert_int_equal(record_delete(store_of(state), KIND_INVOCATION, record.id), ERR_OK);
        record_free(&record);
    }
}

/* Moved to another id or kind, with the key that goes with it. */
static void moved(void **state)
{
    fixture_put(store_of(state), KIND_SESSION, 1, "alice");
    fixture_put(store_of(state), KIND_SESSION, 2, "mallo");
    fixture_put(store_of(state), KIND_TURN, 1, "a turn");
    fixture_sql(
        *state,
        "CREATE TABLE was AS SELECT * FROM record;"
        "DELETE FROM record WHERE kind = 5;"
        "UPDATE record SET (sealed, version) = (SELECT sealed, version FROM was WHERE kind = 5)");
    assert_int_equal(fixture_get(store_of(state), KIND_SESSION, 1, T), ERR_FORGED);
    assert_int_equal(fixture_get(store_of(state), KIND_SESSION, 2, T), ERR_FORGED);
    assert_int_equal(KIND_TURN, 5); /* what the statement above is about */
    assert_int_equal(fixture_get(store_of(state), KIND_TURN, 1, T), ERR_NONE);
}

static void lists_pass_over(void **state)
{
    struct record_list list;
    uint8_t owner[RECORD_ID_SIZE];

    fixture_id(owner, 9);
    for (unsigned i = 1; i <= 6; i++) {
        struct record record = fixture_record(KIND_SESSION, i, "x");

        memcpy(record.owner, owner, RECORD_ID_SIZE);
        record.due_at = T;
        record.expires_at = T + SECONDS(i);
        assert_int_equal(record_put(store_of(state), &record, T), ERR_OK);
        record_free(&record);
    }
    fixture_sql(*state, "UPDATE record SET sealed = zeroblob(60) WHERE expires_at % 2000 = 0");
    assert_int_equal(record_by_owner(store_of(state), KIND_SESSION, owner, T, 10, &list), ERR_OK);
    assert_int_equal(list.count, 3);
    record_list_free(&list);
    assert_int_equal(record_due(store_of(state), KIND_SESSION, T, T, 2, &list), ERR_OK);
    assert_int_equal(list.count, 2); /* those that do not open do not use up the limit */
    record_list_free(&list);
}

static void epoch(void **state)
{
    struct fixture *fixture = *state;
    struct store *other = fixture_other(fixture);
    uint8_t id[RECORD_ID_SIZE];

    fixture_put(fixture->store, KIND_INVOCATION, 1, "approved");
    assert_int_equal(fixture_get(other, KIND_INVOCATION, 1, T), ERR_OK);
    fixture_sql(fixture, "CREATE TABLE backup AS SELECT * FROM record");
    assert_int_equal(store_new_epoch(fixture->store), ERR_OK);
    fixture_id(id, 1);
    assert_int_equal(record_exists(other, KIND_INVOCATION, id, T), ERR_NONE);
    assert_int_equal(fixture_get(other, KIND_INVOCATION, 1, T), ERR_NONE);

    fixture_sql(fixture, "INSERT INTO record SELECT * FROM backup");
    assert_int_equal(fixture_get(fixture->store, KIND_INVOCATION, 1, T), ERR_FORGED);
    /* A process that was running all the while writes and reads in the new epoch at once. */
    assert_int_equal(fixture_get(other, KIND_INVOCATION, 1, T), ERR_FORGED);
    fixture_put(other, KIND_INVOCATION, 2, "new");
    assert_int_equal(fixture_get(fixture->store, KIND_INVOCATION, 2, T), ERR_OK);
    store_free(other);
}

static void epoch_is_random(void **state)
{
    struct fixture *fixture = *state;
    int64_t first = fixture_number(fixture, "SELECT length(value) FROM epoch");

    assert_int_equal(first, 16);
    fixture_sql(fixture, "CREATE TABLE was AS SELECT value FROM epoch");
    assert_int_equal(store_new_epoch(fixture->store), ERR_OK);
    assert_int_equal(
        fixture_number(fixture, "SELECT count(*) FROM epoch, was WHERE epoch.value = was.value"),
        0);
}

static void rotated(void **state)
{
    struct fixture *fixture = *state;
    unsigned made;

    fixture_put(fixture->store, KIND_TOKENS, 1, "old");
    assert_int_equal(
        keyring_generate(fixture->keys, KIND_BIT(KIND_TOKENS), true, T, SECONDS(60), &made),
        ERR_OK);
    fixture_restart(fixture);
    fixture_put(fixture->store, KIND_TOKENS, 2, "new");
    assert_int_equal(fixture_get(fixture->store, KIND_TOKENS, 1, T + SECONDS(60)), ERR_OK);
    assert_int_equal(fixture_get(fixture->store, KIND_TOKENS, 1, T + SECONDS(60) + 1), ERR_FORGED);
    assert_int_equal(fixture_get(fixture->store, KIND_TOKENS, 2, T + SECONDS(60) + 1), ERR_OK);
}

#define TEST(name, function)                                                                       \
    {                                                                                              \
        name, function, fixture_setup, fixture_teardown, NULL                                      \
    }

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST("row 31: any bit of a stored payload flipped, or bytes cut, is refused", flipped),
        TEST("row 31: two rows' payloads swapped are refused", swapped),
        TEST("owner, second key, expiry and version edited are refused", columns),
        TEST("a row moved to another id or kind is refused", moved),
        TEST("lists pass over rows that do not open", lists_pass_over),
        TEST("row 70: a row of a former epoch, put back, is refused", epoch),
        TEST("every epoch is another", epoch_is_random),
        TEST("row 37: old rows open until the cut-off of their key", rotated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
