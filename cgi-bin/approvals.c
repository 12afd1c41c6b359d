/*
 * approvals: what waits for a person, and the ways to say no.
 *
 *   browser -> web server -> approvals -> store
 *
 * It holds no credential of anybody and no turn key: what it may do to an
 * invocation is set `clicked`, cancel it, or mark it read, each by
 * compare-and-swap; the turn is told by a hint.  The page asks again every few
 * seconds; nothing here waits for a person.
 *
 * Statuses: 200, 404 (not there, or another person's: row 54), 401, 403 CSRF, 503.
 */
#include "base/text.h"
#include "catalogue/action.h"
#include "catalogue/marks.h"
#include "guard/denial.h"
#include "guard/invocation.h"
#include "guard/reason.h"
#include "web/web.h"

#include <stdlib.h>
#include <string.h>

#define LISTED 50
#define ROUNDS 6 /* a lost compare-and-swap: so often it is read anew */

static const struct action *row_of(const struct request *request,
                                   const struct invocation *invocation)
{
    return catalogue_find(invocation->group, invocation->action,
                          catalogue_profile(request_app(request)->config));
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
static json_t *common(const struct request *request, const struct invocation *invocation,
                      enum err *err)
{
    const struct action *action = row_of(request, invocation);
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
static json_t *card(const struct request *request, const struct invocation *invocation,
                    enum err *err)
{
    const struct action *action = row_of(request, invocation);
    bool shown = invocation->state == INVOCATION_SENDING || invocation->state == INVOCATION_WAITING;
    msec expires_at = invocation_expires_at(invocation);
    json_t *doc = common(request, invocation, err);

    js_set_text(doc, "effect", action != NULL ? action->effect : "", err);
    js_set_text(doc, "sentence", invocation->sentence, err);
    js_set_text(doc, "phrase", shown ? invocation->phrase : "", err);
    js_set_int(doc, "expires_at", (expires_at > 0 ? expires_at : invocation->deadline) / 1000, err);
    js_set_bool(doc, "needs_click",
                invocation->state == INVOCATION_WAITING_CLICK && !invocation->clicked, err);
    return doc;
}

typedef json_t *view_fn(const struct request *request, const struct invocation *invocation,
                        enum err *err);
typedef bool wanted_fn(const struct request *request, const struct invocation *invocation);

static bool waits_for_person(const struct request *request, const struct invocation *invocation)
{
    const struct action *action = row_of(request, invocation);

    if (action == NULL || !action->approval) {
        return false;
    }
    return !invocation_is_final(invocation->state) ||
           (invocation->state == INVOCATION_UNKNOWN && !invocation->acknowledged);
}

static bool any(const struct request *request, const struct invocation *invocation)
{
    (void)request;
    (void)invocation;
    return true;
}

static enum err answer_list(struct request *request, struct response *response, const char *name,
                            wanted_fn *wanted, view_fn *view)
{
    struct app *app = request_app(request);
    msec now = request_now(request);
    struct invocation_list list = {0};
    json_t *root = json_object(), *array = json_array();
    enum err err =
        invocation_by_owner(app->store, request_session(request)->person.owner, now, LISTED, &list);

    for (size_t i = 0; err == ERR_OK && i < list.count; i++) {
        err = invocation_settle(app->store, &list.items[i], now);
        if (err == ERR_CONFLICT) { /* someone settled or moved it: the next look shows which */
            err = ERR_OK;
        }
        if (err == ERR_OK && wanted(request, &list.items[i]) &&
            json_array_append_new(array, view(request, &list.items[i], &err)) != 0) {
            err = ERR_MEMORY;
        }
    }
    invocation_list_free(&list);
    js_set_new(root, name, array, &err);
    if (err != ERR_OK) {
        json_decref(root);
        return err;
    }
    return response_json(response, 200, root);
}

static enum err list_approvals(struct request *request, struct response *response)
{
    return answer_list(request, response, "approvals", waits_for_person, card);
}

static enum err list_actions(struct request *request, struct response *response)
{
    return answer_list(request, response, "actions", any, common);
}

/* ERR_NONE for what is not there and for what is another person's alike. */
static enum err load(struct request *request, struct invocation *out)
{
    struct app *app = request_app(request);
    const uint8_t *owner = request_session(request)->person.owner;
    msec now = request_now(request);
    enum err err = ERR_CONFLICT;

    for (int round = 0; round < ROUNDS && err == ERR_CONFLICT; round++) {
        err = invocation_get(app->store, request_path_param(request), now, out);
        if (err == ERR_OK && memcmp(out->person.owner, owner, RECORD_ID_SIZE) != 0) {
            err = ERR_NONE;
        }
        if (err == ERR_OK) {
            err = invocation_settle(app->store, out, now);
        }
        if (err != ERR_OK) {
            invocation_free(out);
        }
    }
    return err == ERR_CONFLICT ? ERR_STORE : err;
}

static enum err answer_card(struct request *request, struct response *response,
                            const struct invocation *invocation)
{
    enum err err = ERR_OK;
    json_t *doc = card(request, invocation, &err);

    if (err != ERR_OK) {
        json_decref(doc);
        return err;
    }
    return response_json(response, 200, doc);
}

/* False: the state leaves nothing to change, and the card says what it is. */
typedef bool change_fn(struct invocation *invocation);

static enum err change(struct request *request, struct invocation *out, change_fn *apply)
{
    struct app *app = request_app(request);
    msec now = request_now(request);
    uint8_t turn[RECORD_ID_SIZE];
    enum err err = ERR_CONFLICT;

    for (int round = 0; round < ROUNDS && err == ERR_CONFLICT; round++) {
        invocation_free(out);
        err = load(request, out);
        if (err == ERR_OK && apply(out)) {
            err = invocation_save(app->store, out, now);
        }
    }
    if (err == ERR_OK) {
        /* A hint only: the turn looks again at once instead of at its next due time. */
        mark_turn(out->turn, turn);
        err = record_hint(app->store, KIND_TURN, turn, now, now);
        err = err == ERR_NONE ? ERR_OK : err;
    }
    return err == ERR_CONFLICT ? ERR_STORE : err;
}

static enum err change_and_answer(struct request *request, struct response *response,
                                  change_fn *apply)
{
    struct invocation invocation = {0};
    enum err err = change(request, &invocation, apply);

    if (err == ERR_OK) {
        err = answer_card(request, response, &invocation);
    }
    invocation_free(&invocation);
    return err;
}

static bool nothing(struct invocation *invocation)
{
    (void)invocation;
    return false;
}

static bool click(struct invocation *invocation)
{
    if (invocation->state != INVOCATION_WAITING_CLICK || invocation->clicked) {
        return false;
    }
    invocation->clicked = true;
    return true;
}

/* What may have been sent cannot be called back: the table has no such edge out of executing. */
static bool cancel(struct invocation *invocation)
{
    return invocation_move(invocation, INVOCATION_CANCELLED, "cancelled") == ERR_OK;
}

static bool disown(struct invocation *invocation)
{
    return invocation_move(invocation, INVOCATION_CANCELLED, "not_me") == ERR_OK;
}

static bool acknowledge(struct invocation *invocation)
{
    if (invocation->state != INVOCATION_UNKNOWN || invocation->acknowledged) {
        return false;
    }
    invocation->acknowledged = true;
    return true;
}

static enum err show(struct request *request, struct response *response)
{
    struct invocation invocation = {0};
    enum err err = load(request, &invocation);

    if (err == ERR_OK) {
        err = answer_card(request, response, &invocation);
    }
    invocation_free(&invocation);
    return err;
}

static enum err post_send(struct request *request, struct response *response)
{
    return change_and_answer(request, response, click);
}

static enum err post_cancel(struct request *request, struct response *response)
{
    return change_and_answer(request, response, cancel);
}

static enum err post_acknowledge(struct request *request, struct response *response)
{
    return change_and_answer(request, response, acknowledge);
}

static enum err mark_cancelled(struct request *request, const struct invocation *invocation)
{
    msec now = request_now(request);
    struct record mark = {.kind = KIND_ONCE, .expires_at = now + HOURS(24)};
    enum err err = text_dup("cancelled", &mark.payload);

    if (err == ERR_OK) {
        mark.payload_len = strlen(mark.payload);
        memcpy(mark.owner, invocation->person.owner, RECORD_ID_SIZE);
        mark_turn_cancelled(invocation->turn, mark.id);
        err = record_put(request_app(request)->store, &mark, now);
    }
    record_free(&mark);
    return err == ERR_CONFLICT ? ERR_OK : err; /* cancelled already */
}

/*
 * "Not me": someone else asks in this person's name.  The turn stops, the act is
 * cancelled, it counts as a denial, and every session ends, this one too.  The
 * sessions go even where the invocation is past cancelling.
 */
static enum err post_not_me(struct request *request, struct response *response)
{
    struct store *store = request_app(request)->store;
    msec now = request_now(request);
    struct invocation invocation = {0};
    size_t ended;
    enum err err = load(request, &invocation), count_err, ended_err, change_err;

    if (err != ERR_OK) {
        return err;
    }
    err = mark_cancelled(request, &invocation);
    count_err = denial_count(store, &invocation, now);
    change_err =
        change(request, &invocation, invocation_is_final(invocation.state) ? nothing : disown);
    ended_err = session_end_all(store, request_session(request)->person.owner, now, &ended);
    if (err == ERR_OK) {
        err = change_err;
    }
    if (err == ERR_OK) {
        err = ended_err;
    }
    if (err == ERR_OK) {
        err = count_err;
    }
    if (err == ERR_OK) {
        err = answer_card(request, response, &invocation);
    }
    invocation_free(&invocation);
    return err;
}

static const struct route routes[] = {
    {GET, "/api/approvals", NEED_SESSION, list_approvals, 0},
    {GET, "/api/approvals/{id}", NEED_SESSION, show, 0},
    {POST, "/api/approvals/{id}/send", NEED_SESSION | NEED_CSRF, post_send, 1024},
    {POST, "/api/approvals/{id}/cancel", NEED_SESSION | NEED_CSRF, post_cancel, 1024},
    {POST, "/api/approvals/{id}/not-me", NEED_SESSION | NEED_CSRF, post_not_me, 1024},
    {POST, "/api/approvals/{id}/acknowledge", NEED_SESSION | NEED_CSRF, post_acknowledge, 1024},
    {GET, "/api/actions", NEED_SESSION, list_actions, 0},
};

static const enum config_name needs[] = {CFG_DATABASE, CFG_KEYS_DIR};

int main(int argc, char **argv)
{
    static const struct program program = {
        .name = "approvals",
        .opens = PROGRAM_STORE,
        .kinds = KIND_BIT(KIND_SESSION) | KIND_BIT(KIND_INVOCATION) | KIND_BIT(KIND_ONCE) |
                 KIND_BIT(KIND_LEASE) | KIND_BIT(KIND_COUNTER) | KIND_BIT(KIND_OWNER),
        .needs = needs,
        .need_count = COUNT(needs),
        .routes = routes,
        .route_count = COUNT(routes),
    };

    return program_run(&program, argc, argv);
}
