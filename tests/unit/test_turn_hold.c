/* A worker holds a turn by its lease: late, alone, or while the model is silent. */
#include "agent/turn_hold.h"
#include "catalogue/marks.h"
#include "turn_fixture.h"

static void a_worker_past_its_lease_tells_nothing(void **state)
{
    (void)state;
    struct turn_hold *late = NULL;
    struct turn_hold *next = NULL;
    uint8_t id[RECORD_ID_SIZE];
    assert_int_equal(world_ask("hi", NULL, &turn), ERR_OK);
    mark_turn(turn.id, id);
    assert_int_equal(hold_take(world.fixture.store, id, turn.version, T, &late), ERR_OK);
    world_now += TURN_LEASE + 1;
    assert_int_equal(hold_take(world.fixture.store, id, 0, world_now, &next), ERR_OK);
    assert_int_equal(hold_text(late, "late", 4, world_now), ERR_CONFLICT);
    assert_int_equal(hold_event(late, "action", json_object(), 0, world_now), ERR_CONFLICT);
    assert_int_equal(hold_flush(late, world_now), ERR_CONFLICT);
    assert_int_equal(hold_finish(late, TURN_DONE, "", world_now), ERR_CONFLICT);
    assert_true(hold_is_lost(late));
    assert_int_equal(hold_text(next, "mine", 4, world_now), ERR_OK);
    assert_int_equal(hold_finish(next, TURN_DONE, "", world_now), ERR_OK);
    assert_null(strstr(world_events(&turn), "late"));
    assert_non_null(strstr(world_events(&turn), "mine"));
    hold_free(late);
    hold_free(next);
}

static void a_late_worker_alone_goes_on(void **state)
{
    (void)state;
    struct turn_hold *hold = NULL;
    struct turn_hold *other = NULL;
    uint8_t id[RECORD_ID_SIZE];
    assert_int_equal(world_ask("hi", NULL, &turn), ERR_OK);
    mark_turn(turn.id, id);
    assert_int_equal(hold_take(world.fixture.store, id, turn.version, T, &hold), ERR_OK);
    world_now += TURN_LEASE + 1;
    assert_int_equal(hold_text(hold, "here", 4, world_now), ERR_OK);
    assert_int_equal(hold_take(world.fixture.store, id, 0, world_now, &other), ERR_NONE);
    assert_int_equal(hold_finish(hold, TURN_DONE, "", world_now), ERR_OK);
    hold_free(hold);
    assert_non_null(strstr(world_events(&turn), "here"));
}

static void a_silent_model_has_its_words_shown(void **state)
{
    (void)state;
    struct turn_hold *hold = NULL;
    uint8_t id[RECORD_ID_SIZE];
    assert_int_equal(world_ask("hi", NULL, &turn), ERR_OK);
    mark_turn(turn.id, id);
    assert_int_equal(hold_take(world.fixture.store, id, turn.version, T, &hold), ERR_OK);
    assert_int_equal(hold_text(hold, "one ", 4, T), ERR_OK);
    hold_set_in_step(hold, true);
    assert_int_equal(hold_text(hold, "two", 3, T + 1), ERR_OK);
    assert_null(strstr(world_events(&turn), "two"));
    hold_keep(hold, T + 1000);
    assert_non_null(strstr(world_events(&turn), "two"));
    hold_free(hold);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("row 69: a worker past its lease tells nothing",
             a_worker_past_its_lease_tells_nothing),
        TEST("a worker past its lease goes on when nobody else came", a_late_worker_alone_goes_on),
        TEST("what a model said before it fell silent is shown",
             a_silent_model_has_its_words_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
