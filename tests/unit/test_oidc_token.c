/* What the token endpoint answers: which ID tokens sign somebody in, and as whom. */
#include "identity/session.h"
#include "oidc_flow_fixture.h"

/* A name or an e-mail that is too long for us is the provider's right, and no reason to refuse. */
static void long_names(void **state)
{
    struct rp *rp = *state;
    static const struct session_limits limits = {MINUTES(30), HOURS(10)};
    static const uint8_t random[SESSION_RANDOM] = {3};
    char name[3001];
    char email[1001];
    char *more;
    struct oidc_identity who;
    struct session session;
    char token[SESSION_TOKEN_SIZE];

    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    memset(email, 'e', sizeof email - 1);
    email[sizeof email - 1] = '\0';
    more = formatted(",\"name\":\"%s\",\"email\":\"%s@x\",\"email_verified\":true", name, email);
    assert_int_equal(whole_flow(rp, HEADER, more, true, &who), ERR_OK);
    assert_string_equal(who.person.sub, SUB);
    assert_int_equal(strlen(who.person.name), 200);
    assert_null(who.person.email);
    assert_false(who.person.email_verified);
    assert_int_equal(session_create(rp->store.store, &limits, &who.person, who.sid, NULL, 0, T, T,
                                    random, token, &session),
                     ERR_OK);
    session_free(&session);
    oidc_identity_free(&who);
    free(more);
}

/* Each token that must not sign anybody in, over the whole flow. */
static void refused_tokens(void **state)
{
    struct rp *rp = *state;
    static const struct {
        const char *header, *more;
    } cases[] = {
        {"{\"alg\":\"RS256\",\"kid\":\"key-1\",\"typ\":\"logout+jwt\"}", ""},
        {HEADER, ",\"sub\":\"other\""},
        {HEADER, ",\"at_hash\":\"AAAAAAAAAAAAAAAAAAAAAA\""},
        {HEADER, ",\"azp\":\"other\""},
        {"{\"alg\":\"RS256\",\"kid\":\"key-1\",\"crit\":[\"x\"]}", ""},
        {"{\"alg\":\"RS384\",\"kid\":\"key-1\"}", ""},
    };
    struct oidc_identity who;

    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(whole_flow(rp, cases[i].header, cases[i].more, i == 0, &who), ERR_FORGED);
        assert_null(who.person.sub);
        assert_null(who.refresh_token);
    }
    assert_int_equal(asked(rp, KEYS_PATH), 1);
}

static void email_verified(void **state)
{
    struct rp *rp = *state;
    static const struct {
        const char *more;
        bool verified;
    } cases[] = {
        {",\"email\":\"alice@example.test\",\"email_verified\":true", true},
        {",\"email\":\"alice@example.test\",\"email_verified\":\"true\"", false},
        {",\"email\":\"alice@example.test\",\"email_verified\":1", false},
        {",\"email\":\"alice@example.test\",\"email_verified\":false", false},
        {",\"email\":\"alice@example.test\"", false},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct oidc_identity who;

        assert_int_equal(whole_flow(rp, HEADER, cases[i].more, i == 0, &who), ERR_OK);
        assert_int_equal(who.person.email_verified, cases[i].verified);
        oidc_identity_free(&who);
    }
}

static void odd_token_endpoints(void **state)
{
    struct rp *rp = *state;
    char *good = good_answer(rp);
    char *parameters = formatted("&%s", good);
    static const struct {
        const char *status, *body;
        enum err want;
    } cases[] = {
        {"200 OK", "<html>hello</html>", ERR_REMOTE},
        {"200 OK", "", ERR_REMOTE},
        {"200 OK", "[]", ERR_REMOTE},
        {"200 OK", "{\"id_token\":7}", ERR_FORGED},
        {"200 OK", "{}", ERR_FORGED},
        {"200 OK", "{\"id_token\":\"a.b.c\",\"id_token\":\"d.e.f\"}", ERR_REMOTE},
        {"500 Oops", "{\"error\":\"server_error\"}", ERR_REMOTE},
        {"302 Found", "{}", ERR_REMOTE},
        {"400 Bad", "{\"error\":\"invalid_grant\"}", ERR_REMOTE},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct begun begun = begin(rp);
        struct oidc_identity who;

        peer_say(rp->op, cases[i].status, JSON_TYPE, cases[i].body);
        if (cases[i].want == ERR_FORGED && asked(rp, KEYS_PATH) == 0) {
            say(rp, rp->keys);
        }
        assert_int_equal(finish(rp, &begun, begun.cookie, parameters, T, &who), cases[i].want);
        begun_free(&begun);
    }
    { /* a reset before any byte, and a body without end */
        struct begun begun = begin(rp);
        struct oidc_identity who;

        peer_add(rp->op, (struct peer_answer){.how = PEER_RESET, .bytes = ""});
        assert_int_equal(finish(rp, &begun, begun.cookie, parameters, T, &who), ERR_UNKNOWN);
        begun_free(&begun);
        begun = begin(rp);
        peer_add(rp->op, (struct peer_answer){.how = PEER_FILL,
                                              .bytes = "HTTP/1.1 200 OK\r\n" JSON_TYPE "\r\n",
                                              .fill = (size_t)10 * 1024 * 1024});
        assert_int_equal(finish(rp, &begun, begun.cookie, parameters, T, &who), ERR_REMOTE);
        begun_free(&begun);
    }
    free(parameters);
    free(good);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST("an e-mail and a name that are long keep nobody out", long_names),
        TEST("rows 16, 21, 23, 24: such tokens sign nobody in", refused_tokens),
        TEST("row 59: only the literal true verifies an e-mail", email_verified),
        TEST("row 27: a token endpoint that answers oddly is a clean error", odd_token_endpoints),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
