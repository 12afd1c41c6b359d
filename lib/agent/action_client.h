/*
 * A call of the model, POSTed to the action program of its group as the Bedrock
 * Lambda event, with a fresh ticket that says on whose behalf.  The answer's
 * session attributes stay here; only its text goes on to the model.
 */
#ifndef COUNTERSIGN_AGENT_ACTION_CLIENT_H
#define COUNTERSIGN_AGENT_ACTION_CLIENT_H

#include "agent/turn_record.h"
#include "crypto/keyring.h"
#include "net/http.h"

struct action_client { /* borrowed members */
    const struct config *config;
    const struct keyring *keyring;
    struct http *http;
};

/*
 * ERR_OK: *answer.  ERR_INPUT, ERR_CONFLICT: refused for good (400, 409): the
 * call's error.  Anything else says nothing about the act: the same call is
 * POSTed again later.
 */
WARN_UNUSED enum err action_post(const struct action_client *client, const struct turn *turn,
                                 const struct turn_call *call, msec deadline, msec now,
                                 struct action_answer *answer);

/* The event alone, without ticket; the caller frees it. */
WARN_UNUSED enum err action_client_event(const struct turn *turn, const struct turn_call *call,
                                         struct action_event *out);

#endif
