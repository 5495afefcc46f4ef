/* SPDX-License-Identifier: Apache-2.0 */
/* The points of a series in order, chunk by chunk, so that a long history is never in memory as a whole. */
#include "store/history.h"

/* Between two chunks the thread may rewrite them: from and to say what is still to be read, and the next
 * chunk is asked for anew each time. */
struct history_iterator {
    struct history *h;
    int64_t sid; /* 0: no chunk yet */
    bool descending;
    instant from, to; /* what no chunk read so far has covered: from <= at < to */
    GArray *open;     /* in the range asked for */
    guint next_open;  /* in the direction of the iteration */
    GArray *chunk;    /* the one read last */
    guint next_chunk;
};

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

static int64_t stored_sid(struct history *h, const char *entity, const char *attribute, const char *dataset)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&h->reader_lock);
    sqlite3_stmt *st = history_prepare(
        h->reader_db, "SELECT sid FROM series WHERE entity = ?1 AND attribute = ?2 AND dataset = ?3");
    sqlite3_bind_text(st, 1, entity, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 2, attribute, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 3, dataset, -1, SQLITE_STATIC);
    int64_t sid = sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    sqlite3_finalize(st);
    return sid;
}

/* Reads the one chunk that a query finds, if its stop is not before from; 1 found, 0 none, -1 damaged. */
static int read_one(struct history_iterator *i, const char *sql, instant border, struct error *e)
{
    sqlite3_stmt *st = history_prepare(i->h->reader_db, sql);
    sqlite3_bind_int64(st, 1, i->sid);
    sqlite3_bind_int64(st, 2, border);
    int found = sqlite3_step(st) == SQLITE_ROW && sqlite3_column_int64(st, 1) >= i->from;
    if (found == 1 &&
        !chunk_unpack(sqlite3_column_blob(st, 0), (size_t)sqlite3_column_bytes(st, 0), i->chunk)) {
        bad_chunk(i->sid, e);
        found = -1;
    }
    sqlite3_finalize(st);
    return found;
}

/* The next chunk in the direction of the iteration that may hold something of what is still to be read. */
static int read_next(struct history_iterator *i, struct error *e)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&i->h->reader_lock);
    if (i->descending) {
        return read_one(
            i, "SELECT body, stop FROM chunk WHERE sid = ?1 AND start < ?2 ORDER BY start DESC LIMIT 1",
            i->to, e);
    }
    int found =
        read_one(i, "SELECT body, stop FROM chunk WHERE sid = ?1 AND start <= ?2 ORDER BY start DESC LIMIT 1",
                 i->from, e);
    return found != 0
               ? found
               : read_one(i,
                          "SELECT body, stop FROM chunk WHERE sid = ?1 AND start > ?2 ORDER BY start LIMIT 1",
                          i->from, e);
}

static const struct point *nth(const GArray *points, guint n, bool descending)
{
    return n < points->len ? &g_array_index(points, struct point, descending ? points->len - 1 - n : n)
                           : NULL;
}

/* Drops what lies outside of the range from the chunk just read, and takes its span out of the range. */
static void trim(struct history_iterator *i)
{
    const struct point *p = (const struct point *)(const void *)i->chunk->data;
    guint first = 0;
    guint last = i->chunk->len;
    while (first < last && p[first].at < i->from) {
        first++;
    }
    while (last > first && p[last - 1].at >= i->to) {
        last--;
    }
    if (i->descending) {
        i->to = MIN(i->to, p[0].at);
    } else {
        i->from = MAX(i->from, p[i->chunk->len - 1].at + 1);
    }
    g_array_set_size(i->chunk, last);
    if (first > 0) {
        g_array_remove_range(i->chunk, 0, first);
    }
}

/* The next stored point; NULL at the end or on a failure. */
static const struct point *stored_head(struct history_iterator *i, struct error *e)
{
    while (i->next_chunk >= i->chunk->len && i->from < i->to) {
        g_array_set_size(i->chunk, 0);
        i->next_chunk = 0;
        int found = read_next(i, e);
        if (found > 0 && i->chunk->len > 0) {
            trim(i);
        } else {
            g_array_set_size(i->chunk, 0);
            i->to = i->from; /* nothing can follow */
        }
    }
    return nth(i->chunk, i->next_chunk, i->descending);
}

struct history_iterator *store_history_iterate(struct store *s, const char *entity, const char *attribute,
                                               const char *dataset, instant from, instant to, bool descending)
{
    struct history_iterator *i = g_new0(struct history_iterator, 1);
    dataset = dataset != NULL ? dataset : "";
    history_catch_up(s->history);
    i->h = s->history;
    i->open = copy_open(i->h, entity, attribute, dataset, from, to);
    i->sid = stored_sid(i->h, entity, attribute, dataset);
    i->chunk = point_array();
    i->from = from;
    i->to = to;
    i->descending = descending;
    return i;
}

void history_iterator_free(struct history_iterator *i)
{
    if (i != NULL) {
        g_array_unref(i->open);
        g_array_unref(i->chunk);
        g_free(i);
    }
}

bool history_iterator_next(struct history_iterator *i, struct history_point *p, struct error *e)
{
    struct error failure = {0};
    const struct point *stored = stored_head(i, &failure);
    const struct point *open = nth(i->open, i->next_open, i->descending);
    if (failure.code != ERROR_NONE) {
        if (e != NULL) {
            *e = failure;
        }
        return false;
    }
    bool take_open =
        open != NULL && (stored == NULL || (i->descending ? open->at >= stored->at : open->at <= stored->at));
    const struct point *taken = take_open ? open : stored;
    if (taken == NULL) {
        return false;
    }
    i->next_chunk += stored != NULL && stored->at == taken->at;
    i->next_open += take_open;
    *p = (struct history_point){
        .at = taken->at, .is_number = taken->text == NULL, .number = taken->number, .text = taken->text};
    return true;
}

bool store_history_points(struct store *s, const char *entity, const char *attribute, const char *dataset,
                          instant from, instant to, bool descending,
                          bool (*each)(void *user, const struct history_point *p), void *user,
                          struct error *e)
{
    struct error failure = {0};
    struct history_point p;
    struct history_iterator *i = store_history_iterate(s, entity, attribute, dataset, from, to, descending);
    while (history_iterator_next(i, &p, &failure) && each(user, &p)) {
    }
    history_iterator_free(i);
    if (failure.code != ERROR_NONE && e != NULL) {
        *e = failure;
    }
    return failure.code == ERROR_NONE;
}
