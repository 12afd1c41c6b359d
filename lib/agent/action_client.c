#include "agent/action_client.h"

#include "agent/turn.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"
#include "catalogue/action.h"
#include "catalogue/ticket.h"

#include <string.h>

#define BODY_MAX ((size_t)EVENT_MAX)

/* At most size - 1 bytes, cut between characters. */
static void copy_cut(char *out, size_t size, const char *text)
{
    size_t len = strlen(text);
    if (len >= size) {
        for (len = size - 1; len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80; len--) {
        }
    }
    memcpy(out, text, len);
    out[len] = '\0';
}

enum err action_client_event(const struct turn *turn, const struct turn_call *call,
                             struct action_event *out)
{
    memset(out, 0, sizeof *out);
    copy_cut(out->input_text, sizeof out->input_text, turn->message);
    conversation_session(turn->conversation, out->session_id);
    if (text_copy(out->group, sizeof out->group, call->call.group) ||
        text_copy(out->function, sizeof out->function, call->call.function) ||
        text_copy(out->api_path, sizeof out->api_path, call->call.api_path) ||
        text_copy(out->http_method, sizeof out->http_method, call->call.http_method) ||
        text_copy(out->agent_id, sizeof out->agent_id, turn->agent) ||
        text_copy(out->call_id, sizeof out->call_id, call->call_id)) {
        return ERR_INPUT;
    }
    out->arguments = json_deep_copy(call->call.arguments);
    return out->arguments != NULL ? ERR_OK : ERR_MEMORY;
}

static enum err add_ticket(const struct keyring *keyring, const struct turn *turn,
                           struct action_event *event, msec now)
{
    struct ticket ticket = {0};
    struct buf text = buf_make_secret(TICKET_MAX);
    enum err err = ERR_OK;
    if (text_copy(ticket.iss, sizeof ticket.iss, turn->person.iss) ||
        text_copy(ticket.sub, sizeof ticket.sub, turn->person.sub) ||
        text_copy(ticket.session, sizeof ticket.session, turn->session) ||
        text_copy(ticket.turn, sizeof ticket.turn, turn->id) ||
        text_copy(ticket.agent, sizeof ticket.agent, turn->agent) ||
        text_copy(ticket.group, sizeof ticket.group, event->group)) {
        err = ERR_INPUT;
    }
    if (err == ERR_OK) {
        err = ticket_mint(keyring, &ticket, now, &text);
    }
    if (err == ERR_OK) {
        err = text_copy(event->ticket, sizeof event->ticket, buf_str(&text));
    }
    buf_free(&text);
    return err;
}

static enum err judge(const struct http_response *response, const struct action_event *event,
                      struct action_answer *answer)
{
    switch (response->status) {
    case 200:
        /* An answer that makes no sense is no outcome: the act may have happened. */
        return action_answer_parse(buf_str(&response->body), response->body.len, event, answer) ==
                       ERR_OK
                   ? ERR_OK
                   : ERR_REMOTE;
    case 400:
    case 413:
        return ERR_INPUT;
    case 409:
        return ERR_CONFLICT;
    case 401:
        return ERR_AUTH;
    default:
        return ERR_REMOTE;
    }
}

enum err action_post(const struct action_client *client, const struct turn *turn,
                     const struct turn_call *call, msec deadline, msec now,
                     struct action_answer *answer)
{
    struct action_event event = {0};
    struct buf url = buf_make(1024);
    struct buf body = buf_make_secret(BODY_MAX);
    struct http_response response = {0};
    json_t *root = NULL;
    const char *path = catalogue_group_path(call->call.group);
    memset(answer, 0, sizeof *answer);
    enum err err = path != NULL ? action_client_event(turn, call, &event) : ERR_INPUT;
    if (err == ERR_OK) {
        err = add_ticket(client->keyring, turn, &event, now);
    }
    if (err != ERR_OK) {
        goto done;
    }
    root = action_event_build(&event);
    err = root != NULL ? js_add(&body, root) : ERR_MEMORY;
    buf_addf(&url, "%s/actions/%s", config_text(client->config, CFG_ACTIONS_URL), path);
    if (err == ERR_OK) {
        err = buf_err(&url);
    }
    if (err != ERR_OK) {
        goto done;
    }
    const struct http_header headers[] = {
        {"Content-Type", "application/json"},
        {"Accept", "application/json"},
        {"X-Request-Id", turn->request_id},
    };
    err = http_call(client->http,
                    &(struct http_request){.method = "POST",
                                           .url = buf_str(&url),
                                           .headers = headers,
                                           .header_count = turn->request_id[0] != '\0' ? 3 : 2,
                                           .body = body.data,
                                           .body_len = body.len,
                                           .deadline = deadline,
                                           .body_max = BODY_MAX},
                    &response);
    if (err == ERR_OK) {
        err = judge(&response, &event, answer);
    } else if (err == ERR_INPUT) {
        err = ERR_CONFIG; /* our own URL was refused, which is not the call's fault */
    }
    if (err != ERR_OK) {
        log_line(LOG_WARN, "an action call was not answered", LOG_T("turn", turn->id),
                 LOG_T("group", call->call.group), LOG_N("status", response.status),
                 LOG_T("error", err_name(err)));
    }

done:
    json_decref(root);
    action_event_free(&event);
    wipe(event.ticket, sizeof event.ticket);
    http_response_free(&response);
    buf_free(&body);
    buf_free(&url);
    return err;
}
