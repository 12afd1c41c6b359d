/* A conversation: its title and when it was last used. Its turns name it, not the reverse. */
#ifndef COUNTERSIGN_AGENT_CONVERSATION_H
#define COUNTERSIGN_AGENT_CONVERSATION_H

#include "store/record.h"

#define CONVERSATION_TITLE_SIZE 81

void conversation_record_id(const char *conversation, uint8_t id[RECORD_ID_SIZE]);

/* The title is the first message's first line, cut. */
WARN_UNUSED enum err conversation_new(struct store *store, const char *conversation,
                                      const uint8_t owner[RECORD_ID_SIZE], const char *message,
                                      msec now);
/* It was used now. ERR_NONE: not there, or another person's. */
WARN_UNUSED enum err conversation_touch(struct store *store, const char *conversation,
                                        const uint8_t owner[RECORD_ID_SIZE], msec now);

#endif
