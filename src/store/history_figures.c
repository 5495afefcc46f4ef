/* SPDX-License-Identifier: Apache-2.0 */
/* The figures of hours and days: what remains of points that are older than their type keeps them. A point is
 * in one place only: itself, or counted in its hour, or counted in its day.
 *
 * A row of the table has some hundred periods in columns: each column is a chunk of numbers; that of the
 * counts has the periods' starts as its times, the others just count. */
#include <math.h>
#include <string.h>

#include "store/history.h"

enum { PERIODS = 256, COLUMNS = 10 };
#define HOUR (3600 * INSTANT_SECOND)
#define DAY (24 * HOUR)
#define LOCAL (8 * HOUR) /* days are those of the district's time, UTC+8 */

instant period_start(int level, instant at)
{
    at = CLAMP(at, INSTANT_MIN, INSTANT_MAX);
    int64_t length = level == FIGURES_HOUR ? HOUR : DAY;
    int64_t shift = level == FIGURES_HOUR ? 0 : LOCAL;
    int64_t whole = (at + shift) / length - ((at + shift) % length < 0);
    return whole * length - shift;
}

instant period_end(int level, instant start)
{
    return start + (level == FIGURES_HOUR ? HOUR : DAY);
}

/* ---- gathering ---- */

static struct period *period_at(GArray *periods, instant start)
{
    guint n = periods->len;
    while (n > 0 && g_array_index(periods, struct period, n - 1).start > start) {
        n--;
    }
    if (n == 0 || g_array_index(periods, struct period, n - 1).start != start) {
        struct period p = {.start = start};
        g_array_insert_val(periods, n++, p);
    }
    return &g_array_index(periods, struct period, n - 1);
}

void periods_add(GArray *periods, int level, const struct history_statistics *s, instant at)
{
    statistics_merge(&period_at(periods, period_start(level, at))->s, s);
}

void periods_add_points(GArray *periods, int level, const GArray *points)
{
    for (guint i = 0; i < points->len; i++) {
        const struct point *p = &g_array_index(points, struct point, i);
        statistics_add(&period_at(periods, period_start(level, p->at))->s, p);
    }
}

/* A sum of decimals has noise far behind the point, which would cost eight bytes a period. */
static double without_noise(double v)
{
    double rounded = round(v * 1e6) / 1e6;
    return fabs(rounded - v) <= 1e-12 * MAX(1.0, fabs(v)) ? rounded : v;
}

/* ---- bytes ---- */

static double column_of(const struct period *p, int column)
{
    const struct history_statistics *s = &p->s;
    const double values[COLUMNS] = {(double)s->count,
                                    (double)s->numbers,
                                    without_noise(s->sum),
                                    without_noise(s->sumsq),
                                    s->min,
                                    s->max,
                                    s->first,
                                    s->last,
                                    s->numbers > 0 ? (double)(s->first_at - p->start) : 0,
                                    s->numbers > 0 ? (double)(s->last_at - p->start) : 0};
    return values[column];
}

void figures_pack(GByteArray *out, const struct period *periods, int n)
{
    g_autofree struct point *points = g_new0(struct point, n);
    for (int column = 0; column < COLUMNS; column++) {
        g_autoptr(GByteArray) packed = g_byte_array_new();
        for (int i = 0; i < n; i++) {
            points[i] = (struct point){.at = column == 0 ? periods[i].start : i,
                                       .number = column_of(&periods[i], column)};
        }
        chunk_pack(packed, points, n, CHUNK_GOOD);
        put_varint(out, packed->len);
        g_byte_array_append(out, packed->data, packed->len);
    }
}

static bool read_column(struct byte_reader *r, GArray *points)
{
    uint64_t length = get_varint(r);
    const unsigned char *bytes = get_bytes(r, length);
    return bytes != NULL && chunk_unpack(bytes, length, points);
}

static void set_period(struct period *p, GArray *const *columns, guint i)
{
    double v[COLUMNS];
    for (int c = 0; c < COLUMNS; c++) {
        v[c] = g_array_index(columns[c], struct point, i).number;
    }
    p->start = g_array_index(columns[0], struct point, i).at;
    p->s = (struct history_statistics){.count = (int64_t)v[0],
                                       .numbers = (int64_t)v[1],
                                       .sum = v[2],
                                       .sumsq = v[3],
                                       .min = v[4],
                                       .max = v[5],
                                       .first = v[6],
                                       .last = v[7]};
    p->s.first_at = p->s.numbers > 0 ? p->start + (int64_t)v[8] : 0;
    p->s.last_at = p->s.numbers > 0 ? p->start + (int64_t)v[9] : 0;
}

/* Counts that could be, and times that lie near the period. */
static bool is_sound(GArray *const *columns, guint i)
{
    double count = g_array_index(columns[0], struct point, i).number;
    double numbers = g_array_index(columns[1], struct point, i).number;
    double first = g_array_index(columns[8], struct point, i).number;
    double last = g_array_index(columns[9], struct point, i).number;
    return numbers >= 0 && count >= numbers && count < 1e15 && first >= 0 && first <= (double)DAY &&
           last >= 0 && last <= (double)DAY;
}

bool figures_unpack(const unsigned char *bytes, size_t length, GArray *periods)
{
    struct byte_reader r = {.at = bytes, .end = length > 0 ? bytes + length : bytes};
    GArray *columns[COLUMNS];
    bool ok = true;
    for (int c = 0; c < COLUMNS; c++) {
        columns[c] = point_array();
        ok = ok && read_column(&r, columns[c]) && columns[c]->len == columns[0]->len;
    }
    ok = ok && r.at == r.end;
    for (guint i = 0; ok && i < columns[0]->len; i++) {
        ok = is_sound(columns, i);
    }
    for (guint i = 0; ok && i < columns[0]->len; i++) {
        struct period p;
        set_period(&p, columns, i);
        g_array_append_val(periods, p);
    }
    for (int c = 0; c < COLUMNS; c++) {
        g_array_unref(columns[c]);
    }
    return ok;
}

/* ---- the table ---- */

/* Drops the rows from start on. */
static bool drop_rows(struct history *h, int64_t sid, int level, instant start, struct error *e)
{
    sqlite3_stmt *st =
        history_prepare(h->db, "DELETE FROM figures WHERE sid = ?1 AND level = ?2 AND start >= ?3");
    sqlite3_bind_int64(st, 1, sid);
    sqlite3_bind_int(st, 2, level);
    sqlite3_bind_int64(st, 3, start);
    bool ok = history_run(h, st, e);
    sqlite3_finalize(st);
    return ok;
}

bool figures_each(sqlite3 *db, int64_t sid, int level, instant from, instant to,
                  void (*each)(void *user, const struct period *p), void *user)
{
    sqlite3_stmt *st =
        history_prepare(db, "SELECT start, body FROM figures WHERE sid = ?1 AND level = ?2 AND stop >= ?3"
                            " AND start < ?4 ORDER BY start");
    bool any = false;
    sqlite3_bind_int64(st, 1, sid);
    sqlite3_bind_int(st, 2, level);
    sqlite3_bind_int64(st, 3, from);
    sqlite3_bind_int64(st, 4, to);
    while (sqlite3_step(st) == SQLITE_ROW) {
        g_autoptr(GArray) periods = g_array_new(FALSE, FALSE, sizeof(struct period));
        if (!figures_unpack(sqlite3_column_blob(st, 1), (size_t)sqlite3_column_bytes(st, 1), periods)) {
            chunk_is_damaged(sid, sqlite3_column_int64(st, 0));
        }
        for (guint i = 0; i < periods->len; i++) {
            const struct period *p = &g_array_index(periods, struct period, i);
            if (p->start >= from && p->start < to) {
                any = true;
                each(user, p);
            }
        }
    }
    sqlite3_finalize(st);
    return any;
}

static bool put(struct history *h, int64_t sid, int level, const struct period *periods, int n,
                struct error *e)
{
    g_autoptr(GByteArray) body = g_byte_array_new();
    figures_pack(body, periods, n);
    sqlite3_stmt *st =
        history_prepare(h->db, "INSERT OR REPLACE INTO figures(sid, level, start, stop, body) VALUES"
                               " (?1, ?2, ?3, ?4, ?5)");
    sqlite3_bind_int64(st, 1, sid);
    sqlite3_bind_int(st, 2, level);
    sqlite3_bind_int64(st, 3, periods[0].start);
    sqlite3_bind_int64(st, 4, periods[n - 1].start);
    sqlite3_bind_blob(st, 5, body->data, (int)body->len, SQLITE_STATIC);
    bool ok = history_run(h, st, e);
    sqlite3_finalize(st);
    return ok;
}

static bool put_all(struct history *h, int64_t sid, int level, const GArray *periods, struct error *e)
{
    for (guint i = 0; i < periods->len; i += PERIODS) {
        int n = (int)MIN(periods->len - i, PERIODS);
        if (!put(h, sid, level, &g_array_index(periods, struct period, i), n, e)) {
            return false;
        }
    }
    return true;
}

static void collect(void *user, const struct period *p)
{
    statistics_merge(&period_at(user, p->start)->s, &p->s);
}

/* Where rewriting begins so that periods from at on have their place: the start of the last row that begins
 * there or before, unless it is long and ends before. */
static instant rewrite_from(struct history *h, int64_t sid, int level, instant at)
{
    sqlite3_stmt *st =
        history_prepare(h->db, "SELECT start, stop FROM figures WHERE sid = ?1 AND level = ?2 AND start <= ?3"
                               " ORDER BY start DESC LIMIT 1");
    sqlite3_bind_int64(st, 1, sid);
    sqlite3_bind_int(st, 2, level);
    sqlite3_bind_int64(st, 3, at);
    bool found = sqlite3_step(st) == SQLITE_ROW;
    instant start = found ? sqlite3_column_int64(st, 0) : at;
    instant stop = found ? sqlite3_column_int64(st, 1) : at;
    sqlite3_finalize(st);
    instant long_row = (PERIODS / 2) * period_end(level, 0);
    return stop < at && stop - start >= long_row ? at : start;
}

bool figures_add(struct history *h, int64_t sid, int level, const GArray *periods, struct error *e)
{
    if (periods->len == 0) {
        return true;
    }
    instant from = rewrite_from(h, sid, level, g_array_index(periods, struct period, 0).start);
    g_autoptr(GArray) all = g_array_new(FALSE, TRUE, sizeof(struct period));
    figures_each(h->db, sid, level, from, INT64_MAX, collect, all);
    for (guint i = 0; i < periods->len; i++) {
        collect(all, &g_array_index(periods, struct period, i));
    }
    return drop_rows(h, sid, level, from, e) && put_all(h, sid, level, all, e);
}

bool figures_remove(struct history *h, int64_t sid, int level, instant from, instant to, struct error *e)
{
    g_autoptr(GArray) left = g_array_new(FALSE, TRUE, sizeof(struct period));
    instant first = rewrite_from(h, sid, level, from);
    figures_each(h->db, sid, level, first, from, collect, left);
    figures_each(h->db, sid, level, to, INT64_MAX, collect, left);
    return drop_rows(h, sid, level, first, e) && put_all(h, sid, level, left, e);
}

bool figures_any(struct history *h, int64_t sid)
{
    sqlite3_stmt *st = history_prepare(h->db, "SELECT 1 FROM figures WHERE sid = ?1 LIMIT 1");
    sqlite3_bind_int64(st, 1, sid);
    bool any = sqlite3_step(st) == SQLITE_ROW;
    sqlite3_finalize(st);
    return any;
}
