/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a workflow from its pack. */
#include "cases/workflow.h"

#include <math.h>
#include <string.h>

#include "cases/pack_read.h"

struct reading {
    struct arena *a;
    struct pack_report *r;
    struct workflow *w;
};

#define MISTAKE(x, ...) ((x)->r->mistake((x)->r, __VA_ARGS__))

static bool read_object(struct reading *x, const struct json *o, const struct json_field *table, void *out)
{
    return pack_read(x->r, o, table, out);
}

static bool name_valid(const char *name)
{
    size_t n = strlen(name);
    return n > 0 && n <= 64 && g_ascii_isalpha(name[0]) &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == n;
}

static bool check_name(struct reading *x, const struct json *where, const char *name)
{
    if (name_valid(name)) {
        return true;
    }
    MISTAKE(x, where, "The name \"%s\" must begin with a letter and hold letters, digits, - and _ only",
            "名称“%s”须以字母开头,只含字母、数字、- 和 _", name);
    return false;
}

/* A list of names, or one name. */
static const char *const *read_names(struct reading *x, const struct json *list)
{
    if (list == NULL) {
        return NULL;
    }
    int n = json_is(list, JSON_ARRAY) ? (int)list->length : 1;
    const char **names = arena_array(x->a, const char *, n + 1);
    int count = 0;
    if (json_is(list, JSON_STRING)) {
        names[count++] = list->string;
    } else if (!json_is(list, JSON_ARRAY)) {
        MISTAKE(x, list, "A name or a list of names is needed here", "此处需要一个名称或名称列表");
    }
    for (const struct json *c = json_is(list, JSON_ARRAY) ? json_first(list) : NULL; c != NULL; c = c->next) {
        if (json_is(c, JSON_STRING)) {
            names[count++] = c->string;
        } else {
            MISTAKE(x, c, "A name is needed here (put it in quotes)", "此处需要名称(请加引号)");
        }
    }
    return names;
}

/* The position of text among the names, or -1. */
static int index_of(const char *const *names, const char *text)
{
    for (int i = 0; text != NULL && names[i] != NULL; i++) {
        if (strcmp(names[i], text) == 0) {
            return i;
        }
    }
    return -1;
}

static int read_choice(struct reading *x, const struct json *where, const char *text,
                       const char *const *choices, int otherwise)
{
    int i = index_of(choices, text);
    if (text != NULL && i < 0) {
        g_autofree char *known = g_strjoinv(", ", (char **)choices);
        MISTAKE(x, where, "\"%s\" is not known here; known are: %s", "此处不认识“%s”,可用:%s", text, known);
    }
    return i < 0 ? otherwise : i;
}

/* ---- states ---- */

static const char *const state_kinds[] = {"open", "paused", "closed", NULL};

const char *state_kind_name(enum state_kind k)
{
    return state_kinds[k];
}

struct state_fields {
    const struct json *title, *public;
    const char *kind, *reason;
};

static const struct json_field state_table[] = {
    {"title", FIELD_TEXT, offsetof(struct state_fields, title), true},
    {"public", FIELD_TEXT, offsetof(struct state_fields, public), false},
    {"kind", FIELD_STRING, offsetof(struct state_fields, kind), false},
    {"reason", FIELD_STRING, offsetof(struct state_fields, reason), false},
    {NULL}};

static void read_state(struct reading *x, const struct json *node, struct state *s)
{
    struct state_fields f = {0};
    s->name = node->key;
    s->title = s->public = json_string(x->a, node->key);
    if (!check_name(x, node, node->key) || !read_object(x, node, state_table, &f)) {
        return;
    }
    s->title = f.title;
    s->public = f.public != NULL ? f.public : f.title;
    s->kind = (enum state_kind)read_choice(x, node, f.kind, state_kinds, STATE_OPEN);
    s->reason = f.reason;
    if (f.reason != NULL && s->kind != STATE_CLOSED) {
        MISTAKE(x, node, "Only a closed state has a reason", "只有结束状态才有 reason");
    }
}

static bool read_states(struct reading *x, const struct json *node)
{
    if (!json_is(node, JSON_OBJECT) || node->length == 0 || node->length > WORKFLOW_STATES) {
        MISTAKE(x, node, "states must be a mapping of 1 to %d states", "states 必须是1至%d个状态的映射",
                WORKFLOW_STATES);
        return false;
    }
    struct state *states = arena_array(x->a, struct state, node->length);
    for (const struct json *c = json_first(node); c != NULL; c = c->next) {
        read_state(x, c, &states[x->w->states_count++]);
    }
    x->w->states = states;
    return true;
}

int workflow_state(const struct workflow *w, const char *name)
{
    for (int i = 0; name != NULL && i < w->states_count; i++) {
        if (strcmp(w->states[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

static int read_state_name(struct reading *x, const struct json *where, const char *name)
{
    int state = workflow_state(x->w, name);
    if (state < 0) {
        MISTAKE(x, where, "There is no state \"%s\"", "没有状态“%s”", name);
    }
    return state;
}

static uint64_t read_state_set(struct reading *x, const struct json *list)
{
    uint64_t set = 0;
    const char *const *names = read_names(x, list);
    for (int i = 0; names != NULL && names[i] != NULL; i++) {
        int state = read_state_name(x, list, names[i]);
        set |= state >= 0 ? UINT64_C(1) << state : 0;
    }
    return set;
}

/* ---- forms ---- */

static const char *const field_kinds[] = {"text", "longtext",   "choice", "number", "date",
                                          "user", "department", "photo",  NULL};

const char *field_kind_name(enum field_kind k)
{
    return field_kinds[k];
}

struct form_fields {
    const char *name, *kind, *role;
    const struct json *title, *options;
    bool required;
    double min, max;
};

static const struct json_field form_table[] = {
    {"name", FIELD_STRING, offsetof(struct form_fields, name), true},
    {"title", FIELD_TEXT, offsetof(struct form_fields, title), true},
    {"kind", FIELD_STRING, offsetof(struct form_fields, kind), true},
    {"required", FIELD_BOOL, offsetof(struct form_fields, required), false},
    {"options", FIELD_ARRAY, offsetof(struct form_fields, options), false},
    {"min", FIELD_DOUBLE, offsetof(struct form_fields, min), false},
    {"max", FIELD_DOUBLE, offsetof(struct form_fields, max), false},
    {"role", FIELD_STRING, offsetof(struct form_fields, role), false},
    {NULL}};

struct option_fields {
    const char *value;
    const struct json *title;
};

static void check_options(struct reading *x, const struct json *node, const struct json *options)
{
    static const struct json_field table[] = {
        {"value", FIELD_STRING, offsetof(struct option_fields, value), true},
        {"title", FIELD_TEXT, offsetof(struct option_fields, title), true},
        {NULL}};
    if (options == NULL || options->length == 0 || options->length > WORKFLOW_OPTIONS) {
        MISTAKE(x, node, "A choice needs 1 to %d options", "choice 需要1至%d个选项", WORKFLOW_OPTIONS);
    }
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (const struct json *c = json_first(options); c != NULL; c = c->next) {
        struct option_fields f = {0};
        if (read_object(x, c, table, &f) && !g_hash_table_add(seen, (void *)f.value)) {
            MISTAKE(x, c, "The option \"%s\" stands twice", "选项“%s”重复", f.value);
        }
    }
}

static bool read_field(struct reading *x, const struct json *node, struct form_field *field)
{
    struct form_fields f = {.min = -INFINITY, .max = INFINITY};
    if (!read_object(x, node, form_table, &f) || !check_name(x, node, f.name)) {
        return false;
    }
    field->name = f.name;
    field->title = f.title;
    field->kind = (enum field_kind)read_choice(x, node, f.kind, field_kinds, FORM_TEXT);
    field->required = f.required;
    field->options = f.options;
    field->min = f.min;
    field->max = f.max;
    field->role = f.role;
    if (field->kind == FORM_CHOICE) {
        check_options(x, node, f.options);
    } else if (f.options != NULL) {
        MISTAKE(x, node, "Only a choice has options", "只有 choice 才有 options");
    }
    if ((json_get(node, "min") != NULL || json_get(node, "max") != NULL) && field->kind != FORM_NUMBER) {
        MISTAKE(x, node, "Only a number has min and max", "只有 number 才有 min 和 max");
    } else if (f.min > f.max) {
        MISTAKE(x, node, "min is greater than max", "min 大于 max");
    }
    if (f.role != NULL && field->kind != FORM_USER) {
        MISTAKE(x, node, "Only a user field has a role", "只有 user 字段才有 role");
    }
    return true;
}

static const struct form_field *find_field(const struct action *action, const char *name)
{
    for (int i = 0; name != NULL && i < action->fields_count; i++) {
        if (strcmp(action->fields[i].name, name) == 0) {
            return &action->fields[i];
        }
    }
    return NULL;
}

static void read_form(struct reading *x, const struct json *form, struct action *action)
{
    if (form == NULL) {
        return;
    }
    if (form->length > WORKFLOW_FIELDS) {
        MISTAKE(x, form, "A form has at most %d fields", "表单最多%d个字段", WORKFLOW_FIELDS);
        return;
    }
    struct form_field *fields = arena_array(x->a, struct form_field, form->length + 1);
    action->fields = fields;
    for (const struct json *c = json_first(form); c != NULL; c = c->next) {
        struct form_field field = {0};
        if (!read_field(x, c, &field)) {
            continue;
        }
        if (find_field(action, field.name) != NULL) {
            MISTAKE(x, c, "The field \"%s\" stands twice", "字段“%s”重复", field.name);
            continue;
        }
        fields[action->fields_count++] = field;
    }
}

/* ---- what an action writes ---- */

/* Attributes that only the engine writes. */
static bool engine_owns(const char *name)
{
    static const char *const names[] = {
        "id",       "type",        "number",   "workflow",  "state",      "alarm",     "source",
        "scope",    "location",    "openedAt", "openedBy",  "deadline",   "deadlines", "overdue",
        "closedAt", "closeReason", "timeline", "createdAt", "modifiedAt", "steps",     NULL};
    return g_strv_contains(names, name);
}

static bool read_setter(struct reading *x, const struct json *node, const struct action *action,
                        struct setter *s)
{
    s->attribute = node->key;
    if (!check_name(x, node, node->key)) {
        return false;
    }
    if (engine_owns(node->key)) {
        MISTAKE(x, node, "The attribute \"%s\" is kept by the engine", "属性“%s”由引擎维护,不能设置",
                node->key);
        return false;
    }
    if (json_is(node, JSON_NULL)) {
        s->source = SET_NOTHING;
    } else if (json_get_bool(node, "me", false)) {
        s->source = SET_ME;
    } else if (json_is(node, JSON_OBJECT)) {
        s->source = SET_FORM;
        s->field = json_get_string(node, "form");
        if (node->length != 1 || find_field(action, s->field) == NULL) {
            MISTAKE(x, node, "A value is {form: name of a field of this form}, {me: true}, null or a literal",
                    "取值应为 {form: 本表单的字段名}、{me: true}、null 或字面值");
            return false;
        }
    } else if (json_is(node, JSON_STRING) || json_is_number(node) || json_is(node, JSON_BOOL)) {
        s->source = SET_LITERAL;
        s->literal = node;
    } else {
        MISTAKE(x, node, "A literal is a text, a number or true/false", "字面值须为文本、数字或 true/false");
        return false;
    }
    return true;
}

static void read_sets(struct reading *x, const struct json *sets, struct action *action)
{
    if (sets == NULL) {
        return;
    }
    if (sets->length > WORKFLOW_SETS) {
        MISTAKE(x, sets, "An action sets at most %d attributes", "一个操作最多设置%d个属性", WORKFLOW_SETS);
        return;
    }
    struct setter *list = arena_array(x->a, struct setter, sets->length + 1);
    for (const struct json *c = json_first(sets); c != NULL; c = c->next) {
        if (read_setter(x, c, action, &list[action->sets_count])) {
            action->sets_count++;
        }
    }
    action->sets = list;
}

/* ---- actions ---- */

static int find_deadline(const struct workflow *w, const char *name)
{
    for (int i = 0; name != NULL && i < w->deadlines_count; i++) {
        if (strcmp(w->deadlines[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

struct extend_fields {
    const char *deadline, *by, *unit;
};

static void read_extend(struct reading *x, const struct json *node, struct action *action)
{
    static const struct json_field table[] = {
        {"deadline", FIELD_STRING, offsetof(struct extend_fields, deadline), true},
        {"by", FIELD_STRING, offsetof(struct extend_fields, by), true},
        {"unit", FIELD_STRING, offsetof(struct extend_fields, unit), false},
        {NULL}};
    static const char *const units[] = {"hours", "days", NULL};
    struct extend_fields f = {0};
    action->extends = -1;
    if (node == NULL || !read_object(x, node, table, &f)) {
        return;
    }
    const struct form_field *field = find_field(action, f.by);
    if (field == NULL || field->kind != FORM_NUMBER || !field->required || !(field->min >= 0) ||
        !(field->max <= LENGTH_DAYS)) {
        MISTAKE(x, node, "\"by\" must name a required number field of this form with min >= 0 and max <= %d",
                "by 必须是本表单的必填 number 字段,且 min 不小于0、max 不大于%d", LENGTH_DAYS);
        return;
    }
    action->extends = find_deadline(x->w, f.deadline);
    action->extends_by = f.by;
    action->extends_days = read_choice(x, node, f.unit, units, 1) == 1;
    if (action->extends < 0) {
        MISTAKE(x, node, "There is no deadline \"%s\"", "没有时限“%s”", f.deadline);
    }
}

struct action_fields {
    const struct json *title, *from, *roles, *not, *form, *sets, *extend;
    const char *to, *comment;
    bool assignee;
};

static const struct json_field action_table[] = {
    {"title", FIELD_TEXT, offsetof(struct action_fields, title), true},
    {"from", FIELD_ANY, offsetof(struct action_fields, from), true},
    {"to", FIELD_STRING, offsetof(struct action_fields, to), false},
    {"roles", FIELD_ANY, offsetof(struct action_fields, roles), true},
    {"assignee", FIELD_BOOL, offsetof(struct action_fields, assignee), false},
    {"not", FIELD_ANY, offsetof(struct action_fields, not ), false},
    {"form", FIELD_ARRAY, offsetof(struct action_fields, form), false},
    {"sets", FIELD_OBJECT, offsetof(struct action_fields, sets), false},
    {"comment", FIELD_STRING, offsetof(struct action_fields, comment), false},
    {"extend", FIELD_OBJECT, offsetof(struct action_fields, extend), false},
    {NULL}};

/* What the engine itself writes into timelines. */
static bool is_engine_action(const char *name)
{
    static const char *const names[] = {"open",     "comment",       "remind",         "overdue",
                                        "escalate", "alarm-cleared", "alarm-severity", NULL};
    return g_strv_contains(names, name);
}

static void read_action(struct reading *x, const struct json *node, struct action *action)
{
    static const char *const comments[] = {"optional", "required", "none", NULL};
    struct action_fields f = {0};
    if (!check_name(x, node, node->key) || !read_object(x, node, action_table, &f)) {
        return;
    }
    if (is_engine_action(node->key)) {
        MISTAKE(x, node, "\"%s\" is a name that the engine uses itself", "“%s”是引擎自用的名称", node->key);
    }
    action->name = node->key;
    action->title = f.title;
    action->from = read_state_set(x, f.from);
    action->to = f.to != NULL ? read_state_name(x, json_get(node, "to"), f.to) : -1;
    action->roles = read_names(x, f.roles);
    action->assignee = f.assignee;
    action->others = read_names(x, f.not );
    action->comment = (enum comment_rule)read_choice(x, node, f.comment, comments, COMMENT_OPTIONAL);
    if (action->roles[0] == NULL) {
        MISTAKE(x, node, "An action needs at least one role", "操作至少需要一个角色");
    }
    read_form(x, f.form, action);
    read_sets(x, f.sets, action);
    read_extend(x, f.extend, action);
}

static void read_actions(struct reading *x, const struct json *node)
{
    if (node->length > WORKFLOW_ACTIONS) {
        MISTAKE(x, node, "A workflow has at most %d actions", "流程最多%d个操作", WORKFLOW_ACTIONS);
        return;
    }
    struct action *actions = arena_array(x->a, struct action, node->length + 1);
    for (const struct json *c = json_first(node); c != NULL; c = c->next) {
        struct action *action = &actions[x->w->actions_count];
        read_action(x, c, action);
        x->w->actions_count += action->name != NULL;
    }
    x->w->actions = actions;
}

const struct action *workflow_action(const struct workflow *w, const char *name)
{
    for (int i = 0; i < w->actions_count; i++) {
        if (strcmp(w->actions[i].name, name) == 0) {
            return &w->actions[i];
        }
    }
    return NULL;
}

/* ---- deadlines ---- */

static struct length read_length(struct reading *x, const struct json *where, const char *text)
{
    struct length l = {0};
    if (!length_parse(text, &l)) {
        MISTAKE(x, where, "\"%s\" is no length such as 30m, 4h, 2d or 1d4h (at most %d days)",
                "“%s”不是时长,例如 30m、4h、2d 或 1d4h(最多%d天)", text, LENGTH_DAYS);
    }
    return l;
}

struct limit_fields {
    const struct json *category, *severity;
    const char *within, *clock;
};

static const struct json_field limit_table[] = {
    {"category", FIELD_ANY, offsetof(struct limit_fields, category), false},
    {"severity", FIELD_ANY, offsetof(struct limit_fields, severity), false},
    {"within", FIELD_STRING, offsetof(struct limit_fields, within), true},
    {"clock", FIELD_STRING, offsetof(struct limit_fields, clock), false},
    {NULL}};

static const char *const clocks[] = {"working", "always", NULL};
static const char *const severities[] = {"red", "orange", "yellow", "blue", NULL};

static void read_limit(struct reading *x, const struct json *node, struct limit *limit)
{
    struct limit_fields f = {0};
    if (!read_object(x, node, limit_table, &f)) {
        return;
    }
    limit->categories = read_names(x, f.category);
    limit->severities = read_names(x, f.severity);
    for (int i = 0; limit->severities != NULL && limit->severities[i] != NULL; i++) {
        read_choice(x, f.severity, limit->severities[i], severities, 0);
    }
    limit->within = read_length(x, node, f.within);
    limit->clock = (enum deadline_clock)read_choice(x, node, f.clock, clocks, CLOCK_WORKING);
}

static void read_limits(struct reading *x, const struct json *list, struct deadline *d)
{
    if (list == NULL) {
        return;
    }
    if (list->length > WORKFLOW_LIMITS) {
        MISTAKE(x, list, "A deadline has at most %d special limits", "一个时限最多%d条特例", WORKFLOW_LIMITS);
        return;
    }
    struct limit *limits = arena_array(x->a, struct limit, list->length + 1);
    for (const struct json *c = json_first(list); c != NULL; c = c->next) {
        read_limit(x, c, &limits[d->limits_count++]);
    }
    d->limits = limits;
}

static bool too_many_notes(struct reading *x, const struct json *list)
{
    if (list->length <= WORKFLOW_NOTES) {
        return false;
    }
    MISTAKE(x, list, "At most %d are possible here", "此处最多%d项", WORKFLOW_NOTES);
    return true;
}

/* Longer ones first, whatever the unit's clock makes of them: days count as 24 hours here. */
static int64_t rough(struct length l)
{
    return l.days * CALENDAR_DAY + l.rest;
}

static void read_reminders(struct reading *x, const struct json *list, struct deadline *d)
{
    if (list == NULL || too_many_notes(x, list)) {
        return;
    }
    struct length *remind = arena_array(x->a, struct length, list->length + 1);
    for (const struct json *c = json_first(list); c != NULL; c = c->next) {
        remind[d->remind_count] = read_length(x, c, json_is(c, JSON_STRING) ? c->string : "");
        if (d->remind_count > 0 && rough(remind[d->remind_count - 1]) <= rough(remind[d->remind_count])) {
            MISTAKE(x, c, "Reminders stand longest first", "提醒须由长到短排列");
        }
        d->remind_count++;
    }
    d->remind = remind;
}

struct escalation_fields {
    const char *after;
    bool raise;
    const struct json *notify;
};

static void read_escalations(struct reading *x, const struct json *list, struct deadline *d)
{
    static const struct json_field table[] = {
        {"after", FIELD_STRING, offsetof(struct escalation_fields, after), true},
        {"raise", FIELD_BOOL, offsetof(struct escalation_fields, raise), false},
        {"notify", FIELD_ANY, offsetof(struct escalation_fields, notify), false},
        {NULL}};
    if (list == NULL || too_many_notes(x, list)) {
        return;
    }
    struct escalation *steps = arena_array(x->a, struct escalation, list->length + 1);
    for (const struct json *c = json_first(list); c != NULL; c = c->next) {
        struct escalation_fields f = {0};
        if (!read_object(x, c, table, &f)) {
            continue;
        }
        struct escalation *s = &steps[d->escalate_count];
        s->after = read_length(x, c, f.after);
        s->raise = f.raise;
        s->notify = read_names(x, f.notify);
        if (d->escalate_count > 0 && rough(s[-1].after) >= rough(s->after)) {
            MISTAKE(x, c, "Escalations stand soonest first", "升级须由早到晚排列");
        }
        d->escalate_count++;
    }
    d->escalate = steps;
}

struct deadline_fields {
    const struct json *title, *states, *when, *remind, *escalate;
    const char *within, *clock;
};

static const struct json_field deadline_table[] = {
    {"title", FIELD_TEXT, offsetof(struct deadline_fields, title), true},
    {"states", FIELD_ANY, offsetof(struct deadline_fields, states), true},
    {"within", FIELD_STRING, offsetof(struct deadline_fields, within), true},
    {"clock", FIELD_STRING, offsetof(struct deadline_fields, clock), false},
    {"when", FIELD_ARRAY, offsetof(struct deadline_fields, when), false},
    {"remind", FIELD_ARRAY, offsetof(struct deadline_fields, remind), false},
    {"escalate", FIELD_ARRAY, offsetof(struct deadline_fields, escalate), false},
    {NULL}};

static void read_deadline(struct reading *x, const struct json *node, struct deadline *d)
{
    struct deadline_fields f = {0};
    if (!check_name(x, node, node->key) || !read_object(x, node, deadline_table, &f)) {
        return;
    }
    d->name = node->key;
    d->title = f.title;
    d->states = read_state_set(x, f.states);
    d->otherwise.within = read_length(x, node, f.within);
    d->otherwise.clock = (enum deadline_clock)read_choice(x, node, f.clock, clocks, CLOCK_WORKING);
    read_limits(x, f.when, d);
    read_reminders(x, f.remind, d);
    read_escalations(x, f.escalate, d);
}

static void read_deadlines(struct reading *x, const struct json *node)
{
    if (node == NULL) {
        return;
    }
    if (node->length > WORKFLOW_DEADLINES) {
        MISTAKE(x, node, "A workflow has at most %d deadlines", "流程最多%d个时限", WORKFLOW_DEADLINES);
        return;
    }
    struct deadline *deadlines = arena_array(x->a, struct deadline, node->length + 1);
    x->w->deadlines = deadlines;
    for (const struct json *c = json_first(node); c != NULL; c = c->next) {
        struct deadline *d = &deadlines[x->w->deadlines_count];
        read_deadline(x, c, d);
        x->w->deadlines_count += d->name != NULL;
    }
}

/* ---- alarms ---- */

static const struct alarm_match *read_matches(struct reading *x, const struct json *list, int *count)
{
    static const struct json_field table[] = {
        {"rule", FIELD_STRING, offsetof(struct alarm_match, rule), false},
        {"type", FIELD_STRING, offsetof(struct alarm_match, type), false},
        {"category", FIELD_STRING, offsetof(struct alarm_match, category), false},
        {NULL}};
    struct alarm_match *matches =
        arena_array(x->a, struct alarm_match, (list != NULL ? list->length : 0) + 1);
    for (const struct json *c = json_first(list); c != NULL; c = c->next) {
        struct alarm_match m = {0};
        if (!read_object(x, c, table, &m)) {
            continue;
        }
        if (m.rule == NULL && m.type == NULL) {
            MISTAKE(x, c, "rule or type is needed here", "此处需要 rule 或 type");
            continue;
        }
        matches[(*count)++] = m;
    }
    return matches;
}

/* ---- the whole ---- */

struct workflow_fields {
    const struct json *title, *states, *actions, *deadlines, *from, *categorise;
    const char *start;
};

static const struct json_field workflow_table[] = {
    {"title", FIELD_TEXT, offsetof(struct workflow_fields, title), true},
    {"start", FIELD_STRING, offsetof(struct workflow_fields, start), true},
    {"states", FIELD_ANY, offsetof(struct workflow_fields, states), true},
    {"actions", FIELD_OBJECT, offsetof(struct workflow_fields, actions), true},
    {"deadlines", FIELD_OBJECT, offsetof(struct workflow_fields, deadlines), false},
    {"from", FIELD_ARRAY, offsetof(struct workflow_fields, from), false},
    {"categorise", FIELD_ARRAY, offsetof(struct workflow_fields, categorise), false},
    {NULL}};

const struct workflow *workflow_parse(struct arena *a, const char *pack, const struct json *definition,
                                      struct pack_report *r)
{
    struct reading x = {a, r, arena_new0(a, struct workflow)};
    struct workflow_fields f = {0};
    x.w->name = definition->key;
    x.w->pack = pack;
    if (!check_name(&x, definition, definition->key) || !read_object(&x, definition, workflow_table, &f) ||
        !read_states(&x, f.states)) {
        return NULL;
    }
    x.w->title = f.title;
    x.w->start = read_state_name(&x, json_get(definition, "start"), f.start);
    if (x.w->start < 0) {
        x.w->start = 0;
    }
    read_deadlines(&x, f.deadlines);
    read_actions(&x, f.actions);
    x.w->from = read_matches(&x, f.from, &x.w->from_count);
    x.w->categorise = read_matches(&x, f.categorise, &x.w->categorise_count);
    return x.w;
}
