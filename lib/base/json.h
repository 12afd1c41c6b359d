/*
 * The one JSON helper, over jansson.  Parsing bytes from outside refuses
 * duplicate keys, trailing bytes, invalid UTF-8, NUL in strings, a depth over
 * JS_DEPTH and a size over the caller's cap.  Getters are NULL-safe and typed:
 * a wrong type reads as absent, so a text "true" is never true.
 */
#ifndef COUNTERSIGN_BASE_JSON_H
#define COUNTERSIGN_BASE_JSON_H

#include "base/buf.h"
#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define JS_DEPTH 64

/* On ERR_OK the caller owns *out (json_decref). ERR_INPUT, ERR_LIMIT (len over max), ERR_MEMORY. */
WARN_UNUSED enum err js_parse(const char *text, size_t len, size_t max, json_t **out);
/* The same and the root must be an object. */
WARN_UNUSED enum err js_parse_object(const char *text, size_t len, size_t max, json_t **out);

/* Borrowed from object; NULL when absent or not a string / object / array. */
const char *js_text(const json_t *object, const char *key);
const json_t *js_object(const json_t *object, const char *key);
const json_t *js_array(const json_t *object, const char *key);
/* True only for the literal true. */
bool js_true(const json_t *object, const char *key);
/* ERR_NONE when absent, ERR_INPUT when not an integer within [min, max]. */
WARN_UNUSED enum err js_int(const json_t *object, const char *key, json_int_t min, json_int_t max,
                            json_int_t *out);
/* An integer or fallback when absent or of another type. For our own sealed records. */
json_int_t js_int_or(const json_t *object, const char *key, json_int_t fallback);

/* Setters for objects we build; failures are sticky in *err (start with ERR_OK). NULL: left out. */
void js_set_text(json_t *object, const char *key, const char *value, enum err *err);
void js_set_int(json_t *object, const char *key, json_int_t value, enum err *err);
void js_set_bool(json_t *object, const char *key, bool value, enum err *err);
void js_set_new(json_t *object, const char *key, json_t *value, enum err *err); /* steals value */

/* Compact text appended to out. js_add_sorted: keys sorted, the form digests are taken over. */
WARN_UNUSED enum err js_add(struct buf *out, const json_t *value);
WARN_UNUSED enum err js_add_sorted(struct buf *out, const json_t *value);

/* First key of object that is not in allowed (NULL-terminated list); NULL when all are known. */
const char *js_unknown_key(const json_t *object, const char *const *allowed);

/* Every string in jansson's memory is wiped on free from now on. Called once by main. */
void js_wipe_on_free(void);

#endif
