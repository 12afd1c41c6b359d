/*
 * One push at a time.  The attack that FAPI-CIBA names is a second flow started
 * for the same person at the same time; a person's one place, held until the
 * provider's request has ended, is the defence, and it is a record, so it holds
 * over all processes and over a crash.
 */
#include "base/log.h"
#include "base/text.h"
#include "catalogue/marks.h"
#include "guard/denial.h"
#include "guard/internal.h"

#include <stdlib.h>
#include <string.h>

static bool names(const struct record *record, const char *invocation)
{
    return record->payload_len == strlen(invocation) && text_equal(record->payload, invocation);
}

/* A record whose payload is the invocation's id: whose place, whose push. */
static enum err put_named(struct entry *entry, enum kind kind, const uint8_t id[RECORD_ID_SIZE],
                          msec expires_at)
{
    struct record record = {.kind = kind, .expires_at = expires_at};
    enum err err = text_dup(entry->invocation.id, &record.payload);

    if (err == ERR_OK) {
        memcpy(record.id, id, RECORD_ID_SIZE);
        memcpy(record.owner, entry->invocation.person.owner, RECORD_ID_SIZE);
        record.payload_len = strlen(record.payload);
        err = record_put(entry->guard->store, &record, entry_now(entry));
    }
    record_free(&record);
    return err;
}

enum err place_take(struct entry *entry, msec until)
{
    struct record record = {0};
    uint8_t id[RECORD_ID_SIZE];
    enum err err;

    mark_approval_place(entry->invocation.person.owner, id);
    err = put_named(entry, KIND_LEASE, id, until);
    if (err != ERR_CONFLICT) {
        return err;
    }
    err = record_get(entry->guard->store, KIND_LEASE, id, entry_now(entry), &record);
    if (err == ERR_OK && names(&record, entry->invocation.id)) {
        /* Ours since before a crash, and nothing was sent yet: it has to last from now. */
        record.expires_at = until;
        err = record_replace(entry->guard->store, &record, entry_now(entry));
    } else if (err == ERR_OK || err == ERR_NONE) {
        err = ERR_CONFLICT; /* another's; or it ended this instant, and the next entry takes it */
    }
    record_free(&record);
    return err;
}

void place_release(struct entry *entry)
{
    struct record record = {0};
    uint8_t id[RECORD_ID_SIZE];
    enum err err;

    mark_approval_place(entry->invocation.person.owner, id);
    err = record_get(entry->guard->store, KIND_LEASE, id, entry_now(entry), &record);
    if (err == ERR_OK && names(&record, entry->invocation.id)) {
        err = record_delete_version(entry->guard->store, &record);
    }
    /* A conflict: it lapsed or was given up between the two, and is another's by now. */
    if (err != ERR_OK && err != ERR_NONE && err != ERR_CONFLICT) {
        log_line(LOG_WARN, "an approval's place lapses by itself", LOG_T("error", err_name(err)));
    }
    record_free(&record);
}

enum err place_first_push(struct entry *entry)
{
    struct record record = {0};
    uint8_t id[RECORD_ID_SIZE];
    enum err err;

    mark_turn_pushed(entry->invocation.turn, id);
    err = put_named(entry, KIND_ONCE, id, entry_now(entry) + HOURS(24));
    if (err == ERR_CONFLICT) {
        err = record_get(entry->guard->store, KIND_ONCE, id, entry_now(entry), &record);
        if (err == ERR_FORGED || (err == ERR_OK && !names(&record, entry->invocation.id))) {
            err = ERR_CONFLICT;
        }
        record_free(&record);
    }
    return err;
}

static enum err count_open(struct entry *entry, size_t *open)
{
    struct invocation_list list = {0};
    msec now = entry_now(entry);
    enum err err = invocation_by_owner(entry->guard->store, entry->invocation.person.owner, now,
                                       RECORD_LIST_MAX, &list);

    *open = 0;
    for (size_t i = 0; i < list.count; i++) {
        const struct invocation *item = &list.items[i];

        *open += !invocation_is_final(item->state) && now < item->deadline &&
                 !text_equal(item->id, entry->invocation.id);
    }
    invocation_list_free(&list);
    return err;
}

enum err place_objection(struct entry *entry, const char **reason)
{
    bool locked = false;
    size_t open = 0;
    enum err err = act_held(entry, reason);

    if (err != ERR_OK || *reason != NULL) {
        return err;
    }
    err = denial_locked(entry->guard->store, entry->invocation.person.owner, entry_now(entry),
                        &locked);
    if (err == ERR_OK && locked) {
        *reason = "locked";
    } else if (err == ERR_OK && entry->invocation.state == INVOCATION_PROPOSED) {
        err = count_open(entry, &open);
        if (err == ERR_OK && open >= OPEN_MAX) {
            *reason = "too_many";
        }
    }
    return err;
}
