/* SPDX-License-Identifier: Apache-2.0 */
/* The whole NGSI-LD API on one page. */
#include "context/routes.h"

#include "context/api.h"

#define WRITE "entities.write"

const struct route context_routes[] = {
    {"POST", NGSI_PATH "/entities", WRITE, serve_create_entity, "Create an entity", "创建实体", 0},
    {"GET", NGSI_PATH "/entities", "", serve_query_entities, "Query entities", "查询实体", 0},
    {"GET", NGSI_PATH "/entities/{id}", "", serve_retrieve_entity, "Retrieve an entity", "读取实体", 0},
    {"PATCH", NGSI_PATH "/entities/{id}", WRITE, serve_merge_entity, "Merge into an entity", "合并更新实体",
     0},
    {"PUT", NGSI_PATH "/entities/{id}", WRITE, serve_replace_entity, "Replace an entity", "替换实体", 0},
    {"DELETE", NGSI_PATH "/entities/{id}", WRITE, serve_delete_entity, "Delete an entity", "删除实体", 0},
    {"POST", NGSI_PATH "/entities/{id}/attrs", WRITE, serve_append_attributes, "Append attributes",
     "追加属性", 0},
    {"PATCH", NGSI_PATH "/entities/{id}/attrs", WRITE, serve_update_attributes, "Update attributes",
     "更新属性", 0},
    {"PATCH", NGSI_PATH "/entities/{id}/attrs/{attr}", WRITE, serve_patch_attribute,
     "Update members of one attribute", "更新属性的部分成员", 0},
    {"PUT", NGSI_PATH "/entities/{id}/attrs/{attr}", WRITE, serve_replace_attribute, "Replace one attribute",
     "替换属性", 0},
    {"DELETE", NGSI_PATH "/entities/{id}/attrs/{attr}", WRITE, serve_delete_attribute, "Delete one attribute",
     "删除属性", 0},
    {"POST", NGSI_PATH "/entityOperations/create", WRITE, serve_batch_create, "Create many entities",
     "批量创建实体", 0},
    {"POST", NGSI_PATH "/entityOperations/upsert", WRITE, serve_batch_upsert,
     "Create or update many entities", "批量创建或更新实体", 0},
    {"POST", NGSI_PATH "/entityOperations/update", WRITE, serve_batch_update, "Update many entities",
     "批量更新实体", 0},
    {"POST", NGSI_PATH "/entityOperations/merge", WRITE, serve_batch_merge, "Merge into many entities",
     "批量合并更新实体", 0},
    {"POST", NGSI_PATH "/entityOperations/delete", WRITE, serve_batch_delete, "Delete many entities",
     "批量删除实体", 0},
    {"POST", NGSI_PATH "/entityOperations/query", "", serve_batch_query, "Query entities by a body",
     "以正文查询实体", 0},
    {"GET", NGSI_PATH "/types", "", serve_types, "The types of entities there are", "现有实体类型", 0},
    {"GET", NGSI_PATH "/types/{type}", "", serve_type, "One type and its attributes", "某实体类型及其属性",
     0},
    {"GET", NGSI_PATH "/attributes", "", serve_attributes, "The attributes there are", "现有属性", 0},
    {"GET", NGSI_PATH "/attributes/{attr}", "", serve_attribute, "One attribute and the types that have it",
     "某属性及具有它的类型", 0},
    {"POST", NGSI_PATH "/jsonldContexts", WRITE, serve_add_context, "Host a @context", "托管 @context", 0},
    {"GET", NGSI_PATH "/jsonldContexts", "", serve_list_contexts, "List hosted @contexts",
     "列出托管的 @context", 0},
    {"GET", NGSI_PATH "/jsonldContexts/{id}", NULL, serve_context_body, "Serve a hosted @context",
     "提供托管的 @context", 0},
    {"DELETE", NGSI_PATH "/jsonldContexts/{id}", WRITE, serve_delete_context, "Delete a hosted @context",
     "删除托管的 @context", 0},
    {NULL, NULL, NULL, NULL, NULL, NULL, 0},
};
