/*
 * Denials: on the phone, and "Not me" on the page.  Each invocation counts once,
 * whoever counts it and however often; three within 15 minutes lock approvals
 * for 15 minutes from the third.
 */
#ifndef COUNTERSIGN_GUARD_DENIAL_H
#define COUNTERSIGN_GUARD_DENIAL_H

#include "guard/invocation.h"

/* ERR_OK: it counts, by this call or an earlier one. To be called before the denial is saved. */
WARN_UNUSED enum err denial_count(struct store *store, const struct invocation *invocation,
                                  msec now);
WARN_UNUSED enum err denial_locked(struct store *store, const uint8_t owner[RECORD_ID_SIZE],
                                   msec now, bool *locked);

#endif
