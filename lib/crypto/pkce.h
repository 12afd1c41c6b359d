/* PKCE, method S256 (RFC 7636 section 4). */
#ifndef COUNTERSIGN_CRYPTO_PKCE_H
#define COUNTERSIGN_CRYPTO_PKCE_H

#include <stdint.h>

#define PKCE_RANDOM 32
#define PKCE_SIZE 44 /* 43 characters and NUL, verifier and challenge alike */

void pkce_code_verifier(const uint8_t random[PKCE_RANDOM], char code_verifier[PKCE_SIZE]);
void pkce_code_challenge(const char *code_verifier, char code_challenge[PKCE_SIZE]);

#endif
