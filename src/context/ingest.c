/* SPDX-License-Identifier: Apache-2.0 */
/* Checks what clients send (normalized, concise, simplified) and makes the stored form of it
 * (4.5, 4.6, 5.5.4). */
#include "context/ingest.h"

#include <string.h>

#include "base/limits.h"
#include "context/entity.h"
#include "geo/geo.h"

enum {
    MAX_SUB_ATTRIBUTES = 5, /* levels of attributes of attributes */
    MAX_UNIT_CODE = 64,     /* bytes */
    MAX_SCOPE = 1024,       /* bytes of one scope */
    MAX_SCOPES = 100,
    MAX_TYPES = 100,
};

struct ingest {
    struct arena *a;
    const struct ld_context *ctx;
    int flags;
    struct error *e;
    bool renamed; /* some name is stored otherwise than it was written */
};

#define REFUSE(in, en, ...) error_set((in)->e, ERROR_BAD_REQUEST_DATA, en, __VA_ARGS__)

static bool is_key(const struct json *member, const char *name, size_t length)
{
    return member->key_length == length && memcmp(member->key, name, length) == 0;
}
#define KEY(member, literal) is_key(member, literal, sizeof literal - 1)

static struct json *add(struct json *object, const char *key, uint32_t key_length, struct json *value)
{
    value->key = key;
    value->key_length = key_length;
    return json_append(object, value);
}
#define ADD(object, literal, value) add(object, literal, sizeof literal - 1, value)

/* A string of static memory, not copied. */
static struct json *literal(struct arena *a, const char *text)
{
    struct json *v = json_null(a);
    v->type = JSON_STRING;
    v->string = text;
    v->length = (uint32_t)strlen(text);
    return v;
}

/* ---- names, URIs, times ---- */

static const char *expand(struct ingest *in, const char *name, size_t length)
{
    bool plain;
    if (!ld_valid_name(name, length, &plain)) {
        REFUSE(in,
               "\"%.80s\" cannot be a name: a letter must come first, then letters, digits and _ may follow; "
               "or it is an IRI",
               "“%.80s”不能作名称：须以字母（或汉字）开头，后接字母、数字或下划线；或者是 IRI", name);
        return NULL;
    }
    return plain && in->ctx == NULL ? name : ld_expand(in->ctx, in->a, name);
}

const char *ingest_name(struct arena *a, const struct ld_context *ctx, const char *name, struct error *e)
{
    struct ingest in = {a, ctx, 0, e};
    return expand(&in, name, strlen(name));
}

const char *ingest_attribute_name(struct arena *a, const struct ld_context *ctx, const char *name,
                                  struct error *e)
{
    const char *stored = ingest_name(a, ctx, name, e);
    struct json member = {.key = stored, .key_length = stored != NULL ? (uint32_t)strlen(stored) : 0};
    if (stored != NULL && !entity_is_attribute(&member)) {
        error_set(e, ERROR_BAD_REQUEST_DATA, "\"%.80s\" is not an attribute", "“%.80s”不是属性", name);
        return NULL;
    }
    return stored;
}

bool ingest_uri(const char *what, const char *text, size_t length, struct error *e)
{
    if (length > LIMIT_ID) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "%s is longer than %d bytes", "%s 超过 %d 字节", what,
                         LIMIT_ID);
    }
    return ld_valid_uri(text, length) ||
           error_set(e, ERROR_BAD_REQUEST_DATA,
                     "%s must be a URI such as urn:ngsi-ld:Device:1, but it is \"%.100s\"",
                     "%s 必须是 URI（如 urn:ngsi-ld:Device:1），收到的是“%.100s”", what, text);
}

static bool is_null_text(const struct json *v)
{
    return v->type == JSON_STRING && v->length == sizeof NGSI_NULL - 1 &&
           memcmp(v->string, NGSI_NULL, v->length) == 0;
}

/* An NGSI-LD Null where the operation takes one. */
static bool is_deletion(const struct ingest *in, const struct json *v)
{
    return (in->flags & INGEST_NULLS) != 0 && is_null_text(v);
}

static bool refuse_null(struct ingest *in, const struct json *v)
{
    return !is_null_text(v) || REFUSE(in, "urn:ngsi-ld:null deletes; it cannot be stored by this operation",
                                      "urn:ngsi-ld:null 表示删除，本操作不能存储它");
}

static bool check_uri(struct ingest *in, const char *what, const struct json *v)
{
    if (v->type != JSON_STRING) {
        return REFUSE(in, "%s must be a URI", "%s 必须是 URI", what);
    }
    return refuse_null(in, v) && ingest_uri(what, v->string, v->length, in->e);
}

/* A time in UTC text; the node itself when it is written so already. */
static struct json *take_time(struct ingest *in, const char *what, const struct json *v)
{
    instant t;
    if (v->type != JSON_STRING || !instant_parse(v->string, v->length, NULL, &t)) {
        REFUSE(in, "%s must be a time with a zone such as 2026-03-01T08:30:00Z, but it is \"%.60s\"",
               "%s 必须是带时区的时间（如 2026-03-01T08:30:00Z），收到的是“%.60s”", what,
               v->type == JSON_STRING ? v->string : "?");
        return NULL;
    }
    if (v->length == strlen("2026-03-01T00:00:00Z") && v->string[v->length - 1] == 'Z') {
        return json_alias(in->a, v);
    }
    char text[INSTANT_TEXT];
    return json_string(in->a, instant_format(t, text));
}

/* ---- values by kind ---- */

/* Refuses the NGSI-LD Null inside compound values, where only a merge may have it. */
static bool check_compound(struct ingest *in, const struct json *v)
{
    for (const struct json *c = json_first(v); c != NULL; c = c->next) {
        if (!refuse_null(in, c) || !check_compound(in, c)) {
            return false;
        }
    }
    return true;
}

/* {"@type": "DateTime", "@value": …} must hold a time. */
static bool check_typed_value(struct ingest *in, const struct json *v)
{
    const struct json *text = json_get(v, "@value");
    instant t;
    if (!json_streq(json_get(v, "@type"), "DateTime")) {
        return true;
    }
    return (json_is(text, JSON_STRING) && instant_parse(text->string, text->length, NULL, &t)) ||
           REFUSE(in, "the DateTime must be a time with a zone such as 2026-03-01T08:30:00Z",
                  "DateTime 必须是带时区的时间（如 2026-03-01T08:30:00Z）");
}

static struct json *take_property(struct ingest *in, const struct json *v)
{
    if (v->type == JSON_OBJECT || v->type == JSON_ARRAY) {
        if (!check_typed_value(in, v) || ((in->flags & INGEST_PARTIAL) == 0 && !check_compound(in, v))) {
            return NULL;
        }
    }
    return json_alias(in->a, v);
}

static struct json *take_objects(struct ingest *in, const struct json *v)
{
    if (v->type != JSON_ARRAY) {
        return check_uri(in, "object", v) ? json_alias(in->a, v) : NULL;
    }
    struct json *list = json_array(in->a);
    for (const struct json *c = v->first; c != NULL; c = c->next) {
        if (!check_uri(in, "object", c)) {
            return NULL;
        }
        json_append(list, json_alias(in->a, c));
    }
    if (list->first == NULL) {
        REFUSE(in, "a Relationship needs at least one object", "Relationship 至少需要一个 object");
        return NULL;
    }
    return list;
}

static struct json *take_geometry(struct ingest *in, const struct json *v)
{
    if (v->type != JSON_OBJECT) {
        REFUSE(in,
               "a GeoProperty needs a GeoJSON geometry such as {\"type\": \"Point\", \"coordinates\": "
               "[106.5, 29.5]}",
               "GeoProperty 需要 GeoJSON 几何对象，如 {\"type\": \"Point\", \"coordinates\": [106.5, 29.5]}");
        return NULL;
    }
    return geometry_parse(in->a, v, in->e) != NULL ? json_alias(in->a, v) : NULL;
}

static bool language_tag(const struct json *member)
{
    if (KEY(member, "@none")) {
        return true;
    }
    for (uint32_t i = 0; i < member->key_length; i++) {
        if (!g_ascii_isalnum(member->key[i]) && (member->key[i] != '-' || i == 0)) {
            return false;
        }
    }
    return member->key_length > 0 && member->key_length <= 35;
}

static bool all_strings(const struct json *array)
{
    for (const struct json *c = json_first(array); c != NULL; c = c->next) {
        if (c->type != JSON_STRING) {
            return false;
        }
    }
    return array->type == JSON_ARRAY && array->first != NULL;
}

static struct json *take_language_map(struct ingest *in, const struct json *v)
{
    if (v->type != JSON_OBJECT || v->first == NULL) {
        REFUSE(in,
               "languageMap must be an object of texts by language, such as {\"zh\": \"…\", \"en\": \"…\"}",
               "languageMap 必须是按语言分列的文本对象，如 {\"zh\": \"…\", \"en\": \"…\"}");
        return NULL;
    }
    for (const struct json *m = v->first; m != NULL; m = m->next) {
        if (!language_tag(m)) {
            REFUSE(in, "\"%.40s\" is not a language tag (zh, en, zh-Hans, @none)",
                   "“%.40s”不是语言标签（zh、en、zh-Hans、@none）", m->key);
            return NULL;
        }
        if (is_deletion(in, m)) {
            continue;
        }
        if ((m->type != JSON_STRING && !all_strings(m)) || (m->type == JSON_STRING && is_null_text(m))) {
            REFUSE(in, "languageMap: the text for \"%s\" must be a string",
                   "languageMap：语言“%s”的文本必须是字符串", m->key);
            return NULL;
        }
    }
    return json_alias(in->a, v);
}

static struct json *vocab_name(struct ingest *in, const struct json *v)
{
    const char *name = ld_expand(in->ctx, in->a, v->string);
    return name == v->string ? json_alias(in->a, v) : json_string(in->a, name);
}

static struct json *take_vocab(struct ingest *in, const struct json *v)
{
    if (v->type == JSON_STRING && v->length > 0) {
        return refuse_null(in, v) ? vocab_name(in, v) : NULL;
    }
    if (!all_strings(v)) {
        REFUSE(in, "vocab must be a text or an array of texts", "vocab 必须是文本或文本数组");
        return NULL;
    }
    struct json *list = json_array(in->a);
    for (const struct json *c = v->first; c != NULL; c = c->next) {
        json_append(list, vocab_name(in, c));
    }
    return list;
}

/* A list with the one element NGSI-LD Null, which deletes. */
static bool is_null_list(const struct ingest *in, const struct json *v)
{
    return v->type == JSON_ARRAY && v->length == 1 && is_deletion(in, v->first);
}

static struct json *take_list(struct ingest *in, const struct json *v)
{
    if (v->type != JSON_ARRAY) {
        REFUSE(in, "valueList must be an array", "valueList 必须是数组");
        return NULL;
    }
    return is_null_list(in, v) || check_compound(in, v) ? json_alias(in->a, v) : NULL;
}

static struct json *take_object_list(struct ingest *in, const struct json *v)
{
    if (v->type != JSON_ARRAY) {
        REFUSE(in, "objectList must be an array of URIs", "objectList 必须是 URI 数组");
        return NULL;
    }
    if (is_null_list(in, v)) {
        return json_alias(in->a, v);
    }
    struct json *list = json_array(in->a);
    for (const struct json *c = v->first; c != NULL; c = c->next) {
        const struct json *object = c->type == JSON_OBJECT ? json_get(c, "object") : c;
        if (object == NULL || !check_uri(in, "objectList", object)) {
            return NULL;
        }
        struct json *item = json_alias(in->a, object);
        item->key = NULL;
        item->key_length = 0;
        json_append(list, item);
    }
    return list;
}

static struct json *take_json(struct ingest *in, const struct json *v)
{
    if (v->type == JSON_OBJECT || v->type == JSON_ARRAY) {
        return json_alias(in->a, v);
    }
    REFUSE(in, "json must be an object or an array", "json 必须是对象或数组");
    return NULL;
}

static struct json *take_value(struct ingest *in, enum attribute_kind kind, const struct json *v)
{
    if (v->type == JSON_NULL) {
        REFUSE(in, "null is not a value; to delete, send \"urn:ngsi-ld:null\"",
               "null 不是有效的值；如要删除请发送“urn:ngsi-ld:null”");
        return NULL;
    }
    if (v->type == JSON_STRING && is_null_text(v)) {
        return is_deletion(in, v) || refuse_null(in, v) ? json_alias(in->a, v) : NULL;
    }
    switch (kind) {
    case KIND_RELATIONSHIP: return take_objects(in, v);
    case KIND_GEO: return take_geometry(in, v);
    case KIND_LANGUAGE: return take_language_map(in, v);
    case KIND_VOCAB: return take_vocab(in, v);
    case KIND_LIST: return take_list(in, v);
    case KIND_LIST_RELATIONSHIP: return take_object_list(in, v);
    case KIND_JSON: return take_json(in, v);
    default: return take_property(in, v);
    }
}

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

static struct json *take_names(struct ingest *in, const struct json *v, int most)
{
    struct json *list = json_array(in->a);
    const struct json *c = v->type == JSON_ARRAY ? v->first : v;
    if (v->type == JSON_ARRAY && (v->length == 0 || v->length > (uint32_t)most)) {
        REFUSE(in, "between 1 and %d names are needed", "需要 1 至 %d 个名称", most);
        return NULL;
    }
    for (; c != NULL; c = v->type == JSON_ARRAY ? c->next : NULL) {
        if (c->type != JSON_STRING) {
            REFUSE(in, "a name or an array of names is needed", "需要一个名称或名称数组");
            return NULL;
        }
        const char *name = expand(in, c->string, c->length);
        if (name == NULL) {
            return NULL;
        }
        bool known = false;
        for (const struct json *other = list->first; other != NULL && !known; other = other->next) {
            known = strcmp(other->string, name) == 0;
        }
        if (!known) {
            struct json *item = name == c->string ? json_alias(in->a, c) : json_string(in->a, name);
            item->key = NULL;
            item->key_length = 0;
            json_append(list, item);
        }
    }
    return list;
}

/* unitCode, observedAt, … ; *ours tells whether m was one of them, *out is the node to keep (NULL: m is left
 * out). */
static bool take_metadata(struct ingest *in, enum attribute_kind kind, const struct json *m, bool *ours,
                          struct json **out)
{
    *ours = true;
    *out = NULL;
    if ((KEY(m, "observedAt") || KEY(m, "unitCode")) && is_deletion(in, m)) {
        *out =
            (in->flags & INGEST_PARTIAL) != 0 ? json_alias(in->a, m) : NULL; /* else it just is not there */
        return true;
    }
    if (KEY(m, "observedAt")) {
        *out = take_time(in, "observedAt", m);
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
        *out = check_uri(in, "datasetId", m) ? json_alias(in->a, m) : NULL;
        return *out != NULL;
    }
    if (KEY(m, "objectType") || KEY(m, "valueType")) {
        *out = take_names(in, m, MAX_TYPES);
        return *out != NULL;
    }
    if (KEY(m, "expiresAt")) {
        return error_set(in->e, ERROR_NOT_SUPPORTED,
                         "expiresAt is not supported yet; delete the data instead",
                         "暂不支持 expiresAt，请改用删除操作");
    }
    if (KEY(m, "createdAt") || KEY(m, "modifiedAt") || KEY(m, "deletedAt") || KEY(m, "instanceId")) {
        return true; /* the hub's own; a client may send back what it has read */
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

static bool take_sub_attribute(struct ingest *in, struct json *out, const struct json *m, int level)
{
    if (level >= MAX_SUB_ATTRIBUTES) {
        return REFUSE(in, "attributes of attributes go at most %d levels deep", "属性的子属性最多 %d 层",
                      MAX_SUB_ATTRIBUTES);
    }
    const char *name = expand(in, m->key, m->key_length);
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
    add(out, name, name == m->key ? m->key_length : (uint32_t)strlen(name), sub);
    return true;
}

/* ---- instances ---- */

static struct json *new_instance(struct ingest *in, enum attribute_kind kind, struct json *value)
{
    struct json *instance = json_object(in->a);
    ADD(instance, "type", literal(in->a, kind_type(kind)));
    const char *member = kind_member(kind);
    add(instance, member, (uint32_t)strlen(member), value);
    return instance;
}

/* The value alone: simplified, or concise without sub-attributes. */
static struct json *plain_value(struct ingest *in, const struct json *v)
{
    enum attribute_kind kind = is_geometry(v) ? KIND_GEO : KIND_PROPERTY;
    struct json *value = take_value(in, kind, v);
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
    if (!take_metadata(in, kind, m, &ours, &kept)) {
        return false;
    }
    if (ours) {
        if (kept != NULL) {
            add(out, m->key, m->key_length, kept);
        }
        return true;
    }
    return take_sub_attribute(in, out, m, level);
}

static struct json *object_instance(struct ingest *in, const struct json *v, enum attribute_kind kind,
                                    int level)
{
    const char *member = kind_member(kind);
    size_t member_length = strlen(member);
    const struct json *given = json_getn(v, member, member_length);
    struct json *out = json_object(in->a);
    ADD(out, "type", literal(in->a, kind_type(kind)));
    if (given == NULL && (in->flags & INGEST_PARTIAL) == 0) {
        REFUSE(in, "a %s needs \"%s\"", "%s 需要“%s”", kind_type(kind), member);
        return NULL;
    }
    if (given != NULL) {
        struct json *value = take_value(in, kind, given);
        if (value == NULL) {
            return NULL;
        }
        add(out, member, (uint32_t)member_length, value);
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
    for (const struct json *c = v->first; c != NULL; c = c->next) {
        const struct json *type = json_get(c, "type");
        bool typed = json_is(type, JSON_STRING) && kind_of_type(type->string, type->length) != KIND_NONE;
        if (!typed && (instance_value(c) == NULL || json_get(c, "datasetId") == NULL)) {
            return false;
        }
    }
    return v->first != NULL;
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

/* ---- entities ---- */

struct members {
    const struct json *id, *type, *scope;
};

static struct json *take_id(struct ingest *in, const struct json *v)
{
    if (v == NULL) {
        REFUSE(in, "the entity needs an \"id\"", "实体需要“id”");
        return NULL;
    }
    return check_uri(in, "id", v) ? json_alias(in->a, v) : NULL;
}

/* "[/]level/level…" each level a letter, then letters, digits and _ (4.18). */
static bool valid_scope(const struct json *v)
{
    const char *p = v->string + (v->length > 0 && v->string[0] == '/' ? 1 : 0);
    const char *end = v->string + v->length;
    if (v->length > MAX_SCOPE) {
        return false;
    }
    for (;;) {
        const char *slash = memchr(p, '/', (size_t)(end - p));
        const char *level_end = slash != NULL ? slash : end;
        bool plain;
        if (!ld_valid_name(p, (size_t)(level_end - p), &plain) || !plain) {
            return false;
        }
        if (slash == NULL) {
            return true;
        }
        p = slash + 1;
    }
}

static struct json *take_one_scope(struct ingest *in, const struct json *v)
{
    if (v->type != JSON_STRING || !valid_scope(v)) {
        REFUSE(in, "scope must be a path of names such as /渝中区/大坪街道, but it is \"%.100s\"",
               "scope 必须是名称组成的路径（如 /渝中区/大坪街道），收到的是“%.100s”",
               v->type == JSON_STRING ? v->string : "?");
        return NULL;
    }
    return v->string[0] == '/' ? json_stringn(in->a, v->string, v->length)
                               : json_printf(in->a, "/%s", v->string);
}

static struct json *take_scope(struct ingest *in, const struct json *v)
{
    struct json *list = json_array(in->a);
    if (is_deletion(in, v)) {
        return list;
    }
    if (v->type == JSON_ARRAY && (v->length == 0 || v->length > MAX_SCOPES)) {
        REFUSE(in, "scope: between 1 and %d paths are needed", "scope：需要 1 至 %d 个路径", MAX_SCOPES);
        return NULL;
    }
    for (const struct json *c = v->type == JSON_ARRAY ? v->first : v; c != NULL;
         c = v->type == JSON_ARRAY ? c->next : NULL) {
        struct json *scope = take_one_scope(in, c);
        if (scope == NULL) {
            return NULL;
        }
        json_append(list, scope);
    }
    return list;
}

static bool take_head(struct ingest *in, struct json *out, const struct members *m)
{
    if (m->id != NULL || (in->flags & INGEST_ID) != 0) {
        struct json *id = take_id(in, m->id);
        if (id == NULL) {
            return false;
        }
        ADD(out, "id", id);
    }
    if (m->type == NULL && (in->flags & INGEST_TYPE) != 0) {
        return REFUSE(in, "the entity needs a \"type\"", "实体需要“type”");
    }
    if (m->type != NULL) {
        struct json *types = take_names(in, m->type, MAX_TYPES);
        if (types == NULL) {
            error_prefix(in->e, "type");
            return false;
        }
        ADD(out, "type", types);
    }
    if (m->scope != NULL) {
        struct json *scopes = take_scope(in, m->scope);
        if (scopes == NULL) {
            return false;
        }
        ADD(out, "scope", scopes);
    }
    return true;
}

static bool is_head(const struct json *m, struct members *head)
{
    if (KEY(m, "id") || KEY(m, "@id")) {
        head->id = m;
    } else if (KEY(m, "type") || KEY(m, "@type")) {
        head->type = m;
    } else if (KEY(m, "scope")) {
        head->scope = m;
    } else {
        return KEY(m, "@context") || KEY(m, "createdAt") || KEY(m, "modifiedAt") || KEY(m, "deletedAt");
    }
    return true;
}

struct json *ingest_entity(struct arena *a, const struct json *payload, const struct ld_context *ctx,
                           int flags, struct error *e)
{
    struct ingest in = {a, ctx, flags, e};
    struct members head = {NULL, NULL, NULL};
    struct json *out = json_object(a);
    if (payload == NULL || payload->type != JSON_OBJECT) {
        REFUSE(&in, "an entity must be a JSON object", "实体必须是 JSON 对象");
        return NULL;
    }
    if (payload->length > LIMIT_ATTRIBUTES + 10) {
        REFUSE(&in, "an entity has at most %d attributes", "一个实体最多 %d 个属性", LIMIT_ATTRIBUTES);
        return NULL;
    }
    for (const struct json *m = payload->first; m != NULL; m = m->next) {
        is_head(m, &head);
    }
    if (!take_head(&in, out, &head)) {
        return NULL;
    }
    for (const struct json *m = payload->first; m != NULL; m = m->next) {
        if (KEY(m, "expiresAt")) {
            error_set(e, ERROR_NOT_SUPPORTED, "expiresAt is not supported yet; delete the entity instead",
                      "暂不支持 expiresAt，请改为删除实体");
            return NULL;
        }
        if (!is_head(m, &head) && !take_sub_attribute(&in, out, m, -1)) {
            return NULL;
        }
    }
    return out;
}

struct json *context_ingest(struct arena *a, const struct json *payload, const struct ld_context *ctx,
                            bool fragment, struct error *e)
{
    return ingest_entity(a, payload, ctx, fragment ? INGEST_NULLS : INGEST_ID | INGEST_TYPE, e);
}
