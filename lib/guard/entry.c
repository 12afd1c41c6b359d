/* Moving the record, and the answer that comes of it. */
#include "base/log.h"
#include "base/text.h"
#include "guard/internal.h"
#include "guard/reason.h"
#include "store/audit.h"

#include <string.h>

msec entry_now(const struct entry *entry)
{
    return entry->guard->now();
}

void entry_text(char *out, size_t size, const char *text)
{
    if (text_copy(out, size, text) != ERR_OK) {
        out[0] = '\0';
    }
}

enum err entry_save(struct entry *entry)
{
    if (entry->dry) {
        return ERR_OK;
    }
    return invocation_save(entry->guard->store, &entry->invocation, entry_now(entry));
}

enum err entry_move(struct entry *entry, enum invocation_state to, const char *reason)
{
    enum invocation_state from = entry->invocation.state;
    enum err err = invocation_move(&entry->invocation, to, reason);

    if (err != ERR_OK) {
        log_line(LOG_ERROR, "no such edge between states",
                 LOG_T("from", invocation_state_name(from)),
                 LOG_T("to", invocation_state_name(to)));
        return ERR_SYSTEM;
    }
    return entry_save(entry);
}

enum err entry_end(struct entry *entry, enum invocation_state to, const char *reason)
{
    enum err err = entry_move(entry, to, reason);

    if (err != ERR_OK) {
        return err;
    }
    if (entry->dry) {
        return entry_tell(entry);
    }
    if (to == INVOCATION_DENIED) {
        entry_note(entry, "denied", reason);
    }
    log_line(LOG_INFO, "an invocation ended", LOG_T("invocation", entry->invocation.id),
             LOG_T("action", entry->invocation.action), LOG_T("state", invocation_state_name(to)),
             LOG_T("reason", reason));
    return entry_tell(entry);
}

static void describe(struct entry *entry, enum action_outcome outcome)
{
    struct action_answer *answer = entry->answer;

    *answer = (struct action_answer){.outcome = outcome};
    entry_text(answer->text, sizeof answer->text, reason_text(&entry->invocation));
    if (!entry->dry) {
        entry_text(answer->invocation, sizeof answer->invocation, entry->invocation.id);
    }
    entry_text(answer->state, sizeof answer->state, invocation_state_name(entry->invocation.state));
    entry->stop = true;
}

enum err entry_pending(struct entry *entry, msec ask_again_at)
{
    describe(entry, OUTCOME_REPROMPT);
    entry->answer->ask_again_at = ask_again_at;
    /* Before the request is sent the record lapses at its deadline: that is the page's countdown.
     */
    entry->answer->expires_at = invocation_expires_at(&entry->invocation);
    if (entry->answer->expires_at == 0) {
        entry->answer->expires_at = entry->invocation.deadline;
    }
    return ERR_OK;
}

enum err entry_tell(struct entry *entry)
{
    struct invocation *invocation = &entry->invocation;

    describe(entry, invocation->state == INVOCATION_DONE ? OUTCOME_DONE : OUTCOME_FAILURE);
    if (invocation->state == INVOCATION_DONE && invocation->result[0] != '\0') {
        entry_text(entry->answer->text, sizeof entry->answer->text, invocation->result);
    }
    if (entry->dry || invocation->told) {
        return ERR_OK;
    }
    /* A record that lapsed has no outcome in the log yet; where it has one, this changes nothing.
     * One that could not be written stays due. */
    if (invocation->consumed) {
        enum err err = entry_audit(entry, "outcome", invocation_state_name(invocation->state));

        if (err == ERR_OK || err == ERR_CONFLICT) {
            invocation->due_at = 0;
        } else {
            log_line(LOG_ERROR, "an outcome is not in the audit log yet",
                     LOG_T("invocation", invocation->id), LOG_T("error", err_name(err)));
        }
    }
    /* Only the search without a call id reads it: a lost write costs a repeated answer. */
    invocation->told = true;
    if (entry_save(entry) != ERR_OK) {
        log_line(LOG_INFO, "an outcome was told but not marked so");
    }
    return ERR_OK;
}

enum err entry_refuse(struct entry *entry, const char *reason)
{
    struct invocation none = {.state = INVOCATION_DENIED};

    entry_text(none.reason, sizeof none.reason, reason);
    *entry->answer = (struct action_answer){.outcome = OUTCOME_FAILURE};
    entry_text(entry->answer->text, sizeof entry->answer->text, reason_text(&none));
    entry_text(entry->answer->state, sizeof entry->answer->state,
               invocation_state_name(none.state));
    entry->stop = true;
    return ERR_OK;
}

enum err entry_reload(struct entry *entry)
{
    char id[INVOCATION_ID_SIZE];
    enum err err = text_copy(id, sizeof id, entry->invocation.id);

    if (err == ERR_OK) {
        invocation_free(&entry->invocation);
        err = invocation_get(entry->guard->store, id, entry_now(entry), &entry->invocation);
    }
    entry->found = err == ERR_OK;
    return err == ERR_NONE || err == ERR_FORGED ? ERR_STORE : err;
}

enum err audit_write(struct guard *guard, const struct invocation *invocation, const char *event,
                     const char *code)
{
    json_t *detail = json_object();
    enum err err = ERR_OK;

    js_set_text(detail, "action", invocation->action, &err);
    js_set_text(detail, "iss", invocation->person.iss, &err);
    js_set_text(detail, "sub", invocation->person.sub, &err);
    js_set_text(detail, "turn", invocation->turn, &err);
    js_set_text(detail, "user", invocation->user.id, &err);
    js_set_text(detail, "login", invocation->user.login, &err);
    if (invocation->target_group.id[0] != '\0') {
        js_set_text(detail, "group", invocation->target_group.id, &err);
    }
    if (invocation->digest[0] != '\0') {
        js_set_text(detail, "digest", invocation->digest, &err);
    }
    js_set_text(detail, "code", code, &err);
    if (err == ERR_OK) {
        const struct audit_entry row = {.event = event,
                                        .invocation = invocation->id,
                                        .request_id = log_request_id(),
                                        .detail = detail};

        err = audit_append(guard->store, &row, guard->now());
    }
    json_decref(detail);
    return err;
}

void audit_note(struct guard *guard, const struct invocation *invocation, const char *event,
                const char *code)
{
    enum err err = audit_write(guard, invocation, event, code);

    if (err != ERR_OK && err != ERR_CONFLICT) {
        log_line(LOG_ERROR, "an audit entry was not written", LOG_T("event", event),
                 LOG_T("invocation", invocation->id), LOG_T("error", err_name(err)));
    }
}

enum err entry_audit(struct entry *entry, const char *event, const char *code)
{
    return entry->dry ? ERR_OK : audit_write(entry->guard, &entry->invocation, event, code);
}

void entry_note(struct entry *entry, const char *event, const char *code)
{
    if (!entry->dry) {
        audit_note(entry->guard, &entry->invocation, event, code);
    }
}

void entry_close(struct entry *entry)
{
    okta_grant_free(&entry->okta);
    session_free(&entry->session);
    invocation_free(&entry->invocation);
    wipe(&entry->ticket, sizeof entry->ticket);
}
