#include "command.h"

#include <stdio.h>
#include <string.h>

int command_epoch(int argc, char **argv)
{
    bool json = false;
    const char *word = "";
    const struct command_option options[] = {{"json", &json, NULL}, {NULL, NULL, NULL}};
    struct command_place place;
    size_t count;
    enum err err;

    if (!command_options(argc, argv, options, &word, 1, &count)) {
        return COMMAND_USAGE;
    }
    if (strcmp(word, "new") != 0) {
        (void)fputs("countersign: epoch wants new\n", stderr);
        return COMMAND_USAGE;
    }
    err = command_open(0, &place);
    if (err == ERR_OK) {
        err = store_new_epoch(place.store);
    }
    command_close(&place);
    if (err == ERR_OK) {
        (void)puts(json ? "{\"ok\":true}" : "A new epoch: every former record is void.");
    } else {
        (void)fprintf(stderr, "countersign: the epoch is as it was: %s\n", err_name(err));
    }
    return command_exit(err);
}
