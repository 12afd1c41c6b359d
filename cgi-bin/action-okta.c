/*
 * action-okta: the standard group, which reads.
 *
 *   chat (or a Lambda) -> loopback listener -> action-okta -> guard -> FGA, Okta
 *
 * Statuses: 200 with the Lambda answer, 400 event or arguments, 401 ticket, 409
 * call id used otherwise, 503 nothing decided, repeat the POST.
 */
#include "action.h"
#include "base/text.h"

#define GROUP "OktaOperations"

static enum err find_user(const struct guard_act *act, struct buf *text)
{
    const struct okta_user *user = &act->invocation->user;

    buf_addf(text, "Okta account %s has status %s (id %s).", user->login, user->status, user->id);
    return buf_err(text);
}

/* Room is kept for the closing words, so that a long list is cut between names and says so. */
#define LIST_MAX 1800

static enum err get_user_groups(const struct guard_act *act, struct buf *text)
{
    const struct okta_user *user = &act->invocation->user;
    struct okta_groups groups = {0};
    size_t shown = 0;
    enum err err = okta_user_groups(act->okta, act->token, user->id, &groups);

    if (err != ERR_OK) {
        return err;
    }
    buf_addf(text, "%s belongs to %zu group%s", user->login, groups.count,
             groups.count == 0   ? "s."
             : groups.count == 1 ? ": "
                                 : "s: ");
    for (; shown < groups.count && text->len < LIST_MAX - OKTA_GROUP_NAME_SIZE; shown++) {
        buf_adds(text, shown == 0 ? "" : ", ");
        /* A name that plays with the reader's eyes is not shown; its id is. */
        buf_adds(text, catalogue_text_is_clean(groups.groups[shown].name)
                           ? groups.groups[shown].name
                           : groups.groups[shown].id);
    }
    if (shown < groups.count) {
        buf_addf(text, " and %zu more", groups.count - shown);
    }
    buf_adds(text, groups.count == 0 ? "" : ".");
    okta_groups_free(&groups);
    return buf_err(text);
}

static const struct guard_handler handlers[] = {
    {.action = "find_user", .scopes = "okta.users.read", .act = find_user},
    {.action = "get_user_groups", .scopes = "okta.users.read", .act = get_user_groups},
};

static enum err post(struct request *request, struct response *response)
{
    return action_post(request, response, guard_run, GROUP);
}

static enum err start(struct app *app)
{
    return action_start(app, handlers, COUNT(handlers));
}

static const struct route routes[] = {
    {POST, "/actions/okta", NEED_LOOPBACK, post, EVENT_MAX},
};

static const enum config_name needs[] = {
    CFG_DATABASE,     CFG_KEYS_DIR,        CFG_FGA_STORE_ID,
    CFG_FGA_MODEL_ID, CFG_FGA_CLIENT_ID,   CFG_FGA_CLIENT_SECRET,
    CFG_OKTA_DOMAIN,  CFG_AUTH0_CLIENT_ID, CFG_AUTH0_CLIENT_SECRET,
};

int main(int argc, char **argv)
{
    static const struct program program = {
        .name = "action-okta",
        .opens = PROGRAM_STORE | PROGRAM_HTTP,
        .kinds = KIND_BIT(KIND_SESSION) | KIND_BIT(KIND_TOKENS) | KIND_BIT(KIND_INVOCATION) |
                 KIND_BIT(KIND_ONCE) | KIND_BIT(KIND_LEASE) | KIND_BIT(KIND_OWNER) |
                 KIND_BIT(KIND_CACHE) | KIND_BIT(KIND_TICKET) | KIND_BIT(KIND_AUDIT),
        .needs = needs,
        .need_count = COUNT(needs),
        .routes = routes,
        .route_count = COUNT(routes),
        .start = start,
        .stop = action_stop,
    };

    return program_run(&program, argc, argv);
}
