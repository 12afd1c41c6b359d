/*
 * The guard: the one function that takes an invocation from proposal to outcome
 * (docs/DESIGN of the guard: ten steps).  It is linked into the action programs
 * only.  It never waits for a person: each entry goes as far as it can.
 */
#ifndef COUNTERSIGN_GUARD_GUARD_H
#define COUNTERSIGN_GUARD_GUARD_H

#include "authz/fga.h"
#include "catalogue/action.h"
#include "catalogue/event.h"
#include "guard/invocation.h"
#include "identity/ciba.h"
#include "identity/session.h"
#include "okta/okta.h"

struct guard; /* opaque; thread-safe */

/*
 * What an action does, bound to a catalogue row by name in the action program.
 * act: the one call that changes something (or reads, for the standard group).
 * ERR_OK done, ERR_UNKNOWN sent without an answer, anything else surely not
 * done.  text receives a short answer to the agent, free of secrets.
 * read_back may be NULL; ERR_OK: the effect shows; ERR_DENIED: it does not (an
 * alarm); anything else: could not be read.
 */
struct guard_act {
    struct okta *okta;
    const struct okta_token *token;
    const struct invocation *invocation;
};
struct guard_handler {
    const char *action;
    enum err (*act)(const struct guard_act *act, struct buf *text);
    enum err (*read_back)(const struct guard_act *act);
};

/* config, store, http are borrowed; handlers must outlive the guard. */
WARN_UNUSED enum err guard_open(const struct config *config, struct store *store, struct http *http,
                                const struct guard_handler *handlers, size_t handler_count,
                                struct guard **out);
void guard_free(struct guard *guard);

/*
 * Run one event of the given group.  ERR_OK: *answer says done, failed/denied or
 * pending.  ERR_AUTH: the caller (401).  ERR_INPUT: the event or its arguments
 * (400).  ERR_CONFLICT: the call id was used with other arguments (409).
 * ERR_STORE, ERR_MEMORY, ERR_SYSTEM: nothing was decided; the POST may be repeated.
 */
WARN_UNUSED enum err guard_run(struct guard *guard, const struct action_event *event,
                               struct action_answer *answer);

#endif
