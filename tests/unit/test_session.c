/* Sessions: limits, ends, tampering, and two things that happen at once. */
#include "identity/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "crypto/hash.h"
#include "crypto/random.h"
#include "identity/session_internal.h"
#include "store_fixture.h"

#define ISS "https://tenant.example/"
#define UA "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0 Safari/537.36"
#define IDLE MINUTES(30)
#define ABSOLUTE HOURS(10)

static const struct session_limits limits = {IDLE, ABSOLUTE};

static struct person person(const char *sub)
{
    struct person out;

    assert_int_equal(person_new(ISS, sub, "alice@example.test", true, "Alice Example", &out),
                     ERR_OK);
    return out;
}

/* One session of sub; seed makes its random bytes. */
static enum err create_at(struct store *store, const char *sub, uint8_t seed, msec started_at,
                          msec now, char token[SESSION_TOKEN_SIZE], struct session *out)
{
    struct person who = person(sub);
    uint8_t random[SESSION_RANDOM];
    enum err err;

    for (size_t i = 0; i < sizeof random; i++) {
        random[i] = (uint8_t)(seed + i);
    }
    err = session_create(store, &limits, &who, "provider-sid", UA, now - 5000, started_at, now,
                         random, token, out);
    person_free(&who);
    return err;
}

static void create(struct store *store, const char *sub, uint8_t seed,
                   char token[SESSION_TOKEN_SIZE], struct session *out)
{
    assert_int_equal(create_at(store, sub, seed, T, T, token, out), ERR_OK);
}

static enum err load(struct store *store, const char *token, msec now)
{
    struct session session;
    enum err err = session_load(store, &limits, token, now, &session);

    if (err == ERR_OK) {
        session_free(&session);
    }
    return err;
}

static void known_answer(void **state)
{
    struct fixture *f = *state;
    struct session made;
    struct session read;
    char token[SESSION_TOKEN_SIZE];
    uint8_t id[RECORD_ID_SIZE];

    create(f->store, "alice", 0, token, &made);
    /* bytes 0..31 and 32..63 as base64url */
    assert_string_equal(token, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
    assert_string_equal(made.csrf_token, "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8");
    sha256(token, 43, id);
    assert_memory_equal(made.id, id, sizeof id);
    assert_int_equal(session_load(f->store, &limits, token, T + 1, &read), ERR_OK);
    assert_string_equal(read.person.sub, "alice");
    assert_string_equal(read.person.iss, ISS);
    assert_string_equal(read.person.email, "alice@example.test");
    assert_string_equal(read.person.name, "Alice Example");
    assert_true(read.person.email_verified);
    assert_memory_equal(read.person.owner, made.person.owner, RECORD_ID_SIZE);
    assert_string_equal(read.csrf_token, made.csrf_token);
    assert_string_equal(read.sid, "provider-sid");
    assert_string_equal(read.user_agent, UA);
    assert_true(read.created_at == T && read.seen_at == T && read.auth_time == T - 5000);
    assert_true(read.idle_expires_at == T + IDLE && read.expires_at == T + ABSOLUTE);
    session_free(&read);
    session_free(&made);
    /* the token itself is nowhere in the store */
    assert_int_equal(
        fixture_number(f, "SELECT count(*) FROM record WHERE instr(sealed, 'AAECAwQF') > 0"), 0);
    assert_true(fixture_number(f, "SELECT length(sealed) FROM record WHERE kind = 0") <= 420);
}

static void nobody(void **state)
{
    struct fixture *f = *state;
    struct session made;
    char token[SESSION_TOKEN_SIZE];
    char other[64];

    create(f->store, "alice", 0, token, &made);
    session_free(&made);
    assert_int_equal(load(f->store, NULL, T), ERR_NONE);
    assert_int_equal(load(f->store, "", T), ERR_NONE);
    assert_int_equal(load(f->store, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", T), ERR_NONE);
    for (size_t i = 0; i < 43;
         i++) { /* each character counts; the last one's stray bits are refused */
        memcpy(other, token, sizeof token);
        other[i] = (char)(other[i] == 'B' ? 'C' : 'B');
        assert_int_equal(load(f->store, other, T), ERR_NONE);
    }
    (void)snprintf(other, sizeof other, "%s=", token);
    assert_int_equal(load(f->store, other, T), ERR_NONE);
    (void)snprintf(other, sizeof other, " %s", token);
    assert_int_equal(load(f->store, other, T), ERR_NONE);
    (void)snprintf(other, sizeof other, "%.42s+", token);
    assert_int_equal(load(f->store, other, T), ERR_NONE);
    assert_int_equal(load(f->store, token, T), ERR_OK);
}

static void fresh_ids(void **state)
{
    struct fixture *f = *state;
    struct session a;
    struct session b;
    char token_a[SESSION_TOKEN_SIZE];
    char token_b[SESSION_TOKEN_SIZE];
    struct person who = person("alice");
    uint8_t random[SESSION_RANDOM];

    /* what a callback does, twice for one person */
    assert_int_equal(random_bytes(random, sizeof random), ERR_OK);
    assert_int_equal(
        session_create(f->store, &limits, &who, "", NULL, 0, T, T, random, token_a, &a), ERR_OK);
    assert_int_equal(random_bytes(random, sizeof random), ERR_OK);
    assert_int_equal(
        session_create(f->store, &limits, &who, "", NULL, 0, T, T, random, token_b, &b), ERR_OK);
    assert_string_not_equal(token_a, token_b);
    assert_string_not_equal(a.csrf_token, b.csrf_token);
    assert_string_not_equal(token_a, a.csrf_token);
    /* and with the same bytes again: refused, the first session is unharmed */
    session_free(&b);
    assert_int_equal(
        session_create(f->store, &limits, &who, "", NULL, 0, T, T, random, token_b, &b),
        ERR_CONFLICT);
    assert_string_equal(token_b, "");
    assert_int_equal(load(f->store, token_a, T), ERR_OK);
    random_fail_for_test(1);
    memset(random, 0x55, sizeof random);
    assert_int_equal(random_bytes(random, sizeof random), ERR_SYSTEM);
    for (size_t i = 0; i < sizeof random; i++) {
        assert_int_equal(random[i], 0);
    }
    /* nor can a row be sealed without entropy: no session, whatever bytes a caller brings */
    memset(random, 0x77, sizeof random);
    assert_int_not_equal(
        session_create(f->store, &limits, &who, "", NULL, 0, T, T, random, token_b, &b), ERR_OK);
    assert_string_equal(token_b, "");
    random_fail_for_test(0);
    person_free(&who);
    session_free(&a);
}

static void flipped(void **state)
{
    struct fixture *f = *state;
    struct session made;
    char token[SESSION_TOKEN_SIZE];
    char sql[256];
    int64_t length;

    create(f->store, "alice", 0, token, &made);
    session_free(&made);
    length = fixture_number(f, "SELECT length(sealed) FROM record WHERE kind = 0");
    fixture_sql(f, "CREATE TABLE kept AS SELECT key, sealed FROM record");
    for (int64_t i = 1; i <= length; i++) {
        (void)snprintf(sql, sizeof sql,
                       "UPDATE record SET sealed = CAST(substr(sealed, 1, %d) || "
                       "CASE WHEN substr(sealed, %d, 1) = x'00' THEN x'01' ELSE x'00' END || "
                       "substr(sealed, %d) AS BLOB) WHERE kind = 0",
                       (int)i - 1, (int)i, (int)i + 1);
        fixture_sql(f, sql);
        assert_int_equal(load(f->store, token, T), ERR_FORGED);
        fixture_sql(f, "UPDATE record SET sealed = (SELECT sealed FROM kept "
                       "WHERE kept.key = record.key)");
    }
    assert_int_equal(load(f->store, token, T), ERR_OK);
}

static void swapped(void **state)
{
    struct fixture *f = *state;
    struct session a;
    struct session b;
    char token_a[SESSION_TOKEN_SIZE];
    char token_b[SESSION_TOKEN_SIZE];

    create(f->store, "alice", 0, token_a, &a);
    create(f->store, "bob", 100, token_b, &b);
    session_free(&a);
    session_free(&b);
    fixture_sql(f, "CREATE TABLE kept AS SELECT key, sealed FROM record");
    fixture_sql(f, "UPDATE record SET sealed = (SELECT sealed FROM kept "
                   "WHERE kept.key <> record.key)");
    assert_int_equal(load(f->store, token_a, T), ERR_FORGED);
    assert_int_equal(load(f->store, token_b, T), ERR_FORGED);
    fixture_sql(f, "UPDATE record SET sealed = (SELECT sealed FROM kept "
                   "WHERE kept.key = record.key)");
    assert_int_equal(load(f->store, token_a, T), ERR_OK);
    fixture_sql(f, "UPDATE record SET expires_at = expires_at + 1");
    assert_int_equal(load(f->store, token_a, T), ERR_FORGED);
}

static void idle(void **state)
{
    struct fixture *f = *state;
    struct session made;
    char token[SESSION_TOKEN_SIZE];

    create(f->store, "alice", 0, token, &made);
    session_free(&made);
    assert_int_equal(load(f->store, token, T + IDLE), ERR_NONE);
    assert_int_equal(load(f->store, token, T + IDLE + 1), ERR_NONE);
    assert_int_equal(load(f->store, token, T + IDLE - 1), ERR_OK); /* which extends it */
    assert_int_equal(load(f->store, token, T + 2 * IDLE - 2), ERR_OK);
    assert_int_equal(load(f->store, token, T + 3 * IDLE), ERR_NONE);
}

static void absolute(void **state)
{
    struct fixture *f = *state;
    struct session made;
    char token[SESSION_TOKEN_SIZE];
    msec now = T;

    create(f->store, "alice", 0, token, &made);
    session_free(&made);
    while (now < T + ABSOLUTE - MINUTES(20)) { /* in use all the time */
        now += MINUTES(20);
        assert_int_equal(load(f->store, token, now), ERR_OK);
    }
    assert_int_equal(load(f->store, token, T + ABSOLUTE - 1), ERR_OK);
    assert_int_equal(load(f->store, token, T + ABSOLUTE), ERR_NONE);
    assert_int_equal(load(f->store, token, T + ABSOLUTE + 1), ERR_NONE);
}

static void written_seldom(void **state)
{
    struct fixture *f = *state;
    struct session made;
    int64_t first;
    char token[SESSION_TOKEN_SIZE];

    create(f->store, "alice", 0, token, &made);
    first = fixture_number(f, "SELECT version FROM record WHERE kind = 0");
    session_free(&made);
    for (msec at = 0; at < IDLE / 10; at += 1000) {
        assert_int_equal(load(f->store, token, T + at), ERR_OK);
    }
    assert_int_equal(fixture_number(f, "SELECT version FROM record WHERE kind = 0"), first);
    assert_int_equal(load(f->store, token, T + IDLE / 10), ERR_OK);
    assert_int_equal(fixture_number(f, "SELECT version FROM record WHERE kind = 0"), first + 1);
    assert_int_equal(load(f->store, token, T + IDLE / 10 + 1), ERR_OK);
    assert_int_equal(fixture_number(f, "SELECT version FROM record WHERE kind = 0"), first + 1);
    assert_int_equal(load(f->store, token, T + IDLE / 10 + IDLE), ERR_NONE);
}

/*
 * Whoever holds a stolen cookie and an old session gains nothing by a clock that
 * stepped back: the session is of a time to come, and counts from then on only.
 */
static void clock_stepped_back(void **state)
{
    struct fixture *f = *state;
    struct session made;
    struct session checked;
    struct session_list list;
    int64_t version;
    char token[SESSION_TOKEN_SIZE];
    const msec used = T + IDLE / 2;

    create(f->store, "alice", 0, token, &made);
    assert_int_equal(load(f->store, token, used), ERR_OK);
    version = fixture_number(f, "SELECT version FROM record WHERE kind = 0");
    /* a minute is what the clocks of two hosts may differ by; it writes nothing */
    assert_int_equal(load(f->store, token, used - SECONDS(60)), ERR_OK);
    assert_int_equal(load(f->store, token, used - SECONDS(60) - 1), ERR_NONE);
    assert_int_equal(load(f->store, token, T - HOURS(1)), ERR_NONE);
    assert_int_equal(session_check(f->store, &limits, made.id, used - SECONDS(61), &checked),
                     ERR_NONE);
    /* a list grants nothing: there the person sees it, and can end it */
    assert_int_equal(session_list(f->store, made.person.owner, T - HOURS(1), &list), ERR_OK);
    assert_int_equal(list.count, 1);
    session_list_free(&list);
    assert_int_equal(fixture_number(f, "SELECT version FROM record WHERE kind = 0"), version);
    assert_int_equal(load(f->store, token, used + 1), ERR_OK);
    assert_int_equal(load(f->store, token, used + IDLE), ERR_NONE);
    session_free(&made);
}

/* Limits lowered in the configuration hold for the sessions that are there. */
static void lowered_limits(void **state)
{
    struct fixture *f = *state;
    const struct session_limits low = {MINUTES(5), MINUTES(10)};
    const struct session_limits high = {HOURS(20), HOURS(40)};
    struct session session;
    char token[SESSION_TOKEN_SIZE];

    create(f->store, "alice", 0, token, &session);
    session_free(&session);
    assert_int_equal(session_load(f->store, &low, token, T + MINUTES(5), &session), ERR_NONE);
    assert_int_equal(session_load(f->store, &high, token, T + IDLE, &session), ERR_NONE);
}

static void ends(void **state)
{
    struct fixture *f = *state;
    struct session made;
    struct session checked;
    char token[SESSION_TOKEN_SIZE];
    struct secret *refresh = NULL;
    struct secret *id_token = NULL;

    create(f->store, "alice", 0, token, &made);
    assert_int_equal(secret_new("rt", 2, &refresh), ERR_OK);
    assert_int_equal(session_tokens_put(f->store, &made, refresh, NULL, T), ERR_OK);
    secret_free(refresh);
    assert_int_equal(session_end(f->store, made.id), ERR_OK);
    assert_int_equal(load(f->store, token, T), ERR_NONE);
    assert_int_equal(session_check(f->store, &limits, made.id, T, &checked), ERR_NONE);
    assert_int_equal(session_end(f->store, made.id), ERR_NONE);
    assert_int_equal(fixture_number(f, "SELECT count(*) FROM record"), 0);
    assert_int_equal(session_tokens_get(f->store, made.id, T, &refresh, &id_token), ERR_NONE);
    session_free(&made);
}

/* The row is gone, so the person is signed out, whatever becomes of the tokens. */
static void tokens_that_stay(void **state)
{
    struct fixture *f = *state;
    struct session made;
    char token[SESSION_TOKEN_SIZE];
    struct secret *refresh = NULL;

    create(f->store, "alice", 0, token, &made);
    assert_int_equal(secret_new("rt", 2, &refresh), ERR_OK);
    assert_int_equal(session_tokens_put(f->store, &made, refresh, NULL, T), ERR_OK);
    fixture_sql(f, "CREATE TRIGGER stays BEFORE DELETE ON record WHEN OLD.kind = 1 "
                   "BEGIN SELECT RAISE(ABORT, 'no'); END");
    assert_int_equal(record_delete(f->store, KIND_TOKENS, made.id), ERR_STORE);
    assert_int_equal(session_end(f->store, made.id), ERR_OK);
    assert_int_equal(load(f->store, token, T), ERR_NONE);
    /* but a session that stays is an error */
    fixture_sql(f, "DROP TRIGGER stays");
    fixture_sql(f, "DELETE FROM record");
    session_free(&made);
    create(f->store, "alice", 0, token, &made);
    fixture_sql(f, "CREATE TRIGGER stays BEFORE DELETE ON record WHEN OLD.kind = 0 "
                   "BEGIN SELECT RAISE(ABORT, 'no'); END");
    assert_int_equal(session_end(f->store, made.id), ERR_STORE);
    assert_int_equal(load(f->store, token, T), ERR_OK);
    secret_free(refresh);
    session_free(&made);
}

/* Signed out everywhere between a session's creation and its tokens: these are not kept. */
static void tokens_of_an_ended_session(void **state)
{
    struct fixture *f = *state;
    struct session made;
    char token[SESSION_TOKEN_SIZE];
    struct secret *refresh = NULL;
    size_t ended;

    create(f->store, "alice", 0, token, &made);
    assert_int_equal(session_end_all(f->store, made.person.owner, T + 1, &ended), ERR_OK);
    assert_int_equal(ended, 1);
    assert_int_equal(secret_new("rt", 2, &refresh), ERR_OK);
    assert_int_equal(session_tokens_put(f->store, &made, refresh, NULL, T + 2), ERR_NONE);
    assert_int_equal(fixture_number(f, "SELECT count(*) FROM record WHERE kind = 1"), 0);
    secret_free(refresh);
    session_free(&made);
}

static void tokens(void **state)
{
    struct fixture *f = *state;
    struct session made;
    char token[SESSION_TOKEN_SIZE];
    struct secret *refresh = NULL;
    struct secret *id_token = NULL;

    create(f->store, "alice", 0, token, &made);
    assert_int_equal(session_tokens_get(f->store, made.id, T, &refresh, &id_token), ERR_NONE);
    assert_int_equal(secret_new("refresh-1", 9, &refresh), ERR_OK);
    assert_int_equal(secret_new("id.to.ken", 9, &id_token), ERR_OK);
    assert_int_equal(session_tokens_put(f->store, &made, refresh, id_token, T), ERR_OK);
    secret_free(refresh);
    secret_free(id_token);
    assert_int_equal(session_tokens_get(f->store, made.id, T, &refresh, &id_token), ERR_OK);
    assert_string_equal(secret_text(refresh), "refresh-1");
    assert_string_equal(secret_text(id_token), "id.to.ken");
    /* put again replaces; what is not given is not there */
    secret_free(id_token);
    assert_int_equal(session_tokens_put(f->store, &made, refresh, NULL, T), ERR_OK);
    secret_free(refresh);
    assert_int_equal(session_tokens_get(f->store, made.id, T, &refresh, &id_token), ERR_OK);
    assert_string_equal(secret_text(refresh), "refresh-1");
    assert_null(id_token);
    secret_free(refresh);
    /* they end with the absolute limit */
    assert_int_equal(session_tokens_get(f->store, made.id, T + ABSOLUTE, &refresh, &id_token),
                     ERR_NONE);
    assert_null(refresh);
    assert_int_equal(
        fixture_number(f, "SELECT count(*) FROM record WHERE instr(sealed, 'refresh') > 0"), 0);
    session_free(&made);
}

static void everywhere(void **state)
{
    struct fixture *f = *state;
    struct session made[3];
    struct session other;
    struct session_list list;
    char token[3][SESSION_TOKEN_SIZE];
    char others[SESSION_TOKEN_SIZE];
    size_t ended = 0;

    for (uint8_t i = 0; i < 3; i++) {
        create(f->store, "alice", (uint8_t)(10 * i), token[i], &made[i]);
    }
    create(f->store, "bob", 200, others, &other);
    assert_int_equal(session_list(f->store, made[0].person.owner, T, &list), ERR_OK);
    assert_int_equal(list.count, 3);
    assert_string_equal(list.sessions[0].user_agent, UA);
    assert_string_equal(list.sessions[0].person.sub, "alice");
    session_list_free(&list);
    assert_int_equal(session_end_all(f->store, made[0].person.owner, T + 10, &ended), ERR_OK);
    assert_int_equal(ended, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(load(f->store, token[i], T + 10), ERR_NONE);
    }
    assert_int_equal(load(f->store, others, T + 10), ERR_OK);
    assert_int_equal(session_list(f->store, made[0].person.owner, T, &list), ERR_OK);
    assert_int_equal(list.count, 0);
    session_list_free(&list);
    /* again: nothing left, no error */
    assert_int_equal(session_end_all(f->store, made[0].person.owner, T + 11, &ended), ERR_OK);
    assert_int_equal(ended, 0);
    session_free(&other);
    for (size_t i = 0; i < 3; i++) {
        session_free(&made[i]);
    }
}

/* A sign-in that was under way when the person signed out everywhere gives no session. */
static void sign_in_under_way(void **state)
{
    struct fixture *f = *state;
    struct person who = person("alice");
    struct session made;
    char token[SESSION_TOKEN_SIZE];
    size_t ended;

    assert_int_equal(session_end_all(f->store, who.owner, T, &ended), ERR_OK);
    assert_int_equal(create_at(f->store, "alice", 1, T - 1, T + 5, token, &made), ERR_NONE);
    assert_string_equal(token, "");
    assert_int_equal(create_at(f->store, "alice", 2, T, T + 5, token, &made), ERR_NONE);
    assert_int_equal(fixture_number(f, "SELECT count(*) FROM record WHERE kind = 0"), 0);
    assert_int_equal(create_at(f->store, "alice", 3, T + 1, T + 5, token, &made), ERR_OK);
    session_free(&made);
    assert_int_equal(create_at(f->store, "bob", 4, T - 1, T + 5, token, &made), ERR_OK);
    session_free(&made);
    person_free(&who);
}

/* not_before never falls, whatever order two hosts' clocks give. */
static void never_falls(void **state)
{
    struct fixture *f = *state;
    struct person who = person("alice");
    msec at = 0;
    size_t ended;

    assert_int_equal(session_not_before(f->store, who.owner, T, &at), ERR_OK);
    assert_true(at == 0);
    assert_int_equal(session_end_all(f->store, who.owner, T + 100, &ended), ERR_OK);
    assert_int_equal(session_end_all(f->store, who.owner, T, &ended), ERR_OK);
    assert_int_equal(session_not_before(f->store, who.owner, T, &at), ERR_OK);
    assert_true(at == T + 100);
    assert_int_equal(session_end_all(f->store, who.owner, T + 200, &ended), ERR_OK);
    assert_int_equal(session_not_before(f->store, who.owner, T, &at), ERR_OK);
    assert_true(at == T + 200);
    person_free(&who);
}

/* Signed out everywhere by a clock a year ahead: the operator can let the person in again. */
static void clock_was_ahead(void **state)
{
    struct fixture *f = *state;
    struct person who = person("alice");
    const msec ahead = T + HOURS(24 * 365);
    struct session made;
    char token[SESSION_TOKEN_SIZE];
    msec at = 0;
    size_t ended;

    assert_int_equal(session_allow_again(f->store, who.owner, T), ERR_NONE);
    assert_int_equal(session_end_all(f->store, who.owner, ahead, &ended), ERR_OK);
    assert_int_equal(create_at(f->store, "alice", 1, T + 10, T + 20, token, &made), ERR_NONE);
    assert_int_equal(session_allow_again(f->store, who.owner, T + 30), ERR_OK);
    assert_int_equal(session_not_before(f->store, who.owner, T + 30, &at), ERR_OK);
    assert_true(at == T + 30);
    /* what began before this stays ended, what begins now does not */
    assert_int_equal(create_at(f->store, "alice", 2, T + 30, T + 40, token, &made), ERR_NONE);
    assert_int_equal(create_at(f->store, "alice", 3, T + 31, T + 40, token, &made), ERR_OK);
    session_free(&made);
    /* and a sign-out everywhere of the past is not lifted by it */
    assert_int_equal(session_allow_again(f->store, who.owner, T + 50), ERR_NONE);
    assert_int_equal(session_not_before(f->store, who.owner, T + 50, &at), ERR_OK);
    assert_true(at == T + 30);
    person_free(&who);
}

/* Names as long and as odd as a provider may send: kept, cut or dropped, but signed in. */
static void longest_person(void **state)
{
    struct fixture *f = *state;
    char iss[256];
    char sub[256];
    char sid[256];
    char email[321];
    char name[1001];
    struct person who;
    struct session made;
    struct session read;
    char token[SESSION_TOKEN_SIZE];
    static const uint8_t random[SESSION_RANDOM] = {7};

    memset(iss, '\x01', 255); /* each is six characters in JSON */
    memset(sub, '\x02', 255);
    memset(sid, '\x03', 255);
    memset(email, '\x04', 320);
    memset(name, '\x05', 1000);
    iss[255] = sub[255] = sid[255] = email[320] = name[1000] = '\0';
    assert_int_equal(person_new(iss, sub, email, true, name, &who), ERR_OK);
    assert_int_equal(
        session_create(f->store, &limits, &who, sid, UA, T, T, T, random, token, &made), ERR_OK);
    assert_int_equal(session_load(f->store, &limits, token, T, &read), ERR_OK);
    assert_string_equal(read.person.email, email);
    assert_int_equal(strlen(read.person.name), 200);
    session_free(&read);
    session_free(&made);
    person_free(&who);
}

static void check_reads_not_before(void **state)
{
    struct fixture *f = *state;
    struct session made;
    struct session checked;
    int64_t first;
    char token[SESSION_TOKEN_SIZE];
    size_t ended;

    create(f->store, "alice", 0, token, &made);
    first = fixture_number(f, "SELECT version FROM record WHERE kind = 0");
    assert_int_equal(session_check(f->store, &limits, made.id, T + IDLE - 1, &checked), ERR_OK);
    assert_string_equal(checked.person.sub, "alice");
    session_free(&checked);
    /* a check is no use of the session: it extends nothing */
    assert_int_equal(fixture_number(f, "SELECT version FROM record WHERE kind = 0"), first);
    assert_int_equal(session_check(f->store, &limits, made.id, T + IDLE, &checked), ERR_NONE);
    /* a row that the deletion missed (here: put back) is still refused to the guard */
    fixture_sql(f, "CREATE TABLE kept AS SELECT * FROM record");
    assert_int_equal(session_end_all(f->store, made.person.owner, T, &ended), ERR_OK);
    fixture_sql(f, "INSERT INTO record SELECT * FROM kept");
    assert_int_equal(session_check(f->store, &limits, made.id, T + 1, &checked), ERR_NONE);
    session_free(&made);
}

/* Ended between the read and its write: the write brings nothing back. */
static void ended_in_another_process(void **state)
{
    struct fixture *f = *state;
    struct store *other = fixture_other(f);
    struct session made;
    char token[SESSION_TOKEN_SIZE];
    size_t ended;

    create(f->store, "alice", 0, token, &made);
    assert_int_equal(load(other, token, T + 1), ERR_OK);
    assert_int_equal(session_end_all(other, made.person.owner, T + 2, &ended), ERR_OK);
    assert_int_equal(load(f->store, token, T + IDLE / 5), ERR_NONE);
    assert_int_equal(fixture_number(f, "SELECT count(*) FROM record WHERE kind = 0"), 0);
    session_free(&made);
    store_free(other);
}

static void odd_bytes(void **state)
{
    struct fixture *f = *state;
    struct person who = person("alice");
    static const uint8_t random[SESSION_RANDOM] = {9};
    struct session made;
    char token[SESSION_TOKEN_SIZE];
    char long_text[400];

    memset(long_text, 'u', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    assert_int_equal(session_create(f->store, &limits, &who, NULL, "a\x01\xff\"\x7f", 0, T, T,
                                    random, token, &made),
                     ERR_OK);
    assert_string_equal(made.user_agent, "a??\"?");
    session_free(&made);
    assert_int_equal(
        session_create(f->store, &limits, &who, long_text, NULL, 0, T, T, random, token, &made),
        ERR_INPUT);
    fixture_sql(f, "DELETE FROM record");
    assert_int_equal(
        session_create(f->store, &limits, &who, NULL, long_text, 0, T, T, random, token, &made),
        ERR_OK);
    assert_int_equal(strlen(made.user_agent), 127);
    session_free(&made);
    person_free(&who);
}

#define TEST(name, function)                                                                       \
    {                                                                                              \
        name, function, fixture_setup, fixture_teardown, NULL                                      \
    }

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST("a session is made of its random bytes and read back whole; the row is short",
             known_answer),
        TEST("a cookie that is absent, malformed or another's names nobody", nobody),
        TEST("rows 28 and 29: each session has new random ids; no entropy, no session", fresh_ids),
        TEST("row 31: any byte of the stored row changed: refused", flipped),
        TEST("row 31: two rows' ciphertexts swapped, or an expiry moved: refused", swapped),
        TEST("row 32: the idle limit at t-1, t, t+1", idle),
        TEST("row 32: the absolute limit at t-1, t, t+1, in use all the time", absolute),
        TEST("row 32: written once a tenth of the idle limit", written_seldom),
        TEST("row 32: a clock stepped back extends nothing", clock_stepped_back),
        TEST("lowered limits hold at once, raised ones extend no row", lowered_limits),
        TEST("row 33: an ended session is gone, and its tokens with it", ends),
        TEST("tokens that cannot be deleted keep nobody signed in", tokens_that_stay),
        TEST("row 67: a session that ended before its tokens came keeps none",
             tokens_of_an_ended_session),
        TEST("tokens are kept apart, replaced whole, and end with the session", tokens),
        TEST("sign out everywhere ends all of one person's sessions and no other's", everywhere),
        TEST("row 67: a sign-in under way during a sign-out everywhere gives no session",
             sign_in_under_way),
        TEST("not_before never falls", never_falls),
        TEST("a not_before from a clock that was ahead can be lifted to now", clock_was_ahead),
        TEST("the longest e-mail and name there are keep nobody out", longest_person),
        TEST("row 67: the guard's check reads not_before and extends nothing",
             check_reads_not_before),
        TEST("a session ended in another process stays ended", ended_in_another_process),
        TEST("odd and long bytes of a User-Agent and sid", odd_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
