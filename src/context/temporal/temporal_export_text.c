/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of an export as CSV, as JSON lines, or as the Features of a GeoJSON collection. */
#include <string.h>

#include "base/table.h"
#include "context/entity/entity.h"
#include "context/temporal/temporal_export.h"

const char *const export_formats[] = {
    [EXPORT_CSV] = "csv", [EXPORT_LINES] = "ndjson", [EXPORT_GEOJSON] = "geojson", NULL};

const char *export_content_type(const struct export_plan *p)
{
    static const char *const types[] = {[EXPORT_CSV] = "text/csv; charset=utf-8; header=present",
                                        [EXPORT_LINES] = "application/x-ndjson",
                                        [EXPORT_GEOJSON] = "application/geo+json"};
    return p->gb18030 ? "text/csv; charset=gb18030; header=present" : types[p->format];
}

/* ---- names, times and values ---- */

/* "pm25", "pm25#urn:d:2" for a dataset; "time#" where the bare name means something else here. */
static char *title_of(const struct export_plan *p, struct arena *a, const char *attribute,
                      const char *dataset)
{
    const char *name = p->ctx != NULL ? ld_compact(p->ctx, a, attribute) : attribute;
    bool taken = strcmp(name, "id") == 0 || strcmp(name, "type") == 0 || strcmp(name, "time") == 0;
    return arena_printf(a, "%s%s%s", name, *dataset != '\0' || taken ? "#" : "", dataset);
}

static const char *time_text(const struct export_plan *p, instant at, char out[INSTANT_TEXT])
{
    instant_format(p->local ? at + p->zone_minutes * 60 * INSTANT_SECOND : at, out);
    if (p->local) {
        out[strlen("2026-03-01")] = ' ';
        out[strlen(out) - 1] = '\0'; /* the Z */
    }
    return out;
}

static void value_text(GString *out, const struct export_plan *p, const struct export_value *v)
{
    temporal_render_value(out, v->series, v->point, &p->q.render);
}

/* A text of JSON stands without its quotes, anything else as JSON. */
static void csv_cell(GString *out, const struct export_plan *p, const struct export_value *v)
{
    arena_auto a = arena_new();
    g_autoptr(GString) text = g_string_new(NULL);
    value_text(text, p, v);
    const struct json *value = *text->str == '"' ? json_parse(a, text->str, text->len, NULL) : NULL;
    table_cell(out, json_is(value, JSON_STRING) ? value->string : text->str);
}

/* ---- CSV ---- */

static void csv_header(struct export_text *t)
{
    const struct export_plan *p = t->plan;
    arena_auto a = arena_new();
    if (!p->gb18030) {
        g_autoptr(GString) mark = table_new();
        g_string_append_len(t->out, mark->str, (gssize)mark->len);
    }
    if (p->many) {
        table_cell(t->out, p->chinese ? "编号" : "id");
    }
    table_cell(t->out, p->chinese ? "时间" : "time");
    for (guint i = 0; i < p->columns->len; i++) {
        const struct export_column *c = p->columns->pdata[i];
        table_cell(t->out, title_of(p, a, c->attribute, c->dataset));
    }
    table_end(t->out);
}

static void csv_row(struct export_text *t, const struct export_row *row)
{
    const struct export_plan *p = t->plan;
    char at[INSTANT_TEXT];
    g_autofree const struct export_value **cells = g_new0(const struct export_value *, p->columns->len + 1);
    for (int i = 0; i < row->count; i++) {
        int column = export_column_of(p, row->values[i].series);
        if (column >= 0) { /* else it came after the columns were chosen */
            cells[column] = &row->values[i];
        }
    }
    if (p->many) {
        table_cell(t->out, json_get_string(t->entity, "id"));
    }
    table_cell(t->out, time_text(p, row->at, at));
    for (guint i = 0; i < p->columns->len; i++) {
        if (cells[i] != NULL) {
            csv_cell(t->out, p, cells[i]);
        } else {
            table_cell(t->out, NULL);
        }
    }
    table_end(t->out);
}

/* ---- JSON ---- */

static void json_head(struct export_text *t, instant at)
{
    char text[INSTANT_TEXT];
    const struct json *types = json_get(t->entity, "type");
    const char *id = json_get_string(t->entity, "id");
    g_string_append(t->out, "{\"id\":");
    json_write_string(t->out, id, strlen(id));
    if (json_first(types) != NULL) {
        g_string_append(t->out, ",\"type\":");
        if (types->length > 1) {
            json_write(t->out, types);
        } else {
            arena_auto a = arena_new();
            struct render render = t->plan->q.render;
            render.arena = a;
            render_name(t->out, types->first->string, &render);
        }
    }
    g_string_append_printf(t->out, ",\"time\":\"%s\"", instant_format(at, text));
}

static void json_values(struct export_text *t, const struct export_row *row)
{
    arena_auto a = arena_new();
    for (int i = 0; i < row->count; i++) {
        const struct history_series *s = row->values[i].series;
        if (!export_is_place(t->plan, s)) {
            const char *title = title_of(t->plan, a, s->attribute, s->dataset);
            g_string_append_c(t->out, ',');
            json_write_string(t->out, title, strlen(title));
            g_string_append_c(t->out, ':');
            value_text(t->out, t->plan, &row->values[i]);
        }
    }
    g_string_append_c(t->out, '}');
}

/* ---- GeoJSON ---- */

static bool take_place(void *user, const struct history_point *p)
{
    struct export_text *t = user;
    if (p->is_number || temporal_is_deletion(p)) {
        return true;
    }
    t->geometry = g_strdup(p->text);
    return false;
}

/* Where the entity was before the first row; where it is now, when that is not kept. */
static void first_place(struct export_text *t)
{
    const struct export_plan *p = t->plan;
    g_clear_pointer(&t->geometry, g_free);
    if (p->q.from > INSTANT_MIN) {
        store_history_points(p->space->store, json_get_string(t->entity, "id"), p->geo_property, "",
                             INSTANT_MIN, p->q.from, true, take_place, t, NULL);
    }
    const struct json *attribute = t->geometry == NULL ? json_get(t->entity, p->geo_property) : NULL;
    const struct json *instance = attribute != NULL ? instance_find(attribute, NULL) : NULL;
    if (instance != NULL && instance_kind(instance) == KIND_GEO) {
        g_autoptr(GString) text = g_string_new(NULL);
        json_write(text, instance_value(instance));
        t->geometry = g_strdup(text->str);
    }
}

static void feature(struct export_text *t, const struct export_row *row)
{
    for (int i = 0; i < row->count; i++) {
        if (export_is_place(t->plan, row->values[i].series) && row->values[i].point->text != NULL) {
            g_free(t->geometry);
            t->geometry = g_strdup(row->values[i].point->text);
        }
    }
    g_string_append(t->out, t->some ? ",\n" : "\n");
    g_string_append(t->out, "{\"type\":\"Feature\",\"geometry\":");
    g_string_append(t->out, t->geometry != NULL ? t->geometry : "null");
    g_string_append(t->out, ",\"properties\":");
    json_head(t, row->at);
    json_values(t, row);
    g_string_append_c(t->out, '}');
    t->some = true;
}

/* ---- all of it ---- */

void export_begin(struct export_text *t)
{
    if (t->plan->format == EXPORT_CSV) {
        csv_header(t);
    } else if (t->plan->format == EXPORT_GEOJSON) {
        g_string_append(t->out, "{\"type\":\"FeatureCollection\",\"features\":[");
    }
}

void export_entity(struct export_text *t, const struct json *entity)
{
    t->entity = entity;
    if (t->plan->format == EXPORT_GEOJSON) {
        first_place(t);
    }
}

void export_row(struct export_text *t, const struct export_row *row)
{
    switch (t->plan->format) {
    case EXPORT_CSV: csv_row(t, row); break;
    case EXPORT_GEOJSON: feature(t, row); break;
    default:
        json_head(t, row->at);
        json_values(t, row);
        g_string_append_c(t->out, '\n');
    }
}

void export_end(struct export_text *t)
{
    if (t->plan->format == EXPORT_GEOJSON) {
        g_string_append(t->out, "\n]}\n");
    }
    g_clear_pointer(&t->geometry, g_free);
}
