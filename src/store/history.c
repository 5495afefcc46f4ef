/* SPDX-License-Identifier: Apache-2.0 */
/* History: a reader of the log that gathers points in memory and writes them into history.db now and then.
 *
 * What is in memory is also in the log, behind the cursor that is stored with the points; so a crash loses
 * nothing. A point is keyed by its time: writing the same record twice changes nothing. Threads: the history
 * thread alone changes the open sets and writes history.db; readers copy the open points of a series under
 * the lock and then read what is stored. A flush commits before it empties memory, so a reader sees each
 * point in one place at least, and points of equal time fall together. */
#include "store/history.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

enum {
    OPEN_BYTES = 40 << 20, /* open bytes that make a flush due; as many may wait while it runs */
    FLUSH_SECONDS = 600,   /* age of the oldest open point that makes one due */
    SYNC_MS = 5000,        /* how long a reader waits for the thread to catch up */
    CACHE_KIB = 32768,
    ROUND_SECONDS = 600,      /* from the beginning of a round of history_tend to that of the next */
    FIRST_ROUND_SECONDS = 60, /* after the start, at the latest */
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

    "CREATE TABLE name(number INTEGER PRIMARY KEY, bytes BLOB NOT NULL);"
    "CREATE TABLE entity(id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;"
    "ALTER TABLE chunk RENAME TO old_chunk;"
    "CREATE TABLE chunk(sid INTEGER NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL, count INTEGER "
    "NOT NULL,"
    " statistics BLOB, body BLOB NOT NULL, PRIMARY KEY(sid, start)) WITHOUT ROWID;"
    "INSERT INTO chunk SELECT sid, start, stop, count, NULL, body FROM old_chunk ORDER BY sid, start;"
    "DROP TABLE old_chunk;"
    "CREATE TABLE figures(sid INTEGER NOT NULL, level INTEGER NOT NULL, start INTEGER NOT NULL, stop INTEGER "
    "NOT "
    "NULL,"
    " body BLOB NOT NULL, PRIMARY KEY(sid, level, start)) WITHOUT ROWID;"
    "ALTER TABLE cursor ADD COLUMN next_sid INTEGER NOT NULL DEFAULT 1;"
    "UPDATE cursor SET next_sid = (SELECT coalesce(max(sid), 0) + 1 FROM series)",
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

GBytes *column_bytes(sqlite3_stmt *st, int column)
{
    const void *bytes = sqlite3_column_blob(st, column);
    return g_bytes_new(bytes, (gsize)sqlite3_column_bytes(st, column));
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
    if (h->oldest_open == 0 && h->open->points > 0) {
        h->oldest_open = g_get_monotonic_time();
    }
    g_cond_broadcast(&h->moved);
    return i - from;
}

static bool take_drop(struct history *h, const struct json *record, uint64_t seq, struct error *e)
{
    if (!history_drop(h, record, e)) {
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

static bool flush_due(const struct history *h)
{
    return h->open->bytes >= OPEN_BYTES ||
           (h->oldest_open != 0 && g_get_monotonic_time() - h->oldest_open > FLUSH_SECONDS * G_USEC_PER_SEC);
}

/* One step of writing, when there is something to write. While memory is full nothing else is done. */
static bool write_some(struct history *h, struct error *e)
{
    do {
        if (h->frozen == NULL && flush_due(h)) {
            history_freeze(h);
        }
        if (h->frozen != NULL && !history_flush_some(h, e)) {
            return false;
        }
    } while (h->frozen != NULL && h->open->bytes >= OPEN_BYTES);
    return true;
}

/* Takes in what the log has next; false when it has nothing. */
static bool take_next(struct history *h, struct error *e)
{
    struct log_batch *b = store_log_read(h->store, h->seen, e);
    if (b != NULL) {
        take_batch(h, b, e);
        log_batch_unref(b);
    }
    if (e->code != ERROR_NONE) {
        log_failure("history",
                    b != NULL ? "cannot change what is stored, will try again" : "cannot read the change log",
                    e);
        g_usleep(G_USEC_PER_SEC);
    }
    return b != NULL;
}

static void *follow(void *data)
{
    struct history *h = data;
    while (!is_stopping(h)) {
        struct error e = {0};
        bool more = take_next(h, &e);
        if (!write_some(h, &e)) {
            log_failure("history", "cannot write points, will try again", &e);
            g_usleep(G_USEC_PER_SEC);
        }
        bool tending = false;
        if (!history_tend(h, !more && h->frozen == NULL, &tending, &e)) {
            log_failure("history", "cannot tidy up, will try again", &e);
            g_usleep(G_USEC_PER_SEC);
        }
        if (!more && h->frozen == NULL && !tending) {
            store_log_wait(h->store, h->seen, 50);
        }
    }
    struct error e = {0};
    if (!history_flush(h, &e)) {
        log_failure("history", "cannot write the last points; they will be taken from the log again", &e);
    }
    return NULL;
}

/* ---- opening and closing ---- */

static int64_t read_number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *st = history_prepare(db, sql);
    int64_t n = sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    sqlite3_finalize(st);
    return n;
}

static const struct {
    size_t offset;
    const char *sql;
} statements[] = {
    {offsetof(struct history, row_get), "SELECT body FROM entity WHERE id = ?1"},
    {offsetof(struct history, row_put), "INSERT OR REPLACE INTO entity(id, body) VALUES (?1, ?2)"},
    {offsetof(struct history, row_drop), "DELETE FROM entity WHERE id = ?1"},
    {offsetof(struct history, chunk_list),
     "SELECT start, stop, count, statistics FROM chunk WHERE sid = ?1 AND start <= ?2"
     " ORDER BY start DESC LIMIT ?3"},
    {offsetof(struct history, chunk_next),
     "SELECT start FROM chunk WHERE sid = ?1 AND start > ?2 ORDER BY start LIMIT 1"},
    {offsetof(struct history, chunk_get), "SELECT body FROM chunk WHERE sid = ?1 AND start = ?2"},
    {offsetof(struct history, chunk_put),
     "INSERT OR REPLACE INTO chunk(sid, start, stop, count, statistics, body)"
     " VALUES (?1, ?2, ?3, ?4, ?5, ?6)"},
    {offsetof(struct history, chunk_drop), "DELETE FROM chunk WHERE sid = ?1 AND start = ?2"},
    {offsetof(struct history, cursor_put), "UPDATE cursor SET seq = ?1, next_sid = ?2"},
};

static sqlite3_stmt **statement_at(struct history *h, size_t i)
{
    return (sqlite3_stmt **)(void *)((char *)h + statements[i].offset);
}

/* A new file gives the space of what was merged or dropped back; that must be said before anything else. */
static void make_file(const char *path)
{
    sqlite3 *db = NULL;
    if (!g_file_test(path, G_FILE_TEST_EXISTS) && sqlite3_open(path, &db) == SQLITE_OK) {
        sqlite3_exec(db, "PRAGMA page_size=4096; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL;",
                     NULL, NULL, NULL);
    }
    sqlite3_close(db);
}

static bool open_to_write(struct history *h, struct error *e)
{
    make_file(h->path);
    h->db = sqlite_open(h->path, false, CACHE_KIB, e);
    if (h->db == NULL || !sqlite_migrate(h->db, schema, G_N_ELEMENTS(schema), e) ||
        !names_load(h->names, h->db, e) || !history_migrate_rows(h, e)) {
        return false;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(statements); i++) {
        *statement_at(h, i) = history_prepare(h->db, statements[i].sql);
    }
    h->next_sid = read_number(h->db, "SELECT next_sid FROM cursor");
    h->seen = h->stored = h->cursor = (uint64_t)read_number(h->db, "SELECT seq FROM cursor");
    const char *seconds = g_getenv("ZHONGSHU_HISTORY_ROUND"); /* test aid */
    h->round_seconds = seconds != NULL ? MAX(atoi(seconds), 1) : ROUND_SECONDS;
    h->next_round = g_get_monotonic_time() + MIN(h->round_seconds, FIRST_ROUND_SECONDS) * G_USEC_PER_SEC;
    h->thread = g_thread_new("history", follow, h);
    return true;
}

static bool open_to_read(struct history *h, struct error *e)
{
    sqlite3 *db = sqlite_open(h->path, true, CACHE_KIB / 4, e);
    if (db == NULL) {
        return false;
    }
    h->outdated = read_number(db, "PRAGMA user_version") < (int64_t)G_N_ELEMENTS(schema);
    bool ok = h->outdated || names_load(h->names, db, e);
    h->seen = h->stored = ok ? (uint64_t)read_number(db, "SELECT seq FROM cursor") : 0;
    sqlite3_close(db);
    return ok;
}

struct history *history_open(struct store *s, struct error *e)
{
    struct history *h = g_new0(struct history, 1);
    h->store = s;
    h->path = g_build_filename(s->dir, "history.db", NULL);
    g_mutex_init(&h->lock);
    g_mutex_init(&h->reader_lock);
    g_cond_init(&h->moved);
    h->names = names_new();
    h->open = open_set_new();
    h->scratch = g_byte_array_new();
    if (!(s->options.read_only ? open_to_read(h, e) : open_to_write(h, e))) {
        history_close(h);
        return NULL;
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
        g_cond_broadcast(&h->moved);
        g_mutex_unlock(&h->lock);
        store_log_nudge(h->store);
        g_thread_join(h->thread);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(statements); i++) {
        sqlite3_finalize(*statement_at(h, i));
    }
    readers_close(h);
    sqlite3_close(h->db);
    open_set_free(h->open);
    open_set_free(h->frozen);
    g_clear_pointer(&h->order, g_ptr_array_unref);
    names_free(h->names);
    g_clear_pointer(&h->policies, g_hash_table_unref);
    g_free(h->tended);
    g_byte_array_unref(h->scratch);
    g_mutex_clear(&h->lock);
    g_mutex_clear(&h->reader_lock);
    g_cond_clear(&h->moved);
    g_free(h->path);
    g_free(h);
}

uint64_t history_cursor(struct history *h)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&h->lock);
    return h->stored;
}

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
