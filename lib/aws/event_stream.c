#include "aws/event_stream.h"

#include "aws/event_header.h"
#include "base/buf.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* total length, header length, CRC of the two; and a CRC of everything at the end */
#define PRELUDE ((size_t)12)
#define TRAILER ((size_t)4)

struct event_stream {
    size_t payload_max;
    size_t left; /* of the whole stream's cap */
    event_message_fn *on_message;
    void *context;
    struct buf message; /* the one being received, from its first byte */
    size_t need;        /* bytes of it before anything more can be said */
    bool sized;         /* the prelude has been read and need is the whole message */
    struct event_headers headers;
    enum err fault;
};

enum err event_stream_new(size_t payload_max, size_t max, event_message_fn *on_message,
                          void *context, struct event_stream **out)
{
    struct event_stream *stream;

    *out = NULL;
    stream = calloc(1, sizeof(*stream));
    if (stream == NULL) {
        return ERR_MEMORY;
    }
    stream->payload_max =
        payload_max < EVENT_STREAM_PAYLOAD_MAX ? payload_max : EVENT_STREAM_PAYLOAD_MAX;
    stream->left = max;
    stream->on_message = on_message;
    stream->context = context;
    /* Grown as bytes arrive: a length that is only announced reserves nothing. */
    stream->message = buf_make(PRELUDE + EVENT_STREAM_HEADERS_MAX + stream->payload_max + TRAILER);
    stream->need = PRELUDE;
    *out = stream;
    return ERR_OK;
}

void event_stream_free(struct event_stream *stream)
{
    if (stream == NULL) {
        return;
    }
    buf_free(&stream->message);
    event_headers_free(&stream->headers);
    free(stream);
}

static uint32_t crc(const uint8_t *bytes, size_t len)
{
    return (uint32_t)crc32_z(crc32_z(0, NULL, 0), bytes, len);
}

static enum err read_prelude(struct event_stream *stream)
{
    const uint8_t *bytes = (const uint8_t *)stream->message.data;
    size_t total = event_u32(bytes);
    size_t headers = event_u32(bytes + 4);

    /* First the CRC: lengths that it does not cover mean nothing. */
    if (crc(bytes, 8) != event_u32(bytes + 8)) {
        return ERR_FORGED;
    }
    if (total < PRELUDE + TRAILER || headers > total - PRELUDE - TRAILER) {
        return ERR_INPUT;
    }
    if (headers > EVENT_STREAM_HEADERS_MAX ||
        total - PRELUDE - TRAILER - headers > stream->payload_max) {
        return ERR_LIMIT;
    }
    stream->need = total;
    stream->sized = true;
    return ERR_OK;
}

static enum err deliver(struct event_stream *stream)
{
    const uint8_t *bytes = (const uint8_t *)stream->message.data;
    size_t headers_len = event_u32(bytes + 4);
    struct event_message message;
    enum err err;

    if (crc(bytes, stream->need - TRAILER) != event_u32(bytes + stream->need - TRAILER)) {
        return ERR_FORGED;
    }
    err = event_headers_read(&stream->headers, bytes + PRELUDE, headers_len);
    if (err != ERR_OK) {
        return err;
    }
    message = (struct event_message){
        .headers = stream->headers.list,
        .header_count = stream->headers.count,
        .payload = bytes + PRELUDE + headers_len,
        .payload_len = stream->need - PRELUDE - headers_len - TRAILER,
    };
    err = stream->on_message(stream->context, &message);
    buf_reset(&stream->message);
    stream->need = PRELUDE;
    stream->sized = false;
    return err;
}

enum err event_stream_feed(struct event_stream *stream, const void *bytes, size_t len)
{
    const uint8_t *next = bytes;

    while (stream->fault == ERR_OK && len > 0) {
        size_t missing = stream->need - stream->message.len;
        size_t piece = len < missing ? len : missing;

        if (piece > stream->left) {
            stream->fault = ERR_LIMIT;
            break;
        }
        stream->left -= piece;
        buf_add(&stream->message, next, piece);
        next += piece;
        len -= piece;
        stream->fault = buf_err(&stream->message);
        if (stream->fault == ERR_OK && stream->message.len == stream->need && !stream->sized) {
            stream->fault = read_prelude(stream);
        }
        /* No else: need has grown by at least the trailer, so an empty message is not yet whole. */
        if (stream->fault == ERR_OK && stream->sized && stream->message.len == stream->need) {
            stream->fault = deliver(stream);
        }
    }
    return stream->fault;
}

enum err event_stream_end(const struct event_stream *stream)
{
    if (stream->fault != ERR_OK) {
        return stream->fault;
    }
    return stream->message.len == 0 ? ERR_OK : ERR_INPUT;
}
