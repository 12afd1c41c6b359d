/*
 * Ids of records that programs with different keys must agree on.  Each is a
 * hash with a label of its own, so that no two uses collide.
 */
#ifndef COUNTERSIGN_CATALOGUE_MARKS_H
#define COUNTERSIGN_CATALOGUE_MARKS_H

#include "store/record.h"

/* KIND_TURN: the record of a turn, from the id the page holds. */
void mark_turn(const char *turn, uint8_t id[RECORD_ID_SIZE]);
/* KIND_ONCE: this turn was cancelled. Put by chat and approvals, read by the guard. */
void mark_turn_cancelled(const char *turn, uint8_t id[RECORD_ID_SIZE]);
/* KIND_ONCE: this turn has had the push that goes by itself. */
void mark_turn_pushed(const char *turn, uint8_t id[RECORD_ID_SIZE]);
/* KIND_INVOCATION: the record, from the public id. */
void mark_invocation(const char *invocation, uint8_t id[RECORD_ID_SIZE]);
/* Second key of invocations: their turn. */
void mark_invocation_turn(const char *turn, uint8_t id[RECORD_ID_SIZE]);
/* KIND_LEASE: the one place for a person's pending approval. */
void mark_approval_place(const uint8_t owner[RECORD_ID_SIZE], uint8_t id[RECORD_ID_SIZE]);
/* KIND_ONCE: this invocation was denied, and counted. */
void mark_denial(const char *invocation, uint8_t id[RECORD_ID_SIZE]);
/* KIND_ONCE: approvals of this person are locked after denials. */
void mark_denials_lock(const uint8_t owner[RECORD_ID_SIZE], uint8_t id[RECORD_ID_SIZE]);
/* Second key of the marks of a person's denials. */
void mark_denials(const uint8_t owner[RECORD_ID_SIZE], uint8_t id[RECORD_ID_SIZE]);
/* KIND_LEASE: this act on this target is under way, or its outcome is unknown. Its payload is the
 * invocation's public id. */
void mark_act(const uint8_t owner[RECORD_ID_SIZE], const char *action, const char *user,
              const char *group, uint8_t id[RECORD_ID_SIZE]);

#define DENIALS_WINDOW MINUTES(15)
#define DENIALS_LOCK 3 /* so many within the window, and none is asked for as long again */

#endif
