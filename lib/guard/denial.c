#include "guard/denial.h"

#include "base/log.h"
#include "base/text.h"
#include "catalogue/marks.h"

#include <string.h>

#define MARK_KEPT HOURS(24) /* longer than any invocation is open: a denial never counts again */
#define LOOKED_AT 64        /* of the marks, newest first: many more than lock */

static enum err put_once(struct store *store, const uint8_t id[RECORD_ID_SIZE],
                         const uint8_t owner[RECORD_ID_SIZE], const uint8_t *second,
                         msec expires_at, msec now)
{
    struct record mark = {.kind = KIND_ONCE, .expires_at = expires_at};
    enum err err = text_dup("denied", &mark.payload);

    if (err == ERR_OK) {
        mark.payload_len = strlen(mark.payload);
        memcpy(mark.id, id, RECORD_ID_SIZE);
        memcpy(mark.owner, owner, RECORD_ID_SIZE);
        if (second != NULL) {
            memcpy(mark.second, second, RECORD_ID_SIZE);
        }
        err = record_put(store, &mark, now);
    }
    record_free(&mark);
    return err == ERR_CONFLICT ? ERR_OK : err;
}

/* The marks of the last quarter of an hour: a window that slides, so no boundary forgives. */
static enum err count_recent(struct store *store, const uint8_t denials[RECORD_ID_SIZE], msec now,
                             size_t *recent)
{
    struct record_list list = {0};
    enum err err = record_by_second(store, KIND_ONCE, denials, now, LOOKED_AT, &list);

    *recent = 0;
    for (size_t i = 0; err == ERR_OK && i < list.count; i++) {
        *recent += list.records[i].expires_at - MARK_KEPT > now - DENIALS_WINDOW;
    }
    record_list_free(&list);
    return err;
}

enum err denial_count(struct store *store, const struct invocation *invocation, msec now)
{
    const uint8_t *owner = invocation->person.owner;
    uint8_t id[RECORD_ID_SIZE], denials[RECORD_ID_SIZE], lock[RECORD_ID_SIZE];
    size_t recent = 0;
    enum err err;

    mark_denial(invocation->id, id);
    mark_denials(owner, denials);
    err = put_once(store, id, owner, denials, now + MARK_KEPT, now);
    if (err == ERR_OK) {
        err = count_recent(store, denials, now, &recent);
    }
    if (err == ERR_OK && recent >= DENIALS_LOCK) {
        mark_denials_lock(owner, lock);
        err = put_once(store, lock, owner, NULL, now + DENIALS_WINDOW, now);
    }
    if (err != ERR_OK) {
        log_line(LOG_ERROR, "a denial was not counted", LOG_T("error", err_name(err)));
    }
    return err;
}

enum err denial_locked(struct store *store, const uint8_t owner[RECORD_ID_SIZE], msec now,
                       bool *locked)
{
    uint8_t denials[RECORD_ID_SIZE], lock[RECORD_ID_SIZE];
    size_t recent = 0;
    enum err err;

    mark_denials_lock(owner, lock);
    err = record_exists(store, KIND_ONCE, lock, now);
    *locked = err != ERR_NONE;
    if (err == ERR_NONE) {
        /* Killed between the third mark and the lock: the marks say it too. */
        mark_denials(owner, denials);
        err = count_recent(store, denials, now, &recent);
        *locked = err != ERR_OK || recent >= DENIALS_LOCK;
    }
    return err;
}
