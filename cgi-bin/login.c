/*
 * login: sends a browser to the provider.
 *
 *   browser -> web server -> login -> store (one record per flow)
 *                            login -> provider (discovery, when not cached)
 */
#include "base/text.h"
#include "crypto/random.h"
#include "relying_party.h"

#include <string.h>

#define DEFAULT_RETURN_TO "/chat"
#define LOGIN_COOKIE_SECONDS ((int)(LOGIN_LIFETIME / 1000))

/* A page's name ("dashboard") or a local path; anything else is the chat (row 10). */
static enum err local_path(const char *return_to, struct buf *out)
{
    struct buf below = buf_make(1024);
    enum err err;

    buf_addf(&below, "/%s", return_to ? return_to : "");
    if (return_to && return_to_is_local(return_to) && return_to[1]) {
        buf_adds(out, return_to);
    } else if (return_to && return_to[0] && buf_err(&below) == ERR_OK &&
               return_to_is_local(buf_str(&below))) {
        buf_adds(out, buf_str(&below));
    } else {
        buf_adds(out, DEFAULT_RETURN_TO);
    }
    err = buf_err(out);
    buf_free(&below);
    return err;
}

/*
 * Third-party initiated (OIDC Core section 4): the iss must be our provider's,
 * since there is no other to send the person to.
 */
static enum err check_iss(struct request *request, struct oidc *oidc)
{
    struct oidc_metadata metadata;
    const char *iss;
    enum err err = request_query(request, "iss", &iss);

    if (err == ERR_NONE) {
        return ERR_OK;
    }
    if (err == ERR_OK) {
        err = oidc_metadata(oidc, request_now(request), &metadata);
    }
    if (err == ERR_OK && !text_equal(iss, metadata.issuer)) {
        err = ERR_INPUT;
    }
    return err;
}

static const struct failure {
    enum err err;
    int status;
    const char *code;
    const char *title;
    const char *text;
} FAILURES[] = {
    {ERR_INPUT, 400, "bad_request", "This sign-in cannot begin",
     "The address that led here is not one that this site gave. Begin the sign-in here."},
    {ERR_LIMIT, 429, "too_many", "Too many sign-ins were begun",
     "This browser began many sign-ins and finished none. Wait some minutes, then try again."},
    {ERR_DENIED, 503, "unavailable", "Too many sign-ins at once",
     "More people than this site can take are signing in. Wait some minutes, then try again."},
    {ERR_REMOTE, 502, "remote_failed", "The sign-in provider does not answer",
     "Wait a moment, then try again. If it goes on, tell whoever runs this site."},
    {ERR_CONFIG, 500, "server_error", "This site cannot sign you in",
     "It and its sign-in provider do not fit together. Tell whoever runs this site."},
};

/* What happened and how to go on, to where the person wanted. */
static enum err failure(struct request *request, struct response *response, const char *return_to,
                        enum err why)
{
    struct buf html = buf_make(8192);
    struct buf query = buf_make(4096);
    const struct failure *found = NULL;
    enum err err;

    for (size_t i = 0; i < COUNT(FAILURES); i++) {
        if (FAILURES[i].err == why) {
            found = &FAILURES[i];
        }
    }
    if (!found) {
        return why;
    }
    if (found->status == 429 || found->status == 503) {
        response_header(response, "Retry-After", "60");
    }
    if (!request_is_navigation(request)) {
        return response_error(response, found->status, found->code, found->text);
    }
    form_add(&query, "return_to", return_to);
    buf_adds(&html, "<p>");
    buf_adds(&html, found->text);
    buf_adds(&html, "</p><p class=\"muted\">Request ");
    html_add(&html, request_id(request));
    buf_adds(&html, "</p><p><a class=\"button primary\" href=\"");
    html_add(&html, config_text(request_app(request)->config, CFG_BASE_PATH));
    buf_adds(&html, "/login?");
    html_add(&html, buf_str(&query));
    buf_adds(&html, "\">Try again</a></p>");
    err = buf_err(&query) == ERR_OK ? buf_err(&html) : buf_err(&query);
    if (err == ERR_OK) {
        err = response_page(response, found->status, found->title, buf_str(&html));
    }
    buf_free(&query);
    buf_free(&html);
    return err;
}

/*
 * 302 to the provider; 400 an iss of another provider; 403 not a navigation; 429
 * too many flows begun by this browser, 503 by all; 5xx the provider cannot be used.
 */
static enum err begin(struct request *request, struct response *response)
{
    struct oidc *oidc = request_app(request)->state;
    const char *mode = request_header(request, "Sec-Fetch-Mode");
    const char *wanted = NULL;
    const char *browser = NULL;
    uint8_t random[LOGIN_RANDOM];
    char cookie[LOGIN_COOKIE_SIZE];
    struct buf return_to = buf_make(1024);
    struct buf url = buf_make_secret((size_t)8 * 1024); /* state and nonce */
    enum err err;

    /* A script or an image that asks here would only leave a flow behind, and a cookie. */
    if (mode && !text_equal(mode, "navigate")) {
        return response_error(response, 403, "not_a_navigation",
                              "Sign-in begins by opening this address in the browser.");
    }
    err = request_query(request, "return_to", &wanted);
    if (err == ERR_INPUT) {
        return response_error(response, 400, "bad_query",
                              "return_to is malformed or stands twice. Please begin again.");
    }
    if (err != ERR_OK) {
        wanted = NULL;
    }
    if (request_cookie(request, LOGIN_COOKIE, &browser) != ERR_OK) {
        browser = NULL;
    }
    err = local_path(wanted, &return_to);
    if (err == ERR_OK) {
        err = check_iss(request, oidc);
    }
    if (err == ERR_OK) {
        err = random_bytes(random, sizeof random);
    }
    if (err == ERR_OK) {
        err = oidc_login_begin(oidc, browser, buf_str(&return_to), request_now(request), random,
                               cookie, &url);
    }
    if (err == ERR_OK) {
        response_cookie(response, LOGIN_COOKIE, cookie, LOGIN_COOKIE_SECONDS);
        err = response_redirect(response, buf_str(&url));
    } else {
        err = failure(request, response, buf_str(&return_to), err);
    }
    wipe(random, sizeof random);
    wipe(cookie, sizeof cookie);
    buf_free(&return_to);
    buf_free(&url);
    return err;
}

static const struct route routes[] = {
    {GET, "/login", 0, begin, 0},
};

static const enum config_name needs[] = {CFG_AUTH0_CLIENT_ID};

static const struct program program = {
    .name = "login",
    .opens = PROGRAM_STORE | PROGRAM_HTTP,
    .kinds = KIND_BIT(KIND_LOGIN) | KIND_BIT(KIND_COUNTER) | KIND_BIT(KIND_CACHE),
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
