/*
 * Browser sessions.  The cookie holds 256 random bits; the store holds a record
 * under their hash: the short row every page needs (who, CSRF, limits).  The
 * refresh token is a record of its own that only those who need it can open.
 * Nothing here reads a clock: callers pass now.
 */
#ifndef COUNTERSIGN_IDENTITY_SESSION_H
#define COUNTERSIGN_IDENTITY_SESSION_H

#include "base/clock.h"
#include "base/config.h"
#include "base/secret.h"
#include "store/person.h"
#include "store/record.h"

#define SESSION_COOKIE "__Host-countersign"
#define SESSION_TOKEN_SIZE 44 /* 32 random bytes as base64url, and NUL */
#define SESSION_RANDOM 64     /* 32 for the token, 32 for the CSRF token */

struct session {
    uint8_t id[RECORD_ID_SIZE]; /* SHA-256 of the token: the record's id */
    struct person person;
    char csrf_token[SESSION_TOKEN_SIZE];
    char sid[256];        /* the provider's session id, "" when none */
    char user_agent[128]; /* for the list of sessions; cut */
    msec created_at;
    msec seen_at;         /* as last written; written once every tenth of the idle limit */
    msec auth_time;       /* when the provider authenticated the person; 0 when unknown */
    msec expires_at;      /* absolute limit */
    msec idle_expires_at; /* min(seen_at + idle, expires_at) */
    uint64_t version;
};
void session_free(struct session *session);

struct session_limits {
    msec idle;
    msec absolute;
};
struct session_limits session_limits(const struct config *config);

/*
 * A new session for person (copied).  random is fresh.  token receives the
 * cookie's value.  ERR_NONE when the person signed out everywhere at or after
 * started_at (when this sign-in began): no session then.
 */
WARN_UNUSED enum err session_create(struct store *store, const struct session_limits *limits,
                                    const struct person *person, const char *sid,
                                    const char *user_agent, msec auth_time, msec started_at,
                                    msec now, const uint8_t random[SESSION_RANDOM],
                                    char token[SESSION_TOKEN_SIZE], struct session *out);

/*
 * The session named by a cookie's value.  ERR_NONE (unknown, malformed, or past
 * a limit) is ordinary.  Touches one row; writes only when a tenth of the idle
 * limit has gone by, and a lost race for that write is not an error.  A session of
 * a time to come (a clock that stepped back) is ERR_NONE until that time.
 */
WARN_UNUSED enum err session_load(struct store *store, const struct session_limits *limits,
                                  const char *token, msec now, struct session *out);

/*
 * The session of a ticket: by record id, and the owner's not_before is read too.
 * Never extends the session.  For the guard.
 */
WARN_UNUSED enum err session_check(struct store *store, const struct session_limits *limits,
                                   const uint8_t id[RECORD_ID_SIZE], msec now, struct session *out);

/*
 * End one session and its tokens. ERR_NONE when it was already gone.  An error
 * means that it is still there; tokens that could not be deleted are logged.
 */
WARN_UNUSED enum err session_end(struct store *store, const uint8_t id[RECORD_ID_SIZE]);

/* Sign out everywhere: not_before first, then every session. *ended counts. */
WARN_UNUSED enum err session_end_all(struct store *store, const uint8_t owner[RECORD_ID_SIZE],
                                     msec now, size_t *ended);
/*
 * Lower a not_before that has not come yet (it was set by a clock that was ahead,
 * and no sign-in before it counts) to now.  For the operator.  ERR_NONE: it is not
 * in the future.
 */
WARN_UNUSED enum err session_allow_again(struct store *store, const uint8_t owner[RECORD_ID_SIZE],
                                         msec now);

struct session_list {
    struct session *sessions;
    size_t count;
};
WARN_UNUSED enum err session_list(struct store *store, const uint8_t owner[RECORD_ID_SIZE],
                                  msec now, struct session_list *out);
void session_list_free(struct session_list *list);

/*
 * The refresh token, apart (KIND_TOKENS). put replaces; ERR_NONE: the session ended
 * meanwhile, and nothing is kept.  get: ERR_NONE when there is none.
 */
WARN_UNUSED enum err session_tokens_put(struct store *store, const struct session *session,
                                        const struct secret *refresh_token,
                                        const struct secret *id_token, msec now);
WARN_UNUSED enum err session_tokens_get(struct store *store, const uint8_t id[RECORD_ID_SIZE],
                                        msec now, struct secret **refresh_token,
                                        struct secret **id_token);

#endif
