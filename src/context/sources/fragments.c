/* SPDX-License-Identifier: Apache-2.0 */
/* Merges entities that came from several sources; pure: no store, no network. */
#include "context/sources/fragments.h"

#include <string.h>

#include "context/entity/entity.h"

static int64_t time_of(const struct json *object, const char *name)
{
    const struct json *t = json_get(object, name);
    return json_is(t, JSON_INT) ? t->integer : INSTANT_MIN;
}

static instant observed_at(const struct json *instance)
{
    const struct json *t = json_get(instance, "observedAt");
    instant at = INSTANT_MIN;
    if (json_is(t, JSON_STRING)) {
        instant_parse(t->string, t->length, NULL, &at);
    }
    return at;
}

/* ---- one fragment, made independent of its entity ---- */

static void inherit(struct arena *a, struct json *instance, const struct json *entity, const char *name)
{
    const struct json *own = json_get(entity, name);
    if (own != NULL && json_get(instance, name) == NULL) {
        json_set(a, instance, name, json_int(a, own->integer));
    }
}

/* 4.5.5.2: what expires as a whole lets its attributes expire no later. */
static void inherit_expiry(struct arena *a, struct json *instance, const struct json *entity)
{
    int64_t whole = time_of(entity, "expiresAt");
    int64_t own = time_of(instance, "expiresAt");
    if (whole != INSTANT_MIN && (own == INSTANT_MIN || own > whole)) {
        json_set(a, instance, "expiresAt", json_int(a, whole));
    }
}

static void settle(struct arena *a, struct json *entity, bool expiry)
{
    for (struct json *m = entity->first; m != NULL; m = m->next) {
        if (!entity_is_attribute(m)) {
            continue;
        }
        for (const struct json *i = instance_first(m); i != NULL; i = instance_next(m, i)) {
            inherit(a, (struct json *)i, entity, "createdAt");
            inherit(a, (struct json *)i, entity, "modifiedAt");
            if (expiry) {
                inherit_expiry(a, (struct json *)i, entity);
            }
        }
    }
}

/* ---- attributes ---- */

struct candidate {
    const char *attribute;
    struct json *instance;
    enum fragment_rank rank;
};

static bool same_place(const struct candidate *c, const char *attribute, const struct json *instance)
{
    return strcmp(c->attribute, attribute) == 0 &&
           g_strcmp0(json_get_string(c->instance, "datasetId"), json_get_string(instance, "datasetId")) == 0;
}

/* Does the newcomer stand instead of the one that is there (4.5.5.3)? */
static bool wins(const struct json *instance, enum fragment_rank rank, const struct candidate *there)
{
    if (rank != there->rank) {
        return rank > there->rank;
    }
    instant a = observed_at(instance), b = observed_at(there->instance);
    if (a != b) {
        return a > b;
    }
    return time_of(instance, "modifiedAt") > time_of(there->instance, "modifiedAt");
}

static void offer(GArray *candidates, const char *attribute, struct json *instance, enum fragment_rank rank)
{
    const struct candidate new = {attribute, instance, rank};
    for (guint i = 0; i < candidates->len; i++) {
        struct candidate *c = &g_array_index(candidates, struct candidate, i);
        if (same_place(c, attribute, instance)) {
            if (wins(instance, rank, c)) {
                *c = new;
            }
            return;
        }
    }
    g_array_append_val(candidates, new);
}

/* An attribute of an auxiliary source counts when nobody else has it, under whatever datasetId. */
static bool is_gap(const GArray *candidates, const char *attribute)
{
    for (guint i = 0; i < candidates->len; i++) {
        const struct candidate *c = &g_array_index(candidates, struct candidate, i);
        if (c->rank != FRAGMENT_AUXILIARY && strcmp(c->attribute, attribute) == 0) {
            return false;
        }
    }
    return true;
}

static void offer_all(GArray *candidates, const struct fragment *f, instant now)
{
    for (struct json *m = f->entity->first; m != NULL; m = m->next) {
        if (!entity_is_attribute(m) || (f->rank == FRAGMENT_AUXILIARY && !is_gap(candidates, m->key))) {
            continue;
        }
        for (const struct json *i = instance_first(m); i != NULL; i = instance_next(m, i)) {
            int64_t expires = time_of(i, "expiresAt");
            if (expires == INSTANT_MIN || expires > now) {
                offer(candidates, m->key, (struct json *)i, f->rank);
            }
        }
    }
}

/* Adds an instance to its attribute, which becomes an array with the second one. */
static void add_instance(struct arena *a, struct json *entity, const char *name, struct json *instance)
{
    struct json *there = json_get(entity, name);
    if (there == NULL) {
        json_set(a, entity, name, instance);
    } else if (there->type == JSON_ARRAY) {
        json_append(there, instance);
    } else {
        struct json *list = json_array(a);
        json_append(list, json_alias(a, there));
        json_append(list, instance);
        json_set(a, entity, name, list);
    }
}

/* ---- the entity itself ---- */

static void add_new_texts(struct arena *a, struct json *list, const struct json *more)
{
    for (const struct json *m = json_first(more); m != NULL; m = m->next) {
        bool known = false;
        for (const struct json *l = list->first; l != NULL; l = l->next) {
            known = known || json_streq(l, m->string);
        }
        if (!known) {
            json_append(list, json_string(a, m->string));
        }
    }
}

static void merge_list(struct arena *a, struct json *out, const char *name, const struct fragment *f,
                       int count)
{
    struct json *list = json_array(a);
    for (int i = 0; i < count; i++) {
        add_new_texts(a, list, json_get(f[i].entity, name));
    }
    if (list->length > 0) {
        json_set(a, out, name, list);
    }
}

static void set_time(struct arena *a, struct json *out, const char *name, int64_t at)
{
    if (at != INSTANT_MIN) {
        json_set(a, out, name, json_int(a, at));
    }
}

static void merge_times(struct arena *a, struct json *out, const struct fragment *f, int count)
{
    int64_t created = INSTANT_MIN, modified = INSTANT_MIN, expires = INSTANT_MIN;
    bool lasting = false;
    for (int i = 0; i < count; i++) {
        int64_t c = time_of(f[i].entity, "createdAt"), e = time_of(f[i].entity, "expiresAt");
        created = created == INSTANT_MIN ? c : c == INSTANT_MIN ? created : MIN(created, c);
        modified = MAX(modified, time_of(f[i].entity, "modifiedAt"));
        expires = MAX(expires, e);
        lasting = lasting || e == INSTANT_MIN;
    }
    set_time(a, out, "createdAt", created);
    set_time(a, out, "modifiedAt", modified);
    set_time(a, out, "expiresAt", lasting ? INSTANT_MIN : expires);
}

static bool expire_alike(const struct fragment *f, int count)
{
    for (int i = 1; i < count; i++) {
        if (time_of(f[i].entity, "expiresAt") != time_of(f[0].entity, "expiresAt")) {
            return false;
        }
    }
    return true;
}

/* Does some instance expire? */
static bool has_expiry(const struct json *entity)
{
    for (const struct json *m = entity->first; m != NULL; m = m->next) {
        for (const struct json *i = entity_is_attribute(m) ? instance_first(m) : NULL; i != NULL;
             i = instance_next(m, i)) {
            if (json_get(i, "expiresAt") != NULL) {
                return true;
            }
        }
    }
    return false;
}

struct json *fragments_merge(struct arena *a, const struct fragment *fragments, int count, instant now)
{
    g_assert(count > 0);
    if (count == 1 && !has_expiry(fragments[0].entity)) {
        return fragments[0].entity;
    }
    bool expiry = !expire_alike(fragments, count);
    g_autoptr(GArray) candidates = g_array_new(FALSE, FALSE, sizeof(struct candidate));
    for (int i = 0; i < count; i++) {
        settle(a, fragments[i].entity, expiry);
    }
    for (int pass = 0; pass < 2; pass++) { /* the auxiliary ones last */
        for (int i = 0; i < count; i++) {
            if ((fragments[i].rank == FRAGMENT_AUXILIARY) == (pass == 1)) {
                offer_all(candidates, &fragments[i], now);
            }
        }
    }
    struct json *out = json_object(a);
    json_add(out, "id", json_string(a, json_get_string(fragments[0].entity, "id")));
    merge_list(a, out, "type", fragments, count);
    merge_list(a, out, "scope", fragments, count);
    merge_times(a, out, fragments, count);
    for (guint i = 0; i < candidates->len; i++) {
        const struct candidate *c = &g_array_index(candidates, struct candidate, i);
        add_instance(a, out, c->attribute, json_alias(a, c->instance));
    }
    return out;
}
