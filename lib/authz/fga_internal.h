/* What the files of lib/authz share. */
#ifndef COUNTERSIGN_AUTHZ_FGA_INTERNAL_H
#define COUNTERSIGN_AUTHZ_FGA_INTERNAL_H

#include "authz/fga.h"

#include <pthread.h>

/* Everything that one question costs, token and repeats included. */
#define FGA_DEADLINE ((msec)2500)
/* One try may not eat the time of the next. */
#define FGA_TRY_MAX ((msec)1500)
#define FGA_TRIES 3
#define FGA_ANSWER_MAX ((size_t)64 * 1024)

struct fga_token {
    pthread_mutex_t lock; /* held while one is fetched: the others wait for that one */
    struct secret *value;
    msec good_until; /* in the terms of the callers' now */
    uint64_t generation;
};

struct fga {
    struct http *http;
    char *url; /* API origin, without a slash at its end */
    char *token_url;
    char *audience;
    char *client_id;
    struct secret *client_secret;
    char *store;
    char *model;
    struct fga_token token;
};

/*
 * A copy of a good token and its generation.  refused is the generation that
 * the server has just answered 401 to (0: none): only that one is replaced
 * before its time, so many refusals of one token cost one fetch.  Ends by the
 * monotonic time until.
 */
WARN_UNUSED enum err fga_token_take(struct fga *fga, uint64_t refused, msec now, msec until,
                                    struct secret **out, uint64_t *generation);
/* How long a token is kept: less a margin against both clocks and the way. */
msec fga_token_keep(int64_t expires_in, uint8_t jitter);

/* May a call that failed so be repeated, and after which wait?  -1: no. */
msec fga_retry_wait(enum err err, const struct http_response *response, unsigned tried,
                    uint8_t jitter);
/* Sleep, unless that would end after until (monotonic); false then. */
bool fga_wait(msec wait, msec until);

/* "type:id" of plain parts. */
bool fga_name_plain(const char *name);
/* The same, or "type:id#relation", or "type:*": what a stored tuple's user may be. */
bool fga_name_user(const char *name);
bool fga_relation_plain(const char *relation);

#endif
