/*
 * Routes: web-rule 1.  The path is compared as the client sent it, so there is
 * no decoding step in which two spellings could become one.
 */
#include "base/text.h"
#include "web/internal.h"

#include <string.h>

const char *route_below(const char *path, const char *base)
{
    size_t len = base ? strlen(base) : 0;

    if (!path || path[0] != '/' || strncmp(path, base ? base : "", len) != 0 || path[len] != '/') {
        return NULL;
    }
    return path + len;
}

static bool id_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

/* A whole match of pattern; {id} takes 1 to 64 characters of its set and nothing else. */
static bool match_pattern(const char *pattern, const char *path, char param[65])
{
    param[0] = '\0';
    while (*pattern) {
        if (*pattern == '{') {
            size_t len = 0;

            while (id_char(path[len]) && len < 64) {
                param[len] = path[len];
                len++;
            }
            param[len] = '\0';
            if (len == 0) {
                return false;
            }
            path += len;
            while (*pattern && *pattern != '}') {
                pattern++;
            }
            if (*pattern == '}') {
                pattern++;
            }
            continue;
        }
        if (*pattern != *path) {
            return false;
        }
        pattern++;
        path++;
    }
    return *path == '\0';
}

enum route_result route_find(const struct route *routes, size_t count, const char *method,
                             const char *path, bool loopback, struct route_match *match)
{
    bool known = false;

    *match = (struct route_match){0};
    if (!path || !method) {
        return ROUTE_NONE;
    }
    for (size_t i = 0; i < count; i++) {
        const struct route *route = &routes[i];
        char param[65];

        /* A loopback route does not exist elsewhere, nor a public one on the loopback listener. */
        if (((route->demands & NEED_LOOPBACK) != 0) != loopback ||
            !match_pattern(route->pattern, path, param)) {
            continue;
        }
        known = true;
        if (route->method == GET ? text_equal(method, "GET") || text_equal(method, "HEAD")
                                 : text_equal(method, "POST")) {
            match->route = route;
            memcpy(match->param, param, sizeof(match->param));
            return ROUTE_FOUND;
        }
        match->allow_get |= route->method == GET;
        match->allow_post |= route->method == POST;
    }
    return known ? ROUTE_METHOD : ROUTE_NONE;
}

void route_describe(const struct route *route, struct buf *out)
{
    static const struct {
        unsigned bit;
        const char *name;
    } names[] = {{NEED_SESSION, "session"},      {NEED_CSRF, "csrf"},
                 {WANT_SESSION, "want-session"}, {CSRF_IF_SESSION, "csrf-if-session"},
                 {NEED_LOOPBACK, "loopback"},    {PAGE, "page"}};
    bool any = false;

    buf_addf(out, "%s %s ", route->method == GET ? "GET" : "POST", route->pattern);
    for (size_t i = 0; i < COUNT(names); i++) {
        if (route->demands & names[i].bit) {
            buf_addf(out, "%s%s", any ? "," : "", names[i].name);
            any = true;
        }
    }
    buf_addf(out, "%s %zu\n", any ? "" : "-", route->body_max);
}
