/* SPDX-License-Identifier: Apache-2.0 */
/* The registrations of one space in memory. */
#include <string.h>

#include "base/log.h"
#include "context/source_subscription.h"

/* Exclusive, redirect, inclusive, auxiliary; by id within each. */
static int in_order(const struct registration *a, const struct registration *b)
{
    return a->mode != b->mode ? (a->mode < b->mode ? -1 : 1) : strcmp(a->id, b->id);
}

static int compare(const void *a, const void *b)
{
    return in_order(*(struct registration *const *)a, *(struct registration *const *)b);
}

static guint place_of(const struct registry *r, const char *id)
{
    guint i = 0;
    while (i < r->all->len && strcmp(((struct registration *)r->all->pdata[i])->id, id) != 0) {
        i++;
    }
    return i;
}

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
    guint i = place_of(r, id);
    return i < r->all->len ? registration_ref(r->all->pdata[i]) : NULL;
}

GPtrArray *registry_all(struct registry *r)
{
    GPtrArray *all = g_ptr_array_new_with_free_func((GDestroyNotify)registration_unref);
    if (registry_is_empty(r)) {
        return all;
    }
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&r->lock);
    for (guint i = 0; i < r->all->len; i++) {
        g_ptr_array_add(all, registration_ref(r->all->pdata[i]));
    }
    return all;
}

void registry_put(struct registry *r, struct registration *registration)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&r->lock);
    guint i = place_of(r, registration->id);
    if (i < r->all->len) {
        g_ptr_array_remove_index(r->all, i);
    }
    g_ptr_array_add(r->all, registration_ref(registration));
    g_ptr_array_sort(r->all, compare);
    g_atomic_int_set(&r->count, (gint)r->all->len);
}

bool registry_remove(struct registry *r, const char *id)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&r->lock);
    guint i = place_of(r, id);
    if (i == r->all->len) {
        return false;
    }
    g_ptr_array_remove_index(r->all, i);
    g_atomic_int_set(&r->count, (gint)r->all->len);
    return true;
}

struct registry *registry_ref(struct registry *r)
{
    g_atomic_int_inc(&r->references);
    return r;
}

void registry_unref(struct registry *r)
{
    if (g_atomic_int_dec_and_test(&r->references)) {
        g_ptr_array_unref(r->all);
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
        g_ptr_array_add(l->registry->all, registration_ref(r));
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
    r->all = g_ptr_array_new_with_free_func((GDestroyNotify)registration_unref);
    r->pending = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)registration_unref);
    view_kv_scan(v, REGISTRY_SPACE, NULL, 0, false, load_one, &loading);
    g_ptr_array_sort(r->all, compare);
    r->count = (gint)r->all->len;
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
