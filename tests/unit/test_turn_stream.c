/* The stream that shows a turn: it follows, goes on, and always comes to an end. */
#include "agent/turn_hold.h"
#include "agent/turn_stream.h"
#include "catalogue/marks.h"
#include "turn_fixture.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("row 75: a stream follows, and goes on after Last-Event-ID",
             a_stream_follows_and_goes_on),
        TEST("a last event that was never written is made", a_missing_last_event_is_made),
        TEST("a last event whose number was taken is made",
             a_last_event_without_its_number_is_made),
        TEST("row 75: a stream ends with its session", a_stream_ends_with_its_session),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
