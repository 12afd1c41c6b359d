/*
 * The threads that advance turns, whether anyone watches or not.
 *
 *   POST /api/chat -> workers_submit -> a worker
 *   looker: every 2 s, or when the store changed: due turns -> a worker
 *   keeper (the looker too): leases of turns in hand
 */
#ifndef COUNTERSIGN_AGENT_WORKER_H
#define COUNTERSIGN_AGENT_WORKER_H

#include "agent/advance.h"

#define WORKER_THREADS 8
#define WORKER_STEPS 6 /* threads that may wait for a model; the others are left to approvals */
#define WORKER_QUEUE 64
#define WORKER_LOOK_MS 2000

struct workers; /* opaque */

/* advance is copied; what it names is borrowed. */
WARN_UNUSED enum err workers_start(const struct advance *advance, struct workers **out);

/* A turn that this process has just made, with its version. When the queue is full it is found
 * again after its lease. */
void workers_submit(struct workers *workers, const uint8_t id[RECORD_ID_SIZE], uint64_t version);

/*
 * Take no more turns and give back those in hand (due at once, for another
 * process).  Waits for no thread and frees nothing: workers_submit stays legal, and
 * its turn is found again after its lease.
 */
void workers_end(struct workers *workers);

/*
 * workers_end, and wait.  ERR_OK: every thread has ended and workers is freed.  ERR_UNKNOWN:
 * one still waits for a remote party after `wait` milliseconds; it changes
 * nothing any more, but workers and all it borrows must stay until the process ends
 * or a further call says ERR_OK.
 */
WARN_UNUSED enum err workers_stop(struct workers *workers, msec wait);

#endif
