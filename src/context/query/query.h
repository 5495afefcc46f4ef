/* SPDX-License-Identifier: Apache-2.0 */
/* Which entities: compiled queries, run over the store's indexes or held against one entity (5.7.2, 5.8.6).
 */
#pragma once

#include "context/context.h"
#include "context/terms/ld_context.h"
#include "expr/expr.h"
#include "geo/geo.h"

/* One element of "entities": all that is given must hold (5.2.33). */
struct entity_selector {
    const char *const *ids; /* any of these; ids_count 0 = any id */
    int ids_count;
    GRegex *id_pattern;      /* or NULL */
    struct type_query *type; /* or NULL */
    bool type_exact;         /* type is a plain list of alternatives: the type index answers it alone */
};

/* All parts given must hold. Zeroed, it takes every entity. Pointers live in the arena it was compiled in,
 * but for what entity_query_clear frees. */
struct entity_query {
    struct entity_selector *selectors; /* any of these; 0 = all entities */
    int selectors_count;
    struct q *q;
    struct scope_query *scope;
    struct geo_query *geo;
    const char *geo_property; /* stored name; NULL = "location" */
    const char *const *attrs; /* at least one of these (stored names) must be there; NULL = any */
    int attrs_count;
    const double *box; /* touches this box, by the index alone; or NULL */
};
void entity_query_clear(struct entity_query *q);
typedef struct entity_query entity_query_auto_target;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(entity_query_auto_target, entity_query_clear)
/* `entity_query_auto q = {0};` */
#define entity_query_auto g_auto(entity_query_auto_target)

/* The parts of a query as a client writes them; NULL = not given. ids is comma-separated. */
struct query_text {
    const char *id, *id_pattern, *type;
    const char *q, *scope;
    const char *georel, *geometry, *geo_property;
    const struct json *coordinates;
    const char *attrs;                     /* comma-separated */
    const char *expand_values, *json_keys; /* comma-separated; about q */
};
/* Appends a selector of id, id_pattern and type. */
bool entity_query_add_selector(struct entity_query *q, struct arena *a, const struct ld_context *ctx,
                               const char *id, const char *id_pattern, const char *type, struct error *e);
/* Compiles all the rest, and a selector when id, id_pattern or type is given. */
bool entity_query_compile(struct entity_query *q, struct arena *a, const struct ld_context *ctx,
                          const struct query_text *text, struct error *e);
/* Comma-separated names as stored, NULL-terminated; *count may be NULL. NULL with e set when one is no name.
 */
const char *const *query_names(struct arena *a, const struct ld_context *ctx, const char *text, int *count,
                               struct error *e);

/* v is for linked entities in q; NULL = they are not followed. */
bool entity_query_matches(const struct entity_query *q, const struct json *entity, struct view *v);

struct query_page {
    int64_t offset, limit; /* limit -1 = all */
    bool count;            /* total is wanted */
    int64_t total;         /* result: how many match */
    bool more;             /* result: there are matches after this page */
    bool estimate;         /* plan says too how many rows a walk would read */
    bool (*text)(void *user, const struct store_entity *row); /* asked before each is called, with the stored
                                                                text; true: that was enough; or NULL */
    gint64 deadline;        /* monotonic time at which to give up with ERROR_TOO_COMPLEX; 0 = never */
    struct store_plan plan; /* result: how it was done */
    bool looked;            /* result: entities were held against the query, not taken by the index alone */
};
/* Calls each for the entities of the page, ordered by age, until it returns false. The entity lives during
 * the call. */
bool entity_query_run(const struct entity_query *q, struct view *v, struct query_page *page,
                      bool (*each)(void *user, const struct json *entity), void *user, struct error *e);
