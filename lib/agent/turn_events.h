/*
 * What the page is told of a turn: numbered events, each a record of its own
 * (id = hash of turn and number), never rewritten.  Readers get(n + 1) until
 * there is none.  The writer batches text and, after a crash, finds out from the
 * events themselves what was already told, so that nothing is told twice.
 */
#ifndef COUNTERSIGN_AGENT_TURN_EVENTS_H
#define COUNTERSIGN_AGENT_TURN_EVENTS_H

#include "agent/turn_record.h"

#define EVENTS_TEXT_MAX 900 /* text events of a turn; the rest is for the others */
#define EVENTS_MAX 1100
#define EVENT_FLUSH_BYTES 1024
#define EVENT_FLUSH_MS 150

struct turn_event {
    char type[16];
    json_t *data; /* the object the page gets; owned */
    int call;     /* index of the call it is about; -1 for none */
};
void turn_event_free(struct turn_event *event);

/* ERR_CONFLICT: that number is taken. data is borrowed. */
WARN_UNUSED enum err turn_event_put(struct store *store, const struct turn *turn, uint64_t n,
                                    const char *type, const json_t *data, int call, msec now);
/* Event 1, `turn`: once, whoever comes first, so that a stream never begins without it. */
WARN_UNUSED enum err turn_event_first(struct store *store, const struct turn *turn, msec now);
/* ERR_NONE: not there (yet). */
WARN_UNUSED enum err turn_event_get(struct store *store, const char *turn, uint64_t n, msec now,
                                    struct turn_event *out);

/*
 * The last event of a turn that has ended: done {}, or error {code, message}.
 * It follows from the record alone (number settled_event + 1), so a reader that
 * finds the record ended and the event missing makes the same one.
 */
const char *turn_last_event(const struct turn *turn, json_t **data);

struct emitter {
    struct store *store;
    struct turn *turn; /* borrowed */
    uint64_t next;     /* first number that is free */
    struct buf pending;
    char tail[4]; /* bytes of a character whose rest has not come */
    size_t tail_len;
    size_t shown; /* bytes of text told in all */
    msec flushed_at;
    struct buf before; /* text that an earlier try of this step has told */
    size_t matched;    /* bytes of it that this try has said again */
    bool matching;
};

/*
 * Continue after turn->settled_event: what lies beyond is taken into account
 * (statuses into turn->calls, text into `before`).  Tells `turn` first of all.
 */
WARN_UNUSED enum err emitter_open(struct emitter *emitter, struct store *store, struct turn *turn,
                                  msec now);
void emitter_free(struct emitter *emitter);

/* Begin a step: text equal to what a broken-off try of it has told is not told again. */
void emitter_begin_step(struct emitter *emitter);
/* Any bytes; what is not UTF-8 becomes U+FFFD. ERR_LIMIT at TURN_TEXT_MAX or EVENTS_TEXT_MAX. */
WARN_UNUSED enum err emitter_text(struct emitter *emitter, const char *bytes, size_t len, msec now);
WARN_UNUSED enum err emitter_flush(struct emitter *emitter, msec now);
/* Flushes text first. Steals data (NULL: ERR_MEMORY). */
WARN_UNUSED enum err emitter_event(struct emitter *emitter, const char *type, json_t *data,
                                   int call, msec now);
/* All that was told until now is settled: what follows is another step's. */
void emitter_settle(struct emitter *emitter);

#endif
