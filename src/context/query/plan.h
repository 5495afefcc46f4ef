/* SPDX-License-Identifier: Apache-2.0 */
/* From a compiled query to what the store's indexes can do for it. */
#pragma once

#include "context/query/query.h"

/* Fills out with what the indexes can say. True when they say all of it, so that no entity needs to be looked
 * at. All lives in a or as long as q. */
bool plan_narrow(const struct entity_query *q, struct view *v, struct arena *a, struct store_query *out);

/* The time that a query of a client may take; 0 = as long as it likes. At the start. */
void plan_time_limit(int seconds);
/* The monotonic time at which a query that starts now must end; 0 = never. */
gint64 plan_deadline(void);
/* The header Zhongshu-Plan of such an answer. */
const char *plan_header(struct arena *a, const struct query_page *page, int64_t returned);
/* Did the query look at many entities that it did not return, without an index that says which? */
bool plan_is_scan(const struct query_page *page, int64_t returned);
