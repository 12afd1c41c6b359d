/*
 * Auth0 Token Vault: the signed-in person's own Okta token, exchanged for the
 * refresh token just before use and kept in memory only (Auth0, "Token Vault":
 * federated connection access token).
 */
#ifndef COUNTERSIGN_IDENTITY_VAULT_H
#define COUNTERSIGN_IDENTITY_VAULT_H

#include "identity/oidc.h"

/*
 * needed: scopes, space separated, that the answer's scope must all hold
 * (separated by commas or spaces).  ERR_NONE: the person has no connected
 * account there (connect it).  ERR_AUTH: the refresh token no longer works (sign
 * in again).  ERR_DENIED: the grant is not allowed, or a scope is missing.
 * On ERR_OK the caller owns *token.
 */
WARN_UNUSED enum err vault_exchange(struct oidc *oidc, const struct secret *refresh_token,
                                    const char *connection, const char *needed, msec now,
                                    struct secret **token);

#endif
