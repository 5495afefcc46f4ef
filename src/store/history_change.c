/* SPDX-License-Identifier: Apache-2.0 */
/* Corrections of what is already history: records of the log of their own, so that they outlast a crash, and
 * the names of single points. */
#include "store/history.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- the record ---- */

static void append_text(GString *out, const char *name, const char *text)
{
    if (text != NULL) {
        g_string_append_printf(out, ",\"%s\":", name);
        json_write_string(out, text, strlen(text));
    }
}

static void append_drop(GString *out, const struct history_change *c)
{
    g_string_append_printf(out, ",\"drop\":[{\"from\":%" PRId64 ",\"to\":%" PRId64, c->from, c->to);
    append_text(out, "attribute", c->attribute);
    append_text(out, "dataset", c->dataset);
    g_string_append(out, "}]");
}

uint64_t txn_history_change(struct txn *t, const struct history_change *c)
{
    g_autoptr(GString) out = g_string_new("{\"op\":\"history\",\"late\":true");
    append_text(out, "id", c->entity);
    if (c->types != NULL) {
        g_string_append(out, ",\"type\":");
        json_write(out, c->types);
    }
    g_string_append_printf(out, ",\"at\":%" PRId64, txn_now(t));
    if (c->from < c->to) {
        append_drop(out, c);
    }
    if (c->instance != NULL) {
        g_assert(c->attribute != NULL);
        g_string_append_printf(out, ",\"time\":%" PRId64 ",\"attrs\":{", c->at);
        json_write_string(out, c->attribute, strlen(c->attribute));
        g_string_append_c(out, ':');
        json_write(out, c->instance);
        g_string_append_c(out, '}');
    }
    append_text(out, "by", c->by);
    g_string_append_c(out, '}');
    return txn_log(t, out->str, out->len);
}

struct delete_job {
    struct store_job job;
    struct history_change change;
};

static bool apply_delete(struct store_job *job, struct txn *t, struct error *e)
{
    txn_history_change(t, &((struct delete_job *)job)->change);
    return true;
}

bool store_history_delete(struct store *s, const char *entity, const char *attribute, const char *dataset,
                          struct error *e)
{
    struct delete_job d = {.job = {.apply = apply_delete},
                           .change = {.entity = entity,
                                      .attribute = attribute,
                                      .dataset = attribute != NULL && dataset == NULL ? "" : dataset,
                                      .from = INT64_MIN,
                                      .to = INT64_MAX}};
    if (!store_run(s, &d.job, e)) {
        return false;
    }
    history_catch_up(s->history);
    return true;
}

/* ---- taking points away ---- */

bool is_history_drop(const struct json *record)
{
    return json_get(record, "drop") != NULL && json_streq(json_get(record, "op"), "history");
}

/* Empties a tail of the points with from <= at < to. */
static void drop_from_tail(struct row_series *s, instant from, instant to)
{
    g_autoptr(GArray) points = point_array();
    g_autoptr(GArray) left = g_array_new(FALSE, FALSE, sizeof(struct point));
    tail_read(s, points);
    for (guint i = 0; i < points->len; i++) {
        const struct point *p = &g_array_index(points, struct point, i);
        if (p->at < from || p->at >= to) {
            g_array_append_vals(left, p, 1);
        }
    }
    if (left->len < points->len) {
        tail_set(s, left);
    }
}

/* Figures of hours and days that lie wholly in the range go; those at its borders cannot be divided and stay.
 */
static bool drop_figures(struct history *h, struct row_series *s, instant from, instant to, struct error *e)
{
    for (int level = FIGURES_HOUR; level <= FIGURES_DAY && s->rolled; level++) {
        instant first = from == INT64_MIN ? from : period_start(level, from - 1);
        first = from == INT64_MIN ? from : period_end(level, first);
        instant end = to == INT64_MAX ? to : period_start(level, to);
        if (first < end && !figures_remove(h, s->sid, level, first, end, e)) {
            return false;
        }
    }
    s->rolled = s->rolled && figures_any(h, s->sid);
    return true;
}

static bool drop_from_series(struct history *h, struct row_series *s, instant from, instant to,
                             struct error *e)
{
    int64_t taken = 0;
    drop_from_tail(s, from, to);
    if (s->sid != 0 && (!chunks_remove(h, s->sid, from, to, &taken, e) || !drop_figures(h, s, from, to, e))) {
        return false;
    }
    s->stored = from == INT64_MIN && to == INT64_MAX ? 0 : MAX(s->stored - taken, 0);
    return true;
}

static bool is_meant(const struct row_series *s, const struct json *drop)
{
    const char *attribute = json_get_string(drop, "attribute");
    const char *dataset = json_get_string(drop, "dataset");
    return (attribute == NULL || strcmp(attribute, s->key.attribute) == 0) &&
           (dataset == NULL || strcmp(dataset, s->key.dataset) == 0);
}

static bool drop_from_row(struct history *h, struct row *row, const struct json *drop, struct error *e)
{
    instant from = json_get_int(drop, "from", INT64_MIN);
    instant to = json_get_int(drop, "to", INT64_MAX);
    for (guint i = row->series->len; i > 0; i--) {
        struct row_series *s = &g_array_index(row->series, struct row_series, i - 1);
        if (!is_meant(s, drop)) {
            continue;
        }
        if (!drop_from_series(h, s, from, to, e)) {
            return false;
        }
        if (series_is_empty(h, s)) {
            g_array_remove_index(row->series, i - 1);
        }
    }
    return true;
}

static bool drop_all(struct history *h, const char *id, const struct json *record, struct error *e)
{
    struct row row;
    bool ok = history_row(h, id, &row, e);
    history_row_add(h, open_set_get(h->open, id, false), &row);
    for (const struct json *d = json_first(json_get(record, "drop")); ok && d != NULL; d = d->next) {
        ok = drop_from_row(h, &row, d, e);
    }
    ok = ok && history_row_put(h, id, &row, e);
    row_clear(&row);
    return ok;
}

static void forget(struct open_set *o, const char *id)
{
    struct open_entity *x = o != NULL ? open_set_get(o, id, false) : NULL;
    if (x != NULL) {
        x->newest = NULL;
    }
}

bool history_drop(struct history *h, const struct json *record, struct error *e)
{
    const char *id = json_get_string(record, "id");
    if (id == NULL) {
        return true;
    }
    if (!history_begin(h, e) || !drop_all(h, id, record, e)) {
        history_undo(h);
        return false;
    }
    if (!history_commit(h, e)) {
        return false;
    }
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&h->lock);
    forget(h->frozen, id);
    forget(h->open, id);
    h->ahead = h->seen;
    return true;
}

/* ---- names of points ---- */

#define INSTANCE_PREFIX "urn:ngsi-ld:Instance:"

/* FNV-1a, 64 bits, the terminating zero included. */
static uint64_t hash_on(uint64_t hash, const char *text)
{
    do {
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    } while (*text++ != '\0');
    return hash;
}

static uint64_t series_hash(const char *entity, const char *attribute, const char *dataset)
{
    return hash_on(hash_on(hash_on(UINT64_C(0xcbf29ce484222325), entity), attribute),
                   dataset != NULL ? dataset : "");
}

char *history_instance_id(const char *entity, const char *attribute, const char *dataset, instant at,
                          char out[HISTORY_INSTANCE_ID])
{
    g_snprintf(out, HISTORY_INSTANCE_ID, INSTANCE_PREFIX "%016" PRIx64 ":%" PRId64,
               series_hash(entity, attribute, dataset), at);
    return out;
}

bool history_instance_at(const char *id, const char *entity, const char *attribute, const char *dataset,
                         instant *at)
{
    char again[HISTORY_INSTANCE_ID];
    const char *time = strrchr(id, ':');
    if (!g_str_has_prefix(id, INSTANCE_PREFIX) || time == NULL) {
        return false;
    }
    instant found = g_ascii_strtoll(time + 1, NULL, 10);
    if (strcmp(history_instance_id(entity, attribute, dataset, found, again), id) != 0) {
        return false;
    }
    *at = found;
    return true;
}
