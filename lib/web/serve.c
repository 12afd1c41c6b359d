/*
 * One request, from its parameters to its answer: web-rule 2's order of demands,
 * then the handler, then web-rule 4.  Knows nothing of FastCGI, so that the unit
 * tests call it as it is.
 */
#include "base/log.h"
#include "base/text.h"
#include "web/internal.h"

#include <stdlib.h>
#include <string.h>

static void refuse(struct response *response, int status, const char *code, const char *message)
{
    if (response_error(response, status, code, message) != ERR_OK) {
        response_from_err(response, ERR_MEMORY);
    }
}

static bool too_large(const struct request *request)
{
    size_t total = 0;

    for (char **at = request->envp; *at && total <= REQUEST_HEADERS_MAX; at++) {
        total += strlen(*at);
    }
    return total > REQUEST_HEADERS_MAX;
}

static void wrong_method(struct response *response, const struct route_match *match)
{
    response_header(response, "Allow",
                    match->allow_get && match->allow_post ? "GET, HEAD, POST"
                    : match->allow_get                    ? "GET, HEAD"
                                                          : "POST");
    refuse(response, 405, "method_not_allowed", "This address does not take that method.");
}

/* ERR_OK when the body is there; else the refusal has been written. */
static bool take_body(struct request *request, struct response *response, read_body_fn *read_body,
                      void *context)
{
    const char *code = "";
    const char *message = "";
    size_t len = 0;
    int status = request_body_length(request, request->route->body_max, &len, &code, &message);

    if (status != 0) {
        refuse(response, status, code, message);
        return false;
    }
    request->body = malloc(len + 1);
    if (!request->body) {
        response_from_err(response, ERR_MEMORY);
        return false;
    }
    request->body[len] = '\0';
    if (read_body(context, request->body, len) != ERR_OK) {
        refuse(response, 400, "bad_body", "The body is not as long as Content-Length says.");
        return false;
    }
    request->body_len = len;
    return true;
}

static void signed_out(struct request *request, struct response *response)
{
    struct buf url = buf_make(2048);

    if (request_is_read(request) && request_is_navigation(request)) {
        buf_adds(&url, config_text(request->app->config, CFG_BASE_PATH));
        buf_adds(&url, "/login?return_to=");
        percent_add(&url, request->path);
        if (buf_err(&url) == ERR_OK && response_redirect(response, buf_str(&url)) == ERR_OK) {
            buf_free(&url);
            return;
        }
    }
    refuse(response, 401, "signed_out", "Sign in first.");
    buf_free(&url);
}

static bool meet_demands(struct request *request, struct response *response)
{
    unsigned demands = request->route->demands;
    bool csrf;
    enum err err = ERR_OK;

    if (demands & (NEED_SESSION | WANT_SESSION | NEED_CSRF | CSRF_IF_SESSION)) {
        err = request_load_session(request);
    }
    csrf = (demands & NEED_CSRF) || ((demands & CSRF_IF_SESSION) && request->has_session);
    if (err != ERR_OK && err != ERR_NONE) {
        response_from_err(response, err);
        return false;
    }
    if ((demands & NEED_SESSION) && !request->has_session) {
        signed_out(request, response);
        return false;
    }
    if (csrf && csrf_check(request) != ERR_OK) {
        refuse(response, 403, "csrf", "The request did not come from this session's page.");
        return false;
    }
    return true;
}

static void handle(struct request *request, struct response *response)
{
    enum err err = request->route->handler(request, response);

    if (err == ERR_OK && !response->has_stream && buf_err(&response->body) != ERR_OK) {
        err = ERR_MEMORY;
    }
    if (err == ERR_OK && (response->failed || buf_err(&response->headers) != ERR_OK)) {
        err = ERR_SYSTEM;
    }
    if (err != ERR_OK) {
        log_line(err == ERR_NONE || err == ERR_INPUT ? LOG_DEBUG : LOG_INFO, "request refused",
                 LOG_T("reason", err_name(err)), LOG_T("route", request->route->pattern));
        response_from_err(response, err);
    }
}

void serve(struct request *request, struct response *response, const struct route *routes,
           size_t count, read_body_fn *read_body, void *context)
{
    struct route_match match;
    enum route_result found;

    if (too_large(request)) {
        refuse(response, 431, "headers_too_large", "The header of the request is too large.");
        return;
    }
    found = route_find(routes, count, request_param(request, "REQUEST_METHOD"), request->path,
                       request->loopback, &match);
    if (found == ROUTE_NONE) {
        refuse(response, 404, "not_found", "There is nothing at this address.");
        return;
    }
    if (found == ROUTE_METHOD) {
        wrong_method(response, &match);
        return;
    }
    request->route = match.route;
    memcpy(request->param, match.param, sizeof(request->param));
    if (take_body(request, response, read_body, context) && meet_demands(request, response)) {
        handle(request, response);
    }
}

void serve_log(const char *method, const char *pattern, int status, msec began, const char *note)
{
    /* The pattern and never the path or query: those may carry codes, states and ids. */
    log_line(LOG_INFO, "request", LOG_T("method", method ? method : ""), LOG_T("route", pattern),
             LOG_N("status", status), LOG_N("ms", clock_monotonic() - began), LOG_T("note", note));
}
