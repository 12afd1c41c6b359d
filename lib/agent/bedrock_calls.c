/*
 * Calls that Bedrock returns control for.  Their names come from a model and
 * are data; what does not fit our contract is refused with a text for the model
 * instead of being run, and what cannot even be answered ends the step.
 */
#include "agent/bedrock_agent.h"
#include "base/text.h"

#include <string.h>

/* Together these keep a turn of AGENT_CALLS_MAX calls within one record's payload. */
#define PARAMETERS_MAX 8
#define VALUE_MAX ((size_t)512)
#define ECHO_MAX ((size_t)320) /* bytes of a name that is given back as it came */

static const char REFUSED_NAMES[] = "There is no such action group or action. Nothing was done.";
static const char REFUSED_ARGUMENTS[] = "The arguments are malformed. Nothing was done.";
static const char REFUSED_CONFIRMATION[] =
    "Confirmation is not taken from the conversation. Nothing was done.";

/* Bedrock wants these back as they came; a missing or oversized one cannot be answered. */
static enum err echo_text(const json_t *input, const char *key, bool required, json_t *echo)
{
    const json_t *value = json_object_get(input, key);
    enum err err = ERR_OK;
    if (value == NULL && !required) {
        return ERR_OK;
    }
    if (!json_is_string(value) || json_string_length(value) > ECHO_MAX) {
        return ERR_INPUT;
    }
    js_set_text(echo, key, json_string_value(value), &err);
    return err;
}

static void copy_or_refuse(struct agent_call *call, char *out, size_t size, const json_t *input,
                           const char *key)
{
    const char *text = js_text(input, key);
    if (text == NULL || *text == '\0' || text_copy(out, size, text) != ERR_OK) {
        call->refusal = REFUSED_NAMES;
    }
}

/* A list of {name, type, value}. Strings only: no schema of ours has another type. */
static void add_parameters(struct agent_call *call, const json_t *list)
{
    if (list == NULL || json_is_null(list)) {
        return;
    }
    bool good = json_is_array(list) && json_array_size(list) <= PARAMETERS_MAX;
    for (size_t i = 0; good && i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const json_t *type = json_object_get(item, "type");
        const json_t *value = json_object_get(item, "value");
        const char *name = js_text(item, "name");
        good =
            name != NULL && *name != '\0' && strlen(name) <= 64 && json_is_string(value) &&
            json_string_length(value) <= VALUE_MAX &&
            (type == NULL || text_equal(json_string_value(type), "string")) &&
            json_object_get(call->arguments, name) == NULL &&
            json_object_set_new(call->arguments, name, json_string(json_string_value(value))) == 0;
    }
    if (!good) {
        call->refusal = REFUSED_ARGUMENTS;
    }
}

static enum err function_call(const json_t *input, struct agent_call *call)
{
    enum err err = echo_text(input, "function", true, call->echo);
    copy_or_refuse(call, call->function, sizeof call->function, input, "function");
    add_parameters(call, json_object_get(input, "parameters"));
    return err;
}

static enum err api_call(const json_t *input, struct agent_call *call)
{
    const json_t *body = json_object_get(input, "requestBody");
    const json_t *content = js_object(body, "content");
    const json_t *media = js_object(content, "application/json");
    enum err err = echo_text(input, "apiPath", true, call->echo);
    if (err == ERR_OK) {
        err = echo_text(input, "httpMethod", true, call->echo);
    }
    copy_or_refuse(call, call->api_path, sizeof call->api_path, input, "apiPath");
    copy_or_refuse(call, call->http_method, sizeof call->http_method, input, "httpMethod");
    /* One segment below the root names the action. */
    if (call->api_path[0] != '/' || call->api_path[1] == '\0' ||
        text_copy(call->function, sizeof call->function, call->api_path + 1) != ERR_OK) {
        call->refusal = REFUSED_NAMES;
    }
    add_parameters(call, json_object_get(input, "parameters"));
    if (body != NULL && !json_is_null(body)) {
        if (media == NULL || json_object_size(content) != 1) {
            call->refusal = REFUSED_ARGUMENTS;
        }
        add_parameters(call, json_object_get(media, "properties"));
    }
    return err;
}

static enum err one_call(const json_t *item, struct agent_call *call)
{
    const json_t *function = js_object(item, "functionInvocationInput");
    const json_t *api = js_object(item, "apiInvocationInput");
    const json_t *input = function != NULL ? function : api;
    if (input == NULL || (function != NULL && api != NULL)) {
        return ERR_INPUT;
    }
    call->arguments = json_object();
    call->echo = json_object();
    if (call->arguments == NULL || call->echo == NULL) {
        return ERR_MEMORY;
    }
    enum err err = echo_text(input, "actionGroup", true, call->echo);
    if (err == ERR_OK) {
        err = echo_text(input, "agentId", false, call->echo);
    }
    if (err == ERR_OK) {
        err = echo_text(input, "actionInvocationType", false, call->echo);
    }
    if (err != ERR_OK) {
        return err;
    }
    copy_or_refuse(call, call->group, sizeof call->group, input, "actionGroup");
    err = function != NULL ? function_call(input, call) : api_call(input, call);
    if (text_equal(js_text(input, "actionInvocationType"), "USER_CONFIRMATION")) {
        call->refusal = REFUSED_CONFIRMATION;
    }
    return err;
}

enum err bedrock_agent_calls(const json_t *payload, struct agent_outcome *out)
{
    const char *handle = js_text(payload, "invocationId");
    const json_t *inputs = js_array(payload, "invocationInputs");
    size_t count = json_array_size(inputs);
    if (handle == NULL || *handle == '\0' || count == 0 || count > AGENT_CALLS_MAX ||
        text_copy(out->handle, sizeof out->handle, handle) != ERR_OK) {
        return ERR_INPUT;
    }
    for (size_t i = 0; i < count; i++) {
        out->call_count = i + 1; /* so that what was begun is freed, whatever comes */
        enum err err = one_call(json_array_get(inputs, i), &out->calls[i]);
        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}
