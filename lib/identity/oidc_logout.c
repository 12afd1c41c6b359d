/* RP-Initiated Logout 1.0 and token revocation (RFC 7009). */
#include "base/log.h"
#include "base/text.h"
#include "identity/oidc_internal.h"

#include <string.h>

#define REVOKE_DEADLINE SECONDS(3)

enum err oidc_logout_url(struct oidc *oidc, const struct secret *id_token, const char *sid,
                         msec now, struct buf *url)
{
    struct oidc_metadata metadata;
    struct buf query = buf_make_secret((size_t)48 * 1024);
    enum err err = oidc_metadata(oidc, now, &metadata);

    /* Signing out here must not depend on the provider being there. */
    if (err == ERR_MEMORY) {
        return err;
    }
    if (err != ERR_OK || !metadata.end_session_endpoint[0]) {
        buf_adds(url, oidc->signed_out_uri);
        return buf_err(url);
    }
    form_add(&query, "client_id", oidc_client_id(oidc, OIDC_CLIENT_WEB));
    form_add(&query, "post_logout_redirect_uri", oidc->signed_out_uri);
    if (id_token) {
        form_add(&query, "id_token_hint", secret_text(id_token));
    }
    if (sid && sid[0]) {
        form_add(&query, "logout_hint", sid);
    }
    buf_adds(url, metadata.end_session_endpoint);
    buf_addc(url, strchr(metadata.end_session_endpoint, '?') ? '&' : '?');
    buf_add(url, buf_str(&query), query.len);
    err = buf_err(&query);
    buf_free(&query);
    return err == ERR_OK ? buf_err(url) : err;
}

enum err oidc_revoke(struct oidc *oidc, const struct secret *refresh_token, msec now)
{
    struct oidc_metadata metadata;
    struct http_response response = {0};
    struct buf form = buf_make_secret((size_t)64 * 1024);
    enum err err = oidc_metadata(oidc, now, &metadata);

    if (err == ERR_OK && !metadata.revocation_endpoint[0]) {
        err = ERR_NONE;
    }
    if (err == ERR_OK) {
        form_add(&form, "token", secret_text(refresh_token));
        form_add(&form, "token_type_hint", "refresh_token");
        err = oidc_client_post_within(oidc, OIDC_CLIENT_WEB, metadata.revocation_endpoint, &form,
                                      REVOKE_DEADLINE, (size_t)16 * 1024, &response);
    }
    if (err == ERR_OK && response.status != 200) {
        err = ERR_REMOTE;
    }
    if (err != ERR_OK) {
        log_line(LOG_WARN, "a refresh token could not be revoked", LOG_T("reason", err_name(err)),
                 LOG_N("status", response.status));
    }
    http_response_free(&response);
    buf_free(&form);
    return err;
}
