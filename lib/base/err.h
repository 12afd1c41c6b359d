/*
 * The one error type.  Every function that can fail returns an enum err; the
 * caller branches on the kind and never on a text.  Kinds say what the caller
 * may do next, not where the fault arose: the place and the reason are logged
 * where they are known.
 */
#ifndef COUNTERSIGN_BASE_ERR_H
#define COUNTERSIGN_BASE_ERR_H

#define WARN_UNUSED __attribute__((warn_unused_result))
#define PRINTF_LIKE(at, first) __attribute__((format(printf, at, first)))
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum err {
    ERR_OK = 0,
    ERR_NONE,     /* not there: absent, expired, past a limit.  Ordinary.            */
    ERR_INPUT,    /* bytes from outside are malformed: 400                           */
    ERR_AUTH,     /* the caller is not who it must be: 401                           */
    ERR_DENIED,   /* understood and refused: 403                                     */
    ERR_FORGED,   /* a seal, MAC or signature did not verify; logged by who found it */
    ERR_CONFLICT, /* a version or a unique key: someone else was first: 409          */
    ERR_LIMIT,    /* a cap was met: size, count, rate: 413 or 429                    */
    ERR_REMOTE,   /* a remote party refused or answered oddly; it did not act: 502   */
    ERR_UNKNOWN,  /* sent, but no answer: it may or may not have acted: 504          */
    ERR_STORE,    /* the store failed (full disk, locked, damaged): 503              */
    ERR_MEMORY,   /* out of memory: 503                                              */
    ERR_CONFIG,   /* the configuration is wrong or lacks something: 500              */
    ERR_SYSTEM    /* the operating system or a library refused (no entropy): 500     */
};

/* A short stable name ("none", "conflict") for logs and JSON; never NULL. */
const char *err_name(enum err err);

#endif
