/* The invocation record: its edges, its payload, compare-and-swap, settling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "guard/invocation.h"
#include "guard/invocation_json.h"
#include "guard/reason.h"
#include "store_fixture.h"

/* Every edge there is, once more and by hand: the table in the product is compared with this. */
static const char *const allowed[] = {
    "proposed>waiting_click", "proposed>waiting_place",  "proposed>sending",
    "proposed>executing",     "proposed>denied",         "proposed>failed",
    "proposed>expired",       "proposed>cancelled",      "waiting_click>waiting_place",
    "waiting_click>sending",  "waiting_click>denied",    "waiting_click>failed",
    "waiting_click>expired",  "waiting_click>cancelled", "waiting_place>waiting_click",
    "waiting_place>sending",  "waiting_place>denied",    "waiting_place>failed",
    "waiting_place>expired",  "waiting_place>cancelled", "sending>waiting",
    "sending>denied",         "sending>failed",          "sending>expired",
    "sending>cancelled",      "waiting>approved",        "waiting>denied",
    "waiting>failed",         "waiting>expired",         "waiting>cancelled",
    "approved>executing",     "approved>denied",         "approved>failed",
    "approved>expired",       "approved>cancelled",      "executing>done",
    "executing>failed",       "executing>unknown",
};

static bool listed(const char *edge)
{
    for (size_t i = 0; i < COUNT(allowed); i++) {
        if (strcmp(allowed[i], edge) == 0) {
            return true;
        }
    }
    return false;
}

static void every_edge(void **state)
{
    size_t found = 0;

    (void)state;
    for (int from = 0; from < INVOCATION_STATE_COUNT; from++) {
        for (int to = 0; to < INVOCATION_STATE_COUNT; to++) {
            struct invocation invocation = {.state = (enum invocation_state)from};
            struct buf edge = buf_make(64);
            bool may;

            buf_addf(&edge, "%s>%s", invocation_state_name((enum invocation_state)from),
                     invocation_state_name((enum invocation_state)to));
            may = invocation_may_move((enum invocation_state)from, (enum invocation_state)to);
            if (may != listed(buf_str(&edge))) {
                fail_msg("%s is %s", buf_str(&edge), may ? "allowed" : "refused");
            }
            found += may;
            assert_int_equal(invocation_move(&invocation, (enum invocation_state)to, "r"),
                             may ? ERR_OK : ERR_DENIED);
            assert_int_equal(invocation.state, may ? to : from);
            assert_string_equal(invocation.reason, may ? "r" : "");
            buf_free(&edge);
        }
    }
    assert_int_equal(found, COUNT(allowed));
}

static void nothing_leaves_a_final_state(void **state)
{
    static const char *const finals[] = {"done",   "failed",  "unknown",
                                         "denied", "expired", "cancelled"};
    size_t count = 0;

    (void)state;
    for (int from = 0; from < INVOCATION_STATE_COUNT; from++) {
        bool final = false;

        for (size_t i = 0; i < COUNT(finals); i++) {
            final =
                final || strcmp(finals[i], invocation_state_name((enum invocation_state)from)) == 0;
        }
        assert_int_equal(invocation_is_final((enum invocation_state)from), final);
        count += final;
        for (int to = 0; final && to < INVOCATION_STATE_COUNT; to++) {
            assert_false(
                invocation_may_move((enum invocation_state)from, (enum invocation_state)to));
        }
    }
    assert_int_equal(count, COUNT(finals));
    assert_true(invocation_is_final(INVOCATION_STATE_COUNT));
    assert_false(invocation_may_move(INVOCATION_STATE_COUNT, INVOCATION_DONE));
    assert_false(invocation_may_move(INVOCATION_APPROVED, INVOCATION_STATE_COUNT));
}

static struct invocation sample(const char *call_id)
{
    struct invocation invocation = {
        .state = INVOCATION_WAITING,
        .turn = "turn-1",
        .agent = "AGENT",
        .group = "CIBAAuthentication",
        .action = "reset_password",
        .sentence = "please reset bob's password \xe2\x82\xac",
        .user = {"00ubob", "bob@example.test", "bob@example.test", "ACTIVE"},
        .target_group = {"00g1", "Büro", "OKTA_GROUP"},
        .digest = "d1",
        .phrase = "K7QX.RESET-PW.bob_at_example.test",
        .auth_req_id = "req",
        .created_at = T,
        .requested_at = T + 1,
        .deadline = T + MINUTES(5),
        .poll_at = T + 2,
        .interval = SECONDS(5),
        .lease_until = T + 3,
        .clicked = true,
        .polling = true,
        .reason = "r",
        .result = "x",
    };

    assert_int_equal(person_new("https://op.test/", "oidc|Okta|00ualice", "alice@example.test",
                                true, "Alice", &invocation.person),
                     ERR_OK);
    memset(invocation.session, 'b', 64);
    assert_int_equal(text_copy(invocation.call_id, sizeof invocation.call_id, call_id), ERR_OK);
    invocation_id(invocation.person.owner, invocation.turn, call_id, invocation.id);
    invocation.arguments = json_pack("{s:s}", "user_email", "bob@example.test");
    invocation.authorization_details = json_pack("[{s:s}]", "type", "urn:x");
    return invocation;
}

static void ids_are_of_owner_turn_and_call(void **state)
{
    uint8_t a[RECORD_ID_SIZE] = {1}, b[RECORD_ID_SIZE] = {2};
    char one[INVOCATION_ID_SIZE], other[INVOCATION_ID_SIZE];

    (void)state;
    invocation_id(a, "t", "c", one);
    invocation_id(a, "t", "c", other);
    assert_string_equal(one, other);
    assert_true(
        text_of(one, 43, 43, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"));
    invocation_id(b, "t", "c", other);
    assert_string_not_equal(one, other);
    invocation_id(a, "tc", "", other);
    assert_string_not_equal(one, other);
    invocation_id(a, "", "tc", other);
    assert_string_not_equal(one, other);
}

static void what_is_saved_is_read(void **state)
{
    const struct fixture *fixture = *state;
    struct invocation invocation = sample("c1"), read;

    assert_int_equal(invocation_put(fixture->store, &invocation, T), ERR_OK);
    assert_int_equal(invocation_get(fixture->store, invocation.id, T, &read), ERR_OK);
#define SAME_TEXT(member) assert_string_equal(read.member, invocation.member)
    SAME_TEXT(id);
    SAME_TEXT(session);
    SAME_TEXT(turn);
    SAME_TEXT(agent);
    SAME_TEXT(group);
    SAME_TEXT(action);
    SAME_TEXT(call_id);
    SAME_TEXT(sentence);
    SAME_TEXT(user.id);
    SAME_TEXT(user.login);
    SAME_TEXT(user.email);
    SAME_TEXT(user.status);
    SAME_TEXT(target_group.id);
    SAME_TEXT(target_group.name);
    SAME_TEXT(target_group.type);
    SAME_TEXT(digest);
    SAME_TEXT(phrase);
    SAME_TEXT(auth_req_id);
    SAME_TEXT(reason);
    SAME_TEXT(result);
    SAME_TEXT(person.iss);
    SAME_TEXT(person.sub);
    SAME_TEXT(person.email);
    assert_true(read.person.email_verified);
    assert_memory_equal(read.person.owner, invocation.person.owner, RECORD_ID_SIZE);
    assert_int_equal(read.state, INVOCATION_WAITING);
    assert_true(json_equal(read.arguments, invocation.arguments));
    assert_true(json_equal(read.authorization_details, invocation.authorization_details));
    assert_true(read.created_at == T && read.updated_at == T && read.requested_at == T + 1);
    assert_true(read.deadline == T + MINUTES(5) && read.poll_at == T + 2);
    assert_true(read.interval == SECONDS(5) && read.lease_until == T + 3);
    assert_true(read.clicked && read.polling);
    assert_false(read.acknowledged || read.told || read.consumed);
    assert_int_equal(read.version, invocation.version);
    invocation_free(&read);
    assert_int_equal(invocation_get(fixture->store, "nobody", T, &read), ERR_NONE);
    assert_int_equal(invocation_get(fixture->store, invocation.id, T + INVOCATION_KEPT, &read),
                     ERR_NONE);
    assert_int_equal(invocation_put(fixture->store, &invocation, T), ERR_CONFLICT);
    invocation_free(&invocation);
}

static void one_of_two_writers_wins(void **state)
{
    const struct fixture *fixture = *state;
    struct invocation invocation = sample("c1"), one, two;

    assert_int_equal(invocation_put(fixture->store, &invocation, T), ERR_OK);
    assert_int_equal(invocation_get(fixture->store, invocation.id, T, &one), ERR_OK);
    assert_int_equal(invocation_get(fixture->store, invocation.id, T, &two), ERR_OK);
    assert_int_equal(invocation_move(&one, INVOCATION_APPROVED, ""), ERR_OK);
    assert_int_equal(invocation_move(&two, INVOCATION_CANCELLED, "cancelled"), ERR_OK);
    assert_int_equal(invocation_save(fixture->store, &two, T), ERR_OK);
    assert_int_equal(invocation_save(fixture->store, &one, T), ERR_CONFLICT);
    invocation_free(&one);
    assert_int_equal(invocation_get(fixture->store, invocation.id, T, &one), ERR_OK);
    assert_int_equal(one.state, INVOCATION_CANCELLED);
    invocation_free(&one);
    invocation_free(&two);
    invocation_free(&invocation);
}

/* One record in that state, settled at now. */
static void settles(const struct fixture *fixture, const char *call, enum invocation_state from,
                    msec now, enum invocation_state expected, const char *reason)
{
    struct invocation invocation = sample(call), read;

    invocation.state = from;
    invocation.lease_until = T + SECONDS(30);
    invocation.reason[0] = '\0';
    assert_int_equal(invocation_put(fixture->store, &invocation, T), ERR_OK);
    assert_int_equal(invocation_settle(fixture->store, &invocation, now), ERR_OK);
    assert_string_equal(invocation_state_name(invocation.state), invocation_state_name(expected));
    assert_int_equal(invocation_get(fixture->store, invocation.id, now, &read), ERR_OK);
    assert_int_equal(read.state, expected);
    assert_string_equal(read.reason, reason);
    invocation_free(&read);
    invocation_free(&invocation);
}

static void row_48_time_settles_what_nobody_does(void **state)
{
    const struct fixture *fixture = *state;
    msec lease = T + SECONDS(30), deadline = T + MINUTES(5);

    settles(fixture, "1", INVOCATION_EXECUTING, lease - 1, INVOCATION_EXECUTING, "");
    settles(fixture, "2", INVOCATION_EXECUTING, lease, INVOCATION_UNKNOWN, "no_answer");
    settles(fixture, "3", INVOCATION_EXECUTING, deadline, INVOCATION_UNKNOWN, "no_answer");
    settles(fixture, "4", INVOCATION_SENDING, lease - 1, INVOCATION_SENDING, "");
    settles(fixture, "5", INVOCATION_SENDING, lease, INVOCATION_FAILED, "push_unknown");
    settles(fixture, "6", INVOCATION_WAITING, deadline - 1, INVOCATION_WAITING, "");
    settles(fixture, "7", INVOCATION_WAITING, deadline, INVOCATION_EXPIRED, "expired");
    settles(fixture, "8", INVOCATION_APPROVED, deadline, INVOCATION_EXPIRED, "too_late");
    settles(fixture, "9", INVOCATION_PROPOSED, deadline, INVOCATION_EXPIRED, "expired");
    settles(fixture, "10", INVOCATION_WAITING_CLICK, deadline, INVOCATION_EXPIRED, "no_click");
    settles(fixture, "11", INVOCATION_WAITING_PLACE, deadline, INVOCATION_EXPIRED, "no_place");
    settles(fixture, "12", INVOCATION_DONE, deadline, INVOCATION_DONE, "");
    settles(fixture, "13", INVOCATION_CANCELLED, deadline, INVOCATION_CANCELLED, "");
}

static void a_lost_settling_is_a_conflict(void **state)
{
    const struct fixture *fixture = *state;
    struct invocation invocation = sample("c1"), other;

    assert_int_equal(invocation_put(fixture->store, &invocation, T), ERR_OK);
    assert_int_equal(invocation_get(fixture->store, invocation.id, T, &other), ERR_OK);
    assert_int_equal(invocation_move(&other, INVOCATION_APPROVED, ""), ERR_OK);
    assert_int_equal(invocation_save(fixture->store, &other, T), ERR_OK);
    assert_int_equal(invocation_settle(fixture->store, &invocation, T + HOURS(1)), ERR_CONFLICT);
    invocation_free(&other);
    invocation_free(&invocation);
}

static void lists_hold_ones_own(void **state)
{
    const struct fixture *fixture = *state;
    struct invocation_list list;

    for (int i = 0; i < 3; i++) {
        char call[2] = {(char)('a' + i), '\0'};
        struct invocation invocation = sample(call);

        invocation.created_at = T + i;
        if (i == 2) {
            assert_int_equal(text_copy(invocation.turn, sizeof invocation.turn, "turn-2"), ERR_OK);
        }
        assert_int_equal(invocation_put(fixture->store, &invocation, T), ERR_OK);
        invocation_free(&invocation);
    }
    struct invocation mine = sample("x");
    assert_int_equal(invocation_by_owner(fixture->store, mine.person.owner, T, 10, &list), ERR_OK);
    assert_int_equal(list.count, 3);
    assert_string_equal(list.items[0].call_id, "c");
    assert_string_equal(list.items[2].call_id, "a");
    invocation_list_free(&list);
    assert_int_equal(invocation_by_owner(fixture->store, mine.person.owner, T, 2, &list), ERR_OK);
    assert_int_equal(list.count, 2);
    invocation_list_free(&list);
    assert_int_equal(invocation_by_turn(fixture->store, "turn-1", T, 10, &list), ERR_OK);
    assert_int_equal(list.count, 2);
    invocation_list_free(&list);
    mine.person.owner[0] ^= 1;
    assert_int_equal(invocation_by_owner(fixture->store, mine.person.owner, T, 10, &list), ERR_OK);
    assert_int_equal(list.count, 0);
    invocation_list_free(&list);
    invocation_free(&mine);
}

static void a_payload_of_another_form_is_refused(void **state)
{
    struct invocation invocation = sample("c1"), read;
    char *text;
    size_t len;
    static const char *const dropped[] = {"format",    "state",  "id",    "person",
                                          "arguments", "digest", "reason"};

    (void)state;
    assert_int_equal(invocation_to_text(&invocation, &text, &len), ERR_OK);
    assert_int_equal(invocation_from_text(text, len, &read), ERR_OK);
    invocation_free(&read);
    for (size_t i = 0; i < COUNT(dropped); i++) {
        json_t *object = json_loadb(text, len, 0, NULL);
        char *without;

        assert_int_equal(json_object_del(object, dropped[i]), 0);
        without = json_dumps(object, 0);
        assert_int_equal(invocation_from_text(without, strlen(without), &read), ERR_FORGED);
        free(without);
        json_decref(object);
    }
    assert_int_equal(invocation_from_text("{}", 2, &read), ERR_FORGED);
    free(text);
    invocation_free(&invocation);
}

static void every_end_has_its_sentence(void **state)
{
    struct invocation denied = {.state = INVOCATION_DENIED, .reason = "not_permitted"};
    struct invocation odd = {.state = INVOCATION_FAILED, .reason = "no such code"};

    (void)state;
    assert_string_equal(reason_text(&denied),
                        "You are not permitted to do this, or there is no such account.");
    assert_string_equal(reason_text(&odd), "Nothing was done.");
    for (int s = 0; s < INVOCATION_STATE_COUNT; s++) {
        struct invocation each = {.state = (enum invocation_state)s};

        assert_true(strlen(reason_text(&each)) > 4);
    }
}

int main(void)
{
#define WITH(name, test)                                                                           \
    {                                                                                              \
        name, test, fixture_setup, fixture_teardown, NULL                                          \
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_edge),
        cmocka_unit_test(nothing_leaves_a_final_state),
        cmocka_unit_test(ids_are_of_owner_turn_and_call),
        WITH("what is saved is read", what_is_saved_is_read),
        WITH("row 41: of two writers one wins, and the other's approval is void",
             one_of_two_writers_wins),
        WITH("row 48: time settles what a killed process left",
             row_48_time_settles_what_nobody_does),
        WITH("a lost settling is a conflict", a_lost_settling_is_a_conflict),
        WITH("lists hold one's own", lists_hold_ones_own),
        cmocka_unit_test(a_payload_of_another_form_is_refused),
        cmocka_unit_test(every_end_has_its_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
