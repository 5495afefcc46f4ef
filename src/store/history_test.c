/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the history: points in order, corrections, statistics, the codec. */
#include "store/fixture.h"
#include "store/history.h"

static void history_keeps_one_point_a_time(struct fixture *f, gconstpointer unused)
{
    struct store *s = f->store;
    record_point(s, "a", "x", 10, 1);
    record_point(s, "a", "x", 30, 3);
    record_point(s, "a", "x", 20, 2);
    record_point(s, "a", "x", 30, 3.5);
    check_points(s, "a", 0, 100, false, "10:1 20:2 30:3.5 ");
    check_points(s, "a", 20, 30, false, "20:2 ");
    check_points(s, "a", 0, 100, true, "30:3.5 20:2 10:1 ");
    reopen(f); /* writes the chunks */
    s = f->store;
    check_points(s, "a", 0, 100, false, "10:1 20:2 30:3.5 ");
    record_point(s, "a", "x", 20, 2.5); /* a correction of a stored point */
    record_point(s, "a", "x", 5, 0);    /* a late one */
    check_points(s, "a", 0, 100, false, "5:0 10:1 20:2.5 30:3.5 ");
    reopen(f);
    check_points(f->store, "a", 0, 100, false, "5:0 10:1 20:2.5 30:3.5 ");
    struct history_series *series;
    int count;
    struct error e = {0};
    arena_auto a = arena_new();
    g_assert_true(store_history_list(f->store, a, "a", &series, &count, &e));
    g_assert_cmpint(count, ==, 1);
    g_assert_cmpint(series[0].points, >=, 4); /* about: a corrected one may count twice */
    g_assert_cmpint(series[0].points, <=, 6);
    const char **ids;
    g_assert_true(store_history_entities(f->store, a, NULL, 10, &ids, &count, &e));
    g_assert_cmpint(count, ==, 1);
    g_assert_true(store_history_delete(f->store, "a", NULL, NULL, &e));
    check_points(f->store, "a", 0, 100, false, "");
    reopen(f);
    check_points(f->store, "a", 0, 100, false, "");
}

static void log_text(struct store *s, const char *record)
{
    static const double no_box[] = {0, 0, 0, 0};
    view_auto v = view_begin(s);
    arena_auto a = arena_new();
    struct store_entity row = {0};
    view_entity(v, a, "a", &row);
    g_assert_true(
        put(s, (struct put){.id = "a", .eid = row.eid, .record = record, .type = "T", .box = no_box}));
}

/* A record that carries many points of one series: every step seconds in [from, to). */
static void record_many(struct store *s, int from, int to, int step)
{
    g_autoptr(GString) record =
        g_string_new("{\"op\":\"update\",\"id\":\"a\",\"type\":[\"T\"],\"at\":1,\"attrs\":{\"x\":[");
    for (int i = from; i < to; i += step) {
        char text[INSTANT_TEXT];
        g_string_append_printf(record, "%s{\"type\":\"Property\",\"value\":%d,\"observedAt\":\"%s\"}",
                               i == from ? "" : ",", i, instant_format(i * INSTANT_SECOND, text));
    }
    g_string_append(record, "]}}");
    log_text(s, record->str);
}

struct count {
    int64_t last;
    int n, most;
    bool descending;
};

static bool count_point(void *user, const struct history_point *p)
{
    struct count *c = user;
    g_assert_true(c->n == 0 || (c->descending ? p->at < c->last : p->at > c->last));
    g_assert_cmpfloat(p->number, ==, (double)(p->at / INSTANT_SECOND));
    c->last = p->at;
    return ++c->n < c->most;
}

static int count_points(struct store *s, int from, int to, bool descending, int most)
{
    struct count c = {.most = most, .descending = descending};
    g_assert_true(store_history_points(s, "a", "x", "", from * INSTANT_SECOND, to * INSTANT_SECOND,
                                       descending, count_point, &c, NULL));
    return c.n;
}

static void long_histories_are_read_in_order(struct fixture *f, gconstpointer unused)
{
    record_many(f->store, 0, 20000, 2);
    reopen(f); /* three chunks */
    record_many(f->store, 5000, 12000, 1);
    record_many(f->store, 30000, 30010, 1);
    for (int pass = 0; pass < 2; pass++) {
        for (int descending = 0; descending < 2; descending++) {
            g_assert_cmpint(count_points(f->store, 0, 100000, descending, 100000), ==, 13510);
            g_assert_cmpint(count_points(f->store, 4990, 5010, descending, 100000), ==, 15);
            g_assert_cmpint(count_points(f->store, 8190, 8200, descending, 100000), ==, 10);
            g_assert_cmpint(count_points(f->store, 19990, 30001, descending, 100000), ==, 6);
            g_assert_cmpint(count_points(f->store, 20001, 30000, descending, 100000), ==, 0);
            g_assert_cmpint(count_points(f->store, 0, 100000, descending, 7), ==, 7);
        }
        reopen(f);
    }
}

static void chunks_give_back_every_kind(void)
{
    static const double values[] = {0, -0.0, 1.25, -17.5, 1e300, 0.1, 123456789.123, 3};
    for (int mix = 0; mix < 3; mix++) {
        g_autoptr(GArray) in = g_array_new(FALSE, TRUE, sizeof(struct point));
        for (int i = 0; i < 500; i++) {
            struct point p = {.at = 1772323200 * INSTANT_SECOND + i * 60 * INSTANT_SECOND +
                                    (mix == 2 ? i % 7 : 0)};
            p.number = mix == 0 ? (i % 90) / 4.0 : values[i % 8];
            p.text = mix == 2 && i % 3 == 0 ? (char *)"\"NNE\"" : NULL;
            p.number = p.text != NULL ? 0 : p.number;
            g_array_append_val(in, p);
        }
        g_autoptr(GByteArray) bytes = g_byte_array_new();
        chunk_pack(bytes, (struct point *)(void *)in->data, (int)in->len, mix == 1 ? CHUNK_HARD : CHUNK_GOOD);
        g_autoptr(GArray) out = g_array_new(FALSE, TRUE, sizeof(struct point));
        g_array_set_clear_func(out, point_clear);
        g_assert_true(chunk_unpack(bytes->data, bytes->len, out));
        g_assert_cmpuint(out->len, ==, in->len);
        for (guint i = 0; i < in->len; i++) {
            const struct point *a = &g_array_index(in, struct point, i);
            const struct point *b = &g_array_index(out, struct point, i);
            g_assert_cmpint(a->at, ==, b->at);
            g_assert_cmpstr(a->text, ==, b->text);
            g_assert_true(a->number == b->number);
        }
        if (mix == 0) {
            g_assert_cmpuint(bytes->len, <, 250); /* half a byte a point when it is this regular */
        }
    }
}

/* ---- corrections ---- */

struct correction {
    struct store_job job;
    struct history_change change;
};

static bool apply_correction(struct store_job *job, struct txn *t, struct error *e)
{
    txn_history_change(t, &((struct correction *)job)->change);
    return true;
}

static void correct(struct store *s, struct history_change change)
{
    struct correction c = {.job = {.apply = apply_correction}, .change = change};
    c.change.entity = "a";
    c.change.attribute = "x";
    c.change.dataset = "";
    struct error e = {0};
    g_assert_true(store_run(s, &c.job, &e));
}

static void drop(struct store *s, int from, int to)
{
    correct(s, (struct history_change){.from = from * INSTANT_SECOND, .to = to * INSTANT_SECOND});
}

static void replace(struct store *s, int at, const char *instance)
{
    arena_auto a = arena_new();
    correct(s, (struct history_change){.from = at * INSTANT_SECOND,
                                       .to = at * INSTANT_SECOND + 1,
                                       .at = at * INSTANT_SECOND,
                                       .instance = json_parse(a, instance, strlen(instance), NULL)});
}

static void points_can_be_taken_away_and_replaced(struct fixture *f, gconstpointer unused)
{
    for (int i = 10; i <= 60; i += 10) {
        record_point(f->store, "a", "x", i, i);
    }
    drop(f->store, 20, 40);
    check_points(f->store, "a", 0, 100, false, "10:10 40:40 50:50 60:60 ");
    record_point(f->store, "a", "x", 30, 3); /* a point that comes later stands */
    reopen(f);
    check_points(f->store, "a", 0, 100, false, "10:10 30:3 40:40 50:50 60:60 ");
    replace(f->store, 50, "{\"type\":\"Property\",\"value\":5}");
    replace(f->store, 40,
            "{\"type\":\"Property\",\"value\":\"four\",\"observedAt\":\"1970-01-01T00:00:41Z\"}");
    check_points(f->store, "a", 0, 100, false, "10:10 30:3 41:\"four\" 50:5 60:60 ");
    reopen(f);
    check_points(f->store, "a", 0, 100, false, "10:10 30:3 41:\"four\" 50:5 60:60 ");
    drop(f->store, -1000, 1000);
    check_points(f->store, "a", 0, 100, false, "");
    reopen(f);
    check_points(f->store, "a", 0, 100, false, "");
}

/* Makes the history again from the whole log, as after a crash before its first flush. */
static void forget_history(struct fixture *f)
{
    store_close(f->store);
    static const char *const names[] = {"history.db", "history.db-wal", "history.db-shm"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(f->dir, names[i], NULL);
        g_unlink(path);
    }
    f->store = open_store(f->dir);
}

static void what_was_taken_away_does_not_come_back(struct fixture *f, gconstpointer unused)
{
    record_point(f->store, "a", "x", 10, 1);
    record_point(f->store, "a", "x", 20, 2);
    drop(f->store, 10, 15);
    record_point(f->store, "a", "x", 30, 3);
    replace(f->store, 20, "{\"type\":\"Property\",\"value\":2.5}");
    forget_history(f);
    check_points(f->store, "a", 0, 100, false, "20:2.5 30:3 ");
    struct error e = {0};
    g_assert_true(store_history_delete(f->store, "a", NULL, NULL, &e));
    forget_history(f);
    check_points(f->store, "a", 0, 100, false, "");
}

static void points_have_names(void)
{
    char id[HISTORY_INSTANCE_ID];
    instant at = 0;
    history_instance_id("urn:a", "x", "", 1772323200 * INSTANT_SECOND, id);
    g_assert_true(history_instance_at(id, "urn:a", "x", "", &at));
    g_assert_cmpint(at, ==, 1772323200 * INSTANT_SECOND);
    g_assert_false(history_instance_at(id, "urn:a", "x", "urn:d", &at));
    g_assert_false(history_instance_at(id, "urn:a", "y", "", &at));
    g_assert_false(history_instance_at("urn:ngsi-ld:Instance:1", "urn:a", "x", "", &at));
    g_assert_false(history_instance_at("", "urn:a", "x", "", &at));
}

/* ---- statistics ---- */

static void windows_have_statistics(struct fixture *f, gconstpointer unused)
{
    record_many(f->store, 0, 10000, 2);
    reopen(f);
    record_many(f->store, 10000, 10010, 2);
    const instant bounds[] = {-INSTANT_SECOND, 0, 3 * INSTANT_SECOND, 9999 * INSTANT_SECOND,
                              20000 * INSTANT_SECOND};
    struct history_statistics w[4];
    struct error e = {0};
    g_assert_true(store_history_statistics(f->store, "a", "x", "", bounds, 4, w, &e));
    g_assert_cmpint(w[0].count, ==, 0);
    g_assert_cmpint(w[1].count, ==, 2);
    g_assert_cmpfloat(w[1].sum, ==, 2);
    g_assert_cmpint(w[2].count, ==, 4998);
    g_assert_cmpfloat(w[2].sum, ==, 4998 / 2 * (4 + 9998));
    g_assert_cmpfloat(w[2].min, ==, 4);
    g_assert_cmpfloat(w[2].max, ==, 9998);
    g_assert_cmpfloat(w[2].first, ==, 4);
    g_assert_cmpint(w[2].last_at, ==, 9998 * INSTANT_SECOND);
    g_assert_cmpint(w[3].count, ==, 5);
    g_assert_cmpfloat(w[3].sumsq, ==, 500400120.0);
    g_assert_cmpfloat(w[3].last, ==, 10008);
}

/* ---- against a model: seconds 0 … MODEL - 1, a value each ---- */

enum { MODEL = 30000, STEPS = 120 };

struct model {
    bool there[MODEL];
    double value[MODEL];
};

static double value_for(GRand *rand)
{
    switch (g_rand_int_range(rand, 0, 12)) {
    case 0: return g_rand_double_range(rand, -1e9, 1e9); /* no decimals hold it */
    case 1: return 1.0 / 3;
    default: return g_rand_int_range(rand, -500, 5000) / 10.0;
    }
}

static void write_run(struct store *s, struct model *m, GRand *rand)
{
    int n = g_rand_int_range(rand, 1, 600);
    int step = g_rand_int_range(rand, 1, 5);
    int from = g_rand_int_range(rand, 0, MODEL - n * step);
    g_autoptr(GString) record =
        g_string_new("{\"op\":\"update\",\"id\":\"a\",\"type\":[\"T\"],\"at\":1,\"attrs\":{\"x\":[");
    for (int i = 0; i < n; i++) {
        int at = from + i * step;
        char text[INSTANT_TEXT];
        m->there[at] = true;
        m->value[at] = value_for(rand);
        g_string_append_printf(record, "%s{\"type\":\"Property\",\"value\":%.17g,\"observedAt\":\"%s\"}",
                               i == 0 ? "" : ",", m->value[at], instant_format(at * INSTANT_SECOND, text));
    }
    g_string_append(record, "]}}");
    log_text(s, record->str);
}

static void drop_run(struct store *s, struct model *m, GRand *rand)
{
    int from = g_rand_int_range(rand, 0, MODEL);
    int to = MIN(MODEL, from + g_rand_int_range(rand, 1, 3000));
    drop(s, from, to);
    memset(m->there + from, 0, sizeof(bool) * (size_t)(to - from));
}

struct check {
    const struct model *m;
    int next, to, step;
};

static bool check_point(void *user, const struct history_point *p)
{
    struct check *c = user;
    while (c->next != c->to && !c->m->there[c->next]) {
        c->next += c->step;
    }
    g_assert_cmpint(c->next, !=, c->to);
    g_assert_cmpint(p->at, ==, c->next * INSTANT_SECOND);
    g_assert_true(p->number == c->m->value[c->next]);
    c->next += c->step;
    return true;
}

static void check_range(struct store *s, const struct model *m, int from, int to)
{
    struct error e = {0};
    for (int down = 0; down < 2; down++) {
        struct check c = {
            .m = m, .next = down ? to - 1 : from, .to = down ? from - 1 : to, .step = down ? -1 : 1};
        g_assert_true(store_history_points(s, "a", "x", "", from * INSTANT_SECOND, to * INSTANT_SECOND, down,
                                           check_point, &c, &e));
        for (; c.next != c.to; c.next += c.step) {
            g_assert_false(m->there[c.next]);
        }
    }
}

static void check_statistics(struct store *s, const struct model *m, GRand *rand)
{
    struct error e = {0};
    int width = g_rand_int_range(rand, 1, MODEL / 3);
    instant bounds[4];
    struct history_statistics w[3];
    for (int i = 0; i < 4; i++) {
        bounds[i] = i * width * INSTANT_SECOND;
    }
    g_assert_true(store_history_statistics(s, "a", "x", "", bounds, 3, w, &e));
    for (int i = 0; i < 3; i++) {
        struct history_statistics x = {0};
        for (int at = i * width; at < (i + 1) * width; at++) {
            if (m->there[at]) {
                statistics_add(&x, &(struct point){.at = at * INSTANT_SECOND, .number = m->value[at]});
            }
        }
        g_assert_cmpint(w[i].count, ==, x.count);
        g_assert_cmpfloat_with_epsilon(w[i].sum, x.sum, 1e-3);
        g_assert_true(w[i].min == x.min && w[i].max == x.max && w[i].first == x.first && w[i].last == x.last);
        g_assert_cmpint(w[i].first_at, ==, x.first_at);
        g_assert_cmpint(w[i].last_at, ==, x.last_at);
    }
}

static void random_changes_agree_with_a_model(struct fixture *f, gconstpointer unused)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);
    g_autofree struct model *m = g_new0(struct model, 1);
    for (int step = 0; step < STEPS; step++) {
        int what = g_rand_int_range(rand, 0, 10);
        if (what < 7) {
            write_run(f->store, m, rand);
        } else if (what < 8) {
            drop_run(f->store, m, rand);
        } else {
            reopen(f);
        }
        int from = g_rand_int_range(rand, 0, MODEL);
        check_range(f->store, m, from, MIN(MODEL, from + 2000));
        check_statistics(f->store, m, rand);
    }
    check_range(f->store, m, 0, MODEL);
    forget_history(f);
    check_range(f->store, m, 0, MODEL);
}

/* ---- what is kept ---- */

#define HOUR (3600 * INSTANT_SECOND)
#define DAY (24 * HOUR)

/* Days before today, in the days of UTC+8. */
static instant days_ago(int days)
{
    return period_start(FIGURES_DAY, instant_now()) - days * DAY;
}

/* Points every 10 minutes from one day up to another (days ago), each the number of its hour modulo 50 and a
 * half. */
static void write_days(struct store *s, int from, int to)
{
    for (instant day = days_ago(from); day < days_ago(to); day += DAY) {
        g_autoptr(GString) record =
            g_string_new("{\"op\":\"update\",\"id\":\"a\",\"type\":[\"T\"],\"at\":1,\"attrs\":{\"x\":[");
        for (instant at = day; at < day + DAY; at += HOUR / 6) {
            char text[INSTANT_TEXT];
            g_string_append_printf(record, "%s{\"type\":\"Property\",\"value\":%.1f,\"observedAt\":\"%s\"}",
                                   at == day ? "" : ",", (double)(at / HOUR % 50) + 0.5,
                                   instant_format(at, text));
        }
        g_string_append(record, "]}}");
        log_text(s, record->str);
    }
}

static struct history_statistics statistics_of(struct store *s, instant from, instant to)
{
    struct error e = {0};
    struct history_statistics w;
    const instant bounds[] = {from, to};
    g_assert_true(store_history_statistics(s, "a", "x", "", bounds, 1, &w, &e));
    return w;
}

/* All that write_days wrote from the first day up to the last is counted, day by day and as a whole. */
static void check_days(struct store *s, int from, int to)
{
    double sum = 0;
    for (int day = from; day > to; day--) {
        struct history_statistics w = statistics_of(s, days_ago(day), days_ago(day - 1));
        struct history_statistics x = {0};
        for (instant at = days_ago(day); at < days_ago(day - 1); at += HOUR / 6) {
            statistics_add(&x, &(struct point){.at = at, .number = (double)(at / HOUR % 50) + 0.5});
        }
        g_assert_cmpint(w.count, ==, x.count);
        g_assert_true(w.sum == x.sum && w.sumsq == x.sumsq && w.min == x.min && w.max == x.max);
        g_assert_true(w.first == x.first && w.last == x.last);
        g_assert_cmpint(w.first_at, ==, x.first_at);
        g_assert_cmpint(w.last_at, ==, x.last_at);
        g_assert_false(w.coarse);
        sum += x.sum;
    }
    struct history_statistics all = statistics_of(s, days_ago(4000), days_ago(to));
    g_assert_cmpint(all.count, ==, 144 * (from - to));
    g_assert_true(all.sum == sum);
}

static int64_t count_rows(struct fixture *f, const char *sql)
{
    sqlite3 *db = NULL;
    g_autofree char *path = g_build_filename(f->dir, "history.db", NULL);
    g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
    sqlite3_stmt *st = history_prepare(db, sql);
    int64_t n = sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int64(st, 0) : -1;
    sqlite3_finalize(st);
    sqlite3_close(db);
    return n;
}

static int count_raw(struct store *s, instant from, instant to)
{
    int n = 0;
    struct history_point p;
    struct history_iterator *i = store_history_iterate(s, "a", "x", "", from, to, false);
    while (history_iterator_next(i, &p, NULL)) {
        n++;
    }
    history_iterator_free(i);
    return n;
}

static void compact(struct fixture *f, int64_t keep, int64_t hour, int64_t day)
{
    struct error e = {0};
    reopen(f);
    store_history_policies(f->store, &(struct history_policy){"T", keep, hour, day}, 1);
    g_assert_true(store_history_compact(f->store, &e));
}

static void old_points_become_hours_and_days(struct fixture *f, gconstpointer unused)
{
    write_days(f->store, 40, 0);
    for (int pass = 0; pass < 2; pass++) { /* a second time changes nothing */
        compact(f, 10 * DAY, 20 * DAY, INT64_MAX);
        check_days(f->store, 40, 0);
        g_assert_cmpint(count_raw(f->store, 0, INT64_MAX), ==, 1440);
        g_assert_cmpint(count_raw(f->store, 0, days_ago(10)), ==, 0);
    }
    struct history_statistics w = statistics_of(f->store, days_ago(15) + HOUR, days_ago(15) + 2 * HOUR);
    g_assert_cmpint(w.count, ==, 6); /* of its hour */
    g_assert_false(w.coarse);
    g_assert_true(statistics_of(f->store, days_ago(15) + HOUR / 2, days_ago(15) + 2 * HOUR).coarse);
    g_assert_true(
        statistics_of(f->store, days_ago(30) + HOUR, days_ago(30) + 2 * HOUR).coarse); /* only its day */
    write_days(f->store, 45, 40);                                                      /* comes late */
    compact(f, 10 * DAY, 20 * DAY, INT64_MAX);
    check_days(f->store, 45, 0);
    compact(f, 5 * DAY, 20 * DAY, 30 * DAY); /* a shorter policy */
    check_days(f->store, 30, 0);
    g_assert_cmpint(count_raw(f->store, 0, INT64_MAX), ==, 720);
    compact(f, 5 * DAY, 0, 0);
    g_assert_cmpint(statistics_of(f->store, 0, INT64_MAX).count, ==, 720);
    g_assert_cmpint(count_rows(f, "SELECT count(*) FROM figures"), ==, 0);
}

static void figures_can_be_taken_away(struct fixture *f, gconstpointer unused)
{
    write_days(f->store, 20, 0);
    compact(f, 5 * DAY, 10 * DAY, INT64_MAX);
    correct(f->store, (struct history_change){.from = days_ago(12), .to = days_ago(4)});
    g_assert_cmpint(statistics_of(f->store, 0, INT64_MAX).count, ==, 12 * 144);
    g_assert_cmpint(statistics_of(f->store, days_ago(12), days_ago(4)).count, ==, 0);
    struct error e = {0};
    g_assert_true(store_history_delete(f->store, "a", "x", "", &e));
    g_assert_cmpint(statistics_of(f->store, 0, INT64_MAX).count, ==, 0);
    reopen(f);
    g_assert_cmpint(count_rows(f, "SELECT count(*) FROM figures"), ==, 0);
    g_assert_cmpint(count_rows(f, "SELECT count(*) FROM chunk"), ==, 0);
    g_assert_cmpint(count_rows(f, "SELECT count(*) FROM entity"), ==, 0);
}

static void types_without_policy_keep_all(struct fixture *f, gconstpointer unused)
{
    struct error e = {0};
    write_days(f->store, 40, 0);
    reopen(f);
    store_history_policies(f->store, &(struct history_policy){"U", DAY, 0, 0}, 1);
    g_assert_true(store_history_compact(f->store, &e));
    g_assert_cmpint(count_raw(f->store, 0, INT64_MAX), ==, 40 * 144);
    g_assert_cmpint(count_rows(f, "SELECT count(*) FROM chunk"), ==, 1);
    check_days(f->store, 40, 0);
}

/* ---- files ---- */

static void run_sql(struct fixture *f, const char *sql)
{
    sqlite3 *db = NULL;
    g_autofree char *path = g_build_filename(f->dir, "history.db", NULL);
    g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
    char *why = NULL;
    sqlite3_exec(db, sql, NULL, NULL, &why);
    g_assert_cmpstr(why, ==, NULL);
    sqlite3_close(db);
}

/* The form of the first version, with a plain chunk of 10:1 20:2 30:3. */
static const char first_version[] =
    "CREATE TABLE series(sid INTEGER PRIMARY KEY, entity TEXT NOT NULL, attribute TEXT NOT NULL, dataset "
    "TEXT NOT NULL,"
    " type TEXT NOT NULL, unit TEXT, observed INTEGER NOT NULL, UNIQUE(entity, attribute, dataset));"
    "CREATE TABLE chunk(sid INTEGER NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL, count INTEGER "
    "NOT NULL,"
    " body BLOB NOT NULL, PRIMARY KEY(sid, start)) WITHOUT ROWID;"
    "CREATE TABLE cursor(seq INTEGER NOT NULL); INSERT INTO cursor VALUES (0);"
    "INSERT INTO series VALUES (7, 'a', 'x', '', 'Property', 'GQ', 1), (8, 'a', 'y', 'urn:d', 'Property', "
    "NULL, 0);"
    "INSERT INTO chunk VALUES (7, 10000000, 30000000, 3, x'000003C0843D14140000020202');"
    "PRAGMA user_version = 1;";

static void files_of_the_first_version_open(struct fixture *f, gconstpointer unused)
{
    store_close(f->store);
    g_autofree char *path = g_build_filename(f->dir, "history.db", NULL);
    g_unlink(path);
    run_sql(f, first_version);
    f->store = open_store(f->dir);
    check_points(f->store, "a", 0, 100, false, "10:1 20:2 30:3 ");
    record_point(f->store, "a", "x", 20, 2.5);
    record_point(f->store, "b", "x", 20, 9);
    for (int pass = 0; pass < 2; pass++) {
        check_points(f->store, "a", 0, 100, false, "10:1 20:2.5 30:3 ");
        check_points(f->store, "b", 0, 100, false, "20:9 ");
        reopen(f);
    }
    struct history_series *series;
    int count;
    struct error e = {0};
    arena_auto a = arena_new();
    g_assert_true(store_history_list(f->store, a, "a", &series, &count, &e));
    g_assert_cmpint(count, ==, 2);
    g_assert_cmpstr(series[1].dataset, ==, "urn:d");
}

static void a_damaged_chunk_loses_only_itself(struct fixture *f, gconstpointer unused)
{
    record_many(f->store, 0, 3000, 1);
    g_assert_cmpint(count_points(f->store, 0, 100000, false, 100000), ==, 3000); /* all is taken in */
    reopen(f);
    record_many(f->store, 4000, 7000, 1);
    g_assert_cmpint(count_points(f->store, 0, 100000, false, 100000), ==, 6000);
    reopen(f);
    g_assert_cmpint(count_points(f->store, 0, 100000, false, 100000), ==, 6000);
    store_close(f->store);
    run_sql(f, "UPDATE chunk SET body = x'00' || substr(body, 2) WHERE start = 0; UPDATE chunk SET body = "
               "substr(body, 1, length(body) - 9) || x'55' || substr(body, -8) WHERE start = 0");
    f->store = open_store(f->dir);
    g_assert_cmpint(count_points(f->store, 0, 100000, false, 100000), ==, 3000);
    g_assert_cmpint(count_points(f->store, 0, 100000, true, 100000), ==, 3000);
    record_many(f->store, 7000, 7100, 1);
    reopen(f);
    g_assert_cmpint(count_points(f->store, 0, 100000, false, 100000), ==, 3100);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define TEST(name, f) g_test_add("/history/" name, struct fixture, NULL, setup, f, teardown)
    TEST("points", history_keeps_one_point_a_time);
    TEST("long", long_histories_are_read_in_order);
    TEST("corrections", points_can_be_taken_away_and_replaced);
    TEST("replay", what_was_taken_away_does_not_come_back);
    TEST("statistics", windows_have_statistics);
    TEST("keep", old_points_become_hours_and_days);
    TEST("keep_drop", figures_can_be_taken_away);
    TEST("keep_all", types_without_policy_keep_all);
    TEST("model", random_changes_agree_with_a_model);
    TEST("first_version", files_of_the_first_version_open);
    TEST("damage", a_damaged_chunk_loses_only_itself);
    g_test_add_func("/history/names", points_have_names);
    g_test_add_func("/history/chunks", chunks_give_back_every_kind);
    return g_test_run();
}
