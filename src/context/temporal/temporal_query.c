/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters of temporal requests. */
#include "context/temporal/temporal_query.h"

#include <string.h>

#include "base/limits.h"
#include "context/query/projection.h"

static bool read_time(const char *text, const char *name, instant *t, struct error *e)
{
    return text == NULL || instant_parse(text, strlen(text), NULL, t) ||
           error_set(e, ERROR_BAD_REQUEST_DATA, "%s=%.60s is no time; write 2026-03-01T08:00:00Z",
                     "%s=%.60s 不是时间；请写成 2026-03-01T08:00:00Z", name, text);
}

static bool read_relation(struct temporal_query *q, const char *text, bool required, struct error *e)
{
    static const char *const names[] = {
        [TEMPORAL_BEFORE] = "before", [TEMPORAL_AFTER] = "after", [TEMPORAL_BETWEEN] = "between"};
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

static bool read_range(struct temporal_query *q, const struct temporal_text *t, bool required,
                       struct error *e)
{
    instant at = 0, end = 0;
    q->from = INSTANT_MIN;
    q->to = INSTANT_MAX;
    if (!read_relation(q, t->relation, required, e) || !read_time(t->at, "timeAt", &at, e) ||
        !read_time(t->end_at, "endTimeAt", &end, e)) {
        return false;
    }
    if ((t->at != NULL) != (q->relation != TEMPORAL_ANY)) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "timerel and timeAt belong together",
                         "timerel 与 timeAt 必须同时给出");
    }
    if ((t->end_at != NULL) != (q->relation == TEMPORAL_BETWEEN)) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "endTimeAt belongs to timerel=between, which needs it",
                         "endTimeAt 与 timerel=between 必须同时给出");
    }
    if (t->end_at != NULL && end <= at) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "endTimeAt must be later than timeAt",
                         "endTimeAt 必须晚于 timeAt");
    }
    if (q->relation == TEMPORAL_BEFORE) {
        q->to = at;
    } else if (t->at != NULL) {
        q->from = at;
        q->to = t->end_at != NULL ? end : INSTANT_MAX;
    }
    return true;
}

static bool read_property(struct temporal_query *q, const char *text, struct error *e)
{
    static const char *const names[] = {[TEMPORAL_OBSERVED] = "observedAt",
                                        [TEMPORAL_CREATED] = "createdAt",
                                        [TEMPORAL_MODIFIED] = "modifiedAt",
                                        [TEMPORAL_DELETED] = "deletedAt"};
    if (text == NULL) {
        q->property = q->relation == TEMPORAL_ANY ? TEMPORAL_EITHER : TEMPORAL_OBSERVED;
        return true;
    }
    for (size_t i = TEMPORAL_OBSERVED; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(names[i], text) == 0) {
            q->property = (enum temporal_property)i;
            return true;
        }
    }
    return error_set(e, ERROR_BAD_REQUEST_DATA,
                     "timeproperty=%.40s: known are observedAt, createdAt, modifiedAt and deletedAt",
                     "timeproperty=%.40s：可用 observedAt、createdAt、modifiedAt、deletedAt", text);
}

static bool read_periods(struct temporal_query *q, const char *text, struct error *e)
{
    q->periods.has_start = q->from > INSTANT_MIN;
    q->periods.start = q->from;
    q->periods.has_end = q->to < INSTANT_MAX;
    q->periods.end = q->to;
    return text == NULL || duration_parse(text, strlen(text), &q->periods.months, &q->periods.microseconds) ||
           error_set(e, ERROR_BAD_REQUEST_DATA,
                     "aggrPeriodDuration=%.40s is no duration; write PT1H, P1D or P1M",
                     "aggrPeriodDuration=%.40s 不是时长；请写成 PT1H、P1D 或 P1M", text);
}

static bool read_format(struct temporal_query *q, struct call *c, const struct temporal_text *t,
                        struct error *e)
{
    q->format = c->options & CALL_AGGREGATED_VALUES                                   ? TEMPORAL_AGGREGATED
                : c->options & CALL_TEMPORAL_VALUES || c->format == RENDER_SIMPLIFIED ? TEMPORAL_VALUES
                                                                                      : TEMPORAL_NORMALIZED;
    if (q->format == TEMPORAL_AGGREGATED) {
        return temporal_methods_parse(t->methods, &q->methods, e) && read_periods(q, t->period, e);
    }
    return (t->methods == NULL && t->period == NULL) ||
           error_set(e, ERROR_BAD_REQUEST_DATA,
                     "aggrMethods and aggrPeriodDuration need format=aggregatedValues",
                     "aggrMethods 和 aggrPeriodDuration 需要 format=aggregatedValues");
}

bool temporal_query_compile(struct temporal_query *q, struct call *c, const struct temporal_text *text,
                            bool must_have_range, struct error *e)
{
    *q = (struct temporal_query){.store = c->space->store, .last_n = text->last_n};
    return read_range(q, text, must_have_range, e) && read_property(q, text->property, e) &&
           read_format(q, c, text, e);
}

static struct temporal_text text_of_range(struct request *r)
{
    return (struct temporal_text){.relation = request_query(r, "timerel"),
                                  .at = request_query(r, "timeAt"),
                                  .end_at = request_query(r, "endTimeAt")};
}

bool temporal_range_read(struct call *c, bool required, instant *from, instant *to, struct error *e)
{
    struct temporal_query q = {0};
    struct temporal_text text = text_of_range(c->request);
    if (!read_range(&q, &text, required, e)) {
        return false;
    }
    *from = q.from;
    *to = q.to;
    return true;
}

bool temporal_query_read(struct temporal_query *q, struct call *c, bool must_have_range, struct error *e)
{
    struct request *r = c->request;
    struct temporal_text text = text_of_range(r);
    text.property = request_query(r, "timeproperty");
    text.methods = request_query(r, "aggrMethods");
    text.period = request_query(r, "aggrPeriodDuration");
    if (!request_query_int(r, "lastN", 1, LIMIT_TEMPORAL_POINTS, 0, &text.last_n, e) ||
        !temporal_query_compile(q, c, &text, must_have_range, e)) {
        return false;
    }
    q->explicit_attributes = request_query(r, "pick") != NULL || request_query(r, "attrs") != NULL;
    return call_render(c, &q->render, e) && temporal_check_projection(&q->render, e);
}

bool temporal_check_projection(const struct render *r, struct error *e)
{
    bool linked = (r->pick_tree != NULL && r->pick_tree->depth > 0) ||
                  (r->omit_tree != NULL && r->omit_tree->depth > 0);
    return !linked || error_set(e, ERROR_BAD_REQUEST_DATA,
                                "Histories know no linked entities: pick and omit have no braces here",
                                "历史不支持关联实体：此处 pick 和 omit 不能含花括号");
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
