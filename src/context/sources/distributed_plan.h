/* SPDX-License-Identifier: Apache-2.0 */
/* Which sources a request concerns, and what of it each is asked. */
#pragma once

#include "context/sources/distributed.h"
#include "context/sources/forward.h"
#include "context/sources/fragments.h"

/* Refuses with 508 what has been here before; fills q with what all requests have: via, csf (compiled, kept
 * with the caller), operations. */
bool plan_begin(struct call *c, struct registry_query *q, struct q **csf, uint64_t operations,
                struct error *e);
/* The sources that a query concerns. */
bool plan_query(struct call *c, const struct distributed_query *q, uint64_t operations,
                struct registry_matches *matches, struct error *e);
enum fragment_rank plan_rank(const struct registration *r);
/* Asks the source for the entities of the query (selector may be NULL) that it is registered for: id,
 * idPattern, type. */
void plan_select(struct forward *f, struct gather *g, const struct entity_selector *selector);
/* The type parameter alone: those asked for that are registered. type may be NULL. */
void plan_types(struct forward *f, struct gather *g, const struct type_query *type);
