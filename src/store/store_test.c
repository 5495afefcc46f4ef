/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the store: jobs, the log, entities, keys, history, backup. */
#include "store/fixture.h"

/* ---- jobs ---- */

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
    TEST("lock", two_processes_cannot_share);
    TEST("backup", a_backup_restores);
    g_test_add_func("/store/prune", old_records_are_pruned_but_not_what_readers_need);
    return g_test_run();
}
