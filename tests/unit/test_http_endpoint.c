/* The HTTP client: whom it talks to, by URL, address, proxy and certificate. */
#include "base/url.h"
#include "http_fixture.h"

#include <arpa/inet.h>
#include <unistd.h>

static void row14_urls(void **state)
{
    struct fixture *f = *state;
    static const char *const refused[] = {
        "",
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "ftp://a.example/",
        "gopher://127.0.0.1:25/",
        "javascript:alert(1)",
        "//a.example/",
        "a.example",
        "https:/a.example",
        "https:a.example",
        "https://",
        "https:///path",
        "https://:443/",
        "https://?x",
        "http://a.example/",
        "http://10.0.0.1/",
        "http://192.168.1.1/",
        "http://128.0.0.1/",
        "http://localhost.example/",
        "http://127.0.0.1.example/",
        "http://[::2]/",
        "http://169.254.169.254/latest/meta-data/",
        "https://169.254.169.254/",
        "https://169.254.0.1:8443/",
        "https://[fe80::1]/",
        "https://[::ffff:169.254.169.254]/",
        "https://[::169.254.169.254]/",
        "https://0.0.0.0/",
        "https://[::]/",
        "https://0/",
        "https://2852039166/", /* 169.254.169.254 as one number */
        "https://0xa9fea9fe/",
        "https://169.254.43518/",
        "https://0251.0376.0251.0376/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "https://user@a.example/",
        "https://user:pass@a.example/",
        "https://a.example@127.0.0.1/",
        "https://a.example/#fragment",
        "https://a.example/ x",
        "https://a.example/\r\nX: y",
        "https://a.example/\tx",
        "https://a.example/\x7f",
        "https://a.example\\@b.example/",
        "https://b\320\276b.example/",
        "https://a.example:0/",
        "https://a.example:65536/",
        "https://a.example:/",
        "https://a.example:4x/",
        "https://a.example:-1/",
        "https://a..example/",
        "https://.example/",
        "https://a%2eexample/",
        "https://[::1/",
        "https://[::1]x/",
        "https://[fe80::1%25eth0]/",
        "https://[127.0.0.1]/",
        "https://[a.example]/",
        " https://a.example/",
    };
    static const char *const allowed[] = {
        "https://a.example",          "HTTPS://A.Example/",      "https://a.example:8443/x?y=z",
        "https://a.example?x=@",      "https://10.0.0.1/",       "https://xn--bcher-kva.example/",
        "https://[2001:db8::1]:443/", "http://127.0.0.1:9000/x", "http://127.255.255.254/",
        "http://localhost:9000",      "http://LOCALHOST/",       "http://[::1]:9000/",
        "https://127.0.0.1/",         "https://a.example/b%20c", "https://a_b.example/@:",
    };
    char *long_url = calloc(1, URL_MAX + 64);

    for (size_t i = 0; i < COUNT(refused); i++) {
        struct http_response response;
        if (http_url_allowed(f->http, refused[i]) != ERR_INPUT) {
            fail_msg("not refused: %s", refused[i]);
        }
        assert_int_equal(http_call(f->http,
                                   &(struct http_request){.method = "GET", .url = refused[i]},
                                   &response),
                         ERR_INPUT);
    }
    for (size_t i = 0; i < COUNT(allowed); i++) {
        if (http_url_allowed(f->http, allowed[i]) != ERR_OK) {
            fail_msg("refused: %s", allowed[i]);
        }
    }
    assert_int_equal(http_url_allowed(f->http, NULL), ERR_INPUT);
    memset(long_url, 'a', URL_MAX + 32);
    memcpy(long_url, "https://a.example/", 18);
    assert_int_equal(http_url_allowed(f->http, long_url), ERR_INPUT);
    long_url[URL_MAX] = '\0';
    assert_int_equal(http_url_allowed(f->http, long_url), ERR_OK);
    free(long_url);
}

static void row14_http_needs_the_flag(void **state)
{
    struct http *http;

    (void)state;
    setenv("ACTIONS_URL", "http://127.0.0.1:8081", 1);
    http = client_with("ALLOW_HTTP_LOOPBACK", "0");
    assert_int_equal(http_url_allowed(http, "http://127.0.0.1:9000/"), ERR_INPUT);
    assert_int_equal(http_url_allowed(http, "http://localhost:8081/"), ERR_INPUT);
    assert_int_equal(http_url_allowed(http, "http://127.0.0.1:8081/actions/okta"), ERR_OK);
    assert_int_equal(http_url_allowed(http, "http://127.0.0.1/actions/okta"), ERR_INPUT);
    http_free(http);
    setenv("ALLOW_HTTP_LOOPBACK", "1", 1);
}

static void row14_addresses(void **state)
{
    static const struct {
        const char *text;
        bool loopback;
        bool forbidden;
    } v4[] = {{"127.0.0.1", true, false},        {"127.255.0.1", true, false},
              {"128.0.0.1", false, false},       {"169.254.169.254", false, true},
              {"169.253.255.255", false, false}, {"0.0.0.0", false, true},
              {"10.0.0.1", false, false},        {"224.0.0.1", false, true},
              {"255.255.255.255", false, true}},
      v6[] = {{"::1", true, false},          {"fe80::1", false, true},
              {"::", false, true},           {"ff02::1", false, true},
              {"2001:db8::1", false, false}, {"::ffff:169.254.1.1", false, true}};

    (void)state;
    for (size_t i = 0; i < COUNT(v4); i++) {
        struct sockaddr_in in = {.sin_family = AF_INET};
        assert_int_equal(inet_pton(AF_INET, v4[i].text, &in.sin_addr), 1);
        assert_int_equal(address_is_loopback((struct sockaddr *)&in), v4[i].loopback);
        assert_int_equal(address_is_forbidden((struct sockaddr *)&in), v4[i].forbidden);
    }
    for (size_t i = 0; i < COUNT(v6); i++) {
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
        assert_int_equal(inet_pton(AF_INET6, v6[i].text, &in6.sin6_addr), 1);
        assert_int_equal(address_is_loopback((struct sockaddr *)&in6), v6[i].loopback);
        assert_int_equal(address_is_forbidden((struct sockaddr *)&in6), v6[i].forbidden);
    }
}

static void proxies_of_the_environment_are_ignored(void **state)
{
    struct fixture *f = *state;
    char proxy[64];

    snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d", peer_closed_port());
    setenv("http_proxy", proxy, 1);
    setenv("HTTP_PROXY", proxy, 1);
    setenv("all_proxy", proxy, 1);
    peer_say(f->peer, "200 OK", "", "");
    assert_int_equal(call(f, "GET"), ERR_OK);
    unsetenv("http_proxy");
    unsetenv("HTTP_PROXY");
    unsetenv("all_proxy");
}

static void a_configured_proxy_is_used(void **state)
{
    struct fixture *f = *state;
    struct http *http;
    struct http_response response;

    http = client_with("HTTP_PROXY_URL", peer_url(f->peer, ""));
    unsetenv("HTTP_PROXY_URL");
    peer_say(f->peer, "403 Forbidden", "", "");
    assert_int_equal(http_call(http,
                               &(struct http_request){.method = "POST",
                                                      .url = "https://a.example/secret",
                                                      .deadline = 2000},
                               &response),
                     ERR_REMOTE); /* the tunnel was refused, so nothing was sent */
    assert_int_equal(peer_requests(f->peer), 1);
    assert_true(peer_request_has(f->peer, 0, "CONNECT a.example:443 HTTP/1.1"));
    assert_null(strstr(peer_request(f->peer, 0), "secret"));
    /* Loopback never goes through it. */
    peer_say(f->peer, "200 OK", "", "");
    assert_int_equal(
        http_call(http, &(struct http_request){.method = "GET", .url = peer_url(f->peer, "/near")},
                  &response),
        ERR_OK);
    assert_true(peer_request_has(f->peer, 1, "GET /near HTTP/1.1"));
    http_response_free(&response);
    http_free(http);
}

/* One POST to a TLS peer whose certificate is for san, trusted or not. */
static enum err tls_call(const char *san, bool trusted, size_t *requests)
{
    struct peer *peer = peer_start(san);
    struct http_response response;
    struct http *http;
    char path[] = "/tmp/countersign-test-XXXXXX";
    int fd = mkstemp(path);
    enum err err;

    assert_true(fd >= 0);
    close(fd);
    peer_write_certificate(peer, path);
    if (trusted) {
        setenv("SSL_CERT_FILE", path, 1);
    }
    http = client_with("ALLOW_HTTP_LOOPBACK", "1");
    peer_say(peer, "200 OK", "", "hello");
    peer_say(peer, "200 OK", "", "hello");
    err = http_call(
        http,
        &(struct http_request){.method = "POST", .url = peer_url(peer, "/"), .deadline = 3000},
        &response);
    if (err == ERR_OK) {
        assert_string_equal(buf_str(&response.body), "hello");
    }
    http_response_free(&response);
    *requests = peer_requests(peer);
    unsetenv("SSL_CERT_FILE");
    unlink(path);
    http_free(http);
    peer_stop(peer);
    return err;
}

static void certificates_are_checked(void **state)
{
    size_t requests = 0;

    (void)state;
    assert_int_equal(tls_call("IP:127.0.0.1", true, &requests), ERR_OK);
    assert_int_equal(requests, 1);
    assert_int_equal(tls_call("IP:127.0.0.1", false, &requests), ERR_REMOTE);
    assert_int_equal(requests, 0);
    assert_int_equal(tls_call("DNS:other.example", true, &requests), ERR_REMOTE);
    assert_int_equal(requests, 0);
}

static void tls_to_a_plain_peer_is_remote(void **state)
{
    struct fixture *f = *state;
    struct http_response response;
    char url[64];

    peer_say(f->peer, "200 OK", "", "");
    snprintf(url, sizeof(url), "https://127.0.0.1:%d/", peer_port(f->peer));
    assert_int_equal(
        http_call(f->http, &(struct http_request){.method = "POST", .url = url, .deadline = 500},
                  &response),
        ERR_REMOTE);
    assert_int_equal(peer_requests(f->peer), 0);
}

static void same_origin(void **state)
{
    (void)state;
    assert_true(http_same_origin("https://a.example/x", "https://A.EXAMPLE:443?y"));
    assert_true(http_same_origin("http://[::1]:90/", "http://[::1]:90"));
    assert_false(http_same_origin("https://a.example", "http://a.example"));
    assert_false(http_same_origin("https://a.example", "https://a.example:444"));
    assert_false(http_same_origin("https://a.example", "https://b.a.example"));
    assert_false(http_same_origin("https://a.example", "https://a.example@b.example"));
    assert_false(http_same_origin("https://a.example", "https://a.example.evil"));
    assert_false(http_same_origin(NULL, NULL));
    assert_false(http_same_origin("", ""));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST("row 14: file, link-local and plain http endpoints are refused", row14_urls),
        TEST("row 14: http to the loopback needs the flag, but for ACTIONS_URL",
             row14_http_needs_the_flag),
        TEST("row 14: the address connected to is judged, not its name", row14_addresses),
        TEST("http: proxies of the environment are ignored",
             proxies_of_the_environment_are_ignored),
        TEST("http: a configured proxy is used, but not for the loopback",
             a_configured_proxy_is_used),
        TEST("http: certificates and names are checked", certificates_are_checked),
        TEST("http: TLS to a plain peer is not sent", tls_to_a_plain_peer_is_remote),
        TEST("http: same origin", same_origin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
