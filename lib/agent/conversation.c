#include "agent/conversation.h"

#include "agent/turn.h"
#include "base/text.h"
#include "crypto/hash.h"

#include <string.h>

#define CONVERSATIONS_MAX 50
#define TURNS_MAX 200
#define PAYLOAD_MAX ((size_t)4096)

void conversation_record_id(const char *conversation, uint8_t id[RECORD_ID_SIZE])
{
    hash_parts(id, "conversation", conversation, (const char *)NULL);
}

void conversation_session(const char *conversation, char out[65])
{
    uint8_t hash[SHA256_SIZE];
    hash_parts(hash, "agent session", conversation, (const char *)NULL);
    hex_encode(hash, sizeof hash, out);
}

static void title_of(const char *message, char out[CONVERSATION_TITLE_SIZE])
{
    size_t len = 0;
    message += strspn(message, " \t\r\n");
    size_t line = strcspn(message, "\r\n");
    while (len < line) {
        size_t step = utf8_step(message + len, line - len);
        if (step == 0 || len + step >= CONVERSATION_TITLE_SIZE) {
            break;
        }
        len += step;
    }
    memcpy(out, message, len);
    out[len] = '\0';
}

static enum err payload_of(const char *conversation, const char *title, msec updated_at,
                           struct buf *out)
{
    enum err err = ERR_OK;
    json_t *root = json_object();
    js_set_text(root, "id", conversation, &err);
    js_set_text(root, "title", title, &err);
    js_set_int(root, "updated_at", updated_at, &err);
    if (err == ERR_OK) {
        err = js_add(out, root);
    }
    json_decref(root);
    return err;
}

enum err conversation_new(struct store *store, const char *conversation,
                          const uint8_t owner[RECORD_ID_SIZE], const char *message, msec now)
{
    struct record record = {.kind = KIND_CONVERSATION, .expires_at = now + TURN_KEPT};
    struct buf payload = buf_make_secret(PAYLOAD_MAX);
    char title[CONVERSATION_TITLE_SIZE];
    title_of(message, title);
    enum err err = payload_of(conversation, title, now, &payload);
    if (err == ERR_OK) {
        conversation_record_id(conversation, record.id);
        memcpy(record.owner, owner, sizeof record.owner);
        record.payload = payload.data;
        record.payload_len = payload.len;
        err = record_put(store, &record, now);
    }
    buf_free(&payload);
    return err;
}

enum err conversation_touch(struct store *store, const char *conversation,
                            const uint8_t owner[RECORD_ID_SIZE], msec now)
{
    struct record record = {0};
    struct buf payload = buf_make_secret(PAYLOAD_MAX);
    json_t *root = NULL;
    uint8_t id[RECORD_ID_SIZE];
    conversation_record_id(conversation, id);
    enum err err = record_get(store, KIND_CONVERSATION, id, now, &record);
    if (err == ERR_OK && memcmp(record.owner, owner, RECORD_ID_SIZE) != 0) {
        err = ERR_NONE;
    }
    if (err == ERR_OK) {
        err = js_parse_object(record.payload, record.payload_len, PAYLOAD_MAX, &root);
    }
    if (err == ERR_OK) {
        err = payload_of(conversation, js_text(root, "title"), now, &payload);
    }
    if (err == ERR_OK) {
        struct record changed = record;
        changed.payload = payload.data;
        changed.payload_len = payload.len;
        changed.expires_at = now + TURN_KEPT;
        err = record_replace(store, &changed, now);
        if (err == ERR_CONFLICT) {
            err = ERR_OK; /* somebody else has just used it: that is as good */
        }
    }
    json_decref(root);
    record_free(&record);
    buf_free(&payload);
    return err;
}

/* ---- the list ---- */

static enum err add_turn(json_t *turns, const struct turn *turn)
{
    enum err err = ERR_OK;
    json_t *object = json_object();
    js_set_text(object, "id", turn->id, &err);
    js_set_text(object, "message", turn->message, &err);
    js_set_text(object, "state", turn_state_name(turn->state), &err);
    js_set_int(object, "created_at", turn->created_at / 1000, &err);
    if (err == ERR_OK && json_array_insert_new(turns, 0, object) != 0) {
        return ERR_MEMORY;
    }
    if (err != ERR_OK) {
        json_decref(object);
    }
    return err;
}

/* Newest first come in, so each goes before those of its conversation. */
static enum err sort_turns(const struct record_list *list, json_t *by_conversation)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < list->count && err == ERR_OK; i++) {
        struct turn turn = {0};
        err = turn_from_json(list->records[i].payload, list->records[i].payload_len, &turn);
        if (err == ERR_OK) {
            json_t *turns = json_object_get(by_conversation, turn.conversation);
            if (turns == NULL) {
                turns = json_array();
                js_set_new(by_conversation, turn.conversation, turns, &err);
            }
            if (err == ERR_OK) {
                err = add_turn(turns, &turn);
            }
        }
        turn_free(&turn);
        if (err == ERR_INPUT) {
            err = ERR_OK; /* not a turn: the others are still shown */
        }
    }
    return err;
}

static enum err add_conversation(json_t *list, const struct record *record,
                                 const json_t *by_conversation)
{
    enum err err = ERR_OK;
    json_t *root = NULL;
    json_t *object = NULL;
    err = js_parse_object(record->payload, record->payload_len, PAYLOAD_MAX, &root);
    const char *id = js_text(root, "id");
    json_t *turns = json_object_get(by_conversation, id != NULL ? id : "");
    if (err == ERR_OK && turns != NULL) {
        object = json_object();
        js_set_text(object, "id", id, &err);
        js_set_text(object, "title", js_text(root, "title"), &err);
        js_set_int(object, "updated_at", js_int_or(root, "updated_at", 0) / 1000, &err);
        js_set_new(object, "turns", json_incref(turns), &err);
        if (err == ERR_OK && json_array_append(list, object) != 0) {
            err = ERR_MEMORY;
        }
    }
    json_decref(object);
    json_decref(root);
    return err;
}

enum err conversations_json(struct store *store, const uint8_t owner[RECORD_ID_SIZE], msec now,
                            json_t **out)
{
    struct record_list conversations = {0};
    struct record_list turns = {0};
    json_t *by_conversation = json_object();
    json_t *list = json_array();
    *out = NULL;
    enum err err =
        record_by_owner(store, KIND_CONVERSATION, owner, now, CONVERSATIONS_MAX, &conversations);
    if (err == ERR_OK) {
        err = record_by_owner(store, KIND_TURN, owner, now, TURNS_MAX, &turns);
    }
    if (err == ERR_OK) {
        err = sort_turns(&turns, by_conversation);
    }
    for (size_t i = 0; i < conversations.count && err == ERR_OK; i++) {
        err = add_conversation(list, &conversations.records[i], by_conversation);
    }
    if (err == ERR_OK) {
        *out = json_object();
        js_set_new(*out, "conversations", json_incref(list), &err);
    }
    if (err != ERR_OK) {
        json_decref(*out);
        *out = NULL;
    }
    json_decref(list);
    json_decref(by_conversation);
    record_list_free(&conversations);
    record_list_free(&turns);
    return err;
}
