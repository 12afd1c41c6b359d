/* person.h */
#include "store/person.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void owner_is_both(void **state)
{
    uint8_t a[RECORD_ID_SIZE], b[RECORD_ID_SIZE];

    (void)state;
    person_owner("https://a", "1", a);
    person_owner("https://a", "1", b);
    assert_memory_equal(a, b, sizeof(a));
    person_owner("https://b", "1", b);
    assert_memory_not_equal(a, b, sizeof(a));
    person_owner("https://a", "2", b);
    assert_memory_not_equal(a, b, sizeof(a));
    person_owner("https://a1", "", b); /* the border between the two is part of it */
    assert_memory_not_equal(a, b, sizeof(a));
}

static void email_is_not_identity(void **state)
{
    struct person a, b;

    (void)state;
    assert_int_equal(person_new("https://a", "1", "x@example.test", true, "X", &a), ERR_OK);
    assert_int_equal(person_new("https://a", "2", "x@example.test", true, "X", &b), ERR_OK);
    assert_memory_not_equal(a.owner, b.owner, RECORD_ID_SIZE);
    person_free(&b);
    assert_int_equal(person_new("https://a", "1", NULL, true, NULL, &b), ERR_OK);
    assert_memory_equal(a.owner, b.owner, RECORD_ID_SIZE);
    assert_false(b.email_verified); /* nothing was verified */
    person_free(&a);
    person_free(&b);
    assert_null(b.iss);
    person_free(&b);
    person_free(NULL);
}

static void limits(void **state)
{
    char text[257];
    struct person person;

    (void)state;
    memset(text, 'a', sizeof(text));
    text[256] = '\0';
    assert_int_equal(person_new("https://a", text, NULL, false, NULL, &person), ERR_INPUT);
    assert_int_equal(person_new(text, "1", NULL, false, NULL, &person), ERR_INPUT);
    text[255] = '\0';
    assert_int_equal(person_new("https://a", text, NULL, false, NULL, &person), ERR_OK);
    person_free(&person);
    assert_int_equal(person_new("", "1", NULL, false, NULL, &person), ERR_INPUT);
    assert_int_equal(person_new("https://a", "", NULL, false, NULL, &person), ERR_INPUT);
    assert_int_equal(person_new(NULL, "1", NULL, false, NULL, &person), ERR_INPUT);
    assert_int_equal(person_new("https://a", NULL, NULL, false, NULL, &person), ERR_INPUT);
    assert_null(person.iss);
}

/* Claims that a provider may send: they are for people to read, and stop nobody. */
static void long_claims(void **state)
{
    char email[322], name[1200];
    struct person person;

    (void)state;
    memset(email, 'e', sizeof(email));
    email[320] = '\0';
    assert_int_equal(person_new("https://a", "1", email, true, NULL, &person), ERR_OK);
    assert_string_equal(person.email, email);
    assert_true(person.email_verified);
    person_free(&person);
    email[320] = 'e';
    email[321] = '\0';
    assert_int_equal(person_new("https://a", "1", email, true, NULL, &person), ERR_OK);
    assert_null(person.email);
    assert_false(person.email_verified);
    person_free(&person);

    memset(name, 'n', sizeof(name));
    name[200] = '\0';
    assert_int_equal(person_new("https://a", "1", NULL, false, name, &person), ERR_OK);
    assert_int_equal(strlen(person.name), 200);
    person_free(&person);
    /* One character, of two, three and four bytes, that begins within and ends beyond. */
    static const char *const letters[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    for (size_t i = 0; i < 3; i++) {
        for (size_t before = 196; before <= 200; before++) {
            size_t len = strlen(letters[i]);

            memset(name, 'n', sizeof(name));
            memcpy(name + before, letters[i], len);
            name[sizeof(name) - 1] = '\0';
            assert_int_equal(person_new("https://a", "1", NULL, false, name, &person), ERR_OK);
            assert_int_equal(strlen(person.name), before + len > 200 ? before : 200);
            assert_memory_equal(person.name, name, strlen(person.name));
            person_free(&person);
        }
    }
}

static void json_round_trip(void **state)
{
    struct person in, copy, out;
    json_t *object = json_object();
    enum err err = ERR_OK;

    (void)state;
    assert_int_equal(person_new("https://a", "1", "x@example.test", true, "X", &in), ERR_OK);
    assert_int_equal(person_copy(&in, &copy), ERR_OK);
    person_to_json(&copy, object, &err);
    assert_int_equal(err, ERR_OK);
    assert_int_equal(person_from_json(object, &out), ERR_OK);
    assert_string_equal(out.iss, "https://a");
    assert_string_equal(out.sub, "1");
    assert_string_equal(out.email, "x@example.test");
    assert_string_equal(out.name, "X");
    assert_true(out.email_verified);
    assert_memory_equal(out.owner, in.owner, RECORD_ID_SIZE);
    person_free(&out);

    /* The text "true" is not true. */
    assert_int_equal(json_object_set_new(object, "email_verified", json_string("true")), 0);
    assert_int_equal(person_from_json(object, &out), ERR_OK);
    assert_false(out.email_verified);
    person_free(&out);
    assert_int_equal(json_object_del(object, "sub"), 0);
    assert_int_equal(person_from_json(object, &out), ERR_INPUT);
    json_decref(object);
    person_free(&in);
    person_free(&copy);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        {"a long name is cut at a character, a long e-mail is none", long_claims, NULL, NULL, NULL},
        {"an owner is iss and sub, both and apart", owner_is_both, NULL, NULL, NULL},
        {"row 21: the e-mail is not who a person is", email_is_not_identity, NULL, NULL, NULL},
        {"empty and overlong names are refused", limits, NULL, NULL, NULL},
        {"row 59: to JSON and back; only the literal true verifies", json_round_trip, NULL, NULL,
         NULL},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
