/* The guard and Okta: whose token, whose account, and what an answer must not tell. */
#include "guard_fixture.h"

/* ---- a service app's token ---- */

static int service(void **state)
{
    cjose_err why;
    cjose_jwk_t *jwk = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &why);
    char *text = cjose_jwk_to_json(jwk, true, &why);

    setenv("OKTA_PRIVATE_KEY", text, 1);
    setenv("OKTA_CLIENT_ID", "0oaservice0000000001", 1);
    free(text);
    cjose_jwk_release(jwk);
    *state = world_open("workshop", "private-key-jwt");
    unsetenv("OKTA_PRIVATE_KEY");
    unsetenv("OKTA_CLIENT_ID");
    return 0;
}

static void okta_token(struct world *w, const char *token)
{
    char body[256];

    (void)snprintf(body, sizeof body,
                   "{\"token_type\":\"Bearer\",\"expires_in\":3600,\"access_token\":\"%s\","
                   "\"scope\":\"okta.users.read\"}",
                   token);
    peer_say(w->okta, "200 OK", JSON_TYPE, body);
}

static void find_bob(struct world *w, const char *call_id, struct action_answer *answer)
{
    fga_says(w, "true", 2);
    assert_int_equal(ask_for(w, "OktaOperations", "find_user", call_id,
                             json_pack("{s:s}", "user_email", BOB_LOGIN), answer),
                     ERR_OK);
}

static size_t tokens_asked(struct world *w)
{
    size_t count = 0;

    for (size_t i = 0; i < peer_requests(w->okta); i++) {
        count += strncmp(peer_request(w->okta, i), "POST /oauth2/v1/token ", 22) == 0;
    }
    return count;
}

static void a_refused_service_token_is_not_kept(void **state)
{
    struct world *w = *state;
    struct action_answer answer;

    okta_token(w, "first");
    okta_says_bob(w);
    find_bob(w, "c1", &answer);
    expect_state(&answer, OUTCOME_DONE, "done");
    okta_says_bob(w);
    find_bob(w, "c2", &answer);
    assert_int_equal(tokens_asked(w), 1); /* the control: it is kept while it is good */
    /* Revoked at Okta. */
    peer_say(w->okta, "401 Unauthorized", JSON_TYPE, "{\"errorCode\":\"E0000011\"}");
    find_bob(w, "c3", &answer);
    expect_reason(w, &answer, "okta_refused");
    okta_token(w, "second");
    okta_says_bob(w);
    find_bob(w, "c4", &answer);
    expect_state(&answer, OUTCOME_DONE, "done");
    assert_int_equal(tokens_asked(w), 2);
    assert_true(
        peer_request_has(w->okta, peer_requests(w->okta) - 1, "Authorization: Bearer second"));
}

/* ---- whose account ---- */

static void row_74_an_email_names_a_login_only_where_it_is_trusted(void **state)
{
    struct person person;
    struct config *config;

    (void)state;
    setenv("FGA_EMAIL_ISSUER", "https://op.test/", 1);
    config = peer_config();
    assert_int_equal(person_new("https://op.test/", "auth0|a", "a@x.test", true, NULL, &person),
                     ERR_OK);
    assert_true(okta_login_is_email(config, &person));
    person.email_verified = false;
    assert_false(okta_login_is_email(config, &person));
    person_free(&person);
    assert_int_equal(person_new("https://other.test/", "auth0|a", "a@x.test", true, NULL, &person),
                     ERR_OK);
    assert_false(okta_login_is_email(config, &person));
    config_free(config);
    setenv("FGA_EMAIL_ISSUER", "", 1);
    config = peer_config();
    assert_false(okta_login_is_email(config, &person));
    person_free(&person);
    assert_int_equal(person_new("https://op.test/", "auth0|a", NULL, true, NULL, &person), ERR_OK);
    assert_false(okta_login_is_email(config, &person));
    person_free(&person);
    config_free(config);
}

static int vault(void **state)
{
    *state = world_open("workshop", "token-vault");
    return 0;
}

/* Signed in as auth0|alice (no Okta id in it); the vault's token is of the account `me`. */
static void with_vault_account(struct world *w, const char *me_login, const char *me_email,
                               struct action_answer *answer)
{
    struct secret *refresh;
    char body[512];

    world_person(w, "auth0|alice", "alice@example.test", true);
    assert_int_equal(secret_new("refresh", 7, &refresh), ERR_OK);
    assert_int_equal(session_tokens_put(w->store.store, &w->session, refresh, NULL, test_now),
                     ERR_OK);
    secret_free(refresh);
    op_discovery(w);
    peer_say(w->op, "200 OK", JSON_TYPE,
             "{\"access_token\":\"okta-at\",\"scope\":\"okta.users.read\",\"expires_in\":3600,"
             "\"issued_token_type\":\"http://auth0.com/oauth/token-type/"
             "federated-connection-access-token\",\"token_type\":\"Bearer\"}");
    (void)snprintf(body, sizeof body,
                   "{\"id\":\"00ume000000000000001\",\"status\":\"ACTIVE\",\"profile\":"
                   "{\"login\":\"%s\",\"email\":\"%s\"}}",
                   me_login, me_email);
    peer_say(w->okta, "200 OK", JSON_TYPE, body);
    okta_says_bob(w);
    find_bob(w, "c1", answer);
}

static void row_74_the_same_login_of_the_trusted_issuer(void **state)
{
    struct world *w = *state;
    struct action_answer answer;

    with_vault_account(w, "alice@example.test", "other@example.test", &answer);
    expect_state(&answer, OUTCOME_DONE, "done");
}

static void row_74_an_email_that_its_owner_set(void **state)
{
    struct world *w = *state;
    struct action_answer answer;

    with_vault_account(w, "eve@example.test", "alice@example.test", &answer);
    expect_state(&answer, OUTCOME_FAILURE, "failed");
    expect_reason(w, &answer, "okta_other_person");
    assert_int_equal(peer_requests(w->okta), 1);
}

/* ---- what an answer must not tell ---- */

static int rich(void **state)
{
    *state = world_open("rich", "ssws");
    return 0;
}

static void row_78_an_account_that_may_not_be_read(void **state)
{
    struct world *w = *state;
    struct action_answer unread, unknown;

    peer_say(w->okta, "403 Forbidden", JSON_TYPE, "{\"errorCode\":\"E0000006\"}");
    find_bob(w, "c1", &unread);
    peer_say(w->okta, "404 Not Found", JSON_TYPE, "{\"errorCode\":\"E0000007\"}");
    find_bob(w, "c2", &unknown);
    assert_string_equal(unread.text, unknown.text);
    assert_string_equal(unread.state, unknown.state);
    assert_int_equal(unread.outcome, unknown.outcome);
    expect_reason(w, &unread, "not_permitted");
    assert_int_equal(audited(w, "denied"), 2);
}

/* How many calls the remote parties get for one proposal with that group's answers. */
static size_t calls_for(struct world *w, const char *call_id, const char *groups,
                        struct action_answer *answer)
{
    size_t before = peer_requests(w->okta) + peer_requests(w->fga);

    fga_says(w, "true", 2);
    fga_says(w, "false", 1); /* whatever is found, it is not permitted */
    okta_says_bob(w);
    peer_say(w->okta, "200 OK", JSON_TYPE, groups);
    peer_say(w->okta, "200 OK", JSON_TYPE, "[]");
    assert_int_equal(ask_for(w, "CIBAAuthentication", "add_user_to_group", call_id,
                             json_pack("{s:s,s:s}", "user_email", BOB_LOGIN, "group_name", "Staff"),
                             answer),
                     ERR_OK);
    expect_state(answer, OUTCOME_FAILURE, "denied");
    expect_reason(w, answer, "not_permitted");
    return peer_requests(w->okta) + peer_requests(w->fga) - before;
}

static void row_78_a_group_that_is_not_there_takes_as_many_calls(void **state)
{
    struct world *w = *state;
    struct action_answer there, not_there;
    size_t calls;

    /* the first pays for FGA's token */
    (void)calls_for(w, "c0", "[]", &there);
    calls = calls_for(w, "c1",
                      "[{\"id\":\"00gstaff000000000001\",\"type\":\"OKTA_GROUP\",\"profile\":"
                      "{\"name\":\"Staff\"}}]",
                      &there);
    assert_int_equal(calls, 6);
    assert_int_equal(calls_for(w, "c2", "[]", &not_there), calls);
    assert_string_equal(there.text, not_there.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"a service token that Okta refused is not kept", a_refused_service_token_is_not_kept,
         service, close_world, NULL},
        {"row 74: an e-mail names a login only where it is trusted",
         row_74_an_email_names_a_login_only_where_it_is_trusted, NULL, NULL, NULL},
        {"row 74: the same login of the trusted issuer is oneself",
         row_74_the_same_login_of_the_trusted_issuer, vault, close_world, NULL},
        {"row 74: an e-mail that its owner set links nobody", row_74_an_email_that_its_owner_set,
         vault, close_world, NULL},
        IN_WORKSHOP("row 78: an account that may not be read reads like an unknown one",
                    row_78_an_account_that_may_not_be_read),
        {"row 78: a group that is not there takes as many calls",
         row_78_a_group_that_is_not_there_takes_as_many_calls, rich, close_world, NULL},
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
