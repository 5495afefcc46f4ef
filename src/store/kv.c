/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and values, and the cursors of the log's readers. */
#include <string.h>

#include "store/private.h"

static void bind_key(sqlite3_stmt *st, const char *space, const void *key, size_t key_length)
{
    sqlite3_bind_text(st, 1, space, -1, SQLITE_STATIC);
    sqlite3_bind_blob64(st, 2, key_length > 0 ? key : "", key_length, SQLITE_STATIC);
}

bool view_kv_get(struct view *v, struct arena *a, const char *space, const void *key, size_t key_length,
                 const char **value, size_t *value_length)
{
    sqlite3_stmt *st = view_statement(v, KV_GET);
    bind_key(st, space, key, key_length);
    bool found = sqlite3_step(st) == SQLITE_ROW;
    if (found) {
        size_t length = (size_t)sqlite3_column_bytes(st, 0);
        const char *bytes = sqlite3_column_blob(st, 0);
        *value = arena_strndup(a, bytes != NULL ? bytes : "", length);
        if (value_length != NULL) {
            *value_length = length;
        }
    }
    sqlite3_reset(st);
    return found;
}

static sqlite3_stmt *scan_statement(struct view *v, bool descending, bool from_end)
{
    /* A statement of its own each time, so that a callback may scan too. */
    static const char *const sql[] = {
        "SELECT key, value FROM kv WHERE space = ?1 AND key >= ?2 ORDER BY key",
        "SELECT key, value FROM kv WHERE space = ?1 AND key <= ?2 ORDER BY key DESC",
        "SELECT key, value FROM kv WHERE space = ?1 ORDER BY key DESC",
    };
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(v->db, sql[!descending ? 0 : from_end ? 2 : 1], -1, &st, NULL) != SQLITE_OK) {
        g_error("cannot prepare a scan: %s", sqlite3_errmsg(v->db));
    }
    return st;
}

void view_kv_scan(struct view *v, const char *space, const void *start, size_t start_length, bool descending,
                  bool (*each)(void *user, const void *key, size_t key_length, const char *value,
                               size_t value_length),
                  void *user)
{
    bool from_end = descending && start == NULL;
    sqlite3_stmt *st = scan_statement(v, descending, from_end);
    sqlite3_bind_text(st, 1, space, -1, SQLITE_STATIC);
    if (!from_end) {
        sqlite3_bind_blob64(st, 2, start != NULL ? start : "", start_length, SQLITE_STATIC);
    }
    while (sqlite3_step(st) == SQLITE_ROW) {
        const void *key = sqlite3_column_blob(st, 0);
        size_t key_length = (size_t)sqlite3_column_bytes(st, 0);
        const char *value = sqlite3_column_blob(st, 1);
        if (!each(user, key != NULL ? key : "", key_length, value != NULL ? value : "",
                  (size_t)sqlite3_column_bytes(st, 1))) {
            break;
        }
    }
    sqlite3_finalize(st);
}

int64_t view_kv_count(struct view *v, const char *space)
{
    sqlite3_stmt *st = view_statement(v, KV_COUNT);
    sqlite3_bind_text(st, 1, space, -1, SQLITE_STATIC);
    int64_t n = sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    sqlite3_reset(st);
    return n;
}

bool txn_kv_put(struct txn *t, const char *space, const void *key, size_t key_length, const void *value,
                size_t value_length, struct error *e)
{
    struct view *v = txn_view(t);
    sqlite3_stmt *st = view_statement(v, KV_PUT);
    bind_key(st, space, key, key_length);
    sqlite3_bind_blob64(st, 3, value_length > 0 ? value : "", value_length, SQLITE_STATIC);
    return view_run(v, st, "a key", e);
}

bool txn_kv_delete(struct txn *t, const char *space, const void *key, size_t key_length, struct error *e)
{
    struct view *v = txn_view(t);
    sqlite3_stmt *st = view_statement(v, KV_DELETE);
    bind_key(st, space, key, key_length);
    return view_run(v, st, "a key", e);
}

void kv_key_u64(uint64_t n, unsigned char out[8])
{
    for (int i = 7; i >= 0; i--, n >>= 8) {
        out[i] = (unsigned char)n;
    }
}

uint64_t kv_u64_key(const void *key)
{
    const unsigned char *bytes = key;
    uint64_t n = 0;
    for (int i = 0; i < 8; i++) {
        n = n << 8 | bytes[i];
    }
    return n;
}

uint64_t view_cursor(struct view *v, const char *reader)
{
    sqlite3_stmt *st = view_statement(v, CURSOR_GET);
    sqlite3_bind_text(st, 1, reader, -1, SQLITE_STATIC);
    uint64_t seq = sqlite3_step(st) == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(st, 0) : 0;
    sqlite3_reset(st);
    return seq;
}

bool txn_cursor(struct txn *t, const char *reader, uint64_t seq, struct error *e)
{
    struct view *v = txn_view(t);
    sqlite3_stmt *st = view_statement(v, seq == UINT64_MAX ? CURSOR_DELETE : CURSOR_PUT);
    sqlite3_bind_text(st, 1, reader, -1, SQLITE_STATIC);
    if (seq != UINT64_MAX) {
        sqlite3_bind_int64(st, 2, (int64_t)seq);
    }
    return view_run(v, st, "a cursor", e);
}
