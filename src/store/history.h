/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the history share; nobody outside includes this. */
#pragma once

#include "store/private.h"

struct series {
    int64_t sid;
    const char *attribute, *dataset, *type, *unit; /* in history.names */
    bool observed;
    bool unsaved; /* its row is not in the table yet, or has changed */
    GArray *open; /* of struct point, ascending distinct times */
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
    sqlite3_stmt *series_of, *series_put, *chunk_over, *chunk_put, *chunk_drop, *cursor_put;
};

/* ---- history.c ---- */
sqlite3_stmt *history_prepare(sqlite3 *db, const char *sql);
/* Runs a statement of the thread's that returns no row. */
bool history_run(struct history *h, sqlite3_stmt *st, struct error *e);
const char *column_text(sqlite3_stmt *st, int column);
bool bad_chunk(int64_t sid, struct error *e);
/* Waits until all that is durable now has been taken in. */
void history_catch_up(struct history *h);

/* ---- history_intake.c: records become open points ---- */
GArray *point_array(void);
void series_free(void *series);
struct series *find_series(const GPtrArray *all, const char *attribute, const char *dataset);
/* Takes in the attributes of one record. The lock is held. */
void history_take(struct history *h, const struct json *record);

/* ---- history_flush.c: open points become chunks ---- */
/* Writes everything open with the cursor; the buffers are emptied only when it is on disk. */
bool history_flush(struct history *h, struct error *e);
/* Takes the chunks that overlap [from, to], and the last one before to when it is not full, out of the table
 * into points. */
bool history_take_chunks(struct history *h, int64_t sid, instant from, instant to, GArray *points,
                         struct error *e);
bool history_put_chunks(struct history *h, int64_t sid, const GArray *points, struct error *e);

/* ---- history_change.c: corrections ---- */
/* Is this a record that takes points away? */
bool is_history_drop(const struct json *record);
/* Takes away what the record names; all points before it are in chunks. */
bool history_drop(struct history *h, const struct json *record, struct error *e);
