/* The events of a turn: batched, cleaned, numbered, and bounded. */
#include "agent/turn_stream.h"
#include "turn_fixture.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("row 51: text is batched, and bytes that are no text are replaced",
             batches_and_cleans_text),
        TEST("a new worker continues after what was told", continues_after_what_was_told),
        TEST("numbers that are taken are passed over", numbers_taken_are_passed_over),
        TEST("row 31: a damaged event is passed over", a_damaged_event_is_passed_over),
        TEST("row 53: events have an end", events_have_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
