/*
 * Who holds an Okta token, and for whom: the person's own through Token Vault, a
 * service app's (private_key_jwt), or an API token (ssws).  Tokens stay in
 * memory: a person's for one entry, a service app's until shortly before it
 * expires.
 */
#ifndef COUNTERSIGN_GUARD_OKTA_AUTH_H
#define COUNTERSIGN_GUARD_OKTA_AUTH_H

#include "identity/oidc.h"
#include "okta/okta.h"

struct okta_auth; /* opaque; thread-safe */

struct okta_grant {
    const char *scheme; /* NULL: none yet */
    struct secret *token;
};
void okta_grant_free(struct okta_grant *grant);

/* All borrowed. oidc may be NULL where OKTA_AUTH is not token-vault. */
WARN_UNUSED enum err okta_auth_open(const struct config *config, struct store *store,
                                    struct okta *okta, struct oidc *oidc, struct okta_auth **out);
void okta_auth_free(struct okta_auth *auth);

/*
 * A token that holds scopes, for this person and session.  ERR_DENIED with a
 * fixed reason code when there is none to be had; a vault token is first shown
 * to be that very person's (row 74).
 */
WARN_UNUSED enum err okta_auth_token(struct okta_auth *auth, const uint8_t session[RECORD_ID_SIZE],
                                     const struct person *person, const char *scopes, msec now,
                                     struct okta_grant *out, const char **reason);

/* False: only a person's own token would do, and this program cannot open one. */
bool okta_auth_available(const struct okta_auth *auth);

/* Okta refused this token (ERR_AUTH): where it is kept, it is not given out again. NULL is legal.
 */
void okta_auth_drop(struct okta_auth *auth, const struct secret *token);

/*
 * May the person's e-mail be taken for a login of Okta's?  Only where the one
 * issuer that is trusted for e-mails (FGA_EMAIL_ISSUER) says that it is verified.
 */
bool okta_login_is_email(const struct config *config, const struct person *person);

/* The Okta id within "<strategy>|<connection>|<id>"; NULL when sub has another form. */
const char *okta_id_of_sub(const char *sub);

#endif
