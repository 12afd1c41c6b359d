/*
 * The invocation: one record per act, from proposal to outcome.  It moves by
 * compare-and-swap on its version, along the edges that invocation_may_move
 * lists and no others.
 */
#ifndef COUNTERSIGN_GUARD_INVOCATION_H
#define COUNTERSIGN_GUARD_INVOCATION_H

#include "base/json.h"
#include "okta/okta.h"
#include "store/person.h"
#include "store/record.h"

/* X(enumerator, name on the wire, final) */
#define INVOCATION_STATES(X)                                                                       \
    X(INVOCATION_PROPOSED, "proposed", false)           /* written; not yet judged            */   \
    X(INVOCATION_WAITING_CLICK, "waiting_click", false) /* a further push wants a click      */    \
    X(INVOCATION_WAITING_PLACE, "waiting_place", false) /* another approval holds the place  */    \
    X(INVOCATION_SENDING, "sending", false)             /* place and phrase written           */   \
    X(INVOCATION_WAITING, "waiting", false)             /* auth_req_id saved; the person's turn */ \
    X(INVOCATION_APPROVED, "approved", false)           /* evidence verified                  */   \
    X(INVOCATION_EXECUTING, "executing", false)         /* consumed; the act may be under way */   \
    X(INVOCATION_DONE, "done", true)                                                               \
    X(INVOCATION_FAILED, "failed", true)   /* surely not done                    */                \
    X(INVOCATION_UNKNOWN, "unknown", true) /* sent, no answer                    */                \
    X(INVOCATION_DENIED, "denied", true)   /* by rights, or on the phone         */                \
    X(INVOCATION_EXPIRED, "expired", true)                                                         \
    X(INVOCATION_CANCELLED, "cancelled", true)

enum invocation_state {
#define INVOCATION_ENUM(enumerator, name, final) enumerator,
    INVOCATION_STATES(INVOCATION_ENUM)
#undef INVOCATION_ENUM
        INVOCATION_STATE_COUNT
};
const char *invocation_state_name(enum invocation_state state);
bool invocation_is_final(enum invocation_state state);
bool invocation_may_move(enum invocation_state from, enum invocation_state to);

#define INVOCATION_ID_SIZE 44
#define PHRASE_SIZE 51
#define INVOCATION_KEPT (HOURS(24) * 30) /* how long "my recent acts" shows it */

struct invocation {
    char id[INVOCATION_ID_SIZE]; /* public id; the record's id is its hash */
    enum invocation_state state;
    struct person person;
    char session[65]; /* hex of the session's record id */
    char turn[65];
    char agent[65];
    char group[65];
    char action[65];
    char call_id[65];
    json_t *arguments;
    char sentence[1025];   /* the person's sentence that triggered it */
    struct okta_user user; /* resolved target; id "" before step 4 */
    struct okta_group target_group;
    char digest[65]; /* hex SHA-256 over all that the approval covers; "" before step 5 */
    char phrase[PHRASE_SIZE];
    char auth_req_id[1025];        /* "" until the provider's answer is saved */
    json_t *authorization_details; /* as sent; NULL: none */
    msec created_at, updated_at;
    msec requested_at;  /* when the CIBA request was sent */
    msec deadline;      /* by which it must be final */
    msec poll_at;       /* earliest next poll */
    msec interval;      /* between polls; only ever grows */
    msec lease_until;   /* sending, polling, executing: who holds it must be done by then */
    bool clicked;       /* the person asked for the push */
    bool polling;       /* a poll is under way until lease_until */
    bool request_over;  /* the provider's request has ended: no prompt of it is live */
    bool read_back_due; /* done, but its effect was not looked at yet */
    bool acknowledged;  /* the person has read an unknown outcome */
    bool told;          /* a final outcome was given to the agent */
    bool consumed;      /* it was taken for execution: its outcome belongs in the audit log */
    char reason[64];    /* fixed code of why it ended: "denied_on_phone", "target_changed" ... */
    char result[2048];  /* the answer to the agent, free of secrets */
    uint64_t version;
    msec due_at;
};
void invocation_free(struct invocation *invocation);

/*
 * Take the state's edge and set the reason (may be ""), in memory only; the
 * caller saves.  ERR_DENIED when there is no such edge: nothing was changed.
 */
WARN_UNUSED enum err invocation_move(struct invocation *invocation, enum invocation_state to,
                                     const char *reason);

/*
 * The provider's request outlives its own expiry by a poll and the act's checks:
 * the record's deadline is this much later than what the page counts down to.
 */
#define APPROVAL_GRACE SECONDS(15)
/* When the person can no longer decide; 0 before the request was sent. */
msec invocation_expires_at(const struct invocation *invocation);

/* Public id from owner, turn and call id (RFC-free: a labelled hash). */
void invocation_id(const uint8_t owner[RECORD_ID_SIZE], const char *turn, const char *call_id,
                   char out[INVOCATION_ID_SIZE]);

/* put: ERR_CONFLICT when it is there.  save: CAS; ERR_CONFLICT when someone was first. */
WARN_UNUSED enum err invocation_put(struct store *store, struct invocation *invocation, msec now);
WARN_UNUSED enum err invocation_get(struct store *store, const char *id, msec now,
                                    struct invocation *out);
WARN_UNUSED enum err invocation_save(struct store *store, struct invocation *invocation, msec now);

struct invocation_list {
    struct invocation *items;
    size_t count;
};
/* Newest first. One that does not read is passed over and logged. */
WARN_UNUSED enum err invocation_by_owner(struct store *store, const uint8_t owner[RECORD_ID_SIZE],
                                         msec now, size_t limit, struct invocation_list *out);
WARN_UNUSED enum err invocation_by_turn(struct store *store, const char *turn, msec now,
                                        size_t limit, struct invocation_list *out);
/* Whose due time has come, earliest first: acts whose outcome is not in the audit log yet. */
WARN_UNUSED enum err invocation_due(struct store *store, msec now, size_t limit,
                                    struct invocation_list *out);
void invocation_list_free(struct invocation_list *list);

/*
 * Before anything else is done with a record: past its lease while executing it
 * is unknown, past its lease while sending it failed (the push is in doubt), past
 * its deadline while open it is expired, of a cancelled turn it is cancelled.
 * Saves when it moved; ERR_CONFLICT: someone else moved it first.
 */
WARN_UNUSED enum err invocation_settle(struct store *store, struct invocation *invocation,
                                       msec now);

#endif
