#include "agent_world.h"

#include "agent/bedrock_agent.h"
#include "base/text.h"
#include "catalogue/marks.h"
#include "crypto/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct agent_world world;
msec world_now;

static msec turned_clock(void)
{
    return world_now;
}

/* ---- the model ---- */

static enum err say(const struct model_step *step, agent_text_fn *text, void *context)
{
    enum err err = ERR_OK;
    const char *at = step->text;
    while (at != NULL && *at != '\0' && err == ERR_OK) {
        size_t len = strcspn(at, "|");
        if (step->cancel && at[len] == '\0') {
            struct record_list list = {0};
            struct turn turn = {0};
            assert_int_equal(record_by_owner(world.fixture.store, KIND_TURN,
                                             world.session.person.owner, world_now, 1, &list),
                             ERR_OK);
            assert_int_equal(
                turn_from_json(list.records[0].payload, list.records[0].payload_len, &turn),
                ERR_OK);
            assert_int_equal(turn_cancel(world.fixture.store, &turn, world_now), ERR_OK);
            turn_free(&turn);
            record_list_free(&list);
            world_now += 5000;
        }
        err = text(context, at, len);
        at += len + (at[len] == '|' ? 1 : 0);
    }
    return err;
}

static enum err model_run(struct agent_backend *backend, const struct agent_step *step,
                          agent_text_fn *text, void *context, struct agent_outcome *outcome)
{
    (void)backend;
    struct buf results = buf_make(sizeof world.last_results - 1);
    size_t n = world.asked < world.step_count ? world.asked : world.step_count - 1;
    const struct model_step *plan = &world.steps[n];
    world.asked++;
    (void)snprintf(world.last_text, sizeof world.last_text, "%s",
                   step->text != NULL ? step->text : "");
    for (size_t i = 0; i < step->result_count; i++) {
        assert_int_not_equal(step->results[i].outcome, OUTCOME_REPROMPT);
        buf_addf(&results, "%s %s\n", step->results[i].outcome == OUTCOME_DONE ? "done" : "failed",
                 step->results[i].text);
    }
    (void)snprintf(world.last_results, sizeof world.last_results, "%s", buf_str(&results));
    buf_free(&results);
    if (plan->hook != NULL) {
        plan->hook();
    }
    enum err err = say(plan, text, context);
    if (err == ERR_OK) {
        err = plan->err;
    }
    if (err == ERR_OK && plan->calls != NULL) {
        json_t *payload = NULL;
        assert_int_equal(js_parse_object(plan->calls, strlen(plan->calls), 100000, &payload),
                         ERR_OK);
        assert_int_equal(bedrock_agent_calls(payload, outcome), ERR_OK);
        json_decref(payload);
    } else {
        outcome->ended = true;
    }
    return err;
}

static void model_free(struct agent_backend *backend)
{
    (void)backend;
}

/* ---- the world ---- */

int world_setup(void **state)
{
    static const struct agent_backend_verbs verbs = {model_run, model_free};
    static const struct session_limits limits = {HOURS(1), HOURS(10)};
    struct person alice = {0};
    uint8_t random[SESSION_RANDOM] = {1, 2, 3};
    char token[SESSION_TOKEN_SIZE];
    (void)state;
    memset(&world, 0, sizeof world);
    world_now = T;
    world.actions = peer_start(NULL);
    assert_int_equal(setenv("ACTIONS_URL", peer_url(world.actions, ""), 1), 0);
    fixture_open(&world.fixture);
    world.config = peer_config();
    assert_int_equal(http_open(world.config, &world.http), ERR_OK);
    assert_int_equal(person_new("https://iss/", "alice", "alice@example.test", true, NULL, &alice),
                     ERR_OK);
    assert_int_equal(session_create(world.fixture.store, &limits, &alice, "", "test", 0, T - 1, T,
                                    random, token, &world.session),
                     ERR_OK);
    person_free(&alice);
    world.model.verbs = &verbs;
    world.advance = (struct advance){
        .store = world.fixture.store,
        .limits = limits,
        .backend = &world.model,
        .client = {.config = world.config, .keyring = world.fixture.ring, .http = world.http},
        .profile = PROFILE_WORKSHOP,
        .now = turned_clock,
        .random = random_bytes,
    };
    return 0;
}

int world_teardown(void **state)
{
    (void)state;
    session_free(&world.session);
    http_free(world.http);
    config_free(world.config);
    fixture_close(&world.fixture);
    peer_stop(world.actions);
    return unsetenv("ACTIONS_URL");
}

enum err world_ask(const char *message, const char *conversation, struct turn *out)
{
    struct turn_request request = {.session = &world.session,
                                   .message = message,
                                   .conversation = conversation,
                                   .agent = "AGENT",
                                   .request_id = "req-1",
                                   .lifetime = SECONDS(900)};
    assert_int_equal(random_bytes(request.random, sizeof request.random), ERR_OK);
    return turn_create(world.fixture.store, &request, world_now, out);
}

enum err world_advance(const struct turn *turn, msec *due_at)
{
    struct turn_hold *hold = NULL;
    uint8_t id[RECORD_ID_SIZE];
    *due_at = 0;
    mark_turn(turn->id, id);
    enum err err = hold_take(world.fixture.store, id, turn->version, world_now, &hold);
    if (err == ERR_OK) {
        err = turn_advance(&world.advance, hold, due_at);
        hold_free(hold);
    }
    return err;
}

void world_get(const struct turn *turn, struct turn *out)
{
    assert_int_equal(turn_get(world.fixture.store, turn->id, NULL, world_now, out), ERR_OK);
}

enum turn_state world_state(const struct turn *turn, char code[32])
{
    struct turn now = {0};
    world_get(turn, &now);
    enum turn_state state = now.state;
    (void)snprintf(code, 32, "%s", now.code);
    turn_free(&now);
    return state;
}

const char *world_events(const struct turn *turn)
{
    static struct buf lines;
    buf_free(&lines);
    lines = buf_make(1 << 20);
    for (uint64_t n = 1;; n++) {
        struct turn_event event = {0};
        enum err err = turn_event_get(world.fixture.store, turn->id, n, world_now, &event);
        if (err == ERR_NONE) {
            break;
        }
        assert_int_equal(err, ERR_OK);
        buf_addf(&lines, "%s ", event.type);
        assert_int_equal(js_add(&lines, event.data), ERR_OK);
        buf_addc(&lines, '\n');
        turn_event_free(&event);
    }
    return buf_str(&lines);
}

static void answer(const struct action_answer *given)
{
    struct action_event event = {.group = "CIBAAuthentication", .function = "reset_password"};
    struct buf text = buf_make(10000);
    json_t *root = action_answer_build(&event, given);
    assert_int_equal(js_add(&text, root), ERR_OK);
    peer_say(world.actions, "200 OK", "Content-Type: application/json\r\n", buf_str(&text));
    json_decref(root);
    buf_free(&text);
}

void world_answer(enum action_outcome outcome, const char *state, const char *text)
{
    struct action_answer given = {.outcome = outcome, .invocation = "inv1"};
    (void)snprintf(given.state, sizeof given.state, "%s", state);
    (void)snprintf(given.text, sizeof given.text, "%s", text);
    answer(&given);
}

void world_answer_pending(const char *state, msec ask_again_at)
{
    struct action_answer given = {.outcome = OUTCOME_REPROMPT,
                                  .invocation = "inv1",
                                  .text = "Waiting for the person's approval.",
                                  .ask_again_at = ask_again_at,
                                  .expires_at = T + SECONDS(300)};
    (void)snprintf(given.state, sizeof given.state, "%s", state);
    answer(&given);
}
