/*
 * What the guard's steps share.  Private to lib/guard: guard.c holds the order,
 * the other files one concern each.
 */
#ifndef COUNTERSIGN_GUARD_INTERNAL_H
#define COUNTERSIGN_GUARD_INTERNAL_H

#include "catalogue/ticket.h"
#include "guard/guard.h"
#include "guard/okta_auth.h"

struct guard {
    const struct config *config;
    struct store *store;
    const struct guard_handler *handlers;
    size_t handler_count;
    enum fga_profile profile;
    struct session_limits limits;
    struct oidc *oidc; /* NULL: nothing here asks a phone or the vault */
    struct fga *fga;
    struct okta *okta;
    struct okta_auth *okta_auth;
    msec (*now)(void); /* the two clocks; tests stop and move them */
    msec (*monotonic)(void);
};

/* One entry into the guard: what it learned, for as long as it lasts. */
struct entry {
    struct guard *guard;
    const struct action_event *event;
    struct action_answer *answer;
    const struct action *action;
    const struct guard_handler *handler; /* NULL in a check */
    struct ticket ticket;
    struct session session; /* of the ticket, as checked in step 1 */
    uint8_t session_id[RECORD_ID_SIZE];
    struct invocation invocation; /* its version is what the next save replaces */
    struct okta_grant okta;       /* the Okta token: in memory, for this entry */
    bool found;                   /* the record is loaded */
    bool dry;                     /* guard_check: nothing is saved or logged as an act */
    bool stop;                    /* the answer stands */
    bool mine;                    /* this entry's own write consumed the record: it alone may act */
    msec fresh_at;                /* wall and monotonic time at which step 7 began */
    msec fresh_mono;
};

/* One step: an error, or an answer that stands, ends the entry. */
#define STEP(call)                                                                                 \
    do {                                                                                           \
        err = (call);                                                                              \
        if (err != ERR_OK || entry.stop) {                                                         \
            goto done;                                                                             \
        }                                                                                          \
    } while (0)

/* ---- entry.c: moving the record, and the answer ---- */
msec entry_now(const struct entry *entry);
/* A text of ours into a buffer made for it; "" where it does not fit, never a cut one. */
void entry_text(char *out, size_t size, const char *text);
/* Take the edge and save. ERR_CONFLICT: someone was first; reload and look again. */
WARN_UNUSED enum err entry_move(struct entry *entry, enum invocation_state to, const char *reason);
WARN_UNUSED enum err entry_save(struct entry *entry);
/* entry_move to a final state; its answer then stands. */
WARN_UNUSED enum err entry_end(struct entry *entry, enum invocation_state to, const char *reason);
/* The answer is REPROMPT, and stands. */
enum err entry_pending(struct entry *entry, msec ask_again_at);
/* The answer is what the final record says, and stands; marks the record told. */
enum err entry_tell(struct entry *entry);
/* The answer is a refusal that left no record. */
enum err entry_refuse(struct entry *entry, const char *reason);
/* Read the record anew after a lost compare-and-swap. */
WARN_UNUSED enum err entry_reload(struct entry *entry);
/* One audit entry about the invocation. ERR_CONFLICT: that event is already there. */
WARN_UNUSED enum err entry_audit(struct entry *entry, const char *event, const char *code);
/* The same where the outcome stands whatever the log says: failures are logged. */
void entry_note(struct entry *entry, const char *event, const char *code);
void entry_close(struct entry *entry);
/* The same for an invocation that is not this entry's. */
WARN_UNUSED enum err audit_write(struct guard *guard, const struct invocation *invocation,
                                 const char *event, const char *code);
void audit_note(struct guard *guard, const struct invocation *invocation, const char *event,
                const char *code);

/* ---- caller.c: steps 1 and 2, and the parts of step 1 that are asked again ---- */
WARN_UNUSED enum err guard_caller(struct entry *entry);
/* The last part of step 1, after a repeated call was told its outcome. */
WARN_UNUSED enum err guard_switched_on(struct entry *entry);
WARN_UNUSED enum err guard_arguments(struct entry *entry);
/* NULL: this program does not do it. */
const struct guard_handler *guard_handler_of(const struct guard *guard, const char *action);
/* *reason NULL: session live, turn not cancelled. Else the code of why not. */
WARN_UNUSED enum err guard_still_wanted(struct entry *entry, const char **reason);
WARN_UNUSED enum err guard_self(const struct entry *entry, const struct action *action,
                                const json_t *arguments);

/* ---- proposal.c: the record of this call ---- */
/* A call that has ended, or is acting, is told so before anything that may refuse it. */
WARN_UNUSED enum err guard_repeated(struct entry *entry);
WARN_UNUSED enum err guard_proposal(struct entry *entry);
WARN_UNUSED enum err guard_settle(struct entry *entry);

/* ---- due.c: acts that nobody else will end ---- */
void guard_settle_due(struct guard *guard);

/* ---- rights.c: FGA, steps 3, 4 and 7 ---- */
WARN_UNUSED enum err guard_may_use(struct entry *entry);
/* ERR_OK, ERR_DENIED, or no answer; asks for a decoy where the target was not found. */
WARN_UNUSED enum err rights_on_target(struct entry *entry, bool found,
                                      enum fga_consistency consistency);
WARN_UNUSED enum err rights_coarse(struct entry *entry, enum fga_consistency consistency);

/* ---- target.c: steps 4 and 7 ---- */
WARN_UNUSED enum err guard_target(struct entry *entry);
WARN_UNUSED enum err guard_again(struct entry *entry);
/* The entry's Okta token, got once. ERR_DENIED with *reason: none to be had. */
WARN_UNUSED enum err guard_okta_token(struct entry *entry, const char **reason);
/* To be told of every answer to that token. */
void guard_okta_answered(struct entry *entry, enum err err);

/* ---- ask.c, place.c, evidence.c: steps 5 and 6 ---- */
WARN_UNUSED enum err guard_ask(struct entry *entry);
WARN_UNUSED enum err guard_evidence(struct entry *entry);
/* ERR_OK: the person's place is this invocation's until then. ERR_CONFLICT: another's. */
WARN_UNUSED enum err place_take(struct entry *entry, msec until);
void place_release(struct entry *entry);
/* ERR_OK: this turn's push that goes by itself is this invocation's. ERR_CONFLICT: another's. */
WARN_UNUSED enum err place_first_push(struct entry *entry);
/* *reason NULL: nothing stands against asking. */
WARN_UNUSED enum err place_objection(struct entry *entry, const char **reason);
/* The place is another's. *freed: it was given back just now. *again_at may come nearer. */
WARN_UNUSED enum err place_look(struct entry *entry, bool *freed, msec *again_at);

/* ---- act.c: steps 8 to 10 ---- */
WARN_UNUSED enum err guard_consume(struct entry *entry);
WARN_UNUSED enum err guard_last_look(struct entry *entry);
WARN_UNUSED enum err guard_act(struct entry *entry);
WARN_UNUSED enum err guard_read_back(struct entry *entry);
/* Of an act whose own entry was killed after it: best effort. */
void guard_read_back_late(struct entry *entry);
/* *reason NULL: no such act is under way or of unknown outcome. */
WARN_UNUSED enum err act_held(struct entry *entry, const char **reason);

#define SEND_LEASE SECONDS(45)      /* discovery, and the request itself */
#define POLL_LEASE SECONDS(60)      /* the poll (CIBA_POLL_MOST) and the keys for what it brings */
#define EXECUTE_LEASE SECONDS(30)   /* the last look, the act and its answer */
#define READ_BACK_LEASE SECONDS(10) /* in which the entry that acted looks at the effect */
#define ACT_MOST SECONDS(15)        /* Okta's answer to a write is waited for so long */
#define FRESH_FOR SECONDS(30)       /* from the beginning of step 7 to the sending in step 9 */
#define OPEN_MAX 5                  /* invocations of one person (row 43) */
#define PLACE_MARGIN SECONDS(30)    /* a place outlives the provider's request by this */

#endif
