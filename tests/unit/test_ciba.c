/* CIBA in poll mode: what is sent, and that only verified evidence approves. */
#include "identity_fixture.h"

#include "identity/ciba.h"

#define DETAILS "[{\"type\":\"t\",\"properties\":{\"digest\":{\"value\":\"sha256:x\"}}}]"
#define GRANT "urn%3Aopenid%3Aparams%3Agrant-type%3Aciba"

static const struct ciba_request request = {
    .sub = SUB, .binding_message = "K7QX.RESET-PW.bob_at_example.test", .requested_expiry = 300};

static const struct ciba_expectation expected = {.sub = SUB, .requested_at = T};

static void acks(void **state)
{
    static const struct {
        const char *body;
        enum err want;
        msec expires_in, interval;
    } cases[] = {
        {"{\"auth_req_id\":\"a\",\"expires_in\":120,\"interval\":7}", ERR_OK, 120000, 7000},
        {"{\"auth_req_id\":\"a\"}", ERR_OK, 300000, 5000},
        {"{\"auth_req_id\":\"a\",\"expires_in\":null,\"interval\":null}", ERR_OK, 300000, 5000},
        {"{\"auth_req_id\":\"a\",\"expires_in\":\"9\",\"interval\":\"9\"}", ERR_OK, 300000, 5000},
        {"{\"auth_req_id\":\"a\",\"expires_in\":3600,\"interval\":600}", ERR_OK, 300000, 60000},
        {"{\"auth_req_id\":\"a\",\"expires_in\":-1,\"interval\":0}", ERR_OK, 300000, 1000},
        {"{\"auth_req_id\":\"a\",\"expires_in\":0,\"interval\":-5}", ERR_OK, 300000, 5000},
        {"{\"auth_req_id\":\"a\",\"expires_in\":1e99,\"interval\":1.5}", ERR_OK, 300000, 5000},
        {"{\"expires_in\":300,\"interval\":5}", ERR_INPUT, 0, 0},
        {"{\"auth_req_id\":\"\"}", ERR_INPUT, 0, 0},
        {"{\"auth_req_id\":7}", ERR_INPUT, 0, 0},
        {"{\"auth_req_id\":\"a\",\"auth_req_id\":\"b\"}", ERR_INPUT, 0, 0},
        {"[]", ERR_INPUT, 0, 0},
        {"", ERR_INPUT, 0, 0},
        {"<html>", ERR_INPUT, 0, 0},
    };
    static const char longer[] = "{\"auth_req_id\":\"a\",\"expires_in\":900}";
    char *huge = malloc(2000);
    char *body;
    struct ciba_ack ack;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (ciba_parse_ack(cases[i].body, strlen(cases[i].body), 300, &ack) != cases[i].want ||
            ack.expires_in != cases[i].expires_in || ack.interval != cases[i].interval) {
            fail_msg("%s: %lld %lld", cases[i].body, (long long)ack.expires_in,
                     (long long)ack.interval);
        }
    }
    assert_int_equal(ciba_parse_ack("{\"auth_req_id\":\"a\"}", 19, 9999, &ack), ERR_OK);
    assert_true(ack.expires_in == SECONDS(300));
    assert_true(ack.lives_for == 0);
    assert_int_equal(ciba_parse_ack(longer, strlen(longer), 30, &ack), ERR_OK);
    assert_true(ack.expires_in == SECONDS(30)); /* ours; the provider's prompt outlives it */
    assert_true(ack.lives_for == SECONDS(900));
    assert_int_equal(ciba_parse_ack("{\"auth_req_id\":\"a\"}", 19, 60, &ack), ERR_OK);
    assert_true(ack.expires_in == SECONDS(60));
    assert_non_null(huge);
    memset(huge, 'x', 1999);
    huge[1025] = '\0';
    body = formatted("{\"auth_req_id\":\"%s\"}", huge);
    assert_int_equal(ciba_parse_ack(body, strlen(body), 300, &ack), ERR_INPUT);
    free(body);
    huge[1024] = '\0';
    body = formatted("{\"auth_req_id\":\"%s\"}", huge);
    assert_int_equal(ciba_parse_ack(body, strlen(body), 300, &ack), ERR_OK);
    free(body);
    free(huge);
}

static void poll_errors(void **state)
{
    static const struct {
        long status;
        const char *body;
        int retry_after;
        enum ciba_state want;
        msec wait;
    } cases[] = {
        {400, "{\"error\":\"authorization_pending\"}", -1, CIBA_PENDING, 0},
        {403, "{\"error\":\"authorization_pending\"}", -1, CIBA_PENDING, 0},
        {200, "{\"error\":\"authorization_pending\"}", -1, CIBA_PENDING, 0},
        {400, "{\"error\":\"slow_down\"}", -1, CIBA_SLOW_DOWN, 0},
        {429, "{\"error\":\"slow_down\"}", 12, CIBA_SLOW_DOWN, 12000},
        {400, "{\"error\":\"slow_down\",\"interval\":9}", -1, CIBA_SLOW_DOWN, 9000},
        {429, "{\"error\":\"slow_down\",\"interval\":9}", 12, CIBA_SLOW_DOWN, 12000},
        {429, "{\"error\":\"slow_down\"}", 3600, CIBA_SLOW_DOWN, 300000},
        {429, "{\"error\":\"slow_down\",\"interval\":-9}", -1, CIBA_SLOW_DOWN, 0},
        {429, "{\"error\":\"too_many_requests\"}", -1, CIBA_SLOW_DOWN, 0},
        {429, "<html>", 3, CIBA_SLOW_DOWN, 3000},
        {400, "{\"error\":\"access_denied\"}", -1, CIBA_DENIED, 0},
        {403, "{\"error\":\"access_denied\"}", -1, CIBA_DENIED, 0},
        {429, "{\"error\":\"access_denied\"}", -1, CIBA_DENIED, 0},
        {400, "{\"error\":\"expired_token\"}", -1, CIBA_EXPIRED, 0},
        {400, "{\"error\":\"invalid_grant\"}", -1, CIBA_OVER, 0},
        {400, "{\"error\":\"invalid_request\"}", -1, CIBA_OVER, 0},
        {401, "{\"error\":\"invalid_client\"}", -1, CIBA_OVER, 0},
        {503, "{\"error\":\"access_denied\"}", 30, CIBA_PENDING, 30000},
        {500, "", -1, CIBA_PENDING, 0},
        {502, "<html>bad gateway</html>", -1, CIBA_PENDING, 0},
        {400, "{\"error\":\"something_new\"}", -1, CIBA_PENDING, 0},
        {400, "{\"error\":\"approved\"}", -1, CIBA_PENDING, 0},
        {400, "{\"error\":7}", -1, CIBA_PENDING, 0},
        {200, "garbage", -1, CIBA_PENDING, 0},
        {302, "", -1, CIBA_PENDING, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct ciba_answer answer;

        assert_int_equal(ciba_parse_poll_error(cases[i].status, cases[i].body,
                                               strlen(cases[i].body), cases[i].retry_after,
                                               &answer),
                         ERR_OK);
        /* spent: only what ends the request itself, never a client's own trouble */
        bool spent = cases[i].want == CIBA_DENIED || cases[i].want == CIBA_EXPIRED ||
                     strstr(cases[i].body, "invalid_grant") != NULL;

        if (answer.state != cases[i].want || answer.wait != cases[i].wait ||
            answer.spent != spent || answer.claims != NULL) {
            fail_msg("%ld %s: state %d wait %lld", cases[i].status, cases[i].body,
                     (int)answer.state, (long long)answer.wait);
        }
    }
}

static void sends(void **state)
{
    struct rp *rp = *state;
    struct ciba_request with = request;
    struct ciba_ack ack;
    char error[64];
    const char *form;
    char *value = NULL;

    with.authorization_details = json_loads(DETAILS, 0, NULL);
    with.requested_expiry = 900;
    say(rp, rp->document);
    say(rp, "{\"auth_req_id\":\"req-1\",\"expires_in\":300,\"interval\":5}");
    assert_int_equal(ciba_send(rp->oidc, &with, T, &ack, error), ERR_OK);
    assert_string_equal(ack.auth_req_id, "req-1");
    assert_string_equal(error, "");
    assert_true(peer_request_has(rp->op, 1, "POST /bc-authorize HTTP/1.1"));
    /* not on the kept connection, which the provider may just be closing */
    assert_int_equal(peer_connections(rp->op), 2);
    form = peer_request_body(rp->op, 1);
    static const struct {
        const char *name, *want;
    } fields[] = {
        {"scope", "openid"},
        {"binding_message", "K7QX.RESET-PW.bob_at_example.test"},
        {"requested_expiry", "300"}, /* never more: longer goes by e-mail */
        {"authorization_details", DETAILS},
        {"client_id", "ciba-client"},
        {"client_secret", "ciba-secret"},
    };
    for (size_t i = 0; i < COUNT(fields); i++) {
        assert_int_equal(form_get(form, strlen(form), fields[i].name, &value), ERR_OK);
        assert_string_equal(value, fields[i].want);
        free(value);
    }
    assert_int_equal(form_get(form, strlen(form), "login_hint", &value), ERR_OK);
    {
        char *want =
            formatted("{\"format\":\"iss_sub\",\"iss\":\"%s\",\"sub\":\"" SUB "\"}", rp->issuer);

        assert_string_equal(value, want);
        free(want);
    }
    free(value);
    assert_int_equal(form_get(form, strlen(form), "audience", &value), ERR_NONE);
    assert_int_equal(form_get(form, strlen(form), "request_expiry", &value), ERR_NONE);
    json_decref((json_t *)(uintptr_t)with.authorization_details);
}

static void send_failures(void **state)
{
    struct rp *rp = *state;
    static const struct {
        const char *status, *body;
        enum err want;
        const char *error;
    } cases[] = {
        {"400 Bad", "{\"error\":\"unknown_user_id\"}", ERR_REMOTE, "unknown_user_id"},
        {"400 Bad", "{\"error\":\"invalid_request\",\"error_description\":\"x\"}", ERR_REMOTE,
         "invalid_request"},
        {"401 No", "{\"error\":\"invalid_client\"}", ERR_REMOTE, "invalid_client"},
        {"429 Slow", "{\"error\":\"too_many_requests\"}", ERR_LIMIT, "too_many_requests"},
        {"429 Slow", "", ERR_LIMIT, ""},
        {"400 Bad", "{\"error\":\"a b<c>\"}", ERR_REMOTE, "unreadable"},
        {"408 Late", "{\"error\":\"timeout\"}", ERR_UNKNOWN,
         "timeout"}, /* it may be on the phone */
        {"500 Oops", "{\"error\":\"server_error\"}", ERR_UNKNOWN, "server_error"},
        {"302 Found", "", ERR_UNKNOWN, ""},
        {"200 OK", "{}", ERR_UNKNOWN, ""},
        {"200 OK", "<html>", ERR_UNKNOWN, ""},
    };
    struct ciba_request nobody = request;
    struct ciba_ack ack;
    char error[64];

    nobody.sub = ""; /* an empty hint must not come to mean anybody */
    assert_int_equal(ciba_send(rp->oidc, &nobody, T, &ack, error), ERR_INPUT);
    assert_int_equal(peer_requests(rp->op), 0);
    say(rp, rp->document);
    for (size_t i = 0; i < COUNT(cases); i++) {
        peer_say(rp->op, cases[i].status, JSON_TYPE, cases[i].body);
        assert_int_equal(ciba_send(rp->oidc, &request, T, &ack, error), cases[i].want);
        assert_string_equal(error, cases[i].error);
        assert_string_equal(ack.auth_req_id, "");
    }
    peer_add(rp->op, (struct peer_answer){.how = PEER_RESET, .bytes = ""});
    assert_int_equal(ciba_send(rp->oidc, &request, T, &ack, error), ERR_UNKNOWN);
    peer_stop(rp->op); /* nobody listens: it was not sent */
    assert_int_equal(ciba_send(rp->oidc, &request, T, &ack, error), ERR_REMOTE);
    rp->op = peer_start(NULL);
}

/* ---- evidence ---- */

struct evidence {
    const char *sub, *aud, *more, *header, *answer;
    long long iat;
};

static const struct evidence good = {
    SUB, "ciba-client", "", "{\"alg\":\"RS256\",\"kid\":\"key-1\"}", "", T_SECONDS};

static struct ciba_answer poll_with(struct rp *rp, const struct evidence *e,
                                    const struct ciba_expectation *expect)
{
    char *payload = formatted("{\"iss\":\"%s\",\"sub\":\"%s\",\"aud\":\"%s\",\"exp\":%lld,"
                              "\"iat\":%lld%s}",
                              rp->issuer, e->sub, e->aud, T_SECONDS + 600, e->iat, e->more);
    char *token = sign_text(rp->key, e->header, payload);
    char *body = formatted("{\"access_token\":\"at\",\"id_token\":\"%s\",\"expires_in\":86400%s}",
                           token, e->answer);
    struct ciba_answer answer;

    say(rp, body);
    if (asked(rp, "/jwks.json") == 0) {
        say(rp, rp->keys);
    }
    assert_int_equal(ciba_poll(rp->oidc, "req-1", expect, T + 5000, &answer), ERR_OK);
    free(body);
    free(token);
    free(payload);
    return answer;
}

static void approves(void **state)
{
    struct rp *rp = *state;
    struct ciba_answer answer;

    say(rp, rp->document);
    answer = poll_with(rp, &good, &expected);
    assert_int_equal(answer.state, CIBA_APPROVED);
    assert_string_equal(js_text(answer.claims, "sub"), SUB);
    ciba_answer_free(&answer);
    assert_true(peer_request_has(rp->op, 1, "POST /oauth/token HTTP/1.1"));
    assert_string_equal(peer_request_body(rp->op, 1),
                        "grant_type=" GRANT "&auth_req_id=req-1&client_id=ciba-client&"
                        "client_secret=ciba-secret");
    ciba_answer_free(NULL);
}

static void false_evidence(void **state)
{
    struct rp *rp = *state;
    struct evidence cases[13];
    size_t count = 0;

    for (size_t i = 0; i < COUNT(cases); i++) {
        cases[i] = good;
    }
    cases[count++].sub = "oidc|Okta-OIDC|00ubob000000000000001";
    cases[count++].sub = "";
    cases[count++].aud = "web-client";
    cases[count++].iat = T_SECONDS - 3600;
    cases[count++].iat = T_SECONDS - 6; /* its second ended five before the request */
    cases[count++].iat = T_SECONDS + 3600;
    cases[count++].more = ",\"events\":{}";
    cases[count++].more = ",\"at_hash\":\"AAAAAAAAAAAAAAAAAAAAAA\"";
    cases[count++].more = ",\"urn:openid:params:jwt:claim:auth_req_id\":\"req-2\"";
    cases[count++].header = "{\"alg\":\"RS256\",\"kid\":\"key-1\",\"typ\":\"at+jwt\"}";
    cases[count++].header = "{\"alg\":\"RS384\",\"kid\":\"key-1\"}";
    cases[count++].more = ",\"sub\":\"" SUB "\"";
    cases[count++].answer = ",\"id_token\":\"a.b.c\"";
    say(rp, rp->document);
    for (size_t i = 0; i < count; i++) {
        struct ciba_answer answer = poll_with(rp, &cases[i], &expected);

        if (answer.state == CIBA_APPROVED || answer.claims != NULL) {
            fail_msg("case %zu approved", i);
        }
        /* all are over, but for the last: a doubled member makes an answer unreadable */
        assert_int_equal(answer.state, i + 1 < count ? CIBA_OVER : CIBA_PENDING);
        assert_int_equal(answer.spent, i + 1 < count);
        ciba_answer_free(&answer);
    }
    {
        struct ciba_expectation anybody = {.sub = NULL, .requested_at = T};
        struct ciba_answer answer = poll_with(rp, &good, &anybody);

        assert_int_equal(answer.state, CIBA_OVER);
        ciba_answer_free(&answer);
    }
    {
        struct evidence right = good;
        struct ciba_answer answer;

        right.more = ",\"urn:openid:params:jwt:claim:auth_req_id\":\"req-1\"";
        right.iat = T_SECONDS - 5;
        answer = poll_with(rp, &right, &expected);
        assert_int_equal(answer.state, CIBA_APPROVED);
        ciba_answer_free(&answer);
    }
}

static void details(void **state)
{
    struct rp *rp = *state;
    json_t *sent = json_loads(DETAILS, 0, NULL);
    struct ciba_expectation expect = {.sub = SUB, .requested_at = T, .authorization_details = sent};
    static const struct {
        const char *answer;
        enum ciba_state want;
    } cases[] = {
        {",\"authorization_details\":" DETAILS, CIBA_APPROVED},
        {",\"authorization_details\":[{\"properties\":{\"digest\":{\"value\":\"sha256:x\"}},"
         "\"type\":\"t\"}]",
         CIBA_APPROVED}, /* the order of members says nothing */
        {"", CIBA_OVER},
        {",\"authorization_details\":null", CIBA_OVER},
        {",\"authorization_details\":[]", CIBA_OVER},
        {",\"authorization_details\":[{\"type\":\"t\",\"properties\":{\"digest\":"
         "{\"value\":\"sha256:y\"}}}]",
         CIBA_OVER},
        {",\"authorization_details\":[{\"type\":\"t\",\"properties\":{\"digest\":"
         "{\"value\":\"sha256:x\"}},\"more\":1}]",
         CIBA_OVER},
        {",\"authorization_details\":\"[]\"", CIBA_OVER},
    };

    say(rp, rp->document);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct evidence e = good;
        struct ciba_answer answer;

        e.answer = cases[i].answer;
        answer = poll_with(rp, &e, &expect);
        if (answer.state != cases[i].want) {
            fail_msg("case %zu: %d %s", i, (int)answer.state, answer.error);
        }
        ciba_answer_free(&answer);
    }
    json_decref(sent);
}

static void no_answer(void **state)
{
    struct rp *rp = *state;
    struct ciba_answer answer;

    peer_say(rp->op, "503 Down", JSON_TYPE, "{}"); /* not even discovery, some seconds ago */
    assert_int_equal(ciba_poll(rp->oidc, "req-1", &expected, T - SECONDS(10), &answer), ERR_OK);
    assert_int_equal(answer.state, CIBA_PENDING);
    say(rp, rp->document);
    peer_add(rp->op, (struct peer_answer){.how = PEER_RESET, .bytes = ""});
    assert_int_equal(ciba_poll(rp->oidc, "req-1", &expected, T, &answer), ERR_OK);
    assert_int_equal(answer.state, CIBA_PENDING);
    peer_add(rp->op, (struct peer_answer){.how = PEER_FILL,
                                          .bytes = "HTTP/1.1 200 OK\r\n" JSON_TYPE "\r\n",
                                          .fill = (size_t)1024 * 1024});
    assert_int_equal(ciba_poll(rp->oidc, "req-1", &expected, T, &answer), ERR_OK);
    assert_int_equal(answer.state, CIBA_PENDING);
    say(rp, "{}"); /* a success without evidence is none */
    say(rp, rp->keys);
    assert_int_equal(ciba_poll(rp->oidc, "req-1", &expected, T, &answer), ERR_OK);
    assert_int_equal(answer.state, CIBA_OVER);
    peer_say(rp->op, "429 Slow", "Content-Type: application/json\r\nRetry-After: 11\r\n",
             "{\"error\":\"slow_down\"}");
    assert_int_equal(ciba_poll(rp->oidc, "req-1", &expected, T, &answer), ERR_OK);
    assert_int_equal(answer.state, CIBA_SLOW_DOWN);
    assert_true(answer.wait == SECONDS(11));
    peer_say(rp->op, "200 OK", JSON_TYPE, "{\"error\":\"access_denied\",\"id_token\":\"x\"}");
    assert_int_equal(ciba_poll(rp->oidc, "req-1", &expected, T, &answer), ERR_OK);
    assert_int_equal(answer.state, CIBA_DENIED);
}

#define TEST(name, function)                                                                       \
    {                                                                                              \
        name, function, rp_open, rp_close, NULL                                                    \
    }

int main(void)
{
    static const struct CMUnitTest tests[] = {
        {"row 40: auth_req_id, expires_in and interval, absent or odd", acks, NULL, NULL, NULL},
        {"row 39: a poll's error decides by its code, whatever the status; slow_down's wait",
         poll_errors, NULL, NULL, NULL},
        TEST("a request, field by field; never over 300 seconds", sends),
        TEST("a request refused, limited, unanswered or unreadable", send_failures),
        TEST("an approval with its evidence", approves),
        TEST("row 42: another's sub, another audience, an old iat and the like approve nothing",
             false_evidence),
        TEST("row 41: authorization_details other than those sent approve nothing", details),
        TEST("row 43: no answer, an endless one or an empty one is no approval", no_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
