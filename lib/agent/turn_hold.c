#include "agent/turn_hold.h"

#include "base/log.h"
#include "base/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Under the lock. due_at 0: never again. */
static enum err write_payload(struct turn_hold *hold, const struct buf *payload, msec due_at,
                              msec now)
{
    if (hold->lost) {
        return ERR_CONFLICT;
    }
    hold->record.payload = payload->data;
    hold->record.payload_len = payload->len;
    hold->record.due_at = due_at;
    enum err err = record_replace(hold->store, &hold->record, now);
    hold->record.payload = NULL;
    hold->record.payload_len = 0;
    if (err == ERR_CONFLICT) {
        hold->lost = true;
        log_line(LOG_INFO, "a turn went to another worker", LOG_T("turn", hold->turn->id));
    }
    return err;
}

/* Under the lock. */
static enum err write_turn(struct turn_hold *hold, const struct turn *turn, msec due_at, msec now)
{
    struct buf payload = buf_make_secret(TURN_PAYLOAD_MAX);
    enum err err = turn_to_json(turn, &payload);
    if (err == ERR_OK) {
        err = write_payload(hold, &payload, due_at, now);
    }
    if (err == ERR_OK) {
        buf_free(&hold->saved);
        hold->saved = payload;
        hold->lease_until = turn->lease_until;
        return ERR_OK;
    }
    buf_free(&payload);
    return err;
}

enum err hold_take(struct store *store, const uint8_t id[RECORD_ID_SIZE], uint64_t expected,
                   msec now, struct turn_hold **out)
{
    struct turn_hold *hold = calloc(1, sizeof *hold);
    struct turn *turn = calloc(1, sizeof *turn);
    *out = NULL;
    if (hold == NULL || turn == NULL || pthread_mutex_init(&hold->lock, NULL) != 0) {
        free(hold);
        free(turn);
        return ERR_MEMORY;
    }
    hold->store = store;
    hold->turn = turn;
    enum err err = record_get(store, KIND_TURN, id, now, &hold->record);
    if (err == ERR_OK) {
        err = turn_from_json(hold->record.payload, hold->record.payload_len, turn);
        if (err == ERR_INPUT) {
            /* Ours by its seal, yet not a turn: nobody can advance it, so it is never due again. */
            log_line(LOG_ERROR, "a turn's record is not one");
            hold->record.due_at = 0;
            enum err put_off = record_replace(store, &hold->record, now);
            err = put_off == ERR_OK || put_off == ERR_CONFLICT ? ERR_NONE : put_off;
        }
    }
    if (err != ERR_OK) {
        goto done;
    }
    hold->saved = buf_make_secret(TURN_PAYLOAD_MAX);
    buf_add(&hold->saved, hold->record.payload, hold->record.payload_len);
    free_wiped(hold->record.payload);
    hold->record.payload = NULL;
    hold->lease_until = turn->lease_until;
    if (turn->state != TURN_RUNNING) {
        /* A hint came for a turn that had ended: nothing is ever due here again. */
        err = write_turn(hold, turn, 0, now);
        err = err == ERR_OK || err == ERR_CONFLICT ? ERR_NONE : err;
        goto done;
    }
    bool ours = expected != 0 && hold->record.version == expected;
    /* A lease beyond any that is given now was given before the clock was set back. */
    if (!ours && turn->lease_until > now && turn->lease_until <= now + TURN_LEASE) {
        err = ERR_NONE;
        goto done;
    }
    if (!ours || turn->lease_until < now + TURN_LEASE / 2) {
        turn->lease_until = now + TURN_LEASE;
        err = write_turn(hold, turn, turn->lease_until, now);
    }
    if (err == ERR_OK) {
        err = emitter_open(&hold->emitter, store, turn, now);
    }

done:
    if (err != ERR_OK) {
        hold_free(hold);
        return err;
    }
    *out = hold;
    return ERR_OK;
}

void hold_free(struct turn_hold *hold)
{
    if (hold == NULL) {
        return;
    }
    emitter_free(&hold->emitter);
    turn_free(hold->turn);
    free(hold->turn);
    record_free(&hold->record);
    buf_free(&hold->saved);
    (void)pthread_mutex_destroy(&hold->lock);
    free(hold);
}

enum err hold_save(struct turn_hold *hold, msec now)
{
    (void)pthread_mutex_lock(&hold->lock);
    hold->turn->lease_until = now + TURN_LEASE;
    enum err err = write_turn(hold, hold->turn, hold->turn->lease_until, now);
    (void)pthread_mutex_unlock(&hold->lock);
    return err;
}

enum err hold_release(struct turn_hold *hold, msec due_at, msec now)
{
    (void)pthread_mutex_lock(&hold->lock);
    hold->turn->lease_until = 0;
    enum err err = write_turn(hold, hold->turn, due_at, now);
    hold->lost = true; /* whatever comes after this is another worker's */
    (void)pthread_mutex_unlock(&hold->lock);
    return err;
}

/* Under the lock; turn is the worker's own or the keeper's copy of what was last written. */
static enum err finish(struct turn_hold *hold, struct turn *turn, enum turn_state state,
                       const char *code, msec now)
{
    json_t *data = NULL;
    turn->state = state;
    turn->lease_until = 0;
    (void)snprintf(turn->code, sizeof turn->code, "%s", code);
    turn->settled_event = hold->emitter.next - 1;
    turn->text_len = hold->emitter.shown;
    turn_drop_calls(turn);
    enum err err = write_turn(hold, turn, 0, now);
    if (err != ERR_OK) {
        return err;
    }
    hold->lost = true;
    const char *type = turn_last_event(turn, &data);
    /* The record decides; a reader that misses this event makes it from the record. */
    if (data == NULL ||
        turn_event_put(hold->store, turn, turn->settled_event + 1, type, data, -1, now) != ERR_OK) {
        log_line(LOG_WARN, "a turn's last event was not written", LOG_T("turn", turn->id));
    }
    json_decref(data);
    log_line(LOG_INFO, "a turn ended", LOG_T("turn", turn->id),
             LOG_T("state", turn_state_name(state)), LOG_T("code", code),
             LOG_N("steps", turn->steps), LOG_N("actions", turn->actions));
    return ERR_OK;
}

static enum err rewrite(struct turn_hold *hold, msec lease_until, msec due_at, msec now);

/*
 * Under the lock.  Events are put, not replaced, so no version stops a worker that
 * was held up past its lease: it renews that first, and learns there that it is late.
 */
static enum err still_ours(struct turn_hold *hold, msec now)
{
    if (hold->lost) {
        return ERR_CONFLICT;
    }
    return now < hold->lease_until ? ERR_OK
                                   : rewrite(hold, now + TURN_LEASE, now + TURN_LEASE, now);
}

enum err hold_finish(struct turn_hold *hold, enum turn_state state, const char *code, msec now)
{
    (void)pthread_mutex_lock(&hold->lock);
    enum err err = still_ours(hold, now);
    /* What does not fit any more is not said; the turn ends all the same. */
    if (err == ERR_OK && emitter_flush(&hold->emitter, now) == ERR_STORE) {
        err = ERR_STORE;
    }
    if (err == ERR_OK) {
        err = finish(hold, hold->turn, state, code, now);
    }
    (void)pthread_mutex_unlock(&hold->lock);
    return err;
}

enum err hold_text(struct turn_hold *hold, const char *bytes, size_t len, msec now)
{
    (void)pthread_mutex_lock(&hold->lock);
    enum err err = still_ours(hold, now);
    if (err == ERR_OK) {
        err = emitter_text(&hold->emitter, bytes, len, now);
    }
    (void)pthread_mutex_unlock(&hold->lock);
    return err;
}

enum err hold_flush(struct turn_hold *hold, msec now)
{
    (void)pthread_mutex_lock(&hold->lock);
    enum err err = still_ours(hold, now);
    if (err == ERR_OK) {
        err = emitter_flush(&hold->emitter, now);
    }
    (void)pthread_mutex_unlock(&hold->lock);
    return err;
}

enum err hold_event(struct turn_hold *hold, const char *type, json_t *data, int call, msec now)
{
    (void)pthread_mutex_lock(&hold->lock);
    enum err err = still_ours(hold, now);
    if (err != ERR_OK) {
        json_decref(data);
    } else {
        err = emitter_event(&hold->emitter, type, data, call, now);
    }
    (void)pthread_mutex_unlock(&hold->lock);
    return err;
}

void hold_set_in_step(struct turn_hold *hold, bool in_step)
{
    (void)pthread_mutex_lock(&hold->lock);
    hold->in_step = in_step;
    (void)pthread_mutex_unlock(&hold->lock);
}

bool hold_is_lost(struct turn_hold *hold)
{
    (void)pthread_mutex_lock(&hold->lock);
    bool lost = hold->lost;
    (void)pthread_mutex_unlock(&hold->lock);
    return lost;
}

/* ---- the keeper's: the worker's turn is not touched, only what was last written ---- */

static enum err rewrite(struct turn_hold *hold, msec lease_until, msec due_at, msec now)
{
    struct turn *copy = calloc(1, sizeof *copy);
    if (copy == NULL) {
        return ERR_MEMORY;
    }
    enum err err = turn_from_json(buf_str(&hold->saved), hold->saved.len, copy);
    if (err == ERR_OK) {
        copy->lease_until = lease_until;
        err = write_turn(hold, copy, due_at, now);
    }
    turn_free(copy);
    free(copy);
    return err;
}

static void end_cancelled(struct turn_hold *hold, msec now)
{
    struct turn *copy = calloc(1, sizeof *copy);
    if (copy == NULL) {
        return;
    }
    enum err err = emitter_flush(&hold->emitter, now);
    if (err == ERR_OK || err == ERR_LIMIT) {
        err = turn_from_json(buf_str(&hold->saved), hold->saved.len, copy);
    }
    if (err == ERR_OK) {
        err = finish(hold, copy, TURN_CANCELLED, "cancelled", now);
    }
    if (err != ERR_OK) {
        log_line(LOG_WARN, "a cancelled turn could not be ended yet",
                 LOG_T("error", err_name(err)));
    }
    turn_free(copy);
    free(copy);
}

void hold_keep(struct turn_hold *hold, msec now)
{
    (void)pthread_mutex_lock(&hold->lock);
    if (!hold->lost && hold->in_step && turn_cancelled(hold->store, hold->turn, now) == ERR_OK) {
        end_cancelled(hold, now);
    } else if (!hold->lost && hold->lease_until < now + TURN_LEASE / 2 &&
               rewrite(hold, now + TURN_LEASE, now + TURN_LEASE, now) != ERR_OK) {
        log_line(LOG_INFO, "a lease was not lengthened");
    }
    /* A model that fell silent in mid-sentence: what it has said until then is shown. */
    if (hold->in_step && still_ours(hold, now) == ERR_OK) {
        enum err err = emitter_flush(&hold->emitter, now);
        if (err != ERR_OK && err != ERR_LIMIT) {
            log_line(LOG_INFO, "text is told later", LOG_T("error", err_name(err)));
        }
    }
    (void)pthread_mutex_unlock(&hold->lock);
}

void hold_drop(struct turn_hold *hold, msec now)
{
    (void)pthread_mutex_lock(&hold->lock);
    if (!hold->lost && rewrite(hold, 0, now, now) != ERR_OK) {
        log_line(LOG_INFO, "a turn was not given back; its lease lapses");
    }
    hold->lost = true;
    (void)pthread_mutex_unlock(&hold->lock);
}
