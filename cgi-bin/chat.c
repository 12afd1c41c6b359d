/*
 * chat: a person's message becomes a turn; turns are advanced here, watched or not.
 *
 *   browser -> POST /api/chat -> turn (record) -> worker -> model's service
 *                                             -> worker -> POST /actions/<group>
 *   browser <- parked stream <- turn events (records)
 *
 * It holds the model's credentials and the key of tickets; none of Okta, FGA or
 * CIBA.  What a model says is executed nowhere but behind /actions.
 */
#include "agent/turn.h"
#include "agent/turn_events.h"
#include "agent/turn_stream.h"
#include "agent/worker.h"
#include "base/log.h"
#include "base/text.h"
#include "catalogue/marks.h"
#include "crypto/random.h"
#include "web/web.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BODY_MAX ((size_t)56 * 1024) /* TURN_MESSAGE_CHARACTERS, each as two \u escapes */
#define CANCEL_BODY_MAX ((size_t)1024)
#define STOP_WAIT 2500
#define EVENT_ID_MAX 1000000
#define KEY_HEADER_SIZE 68

struct chat {
    struct agent_backend *backend;
    struct workers *workers;
};

static enum err stream_turn(struct request *request, struct response *response, const char *turn,
                            uint64_t after)
{
    const struct app *app = request_app(request);
    struct stream stream;
    enum err err =
        turn_stream_new(app->store, &app->limits, request_session(request), turn, after, &stream);
    return err == ERR_OK ? response_stream(response, &stream) : err;
}

static enum err answer_accepted(struct response *response, const struct turn *turn)
{
    enum err err = ERR_OK;
    json_t *body = json_object();
    js_set_text(body, "turn", turn->id, &err);
    js_set_text(body, "conversation", turn->conversation, &err);
    if (err != ERR_OK) {
        json_decref(body);
        return err;
    }
    return response_json(response, 202, body);
}

/* Idempotency-Key, with or without the quotes of a structured field. */
static enum err read_key(const struct request *request, char out[KEY_HEADER_SIZE], const char **key)
{
    const char *given = request_header(request, "Idempotency-Key");
    *key = NULL;
    if (given == NULL) {
        return ERR_OK;
    }
    size_t len = strlen(given);
    bool quoted = len >= 2 && given[0] == '"' && given[len - 1] == '"';
    if (text_copy(out, KEY_HEADER_SIZE, quoted ? given + 1 : given) != ERR_OK) {
        return ERR_INPUT;
    }
    if (quoted) {
        out[len - 2] = '\0';
    }
    *key = out;
    return turn_key_valid(out) ? ERR_OK : ERR_INPUT;
}

static enum err read_message(struct request *request, struct turn_request *out)
{
    static const char *const allowed[] = {"message", "conversation", NULL};
    const json_t *body = NULL;
    enum err err = request_json(request, &body);
    if (err != ERR_OK) {
        return err;
    }
    const json_t *conversation = json_object_get(body, "conversation");
    out->message = js_text(body, "message");
    out->conversation = json_string_value(conversation);
    if (js_unknown_key(body, allowed) != NULL || !turn_message_valid(out->message) ||
        (conversation != NULL && !json_is_null(conversation) && out->conversation == NULL)) {
        return ERR_INPUT;
    }
    return ERR_OK;
}

/* POST /api/chat {"message","conversation"?}, Idempotency-Key. */
static enum err post_chat(struct request *request, struct response *response)
{
    const struct app *app = request_app(request);
    const struct chat *chat = app->state;
    struct turn turn = {0};
    uint8_t id[RECORD_ID_SIZE];
    char key[KEY_HEADER_SIZE];
    struct turn_request wanted = {
        .session = request_session(request),
        .agent = config_text(app->config, CFG_BEDROCK_AGENT_ID),
        .request_id = request_id(request),
        .lifetime = SECONDS(config_number(app->config, CFG_TURN_SECONDS)),
    };
    enum err err = read_message(request, &wanted);
    if (err == ERR_OK) {
        err = read_key(request, key, &wanted.key);
    }
    if (err == ERR_OK) {
        err = random_bytes(wanted.random, sizeof wanted.random);
    }
    if (err == ERR_OK) {
        err = turn_create(app->store, &wanted, request_now(request), &turn);
        if (err == ERR_LIMIT) {
            return response_error(response, 429, "too_many_turns",
                                  "Several of your questions are still being worked on. Wait for "
                                  "one to end, or stop it.");
        }
        if (err == ERR_CONFLICT) {
            return response_error(response, 409, "busy",
                                  "This conversation is still being worked on. Wait for the "
                                  "answer, or stop it.");
        }
    }
    if (err != ERR_OK) {
        return err;
    }
    if (!turn.repeated) {
        /* Under mod_fcgid a stream ends once it is drained: it must not begin empty. */
        if (turn_event_first(app->store, &turn, request_now(request)) != ERR_OK) {
            log_line(LOG_WARN, "a turn's first event is left to its worker");
        }
        mark_turn(turn.id, id);
        workers_submit(chat->workers, id, turn.version);
    }
    err = request_accepts(request, "text/event-stream") ? stream_turn(request, response, turn.id, 0)
                                                        : ERR_NONE;
    if (err != ERR_OK) { /* not asked for, or no place for one more stream: the turn runs anyway */
        err = answer_accepted(response, &turn);
    }
    turn_free(&turn);
    return err;
}

/* GET /api/turns/{id}/events, Last-Event-ID. */
static enum err get_events(struct request *request, struct response *response)
{
    const struct app *app = request_app(request);
    const char *last = request_header(request, "Last-Event-ID");
    const char *id = request_path_param(request);
    struct turn turn = {0};
    int64_t after = 0;
    if (last != NULL && *last != '\0' && text_number(last, EVENT_ID_MAX, &after) != ERR_OK) {
        return ERR_INPUT;
    }
    enum err err = turn_get(app->store, id, request_session(request)->person.owner,
                            request_now(request), &turn);
    turn_free(&turn);
    return err == ERR_OK ? stream_turn(request, response, id, (uint64_t)after) : err;
}

/* POST /api/turns/{id}/cancel. The turn ends once its open invocations have. */
static enum err post_cancel(struct request *request, struct response *response)
{
    const struct app *app = request_app(request);
    struct turn turn = {0};
    json_t *body = json_object();
    msec now = request_now(request);
    enum err err = turn_get(app->store, request_path_param(request),
                            request_session(request)->person.owner, now, &turn);
    if (err == ERR_OK && turn.state == TURN_RUNNING) {
        err = turn_cancel(app->store, &turn, now);
    }
    if (err == ERR_OK) {
        js_set_text(body, "turn", turn.id, &err);
        js_set_text(body, "state", turn_state_name(turn.state), &err);
    }
    turn_free(&turn);
    if (err != ERR_OK) {
        json_decref(body);
        return err;
    }
    return response_json(response, 200, body);
}

/* GET /api/conversations. */
static enum err get_conversations(struct request *request, struct response *response)
{
    const struct app *app = request_app(request);
    json_t *body = NULL;
    enum err err = conversations_json(app->store, request_session(request)->person.owner,
                                      request_now(request), &body);
    return err == ERR_OK ? response_json(response, 200, body) : err;
}

static enum err start(struct app *app)
{
    struct chat *chat = calloc(1, sizeof *chat);
    if (chat == NULL) {
        return ERR_MEMORY;
    }
    enum err err = agent_backend_open(app->config, app->http, &chat->backend);
    if (err == ERR_OK) {
        const struct advance advance = {
            .store = app->store,
            .limits = app->limits,
            .backend = chat->backend,
            .client = {.config = app->config, .keyring = app->keyring, .http = app->http},
            .profile = catalogue_profile(app->config),
            .now = clock_now,
            .random = random_bytes,
        };
        err = workers_start(&advance, &chat->workers);
    }
    if (err != ERR_OK) {
        agent_backend_free(chat->backend);
        free(chat);
        return err;
    }
    app->state = chat;
    return ERR_OK;
}

/* Turns in hand go back at once, while requests are still being answered. */
static void stopping(struct app *app)
{
    const struct chat *chat = app->state;
    workers_end(chat->workers);
}

static void stop(struct app *app)
{
    struct chat *chat = app->state;
    if (workers_stop(chat->workers, STOP_WAIT) != ERR_OK) {
        /* A worker waits for a remote party.  Its turn is given back and every write of it would
         * be refused, so the process may end under it; freeing what it uses may not. */
        log_line(LOG_INFO, "stopped while a remote party was being waited for");
        _exit(0);
    }
    agent_backend_free(chat->backend);
    free(chat);
    app->state = NULL;
}

static const enum config_name needs[] = {
    CFG_PUBLIC_URL,
    CFG_DATABASE,
    CFG_KEYS_DIR,
    CFG_BEDROCK_AGENT_ID,
    CFG_BEDROCK_AGENT_ALIAS_ID,
    CFG_AWS_ACCESS_KEY_ID,
    CFG_AWS_SECRET_ACCESS_KEY,
};

static const struct route routes[] = {
    {POST, "/api/chat", NEED_SESSION | NEED_CSRF, post_chat, BODY_MAX},
    {GET, "/api/turns/{id}/events", NEED_SESSION, get_events, 0},
    {POST, "/api/turns/{id}/cancel", NEED_SESSION | NEED_CSRF, post_cancel, CANCEL_BODY_MAX},
    {GET, "/api/conversations", NEED_SESSION, get_conversations, 0},
};

static const struct program program = {
    .name = "chat",
    .opens = PROGRAM_STORE | PROGRAM_HTTP,
    .kinds = KIND_BIT(KIND_SESSION) | KIND_BIT(KIND_OWNER) | KIND_BIT(KIND_TURN) |
             KIND_BIT(KIND_TURN_EVENT) | KIND_BIT(KIND_CONVERSATION) | KIND_BIT(KIND_ONCE) |
             KIND_BIT(KIND_TICKET),
    .needs = needs,
    .need_count = COUNT(needs),
    .routes = routes,
    .route_count = COUNT(routes),
    .start = start,
    .stopping = stopping,
    .stop = stop,
};

int main(int argc, char **argv)
{
    return program_run(&program, argc, argv);
}
