/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the registry share. */
#pragma once

#include "context/registry.h"

/* id → {"body": …, "createdAt": µs, "modifiedAt": µs}, and id → how it fared. */
#define REGISTRY_SPACE "registrations"
#define REGISTRY_STATE_SPACE "registrations.state"

struct registry {
    gint references; /* the space's, and those of jobs on their way */
    struct store *store;
    GMutex lock;
    GPtrArray *all;      /* references, in the order of matching */
    gint count;          /* atomic: all->len */
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
/* All of them in order, as a new array of references. */
GPtrArray *registry_all(struct registry *r);
/* The same as this commit sees them, without that of id (which may be NULL); in no order. */
GPtrArray *registry_current_all(struct registry *r, const char *id);
/* Leaves of a shown registration only the elements of "information" that are marked. */
void registration_keep_parts(struct json *shown, const bool *marks);

/* Gives a registry to the keeper, and takes it away after a last look. */
void registry_keeper_add(struct registry *r);
void registry_keeper_remove(struct registry *r);
