/* The header block of one event-stream message. */
#ifndef COUNTERSIGN_AWS_EVENT_HEADER_H
#define COUNTERSIGN_AWS_EVENT_HEADER_H

#include "aws/event_stream.h"

/* AWS sends half a dozen; a bound keeps the check for duplicates cheap. */
#define EVENT_HEADERS_MAX 64

struct event_headers {
    struct event_header list[EVENT_HEADERS_MAX];
    size_t count;
    char *text; /* the NUL-terminated copies that list points into */
};

/*
 * Replaces what headers held.  The bytes of bytes and uuid values are borrowed
 * from the block.  ERR_INPUT: malformed, an empty or duplicate name, a name or
 * string that is not UTF-8 or holds a NUL.  ERR_LIMIT, ERR_MEMORY.
 */
WARN_UNUSED enum err event_headers_read(struct event_headers *headers, const uint8_t *block,
                                        size_t len);
void event_headers_free(struct event_headers *headers);

uint32_t event_u32(const uint8_t *bytes); /* big-endian */

#endif
