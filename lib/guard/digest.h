/*
 * The digest of all that an approval covers: action, person, session, turn,
 * arguments, resolved ids and labels.  SHA-256 over labelled, length-prefixed
 * parts, arguments as sorted JSON, in hex.
 */
#ifndef COUNTERSIGN_GUARD_DIGEST_H
#define COUNTERSIGN_GUARD_DIGEST_H

#include "guard/invocation.h"

#define DIGEST_SIZE 65

WARN_UNUSED enum err digest_of(const struct invocation *invocation, char out[DIGEST_SIZE]);

#endif
