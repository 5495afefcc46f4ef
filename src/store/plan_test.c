/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of query plans, of the indexes of attributes and of the counts. */
#include "store/fixture.h"

/* ---- writing values and counts ---- */

struct value_job {
    struct store_job job;
    const struct store_value *values;
    int count;
    int64_t first_eid;
};

static bool apply_values(struct store_job *job, struct txn *t, struct error *e)
{
    struct value_job *v = (struct value_job *)job;
    int indexes;
    if (!txn_index_make(t, "T", "x", e)) {
        return false;
    }
    int64_t number = txn_indexes(t, &indexes)->number;
    g_assert_cmpint(indexes, ==, 1);
    for (int i = 0; i < v->count; i++) {
        if (!txn_value_put(t, number, &v->values[i], v->first_eid + i, e)) {
            return false;
        }
    }
    return txn_index_built(t, number, 0, true, e);
}

static bool apply_count(struct store_job *job, struct txn *t, struct error *e)
{
    struct value_job *v = (struct value_job *)job;
    return txn_shape_add(t, "T", "", "", v->count, e) && txn_shape_add(t, "", "", "", v->count, e);
}

static void run(struct store *s, struct value_job job,
                bool (*apply)(struct store_job *, struct txn *, struct error *))
{
    struct error e = {0};
    job.job.apply = apply;
    g_assert_true(store_run(s, &job.job, &e));
}

/* Entities 1 to count of the type T at (i/1000, 0), with the counts that a higher layer would keep. */
static void fill(struct store *s, int count)
{
    for (int i = 1; i <= count; i++) {
        g_autofree char *id = g_strdup_printf("%d", i);
        const double box[] = {i / 1000.0, 0, i / 1000.0, 0};
        g_assert_true(
            put(s, (struct put){.id = id, .type = "T", .scope = i % 2 ? "/odd" : "/even", .box = box}));
    }
    run(s, (struct value_job){.count = count}, apply_count);
}

static const char *const type = "T";

static bool collect(void *user, const struct store_entity *row)
{
    g_string_append_printf(user, "%d ", (int)row->eid);
    return true;
}

static char *ask(struct store *s, struct store_query q)
{
    struct error e = {0};
    GString *out = g_string_new(NULL);
    view_auto v = view_begin(s);
    g_assert_true(view_entities(v, &q, collect, out, &e));
    return g_string_free(out, FALSE);
}

/* ---- values ---- */

static void check_range(struct store *s, struct store_range range, const char *expected)
{
    view_auto v = view_begin(s);
    int64_t number = view_index_find(v, "T", "x");
    struct store_values values = {&number, 1, &range, 1};
    g_autofree char *got =
        ask(s, (struct store_query){.types = &type, .types_count = 1, .values = &values, .values_count = 1});
    g_assert_cmpstr(got, ==, expected);
}

static void values_of_each_kind_are_found(struct fixture *f, gconstpointer unused)
{
    g_autofree char *long_a = g_strnfill(300, 'a');
    g_autofree char *long_b = g_strconcat(long_a, "b", NULL);
    const struct store_value values[] = {
        {STORE_NUMBER, -5, NULL, 0}, {STORE_NUMBER, 0, NULL, 0}, {STORE_NUMBER, 2.5, NULL, 0},
        {STORE_TEXT, 0, "", 0},      {STORE_TEXT, 0, "b", 0},    {STORE_TEXT, 0, "街道", 0},
        {STORE_BOOL, 0, NULL, 0},    {STORE_BOOL, 0, NULL, 1},   {STORE_TIME, 0, NULL, -INSTANT_SECOND},
        {STORE_TIME, 0, NULL, 5},    {STORE_TEXT, 0, long_a, 0}, {STORE_TEXT, 0, long_b, 0},
    };
    struct store *s = f->store;
    fill(s, 12);
    run(s, (struct value_job){.values = values, .count = 12, .first_eid = 1}, apply_values);
    check_range(s, (struct store_range){.kind = STORE_NUMBER}, "1 2 3 ");
    check_range(s, (struct store_range){.kind = STORE_NUMBER, .has_low = true, .low = 0}, "2 3 ");
    check_range(s, (struct store_range){.kind = STORE_NUMBER, .has_high = true, .high = 0}, "1 2 ");
    check_range(s, (struct store_range){.kind = STORE_TEXT}, "4 5 6 11 12 ");
    check_range(s, (struct store_range){.kind = STORE_TEXT, .has_low = true, .low_text = "b"}, "5 6 ");
    check_range(s, (struct store_range){.kind = STORE_TEXT, .has_high = true, .high_text = "b"},
                "4 5 11 12 ");
    /* Long texts are cut in the index: more may be found, never less. */
    check_range(s, (struct store_range){STORE_TEXT, true, true, 0, 0, long_b, long_b, 0, 0}, "11 12 ");
    check_range(s, (struct store_range){STORE_BOOL, true, true, 0, 0, NULL, NULL, 1, 1}, "8 ");
    check_range(s, (struct store_range){.kind = STORE_TIME}, "9 10 ");
    check_range(s, (struct store_range){.kind = STORE_TIME, .has_low = true, .low_at = 0}, "10 ");
    check_range(s, (struct store_range){.kind = STORE_TIME, .has_high = true, .high_at = 4}, "9 ");
}

/* ---- the choice ---- */

static const struct store_option *plan_of(struct store *s, struct store_query q, struct store_plan *plan)
{
    *plan = (struct store_plan){0};
    q.plan = plan;
    q.estimate = true;
    g_autofree char *ignored = ask(s, q);
    return &plan->options[plan->chosen];
}

static void the_cheapest_way_is_taken(struct fixture *f, gconstpointer unused)
{
    struct store *s = f->store;
    struct store_plan plan;
    const double narrow[] = {0.0995, -1, 0.1005, 1};
    const double wide[] = {-1, -1, 2, 1};
    fill(s, 300);
    struct store_query q = {.types = &type, .types_count = 1, .box = narrow};
    const struct store_option *way = plan_of(s, q, &plan);
    g_assert_cmpint(way->path, ==, STORE_BY_BOX);
    g_assert_cmpint(way->rows, ==, 1);
    g_assert_cmpint(plan.examined, ==, 1);
    q.box = wide; /* nearly everything, and the caller wants a page: a walk that stops early */
    q.wanted = 20;
    way = plan_of(s, q, &plan);
    g_assert_cmpint(way->path, ==, STORE_BY_TYPE);
    g_assert_cmpint(way->rows, ==, 300);
    q.box = narrow;
    q.scope = "/even";
    way = plan_of(s, q, &plan);
    g_assert_cmpint(way->path, ==, STORE_BY_BOX);
    q.scope = "/odd";
    g_autofree char *none = ask(s, q); /* 100 is even */
    g_assert_cmpstr(none, ==, "");
}

static bool stop_at_once(void *user, const struct store_entity *row)
{
    return false;
}

static void a_query_ends_in_time(struct fixture *f, gconstpointer unused)
{
    fill(f->store, 100);
    struct error e = {0};
    struct store_query q = {.deadline = 1};
    g_autoptr(GString) out = g_string_new(NULL);
    view_auto v = view_begin(f->store);
    g_assert_false(view_entities(v, &q, collect, out, &e));
    g_assert_cmpint(e.code, ==, ERROR_TOO_COMPLEX);
    q.deadline = g_get_monotonic_time() + G_TIME_SPAN_MINUTE;
    g_assert_true(view_entities(v, &q, stop_at_once, NULL, &e));
}

static bool ask_inside(void *user, const struct store_entity *row)
{
    struct error e = {0};
    g_autoptr(GString) inner = g_string_new(NULL);
    struct store_query q = {.types = &type, .types_count = 1};
    g_assert_true(view_entities(user, &q, collect, inner, &e));
    g_assert_cmpstr(inner->str, ==, "1 2 3 ");
    return true;
}

static void queries_may_be_nested(struct fixture *f, gconstpointer unused)
{
    fill(f->store, 3);
    struct error e = {0};
    struct store_query q = {.types = &type, .types_count = 1};
    view_auto v = view_begin(f->store);
    g_assert_true(view_entities(v, &q, ask_inside, v, &e));
}

/* ---- upkeep ---- */

static bool apply_drop(struct store_job *job, struct txn *t, struct error *e)
{
    bool done = false;
    int count;
    int64_t number = view_index_find(txn_view(t), "T", "x");
    if (!txn_index_drop(t, number, e)) {
        return false;
    }
    txn_indexes(t, &count);
    g_assert_cmpint(count, ==, 0);
    g_assert_true(txn_index_clean(t, number, 2, &done, e));
    g_assert_false(done); /* three entries */
    return txn_index_clean(t, number, 2, &done, e) && done;
}

static void a_dropped_index_goes_in_steps(struct fixture *f, gconstpointer unused)
{
    const struct store_value values[] = {
        {STORE_BOOL, 0, NULL, 1}, {STORE_BOOL, 0, NULL, 1}, {STORE_BOOL, 0, NULL, 0}};
    fill(f->store, 3);
    run(f->store, (struct value_job){.values = values, .count = 3, .first_eid = 1}, apply_values);
    run(f->store, (struct value_job){0}, apply_drop);
    struct store_index_row *rows;
    int count;
    arena_auto a = arena_new();
    view_auto v = view_begin(f->store);
    view_indexes(v, a, &rows, &count);
    g_assert_cmpint(count, ==, 0);
}

static bool apply_failing(struct store_job *job, struct txn *t, struct error *e)
{
    int count;
    g_assert_true(txn_index_make(t, "T", "y", e));
    txn_indexes(t, &count);
    g_assert_cmpint(count, ==, 1);
    return error_set(e, ERROR_CONFLICT, "no", "否");
}

static bool apply_look(struct store_job *job, struct txn *t, struct error *e)
{
    int count;
    txn_indexes(t, &count);
    g_assert_cmpint(count, ==, 0);
    return true;
}

static void an_index_of_a_failed_job_is_forgotten(struct fixture *f, gconstpointer unused)
{
    struct error e = {0};
    struct store_job job = {.apply = apply_failing};
    g_assert_false(store_run(f->store, &job, &e));
    run(f->store, (struct value_job){0}, apply_look);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define TEST(name, f) g_test_add("/plan/" name, struct fixture, NULL, setup, f, teardown)
    TEST("values", values_of_each_kind_are_found);
    TEST("choice", the_cheapest_way_is_taken);
    TEST("time", a_query_ends_in_time);
    TEST("nested", queries_may_be_nested);
    TEST("drop", a_dropped_index_goes_in_steps);
    TEST("failed", an_index_of_a_failed_job_is_forgotten);
    return g_test_run();
}
