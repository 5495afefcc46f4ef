/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes in every representation, to instances in stored form (4.5.2 – 4.5.5, 4.5.18 – 4.5.24). */
#include "context/entity/ingest_inside.h"

/* ---- members of an instance ---- */

static struct json *attribute(struct ingest *in, const struct json *v, int level);

static struct json *take_unit_code(struct ingest *in, enum attribute_kind kind, const struct json *m)
{
    if (kind != KIND_PROPERTY && kind != KIND_LIST && kind != KIND_NONE) {
        REFUSE(in, "unitCode belongs to a Property only", "unitCode 只能用于 Property");
        return NULL;
    }
    if (m->type != JSON_STRING || m->length == 0 || m->length > MAX_UNIT_CODE) {
        REFUSE(in, "unitCode must be a unit code of UN/CEFACT such as CEL or GQ (text of at most %d bytes)",
               "unitCode 必须是 UN/CEFACT 单位代码，如 CEL、GQ（不超过 %d 字节的文本）", MAX_UNIT_CODE);
        return NULL;
    }
    return json_alias(in->a, m);
}

/* Members that are only ever read (tables 5.2.5-2 and 5.2.6-2 and their like): they are ignored. */
static bool is_output_only(enum attribute_kind kind, const struct json *m)
{
    bool relationship = kind == KIND_RELATIONSHIP || kind == KIND_LIST_RELATIONSHIP;
    return KEY(m, "createdAt") || KEY(m, "modifiedAt") || KEY(m, "deletedAt") || KEY(m, "instanceId") ||
           KEY(m, "previousValue") || KEY(m, "previousObject") || KEY(m, "previousLanguageMap") ||
           KEY(m, "previousVocab") || KEY(m, "previousJson") || KEY(m, "previousValueList") ||
           KEY(m, "previousObjectList") || (relationship && (KEY(m, "entity") || KEY(m, "entityList")));
}

/* unitCode, observedAt, … ; *ours tells whether m was one of them, *out is the node to keep (NULL: m is left
 * out). */
static bool take_metadata(struct ingest *in, enum attribute_kind kind, const struct json *m, bool *ours,
                          struct json **out)
{
    *ours = true;
    *out = NULL;
    if ((KEY(m, "observedAt") || KEY(m, "unitCode") || KEY(m, "expiresAt")) && ingest_is_deletion(in, m)) {
        *out =
            (in->flags & INGEST_PARTIAL) != 0 ? json_alias(in->a, m) : NULL; /* else it just is not there */
        return true;
    }
    if (KEY(m, "observedAt")) {
        *out = ingest_time(in, "observedAt", m);
        return *out != NULL;
    }
    if (KEY(m, "unitCode")) {
        *out = take_unit_code(in, kind, m);
        return *out != NULL;
    }
    if (KEY(m, "datasetId")) {
        if (json_streq(m, "@none")) {
            return true;
        }
        *out = ingest_check_uri(in, "datasetId", m) ? json_alias(in->a, m) : NULL;
        return *out != NULL;
    }
    if (KEY(m, "objectType") || KEY(m, "valueType")) {
        *out = ingest_names(in, m, LIMIT_TYPES);
        return *out != NULL;
    }
    if (KEY(m, "expiresAt")) {
        *out = ingest_expiry(in, m);
        return *out != NULL;
    }
    if ((in->flags & INGEST_SYSTEM) != 0 && (KEY(m, "createdAt") || KEY(m, "modifiedAt"))) {
        *out = ingest_system_time(in, m);
        return true;
    }
    if (is_output_only(kind, m)) {
        return true; /* the hub's own; a client may send back what it has read */
    }
    if (KEY(m, "entityIdSealed")) { /* of an ngsildproof (C.11); neither is reified */
        *out = ingest_check_uri(in, "entityIdSealed", m) ? json_alias(in->a, m) : NULL;
        return *out != NULL;
    }
    if (KEY(m, "entityTypeSealed")) {
        *out = ingest_names(in, m, LIMIT_TYPES);
        return *out != NULL;
    }
    *ours = false;
    return true;
}

/* A name of the stored form itself, which an expanded name must not turn into. */
static bool is_reserved(const char *name)
{
    struct json member = {.key = name, .key_length = (uint32_t)strlen(name)};
    return !entity_is_attribute(&member) || instance_is_reserved(&member);
}

/* Two names may stand for one, once a name is not stored as it was written. */
static bool check_renamed(struct ingest *in, const struct json *out, const char *name, const struct json *m)
{
    if (name != m->key && is_reserved(name)) {
        return REFUSE(in, "\"%.80s\" is \"%s\" by another name; it is not an attribute",
                      "“%.80s”就是“%s”，不能作为属性", m->key, name);
    }
    return json_get(out, name) == NULL ||
           REFUSE(in, "\"%.80s\" is there twice, under two names", "“%.80s”以两个名称重复出现", m->key);
}

bool ingest_member(struct ingest *in, struct json *out, const struct json *m, int level)
{
    if (level >= LIMIT_ATTRIBUTE_DEPTH) {
        return REFUSE(in, "attributes of attributes go at most %d levels deep", "属性的子属性最多 %d 层",
                      LIMIT_ATTRIBUTE_DEPTH);
    }
    const char *name = ingest_expand(in, m->key, m->key_length);
    struct json *sub = name != NULL ? attribute(in, m, level + 1) : NULL;
    if (sub == NULL) {
        error_prefix(in->e, "%.80s", m->key);
        return false;
    }
    if (level >= 0 && (in->flags & INGEST_NULLS) != 0 && (in->flags & INGEST_PARTIAL) == 0 &&
        instance_is_null(sub)) {
        return true; /* the attribute is replaced whole: what shall go just is not there */
    }
    in->renamed = in->renamed || name != m->key;
    if (in->renamed && !check_renamed(in, out, name, m)) {
        return false;
    }
    ingest_add(out, name, name == m->key ? m->key_length : (uint32_t)strlen(name), sub);
    return true;
}

/* ---- instances ---- */

static struct json *new_instance(struct ingest *in, enum attribute_kind kind, struct json *value)
{
    struct json *instance = json_object(in->a);
    ADD(instance, "type", ingest_literal(in->a, kind_type(kind)));
    const char *member = kind_member(kind);
    ingest_add(instance, member, (uint32_t)strlen(member), value);
    return instance;
}

/* The value alone: simplified, or concise without sub-attributes. */
static struct json *plain_value(struct ingest *in, const struct json *v)
{
    enum attribute_kind kind = is_geometry(v) ? KIND_GEO : KIND_PROPERTY;
    struct json *value = ingest_value(in, kind, v);
    if (value == NULL) {
        return NULL;
    }
    if ((in->flags & INGEST_PARTIAL) != 0 && kind == KIND_PROPERTY) {
        struct json *instance = json_object(in->a); /* the stored attribute decides what kind it is */
        ADD(instance, "value", value);
        return instance;
    }
    return new_instance(in, kind, value);
}

/* What kind of instance the object v is. KIND_NONE with *plain set: it is itself a value. */
static bool find_kind(struct ingest *in, const struct json *v, enum attribute_kind *kind, bool *plain)
{
    const struct json *type = json_get(v, "type");
    if (type == NULL) {
        type = json_get(v, "@type");
    }
    const struct json *carried = instance_value(v);
    *plain = false;
    if (json_is(type, JSON_STRING)) {
        *kind = kind_of_type(type->string, type->length);
        if (*kind != KIND_NONE) {
            return true;
        }
        if (carried != NULL && !is_geometry(v)) {
            return REFUSE(
                in,
                "\"%.60s\" is no kind of attribute; use Property, Relationship, GeoProperty, "
                "LanguageProperty, "
                "VocabProperty, ListProperty, ListRelationship or JsonProperty",
                "“%.60s”不是属性的种类；可用 Property、Relationship、GeoProperty、LanguageProperty、"
                "VocabProperty、ListProperty、ListRelationship、JsonProperty",
                type->string);
        }
        carried = NULL;
    }
    *plain = carried == NULL;
    *kind = carried == NULL ? KIND_NONE : kind_of_member(carried->key, carried->key_length);
    if (*kind == KIND_PROPERTY && is_geometry(carried)) {
        *kind = KIND_GEO;
    }
    return true;
}

static bool take_member(struct ingest *in, struct json *out, enum attribute_kind kind, const struct json *m,
                        int level)
{
    bool ours;
    struct json *kept;
    if (KEY(m, "type") || KEY(m, "@type") || KEY(m, "@context")) {
        return true;
    }
    if (kind_of_member(m->key, m->key_length) != KIND_NONE) {
        return REFUSE(in, "a %s has no \"%s\"; its value goes into \"%s\"", "%s 没有“%s”，其值应写在“%s”中",
                      kind_type(kind), m->key, kind_member(kind));
    }
    if (level > 0 && KEY(m, "expiresAt")) {
        return error_set(in->e, ERROR_NOT_SUPPORTED,
                         "expiresAt is for entities and their attributes, not for attributes of attributes",
                         "expiresAt 只能用于实体及其属性，不能用于属性的子属性");
    }
    if (!take_metadata(in, kind, m, &ours, &kept)) {
        return false;
    }
    if (ours) {
        if (kept != NULL) {
            ingest_add(out, m->key, m->key_length, kept);
        }
        return true;
    }
    return ingest_member(in, out, m, level);
}

static struct json *object_instance(struct ingest *in, const struct json *v, enum attribute_kind kind,
                                    int level)
{
    const char *member = kind_member(kind);
    size_t member_length = strlen(member);
    const struct json *given = json_getn(v, member, member_length);
    struct json *out = json_object(in->a);
    ADD(out, "type", ingest_literal(in->a, kind_type(kind)));
    if (given == NULL && (in->flags & INGEST_PARTIAL) == 0) {
        REFUSE(in, "a %s needs \"%s\"", "%s 需要“%s”", kind_type(kind), member);
        return NULL;
    }
    if (given != NULL) {
        struct json *value = ingest_value(in, kind, given);
        if (value == NULL) {
            return NULL;
        }
        ingest_add(out, member, (uint32_t)member_length, value);
    }
    for (const struct json *m = v->first; m != NULL; m = m->next) {
        if (m != given && !take_member(in, out, kind, m, level)) {
            return NULL;
        }
    }
    return out;
}

static struct json *instance(struct ingest *in, const struct json *v, int level)
{
    enum attribute_kind kind;
    bool plain;
    if (v->type != JSON_OBJECT) {
        return plain_value(in, v);
    }
    if (!find_kind(in, v, &kind, &plain)) {
        return NULL;
    }
    return plain ? plain_value(in, v) : object_instance(in, v, kind, level);
}

/* ---- attributes ---- */

/* An array whose elements all are instances, rather than an array as a value. */
static bool is_instances(const struct json *v)
{
    bool sure = false;
    for (const struct json *c = v->first; c != NULL; c = c->next) {
        const struct json *type = json_get(c, "type");
        bool typed = json_is(type, JSON_STRING) && kind_of_type(type->string, type->length) != KIND_NONE;
        if (!typed && instance_value(c) == NULL) {
            return false;
        }
        sure = sure || typed || json_get(c, "datasetId") != NULL;
    }
    return sure; /* only the default instance may do without both */
}

static bool add_instance(struct ingest *in, struct json *list, struct json *one)
{
    const char *dataset = json_get_string(one, "datasetId");
    if (list->first != NULL && instance_find(list, dataset) != NULL) {
        return REFUSE(in, "two instances have the datasetId %s; give each one of its own",
                      "有两个实例的 datasetId 同为 %s，请分别指定", dataset != NULL ? dataset : "@none");
    }
    json_append(list, one);
    return true;
}

static struct json *instances(struct ingest *in, const struct json *v, int level)
{
    struct json *list = json_array(in->a);
    for (const struct json *c = v->first; c != NULL; c = c->next) {
        struct json *one = instance(in, c, level);
        if (one == NULL || !add_instance(in, list, one)) {
            return NULL;
        }
    }
    return list->length == 1 ? json_alias(in->a, list->first) : list;
}

/* {"dataset": {"@none": …, "urn:…": …}}: the simplified form of several instances (4.5.4). */
static struct json *simplified_datasets(struct ingest *in, const struct json *datasets)
{
    struct json *list = json_array(in->a);
    for (const struct json *c = datasets->first; c != NULL; c = c->next) {
        struct json *one = instance(in, c, 0);
        if (one == NULL) {
            return NULL;
        }
        one->key = NULL;
        one->key_length = 0;
        if (!KEY(c, "@none")) {
            if (!ingest_uri("dataset", c->key, c->key_length, in->e)) {
                return NULL;
            }
            ADD(one, "datasetId", json_stringn(in->a, c->key, c->key_length));
        }
        json_append(list, one);
    }
    return list->length == 1 ? json_alias(in->a, list->first) : list;
}

static struct json *attribute(struct ingest *in, const struct json *v, int level)
{
    if (v->type == JSON_ARRAY && is_instances(v)) {
        return instances(in, v, level);
    }
    if (v->type == JSON_OBJECT && v->length == 1 && KEY(v->first, "dataset") &&
        json_first(v->first) != NULL) {
        return simplified_datasets(in, v->first);
    }
    return instance(in, v, level);
}

struct json *ingest_attribute(struct arena *a, const char *name, const struct json *payload,
                              const struct ld_context *ctx, int flags, struct error *e)
{
    struct ingest in = {a, ctx, flags, e};
    const char *stored = ingest_attribute_name(a, ctx, name, e);
    struct json *attr = NULL;
    if (stored != NULL) {
        enum attribute_kind kind;
        bool plain = payload->type != JSON_OBJECT;
        if (!plain && !find_kind(&in, payload, &kind, &plain)) {
            attr = NULL;
        } else if (plain && payload->type == JSON_OBJECT && (flags & INGEST_PARTIAL) != 0 &&
                   !is_geometry(payload)) {
            attr = object_instance(&in, payload, KIND_PROPERTY,
                                   0); /* members of the instance, without its value */
            if (attr != NULL) {
                json_remove(attr, "type");
            }
        } else {
            attr = attribute(&in, payload, 0);
        }
    }
    if (attr == NULL) {
        error_prefix(e, "%.80s", name);
        return NULL;
    }
    attr->key = stored;
    attr->key_length = (uint32_t)strlen(stored);
    return attr;
}
