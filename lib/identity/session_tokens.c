/*
 * A session's tokens, a record of their own under a key of their own, so that a
 * program which only needs to know who is there cannot open them.
 */
#include "base/json.h"
#include "base/log.h"
#include "identity/session.h"

#include <string.h>

#define TOKENS_MAX ((size_t)192 * 1024)
#define TRIES 8

static enum err tokens_text(const struct secret *refresh_token, const struct secret *id_token,
                            struct record *record)
{
    enum err err = ERR_OK;
    struct buf text = buf_make_secret(TOKENS_MAX);
    json_t *object = json_object();

    if (!object) {
        return ERR_MEMORY;
    }
    js_set_int(object, "f", 1, &err);
    js_set_text(object, "refresh_token", refresh_token ? secret_text(refresh_token) : NULL, &err);
    js_set_text(object, "id_token", id_token ? secret_text(id_token) : NULL, &err);
    if (err == ERR_OK) {
        err = js_add(&text, object);
    }
    if (err == ERR_OK) {
        record->payload_len = text.len;
        err = buf_take(&text, &record->payload);
    }
    json_decref(object);
    buf_free(&text);
    return err;
}

enum err session_tokens_put(struct store *store, const struct session *session,
                            const struct secret *refresh_token, const struct secret *id_token,
                            msec now)
{
    enum err err = ERR_CONFLICT;

    for (int i = 0; i < TRIES && err == ERR_CONFLICT; i++) {
        struct record record = {0};

        err = record_get(store, KIND_TOKENS, session->id, now, &record);
        if (err == ERR_NONE) {
            record = (struct record){.kind = KIND_TOKENS};
            memcpy(record.id, session->id, sizeof record.id);
            memcpy(record.owner, session->person.owner, sizeof record.owner);
        } else if (err != ERR_OK) {
            return err;
        }
        free_wiped(record.payload);
        record.payload = NULL;
        record.expires_at = session->expires_at;
        err = tokens_text(refresh_token, id_token, &record);
        if (err == ERR_OK) {
            err = record.version ? record_replace(store, &record, now)
                                 : record_put(store, &record, now);
        }
        record_free(&record);
    }
    if (err != ERR_OK) {
        return err;
    }
    /*
     * Who ends a session deletes it first and its tokens then, so either they found
     * these or we find the session gone.
     */
    err = record_exists(store, KIND_SESSION, session->id, now);
    if (err != ERR_OK && record_delete(store, KIND_TOKENS, session->id) > ERR_NONE) {
        log_line(LOG_ERROR, "the tokens of an ended session could not be deleted");
    }
    return err;
}

static enum err take(const json_t *object, const char *name, struct secret **out)
{
    const char *text = js_text(object, name);

    return text ? secret_new(text, strlen(text), out) : ERR_OK;
}

enum err session_tokens_get(struct store *store, const uint8_t id[RECORD_ID_SIZE], msec now,
                            struct secret **refresh_token, struct secret **id_token)
{
    struct record record = {0};
    json_t *object = NULL;
    enum err err;

    *refresh_token = NULL;
    *id_token = NULL;
    err = record_get(store, KIND_TOKENS, id, now, &record);
    if (err != ERR_OK) {
        return err;
    }
    err = js_parse_object(record.payload, record.payload_len, TOKENS_MAX, &object);
    if (err == ERR_OK && js_int_or(object, "f", 0) != 1) {
        err = ERR_FORGED;
    }
    if (err == ERR_OK) {
        err = take(object, "refresh_token", refresh_token);
    }
    if (err == ERR_OK) {
        err = take(object, "id_token", id_token);
    }
    if (err != ERR_OK) {
        secret_free(*refresh_token);
        secret_free(*id_token);
        *refresh_token = NULL;
        *id_token = NULL;
    }
    json_decref(object);
    record_free(&record);
    return err == ERR_INPUT || err == ERR_LIMIT ? ERR_FORGED : err;
}
