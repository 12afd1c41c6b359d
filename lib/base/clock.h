/*
 * Time.  Everything in the product counts milliseconds since the epoch in an
 * msec; JWT and cookie seconds are converted at the edge.  Only program loops,
 * workers and main() read a clock; protocol code takes now as an argument.
 */
#ifndef COUNTERSIGN_BASE_CLOCK_H
#define COUNTERSIGN_BASE_CLOCK_H

#include <stdint.h>

typedef int64_t msec;

#define SECONDS(n) ((msec)(n)*1000)
#define MINUTES(n) SECONDS((n)*60)
#define HOURS(n) MINUTES((n)*60)

/* Wall clock, milliseconds since the epoch. */
msec clock_now(void);

/* Monotonic milliseconds: for waits and durations only, never stored. */
msec clock_monotonic(void);

#endif
