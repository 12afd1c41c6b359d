#include "guard/digest.h"

#include "base/text.h"
#include "crypto/hash.h"

enum err digest_of(const struct invocation *invocation, char out[DIGEST_SIZE])
{
    struct buf arguments = buf_make(8192);
    uint8_t hash[SHA256_SIZE];
    enum err err = js_add_sorted(&arguments, invocation->arguments);

    out[0] = '\0';
    if (err == ERR_OK) {
        hash_parts(hash, "approval digest v1", "invocation", invocation->id, "group",
                   invocation->group, "action", invocation->action, "iss", invocation->person.iss,
                   "sub", invocation->person.sub, "session", invocation->session, "turn",
                   invocation->turn, "agent", invocation->agent, "arguments", buf_str(&arguments),
                   "user", invocation->user.id, "login", invocation->user.login, "target group",
                   invocation->target_group.id, "target group name", invocation->target_group.name,
                   (const char *)NULL);
        hex_encode(hash, sizeof hash, out);
    }
    buf_free(&arguments);
    return err;
}
