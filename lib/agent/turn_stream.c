#include "agent/turn_stream.h"

#include "agent/turn.h"
#include "base/log.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define FRAMES_AT_ONCE ((size_t)256 * 1024)
#define DATA_MAX ((size_t)128 * 1024)

struct watching {
    struct store *store;
    struct session_limits limits;
    uint8_t session[RECORD_ID_SIZE];
    uint8_t owner[RECORD_ID_SIZE];
    char turn[TURN_ID_SIZE];
    uint64_t next;
    msec looked_at;
    msec session_at;
};

static enum err frame(struct buf *out, uint64_t n, const char *type, const json_t *data)
{
    struct buf text = buf_make(DATA_MAX);
    enum err err = js_add(&text, data);
    if (err == ERR_OK) {
        stream_frame(out, n, type, buf_str(&text));
        err = buf_err(out);
    }
    buf_free(&text);
    return err;
}

static enum err session_ended(struct watching *watching, msec now, bool *ended)
{
    struct session session = {0};
    *ended = false;
    if (watching->session_at != 0 && now - watching->session_at < TURN_STREAM_SESSION_MS &&
        now >= watching->session_at) {
        return ERR_OK;
    }
    watching->session_at = now;
    enum err err =
        session_check(watching->store, &watching->limits, watching->session, now, &session);
    session_free(&session);
    *ended = err == ERR_NONE || err == ERR_FORGED;
    return *ended ? ERR_OK : err;
}

static bool ends(const struct turn_event *event)
{
    return text_equal(event->type, "done") || text_equal(event->type, "error");
}

/* Every event that is there; *last when one of them was the turn's last. */
static enum err add_events(struct watching *watching, msec now, struct buf *out, bool *last)
{
    enum err err = ERR_OK;
    while (err == ERR_OK && !*last && out->len < FRAMES_AT_ONCE) {
        struct turn_event event = {0};
        err = turn_event_get(watching->store, watching->turn, watching->next, now, &event);
        if (err == ERR_OK) {
            err = frame(out, watching->next++, event.type, event.data);
            *last = ends(&event);
        }
        turn_event_free(&event);
        if (err == ERR_FORGED || err == ERR_INPUT) {
            watching->next++; /* damaged: what follows it is still to be seen */
            err = ERR_OK;
        }
    }
    return err == ERR_NONE ? ERR_OK : err;
}

/*
 * The turn has ended and nothing stands at `next`.  Its last event may never have
 * been written, or its number been taken by a worker that was late; whoever has not
 * seen one gets it here, or would ask for it for ever.
 */
static enum err add_last(struct watching *watching, const struct turn *turn, msec now,
                         struct buf *out, bool *last)
{
    struct turn_event event = {0};
    json_t *data = NULL;
    enum err err = ERR_NONE;
    while (err == ERR_NONE && watching->next <= turn->settled_event) {
        /* Written since we looked, or a gap, which is stepped over. */
        err = turn_event_get(watching->store, watching->turn, watching->next, now, &event);
        turn_event_free(&event);
        watching->next += err == ERR_NONE ? 1 : 0;
    }
    if (err != ERR_NONE) {
        watching->looked_at = 0;
        return ERR_OK;
    }
    err = turn_event_get(watching->store, watching->turn, watching->next - 1, now, &event);
    *last = err == ERR_OK && ends(&event);
    turn_event_free(&event);
    if (*last || (err != ERR_OK && err != ERR_NONE && err != ERR_FORGED && err != ERR_INPUT)) {
        return *last ? ERR_OK : err;
    }
    const char *type = turn_last_event(turn, &data);
    err = data != NULL ? frame(out, watching->next++, type, data) : ERR_MEMORY;
    *last = true;
    json_decref(data);
    return err;
}

/* The record says whether anything can follow, also where the last event was never written. */
static enum err look_at_record(struct watching *watching, msec now, struct buf *out, bool *last)
{
    struct turn turn = {0};
    if (watching->looked_at != 0 && now - watching->looked_at < TURN_STREAM_LOOK_MS &&
        now >= watching->looked_at) {
        return ERR_OK;
    }
    watching->looked_at = now;
    enum err err = turn_get(watching->store, watching->turn, watching->owner, now, &turn);
    if (err == ERR_NONE) {
        *last = true;
        return ERR_OK;
    }
    if (err == ERR_OK && turn.state != TURN_RUNNING) {
        err = add_last(watching, &turn, now, out, last);
    }
    turn_free(&turn);
    return err;
}

static enum err next(void *state, msec now, struct buf *out, bool *done)
{
    struct watching *watching = state;
    enum err err = session_ended(watching, now, done);
    if (err != ERR_OK || *done) {
        return err;
    }
    err = add_events(watching, now, out, done);
    if (err == ERR_OK && !*done && out->len == 0) {
        err = look_at_record(watching, now, out, done);
    }
    return err;
}

enum err turn_stream_new(struct store *store, const struct session_limits *limits,
                         const struct session *session, const char *turn, uint64_t after,
                         struct stream *out)
{
    struct watching *watching = calloc(1, sizeof *watching);
    memset(out, 0, sizeof *out);
    if (watching == NULL) {
        return ERR_MEMORY;
    }
    watching->store = store;
    watching->limits = *limits;
    memcpy(watching->session, session->id, sizeof watching->session);
    memcpy(watching->owner, session->person.owner, sizeof watching->owner);
    watching->next = after + 1;
    if (text_copy(watching->turn, sizeof watching->turn, turn) != ERR_OK) {
        free(watching);
        return ERR_INPUT;
    }
    *out = (struct stream){.next = next, .free = free, .state = watching};
    return ERR_OK;
}
