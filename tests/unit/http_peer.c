#include "http_peer.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define CONNECTIONS 64
#define ANSWERS 256
#define REQUESTS 256
#define REQUEST_MAX 65536
#define TICK_MS 10

struct connection {
    struct peer *peer;
    pthread_t thread;
    int fd;
    SSL *ssl;
};

struct peer {
    pthread_mutex_t lock;
    pthread_t acceptor;
    int listener;
    int port;
    atomic_bool stop;
    struct connection connections[CONNECTIONS];
    size_t connection_count;
    struct peer_answer answers[ANSWERS];
    size_t answer_count;
    size_t answered;
    char *requests[REQUESTS];
    size_t request_count;
    SSL_CTX *tls;
    X509 *certificate;
    char url[512];
};

static void pause_ms(const struct peer *peer, int ms)
{
    for (int waited = 0; waited < ms && !atomic_load(&peer->stop); waited += TICK_MS) {
        struct timespec tick = {.tv_nsec = TICK_MS * 1000000L};
        nanosleep(&tick, NULL);
    }
}

/* Readable, or -1 when the test is over. */
static int wait_readable(const struct peer *peer, int fd)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};

    while (!atomic_load(&peer->stop)) {
        if (poll(&poller, 1, TICK_MS) > 0) {
            return 0;
        }
    }
    return -1;
}

static long conn_read(struct connection *c, char *out, size_t size)
{
    if (c->ssl != NULL && SSL_pending(c->ssl) > 0) {
        return SSL_read(c->ssl, out, (int)size);
    }
    if (wait_readable(c->peer, c->fd) != 0) {
        return -1;
    }
    return c->ssl != NULL ? SSL_read(c->ssl, out, (int)size) : recv(c->fd, out, size, 0);
}

static bool conn_write(struct connection *c, const char *bytes, size_t len)
{
    while (len > 0) {
        long n = c->ssl != NULL ? SSL_write(c->ssl, bytes, (int)len)
                                : send(c->fd, bytes, len, MSG_NOSIGNAL);
        if (n <= 0) {
            return false;
        }
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

static size_t body_length(const char *head)
{
    const char *line = head;

    while ((line = strchr(line, '\n')) != NULL) {
        line++;
        if (strncasecmp(line, "content-length:", 15) == 0) {
            return (size_t)strtoul(line + 15, NULL, 10);
        }
    }
    return 0;
}

/* One whole request, recorded; false when the client went away first. */
static bool read_request(struct connection *c)
{
    char *text = calloc(1, REQUEST_MAX + 1);
    size_t len = 0;
    size_t need = 0;

    while (need == 0 || len < need) {
        long n = len < REQUEST_MAX ? conn_read(c, text + len, REQUEST_MAX - len) : -1;
        char *end;
        if (n <= 0) {
            free(text);
            return false;
        }
        len += (size_t)n;
        end = strstr(text, "\r\n\r\n");
        if (need == 0 && end != NULL) {
            char saved = end[2];
            end[2] = '\0';
            need = (size_t)(end - text) + 4 + body_length(text);
            end[2] = saved;
        }
    }
    pthread_mutex_lock(&c->peer->lock);
    if (c->peer->request_count < REQUESTS) {
        c->peer->requests[c->peer->request_count++] = text;
    } else {
        free(text);
    }
    pthread_mutex_unlock(&c->peer->lock);
    return true;
}

static struct peer_answer next_answer(struct peer *peer)
{
    struct peer_answer answer = {
        .how = PEER_CLOSE,
        .bytes = "HTTP/1.1 599 Script exhausted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"};

    pthread_mutex_lock(&peer->lock);
    if (peer->answered < peer->answer_count) {
        answer = peer->answers[peer->answered++];
    }
    pthread_mutex_unlock(&peer->lock);
    return answer;
}

static void fill(struct connection *c, size_t count)
{
    char block[4096];

    memset(block, 'x', sizeof(block));
    while (count > 0) {
        size_t piece = count < sizeof(block) ? count : sizeof(block);
        if (!conn_write(c, block, piece)) {
            return;
        }
        count -= piece;
    }
}

/* True when the connection goes on. */
static bool play(struct connection *c, const struct peer_answer *answer)
{
    struct linger abort_it = {.l_onoff = 1, .l_linger = 0};
    char ignored[256];
    size_t len = strlen(answer->bytes);

    pause_ms(c->peer, answer->delay_ms);
    if (answer->how == PEER_SLOW) {
        for (size_t i = 0; i < len; i++) {
            if (atomic_load(&c->peer->stop) || !conn_write(c, answer->bytes + i, 1)) {
                return false;
            }
            pause_ms(c->peer, answer->interval_ms);
        }
        return true;
    }
    if (!conn_write(c, answer->bytes, len)) {
        return false;
    }
    switch (answer->how) {
    case PEER_SEND:
        return true;
    case PEER_RESET:
        pause_ms(c->peer, 3 * TICK_MS); /* so that the bytes are read before the reset overtakes */
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &abort_it, sizeof(abort_it));
        return false;
    case PEER_FILL:
        fill(c, answer->fill);
        return false;
    case PEER_SILENT:
        while (conn_read(c, ignored, sizeof(ignored)) > 0) {
        }
        return false;
    case PEER_CLOSE:
    case PEER_SLOW:
        break;
    }
    return false;
}

static void *serve(void *data)
{
    struct connection *c = data;
    bool open = true;

    if (c->peer->tls != NULL) {
        c->ssl = SSL_new(c->peer->tls);
        SSL_set_fd(c->ssl, c->fd);
        open = wait_readable(c->peer, c->fd) == 0 && SSL_accept(c->ssl) == 1;
    }
    while (open && read_request(c)) {
        struct peer_answer answer = next_answer(c->peer);
        open = play(c, &answer);
    }
    SSL_free(c->ssl);
    pthread_mutex_lock(&c->peer->lock);
    close(c->fd);
    c->fd = -1;
    pthread_mutex_unlock(&c->peer->lock);
    return NULL;
}

static void *accept_all(void *data)
{
    struct peer *peer = data;

    while (wait_readable(peer, peer->listener) == 0 && peer->connection_count < CONNECTIONS) {
        struct connection *c = &peer->connections[peer->connection_count];
        c->peer = peer;
        c->fd = accept4(peer->listener, NULL, NULL, SOCK_CLOEXEC);
        if (c->fd < 0) {
            continue;
        }
        /* Silence and fillers meet a client that has gone; no write may wait for ever. */
        setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){.tv_sec = 5},
                   sizeof(struct timeval));
        setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_sec = 5},
                   sizeof(struct timeval));
        if (pthread_create(&c->thread, NULL, serve, c) != 0) {
            close(c->fd);
            continue;
        }
        pthread_mutex_lock(&peer->lock);
        peer->connection_count++;
        pthread_mutex_unlock(&peer->lock);
    }
    return NULL;
}

static void make_certificate(struct peer *peer, const char *san)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    X509_NAME *name = X509_get_subject_name(x);
    X509V3_CTX context;
    X509_EXTENSION *extension;

    assert_non_null(key);
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), (long)getpid());
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"peer", -1, -1, 0);
    X509_set_issuer_name(x, name);
    X509V3_set_ctx(&context, x, x, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, NID_subject_alt_name, san);
    assert_non_null(extension);
    X509_add_ext(x, extension, -1);
    X509_EXTENSION_free(extension);
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    peer->tls = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate(peer->tls, x), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(peer->tls, key), 1);
    peer->certificate = x;
    EVP_PKEY_free(key);
}

struct peer *peer_start(const char *san)
{
    struct peer *peer = calloc(1, sizeof(*peer));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);

    assert_non_null(peer);
    pthread_mutex_init(&peer->lock, NULL);
    peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(peer->listener >= 0);
    assert_int_equal(bind(peer->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(peer->listener, 64), 0);
    assert_int_equal(getsockname(peer->listener, (struct sockaddr *)&address, &size), 0);
    peer->port = ntohs(address.sin_port);
    if (san != NULL) {
        make_certificate(peer, san);
    }
    assert_int_equal(pthread_create(&peer->acceptor, NULL, accept_all, peer), 0);
    return peer;
}

void peer_stop(struct peer *peer)
{
    if (peer == NULL) {
        return;
    }
    atomic_store(&peer->stop, true);
    pthread_join(peer->acceptor, NULL);
    pthread_mutex_lock(&peer->lock);
    for (size_t i = 0; i < peer->connection_count; i++) {
        if (peer->connections[i].fd >= 0) {
            shutdown(peer->connections[i].fd, SHUT_RDWR);
        }
    }
    pthread_mutex_unlock(&peer->lock);
    for (size_t i = 0; i < peer->connection_count; i++) {
        pthread_join(peer->connections[i].thread, NULL);
    }
    for (size_t i = 0; i < peer->answer_count; i++) {
        free((void *)(uintptr_t)peer->answers[i].bytes); /* NOLINT: ours, const to the tests */
    }
    for (size_t i = 0; i < peer->request_count; i++) {
        free(peer->requests[i]);
    }
    close(peer->listener);
    SSL_CTX_free(peer->tls);
    X509_free(peer->certificate);
    pthread_mutex_destroy(&peer->lock);
    free(peer);
}

void peer_add(struct peer *peer, struct peer_answer answer)
{
    answer.bytes = strdup(answer.bytes == NULL ? "" : answer.bytes);
    assert_non_null(answer.bytes);
    pthread_mutex_lock(&peer->lock);
    assert_true(peer->answer_count < ANSWERS);
    peer->answers[peer->answer_count++] = answer;
    pthread_mutex_unlock(&peer->lock);
}

void peer_say(struct peer *peer, const char *status, const char *headers, const char *body)
{
    struct buf text = buf_make(1 << 20);

    buf_addf(&text, "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n%s", status, headers, strlen(body),
             body);
    assert_int_equal(buf_err(&text), ERR_OK);
    peer_add(peer, (struct peer_answer){.how = PEER_SEND, .bytes = buf_str(&text)});
    buf_free(&text);
}

int peer_port(const struct peer *peer)
{
    return peer->port;
}

const char *peer_url(struct peer *peer, const char *path)
{
    snprintf(peer->url, sizeof(peer->url), "%s://127.0.0.1:%d%s",
             peer->tls != NULL ? "https" : "http", peer->port, path);
    return peer->url;
}

void peer_write_certificate(const struct peer *peer, const char *path)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, peer->certificate), 1);
    assert_int_equal(fclose(file), 0);
}

size_t peer_requests(struct peer *peer)
{
    size_t count;

    pthread_mutex_lock(&peer->lock);
    count = peer->request_count;
    pthread_mutex_unlock(&peer->lock);
    return count;
}

size_t peer_connections(struct peer *peer)
{
    size_t count;

    pthread_mutex_lock(&peer->lock);
    count = peer->connection_count;
    pthread_mutex_unlock(&peer->lock);
    return count;
}

const char *peer_request(struct peer *peer, size_t n)
{
    assert_true(n < peer_requests(peer));
    return peer->requests[n];
}

const char *peer_request_body(struct peer *peer, size_t n)
{
    return strstr(peer_request(peer, n), "\r\n\r\n") + 4;
}

bool peer_request_has(struct peer *peer, size_t n, const char *line)
{
    const char *text = peer_request(peer, n);
    const char *end = strstr(text, "\r\n\r\n") + 2;
    size_t len = strlen(line);

    while (text < end) {
        const char *stop = strstr(text, "\r\n");
        if ((size_t)(stop - text) == len && memcmp(text, line, len) == 0) {
            return true;
        }
        text = stop + 2;
    }
    return false;
}

int peer_closed_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

struct config *peer_config(void)
{
    struct buf problems = buf_make(65536);
    struct config *config = NULL;

    if (config_load(NULL, NULL, 0, &problems, &config) != ERR_OK) {
        fail_msg("configuration refused: %s", buf_str(&problems));
    }
    buf_free(&problems);
    return config;
}
