#include "web_world.h"

#include "crypto/random.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define KINDS_USED (KIND_BIT(KIND_SESSION) | KIND_BIT(KIND_OWNER) | KIND_BIT(KIND_TOKENS))

static void sign_in(struct web_world *world)
{
    uint8_t random[SESSION_RANDOM];
    struct person person;

    assert_int_equal(random_bytes(random, sizeof(random)), ERR_OK);
    assert_int_equal(
        person_new("https://issuer.test/", "sub-1", "alice@example.test", true, "Alice", &person),
        ERR_OK);
    assert_int_equal(session_create(world->app.store, &world->app.limits, &person, "", "test", 0,
                                    clock_now(), clock_now(), random, world->token,
                                    &world->session),
                     ERR_OK);
    person_free(&person);
}

void web_world_open(struct web_world *world, const char *public_url, const char *base,
                    bool with_store)
{
    struct buf problems = buf_make(4096);
    char path[128];
    unsigned made = 0;

    *world = (struct web_world){.dir = "/tmp/countersign-web-XXXXXX"};
    assert_non_null(mkdtemp(world->dir));
    (void)snprintf(path, sizeof(path), "%s/db", world->dir);
    (void)unsetenv("COUNTERSIGN_CONFIG");
    (void)setenv("PUBLIC_URL", public_url, 1);
    (void)setenv("ALLOW_HTTP_LOOPBACK", "1", 1);
    (void)setenv("BASE_PATH", base, 1);
    (void)setenv("ACTIONS_URL", "http://127.0.0.1:8081", 1);
    (void)setenv("DATABASE", path, 1);
    if (config_load(NULL, NULL, 0, &problems, &world->config) != ERR_OK) {
        fail_msg("%s", buf_str(&problems));
    }
    buf_free(&problems);
    world->app = (struct app){
        .program = "test", .config = world->config, .limits = session_limits(world->config)};
    if (with_store) {
        assert_int_equal(keyring_generate(world->dir, KINDS_USED, false, clock_now(), 0, &made),
                         ERR_OK);
        assert_int_equal(keyring_open(world->dir, KINDS_USED, &world->app.keyring), ERR_OK);
        assert_int_equal(store_open(world->config, world->app.keyring, &world->app.store), ERR_OK);
        sign_in(world);
    }
}

void web_world_close(struct web_world *world)
{
    DIR *dir;
    struct dirent *entry;
    char path[512];

    if (world->app.store) {
        session_free(&world->session);
    }
    store_free(world->app.store);
    keyring_free(world->app.keyring);
    config_free(world->config);
    dir = opendir(world->dir);
    while (dir && (entry = readdir(dir)) != NULL) {
        (void)snprintf(path, sizeof(path), "%s/%s", world->dir, entry->d_name);
        (void)unlink(path);
    }
    if (dir) {
        (void)closedir(dir);
    }
    (void)rmdir(world->dir);
}
