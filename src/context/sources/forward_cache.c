/* SPDX-License-Identifier: Apache-2.0 */
/* A small cache: a table by request, the oldest at the head of a queue. */
#include "context/sources/forward_cache.h"

#include <string.h>

#include "base/limits.h"

struct kept {
    char *key, *text;
    size_t length;
    instant until;
};

static GMutex lock; /* of what follows */
static GHashTable *by_key;
static GQueue ages = G_QUEUE_INIT; /* the oldest first */
static int64_t bytes;

static void drop_oldest(void)
{
    struct kept *k = g_queue_pop_head(&ages);
    if (g_hash_table_lookup(by_key, k->key) == k) {
        g_hash_table_remove(by_key, k->key);
    }
    bytes -= (int64_t)k->length;
    g_free(k->key);
    g_free(k->text);
    g_free(k);
}

bool forward_cache_get(struct gather *g, struct forward *f, const char *url, char **headers)
{
    if (f->registration->cache_us <= 0 || f->body != NULL || strcmp(f->method, "GET") != 0) {
        return false;
    }
    g_autofree char *all = g_strjoinv("\n", headers);
    f->cache_key = g_strjoin("\n", g->call.space->name, f->registration->id, url, all, NULL);
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&lock);
    struct kept *k = by_key != NULL ? g_hash_table_lookup(by_key, f->cache_key) : NULL;
    if (k == NULL || k->until <= instant_now()) {
        return false;
    }
    f->status = 200;
    f->stale = true;
    f->text = g_memdup2(k->text, k->length + 1);
    f->length = k->length;
    return true;
}

void forward_cache_put(const struct forward *f)
{
    if (f->cache_key == NULL || f->status != 200 || f->text == NULL || f->length > LIMIT_FORWARD_CACHE / 10) {
        return;
    }
    struct kept *k = g_new(struct kept, 1);
    *k = (struct kept){g_strdup(f->cache_key), g_memdup2(f->text, f->length + 1), f->length,
                       instant_now() + f->registration->cache_us};
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&lock);
    if (by_key == NULL) {
        by_key = g_hash_table_new(g_str_hash, g_str_equal);
    }
    g_hash_table_replace(by_key, k->key, k);
    g_queue_push_tail(&ages, k);
    bytes += (int64_t)k->length;
    while (bytes > LIMIT_FORWARD_CACHE || ages.length > LIMIT_FORWARD_CACHED) {
        drop_oldest();
    }
}

void forward_cache_clear(void)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&lock);
    while (ages.length > 0) {
        drop_oldest();
    }
    g_clear_pointer(&by_key, g_hash_table_unref);
}
