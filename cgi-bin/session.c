/*
 * session: who am I, where am I signed in, and an end to it.
 *
 *   browser -> web server -> session -> store
 *
 * It opens no tokens and speaks to no remote party.
 */
#include "base/text.h"
#include "web/web.h"

#include <string.h>

static void set_text_or_null(json_t *object, const char *key, const char *value, enum err *err)
{
    js_set_new(object, key, value ? json_string(value) : json_null(), err);
}

/* What the handlers build, unless building it failed on the way. */
static enum err answer(struct response *response, json_t *body, enum err err)
{
    if (err == ERR_OK) {
        return response_json(response, 200, body);
    }
    json_decref(body);
    return err;
}

/* 200, 401. */
static enum err whoami(struct request *request, struct response *response)
{
    const struct session *session = request_session(request);
    json_t *body = json_object();
    json_t *user = json_object();
    enum err err = ERR_OK;

    js_set_text(user, "sub", session->person.sub, &err);
    set_text_or_null(user, "email", session->person.email, &err);
    set_text_or_null(user, "name", session->person.name, &err);
    js_set_new(body, "user", user, &err);
    js_set_text(body, "csrf_token", session->csrf_token, &err);
    js_set_int(body, "expires_at", session->idle_expires_at / 1000, &err);
    return answer(response, body, err);
}

static json_t *row(const struct session *session, bool current, enum err *err)
{
    char id[BASE64URL_SIZE(RECORD_ID_SIZE)];
    json_t *object = json_object();

    base64url_encode(session->id, sizeof session->id, id);
    js_set_text(object, "id", id, err);
    js_set_int(object, "created_at", session->created_at / 1000, err);
    js_set_int(object, "last_seen_at", session->seen_at / 1000, err);
    js_set_text(object, "user_agent", session->user_agent, err);
    js_set_bool(object, "current", current, err);
    return object;
}

/* 200, 401. Mine only: the list is by owner. */
static enum err list(struct request *request, struct response *response)
{
    const struct session *mine = request_session(request);
    struct session_list sessions = {0};
    json_t *body = NULL;
    json_t *rows = NULL;
    enum err err = session_list(request_app(request)->store, mine->person.owner,
                                request_now(request), &sessions);

    if (err != ERR_OK) {
        return err;
    }
    body = json_object();
    rows = json_array();
    for (size_t i = 0; i < sessions.count && err == ERR_OK; i++) {
        const struct session *one = &sessions.sessions[i];
        bool current = memcmp(one->id, mine->id, sizeof one->id) == 0;

        if (json_array_append_new(rows, row(one, current, &err)) != 0) {
            err = ERR_MEMORY;
        }
    }
    js_set_new(body, "sessions", rows, &err);
    session_list_free(&sessions);
    return answer(response, body, err);
}

/* ERR_NONE for another person's session as for none (row 54). */
static enum err revoke_one(struct request *request, const char *text, bool *current)
{
    struct store *store = request_app(request)->store;
    const struct session *mine = request_session(request);
    struct record record = {0};
    uint8_t id[RECORD_ID_SIZE];
    size_t len = sizeof id;
    enum err err;

    if (base64url_decode(text, strlen(text), id, &len) != ERR_OK || len != sizeof id) {
        return ERR_NONE;
    }
    err = record_get(store, KIND_SESSION, id, request_now(request), &record);
    if (err == ERR_OK && memcmp(record.owner, mine->person.owner, sizeof record.owner) != 0) {
        err = ERR_NONE;
    }
    if (err == ERR_OK) {
        err = session_end(store, id);
    }
    *current = err == ERR_OK && memcmp(id, mine->id, sizeof id) == 0;
    record_free(&record);
    return err;
}

/* 200 {"revoked":n}; "all" ends this one too. 401, 403, 404. */
static enum err revoke(struct request *request, struct response *response)
{
    const char *id = request_path_param(request);
    bool current = false;
    size_t ended = 0;
    json_t *body;
    enum err err;

    if (text_equal(id, "all")) {
        err = session_end_all(request_app(request)->store, request_session(request)->person.owner,
                              request_now(request), &ended);
        current = true;
    } else {
        err = revoke_one(request, id ? id : "", &current);
        ended = 1;
    }
    if (err != ERR_OK) {
        return err;
    }
    if (current) {
        response_cookie(response, SESSION_COOKIE, "", 0);
    }
    body = json_object();
    js_set_int(body, "revoked", (json_int_t)ended, &err);
    return answer(response, body, err);
}

static const struct route routes[] = {
    {GET, "/api/session", NEED_SESSION, whoami, 0},
    {GET, "/api/sessions", NEED_SESSION, list, 0},
    {POST, "/api/sessions/{id}/revoke", NEED_SESSION | NEED_CSRF, revoke, 1024},
};

static const struct program program = {
    .name = "session",
    .opens = PROGRAM_STORE,
    .kinds = KIND_BIT(KIND_SESSION) | KIND_BIT(KIND_OWNER),
    .routes = routes,
    .route_count = COUNT(routes),
};

int main(int argc, char **argv)
{
    return program_run(&program, argc, argv);
}
