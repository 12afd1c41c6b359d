/* base64, base64url (RFC 4648) and hex. */
#include "base/text.h"

#include <string.h>

static const char STANDARD[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char URL_SAFE[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* 1 to 3 bytes become 2 to 4 characters; returns how many. */
static size_t encode_group(const char *alphabet, const uint8_t *bytes, size_t len, char out[4])
{
    uint32_t group = (uint32_t)bytes[0] << 16;
    group |= len > 1 ? (uint32_t)bytes[1] << 8 : 0;
    group |= len > 2 ? (uint32_t)bytes[2] : 0;
    out[0] = alphabet[group >> 18];
    out[1] = alphabet[group >> 12 & 63];
    out[2] = alphabet[group >> 6 & 63];
    out[3] = alphabet[group & 63];
    return len + 1;
}

static int sextet(char c, bool url_safe)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    if (c == (url_safe ? '-' : '+')) {
        return 62;
    }
    if (c == (url_safe ? '_' : '/')) {
        return 63;
    }
    return -1;
}

/*
 * 2 to 4 characters become 1 to 3 bytes; returns how many, 0 when malformed.
 * Bits that no byte takes must be zero, else several texts would mean one value.
 */
static size_t decode_group(const char *text, size_t len, bool url_safe, uint8_t out[3])
{
    uint32_t group = 0;
    for (size_t i = 0; i < 4; i++) {
        int value = i < len ? sextet(text[i], url_safe) : 0;
        if (value < 0) {
            return 0;
        }
        group = group << 6 | (uint32_t)value;
    }
    if (len < 2 || (len == 2 && (group & 0xFFFF) != 0) || (len == 3 && (group & 0xFF) != 0)) {
        return 0;
    }
    out[0] = (uint8_t)(group >> 16);
    out[1] = (uint8_t)(group >> 8);
    out[2] = (uint8_t)group;
    return len - 1;
}

void base64url_encode(const uint8_t *bytes, size_t len, char *out)
{
    for (size_t at = 0; at < len; at += 3) {
        char group[4];
        size_t count = encode_group(URL_SAFE, bytes + at, len - at < 3 ? len - at : 3, group);
        memcpy(out, group, count);
        out += count;
    }
    *out = '\0';
}

void base64url_add(struct buf *out, const void *bytes, size_t len)
{
    const uint8_t *from = bytes;
    for (size_t at = 0; at < len; at += 3) {
        char group[4];
        buf_add(out, group, encode_group(URL_SAFE, from + at, len - at < 3 ? len - at : 3, group));
    }
}

enum err base64url_decode(const char *text, size_t text_len, uint8_t *out, size_t *len)
{
    size_t capacity = *len;
    size_t done = 0;
    *len = 0;
    if (text_len % 4 == 1) {
        return ERR_INPUT;
    }
    if (text_len / 4 * 3 + (text_len % 4 == 0 ? 0 : text_len % 4 - 1) > capacity) {
        return ERR_LIMIT;
    }
    for (size_t at = 0; at < text_len; at += 4) {
        uint8_t bytes[3];
        size_t count = decode_group(text + at, text_len - at < 4 ? text_len - at : 4, true, bytes);
        if (count == 0) {
            return ERR_INPUT;
        }
        memcpy(out + done, bytes, count);
        done += count;
    }
    *len = done;
    return ERR_OK;
}

void base64_add(struct buf *out, const void *bytes, size_t len)
{
    const uint8_t *from = bytes;
    for (size_t at = 0; at < len; at += 3) {
        char group[4] = {'=', '=', '=', '='};
        size_t count = encode_group(STANDARD, from + at, len - at < 3 ? len - at : 3, group);
        for (size_t pad = count; pad < 4; pad++) {
            group[pad] = '=';
        }
        buf_add(out, group, 4);
    }
}

enum err base64_decode(const char *text, size_t text_len, struct buf *out)
{
    if (text_len % 4 != 0) {
        return ERR_INPUT;
    }
    size_t start = out->len;
    for (size_t at = 0; at < text_len; at += 4) {
        size_t digits = 4;
        if (at + 4 == text_len) {
            digits -= text[at + 3] == '=' ? 1 : 0;
            digits -= digits == 3 && text[at + 2] == '=' ? 1 : 0;
        }
        uint8_t bytes[3];
        size_t count = decode_group(text + at, digits, false, bytes);
        if (count == 0) {
            /* No partial result: what this call added is taken back. */
            if (out->data != NULL) {
                out->len = start;
                out->data[start] = '\0';
            }
            return ERR_INPUT;
        }
        buf_add(out, bytes, count);
    }
    return buf_err(out);
}

void hex_encode(const uint8_t *bytes, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

enum err hex_decode(const char *text, size_t text_len, uint8_t *out, size_t *len)
{
    size_t capacity = *len;
    *len = 0;
    if (text_len % 2 != 0) {
        return ERR_INPUT;
    }
    if (text_len / 2 > capacity) {
        return ERR_LIMIT;
    }
    for (size_t i = 0; i < text_len / 2; i++) {
        int high = hex_digit(text[2 * i]);
        int low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return ERR_INPUT;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    *len = text_len / 2;
    return ERR_OK;
}
