/* Making and rotating key rings: what `countersign keygen` calls. */
#include "crypto/keyring_file.h"
#include "crypto/random.h"

#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/*
 * A new key in front; those whose cut-off is past go; the rest get one if they
 * had none.  The audit ring loses none: a chain must verify for as long as it is
 * kept, and its former keys write nothing any more.
 */
static enum err add_key(struct ring *ring, enum kind kind, msec now, msec keep)
{
    struct ring next = {.file = ring->file};
    uint8_t id[KEY_ID_SIZE];
    bool taken = true;
    enum err err;

    for (size_t i = 0; i < ring->count; i++) {
        struct ring_key key = ring->keys[i];

        if (key.until == 0) {
            key.until = now + keep;
        }
        if (key.until < now && kind != KIND_AUDIT) {
            continue;
        }
        if (next.count + 2 > RING_KEYS_MAX) {
            err = ERR_LIMIT;
            goto done;
        }
        next.keys[++next.count] = key;
    }
    if ((err = random_bytes(next.keys[0].key, KEY_SIZE)) != ERR_OK) {
        goto done;
    }
    while (taken) {
        if ((err = random_bytes(id, sizeof(id))) != ERR_OK) {
            goto done;
        }
        next.keys[0].id =
            (uint32_t)id[0] << 24 | (uint32_t)id[1] << 16 | (uint32_t)id[2] << 8 | id[3];
        taken = false;
        for (size_t i = 1; i <= next.count; i++) {
            taken = taken || next.keys[i].id == next.keys[0].id;
        }
    }
    next.count++;
    *ring = next;
done:
    wipe(&next, sizeof(next));
    return err;
}

static enum err ring_text(const struct ring *ring, enum kind kind, struct buf *out)
{
    buf_addf(out, "{\"version\":1,\"kind\":\"%s\",\"keys\":[", kind_name(kind));
    for (size_t i = 0; i < ring->count; i++) {
        buf_addf(out, "%s\n{\"id\":\"%08x\",\"key\":\"", i > 0 ? "," : "", ring->keys[i].id);
        base64url_add(out, ring->keys[i].key, KEY_SIZE);
        buf_adds(out, "\"");
        if (ring->keys[i].until != 0) {
            buf_addf(out, ",\"until\":%lld", (long long)ring->keys[i].until);
        }
        buf_adds(out, "}");
    }
    buf_adds(out, "]}\n");
    return buf_err(out);
}

static enum err write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, text, len);

        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return ERR_SYSTEM;
        }
        text += put;
        len -= (size_t)put;
    }
    return ERR_OK;
}

/*
 * Beside and renamed, synced before the rename: after a power cut there is the
 * old ring or the new one, never an empty file in the place of every key.
 * Owner, group and mode stay those of the ring it replaces, so that a program's
 * group that could read the former one can read this one.
 */
static enum err ring_write(int dir, enum kind kind, const struct ring *ring, bool replaces)
{
    struct buf text = buf_make_secret((size_t)16 * 1024);
    char name[64], beside[64];
    enum err err = ERR_SYSTEM;
    int fd = -1;

    (void)snprintf(name, sizeof(name), "%s.ring", kind_name(kind));
    (void)snprintf(beside, sizeof(beside), ".%s.ring.new", kind_name(kind));
    if (ring_text(ring, kind, &text) != ERR_OK) {
        goto done;
    }
    (void)unlinkat(dir, beside, 0); /* what a killed keygen left */
    if ((fd = openat(dir, beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400)) < 0) {
        goto done;
    }
    if (replaces && ((ring->file.st_uid != geteuid() || ring->file.st_gid != getegid()) &&
                     fchown(fd, ring->file.st_uid, ring->file.st_gid) != 0)) {
        goto done;
    }
    if (fchmod(fd, replaces ? ring->file.st_mode & 0440 : 0400) != 0 ||
        write_all(fd, buf_str(&text), text.len) != ERR_OK || fsync(fd) != 0 ||
        renameat(dir, beside, dir, name) != 0 || fsync(dir) != 0) {
        goto done;
    }
    err = ERR_OK;
done:
    if (err != ERR_OK) {
        log_line(LOG_ERROR, "key ring not written", LOG_T("file", name),
                 LOG_T("why", strerror(errno)));
    }
    if (fd >= 0) {
        (void)close(fd);
        if (err != ERR_OK) {
            (void)unlinkat(dir, beside, 0);
        }
    }
    buf_free(&text);
    return err;
}

static enum err generate_one(const char *path, int dir, enum kind kind, bool add, msec now,
                             msec keep, bool *made)
{
    struct ring empty = {.count = 0}, *ring = &empty, *held = NULL;
    char name[64];
    struct stat file;
    bool there;
    enum err err = ERR_OK;

    *made = false;
    (void)snprintf(name, sizeof(name), "%s.ring", kind_name(kind));
    there = fstatat(dir, name, &file, AT_SYMLINK_NOFOLLOW) == 0;
    if (!there && errno != ENOENT) {
        err = ERR_SYSTEM;
        goto done;
    }
    if (there && !add) {
        goto done;
    }
    if (there) {
        if ((err = ring_load(path, kind, &held)) != ERR_OK) {
            goto done;
        }
        ring = held;
    }
    if ((err = add_key(ring, kind, now, keep)) != ERR_OK ||
        (err = ring_write(dir, kind, ring, there)) != ERR_OK) {
        goto done;
    }
    *made = true;
done:
    wipe(&empty, sizeof(empty));
    ring_free(held);
    return err;
}

enum err keyring_generate(const char *dir, unsigned kinds, bool add, msec now, msec keep,
                          unsigned *made)
{
    int fd = -1;
    enum err err = ERR_SYSTEM;

    *made = 0;
    if (keep < 0 || now < 0 || keep > INT64_MAX - now) {
        return ERR_INPUT;
    }
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        goto done;
    }
    /* One keygen at a time: two that rotate at once would each drop the other's new key. */
    if ((fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 || flock(fd, LOCK_EX) != 0) {
        goto done;
    }
    err = ERR_OK;
    for (unsigned kind = 0; kind < KIND_COUNT && err == ERR_OK; kind++) {
        bool one = false;

        if ((kinds & KIND_BIT(kind)) == 0) {
            continue;
        }
        err = generate_one(dir, fd, (enum kind)kind, add, now, keep, &one);
        if (one) {
            *made |= KIND_BIT(kind);
        }
    }
done:
    if (err == ERR_SYSTEM && fd < 0) {
        log_line(LOG_ERROR, "key directory cannot be used", LOG_T("dir", dir),
                 LOG_T("why", strerror(errno)));
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return err;
}
