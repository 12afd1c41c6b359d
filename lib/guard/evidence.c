/*
 * Step 6: has the person approved, and this?  A poll is claimed by a write
 * before it is sent, so no two are ever under way for one request, whatever the
 * number of processes, and the interval counts from when it was sent.
 */
#include "base/log.h"
#include "base/text.h"
#include "guard/digest.h"
#include "guard/internal.h"

#define SLOW_DOWN SECONDS(5)

static enum err claim_poll(struct entry *entry, msec *sent_at)
{
    struct invocation *invocation = &entry->invocation;

    *sent_at = entry_now(entry);
    invocation->polling = true;
    invocation->lease_until = *sent_at + POLL_LEASE;
    invocation->poll_at = *sent_at + invocation->interval;
    return entry_save(entry);
}

static enum err still_pending(struct entry *entry, msec sent_at, msec wait)
{
    struct invocation *invocation = &entry->invocation;
    enum err err;

    invocation->poll_at = sent_at + (wait > invocation->interval ? wait : invocation->interval);
    err = entry_save(entry);
    return err == ERR_OK ? entry_pending(entry, invocation->poll_at) : err;
}

/* The provider's word is not enough: what it stands for must be what was asked. */
static enum err approved(struct entry *entry)
{
    char digest[DIGEST_SIZE];
    enum err err = digest_of(&entry->invocation, digest);

    if (err != ERR_OK) {
        return err;
    }
    if (!text_equal_secret(digest, entry->invocation.digest)) {
        entry_note(entry, "alarm", "digest");
        return entry_end(entry, INVOCATION_FAILED, "digest");
    }
    err = entry_move(entry, INVOCATION_APPROVED, "");
    if (err == ERR_OK) {
        entry_note(entry, "approval", "approved");
    }
    return err;
}

static enum err denied(struct entry *entry)
{
    enum err err;

    /* Auth0 says access_denied for a lapsed request too: our own clock tells them apart. */
    if (entry_now(entry) >= invocation_expires_at(&entry->invocation)) {
        return entry_end(entry, INVOCATION_EXPIRED, "expired");
    }
    err = entry_end(entry, INVOCATION_DENIED, "denied_on_phone");
    if (err == ERR_OK) {
        place_count_denial(entry);
    }
    return err;
}

static enum err take_answer(struct entry *entry, const struct ciba_answer *answer, msec sent_at)
{
    struct invocation *invocation = &entry->invocation;

    invocation->polling = false;
    switch (answer->state) {
    case CIBA_PENDING:
        return still_pending(entry, sent_at, answer->wait);
    case CIBA_SLOW_DOWN:
        invocation->interval += SLOW_DOWN;
        return still_pending(entry, sent_at, answer->wait);
    case CIBA_APPROVED:
        place_release(entry);
        return approved(entry);
    case CIBA_DENIED:
        place_release(entry);
        return denied(entry);
    case CIBA_EXPIRED:
        place_release(entry);
        return entry_end(entry, INVOCATION_EXPIRED, "expired");
    case CIBA_OVER:
        break;
    }
    place_release(entry);
    log_line(LOG_WARN, "an approval is over without evidence", LOG_T("why", answer->error));
    return entry_end(entry, INVOCATION_FAILED, "evidence");
}

enum err guard_evidence(struct entry *entry)
{
    struct invocation *invocation = &entry->invocation;
    struct ciba_expectation expect;
    struct ciba_answer answer = {0};
    msec now = entry_now(entry), sent_at;
    enum err err;

    if (!entry->action->approval || invocation->state == INVOCATION_APPROVED) {
        return ERR_OK;
    }
    if (invocation->state != INVOCATION_WAITING) {
        return ERR_SYSTEM; /* no path leads past here without an approval */
    }
    if (invocation->polling && now < invocation->lease_until) {
        return entry_pending(entry, invocation->lease_until);
    }
    if (now < invocation->poll_at) {
        return entry_pending(entry, invocation->poll_at);
    }
    err = claim_poll(entry, &sent_at);
    if (err != ERR_OK) {
        return err;
    }
    expect = (struct ciba_expectation){
        .sub = invocation->person.sub,
        .requested_at = invocation->requested_at,
        .authorization_details = invocation->authorization_details,
    };
    err = ciba_poll(entry->guard->oidc, invocation->auth_req_id, &expect, sent_at, &answer);
    if (err == ERR_OK) {
        err = take_answer(entry, &answer, sent_at);
    } else {
        log_line(LOG_WARN, "a poll gave no answer", LOG_T("error", err_name(err)));
        invocation->polling = false;
        err = still_pending(entry, sent_at, 0);
    }
    ciba_answer_free(&answer);
    return err;
}
