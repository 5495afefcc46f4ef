/* SPDX-License-Identifier: Apache-2.0 */
/* Retrieving and querying histories (5.7.3, 5.7.4). */
#include <inttypes.h>
#include <string.h>

#include "base/limits.h"
#include "context/entity/entity.h"
#include "context/entity/gone.h"
#include "context/sources/distributed.h"
#include "context/sources/distributed_temporal.h"
#include "context/temporal/temporal_export.h"

/* ---- answers ---- */

/* Joined with what context sources said, if they were asked. */
static void answer_joined(struct temporal_job *j, GString *here, bool array, bool cut)
{
    GString *out = distributed_temporal_join(j, here, array);
    if (j->page.count) {
        reply_header(j->call.request, "NGSILD-Results-Count",
                     arena_printf(j->call.arena, "%" PRId64, j->page.total));
    }
    call_reply(&j->call, cut ? 206 : 200, out, array ? query_page_links(&j->call, &j->page) : NULL);
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
    if (j->spread != NULL) {
        answer_joined(j, out, array, s->cut);
        return;
    }
    call_reply(&j->call, s->cut ? 206 : 200, out, links);
}

/* ---- one entity ---- */

/* The entity as it is, or as it was when it was deleted; one without attributes has an empty history. NULL
 * with e set when nothing is known of it. */
static const struct json *find_entity(struct temporal_job *j, struct error *e)
{
    struct arena *a = j->call.arena;
    bool known;
    view_auto v = view_begin(j->call.space->store);
    struct json *entity = context_get(v, a, j->id);
    bool bare = entity != NULL;
    for (const struct json *m = json_first(entity); m != NULL && bare; m = m->next) {
        bare = !entity_is_attribute(m);
    }
    entity = entity != NULL ? entity : gone_get(v, a, j->id);
    if (!temporal_has_history(j->call.space->store, j->id, &known, e) ||
        (!known && !bare && !temporal_refuse_unknown(j->id, e))) {
        return NULL;
    }
    if (entity == NULL) {
        entity = json_object(a);
        json_add(entity, "id", json_string(a, j->id));
    }
    return entity;
}

static bool work_retrieve(struct temporal_job *j, struct error *e)
{
    struct temporal_set s;
    bool found;
    const struct json *entity = find_entity(j, e);
    if (entity == NULL && e->code == ERROR_NOT_FOUND && distributed_temporal_found(j)) {
        answer_joined(j, g_string_new(NULL), false, false);
        return true;
    }
    if (entity == NULL) {
        return false;
    }
    temporal_set_init(&s, j->call.arena, &j->q);
    bool ok = temporal_set_read(&s, entity, TEMPORAL_SHOW, NULL, &found, e);
    if (ok) {
        temporal_set_finish(&s);
        answer(j, &s, false, NULL);
    }
    temporal_set_clear(&s);
    return ok;
}

/* To the sources first, where there are any. */
static bool submit(struct temporal_job *j, struct error *e)
{
    if (!distributed_is_local(&j->call)) {
        return distributed_temporal(j, e);
    }
    temporal_job_submit(j);
    return true;
}

bool temporal_retrieve(struct call *c, struct error *e)
{
    struct temporal_query q;
    const char *id = call_id(c, e);
    if (id == NULL || !temporal_query_read(&q, c, false, e)) {
        return false;
    }
    if (c->accept == MEDIA_CSV) {
        return temporal_export_csv(c, &q, id, e);
    }
    struct temporal_job *j = temporal_job_new(c, work_retrieve);
    j->id = id;
    j->q = q;
    return submit(j, e);
}

/* ---- many entities ---- */

struct search {
    struct temporal_job *job;
    struct temporal_set set;
    int64_t matched;
    GPtrArray *ids; /* in order, when an order is asked for */
    struct error *e;
    bool failed;
};

static bool take_entity(void *user, const struct json *entity)
{
    struct search *s = user;
    struct temporal_job *j = s->job;
    struct query_page *page = &j->page;
    bool found;
    bool on_page = s->matched >= page->offset && s->matched < page->offset + page->limit;
    struct temporal_filter filter = {temporal_select_filter, j};
    if (!temporal_set_read(&s->set, entity, on_page ? TEMPORAL_KEEP : TEMPORAL_COUNT,
                           temporal_select_filters(j) ? &filter : NULL, &found, s->e)) {
        s->failed = true;
        return false;
    }
    s->matched += found;
    page->more = s->matched > page->offset + page->limit;
    return page->count || !page->more;
}

static bool note_id(void *user, const struct json *entity)
{
    struct search *s = user;
    g_ptr_array_add(s->ids, g_strdup(json_get_string(entity, "id")));
    return true;
}

static gint by_id(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool run_ordered(struct search *s, struct view *v, struct error *e)
{
    struct temporal_job *j = s->job;
    s->ids = g_ptr_array_new_with_free_func(g_free);
    bool ok = temporal_select_run(j, v, note_id, s, e);
    g_ptr_array_sort(s->ids, by_id);
    bool more = ok;
    for (guint i = 0; i < s->ids->len && more; i++) {
        arena_auto a = arena_new();
        const char *id = s->ids->pdata[j->order > 0 ? i : s->ids->len - 1 - i];
        const struct json *entity = context_get(v, a, id);
        entity = entity != NULL ? entity : gone_get(v, a, id);
        more = entity == NULL || take_entity(s, entity);
    }
    g_ptr_array_unref(s->ids);
    return ok;
}

static bool work_query(struct temporal_job *j, struct error *e)
{
    struct search s = {.job = j, .e = e};
    temporal_set_init(&s.set, j->call.arena, &j->q);
    view_auto v = view_begin(j->call.space->store);
    bool ok =
        (j->order != 0 ? run_ordered(&s, v, e) : temporal_select_run(j, v, take_entity, &s, e)) && !s.failed;
    if (ok) {
        temporal_set_finish(&s.set);
        if (j->page.count && j->spread == NULL) {
            reply_header(j->call.request, "NGSILD-Results-Count",
                         arena_printf(j->call.arena, "%" PRId64, s.matched));
        }
        answer(j, &s.set, true, query_page_links(&j->call, &j->page));
    }
    temporal_set_clear(&s.set);
    return ok;
}

bool temporal_query_get(struct call *c, struct error *e)
{
    struct temporal_job *j = temporal_job_new(c, work_query);
    if (!temporal_query_read(&j->q, c, true, e) || !query_read_page(c, &j->page, e) ||
        !temporal_select_parameters(j, e)) {
        temporal_job_free(j);
        return false;
    }
    return submit(j, e);
}

/* ---- by a body ---- */

static bool read_last_n(const struct json *n, int64_t *last_n, struct error *e)
{
    if (n != NULL) {
        *last_n = json_is(n, JSON_INT) ? n->integer : 0;
    }
    return n == NULL || (*last_n >= 1 && *last_n <= LIMIT_TEMPORAL_POINTS) ||
           error_set(e, ERROR_BAD_REQUEST_DATA, "lastN must be a whole number from 1 to %d",
                     "lastN 必须是 1 到 %d 的整数", LIMIT_TEMPORAL_POINTS);
}

static bool read_text(const struct json *object, const char *name, const char **text, struct error *e)
{
    const struct json *value = json_get(object, name);
    *text = json_is(value, JSON_STRING) ? value->string : NULL;
    return value == NULL || *text != NULL ||
           error_set(e, ERROR_BAD_REQUEST_DATA, "\"%s\" must be a text", "“%s”必须是文本", name);
}

/* temporalQ (5.2.21) and aggrParams (5.2.44); the older place of the latter's members is taken too. */
static bool read_temporal_body(struct temporal_query *q, struct call *c, const struct json *body,
                               struct error *e)
{
    const struct json *t = json_get(body, "temporalQ");
    const struct json *aggregation = json_get(body, "aggrParams");
    struct temporal_text text = {0};
    aggregation = aggregation != NULL ? aggregation : t;
    return read_text(t, "timerel", &text.relation, e) && read_text(t, "timeAt", &text.at, e) &&
           read_text(t, "endTimeAt", &text.end_at, e) && read_text(t, "timeproperty", &text.property, e) &&
           read_text(aggregation, "aggrMethods", &text.methods, e) &&
           read_text(aggregation, "aggrPeriodDuration", &text.period, e) &&
           read_last_n(json_get(t, "lastN"), &text.last_n, e) && temporal_query_compile(q, c, &text, true, e);
}

static bool read_body(struct temporal_job *j, const struct json *body, struct error *e)
{
    static const char *const known[] = {"type",         "entities",      "q",        "geoQ",
                                        "scopeQ",       "attrs",         "pick",     "omit",
                                        "lang",         "datasetId",     "ordering", "temporalQ",
                                        "aggrParams",   "csf",           "@context", "jsonKeys",
                                        "expandValues", "splitEntities", NULL};
    struct call *c = &j->call;
    if (!query_check_members(body, known, e) || !read_temporal_body(&j->q, c, body, e) ||
        !call_render(c, &j->q.render, e) || !query_read_projection(c, body, &j->q.render, e) ||
        !temporal_check_projection(&j->q.render, e)) {
        return false;
    }
    j->q.explicit_attributes = json_get(body, "pick") != NULL || json_get(body, "attrs") != NULL;
    return temporal_select_body(j, body, e) && query_read_page(c, &j->page, e);
}

bool temporal_query_post(struct call *c, struct error *e)
{
    const struct json *body = call_body(c, e);
    if (body == NULL) {
        return false;
    }
    struct temporal_job *j = temporal_job_new(c, work_query);
    if (!read_body(j, body, e)) {
        temporal_job_free(j);
        return false;
    }
    temporal_job_submit(j);
    return true;
}
