/* SPDX-License-Identifier: Apache-2.0 */
/* Patches of attribute instances. */
#include "context/entity/merge.h"

#include <string.h>

static bool is_null(const struct json *v)
{
    return json_streq(v, NGSI_NULL);
}

static void add_as(struct json *object, const struct json *like, struct json *value)
{
    value->key = like->key;
    value->key_length = like->key_length;
    json_append(object, value);
}

static struct json *copy_member(struct arena *a, const struct json *m)
{
    struct json *copy = json_copy(a, m);
    copy->key = arena_strndup(a, m->key, m->key_length);
    copy->key_length = m->key_length;
    return copy;
}

/* RFC 7396 with the NGSI-LD Null in the place of null. */
static struct json *merge_value(struct arena *a, const struct json *old, const struct json *patch)
{
    if (patch->type != JSON_OBJECT) {
        return json_copy(a, patch);
    }
    struct json *out = json_object(a);
    for (const struct json *m = json_is(old, JSON_OBJECT) ? old->first : NULL; m != NULL; m = m->next) {
        const struct json *p = json_getn(patch, m->key, m->key_length);
        if (p == NULL) {
            add_as(out, m, json_alias(a, m));
        } else if (!is_null(p)) {
            add_as(out, m, merge_value(a, m, p));
        }
    }
    for (const struct json *p = patch->first; p != NULL; p = p->next) {
        if (!is_null(p) && (!json_is(old, JSON_OBJECT) || json_getn(old, p->key, p->key_length) == NULL)) {
            struct json *added = merge_value(a, NULL, p);
            added->key = arena_strndup(a, p->key, p->key_length);
            added->key_length = p->key_length;
            json_append(out, added);
        }
    }
    return out;
}

static bool is_time(const struct json *m)
{
    return strcmp(m->key, "createdAt") == 0 || strcmp(m->key, "modifiedAt") == 0;
}

/* The kind that the patched instance has. A value without a type takes that of the old one, where it fits. */
static enum attribute_kind patched_kind(const struct json *old, const struct json *given,
                                        const struct json *value)
{
    enum attribute_kind kind = instance_kind(given);
    if (kind != KIND_NONE) {
        return kind;
    }
    kind = old != NULL ? instance_kind(old) : KIND_PROPERTY;
    bool uri = json_is(value, JSON_STRING) || json_is(value, JSON_ARRAY);
    switch (kind) {
    case KIND_RELATIONSHIP:
    case KIND_VOCAB: return uri ? kind : KIND_PROPERTY;
    case KIND_LIST:
    case KIND_LIST_RELATIONSHIP: return json_is(value, JSON_ARRAY) ? kind : KIND_PROPERTY;
    case KIND_PROPERTY: return kind;
    default: return value == NULL ? kind : KIND_PROPERTY;
    }
}

static struct json *start_instance(struct arena *a, enum attribute_kind kind)
{
    struct json *out = json_object(a);
    json_add(out, "type", json_string(a, kind_type(kind)));
    return out;
}

static struct json *no_value(enum attribute_kind kind, struct error *e)
{
    error_set(e, ERROR_BAD_REQUEST_DATA, "a %s needs \"%s\"", "%s 需要“%s”", kind_type(kind),
              kind_member(kind));
    return NULL;
}

struct json *instance_copy(struct arena *a, const struct json *given, struct error *e)
{
    const struct json *value = instance_value(given);
    if (value == NULL) {
        enum attribute_kind kind = instance_kind(given);
        return no_value(kind == KIND_NONE ? KIND_PROPERTY : kind, e);
    }
    if (json_get(given, "type") != NULL) {
        return json_copy(a, given);
    }
    struct json *out = start_instance(a, KIND_PROPERTY);
    for (const struct json *m = given->first; m != NULL; m = m->next) {
        json_append(out, copy_member(a, m));
    }
    return out;
}

/* A sub-attribute, or a member such as unitCode. NULL: it goes. */
static struct json *merge_member(struct arena *a, const struct json *old, const struct json *given,
                                 bool partial, struct error *e)
{
    if (partial || given->type != JSON_OBJECT || json_is(old, JSON_ARRAY)) {
        return given->type == JSON_OBJECT && !instance_is_reserved(given) ? instance_copy(a, given, e)
                                                                          : json_copy(a, given);
    }
    return instance_merge(a, old, given, false, e);
}

static bool is_deletion(const struct json *m)
{
    return is_null(m) || (m->type == JSON_OBJECT && !instance_is_reserved(m) && instance_is_null(m));
}

/* Adds the members that are not the value: those of old that the patch leaves, and the patch's. */
static bool merge_members(struct arena *a, struct json *out, const struct json *old, const struct json *given,
                          bool partial, struct error *e)
{
    for (const struct json *m = json_first(old); m != NULL; m = m->next) {
        bool value = kind_of_member(m->key, m->key_length) != KIND_NONE;
        if (!value && !is_time(m) && strcmp(m->key, "type") != 0 &&
            json_getn(given, m->key, m->key_length) == NULL) {
            add_as(out, m, json_alias(a, m));
        }
    }
    for (const struct json *m = given->first; m != NULL; m = m->next) {
        if (kind_of_member(m->key, m->key_length) != KIND_NONE || strcmp(m->key, "type") == 0 ||
            is_deletion(m)) {
            continue;
        }
        struct json *merged = merge_member(a, json_getn(old, m->key, m->key_length), m, partial, e);
        if (merged == NULL) {
            return false;
        }
        merged->key = arena_strndup(a, m->key, m->key_length);
        merged->key_length = m->key_length;
        json_append(out, merged);
    }
    return true;
}

struct json *instance_merge(struct arena *a, const struct json *old, const struct json *given, bool partial,
                            struct error *e)
{
    const struct json *value = instance_value(given);
    enum attribute_kind kind = patched_kind(old, given, value);
    if (old != NULL && kind != instance_kind(old)) {
        if (partial && instance_kind(given) != KIND_NONE) {
            error_set(e, ERROR_BAD_REQUEST_DATA, "the attribute is a %s; its kind cannot be changed to %s",
                      "该属性是 %s，不能改为 %s", kind_type(instance_kind(old)), kind_type(kind));
            return NULL;
        }
        old = NULL;
    }
    const struct json *old_value = instance_value(old);
    if (value == NULL && old_value == NULL) {
        return no_value(kind, e);
    }
    struct json *out = start_instance(a, kind);
    json_add(out, kind_member(kind),
             value == NULL ? json_alias(a, old_value) : merge_value(a, partial ? NULL : old_value, value));
    return merge_members(a, out, old, given, partial, e) ? out : NULL;
}
