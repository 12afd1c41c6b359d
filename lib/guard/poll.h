/*
 * One poll of a provider's request, on behalf of its own invocation or of one
 * that waits for its place.  Private to lib/guard.
 */
#ifndef COUNTERSIGN_GUARD_POLL_H
#define COUNTERSIGN_GUARD_POLL_H

#include "guard/internal.h"

/*
 * Claims the poll by a write to the record, sends it, and notes in the record
 * what comes of it (interval, poll_at, request_over): the caller saves that.
 * ERR_NONE: not now; *again_at says when.  ERR_CONFLICT: someone else moved the
 * record.  ERR_OK: *answer is the caller's to free.
 */
WARN_UNUSED enum err poll_request(struct guard *guard, struct invocation *invocation,
                                  struct ciba_answer *answer, msec *again_at);

#endif
