/*
 * The guard in time: pushes one after another, cancellation, signing out, kills
 * and stops at every instant.  The oracle of each: at most one act, and none
 * without its approval.
 */
#include "guard_fixture.h"

#include <pthread.h>

static size_t denials(struct world *w)
{
    uint8_t second[RECORD_ID_SIZE];
    struct record_list list;
    size_t count;

    mark_denials(w->session.person.owner, second);
    assert_int_equal(record_by_second(w->store.store, KIND_ONCE, second, test_now, 100, &list),
                     ERR_OK);
    count = list.count;
    record_list_free(&list);
    return count;
}

static void next_turn(struct world *w)
{
    w->calls++;
    (void)snprintf(w->turn, sizeof w->turn, "turn-%u", w->calls + 10);
}

static void propose(struct world *w, const char *call_id, struct action_answer *answer)
{
    fga_says(w, "true", 2);
    okta_says_bob(w);
    assert_int_equal(reset(w, BOB_LOGIN, call_id, answer), ERR_OK);
}

/* As approvals does it: by compare-and-swap on the record. */
static void change(struct world *w, const char *id, bool click)
{
    struct invocation invocation;

    load(w, id, &invocation);
    if (click) {
        assert_int_equal(invocation.state, INVOCATION_WAITING_CLICK);
        invocation.clicked = true;
    } else {
        assert_int_equal(invocation_move(&invocation, INVOCATION_CANCELLED, "cancelled"), ERR_OK);
    }
    assert_int_equal(invocation_save(w->store.store, &invocation, test_now), ERR_OK);
    invocation_free(&invocation);
}

static enum err reset_in(struct world *w, const char *turn, const char *call_id,
                         struct action_answer *answer)
{
    (void)snprintf(w->turn, sizeof w->turn, "%s", turn);
    return reset(w, BOB_LOGIN, call_id, answer);
}

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

static void row_64_one_after_another(void **state)
{
    struct world *w = *state;
    struct action_answer first, second;

    push_to_phone(w, "c1", &first);
    propose(w, "c2", &second);
    expect_state(&second, OUTCOME_REPROMPT, "waiting_click");
    change(w, second.invocation, true);
    assert_int_equal(reset(w, BOB_LOGIN, "c2", &second), ERR_OK);
    expect_state(&second, OUTCOME_REPROMPT, "waiting_place");
    assert_int_equal(pushes(w), 1);
    /* Another turn's own first push waits for the place as well. */
    next_turn(w);
    propose(w, "c3", &second);
    expect_state(&second, OUTCOME_REPROMPT, "waiting_place");
    assert_int_equal(pushes(w), 1);
    /* The first is answered: the place is free at once. */
    (void)snprintf(w->turn, sizeof w->turn, "turn-1");
    op_error(w, "access_denied");
    test_now += SECONDS(5);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &first), ERR_OK);
    op_accepts(w);
    assert_int_equal(reset(w, BOB_LOGIN, "c2", &second), ERR_OK);
    expect_state(&second, OUTCOME_REPROMPT, "waiting");
    assert_int_equal(pushes(w), 2);
}

static void row_43_five_open_and_no_more(void **state)
{
    struct world *w = *state;
    struct action_answer answer;
    char call[16];

    push_to_phone(w, "c0", &answer);
    for (int i = 1; i < OPEN_MAX; i++) {
        (void)snprintf(call, sizeof call, "c%d", i);
        propose(w, call, &answer);
        expect_state(&answer, OUTCOME_REPROMPT, "waiting_click");
    }
    propose(w, "c9", &answer);
    expect_state(&answer, OUTCOME_FAILURE, "denied");
    expect_reason(w, &answer, "too_many");
    assert_int_equal(pushes(w), 1);
    /* The open ones lapse, and with them the limit. */
    test_now += SECONDS(900);
    next_turn(w);
    op_discovery(w); /* what was cached is old by now */
    push_to_phone(w, "c1", &answer);
}

static void row_43_open_ones_count_behind_many_others(void **state)
{
    struct world *w = *state;
    struct action_answer answer;
    struct invocation model, past;
    char call[16];

    push_to_phone(w, "c0", &answer);
    for (int i = 1; i < OPEN_MAX; i++) {
        (void)snprintf(call, sizeof call, "c%d", i);
        propose(w, call, &answer);
    }
    /* As many acts of later, all over, as one list showed before. */
    load(w, answer.invocation, &model);
    for (int i = 0; i < 120; i++) {
        past = model;
        (void)snprintf(call, sizeof call, "p%d", i);
        invocation_id(model.person.owner, "turn-past", call, past.id);
        past.state = INVOCATION_DENIED;
        past.created_at = test_now + 1;
        assert_int_equal(invocation_put(w->store.store, &past, test_now), ERR_OK);
    }
    invocation_free(&model);
    propose(w, "c9", &answer);
    expect_reason(w, &answer, "too_many");
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

static void a_place_of_a_request_that_is_over_is_given_back(void **state)
{
    struct world *w = *state;
    struct action_answer answer, other;
    struct invocation holder;

    /* Killed between the answer's save and the release. */
    push_to_phone(w, "c1", &answer);
    load(w, answer.invocation, &holder);
    assert_int_equal(invocation_move(&holder, INVOCATION_DENIED, "denied_on_phone"), ERR_OK);
    holder.request_over = true;
    assert_int_equal(invocation_save(w->store.store, &holder, test_now), ERR_OK);
    invocation_free(&holder);
    next_turn(w);
    push_to_phone(w, "c1", &other);
    assert_int_equal(polls(w), 0);
    assert_int_equal(pushes(w), 2);
}

static msec place_ends(struct world *w)
{
    struct record record = {0};
    uint8_t id[RECORD_ID_SIZE];
    msec ends;

    mark_approval_place(w->session.person.owner, id);
    assert_int_equal(record_get(w->store.store, KIND_LEASE, id, test_now, &record), ERR_OK);
    ends = record.expires_at;
    record_free(&record);
    return ends;
}

static void row_64_the_place_lasts_as_long_as_the_prompt(void **state)
{
    struct world *w = *state;
    struct action_answer answer;

    fga_says(w, "true", 2);
    okta_says_bob(w);
    op_discovery(w);
    /* The provider goes by its own expiry, whatever was asked for. */
    peer_say(w->op, "200 OK", JSON_TYPE,
             "{\"auth_req_id\":\"req-1\",\"expires_in\":900,\"interval\":5}");
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    assert_true(answer.expires_at == T + SECONDS(300));
    assert_true(place_ends(w) == T + SECONDS(900) + PLACE_MARGIN);
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

static void row_64_a_clients_own_trouble_frees_no_place(void **state)
{
    static const char *const errors[] = {"invalid_client", "unauthorized_client", "invalid_request",
                                         "unsupported_grant_type"};
    struct action_answer answer;

    (void)state;
    for (size_t i = 0; i < COUNT(errors); i++) {
        struct world *w = world_open("workshop", "ssws");

        push_to_phone(w, "c1", &answer);
        test_now += SECONDS(5);
        op_error(w, errors[i]);
        assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
        expect_reason(w, &answer, "evidence");
        assert_true(place_ends(w) > T + SECONDS(300));
        world_close(w);
    }
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

/* ---- at once ---- */

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

/* ---- at every reading of the clock ---- */

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
        IN_WORKSHOP("row 63: asked again after a denial: no push without a click",
                    row_63_after_a_denial),
        IN_WORKSHOP("row 63: three denials lock for a while", row_63_three_denials_lock),
        IN_WORKSHOP("row 63: the third denial within a sliding window locks",
                    row_63_the_third_within_a_sliding_window),
        IN_WORKSHOP("row 63: a denial counts once, whoever counts it", row_63_a_denial_counts_once),
        IN_WORKSHOP("row 66: cancelled and still on the phone: polled for, never doubled",
                    row_66_cancelled_and_still_on_the_phone),
        IN_WORKSHOP("row 64: the place of a request that is over is given back",
                    a_place_of_a_request_that_is_over_is_given_back),
        IN_WORKSHOP("row 64: the place lasts as long as the provider's prompt",
                    row_64_the_place_lasts_as_long_as_the_prompt),
        {"row 64: a client's own trouble frees no place",
         row_64_a_clients_own_trouble_frees_no_place, NULL, NULL, NULL},
        IN_WORKSHOP("row 69: a poll that was held and the act are two entries",
                    row_69_a_held_poll_and_the_act_are_two_entries),
        IN_WORKSHOP("row 39: the distance between polls counts from the answer",
                    row_39_the_distance_counts_from_the_answer),
        IN_WORKSHOP("a refusal after the time is an expiry, and no denial",
                    a_late_refusal_is_an_expiry),
        IN_WORKSHOP("row 64: approvals go one after another", row_64_one_after_another),
        IN_WORKSHOP("row 43: five open and no more", row_43_five_open_and_no_more),
        IN_WORKSHOP("row 43: open ones count behind many others",
                    row_43_open_ones_count_behind_many_others),
        IN_WORKSHOP("row 66: cancelled, then approved on the phone: no act, no second push",
                    row_66_cancelled_then_approved),
        IN_WORKSHOP("row 66: a cancelled turn cancels all that it had open",
                    row_66_the_turn_is_cancelled),
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
        IN_WORKSHOP("row 47: the same call at once, six times over, is one poll and one act",
                    row_47_a_double_click_is_one_call),
        IN_WORKSHOP("row 64: the same proposal at once is one push",
                    row_64_proposed_at_once_one_push),
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
