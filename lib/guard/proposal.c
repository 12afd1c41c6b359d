/*
 * The record of a call.  Its id is a hash of owner, turn and call id, so the
 * same call finds the same record however often it is sent and nobody reaches
 * another person's.
 */
#include "base/log.h"
#include "base/text.h"
#include "catalogue/marks.h"
#include "crypto/random.h"
#include "guard/internal.h"

#include <string.h>

#define TURN_LIST 64 /* a turn has at most so many acts that are looked at */

static bool same_call(const struct entry *entry, const struct invocation *invocation)
{
    return text_equal(invocation->group, entry->event->group) &&
           text_equal(invocation->action, entry->action->name) &&
           json_equal(invocation->arguments, entry->event->arguments) &&
           memcmp(invocation->person.owner, entry->session.person.owner, RECORD_ID_SIZE) == 0;
}

/* Without a call id: the turn's open or untold invocation of the same call. */
static enum err find_in_turn(struct entry *entry)
{
    struct invocation_list list = {0};
    enum err err = invocation_by_turn(entry->guard->store, entry->ticket.turn, entry_now(entry),
                                      TURN_LIST, &list);

    for (size_t i = 0; i < list.count && err == ERR_OK && !entry->found; i++) {
        struct invocation *item = &list.items[i];

        if (same_call(entry, item) && !(invocation_is_final(item->state) && item->told)) {
            entry->invocation = *item;
            *item = (struct invocation){0};
            entry->found = true;
        }
    }
    invocation_list_free(&list);
    return err;
}

/*
 * While it waits for a click or the place it has the turn's time, and never less
 * than the one before it may take and then its own.
 */
static msec time_for(const struct entry *entry)
{
    const struct config *config = entry->guard->config;
    msec turn = SECONDS(config_number(config, CFG_TURN_SECONDS));
    msec two = 2 * (SECONDS(config_number(config, CFG_APPROVAL_SECONDS)) + APPROVAL_GRACE);

    return entry->action->approval && turn < two ? two : turn;
}

static enum err fill(struct entry *entry, const char *call_id)
{
    const struct action_event *event = entry->event;
    struct invocation *invocation = &entry->invocation;
    msec now = entry_now(entry);
    enum err err;

    memset(invocation, 0, sizeof *invocation);
    invocation->state = INVOCATION_PROPOSED;
    invocation->created_at = now;
    invocation->deadline = now + time_for(entry);
    err = person_copy(&entry->session.person, &invocation->person);
    if (err != ERR_OK) {
        return err;
    }
    invocation_id(invocation->person.owner, entry->ticket.turn, call_id, invocation->id);
    if (text_copy(invocation->session, sizeof invocation->session, entry->ticket.session) ||
        text_copy(invocation->turn, sizeof invocation->turn, entry->ticket.turn) ||
        text_copy(invocation->agent, sizeof invocation->agent, entry->ticket.agent) ||
        text_copy(invocation->group, sizeof invocation->group, event->group) ||
        text_copy(invocation->action, sizeof invocation->action, entry->action->name) ||
        text_copy(invocation->call_id, sizeof invocation->call_id, call_id) ||
        text_copy(invocation->sentence, sizeof invocation->sentence, event->input_text)) {
        return ERR_INPUT;
    }
    invocation->arguments = json_deep_copy(event->arguments);
    return invocation->arguments == NULL ? ERR_MEMORY : ERR_OK;
}

static enum err put_or_get(struct entry *entry, const char *call_id)
{
    struct store *store = entry->guard->store;
    char id[INVOCATION_ID_SIZE];
    enum err err;

    invocation_id(entry->session.person.owner, entry->ticket.turn, call_id, id);
    err = invocation_get(store, id, entry_now(entry), &entry->invocation);
    if (err == ERR_NONE) {
        err = fill(entry, call_id);
        if (err == ERR_OK) {
            err = invocation_put(store, &entry->invocation, entry_now(entry));
        }
        if (err == ERR_CONFLICT) { /* the same call, sent twice at once */
            invocation_free(&entry->invocation);
            err = invocation_get(store, id, entry_now(entry), &entry->invocation);
        }
    }
    entry->found = err == ERR_OK;
    return err == ERR_NONE || err == ERR_FORGED ? ERR_STORE : err;
}

/* A cancelled turn starts nothing more: no record is written for it. */
static enum err refuse_cancelled_turn(struct entry *entry, bool *cancelled)
{
    uint8_t mark[RECORD_ID_SIZE];
    enum err err;

    mark_turn_cancelled(entry->ticket.turn, mark);
    err = record_exists(entry->guard->store, KIND_ONCE, mark, entry_now(entry));
    *cancelled = err == ERR_OK;
    return err == ERR_NONE ? ERR_OK : err;
}

/* All of a cancelled turn's open invocations, not only the one asked for. */
static enum err cancel_open(struct entry *entry)
{
    struct store *store = entry->guard->store;
    struct invocation_list list = {0};
    enum err err =
        invocation_by_turn(store, entry->ticket.turn, entry_now(entry), TURN_LIST, &list);

    for (size_t i = 0; i < list.count && err == ERR_OK; i++) {
        if (memcmp(list.items[i].person.owner, entry->session.person.owner, RECORD_ID_SIZE) == 0) {
            err = invocation_settle(store, &list.items[i], entry_now(entry));
        }
        if (err == ERR_CONFLICT) {
            err = ERR_OK; /* it moved: its own next entry sees the mark */
        }
    }
    invocation_list_free(&list);
    return err;
}

enum err guard_proposal(struct entry *entry)
{
    char call_id[sizeof entry->invocation.call_id];
    uint8_t random[24];
    bool cancelled = false;
    enum err err = refuse_cancelled_turn(entry, &cancelled);

    if (err == ERR_OK && cancelled) {
        err = cancel_open(entry);
    }
    if (err != ERR_OK) {
        return err;
    }
    if (entry->event->call_id[0] != '\0') {
        err = text_copy(call_id, sizeof call_id, entry->event->call_id);
    } else {
        err = find_in_turn(entry);
        if (err == ERR_OK && !entry->found) {
            err = random_bytes(random, sizeof random);
            base64url_encode(random, sizeof random, call_id);
        }
    }
    if (err == ERR_OK && !entry->found && cancelled) {
        char id[INVOCATION_ID_SIZE];

        invocation_id(entry->session.person.owner, entry->ticket.turn, call_id, id);
        err = invocation_get(entry->guard->store, id, entry_now(entry), &entry->invocation);
        if (err == ERR_NONE) {
            return entry_refuse(entry, "cancelled");
        }
        entry->found = err == ERR_OK;
    } else if (err == ERR_OK && !entry->found) {
        err = put_or_get(entry, call_id);
    }
    if (err != ERR_OK) {
        return err;
    }
    if (!same_call(entry, &entry->invocation)) {
        log_line(LOG_WARN, "a call id came again with another action or other arguments");
        entry->found = false; /* nothing to look at anew: this conflict is the caller's */
        return ERR_CONFLICT;
    }
    if (!text_equal(entry->invocation.session, entry->ticket.session) ||
        !text_equal(entry->invocation.agent, entry->ticket.agent)) {
        log_line(LOG_WARN, "a ticket of another session or agent for an invocation");
        return ERR_AUTH;
    }
    return ERR_OK;
}

enum err guard_settle(struct entry *entry)
{
    const char *reason = NULL;
    enum err err = invocation_settle(entry->guard->store, &entry->invocation, entry_now(entry));

    if (err != ERR_OK) {
        return err;
    }
    if (invocation_is_final(entry->invocation.state)) {
        return entry_tell(entry);
    }
    if (entry->invocation.state == INVOCATION_EXECUTING) {
        return entry_pending(entry, entry_now(entry) + SECONDS(2)); /* another entry acts */
    }
    err = guard_still_wanted(entry, &reason);
    if (err == ERR_OK && reason != NULL) {
        err = entry_end(entry, INVOCATION_CANCELLED, reason);
    }
    return err;
}
