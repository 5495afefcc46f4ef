/* SPDX-License-Identifier: Apache-2.0 */
/* Reading histories into an answer that has a bounded size. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "context/entity.h"
#include "context/temporal_query.h"

enum { TEXT_PER_POINT = 256 }; /* bytes of text that weigh as much as one more point */

void temporal_set_init(struct temporal_set *s, struct arena *a, const struct temporal_query *q)
{
    *s = (struct temporal_set){.a = a, .q = q, .entities = g_ptr_array_new(), .from = q->from, .to = q->to};
}

static void free_points(struct temporal_entity *entity)
{
    for (int i = 0; i < entity->count; i++) {
        g_clear_pointer(&entity->series[i].points, g_array_unref);
    }
}

void temporal_set_clear(struct temporal_set *s)
{
    for (guint i = 0; s->entities != NULL && i < s->entities->len; i++) {
        free_points(g_ptr_array_index(s->entities, i));
    }
    g_clear_pointer(&s->entities, g_ptr_array_unref);
}

/* ---- the cut ---- */

static int64_t weight_of(const struct temporal_point *p)
{
    return 1 + (p->text != NULL ? (int64_t)strlen(p->text) / TEXT_PER_POINT : 0);
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
            struct weighed w = {p->at, weight_of(p)};
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
            s->weight += weight_of(&g_array_index(points, struct temporal_point, n));
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

struct reader {
    struct temporal_set *set;
    struct temporal_series *series;
    struct temporal_aggregate *aggregate;
    int64_t count;
    bool found;
    bool failed;
    struct error *e;
};

static bool take_point(void *user, const struct history_point *p)
{
    struct reader *r = user;
    struct temporal_set *s = r->set;
    r->found = true;
    if (p->at < s->from || p->at >= s->to) {
        return false; /* beyond the cut, and so are all that follow */
    }
    struct temporal_point kept = {.at = p->at, .is_number = p->is_number, .number = p->number};
    kept.text = p->is_number ? NULL : arena_strdup(s->a, p->text);
    g_array_append_val(r->series->points, kept);
    s->weight += weight_of(&kept);
    r->count++;
    if (s->weight > 3 * INT64_C(1) * LIMIT_TEMPORAL_POINTS) {
        return false; /* the cut that follows drops what is missing here */
    }
    return r->count != s->q->last_n;
}

static bool aggregate_point(void *user, const struct history_point *p)
{
    struct reader *r = user;
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

static bool read_points(struct reader *r, const char *id, struct error *e)
{
    const struct temporal_query *q = r->set->q;
    const struct history_series *h = &r->series->series;
    r->series->points = g_array_new(FALSE, FALSE, sizeof(struct temporal_point));
    if (!store_history_points(q->store, id, h->attribute, h->dataset, q->from, q->to, q->last_n > 0,
                              take_point, r, e)) {
        return false;
    }
    if (q->last_n > 0) {
        reverse(r->series->points);
    }
    return true;
}

static bool read_aggregates(struct reader *r, const char *id, struct error *e)
{
    const struct temporal_query *q = r->set->q;
    const struct history_series *h = &r->series->series;
    bool relationship = strcmp(h->type, "Relationship") == 0 || strcmp(h->type, "ListRelationship") == 0;
    r->aggregate = temporal_aggregate_new(r->set->a, &q->periods, q->methods, relationship);
    bool ok = store_history_points(q->store, id, h->attribute, h->dataset, q->from, q->to, false,
                                   aggregate_point, r, e) &&
              !r->failed;
    if (ok && r->found) {
        r->series->aggregates = temporal_aggregate_finish(r->aggregate);
    }
    temporal_aggregate_free(r->aggregate);
    return ok;
}

static bool wants_dataset(const struct temporal_query *q, const char *dataset)
{
    for (const char *const *d = q->datasets; d != NULL && *d != NULL; d++) {
        if (strcmp(*d, *dataset != '\0' ? dataset : "@none") == 0) {
            return true;
        }
    }
    return q->datasets == NULL;
}

static bool wants_series(const struct temporal_query *q, const struct history_series *h, bool hidden_too)
{
    bool right_time = q->property == TEMPORAL_EITHER || h->observed == (q->property == TEMPORAL_OBSERVED);
    return right_time && wants_dataset(q, h->dataset) &&
           (hidden_too || temporal_query_shows(q, h->attribute));
}

struct json *temporal_instance(struct arena *a, const struct history_series *series,
                               const struct temporal_point *p)
{
    char at[INSTANT_TEXT];
    struct json *instance = json_object(a);
    json_add(instance, "type", json_string(a, series->type));
    struct json *value =
        p->is_number ? json_double(a, p->number) : json_parse(a, p->text, strlen(p->text), NULL);
    json_add(instance, kind_member(kind_of_type(series->type, strlen(series->type))),
             value != NULL ? value : json_null(a));
    if (series->unit_code != NULL) {
        json_add(instance, "unitCode", json_string(a, series->unit_code));
    }
    if (*series->dataset != '\0') {
        json_add(instance, "datasetId", json_string(a, series->dataset));
    }
    if (series->observed) {
        json_add(instance, "observedAt", json_string(a, instant_format(p->at, at)));
    } else {
        json_add(instance, "modifiedAt", json_int(a, p->at));
    }
    return instance;
}

/* The entity as filters see it: each attribute an array of its instances. */
static struct json *as_entity(struct arena *a, const struct temporal_entity *t)
{
    struct json *entity = json_object(a);
    json_add(entity, "id", json_string(a, t->id));
    if (json_get(t->head, "type") != NULL) {
        json_add(entity, "type", json_copy(a, json_get(t->head, "type")));
    }
    for (int i = 0; i < t->count; i++) {
        const struct temporal_series *s = &t->series[i];
        struct json *list = json_get(entity, s->series.attribute);
        if (list == NULL && s->points->len > 0) {
            list = json_add(entity, s->series.attribute, json_array(a));
        }
        for (guint n = 0; n < s->points->len; n++) {
            json_append(
                list, temporal_instance(a, &s->series, &g_array_index(s->points, struct temporal_point, n)));
        }
    }
    return entity;
}

/* Drops the series that were read for the filter only. */
static void hide_series(struct temporal_set *s, struct temporal_entity *t)
{
    int kept = 0;
    for (int i = 0; i < t->count; i++) {
        if (temporal_query_shows(s->q, t->series[i].series.attribute)) {
            t->series[kept++] = t->series[i];
        } else {
            g_clear_pointer(&t->series[i].points, g_array_unref);
        }
    }
    t->count = kept;
}

static int64_t entity_weight(const struct temporal_entity *t)
{
    g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(struct weighed));
    int64_t sum = 0;
    weigh(t, all);
    for (guint i = 0; i < all->len; i++) {
        sum += g_array_index(all, struct weighed, i).weight;
    }
    return sum;
}

static bool read_series(struct temporal_set *s, struct temporal_entity *t, bool points, bool *found,
                        struct error *e)
{
    for (int i = 0; i < t->count; i++) {
        struct reader r = {.set = s, .series = &t->series[i], .e = e};
        if (!(points ? read_points(&r, t->id, e) : read_aggregates(&r, t->id, e))) {
            return false;
        }
        *found |= r.found && temporal_query_shows(s->q, t->series[i].series.attribute);
    }
    return true;
}

static bool passes(struct temporal_entity *t, bool (*filter)(void *user, const struct json *entity),
                   void *user)
{
    arena_auto scratch = arena_new();
    return filter(user, as_entity(scratch, t));
}

/* The series that the request is about. */
static bool list_series(struct temporal_set *s, struct temporal_entity *t, bool hidden_too, struct error *e)
{
    struct history_series *all;
    int count;
    if (!store_history_list(s->q->store, s->a, t->id, &all, &count, e)) {
        return false;
    }
    t->series = arena_array(s->a, struct temporal_series, count);
    for (int i = 0; i < count; i++) {
        if (wants_series(s->q, &all[i], hidden_too)) {
            t->series[t->count++].series = all[i];
        }
    }
    return true;
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

bool temporal_set_read(struct temporal_set *s, const char *id, const struct json *head, bool keep,
                       bool (*filter)(void *user, const struct json *entity), void *user, bool *found,
                       struct error *e)
{
    struct temporal_entity *t = arena_new0(s->a, struct temporal_entity);
    bool aggregated = s->q->format == TEMPORAL_AGGREGATED;
    int64_t weight_before = s->weight;
    t->id = arena_strdup(s->a, id);
    t->head = head;
    *found = false;
    bool ok = list_series(s, t, filter != NULL, e) &&
              ((aggregated && filter == NULL) || read_series(s, t, true, found, e));
    *found = ok && *found && (filter == NULL || passes(t, filter, user));
    if (ok && aggregated && (filter == NULL || *found)) {
        free_points(t);
        hide_series(s, t);
        ok = read_series(s, t, false, found, e) && check_methods(s, t, e);
    } else if (filter != NULL) {
        hide_series(s, t);
    }
    if (!ok || !*found || !keep) {
        free_points(t);
        s->weight = weight_before;
        return ok;
    }
    g_ptr_array_add(s->entities, t);
    s->weight = weight_before + entity_weight(t);
    if (s->weight > 2 * INT64_C(1) * LIMIT_TEMPORAL_POINTS) {
        cut(s);
    }
    return true;
}
