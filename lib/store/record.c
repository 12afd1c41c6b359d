#include "store/record.h"

#include "base/log.h"
#include "base/secret.h"
#include "crypto/random.h"
#include "crypto/seal.h"
#include "store/fault.h"
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

/* Associated data: every field at its own place, so no two rows have the same bytes. */
#define AAD_KIND 16
#define AAD_SIZE (AAD_KIND + 3 * RECORD_ID_SIZE + 8 + 8 + EPOCH_SIZE)
#define SEALED_MAX (RECORD_PAYLOAD_MAX + SEAL_OVERHEAD)

static uint8_t *aad_number(uint8_t *at, uint64_t number)
{
    for (int shift = 56; shift >= 0; shift -= 8) {
        *at++ = (uint8_t)(number >> shift);
    }
    return at;
}

static uint8_t *aad_bytes(uint8_t *at, const uint8_t *bytes, size_t len)
{
    memcpy(at, bytes, len);
    return at + len;
}

/* The key id is in it too: seal() puts it in front of what it is given. */
static void aad_of(const struct engine_row *row, uint8_t aad[AAD_SIZE])
{
    uint8_t *at = aad;

    memset(aad, 0, AAD_KIND);
    memcpy(aad, kind_name(row->kind), strnlen(kind_name(row->kind), AAD_KIND));
    at = aad_bytes(at + AAD_KIND, row->id, RECORD_ID_SIZE);
    at = aad_bytes(at, row->owner, RECORD_ID_SIZE);
    at = aad_bytes(at, row->second, RECORD_ID_SIZE);
    at = aad_number(at, row->version);
    at = aad_number(at, (uint64_t)row->expires_at);
    (void)aad_bytes(at, row->epoch, EPOCH_SIZE);
}

/*
 * What must be there again after a power cut: what spends, permits or revokes.
 * The rest outlives a killed process all the same, and is not worth a disk flush.
 */
static bool durable(enum kind kind)
{
    switch (kind) {
    case KIND_TURN:
    case KIND_INVOCATION:
    case KIND_ONCE:
    case KIND_LEASE:
    case KIND_TOKENS:
    case KIND_OWNER:
        return true;
    default:
        return false;
    }
}

void record_free(struct record *record)
{
    if (record == NULL) {
        return;
    }
    if (record->payload != NULL) {
        wipe(record->payload, record->payload_len);
    }
    free(record->payload);
    memset(record, 0, sizeof(*record));
}

/* Seal record as version for the store's present epoch; row borrows from sealed. */
static enum err seal_record(struct store *store, const struct record *record, uint64_t version,
                            msec now, struct buf *sealed, struct engine_row *row)
{
    uint8_t nonce[SEAL_NONCE], aad[AAD_SIZE];
    enum err err;

    if ((unsigned)record->kind >= KIND_RECORDS || record->due_at < 0) {
        return ERR_INPUT;
    }
    if (record->payload_len > RECORD_PAYLOAD_MAX || version > INT64_MAX) {
        return ERR_LIMIT;
    }
    memset(row, 0, sizeof(*row));
    row->kind = record->kind;
    memcpy(row->id, record->id, RECORD_ID_SIZE);
    memcpy(row->owner, record->owner, RECORD_ID_SIZE);
    memcpy(row->second, record->second, RECORD_ID_SIZE);
    row->version = version;
    row->expires_at = record->expires_at;
    row->due_at = record->due_at;
    row->hints = record->hints;
    /*
     * Asked for each time: another process may have begun a new epoch.  One that
     * begins between here and the write leaves a record that does not open, which
     * is what a record of the former epoch must be.
     */
    if ((err = store->engine->verbs->epoch(store->engine, row->epoch)) != ERR_OK ||
        (err = random_bytes(nonce, sizeof(nonce))) != ERR_OK) {
        return err;
    }
    keyring_refresh(store->keyring, now);
    aad_of(row, aad);
    if ((err = seal(store->keyring, record->kind, aad, sizeof(aad), record->payload,
                    record->payload_len, nonce, sealed)) != ERR_OK) {
        return err;
    }
    row->sealed = (const uint8_t *)buf_str(sealed);
    row->sealed_len = sealed->len;
    return ERR_OK;
}

/*
 * From 1 to 2^62: drawn, because what stood under this id before may be gone with
 * all that could be counted on from.  The rest of the range is for replaces.
 */
static enum err first_version(uint64_t *out)
{
    uint8_t bytes[8];
    enum err err = random_bytes(bytes, sizeof(bytes));

    *out = 0;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        *out = *out << 8 | bytes[i];
    }
    *out = (*out >> 2) + 1;
    return err;
}

enum err record_put(struct store *store, struct record *record, msec now)
{
    struct buf sealed = buf_make(SEALED_MAX);
    struct engine_row row;
    uint64_t version;
    enum err err = first_version(&version);

    if (err == ERR_OK) {
        err = seal_record(store, record, version, now, &sealed, &row);
    }
    if (err == ERR_OK) {
        fault_point(kind_name(record->kind), record->payload, "put", "before");
        err = store->engine->verbs->put(store->engine, &row, durable(record->kind), now);
        fault_point(kind_name(record->kind), record->payload, "put", "after");
    }
    if (err == ERR_OK) {
        record->version = version;
        record->hints = 0;
    }
    buf_free(&sealed);
    return err;
}

enum err record_replace(struct store *store, struct record *record, msec now)
{
    struct buf sealed = buf_make(SEALED_MAX);
    struct engine_row row;
    enum err err = seal_record(store, record, record->version + 1, now, &sealed, &row);

    if (err == ERR_OK) {
        fault_point(kind_name(record->kind), record->payload, "replace", "before");
        err = store->engine->verbs->replace(store->engine, &row, durable(record->kind), now);
        fault_point(kind_name(record->kind), record->payload, "replace", "after");
    }
    if (err == ERR_OK) {
        record->version++;
    }
    buf_free(&sealed);
    return err;
}

static enum err drop(struct store *store, enum kind kind, const uint8_t id[RECORD_ID_SIZE],
                     uint64_t version)
{
    /* A session that is signed out, or a login that is used, must not come back either. */
    bool lasting = durable(kind) || kind == KIND_SESSION || kind == KIND_LOGIN;
    enum err err;

    if ((unsigned)kind >= KIND_RECORDS) {
        return ERR_INPUT;
    }
    fault_point(kind_name(kind), NULL, "delete", "before");
    err = store->engine->verbs->drop(store->engine, kind, id, version, lasting);
    fault_point(kind_name(kind), NULL, "delete", "after");
    return err;
}

enum err record_delete(struct store *store, enum kind kind, const uint8_t id[RECORD_ID_SIZE])
{
    return drop(store, kind, id, 0);
}

enum err record_delete_version(struct store *store, const struct record *record)
{
    enum err err;

    if (record->version == 0 || record->version > INT64_MAX) {
        return ERR_INPUT;
    }
    err = drop(store, record->kind, record->id, record->version);
    return err == ERR_NONE ? ERR_CONFLICT : err;
}

enum err record_hint(struct store *store, enum kind kind, const uint8_t id[RECORD_ID_SIZE], msec at,
                     msec now)
{
    if ((unsigned)kind >= KIND_RECORDS || at <= 0) {
        return ERR_INPUT;
    }
    return store->engine->verbs->hint(store->engine, kind, id, at, false, now);
}

enum err record_exists(struct store *store, enum kind kind, const uint8_t id[RECORD_ID_SIZE],
                       msec now)
{
    if ((unsigned)kind >= KIND_RECORDS) {
        return ERR_INPUT;
    }
    return store->engine->verbs->exists(store->engine, kind, id, now);
}

enum err record_sweep(struct store *store, msec now, size_t limit, size_t *removed)
{
    enum { BATCH = 100 }; /* rows a transaction: a writer never waits long for the broom */
    enum err err = ERR_OK;

    *removed = 0;
    while (err == ERR_OK && *removed < limit) {
        size_t batch = limit - *removed < BATCH ? limit - *removed : BATCH, gone = 0;

        err = store->engine->verbs->sweep(store->engine, now, batch, &gone);
        *removed += gone;
        if (gone < batch) {
            break;
        }
    }
    return err;
}

struct reading {
    struct store *store;
    msec now;
    size_t limit, room, forged;
    struct record_list list;
};

static enum err open_row(struct reading *reading, const struct engine_row *row,
                         struct record *record)
{
    struct buf text = buf_make_secret(RECORD_PAYLOAD_MAX);
    uint8_t aad[AAD_SIZE];
    enum err err;

    memset(record, 0, sizeof(*record));
    aad_of(row, aad);
    if ((err = seal_open(reading->store->keyring, row->kind, aad, sizeof(aad), row->sealed,
                         row->sealed_len, reading->now, &text)) != ERR_OK) {
        goto done;
    }
    record->kind = row->kind;
    memcpy(record->id, row->id, RECORD_ID_SIZE);
    memcpy(record->owner, row->owner, RECORD_ID_SIZE);
    memcpy(record->second, row->second, RECORD_ID_SIZE);
    record->version = row->version;
    record->expires_at = row->expires_at;
    record->due_at = row->due_at;
    record->hints = row->hints;
    record->payload_len = text.len;
    if ((err = buf_take(&text, &record->payload)) != ERR_OK) {
        memset(record, 0, sizeof(*record));
    }
done:
    buf_free(&text);
    return err;
}

static enum err collect(void *context, const struct engine_row *row)
{
    struct reading *reading = context;
    struct record_list *list = &reading->list;
    enum err err;

    if (list->count == reading->room) {
        size_t room = reading->room == 0 ? 8 : reading->room * 2;
        struct record *records;

        if (room > reading->limit) {
            room = reading->limit;
        }
        if ((records = reallocarray(list->records, room, sizeof(*records))) == NULL) {
            return ERR_MEMORY;
        }
        list->records = records;
        reading->room = room;
    }
    err = open_row(reading, row, &list->records[list->count]);
    if (err == ERR_FORGED) {
        /*
         * A list goes on without it: a row that does not open can do nothing, and
         * must not keep a person's other sessions from being ended.
         */
        reading->forged++;
        return ERR_OK;
    }
    if (err != ERR_OK) {
        return err;
    }
    return ++list->count < reading->limit ? ERR_OK : ERR_NONE;
}

enum err record_get(struct store *store, enum kind kind, const uint8_t id[RECORD_ID_SIZE], msec now,
                    struct record *out)
{
    struct engine_query query = {
        .by = ENGINE_BY_ID, .kind = kind, .match = id, .now = now, .limit = 1};
    struct reading reading = {.store = store, .now = now, .limit = 1};
    enum err err;

    memset(out, 0, sizeof(*out));
    if ((unsigned)kind >= KIND_RECORDS) {
        return ERR_INPUT;
    }
    err = store->engine->verbs->read(store->engine, &query, collect, &reading);
    if (err == ERR_OK && reading.list.count == 0) {
        err = reading.forged > 0 ? ERR_FORGED : ERR_NONE;
    }
    if (err == ERR_FORGED) {
        log_line(LOG_ERROR, "a record does not open", LOG_T("kind", kind_name(kind)));
    }
    if (err == ERR_OK) {
        *out = reading.list.records[0];
        reading.list.count = 0; /* handed over */
    }
    record_list_free(&reading.list);
    return err;
}

void record_list_free(struct record_list *list)
{
    if (list == NULL) {
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        record_free(&list->records[i]);
    }
    free(list->records);
    list->records = NULL;
    list->count = 0;
}

static enum err read_list(struct store *store, struct engine_query *query, size_t limit,
                          struct record_list *out)
{
    struct reading reading = {.store = store, .now = query->now};
    enum err err;

    memset(out, 0, sizeof(*out));
    if ((unsigned)query->kind >= KIND_RECORDS || limit == 0) {
        return ERR_INPUT;
    }
    reading.limit = limit < RECORD_LIST_MAX ? limit : RECORD_LIST_MAX;
    query->limit = reading.limit + RECORD_LIST_MAX; /* so many that do not open are passed over */
    err = store->engine->verbs->read(store->engine, query, collect, &reading);
    if (reading.forged > 0) {
        log_line(LOG_ERROR, "records do not open", LOG_T("kind", kind_name(query->kind)),
                 LOG_N("count", reading.forged));
    }
    if (err == ERR_OK) {
        *out = reading.list;
    } else {
        record_list_free(&reading.list);
    }
    return err;
}

static bool is_none(const uint8_t id[RECORD_ID_SIZE])
{
    static const uint8_t none[RECORD_ID_SIZE];

    return memcmp(id, none, RECORD_ID_SIZE) == 0;
}

enum err record_by_owner(struct store *store, enum kind kind, const uint8_t owner[RECORD_ID_SIZE],
                         msec now, size_t limit, struct record_list *out)
{
    struct engine_query query = {.by = ENGINE_BY_OWNER, .kind = kind, .match = owner, .now = now};

    memset(out, 0, sizeof(*out));
    return is_none(owner) ? ERR_INPUT : read_list(store, &query, limit, out);
}

enum err record_by_second(struct store *store, enum kind kind, const uint8_t second[RECORD_ID_SIZE],
                          msec now, size_t limit, struct record_list *out)
{
    struct engine_query query = {.by = ENGINE_BY_SECOND, .kind = kind, .match = second, .now = now};

    memset(out, 0, sizeof(*out));
    return is_none(second) ? ERR_INPUT : read_list(store, &query, limit, out);
}

enum err record_due(struct store *store, enum kind kind, msec before, msec now, size_t limit,
                    struct record_list *out)
{
    struct engine_query query = {.by = ENGINE_DUE, .kind = kind, .before = before, .now = now};

    return read_list(store, &query, limit, out);
}
