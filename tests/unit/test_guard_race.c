/* The guard asked by several at once: one poll, one push, one act. */
#include "guard_fixture.h"

#include <pthread.h>

static struct world *shared;

static void *same_call(void *unused)
{
    struct action_answer *answer = unused;

    if (reset(shared, BOB_LOGIN, "c1", answer) != ERR_OK) {
        answer->text[0] = '\0';
    }
    return NULL;
}

static void row_47_a_double_click_is_one_call(void **state)
{
    struct world *w = *state;
    struct action_answer answers[6];
    pthread_t threads[COUNT(answers)];
    struct action_answer answer;
    size_t settled = 0;

    push_to_phone(w, "c1", &answer);
    test_now += SECONDS(5);
    op_approves(w, ALICE, 3);
    op_jwks(w);
    /* Several entries may look at an approved record again; whoever acts, each question is answered
     * alike. */
    for (int i = 0; i < 24; i++) {
        okta_says_bob(w);
    }
    fga_says(w, "true", 48);
    shared = w;
    for (size_t i = 0; i < COUNT(answers); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, same_call, &answers[i]), 0);
    }
    for (size_t i = 0; i < COUNT(answers); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        settled += answers[i].outcome != OUTCOME_FAILURE && answers[i].text[0] != '\0';
    }
    assert_int_equal(settled, COUNT(answers)); /* done, or pending: never failed */
    assert_int_equal(polls(w), 1);
    assert_int_equal(resets(w), 1);
    assert_int_equal(pushes(w), 1);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_DONE, "done");
}

static void row_64_proposed_at_once_one_push(void **state)
{
    struct world *w = *state;
    struct action_answer answers[4];
    pthread_t threads[COUNT(answers)];

    fga_says(w, "true", 2 * COUNT(answers));
    for (size_t i = 0; i < COUNT(answers); i++) {
        okta_says_bob(w);
    }
    op_discovery(w);
    op_accepts(w);
    shared = w;
    for (size_t i = 0; i < COUNT(answers); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, same_call, &answers[i]), 0);
    }
    for (size_t i = 0; i < COUNT(answers); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(answers[i].outcome, OUTCOME_REPROMPT);
        assert_string_equal(answers[i].invocation, answers[0].invocation);
    }
    assert_int_equal(pushes(w), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORKSHOP("row 47: the same call at once, six times over, is one poll and one act",
                    row_47_a_double_click_is_one_call),
        IN_WORKSHOP("row 64: the same proposal at once is one push",
                    row_64_proposed_at_once_one_push),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
