/* The signer against AWS's public test suite, and what the suite does not ask. */
#include "aws/sigv4.h"
#include "base/json.h"
#include "base/text.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define CASES 38
#define HEADERS 16

static char *read_file(const char *directory, const char *name)
{
    char path[1024];
    struct buf text = buf_make(1 << 20);
    char block[4096];
    char *out = NULL;
    size_t n;
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    file = fopen(path, "rb");
    if (file == NULL) {
        fail_msg("missing %s", path);
    }
    while ((n = fread(block, 1, sizeof(block), file)) > 0) {
        buf_add(&text, block, n);
    }
    fclose(file);
    assert_int_equal(buf_take(&text, &out), ERR_OK);
    return out;
}

struct parsed {
    char *text;
    struct sigv4_request request;
    struct sigv4_header headers[HEADERS];
};

/* Cuts the text in place; a line that begins with white space continues the one before. */
static void parse(struct parsed *p)
{
    char *line = p->text;
    char *space = strchr(line, ' ');
    char *end = strchr(line, '\n');
    char *last;
    char *query;

    if (end != NULL) {
        *end = '\0';
    }
    last = strrchr(line, ' ');
    assert_true(space != NULL && last > space && strcmp(last, " HTTP/1.1") == 0);
    *space = '\0';
    *last = '\0';
    query = strchr(space + 1, '?');
    p->request.method = line;
    p->request.path = space + 1;
    p->request.query = "";
    if (query != NULL) {
        *query = '\0';
        p->request.query = query + 1;
    }
    while (end != NULL) {
        char *colon;
        line = end + 1;
        if (*line == '\n') {
            p->request.body = line + 1;
            p->request.body_len = strlen(line + 1);
            break;
        }
        if (*line == '\0') {
            break;
        }
        for (end = strchr(line, '\n'); end != NULL && (end[1] == ' ' || end[1] == '\t');
             end = strchr(end + 1, '\n')) {
            *end = ' ';
        }
        if (end != NULL) {
            *end = '\0';
        }
        colon = strchr(line, ':');
        assert_non_null(colon);
        *colon = '\0';
        assert_true(p->request.header_count < HEADERS);
        p->headers[p->request.header_count++] = (struct sigv4_header){line, colon + 1};
    }
    p->request.headers = p->headers;
}

static void run_case(const char *directory)
{
    struct parsed p = {.text = read_file(directory, "request.txt")};
    char *context_text = read_file(directory, "context.json");
    char *canonical = read_file(directory, "header-canonical-request.txt");
    char *to_sign = read_file(directory, "header-string-to-sign.txt");
    char *signature = read_file(directory, "header-signature.txt");
    char *signed_request = read_file(directory, "header-signed-request.txt");
    struct aws_credentials credentials = {0};
    struct sigv4_result result;
    struct tm when = {0};
    json_t *context = NULL;
    const json_t *keys;
    const char *token;
    char line[512];

    assert_int_equal(js_parse_object(context_text, strlen(context_text), 65536, &context), ERR_OK);
    keys = js_object(context, "credentials");
    token = js_text(keys, "token");
    assert_int_equal(text_copy(credentials.access_key_id, sizeof(credentials.access_key_id),
                               js_text(keys, "access_key_id")),
                     ERR_OK);
    assert_int_equal(secret_new(js_text(keys, "secret_access_key"),
                                strlen(js_text(keys, "secret_access_key")),
                                &credentials.secret_access_key),
                     ERR_OK);
    if (token != NULL && !js_true(context, "omit_session_token")) {
        assert_int_equal(secret_new(token, strlen(token), &credentials.session_token), ERR_OK);
    }
    parse(&p);
    p.request.region = js_text(context, "region");
    p.request.service = js_text(context, "service");
    p.request.normalize_path = js_true(context, "normalize");
    p.request.encode_path = true;
    p.request.sign_body_header = js_true(context, "sign_body");
    assert_non_null(strptime(js_text(context, "timestamp"), "%Y-%m-%dT%H:%M:%SZ", &when));
    assert_int_equal(sigv4_sign(&p.request, &credentials, SECONDS((msec)timegm(&when)), &result),
                     ERR_OK);
    assert_string_equal(buf_str(&result.canonical_request), canonical);
    assert_string_equal(buf_str(&result.string_to_sign), to_sign);
    snprintf(line, sizeof(line), "Signature=%s", signature);
    assert_non_null(strstr(buf_str(&result.authorization), line));
    snprintf(line, sizeof(line), "Authorization:%s\n", buf_str(&result.authorization));
    if (strstr(signed_request, line) == NULL) {
        fail_msg("not in the signed request: %s", line);
    }
    snprintf(line, sizeof(line), "X-Amz-Date:%s\n", result.amz_date);
    assert_non_null(strstr(signed_request, line));
    sigv4_result_free(&result);
    aws_credentials_free(&credentials);
    json_decref(context);
    free(p.text);
    free(context_text);
    free(canonical);
    free(to_sign);
    free(signature);
    free(signed_request);
}

static void suite(void **state)
{
    const char *vectors = getenv("VECTORS");
    char root[512];
    const struct dirent *entry;
    DIR *directory;
    size_t count = 0;

    (void)state;
    snprintf(root, sizeof(root), "%s/sigv4/tests/aws-signing-test-suite/v4",
             vectors == NULL ? "../shared/vectors" : vectors);
    directory = opendir(root);
    if (directory == NULL) {
        skip();
        return;
    }
    while ((entry = readdir(directory)) != NULL) {
        char path[1024];
        if (entry->d_name[0] == '.') {
            continue;
        }
        snprintf(path, sizeof(path), "%s/%s", root, entry->d_name);
        print_message("           %s\n", entry->d_name);
        run_case(path);
        count++;
    }
    closedir(directory);
    assert_true(count >= CASES);
}

static struct aws_credentials credentials_make(void)
{
    struct aws_credentials credentials = {.access_key_id = "AKIDEXAMPLE"};

    assert_int_equal(
        secret_new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", 40, &credentials.secret_access_key),
        ERR_OK);
    return credentials;
}

static const struct sigv4_header host = {"Host", "h.example"};

static struct sigv4_request request_make(const char *path, const char *query)
{
    return (struct sigv4_request){.method = "GET",
                                  .path = path,
                                  .query = query,
                                  .headers = &host,
                                  .header_count = 1,
                                  .region = "us-east-1",
                                  .service = "bedrock",
                                  .normalize_path = true,
                                  .encode_path = true};
}

/* The nth line of the canonical request: 1 path, 2 query. */
static void assert_line(struct sigv4_request request, int n, const char *expected)
{
    struct aws_credentials credentials = credentials_make();
    struct sigv4_result result;
    const char *line;
    size_t len;

    assert_int_equal(sigv4_sign(&request, &credentials, 0, &result), ERR_OK);
    line = buf_str(&result.canonical_request);
    while (n-- > 0) {
        line = strchr(line, '\n') + 1;
    }
    len = strcspn(line, "\n");
    if (len != strlen(expected) || memcmp(line, expected, len) != 0) {
        fail_msg("%.*s is not %s", (int)len, line, expected);
    }
    sigv4_result_free(&result);
    aws_credentials_free(&credentials);
}

static void paths(void **state)
{
    struct sigv4_request s3 = request_make("/a%3Ab//./../c", "");

    (void)state;
    assert_line(request_make("/model/anthropic.x%3A0/converse", ""), 1,
                "/model/anthropic.x%253A0/converse");
    assert_line(request_make("/a:b", ""), 1, "/a%3Ab");
    assert_line(request_make("", ""), 1, "/");
    assert_line(request_make("/../..", ""), 1, "/");
    assert_line(request_make("/a/b/..", ""), 1, "/a/");
    assert_line(request_make("/a/b/../c", ""), 1, "/a/c");
    assert_line(request_make("/a/.b/..c", ""), 1, "/a/.b/..c");
    s3.normalize_path = false;
    s3.encode_path = false;
    assert_line(s3, 1, "/a%3Ab//./../c");
}

static void queries(void **state)
{
    (void)state;
    assert_line(request_make("/", "b&a=2&a=1&=x"), 2, "=x&a=1&a=2&b=");
    assert_line(request_make("/", "a=b=c"), 2, "a=b%3Dc");
    assert_line(request_make("/", "a=%7e%2f%2F~/"), 2, "a=~%2F%2F~%2F");
    assert_line(request_make("/", "a=%zz%4"), 2, "a=%25zz%254");
    assert_line(request_make("/", "&&a=1&"), 2, "a=1");
    assert_line(request_make("/", "a-b=1&a=2"), 2, "a=2&a-b=1");
    assert_line(request_make("/", "a=x+y"), 2, "a=x%2By");
}

static void token_is_signed(void **state)
{
    struct aws_credentials credentials = credentials_make();
    struct sigv4_request request = request_make("/", "");
    struct sigv4_result plain;
    struct sigv4_result with;

    (void)state;
    assert_int_equal(sigv4_sign(&request, &credentials, 1440938160000, &plain), ERR_OK);
    assert_string_equal(plain.amz_date, "20150830T123600Z");
    assert_int_equal(secret_new("TOKEN", 5, &credentials.session_token), ERR_OK);
    assert_int_equal(sigv4_sign(&request, &credentials, 1440938160000, &with), ERR_OK);
    assert_non_null(strstr(buf_str(&with.canonical_request), "\nx-amz-security-token:TOKEN\n"));
    assert_non_null(strstr(buf_str(&with.authorization),
                           "SignedHeaders=host;x-amz-date;x-amz-security-token,"));
    assert_null(strstr(buf_str(&plain.authorization), "x-amz-security-token"));
    assert_null(strstr(buf_str(&with.authorization), "TOKEN"));
    sigv4_result_free(&plain);
    sigv4_result_free(&with);
    sigv4_result_free(&with);
    aws_credentials_free(&credentials);
}

static void refusals(void **state)
{
    static const struct sigv4_header bad[] = {
        {"X", "y"},     {"Host", ""}, {"Host", "a\r\nX: y"}, {"Host", "a\nb"}, {"Host\r\nX", "h"},
        {"Host:", "h"}, {NULL, "h"},  {"Host", NULL},        {"", "h"},
    };
    struct aws_credentials credentials = credentials_make();
    struct sigv4_header many[64];
    struct sigv4_result result;
    struct sigv4_request request = request_make("/", "");

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        request.headers = &bad[i];
        assert_int_equal(sigv4_sign(&request, &credentials, 0, &result), ERR_INPUT);
        assert_int_equal(result.authorization.len, 0);
        assert_string_equal(result.amz_date, "");
    }
    request = request_make("/", "");
    assert_int_equal(sigv4_sign(&request, &credentials, -1, &result), ERR_INPUT);
    assert_int_equal(sigv4_sign(&request, &credentials, INT64_MAX, &result), ERR_INPUT);
    for (size_t i = 0; i < COUNT(many); i++) {
        many[i] = host;
    }
    request.headers = many;
    request.header_count = COUNT(many);
    assert_int_equal(sigv4_sign(&request, &credentials, 0, &result), ERR_LIMIT);
    struct buf query = buf_make(4096);
    for (int i = 0; i < 65; i++) {
        buf_addf(&query, "&k%d=v", i);
    }
    request = request_make("/", buf_str(&query));
    assert_int_equal(sigv4_sign(&request, &credentials, 0, &result), ERR_LIMIT);
    buf_free(&query);
    aws_credentials_free(&credentials);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        {"sigv4: every header case of AWS's suite", suite, NULL, NULL, NULL},
        {"sigv4: paths with colons, dots and S3's own rule", paths, NULL, NULL, NULL},
        {"sigv4: queries are decoded, encoded once and sorted", queries, NULL, NULL, NULL},
        {"sigv4: the session token is signed and not shown", token_is_signed, NULL, NULL, NULL},
        {"sigv4: no host, line breaks, odd times and floods are refused", refusals, NULL, NULL,
         NULL},
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
