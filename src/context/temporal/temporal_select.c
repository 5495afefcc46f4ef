/* SPDX-License-Identifier: Apache-2.0 */
/* Which entities a temporal query is about: the current ones and those that have been deleted. */
#include <string.h>

#include "base/limits.h"
#include "context/entity/entity.h"
#include "context/entity/gone.h"
#include "context/query/order.h"
#include "context/temporal/temporal_job.h"

/* ---- compiling ---- */

static const char *expand_name(void *user, struct arena *a, const char *name)
{
    return ld_expand(user, a, name);
}

/* q without linked entities (5.7.4.4). */
static bool compile_filter(struct temporal_job *j, const char *q, const char *expand_values, struct error *e)
{
    g_auto(GStrv) expanded = expand_values != NULL ? g_strsplit(expand_values, ",", LIMIT_ATTRIBUTES) : NULL;
    struct q_options options = {.expand_values = (const char *const *)expanded};
    options.names = (struct expr_names){expand_name, j->call.ctx};
    if (q == NULL || (j->filter = q_compile(q, &options, e)) != NULL) {
        return true;
    }
    if (e->code == ERROR_NOT_SUPPORTED) {
        e->code = ERROR_BAD_REQUEST_DATA;
    }
    return false;
}

/* A filter of context sources has to be well formed; no context source is asked. */
static bool check_csf(const char *csf, struct error *e)
{
    q_auto parsed = csf != NULL ? q_compile(csf, NULL, e) : NULL;
    return csf == NULL || parsed != NULL;
}

static bool compile(struct temporal_job *j, struct query_text *text, const char *expand_values,
                    struct error *e)
{
    const char *q = text->q;
    text->q = NULL;
    text->attrs = NULL; /* these are for showing */
    if (!compile_filter(j, q, expand_values, e) ||
        !entity_query_compile(&j->selection, j->call.arena, j->call.ctx, text, e)) {
        return false;
    }
    j->geo = g_steal_pointer(&j->selection.geo);
    j->scope = g_steal_pointer(&j->selection.scope);
    return true;
}

static bool too_wide(struct error *e)
{
    return error_set(e, ERROR_BAD_REQUEST_DATA,
                     "Say what to look for: at least one of type, attrs, q, georel, or local=true for all",
                     "请说明查询条件：至少给出 type、attrs、q、georel 之一，或用 local=true 查询全部");
}

static bool take_order(struct temporal_job *j, const char *text, const char *collation, bool local,
                       struct error *e)
{
    struct order_text checked = {.by = "id", .collation = collation};
    order_auto order = collation != NULL ? order_compile(j->call.arena, j->call.ctx, &checked, e) : NULL;
    if (collation != NULL && order == NULL) {
        return false;
    }
    static const struct {
        const char *text;
        int order;
    } orders[] = {{"id", 1}, {"id;asc", 1}, {"id;desc", -1}};
    if (text != NULL && !local) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "orderBy orders local entities only: add local=true",
                         "orderBy 只对本地实体排序：请加上 local=true");
    }
    for (size_t i = 0; text != NULL && i < G_N_ELEMENTS(orders); i++) {
        if (strcmp(orders[i].text, text) == 0) {
            j->order = orders[i].order;
            return true;
        }
    }
    return text == NULL || error_set(e, ERROR_BAD_REQUEST_DATA,
                                     "orderBy=%.60s: histories can be ordered by id, id;asc or id;desc only",
                                     "orderBy=%.60s：历史只能按 id、id;asc 或 id;desc 排序", text);
}

bool temporal_select_parameters(struct temporal_job *j, struct error *e)
{
    struct request *r = j->call.request;
    struct query_text text;
    bool local, split;
    if (!query_read_text(&j->call, &text, &local, e) || !call_flag(&j->call, "splitEntities", &split, e) ||
        !check_csf(request_query(r, "csf"), e)) {
        return false;
    }
    local |= g_strcmp0(text.type, "*") == 0;
    if (!local && text.type == NULL && text.q == NULL && text.georel == NULL && text.attrs == NULL) {
        return too_wide(e);
    }
    return take_order(j, request_query(r, "orderBy"), request_query(r, "collation"), local, e) &&
           compile(j, &text, request_query(r, "expandValues"), e);
}

static const char *text_of(const struct json *body, const char *name)
{
    return json_get_string(body, name);
}

/* The body without what is compiled here. */
static struct json *without_filters(struct arena *a, const struct json *body)
{
    struct json *out = json_object(a);
    for (const struct json *m = json_first(body); m != NULL; m = m->next) {
        if (strcmp(m->key, "q") != 0 && strcmp(m->key, "attrs") != 0) {
            json_append(out, json_alias(a, m));
        }
    }
    return out;
}

static bool selects_all(const struct temporal_job *j)
{
    for (int i = 0; i < j->selection.selectors_count; i++) {
        if (j->selection.selectors[i].type != NULL) {
            return false;
        }
    }
    return true;
}

bool temporal_select_body(struct temporal_job *j, const struct json *body, struct error *e)
{
    struct arena *a = j->call.arena;
    bool local;
    if (!call_flag(&j->call, "local", &local, e) || !check_csf(text_of(body, "csf"), e) ||
        !take_order(j, text_of(json_get(body, "ordering"), "orderBy"),
                    text_of(json_get(body, "ordering"), "collation"), local, e) ||
        !compile_filter(j, text_of(body, "q"), text_of(body, "expandValues"), e) ||
        !query_read_body(&j->selection, a, j->call.ctx, without_filters(a, body), e)) {
        return false;
    }
    j->geo = g_steal_pointer(&j->selection.geo);
    j->scope = g_steal_pointer(&j->selection.scope);
    return local || !selects_all(j) || j->filter != NULL || j->geo != NULL ||
           json_get(body, "attrs") != NULL || too_wide(e);
}

/* ---- running ---- */

static bool matches(const struct temporal_job *j, const struct json *entity)
{
    return entity_query_matches(&j->selection, entity, NULL);
}

struct deleted {
    struct temporal_job *job;
    struct view *view;
    bool (*each)(void *user, const struct json *entity);
    void *user;
    bool stopped;
};

static bool each_deleted(void *user, const struct json *entity)
{
    struct deleted *d = user;
    arena_auto a = arena_new();
    struct store_entity row;
    const char *id = json_get_string(entity, "id");
    if (!matches(d->job, entity) || view_entity(d->view, a, id, &row)) {
        return true; /* not asked for, or there again */
    }
    d->stopped = !d->each(d->user, entity);
    return !d->stopped;
}

struct living {
    bool (*each)(void *user, const struct json *entity);
    void *user;
    bool stopped;
};

static bool each_living(void *user, const struct json *entity)
{
    struct living *l = user;
    l->stopped = !l->each(l->user, entity);
    return !l->stopped;
}

/* The types that the deleted entities must have one of; NULL = any. */
static const char *const *types_of(const struct entity_query *q)
{
    return q->selectors_count == 1 && q->selectors[0].type != NULL
               ? type_query_any_of(q->selectors[0].type, NULL)
               : NULL;
}

bool temporal_select_run(struct temporal_job *j, struct view *v,
                         bool (*each)(void *user, const struct json *entity), void *user, struct error *e)
{
    struct query_page all = {.limit = -1};
    struct living living = {each, user, false};
    struct deleted deleted = {j, v, each, user, false};
    if (!entity_query_run(&j->selection, v, &all, each_living, &living, e)) {
        return false;
    }
    if (!living.stopped) {
        gone_each(v, types_of(&j->selection), each_deleted, &deleted);
    }
    return true;
}

/* ---- against the history ---- */

static bool geo_holds(struct temporal_job *j, const struct json *entity)
{
    const char *name = j->selection.geo_property != NULL ? j->selection.geo_property : "location";
    if (j->geo == NULL) {
        return true;
    }
    for (const struct json *i = json_first(json_get(entity, name)); i != NULL; i = i->next) {
        if (geo_query_matches_json(j->geo, instance_value(i))) {
            return true;
        }
    }
    return false;
}

/* Did the entity have such scopes at any time in the range? */
static bool scope_holds(const struct temporal_job *j, const struct json *entity)
{
    const struct json *all = json_get(entity, "scopes");
    if (j->scope == NULL || all == NULL) {
        return j->scope == NULL || scope_query_matches(j->scope, json_get(entity, "scope"));
    }
    for (const struct json *s = json_first(all); s != NULL; s = s->next) {
        if (scope_query_matches(j->scope, s)) {
            return true;
        }
    }
    return false;
}

bool temporal_select_filters(const struct temporal_job *j)
{
    return j->filter != NULL || j->geo != NULL || j->scope != NULL;
}

bool temporal_select_filter(void *job, const struct json *entity)
{
    struct temporal_job *j = job;
    return (j->filter == NULL || q_matches(j->filter, entity, NULL)) && geo_holds(j, entity) &&
           scope_holds(j, entity);
}
