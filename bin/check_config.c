/*
 * What a program needs, it alone knows: so each is asked with --check, and tells
 * its own problems on stderr.
 */
#include "command.h"

#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAMS_MAX 64
#define CHECK_SECONDS 30 /* a program that reads a configuration for longer is stuck */

static bool program_name_valid(const char *name)
{
    return text_of(name, 1, 32, "abcdefghijklmnopqrstuvwxyz0123456789-");
}

static bool default_dir(char *out, size_t size)
{
    ssize_t len = readlink("/proc/self/exe", out, size - 1);
    char *slash;

    if (len <= 0 || (size_t)len >= size - 1) {
        return false;
    }
    out[len] = '\0';
    for (int up = 0; up < 2; up++) {
        if ((slash = strrchr(out, '/')) == NULL) {
            return false;
        }
        *slash = '\0';
    }
    return (size_t)snprintf(out + strlen(out), size - strlen(out), "/cgi-bin") < size - strlen(out);
}

/* The program's exit code; COMMAND_NO when it could not be run. */
static int ask(const char *dir, const char *name)
{
    char path[PATH_MAX];
    int status;
    pid_t child;

    if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >= sizeof(path)) {
        return COMMAND_NO;
    }
    if (access(path, X_OK) != 0) {
        (void)fprintf(stderr, "countersign: no program %s: %s\n", path, strerror(errno));
        return COMMAND_NO;
    }
    (void)fflush(stdout);
    if ((child = fork()) == 0) {
        char check[] = "--check";
        char *arguments[] = {path, check, NULL};
        int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (nowhere < 0 || dup2(nowhere, 0) < 0 || dup2(2, 1) < 0) {
            _exit(COMMAND_NO);
        }
        (void)alarm(CHECK_SECONDS);
        (void)execv(path, arguments);
        _exit(COMMAND_NO);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) {
        return COMMAND_NO;
    }
    return WEXITSTATUS(status);
}

static int is_program(const struct dirent *entry)
{
    return program_name_valid(entry->d_name);
}

int command_check_config(int argc, char **argv)
{
    bool json = false;
    const char *dir = NULL, *only = NULL, *between = "";
    const struct command_option options[] = {
        {"json", &json, NULL}, {"programs", NULL, &dir}, {NULL, NULL, NULL}};
    struct dirent **entries = NULL;
    char own[PATH_MAX];
    int code = COMMAND_OK, found = 0;
    size_t count;

    if (!command_options(argc, argv, options, &only, 1, &count)) {
        return COMMAND_USAGE;
    }
    if (only != NULL && !program_name_valid(only)) {
        (void)fputs("countersign: a program's name is like ciba-notify\n", stderr);
        return COMMAND_USAGE;
    }
    if (dir == NULL && default_dir(own, sizeof(own))) {
        dir = own;
    }
    if (dir == NULL ||
        (found = only == NULL ? scandir(dir, &entries, is_program, alphasort) : 1) <= 0) {
        (void)fprintf(stderr, "countersign: no programs in %s; name their place with --programs\n",
                      dir != NULL ? dir : "../cgi-bin");
        return COMMAND_NO;
    }
    if (json) {
        (void)fputs("{\"programs\":{", stdout);
    }
    for (int i = 0; i < found && i < PROGRAMS_MAX; i++) {
        const char *name = only != NULL ? only : entries[i]->d_name;
        int answer = ask(dir, name);

        if (json) {
            (void)printf("%s\"%s\":%s", between, name, answer == COMMAND_OK ? "true" : "false");
        } else {
            (void)printf("%s: %s\n", name, answer == COMMAND_OK ? "ok" : "not ok, see above");
        }
        between = ",";
        if (answer != COMMAND_OK && code != COMMAND_CONFIG) {
            code = answer == COMMAND_CONFIG ? COMMAND_CONFIG : COMMAND_NO;
        }
    }
    if (json) {
        (void)fputs("}}\n", stdout);
    }
    for (int i = 0; entries != NULL && i < found; i++) {
        free(entries[i]);
    }
    free(entries);
    return code;
}
