/* The guard and denials on the phone: no push again without a click, and three of them lock. */
#include "guard_turn_fixture.h"

static void row_63_after_a_denial(void **state)
{
    struct world *w = *state;
    struct action_answer answer;

    push_to_phone(w, "c1", &answer);
    op_error(w, "access_denied");
    test_now += SECONDS(5);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_FAILURE, "denied");
    expect_reason(w, &answer, "denied_on_phone");
    assert_int_equal(denials(w), 1);
    /* The agent asks again in the same turn: no push without a click. */
    propose(w, "c2", &answer);
    expect_state(&answer, OUTCOME_REPROMPT, "waiting_click");
    assert_int_equal(pushes(w), 1);
    assert_int_equal(reset(w, BOB_LOGIN, "c2", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_REPROMPT, "waiting_click");
    assert_int_equal(pushes(w), 1);
    change(w, answer.invocation, true);
    op_accepts(w);
    assert_int_equal(reset(w, BOB_LOGIN, "c2", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_REPROMPT, "waiting");
    assert_int_equal(pushes(w), 2);
}

static void row_63_three_denials_lock(void **state)
{
    struct world *w = *state;
    struct action_answer answer;

    for (int i = 0; i < 3; i++) {
        next_turn(w);
        push_to_phone(w, "c1", &answer);
        op_error(w, "access_denied");
        test_now += SECONDS(5);
        assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
        expect_state(&answer, OUTCOME_FAILURE, "denied");
    }
    next_turn(w);
    propose(w, "c1", &answer);
    expect_state(&answer, OUTCOME_FAILURE, "denied");
    expect_reason(w, &answer, "locked");
    assert_int_equal(pushes(w), 3);
    /* A whole quarter of an hour from the third, however the window fell. */
    test_now += DENIALS_WINDOW - 1;
    next_turn(w);
    propose(w, "c1", &answer);
    expect_reason(w, &answer, "locked");
    test_now += 1;
    next_turn(w);
    op_discovery(w); /* what was cached is old by now */
    push_to_phone(w, "c1", &answer);
    assert_int_equal(pushes(w), 4);
}

static void deny_in_a_turn(struct world *w)
{
    struct action_answer answer;

    static msec discovered;

    next_turn(w);
    if (peer_requests(w->op) > 0 && test_now > discovered + MINUTES(10)) {
        op_discovery(w); /* what was cached is old by now */
        discovered = test_now;
    } else if (peer_requests(w->op) == 0) {
        discovered = test_now;
    }
    push_to_phone(w, "c1", &answer);
    op_error(w, "access_denied");
    test_now += SECONDS(5);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_reason(w, &answer, "denied_on_phone");
}

static void row_63_the_third_within_a_sliding_window(void **state)
{
    struct world *w = *state;
    struct action_answer answer;

    deny_in_a_turn(w);
    test_now += MINUTES(14);
    deny_in_a_turn(w);
    test_now += MINUTES(2); /* the first is no longer of late, so the next is the second */
    deny_in_a_turn(w);
    test_now += MINUTES(1);
    deny_in_a_turn(w); /* and this the third: a window fixed at the first began anew before it */
    test_now += MINUTES(5);
    next_turn(w);
    propose(w, "c1", &answer);
    expect_reason(w, &answer, "locked");
}

static void row_63_a_denial_counts_once(void **state)
{
    struct world *w = *state;
    struct action_answer answer;
    struct invocation invocation;

    push_to_phone(w, "c1", &answer);
    load(w, answer.invocation, &invocation);
    /* As "Not me" counts it, and as a kill between counting and saving would leave it. */
    assert_int_equal(denial_count(w->store.store, &invocation, test_now), ERR_OK);
    assert_int_equal(denial_count(w->store.store, &invocation, test_now), ERR_OK);
    invocation_free(&invocation);
    op_error(w, "access_denied");
    test_now += SECONDS(5);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_reason(w, &answer, "denied_on_phone");
    assert_int_equal(denials(w), 1);
}

static void a_late_refusal_is_an_expiry(void **state)
{
    struct world *w = *state;
    struct action_answer answer;

    push_to_phone(w, "c1", &answer);
    op_error(w, "access_denied"); /* Auth0 says so for a lapsed request too */
    test_now += SECONDS(300);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_FAILURE, "expired");
    assert_int_equal(denials(w), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORKSHOP("row 63: asked again after a denial: no push without a click",
                    row_63_after_a_denial),
        IN_WORKSHOP("row 63: three denials lock for a while", row_63_three_denials_lock),
        IN_WORKSHOP("row 63: the third denial within a sliding window locks",
                    row_63_the_third_within_a_sliding_window),
        IN_WORKSHOP("row 63: a denial counts once, whoever counts it", row_63_a_denial_counts_once),
        IN_WORKSHOP("a refusal after the time is an expiry, and no denial",
                    a_late_refusal_is_an_expiry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
