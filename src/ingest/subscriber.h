/* SPDX-License-Identifier: Apache-2.0 */
/* From the broker to the store: messages are mapped as they come, gathered while a commit is on its way,
 * written together, and acknowledged when they are on disk. */
#pragma once

#include "hub/hub.h"
#include "ingest/mapping.h"

/*   broker ──on_message──▶ gathering batch ──committer──▶ store_run ──▶ mqtt_ack
 *              (mapped)                        │ refused, full
 *                                              └─ pause the broker, wait, map again, try again
 */
struct subscriber;
/* Connects to h's broker as a persistent session. Takes no reference to m before subscriber_map. */
struct subscriber *subscriber_new(struct hub *h);
void subscriber_free(
    struct subscriber *s); /* NULL is fine; what is not committed is sent again by the broker */
/* Puts a new mapping in force; subscribes anew when its filters differ. */
void subscriber_map(struct subscriber *s, struct mapping *m);

struct subscriber_state {
    bool connected;
    instant since;    /* of connected */
    char reason[200]; /* why not connected */
    char client_id[40];
    int64_t waiting; /* messages mapped and not yet committed */
    bool holding;    /* the store takes no writes: the broker is made to wait */
    char hold_reason[200];
};
void subscriber_state(struct subscriber *s, struct subscriber_state *state);

extern struct counter subscriber_counters[];
enum { SUBSCRIBER_COUNTERS = 6 };
