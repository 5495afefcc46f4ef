/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of entities: what is asked for by parameters or by a body, and how the answer is put together. */
#include "context/query/query_api.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "base/limits.h"
#include "context/entity/entity.h"
#include "context/entity/ingest.h"
#include "context/query/answer.h"
#include "context/query/order.h"
#include "context/query/plan.h"
#include "context/sources/distributed.h"

const char *const entity_query_parameters[] = {"id",
                                               "idPattern",
                                               "type",
                                               "q",
                                               "georel",
                                               "geometry",
                                               "coordinates",
                                               "geoproperty",
                                               "scopeQ",
                                               "datasetId",
                                               "attrs",
                                               "pick",
                                               "omit",
                                               "limit",
                                               "offset",
                                               "count",
                                               "options",
                                               "format",
                                               "lang",
                                               "local",
                                               "geometryProperty",
                                               "join",
                                               "joinLevel",
                                               "containedBy",
                                               "orderBy",
                                               "orderFrom",
                                               "orderGeometry",
                                               "collation",
                                               "csf",
                                               "splitEntities",
                                               "entityMap",
                                               "entityMapLifetime",
                                               "expandValues",
                                               "jsonKeys",
                                               NULL};

/* ---- pages ---- */

bool query_read_page(struct call *c, struct query_page *page, struct error *e)
{
    bool count;
    if (!request_query_int(c->request, "limit", 0, INT32_MAX, LIMIT_PAGE_DEFAULT, &page->limit, e) ||
        !request_query_int(c->request, "offset", 0, INT64_MAX / 2, 0, &page->offset, e) ||
        !call_flag(c, "count", &count, e)) {
        return false;
    }
    page->count = count || (c->options & CALL_COUNT) != 0;
    if (page->limit > LIMIT_PAGE) {
        return error_set(e, ERROR_TOO_MANY_RESULTS,
                         "A page has at most %d results; follow the Link to the next one",
                         "每页最多 %d 条结果，请按 Link 头读取下一页", LIMIT_PAGE);
    }
    return page->limit > 0 || page->count ||
           error_set(e, ERROR_BAD_REQUEST_DATA, "limit=0 makes sense with count=true only",
                     "limit=0 只能与 count=true 一起使用");
}

struct link {
    GString *text;
    int64_t offset;
    bool first;
};

static bool add_parameter(void *user, const char *name, const char *value)
{
    struct link *l = user;
    if (strcmp(name, "offset") != 0) {
        g_autofree char *escaped = g_uri_escape_string(value, NULL, FALSE);
        g_string_append_printf(l->text, "%c%s=%s", l->first ? '?' : '&', name, escaped);
        l->first = false;
    }
    return true;
}

static void add_link(struct call *c, GString *links, const char *relation, int64_t offset)
{
    struct link l = {links, offset, true};
    g_string_append_printf(links, "%s<%s", links->len > 0 ? ", " : "", request_path(c->request));
    request_each_query(c->request, add_parameter, &l);
    g_string_append_printf(links, "%coffset=%" PRId64 ">; rel=\"%s\"; type=\"%s\"", l.first ? '?' : '&',
                           offset, relation, call_media_type(c));
}

const char *query_page_links(struct call *c, const struct query_page *page)
{
    g_autoptr(GString) links = g_string_new(NULL);
    if (page->offset > 0 && page->limit > 0) {
        add_link(c, links, "prev", MAX(0, page->offset - page->limit));
    }
    if (page->more && page->limit > 0) {
        add_link(c, links, "next", page->offset + page->limit);
    }
    return links->len > 0 ? arena_strdup(c->arena, links->str) : NULL;
}

/* ---- the answer ---- */

struct ordering {
    struct order *order;
    struct error *e;
    bool failed;
};

static bool take_ordered(void *user, const struct json *entity)
{
    struct ordering *o = user;
    o->failed = !order_take(o->order, entity, o->e);
    return !o->failed;
}

/* Walks over all that matches, keeps the first, and answers with those of the page. */
static bool run_ordered(const struct entity_query *query, struct order *order, struct view *v,
                        struct query_page *page, struct answer *answer, struct error *e)
{
    struct query_page all = {.limit = -1, .deadline = page->deadline};
    struct ordering ordering = {order, e, false};
    int64_t end = page->limit > 0 ? page->offset + page->limit : 0;
    if (!order_want(order, end, e) || !entity_query_run(query, v, &all, take_ordered, &ordering, e) ||
        ordering.failed) {
        return false;
    }
    int64_t count;
    const char *const *ids = order_ids(order, &count);
    arena_auto a = arena_new();
    for (int64_t i = page->offset; i < count; i++) {
        arena_clear(a);
        const struct json *entity = context_get(v, a, ids[i]);
        if (entity != NULL && !answer_entity(answer, entity)) {
            return false;
        }
    }
    page->plan = all.plan;
    page->looked = true;
    page->total = all.total;
    page->more = all.total > page->offset + page->limit;
    return true;
}

/* What is asked for, compiled. */
struct asked {
    struct query_text text; /* as it was written */
    struct entity_query query;
    struct order *order; /* or NULL */
    struct render render;
    struct join_text join;
    bool map_only; /* an entity map is wanted instead of the entities (5.14.4) */
};

static void asked_clear(struct asked *q)
{
    entity_query_clear(&q->query);
    order_free(q->order);
}
typedef struct asked asked_auto_target;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(asked_auto_target, asked_clear)
#define asked_auto g_auto(asked_auto_target)

static bool run_query(struct asked *q, struct view *v, struct query_page *page, struct answer *answer,
                      struct error *e)
{
    if (q->order != NULL) {
        return run_ordered(&q->query, q->order, v, page, answer, e);
    }
    return entity_query_run(&q->query, v, page, answer_entity, answer, e) && !answer->failed;
}

static bool answer_query(struct call *c, struct asked *q, struct error *e)
{
    struct query_page page = {0};
    answer_auto answer = {0};
    bool spread = g_strcmp0(q->text.type, "*") != 0 && !distributed_read_is_local(c);
    if (q->map_only || (q->order == NULL && spread)) {
        return distributed_query(
            c, &(struct distributed_query){&q->query, &q->text, &q->render, &q->join, q->map_only}, e);
    }
    if (!answer_init(&answer, c, &q->join, &q->render, e) || !query_read_page(c, &page, e) ||
        !join_reaches(&answer.join, q->query.q != NULL ? q_depth(q->query.q) : 0, "q", e)) {
        return false;
    }
    if (q->order != NULL) {
        order_language(q->order, q->render.lang);
    }
    page.deadline = plan_deadline();
    page.text = answer_text;
    view_auto v = view_begin(c->space->store);
    answer_begin(&answer, v, true);
    if (!run_query(q, v, &page, &answer, e)) {
        return false;
    }
    if (page.count) {
        reply_header(c->request, "NGSILD-Results-Count", arena_printf(c->arena, "%" PRId64, page.total));
    }
    if (plan_is_scan(&page, answer.count)) {
        reply_header(c->request, "Zhongshu-Plan", plan_header(c->arena, &page, answer.count));
    }
    return answer_reply(&answer, query_page_links(c, &page));
}

/* ---- by parameters ---- */

static const struct json *query_coordinates(struct arena *a, const char *name, const char *text,
                                            struct error *e)
{
    struct error broken = {0};
    const struct json *value = json_parse(a, text, strlen(text), &broken);
    if (!json_is(value, JSON_ARRAY)) {
        error_set(e, ERROR_BAD_REQUEST_DATA, "%s must be a JSON array such as [106.55,29.56]",
                  "%s 必须是 JSON 数组，如 [106.55,29.56]", name);
        return NULL;
    }
    return value;
}

/* Ordering is for what this hub holds itself (4.23.1): the request must say so. */
static bool compile_order(struct call *c, const struct order_text *text, bool local, struct order **order,
                          struct error *e)
{
    if (text->by == NULL) {
        return (text->collation == NULL && text->from == NULL && text->geometry == NULL) ||
               error_set(e, ERROR_BAD_REQUEST_DATA,
                         "collation, orderFrom and orderGeometry need orderBy beside them",
                         "collation、orderFrom、orderGeometry 需与 orderBy 一起使用");
    }
    if (!local) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "orderBy orders local entities only: add local=true",
                         "orderBy 只对本地实体排序：请加上 local=true");
    }
    *order = order_compile(c->arena, c->ctx, text, e);
    return *order != NULL;
}

static bool order_parameters(struct call *c, bool local, struct order **order, struct error *e)
{
    struct request *r = c->request;
    const char *from = request_query(r, "orderFrom");
    struct order_text text = {.by = request_query(r, "orderBy"),
                              .collation = request_query(r, "collation"),
                              .geometry = request_query(r, "orderGeometry")};
    return (from == NULL || (text.from = query_coordinates(c->arena, "orderFrom", from, e)) != NULL) &&
           compile_order(c, &text, local, order, e);
}

bool query_read_text(struct call *c, struct query_text *text, bool *local, struct error *e)
{
    struct request *r = c->request;
    const char *coordinates = request_query(r, "coordinates");
    *text = (struct query_text){.id = request_query(r, "id"),
                                .id_pattern = request_query(r, "idPattern"),
                                .type = request_query(r, "type"),
                                .q = request_query(r, "q"),
                                .scope = request_query(r, "scopeQ"),
                                .georel = request_query(r, "georel"),
                                .geometry = request_query(r, "geometry"),
                                .geo_property = request_query(r, "geoproperty"),
                                .attrs = request_query(r, "attrs"),
                                .expand_values = request_query(r, "expandValues"),
                                .json_keys = request_query(r, "jsonKeys")};
    bool everything = g_strcmp0(text->type, "*") == 0;
    if (everything && g_strcmp0(request_query(r, "local"), "false") == 0) {
        return error_set(e, ERROR_BAD_REQUEST_DATA,
                         "type=* is about local entities only: leave local=false out",
                         "type=* 只针对本地实体：请去掉 local=false");
    }
    return call_flag(c, "local", local, e) &&
           (coordinates == NULL ||
            (text->coordinates = query_coordinates(c->arena, "coordinates", coordinates, e)) != NULL);
}

static bool is_data(const char *name)
{
    const struct json member = {.key = name, .key_length = (uint32_t)strlen(name)};
    return entity_is_attribute(&member);
}

/* Does q or attrs name an attribute other than the hub's own? */
static bool names_data(const struct entity_query *q)
{
    for (int i = 0; i < q->attrs_count; i++) {
        if (is_data(q->attrs[i])) {
            return true;
        }
    }
    for (const char *const *name = q->q != NULL ? q_attributes(q->q) : NULL; name != NULL && *name != NULL;
         name++) {
        if (is_data(*name)) {
            return true;
        }
    }
    return false;
}

static bool too_wide(struct error *e)
{
    return error_set(
        e, ERROR_BAD_REQUEST_DATA,
        "Say what to look for: at least one of type, attrs, q, georel, scopeQ, id, or local=true for all",
        "请说明查询条件：至少给出 type、attrs、q、georel、scopeQ、id 之一，或用 local=true 查询全部");
}

static bool query_by_parameters(struct call *c, bool map_only, struct error *e)
{
    asked_auto q = {.map_only = map_only};
    bool local;
    if (!query_read_text(c, &q.text, &local, e) || !call_render(c, &q.render, e) ||
        !order_parameters(c, local || g_strcmp0(q.text.type, "*") == 0, &q.order, e) ||
        !answer_join_parameters(c, &q.join, e)) {
        return false;
    }
    bool narrow =
        local || q.text.id != NULL || q.text.type != NULL || q.text.georel != NULL || q.text.scope != NULL;
    return entity_query_compile(&q.query, c->arena, c->ctx, &q.text, e) &&
           (narrow || names_data(&q.query) || too_wide(e)) && answer_query(c, &q, e);
}

bool query_entities(struct call *c, struct error *e)
{
    return query_by_parameters(c, false, e);
}

bool query_entity_map(struct call *c, struct error *e)
{
    return query_by_parameters(c, true, e);
}

/* ---- by a body ---- */

static const char *joined(struct arena *a, const struct json *value)
{
    if (!json_is(value, JSON_ARRAY)) {
        return json_is(value, JSON_STRING) ? value->string : NULL;
    }
    g_autoptr(GString) text = g_string_new(NULL);
    for (const struct json *c = value->first; c != NULL; c = c->next) {
        if (c->type != JSON_STRING) {
            return NULL;
        }
        g_string_append_printf(text, "%s%s", c == value->first ? "" : ",", c->string);
    }
    return text->len > 0 ? arena_strdup(a, text->str) : NULL;
}

/* A member that must be a text, or an array of texts (which is joined by commas). */
static bool text_member(struct arena *a, const struct json *object, const char *name, const char **out,
                        struct error *e)
{
    const struct json *value = json_get(object, name);
    *out = value != NULL ? joined(a, value) : NULL;
    return value == NULL || *out != NULL ||
           error_set(e, ERROR_BAD_REQUEST_DATA, "\"%s\" must be a text or a list of texts, not empty",
                     "“%s”必须是文本或非空的文本数组", name);
}

static bool read_selectors(struct entity_query *q, struct arena *a, const struct ld_context *ctx,
                           const struct json *entities, struct error *e)
{
    if (entities == NULL) {
        return true;
    }
    if (entities->type != JSON_ARRAY || entities->first == NULL) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "\"entities\" must be a list that is not empty",
                         "“entities”必须是非空数组");
    }
    for (const struct json *s = entities->first; s != NULL; s = s->next) {
        const char *id, *pattern, *type;
        if (!text_member(a, s, "id", &id, e) || !text_member(a, s, "idPattern", &pattern, e) ||
            !text_member(a, s, "type", &type, e)) {
            return false;
        }
        if (type == NULL && id == NULL && pattern == NULL) {
            return error_set(e, ERROR_BAD_REQUEST_DATA,
                             "Each of \"entities\" needs a type, an id or an idPattern",
                             "“entities”的每一项都需要 type、id 或 idPattern");
        }
        if (!entity_query_add_selector(q, a, ctx, id, pattern, type, e)) {
            return false;
        }
    }
    return true;
}

static bool read_geo(struct arena *a, const struct json *geo, struct query_text *text, struct error *e)
{
    if (geo == NULL) {
        return true;
    }
    const struct json *coordinates = json_get(geo, "coordinates");
    if (json_is(coordinates, JSON_STRING)) {
        coordinates = query_coordinates(a, "coordinates", coordinates->string, e);
        if (coordinates == NULL) {
            return false;
        }
    }
    text->coordinates = coordinates;
    return text_member(a, geo, "georel", &text->georel, e) &&
           text_member(a, geo, "geometry", &text->geometry, e) &&
           text_member(a, geo, "geoproperty", &text->geo_property, e) &&
           (text->georel != NULL ||
            error_set(e, ERROR_BAD_REQUEST_DATA, "geoQ needs georel, geometry and coordinates",
                      "geoQ 需要 georel、geometry 和 coordinates"));
}

bool query_read_body_text(struct entity_query *q, struct arena *a, const struct ld_context *ctx,
                          const struct json *body, struct query_text *text, struct error *e)
{
    *text = (struct query_text){0};
    return read_selectors(q, a, ctx, json_get(body, "entities"), e) &&
           text_member(a, body, "q", &text->q, e) && text_member(a, body, "scopeQ", &text->scope, e) &&
           text_member(a, body, "attrs", &text->attrs, e) &&
           text_member(a, body, "expandValues", &text->expand_values, e) &&
           text_member(a, body, "jsonKeys", &text->json_keys, e) &&
           read_geo(a, json_get(body, "geoQ"), text, e) && entity_query_compile(q, a, ctx, text, e);
}

bool query_read_body(struct entity_query *q, struct arena *a, const struct ld_context *ctx,
                     const struct json *body, struct error *e)
{
    struct query_text text;
    return query_read_body_text(q, a, ctx, body, &text, e);
}

bool query_read_projection(struct call *c, const struct json *body, struct render *render, struct error *e)
{
    const char *pick, *omit, *attrs, *datasets, *lang;
    struct arena *a = c->arena;
    if (!text_member(a, body, "pick", &pick, e) || !text_member(a, body, "omit", &omit, e) ||
        !text_member(a, body, "attrs", &attrs, e)) {
        return false;
    }
    if (!text_member(a, body, "lang", &lang, e) || (lang != NULL && !render_language_check(lang, e))) {
        return false;
    }
    render->lang = lang != NULL ? lang : render->lang;
    if (!call_omission(c, omit, render, e) || !text_member(a, body, "datasetId", &datasets, e) ||
        !call_datasets(c, datasets, render, e)) {
        return false;
    }
    return call_projection(c, pick, attrs, render, e);
}

bool query_check_members(const struct json *body, const char *const *known, struct error *e)
{
    if (body->type != JSON_OBJECT || !json_streq(json_get(body, "type"), "Query")) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "The body must be an object with \"type\": \"Query\"",
                         "正文必须是带 \"type\": \"Query\" 的对象");
    }
    for (const struct json *m = body->first; m != NULL; m = m->next) {
        if (!g_strv_contains(known, m->key)) {
            return error_set(e, ERROR_BAD_REQUEST_DATA, "\"%.60s\" is not a member of a Query here",
                             "此处的 Query 没有成员“%.60s”", m->key);
        }
    }
    return true;
}

static bool check_members(const struct json *body, struct error *e)
{
    static const char *const known[] = {"type",      "entities",    "q",         "geoQ",         "scopeQ",
                                        "attrs",     "pick",        "omit",      "lang",         "join",
                                        "joinLevel", "containedBy", "datasetId", "expandValues", "jsonKeys",
                                        "ordering",  "@context",    NULL};
    return query_check_members(body, known, e);
}

/* The member "ordering" (5.2.43). */
struct order_body {
    const struct json *by, *from;
    const char *collation, *geometry;
};

static bool body_order(struct call *c, const struct json *ordering, bool local, struct order **order,
                       struct error *e)
{
    static const struct json_field fields[] = {
        {"orderBy", FIELD_ANY, offsetof(struct order_body, by), true},
        {"collation", FIELD_STRING, offsetof(struct order_body, collation), false},
        {"geometry", FIELD_STRING, offsetof(struct order_body, geometry), false},
        {"coordinates", FIELD_ARRAY, offsetof(struct order_body, from), false},
        {NULL, FIELD_ANY, 0, false},
    };
    struct order_body body = {0};
    struct order_text text = {0};
    if (ordering == NULL) {
        return true;
    }
    if (!json_read(ordering, fields, &body, false, e) ||
        !text_member(c->arena, ordering, "orderBy", &text.by, e)) {
        return false;
    }
    text.from = body.from;
    text.collation = body.collation;
    text.geometry = body.geometry;
    return compile_order(c, &text, local, order, e);
}

/* join, joinLevel and containedBy of the body (5.2.23). */
static bool body_join(struct call *c, const struct json *body, struct join_text *join, struct error *e)
{
    const struct json *level = json_get(body, "joinLevel");
    if (level != NULL && (level->type != JSON_INT || level->integer < 1)) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "\"joinLevel\" must be a positive integer",
                         "“joinLevel”必须是正整数");
    }
    join->level = level != NULL ? level->integer : 0;
    return text_member(c->arena, body, "join", &join->kind, e) &&
           text_member(c->arena, body, "containedBy", &join->contained_by, e);
}

static bool query_with_body(struct call *c, bool map_only, struct error *e)
{
    asked_auto q = {.map_only = map_only};
    bool local;
    const struct json *body = call_flag(c, "local", &local, e) ? call_body(c, e) : NULL;
    if (body == NULL || !check_members(body, e) || !call_render(c, &q.render, e) ||
        !query_read_projection(c, body, &q.render, e) ||
        !query_read_body_text(&q.query, c->arena, c->ctx, body, &q.text, e) ||
        !body_order(c, json_get(body, "ordering"), local, &q.order, e) || !body_join(c, body, &q.join, e)) {
        return false;
    }
    bool narrow = local || q.query.selectors_count > 0 || q.query.geo != NULL || q.query.scope != NULL;
    return (narrow || names_data(&q.query) || too_wide(e)) && answer_query(c, &q, e);
}

bool query_by_body(struct call *c, struct error *e)
{
    return query_with_body(c, false, e);
}

bool query_entity_map_by_body(struct call *c, struct error *e)
{
    return query_with_body(c, true, e);
}
