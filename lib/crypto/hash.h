/* SHA-256 and HMAC-SHA-256 (FIPS 180-4, RFC 2104), by OpenSSL. */
#ifndef COUNTERSIGN_CRYPTO_HASH_H
#define COUNTERSIGN_CRYPTO_HASH_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE 32

void sha256(const void *bytes, size_t len, uint8_t out[SHA256_SIZE]);

/*
 * Hash a label and texts so that no two different lists collide: each part is
 * preceded by its length (u32, big-endian).  The list ends with a NULL.
 * hash_parts(out, "owner", iss, sub, (const char *)NULL)
 */
void hash_parts(uint8_t out[SHA256_SIZE], const char *label, ...) __attribute__((sentinel));

/* ERR_SYSTEM when OpenSSL refuses. */
WARN_UNUSED enum err hmac_sha256(const uint8_t *key, size_t key_len, const void *bytes, size_t len,
                                 uint8_t out[SHA256_SIZE]);

#endif
