/* SPDX-License-Identifier: Apache-2.0 */
/* Narrowing queries by ids, types, scope, place and indexed attributes. */
#include "context/query/plan.h"

#include <inttypes.h>
#include <string.h>

#include "base/limits.h"

static int time_limit;

void plan_time_limit(int seconds)
{
    time_limit = seconds;
}

gint64 plan_deadline(void)
{
    return time_limit > 0 ? g_get_monotonic_time() + time_limit * G_TIME_SPAN_SECOND : 0;
}

/* ---- ids and types ---- */

/* All the ids, when every selector has some. */
static void narrow_ids(const struct entity_query *q, struct arena *a, struct store_query *out)
{
    int total = 0;
    for (int i = 0; i < q->selectors_count; i++) {
        if (q->selectors[i].ids_count == 0) {
            return;
        }
        total += q->selectors[i].ids_count;
    }
    if (total == 0 || total > LIMIT_QUERY_IDS) {
        return;
    }
    const char **ids = arena_array(a, const char *, total);
    for (int i = 0; i < q->selectors_count; i++) {
        for (int k = 0; k < q->selectors[i].ids_count; k++) {
            ids[out->ids_count++] = q->selectors[i].ids[k];
        }
    }
    out->ids = ids;
}

static bool listed(const GPtrArray *names, const char *name)
{
    return g_ptr_array_find_with_equal_func((GPtrArray *)names, name, g_str_equal, NULL);
}

/* All the types, when every selector names some. */
static void narrow_types(const struct entity_query *q, struct arena *a, struct store_query *out)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    for (int i = 0; i < q->selectors_count; i++) {
        int count = 0;
        const struct type_query *type = q->selectors[i].type;
        const char *const *types = type != NULL ? type_query_any_of(type, &count) : NULL;
        if (types == NULL) {
            return;
        }
        for (int k = 0; k < count; k++) {
            if (!listed(all, types[k])) {
                g_ptr_array_add(all, (gpointer)types[k]);
            }
        }
    }
    if (all->len > 0 && all->len <= LIMIT_QUERY_IDS) {
        const char **types = arena_array(a, const char *, all->len);
        memcpy(types, all->pdata, all->len * sizeof *types);
        out->types = types;
        out->types_count = (int)all->len;
    }
}

/* ---- indexed attributes ---- */

static struct store_range range_of(const struct q_bound *b)
{
    static const enum store_value_kind kinds[] = {[Q_BOUND_NUMBER] = STORE_NUMBER,
                                                  [Q_BOUND_TEXT] = STORE_TEXT,
                                                  [Q_BOUND_BOOL] = STORE_BOOL,
                                                  [Q_BOUND_TIME] = STORE_TIME};
    return (struct store_range){kinds[b->kind], b->has_low,   b->has_high, b->low,    b->high,
                                b->low_text,    b->high_text, b->low_at,   b->high_at};
}

/* The condition by the index of each type; false when one of them has none that is complete. */
static bool values_of(const struct q_condition *c, struct view *v, struct arena *a,
                      const struct store_query *q, struct store_values *out)
{
    int64_t *indexes = arena_array(a, int64_t, q->types_count);
    for (int i = 0; i < q->types_count; i++) {
        indexes[i] = view_index_find(v, q->types[i], c->attribute);
        if (indexes[i] == 0) {
            return false;
        }
    }
    struct store_range *ranges = arena_array(a, struct store_range, c->count);
    for (int i = 0; i < c->count; i++) {
        ranges[i] = range_of(&c->any_of[i]);
    }
    *out = (struct store_values){indexes, q->types_count, ranges, c->count};
    return true;
}

static void narrow_values(const struct entity_query *q, struct view *v, struct arena *a,
                          struct store_query *out)
{
    struct q_condition conditions[STORE_VALUES_MOST];
    if (q->q == NULL || out->types_count == 0 || out->ids_count > 0) {
        return;
    }
    int count = q_conditions(q->q, a, conditions, STORE_VALUES_MOST);
    struct store_values *values = arena_array(a, struct store_values, count + 1);
    for (int i = 0; i < count; i++) {
        out->values_count += values_of(&conditions[i], v, a, out, &values[out->values_count]);
    }
    out->values = values;
}

/* ---- all of it ---- */

bool plan_narrow(const struct entity_query *q, struct view *v, struct arena *a, struct store_query *out)
{
    bool exact =
        q->q == NULL && q->scope == NULL && q->geo == NULL && q->attrs == NULL && q->selectors_count <= 1;
    for (int i = 0; i < q->selectors_count; i++) {
        const struct entity_selector *s = &q->selectors[i];
        exact = exact && s->id_pattern == NULL && (s->type == NULL || s->type_exact);
    }
    narrow_ids(q, a, out);
    narrow_types(q, a, out);
    if (q->scope != NULL) {
        out->scope = scope_query_prefix(q->scope);
    }
    if (q->geo != NULL && (q->geo_property == NULL || strcmp(q->geo_property, "location") == 0)) {
        out->box = geo_query_box(q->geo);
    } else if (q->box != NULL) {
        out->box = q->box;
    }
    narrow_values(q, v, a, out);
    out->loose = !exact && q->box == NULL; /* a box of its own is checked by the index alone */
    return exact;
}

bool plan_is_scan(const struct query_page *page, int64_t returned)
{
    enum store_path path = page->plan.options[page->plan.chosen].path;
    bool walk = path == STORE_BY_ALL || path == STORE_BY_TYPE || path == STORE_BY_TYPES;
    return walk && page->looked && page->plan.examined - returned > LIMIT_SCAN_SILENT;
}

const char *plan_header(struct arena *a, const struct query_page *page, int64_t returned)
{
    return arena_printf(a, "full-scan; examined=%" PRId64 "; returned=%" PRId64 "; see=\"/api/v1/explain\"",
                        page->plan.examined, returned);
}
