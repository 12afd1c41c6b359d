/*
 * The edges.  Nothing leaves a final state, nothing enters executing but out of
 * approved (or, for an action that asks nobody, out of proposed: step 8 checks
 * which), and executing ends in done, failed or unknown only: what may have been
 * sent is never called cancelled or expired.
 */
#include "guard/invocation.h"

#include "base/text.h"

#define TO(state) (1u << (INVOCATION_##state))
#define GIVEN_UP (TO(FAILED) | TO(DENIED) | TO(EXPIRED) | TO(CANCELLED))

static const unsigned edges[INVOCATION_STATE_COUNT] = {
    [INVOCATION_PROPOSED] =
        TO(WAITING_CLICK) | TO(WAITING_PLACE) | TO(SENDING) | TO(EXECUTING) | GIVEN_UP,
    [INVOCATION_WAITING_CLICK] = TO(WAITING_PLACE) | TO(SENDING) | GIVEN_UP,
    [INVOCATION_WAITING_PLACE] = TO(WAITING_CLICK) | TO(SENDING) | GIVEN_UP,
    [INVOCATION_SENDING] = TO(WAITING) | GIVEN_UP,
    [INVOCATION_WAITING] = TO(APPROVED) | GIVEN_UP,
    [INVOCATION_APPROVED] = TO(EXECUTING) | GIVEN_UP,
    [INVOCATION_EXECUTING] = TO(DONE) | TO(FAILED) | TO(UNKNOWN),
};

const char *invocation_state_name(enum invocation_state state)
{
    static const char *const names[INVOCATION_STATE_COUNT] = {
#define INVOCATION_NAME(enumerator, name, final) [enumerator] = (name),
        INVOCATION_STATES(INVOCATION_NAME)
#undef INVOCATION_NAME
    };

    return (unsigned)state < INVOCATION_STATE_COUNT ? names[state] : "unknown";
}

bool invocation_is_final(enum invocation_state state)
{
    static const bool finals[INVOCATION_STATE_COUNT] = {
#define INVOCATION_FINAL(enumerator, name, final) [enumerator] = (final),
        INVOCATION_STATES(INVOCATION_FINAL)
#undef INVOCATION_FINAL
    };

    /* A state out of range is none that anything may be done in. */
    return (unsigned)state >= INVOCATION_STATE_COUNT || finals[state];
}

bool invocation_may_move(enum invocation_state from, enum invocation_state to)
{
    return (unsigned)from < INVOCATION_STATE_COUNT && (unsigned)to < INVOCATION_STATE_COUNT &&
           (edges[from] & (1u << to)) != 0;
}

enum err invocation_move(struct invocation *invocation, enum invocation_state to,
                         const char *reason)
{
    if (!invocation_may_move(invocation->state, to)) {
        return ERR_DENIED;
    }
    if (text_copy(invocation->reason, sizeof invocation->reason, reason) != ERR_OK) {
        return ERR_LIMIT;
    }
    invocation->state = to;
    return ERR_OK;
}

msec invocation_expires_at(const struct invocation *invocation)
{
    return invocation->requested_at > 0 ? invocation->deadline - APPROVAL_GRACE : 0;
}
