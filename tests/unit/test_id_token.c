/* The claims of an ID token: one change at a time, and which check finds it. */
#include "identity_fixture.h"

#define ISSUER "https://tenant.example/"
#define CLIENT "web-client"
#define NONCE "n-0S6_WzA2Mj"
#define ACCESS_TOKEN "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"
#define AT_HASH "77QmUPtjPfzWtF2AnpK9RQ" /* OIDC Core's example of the two */

static const struct id_token_expectation expected = {
    .client_id = CLIENT, .nonce = NONCE, .access_token = ACCESS_TOKEN};

static json_t *claims_of_good_token(void)
{
    json_t *claims = json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:I}", "iss", ISSUER, "sub", SUB, "aud",
                               CLIENT, "nonce", NONCE, "at_hash", AT_HASH, "exp",
                               (json_int_t)(T_SECONDS + 3600), "iat", (json_int_t)T_SECONDS);

    assert_non_null(claims);
    return claims;
}

static const char *check(const json_t *claims, const struct id_token_expectation *expect, msec now)
{
    json_t *header = json_pack("{s:s}", "alg", "RS256");
    const char *failed = id_token_check(ISSUER, header, claims, expect, now);

    json_decref(header);
    return failed;
}

/* The good token with one member set to this JSON (NULL: removed). */
static const char *changed(const char *name, const char *json,
                           const struct id_token_expectation *expect)
{
    json_t *claims = claims_of_good_token();
    const char *failed;

    if (json == NULL) {
        json_object_del(claims, name);
    } else {
        json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);

        assert_non_null(value);
        json_object_set_new(claims, name, value);
    }
    failed = check(claims, expect, T);
    json_decref(claims);
    return failed;
}

static void refused(const char *name, const char *json, const char *by)
{
    const char *failed = changed(name, json, &expected);

    if (failed == NULL || strcmp(failed, by) != 0) {
        fail_msg("%s = %s: %s", name, json ? json : "absent", failed ? failed : "accepted");
    }
}

static void good(void **state)
{
    json_t *claims = claims_of_good_token();

    (void)state;
    assert_null(check(claims, &expected, T));
    json_decref(claims);
    assert_null(changed("aud", "[\"" CLIENT "\"]", &expected));
    assert_null(changed("azp", "\"" CLIENT "\"", &expected));
    assert_null(changed("at_hash", NULL, &expected)); /* optional in a code flow */
    assert_null(changed("email_verified", "\"true\"", &expected));
}

static void identity(void **state)
{
    (void)state;
    refused("iss", NULL, "iss");
    refused("iss", "\"https://evil.example/\"", "iss");
    refused("iss", "\"https://tenant.example\"", "iss");
    refused("iss", "\"HTTPS://tenant.example/\"", "iss");
    refused("iss", "7", "iss");
    refused("iss", "[\"" ISSUER "\"]", "iss");
    refused("sub", NULL, "sub");
    refused("sub", "\"\"", "sub");
    refused("sub", "5", "sub");
    refused("sub", "null", "sub");
}

static void long_sub(void **state)
{
    char text[260];

    (void)state;
    memset(text, 'x', sizeof text);
    text[0] = text[257] = '"';
    text[258] = '\0';
    refused("sub", text, "sub");
    text[256] = '"';
    text[257] = '\0';
    assert_null(changed("sub", text, &expected));
}

static void audience(void **state)
{
    struct id_token_expectation nobody = expected;

    (void)state;
    refused("aud", NULL, "aud");
    refused("aud", "\"someone-else\"", "aud");
    refused("aud", "[]", "aud");
    refused("aud", "[\"someone-else\"]", "aud");
    refused("aud", "5", "aud");
    refused("aud", "{}", "aud");
    refused("aud", "[[\"" CLIENT "\"]]", "aud");
    refused("aud", "[\"" CLIENT "\",5]", "aud");
    refused("aud", "[\"" CLIENT "\",\"other\"]", "azp");
    refused("azp", "\"someone-else\"", "azp");
    refused("azp", "7", "azp");
    refused("azp", "null", "azp");
    nobody.client_id = ""; /* an unset client id is nobody's audience */
    assert_string_equal(changed("aud", "\"\"", &nobody), "aud");
    nobody.client_id = NULL;
    assert_string_equal(changed("aud", "\"x\"", &nobody), "aud");
}

static void two_audiences(void **state)
{
    json_t *claims = claims_of_good_token();

    (void)state;
    json_object_set_new(claims, "aud", json_pack("[s,s]", "other", CLIENT));
    assert_string_equal(check(claims, &expected, T), "azp");
    json_object_set_new(claims, "azp", json_string(CLIENT));
    assert_null(check(claims, &expected, T));
    json_decref(claims);
}

static void bindings(void **state)
{
    struct id_token_expectation expect = expected;

    (void)state;
    refused("nonce", NULL, "nonce");
    refused("nonce", "\"wrong\"", "nonce");
    refused("nonce", "\"\"", "nonce");
    refused("nonce", "7", "nonce");
    refused("at_hash", "\"AAAAAAAAAAAAAAAAAAAAAA\"", "at_hash");
    refused("at_hash", "7", "at_hash");
    expect.nonce = NULL; /* CIBA sends none, so a nonce says nothing */
    assert_null(changed("nonce", NULL, &expect));
    expect.sub = SUB;
    assert_null(changed("nonce", NULL, &expect));
    expect.sub = "oidc|Okta-OIDC|00ubob000000000000001";
    assert_string_equal(changed("nonce", NULL, &expect), "sub");
    assert_string_equal(changed("sub", "\"oidc|Okta-OIDC|00ubob00000000000000\"", &expect), "sub");
}

static void expiry(void **state)
{
    (void)state;
    refused("exp", NULL, "exp");
    refused("exp", "1", "exp");
    refused("exp", "0", "exp");
    refused("exp", "-1", "exp");
    refused("exp", "\"1900000000\"", "exp");
    refused("exp", "true", "exp");
    refused("exp", "1.9e9", "exp"); /* a fraction's form: defined as refused */
    refused("exp", "1900000000.5", "exp");
    refused("exp", "9223372036854775807", "exp"); /* would wrap as milliseconds */
    refused("exp", "253402300800", "exp");
    assert_null(changed("exp", "253402300799", &expected));
}

static void expiry_edge(void **state)
{
    json_t *claims = claims_of_good_token();
    msec end = T + SECONDS(3600) + OIDC_CLOCK_SKEW;

    (void)state;
    assert_null(check(claims, &expected, end - 1));
    assert_string_equal(check(claims, &expected, end), "exp");
    assert_string_equal(check(claims, &expected, end + 1), "exp");
    assert_null(check(claims, &expected, T - OIDC_CLOCK_SKEW));
    assert_string_equal(check(claims, &expected, T - OIDC_CLOCK_SKEW - 1), "iat");
    json_decref(claims);
}

static void issue_time(void **state)
{
    struct id_token_expectation expect = expected;

    (void)state;
    refused("iat", NULL, "iat");
    refused("iat", "\"1700000000\"", "iat");
    refused("iat", "1700000000.5", "iat");
    refused("nbf", "1900000000", "nbf");
    refused("nbf", "\"0\"", "nbf");
    /* an approval's token must not be older than its request, but for the clocks' difference */
    expect.issued_after = T + 400;
    assert_null(changed("nbf", "1", &expect)); /* iat's second began before the request's 400 ms */
    assert_string_equal(changed("iat", "1699996000", &expect), "iat before the request");
    expect.issued_after = T + OIDC_CLOCK_SKEW + SECONDS(1);
    assert_string_equal(changed("nbf", "1", &expect), "iat before the request");
}

static void other_kinds(void **state)
{
    static const char *const bad[] = {"\"at+jwt\"",   "\"logout+jwt\"", "\"application/at+jwt\"",
                                      "\"dpop+jwt\"", "\"\"",           "7",
                                      "null"};
    json_t *claims = claims_of_good_token();
    json_t *header = json_pack("{s:s}", "alg", "RS256");

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        json_object_set_new(header, "typ", json_loads(bad[i], JSON_DECODE_ANY, NULL));
        assert_string_equal(id_token_check(ISSUER, header, claims, &expected, T), "kind of token");
    }
    json_object_set_new(header, "typ", json_string("jwt"));
    assert_null(id_token_check(ISSUER, header, claims, &expected, T));
    refused("events", "{\"http://schemas.openid.net/event/backchannel-logout\":{}}",
            "kind of token");
    json_decref(header);
    json_decref(claims);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        {"a right token passes, in each form it may have", good, NULL, NULL, NULL},
        {"row 21: iss and sub, missing or wrong", identity, NULL, NULL, NULL},
        {"row 21: a sub of more than 255 bytes", long_sub, NULL, NULL, NULL},
        {"row 21: aud and azp, missing or wrong", audience, NULL, NULL, NULL},
        {"row 21: several audiences need our azp", two_audiences, NULL, NULL, NULL},
        {"rows 21 and 42: nonce, at_hash and the sub asked for", bindings, NULL, NULL, NULL},
        {"row 22: exp missing, text, negative, fractional, huge", expiry, NULL, NULL, NULL},
        {"row 22: exp at t-1, t, t+1", expiry_edge, NULL, NULL, NULL},
        {"row 22: iat and nbf; iat before the request", issue_time, NULL, NULL, NULL},
        {"row 23: an access or a logout token in its place", other_kinds, NULL, NULL, NULL},
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
