#include "base/buf.h"

#include "base/secret.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 64

struct buf buf_make(size_t max)
{
    /* One byte is always the NUL's, so that cap = max + 1 cannot wrap. */
    return (struct buf){.max = max < SIZE_MAX ? max : SIZE_MAX - 1};
}

struct buf buf_make_secret(size_t max)
{
    struct buf buf = buf_make(max);
    buf.wipe = true;
    return buf;
}

/* Not realloc for secrets: it may leave the old block's bytes in free memory. */
static char *grow(struct buf *buf, size_t cap)
{
    if (!buf->wipe) {
        return realloc(buf->data, cap);
    }
    char *data = malloc(cap);
    if (data == NULL) {
        return NULL;
    }
    if (buf->data != NULL) {
        memcpy(data, buf->data, buf->len + 1);
        wipe(buf->data, buf->cap);
        free(buf->data);
    }
    return data;
}

/* Room for len more bytes and the NUL; on failure the error is kept. */
static bool reserve(struct buf *buf, size_t len)
{
    if (buf->err != ERR_OK) {
        return false;
    }
    if (len > buf->max - buf->len) {
        buf->err = ERR_LIMIT;
        return false;
    }
    size_t need = buf->len + len + 1;
    if (need <= buf->cap) {
        return true;
    }
    size_t cap = buf->cap < FIRST_CAPACITY ? FIRST_CAPACITY : buf->cap;
    while (cap < need) {
        cap = cap <= SIZE_MAX / 2 ? cap * 2 : need;
    }
    if (cap > buf->max + 1) {
        cap = buf->max + 1;
    }
    char *data = grow(buf, cap);
    if (data == NULL) {
        buf->err = ERR_MEMORY;
        return false;
    }
    data[buf->len] = '\0';
    buf->data = data;
    buf->cap = cap;
    return true;
}

void buf_add(struct buf *buf, const void *bytes, size_t len)
{
    if (len == 0 || !reserve(buf, len)) {
        return;
    }
    memcpy(buf->data + buf->len, bytes, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void buf_adds(struct buf *buf, const char *text)
{
    if (text != NULL) {
        buf_add(buf, text, strlen(text));
    }
}

void buf_addc(struct buf *buf, char c)
{
    buf_add(buf, &c, 1);
}

void buf_addf(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0) {
        if (buf->err == ERR_OK) {
            buf->err = ERR_INPUT;
        }
    } else if (len > 0 && reserve(buf, (size_t)len)) {
        (void)vsnprintf(buf->data + buf->len, (size_t)len + 1, format, again);
        buf->len += (size_t)len;
    }
    va_end(again);
}

void buf_consume(struct buf *buf, size_t len)
{
    if (len > buf->len) {
        len = buf->len;
    }
    if (len == 0) {
        return;
    }
    memmove(buf->data, buf->data + len, buf->len - len);
    if (buf->wipe) {
        wipe(buf->data + buf->len - len, len);
    }
    buf->len -= len;
    buf->data[buf->len] = '\0';
}

void buf_reset(struct buf *buf)
{
    if (buf->data != NULL) {
        if (buf->wipe) {
            wipe(buf->data, buf->cap);
        }
        buf->data[0] = '\0';
    }
    buf->len = 0;
    buf->err = ERR_OK;
}

const char *buf_str(const struct buf *buf)
{
    return buf->data != NULL ? buf->data : "";
}

enum err buf_err(const struct buf *buf)
{
    return buf->err;
}

enum err buf_take(struct buf *buf, char **out)
{
    *out = NULL;
    if (buf->data == NULL) {
        (void)reserve(buf, 0);
    }
    if (buf->err != ERR_OK) {
        return buf->err;
    }
    *out = buf->data;
    buf->data = NULL;
    buf->len = 0;
    buf->cap = 0;
    return ERR_OK;
}

void buf_free(struct buf *buf)
{
    if (buf == NULL) {
        return;
    }
    if (buf->wipe && buf->data != NULL) {
        wipe(buf->data, buf->cap);
    }
    free(buf->data);
    buf->data = NULL;
    buf->len = 0;
    buf->cap = 0;
    buf->err = ERR_OK;
}
