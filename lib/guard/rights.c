/*
 * FGA: may this person use the action (steps 3 and 7), and on this target (steps
 * 4 and 7)?  Relations and objects come from the catalogue's row; the ids put
 * into them are resolved ones; contextual tuples come from the verified ticket.
 */
#include "base/log.h"
#include "base/text.h"
#include "guard/internal.h"

#include <string.h>

/* What is asked for where nothing was found, so that the answer takes as long. */
#define DECOY "none"

/* "account:{user}" with the id in place of the braces; anything else as it stands. */
static enum err object_of(const char *pattern, const struct invocation *invocation, bool found,
                          char out[FGA_NAME_SIZE], bool *resolved)
{
    const char *colon = strchr(pattern, ':');
    const char *id;
    char type[32];

    *resolved = colon != NULL && colon[1] == '{';
    if (!*resolved) {
        return text_copy(out, FGA_NAME_SIZE, pattern);
    }
    if ((size_t)(colon - pattern) >= sizeof type) {
        return ERR_SYSTEM;
    }
    memcpy(type, pattern, (size_t)(colon - pattern));
    type[colon - pattern] = '\0';
    id = text_equal(colon + 1, "{group}") ? invocation->target_group.id : invocation->user.id;
    return fga_object(type, found ? id : DECOY, out);
}

static enum err ask(struct entry *entry, const struct fga_need *need, bool found,
                    enum fga_consistency consistency)
{
    const struct guard *guard = entry->guard;
    char user[FGA_NAME_SIZE], object[FGA_NAME_SIZE], agent[FGA_NAME_SIZE];
    struct fga_tuple tuple = {user, need->relation, object};
    struct fga_tuple context = {agent, "agent_in_context", object};
    size_t contextual = 0;
    bool resolved = false;
    enum err err = fga_user(guard->config, &entry->session.person, user);

    if (err == ERR_OK) {
        err = object_of(need->object, &entry->invocation, found, object, &resolved);
    }
    if (err == ERR_OK && resolved && entry->ticket.agent[0] != '\0') {
        err = fga_object("agent", entry->ticket.agent, agent);
        contextual = 1;
    }
    if (err == ERR_OK) {
        err = fga_check(guard->fga, &tuple, &context, contextual, consistency, entry_now(entry));
    }
    return err;
}

enum err rights_coarse(struct entry *entry, enum fga_consistency consistency)
{
    return ask(entry, &entry->action->coarse[entry->guard->profile], true, consistency);
}

enum err rights_on_target(struct entry *entry, bool found, enum fga_consistency consistency)
{
    const struct fga_need *group = &entry->action->target_group[entry->guard->profile];
    enum err err = ask(entry, &entry->action->target[entry->guard->profile], found, consistency);
    enum err err_group = ERR_OK;

    /* Both are asked even after a refusal: the time must not tell which it was. */
    if (group->relation != NULL) {
        err_group = ask(entry, group, found, consistency);
    }
    if (err == ERR_OK) {
        err = err_group;
    }
    return err == ERR_OK && !found ? ERR_DENIED : err;
}

enum err guard_may_use(struct entry *entry)
{
    enum err err;

    if (entry->invocation.state != INVOCATION_PROPOSED) {
        return ERR_OK;
    }
    err = rights_coarse(entry,
                        entry->action->approval ? FGA_HIGHER_CONSISTENCY : FGA_MINIMIZE_LATENCY);
    if (err == ERR_OK) {
        return ERR_OK;
    }
    return entry_end(entry, INVOCATION_DENIED,
                     err == ERR_DENIED ? "not_permitted" : "fga_unavailable");
}
