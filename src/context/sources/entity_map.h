/* SPDX-License-Identifier: Apache-2.0 */
/* Entity maps (ETSI GS CIM 009 V1.9.1, 4.5.25, 5.14): which entities a query found, and where. They live in
 * memory only and are bounded; who asks for one that is gone gets a new one. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "base/arena.h"
#include "base/instant.h"
#include "json/json.h"

enum { ENTITY_MAP_SOURCES = 63 }; /* registrations of one map; further ones are always asked */

/* Where an entity is held: bit 0 = here, bit n = source n - 1. */
typedef uint64_t entity_map_places;
#define ENTITY_MAP_LOCAL UINT64_C(1)
#define ENTITY_MAP_SOURCE(n) (UINT64_C(2) << (n))

struct entity_map_entry {
    const char *id;
    entity_map_places places; /* 0 = it no longer matches */
};
/* Shared by threads: entries and sources do not change once it is kept, but for places and links under its
 * lock. */
struct entity_map {
    gint references;
    char *id;    /* urn:ngsi-ld:EntityMap:… */
    char *space; /* name of the space */
    struct arena *a;
    struct entity_map_entry *entries; /* by id */
    int count;
    const char **sources; /* ids of registrations */
    int sources_count;
    GMutex lock;  /* of what follows, and of places */
    char **links; /* per source: the entity map that it made, or NULL */
    instant expires;
};

struct entity_map *entity_map_new(const char *space, int count, int sources_count);
struct entity_map *entity_map_ref(struct entity_map *m); /* NULL is fine */
void entity_map_unref(struct entity_map *m);             /* NULL is fine */
/* Makes it known for so long (0: as long as is usual; at most a day). */
void entity_map_keep(struct entity_map *m, int64_t lifetime_us);
/* One of this space by its id or by the URI of its resource; NULL when there is none, or it has expired. */
struct entity_map *entity_map_find(const char *space, const char *id_or_uri);
bool entity_map_delete(const char *space, const char *id);
void entity_map_expire_at(struct entity_map *m, instant at);
void entity_map_link(struct entity_map *m, int source, const char *link);
/* Marks an entity as one that no longer matches. */
void entity_map_forget(struct entity_map *m, int entry);
entity_map_places entity_map_places_of(struct entity_map *m, int entry);
/* A copy of the link, or NULL; g_free it. */
char *entity_map_link_of(struct entity_map *m, int source);
/* The JSON of it (5.2.39). */
struct json *entity_map_show(struct arena *a, struct entity_map *m);
/* Frees all. */
void entity_map_clear(void);
