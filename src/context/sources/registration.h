/* SPDX-License-Identifier: Apache-2.0 */
/* Context source registrations (ETSI GS CIM 009 V1.9.1, 5.2.9): what they say, checked and compiled. */
#pragma once

#include "base/instant.h"
#include "context/terms/ld_context.h"
#include "geo/geo.h"

/* How operations are spread (4.3.6), in the order in which registrations are considered. */
enum registration_mode {
    REGISTRATION_EXCLUSIVE,
    REGISTRATION_REDIRECT,
    REGISTRATION_INCLUSIVE,
    REGISTRATION_AUXILIARY,
};

/* The names of operations (table 4.20-1). A set of them is a bit for each: OPERATION_BIT(OP_CREATE_ENTITY).
 */
enum registration_operation {
    OP_CREATE_ENTITY,
    OP_UPDATE_ENTITY,
    OP_APPEND_ATTRS,
    OP_UPDATE_ATTRS,
    OP_DELETE_ATTRS,
    OP_DELETE_ENTITY,
    OP_CREATE_BATCH,
    OP_UPSERT_BATCH,
    OP_UPDATE_BATCH,
    OP_DELETE_BATCH,
    OP_UPSERT_TEMPORAL,
    OP_APPEND_ATTRS_TEMPORAL,
    OP_DELETE_ATTRS_TEMPORAL,
    OP_UPDATE_ATTR_INSTANCE_TEMPORAL,
    OP_DELETE_ATTR_INSTANCE_TEMPORAL,
    OP_DELETE_TEMPORAL,
    OP_MERGE_ENTITY,
    OP_REPLACE_ENTITY,
    OP_REPLACE_ATTRS,
    OP_MERGE_BATCH,
    OP_PURGE_ENTITY,
    OP_RETRIEVE_ENTITY,
    OP_QUERY_ENTITY,
    OP_QUERY_BATCH,
    OP_RETRIEVE_TEMPORAL,
    OP_QUERY_TEMPORAL,
    OP_RETRIEVE_ENTITY_TYPES,
    OP_RETRIEVE_ENTITY_TYPE_DETAILS,
    OP_RETRIEVE_ENTITY_TYPE_INFO,
    OP_RETRIEVE_ATTR_TYPES,
    OP_RETRIEVE_ATTR_TYPE_DETAILS,
    OP_RETRIEVE_ATTR_TYPE_INFO,
    OP_CREATE_SUBSCRIPTION,
    OP_UPDATE_SUBSCRIPTION,
    OP_RETRIEVE_SUBSCRIPTION,
    OP_QUERY_SUBSCRIPTION,
    OP_DELETE_SUBSCRIPTION,
    OP_RETRIEVE_ENTITY_MAP,
    OP_UPDATE_ENTITY_MAP,
    OP_DELETE_ENTITY_MAP,
    OP_CREATE_ENTITY_MAP_QUERY_ENTITY,
    OP_CREATE_ENTITY_MAP_QUERY_TEMPORAL,
    OP_RETRIEVE_CONTEXT_SOURCE_IDENTITY,
    OPERATIONS /* how many */
};
#define OPERATION_BIT(operation) (UINT64_C(1) << (operation))
/* The bits of a name or of a group of names (table 4.20-2: "federationOps", …); 0 for any other word. */
uint64_t operation_bits(const char *name);
const char *operation_name(enum registration_operation operation);

/* An element of "entities" (5.2.8). Types are stored names (context/context.h). */
struct registration_entity {
    const char *id;      /* or NULL */
    const char *pattern; /* text of idPattern, or NULL; always NULL beside an id */
    GRegex *id_pattern;  /* compiled; or NULL */
    const struct json *types;
};

/* An element of "information" (5.2.10). */
struct registration_info {
    const struct registration_entity *entities;
    int entities_count;            /* 0 = any entity */
    const char *const *properties; /* stored names, NULL-terminated; NULL = none named */
    const char *const *relationships;
    const char *const *attributes; /* both together; NULL = any attribute */
    int attributes_count;
};

/* observationInterval, managementInterval; end INSTANT_MAX when it is open. */
struct registration_interval {
    bool given;
    instant start, end;
};

/* One registration. What a client wrote is compiled once and does not change: an update makes a new one.
 * Threads may share it; whoever holds a reference may go on using it after it was changed or deleted. */
struct registration {
    gint references;
    struct arena *a;
    const char *id;
    const struct json *body; /* as written, names in "information" as stored; without what only we may say */
    enum registration_mode mode;
    uint64_t operations;
    const struct registration_info *info;
    int info_count;
    instant created, modified;
    const char *endpoint;        /* http(s)://…, without a slash at the end and without /ngsi-ld/v1 */
    const char *tenant;          /* or NULL */
    const char *alias;           /* contextSourceAlias, or NULL */
    const char *const *datasets; /* datasetIds and "@none"; NULL = any */
    const struct json *scopes;   /* array of texts, or NULL */
    const struct geometry *location, *observation_space, *operation_space; /* or NULL */
    struct registration_interval observation, management_interval;
    bool expires_known;
    instant expires;
    /* contextSourceInfo (4.3.6.5, 4.3.6.6): pairs of name and value to send along, NULL-terminated, may be
     * NULL; a value "urn:ngsi-ld:request" stands for the header of that name of the request being served. The
     * special keys are not among them. */
    const char *const *headers;
    const char *jsonld_context; /* URL, or NULL */
    const char *accept;         /* "application/json", "application/ld+json" or NULL */
    const char *content_type;   /* the same */
    int conformance;            /* ngsildConformance as major * 1000 + minor; 0 = not given */
    /* management (5.2.34) */
    bool local_only;
    int64_t cache_us; /* 0 = none */
    int timeout_ms;   /* 0 = not given */
    int cooldown_ms;
    /* How its operations fared: under lock, see registration_report. */
    GMutex lock;
    int64_t sent, failed;
    instant last_success, last_failure; /* 0 = never */
    bool last_failed, unsaved;
};

/* Checks and compiles. body is copied; ctx is the request's @context for the names in it. An id is made up
 * when the body has none. state is what registration_state wrote, or NULL. NULL with ERROR_BAD_REQUEST_DATA
 * and a sentence that names the member otherwise. */
struct registration *registration_parse(const struct json *body, const struct ld_context *ctx,
                                        const struct json *state, struct error *e);
struct registration *registration_ref(struct registration *r); /* NULL is fine */
void registration_unref(struct registration *r);               /* NULL is fine */
typedef struct registration registration_autoptr_target;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(registration_autoptr_target, registration_unref)
#define registration_auto g_autoptr(registration_autoptr_target)

bool registration_is_expired(const struct registration *r, instant now);
/* Counts an operation that was sent to it: taken, or failed. From any thread. */
void registration_report(struct registration *r, bool ok);
/* False while it cools down after a failure (management.cooldown): then it counts as timed out. */
bool registration_may_send(struct registration *r, instant now);

/* As its readers see it: body with names in their context ctx, how it fared, and with sys_attrs since when.
 */
struct json *registration_show(struct arena *a, struct registration *r, const struct ld_context *ctx,
                               bool sys_attrs);
/* Asks for what is kept of it to be written anew. */
void registration_touch(struct registration *r);
/* What is kept of how it fared. */
struct json *registration_state(struct arena *a, struct registration *r);
