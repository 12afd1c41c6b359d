#include "guard/approval_view.h"

#include "base/text.h"
#include "catalogue/marks.h"
#include "guard/reason.h"

#include <string.h>

#define ROUNDS 6 /* a lost compare-and-swap: so often it is read anew */

/* ---- documents ---- */

static const struct action *row_of(const struct approval_view *view,
                                   const struct invocation *invocation)
{
    return catalogue_find(invocation->group, invocation->action, view->profile);
}

/* Only what was resolved: until then the page shows no target rather than the model's words. */
static void set_target(json_t *doc, const struct invocation *invocation, enum err *err)
{
    const struct okta_user *user = &invocation->user;
    size_t len = strlen(user->id);
    struct buf text = buf_make(1024);

    buf_adds(&text, user->login[0] != '\0' ? user->login : user->id);
    if (invocation->target_group.id[0] != '\0') {
        buf_addf(&text, ", group %s", invocation->target_group.name);
    }
    js_set_text(doc, "target", buf_str(&text), err);
    js_set_text(doc, "target_id_end", user->id + (len > 8 ? len - 8 : 0), err);
    js_set_text(doc, "target_status", user->status, err);
    buf_free(&text);
}

/* What both lists say of an invocation. */
static json_t *common(const struct approval_view *view, const struct invocation *invocation,
                      enum err *err)
{
    const struct action *action = row_of(view, invocation);
    bool done = invocation->state == INVOCATION_DONE && invocation->result[0] != '\0';
    json_t *doc = json_object();

    js_set_text(doc, "id", invocation->id, err);
    js_set_text(doc, "action", invocation->action, err);
    js_set_text(doc, "verb", action != NULL ? action->verb : "", err);
    set_target(doc, invocation, err);
    js_set_text(doc, "state", invocation_state_name(invocation->state), err);
    js_set_text(doc, "message", done ? invocation->result : reason_text(invocation), err);
    js_set_int(doc, "created_at", invocation->created_at / 1000, err);
    js_set_int(doc, "updated_at", invocation->updated_at / 1000, err);
    js_set_bool(doc, "acknowledged", invocation->acknowledged, err);
    return doc;
}

/* The card. The phrase is there only while the phone may show it. */
json_t *approval_card(const struct approval_view *view, const struct invocation *invocation,
                      enum err *err)
{
    const struct action *action = row_of(view, invocation);
    bool shown = invocation->state == INVOCATION_SENDING || invocation->state == INVOCATION_WAITING;
    msec expires_at = invocation_expires_at(invocation);
    json_t *doc = common(view, invocation, err);

    js_set_text(doc, "effect", action != NULL ? action->effect : "", err);
    js_set_text(doc, "sentence", invocation->sentence, err);
    js_set_text(doc, "phrase", shown ? invocation->phrase : "", err);
    js_set_int(doc, "expires_at", (expires_at > 0 ? expires_at : invocation->deadline) / 1000, err);
    js_set_bool(doc, "needs_click",
                invocation->state == INVOCATION_WAITING_CLICK && !invocation->clicked, err);
    return doc;
}

/* ---- lists ---- */

/* Open, or of unknown outcome and not seen yet: never left out for being old. */
static bool unfinished(const struct invocation *invocation)
{
    return !invocation_is_final(invocation->state) ||
           (invocation->state == INVOCATION_UNKNOWN && !invocation->acknowledged);
}

static bool waits_for_person(const struct approval_view *view, const struct invocation *invocation)
{
    const struct action *action = row_of(view, invocation);

    /* A row that the profile no longer has may have left an unknown outcome all the same. */
    return unfinished(invocation) && (action == NULL || action->approval);
}

typedef json_t *document_fn(const struct approval_view *view, const struct invocation *invocation,
                            enum err *err);

static enum err list(const struct approval_view *view, const char *name, bool waiting_only,
                     document_fn *document, json_t **out)
{
    struct invocation_list all = {0};
    json_t *root = json_object(), *array = json_array();
    enum err err = invocation_by_owner(view->store, view->owner, view->now, RECORD_LIST_MAX, &all);

    *out = NULL;
    for (size_t i = 0; err == ERR_OK && i < all.count; i++) {
        const struct invocation *item = &all.items[i];

        err = approval_settle(view, &all.items[i]);
        if (err == ERR_CONFLICT) { /* someone settled or moved it: the next look shows which */
            err = ERR_OK;
        }
        if (err != ERR_OK || (waiting_only ? !waits_for_person(view, item)
                                           : json_array_size(array) >= APPROVAL_ACTIONS_SHOWN &&
                                                 !unfinished(item))) {
            continue;
        }
        if (json_array_append_new(array, document(view, item, &err)) != 0) {
            err = ERR_MEMORY;
        }
    }
    invocation_list_free(&all);
    js_set_new(root, name, array, &err);
    if (err != ERR_OK) {
        json_decref(root);
        return err;
    }
    *out = root;
    return ERR_OK;
}

enum err approval_list(const struct approval_view *view, json_t **out)
{
    return list(view, "approvals", true, approval_card, out);
}

enum err approval_actions(const struct approval_view *view, json_t **out)
{
    return list(view, "actions", false, common, out);
}

/* ---- settling, loading, changing ---- */

static enum err session_over(const struct approval_view *view, const struct invocation *invocation,
                             bool *over)
{
    struct session session = {0};
    uint8_t id[RECORD_ID_SIZE];
    size_t len = sizeof id;
    enum err err = hex_decode(invocation->session, strlen(invocation->session), id, &len);

    if (err != ERR_OK || len != sizeof id) {
        *over = true;
        return ERR_OK;
    }
    err = session_check(view->store, &view->limits, id, view->now, &session);
    session_free(&session);
    *over = err == ERR_NONE || err == ERR_FORGED;
    return *over ? ERR_OK : err;
}

enum err approval_settle(const struct approval_view *view, struct invocation *invocation)
{
    bool over = false;
    enum err err = invocation_settle(view->store, invocation, view->now);

    if (err == ERR_OK && invocation_may_move(invocation->state, INVOCATION_CANCELLED)) {
        err = session_over(view, invocation, &over);
    }
    if (err == ERR_OK && over) {
        err = invocation_move(invocation, INVOCATION_CANCELLED, "session_ended");
        if (err == ERR_OK) {
            err = invocation_save(view->store, invocation, view->now);
        }
    }
    return err;
}

enum err approval_load(const struct approval_view *view, const char *id, struct invocation *out)
{
    enum err err = ERR_CONFLICT;

    for (int round = 0; round < ROUNDS && err == ERR_CONFLICT; round++) {
        err = invocation_get(view->store, id, view->now, out);
        if (err == ERR_OK && memcmp(out->person.owner, view->owner, RECORD_ID_SIZE) != 0) {
            err = ERR_NONE;
        }
        if (err == ERR_OK) {
            err = approval_settle(view, out);
        }
        if (err != ERR_OK) {
            invocation_free(out);
        }
    }
    return err == ERR_CONFLICT ? ERR_STORE : err;
}

enum err approval_change(const struct approval_view *view, const char *id,
                         approval_change_fn *apply, struct invocation *out)
{
    uint8_t turn[RECORD_ID_SIZE];
    enum err err = ERR_CONFLICT;

    for (int round = 0; round < ROUNDS && err == ERR_CONFLICT; round++) {
        invocation_free(out);
        err = approval_load(view, id, out);
        if (err == ERR_OK && apply(out)) {
            err = invocation_save(view->store, out, view->now);
        }
    }
    if (err == ERR_OK) {
        /* A hint only: the turn looks again at once instead of at its next due time. */
        mark_turn(out->turn, turn);
        err = record_hint(view->store, KIND_TURN, turn, view->now, view->now);
        err = err == ERR_NONE ? ERR_OK : err;
    }
    return err == ERR_CONFLICT ? ERR_STORE : err;
}

enum err approval_cancel_turn(const struct approval_view *view, const struct invocation *invocation)
{
    struct record mark = {.kind = KIND_ONCE, .expires_at = view->now + HOURS(24)};
    enum err err = text_dup("cancelled", &mark.payload);

    if (err == ERR_OK) {
        mark.payload_len = strlen(mark.payload);
        memcpy(mark.owner, invocation->person.owner, RECORD_ID_SIZE);
        mark_turn_cancelled(invocation->turn, mark.id);
        err = record_put(view->store, &mark, view->now);
    }
    record_free(&mark);
    return err == ERR_CONFLICT ? ERR_OK : err; /* cancelled already */
}

bool approval_click(struct invocation *invocation)
{
    if (invocation->state != INVOCATION_WAITING_CLICK || invocation->clicked) {
        return false;
    }
    invocation->clicked = true;
    return true;
}

/* What may have been sent cannot be called back: the table has no such edge out of executing. */
bool approval_cancel(struct invocation *invocation)
{
    return invocation_move(invocation, INVOCATION_CANCELLED, "cancelled") == ERR_OK;
}

bool approval_disown(struct invocation *invocation)
{
    return invocation_move(invocation, INVOCATION_CANCELLED, "not_me") == ERR_OK;
}

bool approval_acknowledge(struct invocation *invocation)
{
    if (invocation->state != INVOCATION_UNKNOWN || invocation->acknowledged) {
        return false;
    }
    invocation->acknowledged = true;
    return true;
}
