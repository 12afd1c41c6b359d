/* record_count: sums in windows. */
#include "store_fixture.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static uint8_t id[RECORD_ID_SIZE] = {1, 2, 3};

static void windows(void **state)
{
    struct fixture *fixture = *state;
    int64_t total;

    assert_int_equal(record_count(fixture->store, id, 0, 1000, T, &total), ERR_OK);
    assert_int_equal(total, 0);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM record"), 0);
    assert_int_equal(record_count(fixture->store, id, 1, 1000, T + 100, &total), ERR_OK);
    assert_int_equal(total, 1);
    assert_int_equal(record_count(fixture->store, id, 2, 1000, T + 1099, &total), ERR_OK);
    assert_int_equal(total, 3); /* still the window of the first addition */
    assert_int_equal(record_count(fixture->store, id, -1, 1000, T + 1099, &total), ERR_OK);
    assert_int_equal(total, 2);
    assert_int_equal(record_count(fixture->store, id, 0, 1000, T + 1100, &total), ERR_OK);
    assert_int_equal(total, 0);
    assert_int_equal(record_count(fixture->store, id, 5, 1000, T + 1100, &total), ERR_OK);
    assert_int_equal(total, 5);
    assert_int_equal(record_count(fixture->store, id, 1, 1000, T + 2099, &total), ERR_OK);
    assert_int_equal(total, 6);
}

static void limits(void **state)
{
    struct fixture *fixture = *state;
    int64_t total;

    assert_int_equal(record_count(fixture->store, id, 1, 0, T, &total), ERR_INPUT);
    assert_int_equal(record_count(fixture->store, id, 1, INT64_MAX, T, &total), ERR_INPUT);
    assert_int_equal(record_count(fixture->store, id, INT64_MAX, 1000, T, &total), ERR_OK);
    assert_int_equal(record_count(fixture->store, id, 1, 1000, T, &total), ERR_LIMIT);
    assert_int_equal(record_count(fixture->store, id, 0, 1000, T, &total), ERR_OK);
    assert_true(total == INT64_MAX);
}

static void forged(void **state)
{
    struct fixture *fixture = *state;
    int64_t total;

    assert_int_equal(record_count(fixture->store, id, 3, 1000, T, &total), ERR_OK);
    fixture_sql(fixture, "UPDATE record SET sealed = zeroblob(40)");
    assert_int_equal(record_count(fixture->store, id, 1, 1000, T, &total), ERR_FORGED);
    assert_int_equal(total, 0);
}

#define THREADS 6
#define ADDITIONS 100

static void *add(void *context)
{
    int64_t total;

    for (int i = 0; i < ADDITIONS; i++) {
        if (record_count(context, id, 1, 100000, T, &total) != ERR_OK) {
            return context;
        }
    }
    return NULL;
}

static void crowd(void **state)
{
    struct fixture *fixture = *state;
    pthread_t threads[THREADS];
    void *failed;
    int64_t total;

    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, add, fixture->store), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    assert_int_equal(record_count(fixture->store, id, 0, 100000, T, &total), ERR_OK);
    assert_int_equal(total, THREADS * ADDITIONS);
}

#define TEST(name, function)                                                                       \
    {                                                                                              \
        name, function, fixture_setup, fixture_teardown, NULL                                      \
    }

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST("a count lasts one window from its first addition", windows),
        TEST("no window, or a sum that does not fit, is refused", limits),
        TEST("an edited count is refused, not read as none", forged),
        TEST("six threads lose no addition", crowd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
