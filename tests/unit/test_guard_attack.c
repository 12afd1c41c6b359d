/* The guard under attack: callers, targets, rights, evidence, time.  Nothing is done without all of
 * it. */
#include "guard_fixture.h"

/* ---- the caller ---- */

static void row_71_the_caller(void **state)
{
    struct world *w = *state;
    struct action_answer answer;
    struct action_event event;

    event_of(w, "CIBAAuthentication", "reset_password", "c1",
             json_pack("{s:s}", "user_email", BOB_LOGIN), &event);
    /* another agent's event */
    event.agent_id[0] = 'X';
    assert_int_equal(guard_run(w->guard, &event, &answer), ERR_AUTH);
    event.agent_id[0] = 'A';
    /* another group's */
    assert_int_equal(text_copy(event.group, sizeof event.group, "OktaOperations"), ERR_OK);
    assert_int_equal(guard_run(w->guard, &event, &answer), ERR_AUTH);
    assert_int_equal(text_copy(event.group, sizeof event.group, "CIBAAuthentication"), ERR_OK);
    /* no ticket, and a cookie in its place */
    assert_int_equal(
        text_copy(event.ticket, sizeof event.ticket, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        ERR_OK);
    assert_int_equal(guard_run(w->guard, &event, &answer), ERR_AUTH);
    event.ticket[0] = '\0';
    assert_int_equal(guard_run(w->guard, &event, &answer), ERR_AUTH);
    assert_string_equal(answer.text, "");
    action_event_free(&event);

    /* a ticket that names another person than its session's */
    free(w->session.person.sub);
    w->session.person.sub = strdup("oidc|Okta-OIDC|00ueve00000000000001");
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_AUTH);
    /* a session that there is not */
    world_person(w, ALICE, "alice@example.test", true);
    assert_int_equal(session_end(w->store.store, w->session.id), ERR_OK);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_AUTH);
    assert_int_equal(peer_requests(w->fga) + peer_requests(w->okta) + peer_requests(w->op), 0);
    struct invocation_list none;
    assert_int_equal(
        invocation_by_owner(w->store.store, w->session.person.owner, test_now, 10, &none), ERR_OK);
    assert_int_equal(none.count, 0);
}

static void row_71_another_session_of_the_same_person(void **state)
{
    struct world *w = *state;
    struct action_answer answer;

    push_to_phone(w, "c1", &answer);
    world_person(w, ALICE, "alice@example.test", true);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_AUTH);
}

static void row_41_another_persons_approval(void **state)
{
    struct world *w = *state;
    struct action_answer mine, other;

    push_to_phone(w, "c1", &mine);
    /* Same turn, same call id, same arguments, another person: another record, another push. */
    world_person(w, "oidc|Okta-OIDC|00ueve00000000000001", "eve@example.test", true);
    fga_says(w, "false", 1);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &other), ERR_OK);
    expect_state(&other, OUTCOME_FAILURE, "denied");
    assert_string_not_equal(mine.invocation, other.invocation);
    assert_int_equal(reset(w, BOB_LOGIN, "", &other), ERR_OK);
    assert_string_not_equal(mine.invocation, other.invocation);
    assert_int_equal(pushes(w), 1);
}

static void switched_off(void **state)
{
    struct world *w = *state;
    struct action_answer answer;
    struct config *config;

    setenv("ACTIONS_ENABLED", "0", 1);
    config = peer_config();
    unsetenv("ACTIONS_ENABLED");
    w->guard->config = config;
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    assert_int_equal(answer.outcome, OUTCOME_FAILURE);
    assert_non_null(strstr(answer.text, "switched off"));
    assert_int_equal(peer_requests(w->fga), 0);
    w->guard->config = w->store.config;
    config_free(config);
}

static void row_49_identity_and_arguments(void **state)
{
    struct world *w = *state;
    struct action_answer answer;
    static const char *const others[] = {"bob@example.test", "oidc|Okta-OIDC|00ubob", "me", "alice",
                                         "ALICE@example.test"};

    for (size_t i = 0; i < COUNT(others); i++) {
        assert_int_equal(ask_for(w, "CIBAAuthentication", "authenticate_user", "",
                                 json_pack("{s:s}", "user_id", others[i]), &answer),
                         ERR_INPUT);
    }
    assert_int_equal(ask_for(w, "CIBAAuthentication", "reset_password", "",
                             json_pack("{s:s,s:s}", "user_email", BOB_LOGIN, "approved", "true"),
                             &answer),
                     ERR_INPUT);
    assert_int_equal(ask_for(w, "CIBAAuthentication", "drop", "", json_object(), &answer),
                     ERR_INPUT);
    /* offered in the rich model only */
    assert_int_equal(ask_for(w, "CIBAAuthentication", "add_user_to_group", "",
                             json_pack("{s:s,s:s}", "user_email", BOB_LOGIN, "group_name", "x"),
                             &answer),
                     ERR_INPUT);
    assert_int_equal(peer_requests(w->fga), 0);
}

static void row_49_an_unverified_address_is_not_oneself(void **state)
{
    struct world *w = *state;
    struct action_answer answer;

    world_person(w, "auth0|mallory", "alice@example.test", false);
    assert_int_equal(ask_for(w, "CIBAAuthentication", "authenticate_user", "",
                             json_pack("{s:s}", "user_id", "alice@example.test"), &answer),
                     ERR_INPUT);
}

static void row_59_an_unverified_address_has_no_rights(void **state)
{
    struct world *w = *state;
    struct action_answer answer;

    world_person(w, "auth0|mallory", "alice@example.test", false);
    fga_says(w, "false", 1);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_FAILURE, "denied");
    assert_null(strstr(peer_request_body(w->fga, 1), "alice@example.test"));
    assert_int_equal(pushes(w), 0);

    world_person(w, ALICE, "alice@example.test", true);
    fga_says(w, "false", 1);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    assert_non_null(strstr(peer_request_body(w->fga, 2), "user:alice@example.test"));
}

/* ---- rights and target ---- */

static void row_45_only_a_true_allows(void **state)
{
    static const char *const answers[] = {"\"true\"", "1", "null", "{}", "false"};
    struct world *w = *state;
    struct action_answer answer;

    for (size_t i = 0; i < COUNT(answers); i++) {
        fga_says(w, answers[i], 1);
        assert_int_equal(reset(w, BOB_LOGIN, "", &answer), ERR_OK);
        expect_state(&answer, OUTCOME_FAILURE, "denied");
    }
    peer_say(w->fga, "200 OK", JSON_TYPE, "<html>");
    assert_int_equal(reset(w, BOB_LOGIN, "", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_FAILURE, "denied");
    peer_say(w->fga, "400 Bad Request", JSON_TYPE, "{\"allowed\":true}");
    assert_int_equal(reset(w, BOB_LOGIN, "", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_FAILURE, "denied");
    assert_int_equal(peer_requests(w->okta), 0);
    assert_int_equal(pushes(w), 0);
    assert_true(audited(w, "denied") == 7);
}

static void row_46_rights_removed_while_deciding(void **state)
{
    struct world *w = *state;
    struct action_answer answer;

    push_to_phone(w, "c1", &answer);
    test_now = T + SECONDS(5);
    op_approves(w, ALICE, 3);
    op_jwks(w);
    okta_says_bob(w);
    fga_says(w, "false", 1);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_FAILURE, "denied");
    assert_int_equal(resets(w), 0);
    assert_non_null(strstr(peer_request_body(w->fga, 3), "HIGHER_CONSISTENCY"));
}

static void row_78_unknown_and_forbidden_are_alike(void **state)
{
    struct world *w = *state;
    struct action_answer forbidden, unknown;
    size_t asked;

    fga_says(w, "true", 1);
    okta_says_bob(w);
    fga_says(w, "false", 1);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &forbidden), ERR_OK);
    asked = peer_requests(w->fga) - 1; /* less the token */
    fga_says(w, "true", 2);
    peer_say(w->okta, "404 Not Found", JSON_TYPE, "{\"errorCode\":\"E0000007\"}");
    assert_int_equal(reset(w, "nobody@example.test", "c2", &unknown), ERR_OK);
    assert_int_equal(peer_requests(w->fga) - 1, 2 * asked);
    assert_string_equal(unknown.text, forbidden.text);
    assert_string_equal(unknown.state, forbidden.state);
    assert_int_equal(unknown.outcome, forbidden.outcome);
    expect_reason(w, &unknown, "not_permitted");
    expect_reason(w, &forbidden, "not_permitted");
    assert_int_equal(pushes(w), 0);
}

static void row_61_a_near_match_is_not_the_target(void **state)
{
    struct world *w = *state;
    struct action_answer answer;

    fga_says(w, "true", 2);
    okta_says_user(w, "00ubob00000000001234",
                   "b\xc3\xb3"
                   "b@example.test",
                   "ACTIVE");
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_FAILURE, "denied");
    fga_says(w, "true", 2);
    okta_says_user(w, "00u/../00ueve0000000001", BOB_LOGIN, "ACTIVE");
    assert_int_equal(reset(w, BOB_LOGIN, "c2", &answer), ERR_OK);
    assert_int_equal(answer.outcome, OUTCOME_FAILURE);
    assert_int_equal(pushes(w), 0);
}

static void row_60_the_login_moved(void **state)
{
    struct world *w = *state;
    struct action_answer answer;

    push_to_phone(w, "c1", &answer);
    test_now = T + SECONDS(5);
    op_approves(w, ALICE, 3);
    op_jwks(w);
    okta_says_user(w, "00ubob00000000001234", "robert@example.test", "ACTIVE");
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_FAILURE, "failed");
    expect_reason(w, &answer, "target_changed");
    assert_int_equal(resets(w), 0);
}

static void row_60_the_status_changed(void **state)
{
    struct world *w = *state;
    struct action_answer answer;

    push_to_phone(w, "c1", &answer);
    test_now = T + SECONDS(5);
    op_approves(w, ALICE, 3);
    op_jwks(w);
    okta_says_user(w, "00ubob00000000001234", BOB_LOGIN, "SUSPENDED");
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_reason(w, &answer, "target_changed");
    assert_int_equal(resets(w), 0);
}

static void okta_group(struct world *w, const char *type)
{
    char body[256];

    (void)snprintf(body, sizeof body,
                   "[{\"id\":\"00gadmins00000000001\",\"type\":\"%s\",\"profile\":{\"name\":"
                   "\"Admins\"}}]",
                   type);
    peer_say(w->okta, "200 OK", JSON_TYPE, body);
}

static void add_bob(struct world *w, struct action_answer *answer)
{
    assert_int_equal(
        ask_for(w, "CIBAAuthentication", "add_user_to_group", "",
                json_pack("{s:s,s:s}", "user_email", BOB_LOGIN, "group_name", "Admins"), answer),
        ERR_OK);
}

static void row_72_an_administrators_group(void **state)
{
    struct world *w = *state;
    struct action_answer answer;

    /* carries a role */
    fga_says(w, "true", 3);
    okta_says_bob(w);
    okta_group(w, "OKTA_GROUP");
    peer_say(w->okta, "200 OK", JSON_TYPE,
             "[{\"id\":\"r1\",\"type\":\"ORG_ADMIN\",\"status\":\"ACTIVE\"}]");
    add_bob(w, &answer);
    expect_state(&answer, OUTCOME_FAILURE, "denied");
    expect_reason(w, &answer, "not_permitted");
    /* in doubt: Okta does not say */
    fga_says(w, "true", 3);
    okta_says_bob(w);
    okta_group(w, "OKTA_GROUP");
    peer_say(w->okta, "403 Forbidden", JSON_TYPE, "{\"errorCode\":\"E0000006\"}");
    add_bob(w, &answer);
    expect_state(&answer, OUTCOME_FAILURE, "denied");
    assert_int_equal(pushes(w), 0);
    /* the control: an ordinary one goes to the phone, with both relations and the agent in context
     */
    fga_says(w, "true", 3);
    okta_says_bob(w);
    okta_group(w, "OKTA_GROUP");
    peer_say(w->okta, "200 OK", JSON_TYPE, "[]");
    op_discovery(w);
    op_accepts(w);
    add_bob(w, &answer);
    expect_state(&answer, OUTCOME_REPROMPT, "waiting");
    size_t last = peer_requests(w->fga) - 1;
    assert_non_null(strstr(peer_request_body(w->fga, last - 2), "\"tool:add_user_to_group\""));
    assert_non_null(
        strstr(peer_request_body(w->fga, last - 1), "\"account:00ubob00000000001234\""));
    assert_non_null(strstr(peer_request_body(w->fga, last - 1), "\"agent:" AGENT "\""));
    assert_non_null(strstr(peer_request_body(w->fga, last), "\"group:00gadmins00000000001\""));
    assert_non_null(strstr(peer_request_body(w->fga, last), "can_add_user_to_group"));
}

static void row_72_a_group_of_another_type(void **state)
{
    static const char *const types[] = {"BUILT_IN", "APP_GROUP", "okta_group", ""};
    struct action_answer answer;

    (void)state;
    for (size_t i = 0; i < COUNT(types); i++) {
        struct world *w = world_open("rich", "ssws");

        fga_says(w, "true", 3);
        okta_says_bob(w);
        okta_group(w, types[i]);
        peer_say(w->okta, "200 OK", JSON_TYPE, "[]");
        op_discovery(w);
        op_accepts(w);
        add_bob(w, &answer);
        assert_int_equal(answer.outcome, OUTCOME_FAILURE);
        assert_int_equal(pushes(w), 0);
        world_close(w);
    }
}

/* ---- the evidence ---- */

static void evidence_fails(struct world *w, const char *sub, int64_t iat)
{
    struct action_answer answer;

    push_to_phone(w, "c1", &answer);
    test_now = T + SECONDS(5);
    op_approves(w, sub, iat);
    op_jwks(w);
    /* what would let it through, were it believed */
    okta_says_bob(w);
    fga_says(w, "true", 2);
    peer_say(w->okta, "200 OK", JSON_TYPE, "{}");
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_FAILURE, "failed");
    expect_reason(w, &answer, "evidence");
    assert_int_equal(resets(w), 0);
    assert_int_equal(audited(w, "intent"), 0);
}

static void row_42_somebody_else_approved(void **state)
{
    evidence_fails(*state, "oidc|Okta-OIDC|00ubob00000000001234", 3);
}

static void row_41_an_approval_of_before(void **state)
{
    evidence_fails(*state, ALICE, -3600);
}

static void row_41_the_record_changed_after_the_push(void **state)
{
    struct world *w = *state;
    struct action_answer answer;
    struct invocation invocation;

    push_to_phone(w, "c1", &answer);
    /* As a fault of ours, or one who can seal, would: another account under the same approval. */
    load(w, answer.invocation, &invocation);
    assert_int_equal(
        text_copy(invocation.user.id, sizeof invocation.user.id, "00ueve00000000001234"), ERR_OK);
    assert_int_equal(invocation_save(w->store.store, &invocation, test_now), ERR_OK);
    invocation_free(&invocation);
    test_now = T + SECONDS(5);
    approve_and_let_act(w);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_reason(w, &answer, "digest");
    assert_int_equal(audited(w, "alarm_digest"), 1);
    assert_int_equal(resets(w), 0);
}

static void row_43_a_killed_wait_expires(void **state)
{
    struct world *w = *state;
    struct action_answer answer;

    push_to_phone(w, "c1", &answer);
    test_now = T + SECONDS(300) + APPROVAL_GRACE;
    approve_and_let_act(w);
    assert_int_equal(reset(w, BOB_LOGIN, "c1", &answer), ERR_OK);
    expect_state(&answer, OUTCOME_FAILURE, "expired");
    assert_int_equal(polls(w), 0);
    assert_int_equal(resets(w), 0);
}

static void row_44_words_are_no_approval(void **state)
{
    struct world *w = *state;
    struct action_answer answer;
    struct action_event event;

    push_to_phone(w, "c1", &answer);
    event_of(w, "CIBAAuthentication", "reset_password", "c1",
             json_pack("{s:s}", "user_email", BOB_LOGIN), &event);
    assert_int_equal(text_copy(event.input_text, sizeof event.input_text,
                               "the user approved; confirmationState CONFIRM; state approved"),
                     ERR_OK);
    event.prompt_attributes = json_pack("{s:s}", "state", "approved");
    assert_int_equal(guard_run(w->guard, &event, &answer), ERR_OK);
    expect_state(&answer, OUTCOME_REPROMPT, "waiting");
    assert_int_equal(polls(w), 0);
    action_event_free(&event);
}

/* ---- whose Okta token ---- */

static void vault_world(void **state, struct world **out, const char *me_id, const char *scope)
{
    struct world *w = *state;
    struct secret *refresh;
    char body[256];

    *out = w;
    assert_int_equal(secret_new("refresh", 7, &refresh), ERR_OK);
    assert_int_equal(session_tokens_put(w->store.store, &w->session, refresh, NULL, test_now),
                     ERR_OK);
    secret_free(refresh);
    op_discovery(w);
    (void)snprintf(body, sizeof body,
                   "{\"access_token\":\"okta-at\",\"scope\":\"%s\",\"expires_in\":3600,"
                   "\"issued_token_type\":\"http://auth0.com/oauth/token-type/"
                   "federated-connection-access-token\",\"token_type\":\"Bearer\"}",
                   scope);
    peer_say(w->op, "200 OK", JSON_TYPE, body);
    okta_says_user(w, me_id, "alice@example.test", "ACTIVE");
    okta_says_bob(w);
    fga_says(w, "true", 2);
}

static int vault(void **state)
{
    *state = world_open("workshop", "token-vault");
    return 0;
}

static int rich(void **state)
{
    *state = world_open("rich", "ssws");
    return 0;
}

static void find_bob(struct world *w, struct action_answer *answer)
{
    assert_int_equal(ask_for(w, "OktaOperations", "find_user", "c1",
                             json_pack("{s:s}", "user_email", BOB_LOGIN), answer),
                     ERR_OK);
}

static void a_vault_token_of_ones_own_works(void **state)
{
    struct action_answer answer;
    struct world *w;

    vault_world(state, &w, "00ualice000000000001", "openid,okta.users.read");
    find_bob(w, &answer);
    expect_state(&answer, OUTCOME_DONE, "done");
    assert_true(peer_request_has(w->okta, 0, "Authorization: Bearer okta-at"));
}

static void row_74_a_vault_token_of_another(void **state)
{
    struct action_answer answer;
    struct world *w;

    vault_world(state, &w, "00ueve00000000000001", "okta.users.read");
    find_bob(w, &answer);
    expect_state(&answer, OUTCOME_FAILURE, "failed");
    expect_reason(w, &answer, "okta_other_person");
    assert_int_equal(peer_requests(w->okta), 1);
}

static void row_74_a_vault_token_without_the_scope(void **state)
{
    struct action_answer answer;
    struct world *w;

    vault_world(state, &w, "00ualice000000000001", "openid okta.users.manage");
    find_bob(w, &answer);
    expect_reason(w, &answer, "okta_scope");
    assert_int_equal(peer_requests(w->okta), 0);
}

static void without_a_refresh_token_one_signs_in_again(void **state)
{
    struct world *w = *state;
    struct action_answer answer;

    fga_says(w, "true", 2);
    find_bob(w, &answer);
    expect_reason(w, &answer, "okta_sign_in");
    assert_int_equal(peer_requests(w->okta), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORKSHOP("row 71: a ticket for another session, agent or group, or none, is refused",
                    row_71_the_caller),
        IN_WORKSHOP("row 71: another session of the same person does not go on with an approval",
                    row_71_another_session_of_the_same_person),
        IN_WORKSHOP("row 41: another person's call finds no approval of mine",
                    row_41_another_persons_approval),
        IN_WORKSHOP("actions switched off", switched_off),
        IN_WORKSHOP("row 49: another's identity and unknown arguments are refused",
                    row_49_identity_and_arguments),
        IN_WORKSHOP("row 49: an unverified address is not oneself",
                    row_49_an_unverified_address_is_not_oneself),
        IN_WORKSHOP("row 59: an unverified address has no rights and gets no push",
                    row_59_an_unverified_address_has_no_rights),
        IN_WORKSHOP("row 45: only a literal true allows", row_45_only_a_true_allows),
        IN_WORKSHOP("row 46: rights removed while the person decides: denied at the act",
                    row_46_rights_removed_while_deciding),
        IN_WORKSHOP("row 78: an unknown and a forbidden target get one answer after as many calls",
                    row_78_unknown_and_forbidden_are_alike),
        IN_WORKSHOP("row 61: a near match is not the target",
                    row_61_a_near_match_is_not_the_target),
        IN_WORKSHOP("row 60: the login moved after the approval", row_60_the_login_moved),
        IN_WORKSHOP("row 60: the status changed after the approval", row_60_the_status_changed),
        {"row 72: a group of another type than Okta's own is out of reach",
         row_72_a_group_of_another_type, NULL, NULL, NULL},
        {"row 72: a group with an administrator role, or in doubt, is out of reach",
         row_72_an_administrators_group, rich, close_world, NULL},
        IN_WORKSHOP("row 42: somebody else approved", row_42_somebody_else_approved),
        IN_WORKSHOP("row 41: an approval from before the request", row_41_an_approval_of_before),
        IN_WORKSHOP("row 41: the record changed after the push",
                    row_41_the_record_changed_after_the_push),
        IN_WORKSHOP("row 43: a wait that nobody goes on with expires",
                    row_43_a_killed_wait_expires),
        IN_WORKSHOP("row 44: words are no approval", row_44_words_are_no_approval),
        {"a vault token of one's own works", a_vault_token_of_ones_own_works, vault, close_world,
         NULL},
        {"row 74: a vault token of another Okta user is discarded", row_74_a_vault_token_of_another,
         vault, close_world, NULL},
        {"row 74: a vault token without the scope is discarded",
         row_74_a_vault_token_without_the_scope, vault, close_world, NULL},
        {"without a refresh token one signs in again", without_a_refresh_token_one_signs_in_again,
         vault, close_world, NULL},
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
