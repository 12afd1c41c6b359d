/*
 * health: is it there, and could it work?
 *
 *   load balancer -> web server -> health            /healthz, says nothing of the inside
 *   operator -> loopback listener -> health -> store  /readyz, names the part that fails
 *
 * It opens no key ring: the store answers without one.
 */
#include "base/log.h"
#include "web/web.h"

/* 200 {"status":"ok"}. */
static enum err healthz(struct request *request, struct response *response)
{
    json_t *body = json_object();
    enum err err = ERR_OK;

    (void)request;
    js_set_text(body, "status", "ok", &err);
    if (err != ERR_OK) {
        json_decref(body);
        return err;
    }
    return response_json(response, 200, body);
}

/* 200 or 503, with the state of each part. */
static enum err readyz(struct request *request, struct response *response)
{
    bool store = store_ping(request_app(request)->store) == ERR_OK;
    json_t *body = json_object();
    enum err err = ERR_OK;

    js_set_text(body, "status", store ? "ok" : "failing", &err);
    js_set_text(body, "store", store ? "ok" : "failing", &err);
    if (err != ERR_OK) {
        json_decref(body);
        return err;
    }
    if (!store) {
        log_line(LOG_WARN, "not ready", LOG_T("store", "failing"));
    }
    return response_json(response, store ? 200 : 503, body);
}

static const struct route routes[] = {
    {GET, "/healthz", 0, healthz, 0},
    {GET, "/readyz", NEED_LOOPBACK, readyz, 0},
};

static const struct program program = {
    .name = "health",
    .opens = PROGRAM_STORE,
    .routes = routes,
    .route_count = COUNT(routes),
};

int main(int argc, char **argv)
{
    return program_run(&program, argc, argv);
}
