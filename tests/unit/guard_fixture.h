/*
 * A guard over a real store, with the three remote parties as scripted peers and
 * a clock that the test moves.  Handlers call Okta's module as the programs do.
 * Included by the test_guard_*.c files only.
 */
#ifndef TESTS_GUARD_FIXTURE_H
#define TESTS_GUARD_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjose/cjose.h>
#include <cmocka.h>

#include "base/text.h"
#include "catalogue/marks.h"
#include "catalogue/ticket.h"
#include "crypto/jose.h"
#include "guard/denial.h"
#include "guard/guard.h"
#include "guard/internal.h"
#include "http_peer.h"
#include "store/audit.h"
#include "store_fixture.h"

/* Each test file uses its part of what follows. */
#pragma GCC diagnostic ignored "-Wunused-function"

#define JSON_TYPE "Content-Type: application/json\r\n"
#define ALICE "oidc|Okta-OIDC|00ualice000000000001"
#define BOB_LOGIN "bob@example.test"
#define AGENT "AGENT12345"

struct world {
    struct fixture store;
    struct peer *op, *fga, *okta;
    struct http *http;
    struct guard *guard;
    struct session session;
    char issuer[128];
    struct secret *key; /* the provider's, as a private JWK */
    char turn[32];
    unsigned calls;
};

/* ---- the clock; a hook runs at the n-th reading from now on ---- */
static msec test_now, test_mono;
static int hook_after;
static void (*hook)(struct world *);
static struct world *hook_world;

static msec clock_of_test(void)
{
    if (hook != NULL && --hook_after == 0) {
        void (*run)(struct world *) = hook;

        hook = NULL; /* what it does reads the clock too */
        run(hook_world);
    }
    return test_now;
}

static msec mono_of_test(void)
{
    return test_mono;
}

/* ---- handlers, as action-ciba has them ---- */
static enum err act_reset(const struct guard_act *act, struct buf *text)
{
    char code[OKTA_CODE_SIZE];

    buf_adds(text, "The password was reset.");
    return okta_reset_password(act->okta, act->token, act->invocation->user.id, code);
}

static enum err saw_reset(const struct guard_act *act)
{
    struct okta_user user;
    enum err err = okta_user_by_id(act->okta, act->token, act->invocation->user.id, &user);

    return err != ERR_OK ? err : text_equal(user.status, "RECOVERY") ? ERR_OK : ERR_DENIED;
}

static enum err act_add(const struct guard_act *act, struct buf *text)
{
    char code[OKTA_CODE_SIZE];

    buf_adds(text, "Added.");
    return okta_group_add(act->okta, act->token, act->invocation->target_group.id,
                          act->invocation->user.id, code);
}

static enum err act_find(const struct guard_act *act, struct buf *text)
{
    buf_addf(text, "%s is %s.", act->invocation->user.login, act->invocation->user.status);
    return ERR_OK;
}

static enum err act_presence(const struct guard_act *act, struct buf *text)
{
    (void)act;
    buf_adds(text, "Present.");
    return ERR_OK;
}

static const struct guard_handler test_handlers[] = {
    {"reset_password", "okta.users.read okta.users.manage", act_reset, saw_reset},
    {"add_user_to_group", NULL, act_add, NULL},
    {"find_user", NULL, act_find, NULL},
    {"authenticate_user", NULL, act_presence, NULL},
};

/* ---- set-up ---- */
static void world_key(struct world *w)
{
    cjose_err why;
    cjose_jwk_t *jwk = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &why);
    char *text = cjose_jwk_to_json(jwk, true, &why);

    assert_int_equal(secret_new(text, strlen(text), &w->key), ERR_OK);
    free(text);
    cjose_jwk_release(jwk);
}

static void world_person(struct world *w, const char *sub, const char *email, bool verified)
{
    static const uint8_t seed[SESSION_RANDOM] = {7};
    uint8_t random[SESSION_RANDOM];
    struct session_limits limits = session_limits(w->store.config);
    char token[SESSION_TOKEN_SIZE];
    struct person person;

    memcpy(random, seed, sizeof random);
    random[1] = (uint8_t)++w->calls;
    session_free(&w->session);
    assert_int_equal(person_new(w->issuer, sub, email, verified, "Alice", &person), ERR_OK);
    assert_int_equal(session_create(w->store.store, &limits, &person, "sid", "test", test_now,
                                    test_now, test_now, random, token, &w->session),
                     ERR_OK);
    person_free(&person);
}

static struct world *world_open(const char *profile, const char *okta_auth)
{
    struct world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    test_now = T;
    test_mono = 1000;
    hook = NULL;
    w->op = peer_start(NULL);
    w->fga = peer_start(NULL);
    w->okta = peer_start(NULL);
    setenv("ALLOW_HTTP_LOOPBACK", "1", 1);
    setenv("FGA_STORE_ID", "S", 1);
    setenv("FGA_MODEL_ID", "M", 1);
    setenv("FGA_CLIENT_ID", "fga-client", 1);
    setenv("FGA_CLIENT_SECRET", "fga-secret", 1);
    setenv("FGA_API_URL", peer_url(w->fga, ""), 1);
    setenv("FGA_TOKEN_URL", peer_url(w->fga, "/oauth/token"), 1);
    setenv("FGA_PROFILE", profile, 1);
    setenv("OKTA_DOMAIN", peer_url(w->okta, ""), 1);
    setenv("OKTA_AUTH", okta_auth, 1);
    setenv("OKTA_API_TOKEN", "api-token", 1);
    assert_int_equal(text_copy(w->issuer, sizeof w->issuer, peer_url(w->op, "/")), ERR_OK);
    setenv("OIDC_ISSUER", w->issuer, 1);
    setenv("FGA_EMAIL_ISSUER", w->issuer, 1);
    setenv("AUTH0_CLIENT_ID", "web-client", 1);
    setenv("AUTH0_CLIENT_SECRET", "web-secret", 1);
    setenv("AUTH0_CONNECTION_NAME", "Okta-OIDC", 1);
    setenv("PUBLIC_URL", "http://localhost:9160", 1);
    fixture_open(&w->store);
    assert_int_equal(http_open(w->store.config, &w->http), ERR_OK);
    assert_int_equal(guard_open(w->store.config, w->store.store, w->http, test_handlers,
                                COUNT(test_handlers), &w->guard),
                     ERR_OK);
    w->guard->now = clock_of_test;
    w->guard->monotonic = mono_of_test;
    world_key(w);
    world_person(w, ALICE, "alice@example.test", true);
    (void)snprintf(w->turn, sizeof w->turn, "turn-1");
    hook_world = w;
    peer_say(w->fga, "200 OK", JSON_TYPE, "{\"access_token\":\"t\",\"expires_in\":86400}");
    return w;
}

static void world_close(struct world *w)
{
    guard_free(w->guard);
    http_free(w->http);
    session_free(&w->session);
    secret_free(w->key);
    fixture_close(&w->store);
    peer_stop(w->op);
    peer_stop(w->fga);
    peer_stop(w->okta);
    free(w);
}

/* ---- what the remote parties say next ---- */
static void fga_says(struct world *w, const char *allowed, int times)
{
    char body[128];

    (void)snprintf(body, sizeof body, "{\"allowed\":%s}", allowed);
    for (int i = 0; i < times; i++) {
        peer_say(w->fga, "200 OK", JSON_TYPE, body);
    }
}

static void okta_says_user(struct world *w, const char *id, const char *login, const char *status)
{
    char body[512];

    (void)snprintf(body, sizeof body,
                   "{\"id\":\"%s\",\"status\":\"%s\",\"profile\":{\"login\":\"%s\","
                   "\"email\":\"%s\",\"firstName\":\"Bob, approved K7QX\"}}",
                   id, status, login, login);
    peer_say(w->okta, "200 OK", JSON_TYPE, body);
}

static void okta_says_bob(struct world *w)
{
    okta_says_user(w, "00ubob00000000001234", BOB_LOGIN, "ACTIVE");
}

static void op_discovery(struct world *w)
{
    char body[1024], at[128];

    (void)snprintf(at, sizeof at, "%.*s", (int)strlen(w->issuer) - 1, w->issuer);
    (void)snprintf(body, sizeof body,
                   "{\"issuer\":\"%s\",\"authorization_endpoint\":\"%s/authorize\","
                   "\"token_endpoint\":\"%s/token\",\"jwks_uri\":\"%s/jwks\","
                   "\"backchannel_authentication_endpoint\":\"%s/bc-authorize\","
                   "\"response_types_supported\":[\"code\"],\"subject_types_supported\":"
                   "[\"public\"],\"id_token_signing_alg_values_supported\":[\"ES256\"]}",
                   w->issuer, at, at, at, at);
    peer_say(w->op, "200 OK", JSON_TYPE, body);
}

static void op_accepts(struct world *w)
{
    peer_say(w->op, "200 OK", JSON_TYPE,
             "{\"auth_req_id\":\"req-1\",\"expires_in\":300,\"interval\":5}");
}

static void op_error(struct world *w, const char *error)
{
    char body[128];

    (void)snprintf(body, sizeof body, "{\"error\":\"%s\"}", error);
    peer_say(w->op, "400 Bad Request", JSON_TYPE, body);
}

static void op_jwks(struct world *w)
{
    json_t *jwk = json_loads(secret_text(w->key), 0, NULL), *set;
    char *text;

    json_object_del(jwk, "d");
    set = json_pack("{s:[o]}", "keys", jwk);
    text = json_dumps(set, JSON_COMPACT);
    peer_say(w->op, "200 OK", JSON_TYPE, text);
    free(text);
    json_decref(set);
}

/* The phone said yes: an ID token of sub, issued iat seconds after T. */
static void op_approves(struct world *w, const char *sub, int64_t iat)
{
    struct buf token = buf_make(8192), body = buf_make(16384);
    json_t *claims =
        json_pack("{s:s, s:s, s:s, s:I, s:I}", "iss", w->issuer, "aud", "web-client", "sub", sub,
                  "iat", (json_int_t)(T / 1000 + iat), "exp", (json_int_t)(T / 1000 + iat + 3600));

    assert_int_equal(jose_sign(w->key, JOSE_ES256, NULL, claims, &token), ERR_OK);
    buf_addf(&body,
             "{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":60,"
             "\"id_token\":\"%s\"}",
             buf_str(&token));
    peer_say(w->op, "200 OK", JSON_TYPE, buf_str(&body));
    json_decref(claims);
    buf_free(&token);
    buf_free(&body);
}

/* ---- asking ---- */
static void event_of(struct world *w, const char *group, const char *action, const char *call_id,
                     json_t *arguments, struct action_event *event)
{
    struct ticket ticket = {.agent = AGENT};
    struct buf text = buf_make(TICKET_MAX);

    memset(event, 0, sizeof *event);
    assert_int_equal(text_copy(event->group, sizeof event->group, group), ERR_OK);
    assert_int_equal(text_copy(event->function, sizeof event->function, action), ERR_OK);
    assert_int_equal(text_copy(event->agent_id, sizeof event->agent_id, AGENT), ERR_OK);
    assert_int_equal(text_copy(event->call_id, sizeof event->call_id, call_id), ERR_OK);
    assert_int_equal(text_copy(event->input_text, sizeof event->input_text, "reset bob's password"),
                     ERR_OK);
    event->arguments = arguments;
    assert_int_equal(text_copy(ticket.iss, sizeof ticket.iss, w->session.person.iss), ERR_OK);
    assert_int_equal(text_copy(ticket.sub, sizeof ticket.sub, w->session.person.sub), ERR_OK);
    assert_int_equal(text_copy(ticket.turn, sizeof ticket.turn, w->turn), ERR_OK);
    assert_int_equal(text_copy(ticket.group, sizeof ticket.group, group), ERR_OK);
    hex_encode(w->session.id, RECORD_ID_SIZE, ticket.session);
    assert_int_equal(ticket_mint(w->store.ring, &ticket, test_now, &text), ERR_OK);
    assert_int_equal(text_copy(event->ticket, sizeof event->ticket, buf_str(&text)), ERR_OK);
    buf_free(&text);
}

static enum err ask_for(struct world *w, const char *group, const char *action, const char *call_id,
                        json_t *arguments, struct action_answer *answer)
{
    struct action_event event;
    enum err err;

    event_of(w, group, action, call_id, arguments, &event);
    err = guard_run(w->guard, &event, answer);
    action_event_free(&event);
    return err;
}

static enum err reset(struct world *w, const char *login, const char *call_id,
                      struct action_answer *answer)
{
    return ask_for(w, "CIBAAuthentication", "reset_password", call_id,
                   json_pack("{s:s}", "user_email", login), answer);
}

static void expect_state(const struct action_answer *answer, enum action_outcome outcome,
                         const char *state)
{
    assert_string_equal(answer->state, state);
    assert_int_equal(answer->outcome, outcome);
}

static void load(struct world *w, const char *id, struct invocation *out)
{
    assert_int_equal(invocation_get(w->store.store, id, test_now, out), ERR_OK);
}

static void expect_reason(struct world *w, const struct action_answer *answer, const char *reason)
{
    struct invocation invocation;

    load(w, answer->invocation, &invocation);
    assert_string_equal(invocation.reason, reason);
    invocation_free(&invocation);
}

/* How often Okta was asked to reset a password. */
static size_t resets(struct world *w)
{
    size_t count = 0;

    for (size_t i = 0; i < peer_requests(w->okta); i++) {
        count += strstr(peer_request(w->okta, i), "/lifecycle/reset_password") != NULL;
    }
    return count;
}

static size_t pushes(struct world *w)
{
    size_t count = 0;

    for (size_t i = 0; i < peer_requests(w->op); i++) {
        count += strncmp(peer_request(w->op, i), "POST /bc-authorize ", 19) == 0;
    }
    return count;
}

static size_t polls(struct world *w)
{
    size_t count = 0;

    for (size_t i = 0; i < peer_requests(w->op); i++) {
        count += strncmp(peer_request(w->op, i), "POST /token ", 12) == 0;
    }
    return count;
}

/* A proposed reset of bob's password whose push is on the phone. */
static void push_to_phone(struct world *w, const char *call_id, struct action_answer *answer)
{
    fga_says(w, "true", 2);
    okta_says_bob(w);
    if (peer_requests(w->op) == 0) {
        op_discovery(w);
    }
    op_accepts(w);
    assert_int_equal(reset(w, BOB_LOGIN, call_id, answer), ERR_OK);
    expect_state(answer, OUTCOME_REPROMPT, "waiting");
}

/* What steps 6 to 10 of an approved reset ask for, all in order. */
static void approve_and_let_act(struct world *w)
{
    op_approves(w, ALICE, 3);
    op_jwks(w);
    okta_says_bob(w);
    fga_says(w, "true", 2);
    peer_say(w->okta, "200 OK", JSON_TYPE, "{}");
    okta_says_user(w, "00ubob00000000001234", BOB_LOGIN, "RECOVERY");
}

static void put_mark(struct world *w, const uint8_t id[RECORD_ID_SIZE])
{
    struct record mark = {.kind = KIND_ONCE, .expires_at = test_now + HOURS(1)};

    memcpy(mark.id, id, RECORD_ID_SIZE);
    assert_int_equal(text_dup("x", &mark.payload), ERR_OK);
    mark.payload_len = 1;
    assert_int_equal(record_put(w->store.store, &mark, test_now), ERR_OK);
    record_free(&mark);
}

static int64_t audited(struct world *w, const char *event)
{
    char sql[160];

    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM audit WHERE event GLOB '%s'", event);
    return fixture_number(&w->store, sql);
}

static int workshop(void **state)
{
    *state = world_open("workshop", "ssws");
    return 0;
}

static int close_world(void **state)
{
    world_close(*state);
    return 0;
}

#define IN_WORKSHOP(name, test)                                                                    \
    {                                                                                              \
        name, test, workshop, close_world, NULL                                                    \
    }

#endif
