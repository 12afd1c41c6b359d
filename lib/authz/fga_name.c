#include "authz/fga_internal.h"
#include "base/text.h"

#include <string.h>

#define TYPE_CHARS "abcdefghijklmnopqrstuvwxyz0123456789_-"
#define RELATION_CHARS TYPE_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define NAME_MAX_BYTES 256 /* OpenFGA's limit of an object */

/*
 * ':' and '#' would add a part to the name, '*' means everyone, white space
 * ends it.  Bytes beyond ASCII are refused with them: some are white space to
 * the server, and look-alikes have no place in an identifier.
 */
static bool id_plain(const char *id, size_t len)
{
    if (len == 0) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)id[i];
        if (c <= 0x20 || c >= 0x7f || c == ':' || c == '#' || c == '*') {
            return false;
        }
    }
    return true;
}

/* The length of "type:" at the start of name; 0 when there is none. */
static size_t type_length(const char *name)
{
    size_t len = strspn(name, TYPE_CHARS);

    return len > 0 && name[len] == ':' ? len + 1 : 0;
}

bool fga_name_plain(const char *name)
{
    size_t type;

    if (name == NULL || strnlen(name, NAME_MAX_BYTES + 1) > NAME_MAX_BYTES) {
        return false;
    }
    type = type_length(name);
    return type > 0 && id_plain(name + type, strlen(name + type));
}

bool fga_relation_plain(const char *relation)
{
    return text_of(relation, 1, 50, RELATION_CHARS);
}

bool fga_name_user(const char *name)
{
    const char *hash;
    size_t type;

    if (fga_name_plain(name)) {
        return true;
    }
    if (name == NULL || strnlen(name, NAME_MAX_BYTES + 1) > NAME_MAX_BYTES) {
        return false;
    }
    type = type_length(name);
    if (type == 0) {
        return false;
    }
    if (strcmp(name + type, "*") == 0) {
        return true;
    }
    hash = strchr(name, '#');
    return hash != NULL && hash > name + type &&
           id_plain(name + type, (size_t)(hash - name) - type) && fga_relation_plain(hash + 1);
}

enum err fga_object(const char *type, const char *id, char out[FGA_NAME_SIZE])
{
    struct buf name = buf_make(NAME_MAX_BYTES);
    enum err err = ERR_INPUT;

    out[0] = '\0';
    if (text_of(type, 1, 50, TYPE_CHARS) && id != NULL &&
        id_plain(id, strnlen(id, NAME_MAX_BYTES + 1))) {
        buf_adds(&name, type);
        buf_addc(&name, ':');
        buf_adds(&name, id);
        err = buf_err(&name);
    }
    if (err == ERR_OK) {
        err = text_copy(out, FGA_NAME_SIZE, buf_str(&name));
    } else if (err == ERR_LIMIT) {
        err = ERR_INPUT;
    }
    buf_free(&name);
    return err;
}

enum err fga_user(const struct config *config, const struct person *person, char out[FGA_NAME_SIZE])
{
    const char *issuer = config_text(config, CFG_FGA_EMAIL_ISSUER);
    char hash[BASE64URL_SIZE(RECORD_ID_SIZE)];

    out[0] = '\0';
    if (issuer[0] != '\0' && text_equal(person->iss, issuer) && person->email_verified &&
        person->email != NULL) {
        /* Without an '@' it could spell the hash of someone else. */
        return strchr(person->email, '@') == NULL ? ERR_INPUT
                                                  : fga_object("user", person->email, out);
    }
    base64url_encode(person->owner, sizeof(person->owner), hash);
    return fga_object("user", hash, out);
}
