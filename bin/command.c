#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct command_option *find(const struct command_option *options, const char *name)
{
    for (; options->name != NULL; options++) {
        if (strcmp(options->name, name) == 0) {
            return options;
        }
    }
    return NULL;
}

bool command_options(int argc, char **argv, const struct command_option *options,
                     const char **words, size_t max, size_t *count)
{
    *count = 0;
    for (int i = 0; i < argc; i++) {
        const struct command_option *option;

        if (strncmp(argv[i], "--", 2) != 0) {
            if (*count == max) {
                (void)fprintf(stderr, "countersign: one word too many: %s\n", argv[i]);
                return false;
            }
            words[(*count)++] = argv[i];
            continue;
        }
        if ((option = find(options, argv[i] + 2)) == NULL) {
            (void)fprintf(stderr, "countersign: no such option: %s\n", argv[i]);
            return false;
        }
        if ((option->flag != NULL && *option->flag) ||
            (option->value != NULL && *option->value != NULL)) {
            (void)fprintf(stderr, "countersign: %s is given twice\n", argv[i]);
            return false;
        }
        if (option->flag != NULL) {
            *option->flag = true;
        } else if (option->value != NULL && i + 1 < argc) {
            *option->value = argv[++i];
        } else {
            (void)fprintf(stderr, "countersign: %s wants a value\n", argv[i]);
            return false;
        }
    }
    return true;
}

int command_exit(enum err err)
{
    return err == ERR_OK ? COMMAND_OK : err == ERR_CONFIG ? COMMAND_CONFIG : COMMAND_NO;
}

enum err command_config(const enum config_name *needs, size_t count, struct config **out)
{
    struct buf problems = buf_make(65536);
    enum err err = config_load(NULL, needs, count, &problems, out);

    if (problems.len > 0) {
        (void)fputs(buf_str(&problems), stderr);
    }
    buf_free(&problems);
    return err;
}

enum err command_open(unsigned kinds, struct command_place *place)
{
    static const enum config_name needs[] = {CFG_DATABASE, CFG_KEYS_DIR};
    enum err err;

    memset(place, 0, sizeof(*place));
    if ((err = command_config(needs, kinds != 0 ? 2 : 1, &place->config)) != ERR_OK) {
        return err;
    }
    /* A store is made by the programs: of a path that is misspelt "0 entries" must not be said. */
    if (access(config_text(place->config, CFG_DATABASE), F_OK) != 0) {
        (void)fprintf(stderr, "countersign: DATABASE %s: %s\n",
                      config_text(place->config, CFG_DATABASE), strerror(errno));
        return ERR_CONFIG;
    }
    if (kinds != 0 && (err = keyring_open(config_text(place->config, CFG_KEYS_DIR), kinds,
                                          &place->keyring)) != ERR_OK) {
        return err;
    }
    return store_open(place->config, place->keyring, &place->store);
}

void command_close(struct command_place *place)
{
    store_free(place->store);
    keyring_free(place->keyring);
    config_free(place->config);
    memset(place, 0, sizeof(*place));
}
