/* SPDX-License-Identifier: Apache-2.0 */
/* A turn of a subscription: what the log holds for it after its cursor, rendered, until a message is full. */
#pragma once

#include "context/subscriptions/subscription.h"

struct turn {
    struct store *store;
    struct subscription *s; /* a reference */
    uint64_t cursor;        /* dealt with up to here */
    uint64_t first, last;   /* the records whose entities are in the message; 0 = none */
    uint64_t lost_to;       /* changes up to this one have been pruned; 0 = none */
    GPtrArray *texts;       /* of the entities, owned */
    GHashTable *linked;     /* id → text, of join=flat */
    struct view *view;      /* while reading what is there now */
    GHashTable *ids;        /* id → place in texts, plus one */
    size_t bytes;
    bool coalesce; /* throttled: the last of several changes of an entity stands for all */
};

void turn_init(struct turn *t, struct store *store, struct subscription *s, uint64_t cursor);
void turn_clear(struct turn *t);
/* Reads on from the cursor until a message is full, the log ends or enough was read. */
void turn_read_log(struct turn *t);
/* Reads these records (ascending, after the cursor) until a message is full; then the cursor is the last one
 * taken, else upto. */
void turn_read_records(struct turn *t, const uint64_t *seqs, guint count, uint64_t upto);
/* timeInterval: all that match now. */
void turn_read_current(struct turn *t);
/* The entities, comma-separated. */
char *turn_data(struct turn *t);
