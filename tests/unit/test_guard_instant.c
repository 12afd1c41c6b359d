/*
 * The guard at every reading of the clock: signing out, cancellation, stops and a
 * held poll, whenever they fall.  The oracle of each: at most one act, and none
 * without its approval.
 */
#include "guard_fixture.h"

/* Comes back at every reading of the clock until the claim is written. */
static void half_a_minute_at_the_poll(struct world *w)
{
    struct invocation_list list;

    assert_int_equal(
        invocation_by_owner(w->store.store, w->session.person.owner, test_now, 1, &list), ERR_OK);
    if (list.items[0].polling) {
        test_now += SECONDS(30); /* the write of the claim took so long */
        test_mono += SECONDS(30);
    } else {
        hook = half_a_minute_at_the_poll;
        hook_after = 1;
    }
    invocation_list_free(&list);
}

static void row_69_a_held_poll_and_the_act_are_two_entries(void **state)
{
    struct world *w = *state;
    struct action_answer answer;

    push_to_phone(w, "c1", &answer);
    test_now = T + SECONDS(5);
    approve_and_let_act(w);
    hook = half_a_minute_at_the_poll; /* the provider held it until the person had decided */
    hook_after = 1;
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_REPROMPT, "approved");
    assert_true(answer.ask_again_at == test_now);
    assert_int_equal(resets(w), 0);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_DONE, "done");
    assert_int_equal(polls(w), 1);
    assert_int_equal(resets(w), 1);
}

static void row_39_the_distance_counts_from_the_answer(void **state)
{
    struct world *w = *state;
    struct action_answer answer;
    struct invocation invocation;

    push_to_phone(w, "c1", &answer);
    test_now = T + SECONDS(5);
    op_error(w, "authorization_pending");
    hook = half_a_minute_at_the_poll;
    hook_after = 1;
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    load(w, answer.invocation, &invocation);
    assert_int_equal(polls(w), 1);
    assert_true(invocation.poll_at == test_now + SECONDS(5));
    assert_true(test_now == T + SECONDS(35));
    invocation_free(&invocation);
}

static struct invocation fired;
static size_t fired_resets;

static void note_state(struct world *w)
{
    struct invocation_list list;

    fired_resets = resets(w);
    invocation_free(&fired);
    assert_int_equal(
        invocation_by_owner(w->store.store, w->session.person.owner, test_now, 1, &list), ERR_OK);
    assert_int_equal(list.count, 1);
    fired = list.items[0];
    list.items[0] = (struct invocation){0};
    invocation_list_free(&list);
}

static void sign_out(struct world *w)
{
    note_state(w);
    assert_int_equal(session_end(w->store.store, w->session.id), ERR_OK);
}

static void sign_out_everywhere(struct world *w)
{
    size_t ended;

    note_state(w);
    assert_int_equal(session_end_all(w->store.store, w->session.person.owner, test_now, &ended),
                     ERR_OK);
    assert_int_equal(ended, 1);
}

static void cancel_turn(struct world *w)
{
    uint8_t mark[RECORD_ID_SIZE];

    note_state(w);
    mark_turn_cancelled(w->turn, mark);
    put_mark(w, mark);
}

static void stop_for_ten_minutes(struct world *w)
{
    note_state(w);
    test_now += MINUTES(10);
    test_mono += MINUTES(10);
}

static void sleep_for_ten_minutes(struct world *w)
{
    note_state(w);
    test_now += MINUTES(10); /* while the machine sleeps, monotonic time stands still */
}

/* Well within the deadline, and longer than what was checked in step 7 stays true. */
static void stop_for_a_minute(struct world *w)
{
    note_state(w);
    test_now += MINUTES(1);
    test_mono += MINUTES(1);
}

/*
 * The last entry of an approved reset, with the given thing happening at the
 * n-th reading of the clock.  False: there were fewer readings than n.
 */
static bool last_entry(int n, void (*event)(struct world *), size_t *done,
                       enum invocation_state *end)
{
    struct world *w = world_open("workshop", "ssws");
    struct action_answer answer;
    struct invocation invocation;
    bool fell;

    push_to_phone(w, "c1", &answer);
    test_now += SECONDS(5);
    approve_and_let_act(w);
    hook = event;
    hook_after = n;
    if (reset(w, BOB_LOGIN, "c1", &answer) != ERR_OK) {
        assert_string_equal(answer.text, "");
    }
    fell = hook == NULL;
    hook = NULL;
    *done = resets(w);
    {
        struct invocation_list list;

        assert_int_equal(
            invocation_by_owner(w->store.store, w->session.person.owner, test_now, 1, &list),
            ERR_OK);
        invocation = list.items[0];
        *end = invocation.state;
        invocation_list_free(&list);
    }
    world_close(w);
    return fell;
}

/* Which instants before the act must prevent it. */
enum when { BEFORE_CONSUMED, AFTER_CONSUMED, EVER };

static bool must_prevent(enum when when)
{
    bool consumed = fired.state == INVOCATION_EXECUTING;

    return when == EVER || consumed == (when == AFTER_CONSUMED);
}

static void at_every_instant(void (*event)(struct world *), enum when when)
{
    size_t done, stopped_late = 0, acted = 0;
    enum invocation_state end;
    int n = 1;

    for (; n < 200 && last_entry(n, event, &done, &end); n++) {
        assert_true(done <= 1);
        acted += done;
        if (fired_resets == 0 && done == 1 && must_prevent(when)) {
            fail_msg("acted although it happened at reading %d, state %s", n,
                     invocation_state_name(fired.state));
        }
        if (done == 1) {
            assert_int_equal(end, INVOCATION_DONE);
        } else {
            assert_int_not_equal(end, INVOCATION_DONE);
            stopped_late += fired.state == INVOCATION_EXECUTING;
        }
    }
    invocation_free(&fired);
    assert_true(n > 15 && n < 200);
    assert_true(acted > 0);        /* happening after the act stops nothing: the test can fail */
    assert_true(stopped_late > 0); /* and the last look, after consumption, stops it still */
}

static void row_67_sign_out(void **state)
{
    (void)state;
    at_every_instant(sign_out, BEFORE_CONSUMED);
}

static void row_67_sign_out_everywhere(void **state)
{
    (void)state;
    at_every_instant(sign_out_everywhere, BEFORE_CONSUMED);
}

static void row_67_cancel(void **state)
{
    (void)state;
    at_every_instant(cancel_turn, BEFORE_CONSUMED);
}

static void row_69_stopped(void **state)
{
    (void)state;
    at_every_instant(stop_for_ten_minutes, EVER);
}

static void row_69_a_minute(void **state)
{
    (void)state;
    at_every_instant(stop_for_a_minute, AFTER_CONSUMED);
}

static void row_69_asleep(void **state)
{
    (void)state;
    at_every_instant(sleep_for_ten_minutes, EVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORKSHOP("row 69: a poll that was held and the act are two entries",
                    row_69_a_held_poll_and_the_act_are_two_entries),
        IN_WORKSHOP("row 39: the distance between polls counts from the answer",
                    row_39_the_distance_counts_from_the_answer),
        {"row 67: signed out at any instant before the act: no act", row_67_sign_out, NULL, NULL,
         NULL},
        {"row 67: signed out everywhere at any instant: no act", row_67_sign_out_everywhere, NULL,
         NULL, NULL},
        {"row 67: the turn cancelled at any instant: no act", row_67_cancel, NULL, NULL, NULL},
        {"row 69: stopped for ten minutes at any instant: no act", row_69_stopped, NULL, NULL,
         NULL},
        {"row 69: stopped for a minute between the last write and the act: no act", row_69_a_minute,
         NULL, NULL, NULL},
        {"row 69: asleep for ten minutes at any instant: no act", row_69_asleep, NULL, NULL, NULL},
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
