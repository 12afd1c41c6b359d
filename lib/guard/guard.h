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
    const char *scopes; /* Okta scopes the action needs, space separated; NULL: okta.users.read */
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

/*
 * Steps 1 to 4 for an action named by the event, without a record: arguments
 * {action, user_email} and group_name where that action has one.  The event's
 * group is FGACheck.  Same errors.
 */
WARN_UNUSED enum err guard_check(struct guard *guard, const struct action_event *event,
                                 struct action_answer *answer);

/*
 * The whole of POST /actions/...: bytes in, the answer's JSON out (owned by the
 * caller).  group is the program's: an event for another is ERR_INPUT, its
 * ticket notwithstanding.
 */
typedef enum err guard_entry_fn(struct guard *guard, const struct action_event *event,
                                struct action_answer *answer);
WARN_UNUSED enum err guard_serve(struct guard *guard, guard_entry_fn *entry, const char *group,
                                 const char *body, size_t len, json_t **out);

#endif
