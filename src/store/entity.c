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

static bool put_expiry(struct view *v, int64_t eid, bool fresh, instant at, struct error *e)
{
    if (at == 0 && fresh) {
        return true;
    }
    sqlite3_stmt *st = view_statement(v, at != 0 ? EXPIRY_PUT : EXPIRY_CLEAR);
    sqlite3_bind_int64(st, 1, eid);
    if (at != 0) {
        sqlite3_bind_int64(st, 2, at);
    }
    return view_run(v, st, "the index of times", e);
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
    return ((changed & STORE_BOX) == 0 || put_box(v, *eid, fresh, index->box, e)) &&
           ((changed & STORE_EXPIRY) == 0 || put_expiry(v, *eid, fresh, index->expires, e));
}

bool txn_entity_delete(struct txn *t, int64_t eid, struct error *e)
{
    static const enum statement statements[] = {ENTITY_DELETE, TYPE_CLEAR, SCOPE_CLEAR, BOX_CLEAR,
                                                EXPIRY_CLEAR};
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

bool view_expired(struct view *v, instant moment, int limit, bool (*each)(void *user, const char *id),
                  void *user)
{
    sqlite3_stmt *st = view_statement(v, EXPIRY_DUE);
    sqlite3_bind_int64(st, 1, moment);
    sqlite3_bind_int(st, 2, limit);
    bool any = false, more = true;
    while (more && sqlite3_step(st) == SQLITE_ROW) {
        any = true;
        more = each == NULL || each(user, (const char *)sqlite3_column_text(st, 0));
    }
    sqlite3_reset(st);
    return any;
}
