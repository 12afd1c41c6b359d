#include "identity/session.h"

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "identity/session_internal.h"

#include <string.h>

/*
 * The payload's keys are single letters: this row is read by every signed-in
 * request, and its size is what that read costs.  Times are milliseconds; those
 * after created_at are kept as the distance from it, which is shorter.
 */
#define FORMAT 1

void session_free(struct session *session)
{
    if (!session) {
        return;
    }
    person_free(&session->person);
    wipe(session, sizeof *session);
}

struct session_limits session_limits(const struct config *config)
{
    return (struct session_limits){.idle = SECONDS(config_number(config, CFG_SESSION_IDLE)),
                                   .absolute =
                                       SECONDS(config_number(config, CFG_SESSION_ABSOLUTE))};
}

static msec least(msec a, msec b)
{
    return a < b ? a : b;
}

/* Without limits (a list, which shows and grants nothing) the row's own expiry stands for both. */
static void set_expiry(struct session *session, const struct session_limits *limits,
                       msec row_expires_at)
{
    if (!limits) {
        session->expires_at = session->idle_expires_at = row_expires_at;
        return;
    }
    session->expires_at = session->created_at + limits->absolute;
    session->idle_expires_at = least(session->seen_at + limits->idle, session->expires_at);
}

/* The User-Agent is whatever a client sends: printable ASCII stays, the rest is a question mark. */
static void copy_user_agent(char out[128], const char *user_agent)
{
    size_t n = 0;

    for (; user_agent && user_agent[n] && n < 127; n++) {
        out[n] = user_agent[n];
        if (out[n] < ' ' || out[n] > '~') {
            out[n] = '?';
        }
    }
    out[n] = '\0';
}

/* A session's second key: every session of one sign-in at the provider. */
static void second_key(const char *iss, const char *sid, uint8_t second[RECORD_ID_SIZE])
{
    if (sid[0]) {
        hash_parts(second, "sid", iss, sid, (const char *)NULL);
    } else {
        memset(second, 0, RECORD_ID_SIZE);
    }
}

static enum err payload_write(const struct session *session, struct record *record)
{
    enum err err = ERR_OK;
    struct buf text = buf_make_secret(SESSION_PAYLOAD_MAX);
    json_t *object = json_object();

    if (!object) {
        return ERR_MEMORY;
    }
    js_set_int(object, "f", FORMAT, &err);
    js_set_text(object, "i", session->person.iss, &err);
    js_set_text(object, "s", session->person.sub, &err);
    js_set_text(object, "e", session->person.email, &err);
    if (session->person.email_verified) {
        js_set_bool(object, "v", true, &err);
    }
    js_set_text(object, "n", session->person.name, &err);
    js_set_text(object, "c", session->csrf_token, &err);
    if (session->sid[0]) {
        js_set_text(object, "p", session->sid, &err);
    }
    if (session->user_agent[0]) {
        js_set_text(object, "u", session->user_agent, &err);
    }
    js_set_int(object, "a", session->created_at, &err);
    js_set_int(object, "w", session->seen_at - session->created_at, &err);
    if (session->auth_time) {
        js_set_int(object, "t", session->auth_time - session->created_at, &err);
    }
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

/* What we wrote ourselves and the seal protected: a mismatch is a fault, not an ordinary absence.
 */
static enum err payload_read(const struct record *record, struct session *out)
{
    json_t *object = NULL;
    enum err err =
        js_parse_object(record->payload, record->payload_len, SESSION_PAYLOAD_MAX, &object);
    const char *csrf_token;

    if (err != ERR_OK) {
        return err == ERR_MEMORY ? err : ERR_FORGED;
    }
    err = ERR_FORGED;
    if (js_int_or(object, "f", 0) != FORMAT) {
        goto done;
    }
    csrf_token = js_text(object, "c");
    if (!csrf_token || strlen(csrf_token) != SESSION_TOKEN_SIZE - 1 ||
        text_copy(out->csrf_token, sizeof out->csrf_token, csrf_token) != ERR_OK) {
        goto done;
    }
    if (js_text(object, "p") &&
        text_copy(out->sid, sizeof out->sid, js_text(object, "p")) != ERR_OK) {
        goto done;
    }
    copy_user_agent(out->user_agent, js_text(object, "u"));
    out->created_at = js_int_or(object, "a", 0);
    out->seen_at = out->created_at + js_int_or(object, "w", 0);
    if (json_object_get(object, "t")) {
        out->auth_time = out->created_at + js_int_or(object, "t", 0);
    }
    err = person_new(js_text(object, "i"), js_text(object, "s"), js_text(object, "e"),
                     js_true(object, "v"), js_text(object, "n"), &out->person);
    if (err == ERR_INPUT) {
        err = ERR_FORGED;
    }
    if (err == ERR_OK && memcmp(out->person.owner, record->owner, RECORD_ID_SIZE) != 0) {
        err = ERR_FORGED;
    }
done:
    json_decref(object);
    return err;
}

enum err session_from_record(const struct record *record, const struct session_limits *limits,
                             msec now, struct session *out)
{
    enum err err;

    memset(out, 0, sizeof *out);
    err = payload_read(record, out);
    if (err == ERR_FORGED) {
        log_line(LOG_ERROR, "session record is not one of ours");
    }
    if (err == ERR_OK) {
        memcpy(out->id, record->id, sizeof out->id);
        out->version = record->version;
        set_expiry(out, limits, record->expires_at);
        /* The limits may have been lowered since the row was written, so both count. */
        if (now >= out->idle_expires_at || now >= record->expires_at) {
            err = ERR_NONE;
        }
        /* By a clock that stepped back both limits would be that much further away (row 32). */
        if (limits && (now < out->seen_at - SESSION_CLOCK_SKEW ||
                       now < out->created_at - SESSION_CLOCK_SKEW)) {
            err = ERR_NONE;
        }
    }
    if (err != ERR_OK) {
        session_free(out);
    }
    return err;
}

static enum err fill_new(const struct session_limits *limits, const struct person *person,
                         const char *sid, const char *user_agent, msec auth_time, msec now,
                         const uint8_t random[SESSION_RANDOM], char token[SESSION_TOKEN_SIZE],
                         struct session *out)
{
    enum err err = person_copy(person, &out->person);

    if (err == ERR_OK && sid && text_copy(out->sid, sizeof out->sid, sid) != ERR_OK) {
        err = ERR_INPUT;
    }
    if (err != ERR_OK) {
        return err;
    }
    base64url_encode(random, SESSION_RANDOM / 2, token);
    base64url_encode(random + SESSION_RANDOM / 2, SESSION_RANDOM / 2, out->csrf_token);
    sha256(token, SESSION_TOKEN_SIZE - 1, out->id);
    copy_user_agent(out->user_agent, user_agent);
    out->created_at = now;
    out->seen_at = now;
    out->auth_time = auth_time;
    set_expiry(out, limits, 0);
    return ERR_OK;
}

enum err session_create(struct store *store, const struct session_limits *limits,
                        const struct person *person, const char *sid, const char *user_agent,
                        msec auth_time, msec started_at, msec now,
                        const uint8_t random[SESSION_RANDOM], char token[SESSION_TOKEN_SIZE],
                        struct session *out)
{
    struct record record = {.kind = KIND_SESSION};
    msec not_before = 0;
    bool stored = false;
    enum err err;

    memset(out, 0, sizeof *out);
    memset(token, 0, SESSION_TOKEN_SIZE);
    err = fill_new(limits, person, sid, user_agent, auth_time, now, random, token, out);
    if (err == ERR_OK) {
        err = payload_write(out, &record);
    }
    if (err != ERR_OK) {
        goto done;
    }
    memcpy(record.id, out->id, sizeof record.id);
    memcpy(record.owner, out->person.owner, sizeof record.owner);
    second_key(out->person.iss, out->sid, record.second);
    record.expires_at = out->idle_expires_at;
    err = record_put(store, &record, now);
    if (err != ERR_OK) {
        goto done;
    }
    stored = true;
    out->version = record.version;
    /*
     * After the put, not before it: signing out everywhere sets not_before and
     * then deletes what it finds, so either it finds this row or we find its time.
     */
    err = session_not_before(store, out->person.owner, now, &not_before);
    if (err == ERR_OK && started_at <= not_before) {
        session_not_before_told(not_before, now);
        err = ERR_NONE;
    }
done:
    if (err != ERR_OK) {
        if (stored && record_delete(store, KIND_SESSION, out->id) > ERR_NONE) {
            log_line(LOG_ERROR, "an unused session could not be deleted");
        }
        wipe(token, SESSION_TOKEN_SIZE);
        session_free(out);
    }
    record_free(&record);
    return err;
}

/* seen_at moves on, and with it the idle limit; never back, never past the absolute one. */
static enum err touch(struct store *store, const struct session_limits *limits, msec now,
                      struct record *record, struct session *session)
{
    enum err err;

    free_wiped(record->payload);
    record->payload = NULL;
    session->seen_at = now;
    set_expiry(session, limits, 0);
    err = payload_write(session, record);
    if (err != ERR_OK) {
        return err;
    }
    record->expires_at = session->idle_expires_at;
    err = record_replace(store, record, now);
    if (err == ERR_OK) {
        session->version = record->version;
    }
    return err;
}

enum err session_load(struct store *store, const struct session_limits *limits, const char *token,
                      msec now, struct session *out)
{
    uint8_t bytes[SESSION_RANDOM / 2];
    uint8_t id[RECORD_ID_SIZE];
    size_t len = sizeof bytes;
    struct record record = {0};
    enum err err;

    memset(out, 0, sizeof *out);
    if (!token || strnlen(token, SESSION_TOKEN_SIZE) != SESSION_TOKEN_SIZE - 1) {
        return ERR_NONE;
    }
    err = base64url_decode(token, SESSION_TOKEN_SIZE - 1, bytes, &len);
    wipe(bytes, sizeof bytes);
    if (err != ERR_OK || len != sizeof bytes) {
        return ERR_NONE;
    }
    sha256(token, SESSION_TOKEN_SIZE - 1, id);
    err = record_get(store, KIND_SESSION, id, now, &record);
    if (err != ERR_OK) {
        return err;
    }
    err = session_from_record(&record, limits, now, out);
    /* now - seen_at is negative after a step back: nothing is written then. */
    if (err == ERR_OK && now - out->seen_at >= limits->idle / 10 && now > out->seen_at) {
        err = touch(store, limits, now, &record, out);
        if (err == ERR_CONFLICT) { /* another request touched it, or it has just been ended */
            err = record_exists(store, KIND_SESSION, id, now);
        }
        if (err != ERR_OK) {
            session_free(out);
        }
    }
    record_free(&record);
    return err;
}

enum err session_check(struct store *store, const struct session_limits *limits,
                       const uint8_t id[RECORD_ID_SIZE], msec now, struct session *out)
{
    struct record record = {0};
    msec not_before = 0;
    enum err err = record_get(store, KIND_SESSION, id, now, &record);

    memset(out, 0, sizeof *out);
    if (err != ERR_OK) {
        return err;
    }
    err = session_from_record(&record, limits, now, out);
    if (err == ERR_OK) {
        err = session_not_before(store, out->person.owner, now, &not_before);
        if (err == ERR_OK && out->created_at <= not_before) {
            err = ERR_NONE;
        }
        if (err != ERR_OK) {
            session_free(out);
        }
    }
    record_free(&record);
    return err;
}

enum err session_end(struct store *store, const uint8_t id[RECORD_ID_SIZE])
{
    /* The session first: it is what grants.  Both are tried whatever happens to the other. */
    enum err session = record_delete(store, KIND_SESSION, id);
    enum err tokens = record_delete(store, KIND_TOKENS, id);

    /* Without its session nobody is given them: the person is signed out, and must be told so. */
    if (tokens != ERR_OK && tokens != ERR_NONE) {
        log_line(LOG_ERROR, "the tokens of a session could not be deleted; they expire with it",
                 LOG_T("reason", err_name(tokens)));
    }
    return session;
}
