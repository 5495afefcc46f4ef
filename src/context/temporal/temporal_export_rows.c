/* SPDX-License-Identifier: Apache-2.0 */
/* The points of all series of an entity, side by side in the order of time; however long they are, only some
 * are in memory. */
#include <string.h>

#include "context/temporal/temporal_export.h"

enum {
    POINTS = 65536,       /* in memory at once, over all series */
    FEWEST = 64,          /* of one series */
    TEXT_BYTES = 1 << 20, /* of the texts of one series in memory */
};

/* A series being read in steps. */
struct column {
    struct history_series series;
    GArray *points; /* struct temporal_point with texts of its own */
    guint next;
    guint most;
    size_t bytes;
    instant from; /* where the next step begins */
    bool ended;
};

struct export_rows {
    struct arena *arena;
    const struct export_plan *plan;
    const char *id;
    struct column *columns;
    int count;
    struct export_value *values;
};

static void point_free(gpointer data)
{
    g_free((gpointer)((struct temporal_point *)data)->text);
}

bool export_is_place(const struct export_plan *p, const struct history_series *s)
{
    return p->format == EXPORT_GEOJSON && *s->dataset == '\0' && strcmp(s->attribute, p->geo_property) == 0;
}

struct export_rows *export_rows_new(const struct export_plan *p, const char *id, struct error *e)
{
    struct arena *a = arena_new();
    struct export_rows *r = arena_new0(a, struct export_rows);
    struct history_series *all;
    int count;
    *r = (struct export_rows){.arena = a, .plan = p, .id = arena_strdup(a, id)};
    if (!store_history_list(p->space->store, a, id, &all, &count, e)) {
        arena_free(a);
        return NULL;
    }
    r->columns = arena_array(a, struct column, count);
    r->values = arena_array(a, struct export_value, count);
    for (int i = 0; i < count; i++) {
        if (temporal_shows_series(&p->q, &all[i]) || export_is_place(p, &all[i])) {
            struct column *c = &r->columns[r->count++];
            *c = (struct column){.series = all[i], .from = p->q.from};
            c->points = g_array_new(FALSE, FALSE, sizeof(struct temporal_point));
            g_array_set_clear_func(c->points, point_free);
        }
    }
    for (int i = 0; i < r->count; i++) {
        r->columns[i].most = MAX(POINTS / (guint)r->count, FEWEST);
    }
    return r;
}

void export_rows_free(struct export_rows *r)
{
    if (r == NULL) {
        return;
    }
    for (int i = 0; i < r->count; i++) {
        g_array_unref(r->columns[i].points);
    }
    arena_free(r->arena);
}

struct pulling {
    struct column *column;
    const struct temporal_query *q;
    bool full;
};

static bool take_point(void *user, const struct history_point *p)
{
    struct pulling *u = user;
    struct column *c = u->column;
    c->from = p->at + 1;
    if (temporal_is_deletion(p) || !temporal_has_property(u->q->property, &c->series, p)) {
        return true;
    }
    struct temporal_point kept = {.at = p->at, .is_number = p->is_number, .number = p->number};
    kept.text = p->is_number ? NULL : g_strdup(p->text);
    g_array_append_val(c->points, kept);
    c->bytes += p->is_number ? 0 : strlen(p->text);
    u->full = c->points->len >= c->most || c->bytes > TEXT_BYTES;
    return !u->full;
}

/* The next point of a column, NULL at its end or with e set. */
static struct temporal_point *peek(struct export_rows *r, struct column *c, struct error *e)
{
    if (c->next == c->points->len && !c->ended) {
        struct pulling u = {c, &r->plan->q, false};
        g_array_set_size(c->points, 0);
        c->next = 0;
        c->bytes = 0;
        if (!store_history_points(r->plan->space->store, r->id, c->series.attribute, c->series.dataset,
                                  c->from, r->plan->q.to, false, take_point, &u, e)) {
            return NULL;
        }
        c->ended = !u.full;
    }
    return c->next < c->points->len ? &g_array_index(c->points, struct temporal_point, c->next) : NULL;
}

bool export_rows_next(struct export_rows *r, struct export_row *row, struct error *e)
{
    instant at = INSTANT_MAX;
    bool any = false;
    for (int i = 0; i < r->count; i++) {
        const struct temporal_point *p = peek(r, &r->columns[i], e);
        if (e->code != ERROR_NONE) {
            return false;
        }
        at = p != NULL ? MIN(at, p->at) : at;
        any |= p != NULL;
    }
    *row = (struct export_row){.at = at, .values = r->values};
    for (int i = 0; i < r->count && any; i++) {
        struct column *c = &r->columns[i];
        if (c->next < c->points->len && g_array_index(c->points, struct temporal_point, c->next).at == at) {
            r->values[row->count++] = (struct export_value){
                &c->series, &g_array_index(c->points, struct temporal_point, c->next++)};
        }
    }
    return any;
}
