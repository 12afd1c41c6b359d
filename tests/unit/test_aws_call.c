/* A signed call as the peer receives it, and the error names that AWS gives. */
#include "aws/call.h"
#include "aws/sigv4.h"
#include "http_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WHEN 1440938160000

struct fixture {
    struct peer *peer;
    struct config *config;
    struct http *http;
    struct aws_credentials credentials;
    char endpoint[64];
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    setenv("ALLOW_HTTP_LOOPBACK", "1", 1);
    setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", 1);
    setenv("AWS_SESSION_TOKEN", "SESSIONTOKEN", 1);
    f->config = peer_config();
    f->peer = peer_start(NULL);
    snprintf(f->endpoint, sizeof(f->endpoint), "http://127.0.0.1:%d", peer_port(f->peer));
    if (http_open(f->config, &f->http) != ERR_OK ||
        aws_credentials_load(f->config, &f->credentials) != ERR_OK) {
        return -1;
    }
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    aws_credentials_free(&f->credentials);
    http_free(f->http);
    peer_stop(f->peer);
    config_free(f->config);
    free(f);
    return 0;
}

/* The value of a header as the peer read it. */
static void received(struct fixture *f, const char *name, char *out, size_t size)
{
    char start[64];
    const char *at;

    snprintf(start, sizeof(start), "\r\n%s: ", name);
    at = strstr(peer_request(f->peer, 0), start);
    assert_non_null(at);
    at += strlen(start);
    snprintf(out, size, "%.*s", (int)strcspn(at, "\r"), at);
}

static void signed_is_sent(void **state)
{
    struct fixture *f = *state;
    struct http_response response;
    struct sigv4_result expected;
    char host[128];
    char authorization[1024];
    char error_name[64];

    peer_say(f->peer, "200 OK", "", "{}");
    assert_int_equal(aws_call(f->http, &f->credentials,
                              &(struct aws_call){.service = "bedrock",
                                                 .endpoint = f->endpoint,
                                                 .region = "us-east-1",
                                                 .method = "POST",
                                                 .path = "/model/a.b%3A0/converse",
                                                 .query = "b=2&a=%20",
                                                 .content_type = "application/json",
                                                 .body = "{\"x\":1}",
                                                 .body_len = 7},
                              WHEN, &response, error_name),
                     ERR_OK);
    assert_string_equal(error_name, "");
    http_response_free(&response);
    assert_true(peer_request_has(f->peer, 0, "POST /model/a.b%3A0/converse?b=2&a=%20 HTTP/1.1"));
    assert_true(peer_request_has(f->peer, 0, "X-Amz-Date: 20150830T123600Z"));
    assert_true(peer_request_has(f->peer, 0, "X-Amz-Security-Token: SESSIONTOKEN"));
    assert_true(peer_request_has(f->peer, 0, "Content-Type: application/json"));
    assert_string_equal(peer_request_body(f->peer, 0), "{\"x\":1}");
    assert_null(strstr(peer_request(f->peer, 0), "wJalr"));
    /* A verifier goes by the Host line that arrived. */
    received(f, "Host", host, sizeof(host));
    received(f, "Authorization", authorization, sizeof(authorization));
    assert_int_equal(
        sigv4_sign(
            &(struct sigv4_request){
                .method = "POST",
                .path = "/model/a.b%3A0/converse",
                .query = "b=2&a=%20",
                .headers = (const struct sigv4_header[]){{"Host", host},
                                                         {"Content-Type", "application/json"}},
                .header_count = 2,
                .body = "{\"x\":1}",
                .body_len = 7,
                .region = "us-east-1",
                .service = "bedrock",
                .normalize_path = true,
                .encode_path = true},
            &f->credentials, WHEN, &expected),
        ERR_OK);
    assert_string_equal(authorization, buf_str(&expected.authorization));
    sigv4_result_free(&expected);
}

static void s3_sends_its_hash(void **state)
{
    struct fixture *f = *state;
    struct http_response response;
    char error_name[64];

    peer_say(f->peer, "200 OK", "", "<x/>");
    assert_int_equal(aws_call(f->http, &f->credentials,
                              &(struct aws_call){.service = "s3",
                                                 .endpoint = f->endpoint,
                                                 .region = "us-east-1",
                                                 .method = "GET",
                                                 .path = "/",
                                                 .query = ""},
                              WHEN, &response, error_name),
                     ERR_OK);
    http_response_free(&response);
    assert_true(peer_request_has(
        f->peer, 0,
        "X-Amz-Content-Sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
    assert_non_null(
        strstr(peer_request(f->peer, 0), "SignedHeaders=host;x-amz-content-sha256;x-amz-date;"));
}

static void error_names(void **state)
{
    static const struct {
        const char *headers;
        const char *body;
        const char *name;
    } cases[] = {
        {"x-amzn-ErrorType: ThrottlingException:http://internal.amazon.com/x/\r\n", "",
         "ThrottlingException"},
        {"X-Amzn-Errortype: ValidationException\r\n", "{\"__type\":\"Other\"}",
         "ValidationException"},
        {"", "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException\"}",
         "ConditionalCheckFailedException"},
        {"", "{\"__type\":\"a#AccessDeniedException:http://x#y\"}", "AccessDeniedException"},
        {"", "{\"code\":\"InvalidSignatureException\"}", "InvalidSignatureException"},
        {"", "{\"__type\":7}", ""},
        {"", "{\"__type\":\"<script>\"}", ""},
        {"", "{\"__type\":\"#\"}", ""},
        {"", "{\"__type\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}",
         ""},
        {"", "<html>", ""},
        {"", "", ""},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct http_response response;
        char error_name[64] = "stale";
        peer_say(f->peer, "400 Bad Request", cases[i].headers, cases[i].body);
        assert_int_equal(aws_call(f->http, &f->credentials,
                                  &(struct aws_call){.service = "bedrock",
                                                     .endpoint = f->endpoint,
                                                     .region = "us-east-1",
                                                     .method = "POST",
                                                     .path = "/",
                                                     .query = NULL},
                                  WHEN, &response, error_name),
                         ERR_OK);
        assert_int_equal(response.status, 400);
        assert_string_equal(error_name, cases[i].name);
        http_response_free(&response);
    }
}

static void bad_endpoints(void **state)
{
    static const char *const endpoints[] = {"", "http://a.example", "file:///etc", "https://u@h",
                                            "https://h/#"};
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT(endpoints); i++) {
        struct http_response response;
        char error_name[64];
        assert_int_equal(aws_call(f->http, &f->credentials,
                                  &(struct aws_call){.service = "bedrock",
                                                     .endpoint = endpoints[i],
                                                     .region = "us-east-1",
                                                     .method = "POST",
                                                     .path = "/",
                                                     .query = ""},
                                  WHEN, &response, error_name),
                         ERR_INPUT);
        assert_int_equal(response.status, 0);
    }
    assert_int_equal(peer_requests(f->peer), 0);
}

static void endpoint(const char *specific, const char *all, const char *region,
                     const char *expected)
{
    struct config *config;
    char out[128];

    setenv("AWS_ENDPOINT_URL_BEDROCK_AGENT_RUNTIME", specific, 1);
    setenv("AWS_ENDPOINT_URL", all, 1);
    setenv("AWS_REGION", region, 1);
    if (specific[0] == '\0') {
        unsetenv("AWS_ENDPOINT_URL_BEDROCK_AGENT_RUNTIME");
    }
    if (all[0] == '\0') {
        unsetenv("AWS_ENDPOINT_URL");
    }
    config = peer_config();
    assert_int_equal(aws_endpoint(config, CFG_AWS_ENDPOINT_URL_BEDROCK_AGENT_RUNTIME,
                                  "bedrock-agent-runtime", out, sizeof(out)),
                     ERR_OK);
    assert_string_equal(out, expected);
    assert_int_equal(aws_endpoint(config, CFG_AWS_ENDPOINT_URL_BEDROCK_AGENT_RUNTIME,
                                  "bedrock-agent-runtime", out, 8),
                     ERR_CONFIG);
    assert_string_equal(out, "");
    config_free(config);
    unsetenv("AWS_ENDPOINT_URL_BEDROCK_AGENT_RUNTIME");
    unsetenv("AWS_ENDPOINT_URL");
    unsetenv("AWS_REGION");
}

static void endpoints(void **state)
{
    (void)state;
    endpoint("https://x.example", "https://y.example", "eu-west-1", "https://x.example");
    endpoint("", "https://y.example", "eu-west-1", "https://y.example");
    endpoint("", "", "eu-west-1", "https://bedrock-agent-runtime.eu-west-1.amazonaws.com");
    endpoint("", "", "cn-north-1", "https://bedrock-agent-runtime.cn-north-1.amazonaws.com.cn");
}

static void credentials(void **state)
{
    struct aws_credentials out;
    struct config *config;

    (void)state;
    setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "key", 1);
    unsetenv("AWS_SESSION_TOKEN");
    config = peer_config();
    assert_int_equal(aws_credentials_load(config, &out), ERR_OK);
    assert_string_equal(out.access_key_id, "AKIDEXAMPLE");
    assert_string_equal(secret_text(out.secret_access_key), "key");
    assert_null(out.session_token);
    aws_credentials_free(&out);
    aws_credentials_free(&out);
    config_free(config);
    unsetenv("AWS_SECRET_ACCESS_KEY");
    config = peer_config();
    assert_int_equal(aws_credentials_load(config, &out), ERR_CONFIG);
    assert_string_equal(out.access_key_id, "");
    config_free(config);
    setenv("AWS_SECRET_ACCESS_KEY", "key", 1);
    unsetenv("AWS_ACCESS_KEY_ID");
    config = peer_config();
    assert_int_equal(aws_credentials_load(config, &out), ERR_CONFIG);
    config_free(config);
}

#define TEST(name_, function_)                                                                     \
    {                                                                                              \
        .name = (name_), .test_func = (function_), .setup_func = set_up,                           \
        .teardown_func = tear_down                                                                 \
    }

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST("aws call: what is signed is what arrives, the port in Host included", signed_is_sent),
        TEST("aws call: S3 carries the hash of the body", s3_sends_its_hash),
        TEST("aws call: error names are cut and checked", error_names),
        TEST("aws call: an endpoint that may not be asked sends nothing", bad_endpoints),
        {"aws call: endpoints by service, for all, or of the region", endpoints, NULL, NULL, NULL},
        {"aws call: credentials are whole or none", credentials, NULL, NULL, NULL},
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
