/* The sealed payload of an invocation's record. */
#ifndef COUNTERSIGN_GUARD_INVOCATION_JSON_H
#define COUNTERSIGN_GUARD_INVOCATION_JSON_H

#include "guard/invocation.h"

/* On ERR_OK the caller owns *text (free it). */
WARN_UNUSED enum err invocation_to_text(const struct invocation *invocation, char **text,
                                        size_t *len);
/* ERR_FORGED when a sealed payload is not one of ours (another version's). */
WARN_UNUSED enum err invocation_from_text(const char *text, size_t len, struct invocation *out);

#endif
