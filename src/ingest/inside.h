/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of ingest share: the mapping in force and the handles. */
#pragma once

#include "ingest/mapping.h"
#include "ingest/subscriber.h"

extern const struct route ingest_routes[];

/* The hub that ingest runs in; set before any request comes. */
struct hub *ingest_hub(void);
/* A reference to the mapping in force; mapping_unref it. */
struct mapping *ingest_mapping(void);
/* False when no broker is configured. */
bool ingest_subscriber_state(struct subscriber_state *state);
