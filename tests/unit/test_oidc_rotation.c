/* The provider changes its keys, or cannot be asked for them: how often it is asked, and what
 * holds. */
#include "oidc_flow_fixture.h"

static void unknown_kids(void **state)
{
    struct rp *rp = *state;
    struct store *other_store = NULL;
    struct oidc *other;
    struct id_token_expectation expect = {.client_id = "web-client"};
    json_t *claims = NULL;
    size_t before;

    say(rp, rp->document);
    say(rp, rp->keys); /* the first use */
    say(rp, rp->keys); /* the one refetch */
    for (int i = 0; i < 1000; i++) {
        char *header = formatted("{\"alg\":\"RS256\",\"kid\":\"unknown-%d\"}", i % 20);
        static char *tokens[20];

        if (tokens[i % 20] == NULL) {
            tokens[i % 20] = id_token(rp, header, "n", "");
        }
        assert_int_equal(oidc_verify_id_token(rp->oidc, tokens[i % 20], &expect, T + i, &claims),
                         ERR_FORGED);
        free(header);
        if (i >= 980) {
            free(tokens[i % 20]);
        }
    }
    assert_int_equal(asked(rp, KEYS_PATH), 2);
    before = peer_requests(rp->op);
    other = rp_other(rp, &other_store); /* nor does another process fetch, nor ask for anything */
    {
        char *token = id_token(rp, "{\"alg\":\"RS256\",\"kid\":\"unknown-x\"}", "n", "");

        assert_int_equal(oidc_verify_id_token(other, token, &expect, T + 1000, &claims),
                         ERR_FORGED);
        assert_int_equal(peer_requests(rp->op), before);
        say(rp, rp->keys); /* a minute later it may be asked again */
        assert_int_equal(
            oidc_verify_id_token(other, token, &expect, T + OIDC_REFETCH + 10, &claims),
            ERR_FORGED);
        assert_int_equal(asked(rp, KEYS_PATH), 3);
        free(token);
    }
    oidc_free(other);
    store_free(other_store);
}

static void rotation(void **state)
{
    struct rp *rp = *state;
    struct store *other_store = NULL;
    struct oidc *other = rp_other(rp, &other_store);
    cjose_jwk_t *fresh = new_rsa("key-2");
    cjose_jwk_t *former = rp->key;
    char *set = key_set(fresh, former, NULL);
    struct id_token_expectation expect = {.client_id = "web-client"};
    json_t *claims = NULL;
    char *old_token = id_token(rp, HEADER, "n", "");
    char *token;

    say(rp, rp->document);
    say(rp, rp->keys);
    assert_int_equal(oidc_verify_id_token(rp->oidc, old_token, &expect, T, &claims), ERR_OK);
    json_decref(claims);
    assert_int_equal(oidc_verify_id_token(other, old_token, &expect, T, &claims), ERR_OK);
    json_decref(claims);
    rp->key = fresh;
    token = id_token(rp, "{\"alg\":\"RS256\",\"kid\":\"key-2\"}", "n", "");
    say(rp, set);
    assert_int_equal(oidc_verify_id_token(rp->oidc, token, &expect, T + 1, &claims), ERR_OK);
    json_decref(claims);
    /* the other process finds what this one fetched */
    assert_int_equal(oidc_verify_id_token(other, token, &expect, T + 1, &claims), ERR_OK);
    json_decref(claims);
    assert_int_equal(oidc_verify_id_token(other, old_token, &expect, T + 1, &claims), ERR_OK);
    json_decref(claims);
    assert_int_equal(asked(rp, KEYS_PATH), 2);
    rp->key = former;
    cjose_jwk_release(fresh);
    free(set);
    free(token);
    free(old_token);
    oidc_free(other);
    store_free(other_store);
}

static void keys_down(void **state)
{
    struct rp *rp = *state;
    struct id_token_expectation expect = {.client_id = "web-client"};
    char *token = id_token(rp, HEADER, "n", "");
    json_t *claims = NULL;

    say(rp, rp->document);
    peer_say(rp->op, "503 Down", JSON_TYPE, "{}");
    assert_int_equal(oidc_verify_id_token(rp->oidc, token, &expect, T, &claims), ERR_REMOTE);
    assert_int_equal(oidc_verify_id_token(rp->oidc, token, &expect, T + 4000, &claims), ERR_REMOTE);
    assert_int_equal(asked(rp, KEYS_PATH), 1); /* the failure is remembered */
    say(rp, "<html>");
    assert_int_equal(oidc_verify_id_token(rp->oidc, token, &expect, T + 10000, &claims),
                     ERR_REMOTE);
    say(rp, rp->keys); /* and is well again: nothing bad was kept */
    assert_int_equal(oidc_verify_id_token(rp->oidc, token, &expect, T + 20000, &claims), ERR_OK);
    json_decref(claims);
    /* down again once they are old: they hold ten minutes more, and no longer */
    say(rp, rp->document);
    for (int i = 0; i < 3; i++) {
        peer_say(rp->op, "503 Down", JSON_TYPE, "{}");
    }
    assert_int_equal(oidc_verify_id_token(rp->oidc, token, &expect,
                                          T + 20000 + OIDC_CACHED + OIDC_STALE - 1, &claims),
                     ERR_FORGED); /* this token has expired by then, and was verified by the keys */
    assert_int_equal(asked(rp, KEYS_PATH), 4);
    assert_int_equal(oidc_verify_id_token(rp->oidc, token, &expect,
                                          T + 30000 + OIDC_CACHED + OIDC_STALE, &claims),
                     ERR_REMOTE);
    assert_int_equal(asked(rp, KEYS_PATH), 5);
    free(token);
}

/* A key was replaced under its kid, or the provider names none: the signature does not fit. */
static void replaced_key(void **state)
{
    struct rp *rp = *state;
    static const struct {
        const char *kid, *header;
    } cases[] = {{"key-1", HEADER}, {NULL, "{\"alg\":\"RS256\"}"}};
    struct id_token_expectation expect = {.client_id = "web-client"};

    say(rp, rp->document);
    say(rp, rp->keys);
    for (size_t i = 0; i < COUNT(cases); i++) {
        cjose_jwk_t *fresh = new_rsa(cases[i].kid);
        cjose_jwk_t *former = rp->key;
        char *set = key_set(fresh, NULL, NULL);
        json_t *claims = NULL;
        const msec now = T + 1 + (msec)i * (OIDC_REFETCH + 10);
        char *token;
        char *forged;

        rp->key = fresh;
        token = id_token(rp, cases[i].header, "n", "");
        say(rp, set);
        assert_int_equal(oidc_verify_id_token(rp->oidc, token, &expect, now, &claims), ERR_OK);
        json_decref(claims);
        rp->key = former;
        /* a forged one asks no more within the minute */
        forged = id_token(rp, cases[i].header, "n", "");
        assert_int_equal(oidc_verify_id_token(rp->oidc, forged, &expect, now + 1, &claims),
                         ERR_FORGED);
        assert_int_equal(asked(rp, KEYS_PATH), i + 2);
        cjose_jwk_release(fresh);
        free(set);
        free(token);
        free(forged);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST("row 17: a thousand unknown kids cause one refetch, over two processes", unknown_kids),
        TEST("row 18: a key rotated just before signing is found, and by the other process too",
             rotation),
        TEST("keys that cannot be had are an error of the moment; old ones hold ten minutes more",
             keys_down),
        TEST("row 18: a key replaced under its kid, or without one, is found by one refetch",
             replaced_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
