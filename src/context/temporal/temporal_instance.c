/* SPDX-License-Identifier: Apache-2.0 */
/* Points of a series as attribute instances (4.5.7, 4.5.8), with ids. */
#include <string.h>

#include "context/entity/entity.h"
#include "context/temporal/temporal_query.h"

bool temporal_is_deletion(const struct history_point *p)
{
    return !p->is_number && strcmp(p->text, HISTORY_NULL) == 0;
}

/* The value that stands for a deletion, for this kind (5.5.4). */
static struct json *null_value(struct arena *a, enum attribute_kind kind)
{
    struct json *null = json_string(a, NGSI_NULL);
    if (kind != KIND_LANGUAGE) {
        return null;
    }
    struct json *map = json_object(a);
    json_add(map, "@none", null);
    return map;
}

static void add_times(struct arena *a, struct json *instance, const struct history_series *series,
                      const struct temporal_point *p, bool deletion)
{
    char at[INSTANT_TEXT];
    if (deletion) {
        json_add(instance, "deletedAt", json_string(a, instant_format(p->at, at)));
    } else if (series->observed) {
        json_add(instance, "observedAt", json_string(a, instant_format(p->at, at)));
    } else {
        json_add(instance, "createdAt", json_int(a, p->at));
        json_add(instance, "modifiedAt", json_int(a, p->at));
    }
}

static void add_name(struct arena *a, struct json *instance, const struct history_series *series,
                     const char *entity, instant at)
{
    char id[HISTORY_INSTANCE_ID];
    if (entity != NULL) {
        history_instance_id(entity, series->attribute, series->dataset, at, id);
        json_add(instance, "instanceId", json_string(a, id));
    }
}

/* valueType, sub-attributes and the like. */
static void add_more(struct arena *a, struct json *instance, const struct temporal_point *p)
{
    const struct json *more = p->more != NULL ? json_parse(a, p->more, strlen(p->more), NULL) : NULL;
    for (const struct json *m = json_first(more); m != NULL; m = m->next) {
        json_append(instance, json_alias(a, m));
    }
}

struct json *temporal_instance(struct arena *a, const struct history_series *series, const char *entity,
                               const struct temporal_point *p)
{
    enum attribute_kind kind = kind_of_type(series->type, strlen(series->type));
    struct history_point point = {.is_number = p->is_number, .text = p->text};
    bool deletion = temporal_is_deletion(&point);
    struct json *instance = json_object(a);
    json_add(instance, "type", json_string(a, series->type));
    struct json *value = deletion       ? null_value(a, kind)
                         : p->is_number ? json_double(a, p->number)
                                        : json_parse(a, p->text, strlen(p->text), NULL);
    if (strcmp(series->attribute, "scope") == 0 && json_is(value, JSON_ARRAY) && value->length == 1) {
        value = json_alias(a, value->first);
    }
    json_add(instance, kind_member(kind), value != NULL ? value : json_null(a));
    if (series->unit_code != NULL && !deletion) {
        json_add(instance, "unitCode", json_string(a, series->unit_code));
    }
    if (*series->dataset != '\0') {
        json_add(instance, "datasetId", json_string(a, series->dataset));
    }
    add_name(a, instance, series, entity, p->at);
    add_times(a, instance, series, p, deletion);
    add_more(a, instance, p);
    return instance;
}
