/* SPDX-License-Identifier: Apache-2.0 */
/* Writing into the history: POST of temporal entities and of their attributes. */
#pragma once

#include "context/call/api.h"

/* POST /temporal/entities (5.6.11): creates the entity or adds instances to its history. */
bool temporal_upsert(struct call *c, struct error *e);
/* POST /temporal/entities/{id}/attrs (5.6.12). */
bool temporal_append(struct call *c, struct error *e);
