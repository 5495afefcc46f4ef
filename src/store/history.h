/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the history share; nobody outside includes this.
 *
 * Where a point is: in an open set (memory; also in the log, behind the cursor), then in the tail of its
 * series in the row of its entity, then in a chunk, at last in the figures of its hour or day. What is nearer
 * to the log stands where two places have a point of the same time. */
#pragma once

#include "store/private.h"

/* ---- names: what series are called, each text kept once ---- */

struct series_key {
    const char *attribute, *dataset, *type;
    const char *unit; /* NULL = none */
    bool observed;
};
struct name {
    guint length, hash;
    uint32_t number;
    struct series_key key; /* of a series' name */
    const char *bytes;
};
struct names; /* under the history's lock */
struct names *names_new(void);
void names_free(struct names *n);
/* The number of a name, made when it is new; 0 when there are too many: then it is written out where it is
 * used. */
uint32_t names_number(struct names *n, const char *bytes, guint length);
/* NULL for a number that was never given. */
const struct name *names_get(struct names *n, uint32_t number);
bool names_load(struct names *n, sqlite3 *db, struct error *e);
/* Writes the names that are new since names_saved. */
bool names_write(struct names *n, sqlite3 *db, struct error *e);
void names_saved(struct names *n);
/* A key as bytes, ended by zeros, and back. */
void series_key_bytes(GByteArray *out, const struct series_key *key);
bool series_key_read(struct series_key *key, const char *bytes, guint length);
bool same_series(const struct series_key *a, const char *attribute, const char *dataset);

/* ---- open sets: points in memory ---- */

struct open_record; /* what one record of the log had for an entity */
struct open_entity {
    struct open_entity *next; /* of the same slot */
    struct open_record *newest;
    guint hash;
    char id[];
};
struct open_set {
    struct open_entity **slots;
    guint slot_count, entities;
    GPtrArray *blocks;
    char *free; /* in the last block */
    size_t left, bytes;
    int64_t points;
};
struct open_set *open_set_new(void);
void open_set_free(struct open_set *o); /* NULL is fine */
/* The entity, or NULL; made when it is not there and make is true. */
struct open_entity *open_set_get(struct open_set *o, const char *id, bool make);
/* Takes the bytes of one record (history_intake.c writes them) for an entity. */
void open_set_add(struct open_set *o, struct open_entity *x, const GByteArray *record);
/* Calls each for the records of an entity, the oldest first. */
void open_entity_each(const struct open_entity *x, void (*each)(void *user, struct byte_reader record),
                      void *user);

/* ---- rows: what history.db keeps of an entity ---- */

struct row_series {
    uint32_t name; /* 0: key's bytes stand in the row */
    struct series_key key;
    int64_t sid;    /* number of its chunks and figures; 0 = none yet */
    int64_t stored; /* points in chunks, about */
    bool rolled;    /* has figures of hours or days */
    const unsigned char
        *tail; /* chunks, each with its length before it: a later one stands over an earlier one */
    size_t tail_length;
    GByteArray *new_tail; /* in place of tail; NULL = unchanged */
    GArray *fresh;        /* open points on their way into the tail, their texts borrowed; or NULL */
};
struct row {
    uint32_t types; /* the number of the name that lists the entity's types; 0 = not known */
    GArray *series; /* of struct row_series */
    GBytes *bytes;  /* what the series point into */
};
void row_init(struct row *row);
void row_clear(struct row *row);
/* Takes bytes over. The lock is held, for the names. */
bool row_read(struct row *row, struct names *names, GBytes *bytes);
void row_write(const struct row *row, GByteArray *out);
struct row_series *row_find(const struct row *row, const char *attribute, const char *dataset);
/* Appends the points of a tail to points (sorted, each time once). False when it is damaged; what could be
 * read is there. */
bool tail_read(const struct row_series *s, GArray *points);
int tail_count(const struct row_series *s);
/* Appends a chunk of points to the tail. */
void tail_add(struct row_series *s, const struct point *points, int n);
/* The tail becomes these points; none empties it. */
void tail_set(struct row_series *s, const GArray *points);

/* Puts p at its place in ascending points; one of the same time is replaced, and its text freed when owned.
 */
void points_insert(GArray *points, struct point p, bool owned);
/* Two ascending lists into one that borrows the texts; of equal times the newer list's point stands. */
GArray *points_merge(const GArray *older, const GArray *newer);

/* ---- history.c: the thread ---- */

struct reader;
struct history {
    struct store *store;
    char *path;
    GMutex lock; /* over what follows, up to the next empty line */
    GCond moved;
    struct names *names;
    struct open_set *open;   /* takes in */
    struct open_set *frozen; /* on its way to the disk; NULL = none */
    uint64_t seen;           /* last record taken in */
    uint64_t stored;         /* last record whose points are all on disk */
    bool stopping;
    GHashTable *policies;            /* type → struct history_policy; NULL = none */
    bool untended;                   /* something was written since the last round began */
    bool compact_wanted, compacting; /* a round that leaves nothing to do */

    GMutex reader_lock; /* over idle */
    struct reader *idle;
    bool outdated; /* read only, and the files are of an older version */

    /* the thread's own */
    GThread *thread;
    sqlite3 *db;
    bool writing;         /* a transaction is open */
    int written;          /* rows in it */
    GPtrArray *order;     /* the entities of frozen, by id */
    guint next, safe;     /* the first of order that is not written, not committed */
    uint64_t cursor;      /* as on disk */
    uint64_t frozen_seen; /* what the cursor becomes when frozen is written */
    uint64_t ahead;       /* the files may have points of records up to this, which is after the cursor */
    gint64 oldest_open;   /* monotonic time of the first point in open; 0 = none */
    int64_t next_sid;
    char *tended; /* the last id of the round that goes on; NULL = none goes on */
    gint64 round_seconds, next_round, last_step;
    GByteArray *scratch;
    sqlite3_stmt *row_get, *row_put, *row_drop, *chunk_list, *chunk_get, *chunk_put, *chunk_drop, *chunk_next,
        *cursor_put;
};

sqlite3_stmt *history_prepare(sqlite3 *db, const char *sql);
/* Runs a statement of the thread's that returns no row. */
bool history_run(struct history *h, sqlite3_stmt *st, struct error *e);
const char *column_text(sqlite3_stmt *st, int column);
GBytes *column_bytes(sqlite3_stmt *st, int column);
/* Waits until all that is durable now has been taken in. */
void history_catch_up(struct history *h);
/* Opens the thread's transaction unless it is open; ends it. A failed end undoes all since the last one. */
bool history_begin(struct history *h, struct error *e);
bool history_commit(struct history *h, struct error *e);
void history_undo(struct history *h);

/* ---- history_intake.c ---- */

/* Takes in the attributes of one record. The lock is held. */
void history_take(struct history *h, const struct json *record);
/* The points of open records: calls each(user, name number or 0, key, point) where the text of the point is
 * borrowed. The lock is held. */
struct open_point {
    uint32_t name;
    const struct series_key *key;
    struct point point;
};
void open_points(struct names *names, const struct open_entity *x,
                 void (*each)(void *user, const struct open_point *p), void *user);
/* The types of the newest record that told them; 0 = none did. */
uint32_t open_types(const struct open_entity *x);

/* ---- history_flush.c ---- */

/* Begins to write what is open; what comes from now on goes into a new set. */
void history_freeze(struct history *h);
/* Writes some of the frozen entities; with the last of them the cursor moves. */
bool history_flush_some(struct history *h, struct error *e);
/* Writes everything. */
bool history_flush(struct history *h, struct error *e);
/* The row of an entity with what is frozen of it; the caller clears it, also on a failure. */
bool history_row(struct history *h, const char *id, struct row *row, struct error *e);
/* Adds open points of the entity to the tails. */
void history_row_add(struct history *h, const struct open_entity *x, struct row *row);
/* Writes it, shortened where it is too long; a row without series goes. */
bool history_row_put(struct history *h, const char *id, struct row *row, struct error *e);
/* The tail becomes chunks. */
bool history_spill(struct history *h, struct row_series *s, struct error *e);

/* ---- history_chunks.c ---- */

struct chunk_place {
    instant start, stop;
    int count;
    bool hard; /* packed as hard as it goes */
};
/* Writes points of a series into its chunks; those that fall into chunks of old are merged with them. */
bool chunks_add(struct history *h, int64_t sid, const GArray *points, struct error *e);
/* Takes points out: those with from <= at < to; adds what it took away to *taken. */
bool chunks_remove(struct history *h, int64_t sid, instant from, instant to, int64_t *taken, struct error *e);
/* Merges the newest small chunks when there are many of them. */
bool chunks_tidy(struct history *h, int64_t sid, struct error *e);
/* All chunks of a series, ascending; array of struct chunk_place. */
GArray *chunks_list(struct history *h, int64_t sid);
/* Reads one chunk; false when it is damaged, which is said in the log. */
bool chunk_read(struct history *h, int64_t sid, instant start, GArray *points);
/* Makes few chunks of count neighbours; level 0 = by their size. One that is damaged leaves all as they are.
 */
bool chunks_join(struct history *h, int64_t sid, const struct chunk_place *first, int count, int level,
                 struct error *e);
void chunk_is_damaged(int64_t sid, instant start);
/* The start of the first chunk; INT64_MAX when there is none. */
instant chunks_first(struct history *h, int64_t sid);
/* Has it neither points nor figures? */
bool series_is_empty(struct history *h, const struct row_series *s);

/* ---- history_statistics.c ---- */

/* The column "statistics" of a chunk. */
void statistics_pack(GByteArray *out, const struct point *points, int n, bool hard);
bool statistics_read(const unsigned char *bytes, int length, struct history_statistics *s);
bool statistics_is_hard(const unsigned char *bytes, int length);

/* ---- history_figures.c ---- */

enum { FIGURES_HOUR, FIGURES_DAY };
struct period {
    instant start;
    struct history_statistics s;
};
instant period_start(int level, instant at);
instant period_end(int level, instant start);
/* Adds to the period that holds a time; periods are ascending. */
void periods_add(GArray *periods, int level, const struct history_statistics *s, instant at);
void periods_add_points(GArray *periods, int level, const GArray *points);
void figures_pack(GByteArray *out, const struct period *periods, int n);
bool figures_unpack(const unsigned char *bytes, size_t length, GArray *periods);
/* Calls each for the stored periods with from <= start < to, ascending; false when there are none. */
bool figures_each(sqlite3 *db, int64_t sid, int level, instant from, instant to,
                  void (*each)(void *user, const struct period *p), void *user);
/* Adds figures to those that are stored; those of the same period are merged. */
bool figures_add(struct history *h, int64_t sid, int level, const GArray *periods, struct error *e);
/* Removes the periods with from <= start < to. */
bool figures_remove(struct history *h, int64_t sid, int level, instant from, instant to, struct error *e);
bool figures_any(struct history *h, int64_t sid);

/* ---- history_keep.c ---- */

/* Applies the policy of the entity's types to its row and what belongs to it. */
bool history_keep(struct history *h, struct row *row, instant now, bool *changed, struct error *e);

/* ---- history_tend.c ---- */

/* One step of the work in the background, when one is due; *more tells that another may follow at once. */
bool history_tend(struct history *h, bool idle, bool *more, struct error *e);

/* ---- history_change.c ---- */

/* Is this a record that takes points away? */
bool is_history_drop(const struct json *record);
/* Takes away what the record names, open or stored. */
bool history_drop(struct history *h, const struct json *record, struct error *e);

/* ---- history_read.c ---- */

/* A connection to read with, from a pool. NULL with e set when there is none. */
struct reader {
    struct history *h;
    sqlite3 *db;
    sqlite3_stmt *row, *before, *after;
    struct reader *next;
};
struct reader *reader_take(struct history *h, struct error *e);
void reader_give(struct reader *r);
void readers_close(struct history *h);
/* The row of an entity, empty when it has none. False on a failure. */
bool reader_row(struct reader *r, const char *id, struct row *row, struct error *e);
/* The points of a series that are not in chunks, from <= at < to: those of the tail and the open ones. */
struct near {
    GArray *points;
    guint next; /* for who takes them one after the other */
    int64_t sid;
    bool rolled;
};
bool near_read(struct near *near, struct reader *r, const char *entity, const char *attribute,
               const char *dataset, instant from, instant to, struct error *e);
/* A chunk's row, until the next is asked for or the reader given back. */
struct chunk_row {
    instant start, stop;
    int count;
    const unsigned char *statistics;
    int statistics_length;
    sqlite3_stmt *row;
};
/* The last chunk that begins at until or before and does not end before from. */
bool chunk_row_before(struct reader *r, int64_t sid, instant until, instant from, struct chunk_row *c);
/* The first chunk that has something at from or later, and begins before to. */
bool chunk_row_from(struct reader *r, int64_t sid, instant from, instant to, struct chunk_row *c);
const unsigned char *chunk_row_body(const struct chunk_row *c, size_t *length);

/* ---- history_migrate.c ---- */

/* From the first form of the files, where that is what is there. */
bool history_migrate_rows(struct history *h, struct error *e);
