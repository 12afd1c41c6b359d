/* Gathering the settings: which files and variables are read, and which of them wins. */
#include "base/config_parts.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gathering {
    const char *program;
    const char *path;          /* of the file being read */
    bool secrets;              /* the file being read is the program's own */
    size_t seen[CONFIG_COUNT]; /* line in the file being read, 0: not yet */
    struct config_setting *settings;
    struct buf *problems;
};

static enum err set(struct config_setting *setting, const char *value, const char *where,
                    bool is_path)
{
    char *copy = NULL;
    char *place = NULL;
    enum err err = text_dup(value, &copy);
    if (err == ERR_OK) {
        err = text_dup(where, &place);
    }
    if (err != ERR_OK) {
        free_wiped(copy);
        return err;
    }
    free_wiped(setting->value);
    free(setting->where);
    *setting = (struct config_setting){.value = copy, .where = place, .is_path = is_path};
    return ERR_OK;
}

/* NAME, or NAME_FILE of a secret. */
static bool find_spelling(const char *spelling, enum config_name *name, bool *is_path)
{
    char stem[101];
    size_t len = strlen(spelling);
    *is_path = false;
    if (config_find(spelling, name)) {
        return true;
    }
    if (len <= 5 || len >= sizeof stem || strcmp(spelling + len - 5, "_FILE") != 0) {
        return false;
    }
    memcpy(stem, spelling, len - 5);
    stem[len - 5] = '\0';
    *is_path = true;
    return config_find(stem, name) && config_entries[*name].kind == CONFIG_SECRET;
}

static enum err take_line(void *context, size_t line, const char *spelling, const char *value)
{
    struct gathering *gathering = context;
    enum config_name name = CFG_PUBLIC_URL;
    bool is_path = false;
    if (!find_spelling(spelling, &name, &is_path)) {
        const char *nearest = config_nearest(spelling);
        buf_addf(gathering->problems, "%s:%zu: %s: unknown name%s%s%s\n", gathering->path, line,
                 spelling, nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "",
                 nearest != NULL ? "?" : "");
        return ERR_OK;
    }
    if (gathering->seen[name] != 0) {
        buf_addf(gathering->problems, "%s:%zu: %s: already set in line %zu; keep one\n",
                 gathering->path, line, spelling, gathering->seen[name]);
        return ERR_OK;
    }
    gathering->seen[name] = line;
    if (config_entries[name].kind == CONFIG_SECRET && !gathering->secrets && !is_path) {
        buf_addf(gathering->problems,
                 "%s:%zu: %s: a secret does not belong in the common file; put it into "
                 "SECRETS_DIR/%s.conf (mode 0600), or name its own file in %s_FILE\n",
                 gathering->path, line, spelling,
                 gathering->program != NULL ? gathering->program : "<program>", spelling);
        return ERR_OK;
    }
    struct buf where = buf_make(CONFIG_VALUE_MAX);
    buf_addf(&where, "%s:%zu", gathering->path, line);
    enum err err = buf_err(&where);
    if (err == ERR_OK) {
        err = set(&gathering->settings[name], value, buf_str(&where), is_path);
    }
    buf_free(&where);
    return err;
}

const char *config_read_fault(enum err err)
{
    switch (err) {
    case ERR_NONE:
        return "there is no such file";
    case ERR_DENIED:
        return "others than owner and group have access; use chmod o-rwx";
    case ERR_LIMIT:
        return "larger than 256 KiB";
    default:
        return "cannot be read (permission, or not a plain file)";
    }
}

static enum err read_file(struct gathering *gathering, const char *path, bool secrets)
{
    struct buf text = buf_make_secret(SIZE_MAX);
    /* The common file holds no secrets; that others cannot rewrite it is enough. */
    enum err err = config_read(path, secrets ? CONFIG_OTHERS : 002, &text);
    if (err == ERR_NONE && secrets) {
        err = ERR_OK; /* a program may have none; what it lacks is told by name */
    } else if (err == ERR_DENIED && !secrets) {
        buf_addf(gathering->problems, "%s: others can write to it; use chmod o-w\n", path);
        err = ERR_OK;
    } else if (err != ERR_OK && err != ERR_MEMORY) {
        buf_addf(gathering->problems, "%s: %s\n", path, config_read_fault(err));
        err = ERR_OK;
    } else if (err == ERR_OK) {
        gathering->path = path;
        gathering->secrets = secrets;
        memset(gathering->seen, 0, sizeof gathering->seen);
        err =
            config_parse(path, buf_str(&text), text.len, take_line, gathering, gathering->problems);
    }
    buf_free(&text);
    return err;
}

static enum err read_files(struct gathering *gathering)
{
    const char *path = getenv("COUNTERSIGN_CONFIG");
    if (path != NULL && *path != '\0') {
        enum err err = read_file(gathering, path, false);
        if (err != ERR_OK) {
            return err;
        }
    }
    const char *directory = getenv("SECRETS_DIR");
    if (directory == NULL) {
        directory = gathering->settings[CFG_SECRETS_DIR].value;
    }
    if (gathering->program == NULL || directory == NULL || *directory == '\0') {
        return ERR_OK;
    }
    struct buf secrets = buf_make(CONFIG_VALUE_MAX);
    buf_addf(&secrets, "%s/%s.conf", directory, gathering->program);
    enum err err = buf_err(&secrets);
    if (err == ERR_OK) {
        err = read_file(gathering, buf_str(&secrets), true);
    }
    buf_free(&secrets);
    return err;
}

/* systemd's LoadCredential= puts each secret into a file of its name. */
static enum err read_credential(struct gathering *gathering, enum config_name name)
{
    const char *directory = getenv("CREDENTIALS_DIRECTORY");
    if (directory == NULL || *directory == '\0') {
        return ERR_NONE;
    }
    struct buf path = buf_make(CONFIG_VALUE_MAX);
    struct buf probe = buf_make_secret(SIZE_MAX);
    buf_addf(&path, "%s/%s", directory, config_entries[name].name);
    enum err err = buf_err(&path);
    if (err == ERR_OK) {
        err = config_read(buf_str(&path), 0, &probe);
    }
    if (err != ERR_NONE && err != ERR_MEMORY) { /* there: whatever is wrong is told when read */
        err = set(&gathering->settings[name], buf_str(&path), buf_str(&path), true);
    }
    buf_free(&path);
    buf_free(&probe);
    return err;
}

static enum err read_environment(struct gathering *gathering)
{
    for (size_t i = 0; i < CONFIG_COUNT; i++) {
        enum err err = ERR_NONE;
        const char *value = getenv(config_entries[i].name);
        if (value != NULL) {
            err = set(&gathering->settings[i], value, "environment", false);
        } else if (config_entries[i].kind == CONFIG_SECRET) {
            char spelling[110];
            (void)snprintf(spelling, sizeof spelling, "%s_FILE", config_entries[i].name);
            const char *path = getenv(spelling);
            err = path != NULL ? set(&gathering->settings[i], path, "environment", true)
                               : read_credential(gathering, (enum config_name)i);
        }
        if (err != ERR_OK && err != ERR_NONE) {
            return err;
        }
    }
    return ERR_OK;
}

enum err config_gather(const char *program, struct config_setting settings[CONFIG_COUNT],
                       struct buf *problems)
{
    struct gathering gathering = {.program = program, .settings = settings, .problems = problems};
    enum err err = read_files(&gathering);
    return err == ERR_OK ? read_environment(&gathering) : err;
}

void config_settings_free(struct config_setting settings[CONFIG_COUNT])
{
    for (size_t i = 0; i < CONFIG_COUNT; i++) {
        free_wiped(settings[i].value);
        free(settings[i].where);
        settings[i] = (struct config_setting){0};
    }
}
