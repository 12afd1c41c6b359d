/* Okta: groups, whole lists page by page, one of exactly a name, and those of administrators. */
#include "okta_fixture.h"

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

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST("okta: groups page by page", groups_page_by_page),
        TEST("okta: a list is whole or none, and its next page on the same origin", no_half_lists),
        TEST("okta: pages are bounded", pages_are_bounded),
        TEST("okta: Link headers in other shapes", links_in_one_line),
        TEST("row 61: a group of exactly that name, and one", group_names),
        TEST("row 72: a group with any role is an administrators' group; doubt too",
             row72_admin_groups),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
