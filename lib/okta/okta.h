/*
 * Okta's users and groups API (developer.okta.com, Users and Groups).  The token
 * is an argument: who obtained it and for whom is not this module's business.
 * Names from outside never enter a URL unchecked, and what comes back is
 * compared with what was asked: Okta also answers short names, "me" and names
 * that differ by case or diacritics.
 */
#ifndef COUNTERSIGN_OKTA_OKTA_H
#define COUNTERSIGN_OKTA_OKTA_H

#include "base/clock.h"
#include "base/secret.h"
#include "net/http.h"

struct okta; /* opaque; thread-safe */

WARN_UNUSED enum err okta_open(const struct config *config, struct http *http, struct okta **out);
void okta_free(struct okta *okta);

struct okta_token {
    const char *scheme; /* "Bearer" or "SSWS" */
    const struct secret *token;
};

#define OKTA_ID_SIZE 65
#define OKTA_LOGIN_SIZE 101
#define OKTA_STATUS_SIZE 32
#define OKTA_GROUP_NAME_SIZE 256

struct okta_user {
    char id[OKTA_ID_SIZE];
    char login[OKTA_LOGIN_SIZE];
    char email[OKTA_LOGIN_SIZE];
    char status[OKTA_STATUS_SIZE]; /* ACTIVE, RECOVERY, LOCKED_OUT ... */
};

struct okta_group {
    char id[OKTA_ID_SIZE];
    char name[OKTA_GROUP_NAME_SIZE];
    char type[OKTA_STATUS_SIZE]; /* OKTA_GROUP, BUILT_IN, APP_GROUP */
};

struct okta_groups {
    struct okta_group *groups;
    size_t count;
};
void okta_groups_free(struct okta_groups *groups);

/*
 * Reads.  ERR_NONE: no such user (or not exactly that one).  ERR_INPUT: the name
 * is not one that can be asked for (empty, no '@', '/', '?', '#', '%', "..",
 * control or non-ASCII bytes, over 100).  ERR_AUTH: Okta refused the token.
 * ERR_DENIED: it lacks a scope or role.  ERR_LIMIT: rate limit, past the wait.
 */
WARN_UNUSED enum err okta_user_by_login(struct okta *okta, const struct okta_token *token,
                                        const char *login, struct okta_user *out);
WARN_UNUSED enum err okta_user_by_id(struct okta *okta, const struct okta_token *token,
                                     const char *id, struct okta_user *out);
/* The user the token belongs to. */
WARN_UNUSED enum err okta_user_me(struct okta *okta, const struct okta_token *token,
                                  struct okta_user *out);
/* All pages, at most OKTA_GROUPS_MAX groups (ERR_LIMIT beyond). */
#define OKTA_GROUPS_MAX 5000
WARN_UNUSED enum err okta_user_groups(struct okta *okta, const struct okta_token *token,
                                      const char *id, struct okta_groups *out);
/* Exactly one group of exactly that name, byte for byte; ERR_NONE for none or several. */
WARN_UNUSED enum err okta_group_by_name(struct okta *okta, const struct okta_token *token,
                                        const char *name, struct okta_group *out);
WARN_UNUSED enum err okta_group_by_id(struct okta *okta, const struct okta_token *token,
                                      const char *id, struct okta_group *out);
/* *admin: the group carries an administrator role. Any doubt is an error. */
WARN_UNUSED enum err okta_group_is_admin(struct okta *okta, const struct okta_token *token,
                                         const char *group_id, bool *admin);

/*
 * Writes: sent once, never repeated here.  ERR_OK: done.  ERR_UNKNOWN: sent, no
 * answer.  ERR_REMOTE, ERR_DENIED, ERR_AUTH, ERR_NONE, ERR_LIMIT: surely not done;
 * code receives Okta's errorCode or "".
 */
#define OKTA_CODE_SIZE 16
WARN_UNUSED enum err okta_reset_password(struct okta *okta, const struct okta_token *token,
                                         const char *id, char code[OKTA_CODE_SIZE]);
WARN_UNUSED enum err okta_unlock(struct okta *okta, const struct okta_token *token, const char *id,
                                 char code[OKTA_CODE_SIZE]);
WARN_UNUSED enum err okta_revoke_sessions(struct okta *okta, const struct okta_token *token,
                                          const char *id, char code[OKTA_CODE_SIZE]);
WARN_UNUSED enum err okta_group_add(struct okta *okta, const struct okta_token *token,
                                    const char *group_id, const char *user_id,
                                    char code[OKTA_CODE_SIZE]);
WARN_UNUSED enum err okta_group_remove(struct okta *okta, const struct okta_token *token,
                                       const char *group_id, const char *user_id,
                                       char code[OKTA_CODE_SIZE]);

/* The org's origin, as configured. */
const char *okta_origin(const struct okta *okta);

/*
 * A service app's token: client_credentials with a signed client assertion
 * (Okta, "Implement OAuth for Okta with a service app").  The assertion comes
 * signed from the caller.  On ERR_OK the caller owns *token; *lifetime in ms.
 */
WARN_UNUSED enum err okta_service_token(struct okta *okta, const char *client_assertion,
                                        const char *scope, struct secret **token, msec *lifetime);

#endif
