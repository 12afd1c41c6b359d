/* The threads: turns are advanced whether anyone asks or not, and given back at the stop. */
#include "agent/worker.h"
#include "agent_world.h"
#include "catalogue/marks.h"
#include "crypto/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static struct turn turn;
static struct workers *workers;

static void pause_ms(long ms)
{
    const struct timespec pause = {ms / 1000, ms % 1000 * 1000000L};
    (void)nanosleep(&pause, NULL);
}

static enum turn_state wait_for_end(void)
{
    char code[32];
    enum turn_state state = TURN_RUNNING;
    for (int i = 0; i < 500 && state == TURN_RUNNING; i++) {
        pause_ms(10);
        state = world_state(&turn, code);
    }
    return state;
}

static void plan(const struct model_step *step)
{
    world.steps = step;
    world.step_count = 1;
}

static void a_submitted_turn_is_advanced(void **state)
{
    (void)state;
    static const struct model_step step = {.text = "ok"};
    uint8_t id[RECORD_ID_SIZE];
    plan(&step);
    assert_int_equal(world_ask("hi", NULL, &turn), ERR_OK);
    assert_int_equal(workers_start(&world.advance, &workers), ERR_OK);
    mark_turn(turn.id, id);
    workers_submit(workers, id, turn.version);
    assert_int_equal(wait_for_end(), TURN_DONE);
    assert_int_equal(workers_stop(workers, 3000), ERR_OK);
    assert_int_equal(world.asked, 1);
}

static void a_leased_turn_is_left_and_a_lapsed_one_found(void **state)
{
    (void)state;
    static const struct model_step step = {.text = "ok"};
    char code[32];
    plan(&step);
    assert_int_equal(world_ask("hi", NULL, &turn), ERR_OK); /* and its process dies here */
    assert_int_equal(workers_start(&world.advance, &workers), ERR_OK);
    pause_ms(600);
    assert_int_equal(world_state(&turn, code), TURN_RUNNING);
    assert_int_equal(workers_stop(workers, 3000), ERR_OK);
    world_now += TURN_LEASE + 1;
    assert_int_equal(workers_start(&world.advance, &workers), ERR_OK); /* looks at once */
    assert_int_equal(wait_for_end(), TURN_DONE);
    assert_int_equal(workers_stop(workers, 3000), ERR_OK);
}

static atomic_int silent;

static void be_silent(void)
{
    for (int i = 0; i < 1000 && silent != 0; i++) {
        pause_ms(10);
    }
}

static const struct model_step hanging = {.text = "too late", .hook = be_silent};

static void a_cancelled_silent_turn_ends_by_the_keeper(void **state)
{
    (void)state;
    uint8_t id[RECORD_ID_SIZE];
    silent = 1;
    plan(&hanging);
    assert_int_equal(world_ask("hi", NULL, &turn), ERR_OK);
    mark_turn(turn.id, id);
    assert_int_equal(workers_start(&world.advance, &workers), ERR_OK);
    workers_submit(workers, id, turn.version);
    pause_ms(200);
    assert_int_equal(turn_cancel(world.fixture.store, &turn, world_now), ERR_OK);
    assert_int_equal(wait_for_end(), TURN_CANCELLED);
    silent = 0;
    assert_int_equal(workers_stop(workers, 3000), ERR_OK);
    assert_null(strstr(world_events(&turn), "too late"));
}

static void stopping_gives_the_turn_back(void **state)
{
    (void)state;
    struct turn now = {0};
    struct record_list due = {0};
    uint8_t id[RECORD_ID_SIZE];
    silent = 1;
    plan(&hanging);
    assert_int_equal(world_ask("hi", NULL, &turn), ERR_OK);
    mark_turn(turn.id, id);
    assert_int_equal(workers_start(&world.advance, &workers), ERR_OK);
    workers_submit(workers, id, turn.version);
    pause_ms(200);
    workers_end(workers); /* frees nothing: a request may come with one more turn */
    workers_submit(workers, id, turn.version);
    world_get(&turn, &now);
    assert_int_equal(now.state, TURN_RUNNING);
    assert_int_equal(now.lease_until, 0);
    turn_free(&now);
    assert_int_equal(record_due(world.fixture.store, KIND_TURN, world_now, world_now, 10, &due),
                     ERR_OK);
    assert_int_equal(due.count, 1);
    record_list_free(&due);
    assert_int_equal(workers_stop(workers, 300), ERR_UNKNOWN);
    silent = 0;
    assert_int_equal(workers_stop(workers, 3000), ERR_OK);
    assert_null(strstr(world_events(&turn), "too late")); /* it wrote nothing any more */
    /* The next process goes on. */
    static const struct model_step step = {.text = "ok"};
    plan(&step);
    assert_int_equal(workers_start(&world.advance, &workers), ERR_OK);
    assert_int_equal(wait_for_end(), TURN_DONE);
    assert_int_equal(workers_stop(workers, 3000), ERR_OK);
}

/* Six people's models are slow; the seventh waits for nothing but an approval that came. */
static void an_approval_does_not_stand_behind_slow_models(void **state)
{
    (void)state;
    static const struct model_step asks[] = {{.calls = RESET_BOB}, {.text = "done"}};
    static struct turn slow[WORKER_THREADS + 1];
    struct turn now = {0};
    uint8_t id[RECORD_ID_SIZE];
    msec due = 0;
    bool posted = false;
    world.steps = asks;
    world.step_count = 2;
    assert_int_equal(world_ask("reset bob", NULL, &turn), ERR_OK);
    world_answer_pending("waiting", world_now + 1000);
    assert_int_equal(world_advance(&turn, &due), ERR_OK);
    silent = 1;
    plan(&hanging);
    assert_int_equal(workers_start(&world.advance, &workers), ERR_OK);
    for (size_t i = 0; i < COUNT(slow); i++) {
        struct session session = world.session;
        char sub[32];
        (void)snprintf(sub, sizeof sub, "slow-%zu", i);
        assert_int_equal(person_new("https://iss/", sub, NULL, false, NULL, &session.person),
                         ERR_OK);
        struct turn_request request = {.session = &session,
                                       .message = "slow",
                                       .agent = "AGENT",
                                       .request_id = "",
                                       .lifetime = SECONDS(900)};
        assert_int_equal(random_bytes(request.random, sizeof request.random), ERR_OK);
        assert_int_equal(turn_create(world.fixture.store, &request, world_now, &slow[i]), ERR_OK);
        mark_turn(slow[i].id, id);
        workers_submit(workers, id, slow[i].version);
        person_free(&session.person);
    }
    pause_ms(300);
    world_answer(OUTCOME_DONE, "done", "It was done.");
    world_now = due;
    for (int i = 0; i < 300 && !posted; i++) {
        pause_ms(10);
        world_get(&turn, &now);
        posted = now.call_count == 1 && now.calls[0].settled;
        turn_free(&now);
    }
    silent = 0;
    assert_int_equal(workers_stop(workers, 5000), ERR_OK);
    assert_true(posted);
    for (size_t i = 0; i < COUNT(slow); i++) {
        turn_free(&slow[i]);
    }
}

/* The clock was an hour ahead when a process died; its lease must not last that hour. */
static void a_lease_from_the_future_is_none(void **state)
{
    (void)state;
    static const struct model_step step = {.text = "ok"};
    plan(&step);
    assert_int_equal(world_ask("hi", NULL, &turn), ERR_OK);
    world_now -= HOURS(1) / 2;
    assert_int_equal(workers_start(&world.advance, &workers), ERR_OK);
    /* Whether a session from the future still counts is for identity to say. */
    assert_int_not_equal(wait_for_end(), TURN_RUNNING);
    assert_int_equal(workers_stop(workers, 3000), ERR_OK);
}

/* Sealed by us, but no turn: it must not be looked at for ever. */
static void what_is_no_turn_is_never_due_again(void **state)
{
    (void)state;
    struct turn_hold *hold = NULL;
    struct record record = fixture_record(KIND_TURN, 7, "{\"state\":\"odd\"}");
    struct record_list due = {0};
    record.due_at = T;
    assert_int_equal(record_put(world.fixture.store, &record, T), ERR_OK);
    assert_int_equal(hold_take(world.fixture.store, record.id, 0, T, &hold), ERR_NONE);
    assert_int_equal(record_due(world.fixture.store, KIND_TURN, T, T, 10, &due), ERR_OK);
    assert_int_equal(due.count, 0);
    record_list_free(&due);
    record_free(&record);
}

static int tear_down(void **state)
{
    turn_free(&turn);
    return world_teardown(state);
}

#define TEST(name, function)                                                                       \
    {                                                                                              \
        name, function, world_setup, tear_down, NULL                                               \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("a submitted turn is advanced at once", a_submitted_turn_is_advanced),
        TEST("a leased turn is left, a lapsed one is found",
             a_leased_turn_is_left_and_a_lapsed_one_found),
        TEST("a cancelled turn ends although its model is silent",
             a_cancelled_silent_turn_ends_by_the_keeper),
        TEST("an approval does not stand behind slow models",
             an_approval_does_not_stand_behind_slow_models),
        TEST("a lease from before the clock was set back is none", a_lease_from_the_future_is_none),
        TEST("what is no turn is never due again", what_is_no_turn_is_never_due_again),
        TEST("stopping gives the turn back to the next process", stopping_gives_the_turn_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
