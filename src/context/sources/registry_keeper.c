/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that looks after all registries: expiry, and the counters of registrations. */
#include <string.h>

#include "base/log.h"
#include "context/sources/source_subscription.h"

enum { TICK_MS = 200 };

static struct {
    GMutex lock; /* of registries: held during a look, which never waits for a store */
    GCond wake;
    GPtrArray *registries; /* not references: a registry takes itself away */
    GThread *thread;
    struct http_client *client;
    bool stopping;
} keeper;

/* One transaction that removes what has expired and keeps what has changed. */
struct keep_job {
    struct store_job job;
    struct registry *registry; /* a reference */
    struct arena *a;
    GPtrArray *expired; /* references */
    GPtrArray *removed; /* of the expired: those that were still there */
    GPtrArray *changed; /* references */
};

static bool save_state(struct keep_job *k, struct txn *t, struct registration *r, struct error *e)
{
    registration_auto current = registry_current(k->registry, r->id);
    const char *text = json_text(k->a, registration_state(k->a, r));
    return current == NULL ||
           txn_kv_put(t, REGISTRY_STATE_SPACE, r->id, strlen(r->id), text, strlen(text), e);
}

static bool apply(struct store_job *job, struct txn *t, struct error *e)
{
    struct keep_job *k = (struct keep_job *)job;
    for (guint i = 0; i < k->expired->len; i++) {
        struct registration *r = k->expired->pdata[i];
        registration_auto current = registry_current(k->registry, r->id);
        if (current == NULL || !registration_is_expired(current, txn_now(t))) {
            continue;
        }
        if (!registry_write(k->registry, t, k->a, r->id, NULL, e)) {
            return false;
        }
        g_ptr_array_add(k->removed, r);
    }
    for (guint i = 0; i < k->changed->len; i++) {
        if (!save_state(k, t, k->changed->pdata[i], e)) {
            return false;
        }
    }
    return true;
}

static void job_free(struct keep_job *k)
{
    g_mutex_lock(&k->registry->lock);
    k->registry->busy = false;
    g_mutex_unlock(&k->registry->lock);
    g_ptr_array_unref(k->removed);
    g_ptr_array_unref(k->expired);
    g_ptr_array_unref(k->changed);
    arena_free(k->a);
    registry_unref(k->registry);
    g_free(k);
}

static void done(struct store_job *job, const struct error *e)
{
    struct keep_job *k = (struct keep_job *)job;
    for (guint i = 0; i < k->removed->len; i++) {
        const struct registration *r = k->removed->pdata[i];
        registry_written(k->registry, r->id, NULL, e == NULL);
    }
    if (e != NULL) {
        log_failure("registry", "keep registrations", e);
    }
    job_free(k);
}

static bool take_unsaved(struct registration *r)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&r->lock);
    bool unsaved = r->unsaved;
    r->unsaved = false;
    return unsaved;
}

static struct keep_job *job_new(struct registry *r)
{
    struct keep_job *k = g_new0(struct keep_job, 1);
    k->job.apply = apply;
    k->job.done = done;
    k->registry = registry_ref(r);
    k->a = arena_new();
    k->expired = g_ptr_array_new_with_free_func((GDestroyNotify)registration_unref);
    k->removed = g_ptr_array_new();
    k->changed = g_ptr_array_new_with_free_func((GDestroyNotify)registration_unref);
    return k;
}

static void gather(struct keep_job *k)
{
    instant now = instant_now();
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&k->registry->lock);
    k->registry->busy = true;
    GHashTableIter i;
    gpointer value;
    g_hash_table_iter_init(&i, k->registry->by_name);
    while (g_hash_table_iter_next(&i, NULL, &value)) {
        struct registration *r = value;
        if (registration_is_expired(r, now)) {
            g_ptr_array_add(k->expired, registration_ref(r));
        } else if (take_unsaved(r)) {
            g_ptr_array_add(k->changed, registration_ref(r));
        }
    }
}

static bool is_busy(struct registry *r)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&r->lock);
    return r->busy;
}

static void look(struct registry *r)
{
    if (registry_is_empty(r) || is_busy(r)) {
        return;
    }
    struct keep_job *k = job_new(r);
    gather(k);
    if ((k->expired->len == 0 && k->changed->len == 0) || !store_submit(r->store, &k->job, NULL)) {
        for (guint i = 0; i < k->changed->len; i++) { /* again at the next look */
            registration_touch(k->changed->pdata[i]);
        }
        job_free(k);
    }
}

static void *run(void *unused)
{
    g_mutex_lock(&keeper.lock);
    while (!keeper.stopping) {
        for (guint i = 0; i < keeper.registries->len; i++) {
            look(keeper.registries->pdata[i]);
            source_subscribers_send(keeper.registries->pdata[i], keeper.client);
        }
        g_cond_wait_until(&keeper.wake, &keeper.lock, g_get_monotonic_time() + TICK_MS * 1000);
    }
    g_mutex_unlock(&keeper.lock);
    return NULL;
}

void registry_keeper_add(struct registry *r)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&keeper.lock);
    if (keeper.registries == NULL) {
        keeper.registries = g_ptr_array_new();
    }
    g_ptr_array_add(keeper.registries, r);
}

void registry_keeper_remove(struct registry *r)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&keeper.lock);
    look(r);
    g_ptr_array_remove(keeper.registries, r);
}

void registry_keeper_start(struct http_client *client)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&keeper.lock);
    if (keeper.registries == NULL) {
        keeper.registries = g_ptr_array_new();
    }
    keeper.stopping = false;
    keeper.client = client;
    keeper.thread = g_thread_new("registry", run, NULL);
}

void registry_keeper_stop(void)
{
    g_mutex_lock(&keeper.lock);
    keeper.stopping = true;
    g_cond_signal(&keeper.wake);
    GThread *thread = g_steal_pointer(&keeper.thread);
    g_mutex_unlock(&keeper.lock);
    if (thread != NULL) {
        g_thread_join(thread);
    }
}
