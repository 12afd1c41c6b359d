/* Shared by jose.c and jose_keys.c; not for others. */
#ifndef COUNTERSIGN_CRYPTO_JOSE_INTERNAL_H
#define COUNTERSIGN_CRYPTO_JOSE_INTERNAL_H

#include "crypto/jose.h"

#include <cjose/cjose.h>

#define RSA_BITS_MIN 2048
#define RSA_BYTES_MAX 1024 /* 8192 bits: what a verification may cost is bounded */
#define P256_BYTES ((size_t)32)

struct jose_key {
    cjose_jwk_t *jwk;
    char *kid; /* NULL when the set names none */
    unsigned algs;
};

struct jose_keys {
    size_t count;
    struct jose_key keys[JOSE_KEYS_MAX];
};

/* 0 for a name that is not exactly one of ours. */
unsigned jose_alg_by_name(const char *name);

#endif
