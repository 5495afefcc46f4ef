/* SPDX-License-Identifier: Apache-2.0 */
/* Which registrations a request concerns (ETSI GS CIM 009 V1.9.1, 5.12, 5.10.2.4). */
#include <string.h>

#include "context/sources/registry_inside.h"

/* ---- entities ---- */

static bool matches_id(const struct registration_entity *e, const struct registry_query *q)
{
    for (int i = 0; i < q->ids_count; i++) {
        if (e->id != NULL ? strcmp(e->id, q->ids[i]) == 0
                          : g_regex_match(e->id_pattern, q->ids[i], 0, NULL)) {
            return true;
        }
    }
    return false;
}

/* The patterns of clients are matched here as in queries of entities: a broken or hopeless one matches
 * nothing. */
static bool pattern_matches(const char *pattern, const char *id)
{
    g_autoptr(GRegex) regex = g_regex_new(pattern, 0, 0, NULL);
    return regex != NULL && g_regex_match(regex, id, 0, NULL);
}

static bool matches_which(const struct registration_entity *e, const struct registry_query *q)
{
    if ((e->id == NULL && e->id_pattern == NULL) || (q->ids_count == 0 && q->id_pattern == NULL)) {
        return true;
    }
    if (q->ids_count > 0 && matches_id(e, q)) {
        return true;
    }
    return q->id_pattern != NULL && (e->id == NULL || pattern_matches(q->id_pattern, e->id));
}

/* An entity of several types is concerned when it has one of those that are registered. */
static bool has_type_of(const struct json *types, const struct json *registered)
{
    for (const struct json *t = json_first(types); t != NULL; t = t->next) {
        for (const struct json *r = json_first(registered); r != NULL; r = r->next) {
            if (strcmp(t->string, r->string) == 0) {
                return true;
            }
        }
    }
    return false;
}

static bool matches_entity(const struct registration_entity *e, const struct registry_query *q)
{
    return (q->type == NULL || type_query_matches(q->type, e->types)) &&
           (q->types == NULL || has_type_of(q->types, e->types)) && matches_which(e, q);
}

static bool take_entities(const struct registration_info *info, struct arena *a,
                          const struct registry_query *q, struct registry_part *part)
{
    const struct registration_entity **found =
        arena_array(a, const struct registration_entity *, info->entities_count + 1);
    part->entities = found;
    for (int i = 0; i < info->entities_count; i++) {
        if (matches_entity(&info->entities[i], q)) {
            found[part->entities_count++] = &info->entities[i];
        }
    }
    return info->entities_count == 0 || part->entities_count > 0;
}

/* ---- attributes ---- */

static bool among(const char *const *names, int count, const char *name)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static bool take_attributes(const struct registration_info *info, struct arena *a,
                            const struct registry_query *q, struct registry_part *part)
{
    if (q->attributes_count == 0 || info->attributes_count == 0) {
        part->attributes = info->attributes_count == 0 ? q->attributes : info->attributes;
        part->attributes_count = info->attributes_count == 0 ? q->attributes_count : info->attributes_count;
        return true;
    }
    const char **found = arena_array(a, const char *, q->attributes_count + 1);
    part->attributes = found;
    for (int i = 0; i < q->attributes_count; i++) {
        if (among(info->attributes, info->attributes_count, q->attributes[i])) {
            found[part->attributes_count++] = q->attributes[i];
        }
    }
    return part->attributes_count > 0;
}

/* Of all parts together. */
static void join_attributes(struct arena *a, struct registry_match *m)
{
    int room = 0;
    for (int i = 0; i < m->parts_count; i++) {
        if (m->parts[i].attributes_count == 0) { /* everything */
            return;
        }
        room += m->parts[i].attributes_count;
    }
    const char **names = arena_array(a, const char *, room + 1);
    for (int i = 0; i < m->parts_count; i++) {
        for (int k = 0; k < m->parts[i].attributes_count; k++) {
            if (!among(names, m->attributes_count, m->parts[i].attributes[k])) {
                names[m->attributes_count++] = m->parts[i].attributes[k];
            }
        }
    }
    m->attributes = names;
}

bool registration_covers(const struct registration *r, struct arena *a, const struct registry_query *q,
                         struct registry_match *m)
{
    *m = (struct registry_match){.registration = (struct registration *)r};
    struct registry_part *parts = arena_array(a, struct registry_part, r->info_count);
    m->parts = parts;
    for (int i = 0; i < r->info_count; i++) {
        struct registry_part part = {.info = &r->info[i]};
        if (take_entities(&r->info[i], a, q, &part) && take_attributes(&r->info[i], a, q, &part)) {
            parts[m->parts_count++] = part;
        }
    }
    join_attributes(a, m);
    return m->parts_count > 0;
}

/* ---- the rest ---- */

/* If only one side names datasetIds, they match (5.12). */
static bool matches_datasets(const struct registration *r, const struct registry_query *q)
{
    if (r->datasets == NULL || q->datasets == NULL) {
        return true;
    }
    for (const char *const *d = q->datasets; *d != NULL; d++) {
        if (g_strv_contains(r->datasets, *d)) {
            return true;
        }
    }
    return false;
}

static bool matches_time(const struct registration *r, const struct registry_query *q)
{
    if (q->time == REGISTRY_LATEST) {
        return !r->observation.given && !r->management_interval.given;
    }
    const struct registration_interval *i =
        q->time == REGISTRY_OBSERVED ? &r->observation : &r->management_interval;
    return i->given && i->start <= q->to && q->from <= i->end;
}

/* Via: 1.1 alias-a, 1.1 alias-b (comment) … (RFC 7230, 5.7.1) */
static bool is_in_via(const char *via, const char *alias)
{
    size_t n = strlen(alias);
    for (const char *p = via; p != NULL; p = strchr(p, ',')) {
        p += strspn(p, ", \t");
        const char *by = p + strcspn(p, " \t,");
        by += strspn(by, " \t");
        if (strcspn(by, " \t,") == n && strncmp(by, alias, n) == 0) {
            return true;
        }
    }
    return false;
}

/* The registration as an entity whose attributes are its members. */
static bool matches_csf(const struct registration *r, struct arena *a, const struct q *csf)
{
    struct json *entity = json_object(a);
    for (const struct json *m = json_first(r->body); m != NULL; m = m->next) {
        struct json *property = json_object(a);
        json_add(property, "type", json_string(a, "Property"));
        json_add(property, "value", json_copy(a, m));
        json_add(entity, m->key,
                 strcmp(m->key, "id") == 0 || strcmp(m->key, "type") == 0 ? json_copy(a, m) : property);
    }
    if (json_get(entity, "mode") == NULL) { /* what is not said stands too */
        struct json *property = json_object(a);
        json_add(property, "type", json_string(a, "Property"));
        json_add(property, "value", json_string(a, "inclusive"));
        json_add(entity, "mode", property);
    }
    return q_matches(csf, entity, NULL);
}

/* A registration that does not say where may be anywhere. */
static bool matches_space(const struct registration *r, const struct registry_query *q)
{
    const char *property = q->geo_property != NULL ? q->geo_property : "location";
    const struct geometry *area = strcmp(property, "location") == 0           ? r->location
                                  : strcmp(property, "observationSpace") == 0 ? r->observation_space
                                  : strcmp(property, "operationSpace") == 0   ? r->operation_space
                                                                              : NULL;
    return q->geo == NULL || area == NULL || geo_query_possible(q->geo, area);
}

bool registration_match(struct registration *r, struct arena *a, const struct registry_query *q,
                        struct registry_match *m)
{
    return (q->operations == 0 || (q->operations & r->operations) != 0) && matches_time(r, q) &&
           matches_datasets(r, q) && (q->via == NULL || r->alias == NULL || !is_in_via(q->via, r->alias)) &&
           registration_covers(r, a, q, m) &&
           (q->scope == NULL || r->scopes == NULL || scope_query_matches(q->scope, r->scopes)) &&
           matches_space(r, q) && (q->csf == NULL || matches_csf(r, a, q->csf));
}

/* Exclusive, redirect, inclusive, auxiliary; by id within each. */
static int in_order(const void *left, const void *right)
{
    const struct registration *a = ((const struct registry_match *)left)->registration;
    const struct registration *b = ((const struct registry_match *)right)->registration;
    return a->mode != b->mode ? (a->mode < b->mode ? -1 : 1) : strcmp(a->id, b->id);
}

struct registry_matches registry_match(struct registry *r, struct arena *a, const struct registry_query *q)
{
    struct registry_matches found = {0};
    if (registry_is_empty(r)) {
        return found;
    }
    instant now = instant_now();
    g_autoptr(GPtrArray) all = registry_candidates(r, q);
    struct registry_match *items = arena_array(a, struct registry_match, all->len);
    for (guint i = 0; i < all->len; i++) {
        struct registration *candidate = all->pdata[i];
        if (!registration_is_expired(candidate, now) &&
            registration_match(candidate, a, q, &items[found.count])) {
            registration_ref(candidate);
            found.count++;
        }
    }
    if (found.count > 1) {
        qsort(items, (size_t)found.count, sizeof *items, in_order);
    }
    found.items = items;
    return found;
}

void registry_matches_clear(struct registry_matches *m)
{
    for (int i = 0; i < m->count; i++) {
        registration_unref(m->items[i].registration);
    }
    *m = (struct registry_matches){0};
}
