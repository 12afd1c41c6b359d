/* What the files of lib/okta share: the call, the meaning of its answers, and the checks of names.
 */
#ifndef COUNTERSIGN_OKTA_OKTA_INTERNAL_H
#define COUNTERSIGN_OKTA_OKTA_INTERNAL_H

#include "base/json.h"
#include "okta/okta.h"

#define OKTA_READ_DEADLINE SECONDS(10)  /* a whole read, its pages and waits included */
#define OKTA_WRITE_DEADLINE SECONDS(15) /* long: giving up early only makes an outcome unknown */
#define OKTA_WAIT_MAX SECONDS(2)        /* for a rate limit, in sum over a read */
#define OKTA_ANSWER_MAX ((size_t)4 << 20)
#define OKTA_PAGES_MAX 50

struct okta {
    struct http *http;
    char *origin; /* without a slash at its end */
};

/* A read under way: what is left of its time and patience. */
struct okta_read {
    struct okta *okta;
    const struct okta_token *token;
    msec until; /* monotonic */
    msec waited;
};

struct okta_read okta_read_begin(struct okta *okta, const struct okta_token *token);
/* One page. On ERR_OK *body is the caller's; next (may be NULL) receives the rest's URL or "". */
WARN_UNUSED enum err okta_get(struct okta_read *read, const char *url, json_t **body,
                              struct buf *next);

/* One write, sent once. path begins with '/'. */
WARN_UNUSED enum err okta_send(struct okta *okta, const struct okta_token *token,
                               const char *method, const char *path, char code[OKTA_CODE_SIZE]);

/*
 * Milliseconds until a rate limit ends: from X-Rate-Limit-Reset (epoch seconds)
 * at now, else one second; -1 when it says more than OKTA_WAIT_MAX.
 */
msec okta_rate_wait(const struct http_response *response, msec now);

/* The meaning of a refusal. written: an act was asked for, so a server error leaves it unknown. */
enum err okta_refusal(const struct http_response *response, bool written,
                      char code[OKTA_CODE_SIZE]);

/*
 * The URL of rel="next": ERR_OK with "" when there is none, ERR_REMOTE when it
 * leads to another origin or cannot be read.
 */
WARN_UNUSED enum err okta_next(const struct okta *okta, const struct http_response *response,
                               struct buf *next);

bool okta_id_valid(const char *id);
bool okta_login_valid(const char *login);
bool okta_group_name_valid(const char *name);
/* Equal but for the case of ASCII letters; never by a locale or Unicode folding. */
bool okta_login_equal(const char *a, const char *b);

WARN_UNUSED enum err okta_user_read(const json_t *object, struct okta_user *out);
WARN_UNUSED enum err okta_group_read(const json_t *object, struct okta_group *out);

#endif
