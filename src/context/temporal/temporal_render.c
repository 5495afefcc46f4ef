/* SPDX-License-Identifier: Apache-2.0 */
/* Histories in the normalized, simplified (4.5.9) and aggregated (4.5.19) temporal representations. */
#include <string.h>

#include "context/entity/entity.h"
#include "context/temporal/temporal_query.h"

enum { POINTS_PER_SCRATCH = 500 };

static void comma(GString *out)
{
    char last = out->str[out->len - 1];
    if (last != '{' && last != '[') {
        g_string_append_c(out, ',');
    }
}

static void member(GString *out, const char *stored, const struct render *r)
{
    comma(out);
    render_name(out, stored, r);
    g_string_append_c(out, ':');
}

static void append_time(GString *out, instant t)
{
    char text[INSTANT_TEXT];
    g_string_append_printf(out, "\"%s\"", instant_format(t, text));
}

/* ---- normalized ---- */

static void render_instances(GString *out, const char *id, const struct temporal_series *s,
                             const struct temporal_query *q)
{
    arena_auto scratch = arena_new();
    struct render own = q->render;
    own.sys_attrs = true; /* the times that a series is kept by must show */
    own.arena = scratch;
    for (guint i = 0; i < s->points->len; i++) {
        const struct temporal_point *p = &g_array_index(s->points, struct temporal_point, i);
        struct json *instance = temporal_instance(scratch, &s->series, id, p);
        if (!q->render.sys_attrs && q->property != TEMPORAL_CREATED) {
            json_remove(instance, "createdAt");
        }
        comma(out);
        render_instance(out, instance, &own);
        if (i % POINTS_PER_SCRATCH == 0) {
            arena_clear(scratch);
        }
    }
}

/* ---- simplified ---- */

/* The member that lists the values. */
static const char *const lists[] = {
    [KIND_PROPERTY] = "values",
    [KIND_RELATIONSHIP] = "objects",
    [KIND_GEO] = "values",
    [KIND_LANGUAGE] = "languageMaps",
    [KIND_VOCAB] = "vocabs",
    [KIND_LIST] = "valueLists",
    [KIND_LIST_RELATIONSHIP] = "objectLists",
    [KIND_JSON] = "jsons",
};

const char *temporal_list_member(enum attribute_kind kind)
{
    return lists[kind];
}

static enum attribute_kind kind_of(const struct temporal_series *s)
{
    enum attribute_kind kind = kind_of_type(s->series.type, strlen(s->series.type));
    return kind != KIND_NONE ? kind : KIND_PROPERTY;
}

void temporal_render_value(GString *out, const struct history_series *s, const struct temporal_point *p,
                           const struct render *r)
{
    enum attribute_kind kind = kind_of_type(s->type, strlen(s->type));
    bool scope = strcmp(s->attribute, "scope") == 0;
    if (p->is_number) {
        struct json number = {.type = JSON_DOUBLE, .number = p->number};
        json_write(out, &number);
    } else if (scope || kind == KIND_LANGUAGE || kind == KIND_VOCAB || kind == KIND_JSON) {
        arena_auto scratch = arena_new();
        struct render own = *r;
        own.format = RENDER_SIMPLIFIED;
        own.arena = scratch;
        render_instance(out, temporal_instance(scratch, s, NULL, p), &own);
    } else {
        g_string_append(out, p->text);
    }
}

static void open_series(GString *out, const struct temporal_series *s, const char *type)
{
    g_string_append_printf(out, "{\"type\":\"%s\"", type);
    if (*s->series.dataset != '\0') {
        g_string_append(out, ",\"datasetId\":");
        json_write_string(out, s->series.dataset, strlen(s->series.dataset));
    }
}

static void render_values(GString *out, const struct temporal_series *s, const struct render *r)
{
    enum attribute_kind kind = kind_of(s);
    if (kind == KIND_LANGUAGE && r->lang != NULL) {
        kind = KIND_PROPERTY; /* one language makes it a plain text */
    }
    open_series(out, s, kind_type(kind));
    g_string_append_printf(out, ",\"%s\":[", lists[kind]);
    for (guint i = 0; i < s->points->len; i++) {
        const struct temporal_point *p = &g_array_index(s->points, struct temporal_point, i);
        comma(out);
        g_string_append_c(out, '[');
        temporal_render_value(out, &s->series, p, r);
        g_string_append_c(out, ',');
        append_time(out, p->at);
        g_string_append_c(out, ']');
    }
    g_string_append(out, "]}");
}

/* ---- aggregated ---- */

static void render_aggregates(GString *out, const struct temporal_series *s)
{
    open_series(out, s, kind_type(kind_of(s)));
    for (const struct json *m = json_first(s->aggregates); m != NULL; m = m->next) {
        g_string_append_printf(out, ",\"%s\":", m->key);
        json_write(out, m);
    }
    g_string_append_c(out, '}');
}

/* ---- entities ---- */

static bool has_content(const struct temporal_series *s, enum temporal_format format)
{
    return format == TEMPORAL_AGGREGATED ? json_first(s->aggregates) != NULL
                                         : s->points != NULL && s->points->len > 0;
}

static void render_one(GString *out, const char *id, const struct temporal_series *s,
                       const struct temporal_query *q)
{
    switch (q->format) {
    case TEMPORAL_NORMALIZED: render_instances(out, id, s, q); break;
    case TEMPORAL_VALUES: render_values(out, s, &q->render); break;
    case TEMPORAL_AGGREGATED: render_aggregates(out, s); break;
    }
}

/* The series of one attribute, one for each dataset, from index i on; returns the index after them. Instances
 * stand in an array always; the other formats have one object a dataset. */
static int render_group(GString *out, const struct temporal_entity *t, int i, const struct temporal_query *q)
{
    const char *name = t->series[i].series.attribute;
    int end = i;
    int filled = 0;
    for (; end < t->count && strcmp(t->series[end].series.attribute, name) == 0; end++) {
        filled += has_content(&t->series[end], q->format);
    }
    if (filled == 0) {
        return end;
    }
    bool array = filled > 1 || q->format == TEMPORAL_NORMALIZED;
    member(out, name, &q->render);
    g_string_append(out, array ? "[" : "");
    for (; i < end; i++) {
        if (!has_content(&t->series[i], q->format)) {
            continue;
        }
        if (array && q->format != TEMPORAL_NORMALIZED) {
            comma(out);
        }
        render_one(out, t->id, &t->series[i], q);
    }
    g_string_append(out, array ? "]" : "");
    return end;
}

/* createdAt, modifiedAt, deletedAt of the entity (6.3.11). */
static void render_times(GString *out, const struct temporal_entity *t)
{
    static const char *const names[] = {"createdAt", "modifiedAt", "deletedAt"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        const struct json *time = json_get(t->head, names[i]);
        if (time != NULL) {
            comma(out);
            g_string_append_printf(out, "\"%s\":", names[i]);
            append_time(out, time->integer);
        }
    }
}

/* Do the scopes have a history of their own to show? */
static bool has_scopes(const struct temporal_entity *t, enum temporal_format format)
{
    for (int i = 0; i < t->count; i++) {
        if (strcmp(t->series[i].series.attribute, "scope") == 0 && has_content(&t->series[i], format)) {
            return true;
        }
    }
    return false;
}

static void render_head(GString *out, const struct temporal_entity *t, const struct temporal_query *q)
{
    static const char *const names[] = {"type", "scope"};
    if (q->render.context_value != NULL) {
        g_string_append(out, "\"@context\":");
        json_write(out, q->render.context_value);
    }
    if (temporal_query_shows(q, "id")) {
        comma(out);
        g_string_append(out, "\"id\":");
        json_write_string(out, t->id, strlen(t->id));
    }
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        const struct json *list = json_get(t->head, names[i]);
        if (json_first(list) == NULL || !temporal_query_shows(q, names[i]) ||
            (i == 1 && has_scopes(t, q->format))) {
            continue;
        }
        comma(out);
        g_string_append_printf(out, "\"%s\":%s", names[i], list->length > 1 ? "[" : "");
        for (const struct json *n = list->first; n != NULL; n = n->next) {
            g_string_append(out, n != list->first ? "," : "");
            if (i == 0) {
                render_name(out, n->string, &q->render);
            } else {
                json_write(out, n);
            }
        }
        g_string_append(out, list->length > 1 ? "]" : "");
    }
}

void temporal_render(GString *out, const struct temporal_entity *t, const struct temporal_query *q)
{
    g_string_append_c(out, '{');
    render_head(out, t, q);
    if (q->render.sys_attrs) {
        render_times(out, t);
    }
    for (int i = 0; i < t->count;) {
        i = render_group(out, t, i, q);
    }
    g_string_append_c(out, '}');
}
