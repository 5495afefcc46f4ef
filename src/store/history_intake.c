/* SPDX-License-Identifier: Apache-2.0 */
/* Taking records of the log into open buffers, one a series. */
#include "store/history.h"

#include <string.h>

void series_free(void *data)
{
    struct series *s = data;
    g_array_unref(s->open);
    g_free(s);
}

GArray *point_array(void)
{
    GArray *points = g_array_new(FALSE, TRUE, sizeof(struct point));
    g_array_set_clear_func(points, point_clear);
    return points;
}

static const char *name_in(struct history *h, const char *text)
{
    return text != NULL ? g_string_chunk_insert_const(h->names, text) : NULL;
}

static struct series *series_new(struct history *h, int64_t sid, const char *attribute, const char *dataset,
                                 const char *type, const char *unit, bool observed)
{
    struct series *s = g_new0(struct series, 1);
    s->sid = sid;
    s->attribute = name_in(h, attribute);
    s->dataset = name_in(h, dataset);
    s->type = name_in(h, type);
    s->unit = name_in(h, unit);
    s->observed = observed;
    s->open = point_array();
    return s;
}

/* The series of an entity, read from the table at first touch. */
static GPtrArray *entity_series(struct history *h, const char *id)
{
    GPtrArray *all = g_hash_table_lookup(h->entities, id);
    if (all != NULL) {
        return all;
    }
    all = g_ptr_array_new_with_free_func(series_free);
    sqlite3_bind_text(h->series_of, 1, id, -1, SQLITE_STATIC);
    while (sqlite3_step(h->series_of) == SQLITE_ROW) {
        sqlite3_stmt *st = h->series_of;
        g_ptr_array_add(all,
                        series_new(h, sqlite3_column_int64(st, 0), column_text(st, 1), column_text(st, 2),
                                   column_text(st, 3), column_text(st, 4), sqlite3_column_int(st, 5) != 0));
    }
    sqlite3_reset(h->series_of);
    g_hash_table_insert(h->entities, g_strdup(id), all);
    return all;
}

struct series *find_series(const GPtrArray *all, const char *attribute, const char *dataset)
{
    for (guint i = 0; all != NULL && i < all->len; i++) {
        struct series *s = all->pdata[i];
        if (strcmp(s->attribute, attribute) == 0 && strcmp(s->dataset, dataset) == 0) {
            return s;
        }
    }
    return NULL;
}

static void note(struct history *h, const char **kept, const char *now, bool *changed)
{
    if (g_strcmp0(*kept, now) != 0) {
        *kept = name_in(h, now);
        *changed = true;
    }
}

/* Puts p at its place; a point of the same time is replaced. Returns true when the buffer grew. */
static bool insert_point(GArray *open, struct point p)
{
    guint n = open->len;
    struct point *points = (struct point *)(void *)open->data;
    if (n == 0 || points[n - 1].at < p.at) {
        g_array_append_val(open, p);
        return true;
    }
    guint low = 0;
    while (low < n) {
        guint middle = (low + n) / 2;
        if (points[middle].at < p.at) {
            low = middle + 1;
        } else {
            n = middle;
        }
    }
    if (points[low].at == p.at) {
        g_free(points[low].text);
        points[low] = p;
        return false;
    }
    g_array_insert_val(open, low, p);
    return true;
}

static const struct json *value_of(const struct json *instance)
{
    static const char *const members[] = {"value", "object",    "languageMap", "vocab",
                                          "json",  "valueList", "objectList"};
    for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
        const struct json *v = json_get(instance, members[i]);
        if (v != NULL) {
            return v;
        }
    }
    return NULL;
}

static void take_instance(struct history *h, GPtrArray *all, const char *attribute,
                          const struct json *instance, instant at)
{
    const struct json *value = value_of(instance);
    const char *dataset = json_get_string(instance, "datasetId");
    const char *type = json_get_string(instance, "type");
    const struct json *observed = json_get(instance, "observedAt");
    if (value == NULL) {
        return;
    }
    struct point p = {.at = at};
    bool has_time =
        json_is(observed, JSON_STRING) && instant_parse(observed->string, observed->length, NULL, &p.at);
    if (json_is_number(value)) {
        p.number = json_number(value);
    } else {
        GString *text = g_string_new(NULL);
        json_write(text, value);
        p.text = g_string_free(text, FALSE);
    }
    dataset = dataset != NULL ? dataset : "";
    type = type != NULL ? type : "Property";
    struct series *s = find_series(all, attribute, dataset);
    if (s == NULL) {
        s = series_new(h, h->next_sid++, attribute, dataset, type, json_get_string(instance, "unitCode"),
                       has_time);
        s->unsaved = true;
        g_ptr_array_add(all, s);
    } else {
        note(h, &s->type, type, &s->unsaved);
        note(h, &s->unit, json_get_string(instance, "unitCode"), &s->unsaved);
        s->unsaved |= s->observed != has_time;
        s->observed = has_time;
    }
    h->open_points += insert_point(s->open, p);
    counter_add(&store_counters[COUNT_POINTS], 1);
}

void history_take(struct history *h, const struct json *record)
{
    const char *id = json_get_string(record, "id");
    const struct json *attrs = json_get(record, "attrs");
    if (id == NULL || json_first(attrs) == NULL) {
        return;
    }
    instant at = json_get_int(record, "time", json_get_int(record, "at", 0));
    GPtrArray *all = entity_series(h, id);
    for (const struct json *attribute = json_first(attrs); attribute != NULL; attribute = attribute->next) {
        if (attribute->type == JSON_ARRAY) {
            for (const struct json *i = attribute->first; i != NULL; i = i->next) {
                take_instance(h, all, attribute->key, i, at);
            }
        } else {
            take_instance(h, all, attribute->key, attribute, at);
        }
    }
}
