#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

/* RFC 4648 section 10 */
static const struct {
    const char *plain;
    const char *base64;
} RFC4648[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
};

static void base64_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(RFC4648); i++) {
        struct buf encoded = buf_make(100);
        struct buf decoded = buf_make(100);
        base64_add(&encoded, RFC4648[i].plain, strlen(RFC4648[i].plain));
        assert_string_equal(buf_str(&encoded), RFC4648[i].base64);
        assert_int_equal(base64_decode(RFC4648[i].base64, strlen(RFC4648[i].base64), &decoded),
                         ERR_OK);
        assert_string_equal(buf_str(&decoded), RFC4648[i].plain);
        buf_free(&encoded);
        buf_free(&decoded);
    }
}

static void base64_is_strict(void **state)
{
    (void)state;
    static const char *const bad[] = {"Zg",   "Zg=",  "Zh==",   "Zm9=",     "====", "Z===",
                                      "Zm 9", "Zm-_", "Zm9v\n", "Zg==Zg==", "=m9v", "Zm=v"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct buf out = buf_make(100);
        buf_adds(&out, "kept");
        assert_int_equal(base64_decode(bad[i], strlen(bad[i]), &out), ERR_INPUT);
        assert_string_equal(buf_str(&out), "kept");
        buf_free(&out);
    }
}

static void base64url_round_trip(void **state)
{
    (void)state;
    uint8_t bytes[64];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 37 + 251);
    }
    for (size_t len = 0; len <= sizeof bytes; len++) {
        char text[BASE64URL_SIZE(64)];
        uint8_t back[64];
        size_t back_len = sizeof back;
        struct buf added = buf_make(100);
        base64url_encode(bytes, len, text);
        assert_int_equal(strlen(text) + 1, BASE64URL_SIZE(len));
        base64url_add(&added, bytes, len);
        assert_string_equal(buf_str(&added), text);
        assert_int_equal(base64url_decode(text, strlen(text), back, &back_len), ERR_OK);
        assert_int_equal(back_len, len);
        assert_memory_equal(back, bytes, len);
        if (len > 0) {
            back_len = len - 1;
            assert_int_equal(base64url_decode(text, strlen(text), back, &back_len), ERR_LIMIT);
            assert_int_equal(back_len, 0);
        }
        buf_free(&added);
    }
}

static void base64url_is_strict(void **state)
{
    (void)state;
    static const char *const bad[] = {"A", "Zg==", "Zh", "Zm9", "Z+", "Z/", "Zm 9", "AAAAA"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        uint8_t out[16];
        size_t len = sizeof out;
        assert_int_equal(base64url_decode(bad[i], strlen(bad[i]), out, &len), ERR_INPUT);
        assert_int_equal(len, 0);
    }
}

static void hex_forms(void **state)
{
    (void)state;
    char text[HEX_SIZE(3)];
    uint8_t out[3];
    size_t len = sizeof out;
    hex_encode((const uint8_t[]){0x00, 0xab, 0xff}, 3, text);
    assert_string_equal(text, "00abff");
    assert_int_equal(hex_decode("00ABff", 6, out, &len), ERR_OK);
    assert_memory_equal(out, ((uint8_t[]){0x00, 0xab, 0xff}), 3);
    len = sizeof out;
    assert_int_equal(hex_decode("abc", 3, out, &len), ERR_INPUT);
    len = sizeof out;
    assert_int_equal(hex_decode("0x", 2, out, &len), ERR_INPUT);
    len = 2;
    assert_int_equal(hex_decode("00abff", 6, out, &len), ERR_LIMIT);
}

static void percent_encodes_all_but_unreserved(void **state)
{
    (void)state;
    struct buf out = buf_make(100);
    percent_add(&out, "aZ0-._~ /%\xc3\xa9+");
    assert_string_equal(buf_str(&out), "aZ0-._~%20%2F%25%C3%A9%2B");
    buf_free(&out);
}

static void percent_decode_is_strict(void **state)
{
    (void)state;
    static const char *const bad[] = {"%", "%2", "%zz", "%%41", "a%00b", "%0", "x%"};
    struct buf out = buf_make(100);
    for (size_t i = 0; i < COUNT(bad); i++) {
        buf_reset(&out);
        buf_adds(&out, "kept");
        assert_int_equal(percent_decode(bad[i], strlen(bad[i]), true, &out), ERR_INPUT);
        assert_string_equal(buf_str(&out), "kept");
    }
    assert_int_equal(percent_decode("a\0b", 3, false, &out), ERR_INPUT);
    buf_reset(&out);
    assert_int_equal(percent_decode("a+b%2B%c3%A9", 12, true, &out), ERR_OK);
    assert_string_equal(buf_str(&out), "a b+\xc3\xa9");
    buf_reset(&out);
    assert_int_equal(percent_decode("a+b", 3, false, &out), ERR_OK);
    assert_string_equal(buf_str(&out), "a+b");
    buf_free(&out);
}

static void form_finds_one_value(void **state)
{
    (void)state;
    static const char form[] = "state=a%20b&code=x%26y&empty=&flag&c%6Fde2=z";
    static const char *const want[][2] = {
        {"state", "a b"}, {"code", "x&y"}, {"empty", ""}, {"flag", ""}, {"code2", "z"}};
    char *value = NULL;
    for (size_t i = 0; i < COUNT(want); i++) {
        assert_int_equal(form_get(form, sizeof form - 1, want[i][0], &value), ERR_OK);
        assert_string_equal(value, want[i][1]);
        free(value);
    }
    assert_int_equal(form_get(form, sizeof form - 1, "stat", &value), ERR_NONE);
    assert_null(value);
    assert_int_equal(form_get("", 0, "a", &value), ERR_NONE);
}

static void form_refuses_doubles_and_damage(void **state)
{
    (void)state;
    static const char *const bad[] = {"a=1&a=1", "a=1&%61=2", "a=%",   "a=%zz",
                                      "a=%ff",   "%=1&a=2",   "a=%00", "a=1&a"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        char *value = (char *)1;
        assert_int_equal(form_get(bad[i], strlen(bad[i]), "a", &value), ERR_INPUT);
        assert_null(value);
    }
}

static void odd_queries_do_no_harm(void **state)
{
    (void)state;
    static const char *const odd[] = {"&", "=", "%", "%zz", "&&&==&=", "=a", "%%%", "a&&b"};
    for (size_t i = 0; i < COUNT(odd); i++) {
        char *value = NULL;
        enum err err = form_get(odd[i], strlen(odd[i]), "code", &value);
        assert_true(err == ERR_NONE || err == ERR_INPUT);
        assert_null(value);
    }
}

static void form_is_built(void **state)
{
    (void)state;
    struct buf out = buf_make(100);
    form_add(&out, "a", "1 &");
    form_add(&out, "b c", "");
    assert_string_equal(buf_str(&out), "a=1%20%26&b%20c=");
    buf_free(&out);
}

static void utf8_well_formed_only(void **state)
{
    (void)state;
    static const char *const good[] = {"",
                                       "abc",
                                       "\xc2\x80",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xef\xbf\xbf",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf5\x80\x80\x80",
                                      "\xf4\x90\x80\x80",
                                      "\xc3",
                                      "\xe2\x82",
                                      "a\xff",
                                      "\xe2\x28\xa1"};
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_true(utf8_valid(good[i], strlen(good[i])));
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_false(utf8_valid(bad[i], strlen(bad[i])));
    }
    assert_false(utf8_valid("a\0b", 3));
    assert_int_equal(utf8_step("\xe2\x82\xac!", 4), 3);
    assert_int_equal(utf8_step("\xe2\x82\xac!", 2), 0);
    assert_int_equal(utf8_step("a", 0), 0);
}

static void html_is_inert(void **state)
{
    (void)state;
    struct buf out = buf_make(200);
    html_add(&out, "<script>\"&'\x1b[0m\x7f\n");
    assert_string_equal(buf_str(&out), "&lt;script&gt;&quot;&amp;&#39;&#xFFFD;[0m&#xFFFD;\n");
    html_add(&out, NULL);
    buf_free(&out);
}

static void sets_equality_and_copies(void **state)
{
    (void)state;
    char small[4] = "zzz";
    assert_true(text_of("abc", 1, 3, "abc"));
    assert_false(text_of("abcd", 1, 3, "abcd"));
    assert_false(text_of("", 1, 3, "abc"));
    assert_false(text_of("abx", 1, 3, "abc"));
    assert_false(text_of(NULL, 0, 3, "abc"));
    assert_true(text_equal_secret("k", "k"));
    assert_false(text_equal_secret("k", "kk"));
    assert_false(text_equal_secret(NULL, NULL));
    assert_false(text_equal(NULL, NULL));
    assert_true(text_equal("", ""));
    assert_true(text_starts("https://x", "https://"));
    assert_false(text_starts("http", "https"));
    assert_false(text_starts(NULL, ""));
    assert_int_equal(text_copy(small, sizeof small, "abc"), ERR_OK);
    assert_string_equal(small, "abc");
    assert_int_equal(text_copy(small, sizeof small, "abcd"), ERR_LIMIT);
    assert_string_equal(small, "");
    char *copy = (char *)1;
    assert_int_equal(text_dup(NULL, &copy), ERR_OK);
    assert_null(copy);
}

static void numbers_are_plain_decimal(void **state)
{
    (void)state;
    static const char *const bad[] = {"",    "-1",  "+1",  " 1",  "1 ",
                                      "1e3", "0x1", "1.0", "101", "999999999999999999999999"};
    int64_t number = 7;
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(text_number(bad[i], 100, &number), ERR_INPUT);
    }
    assert_int_equal(text_number(NULL, 100, &number), ERR_INPUT);
    assert_int_equal(text_number("100", 100, &number), ERR_OK);
    assert_int_equal(number, 100);
    assert_int_equal(text_number("9223372036854775807", INT64_MAX, &number), ERR_OK);
    assert_true(number == INT64_MAX);
    assert_int_equal(text_number("9223372036854775808", INT64_MAX, &number), ERR_INPUT);
    assert_int_equal(text_number("5", 3, &number), ERR_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"base64: RFC 4648 vectors", base64_vectors, NULL, NULL, NULL},
        {"base64: padding, stray bits, white space refused", base64_is_strict, NULL, NULL, NULL},
        {"base64url: every length, there and back", base64url_round_trip, NULL, NULL, NULL},
        {"row 25: base64url refuses padding, the standard alphabet, white space",
         base64url_is_strict, NULL, NULL, NULL},
        {"hex: both cases in, lower case out", hex_forms, NULL, NULL, NULL},
        {"percent-encoding leaves only unreserved", percent_encodes_all_but_unreserved, NULL, NULL,
         NULL},
        {"percent-decoding refuses bad escapes and NUL", percent_decode_is_strict, NULL, NULL,
         NULL},
        {"form: one value by its name", form_finds_one_value, NULL, NULL, NULL},
        {"row 56: form refuses doubled parameters and damage", form_refuses_doubles_and_damage,
         NULL, NULL, NULL},
        {"row 58: odd queries match nothing", odd_queries_do_no_harm, NULL, NULL, NULL},
        {"form: built with escapes", form_is_built, NULL, NULL, NULL},
        {"utf-8: well-formed only", utf8_well_formed_only, NULL, NULL, NULL},
        {"html: markup and controls are inert", html_is_inert, NULL, NULL, NULL},
        {"sets, equality and copies fail closed on NULL", sets_equality_and_copies, NULL, NULL,
         NULL},
        {"numbers are plain decimal within the maximum", numbers_are_plain_decimal, NULL, NULL,
         NULL},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
