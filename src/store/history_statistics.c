/* SPDX-License-Identifier: Apache-2.0 */
/* Count, sum, extremes, first and last of a series, window by window: from what the chunks say of themselves
 * where a chunk lies in one window, else from its points. */
#include <math.h>
#include <string.h>

#include "store/history.h"

void statistics_add(struct history_statistics *s, const struct point *p)
{
    double v;
    if (!point_number(p, &v)) {
        s->count += strcmp(p->text, HISTORY_NULL) != 0; /* a deletion is no value (4.5.7) */
        return;
    }
    s->count++;
    if (s->numbers++ == 0) {
        s->first = s->last = s->min = s->max = v;
        s->first_at = s->last_at = p->at;
    }
    s->sum += v;
    s->sumsq += v * v;
    s->min = v < s->min ? v : s->min;
    s->max = v > s->max ? v : s->max;
    if (p->at >= s->last_at) {
        s->last = v;
        s->last_at = p->at;
    } else if (p->at < s->first_at) {
        s->first = v;
        s->first_at = p->at;
    }
}

void statistics_merge(struct history_statistics *into, const struct history_statistics *s)
{
    if (s->numbers == 0 || into->numbers == 0) {
        struct history_statistics one = s->numbers > 0 ? *s : *into;
        one.count = into->count + s->count;
        one.coarse = into->coarse || s->coarse;
        *into = one;
        return;
    }
    into->count += s->count;
    into->numbers += s->numbers;
    into->sum += s->sum;
    into->sumsq += s->sumsq;
    into->min = MIN(into->min, s->min);
    into->max = MAX(into->max, s->max);
    if (s->first_at < into->first_at) {
        into->first = s->first;
        into->first_at = s->first_at;
    }
    if (s->last_at > into->last_at) {
        into->last = s->last;
        into->last_at = s->last_at;
    }
}

/* ---- the column ---- */

/* One byte, packed hard or not, and the statistics as they are in memory. */
struct column {
    int64_t count, numbers, first_at, last_at;
    double sum, sumsq, min, max, first, last;
};

void statistics_pack(GByteArray *out, const struct point *points, int n, bool hard)
{
    struct history_statistics s = {0};
    for (int i = 0; i < n; i++) {
        statistics_add(&s, &points[i]);
    }
    struct column c = {s.count, s.numbers, s.first_at, s.last_at, s.sum,
                       s.sumsq, s.min,     s.max,      s.first,   s.last};
    guint8 mark = hard;
    g_byte_array_append(out, &mark, 1);
    g_byte_array_append(out, (const guint8 *)&c, sizeof c);
}

bool statistics_is_hard(const unsigned char *bytes, int length)
{
    return length > 0 && bytes[0] == 1;
}

bool statistics_read(const unsigned char *bytes, int length, struct history_statistics *s)
{
    struct column c;
    if (length != (int)sizeof c + 1) {
        return false;
    }
    memcpy(&c, bytes + 1, sizeof c);
    *s = (struct history_statistics){.count = c.count,
                                     .numbers = c.numbers,
                                     .sum = c.sum,
                                     .sumsq = c.sumsq,
                                     .min = c.min,
                                     .max = c.max,
                                     .first = c.first,
                                     .last = c.last,
                                     .first_at = c.first_at,
                                     .last_at = c.last_at};
    return c.count > 0 && c.numbers >= 0 && c.numbers <= c.count;
}

/* ---- windows ---- */

struct windows {
    const instant *bounds;
    int count;
    struct history_statistics *out;
};

/* The window that holds a time inside the bounds. */
static int window_of(const struct windows *w, instant at)
{
    int low = 0;
    int high = w->count;
    while (high - low > 1) {
        int middle = (low + high) / 2;
        *(w->bounds[middle] <= at ? &low : &high) = middle;
    }
    return low;
}

static void add_points(const struct windows *w, const GArray *points)
{
    if (points->len == 0) {
        return;
    }
    const struct point *p = (const struct point *)(const void *)points->data;
    const struct point *end = p + points->len;
    while (p < end && p->at < w->bounds[0]) {
        p++;
    }
    int window = p < end ? window_of(w, p->at) : 0;
    for (; p < end && p->at < w->bounds[w->count]; p++) {
        while (p->at >= w->bounds[window + 1]) {
            window++;
        }
        statistics_add(&w->out[window], p);
    }
}

/* Takes the near points up to a time out of the list. */
static GArray *near_until(struct near *near, instant stop)
{
    GArray *some = g_array_new(FALSE, FALSE, sizeof(struct point));
    while (near->next < near->points->len &&
           g_array_index(near->points, struct point, near->next).at <= stop) {
        g_array_append_val(some, g_array_index(near->points, struct point, near->next));
        near->next++;
    }
    return some;
}

static bool lies_in_one(const struct windows *w, const struct chunk_row *c)
{
    return c->start >= w->bounds[0] && c->stop < w->bounds[w->count] &&
           window_of(w, c->start) == window_of(w, c->stop);
}

static void add_chunk(const struct windows *w, struct near *near, const struct chunk_row *c)
{
    struct history_statistics s;
    g_autoptr(GArray) before = near_until(near, c->start - 1);
    add_points(w, before);
    g_autoptr(GArray) over = near_until(near, c->stop);
    if (over->len == 0 && lies_in_one(w, c) && statistics_read(c->statistics, c->statistics_length, &s)) {
        statistics_merge(&w->out[window_of(w, c->start)], &s);
        return;
    }
    size_t length;
    const unsigned char *body = chunk_row_body(c, &length);
    int first = window_of(w, MAX(c->start, w->bounds[0]));
    int last = window_of(w, MIN(c->stop, w->bounds[w->count] - 1));
    if (over->len == 0 && chunk_scan(body, length, w->bounds + first, last - first + 1, w->out + first)) {
        return;
    }
    g_autoptr(GArray) points = point_array();
    if (!chunk_unpack(body, length, points)) {
        chunk_is_damaged(near->sid, c->start);
    }
    g_autoptr(GArray) all = over->len > 0 ? points_merge(points, over) : g_array_ref(points);
    add_points(w, all);
}

/* ---- figures of hours and days ---- */

struct taking {
    const struct windows *w;
    int level;
};

/* A period belongs to the window that holds its start; when a bound divides it, both windows are only about
 * right.
 */
static void take_period(void *user, const struct period *p)
{
    const struct windows *w = ((struct taking *)user)->w;
    instant end = period_end(((struct taking *)user)->level, p->start);
    if (end <= w->bounds[0]) {
        return;
    }
    int window = window_of(w, p->start);
    if (p->start >= w->bounds[0]) {
        statistics_merge(&w->out[window], &p->s);
    }
    bool divided = p->start < w->bounds[0] || end > w->bounds[window + 1];
    for (int i = window; divided && i < w->count && w->bounds[i] < end; i++) {
        w->out[i].coarse = true;
    }
}

static void add_figures(const struct windows *w, struct reader *r, int64_t sid)
{
    for (int level = FIGURES_HOUR; level <= FIGURES_DAY; level++) {
        struct taking t = {w, level};
        figures_each(r->db, sid, level, period_start(level, w->bounds[0]), w->bounds[w->count], take_period,
                     &t);
    }
}

bool store_history_statistics(struct store *s, const char *entity, const char *attribute, const char *dataset,
                              const instant *bounds, int windows, struct history_statistics *out,
                              struct error *e)
{
    struct windows w = {bounds, windows, out};
    struct near near = {0};
    struct chunk_row c;
    memset(out, 0, sizeof *out * (size_t)windows);
    history_catch_up(s->history);
    struct reader *r = reader_take(s->history, e);
    bool ok = r != NULL && near_read(&near, r, entity, attribute, dataset != NULL ? dataset : "", bounds[0],
                                     bounds[windows], e);
    instant from = bounds[0];
    while (ok && near.sid != 0 && chunk_row_from(r, near.sid, from, bounds[windows], &c)) {
        add_chunk(&w, &near, &c);
        from = c.stop + 1;
    }
    if (ok && near.rolled) {
        add_figures(&w, r, near.sid);
    }
    if (ok) {
        g_autoptr(GArray) rest = near_until(&near, INT64_MAX);
        add_points(&w, rest);
    }
    reader_give(r);
    g_clear_pointer(&near.points, g_array_unref);
    return ok;
}

/* ---- figures one by one ---- */

struct listing {
    GArray *figures; /* of struct history_figures */
    int level;
};

static void list_period(void *user, const struct period *p)
{
    struct listing *l = user;
    struct history_figures f = {p->start, period_end(l->level, p->start), p->s};
    g_array_append_val(l->figures, f);
}

static int by_start(const void *a, const void *b)
{
    const struct history_figures *x = a, *y = b;
    return (x->start > y->start) - (x->start < y->start);
}

bool store_history_figures(struct store *s, const char *entity, const char *attribute, const char *dataset,
                           instant from, instant to,
                           bool (*each)(void *user, const struct history_figures *f), void *user,
                           struct error *e)
{
    struct near near = {0};
    struct reader *r = reader_take(s->history, e);
    bool ok = r != NULL && near_read(&near, r, entity, attribute, dataset != NULL ? dataset : "", 0, 0, e);
    g_autoptr(GArray) figures = g_array_new(FALSE, FALSE, sizeof(struct history_figures));
    for (int level = FIGURES_HOUR; ok && near.rolled && level <= FIGURES_DAY; level++) {
        struct listing l = {figures, level};
        figures_each(r->db, near.sid, level, from, to, list_period, &l);
    }
    reader_give(r);
    g_clear_pointer(&near.points, g_array_unref);
    g_array_sort(figures, by_start);
    for (guint i = 0; i < figures->len && each(user, &g_array_index(figures, struct history_figures, i));
         i++) {
    }
    return ok;
}
