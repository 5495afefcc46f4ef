/* SPDX-License-Identifier: Apache-2.0 */
/* Operations that concern other context sources too (ETSI GS CIM 009 V1.9.1, 4.3.6): between the parsing of a
 * request and its local run. Each function here replies, now or later. */
#pragma once

#include "context/entity/batch.h"
#include "context/query/answer.h"
#include "context/query/query.h"
#include "context/query/query_api.h"
#include "context/sources/registration.h"

void distributed_start(void);
/* After the HTTP server has stopped. */
void distributed_stop(void);

/* True when the call is for this hub alone: nothing is registered, local=true, or it works on a snapshot. */
bool distributed_is_local(struct call *c);
/* The same for a read, which may ask for an entity map without any registration. */
bool distributed_read_is_local(struct call *c);

/* ---- reading (distributed_query.c, distributed_retrieve.c) ---- */

/* GET /entities/{id} (5.7.1). */
bool distributed_retrieve(struct call *c, const char *id, const struct render *render,
                          const struct join_text *join, struct error *e);

/* What a query was asked with, as it is passed on. */
struct distributed_query {
    struct entity_query *query; /* taken over: cleared here, whatever the result */
    const struct query_text *text;
    const struct render *render;
    const struct join_text *join;
    bool map_only; /* answers with an entity map (5.14.4) instead of entities */
};
bool distributed_query(struct call *c, const struct distributed_query *q, struct error *e);

/* Types and attributes (distributed_discovery.c): body is what is known here (NULL = nothing), reply sends
 * what was made of it. */
struct distributed_discovery {
    enum registration_operation operation;
    const char *collection; /* "types", "attributes" */
    const char *name;       /* of the one asked for, as stored; NULL = all */
    bool details;
};
bool distributed_discover(struct call *c, const struct distributed_discovery *what, struct json *body,
                          void (*reply)(struct call *c, struct json *body), struct error *e);

/* ---- writing (distributed_write.c, distributed_batch.c) ---- */

/* A write to one entity: w has its id or its fragment, its attribute, its reply. Takes w over, also when it
 * returns false with e set. */
bool distributed_write(struct call *c, struct write_call *w, enum registration_operation operation,
                       struct error *e);
/* A batch operation; takes it over. */
bool distributed_batch(struct call *c, struct batch *b, struct error *e);
