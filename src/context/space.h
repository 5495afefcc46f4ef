/* SPDX-License-Identifier: Apache-2.0 */
/* Spaces: worlds of entities that know nothing of each other. */
#pragma once

#include <glib.h>

#include "http/http.h"
#include "store/store.h"

enum space_kind {
    SPACE_DEFAULT,  /* the data directory itself: what the features work on */
    SPACE_TENANT,   /* 4.14: its own store, subscriptions and registrations */
    SPACE_SNAPSHOT, /* 4.3.7: entities as they were found once; no subscriptions, no registrations */
};

/* One world of entities. Whoever keeps a pointer to it beyond a call keeps a reference. The fields do not
 * change while there is one. */
struct space {
    const char *name; /* of the tenant, id of the snapshot; "" for the default space */
    enum space_kind kind;
    struct store *store;
    struct notifier *notifier; /* its subscriptions; NULL in a snapshot */
    struct registry *registry; /* its context source registrations; NULL in a snapshot */
    gint references;           /* private to space.c */
};

/* Opens the default space and starts to notify. */
bool space_start(struct store *s, struct http_client *client, struct error *e);
/* After the HTTP server has stopped, before its client and the store. Does nothing when not started. */
void space_stop(void);

/* The one that is always there. Not a new reference. */
struct space *space_default(void);
struct space *space_ref(struct space *s);
void space_unref(struct space *s); /* NULL is fine; from any thread */
