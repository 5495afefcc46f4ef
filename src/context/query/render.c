/* SPDX-License-Identifier: Apache-2.0 */
/* Normalized, concise, simplified and GeoJSON representations. */
#include "context/query/render.h"

#include <stdlib.h>
#include <string.h>

#include "context/entity/entity.h"

static bool is_key(const struct json *m, const char *name)
{
    return strcmp(m->key, name) == 0;
}

static void write_key(GString *out, const char *name)
{
    if (out->str[out->len - 1] != '{') {
        g_string_append_c(out, ',');
    }
    g_string_append_c(out, '"');
    g_string_append(out, name);
    g_string_append_len(out, "\":", 2);
}

void render_name(GString *out, const char *stored, const struct render *r)
{
    const char *name = r->ctx != NULL ? ld_compact(r->ctx, r->arena, stored) : stored;
    json_write_string(out, name, strlen(name));
}

static void write_named(GString *out, const struct json *m, const struct render *r)
{
    if (out->str[out->len - 1] != '{') {
        g_string_append_c(out, ',');
    }
    if (r->ctx != NULL) {
        render_name(out, m->key, r);
    } else {
        json_write_string(out, m->key, m->key_length);
    }
    g_string_append_c(out, ':');
}

static void write_time(GString *out, const struct json *v)
{
    char text[INSTANT_TEXT];
    g_string_append_printf(out, "\"%s\"", instant_format(v->integer, text));
}

/* Names compacted; a single one alone, several as an array. */
static void write_names(GString *out, const struct json *names, const struct render *r)
{
    if (names->type == JSON_STRING) {
        render_name(out, names->string, r);
        return;
    }
    bool several = names->length != 1;
    if (several) {
        g_string_append_c(out, '[');
    }
    for (const struct json *n = names->first; n != NULL; n = n->next) {
        if (n != names->first) {
            g_string_append_c(out, ',');
        }
        if (n->type == JSON_STRING) {
            render_name(out, n->string, r);
        } else {
            json_write(out, n);
        }
    }
    if (several) {
        g_string_append_c(out, ']');
    }
}

static void write_one_or_more(GString *out, const struct json *array)
{
    json_write(out, array->type == JSON_ARRAY && array->length == 1 ? array->first : array);
}

/* ---- values ---- */

static void write_object_list(GString *out, const struct json *list, const struct render *r)
{
    if (r->format != RENDER_NORMALIZED) {
        json_write(out, list);
        return;
    }
    g_string_append_c(out, '[');
    for (const struct json *c = json_first(list); c != NULL; c = c->next) {
        g_string_append(out, c == list->first ? "{\"object\":" : ",{\"object\":");
        json_write(out, c);
        g_string_append_c(out, '}');
    }
    g_string_append_c(out, ']');
}

static void write_value(GString *out, enum attribute_kind kind, const struct json *value,
                        const struct render *r)
{
    if (kind == KIND_VOCAB && r->ctx != NULL) {
        write_names(out, value, r);
    } else if (kind == KIND_LIST_RELATIONSHIP) {
        write_object_list(out, value, r);
    } else {
        json_write(out, value);
    }
}

/* ---- instances ---- */

static bool wants_language(enum attribute_kind kind, const struct json *value, const struct render *r)
{
    return kind == KIND_LANGUAGE && r->lang != NULL && json_is(value, JSON_OBJECT);
}

static bool is_linked(const struct json *m)
{
    return is_key(m, "entity") || is_key(m, "entityList");
}

static const struct json *linked_of(const struct json *instance)
{
    const struct json *one = json_get(instance, "entity");
    return one != NULL ? one : json_get(instance, "entityList");
}

static void write_simplified(GString *out, const struct json *instance, const struct render *r)
{
    enum attribute_kind kind = instance_kind(instance);
    const struct json *value = instance_value(instance);
    const char *language;
    if (value == NULL) {
        g_string_append(out, "null");
    } else if (wants_language(kind, value, r)) {
        const struct json *text = render_language(value, r->lang, &language);
        json_write(out, text != NULL ? text : value);
    } else if (r->relationship != NULL && linked_of(instance) != NULL) {
        render_targets(out, linked_of(instance), value, r);
    } else if (kind == KIND_LANGUAGE || kind == KIND_VOCAB || kind == KIND_JSON) {
        g_string_append_printf(out, "{\"%s\":", kind_member(kind));
        write_value(out, kind, value, r);
        g_string_append_c(out, '}');
    } else {
        write_value(out, kind, value, r);
    }
}

/* Has the instance nothing but its value to show? */
static bool is_bare(const struct json *instance, const struct render *r)
{
    for (const struct json *m = instance->first; m != NULL; m = m->next) {
        bool time = is_key(m, "createdAt") || is_key(m, "modifiedAt") || is_key(m, "expiresAt");
        if (time ? r->sys_attrs : !is_key(m, "type") && kind_of_member(m->key, m->key_length) == KIND_NONE) {
            return false;
        }
    }
    return true;
}

/* Would a bare value be taken for an instance, or for several? */
static bool looks_like_instance(const struct json *value)
{
    bool found = value->type == JSON_OBJECT;
    for (const struct json *c = json_is(value, JSON_ARRAY) ? value->first : NULL; c != NULL; c = c->next) {
        found = found || c->type == JSON_OBJECT;
    }
    return found;
}

/* In the concise form a bare value may stand alone. */
static bool stands_alone(const struct json *instance, enum attribute_kind kind, const struct json *value,
                         const struct render *r)
{
    return value != NULL && (kind == KIND_GEO || (kind == KIND_PROPERTY && !looks_like_instance(value))) &&
           is_bare(instance, r);
}

static void write_sub_attribute(GString *out, const struct json *m, const struct render *r)
{
    struct render below = *r;
    below.relationship = NULL;
    write_named(out, m, r);
    render_attribute(out, m, &below);
}

/* previousValue, previousObject, …: the value before the change that a notification tells of. */
static enum attribute_kind previous_kind(const struct json *m, const struct render *r)
{
    if (!r->changes || m->key_length <= 8 || memcmp(m->key, "previous", 8) != 0) {
        return KIND_NONE;
    }
    g_autofree char *member = g_strndup(m->key + 8, m->key_length - 8);
    member[0] = g_ascii_tolower(member[0]);
    return kind_of_member(member, m->key_length - 8);
}

static void write_member(GString *out, const struct json *m, const struct render *r)
{
    enum attribute_kind previous = previous_kind(m, r);
    if (previous != KIND_NONE) {
        write_key(out, m->key);
        write_value(out, previous, m, r);
        return;
    }
    if (is_key(m, "createdAt") || is_key(m, "modifiedAt") || is_key(m, "expiresAt")) {
        if (r->sys_attrs) {
            write_key(out, m->key);
            write_time(out, m);
        }
    } else if (is_key(m, "objectType") || is_key(m, "valueType") || is_key(m, "entityTypeSealed")) {
        write_key(out, m->key);
        write_names(out, m, r);
    } else if (is_key(m, "unitCode") || is_key(m, "observedAt") || is_key(m, "datasetId") ||
               is_key(m, "entityIdSealed") || is_key(m, "instanceId") || is_key(m, "deletedAt")) {
        write_key(out, m->key);
        json_write(out, m);
    } else if (r->relationship != NULL && is_linked(m)) {
        write_key(out, m->key);
        render_linked_entities(out, m, r);
    } else {
        write_sub_attribute(out, m, r);
    }
}

/* A LanguageProperty in one language is a Property with "lang". */
static void write_translated(GString *out, const struct json *value, const struct render *r)
{
    const char *language = NULL;
    const struct json *text = render_language(value, r->lang, &language);
    if (r->format == RENDER_NORMALIZED) {
        write_key(out, "type");
        g_string_append(out, "\"Property\"");
    }
    write_key(out, "value");
    json_write(out, text != NULL ? text : value);
    if (language != NULL) {
        write_key(out, "lang");
        json_write_string(out, language, strlen(language));
    }
}

static void write_instance_object(GString *out, const struct json *instance, const struct render *r)
{
    enum attribute_kind kind = instance_kind(instance);
    const struct json *value = instance_value(instance);
    g_string_append_c(out, '{');
    if (wants_language(kind, value, r)) {
        write_translated(out, value, r);
    } else {
        if (r->format == RENDER_NORMALIZED && kind != KIND_NONE) {
            write_key(out, "type");
            g_string_append_printf(out, "\"%s\"", kind_type(kind));
        }
        if (value != NULL) {
            write_key(out, value->key);
            write_value(out, kind, value, r);
        }
    }
    for (const struct json *m = instance->first; m != NULL; m = m->next) {
        if (m != value && !is_key(m, "type")) {
            write_member(out, m, r);
        }
    }
    g_string_append_c(out, '}');
}

void render_instance(GString *out, const struct json *instance, const struct render *r)
{
    const struct json *value = instance_value(instance);
    if (r->format == RENDER_SIMPLIFIED) {
        write_simplified(out, instance, r);
    } else if (r->format == RENDER_CONCISE && stands_alone(instance, instance_kind(instance), value, r)) {
        json_write(out, value);
    } else {
        write_instance_object(out, instance, r);
    }
}

/* {"dataset": {"@none": …, "urn:…": …}} */
static void write_simplified_datasets(GString *out, const struct json *attribute, const struct render *r)
{
    g_string_append(out, "{\"dataset\":{");
    for (const struct json *i = attribute->first; i != NULL; i = i->next) {
        const char *dataset = json_get_string(i, "datasetId");
        write_key(out, dataset != NULL ? dataset : "@none");
        write_simplified(out, i, r);
    }
    g_string_append(out, "}}");
}

void render_attribute(GString *out, const struct json *attribute, const struct render *r)
{
    if (attribute->type != JSON_ARRAY) {
        render_instance(out, attribute, r);
        return;
    }
    if (r->format == RENDER_SIMPLIFIED) {
        write_simplified_datasets(out, attribute, r);
        return;
    }
    g_string_append_c(out, '[');
    for (const struct json *i = attribute->first; i != NULL; i = i->next) {
        if (i != attribute->first) {
            g_string_append_c(out, ',');
        }
        write_instance_object(out, i, r); /* never a bare value: it would read back as one of an array */
    }
    g_string_append_c(out, ']');
}

/* ---- entities ---- */

static bool listed(const char *const *names, const char *name)
{
    for (; *names != NULL; names++) {
        if (strcmp(*names, name) == 0) {
            return true;
        }
    }
    return false;
}

bool render_shows(const struct render *r, const char *name)
{
    return (r->pick == NULL || listed(r->pick, name)) && (r->omit == NULL || !listed(r->omit, name));
}

static void write_id(GString *out, const struct json *entity, const struct render *r)
{
    const struct json *id = json_get(entity, "id");
    if (id != NULL && render_shows(r, "id")) {
        write_key(out, "id");
        json_write(out, id);
    }
}

static void write_type(GString *out, const struct json *entity, const struct render *r)
{
    const struct json *types = json_get(entity, "type");
    if (types != NULL && render_shows(r, "type")) {
        write_key(out, "type");
        write_names(out, types, r);
    }
}

static void write_scope_and_times(GString *out, const struct json *entity, const struct render *r)
{
    static const char *const times[] = {"createdAt", "modifiedAt", "expiresAt"};
    const struct json *scope = json_get(entity, "scope");
    if (scope != NULL && render_shows(r, "scope")) {
        write_key(out, "scope");
        write_one_or_more(out, scope);
    }
    for (int i = 0; r->sys_attrs && i < 3; i++) {
        const struct json *time = json_get(entity, times[i]);
        if (time != NULL && render_shows(r, times[i])) {
            write_key(out, times[i]);
            write_time(out, time);
        }
    }
}

const struct json *render_selected(const struct json *attribute, const struct render *r)
{
    if (r->datasets == NULL) {
        return attribute;
    }
    struct json *list = json_array(r->arena);
    for (const struct json *i = instance_first(attribute); i != NULL; i = instance_next(attribute, i)) {
        const char *dataset = json_get_string(i, "datasetId");
        if (listed(r->datasets, dataset != NULL ? dataset : "@none")) {
            json_append(list, json_alias(r->arena, i));
        }
    }
    return list->length > 1 ? list : list->first;
}

/* An instance with the times that it shares with its entity. */
static struct json *with_times(struct arena *a, const struct json *instance, const struct json *entity)
{
    static const char *const times[] = {"createdAt", "modifiedAt"};
    struct json *copy = json_copy(a, instance);
    for (int i = 0; i < 2; i++) {
        const struct json *own = json_get(entity, times[i]);
        if (own != NULL && json_get(copy, times[i]) == NULL) {
            json_add(copy, times[i], json_int(a, own->integer));
        }
    }
    return copy;
}

static const struct json *attribute_with_times(struct arena *a, const struct json *attribute,
                                               const struct json *entity)
{
    if (attribute->type != JSON_ARRAY) {
        return with_times(a, attribute, entity);
    }
    struct json *list = json_array(a);
    for (const struct json *i = attribute->first; i != NULL; i = i->next) {
        json_append(list, with_times(a, i, entity));
    }
    return list;
}

static void write_attributes(GString *out, const struct json *entity, const struct render *outer)
{
    struct render inner = *outer;
    const struct render *r = &inner;
    for (const struct json *m = json_first(entity); m != NULL; m = m->next) {
        const struct json *attribute =
            entity_is_attribute(m) && render_shows(r, m->key) ? render_selected(m, r) : NULL;
        if (attribute != NULL) {
            inner.relationship = r->joined ? m->key : NULL;
            write_named(out, m, r);
            render_attribute(out,
                             r->sys_attrs ? attribute_with_times(r->arena, attribute, entity) : attribute, r);
        }
    }
}

static void write_context(GString *out, const struct render *r)
{
    if (r->context_value != NULL) {
        write_key(out, "@context");
        json_write(out, r->context_value);
    }
}

void render_entity(GString *out, const struct json *entity, const struct render *r)
{
    g_string_append_c(out, '{');
    write_id(out, entity, r);
    write_type(out, entity, r);
    write_scope_and_times(out, entity, r);
    write_attributes(out, entity, r);
    write_context(out, r);
    g_string_append_c(out, '}');
}

/* The geometry of a Feature (4.5.16.1): the GeoProperty asked for, its default instance or the one whose
 * datasetId is asked for, or null. */
static void write_geometry(GString *out, const struct json *entity, const struct render *r)
{
    const struct json *attr =
        json_get(entity, r->geometry_property != NULL ? r->geometry_property : "location");
    attr = attr != NULL ? render_selected(attr, r) : NULL;
    const struct json *instance = attr != NULL ? instance_find(attr, NULL) : NULL;
    instance = instance == NULL && attr != NULL && r->datasets != NULL ? instance_first(attr) : instance;
    write_key(out, "geometry");
    if (instance != NULL && instance_kind(instance) == KIND_GEO) {
        json_write(out, instance_value(instance));
    } else {
        g_string_append(out, "null");
    }
}

void render_feature(GString *out, const struct json *entity, const struct render *r)
{
    g_string_append_c(out, '{');
    const struct json *id = json_get(entity, "id");
    if (id != NULL) {
        write_key(out, "id");
        json_write(out, id);
    }
    write_key(out, "type");
    g_string_append(out, "\"Feature\"");
    write_key(out, "properties");
    g_string_append_c(out, '{');
    write_type(out, entity, r);
    write_scope_and_times(out, entity, r);
    write_attributes(out, entity, r);
    g_string_append_c(out, '}');
    write_context(out, r);
    write_geometry(out, entity, r);
    g_string_append_c(out, '}');
}
