/* The call itself: authorization, rate limits, pages, and what an answer means. */
#include "base/log.h"
#include "base/text.h"
#include "okta/okta_internal.h"

#include <string.h>
#include <time.h>

#define LINKS_MAX 16
#define ERROR_MAX ((size_t)64 * 1024)

struct okta_read okta_read_begin(struct okta *okta, const struct okta_token *token)
{
    return (struct okta_read){
        .okta = okta, .token = token, .until = clock_monotonic() + OKTA_READ_DEADLINE};
}

static enum err call(struct okta *okta, const struct okta_token *token, const char *method,
                     const char *url, msec deadline, struct http_response *response)
{
    struct buf authorization = buf_make_secret(70000);
    struct http_header headers[2] = {{"Accept", "application/json"}};
    enum err err;

    memset(response, 0, sizeof(*response));
    buf_addf(&authorization, "%s %s", token->scheme, secret_text(token->token));
    err = buf_err(&authorization);
    headers[1] = (struct http_header){"Authorization", buf_str(&authorization)};
    if (err == ERR_OK && secret_len(token->token) == 0) {
        err = ERR_AUTH; /* nothing is asked without a token */
    }
    if (err == ERR_OK) {
        err = http_call(okta->http,
                        &(struct http_request){.method = method,
                                               .url = url,
                                               .headers = headers,
                                               .header_count = COUNT(headers),
                                               .deadline = deadline,
                                               .body_max = OKTA_ANSWER_MAX,
                                               .fresh_connection = strcmp(method, "GET") != 0},
                        response);
    }
    buf_free(&authorization);
    return err;
}

msec okta_rate_wait(const struct http_response *response, msec now)
{
    struct buf scratch = buf_make(64);
    const char *text = http_response_header(response, "X-Rate-Limit-Reset", 0, &scratch);
    int64_t reset = 0;
    msec wait = SECONDS(1);

    if (text != NULL && text_number(text, 9999999999, &reset) == ERR_OK) {
        wait = SECONDS(reset) - now;
        /* A reset in the past is a limit on concurrent calls, or a clock behind ours. */
        if (wait <= 0) {
            wait = SECONDS(1);
        }
    }
    buf_free(&scratch);
    return wait <= OKTA_WAIT_MAX ? wait : -1;
}

static void wait_for(msec wait)
{
    struct timespec left = {.tv_sec = (time_t)(wait / 1000),
                            .tv_nsec = (long)(wait % 1000) * 1000000};

    while (nanosleep(&left, &left) != 0) {
        /* interrupted: the rest of it */
    }
}

/* errorCode out of an error body; letters and digits or nothing, since it is shown and logged. */
static void error_code(const struct http_response *response, char code[OKTA_CODE_SIZE])
{
    json_t *body = NULL;
    const char *text = NULL;

    code[0] = '\0';
    if (js_parse_object(buf_str(&response->body), response->body.len, ERROR_MAX, &body) == ERR_OK) {
        text = js_text(body, "errorCode");
    }
    if (text != NULL &&
        text_of(text, 1, OKTA_CODE_SIZE - 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")) {
        memcpy(code, text, strlen(text) + 1);
    }
    json_decref(body);
}

enum err okta_refusal(const struct http_response *response, bool written, char code[OKTA_CODE_SIZE])
{
    /* Below 500 a code says more than the status; from 500 on only these say "surely not done". */
    static const struct {
        const char *code;
        enum err err;
        bool server_side;
    } codes[] = {
        {"E0000004", ERR_AUTH, false},   {"E0000011", ERR_AUTH, false},
        {"E0000005", ERR_DENIED, false}, {"E0000006", ERR_DENIED, false},
        {"E0000007", ERR_NONE, false},   {"E0000008", ERR_NONE, false},
        {"E0000017", ERR_DENIED, false}, {"E0000038", ERR_DENIED, false},
        {"E0000047", ERR_LIMIT, false},  {"E0000010", ERR_REMOTE, true}, /* read-only mode */
        {"E0000060", ERR_REMOTE, true} /* unsupported operation */};
    struct buf scratch = buf_make(128);
    const char *id = http_response_header(response, "X-Okta-Request-Id", 0, &scratch);
    enum err err;

    error_code(response, code);
    switch (response->status) {
    case 401:
        err = ERR_AUTH;
        break;
    case 403:
        err = ERR_DENIED;
        break;
    case 404:
        err = ERR_NONE;
        break;
    case 429:
        err = ERR_LIMIT;
        break;
    default:
        /* A gateway that gave up waiting says 408 or 5xx while Okta may have gone on. */
        err = written &&
                      (response->status < 300 || response->status == 408 || response->status >= 500)
                  ? ERR_UNKNOWN
                  : ERR_REMOTE;
    }
    for (size_t i = 0; i < COUNT(codes) && response->status >= 400; i++) {
        if (strcmp(codes[i].code, code) == 0 && (response->status < 500 || codes[i].server_side)) {
            err = codes[i].err;
        }
    }
    log_line(LOG_WARN, "Okta refused a call", LOG_N("status", response->status),
             LOG_T("code", code), LOG_T("okta_request_id", id == NULL ? "" : id),
             LOG_T("error", err_name(err)));
    buf_free(&scratch);
    return err;
}

/*
 * The target of rel="next" in one Link line (RFC 8288), NULL when it holds none.
 * Okta sends each link in a line of its own; a line of several is taken apart at
 * the brackets, as a target cannot hold one.  ERR_REMOTE: a target without end.
 */
static enum err next_target(const char *line, const char **out, size_t *len)
{
    *out = NULL;
    while ((line = strchr(line, '<')) != NULL) {
        const char *target = line + 1;
        const char *end = strchr(target, '>');
        size_t parameters;
        const char *rel;

        if (end == NULL) {
            return ERR_REMOTE;
        }
        parameters = strcspn(end + 1, "<");
        rel = strcasestr(end + 1, "rel=\"next\"");
        if (rel == NULL) {
            rel = strcasestr(end + 1, "rel=next");
        }
        if (rel != NULL && (size_t)(rel - end - 1) < parameters) {
            *out = target;
            *len = (size_t)(end - target);
            return ERR_OK;
        }
        line = end + 1;
    }
    return ERR_OK;
}

enum err okta_next(const struct okta *okta, const struct http_response *response, struct buf *next)
{
    struct buf line = buf_make(16384);
    enum err err = ERR_OK;

    buf_reset(next);
    for (unsigned i = 0; err == ERR_OK && next->len == 0; i++) {
        const char *text = http_response_header(response, "Link", i, &line);
        const char *target = NULL;
        size_t len = 0;

        if (text == NULL) {
            err = buf_err(&line) == ERR_OK ? ERR_OK : ERR_REMOTE; /* none, or too long to read */
            break;
        }
        err = i == LINKS_MAX ? ERR_REMOTE : next_target(text, &target, &len);
        if (target != NULL) {
            buf_add(next, target, len);
            /* The token goes where this leads. */
            if (len == 0 || buf_err(next) != ERR_OK ||
                !http_same_origin(okta->origin, buf_str(next))) {
                err = ERR_REMOTE;
            }
        }
    }
    if (err != ERR_OK) {
        buf_reset(next);
    }
    buf_free(&line);
    return err;
}

enum err okta_get(struct okta_read *read, const char *url, json_t **body, struct buf *next)
{
    char code[OKTA_CODE_SIZE];
    struct http_response response = {0};
    enum err err;

    *body = NULL;
    for (;;) {
        msec left = read->until - clock_monotonic();
        msec wait;

        if (left <= 0) {
            return ERR_REMOTE;
        }
        err = call(read->okta, read->token, "GET", url, left, &response);
        if (err != ERR_OK) {
            /* Nothing was to change, so nothing is unknown. */
            return err == ERR_UNKNOWN || err == ERR_LIMIT ? ERR_REMOTE : err;
        }
        if (response.status == 200) {
            break;
        }
        err = okta_refusal(&response, false, code);
        wait = err == ERR_LIMIT ? okta_rate_wait(&response, clock_now()) : -1;
        http_response_free(&response);
        if (wait < 0 || read->waited + wait > OKTA_WAIT_MAX ||
            clock_monotonic() + wait >= read->until) {
            return err;
        }
        wait_for(wait);
        read->waited += wait;
    }
    if (js_parse(buf_str(&response.body), response.body.len, OKTA_ANSWER_MAX, body) != ERR_OK) {
        err = ERR_REMOTE;
    }
    if (err == ERR_OK && next != NULL) {
        err = okta_next(read->okta, &response, next);
    }
    if (err != ERR_OK) {
        json_decref(*body);
        *body = NULL;
    }
    http_response_free(&response);
    return err;
}

enum err okta_send(struct okta *okta, const struct okta_token *token, const char *method,
                   const char *path, char code[OKTA_CODE_SIZE])
{
    struct buf url = buf_make(4096);
    struct http_response response = {0};
    enum err err;

    code[0] = '\0';
    buf_adds(&url, okta->origin);
    buf_adds(&url, path);
    err = buf_err(&url);
    if (err != ERR_OK) {
        goto done;
    }
    err = call(okta, token, method, buf_str(&url), OKTA_WRITE_DEADLINE, &response);
    if (err == ERR_LIMIT) {
        err = ERR_UNKNOWN; /* an answer too large is an answer: it was sent */
    } else if (err == ERR_OK && response.status != 200 && response.status != 204) {
        err = okta_refusal(&response, true, code);
    }
done:
    /* The body is not looked at: a reset could hold a link that is a credential. */
    http_response_free(&response);
    buf_free(&url);
    return err;
}
