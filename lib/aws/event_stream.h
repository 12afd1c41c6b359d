/*
 * Decoder of application/vnd.amazon.eventstream, fed with bytes in pieces of
 * any size.  Both CRCs are checked, header names are unique, headers are capped
 * at 128 KiB and a payload at EVENT_STREAM_PAYLOAD_MAX.  A fault is final: the
 * stream cannot be trusted after it.
 */
#ifndef COUNTERSIGN_AWS_EVENT_STREAM_H
#define COUNTERSIGN_AWS_EVENT_STREAM_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define EVENT_STREAM_HEADERS_MAX ((size_t)128 * 1024)
#define EVENT_STREAM_PAYLOAD_MAX ((size_t)24 * 1024 * 1024)

enum event_header_type {
    EVENT_TRUE = 0,
    EVENT_FALSE,
    EVENT_INT8,
    EVENT_INT16,
    EVENT_INT32,
    EVENT_INT64,
    EVENT_BYTES,
    EVENT_STRING,
    EVENT_TIMESTAMP,
    EVENT_UUID
};

struct event_header {
    const char *name; /* NUL-terminated copy */
    enum event_header_type type;
    int64_t number;       /* integers and the timestamp (milliseconds) */
    const uint8_t *bytes; /* bytes, string (NUL follows), uuid (16) */
    size_t len;
};

struct event_message { /* borrowed during the callback */
    const struct event_header *headers;
    size_t header_count;
    const uint8_t *payload;
    size_t payload_len;
};

typedef enum err event_message_fn(void *context, const struct event_message *message);

struct event_stream; /* opaque */

/* max: the most bytes the whole stream may have (the cap of a turn). */
WARN_UNUSED enum err event_stream_new(size_t payload_max, size_t max, event_message_fn *on_message,
                                      void *context, struct event_stream **out);
/* ERR_FORGED: a CRC; ERR_INPUT: malformed; ERR_LIMIT: a cap; or what on_message returned. */
WARN_UNUSED enum err event_stream_feed(struct event_stream *stream, const void *bytes, size_t len);
/* ERR_INPUT when the stream ended inside a message. */
WARN_UNUSED enum err event_stream_end(const struct event_stream *stream);
void event_stream_free(struct event_stream *stream);

/* The string value of a header; NULL when absent or not a string. */
const char *event_header_text(const struct event_message *message, const char *name);

#endif
