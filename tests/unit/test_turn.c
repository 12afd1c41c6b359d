/* The records of turns, events and conversations, and the stream that shows them. */
#include "agent/turn_hold.h"
#include "agent/turn_stream.h"
#include "agent_world.h"
#include "base/text.h"
#include "catalogue/marks.h"
#include "crypto/random.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct turn turn;

static void survives_its_json(void **state)
{
    (void)state;
    struct turn in = {.id = "t",
                      .conversation = "c",
                      .session = "5e",
                      .agent = "A",
                      .request_id = "r",
                      .state = TURN_RUNNING,
                      .ending = ENDING_DEADLINE,
                      .created_at = T,
                      .deadline = T + 1,
                      .lease_until = T + 2,
                      .settled_event = 7,
                      .steps = 3,
                      .actions = 2,
                      .tries = 1,
                      .text_len = 99,
                      .handle = "h\xc3\xa9",
                      .call_count = 2};
    struct turn out = {0};
    struct buf text = buf_make(RECORD_PAYLOAD_MAX);
    struct buf again = buf_make(RECORD_PAYLOAD_MAX);
    assert_int_equal(person_copy(&world.session.person, &in.person), ERR_OK);
    assert_int_equal(text_dup("hello", &in.message), ERR_OK);
    for (size_t i = 0; i < 2; i++) {
        in.calls[i].call.arguments = json_pack("{s:s}", "user_email", "bob@example.test");
        in.calls[i].call.echo = json_pack("{s:s}", "actionGroup", "G");
        (void)snprintf(in.calls[i].call.group, 65, "G");
        (void)snprintf(in.calls[i].call.function, 65, "f");
        (void)snprintf(in.calls[i].call_id, TURN_ID_SIZE, "call%zu", i);
        (void)snprintf(in.calls[i].shown, 24, "pending");
    }
    in.calls[0].settled = true;
    in.calls[0].outcome = OUTCOME_DONE;
    assert_int_equal(text_dup("did it", &in.calls[0].result), ERR_OK);
    in.calls[1].told = true;
    assert_int_equal(turn_to_json(&in, &text), ERR_OK);
    assert_int_equal(turn_from_json(buf_str(&text), text.len, &out), ERR_OK);
    assert_int_equal(turn_to_json(&out, &again), ERR_OK);
    assert_string_equal(buf_str(&text), buf_str(&again));
    assert_int_equal(out.call_count, 2);
    assert_int_equal(out.ending, ENDING_DEADLINE);
    assert_string_equal(out.calls[0].result, "did it");
    assert_true(out.calls[1].told);
    assert_memory_equal(out.person.owner, in.person.owner, RECORD_ID_SIZE);
    turn_free(&in);
    turn_free(&out);
    buf_free(&text);
    buf_free(&again);
}

static void damaged_json_is_no_turn(void **state)
{
    (void)state;
    struct buf text = buf_make(RECORD_PAYLOAD_MAX);
    json_t *good = NULL;
    struct turn out = {0};
    assert_int_equal(world_ask("hi", NULL, &turn), ERR_OK);
    assert_int_equal(turn_to_json(&turn, &text), ERR_OK);
    assert_int_equal(js_parse_object(buf_str(&text), text.len, text.len, &good), ERR_OK);
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(good, key, value)
    {
        struct buf less = buf_make(RECORD_PAYLOAD_MAX);
        json_t *copy = json_deep_copy(good);
        assert_int_equal(json_object_set_new(copy, key, json_null()), 0);
        assert_int_equal(js_add(&less, copy), ERR_OK);
        assert_int_equal(turn_from_json(buf_str(&less), less.len, &out), ERR_INPUT);
        assert_null(out.message);
        json_decref(copy);
        buf_free(&less);
    }
    assert_int_equal(turn_from_json("{}", 2, &out), ERR_INPUT);
    assert_int_equal(turn_from_json("[", 1, &out), ERR_INPUT);
    json_decref(good);
    buf_free(&text);
}

static void messages_are_checked(void **state)
{
    (void)state;
    static const char *const characters[] = {"a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    struct buf big = buf_make(TURN_MESSAGE_MAX + 8);
    for (size_t i = 0; i < COUNT(characters); i++) {
        buf_reset(&big);
        for (int n = 0; n < TURN_MESSAGE_CHARACTERS; n++) {
            buf_adds(&big, characters[i]);
        }
        assert_true(turn_message_valid(buf_str(&big)));
        buf_adds(&big, characters[i]);
        assert_int_equal(buf_err(&big), ERR_OK);
        assert_false(turn_message_valid(buf_str(&big)));
    }
    buf_free(&big);
    assert_false(turn_message_valid(""));
    assert_false(turn_message_valid(NULL));
    assert_false(turn_message_valid(" \n\t "));
    assert_false(turn_message_valid("\xff"));
    assert_true(turn_message_valid("\xc3\xa9"));
}

static enum err ask_with(const struct session *session, const char *message,
                         const char *conversation, const char *key, struct turn *out)
{
    struct turn_request request = {.session = session,
                                   .message = message,
                                   .conversation = conversation,
                                   .key = key,
                                   .agent = "AGENT",
                                   .request_id = "req-2",
                                   .lifetime = SECONDS(900)};
    assert_int_equal(random_bytes(request.random, sizeof request.random), ERR_OK);
    return turn_create(world.fixture.store, &request, world_now, out);
}

#define KEY "0123456789abcdef0123456789abcdef"

static void a_repeated_key_is_the_same_turn(void **state)
{
    (void)state;
    static const struct model_step plan[] = {{.text = "ok"}};
    struct session mallory = {.csrf_token = ""};
    struct turn again = {0};
    msec due = 0;
    world.steps = plan;
    world.step_count = 1;
    assert_int_equal(ask_with(&world.session, "reset bob", NULL, KEY, &turn), ERR_OK);
    assert_false(turn.repeated);
    assert_int_equal(ask_with(&world.session, "reset bob", NULL, KEY, &again), ERR_OK);
    assert_true(again.repeated);
    assert_string_equal(again.id, turn.id);
    turn_free(&again);
    /* The same key means the same request; anything else under it is a fault. */
    assert_int_equal(ask_with(&world.session, "reset carol", NULL, KEY, &again), ERR_INPUT);
    assert_null(again.message);
    assert_int_equal(ask_with(&world.session, "reset bob", "elsewhere", KEY, &again), ERR_INPUT);
    /* Also when it has ended long since. */
    assert_int_equal(world_advance(&turn, &due), ERR_OK);
    world_now += HOURS(1);
    assert_int_equal(ask_with(&world.session, "reset bob", NULL, KEY, &again), ERR_OK);
    assert_int_equal(again.state, TURN_DONE);
    turn_free(&again);
    assert_int_equal(world.asked, 1);
    /* Without a key, and with another, it is asked for again. */
    assert_int_equal(ask_with(&world.session, "reset bob", NULL, NULL, &again), ERR_OK);
    assert_false(again.repeated);
    turn_free(&again);
    assert_int_equal(ask_with(&world.session, "reset bob", NULL, KEY "0", &again), ERR_OK);
    assert_string_not_equal(again.id, turn.id);
    turn_free(&again);
    /* Another person's key is another key. */
    assert_int_equal(person_new("https://iss/", "mallory", NULL, false, NULL, &mallory.person),
                     ERR_OK);
    assert_int_equal(ask_with(&mallory, "reset bob", NULL, KEY, &again), ERR_OK);
    assert_false(again.repeated);
    assert_string_not_equal(again.id, turn.id);
    turn_free(&again);
    person_free(&mallory.person);
}

static void keys_are_checked(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "short",
                                      "0123456789abcde",
                                      "0123456789abcdef ",
                                      "\"0123456789abcdef\"",
                                      "0123456789abcde\xc3\xa9",
                                      KEY KEY "0"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_false(turn_key_valid(bad[i]));
    }
    assert_false(turn_key_valid(NULL));
    assert_true(turn_key_valid(KEY));
    assert_true(turn_key_valid("8e03978e-40d5-43dd-bc93-6894a57f9324"));
}

/* ---- many at once ---- */

#define AT_ONCE 8

struct asking {
    pthread_barrier_t *barrier;
    const struct session *session;
    const char *conversation;
    const char *key;
    enum err err;
    struct turn turn;
};

static void *ask_at_once(void *context)
{
    struct asking *asking = context;
    (void)pthread_barrier_wait(asking->barrier);
    asking->err =
        ask_with(asking->session, "now", asking->conversation, asking->key, &asking->turn);
    return NULL;
}

static void all_at_once(struct asking *asking, const struct session *session,
                        const char *conversation, const char *key)
{
    pthread_t threads[AT_ONCE];
    pthread_barrier_t barrier;
    assert_int_equal(pthread_barrier_init(&barrier, NULL, AT_ONCE), 0);
    for (size_t i = 0; i < AT_ONCE; i++) {
        asking[i] = (struct asking){
            .barrier = &barrier, .session = session, .conversation = conversation, .key = key};
        assert_int_equal(pthread_create(&threads[i], NULL, ask_at_once, &asking[i]), 0);
    }
    for (size_t i = 0; i < AT_ONCE; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    (void)pthread_barrier_destroy(&barrier);
}

static size_t running_of(const struct session *session)
{
    struct record_list list = {0};
    size_t count = 0;
    assert_int_equal(record_by_owner(world.fixture.store, KIND_TURN, session->person.owner,
                                     world_now, 100, &list),
                     ERR_OK);
    count = list.count; /* none of them was advanced */
    record_list_free(&list);
    return count;
}

static void limits_hold_under_a_race(void **state)
{
    (void)state;
    struct asking asking[AT_ONCE];
    for (int round = 0; round < 10; round++) {
        struct session session = {.csrf_token = ""};
        char sub[32];
        size_t accepted = 0;
        (void)snprintf(sub, sizeof sub, "racer-%d", round);
        assert_int_equal(person_new("https://iss/", sub, NULL, false, NULL, &session.person),
                         ERR_OK);
        all_at_once(asking, &session, NULL, NULL);
        for (size_t i = 0; i < AT_ONCE; i++) {
            assert_true(asking[i].err == ERR_OK || asking[i].err == ERR_LIMIT);
            accepted += asking[i].err == ERR_OK ? 1 : 0;
            turn_free(&asking[i].turn);
        }
        assert_true(accepted <= TURNS_RUNNING_MAX);
        assert_int_equal(running_of(&session), accepted); /* what was refused is not there */
        person_free(&session.person);
    }
}

static void one_key_at_once_is_one_turn(void **state)
{
    (void)state;
    struct asking asking[AT_ONCE];
    for (int round = 0; round < 10; round++) {
        struct session session = {.csrf_token = ""};
        char sub[32];
        size_t made = 0;
        (void)snprintf(sub, sizeof sub, "twice-%d", round);
        assert_int_equal(person_new("https://iss/", sub, NULL, false, NULL, &session.person),
                         ERR_OK);
        all_at_once(asking, &session, NULL, KEY);
        for (size_t i = 0; i < AT_ONCE; i++) {
            assert_int_equal(asking[i].err, ERR_OK);
            assert_string_equal(asking[i].turn.id, asking[0].turn.id);
            made += asking[i].turn.repeated ? 0 : 1;
        }
        for (size_t i = 0; i < AT_ONCE; i++) {
            turn_free(&asking[i].turn);
        }
        assert_int_equal(made, 1);
        assert_int_equal(running_of(&session), 1);
        person_free(&session.person);
    }
}

static void short_turns_do_not_hide_a_long_one(void **state)
{
    (void)state;
    static const struct model_step plan[] = {{.text = "ok"}};
    struct turn quick = {0};
    msec due = 0;
    world.steps = plan;
    world.step_count = 1;
    assert_int_equal(world_ask("long", NULL, &turn), ERR_OK);
    for (int i = 0; i < 25; i++) {
        world_now += SECONDS(1);
        assert_int_equal(world_ask("quick", NULL, &quick), ERR_OK);
        assert_int_equal(world_advance(&quick, &due), ERR_OK);
        turn_free(&quick);
    }
    assert_int_equal(world_ask("again", turn.conversation, &quick), ERR_CONFLICT);
}

static void a_few_run_at_once(void **state)
{
    (void)state;
    struct turn more = {0};
    msec due = 0;
    static const struct model_step plan[] = {{.text = "ok"}};
    world.steps = plan;
    world.step_count = 1;
    assert_int_equal(world_ask("one", NULL, &turn), ERR_OK);
    assert_int_equal(world_ask("again", turn.conversation, &more), ERR_CONFLICT);
    assert_int_equal(world_ask("two", NULL, &more), ERR_OK);
    turn_free(&more);
    assert_int_equal(world_ask("three", NULL, &more), ERR_OK);
    turn_free(&more);
    assert_int_equal(world_ask("four", NULL, &more), ERR_LIMIT);
    assert_null(more.message);
    assert_int_equal(world_advance(&turn, &due), ERR_OK);
    assert_int_equal(world_ask("four", turn.conversation, &more), ERR_OK);
    assert_string_equal(more.conversation, turn.conversation);
    turn_free(&more);
}

static void other_peoples_are_not_there(void **state)
{
    (void)state;
    struct session mallory = {.csrf_token = ""};
    struct turn out = {0};
    json_t *list = NULL;
    assert_int_equal(world_ask("private", NULL, &turn), ERR_OK);
    assert_int_equal(person_new("https://iss/", "mallory", NULL, false, NULL, &mallory.person),
                     ERR_OK);
    struct turn_request request = {.session = &mallory,
                                   .message = "mine?",
                                   .conversation = turn.conversation,
                                   .agent = "A",
                                   .request_id = "",
                                   .lifetime = 1000,
                                   .random = {9}};
    assert_int_equal(turn_create(world.fixture.store, &request, T, &out), ERR_NONE);
    request.conversation = "../../x";
    assert_int_equal(turn_create(world.fixture.store, &request, T, &out), ERR_NONE);
    request.conversation =
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    assert_int_equal(turn_create(world.fixture.store, &request, T, &out), ERR_NONE);
    assert_int_equal(turn_get(world.fixture.store, turn.id, mallory.person.owner, T, &out),
                     ERR_NONE);
    assert_null(out.message);
    assert_int_equal(turn_get(world.fixture.store, turn.id, turn.person.owner, T, &out), ERR_OK);
    turn_free(&out);
    assert_int_equal(conversations_json(world.fixture.store, mallory.person.owner, T, &list),
                     ERR_OK);
    assert_int_equal(json_array_size(js_array(list, "conversations")), 0);
    json_decref(list);
    person_free(&mallory.person);
}

static void conversations_are_listed(void **state)
{
    (void)state;
    static const struct model_step plan[] = {{.text = "ok"}};
    struct turn second = {0};
    struct turn third = {0};
    json_t *list = NULL;
    msec due = 0;
    world.steps = plan;
    world.step_count = 1;
    assert_int_equal(world_ask("  What are the groups?\nSecond line", NULL, &turn), ERR_OK);
    assert_int_equal(world_advance(&turn, &due), ERR_OK);
    world_now += 5000;
    assert_int_equal(world_ask("another", NULL, &second), ERR_OK);
    world_now += 5000;
    assert_int_equal(world_ask("and then?", turn.conversation, &third), ERR_OK);
    assert_int_equal(conversations_json(world.fixture.store, turn.person.owner, world_now, &list),
                     ERR_OK);
    const json_t *all = js_array(list, "conversations");
    assert_int_equal(json_array_size(all), 2);
    const json_t *first = json_array_get(all, 0); /* used last */
    assert_string_equal(js_text(first, "id"), turn.conversation);
    assert_string_equal(js_text(first, "title"), "What are the groups?");
    assert_int_equal(js_int_or(first, "updated_at", 0), (T + 10000) / 1000);
    const json_t *turns = js_array(first, "turns");
    assert_int_equal(json_array_size(turns), 2);
    assert_string_equal(js_text(json_array_get(turns, 0), "id"), turn.id);
    assert_string_equal(js_text(json_array_get(turns, 0), "state"), "done");
    assert_int_equal(js_int_or(json_array_get(turns, 0), "created_at", 0), T / 1000);
    assert_string_equal(js_text(json_array_get(turns, 1), "message"), "and then?");
    assert_string_equal(js_text(json_array_get(turns, 1), "state"), "running");
    json_decref(list);
    turn_free(&second);
    turn_free(&third);
}

/* ---- the emitter ---- */

static void batches_and_cleans_text(void **state)
{
    (void)state;
    struct emitter emitter = {0};
    assert_int_equal(world_ask("hi", NULL, &turn), ERR_OK);
    assert_int_equal(emitter_open(&emitter, world.fixture.store, &turn, T), ERR_OK);
    assert_int_equal(emitter_text(&emitter, "a", 1, T + 1), ERR_OK); /* at once: it was quiet */
    for (int i = 0; i < 100; i++) {
        assert_int_equal(emitter_text(&emitter, "b", 1, T + 2), ERR_OK);
    }
    assert_int_equal(emitter.next, 3); /* turn, "a": the rest waits */
    assert_int_equal(emitter_text(&emitter, "c", 1, T + 1 + EVENT_FLUSH_MS), ERR_OK);
    assert_int_equal(emitter.next, 4);
    /* A character in pieces, a stray byte, a NUL, a surrogate, an end in the middle. */
    assert_int_equal(emitter_text(&emitter, "\xe2\x82", 2, T + 200), ERR_OK);
    assert_int_equal(emitter_text(&emitter, "\xac\xff", 2, T + 200), ERR_OK);
    assert_int_equal(emitter_text(&emitter, "\0\xed\xa0\x80", 4, T + 200), ERR_OK);
    assert_int_equal(emitter_text(&emitter, "\xf0\x9f", 2, T + 200), ERR_OK);
    assert_int_equal(emitter_text(&emitter, "x", 1, T + 200), ERR_OK);
    assert_int_equal(emitter_flush(&emitter, T + 200), ERR_OK);
    assert_int_equal(emitter_flush(&emitter, T + 200), ERR_OK); /* nothing more: no event */
    assert_non_null(strstr(world_events(&turn),
                           "{\"delta\":\"\xe2\x82\xac\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
                           "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx\"}"));
    emitter_free(&emitter);
}

static void continues_after_what_was_told(void **state)
{
    (void)state;
    struct emitter emitter = {0};
    assert_int_equal(world_ask("hi", NULL, &turn), ERR_OK);
    turn.call_count = 1;
    turn.calls[0].call.arguments = json_object();
    turn.calls[0].call.echo = json_object();
    assert_int_equal(emitter_open(&emitter, world.fixture.store, &turn, T), ERR_OK);
    assert_int_equal(
        emitter_event(&emitter, "action", json_pack("{s:s}", "status", "started"), 0, T), ERR_OK);
    assert_int_equal(emitter_event(&emitter, "approval", json_object(), 0, T), ERR_OK);
    assert_int_equal(emitter_text(&emitter, "told", 4, T), ERR_OK);
    assert_int_equal(emitter_flush(&emitter, T), ERR_OK);
    emitter_free(&emitter); /* the worker dies before the turn is written */

    assert_int_equal(emitter_open(&emitter, world.fixture.store, &turn, T), ERR_OK);
    assert_int_equal(emitter.next, 5);
    assert_string_equal(turn.calls[0].shown, "started");
    assert_true(turn.calls[0].told);
    assert_string_equal(buf_str(&emitter.before), "told");
    emitter_free(&emitter);
}

static void numbers_taken_are_passed_over(void **state)
{
    (void)state;
    struct emitter emitter = {0};
    json_t *data = json_pack("{s:s}", "delta", "late");
    assert_int_equal(world_ask("hi", NULL, &turn), ERR_OK);
    assert_int_equal(emitter_open(&emitter, world.fixture.store, &turn, T), ERR_OK);
    assert_int_equal(turn_event_put(world.fixture.store, &turn, 2, "text", data, -1, T), ERR_OK);
    assert_int_equal(turn_event_put(world.fixture.store, &turn, 2, "text", data, -1, T),
                     ERR_CONFLICT);
    assert_int_equal(emitter_event(&emitter, "action", json_object(), -1, T), ERR_OK);
    assert_int_equal(emitter.next, 4);
    json_decref(data);
    emitter_free(&emitter);
}

/* Bytes of events are flipped in the database: the turn and its reader still find their end. */
static void a_damaged_event_is_passed_over(void **state)
{
    (void)state;
    static const struct model_step plan[] = {{.text = "Hello"}};
    struct emitter emitter = {0};
    struct stream stream = {0};
    struct buf out = buf_make(1 << 20);
    bool done = false;
    msec due = 0;
    world.steps = plan;
    world.step_count = 1;
    assert_int_equal(world_ask("hi", NULL, &turn), ERR_OK);
    assert_int_equal(emitter_open(&emitter, world.fixture.store, &turn, T), ERR_OK);
    assert_int_equal(emitter_event(&emitter, "action", json_object(), -1, T), ERR_OK);
    emitter_free(&emitter);
    char sql[200];
    (void)snprintf(sql, sizeof sql,
                   "UPDATE record SET sealed = zeroblob(length(sealed)) "
                   "WHERE kind = %d",
                   KIND_TURN_EVENT);
    fixture_sql(&world.fixture, sql);
    assert_int_equal(world_advance(&turn, &due), ERR_OK);
    assert_int_equal(turn_stream_new(world.fixture.store, &world.advance.limits, &world.session,
                                     turn.id, 0, &stream),
                     ERR_OK);
    assert_int_equal(stream.next(stream.state, T, &out, &done), ERR_OK);
    assert_true(done);
    assert_string_equal(buf_str(&out), "id: 3\nevent: text\ndata: {\"delta\":\"Hello\"}\n\n"
                                       "id: 4\nevent: done\ndata: {}\n\n");
    stream.free(stream.state);
    buf_free(&out);
}

static void events_have_an_end(void **state)
{
    (void)state;
    struct emitter emitter = {0};
    enum err err = ERR_OK;
    msec now = T;
    size_t said = 0;
    assert_int_equal(world_ask("hi", NULL, &turn), ERR_OK);
    assert_int_equal(emitter_open(&emitter, world.fixture.store, &turn, now), ERR_OK);
    while (err == ERR_OK && said < 5000) { /* a model that trickles for hours */
        now += 2000;
        err = emitter_text(&emitter, ".", 1, now);
        said++;
    }
    assert_int_equal(err, ERR_LIMIT);
    assert_int_equal(emitter.next, EVENTS_TEXT_MAX + 1);
    emitter_free(&emitter);
}

/* ---- the stream ---- */

static enum err look(struct stream *stream, msec now, struct buf *out, bool *done)
{
    buf_reset(out);
    *done = false;
    return stream->next(stream->state, now, out, done);
}

static void a_stream_follows_and_goes_on(void **state)
{
    (void)state;
    static const struct model_step plan[] = {{.text = "Hello"}};
    struct stream stream = {0};
    struct buf out = buf_make(1 << 20);
    bool done = false;
    msec due = 0;
    world.steps = plan;
    world.step_count = 1;
    assert_int_equal(world_ask("hi", NULL, &turn), ERR_OK);
    assert_int_equal(turn_stream_new(world.fixture.store, &world.advance.limits, &world.session,
                                     turn.id, 0, &stream),
                     ERR_OK);
    assert_int_equal(look(&stream, T, &out, &done), ERR_OK);
    assert_int_equal(out.len, 0);
    assert_false(done);
    assert_int_equal(world_advance(&turn, &due), ERR_OK);
    assert_int_equal(look(&stream, T + 1, &out, &done), ERR_OK);
    assert_true(text_starts(buf_str(&out), "id: 1\nevent: turn\ndata: {\"turn\":\""));
    assert_non_null(strstr(buf_str(&out), "id: 2\nevent: text\ndata: {\"delta\":\"Hello\"}\n\n"
                                          "id: 3\nevent: done\ndata: {}\n\n"));
    assert_true(done);
    stream.free(stream.state);
    /* After the second event; after the last; after more than there is. */
    static const struct {
        uint64_t after;
        const char *frames;
    } cases[] = {{2, "id: 3\nevent: done\ndata: {}\n\n"},
                 {3, ""},
                 {1000, "id: 1001\nevent: done\ndata: {}\n\n"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(turn_stream_new(world.fixture.store, &world.advance.limits, &world.session,
                                         turn.id, cases[i].after, &stream),
                         ERR_OK);
        assert_int_equal(look(&stream, T, &out, &done), ERR_OK);
        assert_string_equal(buf_str(&out), cases[i].frames);
        assert_true(done);
        stream.free(stream.state);
    }
    buf_free(&out);
}

/* Killed between the record and its last event: the reader makes the event from the record. */
static void a_missing_last_event_is_made(void **state)
{
    (void)state;
    static const struct model_step plan[] = {{.err = ERR_DENIED}};
    struct stream stream = {0};
    struct buf out = buf_make(1 << 20);
    bool done = false;
    msec due = 0;
    world.steps = plan;
    world.step_count = 1;
    assert_int_equal(world_ask("hi", NULL, &turn), ERR_OK);
    assert_int_equal(world_advance(&turn, &due), ERR_OK);
    uint8_t id[RECORD_ID_SIZE];
    struct record_list events = {0};
    mark_turn(turn.id, id);
    assert_int_equal(record_by_second(world.fixture.store, KIND_TURN_EVENT, id, T, 10, &events),
                     ERR_OK);
    assert_int_equal(events.count, 2);
    for (size_t i = 0; i < events.count; i++) {
        if (strstr(events.records[i].payload, "\"error\"") != NULL) {
            assert_int_equal(
                record_delete(world.fixture.store, KIND_TURN_EVENT, events.records[i].id), ERR_OK);
        }
    }
    record_list_free(&events);
    assert_int_equal(turn_stream_new(world.fixture.store, &world.advance.limits, &world.session,
                                     turn.id, 1, &stream),
                     ERR_OK);
    assert_int_equal(look(&stream, T, &out, &done), ERR_OK);
    assert_true(text_starts(buf_str(&out),
                            "id: 2\nevent: error\ndata: {\"code\":\"agent_refused\",\"message\":"));
    assert_true(done);
    stream.free(stream.state);
    buf_free(&out);
}

/* A worker that was late put text where the last event belongs: the page must still see an end. */
static void a_last_event_without_its_number_is_made(void **state)
{
    (void)state;
    struct turn_hold *hold = NULL;
    struct stream stream = {0};
    struct buf out = buf_make(1 << 20);
    uint8_t id[RECORD_ID_SIZE];
    bool done = false;
    assert_int_equal(world_ask("hi", NULL, &turn), ERR_OK);
    mark_turn(turn.id, id);
    assert_int_equal(hold_take(world.fixture.store, id, turn.version, T, &hold), ERR_OK);
    json_t *data = json_pack("{s:s}", "delta", "late");
    assert_int_equal(turn_event_put(world.fixture.store, &turn, 2, "text", data, -1, T), ERR_OK);
    json_decref(data);
    assert_int_equal(hold_finish(hold, TURN_ERROR, "timeout", T), ERR_OK);
    hold_free(hold);
    assert_int_equal(turn_stream_new(world.fixture.store, &world.advance.limits, &world.session,
                                     turn.id, 0, &stream),
                     ERR_OK);
    assert_int_equal(look(&stream, T, &out, &done), ERR_OK);
    assert_int_equal(look(&stream, T + 1, &out, &done), ERR_OK);
    assert_non_null(strstr(buf_str(&out), "id: 3\nevent: error\ndata: {\"code\":\"timeout\""));
    assert_true(done);
    stream.free(stream.state);
    buf_free(&out);
}

/* ---- two workers on one turn ---- */

static void a_worker_past_its_lease_tells_nothing(void **state)
{
    (void)state;
    struct turn_hold *late = NULL;
    struct turn_hold *next = NULL;
    uint8_t id[RECORD_ID_SIZE];
    assert_int_equal(world_ask("hi", NULL, &turn), ERR_OK);
    mark_turn(turn.id, id);
    assert_int_equal(hold_take(world.fixture.store, id, turn.version, T, &late), ERR_OK);
    world_now += TURN_LEASE + 1;
    assert_int_equal(hold_take(world.fixture.store, id, 0, world_now, &next), ERR_OK);
    assert_int_equal(hold_text(late, "late", 4, world_now), ERR_CONFLICT);
    assert_int_equal(hold_event(late, "action", json_object(), 0, world_now), ERR_CONFLICT);
    assert_int_equal(hold_flush(late, world_now), ERR_CONFLICT);
    assert_int_equal(hold_finish(late, TURN_DONE, "", world_now), ERR_CONFLICT);
    assert_true(hold_is_lost(late));
    assert_int_equal(hold_text(next, "mine", 4, world_now), ERR_OK);
    assert_int_equal(hold_finish(next, TURN_DONE, "", world_now), ERR_OK);
    assert_null(strstr(world_events(&turn), "late"));
    assert_non_null(strstr(world_events(&turn), "mine"));
    hold_free(late);
    hold_free(next);
}

static void a_late_worker_alone_goes_on(void **state)
{
    (void)state;
    struct turn_hold *hold = NULL;
    struct turn_hold *other = NULL;
    uint8_t id[RECORD_ID_SIZE];
    assert_int_equal(world_ask("hi", NULL, &turn), ERR_OK);
    mark_turn(turn.id, id);
    assert_int_equal(hold_take(world.fixture.store, id, turn.version, T, &hold), ERR_OK);
    world_now += TURN_LEASE + 1;
    assert_int_equal(hold_text(hold, "here", 4, world_now), ERR_OK);
    assert_int_equal(hold_take(world.fixture.store, id, 0, world_now, &other), ERR_NONE);
    assert_int_equal(hold_finish(hold, TURN_DONE, "", world_now), ERR_OK);
    hold_free(hold);
    assert_non_null(strstr(world_events(&turn), "here"));
}

static void a_silent_model_has_its_words_shown(void **state)
{
    (void)state;
    struct turn_hold *hold = NULL;
    uint8_t id[RECORD_ID_SIZE];
    assert_int_equal(world_ask("hi", NULL, &turn), ERR_OK);
    mark_turn(turn.id, id);
    assert_int_equal(hold_take(world.fixture.store, id, turn.version, T, &hold), ERR_OK);
    assert_int_equal(hold_text(hold, "one ", 4, T), ERR_OK);
    hold_set_in_step(hold, true);
    assert_int_equal(hold_text(hold, "two", 3, T + 1), ERR_OK);
    assert_null(strstr(world_events(&turn), "two"));
    hold_keep(hold, T + 1000);
    assert_non_null(strstr(world_events(&turn), "two"));
    hold_free(hold);
}

static void a_stream_ends_with_its_session(void **state)
{
    (void)state;
    struct stream stream = {0};
    struct buf out = buf_make(1 << 20);
    bool done = false;
    assert_int_equal(world_ask("hi", NULL, &turn), ERR_OK);
    assert_int_equal(turn_stream_new(world.fixture.store, &world.advance.limits, &world.session,
                                     turn.id, 0, &stream),
                     ERR_OK);
    assert_int_equal(look(&stream, T, &out, &done), ERR_OK);
    assert_false(done);
    assert_int_equal(session_end(world.fixture.store, world.session.id), ERR_OK);
    assert_int_equal(look(&stream, T + TURN_STREAM_SESSION_MS, &out, &done), ERR_OK);
    assert_true(done);
    assert_int_equal(out.len, 0);
    stream.free(stream.state);
    buf_free(&out);
}

static int set_up(void **state)
{
    memset(&turn, 0, sizeof turn);
    return world_setup(state);
}

static int tear_down(void **state)
{
    turn_free(&turn);
    return world_teardown(state);
}

#define TEST(name, function)                                                                       \
    {                                                                                              \
        name, function, set_up, tear_down, NULL                                                    \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("a turn survives its JSON", survives_its_json),
        TEST("damaged JSON is no turn", damaged_json_is_no_turn),
        TEST("messages are 1 to 4000 characters of UTF-8", messages_are_checked),
        TEST("row 43: three turns of a person run at once, one of a conversation",
             a_few_run_at_once),
        TEST("row 43: the limit holds when many ask at once", limits_hold_under_a_race),
        TEST("row 43: short turns do not hide a long one", short_turns_do_not_hide_a_long_one),
        TEST("row 54: a repeated key is the same turn, of that person only",
             a_repeated_key_is_the_same_turn),
        TEST("one key in many requests at once is one turn", one_key_at_once_is_one_turn),
        TEST("keys are 16 to 64 plain characters", keys_are_checked),
        TEST("row 54: another person's turn and conversation are not there",
             other_peoples_are_not_there),
        TEST("conversations are listed, the newest first", conversations_are_listed),
        TEST("row 51: text is batched, and bytes that are no text are replaced",
             batches_and_cleans_text),
        TEST("a new worker continues after what was told", continues_after_what_was_told),
        TEST("numbers that are taken are passed over", numbers_taken_are_passed_over),
        TEST("row 31: a damaged event is passed over", a_damaged_event_is_passed_over),
        TEST("row 53: events have an end", events_have_an_end),
        TEST("row 75: a stream follows, and goes on after Last-Event-ID",
             a_stream_follows_and_goes_on),
        TEST("a last event that was never written is made", a_missing_last_event_is_made),
        TEST("a last event whose number was taken is made",
             a_last_event_without_its_number_is_made),
        TEST("row 69: a worker past its lease tells nothing",
             a_worker_past_its_lease_tells_nothing),
        TEST("a worker past its lease goes on when nobody else came", a_late_worker_alone_goes_on),
        TEST("what a model said before it fell silent is shown",
             a_silent_model_has_its_words_shown),
        TEST("row 75: a stream ends with its session", a_stream_ends_with_its_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
