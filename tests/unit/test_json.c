#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

static enum err parse(const char *text)
{
    json_t *value = NULL;
    enum err err = js_parse(text, strlen(text), 1000, &value);
    assert_true((err == ERR_OK) == (value != NULL));
    json_decref(value);
    return err;
}

static void refuses_what_is_not_strict(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "{",
        "{\"a\":1,\"a\":2}",
        "{} x",
        "{}{}",
        "[1,]",
        "{\"a\":1e400}",
        "[-1e400]",
        "[NaN]",
        "[01]",
        "nul",
        "{a:1}",
        "[\"\\u0000\"]",
        "[\"\xff\"]",
        "[\"\\ud800\"]",
        "\xef\xbb\xbf{}",
        "[99999999999999999999]",
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(parse(bad[i]), ERR_INPUT);
    }
    json_t *value = NULL;
    assert_int_equal(js_parse("{\"a\":\"x\0y\"}", 11, 1000, &value), ERR_INPUT);
    assert_int_equal(js_parse(NULL, 0, 1000, &value), ERR_INPUT);
    assert_int_equal(parse("{\"a\":[1,2.5,true,null,\"\xc3\xa9\"]}"), ERR_OK);
}

static void depth_is_bounded(void **state)
{
    (void)state;
    char text[2 * JS_DEPTH + 3];
    json_t *value = NULL;
    for (size_t depth = JS_DEPTH; depth <= JS_DEPTH + 1; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        enum err err = js_parse(text, 2 * depth, sizeof text, &value);
        assert_int_equal(err, depth == JS_DEPTH ? ERR_OK : ERR_INPUT);
        json_decref(value);
    }
    char *deep = malloc(200000);
    assert_non_null(deep);
    memset(deep, '[', 200000);
    assert_int_equal(js_parse(deep, 200000, 200000, &value), ERR_INPUT);
    assert_int_equal(js_parse(deep, 200000, 199999, &value), ERR_LIMIT);
    /* Brackets inside strings are not depth, and an escaped quote does not end one. */
    memcpy(deep, "[\"\\\"", 4);        /* NOLINT: its length is told, not ended by NUL */
    memcpy(deep + 1000 - 2, "\"]", 2); /* NOLINT: the same */
    assert_int_equal(js_parse(deep, 1000, 1000, &value), ERR_OK);
    json_decref(value);
    free(deep);
}

static void root_must_be_an_object(void **state)
{
    (void)state;
    json_t *value = NULL;
    assert_int_equal(js_parse_object("[]", 2, 10, &value), ERR_INPUT);
    assert_null(value);
    assert_int_equal(js_parse_object("\"x\"", 3, 10, &value), ERR_INPUT);
    assert_int_equal(js_parse_object("{}", 2, 10, &value), ERR_OK);
    json_decref(value);
}

static void getters_are_typed_and_null_safe(void **state)
{
    (void)state;
    static const char text[] = "{\"s\":\"x\",\"t\":true,\"tt\":\"true\",\"one\":1,\"n\":null,"
                               "\"f\":1.0,\"o\":{},\"a\":[],\"neg\":-5}";
    json_t *object = NULL;
    json_int_t number = 9;
    assert_int_equal(js_parse_object(text, sizeof text - 1, 1000, &object), ERR_OK);
    assert_string_equal(js_text(object, "s"), "x");
    assert_null(js_text(object, "one"));
    assert_null(js_text(object, "none"));
    assert_null(js_text(NULL, "s"));
    assert_true(js_true(object, "t"));
    assert_false(js_true(object, "tt"));
    assert_false(js_true(object, "one"));
    assert_false(js_true(NULL, "t"));
    assert_non_null(js_object(object, "o"));
    assert_null(js_object(object, "a"));
    assert_non_null(js_array(object, "a"));
    assert_null(js_array(object, "o"));
    assert_int_equal(js_int(object, "one", 0, 1, &number), ERR_OK);
    assert_int_equal(number, 1);
    assert_int_equal(js_int(object, "none", 0, 1, &number), ERR_NONE);
    assert_int_equal(js_int(object, "f", 0, 1, &number), ERR_INPUT);
    assert_int_equal(js_int(object, "tt", 0, 1, &number), ERR_INPUT);
    assert_int_equal(js_int(object, "n", 0, 1, &number), ERR_INPUT);
    assert_int_equal(js_int(object, "neg", 0, 1, &number), ERR_INPUT);
    assert_int_equal(js_int(NULL, "one", 0, 1, &number), ERR_NONE);
    assert_int_equal(js_int_or(object, "neg", 7), -5);
    assert_int_equal(js_int_or(object, "s", 7), 7);
    json_decref(object);
}

static void setters_are_sticky(void **state)
{
    (void)state;
    enum err err = ERR_OK;
    struct buf out = buf_make(1000);
    json_t *object = json_object();
    js_set_text(object, "b", "x", &err);
    js_set_text(object, "left_out", NULL, &err);
    js_set_int(object, "a", -3, &err);
    js_set_bool(object, "c", true, &err);
    js_set_new(object, "d", json_array(), &err);
    assert_int_equal(err, ERR_OK);
    assert_int_equal(js_add(&out, object), ERR_OK);
    assert_string_equal(buf_str(&out), "{\"b\":\"x\",\"a\":-3,\"c\":true,\"d\":[]}");
    buf_reset(&out);
    assert_int_equal(js_add_sorted(&out, object), ERR_OK);
    assert_string_equal(buf_str(&out), "{\"a\":-3,\"b\":\"x\",\"c\":true,\"d\":[]}");
    js_set_text(object, "bad", "\xff", &err);
    assert_int_equal(err, ERR_INPUT);
    js_set_int(object, "after", 1, &err);
    js_set_new(object, "after", json_object(), &err);
    assert_null(json_object_get(object, "after"));
    err = ERR_OK;
    js_set_new(object, "memory", NULL, &err);
    assert_int_equal(err, ERR_MEMORY);
    err = ERR_OK;
    js_set_text(NULL, "a", "b", &err);
    assert_int_equal(err, ERR_MEMORY);
    json_decref(object);
    buf_free(&out);
}

static void output_keeps_to_its_maximum(void **state)
{
    (void)state;
    struct buf out = buf_make(4);
    json_t *object = json_pack("{s:s}", "key", "value");
    assert_int_equal(js_add(&out, object), ERR_LIMIT);
    buf_reset(&out);
    assert_int_equal(js_add(&out, NULL), ERR_INPUT);
    json_decref(object);
    buf_free(&out);
}

static void unknown_keys_are_found(void **state)
{
    (void)state;
    static const char *const allowed[] = {"a", "b", NULL};
    json_t *object = json_pack("{s:i,s:i}", "a", 1, "b", 2);
    assert_null(js_unknown_key(object, allowed));
    assert_int_equal(json_object_set_new(object, "A", json_true()), 0);
    assert_string_equal(js_unknown_key(object, allowed), "A");
    json_decref(object);
    assert_null(js_unknown_key(NULL, allowed));
}

/* Last of this file: it changes jansson's allocator for good. */
static void memory_is_wiped_on_free(void **state)
{
    (void)state;
    json_malloc_t reserve = NULL;
    json_free_t release = NULL;
    js_wipe_on_free();
    json_get_alloc_funcs(&reserve, &release);
    char *block = reserve(200);
    assert_non_null(block);
    memset(block, 'S', 200);
    release(block);
    /* The allocator hands the same block out again; its own list pointers lie in front. */
    char *again = reserve(200);
    assert_non_null(again);
    for (size_t i = 32; i < 200; i++) {
        assert_int_not_equal(((volatile char *)again)[i], 'S');
    }
    release(again);
    release(NULL);
    static const char text[] = "{\"a\":[1,2,3],\"b\":{\"c\":\"d\"}}";
    json_t *value = NULL;
    assert_int_equal(js_parse(text, sizeof text - 1, 100, &value), ERR_OK);
    assert_string_equal(js_text(js_object(value, "b"), "c"), "d");
    json_decref(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"row 24: duplicate keys, trailing bytes, invalid UTF-8, 1e400: refused",
         refuses_what_is_not_strict, NULL, NULL, NULL},
        {"row 24: depth is bounded before anything recurses", depth_is_bounded, NULL, NULL, NULL},
        {"the root must be an object", root_must_be_an_object, NULL, NULL, NULL},
        {"row 45: a text \"true\" is never true", getters_are_typed_and_null_safe, NULL, NULL,
         NULL},
        {"setters keep the first failure", setters_are_sticky, NULL, NULL, NULL},
        {"output keeps to its maximum", output_keeps_to_its_maximum, NULL, NULL, NULL},
        {"an unknown key is found", unknown_keys_are_found, NULL, NULL, NULL},
        {"jansson's memory goes through the wiping free", memory_is_wiped_on_free, NULL, NULL,
         NULL},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
