#include "aws/credentials.h"

#include "base/text.h"

#include <string.h>

enum err aws_credentials_load(const struct config *config, struct aws_credentials *out)
{
    const char *id = config_text(config, CFG_AWS_ACCESS_KEY_ID);
    const struct secret *key = config_secret(config, CFG_AWS_SECRET_ACCESS_KEY);
    const struct secret *token = config_secret(config, CFG_AWS_SESSION_TOKEN);
    enum err err;

    memset(out, 0, sizeof(*out));
    /* The id stands in a header between '=' and '/', so only its own alphabet may pass. */
    if (!text_of(id, 1, sizeof(out->access_key_id) - 1,
                 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") ||
        secret_len(key) == 0) {
        return ERR_CONFIG;
    }
    err = text_copy(out->access_key_id, sizeof(out->access_key_id), id);
    if (err == ERR_OK) {
        err = secret_copy(key, &out->secret_access_key);
    }
    if (err == ERR_OK && secret_len(token) > 0) {
        err = secret_copy(token, &out->session_token);
    }
    if (err != ERR_OK) {
        aws_credentials_free(out);
    }
    return err;
}

void aws_credentials_free(struct aws_credentials *credentials)
{
    if (credentials == NULL) {
        return;
    }
    secret_free(credentials->secret_access_key);
    secret_free(credentials->session_token);
    memset(credentials, 0, sizeof(*credentials));
}
