/* What is written: method, header lines and body of a request, in libcurl's terms. */
#ifndef COUNTERSIGN_NET_REQUEST_H
#define COUNTERSIGN_NET_REQUEST_H

#include "net/http.h"

#include <curl/curl.h>

bool request_method_allowed(const struct http_request *request);

/*
 * The header lines, Host among them. ERR_INPUT for a header that may not be
 * sent.  *out is grown from NULL and is the caller's to free even on a failure;
 * the free wipes, since a line may bear a token.
 */
WARN_UNUSED enum err request_headers(const struct http_request *request, struct curl_slist **out);
void request_headers_free(struct curl_slist *list);

/* Method and body. The body is borrowed until the transfer has ended. */
CURLcode easy_set_body(CURL *easy, const struct http_request *request);

#endif
