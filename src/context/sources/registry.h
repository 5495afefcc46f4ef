/* SPDX-License-Identifier: Apache-2.0 */
/* The registrations of one space, in memory, and which of them a request concerns (ETSI GS CIM 009 V1.9.1,
 * 4.3.6, 5.10.2, 5.12). */
#pragma once

#include "context/sources/registration.h"
#include "expr/expr.h"
#include "store/store.h"

struct registry;
/* Reads the registrations, and the subscriptions to them, that the store keeps. tenant NULL = the default
 * one.
 */
struct registry *registry_open(struct store *s, const char *tenant, struct error *e);
/* Before the store is closed. NULL is fine. */
void registry_close(struct registry *r);
const char *registry_tenant(struct registry *r);
/* Would it, of a store that is closed? */
bool registry_needs_opening(struct view *v);
/* Does something go on in it while nobody asks? NULL is not at work. */
bool registry_is_at_work(struct registry *r);

/* True when there is no registration at all: one atomic read, so that a hub without them pays nothing. A NULL
 * registry is empty. */
bool registry_is_empty(struct registry *r);
int registry_count(struct registry *r);
/* A new reference, or NULL. */
struct registration *registry_find(struct registry *r, const char *id);

/* ---- matching (5.12) ---- */

enum registry_time { REGISTRY_LATEST, REGISTRY_OBSERVED, REGISTRY_MANAGED };

/* What a request asks for. Zeroed, it concerns every registration for latest information. Texts are stored
 * names; all pointers must live until the match is made. */
struct registry_query {
    uint64_t operations; /* the registration must offer one of these; 0 = does not matter (discovery) */
    const char *const *ids;
    int ids_count;          /* 0 = any id */
    const char *id_pattern; /* as the client wrote it, or NULL */
    const struct type_query *type;
    const struct json *types;      /* of one known entity (an array of texts), instead of type; or NULL */
    const char *const *attributes; /* attributes_count 0 = all attributes */
    int attributes_count;
    const char *const *datasets; /* NULL-terminated; NULL = any */
    const struct scope_query *scope;
    const struct q *csf;      /* over the properties of the registration */
    struct geo_query *geo;    /* against the registered space of the same name */
    const char *geo_property; /* location, observationSpace, operationSpace; NULL = location */
    enum registry_time time;  /* REGISTRY_LATEST: only those without intervals; else of which interval */
    instant from, to; /* equal for before and after: a moment in it; else an overlap with [from, to] */
    const char *via;  /* value of the Via header: sources named there are left out; or NULL */
};

/* One element of "information" that matches. */
struct registry_part {
    const struct registration_info *info;
    const struct registration_entity *const *entities; /* those that match */
    int entities_count;                                /* 0 = the element names no entities */
    const char *const *attributes; /* those asked for that it covers; when all were asked: those that it
                                      names; NULL = all that were asked (attributes_count 0) */
    int attributes_count;
};
struct registry_match {
    struct registration *registration; /* a reference */
    const struct registry_part *parts;
    int parts_count;
    const char *const *attributes; /* of all parts together, each once; NULL = all that were asked */
    int attributes_count;
};
struct registry_matches {
    const struct registry_match *items; /* exclusive, redirect, inclusive, auxiliary; by id within each */
    int count;
};
/* What lives in a but the references, which registry_matches_clear gives back. */
struct registry_matches registry_match(struct registry *r, struct arena *a, const struct registry_query *q);
void registry_matches_clear(struct registry_matches *m);
typedef struct registry_matches registry_matches_auto_target;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(registry_matches_auto_target, registry_matches_clear)
/* `registry_matches_auto m = registry_match(…);` */
#define registry_matches_auto g_auto(registry_matches_auto_target)

/* What its "information" alone covers of the entities and attributes asked for, all else aside. */
bool registration_covers(const struct registration *r, struct arena *a, const struct registry_query *q,
                         struct registry_match *m);
/* The same for one registration; false when it does not match. *m gets no reference of its own. */
bool registration_match(struct registration *r, struct arena *a, const struct registry_query *q,
                        struct registry_match *m);

/* ---- changing, inside a job of the space's store ---- */

/* The registration as this commit sees it, what is not yet durable included: a reference, or NULL. */
struct registration *registry_current(struct registry *r, const char *id);
/* Puts next in the place of the registration of that id (NULL: removes it): held against the others
 * (ERROR_CONFLICT, 5.9.2.4), written, and told to the subscribers to registrations. */
bool registry_write(struct registry *r, struct txn *t, struct arena *a, const char *id,
                    struct registration *next, struct error *e);
/* In the job's done: makes what was written valid for requests, or forgets it. */
void registry_written(struct registry *r, const char *id, struct registration *next, bool durable);
/* Does an entity of the view stand in the way of a proxied registration (5.9.2.4)? Not inside a job. */
bool registry_check_entities(const struct registration *r, struct view *v, struct error *e);

/* One thread for all registries: deletes registrations when they expire, keeps how the others fared, sends
 * notifications to subscribers through client. Between these two calls; registries may come and go. */
struct http_client;
void registry_keeper_start(struct http_client *client);
void registry_keeper_stop(void);
