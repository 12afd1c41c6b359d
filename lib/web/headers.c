#include "web/headers.h"

/*
 * form-action is 'self': a sign-out at the provider is therefore a link, not a
 * form.  The policy allows nothing inline, so text that a model wrote cannot run
 * or load anything even if it were taken for markup (rows 51 and 78).
 */
const struct security_header security_headers[] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
     "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Permissions-Policy",
     "camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()"},
};
const size_t security_header_count = sizeof(security_headers) / sizeof(security_headers[0]);
