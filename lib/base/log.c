#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"

/* Standard error is a pipe under most servers, and what is longer than PIPE_BUF may be mixed
 * there with another process' line (pipe(7)). */
#define LINE_MAX_BYTES 4096
#define VALUE_MAX_BYTES 512
#define PROGRAM_MAX 31
#define REQUEST_ID_MAX 64

/*
 * What every line has fits in it whatever it says, so that only fields are ever
 * left out: 200 bytes hold its names and the time, and of a text no byte becomes
 * more than six.
 */
_Static_assert(LINE_MAX_BYTES <= PIPE_BUF &&
                   200 + 6 * (PROGRAM_MAX + REQUEST_ID_MAX + VALUE_MAX_BYTES) <= LINE_MAX_BYTES,
               "a line is one atomic write");

static const char *const LEVELS[] = {"debug", "info", "warn", "error"};

/* Written once by log_open, before any thread starts. */
static char program_name[PROGRAM_MAX + 1] = "countersign";
static enum log_level least_level = LOG_INFO;

static _Thread_local char request_id[REQUEST_ID_MAX + 1];

/* A line in a fixed buffer: what does not fit is left out whole, never half. */
struct line {
    char bytes[LINE_MAX_BYTES];
    size_t len;
    bool full;
};

static void put(struct line *line, const char *bytes, size_t len)
{
    if (line->full || len > sizeof line->bytes - 2 - line->len) { /* room for } and newline */
        line->full = true;
        return;
    }
    memcpy(line->bytes + line->len, bytes, len);
    line->len += len;
}

static void puts_(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

/* Characters that end a line, move a cursor or turn text around in some reader. */
static bool unsafe(unsigned long c)
{
    return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x61C || (c >= 0x200B && c <= 0x200F) ||
           (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
}

static unsigned long decode(const unsigned char *text, size_t len)
{
    switch (len) {
    case 1:
        return text[0];
    case 2:
        return (text[0] & 0x1FUL) << 6 | (text[1] & 0x3FUL);
    case 3:
        return (text[0] & 0x0FUL) << 12 | (text[1] & 0x3FUL) << 6 | (text[2] & 0x3FUL);
    default:
        return (text[0] & 0x07UL) << 18 | (text[1] & 0x3FUL) << 12 | (text[2] & 0x3FUL) << 6 |
               (text[3] & 0x3FUL);
    }
}

static void put_text(struct line *line, const char *text)
{
    if (text == NULL) {
        puts_(line, "null");
        return;
    }
    size_t total = strnlen(text, VALUE_MAX_BYTES + 1);
    size_t len = total <= VALUE_MAX_BYTES ? total : VALUE_MAX_BYTES;
    puts_(line, "\"");
    for (size_t at = 0; at < len;) {
        size_t step = utf8_step(text + at, len - at);
        if (step == 0) {
            /* The cut may fall inside a character; anywhere else the byte is damage. */
            if (total > len && len - at < 4) {
                break;
            }
            puts_(line, "\\ufffd");
            at++;
            continue;
        }
        unsigned long c = decode((const unsigned char *)text + at, step);
        if (c == '"' || c == '\\') {
            const char escaped[2] = {'\\', (char)c};
            put(line, escaped, 2);
        } else if (unsafe(c)) {
            char escaped[8];
            (void)snprintf(escaped, sizeof escaped, "\\u%04lx", c & 0xFFFF);
            puts_(line, escaped);
        } else {
            put(line, text + at, step);
        }
        at += step;
    }
    puts_(line, total > len ? "...\"" : "\"");
}

static void put_time(struct line *line)
{
    struct timespec now = {0};
    struct tm utc = {0};
    char text[64];
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &utc);
    size_t len = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    (void)snprintf(text + len, sizeof text - len, ".%03ldZ", now.tv_nsec / 1000000);
    put_text(line, text);
}

static void put_field(struct line *line, const char *name)
{
    puts_(line, ",");
    put_text(line, name);
    puts_(line, ":");
}

void log_write(enum log_level level, const char *message, const struct log_field *fields)
{
    if (level < least_level || level > LOG_ERROR) {
        return;
    }
    int saved = errno; /* logging an error must not change which one it was */
    struct line line;
    line.len = 0;
    line.full = false;
    puts_(&line, "{\"time\":");
    put_time(&line);
    put_field(&line, "level");
    put_text(&line, LEVELS[level]);
    put_field(&line, "program");
    put_text(&line, program_name);
    put_field(&line, "request_id");
    put_text(&line, request_id);
    put_field(&line, "message");
    put_text(&line, message);
    for (; fields != NULL && fields->name != NULL; fields++) {
        size_t before = line.len;
        put_field(&line, fields->name);
        if (fields->kind == LOG_FIELD_INT) {
            char number[32];
            (void)snprintf(number, sizeof number, "%lld", (long long)fields->number);
            puts_(&line, number);
        } else {
            put_text(&line, fields->text);
        }
        if (line.full) {
            line.len = before;
            break;
        }
    }
    memcpy(line.bytes + line.len, "}\n", 2);
    /* A failed or short write has nowhere to be told. */
    ssize_t written = 0;
    do {
        written = write(STDERR_FILENO, line.bytes, line.len + 2);
    } while (written < 0 && errno == EINTR);
    errno = saved;
}

void log_open(const char *program, enum log_level least)
{
    (void)snprintf(program_name, sizeof program_name, "%s", program);
    least_level = least;
}

void log_set_request_id(const char *id)
{
    (void)snprintf(request_id, sizeof request_id, "%s", id != NULL ? id : "");
}

const char *log_request_id(void)
{
    return request_id;
}
