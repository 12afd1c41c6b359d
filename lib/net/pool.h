/*
 * Transfer handles kept for their connections.  A handle is with one thread from
 * easy_take to easy_give and carries no option in between; what it keeps are
 * open connections, names and TLS sessions.
 */
#ifndef COUNTERSIGN_NET_POOL_H
#define COUNTERSIGN_NET_POOL_H

#include "base/clock.h"
#include "base/err.h"

#include <curl/curl.h>
#include <stdint.h>

#define POOL_HANDLES 16

struct pool; /* opaque; thread-safe */

WARN_UNUSED enum err pool_new(struct pool **out);
/* No handle may be out. NULL is legal. */
void pool_free(struct pool *pool);

/*
 * A handle, one that has spoken to this origin where there is one.  Waits at
 * most until the monotonic time deadline; ERR_REMOTE then, since nothing was
 * sent.  ERR_MEMORY when libcurl has none.
 */
WARN_UNUSED enum err easy_take(struct pool *pool, uint64_t origin, msec deadline, CURL **out);
void easy_give(struct pool *pool, CURL *easy, uint64_t origin);

/*
 * CURLOPT_SSL_CTX_FUNCTION, with the pool as its data: every connection checks
 * against one certificate store, loaded when the first of them needs it.
 */
CURLcode pool_trust(CURL *easy, void *ssl_context, void *pool);

#endif
