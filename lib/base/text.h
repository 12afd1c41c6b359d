/*
 * Text forms: base64 and base64url, hex, percent-encoding, forms and queries,
 * UTF-8.  Decoders are strict (RFC 4648 section 3.5: no white space, no stray
 * bits, base64url without padding) because a lenient one lets two texts mean
 * one token.  Output buffers are the caller's; sizes include the NUL.
 */
#ifndef COUNTERSIGN_BASE_TEXT_H
#define COUNTERSIGN_BASE_TEXT_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BASE64URL_SIZE(n) (((n)*4 + 2) / 3 + 1) /* without padding, with NUL */
#define HEX_SIZE(n) ((n)*2 + 1)

/* out must hold BASE64URL_SIZE(len). */
void base64url_encode(const uint8_t *bytes, size_t len, char *out);
void base64url_add(struct buf *out, const void *bytes, size_t len);
/* Strict. *len is the capacity on entry and the length on return. ERR_INPUT, ERR_LIMIT. */
WARN_UNUSED enum err base64url_decode(const char *text, size_t text_len, uint8_t *out, size_t *len);
/* Standard base64 with padding (Bedrock payloads, Basic credentials). */
void base64_add(struct buf *out, const void *bytes, size_t len);
WARN_UNUSED enum err base64_decode(const char *text, size_t text_len, struct buf *out);

void hex_encode(const uint8_t *bytes, size_t len, char *out); /* lower case */
WARN_UNUSED enum err hex_decode(const char *text, size_t text_len, uint8_t *out, size_t *len);

/* RFC 3986: all but A-Za-z0-9-._~ becomes %XX (upper case). */
void percent_add(struct buf *out, const char *text);
/* Strict: a lone or bad % is ERR_INPUT, and so is %00. plus_is_space for forms. */
WARN_UNUSED enum err percent_decode(const char *text, size_t len, bool plus_is_space,
                                    struct buf *out);

/* Append name=value to a form body or query, with & when out is not empty. */
void form_add(struct buf *out, const char *name, const char *value);
/*
 * The value of name in an x-www-form-urlencoded text (a query or a body).
 * ERR_NONE when absent, ERR_INPUT when malformed or present twice (a duplicate
 * parameter is refused, never resolved).  On ERR_OK the caller frees *out.
 */
WARN_UNUSED enum err form_get(const char *form, size_t len, const char *name, char **out);

/* Whole text is valid UTF-8 without NUL, overlongs or surrogates. */
bool utf8_valid(const char *text, size_t len);

/* Length (1 to 4) of the well-formed character that text begins with, 0 when it begins with none.
 */
size_t utf8_step(const char *text, size_t len);

/* Append text as an HTML text or attribute value: & < > " ' and controls escaped. */
void html_add(struct buf *out, const char *text);

/* Whole string matches: length within [min, max] and every byte in the set. NULL fails. */
bool text_of(const char *text, size_t min, size_t max, const char *allowed);

/* Constant time; NULL equals nothing (so a missing value fails closed). */
bool text_equal_secret(const char *a, const char *b);
/* Plain equality; NULL equals nothing. */
bool text_equal(const char *a, const char *b);
bool text_starts(const char *text, const char *prefix);

/* Copy into a fixed buffer; ERR_LIMIT (and an empty string) when it does not fit. */
WARN_UNUSED enum err text_copy(char *out, size_t size, const char *text);

/* Decimal, no sign, no space, no leading +; ERR_INPUT otherwise or over max. */
WARN_UNUSED enum err text_number(const char *text, int64_t max, int64_t *out);

/* strdup with an enum err; NULL text gives *out NULL and ERR_OK. */
WARN_UNUSED enum err text_dup(const char *text, char **out);

#endif
