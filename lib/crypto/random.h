/*
 * Randomness from the operating system through OpenSSL.  Only handlers, workers
 * and main() draw; protocol functions take the bytes as an argument so that they
 * have known-answer tests.
 */
#ifndef COUNTERSIGN_CRYPTO_RANDOM_H
#define COUNTERSIGN_CRYPTO_RANDOM_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* ERR_SYSTEM when there is no entropy; out is zeroed then, and must not be used. */
WARN_UNUSED enum err random_bytes(uint8_t *out, size_t len);

/* Tests only: every later call fails (row 29: no entropy, no session). */
void random_fail_for_test(int fail);

#endif
