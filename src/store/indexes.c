/* SPDX-License-Identifier: Apache-2.0 */
/* Indexes of attributes, and the counts of what there is: both kept by writes. */
#include <string.h>

#include "store/private.h"

/* ---- counts ---- */

bool txn_shape_add(struct txn *t, const char *type, const char *attribute, const char *kind, int64_t delta,
                   struct error *e)
{
    struct view *v = txn_view(t);
    sqlite3_stmt *st = view_statement(v, SHAPE_ADD);
    sqlite3_bind_text(st, 1, type, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 2, attribute, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 3, kind, -1, SQLITE_STATIC);
    sqlite3_bind_int64(st, 4, delta);
    return view_run(v, st, "a count", e);
}

int64_t view_shape(struct view *v, const char *type, const char *attribute, const char *kind)
{
    sqlite3_stmt *st = view_statement(v, SHAPE_GET);
    sqlite3_bind_text(st, 1, type, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 2, attribute, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 3, kind, -1, SQLITE_STATIC);
    int64_t count = sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    sqlite3_reset(st);
    return count;
}

void view_shapes(struct view *v, const char *type, void (*each)(void *user, const struct store_shape *s),
                 void *user)
{
    sqlite3_stmt *st = view_statement(v, SHAPES_OF);
    sqlite3_bind_text(st, 1, type, -1, SQLITE_STATIC);
    while (sqlite3_step(st) == SQLITE_ROW) {
        struct store_shape s = {type, (const char *)sqlite3_column_text(st, 0),
                                (const char *)sqlite3_column_text(st, 1), sqlite3_column_int64(st, 2)};
        each(user, &s);
    }
    sqlite3_reset(st);
}

void view_types_with(struct view *v, const char *attribute,
                     void (*each)(void *user, const char *type, int64_t count), void *user)
{
    sqlite3_stmt *st = view_statement(v, SHAPE_TYPES);
    sqlite3_bind_text(st, 1, attribute, -1, SQLITE_STATIC);
    while (sqlite3_step(st) == SQLITE_ROW) {
        each(user, (const char *)sqlite3_column_text(st, 0), sqlite3_column_int64(st, 1));
    }
    sqlite3_reset(st);
}

void view_types(struct view *v, void (*each)(void *user, const char *type, int64_t count), void *user)
{
    view_types_with(v, "", each, user);
}

/* ---- the list of indexes ---- */

enum state { STATE_BUILDING, STATE_COMPLETE, STATE_DROPPED };

void view_indexes(struct view *v, struct arena *a, struct store_index_row **rows, int *count)
{
    sqlite3_stmt *st = view_statement(v, INDEXES_LIST);
    g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(struct store_index_row));
    while (sqlite3_step(st) == SQLITE_ROW) {
        struct store_index_row row = {
            .number = sqlite3_column_int64(st, 0),
            .type = arena_strdup(a, (const char *)sqlite3_column_text(st, 1)),
            .attribute = arena_strdup(a, (const char *)sqlite3_column_text(st, 2)),
            .built = sqlite3_column_int64(st, 3),
            .complete = sqlite3_column_int(st, 4) == STATE_COMPLETE,
            .dropped = sqlite3_column_int(st, 4) == STATE_DROPPED,
        };
        g_array_append_val(all, row);
    }
    sqlite3_reset(st);
    *count = (int)all->len;
    *rows = arena_array(a, struct store_index_row, all->len + 1);
    if (all->len > 0) {
        memcpy(*rows, all->data, all->len * sizeof **rows);
    }
}

int64_t view_index_find(struct view *v, const char *type, const char *attribute)
{
    sqlite3_stmt *st = view_statement(v, INDEX_FIND);
    sqlite3_bind_text(st, 1, type, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 2, attribute, -1, SQLITE_STATIC);
    sqlite3_bind_int(st, 3, STATE_COMPLETE);
    int64_t number = sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    sqlite3_reset(st);
    return number;
}

/* ---- what a transaction must keep ---- */

void indexes_forget(struct view *v)
{
    if (v->indexes_arena != NULL) {
        arena_clear(v->indexes_arena);
    }
    v->indexes = NULL;
}

static void load_indexes(struct view *v)
{
    struct store_index_row *all;
    int count;
    if (v->indexes_arena == NULL) {
        v->indexes_arena = arena_new();
    }
    view_indexes(v, v->indexes_arena, &all, &count);
    v->indexes = all;
    v->indexes_count = 0;
    for (int i = 0; i < count; i++) {
        if (!all[i].dropped) {
            all[v->indexes_count++] = all[i];
        }
    }
}

const struct store_index_row *txn_indexes(struct txn *t, int *count)
{
    struct view *v = txn_view(t);
    if (v->indexes == NULL) {
        load_indexes(v);
    }
    *count = v->indexes_count;
    return v->indexes;
}

bool txn_index_make(struct txn *t, const char *type, const char *attribute, struct error *e)
{
    struct view *v = txn_view(t);
    sqlite3_stmt *st = view_statement(v, INDEX_MAKE);
    indexes_forget(v);
    sqlite3_bind_text(st, 1, type, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 2, attribute, -1, SQLITE_STATIC);
    return view_run(v, st, "an index", e);
}

static bool set_state(struct txn *t, int64_t number, enum state state, int64_t built, struct error *e)
{
    struct view *v = txn_view(t);
    sqlite3_stmt *st = view_statement(v, INDEX_STATE);
    indexes_forget(v);
    sqlite3_bind_int64(st, 1, number);
    sqlite3_bind_int(st, 2, (int)state);
    sqlite3_bind_int64(st, 3, built);
    return view_run(v, st, "an index", e);
}

bool txn_index_drop(struct txn *t, int64_t number, struct error *e)
{
    return set_state(t, number, STATE_DROPPED, 0, e);
}

bool txn_index_built(struct txn *t, int64_t number, int64_t built, bool complete, struct error *e)
{
    return set_state(t, number, complete ? STATE_COMPLETE : STATE_BUILDING, built, e);
}

bool txn_index_clean(struct txn *t, int64_t number, int most, bool *done, struct error *e)
{
    struct view *v = txn_view(t);
    sqlite3_stmt *st = view_statement(v, VALUES_CLEAN);
    sqlite3_bind_int64(st, 1, number);
    sqlite3_bind_int(st, 2, most);
    if (!view_run(v, st, "an index", e)) {
        return false;
    }
    *done = sqlite3_changes(v->db) < most;
    if (!*done) {
        return true;
    }
    st = view_statement(v, INDEX_GONE);
    indexes_forget(v);
    sqlite3_bind_int64(st, 1, number);
    return view_run(v, st, "an index", e);
}

/* ---- entries ---- */

static bool change_value(struct txn *t, enum statement which, int64_t index, const struct store_value *value,
                         int64_t eid, struct error *e)
{
    struct view *v = txn_view(t);
    sqlite3_stmt *st = view_statement(v, which);
    sqlite3_bind_int64(st, 1, index);
    value_bind(st, 2, value);
    sqlite3_bind_int64(st, 3, eid);
    return view_run(v, st, "an index", e);
}

bool txn_value_put(struct txn *t, int64_t index, const struct store_value *value, int64_t eid,
                   struct error *e)
{
    return change_value(t, VALUE_PUT, index, value, eid, e);
}

bool txn_value_delete(struct txn *t, int64_t index, const struct store_value *value, int64_t eid,
                      struct error *e)
{
    return change_value(t, VALUE_DELETE, index, value, eid, e);
}
