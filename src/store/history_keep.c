/* SPDX-License-Identifier: Apache-2.0 */
/* How long the points of a type are kept: older ones become figures of their hours, those become figures of
 * their days, and these go. One entity at a time, in the transaction of its row, so that a point is never
 * counted twice. */
#include <string.h>

#include "store/history.h"

#define DAY (24 * 3600 * INSTANT_SECOND)

/* ---- policies ---- */

static void free_policy(void *policy)
{
    g_free((char *)((struct history_policy *)policy)->type);
    g_free(policy);
}

void store_history_policies(struct store *s, const struct history_policy *policies, int count)
{
    struct history *h = s->history;
    GHashTable *all = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_policy);
    for (int i = 0; i < count; i++) {
        struct history_policy *p = g_memdup2(&policies[i], sizeof *p);
        p->type = g_strdup(policies[i].type);
        g_hash_table_replace(all, (void *)p->type, p);
    }
    g_mutex_lock(&h->lock);
    GHashTable *old = h->policies;
    h->policies = all;
    h->untended = true;
    g_mutex_unlock(&h->lock);
    g_clear_pointer(&old, g_hash_table_unref);
}

/* Of several types the longest stands; a type without a policy keeps all. */
static bool policy_of(struct history *h, uint32_t types, struct history_policy *out)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&h->lock);
    const struct name *name = names_get(h->names, types);
    *out = (struct history_policy){0};
    if (h->policies == NULL || name == NULL) {
        return false;
    }
    for (const char *type = name->bytes; type < name->bytes + name->length; type += strlen(type) + 1) {
        const struct history_policy *p = g_hash_table_lookup(h->policies, type);
        if (p == NULL) {
            return false;
        }
        out->keep = MAX(out->keep, p->keep);
        out->hour = MAX(out->hour, p->hour);
        out->day = MAX(out->day, p->day);
    }
    return true;
}

/* ---- applying one ---- */

struct keeping {
    struct history *h;
    const struct history_policy *policy;
    instant now;
    bool changed;
};

/* The beginning of the day before which things are too old. */
static instant border(const struct keeping *k, int64_t span)
{
    return span == INT64_MAX ? INT64_MIN : period_start(FIGURES_DAY, k->now - MIN(span, k->now));
}

static bool has_older(const GArray *points, instant before)
{
    return points->len > 0 && g_array_index(points, struct point, 0).at < before;
}

/* The points before a time, chunk by chunk, into periods. */
static void gather(struct keeping *k, const struct row_series *s, int level, instant before, GArray *periods)
{
    g_autoptr(GArray) list = chunks_list(k->h, s->sid);
    for (guint i = 0; i < list->len; i++) {
        const struct chunk_place *c = &g_array_index(list, struct chunk_place, i);
        g_autoptr(GArray) points = point_array();
        if (c->start >= before || !chunk_read(k->h, s->sid, c->start, points)) {
            continue;
        }
        guint n = points->len;
        while (n > 0 && g_array_index(points, struct point, n - 1).at >= before) {
            n--;
        }
        g_array_set_size(points, n);
        periods_add_points(periods, level, points);
    }
}

/* Points too old leave the chunks; their figures stay when the policy has any. */
static bool keep_points(struct keeping *k, struct row_series *s, struct error *e)
{
    instant before = border(k, k->policy->keep);
    g_autoptr(GArray) tail = point_array();
    tail_read(s, tail);
    if (has_older(tail, before) && !history_spill(k->h, s, e)) {
        return false;
    }
    k->changed |= has_older(tail, before);
    if (s->sid == 0 || chunks_first(k->h, s->sid) >= before) {
        return true;
    }
    int64_t taken = 0;
    int level = k->policy->hour > 0 ? FIGURES_HOUR : FIGURES_DAY;
    g_autoptr(GArray) periods = g_array_new(FALSE, TRUE, sizeof(struct period));
    if (k->policy->hour > 0 || k->policy->day > 0) {
        gather(k, s, level, before, periods);
    }
    k->changed = true;
    s->rolled |= periods->len > 0;
    bool ok = figures_add(k->h, s->sid, level, periods, e) &&
              chunks_remove(k->h, s->sid, INT64_MIN, before, &taken, e);
    s->stored = MAX(s->stored - taken, 0);
    return ok;
}

static void into_day(void *user, const struct period *p)
{
    periods_add(user, FIGURES_DAY, &p->s, p->start);
}

/* Hours too old become days, days too old go. */
static bool keep_figures(struct keeping *k, struct row_series *s, struct error *e)
{
    instant hours = k->policy->hour > 0 ? border(k, k->policy->hour) : INT64_MAX;
    instant days = k->policy->day > 0 ? border(k, k->policy->day) : INT64_MAX;
    g_autoptr(GArray) periods = g_array_new(FALSE, TRUE, sizeof(struct period));
    if (!s->rolled) {
        return true;
    }
    if (figures_each(k->h->db, s->sid, FIGURES_HOUR, INT64_MIN, hours, into_day, periods)) {
        k->changed = true;
        if ((k->policy->day > 0 && !figures_add(k->h, s->sid, FIGURES_DAY, periods, e)) ||
            !figures_remove(k->h, s->sid, FIGURES_HOUR, INT64_MIN, hours, e)) {
            return false;
        }
    }
    g_array_set_size(periods, 0);
    if (figures_each(k->h->db, s->sid, FIGURES_DAY, INT64_MIN, days, into_day, periods)) {
        k->changed = true;
        if (!figures_remove(k->h, s->sid, FIGURES_DAY, INT64_MIN, days, e)) {
            return false;
        }
    }
    s->rolled = figures_any(k->h, s->sid);
    return true;
}

bool history_keep(struct history *h, struct row *row, instant now, bool *changed, struct error *e)
{
    struct history_policy policy;
    struct keeping k = {.h = h, .policy = &policy, .now = now};
    if (!policy_of(h, row->types, &policy)) {
        return true;
    }
    for (guint i = row->series->len; i > 0; i--) {
        struct row_series *s = &g_array_index(row->series, struct row_series, i - 1);
        if (!keep_points(&k, s, e) || !keep_figures(&k, s, e)) {
            return false;
        }
        if (series_is_empty(h, s)) {
            g_array_remove_index(row->series, i - 1);
        }
    }
    *changed |= k.changed;
    return true;
}
