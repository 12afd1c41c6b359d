/*
 * Transfer handles kept for their connections.  A handle is with one thread from
 * handle_take to handle_give and carries no option in between; what it keeps are
 * open connections, names and TLS sessions.
 */
#ifndef COUNTERSIGN_NET_HANDLE_POOL_H
#define COUNTERSIGN_NET_HANDLE_POOL_H

#include "base/clock.h"
#include "base/err.h"

#include <curl/curl.h>
#include <stdint.h>

#define POOL_HANDLES 16

struct handle_pool; /* opaque; thread-safe */

WARN_UNUSED enum err handle_pool_new(struct handle_pool **out);
/* No handle may be out. NULL is legal. */
void handle_pool_free(struct handle_pool *pool);

/*
 * A handle, one that has spoken to this origin where there is one.  Waits at
 * most until the monotonic time deadline; ERR_REMOTE then, since nothing was
 * sent.  ERR_MEMORY when libcurl has none.
 */
WARN_UNUSED enum err handle_take(struct handle_pool *pool, uint64_t origin, msec deadline,
                                 CURL **out);
void handle_give(struct handle_pool *pool, CURL *easy, uint64_t origin);

/*
 * CURLOPT_SSL_CTX_FUNCTION, with the pool as its data: every connection checks
 * against one certificate store, loaded when the first of them needs it.
 */
CURLcode handle_pool_trust(CURL *easy, void *ssl_context, void *pool);

#endif
