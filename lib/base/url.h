/*
 * The URLs that this product fetches, split strictly, by the configuration and
 * by the HTTP client alike.  One reading only: what libcurl would mend, guess or
 * normalise (user information, odd number forms of an address, white space,
 * backslashes) is refused, so that the check and the connection cannot disagree
 * about the host.  RFC 3986 section 3.
 */
#ifndef COUNTERSIGN_BASE_URL_H
#define COUNTERSIGN_BASE_URL_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define URL_MAX 8192
#define URL_HOST_SIZE 256

struct url {
    bool https;
    char host[URL_HOST_SIZE]; /* lower case; an IPv6 address without its brackets */
    bool ipv6;
    unsigned port;        /* effective: 443 and 80 where none is written */
    bool port_is_default; /* then no port belongs into the Host header */
    bool loopback;        /* "localhost", 127.0.0.0/8 or ::1, as written */
    const char *rest;     /* path and query: the rest of text (borrowed), maybe empty */
};

/*
 * ERR_INPUT for whatever is not a plain http or https URL to a host that may be
 * asked; *why then says what is wrong, to follow the URL's name in a sentence.
 * why may be NULL.
 */
WARN_UNUSED enum err url_split(const char *text, struct url *out, const char **why);

struct sockaddr;
/* What an address is at the moment of connecting, whatever name led to it. */
bool address_is_loopback(const struct sockaddr *address);
bool address_is_forbidden(const struct sockaddr *address); /* link-local, unspecified, multicast */

#endif
