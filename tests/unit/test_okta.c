/* Okta: who is asked for, what may be asked, and what is believed of an answer. */
#include "okta_fixture.h"

static void users(void **state)
{
    struct fixture *f = *state;
    struct okta_token ssws = {"SSWS", f->secret};
    struct okta_user user;

    peer_say(f->peer, "200 OK", JSON, USER(ID, "Bob+x@Example.test"));
    peer_say(f->peer, "200 OK", JSON, USER(ID, "bob@example.test"));
    peer_say(f->peer, "200 OK", JSON, USER(ID, "bob@example.test"));
    assert_int_equal(okta_user_by_login(f->okta, &f->token, "bob+x@example.test", &user), ERR_OK);
    assert_string_equal(user.id, ID);
    assert_string_equal(user.login, "Bob+x@Example.test");
    assert_string_equal(user.email, "mail@example.test");
    assert_string_equal(user.status, "ACTIVE");
    assert_int_equal(okta_user_by_id(f->okta, &ssws, ID, &user), ERR_OK);
    assert_int_equal(okta_user_me(f->okta, &f->token, &user), ERR_OK);
    assert_true(peer_request_has(f->peer, 0, "GET /api/v1/users/bob%2Bx%40example.test HTTP/1.1"));
    assert_true(peer_request_has(f->peer, 0, "Authorization: Bearer okta-at"));
    assert_true(peer_request_has(f->peer, 0, "Accept: application/json"));
    assert_true(peer_request_has(f->peer, 0, "User-Agent: countersign/1"));
    assert_true(peer_request_has(f->peer, 1, "GET /api/v1/users/" ID " HTTP/1.1"));
    assert_true(peer_request_has(f->peer, 1, "Authorization: SSWS okta-at"));
    assert_true(peer_request_has(f->peer, 2, "GET /api/v1/users/me HTTP/1.1"));
}

/* A handler reads the user back into the struct whose id it asks with. */
static void asked_with_its_own_id(void **state)
{
    struct fixture *f = *state;
    struct okta_user user = {.id = ID, .login = "bob@example.test"};
    struct okta_group group = {.id = GID, .name = "Desk"};

    peer_say(f->peer, "200 OK", JSON, USER(ID, "bob@example.test"));
    peer_say(f->peer, "200 OK", JSON, USER(ID, "bob@example.test"));
    peer_say(f->peer, "200 OK", JSON, GROUP(GID, "Desk"));
    peer_say(f->peer, "200 OK", JSON, "[" GROUP(GID, "Desk") "]");
    assert_int_equal(okta_user_by_id(f->okta, &f->token, user.id, &user), ERR_OK);
    assert_string_equal(user.status, "ACTIVE");
    assert_int_equal(okta_user_by_login(f->okta, &f->token, user.login, &user), ERR_OK);
    assert_int_equal(okta_group_by_id(f->okta, &f->token, group.id, &group), ERR_OK);
    assert_int_equal(okta_group_by_name(f->okta, &f->token, group.name, &group), ERR_OK);
    assert_string_equal(group.id, GID);
}

static void row61_logins(void **state)
{
    static const char *const refused[] = {
        "",
        "me",
        "bob",
        "bob.builder",
        "jos\xc3\xa9@example.test",
        "b\xd0\xbe" /* NOLINT: else b would be a digit */
        "b@example.test",
        "a\" or status pr",
        "\"bob\"@example.test",
        "bob@example.test\"",
        "bob\\@example.test",
        "bob @example.test",
        " bob@example.test",
        "bob@example.test\n",
        "bob@example.test\t",
        "bob@example.test\x01",
        "bob@example.test\x7f",
        "bob\xc2\xa0@example.test",
        "bob\xe2\x80\xae@example.test", /* NOLINT: misleading on purpose */
        "@example.test",
        "bob@",
        "bob@a@example.test",
        "<bob@example.test>",
        NULL,
    };
    struct fixture *f = *state;
    struct okta_user user;
    char long_login[200];

    for (size_t i = 0; i < COUNT(refused); i++) {
        memset(&user, 'x', sizeof(user));
        assert_int_equal(okta_user_by_login(f->okta, &f->token, refused[i], &user), ERR_INPUT);
        assert_string_equal(user.id, "");
    }
    memset(long_login, 'a', sizeof(long_login));
    memcpy(long_login + 101 - 5, "@b.cd", 6);
    assert_int_equal(okta_user_by_login(f->okta, &f->token, long_login, &user), ERR_INPUT);
    assert_int_equal(peer_connections(f->peer), 0);
}

/* The peer answers as Okta does: with a user whose name is merely near. */
static void row61_near_answers(void **state)
{
    static const char *const near[] = {
        USER(ID, "bob@example.test.evil"),
        USER(ID, "bob"),
        USER(ID, "b\xc3\xb6"
                 "b@example.test"),
        USER(ID, "alice@example.test"),
        USER(ID, "bob@example.tes"),
    };
    static const char *const broken[] = {
        USER("bob", "bob@example.test"),
        USER("", "bob@example.test"),
        USER("../../users/alice000000", "bob@example.test"),
        "{\"id\":\"" ID "\",\"status\":\"ACTIVE\"}",
        "{\"id\":\"" ID "\",\"profile\":{\"login\":\"bob@example.test\"}}",
        "{\"id\":7,\"status\":\"ACTIVE\",\"profile\":{\"login\":\"bob@example.test\"}}",
        "[" USER(ID, "bob@example.test") "]",
        "[]",
        "{}",
        "<html>",
        "",
        USER(ID, "bob@example.test") "x",
        "{\"id\":\"00ualice0000000000001\",\"id\":\"" ID "\",\"status\":\"ACTIVE\","
        "\"profile\":{\"login\":\"bob@example.test\"}}",
    };
    struct fixture *f = *state;
    struct okta_user user;

    for (size_t i = 0; i < COUNT(near); i++) {
        peer_say(f->peer, "200 OK", JSON, near[i]);
        assert_int_equal(okta_user_by_login(f->okta, &f->token, "bob@example.test", &user),
                         ERR_NONE);
        assert_string_equal(user.id, "");
    }
    for (size_t i = 0; i < COUNT(broken); i++) {
        peer_say(f->peer, "200 OK", JSON, broken[i]);
        if (okta_user_by_login(f->okta, &f->token, "bob@example.test", &user) != ERR_REMOTE) {
            fail_msg("believed: %s", broken[i]);
        }
        assert_string_equal(user.id, "");
    }
    /* By id, another id is another person, even where only the case differs. */
    peer_say(f->peer, "200 OK", JSON, USER("00uBOB000000000000001", "bob@example.test"));
    assert_int_equal(okta_user_by_id(f->okta, &f->token, ID, &user), ERR_NONE);
    peer_say(f->peer, "200 OK", JSON, GROUP("00gDESK00000000000001", "Desk"));
    struct okta_group group;
    assert_int_equal(okta_group_by_id(f->okta, &f->token, GID, &group), ERR_NONE);
    assert_string_equal(group.id, "");
}

static void row47_ids(void **state)
{
    static const char *const refused[] = {
        "",
        "me",
        "bob",
        "../groups/00gadmins000",
        "00ubob0000000000/../../x",
        "00ubob000000000000001?sendEmail=false",
        "00ubob000000000000001%2f..%2fme",
        "00ubob000000000000001%2F",
        "00ubob000000000000001#x",
        "00ubob000000000000001/",
        "00ubob00000000000 0001",
        "00ubob000000000000001\r\nX: y",
        "00ubob00000000000000\xd0\xbe",
        "bob@example.test.example",
        "00u0000000000000000000000000000000000000000000000000000000000000000",
        NULL,
    };
    static const char *const logins[] = {
        "a/b@example.test", "a?b@example.test",    "a#b@example.test", "a%2fb@example.test",
        "..@example.test",  "../bob@example.test", "bob@example..test"};
    struct fixture *f = *state;
    char code[OKTA_CODE_SIZE];
    struct okta_user user;
    struct okta_group group;
    struct okta_groups groups;
    bool admin = false;

    for (size_t i = 0; i < COUNT(refused); i++) {
        const char *id = refused[i];
        assert_int_equal(okta_reset_password(f->okta, &f->token, id, code), ERR_INPUT);
        assert_int_equal(okta_unlock(f->okta, &f->token, id, code), ERR_INPUT);
        assert_int_equal(okta_revoke_sessions(f->okta, &f->token, id, code), ERR_INPUT);
        assert_int_equal(okta_group_add(f->okta, &f->token, GID, id, code), ERR_INPUT);
        assert_int_equal(okta_group_add(f->okta, &f->token, id, ID, code), ERR_INPUT);
        assert_int_equal(okta_group_remove(f->okta, &f->token, GID, id, code), ERR_INPUT);
        assert_int_equal(okta_group_remove(f->okta, &f->token, id, ID, code), ERR_INPUT);
        assert_int_equal(okta_user_by_id(f->okta, &f->token, id, &user), ERR_INPUT);
        assert_int_equal(okta_user_groups(f->okta, &f->token, id, &groups), ERR_INPUT);
        assert_int_equal(okta_group_by_id(f->okta, &f->token, id, &group), ERR_INPUT);
        admin = false;
        assert_int_equal(okta_group_is_admin(f->okta, &f->token, id, &admin), ERR_INPUT);
        assert_true(admin);
    }
    for (size_t i = 0; i < COUNT(logins); i++) {
        assert_int_equal(okta_user_by_login(f->okta, &f->token, logins[i], &user), ERR_INPUT);
    }
    assert_int_equal(peer_connections(f->peer), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST("okta: users by login, by id, and the token's own", users),
        TEST("okta: the answer may replace the struct that held the question",
             asked_with_its_own_id),
        TEST("row 61: me, short names, accents, look-alikes and quotes are refused", row61_logins),
        TEST("row 61: a near match that Okta answers is none", row61_near_answers),
        TEST("row 47: ids and logins with ../ ? %2f are refused before a URL is built", row47_ids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
