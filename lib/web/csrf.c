/*
 * A state-changing request must prove that our own page sent it (row 35).  Two
 * independent proofs: the browser's Sec-Fetch-Site, where it sends one (W3C Fetch
 * Metadata), and a token that only a page of this session can know.  What this is
 * not: a defence against script inside our own origin; the CSP is that.
 */
#include "base/text.h"
#include "web/internal.h"

#include <stdlib.h>

enum err csrf_check(struct request *request)
{
    const char *site = request_header(request, "Sec-Fetch-Site");
    const char *token = request_header(request, "X-CSRF-Token");
    char *field = NULL;
    enum err err = ERR_DENIED;

    if (site && !text_equal(site, "same-origin") && !text_equal(site, "none")) {
        return ERR_DENIED;
    }
    if (!request->has_session || request->session.csrf_token[0] == '\0') {
        return ERR_DENIED;
    }
    if (!token && request_is_form(request) &&
        form_get(request->body ? request->body : "", request->body_len, "csrf_token", &field) ==
            ERR_OK) {
        token = field;
    }
    if (text_equal_secret(token, request->session.csrf_token)) {
        err = ERR_OK;
    }
    free_wiped(field);
    return err;
}
