/* SPDX-License-Identifier: Apache-2.0 */
/* Aggregation of a history over periods (ETSI GS CIM 009 V1.9.1, 4.5.19), point by point. */
#pragma once

#include <glib.h>

#include "base/arena.h"
#include "base/instant.h"
#include "store/store.h"
#include "json/json.h"

enum temporal_method {
    METHOD_TOTAL_COUNT = 1,
    METHOD_DISTINCT_COUNT = 2,
    METHOD_SUM = 4,
    METHOD_AVG = 8,
    METHOD_MIN = 16,
    METHOD_MAX = 32,
    METHOD_STDDEV = 64, /* of the values themselves (divided by n) */
    METHOD_SUMSQ = 128,
};
/* "avg,max" as flags; false with ERROR_BAD_REQUEST_DATA for an unknown name or none. */
bool temporal_methods_parse(const char *text, unsigned *methods, struct error *e);

/* The periods of a query: consecutive, each months long (by the calendar of UTC+8) plus microseconds. Both 0:
 * one period for the whole range. */
struct temporal_periods {
    int months;
    int64_t microseconds;
    bool has_start, has_end; /* the query gives them; else the points do */
    instant start, end;
};

/* Takes the points of one series in ascending order. Periods without points do not appear in the result. */
struct temporal_aggregate;
struct temporal_aggregate *temporal_aggregate_new(struct arena *a, const struct temporal_periods *periods,
                                                  unsigned methods, bool is_relationship);
void temporal_aggregate_free(struct temporal_aggregate *g); /* NULL is fine */
/* False with e set when there are too many periods or distinct values. */
bool temporal_aggregate_add(struct temporal_aggregate *g, const struct history_point *p, struct error *e);
/* The periods that points from first to last fall into, as ascending times: period i begins at the i-th and
 * ends at the next. NULL when they are too many. Before any point. */
GArray *temporal_aggregate_bounds(struct temporal_aggregate *g, instant first, instant last);
/* Takes one of them with what is known of its points, which all are numbers. For methods other than
 * distinctCount and stddev. */
void temporal_aggregate_window(struct temporal_aggregate *g, instant start, instant end,
                               const struct history_statistics *s);
/* Takes the figures of an hour or day whose points are not kept any more, in the same order by their start:
 * all of them count in the period that holds it, but not as distinct values. */
bool temporal_aggregate_add_figures(struct temporal_aggregate *g, const struct history_figures *f,
                                    struct error *e);
/* Ends the last period. result is an object: method → [[value, start, end], …], in the arena; only methods
 * that apply to the kind of the values have a member. */
struct json *temporal_aggregate_finish(struct temporal_aggregate *g);
