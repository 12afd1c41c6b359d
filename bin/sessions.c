#include "command.h"

#include "base/json.h"
#include "base/text.h"
#include "identity/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int usage(const char *why)
{
    (void)fprintf(stderr, "countersign: %s\n", why);
    return COMMAND_USAGE;
}

/* JSON in ASCII for people too: the browser's name is what the browser said. */
static enum err print_session(const struct session *session)
{
    char id[HEX_SIZE(RECORD_ID_SIZE)];
    json_t *object = json_object();
    char *text = NULL;
    enum err err = ERR_OK;

    hex_encode(session->id, sizeof(session->id), id);
    js_set_text(object, "id", id, &err);
    js_set_int(object, "created_at", session->created_at, &err);
    js_set_int(object, "seen_at", session->seen_at, &err);
    js_set_int(object, "expires_at", session->expires_at, &err);
    js_set_text(object, "user_agent", session->user_agent, &err);
    if (err == ERR_OK && (text = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII)) == NULL) {
        err = ERR_MEMORY;
    }
    if (err == ERR_OK) {
        (void)puts(text);
    }
    free(text);
    json_decref(object);
    return err;
}

static enum err list(struct store *store, const uint8_t owner[RECORD_ID_SIZE], bool json)
{
    struct session_list sessions = {.count = 0};
    enum err err = session_list(store, owner, clock_now(), &sessions);

    for (size_t i = 0; i < sessions.count && err == ERR_OK; i++) {
        err = print_session(&sessions.sessions[i]);
    }
    if (err == ERR_OK && !json && sessions.count == 0) {
        (void)puts("no live session");
    }
    session_list_free(&sessions);
    return err;
}

static enum err end_all(struct store *store, const uint8_t owner[RECORD_ID_SIZE], bool json)
{
    size_t ended = 0;
    enum err err = session_end_all(store, owner, clock_now(), &ended);

    if (err == ERR_OK) {
        (void)printf("%s%zu%s\n", json ? "{\"ended\":" : "", ended, json ? "}" : " sessions ended");
    }
    return err;
}

/* ERR_NONE, which is a plain no: nothing keeps the person out. */
static enum err allow_again(struct store *store, const uint8_t owner[RECORD_ID_SIZE], bool json)
{
    enum err err = session_allow_again(store, owner, clock_now());

    if (err == ERR_OK) {
        (void)puts(json ? "{\"allowed\":true}" : "the person can sign in again");
    } else if (err == ERR_NONE) {
        (void)puts(json ? "{\"allowed\":false}" : "no sign-out lies in the future: nothing to do");
    }
    return err;
}

typedef enum err work_fn(struct store *store, const uint8_t owner[RECORD_ID_SIZE], bool json);

static const struct {
    const char *word;
    work_fn *run;
} works[] = {{"list", list}, {"end-all", end_all}, {"allow-again", allow_again}};

int command_sessions(int argc, char **argv)
{
    bool json = false;
    const char *iss = NULL, *sub = NULL, *word = "";
    const struct command_option options[] = {
        {"json", &json, NULL}, {"iss", NULL, &iss}, {"sub", NULL, &sub}, {NULL, NULL, NULL}};
    uint8_t owner[RECORD_ID_SIZE];
    struct command_place place;
    work_fn *work = NULL;
    size_t count;
    enum err err;

    if (!command_options(argc, argv, options, &word, 1, &count)) {
        return COMMAND_USAGE;
    }
    for (size_t i = 0; i < COUNT(works); i++) {
        if (strcmp(word, works[i].word) == 0) {
            work = works[i].run;
        }
    }
    if (work == NULL) {
        return usage("sessions wants list, end-all or allow-again");
    }
    if (sub == NULL || sub[0] == '\0') {
        return usage("sessions wants --sub: the person's id at the issuer, not the e-mail");
    }
    err = command_open(KIND_BIT(KIND_SESSION) | KIND_BIT(KIND_OWNER), &place);
    if (err == ERR_OK && iss == NULL) {
        iss = config_text(place.config, CFG_OIDC_ISSUER);
    }
    if (err == ERR_OK && iss[0] == '\0') {
        command_close(&place);
        return usage("sessions wants --iss, or OIDC_ISSUER in the configuration");
    }
    if (err == ERR_OK) {
        person_owner(iss, sub, owner);
        err = work(place.store, owner, json);
    }
    command_close(&place);
    if (err != ERR_OK && err != ERR_NONE) {
        (void)fprintf(stderr, "countersign: not done: %s\n", err_name(err));
    }
    return command_exit(err);
}
