/* The table of names, and what a value of each kind must look like. */
#include "base/config_parts.h"
#include "base/text.h"
#include "base/url.h"

#include <ctype.h>
#include <string.h>

#define KIND_OF(kind) CONFIG_##kind

const struct config_entry config_entries[CONFIG_COUNT] = {
#define CONFIG_ROW(name, kind, fallback, meaning)                                                  \
    [CFG_##name] = {#name, #kind, KIND_OF(kind), fallback, meaning},
    CONFIG_NAMES(CONFIG_ROW)
#undef CONFIG_ROW
};

static const struct {
    enum config_name name;
    int64_t min;
    int64_t max;
    const char *why;
} RANGES[] = {
    {CFG_SESSION_IDLE, 1, 2592000, "must be between 1 and 2592000"},
    {CFG_SESSION_ABSOLUTE, 1, 31536000, "must be between 1 and 31536000"},
    {CFG_APPROVAL_SECONDS, 30, 300, "must be between 30 and 300"},
    {CFG_TURN_SECONDS, 1, 3600, "must be between 1 and 3600"},
};

static const struct {
    enum config_name name;
    const char *choices[5];
    const char *why;
} CHOICES[] = {
    {CFG_SESSION_STORE, {"sqlite"}, "must be sqlite"},
    {CFG_LOG_LEVEL, {"debug", "info", "warn", "error"}, "must be debug, info, warn or error"},
    {CFG_FGA_PROFILE, {"workshop", "rich"}, "must be workshop or rich"},
    {CFG_OKTA_AUTH,
     {"token-vault", "private-key-jwt", "ssws"},
     "must be token-vault, private-key-jwt or ssws"},
    {CFG_AGENT_BACKEND, {"bedrock-agent"}, "must be bedrock-agent"},
    {CFG_CIBA_BINDING_MAX, {"20", "50"}, "must be 50 or 20"},
};

/* Names whose value is joined with a path of ours, so it ends after host and port. */
static const enum config_name ORIGINS[] = {
    CFG_PUBLIC_URL,
    CFG_ACTIONS_URL,
    CFG_FGA_API_URL,
    CFG_AWS_ENDPOINT_URL,
    CFG_AWS_ENDPOINT_URL_BEDROCK_AGENT_RUNTIME,
};

#define ALNUM "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

/* Texts that become part of a URL's path or host. */
static const struct {
    enum config_name name;
    size_t max;
    const char *allowed;
    const char *why;
} SHAPES[] = {
    {CFG_BEDROCK_AGENT_ID, 10, ALNUM, "must be at most 10 letters and digits"},
    {CFG_BEDROCK_AGENT_ALIAS_ID, 10, ALNUM, "must be at most 10 letters and digits"},
    {CFG_AWS_REGION, 32, "abcdefghijklmnopqrstuvwxyz0123456789-", "must be like us-east-1"},
    {CFG_AWS_ACCESS_KEY_ID, 128, ALNUM "_", "must be at most 128 letters and digits"},
    {CFG_FGA_STORE_ID, 64, ALNUM "-_", "must be a store's id"},
    {CFG_FGA_MODEL_ID, 64, ALNUM "-_", "must be a model's id"},
};

bool config_find(const char *name, enum config_name *out)
{
    for (size_t i = 0; i < CONFIG_COUNT; i++) {
        if (strcmp(config_entries[i].name, name) == 0) {
            *out = (enum config_name)i;
            return true;
        }
    }
    return false;
}

/* Levenshtein distance, letters of either case alike. */
static size_t distance(const char *a, const char *b)
{
    size_t row[64];
    size_t width = strlen(b);
    if (width >= COUNT(row)) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= width; j++) {
        row[j] = j;
    }
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < width; j++) {
            int same = toupper((unsigned char)a[i]) == toupper((unsigned char)b[j]);
            size_t best = diagonal + (same ? 0 : 1);
            diagonal = row[j + 1];
            best = row[j] + 1 < best ? row[j] + 1 : best;
            best = diagonal + 1 < best ? diagonal + 1 : best;
            row[j + 1] = best;
        }
    }
    return row[width];
}

const char *config_nearest(const char *name)
{
    const char *nearest = NULL;
    size_t limit = strlen(name) / 3 + 1;
    for (size_t i = 0; i < CONFIG_COUNT; i++) {
        size_t apart = distance(name, config_entries[i].name);
        if (apart <= limit) {
            limit = apart;
            nearest = config_entries[i].name;
            if (apart == 0) {
                break;
            }
            limit--;
        }
    }
    return nearest;
}

/* NULL and the parts, or what is wrong. */
static const char *split_url(const char *text, struct url *url)
{
    const char *why = NULL;
    /* The client takes any case; here one spelling does, and an issuer is compared by bytes. */
    if (!text_starts(text, "https://") && !text_starts(text, "http://")) {
        return "must begin with https://";
    }
    return url_split(text, url, &why) == ERR_OK ? NULL : why;
}

static const char *check_http(const struct url *url, bool http_loopback)
{
    if (!url->https && !url->loopback) {
        return "must begin with https:// (http only to a loopback address)";
    }
    if (!url->https && !http_loopback) {
        return "http to a loopback address needs ALLOW_HTTP_LOOPBACK=1 (development only)";
    }
    return NULL;
}

static const char *check_url(enum config_name name, const char *value, bool http_loopback,
                             struct buf *out)
{
    struct url url;
    const char *why = split_url(value, &url);
    /* A proxy of a company speaks http; what passes through it is TLS all the same. */
    if (why == NULL && name != CFG_HTTP_PROXY_URL) {
        why = check_http(&url, http_loopback || name == CFG_ACTIONS_URL);
    }
    if (why != NULL) {
        return why;
    }
    size_t len = strlen(value);
    for (size_t i = 0; i < COUNT(ORIGINS); i++) {
        if (ORIGINS[i] == name && strcmp(url.rest, "/") == 0) {
            len--;
        } else if (ORIGINS[i] == name && *url.rest != '\0') {
            return "must be an origin: scheme, host and port, without a path";
        }
    }
    buf_add(out, value, len);
    return NULL;
}

static const char *check_host(const char *value, bool http_loopback, struct buf *out)
{
    struct url url = {0};
    struct buf full = buf_make(300);
    buf_adds(&full, strstr(value, "://") != NULL ? "" : "https://");
    buf_adds(&full, value);
    const char *why = buf_err(&full) == ERR_OK ? split_url(buf_str(&full), &url) : "is too long";
    if (why == NULL && *url.rest != '\0' && strcmp(url.rest, "/") != 0) {
        why = "must be a host, or https:// and a host, without a path";
    }
    if (why == NULL) {
        why = check_http(&url, http_loopback);
    }
    if (why == NULL) {
        /* Host names are case-insensitive, but the issuer made of one is compared byte for byte. */
        for (const char *at = full.data; at < url.rest; at++) {
            buf_addc(out, (char)tolower((unsigned char)*at));
        }
    }
    buf_free(&full);
    return why;
}

static const char *check_path(const char *value)
{
    static const char *const why =
        "must be empty or like /prod or /a/b, without a slash at the end";
    if (value[0] != '/') {
        return why;
    }
    for (const char *at = value; *at != '\0';) {
        size_t len = strspn(at + 1, ALNUM "-_.~");
        if (len == 0 || at[1] == '.') { /* no empty segment, none of dots */
            return why;
        }
        at += 1 + len;
        if (*at != '\0' && *at != '/') {
            return why;
        }
    }
    return strlen(value) <= 200 ? NULL : "is longer than 200 bytes";
}

static const char *check_number(enum config_name name, const char *value)
{
    int64_t number = 0;
    if (text_number(value, INT64_MAX, &number) != ERR_OK) {
        return "must be a whole number";
    }
    for (size_t i = 0; i < COUNT(RANGES); i++) {
        if (RANGES[i].name == name && (number < RANGES[i].min || number > RANGES[i].max)) {
            return RANGES[i].why;
        }
    }
    return NULL;
}

static const char *check_choice(enum config_name name, const char *value)
{
    for (size_t i = 0; i < COUNT(CHOICES); i++) {
        if (CHOICES[i].name != name) {
            continue;
        }
        for (size_t j = 0; j < COUNT(CHOICES[i].choices) && CHOICES[i].choices[j] != NULL; j++) {
            if (strcmp(CHOICES[i].choices[j], value) == 0) {
                return NULL;
            }
        }
        return CHOICES[i].why;
    }
    for (size_t i = 0; i < COUNT(SHAPES); i++) {
        if (SHAPES[i].name == name && !text_of(value, 1, SHAPES[i].max, SHAPES[i].allowed)) {
            return SHAPES[i].why;
        }
    }
    return NULL;
}

enum err config_check(enum config_name name, const char *value, bool http_loopback, struct buf *out,
                      const char **why)
{
    *why = NULL;
    switch (config_entries[name].kind) {
    case CONFIG_URL:
        *why = check_url(name, value, http_loopback, out);
        break;
    case CONFIG_HOST:
        *why = check_host(value, http_loopback, out);
        break;
    case CONFIG_PATH:
        *why = check_path(value);
        break;
    case CONFIG_NUMBER:
        *why = check_number(name, value);
        break;
    case CONFIG_FLAG:
        *why = strcmp(value, "0") == 0 || strcmp(value, "1") == 0 ? NULL : "must be 0 or 1";
        break;
    case CONFIG_TEXT:
    case CONFIG_SECRET:
        break;
    }
    if (*why == NULL) {
        *why = check_choice(name, value);
    }
    if (*why != NULL) {
        return ERR_INPUT;
    }
    if (config_entries[name].kind != CONFIG_URL && config_entries[name].kind != CONFIG_HOST) {
        buf_adds(out, value);
    }
    return buf_err(out);
}
