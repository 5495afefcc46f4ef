/* SPDX-License-Identifier: Apache-2.0 */
/* One write while it is being worked out; what the files of write share, nobody outside includes this. */
#pragma once

#include <string.h>

#include "context/entity/entity.h"
#include "context/entity/entity_cache.h"
#include "context/entity/record.h"
#include "context/entity/write.h"

/* One write while it is being worked out. Nothing of it is seen before finish(). */
struct writing {
    struct entity_cache *cache;
    struct txn *txn;
    struct arena *arena; /* the cache's */
    struct cached_entity *entry;
    const struct write *how;
    struct write_result *result;
    struct arena *result_arena;
    instant now;
    struct json *next;         /* the new version */
    struct json *cursor;       /* where the next attribute is looked for first: they come in the same order */
    struct written_list attrs; /* what the record will say */
    struct written_list late;  /* values older than the current ones, for the history only */
    struct written_list ended; /* the instances that are gone, as they were */
    struct json *gone;         /* array of names */
    struct json *same;         /* array of names of attributes that were written as they are */
    struct json *made;         /* array of names of attributes that were not there before */
    int changed;               /* STORE_… */
    bool touched;              /* type or scope changed */
    struct error *e;
};

/* The mark (json.line, which JSON does not use) of an instance that this write has made. */
enum { WRITTEN_NOW = 1 };

/* The datasetId of an instance; NULL for the default one. */
const char *dataset_of(const struct json *instance);
/* Adds to a list of names of the record ("name" or "name datasetId"). */
void writing_note(struct writing *w, struct json **list, const struct json *named, const char *dataset);
/* Adds an instance of an attribute to a list of the record. */
void writing_collect(struct writing *w, struct written_list *list, const struct json *named,
                     const struct json *instance);
/* Works one attribute of the fragment into the new version. */
bool writing_attribute(struct writing *w, const struct json *given);
/* Before the entity's modifiedAt moves on: gives it, as it was, to the instances that this write has not made
 * and that had none of their own; takes the marks away. */
void writing_settle_times(struct writing *w, int64_t modified_before);
