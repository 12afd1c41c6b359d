/*
 * Sealing: AES-256-GCM with a random 96-bit nonce and a 128-bit tag of fixed
 * length (NIST SP 800-38D).  Sealed form: version byte 1, key id (4), nonce
 * (12), ciphertext, tag (16).  The associated data says what the text belongs
 * to, so a row cannot be moved, extended or given to another person.
 */
#ifndef COUNTERSIGN_CRYPTO_SEAL_H
#define COUNTERSIGN_CRYPTO_SEAL_H

#include "base/buf.h"
#include "crypto/keyring.h"

#define SEAL_NONCE 12
#define SEAL_OVERHEAD (1 + KEY_ID_SIZE + SEAL_NONCE + 16)

/* Append the sealed form to out. nonce is drawn by the caller. */
WARN_UNUSED enum err seal(const struct keyring *ring, enum kind kind, const uint8_t *aad,
                          size_t aad_len, const void *plain, size_t plain_len,
                          const uint8_t nonce[SEAL_NONCE], struct buf *out);

/* ERR_FORGED on any mismatch; out is unchanged then. out should be a secret buffer. */
WARN_UNUSED enum err seal_open(const struct keyring *ring, enum kind kind, const uint8_t *aad,
                               size_t aad_len, const void *sealed, size_t sealed_len, msec now,
                               struct buf *out);

#endif
