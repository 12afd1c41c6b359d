#include "store/fault.h"

#ifdef COUNTERSIGN_FAULTS
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct spec {
    char kind[32], state[32], when[8];
    int64_t n;
};

/* The index of the write this thread is in, from its "before" to its "after"; 0: not counted. */
static _Thread_local int64_t current;

/*
 * mod_fcgid gives programs its own environment only; what every program has is
 * its configuration's name, so the two files may also lie beside that.
 */
static const char *beside_config(const char *suffix, char *out, size_t size)
{
    const char *config = getenv("COUNTERSIGN_CONFIG");
    int len = config == NULL ? -1 : snprintf(out, size, "%s%s", config, suffix);

    return len > 0 && (size_t)len < size && access(out, F_OK) == 0 ? out : NULL;
}

static bool read_spec(struct spec *out)
{
    const char *text = getenv("COUNTERSIGN_FAULT");
    char from_file[128] = "", beside[512] = "@";
    char *slash;
    char number[20];

    if (text == NULL && beside_config(".fault", beside + 1, sizeof beside - 1) != NULL) {
        text = beside;
    }
    if (text == NULL || text[0] == '\0') {
        return false;
    }
    if (text[0] == '@') {
        int fd = open(text + 1, O_RDONLY | O_CLOEXEC);
        ssize_t got = fd >= 0 ? read(fd, from_file, sizeof(from_file) - 1) : -1;

        if (fd >= 0) {
            (void)close(fd);
        }
        if (got <= 0) {
            return false;
        }
        from_file[got] = '\0';
        text = from_file;
    }
    memset(out, 0, sizeof(*out));
    if (sscanf(text, "%31[^:]:%19[0-9]:%7[a-z]", out->kind, number, out->when) != 3 ||
        text_number(number, INT64_MAX, &out->n) != ERR_OK) {
        return false;
    }
    if ((slash = strchr(out->kind, '/')) != NULL) {
        (void)snprintf(out->state, sizeof(out->state), "%s", slash + 1);
        *slash = '\0';
    }
    return true;
}

static bool state_matches(const char *payload, const char *state)
{
    char member[64];

    if (state[0] == '\0') {
        return true;
    }
    (void)snprintf(member, sizeof(member), "\"state\":\"%s\"", state);
    return payload != NULL && strstr(payload, member) != NULL;
}

/* One byte per counted write, under a lock, so that two processes never share an index. */
static int64_t next_index(void)
{
    static atomic_llong here;
    const char *path = getenv("COUNTERSIGN_FAULT_COUNT");
    char beside[512];
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct stat file;
    int64_t index = 0;
    int fd;

    if (path == NULL) {
        path = beside_config(".fault-count", beside, sizeof beside);
    }
    if (path == NULL) {
        return atomic_fetch_add(&here, 1) + 1;
    }
    if ((fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666)) < 0) {
        return 0;
    }
    /* Of the open file, not of the process: threads must not share an index either. */
    if (fcntl(fd, F_OFD_SETLKW, &whole) == 0 && write(fd, ".", 1) == 1 && fstat(fd, &file) == 0) {
        index = file.st_size;
    }
    (void)close(fd);
    return index;
}

void fault_point(const char *kind, const char *payload, const char *verb, const char *when)
{
    struct spec spec;

    (void)verb;
    if (!read_spec(&spec)) {
        current = 0;
        return;
    }
    if (strcmp(when, "before") == 0) {
        current =
            strcmp(kind, spec.kind) == 0 && state_matches(payload, spec.state) ? next_index() : 0;
    }
    if (current != 0 && current == spec.n && strcmp(when, spec.when) == 0) {
        (void)raise(SIGKILL);
    }
}
#endif
