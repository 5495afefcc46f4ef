/* SPDX-License-Identifier: Apache-2.0 */
/* /ngsi-ld/v1/temporal: the routes. */
#include "context/temporal.h"

#include "context/temporal_job.h"
#include "context/temporal_write.h"

#define REPRESENTATION                                                                                       \
    "timerel", "timeAt", "endTimeAt", "timeproperty", "lastN", "attrs", "pick", "omit", "options", "format", \
        "aggrMethods", "aggrPeriodDuration", "datasetId", "lang", "local"
static const char *const retrieve_parameters[] = {REPRESENTATION, NULL};
static const char *const query_parameters[] = {
    REPRESENTATION, "id",           "idPattern",     "type",   "q",     "scopeQ", "georel",  "geometry",
    "coordinates",  "geoproperty",  "limit",         "offset", "count", "csf",    "orderBy", "collation",
    "jsonKeys",     "expandValues", "splitEntities", NULL};
static const char *const post_parameters[] = {"options", "format", "limit", "offset",
                                              "count",   "local",  "lang",  NULL};
static const char *const options[] = {"sysAttrs",         "normalized", "concise",
                                      "simplified",       "keyValues",  "temporalValues",
                                      "aggregatedValues", "count",      NULL};
static const char *const no_parameters[] = {NULL};
static const char *const attribute_parameters[] = {"datasetId", "deleteAll", NULL};

static void serve_retrieve(struct request *r)
{
    static const struct operation o = {.run = temporal_retrieve,
                                       .parameters = retrieve_parameters,
                                       .options = options,
                                       .temporal = true,
                                       .csv = true};
    call_serve(r, &o);
}

static void serve_query(struct request *r)
{
    static const struct operation o = {
        .run = temporal_query_get, .parameters = query_parameters, .options = options, .temporal = true};
    call_serve(r, &o);
}

static void serve_query_post(struct request *r)
{
    static const struct operation o = {
        .run = temporal_query_post, .parameters = post_parameters, .options = options, .temporal = true};
    call_serve(r, &o);
}

static void serve_upsert(struct request *r)
{
    static const struct operation o = {.run = temporal_upsert, .parameters = no_parameters, .creates = true};
    call_serve(r, &o);
}

static void serve_append(struct request *r)
{
    static const struct operation o = {.run = temporal_append, .parameters = no_parameters};
    call_serve(r, &o);
}

static void serve_delete(struct request *r)
{
    static const struct operation o = {.run = temporal_delete_entity, .parameters = no_parameters};
    call_serve(r, &o);
}

static void serve_delete_attribute(struct request *r)
{
    static const struct operation o = {.run = temporal_delete_attribute, .parameters = attribute_parameters};
    call_serve(r, &o);
}

#define PATH NGSI_PATH "/temporal/entities"
const struct route temporal_routes[] = {
    {"GET", PATH, "", serve_query, "Query histories", "查询历史", 0},
    {"POST", PATH, "entities.write", serve_upsert, "Write into the history of an entity", "写入实体历史", 0},
    {"GET", PATH "/{id}", "", serve_retrieve, "The history of an entity, also as CSV",
     "读取实体历史（可导出 CSV）", 0},
    {"DELETE", PATH "/{id}", "entities.write", serve_delete, "Delete the history of an entity",
     "删除实体历史", 0},
    {"POST", PATH "/{id}/attrs", "entities.write", serve_append, "Write into the history of attributes",
     "写入属性历史", 0},
    {"DELETE", PATH "/{id}/attrs/{attr}", "entities.write", serve_delete_attribute,
     "Delete the history of an attribute", "删除属性历史", 0},
    {"POST", NGSI_PATH "/temporal/entityOperations/query", "", serve_query_post, "Query histories by a body",
     "以正文查询历史", 0},
    {NULL},
};
