/* SPDX-License-Identifier: Apache-2.0 */
/* The chunks of a series in their table: never overlapping, merged into larger ones as they become many. */
#include <string.h>

#include "base/log.h"
#include "store/history.h"

/* So many small chunks make a larger one, of which so many make an even larger one. */
enum { SMALL_POINTS = 1024, MEDIUM_POINTS = 16384, MANY = 16, STATISTICS_FROM = 256 };

void chunk_is_damaged(int64_t sid, instant start)
{
    char at[INSTANT_TEXT];
    counter_add(&store_counters[COUNT_DAMAGED], 1);
    log_warning("history", "a chunk is damaged and left out: series %" G_GINT64_FORMAT " from %s", sid,
                instant_format(start, at));
}

static bool put(struct history *h, int64_t sid, const struct point *points, int n, int level, struct error *e)
{
    g_autoptr(GByteArray) body = g_byte_array_new();
    g_autoptr(GByteArray) statistics = g_byte_array_new();
    chunk_pack(body, points, n, level);
    if (n >= STATISTICS_FROM) {
        statistics_pack(statistics, points, n, level == CHUNK_HARD);
    }
    sqlite3_stmt *st = h->chunk_put;
    sqlite3_bind_int64(st, 1, sid);
    sqlite3_bind_int64(st, 2, points[0].at);
    sqlite3_bind_int64(st, 3, points[n - 1].at);
    sqlite3_bind_int(st, 4, n);
    sqlite3_bind_blob(st, 5, statistics->len > 0 ? statistics->data : NULL, (int)statistics->len,
                      SQLITE_STATIC);
    sqlite3_bind_blob(st, 6, body->data, (int)body->len, SQLITE_STATIC);
    counter_add(&store_counters[COUNT_CHUNK_ROWS], 1);
    return history_run(h, st, e);
}

static int level_for(int n)
{
    return n < SMALL_POINTS ? CHUNK_QUICK : CHUNK_GOOD;
}

/* Puts points as chunks of nearly the same length, none too long. */
static bool put_all(struct history *h, int64_t sid, const GArray *points, int level, struct error *e)
{
    guint parts = (points->len + CHUNK_POINTS - 1) / CHUNK_POINTS;
    for (guint i = 0; i < parts; i++) {
        guint from = (guint)((uint64_t)points->len * i / parts);
        guint to = (guint)((uint64_t)points->len * (i + 1) / parts);
        int n = (int)(to - from);
        if (!put(h, sid, &g_array_index(points, struct point, from), n, level != 0 ? level : level_for(n),
                 e)) {
            return false;
        }
    }
    return true;
}

static bool drop(struct history *h, int64_t sid, instant start, struct error *e)
{
    sqlite3_bind_int64(h->chunk_drop, 1, sid);
    sqlite3_bind_int64(h->chunk_drop, 2, start);
    return history_run(h, h->chunk_drop, e);
}

bool chunk_read(struct history *h, int64_t sid, instant start, GArray *points)
{
    sqlite3_stmt *st = h->chunk_get;
    sqlite3_bind_int64(st, 1, sid);
    sqlite3_bind_int64(st, 2, start);
    bool ok = sqlite3_step(st) == SQLITE_ROW &&
              chunk_unpack(sqlite3_column_blob(st, 0), (size_t)sqlite3_column_bytes(st, 0), points);
    sqlite3_reset(st);
    if (!ok) {
        chunk_is_damaged(sid, start);
    }
    return ok;
}

/* The chunks with start <= until, the newest first, at most limit. */
static GArray *newest(struct history *h, int64_t sid, instant until, int limit)
{
    GArray *list = g_array_new(FALSE, FALSE, sizeof(struct chunk_place));
    sqlite3_stmt *st = h->chunk_list;
    sqlite3_bind_int64(st, 1, sid);
    sqlite3_bind_int64(st, 2, until);
    sqlite3_bind_int(st, 3, limit);
    while (sqlite3_step(st) == SQLITE_ROW) {
        struct chunk_place c = {
            .start = sqlite3_column_int64(st, 0),
            .stop = sqlite3_column_int64(st, 1),
            .count = sqlite3_column_int(st, 2),
            .hard = statistics_is_hard(sqlite3_column_blob(st, 3), sqlite3_column_bytes(st, 3))};
        g_array_append_val(list, c);
    }
    sqlite3_reset(st);
    return list;
}

GArray *chunks_list(struct history *h, int64_t sid)
{
    GArray *list = newest(h, sid, INT64_MAX, -1);
    struct chunk_place *c = (struct chunk_place *)(void *)list->data;
    for (guint i = 0, j = list->len; i + 1 < j; i++, j--) {
        struct chunk_place swap = c[i];
        c[i] = c[j - 1];
        c[j - 1] = swap;
    }
    return list;
}

/* ---- putting points in ---- */

/* How many of points[0 …] come before end. */
static guint run_before(const struct point *points, guint n, instant end)
{
    guint run = 0;
    while (run < n && points[run].at < end) {
        run++;
    }
    return run;
}

static instant next_start(struct history *h, int64_t sid, instant after)
{
    sqlite3_bind_int64(h->chunk_next, 1, sid);
    sqlite3_bind_int64(h->chunk_next, 2, after);
    instant start =
        sqlite3_step(h->chunk_next) == SQLITE_ROW ? sqlite3_column_int64(h->chunk_next, 0) : INT64_MAX;
    sqlite3_reset(h->chunk_next);
    return start;
}

instant chunks_first(struct history *h, int64_t sid)
{
    return next_start(h, sid, INT64_MIN);
}

bool series_is_empty(struct history *h, const struct row_series *s)
{
    return !s->rolled && tail_count(s) == 0 && (s->sid == 0 || chunks_first(h, s->sid) == INT64_MAX);
}

static bool merge_into(struct history *h, int64_t sid, const struct chunk_place *c, const GArray *newer,
                       struct error *e)
{
    g_autoptr(GArray) older = point_array();
    chunk_read(h, sid, c->start, older);
    g_autoptr(GArray) all = points_merge(older, newer);
    return drop(h, sid, c->start, e) && put_all(h, sid, all, 0, e);
}

/* Puts the points that belong together in; *taken is how many of them. */
static bool add_run(struct history *h, int64_t sid, const struct point *points, guint n, guint *taken,
                    struct error *e)
{
    g_autoptr(GArray) before = newest(h, sid, points[0].at, 1);
    const struct chunk_place *c =
        before->len > 0 ? (const struct chunk_place *)(const void *)before->data : NULL;
    bool inside = c != NULL && points[0].at <= c->stop;
    *taken = run_before(points, n, inside ? c->stop + 1 : next_start(h, sid, points[0].at));
    g_autoptr(GArray) run = g_array_new(FALSE, FALSE, sizeof(struct point));
    g_array_append_vals(run, points, *taken);
    return inside ? merge_into(h, sid, c, run, e) : put_all(h, sid, run, 0, e);
}

bool chunks_add(struct history *h, int64_t sid, const GArray *points, struct error *e)
{
    const struct point *p = (const struct point *)(const void *)points->data;
    for (guint at = 0, taken; at < points->len; at += taken) {
        if (!add_run(h, sid, p + at, points->len - at, &taken, e)) {
            return false;
        }
    }
    return true;
}

/* ---- taking points out ---- */

static bool remove_from(struct history *h, int64_t sid, const struct chunk_place *c, instant from, instant to,
                        int64_t *taken, struct error *e)
{
    g_autoptr(GArray) points = point_array();
    g_autoptr(GArray) left = g_array_new(FALSE, FALSE, sizeof(struct point));
    if (c->start < from || c->stop >= to) {
        if (!chunk_read(h, sid, c->start, points)) {
            return true;
        }
        for (guint i = 0; i < points->len; i++) {
            const struct point *p = &g_array_index(points, struct point, i);
            if (p->at < from || p->at >= to) {
                g_array_append_vals(left, p, 1);
            }
        }
    }
    *taken += c->count - (int64_t)left->len;
    return drop(h, sid, c->start, e) && put_all(h, sid, left, 0, e);
}

bool chunks_remove(struct history *h, int64_t sid, instant from, instant to, int64_t *taken, struct error *e)
{
    g_autoptr(GArray) list = newest(h, sid, to > INT64_MIN ? to - 1 : to, -1);
    for (guint i = 0; i < list->len; i++) {
        const struct chunk_place *c = &g_array_index(list, struct chunk_place, i);
        if (c->stop < from) {
            break;
        }
        if (!remove_from(h, sid, c, from, to, taken, e)) {
            return false;
        }
    }
    return true;
}

/* ---- merging ---- */

bool chunks_join(struct history *h, int64_t sid, const struct chunk_place *first, int count, int level,
                 struct error *e)
{
    g_autoptr(GArray) all = point_array();
    for (int i = 0; i < count; i++) {
        if (!chunk_read(h, sid, first[i].start, all)) {
            return true; /* what is damaged stays as it is */
        }
    }
    for (int i = 0; i < count; i++) {
        if (!drop(h, sid, first[i].start, e)) {
            return false;
        }
    }
    return put_all(h, sid, all, level, e);
}

/* Of the newest chunks, how many in a row have fewer points than most. */
static int run_below(const GArray *newest_first, int most)
{
    int run = 0;
    while (run < (int)newest_first->len &&
           g_array_index(newest_first, struct chunk_place, run).count < most) {
        run++;
    }
    return run;
}

static bool tidy_level(struct history *h, int64_t sid, int most, struct error *e)
{
    g_autoptr(GArray) list = newest(h, sid, INT64_MAX, 4 * MANY);
    int run = run_below(list, most);
    if (run < MANY) {
        return true;
    }
    g_autoptr(GArray) ascending = g_array_new(FALSE, FALSE, sizeof(struct chunk_place));
    for (int i = run - 1; i >= 0; i--) {
        g_array_append_val(ascending, g_array_index(list, struct chunk_place, i));
    }
    return chunks_join(h, sid, (const struct chunk_place *)(const void *)ascending->data, run, 0, e);
}

bool chunks_tidy(struct history *h, int64_t sid, struct error *e)
{
    return tidy_level(h, sid, SMALL_POINTS, e) && tidy_level(h, sid, MEDIUM_POINTS, e);
}
