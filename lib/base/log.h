/*
 * JSON lines on file descriptor 2, one write(2) of at most 4096 bytes a line, so
 * that a pipe keeps it whole; fields that do not fit are left out.  Each has
 * time, level, program, request id and message.  A field is a name and a value;
 * a secret has no field form.  Control characters, C1 and U+2028/9 are escaped,
 * values over 512 bytes are cut, so that one log line is one line in every reader.
 */
#ifndef COUNTERSIGN_BASE_LOG_H
#define COUNTERSIGN_BASE_LOG_H

#include "base/err.h"

#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_field {
    const char *name; /* NULL ends the list */
    enum { LOG_FIELD_TEXT, LOG_FIELD_INT } kind;
    const char *text; /* NULL is logged as null */
    int64_t number;
};

#define LOG_T(name_, text_)                                                                        \
    {                                                                                              \
        .name = (name_), .kind = LOG_FIELD_TEXT, .text = (text_)                                   \
    }
#define LOG_N(name_, number_)                                                                      \
    {                                                                                              \
        .name = (name_), .kind = LOG_FIELD_INT, .number = (int64_t)(number_)                       \
    }

/* log_line(LOG_WARN, "token refused", LOG_T("issuer", iss), LOG_N("status", 400)); */
#define log_line(level, ...) log_line_(level, __VA_ARGS__, {.name = NULL})
#define log_line_(level, message, ...)                                                             \
    log_write(level, message, (const struct log_field[]){__VA_ARGS__})

void log_write(enum log_level level, const char *message, const struct log_field *fields);

/* Once, at start: the program's name and the least level written. */
void log_open(const char *program, enum log_level least);

/* The request (or turn) this thread works for; copied, at most 64 characters; NULL for none. */
void log_set_request_id(const char *request_id);
const char *log_request_id(void); /* "" when none; valid until the next set in this thread */

#endif
