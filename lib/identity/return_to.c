#include "identity/oidc.h"

#include <string.h>

#define RETURN_TO_MAX 512
#define UNRESERVED "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

/* "/." and "/.." as a segment: what a browser would resolve before it asks. */
static bool has_dot_segment(const char *path, size_t len)
{
    for (size_t i = 0; i + 1 < len; i++) {
        size_t dots;

        if (path[i] != '/') {
            continue;
        }
        dots = strspn(path + i + 1, ".");
        if ((dots == 1 || dots == 2) && (i + 1 + dots == len || path[i + 1 + dots] == '/')) {
            return true;
        }
    }
    return false;
}

static bool query_is_plain(const char *query)
{
    static const char hex[] = "0123456789ABCDEFabcdef";

    for (; *query; query++) {
        if (*query == '%') {
            /* %00-%1F and %7F decode to controls; nothing of ours needs them. */
            if (!query[1] || !strchr(hex, query[1]) || !query[2] || !strchr(hex, query[2]) ||
                query[1] == '0' || query[1] == '1' ||
                (query[1] == '7' && (query[2] == 'F' || query[2] == 'f'))) {
                return false;
            }
            query += 2;
        } else if (!strchr(UNRESERVED "=&+", *query)) {
            return false;
        }
    }
    return true;
}

/* Back to the sign-in itself would be a circle, and to the sign-out the end of it. */
static bool is_sign_in(const char *path, size_t len)
{
    static const char *const own[] = {"/login", "/callback", "/logout"};

    for (size_t i = 0; i < COUNT(own); i++) {
        if (strlen(own[i]) == len && memcmp(path, own[i], len) == 0) {
            return true;
        }
    }
    return false;
}

/*
 * A path of ours is unreserved characters and slashes; a query, forms of them.
 * Listing what is allowed leaves nothing to disagree about: no colon (a scheme),
 * no at-sign (user information), no percent sign in the path (an encoded slash),
 * no backslash, no control, no fragment (row 10).
 */
bool return_to_is_local(const char *return_to)
{
    size_t path_len;

    if (!return_to || return_to[0] != '/' || strnlen(return_to, RETURN_TO_MAX) == RETURN_TO_MAX) {
        return false;
    }
    path_len = strcspn(return_to, "?");
    if (strspn(return_to, UNRESERVED "/") != path_len) {
        return false;
    }
    for (size_t i = 0; i + 1 < path_len; i++) {
        if (return_to[i] == '/' && return_to[i + 1] == '/') {
            return false;
        }
    }
    return !has_dot_segment(return_to, path_len) && !is_sign_in(return_to, path_len) &&
           (return_to[path_len] == '\0' || query_is_plain(return_to + path_len + 1));
}
