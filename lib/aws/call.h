/* One signed call to an AWS service: sign, send, and name the error AWS gave. */
#ifndef COUNTERSIGN_AWS_CALL_H
#define COUNTERSIGN_AWS_CALL_H

#include "aws/credentials.h"
#include "net/http.h"

struct aws_call {
    const char *service;  /* signing name: "bedrock" */
    const char *endpoint; /* origin: https://bedrock-agent-runtime.us-east-1.amazonaws.com */
    const char *region;
    const char *method;
    const char *path;  /* percent-encoded once; sent and signed byte for byte */
    const char *query; /* "" for none */
    const char *content_type;
    const char *body;
    size_t body_len;
    msec deadline;
    size_t body_max;
    enum err (*on_data)(void *context, const char *bytes, size_t len);
    void *context;
};

/*
 * As http_call.  For a status other than 200 error_name receives AWS's short
 * error name ("ThrottlingException", cut at ':' and after '#') or "".
 */
WARN_UNUSED enum err aws_call(struct http *http, const struct aws_credentials *credentials,
                              const struct aws_call *call, msec now, struct http_response *response,
                              char error_name[64]);

/* AWS_ENDPOINT_URL_<SERVICE>, else AWS_ENDPOINT_URL, else the public endpoint of the region. */
WARN_UNUSED enum err aws_endpoint(const struct config *config, enum config_name specific,
                                  const char *host_prefix, char *out, size_t size);

#endif
