/* The store's own parts, for the files of this directory. */
#ifndef COUNTERSIGN_STORE_STORE_H
#define COUNTERSIGN_STORE_STORE_H

#include "store/engine.h"

struct store {
    struct engine *engine;
    const struct keyring *keyring; /* borrowed; NULL for a program that opens nothing */
};

#endif
