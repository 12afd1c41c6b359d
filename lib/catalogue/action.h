/*
 * The catalogue: what an agent may propose.  An action is one row of data; what
 * does it is bound to the row in the action programs.  Adding an action touches
 * catalogue.c and one handler (docs: README, "How to add an action").
 */
#ifndef COUNTERSIGN_CATALOGUE_ACTION_H
#define COUNTERSIGN_CATALOGUE_ACTION_H

#include "base/config.h"
#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>

enum fga_profile { PROFILE_WORKSHOP, PROFILE_RICH, PROFILE_COUNT };
enum fga_profile catalogue_profile(const struct config *config);

enum param_kind {
    PARAM_LOGIN, /* an Okta login: ASCII, one '@', 3..100 bytes */
    PARAM_GROUP, /* a group's name: 1..255 bytes of valid UTF-8 without controls */
    PARAM_SELF   /* names the person himself; anything but himself is refused */
};

struct action_param {
    const char *name;        /* "user_email" */
    const char *description; /* for the model */
    enum param_kind kind;
};

#define ACTION_PARAMS 2

struct fga_need { /* NULL relation: the action is not offered in that profile */
    const char *relation;
    const char *object; /* fixed, or "account:{user}" / "group:{group}" with the resolved id */
};

struct action {
    const char *group;       /* "CIBAAuthentication" */
    const char *name;        /* "reset_password": function name, and API path with '/' before */
    const char *verb;        /* "RESET-PW": on phone and page, A-Z0-9- only, at most 12 */
    const char *title;       /* "Reset password": for the page */
    const char *description; /* for the model */
    const char *effect;      /* one sentence for the person who approves */
    struct action_param params[ACTION_PARAMS];   /* all required; NULL name ends them */
    struct fga_need coarse[PROFILE_COUNT];       /* step 3 */
    struct fga_need target[PROFILE_COUNT];       /* step 4, on the user */
    struct fga_need target_group[PROFILE_COUNT]; /* step 4, on the group where there is one */
    bool approval;                               /* a person's phone is asked */
    bool changes;                                /* false: read only, or proves presence */
};

/* NULL: no such action in that group and profile. */
const struct action *catalogue_find(const char *group, const char *name, enum fga_profile profile);
/* The i-th action of the profile, NULL past the end. Order is fixed. */
const struct action *catalogue_at(size_t i, enum fga_profile profile);
/* "okta", "ciba", "fga": the last segment of /actions/...; NULL for an unknown group. */
const char *catalogue_group_path(const char *group);

/*
 * The strict schema: exactly the row's parameters, each a string of its kind.
 * ERR_INPUT names the first fault in why (a fixed text, never the value).
 */
WARN_UNUSED enum err catalogue_check_arguments(const struct action *action, const json_t *arguments,
                                               const char **why);

/*
 * 1 to 255 bytes of valid UTF-8 without controls, bidi marks or line separators:
 * fit to be shown beside other text.  NULL is not.
 */
bool catalogue_text_is_clean(const char *text);

/* JSON schema of the row's arguments (for toolConfig and the docs). Caller owns. NULL: memory. */
json_t *catalogue_schema(const struct action *action);

#endif
