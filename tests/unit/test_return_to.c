/* Where a sign-in may lead: only to a path of ours. */
#include "identity/oidc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void local_paths(void **state)
{
    static const char *const good[] = {
        "/",
        "/chat",
        "/dashboard",
        "/a/b-c_d.e~f",
        "/chat?conversation=abc",
        "/chat?a=1&b=%20x+y",
        "/.well-known",
        "/...",
        "/a.b/..c",
        "/logins",
        "/a/login",
        "/loginx?a=1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (!return_to_is_local(good[i])) {
            fail_msg("refused: %s", good[i]);
        }
    }
}

static void others(void **state)
{
    static const char *const bad[] = {
        "",
        "chat",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil",
        "https:evil.example",
        "https://evil.example/",
        "javascript:alert(1)",
        "/https:evil",
        "/@evil.example",
        "/user@evil",
        "/a//b",
        "/a/../b",
        "/..",
        "/.",
        "/./a",
        "/a/..",
        "/a/.",
        "/..//evil",
        "/%2f%2fevil.example",
        "/%5cevil",
        "/%2e%2e/x",
        "/%09/evil",
        "/%",
        "/a%0d%0aSet-Cookie:x",
        "/a\r\nSet-Cookie: x=y",
        "/\t/evil",
        "/\nevil",
        "/ evil",
        "/a#fragment",
        "/caf\xc3\xa9",
        "/a?x=%0d%0a",
        "/a?x=%00",
        "/a?x=%1f",
        "/a?x=%7f",
        "/a?x=%",
        "/a?x=%g0",
        "/a?x=%2",
        "/a?u=https://evil",
        "/a?x=\\",
        "/a?x='",
        "/a?x=<b>",
        "/\x01",
        "/a\x7f",
        ";/x",
    };
    char longest[600];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (return_to_is_local(bad[i])) {
            fail_msg("taken: %s", bad[i]);
        }
    }
    assert_false(return_to_is_local(NULL));
    memset(longest, 'a', sizeof longest);
    longest[0] = '/';
    longest[sizeof longest - 1] = '\0';
    assert_false(return_to_is_local(longest));
    longest[511] = '\0';
    assert_true(return_to_is_local(longest));
}

static void circles(void **state)
{
    static const char *const bad[] = {
        "/login", "/callback", "/logout", "/login?return_to=x", "/callback?code=1", "/logout?"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (return_to_is_local(bad[i])) {
            fail_msg("taken: %s", bad[i]);
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        {"paths of ours, with a query, are local", local_paths, NULL, NULL, NULL},
        {"row 10: schemes, hosts, backslashes, controls, dot segments, encoded forms are not",
         others, NULL, NULL, NULL},
        {"the sign-in's own addresses are no place to return to", circles, NULL, NULL, NULL},
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
