/* SPDX-License-Identifier: Apache-2.0 */
/* The entities that a job has read or written, parsed: read once from disk, put there once when the job ends.
 */
#pragma once

#include "context/context.h"

/* Beside the STORE_… flags: types, attributes or kinds have come or gone. */
enum { ENTITY_SHAPE = 0x100 };

/* A version of an entity is never changed in place: a write makes a new list of members that shares what
 * stays. */
struct cached_entity {
    const char *id;
    int64_t eid;         /* 0: not on disk */
    struct json *entity; /* the current version; NULL: does not exist */
    struct json *stored; /* the version on disk; NULL: none */
    size_t size;         /* bytes of its text, or more */
    int changed;         /* parts that differ from the disk's: STORE_…, ENTITY_SHAPE */
    bool dirty;
    bool transient; /* something in the version on disk may expire */
    struct cached_entity *next_dirty;
};
/* Of the job that runs in t; made at the first call. */
struct entity_cache;
struct entity_cache *entity_cache_of(struct txn *t);
/* Its memory, which lives as long as the job. */
struct arena *entity_cache_arena(struct entity_cache *c);
/* An empty text to write records into; one at a time. */
GString *entity_cache_text(struct entity_cache *c);
/* Keeps the texts of what a record says of whole attributes, for the entity's own text when the job ends.
 * Until the next write of the entity each such attribute is marked with the number of its text (json.line).
 */
struct written_list;
void entity_cache_keep_texts(struct entity_cache *c, const char *record, const struct written_list *list);
/* The entity with this id as the job sees it, existing or not. NULL with e set when the stored text is
 * broken. */
struct cached_entity *entity_cache_find(struct entity_cache *c, struct txn *t, const char *id,
                                        struct error *e);
/* Takes a new version; changed are STORE_… flags. */
void entity_cache_set(struct entity_cache *c, struct cached_entity *entry, struct json *version, int changed);
/* Removes it from the disk at once. */
bool entity_cache_delete(struct txn *t, struct cached_entity *entry, struct error *e);
