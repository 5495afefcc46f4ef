/* SPDX-License-Identifier: Apache-2.0 */
/* Registrations as clients write them, checked and compiled (ETSI GS CIM 009 V1.9.1, 5.2.9, 4.3.6.6). */
#include <string.h>

#include "base/limits.h"
#include "context/context.h"
#include "context/entity/ingest.h"
#include "context/sources/registration.h"

enum {
    MAX_SOURCE_INFO = 50,
    MAX_MILLISECONDS = 24 * 3600 * 1000,
};

#define refuse(e, en, zh, ...) error_set(e, ERROR_BAD_REQUEST_DATA, en, zh, ##__VA_ARGS__)

/* ---- members ---- */

/* Of a CSourceRegistration (tables 5.2.9-1 and 5.2.9-2). */
static const struct {
    const char *name;
    bool kept; /* false: ours to say */
} members[] = {
    {"id", true},
    {"type", true},
    {"endpoint", true},
    {"contextSourceInfo", true},
    {"information", true},
    {"contextSourceAlias", true},
    {"description", true},
    {"datasetId", true},
    {"expiresAt", true},
    {"location", true},
    {"management", true},
    {"managementInterval", true},
    {"mode", true},
    {"observationInterval", true},
    {"observationSpace", true},
    {"operations", true},
    {"operationSpace", true},
    {"refreshRate", true},
    {"registrationName", true},
    {"scope", true},
    {"tenant", true},
    {"@context", false},
    {"createdAt", false},
    {"modifiedAt", false},
    {"status", false},
    {"timesSent", false},
    {"timesFailed", false},
    {"lastSuccess", false},
    {"lastFailure", false},
};

static bool take_member(struct registration *r, struct json *kept, const struct json *m, struct error *e)
{
    for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
        if (strcmp(members[i].name, m->key) != 0) {
            continue;
        }
        if (!members[i].kept) {
            return true;
        }
        if (m->type == JSON_NULL || json_streq(m, "urn:ngsi-ld:null")) {
            return refuse(e, "\"%s\" must not be null", "“%s”不能为空值", m->key);
        }
        json_set(r->a, kept, m->key, json_copy(r->a, m));
        return true;
    }
    return refuse(e, "A registration has no member \"%.60s\"", "注册没有成员“%.60s”", m->key);
}

static bool keep_members(struct registration *r, const struct json *body, struct error *e)
{
    struct json *kept = json_object(r->a);
    if (!json_is(body, JSON_OBJECT) || !json_streq(json_get(body, "type"), "ContextSourceRegistration")) {
        return refuse(e, "A registration is an object with \"type\": \"ContextSourceRegistration\"",
                      "注册必须是带 \"type\": \"ContextSourceRegistration\" 的对象");
    }
    for (const struct json *m = body->first; m != NULL; m = m->next) {
        if (!take_member(r, kept, m, e)) {
            return false;
        }
    }
    r->body = kept;
    return true;
}

static bool read_id(struct registration *r, struct error *e)
{
    if (json_get(r->body, "id") == NULL) {
        g_autofree char *uuid = g_uuid_string_random();
        r->id = arena_printf(r->a, "urn:ngsi-ld:ContextSourceRegistration:%s", uuid);
        json_set(r->a, (struct json *)r->body, "id", json_string(r->a, r->id));
        return true;
    }
    r->id = json_get_string(r->body, "id");
    return r->id != NULL ? ingest_uri("id", r->id, strlen(r->id), e)
                         : refuse(e, "\"id\" must be a text", "“id”必须是文本");
}

/* A text that is not empty; *text NULL when it is absent. */
static bool read_text(const struct json *object, const char *member, const char **text, struct error *e)
{
    const struct json *m = json_get(object, member);
    *text = m != NULL ? json_get_string(object, member) : NULL;
    return m == NULL || (m->type == JSON_STRING && m->length > 0 && m->length <= LIMIT_ID) ||
           refuse(e, "\"%s\" must be a text of 1 to %d bytes", "“%s”必须是 1 至 %d 字节的文本", member,
                  LIMIT_ID);
}

/* A pseudonym of RFC 7230, 5.7.1: a token or a host. */
static bool read_alias(struct registration *r, struct error *e)
{
    if (!read_text(r->body, "contextSourceAlias", &r->alias, e)) {
        return false;
    }
    return r->alias == NULL || strpbrk(r->alias, " \t\r\n,;()\"\\") == NULL ||
           refuse(e, "\"contextSourceAlias\" must be a token without blanks, commas and parentheses",
                  "“contextSourceAlias”必须是不含空白、逗号和括号的标记");
}

static bool read_texts(struct registration *r, struct error *e)
{
    const char *ignored;
    return read_text(r->body, "description", &ignored, e) &&
           read_text(r->body, "registrationName", &ignored, e) &&
           read_text(r->body, "tenant", &r->tenant, e) && read_alias(r, e);
}

static bool read_endpoint(struct registration *r, struct error *e)
{
    const char *uri = json_get_string(r->body, "endpoint");
    g_autoptr(GUri) parsed =
        uri != NULL && strlen(uri) <= LIMIT_ID ? g_uri_parse(uri, G_URI_FLAGS_NONE, NULL) : NULL;
    if (parsed == NULL || g_uri_get_host(parsed) == NULL || *g_uri_get_host(parsed) == '\0' ||
        (strcmp(g_uri_get_scheme(parsed), "http") != 0 && strcmp(g_uri_get_scheme(parsed), "https") != 0)) {
        return refuse(e, "\"endpoint\" must be http://… or https://… of the context source",
                      "“endpoint”必须是上下文源的 http://… 或 https://…");
    }
    char *endpoint = arena_strdup(r->a, uri);
    size_t n = strlen(endpoint);
    while (n > 0 && endpoint[n - 1] == '/') {
        endpoint[--n] = '\0';
    }
    if (g_str_has_suffix(endpoint, "/ngsi-ld/v1")) {
        endpoint[n - strlen("/ngsi-ld/v1")] = '\0';
    }
    r->endpoint = endpoint;
    return true;
}

static bool read_mode(struct registration *r, struct error *e)
{
    static const char *const modes[] = {[REGISTRATION_EXCLUSIVE] = "exclusive",
                                        [REGISTRATION_REDIRECT] = "redirect",
                                        [REGISTRATION_INCLUSIVE] = "inclusive",
                                        [REGISTRATION_AUXILIARY] = "auxiliary"};
    const struct json *mode = json_get(r->body, "mode");
    r->mode = REGISTRATION_INCLUSIVE;
    for (size_t i = 0; i < G_N_ELEMENTS(modes); i++) {
        if (json_streq(mode, modes[i])) {
            r->mode = (enum registration_mode)i;
            return true;
        }
    }
    return mode == NULL || refuse(e, "\"mode\" is inclusive, exclusive, redirect or auxiliary",
                                  "“mode”应为 inclusive、exclusive、redirect 或 auxiliary");
}

static bool read_operations(struct registration *r, struct error *e)
{
    const struct json *list = json_get(r->body, "operations");
    if (list == NULL) {
        r->operations = operation_bits("federationOps");
        return true;
    }
    if (list->type != JSON_ARRAY || list->first == NULL) {
        return refuse(e, "\"operations\" must be a list of names that is not empty",
                      "“operations”必须是非空的名称数组");
    }
    for (const struct json *c = list->first; c != NULL; c = c->next) {
        uint64_t bits = c->type == JSON_STRING ? operation_bits(c->string) : 0;
        if (bits == 0) {
            return refuse(e, "\"operations\": \"%.60s\" is no name of an operation or of a group (4.20)",
                          "“operations”：“%.60s”不是操作名或操作组名（4.20）",
                          c->type == JSON_STRING ? c->string : "?");
        }
        r->operations |= bits;
    }
    return true;
}

/* ---- information ---- */

static bool read_names(struct registration *r, const struct ld_context *ctx, struct json *info,
                       const char *member, const char *const **names, int *count, struct error *e)
{
    struct json *list = json_get(info, member);
    *names = NULL;
    *count = 0;
    if (list == NULL) {
        return true;
    }
    if (list->type != JSON_ARRAY || list->first == NULL || list->length > LIMIT_ATTRIBUTES) {
        return refuse(e, "\"%s\" must be a list of 1 to %d names", "“%s”必须是 1 至 %d 个名称的数组", member,
                      LIMIT_ATTRIBUTES);
    }
    const char **found = arena_array(r->a, const char *, list->length + 1);
    struct json *stored = json_array(r->a);
    for (const struct json *c = list->first; c != NULL; c = c->next) {
        if (c->type != JSON_STRING) {
            return refuse(e, "\"%s\" holds names only", "“%s”中只能是名称", member);
        }
        const char *name = ingest_attribute_name(r->a, ctx, c->string, e);
        if (name == NULL) {
            return false;
        }
        found[(*count)++] = name;
        json_append(stored, json_string(r->a, name));
    }
    json_set(r->a, info, member, stored);
    *names = found;
    return true;
}

static const struct json *read_types(struct registration *r, const struct ld_context *ctx,
                                     const struct json *type, struct error *e)
{
    struct json *types = json_array(r->a);
    bool many = json_is(type, JSON_ARRAY);
    for (const struct json *c = many ? type->first : type; c != NULL; c = many ? c->next : NULL) {
        const char *name = c->type == JSON_STRING ? ingest_name(r->a, ctx, c->string, e) : NULL;
        if (name == NULL) {
            if (c->type != JSON_STRING) {
                refuse(e, "information: \"type\" of an entity must be a name or a list of names",
                       "information：实体的“type”必须是名称或名称数组");
            }
            return NULL;
        }
        json_append(types, json_string(r->a, name));
    }
    if (types->length == 0 || types->length > LIMIT_TYPES) {
        refuse(e, "information: every entity needs a \"type\"", "information：每个实体都需要“type”");
        return NULL;
    }
    return types;
}

static bool read_pattern(const struct json *object, struct registration_entity *entity, struct error *e)
{
    g_autoptr(GError) why = NULL;
    if (!read_text(object, "idPattern", &entity->pattern, e) || entity->pattern == NULL) {
        return entity->pattern == NULL && (e == NULL || e->code == ERROR_NONE);
    }
    if (strlen(entity->pattern) > LIMIT_PATTERN) {
        return refuse(e, "idPattern is longer than %d bytes", "idPattern 超过 %d 字节", LIMIT_PATTERN);
    }
    entity->id_pattern = g_regex_new(entity->pattern, 0, 0, &why);
    return entity->id_pattern != NULL || refuse(e, "idPattern is not a regular expression: %s",
                                                "idPattern 不是正则表达式：%s", why->message);
}

static bool read_entity(struct registration *r, const struct ld_context *ctx, struct json *object,
                        struct registration_entity *entity, struct error *e)
{
    for (const struct json *m = json_first(object); m != NULL; m = m->next) {
        if (object->type != JSON_OBJECT ||
            (strcmp(m->key, "id") != 0 && strcmp(m->key, "idPattern") != 0 && strcmp(m->key, "type") != 0)) {
            return refuse(e, "information: an entity is an object of id or idPattern, and type",
                          "information：实体应为含 id 或 idPattern 以及 type 的对象");
        }
    }
    if (!read_text(object, "id", &entity->id, e) ||
        (entity->id != NULL && !ingest_uri("id", entity->id, strlen(entity->id), e)) ||
        (entity->types = read_types(r, ctx, json_get(object, "type"), e)) == NULL) {
        return false;
    }
    json_set(r->a, object, "type",
             json_copy(r->a, entity->types->length == 1 ? entity->types->first : entity->types));
    return entity->id != NULL || read_pattern(object, entity, e);
}

static bool read_entities(struct registration *r, const struct ld_context *ctx, struct json *object,
                          struct registration_info *info, struct error *e)
{
    struct json *list = json_get(object, "entities");
    if (list == NULL) {
        return true;
    }
    if (list->type != JSON_ARRAY || list->first == NULL || list->length > LIMIT_QUERY_IDS) {
        return refuse(e, "information: \"entities\" must be a list of 1 to %d entities",
                      "information：“entities”必须是 1 至 %d 个实体的数组", LIMIT_QUERY_IDS);
    }
    struct registration_entity *entities = arena_array(r->a, struct registration_entity, list->length);
    info->entities = entities;
    for (struct json *c = list->first; c != NULL; c = c->next) {
        if (!read_entity(r, ctx, c, &entities[info->entities_count++], e)) {
            return false;
        }
    }
    return true;
}

static bool read_info(struct registration *r, const struct ld_context *ctx, struct json *object,
                      struct registration_info *info, struct error *e)
{
    int properties, relationships;
    for (const struct json *m = json_is(object, JSON_OBJECT) ? object->first : NULL; m != NULL; m = m->next) {
        if (strcmp(m->key, "entities") != 0 && strcmp(m->key, "propertyNames") != 0 &&
            strcmp(m->key, "relationshipNames") != 0) {
            return refuse(e, "An element of \"information\" has no member \"%.60s\"",
                          "“information”的元素没有成员“%.60s”", m->key);
        }
    }
    if (!json_is(object, JSON_OBJECT) || object->first == NULL) {
        return refuse(e, "An element of \"information\" needs entities, propertyNames or relationshipNames",
                      "“information”的元素需要 entities、propertyNames 或 relationshipNames");
    }
    if (!read_entities(r, ctx, object, info, e) ||
        !read_names(r, ctx, object, "propertyNames", &info->properties, &properties, e) ||
        !read_names(r, ctx, object, "relationshipNames", &info->relationships, &relationships, e)) {
        return false;
    }
    const char **all = arena_array(r->a, const char *, properties + relationships + 1);
    for (int i = 0; i < properties + relationships; i++) {
        all[i] = i < properties ? info->properties[i] : info->relationships[i - properties];
    }
    info->attributes_count = properties + relationships;
    info->attributes = info->attributes_count > 0 ? all : NULL;
    return true;
}

static bool read_information(struct registration *r, const struct ld_context *ctx, struct error *e)
{
    struct json *list = json_get(r->body, "information");
    if (!json_is(list, JSON_ARRAY) || list->first == NULL || list->length > LIMIT_SELECTORS) {
        return refuse(e, "\"information\" must be a list of 1 to %d elements",
                      "“information”必须是 1 至 %d 个元素的数组", LIMIT_SELECTORS);
    }
    struct registration_info *all = arena_array(r->a, struct registration_info, list->length);
    r->info = all;
    for (struct json *c = list->first; c != NULL; c = c->next) {
        if (!read_info(r, ctx, c, &all[r->info_count++], e)) {
            return false;
        }
    }
    return true;
}

/* ---- where and when ---- */

static bool read_geometry(struct registration *r, const char *member, const struct geometry **geometry,
                          struct error *e)
{
    const struct json *m = json_get(r->body, member);
    if (m != NULL && (*geometry = geometry_parse(r->a, m, e)) == NULL) {
        if (e != NULL) {
            error_prefix(e, "%s", member);
        }
        return false;
    }
    return true;
}

static bool read_time(const struct json *object, const char *member, bool required, instant *at,
                      struct error *e)
{
    const struct json *m = json_get(object, member);
    return (m == NULL && !required) ||
           (json_is(m, JSON_STRING) && instant_parse(m->string, m->length, NULL, at)) ||
           refuse(e, "\"%s\" must be a time such as 2027-01-01T00:00:00Z",
                  "“%s”必须是时间，如 2027-01-01T00:00:00Z", member);
}

static bool read_interval(struct registration *r, const char *member, struct registration_interval *i,
                          struct error *e)
{
    const struct json *m = json_get(r->body, member);
    if (m == NULL) {
        return true;
    }
    i->given = true;
    i->end = INSTANT_MAX;
    if (!json_is(m, JSON_OBJECT)) {
        return refuse(e, "\"%s\" must be an object with startAt and perhaps endAt",
                      "“%s”必须是含 startAt（及可选 endAt）的对象", member);
    }
    return read_time(m, "startAt", true, &i->start, e) && read_time(m, "endAt", false, &i->end, e) &&
           (i->end >= i->start || refuse(e, "\"%s\" ends before it starts", "“%s”的结束早于开始", member));
}

static bool read_duration(const struct json *object, const char *member, int64_t *us, struct error *e)
{
    const struct json *m = json_get(object, member);
    int months = 0;
    int64_t rest = 0;
    if (m == NULL) {
        return true;
    }
    if (!json_is(m, JSON_STRING) || !duration_parse(m->string, m->length, &months, &rest)) {
        return refuse(e, "\"%s\" must be a duration such as PT10M (ISO 8601)",
                      "“%s”必须是 ISO 8601 时长，如 PT10M", member);
    }
    *us = rest + months * 30 * INT64_C(86400) * INSTANT_SECOND;
    return true;
}

static bool read_where_and_when(struct registration *r, struct error *e)
{
    int64_t ignored;
    r->expires_known = json_get(r->body, "expiresAt") != NULL;
    return read_geometry(r, "location", &r->location, e) &&
           read_geometry(r, "observationSpace", &r->observation_space, e) &&
           read_geometry(r, "operationSpace", &r->operation_space, e) &&
           read_interval(r, "observationInterval", &r->observation, e) &&
           read_interval(r, "managementInterval", &r->management_interval, e) &&
           read_duration(r->body, "refreshRate", &ignored, e) &&
           read_time(r->body, "expiresAt", false, &r->expires, e);
}

static bool read_scopes(struct registration *r, struct error *e)
{
    const struct json *scope = json_get(r->body, "scope");
    if (scope == NULL) {
        return true;
    }
    struct json *payload = json_object(r->a);
    json_add(payload, "scope", json_copy(r->a, scope));
    const struct json *entity = context_ingest(r->a, payload, NULL, true, e);
    r->scopes = json_get(entity, "scope");
    return entity != NULL;
}

static bool read_datasets(struct registration *r, struct error *e)
{
    const struct json *list = json_get(r->body, "datasetId");
    if (list == NULL) {
        return true;
    }
    if (list->type != JSON_ARRAY || list->first == NULL || list->length > LIMIT_QUERY_IDS) {
        return refuse(e, "\"datasetId\" must be a list of 1 to %d URIs",
                      "“datasetId”必须是 1 至 %d 个 URI 的数组", LIMIT_QUERY_IDS);
    }
    const char **datasets = arena_array(r->a, const char *, list->length + 1);
    int n = 0;
    for (const struct json *c = list->first; c != NULL; c = c->next) {
        if (c->type != JSON_STRING) {
            return refuse(e, "\"datasetId\" holds URIs only", "“datasetId”中只能是 URI");
        }
        if (strcmp(c->string, "@none") != 0 && !ingest_uri("datasetId", c->string, c->length, e)) {
            return false;
        }
        datasets[n++] = c->string;
    }
    r->datasets = datasets;
    return true;
}

/* ---- how to reach it ---- */

static bool read_milliseconds(const struct json *management, const char *member, int *value, struct error *e)
{
    const struct json *m = json_get(management, member);
    if (m == NULL) {
        return true;
    }
    if (!json_is_number(m) || json_number(m) <= 0) {
        return refuse(e, "management.%s must be a number of milliseconds above 0",
                      "management.%s 必须是大于 0 的毫秒数", member);
    }
    *value = (int)CLAMP(json_number(m), 1, MAX_MILLISECONDS);
    return true;
}

static bool read_management(struct registration *r, struct error *e)
{
    const struct json *m = json_get(r->body, "management");
    const struct json *local = json_get(m, "localOnly");
    if (m == NULL) {
        return true;
    }
    if (m->type != JSON_OBJECT || (local != NULL && local->type != JSON_BOOL)) {
        return refuse(e, "\"management\" must be an object; its localOnly is true or false",
                      "“management”必须是对象，其 localOnly 只能是 true 或 false");
    }
    r->local_only = json_get_bool(m, "localOnly", false);
    return read_duration(m, "cacheDuration", &r->cache_us, e) &&
           read_milliseconds(m, "timeout", &r->timeout_ms, e) &&
           read_milliseconds(m, "cooldown", &r->cooldown_ms, e);
}

static bool read_media(const char *key, const char *value, const char **out, struct error *e)
{
    *out = value;
    return strcmp(value, "application/json") == 0 || strcmp(value, "application/ld+json") == 0 ||
           refuse(e, "contextSourceInfo: %s is application/json or application/ld+json",
                  "contextSourceInfo：%s 应为 application/json 或 application/ld+json", key);
}

static bool read_conformance(struct registration *r, const char *value, struct error *e)
{
    char *end;
    guint64 major = g_ascii_strtoull(value, &end, 10);
    guint64 minor = *end == '.' && g_ascii_isdigit(end[1]) ? g_ascii_strtoull(end + 1, &end, 10) : 1000;
    if (!g_ascii_isdigit(*value) || *end != '\0' || major > 1000 || minor >= 1000) {
        return refuse(e, "contextSourceInfo: ngsildConformance is a version such as 1.5",
                      "contextSourceInfo：ngsildConformance 应为版本号，如 1.5");
    }
    r->conformance = (int)(major * 1000 + minor);
    return true;
}

/* What belongs to one exchange, or has a place of its own, is not passed on (4.3.6.5). */
static bool is_ours(const char *name)
{
    static const char *const ours[] = {
        "Host", "Content-Length", "Transfer-Encoding", "Connection", "Content-Type", "Accept",     "Link",
        "Via",  "NGSILD-Tenant",  "Upgrade",           "TE",         "Trailer",      "Keep-Alive", "Expect",
        NULL};
    for (const char *const *o = ours; *o != NULL; o++) {
        if (g_ascii_strcasecmp(*o, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_header_name(const char *name)
{
    return *name != '\0' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == strlen(name);
}

static bool read_pair(struct registration *r, const char *key, const char *value, const char ***next,
                      struct error *e)
{
    if (g_ascii_strcasecmp(key, "accept") == 0) {
        return read_media(key, value, &r->accept, e);
    }
    if (g_ascii_strcasecmp(key, "contentType") == 0) {
        return read_media(key, value, &r->content_type, e);
    }
    if (g_ascii_strcasecmp(key, "ngsildConformance") == 0) {
        return read_conformance(r, value, e);
    }
    if (g_ascii_strcasecmp(key, "jsonldContext") == 0) {
        r->jsonld_context = value;
        return ingest_uri("jsonldContext", value, strlen(value), e);
    }
    if (!is_ours(key)) {
        *(*next)++ = key;
        *(*next)++ = value;
    }
    return true;
}

static bool read_source_info(struct registration *r, struct error *e)
{
    const struct json *list = json_get(r->body, "contextSourceInfo");
    if (list == NULL) {
        return true;
    }
    if (list->type != JSON_ARRAY || list->length > MAX_SOURCE_INFO) {
        return refuse(e, "\"contextSourceInfo\" must be a list of at most %d {key, value}",
                      "“contextSourceInfo”必须是至多 %d 个 {key, value} 的数组", MAX_SOURCE_INFO);
    }
    const char **next = arena_array(r->a, const char *, 2 * list->length + 1);
    r->headers = next;
    for (const struct json *c = list->first; c != NULL; c = c->next) {
        const char *key = json_get_string(c, "key");
        const char *value = json_get_string(c, "value");
        if (key == NULL || value == NULL || !is_header_name(key) || strpbrk(value, "\r\n") != NULL) {
            return refuse(e,
                          "contextSourceInfo: each entry needs a key (letters, digits, -) and a value of one "
                          "line",
                          "contextSourceInfo：每项都需要 key（字母、数字、-）和单行的 value");
        }
        if (!read_pair(r, key, value, &next, e)) {
            return false;
        }
    }
    return true;
}

/* ---- what the mode asks for (4.3.6.3, 5.9.2.4) ---- */

static bool check_exclusive(const struct registration *r, struct error *e)
{
    for (int i = 0; i < r->info_count; i++) {
        const struct registration_info *info = &r->info[i];
        bool ids = info->entities_count > 0;
        for (int k = 0; k < info->entities_count; k++) {
            ids = ids && info->entities[k].id != NULL;
        }
        if (!ids || info->attributes_count == 0) {
            return refuse(
                e,
                "An exclusive registration names the id of each entity and its attributes "
                "(propertyNames or relationshipNames)",
                "独占（exclusive）注册必须给出每个实体的 id 及其属性（propertyNames 或 relationshipNames）");
        }
    }
    return true;
}

static bool check_mode(const struct registration *r, struct error *e)
{
    if (r->mode == REGISTRATION_EXCLUSIVE) {
        return check_exclusive(r, e);
    }
    if (r->mode == REGISTRATION_AUXILIARY && (r->operations & ~operation_bits("retrieveOps")) != 0) {
        return refuse(
            e,
            "An auxiliary registration offers only retrieveOps, retrieveEntity or queryEntity: say "
            "so in \"operations\"",
            "辅助（auxiliary）注册只提供 retrieveOps、retrieveEntity 或 queryEntity：请在“operations”中写明");
    }
    return true;
}

static void read_state(struct registration *r, const struct json *state)
{
    r->sent = json_get_int(state, "sent", 0);
    r->failed = json_get_int(state, "failed", 0);
    r->last_success = json_get_int(state, "lastSuccess", 0);
    r->last_failure = json_get_int(state, "lastFailure", 0);
    r->last_failed = json_get_bool(state, "lastFailed", false);
}

struct registration *registration_parse(const struct json *body, const struct ld_context *ctx,
                                        const struct json *state, struct error *e)
{
    struct error why = {0};
    e = e != NULL ? e : &why;
    registration_auto r = g_new0(struct registration, 1);
    r->references = 1;
    r->a = arena_new();
    if (!keep_members(r, body, e) || !read_id(r, e) || !read_texts(r, e) || !read_endpoint(r, e) ||
        !read_mode(r, e) || !read_operations(r, e) || !read_information(r, ctx, e) ||
        !read_where_and_when(r, e) || !read_scopes(r, e) || !read_datasets(r, e) || !read_management(r, e) ||
        !read_source_info(r, e) || !check_mode(r, e)) {
        return NULL;
    }
    read_state(r, state);
    return g_steal_pointer(&r);
}
