/* SPDX-License-Identifier: Apache-2.0 */
/* Names, URIs, times, and the values of each kind of attribute, checked (4.5, 4.6). */
#include "context/entity/ingest_inside.h"
#include "geo/geo.h"

/* ---- names, URIs, times ---- */

const char *ingest_expand(struct ingest *in, const char *name, size_t length)
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
    return ingest_expand(&in, name, strlen(name));
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
bool ingest_is_deletion(const struct ingest *in, const struct json *v)
{
    return (in->flags & INGEST_NULLS) != 0 && is_null_text(v);
}

static bool refuse_null(struct ingest *in, const struct json *v)
{
    return !is_null_text(v) || REFUSE(in, "urn:ngsi-ld:null deletes; it cannot be stored by this operation",
                                      "urn:ngsi-ld:null 表示删除，本操作不能存储它");
}

bool ingest_check_uri(struct ingest *in, const char *what, const struct json *v)
{
    if (v == NULL || v->type != JSON_STRING) {
        return REFUSE(in, "%s must be a URI", "%s 必须是 URI", what);
    }
    return refuse_null(in, v) && ingest_uri(what, v->string, v->length, in->e);
}

/* A time in UTC text; the node itself when it is written so already. */
struct json *ingest_time(struct ingest *in, const char *what, const struct json *v)
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

struct json *ingest_system_time(struct ingest *in, const struct json *v)
{
    instant at;
    return v->type == JSON_STRING && instant_parse(v->string, v->length, NULL, &at) ? json_int(in->a, at)
                                                                                    : NULL;
}

struct json *ingest_expiry(struct ingest *in, const struct json *v)
{
    instant at;
    struct json *time = ingest_time(in, "expiresAt", v);
    return time != NULL && instant_parse(time->string, time->length, NULL, &at) ? json_int(in->a, at) : NULL;
}

struct json *ingest_names(struct ingest *in, const struct json *v, int most)
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
        const char *name = ingest_expand(in, c->string, c->length);
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
        return ingest_check_uri(in, "object", v) ? json_alias(in->a, v) : NULL;
    }
    struct json *list = json_array(in->a);
    for (const struct json *c = v->first; c != NULL; c = c->next) {
        if (!ingest_check_uri(in, "object", c)) {
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
        if (ingest_is_deletion(in, m)) {
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
    return v->type == JSON_ARRAY && v->length == 1 && ingest_is_deletion(in, v->first);
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
        if (!ingest_check_uri(in, "objectList", object)) {
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

struct json *ingest_value(struct ingest *in, enum attribute_kind kind, const struct json *v)
{
    if (v->type == JSON_NULL) {
        REFUSE(in, "null is not a value; to delete, send \"urn:ngsi-ld:null\"",
               "null 不是有效的值；如要删除请发送“urn:ngsi-ld:null”");
        return NULL;
    }
    if (v->type == JSON_STRING && is_null_text(v)) {
        return ingest_is_deletion(in, v) || refuse_null(in, v) ? json_alias(in->a, v) : NULL;
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
