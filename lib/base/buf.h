/*
 * A growing byte buffer that declares its maximum when it is made.  A failure
 * (the maximum, or memory) is sticky: later additions do nothing and buf_err
 * tells, so that a caller checks once at the end.  The contents are always
 * followed by a NUL that is not counted.
 */
#ifndef COUNTERSIGN_BASE_BUF_H
#define COUNTERSIGN_BASE_BUF_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *data; /* NULL until the first addition; use buf_str() for a string */
    size_t len;
    size_t cap;
    size_t max;
    enum err err;
    bool wipe; /* contents are cleansed on growth and on free */
};

/* A buffer that may hold up to max bytes. Nothing is allocated yet. */
struct buf buf_make(size_t max);
/* The same, for secrets: every byte it ever held is wiped. */
struct buf buf_make_secret(size_t max);

void buf_add(struct buf *buf, const void *bytes, size_t len);
void buf_adds(struct buf *buf, const char *text);
void buf_addc(struct buf *buf, char c);
void buf_addf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);

/* Drop the first len bytes (a consumed prefix). */
void buf_consume(struct buf *buf, size_t len);
/* Back to empty, keeping memory and maximum; clears a sticky failure. */
void buf_reset(struct buf *buf);

/* Never NULL. */
const char *buf_str(const struct buf *buf);

/* ERR_OK, ERR_LIMIT or ERR_MEMORY: the first failure since buf_make/reset. */
WARN_UNUSED enum err buf_err(const struct buf *buf);

/*
 * Hand the string over: the caller owns *out and must free() it; the buffer is
 * empty afterwards.  On a sticky failure *out is NULL and the failure returned.
 */
WARN_UNUSED enum err buf_take(struct buf *buf, char **out);

void buf_free(struct buf *buf); /* legal on a zeroed buffer and twice */

#endif
