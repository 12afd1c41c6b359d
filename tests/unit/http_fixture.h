/*
 * The HTTP client against one scripted peer of its own on the loopback.
 * Included by the test_http*.c files only.
 */
#ifndef TESTS_UNIT_HTTP_FIXTURE_H
#define TESTS_UNIT_HTTP_FIXTURE_H

#include "http_peer.h"
#include "net/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct peer *peer;
    struct config *config;
    struct http *http;
};

static inline int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    setenv("ALLOW_HTTP_LOOPBACK", "1", 1);
    f->config = peer_config();
    if (http_open(f->config, &f->http) != ERR_OK) {
        return -1;
    }
    f->peer = peer_start(NULL);
    *state = f;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;

    http_free(f->http);
    peer_stop(f->peer);
    config_free(f->config);
    free(f);
    return 0;
}

/* A second client under another configuration. */
static inline struct http *client_with(const char *name, const char *value)
{
    struct config *config;
    struct http *http = NULL;

    if (value != NULL) {
        setenv(name, value, 1);
    } else {
        unsetenv(name);
    }
    config = peer_config();
    assert_int_equal(http_open(config, &http), ERR_OK);
    config_free(config); /* the client keeps copies */
    return http;
}

/* Of a refused or failed call nothing is left to believe. */
static inline void assert_empty(const struct http_response *response)
{
    assert_int_equal(response->status, 0);
    assert_int_equal(response->headers.len, 0);
    assert_int_equal(response->body.len, 0);
    assert_string_equal(response->content_type, "");
}

/* One call with a deadline of two seconds; any status but 200 is ERR_REMOTE. */
static inline enum err call(struct fixture *f, const char *method)
{
    struct http_response response;
    char url[64]; /* of this thread */
    enum err err;

    snprintf(url, sizeof(url), "http://127.0.0.1:%d/x", peer_port(f->peer));
    err = http_call(f->http, &(struct http_request){.method = method, .url = url, .deadline = 2000},
                    &response);
    if (err == ERR_OK && response.status != 200) {
        err = ERR_REMOTE;
    }
    http_response_free(&response);
    return err;
}

#define TEST(name_, function_)                                                                     \
    {                                                                                              \
        .name = (name_), .test_func = (function_), .setup_func = set_up,                           \
        .teardown_func = tear_down                                                                 \
    }

#endif
