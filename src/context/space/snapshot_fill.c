/* SPDX-License-Identifier: Apache-2.0 */
/* Fills a snapshot: executes its queries on one state of the space, and copies entities and histories. */
#include <string.h>

#include "base/limits.h"
#include "context/entity/entity.h"
#include "context/entity/write.h"
#include "context/query/query_api.h"
#include "context/space/snapshot.h"
#include "context/temporal/temporal_query.h"
#include "context/terms/hosted.h"

enum { BATCH = 500, RECORDS = 2000 };
#define BY "snapshot"

/* One query, compiled. */
struct compiled {
    struct call call; /* not a request's: what compiling needs of one */
    struct entity_query query;
    struct render render; /* what is kept of each entity */
    struct temporal_query range;
};

static void compiled_clear(struct compiled *c)
{
    entity_query_clear(&c->query);
    ld_context_unref(c->call.ctx);
}

static bool read_range(struct compiled *c, const struct json *temporal, struct error *e)
{
    static const char *const known[] = {"timerel", "timeAt", "endTimeAt", "timeproperty", "lastN", NULL};
    for (const struct json *m = json_first(temporal); m != NULL; m = m->next) {
        if (!g_strv_contains(known, m->key)) {
            return error_set(e, ERROR_BAD_REQUEST_DATA, "\"%.60s\" is not a member of temporalQ here",
                             "此处的 temporalQ 没有成员“%.60s”", m->key);
        }
    }
    struct temporal_text text = {.relation = json_get_string(temporal, "timerel"),
                                 .at = json_get_string(temporal, "timeAt"),
                                 .end_at = json_get_string(temporal, "endTimeAt"),
                                 .property = json_get_string(temporal, "timeproperty"),
                                 .last_n = json_get_int(temporal, "lastN", 0)};
    return temporal_query_compile(&c->range, &c->call, &text, true, e);
}

static bool compile(struct compiled *c, struct space *of, struct arena *a, const struct json *context,
                    const struct json *query, bool temporal, struct error *e)
{
    static const char *const known[] = {"type", "entities", "q",    "geoQ",      "scopeQ",    "attrs",
                                        "pick", "omit",     "lang", "datasetId", "temporalQ", NULL};
    *c = (struct compiled){.call = {.arena = a, .space = of}};
    if (!query_check_members(query, known, e) ||
        (context != NULL && !ld_context_parse(context, hosted_loader(), &c->call.ctx, e))) {
        return false;
    }
    c->render = (struct render){.arena = a, .ctx = c->call.ctx};
    if ((json_get(query, "temporalQ") != NULL) != temporal) {
        return error_set(e, ERROR_BAD_REQUEST_DATA,
                         "snapshotQueries are without \"temporalQ\", snapshotTemporalQueries with it",
                         "snapshotQueries 不含“temporalQ”，snapshotTemporalQueries 必须包含它");
    }
    if (!query_read_projection(&c->call, query, &c->render, e) ||
        !query_read_body(&c->query, a, c->call.ctx, query, e) ||
        (temporal && !read_range(c, json_get(query, "temporalQ"), e))) {
        return false;
    }
    return c->query.selectors_count > 0 || c->query.q != NULL || c->query.geo != NULL ||
           c->query.scope != NULL || c->query.attrs != NULL ||
           error_set(e, ERROR_BAD_REQUEST_DATA,
                     "A query needs at least one of entities, attrs, q, geoQ, scopeQ",
                     "查询至少需要 entities、attrs、q、geoQ、scopeQ 之一");
}

bool snapshot_check_query(struct space *of, struct arena *a, const struct json *context,
                          const struct json *query, bool temporal, struct error *e)
{
    struct compiled c;
    bool ok = compile(&c, of, a, context, query, temporal, e);
    compiled_clear(&c);
    return ok;
}

/* ---- writing into the snapshot ---- */

/* What waits to be written. */
struct copying {
    struct store_job job;
    struct store *from, *into;
    const struct compiled *compiled;
    bool temporal;
    struct arena *a;       /* of what waits */
    GPtrArray *entities;   /* struct json * */
    GPtrArray *records;    /* texts, of the history */
    int64_t found, copied; /* copied: of all queries */
    struct error *e;
    bool failed;
};

static bool apply(struct store_job *job, struct txn *t, struct error *e)
{
    struct copying *c = (struct copying *)job;
    for (guint i = 0; i < c->entities->len; i++) {
        if (!entity_copy(t, c->entities->pdata[i], !c->temporal, BY, e)) {
            return false;
        }
    }
    for (guint i = 0; i < c->records->len; i++) {
        const char *text = c->records->pdata[i];
        txn_log(t, text, strlen(text));
    }
    return true;
}

static bool flush(struct copying *c)
{
    bool any = c->entities->len > 0 || c->records->len > 0;
    if (any && !store_run(c->into, &c->job, c->e)) {
        c->failed = true;
        return false;
    }
    g_ptr_array_set_size(c->entities, 0);
    g_ptr_array_set_size(c->records, 0);
    arena_clear(c->a);
    return !snapshot_interrupted();
}

/* The entity as the query shows it; what expires in its space lasts here. */
static struct json *shown(struct copying *c, const struct json *entity)
{
    struct json *out = json_object(c->a);
    for (const struct json *m = entity->first; m != NULL; m = m->next) {
        bool attribute = entity_is_attribute(m);
        const struct json *kept = m;
        if (strcmp(m->key, "expiresAt") == 0 ||
            (attribute && (c->temporal || !render_shows(&c->compiled->render, m->key) ||
                           (kept = render_selected(m, &c->compiled->render)) == NULL))) {
            continue;
        }
        struct json *copy = json_copy(c->a, kept);
        for (const struct json *i = attribute ? instance_first(copy) : NULL; i != NULL;
             i = instance_next(copy, i)) {
            json_remove((struct json *)i, "expiresAt");
        }
        json_set(c->a, out, arena_strdup(c->a, m->key), copy);
    }
    return out;
}

/* ---- histories ---- */

static struct json *instance_of(struct arena *a, const struct history_series *s,
                                const struct history_point *p)
{
    char text[INSTANT_TEXT];
    struct error ignored = {0};
    struct json *instance = json_object(a);
    json_add(instance, "type", json_string(a, s->type));
    const char *member = kind_member(kind_of_type(s->type, strlen(s->type)));
    struct json *value =
        p->is_number ? json_double(a, p->number) : json_parse(a, p->text, strlen(p->text), &ignored);
    json_add(instance, member, value != NULL ? value : json_null(a));
    if (s->observed) {
        json_add(instance, "observedAt", json_string(a, instant_format(p->at, text)));
    }
    if (*s->dataset != '\0') {
        json_add(instance, "datasetId", json_string(a, s->dataset));
    }
    if (s->unit_code != NULL) {
        json_add(instance, "unitCode", json_string(a, s->unit_code));
    }
    return instance;
}

static bool add_point(struct copying *c, const struct json *entity, const struct history_series *s,
                      const struct history_point *p)
{
    arena_auto a = arena_new();
    struct json *record = json_object(a);
    json_add(record, "op", json_string(a, "update"));
    json_add(record, "id", json_copy(a, json_get(entity, "id")));
    json_add(record, "type", json_copy(a, json_get(entity, "type")));
    json_add(record, "at", json_int(a, instant_now()));
    json_add(record, "time", json_int(a, p->at));
    struct json *attrs = json_add(record, "attrs", json_object(a));
    json_add(attrs, s->attribute, instance_of(a, s, p));
    json_add(record, "late", json_bool(a, true));
    json_add(record, "by", json_string(a, BY));
    g_ptr_array_add(c->records, (gpointer)arena_strdup(c->a, json_text(a, record)));
    return c->records->len < RECORDS || flush(c);
}

static bool wanted(const struct compiled *c, const struct history_series *s)
{
    bool time =
        c->range.property == TEMPORAL_EITHER || s->observed == (c->range.property == TEMPORAL_OBSERVED);
    const char *dataset = *s->dataset != '\0' ? s->dataset : "@none";
    return time && render_shows(&c->render, s->attribute) &&
           (c->render.datasets == NULL || g_strv_contains(c->render.datasets, dataset));
}

static bool copy_series(struct copying *c, const struct json *entity, const struct history_series *s,
                        bool *any)
{
    const struct temporal_query *q = &c->compiled->range;
    struct history_iterator *i = store_history_iterate(c->from, json_get_string(entity, "id"), s->attribute,
                                                       s->dataset, q->from, q->to, q->last_n > 0);
    struct history_point p;
    int64_t n = 0;
    while (!c->failed && (q->last_n == 0 || n < q->last_n) && history_iterator_next(i, &p, c->e)) {
        n++;
        if (!add_point(c, entity, s, &p)) {
            break;
        }
    }
    history_iterator_free(i);
    *any |= n > 0;
    c->failed |= c->e->code != ERROR_NONE;
    return !c->failed && !snapshot_interrupted();
}

/* The points of the range; *any tells whether there are some. */
static bool copy_history(struct copying *c, const struct json *entity, bool *any)
{
    arena_auto a = arena_new();
    struct history_series *series;
    int count;
    if (!store_history_list(c->from, a, json_get_string(entity, "id"), &series, &count, c->e)) {
        c->failed = true;
        return false;
    }
    for (int i = 0; i < count; i++) {
        if (wanted(c->compiled, &series[i]) && !copy_series(c, entity, &series[i], any)) {
            return false;
        }
    }
    return true;
}

/* ---- queries ---- */

static bool copy_entity(void *user, const struct json *entity)
{
    struct copying *c = user;
    bool any = !c->temporal;
    if (c->temporal && !copy_history(c, entity, &any)) {
        return false;
    }
    if (!any) {
        return true;
    }
    if (++c->copied > LIMIT_SNAPSHOT_ENTITIES) {
        c->failed = true;
        return error_set(c->e, ERROR_TOO_MANY_RESULTS, "A snapshot holds at most %d entities",
                         "一个快照最多包含 %d 个实体", LIMIT_SNAPSHOT_ENTITIES);
    }
    c->found++;
    g_ptr_array_add(c->entities, shown(c, entity));
    return c->entities->len < BATCH || flush(c);
}

static void note_result(struct arena *a, struct json *list, int64_t found, const struct error *e)
{
    struct json *one = json_append(list, json_object(a));
    const char *status = e->code != ERROR_NONE ? "failure" : found > 0 ? "success" : "empty";
    json_add(one, "resultStatus", json_string(a, status));
    if (e->code != ERROR_NONE) {
        struct json *problem = json_add(one, "problemDetails", json_object(a));
        json_add(problem, "type", json_string(a, error_type(e->code)));
        json_add(problem, "title", json_string(a, error_title(e->code, false)));
        json_add(problem, "status", json_int(a, error_status(e->code)));
        json_add(problem, "detail", json_string(a, e->en));
    }
}

static void execute_one(struct copying *c, struct space *of, struct view *v, const struct json *kept,
                        const struct json *query, struct arena *a, struct json *details)
{
    struct query_page all = {.limit = -1};
    struct compiled compiled;
    struct error e = {0};
    c->compiled = &compiled;
    c->e = &e;
    c->found = 0;
    c->failed = false;
    if (compile(&compiled, of, a, json_get(kept, "context"), query, c->temporal, &e) &&
        entity_query_run(&compiled.query, v, &all, copy_entity, c, &e) && !c->failed) {
        flush(c);
    }
    g_ptr_array_set_size(c->entities, 0);
    g_ptr_array_set_size(c->records, 0);
    note_result(a, details, c->found, &e);
    compiled_clear(&compiled);
}

bool snapshot_execute(struct space *of, struct space *into, const struct json *kept, struct arena *a,
                      struct json *details, struct json *temporal_details, struct error *e)
{
    arena_auto waiting = arena_new();
    g_autoptr(GPtrArray) entities = g_ptr_array_new();
    g_autoptr(GPtrArray) records = g_ptr_array_new();
    struct copying c = {.job = {.apply = apply},
                        .from = of->store,
                        .into = into->store,
                        .a = waiting,
                        .entities = entities,
                        .records = records};
    view_auto v = view_begin(of->store);
    for (const struct json *q = json_first(json_get(kept, "snapshotQueries")); q != NULL; q = q->next) {
        execute_one(&c, of, v, kept, q, a, details);
    }
    c.temporal = true;
    for (const struct json *q = json_first(json_get(kept, "snapshotTemporalQueries")); q != NULL;
         q = q->next) {
        execute_one(&c, of, v, kept, q, a, temporal_details);
    }
    return true;
}
