/* SPDX-License-Identifier: Apache-2.0 */
/* How and where a subscription notifies: NotificationParams and Endpoint, checked and compiled
 * (5.2.14, 5.2.15, 7.2). */
#include <string.h>

#include "base/limits.h"
#include "context/query/projection.h"
#include "context/subscriptions/subscription_read.h"

enum {
    DEFAULT_TIMEOUT_MS = 10000,
    MAX_TIMEOUT_MS = 60000,
    MAX_RECEIVER_INFO = 50,
    DEFAULT_ATTEMPTS = 40, /* with the longest back-off, an endpoint may be away for an hour */
    MAX_ATTEMPTS = 1000,
};

/* ---- how ---- */

static bool read_format(struct subscription *s, const struct json *n, struct error *e)
{
    const char *format = json_get_string(n, "format");
    if (format == NULL && json_get(n, "format") != NULL) {
        return refuse(e, "notification.format must be a text", "notification.format 必须是文本");
    }
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

/* A list of texts in the projection language (4.21), not empty; NULL when it is absent. */
static bool read_projection(struct subscription *s, const struct json *n, const char *member,
                            const struct projection **out, struct error *e)
{
    const struct json *list = json_get(n, member);
    g_autoptr(GString) text = g_string_new("");
    *out = NULL;
    if (list == NULL) {
        return true;
    }
    for (const struct json *c = json_is(list, JSON_ARRAY) ? list->first : NULL; c != NULL; c = c->next) {
        if (c->type != JSON_STRING) {
            return refuse(e, "notification.%s holds names only", "notification.%s 中只能是名称", member);
        }
        g_string_append_printf(text, "%s%s", text->len > 0 ? "," : "", c->string);
    }
    if (text->len == 0) {
        return refuse(e, "notification.%s must be a list that is not empty", "notification.%s 必须是非空数组",
                      member);
    }
    *out = projection_parse(s->a, s->ctx, text->str, e);
    return *out != NULL;
}

static bool read_shown(struct subscription *s, const struct json *n, struct error *e)
{
    const char *const *attributes;
    struct render *r = &s->render;
    if (!subscription_read_names(s, n, "attributes", &attributes, e) ||
        !read_projection(s, n, "pick", &r->pick_tree, e) ||
        !read_projection(s, n, "omit", &r->omit_tree, e) ||
        !subscription_read_flag(n, "sysAttrs", false, &r->sys_attrs, e)) {
        return false;
    }
    r->pick = r->pick_tree != NULL ? r->pick_tree->names : NULL;
    r->omit = r->omit_tree != NULL ? r->omit_tree->plain : NULL;
    if (attributes != NULL && r->pick == NULL) {
        r->pick = with_head(s->a, attributes);
    }
    r->lang = json_get_string(s->body, "lang");
    r->ctx = s->ctx;
    return true;
}

static bool read_changes(struct subscription *s, const struct json *n, struct error *e)
{
    if (!subscription_read_flag(n, "showChanges", false, &s->render.changes, e)) {
        return false;
    }
    return !s->render.changes || s->render.format != RENDER_SIMPLIFIED ||
           refuse(e, "notification.showChanges does not go with the format simplified (keyValues)",
                  "notification.showChanges 不能与 simplified（keyValues）格式同时使用");
}

static bool read_join(struct subscription *s, const struct json *n, struct error *e)
{
    const struct json *kind = json_get(n, "join");
    const struct json *level = json_get(n, "joinLevel");
    const struct projection *pick = s->render.pick_tree, *omit = s->render.omit_tree;
    join_auto probe = {0};
    if ((kind != NULL && kind->type != JSON_STRING) ||
        (level != NULL && (level->type != JSON_INT || level->integer < 1))) {
        return refuse(e, "notification.join is flat, inline or @none, notification.joinLevel a number from 1",
                      "notification.join 应为 flat、inline 或 @none，notification.joinLevel 应为正整数");
    }
    s->join.kind = kind != NULL ? kind->string : NULL;
    s->join.level = level != NULL ? level->integer : 0;
    const struct join_reader nobody = {0};
    return join_init(&probe, &s->join, &nobody, e) &&
           join_reaches(&probe, pick != NULL ? pick->depth : 0, "pick", e) &&
           join_reaches(&probe, omit != NULL ? omit->depth : 0, "omit", e);
}

/* ---- where ---- */

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

/* Read as a stream of server-sent events: each reader keeps its own place. */
static bool read_sse(struct subscription *s, struct error *e)
{
    s->endpoint.sse = true;
    return (s->interval == 0 && s->throttling == 0) ||
           refuse(e, "A subscription that is read as a stream has neither timeInterval nor throttling",
                  "以实时流读取的订阅不能有 timeInterval 或 throttling");
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
    if (uri != NULL && (strcmp(uri, "sse:") == 0 || strcmp(uri, "urn:zhongshu:sse") == 0)) {
        return read_sse(s, e);
    }
    if (uri != NULL && (g_str_has_prefix(uri, "mqtt://") || g_str_has_prefix(uri, "mqtts://"))) {
        return read_mqtt(s, info, e);
    }
    g_autoptr(GUri) parsed =
        uri != NULL && strlen(uri) <= LIMIT_ID ? g_uri_parse(uri, G_URI_FLAGS_NONE, NULL) : NULL;
    bool http = parsed != NULL && (strcmp(g_uri_get_scheme(parsed), "http") == 0 ||
                                   strcmp(g_uri_get_scheme(parsed), "https") == 0);
    return (http && g_uri_get_host(parsed) != NULL && *g_uri_get_host(parsed) != '\0') ||
           refuse(e, "notification.endpoint.uri must be http[s]://…, mqtt[s]://… or sse:",
                  "notification.endpoint.uri 必须是 http[s]://…、mqtt[s]://… 或 sse:");
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

/* GeoJSON carries its @context unless "Prefer: body=json" is asked for (5.3.1). */
static bool wants_plain_features(const struct subscription_endpoint *p)
{
    const char *prefer = pair_value(p->receiver, "Prefer");
    return prefer != NULL && strcmp(prefer, "body=json") == 0;
}

static bool read_accept(struct subscription *s, const struct json *endpoint, struct error *e)
{
    if (json_get(endpoint, "accept") != NULL && json_get_string(endpoint, "accept") == NULL) {
        return refuse(e, "notification.endpoint.accept must be a text",
                      "notification.endpoint.accept 必须是文本");
    }
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

static const char *const notification_members[] = {"attributes",
                                                   "endpoint",
                                                   "format",
                                                   "join",
                                                   "joinLevel",
                                                   "omit",
                                                   "pick",
                                                   "showChanges",
                                                   "sysAttrs",
                                                   "status",
                                                   "timesSent",
                                                   "timesFailed",
                                                   "lastNotification",
                                                   "lastSuccess",
                                                   "lastFailure",
                                                   "failureReason",
                                                   "type",
                                                   NULL};
static const char *const endpoint_members[] = {"uri",          "accept",       "cooldown", "timeout",
                                               "notifierInfo", "receiverInfo", "type",     NULL};

static bool known_members(const struct json *object, const char *const *known, const char *what,
                          struct error *e)
{
    for (const struct json *m = object->first; m != NULL; m = m->next) {
        if (!g_strv_contains(known, m->key)) {
            return refuse(e, "%s has no member \"%.60s\"", "%s 没有成员“%.60s”", what, m->key);
        }
    }
    return true;
}

static bool settle_endpoint(struct subscription *s)
{
    s->endpoint.context_in_body =
        s->endpoint.accept == ACCEPT_LD_JSON ||
        (s->endpoint.accept == ACCEPT_GEO_JSON && !wants_plain_features(&s->endpoint));
    return true;
}

bool subscription_read_notification(struct subscription *s, struct error *e)
{
    const struct json *n = json_get(s->body, "notification");
    const struct json *endpoint = json_get(n, "endpoint");
    if (!json_is(n, JSON_OBJECT) || !json_is(endpoint, JSON_OBJECT)) {
        return refuse(e, "A subscription needs \"notification\" with an \"endpoint\"",
                      "订阅需要带 endpoint 的 notification");
    }
    if (!known_members(n, notification_members, "notification", e) ||
        !known_members(endpoint, endpoint_members, "notification.endpoint", e)) {
        return false;
    }
    for (const char *const *name =
             (const char *const[]){"status", "timesSent", "timesFailed", "lastNotification", "lastSuccess",
                                   "lastFailure", "failureReason", NULL};
         *name != NULL; name++) {
        json_remove((struct json *)n, *name); /* ours to say */
    }
    return read_format(s, n, e) && read_shown(s, n, e) && read_changes(s, n, e) && read_join(s, n, e) &&
           read_uri(s, endpoint, e) && read_accept(s, endpoint, e) &&
           read_pairs(s, json_get(endpoint, "receiverInfo"), "receiverInfo", &s->endpoint.receiver, e) &&
           read_milliseconds(endpoint, "timeout", DEFAULT_TIMEOUT_MS, MAX_TIMEOUT_MS, &s->endpoint.timeout_ms,
                             e) &&
           read_milliseconds(endpoint, "cooldown", 0, 24 * 3600 * 1000, &s->endpoint.cooldown_ms, e) &&
           settle_endpoint(s);
}
