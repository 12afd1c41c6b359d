/* The kill points of the fault build, compiled in here whatever the build. */
#ifndef COUNTERSIGN_FAULTS
#define COUNTERSIGN_FAULTS
#endif
#include "../../lib/store/fault.c" /* NOLINT: compiled in here, whatever the build */

#include <setjmp.h>
#include <stdarg.h>
#include <sys/wait.h>

#include <cmocka.h>

static char count_file[128], spec_file[128];

/* Writes a child did before it died, or all of them; the write itself is a byte in a pipe. */
static int writes_of_child(const char *kind, const char *payload, int tries, bool *died)
{
    int done[2], status, writes = 0;
    pid_t child;
    char byte;

    assert_int_equal(pipe(done), 0);
    if ((child = fork()) == 0) {
        for (int i = 0; i < tries; i++) {
            fault_point("session", payload, "put", "before"); /* another kind does not count */
            fault_point("session", payload, "put", "after");
            fault_point(kind, payload, "put", "before");
            if (write(done[1], "x", 1) != 1) {
                _exit(1);
            }
            fault_point(kind, payload, "put", "after");
        }
        _exit(0);
    }
    assert_true(child > 0);
    (void)close(done[1]);
    while (read(done[0], &byte, 1) == 1) {
        writes++;
    }
    (void)close(done[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    *died = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    return writes;
}

static void before_and_after(void **state)
{
    bool died;

    (void)state;
    assert_int_equal(unsetenv("COUNTERSIGN_FAULT"), 0);
    assert_int_equal(writes_of_child("turn", NULL, 5, &died), 5);
    assert_false(died);
    assert_int_equal(setenv("COUNTERSIGN_FAULT", "turn:3:before", 1), 0);
    assert_int_equal(writes_of_child("turn", NULL, 5, &died), 2);
    assert_true(died);
    assert_int_equal(setenv("COUNTERSIGN_FAULT", "turn:3:after", 1), 0);
    assert_int_equal(writes_of_child("turn", NULL, 5, &died), 3);
    assert_true(died);
    assert_int_equal(writes_of_child("invocation", NULL, 5, &died), 5);
    assert_false(died);
    assert_int_equal(setenv("COUNTERSIGN_FAULT", "nonsense", 1), 0);
    assert_int_equal(writes_of_child("turn", NULL, 5, &died), 5);
    assert_false(died);
}

static void only_in_state(void **state)
{
    bool died;

    (void)state;
    assert_int_equal(setenv("COUNTERSIGN_FAULT", "turn/done:1:before", 1), 0);
    assert_int_equal(writes_of_child("turn", "{\"state\":\"running\"}", 2, &died), 2);
    assert_false(died);
    assert_int_equal(writes_of_child("turn", NULL, 2, &died), 2);
    assert_false(died);
    assert_int_equal(writes_of_child("turn", "{\"state\":\"done\"}", 2, &died), 0);
    assert_true(died);
}

static void counted_across(void **state)
{
    bool died;

    (void)state;
    assert_int_equal(setenv("COUNTERSIGN_FAULT", "turn:4:before", 1), 0);
    assert_int_equal(setenv("COUNTERSIGN_FAULT_COUNT", count_file, 1), 0);
    assert_int_equal(writes_of_child("turn", NULL, 2, &died), 2);
    assert_false(died);
    assert_int_equal(writes_of_child("turn", NULL, 9, &died), 1);
    assert_true(died);
    /* Who comes next passes the place. */
    assert_int_equal(writes_of_child("turn", NULL, 9, &died), 9);
    assert_false(died);
}

static void out_of_a_file(void **state)
{
    char at[140];
    FILE *file;
    bool died;

    (void)state;
    (void)snprintf(at, sizeof(at), "@%s", spec_file);
    assert_int_equal(setenv("COUNTERSIGN_FAULT", at, 1), 0);
    assert_int_equal(writes_of_child("turn", NULL, 3, &died), 3);
    assert_false(died);
    file = fopen(spec_file, "w");
    assert_non_null(file);
    assert_true(fputs("turn:2:after\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(writes_of_child("turn", NULL, 3, &died), 2);
    assert_true(died);
}

static int fresh(void **state)
{
    const char *base = getenv("TMPDIR");

    (void)state;
    (void)snprintf(count_file, sizeof(count_file), "%s/countersign-count-%ld",
                   base != NULL ? base : "/tmp", (long)getpid());
    (void)snprintf(spec_file, sizeof(spec_file), "%s/countersign-spec-%ld",
                   base != NULL ? base : "/tmp", (long)getpid());
    (void)unlink(count_file);
    (void)unlink(spec_file);
    return unsetenv("COUNTERSIGN_FAULT_COUNT");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        {"the n-th write of a kind, just before or just after", before_and_after, fresh, fresh,
         NULL},
        {"only writes in one state", only_in_state, fresh, fresh, NULL},
        {"counted over all processes", counted_across, fresh, fresh, NULL},
        {"the fault out of a file, read again each time", out_of_a_file, fresh, fresh, NULL},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
