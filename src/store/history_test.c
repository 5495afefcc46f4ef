/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the history: points in order, corrections, statistics, the codec. */
#include "store/fixture.h"

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
    g_assert_cmpint(series[0].points, ==, 4);
    const char **ids;
    g_assert_true(store_history_entities(f->store, a, NULL, 10, &ids, &count, &e));
    g_assert_cmpint(count, ==, 1);
    g_assert_true(store_history_delete(f->store, "a", NULL, NULL, &e));
    check_points(f->store, "a", 0, 100, false, "");
    reopen(f);
    check_points(f->store, "a", 0, 100, false, "");
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
    static const double no_box[] = {0, 0, 0, 0};
    view_auto v = view_begin(s);
    arena_auto a = arena_new();
    struct store_entity row = {0};
    view_entity(v, a, "a", &row);
    g_assert_true(
        put(s, (struct put){.id = "a", .eid = row.eid, .record = record->str, .type = "T", .box = no_box}));
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
        chunk_pack(bytes, (struct point *)(void *)in->data, (int)in->len);
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

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define TEST(name, f) g_test_add("/history/" name, struct fixture, NULL, setup, f, teardown)
    TEST("points", history_keeps_one_point_a_time);
    TEST("long", long_histories_are_read_in_order);
    TEST("corrections", points_can_be_taken_away_and_replaced);
    TEST("replay", what_was_taken_away_does_not_come_back);
    TEST("statistics", windows_have_statistics);
    g_test_add_func("/history/names", points_have_names);
    g_test_add_func("/history/chunks", chunks_give_back_every_kind);
    return g_test_run();
}
