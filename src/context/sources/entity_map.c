/* SPDX-License-Identifier: Apache-2.0 */
/* The entity maps there are, the soonest to go first. */
#include "context/sources/entity_map.h"

#include <string.h>

#include "base/limits.h"

enum { USUAL_MINUTES = 10, MOST_MINUTES = 24 * 60 };

static GMutex lock;                /* of what follows */
static GQueue maps = G_QUEUE_INIT; /* the oldest first */
static int64_t entities;

struct entity_map *entity_map_new(const char *space, int count, int sources_count)
{
    struct entity_map *m = g_new0(struct entity_map, 1);
    g_autofree char *uuid = g_uuid_string_random();
    m->references = 1;
    m->id = g_strdup_printf("urn:ngsi-ld:EntityMap:%s", uuid);
    m->space = g_strdup(space);
    m->a = arena_new();
    m->entries = arena_array(m->a, struct entity_map_entry, count + 1);
    m->sources = arena_array(m->a, const char *, sources_count + 1);
    m->links = g_new0(char *, sources_count + 1);
    m->sources_count = sources_count;
    g_mutex_init(&m->lock);
    return m;
}

struct entity_map *entity_map_ref(struct entity_map *m)
{
    if (m != NULL) {
        g_atomic_int_inc(&m->references);
    }
    return m;
}

void entity_map_unref(struct entity_map *m)
{
    if (m == NULL || !g_atomic_int_dec_and_test(&m->references)) {
        return;
    }
    for (int i = 0; i < m->sources_count; i++) {
        g_free(m->links[i]);
    }
    g_free(m->links);
    g_free(m->id);
    g_free(m->space);
    arena_free(m->a);
    g_mutex_clear(&m->lock);
    g_free(m);
}

/* ---- the set of them, under its lock ---- */

static void drop(GList *link)
{
    struct entity_map *m = link->data;
    entities -= m->count;
    g_queue_delete_link(&maps, link);
    entity_map_unref(m);
}

static instant expiry(struct entity_map *m)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&m->lock);
    return m->expires;
}

static void drop_expired(instant now)
{
    for (GList *l = maps.head, *next; l != NULL; l = next) {
        next = l->next;
        if (expiry(l->data) <= now) {
            drop(l);
        }
    }
}

static GList *find(const char *space, const char *id)
{
    drop_expired(instant_now());
    for (GList *l = maps.head; l != NULL; l = l->next) {
        const struct entity_map *m = l->data;
        if (strcmp(m->id, id) == 0 && strcmp(m->space, space) == 0) {
            return l;
        }
    }
    return NULL;
}

void entity_map_keep(struct entity_map *m, int64_t lifetime_us)
{
    int64_t most = MOST_MINUTES * 60 * INSTANT_SECOND;
    m->expires =
        instant_now() + (lifetime_us > 0 ? MIN(lifetime_us, most) : USUAL_MINUTES * 60 * INSTANT_SECOND);
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&lock);
    drop_expired(instant_now());
    while (maps.length > 0 &&
           (maps.length >= LIMIT_ENTITY_MAPS || entities + m->count > LIMIT_ENTITY_MAPS_ALL)) {
        drop(maps.head);
    }
    entities += m->count;
    g_queue_push_tail(&maps, entity_map_ref(m));
}

struct entity_map *entity_map_find(const char *space, const char *id_or_uri)
{
    const char *slash = strrchr(id_or_uri, '/');
    g_autofree char *id = g_uri_unescape_string(slash != NULL ? slash + 1 : id_or_uri, NULL);
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&lock);
    GList *link = id != NULL ? find(space, id) : NULL;
    return link != NULL ? entity_map_ref(link->data) : NULL;
}

bool entity_map_delete(const char *space, const char *id)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&lock);
    GList *link = find(space, id);
    if (link != NULL) {
        drop(link);
    }
    return link != NULL;
}

void entity_map_clear(void)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&lock);
    while (maps.head != NULL) {
        drop(maps.head);
    }
}

/* ---- one of them ---- */

void entity_map_expire_at(struct entity_map *m, instant at)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&m->lock);
    m->expires = MIN(at, instant_now() + MOST_MINUTES * 60 * INSTANT_SECOND);
}

void entity_map_link(struct entity_map *m, int source, const char *link)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&m->lock);
    g_free(m->links[source]);
    m->links[source] = g_strdup(link);
}

char *entity_map_link_of(struct entity_map *m, int source)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&m->lock);
    return g_strdup(m->links[source]);
}

void entity_map_forget(struct entity_map *m, int entry)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&m->lock);
    m->entries[entry].places = 0;
}

entity_map_places entity_map_places_of(struct entity_map *m, int entry)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&m->lock);
    return m->entries[entry].places;
}

static struct json *show_places(struct arena *a, const struct entity_map *m, entity_map_places places)
{
    struct json *list = json_array(a);
    if ((places & ENTITY_MAP_LOCAL) != 0) {
        json_append(list, json_string(a, "@none"));
    }
    for (int i = 0; i < m->sources_count; i++) {
        if ((places & ENTITY_MAP_SOURCE(i)) != 0) {
            json_append(list, json_string(a, m->sources[i]));
        }
    }
    return list;
}

struct json *entity_map_show(struct arena *a, struct entity_map *m)
{
    char time[INSTANT_TEXT];
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&m->lock);
    struct json *out = json_object(a);
    json_add(out, "id", json_string(a, m->id));
    json_add(out, "type", json_string(a, "EntityMap"));
    json_add(out, "expiresAt", json_string(a, instant_format(m->expires, time)));
    struct json *map = json_add(out, "entityMap", json_object(a));
    for (int i = 0; i < m->count; i++) {
        if (m->entries[i].places != 0) {
            json_add(map, arena_strdup(a, m->entries[i].id), show_places(a, m, m->entries[i].places));
        }
    }
    struct json *linked = json_add(out, "linkedMaps", json_object(a));
    for (int i = 0; i < m->sources_count; i++) {
        if (m->links[i] != NULL) {
            const char *slash = strrchr(m->links[i], '/');
            json_add(linked, arena_strdup(a, m->sources[i]),
                     json_string(a, slash != NULL ? slash + 1 : m->links[i]));
        }
    }
    return out;
}
