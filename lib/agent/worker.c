#include "agent/worker.h"

#include "base/log.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TICK_MS 250
#define KEEP_MS 1000

struct job {
    uint8_t id[RECORD_ID_SIZE];
    uint64_t expected; /* version; 0: whoever is first */
};

struct workers {
    struct advance advance;
    pthread_t threads[WORKER_THREADS];
    pthread_t looker;
    pthread_mutex_t lock;
    pthread_cond_t work; /* a job, or the stop */
    pthread_cond_t look; /* the stop */
    pthread_cond_t gone; /* a thread has ended */
    /* under the lock: */
    struct job queue[WORKER_QUEUE];
    size_t first, count;
    struct job active[WORKER_THREADS];
    struct turn_hold *holds[WORKER_THREADS]; /* NULL: idle, or taking one */
    bool busy[WORKER_THREADS];
    size_t living;
    size_t speaking; /* threads that wait for a model */
    msec next_due;   /* the earliest turn that this process gave back; 0 for none */
    bool stopping;
};

static bool known(const struct workers *workers, const uint8_t *id)
{
    for (size_t i = 0; i < workers->count; i++) {
        if (memcmp(workers->queue[(workers->first + i) % WORKER_QUEUE].id, id, RECORD_ID_SIZE) ==
            0) {
            return true;
        }
    }
    for (size_t i = 0; i < WORKER_THREADS; i++) {
        if (workers->busy[i] && memcmp(workers->active[i].id, id, RECORD_ID_SIZE) == 0) {
            return true;
        }
    }
    return false;
}

/* Under the lock. */
static void enqueue(struct workers *workers, const uint8_t *id, uint64_t expected)
{
    /* Who made a turn may take it in spite of its lease; a look that found it first may not. */
    if (workers->stopping || workers->count == WORKER_QUEUE ||
        (expected == 0 && known(workers, id))) {
        return;
    }
    struct job *job = &workers->queue[(workers->first + workers->count) % WORKER_QUEUE];
    memcpy(job->id, id, RECORD_ID_SIZE);
    job->expected = expected;
    workers->count++;
    (void)pthread_cond_signal(&workers->work);
}

void workers_submit(struct workers *workers, const uint8_t id[RECORD_ID_SIZE], uint64_t version)
{
    (void)pthread_mutex_lock(&workers->lock);
    enqueue(workers, id, version);
    (void)pthread_mutex_unlock(&workers->lock);
}

static void run_job(struct workers *workers, size_t slot, const struct job *job)
{
    struct turn_hold *hold = NULL;
    msec due_at = 0;
    enum err err =
        hold_take(workers->advance.store, job->id, job->expected, workers->advance.now(), &hold);
    if (err != ERR_OK) {
        if (err != ERR_NONE && err != ERR_CONFLICT) {
            log_line(LOG_WARN, "a turn could not be taken", LOG_T("error", err_name(err)));
        }
        return;
    }
    log_set_request_id(hold->turn->request_id);
    (void)pthread_mutex_lock(&workers->lock);
    bool stopping = workers->stopping;
    workers->holds[slot] = hold;
    (void)pthread_mutex_unlock(&workers->lock);
    if (stopping) {
        hold_drop(hold, workers->advance.now());
    } else {
        err = turn_advance(&workers->advance, hold, &due_at);
    }
    if (err != ERR_OK && err != ERR_CONFLICT) {
        log_line(LOG_WARN, "a turn was put off", LOG_T("turn", hold->turn->id),
                 LOG_T("error", err_name(err)));
    }
    (void)pthread_mutex_lock(&workers->lock);
    workers->holds[slot] = NULL;
    if (due_at != 0 && (workers->next_due == 0 || due_at < workers->next_due)) {
        workers->next_due = due_at;
    }
    (void)pthread_mutex_unlock(&workers->lock);
    hold_free(hold);
    log_set_request_id(NULL);
}

struct start {
    struct workers *workers;
    size_t slot;
};

static void *work(void *context)
{
    struct start *start = context;
    struct workers *workers = start->workers;
    size_t slot = start->slot;
    free(start);
    (void)pthread_mutex_lock(&workers->lock);
    for (;;) {
        while (workers->count == 0 && !workers->stopping) {
            (void)pthread_cond_wait(&workers->work, &workers->lock);
        }
        if (workers->stopping) {
            break;
        }
        struct job job = workers->queue[workers->first];
        workers->first = (workers->first + 1) % WORKER_QUEUE;
        workers->count--;
        workers->active[slot] = job;
        workers->busy[slot] = true;
        (void)pthread_mutex_unlock(&workers->lock);
        run_job(workers, slot, &job);
        (void)pthread_mutex_lock(&workers->lock);
        workers->busy[slot] = false;
    }
    workers->living--;
    (void)pthread_cond_broadcast(&workers->gone);
    (void)pthread_mutex_unlock(&workers->lock);
    return NULL;
}

/* ---- the looker ---- */

static void look(struct workers *workers, msec before, msec now)
{
    struct record_list list = {0};
    enum err err = record_due(workers->advance.store, KIND_TURN, before, now, WORKER_QUEUE, &list);
    if (err != ERR_OK) {
        log_line(LOG_WARN, "due turns could not be read", LOG_T("error", err_name(err)));
    }
    (void)pthread_mutex_lock(&workers->lock);
    for (size_t i = 0; i < list.count; i++) {
        enqueue(workers, list.records[i].id, 0);
    }
    (void)pthread_mutex_unlock(&workers->lock);
    record_list_free(&list);
}

/* Models may be slow for minutes; what a person has approved must not stand behind them. */
static bool enter(void *context)
{
    struct workers *workers = context;
    (void)pthread_mutex_lock(&workers->lock);
    bool free_place = workers->speaking < WORKER_STEPS;
    workers->speaking += free_place ? 1 : 0;
    (void)pthread_mutex_unlock(&workers->lock);
    return free_place;
}

static void leave(void *context)
{
    struct workers *workers = context;
    (void)pthread_mutex_lock(&workers->lock);
    workers->speaking--;
    (void)pthread_mutex_unlock(&workers->lock);
}

/* A hold is freed by its worker only after it has left the slot, which needs this lock. */
static void keep(struct workers *workers, msec now)
{
    (void)pthread_mutex_lock(&workers->lock);
    for (size_t i = 0; i < WORKER_THREADS; i++) {
        if (workers->holds[i] != NULL) {
            hold_keep(workers->holds[i], now);
        }
    }
    (void)pthread_mutex_unlock(&workers->lock);
}

/* Sleep a tick. False: stop. */
static bool tick(struct workers *workers)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += TICK_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    (void)pthread_mutex_lock(&workers->lock);
    if (!workers->stopping) {
        (void)pthread_cond_timedwait(&workers->look, &workers->lock, &until);
    }
    bool go_on = !workers->stopping;
    (void)pthread_mutex_unlock(&workers->lock);
    return go_on;
}

/* Is a turn due that this process itself gave back? */
static bool own_due(struct workers *workers, msec now)
{
    (void)pthread_mutex_lock(&workers->lock);
    bool due = workers->next_due != 0 && workers->next_due <= now;
    if (due) {
        workers->next_due = 0;
    }
    (void)pthread_mutex_unlock(&workers->lock);
    return due;
}

static void *look_on(void *context)
{
    struct workers *workers = context;
    uint64_t change = 0;
    msec looked_at = 0;
    msec kept_at = 0;
    msec offset = 0;
    do {
        msec mono = clock_monotonic();
        msec now = workers->advance.now();
        /* Before this process, or since it looked last, the clock may have been set back; then
         * what lies far ahead was due long ago.  Asking too early does no harm. */
        bool back = looked_at == 0 || now - mono < offset - SECONDS(1);
        offset = now - mono;
        uint64_t number = 0;
        /* A hint by another program changes the store; asking for its number is cheap. */
        bool changed =
            store_change_number(workers->advance.store, &number) == ERR_OK && number != change;
        if (own_due(workers, now) || changed || back || mono - looked_at >= WORKER_LOOK_MS) {
            change = number;
            looked_at = mono;
            look(workers, back ? now + TURN_KEPT : now, now);
        }
        if (mono - kept_at >= KEEP_MS) {
            kept_at = mono;
            keep(workers, now);
        }
    } while (tick(workers));
    (void)pthread_mutex_lock(&workers->lock);
    workers->living--;
    (void)pthread_cond_broadcast(&workers->gone);
    (void)pthread_mutex_unlock(&workers->lock);
    return NULL;
}

/* ---- start and stop ---- */

static enum err start_threads(struct workers *workers)
{
    for (size_t i = 0; i < WORKER_THREADS; i++) {
        struct start *start = malloc(sizeof *start);
        if (start == NULL) {
            return ERR_MEMORY;
        }
        *start = (struct start){workers, i};
        if (pthread_create(&workers->threads[i], NULL, work, start) != 0) {
            free(start);
            return ERR_SYSTEM;
        }
        (void)pthread_detach(workers->threads[i]);
        (void)pthread_mutex_lock(&workers->lock);
        workers->living++;
        (void)pthread_mutex_unlock(&workers->lock);
    }
    if (pthread_create(&workers->looker, NULL, look_on, workers) != 0) {
        return ERR_SYSTEM;
    }
    (void)pthread_detach(workers->looker);
    (void)pthread_mutex_lock(&workers->lock);
    workers->living++;
    (void)pthread_mutex_unlock(&workers->lock);
    return ERR_OK;
}

enum err workers_start(const struct advance *advance, struct workers **out)
{
    struct workers *workers = calloc(1, sizeof *workers);
    pthread_condattr_t attributes;
    sigset_t all;
    sigset_t before;
    *out = NULL;
    if (workers == NULL) {
        return ERR_MEMORY;
    }
    workers->advance = *advance;
    workers->advance.enter = enter;
    workers->advance.leave = leave;
    workers->advance.places = workers;
    (void)pthread_mutex_init(&workers->lock, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&workers->work, &attributes);
    (void)pthread_cond_init(&workers->look, &attributes);
    (void)pthread_cond_init(&workers->gone, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    /* Signals are the program loop's. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    enum err err = start_threads(workers);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (err != ERR_OK) {
        /* Threads that did start leave at once; were one to hang, its memory stays with it. */
        if (workers_stop(workers, SECONDS(1)) != ERR_OK) {
            log_line(LOG_ERROR, "a worker thread did not leave");
        }
        return err;
    }
    *out = workers;
    return ERR_OK;
}

/* Under the lock. */
static void end(struct workers *workers)
{
    workers->stopping = true;
    (void)pthread_cond_broadcast(&workers->work);
    (void)pthread_cond_broadcast(&workers->look);
    for (size_t i = 0; i < WORKER_THREADS; i++) {
        if (workers->holds[i] != NULL) {
            hold_drop(workers->holds[i], workers->advance.now());
        }
    }
}

void workers_end(struct workers *workers)
{
    if (workers != NULL) {
        (void)pthread_mutex_lock(&workers->lock);
        end(workers);
        (void)pthread_mutex_unlock(&workers->lock);
    }
}

enum err workers_stop(struct workers *workers, msec wait)
{
    struct timespec until;
    if (workers == NULL) {
        return ERR_OK;
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait / 1000;
    until.tv_nsec += wait % 1000 * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    (void)pthread_mutex_lock(&workers->lock);
    end(workers);
    int timed_out = 0;
    while (workers->living > 0 && timed_out == 0) {
        timed_out = pthread_cond_timedwait(&workers->gone, &workers->lock, &until);
    }
    bool gone = workers->living == 0;
    (void)pthread_mutex_unlock(&workers->lock);
    if (!gone) {
        return ERR_UNKNOWN;
    }
    (void)pthread_cond_destroy(&workers->gone);
    (void)pthread_cond_destroy(&workers->look);
    (void)pthread_cond_destroy(&workers->work);
    (void)pthread_mutex_destroy(&workers->lock);
    free(workers);
    return ERR_OK;
}
