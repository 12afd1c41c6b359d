/*
 * From main to the loop and back: options, configuration, and what a program
 * holds, taken in order and given back in reverse.
 */
#include "base/log.h"
#include "base/text.h"
#include "web/headers.h"
#include "web/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define EXIT_USAGE 2
#define EXIT_CONFIG 3
#define NEEDS_MAX 64

static int print_help(const struct program *program)
{
    (void)printf("%s: a FastCGI program of Countersign, started by the web server.\n\n"
                 "  --help     this text\n"
                 "  --routes   its routes: METHOD pattern demands body_max\n"
                 "  --headers  the security headers that every answer carries\n"
                 "  --check    read the configuration, say what is wrong with it\n\n"
                 "COUNTERSIGN_CONFIG names the configuration file.\n",
                 program->name);
    return 0;
}

static int print_routes(const struct program *program)
{
    struct buf out = buf_make(65536);
    int code;

    for (size_t i = 0; i < program->route_count; i++) {
        route_describe(&program->routes[i], &out);
    }
    code = buf_err(&out) == ERR_OK && fputs(buf_str(&out), stdout) >= 0 ? 0 : 1;
    buf_free(&out);
    return code;
}

static int print_headers(void)
{
    for (size_t i = 0; i < security_header_count; i++) {
        (void)printf("%s: %s\n", security_headers[i].name, security_headers[i].value);
    }
    return 0;
}

/* What the program names, and what any program with these parts cannot do without. */
static enum err load_config(const struct program *program, struct config **out)
{
    enum config_name needs[NEEDS_MAX];
    struct buf problems = buf_make(65536);
    size_t count = 0;
    enum err err;

    while (count < program->need_count && count < NEEDS_MAX - 3) {
        needs[count] = program->needs[count];
        count++;
    }
    needs[count++] = CFG_PUBLIC_URL;
    if (program->kinds != 0) {
        needs[count++] = CFG_KEYS_DIR;
    }
    if (program->opens & PROGRAM_STORE) {
        needs[count++] = CFG_DATABASE;
    }
    err = config_load(program->name, needs, count, &problems, out);
    if (err != ERR_OK) {
        (void)fputs(buf_str(&problems), stderr);
    }
    buf_free(&problems);
    return err;
}

static enum log_level level_of(const char *text)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};

    for (size_t i = 0; i < COUNT(names); i++) {
        if (text_equal(text, names[i])) {
            return (enum log_level)i;
        }
    }
    return LOG_INFO;
}

static bool started_by_server(void)
{
    int listening = 0;
    socklen_t len = sizeof(listening);

    return getsockopt(0, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 && listening;
}

static int run(const struct program *program, const struct config *config)
{
    struct app app = {.program = program->name,
                      .config = config,
                      .limits = session_limits(config),
                      .one_at_a_time = text_equal(getenv("COUNTERSIGN_SERVER"), "mod_fcgid")};
    enum err err = ERR_OK;
    int code = 1;

    if (program->kinds != 0) {
        err = keyring_open(config_text(config, CFG_KEYS_DIR), program->kinds, &app.keyring);
    }
    if (err == ERR_OK && (program->opens & PROGRAM_STORE)) {
        err = store_open(config, app.keyring, &app.store);
    }
    if (err == ERR_OK && (program->opens & PROGRAM_HTTP)) {
        err = http_open(config, &app.http);
    }
    if (stop_asked()) {
        code = stop_code();
    } else if (err == ERR_OK) {
        code = loop_run(&app, program);
    } else {
        log_line(LOG_ERROR, "cannot start", LOG_T("reason", err_name(err)));
        code = err == ERR_CONFIG ? EXIT_CONFIG : 1;
    }
    http_free(app.http);
    store_free(app.store);
    keyring_free(app.keyring);
    return code;
}

int program_run(const struct program *program, int argc, char **argv)
{
    const char *option = argc == 2 ? argv[1] : "";
    struct config *config = NULL;
    int code = 1;

    if (text_equal(option, "--help")) {
        return print_help(program);
    }
    if (text_equal(option, "--routes")) {
        return print_routes(program);
    }
    if (text_equal(option, "--headers")) {
        return print_headers();
    }
    if (argc > 2 || (argc == 2 && !text_equal(option, "--check"))) {
        (void)fprintf(stderr, "%s: unknown option; try --help\n", program->name);
        return EXIT_USAGE;
    }
    log_open(program->name, LOG_INFO);
    /* First of all: whatever of the start takes long, a stop meanwhile is an orderly one. */
    if (argc == 1 && stop_listen() != ERR_OK) {
        log_line(LOG_ERROR, "cannot listen for signals", LOG_T("program", program->name));
        return 1;
    }
    js_wipe_on_free();
    if (secrets_harden_process() != ERR_OK) {
        log_line(LOG_ERROR, "cannot harden the process", LOG_T("program", program->name));
        return 1;
    }
    if (load_config(program, &config) != ERR_OK) {
        return EXIT_CONFIG;
    }
    log_open(program->name, level_of(config_text(config, CFG_LOG_LEVEL)));
    if (text_equal(option, "--check")) {
        code = 0;
    } else if (!started_by_server()) {
        (void)fprintf(stderr,
                      "%s: file descriptor 0 is no listening socket; the web server starts "
                      "this program (see --help)\n",
                      program->name);
        code = EXIT_USAGE;
    } else {
        code = run(program, config);
    }
    config_free(config);
    return code;
}
