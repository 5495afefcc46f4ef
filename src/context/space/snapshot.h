/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots (ETSI GS CIM 009 V1.9.1, 4.3.7, 5.16): what is kept of each, and how it is filled.
 *
 * A space keeps the description of its snapshots in its own store, the entities of each in a store beside it.
 * A description is a Snapshot (5.2.41) whose times are microseconds, with "folder", "context" (of the names
 * in the queries) and "cloneOf". A snapshot that a stop has interrupted is filled anew. */
#pragma once

#include "context/context.h"
#include "context/space/space.h"

#define SNAPSHOT_SPACE "snapshots"
#define SNAPSHOT_MONTHS_DAYS 30 /* of a month in a lifetime */

/* The threads that fill. Before space_start. */
void snapshot_start(void);
/* Before space_stop: interrupts what is being filled. Does nothing when not started. */
void snapshot_stop(void);

/* Makes known the snapshots that the store of a space keeps, as v sees it. */
void snapshot_load(struct view *v, struct space *of);
/* Queues the filling of one. */
void snapshot_fill(struct space *of, const char *id);
/* Removes those that have expired. */
void snapshot_sweep(void);

/* The description; NULL when there is none. */
struct json *snapshot_get(struct view *v, struct arena *a, const char *id);
bool snapshot_put(struct txn *t, struct arena *a, const struct json *kept, struct error *e);
/* As clients see it. */
struct json *snapshot_show(struct arena *a, const struct json *kept, struct space *of);
/* Tells the endpoint of a snapshot, if it has one, how it stands (5.16.6). */
void snapshot_notify(const struct json *kept);
/* Removes the description and the store, and tells the endpoint. Not on an HTTP thread. */
bool snapshot_remove(struct space *of, const char *id, struct error *e);

/* ---- snapshot_fill.c ---- */

/* Executes the queries of a description; adds an ExecutionResultDetails for each to the lists. False with e
 * set when the snapshot cannot be written. */
bool snapshot_execute(struct space *of, struct space *into, const struct json *kept, struct arena *a,
                      struct json *details, struct json *temporal_details, struct error *e);
/* Is it a Query, of the kind that snapshots take? */
bool snapshot_check_query(struct space *of, struct arena *a, const struct json *context,
                          const struct json *query, bool temporal, struct error *e);
/* True once the hub is stopping. */
bool snapshot_interrupted(void);
