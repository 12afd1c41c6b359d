/* What a person is shown of invocations, and what the page may change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "catalogue/marks.h"
#include "guard/approval_view.h"
#include "store_fixture.h"

#define ISS "https://op.test/"
#define SUB "oidc|Okta|00ualice"

struct page {
    struct fixture store;
    struct session session;
    struct approval_view view;
};

static int open_page(void **state)
{
    static const uint8_t random[SESSION_RANDOM] = {3};
    struct page *page = calloc(1, sizeof *page);
    char token[SESSION_TOKEN_SIZE];
    struct person person;

    assert_non_null(page);
    fixture_open(&page->store);
    assert_int_equal(person_new(ISS, SUB, NULL, false, NULL, &person), ERR_OK);
    page->view = (struct approval_view){
        .store = page->store.store,
        .limits = session_limits(page->store.config),
        .profile = PROFILE_WORKSHOP,
        .now = T,
    };
    assert_int_equal(session_create(page->view.store, &page->view.limits, &person, "", "", T, T, T,
                                    random, token, &page->session),
                     ERR_OK);
    page->view.owner = page->session.person.owner;
    person_free(&person);
    *state = page;
    return 0;
}

static int close_page(void **state)
{
    struct page *page = *state;

    session_free(&page->session);
    fixture_close(&page->store);
    free(page);
    return 0;
}

/* One of that state, made `age` before now; its id in id. */
static void put(struct page *page, const char *call, const char *action, enum invocation_state to,
                msec age, char id[INVOCATION_ID_SIZE])
{
    struct invocation invocation = {
        .state = to,
        .turn = "turn-1",
        .group = "CIBAAuthentication",
        .created_at = T - age,
        .deadline = T + MINUTES(5),
        .lease_until = T + MINUTES(1),
        .phrase = "K7QX.RESET-PW.bob_at_example.test",
    };

    assert_int_equal(person_new(ISS, SUB, NULL, false, NULL, &invocation.person), ERR_OK);
    assert_int_equal(text_copy(invocation.action, sizeof invocation.action, action), ERR_OK);
    if (text_equal(action, "find_user")) {
        assert_int_equal(text_copy(invocation.group, sizeof invocation.group, "OktaOperations"),
                         ERR_OK);
    }
    hex_encode(page->session.id, RECORD_ID_SIZE, invocation.session);
    invocation_id(invocation.person.owner, "turn-1", call, invocation.id);
    memcpy(id, invocation.id, INVOCATION_ID_SIZE);
    invocation.arguments = json_object();
    assert_int_equal(invocation_put(page->view.store, &invocation, T), ERR_OK);
    invocation_free(&invocation);
}

static json_t *listed(struct page *page, bool actions)
{
    json_t *doc = NULL;

    assert_int_equal(
        actions ? approval_actions(&page->view, &doc) : approval_list(&page->view, &doc), ERR_OK);
    return doc;
}

static const json_t *find(const json_t *doc, const char *name, const char *id)
{
    const json_t *array = json_object_get(doc, name);

    for (size_t i = 0; i < json_array_size(array); i++) {
        if (text_equal(js_text(json_array_get(array, i), "id"), id)) {
            return json_array_get(array, i);
        }
    }
    return NULL;
}

static void what_is_open_is_never_pushed_out(void **state)
{
    struct page *page = *state;
    char unknown[INVOCATION_ID_SIZE], seen[INVOCATION_ID_SIZE], open[INVOCATION_ID_SIZE];
    char gone[INVOCATION_ID_SIZE], other[INVOCATION_ID_SIZE], call[16];
    struct invocation invocation;
    json_t *doc;

    put(page, "u", "reset_password", INVOCATION_UNKNOWN, HOURS(3), unknown);
    put(page, "s", "reset_password", INVOCATION_UNKNOWN, HOURS(3), seen);
    put(page, "o", "reset_password", INVOCATION_WAITING, HOURS(2), open);
    /* of a row that this profile does not offer any more */
    put(page, "g", "unlock_user", INVOCATION_UNKNOWN, HOURS(2), gone);
    for (int i = 0; i < 150; i++) {
        (void)snprintf(call, sizeof call, "c%d", i);
        put(page, call, "find_user", INVOCATION_DONE, i, other);
    }
    memset(&invocation, 0, sizeof invocation);
    assert_int_equal(approval_change(&page->view, seen, approval_acknowledge, &invocation), ERR_OK);
    invocation_free(&invocation);
    doc = listed(page, false);
    assert_int_equal(json_array_size(json_object_get(doc, "approvals")), 3);
    assert_non_null(find(doc, "approvals", unknown));
    assert_non_null(find(doc, "approvals", open));
    assert_non_null(find(doc, "approvals", gone));
    json_decref(doc);
    doc = listed(page, true);
    assert_int_equal(json_array_size(json_object_get(doc, "actions")), APPROVAL_ACTIONS_SHOWN + 3);
    assert_true(json_is_false(json_object_get(find(doc, "actions", unknown), "acknowledged")));
    assert_null(find(doc, "actions", seen));
    json_decref(doc);
    assert_int_equal(invocation_get(page->view.store, seen, T, &invocation), ERR_OK);
    assert_true(invocation.acknowledged);
    invocation_free(&invocation);
}

static void an_unreadable_one_is_passed_over(void **state)
{
    struct page *page = *state;
    char open[INVOCATION_ID_SIZE];
    struct record odd = {.kind = KIND_INVOCATION, .expires_at = T + HOURS(1)};
    json_t *doc;

    put(page, "o", "reset_password", INVOCATION_WAITING, 0, open);
    memset(odd.id, 9, sizeof odd.id);
    memcpy(odd.owner, page->view.owner, sizeof odd.owner);
    assert_int_equal(text_dup("{\"format\":99}", &odd.payload), ERR_OK);
    odd.payload_len = strlen(odd.payload);
    assert_int_equal(record_put(page->view.store, &odd, T), ERR_OK);
    record_free(&odd);
    doc = listed(page, false);
    assert_int_equal(json_array_size(json_object_get(doc, "approvals")), 1);
    json_decref(doc);
}

static void row_67_the_session_is_gone(void **state)
{
    struct page *page = *state;
    char open[INVOCATION_ID_SIZE], acting[INVOCATION_ID_SIZE];
    const json_t *card;
    struct invocation invocation;
    json_t *doc;

    put(page, "o", "reset_password", INVOCATION_WAITING, 0, open);
    put(page, "x", "reset_password", INVOCATION_EXECUTING, 0, acting);
    assert_int_equal(approval_load(&page->view, open, &invocation), ERR_OK);
    assert_int_equal(invocation.state, INVOCATION_WAITING);
    invocation_free(&invocation);
    assert_int_equal(session_end(page->view.store, page->session.id), ERR_OK);
    doc = listed(page, true);
    card = find(doc, "actions", open);
    assert_string_equal(js_text(card, "state"), "cancelled");
    assert_non_null(strstr(js_text(card, "message"), "session has ended"));
    /* what may have been sent is not called cancelled */
    assert_string_equal(js_text(find(doc, "actions", acting), "state"), "executing");
    json_decref(doc);
    assert_int_equal(invocation_get(page->view.store, open, T, &invocation), ERR_OK);
    assert_int_equal(invocation.state, INVOCATION_CANCELLED);
    assert_string_equal(invocation.reason, "session_ended");
    invocation_free(&invocation);
}

static void row_54_another_persons_is_not_there(void **state)
{
    struct page *page = *state;
    uint8_t eve[RECORD_ID_SIZE];
    struct approval_view view = page->view;
    struct invocation invocation = {0};
    char open[INVOCATION_ID_SIZE];

    put(page, "o", "reset_password", INVOCATION_WAITING, 0, open);
    person_owner(ISS, "oidc|Okta|00ueve", eve);
    view.owner = eve;
    assert_int_equal(approval_load(&view, open, &invocation), ERR_NONE);
    assert_int_equal(approval_change(&view, open, approval_cancel, &invocation), ERR_NONE);
    invocation_free(&invocation);
    assert_int_equal(approval_load(&view, "nobody", &invocation), ERR_NONE);
    assert_int_equal(approval_load(&page->view, open, &invocation), ERR_OK);
    assert_int_equal(invocation.state, INVOCATION_WAITING);
    invocation_free(&invocation);
}

static void changes_only_where_the_state_has_one(void **state)
{
    struct page *page = *state;
    struct invocation invocation = {0};
    char id[INVOCATION_ID_SIZE];
    enum err err = ERR_OK;
    json_t *card;

    put(page, "w", "reset_password", INVOCATION_WAITING, 0, id);
    assert_int_equal(approval_change(&page->view, id, approval_click, &invocation), ERR_OK);
    assert_false(invocation.clicked);
    assert_int_equal(approval_change(&page->view, id, approval_acknowledge, &invocation), ERR_OK);
    assert_false(invocation.acknowledged);
    card = approval_card(&page->view, &invocation, &err);
    assert_string_equal(js_text(card, "phrase"), "K7QX.RESET-PW.bob_at_example.test");
    json_decref(card);
    assert_int_equal(approval_change(&page->view, id, approval_cancel, &invocation), ERR_OK);
    assert_int_equal(invocation.state, INVOCATION_CANCELLED);
    card = approval_card(&page->view, &invocation, &err);
    assert_string_equal(js_text(card, "phrase"), ""); /* nothing to compare it with any more */
    json_decref(card);
    assert_int_equal(approval_change(&page->view, id, approval_disown, &invocation), ERR_OK);
    assert_string_equal(invocation.reason, "cancelled");
    invocation_free(&invocation);
    put(page, "c", "reset_password", INVOCATION_WAITING_CLICK, 0, id);
    assert_int_equal(approval_change(&page->view, id, approval_click, &invocation), ERR_OK);
    assert_true(invocation.clicked);
    invocation_free(&invocation);
    put(page, "x", "reset_password", INVOCATION_EXECUTING, 0, id);
    assert_int_equal(approval_change(&page->view, id, approval_cancel, &invocation), ERR_OK);
    assert_int_equal(invocation.state, INVOCATION_EXECUTING);
    invocation_free(&invocation);
    assert_int_equal(err, ERR_OK);
}

int main(void)
{
#define ON_PAGE(name, test)                                                                        \
    {                                                                                              \
        name, test, open_page, close_page, NULL                                                    \
    }
    const struct CMUnitTest tests[] = {
        ON_PAGE("row 65: what is open or unacknowledged is never pushed out by newer acts",
                what_is_open_is_never_pushed_out),
        ON_PAGE("an unreadable invocation is passed over", an_unreadable_one_is_passed_over),
        ON_PAGE("row 67: open in a session that ended: shown as cancelled, and is",
                row_67_the_session_is_gone),
        ON_PAGE("row 54: another person's approval is not there",
                row_54_another_persons_is_not_there),
        ON_PAGE("row 66: the page changes only what the state allows",
                changes_only_where_the_state_has_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
