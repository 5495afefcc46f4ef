/* SPDX-License-Identifier: Apache-2.0 */
/* The table of spaces: opened when asked for, closed when nothing is at work in them (picture in space.h). */
#include "context/space/space_inside.h"

#include <string.h>

#include "base/limits.h"
#include "context/sources/registry.h"
#include "context/subscriptions/notifier.h"
#include "context/subscriptions/subscription.h"
#include "context/terms/hosted.h"

enum { COUNT_TENANTS, COUNT_SNAPSHOTS, COUNT_OPEN };
struct counter space_counters[] = {
    {"zhongshu_tenants", COUNTER_GAUGE, "Tenants beside the default one", "默认租户以外的租户数"},
    {"zhongshu_snapshots", COUNTER_GAUGE, "Snapshots", "快照数"},
    {"zhongshu_spaces_open", COUNTER_GAUGE, "Tenants and snapshots whose files are open",
     "已打开的租户和快照数"},
};

struct space_table space_table;

/* ---- one space; slots are made and freed under the lock ---- */

static void count_slots(const struct space *s, int n)
{
    space_table.tenants += s->kind == SPACE_TENANT ? n : 0;
    space_table.snapshots += s->kind == SPACE_SNAPSHOT ? n : 0;
    counter_set(&space_counters[COUNT_TENANTS], space_table.tenants);
    counter_set(&space_counters[COUNT_SNAPSHOTS], space_table.snapshots);
}

static struct space *slot_new(enum space_kind kind, const char *name, char *key, char *dir)
{
    struct space *s = g_new0(struct space, 1);
    s->kind = kind;
    s->name = g_strdup(name);
    s->key = key;
    s->dir = dir;
    g_hash_table_insert(space_table.spaces, s->key, s);
    count_slots(s, 1);
    return s;
}

struct space *space_slot_tenant(const char *name)
{
    char *dir = g_build_filename(store_dir(space_table.home.store), "tenants", name, NULL);
    return slot_new(SPACE_TENANT, name, g_strdup(name), dir);
}

char *space_snapshot_key(const struct space *parent, const char *id)
{
    return g_strconcat(parent->name, "\n", id, NULL);
}

struct space *space_slot_snapshot(struct space *parent, const char *id, const char *folder)
{
    char *dir = g_build_filename(parent->dir, "snapshots", folder, NULL);
    struct space *s = slot_new(SPACE_SNAPSHOT, id, space_snapshot_key(parent, id), dir);
    s->parent = parent->kind == SPACE_TENANT ? parent : NULL;
    return s;
}

void space_slot_free(struct space *s)
{
    g_hash_table_remove(space_table.spaces, s->key);
    count_slots(s, -1);
    g_free((char *)s->name);
    g_free((char *)s->dir);
    g_free(s->key);
    g_free(s);
}

void space_set_state(struct space *s, enum space_state state)
{
    space_table.open += (state == SPACE_OPEN) - (s->state == SPACE_OPEN);
    counter_set(&space_counters[COUNT_OPEN], space_table.open);
    s->state = state;
    g_cond_broadcast(&space_table.changed);
}

void space_close_files(struct space *s)
{
    notifier_stop(g_steal_pointer(&s->notifier));
    registry_close(g_steal_pointer(&s->registry));
    store_close(g_steal_pointer(&s->store));
}

static bool open_kept(struct space *s, struct error *e)
{
    const struct store_options options = {.cache_kib = SPACE_CACHE_KIB};
    const struct space *tenant = s->kind == SPACE_TENANT ? s : s->parent;
    s->store = store_open(s->dir, &options, e);
    s->registry = s->store != NULL && tenant == s ? registry_open(s->store, s->name, e) : NULL;
    if (s->store == NULL || (tenant == s && s->registry == NULL)) {
        space_close_files(s);
        return false;
    }
    s->notifier = subscription_load(s->store, space_table.client, tenant != NULL ? tenant->name : NULL,
                                    s->kind == SPACE_SNAPSHOT ? s->name : NULL);
    return true;
}

/* What is read was accepted once: it must not wait for @contexts of other servers. */
static bool open_files(struct space *s, struct error *e)
{
    bool may_wait = hosted_may_wait(false);
    bool ok = open_kept(s, e);
    hosted_may_wait(may_wait);
    return ok;
}

/* Does something go on in it while nobody asks? */
bool space_is_at_work(struct space *s)
{
    return (s->notifier != NULL && notifier_count(s->notifier) > 0) || registry_is_at_work(s->registry);
}

/* ---- taking and giving back ---- */

struct space *space_default(void)
{
    return &space_table.home;
}

/* A snapshot of a tenant keeps the tenant too. */
void space_add_user(struct space *s)
{
    for (; s != NULL; s = s->parent) {
        s->users++;
    }
}

void space_drop_user(struct space *s)
{
    for (; s != NULL; s = s->parent) {
        s->last_use = g_get_monotonic_time();
        if (--s->users > 0) {
            continue;
        }
        if (s->state == SPACE_LEAVING || space_table.stopping) {
            g_cond_broadcast(&space_table.changed);
        } else if (s->fresh || space_table.open > LIMIT_OPEN_SPACES) {
            space_table.look = true;
            g_cond_signal(&space_table.work);
        }
    }
}

struct space *space_ref(struct space *s)
{
    if (s->kind != SPACE_DEFAULT) {
        g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&space_table.lock);
        space_add_user(s);
    }
    return s;
}

void space_unref(struct space *s)
{
    if (s != NULL && s->kind != SPACE_DEFAULT) {
        g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&space_table.lock);
        space_drop_user(s);
    }
}

/* Under the lock: opens the files of a space that has just been taken. */
bool space_open_now(struct space *s, struct error *e)
{
    space_set_state(s, SPACE_MOVING);
    g_mutex_unlock(&space_table.lock);
    bool ok = open_files(s, e);
    g_mutex_lock(&space_table.lock);
    space_set_state(s, ok ? SPACE_OPEN : SPACE_CLOSED);
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
    if (space_table.tenants >= LIMIT_TENANTS) {
        error_set(e, ERROR_FORBIDDEN, "There are %d tenants already: remove one first",
                  "租户数已达上限 %d：请先删除一个", LIMIT_TENANTS);
        return NULL;
    }
    struct space *s = space_slot_tenant(name);
    s->fresh = true;
    return s;
}

struct space *space_find(const char *key)
{
    struct space *s;
    while ((s = g_hash_table_lookup(space_table.spaces, key)) != NULL && s->state == SPACE_MOVING) {
        g_cond_wait(&space_table.changed, &space_table.lock);
    }
    return s;
}

struct space *space_take(struct space *s, struct error *e)
{
    if (s->state == SPACE_LEAVING) {
        refuse_leaving(s, e);
        return NULL;
    }
    space_add_user(s);
    if (s->state == SPACE_CLOSED && !space_open_now(s, e)) {
        space_drop_user(s);
        return NULL;
    }
    return s;
}

struct space *space_tenant(const char *name, bool create, struct error *e)
{
    if (!tenant_name_valid(name, e)) {
        return NULL;
    }
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&space_table.lock);
    struct space *s = space_find(name);
    if (s == NULL) {
        s = missing_tenant(name, create, e);
    }
    return s != NULL ? space_take(s, e) : NULL;
}

/* ---- leaving ---- */

/* Under the lock, which is released meanwhile: closes the snapshots of a tenant that nobody uses any more. */
static void close_snapshots(struct space *parent)
{
    GHashTableIter i;
    void *value;
    g_hash_table_iter_init(&i, space_table.spaces);
    while (g_hash_table_iter_next(&i, NULL, &value)) {
        struct space *s = value;
        if (s->parent != parent) {
            continue;
        }
        s = space_find(s->key);
        space_set_state(s, SPACE_MOVING);
        g_mutex_unlock(&space_table.lock);
        space_close_files(s);
        g_mutex_lock(&space_table.lock);
        space_slot_free(s);
        g_hash_table_iter_init(&i, space_table.spaces); /* the table has changed */
    }
}

bool space_leave(struct space *s, enum space_state as, struct error *e)
{
    space_set_state(s, as);
    while (s->users > 0) {
        g_cond_wait(&space_table.changed, &space_table.lock);
    }
    close_snapshots(s);
    g_mutex_unlock(&space_table.lock);
    space_close_files(s);
    bool ok = !g_file_test(s->dir, G_FILE_TEST_EXISTS) || store_erase(s->dir, e);
    g_mutex_lock(&space_table.lock);
    if (ok) {
        space_slot_free(s);
        g_cond_broadcast(&space_table.changed);
    } else {
        space_set_state(s, SPACE_CLOSED);
    }
    return ok;
}

bool space_remove(const char *key, enum error_code missing, struct error *e)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&space_table.lock);
    struct space *s = space_find(key);
    if (s == NULL) {
        const char *name = strchr(key, '\n') != NULL ? strchr(key, '\n') + 1 : key;
        return error_set(e, missing, "There is no %.200s", "没有 %.200s", name);
    }
    return s->state == SPACE_LEAVING ? refuse_leaving(s, e) : space_leave(s, SPACE_LEAVING, e);
}

bool space_tenant_remove(const char *name, struct error *e)
{
    return space_remove(name, ERROR_NO_TENANT, e);
}
