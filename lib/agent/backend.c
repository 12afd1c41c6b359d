#include "agent/backend.h"

#include "agent/bedrock_agent.h"
#include "base/text.h"

#include <string.h>

void agent_call_free(struct agent_call *call)
{
    if (call != NULL) {
        json_decref(call->arguments);
        json_decref(call->echo);
        memset(call, 0, sizeof *call);
    }
}

void agent_outcome_free(struct agent_outcome *outcome)
{
    for (size_t i = 0; i < outcome->call_count; i++) {
        agent_call_free(&outcome->calls[i]);
    }
    memset(outcome, 0, sizeof *outcome);
}

enum err agent_step_run(struct agent_backend *backend, const struct agent_step *step,
                        agent_text_fn *text, void *context, struct agent_outcome *outcome)
{
    memset(outcome, 0, sizeof *outcome);
    enum err err = backend->verbs->run(backend, step, text, context, outcome);
    if (err != ERR_OK) {
        agent_outcome_free(outcome);
    }
    return err;
}

enum err agent_backend_open(const struct config *config, struct http *http,
                            struct agent_backend **out)
{
    *out = NULL;
    if (text_equal(config_text(config, CFG_AGENT_BACKEND), "bedrock-agent")) {
        return bedrock_agent_open(config, http, out);
    }
    return ERR_CONFIG;
}

void agent_backend_free(struct agent_backend *backend)
{
    if (backend != NULL) {
        backend->verbs->free(backend);
    }
}
