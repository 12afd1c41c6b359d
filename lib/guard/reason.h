/* Why an invocation ended: fixed codes, and the one sentence that agent and page are told. */
#ifndef COUNTERSIGN_GUARD_REASON_H
#define COUNTERSIGN_GUARD_REASON_H

#include "guard/invocation.h"

/* Never NULL. An unknown code gets a sentence by the state. */
const char *reason_text(const struct invocation *invocation);

#endif
