/*
 * Key rings: one file per kind of record (and one each for tickets and the
 * audit log), each with one or more 256-bit keys, the first that is valid being
 * the one that seals.  A program opens only the rings that its table row names,
 * so a broken chat cannot read a token.  Files are 0400/0440, JSON, made by
 * `countersign keygen`; old keys stay readable until their cut-off.
 */
#ifndef COUNTERSIGN_CRYPTO_KEYRING_H
#define COUNTERSIGN_CRYPTO_KEYRING_H

#include "base/clock.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * X(enumerator, file name).  The first KIND_RECORDS of them are kinds of record; their
 * numbers are stored, so a new one goes behind the last of these.
 */
#define KINDS(X)                                                                                   \
    X(KIND_SESSION, "session")           /* the short row every page needs               */        \
    X(KIND_TOKENS, "tokens")             /* a session's refresh token                    */        \
    X(KIND_LOGIN, "login")               /* a login in flight                            */        \
    X(KIND_OWNER, "owner")               /* per person: not_before                       */        \
    X(KIND_INVOCATION, "invocation")     /* one act, from proposal to outcome            */        \
    X(KIND_TURN, "turn")                 /* one agent turn                               */        \
    X(KIND_TURN_EVENT, "turn_event")     /* what the page is told of it                  */        \
    X(KIND_CONVERSATION, "conversation") /* title and turns of a conversation            */        \
    X(KIND_LEASE, "lease")               /* a place held for a while                     */        \
    X(KIND_ONCE, "once")                 /* a fact that stays: used state, cancel mark   */        \
    X(KIND_COUNTER, "counter")           /* a count in a window                          */        \
    X(KIND_CACHE, "cache")               /* discovery documents and key sets             */        \
    X(KIND_TICKET, "ticket")             /* not a record: the MAC key of tickets         */        \
    X(KIND_AUDIT, "audit")               /* not a record: the MAC key of the audit chain */

enum kind {
#define KIND_ENUM(enumerator, file) enumerator,
    KINDS(KIND_ENUM)
#undef KIND_ENUM
        KIND_COUNT
};
#define KIND_RECORDS KIND_TICKET
#define KIND_BIT(kind) (1u << (kind))

const char *kind_name(enum kind kind); /* the file name above */

#define KEY_SIZE 32
#define KEY_ID_SIZE 4

struct keyring; /* opaque: the rings a program opened; shared by threads */

/*
 * Open the rings whose bits are set.  Each is DIR/<name>.ring.  A missing or
 * unreadable file, one writable or readable by others, or a malformed one is
 * ERR_CONFIG, logged with its name.
 */
WARN_UNUSED enum err keyring_open(const char *dir, unsigned kinds, struct keyring **out);
void keyring_free(struct keyring *ring);

bool keyring_has(const struct keyring *ring, enum kind kind);

/* The key that seals now. ERR_CONFIG when the ring is not open. Borrowed. */
WARN_UNUSED enum err keyring_current(const struct keyring *ring, enum kind kind, uint32_t *key_id,
                                     const uint8_t **key);
/* See whether files changed, at most every half minute.  For who only seals; cheap. */
void keyring_refresh(const struct keyring *ring, msec now);
/*
 * The key of that id, if its cut-off is not past at now.  ERR_FORGED otherwise;
 * ERR_CONFIG when the ring is not open.  An id that is not known has the file
 * looked at once more, so that rotating needs no restart.  Borrowed.
 */
WARN_UNUSED enum err keyring_find(const struct keyring *ring, enum kind kind, uint32_t key_id,
                                  msec now, const uint8_t **key);

/*
 * Make DIR/<name>.ring for each kind that has none (add = false), or put a new
 * key in front of each ring and give the former ones a cut-off at now + keep
 * (add = true).  Written beside and renamed, so a reader never sees half a file.
 * *made: KIND_BITs of the rings written.  A missing directory is made (0700).
 */
WARN_UNUSED enum err keyring_generate(const char *dir, unsigned kinds, bool add, msec now,
                                      msec keep, unsigned *made);

#endif
