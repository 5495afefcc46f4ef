/* SPDX-License-Identifier: Apache-2.0 */
/* /ngsi-ld/v1/types and /attributes: what kinds of data there are (5.7.5 – 5.7.10). */
#include <string.h>

#include "context/call/api.h"
#include "context/entity/entity.h"
#include "context/entity/ingest.h"
#include "context/routes.h"
#include "context/sources/distributed.h"

/* What is known of one attribute name, from the counts that writes keep (store_shape). */
struct attribute_info {
    const char *name;
    int64_t count; /* entities that have it */
    bool kinds[KIND_NONE];
    GHashTable *types; /* of the entities that have it: a set */
};

/* What there is of one type, or of all. */
struct survey {
    struct arena *arena;
    GHashTable *attributes; /* name to struct attribute_info */
    const char *only;       /* this attribute, or NULL */
    int64_t entities;
};

static void info_free(gpointer data)
{
    g_hash_table_unref(((struct attribute_info *)data)->types);
}

static void survey_init(struct survey *s, struct arena *a)
{
    *s = (struct survey){.arena = a};
    s->attributes = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, info_free);
}

static void survey_clear(struct survey *s)
{
    g_hash_table_unref(s->attributes);
}

static struct attribute_info *info_for(struct survey *s, const char *name)
{
    struct attribute_info *info = g_hash_table_lookup(s->attributes, name);
    if (info == NULL) {
        info = arena_new0(s->arena, struct attribute_info);
        info->name = arena_strdup(s->arena, name);
        info->types = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        g_hash_table_insert(s->attributes, (gpointer)info->name, info);
    }
    return info;
}

static void take_shape(void *user, const struct store_shape *shape)
{
    struct survey *s = user;
    if (shape->attribute[0] == '\0') {
        s->entities = shape->count;
        return;
    }
    if (s->only != NULL && strcmp(s->only, shape->attribute) != 0) {
        return;
    }
    struct attribute_info *info = info_for(s, shape->attribute);
    enum attribute_kind kind = kind_of_type(shape->kind, strlen(shape->kind));
    if (kind != KIND_NONE) {
        info->kinds[kind] = true;
    } else {
        info->count = shape->count;
    }
}

static void take_type(void *user, const char *type, int64_t count)
{
    g_hash_table_add(((struct attribute_info *)user)->types, g_strdup(type));
}

/* What there is of a type (NULL: of all types). */
static void survey_run(struct survey *s, struct view *v, const char *type)
{
    view_shapes(v, type != NULL ? type : "", take_shape, s);
}

/* Fills in which types have each attribute. */
static void survey_types(struct survey *s, struct view *v)
{
    GHashTableIter i;
    gpointer info;
    g_hash_table_iter_init(&i, s->attributes);
    while (g_hash_table_iter_next(&i, NULL, &info)) {
        view_types_with(v, ((struct attribute_info *)info)->name, take_type, info);
    }
}

/* ---- parts of the answers ---- */

static gint by_text(gconstpointer a, gconstpointer b)
{
    return strcmp(a, b);
}

/* The keys of a set of stored names, compacted and in order. */
static struct json *names_of(struct call *c, GHashTable *set)
{
    g_autoptr(GList) keys = g_list_sort(g_hash_table_get_keys(set), by_text);
    struct json *out = json_array(c->arena);
    for (GList *k = keys; k != NULL; k = k->next) {
        json_append(out, json_string(c->arena, ld_compact(c->ctx, c->arena, k->data)));
    }
    return out;
}

static struct json *kinds_of(struct arena *a, const struct attribute_info *info)
{
    struct json *out = json_array(a);
    for (int k = 0; k < KIND_NONE; k++) {
        if (info->kinds[k]) {
            json_append(out, json_string(a, kind_type((enum attribute_kind)k)));
        }
    }
    return out;
}

static struct json *described(struct call *c, const char *stored, const char *type)
{
    struct json *d = json_object(c->arena);
    json_add(d, "id", json_string(c->arena, ld_iri(c->arena, stored)));
    json_add(d, "type", json_string(c->arena, type));
    return d;
}

static struct json *attribute_details(struct call *c, const struct attribute_info *info)
{
    struct json *d = described(c, info->name, "Attribute");
    json_add(d, "attributeName", json_string(c->arena, ld_compact(c->ctx, c->arena, info->name)));
    json_add(d, "attributeTypes", kinds_of(c->arena, info));
    return d;
}

static void answer(struct call *c, struct json *body)
{
    GString *out = g_string_sized_new(512);
    const struct json *context = call_context_member(c);
    struct json *one = body->type == JSON_ARRAY ? body->first : body;
    for (; one != NULL && context != NULL; one = body->type == JSON_ARRAY ? one->next : NULL) {
        json_add(one, "@context", json_copy(c->arena, context));
    }
    json_write(out, body);
    call_reply(c, 200, out, NULL);
}

/* Answers with what is known here, NULL = nothing, and at sources. */
static bool finish(struct call *c, const struct distributed_discovery *what, struct json *body,
                   struct error *e)
{
    if (!distributed_is_local(c)) {
        return distributed_discover(c, what, body, answer, e);
    }
    if (body == NULL) {
        return error_set(e, ERROR_NOT_FOUND, "No entity has %s", "没有实体具有 %s", what->name);
    }
    answer(c, body);
    return true;
}

static struct json *new_list(struct call *c, const char *type, const char *member, struct json *names)
{
    struct json *list = json_object(c->arena);
    json_add(list, "id", json_printf(c->arena, "urn:ngsi-ld:%s:%" G_GINT64_FORMAT, type, instant_now()));
    json_add(list, "type", json_string(c->arena, type));
    json_add(list, member, names);
    return list;
}

/* ---- types ---- */

struct type_walk {
    struct call *call;
    GPtrArray *types; /* stored names */
};

static void add_type(void *user, const char *type, int64_t count)
{
    struct type_walk *w = user;
    if (count > 0) {
        g_ptr_array_add(w->types, arena_strdup(w->call->arena, type));
    }
}

static void type_summary(struct call *c, struct view *v, const char *type, struct json *out)
{
    struct survey s;
    survey_init(&s, c->arena);
    survey_run(&s, v, type);
    struct json *d = json_append(out, described(c, type, "EntityType"));
    json_add(d, "typeName", json_string(c->arena, ld_compact(c->ctx, c->arena, type)));
    json_add(d, "attributeNames", names_of(c, s.attributes));
    survey_clear(&s);
}

static bool list_types(struct call *c, struct error *e)
{
    bool details;
    g_autoptr(GPtrArray) types = g_ptr_array_new();
    struct type_walk walk = {c, types};
    if (!call_flag(c, "details", &details, e)) {
        return false;
    }
    view_auto v = view_begin(c->space->store);
    view_types(v, add_type, &walk);
    struct json *out = json_array(c->arena);
    for (guint i = 0; i < types->len; i++) {
        const char *type = types->pdata[i];
        if (!details) {
            json_append(out, json_string(c->arena, ld_compact(c->ctx, c->arena, type)));
        } else {
            type_summary(c, v, type, out);
        }
    }
    const struct distributed_discovery what = {
        details ? OP_RETRIEVE_ENTITY_TYPE_DETAILS : OP_RETRIEVE_ENTITY_TYPES, "types", NULL, details};
    return finish(c, &what, details ? out : new_list(c, "EntityTypeList", "typeList", out), e);
}

static bool one_type(struct call *c, struct error *e)
{
    const char *type = ingest_name(c->arena, c->ctx, request_param(c->request, "type"), e);
    struct survey s;
    if (type == NULL) {
        return false;
    }
    survey_init(&s, c->arena);
    view_auto v = view_begin(c->space->store);
    survey_run(&s, v, type);
    struct json *d = NULL;
    if (s.entities > 0) {
        d = described(c, type, "EntityTypeInfo");
        json_add(d, "typeName", json_string(c->arena, ld_compact(c->ctx, c->arena, type)));
        json_add(d, "entityCount", json_int(c->arena, s.entities));
        struct json *details = json_add(d, "attributeDetails", json_array(c->arena));
        g_autoptr(GList) keys = g_list_sort(g_hash_table_get_keys(s.attributes), by_text);
        for (GList *k = keys; k != NULL; k = k->next) {
            json_append(details, attribute_details(c, g_hash_table_lookup(s.attributes, k->data)));
        }
    }
    survey_clear(&s);
    return finish(c, &(struct distributed_discovery){OP_RETRIEVE_ENTITY_TYPE_INFO, "types", type, false}, d,
                  e);
}

/* ---- attributes ---- */

static bool list_attributes(struct call *c, struct error *e)
{
    bool details;
    struct survey s;
    if (!call_flag(c, "details", &details, e)) {
        return false;
    }
    survey_init(&s, c->arena);
    view_auto v = view_begin(c->space->store);
    survey_run(&s, v, NULL);
    struct json *out;
    if (!details) {
        out = new_list(c, "AttributeList", "attributeList", names_of(c, s.attributes));
    } else {
        out = json_array(c->arena);
        survey_types(&s, v);
        g_autoptr(GList) keys = g_list_sort(g_hash_table_get_keys(s.attributes), by_text);
        for (GList *k = keys; k != NULL; k = k->next) {
            struct attribute_info *info = g_hash_table_lookup(s.attributes, k->data);
            struct json *d = json_append(out, described(c, info->name, "Attribute"));
            json_add(d, "attributeName", json_string(c->arena, ld_compact(c->ctx, c->arena, info->name)));
            json_add(d, "typeNames", names_of(c, info->types));
        }
    }
    survey_clear(&s);
    const struct distributed_discovery what = {
        details ? OP_RETRIEVE_ATTR_TYPE_DETAILS : OP_RETRIEVE_ATTR_TYPES, "attributes", NULL, details};
    return finish(c, &what, out, e);
}

static bool one_attribute(struct call *c, struct error *e)
{
    const char *name = call_attribute(c, e);
    struct survey s;
    if (name == NULL) {
        return false;
    }
    survey_init(&s, c->arena);
    s.only = name;
    view_auto v = view_begin(c->space->store);
    survey_run(&s, v, NULL);
    survey_types(&s, v);
    struct attribute_info *info = g_hash_table_lookup(s.attributes, name);
    struct json *d = NULL;
    if (info != NULL) {
        d = attribute_details(c, info);
        json_add(d, "attributeCount", json_int(c->arena, info->count));
        json_add(d, "typeNames", names_of(c, info->types));
    }
    survey_clear(&s);
    return finish(c, &(struct distributed_discovery){OP_RETRIEVE_ATTR_TYPE_INFO, "attributes", name, false},
                  d, e);
}

/* ---- operations ---- */

static const char *const list_parameters[] = {"details", "local", NULL};
static const char *const one_parameters[] = {"local", NULL};

void serve_types(struct request *r)
{
    static const struct operation o = {list_types, list_parameters, NULL, false};
    call_serve(r, &o);
}

void serve_type(struct request *r)
{
    static const struct operation o = {one_type, one_parameters, NULL, false};
    call_serve(r, &o);
}

void serve_attributes(struct request *r)
{
    static const struct operation o = {list_attributes, list_parameters, NULL, false};
    call_serve(r, &o);
}

void serve_attribute(struct request *r)
{
    static const struct operation o = {one_attribute, one_parameters, NULL, false};
    call_serve(r, &o);
}
