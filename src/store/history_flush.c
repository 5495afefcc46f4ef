/* SPDX-License-Identifier: Apache-2.0 */
/* From open sets to the disk: the points of an entity go into its row, from there into chunks.
 *
 * A flush runs in steps, so that taking in goes on beside it: the set is frozen, its entities are written in
 * the order of their ids, many to a commit, and with the last of them the cursor moves. A crash in between
 * leaves points on disk that the log brings once more, which changes nothing. */
#include <string.h>

#include "base/log.h"
#include "store/history.h"

enum {
    STEP = 500,          /* entities written before the thread looks at the log again */
    COMMIT_ROWS = 20000, /* in one transaction */
    ROW_BYTES = 900, /* a longer row is made shorter; rows of more than a thousand bytes take a page each */
    ROW_BYTES_EACH = 64, /* ... or so many for each of its series */
    REPACK_SHARE = 3,    /* tails that are still longer than a third of that become chunks */
    WORTH_A_CHUNK = 16,  /* points */
};

/* ---- the transaction ---- */

bool history_begin(struct history *h, struct error *e)
{
    if (!h->writing) {
        h->writing = sqlite_script(h->db, "BEGIN IMMEDIATE", e);
        h->written = 0;
    }
    return h->writing;
}

static bool write_ends(struct history *h, struct error *e)
{
    sqlite3_bind_int64(h->cursor_put, 1, (int64_t)h->cursor);
    sqlite3_bind_int64(h->cursor_put, 2, h->next_sid);
    return names_write(h->names, h->db, e) && history_run(h, h->cursor_put, e);
}

bool history_commit(struct history *h, struct error *e)
{
    if (!h->writing) {
        return true;
    }
    if (!write_ends(h, e) || !sqlite_script(h->db, "COMMIT", e)) {
        history_undo(h);
        return false;
    }
    names_saved(h->names);
    h->writing = false;
    h->safe = h->next;
    return true;
}

void history_undo(struct history *h)
{
    if (h->writing) {
        sqlite3_exec(h->db, "ROLLBACK", NULL, NULL, NULL);
        h->writing = false;
    }
    h->next = h->safe;
}

/* ---- one entity ---- */

static bool row_get(struct history *h, const char *id, struct row *row, struct error *e)
{
    sqlite3_stmt *st = h->row_get;
    bool ok = true;
    sqlite3_bind_text(st, 1, id, -1, SQLITE_STATIC);
    int code = sqlite3_step(st);
    if (code == SQLITE_ROW && !row_read(row, h->names, column_bytes(st, 0))) {
        log_warning("history", "the row of %s is damaged and begun anew", id);
        row_clear(row);
        row_init(row);
    } else if (code != SQLITE_ROW && code != SQLITE_DONE) {
        ok = sqlite_failed(h->db, "the history", e);
    }
    sqlite3_reset(st);
    return ok;
}

static struct row_series *series_for(struct row *row, const struct open_point *p)
{
    for (guint i = 0; i < row->series->len && p->name != 0; i++) {
        struct row_series *s = &g_array_index(row->series, struct row_series, i);
        if (s->name == p->name) {
            return s;
        }
    }
    struct row_series *s = row_find(row, p->key->attribute, p->key->dataset);
    if (s == NULL) {
        struct row_series new_one = {0};
        g_array_append_val(row->series, new_one);
        s = &g_array_index(row->series, struct row_series, row->series->len - 1);
    }
    s->name = p->name;
    s->key = *p->key;
    return s;
}

static void gather(void *user, const struct open_point *p)
{
    struct row_series *s = series_for(user, p);
    if (s->fresh == NULL) {
        s->fresh = g_array_sized_new(FALSE, FALSE, sizeof(struct point), 4);
    }
    points_insert(s->fresh, p->point, false);
}

void history_row_add(struct history *h, const struct open_entity *x, struct row *row)
{
    open_points(h->names, x, gather, row);
    for (guint i = 0; x != NULL && i < row->series->len; i++) {
        struct row_series *s = &g_array_index(row->series, struct row_series, i);
        if (s->fresh != NULL && s->fresh->len > 0) {
            tail_add(s, (const struct point *)(const void *)s->fresh->data, (int)s->fresh->len);
            g_array_set_size(s->fresh, 0);
        }
    }
    uint32_t types = x != NULL ? open_types(x) : 0;
    row->types = types != 0 ? types : row->types;
}

bool history_row(struct history *h, const char *id, struct row *row, struct error *e)
{
    row_init(row);
    if (!row_get(h, id, row, e)) {
        return false;
    }
    history_row_add(h, h->frozen != NULL ? open_set_get(h->frozen, id, false) : NULL, row);
    return true;
}

static size_t tail_length(const struct row_series *s)
{
    return s->new_tail != NULL ? s->new_tail->len : s->tail_length;
}

bool history_spill(struct history *h, struct row_series *s, struct error *e)
{
    g_autoptr(GArray) points = point_array();
    tail_read(s, points);
    if (points->len == 0) {
        return true;
    }
    if (s->sid == 0) {
        s->sid = h->next_sid++;
    }
    if (!chunks_add(h, s->sid, points, e) || !chunks_tidy(h, s->sid, e)) {
        return false;
    }
    s->stored += points->len;
    g_array_set_size(points, 0);
    tail_set(s, points);
    return true;
}

static void repack(struct row_series *s)
{
    g_autoptr(GArray) points = point_array();
    tail_read(s, points);
    tail_set(s, points);
}

static size_t tails_length(const struct row *row)
{
    size_t length = 0;
    for (guint i = 0; i < row->series->len; i++) {
        length += tail_length(&g_array_index(row->series, struct row_series, i));
    }
    return length;
}

/* A row that has become too long: first each tail becomes one piece, then the long ones become chunks. */
static bool shorten(struct history *h, struct row *row, struct error *e)
{
    size_t most = MAX((size_t)ROW_BYTES, (size_t)row->series->len * ROW_BYTES_EACH);
    if (tails_length(row) <= most) {
        return true;
    }
    for (guint i = 0; i < row->series->len; i++) {
        repack(&g_array_index(row->series, struct row_series, i));
    }
    if (tails_length(row) <= most / 2) {
        return true;
    }
    size_t share = most / REPACK_SHARE / row->series->len;
    for (guint i = 0; i < row->series->len; i++) {
        struct row_series *s = &g_array_index(row->series, struct row_series, i);
        if (tail_length(s) > share && tail_count(s) >= WORTH_A_CHUNK && !history_spill(h, s, e)) {
            return false;
        }
    }
    return true;
}

bool history_row_put(struct history *h, const char *id, struct row *row, struct error *e)
{
    if (!shorten(h, row, e)) {
        return false;
    }
    g_autoptr(GByteArray) body = g_byte_array_sized_new(1024);
    sqlite3_stmt *st = row->series->len > 0 ? h->row_put : h->row_drop;
    sqlite3_bind_text(st, 1, id, -1, SQLITE_STATIC);
    if (row->series->len > 0) {
        row_write(row, body);
        sqlite3_bind_blob(st, 2, body->data, (int)body->len, SQLITE_STATIC);
    }
    h->written++;
    return history_run(h, st, e);
}

static bool write_entity(struct history *h, const char *id, struct error *e)
{
    struct row row;
    bool ok = history_row(h, id, &row, e) && history_row_put(h, id, &row, e);
    row_clear(&row);
    return ok;
}

/* ---- all of them ---- */

static int by_id(const void *a, const void *b)
{
    const struct open_entity *x = *(struct open_entity *const *)a;
    const struct open_entity *y = *(struct open_entity *const *)b;
    return strcmp(x->id, y->id);
}

void history_freeze(struct history *h)
{
    g_assert(h->frozen == NULL);
    g_mutex_lock(&h->lock);
    h->frozen = h->open;
    h->open = open_set_new();
    h->frozen_seen = h->seen;
    g_mutex_unlock(&h->lock);
    h->oldest_open = 0;
    h->order = g_ptr_array_sized_new(h->frozen->entities);
    for (guint i = 0; i < h->frozen->slot_count; i++) {
        for (struct open_entity *x = h->frozen->slots[i]; x != NULL; x = x->next) {
            g_ptr_array_add(h->order, x);
        }
    }
    g_ptr_array_sort(h->order, by_id);
    h->next = h->safe = 0;
}

/* All that was frozen is written: the cursor moves, and the memory goes. */
static bool thaw(struct history *h, struct error *e)
{
    uint64_t before = h->cursor;
    h->cursor = h->frozen_seen;
    if (!history_begin(h, e) || !history_commit(h, e)) {
        h->cursor = before;
        return false;
    }
    g_mutex_lock(&h->lock);
    struct open_set *done = g_steal_pointer(&h->frozen);
    h->stored = h->cursor;
    h->untended = true;
    g_mutex_unlock(&h->lock);
    g_clear_pointer(&h->order, g_ptr_array_unref);
    open_set_free(done);
    return true;
}

bool history_flush_some(struct history *h, struct error *e)
{
    for (int i = 0; i < STEP && h->next < h->order->len; i++) {
        const struct open_entity *x = h->order->pdata[h->next];
        if (!history_begin(h, e) || !write_entity(h, x->id, e)) {
            history_undo(h);
            return false;
        }
        h->next++;
    }
    if (h->next == h->order->len) {
        return thaw(h, e);
    }
    return h->written < COMMIT_ROWS || history_commit(h, e);
}

bool history_flush(struct history *h, struct error *e)
{
    for (;;) {
        if (h->frozen == NULL) {
            if (h->seen == h->stored) {
                return true;
            }
            history_freeze(h);
        }
        while (h->frozen != NULL) {
            if (!history_flush_some(h, e)) {
                return false;
            }
        }
    }
}
