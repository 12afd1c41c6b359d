/*
 * Whose request holds the place?  A final invocation's own entries end with it,
 * but its prompt may still be on the phone, or long answered there.  Whoever
 * waits for the place therefore asks the provider in its stead, by the same
 * rules, and gives the place back when the request has ended.  An approval that
 * comes so is for something that is over: it is noted and counts for nothing.
 */
#include "base/log.h"
#include "catalogue/marks.h"
#include "guard/poll.h"

#include <string.h>

/* Has the holder's request surely ended, now or before? */
static enum err ask_for_holder(struct entry *entry, struct invocation *holder, msec *again_at,
                               bool *over)
{
    struct guard *guard = entry->guard;
    struct ciba_answer answer;
    msec poll_again_at;
    enum err err;

    *over = holder->request_over || holder->requested_at == 0;
    if (*over || holder->auth_req_id[0] == '\0') {
        return ERR_OK; /* or in doubt, and the place lapses by itself */
    }
    err = poll_request(guard, holder, &answer, &poll_again_at);
    if (poll_again_at < *again_at) {
        *again_at = poll_again_at;
    }
    if (err != ERR_OK) {
        return err == ERR_NONE ? ERR_OK : err;
    }
    *over = holder->request_over;
    if (answer.state == CIBA_APPROVED) {
        log_line(LOG_WARN, "an approval of a request that is over was discarded",
                 LOG_T("invocation", holder->id));
        audit_note(guard, holder, "approval_discarded", invocation_state_name(holder->state));
    }
    ciba_answer_free(&answer);
    /* Whatever became of this write: an ended request stays ended. */
    err = invocation_save(guard->store, holder, guard->now());
    return *over || err == ERR_CONFLICT ? ERR_OK : err;
}

enum err place_look(struct entry *entry, bool *freed, msec *again_at)
{
    struct guard *guard = entry->guard;
    const uint8_t *owner = entry->invocation.person.owner;
    struct record place = {0};
    struct invocation holder = {0};
    uint8_t id[RECORD_ID_SIZE];
    bool over = false;
    enum err err;

    *freed = false;
    mark_approval_place(owner, id);
    err = record_get(guard->store, KIND_LEASE, id, guard->now(), &place);
    if (err == ERR_NONE) {
        *freed = true;
        return ERR_OK;
    }
    if (err == ERR_OK) {
        err = invocation_get(guard->store, place.payload, guard->now(), &holder);
    }
    if (err == ERR_OK && memcmp(holder.person.owner, owner, RECORD_ID_SIZE) != 0) {
        err = ERR_FORGED;
    }
    if (err == ERR_OK) {
        err = invocation_settle(guard->store, &holder, guard->now());
    }
    if (err == ERR_OK && invocation_is_final(holder.state)) {
        err = ask_for_holder(entry, &holder, again_at, &over);
    } else if (err == ERR_OK) {
        over = holder.request_over; /* it goes on by itself, without its prompt */
    }
    if (err == ERR_OK && over) {
        err = record_delete_version(guard->store, &place);
        *freed = err == ERR_OK || err == ERR_NONE;
    }
    invocation_free(&holder);
    record_free(&place);
    /* Someone else was first, or the place names nothing that opens: it is waited for. */
    return err == ERR_CONFLICT || err == ERR_NONE || err == ERR_FORGED ? ERR_OK : err;
}
