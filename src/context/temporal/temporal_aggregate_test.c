/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of aggregation, against sums done the plain way. */
#include <glib.h>
#include <math.h>
#include <string.h>

#include "context/temporal/temporal_aggregate.h"

#define ALL_METHODS 255u

static instant at(const char *text)
{
    instant t = 0;
    g_assert_true(instant_parse(text, strlen(text), NULL, &t));
    return t;
}

static void add(struct temporal_aggregate *g, instant t, double number)
{
    struct history_point p = {.at = t, .is_number = true, .number = number};
    g_assert_true(temporal_aggregate_add(g, &p, NULL));
}

static void add_text(struct temporal_aggregate *g, const char *time, const char *json)
{
    struct history_point p = {.at = at(time), .text = json};
    g_assert_true(temporal_aggregate_add(g, &p, NULL));
}

static char *finish(struct arena *a, struct temporal_aggregate *g)
{
    char *text = json_text(a, temporal_aggregate_finish(g));
    temporal_aggregate_free(g);
    return text;
}

/* The value of a method in a period, found by its start. */
static double value(const struct json *result, const char *method, instant start)
{
    char text[INSTANT_TEXT];
    instant_format(start, text);
    for (const struct json *t = json_first(json_get(result, method)); t != NULL; t = t->next) {
        if (json_streq(t->first->next, text)) {
            return json_number(t->first);
        }
    }
    return NAN;
}

struct plain {
    double values[2000];
    int n;
};

static void compare_period(const struct json *result, const struct plain *p, instant start)
{
    long double sum = 0, squares = 0, spread = 0;
    double low = INFINITY, high = -INFINITY;
    g_autoptr(GHashTable) distinct = g_hash_table_new(g_double_hash, g_double_equal);
    for (int i = 0; i < p->n; i++) {
        sum += p->values[i];
        squares += (long double)p->values[i] * p->values[i];
        low = MIN(low, p->values[i]);
        high = MAX(high, p->values[i]);
        g_hash_table_add(distinct, (gpointer)&p->values[i]);
    }
    for (int i = 0; i < p->n; i++) {
        spread += powl(p->values[i] - sum / p->n, 2);
    }
    g_assert_cmpfloat(value(result, "totalCount", start), ==, p->n);
    g_assert_cmpfloat(value(result, "distinctCount", start), ==, g_hash_table_size(distinct));
    g_assert_cmpfloat_with_epsilon(value(result, "sum", start), (double)sum, 1e-9);
    g_assert_cmpfloat_with_epsilon(value(result, "avg", start), (double)(sum / p->n), 1e-9);
    g_assert_cmpfloat(value(result, "min", start), ==, low);
    g_assert_cmpfloat(value(result, "max", start), ==, high);
    g_assert_cmpfloat_with_epsilon(value(result, "sumsq", start), (double)squares, 1e-6);
    g_assert_cmpfloat_with_epsilon(value(result, "stddev", start), (double)sqrtl(spread / p->n), 1e-9);
}

static void random_series_agree_with_plain_sums(void)
{
    GRand *r = g_rand_new_with_seed(9);
    for (int round = 0; round < 20; round++) {
        arena_auto a = arena_new();
        int64_t period = g_rand_int_range(r, 1, 4000) * INSTANT_SECOND;
        struct temporal_periods periods = {
            .microseconds = period, .has_start = true, .start = at("2026-03-01T00:00:00Z")};
        struct temporal_aggregate *g = temporal_aggregate_new(a, &periods, ALL_METHODS, false);
        struct plain plain[40] = {0};
        for (instant t = periods.start; t < periods.start + 40 * period;
             t += g_rand_int_range(r, 1, (int)(period / 40))) {
            struct plain *p = &plain[(t - periods.start) / period];
            if (p->n < 2000) {
                p->values[p->n] = g_rand_int_range(r, -500, 500) / 10.0;
                add(g, t, p->values[p->n++]);
            }
        }
        struct json *result = temporal_aggregate_finish(g);
        for (int i = 0; i < 40; i++) {
            compare_period(result, &plain[i], periods.start + i * period);
        }
        temporal_aggregate_free(g);
    }
    g_rand_free(r);
}

static void months_are_local_and_of_their_own_length(void)
{
    arena_auto a = arena_new();
    struct temporal_periods periods = {.months = 1};
    struct temporal_aggregate *g = temporal_aggregate_new(a, &periods, METHOD_TOTAL_COUNT, false);
    add(g, at("2026-01-31T15:59:59Z"), 1); /* 23:59:59 local */
    add(g, at("2026-01-31T16:00:00Z"), 1); /* the first of February */
    add(g, at("2026-02-28T15:59:59Z"), 1);
    add(g, at("2026-05-01T00:00:00Z"), 1);
    g_assert_cmpstr(finish(a, g), ==,
                    "{\"totalCount\":[[1,\"2025-12-31T16:00:00Z\",\"2026-01-31T16:00:00Z\"],"
                    "[2,\"2026-01-31T16:00:00Z\",\"2026-02-28T16:00:00Z\"],"
                    "[1,\"2026-04-30T16:00:00Z\",\"2026-05-31T16:00:00Z\"]]}");
}

static void a_zero_period_is_the_whole_range(void)
{
    arena_auto a = arena_new();
    struct temporal_periods periods = {.has_start = true, .start = at("2026-01-01T00:00:00Z")};
    struct temporal_aggregate *g = temporal_aggregate_new(a, &periods, METHOD_AVG | METHOD_MAX, false);
    add(g, at("2026-01-02T00:00:00Z"), 1);
    add(g, at("2026-03-02T00:00:00Z"), 2);
    g_assert_cmpstr(finish(a, g), ==,
                    "{\"avg\":[[1.5,\"2026-01-01T00:00:00Z\",\"2026-03-02T00:00:00Z\"]],"
                    "\"max\":[[2,\"2026-01-01T00:00:00Z\",\"2026-03-02T00:00:00Z\"]]}");
}

static void kinds_have_their_methods(void)
{
    static const struct {
        const char *first, *second, *expected;
        bool relationship;
    } cases[] = {
        {"\"b\"", "\"a\"", "totalCount=2 distinctCount=2 min=\"a\" max=\"b\" ", false},
        {"true", "false", "totalCount=2 distinctCount=2 sum=1 avg=0.5 min=0 max=1 stddev=0.5 sumsq=1 ",
         false},
        {"[1,2,3]", "[1]", "totalCount=2 distinctCount=2 sum=4 avg=2 min=1 max=3 ", false},
        {"{\"a\":1}", "{\"a\":1}", "totalCount=2 distinctCount=1 ", false},
        {"\"urn:a\"", "\"urn:b\"", "totalCount=2 distinctCount=2 ", true},
        {"{\"@type\":\"DateTime\",\"@value\":\"2026-02\"}", "{\"@type\":\"DateTime\",\"@value\":\"2026-01\"}",
         "totalCount=2 distinctCount=2 min=\"2026-01\" max=\"2026-02\" ", false},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        arena_auto a = arena_new();
        struct temporal_periods periods = {0};
        struct temporal_aggregate *g =
            temporal_aggregate_new(a, &periods, ALL_METHODS, cases[i].relationship);
        add_text(g, "2026-01-01T00:00:00Z", cases[i].first);
        add_text(g, "2026-01-02T00:00:00Z", cases[i].second);
        g_autoptr(GString) found = g_string_new("");
        for (const struct json *m = json_first(temporal_aggregate_finish(g)); m != NULL; m = m->next) {
            g_string_append_printf(found, "%s=%s ", m->key, json_text(a, m->first->first));
        }
        g_assert_cmpstr(found->str, ==, cases[i].expected);
        temporal_aggregate_free(g);
    }
}

static void sums_keep_small_values(void)
{
    arena_auto a = arena_new();
    struct temporal_periods periods = {0};
    struct temporal_aggregate *g = temporal_aggregate_new(a, &periods, METHOD_SUM | METHOD_STDDEV, false);
    instant t = at("2026-01-01T00:00:00Z");
    for (int i = 0; i < 1000; i++) {
        add(g, t + i, i == 0 ? 1e16 : i == 999 ? -1e16 : 1);
    }
    g_assert_cmpfloat(json_number(json_get(temporal_aggregate_finish(g), "sum")->first->first), ==, 998);
    temporal_aggregate_free(g);
}

static void methods_are_read(void)
{
    unsigned methods = 0;
    struct error e = {0};
    g_assert_true(temporal_methods_parse("avg, max", &methods, &e));
    g_assert_cmpuint(methods, ==, METHOD_AVG | METHOD_MAX);
    g_assert_false(temporal_methods_parse("avg,median", &methods, &e));
    g_assert_false(temporal_methods_parse("", &methods, &e));
    g_assert_false(temporal_methods_parse(NULL, &methods, &e));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/aggregate/random", random_series_agree_with_plain_sums);
    g_test_add_func("/aggregate/months", months_are_local_and_of_their_own_length);
    g_test_add_func("/aggregate/whole", a_zero_period_is_the_whole_range);
    g_test_add_func("/aggregate/kinds", kinds_have_their_methods);
    g_test_add_func("/aggregate/exact", sums_keep_small_values);
    g_test_add_func("/aggregate/methods", methods_are_read);
    return g_test_run();
}
