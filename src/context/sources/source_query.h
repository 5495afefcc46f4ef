/* SPDX-License-Identifier: Apache-2.0 */
/* What a request for registrations asks for, read from its parameters (5.10.2). */
#pragma once

#include "context/query/query_api.h"
#include "context/sources/registry.h"

struct source_query {
    struct registry_query query; /* its pointers are into entities, the parts below and the call's arena */
    struct entity_query entities;
    struct q *csf;
};
void source_query_clear(struct source_query *q);
typedef struct source_query source_query_auto_target;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(source_query_auto_target, source_query_clear)
/* `source_query_auto q = {0};` */
#define source_query_auto g_auto(source_query_auto_target)

/* A temporal query (4.11) as written; NULL = not given. */
struct source_when {
    const char *relation, *at, *end, *property;
};
bool source_query_read_when(struct registry_query *q, const struct source_when *w, struct error *e);
/* The parameters of a query of entities, csf and the temporal query. */
bool source_query_read(struct source_query *q, struct call *c, struct error *e);
/* Attribute names asked for: attrs with those that q and the geo-query name. NULL-terminated in a. */
const char *const *source_query_attributes(struct arena *a, const struct entity_query *entities,
                                           const char *const *named, int *count);
/* csf (4.9): names of members of a registration. */
struct q *source_filter_compile(const char *text, struct error *e);
