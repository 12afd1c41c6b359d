#include "aws/sigv4_canonical.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PATH_MAX_BYTES ((size_t)16 * 1024)

static bool unreserved(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static void encode(struct buf *out, const char *bytes, size_t len, bool keep_slash)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (unreserved(c) || (keep_slash && c == '/')) {
            buf_addc(out, (char)c);
        } else {
            buf_addf(out, "%%%02X", c);
        }
    }
}

/* The end of the last segment in out: the length without it and its slash. */
static size_t parent(const struct buf *out)
{
    size_t len = out->len;

    while (len > 0 && out->data[len - 1] != '/') {
        len--;
    }
    return len > 0 ? len - 1 : 0;
}

/* RFC 3986 section 5.2.4, and empty segments dropped as well; a trailing slash stays. */
static void normalize(struct buf *out, const char *path)
{
    bool directory = true;

    while (*path != '\0') {
        size_t len;
        while (*path == '/') {
            path++;
            directory = true;
        }
        len = strcspn(path, "/");
        if (len == 0) {
            break;
        }
        if (len == 2 && memcmp(path, "..", 2) == 0) {
            out->len = parent(out);
            if (out->data != NULL) {
                out->data[out->len] = '\0';
            }
            directory = true;
        } else if (len == 1 && *path == '.') {
            directory = true;
        } else {
            buf_addc(out, '/');
            buf_add(out, path, len);
            directory = false;
        }
        path += len;
    }
    if (directory || out->len == 0) {
        buf_addc(out, '/');
    }
}

static enum err add_path(struct buf *out, const struct sigv4_request *request)
{
    struct buf path = buf_make(PATH_MAX_BYTES);
    enum err err;

    if (request->normalize_path) {
        normalize(&path, request->path);
    } else {
        buf_adds(&path, request->path[0] == '\0' ? "/" : request->path);
    }
    err = buf_err(&path);
    if (err == ERR_OK && request->encode_path) {
        encode(out, buf_str(&path), path.len, true);
    } else if (err == ERR_OK) {
        buf_add(out, buf_str(&path), path.len);
    }
    buf_free(&path);
    return err;
}

struct parameter {
    char *key; /* encoded */
    char *value;
};

static int parameter_order(const void *a, const void *b)
{
    const struct parameter *x = a;
    const struct parameter *y = b;
    int order = strcmp(x->key, y->key);

    return order != 0 ? order : strcmp(x->value, y->value);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return (c >= 'a' && c <= 'f') ? c - 'a' + 10 : -1;
}

/* Encoded once, whether the part came encoded or not: %7e, %7E and ~ are one. */
static enum err encode_part(const char *text, size_t len, char **out)
{
    struct buf encoded = buf_make(PATH_MAX_BYTES * 3);

    buf_adds(&encoded, ""); /* an empty part is an empty string, not NULL */
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '%' && i + 2 < len && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0) {
            c = (char)(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
            i += 2;
        }
        encode(&encoded, &c, 1, false);
    }
    return buf_take(&encoded, out);
}

static enum err add_query(struct buf *out, const char *query)
{
    struct parameter parameters[SIGV4_PARAMETERS_MAX] = {{0}};
    size_t count = 0;
    enum err err = ERR_OK;

    while (*query != '\0') {
        size_t len = strcspn(query, "&");
        const char *equals = memchr(query, '=', len);
        size_t key_len = equals == NULL ? len : (size_t)(equals - query);

        if (len > 0) {
            if (count == COUNT(parameters)) {
                err = ERR_LIMIT;
                goto done;
            }
            err = encode_part(query, key_len, &parameters[count].key);
            if (err == ERR_OK) {
                err = encode_part(equals == NULL ? "" : equals + 1,
                                  equals == NULL ? 0 : len - key_len - 1, &parameters[count].value);
            }
            count++;
            if (err != ERR_OK) {
                goto done;
            }
        }
        query += len;
        if (*query == '&') {
            query++;
        }
    }
    qsort(parameters, count, sizeof(parameters[0]), parameter_order);
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            buf_addc(out, '&');
        }
        buf_adds(out, parameters[i].key);
        buf_addc(out, '=');
        buf_adds(out, parameters[i].value);
    }
done:
    for (size_t i = 0; i < count; i++) {
        free(parameters[i].key);
        free(parameters[i].value);
    }
    return err;
}

static void add_lower(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        buf_addc(out, (char)((*text >= 'A' && *text <= 'Z') ? *text - 'A' + 'a' : *text));
    }
}

/* Trimmed, and each run of spaces one space. */
static void add_value(struct buf *out, const char *value)
{
    bool gap = false;
    bool begun = false;

    for (; *value != '\0'; value++) {
        if (*value == ' ' || *value == '\t') {
            gap = begun;
            continue;
        }
        if (gap) {
            buf_addc(out, ' ');
        }
        buf_addc(out, *value);
        gap = false;
        begun = true;
    }
}

/* By name; stable, since the values of one name keep their order. */
static void sort_headers(struct sigv4_header *headers, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct sigv4_header moving = headers[i];
        size_t at = i;
        while (at > 0 && strcasecmp(headers[at - 1].name, moving.name) > 0) {
            headers[at] = headers[at - 1];
            at--;
        }
        headers[at] = moving;
    }
}

static enum err check_headers(const struct sigv4_header *headers, size_t count)
{
    bool host = false;

    for (size_t i = 0; i < count; i++) {
        if (headers[i].name == NULL || headers[i].value == NULL || headers[i].name[0] == '\0' ||
            strpbrk(headers[i].name, "\r\n:; \t") != NULL ||
            strpbrk(headers[i].value, "\r\n") != NULL) {
            return ERR_INPUT;
        }
        host = host || (strcasecmp(headers[i].name, "host") == 0 && headers[i].value[0] != '\0');
    }
    return host ? ERR_OK : ERR_INPUT;
}

static void add_headers(struct buf *out, struct buf *names, struct sigv4_header *headers,
                        size_t count)
{
    sort_headers(headers, count);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && strcasecmp(headers[i].name, headers[i - 1].name) == 0) {
            buf_addc(out, ',');
            add_value(out, headers[i].value);
            continue;
        }
        if (i > 0) {
            buf_addc(out, '\n');
            buf_addc(names, ';');
        }
        add_lower(out, headers[i].name);
        add_lower(names, headers[i].name);
        buf_addc(out, ':');
        add_value(out, headers[i].value);
    }
    buf_addc(out, '\n');
}

enum err sigv4_canonical(const struct sigv4_request *request, struct sigv4_header *headers,
                         size_t count, const char *body_sha256, struct buf *out, struct buf *names)
{
    enum err err = check_headers(headers, count);

    if (err != ERR_OK) {
        return err;
    }
    buf_adds(out, request->method);
    buf_addc(out, '\n');
    err = add_path(out, request);
    if (err != ERR_OK) {
        return err;
    }
    buf_addc(out, '\n');
    err = add_query(out, request->query);
    if (err != ERR_OK) {
        return err;
    }
    buf_addc(out, '\n');
    add_headers(out, names, headers, count);
    buf_addc(out, '\n');
    buf_adds(out, buf_str(names));
    buf_addc(out, '\n');
    buf_adds(out, body_sha256);
    err = buf_err(names);
    return err != ERR_OK ? err : buf_err(out);
}
