#include "command.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define WEEK "604800"
#define KEEP_MAX ((int64_t)10 * 365 * 24 * 3600)

/* "a,b" into bits; false, told, when a name is not a kind's. */
static bool parse_kinds(const char *text, unsigned *out)
{
    *out = 0;
    while (*text != '\0') {
        size_t len = strcspn(text, ",");
        unsigned found = 0;

        for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
            const char *name = kind_name((enum kind)kind);

            if (strlen(name) == len && strncmp(name, text, len) == 0) {
                found = KIND_BIT(kind);
            }
        }
        if (found == 0) {
            (void)fprintf(stderr, "countersign: no such kind: %.*s; there are:", (int)len, text);
            for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
                (void)fprintf(stderr, " %s", kind_name((enum kind)kind));
            }
            (void)fputs("\n", stderr);
            return false;
        }
        *out |= found;
        text += len;
        text += *text == ',';
    }
    return *out != 0;
}

static void print_made(const char *dir, unsigned kinds, unsigned made, bool rotate, bool json)
{
    const char *between = "";

    if (json) {
        (void)fputs("{\"made\":[", stdout);
        for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
            if ((made & KIND_BIT(kind)) != 0) {
                (void)printf("%s\"%s\"", between, kind_name((enum kind)kind));
                between = ",";
            }
        }
        (void)fputs("]}\n", stdout);
        return;
    }
    for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
        if ((kinds & KIND_BIT(kind)) != 0) {
            (void)printf("%s/%s.ring: %s\n", dir, kind_name((enum kind)kind),
                         (made & KIND_BIT(kind)) == 0 ? "already there"
                         : rotate                     ? "new key in front"
                                                      : "made");
        }
    }
}

int command_keygen(int argc, char **argv)
{
    static const enum config_name needs[] = {CFG_KEYS_DIR};
    bool rotate = false, json = false;
    const char *keep_text = NULL, *dir = NULL, *kind_list = NULL;
    const struct command_option options[] = {{"rotate", &rotate, NULL},  {"json", &json, NULL},
                                             {"keep", NULL, &keep_text}, {"dir", NULL, &dir},
                                             {"kind", NULL, &kind_list}, {NULL, NULL, NULL}};
    unsigned kinds = (1u << KIND_COUNT) - 1, made = 0;
    struct config *config = NULL;
    int64_t keep = 0;
    size_t count;
    enum err err;

    if (!command_options(argc, argv, options, NULL, 0, &count) ||
        (kind_list != NULL && !parse_kinds(kind_list, &kinds))) {
        return COMMAND_USAGE;
    }
    if (text_number(keep_text != NULL ? keep_text : WEEK, KEEP_MAX, &keep) != ERR_OK ||
        (keep_text != NULL && !rotate)) {
        (void)fputs("countersign: --keep takes seconds, and goes with --rotate\n", stderr);
        return COMMAND_USAGE;
    }
    if (dir == NULL) {
        if ((err = command_config(needs, COUNT(needs), &config)) != ERR_OK) {
            return command_exit(err);
        }
        dir = config_text(config, CFG_KEYS_DIR);
    }
    err = keyring_generate(dir, kinds, rotate, clock_now(), SECONDS(keep), &made);
    if (err == ERR_OK || made != 0) {
        print_made(dir, err == ERR_OK ? kinds : made, made, rotate, json);
    }
    if (err != ERR_OK) {
        (void)fprintf(stderr, "countersign: not all key rings were made: %s\n", err_name(err));
    }
    config_free(config);
    return command_exit(err);
}
