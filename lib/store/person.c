#include "store/person.h"

#include "base/text.h"
#include "crypto/hash.h"

#include <stdlib.h>
#include <string.h>

#define ID_MAX 255 /* OpenID Connect Core section 2 of sub; the same for iss */
#define NAME_MAX_BYTES 200
#define EMAIL_MAX_BYTES 320 /* RFC 3696 erratum 1690: 64, the @ and 255 */

_Static_assert(SHA256_SIZE == RECORD_ID_SIZE, "an owner is a digest");

void person_owner(const char *iss, const char *sub, uint8_t owner[RECORD_ID_SIZE])
{
    hash_parts(owner, "owner", iss, sub, (const char *)NULL);
}

void person_free(struct person *person)
{
    if (person == NULL) {
        return;
    }
    free(person->iss);
    free(person->sub);
    free(person->email);
    free(person->name);
    memset(person, 0, sizeof(*person));
}

static bool id_valid(const char *text)
{
    return text != NULL && text[0] != '\0' && strnlen(text, ID_MAX + 1) <= ID_MAX;
}

/* As many whole characters of text as fit in max bytes. NULL for NULL. */
static enum err dup_cut(const char *text, size_t max, char **out)
{
    size_t len = text != NULL ? strnlen(text, max + 1) : 0, at = 0, step;

    *out = NULL;
    if (text == NULL || len <= max) {
        return text_dup(text, out);
    }
    while ((step = utf8_step(text + at, strnlen(text + at, 4))) > 0 && at + step <= max) {
        at += step;
    }
    *out = strndup(text, at);
    return *out != NULL ? ERR_OK : ERR_MEMORY;
}

enum err person_new(const char *iss, const char *sub, const char *email, bool email_verified,
                    const char *name, struct person *out)
{
    enum err err;

    memset(out, 0, sizeof(*out));
    if (!id_valid(iss) || !id_valid(sub)) {
        return ERR_INPUT;
    }
    /* A part of an address is another's address; a part of a name is still a name. */
    if (email != NULL && strnlen(email, EMAIL_MAX_BYTES + 1) > EMAIL_MAX_BYTES) {
        email = NULL;
    }
    if ((err = text_dup(iss, &out->iss)) != ERR_OK || (err = text_dup(sub, &out->sub)) != ERR_OK ||
        (err = text_dup(email, &out->email)) != ERR_OK ||
        (err = dup_cut(name, NAME_MAX_BYTES, &out->name)) != ERR_OK) {
        person_free(out);
        return err;
    }
    /* Without an address there is nothing that could be verified. */
    out->email_verified = email != NULL && email_verified;
    person_owner(iss, sub, out->owner);
    return ERR_OK;
}

enum err person_copy(const struct person *from, struct person *out)
{
    return person_new(from->iss, from->sub, from->email, from->email_verified, from->name, out);
}

void person_to_json(const struct person *person, json_t *object, enum err *err)
{
    js_set_text(object, "iss", person->iss, err);
    js_set_text(object, "sub", person->sub, err);
    js_set_text(object, "email", person->email, err);
    js_set_text(object, "name", person->name, err);
    js_set_bool(object, "email_verified", person->email_verified, err);
}

enum err person_from_json(const json_t *object, struct person *out)
{
    return person_new(js_text(object, "iss"), js_text(object, "sub"), js_text(object, "email"),
                      js_true(object, "email_verified"), js_text(object, "name"), out);
}
