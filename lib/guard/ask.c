/*
 * Step 5: the push.  Everything that matters is written before it is sent, so a
 * crash at any instant leaves either nothing sent or a record that knows it may
 * have been: without a saved auth_req_id it is never sent again.
 */
#include "base/log.h"
#include "base/text.h"
#include "crypto/random.h"
#include "guard/digest.h"
#include "guard/internal.h"
#include "guard/phrase.h"

#define CLICK_AGAIN SECONDS(10) /* `send` brings the turn's due time forward anyway */
#define PLACE_AGAIN SECONDS(5)
#define SENDING_AGAIN SECONDS(2)
#define EXPIRY_LEAST 30           /* seconds: less is no time to read and decide */
#define LIVES_UNTOLD SECONDS(300) /* a prompt whose provider names no expiry */

/* May it be pushed now?  Where not, the answer is pending or denied and stands. */
static enum err admit(struct entry *entry)
{
    struct invocation *invocation = &entry->invocation;
    const char *reason = NULL;
    enum err err = place_objection(entry, &reason);

    if (err == ERR_OK && reason != NULL) {
        return entry_end(entry, INVOCATION_DENIED, reason);
    }
    if (err == ERR_OK && !invocation->clicked) {
        err = place_first_push(entry);
        if (err == ERR_CONFLICT) {
            err = invocation->state == INVOCATION_WAITING_CLICK
                      ? ERR_OK
                      : entry_move(entry, INVOCATION_WAITING_CLICK, "");
            return err == ERR_OK ? entry_pending(entry, entry_now(entry) + CLICK_AGAIN) : err;
        }
    }
    return err;
}

/* ERR_OK and not stopped: the place is this invocation's until then. */
static enum err take_place(struct entry *entry, msec until)
{
    msec again_at = entry_now(entry) + PLACE_AGAIN;
    bool freed = false;
    enum err err = place_take(entry, until);

    if (err != ERR_CONFLICT) {
        return err;
    }
    err = place_look(entry, &freed, &again_at);
    if (err == ERR_OK && freed) {
        err = place_take(entry, until);
        if (err != ERR_CONFLICT) {
            return err;
        }
        err = ERR_OK; /* another one that waited was first */
    }
    if (err == ERR_OK && entry->invocation.state != INVOCATION_WAITING_PLACE) {
        err = entry_move(entry, INVOCATION_WAITING_PLACE, "");
    }
    return err == ERR_OK ? entry_pending(entry, again_at) : err;
}

static void add_property(json_t *properties, const char *key, const char *label, int order,
                         const char *value, enum err *err)
{
    json_t *property = json_object();

    js_set_bool(property, "display", label != NULL, err);
    if (label != NULL) {
        js_set_text(property, "name", label, err);
        js_set_int(property, "display_order", order, err);
    }
    js_set_text(property, "value", value, err);
    js_set_new(properties, key, property, err);
}

/* Rich Authorization Requests as Auth0's Guardian shows them: one object, displayed properties. */
static enum err describe(struct entry *entry)
{
    struct invocation *invocation = &entry->invocation;
    const char *type = config_text(entry->guard->config, CFG_CIBA_AUTHORIZATION_DETAILS);
    json_t *list, *object, *properties;
    struct buf digest = buf_make(96);
    enum err err = ERR_OK;

    json_decref(invocation->authorization_details);
    invocation->authorization_details = NULL;
    if (type[0] == '\0') {
        return ERR_OK;
    }
    list = json_array();
    object = json_object();
    properties = json_object();
    buf_addf(&digest, "sha256:%s", invocation->digest);
    add_property(properties, "target", "User:", 1,
                 invocation->user.login[0] != '\0' ? invocation->user.login : invocation->user.id,
                 &err);
    add_property(properties, "action", "Action:", 2, entry->action->title, &err);
    if (invocation->target_group.id[0] != '\0') {
        add_property(properties, "group", "Group:", 3, invocation->target_group.name, &err);
    }
    add_property(properties, "digest", NULL, 0, buf_str(&digest), &err);
    js_set_text(object, "type", type, &err);
    js_set_text(object, "instruction", entry->action->title, &err);
    js_set_new(object, "properties", properties, &err);
    if (json_array_append_new(list, object) != 0) {
        err = ERR_MEMORY;
    }
    if (err == ERR_OK) {
        err = buf_err(&digest);
    }
    buf_free(&digest);
    if (err != ERR_OK) {
        json_decref(list);
        return err;
    }
    invocation->authorization_details = list;
    return ERR_OK;
}

static enum err make_phrase(struct entry *entry)
{
    struct invocation *invocation = &entry->invocation;
    bool group = invocation->target_group.id[0] != '\0';
    struct phrase_target target = {
        .login = invocation->user.login,
        .id = invocation->user.id,
        .group = group ? invocation->target_group.name : NULL,
        .group_id = group ? invocation->target_group.id : NULL,
    };
    int64_t most = config_number(entry->guard->config, CFG_CIBA_BINDING_MAX);
    uint8_t random[PHRASE_RANDOM];
    enum err err = random_bytes(random, sizeof random);

    return err == ERR_OK
               ? phrase_make(random, entry->action->verb, &target,
                             most < PHRASE_LONG ? PHRASE_SHORT : PHRASE_LONG, invocation->phrase)
               : err;
}

/* Seconds that the person gets: what is configured, within what is left of the turn. */
static int expiry_of(const struct entry *entry, msec now)
{
    int64_t left = (entry->invocation.deadline - APPROVAL_GRACE - now) / 1000;
    int64_t most = config_number(entry->guard->config, CFG_APPROVAL_SECONDS);

    return (int)(left < most ? left : most);
}

/*
 * For as long as the prompt may live, which the provider decides, whatever was
 * asked for.  Written before the auth_req_id is: a kill between leaves it too
 * long, never too short.
 */
static void hold_place(struct entry *entry, msec prompt_ends)
{
    if (place_take(entry, prompt_ends + PLACE_MARGIN) != ERR_OK) {
        log_line(LOG_WARN, "an approval's place keeps its first length");
    }
}

/* Sent, once; what the provider said becomes the record's next state. */
static enum err send_push(struct entry *entry, int expiry)
{
    struct invocation *invocation = &entry->invocation;
    struct ciba_request request = {
        .sub = invocation->person.sub,
        .binding_message = invocation->phrase,
        .requested_expiry = expiry,
        .authorization_details = invocation->authorization_details,
    };
    struct ciba_ack ack = {0};
    char code[64] = "";
    enum err err = ciba_send(entry->guard->oidc, &request, invocation->requested_at, &ack, code);

    if (err == ERR_OK) {
        msec now = entry_now(entry);

        err = text_copy(invocation->auth_req_id, sizeof invocation->auth_req_id, ack.auth_req_id);
        invocation->interval = ack.interval;
        invocation->poll_at = now + ack.interval;
        hold_place(entry, now + (ack.lives_for > 0 ? ack.lives_for : LIVES_UNTOLD));
        if (ack.expires_in < SECONDS(expiry)) {
            invocation->deadline = invocation->requested_at + ack.expires_in + APPROVAL_GRACE;
        }
        if (err == ERR_OK) {
            err = entry_move(entry, INVOCATION_WAITING, "");
        }
        return err == ERR_OK ? entry_pending(entry, invocation->poll_at) : err;
    }
    log_line(LOG_WARN, "an approval could not be asked for", LOG_T("error", err_name(err)),
             LOG_T("code", code));
    if (err == ERR_REMOTE || err == ERR_LIMIT || err == ERR_CONFIG || err == ERR_INPUT) {
        /* Nothing is on the phone. */
        place_release(entry);
        return entry_end(entry, INVOCATION_FAILED, err == ERR_LIMIT ? "push_busy" : "push_refused");
    }
    return entry_end(entry, INVOCATION_FAILED, "push_unknown");
}

enum err guard_ask(struct entry *entry)
{
    struct invocation *invocation = &entry->invocation;
    msec now;
    int expiry;
    enum err err;

    if (!entry->action->approval || invocation->state == INVOCATION_WAITING ||
        invocation->state == INVOCATION_APPROVED) {
        return ERR_OK;
    }
    if (invocation->state ==
        INVOCATION_SENDING) { /* another entry is at it, or was until its lease */
        return entry_pending(entry, entry_now(entry) + SENDING_AGAIN);
    }
    err = admit(entry);
    if (err != ERR_OK || entry->stop) {
        return err;
    }
    now = entry_now(entry);
    expiry = expiry_of(entry, now);
    if (expiry < EXPIRY_LEAST) {
        return entry_end(entry, INVOCATION_EXPIRED, "no_time");
    }
    /* Until the provider says for how long, it may be the longest. */
    err = take_place(entry, now + LIVES_UNTOLD + SEND_LEASE + PLACE_MARGIN);
    if (err != ERR_OK || entry->stop) {
        return err;
    }
    err = digest_of(invocation, invocation->digest);
    if (err == ERR_OK) {
        err = make_phrase(entry);
    }
    if (err == ERR_LIMIT || err == ERR_INPUT) {
        place_release(entry);
        return entry_end(entry, INVOCATION_FAILED, "phrase");
    }
    if (err == ERR_OK) {
        err = describe(entry);
    }
    if (err != ERR_OK) {
        return err;
    }
    invocation->requested_at = now;
    invocation->deadline = now + SECONDS(expiry) + APPROVAL_GRACE;
    invocation->lease_until = now + SEND_LEASE;
    err = entry_move(entry, INVOCATION_SENDING, "");
    return err == ERR_OK ? send_push(entry, expiry) : err;
}
