/* hash.h, random.h, pkce.h: known answers. */
#include "base/json.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "crypto/pkce.h"
#include "crypto/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void hex_is(const uint8_t digest[SHA256_SIZE], const char *expected)
{
    char hex[HEX_SIZE(SHA256_SIZE)];

    hex_encode(digest, SHA256_SIZE, hex);
    assert_string_equal(hex, expected);
}

static void sha256_vectors(void **state)
{
    /* FIPS 180-4's examples, as published by NIST: empty, "abc", two blocks. */
    uint8_t digest[SHA256_SIZE];

    (void)state;
    sha256("", 0, digest);
    hex_is(digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sha256(NULL, 0, digest);
    hex_is(digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sha256("abc", 3, digest);
    hex_is(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, digest);
    hex_is(digest, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void hmac_vectors(void **state)
{
    /* RFC 4231 sections 4.2, 4.3 and 4.7 (a key longer than a block). */
    uint8_t key[131], digest[SHA256_SIZE];

    (void)state;
    memset(key, 0x0b, 20);
    assert_int_equal(hmac_sha256(key, 20, "Hi There", 8, digest), ERR_OK);
    hex_is(digest, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    assert_int_equal(
        hmac_sha256((const uint8_t *)"Jefe", 4, "what do ya want for nothing?", 28, digest),
        ERR_OK);
    hex_is(digest, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof(key));
    assert_int_equal(hmac_sha256(key, sizeof(key),
                                 "Test Using Larger Than Block-Size Key - Hash Key First", 54,
                                 digest),
                     ERR_OK);
    hex_is(digest, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void hmac_of_nothing(void **state)
{
    uint8_t digest[SHA256_SIZE], again[SHA256_SIZE];

    (void)state;
    /* HMAC-SHA-256 of no bytes under a key of no bytes; after another key, and the same. */
    assert_int_equal(hmac_sha256((const uint8_t *)"Jefe", 4, "x", 1, digest), ERR_OK);
    assert_int_equal(hmac_sha256(NULL, 0, NULL, 0, digest), ERR_OK);
    hex_is(digest, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
    assert_int_equal(hmac_sha256((const uint8_t *)"", 0, "", 0, again), ERR_OK);
    assert_memory_equal(digest, again, sizeof(digest));
}

static void parts(void **state)
{
    uint8_t a[SHA256_SIZE], b[SHA256_SIZE];

    (void)state;
    hash_parts(a, "owner", "https://a", "alice", (const char *)NULL);
    /* Computed apart, with Node's crypto over u32 lengths and texts. */
    hex_is(a, "8b4e20ddefb3995cf4ebf96a569c72f79f24b2c403a516b9257bfaa9e05cbdd4");
    hash_parts(b, "owner", "https://aa", "lice", (const char *)NULL);
    assert_memory_not_equal(a, b, sizeof(a));
    hash_parts(b, "owner", "https://a", "alice", "", (const char *)NULL);
    assert_memory_not_equal(a, b, sizeof(a));
    hash_parts(b, "ownerhttps://a", "alice", (const char *)NULL);
    assert_memory_not_equal(a, b, sizeof(a));
}

static void randomness(void **state)
{
    uint8_t a[32] = {0}, b[32] = {0}, zeros[32] = {0};

    (void)state;
    assert_int_equal(random_bytes(a, sizeof(a)), ERR_OK);
    assert_int_equal(random_bytes(b, sizeof(b)), ERR_OK);
    assert_memory_not_equal(a, b, sizeof(a));
    random_fail_for_test(1);
    assert_int_equal(random_bytes(a, sizeof(a)), ERR_SYSTEM);
    random_fail_for_test(0);
    assert_memory_equal(a, zeros, sizeof(a));
    assert_int_equal(random_bytes(a, sizeof(a)), ERR_OK);
    assert_memory_not_equal(a, zeros, sizeof(a));
}

static void pkce_vector(void **state)
{
    const char *vectors = getenv("VECTORS");
    char path[512], challenge[PKCE_SIZE];
    const json_t *vector;
    json_t *root;

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/rfc/oauth_small_vectors.json",
                   vectors != NULL ? vectors : "../shared/vectors");
    if ((root = json_load_file(path, 0, NULL)) == NULL) {
        skip();
    }
    vector = js_object(root, "pkce_rfc7636_appendix_B");
    assert_non_null(js_text(vector, "verifier"));
    pkce_code_challenge(js_text(vector, "verifier"), challenge);
    assert_string_equal(challenge, js_text(vector, "challenge_S256"));
    json_decref(root);
}

static void pkce_form(void **state)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    /* RFC 7636 appendix B's octets and the verifier that they give. */
    static const uint8_t octets[PKCE_RANDOM] = {
        116, 24,  223, 180, 151, 153, 224, 37,  79, 250, 96, 125, 216, 173, 187, 186,
        22,  212, 37,  77,  105, 214, 191, 240, 91, 88,  5,  88,  83,  132, 141, 121};
    uint8_t other[PKCE_RANDOM];
    char verifier[PKCE_SIZE], challenge[PKCE_SIZE], second[PKCE_SIZE];

    (void)state;
    pkce_code_verifier(octets, verifier);
    assert_string_equal(verifier, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    pkce_code_challenge(verifier, challenge);
    memcpy(other, octets, sizeof(other));
    other[31] ^= 1;
    pkce_code_verifier(other, verifier);
    assert_true(text_of(verifier, 43, 43, allowed));
    pkce_code_challenge(verifier, second);
    assert_true(text_of(second, 43, 43, allowed));
    assert_string_not_equal(challenge, second);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        {"SHA-256: FIPS 180-4's examples", sha256_vectors, NULL, NULL, NULL},
        {"HMAC-SHA-256: RFC 4231's examples", hmac_vectors, NULL, NULL, NULL},
        {"HMAC-SHA-256: no key and no text", hmac_of_nothing, NULL, NULL, NULL},
        {"hash_parts: no two lists read the same", parts, NULL, NULL, NULL},
        {"row 29: without entropy random_bytes fails and gives zeros", randomness, NULL, NULL,
         NULL},
        {"row 7: the challenge of RFC 7636 appendix B", pkce_vector, NULL, NULL, NULL},
        {"row 7: verifiers of 43 characters, another challenge each", pkce_form, NULL, NULL, NULL},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
