/* The guard asked again: repeated calls, acts left behind, records changed under it. */
#include "guard_fixture.h"

#include <pthread.h>

static void finish(struct world *w, struct action_answer *answer)
{
    push_to_phone(w, "c1", answer);
    test_now += SECONDS(5);
    approve_and_let_act(w);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", answer), ERR_OK);
    expect_state(answer, OUTCOME_DONE, "done");
}

static void save(struct world *w, struct invocation *invocation)
{
    assert_int_equal(invocation_save(w->store.store, invocation, test_now), ERR_OK);
    invocation_free(invocation);
}

/* ---- told before anything refuses ---- */

static void switch_actions_off(struct world *w, bool off)
{
    static struct config *other;

    if (off) {
        setenv("ACTIONS_ENABLED", "0", 1);
        other = peer_config();
        unsetenv("ACTIONS_ENABLED");
        w->guard->config = other;
    } else {
        w->guard->config = w->store.config;
        config_free(other);
    }
}

static void a_done_act_is_told_whatever_changed_since(void **state)
{
    struct world *w = *state;
    struct action_answer answer;
    size_t handlers = w->guard->handler_count;

    finish(w, &answer);
    switch_actions_off(w, true);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_DONE, "done");
    assert_string_equal(answer.text, "The password was reset.");
    /* what is new is refused */
    assert_int_equal(reset(w, BOB_LOGIN, "c2", &answer), ERR_OK);
    assert_int_equal(answer.outcome, OUTCOME_FAILURE);
    assert_non_null(strstr(answer.text, "switched off"));
    switch_actions_off(w, false);
    /* the row is offered no more */
    w->guard->handler_count = 0;
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_DONE, "done");
    assert_int_equal(reset(w, BOB_LOGIN, "c2", &answer), ERR_INPUT);
    w->guard->handler_count = handlers;
    assert_int_equal(resets(w), 1);
}

static void row_47_an_act_in_doubt_is_never_called_undone(void **state)
{
    struct world *w = *state;
    struct action_answer answer;
    struct invocation invocation;

    push_to_phone(w, "c1", &answer);
    load(w, answer.invocation, &invocation);
    invocation.state = INVOCATION_EXECUTING;
    invocation.consumed = true;
    invocation.lease_until = test_now + EXECUTE_LEASE;
    save(w, &invocation);
    switch_actions_off(w, true);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_REPROMPT, "executing");
    test_now += EXECUTE_LEASE;
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_FAILURE, "unknown");
    assert_null(strstr(answer.text, "Nothing was done"));
    switch_actions_off(w, false);
}

/* ---- left behind by a kill ---- */

static void row_48_an_act_left_behind_gets_its_audit_outcome(void **state)
{
    struct world *w = *state;
    struct action_answer answer;
    struct invocation invocation;
    char id[65];

    push_to_phone(w, "c1", &answer);
    assert_int_equal(text_copy(id, sizeof id, answer.invocation), ERR_OK);
    load(w, id, &invocation);
    invocation.state = INVOCATION_EXECUTING;
    invocation.consumed = true;
    invocation.lease_until = test_now + EXECUTE_LEASE;
    invocation.due_at = invocation.lease_until;
    save(w, &invocation);
    /* The page settles it, without a key for the audit log. */
    test_now += EXECUTE_LEASE;
    load(w, id, &invocation);
    assert_int_equal(invocation_settle(w->store.store, &invocation, test_now), ERR_OK);
    assert_int_equal(invocation.state, INVOCATION_UNKNOWN);
    invocation_free(&invocation);
    assert_int_equal(audited(w, "outcome"), 0);
    /* Any later call, of anybody: here one that is itself refused. */
    world_person(w, "oidc|Okta-OIDC|00ueve00000000000001", "eve@example.test", true);
    (void)snprintf(w->turn, sizeof w->turn, "turn-2");
    fga_says(w, "false", 1);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    assert_int_equal(audited(w, "outcome"), 1);
    load(w, id, &invocation);
    assert_true(invocation.due_at == 0);
    assert_false(invocation.acknowledged);
    invocation_free(&invocation);
}

static void a_done_act_leaves_nothing_due(void **state)
{
    struct world *w = *state;
    struct action_answer answer;
    struct invocation_list due;

    finish(w, &answer);
    test_now += HOURS(1);
    assert_int_equal(invocation_due(w->store.store, test_now, 10, &due), ERR_OK);
    assert_int_equal(due.count, 0);
}

static void the_effect_is_looked_at_after_a_kill(void **state)
{
    struct world *w = *state;
    struct action_answer answer;
    struct invocation invocation;

    finish(w, &answer);
    /* As the write of the outcome left it, and nothing after. */
    load(w, answer.invocation, &invocation);
    assert_false(invocation.read_back_due);
    invocation.read_back_due = true;
    invocation.told = false;
    invocation.lease_until = test_now + READ_BACK_LEASE;
    save(w, &invocation);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_REPROMPT, "executing"); /* whoever acted may be at it */
    test_now += READ_BACK_LEASE;
    okta_says_bob(w); /* still ACTIVE */
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_DONE, "done");
    assert_non_null(strstr(answer.text, "does not show it"));
    assert_int_equal(audited(w, "alarm_read_back"), 1);
    assert_int_equal(resets(w), 1);
    load(w, answer.invocation, &invocation);
    assert_true(invocation.told && !invocation.read_back_due);
    invocation_free(&invocation);
}

/* ---- changed under it ---- */

static void row_41_what_is_consumed_is_what_was_approved(void **state)
{
    struct world *w = *state;
    struct action_answer answer;
    struct invocation invocation;

    push_to_phone(w, "c1", &answer);
    load(w, answer.invocation, &invocation);
    invocation.state = INVOCATION_APPROVED;
    assert_int_equal(
        text_copy(invocation.user.id, sizeof invocation.user.id, "00ueve00000000001234"), ERR_OK);
    save(w, &invocation);
    okta_says_user(w, "00ueve00000000001234", BOB_LOGIN, "ACTIVE");
    fga_says(w, "true", 2);
    peer_say(w->okta, "200 OK", JSON_TYPE, "{}");
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_FAILURE, "failed");
    expect_reason(w, &answer, "digest");
    assert_int_equal(audited(w, "alarm_digest"), 1);
    assert_int_equal(audited(w, "intent"), 0);
    assert_int_equal(resets(w), 0);
}

static uint8_t place[RECORD_ID_SIZE];

/* At the first reading of the clock at which the place is taken and nothing is sent. */
static void cancel_once_the_place_is_taken(struct world *w)
{
    struct invocation_list list;
    struct invocation *one;

    if (record_exists(w->store.store, KIND_LEASE, place, test_now) != ERR_OK) {
        hook = cancel_once_the_place_is_taken;
        hook_after = 1;
        return;
    }
    assert_int_equal(
        invocation_by_owner(w->store.store, w->session.person.owner, test_now, 1, &list), ERR_OK);
    one = &list.items[0];
    assert_int_equal(one->state, INVOCATION_PROPOSED);
    assert_int_equal(invocation_move(one, INVOCATION_CANCELLED, "cancelled"), ERR_OK);
    assert_int_equal(invocation_save(w->store.store, one, test_now), ERR_OK);
    invocation_list_free(&list);
}

static void row_66_cancelled_before_the_push_frees_the_place(void **state)
{
    struct world *w = *state;
    struct action_answer answer;

    mark_approval_place(w->session.person.owner, place);
    fga_says(w, "true", 2);
    okta_says_bob(w);
    op_discovery(w);
    op_accepts(w);
    hook = cancel_once_the_place_is_taken;
    hook_after = 1;
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    assert_null(hook);
    expect_state(&answer, OUTCOME_FAILURE, "cancelled");
    assert_int_equal(pushes(w), 0);
    assert_int_equal(record_exists(w->store.store, KIND_LEASE, place, test_now), ERR_NONE);
}

/* ---- who asks, and at once ---- */

static void row_42_a_session_of_another_issuer(void **state)
{
    struct world *w = *state;
    struct action_answer answer;
    char issuer[sizeof w->issuer];

    /* The issuer was changed and the sessions kept: this sub is somebody else's there. */
    memcpy(issuer, w->issuer, sizeof issuer);
    (void)snprintf(w->issuer, sizeof w->issuer, "https://former.example.test/");
    world_person(w, ALICE, "alice@example.test", true);
    memcpy(w->issuer, issuer, sizeof issuer);
    fga_says(w, "true", 2);
    okta_says_bob(w);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_AUTH);
    assert_int_equal(peer_requests(w->fga) + peer_requests(w->op), 0);
}

static struct world *shared;

static void *same_call(void *unused)
{
    struct action_answer *answer = unused;

    if (reset(shared, BOB_LOGIN, "", answer) != ERR_OK) {
        answer->invocation[0] = '\0';
    }
    return NULL;
}

static void row_47_two_posts_without_a_call_id_meet(void **state)
{
    struct world *w = *state;
    struct action_answer answers[4];
    pthread_t threads[COUNT(answers)];
    struct invocation_list list;

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
        assert_string_equal(answers[i].invocation, answers[0].invocation);
    }
    assert_int_equal(
        invocation_by_owner(w->store.store, w->session.person.owner, test_now, 10, &list), ERR_OK);
    assert_int_equal(list.count, 1);
    invocation_list_free(&list);
    assert_int_equal(pushes(w), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORKSHOP("row 47: a done act is told, whatever was switched off since",
                    a_done_act_is_told_whatever_changed_since),
        IN_WORKSHOP("row 47: an act in doubt is never called undone",
                    row_47_an_act_in_doubt_is_never_called_undone),
        IN_WORKSHOP("row 48: an act left behind gets its audit outcome from whoever comes next",
                    row_48_an_act_left_behind_gets_its_audit_outcome),
        IN_WORKSHOP("a done act leaves nothing due", a_done_act_leaves_nothing_due),
        IN_WORKSHOP("the effect is looked at by the next entry after a kill",
                    the_effect_is_looked_at_after_a_kill),
        IN_WORKSHOP("row 41: what is consumed is what was approved",
                    row_41_what_is_consumed_is_what_was_approved),
        IN_WORKSHOP("row 66: cancelled between place and push: the place is free",
                    row_66_cancelled_before_the_push_frees_the_place),
        IN_WORKSHOP("row 42: a session of another issuer is refused",
                    row_42_a_session_of_another_issuer),
        IN_WORKSHOP("row 47: two POSTs without a call id meet in one record",
                    row_47_two_posts_without_a_call_id_meet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
