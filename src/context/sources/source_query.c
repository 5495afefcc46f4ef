/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters of a request for registrations. */
#include "context/sources/source_query.h"

#include <string.h>

#include "base/limits.h"

void source_query_clear(struct source_query *q)
{
    entity_query_clear(&q->entities);
    q_free(q->csf);
    *q = (struct source_query){0};
}

struct q *source_filter_compile(const char *text, struct error *e)
{
    return q_compile(text, NULL, e);
}

/* ---- attributes ---- */

struct names {
    const char **all;
    int count, room;
};

static void add_name(struct names *n, const char *name)
{
    for (int i = 0; i < n->count; i++) {
        if (strcmp(n->all[i], name) == 0) {
            return;
        }
    }
    n->all[n->count++] = name;
}

static void add_names(struct names *n, const char *const *names)
{
    for (; names != NULL && *names != NULL; names++) {
        add_name(n, *names);
    }
}

static guint length(const char *const *names)
{
    return names != NULL ? g_strv_length((char **)names) : 0;
}

const char *const *source_query_attributes(struct arena *a, const struct entity_query *entities,
                                           const char *const *named, int *count)
{
    const char *const *in_q = entities->q != NULL ? q_attributes(entities->q) : NULL;
    struct names n = {
        .all = arena_array(a, const char *, length(in_q) + length(named) + (guint)entities->attrs_count + 2)};
    for (int i = 0; i < entities->attrs_count; i++) {
        add_name(&n, entities->attrs[i]);
    }
    add_names(&n, named);
    add_names(&n, in_q);
    if (entities->geo != NULL) {
        add_name(&n, entities->geo_property != NULL ? entities->geo_property : "location");
    }
    *count = n.count;
    return n.all;
}

/* ---- reading ---- */

static bool read_time(const char *name, const char *text, instant *at, struct error *e)
{
    return (text != NULL && instant_parse(text, strlen(text), NULL, at)) ||
           error_set(e, ERROR_BAD_REQUEST_DATA, "%s must be a time such as 2026-03-01T08:00:00Z",
                     "%s 必须是时间，如 2026-03-01T08:00:00Z", name);
}

bool source_query_read_when(struct registry_query *q, const struct source_when *w, struct error *e)
{
    static const char *const relations[] = {"before", "after", "between", NULL};
    static const char *const managed[] = {"createdAt", "modifiedAt", "deletedAt", NULL};
    bool between = g_strcmp0(w->relation, "between") == 0;
    if (w->relation == NULL && w->at == NULL && w->end == NULL) {
        return true;
    }
    if (w->relation == NULL || !g_strv_contains(relations, w->relation) || between != (w->end != NULL)) {
        return error_set(
            e, ERROR_BAD_REQUEST_DATA,
            "timerel is before or after with timeAt, or between with timeAt and endTimeAt",
            "timerel 应为 before 或 after（同时给出 timeAt），或 between（同时给出 timeAt 和 endTimeAt）");
    }
    if (w->property != NULL && strcmp(w->property, "observedAt") != 0 &&
        !g_strv_contains(managed, w->property)) {
        return error_set(e, ERROR_BAD_REQUEST_DATA,
                         "timeproperty is observedAt, createdAt, modifiedAt or deletedAt",
                         "timeproperty 应为 observedAt、createdAt、modifiedAt 或 deletedAt");
    }
    if (!read_time("timeAt", w->at, &q->from, e) || (between && !read_time("endTimeAt", w->end, &q->to, e))) {
        return false;
    }
    q->to = between ? q->to : q->from;
    q->time =
        w->property != NULL && g_strv_contains(managed, w->property) ? REGISTRY_MANAGED : REGISTRY_OBSERVED;
    return q->from <= q->to || error_set(e, ERROR_BAD_REQUEST_DATA, "endTimeAt must be later than timeAt",
                                         "endTimeAt 必须晚于 timeAt");
}

static bool read_when(struct source_query *q, struct call *c, struct error *e)
{
    struct source_when w = {.relation = request_query_text(c->request, "timerel"),
                            .at = request_query_text(c->request, "timeAt"),
                            .end = request_query_text(c->request, "endTimeAt"),
                            .property = request_query_text(c->request, "timeproperty")};
    return source_query_read_when(&q->query, &w, e);
}

static bool check_width(struct call *c, struct error *e)
{
    static const char *const needed[] = {"type", "attrs", "q", "georel", "pick"};
    for (size_t i = 0; i < G_N_ELEMENTS(needed); i++) {
        if (request_query_text(c->request, needed[i]) != NULL) {
            return true;
        }
    }
    return error_set(e, ERROR_BAD_REQUEST_DATA, "Say what to look for: type, attrs, q or georel",
                     "请说明查找内容：type、attrs、q 或 georel");
}

/* pick names attributes to be had, but for the head of an entity. */
static const char *const *read_pick(struct call *c, struct error *e)
{
    static const char *const head[] = {"id", "type", "scope", NULL};
    const char *pick = request_query_text(c->request, "pick");
    const char *const *names = pick != NULL ? query_names(c->arena, c->ctx, pick, NULL, e) : NULL;
    const char **kept = arena_array(c->arena, const char *, length(names) + 1);
    for (int n = 0; names != NULL && *names != NULL; names++) {
        if (!g_strv_contains(head, *names)) {
            kept[n++] = *names;
        }
    }
    return pick == NULL || names != NULL ? kept : NULL;
}

static bool read_filter(struct source_query *q, struct call *c, struct error *e)
{
    const char *csf = request_query_text(c->request, "csf");
    q->csf = csf != NULL ? source_filter_compile(csf, e) : NULL;
    q->query.csf = q->csf;
    return csf == NULL || q->csf != NULL;
}

/* The one selector that the parameters make. */
static void take_selector(struct source_query *q, struct call *c)
{
    const struct entity_selector *s = q->entities.selectors;
    if (q->entities.selectors_count > 0) {
        q->query.ids = s->ids;
        q->query.ids_count = s->ids_count;
        q->query.type = s->type;
        q->query.id_pattern = request_query_text(c->request, "idPattern");
    }
}

bool source_query_read(struct source_query *q, struct call *c, struct error *e)
{
    struct query_text text = {0};
    struct render datasets = {0};
    bool local;
    if (!check_width(c, e) || !query_read_text(c, &text, &local, e) ||
        !entity_query_compile(&q->entities, c->arena, c->ctx, &text, e) || !read_when(q, c, e) ||
        !read_filter(q, c, e) || !call_datasets(c, request_query(c->request, "datasetId"), &datasets, e)) {
        return false;
    }
    const char *const *picked = read_pick(c, e);
    if (picked == NULL) {
        return false;
    }
    take_selector(q, c);
    q->query.attributes = source_query_attributes(c->arena, &q->entities, picked, &q->query.attributes_count);
    q->query.datasets = datasets.datasets;
    q->query.scope = q->entities.scope;
    q->query.geo = q->entities.geo;
    q->query.geo_property = q->entities.geo_property;
    return true;
}
