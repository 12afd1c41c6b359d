/*
 * The security headers, once.  Programs send them with every answer (web-rule 3)
 * and `PROGRAM --headers` prints them, so that a test can hold the static files
 * of both site files against the same list.
 */
#ifndef COUNTERSIGN_WEB_HEADERS_H
#define COUNTERSIGN_WEB_HEADERS_H

#include <stddef.h>

struct security_header {
    const char *name;
    const char *value;
};

extern const struct security_header security_headers[];
extern const size_t security_header_count;

/* RFC 6797, sent only where PUBLIC_URL is https: over http a browser must ignore it. */
#define HSTS_NAME "Strict-Transport-Security"
#define HSTS_VALUE "max-age=31536000; includeSubDomains"

#endif
