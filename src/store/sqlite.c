/* SPDX-License-Identifier: Apache-2.0 */
/* Connections to SQLite: opening, schema, statements, errors. */
#include <string.h>

#include "store/private.h"

enum { PROGRESS_STEPS = 4000 }; /* of SQLite's machine, between two looks at the clock */

static const char *const sql[STATEMENTS] = {
    [ENTITY_GET] = "SELECT eid, body FROM entity WHERE id = ?1",
    [ENTITY_INSERT] = "INSERT INTO entity(id, body) VALUES (?1, ?2)",
    [ENTITY_UPDATE] = "UPDATE entity SET body = ?2 WHERE eid = ?1",
    [ENTITY_DELETE] = "DELETE FROM entity WHERE eid = ?1",
    [TYPE_PUT] = "INSERT OR IGNORE INTO entity_type(type, eid) VALUES (?1, ?2)",
    [TYPE_CLEAR] = "DELETE FROM entity_type WHERE eid = ?1",
    [SCOPE_PUT] = "INSERT OR IGNORE INTO entity_scope(scope, eid) VALUES (?1, ?2)",
    [SCOPE_CLEAR] = "DELETE FROM entity_scope WHERE eid = ?1",
    [BOX_PUT] = "INSERT OR REPLACE INTO entity_box(eid, x0, x1, y0, y1) VALUES (?1, ?2, ?3, ?4, ?5)",
    [BOX_CLEAR] = "DELETE FROM entity_box WHERE eid = ?1",
    [ENTITY_FIND] = "SELECT eid FROM entity WHERE id = ?1",
    [ENTITY_NEWEST] = "SELECT max(eid) FROM entity",
    [FETCH_ENTITY] = "SELECT eid, id, body FROM entity WHERE eid = ?1",
    [FIND_BOX] = "SELECT eid FROM entity_box WHERE x1 >= ?1 AND y1 >= ?2 AND x0 <= ?3 AND y0 <= ?4",
    [FIND_SCOPE] = "SELECT eid FROM entity_scope WHERE scope = ?1 OR (scope > ?2 AND scope < ?3)",
    [WALK_ALL] = "SELECT eid, id, body FROM entity WHERE eid > ?1 ORDER BY eid",
    [WALK_ALL_IDS] = "SELECT eid FROM entity WHERE eid > ?1 ORDER BY eid",
    [WALK_TYPE] = "SELECT e.eid, e.id, e.body FROM entity_type t CROSS JOIN entity e ON e.eid = t.eid "
                  "WHERE t.type = ?2 AND t.eid > ?1 ORDER BY t.eid",
    [WALK_TYPE_IDS] = "SELECT eid FROM entity_type WHERE type = ?2 AND eid > ?1 ORDER BY eid",
    [SHAPE_ADD] = "INSERT INTO shape(type, attribute, kind, count) VALUES (?1, ?2, ?3, ?4) "
                  "ON CONFLICT(type, attribute, kind) DO UPDATE SET count = count + excluded.count",
    [SHAPE_GET] = "SELECT count FROM shape WHERE type = ?1 AND attribute = ?2 AND kind = ?3",
    [SHAPES_OF] =
        "SELECT attribute, kind, count FROM shape WHERE type = ?1 AND count > 0 ORDER BY attribute, kind",
    [SHAPE_TYPES] = "SELECT type, count FROM shape WHERE attribute = ?1 AND kind = '' AND type <> '' AND "
                    "count > 0 ORDER BY type",
    [INDEXES_LIST] =
        "SELECT number, type, attribute, built, state FROM attribute_index ORDER BY type, attribute",
    [INDEX_FIND] = "SELECT number FROM attribute_index WHERE type = ?1 AND attribute = ?2 AND state = ?3",
    [INDEX_MAKE] = "INSERT INTO attribute_index(type, attribute, state, built) VALUES (?1, ?2, 0, 0)",
    [INDEX_STATE] = "UPDATE attribute_index SET state = ?2, built = ?3 WHERE number = ?1",
    [INDEX_GONE] = "DELETE FROM attribute_index WHERE number = ?1",
    [VALUE_PUT] = "INSERT OR IGNORE INTO entity_value(number, value, eid) VALUES (?1, ?2, ?3)",
    [VALUE_DELETE] = "DELETE FROM entity_value WHERE number = ?1 AND value = ?2 AND eid = ?3",
    [VALUES_CLEAN] = "DELETE FROM entity_value WHERE (number, value, eid) IN "
                     "(SELECT number, value, eid FROM entity_value WHERE number = ?1 LIMIT ?2)",
    [EXPIRY_PUT] = "INSERT OR REPLACE INTO entity_expiry(eid, at) VALUES (?1, ?2)",
    [EXPIRY_CLEAR] = "DELETE FROM entity_expiry WHERE eid = ?1",
    [EXPIRY_DUE] = "SELECT e.id FROM entity_expiry x JOIN entity e ON e.eid = x.eid WHERE x.at <= ?1 "
                   "ORDER BY x.at LIMIT ?2",
    [LOG_PUT] = "INSERT INTO log(first, count, body) VALUES (?1, ?2, ?3)",
    [LOG_GET] = "SELECT first, count, body FROM log WHERE first <= ?1 ORDER BY first DESC LIMIT 1",
    [LOG_LAST] = "SELECT first, count, body FROM log ORDER BY first DESC LIMIT 1",
    [LOG_FIRST] = "SELECT first FROM log ORDER BY first LIMIT 1",
    [LOG_PRUNE] = "DELETE FROM log WHERE first < ?1 AND first + count <= ?1",
    [CURSOR_GET] = "SELECT seq FROM cursor WHERE reader = ?1",
    [CURSOR_PUT] = "INSERT INTO cursor(reader, seq) VALUES (?1, ?2) "
                   "ON CONFLICT(reader) DO UPDATE SET seq = excluded.seq",
    [CURSOR_DELETE] = "DELETE FROM cursor WHERE reader = ?1",
    [CURSOR_LOWEST] = "SELECT min(seq) FROM cursor",
    [KV_GET] = "SELECT value FROM kv WHERE space = ?1 AND key = ?2",
    [KV_PUT] = "INSERT INTO kv(space, key, value) VALUES (?1, ?2, ?3) "
               "ON CONFLICT(space, key) DO UPDATE SET value = excluded.value",
    [KV_DELETE] = "DELETE FROM kv WHERE space = ?1 AND key = ?2",
    [KV_COUNT] = "SELECT count(*) FROM kv WHERE space = ?1",
    [BEGIN_READ] = "BEGIN",
    [BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [SAVEPOINT] = "SAVEPOINT job",
    [RELEASE] = "RELEASE job",
    [ROLLBACK_TO] = "ROLLBACK TO job",
};

const char *statement_text(enum statement which)
{
    return sql[which];
}

bool query_failed(struct view *v, int code, struct error *e)
{
    if (code != SQLITE_INTERRUPT) {
        return sqlite_failed(v->db, "a query", e);
    }
    return error_set(
        e, ERROR_TOO_COMPLEX,
        "The query took longer than is allowed and was stopped. Narrow it (type, id, scopeQ, a smaller area, "
        "an attribute that a pack declares as indexed); GET /api/v1/explain with the same parameters says "
        "what it costs",
        "查询超过允许的时间，已停止。请缩小范围（type、id、scopeQ、更小的区域，或应用包声明了索引的属性）；"
        "以相同参数访问 GET /api/v1/explain 可查看其开销");
}

bool sqlite_failed(sqlite3 *db, const char *what, struct error *e)
{
    int code = sqlite3_errcode(db) & 0xff;
    if (code == SQLITE_FULL) {
        return error_set(e, ERROR_STORAGE_FULL,
                         "The disk is full; free some space, nothing of this request was kept",
                         "磁盘已满；请清理空间，本次请求的内容未被保存");
    }
    if (code == SQLITE_IOERR || code == SQLITE_READONLY || code == SQLITE_CANTOPEN) {
        return error_set(e, ERROR_UNAVAILABLE,
                         "The disk cannot be written (%s: %s); nothing of this request was kept",
                         "磁盘无法写入（%s：%s）；本次请求的内容未被保存", what, sqlite3_errmsg(db));
    }
    return error_set(e, ERROR_INTERNAL, "The database failed at %s: %s", "数据库在 %s 时出错：%s", what,
                     sqlite3_errmsg(db));
}

bool sqlite_script(sqlite3 *db, const char *script, struct error *e)
{
    return sqlite3_exec(db, script, NULL, NULL, NULL) == SQLITE_OK || sqlite_failed(db, "a statement", e);
}

sqlite3 *sqlite_open(const char *path, bool read_only, int cache_kib, struct error *e)
{
    sqlite3 *db = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (read_only ? 0 : SQLITE_OPEN_CREATE);
    if (sqlite3_open_v2(path, &db, flags, NULL) != SQLITE_OK) {
        error_set(e, ERROR_UNAVAILABLE, "Cannot open %s: %s", "无法打开 %s：%s", path,
                  db != NULL ? sqlite3_errmsg(db) : "out of memory");
        sqlite3_close(db);
        return NULL;
    }
    sqlite3_busy_timeout(db, 10000);
    g_autofree char *pragmas =
        g_strdup_printf("PRAGMA cache_size=-%d;%s", cache_kib,
                        read_only ? "PRAGMA query_only=1;"
                                  : "PRAGMA page_size=4096;PRAGMA journal_mode=WAL;"
                                    "PRAGMA synchronous=FULL;PRAGMA wal_autocheckpoint=16384;"
                                    "PRAGMA journal_size_limit=67108864;");
    if (!sqlite_script(db, pragmas, e)) {
        error_prefix(e, "%s", path);
        sqlite3_close(db);
        return NULL;
    }
    return db;
}

static int user_version(sqlite3 *db)
{
    sqlite3_stmt *st = NULL;
    int version = -1;
    if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &st, NULL) == SQLITE_OK &&
        sqlite3_step(st) == SQLITE_ROW) {
        version = sqlite3_column_int(st, 0);
    }
    sqlite3_finalize(st);
    return version;
}

bool sqlite_migrate(sqlite3 *db, const char *const *steps, int count, struct error *e)
{
    int version = user_version(db);
    if (version > count) {
        return error_set(
            e, ERROR_UNAVAILABLE,
            "The data directory was written by a newer version (schema %d, known %d); run that version",
            "数据目录由更新的版本写入（结构版本 %d，本程序支持 %d）；请使用新版本程序", version, count);
    }
    for (int i = MAX(version, 0); i < count; i++) {
        g_autofree char *step =
            g_strdup_printf("BEGIN IMMEDIATE;%s;PRAGMA user_version=%d;COMMIT;", steps[i], i + 1);
        if (!sqlite_script(db, step, e)) {
            sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
            return false;
        }
    }
    return true;
}

/* SQLite asks now and then whether to go on. */
static int is_over(void *data)
{
    const struct view *v = data;
    return v->deadline > 0 && g_get_monotonic_time() > v->deadline;
}

struct view *view_open(struct store *s, bool read_only, int cache_kib, struct error *e)
{
    g_autofree char *path = g_build_filename(s->dir, "hub.db", NULL);
    sqlite3 *db = sqlite_open(path, read_only, cache_kib, e);
    if (db == NULL) {
        return NULL;
    }
    struct view *v = g_new0(struct view, 1);
    v->store = s;
    v->db = db;
    sqlite3_progress_handler(db, PROGRESS_STEPS, is_over, v);
    return v;
}

void view_close(struct view *v)
{
    if (v == NULL) {
        return;
    }
    for (int i = 0; i < STATEMENTS; i++) {
        sqlite3_finalize(v->statements[i]);
    }
    sqlite3_close(v->db);
    arena_free(v->indexes_arena);
    g_free(v);
}

sqlite3_stmt *view_statement(struct view *v, enum statement which)
{
    if (v->statements[which] == NULL && sqlite3_prepare_v3(v->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT,
                                                           &v->statements[which], NULL) != SQLITE_OK) {
        g_error("cannot prepare \"%s\": %s", sql[which], sqlite3_errmsg(v->db));
    }
    sqlite3_reset(v->statements[which]);
    return v->statements[which];
}

bool view_run(struct view *v, sqlite3_stmt *st, const char *what, struct error *e)
{
    int code = sqlite3_step(st);
    if (code != SQLITE_DONE && code != SQLITE_ROW) {
        sqlite_failed(v->db, what, e);
        sqlite3_reset(st);
        return false;
    }
    sqlite3_reset(st);
    return true;
}
