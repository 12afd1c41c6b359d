/* The code flow against a scripted provider: which callback of which browser ends it, and how. */
#include "oidc_flow_fixture.h"

static void signs_in(void **state)
{
    struct rp *rp = *state;
    struct oidc_identity who;

    assert_int_equal(whole_flow(rp, HEADER,
                                ",\"email\":\"alice@example.test\",\"email_verified\":true,"
                                "\"name\":\"Alice\",\"sid\":\"s-1\",\"auth_time\":1699999999",
                                true, &who),
                     ERR_OK);
    assert_string_equal(who.person.iss, rp->issuer);
    assert_string_equal(who.person.sub, SUB);
    assert_string_equal(who.person.email, "alice@example.test");
    assert_string_equal(who.person.name, "Alice");
    assert_true(who.person.email_verified);
    assert_string_equal(who.sid, "s-1");
    assert_true(who.auth_time == SECONDS(1699999999) && who.started_at == T);
    assert_string_equal(who.return_to, "/chat");
    assert_string_equal(secret_text(who.refresh_token), "rt-1");
    assert_non_null(who.id_token);
    oidc_identity_free(&who);
    assert_int_equal(peer_requests(rp->op), 3); /* document, token, keys: each once */
    assert_true(peer_request_has(rp->op, 1, "POST /oauth/token HTTP/1.1"));
    assert_true(peer_request_has(rp->op, 1, "Content-Type: application/x-www-form-urlencoded"));
}

/* RFC 7636 appendix B, through the whole of begin and finish. */
static void pkce(void **state)
{
    static const uint8_t octets[32] = {116, 24,  223, 180, 151, 153, 224, 37,  79,  250, 96,
                                       125, 216, 173, 187, 186, 22,  212, 37,  77,  105, 214,
                                       191, 240, 91,  88,  5,   88,  83,  132, 141, 121};
    struct rp *rp = *state;
    uint8_t random[LOGIN_RANDOM] = {1};
    struct buf url = buf_make(8192);
    char cookie[LOGIN_COOKIE_SIZE];
    struct begun begun = {0};
    struct oidc_identity who;
    char *value;
    char *good = good_answer(rp);
    char *parameters = formatted("&%s", good);
    const char *form;

    memcpy(random + 64, octets, sizeof octets);
    say(rp, rp->document);
    assert_int_equal(oidc_login_begin(rp->oidc, NULL, "/chat", T, random, cookie, &url), ERR_OK);
    value = parameter(buf_str(&url), "code_challenge");
    assert_string_equal(value, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    free(value);
    value = parameter(buf_str(&url), "code_challenge_method");
    assert_string_equal(value, "S256");
    free(value);
    value = parameter(buf_str(&url), "redirect_uri");
    assert_string_equal(value, "http://localhost:9150/prod/callback");
    free(value);
    value = parameter(buf_str(&url), "scope");
    assert_string_equal(value, "openid profile email offline_access");
    free(value);
    value = parameter(buf_str(&url), "connection");
    assert_string_equal(value, "Okta-OIDC");
    free(value);
    value = parameter(buf_str(&url), "response_type");
    assert_string_equal(value, "code");
    free(value);
    assert_null(strstr(buf_str(&url), "dBjftJeZ4CVP")); /* the verifier stays here */
    begun.state = parameter(buf_str(&url), "state");
    peer_say(rp->op, "400 Bad Request", JSON_TYPE, "{\"error\":\"invalid_grant\"}");
    assert_int_equal(finish(rp, &begun, cookie, parameters, T, &who), ERR_REMOTE);
    form = peer_request_body(rp->op, 1);
    assert_string_equal(form, "grant_type=authorization_code&code=the-code&redirect_uri="
                              "http%3A%2F%2Flocalhost%3A9150%2Fprod%2Fcallback&code_verifier="
                              "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk&client_id=web-client&"
                              "client_secret=web%20secret%26");
    free(begun.state);
    free(parameters);
    free(good);
    buf_free(&url);
}

static void other_browsers(void **state)
{
    struct rp *rp = *state;
    struct begun begun = begin(rp);
    struct begun another;
    struct oidc_identity who;
    char *good = good_answer(rp);
    char *parameters = formatted("&%s", good);

    assert_int_equal(begin_at(rp, NULL, T, &another), ERR_OK);
    assert_int_equal(finish(rp, &begun, NULL, parameters, T, &who), ERR_NONE);
    assert_int_equal(finish(rp, &begun, "", parameters, T, &who), ERR_NONE);
    assert_int_equal(finish(rp, &begun, "x", parameters, T, &who), ERR_NONE);
    assert_int_equal(finish(rp, &begun, another.cookie, parameters, T, &who), ERR_NONE);
    assert_int_equal(asked(rp, TOKEN_PATH), 0);
    /* and the flow of the right browser is unharmed by all that */
    peer_say(rp->op, "500 Oops", JSON_TYPE, "{}");
    assert_int_equal(finish(rp, &begun, begun.cookie, parameters, T, &who), ERR_REMOTE);
    assert_int_equal(asked(rp, TOKEN_PATH), 1);
    free(parameters);
    free(good);
    begun_free(&begun);
    begun_free(&another);
}

static void once(void **state)
{
    struct rp *rp = *state;
    struct begun begun = begin(rp);
    char *token = id_token(rp, HEADER, begun.nonce, "");
    char *good = good_answer(rp);
    char *parameters = formatted("&%s", good);
    struct oidc_identity who;

    say_tokens(rp, token);
    say(rp, rp->keys);
    assert_int_equal(finish(rp, &begun, begun.cookie, parameters, T, &who), ERR_OK);
    oidc_identity_free(&who);
    assert_int_equal(finish(rp, &begun, begun.cookie, parameters, T, &who), ERR_NONE);
    assert_null(who.person.iss);
    assert_int_equal(asked(rp, TOKEN_PATH), 1);
    free(parameters);
    free(good);
    free(token);
    begun_free(&begun);
}

static void two_tabs(void **state)
{
    struct rp *rp = *state;
    struct begun first = begin(rp);
    struct begun second;
    char *good = good_answer(rp);
    char *parameters = formatted("&%s", good);
    struct oidc_identity who;
    char *token;

    assert_int_equal(begin_at(rp, first.cookie, T, &second), ERR_OK);
    assert_string_equal(first.cookie, second.cookie); /* one browser, one cookie, two flows */
    assert_string_not_equal(first.state, second.state);
    assert_string_not_equal(first.nonce, second.nonce);
    token = id_token(rp, HEADER, second.nonce, "");
    say_tokens(rp, token);
    say(rp, rp->keys);
    free(token);
    assert_int_equal(finish(rp, &second, second.cookie, parameters, T, &who), ERR_OK);
    oidc_identity_free(&who);
    token = id_token(rp, HEADER, first.nonce, "");
    say_tokens(rp, token);
    free(token);
    assert_int_equal(finish(rp, &first, first.cookie, parameters, T, &who), ERR_OK);
    oidc_identity_free(&who);
    free(parameters);
    free(good);
    begun_free(&first);
    begun_free(&second);
}

static void odd_states(void **state)
{
    struct rp *rp = *state;
    struct begun begun = begin(rp);
    char *good = good_answer(rp);
    char *huge = malloc(66000);
    struct oidc_identity who;
    char code[64];
    const char *bad[] = {"",
                         "state=",
                         "state",
                         "code=x",
                         "state=abc&code=x",
                         "state=%zz&code=x",
                         "state=%00&code=x",
                         "&&&===",
                         "%"};

    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_not_equal(oidc_login_finish(rp->oidc, bad[i], begun.cookie, T, code, &who),
                             ERR_OK);
    }
    assert_int_equal(oidc_login_finish(rp->oidc, NULL, begun.cookie, T, code, &who), ERR_INPUT);
    {
        char *doubled = formatted("state=%s&state=%s&%s", begun.state, begun.state, good);
        char *codes = formatted("state=%s&code=y&%s", begun.state, good);

        assert_int_equal(oidc_login_finish(rp->oidc, doubled, begun.cookie, T, code, &who),
                         ERR_INPUT);
        assert_int_equal(oidc_login_finish(rp->oidc, codes, begun.cookie, T, code, &who),
                         ERR_INPUT);
        free(doubled);
        free(codes);
    }
    assert_non_null(huge);
    memset(huge, 'x', 65999);
    memcpy(huge, "state=", 6);
    huge[65999] = '\0';
    assert_int_equal(oidc_login_finish(rp->oidc, huge, begun.cookie, T, code, &who), ERR_INPUT);
    assert_int_equal(asked(rp, TOKEN_PATH), 0);
    free(huge);
    free(good);
    begun_free(&begun);
}

static void issuers(void **state)
{
    struct rp *rp = *state;
    const char *const wrong[] = {"&code=c", "&code=c&iss=https%3A%2F%2Fevil.example%2F",
                                 "&code=c&iss=", "&error=access_denied"};

    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct begun begun = begin(rp);
        struct oidc_identity who;

        assert_int_equal(finish(rp, &begun, begun.cookie, wrong[i], T, &who), ERR_FORGED);
        assert_int_equal(finish(rp, &begun, begun.cookie, wrong[i], T, &who), ERR_NONE);
        begun_free(&begun);
    }
    assert_int_equal(asked(rp, TOKEN_PATH), 0);
}

static void errors(void **state)
{
    struct rp *rp = *state;
    struct oidc_identity who;
    char *iss = good_answer(rp);
    static const struct {
        const char *error, *code;
    } cases[] = {{"access_denied", "access_denied"},
                 {"%3Cscript%3Ealert(1)%3C%2Fscript%3E", "unreadable"},
                 {"", ""}};

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct begun begun = begin(rp);
        char *query = formatted("state=%s&%s&error_description=%%3Cscript%%3E&error=%s",
                                begun.state, strstr(iss, "iss="), cases[i].error);
        char code[64];

        assert_int_equal(oidc_login_finish(rp->oidc, query, begun.cookie, T, code, &who),
                         ERR_DENIED);
        assert_string_equal(code, cases[i].code);
        assert_int_equal(oidc_login_finish(rp->oidc, query, begun.cookie, T, code, &who), ERR_NONE);
        free(query);
        begun_free(&begun);
    }
    {
        struct begun begun = begin(rp);
        char *both = formatted("state=%s&%s&error=access_denied", begun.state, iss);
        char *none = formatted("state=%s&%s", begun.state, strstr(iss, "iss="));
        char code[64];

        assert_int_equal(oidc_login_finish(rp->oidc, both, begun.cookie, T, code, &who), ERR_INPUT);
        assert_int_equal(oidc_login_finish(rp->oidc, none, begun.cookie, T, code, &who), ERR_NONE);
        free(both);
        free(none);
        begun_free(&begun);
    }
    assert_int_equal(asked(rp, TOKEN_PATH), 0);
    free(iss);
}

static void flow_limits(void **state)
{
    struct rp *rp = *state;
    struct begun first = begin(rp);
    struct begun next;
    struct oidc_identity who;
    char *good = good_answer(rp);
    char *parameters = formatted("&%s", good);
    char *counters = formatted("SELECT count(*) FROM record WHERE kind = %d", KIND_COUNTER);

    assert_int_equal(finish(rp, &first, first.cookie, parameters, T + LOGIN_LIFETIME, &who),
                     ERR_NONE);
    /* a flow that makes its cookie has no count of its own: no row for who never comes back */
    assert_int_equal(begin_at(rp, NULL, T, &next), ERR_OK);
    begun_free(&next);
    assert_int_equal(fixture_number(&rp->store, counters), 1);
    for (int i = 0; i < 30; i++) {
        assert_int_equal(begin_at(rp, first.cookie, T, &next), ERR_OK);
        begun_free(&next);
    }
    assert_int_equal(begin_at(rp, first.cookie, T, &next), ERR_LIMIT);
    assert_string_equal(next.cookie, "");
    say(rp, rp->document); /* ten minutes later: the document is old too */
    assert_int_equal(begin_at(rp, first.cookie, T + LOGIN_LIFETIME, &next), ERR_OK);
    begun_free(&next);
    begun_free(&first);
    free(counters);
    free(parameters);
    free(good);
}

/* Who sends no cookie is counted with all others: what they make us keep has an end. */
static void flows_in_all(void **state)
{
    struct rp *rp = *state;
    struct begun begun = begin(rp);
    struct begun next;
    uint8_t id[RECORD_ID_SIZE];
    int64_t rows;
    int64_t count = 0;

    hash_parts(id, "login flows", (const char *)NULL);
    assert_int_equal(record_count(rp->store.store, id, 0, LOGIN_LIFETIME, T, &count), ERR_OK);
    assert_int_equal(count, 1);
    assert_int_equal(record_count(rp->store.store, id, 19998, LOGIN_LIFETIME, T, &count), ERR_OK);
    assert_int_equal(begin_at(rp, NULL, T, &next), ERR_OK); /* the 20,000th */
    begun_free(&next);
    rows = fixture_number(&rp->store, "SELECT count(*) FROM record");
    assert_int_equal(begin_at(rp, NULL, T, &next), ERR_DENIED);
    assert_int_equal(begin_at(rp, begun.cookie, T, &next), ERR_DENIED);
    assert_string_equal(next.cookie, "");
    assert_int_equal(fixture_number(&rp->store, "SELECT count(*) FROM record"), rows);
    say(rp, rp->document);
    assert_int_equal(begin_at(rp, NULL, T + LOGIN_LIFETIME, &next), ERR_OK);
    begun_free(&next);
    begun_free(&begun);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST("a sign-in ends in who it is, its tokens, and where to go", signs_in),
        TEST("rows 7 and 11: RFC 7636 appendix B; redirect_uri is the configured one", pkce),
        TEST("rows 1 and 2: without this browser's login cookie there is no flow", other_browsers),
        TEST("row 3: the same callback twice: the second finds nothing", once),
        TEST("row 4: two flows of one browser end in any order", two_tabs),
        TEST("row 5: state missing, empty, doubled, unknown or huge is refused", odd_states),
        TEST("row 6: iss missing or wrong is refused before the token request", issuers),
        TEST("rows 8 and 9: an error ends the flow and is not echoed; error and code together",
             errors),
        TEST("a flow lives ten minutes, and a browser begins thirty in that time", flow_limits),
        TEST("flows of all browsers together are bounded", flows_in_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
