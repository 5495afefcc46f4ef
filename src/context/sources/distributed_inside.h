/* SPDX-License-Identifier: Apache-2.0 */
/* One query over several sources while it is under way; shared by the files of it. */
#pragma once

#include "context/sources/distributed_plan.h"
#include "context/sources/entity_map.h"

#define FORWARD_PAGE 1000           /* entities asked of a source at a time */
enum { FORWARD_IDS_LENGTH = 4000 }; /* bytes of ids in one address */

/* What a forward of a query was for. */
struct asked {
    int source;
    int64_t offset;
    bool map;   /* for an entity map instead of entities */
    bool taken; /* its answer has been read */
};

struct fragment_node {
    struct fragment fragment;
    struct fragment_node *next;
};
/* One entity that somebody has. */
struct found {
    const char *id;
    entity_map_places places;
    struct fragment_node *fragments; /* of other sources, the last first */
    int entry;                       /* in the map that is used */
};

struct federated {
    struct gather *gather;
    struct entity_query query; /* owned */
    struct query_text text;
    struct render render;
    struct answer answer; /* owned */
    struct error e;       /* of the answer */
    struct query_page page;
    struct registry_matches matches; /* owned */
    bool split;                      /* an entity may be spread over sources: filter when it is whole */
    bool filter;                     /* filters are to be applied to what was put together */
    GHashTable *found;               /* id → struct found */
    const char **links;              /* per source: the entity map that it used */
    /* entity maps */
    bool map_only, wants_map;
    int64_t lifetime;
    struct entity_map *map; /* the one to use, or NULL */
    GArray *slice;          /* int: entries of it that are on the page */
};

/* Reads what is held here, cuts the page, replies, frees. */
void federated_finish(struct federated *q);
void federated_free(struct federated *q);
