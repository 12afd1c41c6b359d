/*
 * A turn taken as far as it goes without waiting for a person.
 *
 *   message -> step -> text ............................ done
 *                   -> calls -> POST each -> results -> step ...
 *                               pending: released, due when the guard says so
 *
 * Whatever a step or call needs is in the record before it is sent, so that the
 * next worker can send the same again.  Repeating a step is safe: a model does
 * nothing.  Repeating a call is safe: its call id is the same.
 */
#ifndef COUNTERSIGN_AGENT_ADVANCE_H
#define COUNTERSIGN_AGENT_ADVANCE_H

#include "agent/action_client.h"
#include "agent/turn_hold.h"
#include "catalogue/action.h"
#include "identity/session.h"

struct advance { /* what turns need; shared by the workers, borrowed members */
    struct store *store;
    struct session_limits limits;
    struct agent_backend *backend;
    struct action_client client;
    enum fga_profile profile;
    msec (*now)(void);
    enum err (*random)(uint8_t *out, size_t len);
    /* A place to ask the model in; false: all are taken, ask later.  NULL: there is always one. */
    bool (*enter)(void *places);
    void (*leave)(void *places);
    void *places;
};

/*
 * ERR_OK: the turn has ended, or was given back; *due_at is when it is due next,
 * 0 when it has ended.  Any other error: its lease lapses and it is tried again.
 */
WARN_UNUSED enum err turn_advance(const struct advance *advance, struct turn_hold *hold,
                                  msec *due_at);

/* Part of turn_advance: run the i-th call. *due_at 0: it is settled, go on. */
WARN_UNUSED enum err advance_call(const struct advance *advance, struct turn_hold *hold, size_t i,
                                  msec *due_at);
/* A call that is not run at all: the model is told text, the page the status. */
WARN_UNUSED enum err advance_refuse(const struct advance *advance, struct turn_hold *hold, size_t i,
                                    const char *status, const char *text);

/* Milliseconds before try number tries (1 for the first repeat). */
msec advance_pause(unsigned tries);

#endif
