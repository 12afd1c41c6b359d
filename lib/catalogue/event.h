/*
 * The Bedrock action-group contract, as a Lambda behind an agent sees it
 * (AWS, "Configure Lambda functions to send information a Bedrock agent elicits").
 * Chat builds the event and reads the answer; action programs do the reverse.
 * Both forms: function details, and OpenAPI (apiPath "/reset_password").
 */
#ifndef COUNTERSIGN_CATALOGUE_EVENT_H
#define COUNTERSIGN_CATALOGUE_EVENT_H

#include "base/clock.h"
#include "base/json.h"

#define EVENT_MAX ((size_t)64 * 1024)

struct action_event {
    char group[65];
    char function[65];   /* the action's name, in either form */
    char api_path[80];   /* "" in the function form */
    char http_method[8]; /* "" in the function form */
    char agent_id[65];
    char session_id[101];      /* the agent's own session; never who the person is */
    char ticket[2049];         /* sessionAttributes.ticket; "" when absent */
    char call_id[65];          /* sessionAttributes.call_id; "" when absent */
    char input_text[1025];     /* the person's sentence, cut; for the approval card */
    json_t *arguments;         /* name -> string; owned */
    json_t *prompt_attributes; /* echoed; owned, may be NULL */
};

/* ERR_INPUT: not the contract (version, names, duplicate parameters, both forms at once). */
WARN_UNUSED enum err action_event_parse(const char *text, size_t len, struct action_event *out);
/* Caller owns the returned object. NULL: memory. */
json_t *action_event_build(const struct action_event *event);
void action_event_free(struct action_event *event);

enum action_outcome {
    OUTCOME_DONE,    /* success: no responseState */
    OUTCOME_FAILURE, /* denied, failed, unknown: responseState FAILURE */
    OUTCOME_REPROMPT /* pending: responseState REPROMPT */
};

struct action_answer {
    enum action_outcome outcome;
    char text[4096];     /* what the model is told */
    char invocation[65]; /* sessionAttributes: public id, "" when none */
    char state[24];      /* sessionAttributes: invocation state's name */
    msec ask_again_at;   /* pending only; 0 otherwise */
    msec expires_at;     /* pending approval only; 0 otherwise */
};

json_t *action_answer_build(const struct action_event *event, const struct action_answer *answer);
/* For chat. ERR_INPUT: not an answer to that event. */
WARN_UNUSED enum err action_answer_parse(const char *text, size_t len,
                                         const struct action_event *event,
                                         struct action_answer *out);

#endif
