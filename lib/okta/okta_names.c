/* Names and ids: what may enter a URL, and what may be believed of an answer. */
#include "base/text.h"
#include "okta/okta_internal.h"

#include <string.h>

#define ID_MIN 15

/*
 * Okta's ids have 20 characters.  A shorter text is refused because Okta would
 * read it as a short login ("bob") or as the caller ("me"), and act on that.
 */
bool okta_id_valid(const char *id)
{
    return text_of(id, ID_MIN, OKTA_ID_SIZE - 1,
                   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
}

/*
 * The '@' keeps short names and "me" out.  Printable ASCII only: Okta ignores
 * diacritics, and a look-alike letter names someone else.  The rest could end or
 * move the path, or a quoted search.
 */
bool okta_login_valid(const char *login)
{
    size_t len;
    const char *at;

    if (login == NULL) {
        return false;
    }
    len = strnlen(login, OKTA_LOGIN_SIZE);
    if (len == 0 || len >= OKTA_LOGIN_SIZE || strstr(login, "..") != NULL) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)login[i];
        if (c <= 0x20 || c >= 0x7f || strchr("/?#%\\\"<>", c) != NULL) {
            return false;
        }
    }
    at = strchr(login, '@');
    return at != NULL && at > login && at[1] != '\0' && strchr(at + 1, '@') == NULL;
}

/* Any language, but nothing that ends the quoted text of a search and no control characters. */
bool okta_group_name_valid(const char *name)
{
    size_t len;

    if (name == NULL) {
        return false;
    }
    len = strnlen(name, OKTA_GROUP_NAME_SIZE);
    if (len == 0 || len >= OKTA_GROUP_NAME_SIZE || !utf8_valid(name, len)) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c < 0x20 || c == 0x7f || c == '"' || c == '\\') {
            return false;
        }
    }
    return true;
}

static char lower(char c)
{
    if (c >= 'A' && c <= 'Z') {
        c = (char)(c - 'A' + 'a');
    }
    return c;
}

bool okta_login_equal(const char *a, const char *b)
{
    while (*a != '\0' && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return *a == '\0' && *b == '\0';
}

/* A member that must be there and fit; a cut id or login would be someone else's. */
static enum err take(const json_t *object, const char *key, char *out, size_t size)
{
    const char *text = js_text(object, key);

    return text != NULL && text_copy(out, size, text) == ERR_OK ? ERR_OK : ERR_REMOTE;
}

enum err okta_user_read(const json_t *object, struct okta_user *out)
{
    const json_t *profile = js_object(object, "profile");
    const char *email = js_text(profile, "email");
    struct okta_user user = {0};
    enum err err = take(object, "id", user.id, sizeof(user.id));

    memset(out, 0, sizeof(*out));
    if (err == ERR_OK) {
        err = take(profile, "login", user.login, sizeof(user.login));
    }
    if (err == ERR_OK) {
        err = take(object, "status", user.status, sizeof(user.status));
    }
    if (err == ERR_OK && email != NULL &&
        text_copy(user.email, sizeof(user.email), email) != ERR_OK) {
        err = ERR_REMOTE;
    }
    if (err == ERR_OK &&
        (!okta_id_valid(user.id) || user.login[0] == '\0' || user.status[0] == '\0')) {
        err = ERR_REMOTE;
    }
    if (err == ERR_OK) {
        *out = user;
    }
    return err;
}

enum err okta_group_read(const json_t *object, struct okta_group *out)
{
    struct okta_group group = {0};
    enum err err = take(object, "id", group.id, sizeof(group.id));

    memset(out, 0, sizeof(*out));
    if (err == ERR_OK) {
        err = take(js_object(object, "profile"), "name", group.name, sizeof(group.name));
    }
    if (err == ERR_OK) {
        err = take(object, "type", group.type, sizeof(group.type));
    }
    if (err == ERR_OK && !okta_id_valid(group.id)) {
        err = ERR_REMOTE;
    }
    if (err == ERR_OK) {
        *out = group;
    }
    return err;
}
