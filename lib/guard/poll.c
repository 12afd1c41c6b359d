/*
 * A poll is claimed by a write before it is sent, so no two are ever under way
 * for one request, whatever the number of processes.  The distance to the next
 * counts from the answer: what was written before the claim took part of it.
 */
#include "guard/poll.h"

#include "base/log.h"

#define SLOW_DOWN SECONDS(5)

static enum err claim(struct guard *guard, struct invocation *invocation)
{
    msec now = guard->now();

    invocation->polling = true;
    invocation->lease_until = now + POLL_LEASE;
    invocation->poll_at = now + invocation->interval;
    return invocation_save(guard->store, invocation, now);
}

static void note(struct invocation *invocation, const struct ciba_answer *answer, msec ended_at)
{
    invocation->polling = false;
    invocation->request_over = answer->spent;
    if (answer->state == CIBA_SLOW_DOWN) {
        invocation->interval += SLOW_DOWN; /* for this and all later ones */
    }
    invocation->poll_at =
        ended_at + (answer->wait > invocation->interval ? answer->wait : invocation->interval);
}

enum err poll_request(struct guard *guard, struct invocation *invocation,
                      struct ciba_answer *answer, msec *again_at)
{
    const struct ciba_expectation expect = {
        .sub = invocation->person.sub,
        .requested_at = invocation->requested_at,
        .authorization_details = invocation->authorization_details,
    };
    struct oidc_metadata metadata;
    msec now = guard->now();
    enum err err;

    *answer = (struct ciba_answer){.state = CIBA_PENDING};
    *again_at = now + invocation->interval;
    if (guard->oidc == NULL) {
        return ERR_SYSTEM;
    }
    if (invocation->polling && now < invocation->lease_until) {
        *again_at = invocation->lease_until;
        return ERR_NONE;
    }
    if (now < invocation->poll_at) {
        *again_at = invocation->poll_at;
        return ERR_NONE;
    }
    /* Fetched before the claim: its lease is for the poll alone. */
    if (oidc_metadata(guard->oidc, now, &metadata) != ERR_OK) {
        log_line(LOG_WARN, "no poll: the provider's metadata could not be had");
        return ERR_NONE;
    }
    err = claim(guard, invocation);
    if (err != ERR_OK) {
        return err;
    }
    err = ciba_poll(guard->oidc, invocation->auth_req_id, &expect, guard->now(), answer);
    if (err != ERR_OK) {
        log_line(LOG_WARN, "a poll gave no answer", LOG_T("error", err_name(err)));
        *answer = (struct ciba_answer){.state = CIBA_PENDING};
    }
    note(invocation, answer, guard->now());
    *again_at = invocation->poll_at;
    return ERR_OK;
}
