/*
 * The guard: the ten steps, in order, in one function.  Each entry takes the
 * record as far as it goes without waiting for a person; a step whose turn has
 * passed (the record is further) does nothing, so the order below is the order
 * of every path.
 */
#include "guard/internal.h"

#include "base/log.h"

/* A lost compare-and-swap means that another entry moved the record; so often it is read anew. */
#define ROUNDS 6

enum err guard_run(struct guard *guard, const struct action_event *event,
                   struct action_answer *answer)
{
    struct entry entry = {.guard = guard, .event = event, .answer = answer};
    int round = 0;
    enum err err;

    *answer = (struct action_answer){.outcome = OUTCOME_FAILURE};

    /* 1. The caller: ticket, session, the person. */
    STEP(guard_caller(&entry));

    /* Acts that a killed process left behind; and this very call, if it has an outcome already. */
    guard_settle_due(guard);
    STEP(guard_repeated(&entry));
    STEP(guard_switched_on(&entry));

    /* 2. Arguments against the action's strict schema; nobody else's identity. */
    STEP(guard_arguments(&entry));

    /* The record of this call, found or written. */
    STEP(guard_proposal(&entry));
again:
    /* Lease, deadline and the turn's cancel mark first; a final record is told, not run. */
    STEP(guard_settle(&entry));

    /* 3. May this person use this action at all? */
    STEP(guard_may_use(&entry));

    /* 4. The target: exactly one immutable id, and the person's right on it. */
    STEP(guard_target(&entry));

    /* 5. Where the row asks for it: one push to the person's own phone, written before sent. */
    STEP(guard_ask(&entry));

    /* 6. The evidence of the approval, and the digest of what it covers. */
    STEP(guard_evidence(&entry));

    /* 7. Everything again: session, cancellation, deadline, target, rights. */
    STEP(guard_again(&entry));

    /* 8. Consumed by one conditional write, intent in the audit log; then one last look. */
    STEP(guard_consume(&entry));
    STEP(guard_last_look(&entry));

    /* 9. The act, sent once, and its outcome. */
    STEP(guard_act(&entry));

    /* 10. The effect read back; a difference is an alarm. */
    STEP(guard_read_back(&entry));
    err = entry_tell(&entry);
done:
    if (err == ERR_CONFLICT && entry.found) {
        err = ++round < ROUNDS ? entry_reload(&entry) : ERR_STORE;
        if (err == ERR_OK) {
            goto again;
        }
    }
    entry_close(&entry);
    if (err != ERR_OK) {
        *answer = (struct action_answer){.outcome = OUTCOME_FAILURE};
        log_line(LOG_WARN, "an action call ended without an answer", LOG_T("error", err_name(err)));
    }
    return err;
}
