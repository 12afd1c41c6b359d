/* AWS credentials of this host: from configuration, environment first (its names are AWS's). */
#ifndef COUNTERSIGN_AWS_CREDENTIALS_H
#define COUNTERSIGN_AWS_CREDENTIALS_H

#include "base/config.h"
#include "base/err.h"
#include "base/secret.h"

struct aws_credentials {
    char access_key_id[129];
    struct secret *secret_access_key;
    struct secret *session_token; /* NULL for long-lived keys */
};

/* ERR_CONFIG when there are none. */
WARN_UNUSED enum err aws_credentials_load(const struct config *config, struct aws_credentials *out);
void aws_credentials_free(struct aws_credentials *credentials);

#endif
