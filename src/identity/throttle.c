/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded table of attempts, oldest first. */
#include "identity/throttle.h"

#include <glib.h>

struct attempts {
    char *key;
    int failures;
    instant last, until;
    GList link; /* in order of last */
};

struct throttle {
    GMutex lock;
    GHashTable *entries; /* key → struct attempts */
    GQueue order;
};

static void attempts_free(void *data)
{
    struct attempts *x = data;
    g_free(x->key);
    g_free(x);
}

struct throttle *throttle_new(void)
{
    struct throttle *t = g_new0(struct throttle, 1);
    g_mutex_init(&t->lock);
    t->entries = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, attempts_free);
    return t;
}

void throttle_free(struct throttle *t)
{
    if (t != NULL) {
        g_hash_table_unref(t->entries);
        g_mutex_clear(&t->lock);
        g_free(t);
    }
}

static char *key_of(const char *account, const char *peer)
{
    g_autofree char *name = g_strndup(account, 256);
    return g_strdup_printf("%s\n%s", peer, name);
}

static void forget(struct throttle *t, struct attempts *x)
{
    g_queue_unlink(&t->order, &x->link);
    g_hash_table_remove(t->entries, x->key);
}

static struct attempts *find_or_add(struct throttle *t, const char *account, const char *peer)
{
    g_autofree char *key = key_of(account, peer);
    struct attempts *x = g_hash_table_lookup(t->entries, key);
    if (x == NULL) {
        x = g_new0(struct attempts, 1);
        x->key = g_steal_pointer(&key);
        x->link.data = x;
        g_hash_table_insert(t->entries, x->key, x);
        g_queue_push_tail_link(&t->order, &x->link);
    }
    return x;
}

bool throttle_attempt(struct throttle *t, const char *account, const char *peer, instant now, instant *again)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&t->lock);
    struct attempts *x = find_or_add(t, account, peer);
    if (x->until > now) {
        *again = x->until;
        return false;
    }
    if (x->last < now - 2 * THROTTLE_LONGEST) {
        x->failures = 0;
    }
    x->failures++;
    x->last = now;
    if (x->failures >= THROTTLE_FREE) {
        int doublings = MIN(x->failures - THROTTLE_FREE, 10);
        x->until = now + MIN(THROTTLE_FIRST << doublings, THROTTLE_LONGEST);
    }
    g_queue_unlink(&t->order, &x->link);
    g_queue_push_tail_link(&t->order, &x->link);
    if (t->order.length > THROTTLE_ENTRIES) {
        forget(t, t->order.head->data);
    }
    return true;
}

void throttle_success(struct throttle *t, const char *account, const char *peer)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&t->lock);
    g_autofree char *key = key_of(account, peer);
    struct attempts *x = g_hash_table_lookup(t->entries, key);
    if (x != NULL) {
        forget(t, x);
    }
}
