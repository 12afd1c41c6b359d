#include "base/clock.h"

#include <time.h>

static msec read_clock(clockid_t id)
{
    struct timespec at = {0};
    /* Cannot fail for these two ids; zero (the epoch) would end every session and approval. */
    (void)clock_gettime(id, &at);
    return (msec)at.tv_sec * 1000 + (msec)(at.tv_nsec / 1000000);
}

msec clock_now(void)
{
    return read_clock(CLOCK_REALTIME);
}

msec clock_monotonic(void)
{
    return read_clock(CLOCK_MONOTONIC);
}
