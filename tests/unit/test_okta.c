/* Okta: what may be asked, what is believed of an answer, and writes that go out once. */
#include "base/text.h"
#include "http_peer.h"
#include "okta/okta_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ID "00ubob000000000000001"
#define GID "00gdesk00000000000001"
#define JSON "Content-Type: application/json\r\n"
#define USER(id, login)                                                                            \
    "{\"id\":\"" id "\",\"status\":\"ACTIVE\",\"profile\":{\"login\":\"" login                     \
    "\",\"email\":\"mail@example.test\"}}"
#define GROUP(id, name)                                                                            \
    "{\"id\":\"" id "\",\"type\":\"OKTA_GROUP\",\"profile\":{\"name\":\"" name "\"}}"

struct fixture {
    struct peer *peer;
    struct config *config;
    struct http *http;
    struct okta *okta;
    struct secret *secret;
    struct okta_token token;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->peer = peer_start(NULL);
    setenv("ALLOW_HTTP_LOOPBACK", "1", 1);
    setenv("OKTA_DOMAIN", peer_url(f->peer, "/"), 1);
    f->config = peer_config();
    if (http_open(f->config, &f->http) != ERR_OK ||
        okta_open(f->config, f->http, &f->okta) != ERR_OK ||
        secret_new("okta-at", 7, &f->secret) != ERR_OK) {
        return -1;
    }
    f->token = (struct okta_token){"Bearer", f->secret};
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    secret_free(f->secret);
    okta_free(f->okta);
    http_free(f->http);
    peer_stop(f->peer);
    config_free(f->config);
    free(f);
    return 0;
}

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

static void writes(void **state)
{
    struct fixture *f = *state;
    char code[OKTA_CODE_SIZE];

    peer_say(f->peer, "200 OK", JSON, "{}");
    peer_say(f->peer, "200 OK", JSON, "{}");
    for (int i = 0; i < 3; i++) {
        peer_add(f->peer, (struct peer_answer){.how = PEER_SEND,
                                               .bytes = "HTTP/1.1 204 No Content\r\n\r\n"});
    }
    assert_int_equal(okta_reset_password(f->okta, &f->token, ID, code), ERR_OK);
    assert_string_equal(code, "");
    assert_int_equal(okta_unlock(f->okta, &f->token, ID, code), ERR_OK);
    assert_int_equal(okta_revoke_sessions(f->okta, &f->token, ID, code), ERR_OK);
    assert_int_equal(okta_group_add(f->okta, &f->token, GID, ID, code), ERR_OK);
    assert_int_equal(okta_group_remove(f->okta, &f->token, GID, ID, code), ERR_OK);
    assert_true(peer_request_has(
        f->peer, 0, "POST /api/v1/users/" ID "/lifecycle/reset_password?sendEmail=true HTTP/1.1"));
    assert_true(peer_request_has(f->peer, 0, "Content-Length: 0"));
    assert_true(
        peer_request_has(f->peer, 1, "POST /api/v1/users/" ID "/lifecycle/unlock HTTP/1.1"));
    assert_true(peer_request_has(f->peer, 1, "Content-Length: 0"));
    assert_true(peer_request_has(f->peer, 2,
                                 "DELETE /api/v1/users/" ID "/sessions?oauthTokens=true HTTP/1.1"));
    assert_true(peer_request_has(f->peer, 3, "PUT /api/v1/groups/" GID "/users/" ID " HTTP/1.1"));
    assert_true(peer_request_has(f->peer, 3, "Content-Length: 0"));
    assert_true(
        peer_request_has(f->peer, 4, "DELETE /api/v1/groups/" GID "/users/" ID " HTTP/1.1"));
}

static void row47_a_write_is_sent_once(void **state)
{
    static const struct {
        struct peer_answer answer;
        enum err err;
        const char *code;
    } cases[] = {
        {{.how = PEER_CLOSE}, ERR_UNKNOWN, ""},
        {{.how = PEER_RESET}, ERR_UNKNOWN, ""},
        {{.how = PEER_RESET, .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{"},
         ERR_UNKNOWN,
         ""},
        {{.how = PEER_CLOSE, .bytes = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"},
         ERR_UNKNOWN,
         ""},
        {{.how = PEER_CLOSE, .bytes = "HTTP/1.1 408 Timeout\r\nContent-Length: 0\r\n\r\n"},
         ERR_UNKNOWN,
         ""},
        {{.how = PEER_CLOSE,
          .bytes = "HTTP/1.1 500 Oops\r\nContent-Length: 24\r\n\r\n{\"errorCode\":\"E0000009\"}"},
         ERR_UNKNOWN,
         "E0000009"},
        {{.how = PEER_CLOSE,
          .bytes = "HTTP/1.1 500 Oops\r\nContent-Length: 24\r\n\r\n{\"errorCode\":\"E0000006\"}"},
         ERR_UNKNOWN,
         "E0000006"},
        {{.how = PEER_CLOSE, .bytes = "HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n"},
         ERR_UNKNOWN,
         ""},
        {{.how = PEER_CLOSE, .bytes = "HTTP/1.1 504 Late\r\nContent-Length: 0\r\n\r\n"},
         ERR_UNKNOWN,
         ""},
        {{.how = PEER_CLOSE,
          .bytes = "HTTP/1.1 503 Busy\r\nContent-Length: 24\r\n\r\n{\"errorCode\":\"E0000010\"}"},
         ERR_REMOTE,
         "E0000010"},
        {{.how = PEER_CLOSE,
          .bytes = "HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n"},
         ERR_REMOTE,
         ""},
        {{.how = PEER_CLOSE,
          .bytes = "HTTP/1.1 429 Slow\r\nX-Rate-Limit-Reset: 1\r\nContent-Length: 24\r\n\r\n"
                   "{\"errorCode\":\"E0000047\"}"},
         ERR_LIMIT,
         "E0000047"},
        {{.how = PEER_FILL, .bytes = "HTTP/1.1 200 OK\r\n\r\n", .fill = 6000000}, ERR_UNKNOWN, ""},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        char code[OKTA_CODE_SIZE];
        peer_add(f->peer, cases[i].answer);
        assert_int_equal(okta_reset_password(f->okta, &f->token, ID, code), cases[i].err);
        assert_string_equal(code, cases[i].code);
        assert_int_equal(peer_requests(f->peer), i + 1);
    }
}

static void codes(void **state)
{
    static const struct {
        const char *status;
        const char *body;
        enum err err;
        const char *code;
    } cases[] = {
        {"400 Bad", "{\"errorCode\":\"E0000001\"}", ERR_REMOTE, "E0000001"},
        {"401 No", "{\"errorCode\":\"E0000011\"}", ERR_AUTH, "E0000011"},
        {"401 No", "", ERR_AUTH, ""},
        {"403 No", "{\"errorCode\":\"E0000006\"}", ERR_DENIED, "E0000006"},
        {"403 No", "{\"errorCode\":\"E0000017\"}", ERR_DENIED, "E0000017"},
        {"403 No", "{\"errorCode\":\"E0000038\"}", ERR_DENIED, "E0000038"},
        {"404 No", "{\"errorCode\":\"E0000007\"}", ERR_NONE, "E0000007"},
        {"400 No", "{\"errorCode\":\"E0000007\"}", ERR_NONE, "E0000007"},
        {"405 No", "{\"errorCode\":\"E0000022\"}", ERR_REMOTE, "E0000022"},
        {"501 No", "{\"errorCode\":\"E0000060\"}", ERR_REMOTE, "E0000060"},
        {"403 No", "{\"errorCode\":\"<script>\"}", ERR_DENIED, ""},
        {"403 No", "{\"errorCode\":\"E00000060000000000\"}", ERR_DENIED, ""},
        {"403 No", "<html>", ERR_DENIED, ""},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        char code[OKTA_CODE_SIZE];
        peer_say(f->peer, cases[i].status, JSON, cases[i].body);
        assert_int_equal(okta_unlock(f->okta, &f->token, ID, code), cases[i].err);
        assert_string_equal(code, cases[i].code);
    }
}

static void no_token_asks_nothing(void **state)
{
    struct fixture *f = *state;
    struct okta_token none = {"Bearer", NULL};
    struct okta_user user;
    char code[OKTA_CODE_SIZE];

    assert_int_equal(okta_user_by_id(f->okta, &none, ID, &user), ERR_AUTH);
    assert_int_equal(okta_reset_password(f->okta, &none, ID, code), ERR_AUTH);
    assert_int_equal(peer_connections(f->peer), 0);
}

/* One page of groups g..g+n-1, and a next link when there is more. */
static void page(struct fixture *f, int first, int count, const char *next)
{
    struct buf body = buf_make(1 << 20);
    struct buf headers = buf_make(4096);

    buf_addc(&body, '[');
    for (int i = first; i < first + count; i++) {
        buf_addf(&body,
                 "%s{\"id\":\"00g%018d\",\"type\":\"OKTA_GROUP\",\"profile\":{\"name\":\"G %d\"}}",
                 i == first ? "" : ",", i, i);
    }
    buf_addc(&body, ']');
    buf_addf(&headers, "%sLink: <%s>; rel=\"self\"\r\n", JSON, peer_url(f->peer, "/self"));
    if (next != NULL) {
        buf_addf(&headers, "link: <%s>; rel=\"next\"\r\n", next);
    }
    peer_say(f->peer, "200 OK", buf_str(&headers), buf_str(&body));
    buf_free(&body);
    buf_free(&headers);
}

static void groups_page_by_page(void **state)
{
    struct fixture *f = *state;
    struct okta_groups groups;
    char next[200];

    snprintf(next, sizeof(next), "%s", peer_url(f->peer, "/api/v1/x?after=00g%2F2&limit=200"));
    page(f, 0, 200, next);
    page(f, 200, 200, next);
    page(f, 400, 3, NULL);
    assert_int_equal(okta_user_groups(f->okta, &f->token, ID, &groups), ERR_OK);
    assert_int_equal(groups.count, 403);
    assert_string_equal(groups.groups[402].name, "G 402");
    assert_string_equal(groups.groups[402].type, "OKTA_GROUP");
    assert_true(peer_request_has(f->peer, 0, "GET /api/v1/users/" ID "/groups?limit=200 HTTP/1.1"));
    assert_true(peer_request_has(f->peer, 1, "GET /api/v1/x?after=00g%2F2&limit=200 HTTP/1.1"));
    assert_int_equal(peer_requests(f->peer), 3);
    okta_groups_free(&groups);
    okta_groups_free(&groups);
}

static void no_half_lists(void **state)
{
    struct fixture *f = *state;
    struct okta_groups groups;
    char next[200];
    char elsewhere[200];

    snprintf(next, sizeof(next), "%s", peer_url(f->peer, "/n"));
    snprintf(elsewhere, sizeof(elsewhere), "http://localhost:%d/n", peer_port(f->peer));
    const char *const bad[] = {"http://127.0.0.1:1/n", elsewhere,   "https://evil.example/n",
                               "//evil.example/n",     "/relative", ""};
    size_t requests = 0;
    for (size_t i = 0; i < COUNT(bad); i++) {
        page(f, 0, 2, bad[i]);
        assert_int_equal(okta_user_groups(f->okta, &f->token, ID, &groups), ERR_REMOTE);
        assert_null(groups.groups);
        assert_int_equal(groups.count, 0);
        assert_int_equal(peer_requests(f->peer), ++requests); /* the token went nowhere else */
    }
    page(f, 0, 2, next);
    peer_say(f->peer, "500 Oops", JSON, "");
    assert_int_equal(okta_user_groups(f->okta, &f->token, ID, &groups), ERR_REMOTE);
    assert_null(groups.groups);
    page(f, 0, 2, next);
    peer_say(f->peer, "200 OK", JSON, "[{\"id\":\"x\"}]");
    assert_int_equal(okta_user_groups(f->okta, &f->token, ID, &groups), ERR_REMOTE);
    assert_null(groups.groups);
    peer_say(f->peer, "200 OK", JSON, "{}");
    assert_int_equal(okta_user_groups(f->okta, &f->token, ID, &groups), ERR_REMOTE);
    peer_say(f->peer, "200 OK", JSON "Link: <unterminated\r\n", "[]");
    assert_int_equal(okta_user_groups(f->okta, &f->token, ID, &groups), ERR_REMOTE);
}

static void pages_are_bounded(void **state)
{
    struct fixture *f = *state;
    struct okta_groups groups;
    char next[200];

    snprintf(next, sizeof(next), "%s", peer_url(f->peer, "/again"));
    for (int i = 0; i < 51; i++) {
        page(f, i, 1, next);
    }
    assert_int_equal(okta_user_groups(f->okta, &f->token, ID, &groups), ERR_LIMIT);
    assert_null(groups.groups);
    assert_int_equal(peer_requests(f->peer), OKTA_PAGES_MAX);
}

static void links_in_one_line(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *line;
        bool next;
    } cases[] = {
        {"Link: <%s/a>; rel=\"self\", <%s/b>; rel=\"next\"\r\n", true},
        {"Link: <%s/b>; rel=next\r\n", true},
        {"Link: <%s/a>; rel=\"self\"\r\n", false},
        {"Link: <%s/a?x=rel=%%22next%%22>; rel=\"prev\"\r\n", false},
        {"X-Link: <%s/b>; rel=\"next\"\r\n", false},
    };
    struct buf next = buf_make(1000);

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct http_response response = {.headers = buf_make(4096)};
        const char *origin = okta_origin(f->okta);
        const char *p = cases[i].line;
        /* The origin for each %s, by hand: the format is data. */
        for (; *p != '\0'; p++) {
            if (p[0] == '%' && p[1] == 's') {
                buf_adds(&response.headers, origin);
                p++;
            } else {
                buf_addc(&response.headers, *p);
            }
        }
        assert_int_equal(okta_next(f->okta, &response, &next), ERR_OK);
        assert_int_equal(next.len > 0, cases[i].next);
        if (cases[i].next) {
            assert_string_equal(buf_str(&next) + strlen(origin), "/b");
        }
        http_response_free(&response);
    }
    buf_free(&next);
}

static void group_names(void **state)
{
    static const char *const refused[] = {"", "a\"b", "a\\b", "a\nb", "\xff", NULL};
    struct fixture *f = *state;
    struct okta_group group;
    char long_name[300];

    peer_say(f->peer, "200 OK", JSON,
             "[" GROUP("00gother0000000000001", "Help Desk") "," GROUP(GID, "Help desk") "]");
    assert_int_equal(okta_group_by_name(f->okta, &f->token, "Help desk", &group), ERR_OK);
    assert_string_equal(group.id, GID);
    assert_true(peer_request_has(
        f->peer, 0,
        "GET /api/v1/groups?search=profile.name%20eq%20%22Help%20desk%22&limit=200 HTTP/1.1"));
    peer_say(f->peer, "200 OK", JSON,
             "[" GROUP("00gother0000000000001", "Desk") "," GROUP(GID, "Desk") "]");
    assert_int_equal(okta_group_by_name(f->okta, &f->token, "Desk", &group), ERR_NONE);
    assert_string_equal(group.id, "");
    peer_say(f->peer, "200 OK", JSON, "[]");
    assert_int_equal(okta_group_by_name(f->okta, &f->token, "Desk", &group), ERR_NONE);
    peer_say(f->peer, "200 OK", JSON, "[" GROUP(GID, "Desk 2") "]");
    assert_int_equal(okta_group_by_name(f->okta, &f->token, "Desk", &group), ERR_NONE);
    for (size_t i = 0; i < COUNT(refused); i++) {
        assert_int_equal(okta_group_by_name(f->okta, &f->token, refused[i], &group), ERR_INPUT);
    }
    memset(long_name, 'a', sizeof(long_name));
    long_name[256] = '\0';
    assert_int_equal(okta_group_by_name(f->okta, &f->token, long_name, &group), ERR_INPUT);
    assert_int_equal(peer_requests(f->peer), 4);
}

static void row72_admin_groups(void **state)
{
    static const struct {
        const char *status;
        const char *body;
        enum err err;
        bool admin;
    } cases[] = {
        {"200 OK", "[]", ERR_OK, false},
        {"200 OK", "[{\"type\":\"ORG_ADMIN\"}]", ERR_OK, true},
        {"200 OK", "[{}]", ERR_OK, true},
        {"200 OK", "[null]", ERR_OK, true},
        {"200 OK", "{}", ERR_REMOTE, true},
        {"200 OK", "", ERR_REMOTE, true},
        {"403 No", "{\"errorCode\":\"E0000006\"}", ERR_DENIED, true},
        {"404 No", "{\"errorCode\":\"E0000007\"}", ERR_NONE, true},
        {"500 No", "[]", ERR_REMOTE, true},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        bool admin = false;
        peer_say(f->peer, cases[i].status, JSON, cases[i].body);
        assert_int_equal(okta_group_is_admin(f->okta, &f->token, GID, &admin), cases[i].err);
        assert_int_equal(admin, cases[i].admin);
    }
    assert_true(peer_request_has(f->peer, 0, "GET /api/v1/groups/" GID "/roles HTTP/1.1"));
}

static void rate_waits(void **state)
{
    static const struct {
        const char *line;
        msec now;
        msec wait;
    } cases[] = {{"X-Rate-Limit-Reset: 1000\r\n", 999500, 500},
                 {"X-Rate-Limit-Reset: 1000\r\n", 998000, 2000},
                 {"X-Rate-Limit-Reset: 1000\r\n", 997999, -1},
                 {"X-Rate-Limit-Reset: 1000\r\n", 1000000, 1000},
                 {"X-Rate-Limit-Reset: 1000\r\n", 5000000, 1000},
                 {"X-Rate-Limit-Reset: 0\r\n", 5000000, 1000},
                 {"X-Rate-Limit-Reset: soon\r\n", 5000000, 1000},
                 {"X-Rate-Limit-Reset: 99999999999999999999\r\n", 5000000, 1000},
                 {"", 5000000, 1000}};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct http_response response = {.headers = buf_make(1000)};
        buf_adds(&response.headers, cases[i].line);
        assert_int_equal(okta_rate_wait(&response, cases[i].now), cases[i].wait);
        http_response_free(&response);
    }
}

static void rate_limits(void **state)
{
    struct fixture *f = *state;
    struct okta_user user;
    msec start = clock_monotonic();

    peer_say(f->peer, "429 Slow", JSON, "{\"errorCode\":\"E0000047\"}");
    peer_say(f->peer, "200 OK", JSON, USER(ID, "bob@example.test"));
    assert_int_equal(okta_user_by_id(f->okta, &f->token, ID, &user), ERR_OK);
    assert_in_range(clock_monotonic() - start, 1000, 2500);
    /* A minute away: told at once. */
    char line[64];
    snprintf(line, sizeof(line), "X-Rate-Limit-Reset: %lld\r\n",
             (long long)clock_now() / 1000 + 60);
    peer_say(f->peer, "429 Slow", line, "{\"errorCode\":\"E0000047\"}");
    start = clock_monotonic();
    assert_int_equal(okta_user_by_id(f->okta, &f->token, ID, &user), ERR_LIMIT);
    assert_in_range(clock_monotonic() - start, 0, 700);
    /* And for ever: two seconds in sum. */
    for (int i = 0; i < 3; i++) {
        peer_say(f->peer, "429 Slow", JSON, "{}");
    }
    start = clock_monotonic();
    assert_int_equal(okta_user_by_id(f->okta, &f->token, ID, &user), ERR_LIMIT);
    assert_in_range(clock_monotonic() - start, 2000, 3500);
    assert_int_equal(peer_requests(f->peer), 6);
}

static void service_tokens(void **state)
{
    static const struct {
        const char *status;
        const char *body;
        enum err err;
    } cases[] = {
        {"200 OK",
         "{\"access_token\":\"at\",\"token_type\":\"Bearer\",\"expires_in\":3600,\"scope\":\"x "
         "okta.users.read okta.groups.read\"}",
         ERR_OK},
        {"200 OK", "{\"access_token\":\"at\",\"token_type\":\"bearer\",\"expires_in\":3600}",
         ERR_OK},
        {"200 OK",
         "{\"access_token\":\"at\",\"token_type\":\"Bearer\",\"expires_in\":3600,"
         "\"scope\":\"okta.users.read okta.groups.readonly\"}",
         ERR_DENIED},
        {"200 OK", "{\"access_token\":\"at\",\"token_type\":\"DPoP\",\"expires_in\":3600}",
         ERR_REMOTE},
        {"200 OK", "{\"access_token\":\"a t\",\"token_type\":\"Bearer\",\"expires_in\":3600}",
         ERR_REMOTE},
        {"200 OK", "{\"access_token\":\"\",\"token_type\":\"Bearer\",\"expires_in\":3600}",
         ERR_REMOTE},
        {"200 OK", "{\"access_token\":\"at\",\"token_type\":\"Bearer\"}", ERR_REMOTE},
        {"200 OK", "<html>", ERR_REMOTE},
        {"400 Bad", "{\"error\":\"use_dpop_nonce\"}", ERR_AUTH},
        {"401 No", "{\"error\":\"invalid_client\"}", ERR_AUTH},
        {"429 Slow", "{}", ERR_LIMIT},
        {"500 Oops", "{}", ERR_REMOTE},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct secret *token = NULL;
        msec lifetime = -1;
        peer_say(f->peer, cases[i].status, JSON, cases[i].body);
        assert_int_equal(okta_service_token(f->okta, "h.p.s", "okta.users.read okta.groups.read",
                                            &token, &lifetime),
                         cases[i].err);
        if (cases[i].err == ERR_OK) {
            assert_string_equal(secret_text(token), "at");
            assert_int_equal(lifetime, SECONDS(3600));
        } else {
            assert_null(token);
            assert_int_equal(lifetime, 0);
        }
        secret_free(token);
    }
    assert_true(peer_request_has(f->peer, 0, "POST /oauth2/v1/token HTTP/1.1"));
    assert_string_equal(
        peer_request_body(f->peer, 0),
        "grant_type=client_credentials&scope=okta.users.read%20okta.groups.read"
        "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
        "&client_assertion=h.p.s");
}

static void origins(void **state)
{
    static const struct {
        const char *domain;
        const char *origin;
    } cases[] = {{"org.okta.example", "https://org.okta.example"},
                 {"https://org.okta.example", "https://org.okta.example"},
                 {"https://org.okta.example/", "https://org.okta.example"}};
    struct fixture *f = *state;
    struct okta *okta = f->okta;
    struct config *config;

    for (size_t i = 0; i < COUNT(cases); i++) {
        setenv("OKTA_DOMAIN", cases[i].domain, 1);
        config = peer_config();
        assert_int_equal(okta_open(config, f->http, &okta), ERR_OK);
        assert_string_equal(okta_origin(okta), cases[i].origin);
        okta_free(okta);
        config_free(config);
    }
    unsetenv("OKTA_DOMAIN");
    config = peer_config();
    assert_int_equal(okta_open(config, f->http, &okta), ERR_CONFIG);
    assert_null(okta);
    config_free(config);
    okta_free(NULL);
}

#define TEST(name_, function_)                                                                     \
    {                                                                                              \
        .name = (name_), .test_func = (function_), .setup_func = set_up,                           \
        .teardown_func = tear_down                                                                 \
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
        TEST("okta: the writes, byte for byte", writes),
        TEST("row 47: a write is sent once; no answer is unknown", row47_a_write_is_sent_once),
        TEST("okta: error codes", codes),
        TEST("okta: without a token nothing is asked", no_token_asks_nothing),
        TEST("okta: groups page by page", groups_page_by_page),
        TEST("okta: a list is whole or none, and its next page on the same origin", no_half_lists),
        TEST("okta: pages are bounded", pages_are_bounded),
        TEST("okta: Link headers in other shapes", links_in_one_line),
        TEST("row 61: a group of exactly that name, and one", group_names),
        TEST("row 72: a group with any role is an administrators' group; doubt too",
             row72_admin_groups),
        TEST("okta: how long a rate limit is waited for", rate_waits),
        TEST("okta: a read waits for a rate limit, two seconds at most", rate_limits),
        TEST("okta: service tokens", service_tokens),
        TEST("okta: the domain with and without https://", origins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
