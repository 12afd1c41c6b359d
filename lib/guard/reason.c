#include "guard/reason.h"

#include "base/text.h"

static const struct {
    const char *reason, *text;
} texts[] = {
    /* One sentence for "not allowed" and "not there": an agent that may not know learns neither. */
    {"not_permitted", "You are not permitted to do this, or there is no such account."},
    {"fga_unavailable", "The permission check could not be made, so nothing was done."},
    {"switched_off", "Actions are switched off at the moment. Nothing was done."},
    {"okta_not_connected",
     "The person's Okta account is not connected. Connect it and ask again. Nothing was done."},
    {"okta_sign_in", "The connection to Okta has run out: sign in again. Nothing was done."},
    {"okta_scope",
     "The connection to Okta lacks a permission that this action needs. Nothing was done."},
    {"okta_other_person",
     "The connected Okta account is not the signed-in person's. Nothing was done."},
    {"okta_refused", "Okta refused the request. Nothing was done."},
    {"okta_busy", "Okta is asked too often at the moment. Nothing was done; try again later."},
    {"okta_unavailable", "Okta could not be asked. Nothing was done."},
    {"locked", "Several requests were denied of late, so approvals are locked for a while. "
               "Nothing was done."},
    {"too_many", "Too many requests of this person are open already. Nothing was done."},
    {"held", "An earlier request for the same act has an unknown outcome. The person has to look "
             "at the account and confirm that on the approvals page before it can be asked for "
             "again. Nothing was done now."},
    {"under_way", "The same act is being carried out already. Nothing more was done."},
    {"no_time", "There was too little time left to ask for an approval. Nothing was done."},
    {"phrase", "This target cannot be shown on a phone without doubt. Nothing was done."},
    {"push_refused", "The person's phone could not be asked for approval. Nothing was done. The "
                     "person may have to enrol the phone first."},
    {"push_busy", "The phone was asked too often at the moment. Nothing was done; try later."},
    {"push_unknown", "Whether the request reached the phone is not known. If the phone shows it, "
                     "deny it there. Nothing was done."},
    {"denied_on_phone", "The request was denied on the phone. Nothing was done."},
    {"evidence", "The approval could not be verified. Nothing was done."},
    {"digest", "The approval does not fit the request. Nothing was done."},
    {"expired", "Nobody approved in time. Nothing was done."},
    {"no_click", "Nobody sent the request to the phone in time. Nothing was done."},
    {"no_place", "Another request held the person's phone until the time for this one was over. It "
                 "was not sent. Nothing was done."},
    {"too_late", "The approval came, but the time for the act was over. Nothing was done."},
    {"cancelled", "The request was cancelled. Nothing was done."},
    {"not_me", "The person said that the request was not theirs. Nothing was done."},
    {"session_ended", "The person's session has ended. Nothing was done."},
    {"target_changed",
     "The account or group has changed since it was asked for. Nothing was done."},
    {"stalled", "Too much time passed between the last check and the act. Nothing was done."},
    {"audit", "The act could not be recorded beforehand, so it was not done."},
    {"replayed", "This request was carried out before and does not act again. Look at the account "
                 "in Okta."},
    {"act_failed", "Okta did not carry it out. Nothing was changed."},
    {"no_answer", "The request was sent and no answer came: whether it was carried out is not "
                  "known. It is not repeated. Look at the account in Okta, then confirm that on "
                  "the approvals page."},
};

static const char *state_text(enum invocation_state state)
{
    switch (state) {
    case INVOCATION_PROPOSED:
        return "The request is being prepared.";
    case INVOCATION_WAITING_CLICK:
        return "Waiting for the person to send the request to the phone from the approvals page.";
    case INVOCATION_WAITING_PLACE:
        return "Waiting: another request is open on the person's phone.";
    case INVOCATION_SENDING:
    case INVOCATION_WAITING:
        return "Waiting for the person's approval.";
    case INVOCATION_APPROVED:
        return "Approved. Everything is checked once more.";
    case INVOCATION_EXECUTING:
        return "Being carried out.";
    case INVOCATION_DONE:
        return "Done.";
    case INVOCATION_UNKNOWN:
        return "Whether it was carried out is not known.";
    case INVOCATION_FAILED:
    case INVOCATION_DENIED:
    case INVOCATION_EXPIRED:
    case INVOCATION_CANCELLED:
    case INVOCATION_STATE_COUNT:
        break;
    }
    return "Nothing was done.";
}

const char *reason_text(const struct invocation *invocation)
{
    for (size_t i = 0; i < COUNT(texts); i++) {
        if (text_equal(texts[i].reason, invocation->reason)) {
            return texts[i].text;
        }
    }
    return state_text(invocation->state);
}
