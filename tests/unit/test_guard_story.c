/* The guard's ten steps against scripted peers: the paths that end well, and how each entry
 * answers. */
#include "guard_fixture.h"

static void a_reset_is_proposed_approved_and_done(void **state)
{
    struct world *w = *state;
    struct action_answer answer;
    struct invocation invocation;
    size_t asked;

    push_to_phone(w, "c1", &answer);
    load(w, answer.invocation, &invocation);
    assert_true(answer.ask_again_at == T + SECONDS(5));
    assert_true(answer.expires_at == T + SECONDS(300));
    assert_string_equal(answer.text, "Waiting for the person's approval.");
    assert_null(strstr(answer.text, invocation.phrase));
    assert_non_null(strstr(invocation.phrase, ".RESET-PW.bob_at_example.test"));
    assert_string_equal(invocation.user.id, "00ubob00000000001234");
    assert_string_equal(invocation.sentence, "reset bob's password");
    assert_non_null(strstr(peer_request_body(w->op, 1), "binding_message="));
    assert_non_null(strstr(peer_request_body(w->op, 1), "RESET-PW.bob_at_example.test"));
    assert_null(strstr(peer_request_body(w->op, 1), "approved K7QX"));
    invocation_free(&invocation);
    assert_int_equal(resets(w), 0);

    test_now = T + SECONDS(5);
    approve_and_let_act(w);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_DONE, "done");
    assert_string_equal(answer.text, "The password was reset.");
    assert_int_equal(resets(w), 1);
    assert_int_equal(audited(w, "intent"), 1);
    assert_int_equal(audited(w, "outcome"), 1);
    assert_int_equal(audited(w, "alarm*"), 0);

    /* The same call once more: the same outcome, and nobody is asked anything. */
    asked = peer_requests(w->op) + peer_requests(w->fga) + peer_requests(w->okta);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_DONE, "done");
    assert_int_equal(peer_requests(w->op) + peer_requests(w->fga) + peer_requests(w->okta), asked);
}

static void row_39_polls_keep_their_distance(void **state)
{
    struct world *w = *state;
    struct action_answer answer;
    struct invocation invocation;

    push_to_phone(w, "c1", &answer);
    test_now = T + SECONDS(5) - 1;
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_REPROMPT, "waiting");
    assert_true(answer.ask_again_at == T + SECONDS(5));
    assert_int_equal(polls(w), 0);

    op_error(w, "authorization_pending");
    test_now = T + SECONDS(6);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    assert_int_equal(polls(w), 1);
    assert_true(answer.ask_again_at == T + SECONDS(11));
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    assert_int_equal(polls(w), 1);

    /* slow_down: this and all later waits, for good. */
    op_error(w, "slow_down");
    test_now = T + SECONDS(11);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    assert_true(answer.ask_again_at == T + SECONDS(21));
    op_error(w, "authorization_pending");
    test_now = T + SECONDS(21);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    assert_true(answer.ask_again_at == T + SECONDS(31));

    /* A longer wait that the provider names holds for that one. */
    peer_say(w->op, "400 Bad Request", JSON_TYPE "Retry-After: 40\r\n",
             "{\"error\":\"slow_down\"}");
    test_now = T + SECONDS(31);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    assert_true(answer.ask_again_at == T + SECONDS(71));
    load(w, answer.invocation, &invocation);
    assert_true(invocation.interval == SECONDS(15));
    invocation_free(&invocation);
    assert_int_equal(polls(w), 4);
}

static void row_39_a_claimed_poll_is_not_doubled(void **state)
{
    struct world *w = *state;
    struct action_answer answer;
    struct invocation invocation;

    push_to_phone(w, "c1", &answer);
    /* Another process has claimed the poll and is waiting for its answer. */
    test_now = T + SECONDS(20);
    load(w, answer.invocation, &invocation);
    invocation.polling = true;
    invocation.lease_until = test_now + SECONDS(15);
    assert_int_equal(invocation_save(w->store.store, &invocation, test_now), ERR_OK);
    invocation_free(&invocation);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_REPROMPT, "waiting");
    assert_int_equal(polls(w), 0);
    /* It was killed: its lease lapses, and the poll goes on. */
    test_now += SECONDS(15);
    op_error(w, "authorization_pending");
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    assert_int_equal(polls(w), 1);
}

static void a_read_needs_no_approval(void **state)
{
    struct world *w = *state;
    struct action_answer answer;

    fga_says(w, "true", 2);
    okta_says_bob(w);
    assert_int_equal(ask_for(w, "OktaOperations", "find_user", "c1",
                             json_pack("{s:s}", "user_email", BOB_LOGIN), &answer),
                     ERR_OK);
    expect_state(&answer, OUTCOME_DONE, "done");
    assert_string_equal(answer.text, "bob@example.test is ACTIVE.");
    assert_int_equal(peer_requests(w->op), 0);
    assert_int_equal(audited(w, "intent"), 1);
    assert_non_null(strstr(peer_request_body(w->fga, 1), "MINIMIZE_LATENCY"));
}

static void presence_is_proved_without_okta(void **state)
{
    struct world *w = *state;
    struct action_answer answer;

    fga_says(w, "true", 4);
    op_discovery(w);
    op_accepts(w);
    assert_int_equal(ask_for(w, "CIBAAuthentication", "authenticate_user", "c1",
                             json_pack("{s:s}", "user_id", ALICE), &answer),
                     ERR_OK);
    expect_state(&answer, OUTCOME_REPROMPT, "waiting");
    assert_non_null(strstr(peer_request_body(w->op, 1), "PRESENCE.alice_at_example.test"));
    test_now = T + SECONDS(5);
    op_approves(w, ALICE, 3);
    op_jwks(w);
    assert_int_equal(ask_for(w, "CIBAAuthentication", "authenticate_user", "c1",
                             json_pack("{s:s}", "user_id", ALICE), &answer),
                     ERR_OK);
    expect_state(&answer, OUTCOME_DONE, "done");
    assert_int_equal(peer_requests(w->okta), 0);
}

static void a_difference_read_back_is_an_alarm(void **state)
{
    struct world *w = *state;
    struct action_answer answer;

    push_to_phone(w, "c1", &answer);
    test_now = T + SECONDS(5);
    op_approves(w, ALICE, 3);
    op_jwks(w);
    okta_says_bob(w);
    fga_says(w, "true", 2);
    peer_say(w->okta, "200 OK", JSON_TYPE, "{}");
    okta_says_bob(w); /* still ACTIVE */
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_DONE, "done");
    assert_non_null(strstr(answer.text, "does not show it"));
    assert_int_equal(audited(w, "alarm_read_back"), 1);
}

static void a_call_id_means_one_call(void **state)
{
    struct world *w = *state;
    struct action_answer answer, again;

    push_to_phone(w, "c1", &answer);
    assert_int_equal(reset(w, "carol@example.test", "c1", &again), ERR_CONFLICT);
    assert_int_equal(ask_for(w, "CIBAAuthentication", "authenticate_user", "c1",
                             json_pack("{s:s}", "user_id", ALICE), &again),
                     ERR_CONFLICT);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &again), ERR_OK);
    assert_string_equal(again.invocation, answer.invocation);
    assert_int_equal(pushes(w), 1);
}

static void without_a_call_id_the_open_one_goes_on(void **state)
{
    struct world *w = *state;
    struct action_answer first, second;

    push_to_phone(w, "", &first);
    assert_int_equal(reset(w, BOB_LOGIN, "", &second), ERR_OK);
    assert_string_equal(first.invocation, second.invocation);
    test_now = T + SECONDS(5);
    approve_and_let_act(w);
    assert_int_equal(reset(w, BOB_LOGIN, "", &second), ERR_OK);
    expect_state(&second, OUTCOME_DONE, "done");
    assert_string_equal(first.invocation, second.invocation);
    /* It was told: asked again it is a new act, and wants a click. */
    fga_says(w, "true", 2);
    okta_says_bob(w);
    assert_int_equal(reset(w, BOB_LOGIN, "", &second), ERR_OK);
    expect_state(&second, OUTCOME_REPROMPT, "waiting_click");
    assert_string_not_equal(first.invocation, second.invocation);
    assert_int_equal(resets(w), 1);
}

static void bytes_in_and_json_out(void **state)
{
    struct world *w = *state;
    struct action_event event;
    json_t *json, *out = NULL;
    char *text;

    event_of(w, "OktaOperations", "find_user", "c1", json_pack("{s:s}", "user_email", BOB_LOGIN),
             &event);
    json = action_event_build(&event);
    text = json_dumps(json, JSON_COMPACT);
    fga_says(w, "true", 2);
    okta_says_bob(w);
    assert_int_equal(guard_serve(w->guard, guard_run, "OktaOperations", text, strlen(text), &out),
                     ERR_OK);
    assert_string_equal(js_text(js_object(out, "sessionAttributes"), "state"), "done");
    json_decref(out);
    assert_int_equal(
        guard_serve(w->guard, guard_run, "CIBAAuthentication", text, strlen(text), &out),
        ERR_INPUT);
    assert_null(out);
    assert_int_equal(guard_serve(w->guard, guard_run, "OktaOperations", "{}", 2, &out), ERR_INPUT);
    free(text);
    json_decref(json);
    action_event_free(&event);
}

static enum err check(struct world *w, json_t *arguments, struct action_answer *answer)
{
    struct action_event event;
    enum err err;

    event_of(w, "FGACheck", "check", "", arguments, &event);
    err = guard_check(w->guard, &event, answer);
    action_event_free(&event);
    return err;
}

static void a_check_answers_and_leaves_nothing(void **state)
{
    struct world *w = *state;
    struct action_answer answer;

    fga_says(w, "true", 2);
    okta_says_bob(w);
    assert_int_equal(
        check(w, json_pack("{s:s,s:s}", "action", "reset_password", "user_email", BOB_LOGIN),
              &answer),
        ERR_OK);
    assert_int_equal(answer.outcome, OUTCOME_DONE);
    assert_string_equal(answer.text, "Permitted, with the person's approval on the phone.");
    /* An account that there is not reads as one that is forbidden. */
    fga_says(w, "true", 2);
    peer_say(w->okta, "404 Not Found", JSON_TYPE, "{\"errorCode\":\"E0000007\"}");
    assert_int_equal(check(w,
                           json_pack("{s:s,s:s}", "action", "reset_password", "user_email",
                                     "nobody@example.test"),
                           &answer),
                     ERR_OK);
    assert_int_equal(answer.outcome, OUTCOME_FAILURE);
    fga_says(w, "false", 1);
    assert_int_equal(
        check(w, json_pack("{s:s,s:s}", "action", "reset_password", "user_email", BOB_LOGIN),
              &answer),
        ERR_OK);
    assert_int_equal(answer.outcome, OUTCOME_FAILURE);
    assert_int_equal(
        check(w, json_pack("{s:s,s:s}", "action", "drop_table", "user_email", BOB_LOGIN), &answer),
        ERR_INPUT);
    assert_int_equal(check(w, json_pack("{s:s}", "user_email", BOB_LOGIN), &answer), ERR_INPUT);
    assert_int_equal(check(w,
                           json_pack("{s:s,s:s,s:s}", "action", "reset_password", "user_email",
                                     BOB_LOGIN, "more", "x"),
                           &answer),
                     ERR_INPUT);
    assert_int_equal(fixture_number(&w->store, "SELECT count(*) FROM audit"), 0);
    assert_int_equal(peer_requests(w->op), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORKSHOP("a reset is proposed, approved and done, once",
                    a_reset_is_proposed_approved_and_done),
        IN_WORKSHOP("row 39: polls keep the interval, and slow_down counts for good",
                    row_39_polls_keep_their_distance),
        IN_WORKSHOP("row 39: a poll that is under way is not doubled",
                    row_39_a_claimed_poll_is_not_doubled),
        IN_WORKSHOP("a read needs no approval", a_read_needs_no_approval),
        IN_WORKSHOP("presence is proved without Okta", presence_is_proved_without_okta),
        IN_WORKSHOP("a difference read back is an alarm", a_difference_read_back_is_an_alarm),
        IN_WORKSHOP("a call id means one call", a_call_id_means_one_call),
        IN_WORKSHOP("without a call id the turn's open one goes on",
                    without_a_call_id_the_open_one_goes_on),
        IN_WORKSHOP("bytes in and JSON out", bytes_in_and_json_out),
        IN_WORKSHOP("a check answers and leaves nothing", a_check_answers_and_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
