#include "crypto/keyring_file.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RING_FILE_MAX ((size_t)16 * 1024)

const char *kind_name(enum kind kind)
{
    static const char *const names[KIND_COUNT] = {
#define KIND_NAME(enumerator, file) [enumerator] = (file),
        KINDS(KIND_NAME)
#undef KIND_NAME
    };
    return (unsigned)kind < KIND_COUNT ? names[kind] : "unknown";
}

enum err ring_path(const char *dir, enum kind kind, char **out)
{
    struct buf path = buf_make(4096);

    buf_addf(&path, "%s/%s.ring", dir, kind_name(kind));
    return buf_take(&path, out);
}

void ring_free(struct ring *ring)
{
    while (ring != NULL) {
        struct ring *older = ring->older;

        wipe(ring, sizeof(*ring));
        free(ring);
        ring = older;
    }
}

static enum err parse_key(const json_t *object, struct ring_key *out)
{
    static const char *const known[] = {"id", "key", "until", NULL};
    const char *id = js_text(object, "id"), *key = js_text(object, "key");
    uint8_t id_bytes[KEY_ID_SIZE];
    size_t id_len = sizeof(id_bytes), key_len = KEY_SIZE;
    json_int_t until = 0;
    enum err err;

    if (id == NULL || key == NULL || js_unknown_key(object, known) != NULL ||
        hex_decode(id, strlen(id), id_bytes, &id_len) != ERR_OK || id_len != KEY_ID_SIZE ||
        base64url_decode(key, strlen(key), out->key, &key_len) != ERR_OK || key_len != KEY_SIZE) {
        return ERR_CONFIG;
    }
    err = js_int(object, "until", 1, INT64_MAX, &until);
    if (err != ERR_OK && err != ERR_NONE) {
        return ERR_CONFIG;
    }
    out->id = (uint32_t)id_bytes[0] << 24 | (uint32_t)id_bytes[1] << 16 |
              (uint32_t)id_bytes[2] << 8 | id_bytes[3];
    out->until = until;
    return ERR_OK;
}

static enum err parse_ring(const char *text, size_t len, enum kind kind, struct ring *out)
{
    static const char *const known[] = {"version", "kind", "keys", NULL};
    const json_t *keys;
    json_t *root = NULL;
    json_int_t version;
    size_t count;
    enum err err = ERR_CONFIG;

    if (js_parse_object(text, len, RING_FILE_MAX, &root) != ERR_OK) {
        goto done;
    }
    keys = js_array(root, "keys");
    count = json_array_size(keys);
    if (js_unknown_key(root, known) != NULL || js_int(root, "version", 1, 1, &version) != ERR_OK ||
        !text_equal(js_text(root, "kind"), kind_name(kind)) || count < 1 || count > RING_KEYS_MAX) {
        goto done;
    }
    for (size_t i = 0; i < count; i++) {
        if (parse_key(json_array_get(keys, i), &out->keys[i]) != ERR_OK) {
            goto done;
        }
        /* One id, one key; and only the first, which seals, has no end. */
        if ((i == 0) != (out->keys[i].until == 0)) {
            goto done;
        }
        for (size_t j = 0; j < i; j++) {
            if (out->keys[j].id == out->keys[i].id) {
                goto done;
            }
        }
    }
    out->count = count;
    err = ERR_OK;
done:
    json_decref(root);
    return err;
}

static enum err read_ring(int fd, const struct stat *file, struct buf *out)
{
    char chunk[1024];
    ssize_t got;

    if (file->st_size <= 0 || (size_t)file->st_size > RING_FILE_MAX) {
        return ERR_CONFIG;
    }
    while ((got = read(fd, chunk, sizeof(chunk))) > 0) {
        buf_add(out, chunk, (size_t)got);
    }
    wipe(chunk, sizeof(chunk));
    return got < 0 ? ERR_CONFIG : buf_err(out);
}

enum err ring_load(const char *dir, enum kind kind, struct ring **out)
{
    struct buf text = buf_make_secret(RING_FILE_MAX);
    const char *why = "cannot be read";
    struct ring *ring = NULL;
    char *path = NULL;
    int fd = -1;
    enum err err;

    *out = NULL;
    if ((err = ring_path(dir, kind, &path)) != ERR_OK) {
        goto done;
    }
    err = ERR_MEMORY;
    if ((ring = calloc(1, sizeof(*ring))) == NULL) {
        goto done;
    }
    err = ERR_CONFIG;
    if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)) < 0 ||
        fstat(fd, &ring->file) != 0) {
        goto done;
    }
    why = "must be a plain file that others cannot read and only its owner can write";
    if (!S_ISREG(ring->file.st_mode) || (ring->file.st_mode & (S_IWGRP | S_IRWXO)) != 0) {
        goto done;
    }
    why = "is malformed";
    if (read_ring(fd, &ring->file, &text) != ERR_OK ||
        parse_ring(buf_str(&text), text.len, kind, ring) != ERR_OK) {
        goto done;
    }
    *out = ring;
    ring = NULL;
    err = ERR_OK;
done:
    if (err == ERR_CONFIG) {
        log_line(LOG_ERROR, "key ring refused", LOG_T("file", path), LOG_T("why", why));
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    ring_free(ring);
    buf_free(&text);
    free(path);
    return err;
}
