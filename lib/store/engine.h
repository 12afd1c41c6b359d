/*
 * What stands behind record.h and audit.h: an engine keeps rows of sealed bytes
 * and knows no key.  Sealing, opening and every promise that is not about one
 * atomic write live above, once, for all engines.
 *
 * An engine's promises: each verb is atomic over all processes; what it
 * acknowledged with durable set survives a power cut, and everything survives
 * SIGKILL; lists see every acknowledged write.  Failures are ERR_STORE, logged
 * where they arise, with nothing half written.
 */
#ifndef COUNTERSIGN_STORE_ENGINE_H
#define COUNTERSIGN_STORE_ENGINE_H

#include "crypto/hash.h"
#include "store/record.h"

#define EPOCH_SIZE 16

struct engine_row {
    enum kind kind; /* its number is what is stored: new kinds go before KIND_TICKET */
    uint8_t id[RECORD_ID_SIZE], owner[RECORD_ID_SIZE], second[RECORD_ID_SIZE];
    uint64_t version;
    msec expires_at, due_at;
    uint32_t hints;
    const uint8_t *sealed; /* borrowed: for the call, or for the callback */
    size_t sealed_len;
    uint8_t epoch[EPOCH_SIZE]; /* on reading: the store's, now */
};

struct engine_query {
    enum { ENGINE_BY_ID, ENGINE_BY_OWNER, ENGINE_BY_SECOND, ENGINE_DUE } by;
    enum kind kind;
    const uint8_t *match; /* id, owner or second */
    msec before;          /* ENGINE_DUE */
    msec now;             /* rows that expire at or before it are not there */
    size_t limit;
};

/* ERR_OK: go on.  ERR_NONE: enough, no failure.  Anything else ends the read with it. */
typedef enum err engine_row_fn(void *context, const struct engine_row *row);

struct engine_audit {
    int64_t seq;
    msec at;
    const char *event, *invocation, *request_id, *detail;
    uint32_t key_id;
    uint8_t mac[SHA256_SIZE];
};

/* Given the MAC before it, fills key_id and mac of the entry; seq is set already. */
typedef enum err engine_mac_fn(void *context, const uint8_t before[SHA256_SIZE],
                               struct engine_audit *entry);
typedef enum err engine_audit_fn(void *context, const struct engine_audit *entry);

struct engine;

struct engine_verbs {
    /* ERR_CONFLICT: a live row is there. */
    enum err (*put)(struct engine *engine, const struct engine_row *row, bool durable, msec now);
    /* row->version is the new one; hints those of the reader. ERR_CONFLICT: changed or gone. */
    enum err (*replace)(struct engine *engine, const struct engine_row *row, bool durable,
                        msec now);
    /* Of that version, or of any with version 0.  ERR_NONE: not there. */
    enum err (*drop)(struct engine *engine, enum kind kind, const uint8_t *id, uint64_t version,
                     bool durable);
    enum err (*hint)(struct engine *engine, enum kind kind, const uint8_t *id, msec at,
                     bool durable, msec now);
    enum err (*exists)(struct engine *engine, enum kind kind, const uint8_t *id, msec now);
    /* In the order that record.h promises. No row is ERR_OK without a call. */
    enum err (*read)(struct engine *engine, const struct engine_query *query, engine_row_fn *each,
                     void *context);
    /* One transaction. ERR_CONFLICT at once when another is writing. */
    enum err (*sweep)(struct engine *engine, msec now, size_t limit, size_t *removed);

    enum err (*epoch)(struct engine *engine, uint8_t out[EPOCH_SIZE]);
    /* Set the epoch and drop every record, in one. */
    enum err (*new_epoch)(struct engine *engine, const uint8_t epoch[EPOCH_SIZE]);
    enum err (*change_number)(struct engine *engine, uint64_t *out);

    /* Number the entry, have it signed over the head's MAC, write both. ERR_CONFLICT: there. */
    enum err (*audit_append)(struct engine *engine, struct engine_audit *entry, engine_mac_fn *sign,
                             void *context);
    /* At most limit entries with seq >= from, in order. */
    enum err (*audit_each)(struct engine *engine, int64_t from, size_t limit, engine_audit_fn *each,
                           void *context);
    enum err (*audit_head)(struct engine *engine, int64_t *seq, uint8_t mac[SHA256_SIZE]);

    void (*close)(struct engine *engine);
};

struct engine {
    const struct engine_verbs *verbs;
};

/* path's file is made with mode 0660 less the umask; first is the epoch of a new store. */
WARN_UNUSED enum err engine_sqlite_open(const char *path, const uint8_t first[EPOCH_SIZE],
                                        struct engine **out);

#endif
