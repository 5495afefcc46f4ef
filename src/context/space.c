/* SPDX-License-Identifier: Apache-2.0 */
/* The table of spaces: opened when asked for, closed when nothing is at work in them (picture in space.h). */
#include "context/space.h"

#include <string.h>

#include "base/counters.h"
#include "base/limits.h"
#include "base/log.h"
#include "context/expiry.h"
#include "context/notifier.h"
#include "context/registry.h"
#include "context/source_identity.h"
#include "context/subscription.h"

enum { TICK_MS = 1000, CACHE_KIB = 4096 };

enum { COUNT_TENANTS, COUNT_OPEN };
static struct counter counters[] = {
    {"zhongshu_tenants", COUNTER_GAUGE, "Tenants beside the default one", "默认租户以外的租户数"},
    {"zhongshu_spaces_open", COUNTER_GAUGE, "Tenants and snapshots whose files are open",
     "已打开的租户和快照数"},
};

static struct {
    struct space home;
    struct http_client *client;
    GMutex lock;
    GCond changed;      /* a state, or users of one that is leaving */
    GCond work;         /* for the thread */
    GHashTable *spaces; /* key → struct space, all but the default one; NULL when not started */
    int tenants, open;
    bool stopping, look;
    GThread *thread;
} t;

/* ---- one space; slots are made and freed under the lock ---- */

static char *tenants_dir(void)
{
    return g_build_filename(store_dir(t.home.store), "tenants", NULL);
}

static struct space *slot_new(enum space_kind kind, const char *name, const char *key, char *dir)
{
    struct space *s = g_new0(struct space, 1);
    s->kind = kind;
    s->name = g_strdup(name);
    s->key = g_strdup(key);
    s->dir = dir;
    g_hash_table_insert(t.spaces, s->key, s);
    t.tenants += kind == SPACE_TENANT;
    counter_set(&counters[COUNT_TENANTS], t.tenants);
    return s;
}

static struct space *tenant_slot(const char *name)
{
    g_autofree char *parent = tenants_dir();
    return slot_new(SPACE_TENANT, name, name, g_build_filename(parent, name, NULL));
}

static void slot_free(struct space *s)
{
    g_hash_table_remove(t.spaces, s->key);
    t.tenants -= s->kind == SPACE_TENANT;
    counter_set(&counters[COUNT_TENANTS], t.tenants);
    g_free((char *)s->name);
    g_free((char *)s->dir);
    g_free(s->key);
    g_free(s);
}

static void set_state(struct space *s, enum space_state state)
{
    t.open += (state == SPACE_OPEN) - (s->state == SPACE_OPEN);
    counter_set(&counters[COUNT_OPEN], t.open);
    s->state = state;
    g_cond_broadcast(&t.changed);
}

static void close_files(struct space *s)
{
    notifier_stop(g_steal_pointer(&s->notifier));
    registry_close(g_steal_pointer(&s->registry));
    store_close(g_steal_pointer(&s->store));
}

static bool open_files(struct space *s, struct error *e)
{
    const struct store_options options = {.cache_kib = CACHE_KIB};
    bool tenant = s->kind == SPACE_TENANT;
    s->store = store_open(s->dir, &options, e);
    s->registry = s->store != NULL && tenant ? registry_open(s->store, s->name, e) : NULL;
    if (s->store == NULL || (tenant && s->registry == NULL)) {
        close_files(s);
        return false;
    }
    s->notifier = tenant ? subscription_load(s->store, t.client, s->name) : NULL;
    return true;
}

/* Does something go on in it while nobody asks? */
static bool is_at_work(struct space *s)
{
    return (s->notifier != NULL && notifier_count(s->notifier) > 0) || registry_is_at_work(s->registry);
}

/* ---- taking and giving back ---- */

struct space *space_default(void)
{
    return &t.home;
}

struct space *space_ref(struct space *s)
{
    if (s->kind != SPACE_DEFAULT) {
        g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&t.lock);
        s->users++;
    }
    return s;
}

void space_unref(struct space *s)
{
    if (s == NULL || s->kind == SPACE_DEFAULT) {
        return;
    }
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&t.lock);
    s->last_use = g_get_monotonic_time();
    if (--s->users > 0) {
        return;
    }
    if (s->state == SPACE_LEAVING || t.stopping) {
        g_cond_broadcast(&t.changed);
    } else if (s->fresh || t.open > LIMIT_OPEN_SPACES) {
        t.look = true;
        g_cond_signal(&t.work);
    }
}

/* Under the lock: opens the files of a space that has just been taken. */
static bool open_now(struct space *s, struct error *e)
{
    set_state(s, SPACE_MOVING);
    g_mutex_unlock(&t.lock);
    bool ok = open_files(s, e);
    g_mutex_lock(&t.lock);
    set_state(s, ok ? SPACE_OPEN : SPACE_CLOSED);
    return ok;
}

static bool refuse_leaving(const struct space *s, struct error *e)
{
    return error_set(e, ERROR_CONFLICT, "%.100s is being removed: try again in a moment",
                     "%.100s 正在被删除，请稍后再试", s->name);
}

static struct space *missing_tenant(const char *name, bool create, struct error *e)
{
    if (!create) {
        error_set(e, ERROR_NO_TENANT,
                  "There is no tenant \"%s\": it comes into being when something is created in it",
                  "没有租户“%s”：在其中创建内容时会自动建立", name);
        return NULL;
    }
    if (t.tenants >= LIMIT_TENANTS) {
        error_set(e, ERROR_FORBIDDEN, "There are %d tenants already: remove one first",
                  "租户数已达上限 %d：请先删除一个", LIMIT_TENANTS);
        return NULL;
    }
    struct space *s = tenant_slot(name);
    s->fresh = true;
    return s;
}

struct space *space_tenant(const char *name, bool create, struct error *e)
{
    if (!tenant_name_valid(name, e)) {
        return NULL;
    }
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&t.lock);
    struct space *s;
    while ((s = g_hash_table_lookup(t.spaces, name)) != NULL && s->state == SPACE_MOVING) {
        g_cond_wait(&t.changed, &t.lock);
    }
    if (s == NULL && (s = missing_tenant(name, create, e)) == NULL) {
        return NULL;
    }
    if (s->state == SPACE_LEAVING) {
        refuse_leaving(s, e);
        return NULL;
    }
    if (s->state == SPACE_CLOSED && !open_now(s, e)) {
        return NULL;
    }
    s->users++;
    return s;
}

/* ---- leaving ---- */

/* Under the lock, which is released meanwhile: the space goes with all its files, once nobody uses it. Who
 * asks for it is refused if it is leaving, and waits if it is moving. */
static bool leave(struct space *s, enum space_state as, struct error *e)
{
    set_state(s, as);
    while (s->users > 0) {
        g_cond_wait(&t.changed, &t.lock);
    }
    g_mutex_unlock(&t.lock);
    close_files(s);
    bool ok = store_erase(s->dir, e);
    g_mutex_lock(&t.lock);
    if (ok) {
        slot_free(s);
        g_cond_broadcast(&t.changed);
    } else {
        set_state(s, SPACE_CLOSED);
    }
    return ok;
}

bool space_tenant_remove(const char *name, struct error *e)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&t.lock);
    struct space *s;
    while ((s = g_hash_table_lookup(t.spaces, name)) != NULL && s->state == SPACE_MOVING) {
        g_cond_wait(&t.changed, &t.lock);
    }
    if (s == NULL) {
        return error_set(e, ERROR_NO_TENANT, "There is no tenant \"%.100s\"", "没有租户“%.100s”", name);
    }
    return s->state == SPACE_LEAVING ? refuse_leaving(s, e) : leave(s, SPACE_LEAVING, e);
}

/* ---- the thread: puts away what nobody needs ---- */

/* Under the lock: the open space that has rested longest, with nothing at work in it; NULL when there is
 * none.
 */
static struct space *find_resting(bool fresh)
{
    GHashTableIter i;
    void *value;
    struct space *best = NULL;
    g_hash_table_iter_init(&i, t.spaces);
    while (g_hash_table_iter_next(&i, NULL, &value)) {
        struct space *s = value;
        bool rests = s->state == SPACE_OPEN && s->users == 0 && (fresh ? s->fresh : !is_at_work(s));
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
        if (store_is_empty(s->store) && !leave(s, SPACE_MOVING, &e)) {
            log_failure("space", "remove a tenant that nothing was written to", &e);
        }
    }
}

static void close_resting(void)
{
    for (struct space *s; t.open > LIMIT_OPEN_SPACES && (s = find_resting(false)) != NULL;) {
        set_state(s, SPACE_MOVING);
        g_mutex_unlock(&t.lock);
        close_files(s);
        g_mutex_lock(&t.lock);
        set_state(s, SPACE_CLOSED);
    }
}

/* Under the lock: an open space after the one with this key that nobody removes, taken; NULL after the last.
 */
static struct space *next_open(const char *after)
{
    GHashTableIter i;
    void *value;
    struct space *best = NULL;
    g_hash_table_iter_init(&i, t.spaces);
    while (g_hash_table_iter_next(&i, NULL, &value)) {
        struct space *s = value;
        if (s->state == SPACE_OPEN && strcmp(s->key, after) > 0 &&
            (best == NULL || strcmp(s->key, best->key) < 0)) {
            best = s;
        }
    }
    if (best != NULL) {
        best->users++;
    }
    return best;
}

/* Under the lock, which is released meanwhile: deletes what has expired in all open spaces. */
static void sweep_all(void)
{
    g_autofree char *after = g_strdup("");
    g_mutex_unlock(&t.lock);
    expiry_sweep(t.home.store);
    g_mutex_lock(&t.lock);
    for (struct space *s; !t.stopping && (s = next_open(after)) != NULL;) {
        g_free(after);
        after = g_strdup(s->key);
        g_mutex_unlock(&t.lock);
        expiry_sweep(s->store);
        g_mutex_lock(&t.lock);
        s->users--;
        g_cond_broadcast(&t.changed);
    }
}

static void *run(void *unused)
{
    g_mutex_lock(&t.lock);
    while (!t.stopping) {
        gint64 until = g_get_monotonic_time() + TICK_MS * G_TIME_SPAN_MILLISECOND;
        while (!t.stopping && !t.look && g_cond_wait_until(&t.work, &t.lock, until)) {
        }
        t.look = false;
        drop_unused();
        close_resting();
        sweep_all();
    }
    g_mutex_unlock(&t.lock);
    return NULL;
}

/* ---- lists ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tenant_info *)a)->name, ((const struct tenant_info *)b)->name);
}

struct tenant_info *space_tenants(struct arena *a, int *count)
{
    g_mutex_lock(&t.lock);
    struct tenant_info *list = arena_array(a, struct tenant_info, (size_t)t.tenants + 1);
    GHashTableIter i;
    void *value;
    int n = 0;
    g_hash_table_iter_init(&i, t.spaces);
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
    g_mutex_unlock(&t.lock);
    qsort(list, (size_t)n, sizeof *list, by_name);
    *count = n;
    return list;
}

int64_t space_bytes(void)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&t.lock);
    int64_t total = store_size(t.home.store);
    GHashTableIter i;
    void *value;
    g_hash_table_iter_init(&i, t.spaces);
    while (g_hash_table_iter_next(&i, NULL, &value)) {
        total += store_bytes(((struct space *)value)->dir);
    }
    return total;
}

/* ---- start and stop ---- */

/* A tenant of which nothing is to be done until somebody asks stays closed. */
static bool needs_opening(const struct space *s, bool *needs, struct error *e)
{
    const struct store_options options = {.read_only = true, .cache_kib = CACHE_KIB};
    struct store *store = store_open(s->dir, &options, e);
    if (store == NULL) {
        return false;
    }
    view_auto v = view_begin(store);
    *needs = view_kv_count(v, SUBSCRIPTION_SPACE) > 0 || registry_needs_opening(v);
    view_end(g_steal_pointer(&v));
    store_close(store);
    return true;
}

static bool load_tenant(const char *name, struct error *e)
{
    bool needs = false;
    struct space *s = tenant_slot(name);
    g_autofree char *file = g_build_filename(s->dir, "hub.db", NULL);
    if (!g_file_test(file, G_FILE_TEST_EXISTS)) {
        return true; /* made just before a crash: made again when it is used */
    }
    if (!needs_opening(s, &needs, e)) {
        error_prefix(e, "tenant %s", name);
        return false;
    }
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&t.lock);
    return !needs || open_now(s, e);
}

static bool load_tenants(struct error *e)
{
    g_autofree char *dir = tenants_dir();
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
    counters_register(counters, G_N_ELEMENTS(counters));
    notification_senders_start();
    registry_keeper_start(client);
    t.client = client;
    t.stopping = false;
    t.spaces = g_hash_table_new(g_str_hash, g_str_equal);
    t.home = (struct space){
        .name = "", .dir = store_dir(s), .kind = SPACE_DEFAULT, .state = SPACE_OPEN, .store = s};
    if (!source_identity_start(s, e)) {
        return false;
    }
    t.home.registry = registry_open(s, NULL, e);
    if (t.home.registry == NULL) {
        return false;
    }
    t.home.notifier = subscription_load(s, client, NULL);
    if (!load_tenants(e)) {
        return false;
    }
    t.thread = g_thread_new("spaces", run, NULL);
    return true;
}

static void stop_thread(void)
{
    g_mutex_lock(&t.lock);
    t.stopping = true;
    g_cond_signal(&t.work);
    g_mutex_unlock(&t.lock);
    if (t.thread != NULL) {
        g_thread_join(g_steal_pointer(&t.thread));
    }
}

void space_stop(void)
{
    if (t.spaces == NULL) {
        return;
    }
    stop_thread();
    registry_keeper_stop();
    notifier_stop(g_steal_pointer(&t.home.notifier));
    registry_close(g_steal_pointer(&t.home.registry));
    g_autoptr(GList) all = g_hash_table_get_values(t.spaces);
    g_mutex_lock(&t.lock);
    for (GList *i = all; i != NULL; i = i->next) {
        struct space *s = i->data;
        while (s->users > 0) {
            g_cond_wait(&t.changed, &t.lock);
        }
        close_files(s);
        set_state(s, SPACE_CLOSED);
        slot_free(s);
    }
    g_clear_pointer(&t.spaces, g_hash_table_unref);
    g_mutex_unlock(&t.lock);
    notification_senders_stop();
}
