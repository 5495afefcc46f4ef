/* SPDX-License-Identifier: Apache-2.0 */
/* Reading histories: connections, the row of an entity, its series, and what of a series is not in chunks. */
#include <stdlib.h>
#include <string.h>

#include "store/history.h"

enum { CACHE_KIB = 4096 };

/* ---- connections ---- */

static struct reader *open_reader(struct history *h, struct error *e)
{
    if (h->outdated) {
        error_set(e, ERROR_UNAVAILABLE,
                  "The history in %s is of an older version: start the hub once, which brings it up to date",
                  "%s 中的历史数据为旧版本格式：请先启动一次系统以完成升级", h->path);
        return NULL;
    }
    sqlite3 *db = sqlite_open(h->path, true, CACHE_KIB, e);
    if (db == NULL) {
        return NULL;
    }
    struct reader *r = g_new0(struct reader, 1);
    r->h = h;
    r->db = db;
    r->row = history_prepare(db, "SELECT body FROM entity WHERE id = ?1");
    r->before = history_prepare(db, "SELECT start, stop, count, statistics, body FROM chunk WHERE sid = ?1 "
                                    "AND start <= ?2 ORDER BY start DESC LIMIT 1");
    r->after = history_prepare(db, "SELECT start, stop, count, statistics, body FROM chunk WHERE sid = ?1 "
                                   "AND start > ?2 ORDER BY start LIMIT 1");
    return r;
}

struct reader *reader_take(struct history *h, struct error *e)
{
    g_mutex_lock(&h->reader_lock);
    struct reader *r = h->idle;
    if (r != NULL) {
        h->idle = r->next;
    }
    g_mutex_unlock(&h->reader_lock);
    return r != NULL ? r : open_reader(h, e);
}

void reader_give(struct reader *r)
{
    if (r == NULL) {
        return;
    }
    sqlite3_reset(r->before);
    sqlite3_reset(r->after);
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&r->h->reader_lock);
    r->next = r->h->idle;
    r->h->idle = r;
}

void readers_close(struct history *h)
{
    for (struct reader *r; (r = h->idle) != NULL;) {
        h->idle = r->next;
        sqlite3_finalize(r->row);
        sqlite3_finalize(r->before);
        sqlite3_finalize(r->after);
        sqlite3_close(r->db);
        g_free(r);
    }
}

static bool parse_row(struct history *h, struct row *row, GBytes *bytes)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&h->lock);
    return row_read(row, h->names, bytes);
}

bool reader_row(struct reader *r, const char *id, struct row *row, struct error *e)
{
    row_init(row);
    sqlite3_bind_text(r->row, 1, id, -1, SQLITE_STATIC);
    int code = sqlite3_step(r->row);
    GBytes *bytes = code == SQLITE_ROW ? column_bytes(r->row, 0) : NULL;
    bool ok = bytes != NULL || code == SQLITE_DONE || sqlite_failed(r->db, "the history", e);
    sqlite3_reset(r->row);
    if (bytes != NULL && !parse_row(r->h, row, bytes)) {
        ok = error_set(e, ERROR_INTERNAL, "The history of %.200s is damaged", "%.200s 的历史数据已损坏", id);
    }
    return ok;
}

/* ---- the series of an entity ---- */

struct listing {
    struct arena *a;
    GPtrArray *list;
};

static void add_listed(struct listing *l, const struct series_key *key, int64_t points)
{
    struct history_series *s = NULL;
    for (guint i = 0; i < l->list->len && s == NULL; i++) {
        struct history_series *other = l->list->pdata[i];
        s = same_series(key, other->attribute, other->dataset) ? other : NULL;
    }
    if (s == NULL) {
        s = arena_new0(l->a, struct history_series);
        s->attribute = arena_strdup(l->a, key->attribute);
        s->dataset = arena_strdup(l->a, key->dataset);
        g_ptr_array_add(l->list, s);
    }
    s->type = arena_strdup(l->a, key->type);
    s->unit_code = key->unit != NULL ? arena_strdup(l->a, key->unit) : NULL;
    s->observed = key->observed;
    s->points += points;
}

static void list_open_point(void *user, const struct open_point *p)
{
    add_listed(user, p->key, 1);
}

static int by_attribute(const void *a, const void *b)
{
    const struct history_series *x = *(struct history_series *const *)a;
    const struct history_series *y = *(struct history_series *const *)b;
    int order = strcmp(x->attribute, y->attribute);
    return order != 0 ? order : strcmp(x->dataset, y->dataset);
}

/* Calls each for the open points of an entity, oldest record first. */
static void each_open(struct history *h, const char *entity,
                      void (*each)(void *user, const struct open_point *p), void *user)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&h->lock);
    struct open_set *sets[] = {h->frozen, h->open};
    for (size_t i = 0; i < G_N_ELEMENTS(sets); i++) {
        open_points(h->names, sets[i] != NULL ? open_set_get(sets[i], entity, false) : NULL, each, user);
    }
}

/* What was open is copied before the row is read: a flush in between shows it twice rather than not at all.
 */
static bool list_all(struct history *h, struct listing *l, const char *entity, struct error *e)
{
    g_autoptr(GPtrArray) open = g_ptr_array_new();
    struct listing first = {.a = l->a, .list = open};
    each_open(h, entity, list_open_point, &first);
    struct reader *r = reader_take(h, e);
    struct row row;
    if (r == NULL) {
        return false;
    }
    bool ok = reader_row(r, entity, &row, e);
    reader_give(r);
    for (guint i = 0; ok && i < row.series->len; i++) {
        const struct row_series *s = &g_array_index(row.series, struct row_series, i);
        add_listed(l, &s->key, s->stored + tail_count(s));
    }
    row_clear(&row);
    for (guint i = 0; i < open->len; i++) {
        const struct history_series *s = open->pdata[i];
        add_listed(l,
                   &(struct series_key){.attribute = s->attribute,
                                        .dataset = s->dataset,
                                        .type = s->type,
                                        .unit = s->unit_code,
                                        .observed = s->observed},
                   s->points);
    }
    return ok;
}

bool store_history_list(struct store *s, struct arena *a, const char *entity, struct history_series **series,
                        int *count, struct error *e)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new();
    struct listing l = {.a = a, .list = list};
    history_catch_up(s->history);
    if (!list_all(s->history, &l, entity, e)) {
        return false;
    }
    g_ptr_array_sort(list, by_attribute);
    *count = (int)list->len;
    *series = arena_array(a, struct history_series, list->len);
    for (guint i = 0; i < list->len; i++) {
        (*series)[i] = *(struct history_series *)list->pdata[i];
    }
    return true;
}

/* ---- points that are not in chunks ---- */

struct picking {
    const char *attribute, *dataset;
    instant from, to;
    GArray *points;
};

static void pick(void *user, const struct open_point *p)
{
    struct picking *k = user;
    if (p->point.at >= k->from && p->point.at < k->to && same_series(p->key, k->attribute, k->dataset)) {
        struct point copy = p->point;
        copy.text = g_strdup(copy.text);
        points_insert(k->points, copy, true);
    }
}

static void add_tail(struct near *near, const struct row_series *s, instant from, instant to)
{
    g_autoptr(GArray) open = near->points;
    g_autoptr(GArray) tail = point_array();
    near->points = point_array();
    tail_read(s, tail);
    g_autoptr(GArray) all = points_merge(tail, open);
    for (guint i = 0; i < all->len; i++) {
        struct point p = g_array_index(all, struct point, i);
        if (p.at >= from && p.at < to) {
            p.text = g_strdup(p.text);
            g_array_append_val(near->points, p);
        }
    }
}

bool near_read(struct near *near, struct reader *r, const char *entity, const char *attribute,
               const char *dataset, instant from, instant to, struct error *e)
{
    struct row row;
    struct picking k = {attribute, dataset, from, to, point_array()};
    *near = (struct near){.points = k.points};
    each_open(r->h, entity, pick, &k);
    bool ok = reader_row(r, entity, &row, e);
    const struct row_series *s = ok ? row_find(&row, attribute, dataset) : NULL;
    if (s != NULL) {
        add_tail(near, s, from, to);
        near->sid = s->sid;
        near->rolled = s->rolled;
    }
    row_clear(&row);
    return ok;
}

/* ---- chunks ---- */

static bool fill(sqlite3_stmt *st, struct chunk_row *c)
{
    if (sqlite3_step(st) != SQLITE_ROW) {
        return false;
    }
    *c = (struct chunk_row){.start = sqlite3_column_int64(st, 0),
                            .stop = sqlite3_column_int64(st, 1),
                            .count = sqlite3_column_int(st, 2),
                            .statistics = sqlite3_column_blob(st, 3),
                            .statistics_length = sqlite3_column_bytes(st, 3)};
    return true;
}

static bool find_chunk(sqlite3_stmt *st, int64_t sid, instant border, struct chunk_row *c)
{
    sqlite3_reset(st);
    sqlite3_bind_int64(st, 1, sid);
    sqlite3_bind_int64(st, 2, border);
    bool found = fill(st, c);
    c->row = found ? st : NULL;
    return found;
}

bool chunk_row_before(struct reader *r, int64_t sid, instant until, instant from, struct chunk_row *c)
{
    return find_chunk(r->before, sid, until, c) && c->stop >= from;
}

bool chunk_row_from(struct reader *r, int64_t sid, instant from, instant to, struct chunk_row *c)
{
    return chunk_row_before(r, sid, from, from, c) || (find_chunk(r->after, sid, from, c) && c->start < to);
}

const unsigned char *chunk_row_body(const struct chunk_row *c, size_t *length)
{
    const unsigned char *body = sqlite3_column_blob(c->row, 4);
    *length = (size_t)sqlite3_column_bytes(c->row, 4);
    return body;
}

/* ---- entities ---- */

/* The first ids after one, of those that come in any order. */
struct first_ids {
    struct arena *a;
    GPtrArray *ids;
    const char *after, *last; /* nothing after last is wanted; NULL = no such border yet */
    guint limit;
};

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void cut(struct first_ids *f)
{
    g_ptr_array_sort(f->ids, by_text);
    guint kept = 0;
    for (guint i = 0; i < f->ids->len && kept < f->limit; i++) {
        if (kept == 0 || strcmp(f->ids->pdata[kept - 1], f->ids->pdata[i]) != 0) {
            f->ids->pdata[kept++] = f->ids->pdata[i];
        }
    }
    g_ptr_array_set_size(f->ids, (gint)kept);
    f->last = kept == f->limit && kept > 0 ? f->ids->pdata[kept - 1] : NULL;
}

static void add_id(struct first_ids *f, const char *id)
{
    if ((f->after != NULL && strcmp(id, f->after) <= 0) || (f->last != NULL && strcmp(id, f->last) >= 0)) {
        return;
    }
    g_ptr_array_add(f->ids, arena_strdup(f->a, id));
    if (f->ids->len >= 2 * f->limit + 64) {
        cut(f);
    }
}

static void add_open_ids(struct first_ids *f, const struct open_set *o)
{
    for (guint i = 0; o != NULL && i < o->slot_count; i++) {
        for (const struct open_entity *x = o->slots[i]; x != NULL; x = x->next) {
            if (x->newest != NULL) {
                add_id(f, x->id);
            }
        }
    }
}

static bool add_stored_ids(struct history *h, struct first_ids *f, struct error *e)
{
    struct reader *r = reader_take(h, e);
    if (r == NULL) {
        return false;
    }
    sqlite3_stmt *st = history_prepare(r->db, "SELECT id FROM entity WHERE id > ?1 ORDER BY id LIMIT ?2");
    sqlite3_bind_text(st, 1, f->after != NULL ? f->after : "", -1, SQLITE_STATIC);
    sqlite3_bind_int64(st, 2, f->limit);
    while (sqlite3_step(st) == SQLITE_ROW) {
        add_id(f, column_text(st, 0));
    }
    sqlite3_finalize(st);
    reader_give(r);
    return true;
}

bool store_history_entities(struct store *s, struct arena *a, const char *after, int limit, const char ***ids,
                            int *count, struct error *e)
{
    struct history *h = s->history;
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    struct first_ids f = {.a = a, .ids = found, .after = after, .limit = (guint)MAX(limit, 0)};
    history_catch_up(h);
    g_mutex_lock(&h->lock);
    add_open_ids(&f, h->frozen);
    add_open_ids(&f, h->open);
    g_mutex_unlock(&h->lock);
    if (!add_stored_ids(h, &f, e)) {
        return false;
    }
    cut(&f);
    *count = (int)found->len;
    *ids = arena_array(a, const char *, found->len);
    for (guint n = 0; n < found->len; n++) {
        (*ids)[n] = found->pdata[n];
    }
    return true;
}
