/* SPDX-License-Identifier: Apache-2.0 */
/* Slabs of nodes, so that the address of a node tells its file. */
#include "packs/yaml.h"

enum { SLAB_NODES = 64 };

struct slab {
    struct slab *next; /* older */
    const char *file;
    int used;
    struct json nodes[SLAB_NODES];
};

struct node_origin {
    struct arena *arena;
    struct slab *slabs; /* the newest first */
};

struct node_origin *node_origin_new(struct arena *a)
{
    struct node_origin *o = arena_new0(a, struct node_origin);
    o->arena = a;
    return o;
}

struct json *node_origin_make(struct node_origin *o, const char *file)
{
    struct slab *s = o->slabs;
    if (s == NULL || s->used == SLAB_NODES || s->file != file) {
        s = arena_new0(o->arena, struct slab);
        s->next = o->slabs;
        s->file = file;
        o->slabs = s;
    }
    return &s->nodes[s->used++];
}

const char *node_origin_file(const struct node_origin *o, const struct json *node)
{
    uintptr_t at = (uintptr_t)node;
    for (const struct slab *s = o->slabs; s != NULL; s = s->next) {
        if (at >= (uintptr_t)s->nodes && at < (uintptr_t)(s->nodes + SLAB_NODES)) {
            return s->file;
        }
    }
    return NULL;
}
