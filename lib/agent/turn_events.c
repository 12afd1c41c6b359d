#include "agent/turn_events.h"

#include "base/text.h"
#include "catalogue/marks.h"
#include "crypto/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define EVENT_PAYLOAD_MAX ((size_t)128 * 1024)

static void event_id(const char *turn, uint64_t n, uint8_t id[RECORD_ID_SIZE])
{
    char number[24];
    (void)snprintf(number, sizeof number, "%" PRIu64, n);
    hash_parts(id, "turn event", turn, number, (const char *)NULL);
}

void turn_event_free(struct turn_event *event)
{
    json_decref(event->data);
    memset(event, 0, sizeof *event);
}

enum err turn_event_put(struct store *store, const struct turn *turn, uint64_t n, const char *type,
                        const json_t *data, int call, msec now)
{
    struct buf payload = buf_make(EVENT_PAYLOAD_MAX);
    struct record record = {.kind = KIND_TURN_EVENT, .expires_at = turn->created_at + TURN_KEPT};
    json_t *root = json_object();
    enum err err = ERR_OK;
    js_set_text(root, "type", type, &err);
    js_set_new(root, "data", json_deep_copy(data), &err);
    js_set_int(root, "call", call, &err);
    if (err == ERR_OK) {
        err = js_add(&payload, root);
    }
    if (err == ERR_OK) {
        event_id(turn->id, n, record.id);
        memcpy(record.owner, turn->person.owner, sizeof record.owner);
        mark_turn(turn->id, record.second);
        record.payload = payload.data;
        record.payload_len = payload.len;
        err = record_put(store, &record, now);
    }
    json_decref(root);
    buf_free(&payload);
    return err;
}

enum err turn_event_get(struct store *store, const char *turn, uint64_t n, msec now,
                        struct turn_event *out)
{
    uint8_t id[RECORD_ID_SIZE];
    struct record record = {0};
    json_t *root = NULL;
    memset(out, 0, sizeof *out);
    event_id(turn, n, id);
    enum err err = record_get(store, KIND_TURN_EVENT, id, now, &record);
    if (err != ERR_OK) {
        return err;
    }
    err = js_parse_object(record.payload, record.payload_len, EVENT_PAYLOAD_MAX, &root);
    json_t *data = json_object_get(root, "data");
    if (err == ERR_OK && (!json_is_object(data) || js_text(root, "type") == NULL ||
                          text_copy(out->type, sizeof out->type, js_text(root, "type")))) {
        err = ERR_INPUT;
    }
    if (err == ERR_OK) {
        out->data = json_incref(data);
        out->call = (int)js_int_or(root, "call", -1);
    }
    json_decref(root);
    record_free(&record);
    return err;
}

const char *turn_last_event(const struct turn *turn, json_t **data)
{
    static const struct {
        const char *code;
        const char *message;
    } messages[] = {
        {"cancelled", "The turn was stopped. Each action above says how it ended."},
        {"timeout", "The time for this turn is over. Each action above says how it ended."},
        {"signed_out", "The session in which this was asked has ended."},
        {"too_many_steps", "The agent went on for too long and was stopped."},
        {"too_long", "The agent said too much and was stopped."},
        {"agent_refused", "The agent's service refused the request."},
        {"agent_unavailable", "The agent's service could not be reached. Ask again in a while."},
        {"agent_odd", "The agent's answer could not be understood."},
    };
    enum err err = ERR_OK;
    const char *message = "Something went wrong. Each action above says how it ended.";
    *data = json_object();
    if (turn->state == TURN_DONE) {
        return "done";
    }
    for (size_t i = 0; i < COUNT(messages); i++) {
        if (text_equal(messages[i].code, turn->code)) {
            message = messages[i].message;
        }
    }
    js_set_text(*data, "code", turn->code, &err);
    js_set_text(*data, "message", message, &err);
    if (err != ERR_OK) {
        json_decref(*data);
        *data = NULL;
    }
    return "error";
}

/* ---- emitter ---- */

/* What a worker that died had told already. */
static void absorb(struct emitter *emitter, const struct turn_event *event)
{
    struct turn *turn = emitter->turn;
    if (text_equal(event->type, "text")) {
        buf_adds(&emitter->before, js_text(event->data, "delta"));
        return;
    }
    if (event->call < 0 || (size_t)event->call >= turn->call_count) {
        return;
    }
    struct turn_call *call = &turn->calls[event->call];
    if (text_equal(event->type, "approval")) {
        call->told = true;
    } else if (text_equal(event->type, "action") && js_text(event->data, "status") != NULL) {
        (void)snprintf(call->shown, sizeof call->shown, "%s", js_text(event->data, "status"));
    }
}

enum err turn_event_first(struct store *store, const struct turn *turn, msec now)
{
    json_t *data = json_object();
    enum err err = ERR_OK;
    js_set_text(data, "turn", turn->id, &err);
    js_set_text(data, "conversation", turn->conversation, &err);
    if (err == ERR_OK) {
        err = turn_event_put(store, turn, 1, "turn", data, -1, now);
    }
    json_decref(data);
    return err == ERR_CONFLICT ? ERR_OK : err;
}

enum err emitter_open(struct emitter *emitter, struct store *store, struct turn *turn, msec now)
{
    enum err err = ERR_OK;
    memset(emitter, 0, sizeof *emitter);
    emitter->store = store;
    emitter->turn = turn;
    emitter->pending = buf_make(TURN_TEXT_MAX * 3 + 16);
    emitter->before = buf_make(TURN_TEXT_MAX * 3 + 16);
    emitter->next = turn->settled_event + 1;
    for (; emitter->next <= EVENTS_MAX; emitter->next++) {
        struct turn_event event = {0};
        err = turn_event_get(store, turn->id, emitter->next, now, &event);
        if (err == ERR_FORGED || err == ERR_INPUT) {
            err = ERR_OK; /* damaged, but its number is taken; the turn must still find its end */
            continue;
        }
        if (err != ERR_OK) {
            break;
        }
        absorb(emitter, &event);
        turn_event_free(&event);
    }
    if (err == ERR_OK || err == ERR_NONE) {
        err = buf_err(&emitter->before);
    }
    emitter->shown = turn->text_len + emitter->before.len;
    if (err == ERR_OK && emitter->next == 1) {
        err = turn_event_first(store, turn, now);
        emitter->next = 2;
    }
    if (err != ERR_OK) {
        emitter_free(emitter);
    }
    return err;
}

void emitter_free(struct emitter *emitter)
{
    buf_free(&emitter->pending);
    buf_free(&emitter->before);
}

void emitter_begin_step(struct emitter *emitter)
{
    emitter->matched = 0;
    emitter->matching = emitter->before.len > 0;
    emitter->tail_len = 0;
}

void emitter_settle(struct emitter *emitter)
{
    emitter->turn->settled_event = emitter->next - 1;
    emitter->turn->text_len = emitter->shown;
    buf_reset(&emitter->before);
    emitter->matching = false;
}

static enum err put_next(struct emitter *emitter, const char *type, const json_t *data, int call,
                         msec now)
{
    enum err err = ERR_CONFLICT;
    /* A number can be taken only by a worker that had this turn before; a few are passed over. */
    for (int i = 0; i < 64 && err == ERR_CONFLICT; i++) {
        if (emitter->next > EVENTS_MAX) {
            return ERR_LIMIT;
        }
        err = turn_event_put(emitter->store, emitter->turn, emitter->next, type, data, call, now);
        emitter->next += err == ERR_OK || err == ERR_CONFLICT ? 1 : 0;
    }
    return err == ERR_CONFLICT ? ERR_LIMIT : err;
}

enum err emitter_flush(struct emitter *emitter, msec now)
{
    if (emitter->pending.len == 0) {
        return buf_err(&emitter->pending);
    }
    if (emitter->next > EVENTS_TEXT_MAX) {
        return ERR_LIMIT;
    }
    json_t *data = json_object();
    enum err err = buf_err(&emitter->pending);
    js_set_text(data, "delta", buf_str(&emitter->pending), &err);
    if (err == ERR_OK) {
        err = put_next(emitter, "text", data, -1, now);
    }
    json_decref(data);
    if (err == ERR_OK) {
        buf_reset(&emitter->pending);
        emitter->flushed_at = now;
    }
    return err;
}

enum err emitter_event(struct emitter *emitter, const char *type, json_t *data, int call, msec now)
{
    enum err err = data == NULL ? ERR_MEMORY : emitter_flush(emitter, now);
    if (err == ERR_OK) {
        err = put_next(emitter, type, data, call, now);
    }
    json_decref(data);
    return err;
}

static enum err say(struct emitter *emitter, const char *text, size_t len, msec now)
{
    size_t left = emitter->shown < TURN_TEXT_MAX ? TURN_TEXT_MAX - emitter->shown : 0;
    bool over = len > left;
    while (over && left > 0 && ((unsigned char)text[left] & 0xC0) == 0x80) {
        left--; /* cut between characters */
    }
    len = over ? left : len;
    buf_add(&emitter->pending, text, len);
    emitter->shown += len;
    /* A model that trickles gets fewer, larger events as it goes on. */
    msec pause = emitter->next < EVENTS_TEXT_MAX / 3 ? EVENT_FLUSH_MS : EVENT_FLUSH_MS * 8;
    enum err err = ERR_OK;
    if (over || emitter->pending.len >= EVENT_FLUSH_BYTES || now - emitter->flushed_at >= pause) {
        err = emitter_flush(emitter, now);
    }
    return err == ERR_OK && over ? ERR_LIMIT : err;
}

/* Valid text. What a broken-off try has told already is passed over while it is the same. */
static enum err say_on(struct emitter *emitter, const char *text, size_t len, msec now)
{
    if (!emitter->matching) {
        return say(emitter, text, len, now);
    }
    size_t left = emitter->before.len - emitter->matched;
    size_t same = len < left ? len : left;
    const char *old = emitter->before.data + emitter->matched;
    if (memcmp(old, text, same) == 0) {
        emitter->matched += same;
        emitter->matching = emitter->matched < emitter->before.len;
        return same < len ? say(emitter, text + same, len - same, now) : ERR_OK;
    }
    emitter->matching = false;
    enum err err = say(emitter, "\n\n", 2, now);
    if (err == ERR_OK) {
        err = say(emitter, emitter->before.data, emitter->matched, now);
    }
    return err == ERR_OK ? say(emitter, text, len, now) : err;
}

/* May more bytes make a character of these? Only if each prefix could still grow. */
static bool unfinished(const char *bytes, size_t len)
{
    static const char *const endings[] = {"\x80",         "\x80\x80", "\x80\x80\x80", "\xA0\x80",
                                          "\x90\x80\x80", "\xA0",     "\x90"};
    char probe[8];
    if (len == 0 || len > 3) {
        return false;
    }
    for (size_t i = 0; i < COUNT(endings); i++) {
        size_t more = strlen(endings[i]);
        memcpy(probe, bytes, len);
        memcpy(probe + len, endings[i], more);
        if (utf8_step(probe, len + more) == len + more) {
            return true;
        }
    }
    return false;
}

enum err emitter_text(struct emitter *emitter, const char *bytes, size_t len, msec now)
{
    struct buf raw = buf_make(len + sizeof emitter->tail);
    struct buf clean = buf_make((len + sizeof emitter->tail) * 3);
    buf_add(&raw, emitter->tail, emitter->tail_len);
    buf_add(&raw, bytes, len);
    emitter->tail_len = 0;
    for (size_t at = 0; at < raw.len;) {
        size_t step = utf8_step(raw.data + at, raw.len - at);
        if (step > 0) {
            buf_add(&clean, raw.data + at, step);
            at += step;
        } else if (unfinished(raw.data + at, raw.len - at)) {
            emitter->tail_len = raw.len - at;
            memcpy(emitter->tail, raw.data + at, emitter->tail_len);
            at = raw.len;
        } else {
            buf_adds(&clean, "\xEF\xBF\xBD");
            at++;
        }
    }
    enum err err = buf_err(&raw) != ERR_OK ? buf_err(&raw) : buf_err(&clean);
    if (err == ERR_OK && clean.len > 0) {
        err = say_on(emitter, clean.data, clean.len, now);
    }
    buf_free(&raw);
    buf_free(&clean);
    return err;
}
