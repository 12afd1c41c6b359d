/*
 * Inside of the configuration: the table of names, the file's syntax, the places
 * where settings come from and the checks of values, each in a file of its own.  Only
 * lib/base/config*.c and their tests include this.
 */
#ifndef COUNTERSIGN_BASE_CONFIG_PARTS_H
#define COUNTERSIGN_BASE_CONFIG_PARTS_H

#include "base/config.h"

enum config_kind {
    CONFIG_TEXT,
    CONFIG_URL,
    CONFIG_PATH,
    CONFIG_NUMBER,
    CONFIG_FLAG,
    CONFIG_HOST,
    CONFIG_SECRET
};

struct config_entry {
    const char *name;
    const char *kind_name;
    enum config_kind kind;
    const char *fallback;
    const char *meaning;
};

extern const struct config_entry config_entries[CONFIG_COUNT];

bool config_find(const char *name, enum config_name *out);
/* The known name closest to a misspelt one; NULL when none is close. */
const char *config_nearest(const char *name);

/*
 * One NAME=value line after another.  The visitor gets the value unquoted; what
 * it returns other than ERR_OK ends the reading.  ERR_INPUT is never returned:
 * a malformed line is appended to problems as "path:line: ..." and skipped.
 */
typedef enum err config_line_fn(void *context, size_t line, const char *name, const char *value);
WARN_UNUSED enum err config_parse(const char *path, const char *text, size_t len,
                                  config_line_fn *visit, void *context, struct buf *problems);

/*
 * A whole file into out (a secret buffer).  ERR_NONE: it is not there.
 * ERR_DENIED: its mode has one of the bits of forbidden.  ERR_LIMIT, ERR_SYSTEM.
 */
WARN_UNUSED enum err config_read(const char *path, unsigned forbidden, struct buf *out);

#define CONFIG_OTHERS 007 /* permission bits that a secret's file may not have */
#define CONFIG_VALUE_MAX ((size_t)64 * 1024)

/* What config_read's error means to whoever wrote the configuration. */
const char *config_read_fault(enum err err);

/* Where a value came from, until all are known. */
struct config_setting {
    char *value;  /* NULL: nowhere.  Wiped on free: any of them may be a secret */
    char *where;  /* "path:line" or "environment" */
    bool is_path; /* value is NAME_FILE's: the name of a file that holds the secret */
};

/*
 * The common file, the program's own (program may be NULL: none), the environment
 * and the credentials, in this order; a later one wins.  settings starts zeroed
 * and is freed by the caller, also after an error; problems as in config_load.
 */
WARN_UNUSED enum err config_gather(const char *program,
                                   struct config_setting settings[CONFIG_COUNT],
                                   struct buf *problems);
void config_settings_free(struct config_setting settings[CONFIG_COUNT]);

/*
 * Check a value of its kind and put the normalised form into out.  On ERR_INPUT
 * *why says what would be right, without the value: it may be a secret that was
 * put behind the wrong name.
 */
WARN_UNUSED enum err config_check(enum config_name name, const char *value, bool http_loopback,
                                  struct buf *out, const char **why);

#endif
