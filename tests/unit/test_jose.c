/* JWS: what verifies, and everything that must not. */
#include "identity_fixture.h"

/* RFC 7515 appendix A.3. */
#define A3_KEY                                                                                     \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","     \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"
#define A3_TOKEN                                                                                   \
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlL"   \
    "mNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSAp"  \
    "mWQxfKTUJqPP3-Kg6NU1Q"

static struct jose_keys *parse(const char *text)
{
    struct jose_keys *keys = NULL;

    assert_int_equal(jose_keys_parse(text, strlen(text), &keys), ERR_OK);
    return keys;
}

static enum err verify(const struct jose_keys *keys, unsigned algs, const char *token)
{
    json_t *payload = NULL;
    enum err err = jose_verify(keys, algs, token, strlen(token), &payload, NULL);

    assert_int_equal(err == ERR_OK, payload != NULL);
    json_decref(payload);
    return err;
}

static enum err verify_free(const struct jose_keys *keys, char *token)
{
    enum err err = verify(keys, JOSE_SIGNED, token);

    free(token);
    return err;
}

/* header.payload.signature out of plain texts */
static char *assemble(const char *header, const char *payload, const char *signature)
{
    struct buf out = buf_make(262144);
    char *text = NULL;

    base64url_add(&out, header, strlen(header));
    buf_addc(&out, '.');
    base64url_add(&out, payload, strlen(payload));
    buf_addc(&out, '.');
    buf_adds(&out, signature);
    assert_int_equal(buf_take(&out, &text), ERR_OK);
    return text;
}

static void rfc7515_a3(void **state)
{
    struct jose_keys *keys = parse("{\"keys\":[" A3_KEY "]}");
    json_t *payload = NULL;
    json_t *header = NULL;

    (void)state;
    assert_int_equal(jose_verify(keys, JOSE_ES256, A3_TOKEN, strlen(A3_TOKEN), &payload, &header),
                     ERR_OK);
    assert_string_equal(js_text(payload, "iss"), "joe");
    assert_true(js_true(payload, "http://example.com/is_root"));
    assert_string_equal(js_text(header, "alg"), "ES256");
    json_decref(payload);
    json_decref(header);
    assert_int_equal(verify(keys, JOSE_RS256 | JOSE_PS256, A3_TOKEN), ERR_DENIED);
    assert_int_equal(verify(keys, 0, A3_TOKEN), ERR_DENIED);
    for (size_t len = 0; len < strlen(A3_TOKEN); len++) { /* no prefix passes, none crashes */
        assert_int_not_equal(jose_verify(keys, JOSE_SIGNED, A3_TOKEN, len, &payload, NULL), ERR_OK);
        assert_null(payload);
    }
    assert_int_equal(jose_verify(keys, JOSE_SIGNED, NULL, 0, &payload, NULL), ERR_INPUT);
    jose_keys_free(keys);
    jose_keys_free(NULL);
}

static json_t *vector(const char *name)
{
    const char *root = getenv("VECTORS");
    char path[512];

    (void)snprintf(path, sizeof path, "%s/jose-cookbook/jws/%s", root ? root : "../shared/vectors",
                   name);
    return json_load_file(path, 0, NULL);
}

static struct jose_keys *vector_keys(const json_t *vector)
{
    char *key = json_dumps(json_object_get(json_object_get(vector, "input"), "key"), 0);
    char *set = formatted("{\"keys\":[%s]}", key);
    struct jose_keys *keys = parse(set);

    free(set);
    free(key);
    return keys;
}

/* The cookbook signs prose, so ERR_INPUT (no JSON) says that the signature held before it. */
static void cookbook_rs256(void **state)
{
    json_t *v = vector("4_1.rsa_v15_signature.json");
    struct jose_keys *keys;
    char *token;

    (void)state;
    if (v == NULL) {
        skip();
    }
    keys = vector_keys(v);
    token = strdup(js_text(js_object(v, "output"), "compact"));
    assert_int_equal(verify(keys, JOSE_RS256, token), ERR_INPUT);
    assert_int_equal(verify(keys, JOSE_PS256 | JOSE_ES256, token), ERR_DENIED);
    token[strlen(token) - 10] = token[strlen(token) - 10] == 'A' ? 'B' : 'A';
    assert_int_equal(verify(keys, JOSE_RS256, token), ERR_FORGED);
    free(token);
    jose_keys_free(keys);
    json_decref(v);
}

static void cookbook_others(void **state)
{
    static const char *const names[] = {"4_2.rsa-pss_signature.json", "4_3.ecdsa_signature.json",
                                        "4_4.hmac-sha2_integrity_protection.json"};

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        json_t *v = vector(names[i]);
        struct jose_keys *keys;

        if (v == NULL) {
            skip();
        }
        keys = vector_keys(v);
        assert_int_equal(verify(keys, JOSE_SIGNED, js_text(js_object(v, "output"), "compact")),
                         ERR_DENIED);
        jose_keys_free(keys);
        json_decref(v);
    }
}

static void half_hash(void **state)
{
    char half[23];

    (void)state;
    /* OIDC Core's at_hash and c_hash examples, as in vectors/rfc/oauth_small_vectors.json */
    jose_half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", half);
    assert_string_equal(half, "77QmUPtjPfzWtF2AnpK9RQ");
    jose_half_hash("Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk", half);
    assert_string_equal(half, "LDktKdoQak3Pk0cnXxCltA");
}

static void round_trips(void **state)
{
    static const struct {
        enum jose_alg alg;
        const char *name;
    } algs[] = {{JOSE_RS256, "RS256"}, {JOSE_PS256, "PS256"}, {JOSE_ES256, "ES256"}};
    json_t *payload = json_pack("{s:s,s:i}", "iss", "me", "exp", 5);

    (void)state;
    for (size_t i = 0; i < COUNT(algs); i++) {
        cjose_jwk_t *jwk = algs[i].alg == JOSE_ES256 ? new_ec("mine") : new_rsa("mine");
        char *private = cjose_jwk_to_json(jwk, true, NULL);
        char *set = key_set(jwk, NULL, NULL);
        struct jose_keys *keys = parse(set);
        struct secret *secret = NULL;
        struct buf token = buf_make(4096);
        json_t *claims = NULL;
        json_t *header = NULL;

        assert_int_equal(secret_new(private, strlen(private), &secret), ERR_OK);
        assert_int_equal(jose_sign(secret, algs[i].alg, "JWT", payload, &token), ERR_OK);
        assert_int_equal(
            jose_verify(keys, algs[i].alg, buf_str(&token), token.len, &claims, &header), ERR_OK);
        assert_true(json_equal(claims, payload));
        assert_string_equal(js_text(header, "alg"), algs[i].name);
        assert_string_equal(js_text(header, "kid"), "mine");
        assert_string_equal(js_text(header, "typ"), "JWT");
        json_decref(claims);
        json_decref(header);
        /* a key of the other type: nothing is signed */
        buf_reset(&token);
        assert_int_equal(jose_sign(secret, algs[i].alg == JOSE_ES256 ? JOSE_RS256 : JOSE_ES256,
                                   NULL, payload, &token),
                         ERR_CONFIG);
        assert_int_equal(token.len, 0);
        buf_free(&token);
        secret_free(secret);
        jose_keys_free(keys);
        free(set);
        free(private);
        cjose_jwk_release(jwk);
    }
    json_decref(payload);
}

static void alg_none(void **state)
{
    static const char *const algs[] = {"none",  "None",  "nOnE",  "NONE",  "",     "RS256 ",
                                       "rs256", "HS256", "RS384", "ES512", "PS384"};
    struct jose_keys *keys = parse("{\"keys\":[" A3_KEY "]}");

    (void)state;
    for (size_t i = 0; i < COUNT(algs); i++) {
        char *header = formatted("{\"alg\":\"%s\"}", algs[i]);

        assert_int_equal(verify_free(keys, assemble(header, "{\"sub\":\"x\"}", "AAAA")),
                         ERR_DENIED);
        free(header);
    }
    assert_int_equal(verify_free(keys, assemble("{}", "{}", "AAAA")), ERR_DENIED);
    assert_int_equal(verify_free(keys, assemble("{\"alg\":1}", "{}", "AAAA")), ERR_DENIED);
    assert_int_equal(verify_free(keys, assemble("{\"alg\":[\"ES256\"]}", "{}", "AAAA")),
                     ERR_DENIED);
    /* an empty signature part, as alg none has it */
    assert_int_equal(verify_free(keys, assemble("{\"alg\":\"none\"}", "{}", "")), ERR_INPUT);
    jose_keys_free(keys);
}

/* The public key as an HMAC secret: the classic confusion. */
static void hs256_with_public_key(void **state)
{
    cjose_jwk_t *rsa = new_rsa(NULL);
    char *set = key_set(rsa, NULL, NULL);
    struct jose_keys *keys = parse(set);
    cjose_jwk_t *hmac = cjose_jwk_create_oct_spec((const uint8_t *)set, strlen(set), NULL);

    (void)state;
    assert_int_equal(verify_free(keys, sign_text(hmac, "{\"alg\":\"HS256\"}", "{\"sub\":\"x\"}")),
                     ERR_DENIED);
    cjose_jwk_release(hmac);
    jose_keys_free(keys);
    free(set);
    cjose_jwk_release(rsa);
}

static void header_keys(void **state)
{
    cjose_jwk_t *own = new_rsa("own");
    cjose_jwk_t *attacker = new_rsa("own");
    char *set = key_set(own, NULL, NULL);
    char *evil = cjose_jwk_to_json(attacker, false, NULL);
    struct jose_keys *keys = parse(set);
    char *header = formatted("{\"alg\":\"RS256\",\"kid\":\"own\",\"jwk\":%s,"
                             "\"jku\":\"https://evil.example/\",\"x5u\":\"https://evil.example/\","
                             "\"x5c\":[\"AAAA\"]}",
                             evil);

    (void)state;
    assert_int_equal(verify_free(keys, sign_text(attacker, header, "{\"sub\":\"x\"}")), ERR_FORGED);
    assert_int_equal(verify_free(keys, sign_text(own, header, "{\"sub\":\"x\"}")), ERR_OK);
    assert_int_equal(
        verify_free(keys, sign_text(own, "{\"alg\":\"RS256\",\"kid\":\"own\",\"crit\":[\"exp\"]}",
                                    "{\"sub\":\"x\"}")),
        ERR_DENIED);
    assert_int_equal(
        verify_free(keys, sign_text(own, "{\"alg\":\"RS256\",\"kid\":\"own\",\"crit\":[]}",
                                    "{\"sub\":\"x\"}")),
        ERR_DENIED);
    free(header);
    free(evil);
    free(set);
    jose_keys_free(keys);
    cjose_jwk_release(own);
    cjose_jwk_release(attacker);
}

static void choosing_keys(void **state)
{
    cjose_jwk_t *a = new_rsa("a");
    cjose_jwk_t *b = new_rsa("b");
    cjose_jwk_t *bare = new_rsa(NULL);
    char *one = cjose_jwk_to_json(bare, false, NULL);
    char *both_text = key_set(a, b, NULL);
    char *mixed_text = formatted("{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"broken\",\"n\":\"!!\","
                                 "\"e\":\"AQAB\"},{\"kty\":\"XXX\"},7,null,{},%s]}",
                                 one);
    struct jose_keys *both = parse(both_text);
    struct jose_keys *mixed = parse(mixed_text);
    struct jose_keys *none = parse("{\"keys\":[]}");

    (void)state;
    assert_int_equal(verify_free(both, sign_text(b, "{\"alg\":\"RS256\",\"kid\":\"b\"}", "{}")),
                     ERR_OK);
    assert_int_equal(verify_free(both, sign_text(b, "{\"alg\":\"RS256\",\"kid\":\"a\"}", "{}")),
                     ERR_FORGED);
    assert_int_equal(verify_free(both, sign_text(b, "{\"alg\":\"RS256\",\"kid\":\"c\"}", "{}")),
                     ERR_NONE);
    assert_int_equal(verify_free(both, sign_text(b, "{\"alg\":\"RS256\"}", "{}")), ERR_NONE);
    /* one usable key without a kid, beside what is unusable: accepted */
    assert_int_equal(verify_free(mixed, sign_text(bare, "{\"alg\":\"RS256\"}", "{}")), ERR_OK);
    assert_int_equal(verify_free(mixed, sign_text(bare, "{\"alg\":\"RS256\",\"kid\":\"x\"}", "{}")),
                     ERR_NONE);
    assert_int_equal(verify_free(none, sign_text(b, "{\"alg\":\"RS256\"}", "{}")), ERR_NONE);
    free(one);
    free(both_text);
    free(mixed_text);
    jose_keys_free(both);
    jose_keys_free(mixed);
    jose_keys_free(none);
    cjose_jwk_release(a);
    cjose_jwk_release(b);
    cjose_jwk_release(bare);
}

static void opaque_kid(void **state)
{
    static const char *const kids[] = {"../../etc/passwd", "' OR 1=1 --", "", "%s%n"};
    struct jose_keys *keys = parse("{\"keys\":[" A3_KEY "]}");

    (void)state;
    for (size_t i = 0; i < COUNT(kids); i++) {
        cjose_jwk_t *odd = new_ec("x");
        char *header = formatted("{\"alg\":\"ES256\",\"kid\":\"%s\"}", kids[i]);
        char *public;
        char *set;
        struct jose_keys *own;

        assert_int_equal(verify_free(keys, sign_text(odd, header, "{}")), ERR_NONE);
        cjose_jwk_set_kid(odd, kids[i], strlen(kids[i]), NULL);
        public = cjose_jwk_to_json(odd, false, NULL);
        set = formatted("{\"keys\":[%s]}", public);
        own = parse(set);
        if (kids[i][0] != '\0') { /* and a key of that very name is simply that key */
            assert_int_equal(verify_free(own, sign_text(odd, header, "{}")), ERR_OK);
        }
        jose_keys_free(own);
        free(set);
        free(public);
        free(header);
        cjose_jwk_release(odd);
    }
    assert_int_equal(
        verify_free(keys, assemble("{\"alg\":\"ES256\",\"kid\":\"a\\u0000b\"}", "{}", "AAAA")),
        ERR_INPUT);
    assert_int_equal(verify_free(keys, assemble("{\"alg\":\"ES256\",\"kid\":7}", "{}", "AAAA")),
                     ERR_INPUT);
    jose_keys_free(keys);
}

/* Keys that the provider publishes and that must not verify anything. */
static void weak_keys(void **state)
{
    static const uint8_t e[] = {1, 0, 1};
    cjose_jwk_t *small = cjose_jwk_create_RSA_random(1024, e, sizeof e, NULL);
    cjose_jwk_t *good = new_rsa(NULL);
    char *small_set = key_set(small, NULL, NULL);
    char *public = cjose_jwk_to_json(good, false, NULL);
    json_t *jwk = json_loads(public, 0, NULL);
    static const char *const exponents[] = {"AQ", "AAAAAQ", "AA",    "AAAA",
                                            "Ag", "",       "AQAB=", "AQAA"};
    struct jose_keys *keys = parse(small_set);
    char *token = sign_text(good, "{\"alg\":\"RS256\"}", "{}");

    (void)state;
    assert_int_equal(verify_free(keys, sign_text(small, "{\"alg\":\"RS256\"}", "{}")), ERR_NONE);
    jose_keys_free(keys);
    for (size_t i = 0; i < COUNT(exponents); i++) {
        char *text;
        char *set;

        json_object_set_new(jwk, "e", json_string(exponents[i]));
        text = json_dumps(jwk, 0);
        set = formatted("{\"keys\":[%s]}", text);
        keys = parse(set);
        assert_int_equal(verify(keys, JOSE_SIGNED, token), ERR_NONE);
        jose_keys_free(keys);
        free(set);
        free(text);
    }
    /* off the curve, infinity's stand-in, another curve, short coordinates, for another use */
    static const char *const sets[] = {
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\","
        "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
        "\"y\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"}]}",
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\","
        "\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
        "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}]}",
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-384\","
        "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
        "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}",
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83O\",\"y\":\"x_FE\"}]}",
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":\"enc\","
        "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
        "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}",
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"key_ops\":[\"sign\"],"
        "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
        "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}",
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ECDH-ES\","
        "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
        "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}",
        "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}",
    };
    for (size_t i = 0; i < COUNT(sets); i++) {
        keys = parse(sets[i]);
        assert_int_equal(verify(keys, JOSE_SIGNED, A3_TOKEN), ERR_NONE);
        jose_keys_free(keys);
    }
    free(token);
    json_decref(jwk);
    free(public);
    free(small_set);
    cjose_jwk_release(small);
    cjose_jwk_release(good);
}

static void signature_lengths(void **state)
{
    struct jose_keys *keys = parse("{\"keys\":[" A3_KEY "]}");
    uint8_t bytes[80] = {0x30, 0x45, 0x02, 0x20};

    (void)state;
    for (size_t len = 1; len <= sizeof bytes; len++) {
        char signature[BASE64URL_SIZE(sizeof bytes)];

        base64url_encode(bytes, len, signature);
        assert_int_equal(verify_free(keys, assemble("{\"alg\":\"ES256\"}", "{}", signature)),
                         ERR_FORGED);
    }
    jose_keys_free(keys);
}

static void misshapen_payloads(void **state)
{
    cjose_jwk_t *own = new_ec(NULL);
    char *set = key_set(own, NULL, NULL);
    struct jose_keys *keys = parse(set);
    static const char header[] = "{\"alg\":\"ES256\"}";
    static const char *const bad[] = {
        "{\"sub\":\"a\",\"sub\":\"b\"}",
        "{\"a\":{\"x\":1,\"x\":2}}",
        "{}x",
        "{} {}",
        "[]",
        "\"x\"",
        "",
        "{\"a\":\"\xff\xfe\"}",
        "{\"a\":\"\xc0\x80\"}",
        "{\"exp\":1e400}",
        "{\"a\":\"\\u0000\"}",
        "{\"a\":NaN}",
        "{'a':1}",
    };
    char *deep = malloc(20001 + 16);

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(verify_free(keys, sign_text(own, header, bad[i])), ERR_INPUT);
    }
    assert_non_null(deep);
    memcpy(deep, "{\"a\":", 5); /* NOLINT: the NUL comes at the end */
    memset(deep + 5, '[', 10000);
    memset(deep + 10005, ']', 10000);
    memcpy(deep + 20005, "}", 2);
    assert_int_equal(verify_free(keys, sign_text(own, header, deep)), ERR_INPUT);
    free(deep);
    assert_int_equal(
        verify_free(keys, assemble("{\"alg\":\"none\",\"alg\":\"ES256\"}", "{}", "AAAA")),
        ERR_INPUT);
    assert_int_equal(verify_free(keys, assemble("[]", "{}", "AAAA")), ERR_INPUT);
    jose_keys_free(keys);
    free(set);
    cjose_jwk_release(own);
}

static void shapes(void **state)
{
    static const char h[] = "eyJhbGciOiJFUzI1NiJ9";
    struct jose_keys *keys = parse("{\"keys\":[" A3_KEY "]}");
    const char *p = strchr(A3_TOKEN, '.') + 1;
    const char *s = strchr(p, '.') + 1;
    char payload[256];
    char *bad[12];

    (void)state;
    memcpy(payload, p, (size_t)(s - p - 1));
    payload[s - p - 1] = '\0';
    bad[0] = formatted("%s.%s", h, payload);
    bad[1] = formatted("%s.%s.%s.%s", h, payload, s, s);
    bad[2] = formatted("%s.%s.%s.%s.%s.%s", h, payload, s, h, payload, s);
    bad[3] = formatted("%s=.%s.%s", h, payload, s);
    bad[4] = formatted("%s.%s==.%s", h, payload, s);
    bad[5] = formatted("%s.%s.%s==", h, payload, s);
    bad[6] = formatted("%s.%s.\n%s", h, payload, s);
    bad[7] = formatted(" %s.%s.%s", h, payload, s);
    bad[8] = formatted("%s.%s.%s\n", h, payload, s);
    bad[9] = formatted("%s..%s", h, s);
    bad[10] = formatted(".%s.%s", payload, s);
    bad[11] = formatted("%s.%s.%s.", h, payload, s);
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (verify(keys, JOSE_SIGNED, bad[i]) != ERR_INPUT) {
            fail_msg("shape %zu", i);
        }
        free(bad[i]);
    }
    { /* standard base64 has + and / where this signature has - and _ */
        char *standard = strdup(A3_TOKEN);

        for (char *at = standard; *at != '\0'; at++) {
            *at = (char)(*at == '-' ? '+' : *at == '_' ? '/' : *at);
        }
        assert_string_not_equal(standard, A3_TOKEN);
        assert_int_equal(verify(keys, JOSE_SIGNED, standard), ERR_INPUT);
        free(standard);
    }
    { /* over the cap: refused before anything is decoded */
        char *huge = malloc(JOSE_TOKEN_MAX + 2);

        memset(huge, 'A', JOSE_TOKEN_MAX + 1);
        huge[JOSE_TOKEN_MAX + 1] = '\0';
        huge[10] = huge[20] = '.';
        assert_int_equal(verify(keys, JOSE_SIGNED, huge), ERR_INPUT);
        free(huge);
    }
    jose_keys_free(keys);
}

static void key_sets(void **state)
{
    static const char *const bad[] = {
        "", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[],\"keys\":[]}", "{\"keys\":[]}x"};
    struct jose_keys *keys = NULL;
    struct buf many = buf_make(65536);

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(jose_keys_parse(bad[i], strlen(bad[i]), &keys), ERR_INPUT);
        assert_null(keys);
    }
    buf_adds(&many, "{\"keys\":[{}");
    for (int i = 0; i < JOSE_KEYS_MAX; i++) {
        buf_adds(&many, ",{}");
    }
    buf_adds(&many, "]}");
    assert_int_equal(jose_keys_parse(buf_str(&many), many.len, &keys), ERR_LIMIT);
    assert_null(keys);
    buf_free(&many);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        {"RFC 7515 A.3 verifies, under its own algorithm only", rfc7515_a3, NULL, NULL, NULL},
        {"the cookbook's RS256 signature holds, and not with a letter changed", cookbook_rs256,
         NULL, NULL, NULL},
        {"the cookbook's PS384, ES512 and HS256 are not among our algorithms", cookbook_others,
         NULL, NULL, NULL},
        {"at_hash and c_hash of OIDC Core", half_hash, NULL, NULL, NULL},
        {"what is signed verifies, with RS256, PS256 and ES256", round_trips, NULL, NULL, NULL},
        {"row 15: alg none in any case, or any name but ours, is refused", alg_none, NULL, NULL,
         NULL},
        {"row 15: HS256 keyed with the public key is refused", hs256_with_public_key, NULL, NULL,
         NULL},
        {"row 16: jwk, jku, x5u, x5c are ignored, crit is refused", header_keys, NULL, NULL, NULL},
        {"row 18: one key needs no kid, broken keys spoil no other", choosing_keys, NULL, NULL,
         NULL},
        {"row 19: a kid is an opaque string", opaque_kid, NULL, NULL, NULL},
        {"row 20: small RSA, e = 1, off-curve points and keys for other uses verify nothing",
         weak_keys, NULL, NULL, NULL},
        {"row 20: an ES256 signature of any length but 64 is refused, and a false one of 64",
         signature_lengths, NULL, NULL, NULL},
        {"row 24: doubled members, trailing bytes, bad UTF-8 and depth are refused",
         misshapen_payloads, NULL, NULL, NULL},
        {"row 25: 2, 4, 6 segments, padding, standard base64 and white space are refused", shapes,
         NULL, NULL, NULL},
        {"a malformed or overlong key set is refused as a whole", key_sets, NULL, NULL, NULL},
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
