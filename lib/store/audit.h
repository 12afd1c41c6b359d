/*
 * The audit log: append-only, numbered, each entry with a MAC over itself and
 * the MAC before it; the head is written in the same transaction and logged to
 * stderr, so that truncation and rewriting show against a logged head.  An
 * (invocation, event) pair exists at most once: an act whose intent is already
 * written cannot be done again, even if its record is put back.
 */
#ifndef COUNTERSIGN_STORE_AUDIT_H
#define COUNTERSIGN_STORE_AUDIT_H

#include "base/json.h"
#include "store/record.h"

struct audit_entry {
    const char *event;      /* "intent", "outcome", "alarm", "denied", "approval" ... */
    const char *invocation; /* public id of the invocation; "" for none */
    const char *request_id;
    const json_t *detail; /* object without secrets; borrowed; may be NULL */
};

/* ERR_CONFLICT: this (invocation, event) is already there.  Needs KIND_AUDIT. */
WARN_UNUSED enum err audit_append(struct store *store, const struct audit_entry *entry, msec now);

struct audit_row {
    int64_t seq;
    msec at;
    const char *event, *invocation, *request_id, *detail, *mac; /* mac: hex */
};
typedef enum err audit_row_fn(void *context, const struct audit_row *row);

/* Rows with seq >= from, in order; verifies nothing. */
WARN_UNUSED enum err audit_each(struct store *store, int64_t from, audit_row_fn *each,
                                void *context);

/*
 * One line for a terminal, or one JSON object, without the line's end.  Both are
 * pure printable ASCII whatever the row holds (row 78): controls, C1, bidi marks,
 * U+2028/9 and letters that only look like others are all escaped.
 */
WARN_UNUSED enum err audit_row_text(const struct audit_row *row, struct buf *out);
WARN_UNUSED enum err audit_row_json(const struct audit_row *row, struct buf *out);

struct audit_report {
    int64_t entries;
    int64_t bad_seq; /* first entry that does not verify; 0 when all do */
    char reason[96]; /* "" when all do */
    char head[65];   /* MAC of the last entry, hex */
};
/*
 * Verify the chain.  head (hex, may be NULL): a head logged earlier, which must
 * appear in the chain; it is what shows truncation.  ERR_FORGED with a report
 * when the log was changed.
 */
WARN_UNUSED enum err audit_verify(struct store *store, const char *head,
                                  struct audit_report *report);

#endif
