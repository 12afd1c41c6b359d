#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/secret.h"

static void holds_a_copy(void **state)
{
    (void)state;
    char bytes[] = "s3cr3t";
    struct secret *secret = NULL;
    assert_int_equal(secret_new(bytes, 6, &secret), ERR_OK);
    memset(bytes, 'x', 6);
    assert_string_equal(secret_text(secret), "s3cr3t");
    assert_int_equal(secret_len(secret), 6);
    struct secret *copy = NULL;
    assert_int_equal(secret_copy(secret, &copy), ERR_OK);
    secret_free(secret);
    assert_memory_equal(secret_bytes(copy), "s3cr3t", 7);
    secret_free(copy);
}

static void absent_is_empty_and_equal_to_nothing(void **state)
{
    (void)state;
    struct secret *empty = NULL;
    assert_int_equal(secret_new("", 0, &empty), ERR_OK);
    assert_string_equal(secret_text(NULL), "");
    assert_int_equal(secret_len(NULL), 0);
    assert_false(secret_equal(NULL, NULL));
    assert_false(secret_equal(empty, NULL));
    assert_false(secret_equal(NULL, empty));
    assert_false(secret_equal_text(NULL, ""));
    assert_false(secret_equal_text(empty, NULL));
    assert_true(secret_equal_text(empty, ""));
    struct secret *copy = empty;
    assert_int_equal(secret_copy(NULL, &copy), ERR_OK);
    assert_null(copy);
    secret_free(NULL);
    secret_free(empty);
}

static void equality_is_of_length_and_bytes(void **state)
{
    (void)state;
    struct secret *a = NULL;
    struct secret *b = NULL;
    assert_int_equal(secret_new("ab\0c", 4, &a), ERR_OK);
    assert_int_equal(secret_new("ab\0d", 4, &b), ERR_OK);
    assert_false(secret_equal(a, b));
    assert_true(secret_equal(a, a));
    assert_false(secret_equal_text(a, "ab")); /* a text ends at its NUL, a secret does not */
    secret_free(b);
    assert_int_equal(secret_new("ab\0", 3, &b), ERR_OK);
    assert_false(secret_equal(a, b));
    secret_free(a);
    secret_free(b);
}

static void longest_is_64_kib(void **state)
{
    (void)state;
    char *big = calloc(1, 65537);
    struct secret *secret = NULL;
    assert_non_null(big);
    assert_int_equal(secret_new(big, 65536, &secret), ERR_OK);
    secret_free(secret);
    assert_int_equal(secret_new(big, 65537, &secret), ERR_LIMIT);
    assert_null(secret);
    free(big);
}

static void wipe_clears(void **state)
{
    (void)state;
    char bytes[16] = "fifteen letters";
    wipe(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        assert_int_equal(bytes[i], 0);
    }
    wipe(NULL, 4);
    free_wiped(NULL);
    free_wiped(strdup("x"));
}

static void hardened_process_leaves_no_core(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit core = {1, 1};
        int bad = secrets_harden_process() != ERR_OK || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0 ||
                  getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_cur != 0 || core.rlim_max != 0;
        _exit(bad);
    }
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"a secret holds a copy of its own", holds_a_copy, NULL, NULL, NULL},
        {"an absent secret equals nothing", absent_is_empty_and_equal_to_nothing, NULL, NULL, NULL},
        {"equality compares length and bytes", equality_is_of_length_and_bytes, NULL, NULL, NULL},
        {"a secret over 64 KiB is refused", longest_is_64_kib, NULL, NULL, NULL},
        {"wipe clears every byte", wipe_clears, NULL, NULL, NULL},
        {"a hardened process is not dumpable", hardened_process_leaves_no_core, NULL, NULL, NULL},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
