/*
 * Who a person is: (iss, sub), never the e-mail.  The owner of a record is a
 * hash of the two.
 */
#ifndef COUNTERSIGN_STORE_PERSON_H
#define COUNTERSIGN_STORE_PERSON_H

#include "base/json.h"
#include "store/record.h"

struct person {
    char *iss; /* never NULL in a valid person */
    char *sub;
    char *email;         /* NULL when the provider gave none */
    char *name;          /* NULL when none */
    bool email_verified; /* only the literal JSON true */
    uint8_t owner[RECORD_ID_SIZE];
};

/*
 * Copies; computes owner.  ERR_INPUT when iss or sub is empty or over 255 bytes.
 * The rest never refuses a person: of a name the first 200 bytes are kept (whole
 * characters), and an e-mail over 320 bytes is none, hence not verified.
 */
WARN_UNUSED enum err person_new(const char *iss, const char *sub, const char *email,
                                bool email_verified, const char *name, struct person *out);
WARN_UNUSED enum err person_copy(const struct person *from, struct person *out);
void person_free(struct person *person); /* frees the members, zeroes the struct */

void person_owner(const char *iss, const char *sub, uint8_t owner[RECORD_ID_SIZE]);

/* To and from the sealed payloads that carry a person. */
void person_to_json(const struct person *person, json_t *object, enum err *err);
WARN_UNUSED enum err person_from_json(const json_t *object, struct person *out);

#endif
