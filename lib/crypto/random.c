#include "crypto/random.h"

#include "base/log.h"

#include <limits.h>
#include <openssl/rand.h>
#include <stdatomic.h>
#include <string.h>

static atomic_int fail_for_test;

void random_fail_for_test(int fail)
{
    atomic_store(&fail_for_test, fail);
}

enum err random_bytes(uint8_t *out, size_t len)
{
    if (len <= INT_MAX && atomic_load_explicit(&fail_for_test, memory_order_relaxed) == 0 &&
        RAND_bytes(out, (int)len) == 1) {
        return ERR_OK;
    }
    /* Zeros are not a fallback: they make a caller that ignores the error fail the same way
     * every time instead of leaking what the memory held. */
    memset(out, 0, len);
    log_line(LOG_ERROR, "no randomness", LOG_N("bytes", len));
    return ERR_SYSTEM;
}
