/* SPDX-License-Identifier: Apache-2.0 */
/* Registrations changed inside a transaction, held against each other and against entities (ETSI GS CIM 009
 * V1.9.1, 5.9.2.4). */
#include <string.h>

#include "context/query/query.h"
#include "context/sources/source_subscription.h"

/* ---- what this commit sees ---- */

struct registration *registry_current(struct registry *r, const char *id)
{
    gpointer pending;
    return g_hash_table_lookup_extended(r->pending, id, NULL, &pending) ? registration_ref(pending)
                                                                        : registry_find(r, id);
}

GPtrArray *registry_current_all(struct registry *r, const struct registry_query *q, const char *id)
{
    g_autoptr(GPtrArray) all = registry_candidates(r, q);
    GPtrArray *found = g_ptr_array_new_with_free_func((GDestroyNotify)registration_unref);
    GHashTableIter i;
    gpointer value;
    for (guint k = 0; k < all->len; k++) {
        struct registration *other = all->pdata[k];
        if (g_strcmp0(other->id, id) != 0 && !g_hash_table_contains(r->pending, other->id)) {
            g_ptr_array_add(found, registration_ref(other));
        }
    }
    g_hash_table_iter_init(&i, r->pending);
    while (g_hash_table_iter_next(&i, NULL, &value)) {
        if (value != NULL && g_strcmp0(((struct registration *)value)->id, id) != 0) {
            g_ptr_array_add(found, registration_ref(value));
        }
    }
    return found;
}

/* ---- conflicts among registrations (4.3.6.3) ---- */

static bool is_temporal(const struct registration *r)
{
    return r->observation.given || r->management_interval.given;
}

/* Does the other one cover an entity and an attribute that the exclusive one claims? */
static bool covers_claim(const struct registration *other, struct arena *a,
                         const struct registration *exclusive)
{
    struct registry_match ignored;
    for (int i = 0; i < exclusive->info_count; i++) {
        const struct registration_info *info = &exclusive->info[i];
        for (int k = 0; k < info->entities_count; k++) {
            const struct registration_entity *entity = &info->entities[k];
            struct registry_query q = {
                .ids = &entity->id,
                .ids_count = 1,
                .types = other->mode == REGISTRATION_REDIRECT ? entity->types : NULL,
                .attributes = info->attributes,
                .attributes_count = info->attributes_count,
            };
            if (registration_covers(other, a, &q, &ignored)) {
                return true;
            }
        }
    }
    return false;
}

static bool conflict(const struct registration *a_registration, const struct registration *other,
                     struct arena *a)
{
    if (is_temporal(a_registration) != is_temporal(other) || registration_is_expired(other, instant_now())) {
        return false;
    }
    if (a_registration->mode == REGISTRATION_EXCLUSIVE) {
        return other->mode <= REGISTRATION_REDIRECT && covers_claim(other, a, a_registration);
    }
    return a_registration->mode == REGISTRATION_REDIRECT && other->mode == REGISTRATION_EXCLUSIVE &&
           covers_claim(a_registration, a, other);
}

/* The ids that an exclusive registration claims: only who offers one of them can be in its way. */
static void claim_ids(const struct registration *x, struct arena *a, struct registry_query *q)
{
    int room = 0;
    for (int i = 0; i < x->info_count; i++) {
        room += x->info[i].entities_count;
    }
    const char **ids = arena_array(a, const char *, room + 1);
    for (int i = 0; i < x->info_count; i++) {
        for (int k = 0; k < x->info[i].entities_count; k++) {
            ids[q->ids_count++] = x->info[i].entities[k].id;
        }
    }
    q->ids = ids;
}

static bool check_others(struct registry *r, struct arena *a, const struct registration *next,
                         struct error *e)
{
    if (next->mode > REGISTRATION_REDIRECT) {
        return true;
    }
    struct registry_query claimed = {0};
    claim_ids(next, a, &claimed);
    g_autoptr(GPtrArray) all =
        registry_current_all(r, next->mode == REGISTRATION_EXCLUSIVE ? &claimed : NULL, next->id);
    for (guint i = 0; i < all->len; i++) {
        const struct registration *other = all->pdata[i];
        if (conflict(next, other, a)) {
            return error_set(
                e, ERROR_CONFLICT,
                "The registration %.200s holds the same attributes of the same entity for itself: change or "
                "delete it first",
                "注册 %.200s 已独占同一实体的相同属性：请先修改或删除它", other->id);
        }
    }
    return true;
}

/* ---- conflicts with entities ---- */

static bool add_selectors(struct entity_query *q, struct arena *a, const struct registration *r,
                          const struct registration_info *info, struct error *e)
{
    for (int k = 0; k < info->entities_count; k++) {
        const struct registration_entity *entity = &info->entities[k];
        g_autoptr(GString) types = g_string_new(NULL);
        for (const struct json *t = json_first(entity->types); t != NULL; t = t->next) {
            g_string_append_printf(types, "%s%s", types->len > 0 ? "," : "", t->string);
        }
        /* an exclusive one claims the id, whatever the type */
        const char *type = r->mode == REGISTRATION_REDIRECT ? types->str : NULL;
        if (!entity_query_add_selector(q, a, NULL, entity->id, entity->pattern, type, e)) {
            return false;
        }
    }
    return true;
}

static bool take_first(void *user, const struct json *entity)
{
    *(char **)user = g_strdup(json_get_string(entity, "id"));
    return false;
}

static bool check_info(const struct registration *r, const struct registration_info *info, struct view *v,
                       struct error *e)
{
    arena_auto a = arena_new();
    entity_query_auto q = {.attrs = info->attributes, .attrs_count = info->attributes_count};
    struct query_page page = {.limit = 1};
    g_autofree char *id = NULL;
    if (!add_selectors(&q, a, r, info, e) || !entity_query_run(&q, v, &page, take_first, &id, e)) {
        return false;
    }
    return id == NULL ||
           error_set(e, ERROR_CONFLICT,
                     "The entity %.200s is kept here with what is registered: delete it or those attributes "
                     "first",
                     "实体 %.200s 在本地保存有所注册的内容：请先删除该实体或这些属性", id);
}

bool registry_check_entities(const struct registration *r, struct view *v, struct error *e)
{
    if (r->mode > REGISTRATION_REDIRECT || is_temporal(r)) {
        return true;
    }
    for (int i = 0; i < r->info_count; i++) {
        if (!check_info(r, &r->info[i], v, e)) {
            return false;
        }
    }
    return true;
}

/* ---- writing ---- */

static bool put(struct txn *t, struct arena *a, const struct registration *next, struct error *e)
{
    struct json *kept = json_object(a);
    json_add(kept, "body", json_copy(a, next->body));
    json_add(kept, "createdAt", json_int(a, next->created));
    json_add(kept, "modifiedAt", json_int(a, next->modified));
    const char *text = json_text(a, kept);
    return txn_kv_put(t, REGISTRY_SPACE, next->id, strlen(next->id), text, strlen(text), e);
}

static bool drop(struct txn *t, const char *id, struct error *e)
{
    return txn_kv_delete(t, REGISTRY_SPACE, id, strlen(id), e) &&
           txn_kv_delete(t, REGISTRY_STATE_SPACE, id, strlen(id), e);
}

bool registry_write(struct registry *r, struct txn *t, struct arena *a, const char *id,
                    struct registration *next, struct error *e)
{
    registration_auto old = registry_current(r, id);
    if (next != NULL) {
        next->modified = txn_now(t);
        next->created = old != NULL ? old->created : next->modified;
    }
    bool ok = (next != NULL ? check_others(r, a, next, e) && put(t, a, next, e) : drop(t, id, e)) &&
              source_subscribers_tell(r, t, a, old, next, e);
    if (ok) {
        g_hash_table_replace(r->pending, g_strdup(id), registration_ref(next));
    }
    return ok;
}

void registry_written(struct registry *r, const char *id, struct registration *next, bool durable)
{
    g_hash_table_remove(r->pending, id);
    if (durable && next != NULL) {
        registry_put(r, next);
    } else if (durable) {
        registry_remove(r, id);
    }
    if (durable) {
        source_subscribers_wake(r);
    }
}
