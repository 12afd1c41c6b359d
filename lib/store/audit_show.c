/* Audit rows for people and programs.  A row may hold anything: its writer was told it. */
#include "store/audit.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define JSON_MAX ((size_t)128 * 1024)

/* The next code point; *len its bytes.  A byte that begins none is UINT32_MAX, of length 1. */
static uint32_t next_point(const unsigned char *text, size_t *len)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t point = text[0];
    size_t size = point < 0x80   ? 1
                  : point < 0xc2 ? 0
                  : point < 0xe0 ? 2
                  : point < 0xf0 ? 3
                  : point < 0xf5 ? 4
                                 : 0;

    *len = 1;
    if (size == 1) {
        return point;
    }
    if (size == 0) {
        return UINT32_MAX;
    }
    point &= 0xffu >> (size + 1);
    for (size_t i = 1; i < size; i++) {
        if ((text[i] & 0xc0) != 0x80) { /* a NUL ends it too */
            return UINT32_MAX;
        }
        point = point << 6 | (text[i] & 0x3fu);
    }
    if (point < least[size] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
        return UINT32_MAX;
    }
    *len = size;
    return point;
}

static void add_plain(struct buf *out, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;

    if (*at == '\0') {
        buf_addc(out, '-');
    }
    while (*at != '\0') {
        size_t len;
        uint32_t point = next_point(at, &len);

        if (point == UINT32_MAX) {
            buf_addf(out, "\\x%02x", *at);
        } else if (point == '\\') {
            buf_adds(out, "\\\\");
        } else if (point >= 0x20 && point < 0x7f) {
            buf_addc(out, (char)point);
        } else {
            buf_addf(out, "\\u{%" PRIx32 "}", point);
        }
        at += len;
    }
}

static void add_json_text(struct buf *out, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;

    buf_addc(out, '"');
    while (*at != '\0') {
        size_t len;
        uint32_t point = next_point(at, &len);

        if (point == '"' || point == '\\') {
            buf_addf(out, "\\%c", (int)point);
        } else if (point >= 0x20 && point < 0x7f) {
            buf_addc(out, (char)point);
        } else if (point == UINT32_MAX) {
            buf_adds(out, "\\ufffd");
        } else if (point < 0x10000) {
            buf_addf(out, "\\u%04" PRIx32, point);
        } else {
            buf_addf(out, "\\u%04" PRIx32 "\\u%04" PRIx32, 0xd800 + ((point - 0x10000) >> 10),
                     0xdc00 + ((point - 0x10000) & 0x3ff));
        }
        at += len;
    }
    buf_addc(out, '"');
}

/* The object itself where it is one; a text otherwise, so that the line stays one object. */
static void add_json_detail(struct buf *out, const char *detail)
{
    json_t *object = NULL;
    char *text = NULL;

    if (js_parse_object(detail, strlen(detail), JSON_MAX, &object) == ERR_OK) {
        text = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_SORT_KEYS);
    }
    if (text == NULL) {
        add_json_text(out, detail);
    }
    for (const char *at = text; at != NULL && *at != '\0'; at++) {
        if (*at == 0x7f) { /* ASCII to jansson, a control to a terminal; only ever in a text */
            buf_adds(out, "\\u007f");
        } else {
            buf_addc(out, *at);
        }
    }
    free(text);
    json_decref(object);
}

static void add_time(struct buf *out, msec at)
{
    time_t seconds = (time_t)(at / 1000);
    struct tm parts;
    char text[32];

    if (at < 0 || gmtime_r(&seconds, &parts) == NULL ||
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts) == 0) {
        buf_addf(out, "%" PRId64 "ms", at);
    } else {
        buf_addf(out, "%s.%03dZ", text, (int)(at % 1000));
    }
}

enum err audit_row_text(const struct audit_row *row, struct buf *out)
{
    buf_addf(out, "%" PRId64 " ", row->seq);
    add_time(out, row->at);
    buf_addc(out, ' ');
    add_plain(out, row->event);
    buf_addc(out, ' ');
    add_plain(out, row->invocation);
    buf_addc(out, ' ');
    add_plain(out, row->request_id);
    buf_addc(out, ' ');
    add_plain(out, row->detail);
    return buf_err(out);
}

enum err audit_row_json(const struct audit_row *row, struct buf *out)
{
    buf_addf(out, "{\"seq\":%" PRId64 ",\"at\":%" PRId64 ",\"time\":\"", row->seq, row->at);
    add_time(out, row->at);
    buf_adds(out, "\",\"event\":");
    add_json_text(out, row->event);
    buf_adds(out, ",\"invocation\":");
    add_json_text(out, row->invocation);
    buf_adds(out, ",\"request_id\":");
    add_json_text(out, row->request_id);
    buf_adds(out, ",\"detail\":");
    add_json_detail(out, row->detail);
    buf_adds(out, ",\"mac\":");
    add_json_text(out, row->mac);
    buf_addc(out, '}');
    return buf_err(out);
}
