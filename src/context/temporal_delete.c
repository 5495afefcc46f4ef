/* SPDX-License-Identifier: Apache-2.0 */
/* Deleting histories (5.6.13, 5.6.16). */
#include <string.h>

#include "context/temporal_job.h"

static bool work_delete(struct temporal_job *j, struct error *e)
{
    bool known;
    if (!temporal_has_history(j->call.space->store, j->id, &known, e)) {
        return false;
    }
    if (!known) {
        return temporal_refuse_unknown(j->id, e);
    }
    if (!store_history_delete(j->call.space->store, j->id, j->attribute, j->dataset, e)) {
        return false;
    }
    reply_empty(j->call.request, 204);
    return true;
}

bool temporal_delete_entity(struct call *c, struct error *e)
{
    const char *id = call_id(c, e);
    if (id == NULL) {
        return false;
    }
    struct temporal_job *j = temporal_job_new(c, work_delete);
    j->id = id;
    temporal_job_submit(j);
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

bool temporal_delete_attribute(struct call *c, struct error *e)
{
    bool all;
    const char *id = call_id(c, e);
    const char *attribute = id != NULL ? call_attribute(c, e) : NULL;
    if (attribute == NULL || !call_flag(c, "deleteAll", &all, e)) {
        return false;
    }
    struct temporal_job *j = temporal_job_new(c, work_delete_all);
    const char *dataset = request_query(c->request, "datasetId");
    j->id = id;
    j->attribute = attribute;
    j->dataset = all ? NULL : dataset != NULL ? dataset : "";
    temporal_job_submit(j);
    return true;
}
