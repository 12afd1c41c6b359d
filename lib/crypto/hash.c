#include "crypto/hash.h"

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/*
 * Fetched once: an implicit fetch for every digest walks OpenSSL's provider
 * store under a lock, which costs more than hashing a cookie.
 */
static EVP_MD *digest;
static pthread_once_t digest_once = PTHREAD_ONCE_INIT;

static void digest_fetch(void)
{
    digest = EVP_MD_fetch(NULL, "SHA256", NULL);
}

/*
 * A process that cannot hash cannot tell one record from another; there is no
 * answer to give, and going on with an undefined id would be the worst one.
 */
static void hash_must(int ok)
{
    if (!ok) {
        abort();
    }
}

static EVP_MD_CTX *hash_start(void)
{
    EVP_MD_CTX *context;

    hash_must(pthread_once(&digest_once, digest_fetch) == 0 && digest != NULL);
    context = EVP_MD_CTX_new();
    hash_must(context != NULL && EVP_DigestInit_ex2(context, digest, NULL) == 1);
    return context;
}

static void hash_end(EVP_MD_CTX *context, uint8_t out[SHA256_SIZE])
{
    hash_must(EVP_DigestFinal_ex(context, out, NULL) == 1);
    EVP_MD_CTX_free(context);
}

void sha256(const void *bytes, size_t len, uint8_t out[SHA256_SIZE])
{
    EVP_MD_CTX *context = hash_start();

    hash_must(len == 0 || EVP_DigestUpdate(context, bytes, len) == 1);
    hash_end(context, out);
}

static void hash_part(EVP_MD_CTX *context, const char *part)
{
    size_t len = strlen(part);
    uint8_t prefix[4];

    hash_must(len <= UINT32_MAX);
    prefix[0] = (uint8_t)(len >> 24);
    prefix[1] = (uint8_t)(len >> 16);
    prefix[2] = (uint8_t)(len >> 8);
    prefix[3] = (uint8_t)len;
    hash_must(EVP_DigestUpdate(context, prefix, sizeof(prefix)) == 1);
    hash_must(len == 0 || EVP_DigestUpdate(context, part, len) == 1);
}

void hash_parts(uint8_t out[SHA256_SIZE], const char *label, ...)
{
    EVP_MD_CTX *context = hash_start();
    const char *part;
    va_list parts;

    hash_part(context, label);
    va_start(parts, label);
    while ((part = va_arg(parts, const char *)) != NULL) {
        hash_part(context, part);
    }
    va_end(parts);
    hash_end(context, out);
}

enum err hmac_sha256(const uint8_t *key, size_t key_len, const void *bytes, size_t len,
                     uint8_t out[SHA256_SIZE])
{
    /* OpenSSL reads a NULL key as "the one before"; an empty key is a key of no bytes. */
    static const uint8_t none[1];
    unsigned out_len = 0;

    hash_must(pthread_once(&digest_once, digest_fetch) == 0 && digest != NULL);
    if (key_len <= INT_MAX &&
        HMAC(digest, key_len > 0 ? key : none, (int)key_len, len > 0 ? bytes : none, len, out,
             &out_len) != NULL &&
        out_len == SHA256_SIZE) {
        return ERR_OK;
    }
    memset(out, 0, SHA256_SIZE);
    return ERR_SYSTEM;
}
