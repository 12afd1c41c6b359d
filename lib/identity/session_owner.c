/*
 * What concerns all of one person's sessions: their list, and signing out
 * everywhere by the owner's not_before time.
 */
#include "base/json.h"
#include "base/log.h"
#include "identity/session_internal.h"

#include <stdlib.h>
#include <string.h>

/* How often a lost race for a row is tried again before the store is called ill. */
#define TRIES 8

/* A list longer than this shows its newest part. */
#define LIST_MAX 100

/*
 * A not_before outlives every session and login that it could forbid: the
 * longest absolute limit that the configuration takes is far below this.
 */
#define NOT_BEFORE_KEPT HOURS(24 * 400)

enum err session_not_before(struct store *store, const uint8_t owner[RECORD_ID_SIZE], msec now,
                            msec *not_before)
{
    struct record record = {0};
    json_t *object = NULL;
    json_int_t at = 0;
    enum err err = record_get(store, KIND_OWNER, owner, now, &record);

    *not_before = 0;
    if (err == ERR_NONE) {
        return ERR_OK;
    }
    if (err != ERR_OK) {
        return err;
    }
    err = js_parse_object(record.payload, record.payload_len, SESSION_PAYLOAD_MAX, &object);
    if (err == ERR_OK) {
        err = js_int(object, "not_before", 1, INT64_MAX, &at);
    }
    if (err == ERR_OK) {
        *not_before = at;
    } else if (err != ERR_MEMORY) {
        err = ERR_FORGED;
    }
    json_decref(object);
    record_free(&record);
    return err;
}

void session_not_before_told(msec not_before, msec now)
{
    if (not_before <= now + SESSION_CLOCK_SKEW) {
        return;
    }
    log_line(LOG_ERROR,
             "a person who signed out everywhere while this host's clock was ahead cannot sign in "
             "until that time; with the clock right, run: countersign sessions allow-again",
             LOG_N("not_before", not_before), LOG_N("now", now));
}

static enum err not_before_text(msec now, struct record *record)
{
    struct buf text = buf_make(64);

    buf_addf(&text, "{\"not_before\":%lld}", (long long)now);
    record->payload_len = text.len;
    return buf_take(&text, &record->payload);
}

/* Raise not_before to now, where it is below; with lower, set it to now where it is above. */
static enum err not_before_set(struct store *store, const uint8_t owner[RECORD_ID_SIZE], msec now,
                               bool lower)
{
    enum err err = ERR_CONFLICT;

    for (int i = 0; i < TRIES && err == ERR_CONFLICT; i++) {
        struct record record = {0};
        msec present = 0;

        err = session_not_before(store, owner, now, &present);
        if (err != ERR_OK || (lower ? present <= now : present >= now)) {
            return err == ERR_OK && lower ? ERR_NONE : err;
        }
        err = record_get(store, KIND_OWNER, owner, now, &record);
        if (err == ERR_NONE) {
            record = (struct record){.kind = KIND_OWNER};
            memcpy(record.id, owner, sizeof record.id);
            memcpy(record.owner, owner, sizeof record.owner);
        } else if (err != ERR_OK) {
            return err;
        }
        free_wiped(record.payload);
        record.payload = NULL;
        record.expires_at = now + NOT_BEFORE_KEPT;
        err = not_before_text(now, &record);
        if (err == ERR_OK) {
            err = record.version ? record_replace(store, &record, now)
                                 : record_put(store, &record, now);
        }
        record_free(&record);
    }
    return err;
}

enum err session_allow_again(struct store *store, const uint8_t owner[RECORD_ID_SIZE], msec now)
{
    /* To now, not away: every session and sign-in from before stays ended. */
    return not_before_set(store, owner, now, true);
}

enum err session_end_all(struct store *store, const uint8_t owner[RECORD_ID_SIZE], msec now,
                         size_t *ended)
{
    enum err err = not_before_set(store, owner, now, false);

    *ended = 0;
    /* Rounds, because a list is cut at its maximum; bounded, because each round deletes. */
    for (int round = 0; err == ERR_OK && round < TRIES; round++) {
        struct record_list list = {0};

        err = record_by_owner(store, KIND_SESSION, owner, now, RECORD_LIST_MAX, &list);
        for (size_t i = 0; err == ERR_OK && i < list.count; i++) {
            err = session_end(store, list.records[i].id);
            if (err == ERR_OK) {
                ++*ended;
            } else if (err == ERR_NONE) {
                err = ERR_OK;
            }
        }
        round = list.count < RECORD_LIST_MAX ? TRIES : round;
        record_list_free(&list);
    }
    return err;
}

enum err session_list(struct store *store, const uint8_t owner[RECORD_ID_SIZE], msec now,
                      struct session_list *out)
{
    struct record_list rows = {0};
    enum err err;

    memset(out, 0, sizeof *out);
    err = record_by_owner(store, KIND_SESSION, owner, now, LIST_MAX, &rows);
    if (err != ERR_OK || rows.count == 0) {
        goto done;
    }
    out->sessions = calloc(rows.count, sizeof *out->sessions);
    if (!out->sessions) {
        err = ERR_MEMORY;
        goto done;
    }
    for (size_t i = 0; err == ERR_OK && i < rows.count; i++) {
        err = session_from_record(&rows.records[i], NULL, now, &out->sessions[out->count]);
        if (err == ERR_OK) {
            out->count++;
        } else if (err == ERR_NONE || err == ERR_FORGED) { /* logged; the others are still shown */
            err = ERR_OK;
        }
    }
done:
    if (err != ERR_OK) {
        session_list_free(out);
    }
    record_list_free(&rows);
    return err;
}

void session_list_free(struct session_list *list)
{
    if (!list) {
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        session_free(&list->sessions[i]);
    }
    free(list->sessions);
    memset(list, 0, sizeof *list);
}
