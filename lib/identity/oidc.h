/*
 * One OpenID Connect relying party: discovery (OIDC Discovery 1.0), code flow
 * with PKCE S256 (RFC 7636), state, nonce, iss (RFC 9207), ID-token validation
 * (OIDC Core 3.1.3.7).  Discovery and keys are cached in the store, so programs
 * that live for one request do not fetch them each time.
 */
#ifndef COUNTERSIGN_IDENTITY_OIDC_H
#define COUNTERSIGN_IDENTITY_OIDC_H

#include "base/buf.h"
#include "base/json.h"
#include "net/http.h"
#include "store/person.h"
#include "store/record.h"

struct oidc; /* opaque; thread-safe */

/* Borrows all three. The program's rings must hold KIND_CACHE. */
WARN_UNUSED enum err oidc_open(const struct config *config, struct http *http, struct store *store,
                               struct oidc **out);
void oidc_free(struct oidc *oidc);

struct oidc_metadata { /* from discovery, validated: issuer equal byte for byte, https endpoints */
    char issuer[256];
    char authorization_endpoint[512];
    char token_endpoint[512];
    char jwks_uri[512];
    char end_session_endpoint[512];                /* "" when absent */
    char revocation_endpoint[512];                 /* "" when absent */
    char backchannel_authentication_endpoint[512]; /* CIBA_ENDPOINT where discovery names none */
    bool iss_parameter_supported;
};

/*
 * ERR_REMOTE: unreachable or odd; ERR_CONFIG: another issuer, or endpoints refused
 * (rows 13, 14).  One that was right and cannot be fetched anew holds for ten
 * minutes more, as do keys; a failure is answered again for five seconds.
 */
WARN_UNUSED enum err oidc_metadata(struct oidc *oidc, msec now, struct oidc_metadata *out);

#define LOGIN_COOKIE "__Host-countersign-login"
#define LOGIN_COOKIE_SIZE 44
#define LOGIN_RANDOM 128 /* 32 each: state, nonce, code_verifier, browser cookie */
#define LOGIN_LIFETIME MINUTES(10)

/*
 * Begin a flow: one KIND_LOGIN record under the hash of state, bound to the
 * browser by the login cookie.  browser is the cookie's present value or NULL
 * (then a new one is made); cookie receives what to set.  url: where to send the
 * browser.  return_to is a local path, already checked.  ERR_LIMIT: this browser
 * began too many.  ERR_DENIED: all browsers together did, and no more are kept.
 */
WARN_UNUSED enum err oidc_login_begin(struct oidc *oidc, const char *browser, const char *return_to,
                                      msec now, const uint8_t random[LOGIN_RANDOM],
                                      char cookie[LOGIN_COOKIE_SIZE], struct buf *url);

struct oidc_identity {
    struct person person;
    char sid[256];
    msec auth_time;
    msec started_at; /* when the flow began */
    char *return_to;
    struct secret *refresh_token; /* NULL when none came */
    struct secret *id_token;
};
void oidc_identity_free(struct oidc_identity *identity);

/*
 * The callback: query is the raw query string, browser the login cookie or NULL.
 * The login record is consumed first, so a second callback finds none.
 * ERR_NONE: no such flow for this browser (never begun, used, expired, another
 * browser).  ERR_INPUT: parameters missing, doubled, or error and code together.
 * ERR_DENIED: the provider said error=...; code receives it.  ERR_FORGED: iss or
 * the ID token did not verify.  ERR_REMOTE / ERR_UNKNOWN: token endpoint.
 */
WARN_UNUSED enum err oidc_login_finish(struct oidc *oidc, const char *query, const char *browser,
                                       msec now, char code[64], struct oidc_identity *out);

struct id_token_expectation {
    const char *client_id;    /* aud must hold it; azp, when present or aud has several, be it */
    const char *nonce;        /* NULL: none was sent (CIBA) and a nonce is ignored */
    const char *sub;          /* NULL: any; else exactly this one */
    const char *access_token; /* NULL: at_hash not compared */
    msec issued_after;        /* 0: not compared; else iat >= this (CIBA: the request) less skew */
};

/*
 * Signature against the provider's keys (fetched anew at most once per minute for
 * an unknown kid, or where a key that fits did not sign it), iss, aud, azp, sub, exp, iat, nonce,
 * at_hash.  On ERR_OK the caller owns *claims.  Otherwise ERR_FORGED (or ERR_REMOTE for the keys)
 * and one log line says which check failed.
 */
WARN_UNUSED enum err oidc_verify_id_token(struct oidc *oidc, const char *id_token,
                                          const struct id_token_expectation *expect, msec now,
                                          json_t **claims);

/* RP-initiated logout URL, or the post-logout address when the provider has no endpoint. */
WARN_UNUSED enum err oidc_logout_url(struct oidc *oidc, const struct secret *id_token,
                                     const char *sid, msec now, struct buf *url);
/* RFC 7009. Failure is logged and told, never fatal to a logout. */
WARN_UNUSED enum err oidc_revoke(struct oidc *oidc, const struct secret *refresh_token, msec now);

/*
 * Only a local path survives: "/" and ASCII, no "//", backslash, control, dot
 * segments; nor the sign-in's own (/login, /callback, /logout).  NULL: false.
 */
bool return_to_is_local(const char *return_to);

/*
 * A form POST to the provider as the given client (client_secret_post), shared
 * with ciba.c and vault.c.  form must hold no client_id or client_secret.
 */
enum oidc_client { OIDC_CLIENT_WEB, OIDC_CLIENT_CIBA };
WARN_UNUSED enum err oidc_client_post(struct oidc *oidc, enum oidc_client client, const char *url,
                                      const struct buf *form, size_t body_max,
                                      struct http_response *response);
const char *oidc_client_id(const struct oidc *oidc, enum oidc_client client);

#endif
