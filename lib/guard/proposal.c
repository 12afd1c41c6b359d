/*
 * The record of a call.  Its id is a hash of owner, turn and call id, so the
 * same call finds the same record however often it is sent and nobody reaches
 * another person's.
 */
#include "base/log.h"
#include "base/text.h"
#include "catalogue/marks.h"
#include "crypto/hash.h"
#include "guard/internal.h"

#include <stdio.h>
#include <string.h>

#define CALL_ID_SIZE sizeof(((struct invocation *)0)->call_id)

#define ROUNDS 6 /* a lost compare-and-swap: so often it is read anew */

static bool same_call(const struct entry *entry, const struct invocation *invocation)
{
    return text_equal(invocation->group, entry->event->group) &&
           text_equal(invocation->action, entry->event->function) &&
           json_equal(invocation->arguments, entry->event->arguments) &&
           memcmp(invocation->person.owner, entry->session.person.owner, RECORD_ID_SIZE) == 0;
}

/*
 * Without a call id: the turn's open or untold invocation of the same call; where
 * there is none, the id of the next one.  That follows from the call and how many
 * of it are past, so that two POSTs of it at once meet in one record.
 */
static enum err find_in_turn(struct entry *entry, char call_id[CALL_ID_SIZE])
{
    struct invocation_list list = {0};
    struct buf arguments = buf_make(8192);
    uint8_t hash[SHA256_SIZE];
    char past[24];
    size_t told = 0;
    enum err err = invocation_by_turn(entry->guard->store, entry->ticket.turn, entry_now(entry),
                                      RECORD_LIST_MAX, &list);

    for (size_t i = 0; i < list.count && err == ERR_OK && !entry->found; i++) {
        struct invocation *item = &list.items[i];

        if (!same_call(entry, item)) {
            continue;
        }
        if (invocation_is_final(item->state) && item->told) {
            told++;
            continue;
        }
        entry->invocation = *item;
        *item = (struct invocation){0};
        entry->found = true;
    }
    invocation_list_free(&list);
    if (err == ERR_OK) {
        err = js_add_sorted(&arguments, entry->event->arguments);
    }
    if (err == ERR_OK) {
        (void)snprintf(past, sizeof past, "%zu", told);
        hash_parts(hash, "call without an id", entry->event->group, entry->event->function,
                   buf_str(&arguments), past, (const char *)NULL);
        base64url_encode(hash, sizeof hash, call_id);
    }
    buf_free(&arguments);
    return err;
}

/* The record of this call where there is one: entry->found. */
static enum err find(struct entry *entry, char call_id[CALL_ID_SIZE])
{
    char id[INVOCATION_ID_SIZE];
    enum err err;

    if (entry->event->call_id[0] == '\0') {
        return find_in_turn(entry, call_id);
    }
    err = text_copy(call_id, CALL_ID_SIZE, entry->event->call_id);
    if (err == ERR_OK) {
        invocation_id(entry->session.person.owner, entry->ticket.turn, call_id, id);
        err = invocation_get(entry->guard->store, id, entry_now(entry), &entry->invocation);
    }
    entry->found = err == ERR_OK;
    return err == ERR_NONE ? ERR_OK : err == ERR_FORGED ? ERR_STORE : err;
}

static bool same_session(const struct entry *entry)
{
    return text_equal(entry->invocation.session, entry->ticket.session) &&
           text_equal(entry->invocation.agent, entry->ticket.agent);
}

/* The answer is that of a final record. */
static enum err tell(struct entry *entry)
{
    struct invocation *invocation = &entry->invocation;
    enum err err;

    if (!invocation->told && invocation->requested_at == 0 && !invocation->consumed) {
        place_release(entry); /* it ended between taking the place and sending */
    }
    if (!invocation->told && invocation->read_back_due) {
        if (entry_now(entry) < invocation->lease_until) {
            /* Its own entry is looking at the effect: done is what it says when it has. */
            err = entry_pending(entry, invocation->lease_until);
            entry_text(entry->answer->state, sizeof entry->answer->state,
                       invocation_state_name(INVOCATION_EXECUTING));
            return err;
        }
        guard_read_back_late(entry);
    }
    return entry_tell(entry);
}

/* All of a cancelled turn's open invocations, not only the one asked for. */
static enum err cancel_open(struct entry *entry)
{
    struct store *store = entry->guard->store;
    struct invocation_list list = {0};
    enum err err =
        invocation_by_turn(store, entry->ticket.turn, entry_now(entry), RECORD_LIST_MAX, &list);

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

static enum err executing(struct entry *entry)
{
    return entry_pending(entry, entry_now(entry) + SECONDS(2)); /* another entry acts */
}

enum err guard_repeated(struct entry *entry)
{
    char call_id[CALL_ID_SIZE];
    enum err err = find(entry, call_id);

    if (err == ERR_OK && entry->found && same_call(entry, &entry->invocation) &&
        same_session(entry)) {
        err = ERR_CONFLICT;
        for (int round = 0; round < ROUNDS && err == ERR_CONFLICT; round++) {
            err = invocation_settle(entry->guard->store, &entry->invocation, entry_now(entry));
            if (err == ERR_CONFLICT && entry_reload(entry) != ERR_OK) {
                err = ERR_STORE;
            }
        }
        err = err == ERR_CONFLICT ? ERR_STORE : err;
        if (err == ERR_OK && entry->invocation.state == INVOCATION_CANCELLED &&
            !entry->invocation.told) {
            err = cancel_open(entry); /* the turn's others with it, where it was the turn */
        }
        if (err == ERR_OK && invocation_is_final(entry->invocation.state)) {
            return tell(entry);
        }
        if (err == ERR_OK && entry->invocation.state == INVOCATION_EXECUTING) {
            return executing(entry);
        }
    }
    /* Open, or not this call: the steps in their order say which. */
    invocation_free(&entry->invocation);
    entry->found = false;
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

enum err guard_proposal(struct entry *entry)
{
    char call_id[CALL_ID_SIZE];
    bool cancelled = false;
    enum err err = refuse_cancelled_turn(entry, &cancelled);

    if (err == ERR_OK && cancelled) {
        err = cancel_open(entry);
    }
    if (err != ERR_OK) {
        return err;
    }
    err = find(entry, call_id);
    if (err == ERR_OK && !entry->found) {
        if (cancelled) {
            return entry_refuse(entry, "cancelled");
        }
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
    if (!same_session(entry)) {
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
        return tell(entry);
    }
    if (entry->invocation.state == INVOCATION_EXECUTING) {
        return executing(entry);
    }
    err = guard_still_wanted(entry, &reason);
    if (err == ERR_OK && reason != NULL) {
        err = entry_end(entry, INVOCATION_CANCELLED, reason);
    }
    return err;
}
