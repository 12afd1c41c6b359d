/* The syntax of the configuration file: systemd's EnvironmentFile form, one line a value. */
#include "base/config_parts.h"
#include "base/secret.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX ((size_t)256 * 1024)
#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* A quoted value; at stands on the opening quote. NULL or what is wrong. */
static const char *unquote(const char *at, const char *end, struct buf *out)
{
    char quote = *at++;
    for (; at < end && *at != quote; at++) {
        /* In double quotes systemd drops the backslash only before these four. */
        if (*at == '\\' && quote == '"' && at + 1 < end && strchr("\"\\`$", at[1]) != NULL) {
            at++;
        }
        buf_addc(out, *at);
    }
    if (at == end) {
        return "the quote is not closed on this line";
    }
    for (at++; at < end; at++) {
        if (!blank(*at)) {
            return "text follows the closing quote";
        }
    }
    return NULL;
}

static const char *unescape(const char *at, const char *end, struct buf *out)
{
    while (end > at && blank(end[-1])) {
        end--;
    }
    for (; at < end; at++) {
        if (*at == '\\' && ++at == end) {
            return "a value must end on its own line";
        }
        buf_addc(out, *at);
    }
    return NULL;
}

/* One line without its newline. NULL or what is wrong; an empty name means: nothing there. */
static const char *split(const char *at, const char *end, struct buf *name, struct buf *value)
{
    while (at < end && blank(*at)) {
        at++;
    }
    if (at == end || *at == '#' || *at == ';') {
        return NULL;
    }
    const char *equals = memchr(at, '=', (size_t)(end - at));
    if (equals == NULL) {
        return "not of the form NAME=value";
    }
    buf_add(name, at, (size_t)(equals - at));
    if (!text_of(buf_str(name), 1, 100, NAME_CHARACTERS) || name->len != (size_t)(equals - at)) {
        buf_reset(name);
        return "not of the form NAME=value (no blanks around the name)";
    }
    at = equals + 1;
    while (at < end && blank(*at)) {
        at++;
    }
    if (at < end && (*at == '"' || *at == '\'')) {
        return unquote(at, end, value);
    }
    return unescape(at, end, value);
}

static const char *value_fault(const struct buf *value)
{
    if (!utf8_valid(buf_str(value), value->len)) {
        return "the value is not UTF-8 text";
    }
    for (size_t i = 0; i < value->len; i++) {
        unsigned char c = (unsigned char)value->data[i];
        if (c < 0x20 || c == 0x7F) {
            return "the value holds a control character";
        }
    }
    return NULL;
}

enum err config_parse(const char *path, const char *text, size_t len, config_line_fn *visit,
                      void *context, struct buf *problems)
{
    enum err err = ERR_OK;
    struct buf name = buf_make(FILE_MAX);
    struct buf value = buf_make_secret(FILE_MAX);
    size_t line = 0;
    for (size_t at = 0; at < len && err == ERR_OK;) {
        const char *start = text + at;
        const char *newline = memchr(start, '\n', len - at);
        const char *end = newline != NULL ? newline : text + len;
        at += (size_t)(end - start) + 1;
        line++;
        buf_reset(&name);
        buf_reset(&value);
        const char *wrong = split(start, end, &name, &value);
        if (wrong == NULL) {
            wrong = value_fault(&value);
        }
        if (buf_err(&name) != ERR_OK || buf_err(&value) != ERR_OK) {
            err = ERR_MEMORY;
        } else if (wrong != NULL) {
            buf_addf(problems, "%s:%zu: %s%s%s\n", path, line, buf_str(&name),
                     name.len > 0 ? ": " : "", wrong);
        } else if (name.len > 0) {
            err = visit(context, line, buf_str(&name), buf_str(&value));
        }
    }
    buf_free(&name);
    buf_free(&value);
    return err;
}

enum err config_read(const char *path, unsigned forbidden, struct buf *out)
{
    enum err err = ERR_OK;
    struct stat status;
    char piece[4096];
    /* Not blocking, so that a FIFO in the file's place cannot hang the start. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        return errno == ENOENT ? ERR_NONE : ERR_SYSTEM;
    }
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        err = ERR_SYSTEM;
        goto done;
    }
    if ((status.st_mode & forbidden) != 0) {
        err = ERR_DENIED;
        goto done;
    }
    for (;;) {
        ssize_t got = read(fd, piece, sizeof piece);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            err = ERR_SYSTEM;
        }
        if (got <= 0) {
            break;
        }
        if (out->len + (size_t)got > FILE_MAX) {
            err = ERR_LIMIT;
            break;
        }
        buf_add(out, piece, (size_t)got);
    }
    if (err == ERR_OK) {
        err = buf_err(out);
    }

done:
    wipe(piece, sizeof piece);
    (void)close(fd);
    if (err != ERR_OK) {
        buf_reset(out);
    }
    return err;
}
