/* The digest of what an approval covers: it changes with every covered field, and only with those.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "crypto/hash.h"
#include "guard/digest.h"

static struct invocation sample(void)
{
    struct invocation invocation = {
        .id = "inv",
        .session = "s",
        .turn = "t",
        .agent = "a",
        .group = "g",
        .action = "x",
        .user = {.id = "00u1", .login = "bob@example.test"},
        .target_group = {.id = "00g1", .name = "TestGroup"},
    };

    assert_int_equal(person_new("iss", "sub", NULL, false, NULL, &invocation.person), ERR_OK);
    invocation.arguments =
        json_pack("{s:s, s:s}", "user_email", "bob@example.test", "group_name", "TestGroup");
    return invocation;
}

/* The same sum, put together here from the words of the design. */
static void known_answer(void **state)
{
    struct invocation invocation = sample();
    char digest[DIGEST_SIZE], expected[HEX_SIZE(SHA256_SIZE)];
    uint8_t hash[SHA256_SIZE];

    (void)state;
    hash_parts(hash, "approval digest v1", "invocation", "inv", "group", "g", "action", "x", "iss",
               "iss", "sub", "sub", "session", "s", "turn", "t", "agent", "a", "arguments",
               "{\"group_name\":\"TestGroup\",\"user_email\":\"bob@example.test\"}", "user", "00u1",
               "login", "bob@example.test", "target group", "00g1", "target group name",
               "TestGroup", (const char *)NULL);
    hex_encode(hash, sizeof hash, expected);
    assert_int_equal(digest_of(&invocation, digest), ERR_OK);
    assert_string_equal(digest, expected);
    invocation_free(&invocation);
}

static void row_41_every_covered_field(void **state)
{
    char seen[16][DIGEST_SIZE];
    size_t count = 0;

    (void)state;
    for (int field = 0; field < 15; field++) {
        struct invocation i = sample();

        switch (field) {
        case 0:
            break;
        case 1:
            i.id[0] = 'X';
            break;
        case 2:
            i.session[0] = 'X';
            break;
        case 3:
            i.turn[0] = 'X';
            break;
        case 4:
            i.agent[0] = 'X';
            break;
        case 5:
            i.group[0] = 'X';
            break;
        case 6:
            i.action[0] = 'X';
            break;
        case 7:
            i.user.id[0] = 'X';
            break;
        case 8:
            i.user.login[0] = 'X';
            break;
        case 9:
            i.target_group.id[0] = 'X';
            break;
        case 10:
            i.target_group.name[0] = 'X';
            break;
        case 11:
            i.person.iss[0] = 'X';
            break;
        case 12:
            i.person.sub[0] = 'X';
            break;
        case 13:
            json_object_set_new(i.arguments, "user_email", json_string("eve@example.test"));
            break;
        default:
            json_object_set_new(i.arguments, "more", json_string(""));
            break;
        }
        assert_int_equal(digest_of(&i, seen[count]), ERR_OK);
        for (size_t j = 0; j < count; j++) {
            if (strcmp(seen[j], seen[count]) == 0) {
                fail_msg("fields %zu and %d give one digest", j, field);
            }
        }
        count++;
        invocation_free(&i);
    }
}

static void text_does_not_move_between_fields(void **state)
{
    struct invocation one = sample(), two = sample();
    char a[DIGEST_SIZE], b[DIGEST_SIZE];

    (void)state;
    one.turn[0] = '\0';
    one.session[0] = 'S';
    two.turn[0] = 'S';
    two.session[0] = '\0';
    assert_int_equal(digest_of(&one, a), ERR_OK);
    assert_int_equal(digest_of(&two, b), ERR_OK);
    assert_string_not_equal(a, b);
    invocation_free(&one);
    invocation_free(&two);
}

static void what_is_not_covered_changes_nothing(void **state)
{
    struct invocation invocation = sample();
    char before[DIGEST_SIZE], after[DIGEST_SIZE];

    (void)state;
    assert_int_equal(digest_of(&invocation, before), ERR_OK);
    invocation.state = INVOCATION_APPROVED;
    invocation.polling = true;
    invocation.poll_at = 7;
    invocation.version = 9;
    assert_int_equal(digest_of(&invocation, after), ERR_OK);
    assert_string_equal(before, after);
    invocation_free(&invocation);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answer),
        {"row 41: the digest changes with every field that an approval covers",
         row_41_every_covered_field, NULL, NULL, NULL},
        {"row 41: text does not move between fields unseen", text_does_not_move_between_fields,
         NULL, NULL, NULL},
        cmocka_unit_test(what_is_not_covered_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
