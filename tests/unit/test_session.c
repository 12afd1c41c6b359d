/* A session is made, and read back by its cookie alone: odd bytes, no entropy, a row changed. */
#include "crypto/hash.h"
#include "crypto/random.h"
#include "session_fixture.h"

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

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST("a session is made of its random bytes and read back whole; the row is short",
             known_answer),
        TEST("a cookie that is absent, malformed or another's names nobody", nobody),
        TEST("rows 28 and 29: each session has new random ids; no entropy, no session", fresh_ids),
        TEST("row 31: any byte of the stored row changed: refused", flipped),
        TEST("row 31: two rows' ciphertexts swapped, or an expiry moved: refused", swapped),
        TEST("the longest e-mail and name there are keep nobody out", longest_person),
        TEST("odd and long bytes of a User-Agent and sid", odd_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
