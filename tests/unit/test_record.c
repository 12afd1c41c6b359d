/* record.h: what one process sees. */
#include "store_fixture.h"

#include "crypto/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct store *store_of(void **state)
{
    return ((struct fixture *)*state)->store;
}

static void set_payload(struct record *record, const char *text)
{
    free(record->payload);
    record->payload = strdup(text);
    record->payload_len = strlen(text);
}

static void round_trip(void **state)
{
    struct record in = fixture_record(KIND_SESSION, 1, "{\"sub\":\"alice\"}"), out;

    fixture_id(in.owner, 2);
    fixture_id(in.second, 3);
    in.due_at = T + 5;
    assert_int_equal(record_put(store_of(state), &in, T), ERR_OK);
    assert_in_range(in.version, 1, (uint64_t)1 << 62); /* 2^62 replaces at least are left */
    assert_int_equal(record_get(store_of(state), KIND_SESSION, in.id, T, &out), ERR_OK);
    assert_int_equal(out.kind, KIND_SESSION);
    assert_memory_equal(out.id, in.id, RECORD_ID_SIZE);
    assert_memory_equal(out.owner, in.owner, RECORD_ID_SIZE);
    assert_memory_equal(out.second, in.second, RECORD_ID_SIZE);
    assert_int_equal(out.version, in.version);
    assert_int_equal(out.expires_at, in.expires_at);
    assert_int_equal(out.due_at, in.due_at);
    assert_int_equal(out.payload_len, strlen(in.payload));
    assert_string_equal(out.payload, in.payload);
    record_free(&in);
    record_free(&out);
}

static void payload_sizes(void **state)
{
    static const size_t sizes[] = {0, 1, 4096, RECORD_PAYLOAD_MAX};
    struct record in, out;

    for (unsigned i = 0; i < COUNT(sizes); i++) {
        in = fixture_record(KIND_TURN, 10 + i, "");
        free(in.payload);
        in.payload = malloc(sizes[i] + 1);
        assert_non_null(in.payload);
        memset(in.payload, 'x', sizes[i]);
        in.payload_len = sizes[i];
        assert_int_equal(record_put(store_of(state), &in, T), ERR_OK);
        assert_int_equal(record_get(store_of(state), KIND_TURN, in.id, T, &out), ERR_OK);
        assert_int_equal(out.payload_len, sizes[i]);
        assert_memory_equal(out.payload, in.payload, sizes[i]);
        assert_int_equal(out.payload[sizes[i]], '\0');
        record_free(&in);
        record_free(&out);
    }
    in = fixture_record(KIND_TURN, 20, "");
    free(in.payload);
    in.payload = calloc(1, RECORD_PAYLOAD_MAX + 2);
    in.payload_len = RECORD_PAYLOAD_MAX + 1;
    assert_int_equal(record_put(store_of(state), &in, T), ERR_LIMIT);
    assert_int_equal(fixture_get(store_of(state), KIND_TURN, 20, T), ERR_NONE);
    record_free(&in);
}

static void absent(void **state)
{
    uint8_t id[RECORD_ID_SIZE];

    fixture_put(store_of(state), KIND_SESSION, 1, "x");
    fixture_id(id, 1);
    assert_int_equal(fixture_get(store_of(state), KIND_SESSION, 2, T), ERR_NONE);
    assert_int_equal(fixture_get(store_of(state), KIND_TOKENS, 1, T), ERR_NONE);
    assert_int_equal(record_exists(store_of(state), KIND_SESSION, id, T), ERR_OK);
    assert_int_equal(record_exists(store_of(state), KIND_TOKENS, id, T), ERR_NONE);
}

static void not_a_record(void **state)
{
    struct record record = fixture_record(KIND_TICKET, 1, "x"), out;
    uint8_t none[RECORD_ID_SIZE] = {0};
    struct record_list list;

    assert_int_equal(record_put(store_of(state), &record, T), ERR_INPUT);
    assert_int_equal(record_get(store_of(state), KIND_AUDIT, record.id, T, &out), ERR_INPUT);
    assert_int_equal(record_by_owner(store_of(state), KIND_TURN, none, T, 10, &list), ERR_INPUT);
    assert_int_equal(record_by_second(store_of(state), KIND_TURN, none, T, 10, &list), ERR_INPUT);
    record_free(&record);
}

static void put_conflict(void **state)
{
    struct record second = fixture_record(KIND_LOGIN, 1, "second"), out;

    fixture_put(store_of(state), KIND_LOGIN, 1, "first");
    assert_int_equal(record_put(store_of(state), &second, T), ERR_CONFLICT);
    assert_int_equal(record_get(store_of(state), KIND_LOGIN, second.id, T, &out), ERR_OK);
    assert_string_equal(out.payload, "first");
    record_free(&out);
    record_free(&second);
}

static void expiry(void **state)
{
    struct record record = fixture_record(KIND_SESSION, 1, "x");
    struct record_list list;
    msec end = T + 1000;

    fixture_id(record.owner, 5);
    fixture_id(record.second, 6);
    record.due_at = T;
    record.expires_at = end;
    assert_int_equal(record_put(store_of(state), &record, T), ERR_OK);
    for (msec now = end - 1; now <= end + 1; now++) {
        enum err there = now < end ? ERR_OK : ERR_NONE;
        size_t count = now < end ? 1 : 0;

        assert_int_equal(fixture_get(store_of(state), KIND_SESSION, 1, now), there);
        assert_int_equal(record_exists(store_of(state), KIND_SESSION, record.id, now), there);
        assert_int_equal(record_hint(store_of(state), KIND_SESSION, record.id, T, now), there);
        assert_int_equal(
            record_by_owner(store_of(state), KIND_SESSION, record.owner, now, 9, &list), ERR_OK);
        assert_int_equal(list.count, count);
        record_list_free(&list);
        assert_int_equal(
            record_by_second(store_of(state), KIND_SESSION, record.second, now, 9, &list), ERR_OK);
        assert_int_equal(list.count, count);
        record_list_free(&list);
        assert_int_equal(record_due(store_of(state), KIND_SESSION, now, now, 9, &list), ERR_OK);
        assert_int_equal(list.count, count);
        record_list_free(&list);
    }
    assert_int_equal(record_replace(store_of(state), &record, end), ERR_CONFLICT);
    assert_int_equal(record_replace(store_of(state), &record, end - 1), ERR_OK);
    record_free(&record);
}

static void put_over_expired(void **state)
{
    struct record first = fixture_record(KIND_LEASE, 1, "first");
    struct record second = fixture_record(KIND_LEASE, 1, "second"), out;

    first.expires_at = T + 10;
    first.due_at = T + 1;
    fixture_id(first.owner, 4);
    fixture_id(second.owner, 5);
    assert_int_equal(record_put(store_of(state), &first, T), ERR_OK);
    assert_int_equal(record_hint(store_of(state), KIND_LEASE, first.id, T, T), ERR_OK);
    assert_int_equal(record_put(store_of(state), &second, T + 9), ERR_CONFLICT);
    assert_int_equal(record_put(store_of(state), &second, T + 10), ERR_OK);
    assert_int_equal(record_get(store_of(state), KIND_LEASE, first.id, T + 10, &out), ERR_OK);
    assert_string_equal(out.payload, "second");
    assert_memory_equal(out.owner, second.owner, RECORD_ID_SIZE);
    assert_int_equal(out.version, second.version);
    assert_int_equal(out.hints, 0);
    assert_int_equal(out.due_at, 0);
    record_free(&out);
    record_free(&first);
    record_free(&second);
}

static void replace(void **state)
{
    struct record record = fixture_record(KIND_TURN, 1, "one"), stale, out;
    uint64_t first;

    assert_int_equal(record_put(store_of(state), &record, T), ERR_OK);
    first = record.version;
    assert_int_equal(record_get(store_of(state), KIND_TURN, record.id, T, &stale), ERR_OK);
    set_payload(&record, "two");
    record.expires_at += 7;
    record.due_at = T + 3;
    fixture_id(record.second, 9);
    assert_int_equal(record_replace(store_of(state), &record, T), ERR_OK);
    assert_int_equal(record.version, first + 1);

    set_payload(&stale, "lost");
    assert_int_equal(record_replace(store_of(state), &stale, T), ERR_CONFLICT);
    assert_int_equal(stale.version, first);
    assert_int_equal(record_get(store_of(state), KIND_TURN, record.id, T, &out), ERR_OK);
    assert_string_equal(out.payload, "two");
    assert_int_equal(out.version, first + 1);
    assert_int_equal(out.expires_at, record.expires_at);
    assert_int_equal(out.due_at, T + 3);
    assert_memory_equal(out.second, record.second, RECORD_ID_SIZE);

    assert_int_equal(record_delete(store_of(state), KIND_TURN, record.id), ERR_OK);
    assert_int_equal(record_replace(store_of(state), &record, T), ERR_CONFLICT);
    assert_int_equal(fixture_get(store_of(state), KIND_TURN, 1, T), ERR_NONE);
    record_free(&record);
    record_free(&stale);
    record_free(&out);
}

static void replace_owner(void **state)
{
    struct record record = fixture_record(KIND_TURN, 1, "one");

    fixture_id(record.owner, 4);
    assert_int_equal(record_put(store_of(state), &record, T), ERR_OK);
    fixture_id(record.owner, 5); /* a mistake of a caller must not give the record away */
    assert_int_equal(record_replace(store_of(state), &record, T), ERR_CONFLICT);
    assert_int_equal(fixture_get(store_of(state), KIND_TURN, 1, T), ERR_OK);
    memset(record.owner, 0, RECORD_ID_SIZE);
    assert_int_equal(record_replace(store_of(state), &record, T), ERR_CONFLICT);
    assert_int_equal(fixture_number(*state, "SELECT version FROM record"), record.version);
    record_free(&record);
}

static void delete_once(void **state)
{
    uint8_t id[RECORD_ID_SIZE];

    fixture_put(store_of(state), KIND_LOGIN, 1, "x");
    fixture_id(id, 1);
    assert_int_equal(record_delete(store_of(state), KIND_LOGIN, id), ERR_OK);
    assert_int_equal(record_delete(store_of(state), KIND_LOGIN, id), ERR_NONE);
    assert_int_equal(fixture_get(store_of(state), KIND_LOGIN, 1, T), ERR_NONE);
}

/*
 * The record expired or was deleted, and another of the same id, kind and owner
 * stands in its place: whoever held the first may neither write nor delete it.
 */
static void successor(void **state)
{
    struct record first = fixture_record(KIND_LEASE, 1, "first"), out;
    struct record second = fixture_record(KIND_LEASE, 1, "second");
    struct record third = fixture_record(KIND_LEASE, 1, "third");

    first.expires_at = T + 10;
    assert_int_equal(record_put(store_of(state), &first, T), ERR_OK);
    assert_int_equal(record_put(store_of(state), &second, T + 10), ERR_OK);
    first.expires_at = T + SECONDS(60);
    assert_int_equal(record_replace(store_of(state), &first, T + 10), ERR_CONFLICT);
    assert_int_equal(record_delete_version(store_of(state), &first), ERR_CONFLICT);

    assert_int_equal(record_delete(store_of(state), KIND_LEASE, second.id), ERR_OK);
    assert_int_equal(record_put(store_of(state), &third, T + 11), ERR_OK);
    assert_int_equal(record_replace(store_of(state), &second, T + 11), ERR_CONFLICT);
    assert_int_equal(record_delete_version(store_of(state), &second), ERR_CONFLICT);
    assert_int_equal(record_get(store_of(state), KIND_LEASE, third.id, T + 11, &out), ERR_OK);
    assert_string_equal(out.payload, "third");
    record_free(&out);
    record_free(&first);
    record_free(&second);
    record_free(&third);
}

static void delete_version(void **state)
{
    struct record record = fixture_record(KIND_LEASE, 1, "one"), stale;

    assert_int_equal(record_delete_version(store_of(state), &record), ERR_INPUT); /* never put */
    assert_int_equal(record_put(store_of(state), &record, T), ERR_OK);
    assert_int_equal(record_get(store_of(state), KIND_LEASE, record.id, T, &stale), ERR_OK);
    set_payload(&record, "two");
    assert_int_equal(record_replace(store_of(state), &record, T), ERR_OK);
    assert_int_equal(record_delete_version(store_of(state), &stale), ERR_CONFLICT);
    assert_int_equal(fixture_get(store_of(state), KIND_LEASE, 1, T), ERR_OK);
    assert_int_equal(record_delete_version(store_of(state), &record), ERR_OK);
    assert_int_equal(fixture_get(store_of(state), KIND_LEASE, 1, T), ERR_NONE);
    assert_int_equal(record_delete_version(store_of(state), &record), ERR_CONFLICT);
    record.kind = KIND_TICKET;
    assert_int_equal(record_delete_version(store_of(state), &record), ERR_INPUT);
    record_free(&record);
    record_free(&stale);
}

static void hints(void **state)
{
    struct record record = fixture_record(KIND_TURN, 1, "x"), out;
    uint8_t unknown[RECORD_ID_SIZE];

    record.due_at = T + 100;
    assert_int_equal(record_put(store_of(state), &record, T), ERR_OK);
    assert_int_equal(record_hint(store_of(state), KIND_TURN, record.id, T + 50, T), ERR_OK);
    assert_int_equal(record_hint(store_of(state), KIND_TURN, record.id, T + 70, T), ERR_OK);
    assert_int_equal(record_get(store_of(state), KIND_TURN, record.id, T, &out), ERR_OK);
    assert_int_equal(out.due_at, T + 50); /* never back */
    assert_int_equal(out.hints, 2);
    assert_int_equal(out.version, record.version);
    record_free(&out);

    /* Read before the hints: its later due time does not undo them. */
    record.due_at = T + 900;
    assert_int_equal(record_replace(store_of(state), &record, T), ERR_OK);
    assert_int_equal(record_get(store_of(state), KIND_TURN, record.id, T, &out), ERR_OK);
    assert_int_equal(out.due_at, T + 50);
    assert_int_equal(out.hints, 2);
    assert_int_equal(out.version, record.version);

    /* Read after them: the reader has seen them, and its due time holds. */
    out.due_at = T + 900;
    assert_int_equal(record_replace(store_of(state), &out, T), ERR_OK);
    record_free(&out);
    assert_int_equal(record_get(store_of(state), KIND_TURN, record.id, T, &out), ERR_OK);
    assert_int_equal(out.due_at, T + 900);

    /* A record that is never due becomes due by a hint, and "never" does not undo one. */
    out.due_at = 0;
    assert_int_equal(record_replace(store_of(state), &out, T), ERR_OK);
    assert_int_equal(record_hint(store_of(state), KIND_TURN, record.id, T + 5, T), ERR_OK);
    assert_int_equal(record_replace(store_of(state), &out, T), ERR_OK);
    record_free(&out);
    assert_int_equal(record_get(store_of(state), KIND_TURN, record.id, T, &out), ERR_OK);
    assert_int_equal(out.due_at, T + 5);
    /* An earlier time of the writer's own wins over a hint. */
    out.hints--;
    out.due_at = T + 2;
    assert_int_equal(record_replace(store_of(state), &out, T), ERR_OK);
    record_free(&out);
    assert_int_equal(record_get(store_of(state), KIND_TURN, record.id, T, &out), ERR_OK);
    assert_int_equal(out.due_at, T + 2);

    fixture_id(unknown, 77);
    assert_int_equal(record_hint(store_of(state), KIND_TURN, unknown, T, T), ERR_NONE);
    assert_int_equal(record_hint(store_of(state), KIND_TURN, record.id, 0, T), ERR_INPUT);
    record_free(&out);
    record_free(&record);
}

static void without_keys(void **state)
{
    struct fixture *fixture = *state;
    struct record record = fixture_record(KIND_TURN, 1, "x"), out;
    struct keyring *session_only;
    struct store *store;

    fixture_put(fixture->store, KIND_TURN, 1, "x");
    assert_int_equal(keyring_open(fixture->keys, KIND_BIT(KIND_SESSION), &session_only), ERR_OK);
    assert_int_equal(store_open(fixture->config, session_only, &store), ERR_OK);
    assert_int_equal(record_exists(store, KIND_TURN, record.id, T), ERR_OK);
    assert_int_equal(record_hint(store, KIND_TURN, record.id, T + 1, T), ERR_OK);
    assert_int_equal(record_get(store, KIND_TURN, record.id, T, &out), ERR_CONFIG);
    assert_int_equal(record_replace(store, &record, T), ERR_CONFIG);
    fixture_id(record.id, 2);
    assert_int_equal(record_put(store, &record, T), ERR_CONFIG);
    store_free(store);
    keyring_free(session_only);

    assert_int_equal(store_open(fixture->config, NULL, &store), ERR_OK);
    fixture_id(record.id, 1);
    assert_int_equal(record_exists(store, KIND_TURN, record.id, T), ERR_OK);
    assert_int_equal(record_hint(store, KIND_TURN, record.id, T + 1, T), ERR_OK);
    assert_int_equal(record_get(store, KIND_TURN, record.id, T, &out), ERR_CONFIG);
    store_free(store);
    record_free(&record);
}

static void lists(void **state)
{
    struct record_list list;
    uint8_t owner[RECORD_ID_SIZE], second[RECORD_ID_SIZE];

    fixture_id(owner, 200);
    fixture_id(second, 201);
    for (unsigned i = 1; i <= 20; i++) {
        struct record record = fixture_record(i % 4 == 0 ? KIND_TURN : KIND_SESSION, i, "x");

        record.expires_at = T + SECONDS(100 + i * 7 % 20);
        record.due_at = T + i * 11 % 20 + 1;
        memcpy(i % 5 == 0 ? record.second : record.owner, i % 5 == 0 ? second : owner,
               RECORD_ID_SIZE);
        assert_int_equal(record_put(store_of(state), &record, T), ERR_OK);
        record_free(&record);
    }
    assert_int_equal(record_by_owner(store_of(state), KIND_SESSION, owner, T, 100, &list), ERR_OK);
    assert_int_equal(list.count, 12); /* 15 sessions, 3 of them with the second key only */
    for (size_t i = 1; i < list.count; i++) {
        assert_true(list.records[i - 1].expires_at >= list.records[i].expires_at);
    }
    record_list_free(&list);
    assert_int_equal(record_by_owner(store_of(state), KIND_SESSION, owner, T, 5, &list), ERR_OK);
    assert_int_equal(list.count, 5);
    assert_int_equal(list.records[0].expires_at, T + SECONDS(119));
    record_list_free(&list);
    assert_int_equal(record_by_second(store_of(state), KIND_SESSION, second, T, 100, &list),
                     ERR_OK);
    assert_int_equal(list.count, 3);
    record_list_free(&list);
    assert_int_equal(record_by_owner(store_of(state), KIND_SESSION, second, T, 100, &list), ERR_OK);
    assert_int_equal(list.count, 0);
    record_list_free(&list);

    assert_int_equal(record_due(store_of(state), KIND_SESSION, T + 10, T, 100, &list), ERR_OK);
    assert_true(list.count > 2);
    for (size_t i = 0; i < list.count; i++) {
        assert_true(list.records[i].due_at > 0 && list.records[i].due_at <= T + 10);
        assert_int_equal(list.records[i].kind, KIND_SESSION);
        assert_true(i == 0 || list.records[i - 1].due_at <= list.records[i].due_at);
    }
    record_list_free(&list);
    assert_int_equal(record_due(store_of(state), KIND_SESSION, T, T, 100, &list), ERR_OK);
    assert_int_equal(list.count, 0);
    record_list_free(&list);
}

static void sweep(void **state)
{
    size_t removed;

    for (unsigned i = 0; i < 250; i++) {
        struct record record = fixture_record(KIND_ONCE, i, "");

        record.expires_at = T + (i < 230 ? 10 : 1000);
        assert_int_equal(record_put(store_of(state), &record, T), ERR_OK);
        record_free(&record);
    }
    assert_int_equal(record_sweep(store_of(state), T + 9, 1000, &removed), ERR_OK);
    assert_int_equal(removed, 0);
    assert_int_equal(record_sweep(store_of(state), T + 10, 130, &removed), ERR_OK);
    assert_int_equal(removed, 130);
    assert_int_equal(record_sweep(store_of(state), T + 10, 1000, &removed), ERR_OK);
    assert_int_equal(removed, 100);
    assert_int_equal(fixture_number(*state, "SELECT count(*) FROM record"), 20);
    assert_int_equal(fixture_get(store_of(state), KIND_ONCE, 240, T + 10), ERR_OK);
}

static void sweep_waits_for_nobody(void **state)
{
    sqlite3 *other = fixture_database(*state);
    struct record record = fixture_record(KIND_ONCE, 1, "");
    size_t removed;
    msec began;

    record.expires_at = T + 10;
    assert_int_equal(record_put(store_of(state), &record, T), ERR_OK);
    record_free(&record);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    began = clock_monotonic();
    assert_int_equal(record_sweep(store_of(state), T + 10, 1000, &removed), ERR_CONFLICT);
    assert_true(clock_monotonic() - began < 500);
    assert_int_equal(removed, 0);
    assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    assert_int_equal(record_sweep(store_of(state), T + 10, 1000, &removed), ERR_OK);
    assert_int_equal(removed, 1);
}

static void change_number(void **state)
{
    struct fixture *fixture = *state;
    struct store *other = fixture_other(fixture);
    uint64_t before, after;

    assert_int_equal(store_change_number(fixture->store, &before), ERR_OK);
    assert_int_equal(store_change_number(fixture->store, &after), ERR_OK);
    assert_int_equal(before, after);
    fixture_put(other, KIND_TURN, 1, "x");
    assert_int_equal(store_change_number(fixture->store, &after), ERR_OK);
    assert_true(after != before);
    before = after;
    fixture_put(fixture->store, KIND_TURN, 2, "x");
    assert_int_equal(store_change_number(fixture->store, &after), ERR_OK);
    assert_true(after != before);
    before = after;
    assert_int_equal(fixture_get(fixture->store, KIND_TURN, 1, T), ERR_OK);
    assert_int_equal(store_change_number(fixture->store, &after), ERR_OK);
    assert_int_equal(after, before); /* reading is no change */
    store_free(other);
}

static void no_entropy(void **state)
{
    struct record record = fixture_record(KIND_SESSION, 1, "x");
    uint64_t first;

    random_fail_for_test(1);
    assert_int_equal(record_put(store_of(state), &record, T), ERR_SYSTEM);
    random_fail_for_test(0);
    assert_int_equal(fixture_get(store_of(state), KIND_SESSION, 1, T), ERR_NONE);
    assert_int_equal(fixture_number(*state, "SELECT count(*) FROM record"), 0);
    assert_int_equal(record_put(store_of(state), &record, T), ERR_OK);
    first = record.version;
    random_fail_for_test(1);
    assert_int_equal(record_replace(store_of(state), &record, T), ERR_SYSTEM);
    assert_int_equal(store_new_epoch(store_of(state)), ERR_SYSTEM);
    random_fail_for_test(0);
    assert_int_equal(record.version, first);
    assert_int_equal(fixture_get(store_of(state), KIND_SESSION, 1, T), ERR_OK);
    record_free(&record);
}

static void restart(void **state)
{
    struct fixture *fixture = *state;

    fixture_put(fixture->store, KIND_INVOCATION, 1, "kept");
    fixture_restart(fixture);
    assert_int_equal(fixture_get(fixture->store, KIND_INVOCATION, 1, T), ERR_OK);
    assert_int_equal(store_ping(fixture->store), ERR_OK);
    assert_ptr_equal(store_keyring(fixture->store), fixture->ring);
}

static void modes(void **state)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    struct fixture fixture;
    mode_t old = umask(007);
    struct stat file;
    char path[256];

    (void)state;
    fixture_open(&fixture);
    fixture_put(fixture.store, KIND_SESSION, 1, "x");
    for (size_t i = 0; i < COUNT(suffixes); i++) {
        (void)snprintf(path, sizeof(path), "%s%s", fixture.database, suffixes[i]);
        assert_int_equal(stat(path, &file), 0);
        assert_int_equal(file.st_mode & 0777, 0660);
    }
    (void)umask(old);
    fixture_close(&fixture);
}

#define TEST(name, function)                                                                       \
    {                                                                                              \
        name, function, fixture_setup, fixture_teardown, NULL                                      \
    }

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST("a record comes back as it was put", round_trip),
        TEST("payloads of every allowed size, and one byte more", payload_sizes),
        TEST("another id, or another kind, is not there", absent),
        TEST("what is no kind of record, and lists of nobody, are refused", not_a_record),
        TEST("put refuses a live record of that id", put_conflict),
        TEST("a record is there until its expiry, in every verb", expiry),
        TEST("put overwrites an expired record", put_over_expired),
        TEST("replace wants the stored version", replace),
        TEST("replace never changes the owner", replace_owner),
        TEST("only one delete finds the record", delete_once),
        TEST("who held an expired or deleted record cannot touch its successor", successor),
        TEST("delete_version takes the version that was read and no other", delete_version),
        TEST("hints bring forward and survive a replace", hints),
        TEST("exists and hint need no key; the rest refuses without one", without_keys),
        TEST("lists by owner, second key and due time", lists),
        TEST("sweep takes the expired, at most so many", sweep),
        TEST("a sweep waits for no other writer", sweep_waits_for_nobody),
        TEST("the change number tells every write and no read", change_number),
        TEST("row 29: no entropy, nothing stored", no_entropy),
        TEST("a restart finds every record", restart),
        {"the files are for owner and group", modes, NULL, NULL, NULL},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
