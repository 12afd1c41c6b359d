/* One person's session in a store of its own, with the limits that these tests reckon with. */
#ifndef TESTS_UNIT_SESSION_FIXTURE_H
#define TESTS_UNIT_SESSION_FIXTURE_H

#include "identity/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store_fixture.h"

#define ISS "https://tenant.example/"
#define UA "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0 Safari/537.36"
#define IDLE MINUTES(30)
#define ABSOLUTE HOURS(10)

static const struct session_limits limits = {IDLE, ABSOLUTE};

#define TEST(name, function)                                                                       \
    {                                                                                              \
        name, function, fixture_setup, fixture_teardown, NULL                                      \
    }

/* The caller ends it with person_free(). */
static inline struct person person(const char *sub)
{
    struct person out;

    assert_int_equal(person_new(ISS, sub, "alice@example.test", true, "Alice Example", &out),
                     ERR_OK);
    return out;
}

/* One session of sub; seed makes its random bytes. */
static inline enum err create_at(struct store *store, const char *sub, uint8_t seed,
                                 msec started_at, msec now, char token[SESSION_TOKEN_SIZE],
                                 struct session *out)
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

static inline void create(struct store *store, const char *sub, uint8_t seed,
                          char token[SESSION_TOKEN_SIZE], struct session *out)
{
    assert_int_equal(create_at(store, sub, seed, T, T, token, out), ERR_OK);
}

/* The answer of session_load, the session freed. */
static inline enum err load(struct store *store, const char *token, msec now)
{
    struct session session;
    enum err err = session_load(store, &limits, token, now, &session);

    if (err == ERR_OK) {
        session_free(&session);
    }
    return err;
}

#endif
