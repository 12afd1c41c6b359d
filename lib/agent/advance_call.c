/* One call of a turn: POSTed with the same call id until the guard says how it ended. */
#include "agent/advance.h"
#include "base/log.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define POST_DEADLINE SECONDS(60)
#define ASK_SOONEST 200
#define ASK_LATEST SECONDS(30)
#define SHOWN_MAX 100 /* bytes of a model's text in an event */

static const char REFUSED_GROUP[] = "There is no such action group. Nothing was done.";
static const char REFUSED_COUNT[] =
    "Too many actions were asked for in this conversation turn. Nothing was done.";
static const char REFUSED_ENDING[] = "The turn was stopped before this was asked for. "
                                     "Nothing was done.";
static const char REFUSED_INPUT[] =
    "The action or its arguments were not understood. Nothing was done.";
static const char REFUSED_CONFLICT[] =
    "This call was made before with other arguments. Nothing more was done.";

msec advance_pause(unsigned tries)
{
    return tries >= 5 ? SECONDS(15) : SECONDS(1) << (tries > 0 ? tries - 1 : 0);
}

static void set_cut(json_t *object, const char *key, const char *text, enum err *err)
{
    char cut[SHOWN_MAX + 1];
    size_t len = 0;
    size_t total = strlen(text);
    while (len < total) {
        size_t step = utf8_step(text + len, total - len);
        if (step == 0 || len + step > SHOWN_MAX) {
            break;
        }
        len += step;
    }
    memcpy(cut, text, len);
    cut[len] = '\0';
    js_set_text(object, key, cut, err);
}

/* The account a call is about, for the page: by our names, else the first argument. */
static const char *target_of(const struct turn_call *call)
{
    const char *login = js_text(call->call.arguments, "user_email");
    const char *self = js_text(call->call.arguments, "user_id");
    void *first = json_object_iter(call->call.arguments);
    if (login != NULL || self != NULL) {
        return login != NULL ? login : self;
    }
    const char *value = first != NULL ? json_string_value(json_object_iter_value(first)) : NULL;
    return value != NULL ? value : "";
}

static enum err show(struct turn_hold *hold, size_t i, const char *status, msec now)
{
    struct turn_call *call = &hold->turn->calls[i];
    enum err err = ERR_OK;
    if (text_equal(call->shown, status)) {
        return ERR_OK;
    }
    json_t *data = json_object();
    set_cut(data, "name", call->call.function, &err);
    set_cut(data, "target", target_of(call), &err);
    js_set_text(data, "status", status, &err);
    if (err != ERR_OK) {
        json_decref(data);
        return err;
    }
    err = hold_event(hold, "action", data, (int)i, now);
    if (err == ERR_OK) {
        (void)snprintf(call->shown, sizeof call->shown, "%s", status);
    }
    return err;
}

static enum err show_approval(struct turn_hold *hold, size_t i, const struct action_answer *answer,
                              msec now)
{
    struct turn_call *call = &hold->turn->calls[i];
    msec expires_at = answer->expires_at != 0 ? answer->expires_at : hold->turn->deadline;
    enum err err = ERR_OK;
    json_t *data = json_object();
    js_set_text(data, "id", answer->invocation, &err);
    set_cut(data, "action", call->call.function, &err);
    set_cut(data, "target", target_of(call), &err);
    js_set_int(data, "expires_at", expires_at / 1000, &err);
    if (err != ERR_OK) {
        json_decref(data);
        return err;
    }
    err = hold_event(hold, "approval", data, (int)i, now);
    call->told = err == ERR_OK;
    return err;
}

static enum err settle(struct turn_hold *hold, size_t i, enum action_outcome outcome,
                       const char *status, const char *text, msec now)
{
    struct turn_call *call = &hold->turn->calls[i];
    enum err err = show(hold, i, status, now);
    if (err == ERR_OK) {
        err = text_dup(text, &call->result);
    }
    if (err == ERR_OK) {
        call->settled = true;
        call->outcome = outcome;
        hold->turn->tries = 0;
    }
    return err;
}

enum err advance_refuse(const struct advance *advance, struct turn_hold *hold, size_t i,
                        const char *status, const char *text)
{
    return settle(hold, i, OUTCOME_FAILURE, status, text, advance->now());
}

/* The page's word for how a failed call ended; the guard's states are ours to trust, not to echo.
 */
static const char *final_status(const struct action_answer *answer)
{
    static const char *const known[] = {"failed", "unknown", "denied", "expired", "cancelled"};
    for (size_t i = 0; i < COUNT(known); i++) {
        if (text_equal(known[i], answer->state)) {
            return known[i];
        }
    }
    return "failed";
}

static enum err pending(const struct advance *advance, struct turn_hold *hold, size_t i,
                        const struct action_answer *answer, msec now, msec *due_at)
{
    struct turn_call *call = &hold->turn->calls[i];
    const struct action *action =
        catalogue_find(call->call.group, call->call.function, advance->profile);
    enum err err = ERR_OK;
    if (!call->told && action != NULL && action->approval && answer->invocation[0] != '\0') {
        err = show_approval(hold, i, answer, now);
    }
    if (err == ERR_OK) {
        err = show(hold, i, "pending", now);
    }
    if (err != ERR_OK) {
        return err;
    }
    hold->turn->tries = 0;
    emitter_settle(&hold->emitter);
    *due_at = answer->ask_again_at;
    if (*due_at < now + ASK_SOONEST) {
        *due_at = now + ASK_SOONEST;
    } else if (*due_at > now + ASK_LATEST) {
        *due_at = now + ASK_LATEST;
    }
    if (hold->turn->ending == ENDING_NONE && *due_at > hold->turn->deadline) {
        *due_at = hold->turn->deadline > now ? hold->turn->deadline : now + ASK_SOONEST;
    }
    return hold_release(hold, *due_at, now);
}

/* Why a call is refused before it was ever POSTed; NULL when it may be. */
static const char *refusal(const struct turn *turn, const struct turn_call *call)
{
    const char *path = catalogue_group_path(call->call.group);
    if (turn->ending != ENDING_NONE) {
        return REFUSED_ENDING;
    }
    /* The check group is for people's tools, not for a model. */
    if (path == NULL || text_equal(path, "fga")) {
        return REFUSED_GROUP;
    }
    return turn->actions >= TURN_ACTIONS_MAX ? REFUSED_COUNT : NULL;
}

enum err advance_call(const struct advance *advance, struct turn_hold *hold, size_t i, msec *due_at)
{
    struct turn *turn = hold->turn;
    struct turn_call *call = &turn->calls[i];
    struct action_answer answer = {0};
    msec now = advance->now();
    *due_at = 0;
    if (call->shown[0] == '\0') {
        const char *why = refusal(turn, call);
        if (why != NULL) {
            return settle(hold, i, OUTCOME_FAILURE,
                          turn->ending != ENDING_NONE ? "cancelled" : "denied", why, now);
        }
        turn->actions++;
        enum err err = show(hold, i, "started", now);
        if (err != ERR_OK) {
            return err;
        }
    }
    enum err err = action_post(&advance->client, turn, call, POST_DEADLINE, now, &answer);
    now = advance->now();
    if (err == ERR_OK && answer.outcome == OUTCOME_REPROMPT) {
        return pending(advance, hold, i, &answer, now, due_at);
    }
    if (err == ERR_OK) {
        bool done = answer.outcome == OUTCOME_DONE;
        err = settle(hold, i, answer.outcome, done ? "done" : final_status(&answer), answer.text,
                     now);
    } else if (err == ERR_INPUT || err == ERR_CONFLICT) {
        err = settle(hold, i, OUTCOME_FAILURE, "failed",
                     err == ERR_INPUT ? REFUSED_INPUT : REFUSED_CONFLICT, now);
    } else {
        turn->tries++;
        emitter_settle(&hold->emitter);
        *due_at = now + advance_pause(turn->tries);
        return hold_release(hold, *due_at, now);
    }
    if (err == ERR_OK) {
        emitter_settle(&hold->emitter);
        err = hold_save(hold, now);
    }
    return err;
}
