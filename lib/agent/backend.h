/*
 * What a model back end is to a turn: one step in; text as it comes, then
 * either calls it proposes or the end.  The back end knows the wire, the turn
 * knows nothing of it: a handle and each call's echo are kept by the turn and
 * given back unread.  Nothing here acts; a call is data.
 */
#ifndef COUNTERSIGN_AGENT_BACKEND_H
#define COUNTERSIGN_AGENT_BACKEND_H

#include "base/clock.h"
#include "base/config.h"
#include "base/json.h"
#include "catalogue/event.h"
#include "net/http.h"
#include "store/person.h"

#define AGENT_CALLS_MAX 16                         /* calls of one step that are answered at all */
#define AGENT_HANDLE_MAX 256                       /* bytes of a handle */
#define AGENT_STREAM_MAX ((size_t)4 * 1024 * 1024) /* bytes of one step's answer */

/* A call as the model proposed it, in neutral form. */
struct agent_call {
    char group[65];
    char function[65];
    char api_path[80];   /* "" in the function form */
    char http_method[8]; /* "" in the function form */
    json_t *arguments;   /* name -> string; owned */
    json_t *echo;        /* the back end's own; owned */
    const char *refusal; /* a fixed text: why it is not run at all; NULL: it may be run */
};
void agent_call_free(struct agent_call *call); /* frees the members, zeroes the struct */

struct agent_result { /* borrowed; one for each call of the step before, in its order */
    const json_t *echo;
    enum action_outcome outcome; /* never OUTCOME_REPROMPT: pending never reaches a model */
    const char *text;
};

struct agent_step {
    const char *session; /* the agent's own session: a hash of the conversation */
    const struct person *person;
    const char *text;   /* the person's message; NULL when results are given */
    const char *handle; /* as the outcome before gave it */
    const struct agent_result *results;
    size_t result_count;
    msec deadline; /* milliseconds the step may take */
    msec now;
};

struct agent_outcome {
    bool ended; /* no calls: the model has said its last */
    char handle[AGENT_HANDLE_MAX + 1];
    struct agent_call calls[AGENT_CALLS_MAX];
    size_t call_count;
};
void agent_outcome_free(struct agent_outcome *outcome);

/* Text of the model, any bytes, in pieces.  An error stops the step, which then returns it. */
typedef enum err agent_text_fn(void *context, const char *bytes, size_t len);

struct agent_backend;

/*
 * Thread-safe.  ERR_OK: *outcome is the caller's to free.  ERR_REMOTE or
 * ERR_UNKNOWN: passing (network, throttling): the step may be repeated, for a
 * model call does nothing.  ERR_DENIED: refused for good.  ERR_INPUT,
 * ERR_FORGED: bytes that make no sense.  ERR_LIMIT: a cap.
 */
WARN_UNUSED enum err agent_step_run(struct agent_backend *backend, const struct agent_step *step,
                                    agent_text_fn *text, void *context,
                                    struct agent_outcome *outcome);

struct agent_backend_verbs {
    enum err (*run)(struct agent_backend *backend, const struct agent_step *step,
                    agent_text_fn *text, void *context, struct agent_outcome *outcome);
    void (*free)(struct agent_backend *backend);
};
struct agent_backend { /* first member of each back end */
    const struct agent_backend_verbs *verbs;
};

/* The back end that AGENT_BACKEND names; config and http are borrowed. */
WARN_UNUSED enum err agent_backend_open(const struct config *config, struct http *http,
                                        struct agent_backend **out);
void agent_backend_free(struct agent_backend *backend);

#endif
