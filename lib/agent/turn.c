#include "agent/turn.h"

#include "agent/conversation.h"
#include "base/text.h"
#include "catalogue/marks.h"

#include <string.h>

#define RECENT_MAX 20

bool turn_message_valid(const char *message)
{
    if (message == NULL) {
        return false;
    }
    size_t len = strnlen(message, TURN_MESSAGE_MAX + 1);
    return len > 0 && len <= TURN_MESSAGE_MAX && utf8_valid(message, len) &&
           strspn(message, " \t\r\n") < len;
}

/* How many of the person's turns run, and whether one does in this conversation. */
static enum err running(struct store *store, const uint8_t *owner, const char *conversation,
                        msec now, size_t *count, bool *here)
{
    struct record_list list = {0};
    *count = 0;
    *here = false;
    enum err err = record_by_owner(store, KIND_TURN, owner, now, RECENT_MAX, &list);
    for (size_t i = 0; i < list.count && err == ERR_OK; i++) {
        struct turn turn = {0};
        err = turn_from_json(list.records[i].payload, list.records[i].payload_len, &turn);
        if (err == ERR_OK && turn.state == TURN_RUNNING) {
            ++*count;
            *here = *here || text_equal(turn.conversation, conversation);
        }
        turn_free(&turn);
    }
    record_list_free(&list);
    return err;
}

static enum err fill(const struct turn_request *request, msec now, struct turn *out)
{
    hex_encode(request->session->id, RECORD_ID_SIZE, out->session);
    base64url_encode(request->random, 32, out->id);
    out->created_at = now;
    out->deadline = now + request->lifetime;
    out->lease_until = now + TURN_LEASE;
    enum err err = person_copy(&request->session->person, &out->person);
    if (err == ERR_OK) {
        err = text_dup(request->message, &out->message);
    }
    if (err == ERR_OK) {
        err = text_copy(out->agent, sizeof out->agent, request->agent);
    }
    if (err == ERR_OK) {
        err = text_copy(out->request_id, sizeof out->request_id, request->request_id);
    }
    return err;
}

static enum err put(struct store *store, struct turn *turn, msec now)
{
    struct buf payload = buf_make_secret(TURN_PAYLOAD_MAX);
    struct record record = {
        .kind = KIND_TURN, .expires_at = turn->created_at + TURN_KEPT, .due_at = turn->lease_until};
    enum err err = turn_to_json(turn, &payload);
    if (err == ERR_OK) {
        mark_turn(turn->id, record.id);
        memcpy(record.owner, turn->person.owner, sizeof record.owner);
        conversation_record_id(turn->conversation, record.second);
        record.payload = payload.data;
        record.payload_len = payload.len;
        err = record_put(store, &record, now);
        turn->version = record.version;
    }
    buf_free(&payload);
    return err;
}

enum err turn_create(struct store *store, const struct turn_request *request, msec now,
                     struct turn *out)
{
    const uint8_t *owner = request->session->person.owner;
    size_t count = 0;
    bool here = false;
    memset(out, 0, sizeof *out);
    enum err err = running(store, owner, request->conversation, now, &count, &here);
    if (err == ERR_OK && count >= TURNS_RUNNING_MAX) {
        err = ERR_LIMIT;
    }
    if (err == ERR_OK) {
        err = fill(request, now, out);
    }
    /* The conversation first: one without turns is not shown, a turn without one would be lost. */
    if (err == ERR_OK && request->conversation != NULL) {
        err = text_copy(out->conversation, sizeof out->conversation, request->conversation);
        err = err == ERR_OK ? conversation_touch(store, out->conversation, owner, now) : ERR_NONE;
        if (err == ERR_OK && here) {
            err = ERR_CONFLICT;
        }
    } else if (err == ERR_OK) {
        base64url_encode(request->random + 32, 32, out->conversation);
        err = conversation_new(store, out->conversation, owner, request->message, now);
    }
    if (err == ERR_OK) {
        err = put(store, out, now);
    }
    if (err != ERR_OK) {
        turn_free(out);
    }
    return err;
}

enum err turn_get(struct store *store, const char *id, const uint8_t owner[RECORD_ID_SIZE],
                  msec now, struct turn *out)
{
    uint8_t record_id[RECORD_ID_SIZE];
    struct record record = {0};
    memset(out, 0, sizeof *out);
    mark_turn(id, record_id);
    enum err err = record_get(store, KIND_TURN, record_id, now, &record);
    if (err != ERR_OK) {
        return err;
    }
    if (owner != NULL && memcmp(owner, record.owner, RECORD_ID_SIZE) != 0) {
        err = ERR_NONE;
    } else {
        err = turn_from_json(record.payload, record.payload_len, out);
    }
    record_free(&record);
    return err;
}

enum err turn_mark_cancelled(struct store *store, const struct turn *turn, msec now)
{
    static char payload[] = "{}";
    struct record record = {.kind = KIND_ONCE,
                            .expires_at = turn->created_at + TURN_KEPT,
                            .payload = payload,
                            .payload_len = 2};
    mark_turn_cancelled(turn->id, record.id);
    memcpy(record.owner, turn->person.owner, sizeof record.owner);
    enum err err = record_put(store, &record, now);
    return err == ERR_CONFLICT ? ERR_OK : err; /* marked before: the same fact */
}

enum err turn_cancel(struct store *store, const struct turn *turn, msec now)
{
    uint8_t id[RECORD_ID_SIZE];
    enum err err = turn_mark_cancelled(store, turn, now);
    if (err == ERR_OK) {
        mark_turn(turn->id, id);
        err = record_hint(store, KIND_TURN, id, now, now);
    }
    return err;
}

enum err turn_cancelled(struct store *store, const struct turn *turn, msec now)
{
    uint8_t id[RECORD_ID_SIZE];
    mark_turn_cancelled(turn->id, id);
    return record_exists(store, KIND_ONCE, id, now);
}
