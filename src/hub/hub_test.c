/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the log reader: order, retries, restart from its cursor. */
#include "hub/hub.h"

#include <string.h>

struct follower {
    GString *seen;
    int failures_left;
    struct store *store;
    uint64_t last;
};

struct cursor_job {
    struct store_job job;
    uint64_t seq;
};

static bool apply_cursor(struct store_job *job, struct txn *t, struct error *e)
{
    return txn_cursor(t, "follower", ((struct cursor_job *)job)->seq, e);
}

static bool apply_record(struct store_job *job, struct txn *t, struct error *e)
{
    txn_log(t, "{\"n\":1}", 7);
    return true;
}

static bool take(void *user, const struct log_batch *b, uint64_t after, struct error *e)
{
    struct follower *f = user;
    if (f->failures_left > 0 && f->failures_left-- > 0) {
        return error_set(e, ERROR_UNAVAILABLE, "not now", "稍后");
    }
    for (int i = 0; i < b->count; i++) {
        if (b->first + (uint64_t)i > after) {
            g_string_append_printf(f->seen, "%d ", (int)(b->first + (uint64_t)i));
        }
    }
    struct cursor_job job = {.job = {.apply = apply_cursor}, .seq = b->first + (uint64_t)b->count - 1};
    return store_run(f->store, &job.job, e);
}

static void write_records(struct store *s, int n)
{
    for (int i = 0; i < n; i++) {
        struct store_job job = {.apply = apply_record};
        struct error e = {0};
        g_assert_true(store_run(s, &job, &e));
    }
}

static void a_reader_sees_each_record_once(void)
{
    g_autofree char *dir = g_dir_make_tmp("hub-XXXXXX", NULL);
    struct error e = {0};
    struct store *s = store_open(dir, NULL, &e);
    struct follower f = {.seen = g_string_new(NULL), .failures_left = 2, .store = s};
    struct log_reader_options o = {.name = "follower", .batch = take, .user = &f, .from = UINT64_MAX};
    write_records(s, 3);
    struct log_reader *r = log_reader_start(s, &o);
    g_assert_true(log_reader_wait(r, 3, 10000));
    write_records(s, 2);
    g_assert_true(log_reader_wait(r, 5, 10000));
    g_assert_false(log_reader_wait(r, 6, 10));
    log_reader_stop(r);
    write_records(s, 1);
    r = log_reader_start(s, &o); /* from its cursor */
    g_assert_true(log_reader_wait(r, 6, 10000));
    log_reader_stop(r);
    g_assert_cmpstr(f.seen->str, ==, "1 2 3 4 5 6 ");
    g_string_free(f.seen, TRUE);
    store_close(s);
    g_autofree char *command = g_strdup_printf("rm -rf %s", dir);
    g_assert_true(g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hub/log_reader", a_reader_sees_each_record_once);
    return g_test_run();
}
