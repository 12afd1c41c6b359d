/* Step 6: has the person approved, and this? */
#include "base/log.h"
#include "base/text.h"
#include "guard/denial.h"
#include "guard/digest.h"
#include "guard/poll.h"

#define POLL_AND_GO_ON SECONDS(10)

static enum err still_pending(struct entry *entry)
{
    enum err err = entry_save(entry);

    return err == ERR_OK ? entry_pending(entry, entry->invocation.poll_at) : err;
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
        entry_note(entry, "alarm_digest", "evidence");
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
    /* First, so that a kill between the two cannot lose it. */
    err = denial_count(entry->guard->store, &entry->invocation, entry_now(entry));
    return err == ERR_OK ? entry_end(entry, INVOCATION_DENIED, "denied_on_phone") : err;
}

static enum err take_answer(struct entry *entry, const struct ciba_answer *answer)
{
    if (answer->spent) {
        place_release(entry); /* in any other case the prompt may be live, and it lapses */
    }
    switch (answer->state) {
    case CIBA_PENDING:
    case CIBA_SLOW_DOWN:
        return still_pending(entry);
    case CIBA_APPROVED:
        return approved(entry);
    case CIBA_DENIED:
        return denied(entry);
    case CIBA_EXPIRED:
        return entry_end(entry, INVOCATION_EXPIRED, "expired");
    case CIBA_OVER:
        break;
    }
    log_line(LOG_WARN, "an approval is over without evidence", LOG_T("why", answer->error));
    return entry_end(entry, INVOCATION_FAILED, "evidence");
}

enum err guard_evidence(struct entry *entry)
{
    struct invocation *invocation = &entry->invocation;
    struct ciba_answer answer;
    msec again_at, began = entry->guard->monotonic();
    enum err err;

    if (!entry->action->approval || invocation->state == INVOCATION_APPROVED) {
        return ERR_OK;
    }
    if (invocation->state != INVOCATION_WAITING) {
        return ERR_SYSTEM; /* no path leads past here without an approval */
    }
    err = poll_request(entry->guard, invocation, &answer, &again_at);
    if (err == ERR_NONE) {
        return entry_pending(entry, again_at);
    }
    if (err == ERR_OK) {
        err = take_answer(entry, &answer);
        ciba_answer_free(&answer);
    }
    /* A provider may hold a poll for long.  What follows gets an entry of its own then, so that no
     * web server's patience ends in the middle of an act. */
    if (err == ERR_OK && !entry->stop && entry->guard->monotonic() - began > POLL_AND_GO_ON) {
        return entry_pending(entry, entry_now(entry));
    }
    return err;
}
