/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that wakes live streams. */
#include "context/subscriptions/stream_pump.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"

enum { BUSY_MS = 50 /* the shortest time between two wakes */ };

static struct {
    GMutex lock; /* of streams; held while waking, so that none is freed meanwhile */
    GHashTable *streams;
    gint dirty; /* a commit has come since the last wake */
    gint stopping;
    int event; /* an eventfd: something of the above has changed */
    GThread *thread;
} pump;

void stream_pump_add(struct pumped *p)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&pump.lock);
    g_hash_table_add(pump.streams, p);
}

void stream_pump_remove(struct pumped *p)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&pump.lock);
    g_hash_table_remove(pump.streams, p);
}

static void signal_pump(void)
{
    uint64_t one = 1;
    if (write(pump.event, &one, sizeof one) < 0) {
        log_warning("stream", "cannot signal the pump");
    }
}

/* On the writer thread. */
static void on_commit(void *user)
{
    if (g_atomic_int_compare_and_exchange(&pump.dirty, 0, 1)) {
        signal_pump();
    }
}

/* Waits for a signal and takes it. */
static void wait_for_signal(int milliseconds)
{
    struct pollfd p = {.fd = pump.event, .events = POLLIN};
    uint64_t n;
    if (poll(&p, 1, milliseconds) > 0 && read(pump.event, &n, sizeof n) < 0) {
        log_warning("stream", "cannot read the pump's signal");
    }
}

/* Wakes all after a commit, else those that have been silent for long. */
static void wake_streams(bool all)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&pump.lock);
    gint64 silent_since = g_get_monotonic_time() - STREAM_HEARTBEAT_S * G_USEC_PER_SEC;
    GHashTableIter i;
    void *key;
    g_hash_table_iter_init(&i, pump.streams);
    while (g_hash_table_iter_next(&i, &key, NULL)) {
        struct pumped *c = key;
        bool silent = c->last_sent < silent_since;
        if (silent) {
            g_atomic_int_set(&c->heartbeat, 1);
        }
        if (all || silent || c->polled) {
            stream_wake(c->stream);
        }
    }
}

static void *run_pump(void *unused)
{
    while (!g_atomic_int_get(&pump.stopping)) {
        bool all = g_atomic_int_compare_and_exchange(&pump.dirty, 1, 0);
        wake_streams(all);
        if (all) {
            g_usleep(BUSY_MS * 1000);
        }
        if (!g_atomic_int_get(&pump.dirty)) {
            wait_for_signal(1000);
        }
    }
    return NULL;
}

void stream_pump_start(struct store *s)
{
    pump.stopping = 0;
    pump.streams = g_hash_table_new(NULL, NULL);
    pump.event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pump.thread = g_thread_new("stream", run_pump, NULL);
    store_log_watch(s, on_commit, NULL);
}

void stream_pump_stop(void)
{
    if (pump.thread == NULL) {
        return;
    }
    g_atomic_int_set(&pump.stopping, 1);
    signal_pump();
    g_thread_join(g_steal_pointer(&pump.thread));
    g_clear_pointer(&pump.streams, g_hash_table_unref);
}
