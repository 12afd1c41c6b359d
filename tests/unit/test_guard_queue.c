/* The guard, one push after another: who waits for the place, how long it lasts, how many wait. */
#include "guard_turn_fixture.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORKSHOP("row 64: the place of a request that is over is given back",
                    a_place_of_a_request_that_is_over_is_given_back),
        IN_WORKSHOP("row 64: the place lasts as long as the provider's prompt",
                    row_64_the_place_lasts_as_long_as_the_prompt),
        {"row 64: a client's own trouble frees no place",
         row_64_a_clients_own_trouble_frees_no_place, NULL, NULL, NULL},
        IN_WORKSHOP("row 64: approvals go one after another", row_64_one_after_another),
        IN_WORKSHOP("row 43: five open and no more", row_43_five_open_and_no_more),
        IN_WORKSHOP("row 43: open ones count behind many others",
                    row_43_open_ones_count_behind_many_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
