/*
 * Steps 1 to 4 without a record: would this person be let through to the
 * approval?  The same step functions as the guard's own, on an entry that saves
 * nothing.
 */
#include "base/log.h"
#include "base/text.h"
#include "guard/internal.h"

#include <string.h>

/* {action, user_email, group_name?}: the action named, and the arguments it would get. */
static enum err named_action(struct entry *entry, json_t **arguments)
{
    const json_t *given = entry->event->arguments;
    const char *name = js_text(given, "action");
    const char *why = NULL;
    const struct action *action;
    enum err err;

    *arguments = NULL;
    for (size_t i = 0; (action = catalogue_at(i, entry->guard->profile)) != NULL; i++) {
        if (text_equal(action->name, name)) {
            entry->action = action;
        }
    }
    if (!text_equal(entry->event->function, "check") || entry->action == NULL) {
        log_line(LOG_WARN, "a check named no action of this profile");
        return ERR_INPUT;
    }
    *arguments = json_copy((json_t *)given); /* shallow: the strings are shared, never changed */
    if (*arguments == NULL || json_object_del(*arguments, "action") != 0) {
        return ERR_MEMORY;
    }
    if (entry->action->params[0].kind == PARAM_SELF) {
        /* The check's own parameter has one name, whatever the action calls it. */
        json_t *self = json_incref(json_object_get(*arguments, "user_email"));

        if (json_object_set_new(*arguments, entry->action->params[0].name, self) != 0 ||
            json_object_del(*arguments, "user_email") != 0) {
            return ERR_INPUT;
        }
    }
    err = catalogue_check_arguments(entry->action, *arguments, &why);
    if (err != ERR_OK) {
        log_line(LOG_WARN, "a check's arguments were refused", LOG_T("why", why));
        return err;
    }
    return guard_self(entry, entry->action, *arguments);
}

enum err guard_check(struct guard *guard, const struct action_event *event,
                     struct action_answer *answer)
{
    struct entry entry = {.guard = guard, .event = event, .answer = answer, .dry = true};
    enum err err;

    *answer = (struct action_answer){.outcome = OUTCOME_FAILURE};
    STEP(guard_caller(&entry)); /* 1 */
    STEP(guard_switched_on(&entry));
    STEP(named_action(&entry, &entry.invocation.arguments)); /* 2 */
    entry.invocation.state = INVOCATION_PROPOSED;
    STEP(person_copy(&entry.session.person, &entry.invocation.person));
    STEP(guard_may_use(&entry)); /* 3 */
    STEP(guard_target(&entry));  /* 4 */
    *answer = (struct action_answer){.outcome = OUTCOME_DONE};
    err = text_copy(answer->text, sizeof answer->text,
                    entry.action->approval ? "Permitted, with the person's approval on the phone."
                                           : "Permitted.");
done:
    entry_close(&entry);
    return err;
}
