/* SPDX-License-Identifier: Apache-2.0 */
/* Subscriptions as clients write them, checked and compiled. */
#include <string.h>

#include "base/limits.h"
#include "context/hosted.h"
#include "context/ingest.h"
#include "context/query_api.h"
#include "context/subscription.h"

enum {
    DEFAULT_TIMEOUT_MS = 10000,
    MAX_TIMEOUT_MS = 60000,
    MAX_RECEIVER_INFO = 50,
    DEFAULT_ATTEMPTS = 40, /* with the longest back-off, an endpoint may be away for an hour */
    MAX_ATTEMPTS = 1000,
    MAX_SECONDS = 10 * 365 * 86400,
};

#define refuse(e, en, zh, ...) error_set(e, ERROR_BAD_REQUEST_DATA, en, zh, ##__VA_ARGS__)

struct subscription *subscription_ref(struct subscription *s)
{
    g_atomic_int_inc(&s->references);
    return s;
}

void subscription_unref(struct subscription *s)
{
    if (s != NULL && g_atomic_int_dec_and_test(&s->references)) {
        entity_query_clear(&s->query);
        ld_context_unref(s->ctx);
        arena_free(s->a);
        g_free(s);
    }
}

/* ---- members ---- */

enum member_use { MEMBER_USED, MEMBER_IGNORED, MEMBER_UNSUPPORTED };

/* Members of a Subscription (table 5.2.12-1). */
static const struct {
    const char *name;
    enum member_use use;
} members[] = {
    {"id", MEMBER_USED},
    {"type", MEMBER_USED},
    {"entities", MEMBER_USED},
    {"notification", MEMBER_USED},
    {"notificationTrigger", MEMBER_USED},
    {"watchedAttributes", MEMBER_USED},
    {"q", MEMBER_USED},
    {"geoQ", MEMBER_USED},
    {"scopeQ", MEMBER_USED},
    {"description", MEMBER_USED},
    {"subscriptionName", MEMBER_USED},
    {"expiresAt", MEMBER_USED},
    {"isActive", MEMBER_USED},
    {"jsonldContext", MEMBER_USED},
    {"lang", MEMBER_USED},
    {"localOnly", MEMBER_USED},
    {"splitEntities", MEMBER_USED},
    {"throttling", MEMBER_USED},
    {"timeInterval", MEMBER_USED},
    {"@context", MEMBER_IGNORED},
    {"status", MEMBER_IGNORED},
    {"createdAt", MEMBER_IGNORED},
    {"modifiedAt", MEMBER_IGNORED},
    {"csf", MEMBER_UNSUPPORTED},
    {"temporalQ", MEMBER_UNSUPPORTED},
    {"datasetId", MEMBER_UNSUPPORTED},
    {"expandValues", MEMBER_UNSUPPORTED},
    {"jsonKeys", MEMBER_UNSUPPORTED},
    {"ngsildConformance", MEMBER_UNSUPPORTED},
};

static bool take_member(struct subscription *s, struct json *kept, const struct json *m, struct error *e)
{
    for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
        if (strcmp(members[i].name, m->key) != 0) {
            continue;
        }
        if (members[i].use == MEMBER_UNSUPPORTED) {
            return error_set(e, ERROR_NOT_SUPPORTED, "\"%s\" in a subscription is not supported",
                             "订阅中的“%s”暂不支持", m->key);
        }
        if (members[i].use == MEMBER_USED) {
            json_set(s->a, kept, m->key, json_copy(s->a, m));
        }
        return true;
    }
    return refuse(e, "A subscription has no member \"%.60s\"", "订阅没有成员“%.60s”", m->key);
}

static bool keep_members(struct subscription *s, const struct json *body, struct error *e)
{
    struct json *kept = json_object(s->a);
    if (!json_is(body, JSON_OBJECT) || !json_streq(json_get(body, "type"), "Subscription")) {
        return refuse(e, "A subscription is an object with \"type\": \"Subscription\"",
                      "订阅必须是带 \"type\": \"Subscription\" 的对象");
    }
    for (const struct json *m = body->first; m != NULL; m = m->next) {
        if (!take_member(s, kept, m, e)) {
            return false;
        }
    }
    s->body = kept;
    return true;
}

static bool read_id(struct subscription *s, struct error *e)
{
    const struct json *id = json_get(s->body, "id");
    if (id == NULL) {
        g_autofree char *uuid = g_uuid_string_random();
        s->id = arena_printf(s->a, "urn:ngsi-ld:Subscription:%s", uuid);
        json_set(s->a, (struct json *)s->body, "id", json_string(s->a, s->id));
        return true;
    }
    s->id = json_get_string(s->body, "id");
    return s->id != NULL ? ingest_uri("id", s->id, strlen(s->id), e)
                         : refuse(e, "\"id\" must be a text", "“id”必须是文本");
}

/* A positive number of seconds to microseconds; 0 when absent. */
static bool read_seconds(const struct json *body, const char *name, int64_t *us, struct error *e)
{
    const struct json *value = json_get(body, name);
    if (value == NULL) {
        *us = 0;
        return true;
    }
    if (!json_is_number(value) || json_number(value) <= 0 || json_number(value) > MAX_SECONDS) {
        return refuse(e, "\"%s\" must be a number of seconds above 0", "“%s”必须是大于 0 的秒数", name);
    }
    *us = MAX(1, (int64_t)(json_number(value) * INSTANT_SECOND));
    return true;
}

static bool read_flag(const struct json *object, const char *name, bool otherwise, bool *value,
                      struct error *e)
{
    const struct json *member = json_get(object, name);
    *value = member != NULL ? json_get_bool(object, name, otherwise) : otherwise;
    return member == NULL || member->type == JSON_BOOL ||
           refuse(e, "\"%s\" must be true or false", "“%s”只能是 true 或 false", name);
}

/* An array of texts, not empty; *names NULL when it is absent. */
static bool read_names(struct subscription *s, const struct json *object, const char *member,
                       const char *const **names, struct error *e)
{
    const struct json *list = json_get(object, member);
    *names = NULL;
    if (list == NULL) {
        return true;
    }
    if (list->type != JSON_ARRAY || list->first == NULL) {
        return refuse(e, "\"%s\" must be a list that is not empty", "“%s”必须是非空数组", member);
    }
    const char **found = arena_array(s->a, const char *, list->length + 1);
    int n = 0;
    for (const struct json *c = list->first; c != NULL; c = c->next) {
        if (c->type != JSON_STRING || (found[n] = ingest_name(s->a, s->ctx, c->string, e)) == NULL) {
            return c->type == JSON_STRING ? false
                                          : refuse(e, "\"%s\" holds names only", "“%s”中只能是名称", member);
        }
        n++;
    }
    *names = found;
    return true;
}

static bool read_triggers(struct subscription *s, struct error *e)
{
    static const struct {
        const char *name;
        unsigned flags;
    } triggers[] = {
        {"entityCreated", TRIGGER_ENTITY_CREATED},
        {"entityUpdated", TRIGGER_ATTRIBUTE_CREATED | TRIGGER_ATTRIBUTE_UPDATED | TRIGGER_ATTRIBUTE_DELETED},
        {"entityDeleted", TRIGGER_ENTITY_DELETED},
        {"attributeCreated", TRIGGER_ATTRIBUTE_CREATED},
        {"attributeUpdated", TRIGGER_ATTRIBUTE_UPDATED},
        {"attributeDeleted", TRIGGER_ATTRIBUTE_DELETED},
    };
    const struct json *list = json_get(s->body, "notificationTrigger");
    s->triggers = TRIGGER_ATTRIBUTE_CREATED | TRIGGER_ATTRIBUTE_UPDATED;
    if (list == NULL) {
        return true;
    }
    s->triggers = 0;
    for (const struct json *c = json_is(list, JSON_ARRAY) ? list->first : NULL; c != NULL; c = c->next) {
        size_t i = 0;
        while (i < G_N_ELEMENTS(triggers) && !json_streq(c, triggers[i].name)) {
            i++;
        }
        if (i == G_N_ELEMENTS(triggers)) {
            s->triggers = 0;
            break;
        }
        s->triggers |= triggers[i].flags;
    }
    return s->triggers != 0 ||
           refuse(e,
                  "\"notificationTrigger\" is a list of entityCreated, entityUpdated, entityDeleted, "
                  "attributeCreated, "
                  "attributeUpdated, attributeDeleted",
                  "“notificationTrigger”应为 "
                  "entityCreated、entityUpdated、entityDeleted、attributeCreated、attributeUpdated、"
                  "attributeDeleted 的数组");
}

static bool read_expiry(struct subscription *s, struct error *e)
{
    const struct json *value = json_get(s->body, "expiresAt");
    s->expires_known = value != NULL;
    return value == NULL ||
           (value->type == JSON_STRING && instant_parse(value->string, value->length, NULL, &s->expires)) ||
           refuse(e, "\"expiresAt\" must be a time such as 2027-01-01T00:00:00Z",
                  "“expiresAt”必须是时间，如 2027-01-01T00:00:00Z");
}

static bool read_times(struct subscription *s, struct error *e)
{
    if (!read_seconds(s->body, "throttling", &s->throttling, e) ||
        !read_seconds(s->body, "timeInterval", &s->interval, e) || !read_expiry(s, e)) {
        return false;
    }
    return s->interval == 0 || (s->throttling == 0 && s->watched == NULL) ||
           refuse(e, "\"timeInterval\" goes neither with watchedAttributes nor with throttling",
                  "“timeInterval”不能与 watchedAttributes 或 throttling 同时使用");
}

/* ---- which entities ---- */

/* The types that all selectors need, for a quick first look at changes. */
static void collect_types(struct subscription *s)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    for (int i = 0; i < s->query.selectors_count; i++) {
        int count = 0;
        const struct type_query *type = s->query.selectors[i].type;
        const char *const *types = type != NULL ? type_query_any_of(type, &count) : NULL;
        if (types == NULL) {
            return;
        }
        for (int k = 0; k < count; k++) {
            g_ptr_array_add(all, (gpointer)types[k]);
        }
    }
    if (all->len > 0) {
        const char **types = arena_array(s->a, const char *, all->len + 1);
        memcpy(types, all->pdata, all->len * sizeof *types);
        s->types = types;
    }
}

static bool read_query(struct subscription *s, struct error *e)
{
    bool local;
    if (!read_flag(s->body, "localOnly", false, &local, e) ||
        !query_read_body(&s->query, s->a, s->ctx, s->body, e)) {
        return false;
    }
    bool has_entities = s->query.selectors_count > 0;
    if (!local && !has_entities && (s->watched == NULL || s->interval > 0)) {
        return refuse(
            e, "Say what to watch: \"entities\" or \"watchedAttributes\" (with timeInterval: entities)",
            "请说明订阅内容：“entities”或“watchedAttributes”（使用 timeInterval 时必须有 entities）");
    }
    collect_types(s);
    return true;
}

/* ---- notification ---- */

static bool read_format(struct subscription *s, const struct json *n, struct error *e)
{
    const char *format = json_get_string(n, "format");
    if (format == NULL || strcmp(format, "normalized") == 0) {
        s->render.format = RENDER_NORMALIZED;
    } else if (strcmp(format, "concise") == 0) {
        s->render.format = RENDER_CONCISE;
    } else if (strcmp(format, "simplified") == 0 || strcmp(format, "keyValues") == 0) {
        s->render.format = RENDER_SIMPLIFIED;
    } else {
        return refuse(e, "notification.format is normalized, concise, simplified or keyValues, not \"%.40s\"",
                      "notification.format 应为 normalized、concise、simplified 或 keyValues，而不是“%.40s”",
                      format);
    }
    return true;
}

/* attributes keeps id, type and scope too. */
static const char *const *with_head(struct arena *a, const char *const *names)
{
    static const char *const head[] = {"id", "type", "scope", "createdAt", "modifiedAt", "expiresAt"};
    size_t n = g_strv_length((char **)names);
    const char **all = arena_array(a, const char *, n + G_N_ELEMENTS(head) + 1);
    memcpy(all, names, n * sizeof *all);
    memcpy(all + n, head, sizeof head);
    return all;
}

static bool read_projection(struct subscription *s, const struct json *n, struct error *e)
{
    const char *const *attributes;
    bool changes;
    if (!read_names(s, n, "attributes", &attributes, e) || !read_names(s, n, "pick", &s->render.pick, e) ||
        !read_names(s, n, "omit", &s->render.omit, e) ||
        !read_flag(n, "sysAttrs", false, &s->render.sys_attrs, e) ||
        !read_flag(n, "showChanges", false, &changes, e)) {
        return false;
    }
    if (changes || (json_get(n, "join") != NULL && !json_streq(json_get(n, "join"), "@none"))) {
        return error_set(e, ERROR_NOT_SUPPORTED,
                         "notification.showChanges and notification.join are not supported",
                         "暂不支持 notification.showChanges 和 notification.join");
    }
    if (attributes != NULL && s->render.pick == NULL) {
        s->render.pick = with_head(s->a, attributes);
    }
    s->render.lang = json_get_string(s->body, "lang");
    s->render.ctx = s->ctx;
    return true;
}

static bool is_header_name(const char *name)
{
    return *name != '\0' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == strlen(name);
}

/* [{"key": …, "value": …}, …] as name, value, name, value, … */
static bool read_pairs(struct subscription *s, const struct json *list, const char *member,
                       const char *const **pairs, struct error *e)
{
    *pairs = NULL;
    if (list == NULL) {
        return true;
    }
    if (list->type != JSON_ARRAY || list->length > MAX_RECEIVER_INFO) {
        return refuse(e, "%s must be a list of at most %d {key, value}",
                      "%s 必须是至多 %d 个 {key, value} 的数组", member, MAX_RECEIVER_INFO);
    }
    const char **found = arena_array(s->a, const char *, 2 * list->length + 1);
    int n = 0;
    for (const struct json *c = list->first; c != NULL; c = c->next) {
        const char *key = json_get_string(c, "key");
        const char *value = json_get_string(c, "value");
        if (key == NULL || value == NULL || !is_header_name(key) || strpbrk(value, "\r\n") != NULL) {
            return refuse(e, "%s: each entry needs a key (letters, digits, -) and a value of one line",
                          "%s：每项都需要 key（字母、数字、-）和单行的 value", member);
        }
        found[n++] = key;
        found[n++] = value;
    }
    *pairs = found;
    return true;
}

static const char *pair_value(const char *const *pairs, const char *name)
{
    for (; pairs != NULL && *pairs != NULL; pairs += 2) {
        if (strcmp(*pairs, name) == 0) {
            return pairs[1];
        }
    }
    return NULL;
}

/* What notifierInfo says of the connection to an MQTT broker (table 7.2-1). */
static bool read_mqtt_info(struct subscription_endpoint *p, const char *const *info, struct error *e)
{
    const char *qos = pair_value(info, "MQTT-QoS");
    const char *version = pair_value(info, "MQTT-Version");
    if (qos != NULL && (strlen(qos) != 1 || *qos < '0' || *qos > '2')) {
        return refuse(e, "notifierInfo: MQTT-QoS is \"0\", \"1\" or \"2\", not \"%.20s\"",
                      "notifierInfo：MQTT-QoS 应为 \"0\"、\"1\" 或 \"2\"，而不是“%.20s”", qos);
    }
    if (version != NULL && strcmp(version, "mqtt3.1.1") != 0 && strcmp(version, "mqtt5.0") != 0) {
        return refuse(e, "notifierInfo: MQTT-Version is \"mqtt3.1.1\" or \"mqtt5.0\", not \"%.20s\"",
                      "notifierInfo：MQTT-Version 应为 \"mqtt3.1.1\" 或 \"mqtt5.0\"，而不是“%.20s”", version);
    }
    p->qos = qos != NULL ? *qos - '0' : 0;
    p->mqtt_3_1_1 = version != NULL && strcmp(version, "mqtt3.1.1") == 0;
    return true;
}

/* "attempts": how many may fail before the subscription is parked; a key of ours. */
static bool read_attempts(struct subscription_endpoint *p, const char *const *info, struct error *e)
{
    const char *text = pair_value(info, "attempts");
    guint64 n = DEFAULT_ATTEMPTS;
    if (text != NULL && !g_ascii_string_to_unsigned(text, 10, 1, MAX_ATTEMPTS, &n, NULL)) {
        return refuse(e, "notifierInfo: attempts is a number from 1 to %d, not \"%.20s\"",
                      "notifierInfo：attempts 应为 1 到 %d 的整数，而不是“%.20s”", MAX_ATTEMPTS, text);
    }
    p->attempts = (int)n;
    return true;
}

static bool read_mqtt(struct subscription *s, const char *const *info, struct error *e)
{
    struct subscription_endpoint *p = &s->endpoint;
    g_autoptr(GUri) uri = g_uri_parse(p->uri, G_URI_FLAGS_HAS_PASSWORD, NULL);
    if (uri == NULL || g_uri_get_host(uri) == NULL || *g_uri_get_host(uri) == '\0' ||
        strlen(g_uri_get_path(uri)) < 2 || strpbrk(g_uri_get_path(uri), "+#") != NULL) {
        return refuse(e, "An MQTT endpoint is mqtt[s]://[user:password@]host[:port]/topic, without wildcards",
                      "MQTT 端点应为 mqtt[s]://[user:password@]host[:port]/topic，且不含通配符");
    }
    if (!read_mqtt_info(p, info, e)) {
        return false;
    }
    p->mqtt = true;
    p->tls = strcmp(g_uri_get_scheme(uri), "mqtts") == 0;
    p->host = arena_strdup(s->a, g_uri_get_host(uri));
    p->port = g_uri_get_port(uri) > 0 ? g_uri_get_port(uri) : p->tls ? 8883 : 1883;
    p->topic = arena_strdup(s->a, g_uri_get_path(uri) + 1);
    p->user = g_uri_get_user(uri) != NULL ? arena_strdup(s->a, g_uri_get_user(uri)) : NULL;
    p->password = g_uri_get_password(uri) != NULL ? arena_strdup(s->a, g_uri_get_password(uri)) : NULL;
    return true;
}

static bool read_uri(struct subscription *s, const struct json *endpoint, struct error *e)
{
    const char *uri = json_get_string(endpoint, "uri");
    s->endpoint.uri = uri;
    const char *const *info;
    if (!read_pairs(s, json_get(endpoint, "notifierInfo"), "notifierInfo", &info, e) ||
        !read_attempts(&s->endpoint, info, e)) {
        return false;
    }
    if (uri != NULL && (g_str_has_prefix(uri, "mqtt://") || g_str_has_prefix(uri, "mqtts://"))) {
        return read_mqtt(s, info, e);
    }
    g_autoptr(GUri) parsed =
        uri != NULL && strlen(uri) <= LIMIT_ID ? g_uri_parse(uri, G_URI_FLAGS_NONE, NULL) : NULL;
    bool http = parsed != NULL && (strcmp(g_uri_get_scheme(parsed), "http") == 0 ||
                                   strcmp(g_uri_get_scheme(parsed), "https") == 0);
    return (http && g_uri_get_host(parsed) != NULL && *g_uri_get_host(parsed) != '\0') ||
           refuse(e, "notification.endpoint.uri must be http[s]://… or mqtt[s]://…",
                  "notification.endpoint.uri 必须是 http[s]://… 或 mqtt[s]://…");
}

static bool read_milliseconds(const struct json *endpoint, const char *name, int otherwise, int most,
                              int *value, struct error *e)
{
    const struct json *member = json_get(endpoint, name);
    *value = otherwise;
    if (member == NULL) {
        return true;
    }
    if (!json_is_number(member) || json_number(member) <= 0) {
        return refuse(e, "notification.endpoint.%s must be a number of milliseconds above 0",
                      "notification.endpoint.%s 必须是大于 0 的毫秒数", name);
    }
    *value = (int)CLAMP(json_number(member), 1, most);
    return true;
}

static bool read_accept(struct subscription *s, const struct json *endpoint, struct error *e)
{
    static const char *const types[] = {"application/json", "application/ld+json", "application/geo+json"};
    const char *accept = json_get_string(endpoint, "accept");
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        if (accept == NULL || strcmp(accept, types[i]) == 0) {
            s->endpoint.accept = (enum subscription_accept)i;
            return true;
        }
    }
    return refuse(
        e, "notification.endpoint.accept is application/json, application/ld+json or application/geo+json",
        "notification.endpoint.accept 应为 application/json、application/ld+json 或 application/geo+json");
}

static bool read_notification(struct subscription *s, struct error *e)
{
    const struct json *n = json_get(s->body, "notification");
    const struct json *endpoint = json_get(n, "endpoint");
    if (!json_is(n, JSON_OBJECT) || !json_is(endpoint, JSON_OBJECT)) {
        return refuse(e, "A subscription needs \"notification\" with an \"endpoint\"",
                      "订阅需要带 endpoint 的 notification");
    }
    for (const char *const *name =
             (const char *const[]){"status", "timesSent", "timesFailed", "lastNotification", "lastSuccess",
                                   "lastFailure", "failureReason", NULL};
         *name != NULL; name++) {
        json_remove((struct json *)n, *name); /* ours to say */
    }
    return read_format(s, n, e) && read_projection(s, n, e) && read_uri(s, endpoint, e) &&
           read_accept(s, endpoint, e) &&
           read_pairs(s, json_get(endpoint, "receiverInfo"), "receiverInfo", &s->endpoint.receiver, e) &&
           read_milliseconds(endpoint, "timeout", DEFAULT_TIMEOUT_MS, MAX_TIMEOUT_MS, &s->endpoint.timeout_ms,
                             e) &&
           read_milliseconds(endpoint, "cooldown", 0, 24 * 3600 * 1000, &s->endpoint.cooldown_ms, e);
}

static bool read_context(struct subscription *s, const struct json *context_value, struct error *e)
{
    const struct json *own = json_get(s->body, "jsonldContext");
    if (own != NULL && own->type != JSON_STRING) {
        return refuse(e, "\"jsonldContext\" must be a URL", "“jsonldContext”必须是 URL");
    }
    context_value = own != NULL ? own : context_value;
    if (context_value == NULL) {
        return true;
    }
    s->context_value = json_copy(s->a, context_value);
    return ld_context_parse(s->context_value, hosted_loader(), &s->ctx, e);
}

struct subscription *subscription_parse(const struct json *body, const struct json *context_value,
                                        struct error *e)
{
    subscription_auto s = g_new0(struct subscription, 1);
    s->references = 1;
    s->a = arena_new();
    if (!keep_members(s, body, e) || !read_id(s, e) || !read_context(s, context_value, e) ||
        !read_flag(s->body, "isActive", true, &s->active, e) || !read_triggers(s, e) ||
        !read_names(s, s->body, "watchedAttributes", &s->watched, e) || !read_times(s, e) ||
        !read_query(s, e) || !read_notification(s, e)) {
        return NULL;
    }
    return g_steal_pointer(&s);
}
