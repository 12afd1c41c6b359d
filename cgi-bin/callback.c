/*
 * callback: a browser comes back from the provider, and a session begins.
 *
 *   browser -> web server -> callback -> store (the flow, taken once)
 *                            callback -> provider (code for tokens, keys)
 *                            callback -> store (session; tokens apart)
 *
 * A callback that fails changes nothing about a session that is already there.
 */
#include "base/log.h"
#include "base/text.h"
#include "crypto/random.h"
#include "relying_party.h"

#include <string.h>

#define TELL "If it happens again, tell whoever runs this site, with the time."

static const struct failure {
    enum err err;
    int status;
    const char *title;
    const char *text;
} FAILURES[] = {
    {ERR_NONE, 400, "This sign-in has ended",
     "It was used before, took longer than ten minutes, or began in another browser. "
     "Begin it again here."},
    {ERR_INPUT, 400, "This sign-in cannot be read",
     "The provider's answer was incomplete. Begin the sign-in again. " TELL},
    {ERR_DENIED, 403, "You were not signed in",
     "The provider ended the sign-in, or you cancelled it there. You can begin it again."},
    {ERR_FORGED, 403, "You were not signed in",
     "The provider's answer did not verify. Begin the sign-in again. " TELL},
    {ERR_AUTH, 403, "You were not signed in",
     "You signed out everywhere while this sign-in was under way. Begin it again. " TELL},
    {ERR_REMOTE, 502, "You were not signed in",
     "The provider did not answer as it should. Wait a moment and begin again. " TELL},
    {ERR_UNKNOWN, 504, "You were not signed in",
     "The provider did not answer in time. Wait a moment and begin again. " TELL},
    {ERR_CONFIG, 500, "You were not signed in",
     "This site and its provider do not fit together. Tell whoever runs this site, with the time."},
    {ERR_STORE, 503, "You were not signed in",
     "The server cannot keep a sign-in at the moment. Wait a moment and begin again. " TELL},
};
/* For what the table does not name. */
static const struct failure OTHER = {ERR_SYSTEM, 503, "You were not signed in",
                                     "The server could not do this. Begin again. " TELL};

/* What happened and how to go on; nothing of what came is shown (row 8). */
static enum err failure_page(struct request *request, struct response *response, enum err why)
{
    const struct failure *failure = &OTHER;
    struct buf html = buf_make(4096);
    enum err err;

    for (size_t i = 0; i < COUNT(FAILURES); i++) {
        if (FAILURES[i].err == why) {
            failure = &FAILURES[i];
        }
    }
    buf_adds(&html, "<p>");
    buf_adds(&html, failure->text);
    buf_adds(&html, "</p><p class=\"muted\">Request ");
    html_add(&html, request_id(request));
    buf_adds(&html, "</p><p><a class=\"button primary\" href=\"");
    html_add(&html, config_text(request_app(request)->config, CFG_BASE_PATH));
    buf_adds(&html, "/login\">Try again</a></p>");
    err = buf_err(&html);
    if (err == ERR_OK) {
        err = response_page(response, failure->status, failure->title, buf_str(&html));
    }
    buf_free(&html);
    return err;
}

/* A refresh token that no session will hold is taken back: at most 3 s, then it just expires. */
static void revoke(struct request *request, const struct secret *refresh_token)
{
    if (refresh_token &&
        oidc_revoke(request_app(request)->state, refresh_token, request_now(request)) != ERR_OK) {
        log_line(LOG_WARN, "a refresh token without a session was not revoked");
    }
}

/*
 * The session that this browser had.  Another person's refresh token is revoked.
 * The same person's is not: to a provider that revokes by grant (RFC 7009 section
 * 2.1; Auth0's "Refresh Token Revocation Deletes Grant") it is one with the new
 * session's, which would lose its own.
 */
static void end_former(struct request *request, const struct person *person)
{
    struct app *app = request_app(request);
    const struct session *former = request_session(request);
    struct secret *refresh_token = NULL;
    struct secret *id_token = NULL;
    bool another;

    if (!former) {
        return;
    }
    another = memcmp(former->person.owner, person->owner, sizeof person->owner) != 0;
    if (another && session_tokens_get(app->store, former->id, request_now(request), &refresh_token,
                                      &id_token) > ERR_NONE) {
        log_line(LOG_WARN, "the tokens of an ending session could not be read");
    }
    if (session_end(app->store, former->id) > ERR_NONE) {
        log_line(LOG_ERROR, "the former session could not be ended");
    }
    revoke(request, refresh_token);
    secret_free(refresh_token);
    secret_free(id_token);
}

/* Always a new id, whatever cookie came (row 28); the one before it ends. */
static enum err new_session(struct request *request, const struct oidc_identity *identity,
                            char token[SESSION_TOKEN_SIZE])
{
    struct app *app = request_app(request);
    struct session session = {0};
    uint8_t random[SESSION_RANDOM];
    msec now = request_now(request);
    enum err err = random_bytes(random, sizeof random);

    if (err == ERR_OK) {
        err = session_create(app->store, &app->limits, &identity->person, identity->sid,
                             request_header(request, "User-Agent"), identity->auth_time,
                             identity->started_at, now, random, token, &session);
    }
    if (err == ERR_OK) {
        err = session_tokens_put(app->store, &session, identity->refresh_token, identity->id_token,
                                 now);
        if (err != ERR_OK && session_end(app->store, session.id) > ERR_NONE) {
            log_line(LOG_ERROR, "an unused session could not be ended");
        }
    }
    if (err == ERR_OK) {
        end_former(request, &identity->person);
    } else {
        revoke(request, identity->refresh_token);
        wipe(token, SESSION_TOKEN_SIZE);
    }
    err = err == ERR_NONE ? ERR_AUTH : err; /* signed out everywhere meanwhile */
    wipe(random, sizeof random);
    session_free(&session);
    return err;
}

/*
 * 302 to return_to, signed in; 400 no such flow or parameters missing; 403 denied
 * or not verified; 502, 504 the provider failed; 503 the store.
 */
static enum err finish(struct request *request, struct response *response)
{
    struct oidc *oidc = request_app(request)->state;
    struct oidc_identity identity = {0};
    struct buf url = buf_make(2048);
    const char *browser = NULL;
    char token[SESSION_TOKEN_SIZE] = {0};
    char code[64] = {0};
    enum err err;

    if (request_cookie(request, LOGIN_COOKIE, &browser) != ERR_OK) {
        browser = NULL;
    }
    err = oidc_login_finish(oidc, request_raw_query(request), browser, request_now(request), code,
                            &identity);
    if (err == ERR_OK) {
        err = new_session(request, &identity, token);
    }
    if (err == ERR_OK) {
        err = request_public_url(request, identity.return_to, &url);
    }
    if (err == ERR_OK) {
        log_line(LOG_INFO, "signed in");
        response_cookie(response, SESSION_COOKIE, token, -1);
        err = response_redirect(response, buf_str(&url));
    } else {
        log_line(LOG_WARN, "sign-in refused", LOG_T("reason", err_name(err)),
                 LOG_T("provider_error", code));
        err = failure_page(request, response, err);
    }
    wipe(token, sizeof token);
    oidc_identity_free(&identity);
    buf_free(&url);
    return err;
}

static const struct route routes[] = {
    {GET, "/callback", WANT_SESSION | PAGE, finish, 0},
};

static const enum config_name needs[] = {CFG_AUTH0_CLIENT_ID, CFG_AUTH0_CLIENT_SECRET};

static const struct program program = {
    .name = "callback",
    .opens = PROGRAM_STORE | PROGRAM_HTTP,
    .kinds = KIND_BIT(KIND_LOGIN) | KIND_BIT(KIND_SESSION) | KIND_BIT(KIND_TOKENS) |
             KIND_BIT(KIND_OWNER) | KIND_BIT(KIND_CACHE),
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
