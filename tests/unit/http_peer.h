/*
 * A scripted HTTP/1.1 server for unit tests, on a loopback port of its own.  It
 * answers each request with the next answer of its list, whatever was asked, and
 * keeps what was asked for the test to compare: it holds no idea of what is
 * right.  Past its list it answers 599.  At most 64 connections, 256 answers and
 * 256 recorded requests of 64 KiB.
 */
#ifndef TESTS_UNIT_HTTP_PEER_H
#define TESTS_UNIT_HTTP_PEER_H

#include "base/config.h"

#include <stdbool.h>
#include <stddef.h>

struct peer;

enum peer_how {
    PEER_SEND,   /* the bytes, then wait for the next request */
    PEER_CLOSE,  /* the bytes, then an orderly close */
    PEER_RESET,  /* the bytes, then a reset */
    PEER_SLOW,   /* the bytes one by one, every interval_ms */
    PEER_FILL,   /* the bytes, then fill letters, then close */
    PEER_SILENT, /* the bytes, then nothing until the client goes */
};

struct peer_answer {
    enum peer_how how;
    const char *bytes; /* copied */
    size_t fill;
    int interval_ms;
    int delay_ms; /* before the first byte */
};

/* san NULL: plain HTTP. Else TLS with a fresh self-signed certificate for "IP:127.0.0.1" and the
 * like. */
struct peer *peer_start(const char *san);
void peer_stop(struct peer *peer);

void peer_add(struct peer *peer, struct peer_answer answer);
/* A kept-alive answer with its Content-Length. headers: whole lines with CR LF, or "". */
void peer_say(struct peer *peer, const char *status, const char *headers, const char *body);

int peer_port(const struct peer *peer);
/* "http://127.0.0.1:port" (or https) and path; in a buffer of the peer that the next call reuses.
 */
const char *peer_url(struct peer *peer, const char *path);
void peer_write_certificate(const struct peer *peer, const char *path);

size_t peer_requests(struct peer *peer);
size_t peer_connections(struct peer *peer);
/* Head and body as they came, NUL-terminated; fails the test when there was no such request. */
const char *peer_request(struct peer *peer, size_t n);
/* Its body. */
const char *peer_request_body(struct peer *peer, size_t n);
/* Is this exact line (without CR LF) in the head of request n? */
bool peer_request_has(struct peer *peer, size_t n, const char *line);

/* A port on which nothing listens. */
int peer_closed_port(void);

/* The configuration out of the environment alone; fails the test when it is refused. */
struct config *peer_config(void);

#endif
