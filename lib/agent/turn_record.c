#include "agent/turn_record.h"

#include "base/secret.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static const char *const STATES[] = {"running", "done", "error", "cancelled"};
static const char *const ENDINGS[] = {"", "cancelled", "deadline"};

const char *turn_state_name(enum turn_state state)
{
    return STATES[state];
}

void turn_drop_calls(struct turn *turn)
{
    for (size_t i = 0; i < turn->call_count; i++) {
        agent_call_free(&turn->calls[i].call);
        free_wiped(turn->calls[i].result);
        memset(&turn->calls[i], 0, sizeof turn->calls[i]);
    }
    turn->call_count = 0;
    turn->handle[0] = '\0';
}

void turn_free(struct turn *turn)
{
    if (turn == NULL) {
        return;
    }
    turn_drop_calls(turn);
    person_free(&turn->person);
    free_wiped(turn->message);
    memset(turn, 0, sizeof *turn);
}

/* ---- out ---- */

static json_t *call_to_json(const struct turn_call *from, enum err *err)
{
    json_t *object = json_object();
    js_set_text(object, "group", from->call.group, err);
    js_set_text(object, "function", from->call.function, err);
    js_set_text(object, "api_path", from->call.api_path, err);
    js_set_text(object, "http_method", from->call.http_method, err);
    js_set_new(object, "arguments", json_deep_copy(from->call.arguments), err);
    js_set_new(object, "echo", json_deep_copy(from->call.echo), err);
    js_set_text(object, "call_id", from->call_id, err);
    js_set_text(object, "shown", from->shown, err);
    js_set_bool(object, "told", from->told, err);
    js_set_bool(object, "settled", from->settled, err);
    if (from->settled) {
        js_set_bool(object, "done", from->outcome == OUTCOME_DONE, err);
        js_set_text(object, "result", from->result, err);
    }
    return object;
}

enum err turn_to_json(const struct turn *turn, struct buf *out)
{
    enum err err = ERR_OK;
    json_t *root = json_object();
    json_t *person = json_object();
    json_t *calls = json_array();
    js_set_text(root, "id", turn->id, &err);
    js_set_text(root, "conversation", turn->conversation, &err);
    person_to_json(&turn->person, person, &err);
    js_set_new(root, "person", person, &err);
    js_set_text(root, "session", turn->session, &err);
    js_set_text(root, "agent", turn->agent, &err);
    js_set_text(root, "request_id", turn->request_id, &err);
    js_set_text(root, "state", STATES[turn->state], &err);
    js_set_text(root, "ending", ENDINGS[turn->ending], &err);
    js_set_text(root, "code", turn->code, &err);
    js_set_int(root, "created_at", turn->created_at, &err);
    js_set_int(root, "deadline", turn->deadline, &err);
    js_set_int(root, "lease_until", turn->lease_until, &err);
    js_set_int(root, "settled_event", (json_int_t)turn->settled_event, &err);
    js_set_text(root, "message", turn->message, &err);
    js_set_int(root, "steps", turn->steps, &err);
    js_set_int(root, "actions", turn->actions, &err);
    js_set_int(root, "tries", turn->tries, &err);
    js_set_int(root, "text_len", (json_int_t)turn->text_len, &err);
    js_set_text(root, "handle", turn->handle, &err);
    for (size_t i = 0; i < turn->call_count; i++) {
        if (json_array_append_new(calls, call_to_json(&turn->calls[i], &err)) != 0) {
            err = ERR_MEMORY;
        }
    }
    js_set_new(root, "calls", calls, &err);
    if (err == ERR_OK) {
        err = js_add(out, root);
    }
    json_decref(root);
    return err;
}

/* ---- in ---- */

static enum err text_in(const json_t *object, const char *key, char *out, size_t size)
{
    const char *text = js_text(object, key);
    return text != NULL && text_copy(out, size, text) == ERR_OK ? ERR_OK : ERR_INPUT;
}

static enum err choice_in(const json_t *object, const char *key, const char *const *names,
                          size_t count, size_t *out)
{
    const char *text = js_text(object, key);
    for (size_t i = 0; i < count; i++) {
        if (text_equal(text, names[i])) {
            *out = i;
            return ERR_OK;
        }
    }
    return ERR_INPUT;
}

static enum err call_from_json(const json_t *object, struct turn_call *out)
{
    const json_t *arguments = js_object(object, "arguments");
    const json_t *echo = js_object(object, "echo");
    const char *result = js_text(object, "result");
    out->settled = js_true(object, "settled");
    out->told = js_true(object, "told");
    out->outcome = js_true(object, "done") ? OUTCOME_DONE : OUTCOME_FAILURE;
    if (arguments == NULL || echo == NULL || (out->settled && result == NULL) ||
        text_in(object, "group", out->call.group, sizeof out->call.group) ||
        text_in(object, "function", out->call.function, sizeof out->call.function) ||
        text_in(object, "api_path", out->call.api_path, sizeof out->call.api_path) ||
        text_in(object, "http_method", out->call.http_method, sizeof out->call.http_method) ||
        text_in(object, "call_id", out->call_id, sizeof out->call_id) ||
        text_in(object, "shown", out->shown, sizeof out->shown)) {
        return ERR_INPUT;
    }
    out->call.arguments = json_deep_copy(arguments);
    out->call.echo = json_deep_copy(echo);
    if (out->call.arguments == NULL || out->call.echo == NULL) {
        return ERR_MEMORY;
    }
    return text_dup(result, &out->result);
}

static enum err numbers_in(const json_t *root, struct turn *out)
{
    static const json_int_t far = (json_int_t)1 << 52;
    json_int_t created = 0;
    json_int_t deadline = 0;
    json_int_t lease = 0;
    json_int_t event = 0;
    json_int_t text_len = 0;
    json_int_t small[3] = {0};
    if (js_int(root, "created_at", 0, far, &created) ||
        js_int(root, "deadline", 0, far, &deadline) ||
        js_int(root, "lease_until", 0, far, &lease) ||
        js_int(root, "settled_event", 0, far, &event) ||
        js_int(root, "text_len", 0, far, &text_len) || js_int(root, "steps", 0, 10000, &small[0]) ||
        js_int(root, "actions", 0, 10000, &small[1]) ||
        js_int(root, "tries", 0, 1000000, &small[2])) {
        return ERR_INPUT;
    }
    out->created_at = created;
    out->deadline = deadline;
    out->lease_until = lease;
    out->settled_event = (uint64_t)event;
    out->text_len = (size_t)text_len;
    out->steps = (unsigned)small[0];
    out->actions = (unsigned)small[1];
    out->tries = (unsigned)small[2];
    return ERR_OK;
}

static enum err from_root(const json_t *root, struct turn *out)
{
    const json_t *calls = js_array(root, "calls");
    size_t state = 0;
    size_t ending = 0;
    enum err err = person_from_json(js_object(root, "person"), &out->person);
    if (err != ERR_OK) {
        return err;
    }
    if (calls == NULL || json_array_size(calls) > AGENT_CALLS_MAX ||
        text_in(root, "id", out->id, sizeof out->id) ||
        text_in(root, "conversation", out->conversation, sizeof out->conversation) ||
        text_in(root, "session", out->session, sizeof out->session) ||
        text_in(root, "agent", out->agent, sizeof out->agent) ||
        text_in(root, "request_id", out->request_id, sizeof out->request_id) ||
        text_in(root, "code", out->code, sizeof out->code) ||
        text_in(root, "handle", out->handle, sizeof out->handle) ||
        choice_in(root, "state", STATES, COUNT(STATES), &state) ||
        choice_in(root, "ending", ENDINGS, COUNT(ENDINGS), &ending) || numbers_in(root, out) ||
        js_text(root, "message") == NULL) {
        return ERR_INPUT;
    }
    out->state = (enum turn_state)state;
    out->ending = (enum turn_ending)ending;
    err = text_dup(js_text(root, "message"), &out->message);
    for (size_t i = 0; i < json_array_size(calls) && err == ERR_OK; i++) {
        out->call_count = i + 1;
        err = call_from_json(json_array_get(calls, i), &out->calls[i]);
    }
    return err;
}

enum err turn_from_json(const char *text, size_t len, struct turn *out)
{
    json_t *root = NULL;
    memset(out, 0, sizeof *out);
    enum err err = js_parse_object(text, len, TURN_PAYLOAD_MAX, &root);
    if (err == ERR_OK) {
        err = from_root(root, out);
    }
    json_decref(root);
    if (err != ERR_OK) {
        turn_free(out);
    }
    return err;
}
