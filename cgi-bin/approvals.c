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
#include "guard/approval_view.h"
#include "guard/denial.h"
#include "web/web.h"

static struct approval_view view_of(const struct request *request)
{
    const struct app *app = request_app(request);

    return (struct approval_view){
        .store = app->store,
        .owner = request_session(request)->person.owner,
        .limits = session_limits(app->config),
        .profile = catalogue_profile(app->config),
        .now = request_now(request),
    };
}

static enum err list_approvals(struct request *request, struct response *response)
{
    struct approval_view view = view_of(request);
    json_t *doc = NULL;
    enum err err = approval_list(&view, &doc);

    return err == ERR_OK ? response_json(response, 200, doc) : err;
}

static enum err list_actions(struct request *request, struct response *response)
{
    struct approval_view view = view_of(request);
    json_t *doc = NULL;
    enum err err = approval_actions(&view, &doc);

    return err == ERR_OK ? response_json(response, 200, doc) : err;
}

static enum err answer_card(const struct approval_view *view, struct response *response,
                            const struct invocation *invocation)
{
    enum err err = ERR_OK;
    json_t *doc = approval_card(view, invocation, &err);

    if (err != ERR_OK) {
        json_decref(doc);
        return err;
    }
    return response_json(response, 200, doc);
}

static enum err show(struct request *request, struct response *response)
{
    struct approval_view view = view_of(request);
    struct invocation invocation = {0};
    enum err err = approval_load(&view, request_path_param(request), &invocation);

    if (err == ERR_OK) {
        err = answer_card(&view, response, &invocation);
    }
    invocation_free(&invocation);
    return err;
}

static enum err change(struct request *request, struct response *response,
                       approval_change_fn *apply)
{
    struct approval_view view = view_of(request);
    struct invocation invocation = {0};
    enum err err = approval_change(&view, request_path_param(request), apply, &invocation);

    if (err == ERR_OK) {
        err = answer_card(&view, response, &invocation);
    }
    invocation_free(&invocation);
    return err;
}

static enum err post_send(struct request *request, struct response *response)
{
    return change(request, response, approval_click);
}

static enum err post_cancel(struct request *request, struct response *response)
{
    return change(request, response, approval_cancel);
}

static enum err post_acknowledge(struct request *request, struct response *response)
{
    return change(request, response, approval_acknowledge);
}

/*
 * "Not me": someone else asks in this person's name.  The turn stops, the act is
 * cancelled, it counts as a denial, and every session ends, this one too.  The
 * sessions go even where the invocation is past cancelling, and each part is
 * tried whatever became of the others.
 */
static enum err post_not_me(struct request *request, struct response *response)
{
    struct approval_view view = view_of(request);
    struct invocation invocation = {0};
    size_t ended;
    enum err err = approval_load(&view, request_path_param(request), &invocation);
    enum err turn_err, count_err, change_err, ended_err;

    if (err != ERR_OK) {
        return err;
    }
    turn_err = approval_cancel_turn(&view, &invocation);
    count_err = denial_count(view.store, &invocation, view.now);
    change_err = approval_change(&view, request_path_param(request), approval_disown, &invocation);
    ended_err = session_end_all(view.store, view.owner, view.now, &ended);
    err = turn_err != ERR_OK     ? turn_err
          : count_err != ERR_OK  ? count_err
          : change_err != ERR_OK ? change_err
                                 : ended_err;
    if (err == ERR_OK) {
        err = answer_card(&view, response, &invocation);
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
                 KIND_BIT(KIND_LEASE) | KIND_BIT(KIND_OWNER),
        .needs = needs,
        .need_count = COUNT(needs),
        .routes = routes,
        .route_count = COUNT(routes),
    };

    return program_run(&program, argc, argv);
}
