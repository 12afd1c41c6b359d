/* Steps 1 and 2: on whose behalf, and with what. */
#include "base/log.h"
#include "base/text.h"
#include "catalogue/marks.h"
#include "guard/internal.h"

#include <string.h>

/* One answer for every fault of a ticket; which it was is for our log only. */
static enum err no_caller(const char *why)
{
    log_line(LOG_WARN, "an action call was refused", LOG_T("why", why));
    return ERR_AUTH;
}

static enum err load_session(struct entry *entry, struct session *out)
{
    const struct guard *guard = entry->guard;

    return session_check(guard->store, &guard->limits, entry->session_id, entry_now(entry), out);
}

enum err guard_caller(struct entry *entry)
{
    const struct guard *guard = entry->guard;
    size_t len = sizeof entry->session_id;
    enum err err;

    err = ticket_open(store_keyring(guard->store), entry->event->ticket, entry->event->group,
                      entry_now(entry), &entry->ticket);
    if (err != ERR_OK) {
        return no_caller("ticket");
    }
    if (!text_equal(entry->ticket.agent, entry->event->agent_id)) {
        return no_caller("ticket for another agent");
    }
    if (hex_decode(entry->ticket.session, strlen(entry->ticket.session), entry->session_id, &len) !=
            ERR_OK ||
        len != sizeof entry->session_id) {
        return no_caller("ticket without a session");
    }
    err = load_session(entry, &entry->session);
    if (err == ERR_NONE || err == ERR_FORGED || err == ERR_AUTH) {
        return no_caller("session over");
    }
    if (err != ERR_OK) {
        return err;
    }
    if (!text_equal(entry->session.person.iss, entry->ticket.iss) ||
        !text_equal(entry->session.person.sub, entry->ticket.sub)) {
        return no_caller("ticket for another person's session");
    }
    /* The phone that will be asked is found by sub alone, at the issuer that is configured now: in
     * another's words the same sub may be another person. */
    if (!text_equal(entry->session.person.iss, config_text(guard->config, CFG_OIDC_ISSUER))) {
        return no_caller("session of another issuer");
    }
    return ERR_OK;
}

enum err guard_switched_on(struct entry *entry)
{
    return config_flag(entry->guard->config, CFG_ACTIONS_ENABLED)
               ? ERR_OK
               : entry_refuse(entry, "switched_off");
}

enum err guard_still_wanted(struct entry *entry, const char **reason)
{
    struct session session = {0};
    uint8_t mark[RECORD_ID_SIZE];
    enum err err = load_session(entry, &session);

    *reason = NULL;
    if (err == ERR_NONE || err == ERR_FORGED) {
        *reason = "session_ended";
        return ERR_OK;
    }
    if (err != ERR_OK) {
        return err;
    }
    if (!text_equal(session.person.iss, entry->invocation.person.iss) ||
        !text_equal(session.person.sub, entry->invocation.person.sub)) {
        *reason = "session_ended";
    }
    session_free(&session);
    mark_turn_cancelled(entry->ticket.turn, mark);
    err = record_exists(entry->guard->store, KIND_ONCE, mark, entry_now(entry));
    if (err == ERR_OK) {
        *reason = "cancelled";
    }
    return err == ERR_NONE ? ERR_OK : err;
}

const struct guard_handler *guard_handler_of(const struct guard *guard, const char *action)
{
    for (size_t i = 0; i < guard->handler_count; i++) {
        if (text_equal(guard->handlers[i].action, action)) {
            return &guard->handlers[i];
        }
    }
    return NULL;
}

/* The model may name the person only as the person; who that is comes from the session. */
enum err guard_self(const struct entry *entry, const struct action *action, const json_t *arguments)
{
    const struct person *person = &entry->session.person;

    for (size_t i = 0; i < ACTION_PARAMS && action->params[i].name != NULL; i++) {
        const char *value = js_text(arguments, action->params[i].name);

        if (action->params[i].kind != PARAM_SELF || text_equal(value, person->sub) ||
            (person->email_verified && text_equal(value, person->email))) {
            continue;
        }
        log_line(LOG_WARN, "an action call named another person as the caller");
        return ERR_INPUT;
    }
    return ERR_OK;
}

enum err guard_arguments(struct entry *entry)
{
    const struct guard *guard = entry->guard;
    const char *why = NULL;
    enum err err;

    entry->action = catalogue_find(entry->event->group, entry->event->function, guard->profile);
    entry->handler = guard_handler_of(guard, entry->event->function);
    if (entry->action == NULL || entry->handler == NULL) {
        log_line(LOG_WARN, "an action call named no action of this group and profile");
        return ERR_INPUT;
    }
    err = catalogue_check_arguments(entry->action, entry->event->arguments, &why);
    if (err != ERR_OK) {
        log_line(LOG_WARN, "an action's arguments were refused",
                 LOG_T("action", entry->action->name), LOG_T("why", why));
        return err;
    }
    return guard_self(entry, entry->action, entry->event->arguments);
}
