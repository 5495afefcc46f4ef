/* SPDX-License-Identifier: Apache-2.0 */
/* History: a reader of the log that gathers points in memory and writes them as chunks, one a series, now and
 * then.
 *
 * What is in memory is also in the log, behind the cursor that is stored with the chunks; so a crash loses
 * nothing. A point is keyed by its time: writing the same record twice changes nothing. Threads: the history
 * thread alone changes the open buffers and writes history.db; readers copy the open points of a series under
 * the lock and then read its chunks. A flush writes all chunks, commits, and only then empties the buffers,
 * so a reader sees each point in one place at least, and points of equal time fall together. */
#include <string.h>

#include "base/log.h"
#include "store/private.h"

enum {
    FLUSH_POINTS = 2000000, /* open points that make a flush due */
    FLUSH_SECONDS = 600,    /* age of the oldest open point that makes one due */
    SYNC_MS = 5000,         /* how long a reader waits for the thread to catch up */
    CACHE_KIB = 32768,
};

struct series {
    int64_t sid;
    const char *attribute, *dataset, *type, *unit; /* in history.names */
    bool observed;
    bool unsaved; /* its row is not in the table yet, or has changed */
    GArray *open; /* of struct point, ascending distinct times */
};

struct command {
    const char *entity, *attribute, *dataset;
    bool done, ok;
    struct error failure;
};

struct history {
    struct store *store;
    sqlite3 *db;        /* the thread's */
    sqlite3 *reader_db; /* under reader_lock */
    GMutex reader_lock;
    GMutex lock;
    GCond moved;
    GHashTable *entities; /* id → GPtrArray of struct series * */
    GStringChunk *names;  /* the texts of all series in memory, each once */
    int64_t next_sid;
    int64_t open_points;
    gint64 oldest_open; /* monotonic time of the first point since the last flush; 0 = none */
    uint64_t seen;      /* last record taken in */
    uint64_t stored;    /* last record whose points are in chunks */
    bool stopping;
    GThread *thread;
    struct command *command;
    sqlite3_stmt *series_of, *series_put, *chunk_over, *chunk_put, *chunk_drop, *cursor_put;
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

static void series_free(void *data)
{
    struct series *s = data;
    g_array_unref(s->open);
    g_free(s);
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK) {
        g_error("cannot prepare \"%s\": %s", sql, sqlite3_errmsg(db));
    }
    return st;
}

static bool run(struct history *h, sqlite3_stmt *st, struct error *e)
{
    bool ok = sqlite3_step(st) == SQLITE_DONE || sqlite_failed(h->db, "the history", e);
    sqlite3_reset(st);
    return ok;
}

static GArray *point_array(void)
{
    GArray *points = g_array_new(FALSE, TRUE, sizeof(struct point));
    g_array_set_clear_func(points, point_clear);
    return points;
}

static const char *column_text(sqlite3_stmt *st, int column)
{
    return (const char *)sqlite3_column_text(st, column);
}

/* ---- taking records in ---- */

static const char *name_in(struct history *h, const char *text)
{
    return text != NULL ? g_string_chunk_insert_const(h->names, text) : NULL;
}

static struct series *series_new(struct history *h, int64_t sid, const char *attribute, const char *dataset,
                                 const char *type, const char *unit, bool observed)
{
    struct series *s = g_new0(struct series, 1);
    s->sid = sid;
    s->attribute = name_in(h, attribute);
    s->dataset = name_in(h, dataset);
    s->type = name_in(h, type);
    s->unit = name_in(h, unit);
    s->observed = observed;
    s->open = point_array();
    return s;
}

/* The series of an entity, read from the table at first touch. */
static GPtrArray *entity_series(struct history *h, const char *id)
{
    GPtrArray *all = g_hash_table_lookup(h->entities, id);
    if (all != NULL) {
        return all;
    }
    all = g_ptr_array_new_with_free_func(series_free);
    sqlite3_bind_text(h->series_of, 1, id, -1, SQLITE_STATIC);
    while (sqlite3_step(h->series_of) == SQLITE_ROW) {
        sqlite3_stmt *st = h->series_of;
        g_ptr_array_add(all,
                        series_new(h, sqlite3_column_int64(st, 0), column_text(st, 1), column_text(st, 2),
                                   column_text(st, 3), column_text(st, 4), sqlite3_column_int(st, 5) != 0));
    }
    sqlite3_reset(h->series_of);
    g_hash_table_insert(h->entities, g_strdup(id), all);
    return all;
}

static struct series *find_series(const GPtrArray *all, const char *attribute, const char *dataset)
{
    for (guint i = 0; all != NULL && i < all->len; i++) {
        struct series *s = all->pdata[i];
        if (strcmp(s->attribute, attribute) == 0 && strcmp(s->dataset, dataset) == 0) {
            return s;
        }
    }
    return NULL;
}

static void note(struct history *h, const char **kept, const char *now, bool *changed)
{
    if (g_strcmp0(*kept, now) != 0) {
        *kept = name_in(h, now);
        *changed = true;
    }
}

/* Puts p at its place; a point of the same time is replaced. Returns true when the buffer grew. */
static bool insert_point(GArray *open, struct point p)
{
    guint n = open->len;
    struct point *points = (struct point *)(void *)open->data;
    if (n == 0 || points[n - 1].at < p.at) {
        g_array_append_val(open, p);
        return true;
    }
    guint low = 0;
    while (low < n) {
        guint middle = (low + n) / 2;
        if (points[middle].at < p.at) {
            low = middle + 1;
        } else {
            n = middle;
        }
    }
    if (points[low].at == p.at) {
        g_free(points[low].text);
        points[low] = p;
        return false;
    }
    g_array_insert_val(open, low, p);
    return true;
}

static const struct json *value_of(const struct json *instance)
{
    static const char *const members[] = {"value", "object",    "languageMap", "vocab",
                                          "json",  "valueList", "objectList"};
    for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
        const struct json *v = json_get(instance, members[i]);
        if (v != NULL) {
            return v;
        }
    }
    return NULL;
}

static void take_instance(struct history *h, GPtrArray *all, const char *attribute,
                          const struct json *instance, instant at)
{
    const struct json *value = value_of(instance);
    const char *dataset = json_get_string(instance, "datasetId");
    const char *type = json_get_string(instance, "type");
    const struct json *observed = json_get(instance, "observedAt");
    if (value == NULL) {
        return;
    }
    struct point p = {.at = at};
    bool has_time =
        json_is(observed, JSON_STRING) && instant_parse(observed->string, observed->length, NULL, &p.at);
    if (json_is_number(value)) {
        p.number = json_number(value);
    } else {
        GString *text = g_string_new(NULL);
        json_write(text, value);
        p.text = g_string_free(text, FALSE);
    }
    dataset = dataset != NULL ? dataset : "";
    type = type != NULL ? type : "Property";
    struct series *s = find_series(all, attribute, dataset);
    if (s == NULL) {
        s = series_new(h, h->next_sid++, attribute, dataset, type, json_get_string(instance, "unitCode"),
                       has_time);
        s->unsaved = true;
        g_ptr_array_add(all, s);
    } else {
        note(h, &s->type, type, &s->unsaved);
        note(h, &s->unit, json_get_string(instance, "unitCode"), &s->unsaved);
        s->unsaved |= s->observed != has_time;
        s->observed = has_time;
    }
    h->open_points += insert_point(s->open, p);
    counter_add(&store_counters[COUNT_POINTS], 1);
}

static void take_record(struct history *h, const struct json *record)
{
    const char *id = json_get_string(record, "id");
    const struct json *attrs = json_get(record, "attrs");
    if (id == NULL || json_first(attrs) == NULL) {
        return;
    }
    instant at = json_get_int(record, "at", 0);
    GPtrArray *all = entity_series(h, id);
    for (const struct json *attribute = json_first(attrs); attribute != NULL; attribute = attribute->next) {
        if (attribute->type == JSON_ARRAY) {
            for (const struct json *i = attribute->first; i != NULL; i = i->next) {
                take_instance(h, all, attribute->key, i, at);
            }
        } else {
            take_instance(h, all, attribute->key, attribute, at);
        }
    }
}

/* ---- writing chunks ---- */

static bool put_series(struct history *h, const char *entity, struct series *s, struct error *e)
{
    sqlite3_stmt *st = h->series_put;
    sqlite3_bind_int64(st, 1, s->sid);
    sqlite3_bind_text(st, 2, entity, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 3, s->attribute, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 4, s->dataset, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 5, s->type, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 6, s->unit, -1, SQLITE_STATIC);
    sqlite3_bind_int(st, 7, s->observed);
    return run(h, st, e);
}

static bool put_chunk(struct history *h, int64_t sid, const struct point *points, int n, struct error *e)
{
    g_autoptr(GByteArray) body = g_byte_array_new();
    chunk_pack(body, points, n);
    sqlite3_stmt *st = h->chunk_put;
    sqlite3_bind_int64(st, 1, sid);
    sqlite3_bind_int64(st, 2, points[0].at);
    sqlite3_bind_int64(st, 3, points[n - 1].at);
    sqlite3_bind_int(st, 4, n);
    sqlite3_bind_blob(st, 5, body->data, (int)body->len, SQLITE_STATIC);
    counter_add(&store_counters[COUNT_CHUNK_ROWS], 1);
    return run(h, st, e);
}

static bool bad_chunk(int64_t sid, struct error *e)
{
    return error_set(e, ERROR_INTERNAL, "A chunk of history is damaged (series %" G_GINT64_FORMAT ")",
                     "历史数据块已损坏（序列 %" G_GINT64_FORMAT "）", sid);
}

/* Takes the chunks that overlap [from, to], and the last one when it is not full, out of the table into
 * points. */
static bool take_chunks(struct history *h, int64_t sid, instant from, instant to, GArray *points,
                        struct error *e)
{
    sqlite3_stmt *st = h->chunk_over;
    sqlite3_bind_int64(st, 1, sid);
    sqlite3_bind_int64(st, 2, from);
    sqlite3_bind_int64(st, 3, to);
    sqlite3_bind_int(st, 4, CHUNK_POINTS);
    g_autoptr(GArray) starts = g_array_new(FALSE, FALSE, sizeof(int64_t));
    bool ok = true;
    while (ok && sqlite3_step(st) == SQLITE_ROW) {
        int64_t start = sqlite3_column_int64(st, 0);
        g_array_append_val(starts, start);
        ok = chunk_unpack(sqlite3_column_blob(st, 1), (size_t)sqlite3_column_bytes(st, 1), points) ||
             bad_chunk(sid, e);
    }
    sqlite3_reset(st);
    for (guint i = 0; ok && i < starts->len; i++) {
        int64_t start = g_array_index(starts, int64_t, i);
        if (i == 0 && start <= from) {
            continue; /* the first chunk that is put has the same key */
        }
        sqlite3_bind_int64(h->chunk_drop, 1, sid);
        sqlite3_bind_int64(h->chunk_drop, 2, start);
        ok = run(h, h->chunk_drop, e);
    }
    return ok;
}

/* Two ascending lists into one; of equal times the newer list's point stands. The result borrows the texts.
 */
static GArray *merge_points(const GArray *older, const GArray *newer)
{
    GArray *out = g_array_sized_new(FALSE, FALSE, sizeof(struct point), older->len + newer->len);
    guint i = 0;
    guint j = 0;
    while (i < older->len || j < newer->len) {
        const struct point *a = i < older->len ? &g_array_index(older, struct point, i) : NULL;
        const struct point *b = j < newer->len ? &g_array_index(newer, struct point, j) : NULL;
        bool take_new = a == NULL || (b != NULL && b->at <= a->at);
        g_array_append_vals(out, take_new ? b : a, 1);
        i += take_new ? (a != NULL && a->at == b->at) : 1;
        j += take_new;
    }
    return out;
}

static bool flush_series(struct history *h, const char *entity, struct series *s, struct error *e)
{
    if (s->unsaved && !put_series(h, entity, s, e)) {
        return false;
    }
    if (s->open->len == 0) {
        return true;
    }
    g_autoptr(GArray) old = point_array();
    instant from = g_array_index(s->open, struct point, 0).at;
    instant to = g_array_index(s->open, struct point, s->open->len - 1).at;
    if (!take_chunks(h, s->sid, from, to, old, e)) {
        return false;
    }
    g_autoptr(GArray) all = merge_points(old, s->open);
    for (guint i = 0; i < all->len; i += CHUNK_POINTS) {
        int n = (int)MIN(all->len - i, CHUNK_POINTS);
        if (!put_chunk(h, s->sid, &g_array_index(all, struct point, i), n, e)) {
            return false;
        }
    }
    return true;
}

/* A series that is to be flushed, with the id of its entity. */
struct flushed {
    const char *entity;
    struct series *series;
};

static int by_sid(const void *a, const void *b)
{
    int64_t x = ((const struct flushed *)a)->series->sid;
    int64_t y = ((const struct flushed *)b)->series->sid;
    return (x > y) - (x < y);
}

/* All series in memory in the order of their rows, so that each page of the table is written once. */
static GArray *series_by_row(struct history *h)
{
    GArray *list = g_array_new(FALSE, FALSE, sizeof(struct flushed));
    GHashTableIter i;
    void *id;
    void *all;
    g_hash_table_iter_init(&i, h->entities);
    while (g_hash_table_iter_next(&i, &id, &all)) {
        const GPtrArray *series = all;
        for (guint n = 0; n < series->len; n++) {
            struct flushed one = {id, series->pdata[n]};
            g_array_append_val(list, one);
        }
    }
    g_array_sort(list, by_sid);
    return list;
}

static bool write_all(struct history *h, struct error *e)
{
    g_autoptr(GArray) list = series_by_row(h);
    for (guint i = 0; i < list->len; i++) {
        const struct flushed *one = &g_array_index(list, struct flushed, i);
        if (!flush_series(h, one->entity, one->series, e)) {
            return false;
        }
    }
    sqlite3_bind_int64(h->cursor_put, 1, (int64_t)h->seen);
    return run(h, h->cursor_put, e);
}

/* Writes everything open; the buffers are emptied only when it is on disk. */
static bool flush(struct history *h, struct error *e)
{
    if (h->seen == h->stored) {
        return true;
    }
    if (!sqlite_script(h->db, "BEGIN IMMEDIATE", e)) {
        return false;
    }
    if (!write_all(h, e) || !sqlite_script(h->db, "COMMIT", e)) {
        sqlite3_exec(h->db, "ROLLBACK", NULL, NULL, NULL);
        return false;
    }
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&h->lock);
    g_hash_table_remove_all(h->entities);
    g_string_chunk_clear(h->names);
    h->open_points = 0;
    h->oldest_open = 0;
    h->stored = h->seen;
    return true;
}

static bool flush_due(const struct history *h)
{
    return h->open_points >= FLUSH_POINTS ||
           (h->oldest_open != 0 && g_get_monotonic_time() - h->oldest_open > FLUSH_SECONDS * G_USEC_PER_SEC);
}

/* ---- the thread ---- */

static void take_batch(struct history *h, const struct log_batch *b)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&h->lock);
    for (int i = 0; i < b->count; i++) {
        if (b->first + (uint64_t)i > h->seen) {
            take_record(h, b->records[i]);
        }
    }
    h->seen = b->first + (uint64_t)b->count - 1;
    if (h->oldest_open == 0 && h->open_points > 0) {
        h->oldest_open = g_get_monotonic_time();
    }
    g_cond_broadcast(&h->moved);
}

static bool run_command(struct history *h, struct command *c, struct error *e)
{
    if (!flush(h, e)) {
        return false;
    }
    static const char *const condition = "entity = ?1 AND (?2 IS NULL OR (attribute = ?2 AND dataset = ?3))";
    g_autofree char *chunks =
        g_strdup_printf("DELETE FROM chunk WHERE sid IN (SELECT sid FROM series WHERE %s)", condition);
    g_autofree char *series = g_strdup_printf("DELETE FROM series WHERE %s", condition);
    const char *const statements[] = {chunks, series};
    for (size_t i = 0; i < G_N_ELEMENTS(statements); i++) {
        sqlite3_stmt *st = prepare(h->db, statements[i]);
        sqlite3_bind_text(st, 1, c->entity, -1, SQLITE_STATIC);
        sqlite3_bind_text(st, 2, c->attribute, -1, SQLITE_STATIC);
        sqlite3_bind_text(st, 3, c->dataset != NULL ? c->dataset : "", -1, SQLITE_STATIC);
        bool ok = run(h, st, e);
        sqlite3_finalize(st);
        if (!ok) {
            return false;
        }
    }
    return true;
}

static void answer_command(struct history *h)
{
    g_mutex_lock(&h->lock);
    struct command *c = h->command;
    g_mutex_unlock(&h->lock);
    if (c == NULL) {
        return;
    }
    bool ok = run_command(h, c, &c->failure);
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&h->lock);
    c->ok = ok;
    c->done = true;
    h->command = NULL;
    g_cond_broadcast(&h->moved);
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
        if (b != NULL) {
            take_batch(h, b);
            log_batch_unref(b);
        } else if (e.code != ERROR_NONE) {
            log_failure("history", "cannot read the change log", &e);
            g_usleep(G_USEC_PER_SEC);
        }
        if (flush_due(h) && !flush(h, &e)) {
            log_failure("history", "cannot write chunks, will try again", &e);
            h->oldest_open = g_get_monotonic_time();
            g_usleep(G_USEC_PER_SEC);
        }
        answer_command(h);
        if (b == NULL) {
            store_log_wait(h->store, h->seen, 50);
        }
    }
    struct error e = {0};
    if (!flush(h, &e)) {
        log_failure("history", "cannot write the last chunks; they will be made again from the log", &e);
    }
    return NULL;
}

static int64_t read_number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *st = prepare(db, sql);
    int64_t n = sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    sqlite3_finalize(st);
    return n;
}

static void prepare_all(struct history *h)
{
    h->series_of =
        prepare(h->db, "SELECT sid, attribute, dataset, type, unit, observed FROM series WHERE entity = ?1");
    h->series_put =
        prepare(h->db, "INSERT INTO series(sid, entity, attribute, dataset, type, unit, observed)"
                       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT(sid) DO UPDATE SET"
                       " type = excluded.type, unit = excluded.unit, observed = excluded.observed");
    h->chunk_over =
        prepare(h->db, "SELECT start, body FROM chunk WHERE sid = ?1 AND ((stop >= ?2 AND start <= ?3) OR"
                       " (count < ?4 AND start = (SELECT max(start) FROM chunk WHERE sid = ?1 AND"
                       " start <= ?3))) ORDER BY start");
    h->chunk_put = prepare(
        h->db, "INSERT OR REPLACE INTO chunk(sid, start, stop, count, body) VALUES (?1, ?2, ?3, ?4, ?5)");
    h->chunk_drop = prepare(h->db, "DELETE FROM chunk WHERE sid = ?1 AND start = ?2");
    h->cursor_put = prepare(h->db, "UPDATE cursor SET seq = ?1");
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

/* ---- reading ---- */

/* Waits until all that is durable now has been taken in. */
static void catch_up(struct history *h)
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

static void add_listed(GPtrArray *list, struct arena *a, const char *attribute, const char *dataset,
                       const char *type, const char *unit, bool observed, int64_t points)
{
    struct history_series *s = NULL;
    for (guint i = 0; i < list->len && s == NULL; i++) {
        struct history_series *other = list->pdata[i];
        s = strcmp(other->attribute, attribute) == 0 && strcmp(other->dataset, dataset) == 0 ? other : NULL;
    }
    if (s == NULL) {
        s = arena_new0(a, struct history_series);
        s->attribute = arena_strdup(a, attribute);
        s->dataset = arena_strdup(a, dataset);
        s->type = arena_strdup(a, type);
        s->unit_code = unit != NULL ? arena_strdup(a, unit) : NULL;
        s->observed = observed;
        g_ptr_array_add(list, s);
    }
    s->points += points;
}

static int by_attribute(const void *a, const void *b)
{
    const struct history_series *x = *(struct history_series *const *)a;
    const struct history_series *y = *(struct history_series *const *)b;
    int order = strcmp(x->attribute, y->attribute);
    return order != 0 ? order : strcmp(x->dataset, y->dataset);
}

static void list_open(struct history *h, struct arena *a, const char *entity, GPtrArray *list)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&h->lock);
    const GPtrArray *all = g_hash_table_lookup(h->entities, entity);
    for (guint i = 0; all != NULL && i < all->len; i++) {
        const struct series *s = all->pdata[i];
        add_listed(list, a, s->attribute, s->dataset, s->type, s->unit, s->observed, s->open->len);
    }
}

static void list_stored(struct history *h, struct arena *a, const char *entity, GPtrArray *list)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&h->reader_lock);
    sqlite3_stmt *st =
        prepare(h->reader_db, "SELECT attribute, dataset, type, unit, observed, (SELECT sum(count) FROM"
                              " chunk WHERE chunk.sid = series.sid) FROM series WHERE entity = ?1");
    sqlite3_bind_text(st, 1, entity, -1, SQLITE_STATIC);
    while (sqlite3_step(st) == SQLITE_ROW) {
        add_listed(list, a, column_text(st, 0), column_text(st, 1), column_text(st, 2), column_text(st, 3),
                   sqlite3_column_int(st, 4) != 0, sqlite3_column_int64(st, 5));
    }
    sqlite3_finalize(st);
}

bool store_history_list(struct store *s, struct arena *a, const char *entity, struct history_series **series,
                        int *count, struct error *e)
{
    struct history *h = s->history;
    g_autoptr(GPtrArray) list = g_ptr_array_new();
    catch_up(h);
    list_open(h, a, entity, list);
    list_stored(h, a, entity, list);
    g_ptr_array_sort(list, by_attribute);
    *count = (int)list->len;
    *series = arena_array(a, struct history_series, list->len);
    for (guint i = 0; i < list->len; i++) {
        (*series)[i] = *(struct history_series *)list->pdata[i];
    }
    return true;
}

static GArray *copy_open(struct history *h, const char *entity, const char *attribute, const char *dataset,
                         instant from, instant to)
{
    GArray *out = point_array();
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&h->lock);
    const struct series *s = find_series(g_hash_table_lookup(h->entities, entity), attribute, dataset);
    for (guint i = 0; s != NULL && i < s->open->len; i++) {
        struct point p = g_array_index(s->open, struct point, i);
        if (p.at >= from && p.at < to) {
            p.text = g_strdup(p.text);
            g_array_append_val(out, p);
        }
    }
    return out;
}

/* One question for points, answered chunk by chunk, so that a long history is never in memory as a whole.
 * Between chunks the writer may rewrite them: position says what has been given, and is asked for anew each
 * time. */
struct scan {
    struct history *h;
    int64_t sid; /* 0: no chunk yet */
    GArray *open;
    guint next_open;  /* in the direction of the scan */
    instant from, to; /* what is still to be given: from <= at < to */
    bool descending;
    bool (*each)(void *user, const struct history_point *p);
    void *user;
};

static int64_t stored_sid(struct history *h, const char *entity, const char *attribute, const char *dataset)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&h->reader_lock);
    sqlite3_stmt *st =
        prepare(h->reader_db, "SELECT sid FROM series WHERE entity = ?1 AND attribute = ?2 AND dataset = ?3");
    sqlite3_bind_text(st, 1, entity, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 2, attribute, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 3, dataset, -1, SQLITE_STATIC);
    int64_t sid = sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    sqlite3_finalize(st);
    return sid;
}

/* Reads the one chunk that a query finds, if its stop is not before from; 1 found, 0 none, -1 damaged. */
static int read_one(struct scan *s, const char *sql, instant border, GArray *points, struct error *e)
{
    sqlite3_stmt *st = prepare(s->h->reader_db, sql);
    sqlite3_bind_int64(st, 1, s->sid);
    sqlite3_bind_int64(st, 2, border);
    int found = sqlite3_step(st) == SQLITE_ROW && sqlite3_column_int64(st, 1) >= s->from;
    if (found == 1 &&
        !chunk_unpack(sqlite3_column_blob(st, 0), (size_t)sqlite3_column_bytes(st, 0), points)) {
        bad_chunk(s->sid, e);
        found = -1;
    }
    sqlite3_finalize(st);
    return found;
}

/* The next chunk in the direction of the scan that may hold something of what is still to be given. */
static int read_next(struct scan *s, GArray *points, struct error *e)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&s->h->reader_lock);
    if (s->descending) {
        return read_one(
            s, "SELECT body, stop FROM chunk WHERE sid = ?1 AND start < ?2 ORDER BY start DESC LIMIT 1",
            s->to, points, e);
    }
    int found =
        read_one(s, "SELECT body, stop FROM chunk WHERE sid = ?1 AND start <= ?2 ORDER BY start DESC LIMIT 1",
                 s->from, points, e);
    return found != 0
               ? found
               : read_one(s,
                          "SELECT body, stop FROM chunk WHERE sid = ?1 AND start > ?2 ORDER BY start LIMIT 1",
                          s->from, points, e);
}

static bool give(struct scan *s, const struct point *p)
{
    struct history_point out = {
        .at = p->at, .is_number = p->text == NULL, .number = p->number, .text = p->text};
    return s->each(s->user, &out);
}

static const struct point *nth(const GArray *points, guint n, bool descending)
{
    return n < points->len ? &g_array_index(points, struct point, descending ? points->len - 1 - n : n)
                           : NULL;
}

/* Gives the open points that come before a stored one; *same tells that one stands at the very same time. */
static bool give_open(struct scan *s, const struct point *before, bool *same)
{
    *same = false;
    for (const struct point *o; (o = nth(s->open, s->next_open, s->descending)) != NULL; s->next_open++) {
        if (before != NULL && (s->descending ? o->at < before->at : o->at > before->at)) {
            return true;
        }
        *same = before != NULL && o->at == before->at;
        if (!give(s, o)) {
            return false;
        }
    }
    return true;
}

static bool give_chunk(struct scan *s, const GArray *points)
{
    const struct point *p;
    for (guint i = 0; (p = nth(points, i, s->descending)) != NULL; i++) {
        bool same;
        if (p->at < s->from || p->at >= s->to) {
            continue;
        }
        if (!give_open(s, p, &same) || (!same && !give(s, p))) {
            return false;
        }
    }
    return true;
}

/* Steps over what the chunk has given; false when nothing can follow. */
static bool advance(struct scan *s, const GArray *points)
{
    if (s->descending) {
        s->to = MIN(s->to, g_array_index(points, struct point, 0).at);
    } else {
        s->from = MAX(s->from, g_array_index(points, struct point, points->len - 1).at + 1);
    }
    return s->from < s->to;
}

bool store_history_points(struct store *s, const char *entity, const char *attribute, const char *dataset,
                          instant from, instant to, bool descending,
                          bool (*each)(void *user, const struct history_point *p), void *user,
                          struct error *e)
{
    dataset = dataset != NULL ? dataset : "";
    catch_up(s->history);
    g_autoptr(GArray) open = copy_open(s->history, entity, attribute, dataset, from, to);
    struct scan scan = {.h = s->history,
                        .sid = stored_sid(s->history, entity, attribute, dataset),
                        .open = open,
                        .from = from,
                        .to = to,
                        .descending = descending,
                        .each = each,
                        .user = user};
    bool more = from < to;
    while (more) {
        g_autoptr(GArray) points = point_array();
        int found = read_next(&scan, points, e);
        if (found < 0) {
            return false;
        }
        if (found == 0 || points->len == 0) {
            break;
        }
        if (!give_chunk(&scan, points)) {
            return true;
        }
        more = advance(&scan, points);
    }
    bool same;
    give_open(&scan, NULL, &same);
    return true;
}

static void add_id(GPtrArray *ids, struct arena *a, const char *id)
{
    if (!g_ptr_array_find_with_equal_func(ids, id, g_str_equal, NULL)) {
        g_ptr_array_add(ids, arena_strdup(a, id));
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool store_history_entities(struct store *s, struct arena *a, const char *after, int limit, const char ***ids,
                            int *count, struct error *e)
{
    struct history *h = s->history;
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    catch_up(h);
    g_mutex_lock(&h->lock);
    GHashTableIter i;
    void *id;
    g_hash_table_iter_init(&i, h->entities);
    while (g_hash_table_iter_next(&i, &id, NULL)) {
        if (after == NULL || strcmp(id, after) > 0) {
            g_ptr_array_add(found, arena_strdup(a, id));
        }
    }
    g_mutex_unlock(&h->lock);
    g_ptr_array_sort(found, by_text);
    g_ptr_array_set_size(found, (gint)MIN((int)found->len, limit));
    g_mutex_lock(&h->reader_lock);
    sqlite3_stmt *st = prepare(
        h->reader_db, "SELECT DISTINCT entity FROM series WHERE entity > ?1 ORDER BY entity LIMIT ?2");
    sqlite3_bind_text(st, 1, after != NULL ? after : "", -1, SQLITE_STATIC);
    sqlite3_bind_int(st, 2, limit);
    while (sqlite3_step(st) == SQLITE_ROW) {
        add_id(found, a, column_text(st, 0));
    }
    sqlite3_finalize(st);
    g_mutex_unlock(&h->reader_lock);
    g_ptr_array_sort(found, by_text);
    *count = MIN((int)found->len, limit);
    *ids = arena_array(a, const char *, *count);
    for (int n = 0; n < *count; n++) {
        (*ids)[n] = found->pdata[n];
    }
    return true;
}

bool store_history_delete(struct store *s, const char *entity, const char *attribute, const char *dataset,
                          struct error *e)
{
    struct history *h = s->history;
    struct command c = {.entity = entity, .attribute = attribute, .dataset = dataset};
    catch_up(h);
    g_mutex_lock(&h->lock);
    while (h->command != NULL) {
        g_cond_wait(&h->moved, &h->lock);
    }
    h->command = &c;
    while (!c.done) {
        g_cond_wait(&h->moved, &h->lock);
    }
    g_mutex_unlock(&h->lock);
    if (!c.ok && e != NULL) {
        *e = c.failure;
    }
    return c.ok;
}
