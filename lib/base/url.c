#include "base/url.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static char lower(char c)
{
    if (c >= 'A' && c <= 'Z') {
        c = (char)(c - 'A' + 'a');
    }
    return c;
}

static bool ipv4_is_loopback(in_addr_t network_order)
{
    return (ntohl(network_order) >> 24) == 127;
}

/*
 * 169.254/16 is where clouds keep their instance credentials, 0/8 reaches this
 * host by another name, and 224/3 is no one in particular.  Private ranges stay
 * allowed: a provider on the same network is ordinary.
 */
static bool ipv4_is_forbidden(in_addr_t network_order)
{
    in_addr_t a = ntohl(network_order);

    return (a >> 16) == 0xa9fe || (a >> 24) == 0 || (a >> 29) == 7;
}

bool address_is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof(in));
        return ipv4_is_loopback(in.sin_addr.s_addr);
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof(in6));
        return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr);
    }
    return false;
}

static bool ipv6_is_forbidden(const struct in6_addr *a)
{
    if (IN6_IS_ADDR_V4MAPPED(a) || IN6_IS_ADDR_V4COMPAT(a)) {
        in_addr_t inner;
        memcpy(&inner, &a->s6_addr[12], sizeof(inner));
        return ipv4_is_forbidden(inner);
    }
    return IN6_IS_ADDR_LINKLOCAL(a) || IN6_IS_ADDR_UNSPECIFIED(a) || IN6_IS_ADDR_MULTICAST(a);
}

bool address_is_forbidden(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof(in));
        return ipv4_is_forbidden(in.sin_addr.s_addr);
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof(in6));
        return ipv6_is_forbidden(&in6.sin6_addr);
    }
    return true;
}

/* The last label decides, as in the WHATWG rules: digits or 0x... there make an address. */
static bool looks_like_ipv4(const char *host)
{
    size_t len = strlen(host);
    const char *label;

    if (len > 0 && host[len - 1] == '.') {
        len--;
    }
    label = host + len;
    while (label > host && label[-1] != '.') {
        label--;
    }
    return label < host + len &&
           (digit(label[0]) &&
            (strspn(label, "0123456789") >= (size_t)(host + len - label) || label[1] == 'x'));
}

static enum err host_check(struct url *url)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (url->ipv6) {
        if (inet_pton(AF_INET6, url->host, &v6) != 1 || ipv6_is_forbidden(&v6)) {
            return ERR_INPUT;
        }
        url->loopback = IN6_IS_ADDR_LOOPBACK(&v6);
        return ERR_OK;
    }
    if (!text_of(url->host, 1, 253, "abcdefghijklmnopqrstuvwxyz0123456789.-_") ||
        url->host[0] == '.' || url->host[0] == '-' || strstr(url->host, "..") != NULL) {
        return ERR_INPUT;
    }
    if (looks_like_ipv4(url->host)) {
        /* Four plain decimal numbers or nothing: 127.1 and 0x7f000001 have two readings. */
        if (inet_pton(AF_INET, url->host, &v4) != 1 || ipv4_is_forbidden(v4.s_addr)) {
            return ERR_INPUT;
        }
        url->loopback = ipv4_is_loopback(v4.s_addr);
        return ERR_OK;
    }
    url->loopback = strcmp(url->host, "localhost") == 0;
    return ERR_OK;
}

static enum err port_read(const char *text, size_t len, struct url *url)
{
    unsigned value = 0;

    if (len == 0 || len > 5) {
        return ERR_INPUT;
    }
    for (size_t i = 0; i < len; i++) {
        if (!digit(text[i])) {
            return ERR_INPUT;
        }
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    if (value == 0 || value > 65535) {
        return ERR_INPUT;
    }
    url->port_is_default = value == url->port;
    url->port = value;
    return ERR_OK;
}

/* Printable ASCII without the characters that clients and servers read differently. */
static bool bytes_plain(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c <= 0x20 || c >= 0x7f || strchr("#\\\"<>^`{|}", c) != NULL) {
            return false;
        }
    }
    return true;
}

/* NULL, or what is wrong. */
static const char *split(const char *text, struct url *url)
{
    const char *authority;
    const char *host_end;
    size_t len = text != NULL ? strnlen(text, URL_MAX + 1) : 0;
    size_t authority_len;
    size_t host_len;

    if (len > URL_MAX) {
        return "is too long";
    }
    if (len > 0 && strncasecmp(text, "https://", 8) == 0) {
        url->https = true;
        url->port = 443;
        authority = text + 8;
    } else if (len > 0 && strncasecmp(text, "http://", 7) == 0) {
        url->port = 80;
        authority = text + 7;
    } else {
        return "must begin with https://";
    }
    if (!bytes_plain(text, len)) {
        return "holds a character that a URL here may not have";
    }
    authority_len = strcspn(authority, "/?");
    url->rest = authority + authority_len;
    if (memchr(authority, '@', authority_len) != NULL) {
        return "has user information";
    }
    if (authority[0] == '[') {
        url->ipv6 = true;
        authority++;
        authority_len--;
        host_end = memchr(authority, ']', authority_len);
        if (host_end == NULL) {
            return "has a malformed host";
        }
        host_len = (size_t)(host_end - authority);
        host_end++;
    } else {
        host_end = memchr(authority, ':', authority_len);
        if (host_end == NULL) {
            host_end = authority + authority_len;
        }
        host_len = (size_t)(host_end - authority);
    }
    if (host_len == 0 || host_len >= sizeof(url->host)) {
        return "has no proper host";
    }
    for (size_t i = 0; i < host_len; i++) {
        url->host[i] = lower(authority[i]);
    }
    if (host_check(url) != ERR_OK) {
        return "has a malformed host, or one that may not be asked";
    }
    if (host_end < url->rest &&
        (*host_end != ':' ||
         port_read(host_end + 1, (size_t)(url->rest - host_end - 1), url) != ERR_OK)) {
        return "has a malformed port";
    }
    return NULL;
}

enum err url_split(const char *text, struct url *out, const char **why)
{
    struct url url = {.port_is_default = true};
    const char *wrong = split(text, &url);

    if (why != NULL) {
        *why = wrong;
    }
    *out = wrong == NULL ? url : (struct url){0};
    return wrong == NULL ? ERR_OK : ERR_INPUT;
}
