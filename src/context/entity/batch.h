/* SPDX-License-Identifier: Apache-2.0 */
/* Many entities in one request, while it is under way: here and at context sources. */
#pragma once

#include "context/call/api.h"
#include "context/sources/registration.h"

/* One element. It fails or succeeds by itself. */
struct batch_item {
    const char *id;              /* "" when it has none that could be read */
    struct json *fragment;       /* NULL when failed, or when only the id counts */
    const struct error *failure; /* in the arena; NULL = good so far */
    bool created;
    /* of context sources */
    bool elsewhere;      /* nothing of it is left for this hub */
    bool spread;         /* a source has taken part */
    bool done;           /* a source did its part */
    struct json *errors; /* BatchEntityErrors of sources; NULL = none */
};

struct batch {
    struct write_call write; /* first: the job leads back here */
    struct batch_item *items;
    int count;
    bool (*one)(struct batch *b, struct txn *t, struct batch_item *item, struct error *e);
    bool lists_created; /* answers 201 with the ids that were created */
    enum registration_operation operation;
};

/* A BatchEntityError (5.2.17); registration may be NULL. */
struct json *batch_error(struct arena *a, bool chinese, const char *entity, const struct error *e,
                         const char *registration);
/* Replies what became of all items. */
void batch_reply(struct batch *b);
