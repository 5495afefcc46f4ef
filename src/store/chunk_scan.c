/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics of a chunk of decimals without making its points: its whole numbers are added as they are read,
 * and brought to their decimals once a window. */
#include <string.h>

#include "store/chunk.h"

/* The whole numbers of one window so far. */
struct sums {
    int64_t count;
    double sum, sumsq; /* whole numbers are exact in a double up to 9e15 */
    int64_t min, max, first, last;
    instant first_at, last_at;
};

struct scan {
    struct chunk_head head;
    struct byte_reader times;      /* irregular ones */
    struct byte_reader exceptions; /* their places and numbers */
    uint64_t exceptions_left, next_exception;
    double divisor;
    const instant *bounds;
    int windows;
    struct history_statistics *out; /* one a window */
    uint64_t i;                     /* points read */
    int64_t at, step;               /* of the next point, in units */
    int64_t last;                   /* whole number read last */
    int window;                     /* of the point at i */
    struct sums sums;
};

/* ---- into windows ---- */

static struct history_statistics in_decimals(const struct sums *s, double divisor)
{
    return (struct history_statistics){.count = s->count,
                                       .numbers = s->count,
                                       .sum = s->sum / divisor,
                                       .sumsq = s->sumsq / (divisor * divisor),
                                       .min = (double)s->min / divisor,
                                       .max = (double)s->max / divisor,
                                       .first = (double)s->first / divisor,
                                       .last = (double)s->last / divisor,
                                       .first_at = s->first_at,
                                       .last_at = s->last_at};
}

static void end_window(struct scan *s)
{
    if (s->sums.count > 0) {
        struct history_statistics x = in_decimals(&s->sums, s->divisor);
        statistics_merge(&s->out[s->window], &x);
    }
    s->sums = (struct sums){0};
}

static void add_exception(struct scan *s)
{
    struct point p = {.at = s->at * s->head.unit};
    memcpy(&p.number, get_bytes(&s->exceptions, sizeof p.number), sizeof p.number);
    statistics_add(&s->out[s->window], &p);
    s->exceptions_left--;
    uint64_t distance = s->exceptions_left > 0 ? get_varint(&s->exceptions) : UINT64_MAX - s->i;
    s->head.rest.broken |= distance == 0;
    s->next_exception = s->i + distance;
}

/* ---- reading ---- */

/* One difference of one or two bytes without a branch on which; longer ones are rare. */
static inline int64_t get_difference(struct byte_reader *r)
{
    if (r->end - r->at < 2) {
        return get_quick_signed(r);
    }
    uint64_t first = r->at[0];
    uint64_t more = first >> 7;
    uint64_t second = r->at[1];
    if ((more & (second >> 7)) != 0) {
        return get_quick_signed(r);
    }
    uint64_t n = (first & 0x7f) | (second << 7 & -more);
    r->at += 1 + more;
    return (int64_t)(n >> 1) ^ -(int64_t)(n & 1);
}

/* The next n whole numbers, none of them an exception, all of one window. */
static void add_numbers(struct scan *s, uint64_t n)
{
    struct byte_reader r = s->head.rest;
    uint64_t last = (uint64_t)s->last + (uint64_t)get_difference(&r);
    int64_t min = (int64_t)last, max = (int64_t)last, first = (int64_t)last;
    double sum = (double)first, sumsq = (double)first * (double)first;
    for (uint64_t i = 1; i < n; i++) {
        last += (uint64_t)get_difference(&r);
        int64_t v = (int64_t)last;
        double number = (double)v;
        sum += number;
        sumsq += number * number;
        min = v < min ? v : min;
        max = v > max ? v : max;
    }
    struct sums *sums = &s->sums;
    sums->min = sums->count == 0 || min < sums->min ? min : sums->min;
    sums->max = sums->count == 0 || max > sums->max ? max : sums->max;
    sums->first = sums->count == 0 ? first : sums->first;
    sums->last = (int64_t)last;
    sums->sum += sum;
    sums->sumsq += sumsq;
    sums->count += (int64_t)n;
    s->head.rest = r;
    s->last = (int64_t)last;
}

/* How many points from here on lie before the end of the window; irregular times are looked at one by one. */
static uint64_t points_in_window(const struct scan *s)
{
    instant end = MIN(s->bounds[s->window + 1], INSTANT_MAX + 1);
    uint64_t left = s->head.n - s->i;
    if (!s->head.regular || s->step <= 0) {
        return 1;
    }
    int64_t last = (end - 1) / s->head.unit - ((end - 1) % s->head.unit < 0); /* the last unit before end */
    return MIN(left, (uint64_t)((last - s->at) / s->step) + 1);
}

static bool next_time(struct scan *s, uint64_t n)
{
    if (s->head.regular) {
        s->at += s->step * (int64_t)n;
        return true;
    }
    if (s->i < s->head.n) {
        s->step = (int64_t)((uint64_t)s->step + (uint64_t)get_quick_signed(&s->times));
        s->at = (int64_t)((uint64_t)s->at + (uint64_t)s->step);
    }
    return s->step > 0 && s->at <= INSTANT_MAX / s->head.unit;
}

static bool add_run(struct scan *s)
{
    uint64_t n = points_in_window(s);
    uint64_t before_exception = s->next_exception - s->i;
    instant at = s->at * s->head.unit;
    if (before_exception == 0) {
        n = 1;
        s->last = (int64_t)((uint64_t)s->last + (uint64_t)get_quick_signed(&s->head.rest));
        add_exception(s);
    } else {
        n = MIN(n, before_exception);
        if (s->sums.count == 0) {
            s->sums.first_at = at;
        }
        add_numbers(s, n);
        s->sums.last_at = at + (int64_t)(n - 1) * s->step * s->head.unit;
    }
    s->i += n;
    return next_time(s, n) && !s->head.rest.broken;
}

static bool run(struct scan *s)
{
    while (s->i < s->head.n) {
        instant at = s->at * s->head.unit;
        if (at >= s->bounds[s->window + 1]) {
            end_window(s);
            while (s->window < s->windows && at >= s->bounds[s->window + 1]) {
                s->window++;
            }
        }
        if (s->window >= s->windows) {
            break;
        }
        if (!add_run(s)) {
            return false;
        }
    }
    end_window(s);
    return !s->times.broken;
}

/* ---- the head ---- */

static void skip_varints(struct byte_reader *r, uint64_t n)
{
    while (n > 0 && r->at < r->end) {
        n -= *r->at++ < 0x80;
    }
    r->broken |= n > 0;
}

static bool begin_times(struct scan *s)
{
    struct byte_reader *r = &s->head.rest;
    s->at = get_signed(r);
    s->times = *r;
    if (s->head.regular) {
        s->step = s->head.n > 1 ? get_signed(r) : 1;
    } else {
        skip_varints(r, s->head.n - 1);
    }
    int64_t most = INSTANT_MAX / s->head.unit;
    return !r->broken && s->at <= most && s->at >= -most &&
           (!s->head.regular || (s->step > 0 && s->step <= (most - s->at) / (int64_t)s->head.n + 1));
}

static bool begin_values(struct scan *s)
{
    struct byte_reader *r = &s->head.rest;
    uint64_t decimals = get_varint(r);
    s->exceptions_left = get_varint(r);
    s->exceptions = *r;
    for (uint64_t i = 0; i < s->exceptions_left && !r->broken; i++) {
        get_varint(r);
        get_bytes(r, sizeof(double));
    }
    if (r->broken || decimals > MAX_DECIMALS) {
        return false;
    }
    s->divisor = chunk_power[decimals];
    s->next_exception = s->exceptions_left > 0 ? get_varint(&s->exceptions) : UINT64_MAX;
    return true;
}

bool chunk_scan(const unsigned char *bytes, size_t length, const instant *bounds, int windows,
                struct history_statistics *out)
{
    struct scan s = {.bounds = bounds, .windows = windows};
    bool ok = chunk_open(bytes, length, &s.head) && !s.head.old && s.head.kind == KIND_DECIMAL &&
              begin_times(&s) && begin_values(&s) && s.at * s.head.unit >= bounds[0];
    if (ok) {
        s.out = g_new0(struct history_statistics, windows);
        ok = run(&s);
        for (int i = 0; i < windows && ok; i++) {
            statistics_merge(&out[i], &s.out[i]);
        }
        g_free(s.out);
    }
    g_free(s.head.plain);
    return ok;
}
