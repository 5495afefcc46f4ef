/* SPDX-License-Identifier: Apache-2.0 */
/* Building the JSON of cases and workflows. */
#include "cases/case_json.h"

#include <math.h>
#include <string.h>

/* ---- small pieces ---- */

static struct json *text_or_null(struct arena *a, const char *text)
{
    return text != NULL ? json_string(a, text) : json_null(a);
}

static struct json *copy_or_null(struct arena *a, const struct json *value)
{
    return value != NULL ? json_copy(a, value) : json_null(a);
}

static void add_value(struct arena *a, struct json *o, const struct json *entity, const char *name)
{
    json_add(o, name, copy_or_null(a, context_value(entity, name)));
}

static struct json *two_texts(struct arena *a, const char *zh, const char *en)
{
    struct json *o = json_object(a);
    json_add(o, "zh", json_string(a, zh));
    json_add(o, "en", json_string(a, en));
    return o;
}

static struct json *names_json(struct arena *a, const char *const *names)
{
    struct json *list = json_array(a);
    for (int i = 0; names != NULL && names[i] != NULL; i++) {
        json_append(list, json_string(a, names[i]));
    }
    return list;
}

static const char *display_name(struct view *v, struct arena *a, const char *name)
{
    const struct user *u = name != NULL ? identity_find_user(v, a, name) : NULL;
    return u != NULL ? u->display_name : name;
}

/* {id, type, name} of the entity that a case is about. */
static struct json *source_json(struct arena *a, struct view *v, const char *id)
{
    if (id == NULL) {
        return json_null(a);
    }
    const struct json *entity = context_get(v, a, id);
    struct json *o = json_object(a);
    json_add(o, "id", json_string(a, id));
    json_add(o, "type", copy_or_null(a, json_first(json_get(entity, "type"))));
    json_add(o, "name", copy_or_null(a, context_value(entity, "name")));
    return o;
}

/* ---- the summary ---- */

static void add_state(struct arena *a, struct json *o, const struct workflow *w, const struct json *entity)
{
    int state = w != NULL ? case_state(w, entity) : -1;
    const struct state *s = state >= 0 ? &w->states[state] : NULL;
    add_value(a, o, entity, "workflow");
    json_add(o, "workflowTitle", copy_or_null(a, w != NULL ? w->title : context_value(entity, "workflow")));
    add_value(a, o, entity, "state");
    json_add(o, "stateTitle", copy_or_null(a, s != NULL ? s->title : context_value(entity, "state")));
    json_add(o, "stateKind", text_or_null(a, s != NULL ? state_kind_name(s->kind) : NULL));
    json_add(o, "publicState", copy_or_null(a, s != NULL ? s->public : NULL));
}

static void add_category(struct arena *a, struct json *o, const struct playbook *p, const struct json *entity)
{
    const char *code = context_string(entity, "category");
    const struct category *c = playbook_category(p, code);
    json_add(o, "category", c != NULL ? json_copy(a, c->title) : text_or_null(a, code));
    json_add(o, "categoryCode", text_or_null(a, code));
}

static void add_deadline(struct arena *a, struct json *o, const struct json *entity)
{
    char text[INSTANT_TEXT];
    instant due = case_due(entity);
    json_add(o, "deadline", due != INSTANT_MAX ? json_string(a, instant_format(due, text)) : json_null(a));
    json_add(o, "overdue", json_bool(a, due < instant_now()));
}

struct json *case_summary(struct arena *a, const struct playbook *p, struct view *v,
                          const struct json *entity)
{
    struct json *o = json_object(a);
    const char *assignee = context_string(entity, "assignee");
    json_add(o, "id", text_or_null(a, json_get_string(entity, "id")));
    add_value(a, o, entity, "number");
    add_state(a, o, playbook_workflow(p, context_string(entity, "workflow")), entity);
    add_value(a, o, entity, "title");
    add_category(a, o, p, entity);
    add_value(a, o, entity, "severity");
    add_value(a, o, entity, "priority");
    add_value(a, o, entity, "alarm");
    json_add(o, "source", source_json(a, v, context_string(entity, "source")));
    add_value(a, o, entity, "location");
    json_add(o, "scope", text_or_null(a, case_scope(entity)));
    json_add(o, "assignee", text_or_null(a, assignee));
    json_add(o, "assigneeName", text_or_null(a, display_name(v, a, assignee)));
    add_value(a, o, entity, "department");
    add_value(a, o, entity, "openedAt");
    add_value(a, o, entity, "openedBy");
    add_deadline(a, o, entity);
    add_value(a, o, entity, "closedAt");
    add_value(a, o, entity, "closeReason");
    json_add(o, "version", json_int(a, case_version(entity)));
    return o;
}

/* ---- the timeline ---- */

static struct json *entry_title(struct arena *a, const struct workflow *w, const char *name)
{
    static const struct {
        const char *name, *zh, *en;
    } system[] = {{"open", "开立案件", "Opened"},
                  {"comment", "意见", "Comment"},
                  {"remind", "临期提醒", "Reminder"},
                  {"overdue", "超期", "Overdue"},
                  {"escalate", "超期升级", "Escalated"},
                  {"alarm-cleared", "告警解除", "Alarm cleared"},
                  {"alarm-severity", "告警级别变化", "Alarm severity changed"}};
    for (size_t i = 0; i < G_N_ELEMENTS(system); i++) {
        if (g_strcmp0(name, system[i].name) == 0) {
            return two_texts(a, system[i].zh, system[i].en);
        }
    }
    const struct action *action = w != NULL && name != NULL ? workflow_action(w, name) : NULL;
    return action != NULL ? json_copy(a, action->title) : text_or_null(a, name);
}

/* Form values with the titles of their fields, for people: [{name, title, value}]. */
static struct json *form_shown(struct arena *a, const struct action *action, const struct json *form)
{
    struct json *list = json_array(a);
    for (const struct json *m = json_first(form); m != NULL; m = m->next) {
        struct json *o = json_append(list, json_object(a));
        json_add(o, "name", json_string(a, m->key));
        const struct json *title = NULL, *shown = NULL;
        for (int i = 0; action != NULL && i < action->fields_count; i++) {
            if (strcmp(action->fields[i].name, m->key) == 0) {
                title = action->fields[i].title;
                for (const struct json *c = json_first(action->fields[i].options); c != NULL; c = c->next) {
                    shown = json_equal(json_get(c, "value"), m) ? json_get(c, "title") : shown;
                }
            }
        }
        json_add(o, "title", title != NULL ? json_copy(a, title) : json_string(a, m->key));
        json_add(o, "value", json_copy(a, m));
        if (shown != NULL) {
            json_add(o, "shown", json_copy(a, shown));
        }
    }
    return list;
}

static struct json *timeline_json(struct arena *a, const struct workflow *w, const struct json *entity)
{
    struct json *list = json_array(a);
    for (const struct json *x = json_first(case_timeline(entity)); x != NULL; x = x->next) {
        struct json *entry = json_append(list, json_copy(a, x));
        const char *name = json_get_string(x, "action");
        json_add(entry, "title", entry_title(a, w, name));
        if (json_get(x, "form") != NULL) {
            const struct action *action = w != NULL && name != NULL ? workflow_action(w, name) : NULL;
            json_add(entry, "fields", form_shown(a, action, json_get(x, "form")));
        }
    }
    return list;
}

static struct json *deadlines_json(struct arena *a, const struct workflow *w, const struct json *entity)
{
    struct json *list = json_array(a);
    for (int i = 0; w != NULL && i < w->deadlines_count; i++) {
        const struct deadline *d = &w->deadlines[i];
        const struct json *stage = json_get(case_deadlines(entity), d->name);
        if (stage != NULL) {
            struct json *o = json_append(list, json_copy(a, stage));
            json_add(o, "name", json_string(a, d->name));
            json_add(o, "title", json_copy(a, d->title));
        }
    }
    return list;
}

/* ---- actions and their forms ---- */

/* The accounts that may stand in a user or department field. */
struct people {
    struct arena *a;
    const char *role;  /* or NULL */
    const char *scope; /* of the case, or NULL */
    struct json *options;
    GHashTable *departments; /* when departments are wanted */
};

static void add_option(struct people *x, const char *value, const char *title)
{
    struct json *o = json_append(x->options, json_object(x->a));
    json_add(o, "value", json_string(x->a, value));
    json_add(o, "title", json_string(x->a, title));
}

static bool add_person(void *user, const struct user *u)
{
    struct people *x = user;
    if ((x->role != NULL && !user_has_role(u, x->role)) || !user_reaches(u, x->scope) ||
        x->options->length >= 1000) {
        return true;
    }
    if (x->departments == NULL) {
        add_option(x, u->name,
                   u->organisation[0] != '\0' ? arena_printf(x->a, "%s(%s)", u->display_name, u->organisation)
                                              : u->display_name);
    } else if (u->organisation[0] != '\0' &&
               g_hash_table_add(x->departments, arena_strdup(x->a, u->organisation))) {
        add_option(x, u->organisation, u->organisation);
    }
    return true;
}

static struct json *people_options(struct arena *a, struct view *v, const struct form_field *f,
                                   const char *scope)
{
    struct people x = {a, f->role, scope, json_array(a), NULL};
    g_autoptr(GHashTable) departments = g_hash_table_new(g_str_hash, g_str_equal);
    if (f->kind == FORM_DEPARTMENT) {
        x.departments = departments;
    }
    identity_each_user(v, add_person, &x);
    return x.options;
}

static struct json *field_json(struct arena *a, const struct form_field *f)
{
    struct json *o = json_object(a);
    json_add(o, "name", json_string(a, f->name));
    json_add(o, "title", json_copy(a, f->title));
    json_add(o, "kind", json_string(a, field_kind_name(f->kind)));
    json_add(o, "required", json_bool(a, f->required));
    if (f->options != NULL) {
        json_add(o, "options", json_copy(a, f->options));
    }
    if (isfinite(f->min)) {
        json_add(o, "min", json_double(a, f->min));
    }
    if (isfinite(f->max)) {
        json_add(o, "max", json_double(a, f->max));
    }
    if (f->role != NULL) {
        json_add(o, "role", json_string(a, f->role));
    }
    return o;
}

static const char *comment_name(enum comment_rule c)
{
    return c == COMMENT_REQUIRED ? "required" : c == COMMENT_NONE ? "none" : "optional";
}

static struct json *action_json(struct arena *a, const struct workflow *w, const struct action *action)
{
    struct json *o = json_object(a);
    json_add(o, "name", json_string(a, action->name));
    json_add(o, "title", json_copy(a, action->title));
    if (action->to >= 0) {
        json_add(o, "to", json_string(a, w->states[action->to].name));
        json_add(o, "toTitle", json_copy(a, w->states[action->to].title));
    }
    json_add(o, "comment", json_string(a, comment_name(action->comment)));
    struct json *form = json_add(o, "form", json_array(a));
    for (int i = 0; i < action->fields_count; i++) {
        json_append(form, field_json(a, &action->fields[i]));
    }
    return o;
}

/* The action as it can be taken on this case: people fields with their options. */
static struct json *action_offer(struct arena *a, struct view *v, const struct workflow *w,
                                 const struct action *action, const char *scope)
{
    struct json *o = action_json(a, w, action);
    struct json *field = json_first(json_get(o, "form"));
    for (int i = 0; i < action->fields_count; i++, field = field->next) {
        const struct form_field *f = &action->fields[i];
        if (f->kind == FORM_USER || f->kind == FORM_DEPARTMENT) {
            json_set(a, field, "options", people_options(a, v, f, scope));
        }
    }
    return o;
}

static void add_actions(struct arena *a, struct json *o, const struct playbook *p, struct view *v,
                        const struct workflow *w, const struct json *entity, const struct user *u)
{
    struct json *mine = json_add(o, "actions", json_array(a));
    struct json *elsewhere = json_add(o, "allowed_elsewhere", json_array(a));
    int state = w != NULL ? case_state(w, entity) : -1;
    for (int i = 0; state >= 0 && i < w->actions_count; i++) {
        const struct action *action = &w->actions[i];
        struct error why = {0};
        if ((action->from >> state & 1) == 0) {
            continue;
        }
        if (u != NULL && case_permits(p, action, entity, u, NULL, &why)) {
            json_append(mine, action_offer(a, v, w, action, case_scope(entity)));
            continue;
        }
        struct json *other = json_append(elsewhere, json_object(a));
        json_add(other, "action", json_string(a, action->name));
        json_add(other, "title", json_copy(a, action->title));
        json_add(other, "roles", names_json(a, action->roles));
        json_add(other, "why", two_texts(a, why.zh, why.en));
    }
}

struct json *case_detail(struct arena *a, const struct playbook *p, struct view *v, const struct json *entity,
                         const struct user *u)
{
    const struct workflow *w = playbook_workflow(p, context_string(entity, "workflow"));
    struct json *o = case_summary(a, p, v, entity);
    add_value(a, o, entity, "description");
    json_add(o, "timeline", timeline_json(a, w, entity));
    json_add(o, "deadlines", deadlines_json(a, w, entity));
    add_actions(a, o, p, v, w, entity, u);
    return o;
}

bool case_waits_for(const struct playbook *p, const struct json *entity, const struct user *u)
{
    const struct workflow *w = playbook_workflow(p, context_string(entity, "workflow"));
    if (w == NULL || !case_is_open(w, entity)) {
        return false;
    }
    const char *assignee = context_string(entity, "assignee");
    if (assignee != NULL && strcmp(assignee, u->name) == 0) {
        return true;
    }
    int state = case_state(w, entity);
    for (int i = 0; i < w->actions_count; i++) {
        if ((w->actions[i].from >> state & 1) != 0 &&
            case_permits(p, &w->actions[i], entity, u, NULL, NULL)) {
            return true;
        }
    }
    return false;
}

/* ---- workflows ---- */

static struct json *states_json(struct arena *a, const struct workflow *w, uint64_t set)
{
    struct json *list = json_array(a);
    for (int i = 0; i < w->states_count; i++) {
        if ((set >> i & 1) != 0) {
            json_append(list, json_string(a, w->states[i].name));
        }
    }
    return list;
}

static void add_states(struct arena *a, struct json *o, const struct workflow *w)
{
    struct json *list = json_add(o, "states", json_array(a));
    for (int i = 0; i < w->states_count; i++) {
        const struct state *s = &w->states[i];
        struct json *state = json_append(list, json_object(a));
        json_add(state, "name", json_string(a, s->name));
        json_add(state, "title", json_copy(a, s->title));
        json_add(state, "public", json_copy(a, s->public));
        json_add(state, "kind", json_string(a, state_kind_name(s->kind)));
        if (s->reason != NULL) {
            json_add(state, "reason", json_string(a, s->reason));
        }
    }
}

static void add_workflow_actions(struct arena *a, struct json *o, const struct workflow *w)
{
    struct json *list = json_add(o, "actions", json_array(a));
    for (int i = 0; i < w->actions_count; i++) {
        const struct action *x = &w->actions[i];
        struct json *action = json_append(list, action_json(a, w, x));
        json_add(action, "from", states_json(a, w, x->from));
        json_add(action, "roles", names_json(a, x->roles));
        json_add(action, "not", names_json(a, x->others));
        json_add(action, "assignee", json_bool(a, x->assignee));
    }
}

static void add_workflow_deadlines(struct arena *a, struct json *o, const struct workflow *w)
{
    struct json *list = json_add(o, "deadlines", json_array(a));
    for (int i = 0; i < w->deadlines_count; i++) {
        struct json *d = json_append(list, json_object(a));
        json_add(d, "name", json_string(a, w->deadlines[i].name));
        json_add(d, "title", json_copy(a, w->deadlines[i].title));
        json_add(d, "states", states_json(a, w, w->deadlines[i].states));
    }
}

struct json *workflow_json(struct arena *a, const struct playbook *p, const struct workflow *w)
{
    struct json *o = json_object(a);
    json_add(o, "name", json_string(a, w->name));
    json_add(o, "pack", json_string(a, w->pack));
    json_add(o, "title", json_copy(a, w->title));
    json_add(o, "start", json_string(a, w->states[w->start].name));
    add_states(a, o, w);
    add_workflow_actions(a, o, w);
    add_workflow_deadlines(a, o, w);
    return o;
}

struct json *category_json(struct arena *a, const struct category *c)
{
    struct json *o = json_object(a);
    json_add(o, "code", json_string(a, c->code));
    json_add(o, "title", json_copy(a, c->title));
    json_add(o, "class", json_string(a, c->class_code));
    json_add(o, "classTitle", json_copy(a, c->class_title));
    json_add(o, "kind", json_string(a, c->component ? "component" : "matter"));
    json_add(o, "local", json_bool(a, c->local));
    return o;
}
