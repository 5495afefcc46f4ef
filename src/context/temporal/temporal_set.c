/* SPDX-License-Identifier: Apache-2.0 */
/* Reading histories into an answer that has a bounded size. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "context/entity/entity.h"
#include "context/temporal/temporal_query.h"

enum { TEXT_PER_POINT = 256 }; /* bytes of text that weigh as much as one more point */

void temporal_set_init(struct temporal_set *s, struct arena *a, const struct temporal_query *q)
{
    *s = (struct temporal_set){.a = a, .q = q, .entities = g_ptr_array_new(), .from = q->from, .to = q->to};
}

static void entity_free(struct temporal_entity *entity)
{
    for (int i = 0; i < entity->count; i++) {
        g_clear_pointer(&entity->series[i].points, g_array_unref);
    }
    arena_free(entity->arena);
}

void temporal_set_clear(struct temporal_set *s)
{
    for (guint i = 0; s->entities != NULL && i < s->entities->len; i++) {
        entity_free(g_ptr_array_index(s->entities, i));
    }
    g_clear_pointer(&s->entities, g_ptr_array_unref);
}

/* ---- the cut ---- */

int64_t temporal_weight(const struct temporal_point *p)
{
    return 1 + (p->text != NULL ? (int64_t)strlen(p->text) / TEXT_PER_POINT : 0) +
           (p->more != NULL ? (int64_t)strlen(p->more) / TEXT_PER_POINT : 0);
}

struct weighed {
    instant at;
    int64_t weight;
};

static int by_time(const void *a, const void *b)
{
    const struct weighed *x = a;
    const struct weighed *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

static void weigh(const struct temporal_entity *entity, GArray *all)
{
    for (int i = 0; i < entity->count; i++) {
        const GArray *points = entity->series[i].points;
        for (guint n = 0; points != NULL && n < points->len; n++) {
            const struct temporal_point *p = &g_array_index(points, struct temporal_point, n);
            struct weighed w = {p->at, temporal_weight(p)};
            g_array_append_val(all, w);
        }
    }
}

/* Finds how far the points fit, from the end that is kept, and moves from or to there. At least one moment
 * stays. */
static void move_border(struct temporal_set *s, const GArray *all, bool backwards)
{
    int64_t sum = 0;
    for (guint i = 0; i < all->len; i++) {
        const struct weighed *w = &g_array_index(all, struct weighed, backwards ? all->len - 1 - i : i);
        const struct weighed *before =
            i > 0 ? &g_array_index(all, struct weighed, backwards ? all->len - i : i - 1) : NULL;
        sum += w->weight;
        if (sum > LIMIT_TEMPORAL_POINTS && before != NULL && before->at != w->at) {
            *(backwards ? &s->from : &s->to) = backwards ? before->at : w->at;
            return;
        }
    }
}

static void drop_outside(struct temporal_set *s, struct temporal_entity *entity)
{
    for (int i = 0; i < entity->count; i++) {
        GArray *points = entity->series[i].points;
        guint first = 0;
        guint last = points != NULL ? points->len : 0;
        while (first < last && g_array_index(points, struct temporal_point, first).at < s->from) {
            first++;
        }
        while (last > first && g_array_index(points, struct temporal_point, last - 1).at >= s->to) {
            last--;
        }
        if (points != NULL) {
            g_array_set_size(points, last);
            g_array_remove_range(points, 0, first);
        }
        for (guint n = 0; points != NULL && n < points->len; n++) {
            s->weight += temporal_weight(&g_array_index(points, struct temporal_point, n));
        }
    }
}

static void cut(struct temporal_set *s)
{
    g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(struct weighed));
    for (guint i = 0; i < s->entities->len; i++) {
        weigh(g_ptr_array_index(s->entities, i), all);
    }
    qsort(all->data, all->len, sizeof(struct weighed), by_time);
    move_border(s, all, s->q->last_n > 0);
    s->cut = true;
    s->weight = 0;
    for (guint i = 0; i < s->entities->len; i++) {
        drop_outside(s, g_ptr_array_index(s->entities, i));
    }
}

void temporal_set_finish(struct temporal_set *s)
{
    if (s->weight > LIMIT_TEMPORAL_POINTS) {
        cut(s);
    }
}

const char *temporal_content_range(const struct temporal_set *s)
{
    const struct temporal_query *q = s->q;
    instant first = INSTANT_MAX, last = INSTANT_MIN;
    g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(struct weighed));
    for (guint i = 0; i < s->entities->len; i++) {
        weigh(g_ptr_array_index(s->entities, i), all);
    }
    for (guint i = 0; i < all->len; i++) {
        first = MIN(first, g_array_index(all, struct weighed, i).at);
        last = MAX(last, g_array_index(all, struct weighed, i).at);
    }
    char start[INSTANT_TEXT], end[INSTANT_TEXT];
    if (q->last_n > 0) {
        instant_format(q->to < INSTANT_MAX ? q->to : last, start);
        instant_format(first, end);
        return arena_printf(s->a, "DateTime %s-%s/%" G_GINT64_FORMAT, start, end, q->last_n);
    }
    instant_format(q->from > INSTANT_MIN ? q->from : first, start);
    instant_format(last, end);
    return arena_printf(s->a, "DateTime %s-%s/*", start, end);
}

/* ---- reading ---- */

bool temporal_has_property(enum temporal_property property, const struct history_series *h,
                           const struct history_point *p)
{
    switch (property) {
    case TEMPORAL_OBSERVED: return h->observed && !temporal_is_deletion(p);
    case TEMPORAL_CREATED:
    case TEMPORAL_MODIFIED: return !h->observed && !temporal_is_deletion(p);
    case TEMPORAL_DELETED: return temporal_is_deletion(p);
    default: return true;
    }
}

struct reader {
    struct temporal_set *set;
    struct temporal_entity *entity;
    struct temporal_series *series;
    struct temporal_aggregate *aggregate;
    GArray *figures; /* of struct history_figures: of points not kept any more */
    guint next_figure;
    int64_t weight; /* of this series */
    bool found;
    bool failed;
    struct error *e;
};

static bool take_point(void *user, const struct history_point *p)
{
    struct reader *r = user;
    struct temporal_set *s = r->set;
    if (!temporal_has_property(s->q->property, &r->series->series, p)) {
        return true;
    }
    r->found = true;
    if (p->at < s->from || p->at >= s->to) {
        return false; /* beyond the cut, and so are all that follow */
    }
    struct temporal_point kept = {.at = p->at, .is_number = p->is_number, .number = p->number};
    kept.text = p->is_number ? NULL : arena_strdup(r->entity->arena, p->text);
    kept.more = p->more != NULL ? arena_strdup(r->entity->arena, p->more) : NULL;
    g_array_append_val(r->series->points, kept);
    r->weight += temporal_weight(&kept);
    /* The cut that must come drops what is missing beyond the limit. */
    return r->weight <= LIMIT_TEMPORAL_POINTS && r->series->points->len != s->q->last_n;
}

static bool notice_point(void *user, const struct history_point *p)
{
    struct reader *r = user;
    r->found = temporal_has_property(r->set->q->property, &r->series->series, p);
    return !r->found;
}

/* The figures that begin before a time, in their turn between the points. */
static bool aggregate_figures(struct reader *r, instant before)
{
    while (!r->failed && r->next_figure < r->figures->len) {
        const struct history_figures *f = &g_array_index(r->figures, struct history_figures, r->next_figure);
        if (f->start > before) {
            break;
        }
        r->next_figure++;
        r->found = true;
        r->failed = !temporal_aggregate_add_figures(r->aggregate, f, r->e);
    }
    return !r->failed;
}

static bool aggregate_point(void *user, const struct history_point *p)
{
    struct reader *r = user;
    if (!aggregate_figures(r, p->at)) {
        return false;
    }
    if (temporal_is_deletion(p) || !temporal_has_property(r->set->q->property, &r->series->series, p)) {
        return true;
    }
    r->found = true;
    r->failed = !temporal_aggregate_add(r->aggregate, p, r->e);
    return !r->failed;
}

static void reverse(GArray *points)
{
    struct temporal_point *p = (struct temporal_point *)(void *)points->data;
    for (guint i = 0, j = points->len; i + 1 < j; i++, j--) {
        struct temporal_point swap = p[i];
        p[i] = p[j - 1];
        p[j - 1] = swap;
    }
}

static bool each_point(struct reader *r, bool descending,
                       bool (*each)(void *user, const struct history_point *p), struct error *e)
{
    const struct temporal_query *q = r->set->q;
    const struct history_series *h = &r->series->series;
    return store_history_points(q->store, r->entity->id, h->attribute, h->dataset, q->from, q->to, descending,
                                each, r, e);
}

static bool read_points(struct reader *r, struct error *e)
{
    bool backwards = r->set->q->last_n > 0;
    r->series->points = g_array_new(FALSE, FALSE, sizeof(struct temporal_point));
    if (!each_point(r, backwards, take_point, e)) {
        return false;
    }
    if (backwards) {
        reverse(r->series->points);
    }
    r->set->weight += r->weight;
    if (r->set->weight > 2 * INT64_C(1) * LIMIT_TEMPORAL_POINTS) {
        cut(r->set);
    }
    return true;
}

/* Aggregated values are never cut: what is too much is refused. */
static bool weigh_aggregates(struct temporal_set *s, const struct json *aggregates, struct error *e)
{
    for (const struct json *m = json_first(aggregates); m != NULL; m = m->next) {
        s->weight += m->length;
    }
    return s->weight <= LIMIT_TEMPORAL_POINTS ||
           error_set(e, ERROR_TOO_MANY_RESULTS,
                     "More than %d aggregated values: use longer periods or fewer entities",
                     "聚合结果超过 %d 个：请加长时段或减少实体", LIMIT_TEMPORAL_POINTS);
}

/* The times of the first and the last point; false when there are none, or some are no numbers. */
static bool find_span(struct reader *r, instant *first, instant *last, struct error *e)
{
    const struct temporal_query *q = r->set->q;
    const struct history_series *h = &r->series->series;
    const instant bounds[] = {q->from, q->to};
    struct history_statistics s = {0};
    bool ok = store_history_statistics(q->store, r->entity->id, h->attribute, h->dataset, bounds, 1, &s, e);
    *first = s.first_at;
    *last = s.last_at;
    return ok && s.numbers > 0 && s.count == s.numbers;
}

/* Aggregates from what is known of whole chunks, where the methods need no single values; false: it takes the
 * points. */
static bool read_statistics(struct reader *r, struct error *e)
{
    const struct temporal_query *q = r->set->q;
    const struct history_series *h = &r->series->series;
    instant first, last;
    bool right_time = q->property == TEMPORAL_EITHER || h->observed == (q->property == TEMPORAL_OBSERVED);
    if ((q->methods & (METHOD_DISTINCT_COUNT | METHOD_STDDEV)) != 0 || !right_time ||
        q->property == TEMPORAL_DELETED || !find_span(r, &first, &last, e)) {
        return false;
    }
    g_autoptr(GArray) bounds = temporal_aggregate_bounds(r->aggregate, first, last);
    if (bounds == NULL) {
        return false;
    }
    int windows = (int)bounds->len - 1;
    g_autofree struct history_statistics *all = g_new0(struct history_statistics, windows);
    if (!store_history_statistics(q->store, r->entity->id, h->attribute, h->dataset,
                                  (const instant *)(const void *)bounds->data, windows, all, e)) {
        return false;
    }
    r->found = true;
    for (int i = 0; i < windows; i++) {
        temporal_aggregate_window(r->aggregate, g_array_index(bounds, instant, i),
                                  g_array_index(bounds, instant, i + 1), &all[i]);
    }
    return true;
}

static bool is_relationship(const struct history_series *h)
{
    return strcmp(h->type, "Relationship") == 0 || strcmp(h->type, "ListRelationship") == 0;
}

static bool keep_figures(void *user, const struct history_figures *f)
{
    g_array_append_vals(user, f, 1);
    return true;
}

/* What is left of older points counts when the series itself is of the time asked for. */
static bool read_figures(struct reader *r, struct error *e)
{
    const struct temporal_query *q = r->set->q;
    const struct history_series *h = &r->series->series;
    return !temporal_has_property(q->property, h, &(struct history_point){.is_number = true}) ||
           store_history_figures(q->store, r->entity->id, h->attribute, h->dataset, q->from, q->to,
                                 keep_figures, r->figures, e);
}

static bool aggregate_points(struct reader *r, struct error *e)
{
    g_autoptr(GArray) figures = g_array_new(FALSE, FALSE, sizeof(struct history_figures));
    r->figures = figures;
    return read_figures(r, e) && each_point(r, false, aggregate_point, e) &&
           aggregate_figures(r, INSTANT_MAX);
}

static bool notice_series(struct reader *r, bool aggregated, struct error *e)
{
    g_autoptr(GArray) figures = g_array_new(FALSE, FALSE, sizeof(struct history_figures));
    r->figures = figures;
    bool ok = each_point(r, false, notice_point, e) && (!aggregated || r->found || read_figures(r, e));
    r->found |= figures->len > 0;
    return ok;
}

static bool read_aggregates(struct reader *r, struct error *e)
{
    const struct temporal_query *q = r->set->q;
    struct error unknown = {0};
    r->aggregate = temporal_aggregate_new(r->entity->arena, &q->periods, q->methods,
                                          is_relationship(&r->series->series));
    bool ok = read_statistics(r, &unknown) || (unknown.code == ERROR_NONE && aggregate_points(r, e));
    if (unknown.code != ERROR_NONE) {
        *e = unknown;
    }
    if (ok && r->found) {
        r->series->aggregates = temporal_aggregate_finish(r->aggregate);
        ok = weigh_aggregates(r->set, r->series->aggregates, e);
    }
    temporal_aggregate_free(r->aggregate);
    return ok;
}

/* Reads what is to be shown; for an entity that is only counted, whether there is something. */
static bool read_series(struct temporal_set *s, struct temporal_entity *t, bool keep, bool *found,
                        struct error *e)
{
    for (int i = 0; i < t->count && (keep || !*found); i++) {
        struct reader r = {.set = s, .entity = t, .series = &t->series[i], .e = e};
        bool aggregated = s->q->format == TEMPORAL_AGGREGATED;
        bool ok = !keep        ? notice_series(&r, aggregated, e)
                  : aggregated ? read_aggregates(&r, e)
                               : read_points(&r, e);
        if (!ok) {
            return false;
        }
        *found |= r.found;
    }
    return true;
}

/* ---- one entity ---- */

static bool lists(const char *const *names, const char *name)
{
    return names == NULL || g_strv_contains(names, name);
}

bool temporal_shows_series(const struct temporal_query *q, const struct history_series *s)
{
    bool scope = strcmp(s->attribute, "scope") == 0;
    return !(scope && (q->format == TEMPORAL_AGGREGATED || q->values_only)) &&
           temporal_query_shows(q, s->attribute) &&
           lists(q->render.datasets, *s->dataset != '\0' ? s->dataset : "@none");
}

static void choose_series(const struct temporal_query *q, struct temporal_entity *t,
                          const struct history_series *all, int count)
{
    t->series = arena_array(t->arena, struct temporal_series, count);
    for (int i = 0; i < count; i++) {
        if (temporal_shows_series(q, &all[i])) {
            t->series[t->count++].series = all[i];
        }
    }
}

/* An attribute asked for by name must have at least one of the methods (5.7.4.4). */
static bool check_methods(struct temporal_set *s, const struct temporal_entity *t, struct error *e)
{
    for (int i = 0; i < t->count && s->q->explicit_attributes; i++) {
        const struct temporal_series *series = &t->series[i];
        if (series->aggregates != NULL && json_first(series->aggregates) == NULL) {
            return error_set(e, ERROR_INVALID_REQUEST,
                             "None of the aggrMethods applies to the values of \"%s\"",
                             "aggrMethods 中没有适用于属性“%s”的方法", series->series.attribute);
        }
    }
    return true;
}

static const struct json *head_of(struct arena *a, const struct json *entity)
{
    static const char *const names[] = {"type", "scope", "createdAt", "modifiedAt", "deletedAt"};
    struct json *head = json_object(a);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        const struct json *value = json_get(entity, names[i]);
        if (value != NULL) {
            json_add(head, names[i], json_copy(a, value));
        }
    }
    return head;
}

static struct temporal_entity *entity_new(const struct json *entity)
{
    struct arena *a = arena_new();
    struct temporal_entity *t = arena_new0(a, struct temporal_entity);
    *t = (struct temporal_entity){.arena = a, .id = arena_strdup(a, json_get_string(entity, "id"))};
    t->head = head_of(a, entity);
    return t;
}

static bool read_entity(struct temporal_set *s, struct temporal_entity *t, const struct json *entity,
                        bool keep, const struct temporal_filter *filter, bool *found, struct error *e)
{
    struct history_series *all;
    int count;
    *found = true;
    if (!store_history_list(s->q->store, t->arena, t->id, &all, &count, e) ||
        (filter != NULL && !temporal_passes(s->q, entity, all, count, filter, found, e))) {
        return false;
    }
    if (*found) {
        *found = false;
        choose_series(s->q, t, all, count);
        return read_series(s, t, keep, found, e) && check_methods(s, t, e);
    }
    return true;
}

bool temporal_set_read(struct temporal_set *s, const struct json *entity, enum temporal_keep keep,
                       const struct temporal_filter *filter, bool *found, struct error *e)
{
    struct temporal_entity *t = entity_new(entity);
    g_ptr_array_add(s->entities, t); /* so that a cut reaches it */
    bool ok = read_entity(s, t, entity, keep != TEMPORAL_COUNT, filter, found, e);
    if (!ok || keep == TEMPORAL_COUNT || (keep == TEMPORAL_KEEP && !*found)) {
        g_ptr_array_set_size(s->entities, (gint)s->entities->len - 1);
        entity_free(t);
    }
    return ok;
}
