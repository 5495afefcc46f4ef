/* SPDX-License-Identifier: Apache-2.0 */
/* NGSI-LD (ETSI GS CIM 009 V1.9.1): the one place where entities are read and written. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/instant.h"
#include "http/http.h"
#include "store/store.h"
#include "json/json.h"

/* clang-format off */
/* Stored form of an entity, a JSON object, the same on disk, in the log and between the features:
 *
 *   {"id": "urn:ngsi-ld:AirQualityObserved:a1",
 *    "type": ["AirQualityObserved"],
 *    "scope": ["/渝中区/大坪街道"],
 *    "createdAt": 1772323200000000, "modifiedAt": 1772323200000000,
 *    "pm25": {"type": "Property", "value": 12.5, "unitCode": "GQ", "observedAt": "2026-03-01T00:00:00Z",
 *             "accuracy": {…a sub-attribute…}},
 *    "refPipe": {"type": "Relationship", "object": "urn:…", "modifiedAt": 1772000000000000},
 *    "temp": [{…instance…}, {…instance with "datasetId"…}]}
 *
 * type and scope are always arrays. createdAt and modifiedAt are microseconds (the API's representations have ISO 8601
 * texts, where they are asked for); an attribute instance has its own only where they differ from the entity's.
 * expiresAt (of the entity, of an instance) is microseconds too: past it nobody sees it (context/entity/expiry.h).
 * observedAt is UTC text. An attribute with several datasetIds is an array of instances, else one object. Member names
 * that carry the value: value (Property, GeoProperty), object, languageMap, vocab, json, valueList, objectList.
 *
 * Short names: types and attribute names are IRIs after expansion by the request's @context. An IRI of the default
 * vocabulary "https://uri.etsi.org/ngsi-ld/default-context/" is stored without that prefix ("pm25"), one of the core
 * ("https://uri.etsi.org/ngsi-ld/location") as the core term ("location"), any other as the whole IRI. A short name has
 * no ':', an IRI has one, so the two never meet. Packs use short names. */
/* clang-format on */

/* Reads one entity, current as of the view. NULL when there is none. */
struct json *context_get(struct view *v, struct arena *a, const char *id);

/* Value of the default instance of an attribute (its value, object, vocab, … member), or NULL. */
const struct json *context_value(const struct json *entity, const char *attribute);
const char *context_string(const struct json *entity, const char *attribute); /* when the value is a string */
double context_number(const struct json *entity, const char *attribute, double otherwise);
bool context_has_type(const struct json *entity_or_record, const char *type);

/* Building fragments in stored form. The returned instance is added under name. */
struct json *context_entity(struct arena *a, const char *id, const char *type);
struct json *context_set_property(struct arena *a, struct json *entity, const char *name, struct json *value);
struct json *context_set_relationship(struct arena *a, struct json *entity, const char *name,
                                      const char *object);
struct json *context_set_geo(struct arena *a, struct json *entity, const char *name, struct json *geometry);
void context_set_scope(struct arena *a, struct json *entity, const char *scope);
/* Sets observedAt of an instance. */
void context_observed(struct arena *a, struct json *instance, instant at);

/* How a write treats what is there. */
enum context_mode {
    CONTEXT_CREATE,  /* 5.6.1: refuse when the entity exists */
    CONTEXT_REPLACE, /* 5.6.18, upsert with replace: all attributes go, the new ones come */
    CONTEXT_UPDATE,  /* 5.6.3 append with overwrite, upsert with update: the attributes given replace those of
                        the same name and datasetId */
    CONTEXT_APPEND,  /* options=noOverwrite: only attributes that are not there yet */
    CONTEXT_MERGE,   /* 5.6.17: merge patch into the attributes; urn:ngsi-ld:null deletes */
};
enum context_flags {
    CONTEXT_MUST_EXIST = 1, /* REPLACE, UPDATE, APPEND, MERGE: ERROR_NOT_FOUND instead of creating */
    CONTEXT_KEEP_NEWER = 2, /* an instance with observedAt older than the stored one goes to the history only
                               (record "late") */
    CONTEXT_SKIP_EQUAL =
        4, /* attributes whose instance is equal to the stored one (but for createdAt, modifiedAt) are left
              alone; with nothing left, nothing is written and no record made */
    CONTEXT_LASTING = 8, /* the fragment's memory lives until the job is done, so it need not be copied */
};
/* Writes a validated fragment in stored form (createdAt and modifiedAt are set here) and its log record,
 * inside a job. by names who did it (user name, "rule:NAME", "input:NAME"). The fragment's nodes may be
 * reused: do not touch them afterwards. Within one transaction an entity written many times reaches the disk
 * once, its records all. Returns the seq of the record in *seq (0 when nothing changed); seq may be NULL. */
bool context_write(struct txn *t, struct arena *a, struct json *fragment, enum context_mode mode, int flags,
                   const char *by, uint64_t *seq, struct error *e);
bool context_delete(struct txn *t, const char *id, const char *by, uint64_t *seq, struct error *e);
/* The entity as the transaction sees it, in a. NULL when there is none. */
struct json *context_get_txn(struct txn *t, struct arena *a, const char *id);

/* Validates an entity or fragment as an API client sent it (normalized, concise or simplified, JSON or
 * JSON-LD) and turns it into stored form with context ctx (NULL = core only). */
struct ld_context;
struct json *context_ingest(struct arena *a, const struct json *payload, const struct ld_context *ctx,
                            bool fragment, struct error *e);

/* Queries for the features, in stored form. */
struct context_query {
    const char *const *types;
    int types_count;
    const char *q;         /* NGSI-LD q language over short names, or NULL */
    const char *scope;     /* scopeQ, or NULL */
    const double *box;     /* or NULL */
    int64_t offset, limit; /* limit 0 = all */
};
bool context_find(struct view *v, const struct context_query *q,
                  bool (*each)(void *user, const struct json *entity), void *user, struct error *e);

/* ---- the module in a running hub ---- */

/* Tables of routes, each on one page: /ngsi-ld/v1 (routes.c), its temporal part, its subscriptions, its
 * context sources, the live stream /api/v1/stream, the tenants, and what
 * queries cost, /api/v1/explain. */
extern const struct route context_routes[];
extern const struct route temporal_routes[];
extern const struct route subscription_routes[];
extern const struct route subscription_state_routes[];
extern const struct route registration_routes[];
extern const struct route source_subscription_routes[];
extern const struct route source_identity_routes[];
extern const struct route stream_routes[];
extern const struct route tenant_routes[];
extern const struct route snapshot_routes[];
extern const struct route explain_routes[];
/* Where @contexts come from: policy is "hosted", "fetch" or "fetch-private" (context_fetch.h), dirs are
 * folders of them that were brought along (hosted.h; NULL-terminated, may be NULL). Before context_start. */
bool context_sources(const char *policy, const char *const *dirs, struct error *e);
/* Gives the routes their store and starts the threads that read histories, wake live streams and deliver
 * notifications through client. Before the HTTP server starts. */
bool context_start(struct store *s, struct http_client *client, struct error *e);
/* What packs declare as indexed (types: X: indexed: [pm25]): whatever is new is built in the background, what
 * has gone from the list is dropped. Any time after context_start. */
struct context_index {
    const char *type, *attribute; /* stored names */
};
void context_declare_indexes(const struct context_index *wanted, int count);
/* The longest that a query of a client may take, in seconds; 0 = as long as it likes. Before the HTTP server.
 */
void context_query_limit(int seconds);
/* After the HTTP server has stopped, before its client and the store are freed. Does nothing when not
 * started.
 */
void context_stop(void);
/* Bytes on disk of all that is kept: the data directory, the tenants, the snapshots. */
int64_t context_bytes(void);
