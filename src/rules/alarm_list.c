/* SPDX-License-Identifier: Apache-2.0 */
/* Finds alarms and shows them. */
#include "rules/alarm_list.h"

#include <string.h>

#include "base/table.h"
#include "hub/section.h"
#include "rules/definition.h"

/* ---- the index ---- */

/* Texts but the id are interned. */
struct row {
    char *id;
    const char *rule, *status, *type, *scope;
    instant started, cleared;
    int severity; /* enum severity; -1 = none */
};

struct alarm_index {
    GMutex lock;
    GHashTable *rows; /* id → struct row */
};

static void row_free(void *row)
{
    g_free(((struct row *)row)->id);
    g_free(row);
}

struct alarm_index *alarm_index_new(void)
{
    struct alarm_index *index = g_new0(struct alarm_index, 1);
    g_mutex_init(&index->lock);
    index->rows = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, row_free);
    return index;
}

void alarm_index_free(struct alarm_index *index)
{
    if (index != NULL) {
        g_hash_table_unref(index->rows);
        g_mutex_clear(&index->lock);
        g_free(index);
    }
}

static const char *time_text(const struct json *alarm, const char *name)
{
    const struct json *value = context_value(alarm, name);
    return json_is(value, JSON_STRING) ? value->string : json_get_string(value, "@value");
}

static instant time_of(const struct json *alarm, const char *name)
{
    const char *text = time_text(alarm, name);
    instant t = INSTANT_MIN;
    if (text != NULL) {
        instant_parse(text, strlen(text), NULL, &t);
    }
    return t;
}

static const char *interned(const struct json *alarm, const char *name)
{
    return g_intern_string(context_string(alarm, name));
}

void alarm_index_put(struct alarm_index *index, const struct json *alarm)
{
    const struct json *scope = json_first(json_get(alarm, "scope"));
    enum severity severity;
    struct row *row = g_new0(struct row, 1);
    row->id = g_strdup(json_get_string(alarm, "id"));
    row->rule = interned(alarm, "rule");
    row->status = interned(alarm, "status");
    row->type = interned(alarm, "sourceType");
    row->scope = json_is(scope, JSON_STRING) ? g_intern_string(scope->string) : NULL;
    row->started = time_of(alarm, "startedAt");
    row->cleared = time_of(alarm, "clearedAt");
    row->severity = severity_parse(context_string(alarm, "severity"), &severity) ? (int)severity : -1;
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&index->lock);
    g_hash_table_replace(index->rows, row->id, row);
}

void alarm_index_remove(struct alarm_index *index, const char *id)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&index->lock);
    g_hash_table_remove(index->rows, id);
}

/* ---- which ---- */

/* A comma-separated list; NULL takes everything. */
static bool among(char **list, const char *value)
{
    return list == NULL || (value != NULL && g_strv_contains((const char *const *)list, value));
}

static char **list_of(const char *text)
{
    return text != NULL ? g_strsplit(text, ",", 20) : NULL;
}

/* The rows that match all but the text, copied into the arena. */
static GArray *rows_of(struct alarm_index *index, struct arena *a, const struct alarm_query *q)
{
    g_auto(GStrv) status = list_of(q->status), severity = list_of(q->severity), rule = list_of(q->rule),
                  type = list_of(q->type);
    GArray *rows = g_array_new(FALSE, FALSE, sizeof(struct row));
    GHashTableIter i;
    void *value;
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&index->lock);
    g_hash_table_iter_init(&i, index->rows);
    while (g_hash_table_iter_next(&i, NULL, &value)) {
        struct row row = *(struct row *)value;
        const char *name = row.severity >= 0 ? severity_name((enum severity)row.severity) : NULL;
        if (among(status, row.status) && among(severity, name) && among(rule, row.rule) &&
            among(type, row.type) && row.started >= q->from && row.started < q->to &&
            (q->scope == NULL || area_reaches(q->scope, row.scope))) {
            row.id = arena_strdup(a, row.id);
            g_array_append_val(rows, row);
        }
    }
    return rows;
}

static bool contains(const char *text, const char *needle)
{
    if (text == NULL) {
        return false;
    }
    g_autofree char *folded = g_utf8_casefold(text, -1);
    return strstr(folded, needle) != NULL;
}

static bool any_text(const struct json *texts, const char *needle)
{
    for (const struct json *t = json_first(texts); t != NULL; t = t->next) {
        if (json_is(t, JSON_STRING) && contains(t->string, needle)) {
            return true;
        }
    }
    return false;
}

static bool has_text(struct view *v, const char *id, const char *needle)
{
    arena_auto a = arena_new();
    const struct json *alarm = context_get(v, a, id);
    return any_text(context_value(alarm, "title"), needle) ||
           any_text(context_value(alarm, "message"), needle) ||
           contains(context_string(alarm, "sourceName"), needle) ||
           contains(context_string(alarm, "source"), needle) ||
           contains(context_string(alarm, "rule"), needle);
}

/* Texts are not in the index: those that match the rest are read. */
static void keep_with_text(GArray *rows, struct view *v, const char *text)
{
    g_autofree char *needle = g_utf8_casefold(text, -1);
    guint kept = 0;
    for (guint i = 0; i < rows->len; i++) {
        if (has_text(v, g_array_index(rows, struct row, i).id, needle)) {
            g_array_index(rows, struct row, kept++) = g_array_index(rows, struct row, i);
        }
    }
    g_array_set_size(rows, kept);
}

static int order_numbers(int64_t x, int64_t y)
{
    return x < y ? -1 : x > y;
}

static int order_by(const char *sort, const struct row *x, const struct row *y)
{
    if (strcmp(sort, "severity") == 0) {
        return order_numbers(y->severity, x->severity); /* ascending: blue first */
    }
    if (strcmp(sort, "status") == 0) {
        return g_strcmp0(x->status, y->status);
    }
    if (strcmp(sort, "rule") == 0) {
        return g_strcmp0(x->rule, y->rule);
    }
    bool cleared = strcmp(sort, "clearedAt") == 0;
    return order_numbers(cleared ? x->cleared : x->started, cleared ? y->cleared : y->started);
}

static gint compare(gconstpointer a, gconstpointer b, gpointer query)
{
    const struct row *x = a, *y = b;
    const struct alarm_query *q = query;
    int order = order_by(q->sort, x, y);
    order = order != 0 ? order : order_numbers(x->started, y->started);
    order = order != 0 ? order : strcmp(x->id, y->id);
    return q->descending ? -order : order;
}

struct json *alarm_list(struct alarm_index *index, struct view *v, struct arena *a,
                        const struct alarm_query *q)
{
    struct alarm_query query = *q;
    g_autoptr(GArray) rows = rows_of(index, a, q);
    if (q->text != NULL) {
        keep_with_text(rows, v, q->text);
    }
    g_array_sort_with_data(rows, compare, &query);
    struct json *body = json_object(a);
    json_add(body, "total", json_int(a, rows->len));
    struct json *items = json_add(body, "items", json_array(a));
    for (int64_t i = q->page.offset; i < rows->len && i < q->page.offset + q->page.limit; i++) {
        const struct json *alarm = context_get(v, a, g_array_index(rows, struct row, i).id);
        if (alarm != NULL) {
            json_append(items, alarm_item(v, a, alarm));
        }
    }
    return body;
}

/* ---- how ---- */

static struct json *string_or_null(struct arena *a, const char *text)
{
    return text != NULL ? json_string(a, text) : json_null(a);
}

static struct json *copy_or_null(struct arena *a, const struct json *value)
{
    return value != NULL ? json_copy(a, value) : json_null(a);
}

/* The case that cases open for an alarm has the alarm's tail in its id. */
static const char *case_of(struct view *v, struct arena *a, const char *alarm)
{
    static const char prefix[] = "urn:ngsi-ld:Alarm:";
    struct store_entity row;
    if (!g_str_has_prefix(alarm, prefix)) {
        return NULL;
    }
    const char *id = arena_printf(a, "urn:ngsi-ld:Case:%s", alarm + strlen(prefix));
    return view_entity(v, a, id, &row) ? id : NULL;
}

static struct json *source_of(struct arena *a, const struct json *alarm)
{
    struct json *source = json_object(a);
    json_add(source, "id", string_or_null(a, context_string(alarm, "source")));
    json_add(source, "type", string_or_null(a, context_string(alarm, "sourceType")));
    json_add(source, "name", string_or_null(a, context_string(alarm, "sourceName")));
    return source;
}

struct json *alarm_item(struct view *v, struct arena *a, const struct json *alarm)
{
    static const char *const same[] = {"rule",  "title",       "message",  "severity", "status",
                                       "count", "clearReason", "location", "reading"};
    struct json *item = json_object(a);
    const char *id = json_get_string(alarm, "id");
    json_add(item, "id", json_string(a, id));
    for (size_t i = 0; i < G_N_ELEMENTS(same); i++) {
        json_add(item, same[i], copy_or_null(a, context_value(alarm, same[i])));
    }
    const struct json *scope = json_first(json_get(alarm, "scope"));
    json_add(item, "scope", copy_or_null(a, scope));
    json_add(item, "startedAt", string_or_null(a, time_text(alarm, "startedAt")));
    json_add(item, "clearedAt", string_or_null(a, time_text(alarm, "clearedAt")));
    json_add(item, "source", source_of(a, alarm));
    json_add(item, "case", string_or_null(a, case_of(v, a, id)));
    return item;
}

/* ---- as a table ---- */

GString *alarm_table(const struct json *items, bool chinese)
{
    static const char *const zh[] = {"标识", "规则",     "标题", "内容",     "级别",     "状态",
                                     "来源", "来源标识", "区域", "开始时间", "解除时间", NULL};
    static const char *const en[] = {"id",     "rule",     "title", "message",   "severity",  "status",
                                     "source", "sourceId", "scope", "startedAt", "clearedAt", NULL};
    GString *out = table_new();
    table_row(out, chinese ? zh : en);
    for (const struct json *i = json_first(items); i != NULL; i = i->next) {
        const struct json *source = json_get(i, "source");
        table_cell(out, json_get_string(i, "id"));
        table_cell(out, json_get_string(i, "rule"));
        table_cell(out, section_text(json_get(i, "title"), chinese));
        table_cell(out, section_text(json_get(i, "message"), chinese));
        table_cell(out, json_get_string(i, "severity"));
        table_cell(out, json_get_string(i, "status"));
        table_cell(out, json_get_string(source, "name"));
        table_cell(out, json_get_string(source, "id"));
        table_cell(out, json_get_string(i, "scope"));
        table_cell(out, json_get_string(i, "startedAt"));
        table_cell(out, json_get_string(i, "clearedAt"));
        table_end(out);
    }
    return out;
}
