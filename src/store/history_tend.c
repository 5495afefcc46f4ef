/* SPDX-License-Identifier: Apache-2.0 */
/* What is done in the background, some rows at a time: what is too old goes, small chunks become large ones
 * packed hard, and free space is given back. A round goes through all rows in the order of their ids; the
 * next one comes when something has been written since, ten minutes later at the earliest. */
#include <string.h>

#include "base/log.h"
#include "store/history.h"

enum {
    ROWS = 64,          /* in one step */
    STEP_MS = 500,      /* between two steps while the log keeps the thread busy */
    JOIN_FROM = 1024,   /* points: shorter chunks are left to chunks_tidy */
    HARD_FROM = 4096,   /* points: from here packing hard is worth the time */
    VACUUM_PAGES = 500, /* given back in one step */
    FREE_SHARE = 20,    /* space is given back when more than one page in so many is free */
};

/* ---- one series ---- */

/* How many chunks before and with the last one belong together: each not much longer than those after it. */
static int run_to(const struct chunk_place *list, int last, bool all)
{
    int64_t points = list[last].count;
    int first = last;
    while (first > 0 && points + list[first - 1].count <= CHUNK_POINTS &&
           (all || list[first - 1].count <= 2 * points)) {
        points += list[--first].count;
    }
    return last - first + 1;
}

static bool compact_series(struct history *h, int64_t sid, bool all, struct error *e)
{
    g_autoptr(GArray) chunks = chunks_list(h, sid);
    const struct chunk_place *list = (const struct chunk_place *)(const void *)chunks->data;
    for (int last = (int)chunks->len - 1; last >= 0;) {
        int run = run_to(list, last, all);
        int64_t points = 0;
        for (int i = last - run + 1; i <= last; i++) {
            points += list[i].count;
        }
        bool soft = points >= HARD_FROM && !list[last].hard;
        if ((run > 1 && (all || points >= JOIN_FROM)) || soft) {
            if (!chunks_join(h, sid, &list[last - run + 1], run, points >= HARD_FROM ? CHUNK_HARD : 0, e)) {
                return false;
            }
        }
        last -= run;
    }
    return true;
}

/* ---- one row ---- */

static bool tend_row(struct history *h, const char *id, GBytes *bytes, struct error *e)
{
    struct row row;
    bool changed = false;
    row_init(&row);
    if (!row_read(&row, h->names, bytes)) {
        log_warning("history", "the row of %s is damaged", id);
        row_clear(&row);
        return true;
    }
    bool ok = history_keep(h, &row, instant_now(), &changed, e);
    for (guint i = 0; ok && i < row.series->len; i++) {
        const struct row_series *s = &g_array_index(row.series, struct row_series, i);
        ok = s->sid == 0 || compact_series(h, s->sid, h->compacting, e);
    }
    ok = ok && (!changed || history_row_put(h, id, &row, e));
    row_clear(&row);
    return ok;
}

/* ---- a round ---- */

struct listed {
    char *id;
    GBytes *bytes;
};

static void listed_clear(void *listed)
{
    g_free(((struct listed *)listed)->id);
    if (((struct listed *)listed)->bytes != NULL) {
        g_bytes_unref(((struct listed *)listed)->bytes);
    }
}

static GArray *next_rows(struct history *h)
{
    GArray *rows = g_array_new(FALSE, FALSE, sizeof(struct listed));
    g_array_set_clear_func(rows, listed_clear);
    sqlite3_stmt *st =
        history_prepare(h->db, "SELECT id, body FROM entity WHERE id > ?1 ORDER BY id LIMIT ?2");
    sqlite3_bind_text(st, 1, h->tended, -1, SQLITE_STATIC);
    sqlite3_bind_int(st, 2, ROWS);
    while (sqlite3_step(st) == SQLITE_ROW) {
        struct listed l = {g_strdup(column_text(st, 0)), column_bytes(st, 1)};
        g_array_append_val(rows, l);
    }
    sqlite3_finalize(st);
    return rows;
}

static bool tend_rows(struct history *h, GArray *rows, struct error *e)
{
    for (guint i = 0; i < rows->len; i++) {
        struct listed *l = &g_array_index(rows, struct listed, i);
        if (!history_begin(h, e) || !tend_row(h, l->id, g_steal_pointer(&l->bytes), e)) {
            history_undo(h);
            return false;
        }
    }
    return history_commit(h, e);
}

static int64_t number_of(struct history *h, const char *pragma)
{
    sqlite3_stmt *st = history_prepare(h->db, pragma);
    int64_t n = sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    sqlite3_finalize(st);
    return n;
}

/* Gives some space back; true when there is more to give. */
static bool give_back(struct history *h, struct error *e)
{
    int64_t unused = number_of(h, "PRAGMA freelist_count");
    int64_t most = h->compacting ? 0 : number_of(h, "PRAGMA page_count") / FREE_SHARE;
    if (unused <= most || number_of(h, "PRAGMA auto_vacuum") != 2) {
        return false;
    }
    g_autofree char *sql = g_strdup_printf("PRAGMA incremental_vacuum(%d)", VACUUM_PAGES);
    return sqlite_script(h->db, sql, e) && number_of(h, "PRAGMA freelist_count") < unused;
}

static void end_round(struct history *h)
{
    g_clear_pointer(&h->tended, g_free);
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&h->lock);
    if (h->compacting) {
        h->compacting = h->compact_wanted = false;
        g_cond_broadcast(&h->moved);
    }
}

/* Is it time for a step? A round begins here. */
static bool is_due(struct history *h, bool idle)
{
    gint64 now = g_get_monotonic_time();
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&h->lock);
    if (h->tended == NULL && (h->compact_wanted || (h->untended && now >= h->next_round))) {
        h->tended = g_strdup("");
        h->untended = false;
        h->compacting = h->compact_wanted;
        h->next_round = now + h->round_seconds * G_USEC_PER_SEC;
    }
    return h->tended != NULL && (idle || now >= h->last_step + STEP_MS * 1000);
}

bool history_tend(struct history *h, bool idle, bool *more, struct error *e)
{
    *more = false;
    if (!is_due(h, idle) || h->frozen != NULL) {
        return true;
    }
    /* What is on disk must not be ahead of the cursor when points become figures. */
    bool first = h->compacting && *h->tended == '\0' && h->seen != h->cursor;
    if (first || h->ahead > h->cursor) {
        return history_flush(h, e);
    }
    g_autoptr(GArray) rows = next_rows(h);
    *more = true;
    if (!tend_rows(h, rows, e)) {
        return false;
    }
    if (rows->len > 0) {
        g_free(h->tended);
        h->tended = g_strdup(g_array_index(rows, struct listed, rows->len - 1).id);
    } else if (!give_back(h, e)) {
        end_round(h);
    }
    h->last_step = g_get_monotonic_time();
    return e->code == ERROR_NONE;
}

bool store_history_compact(struct store *s, struct error *e)
{
    struct history *h = s->history;
    if (h->thread == NULL) {
        return error_set(e, ERROR_UNAVAILABLE, "The store is open to read only", "数据以只读方式打开");
    }
    history_catch_up(h);
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&h->lock);
    h->compact_wanted = true;
    while (h->compact_wanted && !h->stopping) {
        g_cond_wait(&h->moved, &h->lock);
    }
    return true;
}
