#include "guard/invocation.h"

#include "base/log.h"
#include "base/text.h"
#include "catalogue/marks.h"
#include "crypto/hash.h"
#include "guard/invocation_json.h"

#include <stdlib.h>
#include <string.h>

void invocation_free(struct invocation *invocation)
{
    if (invocation == NULL) {
        return;
    }
    person_free(&invocation->person);
    json_decref(invocation->arguments);
    json_decref(invocation->authorization_details);
    wipe(invocation, sizeof *invocation);
}

void invocation_list_free(struct invocation_list *list)
{
    if (list == NULL) {
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        invocation_free(&list->items[i]);
    }
    free(list->items);
    *list = (struct invocation_list){0};
}

void invocation_id(const uint8_t owner[RECORD_ID_SIZE], const char *turn, const char *call_id,
                   char out[INVOCATION_ID_SIZE])
{
    char hex[HEX_SIZE(RECORD_ID_SIZE)];
    uint8_t hash[SHA256_SIZE];

    hex_encode(owner, RECORD_ID_SIZE, hex);
    hash_parts(hash, "invocation id", hex, turn, call_id, (const char *)NULL);
    base64url_encode(hash, sizeof hash, out);
}

/* Kept for a fixed time from creation, so that "newest expiry first" is newest first. */
static enum err to_record(const struct invocation *invocation, struct record *record)
{
    memset(record, 0, sizeof *record);
    record->kind = KIND_INVOCATION;
    mark_invocation(invocation->id, record->id);
    memcpy(record->owner, invocation->person.owner, RECORD_ID_SIZE);
    mark_invocation_turn(invocation->turn, record->second);
    record->version = invocation->version;
    record->expires_at = invocation->created_at + INVOCATION_KEPT;
    record->due_at = invocation->due_at;
    return invocation_to_text(invocation, &record->payload, &record->payload_len);
}

static enum err from_record(const struct record *record, struct invocation *out)
{
    uint8_t id[RECORD_ID_SIZE];
    enum err err = invocation_from_text(record->payload, record->payload_len, out);

    if (err != ERR_OK) {
        return err;
    }
    mark_invocation(out->id, id);
    if (memcmp(id, record->id, sizeof id) != 0 ||
        memcmp(out->person.owner, record->owner, RECORD_ID_SIZE) != 0) {
        log_line(LOG_ERROR, "an invocation's payload names another record");
        invocation_free(out);
        return ERR_FORGED;
    }
    out->version = record->version;
    out->due_at = record->due_at;
    return ERR_OK;
}

enum err invocation_put(struct store *store, struct invocation *invocation, msec now)
{
    struct record record;
    enum err err;

    invocation->updated_at = now;
    err = to_record(invocation, &record);
    if (err == ERR_OK) {
        err = record_put(store, &record, now);
    }
    if (err == ERR_OK) {
        invocation->version = record.version;
    }
    record_free(&record);
    return err;
}

enum err invocation_get(struct store *store, const char *id, msec now, struct invocation *out)
{
    struct record record = {0};
    uint8_t record_id[RECORD_ID_SIZE];
    enum err err;

    memset(out, 0, sizeof *out);
    mark_invocation(id, record_id);
    err = record_get(store, KIND_INVOCATION, record_id, now, &record);
    if (err == ERR_OK) {
        err = from_record(&record, out);
    }
    record_free(&record);
    return err;
}

enum err invocation_save(struct store *store, struct invocation *invocation, msec now)
{
    struct record record;
    enum err err;

    invocation->updated_at = now;
    err = to_record(invocation, &record);
    if (err == ERR_OK) {
        err = record_replace(store, &record, now);
    }
    if (err == ERR_OK) {
        invocation->version = record.version;
    }
    record_free(&record);
    return err;
}

static enum err from_records(struct record_list *records, struct invocation_list *out)
{
    enum err err = ERR_OK;

    *out = (struct invocation_list){0};
    if (records->count > 0) {
        out->items = calloc(records->count, sizeof *out->items);
        if (out->items == NULL) {
            err = ERR_MEMORY;
        }
    }
    for (size_t i = 0; i < records->count && err == ERR_OK; i++) {
        err = from_record(&records->records[i], &out->items[out->count]);
        out->count += err == ERR_OK;
        if (err == ERR_FORGED) {
            /* It can do nothing, and must not keep the others from being seen. */
            log_line(LOG_ERROR, "an invocation that does not read is passed over");
            err = ERR_OK;
        }
    }
    record_list_free(records);
    if (err != ERR_OK) {
        invocation_list_free(out);
    }
    return err;
}

enum err invocation_by_owner(struct store *store, const uint8_t owner[RECORD_ID_SIZE], msec now,
                             size_t limit, struct invocation_list *out)
{
    struct record_list records = {0};
    enum err err = record_by_owner(store, KIND_INVOCATION, owner, now, limit, &records);

    *out = (struct invocation_list){0};
    return err == ERR_OK ? from_records(&records, out) : err;
}

enum err invocation_by_turn(struct store *store, const char *turn, msec now, size_t limit,
                            struct invocation_list *out)
{
    struct record_list records = {0};
    uint8_t second[RECORD_ID_SIZE];
    enum err err;

    *out = (struct invocation_list){0};
    mark_invocation_turn(turn, second);
    err = record_by_second(store, KIND_INVOCATION, second, now, limit, &records);
    return err == ERR_OK ? from_records(&records, out) : err;
}

enum err invocation_due(struct store *store, msec now, size_t limit, struct invocation_list *out)
{
    struct record_list records = {0};
    enum err err = record_due(store, KIND_INVOCATION, now, now, limit, &records);

    *out = (struct invocation_list){0};
    return err == ERR_OK ? from_records(&records, out) : err;
}

/* What the person missed depends on how far it had come. */
static const char *why_expired(enum invocation_state state)
{
    return state == INVOCATION_WAITING_CLICK   ? "no_click"
           : state == INVOCATION_WAITING_PLACE ? "no_place"
           : state == INVOCATION_APPROVED      ? "too_late"
                                               : "expired";
}

/* What time alone decides. False: nothing. */
static bool overdue(const struct invocation *invocation, msec now, enum invocation_state *to,
                    const char **reason)
{
    if (invocation->state == INVOCATION_EXECUTING && now >= invocation->lease_until) {
        *to = INVOCATION_UNKNOWN;
        *reason = "no_answer";
        return true;
    }
    if (invocation->state == INVOCATION_SENDING && now >= invocation->lease_until) {
        *to = INVOCATION_FAILED;
        *reason = "push_unknown";
        return true;
    }
    if (invocation->state != INVOCATION_EXECUTING && !invocation_is_final(invocation->state) &&
        now >= invocation->deadline) {
        *to = INVOCATION_EXPIRED;
        *reason = why_expired(invocation->state);
        return true;
    }
    return false;
}

/* Turns are cancelled by who holds no invocation key: the mark is what says so. */
static enum err turn_cancelled(struct store *store, const struct invocation *invocation, msec now,
                               bool *cancelled)
{
    uint8_t mark[RECORD_ID_SIZE];
    enum err err = ERR_NONE;

    if (invocation_may_move(invocation->state, INVOCATION_CANCELLED)) {
        mark_turn_cancelled(invocation->turn, mark);
        err = record_exists(store, KIND_ONCE, mark, now);
    }
    *cancelled = err == ERR_OK;
    return err == ERR_NONE ? ERR_OK : err;
}

enum err invocation_settle(struct store *store, struct invocation *invocation, msec now)
{
    enum invocation_state to = INVOCATION_CANCELLED;
    const char *reason = "cancelled";
    bool cancelled = false;
    enum err err = ERR_OK;

    if (!overdue(invocation, now, &to, &reason)) {
        err = turn_cancelled(store, invocation, now, &cancelled);
        if (err != ERR_OK || !cancelled) {
            return err;
        }
    }
    err = invocation_move(invocation, to, reason);
    return err == ERR_OK ? invocation_save(store, invocation, now) : err;
}
