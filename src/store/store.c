/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing a data directory, its schema, and the pool of readers. */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/private.h"

enum { CACHE_KIB = 65536, LOG_KEEP = 1000000 };

struct counter store_counters[] = {
    [COUNT_COMMITS] = {"zhongshu_store_commits_total", COUNTER_COUNTER, "Group commits", "成组提交次数"},
    [COUNT_JOBS] = {"zhongshu_store_jobs_total", COUNTER_COUNTER, "Write jobs committed", "已提交的写入任务"},
    [COUNT_FAILED_JOBS] = {"zhongshu_store_jobs_failed_total", COUNTER_COUNTER, "Write jobs undone",
                           "被撤销的写入任务"},
    [COUNT_RECORDS] = {"zhongshu_store_log_records_total", COUNTER_COUNTER, "Change records written",
                       "变更记录数"},
    [COUNT_QUEUE] = {"zhongshu_store_queue", COUNTER_GAUGE, "Write jobs waiting", "等待中的写入任务"},
    [COUNT_POINTS] = {"zhongshu_history_points_total", COUNTER_COUNTER, "Points taken into the history",
                      "进入历史的数据点"},
    [COUNT_CHUNK_ROWS] = {"zhongshu_history_chunks_total", COUNTER_COUNTER, "Chunks of history written",
                          "写入的历史数据块"},
    [COUNT_DAMAGED] = {"zhongshu_history_damaged_total", COUNTER_COUNTER,
                       "Damaged chunks of history met while reading", "读取时发现的损坏历史数据块"},
};

static const char schema_entities[] =
    "CREATE TABLE entity(eid INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, body BLOB NOT NULL);"
    "CREATE TABLE entity_type(type TEXT NOT NULL, eid INTEGER NOT NULL, PRIMARY KEY(type, eid)) WITHOUT "
    "ROWID;"
    "CREATE INDEX entity_type_eid ON entity_type(eid);"
    "CREATE TABLE entity_scope(scope TEXT NOT NULL, eid INTEGER NOT NULL, PRIMARY KEY(scope, eid)) WITHOUT "
    "ROWID;"
    "CREATE INDEX entity_scope_eid ON entity_scope(eid);"
    "CREATE VIRTUAL TABLE entity_box USING rtree(eid, x0, x1, y0, y1);"
    "CREATE TABLE log(first INTEGER PRIMARY KEY, count INTEGER NOT NULL, body BLOB NOT NULL);"
    "CREATE TABLE cursor(reader TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE kv(space TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY(space, key))"
    " WITHOUT ROWID";

/* Counts, and indexes of attributes. Entities that are there already are counted from their bodies. */
static const char schema_counts[] =
    "CREATE TABLE shape(type TEXT NOT NULL, attribute TEXT NOT NULL, kind TEXT NOT NULL, count INTEGER NOT "
    "NULL,"
    " PRIMARY KEY(type, attribute, kind)) WITHOUT ROWID;"
    "CREATE INDEX shape_attribute ON shape(attribute, kind, type);"
    "CREATE TABLE attribute_index(number INTEGER PRIMARY KEY AUTOINCREMENT, type TEXT NOT NULL, attribute "
    "TEXT NOT "
    "NULL, state INTEGER NOT NULL, built INTEGER NOT NULL);"
    "CREATE TABLE entity_value(number INTEGER NOT NULL, value NOT NULL, eid INTEGER NOT NULL,"
    " PRIMARY KEY(number, value, eid)) WITHOUT ROWID;"
    "INSERT INTO shape SELECT type, '', '', count(*) FROM entity_type GROUP BY type;"
    "INSERT INTO shape SELECT '', '', '', count(*) FROM entity;"
    "WITH member AS (SELECT e.eid, j.key AS attribute, j.value, j.type AS json FROM entity e,"
    " json_each(CAST(e.body AS TEXT)) j WHERE j.key NOT IN ('id', 'type', 'scope', 'createdAt', "
    "'modifiedAt')),"
    " one AS (SELECT eid, attribute, json_extract(value, '$.type') AS kind FROM member WHERE json = 'object'"
    " UNION SELECT m.eid, m.attribute, json_extract(i.value, '$.type') FROM member m, json_each(m.value) i"
    " WHERE m.json = 'array'),"
    " every AS (SELECT eid, attribute, kind FROM one WHERE kind IS NOT NULL UNION SELECT eid, attribute, '' "
    "FROM one),"
    " typed AS (SELECT eid, type FROM entity_type UNION ALL SELECT eid, '' FROM entity)"
    " INSERT INTO shape SELECT type, attribute, kind, count(*) FROM every JOIN typed USING (eid)"
    " GROUP BY type, attribute, kind";

/* Transient entities. */
static const char schema_expiry[] =
    "CREATE TABLE entity_expiry(eid INTEGER PRIMARY KEY, at INTEGER NOT NULL);"
    "CREATE INDEX entity_expiry_at ON entity_expiry(at)";

static const char *const schema[] = {schema_entities, schema_counts, schema_expiry};

static bool take_lock(struct store *s, struct error *e)
{
    g_autofree char *path = g_build_filename(s->dir, "lock", NULL);
    s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (s->lock_fd < 0) {
        return error_set(e, ERROR_UNAVAILABLE, "Cannot write in %s: %s", "无法写入 %s：%s", s->dir,
                         g_strerror(errno));
    }
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        return error_set(e, ERROR_UNAVAILABLE,
                         "The data directory %s is in use by another process; stop it first",
                         "数据目录 %s 正被另一进程使用；请先停止它", s->dir);
    }
    return true;
}

/* The ends of the log and the time of its last record. */
static void read_log_ends(struct view *v, uint64_t *start, uint64_t *end, instant *last)
{
    *start = 1;
    *end = 0;
    *last = 0;
    sqlite3_stmt *st = view_statement(v, LOG_LAST);
    if (sqlite3_step(st) == SQLITE_ROW) {
        *end = (uint64_t)sqlite3_column_int64(st, 0) + (uint64_t)sqlite3_column_int(st, 1) - 1;
    }
    sqlite3_reset(st);
    st = view_statement(v, LOG_FIRST);
    if (sqlite3_step(st) == SQLITE_ROW) {
        *start = (uint64_t)sqlite3_column_int64(st, 0);
    }
    sqlite3_reset(st);
}

static void read_last_time(struct store *s, uint64_t end, instant *last)
{
    struct error e = {0};
    if (end == 0) {
        return;
    }
    struct log_batch *b = store_log_read(s, end - 1, &e);
    if (b != NULL && b->count > 0) {
        *last = json_get_int(b->records[b->count - 1], "at", 0);
    }
    log_batch_unref(b);
}

static bool open_files(struct store *s, struct error *e)
{
    bool read_only = s->options.read_only;
    struct view *v = view_open(s, read_only, s->options.cache_kib, e);
    if (v == NULL) {
        return false;
    }
    if (!read_only && !sqlite_migrate(v->db, schema, G_N_ELEMENTS(schema), e)) {
        view_close(v);
        return false;
    }
    uint64_t start, end;
    instant last;
    read_log_ends(v, &start, &end, &last);
    s->tail = log_tail_new(s, start, end);
    s->history = history_open(s, e);
    if (s->history == NULL) {
        view_close(v);
        return false;
    }
    if (read_only) {
        view_close(v);
        return true;
    }
    read_last_time(s, end, &last);
    s->writer = writer_start(s, v, last);
    return true;
}

struct store *store_open(const char *dir, const struct store_options *options, struct error *e)
{
    counters_register(store_counters, COUNT_STORE);
    struct store *s = g_new0(struct store, 1);
    s->dir = g_strdup(dir);
    s->lock_fd = -1;
    if (options != NULL) {
        s->options = *options;
    }
    if (s->options.cache_kib <= 0) {
        s->options.cache_kib = CACHE_KIB;
    }
    if (s->options.log_keep <= 0) {
        s->options.log_keep = LOG_KEEP;
    }
    g_mutex_init(&s->pool_lock);
    if (!s->options.read_only && g_mkdir_with_parents(dir, 0700) != 0) {
        error_set(e, ERROR_UNAVAILABLE, "Cannot make the data directory %s: %s", "无法创建数据目录 %s：%s",
                  dir, g_strerror(errno));
        store_close(s);
        return NULL;
    }
    if ((!s->options.read_only && !take_lock(s, e)) || !open_files(s, e)) {
        store_close(s);
        return NULL;
    }
    return s;
}

void store_close(struct store *s)
{
    if (s == NULL) {
        return;
    }
    writer_stop(s->writer);
    history_close(s->history);
    log_tail_free(s->tail);
    while (s->idle != NULL) {
        struct view *v = s->idle;
        s->idle = v->next;
        view_close(v);
    }
    g_mutex_clear(&s->pool_lock);
    if (s->lock_fd >= 0) {
        close(s->lock_fd);
    }
    g_free(s->dir);
    g_free(s);
}

const char *store_dir(struct store *s)
{
    return s->dir;
}

static struct view *take_idle(struct store *s)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&s->pool_lock);
    struct view *v = s->idle;
    if (v != NULL) {
        s->idle = v->next;
    }
    return v;
}

struct view *view_begin(struct store *s)
{
    struct view *v = take_idle(s);
    if (v == NULL) {
        struct error e = {0};
        v = view_open(s, true, s->options.cache_kib / 8, &e);
        if (v == NULL) {
            g_error("cannot open a reader: %s", e.en);
        }
    }
    struct error e = {0};
    if (!view_run(v, view_statement(v, BEGIN_READ), "begin", &e)) {
        g_error("cannot begin to read: %s", e.en);
    }
    sqlite3_stmt *st = view_statement(v, LOG_FIRST); /* a first read fixes the snapshot */
    sqlite3_step(st);
    sqlite3_reset(st);
    return v;
}

void view_end(struct view *v)
{
    if (v == NULL) {
        return;
    }
    struct error e = {0};
    view_run(v, view_statement(v, COMMIT), "end", &e);
    struct store *s = v->store;
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&s->pool_lock);
    v->next = s->idle;
    s->idle = v;
}

bool store_is_empty(struct store *s)
{
    view_auto v = view_begin(s);
    sqlite3_stmt *st = NULL;
    bool keys = sqlite3_prepare_v2(v->db, "SELECT 1 FROM kv LIMIT 1", -1, &st, NULL) != SQLITE_OK ||
                sqlite3_step(st) == SQLITE_ROW;
    sqlite3_finalize(st);
    return !keys && store_log_end(s) == 0;
}

int64_t store_size(struct store *s)
{
    return store_bytes(s->dir);
}

int64_t store_bytes(const char *dir)
{
    static const char *const names[] = {"hub.db", "hub.db-wal", "history.db", "history.db-wal"};
    int64_t total = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(dir, names[i], NULL);
        struct stat st;
        if (stat(path, &st) == 0) {
            total += st.st_size;
        }
    }
    return total;
}
