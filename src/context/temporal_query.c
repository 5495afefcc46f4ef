/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters of temporal requests. */
#include "context/temporal_query.h"

#include <string.h>

#include "base/limits.h"

static bool read_time(struct call *c, const char *name, instant *t, bool *given, struct error *e)
{
    const char *text = request_query(c->request, name);
    *given = text != NULL;
    return text == NULL || instant_parse(text, strlen(text), NULL, t) ||
           error_set(e, ERROR_BAD_REQUEST_DATA, "%s=%.60s is no time; write 2026-03-01T08:00:00Z",
                     "%s=%.60s 不是时间；请写成 2026-03-01T08:00:00Z", name, text);
}

static bool read_relation(struct temporal_query *q, struct call *c, bool required, struct error *e)
{
    static const char *const names[] = {
        [TEMPORAL_BEFORE] = "before", [TEMPORAL_AFTER] = "after", [TEMPORAL_BETWEEN] = "between"};
    const char *text = request_query(c->request, "timerel");
    if (text == NULL) {
        return !required || error_set(e, ERROR_BAD_REQUEST_DATA,
                                      "timerel is missing: before, after or between, with timeAt",
                                      "缺少 timerel：before、after 或 between，并同时给出 timeAt");
    }
    for (size_t i = TEMPORAL_BEFORE; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(names[i], text) == 0) {
            q->relation = (enum temporal_relation)i;
            return true;
        }
    }
    return error_set(e, ERROR_BAD_REQUEST_DATA, "timerel=%.40s: known are before, after and between",
                     "timerel=%.40s：可用 before、after、between", text);
}

static bool read_range(struct temporal_query *q, struct call *c, bool required, struct error *e)
{
    instant at = 0, end = 0;
    bool has_at, has_end;
    q->from = INSTANT_MIN;
    q->to = INSTANT_MAX;
    if (!read_relation(q, c, required, e) || !read_time(c, "timeAt", &at, &has_at, e) ||
        !read_time(c, "endTimeAt", &end, &has_end, e)) {
        return false;
    }
    if (has_at != (q->relation != TEMPORAL_ANY)) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "timerel and timeAt belong together",
                         "timerel 与 timeAt 必须同时给出");
    }
    if (has_end != (q->relation == TEMPORAL_BETWEEN)) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "endTimeAt belongs to timerel=between, which needs it",
                         "endTimeAt 与 timerel=between 必须同时给出");
    }
    if (has_end && end <= at) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "endTimeAt must be later than timeAt",
                         "endTimeAt 必须晚于 timeAt");
    }
    if (q->relation == TEMPORAL_BEFORE) {
        q->to = at;
    } else if (has_at) {
        q->from = at;
        q->to = has_end ? end : INSTANT_MAX;
    }
    return true;
}

static bool read_property(struct temporal_query *q, struct call *c, struct error *e)
{
    const char *text = request_query(c->request, "timeproperty");
    if (text == NULL) {
        q->property = q->relation == TEMPORAL_ANY ? TEMPORAL_EITHER : TEMPORAL_OBSERVED;
        return true;
    }
    if (strcmp(text, "observedAt") == 0 || strcmp(text, "modifiedAt") == 0) {
        q->property = *text == 'o' ? TEMPORAL_OBSERVED : TEMPORAL_MODIFIED;
        return true;
    }
    bool known = strcmp(text, "createdAt") == 0 || strcmp(text, "deletedAt") == 0;
    return error_set(e, known ? ERROR_NOT_SUPPORTED : ERROR_BAD_REQUEST_DATA,
                     "timeproperty=%.40s: histories are kept by observedAt and modifiedAt",
                     "timeproperty=%.40s：历史按 observedAt 和 modifiedAt 保存", text);
}

static bool read_periods(struct temporal_query *q, struct call *c, struct error *e)
{
    const char *text = request_query(c->request, "aggrPeriodDuration");
    q->periods.has_start = q->from > INSTANT_MIN;
    q->periods.start = q->from;
    q->periods.has_end = q->to < INSTANT_MAX;
    q->periods.end = q->to;
    return text == NULL || duration_parse(text, strlen(text), &q->periods.months, &q->periods.microseconds) ||
           error_set(e, ERROR_BAD_REQUEST_DATA,
                     "aggrPeriodDuration=%.40s is no duration; write PT1H, P1D or P1M",
                     "aggrPeriodDuration=%.40s 不是时长；请写成 PT1H、P1D 或 P1M", text);
}

static bool read_format(struct temporal_query *q, struct call *c, struct error *e)
{
    q->format = c->options & CALL_AGGREGATED_VALUES                                   ? TEMPORAL_AGGREGATED
                : c->options & CALL_TEMPORAL_VALUES || c->format == RENDER_SIMPLIFIED ? TEMPORAL_VALUES
                                                                                      : TEMPORAL_NORMALIZED;
    if (q->format == TEMPORAL_AGGREGATED) {
        return temporal_methods_parse(request_query(c->request, "aggrMethods"), &q->methods, e) &&
               read_periods(q, c, e);
    }
    return (request_query(c->request, "aggrMethods") == NULL &&
            request_query(c->request, "aggrPeriodDuration") == NULL) ||
           error_set(e, ERROR_BAD_REQUEST_DATA,
                     "aggrMethods and aggrPeriodDuration need format=aggregatedValues",
                     "aggrMethods 和 aggrPeriodDuration 需要 format=aggregatedValues");
}

static void read_datasets(struct temporal_query *q, struct call *c)
{
    const char *text = request_query(c->request, "datasetId");
    if (text == NULL) {
        return;
    }
    g_auto(GStrv) parts = g_strsplit(text, ",", LIMIT_ATTRIBUTES);
    guint n = g_strv_length(parts);
    const char **list = arena_array(c->arena, const char *, n + 1);
    for (guint i = 0; i < n; i++) {
        list[i] = arena_strdup(c->arena, parts[i]);
    }
    q->datasets = list;
}

bool temporal_query_read(struct temporal_query *q, struct call *c, bool must_have_range, struct error *e)
{
    *q = (struct temporal_query){.store = c->space->store};
    q->explicit_attributes =
        request_query(c->request, "pick") != NULL || request_query(c->request, "attrs") != NULL;
    read_datasets(q, c);
    return read_range(q, c, must_have_range, e) && read_property(q, c, e) &&
           request_query_int(c->request, "lastN", 1, LIMIT_TEMPORAL_POINTS, 0, &q->last_n, e) &&
           read_format(q, c, e) && call_render(c, &q->render, e);
}

static bool holds(const char *const *names, const char *name)
{
    for (; *names != NULL; names++) {
        if (strcmp(*names, name) == 0) {
            return true;
        }
    }
    return false;
}

bool temporal_query_shows(const struct temporal_query *q, const char *name)
{
    return (q->render.pick == NULL || holds(q->render.pick, name)) &&
           (q->render.omit == NULL || !holds(q->render.omit, name));
}
