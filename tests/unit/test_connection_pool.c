/* connection_pool.h: what a connection believes of itself is so. */
#include "store_fixture.h"

#include "store/connection_pool.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SYNCHRONOUS_NORMAL 1
#define SYNCHRONOUS_FULL 2

static int synchronous(struct connection *connection)
{
    sqlite3_stmt *statement = NULL;
    int level;

    assert_int_equal(sqlite3_prepare_v2(connection->db, "PRAGMA synchronous", -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    level = sqlite3_column_int(statement, 0);
    (void)sqlite3_finalize(statement);
    return level;
}

/* SQLite refuses to change the level inside a transaction: a way to make the pragma fail. */
static void durability(void **state)
{
    struct fixture *fixture = *state;
    struct connection *connection;

    assert_int_equal(connection_open(fixture->database, &connection), ERR_OK);
    assert_int_equal(synchronous(connection), SYNCHRONOUS_NORMAL);
    assert_int_equal(sqlite3_exec(connection->db, "BEGIN", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(connection_begin(connection, true), ERR_STORE);
    assert_int_equal(sqlite3_exec(connection->db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(synchronous(connection), SYNCHRONOUS_NORMAL);

    assert_int_equal(connection_begin(connection, true), ERR_OK);
    connection_rollback(connection);
    assert_int_equal(synchronous(connection), SYNCHRONOUS_FULL);
    assert_int_equal(connection_begin(connection, false), ERR_OK);
    connection_rollback(connection);
    assert_int_equal(synchronous(connection), SYNCHRONOUS_NORMAL);
    connection_close(connection);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        {"a durable write is asked for again after the asking failed", durability, fixture_setup,
         fixture_teardown, NULL},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
