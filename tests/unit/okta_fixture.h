/*
 * A client of Okta against one scripted peer, with a token that is no secret.
 * Included by the test_okta*.c files only.
 */
#ifndef TESTS_UNIT_OKTA_FIXTURE_H
#define TESTS_UNIT_OKTA_FIXTURE_H

#include "base/text.h"
#include "http_peer.h"
#include "okta/okta_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ID "00ubob000000000000001"
#define GID "00gdesk00000000000001"
#define JSON "Content-Type: application/json\r\n"
#define USER(id, login)                                                                            \
    "{\"id\":\"" id "\",\"status\":\"ACTIVE\",\"profile\":{\"login\":\"" login                     \
    "\",\"email\":\"mail@example.test\"}}"
#define GROUP(id, name)                                                                            \
    "{\"id\":\"" id "\",\"type\":\"OKTA_GROUP\",\"profile\":{\"name\":\"" name "\"}}"

struct fixture {
    struct peer *peer;
    struct config *config;
    struct http *http;
    struct okta *okta;
    struct secret *secret;
    struct okta_token token;
};

static inline int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->peer = peer_start(NULL);
    setenv("ALLOW_HTTP_LOOPBACK", "1", 1);
    setenv("OKTA_DOMAIN", peer_url(f->peer, "/"), 1);
    f->config = peer_config();
    if (http_open(f->config, &f->http) != ERR_OK ||
        okta_open(f->config, f->http, &f->okta) != ERR_OK ||
        secret_new("okta-at", 7, &f->secret) != ERR_OK) {
        return -1;
    }
    f->token = (struct okta_token){"Bearer", f->secret};
    *state = f;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;

    secret_free(f->secret);
    okta_free(f->okta);
    http_free(f->http);
    peer_stop(f->peer);
    config_free(f->config);
    free(f);
    return 0;
}

#define TEST(name_, function_)                                                                     \
    {                                                                                              \
        .name = (name_), .test_func = (function_), .setup_func = set_up,                           \
        .teardown_func = tear_down                                                                 \
    }

#endif
