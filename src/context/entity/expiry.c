/* SPDX-License-Identifier: Apache-2.0 */
/* What has passed its expiresAt: unseen by readers, deleted by jobs. */
#include "context/entity/expiry.h"

#include <string.h>

#include "base/log.h"
#include "context/entity/entity.h"
#include "context/entity/write.h"

enum { SWEEP = 500 };
#define BY "expiry"

/* ---- what expires when ---- */

bool expiry_possible(const char *body, size_t length)
{
    static const char key[] = "expiresAt\":";
    const char *end = body + length;
    /* An x is rare in entities, so that looking for it is quicker than for the whole name. */
    for (const char *x = body; (x = memchr(x, 'x', (size_t)(end - x))) != NULL; x++) {
        if (end - x >= (ptrdiff_t)sizeof key - 2 && x > body && memcmp(x - 1, key, sizeof key - 1) == 0) {
            return true;
        }
    }
    return false;
}

static instant expires(const struct json *object)
{
    return json_get_int(object, "expiresAt", 0);
}

static bool is_past(const struct json *object, instant now)
{
    instant at = expires(object);
    return at != 0 && at <= now;
}

static instant earlier(instant a, instant b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

instant expiry_of(const struct json *entity)
{
    instant first = expires(entity);
    for (const struct json *m = json_first(entity); m != NULL; m = m->next) {
        for (const struct json *i = entity_is_attribute(m) ? instance_first(m) : NULL; i != NULL;
             i = instance_next(m, i)) {
            first = earlier(first, expires(i));
        }
    }
    return first;
}

/* ---- reading ---- */

/* The attribute without its instances that have expired; NULL when none is left. */
static struct json *alive(struct arena *a, const struct json *attribute, instant now)
{
    struct json *list = json_array(a);
    for (const struct json *i = instance_first(attribute); i != NULL; i = instance_next(attribute, i)) {
        if (!is_past(i, now)) {
            json_append(list, json_alias(a, i));
        }
    }
    struct json *left = list->length == 1 ? json_alias(a, list->first) : list;
    left->key = attribute->key;
    left->key_length = attribute->key_length;
    return list->length > 0 ? left : NULL;
}

static struct json *without_expired(struct arena *a, const struct json *entity, instant now)
{
    struct json *out = json_object(a);
    for (const struct json *m = entity->first; m != NULL; m = m->next) {
        struct json *kept = entity_is_attribute(m) ? alive(a, m, now) : json_alias(a, m);
        if (kept != NULL) {
            json_append(out, kept);
        }
    }
    return out;
}

bool expiry_parse(struct arena *a, const char *body, size_t length, struct json **out, struct error *e)
{
    struct json *entity = json_parse(a, body, length, e);
    *out = entity;
    if (entity == NULL || !expiry_possible(body, length)) {
        return entity != NULL;
    }
    instant now = instant_now(), first = expiry_of(entity);
    if (is_past(entity, now)) {
        *out = NULL;
    } else if (first != 0 && first <= now) {
        *out = without_expired(a, entity, now);
    }
    return true;
}

/* ---- deleting ---- */

/* A fragment that deletes the instances that have expired. */
static struct json *deletions(struct arena *a, const struct json *entity, instant now)
{
    struct json *fragment = json_object(a);
    json_add(fragment, "id", json_string(a, json_get_string(entity, "id")));
    for (const struct json *m = entity->first; m != NULL; m = m->next) {
        struct json *list = json_array(a);
        for (const struct json *i = entity_is_attribute(m) ? instance_first(m) : NULL; i != NULL;
             i = instance_next(m, i)) {
            if (is_past(i, now)) {
                write_add_deletion(a, list, json_get_string(i, "datasetId"));
            }
        }
        if (list->length > 0) {
            json_set(a, fragment, arena_strdup(a, m->key), list);
        }
    }
    return fragment;
}

bool expiry_settle(struct txn *t, struct cached_entity *entry, struct error *e)
{
    struct arena *a = entity_cache_arena(entity_cache_of(t));
    instant now = txn_now(t), first = entry->entity != NULL ? expiry_of(entry->entity) : 0;
    if (first == 0 || first > now) {
        return true;
    }
    if (is_past(entry->entity, now)) {
        return context_delete(t, entry->id, BY, NULL, e);
    }
    return context_write(t, a, deletions(a, entry->entity, now), CONTEXT_UPDATE, CONTEXT_MUST_EXIST, BY, NULL,
                         e);
}

/* ---- the sweep ---- */

struct sweep {
    struct store_job job;
    GPtrArray *ids;
};

static bool take_id(void *user, const char *id)
{
    g_ptr_array_add(user, g_strdup(id));
    return true;
}

/* Reading an entity in a job settles it; what the index has wrong is put right. */
static bool apply(struct store_job *job, struct txn *t, struct error *e)
{
    struct sweep *s = (struct sweep *)job;
    struct entity_cache *cache = entity_cache_of(t);
    for (guint i = 0; i < s->ids->len; i++) {
        struct cached_entity *entry = entity_cache_find(cache, t, s->ids->pdata[i], e);
        if (entry == NULL) {
            return false;
        }
        if (entry->entity != NULL && !entry->dirty) {
            entity_cache_set(cache, entry, entry->entity, STORE_EXPIRY);
        }
    }
    return true;
}

void expiry_sweep(struct store *store)
{
    guint found;
    do {
        g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
        struct sweep s = {.job = {.apply = apply}, .ids = ids};
        struct error e = {0};
        view_auto v = view_begin(store);
        view_expired(v, instant_now(), SWEEP, take_id, ids);
        view_end(g_steal_pointer(&v));
        found = ids->len;
        if (found > 0 && !store_run(store, &s.job, &e)) {
            log_failure("expiry", "delete what has expired", &e);
            return;
        }
    } while (found == SWEEP);
}
