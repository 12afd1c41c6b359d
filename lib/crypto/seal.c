#include "crypto/seal.h"

#include "base/secret.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SEAL_VERSION 1
#define SEAL_HEADER (1 + KEY_ID_SIZE)
#define SEAL_TAG 16
#define SEAL_MAX ((size_t)16 * 1024 * 1024) /* far inside int, which EVP counts in */

_Static_assert(SEAL_OVERHEAD == SEAL_HEADER + SEAL_NONCE + SEAL_TAG, /* NOLINT: that is the point */
               "the sealed form");

static EVP_CIPHER *cipher;
static pthread_once_t cipher_once = PTHREAD_ONCE_INIT;

static void cipher_fetch(void)
{
    cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
}

static EVP_CIPHER_CTX *cipher_context(void)
{
    if (pthread_once(&cipher_once, cipher_fetch) != 0 || cipher == NULL) {
        return NULL;
    }
    return EVP_CIPHER_CTX_new();
}

/*
 * The associated data is the sealed form's own first bytes and then the
 * caller's: so version and key id are authenticated even though the caller
 * cannot know which key a rotation is about to make the current one.
 */
static int add_aad(EVP_CIPHER_CTX *context, const uint8_t header[SEAL_HEADER], const uint8_t *aad,
                   size_t aad_len)
{
    int done = 0;

    return EVP_CipherUpdate(context, NULL, &done, header, SEAL_HEADER) == 1 &&
           (aad_len == 0 || EVP_CipherUpdate(context, NULL, &done, aad, (int)aad_len) == 1);
}

enum err seal(const struct keyring *ring, enum kind kind, const uint8_t *aad, size_t aad_len,
              const void *plain, size_t plain_len, const uint8_t nonce[SEAL_NONCE], struct buf *out)
{
    EVP_CIPHER_CTX *context = NULL;
    const uint8_t *key;
    uint8_t *sealed = NULL, *text;
    uint32_t key_id;
    int done = 0;
    enum err err;

    if (plain_len > SEAL_MAX || aad_len > SEAL_MAX) {
        return ERR_LIMIT;
    }
    if ((err = keyring_current(ring, kind, &key_id, &key)) != ERR_OK) {
        return err;
    }
    if ((sealed = malloc(plain_len + SEAL_OVERHEAD)) == NULL) {
        return ERR_MEMORY;
    }
    sealed[0] = SEAL_VERSION;
    sealed[1] = (uint8_t)(key_id >> 24);
    sealed[2] = (uint8_t)(key_id >> 16);
    sealed[3] = (uint8_t)(key_id >> 8);
    sealed[4] = (uint8_t)key_id;
    memcpy(sealed + SEAL_HEADER, nonce, SEAL_NONCE);
    text = sealed + SEAL_HEADER + SEAL_NONCE;

    err = ERR_SYSTEM;
    if ((context = cipher_context()) == NULL ||
        EVP_CipherInit_ex2(context, cipher, key, nonce, 1, NULL) != 1 ||
        !add_aad(context, sealed, aad, aad_len)) {
        goto done;
    }
    if (plain_len > 0 && (EVP_CipherUpdate(context, text, &done, plain, (int)plain_len) != 1 ||
                          (size_t)done != plain_len)) {
        goto done;
    }
    if (EVP_CipherFinal_ex(context, text + plain_len, &done) != 1 || done != 0 ||
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, SEAL_TAG, text + plain_len) != 1) {
        goto done;
    }
    buf_add(out, sealed, plain_len + SEAL_OVERHEAD);
    err = buf_err(out);
done:
    EVP_CIPHER_CTX_free(context);
    wipe(sealed, plain_len + SEAL_OVERHEAD); /* a failure may have left plain text in it */
    free(sealed);
    return err;
}

enum err seal_open(const struct keyring *ring, enum kind kind, const uint8_t *aad, size_t aad_len,
                   const void *sealed, size_t sealed_len, msec now, struct buf *out)
{
    const uint8_t *in = sealed, *key, *text;
    uint8_t tag[SEAL_TAG], *plain = NULL;
    EVP_CIPHER_CTX *context = NULL;
    uint32_t key_id;
    size_t len;
    int done = 0;
    enum err err;

    if (in == NULL || sealed_len < SEAL_OVERHEAD || sealed_len > SEAL_MAX + SEAL_OVERHEAD ||
        aad_len > SEAL_MAX || in[0] != SEAL_VERSION) {
        return ERR_FORGED;
    }
    key_id = (uint32_t)in[1] << 24 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 8 | in[4];
    if ((err = keyring_find(ring, kind, key_id, now, &key)) != ERR_OK) {
        return err;
    }
    len = sealed_len - SEAL_OVERHEAD;
    text = in + SEAL_HEADER + SEAL_NONCE;
    memcpy(tag, text + len, SEAL_TAG); /* its length is ours, never the message's */
    if ((plain = malloc(len + 1)) == NULL) {
        return ERR_MEMORY;
    }

    err = ERR_SYSTEM;
    if ((context = cipher_context()) == NULL ||
        EVP_CipherInit_ex2(context, cipher, key, in + SEAL_HEADER, 0, NULL) != 1 ||
        !add_aad(context, in, aad, aad_len) ||
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, SEAL_TAG, tag) != 1) {
        goto done;
    }
    if (len > 0 &&
        (EVP_CipherUpdate(context, plain, &done, text, (int)len) != 1 || (size_t)done != len)) {
        goto done;
    }
    /* Nothing of plain may leave before this line says that the tag is right. */
    if (EVP_CipherFinal_ex(context, plain + len, &done) != 1) {
        err = ERR_FORGED;
        goto done;
    }
    buf_add(out, plain, len);
    err = buf_err(out);
done:
    EVP_CIPHER_CTX_free(context);
    wipe(plain, len);
    free(plain);
    return err;
}
