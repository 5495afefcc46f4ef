/* SPDX-License-Identifier: Apache-2.0 */
/* The fallbacks for earlier versions, attribute by attribute. */
#include "context/query/version.h"

#include <stdio.h>
#include <string.h>

#include "context/entity/entity.h"

bool version_parse(const char *text, int *version)
{
    int major, minor, used = 0;
    if (sscanf(text, "%2d.%2d%n", &major, &minor, &used) != 2 || text[used] != '\0' || major < 0 ||
        minor < 0) {
        return false;
    }
    *version = major * 100 + minor;
    return true;
}

struct amending {
    struct arena *a;
    const struct ld_context *ctx;
    int version;
    bool keep_languages;
    bool changed;
};

/* The version that brought each member that is no attribute. */
static int version_of_member(const char *name)
{
    static const struct {
        const char *name;
        int since;
    } members[] = {{"datasetId", 103}, {"observedAt", 103}, {"unitCode", 103}, {"objectType", 108},
                   {"valueType", 109}, {"expiresAt", 109},  {"scope", 104}};
    for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
        if (strcmp(members[i].name, name) == 0) {
            return members[i].since;
        }
    }
    return VERSION_FIRST;
}

/* What an attribute of this kind is called in the version. */
static enum attribute_kind fallback(const struct amending *am, enum attribute_kind kind)
{
    switch (kind) {
    case KIND_LANGUAGE: return am->version < 104 && !am->keep_languages ? KIND_PROPERTY : kind;
    case KIND_JSON:
    case KIND_VOCAB:
    case KIND_LIST: return am->version < 108 ? KIND_PROPERTY : kind;
    case KIND_LIST_RELATIONSHIP: return am->version < 108 ? KIND_RELATIONSHIP : kind;
    default: return kind;
    }
}

/* Names as the client writes them: they are a plain value now. */
static struct json *compacted(struct amending *am, const struct json *value)
{
    if (value->type == JSON_STRING) {
        return json_string(am->a, ld_compact(am->ctx, am->a, value->string));
    }
    struct json *out = json_array(am->a);
    for (const struct json *c = json_first(value); c != NULL; c = c->next) {
        json_append(out, compacted(am, c));
    }
    return out;
}

static const struct json *amend_attribute(struct amending *am, const struct json *attribute);

static void amend_member(struct amending *am, struct json *out, const struct json *m,
                         enum attribute_kind from, enum attribute_kind to)
{
    if (kind_of_member(m->key, m->key_length) != KIND_NONE) {
        struct json *value = from == KIND_VOCAB && to != from ? compacted(am, m) : json_alias(am->a, m);
        json_add(out, kind_member(to), value);
    } else if (strcmp(m->key, "type") == 0) {
        json_add(out, "type", from == to ? json_alias(am->a, m) : json_string(am->a, kind_type(to)));
    } else if (version_of_member(m->key) > am->version) {
        am->changed = true;
    } else if (instance_is_reserved(m)) {
        json_add(out, m->key, json_alias(am->a, m));
    } else {
        json_add(out, m->key, json_alias(am->a, amend_attribute(am, m)));
    }
}

static struct json *amend_instance(struct amending *am, const struct json *instance)
{
    struct json *out = json_object(am->a);
    enum attribute_kind from = instance_kind(instance);
    enum attribute_kind to = fallback(am, from);
    am->changed = am->changed || from != to;
    for (const struct json *m = instance->first; m != NULL; m = m->next) {
        amend_member(am, out, m, from, to);
    }
    return out;
}

static const struct json *amend_attribute(struct amending *am, const struct json *attribute)
{
    if (attribute->type == JSON_OBJECT) {
        return amend_instance(am, attribute);
    }
    if (attribute->type != JSON_ARRAY) {
        return attribute;
    }
    if (am->version < 103) { /* one instance only, the default one if there is one */
        const struct json *only = instance_find(attribute, NULL);
        am->changed = am->changed || attribute->length > 1;
        only = only != NULL ? only : attribute->first;
        return only != NULL ? amend_instance(am, only) : attribute;
    }
    struct json *out = json_array(am->a);
    for (const struct json *i = attribute->first; i != NULL; i = i->next) {
        json_append(out, amend_instance(am, i));
    }
    return out;
}

static const struct json *amend_types(struct amending *am, const struct json *types)
{
    if (am->version >= 103 || types->type != JSON_ARRAY || types->length < 2) {
        return types;
    }
    struct json *out = json_array(am->a);
    json_append(out, json_alias(am->a, types->first));
    am->changed = true;
    return out;
}

const struct json *version_amend(struct arena *a, const struct ld_context *ctx, const struct json *entity,
                                 int version, bool keep_languages, bool *changed)
{
    struct amending am = {a, ctx, version, keep_languages, false};
    struct json *out = json_object(a);
    for (const struct json *m = entity->first; m != NULL; m = m->next) {
        if (version_of_member(m->key) > version && !(entity_is_attribute(m) && m->type == JSON_OBJECT)) {
            am.changed = true;
            continue;
        }
        const struct json *member = strcmp(m->key, "type") == 0 ? amend_types(&am, m)
                                    : entity_is_attribute(m)    ? amend_attribute(&am, m)
                                                                : m;
        json_add(out, m->key, json_alias(a, member));
    }
    *changed = *changed || am.changed;
    return am.changed ? out : entity;
}
