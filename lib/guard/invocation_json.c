#include "guard/invocation_json.h"

#include "base/text.h"

#include <string.h>

#define FORMAT 1

/* Each text, time and flag once, for both directions: a member that is written and never read, or
 * the reverse, cannot be. */
#define TEXTS(X)                                                                                   \
    X("id", id)                                                                                    \
    X("session", session)                                                                          \
    X("turn", turn)                                                                                \
    X("agent", agent)                                                                              \
    X("group", group)                                                                              \
    X("action", action)                                                                            \
    X("call_id", call_id)                                                                          \
    X("sentence", sentence)                                                                        \
    X("user_id", user.id)                                                                          \
    X("user_login", user.login)                                                                    \
    X("user_email", user.email)                                                                    \
    X("user_status", user.status)                                                                  \
    X("group_id", target_group.id)                                                                 \
    X("group_name", target_group.name)                                                             \
    X("group_type", target_group.type)                                                             \
    X("digest", digest)                                                                            \
    X("phrase", phrase)                                                                            \
    X("auth_req_id", auth_req_id)                                                                  \
    X("reason", reason)                                                                            \
    X("result", result)
#define TIMES(X)                                                                                   \
    X("created_at", created_at)                                                                    \
    X("updated_at", updated_at)                                                                    \
    X("requested_at", requested_at)                                                                \
    X("deadline", deadline)                                                                        \
    X("poll_at", poll_at)                                                                          \
    X("interval", interval)                                                                        \
    X("lease_until", lease_until)
#define FLAGS(X)                                                                                   \
    X("clicked", clicked)                                                                          \
    X("polling", polling)                                                                          \
    X("request_over", request_over)                                                                \
    X("read_back_due", read_back_due)                                                              \
    X("acknowledged", acknowledged)                                                                \
    X("told", told)                                                                                \
    X("consumed", consumed)

enum err invocation_to_text(const struct invocation *invocation, char **text, size_t *len)
{
    struct buf out = buf_make_secret(RECORD_PAYLOAD_MAX);
    json_t *object = json_object(), *person = json_object();
    enum err err = ERR_OK;

    *text = NULL;
    js_set_int(object, "format", FORMAT, &err);
    js_set_text(object, "state", invocation_state_name(invocation->state), &err);
#define WRITE_TEXT(name, member) js_set_text(object, name, invocation->member, &err);
    TEXTS(WRITE_TEXT)
#undef WRITE_TEXT
#define WRITE_TIME(name, member) js_set_int(object, name, invocation->member, &err);
    TIMES(WRITE_TIME)
#undef WRITE_TIME
#define WRITE_FLAG(name, member) js_set_bool(object, name, invocation->member, &err);
    FLAGS(WRITE_FLAG)
#undef WRITE_FLAG
    person_to_json(&invocation->person, person, &err);
    js_set_new(object, "person", person, &err);
    js_set_new(object, "arguments", json_deep_copy(invocation->arguments), &err);
    if (invocation->authorization_details != NULL) {
        js_set_new(object, "authorization_details",
                   json_deep_copy(invocation->authorization_details), &err);
    }
    if (err == ERR_OK) {
        err = js_add(&out, object);
    }
    *len = out.len;
    if (err == ERR_OK) {
        err = buf_take(&out, text);
    }
    buf_free(&out);
    json_decref(object);
    return err;
}

static enum err state_from(const json_t *object, enum invocation_state *out)
{
    const char *name = js_text(object, "state");

    for (int state = 0; state < INVOCATION_STATE_COUNT; state++) {
        if (text_equal(name, invocation_state_name((enum invocation_state)state))) {
            *out = (enum invocation_state)state;
            return ERR_OK;
        }
    }
    return ERR_FORGED;
}

static enum err read_members(const json_t *object, struct invocation *out)
{
    bool fits = true;

#define READ_TEXT(name, member)                                                                    \
    fits = js_text(object, name) != NULL &&                                                        \
           text_copy(out->member, sizeof out->member, js_text(object, name)) == ERR_OK && fits;
    TEXTS(READ_TEXT)
#undef READ_TEXT
#define READ_TIME(name, member) out->member = js_int_or(object, name, 0);
    TIMES(READ_TIME)
#undef READ_TIME
#define READ_FLAG(name, member) out->member = js_true(object, name);
    FLAGS(READ_FLAG)
#undef READ_FLAG
    return fits ? ERR_OK : ERR_FORGED;
}

enum err invocation_from_text(const char *text, size_t len, struct invocation *out)
{
    json_t *object = NULL;
    const json_t *details;
    enum err err;

    memset(out, 0, sizeof *out);
    err = js_parse_object(text, len, RECORD_PAYLOAD_MAX, &object);
    if (err == ERR_OK && js_int_or(object, "format", 0) != FORMAT) {
        err = ERR_FORGED;
    }
    if (err == ERR_OK) {
        err = state_from(object, &out->state);
    }
    if (err == ERR_OK) {
        err = read_members(object, out);
    }
    if (err == ERR_OK) {
        err = person_from_json(js_object(object, "person"), &out->person);
    }
    if (err == ERR_OK) {
        out->arguments = json_deep_copy(js_object(object, "arguments"));
        details = json_object_get(object, "authorization_details");
        out->authorization_details = json_deep_copy(details);
        if (out->arguments == NULL || (details != NULL && out->authorization_details == NULL)) {
            err = ERR_FORGED;
        }
    }
    json_decref(object);
    if (err != ERR_OK) {
        invocation_free(out);
    }
    return err == ERR_OK || err == ERR_MEMORY ? err : ERR_FORGED;
}
