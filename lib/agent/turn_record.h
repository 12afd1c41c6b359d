/*
 * A turn: one message of a person and all that comes of it, as one durable
 * record.  This is its content and the form it is stored in; turn.h finds it,
 * turn_hold.h changes it.
 */
#ifndef COUNTERSIGN_AGENT_TURN_RECORD_H
#define COUNTERSIGN_AGENT_TURN_RECORD_H

#include "agent/backend.h"
#include "store/person.h"
#include "store/record.h"

#define TURN_ID_SIZE 44 /* 32 random bytes as base64url, and NUL */
/* Of a person's message; the page counts no more than this. */
#define TURN_MESSAGE_CHARACTERS 4000
#define TURN_MESSAGE_MAX ((size_t)TURN_MESSAGE_CHARACTERS * 4) /* its bytes in UTF-8 */
#define TURN_STEPS_MAX 12                                      /* answers of the model */
#define TURN_ACTIONS_MAX 10                                    /* calls that are run */
#define TURN_INPUTS_MAX 5                                      /* calls that one step may run */
#define TURN_TEXT_MAX ((size_t)64 * 1024)
#define TURN_RESULT_MAX 4096 /* bytes, with NUL, of a call's result */
#define TURN_PAYLOAD_MAX ((size_t)RECORD_PAYLOAD_MAX)
#define TURN_KEPT (HOURS(24) * 30)
#define TURN_GRACE                                                                                 \
    SECONDS(30) /* after its deadline, for open invocations to say how they ended                  \
                 */

enum turn_state { TURN_RUNNING, TURN_DONE, TURN_ERROR, TURN_CANCELLED };
const char *turn_state_name(enum turn_state state);

/* Why a turn must end as soon as its open invocations have said how they ended. */
enum turn_ending { ENDING_NONE, ENDING_CANCELLED, ENDING_DEADLINE };

struct turn_call {
    struct agent_call call;
    char call_id[TURN_ID_SIZE]; /* saved before the first POST; the same on every repeat */
    char shown[24];             /* the status the page was last told; "" : never POSTed */
    bool told;                  /* the page was told of the approval */
    bool settled;
    enum action_outcome outcome; /* of a settled call */
    char *result;                /* what the model is told; owned; NULL until settled */
};

struct turn {
    char id[TURN_ID_SIZE];
    char conversation[TURN_ID_SIZE];
    struct person person;
    char session[65]; /* hex of the session's record id */
    char agent[65];   /* agent id that the tickets are bound to */
    char request_id[65];
    enum turn_state state;
    enum turn_ending ending;
    char code[32]; /* of a turn that ended in an error; "" else */
    msec created_at;
    msec deadline;
    msec lease_until;       /* a worker has it until then; 0: nobody */
    uint64_t settled_event; /* events after this one belong to what is still under way */
    char *message;
    unsigned steps;
    unsigned actions;
    unsigned tries;  /* of what is under way, since it last went well */
    size_t text_len; /* bytes shown by finished steps */
    char handle[AGENT_HANDLE_MAX + 1];
    /* The calls of the last step.  None: the next step is the message; all settled: their results.
     */
    struct turn_call calls[AGENT_CALLS_MAX];
    size_t call_count;
    uint64_t version; /* as turn_create wrote it, for workers_submit; not stored */
    bool repeated;    /* turn_create found it: the request had come before; not stored */
};
void turn_free(struct turn *turn);

void turn_drop_calls(struct turn *turn);

WARN_UNUSED enum err turn_to_json(const struct turn *turn, struct buf *out);
/* ERR_INPUT: not a turn of ours. */
WARN_UNUSED enum err turn_from_json(const char *text, size_t len, struct turn *out);

#endif
