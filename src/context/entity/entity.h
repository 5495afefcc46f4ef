/* SPDX-License-Identifier: Apache-2.0 */
/* The stored form of entities (context/context.h) taken apart: kinds of attributes, instances, members. */
#pragma once

#include "context/context.h"

#define NGSI_NULL "urn:ngsi-ld:null"

/* The kinds of attributes (4.5.2, .3, .18, .20 – .24), each with the member that carries its value. */
enum attribute_kind {
    KIND_PROPERTY,
    KIND_RELATIONSHIP,
    KIND_GEO,
    KIND_LANGUAGE,
    KIND_VOCAB,
    KIND_LIST,
    KIND_LIST_RELATIONSHIP,
    KIND_JSON,
    KIND_NONE,
};
/* By the attribute's type ("Property"); KIND_NONE for another text. */
enum attribute_kind kind_of_type(const char *text, size_t length);
/* By the name of the member that carries a value ("object"); "value" gives KIND_PROPERTY. */
enum attribute_kind kind_of_member(const char *name, size_t length);
const char *kind_type(enum attribute_kind kind);
const char *kind_member(enum attribute_kind kind);

/* Members of an entity that are not attributes: id, type, scope, createdAt, modifiedAt, expiresAt. */
bool entity_is_attribute(const struct json *member);
/* Members of an instance that are neither sub-attributes: type, the value, unitCode, observedAt, datasetId, …
 */
bool instance_is_reserved(const struct json *member);

/* for (const struct json *i = instance_first(attr); i != NULL; i = instance_next(attr, i)) */
const struct json *instance_first(const struct json *attribute);
const struct json *instance_next(const struct json *attribute, const struct json *instance);
/* The instance with this datasetId (NULL: the default instance), or NULL. */
const struct json *instance_find(const struct json *attribute, const char *dataset);
/* Its kind, and the member that carries its value (NULL when there is none). */
enum attribute_kind instance_kind(const struct json *instance);
const struct json *instance_value(const struct json *instance);
/* True when the value is the NGSI-LD Null (4.5.0), which asks for a deletion. */
bool instance_is_null(const struct json *instance);

/* A node of its own in a with the same content: children are shared, so neither may be changed below
 * afterwards. */
struct json *json_alias(struct arena *a, const struct json *node);
/* The same as a GeoJSON geometry type ("Point", …)? */
bool is_geometry_type(const struct json *type);
/* Is value an object that has a geometry type and coordinates (or geometries)? */
bool is_geometry(const struct json *value);
