/*
 * An act whose process was killed gets its outcome from whoever comes next: the
 * approvals page may settle the record, but only an action program can write the
 * audit log.  The due time set at consumption is what finds it.
 */
#include "base/log.h"
#include "guard/internal.h"

#define DUE_MOST 5 /* an entry's own work comes first */

static enum err settle_one(struct guard *guard, struct invocation *invocation)
{
    enum err err = invocation_settle(guard->store, invocation, guard->now());

    if (err != ERR_OK || !invocation_is_final(invocation->state)) {
        return err;
    }
    if (invocation->consumed) {
        err = audit_write(guard, invocation, "outcome", invocation_state_name(invocation->state));
    }
    if (err == ERR_OK || err == ERR_CONFLICT) { /* it is there, by this call or an earlier one */
        invocation->due_at = 0;
        err = invocation_save(guard->store, invocation, guard->now());
    }
    return err;
}

void guard_settle_due(struct guard *guard)
{
    struct invocation_list list = {0};
    enum err err = invocation_due(guard->store, guard->now(), DUE_MOST, &list);

    for (size_t i = 0; err == ERR_OK && i < list.count; i++) {
        err = settle_one(guard, &list.items[i]);
        err = err == ERR_CONFLICT ? ERR_OK : err; /* someone else is at it */
    }
    if (err != ERR_OK) {
        log_line(LOG_WARN, "acts left behind were not settled", LOG_T("error", err_name(err)));
    }
    invocation_list_free(&list);
}
