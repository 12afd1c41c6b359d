/*
 * health: is it there, and could it work?
 *
 *   load balancer -> web server -> health            /healthz, says nothing of the inside
 *   operator -> loopback listener -> health -> store  /readyz, names the part that fails
 */
#include "base/log.h"
#include "web/web.h"

/* The rings that page programs need; a missing or unreadable one also stops the start. */
#define RINGS (KIND_BIT(KIND_SESSION) | KIND_BIT(KIND_OWNER))

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

static bool rings_open(const struct app *app)
{
    for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
        const uint8_t *key = NULL;
        uint32_t key_id = 0;

        if ((RINGS & KIND_BIT(kind)) &&
            keyring_current(app->keyring, (enum kind)kind, &key_id, &key) != ERR_OK) {
            return false;
        }
    }
    return true;
}

/* 200 or 503, with the state of each part. */
static enum err readyz(struct request *request, struct response *response)
{
    const struct app *app = request_app(request);
    bool store = store_ping(app->store) == ERR_OK;
    bool keys = rings_open(app);
    json_t *body = json_object();
    enum err err = ERR_OK;

    js_set_text(body, "status", store && keys ? "ok" : "failing", &err);
    js_set_text(body, "store", store ? "ok" : "failing", &err);
    js_set_text(body, "keys", keys ? "ok" : "failing", &err);
    if (err != ERR_OK) {
        json_decref(body);
        return err;
    }
    if (!store || !keys) {
        log_line(LOG_WARN, "not ready", LOG_T("store", store ? "ok" : "failing"),
                 LOG_T("keys", keys ? "ok" : "failing"));
    }
    return response_json(response, store && keys ? 200 : 503, body);
}

static const struct route routes[] = {
    {GET, "/healthz", 0, healthz, 0},
    {GET, "/readyz", NEED_LOOPBACK, readyz, 0},
};

static const struct program program = {
    .name = "health",
    .opens = PROGRAM_STORE,
    .kinds = RINGS,
    .routes = routes,
    .route_count = COUNT(routes),
};

int main(int argc, char **argv)
{
    return program_run(&program, argc, argv);
}
