/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and building entities in stored form. */
#include "context/entity/entity.h"

#include <string.h>

struct kind {
    const char *type, *member;
    size_t type_length, member_length;
};
#define KIND(type, member)                               \
    {                                                    \
        type, member, sizeof type - 1, sizeof member - 1 \
    }
static const struct kind kinds[] = {
    [KIND_PROPERTY] = KIND("Property", "value"),
    [KIND_RELATIONSHIP] = KIND("Relationship", "object"),
    [KIND_GEO] = KIND("GeoProperty", "value"),
    [KIND_LANGUAGE] = KIND("LanguageProperty", "languageMap"),
    [KIND_VOCAB] = KIND("VocabProperty", "vocab"),
    [KIND_LIST] = KIND("ListProperty", "valueList"),
    [KIND_LIST_RELATIONSHIP] = KIND("ListRelationship", "objectList"),
    [KIND_JSON] = KIND("JsonProperty", "json"),
    [KIND_NONE] = {NULL, NULL, 0, 0},
};

enum attribute_kind kind_of_type(const char *text, size_t length)
{
    for (int k = 0; k < KIND_NONE; k++) {
        if (kinds[k].type_length == length && memcmp(text, kinds[k].type, length) == 0) {
            return (enum attribute_kind)k;
        }
    }
    return KIND_NONE;
}

enum attribute_kind kind_of_member(const char *name, size_t length)
{
    for (int k = 0; k < KIND_NONE; k++) {
        if (kinds[k].member_length == length && memcmp(name, kinds[k].member, length) == 0) {
            return (enum attribute_kind)k;
        }
    }
    return KIND_NONE;
}

const char *kind_type(enum attribute_kind kind)
{
    return kinds[kind].type;
}

const char *kind_member(enum attribute_kind kind)
{
    return kinds[kind].member;
}

static bool key_is(const struct json *member, const char *name, size_t length)
{
    return member->key_length == length && memcmp(member->key, name, length) == 0;
}
#define KEY_IS(member, literal) key_is(member, literal, sizeof literal - 1)

bool entity_is_attribute(const struct json *m)
{
    switch (m->key_length) {
    case 2: return !KEY_IS(m, "id");
    case 4: return !KEY_IS(m, "type");
    case 5: return !KEY_IS(m, "scope");
    case 9: return !KEY_IS(m, "createdAt") && !KEY_IS(m, "expiresAt");
    case 10: return !KEY_IS(m, "modifiedAt");
    default: return true;
    }
}

bool instance_is_reserved(const struct json *m)
{
    return KEY_IS(m, "type") || KEY_IS(m, "unitCode") || KEY_IS(m, "observedAt") || KEY_IS(m, "datasetId") ||
           KEY_IS(m, "createdAt") || KEY_IS(m, "modifiedAt") || KEY_IS(m, "expiresAt") ||
           KEY_IS(m, "objectType") || KEY_IS(m, "valueType") || KEY_IS(m, "entityIdSealed") ||
           KEY_IS(m, "entityTypeSealed") || kind_of_member(m->key, m->key_length) != KIND_NONE;
}

const struct json *instance_first(const struct json *attribute)
{
    return json_is(attribute, JSON_ARRAY) ? attribute->first : attribute;
}

const struct json *instance_next(const struct json *attribute, const struct json *instance)
{
    return attribute->type == JSON_ARRAY ? instance->next : NULL;
}

const struct json *instance_find(const struct json *attribute, const char *dataset)
{
    for (const struct json *i = instance_first(attribute); i != NULL; i = instance_next(attribute, i)) {
        if (g_strcmp0(json_get_string(i, "datasetId"), dataset) == 0) {
            return i;
        }
    }
    return NULL;
}

enum attribute_kind instance_kind(const struct json *instance)
{
    const struct json *type = json_get(instance, "type");
    return json_is(type, JSON_STRING) ? kind_of_type(type->string, type->length) : KIND_NONE;
}

const struct json *instance_value(const struct json *instance)
{
    for (const struct json *m = json_first(instance); m != NULL; m = m->next) {
        if (kind_of_member(m->key, m->key_length) != KIND_NONE) {
            return m;
        }
    }
    return NULL;
}

bool instance_is_null(const struct json *instance)
{
    const struct json *v = instance_value(instance);
    if (v != NULL && (v->type == JSON_ARRAY || strcmp(v->key, "languageMap") == 0)) {
        v = v->type == JSON_ARRAY ? (v->length == 1 ? v->first : NULL) : json_get(v, "@none");
    }
    return json_streq(v, NGSI_NULL);
}

struct json *json_alias(struct arena *a, const struct json *node)
{
    struct json *alias = arena_alloc(a, sizeof *alias);
    *alias = *node;
    alias->next = NULL;
    return alias;
}

bool is_geometry_type(const struct json *type)
{
    static const char *const names[] = {"Point",   "MultiPoint",   "LineString",        "MultiLineString",
                                        "Polygon", "MultiPolygon", "GeometryCollection"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (json_streq(type, names[i])) {
            return true;
        }
    }
    return false;
}

bool is_geometry(const struct json *value)
{
    return is_geometry_type(json_get(value, "type")) &&
           (json_get(value, "coordinates") != NULL || json_get(value, "geometries") != NULL);
}

/* ---- context.h: reading ---- */

const struct json *context_value(const struct json *entity, const char *attribute)
{
    const struct json *attr = json_get(entity, attribute);
    return attr != NULL ? instance_value(instance_find(attr, NULL)) : NULL;
}

const char *context_string(const struct json *entity, const char *attribute)
{
    const struct json *v = context_value(entity, attribute);
    return json_is(v, JSON_STRING) ? v->string : NULL;
}

double context_number(const struct json *entity, const char *attribute, double otherwise)
{
    const struct json *v = context_value(entity, attribute);
    return json_is_number(v) ? json_number(v) : otherwise;
}

bool context_has_type(const struct json *entity, const char *type)
{
    const struct json *types = json_get(entity, "type");
    for (const struct json *t = json_first(types); t != NULL; t = t->next) {
        if (json_streq(t, type)) {
            return true;
        }
    }
    return json_streq(types, type);
}

/* ---- context.h: building ---- */

struct json *context_entity(struct arena *a, const char *id, const char *type)
{
    struct json *entity = json_object(a);
    json_add(entity, "id", json_string(a, id));
    json_append(json_add(entity, "type", json_array(a)), json_string(a, type));
    return entity;
}

static struct json *set_instance(struct arena *a, struct json *entity, const char *name,
                                 enum attribute_kind kind, struct json *value)
{
    struct json *instance = json_object(a);
    json_add(instance, "type", json_string(a, kinds[kind].type));
    json_add(instance, kinds[kind].member, value);
    return json_set(a, entity, name, instance);
}

struct json *context_set_property(struct arena *a, struct json *entity, const char *name, struct json *value)
{
    return set_instance(a, entity, name, KIND_PROPERTY, value);
}

struct json *context_set_relationship(struct arena *a, struct json *entity, const char *name,
                                      const char *object)
{
    return set_instance(a, entity, name, KIND_RELATIONSHIP, json_string(a, object));
}

struct json *context_set_geo(struct arena *a, struct json *entity, const char *name, struct json *geometry)
{
    return set_instance(a, entity, name, KIND_GEO, geometry);
}

void context_set_scope(struct arena *a, struct json *entity, const char *scope)
{
    struct json *scopes = json_array(a);
    json_append(scopes, json_string(a, scope));
    json_set(a, entity, "scope", scopes);
}

void context_observed(struct arena *a, struct json *instance, instant at)
{
    char text[INSTANT_TEXT];
    json_set(a, instance, "observedAt", json_string(a, instant_format(at, text)));
}
