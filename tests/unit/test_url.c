/* url.h: what a split URL holds, and what is said of one that is refused. */
#include "base/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

static void parts(void **state)
{
    static const struct {
        const char *text, *host, *rest;
        unsigned port;
        bool https, ipv6, port_is_default, loopback;
    } urls[] = {
        {"https://a.example", "a.example", "", 443, true, false, true, false},
        {"HTTPS://A.Example:443/X?y", "a.example", "/X?y", 443, true, false, true, false},
        {"https://a.example:8443?y=@:/", "a.example", "?y=@:/", 8443, true, false, false, false},
        {"http://LocalHost/", "localhost", "/", 80, false, false, true, true},
        {"http://127.0.0.9:80", "127.0.0.9", "", 80, false, false, true, true},
        {"http://[::1]:9/[x]", "::1", "/[x]", 9, false, true, false, true},
        {"https://[2001:DB8::1]/", "2001:db8::1", "/", 443, true, true, true, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        const char *why = "unset";
        struct url url;

        assert_int_equal(url_split(urls[i].text, &url, &why), ERR_OK);
        assert_null(why);
        assert_string_equal(url.host, urls[i].host);
        assert_string_equal(url.rest, urls[i].rest);
        assert_int_equal(url.port, urls[i].port);
        assert_true(url.https == urls[i].https && url.ipv6 == urls[i].ipv6);
        assert_true(url.port_is_default == urls[i].port_is_default);
        assert_true(url.loopback == urls[i].loopback);
    }
}

static void refusals_say_why(void **state)
{
    static const struct {
        const char *text, *why;
    } urls[] = {
        {NULL, "must begin with https://"},
        {"", "must begin with https://"},
        {"ftp://a.example", "must begin with https://"},
        {"https://a b", "character"},
        {"https://a.example/#x", "character"},
        {"https://u:p@a.example/", "user information"},
        {"https://", "no proper host"},
        {"https:///x", "no proper host"},
        {"https://[::1/", "malformed host"},
        {"https://-a.example", "malformed host"},
        {"https://169.254.169.254/", "may not be asked"},
        {"https://127.1/", "malformed host"},
        {"https://[::1]x/", "malformed port"},
        {"https://a.example:/", "malformed port"},
        {"https://a.example:65536", "malformed port"},
    };
    struct url url;

    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        const char *why = NULL;

        assert_int_equal(url_split(urls[i].text, &url, &why), ERR_INPUT);
        assert_non_null(why);
        if (strstr(why, urls[i].why) == NULL) {
            fail_msg("%s: %s", urls[i].text, why);
        }
        assert_string_equal(url.host, ""); /* no partial result */
        assert_null(url.rest);
    }
    assert_int_equal(url_split("x", &url, NULL), ERR_INPUT);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        {"a URL's parts", parts, NULL, NULL, NULL},
        {"a refused URL says what is wrong with it", refusals_say_why, NULL, NULL, NULL},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
