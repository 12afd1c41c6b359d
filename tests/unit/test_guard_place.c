/* What the guard holds, an approval's place and an act's mark: given back by the holder alone. */
#include "guard_fixture.h"

static bool usurped;

static void lease_id(struct world *w, uint8_t id[RECORD_ID_SIZE])
{
    mark_act(w->session.person.owner, "reset_password", "00ubob00000000001234", "", id);
}

static void put_lease(struct world *w, const uint8_t id[RECORD_ID_SIZE], const char *holder)
{
    struct record lease = {.kind = KIND_LEASE, .expires_at = test_now + HOURS(1)};

    memcpy(lease.id, id, RECORD_ID_SIZE);
    assert_int_equal(text_dup(holder, &lease.payload), ERR_OK);
    lease.payload_len = strlen(holder);
    assert_int_equal(record_put(w->store.store, &lease, test_now), ERR_OK);
    record_free(&lease);
}

static void expect_holder(struct world *w, const uint8_t id[RECORD_ID_SIZE], const char *holder)
{
    struct record lease;

    assert_int_equal(record_get(w->store.store, KIND_LEASE, id, test_now, &lease), ERR_OK);
    assert_string_equal(lease.payload, holder);
    record_free(&lease);
}

static void free_in_the_last_seconds(void **state)
{
    struct world *w = *state;
    struct action_answer answer;
    struct record lease;
    uint8_t place[RECORD_ID_SIZE];

    push_to_phone(w, "c1", &answer);
    mark_approval_place(w->session.person.owner, place);
    assert_int_equal(record_get(w->store.store, KIND_LEASE, place, test_now, &lease), ERR_OK);
    test_now += SECONDS(5);
    lease.expires_at = test_now + SECONDS(1);
    assert_int_equal(record_replace(w->store.store, &lease, test_now), ERR_OK);
    record_free(&lease);
    op_error(w, "access_denied");
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    assert_int_equal(record_exists(w->store.store, KIND_LEASE, place, test_now), ERR_NONE);
}

static void place_of_another_stays(void **state)
{
    struct world *w = *state;
    struct action_answer answer;
    uint8_t place[RECORD_ID_SIZE];

    push_to_phone(w, "c1", &answer);
    mark_approval_place(w->session.person.owner, place);
    assert_int_equal(record_delete(w->store.store, KIND_LEASE, place), ERR_OK);
    put_lease(w, place, "another");
    op_error(w, "access_denied");
    test_now += SECONDS(5);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_holder(w, place, "another");
}

/* As soon as the act's mark is there, it is someone else's. */
static void usurp(struct world *w)
{
    uint8_t id[RECORD_ID_SIZE];

    lease_id(w, id);
    usurped = record_delete(w->store.store, KIND_LEASE, id) == ERR_OK;
    if (usurped) {
        put_lease(w, id, "another");
    } else {
        hook = usurp;
        hook_after = 1;
    }
}

static void mark_of_another_stays(void **state)
{
    struct world *w = *state;
    struct action_answer answer;
    uint8_t id[RECORD_ID_SIZE];

    push_to_phone(w, "c1", &answer);
    approve_and_let_act(w);
    test_now += SECONDS(5);
    usurped = false;
    hook_world = w;
    hook = usurp;
    hook_after = 1;
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    hook = NULL;
    assert_true(usurped);
    expect_state(&answer, OUTCOME_DONE, "done");
    lease_id(w, id);
    expect_holder(w, id, "another");
}

static void own_mark_goes(void **state)
{
    struct world *w = *state;
    struct action_answer answer;
    uint8_t id[RECORD_ID_SIZE];

    push_to_phone(w, "c1", &answer);
    approve_and_let_act(w);
    test_now += SECONDS(5);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_DONE, "done");
    lease_id(w, id);
    assert_int_equal(record_exists(w->store.store, KIND_LEASE, id, test_now), ERR_NONE);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        IN_WORKSHOP("a place is free at once even in its last seconds", free_in_the_last_seconds),
        IN_WORKSHOP("a place that went to another stays taken", place_of_another_stays),
        IN_WORKSHOP("an act's mark that went to another stays", mark_of_another_stays),
        IN_WORKSHOP("a finished act's own mark goes", own_mark_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
