/*
 * The end of the process: asked for by a signal or by a thread that cannot go on,
 * heard at once by a thread of its own, and over within STOP_MS in any case.
 *
 *   SIGTERM, stop_failed -> listener -> stop_fd readable -> all who wait on it
 *                                    -> STOP_MS later: _exit
 *
 * The listener is made before anything that may take long (the configuration, a
 * migration, key rings), and sleeps in sigwait: whatever the main thread is stuck
 * in, a stop is never later.  _exit frees nothing, so a thread that is still in a
 * remote call keeps the memory that it stands on; what it leaves unfinished is
 * found in the store as after a kill.
 */
#include "base/log.h"
#include "web/internal.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define STOP_MS 4500 /* 5 s is the promise */

/* Signals are the process's, and so is this. */
static int event_fd = -1;
static atomic_bool asked;
static atomic_int code;

static void signals_of_stop(sigset_t *out)
{
    (void)sigemptyset(out);
    (void)sigaddset(out, SIGTERM);
    (void)sigaddset(out, SIGINT);
    (void)sigaddset(out, SIGUSR1);
}

static void *listen_for_stop(void *context)
{
    const struct timespec pause = {.tv_sec = STOP_MS / 1000, .tv_nsec = STOP_MS % 1000 * 1000000L};
    const uint64_t one = 1;
    sigset_t signals;
    int got;

    (void)context;
    signals_of_stop(&signals);
    while (sigwait(&signals, &got) != 0) {
    }
    atomic_store(&asked, true);
    if (write(event_fd, &one, sizeof(one)) != (ssize_t)sizeof(one)) {
        log_line(LOG_ERROR, "cannot wake the workers", LOG_N("errno", errno));
    }
    (void)nanosleep(&pause, NULL);
    log_line(LOG_WARN, "stopped with work unfinished", LOG_N("ms", STOP_MS));
    _exit(atomic_load(&code));
}

enum err stop_listen(void)
{
    sigset_t signals;
    pthread_t listener;

    signals_of_stop(&signals);
    /* Before any thread is made: all inherit it, and only the listener takes signals. */
    if (pthread_sigmask(SIG_BLOCK, &signals, NULL) != 0) {
        return ERR_SYSTEM;
    }
    event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event_fd < 0 || pthread_create(&listener, NULL, listen_for_stop, NULL) != 0) {
        return ERR_SYSTEM;
    }
    (void)pthread_detach(listener);
    return ERR_OK;
}

void stop_failed(void)
{
    atomic_store(&code, 1);
    (void)kill(getpid(), SIGTERM);
}

bool stop_asked(void)
{
    return atomic_load(&asked);
}

int stop_fd(void)
{
    return event_fd;
}

int stop_code(void)
{
    return atomic_load(&code);
}
