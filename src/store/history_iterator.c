/* SPDX-License-Identifier: Apache-2.0 */
/* The points of a series in order, chunk by chunk, so that a long history is never in memory as a whole. */
#include <string.h>

#include "store/history.h"

/* Between two chunks the thread may rewrite them: from and to say what is still to be read, and the next
 * chunk is asked for anew each time. */
struct history_iterator {
    struct history *h;
    struct error failure; /* of the beginning */
    bool descending;
    instant from, to; /* what no chunk read so far has covered: from <= at < to */
    struct near near; /* in the range asked for */
    guint next_near;  /* in the direction of the iteration */
    GArray *chunk;    /* the one read last */
    guint next_chunk;
};

static const struct point *nth(const GArray *points, guint n, bool descending)
{
    return n < points->len ? &g_array_index(points, struct point, descending ? points->len - 1 - n : n)
                           : NULL;
}

/* Drops what lies outside of the range from the chunk just read. */
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
    g_array_set_size(i->chunk, last);
    if (first > 0) {
        g_array_remove_range(i->chunk, 0, first);
    }
}

/* Reads the next chunk and takes its span out of the range; false when there is none. */
static bool read_next(struct history_iterator *i, struct reader *r)
{
    struct chunk_row c;
    bool found = i->descending ? chunk_row_before(r, i->near.sid, i->to - 1, i->from, &c)
                               : chunk_row_from(r, i->near.sid, i->from, i->to, &c);
    if (!found) {
        return false;
    }
    size_t length;
    const unsigned char *body = chunk_row_body(&c, &length);
    if (!chunk_unpack(body, length, i->chunk)) {
        chunk_is_damaged(i->near.sid, c.start);
    }
    trim(i);
    if (i->descending) {
        i->to = MIN(i->to, c.start);
    } else {
        i->from = MAX(i->from, c.stop + 1);
    }
    return true;
}

/* The next stored point; NULL at the end or on a failure. */
static const struct point *stored_head(struct history_iterator *i, struct error *e)
{
    while (i->next_chunk >= i->chunk->len && i->from < i->to && i->near.sid != 0) {
        struct reader *r = reader_take(i->h, e);
        g_array_set_size(i->chunk, 0);
        i->next_chunk = 0;
        if (r == NULL || !read_next(i, r)) {
            i->to = i->from; /* nothing can follow */
        }
        reader_give(r);
    }
    return nth(i->chunk, i->next_chunk, i->descending);
}

struct history_iterator *store_history_iterate(struct store *s, const char *entity, const char *attribute,
                                               const char *dataset, instant from, instant to, bool descending)
{
    struct history_iterator *i = g_new0(struct history_iterator, 1);
    *i = (struct history_iterator){
        .h = s->history, .from = from, .to = to, .descending = descending, .chunk = point_array()};
    history_catch_up(i->h);
    struct reader *r = reader_take(i->h, &i->failure);
    if (r != NULL) {
        near_read(&i->near, r, entity, attribute, dataset != NULL ? dataset : "", from, to, &i->failure);
    }
    reader_give(r);
    return i;
}

void history_iterator_free(struct history_iterator *i)
{
    if (i != NULL) {
        g_clear_pointer(&i->near.points, g_array_unref);
        g_array_unref(i->chunk);
        g_free(i);
    }
}

/* Parts the text of a point (which is the iterator's own) into value and further members. */
static void give(struct history_point *p, const struct point *taken)
{
    char *mark = taken->text != NULL ? strchr(taken->text, POINT_MORE) : NULL;
    *p = (struct history_point){.at = taken->at, .text = taken->text};
    p->is_number = point_number(taken, &p->number);
    if (mark != NULL) {
        *mark = '\0';
        p->more = mark + 1;
    }
}

bool history_iterator_next(struct history_iterator *i, struct history_point *p, struct error *e)
{
    const struct point *stored = i->failure.code == ERROR_NONE ? stored_head(i, &i->failure) : NULL;
    if (i->failure.code != ERROR_NONE) {
        if (e != NULL) {
            *e = i->failure;
        }
        return false;
    }
    const struct point *near = nth(i->near.points, i->next_near, i->descending);
    bool take_near =
        near != NULL && (stored == NULL || (i->descending ? near->at >= stored->at : near->at <= stored->at));
    const struct point *taken = take_near ? near : stored;
    if (taken == NULL) {
        return false;
    }
    i->next_chunk += stored != NULL && stored->at == taken->at;
    i->next_near += take_near;
    give(p, taken);
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
