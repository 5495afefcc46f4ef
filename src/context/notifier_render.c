/* SPDX-License-Identifier: Apache-2.0 */
/* What goes into a notification (ETSI GS CIM 009 V1.9.1, 5.3.1, 5.8.6, 7.2). */
#include <string.h>

#include "context/entity.h"
#include "context/notifier.h"

#define CONTEXT_RELATION "http://www.w3.org/ns/json-ld#context"

static bool listed(const char *const *names, const char *name)
{
    for (; names != NULL && *names != NULL; names++) {
        if (strcmp(*names, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool watches(const struct subscription *s, const char *attribute)
{
    return s->watched == NULL || listed(s->watched, attribute);
}

/* ---- does a change concern the subscription? ---- */

static bool in_list(const struct json *list, const char *name)
{
    for (const struct json *c = json_first(list); c != NULL; c = c->next) {
        if (json_streq(c, name)) {
            return true;
        }
    }
    return false;
}

static unsigned attribute_triggers(const struct subscription *s, const struct json *record, bool created)
{
    unsigned pulled = 0;
    const struct json *made = json_get(record, "made");
    for (const struct json *a = json_first(json_get(record, "attrs")); a != NULL; a = a->next) {
        if (watches(s, a->key)) {
            pulled |=
                created || in_list(made, a->key) ? TRIGGER_ATTRIBUTE_CREATED : TRIGGER_ATTRIBUTE_UPDATED;
        }
    }
    return pulled;
}

/* A name of "gone" may be followed by a blank and a datasetId. */
static bool gone_watched(const struct subscription *s, const struct json *gone)
{
    g_autofree char *name = g_strndup(gone->string, strcspn(gone->string, " "));
    return watches(s, name);
}

unsigned notification_triggers(const struct subscription *s, const struct json *record)
{
    const char *op = json_get_string(record, "op");
    if (op == NULL || json_get_bool(record, "late", false)) {
        return 0;
    }
    if (strcmp(op, "delete") == 0) {
        return s->triggers & TRIGGER_ENTITY_DELETED;
    }
    bool created = strcmp(op, "create") == 0;
    unsigned pulled = attribute_triggers(s, record, created);
    if (created && (s->watched == NULL || pulled != 0)) {
        pulled |= TRIGGER_ENTITY_CREATED;
    }
    for (const struct json *g = json_first(json_get(record, "gone")); g != NULL; g = g->next) {
        if (g->type == JSON_STRING && gone_watched(s, g)) {
            pulled |= TRIGGER_ATTRIBUTE_DELETED;
        }
    }
    return pulled & s->triggers;
}

/* ---- the entity as the change left it ---- */

static struct json *instance_copy(struct arena *a, const struct json *instance, const struct json *at)
{
    struct json *copy = json_copy(a, instance);
    if (json_get(copy, "modifiedAt") == NULL && at != NULL) {
        json_set(a, copy, "modifiedAt", json_copy(a, at));
    }
    return copy;
}

/* Puts the instances of a change in the place of those with the same datasetId. */
static void overlay_attribute(struct arena *a, struct json *entity, const struct json *change,
                              const struct json *at)
{
    const struct json *current = json_get(entity, change->key);
    struct json *list = json_array(a);
    for (const struct json *i = instance_first(change); i != NULL; i = instance_next(change, i)) {
        json_append(list, instance_copy(a, i, at));
    }
    for (const struct json *i = current != NULL ? instance_first(current) : NULL; i != NULL;
         i = instance_next(current, i)) {
        if (instance_find(change, json_get_string(i, "datasetId")) == NULL) {
            json_append(list, json_copy(a, i));
        }
    }
    json_set(a, entity, change->key, list->length == 1 ? json_alias(a, list->first) : list);
}

/* The entity after the record: the current one, with what later changes may have overwritten put back. NULL
 * for a deleted one. */
static struct json *entity_after(struct arena *a, struct view *v, const struct json *record)
{
    const char *id = json_get_string(record, "id");
    const struct json *at = json_get(record, "at");
    struct json *entity = context_get(v, a, id);
    if (entity != NULL && json_equal(json_get(entity, "modifiedAt"), at)) {
        return entity;
    }
    if (entity == NULL) {
        entity = json_object(a);
        json_add(entity, "id", json_string(a, id));
        json_add(entity, "type", json_copy(a, json_get(record, "type")));
    }
    for (const struct json *change = json_first(json_get(record, "attrs")); change != NULL;
         change = change->next) {
        overlay_attribute(a, entity, change, at);
    }
    for (const struct json *g = json_first(json_get(record, "gone")); g != NULL; g = g->next) {
        if (g->type == JSON_STRING && strchr(g->string, ' ') == NULL &&
            json_get(json_get(record, "attrs"), g->string) == NULL) {
            json_remove(entity, g->string);
        }
    }
    return entity;
}

/* ---- into the text ---- */

static bool shows(const struct render *r, const char *name)
{
    return (r->pick == NULL || listed(r->pick, name)) && !listed(r->omit, name);
}

/* "name": "urn:ngsi-ld:null" for each attribute that has gone, before the closing brace. */
static void append_gone(GString *out, const struct json *gone, const struct render *r)
{
    g_string_truncate(out, out->len - 1);
    for (const struct json *g = json_first(gone); g != NULL; g = g->next) {
        if (g->type != JSON_STRING) {
            continue;
        }
        const char *dataset = strchr(g->string, ' ');
        g_autofree char *name = g_strndup(g->string, strcspn(g->string, " "));
        if (!shows(r, name)) {
            continue;
        }
        g_string_append(out, out->str[out->len - 1] != '{' ? "," : "");
        render_name(out, name, r);
        if (dataset != NULL) {
            g_string_append(out, ":{\"type\":\"Property\",\"value\":\"" NGSI_NULL "\",\"datasetId\":");
            json_write_string(out, dataset + 1, strlen(dataset + 1));
            g_string_append_c(out, '}');
        } else {
            g_string_append(out, ":\"" NGSI_NULL "\"");
        }
    }
    g_string_append_c(out, '}');
}

static void append_deleted(GString *out, const struct json *record, const struct render *r)
{
    char at[INSTANT_TEXT];
    const struct json *types = json_get(record, "type");
    g_string_append(out, "{\"id\":");
    json_write(out, json_get(record, "id"));
    g_string_append(out, types != NULL && types->length == 1 ? ",\"type\":" : ",\"type\":[");
    for (const struct json *t = json_first(types); t != NULL; t = t->next) {
        g_string_append(out, t != types->first ? "," : "");
        render_name(out, t->string, r);
    }
    g_string_append(out, types != NULL && types->length == 1 ? "" : "]");
    g_string_append_printf(out, ",\"deletedAt\":\"%s\"}", instant_format(json_get_int(record, "at", 0), at));
}

/* A deleted entity has no more than its id and type to match. */
static bool selected(const struct subscription *s, const struct json *record, struct view *v)
{
    struct entity_query head = s->query;
    head.q = NULL;
    head.geo = NULL;
    head.scope = NULL;
    head.attrs = NULL;
    return entity_query_matches(&head, record, v);
}

bool notification_add(GString *data, const struct subscription *s, struct view *v, const struct json *record)
{
    arena_auto a = arena_new();
    struct render render = s->render;
    render.arena = a;
    if (json_streq(json_get(record, "op"), "delete")) {
        append_deleted(data, record, &render);
        return selected(s, record, v);
    }
    struct json *entity = entity_after(a, v, record);
    if (!entity_query_matches(&s->query, entity, v)) {
        return false;
    }
    if (s->endpoint.accept == ACCEPT_GEO_JSON) {
        render_feature(data, entity, &render);
        return true;
    }
    render_entity(data, entity, &render);
    if (s->triggers & TRIGGER_ATTRIBUTE_DELETED) {
        append_gone(data, json_get(record, "gone"), &render);
    }
    return true;
}

void notification_add_current(GString *data, const struct subscription *s, const struct json *entity)
{
    arena_auto a = arena_new();
    struct render render = s->render;
    render.arena = a;
    if (s->endpoint.accept == ACCEPT_GEO_JSON) {
        render_feature(data, entity, &render);
    } else {
        render_entity(data, entity, &render);
    }
}

/* ---- the message ---- */

static void append_body(GString *out, const struct subscription *s, const char *data)
{
    char now[INSTANT_TEXT];
    g_autofree char *uuid = g_uuid_string_random();
    bool features = s->endpoint.accept == ACCEPT_GEO_JSON;
    g_string_append_printf(
        out, "{\"id\":\"urn:ngsi-ld:Notification:%s\",\"type\":\"Notification\",\"subscriptionId\":", uuid);
    json_write_string(out, s->id, strlen(s->id));
    g_string_append_printf(out, ",\"notifiedAt\":\"%s\",\"data\":%s", instant_format(instant_now(), now),
                           features ? "{\"type\":\"FeatureCollection\",\"features\":[" : "[");
    g_string_append(out, data);
    g_string_append(out, features ? "]}" : "]");
}

/* {"metadata": {…}, "body": {…}} */
static void append_metadata(GString *out, const struct subscription *s)
{
    const char *url = json_is(s->context_value, JSON_STRING) ? s->context_value->string : LD_CORE_CONTEXT;
    g_autofree char *link =
        g_strdup_printf("<%s>; rel=\"" CONTEXT_RELATION "\"; type=\"application/ld+json\"", url);
    static const char *const types[] = {"application/json", "application/ld+json", "application/geo+json"};
    g_string_append_printf(out, "{\"metadata\":{\"Content-Type\":\"%s\"", types[s->endpoint.accept]);
    if (s->endpoint.accept != ACCEPT_LD_JSON) {
        g_string_append(out, ",\"Link\":");
        json_write_string(out, link, strlen(link));
    }
    if (s->tenant != NULL) {
        g_string_append_printf(out, ",\"NGSILD-Tenant\":\"%s\"", s->tenant);
    }
    for (const char *const *p = s->endpoint.receiver; p != NULL && *p != NULL; p += 2) {
        g_string_append_c(out, ',');
        json_write_string(out, p[0], strlen(p[0]));
        g_string_append_c(out, ':');
        json_write_string(out, p[1], strlen(p[1]));
    }
    g_string_append(out, "},\"body\":");
}

GString *notification_wrap(const struct subscription *s, GString *body)
{
    struct json core = {.type = JSON_STRING, .string = LD_CORE_CONTEXT, .length = sizeof LD_CORE_CONTEXT - 1};
    if (s->endpoint.accept == ACCEPT_LD_JSON) {
        g_string_append(body, ",\"@context\":");
        json_write(body, s->context_value != NULL ? s->context_value : &core);
    }
    g_string_append_c(body, '}');
    if (!s->endpoint.mqtt) {
        return body;
    }
    GString *out = g_string_sized_new(body->len + 512);
    append_metadata(out, s);
    g_string_append_len(out, body->str, (gssize)body->len);
    g_string_append_c(out, '}');
    g_string_free(body, TRUE);
    return out;
}

GString *notification_message(const struct subscription *s, const char *data)
{
    GString *body = g_string_sized_new(strlen(data) + 512);
    append_body(body, s, data);
    return notification_wrap(s, body);
}
