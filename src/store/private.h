/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the store share; nobody outside includes this. */
#pragma once

#include <sqlite3.h>

#include "base/counters.h"
#include "store/store.h"

/* Every statement on hub.db, prepared once for each connection. */
enum statement {
    ENTITY_GET,
    ENTITY_FIND,
    ENTITY_INSERT,
    ENTITY_UPDATE,
    ENTITY_DELETE,
    TYPE_PUT,
    TYPE_CLEAR,
    SCOPE_PUT,
    SCOPE_CLEAR,
    BOX_PUT,
    BOX_CLEAR,
    ENTITY_NEWEST,
    FETCH_ENTITY,
    FIND_BOX,
    FIND_SCOPE,
    WALK_ALL,
    WALK_ALL_IDS,
    WALK_TYPE,
    WALK_TYPE_IDS,
    SHAPE_ADD,
    SHAPE_GET,
    SHAPES_OF,
    SHAPE_TYPES,
    INDEXES_LIST,
    INDEX_FIND,
    INDEX_MAKE,
    INDEX_STATE,
    INDEX_GONE,
    VALUE_PUT,
    VALUE_DELETE,
    VALUES_CLEAN,
    EXPIRY_PUT,
    EXPIRY_CLEAR,
    EXPIRY_DUE,
    LOG_PUT,
    LOG_GET,
    LOG_LAST,
    LOG_FIRST,
    LOG_PRUNE,
    CURSOR_GET,
    CURSOR_PUT,
    CURSOR_DELETE,
    CURSOR_LOWEST,
    KV_GET,
    KV_PUT,
    KV_DELETE,
    KV_COUNT,
    BEGIN_READ,
    BEGIN_WRITE,
    COMMIT,
    ROLLBACK,
    SAVEPOINT,
    RELEASE,
    ROLLBACK_TO,
    STATEMENTS
};

/* One connection to hub.db with its statements. */
struct view {
    struct store *store;
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];
    struct view *next; /* in the pool of idle readers */
    gint64 deadline;   /* monotonic time at which a statement is interrupted; 0 = never */
    /* of the writer's: the indexes of attributes that it keeps, read when first needed */
    struct arena *indexes_arena;
    struct store_index_row *indexes; /* NULL = not read yet */
    int indexes_count;
};

struct history;
struct log_tail;
struct writer;

struct store {
    char *dir;
    struct store_options options;
    int lock_fd;
    GMutex pool_lock;
    struct view *idle; /* readers not in use */
    struct writer *writer;
    struct log_tail *tail;
    struct history *history;
};

extern struct counter store_counters[];
enum {
    COUNT_COMMITS,
    COUNT_JOBS,
    COUNT_FAILED_JOBS,
    COUNT_RECORDS,
    COUNT_QUEUE,
    COUNT_POINTS,
    COUNT_CHUNK_ROWS,
    COUNT_DAMAGED,
    COUNT_STORE
};

/* ---- sqlite.c: connections and errors ---- */
sqlite3 *sqlite_open(const char *path, bool read_only, int cache_kib, struct error *e);
/* Sets e from what SQLite says (disk full → ERROR_STORAGE_FULL) and returns false. */
bool sqlite_failed(sqlite3 *db, const char *what, struct error *e);
bool sqlite_script(sqlite3 *db, const char *sql, struct error *e);
/* Brings a database to the newest version of its schema: steps[i] leads from version i to i + 1. */
bool sqlite_migrate(sqlite3 *db, const char *const *steps, int count, struct error *e);
struct view *view_open(struct store *s, bool read_only, int cache_kib, struct error *e);
void view_close(struct view *v);
/* The prepared statement, reset, ready to bind. */
sqlite3_stmt *view_statement(struct view *v, enum statement which);
/* Runs a statement that returns no row. */
bool view_run(struct view *v, sqlite3_stmt *st, const char *what, struct error *e);

/* ---- erase.c: what store_erase moves a directory to before it removes it ---- */
#define STORE_RUBBISH ".removed-"

/* The text of a statement. */
const char *statement_text(enum statement which);
/* sqlite_failed for a query, whose interruption is ERROR_TOO_COMPLEX. */
bool query_failed(struct view *v, int code, struct error *e);

/* ---- plan.c, indexes.c ---- */
enum { VALUE_TEXT_MOST = 256 }; /* bytes of a text in the index of an attribute */
void value_bind(sqlite3_stmt *st, int n, const struct store_value *value);
/* The writer's list of indexes is out of date. */
void indexes_forget(struct view *v);

/* ---- writer.c ---- */
struct writer *writer_start(struct store *s, struct view *v, instant last);
void writer_stop(struct writer *w);

/* ---- log.c: the tail of the log in memory ---- */
struct log_tail *log_tail_new(struct store *s, uint64_t start, uint64_t end);
void log_tail_free(struct log_tail *t);
/* Takes the text of a run of records that is now durable. */
void log_tail_push(struct log_tail *t, uint64_t first, int count, GString *text);
void log_tail_pruned(struct log_tail *t, uint64_t start);
/* Packs a run for the table and back. */
GBytes *log_pack(const GString *text);

/* ---- history.c ---- */
struct history *history_open(struct store *s, struct error *e);
void history_close(struct history *h);
uint64_t history_cursor(struct history *h);

/* ---- chunk.c: points as bytes ---- */
/* One point as the codec and the open buffers hold it. text is owned by the holder. */
struct point {
    instant at;
    double number;
    char *text; /* NULL = a number. Further members follow the value's text behind POINT_MORE, which no JSON
                   text has in it; a number that has some is a text too */
};
enum { POINT_MORE = '\x1f' };
/* Is the point a number after all, and which? */
bool point_number(const struct point *p, double *number);
void point_clear(void *point);
/* An array of struct point that owns their texts. */
GArray *point_array(void);
/* The most points of one chunk, and how hard it is packed: zstd's levels. */
enum { CHUNK_POINTS = 65536 };
enum { CHUNK_PLAIN = 0, CHUNK_QUICK = 3, CHUNK_GOOD = 9, CHUNK_HARD = 19 };
/* Appends the packed form of n points (ascending, distinct times). */
void chunk_pack(GByteArray *out, const struct point *points, int n, int level);
/* Appends the points to the array (of struct point, texts allocated by g_malloc). False, and the array as it
 * was, when the bytes are damaged. */
bool chunk_unpack(const unsigned char *bytes, size_t length, GArray *points);
/* Adds the points of a chunk of decimals that begins at bounds[0] or later to the windows (as
 * store_history_statistics has them). False, and nothing is added, when it is another chunk or damaged. */
bool chunk_scan(const unsigned char *bytes, size_t length, const instant *bounds, int windows,
                struct history_statistics *out);
/* How many points a chunk says it has, without reading them. */
int chunk_count(const unsigned char *bytes, size_t length);

/* Adds one point; adds what others come to. */
void statistics_add(struct history_statistics *s, const struct point *p);
void statistics_merge(struct history_statistics *into, const struct history_statistics *s);

/* Whole numbers of any length, and reading them with the borders watched. */
struct byte_reader {
    const unsigned char *at, *end;
    bool broken;
};
void put_varint(GByteArray *out, uint64_t n);
void put_signed(GByteArray *out, int64_t n);
uint64_t get_varint(struct byte_reader *r);
int64_t get_signed(struct byte_reader *r);
/* The next bytes; NULL and broken when there are not so many. */
const unsigned char *get_bytes(struct byte_reader *r, uint64_t length);
