/*
 * Everything that outlives a request is a record: kind, id, owner, second key,
 * version, expiry, due time and a sealed payload.  This is the only interface to
 * the store; engines (SQLite here) stand behind it.  The payload is sealed under
 * the kind's key with kind, id, owner, version, expiry, key id and the store's
 * epoch as associated data: a row cannot be moved, extended, given to another
 * person or, after an epoch change, brought back.  What this is not: a whole row
 * put back inside an epoch is not detected here (the audit log's uniqueness is
 * what stops it from acting).
 *
 * Expiry is compared on every read: from expires_at on, a record is not there.
 */
#ifndef COUNTERSIGN_STORE_RECORD_H
#define COUNTERSIGN_STORE_RECORD_H

#include "base/clock.h"
#include "base/config.h"
#include "base/err.h"
#include "crypto/keyring.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_ID_SIZE 32
#define RECORD_PAYLOAD_MAX ((size_t)256 * 1024)
#define RECORD_LIST_MAX 1000

struct store; /* opaque; thread-safe; one per process, opened after any fork */

struct record {
    enum kind kind;
    uint8_t id[RECORD_ID_SIZE];     /* a hash of what the outside holds */
    uint8_t owner[RECORD_ID_SIZE];  /* person_owner(); zeros for none */
    uint8_t second[RECORD_ID_SIZE]; /* such as a turn's or provider session's hash; zeros: none */
    uint64_t version;               /* set by put, one more after each replace; never 0 */
    msec expires_at;
    msec due_at;    /* 0: never due.  Not sealed: a hint, checked by the reader */
    uint32_t hints; /* how many hints came; not sealed */
    char *payload;  /* opened text, NUL-terminated, wiped by record_free */
    size_t payload_len;
};

void record_free(struct record *record); /* frees the payload only; zeroes the struct */

struct record_list {
    struct record *records;
    size_t count;
};
void record_list_free(struct record_list *list);

/* SESSION_STORE and DATABASE of the configuration; keyring is borrowed for the store's life. */
WARN_UNUSED enum err store_open(const struct config *config, const struct keyring *keyring,
                                struct store **out);
void store_free(struct store *store);
const struct keyring *store_keyring(const struct store *store);

/* A cheap read that shows the store answers. For /readyz. */
WARN_UNUSED enum err store_ping(struct store *store);

/*
 * put: ERR_CONFLICT when a live record of that kind and id exists (an expired
 * one is overwritten).  On ERR_OK record->version is one that no earlier record of
 * this id had (a random start of 62 bits), so that whoever still holds an expired
 * or deleted one cannot write to its successor.
 */
WARN_UNUSED enum err record_put(struct store *store, struct record *record, msec now);

/* ERR_NONE: absent or expired.  ERR_FORGED: it did not open; logged.  Else owned by the caller. */
WARN_UNUSED enum err record_get(struct store *store, enum kind kind,
                                const uint8_t id[RECORD_ID_SIZE], msec now, struct record *out);

/*
 * Write payload, expiry, due time and second key if the stored version is still
 * record->version.  ERR_CONFLICT otherwise (changed, or gone).  On ERR_OK the
 * version is one more.  Owner and id never change (another owner: ERR_CONFLICT).
 * A hint that arrived since the record was read survives: its earlier due time is
 * kept.
 */
WARN_UNUSED enum err record_replace(struct store *store, struct record *record, msec now);

/* ERR_OK: this call deleted it.  ERR_NONE: it was not there: someone else was first. */
WARN_UNUSED enum err record_delete(struct store *store, enum kind kind,
                                   const uint8_t id[RECORD_ID_SIZE]);

/*
 * Delete what was read or put as record, and only that: kind, id and version.
 * ERR_CONFLICT: it changed since, or is gone.  ERR_INPUT: its version is 0.
 */
WARN_UNUSED enum err record_delete_version(struct store *store, const struct record *record);

/*
 * Live records, newest version of each, at most limit (1 to RECORD_LIST_MAX), newest
 * expiry first.  Rows that do not open are passed over and logged: they can do
 * nothing, and must not keep the others from being found.  ERR_INPUT: owner or
 * second of zeros, which is nobody.
 */
WARN_UNUSED enum err record_by_owner(struct store *store, enum kind kind,
                                     const uint8_t owner[RECORD_ID_SIZE], msec now, size_t limit,
                                     struct record_list *out);
WARN_UNUSED enum err record_by_second(struct store *store, enum kind kind,
                                      const uint8_t second[RECORD_ID_SIZE], msec now, size_t limit,
                                      struct record_list *out);

/* Live records with 0 < due_at <= before, earliest first. */
WARN_UNUSED enum err record_due(struct store *store, enum kind kind, msec before, msec now,
                                size_t limit, struct record_list *out);

/*
 * Bring the due time forward to at (never back) and count one hint.  Needs no
 * key: it is how a program without the turn key says "look again".  ERR_NONE.
 */
WARN_UNUSED enum err record_hint(struct store *store, enum kind kind,
                                 const uint8_t id[RECORD_ID_SIZE], msec at, msec now);

/* Presence without opening (no key needed): ERR_OK or ERR_NONE. */
WARN_UNUSED enum err record_exists(struct store *store, enum kind kind,
                                   const uint8_t id[RECORD_ID_SIZE], msec now);

/*
 * Add delta (0 to read) to the count of this id in the window that now falls in
 * (windows of `window` ms from the first addition).  *total is the sum after it.
 */
WARN_UNUSED enum err record_count(struct store *store, const uint8_t id[RECORD_ID_SIZE],
                                  int64_t delta, msec window, msec now, int64_t *total);

/*
 * Remove at most limit expired records, in short transactions, from idle moments.
 * Waits for nobody: ERR_CONFLICT when another connection is writing (and *removed
 * says what went before); try again a little later.
 */
WARN_UNUSED enum err record_sweep(struct store *store, msec now, size_t limit, size_t *removed);

/*
 * A number that changes whenever another connection wrote: cheap enough to ask
 * for every few tens of milliseconds.  Watchers ask it before they read rows.
 */
WARN_UNUSED enum err store_change_number(struct store *store, uint64_t *out);

/*
 * Start a new epoch (after restoring a backup): every record is dropped, and what
 * was sealed before no longer opens should it be put back.  The audit log stays.
 * Other processes are in the new epoch with their next call.
 */
WARN_UNUSED enum err store_new_epoch(struct store *store);

#endif
