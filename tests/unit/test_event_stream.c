/* The event-stream decoder: known messages at every split, and every kind of damage. */
#include "aws/event_stream.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#define MESSAGE_MAX 65536

/* What arrived, as one text that is easy to compare. */
struct seen {
    struct buf text;
    size_t count;
    enum err answer;
};

static void add_hex(struct buf *out, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        buf_addf(out, "%02x", bytes[i]);
    }
}

static enum err on_message(void *context, const struct event_message *message)
{
    struct seen *seen = context;

    seen->count++;
    for (size_t i = 0; i < message->header_count; i++) {
        const struct event_header *h = &message->headers[i];
        buf_addf(&seen->text, "%s|%d|", h->name, (int)h->type);
        switch (h->type) {
        case EVENT_TRUE:
        case EVENT_FALSE:
            break;
        case EVENT_STRING:
            assert_int_equal(strlen((const char *)h->bytes), h->len);
            buf_adds(&seen->text, (const char *)h->bytes);
            break;
        case EVENT_BYTES:
        case EVENT_UUID:
            add_hex(&seen->text, h->bytes, h->len);
            break;
        case EVENT_INT8:
        case EVENT_INT16:
        case EVENT_INT32:
        case EVENT_INT64:
        case EVENT_TIMESTAMP:
            buf_addf(&seen->text, "%lld", (long long)h->number);
            break;
        }
        buf_addc(&seen->text, ';');
    }
    buf_addc(&seen->text, '=');
    add_hex(&seen->text, message->payload, message->payload_len);
    buf_addc(&seen->text, '\n');
    return seen->answer;
}

static enum err decode_pieces(const uint8_t *bytes, size_t len, const size_t *cuts,
                              size_t cut_count, size_t payload_max, size_t max, struct seen *seen)
{
    struct event_stream *stream = NULL;
    size_t at = 0;
    enum err err;

    seen->text = buf_make(1 << 20);
    seen->count = 0;
    assert_int_equal(event_stream_new(payload_max, max, on_message, seen, &stream), ERR_OK);
    err = ERR_OK;
    for (size_t i = 0; i <= cut_count && err == ERR_OK; i++) {
        size_t end = i < cut_count ? cuts[i] : len;
        /* A copy of its own size, so that a read past the piece is seen by the sanitizer. */
        uint8_t *piece = malloc(end - at + 1);
        memcpy(piece, bytes + at, end - at);
        uint8_t *exact = realloc(piece, end - at > 0 ? end - at : 1);
        err = event_stream_feed(stream, exact, end - at);
        free(exact);
        at = end;
    }
    if (err != ERR_OK) {
        /* Final: nothing puts it right again. */
        assert_int_equal(event_stream_feed(stream, "\0\0\0\x10", 4), err);
    }
    err = event_stream_end(stream);
    event_stream_free(stream);
    return err;
}

static enum err decode(const uint8_t *bytes, size_t len, struct seen *seen)
{
    return decode_pieces(bytes, len, NULL, 0, MESSAGE_MAX, MESSAGE_MAX, seen);
}

static json_t *vectors_load(void)
{
    const char *root = getenv("VECTORS");
    char path[512];

    snprintf(path, sizeof(path), "%s/eventstream/eventstream.json",
             root == NULL ? "../shared/vectors" : root);
    return json_load_file(path, 0, NULL);
}

static size_t unhex(const char *hex, uint8_t out[MESSAGE_MAX])
{
    size_t len = MESSAGE_MAX;

    assert_int_equal(hex_decode(hex, strlen(hex), out, &len), ERR_OK);
    return len;
}

/* The text that a vector's list of headers and payload stands for. */
static void expect(const json_t *vector, struct buf *out)
{
    static const struct {
        const char *name;
        int type;
    } types[] = {{"int8", 2},  {"int16", 3},  {"int32", 4},     {"int64", 5},
                 {"bytes", 6}, {"string", 7}, {"timestamp", 8}, {"uuid", 9}};
    const json_t *header;
    size_t i;

    json_array_foreach(json_object_get(vector, "headers"), i, header)
    {
        const char *type = json_string_value(json_array_get(header, 1));
        const json_t *value = json_array_get(header, 2);
        int number = json_is_false(value) ? 1 : 0; /* of "bool" */

        for (size_t t = 0; t < COUNT(types); t++) {
            if (strcmp(types[t].name, type) == 0) {
                number = types[t].type;
            }
        }
        buf_addf(out, "%s|%d|", json_string_value(json_array_get(header, 0)), number);
        if (json_is_integer(value)) {
            buf_addf(out, "%lld", (long long)json_integer_value(value));
        } else if (json_is_string(value)) {
            buf_adds(out, json_string_value(value));
        }
        buf_addc(out, ';');
    }
    buf_addf(out, "=%s\n", js_text(vector, "payload_hex"));
}

static void known_messages(void **state)
{
    json_t *vectors = vectors_load();
    const json_t *vector;
    size_t n;

    (void)state;
    if (vectors == NULL) {
        skip();
        return;
    }
    assert_true(json_array_size(js_array(vectors, "positive")) >= 11);
    json_array_foreach(js_array(vectors, "positive"), n, vector)
    {
        uint8_t bytes[MESSAGE_MAX];
        size_t len = unhex(js_text(vector, "hex"), bytes);
        struct buf expected = buf_make(65536);
        size_t *every = calloc(len, sizeof(*every));
        struct seen seen = {0};

        expect(vector, &expected);
        for (size_t cut = 0; cut <= len; cut++) {
            assert_int_equal(decode_pieces(bytes, len, &cut, 1, MESSAGE_MAX, MESSAGE_MAX, &seen),
                             ERR_OK);
            assert_int_equal(seen.count, 1);
            assert_string_equal(buf_str(&seen.text), buf_str(&expected));
            buf_free(&seen.text);
        }
        for (size_t i = 0; i + 1 < len; i++) {
            every[i] = i + 1;
        }
        assert_int_equal(decode_pieces(bytes, len, every, len - 1, MESSAGE_MAX, MESSAGE_MAX, &seen),
                         ERR_OK);
        assert_string_equal(buf_str(&seen.text), buf_str(&expected));
        buf_free(&seen.text);
        free(every);
        buf_free(&expected);
    }
    json_decref(vectors);
}

static void damaged_messages(void **state)
{
    json_t *vectors = vectors_load();
    const json_t *vector;
    size_t n;

    (void)state;
    if (vectors == NULL) {
        skip();
        return;
    }
    assert_true(json_array_size(js_array(vectors, "negative")) >= 5);
    json_array_foreach(js_array(vectors, "negative"), n, vector)
    {
        uint8_t bytes[MESSAGE_MAX];
        size_t len = unhex(js_text(vector, "hex"), bytes);
        struct seen seen = {0};

        for (size_t cut = 0; cut <= len; cut++) {
            assert_int_not_equal(
                decode_pieces(bytes, len, &cut, 1, MESSAGE_MAX, MESSAGE_MAX, &seen), ERR_OK);
            assert_int_equal(seen.count, 0);
            buf_free(&seen.text);
        }
    }
    json_decref(vectors);
}

/* Written from the format's description, not with the decoder's own code. */
static void put32(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 24);
    at[1] = (uint8_t)(value >> 16);
    at[2] = (uint8_t)(value >> 8);
    at[3] = (uint8_t)value;
}

static size_t frame(uint8_t *out, const void *headers, size_t headers_len, const void *payload,
                    size_t payload_len)
{
    size_t total = 16 + headers_len + payload_len;

    put32(out, total);
    put32(out + 4, headers_len);
    put32(out + 8, crc32(0, out, 8));
    memcpy(out + 12, headers, headers_len);
    memcpy(out + 12 + headers_len, payload, payload_len);
    put32(out + total - 4, crc32(0, out, (uInt)(total - 4)));
    return total;
}

/* The frame that AWS's description gives in full. */
static const char chunk_hex[] =
    "0000006f0000004b9f4ea7ed0b3a6576656e742d747970650700056368756e6b0d3a636f6e74656e742d7479706507"
    "00106170706c69636174696f6e2f6a736f6e0d3a6d6573736167652d747970650700056576656e747b226279746573"
    "223a22534756736247383d227d0b6e5dde";

static void several_in_one_piece(void **state)
{
    uint8_t bytes[MESSAGE_MAX];
    uint8_t many[MESSAGE_MAX];
    size_t len = unhex(chunk_hex, bytes);
    struct seen seen = {0};

    (void)state;
    for (size_t i = 0; i < 100; i++) {
        memcpy(many + i * len, bytes, len);
    }
    assert_int_equal(decode(many, 100 * len, &seen), ERR_OK);
    assert_int_equal(seen.count, 100);
    assert_non_null(strstr(buf_str(&seen.text), ":event-type|7|chunk;"));
    buf_free(&seen.text);
    /* A fault in the second: the first was delivered, the third never. */
    many[len + 40] ^= 1;
    assert_int_equal(decode(many, 3 * len, &seen), ERR_FORGED);
    assert_int_equal(seen.count, 1);
    buf_free(&seen.text);
}

static void every_flipped_bit(void **state)
{
    uint8_t bytes[MESSAGE_MAX];
    size_t len = unhex(chunk_hex, bytes);
    struct seen seen = {0};

    (void)state;
    for (size_t bit = 0; bit < len * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << (bit % 8));
        assert_int_equal(decode(bytes, len, &seen), ERR_FORGED);
        assert_int_equal(seen.count, 0);
        buf_free(&seen.text);
        bytes[bit / 8] ^= (uint8_t)(1 << (bit % 8));
    }
}

static void every_truncation(void **state)
{
    uint8_t bytes[MESSAGE_MAX];
    size_t len = unhex(chunk_hex, bytes);
    struct seen seen = {0};

    (void)state;
    for (size_t cut = 1; cut < len; cut++) {
        assert_int_equal(decode(bytes, cut, &seen), ERR_INPUT);
        assert_int_equal(seen.count, 0);
        buf_free(&seen.text);
    }
    assert_int_equal(decode(bytes, 0, &seen), ERR_OK);
    buf_free(&seen.text);
}

/* Right CRCs around wrong header blocks. */
static void malformed_headers(void **state)
{
#define BLOCK(text)                                                                                \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }
    static const struct {
        const char *bytes;
        size_t len;
    } blocks[] = {
        BLOCK("\x00\x00"), /* an empty name */
        BLOCK("\x05"
              "ab"), /* a name past the end */
        BLOCK("\x01"
              "a"), /* no type */
        BLOCK("\x01"
              "a\x0a"), /* an unknown type */
        BLOCK("\x01"
              "a\xff"), /* another */
        BLOCK("\x01"
              "a\x02"), /* int8 without its byte */
        BLOCK("\x01"
              "a\x05\0\0\0\0\0\0\0"), /* int64 with seven */
        BLOCK("\x01"
              "a\x09"
              "0123456789abcde"), /* uuid with fifteen */
        BLOCK("\x01"
              "a\x07\x00"), /* half a length */
        BLOCK("\x01"
              "a\x07\x00\x05"
              "abcd"), /* a string past the end */
        BLOCK("\x01"
              "a\x06\xff\xff"
              "abcd"), /* bytes past the end */
        BLOCK("\x01"
              "a\x07\x00\x02"
              "\xc3\x28"), /* not UTF-8 */
        BLOCK("\x01"
              "a\x07\x00\x03"
              "a\0b"), /* a NUL in a string */
        BLOCK("\x03"
              "a\0b\x00"), /* a NUL in a name */
        BLOCK("\x02"
              "\xc3\x28\x00"), /* a name that is not UTF-8 */
        BLOCK("\x01"
              "a\x00\x01"
              "b\x00\x01"
              "a\x01"), /* a duplicate of another type */
        BLOCK("\x01"
              "a\x00\x00"), /* trailing bytes */
    };
    uint8_t bytes[256];
    struct seen seen = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(blocks); i++) {
        size_t len = frame(bytes, blocks[i].bytes, blocks[i].len, "{}", 2);
        enum err err = decode(bytes, len, &seen);
        if (err != ERR_INPUT) {
            fail_msg("block %zu: %s", i, err_name(err));
        }
        assert_int_equal(seen.count, 0);
        buf_free(&seen.text);
    }
}

static void lengths(void **state)
{
    static const struct {
        size_t total;
        size_t headers;
        enum err err;
    } cases[] = {{0, 0, ERR_INPUT},
                 {15, 0, ERR_INPUT},
                 {16, 1, ERR_INPUT},
                 {20, 0xffffffff, ERR_INPUT},
                 {0xffffffff, 0, ERR_LIMIT},
                 {0xffffffff, 0xffffffef, ERR_LIMIT},
                 {16 + 128 * 1024 + 1, 128 * 1024 + 1, ERR_LIMIT},
                 {16 + 1001, 0, ERR_LIMIT},
                 {16 + 1000, 0, ERR_INPUT /* in order, and only cut short */}};
    uint8_t bytes[12];
    struct seen seen = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        put32(bytes, cases[i].total);
        put32(bytes + 4, cases[i].headers);
        put32(bytes + 8, crc32(0, bytes, 8));
        assert_int_equal(decode_pieces(bytes, sizeof(bytes), NULL, 0, 1000, MESSAGE_MAX, &seen),
                         cases[i].err);
        buf_free(&seen.text);
    }
}

static void caps(void **state)
{
    uint8_t bytes[4096];
    uint8_t headers[4096];
    uint8_t payload[1000] = {0};
    struct seen seen = {0};
    size_t len = frame(bytes, "", 0, payload, sizeof(payload));
    size_t headers_len = 0;

    (void)state;
    assert_int_equal(decode_pieces(bytes, len, NULL, 0, 1000, len, &seen), ERR_OK);
    buf_free(&seen.text);
    assert_int_equal(decode_pieces(bytes, len, NULL, 0, 999, len, &seen), ERR_LIMIT);
    buf_free(&seen.text);
    assert_int_equal(decode_pieces(bytes, len, NULL, 0, 1000, len - 1, &seen), ERR_LIMIT);
    assert_int_equal(seen.count, 0);
    buf_free(&seen.text);
    for (unsigned i = 0; i < 65; i++) {
        headers[headers_len++] = 2;
        headers[headers_len++] = (uint8_t)('A' + i / 10);
        headers[headers_len++] = (uint8_t)('0' + i % 10);
        headers[headers_len++] = 0;
    }
    len = frame(bytes, headers, headers_len - 4, "", 0);
    assert_int_equal(decode(bytes, len, &seen), ERR_OK);
    buf_free(&seen.text);
    len = frame(bytes, headers, headers_len, "", 0);
    assert_int_equal(decode(bytes, len, &seen), ERR_LIMIT);
    buf_free(&seen.text);
}

static void extreme_numbers(void **state)
{
    static const char block[] = "\x01"
                                "a\x02\x80"
                                "\x01"
                                "b\x03\x80\x00"
                                "\x01"
                                "c\x04\x80\x00\x00\x00"
                                "\x01"
                                "d\x05\x80\x00\x00\x00\x00\x00\x00\x00"
                                "\x01"
                                "e\x05\x7f\xff\xff\xff\xff\xff\xff\xff"
                                "\x01"
                                "f\x02\x7f";
    uint8_t bytes[256];
    struct seen seen = {0};
    size_t len = frame(bytes, block, sizeof(block) - 1, "", 0);

    (void)state;
    assert_int_equal(decode(bytes, len, &seen), ERR_OK);
    assert_string_equal(buf_str(&seen.text),
                        "a|2|-128;b|3|-32768;c|4|-2147483648;d|5|-9223372036854775808;"
                        "e|5|9223372036854775807;f|2|127;=\n");
    buf_free(&seen.text);
}

static void readers_say_stops(void **state)
{
    uint8_t bytes[MESSAGE_MAX];
    size_t len = unhex(chunk_hex, bytes);
    struct seen seen = {.answer = ERR_DENIED};

    (void)state;
    memcpy(bytes + len, bytes, len);
    assert_int_equal(decode(bytes, 2 * len, &seen), ERR_DENIED);
    assert_int_equal(seen.count, 1);
    buf_free(&seen.text);
}

static void header_text(void **state)
{
    static const struct event_header headers[] = {
        {.name = "a", .type = EVENT_BYTES, .bytes = (const uint8_t *)"x", .len = 1},
        {.name = "b", .type = EVENT_STRING, .bytes = (const uint8_t *)"y", .len = 1}};
    const struct event_message message = {.headers = headers, .header_count = 2};

    (void)state;
    assert_null(event_header_text(&message, "a"));
    assert_string_equal(event_header_text(&message, "b"), "y");
    assert_null(event_header_text(&message, "B"));
    event_stream_free(NULL);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        {"event stream: known messages at every split and byte by byte", known_messages, NULL, NULL,
         NULL},
        {"event stream: damaged messages at every split are refused", damaged_messages, NULL, NULL,
         NULL},
        {"event stream: many messages in one piece", several_in_one_piece, NULL, NULL, NULL},
        {"row 53: event stream: every flipped bit is found", every_flipped_bit, NULL, NULL, NULL},
        {"event stream: every truncation is told", every_truncation, NULL, NULL, NULL},
        {"event stream: malformed and duplicate headers are refused", malformed_headers, NULL, NULL,
         NULL},
        {"event stream: lengths that lie are refused before memory is taken", lengths, NULL, NULL,
         NULL},
        {"row 53: event stream: payload, header count and stream are capped", caps, NULL, NULL,
         NULL},
        {"event stream: extreme numbers", extreme_numbers, NULL, NULL, NULL},
        {"event stream: the reader's refusal ends it", readers_say_stops, NULL, NULL, NULL},
        {"event stream: only a string header has a text", header_text, NULL, NULL, NULL},
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
