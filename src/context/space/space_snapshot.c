/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots in the table of spaces. */
#include <string.h>

#include "context/space/space_inside.h"

void space_snapshot_add(struct space *parent, const char *id, const char *folder, bool ready, instant expires)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&space_table.lock);
    struct space *s = space_slot_snapshot(parent, id, folder);
    s->ready = ready;
    s->expires = expires;
}

/* Under the lock. */
static struct space *find(struct space *parent, const char *id)
{
    g_autofree char *key = space_snapshot_key(parent, id);
    return space_find(key);
}

bool space_snapshot_set(struct space *parent, const char *id, bool ready, instant expires)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&space_table.lock);
    struct space *s = find(parent, id);
    if (s != NULL) {
        s->ready = ready;
        s->expires = expires;
    }
    return s != NULL;
}

struct space *space_snapshot(struct space *parent, const char *id, bool filled, struct error *e)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&space_table.lock);
    instant now = instant_now();
    struct space *s = find(parent, id);
    if (s == NULL || s->expires <= now) {
        error_set(e, ERROR_NOT_FOUND, "There is no snapshot %.300s", "没有快照 %.300s", id);
        return NULL;
    }
    if (filled && !s->ready) {
        error_set(e, ERROR_CONFLICT,
                  "The snapshot %.300s is still being filled: wait for its status to say so",
                  "快照 %.300s 仍在生成中：请等待其状态更新", id);
        return NULL;
    }
    s->used = filled ? now : s->used;
    return space_take(s, e);
}

instant space_snapshot_used(struct space *parent, const char *id)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&space_table.lock);
    g_autofree char *key = space_snapshot_key(parent, id);
    struct space *s = g_hash_table_lookup(space_table.spaces, key);
    return s != NULL ? s->used : 0;
}

bool space_snapshot_remove(struct space *parent, const char *id, struct error *e)
{
    g_autofree char *key = space_snapshot_key(parent, id);
    return space_remove(key, ERROR_NOT_FOUND, e);
}

void space_snapshots_expired(void (*each)(const char *tenant, const char *id))
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(g_free);
    instant now = instant_now();
    GHashTableIter i;
    void *value;
    g_mutex_lock(&space_table.lock);
    g_hash_table_iter_init(&i, space_table.spaces);
    while (g_hash_table_iter_next(&i, NULL, &value)) {
        const struct space *s = value;
        if (s->kind == SPACE_SNAPSHOT && s->expires <= now && s->state != SPACE_LEAVING) {
            g_ptr_array_add(keys, g_strdup(s->key));
        }
    }
    g_mutex_unlock(&space_table.lock);
    for (guint k = 0; k < keys->len; k++) {
        char *tenant = keys->pdata[k], *id = strchr(tenant, '\n');
        *id++ = '\0';
        each(tenant, id);
    }
}

int space_snapshots_count(void)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&space_table.lock);
    return space_table.snapshots;
}

struct http_client *space_client(void)
{
    return space_table.client;
}
