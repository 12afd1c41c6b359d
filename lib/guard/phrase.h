/*
 * The approval phrase: what phone and page both show.  Code, verb, target, out
 * of A-Za-z0-9+-_.# and at most 50 characters, such as
 * K7QX.RESET-PW.bob_at_example.test, with a group
 * K7QX.GRP-ADD.bob_at_example.test#Staff.  Made by code from the resolved target,
 * never by the model, and a name is never cut: a cut name is another name.
 */
#ifndef COUNTERSIGN_GUARD_PHRASE_H
#define COUNTERSIGN_GUARD_PHRASE_H

#include "guard/invocation.h"

#define PHRASE_RANDOM 4
#define PHRASE_LONG 50
#define PHRASE_SHORT 20

struct phrase_target {
    const char *login; /* "" or unfit: the end of id stands for it */
    const char *id;
    const char *group; /* NULL: no group */
    const char *group_id;
};

/*
 * max: PHRASE_LONG, or PHRASE_SHORT for providers that show no more.  Where a
 * name is not wholly of the alphabet, holds "_at_" but for its '@', or does not
 * fit, '#' and the end of its id stand in its place.  ERR_LIMIT when even that does not
 * fit; ERR_INPUT when an id is not of letters and digits.
 */
WARN_UNUSED enum err phrase_make(const uint8_t random[PHRASE_RANDOM], const char *verb,
                                 const struct phrase_target *target, size_t max,
                                 char out[PHRASE_SIZE]);

#endif
