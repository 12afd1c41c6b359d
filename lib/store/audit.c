#include "store/audit.h"

#include "base/log.h"
#include "base/text.h"
#include "store/fault.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DETAIL_MAX ((size_t)64 * 1024)
#define TEXT_MAX ((size_t)256)
#define BATCH ((size_t)64)

static void add_number(struct buf *out, uint64_t number)
{
    for (int shift = 56; shift >= 0; shift -= 8) {
        buf_addc(out, (char)(uint8_t)(number >> shift));
    }
}

static void add_text(struct buf *out, const char *text)
{
    add_number(out, strlen(text));
    buf_adds(out, text);
}

/* Every part at its own place or behind its length, so that no two entries read the same. */
static enum err entry_mac(const uint8_t *key, const uint8_t before[SHA256_SIZE],
                          const struct engine_audit *entry, uint8_t mac[SHA256_SIZE])
{
    struct buf text = buf_make(DETAIL_MAX * 16);
    enum err err;

    add_text(&text, "countersign audit 1");
    buf_add(&text, before, SHA256_SIZE);
    add_number(&text, (uint64_t)entry->seq);
    add_number(&text, (uint64_t)entry->at);
    add_number(&text, entry->key_id);
    add_text(&text, entry->event);
    add_text(&text, entry->invocation);
    add_text(&text, entry->request_id);
    add_text(&text, entry->detail);
    if ((err = buf_err(&text)) == ERR_OK) {
        err = hmac_sha256(key, KEY_SIZE, buf_str(&text), text.len, mac);
    }
    buf_free(&text);
    return err;
}

static enum err sign(void *context, const uint8_t before[SHA256_SIZE], struct engine_audit *entry)
{
    const struct store *store = context;
    const uint8_t *key;
    enum err err = keyring_current(store->keyring, KIND_AUDIT, &entry->key_id, &key);

    return err == ERR_OK ? entry_mac(key, before, entry, entry->mac) : err;
}

static bool text_fits(const char *text, size_t min)
{
    return text != NULL && strnlen(text, TEXT_MAX + 1) <= TEXT_MAX && strlen(text) >= min &&
           utf8_valid(text, strlen(text));
}

enum err audit_append(struct store *store, const struct audit_entry *entry, msec now)
{
    struct buf detail = buf_make(DETAIL_MAX);
    struct engine_audit row = {.at = now,
                               .event = entry->event,
                               .invocation = entry->invocation,
                               .request_id = entry->request_id};
    char head[HEX_SIZE(SHA256_SIZE)];
    enum err err = ERR_INPUT;

    if (!text_fits(entry->event, 1) || !text_fits(entry->invocation, 0) ||
        !text_fits(entry->request_id, 0)) {
        goto done;
    }
    if (entry->detail == NULL) {
        buf_adds(&detail, "{}");
    } else if ((err = js_add_sorted(&detail, entry->detail)) != ERR_OK) {
        goto done;
    }
    if ((err = buf_err(&detail)) != ERR_OK) {
        goto done;
    }
    row.detail = buf_str(&detail);
    keyring_refresh(store->keyring, now);

    fault_point("audit", row.detail, "append", "before");
    err = store->engine->verbs->audit_append(store->engine, &row, sign, store);
    fault_point("audit", row.detail, "append", "after");
    if (err != ERR_OK) {
        goto done;
    }
    /* Kept elsewhere than the log itself, this line is what shows that entries were cut off. */
    hex_encode(row.mac, sizeof(row.mac), head);
    log_line(LOG_INFO, "audit", LOG_N("seq", row.seq), LOG_T("event", row.event),
             LOG_T("invocation", row.invocation), LOG_T("audit_request_id", row.request_id),
             LOG_T("head", head));
done:
    buf_free(&detail);
    return err;
}

/* A copy of some entries, so that nothing of the engine is held while a caller looks at them. */
struct batch {
    struct engine_audit rows[BATCH];
    size_t count;
};

static void batch_free(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        free((char *)batch->rows[i].event);
        free((char *)batch->rows[i].invocation);
        free((char *)batch->rows[i].request_id);
        free((char *)batch->rows[i].detail);
    }
    batch->count = 0;
}

static enum err keep(void *context, const struct engine_audit *row)
{
    struct batch *batch = context;
    struct engine_audit *copy = &batch->rows[batch->count++];

    *copy = *row;
    copy->event = strdup(row->event);
    copy->invocation = strdup(row->invocation);
    copy->request_id = strdup(row->request_id);
    copy->detail = strdup(row->detail);
    return copy->event == NULL || copy->invocation == NULL || copy->request_id == NULL ||
                   copy->detail == NULL
               ? ERR_MEMORY
               : ERR_OK;
}

static enum err each_entry(struct store *store, int64_t from, engine_audit_fn *each, void *context)
{
    struct batch *batch = calloc(1, sizeof(*batch));
    bool more = true;
    enum err err = batch != NULL ? ERR_OK : ERR_MEMORY;

    while (err == ERR_OK && more) {
        batch_free(batch);
        err = store->engine->verbs->audit_each(store->engine, from, BATCH, keep, batch);
        more = batch->count == BATCH;
        for (size_t i = 0; i < batch->count && err == ERR_OK; i++) {
            err = each(context, &batch->rows[i]);
            if (batch->rows[i].seq == INT64_MAX) {
                more = false;
            } else {
                from = batch->rows[i].seq + 1;
            }
        }
    }
    if (batch != NULL) {
        batch_free(batch);
    }
    free(batch);
    return err;
}

struct showing {
    audit_row_fn *each;
    void *context;
};

static enum err show(void *context, const struct engine_audit *entry)
{
    struct showing *showing = context;
    char mac[HEX_SIZE(SHA256_SIZE)];
    struct audit_row row = {.seq = entry->seq,
                            .at = entry->at,
                            .event = entry->event,
                            .invocation = entry->invocation,
                            .request_id = entry->request_id,
                            .detail = entry->detail,
                            .mac = mac};

    hex_encode(entry->mac, sizeof(entry->mac), mac);
    return showing->each(showing->context, &row);
}

enum err audit_each(struct store *store, int64_t from, audit_row_fn *each, void *context)
{
    struct showing showing = {.each = each, .context = context};

    return each_entry(store, from, show, &showing);
}

struct verifying {
    struct store *store;
    struct audit_report *report;
    uint8_t before[SHA256_SIZE]; /* the MAC of the entry before */
    int64_t last;                /* its number */
    int64_t stored_seq;          /* the head row, read before the entries */
    uint8_t stored_mac[SHA256_SIZE];
    const uint8_t *logged; /* NULL: none given */
    bool logged_seen;
};

static enum err bad(struct audit_report *report, int64_t seq, const char *reason)
{
    report->bad_seq = seq;
    (void)snprintf(report->reason, sizeof(report->reason), "%s", reason);
    return ERR_FORGED;
}

static enum err verify_one(void *context, const struct engine_audit *entry)
{
    struct verifying *verifying = context;
    uint8_t mac[SHA256_SIZE];
    const uint8_t *key;
    enum err err;

    if (entry->seq != verifying->last + 1) {
        return bad(verifying->report, verifying->last + 1, "entries are missing before the next");
    }
    /* At time 0 no cut-off is past: an entry stays valid when its key no longer signs. */
    err = keyring_find(verifying->store->keyring, KIND_AUDIT, entry->key_id, 0, &key);
    if (err == ERR_FORGED) {
        return bad(verifying->report, entry->seq, "the entry names a key that is not in the ring");
    }
    if (err != ERR_OK || (err = entry_mac(key, verifying->before, entry, mac)) != ERR_OK) {
        return err;
    }
    if (memcmp(mac, entry->mac, SHA256_SIZE) != 0) {
        return bad(verifying->report, entry->seq, "the entry, or the one before it, was changed");
    }
    if (entry->seq == verifying->stored_seq &&
        memcmp(mac, verifying->stored_mac, SHA256_SIZE) != 0) {
        return bad(verifying->report, entry->seq, "the stored head is another entry's");
    }
    if (verifying->logged != NULL && memcmp(mac, verifying->logged, SHA256_SIZE) == 0) {
        verifying->logged_seen = true;
    }
    memcpy(verifying->before, mac, SHA256_SIZE);
    verifying->last = entry->seq;
    verifying->report->entries++;
    hex_encode(mac, sizeof(mac), verifying->report->head);
    return ERR_OK;
}

enum err audit_verify(struct store *store, const char *head, struct audit_report *report)
{
    struct verifying verifying = {.store = store, .report = report};
    uint8_t logged[SHA256_SIZE];
    size_t logged_len = sizeof(logged);
    enum err err;

    if (head != NULL) { /* before the report is cleared: it may be a former report's head */
        if (hex_decode(head, strlen(head), logged, &logged_len) != ERR_OK ||
            logged_len != sizeof(logged)) {
            return ERR_INPUT;
        }
        verifying.logged = logged;
    }
    memset(report, 0, sizeof(*report));
    if (!keyring_has(store->keyring, KIND_AUDIT)) {
        return ERR_CONFIG;
    }
    /* The head first: entries that come while this reads are beyond it, never missing. */
    err = store->engine->verbs->audit_head(store->engine, &verifying.stored_seq,
                                           verifying.stored_mac);
    if (err == ERR_FORGED) {
        return bad(report, 1, "the stored head is missing or malformed");
    }
    if (err != ERR_OK || (err = each_entry(store, INT64_MIN, verify_one, &verifying)) != ERR_OK) {
        return err;
    }
    if (verifying.last < verifying.stored_seq) {
        return bad(report, verifying.last + 1, "entries are missing at the end");
    }
    /* And again: by now it has reached whatever was read. */
    err = store->engine->verbs->audit_head(store->engine, &verifying.stored_seq,
                                           verifying.stored_mac);
    if (err == ERR_FORGED || (err == ERR_OK && verifying.stored_seq < verifying.last)) {
        return bad(report, verifying.last, "the stored head was set back");
    }
    if (err != ERR_OK) {
        return err;
    }
    if (head != NULL && !verifying.logged_seen) {
        return bad(report, verifying.last + 1,
                   "the given head is not in the log: cut or rewritten");
    }
    return ERR_OK;
}
