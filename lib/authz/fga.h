/*
 * Fine-grained authorization by an OpenFGA-compatible server (Auth0 FGA).  Only
 * the literal JSON true allows; every doubt is a refusal.  The model id is
 * pinned.  Relations and objects come from compiled tables, never from a model
 * or a request.
 */
#ifndef COUNTERSIGN_AUTHZ_FGA_H
#define COUNTERSIGN_AUTHZ_FGA_H

#include "base/buf.h"
#include "base/clock.h"
#include "net/http.h"
#include "store/person.h"

struct fga; /* opaque; thread-safe; holds the cached token */

/* config and http are borrowed for its life. FGA_STORE_ID, FGA_MODEL_ID and a client are needed. */
WARN_UNUSED enum err fga_open(const struct config *config, struct http *http, struct fga **out);
void fga_free(struct fga *fga);

enum fga_consistency {
    FGA_MINIMIZE_LATENCY,  /* reads and lists */
    FGA_HIGHER_CONSISTENCY /* whatever changes something, and right after a write */
};

struct fga_tuple {
    const char *user;     /* "user:..." */
    const char *relation; /* "read_okta" */
    const char *object;   /* "okta:groups" */
};

/*
 * ERR_OK: allowed.  ERR_DENIED: the server said no.  Anything else: no answer
 * that can be trusted, which callers treat as a denial too.  contextual tuples
 * come from verified facts only; current_time of now is always sent as context.
 */
WARN_UNUSED enum err fga_check(struct fga *fga, const struct fga_tuple *tuple,
                               const struct fga_tuple *contextual, size_t contextual_count,
                               enum fga_consistency consistency, msec now);

/*
 * The person as FGA's user: user:<base64url of the owner hash>, or user:<e-mail>
 * when person->iss is FGA_EMAIL_ISSUER and email_verified is true.  out has
 * FGA_NAME_SIZE bytes.  ERR_INPUT when the e-mail holds ':', '#', '*' or space.
 */
#define FGA_NAME_SIZE 300
WARN_UNUSED enum err fga_user(const struct config *config, const struct person *person,
                              char out[FGA_NAME_SIZE]);
/* "<type>:<id>"; ERR_INPUT when id is empty or holds ':', '#', '*' or white space. */
WARN_UNUSED enum err fga_object(const char *type, const char *id, char out[FGA_NAME_SIZE]);

/* Write and delete one tuple (ignore/ignore), for `countersign fga`. */
WARN_UNUSED enum err fga_write(struct fga *fga, const struct fga_tuple *tuple, bool remove,
                               msec now);

/* Can a token be had and the store be asked? For doctor. */
WARN_UNUSED enum err fga_ping(struct fga *fga, msec now);

#endif
