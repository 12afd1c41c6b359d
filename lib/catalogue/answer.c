/*
 * The answer of an action program.  The function form has a word for pending and
 * for failure (responseState); the OpenAPI form has an HTTP status, so the three
 * outcomes are 200, 202 and 403 there.  Session attributes are strings in both,
 * as Bedrock keeps them.
 */
#include "base/text.h"
#include "catalogue/event.h"

#include <string.h>

#define STATUS_DONE 200
#define STATUS_REPROMPT 202
#define STATUS_FAILURE 403

static const char *response_state(enum action_outcome outcome)
{
    switch (outcome) {
    case OUTCOME_DONE:
        return NULL;
    case OUTCOME_REPROMPT:
        return "REPROMPT";
    case OUTCOME_FAILURE:
        break;
    }
    return "FAILURE";
}

static int status_of(enum action_outcome outcome)
{
    switch (outcome) {
    case OUTCOME_DONE:
        return STATUS_DONE;
    case OUTCOME_REPROMPT:
        return STATUS_REPROMPT;
    case OUTCOME_FAILURE:
        break;
    }
    return STATUS_FAILURE;
}

static void set_time(json_t *object, const char *name, msec time, enum err *err)
{
    struct buf text = buf_make(24);

    if (time > 0) {
        buf_addf(&text, "%lld", (long long)time);
        js_set_text(object, name, buf_str(&text), err);
    }
    buf_free(&text);
}

static json_t *function_response(const struct action_answer *answer, enum err *err)
{
    json_t *response = json_object(), *body = json_object(), *text = json_object();

    js_set_text(response, "responseState", response_state(answer->outcome), err);
    js_set_text(text, "body", answer->text, err);
    js_set_new(body, "TEXT", text, err);
    js_set_new(response, "responseBody", body, err);
    return response;
}

/* In the OpenAPI form the body is itself a JSON text. */
static json_t *api_body(const struct action_answer *answer, enum err *err)
{
    json_t *body = json_object(), *media = json_object(), *inner = json_object();
    struct buf text = buf_make(6 * sizeof answer->text + 64);

    js_set_text(inner, "text", answer->text, err);
    if (*err == ERR_OK) {
        *err = js_add(&text, inner);
    }
    js_set_text(media, "body", buf_str(&text), err);
    js_set_new(body, "application/json", media, err);
    json_decref(inner);
    buf_free(&text);
    return body;
}

json_t *action_answer_build(const struct action_event *event, const struct action_answer *answer)
{
    json_t *root = json_object(), *response = json_object(), *attributes = json_object();
    enum err err = ERR_OK;

    js_set_text(response, "actionGroup", event->group, &err);
    if (event->api_path[0] != '\0') {
        js_set_text(response, "apiPath", event->api_path, &err);
        js_set_text(response, "httpMethod", event->http_method, &err);
        js_set_int(response, "httpStatusCode", status_of(answer->outcome), &err);
        js_set_new(response, "responseBody", api_body(answer, &err), &err);
    } else {
        js_set_text(response, "function", event->function, &err);
        js_set_new(response, "functionResponse", function_response(answer, &err), &err);
    }
    if (answer->invocation[0] != '\0') {
        js_set_text(attributes, "invocation", answer->invocation, &err);
    }
    if (answer->state[0] != '\0') {
        js_set_text(attributes, "state", answer->state, &err);
    }
    set_time(attributes, "ask_again_at", answer->ask_again_at, &err);
    set_time(attributes, "expires_at", answer->expires_at, &err);
    js_set_text(root, "messageVersion", "1.0", &err);
    js_set_new(root, "response", response, &err);
    js_set_new(root, "sessionAttributes", attributes, &err);
    js_set_new(root, "promptSessionAttributes",
               event->prompt_attributes != NULL ? json_deep_copy(event->prompt_attributes)
                                                : json_object(),
               &err);
    if (err != ERR_OK) {
        json_decref(root);
        return NULL;
    }
    return root;
}

static enum err parse_function(const json_t *response, const struct action_event *event,
                               struct action_answer *out)
{
    const json_t *function = js_object(response, "functionResponse");
    const json_t *text = js_object(js_object(function, "responseBody"), "TEXT");
    const char *state = js_text(function, "responseState");

    if (!text_equal(js_text(response, "function"), event->function) ||
        js_text(text, "body") == NULL ||
        text_copy(out->text, sizeof out->text, js_text(text, "body")) != ERR_OK) {
        return ERR_INPUT;
    }
    if (json_object_get(function, "responseState") == NULL) {
        out->outcome = OUTCOME_DONE;
    } else if (text_equal(state, "REPROMPT")) {
        out->outcome = OUTCOME_REPROMPT;
    } else if (text_equal(state, "FAILURE")) {
        out->outcome = OUTCOME_FAILURE;
    } else {
        return ERR_INPUT;
    }
    return ERR_OK;
}

static enum err parse_api(const json_t *response, const struct action_event *event,
                          struct action_answer *out)
{
    const json_t *media = js_object(js_object(response, "responseBody"), "application/json");
    const char *body = js_text(media, "body");
    json_t *inner = NULL;
    json_int_t status;
    enum err err = ERR_INPUT;

    if (!text_equal(js_text(response, "apiPath"), event->api_path) ||
        !text_equal(js_text(response, "httpMethod"), event->http_method) || body == NULL ||
        js_int(response, "httpStatusCode", 100, 599, &status) != ERR_OK ||
        js_parse_object(body, strlen(body), EVENT_MAX, &inner) != ERR_OK ||
        js_text(inner, "text") == NULL ||
        text_copy(out->text, sizeof out->text, js_text(inner, "text")) != ERR_OK) {
        goto done;
    }
    out->outcome = status == STATUS_DONE       ? OUTCOME_DONE
                   : status == STATUS_REPROMPT ? OUTCOME_REPROMPT
                                               : OUTCOME_FAILURE;
    err = ERR_OK;
done:
    json_decref(inner);
    return err;
}

static enum err attribute(const json_t *attributes, const char *name, char *out, size_t size)
{
    const json_t *value = json_object_get(attributes, name);

    if (value == NULL) {
        return ERR_OK;
    }
    return json_is_string(value) ? text_copy(out, size, json_string_value(value)) : ERR_INPUT;
}

static enum err attribute_time(const json_t *attributes, const char *name, msec *out)
{
    const json_t *value = json_object_get(attributes, name);

    if (value == NULL) {
        return ERR_OK;
    }
    return text_number(json_string_value(value), INT64_MAX / 2, out);
}

enum err action_answer_parse(const char *text, size_t len, const struct action_event *event,
                             struct action_answer *out)
{
    const json_t *response, *attributes;
    json_t *root = NULL;
    enum err err;

    memset(out, 0, sizeof *out);
    err = js_parse_object(text, len, EVENT_MAX, &root);
    response = js_object(root, "response");
    attributes = json_object_get(root, "sessionAttributes");
    if (err == ERR_OK && (!text_equal(js_text(root, "messageVersion"), "1.0") ||
                          !text_equal(js_text(response, "actionGroup"), event->group) ||
                          (attributes != NULL && !json_is_object(attributes)))) {
        err = ERR_INPUT;
    }
    if (err == ERR_OK) {
        err = event->api_path[0] != '\0' ? parse_api(response, event, out)
                                         : parse_function(response, event, out);
    }
    if (err == ERR_OK &&
        (attribute(attributes, "invocation", out->invocation, sizeof out->invocation) != ERR_OK ||
         attribute(attributes, "state", out->state, sizeof out->state) != ERR_OK ||
         attribute_time(attributes, "ask_again_at", &out->ask_again_at) != ERR_OK ||
         attribute_time(attributes, "expires_at", &out->expires_at) != ERR_OK ||
         /* Pending without a time to ask again would be asked for at once, or never. */
         (out->outcome == OUTCOME_REPROMPT && out->ask_again_at == 0))) {
        err = ERR_INPUT;
    }
    json_decref(root);
    if (err != ERR_OK && err != ERR_MEMORY) {
        err = ERR_INPUT;
    }
    if (err != ERR_OK) {
        memset(out, 0, sizeof *out);
    }
    return err;
}
