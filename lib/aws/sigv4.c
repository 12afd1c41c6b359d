#include "aws/sigv4.h"

#include "aws/sigv4_canonical.h"
#include "base/secret.h"
#include "base/text.h"
#include "crypto/hash.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define CANONICAL_MAX ((size_t)256 * 1024)
#define KEY_MAX ((size_t)1024)

static void sha256_hex(const void *bytes, size_t len, char out[HEX_SIZE(SHA256_SIZE)])
{
    uint8_t digest[SHA256_SIZE];

    sha256(len == 0 ? "" : bytes, len, digest);
    hex_encode(digest, sizeof(digest), out);
}

/* "20150830T123600Z"; its first eight characters are the date of the scope. */
static enum err amz_date(msec now, char out[17])
{
    time_t seconds = (time_t)(now / 1000);
    struct tm utc;

    if (now < 0 || gmtime_r(&seconds, &utc) == NULL ||
        strftime(out, 17, "%Y%m%dT%H%M%SZ", &utc) != 16) {
        return ERR_INPUT;
    }
    return ERR_OK;
}

/* HMAC of HMAC of HMAC: the date, the region and the service each narrow the key. */
static enum err signing_key(const struct secret *secret, const char *const steps[4],
                            uint8_t out[SHA256_SIZE])
{
    struct buf first = buf_make_secret(KEY_MAX);
    uint8_t next[SHA256_SIZE];
    enum err err;

    buf_adds(&first, "AWS4");
    buf_add(&first, secret_text(secret), secret_len(secret));
    err = buf_err(&first);
    if (err == ERR_OK) {
        err = hmac_sha256((const uint8_t *)buf_str(&first), first.len, steps[0], strlen(steps[0]),
                          out);
    }
    for (size_t i = 1; i < 4 && err == ERR_OK; i++) {
        err = hmac_sha256(out, SHA256_SIZE, steps[i], strlen(steps[i]), next);
        memcpy(out, next, SHA256_SIZE);
    }
    wipe(next, sizeof(next));
    buf_free(&first);
    return err;
}

/* The caller's headers and the ones that signing adds, in one list. */
static enum err collect(const struct sigv4_request *request,
                        const struct aws_credentials *credentials, const struct sigv4_result *out,
                        struct sigv4_header *all, size_t *count)
{
    size_t n = request->header_count;

    if (n > SIGV4_HEADERS_MAX - 3) {
        return ERR_LIMIT;
    }
    if (n > 0) {
        memcpy(all, request->headers, n * sizeof(*all));
    }
    all[n++] = (struct sigv4_header){"x-amz-date", out->amz_date};
    if (credentials->session_token != NULL) {
        all[n++] =
            (struct sigv4_header){"x-amz-security-token", secret_text(credentials->session_token)};
    }
    if (request->sign_body_header) {
        all[n++] = (struct sigv4_header){"x-amz-content-sha256", out->content_sha256};
    }
    *count = n;
    return ERR_OK;
}

enum err sigv4_sign(const struct sigv4_request *request, const struct aws_credentials *credentials,
                    msec now, struct sigv4_result *out)
{
    struct sigv4_header all[SIGV4_HEADERS_MAX];
    struct buf names = buf_make(8192);
    uint8_t key[SHA256_SIZE] = {0};
    uint8_t mac[SHA256_SIZE];
    char hash[HEX_SIZE(SHA256_SIZE)];
    char date[9];
    size_t count = 0;
    enum err err;

    memset(out, 0, sizeof(*out));
    /* The session token is among the headers, hence in the canonical request. */
    out->canonical_request = buf_make_secret(CANONICAL_MAX);
    out->string_to_sign = buf_make(1024);
    out->authorization = buf_make(16384);
    err = amz_date(now, out->amz_date);
    if (err != ERR_OK) {
        goto done;
    }
    memcpy(date, out->amz_date, 8);
    date[8] = '\0';
    sha256_hex(request->body, request->body_len, out->content_sha256);
    err = collect(request, credentials, out, all, &count);
    if (err == ERR_OK) {
        err = sigv4_canonical(request, all, count, out->content_sha256, &out->canonical_request,
                              &names);
    }
    if (err != ERR_OK) {
        goto done;
    }
    sha256_hex(buf_str(&out->canonical_request), out->canonical_request.len, hash);
    buf_addf(&out->string_to_sign, "AWS4-HMAC-SHA256\n%s\n%s/%s/%s/aws4_request\n%s", out->amz_date,
             date, request->region, request->service, hash);
    err = buf_err(&out->string_to_sign);
    if (err == ERR_OK) {
        err = signing_key(
            credentials->secret_access_key,
            (const char *const[4]){date, request->region, request->service, "aws4_request"}, key);
    }
    if (err == ERR_OK) {
        err = hmac_sha256(key, sizeof(key), buf_str(&out->string_to_sign), out->string_to_sign.len,
                          mac);
    }
    if (err != ERR_OK) {
        goto done;
    }
    hex_encode(mac, sizeof(mac), hash);
    buf_addf(&out->authorization,
             "AWS4-HMAC-SHA256 Credential=%s/%s/%s/%s/aws4_request, SignedHeaders=%s, Signature=%s",
             credentials->access_key_id, date, request->region, request->service, buf_str(&names),
             hash);
    err = buf_err(&out->authorization);
done:
    wipe(key, sizeof(key));
    buf_free(&names);
    if (err != ERR_OK) {
        sigv4_result_free(out);
    }
    return err;
}

void sigv4_result_free(struct sigv4_result *result)
{
    if (result == NULL) {
        return;
    }
    buf_free(&result->authorization);
    buf_free(&result->canonical_request);
    buf_free(&result->string_to_sign);
    memset(result, 0, sizeof(*result));
}
