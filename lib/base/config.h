/*
 * Configuration: one file of NAME=value lines (systemd's EnvironmentFile form)
 * named by COUNTERSIGN_CONFIG, a second one of secrets for this program alone
 * (SECRETS_DIR/<program>.conf), and the environment over both.  Names are
 * enumerated here; an unknown name in a file, a missing one that the program
 * needs or a wrong value is an error with its line, and all of them are told at
 * once.  A secret may come as NAME, NAME_FILE or a systemd credential
 * ($CREDENTIALS_DIRECTORY/NAME).
 */
#ifndef COUNTERSIGN_BASE_CONFIG_H
#define COUNTERSIGN_BASE_CONFIG_H

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * X(name, kind, default, meaning).  kind: TEXT, URL (https, or http on the
 * loopback where ALLOW_HTTP_LOOPBACK=1), PATH, NUMBER, FLAG (0 or 1), HOST (a
 * host or URL), CHOICE("a|b") written as TEXT with a check in config.c, SECRET.
 * A default of NULL means: no default; a program that needs it names it.
 */
#define CONFIG_NAMES(X)                                                                            \
    X(PUBLIC_URL, URL, NULL, "origin the browser sees, without path: https://host")                \
    X(BASE_PATH, PATH, "", "prefix of every route, such as /prod; empty for none")                 \
    X(ACTIONS_URL, URL, "http://127.0.0.1:8081", "loopback origin of the action programs")         \
    X(ALLOW_HTTP_LOOPBACK, FLAG, "0", "development only: http to loopback addresses")              \
    X(SESSION_STORE, TEXT, "sqlite", "where records live: sqlite")                                 \
    X(DATABASE, TEXT, NULL, "path of the SQLite file")                                             \
    X(KEYS_DIR, TEXT, NULL, "directory of the key rings, one file per kind")                       \
    X(SECRETS_DIR, TEXT, NULL, "directory of per-program secret files")                            \
    X(LOG_LEVEL, TEXT, "info", "debug, info, warn or error")                                       \
    X(ACTIONS_ENABLED, FLAG, "1", "0 switches every action off")                                   \
    X(SESSION_IDLE, NUMBER, "1800", "seconds without use after which a session ends")              \
    X(SESSION_ABSOLUTE, NUMBER, "36000", "seconds after sign-in at which a session ends")          \
    X(APPROVAL_SECONDS, NUMBER, "300", "how long a person may decide, 30 to 300")                  \
    X(TURN_SECONDS, NUMBER, "900", "deadline of a turn")                                           \
    X(OIDC_ISSUER, URL, NULL, "issuer; default https://AUTH0_DOMAIN/")                             \
    X(AUTH0_DOMAIN, HOST, NULL, "Auth0 tenant domain")                                             \
    X(AUTH0_CLIENT_ID, TEXT, NULL, "client id of the web application")                             \
    X(AUTH0_CLIENT_SECRET, SECRET, NULL, "its secret")                                             \
    X(AUTH0_CONNECTION_NAME, TEXT, "", "connection for sign-in and Token Vault, e.g. Okta-OIDC")   \
    X(AUTH0_CALLBACK_URL, URL, NULL, "redirect URI; default PUBLIC_URL BASE_PATH /callback")       \
    X(OIDC_SCOPE, TEXT, "openid profile email offline_access", "scopes asked for at sign-in")      \
    X(CIBA_CLIENT_ID, TEXT, NULL, "client id for CIBA; default the web client's")                  \
    X(CIBA_CLIENT_SECRET, SECRET, NULL, "its secret; default the web client's")                    \
    X(CIBA_ENDPOINT, URL, NULL, "backchannel endpoint where discovery names none")                 \
    X(CIBA_BINDING_MAX, NUMBER, "50", "longest approval phrase the provider shows: 50 or 20")      \
    X(CIBA_AUTHORIZATION_DETAILS, TEXT, "", "type URN to send as authorization_details")           \
    X(CIBA_AUDIENCE, TEXT, "", "audience on which that type is registered")                        \
    X(FGA_API_URL, URL, "https://api.us1.fga.dev", "FGA server")                                   \
    X(FGA_TOKEN_URL, URL, "https://auth.fga.dev/oauth/token", "FGA token endpoint")                \
    X(FGA_AUDIENCE, TEXT, "https://api.us1.fga.dev/", "audience of the FGA token")                 \
    X(FGA_STORE_ID, TEXT, NULL, "FGA store")                                                       \
    X(FGA_MODEL_ID, TEXT, NULL, "FGA model, pinned")                                               \
    X(FGA_CLIENT_ID, TEXT, NULL, "FGA client")                                                     \
    X(FGA_CLIENT_SECRET, SECRET, NULL, "its secret")                                               \
    X(FGA_PROFILE, TEXT, "workshop", "workshop or rich")                                           \
    X(FGA_EMAIL_ISSUER, TEXT, "", "the one issuer whose verified e-mail names the FGA user")       \
    X(OKTA_DOMAIN, HOST, NULL, "Okta org, with or without https://")                               \
    X(OKTA_AUTH, TEXT, "token-vault", "token-vault, private-key-jwt or ssws")                      \
    X(OKTA_CLIENT_ID, TEXT, NULL, "service app for private-key-jwt")                               \
    X(OKTA_PRIVATE_KEY, SECRET, NULL, "its private key as a JWK")                                  \
    X(OKTA_API_TOKEN, SECRET, NULL, "API token for ssws")                                          \
    X(AGENT_BACKEND, TEXT, "bedrock-agent", "bedrock-agent")                                       \
    X(BEDROCK_AGENT_ID, TEXT, NULL, "Bedrock agent")                                               \
    X(BEDROCK_AGENT_ALIAS_ID, TEXT, NULL, "its alias")                                             \
    X(AWS_REGION, TEXT, "us-east-1", "AWS region")                                                 \
    X(AWS_ACCESS_KEY_ID, TEXT, NULL, "AWS access key")                                             \
    X(AWS_SECRET_ACCESS_KEY, SECRET, NULL, "AWS secret key")                                       \
    X(AWS_SESSION_TOKEN, SECRET, NULL, "AWS session token")                                        \
    X(AWS_ENDPOINT_URL, URL, NULL, "endpoint for every AWS service")                               \
    X(AWS_ENDPOINT_URL_BEDROCK_AGENT_RUNTIME, URL, NULL, "endpoint for Bedrock's agent runtime")   \
    X(HTTP_PROXY_URL, URL, "", "proxy for outgoing calls; empty for none")

enum config_name {
#define CONFIG_ENUM(name, kind, fallback, meaning) CFG_##name,
    CONFIG_NAMES(CONFIG_ENUM)
#undef CONFIG_ENUM
        CONFIG_COUNT
};

struct config; /* opaque; immutable after load, so threads share it */

/*
 * Load for one program. needs[] names what this program cannot run without.
 * Every problem is appended to problems, one a line: "file:line: NAME: what is
 * wrong and what would be right".  ERR_OK only when there was none; else
 * ERR_CONFIG and *out is NULL.  program may be NULL (no secrets file).
 */
WARN_UNUSED enum err config_load(const char *program, const enum config_name *needs, size_t count,
                                 struct buf *problems, struct config **out);

/* Never NULL: "" when unset. Not for secrets (asserts). */
const char *config_text(const struct config *config, enum config_name name);
bool config_flag(const struct config *config, enum config_name name);
int64_t config_number(const struct config *config, enum config_name name);
bool config_has(const struct config *config, enum config_name name);
/* Borrowed until config_free; NULL when unset. */
const struct secret *config_secret(const struct config *config, enum config_name name);

const char *config_spelling(enum config_name name);

/* Every name in the order above, for check-config and the documentation. fallback may be NULL. */
typedef void config_each_fn(void *context, enum config_name name, const char *kind,
                            const char *fallback, const char *meaning);
void config_each(config_each_fn *visit, void *context);

void config_free(struct config *config);

#endif
