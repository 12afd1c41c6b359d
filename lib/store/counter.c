/* Counts in windows: a record of KIND_COUNTER that lives as long as its window. */
#include "store/record.h"

#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TRIES 100

/* Who lost the race waits a little, and longer each time, so that a crowd thins out. */
static void step_back(int tried)
{
    struct timespec wait = {.tv_nsec = (long)(tried < 20 ? tried : 20) * 100000};

    (void)nanosleep(&wait, NULL);
}

static enum err set_payload(struct record *record, int64_t count)
{
    char text[24];

    free(record->payload);
    record->payload_len = (size_t)snprintf(text, sizeof(text), "%" PRId64, count);
    record->payload = strdup(text);
    return record->payload != NULL ? ERR_OK : ERR_MEMORY;
}

static enum err add_once(struct store *store, const uint8_t id[RECORD_ID_SIZE], int64_t delta,
                         msec window, msec now, int64_t *total)
{
    struct record record;
    int64_t sum = 0;
    enum err err = record_get(store, KIND_COUNTER, id, now, &record);
    bool there = err == ERR_OK;

    if (err != ERR_OK && err != ERR_NONE) {
        return err;
    }
    if (there) {
        sum = strtoll(record.payload, NULL, 10);
    }
    err = ERR_OK;
    if (__builtin_add_overflow(sum, delta, &sum)) {
        err = ERR_LIMIT;
        goto done;
    }
    if (delta == 0) {
        goto done;
    }
    if ((err = set_payload(&record, sum)) != ERR_OK) {
        goto done;
    }
    if (there) {
        err = record_replace(store, &record, now);
    } else {
        record.kind = KIND_COUNTER;
        memcpy(record.id, id, RECORD_ID_SIZE);
        record.expires_at = now + window;
        err = record_put(store, &record, now);
    }
done:
    if (err == ERR_OK) {
        *total = sum;
    }
    record_free(&record);
    return err;
}

enum err record_count(struct store *store, const uint8_t id[RECORD_ID_SIZE], int64_t delta,
                      msec window, msec now, int64_t *total)
{
    enum err err = ERR_CONFLICT;

    *total = 0;
    if (window <= 0 || now < 0 || window > INT64_MAX - now) {
        return ERR_INPUT;
    }
    for (int tried = 0; tried < TRIES && err == ERR_CONFLICT; tried++) {
        if (tried > 0) {
            step_back(tried);
        }
        err = add_once(store, id, delta, window, now, total);
    }
    if (err != ERR_CONFLICT) {
        return err;
    }
    log_line(LOG_ERROR, "a counter is fought over", LOG_N("tries", TRIES));
    return ERR_STORE;
}
