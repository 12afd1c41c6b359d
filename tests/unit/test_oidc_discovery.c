/* The discovery document: whose it is, how long it is kept, and which endpoints it may name. */
#include "oidc_flow_fixture.h"

#include <pthread.h>

/* What a thread found, and how long it took. */
struct waiting {
    struct rp *rp;
    enum err err;
    msec took;
};

static void *wait_for_metadata(void *context)
{
    struct waiting *waiting = context;
    struct oidc_metadata metadata;
    msec began = clock_monotonic();

    waiting->err = oidc_metadata(waiting->rp->oidc, T, &metadata);
    waiting->took = clock_monotonic() - began;
    return NULL;
}

static void black_hole(void **state)
{
    struct rp *rp = *state;
    struct waiting waiting[8];
    pthread_t threads[8];

    peer_add(rp->op, (struct peer_answer){.how = PEER_SILENT, .bytes = ""});
    for (size_t i = 0; i < COUNT(threads); i++) {
        waiting[i] = (struct waiting){.rp = rp, .err = ERR_OK};
        assert_int_equal(pthread_create(&threads[i], NULL, wait_for_metadata, &waiting[i]), 0);
    }
    for (size_t i = 0; i < COUNT(threads); i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(waiting[i].err, ERR_REMOTE);
        assert_true(waiting[i].took < OIDC_FETCH_WAIT + 1000);
    }
    assert_int_equal(peer_requests(rp->op), 1);
}

static void caches(void **state)
{
    struct rp *rp = *state;
    struct store *other_store = NULL;
    struct oidc *other = rp_other(rp, &other_store);
    struct oidc_metadata metadata;

    say(rp, rp->document);
    assert_int_equal(oidc_metadata(rp->oidc, T, &metadata), ERR_OK);
    assert_string_equal(metadata.issuer, rp->issuer);
    assert_true(text_starts(metadata.backchannel_authentication_endpoint, rp->issuer));
    assert_true(metadata.iss_parameter_supported);
    assert_int_equal(oidc_metadata(rp->oidc, T + 1, &metadata), ERR_OK);
    assert_int_equal(oidc_metadata(other, T + OIDC_CACHED - 1, &metadata), ERR_OK);
    assert_int_equal(peer_requests(rp->op), 1);
    say(rp, rp->document);
    assert_int_equal(oidc_metadata(rp->oidc, T + OIDC_CACHED, &metadata), ERR_OK);
    assert_int_equal(peer_requests(rp->op), 2);
    oidc_free(other);
    store_free(other_store);
}

/* The provider was right, and cannot be reached when its document is old. */
static void stale_document(void **state)
{
    struct rp *rp = *state;
    struct store *other_store = NULL;
    struct oidc *other = rp_other(rp, &other_store);
    struct oidc_metadata metadata;
    char *evil = discovery("https://evil.example/", "");
    const msec old = T + OIDC_CACHED;

    say(rp, rp->document);
    assert_int_equal(oidc_metadata(rp->oidc, T, &metadata), ERR_OK);
    peer_say(rp->op, "503 Down", JSON_TYPE, "{}");
    assert_int_equal(oidc_metadata(rp->oidc, old, &metadata), ERR_OK);
    assert_string_equal(metadata.issuer, rp->issuer);
    assert_int_equal(peer_requests(rp->op), 2);
    assert_int_equal(oidc_metadata(rp->oidc, old + 4000, &metadata), ERR_OK);
    assert_int_equal(peer_requests(rp->op), 2); /* remembered */
    say(rp, "<html>");
    assert_int_equal(oidc_metadata(rp->oidc, old + 10000, &metadata), ERR_OK);
    assert_int_equal(peer_requests(rp->op), 3); /* and asked again */
    peer_say(rp->op, "503 Down", JSON_TYPE, "{}");
    assert_int_equal(oidc_metadata(other, old + 20000, &metadata), ERR_OK); /* every process */
    /* one that answers with another issuer is not passed over */
    say(rp, evil);
    assert_int_equal(oidc_metadata(rp->oidc, old + 30000, &metadata), ERR_CONFIG);
    assert_int_equal(oidc_metadata(rp->oidc, old + 34000, &metadata), ERR_CONFIG);
    peer_say(rp->op, "503 Down", JSON_TYPE, "{}");
    assert_int_equal(oidc_metadata(rp->oidc, old + OIDC_STALE - 1, &metadata), ERR_OK);
    peer_say(rp->op, "503 Down", JSON_TYPE, "{}");
    assert_int_equal(oidc_metadata(rp->oidc, old + OIDC_STALE + 10000, &metadata), ERR_REMOTE);
    say(rp, rp->document);
    assert_int_equal(oidc_metadata(rp->oidc, old + OIDC_STALE + 20000, &metadata), ERR_OK);
    free(evil);
    oidc_free(other);
    store_free(other_store);
}

/* The provider was right once; then the cache holds another's document: checked again. */
static void poisoned_cache(void **state)
{
    struct rp *rp = *state;
    struct oidc_metadata metadata;
    char *evil = discovery("https://evil.example/", "");
    uint8_t id[RECORD_ID_SIZE];

    hash_parts(id, "discovery", rp->issuer, (const char *)NULL);
    oidc_cache_put(rp->oidc, id, evil, strlen(evil), T);
    say(rp, rp->document);
    assert_int_equal(oidc_metadata(rp->oidc, T, &metadata), ERR_OK);
    assert_true(text_starts(metadata.token_endpoint, rp->issuer));
    assert_int_equal(peer_requests(rp->op), 1);
    free(evil);
}

static void other_issuers(void **state)
{
    struct rp *rp = *state;
    struct oidc_metadata metadata;
    struct begun begun;
    msec now = T;
    char bad[8][160];
    size_t len = strlen(rp->issuer);

    (void)snprintf(bad[0], sizeof bad[0], "%.*s", (int)len - 1, rp->issuer); /* no slash */
    (void)snprintf(bad[1], sizeof bad[1], "%s/", rp->issuer);
    (void)snprintf(bad[2], sizeof bad[2], "%sx", rp->issuer);
    (void)snprintf(bad[3], sizeof bad[3], "H%s", rp->issuer + 1);
    (void)snprintf(bad[4], sizeof bad[4], "https://evil.example/");
    (void)snprintf(bad[5], sizeof bad[5], "%s ", rp->issuer);
    (void)snprintf(bad[6], sizeof bad[6], "%s#", rp->issuer);
    bad[7][0] = '\0';
    for (size_t i = 0; i < 8; i++) {
        char *document = formatted("{\"issuer\":\"%s\",\"authorization_endpoint\":\"%sa\","
                                   "\"token_endpoint\":\"%st\",\"jwks_uri\":\"%sj\"}",
                                   bad[i], rp->issuer, rp->issuer, rp->issuer);

        say(rp, document);
        assert_int_equal(oidc_metadata(rp->oidc, now += 10000, &metadata), ERR_CONFIG);
        say(rp, document);
        assert_int_equal(begin_at(rp, NULL, now += 10000, &begun), ERR_CONFIG);
        assert_int_equal(begin_at(rp, NULL, now + 1, &begun), ERR_CONFIG); /* remembered */
        free(document);
    }
    assert_int_equal(peer_requests(rp->op), 16);
    assert_int_equal(fixture_number(&rp->store, "SELECT count(*) FROM record WHERE kind = 2"), 0);
    say(rp, "{\"token_endpoint\":\"x\"}");
    assert_int_equal(oidc_metadata(rp->oidc, now += 10000, &metadata), ERR_CONFIG);
    say(rp, "not JSON");
    assert_int_equal(oidc_metadata(rp->oidc, now += 10000, &metadata), ERR_REMOTE);
    peer_say(rp->op, "404 Not Found", JSON_TYPE, "{}");
    assert_int_equal(oidc_metadata(rp->oidc, now += 10000, &metadata), ERR_REMOTE);
}

static void odd_endpoints(void **state)
{
    struct rp *rp = *state;
    static const char *const names[] = {
        "authorization_endpoint", "token_endpoint",      "jwks_uri",
        "end_session_endpoint",   "revocation_endpoint", "backchannel_authentication_endpoint"};
    static const char *const bad[] = {"\"http://provider.example/x\"",
                                      "\"file:///etc/passwd\"",
                                      "\"ftp://provider.example/\"",
                                      "\"https://169.254.169.254/latest/meta-data/\"",
                                      "\"https://[fe80::1]/\"",
                                      "\"https://user@provider.example/\"",
                                      "\"//provider.example/\"",
                                      "\"/relative\"",
                                      "\"javascript:alert(1)\"",
                                      "\"\"",
                                      "7",
                                      "null",
                                      "[\"https://provider.example/\"]",
                                      "\"https://provider.example/#x\"",
                                      "\"https://provider.example/ x\""};

    for (size_t n = 0; n < COUNT(names); n++) {
        for (size_t i = 0; i < COUNT(bad); i++) {
            struct oidc_metadata metadata;
            json_t *document = json_loads(rp->document, 0, NULL);

            assert_int_equal(oidc_metadata_read(rp->oidc, document, &metadata), ERR_OK);
            json_object_set_new(document, names[n], json_loads(bad[i], JSON_DECODE_ANY, NULL));
            if (oidc_metadata_read(rp->oidc, document, &metadata) != ERR_CONFIG) {
                fail_msg("%s: %s was taken", names[n], bad[i]);
            }
            assert_string_equal(metadata.issuer, "");
            json_decref(document);
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST("a provider that swallows requests costs eight threads one deadline", black_hole),
        TEST("row 13: an old document holds ten minutes more, unless another issuer answers",
             stale_document),
        TEST("discovery is kept ten minutes for all processes", caches),
        TEST("row 13: what the cache returns is checked as what the network returns",
             poisoned_cache),
        TEST("row 13: another issuer, by a character or a slash, starts no flow", other_issuers),
        TEST("row 14: http, file, link-local and other odd endpoints are refused", odd_endpoints),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
