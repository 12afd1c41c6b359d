#include "net/request.h"

#include "base/secret.h"
#include "base/text.h"
#include "base/url.h"

#include <string.h>
#include <strings.h>

#define HEADER_MAX ((size_t)128 * 1024) /* one header */

/* Field names are tokens (RFC 9110 section 5.1); framing and the host are ours to write. */
static bool header_allowed(const struct http_header *header)
{
    static const char token[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char *const ours[] = {"Host", "Content-Length", "Transfer-Encoding", "Connection",
                                       "Expect"};

    if (!text_of(header->name, 1, 128, token) || header->value == NULL) {
        return false;
    }
    for (const char *p = header->value; *p != '\0'; p++) {
        if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f) {
            return false;
        }
    }
    for (size_t i = 0; i < COUNT(ours); i++) {
        if (strcasecmp(header->name, ours[i]) == 0) {
            return false;
        }
    }
    return true;
}

void request_headers_free(struct curl_slist *list)
{
    for (struct curl_slist *item = list; item != NULL; item = item->next) {
        wipe(item->data, strlen(item->data));
    }
    curl_slist_free_all(list);
}

static enum err list_add(struct curl_slist **list, const char *name, const char *value)
{
    struct buf line = buf_make_secret(HEADER_MAX);
    struct curl_slist *grown = NULL;
    enum err err;

    /* libcurl's spelling: "Name;" sends an empty value, where "Name:" would send nothing. */
    buf_adds(&line, name);
    buf_adds(&line, value[0] == '\0' ? ";" : ": ");
    buf_adds(&line, value);
    err = buf_err(&line);
    if (err != ERR_OK) {
        err = err == ERR_LIMIT ? ERR_INPUT : err;
        goto done;
    }
    grown = curl_slist_append(*list, buf_str(&line));
    if (grown == NULL) {
        err = ERR_MEMORY;
    } else {
        *list = grown;
    }
done:
    buf_free(&line);
    return err;
}

/* A name alone with a colon keeps libcurl from adding that header by itself. */
static enum err list_suppress(struct curl_slist **list, const char *name_and_colon)
{
    struct curl_slist *grown = curl_slist_append(*list, name_and_colon);

    if (grown == NULL) {
        return ERR_MEMORY;
    }
    *list = grown;
    return ERR_OK;
}

enum err request_headers(const struct http_request *request, struct curl_slist **out)
{
    char host[URL_HOST_SIZE + 16];
    bool has_type = false;
    enum err err = ERR_OK;

    if (request->header_count > HTTP_HEADERS_MAX) {
        return ERR_INPUT;
    }
    err = http_host_header(request->url, host, sizeof(host));
    if (err == ERR_OK) {
        err = list_add(out, "Host", host);
    }
    for (size_t i = 0; i < request->header_count && err == ERR_OK; i++) {
        if (!header_allowed(&request->headers[i])) {
            return ERR_INPUT;
        }
        has_type = has_type || strcasecmp(request->headers[i].name, "Content-Type") == 0;
        err = list_add(out, request->headers[i].name, request->headers[i].value);
    }
    if (err == ERR_OK) {
        err = list_suppress(out, "Expect:");
    }
    if (err == ERR_OK && !has_type) {
        err = list_suppress(out, "Content-Type:");
    }
    return err;
}

bool request_method_allowed(const struct http_request *request)
{
    const char *method = request->method;

    if (text_equal(method, "GET")) {
        return request->body == NULL;
    }
    return text_equal(method, "POST") || text_equal(method, "PUT") || text_equal(method, "DELETE");
}

CURLcode easy_set_body(CURL *easy, const struct http_request *request)
{
    CURLcode code = CURLE_OK;

    /* A POST or PUT without a body still says Content-Length: 0; servers answer 411 otherwise. */
    if (request->body != NULL || strcmp(request->method, "POST") == 0 ||
        strcmp(request->method, "PUT") == 0) {
        code = curl_easy_setopt(easy, CURLOPT_POST, 1L);
        if (code == CURLE_OK) {
            code = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                                    (curl_off_t)(request->body == NULL ? 0 : request->body_len));
        }
        if (code == CURLE_OK) {
            code = curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
                                    request->body == NULL ? "" : request->body);
        }
    }
    if (code == CURLE_OK) {
        code = curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    }
    return code;
}
