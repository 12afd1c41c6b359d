#include "agent/advance.h"

#include "base/log.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define STEP_DEADLINE SECONDS(90)
#define STEP_TRIES 3
#define PLACE_MS 500   /* when a turn that found no place to ask the model in asks again */
#define ROUNDS_MAX 128 /* more than steps and calls can make: a bound for a fault of ours */
#define LOOK_MS 1000   /* how often a speaking model is interrupted by a look at the cancel mark */

static const char REFUSED_MANY[] = "At most five actions can be asked for at once. Nothing of this "
                                   "was done; ask again in smaller parts.";

struct speaking {
    const struct advance *advance;
    struct turn_hold *hold;
    msec looked_at;
};

/* ERR_NONE: cancelled meanwhile. */
static enum err hear(void *context, const char *bytes, size_t len)
{
    struct speaking *speaking = context;
    msec now = speaking->advance->now();
    if (now - speaking->looked_at >= LOOK_MS) {
        speaking->looked_at = now;
        if (turn_cancelled(speaking->advance->store, speaking->hold->turn, now) == ERR_OK) {
            return ERR_NONE;
        }
    }
    return hold_text(speaking->hold, bytes, len, now);
}

/* What came of a step becomes the turn's next calls. */
static enum err take_calls(const struct advance *advance, struct turn_hold *hold,
                           struct agent_outcome *outcome)
{
    struct turn *turn = hold->turn;
    enum err err = ERR_OK;
    turn_drop_calls(turn);
    memcpy(turn->handle, outcome->handle, sizeof turn->handle);
    for (size_t i = 0; i < outcome->call_count && err == ERR_OK; i++) {
        uint8_t random[32];
        err = advance->random(random, sizeof random);
        if (err == ERR_OK) {
            turn->calls[i].call = outcome->calls[i];
            memset(&outcome->calls[i], 0, sizeof outcome->calls[i]);
            base64url_encode(random, sizeof random, turn->calls[i].call_id);
            turn->call_count = i + 1;
        }
    }
    for (size_t i = 0; i < turn->call_count && err == ERR_OK; i++) {
        const char *why =
            turn->call_count > TURN_INPUTS_MAX ? REFUSED_MANY : turn->calls[i].call.refusal;
        if (why != NULL) {
            (void)json_object_clear(turn->calls[i].call.arguments); /* of no use, and maybe large */
            err = advance_refuse(advance, hold, i, "denied", why);
        }
    }
    return err;
}

/*
 * The results could not be given to the model: its service has forgotten the
 * step, as it does when the answer to an earlier try was lost.  The person still
 * learns what was done.
 */
static enum err tell_results(const struct advance *advance, struct turn_hold *hold)
{
    struct buf text = buf_make(TURN_TEXT_MAX);
    for (size_t i = 0; i < hold->turn->call_count; i++) {
        buf_addf(&text, "%s%s: %s", i > 0 ? "\n" : "", hold->turn->calls[i].call.function,
                 hold->turn->calls[i].result);
    }
    enum err err = buf_err(&text);
    if (err == ERR_OK) {
        err = hold_text(hold, buf_str(&text), text.len, advance->now());
    }
    buf_free(&text);
    return err == ERR_LIMIT ? ERR_OK : err;
}

static enum err run_step(const struct advance *advance, struct turn_hold *hold,
                         struct agent_outcome *outcome)
{
    struct turn *turn = hold->turn;
    struct speaking speaking = {.advance = advance, .hold = hold};
    struct agent_result results[AGENT_CALLS_MAX];
    char session[65];
    msec now = advance->now();
    conversation_session(turn->conversation, session);
    for (size_t i = 0; i < turn->call_count; i++) {
        results[i] = (struct agent_result){.echo = turn->calls[i].call.echo,
                                           .outcome = turn->calls[i].outcome,
                                           .text = turn->calls[i].result};
    }
    struct agent_step step = {.session = session,
                              .person = &turn->person,
                              .text = turn->call_count == 0 ? turn->message : NULL,
                              .handle = turn->handle,
                              .results = results,
                              .result_count = turn->call_count,
                              .deadline = turn->deadline - now,
                              .now = now};
    if (step.deadline > STEP_DEADLINE) {
        step.deadline = STEP_DEADLINE;
    }
    speaking.looked_at = now;
    hold->emitter.matching = false;
    emitter_begin_step(&hold->emitter);
    hold_set_in_step(hold, true);
    enum err err = agent_step_run(advance->backend, &step, hear, &speaking, outcome);
    hold_set_in_step(hold, false);
    enum err flushed = hold_flush(hold, advance->now());
    if (err == ERR_OK && flushed != ERR_OK) {
        agent_outcome_free(outcome);
        err = flushed;
    }
    return err;
}

static enum err finish(const struct advance *advance, struct turn_hold *hold, enum turn_state state,
                       const char *code, msec *due_at)
{
    *due_at = 0;
    return hold_finish(hold, state, code, advance->now());
}

/* *over: the turn has ended or was given back. */
static enum err step(const struct advance *advance, struct turn_hold *hold, bool *over,
                     msec *due_at)
{
    struct turn *turn = hold->turn;
    *over = true;
    if (advance->enter != NULL && !advance->enter(advance->places)) {
        msec now = advance->now();
        *due_at = now + PLACE_MS;
        return hold_release(hold, *due_at, now);
    }
    struct agent_outcome *outcome = calloc(1, sizeof *outcome);
    bool results = turn->call_count > 0;
    enum err err = outcome != NULL ? run_step(advance, hold, outcome) : ERR_MEMORY;
    if (advance->leave != NULL) {
        advance->leave(advance->places);
    }
    if (outcome == NULL) {
        return err;
    }
    if (hold_is_lost(hold)) {
        *due_at = 0;
        err = ERR_CONFLICT;
    } else if (err == ERR_OK && outcome->ended) {
        turn->steps++;
        err = finish(advance, hold, TURN_DONE, "", due_at);
    } else if (err == ERR_OK) {
        turn->steps++;
        turn->tries = 0;
        *over = false;
        err = take_calls(advance, hold, outcome);
        if (err == ERR_OK) {
            emitter_settle(&hold->emitter);
            err = hold_save(hold, advance->now());
        }
        if (err == ERR_LIMIT || err == ERR_INPUT) { /* too much to keep: it cannot be run safely */
            *over = true;
            err = finish(advance, hold, TURN_ERROR, "agent_odd", due_at);
        }
    } else if (err == ERR_NONE) {
        *over = false; /* cancelled: the round sees the mark */
        err = ERR_OK;
    } else if (err == ERR_DENIED && results) {
        err = tell_results(advance, hold);
        if (err == ERR_OK) {
            err = finish(advance, hold, TURN_DONE, "", due_at);
        }
    } else if (err == ERR_DENIED) {
        err = finish(advance, hold, TURN_ERROR, "agent_refused", due_at);
    } else if (err == ERR_INPUT || err == ERR_FORGED) {
        err = finish(advance, hold, TURN_ERROR, "agent_odd", due_at);
    } else if (err == ERR_LIMIT) {
        err = finish(advance, hold, TURN_ERROR, "too_long", due_at);
    } else if ((err == ERR_REMOTE || err == ERR_UNKNOWN) && turn->tries + 1 < STEP_TRIES) {
        msec now = advance->now();
        turn->tries++;
        *due_at = now + advance_pause(turn->tries);
        err = hold_release(hold, *due_at, now);
    } else if (err == ERR_REMOTE || err == ERR_UNKNOWN) {
        err = finish(advance, hold, TURN_ERROR, "agent_unavailable", due_at);
    }
    agent_outcome_free(outcome);
    free(outcome);
    return err;
}

/* Cancelled, or its time is over: then only open invocations are still heard out. */
static enum err note_ending(const struct advance *advance, struct turn *turn, msec now)
{
    if (turn->ending != ENDING_NONE) {
        return ERR_OK;
    }
    enum err err = turn_cancelled(advance->store, turn, now);
    if (err == ERR_OK) {
        turn->ending = ENDING_CANCELLED;
        return ERR_OK;
    }
    if (err != ERR_NONE) {
        return err;
    }
    if (now < turn->deadline) {
        return ERR_OK;
    }
    /* The mark stops the guard too, so that nothing acts for a turn that is over. */
    turn->ending = ENDING_DEADLINE;
    return turn_mark_cancelled(advance->store, turn, now);
}

static enum err session_lives(const struct advance *advance, const struct turn *turn, msec now)
{
    uint8_t id[RECORD_ID_SIZE];
    size_t len = sizeof id;
    struct session session = {0};
    if (hex_decode(turn->session, strlen(turn->session), id, &len) != ERR_OK || len != sizeof id) {
        return ERR_NONE;
    }
    enum err err = session_check(advance->store, &advance->limits, id, now, &session);
    session_free(&session);
    return err;
}

static size_t first_open(const struct turn *turn)
{
    size_t i = 0;
    while (i < turn->call_count && turn->calls[i].settled) {
        i++;
    }
    return i;
}

static enum err end_now(const struct advance *advance, struct turn_hold *hold, msec *due_at)
{
    return hold->turn->ending == ENDING_CANCELLED
               ? finish(advance, hold, TURN_CANCELLED, "cancelled", due_at)
               : finish(advance, hold, TURN_ERROR, "timeout", due_at);
}

enum err turn_advance(const struct advance *advance, struct turn_hold *hold, msec *due_at)
{
    struct turn *turn = hold->turn;
    *due_at = 0;
    for (int round = 0; round < ROUNDS_MAX; round++) {
        msec now = advance->now();
        bool over = false;
        if (hold_is_lost(hold)) {
            return ERR_CONFLICT;
        }
        enum err err = note_ending(advance, turn, now);
        if (err != ERR_OK) {
            return err;
        }
        err = session_lives(advance, turn, now);
        if (err == ERR_NONE || err == ERR_FORGED) {
            return finish(advance, hold, TURN_ERROR, "signed_out", due_at);
        }
        if (err != ERR_OK) {
            return err;
        }
        size_t open = first_open(turn);
        if (turn->ending != ENDING_NONE &&
            (open == turn->call_count || now >= turn->deadline + TURN_GRACE)) {
            return end_now(advance, hold, due_at);
        }
        if (open < turn->call_count) {
            err = advance_call(advance, hold, open, due_at);
            over = *due_at != 0;
        } else if (turn->steps >= TURN_STEPS_MAX) {
            return finish(advance, hold, TURN_ERROR, "too_many_steps", due_at);
        } else {
            err = step(advance, hold, &over, due_at);
        }
        if (err == ERR_LIMIT) { /* a cap on events: the page can take no more */
            return finish(advance, hold, TURN_ERROR, "too_long", due_at);
        }
        if (err != ERR_OK || over) {
            return err;
        }
    }
    return finish(advance, hold, TURN_ERROR, "too_many_steps", due_at);
}
