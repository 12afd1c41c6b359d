/* What a guard holds, and POST /actions/... around one entry into it. */
#include "base/log.h"
#include "base/text.h"
#include "guard/internal.h"

#include <stdlib.h>

/* Only a program that asks phones, or exchanges vault tokens, speaks to the provider. */
static bool needs_provider(const struct guard *guard)
{
    const struct action *action;

    if (text_equal(config_text(guard->config, CFG_OKTA_AUTH), "token-vault") &&
        keyring_has(store_keyring(guard->store), KIND_TOKENS)) {
        return true;
    }
    for (size_t i = 0; (action = catalogue_at(i, guard->profile)) != NULL; i++) {
        for (size_t h = 0; h < guard->handler_count; h++) {
            if (action->approval && text_equal(guard->handlers[h].action, action->name)) {
                return true;
            }
        }
    }
    return false;
}

enum err guard_open(const struct config *config, struct store *store, struct http *http,
                    const struct guard_handler *handlers, size_t handler_count, struct guard **out)
{
    struct guard *guard = calloc(1, sizeof *guard);
    enum err err = guard == NULL ? ERR_MEMORY : ERR_OK;

    *out = NULL;
    if (err != ERR_OK) {
        return err;
    }
    guard->config = config;
    guard->store = store;
    guard->handlers = handlers;
    guard->handler_count = handler_count;
    guard->profile = catalogue_profile(config);
    guard->limits = session_limits(config);
    guard->now = clock_now;
    guard->monotonic = clock_monotonic;
    if (needs_provider(guard)) {
        err = oidc_open(config, http, store, &guard->oidc);
    }
    if (err == ERR_OK) {
        err = fga_open(config, http, &guard->fga);
    }
    if (err == ERR_OK) {
        err = okta_open(config, http, &guard->okta);
    }
    if (err == ERR_OK) {
        err = okta_auth_open(config, store, guard->okta, guard->oidc, &guard->okta_auth);
    }
    if (err != ERR_OK) {
        guard_free(guard);
        return err;
    }
    *out = guard;
    return ERR_OK;
}

void guard_free(struct guard *guard)
{
    if (guard == NULL) {
        return;
    }
    okta_auth_free(guard->okta_auth);
    okta_free(guard->okta);
    fga_free(guard->fga);
    oidc_free(guard->oidc);
    free(guard);
}

enum err guard_serve(struct guard *guard, guard_entry_fn *enter, const char *group,
                     const char *body, size_t len, json_t **out)
{
    struct action_answer *answer = calloc(1, sizeof *answer);
    struct action_event event = {0};
    enum err err = answer == NULL ? ERR_MEMORY : ERR_OK;

    *out = NULL;
    if (err == ERR_OK) {
        err = action_event_parse(body, len, &event);
    }
    if (err == ERR_OK && !text_equal(event.group, group)) {
        log_line(LOG_WARN, "an event for another action group");
        err = ERR_INPUT;
    }
    if (err == ERR_OK) {
        err = enter(guard, &event, answer);
    }
    if (err == ERR_OK) {
        *out = action_answer_build(&event, answer);
        err = *out == NULL ? ERR_MEMORY : ERR_OK;
    }
    action_event_free(&event);
    free(answer);
    return err;
}
