#include "guard/phrase.h"

#include "base/text.h"

#include <string.h>

#define ALNUM "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define ID_END 8       /* characters of an id, where there is room */
#define ID_END_LEAST 4 /* fewer would not tell two accounts apart */

/* Without I, O, 0 and 1, which are read for one another; 32 of them, so five bits pick evenly. */
static const char code_alphabet[33] = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/* Overlapping ones too: "_at_at_" holds two, and either may have been the '@'. */
static size_t count_at(const char *text)
{
    size_t count = 0;

    for (const char *p = text; (p = strstr(p, "_at_")) != NULL; p++) {
        count++;
    }
    return count;
}

/*
 * The name as the phrase spells it; false when it cannot be spelt without doubt:
 * "_at_" stands for the one '@' of a login and is nothing else, '#' begins an
 * id's end or the group.
 */
static bool spell(const char *name, bool login, struct buf *out)
{
    if (name == NULL || name[0] == '\0' || strstr(name, "_at_") != NULL) {
        return false;
    }
    for (const char *p = name; *p != '\0'; p++) {
        if (*p == '@') {
            buf_adds(out, "_at_");
        } else if (strchr(ALNUM "+-_.", *p) != NULL) {
            buf_addc(out, *p);
        } else {
            return false;
        }
    }
    return buf_err(out) == ERR_OK &&
           (login ? count_at(buf_str(out)) == 1 : count_at(buf_str(out)) <= 1);
}

/* '#' and the last characters of id, as many as fit in room, at most ID_END. */
static enum err add_id_end(struct buf *out, const char *id, size_t room)
{
    size_t len = id == NULL ? 0 : strlen(id);
    size_t take = len < ID_END ? len : ID_END;

    if (!text_of(id, 1, OKTA_ID_SIZE - 1, ALNUM "-_")) {
        return ERR_INPUT;
    }
    if (room < ID_END_LEAST + 1) {
        return ERR_LIMIT;
    }
    take = take < room - 1 ? take : room - 1;
    buf_addc(out, '#');
    buf_adds(out, id + len - take);
    return buf_err(out);
}

/*
 * A part of the phrase: the name where it fits into room, else the end of the id.
 * The group is set off by '#', which no login holds; a '.' may be part of one.
 */
static enum err add_part(struct buf *out, char before, const char *name, const char *id,
                         size_t room)
{
    struct buf spelt = buf_make((size_t)OKTA_GROUP_NAME_SIZE * 2);
    enum err err;

    buf_addc(out, before);
    if (spell(name, before == '.', &spelt) && spelt.len + 1 <= room) {
        buf_adds(out, buf_str(&spelt));
        err = buf_err(out);
    } else {
        err = room < 1 ? ERR_LIMIT : add_id_end(out, id, room - 1);
    }
    buf_free(&spelt);
    return err;
}

enum err phrase_make(const uint8_t random[PHRASE_RANDOM], const char *verb,
                     const struct phrase_target *target, size_t max, char out[PHRASE_SIZE])
{
    /* A group always gets room for '#', '#' and the end of its id. */
    size_t reserved = 0;
    struct buf phrase;
    enum err err;

    out[0] = '\0';
    if (max > PHRASE_LONG) {
        max = PHRASE_LONG;
    }
    phrase = buf_make(max);
    for (size_t i = 0; i < PHRASE_RANDOM; i++) {
        buf_addc(&phrase, code_alphabet[random[i] & 31]);
    }
    buf_addc(&phrase, '.');
    buf_adds(&phrase, verb);
    err = buf_err(&phrase);
    if (err == ERR_OK && target->group != NULL) {
        reserved = 2 + (max < PHRASE_LONG ? 0 : ID_END);
    }
    if (err == ERR_OK && phrase.len + reserved >= max) {
        err = ERR_LIMIT;
    }
    if (err == ERR_OK && target->group != NULL && max < PHRASE_LONG) {
        /* 20 characters hold one name's end only: what tells the group is the page. */
        err = add_part(&phrase, '.', NULL, target->id, max - phrase.len);
    } else if (err == ERR_OK) {
        err = add_part(&phrase, '.', target->login, target->id, max - phrase.len - reserved);
        if (err == ERR_OK && target->group != NULL) {
            err = add_part(&phrase, '#', target->group, target->group_id, max - phrase.len);
        }
    }
    if (err == ERR_OK) {
        err = text_copy(out, PHRASE_SIZE, buf_str(&phrase));
    }
    buf_free(&phrase);
    return err;
}
