/*
 * The file form of one ring, for keyring.c alone:
 *   {"version":1,"kind":"session","keys":[{"id":"0a1b2c3d","key":"<43 base64url>"},
 *                                         {"id":"...","key":"...","until":1700000000000}]}
 * The first key has no cut-off and seals; the others open until theirs.
 */
#ifndef COUNTERSIGN_CRYPTO_KEYRING_FILE_H
#define COUNTERSIGN_CRYPTO_KEYRING_FILE_H

#include "crypto/keyring.h"

#include <sys/stat.h>

#define RING_KEYS_MAX 64

struct ring_key {
    uint32_t id;
    msec until; /* 0: none */
    uint8_t key[KEY_SIZE];
};

struct ring {
    struct ring *older; /* what this one replaced; kept because its keys may be borrowed */
    struct stat file;   /* of the file it came from, to see a change */
    size_t count;       /* at least 1 */
    struct ring_key keys[RING_KEYS_MAX];
};

/* ERR_CONFIG, logged with the file's name, unless every byte is as it must be. */
WARN_UNUSED enum err ring_load(const char *dir, enum kind kind, struct ring **out);
/* Frees this ring and all older ones, wiping their keys. NULL legal. */
void ring_free(struct ring *ring);

/* "DIR/<name>.ring" into a new string. */
WARN_UNUSED enum err ring_path(const char *dir, enum kind kind, char **out);

#endif
