/* Okta: writes go out once, byte for byte, and their outcome is told for what it is. */
#include "okta_fixture.h"

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

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST("okta: the writes, byte for byte", writes),
        TEST("row 47: a write is sent once; no answer is unknown", row47_a_write_is_sent_once),
        TEST("okta: error codes", codes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
