/* SPDX-License-Identifier: Apache-2.0 */
/* Count, sum, extremes, first and last of a series, window by window. */
#include "store/history.h"

#include <string.h>

static void add(struct history_statistics *s, const struct history_point *p)
{
    s->count++;
    if (!p->is_number) {
        return;
    }
    if (s->numbers == 0) {
        s->first = s->min = s->max = p->number;
        s->first_at = p->at;
    }
    s->numbers++;
    s->sum += p->number;
    s->sumsq += p->number * p->number;
    s->min = MIN(s->min, p->number);
    s->max = MAX(s->max, p->number);
    s->last = p->number;
    s->last_at = p->at;
}

bool store_history_statistics(struct store *s, const char *entity, const char *attribute, const char *dataset,
                              const instant *bounds, int windows, struct history_statistics *out,
                              struct error *e)
{
    struct error failure = {0};
    struct history_point p;
    int window = 0;
    memset(out, 0, sizeof *out * (size_t)windows);
    struct history_iterator *i =
        store_history_iterate(s, entity, attribute, dataset, bounds[0], bounds[windows], false);
    while (history_iterator_next(i, &p, &failure)) {
        while (p.at >= bounds[window + 1]) {
            window++;
        }
        add(&out[window], &p);
    }
    history_iterator_free(i);
    if (failure.code != ERROR_NONE && e != NULL) {
        *e = failure;
    }
    return failure.code == ERROR_NONE;
}
