/* Shared by the files of session; not for others. */
#ifndef COUNTERSIGN_IDENTITY_SESSION_INTERNAL_H
#define COUNTERSIGN_IDENTITY_SESSION_INTERNAL_H

#include "identity/session.h"

/* The longest names there can be, with every character of them escaped as six. */
#define SESSION_PAYLOAD_MAX ((size_t)10 * 1024)
#define SESSION_CLOCK_SKEW SECONDS(60)

/* The session in a row; limits may be NULL. ERR_NONE past a limit, ERR_FORGED when not ours. */
WARN_UNUSED enum err session_from_record(const struct record *record,
                                         const struct session_limits *limits, msec now,
                                         struct session *out);

/* When the person last signed out everywhere; 0 for never. */
WARN_UNUSED enum err session_not_before(struct store *store, const uint8_t owner[RECORD_ID_SIZE],
                                        msec now, msec *not_before);
/* A sign-in was refused by not_before: a log line when it is the clock that must have been wrong.
 */
void session_not_before_told(msec not_before, msec now);

#endif
