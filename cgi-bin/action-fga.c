/*
 * action-fga: may this person, in principle?  Steps 1 to 4 of the guard for a
 * named action and target; nothing is proposed and nothing is done.
 *
 *   chat (or a Lambda) -> loopback listener -> action-fga -> guard -> FGA (and Okta)
 *
 * It opens no person's tokens.  Where OKTA_AUTH is token-vault it therefore
 * cannot turn a login into an id: it answers for relations on a fixed object
 * (the workshop's model) and says plainly that it cannot for others.
 *
 * Statuses: 200 with the Lambda answer, 400 event or arguments, 401 ticket, 503.
 */
#include "action.h"

#define GROUP "FGACheck"

static enum err post(struct request *request, struct response *response)
{
    return action_post(request, response, guard_check, GROUP);
}

static enum err start(struct app *app)
{
    return action_start(app, NULL, 0);
}

static const struct route routes[] = {
    {POST, "/actions/fga", NEED_LOOPBACK, post, EVENT_MAX},
};

static const enum config_name needs[] = {
    CFG_DATABASE,      CFG_KEYS_DIR,          CFG_FGA_STORE_ID, CFG_FGA_MODEL_ID,
    CFG_FGA_CLIENT_ID, CFG_FGA_CLIENT_SECRET, CFG_OKTA_DOMAIN,
};

int main(int argc, char **argv)
{
    static const struct program program = {
        .name = "action-fga",
        .opens = PROGRAM_STORE | PROGRAM_HTTP,
        .kinds = KIND_BIT(KIND_SESSION) | KIND_BIT(KIND_INVOCATION) | KIND_BIT(KIND_ONCE) |
                 KIND_BIT(KIND_LEASE) | KIND_BIT(KIND_OWNER) | KIND_BIT(KIND_CACHE) |
                 KIND_BIT(KIND_TICKET) | KIND_BIT(KIND_AUDIT),
        .needs = needs,
        .need_count = COUNT(needs),
        .routes = routes,
        .route_count = COUNT(routes),
        .start = start,
        .stop = action_stop,
    };

    return program_run(&program, argc, argv);
}
