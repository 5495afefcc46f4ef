/* SPDX-License-Identifier: Apache-2.0 */
/* Hosted @contexts: found in the store by URL, kept parsed. */
#include "context/hosted.h"

#include <string.h>

#include "context/api.h"

static GMutex lock;
static GHashTable *parsed; /* key to struct ld_context, which may be NULL */
static unsigned generation;

static void unref_context(gpointer c)
{
    ld_context_unref(c);
}

void hosted_changed(void)
{
    g_mutex_lock(&lock);
    g_clear_pointer(&parsed, g_hash_table_unref);
    generation++;
    g_mutex_unlock(&lock);
}

const char *hosted_key(const char *id_or_url)
{
    const char *path = strstr(id_or_url, HOSTED_PATH);
    return path != NULL ? path + strlen(HOSTED_PATH) : id_or_url;
}

struct json *hosted_get(struct view *v, struct arena *a, const char *key)
{
    const char *value;
    size_t length;
    struct error e = {0};
    return view_kv_get(v, a, HOSTED_SPACE, key, strlen(key), &value, &length)
               ? json_parse(a, value, length, &e)
               : NULL;
}

/* A new reference to a context parsed before. */
static bool find_parsed(const char *key, struct ld_context **found, unsigned *when)
{
    gpointer c = NULL;
    g_mutex_lock(&lock);
    bool known = parsed != NULL && g_hash_table_lookup_extended(parsed, key, NULL, &c);
    *found = ld_context_ref(c);
    *when = generation;
    g_mutex_unlock(&lock);
    return known;
}

static void keep_parsed(const char *key, struct ld_context *c, unsigned when)
{
    g_mutex_lock(&lock);
    if (when == generation) { /* else it may have been changed since it was read */
        if (parsed == NULL) {
            parsed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, unref_context);
        }
        g_hash_table_replace(parsed, g_strdup(key), ld_context_ref(c));
    }
    g_mutex_unlock(&lock);
}

static bool load(void *user, const char *url, struct ld_context **found, struct error *e)
{
    const char *key = hosted_key(url);
    unsigned when;
    if (find_parsed(key, found, &when)) {
        return true;
    }
    arena_auto a = arena_new();
    view_auto v = view_begin(space_default()->store);
    struct json *stored = hosted_get(v, a, key);
    if (stored == NULL) {
        return error_set(
            e, ERROR_CONTEXT_UNAVAILABLE,
            "The @context %.300s is not kept here and none is fetched; upload it to " NGSI_PATH
            "/jsonldContexts first",
            "此处没有 @context %.300s，也不会从网络获取；请先上传到 " NGSI_PATH "/jsonldContexts", url);
    }
    /* It may name others, but all of them were there before it: there are no circles. */
    if (!ld_context_parse(json_get(json_get(stored, "body"), "@context"), hosted_loader(), found, e)) {
        return false;
    }
    keep_parsed(key, *found, when);
    return true;
}

const struct ld_loader *hosted_loader(void)
{
    static const struct ld_loader loader = {load, NULL};
    return &loader;
}
