/*
 * Steps 8 to 10.  Consumption and durable intent are one write: whoever wins it
 * may act, once, and from then on the record says executing, done, failed or
 * unknown, never "not yet".
 */
#include "base/log.h"
#include "base/text.h"
#include "catalogue/marks.h"
#include "guard/digest.h"
#include "guard/internal.h"

#include <stdlib.h>
#include <string.h>

#define SAVE_TRIES 3

static void act_mark(const struct entry *entry, uint8_t id[RECORD_ID_SIZE])
{
    const struct invocation *invocation = &entry->invocation;

    mark_act(invocation->person.owner, invocation->action, invocation->user.id,
             invocation->target_group.id, id);
}

/*
 * Row 65: an act of unknown outcome is not proposed again until the person has
 * seen it.  The mark is put before the act and taken away by a known outcome; it
 * names its invocation, so one left over by a crash is judged by that.
 */
enum err act_held(struct entry *entry, const char **reason)
{
    struct store *store = entry->guard->store;
    struct invocation earlier = {0};
    struct record record = {0};
    uint8_t id[RECORD_ID_SIZE];
    enum err err;

    *reason = NULL;
    if (!entry->action->changes) {
        return ERR_OK;
    }
    act_mark(entry, id);
    err = record_get(store, KIND_LEASE, id, entry_now(entry), &record);
    if (err == ERR_FORGED) {
        /* Of an epoch before a restored backup: nothing of it counts, nor could it be confirmed. */
        err = record_delete(store, KIND_LEASE, id);
        return err == ERR_NONE ? ERR_OK : err;
    }
    if (err == ERR_NONE || (err == ERR_OK && text_equal(record.payload, entry->invocation.id))) {
        record_free(&record);
        return ERR_OK;
    }
    if (err == ERR_OK) {
        err = invocation_get(store, record.payload, entry_now(entry), &earlier);
    }
    if (err == ERR_OK) {
        err = invocation_settle(store, &earlier, entry_now(entry));
        if (err == ERR_CONFLICT) { /* it moved just now: doubt holds */
            err = ERR_OK;
        }
    }
    if (err == ERR_OK && earlier.state == INVOCATION_EXECUTING) {
        *reason = "under_way";
    } else if (err == ERR_OK && earlier.state == INVOCATION_UNKNOWN && !earlier.acknowledged) {
        *reason = "held";
    } else if (err == ERR_OK || err == ERR_NONE) {
        err = record_delete(store, KIND_LEASE, id);
        err = err == ERR_NONE ? ERR_OK : err;
    }
    invocation_free(&earlier);
    record_free(&record);
    return err;
}

static enum err put_act_mark(struct entry *entry)
{
    struct record record = {.kind = KIND_LEASE, .expires_at = entry_now(entry) + INVOCATION_KEPT};
    enum err err;

    if (!entry->action->changes) {
        return ERR_OK;
    }
    act_mark(entry, record.id);
    memcpy(record.owner, entry->invocation.person.owner, RECORD_ID_SIZE);
    err = text_dup(entry->invocation.id, &record.payload);
    if (err == ERR_OK) {
        record.payload_len = strlen(record.payload);
        err = record_put(entry->guard->store, &record, entry_now(entry));
    }
    if (err == ERR_CONFLICT) {
        struct record there = {0};

        /* One's own mark of before: whether this acted already, the audit log says next. */
        if (record_get(entry->guard->store, KIND_LEASE, record.id, entry_now(entry), &there) ==
                ERR_OK &&
            text_equal(there.payload, entry->invocation.id)) {
            err = ERR_OK;
        }
        record_free(&there);
    }
    record_free(&record);
    return err;
}

static void remove_act_mark(struct entry *entry)
{
    struct record record = {0};
    uint8_t id[RECORD_ID_SIZE];
    enum err err;

    if (!entry->action->changes) {
        return;
    }
    act_mark(entry, id);
    err = record_get(entry->guard->store, KIND_LEASE, id, entry_now(entry), &record);
    if (err == ERR_OK && text_equal(record.payload, entry->invocation.id)) {
        err = record_delete_version(entry->guard->store, &record);
    }
    record_free(&record);
    if (err != ERR_OK && err != ERR_NONE && err != ERR_CONFLICT) {
        log_line(LOG_WARN, "a finished act's mark stays; the next proposal removes it");
    }
}

/* Surely nothing was sent. */
static enum err give_up(struct entry *entry, const char *reason)
{
    enum err err = entry_end(entry, INVOCATION_FAILED, reason);

    if (err == ERR_OK) {
        remove_act_mark(entry);
    }
    return err;
}

/* The record may have been read anew since the evidence: what is consumed is what was approved. */
static bool digest_holds(const struct entry *entry)
{
    char digest[DIGEST_SIZE];

    return digest_of(&entry->invocation, digest) == ERR_OK &&
           text_equal_secret(digest, entry->invocation.digest);
}

enum err guard_consume(struct entry *entry)
{
    struct invocation *invocation = &entry->invocation;
    const char *held = NULL;
    enum err err;

    /* The table knows states, not actions: an action that asks a person has no other way in. */
    if (invocation->state !=
        (entry->action->approval ? INVOCATION_APPROVED : INVOCATION_PROPOSED)) {
        return ERR_SYSTEM;
    }
    if (entry->action->approval && !digest_holds(entry)) {
        entry_note(entry, "alarm_digest", "consume");
        return entry_end(entry, INVOCATION_FAILED, "digest");
    }
    err = act_held(entry, &held);
    if (err == ERR_OK && held != NULL) {
        return entry_end(entry, INVOCATION_FAILED, held);
    }
    if (err != ERR_OK) {
        return err;
    }
    invocation->consumed = true;
    invocation->lease_until = entry_now(entry) + EXECUTE_LEASE;
    invocation->due_at = invocation->lease_until; /* whoever comes then writes what became of it */
    err = entry_move(entry, INVOCATION_EXECUTING, "");
    if (err != ERR_OK) {
        return err;
    }
    entry->mine = true;
    err = put_act_mark(entry);
    if (err != ERR_OK) {
        return entry_end(entry, INVOCATION_FAILED, err == ERR_CONFLICT ? "under_way" : "audit");
    }
    err = entry_audit(entry, "intent", invocation_state_name(invocation->state));
    if (err == ERR_CONFLICT) {
        /* This very invocation has acted before: its row was put back (row 70). */
        log_line(LOG_ERROR, "a consumed invocation came again",
                 LOG_T("invocation", invocation->id));
        entry_note(entry, "alarm_replayed", "intent");
        return entry_end(entry, INVOCATION_UNKNOWN, "replayed");
    }
    if (err != ERR_OK) {
        log_line(LOG_ERROR, "an act's intent could not be written", LOG_T("error", err_name(err)));
        return give_up(entry, "audit");
    }
    return ERR_OK;
}

/*
 * Row 69: a process that was stopped here goes on with facts of long ago.  Both
 * clocks have to agree that it was not: the wall clock may step, the monotonic
 * one stands still while a machine sleeps.
 */
static bool stalled(const struct entry *entry)
{
    msec wall = entry_now(entry) - entry->fresh_at;
    msec mono = entry->guard->monotonic() - entry->fresh_mono;

    return wall < 0 || wall > FRESH_FOR || mono < 0 || mono > FRESH_FOR ||
           entry_now(entry) + ACT_MOST >= entry->invocation.lease_until;
}

enum err guard_last_look(struct entry *entry)
{
    const char *reason = NULL;
    enum err err;

    if (!entry->mine) {
        return ERR_SYSTEM;
    }
    err = guard_still_wanted(entry, &reason);
    if (err != ERR_OK) {
        return give_up(entry, "stalled");
    }
    if (reason != NULL) {
        return give_up(entry, reason);
    }
    if (entry_now(entry) >= entry->invocation.deadline) {
        return give_up(entry, "expired");
    }
    return stalled(entry) ? give_up(entry, "stalled") : ERR_OK;
}

/* Only a lapsed lease can have moved it meanwhile; then the record says unknown, and so it stays.
 */
static enum err save_outcome(struct entry *entry)
{
    enum err err = ERR_STORE;

    for (int i = 0; i < SAVE_TRIES && err == ERR_STORE; i++) {
        err = entry_save(entry);
    }
    return err;
}

enum err guard_act(struct entry *entry)
{
    struct invocation *invocation = &entry->invocation;
    struct okta_token token = {entry->okta.scheme, entry->okta.token};
    struct guard_act act = {.okta = entry->guard->okta, .token = &token, .invocation = invocation};
    struct buf text = buf_make(sizeof invocation->result - 1);
    enum invocation_state to;
    enum err err;

    if (!entry->mine || invocation->state != INVOCATION_EXECUTING) {
        buf_free(&text);
        return ERR_SYSTEM;
    }
    err = entry->handler->act(&act, &text);
    guard_okta_answered(entry, err);
    to = err == ERR_OK        ? INVOCATION_DONE
         : err == ERR_UNKNOWN ? INVOCATION_UNKNOWN
                              : INVOCATION_FAILED;
    entry_note(entry, "outcome",
               to == INVOCATION_FAILED ? err_name(err) : invocation_state_name(to));
    /* A text that does not fit is no reason to say that a done act was not done. */
    if (err != ERR_OK || buf_err(&text) != ERR_OK ||
        text_copy(invocation->result, sizeof invocation->result, buf_str(&text)) != ERR_OK) {
        invocation->result[0] = '\0';
    }
    buf_free(&text);
    if (invocation_move(invocation, to,
                        to == INVOCATION_DONE      ? ""
                        : to == INVOCATION_UNKNOWN ? "no_answer"
                        : err == ERR_LIMIT         ? "okta_busy"
                                                   : "act_failed") != ERR_OK) {
        return ERR_SYSTEM;
    }
    log_line(LOG_INFO, "an act has its outcome", LOG_T("invocation", invocation->id),
             LOG_T("action", invocation->action), LOG_T("state", invocation_state_name(to)),
             LOG_T("error", err_name(err)));
    if (to == INVOCATION_DONE && entry->handler->read_back != NULL) {
        invocation->read_back_due = true;
        invocation->lease_until = entry_now(entry) + READ_BACK_LEASE;
    }
    err = save_outcome(entry);
    if (err != ERR_OK) {
        log_line(LOG_ERROR, "an act's outcome could not be saved",
                 LOG_T("invocation", invocation->id), LOG_T("error", err_name(err)));
        return err;
    }
    if (to != INVOCATION_UNKNOWN) {
        remove_act_mark(entry);
    }
    return to == INVOCATION_DONE ? ERR_OK : entry_tell(entry);
}

enum err guard_read_back(struct entry *entry)
{
    struct invocation *invocation = &entry->invocation;
    struct okta_token token = {entry->okta.scheme, entry->okta.token};
    struct guard_act act = {.okta = entry->guard->okta, .token = &token, .invocation = invocation};
    struct buf text = buf_make(sizeof invocation->result - 1);
    enum err err;

    if (entry->handler->read_back == NULL) {
        return ERR_OK;
    }
    err = entry->handler->read_back(&act);
    guard_okta_answered(entry, err);
    invocation->read_back_due = false; /* saved with what is told */
    if (err == ERR_OK) {
        return ERR_OK;
    }
    log_line(err == ERR_DENIED ? LOG_ERROR : LOG_WARN,
             err == ERR_DENIED ? "an act's effect does not show" : "an effect could not be read",
             LOG_T("invocation", invocation->id), LOG_T("error", err_name(err)));
    if (err == ERR_DENIED) {
        entry_note(entry, "alarm_read_back", "difference");
        buf_adds(&text, invocation->result);
        buf_adds(&text, " Okta accepted it, but the account does not show it: please look.");
        if (buf_err(&text) == ERR_OK) {
            entry_text(invocation->result, sizeof invocation->result, buf_str(&text));
        }
    }
    buf_free(&text);
    return ERR_OK; /* done is done; the words above are saved with what is told */
}

void guard_read_back_late(struct entry *entry)
{
    const char *reason = NULL;
    const struct invocation *invocation = &entry->invocation;

    entry->action = catalogue_find(invocation->group, invocation->action, entry->guard->profile);
    entry->handler = guard_handler_of(entry->guard, invocation->action);
    if (entry->action == NULL || entry->handler == NULL ||
        guard_okta_token(entry, &reason) != ERR_OK || guard_read_back(entry) != ERR_OK) {
        log_line(LOG_WARN, "the effect of an earlier act could not be looked at",
                 LOG_T("invocation", invocation->id), LOG_T("reason", reason));
    }
}
