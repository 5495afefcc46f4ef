/* SPDX-License-Identifier: Apache-2.0 */
/* The subscriptions of a space at work: their table, from start to stop. */
#include "context/subscriptions/notifier.h"

#include <string.h>

#include "base/limits.h"
#include "context/entity/record.h"
#include "context/subscriptions/notifier_inside.h"

enum { WORKERS = 3 };

struct counter notifier_counters[NOTIFIER_COUNTERS] = {
    [COUNT_SENT] = {"zhongshu_notifications_sent_total", COUNTER_COUNTER,
                    "Notifications taken by their endpoints", "已送达的通知数"},
    [COUNT_FAILED] = {"zhongshu_notifications_failed_total", COUNTER_COUNTER,
                      "Attempts to notify that failed", "发送失败的通知次数"},
    [COUNT_PARKED] = {"zhongshu_subscriptions_parked_total", COUNTER_COUNTER,
                      "Subscriptions paused after too many failures", "因多次失败而暂停的订阅数"},
    [COUNT_SUBSCRIPTIONS] = {"zhongshu_subscriptions", COUNTER_GAUGE, "Subscriptions", "订阅数"},
};

struct notifier *notifier_start(const struct notifier_options *o)
{
    counters_register(notifier_counters, NOTIFIER_COUNTERS);
    view_auto v = view_begin(o->store);
    uint64_t cursor = view_cursor(v, NOTIFIER_CURSOR);
    struct notifier *n = g_new0(struct notifier, 1);
    n->references = 1;
    n->o = *o;
    n->o.tenant = g_strdup(o->tenant);
    n->o.snapshot = g_strdup(o->snapshot);
    g_mutex_init(&n->lock);
    n->entries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)entry_unref);
    n->index = subscription_index_new();
    n->waiting = g_tree_new_full(waiting_order, NULL, NULL, NULL);
    n->behind = g_hash_table_new(NULL, NULL);
    n->unsaved = g_ptr_array_new_with_free_func((GDestroyNotify)entry_unref);
    n->hosts = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, host_free);
    n->started = instant_now();
    n->loaded = cursor;
    n->position = cursor != 0 ? cursor : store_log_end(o->store);
    n->workers = g_thread_pool_new(run_turn, NULL, WORKERS, TRUE, NULL);
    return n;
}

/* After the stored subscriptions have been put. */
static void start_thread(struct notifier *n)
{
    if (n->thread == NULL) {
        n->thread = g_thread_new("notifier", notifier_follow, n);
    }
}

/* Lets go of all that keeps entries. Under the lock. */
static void release_entries(struct notifier *n, GHashTable *entries)
{
    GHashTableIter i;
    void *value;
    g_hash_table_iter_init(&i, n->hosts);
    while (g_hash_table_iter_next(&i, NULL, &value)) {
        g_queue_clear_full(&((struct host *)value)->waiting, (GDestroyNotify)entry_unref);
    }
    g_hash_table_iter_init(&i, entries);
    while (g_hash_table_iter_next(&i, NULL, &value)) {
        deliveries_clear(value);
        record_need_before(-(int)((struct entry *)value)->def->needs_before);
    }
    g_ptr_array_unref(n->unsaved);
}

void notifier_stop(struct notifier *n)
{
    if (n == NULL) {
        return;
    }
    g_mutex_lock(&n->lock);
    n->stopping = true;
    g_mutex_unlock(&n->lock);
    store_log_nudge(n->o.store);
    if (n->thread != NULL) {
        g_thread_join(g_steal_pointer(&n->thread));
    }
    g_thread_pool_free(g_steal_pointer(&n->workers), FALSE, TRUE);
    g_mutex_lock(&n->lock);
    GHashTable *entries = g_steal_pointer(&n->entries);
    release_entries(n, entries);
    g_mutex_unlock(&n->lock);
    counter_add(&notifier_counters[COUNT_SUBSCRIPTIONS], -(int64_t)g_hash_table_size(entries));
    g_hash_table_unref(entries);
    notifier_unref(n);
}

/* ---- the table ---- */

/* Under the lock: sets a new or changed entry going. */
static void begin(struct notifier *n, struct entry *x)
{
    instant now = instant_now();
    entry_settle_index(x);
    if (x->phase == PARKED || x->phase == SENDING || x->host == NULL) {
        return;
    }
    if (x->def->interval > 0) {
        x->next = now + x->def->interval;
        entry_wait_until(x, x->next);
        return;
    }
    if (x->cursor < n->position && x->pending->len == 0) {
        entry_scan(x);
    }
    if (x->phase != IDLE || x->scanning || x->pending->len > 0) {
        entry_make_ready(x);
    }
}

static struct entry *entry_new(struct notifier *n, struct subscription *s, const struct json *state)
{
    struct entry *x = g_new0(struct entry, 1);
    x->references = 1;
    x->owner = n;
    g_atomic_int_inc(&n->references);
    x->def = subscription_ref(s);
    x->pending = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    g_queue_init(&x->deliveries);
    if (state != NULL) {
        entry_read_state(x, state);
        x->cursor = x->phase == PARKED ? x->cursor : MAX(x->cursor, n->loaded);
        x->scanning = x->phase == PARKED;
    } else {
        x->cursor = store_log_end(n->o.store);
    }
    entry_bind_host(x);
    return x;
}

/* A new version takes the place of the old one; what it was doing goes on. */
static void replace(struct notifier *n, struct entry *x, struct subscription *s)
{
    instant now = instant_now();
    bool was_on = x->def->active && !entry_is_expired(x, now);
    bool was_parked = x->phase == PARKED;
    if (x->indexed) {
        subscription_index_remove(n->index, x->def, x);
        x->indexed = false;
    }
    entry_release_host(x);
    record_need_before(s->needs_before - x->def->needs_before);
    subscription_unref(x->def);
    x->def = subscription_ref(s);
    entry_bind_host(x);
    x->attempts = 0;
    entry_changed(x);
    if (was_parked && s->active) {
        entry_wait_until(x, now);
    } else if (!was_on || x->phase == IDLE) {
        x->cursor = n->position; /* what it did not follow, or what did not apply, is not looked at again */
        g_array_set_size(x->pending, 0);
        x->scanning = false;
    }
    if (x->phase != PARKED) {
        entry_set_phase(x, x->phase == WAITING ? IDLE : x->phase); /* begin() sees to the rest */
    }
}

void notifier_put(struct notifier *n, struct subscription *s, const struct json *state)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&n->lock);
    if (n->entries == NULL) {
        return;
    }
    s->tenant = n->o.tenant;
    s->snapshot = n->o.snapshot;
    struct entry *x = g_hash_table_lookup(n->entries, s->id);
    if (x != NULL) {
        replace(n, x, s);
    } else {
        x = entry_new(n, s, state);
        g_hash_table_insert(n->entries, g_strdup(s->id), x);
        record_need_before(s->needs_before);
        counter_add(&notifier_counters[COUNT_SUBSCRIPTIONS], 1);
    }
    begin(n, x);
    start_thread(n);
}

bool notifier_remove(struct notifier *n, const char *id)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&n->lock);
    struct entry *x = n->entries != NULL ? g_hash_table_lookup(n->entries, id) : NULL;
    if (x == NULL) {
        return false;
    }
    x->removed = true;
    record_need_before(-(int)x->def->needs_before);
    entry_settle_index(x);
    entry_set_phase(x, IDLE);
    deliveries_clear(x);
    entry_release_host(x);
    g_hash_table_remove(n->entries, id);
    counter_add(&notifier_counters[COUNT_SUBSCRIPTIONS], -1);
    return true;
}

struct subscription *notifier_find(struct notifier *n, const char *id)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&n->lock);
    struct entry *x = n->entries != NULL ? g_hash_table_lookup(n->entries, id) : NULL;
    return x != NULL ? subscription_ref(x->def) : NULL;
}

int notifier_count(struct notifier *n)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&n->lock);
    return n->entries != NULL ? (int)g_hash_table_size(n->entries) : 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char **notifier_ids(struct notifier *n, int64_t offset, int64_t limit)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&n->lock);
    guint count = 0;
    g_autofree gpointer *all = g_hash_table_get_keys_as_array(n->entries, &count);
    qsort(all, count, sizeof *all, by_text);
    g_autoptr(GStrvBuilder) ids = g_strv_builder_new();
    for (int64_t i = offset; i < (int64_t)count && i < offset + limit; i++) {
        g_strv_builder_add(ids, all[i]);
    }
    return g_strv_builder_end(ids);
}

struct json *notifier_describe(struct notifier *n, struct arena *a, const char *id)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&n->lock);
    const struct entry *x = n->entries != NULL ? g_hash_table_lookup(n->entries, id) : NULL;
    return x != NULL ? entry_show(a, x, instant_now()) : NULL;
}

void notifier_count_streamed(struct notifier *n, const char *id)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&n->lock);
    struct entry *x = n->entries != NULL ? g_hash_table_lookup(n->entries, id) : NULL;
    if (x != NULL) {
        x->sent++;
        x->last = x->last_success = instant_now();
        counter_add(&notifier_counters[COUNT_SENT], 1);
        entry_changed(x);
    }
}
