/*
 * A small real world for the tests of lib/web: configuration from the
 * environment, key rings and a database in a temporary directory, one signed-in
 * session; and FastCGI parameters written as a list.
 */
#ifndef COUNTERSIGN_TESTS_WEB_WORLD_H
#define COUNTERSIGN_TESTS_WEB_WORLD_H

#include "web/internal.h"

struct web_world {
    char dir[64];
    struct config *config;
    struct app app;
    char token[SESSION_TOKEN_SIZE]; /* the cookie's value */
    struct session session;
};

/* public_url and base as configured; with_store: rings, database, session. Asserts. */
void web_world_open(struct web_world *world, const char *public_url, const char *base,
                    bool with_store);
void web_world_close(struct web_world *world);

#endif
