#include "base/err.h"

const char *err_name(enum err err)
{
    switch (err) {
    case ERR_OK:
        return "ok";
    case ERR_NONE:
        return "none";
    case ERR_INPUT:
        return "input";
    case ERR_AUTH:
        return "auth";
    case ERR_DENIED:
        return "denied";
    case ERR_FORGED:
        return "forged";
    case ERR_CONFLICT:
        return "conflict";
    case ERR_LIMIT:
        return "limit";
    case ERR_REMOTE:
        return "remote";
    case ERR_UNKNOWN:
        return "unknown";
    case ERR_STORE:
        return "store";
    case ERR_MEMORY:
        return "memory";
    case ERR_CONFIG:
        return "config";
    case ERR_SYSTEM:
        return "system";
    }
    return "invalid"; /* a value no enumerator has: memory damage or a bad cast */
}
