/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept on disk: entities, the change log, history, keys and values. The only module that speaks SQL.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/instant.h"
#include "json/json.h"

/* One data directory, opened by one process at a time (a lock file says so). Files: hub.db (entities, log,
 * keys) and history.db (chunks). All functions here are safe to call from any thread unless they say
 * otherwise. */
struct store;

struct store_options {
    bool read_only;      /* for verify and export: no writer, no history reader, no lock */
    int commit_delay_us; /* how long a commit waits for company; 0 = commit what is there */
    int fsync_delay_us;  /* test aid: sleep in each commit as a slow disk would */
    int write_queue;     /* jobs that may wait; 0 = LIMIT_WRITE_QUEUE */
    int cache_kib;       /* memory for pages of the writer; a reader has an eighth; 0 = 64 MiB */
    int64_t log_keep;    /* change records kept for late readers beyond the slowest cursor; 0 = 1,000,000 */
};

struct store *store_open(const char *dir, const struct store_options *options, struct error *e);
/* Waits for the writes submitted so far, then closes. NULL is fine. */
void store_close(struct store *s);

/* ---- a view: one consistent state to read from ---- */

/* A view belongs to one thread at a time. Rows returned live in the arena passed. */
struct view;
/* Takes a reader from the pool, with a snapshot of the last commit. Never fails; view_end gives it back. Keep
 * it short: an open view keeps the write-ahead log from being recycled. */
struct view *view_begin(struct store *s);
void view_end(struct view *v); /* NULL is fine */
typedef struct view view_autoptr_target;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(view_autoptr_target, view_end)
/* `view_auto v = view_begin(s);` gives the view back where the scope ends. */
#define view_auto g_autoptr(view_autoptr_target)

/* ---- writing: jobs, committed in groups ---- */

/* The writer's transaction, valid inside a job's apply. */
struct txn;
/* The state as this transaction sees it, its own earlier writes included. Not to be ended. */
struct view *txn_view(struct txn *t);
/* The moment of the transaction: the same for all jobs of one commit; strictly later than that of earlier
 * commits. */
instant txn_now(struct txn *t);

/* Lets a higher layer keep something for the length of the running job (context's cache of parsed entities):
 * flush is called after apply has returned true and before the job's writes are sealed, release always, last.
 * One per job. */
void txn_attach(struct txn *t, void *data, bool (*flush)(struct txn *t, void *data, struct error *e),
                void (*release)(void *data));
/* What this job attached, or NULL. */
void *txn_attached(struct txn *t);

/* One unit of work for the single writer thread. The caller owns the memory, from store_submit until done. */
struct store_job {
    /* Runs on the writer thread inside the transaction; reads and writes through txn. Returns false and sets
     * e to undo all that this job wrote (other jobs of the group stay). May run only once. Must not block. */
    bool (*apply)(struct store_job *job, struct txn *txn, struct error *e);
    /* Runs on the writer thread when the commit is on disk (e NULL), or when nothing of the job was kept (e
     * says why). The job may be freed in it. */
    void (*done)(struct store_job *job, const struct error *e);
    /* private to store */
    struct store_job *next;
    struct error failure;
    bool failed;
};
/* Queues the job. False with ERROR_TOO_MANY_REQUESTS when options.write_queue jobs wait, ERROR_STORAGE_FULL
 * or ERROR_UNAVAILABLE when the store takes no writes now; done is then not called. */
bool store_submit(struct store *s, struct store_job *job, struct error *e);
/* Submits and waits; true when durable. job->done is not called. Waits for room instead of
 * ERROR_TOO_MANY_REQUESTS. Not from an HTTP handler (suspend the request instead) and not from the writer
 * thread. */
bool store_run(struct store *s, struct store_job *job, struct error *e);

/* False with the reason in e after a write that the disk refused, until one succeeds; reads go on meanwhile.
 */
bool store_takes_writes(struct store *s, struct error *e);

/* ---- entities ---- */

struct store_entity {
    int64_t eid;      /* the row's number; never used again after a delete */
    const char *id;   /* the entity's URI */
    const char *body; /* JSON text in stored form (context/context.h) */
    size_t body_length;
};
/* What the indexes keep of an entity. */
struct store_index {
    const char *const *types; /* short names; at least one */
    int types_count;
    const char *const *scopes;
    int scopes_count;
    const double
        *box;        /* min longitude, min latitude, max longitude, max latitude of "location"; NULL = none */
    instant expires; /* when the first thing in it expires; 0 = never */
};
enum { STORE_TYPES = 1, STORE_SCOPES = 2, STORE_BOX = 4, STORE_EXPIRY = 8, STORE_INDEX_ALL = 15 };

/* False when there is no such entity. */
bool view_entity(struct view *v, struct arena *a, const char *id, struct store_entity *out);
/* Inserts (eid 0) or updates (eid as read); changed names the parts of index that differ from what is stored.
 * On insert *eid gets the new number. */
bool txn_entity_put(struct txn *t, int64_t *eid, const char *id, const char *body, size_t body_length,
                    const struct store_index *index, int changed, struct error *e);
bool txn_entity_delete(struct txn *t, int64_t eid, struct error *e);

/* ---- queries over entities ---- */

/* A stretch of values in the index of an attribute, both ends included; an end that is not given is open.
 * Texts are compared by their bytes. */
enum store_value_kind { STORE_NUMBER, STORE_TEXT, STORE_BOOL, STORE_TIME };
struct store_range {
    enum store_value_kind kind;
    bool has_low, has_high;
    double low, high;                 /* NUMBER */
    const char *low_text, *high_text; /* TEXT */
    int64_t low_at, high_at;          /* TIME, and BOOL (0 or 1) */
};
/* Has a value in any of the ranges, by these attribute indexes (one for each type asked for). */
struct store_values {
    const int64_t *indexes;
    int indexes_count;
    const struct store_range *ranges;
    int ranges_count;
};
enum { STORE_VALUES_MOST = 6 };

/* Which way a query was answered. */
enum store_path {
    STORE_BY_ALL,   /* a walk over all entities */
    STORE_BY_TYPE,  /* a walk over the entities of a type */
    STORE_BY_TYPES, /* of several types */
    STORE_BY_ID,
    STORE_BY_SCOPE,
    STORE_BY_BOX,
    STORE_BY_VALUE, /* the index of an attribute */
};
struct store_option {
    enum store_path path;
    int value;    /* STORE_BY_VALUE: which of values */
    int64_t rows; /* that it would read; when not counted to the end, at least so many */
    bool counted; /* to the end */
};
struct store_plan {
    struct store_option options[STORE_VALUES_MOST + 5];
    int count;
    int chosen;       /* which of options */
    int intersected;  /* how many others narrowed it further */
    int64_t examined; /* rows read */
};

/* Which entities: all conditions given must hold; NULL or 0 = any. Rows come in the order of eid. */
struct store_query {
    const char *const *types; /* any of these */
    int types_count;
    const char *const *ids; /* any of these */
    int ids_count;
    const char *scope;                 /* this scope or below it: "/a/b" finds "/a/b/c" */
    const double *box;                 /* touches this box */
    const struct store_values *values; /* at most STORE_VALUES_MOST */
    int values_count;
    int64_t after; /* eid greater than this */
    /* how */
    bool loose;      /* rows that break some condition may come too: the caller looks at each anyhow */
    int64_t wanted;  /* rows that the caller is likely to take before it stops; 0 = all */
    gint64 deadline; /* monotonic time at which to give up with ERROR_TOO_COMPLEX; 0 = never */
    bool estimate;   /* plan says too how many rows a walk would read */
    struct store_plan *plan; /* filled with how it was done; or NULL */
};
/* Calls each for every row until it returns false. The row's pointers hold during the call only. */
bool view_entities(struct view *v, const struct store_query *q,
                   bool (*each)(void *user, const struct store_entity *row), void *user, struct error *e);
/* The same without bodies (NULL), which costs far less where only the number of rows matters. */
bool view_entity_ids(struct view *v, const struct store_query *q,
                     bool (*each)(void *user, const struct store_entity *row), void *user, struct error *e);
/* The eid of the newest entity; 0 when there is none. */
int64_t view_entity_newest(struct view *v);
/* Calls each for the entities in which something expires at the moment or before it, the earliest first, at
 * most limit, until it returns false. each may be NULL. Returns whether there are any. */
bool view_expired(struct view *v, instant moment, int limit, bool (*each)(void *user, const char *id),
                  void *user);
/* How many rows, without reading them. */
int64_t view_entities_count(struct view *v, const struct store_query *q);

/* ---- what there is: exact counts, kept in the transactions that change them ---- */

/* The number of entities of a type ("" = of any) that have an attribute ("" = all of them) in an instance of
 * a kind ("" = of any). The layer that knows the stored form says what changes. */
bool txn_shape_add(struct txn *t, const char *type, const char *attribute, const char *kind, int64_t delta,
                   struct error *e);
int64_t view_shape(struct view *v, const char *type, const char *attribute, const char *kind);
struct store_shape {
    const char *type, *attribute, *kind;
    int64_t count;
};
/* Calls each for the counts above 0 of a type, ordered by attribute and kind (those without attribute first).
 */
void view_shapes(struct view *v, const char *type, void (*each)(void *user, const struct store_shape *s),
                 void *user);
/* Every type in use with its number of entities: calls each(user, type, count), ordered by name. */
void view_types(struct view *v, void (*each)(void *user, const char *type, int64_t count), void *user);
/* Every type that has the attribute, likewise. */
void view_types_with(struct view *v, const char *attribute,
                     void (*each)(void *user, const char *type, int64_t count), void *user);

/* ---- indexes of attributes ---- */

/* An index over the values of one attribute of the entities of one type. Writes keep it from the moment it is
 * made; what was there before is put in by steps, and until then it is not complete and not used. */
struct store_index_row {
    int64_t number;
    const char *type, *attribute;
    int64_t built; /* entities up to this eid are in it */
    bool complete;
    bool dropped; /* what is left of it goes by steps */
};
/* All there are, ordered by type and attribute. */
void view_indexes(struct view *v, struct arena *a, struct store_index_row **rows, int *count);
/* Its number when it is complete, else 0. */
int64_t view_index_find(struct view *v, const char *type, const char *attribute);
bool txn_index_make(struct txn *t, const char *type, const char *attribute, struct error *e);
/* Takes it out of use. */
bool txn_index_drop(struct txn *t, int64_t number, struct error *e);
/* Removes at most so many entries of a dropped index; *done when there is nothing left of it. */
bool txn_index_clean(struct txn *t, int64_t number, int most, bool *done, struct error *e);
/* Entities up to built are in it. */
bool txn_index_built(struct txn *t, int64_t number, int64_t built, bool complete, struct error *e);
/* Those that writes must keep: neither dropped nor gone. Lives until the transaction changes an index. */
const struct store_index_row *txn_indexes(struct txn *t, int *count);

struct store_value {
    enum store_value_kind kind;
    double number;
    const char *text;
    int64_t at; /* TIME, and BOOL (0 or 1) */
};
bool txn_value_put(struct txn *t, int64_t index, const struct store_value *value, int64_t eid,
                   struct error *e);
bool txn_value_delete(struct txn *t, int64_t index, const struct store_value *value, int64_t eid,
                      struct error *e);

/* ---- the change log ---- */

/* One record is a JSON object:
 *   {"op": "create"|"update"|"delete", "id": "urn:…", "type": ["AirQualityObserved"], "at": 1772323200000000,
 *    "attrs": {"pm25": {"type":"Property","value":12,…} or an array of instances with datasetId},
 *    "gone": ["name", …], "made": ["name", …], "same": ["name", …], "late": true, "was": {…}, "by": "user
 * name or input's name", "digest": "hex", "sm3": "hex"} attrs holds, in stored form, only what this change
 * wrote; gone names the attributes that it removed ("name" or "name datasetId"); ended has, by attribute, the
 * type, unitCode, observedAt and datasetId of each instance that is gone, also of a deleted entity's; scope
 * the new scopes when an entity's have changed, and at the first change scopeBefore and scopeSince; made
 * names the attributes of an update that the entity did not have before; the instances in attrs come without
 * createdAt and modifiedAt (which are at). same names the attributes in attrs that were written with the
 * content that they had. was holds, when somebody needs it, the attributes in attrs and gone as they were
 * before, and the whole entity where it was deleted. digest and sm3, for entities of type Case or Rule, are
 * the SHA-256 and SM3 of the canonical text of the whole entity after the change. late marks values older
 * than the current ones: for the history only, the entity keeps its newer values. A correction of the history
 * has "op": "history" and is late; it may have "drop": [{"attribute", "dataset", "from", "to"}], points that
 * go, and "time", the time of those attrs that have no observedAt (txn_history_change). at is the
 * transaction's time in microseconds. Numbers of records (seq) are 1, 2, 3, … without holes. */
uint64_t txn_log(struct txn *t, const char *record, size_t length);

/* A run of records as one commit wrote it; parsed once, shared by all readers, read-only. */
struct log_batch {
    uint64_t first; /* seq of records[0] */
    int count;
    const struct json *const *records;
};
/* The run that holds record after + 1 (it may begin before that). NULL when there is none yet, or with e set
 * when reading failed, or with ERROR_NOT_FOUND when that record has already been pruned. Unref it. */
struct log_batch *store_log_read(struct store *s, uint64_t after, struct error *e);
void log_batch_unref(struct log_batch *b);
/* The last durable record's number; 0 when the log is empty. And the first one still kept (1 at the start).
 */
uint64_t store_log_end(struct store *s);
uint64_t store_log_start(struct store *s);
/* Waits until there is a record after the given one, at most timeout_ms. True when there is one. */
bool store_log_wait(struct store *s, uint64_t after, int timeout_ms);
/* Ends all waits of this moment early, so that readers that are to stop need not be waited for. */
void store_log_nudge(struct store *s);
/* woken is called (on the writer thread, quickly, no blocking) after every commit that wrote records. */
void store_log_watch(struct store *s, void (*woken)(void *user), void *user);

/* Where a named reader of the log stands: the last seq that it has dealt with. 0 when it never wrote one.
 * Writing it in the same transaction as the reader's own results makes the reader exactly-once. The log is
 * never pruned beyond the lowest cursor; a cursor of a reader that is gone for good must be removed (seq
 * UINT64_MAX). */
uint64_t view_cursor(struct view *v, const char *reader);
bool txn_cursor(struct txn *t, const char *reader, uint64_t seq, struct error *e);

/* ---- keys and values ---- */

/* Small tables of the features: a space (the feature's name, perhaps with a table after a dot: "ledger.leaf")
 * holds keys (bytes, ordered by memcmp) with values (bytes). */
bool view_kv_get(struct view *v, struct arena *a, const char *space, const void *key, size_t key_length,
                 const char **value,
                 size_t *value_length); /* false: no such key. The value is NUL-terminated. */
/* Calls each in the order of the keys, from the first key >= start (NULL = the first), until it returns
 * false. */
void view_kv_scan(struct view *v, const char *space, const void *start, size_t start_length, bool descending,
                  bool (*each)(void *user, const void *key, size_t key_length, const char *value,
                               size_t value_length),
                  void *user);
int64_t view_kv_count(struct view *v, const char *space);
bool txn_kv_put(struct txn *t, const char *space, const void *key, size_t key_length, const void *value,
                size_t value_length, struct error *e);
bool txn_kv_delete(struct txn *t, const char *space, const void *key, size_t key_length, struct error *e);
/* 8 bytes, big-endian, so that numbers sort as keys. */
void kv_key_u64(uint64_t n, unsigned char out[8]);
uint64_t kv_u64_key(const void *key);

/* ---- history ---- */

/* History is a reader of the log inside the store. A series is (entity id, attribute, datasetId or ""). A
 * point is keyed by its time (observedAt, else the time of the change): a later point of the same time
 * replaces the earlier. */
struct history_point {
    instant at;
    bool is_number;
    double number;    /* when is_number */
    const char *text; /* else the value as JSON text: "\"NNE\"", "true", "{\"type\":\"Point\",…}";
                         HISTORY_NULL for the point that says that the attribute was deleted at that time */
    const char *more; /* JSON object of what else the instance had: valueType, sub-attributes, …; or NULL */
};
#define HISTORY_NULL "\"urn:ngsi-ld:null\""
struct history_series {
    const char *attribute;
    const char *dataset;   /* "" for the default instance */
    const char *type;      /* "Property", "Relationship", "GeoProperty", … */
    const char *unit_code; /* of the newest point, or NULL */
    bool observed;         /* the times are observedAt (else modifiedAt) */
    int64_t points;        /* about how many there are */
};
/* The series of an entity; *count of them in the arena, ordered by attribute. False only on a failure. */
bool store_history_list(struct store *s, struct arena *a, const char *entity, struct history_series **series,
                        int *count, struct error *e);
/* Calls each for the points with from <= at < to, ascending (or descending), until it returns false. Waits
 * first until all that was durable at the call is in. A point's text holds during the call. */
bool store_history_points(struct store *s, const char *entity, const char *attribute, const char *dataset,
                          instant from, instant to, bool descending,
                          bool (*each)(void *user, const struct history_point *p), void *user,
                          struct error *e);
/* Entities that have history, with id greater than after, at most limit, for temporal queries. */
bool store_history_entities(struct store *s, struct arena *a, const char *after, int limit, const char ***ids,
                            int *count, struct error *e);
/* Removes a whole series (attribute NULL: all of the entity) by a record of the log, and waits until it is
 * gone. Not from the writer thread or an HTTP handler. */
bool store_history_delete(struct store *s, const char *entity, const char *attribute, const char *dataset,
                          struct error *e);

/* The points of a series one after the other, whatever their number: only one chunk of them is in memory. For
 * exports. The iterator is one thread's. */
struct history_iterator;
struct history_iterator *store_history_iterate(struct store *s, const char *entity, const char *attribute,
                                               const char *dataset, instant from, instant to,
                                               bool descending);
/* The next point (its text holds until the next call); false at the end, or with e set on a failure. */
bool history_iterator_next(struct history_iterator *i, struct history_point *p, struct error *e);
void history_iterator_free(struct history_iterator *i); /* NULL is fine */

/* What the points of a window come to, those that stand for a deletion left out. All but count is about the
 * points that are numbers. */
struct history_statistics {
    int64_t count, numbers;
    double sum, sumsq, min, max; /* min and max are 0 when numbers is 0 */
    double first, last;
    instant first_at, last_at;
    bool coarse; /* a bound of the window divides an hour or day of which only the figures are left; they
                    count where it begins */
};
/* Window i is bounds[i] <= at < bounds[i + 1]; bounds has windows + 1 ascending times. Fills out[0 … windows
 * - 1].
 */
bool store_history_statistics(struct store *s, const char *entity, const char *attribute, const char *dataset,
                              const instant *bounds, int windows, struct history_statistics *out,
                              struct error *e);

/* How long the points of a type are kept, in microseconds; INT64_MAX is for ever. Older ones become the
 * figures of their hour (hour > 0) or their day, hours older than hour those of their day (of UTC+8; day >
 * 0), days older than day go. Time is counted in whole days. store_history_statistics counts what is left of
 * them; store_history_points does not. An entity of several types keeps what any of them keeps. */
struct history_policy {
    const char *type;
    int64_t keep, hour, day;
};
/* These and no others are in force from now on; copied. They are applied in the background. */
void store_history_policies(struct store *s, const struct history_policy *policies, int count);
/* Applies the policies, merges and packs all that can be, gives free space back, and waits for it. */
bool store_history_compact(struct store *s, struct error *e);

/* What is left of points that are not kept any more: the figures of an hour or a day. */
struct history_figures {
    instant start, end;
    struct history_statistics s;
};
/* Calls each for the figures with from <= start < to, ascending, until it returns false. */
bool store_history_figures(struct store *s, const char *entity, const char *attribute, const char *dataset,
                           instant from, instant to,
                           bool (*each)(void *user, const struct history_figures *f), void *user,
                           struct error *e);

/* A correction. First the points with from <= at < to go (none when from >= to; INT64_MIN and INT64_MAX mean
 * the whole series), then instance, when there is one, stands as the point of its observedAt or, without one,
 * of at. */
struct history_change {
    const char *entity;
    const struct json *types;    /* of the entity, for readers of the log; may be NULL */
    const char *attribute;       /* NULL: of every attribute */
    const char *dataset;         /* "" the default instance; NULL: of every dataset */
    instant from, to;            /* what goes */
    const struct json *instance; /* in stored form, of attribute; NULL: nothing takes its place */
    instant at;
    const char *by; /* who; may be NULL */
};
/* Writes the correction as a record into the log; it is in force, for all who ask after the commit, in the
 * order of the log, also when the history is made again from it. Returns the record's seq. */
uint64_t txn_history_change(struct txn *t, const struct history_change *c);

/* The name of a point (instanceId): made from its series and its time, so it stays the same as long as the
 * point is there, and is nowhere stored. */
enum { HISTORY_INSTANCE_ID = 80 };
char *history_instance_id(const char *entity, const char *attribute, const char *dataset, instant at,
                          char out[HISTORY_INSTANCE_ID]);
/* The time in such a name, when it is one of this series; else false. */
bool history_instance_at(const char *id, const char *entity, const char *attribute, const char *dataset,
                         instant *at);

/* ---- the data directory as a whole ---- */

/* A consistent copy of a running or stopped data directory into a new one, with the stores in folders below
 * it (tenants, snapshots); progress(user, done, total) in pages of the database at hand. */
bool store_backup(struct store *s, const char *to_dir, void (*progress)(void *user, int done, int total),
                  void *user, struct error *e);
/* Are the databases of a data directory and of those below it sound? Says which is not. */
bool store_check(const char *dir, struct error *e);
/* Checks a backup and puts it in place of an empty or absent data directory. */
bool store_restore(const char *from_dir, const char *to_dir, struct error *e);
/* True when nothing has ever been written: no record, no key. */
bool store_is_empty(struct store *s);
/* Removes a data directory that nobody has open, with all that is in it. Moved aside first, so that a crash
 * leaves it whole or as rubbish that store_sweep finds beside it. */
bool store_erase(const char *dir, struct error *e);
/* Removes what an interrupted store_erase has left in the directory above. */
void store_sweep(const char *parent);
/* Bytes on disk; used by /metrics and the benchmark. */
int64_t store_size(struct store *s);
int64_t store_bytes(const char *dir); /* the same of a directory, open or not */
/* The directory given to store_open. */
const char *store_dir(struct store *s);
