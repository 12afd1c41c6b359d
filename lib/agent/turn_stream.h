/*
 * A turn's events as Server-Sent Events, for a parked stream: it only watches,
 * holds nothing, and can go on anywhere.  It ends with the turn, or within a few
 * seconds of the session that asked for it.
 */
#ifndef COUNTERSIGN_AGENT_TURN_STREAM_H
#define COUNTERSIGN_AGENT_TURN_STREAM_H

#include "agent/turn_events.h"
#include "identity/session.h"
#include "web/web.h"

#define TURN_STREAM_LOOK_MS 1000    /* how often the record is looked at for a missing last event */
#define TURN_STREAM_SESSION_MS 2000 /* how often the session is looked at */

/* From the event after `after`. The caller has checked whose turn it is. */
WARN_UNUSED enum err turn_stream_new(struct store *store, const struct session_limits *limits,
                                     const struct session *session, const char *turn,
                                     uint64_t after, struct stream *out);

#endif
