/* From settings to the configuration: values, what is derived from others, and access. */
#include "base/config.h"

#include "base/config_parts.h"
#include "base/text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct config {
    char *text[CONFIG_COUNT]; /* NULL: unset and without default */
    int64_t number[CONFIG_COUNT];
    struct secret *secret[CONFIG_COUNT];
};

struct loading {
    struct config_setting settings[CONFIG_COUNT];
    struct buf *problems;
};

static void tell(struct loading *loading, enum config_name name, const char *why)
{
    buf_addf(loading->problems, "%s: %s: %s\n", loading->settings[name].where,
             config_entries[name].name, why);
}

static enum err take_secret(struct loading *loading, enum config_name name, struct config *config)
{
    const struct config_setting *setting = &loading->settings[name];
    struct buf text = buf_make_secret(SIZE_MAX);
    enum err err = ERR_OK;
    if (setting->is_path) {
        err = config_read(setting->value, CONFIG_OTHERS, &text);
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
    tell(loading, name, setting->is_path ? config_read_fault(err) : "longer than 64 KiB");
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
    struct buf normal = buf_make(CONFIG_VALUE_MAX);
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
    struct buf text = buf_make(CONFIG_VALUE_MAX);
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
        const struct config_setting *setting = &loading->settings[needs[i]];
        bool wrong = setting->value != NULL && *setting->value != '\0'; /* told already */
        if (config_has(config, needs[i]) || wrong) {
            continue;
        }
        buf_addf(loading->problems, "%s: missing: %s\n", config_entries[needs[i]].name,
                 config_entries[needs[i]].meaning);
    }
}

enum err config_load(const char *program, const enum config_name *needs, size_t count,
                     struct buf *problems, struct config **out)
{
    size_t before = problems->len;
    struct config *config = calloc(1, sizeof *config);
    struct loading loading = {.problems = problems};
    *out = NULL;
    enum err err = config != NULL ? config_gather(program, loading.settings, problems) : ERR_MEMORY;
    const char *flag = loading.settings[CFG_ALLOW_HTTP_LOOPBACK].value;
    for (size_t i = 0; i < CONFIG_COUNT && err == ERR_OK; i++) {
        err = take_value(&loading, (enum config_name)i, text_equal(flag, "1"), config);
    }
    if (err == ERR_OK) {
        err = derive_all(config);
    }
    if (err != ERR_OK) {
        goto done;
    }
    tell_missing(&loading, config, needs, count);
    if (problems->len != before || buf_err(problems) != ERR_OK) {
        err = ERR_CONFIG;
        goto done;
    }
    *out = config;
    config = NULL;

done:
    config_settings_free(loading.settings);
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
