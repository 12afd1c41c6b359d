/* audit.h: rows as text and as JSON, whatever they hold. */
#include "store/audit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct audit_row row_of(const char *event, const char *detail)
{
    return (struct audit_row){.seq = 7,
                              .at = 1700000000123,
                              .event = event,
                              .invocation = "i1",
                              .request_id = "",
                              .detail = detail,
                              .mac = "00ff"};
}

static void as_text(void **state)
{
    struct audit_row row = row_of("intent", "{\"action\":\"reset_password\"}");
    struct buf out = buf_make(4096);

    (void)state;
    assert_int_equal(audit_row_text(&row, &out), ERR_OK);
    assert_string_equal(buf_str(&out),
                        "7 2023-11-14T22:13:20.123Z intent i1 - {\"action\":\"reset_password\"}");
    buf_free(&out);
}

static void as_json(void **state)
{
    struct audit_row row = row_of("intent", "{\"b\":[1,true,null],\"a\":\"x\"}");
    struct buf out = buf_make(4096);

    (void)state;
    assert_int_equal(audit_row_json(&row, &out), ERR_OK);
    assert_string_equal(buf_str(&out),
                        "{\"seq\":7,\"at\":1700000000123,\"time\":\"2023-11-14T22:13:20.123Z\","
                        "\"event\":\"intent\",\"invocation\":\"i1\",\"request_id\":\"\","
                        "\"detail\":{\"a\":\"x\",\"b\":[1,true,null]},\"mac\":\"00ff\"}");
    buf_free(&out);
}

/* ESC, DEL, CSI (C1), U+2028/9, right-to-left override, isolates, BOM, a Cyrillic o, an emoji. */
#define HOSTILE                                                                                    \
    "a\x1b[2J\x7f\xc2\x9b\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xae\xe2\x81\xa6\xef\xbb\xbf\xd0\xbe"     \
    "\xf0\x9f\x98\x80\r\n\"\\"
#define BROKEN "\xff\xc0\xaf\xed\xa0\x80\xf5\x80\xc2"

static void escaped(void **state)
{
    struct audit_row row = row_of(HOSTILE, BROKEN);
    struct buf out = buf_make(4096);

    (void)state;
    assert_int_equal(audit_row_text(&row, &out), ERR_OK);
    assert_string_equal(buf_str(&out),
                        "7 2023-11-14T22:13:20.123Z a\\u{1b}[2J\\u{7f}\\u{9b}\\u{2028}\\u{2029}"
                        "\\u{202e}\\u{2066}\\u{feff}\\u{43e}\\u{1f600}\\u{d}\\u{a}\"\\\\ i1 - "
                        "\\xff\\xc0\\xaf\\xed\\xa0\\x80\\xf5\\x80\\xc2");
    buf_free(&out);
}

static void escaped_json(void **state)
{
    struct audit_row row = row_of(HOSTILE, BROKEN);
    struct buf out = buf_make(4096);
    json_t *root = NULL;

    (void)state;
    assert_int_equal(audit_row_json(&row, &out), ERR_OK);
    for (size_t i = 0; i < out.len; i++) {
        assert_in_range(out.data[i], 0x20, 0x7e);
    }
    assert_int_equal(js_parse_object(out.data, out.len, 4096, &root), ERR_OK);
    assert_string_equal(js_text(root, "event"), HOSTILE); /* nothing is lost */
    assert_non_null(js_text(root, "detail"));
    json_decref(root);
    buf_reset(&out);

    row = row_of("denied", "{\"sub\":\"\x7f\xc2\x85\xe2\x80\xa8\xf0\x9f\x98\x80\"}");
    assert_int_equal(audit_row_json(&row, &out), ERR_OK);
    for (size_t i = 0; i < out.len; i++) {
        assert_in_range(out.data[i], 0x20, 0x7e);
    }
    assert_int_equal(js_parse_object(out.data, out.len, 4096, &root), ERR_OK);
    assert_string_equal(js_text(js_object(root, "detail"), "sub"),
                        "\x7f\xc2\x85\xe2\x80\xa8\xf0\x9f\x98\x80");
    json_decref(root);
    buf_free(&out);
}

static void odd_time(void **state)
{
    struct audit_row row = row_of("x", "{}");
    struct buf out = buf_make(4096);

    (void)state;
    row.at = -5;
    assert_int_equal(audit_row_text(&row, &out), ERR_OK);
    assert_string_equal(buf_str(&out), "7 -5ms x i1 - {}");
    buf_reset(&out);
    row.at = INT64_MAX;
    assert_int_equal(audit_row_json(&row, &out), ERR_OK);
    buf_free(&out);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        {"a row as text", as_text, NULL, NULL, NULL},
        {"a row as JSON, its detail an object", as_json, NULL, NULL, NULL},
        {"row 78: controls, C1, bidi marks and U+2028 are escaped in text", escaped, NULL, NULL,
         NULL},
        {"row 78: the same in JSON, from which nothing is lost", escaped_json, NULL, NULL, NULL},
        {"an edited time is shown as it is", odd_time, NULL, NULL, NULL},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
