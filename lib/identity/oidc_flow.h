/* A login in flight, shared by the two ends of the code flow; not for others. */
#ifndef COUNTERSIGN_IDENTITY_OIDC_FLOW_H
#define COUNTERSIGN_IDENTITY_OIDC_FLOW_H

#include "crypto/pkce.h"
#include "identity/oidc.h"

#define OIDC_QUERY_MAX 8192

struct login_flow {
    uint8_t browser[RECORD_ID_SIZE]; /* the hash of its cookie */
    char nonce[LOGIN_COOKIE_SIZE];
    char code_verifier[PKCE_SIZE];
    char *return_to;
    msec started_at;
};

void login_flow_free(struct login_flow *flow);
WARN_UNUSED enum err login_flow_write(const struct login_flow *flow, struct record *record);
WARN_UNUSED enum err login_flow_read(const struct record *record, struct login_flow *out);
void login_flow_id(const char *state, uint8_t id[RECORD_ID_SIZE]);
void login_browser_hash(const char *cookie, uint8_t hash[RECORD_ID_SIZE]);
/* 43 characters of base64url: what states and login cookies are. */
bool is_login_token(const char *text);

#endif
