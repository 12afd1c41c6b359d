/* One process fetches keys for all: who comes while the fetch is under way waits for its result. */
#include "identity_fixture.h"

#include <pthread.h>

struct fetch {
    struct oidc *oidc;
    const struct oidc_metadata *metadata;
    const struct oidc_keys *known;
    enum err err;
    struct oidc_keys *keys;
};

static void *fetch_newer(void *data)
{
    struct fetch *fetch = data;

    fetch->err = oidc_keys_newer(fetch->oidc, fetch->metadata, fetch->known, T + 1, &fetch->keys);
    return NULL;
}

static void a_fetch_under_way_is_awaited(void **state)
{
    struct rp *rp = *state;
    struct store *other_store = NULL;
    struct oidc *other = rp_other(rp, &other_store);
    cjose_jwk_t *fresh = new_rsa("key-2");
    char *set = key_set(fresh, rp->key, NULL);
    char *answer = formatted("HTTP/1.1 200 OK\r\n" JSON_TYPE "Content-Length: %zu\r\n\r\n%s",
                             strlen(set), set);
    struct oidc_metadata metadata;
    struct oidc_keys *known = NULL;
    struct fetch first = {.oidc = rp->oidc, .metadata = &metadata};
    struct fetch second = {.oidc = other, .metadata = &metadata};
    pthread_t thread;

    say(rp, rp->document);
    say(rp, rp->keys);
    assert_int_equal(oidc_metadata(rp->oidc, T, &metadata), ERR_OK);
    assert_int_equal(oidc_keys_acquire(rp->oidc, &metadata, T, &known), ERR_OK);
    first.known = second.known = known;
    peer_add(rp->op, (struct peer_answer){.bytes = answer, .delay_ms = 500});
    assert_int_equal(pthread_create(&thread, NULL, fetch_newer, &first), 0);
    /* The claim is in the store before the request is out. */
    for (int i = 0; i < 5000 && peer_requests(rp->op) < 3; i++) {
        const struct timespec step = {.tv_nsec = 1000000};

        (void)nanosleep(&step, NULL);
    }
    (void)fetch_newer(&second);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(first.err, ERR_OK);
    assert_int_equal(second.err, ERR_OK);
    assert_memory_equal(first.keys->digest, second.keys->digest, RECORD_ID_SIZE);
    assert_int_equal(peer_requests(rp->op), 3); /* one fetch, for both */

    oidc_keys_release(rp->oidc, known);
    oidc_keys_release(rp->oidc, first.keys);
    oidc_keys_release(other, second.keys);
    oidc_free(other);
    store_free(other_store);
    cjose_jwk_release(fresh);
    free(set);
    free(answer);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        {"row 17: a fetch of keys under way in another process is awaited",
         a_fetch_under_way_is_awaited, rp_open, rp_close, NULL},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
