/* SPDX-License-Identifier: Apache-2.0 */
/* From the first form of history.db, a row a series, to a row an entity. Runs once, in one transaction. */
#include <string.h>

#include "store/history.h"

struct migration {
    struct history *h;
    sqlite3_stmt *put;
    struct row row;
    GStringChunk *texts; /* of keys that have no number */
    char *entity;
};

static bool put_entity(struct migration *m, struct error *e)
{
    if (m->entity == NULL) {
        return true;
    }
    g_autoptr(GByteArray) body = g_byte_array_new();
    row_write(&m->row, body);
    sqlite3_bind_text(m->put, 1, m->entity, -1, SQLITE_STATIC);
    sqlite3_bind_blob(m->put, 2, body->data, (int)body->len, SQLITE_STATIC);
    bool ok = history_run(m->h, m->put, e);
    g_clear_pointer(&m->entity, g_free);
    row_clear(&m->row);
    row_init(&m->row);
    return ok;
}

static bool take_series(struct migration *m, sqlite3_stmt *st, struct error *e)
{
    const char *entity = column_text(st, 0);
    if (g_strcmp0(entity, m->entity) != 0) {
        if (!put_entity(m, e)) {
            return false;
        }
        m->entity = g_strdup(entity);
    }
    struct series_key key = {.attribute = column_text(st, 1),
                             .dataset = column_text(st, 2),
                             .type = column_text(st, 3),
                             .unit = column_text(st, 4),
                             .observed = sqlite3_column_int(st, 5) != 0};
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    series_key_bytes(bytes, &key);
    struct row_series s = {.sid = sqlite3_column_int64(st, 6), .stored = sqlite3_column_int64(st, 7)};
    s.name = names_number(m->h->names, (const char *)bytes->data, bytes->len);
    if (s.name == 0) { /* the key's bytes must stay */
        series_key_read(&s.key,
                        g_string_chunk_insert_len(m->texts, (const char *)bytes->data, (gssize)bytes->len),
                        bytes->len);
    }
    g_array_append_val(m->row.series, s);
    return true;
}

static bool convert(struct migration *m, struct error *e)
{
    sqlite3_stmt *st = history_prepare(
        m->h->db, "SELECT entity, attribute, dataset, type, unit, observed, sid, (SELECT"
                  " coalesce(sum(count), 0) FROM chunk WHERE chunk.sid = series.sid) FROM series"
                  " ORDER BY entity, sid");
    bool ok = true;
    while (ok && sqlite3_step(st) == SQLITE_ROW) {
        ok = take_series(m, st, e);
    }
    sqlite3_finalize(st);
    return ok && put_entity(m, e) && names_write(m->h->names, m->h->db, e) &&
           sqlite_script(m->h->db, "DROP TABLE series", e);
}

static bool has_old_rows(sqlite3 *db)
{
    sqlite3_stmt *st = history_prepare(db, "SELECT 1 FROM sqlite_schema WHERE name = 'series'");
    bool has = sqlite3_step(st) == SQLITE_ROW;
    sqlite3_finalize(st);
    return has;
}

bool history_migrate_rows(struct history *h, struct error *e)
{
    if (!has_old_rows(h->db)) {
        return true;
    }
    if (!sqlite_script(h->db, "BEGIN IMMEDIATE", e)) {
        return false;
    }
    struct migration m = {.h = h, .texts = g_string_chunk_new(4096)};
    m.put = history_prepare(h->db, "INSERT INTO entity(id, body) VALUES (?1, ?2)");
    row_init(&m.row);
    bool ok = convert(&m, e);
    sqlite3_finalize(m.put);
    row_clear(&m.row);
    g_free(m.entity);
    g_string_chunk_free(m.texts);
    if (!ok || !sqlite_script(h->db, "COMMIT", e)) {
        sqlite3_exec(h->db, "ROLLBACK", NULL, NULL, NULL);
        return false;
    }
    names_saved(h->names);
    return true;
}
