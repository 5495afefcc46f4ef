/* SPDX-License-Identifier: Apache-2.0 */
/* /ngsi-ld/v1/temporal: the routes. */
#include "context/temporal/temporal.h"

#include "context/temporal/temporal_export.h"
#include "context/temporal/temporal_write.h"

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
static const char *const local_parameters[] = {"local", NULL};
static const char *const attribute_parameters[] = {"datasetId", "deleteAll", "local", NULL};
static const char *const range_parameters[] = {"timerel", "timeAt", "endTimeAt", NULL};
static const char *const attribute_range_parameters[] = {"timerel",   "timeAt",    "endTimeAt",
                                                         "datasetId", "deleteAll", NULL};

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
    static const struct operation o = {
        .run = temporal_upsert, .parameters = local_parameters, .creates = true};
    call_serve(r, &o);
}

static void serve_append(struct request *r)
{
    static const struct operation o = {.run = temporal_append, .parameters = local_parameters};
    call_serve(r, &o);
}

static void serve_delete(struct request *r)
{
    static const struct operation o = {.run = temporal_delete_entity, .parameters = local_parameters};
    call_serve(r, &o);
}

static void serve_delete_attribute(struct request *r)
{
    static const struct operation o = {.run = temporal_delete_attribute, .parameters = attribute_parameters};
    call_serve(r, &o);
}

static void serve_correct_instance(struct request *r)
{
    static const struct operation o = {.run = temporal_correct_instance, .parameters = local_parameters};
    call_serve(r, &o);
}

static void serve_delete_instance(struct request *r)
{
    static const struct operation o = {.run = temporal_delete_instance, .parameters = local_parameters};
    call_serve(r, &o);
}

static void serve_delete_range(struct request *r)
{
    static const struct operation o = {.run = temporal_delete_range, .parameters = range_parameters};
    call_serve(r, &o);
}

static void serve_delete_attribute_range(struct request *r)
{
    static const struct operation o = {.run = temporal_delete_attribute_range,
                                       .parameters = attribute_range_parameters};
    call_serve(r, &o);
}

#define EXPORT                                                                                      \
    "timerel", "timeAt", "endTimeAt", "timeproperty", "attrs", "pick", "omit", "datasetId", "lang", \
        "format", "charset", "zone"

static void serve_export_one(struct request *r)
{
    static const char *const parameters[] = {EXPORT, NULL};
    static const struct operation o = {
        .run = temporal_export_one, .parameters = parameters, .formats = export_formats};
    call_serve(r, &o);
}

static void serve_export_many(struct request *r)
{
    static const char *const parameters[] = {EXPORT,        "id",          "idPattern", "type",
                                             "q",           "scopeQ",      "georel",    "geometry",
                                             "coordinates", "geoproperty", "local",     NULL};
    static const struct operation o = {
        .run = temporal_export_many, .parameters = parameters, .formats = export_formats};
    call_serve(r, &o);
}

#define WRITE "entities.write"
#define PATH NGSI_PATH "/temporal/entities"
const struct route temporal_routes[] = {
    {"GET", PATH, "", serve_query, "Query histories", "查询历史", 0},
    {"POST", PATH, WRITE, serve_upsert, "Write into the history of an entity", "写入实体历史", 0},
    {"GET", PATH "/{id}", "", serve_retrieve, "The history of an entity, also as CSV",
     "读取实体历史（可导出 CSV）", 0},
    {"DELETE", PATH "/{id}", WRITE, serve_delete, "Delete the history of an entity", "删除实体历史", 0},
    {"POST", PATH "/{id}/attrs", WRITE, serve_append, "Write into the history of attributes", "写入属性历史",
     0},
    {"DELETE", PATH "/{id}/attrs/{attr}", WRITE, serve_delete_attribute, "Delete the history of an attribute",
     "删除属性历史", 0},
    {"POST", NGSI_PATH "/temporal/entityOperations/query", "", serve_query_post, "Query histories by a body",
     "以正文查询历史", 0},
    {"PATCH", PATH "/{id}/attrs/{attr}/{instance}", WRITE, serve_correct_instance,
     "Correct one instance in the history of an attribute", "更正属性历史中的一个实例", 0},
    {"DELETE", PATH "/{id}/attrs/{attr}/{instance}", WRITE, serve_delete_instance,
     "Delete one instance from the history of an attribute", "删除属性历史中的一个实例", 0},
    {"GET", "/api/v1/history", "", serve_export_many,
     "Histories that a query finds as a file of any length; format=csv|ndjson|geojson, charset=gb18030, "
     "zone=+08:00",
     "将查询到的历史导出为文件（不限长度）；format=csv|ndjson|geojson，charset=gb18030，zone=+08:00", 0},
    {"GET", "/api/v1/history/{id}", "", serve_export_one, "The history of an entity as such a file",
     "将实体历史导出为文件", 0},
    {"DELETE", "/api/v1/history/{id}", WRITE, serve_delete_range,
     "Delete a range of time from the history of an entity; timerel, timeAt, endTimeAt",
     "删除实体一段时间的历史", 0},
    {"DELETE", "/api/v1/history/{id}/attrs/{attr}", WRITE, serve_delete_attribute_range,
     "The same of one attribute; datasetId or deleteAll too", "删除属性一段时间的历史", 0},
    {NULL},
};
