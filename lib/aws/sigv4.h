/*
 * AWS Signature Version 4, header form.  Time is an argument.  The rules are in
 * AWS's "Signature Version 4 signing process" and its public test suite.
 */
#ifndef COUNTERSIGN_AWS_SIGV4_H
#define COUNTERSIGN_AWS_SIGV4_H

#include "aws/credentials.h"
#include "base/buf.h"
#include "base/clock.h"

struct sigv4_header {
    const char *name;
    const char *value;
};

struct sigv4_request {
    const char *method;
    const char *path;                   /* as sent, already percent-encoded once */
    const char *query;                  /* as sent, without '?'; "" for none */
    const struct sigv4_header *headers; /* all that are to be signed, host among them */
    size_t header_count;
    const void *body;
    size_t body_len;
    const char *region;
    const char *service;
    bool normalize_path;   /* drop empty, "." and ".." segments (all but S3) */
    bool encode_path;      /* percent-encode the path once more (all but S3) */
    bool sign_body_header; /* also send and sign x-amz-content-sha256 */
};

struct sigv4_result {
    char amz_date[17];        /* x-amz-date */
    char content_sha256[65];  /* x-amz-content-sha256, when asked for */
    struct buf authorization; /* Authorization */
    struct buf canonical_request;
    struct buf string_to_sign; /* kept for tests and for `doctor` */
};

/*
 * The session token, when the credentials have one, is signed as
 * x-amz-security-token; the caller sends that header too.  On failure the
 * result is empty.  ERR_INPUT: no host header, or a header with CR or LF.
 */
WARN_UNUSED enum err sigv4_sign(const struct sigv4_request *request,
                                const struct aws_credentials *credentials, msec now,
                                struct sigv4_result *out);
void sigv4_result_free(struct sigv4_result *result);

#endif
