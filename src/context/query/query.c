/* SPDX-License-Identifier: Apache-2.0 */
/* Compiling and running queries over entities. */
#include "context/query/query.h"

#include <string.h>

#include "base/limits.h"
#include "context/entity/entity.h"
#include "context/entity/expiry.h"
#include "context/entity/ingest.h"
#include "context/query/plan.h"

void entity_query_clear(struct entity_query *q)
{
    for (int i = 0; i < q->selectors_count; i++) {
        g_clear_pointer(&q->selectors[i].id_pattern, g_regex_unref);
        type_query_free(q->selectors[i].type);
    }
    q_free(q->q);
    scope_query_free(q->scope);
    geo_query_free(q->geo);
    *q = (struct entity_query){0};
}

/* ---- compiling ---- */

static const char *expand_name(void *user, struct arena *a, const char *name)
{
    return ld_expand(user, a, name);
}

static struct expr_names names_of(const struct ld_context *ctx)
{
    return (struct expr_names){expand_name, (void *)ctx};
}

const char *const *query_names(struct arena *a, const struct ld_context *ctx, const char *text, int *count,
                               struct error *e)
{
    g_auto(GStrv) parts = g_strsplit(text, ",", LIMIT_ATTRIBUTES + 1);
    const char **names = arena_array(a, const char *, g_strv_length(parts) + 1);
    int n = 0;
    for (char **part = parts; *part != NULL; part++) {
        const char *copy = arena_strdup(a, g_strstrip(*part));
        names[n] = ingest_name(a, ctx, copy, e);
        if (names[n++] == NULL) {
            return NULL;
        }
    }
    if (count != NULL) {
        *count = n;
    }
    if (n == 0) {
        error_set(e, ERROR_BAD_REQUEST_DATA, "A list of names is empty: give one, or leave the parameter out",
                  "名称列表为空：请至少给出一个名称，或去掉该参数");
        return NULL;
    }
    return names;
}

static bool add_ids(struct entity_selector *s, struct arena *a, const char *text, struct error *e)
{
    g_auto(GStrv) parts = g_strsplit(text, ",", LIMIT_QUERY_IDS + 1);
    const char **ids = arena_array(a, const char *, g_strv_length(parts) + 1);
    for (char **part = parts; *part != NULL; part++) {
        if (s->ids_count == LIMIT_QUERY_IDS) {
            return error_set(e, ERROR_TOO_COMPLEX, "At most %d ids in one query", "一次查询最多 %d 个 id",
                             LIMIT_QUERY_IDS);
        }
        if (!ingest_uri("id", *part, strlen(*part), e)) {
            return false;
        }
        ids[s->ids_count++] = arena_strdup(a, *part);
    }
    s->ids = ids;
    return true;
}

static bool add_pattern(struct entity_selector *s, const char *text, struct error *e)
{
    g_autoptr(GError) why = NULL;
    if (strlen(text) > LIMIT_PATTERN) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "idPattern is longer than %d bytes",
                         "idPattern 超过 %d 字节", LIMIT_PATTERN);
    }
    s->id_pattern = g_regex_new(text, 0, 0, &why);
    return s->id_pattern != NULL ||
           error_set(e, ERROR_BAD_REQUEST_DATA, "idPattern is not a regular expression: %s",
                     "idPattern 不是正则表达式：%s", why->message);
}

bool entity_query_add_selector(struct entity_query *q, struct arena *a, const struct ld_context *ctx,
                               const char *id, const char *id_pattern, const char *type, struct error *e)
{
    if (q->selectors_count == LIMIT_SELECTORS) {
        return error_set(e, ERROR_TOO_COMPLEX, "At most %d entity selectors in one query",
                         "一次查询最多 %d 个实体选择", LIMIT_SELECTORS);
    }
    struct entity_selector *all = arena_array(a, struct entity_selector, q->selectors_count + 1);
    if (q->selectors_count > 0) {
        memcpy(all, q->selectors, (size_t)q->selectors_count * sizeof *all);
    }
    struct entity_selector *s = &all[q->selectors_count];
    q->selectors = all;
    q->selectors_count++;
    if ((id != NULL && !add_ids(s, a, id, e)) || (id_pattern != NULL && !add_pattern(s, id_pattern, e))) {
        return false;
    }
    if (type != NULL) {
        struct expr_names names = names_of(ctx);
        s->type = type_query_compile(type, &names, e);
        s->type_exact = strpbrk(type, "();") == NULL;
        return s->type != NULL;
    }
    return true;
}

static bool compile_geo(struct entity_query *q, struct arena *a, const struct ld_context *ctx,
                        const struct query_text *text, struct error *e)
{
    if (text->georel == NULL || text->geometry == NULL || text->coordinates == NULL) {
        return error_set(e, ERROR_BAD_REQUEST_DATA,
                         "A geo-query needs georel, geometry and coordinates together",
                         "地理查询需要同时给出 georel、geometry 和 coordinates");
    }
    q->geo = geo_query_new(text->georel, text->geometry, text->coordinates, e);
    if (q->geo != NULL && text->geo_property != NULL) {
        q->geo_property = ingest_name(a, ctx, arena_strdup(a, text->geo_property), e);
        return q->geo_property != NULL;
    }
    return q->geo != NULL;
}

/* jsonKeys says that names within a value are not to be expanded: they never are, so it changes nothing. */
static bool compile_q(struct entity_query *q, struct arena *a, const struct ld_context *ctx,
                      const struct query_text *text, struct error *e)
{
    if ((text->expand_values != NULL && query_names(a, ctx, text->expand_values, NULL, e) == NULL) ||
        (text->json_keys != NULL && query_names(a, ctx, text->json_keys, NULL, e) == NULL)) {
        return false;
    }
    if (text->q != NULL) {
        g_auto(GStrv) names =
            text->expand_values != NULL ? g_strsplit(text->expand_values, ",", LIMIT_ATTRIBUTES) : NULL;
        struct q_options options = {
            .names = names_of(ctx), .expand_values = (const char *const *)names, .linked = true};
        q->q = q_compile(text->q, &options, e);
    }
    return text->q == NULL || q->q != NULL;
}

bool entity_query_compile(struct entity_query *q, struct arena *a, const struct ld_context *ctx,
                          const struct query_text *text, struct error *e)
{
    if ((text->id != NULL || text->id_pattern != NULL || text->type != NULL) &&
        !entity_query_add_selector(q, a, ctx, text->id, text->id_pattern, text->type, e)) {
        return false;
    }
    if (!compile_q(q, a, ctx, text, e)) {
        return false;
    }
    if (text->scope != NULL && (q->scope = scope_query_compile(text->scope, e)) == NULL) {
        return false;
    }
    if (text->attrs != NULL && (q->attrs = query_names(a, ctx, text->attrs, &q->attrs_count, e)) == NULL) {
        return false;
    }
    bool geo = text->georel != NULL || text->geometry != NULL || text->coordinates != NULL;
    return !geo || compile_geo(q, a, ctx, text, e);
}

/* ---- one entity ---- */

static bool selector_matches(const struct entity_selector *s, const struct json *entity)
{
    const char *id = json_get_string(entity, "id");
    bool found = s->ids_count == 0;
    for (int i = 0; i < s->ids_count && !found; i++) {
        found = g_strcmp0(s->ids[i], id) == 0;
    }
    return found && (s->id_pattern == NULL || (id != NULL && g_regex_match(s->id_pattern, id, 0, NULL))) &&
           (s->type == NULL || type_query_matches(s->type, json_get(entity, "type")));
}

static bool any_selector_matches(const struct entity_query *q, const struct json *entity)
{
    for (int i = 0; i < q->selectors_count; i++) {
        if (selector_matches(&q->selectors[i], entity)) {
            return true;
        }
    }
    return q->selectors_count == 0;
}

static bool has_attribute(const struct entity_query *q, const struct json *entity)
{
    for (int i = 0; i < q->attrs_count; i++) {
        if (json_get(entity, q->attrs[i]) != NULL) {
            return true;
        }
    }
    return q->attrs == NULL;
}

static bool geo_matches(const struct entity_query *q, const struct json *entity)
{
    if (q->geo == NULL) {
        return true;
    }
    const struct json *attr = json_get(entity, q->geo_property != NULL ? q->geo_property : "location");
    const struct json *i = attr != NULL ? instance_first(attr) : NULL;
    while (i != NULL && !geo_query_matches_json(q->geo, instance_value(i))) {
        i = instance_next(attr, i); /* one that matches is enough (5.7.2.4) */
    }
    return i != NULL;
}

/* Linked entities are read through the same view, into memory that lives as long as one match. */
struct linked {
    struct view *view;
    struct arena *arena;
};

static const struct json *read_linked(void *user, const char *id)
{
    struct linked *l = user;
    return l->view != NULL ? context_get(l->view, l->arena, id) : NULL;
}

static bool q_holds(const struct entity_query *q, const struct json *entity, struct view *v)
{
    if (q->q == NULL) {
        return true;
    }
    arena_auto a = arena_new();
    struct linked linked = {v, a};
    struct q_reader reader = {read_linked, &linked};
    return q_matches(q->q, entity, &reader);
}

bool entity_query_matches(const struct entity_query *q, const struct json *entity, struct view *v)
{
    return any_selector_matches(q, entity) && has_attribute(q, entity) &&
           (q->scope == NULL || scope_query_matches(q->scope, json_get(entity, "scope"))) &&
           geo_matches(q, entity) && q_holds(q, entity, v);
}

/* ---- running over the store ---- */

struct running {
    const struct entity_query *query;
    struct view *view;
    struct query_page *page;
    bool (*each)(void *user, const struct json *entity);
    void *user;
    struct arena *arena; /* of one row */
    bool exact;
    bool stopped; /* each said so */
    struct error *e;
    bool failed;
};

/* What has not expired of an entity; NULL when all of it has, or the text is broken (failed). */
static const struct json *parse_row(struct running *run, const struct store_entity *row)
{
    struct json *entity = NULL;
    arena_clear(run->arena);
    run->failed = !expiry_parse(run->arena, row->body, row->body_length, &entity, run->e);
    return entity;
}

/* Is the next match beyond the page? Then notes that there is more. */
static bool beyond_page(struct query_page *page)
{
    bool beyond = page->limit >= 0 && page->total >= page->offset + page->limit;
    page->more = page->more || beyond;
    return beyond;
}

static bool on_match(struct running *run, const struct store_entity *row, const struct json *entity)
{
    struct query_page *page = run->page;
    bool beyond = beyond_page(page);
    if (page->total++ < page->offset) {
        return true;
    }
    if (beyond) {
        return page->count;
    }
    run->stopped = !(page->text != NULL && page->text(run->user, row)) && !run->each(run->user, entity);
    return !run->stopped;
}

/* Every row matches: the stored text may do. */
static bool on_exact_row(struct running *run, const struct store_entity *row)
{
    struct query_page *page = run->page;
    if (beyond_page(page)) {
        page->total++;
        return page->count;
    }
    if (page->text != NULL && page->text(run->user, row)) {
        page->total++;
        return true;
    }
    const struct json *entity = parse_row(run, row);
    return entity != NULL ? on_match(run, row, entity) : !run->failed;
}

static bool on_row(void *user, const struct store_entity *row)
{
    struct running *run = user;
    if (run->exact) {
        return on_exact_row(run, row);
    }
    const struct json *entity = parse_row(run, row);
    if (entity == NULL || !entity_query_matches(run->query, entity, run->view)) {
        return !run->failed;
    }
    return on_match(run, row, entity);
}

struct skipping {
    int64_t left, last;
};

static bool skip_row(void *user, const struct store_entity *row)
{
    struct skipping *s = user;
    s->last = row->eid;
    return --s->left > 0;
}

/* Where every row matches, those before the page are passed over by their numbers alone. False on a failure.
 */
static bool skip_offset(struct running *run, struct store_query *narrowed, bool *past_end)
{
    struct skipping s = {.left = run->page->offset};
    struct store_query skip = *narrowed;
    skip.plan = NULL;
    if (s.left > 0 && !view_entity_ids(run->view, &skip, skip_row, &s, run->e)) {
        return false;
    }
    *past_end = s.left > 0;
    narrowed->after = s.last;
    run->page->total = run->page->offset - s.left;
    return true;
}

/* How many match, when the indexes can say so. */
static int64_t count_all(struct view *v, const struct store_query *narrowed)
{
    struct store_query all = *narrowed;
    all.after = 0;
    all.plan = NULL;
    if (all.ids_count == 0 && all.types_count <= 1 && all.box == NULL) {
        return view_shape(v, all.types_count == 1 ? all.types[0] : "", "", "");
    }
    return view_entities_count(v, &all);
}

bool entity_query_run(const struct entity_query *q, struct view *v, struct query_page *page,
                      bool (*each)(void *user, const struct json *entity), void *user, struct error *e)
{
    arena_auto a = arena_new();
    arena_auto row = arena_new();
    struct store_query narrowed = {
        .deadline = page->deadline, .estimate = page->estimate, .plan = &page->plan};
    bool exact = plan_narrow(q, v, a, &narrowed) && !view_expired(v, instant_now(), 1, NULL, NULL);
    bool past_end = false;
    bool count_apart = exact && page->count; /* the index counts faster than a walk */
    struct query_page walk = *page;
    struct running run = {q, v, &walk, each, user, row, exact, false, e, false};
    walk.total = 0;
    walk.more = false;
    walk.count = page->count && !count_apart;
    narrowed.wanted = walk.count || page->limit < 0 ? 0 : page->offset + page->limit + 1;
    page->looked = !exact;
    if ((exact && !skip_offset(&run, &narrowed, &past_end)) ||
        (!past_end && (!view_entities(v, &narrowed, on_row, &run, e) || run.failed))) {
        return false;
    }
    page->total = count_apart ? count_all(v, &narrowed) : walk.total;
    page->more = walk.more;
    return true;
}

/* ---- context.h ---- */

static const char *join_types(struct arena *a, const struct context_query *q)
{
    GString *text = g_string_new(NULL);
    for (int i = 0; i < q->types_count; i++) {
        g_string_append_printf(text, "%s%s", i == 0 ? "" : "|", q->types[i]);
    }
    const char *copy = text->len > 0 ? arena_strdup(a, text->str) : NULL;
    g_string_free(text, TRUE);
    return copy;
}

bool context_find(struct view *v, const struct context_query *q,
                  bool (*each)(void *user, const struct json *entity), void *user, struct error *e)
{
    arena_auto a = arena_new();
    entity_query_auto query = {0};
    struct query_text text = {.type = join_types(a, q), .q = q->q, .scope = q->scope};
    if (!entity_query_compile(&query, a, NULL, &text, e)) {
        return false;
    }
    query.box = q->box;
    struct query_page page = {.offset = q->offset, .limit = q->limit > 0 ? q->limit : -1};
    return entity_query_run(&query, v, &page, each, user, e);
}
