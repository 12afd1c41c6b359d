#include "base/text.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

/*
 * Length of the well-formed sequence at text (Unicode 15, table 3-7), 0 when it
 * is not one.  The table's second-byte ranges are what keeps out overlongs,
 * surrogates and code points over U+10FFFF.
 */
static size_t utf8_sequence(const unsigned char *text, size_t len)
{
    unsigned char first = text[0];
    size_t need = 0;
    unsigned char low = 0x80;
    unsigned char high = 0xBF;
    if (first == 0) {
        return 0;
    }
    if (first < 0x80) {
        return 1;
    }
    if (first >= 0xC2 && first <= 0xDF) {
        need = 2;
    } else if (first >= 0xE0 && first <= 0xEF) {
        need = 3;
        low = first == 0xE0 ? 0xA0 : low;
        high = first == 0xED ? 0x9F : high;
    } else if (first >= 0xF0 && first <= 0xF4) {
        need = 4;
        low = first == 0xF0 ? 0x90 : low;
        high = first == 0xF4 ? 0x8F : high;
    } else {
        return 0;
    }
    if (need > len || text[1] < low || text[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < need; i++) {
        if (text[i] < 0x80 || text[i] > 0xBF) {
            return 0;
        }
    }
    return need;
}

size_t utf8_step(const char *text, size_t len)
{
    return len > 0 ? utf8_sequence((const unsigned char *)text, len) : 0;
}

bool utf8_valid(const char *text, size_t len)
{
    const unsigned char *bytes = (const unsigned char *)text;
    for (size_t at = 0; at < len;) {
        size_t step = utf8_sequence(bytes + at, len - at);
        if (step == 0) {
            return false;
        }
        at += step;
    }
    return true;
}

void html_add(struct buf *out, const char *text)
{
    if (text == NULL) {
        return;
    }
    for (const char *at = text; *at != '\0'; at++) {
        unsigned char c = (unsigned char)*at;
        switch (c) {
        case '&':
            buf_adds(out, "&amp;");
            break;
        case '<':
            buf_adds(out, "&lt;");
            break;
        case '>':
            buf_adds(out, "&gt;");
            break;
        case '"':
            buf_adds(out, "&quot;");
            break;
        case '\'':
            buf_adds(out, "&#39;");
            break;
        default:
            /* A reference to a control character is itself a parse error, so show that one was. */
            if ((c < 0x20 && c != '\t' && c != '\n') || c == 0x7F) {
                buf_adds(out, "&#xFFFD;");
            } else {
                buf_addc(out, *at);
            }
        }
    }
}

bool text_of(const char *text, size_t min, size_t max, const char *allowed)
{
    if (text == NULL) {
        return false;
    }
    size_t len = strnlen(text, max + 1);
    return len >= min && len <= max && strspn(text, allowed) == len;
}

bool text_equal_secret(const char *a, const char *b)
{
    if (a == NULL || b == NULL) {
        return false;
    }
    size_t len = strlen(a);
    return len == strlen(b) && CRYPTO_memcmp(a, b, len) == 0;
}

bool text_equal(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

bool text_starts(const char *text, const char *prefix)
{
    return text != NULL && prefix != NULL && strncmp(text, prefix, strlen(prefix)) == 0;
}

enum err text_copy(char *out, size_t size, const char *text)
{
    if (size == 0) {
        return ERR_LIMIT;
    }
    out[0] = '\0';
    if (text == NULL) {
        return ERR_OK;
    }
    size_t len = strlen(text);
    if (len >= size) {
        return ERR_LIMIT;
    }
    memmove(out, text, len + 1);
    return ERR_OK;
}

enum err text_number(const char *text, int64_t max, int64_t *out)
{
    *out = 0;
    if (text == NULL || *text == '\0') {
        return ERR_INPUT;
    }
    int64_t number = 0;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at < '0' || *at > '9') {
            return ERR_INPUT;
        }
        int64_t digit = *at - '0';
        if (digit > max || number > (max - digit) / 10) {
            return ERR_INPUT;
        }
        number = number * 10 + digit;
    }
    *out = number;
    return ERR_OK;
}

enum err text_dup(const char *text, char **out)
{
    *out = NULL;
    if (text == NULL) {
        return ERR_OK;
    }
    *out = strdup(text);
    return *out != NULL ? ERR_OK : ERR_MEMORY;
}
