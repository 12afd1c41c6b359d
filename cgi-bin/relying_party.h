/* What login, callback and logout share: app->state is the relying party. */
#ifndef COUNTERSIGN_CGI_BIN_RELYING_PARTY_H
#define COUNTERSIGN_CGI_BIN_RELYING_PARTY_H

#include "identity/oidc.h"
#include "web/web.h"

static inline enum err relying_party_start(struct app *app)
{
    struct oidc *oidc = NULL;
    enum err err = oidc_open(app->config, app->http, app->store, &oidc);

    app->state = oidc;
    return err;
}

static inline void relying_party_stop(struct app *app)
{
    oidc_free(app->state);
    app->state = NULL;
}

#endif
