/* The client's token (client credentials, RFC 6749 section 4.4), kept in memory only. */
#include "authz/fga_internal.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "crypto/random.h"

#include <string.h>
#include <time.h>

#define MARGIN SECONDS(300)
/* Times a byte: up to 64 s, so that hosts do not all ask at once. */
#define JITTER_STEP ((msec)250)
#define TOKEN_LIFETIME_MAX ((json_int_t)30 * 24 * 3600)
#define BACKOFF ((msec)100)

msec fga_token_keep(int64_t expires_in, uint8_t jitter)
{
    msec lifetime = SECONDS(expires_in);
    msec margin = MARGIN + jitter * JITTER_STEP;

    return lifetime - (margin < lifetime / 4 ? margin : lifetime / 4);
}

bool fga_wait(msec wait, msec until)
{
    struct timespec left = {.tv_sec = (time_t)(wait / 1000),
                            .tv_nsec = (long)(wait % 1000) * 1000000};

    if (wait < 0 || clock_monotonic() + wait >= until) {
        return false;
    }
    while (nanosleep(&left, &left) != 0) {
        /* interrupted: the rest of it */
    }
    return true;
}

msec fga_retry_wait(enum err err, const struct http_response *response, unsigned tried,
                    uint8_t jitter)
{
    msec backoff = BACKOFF << (tried - 1);
    int seconds;

    if (tried >= FGA_TRIES) {
        return -1;
    }
    backoff += backoff * jitter / 512; /* up to half as much again */
    if (err == ERR_REMOTE || err == ERR_UNKNOWN) {
        return backoff; /* no answer; a question may be asked twice */
    }
    if (err != ERR_OK ||
        (response->status != 429 && (response->status < 500 || response->status == 501))) {
        return -1;
    }
    seconds = http_retry_after(response);
    return seconds >= 0 ? SECONDS(seconds) : backoff;
}

static enum err token_read(struct fga *fga, const struct http_response *response, msec now)
{
    struct fga_token *token = &fga->token;
    struct secret *value = NULL;
    json_t *body = NULL;
    const char *text;
    json_int_t expires_in = 0;
    uint8_t jitter = 0;
    enum err err;

    if (response->status == 400 || response->status == 401 || response->status == 403) {
        return ERR_AUTH;
    }
    if (response->status == 429) {
        return ERR_LIMIT;
    }
    if (response->status != 200) {
        return ERR_REMOTE;
    }
    err = js_parse_object(buf_str(&response->body), response->body.len, FGA_ANSWER_MAX, &body);
    if (err != ERR_OK) {
        err = ERR_REMOTE;
        goto done;
    }
    text = js_text(body, "access_token");
    if (text == NULL || text[0] == '\0' || strlen(text) > 16384 ||
        js_int(body, "expires_in", 1, TOKEN_LIFETIME_MAX, &expires_in) != ERR_OK) {
        err = ERR_REMOTE;
        goto done;
    }
    for (const char *p = text; *p != '\0'; p++) {
        if (*p <= 0x20 || *p >= 0x7f) { /* it becomes part of a header line */
            err = ERR_REMOTE;
            goto done;
        }
    }
    err = secret_new(text, strlen(text), &value);
    if (err != ERR_OK) {
        goto done;
    }
    if (random_bytes(&jitter, sizeof(jitter)) != ERR_OK) {
        jitter = 0;
    }
    secret_free(token->value);
    token->value = value;
    token->good_until = now + fga_token_keep(expires_in, jitter);
    token->generation++;
done:
    json_decref(body);
    return err;
}

static enum err token_fetch(struct fga *fga, msec now, msec until)
{
    static const struct http_header headers[] = {
        {"Content-Type", "application/x-www-form-urlencoded"}, {"Accept", "application/json"}};
    struct buf form = buf_make_secret(65536);
    enum err err;

    form_add(&form, "grant_type", "client_credentials");
    form_add(&form, "client_id", fga->client_id);
    form_add(&form, "client_secret", secret_text(fga->client_secret));
    form_add(&form, "audience", fga->audience);
    err = buf_err(&form);
    for (unsigned tried = 1; err == ERR_OK; tried++) {
        struct http_response response;
        msec left = until - clock_monotonic();
        long status;
        msec wait;

        if (left <= 0) {
            err = ERR_REMOTE;
            break;
        }
        err = http_call(fga->http,
                        &(struct http_request){.method = "POST",
                                               .url = fga->token_url,
                                               .headers = headers,
                                               .header_count = COUNT(headers),
                                               .body = buf_str(&form),
                                               .body_len = form.len,
                                               .deadline = left < FGA_TRY_MAX ? left : FGA_TRY_MAX,
                                               .body_max = FGA_ANSWER_MAX},
                        &response);
        wait = fga_retry_wait(err, &response, tried, 0);
        status = response.status;
        if (err == ERR_OK) {
            err = token_read(fga, &response, now);
        }
        http_response_free(&response);
        if (err == ERR_OK) {
            break;
        }
        if (wait < 0 || !fga_wait(wait, until)) {
            log_line(LOG_WARN, "no FGA token", LOG_T("error", err_name(err)),
                     LOG_N("status", status));
            break;
        }
        err = ERR_OK;
    }
    buf_free(&form);
    return err;
}

static int lock_until(pthread_mutex_t *lock, msec until)
{
    struct timespec at = {.tv_sec = (time_t)(until / 1000),
                          .tv_nsec = (long)(until % 1000) * 1000000};

    return pthread_mutex_clocklock(lock, CLOCK_MONOTONIC, &at);
}

enum err fga_token_take(struct fga *fga, uint64_t refused, msec now, msec until,
                        struct secret **out, uint64_t *generation)
{
    struct fga_token *token = &fga->token;
    enum err err = ERR_OK;

    *out = NULL;
    if (lock_until(&token->lock, until) != 0) {
        return ERR_REMOTE;
    }
    if (token->value == NULL || now >= token->good_until ||
        (refused != 0 && token->generation == refused)) {
        err = token_fetch(fga, now, until);
    }
    if (err == ERR_OK) {
        err = secret_copy(token->value, out);
    }
    *generation = token->generation;
    pthread_mutex_unlock(&token->lock);
    return err;
}
