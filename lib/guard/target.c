/*
 * The target: names become immutable ids once (step 4), and the ids are read
 * again before the act (step 7), so that a login that moved to someone else in
 * between is noticed.
 */
#include "base/log.h"
#include "base/text.h"
#include "guard/internal.h"

#include <string.h>

#define NO_GROUP "00gnone0000000000000" /* of the form of an id, and of no group */

static const char *argument(const struct entry *entry, enum param_kind kind)
{
    for (size_t i = 0; i < ACTION_PARAMS && entry->action->params[i].name != NULL; i++) {
        if (entry->action->params[i].kind == kind) {
            return js_text(entry->invocation.arguments, entry->action->params[i].name);
        }
    }
    return NULL;
}

/*
 * Is there anything of Okta in it?  Proving presence names the person alone, and
 * where no relation asks about the account no Okta account is needed for it.  A
 * check without credentials of its own can still answer for a fixed object.
 */
static bool needs_okta(const struct entry *entry)
{
    const struct fga_need *need = &entry->action->target[entry->guard->profile];

    if (strchr(need->object, '{') != NULL) {
        return true;
    }
    if (argument(entry, PARAM_SELF) != NULL) {
        return false;
    }
    return !entry->dry || okta_auth_available(entry->guard->okta_auth);
}

static const char *scopes_of(const struct entry *entry)
{
    if (entry->handler != NULL && entry->handler->scopes != NULL) {
        return entry->handler->scopes;
    }
    return argument(entry, PARAM_GROUP) != NULL ? "okta.users.read okta.groups.read okta.roles.read"
                                                : "okta.users.read";
}

enum err guard_okta_token(struct entry *entry, const char **reason)
{
    if (entry->okta.scheme != NULL) {
        return ERR_OK;
    }
    return okta_auth_token(entry->guard->okta_auth, entry->session_id, &entry->session.person,
                           scopes_of(entry), entry_now(entry), &entry->okta, reason);
}

/* A service app's token that Okta takes no more is not kept for the next. */
void guard_okta_answered(struct entry *entry, enum err err)
{
    if (err == ERR_AUTH) {
        okta_auth_drop(entry->guard->okta_auth, entry->okta.token);
    }
}

static const char *okta_reason(enum err err)
{
    return err == ERR_AUTH || err == ERR_DENIED ? "okta_refused"
           : err == ERR_LIMIT                   ? "okta_busy"
                                                : "okta_unavailable";
}

/* What may not be read is not there: the two must not differ by text or state (row 78). */
static enum err absent_is_an_answer(enum err err)
{
    return err == ERR_NONE || err == ERR_INPUT || err == ERR_DENIED ? ERR_OK : err;
}

/* ERR_OK with *found; anything else: Okta gave no answer, and *reason says why. */
static enum err look_up_user(struct entry *entry, const struct okta_token *token, bool *found)
{
    const struct person *person = &entry->session.person;
    struct okta_user *user = &entry->invocation.user;
    const char *login = argument(entry, PARAM_LOGIN);
    const char *id = okta_id_of_sub(person->sub);
    enum err err;

    if (login != NULL) {
        err = okta_user_by_login(entry->guard->okta, token, login, user);
    } else if (id != NULL) {
        err = okta_user_by_id(entry->guard->okta, token, id, user);
    } else if (okta_login_is_email(entry->guard->config, person)) {
        err = okta_user_by_login(entry->guard->okta, token, person->email, user);
    } else {
        err = ERR_NONE;
    }
    *found = err == ERR_OK;
    return absent_is_an_answer(err);
}

/*
 * Row 72: a group that is not plainly an ordinary one is not found.  Its roles
 * are asked for in any case, of an id that none has where there is no group, so
 * that the number of calls tells nothing either.
 */
static enum err look_up_group(struct entry *entry, const struct okta_token *token, bool *found)
{
    struct okta_group *group = &entry->invocation.target_group;
    const char *name = argument(entry, PARAM_GROUP);
    bool admin = true;
    enum err err, err_admin;

    *found = true;
    if (name == NULL) {
        return ERR_OK;
    }
    err = okta_group_by_name(entry->guard->okta, token, name, group);
    if (err == ERR_OK && !text_equal(group->type, "OKTA_GROUP")) {
        log_line(LOG_WARN, "a group of another type is out of reach", LOG_T("type", group->type));
        err = ERR_NONE;
    }
    if (absent_is_an_answer(err) != ERR_OK) {
        return err;
    }
    err_admin = okta_group_is_admin(entry->guard->okta, token,
                                    group->id[0] != '\0' ? group->id : NO_GROUP, &admin);
    if (err == ERR_OK && (err_admin != ERR_OK || admin)) {
        log_line(LOG_WARN,
                 "a group is out of reach: it carries an administrator role, or "
                 "whether it does is not known",
                 LOG_T("group", group->id), LOG_T("error", err_name(err_admin)));
        err = ERR_NONE;
    }
    *found = err == ERR_OK;
    return ERR_OK;
}

/* The person himself, where no Okta account is needed: his id is the hash that owns his records. */
static enum err take_self(struct entry *entry)
{
    const struct person *person = &entry->session.person;
    struct okta_user *user = &entry->invocation.user;

    memset(user, 0, sizeof *user);
    if (entry->dry && argument(entry, PARAM_SELF) == NULL) {
        return ERR_OK;
    }
    base64url_encode(person->owner, RECORD_ID_SIZE, user->id);
    if (person->email_verified && person->email != NULL &&
        text_copy(user->login, sizeof user->login, person->email) != ERR_OK) {
        user->login[0] = '\0'; /* too long to show: the end of the id stands for it */
    }
    return ERR_OK;
}

static enum err look_up(struct entry *entry, bool *found, const char **reason)
{
    struct okta_token token;
    bool user = false, group = false;
    enum err err;

    *found = true;
    if (!needs_okta(entry)) {
        return take_self(entry);
    }
    err = guard_okta_token(entry, reason);
    if (err != ERR_OK) {
        return err;
    }
    token = (struct okta_token){entry->okta.scheme, entry->okta.token};
    err = look_up_user(entry, &token, &user);
    if (err == ERR_OK) {
        err = look_up_group(entry, &token, &group);
    }
    guard_okta_answered(entry, err);
    if (err != ERR_OK) {
        *reason = okta_reason(err);
    }
    *found = user && group;
    return err;
}

static void forget_target(struct entry *entry)
{
    memset(&entry->invocation.user, 0, sizeof entry->invocation.user);
    memset(&entry->invocation.target_group, 0, sizeof entry->invocation.target_group);
}

enum err guard_target(struct entry *entry)
{
    const char *reason = NULL;
    bool found = false;
    enum err err;

    if (entry->invocation.state != INVOCATION_PROPOSED) {
        return ERR_OK;
    }
    err = look_up(entry, &found, &reason);
    if (err != ERR_OK) {
        forget_target(entry);
        return entry_end(entry, INVOCATION_FAILED, reason);
    }
    err = rights_on_target(entry, found,
                           entry->action->approval ? FGA_HIGHER_CONSISTENCY : FGA_MINIMIZE_LATENCY);
    if (err != ERR_OK) {
        /* Not kept: the page must not show a person what he may not see. */
        forget_target(entry);
        return entry_end(entry, INVOCATION_DENIED,
                         err == ERR_DENIED ? "not_permitted" : "fga_unavailable");
    }
    return ERR_OK;
}

static bool same_user(const struct okta_user *a, const struct okta_user *b)
{
    return text_equal(a->id, b->id) && text_equal(a->login, b->login) &&
           text_equal(a->email, b->email) && text_equal(a->status, b->status);
}

static bool same_group(const struct okta_group *a, const struct okta_group *b)
{
    return text_equal(a->id, b->id) && text_equal(a->name, b->name) && text_equal(a->type, b->type);
}

/* *reason NULL: as it was when the person was asked. */
static void compare_target(struct entry *entry, const char **reason)
{
    const struct invocation *invocation = &entry->invocation;
    struct okta_token token;
    struct okta_user user;
    struct okta_group group;
    bool admin = true;
    enum err err;

    *reason = NULL;
    if (!needs_okta(entry) || guard_okta_token(entry, reason) != ERR_OK) {
        return;
    }
    token = (struct okta_token){entry->okta.scheme, entry->okta.token};
    err = okta_user_by_id(entry->guard->okta, &token, invocation->user.id, &user);
    if (err == ERR_OK && !same_user(&user, &invocation->user)) {
        err = ERR_NONE;
    }
    if (err == ERR_OK && invocation->target_group.id[0] != '\0') {
        err = okta_group_by_id(entry->guard->okta, &token, invocation->target_group.id, &group);
        if (err == ERR_OK && !same_group(&group, &invocation->target_group)) {
            err = ERR_NONE;
        }
        if (err == ERR_OK) {
            err = okta_group_is_admin(entry->guard->okta, &token, group.id, &admin);
        }
        if (err == ERR_OK && admin) {
            err = ERR_NONE;
        }
    }
    guard_okta_answered(entry, err);
    if (err != ERR_OK) {
        *reason = err == ERR_NONE || err == ERR_INPUT ? "target_changed" : okta_reason(err);
    }
}

/*
 * The state says how far a record came, not how long ago: an approval may be
 * minutes older than the facts it was asked on.  A read has waited for nobody
 * since steps 3 and 4 of this very entry, so there only session, cancellation
 * and deadline are asked again.
 */
enum err guard_again(struct entry *entry)
{
    const char *reason = NULL;
    enum err err;

    entry->fresh_at = entry_now(entry);
    entry->fresh_mono = entry->guard->monotonic();
    err = guard_still_wanted(entry, &reason);
    if (err != ERR_OK) {
        return err;
    }
    if (reason != NULL) {
        return entry_end(entry, INVOCATION_CANCELLED, reason);
    }
    if (entry->fresh_at >= entry->invocation.deadline) {
        return entry_end(entry, INVOCATION_EXPIRED, "expired");
    }
    if (!entry->action->approval) {
        return ERR_OK;
    }
    compare_target(entry, &reason);
    if (reason != NULL) {
        return entry_end(entry, INVOCATION_FAILED, reason);
    }
    err = rights_coarse(entry, FGA_HIGHER_CONSISTENCY);
    if (err == ERR_OK) {
        err = rights_on_target(entry, true, FGA_HIGHER_CONSISTENCY);
    }
    if (err != ERR_OK) {
        return entry_end(entry, INVOCATION_DENIED,
                         err == ERR_DENIED ? "not_permitted" : "fga_unavailable");
    }
    return ERR_OK;
}
