/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the sections `tables` and `indexes` of packs and names every mistake in them. */
#include "indicators/definition.h"

#include <math.h>
#include <string.h>

#include "hub/section.h"

enum { MAX_INDEXES = 200, MAX_TABLES = 200, MAX_PERIODS = 20, MAX_LEVELS = 20, HOURS = 24 };

static const struct member table_members[] = {
    {"source", MEMBER_TEXT, true, NULL},
    {"columns", MEMBER_LIST, true, NULL},
    {"rows", MEMBER_LIST, true, NULL},
    {NULL, MEMBER_ANY, false, NULL},
};
static const struct member index_members[] = {
    {"name", MEMBER_NAME, true, NULL},    {"title", MEMBER_TEXT, true, NULL},
    {"type", MEMBER_STRING, true, NULL},  {"window", MEMBER_CHOICE, true, "instant|day"},
    {"zone", MEMBER_STRING, false, NULL}, {"periods", MEMBER_LIST, true, NULL},
    {"parts", MEMBER_LIST, true, NULL},   {"at_least", MEMBER_INT, false, NULL},
    {"levels", MEMBER_LIST, false, NULL}, {"primary_above", MEMBER_NUMBER, false, NULL},
    {"none", MEMBER_STRING, false, NULL}, {"output", MEMBER_OBJECT, true, NULL},
    {NULL, MEMBER_ANY, false, NULL},
};
static const struct member part_members[] = {
    {"attribute", MEMBER_STRING, true, NULL}, {"name", MEMBER_STRING, false, NULL},
    {"column", MEMBER_STRING, true, NULL},    {"decimals", MEMBER_INT, false, NULL},
    {"mean", MEMBER_OBJECT, false, NULL},     {"moving", MEMBER_OBJECT, false, NULL},
    {NULL, MEMBER_ANY, false, NULL},
};
static const struct member mean_members[] = {
    {"at_least", MEMBER_INT, true, NULL},
    {NULL, MEMBER_ANY, false, NULL},
};
static const struct member moving_members[] = {
    {"hours", MEMBER_INT, true, NULL},    {"at_least", MEMBER_INT, true, NULL},
    {"first", MEMBER_INT, true, NULL},    {"last", MEMBER_INT, true, NULL},
    {"windows", MEMBER_INT, false, NULL}, {"unless_above", MEMBER_NUMBER, false, NULL},
    {NULL, MEMBER_ANY, false, NULL},
};
static const struct member period_members[] = {
    {"until", MEMBER_STRING, false, NULL},
    {"table", MEMBER_STRING, true, NULL},
    {NULL, MEMBER_ANY, false, NULL},
};
static const struct member level_members[] = {
    {"to", MEMBER_NUMBER, true, NULL},
    {"title", MEMBER_TEXT, true, NULL},
    {"colour", MEMBER_COLOUR, false, NULL},
    {NULL, MEMBER_ANY, false, NULL},
};
static const struct member output_members[] = {
    {"value", MEMBER_STRING, true, NULL},     {"level", MEMBER_STRING, false, NULL},
    {"category", MEMBER_STRING, false, NULL}, {"primary", MEMBER_STRING, false, NULL},
    {NULL, MEMBER_ANY, false, NULL},
};

/* ---- tables ---- */

static bool read_columns(struct table *t, struct arena *a, const struct json *columns, struct pack_report *r)
{
    if (columns->length < 2 || columns->length > MAX_COLUMNS) {
        r->mistake(r, columns, "table %s: columns lists the index and 1 to %d values",
                   "表 %s：columns 应列出指数列和 1 到 %d 个数值列", t->name, MAX_COLUMNS - 1);
        return false;
    }
    for (const struct json *c = columns->first; c != NULL; c = c->next) {
        if (!json_is(c, JSON_STRING) || c->length == 0) {
            r->mistake(r, c, "table %s: a column is a name", "表 %s：列名应为文本", t->name);
            return false;
        }
        t->columns[t->columns_count++] = arena_strdup(a, c->string);
    }
    return true;
}

/* A cell is a number above the one before in its column, or null from some row on. */
static bool read_cell(struct table *t, int row, int column, const struct json *cell, struct pack_report *r)
{
    double *at = &t->cells[row * t->columns_count + column];
    double before = row > 0 ? at[-t->columns_count] : -INFINITY;
    bool is_null = json_is(cell, JSON_NULL);
    *at = is_null ? NAN : json_number(cell);
    if (!is_null && !json_is_number(cell)) {
        r->mistake(r, cell, "table %s: column %s: write a number or null", "表 %s：列 %s：应为数字或 null",
                   t->name, t->columns[column]);
        return false;
    }
    if ((is_null && column == 0) || (!is_null && !(*at > before))) {
        r->mistake(r, cell, "table %s: column %s must ascend; null only at its end",
                   "表 %s：列 %s 应递增，null 只能在末尾", t->name, t->columns[column]);
        return false;
    }
    return true;
}

static bool read_rows(struct table *t, struct arena *a, const struct json *rows, struct pack_report *r)
{
    if (rows->length < 2 || rows->length > MAX_ROWS) {
        r->mistake(r, rows, "table %s: 2 to %d rows", "表 %s：应有 2 到 %d 行", t->name, MAX_ROWS);
        return false;
    }
    t->cells = arena_array(a, double, rows->length * t->columns_count);
    for (const struct json *row = rows->first; row != NULL; row = row->next, t->rows_count++) {
        if (!json_is(row, JSON_ARRAY) || (int)row->length != t->columns_count) {
            r->mistake(r, row, "table %s: this row does not have %d cells as columns has",
                       "表 %s：该行的单元格数不是 %d，与 columns 不符", t->name, t->columns_count);
            return false;
        }
        int column = 0;
        for (const struct json *cell = row->first; cell != NULL; cell = cell->next) {
            if (!read_cell(t, t->rows_count, column++, cell, r)) {
                return false;
            }
        }
    }
    return true;
}

/* NULL when there is a mistake. */
static struct table *read_table(struct arena *a, const struct json *node, struct pack_report *r)
{
    g_autofree char *what = g_strdup_printf("table %s", node->key);
    struct table *t = arena_new0(a, struct table);
    t->name = arena_strdup(a, node->key);
    bool ok = section_object(r, node, what, table_members);
    ok = ok && read_columns(t, a, json_get(node, "columns"), r) && read_rows(t, a, json_get(node, "rows"), r);
    return ok ? t : NULL;
}

static void read_tables(struct index_set *set, const struct pack *p, struct pack_report *r)
{
    const struct json *section = json_get(p->root, "tables");
    if (section != NULL && section->type != JSON_OBJECT) {
        r->mistake(r, section, "tables must be a mapping of names to tables", "tables 应为从名称到表的映射");
    }
    for (const struct json *node = json_first(section); node != NULL && section->type == JSON_OBJECT;
         node = node->next) {
        struct table *t = set->tables_count < MAX_TABLES ? read_table(set->arena, node, r) : NULL;
        if (t != NULL) {
            set->tables[set->tables_count++] = t;
        }
    }
}

/* ---- indexes ---- */

/* One index being read. */
struct reading {
    struct index_set *set;
    const struct pack *const *all;
    struct pack_report *report;
    const struct json *node;
    char what[160]; /* "index aqi-hourly" */
    struct index *index;
};

static const char *text(struct reading *r, const struct json *object, const char *key)
{
    const char *t = json_get_string(object, key);
    return t != NULL ? arena_strdup(r->set->arena, t) : NULL;
}

static const struct json *declared_type(const struct pack *const *all, const char *type)
{
    for (int i = 0; all[i] != NULL; i++) {
        const struct json *t = json_get(json_get(all[i]->root, "types"), type);
        if (t != NULL) {
            return t;
        }
    }
    return NULL;
}

static void want_attribute(struct reading *r, const struct json *where, const char *name)
{
    const struct json *type = declared_type(r->all, r->index->type);
    if (type != NULL && name != NULL && json_get(json_get(type, "attributes"), name) == NULL) {
        r->report->mistake(r->report, where, "%s: type %s has no attribute %s", "%s：类型 %s 没有属性 %s",
                           r->what, r->index->type, name);
    }
}

static int want_int(struct reading *r, const struct json *object, const char *key, int otherwise, int low,
                    int high)
{
    const struct json *v = json_get(object, key);
    if (v == NULL) {
        return otherwise;
    }
    if (v->integer < low || v->integer > high) {
        r->report->mistake(r->report, v, "%s: %s must be from %d to %d", "%s：%s 应在 %d 到 %d 之间", r->what,
                           key, low, high);
        return otherwise;
    }
    return (int)v->integer;
}

static void read_moving(struct reading *r, struct part *p, const struct json *moving)
{
    if (!section_object(r->report, moving, r->what, moving_members)) {
        return;
    }
    p->statistic = STATISTIC_MOVING;
    p->span = want_int(r, moving, "hours", 8, 1, HOURS);
    p->at_least = want_int(r, moving, "at_least", 1, 1, p->span);
    p->first = want_int(r, moving, "first", HOURS - 1, p->span - 1, HOURS - 1);
    p->last = want_int(r, moving, "last", HOURS - 1, p->first, HOURS - 1);
    p->windows = want_int(r, moving, "windows", 1, 1, p->last - p->first + 1);
    p->unless_above = json_get_double(moving, "unless_above", NAN);
}

static void read_statistic(struct reading *r, struct part *p, const struct json *node)
{
    const struct json *mean = json_get(node, "mean"), *moving = json_get(node, "moving");
    if (((mean != NULL) + (moving != NULL)) != (r->index->daily ? 1 : 0)) {
        r->report->mistake(r->report, node,
                           "%s: a part has either mean or moving when the window is day, else neither",
                           "%s：窗口为 day 时每项应有 mean 或 moving 之一，否则都不写", r->what);
    } else if (moving != NULL) {
        read_moving(r, p, moving);
    } else if (mean != NULL && section_object(r->report, mean, r->what, mean_members)) {
        p->statistic = STATISTIC_MEAN;
        p->at_least = want_int(r, mean, "at_least", 1, 1, HOURS);
    }
}

static void read_parts(struct reading *r)
{
    const struct json *parts = json_get(r->node, "parts");
    if (parts->length == 0 || parts->length > MAX_PARTS) {
        r->report->mistake(r->report, parts, "%s: 1 to %d parts", "%s：应有 1 到 %d 项 parts", r->what,
                           MAX_PARTS);
        return;
    }
    for (const struct json *node = parts->first; node != NULL; node = node->next) {
        struct part *p = &r->index->parts[r->index->parts_count];
        if (!section_object(r->report, node, r->what, part_members)) {
            continue;
        }
        p->attribute = text(r, node, "attribute");
        p->name = json_get(node, "name") != NULL ? text(r, node, "name") : p->attribute;
        p->column = text(r, node, "column");
        p->decimals = want_int(r, node, "decimals", 0, 0, 6);
        want_attribute(r, node, p->attribute);
        read_statistic(r, p, node);
        r->index->parts_count++;
    }
}

static const struct table *find_table(const struct index_set *set, const char *name)
{
    for (int i = 0; i < set->tables_count; i++) {
        if (strcmp(set->tables[i]->name, name) == 0) {
            return set->tables[i];
        }
    }
    return NULL;
}

/* Where the parts stand in the table of a period. */
static void find_columns(struct reading *r, struct period *p, const struct json *where)
{
    for (int i = 0; i < r->index->parts_count; i++) {
        for (int c = 1; c < p->table->columns_count; c++) {
            p->columns[i] = strcmp(p->table->columns[c], r->index->parts[i].column) == 0 ? c : p->columns[i];
        }
        if (p->columns[i] == 0) {
            r->report->mistake(r->report, where, "%s: table %s has no column %s", "%s：表 %s 没有列 %s",
                               r->what, p->table->name, r->index->parts[i].column);
        }
    }
}

static void read_until(struct reading *r, struct period *p, const struct json *node, instant before)
{
    const struct json *until = json_get(node, "until");
    p->until = INSTANT_MAX;
    if (until == NULL && node->next != NULL) {
        r->report->mistake(r->report, node, "%s: only the last period may stand without until",
                           "%s：只有最后一个 period 可以没有 until", r->what);
    }
    if (until == NULL) {
        return;
    }
    g_autofree char *midnight = g_strdup_printf("%sT00:00:00", until->string);
    if (!instant_parse(midnight, strlen(midnight), &r->index->zone_minutes, &p->until) ||
        p->until <= before) {
        r->report->mistake(r->report, until,
                           "%s: until must be a day like 2026-03-01, later than the one before",
                           "%s：until 应为日期，例如 2026-03-01，且晚于前一个", r->what);
    }
}

static void read_periods(struct reading *r)
{
    const struct json *periods = json_get(r->node, "periods");
    instant before = INSTANT_MIN;
    if (periods->length == 0 || periods->length > MAX_PERIODS) {
        r->report->mistake(r->report, periods, "%s: 1 to %d periods", "%s：应有 1 到 %d 个 periods", r->what,
                           MAX_PERIODS);
        return;
    }
    r->index->periods = arena_array(r->set->arena, struct period, periods->length);
    for (const struct json *node = periods->first; node != NULL; node = node->next) {
        struct period *p = &r->index->periods[r->index->periods_count];
        if (!section_object(r->report, node, r->what, period_members)) {
            continue;
        }
        p->table = find_table(r->set, json_get_string(node, "table"));
        read_until(r, p, node, before);
        before = p->until;
        if (p->table == NULL) {
            r->report->mistake(r->report, node, "%s: no pack has a table %s", "%s：没有应用包定义表 %s",
                               r->what, json_get_string(node, "table"));
            continue;
        }
        find_columns(r, p, node);
        r->index->periods_count++;
    }
}

static void read_levels(struct reading *r)
{
    const struct json *levels = json_get(r->node, "levels");
    double before = -INFINITY;
    if (levels != NULL && levels->length > MAX_LEVELS) {
        r->report->mistake(r->report, levels, "%s: more than %d levels", "%s：levels 超过 %d 个", r->what,
                           MAX_LEVELS);
        return;
    }
    r->index->levels = arena_array(r->set->arena, struct level, levels != NULL ? levels->length : 0);
    for (const struct json *node = json_first(levels); node != NULL; node = node->next) {
        struct level *l = &r->index->levels[r->index->levels_count];
        if (!section_object(r->report, node, r->what, level_members)) {
            continue;
        }
        const struct json *title = json_get(node, "title");
        l->to = json_get_double(node, "to", 0);
        l->zh = json_is(title, JSON_STRING) ? text(r, node, "title") : text(r, title, "zh");
        l->en = json_is(title, JSON_STRING) ? l->zh : text(r, title, "en");
        l->colour = text(r, node, "colour");
        if (l->to <= before) {
            r->report->mistake(r->report, node, "%s: levels must ascend", "%s：levels 应递增", r->what);
        }
        before = l->to;
        r->index->levels_count++;
    }
}

static void read_output(struct reading *r)
{
    const struct json *output = json_get(r->node, "output");
    if (!section_object(r->report, output, r->what, output_members)) {
        return;
    }
    r->index->value = text(r, output, "value");
    r->index->level = text(r, output, "level");
    r->index->category = text(r, output, "category");
    r->index->primary = text(r, output, "primary");
    for (const struct json *m = output->first; m != NULL; m = m->next) {
        want_attribute(r, m, m->string);
    }
}

static void read_zone(struct reading *r)
{
    const struct json *zone = json_get(r->node, "zone");
    static const int unused = 0;
    instant t = 0;
    r->index->zone_minutes = 480;
    if (zone == NULL) {
        return;
    }
    g_autofree char *sample = g_strdup_printf("2000-01-01T00:00:00%s", zone->string);
    if (zone->length < 1 || !instant_parse(sample, strlen(sample), NULL, &t)) {
        r->report->mistake(r->report, zone, "%s: zone must be an offset like \"+08:00\"",
                           "%s：zone 应为时区偏移，例如 \"+08:00\"", r->what);
        return;
    }
    instant utc = 0;
    instant_parse("2000-01-01T00:00:00", 19, &unused, &utc);
    r->index->zone_minutes = (int)((utc - t) / (60 * INSTANT_SECOND));
}

static void read_index(struct reading *r)
{
    struct index *x = r->index;
    x->name = text(r, r->node, "name");
    g_snprintf(r->what, sizeof r->what, "index %s", x->name);
    x->type = text(r, r->node, "type");
    x->daily = json_streq(json_get(r->node, "window"), "day");
    if (declared_type(r->all, x->type) == NULL) {
        r->report->mistake(r->report, json_get(r->node, "type"), "%s: no pack declares the type %s",
                           "%s：没有应用包声明类型 %s", r->what, x->type);
    }
    read_zone(r);
    read_parts(r);
    read_periods(r);
    read_levels(r);
    read_output(r);
    x->at_least = want_int(r, r->node, "at_least", 1, 1, MAX_PARTS);
    x->primary_above = json_get_double(r->node, "primary_above", -INFINITY);
    x->none = json_get(r->node, "none") != NULL ? text(r, r->node, "none") : "—";
}

static bool name_is_taken(const struct index_set *set, const char *name)
{
    for (int i = 0; i < set->count; i++) {
        if (strcmp(set->indexes[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void read_indexes(struct index_set *set, const struct pack *p, const struct pack *const *all,
                         struct pack_report *report)
{
    const struct json *section = json_get(p->root, "indexes");
    if (section != NULL && section->type != JSON_ARRAY) {
        report->mistake(report, section, "indexes must be a list", "indexes 应为列表");
        return;
    }
    for (const struct json *node = json_first(section); node != NULL && set->count < MAX_INDEXES;
         node = node->next) {
        struct reading r = {set, all, report, node, "index", &set->indexes[set->count]};
        int before = report->mistakes;
        *r.index = (struct index){.pack = arena_strdup(set->arena, p->name)};
        if (!section_object(report, node, r.what, index_members)) {
            continue;
        }
        if (name_is_taken(set, json_get_string(node, "name"))) {
            report->mistake(report, node, "index %s: that name is taken", "指数 %s：名称已被占用",
                            json_get_string(node, "name"));
            continue;
        }
        read_index(&r);
        set->count += report->mistakes == before;
    }
}

/* ---- sets ---- */

static struct index_set *empty_set(void)
{
    struct index_set *set = g_new0(struct index_set, 1);
    set->arena = arena_new();
    set->tables = arena_array(set->arena, struct table *, MAX_TABLES);
    set->indexes = g_new0(struct index, MAX_INDEXES);
    return set;
}

struct index_set *index_set_new(const struct pack *const *packs, struct pack_report *report)
{
    struct index_set *set = empty_set();
    for (int i = 0; packs[i] != NULL; i++) {
        read_tables(set, packs[i], report);
    }
    for (int i = 0; packs[i] != NULL; i++) {
        read_indexes(set, packs[i], packs, report);
    }
    return set;
}

void index_set_free(struct index_set *set)
{
    if (set != NULL) {
        g_free(set->indexes);
        arena_free(set->arena);
        g_free(set);
    }
}

void tables_check(const struct pack *p, const struct json *section, const struct pack *const *all,
                  struct pack_report *report)
{
    struct index_set *set = empty_set();
    read_tables(set, p, report);
    index_set_free(set);
}

/* Tables of other packs are looked up, and their own mistakes reported elsewhere. */
static void say_nothing(struct pack_report *r, const struct json *where, const char *en, const char *zh, ...)
{
    r->mistakes++;
}

void indexes_check(const struct pack *p, const struct json *section, const struct pack *const *all,
                   struct pack_report *report)
{
    struct pack_report quiet = {say_nothing, 0};
    struct index_set *set = empty_set();
    for (int i = 0; all[i] != NULL; i++) {
        read_tables(set, all[i], &quiet);
    }
    for (int i = 0; all[i] != NULL && strcmp(all[i]->name, p->name) != 0; i++) {
        read_indexes(set, all[i], all, &quiet);
    }
    read_indexes(set, p, all, report);
    index_set_free(set);
}
