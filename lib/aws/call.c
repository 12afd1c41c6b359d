#include "aws/call.h"

#include "aws/sigv4.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"

#include <string.h>

#define URL_BYTES ((size_t)8192)
#define ERROR_BODY_MAX ((size_t)64 * 1024)
#define ERROR_NAME_SIZE 64

/*
 * AWS writes "Name", "Name:http://..." or "com.amazon.x#Name"; callers branch on
 * the short name, so nothing but letters and digits may be one.
 */
static void error_name_copy(const char *text, char out[ERROR_NAME_SIZE])
{
    const char *hash;
    size_t len;

    out[0] = '\0';
    if (text == NULL) {
        return;
    }
    len = strcspn(text, ":");
    hash = memchr(text, '#', len);
    if (hash != NULL) {
        len -= (size_t)(hash + 1 - text);
        text = hash + 1;
    }
    if (len == 0 || len >= ERROR_NAME_SIZE ||
        strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") < len) {
        return;
    }
    memcpy(out, text, len);
    out[len] = '\0';
}

static void error_name_find(const struct http_response *response, char out[ERROR_NAME_SIZE])
{
    struct buf scratch = buf_make(1024);
    json_t *body = NULL;

    error_name_copy(http_response_header(response, "x-amzn-ErrorType", 0, &scratch), out);
    if (out[0] == '\0' && js_parse_object(buf_str(&response->body), response->body.len,
                                          ERROR_BODY_MAX, &body) == ERR_OK) {
        error_name_copy(js_text(body, "__type"), out);
        if (out[0] == '\0') {
            error_name_copy(js_text(body, "code"), out);
        }
    }
    json_decref(body);
    buf_free(&scratch);
}

enum err aws_call(struct http *http, const struct aws_credentials *credentials,
                  const struct aws_call *call, msec now, struct http_response *response,
                  char error_name[ERROR_NAME_SIZE])
{
    struct buf url = buf_make(URL_BYTES);
    struct sigv4_result signature = {0};
    char host[300];
    bool s3 = strcmp(call->service, "s3") == 0;
    const char *query = call->query == NULL ? "" : call->query;
    struct sigv4_header to_sign[2];
    size_t to_sign_count = 0;
    struct http_header headers[5];
    size_t count = 0;
    enum err err;

    memset(response, 0, sizeof(*response));
    error_name[0] = '\0';
    err = http_host_header(call->endpoint, host, sizeof(host));
    if (err != ERR_OK) {
        goto done;
    }
    to_sign[to_sign_count++] = (struct sigv4_header){"host", host};
    if (call->content_type != NULL) {
        to_sign[to_sign_count++] = (struct sigv4_header){"content-type", call->content_type};
        headers[count++] = (struct http_header){"Content-Type", call->content_type};
    }
    err = sigv4_sign(&(struct sigv4_request){.method = call->method,
                                             .path = call->path,
                                             .query = query,
                                             .headers = to_sign,
                                             .header_count = to_sign_count,
                                             .body = call->body,
                                             .body_len = call->body_len,
                                             .region = call->region,
                                             .service = call->service,
                                             .normalize_path = !s3,
                                             .encode_path = !s3,
                                             .sign_body_header = s3},
                     credentials, now, &signature);
    if (err != ERR_OK) {
        goto done;
    }
    headers[count++] = (struct http_header){"X-Amz-Date", signature.amz_date};
    headers[count++] = (struct http_header){"Authorization", buf_str(&signature.authorization)};
    if (credentials->session_token != NULL) {
        headers[count++] =
            (struct http_header){"X-Amz-Security-Token", secret_text(credentials->session_token)};
    }
    if (s3) {
        headers[count++] = (struct http_header){"X-Amz-Content-Sha256", signature.content_sha256};
    }
    /* The URL is put together from the very bytes that were signed. */
    buf_add(&url, call->endpoint,
            strlen(call->endpoint) - (call->endpoint[strlen(call->endpoint) - 1] == '/' ? 1 : 0));
    buf_adds(&url, call->path);
    if (query[0] != '\0') {
        buf_addc(&url, '?');
        buf_adds(&url, query);
    }
    err = buf_err(&url);
    if (err != ERR_OK) {
        goto done;
    }
    err = http_call(http,
                    &(struct http_request){.method = call->method,
                                           .url = buf_str(&url),
                                           .headers = headers,
                                           .header_count = count,
                                           .body = call->body,
                                           .body_len = call->body_len,
                                           .deadline = call->deadline,
                                           .body_max = call->body_max,
                                           .on_data = call->on_data,
                                           .context = call->context},
                    response);
    if (err == ERR_OK && response->status != 200) {
        error_name_find(response, error_name);
        log_line(LOG_WARN, "AWS refused a call", LOG_T("service", call->service),
                 LOG_N("status", response->status), LOG_T("error", error_name));
    }
done:
    sigv4_result_free(&signature);
    buf_free(&url);
    return err;
}

enum err aws_endpoint(const struct config *config, enum config_name specific,
                      const char *host_prefix, char *out, size_t size)
{
    const char *region = config_text(config, CFG_AWS_REGION);
    const char *configured = config_text(config, specific);
    struct buf url = buf_make(512);
    enum err err;

    if (size > 0) {
        out[0] = '\0';
    }
    if (configured[0] == '\0') {
        configured = config_text(config, CFG_AWS_ENDPOINT_URL);
    }
    if (configured[0] != '\0') {
        size_t len = strlen(configured);
        while (len > 0 && configured[len - 1] == '/') {
            len--;
        }
        buf_add(&url, configured, len);
    } else if (text_of(region, 1, 32, "abcdefghijklmnopqrstuvwxyz0123456789-")) {
        buf_addf(&url, "https://%s.%s.amazonaws.com%s", host_prefix, region,
                 text_starts(region, "cn-") ? ".cn" : "");
    } else {
        buf_free(&url);
        return ERR_CONFIG;
    }
    err = buf_err(&url);
    if (err == ERR_OK) {
        err = text_copy(out, size, buf_str(&url));
    }
    buf_free(&url);
    return err == ERR_OK ? ERR_OK : ERR_CONFIG;
}
