/* The idle and the absolute limit, to the millisecond, whatever the clock and the configuration do.
 */
#include "identity/session_internal.h"
#include "session_fixture.h"

static void idle(void **state)
{
    struct fixture *f = *state;
    struct session made;
    char token[SESSION_TOKEN_SIZE];

    create(f->store, "alice", 0, token, &made);
    session_free(&made);
    assert_int_equal(load(f->store, token, T + IDLE), ERR_NONE);
    assert_int_equal(load(f->store, token, T + IDLE + 1), ERR_NONE);
    assert_int_equal(load(f->store, token, T + IDLE - 1), ERR_OK); /* which extends it */
    assert_int_equal(load(f->store, token, T + 2 * IDLE - 2), ERR_OK);
    assert_int_equal(load(f->store, token, T + 3 * IDLE), ERR_NONE);
}

static void absolute(void **state)
{
    struct fixture *f = *state;
    struct session made;
    char token[SESSION_TOKEN_SIZE];
    msec now = T;

    create(f->store, "alice", 0, token, &made);
    session_free(&made);
    while (now < T + ABSOLUTE - MINUTES(20)) { /* in use all the time */
        now += MINUTES(20);
        assert_int_equal(load(f->store, token, now), ERR_OK);
    }
    assert_int_equal(load(f->store, token, T + ABSOLUTE - 1), ERR_OK);
    assert_int_equal(load(f->store, token, T + ABSOLUTE), ERR_NONE);
    assert_int_equal(load(f->store, token, T + ABSOLUTE + 1), ERR_NONE);
}

static void written_seldom(void **state)
{
    struct fixture *f = *state;
    struct session made;
    int64_t first;
    char token[SESSION_TOKEN_SIZE];

    create(f->store, "alice", 0, token, &made);
    first = fixture_number(f, "SELECT version FROM record WHERE kind = 0");
    session_free(&made);
    for (msec at = 0; at < IDLE / 10; at += 1000) {
        assert_int_equal(load(f->store, token, T + at), ERR_OK);
    }
    assert_int_equal(fixture_number(f, "SELECT version FROM record WHERE kind = 0"), first);
    assert_int_equal(load(f->store, token, T + IDLE / 10), ERR_OK);
    assert_int_equal(fixture_number(f, "SELECT version FROM record WHERE kind = 0"), first + 1);
    assert_int_equal(load(f->store, token, T + IDLE / 10 + 1), ERR_OK);
    assert_int_equal(fixture_number(f, "SELECT version FROM record WHERE kind = 0"), first + 1);
    assert_int_equal(load(f->store, token, T + IDLE / 10 + IDLE), ERR_NONE);
}

/*
 * Whoever holds a stolen cookie and an old session gains nothing by a clock that
 * stepped back: the session is of a time to come, and counts from then on only.
 */
static void clock_stepped_back(void **state)
{
    struct fixture *f = *state;
    struct session made;
    struct session checked;
    struct session_list list;
    int64_t version;
    char token[SESSION_TOKEN_SIZE];
    const msec used = T + IDLE / 2;

    create(f->store, "alice", 0, token, &made);
    assert_int_equal(load(f->store, token, used), ERR_OK);
    version = fixture_number(f, "SELECT version FROM record WHERE kind = 0");
    /* a minute is what the clocks of two hosts may differ by; it writes nothing */
    assert_int_equal(load(f->store, token, used - SECONDS(60)), ERR_OK);
    assert_int_equal(load(f->store, token, used - SECONDS(60) - 1), ERR_NONE);
    assert_int_equal(load(f->store, token, T - HOURS(1)), ERR_NONE);
    assert_int_equal(session_check(f->store, &limits, made.id, used - SECONDS(61), &checked),
                     ERR_NONE);
    /* a list grants nothing: there the person sees it, and can end it */
    assert_int_equal(session_list(f->store, made.person.owner, T - HOURS(1), &list), ERR_OK);
    assert_int_equal(list.count, 1);
    session_list_free(&list);
    assert_int_equal(fixture_number(f, "SELECT version FROM record WHERE kind = 0"), version);
    assert_int_equal(load(f->store, token, used + 1), ERR_OK);
    assert_int_equal(load(f->store, token, used + IDLE), ERR_NONE);
    session_free(&made);
}

/* Limits lowered in the configuration hold for the sessions that are there. */
static void lowered_limits(void **state)
{
    struct fixture *f = *state;
    const struct session_limits low = {MINUTES(5), MINUTES(10)};
    const struct session_limits high = {HOURS(20), HOURS(40)};
    struct session session;
    char token[SESSION_TOKEN_SIZE];

    create(f->store, "alice", 0, token, &session);
    session_free(&session);
    assert_int_equal(session_load(f->store, &low, token, T + MINUTES(5), &session), ERR_NONE);
    assert_int_equal(session_load(f->store, &high, token, T + IDLE, &session), ERR_NONE);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST("row 32: the idle limit at t-1, t, t+1", idle),
        TEST("row 32: the absolute limit at t-1, t, t+1, in use all the time", absolute),
        TEST("row 32: written once a tenth of the idle limit", written_seldom),
        TEST("row 32: a clock stepped back extends nothing", clock_stepped_back),
        TEST("lowered limits hold at once, raised ones extend no row", lowered_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
