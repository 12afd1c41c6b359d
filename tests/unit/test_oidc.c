/* The relying party against a scripted provider: discovery, keys, the code flow, logout. */
#include "identity/session.h"
#include "identity_fixture.h"

#define TOKEN_PATH "/oauth/token"
#define KEYS_PATH "/jwks.json"
#define DOCUMENT_PATH "/.well-known/openid-configuration"

struct begun {
    char cookie[LOGIN_COOKIE_SIZE];
    char *url;
    char *state;
    char *nonce;
};

static void begun_free(struct begun *begun)
{
    free(begun->url);
    free(begun->state);
    free(begun->nonce);
}

static char *parameter(const char *url, const char *name)
{
    const char *query = strchr(url, '?') + 1;
    char *value = NULL;

    assert_int_equal(form_get(query, strlen(query), name, &value), ERR_OK);
    return value;
}

static enum err begin_at(struct rp *rp, const char *browser, msec now, struct begun *out)
{
    uint8_t random[LOGIN_RANDOM];
    struct buf url = buf_make(8192);
    enum err err;

    rp->flows++;
    for (size_t i = 0; i < sizeof random; i++) {
        random[i] = (uint8_t)(i + 7 * rp->flows);
    }
    memset(out, 0, sizeof *out);
    err = oidc_login_begin(rp->oidc, browser, "/chat", now, random, out->cookie, &url);
    if (err == ERR_OK) {
        assert_int_equal(buf_take(&url, &out->url), ERR_OK);
        out->state = parameter(out->url, "state");
        out->nonce = parameter(out->url, "nonce");
    }
    buf_free(&url);
    return err;
}

/* Discovery is answered first, when this is the first flow. */
static struct begun begin(struct rp *rp)
{
    struct begun out;

    if (rp->flows == 0) {
        say(rp, rp->document);
    }
    assert_int_equal(begin_at(rp, NULL, T, &out), ERR_OK);
    return out;
}

static char *id_token(struct rp *rp, const char *header, const char *nonce, const char *more)
{
    char *payload =
        formatted("{\"iss\":\"%s\",\"sub\":\"" SUB "\",\"aud\":\"web-client\",\"nonce\":\"%s\","
                  "\"exp\":%lld,\"iat\":%lld%s}",
                  rp->issuer, nonce, T_SECONDS + 600, T_SECONDS, more);
    char *token = sign_text(rp->key, header, payload);

    free(payload);
    return token;
}

#define HEADER "{\"alg\":\"RS256\",\"kid\":\"key-1\",\"typ\":\"JWT\"}"

static void say_tokens(struct rp *rp, const char *token)
{
    char *body = formatted("{\"access_token\":\"opaque\",\"token_type\":\"Bearer\","
                           "\"refresh_token\":\"rt-1\",\"expires_in\":86400,\"id_token\":\"%s\"}",
                           token);

    say(rp, body);
    free(body);
}

/* The callback of a flow with these parameters after state. */
static enum err finish(struct rp *rp, const struct begun *begun, const char *browser,
                       const char *more, msec now, struct oidc_identity *out)
{
    struct buf query = buf_make(65536);
    char code[64];
    enum err err;

    form_add(&query, "state", begun->state);
    buf_adds(&query, more);
    err = oidc_login_finish(rp->oidc, buf_str(&query), browser, now, code, out);
    buf_free(&query);
    return err;
}

static char *good_answer(struct rp *rp)
{
    struct buf out = buf_make(1024);
    char *text = NULL;

    form_add(&out, "code", "the-code");
    form_add(&out, "iss", rp->issuer);
    assert_int_equal(buf_take(&out, &text), ERR_OK);
    return text;
}

/* The whole of one flow that should end in err; keys are answered when they are asked for. */
static enum err whole_flow(struct rp *rp, const char *header, const char *more, bool keys,
                           struct oidc_identity *out)
{
    struct begun begun = begin(rp);
    char *token = id_token(rp, header, begun.nonce, more);
    char *good = good_answer(rp);
    char *parameters = formatted("&%s", good);
    enum err err;

    say_tokens(rp, token);
    if (keys) {
        say(rp, rp->keys);
    }
    err = finish(rp, &begun, begun.cookie, parameters, T + 1000, out);
    free(parameters);
    free(good);
    free(token);
    begun_free(&begun);
    return err;
}

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

/* ---- keys ---- */

static void unknown_kids(void **state)
{
    struct rp *rp = *state;
    struct store *other_store = NULL;
    struct oidc *other;
    struct id_token_expectation expect = {.client_id = "web-client"};
    json_t *claims = NULL;
    size_t before;

    say(rp, rp->document);
    say(rp, rp->keys); /* the first use */
    say(rp, rp->keys); /* the one refetch */
    for (int i = 0; i < 1000; i++) {
        char *header = formatted("{\"alg\":\"RS256\",\"kid\":\"unknown-%d\"}", i % 20);
        static char *tokens[20];

        if (tokens[i % 20] == NULL) {
            tokens[i % 20] = id_token(rp, header, "n", "");
        }
        assert_int_equal(oidc_verify_id_token(rp->oidc, tokens[i % 20], &expect, T + i, &claims),
                         ERR_FORGED);
        free(header);
        if (i >= 980) {
            free(tokens[i % 20]);
        }
    }
    assert_int_equal(asked(rp, KEYS_PATH), 2);
    before = peer_requests(rp->op);
    other = rp_other(rp, &other_store); /* nor does another process fetch, nor ask for anything */
    {
        char *token = id_token(rp, "{\"alg\":\"RS256\",\"kid\":\"unknown-x\"}", "n", "");

        assert_int_equal(oidc_verify_id_token(other, token, &expect, T + 1000, &claims),
                         ERR_FORGED);
        assert_int_equal(peer_requests(rp->op), before);
        say(rp, rp->keys); /* a minute later it may be asked again */
        assert_int_equal(
            oidc_verify_id_token(other, token, &expect, T + OIDC_REFETCH + 10, &claims),
            ERR_FORGED);
        assert_int_equal(asked(rp, KEYS_PATH), 3);
        free(token);
    }
    oidc_free(other);
    store_free(other_store);
}

static void rotation(void **state)
{
    struct rp *rp = *state;
    struct store *other_store = NULL;
    struct oidc *other = rp_other(rp, &other_store);
    cjose_jwk_t *fresh = new_rsa("key-2");
    cjose_jwk_t *former = rp->key;
    char *set = key_set(fresh, former, NULL);
    struct id_token_expectation expect = {.client_id = "web-client"};
    json_t *claims = NULL;
    char *old_token = id_token(rp, HEADER, "n", "");
    char *token;

    say(rp, rp->document);
    say(rp, rp->keys);
    assert_int_equal(oidc_verify_id_token(rp->oidc, old_token, &expect, T, &claims), ERR_OK);
    json_decref(claims);
    assert_int_equal(oidc_verify_id_token(other, old_token, &expect, T, &claims), ERR_OK);
    json_decref(claims);
    rp->key = fresh;
    token = id_token(rp, "{\"alg\":\"RS256\",\"kid\":\"key-2\"}", "n", "");
    say(rp, set);
    assert_int_equal(oidc_verify_id_token(rp->oidc, token, &expect, T + 1, &claims), ERR_OK);
    json_decref(claims);
    /* the other process finds what this one fetched */
    assert_int_equal(oidc_verify_id_token(other, token, &expect, T + 1, &claims), ERR_OK);
    json_decref(claims);
    assert_int_equal(oidc_verify_id_token(other, old_token, &expect, T + 1, &claims), ERR_OK);
    json_decref(claims);
    assert_int_equal(asked(rp, KEYS_PATH), 2);
    rp->key = former;
    cjose_jwk_release(fresh);
    free(set);
    free(token);
    free(old_token);
    oidc_free(other);
    store_free(other_store);
}

static void keys_down(void **state)
{
    struct rp *rp = *state;
    struct id_token_expectation expect = {.client_id = "web-client"};
    char *token = id_token(rp, HEADER, "n", "");
    json_t *claims = NULL;

    say(rp, rp->document);
    peer_say(rp->op, "503 Down", JSON_TYPE, "{}");
    assert_int_equal(oidc_verify_id_token(rp->oidc, token, &expect, T, &claims), ERR_REMOTE);
    assert_int_equal(oidc_verify_id_token(rp->oidc, token, &expect, T + 4000, &claims), ERR_REMOTE);
    assert_int_equal(asked(rp, KEYS_PATH), 1); /* the failure is remembered */
    say(rp, "<html>");
    assert_int_equal(oidc_verify_id_token(rp->oidc, token, &expect, T + 10000, &claims),
                     ERR_REMOTE);
    say(rp, rp->keys); /* and is well again: nothing bad was kept */
    assert_int_equal(oidc_verify_id_token(rp->oidc, token, &expect, T + 20000, &claims), ERR_OK);
    json_decref(claims);
    /* down again once they are old: they hold ten minutes more, and no longer */
    say(rp, rp->document);
    for (int i = 0; i < 3; i++) {
        peer_say(rp->op, "503 Down", JSON_TYPE, "{}");
    }
    assert_int_equal(oidc_verify_id_token(rp->oidc, token, &expect,
                                          T + 20000 + OIDC_CACHED + OIDC_STALE - 1, &claims),
                     ERR_FORGED); /* this token has expired by then, and was verified by the keys */
    assert_int_equal(asked(rp, KEYS_PATH), 4);
    assert_int_equal(oidc_verify_id_token(rp->oidc, token, &expect,
                                          T + 30000 + OIDC_CACHED + OIDC_STALE, &claims),
                     ERR_REMOTE);
    assert_int_equal(asked(rp, KEYS_PATH), 5);
    free(token);
}

/* A key was replaced under its kid, or the provider names none: the signature does not fit. */
static void replaced_key(void **state)
{
    struct rp *rp = *state;
    static const struct {
        const char *kid, *header;
    } cases[] = {{"key-1", HEADER}, {NULL, "{\"alg\":\"RS256\"}"}};
    struct id_token_expectation expect = {.client_id = "web-client"};

    say(rp, rp->document);
    say(rp, rp->keys);
    for (size_t i = 0; i < COUNT(cases); i++) {
        cjose_jwk_t *fresh = new_rsa(cases[i].kid);
        cjose_jwk_t *former = rp->key;
        char *set = key_set(fresh, NULL, NULL);
        json_t *claims = NULL;
        const msec now = T + 1 + (msec)i * (OIDC_REFETCH + 10);
        char *token;
        char *forged;

        rp->key = fresh;
        token = id_token(rp, cases[i].header, "n", "");
        say(rp, set);
        assert_int_equal(oidc_verify_id_token(rp->oidc, token, &expect, now, &claims), ERR_OK);
        json_decref(claims);
        rp->key = former;
        /* a forged one asks no more within the minute */
        forged = id_token(rp, cases[i].header, "n", "");
        assert_int_equal(oidc_verify_id_token(rp->oidc, forged, &expect, now + 1, &claims),
                         ERR_FORGED);
        assert_int_equal(asked(rp, KEYS_PATH), i + 2);
        cjose_jwk_release(fresh);
        free(set);
        free(token);
        free(forged);
    }
}

/* What a thread found, and how long it took. */
struct waiting {
    struct rp *rp;
    enum err err;
    msec took;
};

static void *wait_for_metadata(void *context)
{
    struct waiting *waiting = context;
    struct oidc_metadata metadata;
    msec began = clock_monotonic();

    waiting->err = oidc_metadata(waiting->rp->oidc, T, &metadata);
    waiting->took = clock_monotonic() - began;
    return NULL;
}

static void black_hole(void **state)
{
    struct rp *rp = *state;
    struct waiting waiting[8];
    pthread_t threads[8];

    peer_add(rp->op, (struct peer_answer){.how = PEER_SILENT, .bytes = ""});
    for (size_t i = 0; i < COUNT(threads); i++) {
        waiting[i] = (struct waiting){.rp = rp, .err = ERR_OK};
        assert_int_equal(pthread_create(&threads[i], NULL, wait_for_metadata, &waiting[i]), 0);
    }
    for (size_t i = 0; i < COUNT(threads); i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(waiting[i].err, ERR_REMOTE);
        assert_true(waiting[i].took < OIDC_FETCH_WAIT + 1000);
    }
    assert_int_equal(peer_requests(rp->op), 1);
}

/* ---- discovery ---- */

static void caches(void **state)
{
    struct rp *rp = *state;
    struct store *other_store = NULL;
    struct oidc *other = rp_other(rp, &other_store);
    struct oidc_metadata metadata;

    say(rp, rp->document);
    assert_int_equal(oidc_metadata(rp->oidc, T, &metadata), ERR_OK);
    assert_string_equal(metadata.issuer, rp->issuer);
    assert_true(text_starts(metadata.backchannel_authentication_endpoint, rp->issuer));
    assert_true(metadata.iss_parameter_supported);
    assert_int_equal(oidc_metadata(rp->oidc, T + 1, &metadata), ERR_OK);
    assert_int_equal(oidc_metadata(other, T + OIDC_CACHED - 1, &metadata), ERR_OK);
    assert_int_equal(peer_requests(rp->op), 1);
    say(rp, rp->document);
    assert_int_equal(oidc_metadata(rp->oidc, T + OIDC_CACHED, &metadata), ERR_OK);
    assert_int_equal(peer_requests(rp->op), 2);
    oidc_free(other);
    store_free(other_store);
}

/* The provider was right, and cannot be reached when its document is old. */
static void stale_document(void **state)
{
    struct rp *rp = *state;
    struct store *other_store = NULL;
    struct oidc *other = rp_other(rp, &other_store);
    struct oidc_metadata metadata;
    char *evil = discovery("https://evil.example/", "");
    const msec old = T + OIDC_CACHED;

    say(rp, rp->document);
    assert_int_equal(oidc_metadata(rp->oidc, T, &metadata), ERR_OK);
    peer_say(rp->op, "503 Down", JSON_TYPE, "{}");
    assert_int_equal(oidc_metadata(rp->oidc, old, &metadata), ERR_OK);
    assert_string_equal(metadata.issuer, rp->issuer);
    assert_int_equal(peer_requests(rp->op), 2);
    assert_int_equal(oidc_metadata(rp->oidc, old + 4000, &metadata), ERR_OK);
    assert_int_equal(peer_requests(rp->op), 2); /* remembered */
    say(rp, "<html>");
    assert_int_equal(oidc_metadata(rp->oidc, old + 10000, &metadata), ERR_OK);
    assert_int_equal(peer_requests(rp->op), 3); /* and asked again */
    peer_say(rp->op, "503 Down", JSON_TYPE, "{}");
    assert_int_equal(oidc_metadata(other, old + 20000, &metadata), ERR_OK); /* every process */
    /* one that answers with another issuer is not passed over */
    say(rp, evil);
    assert_int_equal(oidc_metadata(rp->oidc, old + 30000, &metadata), ERR_CONFIG);
    assert_int_equal(oidc_metadata(rp->oidc, old + 34000, &metadata), ERR_CONFIG);
    peer_say(rp->op, "503 Down", JSON_TYPE, "{}");
    assert_int_equal(oidc_metadata(rp->oidc, old + OIDC_STALE - 1, &metadata), ERR_OK);
    peer_say(rp->op, "503 Down", JSON_TYPE, "{}");
    assert_int_equal(oidc_metadata(rp->oidc, old + OIDC_STALE + 10000, &metadata), ERR_REMOTE);
    say(rp, rp->document);
    assert_int_equal(oidc_metadata(rp->oidc, old + OIDC_STALE + 20000, &metadata), ERR_OK);
    free(evil);
    oidc_free(other);
    store_free(other_store);
}

/* The provider was right once; then the cache holds another's document: checked again. */
static void poisoned_cache(void **state)
{
    struct rp *rp = *state;
    struct oidc_metadata metadata;
    char *evil = discovery("https://evil.example/", "");
    uint8_t id[RECORD_ID_SIZE];

    hash_parts(id, "discovery", rp->issuer, (const char *)NULL);
    oidc_cache_put(rp->oidc, id, evil, strlen(evil), T);
    say(rp, rp->document);
    assert_int_equal(oidc_metadata(rp->oidc, T, &metadata), ERR_OK);
    assert_true(text_starts(metadata.token_endpoint, rp->issuer));
    assert_int_equal(peer_requests(rp->op), 1);
    free(evil);
}

static void other_issuers(void **state)
{
    struct rp *rp = *state;
    struct oidc_metadata metadata;
    struct begun begun;
    msec now = T;
    char bad[8][160];
    size_t len = strlen(rp->issuer);

    (void)snprintf(bad[0], sizeof bad[0], "%.*s", (int)len - 1, rp->issuer); /* no slash */
    (void)snprintf(bad[1], sizeof bad[1], "%s/", rp->issuer);
    (void)snprintf(bad[2], sizeof bad[2], "%sx", rp->issuer);
    (void)snprintf(bad[3], sizeof bad[3], "H%s", rp->issuer + 1);
    (void)snprintf(bad[4], sizeof bad[4], "https://evil.example/");
    (void)snprintf(bad[5], sizeof bad[5], "%s ", rp->issuer);
    (void)snprintf(bad[6], sizeof bad[6], "%s#", rp->issuer);
    bad[7][0] = '\0';
    for (size_t i = 0; i < 8; i++) {
        char *document = formatted("{\"issuer\":\"%s\",\"authorization_endpoint\":\"%sa\","
                                   "\"token_endpoint\":\"%st\",\"jwks_uri\":\"%sj\"}",
                                   bad[i], rp->issuer, rp->issuer, rp->issuer);

        say(rp, document);
        assert_int_equal(oidc_metadata(rp->oidc, now += 10000, &metadata), ERR_CONFIG);
        say(rp, document);
        assert_int_equal(begin_at(rp, NULL, now += 10000, &begun), ERR_CONFIG);
        assert_int_equal(begin_at(rp, NULL, now + 1, &begun), ERR_CONFIG); /* remembered */
        free(document);
    }
    assert_int_equal(peer_requests(rp->op), 16);
    assert_int_equal(fixture_number(&rp->store, "SELECT count(*) FROM record WHERE kind = 2"), 0);
    say(rp, "{\"token_endpoint\":\"x\"}");
    assert_int_equal(oidc_metadata(rp->oidc, now += 10000, &metadata), ERR_CONFIG);
    say(rp, "not JSON");
    assert_int_equal(oidc_metadata(rp->oidc, now += 10000, &metadata), ERR_REMOTE);
    peer_say(rp->op, "404 Not Found", JSON_TYPE, "{}");
    assert_int_equal(oidc_metadata(rp->oidc, now += 10000, &metadata), ERR_REMOTE);
}

static void odd_endpoints(void **state)
{
    struct rp *rp = *state;
    static const char *const names[] = {
        "authorization_endpoint", "token_endpoint",      "jwks_uri",
        "end_session_endpoint",   "revocation_endpoint", "backchannel_authentication_endpoint"};
    static const char *const bad[] = {"\"http://provider.example/x\"",
                                      "\"file:///etc/passwd\"",
                                      "\"ftp://provider.example/\"",
                                      "\"https://169.254.169.254/latest/meta-data/\"",
                                      "\"https://[fe80::1]/\"",
                                      "\"https://user@provider.example/\"",
                                      "\"//provider.example/\"",
                                      "\"/relative\"",
                                      "\"javascript:alert(1)\"",
                                      "\"\"",
                                      "7",
                                      "null",
                                      "[\"https://provider.example/\"]",
                                      "\"https://provider.example/#x\"",
                                      "\"https://provider.example/ x\""};

    for (size_t n = 0; n < COUNT(names); n++) {
        for (size_t i = 0; i < COUNT(bad); i++) {
            struct oidc_metadata metadata;
            json_t *document = json_loads(rp->document, 0, NULL);

            assert_int_equal(oidc_metadata_read(rp->oidc, document, &metadata), ERR_OK);
            json_object_set_new(document, names[n], json_loads(bad[i], JSON_DECODE_ANY, NULL));
            if (oidc_metadata_read(rp->oidc, document, &metadata) != ERR_CONFIG) {
                fail_msg("%s: %s was taken", names[n], bad[i]);
            }
            assert_string_equal(metadata.issuer, "");
            json_decref(document);
        }
    }
}

/* ---- logout ---- */

static void logout(void **state)
{
    struct rp *rp = *state;
    struct buf url = buf_make(8192);
    struct secret *token = NULL;
    char *value;

    assert_int_equal(secret_new("a.b.c", 5, &token), ERR_OK);
    say(rp, rp->document);
    assert_int_equal(oidc_logout_url(rp->oidc, token, "sid 1", T, &url), ERR_OK);
    assert_true(text_starts(buf_str(&url), rp->issuer));
    assert_non_null(strstr(buf_str(&url), "oidc/logout?"));
    value = parameter(buf_str(&url), "post_logout_redirect_uri");
    assert_string_equal(value, "http://localhost:9150/prod/");
    free(value);
    value = parameter(buf_str(&url), "logout_hint");
    assert_string_equal(value, "sid 1");
    free(value);
    value = parameter(buf_str(&url), "id_token_hint");
    assert_string_equal(value, "a.b.c");
    free(value);
    peer_say(rp->op, "200 OK", "", "");
    assert_int_equal(oidc_revoke(rp->oidc, token, T), ERR_OK);
    assert_true(peer_request_has(rp->op, 1, "POST /oauth/revoke HTTP/1.1"));
    assert_string_equal(peer_request_body(rp->op, 1),
                        "token=a.b.c&token_type_hint=refresh_token&client_id=web-client&"
                        "client_secret=web%20secret%26");
    peer_say(rp->op, "400 Bad", JSON_TYPE, "{\"error\":\"invalid_client\"}");
    assert_int_equal(oidc_revoke(rp->oidc, token, T), ERR_REMOTE);
    secret_free(token);
    buf_free(&url);
}

/* The provider is down: signing out here works, and leads to our own page. */
/* A URL that the hint makes too long says so, so that the caller can go without. */
static void long_hint(void **state)
{
    struct rp *rp = *state;
    struct buf url = buf_make_secret(7168);
    struct secret *token = NULL;
    char text[9000];

    memset(text, 'a', sizeof text);
    assert_int_equal(secret_new(text, sizeof text, &token), ERR_OK);
    say(rp, rp->document);
    assert_int_equal(oidc_logout_url(rp->oidc, token, "sid", T, &url), ERR_LIMIT);
    buf_reset(&url);
    assert_int_equal(oidc_logout_url(rp->oidc, NULL, NULL, T, &url), ERR_OK);
    assert_null(strstr(buf_str(&url), "id_token_hint"));
    secret_free(token);
    buf_free(&url);
}

static void logout_without_provider(void **state)
{
    struct rp *rp = *state;
    struct buf url = buf_make(8192);

    peer_say(rp->op, "503 Down", JSON_TYPE, "{}");
    assert_int_equal(oidc_logout_url(rp->oidc, NULL, "", T, &url), ERR_OK);
    assert_string_equal(buf_str(&url), "http://localhost:9150/prod/");
    buf_free(&url);
}

#define TEST(name, function)                                                                       \
    {                                                                                              \
        name, function, rp_open, rp_close, NULL                                                    \
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
        TEST("an e-mail and a name that are long keep nobody out", long_names),
        TEST("rows 16, 21, 23, 24: such tokens sign nobody in", refused_tokens),
        TEST("row 59: only the literal true verifies an e-mail", email_verified),
        TEST("row 27: a token endpoint that answers oddly is a clean error", odd_token_endpoints),
        TEST("row 17: a thousand unknown kids cause one refetch, over two processes", unknown_kids),
        TEST("row 18: a key rotated just before signing is found, and by the other process too",
             rotation),
        TEST("keys that cannot be had are an error of the moment; old ones hold ten minutes more",
             keys_down),
        TEST("row 18: a key replaced under its kid, or without one, is found by one refetch",
             replaced_key),
        TEST("a provider that swallows requests costs eight threads one deadline", black_hole),
        TEST("row 13: an old document holds ten minutes more, unless another issuer answers",
             stale_document),
        TEST("discovery is kept ten minutes for all processes", caches),
        TEST("row 13: what the cache returns is checked as what the network returns",
             poisoned_cache),
        TEST("row 13: another issuer, by a character or a slash, starts no flow", other_issuers),
        TEST("row 14: http, file, link-local and other odd endpoints are refused", odd_endpoints),
        TEST("logout: the provider's address, and revocation byte for byte", logout),
        TEST("logout: a hint that makes the address too long is told", long_hint),
        TEST("logout works with the provider down", logout_without_provider),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
