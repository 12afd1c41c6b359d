/*
 * The strict schema of a row's arguments.  Refusal texts are fixed: a value that
 * a model made up goes neither into an answer nor into a log.
 */
#include "base/text.h"
#include "catalogue/action.h"

#include <string.h>

#define LOGIN_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-'@"

/*
 * Narrower than what an address may be: what is left out (quotes, slashes,
 * percent signs, non-ASCII look-alikes) is what injection and confusion are
 * made of, and an account that needs it is refused, never approximated.
 */
static bool is_login(const char *text, size_t len)
{
    const char *at = memchr(text, '@', len);

    return text_of(text, 3, 100, LOGIN_CHARACTERS) && at != NULL && at != text && at[1] != '\0' &&
           strchr(at + 1, '@') == NULL && strstr(text, "..") == NULL;
}

/* Controls proper, and the invisible ones that reorder or end a line: they make one text look like
 * another. */
static bool has_control(const unsigned char *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (p[i] < 0x20 || p[i] == 0x7f) {
            return true;
        }
        if (p[i] == 0xc2 && p[i + 1] < 0xa0) { /* C1 */
            return true;
        }
        if (p[i] == 0xe2 && p[i + 1] == 0x80 &&
            ((p[i + 2] >= 0x8b && p[i + 2] <= 0x8f) || (p[i + 2] >= 0xa8 && p[i + 2] <= 0xae))) {
            return true; /* zero width, marks, U+2028/9, bidi embeddings */
        }
        if (p[i] == 0xe2 && p[i + 1] == 0x81 && p[i + 2] >= 0xa0 && p[i + 2] <= 0xaf) {
            return true; /* word joiner, bidi isolates */
        }
        if (p[i] == 0xef && p[i + 1] == 0xbb && p[i + 2] == 0xbf) {
            return true; /* byte order mark */
        }
    }
    return false;
}

static bool is_clean_text(const char *text, size_t len)
{
    /* Valid UTF-8 first: has_control looks ahead of a lead byte. */
    return len >= 1 && len <= 255 && utf8_valid(text, len) &&
           !has_control((const unsigned char *)text, len);
}

bool catalogue_text_is_clean(const char *text)
{
    return text != NULL && is_clean_text(text, strlen(text));
}

static const char *fault_of(enum param_kind kind, const char *text, size_t len)
{
    switch (kind) {
    case PARAM_LOGIN:
        return is_login(text, len) ? NULL : "user_email is not a full login (an e-mail address)";
    case PARAM_GROUP:
        return is_clean_text(text, len) ? NULL : "group_name is not a group's name";
    case PARAM_SELF:
        return is_clean_text(text, len) ? NULL : "user_id is not a user id";
    }
    return "a parameter of unknown kind";
}

enum err catalogue_check_arguments(const struct action *action, const json_t *arguments,
                                   const char **why)
{
    size_t count = 0;

    *why = NULL;
    if (action == NULL || !json_is_object(arguments)) {
        *why = "arguments are not an object";
        return ERR_INPUT;
    }
    for (; count < ACTION_PARAMS && action->params[count].name != NULL; count++) {
        const json_t *value = json_object_get(arguments, action->params[count].name);

        if (value == NULL) {
            *why = "a parameter is missing";
            return ERR_INPUT;
        }
        if (!json_is_string(value) ||
            strlen(json_string_value(value)) != json_string_length(value)) {
            *why = "a parameter is not a string";
            return ERR_INPUT;
        }
        *why = fault_of(action->params[count].kind, json_string_value(value),
                        json_string_length(value));
        if (*why != NULL) {
            return ERR_INPUT;
        }
    }
    if (json_object_size(arguments) != count) {
        *why = "there is a parameter that the action does not have";
        return ERR_INPUT;
    }
    return ERR_OK;
}

json_t *catalogue_schema(const struct action *action)
{
    json_t *schema = json_object();
    json_t *properties = json_object();
    json_t *required = json_array();
    enum err err = ERR_OK;

    for (size_t i = 0; i < ACTION_PARAMS && action->params[i].name != NULL; i++) {
        const struct action_param *param = &action->params[i];
        json_t *property = json_object();

        js_set_text(property, "type", "string", &err);
        js_set_text(property, "description", param->description, &err);
        js_set_int(property, "minLength", param->kind == PARAM_LOGIN ? 3 : 1, &err);
        js_set_int(property, "maxLength", param->kind == PARAM_LOGIN ? 100 : 255, &err);
        js_set_new(properties, param->name, property, &err);
        if (json_array_append_new(required, json_string(param->name)) != 0) {
            err = ERR_MEMORY;
        }
    }
    js_set_text(schema, "type", "object", &err);
    js_set_new(schema, "properties", properties, &err);
    js_set_new(schema, "required", required, &err);
    js_set_bool(schema, "additionalProperties", false, &err);
    if (err != ERR_OK) {
        json_decref(schema);
        return NULL;
    }
    return schema;
}
