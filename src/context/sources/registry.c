/* SPDX-License-Identifier: Apache-2.0 */
/* The registrations of one space in memory. */
#include <string.h>

#include "base/log.h"
#include "context/sources/source_subscription.h"

/* ---- the index; all under the lock ---- */

/* Is every entity that it offers named by its id? Then only requests for one of these ids, or for no ids,
 * concern it. */
static bool is_by_id(const struct registration *x)
{
    for (int i = 0; i < x->info_count; i++) {
        for (int k = 0; k < x->info[i].entities_count; k++) {
            if (x->info[i].entities[k].id == NULL) {
                return false;
            }
        }
        if (x->info[i].entities_count == 0) {
            return false;
        }
    }
    return true;
}

static void index_one(struct registry *r, struct registration *x, const char *entity)
{
    GPtrArray *bucket = g_hash_table_lookup(r->by_entity, entity);
    if (bucket == NULL) {
        bucket = g_ptr_array_new();
        g_hash_table_insert(r->by_entity, g_strdup(entity), bucket);
    }
    if (bucket->len == 0 || bucket->pdata[bucket->len - 1] != x) {
        g_ptr_array_add(bucket, x);
    }
}

static void unindex_one(struct registry *r, struct registration *x, const char *entity)
{
    GPtrArray *bucket = g_hash_table_lookup(r->by_entity, entity);
    if (bucket != NULL && g_ptr_array_remove(bucket, x) && bucket->len == 0) {
        g_hash_table_remove(r->by_entity, entity);
    }
}

static void each_entity(struct registry *r, struct registration *x,
                        void (*each)(struct registry *r, struct registration *x, const char *entity))
{
    for (int i = 0; i < x->info_count; i++) {
        for (int k = 0; k < x->info[i].entities_count; k++) {
            each(r, x, x->info[i].entities[k].id);
        }
    }
}

static void take_out(struct registry *r, struct registration *x)
{
    if (!g_hash_table_remove(r->wide, x)) {
        each_entity(r, x, unindex_one);
    }
    g_hash_table_remove(r->by_name, x->id);
}

/* Takes the reference. */
static void put_in(struct registry *r, struct registration *x)
{
    if (is_by_id(x)) {
        each_entity(r, x, index_one);
    } else {
        g_hash_table_add(r->wide, x);
    }
    g_hash_table_insert(r->by_name, (gpointer)x->id, x);
    g_atomic_int_set(&r->count, (gint)g_hash_table_size(r->by_name));
}

/* ---- asking ---- */

bool registry_is_empty(struct registry *r)
{
    return r == NULL || g_atomic_int_get(&r->count) == 0;
}

int registry_count(struct registry *r)
{
    return r != NULL ? g_atomic_int_get(&r->count) : 0;
}

const char *registry_tenant(struct registry *r)
{
    return r->tenant;
}

bool registry_needs_opening(struct view *v)
{
    return view_kv_count(v, SOURCE_SUBSCRIPTION_SPACE) > 0;
}

bool registry_is_at_work(struct registry *r)
{
    return r != NULL && source_subscriber_count(r) > 0;
}

struct registration *registry_find(struct registry *r, const char *id)
{
    if (registry_is_empty(r)) {
        return NULL;
    }
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&r->lock);
    return registration_ref(g_hash_table_lookup(r->by_name, id));
}

static void add_set(GPtrArray *found, GHashTable *registrations)
{
    GHashTableIter i;
    gpointer value;
    g_hash_table_iter_init(&i, registrations);
    while (g_hash_table_iter_next(&i, NULL, &value)) {
        g_ptr_array_add(found, registration_ref(value));
    }
}

static void add_by_ids(struct registry *r, GPtrArray *found, const struct registry_query *q)
{
    g_autoptr(GHashTable) seen = q->ids_count > 1 ? g_hash_table_new(NULL, NULL) : NULL;
    for (int i = 0; i < q->ids_count; i++) {
        const GPtrArray *bucket = g_hash_table_lookup(r->by_entity, q->ids[i]);
        for (guint k = 0; bucket != NULL && k < bucket->len; k++) {
            if (seen == NULL || g_hash_table_add(seen, bucket->pdata[k])) {
                g_ptr_array_add(found, registration_ref(bucket->pdata[k]));
            }
        }
    }
}

GPtrArray *registry_candidates(struct registry *r, const struct registry_query *q)
{
    GPtrArray *found = g_ptr_array_new_with_free_func((GDestroyNotify)registration_unref);
    if (registry_is_empty(r)) {
        return found;
    }
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&r->lock);
    if (q != NULL && q->ids_count > 0 && q->id_pattern == NULL) {
        add_by_ids(r, found, q);
        add_set(found, r->wide);
    } else {
        add_set(found, r->by_name);
    }
    return found;
}

void registry_put(struct registry *r, struct registration *registration)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&r->lock);
    struct registration *old = g_hash_table_lookup(r->by_name, registration->id);
    if (old != NULL) {
        take_out(r, old);
    }
    put_in(r, registration_ref(registration));
}

bool registry_remove(struct registry *r, const char *id)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&r->lock);
    struct registration *old = g_hash_table_lookup(r->by_name, id);
    if (old != NULL) {
        take_out(r, old);
        g_atomic_int_set(&r->count, (gint)g_hash_table_size(r->by_name));
    }
    return old != NULL;
}

struct registry *registry_ref(struct registry *r)
{
    g_atomic_int_inc(&r->references);
    return r;
}

void registry_unref(struct registry *r)
{
    if (g_atomic_int_dec_and_test(&r->references)) {
        g_hash_table_unref(r->wide);
        g_hash_table_unref(r->by_entity);
        g_hash_table_unref(r->by_name);
        g_hash_table_unref(r->pending);
        g_hash_table_unref(r->subscribers);
        g_free(r->tenant);
        g_mutex_clear(&r->lock);
        g_free(r);
    }
}

/* ---- loading ---- */

struct loading {
    struct registry *registry;
    struct view *view;
};

static bool load_one(void *user, const void *key, size_t key_length, const char *value, size_t length)
{
    struct loading *l = user;
    arena_auto a = arena_new();
    struct error e = {0};
    const char *text;
    size_t text_length;
    const struct json *kept = json_parse(a, value, length, &e);
    const struct json *state = NULL;
    if (view_kv_get(l->view, a, REGISTRY_STATE_SPACE, key, key_length, &text, &text_length)) {
        state = json_parse(a, text, text_length, NULL);
    }
    registration_auto r = kept != NULL ? registration_parse(json_get(kept, "body"), NULL, state, &e) : NULL;
    if (r == NULL) {
        log_failure("registry", "load a registration", &e);
    } else {
        r->created = json_get_int(kept, "createdAt", 0);
        r->modified = json_get_int(kept, "modifiedAt", 0);
        put_in(l->registry, registration_ref(r));
    }
    return true;
}

struct registry *registry_open(struct store *s, const char *tenant, struct error *e)
{
    struct registry *r = g_new0(struct registry, 1);
    view_auto v = view_begin(s);
    struct loading loading = {r, v};
    r->references = 1;
    r->store = s;
    r->tenant = g_strdup(tenant);
    r->subscribers =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)source_subscriber_unref);
    r->by_name = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)registration_unref);
    r->by_entity = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    r->wide = g_hash_table_new(NULL, NULL);
    r->pending = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)registration_unref);
    view_kv_scan(v, REGISTRY_SPACE, NULL, 0, false, load_one, &loading);
    source_subscribers_load(r, v);
    registry_keeper_add(r);
    return r;
}

void registry_close(struct registry *r)
{
    if (r != NULL) {
        registry_keeper_remove(r);
        g_mutex_lock(&r->lock);
        r->closed = true;
        g_mutex_unlock(&r->lock);
        registry_unref(r);
    }
}
