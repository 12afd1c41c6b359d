/*
 * The look of the few pages that programs make themselves: errors, sign-out.
 * The style sheet is the static pages' own, so that there is one look.
 */
#include "base/text.h"
#include "web/internal.h"

void page_add(struct buf *out, const char *base, const char *title, const char *html_body)
{
    buf_adds(out, "<!DOCTYPE html>\n<html lang=\"en\" data-session=\"out\">\n<head>\n"
                  "<meta charset=\"utf-8\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                  "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
    html_add(out, title);
    buf_adds(out, " \xc2\xb7 Countersign</title>\n<link rel=\"icon\" href=\"");
    html_add(out, base);
    buf_adds(out, "/favicon.svg\" type=\"image/svg+xml\">\n<link rel=\"stylesheet\" href=\"");
    html_add(out, base);
    buf_adds(out, "/css/base.css\">\n</head>\n<body>\n<main class=\"state-page\">\n<h1>");
    html_add(out, title);
    buf_adds(out, "</h1>\n");
    buf_adds(out, html_body);
    buf_adds(out, "\n</main>\n</body>\n</html>\n");
}
