#include "command.h"

#include "base/text.h"
#include "store/audit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int usage(const char *why)
{
    (void)fprintf(stderr, "countersign: %s\n", why);
    return COMMAND_USAGE;
}

static int verify(const char *head, bool json)
{
    struct command_place place;
    struct audit_report report = {.entries = 0};
    enum err err = command_open(KIND_BIT(KIND_AUDIT), &place);

    if (err == ERR_OK) {
        err = audit_verify(place.store, head, &report);
    }
    command_close(&place);
    if (err == ERR_INPUT) {
        return usage("--head takes the 64 hex digits of a logged head");
    }
    if (err != ERR_OK && err != ERR_FORGED) {
        (void)fprintf(stderr, "countersign: the audit log could not be read: %s\n", err_name(err));
        return command_exit(err);
    }
    if (json) {
        (void)printf("{\"ok\":%s,\"entries\":%" PRId64 ",\"bad_seq\":%" PRId64
                     ",\"reason\":\"%s\",\"head\":\"%s\"}\n",
                     err == ERR_OK ? "true" : "false", report.entries, report.bad_seq,
                     report.reason, report.head);
    } else if (err == ERR_OK) {
        (void)printf("%" PRId64 " entries verified\nhead %s\n", report.entries,
                     report.entries > 0 ? report.head : "none");
    } else {
        (void)printf("NOT VERIFIED at entry %" PRId64 ": %s\n%" PRId64
                     " entries before it verified\n",
                     report.bad_seq, report.reason, report.entries);
    }
    return command_exit(err);
}

static enum err print_row(void *context, const struct audit_row *row)
{
    const bool *json = context;
    struct buf line = buf_make((size_t)2 * 1024 * 1024);
    enum err err = *json ? audit_row_json(row, &line) : audit_row_text(row, &line);

    /* The reader has gone or the disk is full: no use in going on. */
    if (err == ERR_OK && (puts(buf_str(&line)) < 0 || ferror(stdout))) {
        err = ERR_SYSTEM;
    }
    buf_free(&line);
    return err;
}

static int show(int64_t from, bool json)
{
    struct command_place place;
    enum err err = command_open(0, &place);

    if (err == ERR_OK) {
        err = audit_each(place.store, from, print_row, &json);
    }
    command_close(&place);
    if (err != ERR_OK) {
        (void)fprintf(stderr, "countersign: not all entries were shown: %s\n", err_name(err));
    }
    return command_exit(err);
}

int command_audit(int argc, char **argv)
{
    bool json = false;
    const char *head = NULL, *from_text = NULL, *word = "";
    const struct command_option options[] = {{"json", &json, NULL},
                                             {"head", NULL, &head},
                                             {"from", NULL, &from_text},
                                             {NULL, NULL, NULL}};
    int64_t from = INT64_MIN;
    size_t count;

    if (!command_options(argc, argv, options, &word, 1, &count)) {
        return COMMAND_USAGE;
    }
    if (strcmp(word, "verify") == 0) {
        return from_text != NULL ? usage("--from goes with audit show") : verify(head, json);
    }
    if (strcmp(word, "show") != 0) {
        return usage("audit wants verify or show");
    }
    if (head != NULL) {
        return usage("--head goes with audit verify");
    }
    if (from_text != NULL && text_number(from_text, INT64_MAX, &from) != ERR_OK) {
        return usage("--from takes a number");
    }
    return show(from, json);
}
