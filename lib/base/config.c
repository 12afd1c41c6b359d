#include "base/config.h"

#include "base/config_parts.h"
#include "base/text.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OTHERS 007 /* permission bits that a secret's file may not have */
#define VALUE_MAX ((size_t)64 * 1024)

struct config {
    char *text[CONFIG_COUNT]; /* NULL: unset and without default */
    int64_t number[CONFIG_COUNT];
    struct secret *secret[CONFIG_COUNT];
};

/* Where a value came from, until all are known. */
struct setting {
    char *value;  /* wiped on free: any of them may be a secret */
    char *where;  /* "path:line" or "environment" */
    bool is_path; /* value is NAME_FILE's: the name of a file that holds the secret */
};

struct loading {
    const char *program;
    const char *path;          /* of the file being read */
    bool secrets;              /* the file being read is the program's own */
    size_t seen[CONFIG_COUNT]; /* line in the file being read, 0: not yet */
    struct setting settings[CONFIG_COUNT];
    struct buf *problems;
};

static enum err set(struct setting *setting, const char *value, const char *where, bool is_path)
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
    *setting = (struct setting){.value = copy, .where = place, .is_path = is_path};
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
    struct loading *loading = context;
    enum config_name name = CFG_PUBLIC_URL;
    bool is_path = false;
    if (!find_spelling(spelling, &name, &is_path)) {
        const char *nearest = config_nearest(spelling);
        buf_addf(loading->problems, "%s:%zu: %s: unknown name%s%s%s\n", loading->path, line,
                 spelling, nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "",
                 nearest != NULL ? "?" : "");
        return ERR_OK;
    }
    if (loading->seen[name] != 0) {
        buf_addf(loading->problems, "%s:%zu: %s: already set in line %zu; keep one\n",
                 loading->path, line, spelling, loading->seen[name]);
        return ERR_OK;
    }
    loading->seen[name] = line;
    if (config_entries[name].kind == CONFIG_SECRET && !loading->secrets && !is_path) {
        buf_addf(loading->problems,
                 "%s:%zu: %s: a secret does not belong in the common file; put it into "
                 "SECRETS_DIR/%s.conf (mode 0600), or name its own file in %s_FILE\n",
                 loading->path, line, spelling,
                 loading->program != NULL ? loading->program : "<program>", spelling);
        return ERR_OK;
    }
    struct buf where = buf_make(VALUE_MAX);
    buf_addf(&where, "%s:%zu", loading->path, line);
    enum err err = buf_err(&where);
    if (err == ERR_OK) {
        err = set(&loading->settings[name], value, buf_str(&where), is_path);
    }
    buf_free(&where);
    return err;
}

static const char *read_fault(enum err err)
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

static enum err read_file(struct loading *loading, const char *path, bool secrets)
{
    struct buf text = buf_make_secret(SIZE_MAX);
    /* The common file holds no secrets; that others cannot rewrite it is enough. */
    enum err err = config_read(path, secrets ? OTHERS : 002, &text);
    if (err == ERR_NONE && secrets) {
        err = ERR_OK; /* a program may have none; what it lacks is told by name */
    } else if (err == ERR_DENIED && !secrets) {
        buf_addf(loading->problems, "%s: others can write to it; use chmod o-w\n", path);
        err = ERR_OK;
    } else if (err != ERR_OK && err != ERR_MEMORY) {
        buf_addf(loading->problems, "%s: %s\n", path, read_fault(err));
        err = ERR_OK;
    } else if (err == ERR_OK) {
        loading->path = path;
        loading->secrets = secrets;
        memset(loading->seen, 0, sizeof loading->seen);
        err = config_parse(path, buf_str(&text), text.len, take_line, loading, loading->problems);
    }
    buf_free(&text);
    return err;
}

static enum err read_files(struct loading *loading)
{
    const char *path = getenv("COUNTERSIGN_CONFIG");
    if (path != NULL && *path != '\0') {
        enum err err = read_file(loading, path, false);
        if (err != ERR_OK) {
            return err;
        }
    }
    const char *directory = getenv("SECRETS_DIR");
    if (directory == NULL) {
        directory = loading->settings[CFG_SECRETS_DIR].value;
    }
    if (loading->program == NULL || directory == NULL || *directory == '\0') {
        return ERR_OK;
    }
    struct buf secrets = buf_make(VALUE_MAX);
    buf_addf(&secrets, "%s/%s.conf", directory, loading->program);
    enum err err = buf_err(&secrets);
    if (err == ERR_OK) {
        err = read_file(loading, buf_str(&secrets), true);
    }
    buf_free(&secrets);
    return err;
}

/* systemd's LoadCredential= puts each secret into a file of its name. */
static enum err read_credential(struct loading *loading, enum config_name name)
{
    const char *directory = getenv("CREDENTIALS_DIRECTORY");
    if (directory == NULL || *directory == '\0') {
        return ERR_NONE;
    }
    struct buf path = buf_make(VALUE_MAX);
    struct buf probe = buf_make_secret(SIZE_MAX);
    buf_addf(&path, "%s/%s", directory, config_entries[name].name);
    enum err err = buf_err(&path);
    if (err == ERR_OK) {
        err = config_read(buf_str(&path), 0, &probe);
    }
    if (err != ERR_NONE && err != ERR_MEMORY) { /* there: whatever is wrong is told when read */
        err = set(&loading->settings[name], buf_str(&path), buf_str(&path), true);
    }
    buf_free(&path);
    buf_free(&probe);
    return err;
}

static enum err read_environment(struct loading *loading)
{
    for (size_t i = 0; i < CONFIG_COUNT; i++) {
        enum err err = ERR_NONE;
        const char *value = getenv(config_entries[i].name);
        if (value != NULL) {
            err = set(&loading->settings[i], value, "environment", false);
        } else if (config_entries[i].kind == CONFIG_SECRET) {
            char spelling[110];
            (void)snprintf(spelling, sizeof spelling, "%s_FILE", config_entries[i].name);
            const char *path = getenv(spelling);
            err = path != NULL ? set(&loading->settings[i], path, "environment", true)
                               : read_credential(loading, (enum config_name)i);
        }
        if (err != ERR_OK && err != ERR_NONE) {
            return err;
        }
    }
    return ERR_OK;
}

static void tell(struct loading *loading, enum config_name name, const char *why)
{
    buf_addf(loading->problems, "%s: %s: %s\n", loading->settings[name].where,
             config_entries[name].name, why);
}

static enum err take_secret(struct loading *loading, enum config_name name, struct config *config)
{
    const struct setting *setting = &loading->settings[name];
    struct buf text = buf_make_secret(SIZE_MAX);
    enum err err = ERR_OK;
    if (setting->is_path) {
        err = config_read(setting->value, OTHERS, &text);
        /* An editor's newline at the end is not part of the secret. */
        if (err == ERR_OK && text.len > 0 && text.data[text.len - 1] == '\n') {
            text.data[--text.len] = '\0';
        }
    } else {
        buf_adds(&text, setting->value);
        err = buf_err(&text);
    }
    if (err == ERR_OK && text.len > 0) {
        err = secret_new(text.data, text.len, &config->secret[name]);
    }
    buf_free(&text);
    if (err == ERR_OK || err == ERR_MEMORY) {
        return err;
    }
    tell(loading, name, setting->is_path ? read_fault(err) : "longer than 64 KiB");
    return ERR_OK;
}

static enum err take_value(struct loading *loading, enum config_name name, bool http_loopback,
                           struct config *config)
{
    const struct config_entry *entry = &config_entries[name];
    const char *value = loading->settings[name].value;
    bool given = value != NULL && *value != '\0'; /* set to nothing is the same as not set */
    if (entry->kind == CONFIG_SECRET) {
        return given ? take_secret(loading, name, config) : ERR_OK;
    }
    if (!given) {
        value = entry->fallback;
    }
    if (value == NULL || *value == '\0') {
        return text_dup(value, &config->text[name]);
    }
    struct buf normal = buf_make(VALUE_MAX);
    const char *why = NULL;
    enum err err = config_check(name, value, http_loopback, &normal, &why);
    if (err == ERR_OK) {
        err = buf_take(&normal, &config->text[name]);
    } else if (err == ERR_INPUT && given) {
        tell(loading, name, why);
        err = ERR_OK;
    } else if (err == ERR_LIMIT) {
        tell(loading, name, "is too long");
        err = ERR_OK;
    }
    buf_free(&normal);
    if (err == ERR_OK && entry->kind == CONFIG_NUMBER && config->text[name] != NULL) {
        err = text_number(config->text[name], INT64_MAX, &config->number[name]);
    }
    return err;
}

/* name = a b c, where it is unset and a is set. */
static enum err derive(struct config *config, enum config_name name, const char *a, const char *b,
                       const char *c)
{
    if (config_has(config, name) || a == NULL || *a == '\0') {
        return ERR_OK;
    }
    struct buf text = buf_make(VALUE_MAX);
    buf_adds(&text, a);
    buf_adds(&text, b);
    buf_adds(&text, c);
    free(config->text[name]);
    enum err err = buf_take(&text, &config->text[name]);
    buf_free(&text);
    return err;
}

static enum err derive_all(struct config *config)
{
    enum err err = derive(config, CFG_OIDC_ISSUER, config->text[CFG_AUTH0_DOMAIN], "/", "");
    if (err == ERR_OK) {
        err = derive(config, CFG_AUTH0_CALLBACK_URL, config->text[CFG_PUBLIC_URL],
                     config_text(config, CFG_BASE_PATH), "/callback");
    }
    /* One client's secret never goes out under another client's id: both or neither. */
    if (err == ERR_OK && !config_has(config, CFG_CIBA_CLIENT_ID) &&
        !config_has(config, CFG_CIBA_CLIENT_SECRET)) {
        err = derive(config, CFG_CIBA_CLIENT_ID, config->text[CFG_AUTH0_CLIENT_ID], "", "");
        if (err == ERR_OK) {
            err = secret_copy(config->secret[CFG_AUTH0_CLIENT_SECRET],
                              &config->secret[CFG_CIBA_CLIENT_SECRET]);
        }
    }
    return err;
}

static void tell_missing(struct loading *loading, const struct config *config,
                         const enum config_name *needs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct setting *setting = &loading->settings[needs[i]];
        bool wrong = setting->value != NULL && *setting->value != '\0'; /* told already */
        if (config_has(config, needs[i]) || wrong) {
            continue;
        }
        buf_addf(loading->problems, "%s: missing: %s\n", config_entries[needs[i]].name,
                 config_entries[needs[i]].meaning);
    }
}

static void loading_free(struct loading *loading)
{
    if (loading == NULL) {
        return;
    }
    for (size_t i = 0; i < CONFIG_COUNT; i++) {
        free_wiped(loading->settings[i].value);
        free(loading->settings[i].where);
    }
    free(loading);
}

enum err config_load(const char *program, const enum config_name *needs, size_t count,
                     struct buf *problems, struct config **out)
{
    enum err err = ERR_OK;
    size_t before = problems->len;
    struct config *config = calloc(1, sizeof *config);
    struct loading *loading = calloc(1, sizeof *loading);
    *out = NULL;
    if (config == NULL || loading == NULL) {
        err = ERR_MEMORY;
        goto done;
    }
    loading->program = program;
    loading->problems = problems;
    err = read_files(loading);
    if (err == ERR_OK) {
        err = read_environment(loading);
    }
    const char *flag = loading->settings[CFG_ALLOW_HTTP_LOOPBACK].value;
    for (size_t i = 0; i < CONFIG_COUNT && err == ERR_OK; i++) {
        err = take_value(loading, (enum config_name)i, text_equal(flag, "1"), config);
    }
    if (err == ERR_OK) {
        err = derive_all(config);
    }
    if (err != ERR_OK) {
        goto done;
    }
    tell_missing(loading, config, needs, count);
    if (problems->len != before || buf_err(problems) != ERR_OK) {
        err = ERR_CONFIG;
        goto done;
    }
    *out = config;
    config = NULL;

done:
    loading_free(loading);
    config_free(config);
    return err;
}

const char *config_text(const struct config *config, enum config_name name)
{
    assert(config_entries[name].kind != CONFIG_SECRET);
    return config->text[name] != NULL ? config->text[name] : "";
}

bool config_flag(const struct config *config, enum config_name name)
{
    return strcmp(config_text(config, name), "1") == 0;
}

int64_t config_number(const struct config *config, enum config_name name)
{
    return config->number[name];
}

bool config_has(const struct config *config, enum config_name name)
{
    return config_entries[name].kind == CONFIG_SECRET
               ? config->secret[name] != NULL
               : config->text[name] != NULL && *config->text[name] != '\0';
}

const struct secret *config_secret(const struct config *config, enum config_name name)
{
    return config->secret[name];
}

const char *config_spelling(enum config_name name)
{
    return config_entries[name].name;
}

void config_each(config_each_fn *visit, void *context)
{
    for (size_t i = 0; i < CONFIG_COUNT; i++) {
        visit(context, (enum config_name)i, config_entries[i].kind_name, config_entries[i].fallback,
              config_entries[i].meaning);
    }
}

void config_free(struct config *config)
{
    if (config == NULL) {
        return;
    }
    for (size_t i = 0; i < CONFIG_COUNT; i++) {
        free(config->text[i]);
        secret_free(config->secret[i]);
    }
    free(config);
}
