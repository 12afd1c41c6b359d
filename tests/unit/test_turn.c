/* The records of turns and conversations: what is kept, listed, and shown to whom. */
#include "turn_fixture.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("a turn survives its JSON", survives_its_json),
        TEST("damaged JSON is no turn", damaged_json_is_no_turn),
        TEST("messages are 1 to 4000 characters of UTF-8", messages_are_checked),
        TEST("row 54: another person's turn and conversation are not there",
             other_peoples_are_not_there),
        TEST("conversations are listed, the newest first", conversations_are_listed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
