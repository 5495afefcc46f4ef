/* SPDX-License-Identifier: Apache-2.0 */
/* Counters and gauges, each defined once with its sentence; /metrics and the manual come from the same table.
 */
#pragma once

#include <stdint.h>

#include <glib.h>

enum counter_kind { COUNTER_COUNTER, COUNTER_GAUGE };

/* One number of a module, e.g. a static array element
 * { "zhongshu_http_requests_total", COUNTER_COUNTER, "Requests answered", "已应答的请求数" }.
 * value is the only field that changes; use counter_add and counter_set. */
struct counter {
    const char *name; /* Prometheus name */
    enum counter_kind kind;
    const char *en;
    const char *zh;
    int64_t value;
};

void counter_add(struct counter *c, int64_t n);
void counter_set(struct counter *c, int64_t n);

/* Makes n counters (static memory) known to /metrics. Called once at start by their module; calling it again
 * with the same array does nothing. */
void counters_register(struct counter *counters, int n);
/* Appends all registered counters in the Prometheus text format 0.0.4. */
void counters_write(GString *out);
