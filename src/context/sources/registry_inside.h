/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the registry share. */
#pragma once

#include "context/sources/registry.h"

/* id → {"body": …, "createdAt": µs, "modifiedAt": µs}, and id → how it fared. */
#define REGISTRY_SPACE "registrations"
#define REGISTRY_STATE_SPACE "registrations.state"

struct registry {
    gint references; /* the space's, and those of jobs on their way */
    struct store *store;
    GMutex lock;
    GHashTable *by_name;   /* id → reference */
    GHashTable *by_entity; /* entity id → array of those that only offer entities by their ids */
    GHashTable *wide;      /* set of the others */
    gint count;            /* atomic: how many there are */
    GHashTable *pending; /* what this commit has written: id → reference, NULL for removed; on the writer's
                            thread only */
    bool busy;           /* under lock: a job of the keeper is on its way */
    bool closed;         /* under lock: the store is not to be used any more */
    char *tenant;        /* NULL = the default one */
    GHashTable *subscribers; /* id → struct source_subscriber; under lock */
};
struct registry *registry_ref(struct registry *r);
void registry_unref(struct registry *r);

/* Installs a registration, or a new version of one. */
void registry_put(struct registry *r, struct registration *registration);
/* False when there is none. */
bool registry_remove(struct registry *r, const char *id);
/* All that the request may concern (NULL: all there are), in no order, as a new array of references. */
GPtrArray *registry_candidates(struct registry *r, const struct registry_query *q);
/* The same as this commit sees them, without that of id (which may be NULL). */
GPtrArray *registry_current_all(struct registry *r, const struct registry_query *q, const char *id);
/* Leaves of a shown registration only the elements of "information" that are marked. */
void registration_keep_parts(struct json *shown, const bool *marks);

/* Gives a registry to the keeper, and takes it away after a last look. */
void registry_keeper_add(struct registry *r);
void registry_keeper_remove(struct registry *r);
