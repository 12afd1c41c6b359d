/*
 * What the three action programs share: each is a table of handlers around the
 * same guard.
 */
#ifndef COUNTERSIGN_CGI_BIN_ACTION_H
#define COUNTERSIGN_CGI_BIN_ACTION_H

#include "guard/guard.h"
#include "web/web.h"

/* The Bedrock event in the body, taken by entry for this group, answered. */
static inline enum err action_post(struct request *request, struct response *response,
                                   guard_entry_fn *entry, const char *group)
{
    struct guard *guard = request_app(request)->state;
    const json_t *object;
    json_t *answer = NULL;
    const char *body;
    size_t len;
    enum err err = request_json(request, &object); /* the media type, and strict JSON */

    if (err == ERR_OK) {
        body = request_body(request, &len);
        err = guard_serve(guard, entry, group, body, len, &answer);
    }
    return err == ERR_OK ? response_json(response, 200, answer) : err;
}

/* app->state is the guard. handlers may be NULL. */
static inline enum err action_start(struct app *app, const struct guard_handler *handlers,
                                    size_t count)
{
    struct guard *guard = NULL;
    enum err err = guard_open(app->config, app->store, app->http, handlers, count, &guard);

    app->state = guard;
    return err;
}

static inline void action_stop(struct app *app)
{
    guard_free(app->state);
    app->state = NULL;
}

#endif
