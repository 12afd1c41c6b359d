#include "base/secret.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define SECRET_MAX ((size_t)64 * 1024)

struct secret {
    size_t len;
    uint8_t bytes[];
};

enum err secret_new(const void *bytes, size_t len, struct secret **out)
{
    *out = NULL;
    if (len > SECRET_MAX) {
        return ERR_LIMIT;
    }
    struct secret *secret = malloc(sizeof *secret + len + 1);
    if (secret == NULL) {
        return ERR_MEMORY;
    }
    secret->len = len;
    if (len > 0) {
        memcpy(secret->bytes, bytes, len);
    }
    secret->bytes[len] = 0;
    *out = secret;
    return ERR_OK;
}

enum err secret_copy(const struct secret *from, struct secret **out)
{
    if (from == NULL) {
        *out = NULL;
        return ERR_OK; /* an absent secret copies to an absent one, as text_dup does */
    }
    return secret_new(from->bytes, from->len, out);
}

const char *secret_text(const struct secret *secret)
{
    return secret != NULL ? (const char *)secret->bytes : "";
}

const uint8_t *secret_bytes(const struct secret *secret)
{
    return (const uint8_t *)secret_text(secret);
}

size_t secret_len(const struct secret *secret)
{
    return secret != NULL ? secret->len : 0;
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
    return a != NULL && b != NULL && a->len == b->len &&
           CRYPTO_memcmp(a->bytes, b->bytes, a->len) == 0;
}

bool secret_equal_text(const struct secret *a, const char *text)
{
    return a != NULL && text != NULL && a->len == strlen(text) &&
           CRYPTO_memcmp(a->bytes, text, a->len) == 0;
}

void secret_free(struct secret *secret)
{
    if (secret != NULL) {
        OPENSSL_cleanse(secret->bytes, secret->len);
        free(secret);
    }
}

void wipe(void *bytes, size_t len)
{
    if (bytes != NULL) {
        OPENSSL_cleanse(bytes, len);
    }
}

void free_wiped(char *text)
{
    if (text != NULL) {
        OPENSSL_cleanse(text, strlen(text));
        free(text);
    }
}

enum err secrets_harden_process(void)
{
    const struct rlimit none = {0, 0};
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0) {
        return ERR_SYSTEM;
    }
    return ERR_OK;
}
