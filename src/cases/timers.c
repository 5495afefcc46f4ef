/* SPDX-License-Identifier: Apache-2.0 */
/* A binary heap; entries that were moved since are recognised when they come up. */
#include "cases/timers.h"

#include <glib.h>

struct timer {
    instant at;
    char *id;
};

struct timers {
    GArray *heap;        /* struct timer */
    GHashTable *moments; /* id → gint64 *: the moment in force */
};

static void timer_clear(void *data)
{
    g_free(((struct timer *)data)->id);
}

struct timers *timers_new(void)
{
    struct timers *t = g_new0(struct timers, 1);
    t->heap = g_array_new(FALSE, FALSE, sizeof(struct timer));
    g_array_set_clear_func(t->heap, timer_clear);
    t->moments = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return t;
}

void timers_free(struct timers *t)
{
    if (t != NULL) {
        g_array_unref(t->heap);
        g_hash_table_unref(t->moments);
        g_free(t);
    }
}

void timers_clear(struct timers *t)
{
    g_array_set_size(t->heap, 0);
    g_hash_table_remove_all(t->moments);
}

int timers_count(const struct timers *t)
{
    return (int)g_hash_table_size(t->moments);
}

static struct timer *at(struct timers *t, guint i)
{
    return &g_array_index(t->heap, struct timer, i);
}

static void swap(struct timers *t, guint i, guint k)
{
    struct timer held = *at(t, i);
    *at(t, i) = *at(t, k);
    *at(t, k) = held;
}

static void push(struct timers *t, const char *id, instant moment)
{
    struct timer timer = {moment, g_strdup(id)};
    g_array_append_val(t->heap, timer);
    for (guint i = t->heap->len - 1; i > 0 && at(t, (i - 1) / 2)->at > at(t, i)->at; i = (i - 1) / 2) {
        swap(t, i, (i - 1) / 2);
    }
}

static void drop_first(struct timers *t)
{
    swap(t, 0, t->heap->len - 1);
    g_array_set_size(t->heap, t->heap->len - 1);
    for (guint i = 0;;) {
        guint least = i;
        for (guint child = 2 * i + 1; child <= 2 * i + 2 && child < t->heap->len; child++) {
            if (at(t, child)->at < at(t, least)->at) {
                least = child;
            }
        }
        if (least == i) {
            return;
        }
        swap(t, i, least);
        i = least;
    }
}

void timers_set(struct timers *t, const char *id, instant moment)
{
    const gint64 *before = g_hash_table_lookup(t->moments, id);
    if (before != NULL && *before == moment) {
        return;
    }
    if (moment == INSTANT_MAX) {
        g_hash_table_remove(t->moments, id);
        return;
    }
    gint64 *box = g_new(gint64, 1);
    *box = moment;
    g_hash_table_replace(t->moments, g_strdup(id), box);
    push(t, id, moment);
}

char *timers_take(struct timers *t, instant now)
{
    while (t->heap->len > 0 && at(t, 0)->at <= now) {
        const gint64 *moment = g_hash_table_lookup(t->moments, at(t, 0)->id);
        if (moment != NULL && *moment == at(t, 0)->at) {
            char *id = g_strdup(at(t, 0)->id);
            g_hash_table_remove(t->moments, id);
            drop_first(t);
            return id;
        }
        drop_first(t);
    }
    return NULL;
}
