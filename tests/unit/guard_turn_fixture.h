/*
 * Several proposals of one person, over the guard's fixture: turn after turn, the
 * person's clicks on the page between them, and the denials that were counted.
 * Included by the test_guard_*.c files only.
 */
#ifndef TESTS_UNIT_GUARD_TURN_FIXTURE_H
#define TESTS_UNIT_GUARD_TURN_FIXTURE_H

#include "guard_fixture.h"

static inline size_t denials(struct world *w)
{
    uint8_t second[RECORD_ID_SIZE];
    struct record_list list;
    size_t count;

    mark_denials(w->session.person.owner, second);
    assert_int_equal(record_by_second(w->store.store, KIND_ONCE, second, test_now, 100, &list),
                     ERR_OK);
    count = list.count;
    record_list_free(&list);
    return count;
}

static inline void next_turn(struct world *w)
{
    w->calls++;
    (void)snprintf(w->turn, sizeof w->turn, "turn-%u", w->calls + 10);
}

/* Bob's reset again, which the rights allow; whether it is pushed is the test's question. */
static inline void propose(struct world *w, const char *call_id, struct action_answer *answer)
{
    fga_says(w, "true", 2);
    okta_says_bob(w);
    assert_int_equal(reset(w, BOB_LOGIN, call_id, answer), ERR_OK);
}

/* The click on the page, or else cancelling; as approvals does it: by compare-and-swap on the
 * record. */
static inline void change(struct world *w, const char *id, bool click)
{
    struct invocation invocation;

    load(w, id, &invocation);
    if (click) {
        assert_int_equal(invocation.state, INVOCATION_WAITING_CLICK);
        invocation.clicked = true;
    } else {
        assert_int_equal(invocation_move(&invocation, INVOCATION_CANCELLED, "cancelled"), ERR_OK);
    }
    assert_int_equal(invocation_save(w->store.store, &invocation, test_now), ERR_OK);
    invocation_free(&invocation);
}

#endif
