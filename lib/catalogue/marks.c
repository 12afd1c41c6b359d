#include "catalogue/marks.h"

#include "base/text.h"
#include "crypto/hash.h"

#define END ((const char *)NULL)

void mark_turn(const char *turn, uint8_t id[RECORD_ID_SIZE])
{
    hash_parts(id, "turn", turn, END);
}

void mark_turn_cancelled(const char *turn, uint8_t id[RECORD_ID_SIZE])
{
    hash_parts(id, "turn cancelled", turn, END);
}

void mark_turn_pushed(const char *turn, uint8_t id[RECORD_ID_SIZE])
{
    hash_parts(id, "turn pushed", turn, END);
}

void mark_invocation(const char *invocation, uint8_t id[RECORD_ID_SIZE])
{
    hash_parts(id, "invocation", invocation, END);
}

void mark_invocation_turn(const char *turn, uint8_t id[RECORD_ID_SIZE])
{
    hash_parts(id, "turn of invocations", turn, END);
}

void mark_approval_place(const uint8_t owner[RECORD_ID_SIZE], uint8_t id[RECORD_ID_SIZE])
{
    char hex[HEX_SIZE(RECORD_ID_SIZE)];

    hex_encode(owner, RECORD_ID_SIZE, hex);
    hash_parts(id, "approval place", hex, END);
}

void mark_denial(const char *invocation, uint8_t id[RECORD_ID_SIZE])
{
    hash_parts(id, "denial", invocation, END);
}

void mark_denials_lock(const uint8_t owner[RECORD_ID_SIZE], uint8_t id[RECORD_ID_SIZE])
{
    char hex[HEX_SIZE(RECORD_ID_SIZE)];

    hex_encode(owner, RECORD_ID_SIZE, hex);
    hash_parts(id, "denials lock", hex, END);
}

void mark_denials(const uint8_t owner[RECORD_ID_SIZE], uint8_t id[RECORD_ID_SIZE])
{
    char hex[HEX_SIZE(RECORD_ID_SIZE)];

    hex_encode(owner, RECORD_ID_SIZE, hex);
    hash_parts(id, "denials", hex, END);
}

void mark_act(const uint8_t owner[RECORD_ID_SIZE], const char *action, const char *user,
              const char *group, uint8_t id[RECORD_ID_SIZE])
{
    char hex[HEX_SIZE(RECORD_ID_SIZE)];

    hex_encode(owner, RECORD_ID_SIZE, hex);
    hash_parts(id, "act", hex, action, user, group, END);
}
