/*
 * Bedrock's InvokeAgent with return of control (AWS, "InvokeAgent" and "Return
 * control to the agent developer").  Request and answer are separate from the
 * sending, so that both have tests on bytes.
 */
#ifndef COUNTERSIGN_AGENT_BEDROCK_AGENT_H
#define COUNTERSIGN_AGENT_BEDROCK_AGENT_H

#include "agent/backend.h"
#include "aws/event_stream.h"

WARN_UNUSED enum err bedrock_agent_open(const struct config *config, struct http *http,
                                        struct agent_backend **out);

/* The request's JSON. */
WARN_UNUSED enum err bedrock_agent_request(const struct agent_step *step, struct buf *out);

/* Reads one answer. Make it, feed it, end it. */
struct bedrock_answer {
    agent_text_fn *text;
    void *context;
    struct agent_outcome *outcome;
    bool returned;  /* a returnControl has come */
    char fault[64]; /* the exception's name, "" when none came */
};
/* An event_message_fn; context is a struct bedrock_answer. Errors as agent_step_run. */
enum err bedrock_agent_message(void *context, const struct event_message *message);
/* After the last byte. */
void bedrock_agent_end(struct bedrock_answer *answer);

/* ERR_REMOTE for what passes by itself, ERR_DENIED for what does not. */
enum err bedrock_agent_fault(const char *name);

/* The returnControl payload's calls. ERR_INPUT: not the contract, or over AGENT_CALLS_MAX calls. */
WARN_UNUSED enum err bedrock_agent_calls(const json_t *payload, struct agent_outcome *out);

#endif
