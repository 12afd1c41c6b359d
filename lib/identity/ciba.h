/*
 * Client-Initiated Backchannel Authentication, poll mode (OpenID CIBA Core 1.0,
 * Auth0's form of it).  One call, one request: nothing here waits for a person.
 * When to poll is decided by the caller's record, because two processes must
 * never poll at once.
 */
#ifndef COUNTERSIGN_IDENTITY_CIBA_H
#define COUNTERSIGN_IDENTITY_CIBA_H

#include "identity/oidc.h"

#define CIBA_AUTH_REQ_ID_MAX 1025
#define CIBA_INTERVAL_DEFAULT SECONDS(5)

struct ciba_request {
    const char *sub;                     /* whose phone: the person himself */
    const char *binding_message;         /* the approval phrase */
    int requested_expiry;                /* seconds, 30..300 */
    const json_t *authorization_details; /* NULL: none */
};

struct ciba_ack {
    char auth_req_id[CIBA_AUTH_REQ_ID_MAX];
    msec expires_in; /* absent: requested_expiry; capped at requested_expiry */
    msec lives_for;  /* the provider's own expires_in, at most a day; 0: it named none */
    msec interval;   /* absent: 5 s; at least 1 s, at most 60 s */
};

/*
 * ERR_REMOTE: not sent, or refused by the provider (error receives its code:
 * "unknown_user_id", "invalid_request" ...).  ERR_LIMIT: 429.  ERR_UNKNOWN:
 * sent, no usable answer (a 408 too): a prompt may be on the phone.
 */
WARN_UNUSED enum err ciba_send(struct oidc *oidc, const struct ciba_request *request, msec now,
                               struct ciba_ack *ack, char error[64]);

enum ciba_state {
    CIBA_PENDING,   /* authorization_pending, a time-out, 5xx: ask again after the interval */
    CIBA_SLOW_DOWN, /* raise this and all later waits by at least 5 s; wait says how long now */
    CIBA_APPROVED,  /* evidence verified */
    CIBA_DENIED,    /* access_denied */
    CIBA_EXPIRED,   /* expired_token */
    CIBA_OVER       /* invalid_grant, invalid_request, or evidence that did not verify */
};

struct ciba_expectation {
    const char *sub;
    msec requested_at;
    const json_t *authorization_details; /* as sent; the answer's must be equal; NULL: none */
};

struct ciba_answer {
    enum ciba_state state;
    bool spent;     /* the provider's request has surely ended: no prompt of it is live */
    msec wait;      /* from Retry-After or the body's interval; 0 when the provider named none */
    json_t *claims; /* CIBA_APPROVED: the verified ID token's; owned */
    char error[64]; /* the provider's code, or which check of the evidence failed */
};

/* The longest that a poll's POST may take: a provider may hold it until the person decides. */
#define CIBA_POLL_MOST SECONDS(35)

/*
 * ERR_OK with a state for everything the provider can answer; ERR_MEMORY, ERR_CONFIG else.
 * iat has whole seconds, so its second may have begun before requested_at; beyond
 * that a clock may be 5 s behind ours, no more: an approval of before is none.
 */
WARN_UNUSED enum err ciba_poll(struct oidc *oidc, const char *auth_req_id,
                               const struct ciba_expectation *expect, msec now,
                               struct ciba_answer *answer);
void ciba_answer_free(struct ciba_answer *answer);

/* Parsers of the two answers, apart from the network, for tests. */
WARN_UNUSED enum err ciba_parse_ack(const char *body, size_t len, int requested_expiry,
                                    struct ciba_ack *ack);
WARN_UNUSED enum err ciba_parse_poll_error(long status, const char *body, size_t len,
                                           int retry_after, struct ciba_answer *answer);

#endif
