#include "guard/okta_auth.h"

#include "base/log.h"
#include "base/text.h"
#include "crypto/jose.h"
#include "crypto/random.h"
#include "identity/session.h"
#include "identity/vault.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define CACHED 8
#define SCOPES_SIZE 256
#define ASSERTION_LIFETIME 300  /* seconds */
#define TOKEN_MARGIN MINUTES(5) /* a service token is not used in its last minutes */

enum mode { TOKEN_VAULT, PRIVATE_KEY_JWT, SSWS };

struct okta_auth {
    enum mode mode;
    const struct config *config;
    struct store *store;
    struct okta *okta;
    struct oidc *oidc;
    pthread_mutex_t lock; /* of what follows; never held over a call */
    struct {
        char scopes[SCOPES_SIZE];
        struct secret *token;
        msec until;
    } cached[CACHED];
};

void okta_grant_free(struct okta_grant *grant)
{
    secret_free(grant->token);
    *grant = (struct okta_grant){0};
}

enum err okta_auth_open(const struct config *config, struct store *store, struct okta *okta,
                        struct oidc *oidc, struct okta_auth **out)
{
    const char *name = config_text(config, CFG_OKTA_AUTH);
    struct okta_auth *auth = calloc(1, sizeof *auth);

    *out = NULL;
    if (auth == NULL) {
        return ERR_MEMORY;
    }
    auth->config = config;
    auth->store = store;
    auth->okta = okta;
    auth->oidc = oidc;
    auth->mode = text_equal(name, "ssws")              ? SSWS
                 : text_equal(name, "private-key-jwt") ? PRIVATE_KEY_JWT
                                                       : TOKEN_VAULT;
    if ((auth->mode == SSWS && config_secret(config, CFG_OKTA_API_TOKEN) == NULL) ||
        (auth->mode == PRIVATE_KEY_JWT && (config_secret(config, CFG_OKTA_PRIVATE_KEY) == NULL ||
                                           !config_has(config, CFG_OKTA_CLIENT_ID)))) {
        log_line(LOG_ERROR, "OKTA_AUTH names a way whose credential is missing",
                 LOG_T("way", name));
        free(auth);
        return ERR_CONFIG;
    }
    if (pthread_mutex_init(&auth->lock, NULL) != 0) {
        free(auth);
        return ERR_SYSTEM;
    }
    *out = auth;
    return ERR_OK;
}

void okta_auth_free(struct okta_auth *auth)
{
    if (auth == NULL) {
        return;
    }
    for (size_t i = 0; i < CACHED; i++) {
        secret_free(auth->cached[i].token);
    }
    pthread_mutex_destroy(&auth->lock);
    free(auth);
}

bool okta_auth_available(const struct okta_auth *auth)
{
    return auth->mode != TOKEN_VAULT ||
           (auth->oidc != NULL && keyring_has(store_keyring(auth->store), KIND_TOKENS));
}

const char *okta_id_of_sub(const char *sub)
{
    const char *first = sub == NULL ? NULL : strchr(sub, '|');
    const char *second = first == NULL ? NULL : strchr(first + 1, '|');

    if (second == NULL || second[1] == '\0' || strchr(second + 1, '|') != NULL) {
        return NULL;
    }
    return second + 1;
}

bool okta_login_is_email(const struct config *config, const struct person *person)
{
    const char *issuer = config_text(config, CFG_FGA_EMAIL_ISSUER);

    return issuer[0] != '\0' && text_equal(person->iss, issuer) && person->email_verified &&
           person->email != NULL && person->email[0] != '\0';
}

/* ---- token vault ---- */

/*
 * Is the account that this token speaks for the signed-in person's own?  Never
 * by Okta's e-mail, which its owner may set as he likes: accounts are not linked
 * by that.
 */
static bool is_person(const struct okta_auth *auth, const struct okta_user *me,
                      const struct person *person)
{
    const char *id = okta_id_of_sub(person->sub);

    if (id != NULL) {
        return text_equal(me->id, id);
    }
    return okta_login_is_email(auth->config, person) && text_equal(me->login, person->email);
}

static enum err vault_token(struct okta_auth *auth, const uint8_t session[RECORD_ID_SIZE],
                            const struct person *person, const char *scopes, msec now,
                            struct secret **token, const char **reason)
{
    struct secret *refresh = NULL, *id_token = NULL;
    struct okta_user me;
    struct okta_token bearer;
    enum err err;

    if (!okta_auth_available(auth)) {
        *reason = "okta_not_connected";
        return ERR_DENIED;
    }
    err = session_tokens_get(auth->store, session, now, &refresh, &id_token);
    if (err == ERR_OK && refresh == NULL) {
        err = ERR_NONE;
    }
    if (err != ERR_OK) {
        *reason = err == ERR_NONE ? "okta_sign_in" : "okta_unavailable";
        goto done;
    }
    err = vault_exchange(auth->oidc, refresh, config_text(auth->config, CFG_AUTH0_CONNECTION_NAME),
                         scopes, now, token);
    if (err != ERR_OK) {
        *reason = err == ERR_NONE     ? "okta_not_connected"
                  : err == ERR_AUTH   ? "okta_sign_in"
                  : err == ERR_DENIED ? "okta_scope"
                                      : "okta_unavailable";
        goto done;
    }
    bearer = (struct okta_token){"Bearer", *token};
    err = okta_user_me(auth->okta, &bearer, &me);
    if (err != ERR_OK) {
        *reason = "okta_unavailable";
    } else if (!is_person(auth, &me, person)) {
        log_line(LOG_ERROR, "a vault token speaks for another Okta user; discarded");
        *reason = "okta_other_person";
        err = ERR_DENIED;
    }
done:
    if (err != ERR_OK) {
        secret_free(*token);
        *token = NULL;
    }
    secret_free(refresh);
    secret_free(id_token);
    return err;
}

/* ---- service app ---- */

/* The algorithm follows the key's type: what a JWK cannot do is not tried. */
static enum err assertion_alg(const struct secret *jwk, enum jose_alg *alg)
{
    json_t *key = NULL;
    enum err err = js_parse_object(secret_text(jwk), secret_len(jwk), (size_t)16 * 1024, &key);

    if (err == ERR_OK) {
        if (text_equal(js_text(key, "kty"), "RSA")) {
            *alg = JOSE_RS256;
        } else if (text_equal(js_text(key, "kty"), "EC") &&
                   text_equal(js_text(key, "crv"), "P-256")) {
            *alg = JOSE_ES256;
        } else {
            err = ERR_CONFIG;
        }
    }
    json_decref(key);
    return err;
}

static enum err client_assertion(struct okta_auth *auth, msec now, struct buf *out)
{
    const struct secret *jwk = config_secret(auth->config, CFG_OKTA_PRIVATE_KEY);
    const char *client = config_text(auth->config, CFG_OKTA_CLIENT_ID);
    struct buf audience = buf_make(512);
    json_t *claims = json_object();
    enum jose_alg alg = JOSE_RS256;
    uint8_t random[16];
    char jti[BASE64URL_SIZE(sizeof random)];
    enum err err = random_bytes(random, sizeof random);

    if (err == ERR_OK) {
        err = assertion_alg(jwk, &alg);
    }
    if (err != ERR_OK) {
        goto done;
    }
    base64url_encode(random, sizeof random, jti);
    buf_adds(&audience, okta_origin(auth->okta));
    buf_adds(&audience, "/oauth2/v1/token");
    err = buf_err(&audience);
    js_set_text(claims, "iss", client, &err);
    js_set_text(claims, "sub", client, &err);
    js_set_text(claims, "aud", buf_str(&audience), &err);
    js_set_text(claims, "jti", jti, &err);
    js_set_int(claims, "iat", now / 1000, &err);
    js_set_int(claims, "exp", now / 1000 + ASSERTION_LIFETIME, &err);
    if (err == ERR_OK) {
        err = jose_sign(jwk, alg, NULL, claims, out);
    }
done:
    json_decref(claims);
    buf_free(&audience);
    return err;
}

static enum err cache_get(struct okta_auth *auth, const char *scopes, msec now,
                          struct secret **token)
{
    enum err err = ERR_NONE;

    pthread_mutex_lock(&auth->lock);
    for (size_t i = 0; i < CACHED && err == ERR_NONE; i++) {
        if (auth->cached[i].token != NULL && now < auth->cached[i].until &&
            text_equal(auth->cached[i].scopes, scopes)) {
            err = secret_copy(auth->cached[i].token, token);
        }
    }
    pthread_mutex_unlock(&auth->lock);
    return err;
}

/* In the place of the same scopes, else of the one that expires first. */
static void cache_put(struct okta_auth *auth, const char *scopes, const struct secret *token,
                      msec until)
{
    struct secret *copy = NULL;
    size_t at = 0;

    if (secret_copy(token, &copy) != ERR_OK) {
        return;
    }
    pthread_mutex_lock(&auth->lock);
    for (size_t i = 0; i < CACHED; i++) {
        if (text_equal(auth->cached[i].scopes, scopes)) {
            at = i;
            break;
        }
        if (auth->cached[i].until < auth->cached[at].until) {
            at = i;
        }
    }
    if (text_copy(auth->cached[at].scopes, SCOPES_SIZE, scopes) == ERR_OK) {
        secret_free(auth->cached[at].token);
        auth->cached[at].token = copy;
        auth->cached[at].until = until;
        copy = NULL;
    }
    pthread_mutex_unlock(&auth->lock);
    secret_free(copy);
}

void okta_auth_drop(struct okta_auth *auth, const struct secret *token)
{
    if (token == NULL) {
        return;
    }
    pthread_mutex_lock(&auth->lock);
    for (size_t i = 0; i < CACHED; i++) {
        if (auth->cached[i].token != NULL &&
            text_equal_secret(secret_text(auth->cached[i].token), secret_text(token))) {
            secret_free(auth->cached[i].token);
            auth->cached[i].token = NULL;
            auth->cached[i].until = 0;
        }
    }
    pthread_mutex_unlock(&auth->lock);
}

static enum err service_token(struct okta_auth *auth, const char *scopes, msec now,
                              struct secret **token, const char **reason)
{
    struct buf assertion = buf_make_secret(JOSE_TOKEN_MAX);
    msec lifetime = 0;
    enum err err = cache_get(auth, scopes, now, token);

    if (err != ERR_NONE) {
        return err;
    }
    err = client_assertion(auth, now, &assertion);
    if (err == ERR_OK) {
        err = okta_service_token(auth->okta, buf_str(&assertion), scopes, token, &lifetime);
    }
    if (err == ERR_OK && lifetime > 2 * TOKEN_MARGIN) {
        cache_put(auth, scopes, *token, now + lifetime - TOKEN_MARGIN);
    }
    if (err != ERR_OK) {
        *reason = err == ERR_AUTH || err == ERR_DENIED ? "okta_refused" : "okta_unavailable";
    }
    buf_free(&assertion);
    return err;
}

enum err okta_auth_token(struct okta_auth *auth, const uint8_t session[RECORD_ID_SIZE],
                         const struct person *person, const char *scopes, msec now,
                         struct okta_grant *out, const char **reason)
{
    enum err err = ERR_SYSTEM;

    *out = (struct okta_grant){0};
    *reason = "okta_unavailable";
    switch (auth->mode) {
    case TOKEN_VAULT:
        out->scheme = "Bearer";
        err = vault_token(auth, session, person, scopes, now, &out->token, reason);
        break;
    case PRIVATE_KEY_JWT:
        out->scheme = "Bearer";
        err = service_token(auth, scopes, now, &out->token, reason);
        break;
    case SSWS:
        out->scheme = "SSWS";
        err = secret_copy(config_secret(auth->config, CFG_OKTA_API_TOKEN), &out->token);
        break;
    }
    if (err != ERR_OK) {
        okta_grant_free(out);
        return ERR_DENIED;
    }
    *reason = NULL;
    return ERR_OK;
}
