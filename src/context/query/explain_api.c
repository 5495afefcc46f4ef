/* SPDX-License-Identifier: Apache-2.0 */
/* /api/v1/explain: what a query of entities costs and why; /api/v1/indexes: the indexes of attributes. */
#include <string.h>

#include "base/limits.h"
#include "context/query/plan.h"
#include "context/query/query_api.h"
#include "context/space/space.h"

static struct json *text(struct arena *a, const char *en, const char *zh)
{
    struct json *t = json_object(a);
    json_add(t, "zh", json_string(a, zh));
    json_add(t, "en", json_string(a, en));
    return t;
}

/* ---- the ways ---- */

/* Names, English, Chinese. */
static const char *const paths[][3] = {
    [STORE_BY_ALL] = {"all", "a walk over all entities", "遍历全部实体"},
    [STORE_BY_TYPE] = {"type", "a walk over the entities of the type", "遍历该类型的实体"},
    [STORE_BY_TYPES] = {"types", "a walk over the entities of the types", "遍历这些类型的实体"},
    [STORE_BY_ID] = {"id", "the ids given", "按给定的 id"},
    [STORE_BY_SCOPE] = {"scope", "the index of scopes", "使用范围（scope）索引"},
    [STORE_BY_BOX] = {"place", "the index of places", "使用空间索引"},
    [STORE_BY_VALUE] = {"attribute", "the index of an attribute", "使用属性索引"},
};

struct explaining {
    struct call *call;
    struct entity_query query;
    struct query_page page;
    struct view *view;
    struct q_condition conditions[STORE_VALUES_MOST]; /* what q says of single attributes */
    int conditions_count;
    const char *indexed[STORE_VALUES_MOST]; /* the attributes of the plan's options by value */
    struct store_query narrowed;
    int64_t returned;
};

static bool count_one(void *user, const struct json *entity)
{
    ((struct explaining *)user)->returned++;
    return true;
}

static const char *attribute_of(const struct explaining *x, const struct store_option *o)
{
    return o->path == STORE_BY_VALUE ? x->indexed[o->value] : NULL;
}

/* The store has the conditions that all types have an index for, in the order of the query. */
static void name_indexes(struct explaining *x)
{
    int n = 0;
    for (int i = 0; i < x->conditions_count; i++) {
        bool all = x->narrowed.types_count > 0;
        for (int k = 0; all && k < x->narrowed.types_count; k++) {
            all = view_index_find(x->view, x->narrowed.types[k], x->conditions[i].attribute) != 0;
        }
        if (all) {
            x->indexed[n++] = x->conditions[i].attribute;
        }
    }
}

static struct json *describe_option(struct explaining *x, const struct store_option *o, bool chosen)
{
    struct arena *a = x->call->arena;
    struct json *d = json_object(a);
    const char *attribute = attribute_of(x, o);
    json_add(d, "by", json_string(a, paths[o->path][0]));
    if (attribute != NULL) {
        json_add(d, "attribute", json_string(a, ld_compact(x->call->ctx, a, attribute)));
    }
    json_add(d, "rows", json_int(a, o->rows));
    json_add(d, "atLeast", json_bool(a, !o->counted));
    json_add(d, "chosen", json_bool(a, chosen));
    return d;
}

/* ---- advice ---- */

static void advise(struct explaining *x, struct json *list, const char *en, const char *zh)
{
    json_append(list, text(x->call->arena, en, zh));
}

static const struct store_index_row *find_index(const struct store_index_row *rows, int count,
                                                const char *type, const char *attribute)
{
    for (int i = 0; i < count; i++) {
        if (!rows[i].dropped && strcmp(rows[i].type, type) == 0 &&
            strcmp(rows[i].attribute, attribute) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

static void advise_index(struct explaining *x, struct json *list, const char *type, const char *attribute)
{
    struct arena *a = x->call->arena;
    struct store_index_row *rows;
    int count;
    view_indexes(x->view, a, &rows, &count);
    const struct store_index_row *row = find_index(rows, count, type, attribute);
    if (row == NULL) {
        advise(x, list,
               arena_printf(a, "No index on %s of %s: declare it in a pack, types: %s: indexed: [%s]",
                            attribute, type, type, attribute),
               arena_printf(a, "%s 的 %s 没有索引：可在应用包中声明 types: %s: indexed: [%s]", type,
                            attribute, type, attribute));
    } else if (!row->complete) {
        advise(x, list,
               arena_printf(a, "The index on %s of %s is being built; ask again later", attribute, type),
               arena_printf(a, "%s 的 %s 的索引正在建立，请稍后再试", type, attribute));
    }
}

static void advise_geo(struct explaining *x, struct json *list)
{
    const struct entity_query *q = &x->query;
    if (q->geo == NULL || x->narrowed.box != NULL) {
        return;
    }
    if (q->geo_property != NULL && strcmp(q->geo_property, "location") != 0) {
        advise(x, list,
               "Only \"location\" has an index of places; another geoproperty is looked up in each entity",
               "只有 location 有空间索引；其他 geoproperty 需逐个实体检查");
    } else {
        advise(x, list,
               "disjoint and minDistance are true nearly everywhere, so the index of places cannot help",
               "disjoint 与 minDistance 几乎处处成立，空间索引无法缩小范围");
    }
}

static struct json *advice(struct explaining *x)
{
    struct json *list = json_array(x->call->arena);
    if (x->narrowed.ids_count == 0 && x->narrowed.types_count == 0) {
        advise(x, list, "Name the type: without it no index of types or attributes can be used",
               "请给出 type：否则无法使用类型与属性索引");
    }
    for (int i = 0; i < x->conditions_count; i++) {
        for (int k = 0; k < x->narrowed.types_count; k++) {
            advise_index(x, list, x->narrowed.types[k], x->conditions[i].attribute);
        }
    }
    if (x->query.q != NULL && x->conditions_count == 0) {
        advise(x, list,
               "No part of q can use an index: that takes ==, a range or a comparison with an attribute's "
               "own value, not "
               "under \"|\" with others",
               "q 中没有可用索引的部分：需要对属性自身的值使用 ==、范围或大小比较，且不与其他条件以“|”并列");
    }
    if (x->query.scope != NULL && x->narrowed.scope == NULL) {
        advise(x, list, "This scopeQ has no single beginning, so the index of scopes cannot help",
               "该 scopeQ 没有单一的前缀，范围索引无法缩小结果");
    }
    for (int i = 0; i < x->query.selectors_count; i++) {
        if (x->query.selectors[i].id_pattern != NULL) {
            advise(x, list, "An idPattern is held against each entity; give ids where they are known",
                   "idPattern 需逐个实体匹配；已知 id 时请直接给出");
        }
    }
    advise_geo(x, list);
    if (request_query(x->call->request, "orderBy") != NULL) {
        advise(x, list, "orderBy looks at all that matches, whatever the page",
               "orderBy 需检查全部匹配的实体，与分页无关");
    }
    return list;
}

/* ---- the answer ---- */

static struct json *summary(struct explaining *x, bool scan)
{
    struct arena *a = x->call->arena;
    const struct store_plan *p = &x->page.plan;
    const char *const *path = paths[p->options[p->chosen].path];
    return text(
        a,
        arena_printf(a, "%s: %" G_GINT64_FORMAT " entities examined for %" G_GINT64_FORMAT " in the answer%s",
                     path[1], p->examined, x->returned, scan ? "; a full scan" : ""),
        arena_printf(a, "%s：检查 %" G_GINT64_FORMAT " 个实体，返回 %" G_GINT64_FORMAT " 个%s", path[2],
                     p->examined, x->returned, scan ? "；属于全量扫描" : ""));
}

static struct json *describe(struct explaining *x, gint64 microseconds)
{
    struct arena *a = x->call->arena;
    const struct store_plan *p = &x->page.plan;
    const struct store_option *chosen = &p->options[p->chosen];
    bool walk =
        chosen->path == STORE_BY_ALL || chosen->path == STORE_BY_TYPE || chosen->path == STORE_BY_TYPES;
    bool scan = walk && x->page.looked && p->examined > x->returned;
    struct json *d = json_object(a);
    json_add(d, "summary", summary(x, scan));
    json_add(d, "by", json_string(a, paths[chosen->path][0]));
    if (attribute_of(x, chosen) != NULL) {
        json_add(d, "attribute", json_string(a, ld_compact(x->call->ctx, a, attribute_of(x, chosen))));
    }
    json_add(d, "fullScan", json_bool(a, scan));
    json_add(d, "estimated", json_int(a, chosen->rows));
    json_add(d, "examined", json_int(a, p->examined));
    json_add(d, "matched", json_int(a, x->page.total));
    json_add(d, "matchedAtLeast", json_bool(a, x->page.more && !x->page.count));
    json_add(d, "returned", json_int(a, x->returned));
    json_add(d, "microseconds", json_int(a, microseconds));
    struct json *options = json_add(d, "options", json_array(a));
    for (int i = 0; i < p->count; i++) {
        json_append(options, describe_option(x, &p->options[i], i == p->chosen));
    }
    json_add(d, "advice", scan || !chosen->counted ? advice(x) : json_array(a));
    return d;
}

static bool run(struct explaining *x, struct error *e)
{
    struct call *c = x->call;
    x->page.estimate = true;
    x->page.deadline = plan_deadline();
    if (request_query(c->request, "orderBy") != NULL) {
        x->page.offset = 0;
        x->page.limit = -1;
    }
    view_auto v = view_begin(c->space->store);
    x->view = v;
    gint64 start = g_get_monotonic_time();
    if (!entity_query_run(&x->query, v, &x->page, count_one, x, e)) {
        return false;
    }
    gint64 took = g_get_monotonic_time() - start;
    plan_narrow(&x->query, v, c->arena, &x->narrowed);
    if (x->query.q != NULL) {
        x->conditions_count = q_conditions(x->query.q, c->arena, x->conditions, STORE_VALUES_MOST);
    }
    name_indexes(x);
    reply_json(c->request, 200, describe(x, took));
    return true;
}

static bool explain(struct call *c, struct error *e)
{
    struct explaining x = {.call = c};
    struct query_text text_ = {0};
    bool local;
    bool ok = query_read_text(c, &text_, &local, e) && query_read_page(c, &x.page, e) &&
              entity_query_compile(&x.query, c->arena, c->ctx, &text_, e) && run(&x, e);
    entity_query_clear(&x.query);
    return ok;
}

/* ---- the list of indexes ---- */

static double progress(const struct store_index_row *row, int64_t newest)
{
    return row->complete ? 1 : newest > 0 ? CLAMP((double)row->built / (double)newest, 0, 1) : 0;
}

static bool list_indexes(struct call *c, struct error *e)
{
    struct arena *a = c->arena;
    struct json *body = json_object(a);
    struct json *items = json_add(body, "items", json_array(a));
    struct store_index_row *rows;
    int count;
    view_auto v = view_begin(c->space->store);
    int64_t newest = view_entity_newest(v);
    view_indexes(v, a, &rows, &count);
    for (int i = 0; i < count; i++) {
        struct json *d = json_append(items, json_object(a));
        json_add(d, "type", json_string(a, rows[i].type));
        json_add(d, "attribute", json_string(a, rows[i].attribute));
        json_add(d, "state",
                 json_string(a, rows[i].complete  ? "complete"
                                : rows[i].dropped ? "dropping"
                                                  : "building"));
        json_add(d, "progress", json_double(a, progress(&rows[i], newest)));
    }
    reply_json(c->request, 200, body);
    return true;
}

/* ---- operations ---- */

static void serve_explain(struct request *r)
{
    static const char *const options[] = {"normalized", "concise", "simplified", "keyValues",
                                          "sysAttrs",   "count",   NULL};
    static const struct operation o = {explain, entity_query_parameters, options, true};
    call_serve(r, &o);
}

static void serve_indexes(struct request *r)
{
    static const char *const parameters[] = {NULL};
    static const struct operation o = {list_indexes, parameters, NULL, false};
    call_serve(r, &o);
}

const struct route explain_routes[] = {
    {"GET", "/api/v1/explain", "", serve_explain,
     "Run a query of entities (same parameters as GET /ngsi-ld/v1/entities) and say what it cost and what "
     "would make "
     "it quicker",
     "执行一次实体查询（参数同 GET /ngsi-ld/v1/entities），说明其开销与改进办法", 0},
    {"GET", "/api/v1/indexes", "", serve_indexes,
     "The indexes of attributes that packs declare, and how far they are built",
     "应用包声明的属性索引及其建立进度", 0},
    {NULL, NULL, NULL, NULL, NULL, NULL, 0},
};
