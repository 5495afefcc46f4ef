/* SPDX-License-Identifier: Apache-2.0 */
/* The life of the spaces together: start and stop, the thread that puts away and sweeps, lists. */
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "context/entity/expiry.h"
#include "context/sources/registry.h"
#include "context/sources/source_identity.h"
#include "context/space/snapshot.h"
#include "context/space/space_inside.h"
#include "context/subscriptions/notifier.h"
#include "context/subscriptions/subscription.h"

enum { TICK_MS = 1000 };

/* ---- the thread: puts away what nobody needs ---- */

/* Under the lock: the open space that has rested longest, with nothing at work in it; NULL when there is
 * none.
 */
static struct space *find_resting(bool fresh)
{
    GHashTableIter i;
    void *value;
    struct space *best = NULL;
    g_hash_table_iter_init(&i, space_table.spaces);
    while (g_hash_table_iter_next(&i, NULL, &value)) {
        struct space *s = value;
        bool rests = s->state == SPACE_OPEN && s->users == 0 && (fresh ? s->fresh : !space_is_at_work(s));
        if (rests && (best == NULL || s->last_use < best->last_use)) {
            best = s;
        }
    }
    return best;
}

/* Under the lock: tenants that were made for a write that was then refused go again. */
static void drop_unused(void)
{
    for (struct space *s; (s = find_resting(true)) != NULL;) {
        struct error e = {0};
        s->fresh = false;
        if (store_is_empty(s->store) && !space_leave(s, SPACE_MOVING, &e)) {
            log_failure("space", "remove a tenant that nothing was written to", &e);
        }
    }
}

static void close_resting(void)
{
    for (struct space *s; space_table.open > LIMIT_OPEN_SPACES && (s = find_resting(false)) != NULL;) {
        space_set_state(s, SPACE_MOVING);
        g_mutex_unlock(&space_table.lock);
        space_close_files(s);
        g_mutex_lock(&space_table.lock);
        space_set_state(s, SPACE_CLOSED);
    }
}

/* Under the lock: an open space after the one with this key that nobody removes, taken; NULL after the last.
 */
static struct space *next_open(const char *after)
{
    GHashTableIter i;
    void *value;
    struct space *best = NULL;
    g_hash_table_iter_init(&i, space_table.spaces);
    while (g_hash_table_iter_next(&i, NULL, &value)) {
        struct space *s = value;
        if (s->state == SPACE_OPEN && strcmp(s->key, after) > 0 &&
            (best == NULL || strcmp(s->key, best->key) < 0)) {
            best = s;
        }
    }
    if (best != NULL) {
        space_add_user(best);
    }
    return best;
}

/* Under the lock, which is released meanwhile: deletes what has expired in all open spaces. */
static void sweep_all(void)
{
    g_autofree char *after = g_strdup("");
    g_mutex_unlock(&space_table.lock);
    expiry_sweep(space_table.home.store);
    g_mutex_lock(&space_table.lock);
    for (struct space *s; !space_table.stopping && (s = next_open(after)) != NULL;) {
        g_free(after);
        after = g_strdup(s->key);
        g_mutex_unlock(&space_table.lock);
        expiry_sweep(s->store);
        g_mutex_lock(&space_table.lock);
        space_drop_user(s);
    }
}

static void *run(void *unused)
{
    g_mutex_lock(&space_table.lock);
    while (!space_table.stopping) {
        gint64 until = g_get_monotonic_time() + TICK_MS * G_TIME_SPAN_MILLISECOND;
        while (!space_table.stopping && !space_table.look &&
               g_cond_wait_until(&space_table.work, &space_table.lock, until)) {
        }
        space_table.look = false;
        drop_unused();
        close_resting();
        sweep_all();
        g_mutex_unlock(&space_table.lock);
        snapshot_sweep();
        g_mutex_lock(&space_table.lock);
    }
    g_mutex_unlock(&space_table.lock);
    return NULL;
}

/* ---- lists ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tenant_info *)a)->name, ((const struct tenant_info *)b)->name);
}

struct tenant_info *space_tenants(struct arena *a, int *count)
{
    g_mutex_lock(&space_table.lock);
    struct tenant_info *list = arena_array(a, struct tenant_info, (size_t)space_table.tenants + 1);
    GHashTableIter i;
    void *value;
    int n = 0;
    g_hash_table_iter_init(&i, space_table.spaces);
    while (g_hash_table_iter_next(&i, NULL, &value)) {
        struct space *s = value;
        if (s->kind == SPACE_TENANT && s->state != SPACE_LEAVING) {
            bool open = s->state == SPACE_OPEN;
            list[n++] = (struct tenant_info){.name = arena_strdup(a, s->name),
                                             .open = open,
                                             .bytes = store_bytes(s->dir),
                                             .subscriptions = open ? notifier_count(s->notifier) : 0};
        }
    }
    g_mutex_unlock(&space_table.lock);
    qsort(list, (size_t)n, sizeof *list, by_name);
    *count = n;
    return list;
}

int64_t space_bytes(void)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&space_table.lock);
    int64_t total = store_size(space_table.home.store);
    GHashTableIter i;
    void *value;
    g_hash_table_iter_init(&i, space_table.spaces);
    while (g_hash_table_iter_next(&i, NULL, &value)) {
        total += store_bytes(((struct space *)value)->dir);
    }
    return total;
}

/* ---- start and stop ---- */

/* A tenant of which nothing is to be done until somebody asks stays closed. */
static bool needs_opening(struct space *s, bool *needs, struct error *e)
{
    const struct store_options options = {.read_only = true, .cache_kib = SPACE_CACHE_KIB};
    struct store *store = store_open(s->dir, &options, e);
    if (store == NULL) {
        return false;
    }
    view_auto v = view_begin(store);
    if (s->kind == SPACE_TENANT) {
        snapshot_load(v, s);
    }
    *needs = view_kv_count(v, SUBSCRIPTION_SPACE) > 0 || registry_needs_opening(v);
    view_end(g_steal_pointer(&v));
    store_close(store);
    return true;
}

/* Opens it if something is to be done in it. */
static bool load_space(const char *key, struct error *e)
{
    bool needs = false;
    g_mutex_lock(&space_table.lock);
    struct space *s = space_find(key);
    g_mutex_unlock(&space_table.lock);
    g_autofree char *file = g_build_filename(s->dir, "hub.db", NULL);
    if (!g_file_test(file, G_FILE_TEST_EXISTS)) {
        return true; /* made just before a crash: made again when it is used */
    }
    if (!needs_opening(s, &needs, e)) {
        error_prefix(e, "%s", s->name);
        return false;
    }
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&space_table.lock);
    s = needs ? space_find(key) : NULL;
    return s == NULL || s->state == SPACE_OPEN || space_open_now(s, e);
}

static bool load_tenant(const char *name, struct error *e)
{
    g_mutex_lock(&space_table.lock);
    space_slot_tenant(name);
    g_mutex_unlock(&space_table.lock);
    return load_space(name, e);
}

/* Those that are filled; the others are on their way through the hands of those that fill. */
static GPtrArray *filled_snapshots(void)
{
    GPtrArray *keys = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter i;
    void *value;
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&space_table.lock);
    g_hash_table_iter_init(&i, space_table.spaces);
    while (g_hash_table_iter_next(&i, NULL, &value)) {
        const struct space *s = value;
        if (s->kind == SPACE_SNAPSHOT && s->ready) {
            g_ptr_array_add(keys, g_strdup(s->key));
        }
    }
    return keys;
}

static bool load_snapshots(struct error *e)
{
    g_autoptr(GPtrArray) keys = filled_snapshots();
    for (guint i = 0; i < keys->len; i++) {
        if (!load_space(keys->pdata[i], e)) {
            return false;
        }
    }
    return true;
}

static bool load_tenants(struct error *e)
{
    g_autofree char *dir = g_build_filename(store_dir(space_table.home.store), "tenants", NULL);
    store_sweep(dir);
    g_autoptr(GDir) d = g_dir_open(dir, 0, NULL);
    for (const char *name; d != NULL && (name = g_dir_read_name(d)) != NULL;) {
        struct error ignored = {0};
        if (tenant_name_valid(name, &ignored) && !load_tenant(name, e)) {
            return false;
        }
    }
    return true;
}

bool space_start(struct store *s, struct http_client *client, struct error *e)
{
    counters_register(space_counters, SPACE_COUNTERS);
    notification_senders_start();
    registry_keeper_start(client);
    space_table.client = client;
    space_table.stopping = false;
    space_table.spaces = g_hash_table_new(g_str_hash, g_str_equal);
    space_table.home = (struct space){
        .name = "", .dir = store_dir(s), .kind = SPACE_DEFAULT, .state = SPACE_OPEN, .store = s};
    if (!source_identity_start(s, e)) {
        return false;
    }
    space_table.home.registry = registry_open(s, NULL, e);
    if (space_table.home.registry == NULL) {
        return false;
    }
    space_table.home.notifier = subscription_load(s, client, NULL, NULL);
    view_auto v = view_begin(s);
    snapshot_load(v, &space_table.home);
    view_end(g_steal_pointer(&v));
    if (!load_tenants(e) || !load_snapshots(e)) {
        return false;
    }
    space_table.thread = g_thread_new("spaces", run, NULL);
    return true;
}

static void stop_thread(void)
{
    g_mutex_lock(&space_table.lock);
    space_table.stopping = true;
    g_cond_signal(&space_table.work);
    g_mutex_unlock(&space_table.lock);
    if (space_table.thread != NULL) {
        g_thread_join(g_steal_pointer(&space_table.thread));
    }
}

void space_stop(void)
{
    if (space_table.spaces == NULL) {
        return;
    }
    stop_thread();
    registry_keeper_stop();
    notifier_stop(g_steal_pointer(&space_table.home.notifier));
    registry_close(g_steal_pointer(&space_table.home.registry));
    g_autoptr(GList) all = g_hash_table_get_values(space_table.spaces);
    g_mutex_lock(&space_table.lock);
    for (GList *i = all; i != NULL; i = i->next) {
        struct space *s = i->data;
        while (s->users > 0) {
            g_cond_wait(&space_table.changed, &space_table.lock);
        }
        space_close_files(s);
        space_set_state(s, SPACE_CLOSED);
        space_slot_free(s);
    }
    g_clear_pointer(&space_table.spaces, g_hash_table_unref);
    g_mutex_unlock(&space_table.lock);
    notification_senders_stop();
}
