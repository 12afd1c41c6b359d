/* seal.h and keyring.h */
#include "crypto/seal.h"

#include "base/text.h"
#include "crypto/random.h"
#include "store_fixture.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define KINDS_HERE (KIND_BIT(KIND_SESSION) | KIND_BIT(KIND_TOKENS))

static char dir[128], file[160];

static int make_dir(void **state)
{
    const char *base = getenv("TMPDIR");

    (void)state;
    (void)snprintf(dir, sizeof(dir), "%s/countersign-keys-XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(dir));
    (void)snprintf(file, sizeof(file), "%s/session.ring", dir);
    return 0;
}

static int remove_dir(void **state)
{
    DIR *listing = opendir(dir);
    const struct dirent *entry;
    char path[512];

    (void)state;
    assert_non_null(listing);
    while ((entry = readdir(listing)) != NULL) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            assert_int_equal(unlink(path), 0);
        }
    }
    (void)closedir(listing);
    return rmdir(dir);
}

static void write_ring(const char *text, mode_t mode)
{
    FILE *out;

    (void)unlink(file);
    out = fopen(file, "w");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(chmod(file, mode), 0);
}

static unsigned generate(bool add, msec now, msec keep)
{
    unsigned made;

    assert_int_equal(keyring_generate(dir, KINDS_HERE, add, now, keep, &made), ERR_OK);
    return made;
}

static struct keyring *open_ring(void)
{
    struct keyring *ring;

    assert_int_equal(keyring_open(dir, KINDS_HERE, &ring), ERR_OK);
    return ring;
}

#define KNOWN_KEY "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define KNOWN_RING                                                                                 \
    "{\"version\":1,\"kind\":\"session\",\"keys\":[{\"id\":\"0a1b2c3d\",\"key\":\"" KNOWN_KEY      \
    "\"}]}"

/* Key 00..1f, nonce 100..111, computed apart with Node's crypto over header and data. */
static void known_answer(void **state)
{
    uint8_t nonce[SEAL_NONCE];
    struct buf out = buf_make(1024), plain = buf_make_secret(1024);
    struct keyring *ring;
    char hex[256];

    (void)state;
    write_ring(KNOWN_RING, 0400);
    assert_int_equal(keyring_open(dir, KIND_BIT(KIND_SESSION), &ring), ERR_OK);
    for (unsigned i = 0; i < SEAL_NONCE; i++) {
        nonce[i] = (uint8_t)(100 + i);
    }
    assert_int_equal(
        seal(ring, KIND_SESSION, (const uint8_t *)"associated", 10, "plain text", 10, nonce, &out),
        ERR_OK);
    assert_int_equal(out.len, SEAL_OVERHEAD + 10);
    hex_encode((const uint8_t *)out.data, out.len, hex);
    assert_string_equal(hex, "010a1b2c3d6465666768696a6b6c6d6e6f3877bf0f17c922fb4616dcc2590417cf"
                             "54cf3f22bd7e3a2a0862");
    assert_int_equal(seal_open(ring, KIND_SESSION, (const uint8_t *)"associated", 10, out.data,
                               out.len, T, &plain),
                     ERR_OK);
    assert_string_equal(buf_str(&plain), "plain text");
    buf_free(&out);
    buf_free(&plain);
    keyring_free(ring);
}

static void every_bit(void **state)
{
    static const uint8_t aad[] = "data", nonce[SEAL_NONCE] = {1};
    struct buf out = buf_make(1024), plain = buf_make_secret(1024);
    struct keyring *ring;

    (void)state;
    (void)generate(false, T, 0);
    ring = open_ring();
    assert_int_equal(seal(ring, KIND_SESSION, aad, 4, "text", 4, nonce, &out), ERR_OK);
    buf_adds(&plain, "before");
    for (size_t i = 0; i < out.len; i++) {
        for (unsigned bit = 1; bit < 256; bit <<= 1) {
            out.data[i] = (char)(out.data[i] ^ (char)bit);
            assert_int_equal(seal_open(ring, KIND_SESSION, aad, 4, out.data, out.len, T, &plain),
                             ERR_FORGED);
            out.data[i] = (char)(out.data[i] ^ (char)bit);
        }
        assert_int_equal(seal_open(ring, KIND_SESSION, aad, 4, out.data, i, T, &plain),
                         ERR_FORGED); /* cut: the tag's length is never the message's choice */
    }
    assert_int_equal(seal_open(ring, KIND_SESSION, aad, 3, out.data, out.len, T, &plain),
                     ERR_FORGED);
    assert_int_equal(seal_open(ring, KIND_SESSION, aad, 0, out.data, out.len, T, &plain),
                     ERR_FORGED);
    assert_int_equal(seal_open(ring, KIND_TOKENS, aad, 4, out.data, out.len, T, &plain),
                     ERR_FORGED);
    assert_int_equal(seal_open(ring, KIND_SESSION, aad, 4, NULL, 0, T, &plain), ERR_FORGED);
    assert_string_equal(buf_str(&plain), "before"); /* unchanged by every refusal */
    assert_int_equal(seal_open(ring, KIND_SESSION, aad, 4, out.data, out.len, T, &plain), ERR_OK);
    assert_string_equal(buf_str(&plain), "beforetext");
    buf_free(&out);
    buf_free(&plain);
    keyring_free(ring);
}

static void only_opened(void **state)
{
    static const uint8_t nonce[SEAL_NONCE] = {1};
    struct buf out = buf_make(1024);
    struct keyring *ring;
    const uint8_t *key;
    uint32_t id;

    (void)state;
    (void)generate(false, T, 0);
    assert_int_equal(keyring_open(dir, KIND_BIT(KIND_SESSION), &ring), ERR_OK);
    assert_true(keyring_has(ring, KIND_SESSION));
    assert_false(keyring_has(ring, KIND_TOKENS));
    assert_false(keyring_has(NULL, KIND_TOKENS));
    assert_int_equal(keyring_current(ring, KIND_TOKENS, &id, &key), ERR_CONFIG);
    assert_int_equal(keyring_current(NULL, KIND_TOKENS, &id, &key), ERR_CONFIG);
    assert_int_equal(seal(ring, KIND_TOKENS, NULL, 0, "x", 1, nonce, &out), ERR_CONFIG);
    assert_int_equal(out.len, 0);
    keyring_free(ring);
    keyring_free(NULL);
    buf_free(&out);
}

static void rotation(void **state)
{
    static const uint8_t nonce[SEAL_NONCE] = {1};
    struct buf sealed = buf_make(1024), after = buf_make(1024), plain = buf_make_secret(1024);
    struct keyring *running, *ring;
    const uint8_t *key;
    uint32_t first, second;

    (void)state;
    assert_int_equal(generate(false, T, 0), KINDS_HERE);
    assert_int_equal(generate(false, T, 0), 0); /* what is there stays */
    running = open_ring();
    assert_int_equal(keyring_current(running, KIND_SESSION, &first, &key), ERR_OK);
    assert_int_equal(seal(running, KIND_SESSION, NULL, 0, "old", 3, nonce, &sealed), ERR_OK);

    assert_int_equal(generate(true, T, SECONDS(60)), KINDS_HERE);
    ring = open_ring();
    assert_int_equal(keyring_current(ring, KIND_SESSION, &second, &key), ERR_OK);
    assert_int_not_equal(first, second);
    assert_int_equal(seal(ring, KIND_SESSION, NULL, 0, "new", 3, nonce, &after), ERR_OK);

    for (int step = -1; step <= 1; step++) {
        assert_int_equal(seal_open(ring, KIND_SESSION, NULL, 0, sealed.data, sealed.len,
                                   T + SECONDS(60) + step, &plain),
                         step <= 0 ? ERR_OK : ERR_FORGED);
    }
    /* A process that has been running since before opens the new seal, and then seals so too. */
    assert_int_equal(seal_open(running, KIND_SESSION, NULL, 0, after.data, after.len, T, &plain),
                     ERR_OK);
    assert_int_equal(keyring_current(running, KIND_SESSION, &first, &key), ERR_OK);
    assert_int_equal(first, second);
    assert_int_equal(seal_open(running, KIND_SESSION, NULL, 0, sealed.data, sealed.len,
                               T + SECONDS(60) + 1, &plain),
                     ERR_FORGED);
    /* Past its cut-off a key leaves the file at the next rotation. */
    assert_int_equal(generate(true, T + HOURS(1), SECONDS(60)), KINDS_HERE);
    keyring_free(ring);
    ring = open_ring();
    assert_int_equal(seal_open(ring, KIND_SESSION, NULL, 0, sealed.data, sealed.len, T, &plain),
                     ERR_FORGED);
    assert_int_equal(seal_open(ring, KIND_SESSION, NULL, 0, after.data, after.len, T, &plain),
                     ERR_OK);
    keyring_free(ring);
    keyring_free(running);
    buf_free(&sealed);
    buf_free(&after);
    buf_free(&plain);
}

/* A process that only seals learns of a rotation within half a minute. */
static void refresh(void **state)
{
    struct keyring *ring;
    const uint8_t *key;
    uint32_t first, second;

    (void)state;
    (void)generate(false, T, 0);
    ring = open_ring();
    keyring_refresh(ring, T);
    assert_int_equal(keyring_current(ring, KIND_SESSION, &first, &key), ERR_OK);
    (void)generate(true, T, 0);
    keyring_refresh(ring, T + SECONDS(29));
    assert_int_equal(keyring_current(ring, KIND_SESSION, &second, &key), ERR_OK);
    assert_int_equal(first, second);
    keyring_refresh(ring, T + SECONDS(30));
    assert_int_equal(keyring_current(ring, KIND_SESSION, &second, &key), ERR_OK);
    assert_int_not_equal(first, second);

    /* A ring that is spoilt in service leaves the one that was. */
    write_ring("{}", 0400);
    keyring_refresh(ring, T + SECONDS(90));
    assert_int_equal(keyring_current(ring, KIND_SESSION, &first, &key), ERR_OK);
    assert_int_equal(first, second);
    keyring_free(ring);
}

static void modes(void **state)
{
    static const mode_t bad[] = {0404, 0440 | 0020, 0402, 0666, 0444, 0401};
    struct keyring *ring;
    struct stat found;

    (void)state;
    (void)generate(false, T, 0);
    assert_int_equal(stat(file, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0400);
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(chmod(file, bad[i]), 0);
        assert_int_equal(keyring_open(dir, KINDS_HERE, &ring), ERR_CONFIG);
        assert_null(ring);
    }
    assert_int_equal(chmod(file, 0440), 0);
    ring = open_ring();
    keyring_free(ring);
    /* Rotating keeps what the operator gave the group. */
    (void)generate(true, T, 0);
    assert_int_equal(stat(file, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0440);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(keyring_open(dir, KINDS_HERE, &ring), ERR_CONFIG);
    assert_int_equal(symlink("tokens.ring", file), 0);
    assert_int_equal(keyring_open(dir, KINDS_HERE, &ring), ERR_CONFIG);
}

static void malformed(void **state)
{
#define KEYS(kind, keys) "{\"version\":1,\"kind\":\"" kind "\",\"keys\":[" keys "]}"
#define KEY(id, key, more) "{\"id\":\"" id "\",\"key\":\"" key "\"" more "}"
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "{\"version\":1,\"kind\":\"session\"}",
        KEYS("session", ""),
        KEYS("tokens", KEY("00000001", KNOWN_KEY, "")),
        KEYS("session", KEY("0000001", KNOWN_KEY, "")),
        KEYS("session", KEY("000000001a", KNOWN_KEY, "")),
        KEYS("session", KEY("0000000g", KNOWN_KEY, "")),
        KEYS("session", KEY("00000001", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg", "")),
        KEYS("session", KEY("00000001", KNOWN_KEY "AA", "")),
        KEYS("session", KEY("00000001", "", "")),
        KEYS("session", KEY("00000001", KNOWN_KEY, ",\"until\":1700000000000")),
        KEYS("session", KEY("00000001", KNOWN_KEY, ",\"other\":1")),
        KEYS("session", KEY("00000001", KNOWN_KEY, "") "," KEY("00000002", KNOWN_KEY, "")),
        KEYS("session", KEY("00000001", KNOWN_KEY, "") "," KEY("00000001", KNOWN_KEY,
                                                               ",\"until\":1700000000000")),
        KEYS("session",
             KEY("00000001", KNOWN_KEY, "") "," KEY("00000002", KNOWN_KEY, ",\"until\":\"1\"")),
        KEYS("session", KEY("00000001", KNOWN_KEY, "")) "x",
        "{\"version\":2,\"kind\":\"session\",\"keys\":[" KEY("00000001", KNOWN_KEY, "") "]}",
    };
    struct keyring *ring;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        write_ring(bad[i], 0400);
        if (keyring_open(dir, KIND_BIT(KIND_SESSION), &ring) != ERR_CONFIG) {
            fail_msg("accepted: %s", bad[i]);
        }
        assert_null(ring);
    }
    write_ring(KNOWN_RING, 0400);
    assert_int_equal(keyring_open(dir, KIND_BIT(KIND_SESSION), &ring), ERR_OK);
    keyring_free(ring);
    /* A malformed ring is not rotated away, which would lose its keys. */
    write_ring("{}", 0400);
    unsigned made;
    assert_int_equal(keyring_generate(dir, KINDS_HERE, true, T, 0, &made), ERR_CONFIG);
    assert_int_equal(made & KIND_BIT(KIND_SESSION), 0);
}

static void no_entropy(void **state)
{
    unsigned made;
    struct stat found;

    (void)state;
    random_fail_for_test(1);
    assert_int_equal(keyring_generate(dir, KINDS_HERE, false, T, 0, &made), ERR_SYSTEM);
    random_fail_for_test(0);
    assert_int_equal(made, 0);
    assert_int_not_equal(stat(file, &found), 0);
}

static void many_rotations(void **state)
{
    unsigned made;
    enum err err = ERR_OK;
    int times;

    (void)state;
    for (times = 0; times < 100 && err == ERR_OK; times++) {
        err = keyring_generate(dir, KIND_BIT(KIND_SESSION), true, T + times, HOURS(1), &made);
    }
    assert_int_equal(err, ERR_LIMIT); /* and not a key dropped before its cut-off */
    assert_int_equal(times, 65);
    assert_int_equal(keyring_generate(dir, KIND_BIT(KIND_SESSION), true, T + HOURS(2), 0, &made),
                     ERR_OK);
}

static void names(void **state)
{
    (void)state;
    assert_string_equal(kind_name(KIND_SESSION), "session");
    assert_string_equal(kind_name(KIND_AUDIT), "audit");
    assert_string_equal(kind_name(KIND_COUNT), "unknown");
}

#define TEST(name, function)                                                                       \
    {                                                                                              \
        name, function, make_dir, remove_dir, NULL                                                 \
    }

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST("AES-256-GCM with key id and data: a known answer", known_answer),
        TEST("row 31: any bit flipped, cut, other data, other kind: refused", every_bit),
        TEST("a ring that was not opened seals nothing", only_opened),
        TEST("row 37: rotation, cut-off, and a process that kept running", rotation),
        TEST("a rotation is seen within half a minute; a spoilt file is not taken", refresh),
        TEST("files that others can read or the group can write are refused", modes),
        TEST("malformed rings are refused and never rotated away", malformed),
        TEST("row 29: no entropy, no key", no_entropy),
        TEST("a full ring refuses one more", many_rotations),
        {"the names of kinds", names, NULL, NULL, NULL},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
