/* InvokeAgent on bytes: requests as AWS documents them, answers as frames we encode ourselves. */
#include "agent/bedrock_agent.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

/* ---- frames: u32 total, u32 headers, crc, headers, payload, crc; all big-endian ---- */

static void add_u32(struct buf *out, uint32_t value)
{
    const uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                              (uint8_t)value};
    buf_add(out, bytes, 4);
}

static void add_header(struct buf *out, const char *name, const char *value)
{
    size_t len = strlen(value);
    buf_addc(out, (char)strlen(name));
    buf_adds(out, name);
    buf_addc(out, 7);
    buf_addc(out, (char)(len >> 8));
    buf_addc(out, (char)(len & 255));
    buf_adds(out, value);
}

static uint32_t crc_of(const struct buf *bytes, size_t from)
{
    return (uint32_t)crc32(0, (const Bytef *)bytes->data + from, (uInt)(bytes->len - from));
}

static void add_frame(struct buf *out, const char *kind, const char *name_header, const char *name,
                      const char *payload)
{
    struct buf headers = buf_make(1000);
    size_t start = out->len;
    add_header(&headers, ":message-type", kind);
    add_header(&headers, name_header, name);
    add_u32(out, (uint32_t)(16 + headers.len + strlen(payload)));
    add_u32(out, (uint32_t)headers.len);
    add_u32(out, crc_of(out, start));
    buf_add(out, headers.data, headers.len);
    buf_adds(out, payload);
    add_u32(out, crc_of(out, start));
    buf_free(&headers);
}

static void add_event(struct buf *out, const char *type, const char *payload)
{
    add_frame(out, "event", ":event-type", type, payload);
}

static void add_chunk(struct buf *out, const char *text)
{
    struct buf payload = buf_make(100000);
    buf_adds(&payload, "{\"bytes\":\"");
    base64_add(&payload, text, strlen(text));
    buf_adds(&payload, "\"}");
    add_event(out, "chunk", buf_str(&payload));
    buf_free(&payload);
}

/* ---- one answer, read ---- */

struct heard {
    struct buf text;
    struct agent_outcome outcome;
    struct bedrock_answer answer;
    enum err stop; /* what the listener answers */
};

static enum err hear(void *context, const char *bytes, size_t len)
{
    struct heard *heard = context;
    buf_add(&heard->text, bytes, len);
    return heard->stop;
}

static enum err read_in_pieces(struct heard *heard, const struct buf *bytes, size_t piece)
{
    struct event_stream *stream = NULL;
    enum err err = ERR_OK;
    heard->text = buf_make(1000000);
    memset(&heard->outcome, 0, sizeof heard->outcome);
    heard->answer =
        (struct bedrock_answer){.text = hear, .context = heard, .outcome = &heard->outcome};
    assert_int_equal(
        event_stream_new(1 << 20, AGENT_STREAM_MAX, bedrock_agent_message, &heard->answer, &stream),
        ERR_OK);
    for (size_t at = 0; at < bytes->len && err == ERR_OK; at += piece) {
        size_t len = bytes->len - at < piece ? bytes->len - at : piece;
        err = event_stream_feed(stream, bytes->data + at, len);
    }
    if (err == ERR_OK) {
        err = event_stream_end(stream);
    }
    if (err == ERR_OK) {
        bedrock_agent_end(&heard->answer);
    }
    event_stream_free(stream);
    return err;
}

static void forget(struct heard *heard)
{
    agent_outcome_free(&heard->outcome);
    buf_free(&heard->text);
}

static enum err answer_to(const char *type, const char *payload)
{
    struct heard heard = {0};
    struct buf bytes = buf_make(1 << 20);
    add_event(&bytes, type, payload);
    enum err err = read_in_pieces(&heard, &bytes, bytes.len);
    forget(&heard);
    buf_free(&bytes);
    return err;
}

static void text_at_every_split(void **state)
{
    (void)state;
    struct buf bytes = buf_make(10000);
    add_event(&bytes, "trace", "{\"trace\":{}}");
    add_chunk(&bytes, "Hello, ");
    add_event(&bytes, "files", "{\"files\":[]}");
    add_event(&bytes, "somethingNew", "not even JSON");
    add_event(&bytes, "chunk", "{\"attribution\":{}}");
    add_chunk(&bytes, "w\xc3\xb6rld");
    for (size_t piece = 1; piece <= bytes.len; piece++) {
        struct heard heard = {0};
        assert_int_equal(read_in_pieces(&heard, &bytes, piece), ERR_OK);
        assert_string_equal(buf_str(&heard.text), "Hello, w\xc3\xb6rld");
        assert_true(heard.outcome.ended);
        assert_int_equal(heard.outcome.call_count, 0);
        forget(&heard);
    }
    buf_free(&bytes);
}

static const char RETURNED[] =
    "{\"invocationId\":\"79e0\",\"invocationInputs\":["
    "{\"functionInvocationInput\":{\"actionGroup\":\"CIBAAuthentication\",\"function\":"
    "\"reset_password\",\"parameters\":[{\"name\":\"user_email\",\"type\":\"string\",\"value\":"
    "\"bob@example.test\"}],\"actionInvocationType\":\"RESULT\",\"agentId\":\"A1\"}},"
    "{\"apiInvocationInput\":{\"actionGroup\":\"OktaOperations\",\"apiPath\":\"/find_user\","
    "\"httpMethod\":\"get\",\"parameters\":[{\"name\":\"user_email\",\"type\":\"string\","
    "\"value\":\"carol@example.test\"}],\"requestBody\":{\"content\":{\"application/json\":{"
    "\"properties\":[{\"name\":\"x\",\"type\":\"string\",\"value\":\"y\"}]}}}}}]}";

static void both_forms_of_calls(void **state)
{
    (void)state;
    struct heard heard = {0};
    struct buf bytes = buf_make(10000);
    add_chunk(&bytes, "Let me see.");
    add_event(&bytes, "returnControl", RETURNED);
    assert_int_equal(read_in_pieces(&heard, &bytes, 7), ERR_OK);
    assert_false(heard.outcome.ended);
    assert_string_equal(heard.outcome.handle, "79e0");
    assert_int_equal(heard.outcome.call_count, 2);
    const struct agent_call *call = &heard.outcome.calls[0];
    assert_null(call->refusal);
    assert_string_equal(call->group, "CIBAAuthentication");
    assert_string_equal(call->function, "reset_password");
    assert_string_equal(call->api_path, "");
    assert_string_equal(js_text(call->arguments, "user_email"), "bob@example.test");
    assert_string_equal(js_text(call->echo, "agentId"), "A1");
    call = &heard.outcome.calls[1];
    assert_null(call->refusal);
    assert_string_equal(call->function, "find_user");
    assert_string_equal(call->api_path, "/find_user");
    assert_string_equal(call->http_method, "get");
    assert_string_equal(js_text(call->arguments, "user_email"), "carol@example.test");
    assert_string_equal(js_text(call->arguments, "x"), "y");
    forget(&heard);
    buf_free(&bytes);
}

/* A call whose parts are wrong is answered to the model, never run; the step itself stands. */
static void odd_calls_are_refused(void **state)
{
    (void)state;
    static const char *const parameters[] = {
        "[{\"name\":\"user_email\",\"type\":\"array\",\"value\":\"[]\"}]",
        "[{\"name\":\"user_email\",\"type\":\"string\",\"value\":42}]",
        "[{\"name\":\"a\",\"value\":\"1\"},{\"name\":\"a\",\"value\":\"2\"}]",
        "[{\"name\":\"user_email\"}]",
        "\"bob@example.test\"",
        "{\"user_email\":\"bob@example.test\"}",
        "[null]",
        "[{\"name\":\"\",\"value\":\"x\"}]",
        "[{\"name\":\"1\",\"value\":\"\"},{\"name\":\"2\",\"value\":\"\"},{\"name\":\"3\","
        "\"value\":\"\"},{\"name\":\"4\",\"value\":\"\"},{\"name\":\"5\",\"value\":\"\"},{\"name\":"
        "\"6\",\"value\":\"\"},{\"name\":\"7\",\"value\":\"\"},{\"name\":\"8\",\"value\":\"\"},{"
        "\"name\":\"9\",\"value\":\"\"}]",
    };
    for (size_t i = 0; i < COUNT(parameters); i++) {
        struct agent_outcome outcome = {0};
        struct buf text = buf_make(10000);
        json_t *payload = NULL;
        buf_addf(&text,
                 "{\"invocationId\":\"x\",\"invocationInputs\":[{\"functionInvocationInput\":{"
                 "\"actionGroup\":\"G\",\"function\":\"f\",\"parameters\":%s}}]}",
                 parameters[i]);
        assert_int_equal(js_parse_object(buf_str(&text), text.len, 10000, &payload), ERR_OK);
        assert_int_equal(bedrock_agent_calls(payload, &outcome), ERR_OK);
        assert_int_equal(outcome.call_count, 1);
        assert_non_null(outcome.calls[0].refusal);
        agent_outcome_free(&outcome);
        json_decref(payload);
        buf_free(&text);
    }
}

static void names_confirmations_and_paths_are_refused(void **state)
{
    (void)state;
    static const char *const inputs[] = {
        "{\"functionInvocationInput\":{\"actionGroup\":\"\",\"function\":\"f\"}}",
        "{\"functionInvocationInput\":{\"actionGroup\":\"G\",\"function\":\"\"}}",
        "{\"functionInvocationInput\":{\"actionGroup\":"
        "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
        "\"function\":\"f\"}}",
        "{\"functionInvocationInput\":{\"actionGroup\":\"G\",\"function\":\"f\","
        "\"actionInvocationType\":\"USER_CONFIRMATION\"}}",
        "{\"apiInvocationInput\":{\"actionGroup\":\"G\",\"apiPath\":\"f\",\"httpMethod\":\"GET\"}}",
        "{\"apiInvocationInput\":{\"actionGroup\":\"G\",\"apiPath\":\"/\",\"httpMethod\":\"GET\"}}",
        "{\"apiInvocationInput\":{\"actionGroup\":\"G\",\"apiPath\":\"/f\",\"httpMethod\":"
        "\"PROPPATCH\"}}",
        "{\"apiInvocationInput\":{\"actionGroup\":\"G\",\"apiPath\":\"/f\",\"httpMethod\":\"POST\","
        "\"requestBody\":{\"content\":{\"text/plain\":{}}}}}",
    };
    for (size_t i = 0; i < COUNT(inputs); i++) {
        struct agent_outcome outcome = {0};
        struct buf text = buf_make(10000);
        json_t *payload = NULL;
        buf_addf(&text, "{\"invocationId\":\"x\",\"invocationInputs\":[%s]}", inputs[i]);
        assert_int_equal(js_parse_object(buf_str(&text), text.len, 10000, &payload), ERR_OK);
        assert_int_equal(bedrock_agent_calls(payload, &outcome), ERR_OK);
        assert_non_null(outcome.calls[0].refusal);
        agent_outcome_free(&outcome);
        json_decref(payload);
        buf_free(&text);
    }
}

static void unanswerable_returns_end_the_step(void **state)
{
    (void)state;
    static const char *const payloads[] = {
        "{}",
        "{\"invocationId\":\"x\"}",
        "{\"invocationId\":\"\",\"invocationInputs\":[{\"functionInvocationInput\":{}}]}",
        "{\"invocationId\":7,\"invocationInputs\":{}}",
        "{\"invocationId\":\"y\",\"invocationInputs\":[]}",
        "{\"invocationId\":\"z\",\"invocationInputs\":[{}]}",
        "{\"invocationId\":\"w\",\"invocationInputs\":[null]}",
        "{\"invocationId\":\"w\",\"invocationInputs\":[{\"functionInvocationInput\":{}}]}",
        "{\"invocationId\":\"w\\u0000\",\"invocationInputs\":[]}",
        "[]",
        "",
        "{\"invocationId\":\"a\",\"invocationId\":\"b\"}",
    };
    for (size_t i = 0; i < COUNT(payloads); i++) {
        assert_int_equal(answer_to("returnControl", payloads[i]), ERR_INPUT);
    }
    struct buf many = buf_make(100000);
    buf_adds(&many, "{\"invocationId\":\"x\",\"invocationInputs\":[");
    for (size_t i = 0; i <= AGENT_CALLS_MAX; i++) {
        buf_addf(&many,
                 "%s{\"functionInvocationInput\":{\"actionGroup\":\"G\",\"function\":\"f\"}}",
                 i > 0 ? "," : "");
    }
    buf_adds(&many, "]}");
    assert_int_equal(answer_to("returnControl", buf_str(&many)), ERR_INPUT);
    buf_reset(&many);
    buf_adds(&many, "{\"invocationId\":\"");
    for (size_t i = 0; i <= AGENT_HANDLE_MAX; i++) {
        buf_addc(&many, 'a');
    }
    buf_adds(&many, "\",\"invocationInputs\":[{\"functionInvocationInput\":{\"actionGroup\":\"G\","
                    "\"function\":\"f\"}}]}");
    assert_int_equal(answer_to("returnControl", buf_str(&many)), ERR_INPUT);
    buf_free(&many);
}

static void two_returns_in_one_step(void **state)
{
    (void)state;
    struct heard heard = {0};
    struct buf bytes = buf_make(10000);
    add_event(&bytes, "returnControl", RETURNED);
    add_event(&bytes, "returnControl", RETURNED);
    assert_int_equal(read_in_pieces(&heard, &bytes, bytes.len), ERR_INPUT);
    forget(&heard);
    buf_free(&bytes);
}

static void bad_chunks(void **state)
{
    (void)state;
    assert_int_equal(answer_to("chunk", "{\"bytes\":\"***\"}"), ERR_INPUT);
    assert_int_equal(answer_to("chunk", "{\"bytes\":5}"), ERR_INPUT);
    assert_int_equal(answer_to("chunk", "{\"bytes\":\"4oK\"}"), ERR_INPUT);
    assert_int_equal(answer_to("chunk", "[]"), ERR_INPUT);
    assert_int_equal(answer_to("chunk", "{\"bytes\":\"//79\"}"), ERR_OK); /* text cleans it */
    assert_int_equal(answer_to("chunk", "{}"), ERR_OK);
}

static void damage_is_found(void **state)
{
    (void)state;
    struct heard heard = {0};
    struct buf bytes = buf_make(10000);
    add_chunk(&bytes, "before ");
    size_t good = bytes.len;
    add_chunk(&bytes, "hello");
    bytes.data[bytes.len - 1] ^= 1;
    assert_int_equal(read_in_pieces(&heard, &bytes, bytes.len), ERR_FORGED);
    assert_string_equal(buf_str(&heard.text), "before ");
    forget(&heard);
    bytes.data[bytes.len - 1] ^= 1;
    bytes.data[good + 8] ^= 1;
    assert_int_equal(read_in_pieces(&heard, &bytes, 3), ERR_FORGED);
    forget(&heard);
    bytes.data[good + 8] ^= 1;
    bytes.len -= 7; /* the stream ends inside a message */
    assert_int_equal(read_in_pieces(&heard, &bytes, 3), ERR_INPUT);
    forget(&heard);
    bytes.len = good;
    add_u32(&bytes, 0x7fffffff);
    add_u32(&bytes, 0x10);
    add_u32(&bytes, crc_of(&bytes, good));
    assert_int_equal(read_in_pieces(&heard, &bytes, 5), ERR_LIMIT);
    forget(&heard);
    buf_free(&bytes);
}

static void faults_in_the_stream(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *header, *name;
        enum err err;
    } cases[] = {
        {"exception", ":exception-type", "throttlingException", ERR_REMOTE},
        {"exception", ":exception-type", "internalServerException", ERR_REMOTE},
        {"exception", ":exception-type", "badGatewayException", ERR_REMOTE},
        {"exception", ":exception-type", "modelNotReadyException", ERR_REMOTE},
        {"exception", ":exception-type", "somethingElse", ERR_REMOTE},
        {"exception", ":exception-type", "validationException", ERR_DENIED},
        {"exception", ":exception-type", "accessDeniedException", ERR_DENIED},
        {"exception", ":exception-type", "resourceNotFoundException", ERR_DENIED},
        {"error", ":error-code", "InternalError", ERR_REMOTE},
        {"nonsense", ":event-type", "chunk", ERR_INPUT},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct heard heard = {0};
        struct buf bytes = buf_make(10000);
        add_frame(&bytes, cases[i].kind, cases[i].header, cases[i].name, "{\"message\":\"<b>\"}");
        assert_int_equal(read_in_pieces(&heard, &bytes, bytes.len), cases[i].err);
        forget(&heard);
        buf_free(&bytes);
    }
    struct heard heard = {0};
    struct buf bytes = buf_make(10000);
    add_frame(&bytes, "exception", ":exception-type", "\x1b[31m\nred", "{}");
    assert_int_equal(read_in_pieces(&heard, &bytes, bytes.len), ERR_REMOTE);
    assert_string_equal(heard.answer.fault, "unnamed"); /* what goes to the log */
    forget(&heard);
    buf_free(&bytes);
}

static void a_listener_that_stops_is_obeyed(void **state)
{
    (void)state;
    struct heard heard = {.stop = ERR_NONE};
    struct buf bytes = buf_make(10000);
    add_chunk(&bytes, "one");
    add_chunk(&bytes, "two");
    assert_int_equal(read_in_pieces(&heard, &bytes, bytes.len), ERR_NONE);
    assert_string_equal(buf_str(&heard.text), "one");
    forget(&heard);
    buf_free(&bytes);
}

/* ---- requests ---- */

static struct person alice;

static json_t *request_of(const struct agent_step *step)
{
    struct buf out = buf_make(100000);
    json_t *root = NULL;
    assert_int_equal(bedrock_agent_request(step, &out), ERR_OK);
    assert_int_equal(js_parse_object(buf_str(&out), out.len, 100000, &root), ERR_OK);
    buf_free(&out);
    return root;
}

static void a_message_goes_out(void **state)
{
    (void)state;
    json_t *root = request_of(&(struct agent_step){.person = &alice, .text = "hi \"there\""});
    const json_t *session = js_object(root, "sessionState");
    assert_string_equal(js_text(root, "inputText"), "hi \"there\"");
    assert_true(js_true(js_object(root, "streamingConfigurations"), "streamFinalResponse"));
    assert_string_equal(js_text(js_object(session, "sessionAttributes"), "logged_in_user"),
                        "alice@example.test");
    assert_string_equal(js_text(js_object(session, "promptSessionAttributes"), "user_id"), "sub1");
    assert_null(json_object_get(session, "invocationId"));
    json_decref(root);
}

static void results_go_back_in_their_form(void **state)
{
    (void)state;
    struct agent_outcome outcome = {0};
    json_t *payload = NULL;
    assert_int_equal(js_parse_object(RETURNED, sizeof RETURNED - 1, 10000, &payload), ERR_OK);
    assert_int_equal(bedrock_agent_calls(payload, &outcome), ERR_OK);
    const struct agent_result results[] = {
        {outcome.calls[0].echo, OUTCOME_DONE, "The password was reset."},
        {outcome.calls[1].echo, OUTCOME_FAILURE, "You are \"not\" permitted."}};
    json_t *root = request_of(&(struct agent_step){
        .person = &alice, .handle = outcome.handle, .results = results, .result_count = 2});
    const json_t *session = js_object(root, "sessionState");
    const json_t *list = js_array(session, "returnControlInvocationResults");
    assert_null(json_object_get(root, "inputText"));
    assert_string_equal(js_text(session, "invocationId"), "79e0");
    assert_int_equal(json_array_size(list), 2);
    const json_t *function = js_object(json_array_get(list, 0), "functionResult");
    assert_string_equal(js_text(function, "actionGroup"), "CIBAAuthentication");
    assert_string_equal(js_text(function, "function"), "reset_password");
    assert_string_equal(js_text(function, "agentId"), "A1");
    assert_null(json_object_get(function, "responseState"));
    assert_null(json_object_get(function, "confirmationState"));
    assert_string_equal(js_text(js_object(js_object(function, "responseBody"), "TEXT"), "body"),
                        "The password was reset.");
    const json_t *api = js_object(json_array_get(list, 1), "apiResult");
    json_int_t status = 0;
    assert_int_equal(js_int(api, "httpStatusCode", 100, 599, &status), ERR_OK);
    assert_int_equal(status, 403);
    assert_string_equal(js_text(api, "responseState"), "FAILURE");
    assert_string_equal(js_text(api, "httpMethod"), "get");
    assert_string_equal(
        js_text(js_object(js_object(api, "responseBody"), "application/json"), "body"),
        "{\"text\":\"You are \\\"not\\\" permitted.\"}");
    json_decref(root);
    json_decref(payload);
    agent_outcome_free(&outcome);
}

static int set_up(void **state)
{
    (void)state;
    return person_new("https://iss/", "sub1", "alice@example.test", true, "Alice", &alice) !=
           ERR_OK;
}

static int tear_down(void **state)
{
    (void)state;
    person_free(&alice);
    return 0;
}

#define TEST(name, function)                                                                       \
    {                                                                                              \
        name, function, NULL, NULL, NULL                                                           \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("text comes through at every split, unknown events are ignored", text_at_every_split),
        TEST("calls of both forms are read", both_forms_of_calls),
        TEST("row 49: odd parameters are refused in words", odd_calls_are_refused),
        TEST("row 44: odd names, paths and confirmations are refused in words",
             names_confirmations_and_paths_are_refused),
        TEST("row 53: a return that cannot be answered ends the step",
             unanswerable_returns_end_the_step),
        TEST("two returns in one step end it", two_returns_in_one_step),
        TEST("chunks that are not base64 end the step", bad_chunks),
        TEST("row 53: bad CRC, cut and oversized frames are found", damage_is_found),
        TEST("faults in the stream: passing or lasting", faults_in_the_stream),
        TEST("a listener that stops is obeyed", a_listener_that_stops_is_obeyed),
        TEST("a message goes out with who the person is", a_message_goes_out),
        TEST("results go back in the form of their call", results_go_back_in_their_form),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
