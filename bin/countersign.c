/*
 * countersign: what an operator does by hand.
 *
 *   operator -> countersign -> key rings, store, audit log
 *
 * The table below is the whole command; each row's work is in a file of its own,
 * and the library does it.
 */
#include "command.h"

#include "base/json.h"
#include "base/log.h"
#include "base/secret.h"

#include <stdio.h>
#include <string.h>

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
};

static const struct command commands[] = {
    {"keygen", command_keygen,
     "keygen [--rotate [--keep SECONDS]] [--kind NAME,...] [--dir DIR] [--json]\n"
     "    Make each key ring that is not there, in DIR or KEYS_DIR.  --rotate puts a new\n"
     "    key in front of each; the former ones open for SECONDS more (default 604800,\n"
     "    a week).  Running programs notice by themselves.  Keys are never shown.\n"},
    {"check-config", command_check_config,
     "check-config [PROGRAM] [--programs DIR] [--json]\n"
     "    Have PROGRAM, or every program, read its configuration, and tell all that is\n"
     "    wrong with it.  DIR is where the programs are (default: ../cgi-bin beside this\n"
     "    command).\n"},
    {"audit", command_audit,
     "audit verify [--head HEX] [--json]\n"
     "    Verify the chain of the audit log; with a head out of the programs' logs also\n"
     "    that nothing up to it was cut off or rewritten.\n"
     "audit show [--from N] [--json]\n"
     "    Its entries from number N on: number, time, event, invocation, request, detail.\n"
     "    Whatever is not printable ASCII is escaped.  Verifies nothing.\n"},
    {"sessions", command_sessions,
     "sessions list --sub SUB [--iss ISSUER] [--json]\n"
     "    The live sessions of one person.  ISSUER defaults to OIDC_ISSUER.\n"
     "sessions end-all --sub SUB [--iss ISSUER] [--json]\n"
     "    End them all, and every sign-in of that person that is under way.\n"
     "sessions allow-again --sub SUB [--iss ISSUER] [--json]\n"
     "    For who ended all sessions while the clock was ahead, and cannot sign in until\n"
     "    that time comes: what counts is now instead.  Set the clock right first.\n"},
    {"epoch", command_epoch,
     "epoch new [--json]\n"
     "    After restoring a backup of the database: void every record in it, so that no\n"
     "    old approval and no old session counts.  Everybody signs in again.  The audit\n"
     "    log stays.\n"},
};

static void print_help(FILE *to, const char *only)
{
    (void)fputs("usage: countersign COMMAND ...\n\n", to);
    for (size_t i = 0; i < COUNT(commands); i++) {
        if (only == NULL || strcmp(only, commands[i].name) == 0) {
            (void)fputs(commands[i].help, to);
        }
    }
    (void)fputs(
        "\nCOUNTERSIGN_CONFIG names the configuration file.\n"
        "Exit codes: 0 done, or yes; 1 failed, or no; 2 wrong usage; 3 wrong configuration.\n",
        to);
}

int main(int argc, char **argv)
{
    const struct command *command = NULL;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            print_help(stdout, i > 1 ? argv[1] : NULL);
            return COMMAND_OK;
        }
    }
    for (size_t i = 0; argc > 1 && i < COUNT(commands); i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            command = &commands[i];
        }
    }
    if (command == NULL) {
        if (argc > 1) {
            (void)fprintf(stderr, "countersign: no such command: %s\n", argv[1]);
        }
        print_help(stderr, NULL);
        return COMMAND_USAGE;
    }
    log_open("countersign", LOG_WARN);
    js_wipe_on_free();
    /* It handles keys: no core dump of them.  SIGPIPE: `audit show | head` just ends. */
    if (secrets_harden_process() != ERR_OK) {
        return COMMAND_NO;
    }
    int code = command->run(argc - 2, argv + 2);
    if (code == COMMAND_USAGE) {
        print_help(stderr, command->name);
    }
    /* A full disk under `audit show > file` must not look like the whole log. */
    if (fflush(stdout) != 0 && code == COMMAND_OK) {
        (void)fputs("countersign: the answer could not be written\n", stderr);
        code = COMMAND_NO;
    }
    return code;
}
