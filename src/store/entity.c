/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of entities and their indexes: types, scopes, boxes. */
#include <string.h>

#include "store/private.h"

bool view_entity(struct view *v, struct arena *a, const char *id, struct store_entity *out)
{
    sqlite3_stmt *st = view_statement(v, ENTITY_GET);
    sqlite3_bind_text(st, 1, id, -1, SQLITE_STATIC);
    bool found = sqlite3_step(st) == SQLITE_ROW;
    if (found) {
        out->eid = sqlite3_column_int64(st, 0);
        out->body_length = (size_t)sqlite3_column_bytes(st, 1);
        out->body = arena_strndup(a, sqlite3_column_blob(st, 1), out->body_length);
        out->id = id;
    }
    sqlite3_reset(st);
    return found;
}

static bool put_names(struct view *v, enum statement clear, enum statement put, int64_t eid, bool fresh,
                      const char *const *names, int count, struct error *e)
{
    if (!fresh) {
        sqlite3_stmt *st = view_statement(v, clear);
        sqlite3_bind_int64(st, 1, eid);
        if (!view_run(v, st, "an index", e)) {
            return false;
        }
    }
    for (int i = 0; i < count; i++) {
        sqlite3_stmt *st = view_statement(v, put);
        sqlite3_bind_text(st, 1, names[i], -1, SQLITE_STATIC);
        sqlite3_bind_int64(st, 2, eid);
        if (!view_run(v, st, "an index", e)) {
            return false;
        }
    }
    return true;
}

static bool put_box(struct view *v, int64_t eid, bool fresh, const double *box, struct error *e)
{
    if (box == NULL) {
        if (fresh) {
            return true;
        }
        sqlite3_stmt *st = view_statement(v, BOX_CLEAR);
        sqlite3_bind_int64(st, 1, eid);
        return view_run(v, st, "the map index", e);
    }
    sqlite3_stmt *st = view_statement(v, BOX_PUT);
    sqlite3_bind_int64(st, 1, eid);
    sqlite3_bind_double(st, 2, box[0]);
    sqlite3_bind_double(st, 3, box[2]);
    sqlite3_bind_double(st, 4, box[1]);
    sqlite3_bind_double(st, 5, box[3]);
    return view_run(v, st, "the map index", e);
}

static bool put_row(struct view *v, int64_t *eid, const char *id, const char *body, size_t length,
                    struct error *e)
{
    sqlite3_stmt *st = view_statement(v, *eid == 0 ? ENTITY_INSERT : ENTITY_UPDATE);
    if (*eid == 0) {
        sqlite3_bind_text(st, 1, id, -1, SQLITE_STATIC);
    } else {
        sqlite3_bind_int64(st, 1, *eid);
    }
    sqlite3_bind_blob64(st, 2, body, length, SQLITE_STATIC);
    if (!view_run(v, st, "an entity", e)) {
        return false;
    }
    if (*eid == 0) {
        *eid = sqlite3_last_insert_rowid(v->db);
    }
    return true;
}

bool txn_entity_put(struct txn *t, int64_t *eid, const char *id, const char *body, size_t body_length,
                    const struct store_index *index, int changed, struct error *e)
{
    struct view *v = txn_view(t);
    bool fresh = *eid == 0;
    if (!put_row(v, eid, id, body, body_length, e)) {
        return false;
    }
    if ((changed & STORE_TYPES) != 0 &&
        !put_names(v, TYPE_CLEAR, TYPE_PUT, *eid, fresh, index->types, index->types_count, e)) {
        return false;
    }
    if ((changed & STORE_SCOPES) != 0 &&
        !put_names(v, SCOPE_CLEAR, SCOPE_PUT, *eid, fresh, index->scopes, index->scopes_count, e)) {
        return false;
    }
    return (changed & STORE_BOX) == 0 || put_box(v, *eid, fresh, index->box, e);
}

bool txn_entity_delete(struct txn *t, int64_t eid, struct error *e)
{
    static const enum statement statements[] = {ENTITY_DELETE, TYPE_CLEAR, SCOPE_CLEAR, BOX_CLEAR};
    struct view *v = txn_view(t);
    for (size_t i = 0; i < G_N_ELEMENTS(statements); i++) {
        sqlite3_stmt *st = view_statement(v, statements[i]);
        sqlite3_bind_int64(st, 1, eid);
        if (!view_run(v, st, "a delete", e)) {
            return false;
        }
    }
    return true;
}

/* ---- queries: the statement is made from fixed pieces, all values are bound ---- */

static void add_marks(GString *text, int n)
{
    for (int i = 0; i < n; i++) {
        g_string_append(text, i == 0 ? "?" : ",?");
    }
}

static void add_conditions(GString *text, const struct store_query *q)
{
    g_string_append(text, " WHERE e.eid > ?");
    if (q->ids_count > 0) {
        g_string_append(text, " AND e.id IN (");
        add_marks(text, q->ids_count);
        g_string_append_c(text, ')');
    }
    if (q->types_count == 1) {
        g_string_append(text, " AND e.eid IN (SELECT eid FROM entity_type WHERE type = ? AND eid > ?)");
    } else if (q->types_count > 1) {
        g_string_append(text, " AND e.eid IN (SELECT eid FROM entity_type WHERE type IN (");
        add_marks(text, q->types_count);
        g_string_append(text, "))");
    }
    if (q->scope != NULL) {
        g_string_append(
            text,
            " AND e.eid IN (SELECT eid FROM entity_scope WHERE scope = ? OR (scope > ? AND scope < ?))");
    }
    if (q->box != NULL) {
        g_string_append(
            text,
            " AND e.eid IN (SELECT eid FROM entity_box WHERE x1 >= ? AND y1 >= ? AND x0 <= ? AND y0 <= ?)");
    }
}

static void bind_conditions(sqlite3_stmt *st, const struct store_query *q, bool join, struct arena *a)
{
    int n = 1;
    if (join) {
        sqlite3_bind_text(st, n++, q->types[0], -1, SQLITE_STATIC);
    }
    sqlite3_bind_int64(st, n++, q->after);
    for (int i = 0; i < q->ids_count; i++) {
        sqlite3_bind_text(st, n++, q->ids[i], -1, SQLITE_STATIC);
    }
    if (q->types_count == 1 && !join) {
        sqlite3_bind_text(st, n++, q->types[0], -1, SQLITE_STATIC);
        sqlite3_bind_int64(st, n++, q->after);
    } else if (q->types_count > 1) {
        for (int i = 0; i < q->types_count; i++) {
            sqlite3_bind_text(st, n++, q->types[i], -1, SQLITE_STATIC);
        }
    }
    if (q->scope != NULL) {
        sqlite3_bind_text(st, n++, q->scope, -1, SQLITE_STATIC);
        sqlite3_bind_text(st, n++, arena_printf(a, "%s/", q->scope), -1, SQLITE_STATIC);
        sqlite3_bind_text(st, n++, arena_printf(a, "%s0", q->scope), -1, SQLITE_STATIC); /* '0' follows '/' */
    }
    for (int i = 0; q->box != NULL && i < 4; i++) {
        sqlite3_bind_double(st, n++, q->box[i]);
    }
}

static sqlite3_stmt *prepare_query(struct view *v, const struct store_query *q, const char *columns,
                                   const char *order, struct arena *a)
{
    /* One type and no box: walk the type's own index in the order of eid, so that a page costs a page. */
    bool join = q->types_count == 1 && q->ids_count == 0 && q->box == NULL && q->scope == NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    if (join) {
        g_string_printf(
            text,
            "SELECT %s FROM entity_type t JOIN entity e ON e.eid = t.eid WHERE t.type = ? AND t.eid > ?",
            columns);
        g_string_append(text, order[0] != '\0' ? " ORDER BY t.eid" : "");
    } else {
        g_string_printf(text, "SELECT %s FROM entity e", columns);
        add_conditions(text, q);
        g_string_append(text, order);
    }
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(v->db, text->str, -1, &st, NULL) != SQLITE_OK) {
        g_error("cannot prepare \"%s\": %s", text->str, sqlite3_errmsg(v->db));
    }
    bind_conditions(st, q, join, a);
    return st;
}

bool view_entities(struct view *v, const struct store_query *q,
                   bool (*each)(void *user, const struct store_entity *row), void *user, struct error *e)
{
    arena_auto a = arena_new();
    sqlite3_stmt *st = prepare_query(v, q, "e.eid, e.id, e.body", " ORDER BY e.eid", a);
    int code;
    while ((code = sqlite3_step(st)) == SQLITE_ROW) {
        struct store_entity row = {
            .eid = sqlite3_column_int64(st, 0),
            .id = (const char *)sqlite3_column_text(st, 1),
            .body = sqlite3_column_blob(st, 2),
            .body_length = (size_t)sqlite3_column_bytes(st, 2),
        };
        if (!each(user, &row)) {
            code = SQLITE_DONE;
            break;
        }
    }
    bool ok = code == SQLITE_DONE || sqlite_failed(v->db, "a query", e);
    sqlite3_finalize(st);
    return ok;
}

int64_t view_entities_count(struct view *v, const struct store_query *q)
{
    arena_auto a = arena_new();
    sqlite3_stmt *st = prepare_query(v, q, "count(*)", "", a);
    int64_t n = sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    sqlite3_finalize(st);
    return n;
}

void view_types(struct view *v, void (*each)(void *user, const char *type, int64_t count), void *user)
{
    sqlite3_stmt *st = view_statement(v, TYPES_LIST);
    while (sqlite3_step(st) == SQLITE_ROW) {
        each(user, (const char *)sqlite3_column_text(st, 0), sqlite3_column_int64(st, 1));
    }
    sqlite3_reset(st);
}
