/* SPDX-License-Identifier: Apache-2.0 */
/* A temporal request on its way through the threads that read histories; what the files of temporal share. */
#pragma once

#include "context/query/query_api.h"
#include "context/temporal/temporal_query.h"

struct temporal_job {
    struct call call;                                      /* with references to its context and space */
    bool (*work)(struct temporal_job *j, struct error *e); /* replies, or fails */
    const char *id;
    const char *by;                             /* who asks */
    const char *attribute, *dataset, *instance; /* for changes */
    struct json *fragment;
    const void *choices; /* of an export */
    struct temporal_query q;
    struct entity_query selection; /* which entities, by id and type */
    struct q *filter;              /* these three are held against the history */
    struct geo_query *geo;
    struct scope_query *scope;
    struct query_page page;
    int order;    /* of the ids: 1 ascending, -1 descending, 0 by age */
    void *spread; /* what context sources said (distributed_temporal.c); NULL = none were asked */
};
struct temporal_job *temporal_job_new(struct call *c, bool (*work)(struct temporal_job *j, struct error *e));
void temporal_job_free(struct temporal_job *j);
/* Suspends the request and hands it over; the job is freed after its work. */
void temporal_job_submit(struct temporal_job *j);
/* The same for a request that sleeps already. */
void temporal_job_continue(struct temporal_job *j);

/* Is there any series of the entity? */
bool temporal_has_history(struct store *store, const char *id, bool *has, struct error *e);
bool temporal_refuse_unknown(const char *id, struct error *e);

/* ---- temporal_select.c: which entities ---- */

/* The parameters, or the members of a body, that say which entities. */
bool temporal_select_parameters(struct temporal_job *j, struct error *e);
bool temporal_select_body(struct temporal_job *j, const struct json *body, struct error *e);
/* Calls each for the entities that are there, then for those that have been deleted (id, type, scope,
 * deletedAt), until it returns false. The filters held against the history are not tried here. */
bool temporal_select_run(struct temporal_job *j, struct view *v,
                         bool (*each)(void *user, const struct json *entity), void *user, struct error *e);
/* Do the instances in the range (stored form, arrays) satisfy the filters? */
bool temporal_select_filter(void *job, const struct json *entity);
bool temporal_select_filters(const struct temporal_job *j);

/* ---- operations ---- */

bool temporal_retrieve(struct call *c, struct error *e);   /* 5.7.3 */
bool temporal_query_get(struct call *c, struct error *e);  /* 5.7.4 */
bool temporal_query_post(struct call *c, struct error *e); /* 5.7.4, 6.24 */

/* Changes. Those by range answer how many points went. */
bool temporal_delete_entity(struct call *c, struct error *e);    /* 5.6.16 */
bool temporal_delete_attribute(struct call *c, struct error *e); /* 5.6.13 */
bool temporal_delete_instance(struct call *c, struct error *e);  /* 5.6.15 */
bool temporal_correct_instance(struct call *c, struct error *e); /* 5.6.14 */
bool temporal_delete_range(struct call *c, struct error *e);
bool temporal_delete_attribute_range(struct call *c, struct error *e);
