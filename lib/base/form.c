/* Percent-encoding (RFC 3986) and application/x-www-form-urlencoded. */
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static bool unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void percent_add(struct buf *out, const char *text)
{
    static const char digits[] = "0123456789ABCDEF";
    if (text == NULL) {
        return;
    }
    for (const char *at = text; *at != '\0'; at++) {
        if (unreserved(*at)) {
            buf_addc(out, *at);
        } else {
            unsigned char c = (unsigned char)*at;
            const char escape[3] = {'%', digits[c >> 4], digits[c & 15]};
            buf_add(out, escape, sizeof escape);
        }
    }
}

enum err percent_decode(const char *text, size_t len, bool plus_is_space, struct buf *out)
{
    size_t start = out->len;
    for (size_t at = 0; at < len; at++) {
        uint8_t byte = (uint8_t)text[at];
        size_t one = 1;
        if (byte == '%' && (len - at < 3 || hex_decode(text + at + 1, 2, &byte, &one) != ERR_OK)) {
            byte = 0;
        } else if (text[at] == '%') {
            at += 2;
        } else if (byte == '+' && plus_is_space) {
            byte = ' ';
        }
        if (byte == 0) { /* a bad escape, %00 or a raw NUL; nothing of it is kept */
            if (out->data != NULL) {
                out->len = start;
                out->data[start] = '\0';
            }
            return ERR_INPUT;
        }
        buf_addc(out, (char)byte);
    }
    return buf_err(out);
}

void form_add(struct buf *out, const char *name, const char *value)
{
    if (out->len > 0) {
        buf_addc(out, '&');
    }
    percent_add(out, name);
    buf_addc(out, '=');
    percent_add(out, value);
}

enum err form_get(const char *form, size_t len, const char *name, char **out)
{
    enum err err = ERR_OK;
    struct buf key = buf_make_secret(len);
    struct buf value = buf_make_secret(len);
    bool found = false;
    *out = NULL;

    for (size_t at = 0; at < len;) {
        const char *pair = form + at;
        const char *stop = memchr(pair, '&', len - at);
        size_t pair_len = stop != NULL ? (size_t)(stop - pair) : len - at;
        at += pair_len + 1;
        if (pair_len == 0) {
            continue;
        }
        const char *equals = memchr(pair, '=', pair_len);
        size_t key_len = equals != NULL ? (size_t)(equals - pair) : pair_len;
        buf_reset(&key);
        err = percent_decode(pair, key_len, true, &key);
        if (err != ERR_OK) {
            goto done;
        }
        if (strcmp(buf_str(&key), name) != 0) {
            continue;
        }
        if (found) {
            err = ERR_INPUT;
            goto done;
        }
        found = true;
        if (equals != NULL) {
            err = percent_decode(equals + 1, pair_len - key_len - 1, true, &value);
        }
        if (err == ERR_OK && !utf8_valid(buf_str(&value), value.len)) {
            err = ERR_INPUT;
        }
        if (err != ERR_OK) {
            goto done;
        }
    }
    err = found ? buf_take(&value, out) : ERR_NONE;

done:
    buf_free(&key);
    buf_free(&value);
    return err;
}
