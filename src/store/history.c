/* SPDX-License-Identifier: Apache-2.0 */
/* History: a reader of the log that gathers points in memory and writes them as chunks, one a series, now and
 * then.
 *
 * What is in memory is also in the log, behind the cursor that is stored with the chunks; so a crash loses
 * nothing. A point is keyed by its time: writing the same record twice changes nothing. Threads: the history
 * thread alone changes the open buffers and writes history.db; readers copy the open points of a series under
 * the lock and then read its chunks. A flush writes all chunks, commits, and only then empties the buffers,
 * so a reader sees each point in one place at least, and points of equal time fall together. */
#include "store/history.h"

#include "base/log.h"

enum {
    FLUSH_POINTS = 2000000, /* open points that make a flush due */
    FLUSH_SECONDS = 600,    /* age of the oldest open point that makes one due */
    SYNC_MS = 5000,         /* how long a reader waits for the thread to catch up */
    CACHE_KIB = 32768,
};

static const char *const schema[] = {
    "CREATE TABLE series(sid INTEGER PRIMARY KEY, entity TEXT NOT NULL, attribute TEXT NOT NULL, dataset "
    "TEXT NOT NULL,"
    " type TEXT NOT NULL, unit TEXT, observed INTEGER NOT NULL, UNIQUE(entity, attribute, dataset));"
    "CREATE TABLE chunk(sid INTEGER NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL, count INTEGER "
    "NOT NULL,"
    " body BLOB NOT NULL, PRIMARY KEY(sid, start)) WITHOUT ROWID;"
    "CREATE TABLE cursor(seq INTEGER NOT NULL);"
    "INSERT INTO cursor VALUES (0)",
};

sqlite3_stmt *history_prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK) {
        g_error("cannot prepare \"%s\": %s", sql, sqlite3_errmsg(db));
    }
    return st;
}

bool history_run(struct history *h, sqlite3_stmt *st, struct error *e)
{
    bool ok = sqlite3_step(st) == SQLITE_DONE || sqlite_failed(h->db, "the history", e);
    sqlite3_reset(st);
    return ok;
}
const char *column_text(sqlite3_stmt *st, int column)
{
    return (const char *)sqlite3_column_text(st, column);
}

bool bad_chunk(int64_t sid, struct error *e)
{
    return error_set(e, ERROR_INTERNAL, "A chunk of history is damaged (series %" G_GINT64_FORMAT ")",
                     "历史数据块已损坏（序列 %" G_GINT64_FORMAT "）", sid);
}

static bool flush_due(const struct history *h)
{
    return h->open_points >= FLUSH_POINTS ||
           (h->oldest_open != 0 && g_get_monotonic_time() - h->oldest_open > FLUSH_SECONDS * G_USEC_PER_SEC);
}

/* ---- the thread ---- */

/* Takes in the records up to the next one that takes points away; returns how many. */
static int take_run(struct history *h, const struct log_batch *b, int from)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&h->lock);
    int i = from;
    for (; i < b->count && !is_history_drop(b->records[i]); i++) {
        history_take(h, b->records[i]);
    }
    h->seen = b->first + (uint64_t)i - 1;
    if (h->oldest_open == 0 && h->open_points > 0) {
        h->oldest_open = g_get_monotonic_time();
    }
    g_cond_broadcast(&h->moved);
    return i - from;
}

/* A record that takes points away works on chunks: what is open is written before it. */
static bool take_drop(struct history *h, const struct json *record, uint64_t seq, struct error *e)
{
    if (!history_flush(h, e) || !history_drop(h, record, e)) {
        return false;
    }
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&h->lock);
    history_take(h, record); /* what stands in their place */
    h->seen = seq;
    g_cond_broadcast(&h->moved);
    return true;
}

static bool take_batch(struct history *h, const struct log_batch *b, struct error *e)
{
    int i = (int)(h->seen + 1 - b->first);
    while (i < b->count) {
        i += take_run(h, b, i);
        if (i < b->count && !take_drop(h, b->records[i], b->first + (uint64_t)i, e)) {
            return false;
        }
        i++;
    }
    return true;
}

static bool is_stopping(struct history *h)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&h->lock);
    return h->stopping;
}

static void *follow(void *data)
{
    struct history *h = data;
    while (!is_stopping(h)) {
        struct error e = {0};
        struct log_batch *b = store_log_read(h->store, h->seen, &e);
        if (b != NULL && !take_batch(h, b, &e)) {
            log_failure("history", "cannot change chunks, will try again", &e);
            g_usleep(G_USEC_PER_SEC);
        } else if (b == NULL && e.code != ERROR_NONE) {
            log_failure("history", "cannot read the change log", &e);
            g_usleep(G_USEC_PER_SEC);
        }
        log_batch_unref(b);
        if (flush_due(h) && !history_flush(h, &e)) {
            log_failure("history", "cannot write chunks, will try again", &e);
            h->oldest_open = g_get_monotonic_time();
            g_usleep(G_USEC_PER_SEC);
        }
        if (b == NULL) {
            store_log_wait(h->store, h->seen, 50);
        }
    }
    struct error e = {0};
    if (!history_flush(h, &e)) {
        log_failure("history", "cannot write the last chunks; they will be made again from the log", &e);
    }
    return NULL;
}

static int64_t read_number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *st = history_prepare(db, sql);
    int64_t n = sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    sqlite3_finalize(st);
    return n;
}

static void prepare_all(struct history *h)
{
    h->series_of = history_prepare(
        h->db, "SELECT sid, attribute, dataset, type, unit, observed FROM series WHERE entity = ?1");
    h->series_put =
        history_prepare(h->db, "INSERT INTO series(sid, entity, attribute, dataset, type, unit, observed)"
                               " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT(sid) DO UPDATE SET"
                               " type = excluded.type, unit = excluded.unit, observed = excluded.observed");
    h->chunk_over = history_prepare(
        h->db, "SELECT start, body FROM chunk WHERE sid = ?1 AND ((stop >= ?2 AND start <= ?3) OR"
               " (count < ?4 AND start = (SELECT max(start) FROM chunk WHERE sid = ?1 AND"
               " start <= ?3))) ORDER BY start");
    h->chunk_put = history_prepare(
        h->db, "INSERT OR REPLACE INTO chunk(sid, start, stop, count, body) VALUES (?1, ?2, ?3, ?4, ?5)");
    h->chunk_drop = history_prepare(h->db, "DELETE FROM chunk WHERE sid = ?1 AND start = ?2");
    h->cursor_put = history_prepare(h->db, "UPDATE cursor SET seq = ?1");
}

struct history *history_open(struct store *s, struct error *e)
{
    g_autofree char *path = g_build_filename(s->dir, "history.db", NULL);
    bool read_only = s->options.read_only;
    struct history *h = g_new0(struct history, 1);
    h->store = s;
    g_mutex_init(&h->lock);
    g_mutex_init(&h->reader_lock);
    g_cond_init(&h->moved);
    h->names = g_string_chunk_new(4096);
    h->entities = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    h->db = sqlite_open(path, read_only, CACHE_KIB, e);
    if (h->db == NULL || (!read_only && !sqlite_migrate(h->db, schema, G_N_ELEMENTS(schema), e)) ||
        (h->reader_db = sqlite_open(path, true, CACHE_KIB / 4, e)) == NULL) {
        history_close(h);
        return NULL;
    }
    prepare_all(h);
    h->next_sid = read_number(h->db, "SELECT max(sid) FROM series") + 1;
    h->seen = h->stored = (uint64_t)read_number(h->db, "SELECT seq FROM cursor");
    if (!read_only) {
        h->thread = g_thread_new("history", follow, h);
    }
    return h;
}

void history_close(struct history *h)
{
    if (h == NULL) {
        return;
    }
    if (h->thread != NULL) {
        g_mutex_lock(&h->lock);
        h->stopping = true;
        g_mutex_unlock(&h->lock);
        g_thread_join(h->thread);
    }
    sqlite3_stmt *statements[] = {h->series_of, h->series_put, h->chunk_over,
                                  h->chunk_put, h->chunk_drop, h->cursor_put};
    for (size_t i = 0; i < G_N_ELEMENTS(statements); i++) {
        sqlite3_finalize(statements[i]);
    }
    sqlite3_close(h->db);
    sqlite3_close(h->reader_db);
    g_hash_table_unref(h->entities);
    g_string_chunk_free(h->names);
    g_mutex_clear(&h->lock);
    g_mutex_clear(&h->reader_lock);
    g_cond_clear(&h->moved);
    g_free(h);
}

uint64_t history_cursor(struct history *h)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&h->lock);
    return h->stored;
}

/* Waits until all that is durable now has been taken in. */
void history_catch_up(struct history *h)
{
    if (h->thread == NULL) {
        return;
    }
    uint64_t end = store_log_end(h->store);
    gint64 until = g_get_monotonic_time() + SYNC_MS * 1000;
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&h->lock);
    while (h->seen < end && g_cond_wait_until(&h->moved, &h->lock, until)) {
    }
}
