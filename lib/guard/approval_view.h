/*
 * What a person is shown of invocations, and the changes that the page may make
 * to one: set `clicked`, cancel, mark as read, each by compare-and-swap.  Needs
 * no credential of anybody.
 */
#ifndef COUNTERSIGN_GUARD_APPROVAL_VIEW_H
#define COUNTERSIGN_GUARD_APPROVAL_VIEW_H

#include "catalogue/action.h"
#include "guard/invocation.h"
#include "identity/session.h"

struct approval_view { /* who looks, and when; all borrowed */
    struct store *store;
    const uint8_t *owner;
    struct session_limits limits;
    enum fga_profile profile;
    msec now;
};

/*
 * invocation_settle, and more: what is open in a session that has ended is
 * cancelled.  ERR_CONFLICT: someone else moved it first.
 */
WARN_UNUSED enum err approval_settle(const struct approval_view *view,
                                     struct invocation *invocation);

/* Settled. ERR_NONE for what is not there and for what is another person's alike (row 54). */
WARN_UNUSED enum err approval_load(const struct approval_view *view, const char *id,
                                   struct invocation *out);

/* False: the state leaves nothing to change, and the card says what it is. */
typedef bool approval_change_fn(struct invocation *invocation);
approval_change_fn approval_click;
approval_change_fn approval_cancel;
approval_change_fn approval_disown; /* "Not me" */
approval_change_fn approval_acknowledge;

/* Load, apply, save, and hint the turn. *out is the caller's to free, also after an error. */
WARN_UNUSED enum err approval_change(const struct approval_view *view, const char *id,
                                     approval_change_fn *apply, struct invocation *out);
/* No further act of this invocation's turn. */
WARN_UNUSED enum err approval_cancel_turn(const struct approval_view *view,
                                          const struct invocation *invocation);

/* The caller owns what is returned. *err is set and kept as by the js_set functions. */
json_t *approval_card(const struct approval_view *view, const struct invocation *invocation,
                      enum err *err);

/*
 * {"approvals": [cards]}: all that waits for the person, and every unknown outcome
 * that he has not acknowledged.  {"actions": [...]}: his recent acts; however
 * many there are since, none that is open or unacknowledged is left out.
 */
#define APPROVAL_ACTIONS_SHOWN 50
WARN_UNUSED enum err approval_list(const struct approval_view *view, json_t **out);
WARN_UNUSED enum err approval_actions(const struct approval_view *view, json_t **out);

#endif
