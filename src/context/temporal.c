/* SPDX-License-Identifier: Apache-2.0 */
/* /ngsi-ld/v1/temporal: routes and handlers. Histories are read on threads of their own, while the request
 * sleeps. */
#include "context/temporal.h"

#include <inttypes.h>
#include <string.h>

#include "base/limits.h"
#include "context/entity.h"
#include "context/query_api.h"
#include "context/temporal_query.h"
#include "context/temporal_write.h"

enum { THREADS = 4 };

static GThreadPool *pool;

/* One request on its way through the pool. */
struct temporal_job {
    struct call call;                                      /* with a reference to its context */
    bool (*work)(struct temporal_job *j, struct error *e); /* replies, or fails */
    const char *id;
    const char *attribute, *dataset; /* for deleting */
    struct temporal_query q;
    struct entity_query selection; /* which entities, by what is current */
    struct q *filter;              /* held against the history */
    struct geo_query *geo;
    struct query_page page;
};

static void job_free(struct temporal_job *j)
{
    entity_query_clear(&j->selection);
    q_free(j->filter);
    geo_query_free(j->geo);
    ld_context_unref(j->call.ctx);
    space_unref(j->call.space);
}

static void run_job(void *data, void *unused)
{
    struct temporal_job *j = data;
    struct request *r = j->call.request;
    struct error e = {0};
    if (!j->work(j, &e)) {
        reply_error(r, &e);
    }
    job_free(j);
    request_resume(r);
}

static struct temporal_job *job_new(struct call *c, bool (*work)(struct temporal_job *j, struct error *e))
{
    struct temporal_job *j = arena_new0(c->arena, struct temporal_job);
    j->call = *c;
    j->call.ctx = ld_context_ref(c->ctx);
    j->call.space = space_ref(c->space);
    j->work = work;
    return j;
}

static void job_submit(struct temporal_job *j)
{
    request_suspend(j->call.request);
    g_thread_pool_push(pool, j, NULL);
}

/* ---- answers ---- */

static const struct json *head_of(struct arena *a, const struct json *entity)
{
    struct json *head = json_object(a);
    static const char *const names[] = {"type", "scope"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        const struct json *value = json_get(entity, names[i]);
        if (value != NULL) {
            json_add(head, names[i], json_copy(a, value));
        }
    }
    return head;
}

static void answer(struct temporal_job *j, struct temporal_set *s, bool array, const char *links)
{
    GString *out = g_string_sized_new(4096);
    if (s->cut) {
        reply_header(j->call.request, "Content-Range", temporal_content_range(s));
    }
    g_string_append(out, array ? "[" : "");
    for (guint i = 0; i < s->entities->len; i++) {
        g_string_append(out, i > 0 ? "," : "");
        temporal_render(out, g_ptr_array_index(s->entities, i), &j->q);
    }
    g_string_append(out, array ? "]" : "");
    call_reply(&j->call, s->cut ? 206 : 200, out, links);
}

/* ---- one entity ---- */

static bool has_history(struct store *store, const char *id, bool *has, struct error *e)
{
    arena_auto a = arena_new();
    struct history_series *series;
    int count = 0;
    bool ok = store_history_list(store, a, id, &series, &count, e);
    *has = count > 0;
    return ok;
}

static bool refuse_unknown(const char *id, struct error *e)
{
    return error_set(e, ERROR_NOT_FOUND, "There is no entity %.200s and no history of it",
                     "没有实体 %.200s，也没有它的历史", id);
}

static bool work_retrieve(struct temporal_job *j, struct error *e)
{
    struct arena *a = j->call.arena;
    struct temporal_set s;
    bool found, known;
    view_auto v = view_begin(j->call.space->store);
    const struct json *entity = context_get(v, a, j->id);
    const struct json *head = entity != NULL ? head_of(a, entity) : NULL;
    if (entity == NULL &&
        !(has_history(j->call.space->store, j->id, &known, e) && (known || refuse_unknown(j->id, e)))) {
        return false;
    }
    temporal_set_init(&s, a, &j->q);
    bool ok = temporal_set_read(&s, j->id, head, true, NULL, NULL, &found, e);
    if (ok) {
        if (!found) {
            struct temporal_entity *empty = arena_new0(a, struct temporal_entity);
            *empty = (struct temporal_entity){.id = j->id, .head = head};
            g_ptr_array_add(s.entities, empty);
        }
        temporal_set_finish(&s);
        answer(j, &s, false, NULL);
    }
    temporal_set_clear(&s);
    return ok;
}

static bool retrieve(struct call *c, struct error *e)
{
    struct temporal_query q;
    const char *id = call_id(c, e);
    if (id == NULL || !temporal_query_read(&q, c, false, e)) {
        return false;
    }
    if (c->accept == MEDIA_CSV) {
        return temporal_csv(c, &q, id, e);
    }
    struct temporal_job *j = job_new(c, work_retrieve);
    j->id = id;
    j->q = q;
    job_submit(j);
    return true;
}

/* ---- many entities ---- */

struct search {
    struct temporal_job *job;
    struct temporal_set set;
    int64_t matched;
    struct error *e;
    bool failed;
};

/* Does some instance in the range satisfy the geo-query? */
static bool geo_holds(struct temporal_job *j, const struct json *entity)
{
    const char *name = j->selection.geo_property != NULL ? j->selection.geo_property : "location";
    for (const struct json *i = json_first(json_get(entity, name)); i != NULL; i = i->next) {
        if (geo_query_matches_json(j->geo, instance_value(i))) {
            return true;
        }
    }
    return j->geo == NULL;
}

static bool filter(void *user, const struct json *entity)
{
    struct temporal_job *j = user;
    return (j->filter == NULL || q_matches(j->filter, entity, NULL)) && geo_holds(j, entity);
}

static bool search_entity(void *user, const struct json *entity)
{
    struct search *s = user;
    struct temporal_job *j = s->job;
    struct query_page *page = &j->page;
    bool found;
    bool on_page = s->matched >= page->offset && s->matched < page->offset + page->limit;
    bool filtered = j->filter != NULL || j->geo != NULL;
    if (!temporal_set_read(&s->set, json_get_string(entity, "id"),
                           on_page ? head_of(j->call.arena, entity) : NULL, on_page, filtered ? filter : NULL,
                           j, &found, s->e)) {
        s->failed = true;
        return false;
    }
    s->matched += found;
    page->more = s->matched > page->offset + page->limit;
    return page->count || !page->more;
}

static bool work_query(struct temporal_job *j, struct error *e)
{
    struct search s = {.job = j, .e = e};
    struct query_page all = {.limit = -1};
    temporal_set_init(&s.set, j->call.arena, &j->q);
    view_auto v = view_begin(j->call.space->store);
    bool ok = entity_query_run(&j->selection, v, &all, search_entity, &s, e) && !s.failed;
    if (ok) {
        temporal_set_finish(&s.set);
        if (j->page.count) {
            reply_header(j->call.request, "NGSILD-Results-Count",
                         arena_printf(j->call.arena, "%" PRId64, s.matched));
        }
        answer(j, &s.set, true, query_page_links(&j->call, &j->page));
    }
    temporal_set_clear(&s.set);
    return ok;
}

static bool read_selection(struct temporal_job *j, struct error *e)
{
    struct request *r = j->call.request;
    struct query_text text;
    bool local;
    if (!query_read_text(&j->call, &text, &local, e)) {
        return false;
    }
    text.attrs = NULL; /* these are for showing */
    bool attributes = request_query(r, "attrs") != NULL || request_query(r, "pick") != NULL;
    if (!local && text.id == NULL && text.type == NULL && text.q == NULL && text.georel == NULL &&
        !attributes) {
        return error_set(
            e, ERROR_BAD_REQUEST_DATA,
            "Say what to look for: at least one of type, attrs, q, georel, id, or local=true for all",
            "请说明查询条件：至少给出 type、attrs、q、georel、id 之一，或用 local=true 查询全部");
    }
    if (!entity_query_compile(&j->selection, j->call.arena, j->call.ctx, &text, e)) {
        return false;
    }
    j->filter = g_steal_pointer(&j->selection.q);
    j->geo = g_steal_pointer(&j->selection.geo);
    return true;
}

static bool query(struct call *c, struct error *e)
{
    struct temporal_job *j = job_new(c, work_query);
    if (!temporal_query_read(&j->q, c, true, e) || !query_read_page(c, &j->page, e) ||
        !read_selection(j, e)) {
        job_free(j);
        return false;
    }
    job_submit(j);
    return true;
}

/* ---- deleting ---- */

static bool work_delete(struct temporal_job *j, struct error *e)
{
    bool known;
    if (!has_history(j->call.space->store, j->id, &known, e)) {
        return false;
    }
    if (!known) {
        return error_set(e, ERROR_NOT_FOUND, "There is no history of %.200s", "没有 %.200s 的历史", j->id);
    }
    if (!store_history_delete(j->call.space->store, j->id, j->attribute, j->dataset, e)) {
        return false;
    }
    reply_empty(j->call.request, 204);
    return true;
}

static bool delete_entity(struct call *c, struct error *e)
{
    const char *id = call_id(c, e);
    if (id == NULL) {
        return false;
    }
    struct temporal_job *j = job_new(c, work_delete);
    j->id = id;
    job_submit(j);
    return true;
}

/* Deletes every dataset's series of an attribute. */
static bool work_delete_all(struct temporal_job *j, struct error *e)
{
    struct history_series *series;
    int count;
    bool any = false;
    if (!store_history_list(j->call.space->store, j->call.arena, j->id, &series, &count, e)) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        bool mine = strcmp(series[i].attribute, j->attribute) == 0 &&
                    (j->dataset == NULL || strcmp(series[i].dataset, j->dataset) == 0);
        any |= mine;
        if (mine && !store_history_delete(j->call.space->store, j->id, j->attribute, series[i].dataset, e)) {
            return false;
        }
    }
    if (!any) {
        return error_set(e, ERROR_NOT_FOUND, "There is no history of %.200s of %.200s",
                         "没有 %2$.200s 的属性 %1$.200s 的历史", j->attribute, j->id);
    }
    reply_empty(j->call.request, 204);
    return true;
}

static bool delete_attribute(struct call *c, struct error *e)
{
    bool all;
    const char *id = call_id(c, e);
    const char *attribute = id != NULL ? call_attribute(c, e) : NULL;
    if (attribute == NULL || !call_flag(c, "deleteAll", &all, e)) {
        return false;
    }
    struct temporal_job *j = job_new(c, work_delete_all);
    const char *dataset = request_query(c->request, "datasetId");
    j->id = id;
    j->attribute = attribute;
    j->dataset = all ? NULL : dataset != NULL ? dataset : "";
    job_submit(j);
    return true;
}

/* ---- routes ---- */

#define REPRESENTATION                                                                                       \
    "timerel", "timeAt", "endTimeAt", "timeproperty", "lastN", "attrs", "pick", "omit", "options", "format", \
        "aggrMethods", "aggrPeriodDuration", "datasetId", "lang", "local"
static const char *const retrieve_parameters[] = {REPRESENTATION, NULL};
static const char *const query_parameters[] = {
    REPRESENTATION, "id",          "idPattern",   "type",  "q",      "scopeQ", "georel",
    "geometry",     "coordinates", "geoproperty", "limit", "offset", "count",  NULL};
static const char *const options[] = {"sysAttrs",         "normalized", "concise",
                                      "simplified",       "keyValues",  "temporalValues",
                                      "aggregatedValues", "count",      NULL};
static const char *const no_parameters[] = {NULL};
static const char *const attribute_parameters[] = {"datasetId", "deleteAll", NULL};

static void serve_retrieve(struct request *r)
{
    static const struct operation o = {.run = retrieve,
                                       .parameters = retrieve_parameters,
                                       .options = options,
                                       .temporal = true,
                                       .csv = true};
    call_serve(r, &o);
}

static void serve_query(struct request *r)
{
    static const struct operation o = {
        .run = query, .parameters = query_parameters, .options = options, .temporal = true};
    call_serve(r, &o);
}

static void serve_upsert(struct request *r)
{
    static const struct operation o = {.run = temporal_upsert, .parameters = no_parameters, .creates = true};
    call_serve(r, &o);
}

static void serve_append(struct request *r)
{
    static const struct operation o = {.run = temporal_append, .parameters = no_parameters};
    call_serve(r, &o);
}

static void serve_delete(struct request *r)
{
    static const struct operation o = {.run = delete_entity, .parameters = no_parameters};
    call_serve(r, &o);
}

static void serve_delete_attribute(struct request *r)
{
    static const struct operation o = {.run = delete_attribute, .parameters = attribute_parameters};
    call_serve(r, &o);
}

#define PATH NGSI_PATH "/temporal/entities"
const struct route temporal_routes[] = {
    {"GET", PATH, "", serve_query, "Query histories", "查询历史", 0},
    {"POST", PATH, "entities.write", serve_upsert, "Write into the history of an entity", "写入实体历史", 0},
    {"GET", PATH "/{id}", "", serve_retrieve, "The history of an entity, also as CSV",
     "读取实体历史（可导出 CSV）", 0},
    {"DELETE", PATH "/{id}", "entities.write", serve_delete, "Delete the history of an entity",
     "删除实体历史", 0},
    {"POST", PATH "/{id}/attrs", "entities.write", serve_append, "Write into the history of attributes",
     "写入属性历史", 0},
    {"DELETE", PATH "/{id}/attrs/{attr}", "entities.write", serve_delete_attribute,
     "Delete the history of an attribute", "删除属性历史", 0},
    {NULL},
};

void temporal_start(void)
{
    pool = g_thread_pool_new(run_job, NULL, THREADS, FALSE, NULL);
}

void temporal_stop(void)
{
    if (pool != NULL) {
        g_thread_pool_free(g_steal_pointer(&pool), FALSE, TRUE);
    }
}
