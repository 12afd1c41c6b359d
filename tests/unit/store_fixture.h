/* A store of its own for one test: a directory with key rings and a database, gone afterwards. */
#ifndef TESTS_STORE_FIXTURE_H
#define TESTS_STORE_FIXTURE_H

#include "store/record.h"

#include <sqlite3.h>

#define T ((msec)1700000000000) /* now, in tests */
#define ALL_KINDS ((1u << KIND_COUNT) - 1)

struct fixture {
    char dir[128], database[160], keys[160];
    struct keyring *ring;
    struct config *config;
    struct store *store;
};

/* Both assert; setup and teardown are cmocka's forms, for *state a struct fixture *. */
void fixture_open(struct fixture *fixture);
void fixture_close(struct fixture *fixture);
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Another store over the same file and keys, as another process has it. */
struct store *fixture_other(const struct fixture *fixture);
/* Reopen the rings and the store, as after a restart. */
void fixture_restart(struct fixture *fixture);

/* Behind the product's back: run SQL; the first column of the first row as a number. */
void fixture_sql(const struct fixture *fixture, const char *sql);
int64_t fixture_number(const struct fixture *fixture, const char *sql);
sqlite3 *fixture_database(const struct fixture *fixture); /* sqlite3_close() it */

/* An id whose bytes all are n; a record of it with that payload, expiring at T + one hour. */
void fixture_id(uint8_t id[RECORD_ID_SIZE], unsigned n);
struct record fixture_record(enum kind kind, unsigned n, const char *payload);
/* The same, put; the record is freed. */
void fixture_put(struct store *store, enum kind kind, unsigned n, const char *payload);
/* The answer of record_get at now, the record freed. */
enum err fixture_get(struct store *store, enum kind kind, unsigned n, msec now);

#endif
