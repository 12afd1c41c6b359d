#include "store/store.h"

#include "base/log.h"
#include "base/text.h"
#include "crypto/random.h"

#include <stdlib.h>

enum err store_open(const struct config *config, const struct keyring *keyring, struct store **out)
{
    const char *path = config_text(config, CFG_DATABASE);
    uint8_t first_epoch[EPOCH_SIZE];
    struct store *store;
    enum err err;

    *out = NULL;
    if (!text_equal(config_text(config, CFG_SESSION_STORE), "sqlite")) {
        log_line(LOG_ERROR, "SESSION_STORE must be sqlite");
        return ERR_CONFIG;
    }
    if (path[0] == '\0' || path[0] == ':') {
        log_line(LOG_ERROR, "DATABASE must be the path of a file");
        return ERR_CONFIG;
    }
    if ((err = random_bytes(first_epoch, sizeof(first_epoch))) != ERR_OK) {
        return err;
    }
    if ((store = calloc(1, sizeof(*store))) == NULL) {
        return ERR_MEMORY;
    }
    store->keyring = keyring;
    if ((err = engine_sqlite_open(path, first_epoch, &store->engine)) != ERR_OK) {
        free(store);
        return err;
    }
    *out = store;
    return ERR_OK;
}

void store_free(struct store *store)
{
    if (store == NULL) {
        return;
    }
    store->engine->verbs->close(store->engine);
    free(store);
}

const struct keyring *store_keyring(const struct store *store)
{
    return store->keyring;
}

enum err store_ping(struct store *store)
{
    uint8_t epoch[EPOCH_SIZE];

    return store->engine->verbs->epoch(store->engine, epoch);
}

enum err store_change_number(struct store *store, uint64_t *out)
{
    return store->engine->verbs->change_number(store->engine, out);
}

enum err store_new_epoch(struct store *store)
{
    uint8_t epoch[EPOCH_SIZE];
    enum err err = random_bytes(epoch, sizeof(epoch));

    if (err != ERR_OK) {
        return err;
    }
    if ((err = store->engine->verbs->new_epoch(store->engine, epoch)) == ERR_OK) {
        log_line(LOG_WARN, "a new epoch: every record of the former one is void");
    }
    return err;
}
