/* SPDX-License-Identifier: Apache-2.0 */
/* What a change means for a subscription: its triggers, and the entity as the change left it (5.8.6). */
#include <string.h>

#include "context/entity/entity.h"
#include "context/subscriptions/notifier.h"

static bool listed(const char *const *names, const char *name)
{
    for (; names != NULL && *names != NULL; names++) {
        if (strcmp(*names, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool watches(const struct subscription *s, const char *attribute)
{
    return s->watched == NULL || listed(s->watched, attribute);
}

/* ---- does a change concern the subscription? ---- */

static bool in_list(const struct json *list, const char *name)
{
    for (const struct json *c = json_first(list); c != NULL; c = c->next) {
        if (json_streq(c, name)) {
            return true;
        }
    }
    return false;
}

static unsigned attribute_triggers(const struct subscription *s, const struct json *record, bool created)
{
    unsigned pulled = 0;
    const struct json *made = json_get(record, "made");
    const struct json *same = json_get(record, "same");
    for (const struct json *a = json_first(json_get(record, "attrs")); a != NULL; a = a->next) {
        if (watches(s, a->key) && !in_list(same, a->key)) {
            pulled |=
                created || in_list(made, a->key) ? TRIGGER_ATTRIBUTE_CREATED : TRIGGER_ATTRIBUTE_UPDATED;
        }
    }
    return pulled;
}

/* A name of "gone" may be followed by a blank and a datasetId. */
static bool gone_watched(const struct subscription *s, const struct json *gone)
{
    g_autofree char *name = g_strndup(gone->string, strcspn(gone->string, " "));
    return watches(s, name);
}

/* Did a deleted entity have something that is watched? True when nobody knows. */
static bool had_watched(const struct subscription *s, const struct json *was)
{
    for (const char *const *w = s->watched; was != NULL && w != NULL && *w != NULL; w++) {
        if (json_get(was, *w) != NULL) {
            return true;
        }
    }
    return was == NULL || s->watched == NULL;
}

unsigned notification_triggers(const struct subscription *s, const struct json *record)
{
    const char *op = json_get_string(record, "op");
    if (op == NULL || json_get_bool(record, "late", false)) {
        return 0;
    }
    if (strcmp(op, "delete") == 0) {
        return had_watched(s, json_get(record, "was")) ? s->triggers & TRIGGER_ENTITY_DELETED : 0;
    }
    bool created = strcmp(op, "create") == 0;
    unsigned pulled = attribute_triggers(s, record, created);
    if (created && (s->watched == NULL || pulled != 0)) {
        pulled |= TRIGGER_ENTITY_CREATED;
    }
    for (const struct json *g = json_first(json_get(record, "gone")); g != NULL; g = g->next) {
        if (g->type == JSON_STRING && gone_watched(s, g)) {
            pulled |= TRIGGER_ATTRIBUTE_DELETED;
        }
    }
    return pulled & s->triggers;
}

/* ---- the entity as the change left it ---- */

static struct json *instance_copy(struct arena *a, const struct json *instance, const struct json *at)
{
    struct json *copy = json_copy(a, instance);
    if (json_get(copy, "modifiedAt") == NULL && at != NULL) {
        json_set(a, copy, "modifiedAt", json_copy(a, at));
    }
    return copy;
}

/* Puts the instances of a change in the place of those with the same datasetId. */
static void overlay_attribute(struct arena *a, struct json *entity, const struct json *change,
                              const struct json *at)
{
    const struct json *current = json_get(entity, change->key);
    struct json *list = json_array(a);
    for (const struct json *i = instance_first(change); i != NULL; i = instance_next(change, i)) {
        json_append(list, instance_copy(a, i, at));
    }
    for (const struct json *i = current != NULL ? instance_first(current) : NULL; i != NULL;
         i = instance_next(current, i)) {
        if (instance_find(change, json_get_string(i, "datasetId")) == NULL) {
            json_append(list, json_copy(a, i));
        }
    }
    json_set(a, entity, change->key, list->length == 1 ? json_alias(a, list->first) : list);
}

/* What is known of an entity that the record deleted. */
static struct json *entity_before_deletion(struct arena *a, const struct json *record)
{
    const struct json *was = json_get(record, "was");
    if (was != NULL) {
        return json_copy(a, was);
    }
    struct json *entity = json_object(a);
    json_add(entity, "id", json_copy(a, json_get(record, "id")));
    json_add(entity, "type", json_copy(a, json_get(record, "type")));
    return entity;
}

struct json *notification_entity(struct arena *a, struct view *v, const struct json *record)
{
    const char *id = json_get_string(record, "id");
    const struct json *at = json_get(record, "at");
    if (json_streq(json_get(record, "op"), "delete")) {
        return entity_before_deletion(a, record);
    }
    struct json *entity = context_get(v, a, id);
    if (entity != NULL && json_equal(json_get(entity, "modifiedAt"), at)) {
        return entity;
    }
    if (entity == NULL) {
        entity = json_object(a);
        json_add(entity, "id", json_string(a, id));
        json_add(entity, "type", json_copy(a, json_get(record, "type")));
    }
    for (const struct json *change = json_first(json_get(record, "attrs")); change != NULL;
         change = change->next) {
        overlay_attribute(a, entity, change, at);
    }
    for (const struct json *g = json_first(json_get(record, "gone")); g != NULL; g = g->next) {
        if (g->type == JSON_STRING && strchr(g->string, ' ') == NULL &&
            json_get(json_get(record, "attrs"), g->string) == NULL) {
            json_remove(entity, g->string);
        }
    }
    return entity;
}

bool notification_selects(const struct subscription *s, const struct json *record, const struct json *entity,
                          struct view *v)
{
    struct entity_query head = s->query;
    if (json_streq(json_get(record, "op"), "delete") && json_get(record, "was") == NULL) {
        head.q = NULL; /* it has no more than its id and type to match */
        head.geo = NULL;
        head.scope = NULL;
        head.attrs = NULL;
    }
    return entity_query_matches(&head, entity, v);
}
