/*
 * action-ciba: the elevated group, which changes, each time with an approval.
 *
 *   chat (or a Lambda) -> loopback listener -> action-ciba -> guard -> FGA, CIBA, Okta
 *
 * Statuses: 200 with the Lambda answer, 400 event or arguments, 401 ticket, 409
 * call id used otherwise, 503 nothing decided, repeat the POST.
 */
#include "action.h"
#include "base/log.h"
#include "base/text.h"

#define GROUP "CIBAAuthentication"

/* What Okta said stays in the log: a code helps the operator, never the model. */
static enum err told(enum err err, const char code[OKTA_CODE_SIZE])
{
    if (err != ERR_OK) {
        log_line(LOG_WARN, "Okta did not confirm an act", LOG_T("error", err_name(err)),
                 LOG_T("code", code));
    }
    return err;
}

static enum err reset_password(const struct guard_act *act, struct buf *text)
{
    const struct okta_user *user = &act->invocation->user;
    char code[OKTA_CODE_SIZE] = "";
    enum err err = okta_reset_password(act->okta, act->token, user->id, code);

    buf_addf(text,
             "The password of %s was reset. Okta has mailed a reset link to the account's own "
             "address.",
             user->login);
    return told(err, code);
}

static enum err password_was_reset(const struct guard_act *act)
{
    struct okta_user user;
    enum err err = okta_user_by_id(act->okta, act->token, act->invocation->user.id, &user);

    if (err != ERR_OK) {
        return err == ERR_DENIED ? ERR_REMOTE : err; /* unread is not the same as not shown */
    }
    return text_equal(user.status, "RECOVERY") ? ERR_OK : ERR_DENIED;
}

static enum err unlock_user(const struct guard_act *act, struct buf *text)
{
    const struct okta_user *user = &act->invocation->user;
    char code[OKTA_CODE_SIZE] = "";
    enum err err = okta_unlock(act->okta, act->token, user->id, code);

    buf_addf(text, "The account %s was unlocked. Its password is unchanged.", user->login);
    return told(err, code);
}

static enum err was_unlocked(const struct guard_act *act)
{
    struct okta_user user;
    enum err err = okta_user_by_id(act->okta, act->token, act->invocation->user.id, &user);

    if (err != ERR_OK) {
        return err == ERR_DENIED ? ERR_REMOTE : err;
    }
    return text_equal(user.status, "LOCKED_OUT") ? ERR_DENIED : ERR_OK;
}

static enum err revoke_sessions(const struct guard_act *act, struct buf *text)
{
    const struct okta_user *user = &act->invocation->user;
    char code[OKTA_CODE_SIZE] = "";
    enum err err = okta_revoke_sessions(act->okta, act->token, user->id, code);

    buf_addf(text, "Every session of %s was ended.", user->login);
    return told(err, code);
}

static enum err add_user_to_group(const struct guard_act *act, struct buf *text)
{
    const struct invocation *invocation = act->invocation;
    char code[OKTA_CODE_SIZE] = "";
    enum err err = okta_group_add(act->okta, act->token, invocation->target_group.id,
                                  invocation->user.id, code);

    buf_addf(text, "%s is now a member of the group %s.", invocation->user.login,
             invocation->target_group.name);
    return told(err, code);
}

static enum err remove_user_from_group(const struct guard_act *act, struct buf *text)
{
    const struct invocation *invocation = act->invocation;
    char code[OKTA_CODE_SIZE] = "";
    enum err err = okta_group_remove(act->okta, act->token, invocation->target_group.id,
                                     invocation->user.id, code);

    buf_addf(text, "%s is no longer a member of the group %s.", invocation->user.login,
             invocation->target_group.name);
    return told(err, code);
}

static enum err is_member(const struct guard_act *act, bool *member)
{
    struct okta_groups groups = {0};
    enum err err = okta_user_groups(act->okta, act->token, act->invocation->user.id, &groups);

    *member = false;
    for (size_t i = 0; err == ERR_OK && i < groups.count; i++) {
        *member = *member || text_equal(groups.groups[i].id, act->invocation->target_group.id);
    }
    okta_groups_free(&groups);
    return err == ERR_DENIED ? ERR_REMOTE : err;
}

static enum err was_added(const struct guard_act *act)
{
    bool member;
    enum err err = is_member(act, &member);

    return err == ERR_OK && !member ? ERR_DENIED : err;
}

static enum err was_removed(const struct guard_act *act)
{
    bool member;
    enum err err = is_member(act, &member);

    return err == ERR_OK && member ? ERR_DENIED : err;
}

/* The approval was the whole of it: nothing is changed, and it pays for nothing else. */
static enum err authenticate_user(const struct guard_act *act, struct buf *text)
{
    (void)act;
    buf_adds(text, "The signed-in person proved presence on the phone. This approves nothing "
                   "else.");
    return buf_err(text);
}

#define USERS "okta.users.read okta.users.manage"
#define GROUPS "okta.users.read okta.groups.read okta.groups.manage okta.roles.read"

static const struct guard_handler handlers[] = {
    {"reset_password", USERS, reset_password, password_was_reset},
    {"unlock_user", USERS, unlock_user, was_unlocked},
    {"revoke_sessions", USERS, revoke_sessions, NULL},
    {"add_user_to_group", GROUPS, add_user_to_group, was_added},
    {"remove_user_from_group", GROUPS, remove_user_from_group, was_removed},
    {"authenticate_user", "okta.users.read", authenticate_user, NULL},
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
    {POST, "/actions/ciba", NEED_LOOPBACK, post, EVENT_MAX},
};

static const enum config_name needs[] = {
    CFG_DATABASE,     CFG_KEYS_DIR,        CFG_FGA_STORE_ID,
    CFG_FGA_MODEL_ID, CFG_FGA_CLIENT_ID,   CFG_FGA_CLIENT_SECRET,
    CFG_OKTA_DOMAIN,  CFG_AUTH0_CLIENT_ID, CFG_AUTH0_CLIENT_SECRET,
};

int main(int argc, char **argv)
{
    static const struct program program = {
        .name = "action-ciba",
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
