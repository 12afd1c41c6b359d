/* The Lambda action-group contract in both of its forms, out and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "catalogue/event.h"

/* As AWS documents the two forms, with members that we do not read. */
static const char function_form[] =
    "{\"messageVersion\":\"1.0\",\"agent\":{\"name\":\"n\",\"id\":\"AGENT12345\",\"alias\":\"a\","
    "\"version\":\"1\"},\"inputText\":\"reset bob\",\"sessionId\":\"s:1.2\","
    "\"actionGroup\":\"CIBAAuthentication\",\"function\":\"reset_password\","
    "\"parameters\":[{\"name\":\"user_email\",\"type\":\"string\",\"value\":\"bob@example.test\"}],"
    "\"sessionAttributes\":{\"ticket\":\"a.b\",\"call_id\":\"c-1\",\"other\":\"x\"},"
    "\"promptSessionAttributes\":{\"k\":\"v\"},\"later\":{}}";
static const char api_form[] =
    "{\"messageVersion\":\"1.0\",\"agent\":{\"id\":\"AGENT12345\"},\"inputText\":\"\","
    "\"sessionId\":\"s1\",\"actionGroup\":\"CIBAAuthentication\",\"apiPath\":\"/reset_password\","
    "\"httpMethod\":\"POST\",\"parameters\":[],\"requestBody\":{\"content\":{\"application/json\":"
    "{\"properties\":[{\"name\":\"user_email\",\"type\":\"string\","
    "\"value\":\"bob@example.test\"}]}}},\"sessionAttributes\":{},\"promptSessionAttributes\":{}}";

static enum err parse(const char *text, struct action_event *out)
{
    return action_event_parse(text, strlen(text), out);
}

static void refused(const char *text)
{
    struct action_event event;

    if (parse(text, &event) != ERR_INPUT) {
        fail_msg("accepted: %s", text);
    }
    assert_null(event.arguments);
}

/* The function form with one piece exchanged. */
static void refused_with(const char *form, const char *piece, const char *by)
{
    struct buf text = buf_make(EVENT_MAX * 2);
    const char *at = strstr(form, piece);

    assert_non_null(at);
    buf_add(&text, form, (size_t)(at - form));
    buf_adds(&text, by);
    buf_adds(&text, at + strlen(piece));
    refused(buf_str(&text));
    buf_free(&text);
}

static void both_forms_are_read(void **state)
{
    struct action_event event;

    (void)state;
    assert_int_equal(parse(function_form, &event), ERR_OK);
    assert_string_equal(event.group, "CIBAAuthentication");
    assert_string_equal(event.function, "reset_password");
    assert_string_equal(event.api_path, "");
    assert_string_equal(event.agent_id, "AGENT12345");
    assert_string_equal(event.session_id, "s:1.2");
    assert_string_equal(event.ticket, "a.b");
    assert_string_equal(event.call_id, "c-1");
    assert_string_equal(event.input_text, "reset bob");
    assert_string_equal(js_text(event.arguments, "user_email"), "bob@example.test");
    assert_string_equal(js_text(event.prompt_attributes, "k"), "v");
    action_event_free(&event);
    action_event_free(&event);

    assert_int_equal(parse(api_form, &event), ERR_OK);
    assert_string_equal(event.function, "reset_password");
    assert_string_equal(event.api_path, "/reset_password");
    assert_string_equal(event.http_method, "POST");
    assert_string_equal(event.ticket, "");
    assert_string_equal(event.call_id, "");
    assert_string_equal(js_text(event.arguments, "user_email"), "bob@example.test");
    action_event_free(&event);
}

static void what_is_built_is_read_back(void **state)
{
    static const char *const forms[] = {function_form, api_form};

    (void)state;
    for (size_t i = 0; i < COUNT(forms); i++) {
        struct action_event event, again;
        json_t *json;
        char *text;

        assert_int_equal(parse(forms[i], &event), ERR_OK);
        json = action_event_build(&event);
        assert_non_null(json);
        text = json_dumps(json, JSON_COMPACT);
        assert_int_equal(parse(text, &again), ERR_OK);
        assert_string_equal(again.function, event.function);
        assert_string_equal(again.api_path, event.api_path);
        assert_string_equal(again.ticket, event.ticket);
        assert_string_equal(again.call_id, event.call_id);
        assert_string_equal(again.agent_id, event.agent_id);
        assert_true(json_equal(again.arguments, event.arguments));
        free(text);
        json_decref(json);
        action_event_free(&again);
        action_event_free(&event);
    }
}

static void what_is_not_the_contract_is_refused(void **state)
{
    (void)state;
    refused("");
    refused("null");
    refused("[]");
    refused("{}");
    refused_with(function_form, "\"1.0\"", "\"2.0\"");
    refused_with(function_form, "\"1.0\"", "1");
    refused_with(function_form, "\"messageVersion\":\"1.0\",", "");
    refused_with(function_form, "\"CIBAAuthentication\"", "\"CIBA/../x\"");
    refused_with(function_form, "\"CIBAAuthentication\"", "\"\"");
    refused_with(function_form, "\"reset_password\"", "\"reset password\"");
    refused_with(function_form, "\"reset_password\"", "7");
    refused_with(function_form, "{\"name\":\"n\",", "[{\"name\":\"n\"}],\"x\":{");
    refused_with(function_form, "\"AGENT12345\"", "\"A/B\"");
    refused_with(function_form, "\"a.b\"", "7");
    refused_with(function_form, "\"c-1\"", "\"c 1\"");
    refused_with(function_form, "\"c-1\"", "null");
    refused_with(function_form, "\"reset bob\"", "{}");
    refused_with(function_form, "{\"k\":\"v\"}", "[]");
    refused_with(function_form, "\"later\":{}", "\"apiPath\":\"/reset_password\"");
    refused_with(function_form, "\"later\":{}", "\"requestBody\":{}");
    refused_with(function_form, "\"later\":{}", "\"function\":\"unlock_user\"");
    refused_with(api_form, "\"/reset_password\"", "\"reset_password\"");
    refused_with(api_form, "\"/reset_password\"", "\"//reset_password\"");
    refused_with(api_form, "\"/reset_password\"", "\"/a/b\"");
    refused_with(api_form, "\"POST\"", "\"PO ST\"");
    refused_with(api_form, "\"application/json\":", "\"text/plain\":");
    refused_with(api_form, "\"application/json\":", "\"text/plain\":{},\"application/json\":");
}

static void row_49_parameters(void **state)
{
    static const char one[] =
        "[{\"name\":\"user_email\",\"type\":\"string\",\"value\":\"bob@example.test\"}]";

    (void)state;
    refused_with(function_form, one, "{}");
    refused_with(function_form, one, "[1]");
    refused_with(function_form, one, "[{\"name\":\"a\",\"type\":\"string\",\"value\":1}]");
    refused_with(function_form, one, "[{\"name\":\"a\",\"type\":\"integer\",\"value\":\"1\"}]");
    refused_with(function_form, one, "[{\"name\":\"a\",\"type\":7,\"value\":\"1\"}]");
    refused_with(function_form, one, "[{\"name\":\"a b\",\"type\":\"string\",\"value\":\"1\"}]");
    refused_with(function_form, one, "[{\"type\":\"string\",\"value\":\"1\"}]");
    refused_with(function_form, one,
                 "[{\"name\":\"a\",\"type\":\"string\",\"value\":\"1\"},"
                 "{\"name\":\"a\",\"type\":\"string\",\"value\":\"2\"}]");
    /* The same name once in each of the two places. */
    refused_with(api_form, "\"parameters\":[]",
                 "\"parameters\":[{\"name\":\"user_email\",\"type\":\"string\","
                 "\"value\":\"alice@example.test\"}]");
}

static void bounds(void **state)
{
    struct buf text = buf_make(EVENT_MAX * 2);
    struct action_event event;
    const char *at = strstr(function_form, "reset bob");

    (void)state;
    /* A long sentence is cut between characters; the card shows it, nothing depends on it. */
    buf_add(&text, function_form, (size_t)(at - function_form));
    for (int i = 0; i < 600; i++) {
        buf_adds(&text, "é");
    }
    buf_adds(&text, at + strlen("reset bob"));
    assert_int_equal(parse(buf_str(&text), &event), ERR_OK);
    assert_int_equal(strlen(event.input_text), 1024);
    assert_true(utf8_valid(event.input_text, strlen(event.input_text)));
    action_event_free(&event);

    /* A ticket that does not fit is no ticket: 401 is the guard's word, not 400. */
    buf_reset(&text);
    at = strstr(function_form, "a.b");
    buf_add(&text, function_form, (size_t)(at - function_form));
    for (int i = 0; i < 3000; i++) {
        buf_addc(&text, 'a');
    }
    buf_adds(&text, at + 3);
    assert_int_equal(parse(buf_str(&text), &event), ERR_OK);
    assert_string_equal(event.ticket, "");
    action_event_free(&event);

    buf_reset(&text);
    buf_add(&text, function_form, strlen(function_form) - 1);
    buf_adds(&text, ",\"pad\":\"");
    while (text.len < EVENT_MAX) {
        buf_addc(&text, 'x');
    }
    buf_adds(&text, "\"}");
    refused(buf_str(&text));
    buf_free(&text);
}

static void answers_go_and_come_back(void **state)
{
    static const char *const forms[] = {function_form, api_form};
    static const enum action_outcome outcomes[] = {OUTCOME_DONE, OUTCOME_FAILURE, OUTCOME_REPROMPT};

    (void)state;
    for (size_t f = 0; f < COUNT(forms); f++) {
        for (size_t o = 0; o < COUNT(outcomes); o++) {
            struct action_answer answer = {.outcome = outcomes[o],
                                           .text = "A \"text\" \xe2\x82\xac",
                                           .invocation = "inv_1-x",
                                           .state = "waiting"};
            struct action_answer again;
            struct action_event event;
            json_t *json;
            char *text;

            if (outcomes[o] == OUTCOME_REPROMPT) {
                answer.ask_again_at = 1700000000123;
                answer.expires_at = 1700000300000;
            }
            assert_int_equal(parse(forms[f], &event), ERR_OK);
            json = action_answer_build(&event, &answer);
            text = json_dumps(json, JSON_COMPACT);
            assert_int_equal(action_answer_parse(text, strlen(text), &event, &again), ERR_OK);
            assert_int_equal(again.outcome, answer.outcome);
            assert_string_equal(again.text, answer.text);
            assert_string_equal(again.invocation, answer.invocation);
            assert_string_equal(again.state, answer.state);
            assert_true(again.ask_again_at == answer.ask_again_at);
            assert_true(again.expires_at == answer.expires_at);
            free(text);
            json_decref(json);
            action_event_free(&event);
        }
    }
}

static void the_answer_has_the_documented_form(void **state)
{
    struct action_answer answer = {.outcome = OUTCOME_REPROMPT, .text = "Wait.", .ask_again_at = 5};
    struct action_event event;
    const json_t *response;
    json_t *json;

    (void)state;
    assert_int_equal(parse(function_form, &event), ERR_OK);
    json = action_answer_build(&event, &answer);
    response = json_object_get(json, "response");
    assert_string_equal(js_text(json, "messageVersion"), "1.0");
    assert_string_equal(js_text(response, "actionGroup"), "CIBAAuthentication");
    assert_string_equal(js_text(response, "function"), "reset_password");
    assert_string_equal(js_text(js_object(response, "functionResponse"), "responseState"),
                        "REPROMPT");
    assert_string_equal(
        js_text(
            js_object(js_object(js_object(response, "functionResponse"), "responseBody"), "TEXT"),
            "body"),
        "Wait.");
    assert_string_equal(js_text(js_object(json, "sessionAttributes"), "ask_again_at"), "5");
    assert_string_equal(js_text(js_object(json, "promptSessionAttributes"), "k"), "v");
    json_decref(json);

    answer.outcome = OUTCOME_DONE;
    json = action_answer_build(&event, &answer);
    assert_null(json_object_get(js_object(js_object(json, "response"), "functionResponse"),
                                "responseState"));
    json_decref(json);
    action_event_free(&event);
}

static void an_answer_to_something_else_is_refused(void **state)
{
    static const char *const wrong[] = {
        "{}",
        "{\"messageVersion\":\"1.0\",\"response\":{\"actionGroup\":\"CIBAAuthentication\","
        "\"function\":\"unlock_user\",\"functionResponse\":{\"responseBody\":{\"TEXT\":"
        "{\"body\":\"x\"}}}}}",
        "{\"messageVersion\":\"1.0\",\"response\":{\"actionGroup\":\"OktaOperations\","
        "\"function\":\"reset_password\",\"functionResponse\":{\"responseBody\":{\"TEXT\":"
        "{\"body\":\"x\"}}}}}",
        "{\"messageVersion\":\"1.0\",\"response\":{\"actionGroup\":\"CIBAAuthentication\","
        "\"function\":\"reset_password\",\"functionResponse\":{\"responseState\":\"OK\","
        "\"responseBody\":{\"TEXT\":{\"body\":\"x\"}}}}}",
        "{\"messageVersion\":\"1.0\",\"response\":{\"actionGroup\":\"CIBAAuthentication\","
        "\"function\":\"reset_password\",\"functionResponse\":{\"responseState\":null,"
        "\"responseBody\":{\"TEXT\":{\"body\":\"x\"}}}}}",
        "{\"messageVersion\":\"1.0\",\"response\":{\"actionGroup\":\"CIBAAuthentication\","
        "\"function\":\"reset_password\",\"functionResponse\":{\"responseBody\":{}}}}",
        /* pending without a time to ask again */
        "{\"messageVersion\":\"1.0\",\"response\":{\"actionGroup\":\"CIBAAuthentication\","
        "\"function\":\"reset_password\",\"functionResponse\":{\"responseState\":\"REPROMPT\","
        "\"responseBody\":{\"TEXT\":{\"body\":\"x\"}}}}}",
    };
    struct action_answer answer;
    struct action_event event;

    (void)state;
    assert_int_equal(parse(function_form, &event), ERR_OK);
    for (size_t i = 0; i < COUNT(wrong); i++) {
        if (action_answer_parse(wrong[i], strlen(wrong[i]), &event, &answer) != ERR_INPUT) {
            fail_msg("accepted: %s", wrong[i]);
        }
        assert_string_equal(answer.text, "");
    }
    action_event_free(&event);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_forms_are_read),
        cmocka_unit_test(what_is_built_is_read_back),
        cmocka_unit_test(what_is_not_the_contract_is_refused),
        {"row 49: doubled, mistyped and nameless parameters are refused", row_49_parameters, NULL,
         NULL, NULL},
        cmocka_unit_test(bounds),
        cmocka_unit_test(answers_go_and_come_back),
        cmocka_unit_test(the_answer_has_the_documented_form),
        cmocka_unit_test(an_answer_to_something_else_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
