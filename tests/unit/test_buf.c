#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

static void grows_and_stays_terminated(void **state)
{
    (void)state;
    struct buf buf = buf_make(100000);
    assert_string_equal(buf_str(&buf), "");
    for (int i = 0; i < 1000; i++) {
        buf_addf(&buf, "%d,", i);
        assert_int_equal(strlen(buf_str(&buf)), buf.len);
    }
    assert_int_equal(buf_err(&buf), ERR_OK);
    assert_memory_equal(buf.data, "0,1,2,3,", 8);
    buf_free(&buf);
    buf_free(&buf);
}

static void maximum_is_exact_and_sticky(void **state)
{
    (void)state;
    struct buf buf = buf_make(5);
    buf_adds(&buf, "12345");
    assert_int_equal(buf_err(&buf), ERR_OK);
    buf_addc(&buf, '6');
    assert_int_equal(buf_err(&buf), ERR_LIMIT);
    assert_string_equal(buf_str(&buf), "12345");
    buf_consume(&buf, 3);
    buf_addc(&buf, 'x'); /* there is room now, but the failure stays until a reset */
    assert_string_equal(buf_str(&buf), "45");
    char *taken = (char *)1;
    assert_int_equal(buf_take(&buf, &taken), ERR_LIMIT);
    assert_null(taken);
    buf_reset(&buf);
    buf_addf(&buf, "%s", "abcdef");
    assert_int_equal(buf_err(&buf), ERR_LIMIT);
    buf_reset(&buf);
    buf_addf(&buf, "%s", "abcde");
    assert_int_equal(buf_err(&buf), ERR_OK);
    assert_string_equal(buf_str(&buf), "abcde");
    buf_free(&buf);
}

static void zero_maximum_takes_nothing(void **state)
{
    (void)state;
    struct buf buf = {0};
    buf_adds(&buf, "");
    assert_int_equal(buf_err(&buf), ERR_OK);
    buf_addc(&buf, 'x');
    assert_int_equal(buf_err(&buf), ERR_LIMIT);
    buf_free(&buf);
}

static void huge_maximum_does_not_wrap(void **state)
{
    (void)state;
    struct buf buf = buf_make(SIZE_MAX);
    buf_adds(&buf, "a");
    buf_add(&buf, "b", 1);
    assert_string_equal(buf_str(&buf), "ab");
    buf_add(&buf, "x", SIZE_MAX - 2); /* refused by size before a byte is read */
    assert_int_not_equal(buf_err(&buf), ERR_OK);
    assert_string_equal(buf_str(&buf), "ab");
    buf_free(&buf);
}

static void bytes_may_be_nul(void **state)
{
    (void)state;
    struct buf buf = buf_make(10);
    buf_add(&buf, "a\0b", 3);
    assert_int_equal(buf.len, 3);
    assert_memory_equal(buf.data, "a\0b", 4);
    buf_free(&buf);
}

static void consumes_a_prefix(void **state)
{
    (void)state;
    struct buf buf = buf_make_secret(20);
    buf_adds(&buf, "hello world");
    buf_consume(&buf, 6);
    assert_string_equal(buf_str(&buf), "world");
    for (size_t i = buf.len; i < 11; i++) { /* what moved away is wiped */
        assert_int_equal(buf.data[i], 0);
    }
    buf_consume(&buf, 99);
    assert_int_equal(buf.len, 0);
    buf_free(&buf);
}

static void take_hands_over_and_empties(void **state)
{
    (void)state;
    struct buf buf = buf_make(20);
    char *text = NULL;
    assert_int_equal(buf_take(&buf, &text), ERR_OK);
    assert_string_equal(text, "");
    free(text);
    buf_adds(&buf, "kept");
    assert_int_equal(buf_take(&buf, &text), ERR_OK);
    assert_string_equal(text, "kept");
    assert_int_equal(buf.len, 0);
    buf_adds(&buf, "again");
    assert_string_equal(buf_str(&buf), "again");
    free(text);
    buf_free(&buf);
}

static void secret_reset_wipes(void **state)
{
    (void)state;
    struct buf buf = buf_make_secret(100);
    buf_adds(&buf, "password");
    buf_reset(&buf);
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(buf.data[i], 0);
    }
    for (int i = 0; i < 10; i++) {
        buf_adds(&buf, "0123456789"); /* grows by copying, not realloc */
    }
    assert_int_equal(buf.len, 100);
    assert_int_equal(buf_err(&buf), ERR_OK);
    buf_free(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"a buffer grows and stays NUL-terminated", grows_and_stays_terminated, NULL, NULL, NULL},
        {"the maximum is exact and its failure sticky", maximum_is_exact_and_sticky, NULL, NULL,
         NULL},
        {"a zeroed buffer takes nothing", zero_maximum_takes_nothing, NULL, NULL, NULL},
        {"a huge maximum does not wrap", huge_maximum_does_not_wrap, NULL, NULL, NULL},
        {"contents may hold NUL", bytes_may_be_nul, NULL, NULL, NULL},
        {"consuming drops a prefix and wipes it", consumes_a_prefix, NULL, NULL, NULL},
        {"take hands the string over", take_hands_over_and_empties, NULL, NULL, NULL},
        {"a secret buffer wipes on reset", secret_reset_wipes, NULL, NULL, NULL},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
