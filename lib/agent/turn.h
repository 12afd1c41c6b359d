/*
 * Turns and conversations as records: making, finding and listing them.  Ids are
 * 256 random bits, or a hash of the person and the key that came with the request;
 * a record's id is a hash of the id that the page holds.  Another person's turn or
 * conversation is not there: ERR_NONE.
 */
#ifndef COUNTERSIGN_AGENT_TURN_H
#define COUNTERSIGN_AGENT_TURN_H

#include "agent/turn_record.h"
#include "identity/session.h"

#define TURNS_RUNNING_MAX 3 /* of one person */
#define TURN_LEASE SECONDS(30)
#define TURN_RANDOM 64 /* 32 bytes for the turn, 32 for a new conversation */

struct turn_request {
    const struct session *session;
    const char *message;      /* checked by turn_message_valid */
    const char *conversation; /* NULL: a new one */
    const char *key;          /* checked by turn_key_valid; NULL: none */
    const char *agent;
    const char *request_id;
    msec lifetime; /* TURN_SECONDS */
    uint8_t random[TURN_RANDOM];
};

/* 1..TURN_MESSAGE_CHARACTERS characters of UTF-8, not blank. */
bool turn_message_valid(const char *message);
/*
 * An Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): 16 to 64 of
 * A-Z a-z 0-9 - _, so that a UUID is one.
 */
bool turn_key_valid(const char *key);

/*
 * A new turn, written with a lease for the process that makes it (out->version).
 * The same key of the same person again: ERR_OK with that turn as it is now and
 * out->repeated, for a browser may send a POST twice by itself; with another
 * message or conversation: ERR_INPUT.  ERR_NONE: not that person's conversation.
 * ERR_LIMIT: TURNS_RUNNING_MAX are running.  ERR_CONFLICT: one is running in this
 * conversation.  Of several made at the same instant over a limit all may be refused.
 */
WARN_UNUSED enum err turn_create(struct store *store, const struct turn_request *request, msec now,
                                 struct turn *out);

/* owner NULL: anyone's (for workers). record may be NULL; else it is the caller's to free. */
WARN_UNUSED enum err turn_get(struct store *store, const char *id,
                              const uint8_t owner[RECORD_ID_SIZE], msec now, struct turn *out);

/*
 * Mark the turn as cancelled and have a worker look at it.  Its open invocations
 * are ended by the guard, and then the turn is.
 */
WARN_UNUSED enum err turn_cancel(struct store *store, const struct turn *turn, msec now);
/* ERR_OK: it is marked. ERR_NONE: not. */
WARN_UNUSED enum err turn_cancelled(struct store *store, const struct turn *turn, msec now);
WARN_UNUSED enum err turn_mark_cancelled(struct store *store, const struct turn *turn, msec now);

/* {"conversations":[{id,title,updated_at,turns:[{id,message,state,created_at}]}]}. */
WARN_UNUSED enum err conversations_json(struct store *store, const uint8_t owner[RECORD_ID_SIZE],
                                        msec now, json_t **out);

/* The agent's session of a conversation: 64 hex digits. */
void conversation_session(const char *conversation, char out[65]);

#endif
