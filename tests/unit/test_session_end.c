/* How a session ends, here and everywhere, and what becomes of its tokens. */
#include "identity/session_internal.h"
#include "session_fixture.h"

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

int main(void)
{
    static const struct CMUnitTest tests[] = {
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
        TEST("row 67: the guard's check reads not_before and extends nothing",
             check_reads_not_before),
        TEST("a session ended in another process stays ended", ended_in_another_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
