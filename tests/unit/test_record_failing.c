/* record.h among several processes, killed ones, and when SQLite fails. */
#include "store_fixture.h"

#include "store/audit.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Add one to the number in record 1, until it is done; the record as it stands is the truth. */
static bool increment(struct store *store)
{
    uint8_t id[RECORD_ID_SIZE];
    struct record record;
    enum err err = ERR_CONFLICT;

    fixture_id(id, 1);
    while (err == ERR_CONFLICT) {
        long number;

        if (record_get(store, KIND_SESSION, id, T, &record) != ERR_OK) {
            return false;
        }
        number = strtol(record.payload, NULL, 10);
        free(record.payload);
        record.payload = malloc(32);
        if (record.payload == NULL) {
            return false;
        }
        record.payload_len = (size_t)snprintf(record.payload, 32, "%ld", number + 1);
        err = record_replace(store, &record, T);
        record_free(&record);
    }
    return err == ERR_OK;
}

static void wait_for(pid_t child)
{
    int status;

    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void two_processes(void **state)
{
    enum { PROCESSES = 2, TIMES = 1000 };
    struct fixture *fixture = *state;
    uint8_t id[RECORD_ID_SIZE];
    struct record record;
    pid_t child[PROCESSES];
    int64_t first;

    fixture_put(fixture->store, KIND_SESSION, 1, "0");
    first = fixture_number(fixture, "SELECT version FROM record");
    store_free(fixture->store);
    fixture->store = NULL;
    for (int i = 0; i < PROCESSES; i++) {
        if ((child[i] = fork()) == 0) {
            struct store *store;
            bool right = store_open(fixture->config, fixture->ring, &store) == ERR_OK;

            for (int n = 0; n < TIMES && right; n++) {
                right = increment(store);
            }
            _exit(right ? 0 : 1);
        }
        assert_true(child[i] > 0);
    }
    for (int i = 0; i < PROCESSES; i++) {
        wait_for(child[i]);
    }
    fixture->store = fixture_other(fixture);
    fixture_id(id, 1);
    assert_int_equal(record_get(fixture->store, KIND_SESSION, id, T, &record), ERR_OK);
    assert_int_equal(strtol(record.payload, NULL, 10), (int64_t)PROCESSES * TIMES);
    assert_int_equal(record.version, first + (int64_t)PROCESSES * TIMES);
    record_free(&record);
}

static void one_winner(void **state)
{
    enum { PROCESSES = 4, IDS = 50 };
    struct fixture *fixture = *state;
    pid_t child[PROCESSES];
    int status, won = 0;

    store_free(fixture->store);
    fixture->store = NULL;
    for (int i = 0; i < PROCESSES; i++) {
        if ((child[i] = fork()) == 0) {
            struct store *store;
            int mine = 0;

            if (store_open(fixture->config, fixture->ring, &store) != ERR_OK) {
                _exit(255);
            }
            for (unsigned n = 0; n < IDS; n++) {
                struct record record = fixture_record(KIND_LEASE, n, "mine");
                enum err err = record_put(store, &record, T);

                if (err != ERR_OK && err != ERR_CONFLICT) {
                    _exit(255);
                }
                mine += err == ERR_OK;
                record_free(&record);
            }
            _exit(mine);
        }
        assert_true(child[i] > 0);
    }
    for (int i = 0; i < PROCESSES; i++) {
        assert_int_equal(waitpid(child[i], &status, 0), child[i]);
        assert_true(WIFEXITED(status));
        assert_int_not_equal(WEXITSTATUS(status), 255);
        won += WEXITSTATUS(status);
    }
    assert_int_equal(won, IDS);
    fixture->store = fixture_other(fixture);
}

static void starts_at_once(void **state)
{
    enum { PROCESSES = 6, ROUNDS = 5 };
    struct fixture *fixture = *state;

    for (int round = 0; round < ROUNDS; round++) {
        pid_t child[PROCESSES];
        int gate[2];
        char byte = 0;

        store_free(fixture->store);
        fixture->store = NULL;
        (void)unlink(fixture->database);
        assert_int_equal(pipe(gate), 0);
        for (int i = 0; i < PROCESSES; i++) {
            if ((child[i] = fork()) == 0) {
                struct store *store;

                (void)close(gate[1]);
                (void)!read(gate[0], &byte, 1); /* all leave it together, when it is closed */
                if (store_open(fixture->config, fixture->ring, &store) != ERR_OK) {
                    _exit(1);
                }
                fixture_put(store, KIND_TURN, (unsigned)i, "x");
                _exit(0);
            }
            assert_true(child[i] > 0);
        }
        (void)close(gate[0]);
        (void)close(gate[1]);
        for (int i = 0; i < PROCESSES; i++) {
            wait_for(child[i]);
        }
        fixture->store = fixture_other(fixture);
        assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM record"), PROCESSES);
        assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM epoch"), 1);
    }
}

static void killed(void **state)
{
    enum { ROUNDS = 10 };
    struct fixture *fixture = *state;

    for (int round = 0; round < ROUNDS; round++) {
        int report[2], status;
        unsigned acknowledged = 0, n;
        pid_t child;

        assert_int_equal(pipe(report), 0);
        if ((child = fork()) == 0) {
            struct store *store;

            if (store_open(fixture->config, fixture->ring, &store) != ERR_OK) {
                _exit(1);
            }
            for (n = 1;; n++) {
                fixture_put(store, KIND_TURN, (unsigned)round * 10000 + n, "x");
                if (write(report[1], &n, sizeof(n)) != sizeof(n)) {
                    _exit(1);
                }
            }
        }
        assert_true(child > 0);
        (void)close(report[1]);
        while (acknowledged < 5 && read(report[0], &n, sizeof(n)) == sizeof(n)) {
            acknowledged = n;
        }
        (void)usleep((useconds_t)round * 300);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        while (read(report[0], &n, sizeof(n)) == sizeof(n)) {
            acknowledged = n;
        }
        (void)close(report[0]);
        fixture_restart(fixture);
        for (n = 1; n <= acknowledged; n++) {
            assert_int_equal(fixture_get(fixture->store, KIND_TURN, (unsigned)round * 10000 + n, T),
                             ERR_OK);
        }
    }
}

static void full_disk(void **state)
{
    struct fixture *fixture = *state;
    struct record record, big = fixture_record(KIND_TURN, 99, "");
    struct audit_entry entry = {.event = "intent", .invocation = "i1", .request_id = ""};
    struct rlimit old, tight;
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    struct stat wal;
    char path[256];
    sqlite3 *db = fixture_database(fixture);
    uint64_t version;

    fixture_put(fixture->store, KIND_TURN, 1, "old");
    version = (uint64_t)fixture_number(fixture, "SELECT version FROM record");
    /* A reader, so that the log cannot be emptied to make room. */
    assert_int_equal(sqlite3_exec(db, "BEGIN; SELECT count(*) FROM record", NULL, NULL, NULL),
                     SQLITE_OK);
    free(big.payload);
    big.payload = malloc(RECORD_PAYLOAD_MAX + 1);
    assert_non_null(big.payload);
    memset(big.payload, 'x', RECORD_PAYLOAD_MAX);
    big.payload[RECORD_PAYLOAD_MAX] = '\0';
    big.payload_len = RECORD_PAYLOAD_MAX;

    (void)snprintf(path, sizeof(path), "%s-wal", fixture->database);
    assert_int_equal(stat(path, &wal), 0);
    assert_int_equal(sigaction(SIGXFSZ, &ignore, &before), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    tight = old;
    tight.rlim_cur = (rlim_t)wal.st_size;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    /* No assertion in here: its message could not be written. */
    enum err put = record_put(fixture->store, &big, T);
    enum err got = fixture_get(fixture->store, KIND_TURN, 1, T);
    enum err read = record_get(fixture->store, KIND_TURN, (uint8_t[RECORD_ID_SIZE]){0}, T, &record);
    enum err replaced = ERR_OK, deleted, audited;
    struct record first = fixture_record(KIND_TURN, 1, "new");
    first.version = version;
    replaced = record_replace(fixture->store, &first, T);
    deleted = record_delete(fixture->store, KIND_TURN, first.id);
    audited = audit_append(fixture->store, &entry, T);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(sigaction(SIGXFSZ, &before, NULL), 0);

    assert_int_equal(put, ERR_STORE);
    assert_int_equal(got, ERR_OK); /* reading goes on */
    assert_int_equal(read, ERR_NONE);
    assert_int_equal(replaced, ERR_STORE);
    assert_int_equal(first.version, version);
    assert_int_equal(deleted, ERR_STORE);
    assert_int_equal(audited, ERR_STORE);
    (void)sqlite3_close(db);
    /* With room again, everything is as it was, and the same store goes on. */
    assert_int_equal(record_get(fixture->store, KIND_TURN, first.id, T, &record), ERR_OK);
    assert_string_equal(record.payload, "old");
    record_free(&record);
    assert_int_equal(fixture_get(fixture->store, KIND_TURN, 99, T), ERR_NONE);
    assert_int_equal(record_put(fixture->store, &big, T), ERR_OK);
    assert_int_equal(audit_append(fixture->store, &entry, T), ERR_OK);
    record_free(&first);
    record_free(&big);
}

static void corrupt(void **state)
{
    struct fixture *fixture = *state;
    uint8_t noise[4096];
    struct record record;
    struct store *store;
    int fd;

    fixture_put(fixture->store, KIND_TURN, 1, "old");
    store_free(fixture->store); /* moves the log into the file */
    fixture->store = NULL;
    memset(noise, 0xa5, sizeof(noise));

    /* Every page but the first overwritten: reads fail, and nothing crashes. */
    assert_true((fd = open(fixture->database, O_RDWR | O_CLOEXEC)) >= 0);
    struct stat file;
    assert_int_equal(fstat(fd, &file), 0);
    for (off_t at = 4096; at < file.st_size; at += 4096) {
        assert_int_equal(pwrite(fd, noise, sizeof(noise), at), sizeof(noise));
    }
    (void)close(fd);
    fixture->store = fixture_other(fixture);
    record = fixture_record(KIND_TURN, 2, "new");
    assert_int_equal(fixture_get(fixture->store, KIND_TURN, 1, T), ERR_STORE);
    assert_int_equal(record_put(fixture->store, &record, T), ERR_STORE);
    assert_int_equal(record_delete(fixture->store, KIND_TURN, record.id), ERR_STORE);
    assert_int_equal(store_ping(fixture->store), ERR_STORE);
    record_free(&record);
    store_free(fixture->store);
    fixture->store = NULL;

    /* And the first too: it does not even open. */
    assert_true((fd = open(fixture->database, O_RDWR | O_CLOEXEC)) >= 0);
    assert_int_equal(pwrite(fd, noise, sizeof(noise), 0), sizeof(noise));
    (void)close(fd);
    assert_int_equal(store_open(fixture->config, fixture->ring, &store), ERR_STORE);
    assert_null(store);
}

static void locked(void **state)
{
    struct fixture *fixture = *state;
    sqlite3 *db = fixture_database(fixture);
    struct record record = fixture_record(KIND_TURN, 2, "new");

    fixture_put(fixture->store, KIND_TURN, 1, "old");
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(fixture_get(fixture->store, KIND_TURN, 1, T), ERR_OK); /* readers pass */
    assert_int_equal(record_put(fixture->store, &record, T), ERR_STORE);
    assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(record_put(fixture->store, &record, T), ERR_OK);
    (void)sqlite3_close(db);
    record_free(&record);
}

static void newer_schema(void **state)
{
    struct fixture *fixture = *state;
    struct store *store;

    fixture_sql(fixture, "PRAGMA user_version = 999");
    assert_int_equal(store_open(fixture->config, fixture->ring, &store), ERR_CONFIG);
    assert_null(store);
    assert_int_equal(fixture_number(fixture, "PRAGMA user_version"), 999);
}

static void no_place(void **state)
{
    struct fixture *fixture = *state;
    struct buf problems = buf_make(4096);
    struct config *config;
    struct store *store;
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/absent/records.db", fixture->dir);
    assert_int_equal(setenv("DATABASE", path, 1), 0);
    assert_int_equal(config_load(NULL, NULL, 0, &problems, &config), ERR_OK);
    assert_int_equal(store_open(config, fixture->ring, &store), ERR_STORE);
    config_free(config);
    assert_int_equal(setenv("DATABASE", ":memory:", 1), 0);
    assert_int_equal(config_load(NULL, NULL, 0, &problems, &config), ERR_OK);
    assert_int_equal(store_open(config, fixture->ring, &store), ERR_CONFIG);
    config_free(config);
    assert_int_equal(unsetenv("DATABASE"), 0);
    assert_int_equal(config_load(NULL, NULL, 0, &problems, &config), ERR_OK);
    assert_int_equal(store_open(config, fixture->ring, &store), ERR_CONFIG);
    config_free(config);
    buf_free(&problems);
}

/* Root writes to a read-only file all the same: as another user, in a process of its own. */
static void read_only(void **state)
{
    struct fixture *fixture = *state;
    pid_t child;

    fixture_put(fixture->store, KIND_TURN, 1, "old");
    store_free(fixture->store);
    fixture->store = NULL;
    assert_int_equal(chmod(fixture->database, 0444), 0);
    assert_int_equal(chmod(fixture->dir, 0555), 0);
    if ((child = fork()) == 0) {
        struct record record = fixture_record(KIND_TURN, 2, "new");
        struct store *store = NULL;
        bool right;

        if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0) {
            _exit(1);
        }
        right = store_open(fixture->config, fixture->ring, &store) == ERR_STORE;
        if (store != NULL) { /* opened to read: then a write must fail */
            right = record_put(store, &record, T) == ERR_STORE;
        }
        _exit(right ? 0 : 2);
    }
    assert_true(child > 0);
    wait_for(child);
    assert_int_equal(chmod(fixture->dir, 0755), 0);
    assert_int_equal(chmod(fixture->database, 0660), 0);
    fixture->store = fixture_other(fixture);
    assert_int_equal(fixture_get(fixture->store, KIND_TURN, 1, T), ERR_OK);
    assert_int_equal(fixture_get(fixture->store, KIND_TURN, 2, T), ERR_NONE);
}

#define TEST(name, function)                                                                       \
    {                                                                                              \
        name, function, fixture_setup, fixture_teardown, NULL                                      \
    }

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST("two processes lose none of 2,000 replaces", two_processes),
        TEST("of four processes one takes each lease", one_winner),
        TEST("six processes start on a new file at once", starts_at_once),
        TEST("what was acknowledged outlives SIGKILL", killed),
        TEST("a full disk fails the write and keeps the old", full_disk),
        TEST("a damaged file fails, and nothing crashes", corrupt),
        TEST("a lock held for too long fails the write", locked),
        TEST("the database of a newer version is left alone", newer_schema),
        TEST("no directory, no file name, memory: refused", no_place),
        TEST("a read-only file fails", read_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
