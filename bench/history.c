/* SPDX-License-Identifier: Apache-2.0 */
/* The history by itself: `write DIR ENTITIES ROUNDS` feeds it points through the store; `aggregate DIR`
 * compares statistics over a year of hours with a bare loop over the same chunks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/private.h"

enum { ATTRIBUTES = 6, BATCH = 1000, HOURS = 8760, DAYS = 365, REPEATS = 300 };
#define T0 (INT64_C(1735689600) * INSTANT_SECOND)
#define HOUR (3600 * INSTANT_SECOND)

struct batch {
    struct store_job job;
    GRand *rand;
    int entities, first, round;
};

/* One record of an entity, six numbers of one time. */
static void put_record(struct batch *b, struct txn *t, int entity)
{
    char at[INSTANT_TEXT];
    g_autoptr(GString) r = g_string_new(NULL);
    g_string_printf(
        r,
        "{\"op\":\"update\",\"id\":\"urn:ngsi-ld:AirQualityObserved:%06d\",\"type\":[\"AirQualityObserved\"],"
        "\"at\":%" G_GINT64_FORMAT ",\"attrs\":{",
        entity, T0);
    instant_format(T0 + b->round * 60 * INSTANT_SECOND, at);
    for (int i = 0; i < ATTRIBUTES; i++) {
        g_string_append_printf(
            r, "%s\"a%d\":{\"type\":\"Property\",\"value\":%.2f,\"unitCode\":\"GQ\",\"observedAt\":\"%s\"}",
            i > 0 ? "," : "", i, g_rand_int_range(b->rand, 100, 30000) / 100.0, at);
    }
    g_string_append(r, "}}");
    txn_log(t, r->str, r->len);
}

static bool apply_batch(struct store_job *job, struct txn *t, struct error *e)
{
    struct batch *b = (struct batch *)job;
    for (int i = 0; i < BATCH; i++) {
        put_record(b, t, b->round == 0 ? b->first + i : g_rand_int_range(b->rand, 0, b->entities));
    }
    return true;
}

static struct store *open_store(const char *dir)
{
    struct error e = {0};
    struct store *s = store_open(dir, NULL, &e);
    if (s == NULL) {
        fprintf(stderr, "%s\n", e.en);
        exit(1);
    }
    return s;
}

static int run_write(const char *dir, int entities, int rounds)
{
    struct store *s = open_store(dir);
    g_autoptr(GRand) rand = g_rand_new_with_seed(1);
    struct error e = {0};
    for (int round = 0; round < rounds; round++) {
        for (int first = 0; first < entities; first += BATCH) {
            struct batch b = {
                .job.apply = apply_batch, .rand = rand, .entities = entities, .first = first, .round = round};
            if (!store_run(s, &b.job, &e)) {
                fprintf(stderr, "%s\n", e.en);
                return 1;
            }
        }
    }
    store_close(s);
    return 0;
}

/* ---- aggregate ---- */

static bool apply_year(struct store_job *job, struct txn *t, struct error *e)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(2);
    g_autoptr(GString) r =
        g_string_new("{\"op\":\"update\",\"id\":\"urn:a\",\"type\":[\"T\"],\"at\":1,\"attrs\":{\"x\":[");
    double value = 60;
    for (int i = 0; i < HOURS; i++) {
        char at[INSTANT_TEXT];
        value = CLAMP(value + g_rand_int_range(rand, -80, 81) / 10.0, 3, 500);
        g_string_append_printf(r, "%s{\"type\":\"Property\",\"value\":%.1f,\"observedAt\":\"%s\"}",
                               i > 0 ? "," : "", value, instant_format(T0 + i * HOUR, at));
    }
    g_string_append(r, "]}}");
    txn_log(t, r->str, r->len);
    return true;
}

struct day {
    int64_t count;
    double sum, sumsq, min, max;
};

static void loop(const GArray *points, struct day *days)
{
    memset(days, 0, sizeof *days * DAYS);
    for (guint i = 0; i < points->len; i++) {
        const struct point *p = &g_array_index(points, struct point, i);
        struct day *d = &days[(p->at - T0) / (24 * HOUR)];
        d->min = d->count == 0 || p->number < d->min ? p->number : d->min;
        d->max = d->count == 0 || p->number > d->max ? p->number : d->max;
        d->count++;
        d->sum += p->number;
        d->sumsq += p->number * p->number;
    }
}

/* Reads the chunks with a statement of its own, unpacks them into points. */
static void read_chunks(sqlite3_stmt *st, GArray *points)
{
    g_array_set_size(points, 0);
    while (sqlite3_step(st) == SQLITE_ROW) {
        g_assert_true(chunk_unpack(sqlite3_column_blob(st, 0), (size_t)sqlite3_column_bytes(st, 0), points));
    }
    sqlite3_reset(st);
}

static int by_number(const void *a, const void *b)
{
    return (*(const gint64 *)a > *(const gint64 *)b) - (*(const gint64 *)a < *(const gint64 *)b);
}

static double median_us(gint64 *times)
{
    qsort(times, REPEATS, sizeof *times, by_number);
    return (double)times[REPEATS / 2];
}

static int run_aggregate(const char *dir)
{
    struct error e = {0};
    struct store *s = open_store(dir);
    struct store_job job = {.apply = apply_year};
    g_assert_true(store_run(s, &job, &e));
    store_close(s);
    s = open_store(dir);
    g_assert_true(store_history_compact(s, &e));
    g_autofree char *path = g_build_filename(dir, "history.db", NULL);
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    g_assert_true(sqlite3_open(path, &db) == SQLITE_OK &&
                  sqlite3_prepare_v2(db, "SELECT body FROM chunk ORDER BY start", -1, &st, NULL) ==
                      SQLITE_OK);
    static instant bounds[DAYS + 1];
    static struct history_statistics out[DAYS];
    static struct day days[DAYS];
    static gint64 ours[REPEATS], bare[REPEATS], decoded[REPEATS], year[REPEATS];
    for (int i = 0; i <= DAYS; i++) {
        bounds[i] = T0 + i * 24 * HOUR;
    }
    g_autoptr(GArray) points = point_array();
    for (int i = 0; i < REPEATS; i++) {
        gint64 t0 = g_get_monotonic_time();
        g_assert_true(store_history_statistics(s, "urn:a", "x", "", bounds, DAYS, out, &e));
        gint64 t1 = g_get_monotonic_time();
        read_chunks(st, points);
        gint64 t2 = g_get_monotonic_time();
        loop(points, days);
        gint64 t3 = g_get_monotonic_time();
        const instant all[] = {bounds[0], bounds[DAYS]};
        struct history_statistics whole;
        g_assert_true(store_history_statistics(s, "urn:a", "x", "", all, 1, &whole, &e));
        gint64 t4 = g_get_monotonic_time();
        ours[i] = t1 - t0;
        bare[i] = t3 - t1;
        decoded[i] = t3 - t2;
        year[i] = t4 - t3;
    }
    for (int i = 0; i < DAYS; i++) {
        g_assert_cmpint(out[i].count, ==, days[i].count);
        g_assert_cmpfloat_with_epsilon(out[i].sum, days[i].sum, 1e-6);
        g_assert_true(out[i].min == days[i].min && out[i].max == days[i].max);
    }
    printf("%.0f %.0f %.0f %.0f\n", median_us(ours), median_us(bare), median_us(decoded), median_us(year));
    sqlite3_finalize(st);
    sqlite3_close(db);
    store_close(s);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "write") == 0) {
        return run_write(argv[2], atoi(argv[3]), atoi(argv[4]));
    }
    if (argc == 3 && strcmp(argv[1], "aggregate") == 0) {
        return run_aggregate(argv[2]);
    }
    fputs("usage: bench_history write DIR ENTITIES ROUNDS | aggregate DIR\n", stderr);
    return 2;
}
