/* SPDX-License-Identifier: Apache-2.0 */
/* What goes into a notification (ETSI GS CIM 009 V1.9.1, 5.3.1, 5.8.6, 7.2). */
#include <string.h>

#include "context/entity/entity.h"
#include "context/query/version.h"
#include "context/subscriptions/notifier.h"

#define CONTEXT_RELATION "http://www.w3.org/ns/json-ld#context"

/* ---- values before the change ---- */

static const char *previous_name(struct arena *a, enum attribute_kind kind)
{
    const char *member = kind_member(kind);
    return arena_printf(a, "previous%c%s", g_ascii_toupper(member[0]), member + 1);
}

static void add_previous(struct arena *a, struct json *instance, const struct json *before)
{
    enum attribute_kind kind = before != NULL ? instance_kind(before) : KIND_NONE;
    if (kind != KIND_NONE && instance_value(before) != NULL) {
        json_add(instance, previous_name(a, kind), json_copy(a, instance_value(before)));
    }
}

/* Gives the instances that the record has written the values that they had. */
static void show_changes(struct arena *a, struct json *entity, const struct json *record)
{
    const struct json *was = json_get(record, "was");
    for (const struct json *change = json_first(json_get(record, "attrs")); change != NULL;
         change = change->next) {
        const struct json *before = json_get(was, change->key);
        const struct json *now = json_get(entity, change->key);
        for (const struct json *i = before != NULL && now != NULL ? instance_first(change) : NULL; i != NULL;
             i = instance_next(change, i)) {
            const char *dataset = json_get_string(i, "datasetId");
            struct json *shown = (struct json *)instance_find(now, dataset);
            if (shown != NULL) {
                add_previous(a, shown, instance_find(before, dataset));
            }
        }
    }
}

/* ---- what is gone ---- */

static struct json *null_value(struct arena *a, enum attribute_kind kind)
{
    if (kind == KIND_LANGUAGE) {
        struct json *map = json_object(a);
        json_add(map, "@none", json_string(a, NGSI_NULL));
        return map;
    }
    if (kind == KIND_LIST_RELATIONSHIP) {
        struct json *list = json_array(a);
        json_append(list, json_string(a, NGSI_NULL));
        return list;
    }
    return json_string(a, NGSI_NULL);
}

/* An instance that says that it is gone, with all that is asked for (5.8.6). */
static struct json *gone_instance(struct arena *a, const struct subscription *s, const struct json *before,
                                  const char *dataset, const struct json *at)
{
    char text[INSTANT_TEXT];
    enum attribute_kind kind = before != NULL ? instance_kind(before) : KIND_PROPERTY;
    struct json *out = json_object(a);
    json_add(out, "type", json_string(a, kind_type(kind)));
    json_add(out, kind_member(kind), null_value(a, kind));
    if (dataset != NULL) {
        json_add(out, "datasetId", json_string(a, dataset));
    }
    if (s->render.changes) {
        add_previous(a, out, before);
    }
    if (s->render.sys_attrs) {
        const struct json *created = json_get(before, "createdAt");
        if (created != NULL) {
            json_add(out, "createdAt", json_copy(a, created));
        }
        json_add(out, "modifiedAt", json_copy(a, at));
        json_add(out, "deletedAt", json_string(a, instant_format(at->integer, text)));
    }
    return out;
}

static void add_instance(struct arena *a, struct json *entity, const char *name, struct json *instance)
{
    struct json *there = json_get(entity, name);
    if (there == NULL) {
        json_set(a, entity, name, instance);
    } else if (there->type == JSON_ARRAY) {
        json_append(there, instance);
    } else {
        struct json *list = json_array(a);
        json_append(list, json_copy(a, there));
        json_append(list, instance);
        json_set(a, entity, name, list);
    }
}

/* Is the name and the URI all that is to be said of what is gone? */
static bool is_brief(const struct subscription *s, const char *dataset)
{
    return dataset == NULL && !s->render.changes && !s->render.sys_attrs;
}

/* Adds to the entity what of it the record has removed, where an object is needed. */
static void show_gone(struct arena *a, struct json *entity, const struct subscription *s,
                      const struct json *record)
{
    for (const struct json *g = json_first(json_get(record, "gone")); g != NULL; g = g->next) {
        const char *blank = strchr(g->string, ' ');
        const char *dataset = blank != NULL ? blank + 1 : NULL;
        const char *name = arena_strndup(a, g->string, strcspn(g->string, " "));
        const struct json *was = json_get(json_get(record, "was"), name);
        if (!is_brief(s, dataset)) {
            const struct json *before = was != NULL ? instance_find(was, dataset) : NULL;
            add_instance(a, entity, name, gone_instance(a, s, before, dataset, json_get(record, "at")));
        }
    }
}

static bool shows_default(const struct render *r)
{
    return r->datasets == NULL || g_strv_contains(r->datasets, "@none");
}

/* "name": "urn:ngsi-ld:null" for the others, before the closing brace. */
static void append_gone(GString *out, const struct json *entity, const struct subscription *s,
                        const struct json *record, const struct render *r)
{
    g_string_truncate(out, out->len - 1);
    for (const struct json *g = json_first(json_get(record, "gone")); g != NULL; g = g->next) {
        const char *dataset = strchr(g->string, ' ');
        if (is_brief(s, dataset) && json_get(entity, g->string) == NULL && render_shows(r, g->string) &&
            shows_default(r)) {
            g_string_append(out, out->str[out->len - 1] != '{' ? "," : "");
            render_name(out, g->string, r);
            g_string_append(out, ":\"" NGSI_NULL "\"");
        }
    }
    g_string_append_c(out, '}');
}

/* ---- a deleted entity ---- */

static void append_time(GString *out, const char *name, int64_t at)
{
    char text[INSTANT_TEXT];
    g_string_append_printf(out, ",\"%s\":\"%s\"", name, instant_format(at, text));
}

/* id and type; with showChanges all its attributes as gone. */
static const struct json *deleted_shown(struct arena *a, const struct subscription *s,
                                        const struct json *record, const struct json *entity)
{
    struct json *out = json_object(a);
    json_add(out, "id", json_copy(a, json_get(entity, "id")));
    json_add(out, "type", json_copy(a, json_get(entity, "type")));
    for (const struct json *m = s->render.changes ? json_first(entity) : NULL; m != NULL; m = m->next) {
        for (const struct json *i = entity_is_attribute(m) ? instance_first(m) : NULL; i != NULL;
             i = instance_next(m, i)) {
            add_instance(a, out, m->key,
                         gone_instance(a, s, i, json_get_string(i, "datasetId"), json_get(record, "at")));
        }
    }
    return out;
}

static void append_deleted(GString *out, struct arena *a, const struct subscription *s,
                           const struct json *record, const struct json *entity, const struct render *r)
{
    bool feature = s->endpoint.accept == ACCEPT_GEO_JSON;
    const struct json *shown = deleted_shown(a, s, record, entity);
    if (feature) {
        render_feature(out, shown, r);
        g_string_truncate(out, out->len - 2); /* of the properties and of the Feature */
    } else {
        render_entity(out, shown, r);
        g_string_truncate(out, out->len - 1);
    }
    if (s->render.sys_attrs && json_get(entity, "createdAt") != NULL) {
        append_time(out, "createdAt", json_get_int(entity, "createdAt", 0));
        append_time(out, "modifiedAt", json_get_int(entity, "modifiedAt", 0));
    }
    append_time(out, "deletedAt", json_get_int(record, "at", 0));
    g_string_append(out, feature ? "}}" : "}");
}

/* ---- an entity ---- */

/* Where linked entities are read, for the version asked for. */
struct linking {
    const struct subscription *s;
    struct view *view;
};

static const struct json *amended(const struct subscription *s, struct arena *a, const struct json *entity)
{
    bool changed = false;
    return s->version == 0 || s->version == VERSION_OWN
               ? entity
               : version_amend(a, s->ctx, entity, s->version, s->render.lang != NULL, &changed);
}

static const struct json *read_linked(void *user, struct arena *a, const char *id)
{
    struct linking *l = user;
    const struct json *entity = context_get(l->view, a, id);
    return entity != NULL ? amended(l->s, a, entity) : NULL;
}

static void write_one(GString *out, const struct subscription *s, const struct json *entity,
                      const struct render *r)
{
    if (s->endpoint.accept == ACCEPT_GEO_JSON) {
        render_feature(out, entity, r);
    } else {
        render_entity(out, entity, r);
    }
}

/* Linked entities of join=flat, by id, beside the one that leads to them. */
struct flat {
    const struct subscription *s;
    GHashTable *linked;
};

static void keep_linked(void *user, const struct json *entity, const struct render *r)
{
    struct flat *f = user;
    GString *text = g_string_new("");
    write_one(text, f->s, entity, r);
    g_hash_table_replace(f->linked, g_strdup(json_get_string(entity, "id")), g_string_free(text, FALSE));
}

/* Writes it with what is linked to it; a failure (too many) leaves the links out. */
static void write_joined(GString *out, const struct subscription *s, struct view *v,
                         const struct json *entity, struct render *r, GHashTable *linked)
{
    struct error e = {0};
    struct linking linking = {s, v};
    const struct join_reader reader = {read_linked, &linking};
    join_auto join = {0};
    if (!join_init(&join, &s->join, &reader, &e) || join.kind == JOIN_NONE) {
        write_one(out, s, entity, r);
        return;
    }
    r->joined = join.kind == JOIN_INLINE;
    const struct json *whole = r->joined ? join_inline(&join, entity, r, &e) : NULL;
    write_one(out, s, whole != NULL ? whole : entity, r);
    struct flat flat = {s, linked};
    if (join.kind == JOIN_FLAT && join_note(&join, entity, r, &e)) {
        join_follow(&join, keep_linked, &flat, &e);
    }
}

bool notification_add(GString *data, const struct subscription *s, struct view *v, const struct json *record,
                      GHashTable *linked)
{
    arena_auto a = arena_new();
    struct render render = s->render;
    render.arena = a;
    struct json *entity = notification_entity(a, v, record);
    if (!notification_selects(s, record, entity, v)) {
        return false;
    }
    if (json_streq(json_get(record, "op"), "delete")) {
        append_deleted(data, a, s, record, entity, &render);
        return true;
    }
    if (s->render.changes) {
        show_changes(a, entity, record);
    }
    show_gone(a, entity, s, record);
    const struct json *shown = amended(s, a, entity);
    write_joined(data, s, v, shown, &render, linked);
    if (s->endpoint.accept != ACCEPT_GEO_JSON) {
        append_gone(data, entity, s, record, &render);
    }
    return true;
}

void notification_add_current(GString *data, const struct subscription *s, struct view *v,
                              const struct json *entity, GHashTable *linked)
{
    arena_auto a = arena_new();
    struct render render = s->render;
    render.arena = a;
    write_joined(data, s, v, amended(s, a, entity), &render, linked);
}

/* ---- the message ---- */

static void append_context(GString *out, const struct subscription *s)
{
    struct json core = {.type = JSON_STRING, .string = LD_CORE_CONTEXT, .length = sizeof LD_CORE_CONTEXT - 1};
    g_string_append(out, ",\"@context\":");
    json_write(out, s->context_value != NULL ? s->context_value : &core);
}

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
    g_string_append_c(out, ']');
    if (features && s->endpoint.context_in_body) {
        append_context(out, s);
    }
    g_string_append(out, features ? "}" : "");
}

/* {"metadata": {…}, "body": {…}} */
static void append_metadata(GString *out, const struct subscription *s)
{
    const char *url = json_is(s->context_value, JSON_STRING) ? s->context_value->string : LD_CORE_CONTEXT;
    g_autofree char *link =
        g_strdup_printf("<%s>; rel=\"" CONTEXT_RELATION "\"; type=\"application/ld+json\"", url);
    static const char *const types[] = {"application/json", "application/ld+json", "application/geo+json"};
    g_string_append_printf(out, "{\"metadata\":{\"Content-Type\":\"%s\"", types[s->endpoint.accept]);
    if (!s->endpoint.context_in_body) {
        g_string_append(out, ",\"Link\":");
        json_write_string(out, link, strlen(link));
    }
    if (s->snapshot != NULL) {
        g_string_append(out, ",\"NGSILD-Snapshot\":");
        json_write_string(out, s->snapshot, strlen(s->snapshot));
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
    if (s->endpoint.accept == ACCEPT_LD_JSON) {
        append_context(body, s);
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
