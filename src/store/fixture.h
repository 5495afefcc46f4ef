/* SPDX-License-Identifier: Apache-2.0 */
/* What the unit tests of the store share: a store in a folder of its own, and ways to write to it. */
#pragma once

#include <string.h>

#include <glib/gstdio.h>

#include "store/private.h"

struct fixture {
    char *dir;
    struct store *store;
};

static inline struct store *open_store(const char *dir)
{
    struct error e = {0};
    struct store *s = store_open(dir, NULL, &e);
    g_assert_cmpstr(e.en, ==, "");
    return s;
}

static inline void setup(struct fixture *f, gconstpointer unused)
{
    f->dir = g_dir_make_tmp("store-XXXXXX", NULL);
    f->store = open_store(f->dir);
}

static inline void remove_tree(const char *dir)
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

static inline void teardown(struct fixture *f, gconstpointer unused)
{
    store_close(f->store);
    remove_tree(f->dir);
    g_free(f->dir);
}

static inline void reopen(struct fixture *f)
{
    store_close(f->store);
    f->store = open_store(f->dir);
}

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

static inline bool apply_put(struct store_job *job, struct txn *t, struct error *e)
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

static inline bool put(struct store *s, struct put p)
{
    struct error e = {0};
    p.job.apply = apply_put;
    return store_run(s, &p.job, &e);
}

static inline void record_point(struct store *s, const char *id, const char *attribute, int64_t second,
                                double value)
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

static inline bool print_point(void *user, const struct history_point *p)
{
    if (p->is_number) {
        g_string_append_printf(user, "%d:%g ", (int)(p->at / INSTANT_SECOND), p->number);
    } else {
        g_string_append_printf(user, "%d:%s ", (int)(p->at / INSTANT_SECOND), p->text);
    }
    return true;
}

static inline void check_points(struct store *s, const char *id, int from, int to, bool descending,
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
