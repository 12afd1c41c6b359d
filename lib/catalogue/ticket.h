/*
 * A ticket says on whose behalf chat calls an action program: a JSON text and
 * its HMAC-SHA-256 under the ticket ring's key, base64url each, joined by a dot.
 * It lives at most TICKET_LIFETIME and is bound to person, session, turn, agent
 * and action group.  It is not a session: a cookie in its place does not verify.
 */
#ifndef COUNTERSIGN_CATALOGUE_TICKET_H
#define COUNTERSIGN_CATALOGUE_TICKET_H

#include "base/buf.h"
#include "base/clock.h"
#include "crypto/keyring.h"

#define TICKET_LIFETIME SECONDS(120)
#define TICKET_MAX 2048

struct ticket {
    char iss[256];
    char sub[256];
    char session[65]; /* hex of the session record's id (not the cookie's token) */
    char turn[65];    /* the turn's public id */
    char agent[65];   /* agent id the turn talks to */
    char group[65];   /* "CIBAAuthentication" */
    msec issued_at;
    msec expires_at;
};

/* Sets issued_at and expires_at from now. Appends the text to out. */
WARN_UNUSED enum err ticket_mint(const struct keyring *keyring, struct ticket *ticket, msec now,
                                 struct buf *out);
/* ERR_AUTH on any doubt: form, MAC, lifetime over 120 s, not yet valid, expired, other group. */
WARN_UNUSED enum err ticket_open(const struct keyring *keyring, const char *text, const char *group,
                                 msec now, struct ticket *out);

#endif
