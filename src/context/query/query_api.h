/* SPDX-License-Identifier: Apache-2.0 */
/* Queries over HTTP: GET /entities and POST /entityOperations/query (5.7.2). */
#pragma once

#include "context/call/api.h"
#include "context/query/query.h"

/* The parameters of GET /entities. */
extern const char *const entity_query_parameters[];
bool query_entities(struct call *c, struct error *e);
bool query_by_body(struct call *c, struct error *e);
/* The same, answered with an entity map (5.14.4). */
bool query_entity_map(struct call *c, struct error *e);
bool query_entity_map_by_body(struct call *c, struct error *e);
/* The parameters that say which entities, and local. */
bool query_read_text(struct call *c, struct query_text *text, bool *local, struct error *e);
/* Fills q from the body's members entities, q, geoQ, scopeQ and attrs (5.2.23); also what subscriptions hold.
 */
bool query_read_body(struct entity_query *q, struct arena *a, const struct ld_context *ctx,
                     const struct json *body, struct error *e);
/* The same; *text is what the body says. */
bool query_read_body_text(struct entity_query *q, struct arena *a, const struct ld_context *ctx,
                          const struct json *body, struct query_text *text, struct error *e);
/* Sets what is to be shown from the body's pick, omit, attrs, lang and datasetId. */
bool query_read_projection(struct call *c, const struct json *body, struct render *render, struct error *e);
/* Is it a Query (5.2.23) with no other members than these (NULL-terminated)? */
bool query_check_members(const struct json *body, const char *const *known, struct error *e);
/* limit, offset and count. */
bool query_read_page(struct call *c, struct query_page *page, struct error *e);
/* Link values to the pages around this one; NULL when there are none. */
const char *query_page_links(struct call *c, const struct query_page *page);
