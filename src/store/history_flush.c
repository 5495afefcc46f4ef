/* SPDX-License-Identifier: Apache-2.0 */
/* Writing the open points as chunks. */
#include "store/history.h"

static bool put_series(struct history *h, const char *entity, struct series *s, struct error *e)
{
    sqlite3_stmt *st = h->series_put;
    sqlite3_bind_int64(st, 1, s->sid);
    sqlite3_bind_text(st, 2, entity, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 3, s->attribute, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 4, s->dataset, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 5, s->type, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 6, s->unit, -1, SQLITE_STATIC);
    sqlite3_bind_int(st, 7, s->observed);
    return history_run(h, st, e);
}

static bool put_chunk(struct history *h, int64_t sid, const struct point *points, int n, struct error *e)
{
    g_autoptr(GByteArray) body = g_byte_array_new();
    chunk_pack(body, points, n);
    sqlite3_stmt *st = h->chunk_put;
    sqlite3_bind_int64(st, 1, sid);
    sqlite3_bind_int64(st, 2, points[0].at);
    sqlite3_bind_int64(st, 3, points[n - 1].at);
    sqlite3_bind_int(st, 4, n);
    sqlite3_bind_blob(st, 5, body->data, (int)body->len, SQLITE_STATIC);
    counter_add(&store_counters[COUNT_CHUNK_ROWS], 1);
    return history_run(h, st, e);
}

bool history_put_chunks(struct history *h, int64_t sid, const GArray *points, struct error *e)
{
    for (guint i = 0; i < points->len; i += CHUNK_POINTS) {
        int n = (int)MIN(points->len - i, CHUNK_POINTS);
        if (!put_chunk(h, sid, &g_array_index(points, struct point, i), n, e)) {
            return false;
        }
    }
    return true;
}

bool history_take_chunks(struct history *h, int64_t sid, instant from, instant to, GArray *points,
                         struct error *e)
{
    sqlite3_stmt *st = h->chunk_over;
    sqlite3_bind_int64(st, 1, sid);
    sqlite3_bind_int64(st, 2, from);
    sqlite3_bind_int64(st, 3, to);
    sqlite3_bind_int(st, 4, CHUNK_POINTS);
    g_autoptr(GArray) starts = g_array_new(FALSE, FALSE, sizeof(int64_t));
    bool ok = true;
    while (ok && sqlite3_step(st) == SQLITE_ROW) {
        int64_t start = sqlite3_column_int64(st, 0);
        g_array_append_val(starts, start);
        ok = chunk_unpack(sqlite3_column_blob(st, 1), (size_t)sqlite3_column_bytes(st, 1), points) ||
             bad_chunk(sid, e);
    }
    sqlite3_reset(st);
    for (guint i = 0; ok && i < starts->len; i++) {
        int64_t start = g_array_index(starts, int64_t, i);
        sqlite3_bind_int64(h->chunk_drop, 1, sid);
        sqlite3_bind_int64(h->chunk_drop, 2, start);
        ok = history_run(h, h->chunk_drop, e);
    }
    return ok;
}

/* Two ascending lists into one; of equal times the newer list's point stands. The result borrows the texts.
 */
static GArray *merge_points(const GArray *older, const GArray *newer)
{
    GArray *out = g_array_sized_new(FALSE, FALSE, sizeof(struct point), older->len + newer->len);
    guint i = 0;
    guint j = 0;
    while (i < older->len || j < newer->len) {
        const struct point *a = i < older->len ? &g_array_index(older, struct point, i) : NULL;
        const struct point *b = j < newer->len ? &g_array_index(newer, struct point, j) : NULL;
        bool take_new = a == NULL || (b != NULL && b->at <= a->at);
        g_array_append_vals(out, take_new ? b : a, 1);
        i += take_new ? (a != NULL && a->at == b->at) : 1;
        j += take_new;
    }
    return out;
}

static bool flush_series(struct history *h, const char *entity, struct series *s, struct error *e)
{
    if (s->unsaved && !put_series(h, entity, s, e)) {
        return false;
    }
    if (s->open->len == 0) {
        return true;
    }
    g_autoptr(GArray) old = point_array();
    instant from = g_array_index(s->open, struct point, 0).at;
    instant to = g_array_index(s->open, struct point, s->open->len - 1).at;
    if (!history_take_chunks(h, s->sid, from, to, old, e)) {
        return false;
    }
    g_autoptr(GArray) all = merge_points(old, s->open);
    return history_put_chunks(h, s->sid, all, e);
}

/* A series that is to be flushed, with the id of its entity. */
struct flushed {
    const char *entity;
    struct series *series;
};

static int by_sid(const void *a, const void *b)
{
    int64_t x = ((const struct flushed *)a)->series->sid;
    int64_t y = ((const struct flushed *)b)->series->sid;
    return (x > y) - (x < y);
}

/* All series in memory in the order of their rows, so that each page of the table is written once. */
static GArray *series_by_row(struct history *h)
{
    GArray *list = g_array_new(FALSE, FALSE, sizeof(struct flushed));
    GHashTableIter i;
    void *id;
    void *all;
    g_hash_table_iter_init(&i, h->entities);
    while (g_hash_table_iter_next(&i, &id, &all)) {
        const GPtrArray *series = all;
        for (guint n = 0; n < series->len; n++) {
            struct flushed one = {id, series->pdata[n]};
            g_array_append_val(list, one);
        }
    }
    g_array_sort(list, by_sid);
    return list;
}

static bool write_all(struct history *h, struct error *e)
{
    g_autoptr(GArray) list = series_by_row(h);
    for (guint i = 0; i < list->len; i++) {
        const struct flushed *one = &g_array_index(list, struct flushed, i);
        if (!flush_series(h, one->entity, one->series, e)) {
            return false;
        }
    }
    sqlite3_bind_int64(h->cursor_put, 1, (int64_t)h->seen);
    return history_run(h, h->cursor_put, e);
}

/* Writes everything open; the buffers are emptied only when it is on disk. */
bool history_flush(struct history *h, struct error *e)
{
    if (h->seen == h->stored) {
        return true;
    }
    if (!sqlite_script(h->db, "BEGIN IMMEDIATE", e)) {
        return false;
    }
    if (!write_all(h, e) || !sqlite_script(h->db, "COMMIT", e)) {
        sqlite3_exec(h->db, "ROLLBACK", NULL, NULL, NULL);
        return false;
    }
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&h->lock);
    g_hash_table_remove_all(h->entities);
    g_string_chunk_clear(h->names);
    h->open_points = 0;
    h->oldest_open = 0;
    h->stored = h->seen;
    return true;
}
