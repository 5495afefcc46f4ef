/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the store: jobs, the log, entities, keys, history, backup. */
#include "store/store.h"

#include <math.h>
#include <string.h>

#include <glib/gstdio.h>

#include "store/private.h"

/* ---- a store in a folder of its own ---- */

struct fixture {
    char *dir;
    struct store *store;
};

static struct store *open_store(const char *dir)
{
    struct error e = {0};
    struct store *s = store_open(dir, NULL, &e);
    g_assert_cmpstr(e.en, ==, "");
    return s;
}

static void setup(struct fixture *f, gconstpointer unused)
{
    f->dir = g_dir_make_tmp("store-XXXXXX", NULL);
    f->store = open_store(f->dir);
}

static void remove_tree(const char *dir)
{
    g_autoptr(GDir) d = g_dir_open(dir, 0, NULL);
    for (const char *name; d != NULL && (name = g_dir_read_name(d)) != NULL;) {
        g_autofree char *path = g_build_filename(dir, name, NULL);
        if (g_file_test(path, G_FILE_TEST_IS_DIR)) {
            remove_tree(path);
        } else {
            g_unlink(path);
        }
    }
    g_rmdir(dir);
}

static void teardown(struct fixture *f, gconstpointer unused)
{
    store_close(f->store);
    remove_tree(f->dir);
    g_free(f->dir);
}

static void reopen(struct fixture *f)
{
    store_close(f->store);
    f->store = open_store(f->dir);
}

/* ---- jobs ---- */

struct put {
    struct store_job job;
    const char *id;
    const char *record; /* NULL = none */
    bool fail;
    const char *type;
    const char *scope;
    const double *box;
    int64_t eid;
};

static bool apply_put(struct store_job *job, struct txn *t, struct error *e)
{
    struct put *p = (struct put *)job;
    struct store_index index = {.types = &p->type,
                                .types_count = p->type != NULL,
                                .scopes = &p->scope,
                                .scopes_count = p->scope != NULL,
                                .box = p->box};
    if (!txn_entity_put(t, &p->eid, p->id, "{}", 2, &index, STORE_INDEX_ALL, e)) {
        return false;
    }
    if (p->record != NULL) {
        txn_log(t, p->record, strlen(p->record));
    }
    return !p->fail || error_set(e, ERROR_CONFLICT, "no", "否");
}

static bool put(struct store *s, struct put p)
{
    struct error e = {0};
    p.job.apply = apply_put;
    return store_run(s, &p.job, &e);
}

static void record_point(struct store *s, const char *id, const char *attribute, int64_t second, double value)
{
    g_autofree char *record =
        g_strdup_printf("{\"op\":\"update\",\"id\":\"%s\",\"type\":[\"T\"],\"at\":%" G_GINT64_FORMAT
                        ",\"attrs\":{\"%s\":{\"type\":\"Property\",\"value\":%.17g}}}",
                        id, second * INSTANT_SECOND, attribute, value);
    static const double no_box[] = {0, 0, 0, 0};
    struct put p = {.id = id, .record = record, .type = "T", .box = no_box};
    view_auto v = view_begin(s);
    arena_auto a = arena_new();
    struct store_entity row;
    if (view_entity(v, a, id, &row)) {
        p.eid = row.eid;
    }
    g_assert_true(put(s, p));
}

static void a_failed_job_leaves_nothing(struct fixture *f, gconstpointer unused)
{
    g_assert_true(put(f->store, (struct put){.id = "urn:a", .type = "T", .record = "{\"id\":\"urn:a\"}"}));
    g_assert_false(put(
        f->store, (struct put){.id = "urn:b", .type = "T", .record = "{\"id\":\"urn:b\"}", .fail = true}));
    g_assert_true(put(f->store, (struct put){.id = "urn:c", .type = "T", .record = "{\"id\":\"urn:c\"}"}));
    reopen(f);
    g_assert_cmpuint(store_log_end(f->store), ==, 2);
    struct error e = {0};
    struct log_batch *b = store_log_read(f->store, 1, &e);
    g_assert_cmpstr(json_get_string(b->records[2 - b->first], "id"), ==, "urn:c");
    log_batch_unref(b);
    view_auto v = view_begin(f->store);
    arena_auto a = arena_new();
    struct store_entity row;
    g_assert_false(view_entity(v, a, "urn:b", &row));
    g_assert_true(view_entity(v, a, "urn:c", &row));
}

static bool collect_ids(void *user, const struct store_entity *row)
{
    g_string_append_printf(user, "%s ", row->id);
    return true;
}

static void check_query(struct store *s, struct store_query q, const char *expected)
{
    struct error e = {0};
    g_autoptr(GString) ids = g_string_new(NULL);
    view_auto v = view_begin(s);
    g_assert_true(view_entities(v, &q, collect_ids, ids, &e));
    g_assert_cmpstr(ids->str, ==, expected);
    int words = 0;
    for (const char *c = expected; *c != '\0'; c++) {
        words += *c == ' ';
    }
    g_assert_cmpint(view_entities_count(v, &q), ==, words);
}

static void queries_use_types_scopes_and_boxes(struct fixture *f, gconstpointer unused)
{
    struct store *s = f->store;
    const double here[] = {106.5, 29.5, 106.5, 29.5};
    const double there[] = {116.4, 39.9, 116.4, 39.9};
    put(s, (struct put){.id = "a", .type = "T", .scope = "/x/y", .box = here});
    put(s, (struct put){.id = "b", .type = "T", .scope = "/x", .box = there});
    put(s, (struct put){.id = "c", .type = "U", .scope = "/xy"});
    const char *t = "T";
    const char *u = "U";
    const char *both[] = {t, u};
    const char *ids[] = {"c", "a"};
    const double box[] = {106, 29, 107, 30};
    check_query(s, (struct store_query){0}, "a b c ");
    check_query(s, (struct store_query){.types = &t, .types_count = 1}, "a b ");
    check_query(s, (struct store_query){.types = &t, .types_count = 1, .after = 1}, "b ");
    check_query(s, (struct store_query){.types = both, .types_count = 2}, "a b c ");
    check_query(s, (struct store_query){.scope = "/x"}, "a b ");
    check_query(s, (struct store_query){.scope = "/x/y", .types = &t, .types_count = 1}, "a ");
    check_query(s, (struct store_query){.box = box}, "a ");
    check_query(s, (struct store_query){.ids = ids, .ids_count = 2}, "a c ");
    put(s, (struct put){.id = "a", .type = "U", .eid = 1});
    check_query(s, (struct store_query){.types = &t, .types_count = 1}, "b ");
    check_query(s, (struct store_query){.box = box}, "");
}

/* ---- many writers ---- */

static void *write_hundred(void *data)
{
    struct store *s = data;
    for (int i = 0; i < 100; i++) {
        g_autofree char *id = g_strdup_printf("urn:%p:%d", (void *)g_thread_self(), i);
        g_assert_true(put(s, (struct put){.id = id, .type = "T", .record = "{\"at\":1}"}));
    }
    return NULL;
}

static void many_threads_share_commits(struct fixture *f, gconstpointer unused)
{
    GThread *threads[8];
    for (int i = 0; i < 8; i++) {
        threads[i] = g_thread_new("w", write_hundred, f->store);
    }
    for (int i = 0; i < 8; i++) {
        g_thread_join(threads[i]);
    }
    g_assert_cmpuint(store_log_end(f->store), ==, 800);
    const char *t = "T";
    view_auto v = view_begin(f->store);
    g_assert_cmpint(view_entities_count(v, &(struct store_query){.types = &t, .types_count = 1}), ==, 800);
    struct error e = {0};
    uint64_t seen = 0;
    for (struct log_batch *b; (b = store_log_read(f->store, seen, &e)) != NULL; log_batch_unref(b)) {
        g_assert_cmpuint(b->first, ==, seen + 1);
        seen += (uint64_t)b->count;
    }
    g_assert_cmpuint(seen, ==, 800);
}

/* ---- keys ---- */

static bool apply_keys(struct store_job *job, struct txn *t, struct error *e)
{
    for (uint64_t i = 0; i < 300; i++) {
        unsigned char key[8];
        kv_key_u64(i * 3, key);
        g_autofree char *value = g_strdup_printf("v%" G_GUINT64_FORMAT, i);
        if (!txn_kv_put(t, "test", key, 8, value, strlen(value), e)) {
            return false;
        }
    }
    return txn_kv_put(t, "tesu", "x", 1, "", 0, e) && txn_cursor(t, "reader", 42, e);
}

static bool first_three(void *user, const void *key, size_t key_length, const char *value,
                        size_t value_length)
{
    g_string_append_printf(user, "%d=%.*s ", (int)kv_u64_key(key), (int)value_length, value);
    return strlen(user != NULL ? ((GString *)user)->str : "") < 20;
}

static void keys_keep_their_order(struct fixture *f, gconstpointer unused)
{
    struct error e = {0};
    struct store_job job = {.apply = apply_keys};
    g_assert_true(store_run(f->store, &job, &e));
    reopen(f);
    view_auto v = view_begin(f->store);
    unsigned char key[8];
    kv_key_u64(600, key);
    g_autoptr(GString) up = g_string_new(NULL);
    g_autoptr(GString) down = g_string_new(NULL);
    g_autoptr(GString) last = g_string_new(NULL);
    view_kv_scan(v, "test", key, 8, false, first_three, up);
    view_kv_scan(v, "test", key, 8, true, first_three, down);
    view_kv_scan(v, "test", NULL, 0, true, first_three, last);
    g_assert_cmpstr(up->str, ==, "600=v200 603=v201 606=v202 ");
    g_assert_cmpstr(down->str, ==, "600=v200 597=v199 594=v198 ");
    g_assert_cmpstr(last->str, ==, "897=v299 894=v298 891=v297 ");
    g_assert_cmpint(view_kv_count(v, "test"), ==, 300);
    g_assert_cmpuint(view_cursor(v, "reader"), ==, 42);
    g_assert_cmpuint(view_cursor(v, "nobody"), ==, 0);
    arena_auto a = arena_new();
    const char *value;
    g_assert_true(view_kv_get(v, a, "tesu", "x", 1, &value, NULL));
    g_assert_cmpstr(value, ==, "");
}

/* ---- history ---- */

static bool print_point(void *user, const struct history_point *p)
{
    if (p->is_number) {
        g_string_append_printf(user, "%d:%g ", (int)(p->at / INSTANT_SECOND), p->number);
    } else {
        g_string_append_printf(user, "%d:%s ", (int)(p->at / INSTANT_SECOND), p->text);
    }
    return true;
}

static void check_points(struct store *s, const char *id, int from, int to, bool descending,
                         const char *expected)
{
    struct error e = {0};
    g_autoptr(GString) out = g_string_new(NULL);
    bool ok = store_history_points(s, id, "x", "", from * INSTANT_SECOND, to * INSTANT_SECOND, descending,
                                   print_point, out, &e);
    g_assert_cmpstr(e.en, ==, "");
    g_assert_true(ok);
    g_assert_cmpstr(out->str, ==, expected);
}

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

/* ---- safety ---- */

static void two_processes_cannot_share(struct fixture *f, gconstpointer unused)
{
    struct error e = {0};
    g_assert_null(store_open(f->dir, NULL, &e));
    g_assert_cmpint(e.code, ==, ERROR_UNAVAILABLE);
    g_assert_nonnull(strstr(e.en, "in use"));
}

static void a_backup_restores(struct fixture *f, gconstpointer unused)
{
    struct error e = {0};
    record_point(f->store, "a", "x", 10, 1);
    g_autofree char *inside = g_build_filename(f->dir, "copy", NULL);
    g_autofree char *place = g_dir_make_tmp("store-XXXXXX", NULL);
    g_autofree char *copy = g_build_filename(place, "copy", NULL);
    g_autofree char *again = g_build_filename(place, "again", NULL);
    g_assert_false(store_backup(f->store, inside, NULL, NULL, &e));
    e = (struct error){0};
    g_assert_true(store_backup(f->store, copy, NULL, NULL, &e));
    record_point(f->store, "a", "x", 20, 2);
    g_assert_false(store_backup(f->store, copy, NULL, NULL, &e));
    g_assert_cmpint(e.code, ==, ERROR_CONFLICT);
    g_assert_true(store_restore(copy, again, &e));
    struct store *restored = open_store(again);
    check_points(restored, "a", 0, 100, false, "10:1 ");
    store_close(restored);
    g_autofree char *file = g_build_filename(copy, "hub.db", NULL);
    g_assert_true(g_file_set_contents(file, "not a database at all, certainly not one of ours", -1, NULL));
    g_autofree char *third = g_build_filename(place, "third", NULL);
    g_assert_false(store_restore(copy, third, &e));
    g_assert_false(g_file_test(third, G_FILE_TEST_EXISTS));
    remove_tree(place);
}

static void old_records_are_pruned_but_not_what_readers_need(void)
{
    g_autofree char *dir = g_dir_make_tmp("store-XXXXXX", NULL);
    struct error e = {0};
    struct store_options options = {.log_keep = 10};
    struct store *s = store_open(dir, &options, &e);
    for (int i = 0; i < 150; i++) {
        record_point(s, "a", "x", i, i);
    }
    store_close(s); /* history has all of it now */
    s = store_open(dir, &options, &e);
    for (int i = 150; i < 300; i++) {
        record_point(s, "a", "x", i, i);
    }
    g_assert_cmpuint(store_log_start(s), >, 100);
    g_assert_cmpuint(store_log_start(s), <=, 151);
    g_assert_null(store_log_read(s, 5, &e));
    g_assert_cmpint(e.code, ==, ERROR_NOT_FOUND);
    store_close(s);
    remove_tree(dir);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define TEST(name, f) g_test_add("/store/" name, struct fixture, NULL, setup, f, teardown)
    TEST("failed_job", a_failed_job_leaves_nothing);
    TEST("queries", queries_use_types_scopes_and_boxes);
    TEST("threads", many_threads_share_commits);
    TEST("keys", keys_keep_their_order);
    TEST("history", history_keeps_one_point_a_time);
    TEST("long_history", long_histories_are_read_in_order);
    TEST("lock", two_processes_cannot_share);
    TEST("backup", a_backup_restores);
    g_test_add_func("/store/chunks", chunks_give_back_every_kind);
    g_test_add_func("/store/prune", old_records_are_pruned_but_not_what_readers_need);
    return g_test_run();
}
