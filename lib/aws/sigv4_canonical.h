/* The canonical request of Signature Version 4: one text for all spellings of a request. */
#ifndef COUNTERSIGN_AWS_SIGV4_CANONICAL_H
#define COUNTERSIGN_AWS_SIGV4_CANONICAL_H

#include "aws/sigv4.h"

#define SIGV4_HEADERS_MAX 40
#define SIGV4_PARAMETERS_MAX 64

/*
 * Appends to out; names receives the signed header names, joined with ';'.
 * headers is reordered.  ERR_INPUT: no host, or a header that could not be sent.
 */
WARN_UNUSED enum err sigv4_canonical(const struct sigv4_request *request,
                                     struct sigv4_header *headers, size_t count,
                                     const char *body_sha256, struct buf *out, struct buf *names);

#endif
