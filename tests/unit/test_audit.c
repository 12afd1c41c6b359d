/* audit.h */
#include "store/audit.h"

#include "base/text.h"
#include "store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define NO_TRIGGERS "DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete;"

static enum err append(struct store *store, const char *event, const char *invocation)
{
    json_t *detail =
        json_pack("{s:s,s:s}", "action", "reset_password", "a", "\xc2\x85\xe2\x80\xa8");
    struct audit_entry entry = {
        .event = event, .invocation = invocation, .request_id = "r-1", .detail = detail};
    enum err err = audit_append(store, &entry, T);

    json_decref(detail);
    return err;
}

/* Five entries; head is the MAC of the third. */
static void fill(struct fixture *fixture, char head[65])
{
    struct audit_report report;

    assert_int_equal(append(fixture->store, "intent", "i1"), ERR_OK);
    assert_int_equal(append(fixture->store, "outcome", "i1"), ERR_OK);
    assert_int_equal(append(fixture->store, "denied", ""), ERR_OK);
    assert_int_equal(audit_verify(fixture->store, NULL, &report), ERR_OK);
    assert_int_equal(report.entries, 3);
    memcpy(head, report.head, 65);
    assert_int_equal(append(fixture->store, "denied", ""), ERR_OK);
    assert_int_equal(append(fixture->store, "intent", "i2"), ERR_OK);
}

static void refused(struct fixture *fixture, const char *head, int64_t bad_seq)
{
    struct audit_report report;

    assert_int_equal(audit_verify(fixture->store, head, &report), ERR_FORGED);
    assert_int_equal(report.bad_seq, bad_seq);
    assert_true(report.reason[0] != '\0');
}

static void verifies(void **state)
{
    struct audit_report report;
    char head[65];

    assert_int_equal(audit_verify(((struct fixture *)*state)->store, NULL, &report), ERR_OK);
    assert_int_equal(report.entries, 0);
    fill(*state, head);
    assert_int_equal(audit_verify(((struct fixture *)*state)->store, head, &report), ERR_OK);
    assert_int_equal(report.entries, 5);
    assert_int_equal(report.bad_seq, 0);
    assert_string_equal(report.reason, "");
    assert_int_equal(strlen(report.head), 64);
    fixture_restart(*state);
    assert_int_equal(audit_verify(((struct fixture *)*state)->store, report.head, &report), ERR_OK);
    assert_int_equal(audit_verify(((struct fixture *)*state)->store, "zz", &report), ERR_INPUT);
}

static void once(void **state)
{
    struct fixture *fixture = *state;
    struct store *other = fixture_other(fixture);
    char head[65];

    fill(fixture, head);
    assert_int_equal(append(fixture->store, "intent", "i1"), ERR_CONFLICT);
    assert_int_equal(append(other, "intent", "i1"), ERR_CONFLICT);
    assert_int_equal(append(other, "alarm", "i1"), ERR_OK);
    assert_int_equal(append(other, "denied", ""), ERR_OK); /* without one, as often as it is so */
    assert_int_equal(fixture_number(fixture, "SELECT seq FROM audit_head"), 7);
    store_free(other);
    fixture_restart(fixture);
    assert_int_equal(append(fixture->store, "intent", "i1"), ERR_CONFLICT);
    /* A new epoch voids records; what was done stays done. */
    assert_int_equal(store_new_epoch(fixture->store), ERR_OK);
    assert_int_equal(append(fixture->store, "intent", "i1"), ERR_CONFLICT);
}

static void edits(void **state)
{
    static const char *const columns[] = {
        "at = at + 1",        "event = 'denied'", "invocation = 'i3'",
        "request_id = 'r-2'", "detail = '{}'",    "key_id = key_id + 1",
        "mac = zeroblob(32)", "mac = x'00'",      "invocation = CAST(x'693100' AS TEXT)",
        "event = x'00'",
    };
    struct fixture *fixture = *state;
    struct audit_report report;
    char head[65], sql[256];

    fill(fixture, head);
    fixture_sql(fixture, NO_TRIGGERS "CREATE TABLE was AS SELECT * FROM audit");
    for (size_t i = 0; i < COUNT(columns); i++) {
        (void)snprintf(sql, sizeof(sql), "UPDATE audit SET %s WHERE seq = 2", columns[i]);
        fixture_sql(fixture, sql);
        if (audit_verify(fixture->store, NULL, &report) != ERR_FORGED || report.bad_seq != 2) {
            fail_msg("%s was not noticed at 2", columns[i]);
        }
        fixture_sql(fixture, "DELETE FROM audit; INSERT INTO audit SELECT * FROM was");
        assert_int_equal(audit_verify(fixture->store, NULL, &report), ERR_OK);
    }
}

static void deleted(void **state)
{
    char head[65];

    fill(*state, head);
    fixture_sql(*state, NO_TRIGGERS "CREATE TABLE was AS SELECT * FROM audit;"
                                    "DELETE FROM audit WHERE seq = 2");
    refused(*state, NULL, 2);
    /* The gap closed by renumbering. */
    fixture_sql(*state, "UPDATE audit SET seq = seq - 1 WHERE seq > 2");
    refused(*state, NULL, 2);
    /* Two exchanged. */
    fixture_sql(*state, "DELETE FROM audit; INSERT INTO audit SELECT * FROM was;"
                        "UPDATE audit SET seq = 9 WHERE seq = 3;"
                        "UPDATE audit SET seq = 3 WHERE seq = 4;"
                        "UPDATE audit SET seq = 4 WHERE seq = 9");
    refused(*state, NULL, 3);
    fixture_sql(*state, "DELETE FROM audit WHERE seq = 1");
    refused(*state, NULL, 1);
}

static void truncated(void **state)
{
    struct fixture *fixture = *state;
    struct audit_report report;
    char third[65], last[65];

    fill(fixture, third);
    assert_int_equal(audit_verify(fixture->store, NULL, &report), ERR_OK);
    memcpy(last, report.head, sizeof(last));
    fixture_sql(fixture, NO_TRIGGERS "DELETE FROM audit WHERE seq > 3");
    refused(fixture, NULL, 4); /* the stored head still knows */
    fixture_sql(fixture, "UPDATE audit_head SET seq = 3, mac = "
                         "(SELECT mac FROM audit WHERE seq = 3)");
    /* Cut off with the head set back: only a head logged before tells. */
    assert_int_equal(audit_verify(fixture->store, NULL, &report), ERR_OK);
    assert_int_equal(audit_verify(fixture->store, third, &report), ERR_OK);
    refused(fixture, last, 4);
    fixture_sql(fixture, "DELETE FROM audit; UPDATE audit_head SET seq = 0, mac = zeroblob(32)");
    refused(fixture, third, 1);
}

static void head_moved(void **state)
{
    struct fixture *fixture = *state;
    char head[65];

    fill(fixture, head);
    fixture_sql(fixture, "UPDATE audit_head SET seq = 3, mac = "
                         "(SELECT mac FROM audit WHERE seq = 3)");
    refused(fixture, NULL, 5);
    assert_int_equal(append(fixture->store, "intent", "i9"), ERR_FORGED);
    fixture_sql(fixture, "UPDATE audit_head SET seq = 5, mac = zeroblob(32)");
    refused(fixture, NULL, 5);
    fixture_sql(fixture, "DELETE FROM audit_head");
    refused(fixture, NULL, 1);
    assert_int_equal(append(fixture->store, "intent", "i9"), ERR_FORGED);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM audit"), 5);
}

static void only_appended(void **state)
{
    sqlite3 *db = fixture_database(*state);
    char head[65];

    fill(*state, head);
    assert_int_not_equal(sqlite3_exec(db, "DELETE FROM audit", NULL, NULL, NULL), SQLITE_OK);
    assert_int_not_equal(sqlite3_exec(db, "UPDATE audit SET at = 1", NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
}

static void key_rotated(void **state)
{
    struct fixture *fixture = *state;
    struct audit_report report;
    char head[65];
    unsigned made;

    fill(fixture, head);
    for (int i = 0; i < 3; i++) { /* keep = 0: every former key is past its cut-off at once */
        assert_int_equal(keyring_generate(fixture->keys, KIND_BIT(KIND_AUDIT), true,
                                          T + HOURS(1000 * i), 0, &made),
                         ERR_OK);
        fixture_restart(fixture);
        assert_int_equal(append(fixture->store, "denied", ""), ERR_OK);
    }
    assert_int_equal(audit_verify(fixture->store, head, &report), ERR_OK);
    assert_int_equal(report.entries, 8);
    assert_int_equal(fixture_number(fixture, "SELECT count(DISTINCT key_id) FROM audit"), 4);
}

static void other_key(void **state)
{
    struct fixture *fixture = *state;
    struct audit_report report;
    char head[65], path[256];
    unsigned made;

    fill(fixture, head);
    (void)snprintf(path, sizeof(path), "%s/audit.ring", fixture->keys);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(keyring_generate(fixture->keys, KIND_BIT(KIND_AUDIT), false, T, 0, &made),
                     ERR_OK);
    fixture_restart(fixture);
    assert_int_equal(audit_verify(fixture->store, NULL, &report), ERR_FORGED);
    assert_int_equal(report.bad_seq, 1);
}

static void no_key(void **state)
{
    struct fixture *fixture = *state;
    struct audit_report report;
    struct store *store;

    assert_int_equal(store_open(fixture->config, NULL, &store), ERR_OK);
    assert_int_equal(append(store, "intent", "i1"), ERR_CONFIG);
    assert_int_equal(audit_verify(store, NULL, &report), ERR_CONFIG);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM audit"), 0);
    store_free(store);
}

static void input(void **state)
{
    struct fixture *fixture = *state;
    char text[300];
    struct audit_entry entry = {.event = "", .invocation = "", .request_id = ""};

    memset(text, 'a', sizeof(text));
    text[299] = '\0';
    assert_int_equal(audit_append(fixture->store, &entry, T), ERR_INPUT);
    entry.event = NULL;
    assert_int_equal(audit_append(fixture->store, &entry, T), ERR_INPUT);
    entry.event = "denied";
    entry.invocation = text;
    assert_int_equal(audit_append(fixture->store, &entry, T), ERR_INPUT);
    entry.invocation = "\xff";
    assert_int_equal(audit_append(fixture->store, &entry, T), ERR_INPUT);
    entry.invocation = "";
    assert_int_equal(audit_append(fixture->store, &entry, T), ERR_OK);
}

struct seen {
    int64_t next;
    size_t count;
    struct store *store;
};

static enum err look(void *context, const struct audit_row *row)
{
    struct seen *seen = context;

    if (row->seq != seen->next++ || strlen(row->mac) != 64 || row->at != T) {
        return ERR_FORGED;
    }
    seen->count++;
    /* Nothing of the store is held while a caller looks: it may even write. */
    return seen->count == 1 ? append(seen->store, "alarm", "") : ERR_OK;
}

static void each(void **state)
{
    struct fixture *fixture = *state;
    struct seen seen = {.next = 3, .store = fixture->store};

    for (int i = 0; i < 200; i++) {
        assert_int_equal(append(fixture->store, "denied", ""), ERR_OK);
    }
    assert_int_equal(audit_each(fixture->store, 3, look, &seen), ERR_OK);
    assert_int_equal(seen.count, 199);
}

/* Four processes append at once: one chain, without gap. */
static void processes(void **state)
{
    enum { PROCESSES = 4, ENTRIES = 40 };
    struct fixture *fixture = *state;
    struct audit_report report;
    pid_t child[PROCESSES];
    int status;

    store_free(fixture->store);
    fixture->store = NULL;
    for (int i = 0; i < PROCESSES; i++) {
        if ((child[i] = fork()) == 0) {
            struct store *store;
            bool right = store_open(fixture->config, fixture->ring, &store) == ERR_OK;
            int won = 0;

            for (int n = 0; n < ENTRIES && right; n++) {
                char name[32];
                enum err err;

                (void)snprintf(name, sizeof(name), "i%d", n);
                err = append(store, "intent", name);
                won += err == ERR_OK;
                right =
                    (err == ERR_OK || err == ERR_CONFLICT) && append(store, "denied", "") == ERR_OK;
            }
            _exit(right ? won : 255);
        }
        assert_true(child[i] > 0);
    }
    int won = 0;
    for (int i = 0; i < PROCESSES; i++) {
        assert_int_equal(waitpid(child[i], &status, 0), child[i]);
        assert_true(WIFEXITED(status));
        assert_int_not_equal(WEXITSTATUS(status), 255);
        won += WEXITSTATUS(status);
    }
    assert_int_equal(won, ENTRIES); /* each intent written by exactly one */
    fixture->store = fixture_other(fixture);
    assert_int_equal(audit_verify(fixture->store, NULL, &report), ERR_OK);
    assert_int_equal(report.entries, ENTRIES + PROCESSES * ENTRIES);
}

#define TEST(name, function)                                                                       \
    {                                                                                              \
        name, function, fixture_setup, fixture_teardown, NULL                                      \
    }

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST("an untouched log verifies, also against a logged head", verifies),
        TEST("row 70: a second intent of an invocation is refused, for good", once),
        TEST("an edit of any column is found, and where", edits),
        TEST("an entry deleted, renumbered or exchanged is found", deleted),
        TEST("truncation shows against the stored or a logged head", truncated),
        TEST("a head that was moved is found, and stops appending", head_moved),
        TEST("the product itself cannot change an entry", only_appended),
        TEST("row 37: the chain verifies across rotations of its key", key_rotated),
        TEST("another key verifies nothing", other_key),
        TEST("without the key nothing is written", no_key),
        TEST("entries without event, overlong or not UTF-8 are refused", input),
        TEST("entries are shown in order, with nothing held", each),
        TEST("row 48: four processes make one chain, each intent once", processes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
