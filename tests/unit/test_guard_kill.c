/*
 * The guard cut off: killed or unanswered in sending and in acting, its records put
 * back, its audit log full.  What may have gone out is never sent again.
 */
#include "guard_turn_fixture.h"

/* ---- sending ---- */

static void row_48_killed_while_sending(void **state)
{
    struct world *w = *state;
    struct action_answer answer;
    struct invocation invocation;
    uint8_t place[RECORD_ID_SIZE];

    /* As the write before ciba_send left it. */
    push_to_phone(w, "c1", &answer);
    load(w, answer.invocation, &invocation);
    invocation.state = INVOCATION_SENDING;
    invocation.auth_req_id[0] = '\0';
    invocation.lease_until = test_now + SEND_LEASE;
    assert_int_equal(invocation_save(w->store.store, &invocation, test_now), ERR_OK);
    invocation_free(&invocation);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_REPROMPT, "sending");
    test_now += SEND_LEASE;
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_FAILURE, "failed");
    expect_reason(w, &answer, "push_unknown");
    assert_int_equal(pushes(w), 1);
    mark_approval_place(w->session.person.owner, place);
    assert_int_equal(record_exists(w->store.store, KIND_LEASE, place, test_now), ERR_OK);
}

static void a_push_without_an_answer_is_not_repeated(void **state)
{
    struct world *w = *state;
    struct action_answer answer;
    uint8_t place[RECORD_ID_SIZE];

    fga_says(w, "true", 2);
    okta_says_bob(w);
    op_discovery(w);
    peer_add(w->op, (struct peer_answer){.how = PEER_CLOSE, .bytes = ""});
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_reason(w, &answer, "push_unknown");
    assert_non_null(strstr(answer.text, "deny it there"));
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    assert_int_equal(pushes(w), 1);
    mark_approval_place(w->session.person.owner, place);
    assert_int_equal(record_exists(w->store.store, KIND_LEASE, place, test_now), ERR_OK);
}

static void a_refused_push_frees_the_place(void **state)
{
    struct world *w = *state;
    struct action_answer answer;
    uint8_t place[RECORD_ID_SIZE];

    fga_says(w, "true", 2);
    okta_says_bob(w);
    op_discovery(w);
    op_error(w, "unknown_user_id");
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_reason(w, &answer, "push_refused");
    mark_approval_place(w->session.person.owner, place);
    assert_int_equal(record_exists(w->store.store, KIND_LEASE, place, test_now), ERR_NONE);
}

/* ---- the act ---- */

/* Approved, sent to Okta, and no answer came. */
static void end_unknown(struct world *w, struct action_answer *answer)
{
    push_to_phone(w, "c1", answer);
    test_now += SECONDS(5);
    op_approves(w, ALICE, 3);
    op_jwks(w);
    okta_says_bob(w);
    fga_says(w, "true", 2);
    peer_add(w->okta, (struct peer_answer){.how = PEER_CLOSE, .bytes = ""});
    assert_int_equal(reset(w, BOB_LOGIN, "c1", answer), ERR_OK);
    expect_state(answer, OUTCOME_FAILURE, "unknown");
    assert_int_equal(resets(w), 1);
}

static void row_47_no_answer_is_unknown(void **state)
{
    struct world *w = *state;
    struct action_answer answer;

    end_unknown(w, &answer);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_FAILURE, "unknown");
    assert_int_equal(resets(w), 1);
    assert_int_equal(audited(w, "intent"), 1);
    assert_int_equal(audited(w, "outcome"), 1);
}

static void row_65_held_until_acknowledged(void **state)
{
    struct world *w = *state;
    struct action_answer unknown, answer;
    struct invocation invocation;

    end_unknown(w, &unknown);
    next_turn(w);
    propose(w, "c1", &answer);
    expect_state(&answer, OUTCOME_FAILURE, "denied");
    expect_reason(w, &answer, "held");
    assert_int_equal(pushes(w), 1);
    /* Weeks later still. */
    test_now += HOURS(24 * 20);
    world_person(w, ALICE, "alice@example.test", true);
    next_turn(w);
    peer_say(w->fga, "200 OK", JSON_TYPE, "{\"access_token\":\"t\",\"expires_in\":86400}");
    propose(w, "c1", &answer);
    expect_reason(w, &answer, "held");
    test_now -= HOURS(24 * 20);
    world_person(w, ALICE, "alice@example.test", true);
    load(w, unknown.invocation, &invocation);
    invocation.acknowledged = true;
    assert_int_equal(invocation_save(w->store.store, &invocation, test_now), ERR_OK);
    invocation_free(&invocation);
    next_turn(w);
    push_to_phone(w, "c1", &answer);
    assert_int_equal(pushes(w), 2);
}

static void row_48_killed_while_acting(void **state)
{
    struct world *w = *state;
    struct action_answer answer;
    struct invocation invocation;

    push_to_phone(w, "c1", &answer);
    load(w, answer.invocation, &invocation);
    assert_int_equal(invocation_move(&invocation, INVOCATION_APPROVED, ""), ERR_OK);
    assert_int_equal(invocation_move(&invocation, INVOCATION_EXECUTING, ""), ERR_OK);
    invocation.consumed = true;
    invocation.lease_until = test_now + EXECUTE_LEASE;
    assert_int_equal(invocation_save(w->store.store, &invocation, test_now), ERR_OK);
    invocation_free(&invocation);
    /* While the lease runs another entry looks on. */
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_REPROMPT, "executing");
    test_now += EXECUTE_LEASE;
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_FAILURE, "unknown");
    expect_reason(w, &answer, "no_answer");
    assert_int_equal(audited(w, "outcome"), 1);
    assert_int_equal(resets(w), 0);
}

static void row_70_a_row_put_back(void **state)
{
    struct world *w = *state;
    struct action_answer answer;

    push_to_phone(w, "c1", &answer);
    fixture_sql(&w->store, "CREATE TABLE before AS SELECT * FROM record");
    test_now += SECONDS(5);
    approve_and_let_act(w);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_DONE, "done");
    assert_int_equal(resets(w), 1);
    /* Every row as it was, the waiting invocation among them, and the provider approves again. */
    fixture_sql(&w->store, "DELETE FROM record");
    fixture_sql(&w->store, "INSERT INTO record SELECT * FROM before");
    op_approves(w, ALICE, 3);
    op_jwks(w);
    op_jwks(w);
    okta_says_bob(w);
    fga_says(w, "true", 2);
    peer_say(w->okta, "200 OK", JSON_TYPE, "{}");
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_FAILURE, "unknown");
    expect_reason(w, &answer, "replayed");
    assert_int_equal(resets(w), 1);
    assert_int_equal(audited(w, "alarm_replayed"), 1);
}

static void row_70_a_row_put_back_after_an_unknown_outcome(void **state)
{
    struct world *w = *state;
    struct action_answer answer;
    struct invocation invocation, back;

    push_to_phone(w, "c1", &answer);
    load(w, answer.invocation, &back);
    test_now += SECONDS(5);
    op_approves(w, ALICE, 3);
    op_jwks(w);
    okta_says_bob(w);
    fga_says(w, "true", 2);
    peer_add(w->okta, (struct peer_answer){.how = PEER_CLOSE, .bytes = ""});
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_FAILURE, "unknown");
    /* The waiting record again; the mark of the act under way is its own. */
    load(w, answer.invocation, &invocation);
    back.version = invocation.version;
    assert_int_equal(invocation_save(w->store.store, &back, test_now), ERR_OK);
    test_now += SECONDS(5);
    op_approves(w, ALICE, 3);
    okta_says_bob(w);
    fga_says(w, "true", 2);
    peer_say(w->okta, "200 OK", JSON_TYPE, "{}");
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_FAILURE, "unknown");
    expect_reason(w, &answer, "replayed");
    assert_int_equal(resets(w), 1);
    invocation_free(&invocation);
    invocation_free(&back);
}

static void row_70_an_old_backup(void **state)
{
    struct world *w = *state;
    struct action_answer answer;

    push_to_phone(w, "c1", &answer);
    assert_int_equal(store_new_epoch(w->store.store), ERR_OK);
    test_now += SECONDS(5);
    approve_and_let_act(w);
    assert_int_not_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    /* Signed in anew, the same call is a new proposal: the old approval is not asked for. */
    world_person(w, ALICE, "alice@example.test", true);
    if (reset(w, BOB_LOGIN, "c1", &answer) == ERR_OK) {
        assert_string_not_equal(answer.state, "done");
    }
    assert_int_equal(resets(w), 0);
    assert_int_equal(polls(w), 0);
}

static void without_an_audit_log_nothing_is_done(void **state)
{
    struct world *w = *state;
    struct action_answer answer;

    push_to_phone(w, "c1", &answer);
    fixture_sql(&w->store, "CREATE TRIGGER full BEFORE INSERT ON audit WHEN NEW.event = 'intent' "
                           "BEGIN SELECT RAISE(ABORT, 'disk full'); END");
    test_now += SECONDS(5);
    approve_and_let_act(w);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_FAILURE, "failed");
    expect_reason(w, &answer, "audit");
    assert_int_equal(resets(w), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORKSHOP("row 48: killed while sending: never sent again, the place stays",
                    row_48_killed_while_sending),
        IN_WORKSHOP("a push without an answer is not repeated",
                    a_push_without_an_answer_is_not_repeated),
        IN_WORKSHOP("a refused push frees the place", a_refused_push_frees_the_place),
        IN_WORKSHOP("row 47: no answer after sending is unknown, and never repeated",
                    row_47_no_answer_is_unknown),
        IN_WORKSHOP("row 65: an unknown outcome holds the same act until acknowledged",
                    row_65_held_until_acknowledged),
        IN_WORKSHOP("row 48: killed while acting: unknown when the lease is over",
                    row_48_killed_while_acting),
        IN_WORKSHOP("row 70: a consumed row put back does not act again", row_70_a_row_put_back),
        IN_WORKSHOP("row 70: a row put back after an unknown outcome does not act again",
                    row_70_a_row_put_back_after_an_unknown_outcome),
        IN_WORKSHOP("row 70: an approval of an epoch before does not count", row_70_an_old_backup),
        IN_WORKSHOP("row 48: without its audit entry nothing is done",
                    without_an_audit_log_nothing_is_done),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
