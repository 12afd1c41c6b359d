/* The approval phrase: known answers, and names that must not be cut or mistaken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "guard/phrase.h"

#define ALPHABET "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-_.#"

/* K, 7, Q, X: their places in the code's alphabet, with bits above the fifth set at will. */
static const uint8_t code[PHRASE_RANDOM] = {17 | 0x20, 5, 22 | 0xe0, 29 | 0x40};

static void expect(const char *login, const char *id, const char *group, const char *group_id,
                   size_t max, const char *expected)
{
    struct phrase_target target = {login, id, group, group_id};
    char phrase[PHRASE_SIZE];

    assert_int_equal(phrase_make(code, "RESET-PW", &target, max, phrase), ERR_OK);
    assert_string_equal(phrase, expected);
    assert_true(text_of(phrase, 1, max, ALPHABET));
}

static void known_answers(void **state)
{
    (void)state;
    expect("bob@example.test", "00ubob000000000000001", NULL, NULL, PHRASE_LONG,
           "K7QX.RESET-PW.bob_at_example.test");
    expect("a+b-c_d.e@x.test", "00u1", NULL, NULL, PHRASE_LONG,
           "K7QX.RESET-PW.a+b-c_d.e_at_x.test");
    /* 14 of code and verb, and a name of 36: exactly 50 */
    expect("abcdefghijklmnopqrstuv@example.te", "00uabcdefgh12345678", NULL, NULL, PHRASE_LONG,
           "K7QX.RESET-PW.abcdefghijklmnopqrstuv_at_example.te");
    expect("abcdefghijklmnopqrstuvw@example.te", "00uabcdefgh12345678", NULL, NULL, PHRASE_LONG,
           "K7QX.RESET-PW.#12345678");
    expect("bob@example.test", "00ubob000000000000001", NULL, NULL, PHRASE_SHORT,
           "K7QX.RESET-PW.#00001");
    expect("bob@example.test", "00u1", "TestGroup", "00gtest", PHRASE_LONG,
           "K7QX.RESET-PW.bob_at_example.test#TestGroup");
    expect("bob@example.test", "00u1", "Okta Administrators", "00gadmins000000000001", PHRASE_LONG,
           "K7QX.RESET-PW.bob_at_example.test##00000001");
    expect("bob@example.test", "00u1", "A_group_with_a_rather_long_name", "00gadmins000012345678",
           PHRASE_LONG, "K7QX.RESET-PW.bob_at_example.test##12345678");
}

static void names_in_doubt_are_replaced_by_the_end_of_the_id(void **state)
{
    static const char *const doubtful[] = {"",
                                           "jos\xc3\xa9@example.test",
                                           "b\xd0\xbe"
                                           "b@example.test",
                                           "o'neil@x.t",
                                           "a_at_b@example.test",
                                           "a#b@example.test",
                                           "bob_at@x.test", /* both would be bob_at_at_x.test */
                                           "bob@at_x.test",
                                           "nobody",
                                           "a b@x.test",
                                           "a@b\xe2\x80\xae.test",
                                           "a,b@x.test"};

    (void)state;
    for (size_t i = 0; i < COUNT(doubtful); i++) {
        expect(doubtful[i], "00uabcdefgh12345678", NULL, NULL, PHRASE_LONG,
               "K7QX.RESET-PW.#12345678");
    }
}

/* Two different accounts never share what follows the code. */
static void row_61_no_two_targets_read_alike(void **state)
{
    static const char *const logins[] = {"bob@example.test", "bob_at_example.test@x.test",
                                         "bob@exam.ple.test", "b.ob@example.test",
                                         "Bob@example.test"};
    char phrases[COUNT(logins)][PHRASE_SIZE];

    (void)state;
    for (size_t i = 0; i < COUNT(logins); i++) {
        struct phrase_target target = {logins[i], "00uabcdefgh12345678", NULL, NULL};

        assert_int_equal(phrase_make(code, "UNLOCK", &target, PHRASE_LONG, phrases[i]), ERR_OK);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(phrases[i], phrases[j]);
        }
    }
}

/* Nor with their groups: where the login ends is never in doubt. */
static void row_61_a_group_is_not_part_of_the_login(void **state)
{
    static const struct {
        const char *login, *group;
    } pairs[] = {
        {"bob@x.test", "Staff"},  {"bob@x.test.Staff", "Ops"}, {"bob@x", "test.Staff"},
        {"bob@x", "test"},        {"bob@x.test", "Staff.Ops"}, {"bob_at@x.test", "Staff"},
        {"bob@x.test", "#Staff"},
    };
    char phrases[COUNT(pairs)][PHRASE_SIZE];

    (void)state;
    for (size_t i = 0; i < COUNT(pairs); i++) {
        struct phrase_target target = {pairs[i].login, "00uabcdefgh12345678", pairs[i].group,
                                       "00gabcdefgh87654321"};

        assert_int_equal(phrase_make(code, "GRP-ADD", &target, PHRASE_LONG, phrases[i]), ERR_OK);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(phrases[i], phrases[j]);
        }
    }
    assert_string_equal(phrases[5], "K7QX.GRP-ADD.#12345678#Staff");
    assert_string_equal(phrases[6], "K7QX.GRP-ADD.bob_at_x.test##87654321");
}

static void what_cannot_be_shown_is_refused(void **state)
{
    struct phrase_target odd = {"", "00u/..", NULL, NULL}, none = {"", "", NULL, NULL};
    struct phrase_target fine = {"bob@example.test", "00u12345678", NULL, NULL};
    char phrase[PHRASE_SIZE];

    (void)state;
    assert_int_equal(phrase_make(code, "UNLOCK", &odd, PHRASE_LONG, phrase), ERR_INPUT);
    assert_string_equal(phrase, "");
    assert_int_equal(phrase_make(code, "UNLOCK", &none, PHRASE_LONG, phrase), ERR_INPUT);
    assert_int_equal(phrase_make(code, "TWELVE-CHARS", &fine, PHRASE_SHORT, phrase), ERR_LIMIT);
    assert_int_equal(phrase_make(code, "UNLOCK", &fine, 3, phrase), ERR_LIMIT);
}

static void the_code_has_no_look_alikes(void **state)
{
    struct phrase_target target = {"bob@example.test", "00u1", NULL, NULL};
    bool seen[256] = {false};
    size_t letters = 0;

    (void)state;
    for (unsigned value = 0; value < 256; value++) {
        const uint8_t random[PHRASE_RANDOM] = {(uint8_t)value, 0, 0, 0};
        char phrase[PHRASE_SIZE];

        assert_int_equal(phrase_make(random, "UNLOCK", &target, PHRASE_LONG, phrase), ERR_OK);
        assert_null(strchr("IO01", phrase[0]));
        letters += !seen[(unsigned char)phrase[0]];
        seen[(unsigned char)phrase[0]] = true;
    }
    assert_int_equal(letters, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(names_in_doubt_are_replaced_by_the_end_of_the_id),
        {"row 61: no two targets read alike on the phone", row_61_no_two_targets_read_alike, NULL,
         NULL, NULL},
        {"row 61: a group never reads as part of the login",
         row_61_a_group_is_not_part_of_the_login, NULL, NULL, NULL},
        cmocka_unit_test(what_cannot_be_shown_is_refused),
        cmocka_unit_test(the_code_has_no_look_alikes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
