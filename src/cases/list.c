/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over the cases keeps the sort keys of those that fit; a second reads the page. */
#include "cases/list.h"

#include <string.h>

#include "base/table.h"
#include "cases/case_json.h"
#include "hub/section.h"

struct row {
    const char *id;
    const char *text; /* sort key */
    double number;    /* sort key when text is NULL */
};

struct listing {
    struct arena *a;
    const struct playbook *p;
    const struct case_filter *f;
    const char *key; /* of the order, without its sign */
    char **states;   /* of the filter, or NULL */
    instant now;
    GArray *rows;
    GHashTable *counts; /* state → number */
};

/* ---- filters ---- */

static bool is_value(const struct json *entity, const char *name, const char *wanted)
{
    return wanted == NULL || g_strcmp0(context_string(entity, name), wanted) == 0;
}

static bool contains(const struct json *text, const char *q)
{
    if (json_is(text, JSON_STRING)) {
        return strcasestr(text->string, q) != NULL;
    }
    for (const struct json *c = json_is(text, JSON_OBJECT) ? json_first(text) : NULL; c != NULL;
         c = c->next) {
        if (json_is(c, JSON_STRING) && strcasestr(c->string, q) != NULL) {
            return true;
        }
    }
    return false;
}

static bool matches_text(const struct json *entity, const char *q)
{
    static const char *const names[] = {"number", "title", "description", "category", "department", "source"};
    for (size_t i = 0; q != NULL && i < G_N_ELEMENTS(names); i++) {
        if (contains(context_value(entity, names[i]), q)) {
            return true;
        }
    }
    return q == NULL;
}

static bool in_scope(const struct json *entity, const char *scope)
{
    for (const struct json *s = json_first(json_get(entity, "scope")); scope != NULL && s != NULL;
         s = s->next) {
        if (json_is(s, JSON_STRING) && area_reaches(scope, s->string)) {
            return true;
        }
    }
    return scope == NULL;
}

static bool is_open(const struct listing *l, const struct json *entity)
{
    const struct workflow *w = playbook_workflow(l->p, context_string(entity, "workflow"));
    return w != NULL ? case_is_open(w, entity) : json_get(entity, "closedAt") == NULL;
}

static bool fits(const struct listing *l, const struct json *entity)
{
    const struct case_filter *f = l->f;
    return is_value(entity, "workflow", f->workflow) && is_value(entity, "severity", f->severity) &&
           is_value(entity, "assignee", f->assignee) && in_scope(entity, f->scope) &&
           matches_text(entity, f->q) && (f->overdue < 0 || (case_due(entity) < l->now) == f->overdue) &&
           (f->open < 0 || is_open(l, entity) == f->open) &&
           (f->waiting_for == NULL || case_waits_for(l->p, entity, f->waiting_for));
}

static void count_state(struct listing *l, const char *state)
{
    if (state != NULL) {
        gpointer n = g_hash_table_lookup(l->counts, state);
        g_hash_table_insert(l->counts, arena_strdup(l->a, state), GINT_TO_POINTER(GPOINTER_TO_INT(n) + 1));
    }
}

static bool keep_row(void *user, const struct json *entity)
{
    struct listing *l = user;
    if (!fits(l, entity)) {
        return true;
    }
    const char *state = context_string(entity, "state");
    count_state(l, state);
    if (l->states != NULL && (state == NULL || !g_strv_contains((const char *const *)l->states, state))) {
        return true;
    }
    const struct json *value = context_value(entity, l->key);
    struct row row = {.id = arena_strdup(l->a, json_get_string(entity, "id"))};
    if (json_is_number(value)) {
        row.number = json_number(value);
    } else {
        row.text = arena_strdup(l->a, json_is(value, JSON_STRING) ? value->string : "");
    }
    g_array_append_val(l->rows, row);
    return true;
}

/* ---- order ---- */

static int compare_rows(const void *x, const void *y)
{
    const struct row *a = x, *b = y;
    int order = a->text != NULL && b->text != NULL ? strcmp(a->text, b->text)
                                                   : (a->number > b->number) - (a->number < b->number);
    return order != 0 ? order : strcmp(a->id, b->id);
}

static int compare_rows_down(const void *x, const void *y)
{
    return compare_rows(y, x);
}

static bool check_sort(const char *key, struct error *e)
{
    static const char *const keys[] = {"openedAt", "closedAt", "deadline", "number",   "priority",
                                       "severity", "state",    "workflow", "category", NULL};
    return g_strv_contains(keys, key) ||
           error_set(e, ERROR_INVALID_REQUEST,
                     "sort is one of openedAt, closedAt, deadline, number, priority, severity, state, "
                     "workflow, category, with - before it for descending%.0s",
                     "sort 须为 openedAt、closedAt、deadline、number、priority、severity、state、workflow、"
                     "category 之一,前加 - 表示降序%.0s",
                     key);
}

static bool collect(struct listing *l, struct view *v, struct error *e)
{
    const char *sort = l->f->sort != NULL && l->f->sort[0] != '\0' ? l->f->sort : "-openedAt";
    bool down = sort[0] == '-';
    l->key = sort + down;
    if (!check_sort(l->key, e)) {
        return false;
    }
    const char *const types[] = {"Case"};
    struct context_query q = {.types = types, .types_count = 1};
    if (!context_find(v, &q, keep_row, l, e)) {
        return false;
    }
    g_array_sort(l->rows, down ? compare_rows_down : compare_rows);
    return true;
}

static struct listing listing_begin(struct arena *a, const struct playbook *p, const struct case_filter *f)
{
    return (struct listing){.a = a,
                            .p = p,
                            .f = f,
                            .states = f->state != NULL && f->state[0] != '\0' ? g_strsplit(f->state, ",", 64)
                                                                              : NULL,
                            .now = instant_now(),
                            .rows = g_array_new(FALSE, FALSE, sizeof(struct row)),
                            .counts = g_hash_table_new(g_str_hash, g_str_equal)};
}

static void listing_end(struct listing *l)
{
    g_strfreev(l->states);
    g_array_unref(l->rows);
    g_hash_table_unref(l->counts);
}

/* ---- JSON ---- */

static struct json *counts_json(struct listing *l)
{
    struct json *o = json_object(l->a);
    GHashTableIter each;
    void *state, *n;
    g_hash_table_iter_init(&each, l->counts);
    while (g_hash_table_iter_next(&each, &state, &n)) {
        json_add(o, state, json_int(l->a, GPOINTER_TO_INT(n)));
    }
    return o;
}

struct json *cases_list(struct arena *a, const struct playbook *p, struct view *v,
                        const struct case_filter *f, struct error *e)
{
    struct listing l = listing_begin(a, p, f);
    struct json *body = NULL;
    if (collect(&l, v, e)) {
        body = json_object(a);
        json_add(body, "total", json_int(a, l.rows->len));
        struct json *items = json_add(body, "items", json_array(a));
        for (int64_t i = f->page.offset; i < (int64_t)l.rows->len && i < f->page.offset + f->page.limit;
             i++) {
            const struct json *entity = context_get(v, a, g_array_index(l.rows, struct row, i).id);
            if (entity != NULL) {
                json_append(items, case_summary(a, p, v, entity));
            }
        }
        json_add(body, "states", counts_json(&l));
    }
    listing_end(&l);
    return body;
}

/* ---- as a table ---- */

static void text_cell(GString *out, const struct json *text, bool chinese)
{
    table_cell(out, section_text(text, chinese));
}

/* District time as spreadsheets read it. */
static void time_cell(GString *out, const struct json *text)
{
    instant t;
    if (!json_is(text, JSON_STRING) || !instant_parse(text->string, text->length, NULL, &t)) {
        table_cell(out, "");
        return;
    }
    g_autoptr(GTimeZone) zone = g_time_zone_new_offset(8 * 3600);
    g_autoptr(GDateTime) utc = g_date_time_new_from_unix_utc(t / INSTANT_SECOND);
    g_autoptr(GDateTime) local = g_date_time_to_timezone(utc, zone);
    g_autofree char *shown = g_date_time_format(local, "%Y-%m-%d %H:%M:%S");
    table_cell(out, shown);
}

static void heading(GString *out, bool chinese)
{
    static const char *const zh[] = {"案号", "标题",   "流程",     "状态",     "类别代码", "类别",
                                     "级别", "优先级", "区域",     "承办单位", "承办人",   "开立时间",
                                     "时限", "超期",   "办结时间", "办结原因", NULL};
    static const char *const en[] = {"Number",   "Title",    "Workflow", "State",   "Category code",
                                     "Category", "Severity", "Priority", "Area",    "Department",
                                     "Assignee", "Opened",   "Deadline", "Overdue", "Closed",
                                     "Reason",   NULL};
    table_row(out, chinese ? zh : en);
}

static void case_row(GString *out, const struct json *c, bool chinese)
{
    g_autofree char *priority = g_strdup_printf("%" G_GINT64_FORMAT, json_get_int(c, "priority", 0));
    static const char *const texts[] = {"number",       "title",    "workflowTitle", "stateTitle",
                                        "categoryCode", "category", "severity"};
    static const char *const more[] = {"scope", "department", "assigneeName"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        text_cell(out, json_get(c, texts[i]), chinese);
    }
    table_cell(out, priority);
    for (size_t i = 0; i < G_N_ELEMENTS(more); i++) {
        text_cell(out, json_get(c, more[i]), chinese);
    }
    time_cell(out, json_get(c, "openedAt"));
    time_cell(out, json_get(c, "deadline"));
    bool overdue = json_get_bool(c, "overdue", false);
    table_cell(out, chinese ? (overdue ? "是" : "否") : (overdue ? "yes" : "no"));
    time_cell(out, json_get(c, "closedAt"));
    text_cell(out, json_get(c, "closeReason"), chinese);
    table_end(out);
}

GString *cases_table(const struct playbook *p, struct view *v, const struct case_filter *f, bool chinese,
                     struct error *e)
{
    arena_auto a = arena_new();
    struct listing l = listing_begin(a, p, f);
    GString *out = NULL;
    if (collect(&l, v, e)) {
        out = table_new();
        heading(out, chinese);
        arena_auto row = arena_new();
        for (int64_t i = f->page.offset; i < (int64_t)l.rows->len && i < f->page.offset + f->page.limit;
             i++) {
            const struct json *entity = context_get(v, row, g_array_index(l.rows, struct row, i).id);
            if (entity != NULL) {
                case_row(out, case_summary(row, p, v, entity), chinese);
            }
            arena_clear(row);
        }
    }
    listing_end(&l);
    return out;
}
