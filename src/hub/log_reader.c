/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that follows the change log and hands its runs to a feature. */
#include "base/instant.h"
#include "base/log.h"
#include "hub/hub.h"

enum { TICK_US = 1000000, FIRST_PAUSE_MS = 100, LONGEST_PAUSE_MS = 5000 };

struct log_reader {
    struct store *store;
    struct log_reader_options options;
    char *name;
    GThread *thread;
    GMutex lock;
    GCond moved;
    uint64_t after; /* last record dealt with */
    bool stopping;
};

static GMutex running_lock;
static GPtrArray *running; /* of struct log_reader * */

static bool is_stopping(struct log_reader *r)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&r->lock);
    return r->stopping;
}

static void advance(struct log_reader *r, uint64_t to)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&r->lock);
    r->after = to;
    g_cond_broadcast(&r->moved);
}

/* Sleeps between two tries, or until stopped. */
static void pause_reader(struct log_reader *r, int *pause_ms)
{
    gint64 until = g_get_monotonic_time() + *pause_ms * G_TIME_SPAN_MILLISECOND;
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&r->lock);
    while (!r->stopping && g_cond_wait_until(&r->moved, &r->lock, until)) {
    }
    *pause_ms = MIN(*pause_ms * 2, LONGEST_PAUSE_MS);
}

/* Deals with one run; false when there was none or it failed. */
static bool step(struct log_reader *r, int *pause_ms)
{
    struct error e = {0};
    struct log_batch *b = store_log_read(r->store, r->after, &e);
    if (b == NULL && e.code == ERROR_NONE) {
        return false;
    }
    bool ok = b != NULL && r->options.batch(r->options.user, b, r->after, &e);
    if (ok) {
        advance(r, b->first + (uint64_t)b->count - 1);
        *pause_ms = FIRST_PAUSE_MS;
    } else {
        log_failure(r->name, "cannot deal with the change log, will try again", &e);
        pause_reader(r, pause_ms);
    }
    log_batch_unref(b);
    return ok;
}

static void *follow(void *data)
{
    struct log_reader *r = data;
    int pause_ms = FIRST_PAUSE_MS;
    gint64 next_tick = g_get_monotonic_time();
    while (!is_stopping(r)) {
        bool busy = step(r, &pause_ms);
        if (busy) {
            continue; /* ticks wait until all that is in the log was seen */
        }
        gint64 now = g_get_monotonic_time();
        if (r->options.tick != NULL && now >= next_tick) {
            r->options.tick(r->options.user, instant_now());
            next_tick = now + TICK_US;
        }
        store_log_wait(r->store, r->after, 50);
    }
    return NULL;
}

struct log_reader *log_reader_start(struct store *s, const struct log_reader_options *o)
{
    struct log_reader *r = g_new0(struct log_reader, 1);
    r->store = s;
    r->options = *o;
    r->name = g_strdup(o->name);
    r->after = o->from;
    if (o->from == UINT64_MAX) {
        view_auto v = view_begin(s);
        r->after = view_cursor(v, o->name);
    }
    g_mutex_init(&r->lock);
    g_cond_init(&r->moved);
    r->thread = g_thread_new(o->name, follow, r);
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&running_lock);
    if (running == NULL) {
        running = g_ptr_array_new();
    }
    g_ptr_array_add(running, r);
    return r;
}

void log_reader_stop(struct log_reader *r)
{
    if (r == NULL) {
        return;
    }
    g_mutex_lock(&running_lock);
    g_ptr_array_remove(running, r);
    g_mutex_unlock(&running_lock);
    g_mutex_lock(&r->lock);
    r->stopping = true;
    g_cond_broadcast(&r->moved);
    g_mutex_unlock(&r->lock);
    store_log_nudge(r->store);
    g_thread_join(r->thread);
    g_mutex_clear(&r->lock);
    g_cond_clear(&r->moved);
    g_free(r->name);
    g_free(r);
}

bool log_reader_wait(struct log_reader *r, uint64_t seq, int timeout_ms)
{
    gint64 until = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&r->lock);
    while (r->after < seq && g_cond_wait_until(&r->moved, &r->lock, until)) {
    }
    return r->after >= seq;
}

void log_readers_each(void (*each)(void *user, const char *name, uint64_t seq), void *user)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&running_lock);
    for (guint i = 0; running != NULL && i < running->len; i++) {
        struct log_reader *r = running->pdata[i];
        g_mutex_lock(&r->lock);
        uint64_t after = r->after;
        g_mutex_unlock(&r->lock);
        each(user, r->name, after);
    }
}
