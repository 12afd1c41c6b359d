#include "crypto/pkce.h"

#include "base/text.h"
#include "crypto/hash.h"

#include <string.h>

_Static_assert(BASE64URL_SIZE(PKCE_RANDOM) == PKCE_SIZE, "43 characters and a NUL");
_Static_assert(BASE64URL_SIZE(SHA256_SIZE) == PKCE_SIZE, "43 characters and a NUL");

void pkce_code_verifier(const uint8_t random[PKCE_RANDOM], char code_verifier[PKCE_SIZE])
{
    base64url_encode(random, PKCE_RANDOM, code_verifier);
}

void pkce_code_challenge(const char *code_verifier, char code_challenge[PKCE_SIZE])
{
    uint8_t digest[SHA256_SIZE];

    sha256(code_verifier, strlen(code_verifier), digest);
    base64url_encode(digest, sizeof(digest), code_challenge);
}
