/*
 * Bytes that must not outlive their use: client secrets, tokens, keys.  Freeing
 * wipes.  A secret has no printf form, so it cannot be logged by accident; code
 * that sends one calls secret_text at the last moment.
 */
#ifndef COUNTERSIGN_BASE_SECRET_H
#define COUNTERSIGN_BASE_SECRET_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct secret; /* opaque; owned by whoever received it, freed by secret_free */

/* Copies len bytes. At most 64 KiB, else ERR_LIMIT. On failure *out is NULL. */
WARN_UNUSED enum err secret_new(const void *bytes, size_t len, struct secret **out);
WARN_UNUSED enum err secret_copy(const struct secret *from, struct secret **out);

/* Borrowed until the free; NUL-terminated (the NUL is not counted). NULL -> "" and 0. */
const char *secret_text(const struct secret *secret);
const uint8_t *secret_bytes(const struct secret *secret);
size_t secret_len(const struct secret *secret);

/* Constant time in the contents. NULL equals nothing, not even NULL. */
bool secret_equal(const struct secret *a, const struct secret *b);
/* The same against plain bytes. */
bool secret_equal_text(const struct secret *a, const char *text);

void secret_free(struct secret *secret); /* NULL is legal */

/* Wipe a buffer that is not a secret object (a stack copy, a JSON text). */
void wipe(void *bytes, size_t len);

/* strdup's counterpart for freeing: wipes a NUL-terminated heap string. NULL legal. */
void free_wiped(char *text);

/* No core dumps, no ptrace by other processes of the same user. Called once by main. */
WARN_UNUSED enum err secrets_harden_process(void);

#endif
