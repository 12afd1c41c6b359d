/*
 * logout: ends the session here first, then tells the provider.
 *
 *   browser -> web server -> logout -> store (session and tokens deleted)
 *                            logout -> provider (refresh token revoked, at most 3 s)
 *
 * The way to the provider's own sign-out is a link and a Refresh, or JSON, never
 * a redirect: form-action would block it.
 */
#include "base/log.h"
#include "base/text.h"
#include "relying_party.h"

/*
 * An ID token hint is most of it.  It goes out in a Refresh header too, and
 * mod_fcgid reads header lines of 8 KiB; the form without the hint is short.
 */
#define LOCATION_MAX ((size_t)7 * 1024)

static const char *base_path(const struct request *request)
{
    return config_text(request_app(request)->config, CFG_BASE_PATH);
}

static bool wants_json(const struct request *request)
{
    return request_accepts(request, "application/json") && !request_accepts(request, "text/html");
}

static enum err signed_out_page(struct request *request, struct response *response)
{
    struct buf html = buf_make(4096);
    enum err err;

    buf_adds(&html, "<p>You are signed out.</p><p><a class=\"button primary\" href=\"");
    html_add(&html, base_path(request));
    buf_adds(&html, "/login\">Sign in</a></p>");
    err = buf_err(&html);
    if (err == ERR_OK) {
        err = response_page(response, 200, "Signed out", buf_str(&html));
    }
    buf_free(&html);
    return err;
}

/* 200: signed out; or, with a session, the question whether to. */
static enum err ask(struct request *request, struct response *response)
{
    const struct session *session = request_session(request);
    struct buf html = buf_make_secret(4096);
    enum err err;

    if (!session) {
        return signed_out_page(request, response);
    }
    /* A GET never signs out: an image on another site could do it. */
    buf_adds(&html, "<p>Do you want to sign out?</p><form method=\"post\" action=\"");
    html_add(&html, base_path(request));
    buf_adds(&html, "/logout\"><input type=\"hidden\" name=\"csrf_token\" value=\"");
    html_add(&html, session->csrf_token);
    buf_adds(&html, "\"><button class=\"button primary\" type=\"submit\">Sign out</button> "
                    "<a class=\"button\" href=\"");
    html_add(&html, base_path(request));
    buf_adds(&html, "/chat\">Stay signed in</a></form>");
    err = buf_err(&html);
    if (err == ERR_OK) {
        err = response_page(response, 200, "Sign out", buf_str(&html));
    }
    buf_free(&html);
    return err;
}

/* 200 {"location"}, or a page with that address as a link and a Refresh. */
static enum err gone(struct request *request, struct response *response, const char *location)
{
    struct buf html = buf_make_secret(LOCATION_MAX * 2);
    struct buf refresh = buf_make_secret(LOCATION_MAX + 16);
    struct buf home = buf_make(1024);
    json_t *body;
    enum err err = ERR_OK;

    response_cookie(response, SESSION_COOKIE, "", 0);
    if (wants_json(request)) {
        body = json_object();
        js_set_text(body, "location", location, &err);
        if (err == ERR_OK) {
            return response_json(response, 200, body);
        }
        json_decref(body);
        return err;
    }
    buf_adds(&refresh, "0; url=");
    buf_adds(&refresh, location);
    buf_adds(&html, "<p>You are signed out here. <a href=\"");
    html_add(&html, location);
    err = request_public_url(request, "/", &home);
    buf_adds(&html, text_equal(location, buf_str(&home))
                        ? "\">Go on</a></p>" /* the provider has no sign-out, or no answer */
                        : "\">Sign out at the provider as well</a></p>");
    if (err == ERR_OK) {
        err = buf_err(&html) == ERR_OK ? buf_err(&refresh) : buf_err(&html);
    }
    if (err == ERR_OK) {
        response_header(response, "Refresh", buf_str(&refresh));
        err = response_page(response, 200, "Signed out", buf_str(&html));
    }
    buf_free(&html);
    buf_free(&refresh);
    buf_free(&home);
    return err;
}

/* The session has ended by now: whatever fails here, the person is signed out. */
static enum err provider_logout(struct request *request, const struct secret *refresh_token,
                                const struct secret *id_token, const char *sid,
                                struct buf *location)
{
    struct oidc *oidc = request_app(request)->state;
    msec now = request_now(request);
    enum err err;

    if (refresh_token && oidc_revoke(oidc, refresh_token, now) != ERR_OK) {
        log_line(LOG_WARN, "signed out without revoking the refresh token");
    }
    err = oidc_logout_url(oidc, id_token, sid, now, location);
    if (err != ERR_OK) { /* too long with the hint: the plain form asks the person there */
        buf_reset(location);
        err = oidc_logout_url(oidc, NULL, NULL, now, location);
    }
    if (err != ERR_OK) {
        buf_reset(location);
        err = request_public_url(request, "/", location);
    }
    return err;
}

/* 200; 403 with a session and without its CSRF token; 503 the store failed, still signed in. */
static enum err sign_out(struct request *request, struct response *response)
{
    struct app *app = request_app(request);
    const struct session *session = request_session(request);
    struct secret *refresh_token = NULL;
    struct secret *id_token = NULL;
    struct buf location = buf_make_secret(LOCATION_MAX);
    enum err err;

    if (!session) {
        if (!wants_json(request)) {
            return signed_out_page(request, response);
        }
        err = request_public_url(request, "/", &location);
        if (err == ERR_OK) {
            err = gone(request, response, buf_str(&location));
        }
        goto done;
    }
    err = session_tokens_get(app->store, session->id, request_now(request), &refresh_token,
                             &id_token);
    if (err != ERR_OK && err != ERR_NONE) {
        log_line(LOG_WARN, "the tokens of an ending session could not be read",
                 LOG_T("reason", err_name(err)));
    }
    err = session_end(app->store, session->id);
    if (err == ERR_NONE) {
        err = ERR_OK;
    }
    if (err == ERR_OK) {
        err = provider_logout(request, refresh_token, id_token, session->sid, &location);
    }
    if (err == ERR_OK) {
        err = gone(request, response, buf_str(&location));
    }
done:
    secret_free(refresh_token);
    secret_free(id_token);
    buf_free(&location);
    return err;
}

static const struct route routes[] = {
    {GET, "/logout", WANT_SESSION | PAGE, ask, 0},
    {POST, "/logout", CSRF_IF_SESSION, sign_out, 4096},
};

static const enum config_name needs[] = {CFG_AUTH0_CLIENT_ID, CFG_AUTH0_CLIENT_SECRET};

static const struct program program = {
    .name = "logout",
    .opens = PROGRAM_STORE | PROGRAM_HTTP,
    .kinds = KIND_BIT(KIND_SESSION) | KIND_BIT(KIND_TOKENS) | KIND_BIT(KIND_CACHE),
    .needs = needs,
    .need_count = COUNT(needs),
    .routes = routes,
    .route_count = COUNT(routes),
    .start = relying_party_start,
    .stop = relying_party_stop,
};

int main(int argc, char **argv)
{
    return program_run(&program, argc, argv);
}
