#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/config.h"

static char directory[64];
static char main_path[128];
static struct buf problems;
static struct config *config;

static void write_file(const char *name, const char *text, mode_t mode)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    (void)unlink(path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static enum err load(const char *program, const char *text)
{
    config_free(config);
    config = NULL;
    buf_free(&problems);
    problems = buf_make(100000);
    write_file("main.conf", text, 0644);
    enum err err = config_load(program, NULL, 0, &problems, &config);
    assert_true((err == ERR_OK) == (config != NULL));
    assert_true((err == ERR_OK) == (problems.len == 0));
    return err;
}

static void refused(const char *text, const char *problem)
{
    assert_int_equal(load(NULL, text), ERR_CONFIG);
    if (strstr(buf_str(&problems), problem) == NULL) {
        print_error("not among the problems: %s\n%s", problem, buf_str(&problems));
        fail();
    }
}

static int set_up(void **state)
{
    (void)state;
    static const char *const cleared[] = {"PUBLIC_URL",
                                          "SECRETS_DIR",
                                          "AUTH0_CLIENT_SECRET",
                                          "FGA_CLIENT_SECRET",
                                          "AUTH0_CLIENT_SECRET_FILE",
                                          "CREDENTIALS_DIRECTORY",
                                          "BASE_PATH",
                                          "AWS_REGION",
                                          "AWS_ACCESS_KEY_ID",
                                          "AWS_SECRET_ACCESS_KEY",
                                          "AWS_SESSION_TOKEN",
                                          "AWS_ENDPOINT_URL"};
    for (size_t i = 0; i < COUNT(cleared); i++) {
        unsetenv(cleared[i]);
    }
    (void)snprintf(directory, sizeof directory, "/tmp/countersign-config-XXXXXX");
    if (mkdtemp(directory) == NULL) {
        return -1;
    }
    (void)snprintf(main_path, sizeof main_path, "%s/main.conf", directory);
    setenv("COUNTERSIGN_CONFIG", main_path, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    static const char *const names[] = {"main.conf", "chat.conf", "secret.txt",
                                        "AUTH0_CLIENT_SECRET"};
    config_free(config);
    config = NULL;
    buf_free(&problems);
    for (size_t i = 0; i < COUNT(names); i++) {
        char path[256];
        (void)snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        (void)unlink(path);
    }
    return rmdir(directory);
}

static void defaults_and_derived(void **state)
{
    (void)state;
    assert_int_equal(load(NULL, "PUBLIC_URL=https://app.example/\n"
                                "BASE_PATH=/prod\n"
                                "AUTH0_DOMAIN=Tenant.EU.auth0.com\n"
                                "AUTH0_CLIENT_ID=web\n"),
                     ERR_OK);
    assert_string_equal(config_text(config, CFG_PUBLIC_URL), "https://app.example");
    assert_string_equal(config_text(config, CFG_AUTH0_DOMAIN), "https://tenant.eu.auth0.com");
    assert_string_equal(config_text(config, CFG_OIDC_ISSUER), "https://tenant.eu.auth0.com/");
    assert_string_equal(config_text(config, CFG_AUTH0_CALLBACK_URL),
                        "https://app.example/prod/callback");
    assert_string_equal(config_text(config, CFG_CIBA_CLIENT_ID), "web");
    assert_string_equal(config_text(config, CFG_ACTIONS_URL), "http://127.0.0.1:8081");
    assert_string_equal(config_text(config, CFG_FGA_PROFILE), "workshop");
    assert_int_equal(config_number(config, CFG_TURN_SECONDS), 900);
    assert_true(config_flag(config, CFG_ACTIONS_ENABLED));
    assert_false(config_flag(config, CFG_ALLOW_HTTP_LOOPBACK));
    assert_false(config_has(config, CFG_OKTA_DOMAIN));
    assert_string_equal(config_text(config, CFG_OKTA_DOMAIN), "");
    assert_null(config_secret(config, CFG_AUTH0_CLIENT_SECRET));
}

static void given_values_beat_derived_ones(void **state)
{
    (void)state;
    assert_int_equal(load(NULL, "AUTH0_DOMAIN=t.auth0.com\nOIDC_ISSUER=https://other/realm\n"
                                "AUTH0_CLIENT_ID=web\nCIBA_CLIENT_ID=ciba\n"),
                     ERR_OK);
    assert_string_equal(config_text(config, CFG_OIDC_ISSUER), "https://other/realm");
    assert_string_equal(config_text(config, CFG_CIBA_CLIENT_ID), "ciba");
}

static void quoting_is_systemds(void **state)
{
    (void)state;
    assert_int_equal(load(NULL, "# a comment\n; another\n\n   \n"
                                "  OIDC_SCOPE = \"openid \\\"x\\\" \\\\ \\n\"  \n"
                                "AUTH0_CONNECTION_NAME='a \"b\" \\c'\r\n"
                                "FGA_AUDIENCE=a\\ b \t\n"
                                "CIBA_AUDIENCE=no # comment here"),
                     ERR_CONFIG);
    assert_non_null(strstr(buf_str(&problems), "main.conf:5: not of the form NAME=value"));
    assert_int_equal(load(NULL, "  OIDC_SCOPE= \"openid \\\"x\\\" \\\\ \\n\"  \n"
                                "AUTH0_CONNECTION_NAME='a \"b\" \\c'\r\n"
                                "FGA_AUDIENCE=a\\ b \t\n"
                                "CIBA_AUDIENCE=no # comment here"),
                     ERR_OK);
    assert_string_equal(config_text(config, CFG_OIDC_SCOPE), "openid \"x\" \\ \\n");
    assert_string_equal(config_text(config, CFG_AUTH0_CONNECTION_NAME), "a \"b\" \\c");
    assert_string_equal(config_text(config, CFG_FGA_AUDIENCE), "a b");
    assert_string_equal(config_text(config, CFG_CIBA_AUDIENCE), "no # comment here");
}

static void malformed_lines_have_numbers(void **state)
{
    (void)state;
    refused("\n\nnonsense\n", "main.conf:3: not of the form");
    refused("OIDC_SCOPE=\"open\n", "main.conf:1: OIDC_SCOPE: the quote is not closed");
    refused("OIDC_SCOPE='a' b\n", "text follows the closing quote");
    refused("OIDC_SCOPE=a\\\nb\n", "must end on its own line");
    refused("OIDC_SCOPE=a\x1b[0m\n", "control character");
    refused("OIDC_SCOPE=\xff\n", "not UTF-8");
    refused("=x\n", "main.conf:1: not of the form");
    refused("OIDC_SCOPE=a\n#\nOIDC_SCOPE=b\n", "main.conf:3: OIDC_SCOPE: already set in line 1");
}

static void unknown_names_get_a_suggestion(void **state)
{
    (void)state;
    refused("PUBLICURL=https://x\n", "main.conf:1: PUBLICURL: unknown name; did you mean "
                                     "PUBLIC_URL?");
    refused("okta_domain=x\n", "did you mean OKTA_DOMAIN?");
    refused("FGA_STOREID=x\n", "did you mean FGA_STORE_ID?");
    refused("COMPLETELY_DIFFERENT_THING=x\n", "COMPLETELY_DIFFERENT_THING: unknown name\n");
    refused("PUBLIC_URL_FILE=/x\n", "unknown name"); /* only secrets come from files */
}

static void all_problems_at_once(void **state)
{
    (void)state;
    static const enum config_name needs[] = {CFG_DATABASE, CFG_AUTH0_CLIENT_SECRET, CFG_PUBLIC_URL};
    write_file("main.conf", "PUBLIC_URL=ftp://x\nTURN_SECONDS=soon\nNOPE=1\n", 0644);
    problems = buf_make(10000);
    assert_int_equal(config_load(NULL, needs, COUNT(needs), &problems, &config), ERR_CONFIG);
    assert_null(config);
    assert_non_null(strstr(buf_str(&problems), "main.conf:1: PUBLIC_URL: must begin with https"));
    assert_non_null(strstr(buf_str(&problems), "main.conf:2: TURN_SECONDS: must be a whole"));
    assert_non_null(strstr(buf_str(&problems), "main.conf:3: NOPE: unknown name"));
    assert_non_null(strstr(buf_str(&problems), "DATABASE: missing: path of the SQLite file"));
    assert_non_null(strstr(buf_str(&problems), "AUTH0_CLIENT_SECRET: missing"));
    assert_null(strstr(buf_str(&problems), "PUBLIC_URL: missing"));
}

static void urls_are_https(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "http://example.com", "file:///etc/passwd", "https://", "https://user:pw@host",
        "https://host#x", "https://ho st", "https://host:0", "https://host:99999",
        "https://host:12x", "https://[::1", "//host", "https:/host", "HTTPS://host",
        "http://127.0.0.1.evil", "http://127.1", "http://127.0.0.256", "http://0177.0.0.1",
        "http://localhost.evil", "https://host\\\\evil", "http://127.0.0.1@evil", "https://.host",
        "http://[::1].evil", "http://127.0.0.01", "https://evil\xc2\xa0x",
        /* what the client would refuse, the start refuses */
        "https://169.254.169.254", "https://127.1", "https://0x7f000001", "https://2130706433",
        "https://[fe80::1]", "https://[a.example]", "https://a..example", "https://-a.example"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        char text[200];
        (void)snprintf(text, sizeof text, "ALLOW_HTTP_LOOPBACK=1\nFGA_TOKEN_URL=%s\n", bad[i]);
        refused(text, "main.conf:2: FGA_TOKEN_URL: ");
    }
    static const char *const loopback[] = {"http://127.0.0.1", "http://127.255.0.9:9000/x?y=1",
                                           "http://localhost:80/", "http://[::1]:9000"};
    for (size_t i = 0; i < COUNT(loopback); i++) {
        char text[200];
        (void)snprintf(text, sizeof text, "FGA_TOKEN_URL=%s\n", loopback[i]);
        refused(text, "needs ALLOW_HTTP_LOOPBACK=1");
        (void)snprintf(text, sizeof text, "ALLOW_HTTP_LOOPBACK=1\nFGA_TOKEN_URL=%s\n", loopback[i]);
        assert_int_equal(load(NULL, text), ERR_OK);
        assert_string_equal(config_text(config, CFG_FGA_TOKEN_URL), loopback[i]);
    }
    assert_int_equal(load(NULL, "FGA_TOKEN_URL=https://auth.fga.dev:8443/oauth/token\n"), ERR_OK);
}

static void origins_have_no_path(void **state)
{
    (void)state;
    refused("PUBLIC_URL=https://host/app\n", "must be an origin");
    refused("PUBLIC_URL=https://host?x\n", "must be an origin");
    refused("ACTIONS_URL=http://127.0.0.1:8081/actions\n", "must be an origin");
    refused("ACTIONS_URL=http://10.0.0.1:8081\n", "only to a loopback address");
    assert_int_equal(load(NULL, "ACTIONS_URL=http://127.0.0.1:9/\n"), ERR_OK);
    assert_string_equal(config_text(config, CFG_ACTIONS_URL), "http://127.0.0.1:9");
}

static void hosts_become_origins(void **state)
{
    (void)state;
    assert_int_equal(load(NULL, "OKTA_DOMAIN=https://Org.okta.com/\n"), ERR_OK);
    assert_string_equal(config_text(config, CFG_OKTA_DOMAIN), "https://org.okta.com");
    refused("OKTA_DOMAIN=org.okta.com/api\n", "without a path");
    refused("OKTA_DOMAIN=http://org.okta.com\n", "must begin with https");
    refused("OKTA_DOMAIN=http://127.0.0.1:9000\n", "ALLOW_HTTP_LOOPBACK");
    refused("OKTA_DOMAIN=a@b\n", "OKTA_DOMAIN: ");
    assert_int_equal(load(NULL, "ALLOW_HTTP_LOOPBACK=1\nAUTH0_DOMAIN=http://127.0.0.1:9000\n"),
                     ERR_OK);
    assert_string_equal(config_text(config, CFG_OIDC_ISSUER), "http://127.0.0.1:9000/");
}

static void paths_numbers_flags_and_choices(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *why;
    } bad[] = {
        {"BASE_PATH=prod\n", "BASE_PATH: must be empty or like /prod"},
        {"BASE_PATH=/\n", "BASE_PATH: "},
        {"BASE_PATH=/a/\n", "BASE_PATH: "},
        {"BASE_PATH=/a//b\n", "BASE_PATH: "},
        {"BASE_PATH=/../b\n", "BASE_PATH: "},
        {"BASE_PATH=/a%2fb\n", "BASE_PATH: "},
        {"APPROVAL_SECONDS=29\n", "between 30 and 300"},
        {"APPROVAL_SECONDS=301\n", "between 30 and 300"},
        {"TURN_SECONDS=-1\n", "whole number"},
        {"TURN_SECONDS=99999999999999999999\n", "whole number"},
        {"CIBA_BINDING_MAX=30\n", "50 or 20"},
        {"ACTIONS_ENABLED=yes\n", "must be 0 or 1"},
        {"SESSION_STORE=memory\n", "must be sqlite"},
        {"FGA_PROFILE=Rich\n", "workshop or rich"},
        {"OKTA_AUTH=basic\n", "ssws"},
        {"AGENT_BACKEND=x\n", "bedrock-agent"},
        {"LOG_LEVEL=trace\n", "debug, info"},
        {"BEDROCK_AGENT_ID=../x\n", "letters and digits"},
        {"AWS_REGION=us-east-1.evil\n", "us-east-1"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        refused(bad[i].text, bad[i].why);
    }
    assert_int_equal(load(NULL, "BASE_PATH=/a/b-c\nCIBA_BINDING_MAX=20\nOKTA_AUTH=ssws\n"), ERR_OK);
    assert_string_equal(config_text(config, CFG_BASE_PATH), "/a/b-c");
    assert_int_equal(config_number(config, CFG_CIBA_BINDING_MAX), 20);
}

static void secrets_have_their_own_file(void **state)
{
    (void)state;
    char text[200];
    refused("AUTH0_CLIENT_SECRET=hunter2\n", "SECRETS_DIR/<program>.conf");
    assert_null(strstr(buf_str(&problems), "hunter2"));

    (void)snprintf(text, sizeof text, "SECRETS_DIR=%s\n", directory);
    assert_int_equal(load("chat", text), ERR_OK); /* no file: nothing to read */
    write_file("chat.conf", "AUTH0_CLIENT_SECRET='hunter 2'\nAUTH0_CLIENT_ID=web\n", 0640);
    assert_int_equal(load("chat", text), ERR_OK);
    assert_string_equal(secret_text(config_secret(config, CFG_AUTH0_CLIENT_SECRET)), "hunter 2");
    assert_true(config_has(config, CFG_AUTH0_CLIENT_SECRET));
    /* The CIBA client is the web client: id and secret together. */
    assert_string_equal(secret_text(config_secret(config, CFG_CIBA_CLIENT_SECRET)), "hunter 2");
    assert_int_equal(load("other", text), ERR_OK);
    assert_null(config_secret(config, CFG_AUTH0_CLIENT_SECRET));
    assert_int_equal(load(NULL, text), ERR_OK);
    assert_null(config_secret(config, CFG_AUTH0_CLIENT_SECRET));

    (void)snprintf(text, sizeof text, "SECRETS_DIR=%s\nCIBA_CLIENT_ID=own\n", directory);
    assert_int_equal(load("chat", text), ERR_OK);
    assert_null(config_secret(config, CFG_CIBA_CLIENT_SECRET)); /* never another client's */
}

static void secrets_open_to_others_are_refused(void **state)
{
    (void)state;
    static const mode_t modes[] = {0604, 0602, 0601};
    char text[200];
    (void)snprintf(text, sizeof text, "SECRETS_DIR=%s\n", directory);
    for (size_t i = 0; i < COUNT(modes); i++) {
        write_file("chat.conf", "AUTH0_CLIENT_SECRET=hunter2\n", modes[i]);
        assert_int_equal(load("chat", text), ERR_CONFIG);
        assert_non_null(strstr(buf_str(&problems), "chat.conf: others than owner and group"));
    }
    write_file("chat.conf", "", 0600);
    write_file("secret.txt", "hunter2\n", 0644);
    (void)snprintf(text, sizeof text, "AUTH0_CLIENT_SECRET_FILE=%s/secret.txt\n", directory);
    assert_int_equal(load("chat", text), ERR_CONFIG);
    write_file("secret.txt", "hunter2\n", 0600);
    assert_int_equal(load("chat", text), ERR_OK);
    assert_string_equal(secret_text(config_secret(config, CFG_AUTH0_CLIENT_SECRET)), "hunter2");
    assert_int_equal(load("chat", "AUTH0_CLIENT_SECRET_FILE=/nonexistent/x\n"), ERR_CONFIG);
    assert_non_null(strstr(buf_str(&problems), "there is no such file"));
    assert_int_equal(load("chat", "AUTH0_CLIENT_SECRET_FILE=/tmp\n"), ERR_CONFIG);
}

static void environment_is_over_files(void **state)
{
    (void)state;
    char text[200];
    (void)snprintf(text, sizeof text, "SECRETS_DIR=%s\nBASE_PATH=/prod\n", directory);
    write_file("chat.conf", "AUTH0_CLIENT_SECRET=from-file\n", 0600);
    write_file("AUTH0_CLIENT_SECRET", "from-credential", 0600);
    setenv("CREDENTIALS_DIRECTORY", directory, 1);
    assert_int_equal(load("chat", text), ERR_OK);
    assert_string_equal(secret_text(config_secret(config, CFG_AUTH0_CLIENT_SECRET)),
                        "from-credential");
    setenv("AUTH0_CLIENT_SECRET", "from-environment", 1);
    setenv("BASE_PATH", "", 1);
    assert_int_equal(load("chat", text), ERR_OK);
    assert_string_equal(secret_text(config_secret(config, CFG_AUTH0_CLIENT_SECRET)),
                        "from-environment");
    assert_string_equal(config_text(config, CFG_BASE_PATH), "");
    setenv("BASE_PATH", "bad", 1);
    assert_int_equal(load("chat", text), ERR_CONFIG);
    assert_non_null(strstr(buf_str(&problems), "environment: BASE_PATH: "));
    unsetenv("BASE_PATH");
    setenv("UNKNOWN_TO_US", "1", 1); /* only files are checked for unknown names */
    assert_int_equal(load("chat", text), ERR_OK);
    unsetenv("UNKNOWN_TO_US");
    unsetenv("AUTH0_CLIENT_SECRET");
    unsetenv("CREDENTIALS_DIRECTORY");
}

static void unreadable_files_are_told(void **state)
{
    (void)state;
    problems = buf_make(10000);
    (void)unlink(main_path);
    assert_int_equal(config_load(NULL, NULL, 0, &problems, &config), ERR_CONFIG);
    assert_non_null(strstr(buf_str(&problems), "there is no such file"));
    write_file("main.conf", "", 0646);
    buf_reset(&problems);
    assert_int_equal(config_load(NULL, NULL, 0, &problems, &config), ERR_CONFIG);
    assert_non_null(strstr(buf_str(&problems), "others can write"));
    write_file("main.conf", "", 0644);
    char *big = malloc(300000);
    assert_non_null(big);
    memset(big, '#', 299999);
    big[299999] = '\0';
    refused(big, "larger than 256 KiB");
    free(big);
}

static void count_one(void *context, enum config_name name, const char *kind, const char *fallback,
                      const char *meaning)
{
    size_t *count = context;
    assert_int_equal(name, *count);
    assert_non_null(kind);
    assert_non_null(meaning);
    assert_true(strlen(config_spelling(name)) > 0);
    if (name == CFG_BASE_PATH) {
        assert_string_equal(kind, "PATH");
        assert_string_equal(fallback, "");
    }
    ++*count;
}

static void every_name_is_visited(void **state)
{
    (void)state;
    size_t count = 0;
    config_each(count_one, &count);
    assert_int_equal(count, CONFIG_COUNT);
}

#define TEST(name, function)                                                                       \
    {                                                                                              \
        name, function, set_up, tear_down, NULL                                                    \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("defaults and derived values", defaults_and_derived),
        TEST("given values beat derived ones", given_values_beat_derived_ones),
        TEST("quoting is systemd's", quoting_is_systemds),
        TEST("malformed lines are told with their number", malformed_lines_have_numbers),
        TEST("unknown names get a suggestion", unknown_names_get_a_suggestion),
        TEST("all problems are told at once", all_problems_at_once),
        TEST("URLs are https, or http to the loopback by a switch", urls_are_https),
        TEST("origins have no path", origins_have_no_path),
        TEST("hosts become origins", hosts_become_origins),
        TEST("paths, numbers, flags and choices", paths_numbers_flags_and_choices),
        TEST("secrets come from the program's own file", secrets_have_their_own_file),
        TEST("secrets that others can read are refused", secrets_open_to_others_are_refused),
        TEST("the environment is over the files", environment_is_over_files),
        TEST("unreadable files are told", unreadable_files_are_told),
        TEST("every name is visited in order", every_name_is_visited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
