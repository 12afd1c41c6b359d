/*
 * The rows.  Everything an agent may propose is in this table; a relation that
 * is NULL in a profile leaves the action out of it.  The workshop's small model
 * has one relation on one object, so there only what that relation can answer
 * for is offered: no change of memberships, with which a person could raise
 * himself.
 */
#include "catalogue/action.h"

#include "base/text.h"

#define WORKSHOP_READ                                                                              \
    {                                                                                              \
        "read_okta", "okta:groups"                                                                 \
    }
#define NOT_OFFERED                                                                                \
    {                                                                                              \
        NULL, NULL                                                                                 \
    }
#define USER_PARAM                                                                                 \
    {                                                                                              \
        "user_email", "The account's full login, an e-mail address such as bob@example.test.",     \
            PARAM_LOGIN                                                                            \
    }
#define GROUP_PARAM                                                                                \
    {                                                                                              \
        "group_name", "The group's exact name, as get_user_groups spells it.", PARAM_GROUP         \
    }

static const struct action actions[] = {
    {
        .group = "OktaOperations",
        .name = "find_user",
        .verb = "FIND",
        .title = "Find user",
        .description = "Look up one Okta account by its full login (an e-mail address) and tell "
                       "its status. Use it to see whether an account exists and is active, locked "
                       "or suspended. It finds exact matches only and changes nothing.",
        .effect = "Reads the account's status. Nothing is changed.",
        .params = {USER_PARAM},
        .coarse = {WORKSHOP_READ, {"can_call", "tool:find_user"}},
        .target = {WORKSHOP_READ, {"can_find_user", "account:{user}"}},
    },
    {
        .group = "OktaOperations",
        .name = "get_user_groups",
        .verb = "GROUPS",
        .title = "Show groups",
        .description = "List the Okta groups that one account belongs to, by the account's full "
                       "login (an e-mail address). Changes nothing.",
        .effect = "Reads the names of the account's groups. Nothing is changed.",
        .params = {USER_PARAM},
        .coarse = {WORKSHOP_READ, {"can_call", "tool:get_user_groups"}},
        .target = {WORKSHOP_READ, {"can_get_user_groups", "account:{user}"}},
    },
    {
        .group = "CIBAAuthentication",
        .name = "reset_password",
        .verb = "RESET-PW",
        .title = "Reset password",
        .description = "Reset the password of one Okta account: Okta mails a reset link to the "
                       "account's own address. The signed-in person approves it on the phone "
                       "first; the approval is asked for by this call, never in the conversation.",
        .effect = "The present password stops working, and Okta mails a reset link to the "
                  "account's own addresses.",
        .params = {USER_PARAM},
        .coarse = {WORKSHOP_READ, {"can_call", "tool:reset_password"}},
        .target = {WORKSHOP_READ, {"can_reset_password", "account:{user}"}},
        .approval = true,
        .changes = true,
    },
    {
        .group = "CIBAAuthentication",
        .name = "unlock_user",
        .verb = "UNLOCK",
        .title = "Unlock account",
        .description = "Unlock one Okta account that is locked out after wrong passwords. The "
                       "password stays as it is. The signed-in person approves it on the phone "
                       "first.",
        .effect = "The locked account can sign in again with its present password.",
        .params = {USER_PARAM},
        .coarse = {NOT_OFFERED, {"can_call", "tool:unlock_user"}},
        .target = {NOT_OFFERED, {"can_unlock_user", "account:{user}"}},
        .approval = true,
        .changes = true,
    },
    {
        .group = "CIBAAuthentication",
        .name = "revoke_sessions",
        .verb = "SIGN-OUT",
        .title = "End sessions",
        .description = "End every Okta session of one account and revoke its tokens, for instance "
                       "after a lost device. The signed-in person approves it on the phone first.",
        .effect = "The account is signed out everywhere and has to sign in again.",
        .params = {USER_PARAM},
        .coarse = {NOT_OFFERED, {"can_call", "tool:revoke_sessions"}},
        .target = {NOT_OFFERED, {"can_revoke_sessions", "account:{user}"}},
        .approval = true,
        .changes = true,
    },
    {
        .group = "CIBAAuthentication",
        .name = "add_user_to_group",
        .verb = "GRP-ADD",
        .title = "Add to group",
        .description = "Add one Okta account to one group, by full login and exact group name. "
                       "Groups that carry an administrator role are out of reach. The signed-in "
                       "person approves it on the phone first.",
        .effect = "The account becomes a member of the group and gains whatever the group gives.",
        .params = {USER_PARAM, GROUP_PARAM},
        .coarse = {NOT_OFFERED, {"can_call", "tool:add_user_to_group"}},
        .target = {NOT_OFFERED, {"can_add_user_to_group", "account:{user}"}},
        .target_group = {NOT_OFFERED, {"can_add_user_to_group", "group:{group}"}},
        .approval = true,
        .changes = true,
    },
    {
        .group = "CIBAAuthentication",
        .name = "remove_user_from_group",
        .verb = "GRP-DEL",
        .title = "Remove from group",
        .description = "Remove one Okta account from one group, by full login and exact group "
                       "name. Groups that carry an administrator role are out of reach. The "
                       "signed-in person approves it on the phone first.",
        .effect = "The account leaves the group and loses whatever the group gives.",
        .params = {USER_PARAM, GROUP_PARAM},
        .coarse = {NOT_OFFERED, {"can_call", "tool:remove_user_from_group"}},
        .target = {NOT_OFFERED, {"can_remove_user_from_group", "account:{user}"}},
        .target_group = {NOT_OFFERED, {"can_remove_user_from_group", "group:{group}"}},
        .approval = true,
        .changes = true,
    },
    {
        .group = "CIBAAuthentication",
        .name = "authenticate_user",
        .verb = "PRESENCE",
        .title = "Prove presence",
        .description = "Ask the signed-in person to prove presence on the phone. It proves that "
                       "and nothing else: every other action asks for its own approval.",
        .effect = "Proves that you are there. Nothing is changed, and no other act is approved.",
        .params = {{"user_id",
                    "The signed-in person's own user id or e-mail address; nobody "
                    "else's is accepted.",
                    PARAM_SELF}},
        .coarse = {WORKSHOP_READ, {"can_call", "tool:authenticate_user"}},
        .target = {WORKSHOP_READ, {"can_authenticate_user", "account:{user}"}},
        .approval = true,
    },
};

enum fga_profile catalogue_profile(const struct config *config)
{
    return text_equal(config_text(config, CFG_FGA_PROFILE), "rich") ? PROFILE_RICH
                                                                    : PROFILE_WORKSHOP;
}

static bool offered(const struct action *action, enum fga_profile profile)
{
    return action->coarse[profile].relation != NULL && action->target[profile].relation != NULL;
}

const struct action *catalogue_find(const char *group, const char *name, enum fga_profile profile)
{
    for (size_t i = 0; i < COUNT(actions); i++) {
        const struct action *action = &actions[i];

        if (text_equal(action->group, group) && text_equal(action->name, name) &&
            offered(action, profile)) {
            return action;
        }
    }
    return NULL;
}

const struct action *catalogue_at(size_t i, enum fga_profile profile)
{
    for (size_t row = 0; row < COUNT(actions); row++) {
        if (offered(&actions[row], profile) && i-- == 0) {
            return &actions[row];
        }
    }
    return NULL;
}

const char *catalogue_group_path(const char *group)
{
    static const struct {
        const char *group, *path;
    } paths[] = {
        {"OktaOperations", "okta"},
        {"CIBAAuthentication", "ciba"},
        {"FGACheck", "fga"},
    };

    for (size_t i = 0; i < COUNT(paths); i++) {
        if (text_equal(paths[i].group, group)) {
            return paths[i].path;
        }
    }
    return NULL;
}
