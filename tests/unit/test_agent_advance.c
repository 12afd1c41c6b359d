/* Turns taken from message to end: what is sent, how often, and what the page is told. */
#include "agent_world.h"

#include "base/text.h"
#include "catalogue/marks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PLAN(...)                                                                                  \
    do {                                                                                           \
        static const struct model_step plan_[] = {__VA_ARGS__};                                    \
        world.steps = plan_;                                                                       \
        world.step_count = COUNT(plan_);                                                           \
    } while (0)

static struct turn turn;

static void begin(const char *message)
{
    turn_free(&turn);
    assert_int_equal(world_ask(message, NULL, &turn), ERR_OK);
}

static void ended(enum turn_state state, const char *code)
{
    char found[32];
    enum turn_state now = world_state(&turn, found);
    assert_string_equal(found, code);
    assert_int_equal(now, state);
}

static size_t occurrences(const char *text, const char *what)
{
    size_t count = 0;
    for (const char *at = strstr(text, what); at != NULL; at = strstr(at + 1, what)) {
        count++;
    }
    return count;
}

static char *call_id_of(size_t request, char out[64])
{
    json_t *event = NULL;
    const char *body = peer_request_body(world.actions, request);
    assert_int_equal(js_parse_object(body, strlen(body), EVENT_MAX, &event), ERR_OK);
    (void)snprintf(out, 64, "%s", js_text(js_object(event, "sessionAttributes"), "call_id"));
    json_decref(event);
    return out;
}

static void a_plain_answer(void **state)
{
    (void)state;
    msec due = 1;
    PLAN({.text = "Hello, |world."});
    begin("hi");
    assert_int_equal(world_advance(&turn, &due), ERR_OK);
    assert_int_equal(due, 0);
    ended(TURN_DONE, "");
    assert_string_equal(world.last_text, "hi");
    const char *events = world_events(&turn);
    assert_true(text_starts(events, "turn {\"turn\":\""));
    assert_non_null(strstr(events, "text {\"delta\":\"Hello, \"}\ntext {\"delta\":\"world.\"}\n"
                                   "done {}\n"));
    assert_int_equal(peer_requests(world.actions), 0);
    assert_int_equal(world_advance(&turn, &due), ERR_NONE); /* it is over */
}

static void an_approved_act(void **state)
{
    (void)state;
    msec due = 0;
    char first[64];
    char again[64];
    PLAN({.text = "One moment. ", .calls = RESET_BOB}, {.text = "It is done."});
    begin("Reset password for bob");
    world_answer_pending("waiting", T + 5000);
    assert_int_equal(world_advance(&turn, &due), ERR_OK);
    assert_int_equal(due, T + 5000);
    ended(TURN_RUNNING, "");
    assert_int_equal(world.asked, 1);
    /* Not due yet: nobody asks again before the guard said so (row 39 begins here). */
    struct record_list list = {0};
    assert_int_equal(record_due(world.fixture.store, KIND_TURN, T + 4999, T + 4999, 10, &list),
                     ERR_OK);
    assert_int_equal(list.count, 0);
    record_list_free(&list);

    world_now = T + 5000;
    world_answer_pending("waiting", T + 10000);
    assert_int_equal(world_advance(&turn, &due), ERR_OK);
    world_now = T + 10000;
    world_answer(OUTCOME_DONE, "done", "The password of bob@example.test was reset.");
    assert_int_equal(world_advance(&turn, &due), ERR_OK);
    ended(TURN_DONE, "");
    assert_int_equal(peer_requests(world.actions), 3);
    assert_string_equal(call_id_of(0, first), call_id_of(2, again));
    assert_int_equal(strlen(first), 43);
    assert_string_equal(world.last_results, "done The password of bob@example.test was reset.\n");
    const char *events = world_events(&turn);
    assert_int_equal(occurrences(events, "approval {"), 1);
    assert_int_equal(occurrences(events, "\"status\":\"pending\""), 1);
    assert_non_null(strstr(events, "approval {\"id\":\"inv1\",\"action\":\"reset_password\","
                                   "\"target\":\"bob@example.test\",\"expires_at\":1700000300}"));
    assert_non_null(strstr(events, "\"status\":\"started\""));
    assert_non_null(strstr(events, "\"status\":\"done\"}\ntext {\"delta\":\"It is done.\"}\ndone"));
    assert_true(peer_request_has(world.actions, 0, "POST /actions/ciba HTTP/1.1"));
    assert_true(peer_request_has(world.actions, 0, "X-Request-Id: req-1"));
}

/* Attributes of an answer stay with us: a model sees the text alone. */
static void attributes_never_reach_the_model(void **state)
{
    (void)state;
    msec due = 0;
    PLAN({.calls = RESET_BOB}, {.text = "ok"});
    begin("Reset");
    world_answer(OUTCOME_FAILURE, "denied", "You are not permitted.");
    assert_int_equal(world_advance(&turn, &due), ERR_OK);
    assert_string_equal(world.last_results, "failed You are not permitted.\n");
    assert_non_null(strstr(world_events(&turn), "\"status\":\"denied\""));
}

static void a_failed_post_is_repeated(void **state)
{
    (void)state;
    static const char *const bad[] = {"500 Oops", "401 No", "404 Where", "429 Slow", "200 OK"};
    char first[64];
    char again[64];
    msec due = 0;
    PLAN({.calls = RESET_BOB}, {.text = "ok"});
    begin("Reset");
    for (size_t i = 0; i < COUNT(bad); i++) {
        peer_say(world.actions, bad[i], "Content-Type: application/json\r\n", "{\"odd\":true}");
        assert_int_equal(world_advance(&turn, &due), ERR_OK);
        assert_int_equal(due, world_now + advance_pause((unsigned)i + 1));
        ended(TURN_RUNNING, "");
        world_now = due;
    }
    assert_int_equal(world.asked, 1);
    world_answer(OUTCOME_DONE, "done", "Done.");
    assert_int_equal(world_advance(&turn, &due), ERR_OK);
    ended(TURN_DONE, "");
    assert_string_equal(call_id_of(0, first), call_id_of(COUNT(bad), again));
    assert_int_equal(occurrences(world_events(&turn), "\"status\":\"started\""), 1);
}

static void refusals_for_good_are_the_calls(void **state)
{
    (void)state;
    static const char *const bad[] = {"400 Bad Request", "409 Conflict"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        msec due = 0;
        world.asked = 0;
        PLAN({.calls = RESET_BOB}, {.text = "ok"});
        begin("Reset");
        peer_say(world.actions, bad[i], "", "{\"error\":\"x\"}");
        assert_int_equal(world_advance(&turn, &due), ERR_OK);
        ended(TURN_DONE, "");
        assert_true(text_starts(world.last_results, "failed "));
        assert_non_null(strstr(world_events(&turn), "\"status\":\"failed\""));
    }
}

#define CALL(group, function)                                                                      \
    "{\"functionInvocationInput\":{\"actionGroup\":\"" group "\",\"function\":\"" function         \
    "\",\"parameters\":[{\"name\":\"user_email\",\"value\":\"x@y.test\"}]}}"
#define CALLS(list) "{\"invocationId\":\"i\",\"invocationInputs\":[" list "]}"

static void unknown_groups_are_not_posted(void **state)
{
    (void)state;
    msec due = 0;
    PLAN({.calls = CALLS(CALL("Shell", "exec") "," CALL("FGACheck", "check") "," CALL("", "f"))},
         {.text = "ok"});
    begin("hostile");
    assert_int_equal(world_advance(&turn, &due), ERR_OK);
    ended(TURN_DONE, "");
    assert_int_equal(peer_requests(world.actions), 0);
    assert_int_equal(occurrences(world.last_results, "failed "), 3);
    assert_int_equal(occurrences(world_events(&turn), "\"status\":\"denied\""), 3);
}

static void more_than_five_are_refused_together(void **state)
{
    (void)state;
    msec due = 0;
#define ONE CALL("OktaOperations", "find_user")
    PLAN({.calls = CALLS(ONE "," ONE "," ONE "," ONE "," ONE "," ONE)}, {.text = "ok"});
    begin("hostile");
    assert_int_equal(world_advance(&turn, &due), ERR_OK);
    ended(TURN_DONE, "");
    assert_int_equal(peer_requests(world.actions), 0);
    assert_int_equal(occurrences(world.last_results, "failed At most five"), 6);
}

static void five_run_one_after_another(void **state)
{
    (void)state;
    msec due = 0;
    char id[5][64];
#define RESET CALL("CIBAAuthentication", "reset_password")
    PLAN({.calls = CALLS(RESET "," RESET "," RESET "," RESET "," RESET)}, {.text = "ok"});
    begin("five");
    world_answer(OUTCOME_DONE, "done", "1");
    world_answer_pending("waiting_click", T + 1000);
    assert_int_equal(world_advance(&turn, &due), ERR_OK);
    assert_int_equal(peer_requests(world.actions), 2); /* the third waits for the second */
    world_now = due;
    world_answer(OUTCOME_FAILURE, "denied", "2");
    world_answer(OUTCOME_FAILURE, "unknown", "3");
    world_answer(OUTCOME_FAILURE, "expired", "4");
    world_answer(OUTCOME_DONE, "done", "5");
    assert_int_equal(world_advance(&turn, &due), ERR_OK);
    ended(TURN_DONE, "");
    assert_string_equal(world.last_results, "done 1\nfailed 2\nfailed 3\nfailed 4\ndone 5\n");
    for (size_t i = 0; i < 5; i++) {
        (void)call_id_of(i < 2 ? i : i + 1, id[i]);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(id[i], id[j]);
        }
    }
}

static void loops_end_by_steps_and_actions(void **state)
{
    (void)state;
    msec due = 0;
    PLAN({.text = "again ", .calls = RESET_BOB});
    begin("loop");
    for (size_t i = 0; i < TURN_STEPS_MAX; i++) {
        world_answer(OUTCOME_DONE, "done", "Done.");
    }
    assert_int_equal(world_advance(&turn, &due), ERR_OK);
    ended(TURN_ERROR, "too_many_steps");
    assert_int_equal(world.asked, TURN_STEPS_MAX);
    assert_int_equal(peer_requests(world.actions), TURN_ACTIONS_MAX);
    assert_non_null(strstr(world_events(&turn), "error {\"code\":\"too_many_steps\""));
}

static void a_flood_ends_by_bytes(void **state)
{
    (void)state;
    static char flood[200001];
    static struct model_step plan;
    msec due = 0;
    memset(flood, '#', sizeof flood - 1);
    plan = (struct model_step){.text = flood};
    world.steps = &plan;
    world.step_count = 1;
    begin("flood");
    assert_int_equal(world_advance(&turn, &due), ERR_OK);
    ended(TURN_ERROR, "too_long");
    assert_true(strlen(world_events(&turn)) < TURN_TEXT_MAX + 1000);
    assert_int_equal(occurrences(world_events(&turn), "#"), TURN_TEXT_MAX);
}

static void a_broken_step_is_repeated_and_not_told_twice(void **state)
{
    (void)state;
    msec due = 0;
    PLAN({.text = "Half a |sen", .err = ERR_UNKNOWN}, {.text = "Half a |sentence."});
    begin("hi");
    assert_int_equal(world_advance(&turn, &due), ERR_OK);
    assert_int_equal(due, T + 1000);
    ended(TURN_RUNNING, "");
    world_now = due;
    assert_int_equal(world_advance(&turn, &due), ERR_OK);
    ended(TURN_DONE, "");
    assert_non_null(strstr(world_events(&turn),
                           "text {\"delta\":\"Half a \"}\ntext {\"delta\":\"sen\"}\n"
                           "text {\"delta\":\"tence.\"}\ndone {}"));
}

static void other_words_begin_anew(void **state)
{
    (void)state;
    msec due = 0;
    PLAN({.text = "The sky", .err = ERR_REMOTE}, {.text = "The| grass."});
    begin("hi");
    assert_int_equal(world_advance(&turn, &due), ERR_OK);
    world_now = due;
    assert_int_equal(world_advance(&turn, &due), ERR_OK);
    ended(TURN_DONE, "");
    assert_non_null(strstr(world_events(&turn), "text {\"delta\":\"The sky\"}\n"));
    assert_non_null(strstr(world_events(&turn), "\\n\\n"));
    assert_non_null(strstr(world_events(&turn), "grass."));
}

static void faults_end_a_turn_with_their_code(void **state)
{
    (void)state;
    static const struct {
        enum err err;
        const char *code;
        size_t asked;
    } cases[] = {{ERR_REMOTE, "agent_unavailable", 3}, {ERR_UNKNOWN, "agent_unavailable", 3},
                 {ERR_DENIED, "agent_refused", 1},     {ERR_INPUT, "agent_odd", 1},
                 {ERR_FORGED, "agent_odd", 1},         {ERR_LIMIT, "too_long", 1}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct model_step plan = {.text = "x", .err = cases[i].err};
        msec due = 0;
        world.asked = 0;
        world.steps = &plan;
        world.step_count = 1;
        begin("hi");
        do {
            assert_int_equal(world_advance(&turn, &due), ERR_OK);
            world_now = due != 0 ? due : world_now;
        } while (due != 0);
        ended(TURN_ERROR, cases[i].code);
        assert_int_equal(world.asked, cases[i].asked);
    }
}

/* The act is done, but the model's service has forgotten the step: the person still learns it. */
static void results_are_told_when_the_model_cannot_be(void **state)
{
    (void)state;
    msec due = 0;
    PLAN({.calls = RESET_BOB}, {.err = ERR_DENIED});
    begin("Reset");
    world_answer(OUTCOME_DONE, "done", "The password was reset.");
    assert_int_equal(world_advance(&turn, &due), ERR_OK);
    ended(TURN_DONE, "");
    assert_non_null(strstr(world_events(&turn),
                           "text {\"delta\":\"reset_password: The password was reset.\"}"));
}

static void cancelled_while_the_model_speaks(void **state)
{
    (void)state;
    msec due = 0;
    PLAN({.text = "one |two", .cancel = true});
    begin("hi");
    assert_int_equal(world_advance(&turn, &due), ERR_OK);
    ended(TURN_CANCELLED, "cancelled");
    assert_non_null(strstr(world_events(&turn), "error {\"code\":\"cancelled\""));
    assert_null(strstr(world_events(&turn), "two"));
}

static void cancelled_while_a_person_decides(void **state)
{
    (void)state;
    msec due = 0;
    PLAN({.calls = CALLS(RESET "," RESET)}, {.text = "never"});
    begin("Reset");
    world_answer_pending("waiting", T + 5000);
    assert_int_equal(world_advance(&turn, &due), ERR_OK);
    assert_int_equal(turn_cancel(world.fixture.store, &turn, world_now), ERR_OK);
    ended(TURN_RUNNING, ""); /* not before its invocation says so */
    struct record_list list = {0};
    assert_int_equal(record_due(world.fixture.store, KIND_TURN, world_now, world_now, 10, &list),
                     ERR_OK);
    assert_int_equal(list.count, 1); /* the hint brought it forward */
    record_list_free(&list);
    world_answer(OUTCOME_FAILURE, "cancelled", "The request was cancelled.");
    assert_int_equal(world_advance(&turn, &due), ERR_OK);
    ended(TURN_CANCELLED, "cancelled");
    assert_int_equal(peer_requests(world.actions), 2); /* the second call was never made */
    assert_int_equal(world.asked, 1);
    assert_int_equal(occurrences(world_events(&turn), "\"status\":\"cancelled\""), 2);
}

static void an_act_under_way_is_heard_out(void **state)
{
    (void)state;
    msec due = 0;
    PLAN({.calls = RESET_BOB}, {.text = "never"});
    begin("Reset");
    world_answer_pending("executing", T + 1000);
    assert_int_equal(world_advance(&turn, &due), ERR_OK);
    assert_int_equal(turn_cancel(world.fixture.store, &turn, world_now), ERR_OK);
    world_answer_pending("executing", T + 2000);
    assert_int_equal(world_advance(&turn, &due), ERR_OK);
    ended(TURN_RUNNING, "");
    world_now = T + 2000;
    world_answer(OUTCOME_DONE, "done", "Done.");
    assert_int_equal(world_advance(&turn, &due), ERR_OK);
    ended(TURN_CANCELLED, "cancelled");
    assert_non_null(strstr(world_events(&turn), "\"status\":\"done\""));
}

static void a_deadline_marks_the_turn_and_ends_it(void **state)
{
    (void)state;
    msec due = 0;
    PLAN({.calls = RESET_BOB}, {.text = "never"});
    begin("Reset");
    world_answer_pending("waiting", T + SECONDS(20));
    assert_int_equal(world_advance(&turn, &due), ERR_OK);
    world_now = turn.deadline;
    world_answer(OUTCOME_FAILURE, "cancelled", "The request was cancelled.");
    assert_int_equal(world_advance(&turn, &due), ERR_OK);
    ended(TURN_ERROR, "timeout");
    assert_int_equal(turn_cancelled(world.fixture.store, &turn, world_now), ERR_OK);
}

static void silence_of_the_actions_ends_with_the_grace(void **state)
{
    (void)state;
    msec due = 0;
    PLAN({.calls = RESET_BOB}, {.text = "never"});
    begin("Reset");
    for (size_t i = 0; i < 200; i++) {
        peer_say(world.actions, "503 Down", "", "");
    }
    do {
        due = 0;
        enum err err = world_advance(&turn, &due);
        assert_int_equal(err, ERR_OK);
        world_now = due != 0 ? due : world_now;
    } while (due != 0);
    ended(TURN_ERROR, "timeout");
    assert_true(world_now <= turn.deadline + TURN_GRACE + SECONDS(15));
}

static void the_session_ends_the_turn(void **state)
{
    (void)state;
    msec due = 0;
    PLAN({.calls = RESET_BOB}, {.text = "never"});
    begin("Reset");
    world_answer_pending("waiting", T + 1000);
    assert_int_equal(world_advance(&turn, &due), ERR_OK);
    assert_int_equal(session_end(world.fixture.store, world.session.id), ERR_OK);
    world_now = due;
    assert_int_equal(world_advance(&turn, &due), ERR_OK);
    ended(TURN_ERROR, "signed_out");
    assert_int_equal(peer_requests(world.actions), 1); /* nothing more is asked for */
}

/* Whatever instant a worker dies at, the next one goes on with the same call. */
static void a_dead_workers_turn_goes_on(void **state)
{
    (void)state;
    msec due = 0;
    struct turn_hold *dead = NULL;
    struct turn_hold *next = NULL;
    uint8_t id[RECORD_ID_SIZE];
    char first[64];
    char again[64];
    PLAN({.calls = RESET_BOB}, {.text = "ok"});
    begin("Reset");
    mark_turn(turn.id, id);
    world_answer_pending("waiting", T + 1000);
    assert_int_equal(world_advance(&turn, &due), ERR_OK);
    world_now = due;
    assert_int_equal(hold_take(world.fixture.store, id, 0, world_now, &dead), ERR_OK);
    /* In its hands: nobody else takes it, until the lease is over. */
    assert_int_equal(hold_take(world.fixture.store, id, 0, world_now, &next), ERR_NONE);
    world_now += TURN_LEASE;
    world_answer(OUTCOME_DONE, "done", "Done.");
    assert_int_equal(hold_take(world.fixture.store, id, 0, world_now, &next), ERR_OK);
    assert_int_equal(turn_advance(&world.advance, next, &due), ERR_OK);
    hold_free(next);
    ended(TURN_DONE, "");
    assert_string_equal(call_id_of(0, first), call_id_of(1, again));
    assert_int_equal(occurrences(world_events(&turn), "\"status\":\"started\""), 1);
    assert_int_equal(occurrences(world_events(&turn), "\"status\":\"pending\""), 1);
    /* The one taken for dead wakes up and finds that it can write nothing. */
    assert_int_equal(hold_save(dead, world_now), ERR_CONFLICT);
    assert_int_equal(hold_text(dead, "late", 4, world_now), ERR_CONFLICT);
    assert_int_equal(hold_event(dead, "done", json_object(), -1, world_now), ERR_CONFLICT);
    assert_int_equal(hold_finish(dead, TURN_ERROR, "x", world_now), ERR_CONFLICT);
    hold_free(dead);
    assert_null(strstr(world_events(&turn), "late"));
}

static void the_keeper_lengthens_ends_and_gives_back(void **state)
{
    (void)state;
    struct turn_hold *hold = NULL;
    struct turn_hold *other = NULL;
    uint8_t id[RECORD_ID_SIZE];
    PLAN({.text = "x"});
    begin("hi");
    mark_turn(turn.id, id);
    assert_int_equal(hold_take(world.fixture.store, id, turn.version, world_now, &hold), ERR_OK);
    world_now += TURN_LEASE / 2 + 1;
    hold_keep(hold, world_now);
    world_now += TURN_LEASE / 2 + 1; /* past the first lease, within the second */
    assert_int_equal(hold_take(world.fixture.store, id, 0, world_now, &other), ERR_NONE);
    hold_drop(hold, world_now); /* the process stops: due at once */
    assert_true(hold_is_lost(hold));
    assert_int_equal(hold_take(world.fixture.store, id, 0, world_now, &other), ERR_OK);
    hold_free(hold);
    /* A silent model, and the person stops it. */
    assert_int_equal(turn_cancel(world.fixture.store, &turn, world_now), ERR_OK);
    hold_keep(other, world_now);
    ended(TURN_RUNNING, "");
    hold_set_in_step(other, true);
    hold_keep(other, world_now);
    ended(TURN_CANCELLED, "cancelled");
    assert_true(hold_is_lost(other));
    assert_int_equal(hold_save(other, world_now), ERR_CONFLICT);
    hold_free(other);
    assert_int_equal(occurrences(world_events(&turn), "error {\"code\":\"cancelled\""), 1);
}

static void pauses_grow_and_stop(void **state)
{
    (void)state;
    assert_int_equal(advance_pause(1), 1000);
    assert_int_equal(advance_pause(2), 2000);
    assert_int_equal(advance_pause(4), 8000);
    assert_int_equal(advance_pause(5), 15000);
    assert_int_equal(advance_pause(4000000000u), 15000);
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
        TEST("a plain answer ends the turn", a_plain_answer),
        TEST("row 39: an act waits for the guard's time, with one call id", an_approved_act),
        TEST("row 52: attributes of an answer never reach the model",
             attributes_never_reach_the_model),
        TEST("a failed POST is repeated and is never an outcome", a_failed_post_is_repeated),
        TEST("400 and 409 are the call's own error", refusals_for_good_are_the_calls),
        TEST("row 49: unknown groups are not POSTed", unknown_groups_are_not_posted),
        TEST("more than five calls are refused together", more_than_five_are_refused_together),
        TEST("row 64: five calls run one after another", five_run_one_after_another),
        TEST("row 53: an endless tool loop ends by steps and actions",
             loops_end_by_steps_and_actions),
        TEST("row 53: a flood of text ends by bytes", a_flood_ends_by_bytes),
        TEST("a broken step is repeated and not told twice",
             a_broken_step_is_repeated_and_not_told_twice),
        TEST("a repeated step with other words begins anew", other_words_begin_anew),
        TEST("row 53: each fault ends the turn with its code", faults_end_a_turn_with_their_code),
        TEST("results are told when the model cannot be",
             results_are_told_when_the_model_cannot_be),
        TEST("cancelled while the model speaks", cancelled_while_the_model_speaks),
        TEST("row 66: cancelled while a person decides", cancelled_while_a_person_decides),
        TEST("row 66: an act under way is heard out", an_act_under_way_is_heard_out),
        TEST("row 69: a deadline marks the turn and ends it",
             a_deadline_marks_the_turn_and_ends_it),
        TEST("row 75: the session's end ends the turn", the_session_ends_the_turn),
        TEST("silence of the actions ends within the grace",
             silence_of_the_actions_ends_with_the_grace),
        TEST("a dead worker's turn goes on, and it can write no more", a_dead_workers_turn_goes_on),
        TEST("the keeper lengthens, ends and gives back", the_keeper_lengthens_ends_and_gives_back),
        TEST("pauses grow and stop growing", pauses_grow_and_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
