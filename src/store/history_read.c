/* SPDX-License-Identifier: Apache-2.0 */
/* Reading histories: the series of an entity, the points of a series in order. */
#include "store/history.h"

#include <string.h>

static void add_listed(GPtrArray *list, struct arena *a, const char *attribute, const char *dataset,
                       const char *type, const char *unit, bool observed, int64_t points)
{
    struct history_series *s = NULL;
    for (guint i = 0; i < list->len && s == NULL; i++) {
        struct history_series *other = list->pdata[i];
        s = strcmp(other->attribute, attribute) == 0 && strcmp(other->dataset, dataset) == 0 ? other : NULL;
    }
    if (s == NULL) {
        s = arena_new0(a, struct history_series);
        s->attribute = arena_strdup(a, attribute);
        s->dataset = arena_strdup(a, dataset);
        s->type = arena_strdup(a, type);
        s->unit_code = unit != NULL ? arena_strdup(a, unit) : NULL;
        s->observed = observed;
        g_ptr_array_add(list, s);
    }
    s->points += points;
}

static int by_attribute(const void *a, const void *b)
{
    const struct history_series *x = *(struct history_series *const *)a;
    const struct history_series *y = *(struct history_series *const *)b;
    int order = strcmp(x->attribute, y->attribute);
    return order != 0 ? order : strcmp(x->dataset, y->dataset);
}

static void list_open(struct history *h, struct arena *a, const char *entity, GPtrArray *list)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&h->lock);
    const GPtrArray *all = g_hash_table_lookup(h->entities, entity);
    for (guint i = 0; all != NULL && i < all->len; i++) {
        const struct series *s = all->pdata[i];
        add_listed(list, a, s->attribute, s->dataset, s->type, s->unit, s->observed, s->open->len);
    }
}

static void list_stored(struct history *h, struct arena *a, const char *entity, GPtrArray *list)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&h->reader_lock);
    sqlite3_stmt *st = history_prepare(
        h->reader_db, "SELECT attribute, dataset, type, unit, observed, (SELECT sum(count) FROM"
                      " chunk WHERE chunk.sid = series.sid) FROM series WHERE entity = ?1");
    sqlite3_bind_text(st, 1, entity, -1, SQLITE_STATIC);
    while (sqlite3_step(st) == SQLITE_ROW) {
        add_listed(list, a, column_text(st, 0), column_text(st, 1), column_text(st, 2), column_text(st, 3),
                   sqlite3_column_int(st, 4) != 0, sqlite3_column_int64(st, 5));
    }
    sqlite3_finalize(st);
}

bool store_history_list(struct store *s, struct arena *a, const char *entity, struct history_series **series,
                        int *count, struct error *e)
{
    struct history *h = s->history;
    g_autoptr(GPtrArray) list = g_ptr_array_new();
    history_catch_up(h);
    list_open(h, a, entity, list);
    list_stored(h, a, entity, list);
    g_ptr_array_sort(list, by_attribute);
    *count = (int)list->len;
    *series = arena_array(a, struct history_series, list->len);
    for (guint i = 0; i < list->len; i++) {
        (*series)[i] = *(struct history_series *)list->pdata[i];
    }
    return true;
}

static void add_id(GPtrArray *ids, struct arena *a, const char *id)
{
    if (!g_ptr_array_find_with_equal_func(ids, id, g_str_equal, NULL)) {
        g_ptr_array_add(ids, arena_strdup(a, id));
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool store_history_entities(struct store *s, struct arena *a, const char *after, int limit, const char ***ids,
                            int *count, struct error *e)
{
    struct history *h = s->history;
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    history_catch_up(h);
    g_mutex_lock(&h->lock);
    GHashTableIter i;
    void *id;
    g_hash_table_iter_init(&i, h->entities);
    while (g_hash_table_iter_next(&i, &id, NULL)) {
        if (after == NULL || strcmp(id, after) > 0) {
            g_ptr_array_add(found, arena_strdup(a, id));
        }
    }
    g_mutex_unlock(&h->lock);
    g_ptr_array_sort(found, by_text);
    g_ptr_array_set_size(found, (gint)MIN((int)found->len, limit));
    g_mutex_lock(&h->reader_lock);
    sqlite3_stmt *st = history_prepare(
        h->reader_db, "SELECT DISTINCT entity FROM series WHERE entity > ?1 ORDER BY entity LIMIT ?2");
    sqlite3_bind_text(st, 1, after != NULL ? after : "", -1, SQLITE_STATIC);
    sqlite3_bind_int(st, 2, limit);
    while (sqlite3_step(st) == SQLITE_ROW) {
        add_id(found, a, column_text(st, 0));
    }
    sqlite3_finalize(st);
    g_mutex_unlock(&h->reader_lock);
    g_ptr_array_sort(found, by_text);
    *count = MIN((int)found->len, limit);
    *ids = arena_array(a, const char *, *count);
    for (int n = 0; n < *count; n++) {
        (*ids)[n] = found->pdata[n];
    }
    return true;
}
