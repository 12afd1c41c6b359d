#include "agent/turn.h"

#include "agent/conversation.h"
#include "base/text.h"
#include "catalogue/marks.h"
#include "crypto/hash.h"

#include <string.h>

/* Turns of a person that may still run: enough that short ones cannot push a long one out of sight.
 */
#define RECENT_MAX 200

bool turn_message_valid(const char *message)
{
    if (message == NULL) {
        return false;
    }
    size_t characters = 0;
    size_t len = strnlen(message, TURN_MESSAGE_MAX + 1);
    if (len == 0 || len > TURN_MESSAGE_MAX || !utf8_valid(message, len)) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        characters += ((unsigned char)message[i] & 0xC0) != 0x80 ? 1 : 0;
    }
    return characters <= TURN_MESSAGE_CHARACTERS && strspn(message, " \t\r\n") < len;
}

bool turn_key_valid(const char *key)
{
    return text_of(key, 16, 64, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
}

/* How many of the person's turns run, and whether another than self does in this conversation. */
static enum err running(struct store *store, const uint8_t *owner, const char *conversation,
                        const char *self, msec now, size_t *count, bool *here)
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
            *here = *here ||
                    (text_equal(turn.conversation, conversation) && !text_equal(turn.id, self));
        }
        turn_free(&turn);
        if (err == ERR_INPUT) {
            err = ERR_OK; /* no worker runs it either, and the person must still be able to ask */
        }
    }
    record_list_free(&list);
    return err;
}

/* An id that the same key of the same person always gives; random bytes without a key. */
static void make_id(const struct turn_request *request, const char *label, const uint8_t *random,
                    char out[TURN_ID_SIZE])
{
    uint8_t hash[SHA256_SIZE];
    const struct person *person = &request->session->person;
    if (request->key != NULL) {
        hash_parts(hash, label, person->iss, person->sub, request->key, (const char *)NULL);
        random = hash;
    }
    base64url_encode(random, 32, out);
}

static enum err fill(const struct turn_request *request, msec now, struct turn *out)
{
    hex_encode(request->session->id, RECORD_ID_SIZE, out->session);
    make_id(request, "turn of a key", request->random, out->id);
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

static enum err put(struct store *store, struct turn *turn, struct record *record, msec now)
{
    struct buf payload = buf_make_secret(TURN_PAYLOAD_MAX);
    *record = (struct record){
        .kind = KIND_TURN, .expires_at = turn->created_at + TURN_KEPT, .due_at = turn->lease_until};
    enum err err = turn_to_json(turn, &payload);
    if (err == ERR_OK) {
        mark_turn(turn->id, record->id);
        memcpy(record->owner, turn->person.owner, sizeof record->owner);
        conversation_record_id(turn->conversation, record->second);
        record->payload = payload.data;
        record->payload_len = payload.len;
        err = record_put(store, record, now);
        record->payload = NULL;
        record->payload_len = 0;
        turn->version = record->version;
    }
    buf_free(&payload);
    return err;
}

/* ERR_NONE: the key is new. */
static enum err find_repeated(struct store *store, const struct turn_request *request, msec now,
                              struct turn *out)
{
    char id[TURN_ID_SIZE];
    char conversation[TURN_ID_SIZE];
    if (request->key == NULL) {
        return ERR_NONE;
    }
    make_id(request, "turn of a key", request->random, id);
    enum err err = turn_get(store, id, request->session->person.owner, now, out);
    if (err != ERR_OK) {
        return err;
    }
    make_id(request, "conversation of a key", request->random + 32, conversation);
    const char *meant = request->conversation != NULL ? request->conversation : conversation;
    if (!text_equal(out->message, request->message) || !text_equal(out->conversation, meant)) {
        turn_free(out);
        return ERR_INPUT;
    }
    out->repeated = true;
    return ERR_OK;
}

/* The conversation first: one without turns is not shown, a turn without one would be lost. */
static enum err open_conversation(struct store *store, const struct turn_request *request,
                                  bool here, msec now, struct turn *out)
{
    const uint8_t *owner = request->session->person.owner;
    if (request->conversation == NULL) {
        make_id(request, "conversation of a key", request->random + 32, out->conversation);
        enum err err = conversation_new(store, out->conversation, owner, request->message, now);
        /* Only the same request, at work in another thread, has made the same id. */
        return err == ERR_CONFLICT && request->key != NULL ? ERR_OK : err;
    }
    if (text_copy(out->conversation, sizeof out->conversation, request->conversation) != ERR_OK) {
        return ERR_NONE;
    }
    enum err err = conversation_touch(store, out->conversation, owner, now);
    return err == ERR_OK && here ? ERR_CONFLICT : err;
}

/*
 * Counted before, two requests at once would both find room.  So each counts again
 * once its own turn can be seen by the other, and withdraws it when there was none:
 * no worker has it yet.
 */
static enum err withdraw_if_over(struct store *store, const struct turn *turn,
                                 const struct record *record, msec now)
{
    size_t count = 0;
    bool here = false;
    enum err err =
        running(store, turn->person.owner, turn->conversation, turn->id, now, &count, &here);
    if (err == ERR_OK && !here && count <= TURNS_RUNNING_MAX) {
        return ERR_OK;
    }
    enum err over = err != ERR_OK ? err : here ? ERR_CONFLICT : ERR_LIMIT;
    err = record_delete_version(store, record);
    return err == ERR_OK ? over : ERR_STORE; /* it may run yet: "refused" would be a lie */
}

enum err turn_create(struct store *store, const struct turn_request *request, msec now,
                     struct turn *out)
{
    size_t count = 0;
    bool here = false;
    struct record record = {0};
    memset(out, 0, sizeof *out);
    enum err err = find_repeated(store, request, now, out);
    if (err != ERR_NONE) {
        return err;
    }
    err = running(store, request->session->person.owner, request->conversation, NULL, now, &count,
                  &here);
    if (err == ERR_OK && count >= TURNS_RUNNING_MAX) {
        err = ERR_LIMIT;
    }
    if (err == ERR_OK) {
        err = fill(request, now, out);
    }
    if (err == ERR_OK) {
        err = open_conversation(store, request, here, now, out);
    }
    if (err == ERR_OK) {
        err = put(store, out, &record, now);
        if (err == ERR_OK) {
            err = withdraw_if_over(store, out, &record, now);
        }
    }
    if (err != ERR_OK) {
        turn_free(out);
    }
    if (err == ERR_CONFLICT || err == ERR_LIMIT) {
        /* What stands in the way may be this very request, come meanwhile by another thread. */
        enum err found = find_repeated(store, request, now, out);
        err = found == ERR_NONE ? err : found;
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
