/*
 * A turn in a worker's hands.  Whoever holds it may change it; the lease in the
 * record says until when, and every write is a compare-and-swap, so a worker
 * that was taken for dead finds out at its next write and does nothing more.
 *
 * Two threads meet here: the worker, and the keeper, which lengthens the lease
 * while the worker waits for a remote party, and ends the turn or gives it back
 * where the worker cannot (cancelled or stopping during a silent answer).  What
 * both touch is under the lock; the turn itself is the worker's.
 */
#ifndef COUNTERSIGN_AGENT_TURN_HOLD_H
#define COUNTERSIGN_AGENT_TURN_HOLD_H

#include "agent/turn.h"
#include "agent/turn_events.h"

#include <pthread.h>

struct turn_hold {
    struct store *store;
    struct turn *turn;
    struct emitter emitter;
    pthread_mutex_t lock;
    /* under the lock: */
    struct record record; /* ids, owner and version as last written; no payload */
    struct buf saved;     /* payload as last written */
    msec lease_until;
    bool lost;    /* it is no longer ours */
    bool in_step; /* the model is asked: no invocation is open */
};

/*
 * Take a turn that is due, or the one that this process has just made (expected:
 * its version; 0 for any).  ERR_NONE: gone, ended, or in other hands.
 * ERR_CONFLICT: another worker was first.
 */
WARN_UNUSED enum err hold_take(struct store *store, const uint8_t id[RECORD_ID_SIZE],
                               uint64_t expected, msec now, struct turn_hold **out);
void hold_free(struct turn_hold *hold); /* does not give it back: the lease lapses */

/* Write the turn as it is and go on. ERR_CONFLICT: lost. */
WARN_UNUSED enum err hold_save(struct turn_hold *hold, msec now);
/* Write it and give it back, due at due_at. */
WARN_UNUSED enum err hold_release(struct turn_hold *hold, msec due_at, msec now);
/* End it: state, code, the last event.  Calls are dropped. */
WARN_UNUSED enum err hold_finish(struct turn_hold *hold, enum turn_state state, const char *code,
                                 msec now);

/* Events, only while it is ours: ERR_CONFLICT else. */
WARN_UNUSED enum err hold_text(struct turn_hold *hold, const char *bytes, size_t len, msec now);
WARN_UNUSED enum err hold_flush(struct turn_hold *hold, msec now);
WARN_UNUSED enum err hold_event(struct turn_hold *hold, const char *type, json_t *data, int call,
                                msec now);

void hold_set_in_step(struct turn_hold *hold, bool in_step);
bool hold_is_lost(struct turn_hold *hold);

/* ---- the keeper's ---- */

/* Lengthen the lease when less than half is left; end a cancelled turn in a silent step. */
void hold_keep(struct turn_hold *hold, msec now);
/* The process stops: give the turn back as last written, due at once. */
void hold_drop(struct turn_hold *hold, msec now);

#endif
