#include "aws/event_header.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

struct reader {
    const uint8_t *at;
    size_t left;
    char *text; /* where the next copy goes */
};

static const uint8_t *take(struct reader *reader, size_t len)
{
    const uint8_t *bytes = reader->at;

    if (len > reader->left) {
        return NULL;
    }
    reader->at += len;
    reader->left -= len;
    return bytes;
}

static uint64_t big_endian(const uint8_t *bytes, size_t len)
{
    uint64_t value = 0;

    for (size_t i = 0; i < len; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

uint32_t event_u32(const uint8_t *bytes)
{
    return (uint32_t)big_endian(bytes, 4);
}

/* Two's complement of len bytes, without shifting into a sign. */
static int64_t big_endian_signed(const uint8_t *bytes, size_t len)
{
    uint64_t value = big_endian(bytes, len);
    uint64_t sign = (uint64_t)1 << (len * 8 - 1);
    int64_t out;

    if (len < 8 && (value & sign) != 0) {
        value |= ~(uint64_t)0 << (len * 8);
    }
    memcpy(&out, &value, sizeof(out));
    return out;
}

/* Readers compare text as C strings, so a NUL inside would make two headers look like one. */
static enum err copy_text(struct reader *reader, size_t len, const char **out)
{
    const uint8_t *bytes = take(reader, len);

    if (bytes == NULL || !utf8_valid((const char *)bytes, len)) {
        return ERR_INPUT;
    }
    memcpy(reader->text, bytes, len);
    reader->text[len] = '\0';
    *out = reader->text;
    reader->text += len + 1;
    return ERR_OK;
}

static enum err read_number(struct reader *reader, size_t len, struct event_header *header)
{
    const uint8_t *bytes = take(reader, len);

    if (bytes == NULL) {
        return ERR_INPUT;
    }
    header->number = big_endian_signed(bytes, len);
    return ERR_OK;
}

static enum err read_value(struct reader *reader, struct event_header *header)
{
    const uint8_t *size;
    const char *text = NULL;
    enum err err;

    switch (header->type) {
    case EVENT_TRUE:
    case EVENT_FALSE:
        return ERR_OK;
    case EVENT_INT8:
        return read_number(reader, 1, header);
    case EVENT_INT16:
        return read_number(reader, 2, header);
    case EVENT_INT32:
        return read_number(reader, 4, header);
    case EVENT_INT64:
    case EVENT_TIMESTAMP:
        return read_number(reader, 8, header);
    case EVENT_UUID:
        header->len = 16;
        header->bytes = take(reader, header->len);
        return header->bytes != NULL ? ERR_OK : ERR_INPUT;
    case EVENT_BYTES:
    case EVENT_STRING:
        size = take(reader, 2);
        if (size == NULL) {
            return ERR_INPUT;
        }
        header->len = (size_t)big_endian(size, 2);
        if (header->type == EVENT_BYTES) {
            header->bytes = take(reader, header->len);
            return header->bytes != NULL ? ERR_OK : ERR_INPUT;
        }
        err = copy_text(reader, header->len, &text);
        header->bytes = (const uint8_t *)text;
        return err;
    }
    return ERR_INPUT;
}

static enum err read_header(struct reader *reader, struct event_header *header)
{
    const uint8_t *name_len = take(reader, 1);
    const uint8_t *type;
    enum err err;

    memset(header, 0, sizeof(*header));
    if (name_len == NULL || *name_len == 0) {
        return ERR_INPUT;
    }
    err = copy_text(reader, *name_len, &header->name);
    if (err != ERR_OK) {
        return err;
    }
    type = take(reader, 1);
    if (type == NULL || *type > EVENT_UUID) {
        return ERR_INPUT;
    }
    header->type = (enum event_header_type) * type;
    return read_value(reader, header);
}

enum err event_headers_read(struct event_headers *headers, const uint8_t *block, size_t len)
{
    struct reader reader = {.at = block, .left = len};

    event_headers_free(headers);
    if (len == 0) {
        return ERR_OK;
    }
    /* A name costs a length byte and a string two, so the NULs of the copies always fit. */
    headers->text = malloc(len + 1);
    if (headers->text == NULL) {
        return ERR_MEMORY;
    }
    reader.text = headers->text;
    while (reader.left > 0) {
        struct event_header *header = &headers->list[headers->count];
        enum err err;

        if (headers->count == EVENT_HEADERS_MAX) {
            return ERR_LIMIT;
        }
        err = read_header(&reader, header);
        if (err != ERR_OK) {
            return err;
        }
        for (size_t i = 0; i < headers->count; i++) {
            if (strcmp(headers->list[i].name, header->name) == 0) {
                return ERR_INPUT;
            }
        }
        headers->count++;
    }
    return ERR_OK;
}

void event_headers_free(struct event_headers *headers)
{
    free(headers->text);
    headers->text = NULL;
    headers->count = 0;
}

const char *event_header_text(const struct event_message *message, const char *name)
{
    for (size_t i = 0; i < message->header_count; i++) {
        if (strcmp(message->headers[i].name, name) == 0) {
            return message->headers[i].type == EVENT_STRING
                       ? (const char *)message->headers[i].bytes
                       : NULL;
        }
    }
    return NULL;
}
