/*
 * The event that goes to an action program, in both of Bedrock's forms.  What a
 * Lambda would be sent carries more than is read here; members that are unknown
 * are left alone, because Bedrock adds some over time, but the ones that decide
 * something are strict.
 */
#include "catalogue/event.h"

#include "base/text.h"

#include <string.h>
#include <strings.h>

#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
#define SESSION_CHARACTERS NAME_CHARACTERS "._:"
#define MESSAGE_VERSION "1.0"

/* Absent is "" where least is 0; anything else must be a string of the set. */
static enum err name_of(const json_t *object, const char *key, size_t least, const char *characters,
                        char *out, size_t size)
{
    const json_t *value = json_object_get(object, key);
    const char *text = json_string_value(value);

    out[0] = '\0';
    if (value == NULL && least == 0) {
        return ERR_OK;
    }
    if (!text_of(text, least, size - 1, characters)) {
        return ERR_INPUT;
    }
    return text_copy(out, size, text);
}

/* At most size - 1 bytes, cut between characters. */
static void cut_copy(char *out, size_t size, const char *text)
{
    size_t len = strnlen(text, size);

    if (len >= size) {
        len = size - 1;
        while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80) {
            len--;
        }
    }
    memcpy(out, text, len);
    out[len] = '\0';
}

/* Both Bedrock lists have this form.  A name that comes twice is refused, never resolved. */
static enum err add_parameters(const json_t *list, json_t *arguments)
{
    size_t i;
    const json_t *item;

    if (list == NULL || json_is_null(list)) {
        return ERR_OK;
    }
    if (!json_is_array(list) || json_array_size(list) > 16) {
        return ERR_INPUT;
    }
    json_array_foreach(list, i, item)
    {
        const char *type = js_text(item, "type");
        const json_t *value = json_object_get(item, "value");
        char name[65];

        if (!json_is_object(item) ||
            name_of(item, "name", 1, NAME_CHARACTERS, name, sizeof name) != ERR_OK ||
            !json_is_string(value) ||
            (json_object_get(item, "type") != NULL && !text_equal(type, "string")) ||
            json_object_get(arguments, name) != NULL) {
            return ERR_INPUT;
        }
        if (json_object_set_new(arguments, name, json_copy((json_t *)value)) != 0) {
            return ERR_MEMORY;
        }
    }
    return ERR_OK;
}

static enum err parse_function(const json_t *root, struct action_event *out)
{
    if (json_object_get(root, "apiPath") != NULL || json_object_get(root, "httpMethod") != NULL ||
        json_object_get(root, "requestBody") != NULL) {
        return ERR_INPUT;
    }
    return name_of(root, "function", 1, NAME_CHARACTERS, out->function, sizeof out->function);
}

static enum err parse_api(const json_t *root, struct action_event *out)
{
    const json_t *body = json_object_get(root, "requestBody");
    const json_t *content = js_object(body, "content");
    const json_t *json = js_object(content, "application/json");
    enum err err;

    if (name_of(root, "apiPath", 2, "/" NAME_CHARACTERS, out->api_path, sizeof out->api_path) !=
            ERR_OK ||
        out->api_path[0] != '/' || strlen(out->api_path) > sizeof out->function ||
        !text_of(out->api_path + 1, 1, sizeof out->function - 1, NAME_CHARACTERS) ||
        name_of(root, "httpMethod", 3, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
                out->http_method, sizeof out->http_method) != ERR_OK) {
        return ERR_INPUT;
    }
    err = text_copy(out->function, sizeof out->function, out->api_path + 1);
    if (err == ERR_OK && body != NULL && !json_is_null(body)) {
        if (json == NULL || json_object_size(content) != 1) {
            return ERR_INPUT;
        }
        err = add_parameters(json_object_get(json, "properties"), out->arguments);
    }
    return err;
}

static enum err parse_session_attributes(const json_t *root, struct action_event *out)
{
    const json_t *attributes = json_object_get(root, "sessionAttributes");
    const json_t *ticket = json_object_get(attributes, "ticket");

    if (attributes == NULL || json_is_null(attributes)) {
        return ERR_OK;
    }
    if (!json_is_object(attributes) || (ticket != NULL && !json_is_string(ticket))) {
        return ERR_INPUT;
    }
    /* A ticket that does not fit is no ticket: the guard answers 401, not 400. */
    if (ticket != NULL && text_copy(out->ticket, sizeof out->ticket, json_string_value(ticket))) {
        out->ticket[0] = '\0';
    }
    return name_of(attributes, "call_id", 0, SESSION_CHARACTERS, out->call_id, sizeof out->call_id);
}

static enum err parse(const json_t *root, struct action_event *out)
{
    const json_t *agent = json_object_get(root, "agent");
    const json_t *prompt = json_object_get(root, "promptSessionAttributes");
    const char *input = js_text(root, "inputText");
    enum err err;

    out->arguments = json_object();
    if (out->arguments == NULL) {
        return ERR_MEMORY;
    }
    if (!text_equal(js_text(root, "messageVersion"), MESSAGE_VERSION) ||
        (agent != NULL && !json_is_object(agent)) ||
        (prompt != NULL && !json_is_object(prompt) && !json_is_null(prompt)) ||
        (json_object_get(root, "inputText") != NULL && input == NULL) ||
        name_of(root, "actionGroup", 1, NAME_CHARACTERS, out->group, sizeof out->group) != ERR_OK ||
        name_of(agent, "id", 0, NAME_CHARACTERS, out->agent_id, sizeof out->agent_id) != ERR_OK ||
        name_of(root, "sessionId", 0, SESSION_CHARACTERS, out->session_id,
                sizeof out->session_id) != ERR_OK) {
        return ERR_INPUT;
    }
    if (input != NULL) {
        cut_copy(out->input_text, sizeof out->input_text, input);
    }
    if (json_is_object(prompt)) {
        out->prompt_attributes = json_deep_copy(prompt);
        if (out->prompt_attributes == NULL) {
            return ERR_MEMORY;
        }
    }
    err = parse_session_attributes(root, out);
    if (err == ERR_OK) {
        err = json_object_get(root, "function") != NULL ? parse_function(root, out)
                                                        : parse_api(root, out);
    }
    if (err == ERR_OK) {
        err = add_parameters(json_object_get(root, "parameters"), out->arguments);
    }
    return err;
}

enum err action_event_parse(const char *text, size_t len, struct action_event *out)
{
    json_t *root = NULL;
    enum err err;

    memset(out, 0, sizeof *out);
    err = js_parse_object(text, len, EVENT_MAX, &root);
    if (err == ERR_LIMIT) {
        err = ERR_INPUT;
    }
    if (err == ERR_OK) {
        err = parse(root, out);
    }
    json_decref(root);
    if (err != ERR_OK) {
        action_event_free(out);
    }
    return err;
}

static json_t *parameters_of(const json_t *arguments, enum err *err)
{
    json_t *list = json_array();
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)arguments, name, value)
    {
        json_t *item = json_object();

        js_set_text(item, "name", name, err);
        js_set_text(item, "type", "string", err);
        js_set_text(item, "value", json_string_value(value), err);
        if (json_array_append_new(list, item) != 0) {
            *err = ERR_MEMORY;
        }
    }
    return list;
}

json_t *action_event_build(const struct action_event *event)
{
    json_t *root = json_object(), *agent = json_object(), *attributes = json_object();
    enum err err = ERR_OK;

    js_set_text(root, "messageVersion", MESSAGE_VERSION, &err);
    js_set_text(agent, "id", event->agent_id, &err);
    js_set_new(root, "agent", agent, &err);
    js_set_text(root, "inputText", event->input_text, &err);
    js_set_text(root, "sessionId", event->session_id, &err);
    js_set_text(root, "actionGroup", event->group, &err);
    if (event->api_path[0] != '\0') {
        json_t *body = json_object(), *content = json_object(), *json = json_object();

        js_set_text(root, "apiPath", event->api_path, &err);
        js_set_text(root, "httpMethod", event->http_method, &err);
        js_set_new(json, "properties", parameters_of(event->arguments, &err), &err);
        js_set_new(content, "application/json", json, &err);
        js_set_new(body, "content", content, &err);
        js_set_new(root, "requestBody", body, &err);
        js_set_new(root, "parameters", json_array(), &err);
    } else {
        js_set_text(root, "function", event->function, &err);
        js_set_new(root, "parameters", parameters_of(event->arguments, &err), &err);
    }
    if (event->ticket[0] != '\0') {
        js_set_text(attributes, "ticket", event->ticket, &err);
    }
    if (event->call_id[0] != '\0') {
        js_set_text(attributes, "call_id", event->call_id, &err);
    }
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

void action_event_free(struct action_event *event)
{
    if (event == NULL) {
        return;
    }
    json_decref(event->arguments);
    json_decref(event->prompt_attributes);
    memset(event, 0, sizeof *event);
}
