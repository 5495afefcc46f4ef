/* SPDX-License-Identifier: Apache-2.0 */
/* Finds alarms and shows them. */
#include "rules/alarm_list.h"

#include <string.h>

#include "rules/definition.h"

/* ---- which ---- */

/* A row that matches: what sorting needs, and where to find the rest. */
struct row {
    const char *key;
    const char *id;
    int64_t number; /* instead of key, where a number sorts */
};

struct search {
    const struct alarm_query *q;
    struct arena *a;
    GArray *rows;
    char *needle; /* folded; NULL = none */
};

static bool among(const char *list, const char *value)
{
    if (list == NULL || list[0] == '\0') {
        return true;
    }
    g_auto(GStrv) parts = g_strsplit(list, ",", 20);
    return value != NULL && g_strv_contains((const char *const *)parts, value);
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

static bool has_text(const struct json *alarm, const char *needle)
{
    return needle == NULL || any_text(context_value(alarm, "title"), needle) ||
           any_text(context_value(alarm, "message"), needle) ||
           contains(context_string(alarm, "sourceName"), needle) ||
           contains(context_string(alarm, "source"), needle) ||
           contains(context_string(alarm, "rule"), needle);
}

static bool in_scope(const struct json *alarm, const char *scope)
{
    if (scope == NULL || scope[0] == '\0') {
        return true;
    }
    size_t length = strlen(scope);
    for (const struct json *s = json_first(json_get(alarm, "scope")); s != NULL; s = s->next) {
        if (json_is(s, JSON_STRING) && strncmp(s->string, scope, length) == 0 &&
            (s->string[length] == '\0' || s->string[length] == '/')) {
            return true;
        }
    }
    return false;
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

static bool matches(const struct search *s, const struct json *alarm, instant started)
{
    const struct alarm_query *q = s->q;
    return among(q->status, context_string(alarm, "status")) &&
           among(q->severity, context_string(alarm, "severity")) &&
           among(q->rule, context_string(alarm, "rule")) &&
           among(q->type, context_string(alarm, "sourceType")) && started >= q->from && started < q->to &&
           in_scope(alarm, q->scope) && has_text(alarm, s->needle);
}

static bool look(void *user, const struct json *alarm)
{
    struct search *s = user;
    instant started = time_of(alarm, "startedAt");
    if (!matches(s, alarm, started)) {
        return true;
    }
    struct row row = {"", arena_strdup(s->a, json_get_string(alarm, "id")), started};
    enum severity severity;
    if (strcmp(s->q->sort, "clearedAt") == 0) {
        row.number = time_of(alarm, "clearedAt");
    } else if (strcmp(s->q->sort, "severity") == 0) {
        row.number =
            severity_parse(context_string(alarm, "severity"), &severity) ? SEVERITY_BLUE - (int)severity : -1;
    } else if (strcmp(s->q->sort, "startedAt") != 0) {
        const char *key = context_string(alarm, s->q->sort);
        row.key = arena_strdup(s->a, key != NULL ? key : "");
        row.number = 0;
    }
    g_array_append_val(s->rows, row);
    return true;
}

static gint compare(gconstpointer a, gconstpointer b, gpointer descending)
{
    const struct row *x = a, *y = b;
    int order = x->number != y->number ? (x->number < y->number ? -1 : 1) : strcmp(x->key, y->key);
    order = order != 0 ? order : strcmp(x->id, y->id);
    return *(bool *)descending ? -order : order;
}

struct json *alarm_list(struct view *v, struct arena *a, const struct alarm_query *q, struct error *e)
{
    static const char *const types[] = {"Alarm"};
    struct context_query all = {.types = types, .types_count = 1};
    g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(struct row));
    g_autofree char *needle = q->text != NULL && q->text[0] != '\0' ? g_utf8_casefold(q->text, -1) : NULL;
    struct search s = {q, a, rows, needle};
    if (!context_find(v, &all, look, &s, e)) {
        return NULL;
    }
    bool descending = q->descending;
    g_array_sort_with_data(rows, compare, &descending);
    struct json *body = json_object(a);
    json_add(body, "total", json_int(a, rows->len));
    struct json *items = json_add(body, "items", json_array(a));
    for (int64_t i = q->offset; i < rows->len && i < q->offset + q->limit; i++) {
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

/* ---- CSV ---- */

/* Quoted; a text that a spreadsheet would take for a formula is made harmless by an apostrophe. */
static void cell(GString *out, const char *text, bool last)
{
    g_string_append_c(out, '"');
    if (text != NULL && strchr("=+-@\t\r", text[0]) != NULL && text[0] != '\0') {
        g_string_append_c(out, '\'');
    }
    for (const char *c = text != NULL ? text : ""; *c != '\0'; c++) {
        g_string_append(out, *c == '"' ? "\"\"" : (char[]){*c, '\0'});
    }
    g_string_append(out, last ? "\"\r\n" : "\",");
}

static const char *in_language(const struct json *texts, bool chinese)
{
    const char *text = json_get_string(texts, chinese ? "zh" : "en");
    return text != NULL ? text : json_get_string(texts, "zh");
}

GString *alarm_csv(const struct json *items, bool chinese)
{
    GString *out = g_string_new("\xef\xbb\xbf");
    g_string_append(
        out, chinese ? "标识,规则,标题,内容,级别,状态,来源,来源标识,辖区,开始时间,解除时间\r\n"
                     : "id,rule,title,message,severity,status,source,sourceId,scope,startedAt,clearedAt\r\n");
    for (const struct json *i = json_first(items); i != NULL; i = i->next) {
        const struct json *source = json_get(i, "source");
        cell(out, json_get_string(i, "id"), false);
        cell(out, json_get_string(i, "rule"), false);
        cell(out, in_language(json_get(i, "title"), chinese), false);
        cell(out, in_language(json_get(i, "message"), chinese), false);
        cell(out, json_get_string(i, "severity"), false);
        cell(out, json_get_string(i, "status"), false);
        cell(out, json_get_string(source, "name"), false);
        cell(out, json_get_string(source, "id"), false);
        cell(out, json_get_string(i, "scope"), false);
        cell(out, json_get_string(i, "startedAt"), false);
        cell(out, json_get_string(i, "clearedAt"), true);
    }
    return out;
}
