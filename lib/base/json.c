#include "base/json.h"

#include "base/secret.h"
#include "base/text.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

/*
 * jansson recurses up to 2048 levels; ours is checked before it runs.  The scan
 * knows strings only as far as it must: brackets inside them do not count.
 */
static bool depth_within(const char *text, size_t len, size_t max)
{
    size_t depth = 0;
    bool in_string = false;
    for (size_t at = 0; at < len; at++) {
        char c = text[at];
        if (in_string) {
            if (c == '\\') {
                at++;
            } else if (c == '"') {
                in_string = false;
            }
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > max) {
                return false;
            }
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return true;
}

enum err js_parse(const char *text, size_t len, size_t max, json_t **out)
{
    *out = NULL;
    if (len > max) {
        return ERR_LIMIT;
    }
    if (text == NULL || !depth_within(text, len, JS_DEPTH)) {
        return ERR_INPUT;
    }
    json_error_t error;
    *out = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    if (*out == NULL) {
        return json_error_code(&error) == json_error_out_of_memory ? ERR_MEMORY : ERR_INPUT;
    }
    return ERR_OK;
}

enum err js_parse_object(const char *text, size_t len, size_t max, json_t **out)
{
    enum err err = js_parse(text, len, max, out);
    if (err == ERR_OK && !json_is_object(*out)) {
        json_decref(*out);
        *out = NULL;
        err = ERR_INPUT;
    }
    return err;
}

const char *js_text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

const json_t *js_object(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_object(value) ? value : NULL;
}

const json_t *js_array(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_array(value) ? value : NULL;
}

bool js_true(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

enum err js_int(const json_t *object, const char *key, json_int_t min, json_int_t max,
                json_int_t *out)
{
    const json_t *value = json_object_get(object, key);
    *out = 0;
    if (value == NULL) {
        return ERR_NONE;
    }
    if (!json_is_integer(value) || json_integer_value(value) < min ||
        json_integer_value(value) > max) {
        return ERR_INPUT;
    }
    *out = json_integer_value(value);
    return ERR_OK;
}

json_int_t js_int_or(const json_t *object, const char *key, json_int_t fallback)
{
    const json_t *value = json_object_get(object, key);
    return json_is_integer(value) ? json_integer_value(value) : fallback;
}

void js_set_new(json_t *object, const char *key, json_t *value, enum err *err)
{
    if (*err != ERR_OK) {
        json_decref(value);
    } else if (json_object_set_new(object, key, value) != 0) {
        *err = ERR_MEMORY;
    }
}

void js_set_text(json_t *object, const char *key, const char *value, enum err *err)
{
    if (value == NULL || *err != ERR_OK) {
        return;
    }
    if (!utf8_valid(value, strlen(value))) {
        *err = ERR_INPUT;
        return;
    }
    js_set_new(object, key, json_string_nocheck(value), err);
}

void js_set_int(json_t *object, const char *key, json_int_t value, enum err *err)
{
    if (*err == ERR_OK) {
        js_set_new(object, key, json_integer(value), err);
    }
}

void js_set_bool(json_t *object, const char *key, bool value, enum err *err)
{
    if (*err == ERR_OK) {
        js_set_new(object, key, json_boolean(value), err);
    }
}

static int add_piece(const char *bytes, size_t len, void *out)
{
    buf_add(out, bytes, len);
    return buf_err(out) == ERR_OK ? 0 : -1;
}

static enum err dump(struct buf *out, const json_t *value, size_t flags)
{
    if (json_dump_callback(value, add_piece, out, JSON_COMPACT | JSON_ENCODE_ANY | flags) == 0) {
        return ERR_OK;
    }
    if (buf_err(out) != ERR_OK) {
        return buf_err(out);
    }
    return value == NULL ? ERR_INPUT : ERR_MEMORY;
}

enum err js_add(struct buf *out, const json_t *value)
{
    return dump(out, value, 0);
}

enum err js_add_sorted(struct buf *out, const json_t *value)
{
    return dump(out, value, JSON_SORT_KEYS);
}

const char *js_unknown_key(const json_t *object, const char *const *allowed)
{
    json_t *walk = (json_t *)object; /* jansson's iterator takes no const; nothing is changed */
    for (void *at = json_object_iter(walk); at != NULL; at = json_object_iter_next(walk, at)) {
        const char *key = json_object_iter_key(at);
        size_t i = 0;
        while (allowed[i] != NULL && strcmp(allowed[i], key) != 0) {
            i++;
        }
        if (allowed[i] == NULL) {
            return key;
        }
    }
    return NULL;
}

/*
 * The block stays malloc's own: cjose frees texts that jansson allocated with
 * plain free(), which a size in front of the block would break.
 */
static void wiping_free(void *pointer)
{
    if (pointer != NULL) {
        wipe(pointer, malloc_usable_size(pointer));
        free(pointer);
    }
}

void js_wipe_on_free(void)
{
    json_set_alloc_funcs(malloc, wiping_free);
}
