/* SPDX-License-Identifier: Apache-2.0 */
/* Spaces: worlds of entities that know nothing of each other.
 *
 * The default space is the data directory and always open. A tenant (4.14) is a store of its own in
 * DATA/tenants/NAME, a snapshot (4.3.7) one in snapshots/FOLDER of the space that it is of. Those are opened
 * when somebody asks for them, and closed again when too many are open that have no subscriptions to serve.
 *
 *              taken                           nobody uses it, too many are open
 *   CLOSED ------------> MOVING -----> OPEN -------------------------------------> MOVING ----> CLOSED
 *      \____________________________________\__________________________________> LEAVING ----> (gone)      */
#pragma once

#include <glib.h>

#include "http/http.h"
#include "store/store.h"

enum space_kind {
    SPACE_DEFAULT,  /* what the features work on */
    SPACE_TENANT,   /* its own entities, subscriptions and registrations */
    SPACE_SNAPSHOT, /* entities as they were found once; no registrations */
};
enum space_state { SPACE_CLOSED, SPACE_MOVING, SPACE_OPEN, SPACE_LEAVING };

/* One world of entities. Whoever holds a reference finds it open; the fields above the line do not change
 * meanwhile. */
struct space {
    const char *name; /* of the tenant, id of the snapshot; "" for the default space */
    const char *dir;
    enum space_kind kind;
    struct store *store;
    struct notifier *notifier; /* its subscriptions */
    struct registry *registry; /* its context source registrations; NULL in a snapshot */
    /* ---- private to the files of space ---- */
    struct space *parent; /* the tenant that it is a snapshot of; NULL for others */
    char *key;
    enum space_state state;
    int users;
    gint64 last_use;
    bool fresh; /* made by this run, and perhaps nothing written yet */
    /* of a snapshot */
    bool ready;      /* filled */
    instant expires; /* unseen from then on */
    instant used;    /* last */
};

/* Opens the default space and the tenants that have subscriptions, and starts to notify. */
bool space_start(struct store *s, struct http_client *client, struct error *e);
/* After the HTTP server has stopped, before its client and the store: closes all. Does nothing when not
 * started. */
void space_stop(void);

/* The one that is always there. Needs no reference. */
struct space *space_default(void);
struct space *space_ref(struct space *s);
void space_unref(struct space *s); /* NULL is fine; from any thread */

/* ---- tenants ---- */

/* At most LIMIT_TENANT_NAME letters, digits and _ - . : that begin with a letter or a digit. */
bool tenant_name_valid(const char *name, struct error *e);
/* A new reference. ERROR_NO_TENANT when there is none, unless create. One that is made and gets nothing
 * written vanishes again with the last reference. May block for a moment while its files are opened. */
struct space *space_tenant(const char *name, bool create, struct error *e);
/* Removes it with all that is in it, its snapshots too; waits until nobody uses it. Not on an HTTP thread. */
bool space_tenant_remove(const char *name, struct error *e);

/* As lists show it. */
struct tenant_info {
    const char *name;
    bool open;
    int64_t bytes; /* on disk */
    int subscriptions;
};
/* All tenants by name, in a. */
struct tenant_info *space_tenants(struct arena *a, int *count);

/* ---- snapshots: what is known of them is kept by snapshot.h, here are their stores ---- */

void space_snapshot_add(struct space *parent, const char *id, const char *folder, bool ready,
                        instant expires);
/* What has changed of it. False when there is none. */
bool space_snapshot_set(struct space *parent, const char *id, bool ready, instant expires);
/* A new reference. ERROR_NOT_FOUND when there is none or it has expired; while it is being filled
 * ERROR_CONFLICT, unless that does not matter. */
struct space *space_snapshot(struct space *parent, const char *id, bool filled, struct error *e);
/* When it was last used; 0 = not by this run. */
instant space_snapshot_used(struct space *parent, const char *id);
/* Removes its store; waits until nobody uses it. Not on an HTTP thread. */
bool space_snapshot_remove(struct space *parent, const char *id, struct error *e);
/* Calls each for the snapshots that have expired: tenant "" is the default one. Not under a lock. */
void space_snapshots_expired(void (*each)(const char *tenant, const char *id));
int space_snapshots_count(void);
/* For calls to the outside world. */
struct http_client *space_client(void);

/* Bytes on disk of all spaces together. */
int64_t space_bytes(void);
