/* SPDX-License-Identifier: Apache-2.0 */
/* What filters see of an entity: its instances in the range, and the scopes that held then. */
#include <string.h>

#include "base/limits.h"
#include "context/entity/entity.h"
#include "context/temporal/temporal_query.h"

struct filtering {
    struct arena *a;
    const char *id;
    const struct temporal_query *q;
    const struct history_series *series;
    struct json *list;
    int64_t weight;
};

static bool take_instance(void *user, const struct history_point *p)
{
    struct filtering *f = user;
    if (temporal_is_deletion(p) || !temporal_has_property(f->q->property, f->series, p)) {
        return true;
    }
    struct temporal_point point = {.at = p->at, .is_number = p->is_number, .number = p->number};
    point.text = p->is_number ? NULL : arena_strdup(f->a, p->text);
    point.more = p->more != NULL ? arena_strdup(f->a, p->more) : NULL;
    json_append(f->list, temporal_instance(f->a, f->series, NULL, &point));
    f->weight += temporal_weight(&point);
    return f->weight <= LIMIT_TEMPORAL_FILTER;
}

/* The entity as filters see it: each attribute an array of its instances in the range. */
static bool take_scopes(void *user, const struct history_point *p)
{
    struct filtering *f = user;
    struct json *scopes =
        temporal_is_deletion(p) ? json_array(f->a) : json_parse(f->a, p->text, strlen(p->text), NULL);
    if (scopes != NULL) {
        json_append(f->list, scopes);
    }
    return ++f->weight <= LIMIT_TEMPORAL_FILTER;
}

static bool take_last_scopes(void *user, const struct history_point *p)
{
    take_scopes(user, p);
    return false;
}

/* "scopes": what the scopes were when the range began, and what they became in it. */
static bool add_scopes(struct json *out, struct filtering *f, struct error *e)
{
    f->list = json_add(out, "scopes", json_array(f->a));
    return store_history_points(f->q->store, f->id, "scope", "", INSTANT_MIN, f->q->from, true,
                                take_last_scopes, f, e) &&
           store_history_points(f->q->store, f->id, "scope", "", f->q->from, f->q->to, false, take_scopes, f,
                                e);
}

static struct json *as_entity(struct arena *a, const struct temporal_query *q, const struct json *entity,
                              const struct history_series *all, int count, struct error *e)
{
    static const char *const names[] = {"id", "type", "scope"};
    struct json *out = json_object(a);
    struct filtering f = {.a = a, .id = json_get_string(entity, "id"), .q = q};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (json_get(entity, names[i]) != NULL) {
            json_add(out, names[i], json_alias(a, json_get(entity, names[i])));
        }
    }
    for (int i = 0; i < count; i++) {
        f.series = &all[i];
        if (strcmp(all[i].attribute, "scope") == 0) {
            if (!add_scopes(out, &f, e)) {
                return NULL;
            }
            continue;
        }
        f.list = json_get(out, all[i].attribute);
        f.list = f.list != NULL ? f.list : json_add(out, all[i].attribute, json_array(a));
        if (!store_history_points(q->store, f.id, all[i].attribute, all[i].dataset, q->from, q->to, false,
                                  take_instance, &f, e)) {
            return NULL;
        }
    }
    if (f.weight > LIMIT_TEMPORAL_FILTER) {
        error_set(e, ERROR_TOO_COMPLEX,
                  "%.200s has more than %d instances in the range: q, georel and scopeQ need a shorter range",
                  "%.200s 在该时段内的实例超过 %d 个：使用 q、georel、scopeQ 时请缩短时段", f.id,
                  LIMIT_TEMPORAL_FILTER);
        return NULL;
    }
    for (struct json *m = json_first(out), *next; m != NULL; m = next) {
        next = m->next;
        if (m->type == JSON_ARRAY && m->first == NULL) {
            json_remove(out, m->key);
        }
    }
    return out;
}

bool temporal_passes(const struct temporal_query *q, const struct json *entity,
                     const struct history_series *all, int count, const struct temporal_filter *filter,
                     bool *passes, struct error *e)
{
    arena_auto scratch = arena_new();
    const struct json *seen = as_entity(scratch, q, entity, all, count, e);
    *passes = seen != NULL && filter->holds(filter->user, seen);
    return seen != NULL;
}
