/*
 * What the subcommands of `countersign` share.  Each is one file: options in,
 * one call of the library, the answer out.
 */
#ifndef COUNTERSIGN_BIN_COMMAND_H
#define COUNTERSIGN_BIN_COMMAND_H

#include "base/config.h"
#include "store/record.h"

#include <stdbool.h>
#include <stddef.h>

/* The exit codes; --help of countersign says the same. */
enum { COMMAND_OK = 0, COMMAND_NO = 1, COMMAND_USAGE = 2, COMMAND_CONFIG = 3 };

/* One option: --name for a flag, --name VALUE for a value. */
struct command_option {
    const char *name; /* without the dashes; NULL ends the list */
    bool *flag;       /* or */
    const char **value;
};

/*
 * Read argv (which begins behind the subcommand's name) into options and at most
 * max words.  An unknown or repeated option, a missing value or a word too many
 * is told on stderr, and false.
 */
bool command_options(int argc, char **argv, const struct command_option *options,
                     const char **words, size_t max, size_t *count);

/* COMMAND_CONFIG for ERR_CONFIG, COMMAND_NO for the rest but ERR_OK. */
int command_exit(enum err err);

struct command_place {
    struct config *config;
    struct keyring *keyring;
    struct store *store;
};

/*
 * The configuration, the key rings of kinds (0: none) and the store.  Problems
 * are told on stderr.  command_close is legal after a failure.
 */
WARN_UNUSED enum err command_open(unsigned kinds, struct command_place *place);
void command_close(struct command_place *place);

/* The configuration alone, with needs. */
WARN_UNUSED enum err command_config(const enum config_name *needs, size_t count,
                                    struct config **out);

/* The subcommands. argv begins behind the name. */
int command_keygen(int argc, char **argv);
int command_check_config(int argc, char **argv);
int command_audit(int argc, char **argv);
int command_epoch(int argc, char **argv);
int command_sessions(int argc, char **argv);

#endif
