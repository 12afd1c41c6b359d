#include "agent/bedrock_agent.h"

#include "aws/call.h"
#include "base/log.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define REQUEST_MAX ((size_t)512 * 1024)
#define PAYLOAD_MAX ((size_t)1024 * 1024)
#define PATH_MAX_BYTES 256

struct bedrock_agent {
    struct agent_backend base;
    struct http *http;
    struct aws_credentials credentials;
    char endpoint[512];
    char region[64];
    char agent[16];
    char alias[16];
};

/* ---- request ---- */

/* Who the person is, for the agent's instructions and the workshop's names. No secret is here. */
static json_t *attributes(const struct person *person, enum err *err)
{
    json_t *object = json_object();
    js_set_text(object, "logged_in_user", person->email, err);
    js_set_text(object, "user_id", person->sub, err);
    return object;
}

static void set_confirmation(json_t *result, const char *type, enum action_outcome outcome,
                             enum err *err)
{
    bool done = outcome == OUTCOME_DONE;
    if (text_equal(type, "USER_CONFIRMATION")) {
        js_set_text(result, "confirmationState", "DENY", err);
    } else if (text_equal(type, "USER_CONFIRMATION_AND_RESULT")) {
        js_set_text(result, "confirmationState", done ? "CONFIRM" : "DENY", err);
    }
}

static json_t *body_of(const char *media, const char *text, enum err *err)
{
    json_t *outer = json_object();
    json_t *inner = json_object();
    js_set_text(inner, "body", text, err);
    js_set_new(outer, media, inner, err);
    return outer;
}

static json_t *function_result(const struct agent_result *from, enum err *err)
{
    json_t *result = json_object();
    js_set_text(result, "actionGroup", js_text(from->echo, "actionGroup"), err);
    js_set_text(result, "function", js_text(from->echo, "function"), err);
    js_set_text(result, "agentId", js_text(from->echo, "agentId"), err);
    if (from->outcome != OUTCOME_DONE) {
        js_set_text(result, "responseState", "FAILURE", err);
    }
    set_confirmation(result, js_text(from->echo, "actionInvocationType"), from->outcome, err);
    js_set_new(result, "responseBody", body_of("TEXT", from->text, err), err);
    return result;
}

/* The body of the OpenAPI form is itself a JSON text, as in the Lambda contract. */
static json_t *api_result(const struct agent_result *from, enum err *err)
{
    json_t *result = json_object();
    json_t *inner = json_object();
    struct buf text = buf_make(REQUEST_MAX);
    js_set_text(inner, "text", from->text, err);
    if (*err == ERR_OK) {
        *err = js_add(&text, inner);
    }
    js_set_text(result, "actionGroup", js_text(from->echo, "actionGroup"), err);
    js_set_text(result, "apiPath", js_text(from->echo, "apiPath"), err);
    js_set_text(result, "httpMethod", js_text(from->echo, "httpMethod"), err);
    js_set_text(result, "agentId", js_text(from->echo, "agentId"), err);
    js_set_int(result, "httpStatusCode", from->outcome == OUTCOME_DONE ? 200 : 403, err);
    if (from->outcome != OUTCOME_DONE) {
        js_set_text(result, "responseState", "FAILURE", err);
    }
    set_confirmation(result, js_text(from->echo, "actionInvocationType"), from->outcome, err);
    js_set_new(result, "responseBody", body_of("application/json", buf_str(&text), err), err);
    json_decref(inner);
    buf_free(&text);
    return result;
}

static json_t *results_of(const struct agent_step *step, enum err *err)
{
    json_t *list = json_array();
    for (size_t i = 0; i < step->result_count && *err == ERR_OK; i++) {
        const struct agent_result *from = &step->results[i];
        bool api = js_text(from->echo, "apiPath") != NULL;
        json_t *wrapped = json_object();
        js_set_new(wrapped, api ? "apiResult" : "functionResult",
                   api ? api_result(from, err) : function_result(from, err), err);
        if (json_array_append_new(list, wrapped) != 0) {
            *err = ERR_MEMORY;
        }
    }
    return list;
}

enum err bedrock_agent_request(const struct agent_step *step, struct buf *out)
{
    enum err err = ERR_OK;
    json_t *root = json_object();
    json_t *state = json_object();
    json_t *streaming = json_object();
    js_set_bool(root, "enableTrace", false, &err);
    js_set_bool(root, "endSession", false, &err);
    js_set_text(root, "inputText", step->text, &err);
    js_set_bool(streaming, "streamFinalResponse", true, &err);
    js_set_new(root, "streamingConfigurations", streaming, &err);
    js_set_new(state, "sessionAttributes", attributes(step->person, &err), &err);
    js_set_new(state, "promptSessionAttributes", attributes(step->person, &err), &err);
    if (step->text == NULL) {
        js_set_text(state, "invocationId", step->handle, &err);
        js_set_new(state, "returnControlInvocationResults", results_of(step, &err), &err);
    }
    js_set_new(root, "sessionState", state, &err);
    if (err == ERR_OK) {
        err = js_add(out, root);
    }
    json_decref(root);
    return err;
}

/* ---- answer ---- */

enum err bedrock_agent_fault(const char *name)
{
    static const char *const lasting[] = {
        "validation",       "accessDenied",          "resourceNotFound", "unrecognizedClient",
        "invalidSignature", "missingAuthentication", "unknownOperation"};
    for (size_t i = 0; i < COUNT(lasting); i++) {
        if (strncasecmp(name, lasting[i], strlen(lasting[i])) == 0) {
            return ERR_DENIED;
        }
    }
    return ERR_REMOTE;
}

static enum err take_chunk(struct bedrock_answer *answer, const json_t *payload)
{
    const json_t *bytes = json_object_get(payload, "bytes");
    if (bytes == NULL) {
        return ERR_OK; /* an attribution alone */
    }
    if (!json_is_string(bytes)) {
        return ERR_INPUT;
    }
    struct buf text = buf_make(PAYLOAD_MAX);
    enum err err = base64_decode(json_string_value(bytes), json_string_length(bytes), &text);
    if (err == ERR_OK && text.len > 0) {
        err = answer->text(answer->context, text.data, text.len);
    }
    buf_free(&text);
    return err;
}

static enum err take_event(struct bedrock_answer *answer, const char *type,
                           const struct event_message *message)
{
    bool chunk = text_equal(type, "chunk");
    if (!chunk && !text_equal(type, "returnControl")) {
        return ERR_OK; /* trace, files, and whatever AWS adds */
    }
    json_t *payload = NULL;
    enum err err = js_parse_object((const char *)message->payload, message->payload_len,
                                   PAYLOAD_MAX, &payload);
    if (err == ERR_OK && chunk) {
        err = take_chunk(answer, payload);
    } else if (err == ERR_OK && answer->returned) {
        err = ERR_INPUT; /* a step returns control once; which of two would be meant? */
    } else if (err == ERR_OK) {
        answer->returned = true;
        err = bedrock_agent_calls(payload, answer->outcome);
    }
    json_decref(payload);
    return err;
}

/* Only letters and digits may become a name in our log. */
static void keep_fault(struct bedrock_answer *answer, const char *name)
{
    bool plain = text_of(name, 1, sizeof answer->fault - 1,
                         "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");
    (void)snprintf(answer->fault, sizeof answer->fault, "%s", plain ? name : "unnamed");
}

enum err bedrock_agent_message(void *context, const struct event_message *message)
{
    struct bedrock_answer *answer = context;
    const char *kind = event_header_text(message, ":message-type");
    if (text_equal(kind, "event")) {
        return take_event(answer, event_header_text(message, ":event-type"), message);
    }
    if (text_equal(kind, "exception")) {
        keep_fault(answer, event_header_text(message, ":exception-type"));
        return bedrock_agent_fault(answer->fault);
    }
    if (text_equal(kind, "error")) {
        keep_fault(answer, event_header_text(message, ":error-code"));
        return bedrock_agent_fault(answer->fault);
    }
    return ERR_INPUT;
}

void bedrock_agent_end(struct bedrock_answer *answer)
{
    answer->outcome->ended = !answer->returned;
}

/* ---- sending ---- */

static enum err feed(void *context, const char *bytes, size_t len)
{
    return event_stream_feed(context, bytes, len);
}

static enum err run(struct agent_backend *base, const struct agent_step *step, agent_text_fn *text,
                    void *context, struct agent_outcome *outcome)
{
    struct bedrock_agent *bedrock = (struct bedrock_agent *)base;
    struct bedrock_answer answer = {.text = text, .context = context, .outcome = outcome};
    struct buf path = buf_make(PATH_MAX_BYTES);
    struct buf body = buf_make_secret(REQUEST_MAX);
    struct event_stream *stream = NULL;
    struct http_response response = {0};
    char name[64] = "";
    enum err err = bedrock_agent_request(step, &body);
    buf_addf(&path, "/agents/%s/agentAliases/%s/sessions/", bedrock->agent, bedrock->alias);
    percent_add(&path, step->session);
    buf_adds(&path, "/text");
    if (err == ERR_OK) {
        err = buf_err(&path);
    }
    if (err == ERR_OK) {
        err = event_stream_new(PAYLOAD_MAX, AGENT_STREAM_MAX, bedrock_agent_message, &answer,
                               &stream);
    }
    if (err != ERR_OK) {
        goto done;
    }
    err = aws_call(bedrock->http, &bedrock->credentials,
                   &(struct aws_call){.service = "bedrock",
                                      .endpoint = bedrock->endpoint,
                                      .region = bedrock->region,
                                      .method = "POST",
                                      .path = buf_str(&path),
                                      .query = "",
                                      .content_type = "application/json",
                                      .body = body.data,
                                      .body_len = body.len,
                                      .deadline = step->deadline,
                                      .body_max = AGENT_STREAM_MAX,
                                      .on_data = feed,
                                      .context = stream},
                   step->now, &response, name);
    if (err == ERR_OK && response.status != 200) {
        /* Throttling and faults of theirs pass; 409 is another call on the same session. */
        bool passing = response.status == 429 || response.status == 409 || response.status >= 500;
        err = passing && bedrock_agent_fault(name) != ERR_DENIED ? ERR_REMOTE : ERR_DENIED;
    } else if (err == ERR_OK) {
        err = event_stream_end(stream);
    }
    if (err == ERR_OK) {
        bedrock_agent_end(&answer);
    } else if (answer.fault[0] != '\0') {
        log_line(LOG_WARN, "the agent ended its answer with a fault", LOG_T("fault", answer.fault));
    }

done:
    event_stream_free(stream);
    http_response_free(&response);
    buf_free(&body);
    buf_free(&path);
    return err;
}

static void bedrock_agent_free(struct agent_backend *base)
{
    struct bedrock_agent *bedrock = (struct bedrock_agent *)base;
    aws_credentials_free(&bedrock->credentials);
    free(bedrock);
}

enum err bedrock_agent_open(const struct config *config, struct http *http,
                            struct agent_backend **out)
{
    static const struct agent_backend_verbs verbs = {run, bedrock_agent_free};
    struct bedrock_agent *bedrock = calloc(1, sizeof *bedrock);
    *out = NULL;
    if (bedrock == NULL) {
        return ERR_MEMORY;
    }
    bedrock->base.verbs = &verbs;
    bedrock->http = http;
    enum err err = aws_credentials_load(config, &bedrock->credentials);
    if (err == ERR_OK) {
        err = aws_endpoint(config, CFG_AWS_ENDPOINT_URL_BEDROCK_AGENT_RUNTIME,
                           "bedrock-agent-runtime", bedrock->endpoint, sizeof bedrock->endpoint);
    }
    if (err == ERR_OK) {
        err =
            text_copy(bedrock->region, sizeof bedrock->region, config_text(config, CFG_AWS_REGION));
    }
    if (err == ERR_OK) {
        err = text_copy(bedrock->agent, sizeof bedrock->agent,
                        config_text(config, CFG_BEDROCK_AGENT_ID));
    }
    if (err == ERR_OK) {
        err = text_copy(bedrock->alias, sizeof bedrock->alias,
                        config_text(config, CFG_BEDROCK_AGENT_ALIAS_ID));
    }
    if (err != ERR_OK) {
        bedrock_agent_free(&bedrock->base);
        return err == ERR_LIMIT ? ERR_CONFIG : err;
    }
    *out = &bedrock->base;
    return ERR_OK;
}
