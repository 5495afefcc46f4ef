/* SPDX-License-Identifier: Apache-2.0 */
/* Aggregation of a history over periods, point by point. */
#include "context/temporal/temporal_aggregate.h"

#include <math.h>
#include <string.h>

#include "base/limits.h"

enum { MAX_DISTINCT = 1000000 };
/* Calendar months are those of the district's time, UTC+8. */
#define LOCAL (8 * 3600 * INSTANT_SECOND)

static const struct {
    const char *name;
    unsigned method;
} method_names[] = {
    {"totalCount", METHOD_TOTAL_COUNT},
    {"distinctCount", METHOD_DISTINCT_COUNT},
    {"sum", METHOD_SUM},
    {"avg", METHOD_AVG},
    {"min", METHOD_MIN},
    {"max", METHOD_MAX},
    {"stddev", METHOD_STDDEV},
    {"sumsq", METHOD_SUMSQ},
};

static unsigned method_of(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(method_names); i++) {
        if (strcmp(method_names[i].name, name) == 0) {
            return method_names[i].method;
        }
    }
    return 0;
}

bool temporal_methods_parse(const char *text, unsigned *methods, struct error *e)
{
    g_auto(GStrv) names = g_strsplit(text != NULL ? text : "", ",", 20);
    unsigned found = 0;
    for (char **name = names; *name != NULL; name++) {
        unsigned method = method_of(g_strstrip(*name));
        if (method == 0) {
            found = 0;
            break;
        }
        found |= method;
    }
    if (found == 0) {
        return error_set(
            e, ERROR_BAD_REQUEST_DATA,
            "aggrMethods is a list of totalCount, distinctCount, sum, avg, min, max, stddev, sumsq, not "
            "\"%.100s\"",
            "aggrMethods 应为 totalCount、distinctCount、sum、avg、min、max、stddev、sumsq "
            "的列表，而不是“%.100s”",
            text != NULL ? text : "");
    }
    *methods = found;
    return true;
}

/* ---- one period ---- */

/* What the values of a series are; each kind has its methods (tables 4.5.19.1-1 to -3). */
enum value_class {
    CLASS_NONE,
    CLASS_NUMBER,
    CLASS_ARRAY,
    CLASS_TEXT,     /* dates too: their order is that of their texts */
    CLASS_DATETIME, /* counted in microseconds */
    CLASS_TIME,     /* of the day, in microseconds */
    CLASS_OTHER
};

static unsigned methods_of(enum value_class class)
{
    unsigned counts = METHOD_TOTAL_COUNT | METHOD_DISTINCT_COUNT;
    switch (class) {
    case CLASS_NUMBER: return ~0u;
    case CLASS_ARRAY: return counts | METHOD_AVG | METHOD_SUM | METHOD_MIN | METHOD_MAX;
    case CLASS_TEXT:
    case CLASS_DATETIME: return counts | METHOD_MIN | METHOD_MAX;
    case CLASS_TIME: return counts | METHOD_MIN | METHOD_MAX | METHOD_AVG;
    default: return counts;
    }
}

/* A sum that keeps what rounding loses (Neumaier). */
struct sum {
    double total, lost;
};

static void sum_add(struct sum *s, double x)
{
    double t = s->total + x;
    s->lost += fabs(s->total) >= fabs(x) ? (s->total - t) + x : (x - t) + s->total;
    s->total = t;
}

static double sum_of(const struct sum *s)
{
    return s->total + s->lost;
}

struct bucket {
    int64_t count;   /* all points */
    int64_t numbers; /* those that count as numbers */
    struct sum sum, squares;
    double mean, spread; /* Welford: the mean so far, and the sum of squared distances from it */
    double low, high;
    char *first, *last; /* texts in the order of their bytes */
};

struct temporal_aggregate {
    struct arena *a;
    struct temporal_periods periods;
    unsigned methods;
    bool is_relationship;
    enum value_class class;
    bool started;
    instant start, end, last; /* of the current period; the newest point */
    int64_t number;           /* of the current period, counted from the origin */
    struct bucket bucket;
    GHashTable *distinct; /* of the current period */
    int results;
    struct json *result;
};

struct temporal_aggregate *temporal_aggregate_new(struct arena *a, const struct temporal_periods *periods,
                                                  unsigned methods, bool is_relationship)
{
    struct temporal_aggregate *g = g_new0(struct temporal_aggregate, 1);
    g->a = a;
    g->periods = *periods;
    g->methods = methods;
    g->last = INSTANT_MIN;
    g->is_relationship = is_relationship;
    g->result = json_object(a);
    g->distinct = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return g;
}

static void bucket_clear(struct temporal_aggregate *g)
{
    g_free(g->bucket.first);
    g_free(g->bucket.last);
    g->bucket = (struct bucket){0};
    g_hash_table_remove_all(g->distinct);
}

void temporal_aggregate_free(struct temporal_aggregate *g)
{
    if (g != NULL) {
        bucket_clear(g);
        g_hash_table_unref(g->distinct);
        g_free(g);
    }
}

static void add_number(struct bucket *b, double x)
{
    b->numbers++;
    sum_add(&b->sum, x);
    sum_add(&b->squares, x * x);
    double distance = x - b->mean;
    b->mean += distance / (double)b->numbers;
    b->spread += distance * (x - b->mean);
    b->low = b->numbers == 1 ? x : fmin(b->low, x);
    b->high = b->numbers == 1 ? x : fmax(b->high, x);
}

static void add_text(struct bucket *b, const char *text)
{
    if (b->first == NULL || strcmp(text, b->first) < 0) {
        g_free(b->first);
        b->first = g_strdup(text);
    }
    if (b->last == NULL || strcmp(text, b->last) > 0) {
        g_free(b->last);
        b->last = g_strdup(text);
    }
}

/* The series is what its first value is; values of another kind are counted only. */
static void add_classed(struct temporal_aggregate *g, enum value_class class, double number, const char *text)
{
    if (g->class == CLASS_NONE) {
        g->class = class;
    }
    if (class != g->class) {
        return;
    }
    if (class != CLASS_TEXT && class != CLASS_OTHER) {
        add_number(&g->bucket, number);
    } else if (class == CLASS_TEXT) {
        add_text(&g->bucket, text);
    }
}

/* A value with a type of its own: {"@type": "Time", "@value": "08:30:00"}, the type perhaps as an IRI. */
static void add_typed(struct temporal_aggregate *g, const struct json *type, const struct json *value)
{
    g_autofree char *moment = g_strconcat("1970-01-01T", value->string, NULL);
    const int utc = 0;
    instant at;
    if (g_str_has_suffix(type->string, "DateTime") &&
        instant_parse(value->string, value->length, &utc, &at)) {
        add_classed(g, CLASS_DATETIME, (double)at, NULL);
    } else if (g_str_has_suffix(type->string, "Time") && instant_parse(moment, strlen(moment), &utc, &at)) {
        add_classed(g, CLASS_TIME, (double)at, NULL);
    } else if (g_str_has_suffix(type->string, "URI") || strcmp(type->string, "@id") == 0) {
        add_classed(g, CLASS_OTHER, 0, NULL);
    } else {
        add_classed(g, CLASS_TEXT, 0, value->string);
    }
}

static void add_value(struct temporal_aggregate *g, const struct history_point *p)
{
    if (p->is_number) {
        add_classed(g, CLASS_NUMBER, p->number, NULL);
        return;
    }
    if (g->is_relationship) {
        add_classed(g, CLASS_OTHER, 0, NULL);
        return;
    }
    arena_auto a = arena_new();
    const struct json *value = json_parse(a, p->text, strlen(p->text), NULL);
    const struct json *typed = json_get(value, "@value");
    const struct json *more = p->more != NULL ? json_parse(a, p->more, strlen(p->more), NULL) : NULL;
    const struct json *type = typed != NULL ? json_get(value, "@type") : json_get(more, "valueType");
    type = type != NULL || typed == NULL ? type : json_get(value, "type");
    value = typed != NULL ? typed : value;
    if (json_is(value, JSON_BOOL)) {
        add_classed(g, CLASS_NUMBER, value->boolean, NULL);
    } else if (json_is(value, JSON_ARRAY)) {
        add_classed(g, CLASS_ARRAY, value->length, NULL);
    } else if (json_is(value, JSON_STRING) && json_is(type, JSON_STRING)) {
        add_typed(g, type, value);
    } else if (json_is(value, JSON_STRING)) {
        add_classed(g, CLASS_TEXT, 0, value->string);
    } else if (json_is_number(value)) {
        add_classed(g, CLASS_NUMBER, json_number(value), NULL);
    } else {
        add_classed(g, CLASS_OTHER, 0, NULL);
    }
}

static bool add_distinct(struct temporal_aggregate *g, const struct history_point *p, struct error *e)
{
    if (!(g->methods & METHOD_DISTINCT_COUNT)) {
        return true;
    }
    g_hash_table_add(g->distinct, p->is_number ? g_strdup_printf("%.17g", p->number) : g_strdup(p->text));
    return g_hash_table_size(g->distinct) <= MAX_DISTINCT ||
           error_set(e, ERROR_TOO_COMPLEX, "More than %d distinct values in one period: use shorter periods",
                     "一个时段内不同的值超过 %d 个：请缩短时段", MAX_DISTINCT);
}

/* ---- results ---- */

static struct json *number_json(struct arena *a, double x)
{
    return isfinite(x) ? json_double(a, x) : json_null(a);
}

/* A number as what the values of the series are. */
static struct json *classed_json(const struct temporal_aggregate *g, double x)
{
    char text[INSTANT_TEXT];
    if (g->class != CLASS_DATETIME && g->class != CLASS_TIME) {
        return number_json(g->a, x);
    }
    instant_format((instant)llround(x), text);
    return json_string(g->a, g->class == CLASS_TIME ? text + strlen("1970-01-01T") : text);
}

static struct json *extreme_json(const struct temporal_aggregate *g, bool low)
{
    const struct bucket *b = &g->bucket;
    if (g->class == CLASS_TEXT) {
        return b->first != NULL ? json_string(g->a, low ? b->first : b->last) : NULL;
    }
    return b->numbers > 0 ? classed_json(g, low ? b->low : b->high) : NULL;
}

/* NULL when the period has nothing for the method. */
static struct json *value_json(const struct temporal_aggregate *g, unsigned method)
{
    const struct bucket *b = &g->bucket;
    switch (method) {
    case METHOD_TOTAL_COUNT: return json_int(g->a, b->count);
    case METHOD_DISTINCT_COUNT: return json_int(g->a, g_hash_table_size(g->distinct));
    case METHOD_MIN: return extreme_json(g, true);
    case METHOD_MAX: return extreme_json(g, false);
    default: break;
    }
    if (b->numbers == 0) {
        return NULL;
    }
    switch (method) {
    case METHOD_SUM: return number_json(g->a, sum_of(&b->sum));
    case METHOD_SUMSQ: return number_json(g->a, sum_of(&b->squares));
    case METHOD_AVG: return classed_json(g, sum_of(&b->sum) / (double)b->numbers);
    default: return number_json(g->a, sqrt(fmax(0, b->spread / (double)b->numbers)));
    }
}

static struct json *time_json(struct arena *a, instant t)
{
    char text[INSTANT_TEXT];
    return json_string(a, instant_format(t, text));
}

static void close_period(struct temporal_aggregate *g)
{
    for (size_t i = 0; i < G_N_ELEMENTS(method_names) && g->bucket.count > 0; i++) {
        unsigned method = method_names[i].method;
        struct json *value = (g->methods & methods_of(g->class) & method) ? value_json(g, method) : NULL;
        if (value == NULL) {
            continue;
        }
        struct json *list = json_get(g->result, method_names[i].name);
        if (list == NULL) {
            list = json_add(g->result, method_names[i].name, json_array(g->a));
        }
        struct json *triple = json_append(list, json_array(g->a));
        json_append(triple, value);
        json_append(triple, time_json(g->a, g->start));
        json_append(triple, time_json(g->a, g->end));
        g->results++;
    }
    bucket_clear(g);
}

/* ---- periods ---- */

static bool is_whole(const struct temporal_periods *p)
{
    return p->months == 0 && p->microseconds == 0;
}

static instant floor_to(instant t, int64_t unit)
{
    int64_t rest = t % unit;
    return t - (rest < 0 ? rest + unit : rest);
}

/* Where periods begin when the query does not say: whole periods of the local day, or of the local month. */
static instant natural_start(const struct temporal_periods *p, instant t)
{
    if (p->months == 0) {
        return floor_to(t + LOCAL, p->microseconds) - LOCAL;
    }
    char text[INSTANT_TEXT];
    instant local = 0;
    instant_format(t + LOCAL, text);
    memcpy(text + 8, "01T00:00:00Z", 13);
    instant_parse(text, 20, NULL, &local);
    return local - LOCAL;
}

static instant next_start(const struct temporal_periods *p, instant origin, int64_t n)
{
    return instant_add(origin + LOCAL, (int)(n * p->months), n * p->microseconds) - LOCAL;
}

/* The period that holds t, counted from the origin. */
static void find_period(struct temporal_aggregate *g, instant t)
{
    const struct temporal_periods *p = &g->periods;
    int64_t n;
    if (p->months == 0) {
        n = (t - p->start) / p->microseconds;
    } else {
        int64_t longest = p->months * INT64_C(31) * 86400 * INSTANT_SECOND + p->microseconds;
        n = (t - p->start) / longest;
        while (next_start(p, p->start, n + 1) <= t) {
            n++;
        }
    }
    g->number = n;
    g->start = next_start(p, p->start, n);
    g->end = next_start(p, p->start, n + 1);
}

static void enter_period(struct temporal_aggregate *g, instant t)
{
    struct temporal_periods *p = &g->periods;
    if (is_whole(p)) {
        g->start = p->has_start ? p->start : t;
        g->end = p->has_end ? p->end : INSTANT_MAX;
        return;
    }
    if (!p->has_start) {
        p->start = natural_start(p, t);
        p->has_start = true;
    }
    find_period(g, t);
}

/* Goes to the period of t, which is not before the current one. */
static bool go_to(struct temporal_aggregate *g, instant t, struct error *e)
{
    if (!g->started || t >= g->end) {
        close_period(g);
        enter_period(g, t);
        g->started = true;
        if (g->results > LIMIT_TEMPORAL_POINTS) {
            return error_set(e, ERROR_TOO_MANY_RESULTS, "More than %d aggregated values: use longer periods",
                             "聚合结果超过 %d 个：请加长时段", LIMIT_TEMPORAL_POINTS);
        }
    }
    return true;
}

bool temporal_aggregate_add(struct temporal_aggregate *g, const struct history_point *p, struct error *e)
{
    if (!go_to(g, p->at, e)) {
        return false;
    }
    g->last = MAX(g->last, p->at);
    g->bucket.count++;
    add_value(g, p);
    return add_distinct(g, p, e);
}

/* Two sets of numbers as one (Chan, Golub, LeVeque). */
static void merge_numbers(struct bucket *b, const struct history_statistics *s)
{
    double n = (double)s->numbers, mean = s->sum / n;
    double distance = mean - b->mean, all = (double)b->numbers + n;
    b->spread += fmax(0, s->sumsq - s->sum * mean) + distance * distance * (double)b->numbers * n / all;
    b->mean += distance * n / all;
    b->low = b->numbers == 0 ? s->min : fmin(b->low, s->min);
    b->high = b->numbers == 0 ? s->max : fmax(b->high, s->max);
    b->numbers += s->numbers;
    sum_add(&b->sum, s->sum);
    sum_add(&b->squares, s->sumsq);
}

bool temporal_aggregate_add_figures(struct temporal_aggregate *g, const struct history_figures *f,
                                    struct error *e)
{
    if (!go_to(g, f->start, e)) {
        return false;
    }
    g->bucket.count += f->s.count;
    g->last = MAX(g->last, f->s.numbers > 0 ? f->s.last_at : f->start);
    if (f->s.numbers > 0 && (g->class == CLASS_NONE || g->class == CLASS_NUMBER)) {
        g->class = CLASS_NUMBER;
        merge_numbers(&g->bucket, &f->s);
    }
    return true;
}

/* ---- from statistics ---- */

GArray *temporal_aggregate_bounds(struct temporal_aggregate *g, instant first, instant last)
{
    g_autoptr(GArray) bounds = g_array_new(FALSE, FALSE, sizeof(instant));
    enter_period(g, first);
    if (is_whole(&g->periods)) {
        instant end = g->periods.has_end ? g->periods.end : last + 1;
        g_array_append_val(bounds, g->start);
        g_array_append_val(bounds, end);
        return g_steal_pointer(&bounds);
    }
    g_array_append_val(bounds, g->start);
    for (instant from = g->start, end; from <= last; from = end) {
        end = next_start(&g->periods, g->periods.start, ++g->number);
        if (end <= from || bounds->len > LIMIT_TEMPORAL_POINTS) {
            return NULL;
        }
        g_array_append_val(bounds, end);
    }
    return g_steal_pointer(&bounds);
}

void temporal_aggregate_window(struct temporal_aggregate *g, instant start, instant end,
                               const struct history_statistics *s)
{
    if (s->numbers == 0) {
        return;
    }
    g->class = CLASS_NUMBER;
    g->start = start;
    g->end = end;
    g->last = s->last_at;
    g->bucket = (struct bucket){.count = s->count,
                                .numbers = s->numbers,
                                .sum = {.total = s->sum},
                                .squares = {.total = s->sumsq},
                                .low = s->min,
                                .high = s->max};
    if (is_whole(&g->periods)) {
        return; /* closed at the end */
    }
    close_period(g);
}

struct json *temporal_aggregate_finish(struct temporal_aggregate *g)
{
    if (is_whole(&g->periods) && !g->periods.has_end) {
        g->end = g->last;
    }
    close_period(g);
    return g->result;
}
