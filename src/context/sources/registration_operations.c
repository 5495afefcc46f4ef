/* SPDX-License-Identifier: Apache-2.0 */
/* The names of operations and of groups of them (ETSI GS CIM 009 V1.9.1, 4.20). */
#include <string.h>

#include "context/sources/registration.h"

static const char *const names[] = {
    [OP_CREATE_ENTITY] = "createEntity",
    [OP_UPDATE_ENTITY] = "updateEntity",
    [OP_APPEND_ATTRS] = "appendAttrs",
    [OP_UPDATE_ATTRS] = "updateAttrs",
    [OP_DELETE_ATTRS] = "deleteAttrs",
    [OP_DELETE_ENTITY] = "deleteEntity",
    [OP_CREATE_BATCH] = "createBatch",
    [OP_UPSERT_BATCH] = "upsertBatch",
    [OP_UPDATE_BATCH] = "updateBatch",
    [OP_DELETE_BATCH] = "deleteBatch",
    [OP_UPSERT_TEMPORAL] = "upsertTemporal",
    [OP_APPEND_ATTRS_TEMPORAL] = "appendAttrsTemporal",
    [OP_DELETE_ATTRS_TEMPORAL] = "deleteAttrsTemporal",
    [OP_UPDATE_ATTR_INSTANCE_TEMPORAL] = "updateAttrInstanceTemporal",
    [OP_DELETE_ATTR_INSTANCE_TEMPORAL] = "deleteAttrInstanceTemporal",
    [OP_DELETE_TEMPORAL] = "deleteTemporal",
    [OP_MERGE_ENTITY] = "mergeEntity",
    [OP_REPLACE_ENTITY] = "replaceEntity",
    [OP_REPLACE_ATTRS] = "replaceAttrs",
    [OP_MERGE_BATCH] = "mergeBatch",
    [OP_PURGE_ENTITY] = "purgeEntity",
    [OP_RETRIEVE_ENTITY] = "retrieveEntity",
    [OP_QUERY_ENTITY] = "queryEntity",
    [OP_QUERY_BATCH] = "queryBatch",
    [OP_RETRIEVE_TEMPORAL] = "retrieveTemporal",
    [OP_QUERY_TEMPORAL] = "queryTemporal",
    [OP_RETRIEVE_ENTITY_TYPES] = "retrieveEntityTypes",
    [OP_RETRIEVE_ENTITY_TYPE_DETAILS] = "retrieveEntityTypeDetails",
    [OP_RETRIEVE_ENTITY_TYPE_INFO] = "retrieveEntityTypeInfo",
    [OP_RETRIEVE_ATTR_TYPES] = "retrieveAttrTypes",
    [OP_RETRIEVE_ATTR_TYPE_DETAILS] = "retrieveAttrTypeDetails",
    [OP_RETRIEVE_ATTR_TYPE_INFO] = "retrieveAttrTypeInfo",
    [OP_CREATE_SUBSCRIPTION] = "createSubscription",
    [OP_UPDATE_SUBSCRIPTION] = "updateSubscription",
    [OP_RETRIEVE_SUBSCRIPTION] = "retrieveSubscription",
    [OP_QUERY_SUBSCRIPTION] = "querySubscription",
    [OP_DELETE_SUBSCRIPTION] = "deleteSubscription",
    [OP_RETRIEVE_ENTITY_MAP] = "retrieveEntityMap",
    [OP_UPDATE_ENTITY_MAP] = "updateEntityMap",
    [OP_DELETE_ENTITY_MAP] = "deleteEntityMap",
    [OP_CREATE_ENTITY_MAP_QUERY_ENTITY] = "createEntityMapQueryEntity",
    [OP_CREATE_ENTITY_MAP_QUERY_TEMPORAL] = "createEntityMapQueryTemporal",
    [OP_RETRIEVE_CONTEXT_SOURCE_IDENTITY] = "retrieveContextSourceIdentity",
};
G_STATIC_ASSERT(G_N_ELEMENTS(names) == OPERATIONS);

#define BIT OPERATION_BIT
#define TYPES_AND_ATTRIBUTES                                                                                \
    (BIT(OP_RETRIEVE_ENTITY_TYPES) | BIT(OP_RETRIEVE_ENTITY_TYPE_DETAILS) |                                 \
     BIT(OP_RETRIEVE_ENTITY_TYPE_INFO) | BIT(OP_RETRIEVE_ATTR_TYPES) | BIT(OP_RETRIEVE_ATTR_TYPE_DETAILS) | \
     BIT(OP_RETRIEVE_ATTR_TYPE_INFO))
#define SUBSCRIBING                                                                              \
    (BIT(OP_CREATE_SUBSCRIPTION) | BIT(OP_UPDATE_SUBSCRIPTION) | BIT(OP_RETRIEVE_SUBSCRIPTION) | \
     BIT(OP_QUERY_SUBSCRIPTION) | BIT(OP_DELETE_SUBSCRIPTION))
#define ENTITY_MAPS                                                                        \
    (BIT(OP_RETRIEVE_ENTITY_MAP) | BIT(OP_UPDATE_ENTITY_MAP) | BIT(OP_DELETE_ENTITY_MAP) | \
     BIT(OP_CREATE_ENTITY_MAP_QUERY_ENTITY))
#define RETRIEVING (BIT(OP_RETRIEVE_ENTITY) | BIT(OP_QUERY_ENTITY))
#define ASSOCIATION                                                          \
    (RETRIEVING | BIT(OP_QUERY_BATCH) | TYPES_AND_ATTRIBUTES | SUBSCRIBING | \
     BIT(OP_RETRIEVE_CONTEXT_SOURCE_IDENTITY))
#define UPDATING \
    (BIT(OP_UPDATE_ENTITY) | BIT(OP_UPDATE_ATTRS) | BIT(OP_REPLACE_ENTITY) | BIT(OP_REPLACE_ATTRS))

static const struct {
    const char *name;
    uint64_t bits;
} groups[] = {
    {"federationOps", ASSOCIATION | ENTITY_MAPS},
    {"associationOps", ASSOCIATION},
    {"updateOps", UPDATING},
    {"retrieveOps", RETRIEVING},
    {"redirectionOps", UPDATING | RETRIEVING | TYPES_AND_ATTRIBUTES | ENTITY_MAPS | BIT(OP_CREATE_ENTITY) |
                           BIT(OP_APPEND_ATTRS) | BIT(OP_DELETE_ATTRS) | BIT(OP_DELETE_ENTITY) |
                           BIT(OP_MERGE_ENTITY) | BIT(OP_PURGE_ENTITY) |
                           BIT(OP_RETRIEVE_CONTEXT_SOURCE_IDENTITY)},
};

uint64_t operation_bits(const char *name)
{
    for (size_t i = 0; i < OPERATIONS; i++) {
        if (strcmp(names[i], name) == 0) {
            return BIT(i);
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(groups); i++) {
        if (strcmp(groups[i].name, name) == 0) {
            return groups[i].bits;
        }
    }
    return 0;
}

const char *operation_name(enum registration_operation operation)
{
    g_assert(operation < OPERATIONS);
    return names[operation];
}
