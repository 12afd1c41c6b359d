/* Reading what came back: header look-up and the few values that callers branch on. */
#include "base/text.h"
#include "base/url.h"
#include "net/http.h"

#include <string.h>
#include <strings.h>

#define RETRY_AFTER_MAX 3600

void http_response_free(struct http_response *response)
{
    if (response == NULL) {
        return;
    }
    buf_free(&response->headers);
    buf_free(&response->body);
    memset(response, 0, sizeof(*response));
}

const char *http_response_header(const struct http_response *response, const char *name,
                                 unsigned nth, struct buf *scratch)
{
    const char *line = buf_str(&response->headers);
    const char *end = line + response->headers.len;
    size_t name_len = strlen(name);

    buf_reset(scratch);
    while (line < end) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        const char *next = stop == NULL ? end : stop + 1;
        size_t len = (size_t)((stop == NULL ? end : stop) - line);

        if (len > name_len && line[name_len] == ':' && strncasecmp(line, name, name_len) == 0) {
            const char *value = line + name_len + 1;
            size_t value_len = len - name_len - 1;

            if (nth > 0) {
                nth--;
                line = next;
                continue;
            }
            while (value_len > 0 && (*value == ' ' || *value == '\t')) {
                value++;
                value_len--;
            }
            while (value_len > 0 && strchr(" \t\r", value[value_len - 1]) != NULL) {
                value_len--;
            }
            buf_add(scratch, value, value_len);
            return buf_err(scratch) == ERR_OK ? buf_str(scratch) : NULL;
        }
        line = next;
    }
    return NULL;
}

int http_retry_after(const struct http_response *response)
{
    struct buf scratch = buf_make(64);
    const char *text = http_response_header(response, "Retry-After", 0, &scratch);
    int64_t seconds = -1;

    /* Nine digits are read and then held to the hour; more than that is no number of ours. */
    if (text == NULL || strlen(text) > 9 || text_number(text, 999999999, &seconds) != ERR_OK) {
        seconds = -1;
    } else if (seconds > RETRY_AFTER_MAX) {
        seconds = RETRY_AFTER_MAX;
    }
    buf_free(&scratch);
    return (int)seconds;
}

bool http_same_origin(const char *a, const char *b)
{
    struct url x;
    struct url y;

    return url_split(a, &x, NULL) == ERR_OK && url_split(b, &y, NULL) == ERR_OK &&
           x.https == y.https && x.port == y.port && x.ipv6 == y.ipv6 &&
           strcmp(x.host, y.host) == 0;
}

enum err http_host_header(const char *url, char *out, size_t size)
{
    struct buf text = buf_make(URL_HOST_SIZE + 16);
    struct url parts;
    enum err err;

    if (size > 0) {
        out[0] = '\0';
    }
    err = url_split(url, &parts, NULL);
    if (err != ERR_OK) {
        goto done;
    }
    buf_addf(&text, parts.ipv6 ? "[%s]" : "%s", parts.host);
    if (!parts.port_is_default) {
        buf_addf(&text, ":%u", parts.port);
    }
    err = buf_err(&text);
    if (err == ERR_OK) {
        err = text_copy(out, size, buf_str(&text));
    }
done:
    buf_free(&text);
    return err;
}
