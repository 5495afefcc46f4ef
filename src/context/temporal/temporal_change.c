/* SPDX-License-Identifier: Apache-2.0 */
/* Taking points of a history away and correcting them (5.6.13 – 5.6.16, and by range). Each change is a
 * record of the log, so it says who did it, and outlasts a crash. */
#include <string.h>

#include "base/limits.h"
#include "context/entity/entity.h"
#include "context/entity/gone.h"
#include "context/entity/ingest.h"
#include "context/temporal/temporal_job.h"

/* What the writer does for one request. */
struct change {
    struct store_job job;
    struct temporal_job *request;
    struct history_change history;
    struct json *current; /* fragment with the new value, when the entity shows the point that is corrected */
};

static bool apply(struct store_job *job, struct txn *t, struct error *e)
{
    struct change *c = (struct change *)job;
    arena_auto a = arena_new();
    struct write how = {.mode = CONTEXT_UPDATE, .flags = CONTEXT_MUST_EXIST, .by = c->history.by};
    struct write_result result;
    if (c->history.from < c->history.to || c->history.instance != NULL) {
        txn_history_change(t, &c->history);
    }
    if (c->history.attribute == NULL && c->history.from == INT64_MIN && c->history.to == INT64_MAX) {
        return gone_drop(t, c->history.entity, e);
    }
    return c->current == NULL || entity_write(t, a, c->current, &how, &result, e);
}

static bool change_run(struct change *c, struct error *e)
{
    c->job.apply = apply;
    c->history.entity = c->request->id;
    c->history.by = c->request->by;
    return store_run(c->request->call.space->store, &c->job, e);
}

/* ---- series and attributes ---- */

static bool is_meant(const struct temporal_job *j, const struct history_series *s)
{
    return (j->attribute == NULL || strcmp(s->attribute, j->attribute) == 0) &&
           (j->dataset == NULL || strcmp(s->dataset, j->dataset) == 0);
}

/* The series that the request is about; ERROR_NOT_FOUND when there is none. */
static bool list_meant(struct temporal_job *j, struct history_series **series, int *count, struct error *e)
{
    int all;
    if (!store_history_list(j->call.space->store, j->call.arena, j->id, series, &all, e)) {
        return false;
    }
    *count = 0;
    for (int i = 0; i < all; i++) {
        if (is_meant(j, &(*series)[i])) {
            (*series)[(*count)++] = (*series)[i];
        }
    }
    if (*count > 0) {
        return true;
    }
    return all == 0 || j->attribute == NULL
               ? temporal_refuse_unknown(j->id, e)
               : error_set(e, ERROR_NOT_FOUND, "There is no history of %.200s of %.200s",
                           "没有 %2$.200s 的属性 %1$.200s 的历史", j->attribute, j->id);
}

static struct change change_of(struct temporal_job *j)
{
    return (struct change){.request = j,
                           .history = {.attribute = j->attribute,
                                       .dataset = j->attribute != NULL ? j->dataset : NULL,
                                       .from = j->q.from,
                                       .to = j->q.to}};
}

static bool work_delete(struct temporal_job *j, struct error *e)
{
    struct history_series *series;
    int count;
    struct change c = change_of(j);
    if (!list_meant(j, &series, &count, e) || !change_run(&c, e)) {
        return false;
    }
    reply_empty(j->call.request, 204);
    return true;
}

static bool count_point(void *user, const struct history_point *p)
{
    ++*(int64_t *)user;
    return true;
}

/* Deletes a range, and says how many points went. */
static bool work_delete_range(struct temporal_job *j, struct error *e)
{
    struct history_series *series;
    int count;
    int64_t points = 0;
    struct change c = change_of(j);
    if (!list_meant(j, &series, &count, e)) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        if (!store_history_points(j->call.space->store, j->id, series[i].attribute, series[i].dataset,
                                  j->q.from, j->q.to, false, count_point, &points, e)) {
            return false;
        }
    }
    if (points > 0 && !change_run(&c, e)) {
        return false;
    }
    struct json *answer = json_object(j->call.arena);
    json_add(answer, "removed", json_int(j->call.arena, points));
    reply_json(j->call.request, 200, answer);
    return true;
}

static struct temporal_job *delete_job(struct call *c, bool (*work)(struct temporal_job *j, struct error *e),
                                       const char *id)
{
    struct temporal_job *j = temporal_job_new(c, work);
    j->id = id;
    j->q.from = INT64_MIN;
    j->q.to = INT64_MAX;
    return j;
}

bool temporal_delete_entity(struct call *c, struct error *e)
{
    const char *id = call_id(c, e);
    if (id != NULL) {
        temporal_job_submit(delete_job(c, work_delete, id));
    }
    return id != NULL;
}

/* The dataset that the request names: NULL = all, "" = the default instance. */
static bool read_dataset(struct call *c, const char **dataset, struct error *e)
{
    const char *text = request_query(c->request, "datasetId");
    bool all;
    bool none = text == NULL || strcmp(text, "@none") == 0;
    if (!call_flag(c, "deleteAll", &all, e) || (!none && !ingest_uri("datasetId", text, strlen(text), e))) {
        return false;
    }
    *dataset = all ? NULL : none ? "" : text;
    return true;
}

/* The attribute of the path; the scope has a history too. */
static const char *path_attribute(struct call *c, struct error *e)
{
    return strcmp(request_param(c->request, "attr"), "scope") == 0 ? "scope" : call_attribute(c, e);
}

bool temporal_delete_attribute(struct call *c, struct error *e)
{
    const char *dataset;
    const char *id = call_id(c, e);
    const char *attribute = id != NULL ? path_attribute(c, e) : NULL;
    if (attribute == NULL || !read_dataset(c, &dataset, e)) {
        return false;
    }
    struct temporal_job *j = delete_job(c, work_delete, id);
    j->attribute = attribute;
    j->dataset = dataset;
    temporal_job_submit(j);
    return true;
}

static bool submit_range(struct call *c, const char *id, const char *attribute, const char *dataset,
                         struct error *e)
{
    struct temporal_job *j = delete_job(c, work_delete_range, id);
    j->attribute = attribute;
    j->dataset = dataset;
    if (!temporal_range_read(c, true, &j->q.from, &j->q.to, e)) {
        temporal_job_free(j);
        return false;
    }
    temporal_job_submit(j);
    return true;
}

bool temporal_delete_range(struct call *c, struct error *e)
{
    const char *id = call_id(c, e);
    return id != NULL && submit_range(c, id, NULL, NULL, e);
}

bool temporal_delete_attribute_range(struct call *c, struct error *e)
{
    const char *dataset;
    const char *id = call_id(c, e);
    const char *attribute = id != NULL ? path_attribute(c, e) : NULL;
    return attribute != NULL && read_dataset(c, &dataset, e) && submit_range(c, id, attribute, dataset, e);
}

/* ---- one instance ---- */

struct found_point {
    struct history_series series;
    instant at;
    bool there;
};

static bool note_point(void *user, const struct history_point *p)
{
    ((struct found_point *)user)->there = true;
    return false;
}

/* Finds the point of the path's instanceId. */
static bool find_point(struct temporal_job *j, struct found_point *found, struct error *e)
{
    struct history_series *series;
    int count;
    *found = (struct found_point){0};
    j->dataset = NULL;
    if (!list_meant(j, &series, &count, e)) {
        return false;
    }
    for (int i = 0; i < count && !found->there; i++) {
        if (history_instance_at(j->instance, j->id, series[i].attribute, series[i].dataset, &found->at)) {
            found->series = series[i];
            if (!store_history_points(j->call.space->store, j->id, series[i].attribute, series[i].dataset,
                                      found->at, found->at + 1, false, note_point, found, e)) {
                return false;
            }
        }
    }
    return found->there || error_set(e, ERROR_NOT_FOUND, "The history of %.100s has no instance %.200s",
                                     "%.100s 的历史中没有实例 %.200s", j->attribute, j->instance);
}

static struct change change_of_point(struct temporal_job *j, const struct found_point *p)
{
    return (struct change){
        .request = j,
        .history = {.attribute = j->attribute, .dataset = p->series.dataset, .from = p->at, .to = p->at + 1}};
}

static bool work_delete_instance(struct temporal_job *j, struct error *e)
{
    struct found_point p;
    if (!find_point(j, &p, e)) {
        return false;
    }
    struct change c = change_of_point(j, &p);
    if (!change_run(&c, e)) {
        return false;
    }
    reply_empty(j->call.request, 204);
    return true;
}

/* The new instance may not go to another dataset; without an observedAt it keeps the time of the old one. */
static bool settle_instance(struct temporal_job *j, const struct found_point *p, struct json *instance,
                            instant *at, struct error *e)
{
    char text[INSTANT_TEXT];
    const char *dataset = json_get_string(instance, "datasetId");
    const struct json *observed = json_get(instance, "observedAt");
    if (strcmp(dataset != NULL ? dataset : "", p->series.dataset) != 0) {
        return error_set(e, ERROR_BAD_REQUEST_DATA,
                         "The instance has another datasetId; delete it and add it where it belongs",
                         "实例的 datasetId 不同；请删除该实例后在正确的数据集中添加");
    }
    *at = p->at;
    if (observed != NULL) {
        return instant_parse(observed->string, observed->length, NULL, at);
    }
    if (p->series.observed) {
        json_add(instance, "observedAt", json_string(j->call.arena, instant_format(p->at, text)));
    }
    return true;
}

/* Does the entity show this very point as its present value? */
static bool is_current(struct temporal_job *j, const struct found_point *p)
{
    arena_auto a = arena_new();
    view_auto v = view_begin(j->call.space->store);
    const struct json *attribute = json_get(context_get(v, a, j->id), j->attribute);
    const struct json *instance =
        attribute != NULL ? instance_find(attribute, *p->series.dataset != '\0' ? p->series.dataset : NULL)
                          : NULL;
    const struct json *observed = json_get(instance, "observedAt");
    instant at;
    return json_is(observed, JSON_STRING) && instant_parse(observed->string, observed->length, NULL, &at) &&
           at == p->at;
}

static bool work_correct(struct temporal_job *j, struct error *e)
{
    struct found_point p;
    instant at;
    struct json *attribute = json_get(j->fragment, j->attribute);
    struct json *instance = (struct json *)instance_first(attribute);
    if (!find_point(j, &p, e) || !settle_instance(j, &p, instance, &at, e)) {
        return false;
    }
    struct change c = change_of_point(j, &p);
    c.history.instance = instance;
    c.history.at = at;
    if (is_current(j, &p)) {
        c.history.instance = NULL; /* the record of the entity's change brings it */
        c.current = j->fragment;
    }
    if (!change_run(&c, e)) {
        return false;
    }
    reply_empty(j->call.request, 204);
    return true;
}

static bool read_instance_path(struct call *c, struct temporal_job *j, struct error *e)
{
    j->id = call_id(c, e);
    j->attribute = j->id != NULL ? path_attribute(c, e) : NULL;
    j->instance = request_param(c->request, "instance");
    return j->attribute != NULL && ingest_uri("instanceId", j->instance, strlen(j->instance), e);
}

static bool submit_instance(struct call *c, struct temporal_job *j, bool ok)
{
    if (ok) {
        temporal_job_submit(j);
    } else {
        temporal_job_free(j);
    }
    return ok;
}

bool temporal_delete_instance(struct call *c, struct error *e)
{
    struct temporal_job *j = temporal_job_new(c, work_delete_instance);
    return submit_instance(c, j, read_instance_path(c, j, e));
}

/* The one attribute of the fragment, with one instance (5.6.14.3). */
static bool read_fragment(struct temporal_job *j, const struct json *body, struct error *e)
{
    struct call *c = &j->call;
    j->fragment = ingest_entity(c->arena, body, c->ctx, 0, e);
    if (j->fragment == NULL) {
        return false;
    }
    json_set(c->arena, j->fragment, "id", json_string(c->arena, j->id));
    int attributes = 0;
    bool one = true;
    for (const struct json *m = json_first(body); m != NULL; m = m->next) {
        if (entity_is_attribute(m) && strcmp(m->key, "@context") != 0) {
            attributes++;
            one = one && (m->type == JSON_ARRAY ? m->length == 1 && m->first->type == JSON_OBJECT
                                                : m->type == JSON_OBJECT);
        }
    }
    return (one && attributes == 1 && json_get(j->fragment, j->attribute) != NULL) ||
           error_set(e, ERROR_BAD_REQUEST_DATA,
                     "The body must have exactly one instance of %.200s and nothing else",
                     "正文必须且只能包含属性 %.200s 的一个实例", j->attribute);
}

bool temporal_correct_instance(struct call *c, struct error *e)
{
    const struct json *body = call_body(c, e);
    if (body == NULL) {
        return false;
    }
    struct temporal_job *j = temporal_job_new(c, work_correct);
    return submit_instance(c, j, read_instance_path(c, j, e) && read_fragment(j, body, e));
}
