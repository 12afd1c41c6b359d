/* Asking for a turn: how many run at once, and a repeated key, also when many ask at once. */
#include "crypto/random.h"
#include "turn_fixture.h"

#include <pthread.h>

#define KEY "0123456789abcdef0123456789abcdef"

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

/* ---- one after another ---- */

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("row 43: three turns of a person run at once, one of a conversation",
             a_few_run_at_once),
        TEST("row 43: the limit holds when many ask at once", limits_hold_under_a_race),
        TEST("row 43: short turns do not hide a long one", short_turns_do_not_hide_a_long_one),
        TEST("row 54: a repeated key is the same turn, of that person only",
             a_repeated_key_is_the_same_turn),
        TEST("one key in many requests at once is one turn", one_key_at_once_is_one_turn),
        TEST("keys are 16 to 64 plain characters", keys_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
