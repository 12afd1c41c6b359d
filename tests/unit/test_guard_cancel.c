/* The guard and cancellation: an approval that comes after it counts for nothing. */
#include "guard_turn_fixture.h"

static enum err reset_in(struct world *w, const char *turn, const char *call_id,
                         struct action_answer *answer)
{
    (void)snprintf(w->turn, sizeof w->turn, "%s", turn);
    return reset(w, BOB_LOGIN, call_id, answer);
}

static void row_66_cancelled_then_approved(void **state)
{
    struct world *w = *state;
    struct action_answer answer, other;

    push_to_phone(w, "c1", &answer);
    change(w, answer.invocation, false);
    test_now += SECONDS(5);
    approve_and_let_act(w);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_FAILURE, "cancelled");
    assert_int_equal(resets(w), 0);
    assert_int_equal(polls(w), 0);
    /* The next that wants the place asks the provider in its stead: that request is answered, the
     * approval counts for nothing, and the place is free. */
    next_turn(w);
    okta_says_bob(w);
    fga_says(w, "true", 2);
    op_accepts(w);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &other), ERR_OK);
    expect_state(&other, OUTCOME_REPROMPT, "waiting");
    assert_int_equal(polls(w), 1);
    assert_int_equal(pushes(w), 2);
    assert_int_equal(resets(w), 0);
    assert_int_equal(audited(w, "approval_discarded"), 1);
    assert_int_equal(audited(w, "intent"), 0);
    assert_int_equal(reset_in(w, "turn-1", "c1", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_FAILURE, "cancelled");
}

static void row_66_cancelled_and_still_on_the_phone(void **state)
{
    struct world *w = *state;
    struct action_answer answer, other;
    struct invocation holder;

    push_to_phone(w, "c1", &answer);
    change(w, answer.invocation, false);
    next_turn(w);
    propose(w, "c1", &other);
    expect_state(&other, OUTCOME_REPROMPT, "waiting_place");
    assert_int_equal(polls(w), 0); /* not before the interval */
    assert_true(other.ask_again_at == T + SECONDS(5));
    test_now = T + SECONDS(5);
    op_error(w, "slow_down");
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &other), ERR_OK);
    expect_state(&other, OUTCOME_REPROMPT, "waiting_place");
    assert_int_equal(polls(w), 1);
    load(w, answer.invocation, &holder);
    assert_true(holder.interval == SECONDS(10) && holder.poll_at == test_now + SECONDS(10));
    /* Another process has claimed the next poll: it is not doubled. */
    test_now = holder.poll_at;
    holder.polling = true;
    holder.lease_until = test_now + SECONDS(20);
    assert_int_equal(invocation_save(w->store.store, &holder, test_now), ERR_OK);
    invocation_free(&holder);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &other), ERR_OK);
    expect_state(&other, OUTCOME_REPROMPT, "waiting_place");
    assert_int_equal(polls(w), 1);
    assert_int_equal(pushes(w), 1);
    /* Denied on the phone after the page had cancelled it: the place is free, nobody is locked. */
    test_now += SECONDS(20);
    op_error(w, "access_denied");
    op_accepts(w);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &other), ERR_OK);
    expect_state(&other, OUTCOME_REPROMPT, "waiting");
    assert_int_equal(polls(w), 2);
    assert_int_equal(pushes(w), 2);
    assert_int_equal(denials(w), 0);
}

static void row_66_the_turn_is_cancelled(void **state)
{
    struct world *w = *state;
    struct action_answer answer, second;
    uint8_t mark[RECORD_ID_SIZE];
    struct invocation other;

    push_to_phone(w, "c1", &answer);
    propose(w, "c2", &second);
    mark_turn_cancelled(w->turn, mark);
    put_mark(w, mark);
    test_now += SECONDS(5);
    approve_and_let_act(w);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_FAILURE, "cancelled");
    /* the turn's others too, and it starts nothing new */
    load(w, second.invocation, &other);
    assert_int_equal(other.state, INVOCATION_CANCELLED);
    invocation_free(&other);
    assert_int_equal(reset(w, BOB_LOGIN, "c3", &answer), ERR_OK);
    assert_int_equal(answer.outcome, OUTCOME_FAILURE);
    assert_string_equal(answer.invocation, "");
    assert_int_equal(polls(w) + resets(w), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORKSHOP("row 66: cancelled and still on the phone: polled for, never doubled",
                    row_66_cancelled_and_still_on_the_phone),
        IN_WORKSHOP("row 66: cancelled, then approved on the phone: no act, no second push",
                    row_66_cancelled_then_approved),
        IN_WORKSHOP("row 66: a cancelled turn cancels all that it had open",
                    row_66_the_turn_is_cancelled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
