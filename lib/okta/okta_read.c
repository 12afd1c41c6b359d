#include "base/text.h"
#include "okta/okta_internal.h"

#include <stdlib.h>
#include <string.h>

static enum err user_get(struct okta *okta, const struct okta_token *token, const char *name,
                         struct okta_user *out)
{
    struct okta_read read = okta_read_begin(okta, token);
    struct buf url = buf_make(4096);
    json_t *body = NULL;
    enum err err;

    buf_adds(&url, okta->origin);
    buf_adds(&url, "/api/v1/users/");
    percent_add(&url, name);
    err = buf_err(&url);
    if (err == ERR_OK) {
        err = okta_get(&read, buf_str(&url), &body, NULL);
    }
    if (err == ERR_OK) {
        err = okta_user_read(body, out);
    }
    json_decref(body);
    buf_free(&url);
    return err;
}

/*
 * *out is written last: a caller may well ask again with the very id that lies
 * in it.  On a failure it is emptied.
 */
static enum err user_give(enum err err, const struct okta_user *user, struct okta_user *out)
{
    if (err == ERR_OK) {
        *out = *user;
    } else {
        memset(out, 0, sizeof(*out));
    }
    return err;
}

static enum err group_give(enum err err, const struct okta_group *group, struct okta_group *out)
{
    if (err == ERR_OK) {
        *out = *group;
    } else {
        memset(out, 0, sizeof(*out));
    }
    return err;
}

enum err okta_user_by_login(struct okta *okta, const struct okta_token *token, const char *login,
                            struct okta_user *out)
{
    struct okta_user user = {0};
    enum err err = okta_login_valid(login) ? user_get(okta, token, login, &user) : ERR_INPUT;

    if (err == ERR_OK && !okta_login_equal(user.login, login)) {
        err = ERR_NONE;
    }
    return user_give(err, &user, out);
}

enum err okta_user_by_id(struct okta *okta, const struct okta_token *token, const char *id,
                         struct okta_user *out)
{
    struct okta_user user = {0};
    enum err err = okta_id_valid(id) ? user_get(okta, token, id, &user) : ERR_INPUT;

    if (err == ERR_OK && strcmp(user.id, id) != 0) {
        err = ERR_NONE;
    }
    return user_give(err, &user, out);
}

enum err okta_user_me(struct okta *okta, const struct okta_token *token, struct okta_user *out)
{
    struct okta_user user = {0};
    enum err err = user_get(okta, token, "me", &user);

    return user_give(err, &user, out);
}

/* Called for each element of each page; anything but ERR_OK ends the walk. */
typedef enum err element_fn(void *context, const json_t *element);

static enum err walk(struct okta *okta, const struct okta_token *token, const struct buf *first,
                     element_fn *each, void *context)
{
    struct okta_read read = okta_read_begin(okta, token);
    struct buf next = buf_make(8192);
    struct buf url = buf_make(8192);
    enum err err;

    buf_adds(&url, buf_str(first));
    err = buf_err(&url);
    for (unsigned page = 0; err == ERR_OK && url.len > 0; page++) {
        json_t *body = NULL;
        const json_t *element;
        size_t i;

        if (page == OKTA_PAGES_MAX) {
            err = ERR_LIMIT;
            break;
        }
        err = okta_get(&read, buf_str(&url), &body, &next);
        if (err == ERR_OK && !json_is_array(body)) {
            err = ERR_REMOTE;
        }
        json_array_foreach(body, i, element)
        {
            if (err == ERR_OK) {
                err = each(context, element);
            }
        }
        json_decref(body);
        buf_reset(&url);
        buf_adds(&url, buf_str(&next));
        if (err == ERR_OK) {
            err = buf_err(&url);
        }
    }
    buf_free(&next);
    buf_free(&url);
    return err;
}

void okta_groups_free(struct okta_groups *groups)
{
    if (groups == NULL) {
        return;
    }
    free(groups->groups);
    groups->groups = NULL;
    groups->count = 0;
}

struct collected {
    struct okta_groups *out;
    size_t capacity;
};

static enum err collect(void *context, const json_t *element)
{
    struct collected *c = context;

    if (c->out->count == OKTA_GROUPS_MAX) {
        return ERR_LIMIT;
    }
    if (c->out->count == c->capacity) {
        size_t capacity = c->capacity == 0 ? 32 : c->capacity * 2;
        struct okta_group *grown = reallocarray(c->out->groups, capacity, sizeof(*grown));
        if (grown == NULL) {
            return ERR_MEMORY;
        }
        c->out->groups = grown;
        c->capacity = capacity;
    }
    enum err err = okta_group_read(element, &c->out->groups[c->out->count]);
    if (err == ERR_OK) {
        c->out->count++;
    }
    return err;
}

enum err okta_user_groups(struct okta *okta, const struct okta_token *token, const char *id,
                          struct okta_groups *out)
{
    struct collected c = {.out = out};
    struct buf url = buf_make(4096);
    enum err err;

    memset(out, 0, sizeof(*out));
    if (!okta_id_valid(id)) {
        return ERR_INPUT;
    }
    buf_addf(&url, "%s/api/v1/users/%s/groups?limit=200", okta->origin, id);
    err = buf_err(&url);
    if (err == ERR_OK) {
        err = walk(okta, token, &url, collect, &c);
    }
    if (err != ERR_OK) {
        okta_groups_free(out); /* half a list would read as a whole one */
    }
    buf_free(&url);
    return err;
}

struct search {
    const char *name;
    struct okta_group found;
    unsigned matches;
};

static enum err match(void *context, const json_t *element)
{
    struct search *search = context;
    struct okta_group group;
    enum err err = okta_group_read(element, &group);

    if (err == ERR_OK && strcmp(group.name, search->name) == 0) {
        search->found = group;
        search->matches++;
    }
    return err;
}

enum err okta_group_by_name(struct okta *okta, const struct okta_token *token, const char *name,
                            struct okta_group *out)
{
    struct search search = {.name = name};
    struct buf url = buf_make(4096);
    struct buf expression = buf_make(512);
    enum err err = ERR_INPUT;

    if (!okta_group_name_valid(name)) {
        goto done;
    }
    buf_addf(&expression, "profile.name eq \"%s\"", name);
    err = buf_err(&expression);
    buf_addf(&url, "%s/api/v1/groups?search=", okta->origin);
    percent_add(&url, buf_str(&expression));
    buf_adds(&url, "&limit=200");
    if (err == ERR_OK) {
        err = buf_err(&url);
    }
    if (err == ERR_OK) {
        err = walk(okta, token, &url, match, &search);
    }
    if (err == ERR_OK && search.matches != 1) {
        err = ERR_NONE;
    }
done:
    buf_free(&expression);
    buf_free(&url);
    return group_give(err, &search.found, out);
}

enum err okta_group_by_id(struct okta *okta, const struct okta_token *token, const char *id,
                          struct okta_group *out)
{
    struct okta_read read = okta_read_begin(okta, token);
    struct buf url = buf_make(4096);
    struct okta_group group = {0};
    json_t *body = NULL;
    enum err err = ERR_INPUT;

    if (!okta_id_valid(id)) {
        goto done;
    }
    buf_addf(&url, "%s/api/v1/groups/%s", okta->origin, id);
    err = buf_err(&url);
    if (err == ERR_OK) {
        err = okta_get(&read, buf_str(&url), &body, NULL);
    }
    if (err == ERR_OK) {
        err = okta_group_read(body, &group);
    }
    if (err == ERR_OK && strcmp(group.id, id) != 0) {
        err = ERR_NONE;
    }
done:
    json_decref(body);
    buf_free(&url);
    return group_give(err, &group, out);
}

static enum err count_role(void *context, const json_t *element)
{
    size_t *count = context;

    (void)element; /* whatever it is, it is a role, and one too many */
    (*count)++;
    return ERR_OK;
}

enum err okta_group_is_admin(struct okta *okta, const struct okta_token *token,
                             const char *group_id, bool *admin)
{
    struct buf url = buf_make(4096);
    size_t count = 0;
    enum err err;

    *admin = true; /* for a caller that forgets to look at the error */
    if (!okta_id_valid(group_id)) {
        return ERR_INPUT;
    }
    buf_addf(&url, "%s/api/v1/groups/%s/roles", okta->origin, group_id);
    err = buf_err(&url);
    if (err == ERR_OK) {
        err = walk(okta, token, &url, count_role, &count);
    }
    if (err == ERR_OK) {
        *admin = count > 0;
    }
    buf_free(&url);
    return err;
}
