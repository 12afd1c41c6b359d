/* The catalogue's rows, their strict arguments, and the ids that programs agree on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "catalogue/action.h"
#include "catalogue/marks.h"

static const struct action *row(const char *name)
{
    static const char *const groups[] = {"OktaOperations", "CIBAAuthentication"};

    for (size_t i = 0; i < COUNT(groups); i++) {
        const struct action *action = catalogue_find(groups[i], name, PROFILE_RICH);

        if (action != NULL) {
            return action;
        }
    }
    fail_msg("no action %s", name);
    return NULL;
}

static enum err check(const char *action, const char *arguments)
{
    const char *why = NULL;
    json_t *object = json_loads(arguments, JSON_DECODE_ANY, NULL);
    enum err err = catalogue_check_arguments(row(action), object, &why);

    assert_true((err == ERR_OK) == (why == NULL));
    json_decref(object);
    return err;
}

static enum err check_login(const char *login)
{
    const char *why;
    json_t *object = json_pack("{s:s}", "user_email", login);
    enum err err = catalogue_check_arguments(row("reset_password"), object, &why);

    json_decref(object);
    return err;
}

static void the_workshop_offers_what_one_relation_can_answer_for(void **state)
{
    static const char *const offered[] = {"find_user", "get_user_groups", "reset_password",
                                          "authenticate_user"};
    size_t i = 0;

    (void)state;
    for (; catalogue_at(i, PROFILE_WORKSHOP) != NULL; i++) {
        const struct action *action = catalogue_at(i, PROFILE_WORKSHOP);

        assert_true(i < COUNT(offered));
        assert_string_equal(action->name, offered[i]);
        assert_string_equal(action->coarse[PROFILE_WORKSHOP].relation, "read_okta");
        assert_string_equal(action->coarse[PROFILE_WORKSHOP].object, "okta:groups");
    }
    assert_int_equal(i, COUNT(offered));
    assert_null(catalogue_find("CIBAAuthentication", "add_user_to_group", PROFILE_WORKSHOP));
    assert_null(catalogue_find("OktaOperations", "reset_password", PROFILE_WORKSHOP));
    assert_null(catalogue_find(NULL, NULL, PROFILE_WORKSHOP));
}

static void every_row_is_whole(void **state)
{
    (void)state;
    for (size_t i = 0; catalogue_at(i, PROFILE_RICH) != NULL; i++) {
        const struct action *action = catalogue_at(i, PROFILE_RICH);
        bool elevated = strcmp(action->group, "CIBAAuthentication") == 0;
        char tool[128] = "tool:";

        assert_true(strlen(action->verb) <= 12);
        assert_true(text_of(action->verb, 1, 12, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"));
        assert_true(strlen(action->description) > 40 && strlen(action->effect) > 20);
        assert_int_equal(action->approval, elevated);
        assert_true(!action->changes || action->approval);
        assert_int_equal(text_copy(tool + 5, sizeof tool - 5, action->name), ERR_OK);
        assert_string_equal(action->coarse[PROFILE_RICH].object, tool);
        assert_ptr_equal(catalogue_find(action->group, action->name, PROFILE_RICH), action);
        /* A second target has a second right. */
        assert_int_equal(action->params[1].name != NULL,
                         action->target_group[PROFILE_RICH].relation != NULL);
    }
}

static void group_paths_are_known(void **state)
{
    (void)state;
    assert_string_equal(catalogue_group_path("OktaOperations"), "okta");
    assert_string_equal(catalogue_group_path("CIBAAuthentication"), "ciba");
    assert_string_equal(catalogue_group_path("FGACheck"), "fga");
    assert_null(catalogue_group_path("okta"));
    assert_null(catalogue_group_path(NULL));
}

static void right_arguments_pass(void **state)
{
    (void)state;
    assert_int_equal(check("reset_password", "{\"user_email\":\"bob@example.test\"}"), ERR_OK);
    assert_int_equal(check("add_user_to_group",
                           "{\"user_email\":\"o'neil+x@a-b.test\",\"group_name\":\"Büro 7\"}"),
                     ERR_OK);
    assert_int_equal(check("authenticate_user", "{\"user_id\":\"oidc|Okta|00u1\"}"), ERR_OK);
}

static void row_49_unknown_missing_and_mistyped(void **state)
{
    (void)state;
    assert_int_equal(check("reset_password", "{}"), ERR_INPUT);
    assert_int_equal(check("reset_password", "[]"), ERR_INPUT);
    assert_int_equal(check("reset_password", "null"), ERR_INPUT);
    assert_int_equal(check("reset_password", "{\"user_email\":1}"), ERR_INPUT);
    assert_int_equal(check("reset_password", "{\"user_email\":[\"bob@example.test\"]}"), ERR_INPUT);
    assert_int_equal(check("reset_password", "{\"user_email\":null}"), ERR_INPUT);
    assert_int_equal(
        check("reset_password", "{\"user_email\":\"bob@example.test\",\"approved\":\"true\"}"),
        ERR_INPUT);
    assert_int_equal(check("reset_password", "{\"User_email\":\"bob@example.test\"}"), ERR_INPUT);
    assert_int_equal(check("add_user_to_group", "{\"user_email\":\"bob@example.test\"}"),
                     ERR_INPUT);
    assert_int_equal(
        check("add_user_to_group", "{\"user_email\":\"bob@example.test\",\"group_name\":\"\"}"),
        ERR_INPUT);
    assert_int_equal(check("add_user_to_group",
                           "{\"user_email\":\"bob@example.test\",\"group_name\":\"a\\u202eb\"}"),
                     ERR_INPUT);
    assert_int_equal(check("add_user_to_group",
                           "{\"user_email\":\"bob@example.test\",\"group_name\":\"a\\nb\"}"),
                     ERR_INPUT);
    assert_int_equal(check("add_user_to_group",
                           "{\"user_email\":\"bob@example.test\",\"group_name\":\"a\\u0085b\"}"),
                     ERR_INPUT);
}

static void row_61_only_a_full_login_names_a_target(void **state)
{
    static const char *const refused[] = {"me",
                                          "bob",
                                          "@example.test",
                                          "bob@",
                                          "bob@a@b",
                                          "josé@example.test",
                                          "b\xd0\xbe"
                                          "b@example.test",
                                          "a\" or status pr",
                                          "a\"@b.test",
                                          "../@b.test",
                                          "bob@..test",
                                          "a/b@c.test",
                                          "a%2f@c.test",
                                          "bob@c.test?x",
                                          "bob@c.test#x",
                                          " bob@c.test",
                                          "bob@c.test\n",
                                          "bob @c.test",
                                          "",
                                          "a@",
                                          "b\\ob@c.test",
                                          "<b>@c.test",
                                          "bob@c.test;x"};
    char longest[103];

    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        if (check_login(refused[i]) != ERR_INPUT) {
            fail_msg("accepted: %s", refused[i]);
        }
    }
    memset(longest, 'a', sizeof longest);
    longest[50] = '@';
    longest[100] = '\0';
    assert_int_equal(check_login(longest), ERR_OK);
    longest[100] = 'a';
    longest[101] = '\0';
    assert_int_equal(check_login(longest), ERR_INPUT);
}

static void the_schema_says_what_is_checked(void **state)
{
    json_t *schema = catalogue_schema(row("add_user_to_group"));

    (void)state;
    assert_non_null(schema);
    assert_true(json_is_false(json_object_get(schema, "additionalProperties")));
    assert_int_equal(json_array_size(json_object_get(schema, "required")), 2);
    assert_non_null(json_object_get(json_object_get(schema, "properties"), "group_name"));
    json_decref(schema);
}

static void marks_do_not_collide(void **state)
{
    uint8_t ids[10][RECORD_ID_SIZE], owner[RECORD_ID_SIZE] = {1};

    (void)state;
    mark_turn("x", ids[0]);
    mark_turn_cancelled("x", ids[1]);
    mark_turn_pushed("x", ids[2]);
    mark_invocation("x", ids[3]);
    mark_invocation_turn("x", ids[4]);
    mark_approval_place(owner, ids[5]);
    mark_denials(owner, ids[6]);
    mark_act(owner, "x", "", "", ids[7]);
    mark_denial("x", ids[8]);
    mark_denials_lock(owner, ids[9]);
    for (size_t i = 0; i < COUNT(ids); i++) {
        for (size_t j = 0; j < i; j++) {
            assert_memory_not_equal(ids[i], ids[j], RECORD_ID_SIZE);
        }
    }
    mark_act(owner, "", "x", "", ids[0]);
    assert_memory_not_equal(ids[0], ids[7], RECORD_ID_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_workshop_offers_what_one_relation_can_answer_for),
        cmocka_unit_test(every_row_is_whole),
        cmocka_unit_test(group_paths_are_known),
        cmocka_unit_test(right_arguments_pass),
        {"row 49: unknown, missing and mistyped arguments are refused",
         row_49_unknown_missing_and_mistyped, NULL, NULL, NULL},
        {"row 61: only a full ASCII login names a target", row_61_only_a_full_login_names_a_target,
         NULL, NULL, NULL},
        cmocka_unit_test(the_schema_says_what_is_checked),
        cmocka_unit_test(marks_do_not_collide),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
