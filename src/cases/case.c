/* SPDX-License-Identifier: Apache-2.0 */
/* What can happen to a case. Each way in works out a change and writes it with its timeline entry:
 *
 *   case_open ──► a state of the workflow ──case_act──► another … ──► a closed state
 *                  │  case_comment, case_note, case_fire: the state stays, the timeline grows
 */
#include "cases/case.h"

#include <string.h>

#include "base/limits.h"
#include "cases/attachments.h"
#include "cases/clocks.h"
#include "cases/form.h"

static const char ID_PREFIX[] = "urn:ngsi-ld:Case:";
static const char NOTHING[] = "urn:ngsi-ld:null";

/* ---- reading ---- */

int case_state(const struct workflow *w, const struct json *entity)
{
    return workflow_state(w, context_string(entity, "state"));
}

const char *case_scope(const struct json *entity)
{
    const struct json *first = json_first(json_get(entity, "scope"));
    return json_is(first, JSON_STRING) ? first->string : NULL;
}

const struct json *case_timeline(const struct json *entity)
{
    return context_value(entity, "timeline");
}

const struct json *case_deadlines(const struct json *entity)
{
    return context_value(entity, "deadlines");
}

int64_t case_version(const struct json *entity)
{
    const struct json *timeline = case_timeline(entity);
    return timeline != NULL ? timeline->length : 0;
}

bool case_is_open(const struct workflow *w, const struct json *entity)
{
    int state = case_state(w, entity);
    return state >= 0 && w->states[state].kind != STATE_CLOSED;
}

instant case_due(const struct json *entity)
{
    return clocks_due(case_deadlines(entity));
}

instant case_next_event(const struct playbook *p, const struct json *entity)
{
    const struct workflow *w = playbook_workflow(p, context_string(entity, "workflow"));
    return w != NULL ? clocks_next(p, w, case_deadlines(entity)) : INSTANT_MAX;
}

/* ---- who may ---- */

static const char *acting_role(const struct action *action, const struct user *u)
{
    for (int i = 0; action->roles[i] != NULL; i++) {
        if (user_has_role(u, action->roles[i])) {
            return action->roles[i];
        }
    }
    return user_has_role(u, "admin") ? action->roles[0] : NULL;
}

static bool is_assigned(const struct json *entity, const struct user *u)
{
    const char *assignee = context_string(entity, "assignee");
    const char *department = context_string(entity, "department");
    if (assignee != NULL) {
        return strcmp(assignee, u->name) == 0;
    }
    return department != NULL && strcmp(department, u->organisation) == 0;
}

static bool refuse_assignee(const struct json *entity, struct error *e)
{
    const char *whom = context_string(entity, "assignee");
    whom = whom != NULL ? whom : context_string(entity, "department");
    return error_set(e, ERROR_FORBIDDEN, "The case is assigned to %s, who alone may do this",
                     "案件已派给 %s,只有其本人(或该部门人员)可以办理", whom != NULL ? whom : "-");
}

/* The role in `not` in which the user has acted on this case, or NULL. */
static const char *acted_as(const struct action *action, const struct json *entity, const struct user *u)
{
    for (const struct json *x = json_first(case_timeline(entity)); x != NULL; x = x->next) {
        const char *role = json_get_string(x, "role");
        if (role != NULL && g_strv_contains(action->others, role) && json_streq(json_get(x, "by"), u->name)) {
            return role;
        }
    }
    const char *assignee = context_string(entity, "assignee");
    return assignee != NULL && strcmp(assignee, u->name) == 0 ? action->others[0] : NULL;
}

static bool someone_else(const struct action *action, const struct json *entity, const struct user *u,
                         struct error *e)
{
    if (action->others == NULL || user_is_local(u)) {
        return true;
    }
    const char *role = acted_as(action, entity, u);
    return role == NULL ||
           error_set(e, ERROR_FORBIDDEN, "%s must be done by another person than the %s of this case",
                     "操作 %s 必须由不同于本案 %s 的人员办理", action->name, role);
}

static bool in_area(const struct json *entity, const struct user *u, struct error *e)
{
    for (const struct json *s = json_first(json_get(entity, "scope")); s != NULL; s = s->next) {
        if (json_is(s, JSON_STRING) && user_reaches(u, s->string)) {
            return true;
        }
    }
    const char *scope = case_scope(entity);
    return user_reaches(u, NULL) ||
           error_set(e, ERROR_FORBIDDEN, "The case lies in %s, outside the area of your account, %s",
                     "案件位于 %s,不在您账号的辖区 %s 内", scope != NULL ? scope : "-", u->area);
}

bool case_permits(const struct playbook *p, const struct action *action, const struct json *entity,
                  const struct user *u, const char **role, struct error *e)
{
    const char *as = acting_role(action, u);
    if (as == NULL) {
        arena_auto a = arena_new();
        return error_set(e, ERROR_FORBIDDEN, "%1$s needs the role %2$s%3$.0s",
                         "操作 %1$s 需要角色 %3$s%2$.0s", action->name,
                         playbook_roles_text(p, a, action->roles, false),
                         playbook_roles_text(p, a, action->roles, true));
    }
    if (action->assignee && !user_has_role(u, "admin") && !is_assigned(entity, u)) {
        return refuse_assignee(entity, e);
    }
    if (role != NULL) {
        *role = as;
    }
    return someone_else(action, entity, u, e) && in_area(entity, u, e);
}

/* ---- a change under work ---- */

struct change {
    struct txn *t;
    struct arena *a;
    const struct playbook *p;
    const struct workflow *w;
    const struct json *entity;         /* as it was; NULL when it begins */
    struct json *fragment;             /* what will be written */
    struct json *timeline, *deadlines; /* copies under change */
    const char *category, *severity;
    instant now;
};

static struct json *array_or_new(struct arena *a, const struct json *value)
{
    return json_is(value, JSON_ARRAY) ? json_copy(a, value) : json_array(a);
}

static struct json *object_or_new(struct arena *a, const struct json *value)
{
    return json_is(value, JSON_OBJECT) ? json_copy(a, value) : json_object(a);
}

static struct change change_begin(struct txn *t, struct arena *a, const struct playbook *p,
                                  const struct workflow *w, const char *id, const struct json *entity)
{
    return (struct change){.t = t,
                           .a = a,
                           .p = p,
                           .w = w,
                           .entity = entity,
                           .fragment = context_entity(a, id, "Case"),
                           .timeline = array_or_new(a, case_timeline(entity)),
                           .deadlines = object_or_new(a, case_deadlines(entity)),
                           .category = context_string(entity, "category"),
                           .severity = context_string(entity, "severity"),
                           .now = txn_now(t)};
}

static void set(struct change *c, const char *name, struct json *value)
{
    context_set_property(c->a, c->fragment, name, value);
}

static void set_text(struct change *c, const char *name, const char *text)
{
    set(c, name, json_string(c->a, text));
}

static void set_time(struct change *c, const char *name, instant t)
{
    char text[INSTANT_TEXT];
    set_text(c, name, instant_format(t, text));
}

/* Takes an attribute away, when it is there. */
static void clear(struct change *c, const char *name)
{
    if (json_get(c->entity, name) != NULL) {
        set_text(c, name, NOTHING);
    }
}

static void set_json(struct change *c, const char *name, struct json *value)
{
    struct json *instance = json_object(c->a);
    json_add(instance, "type", json_string(c->a, "JsonProperty"));
    json_add(instance, "json", value);
    json_set(c->a, c->fragment, name, instance);
}

/* A string, or {zh, en} as a LanguageProperty. */
static void set_either(struct change *c, const char *name, const struct json *text)
{
    if (!json_is(text, JSON_OBJECT)) {
        set(c, name, json_copy(c->a, text));
        return;
    }
    struct json *instance = json_object(c->a);
    json_add(instance, "type", json_string(c->a, "LanguageProperty"));
    json_add(instance, "languageMap", json_copy(c->a, text));
    json_set(c->a, c->fragment, name, instance);
}

/* Begins a timeline entry. */
static struct json *add_entry(struct change *c, const char *action, const struct user *u)
{
    char at[INSTANT_TEXT];
    struct json *entry = json_append(c->timeline, json_object(c->a));
    json_add(entry, "n", json_int(c->a, c->timeline->length));
    json_add(entry, "action", json_string(c->a, action));
    json_add(entry, "by", json_string(c->a, u != NULL ? u->name : CASE_SYSTEM));
    if (u != NULL) {
        json_add(entry, "byName", json_string(c->a, u->display_name));
    }
    json_add(entry, "at", json_string(c->a, instant_format(c->now, at)));
    return entry;
}

static void add_text(struct change *c, struct json *entry, const char *key, const char *text)
{
    if (text != NULL && text[0] != '\0') {
        json_set(c->a, entry, key, json_string(c->a, text));
    }
}

static bool add_attachments(struct change *c, struct json *entry, const struct json *digests, struct error *e)
{
    if (digests == NULL || digests->type == JSON_NULL || digests->length == 0) {
        return true;
    }
    if (!json_is(digests, JSON_ARRAY) || digests->length > CASE_ATTACHMENTS) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "attachments must be a list of at most %d sha256 digests",
                         "attachments 必须是不超过%d个 sha256 的列表", CASE_ATTACHMENTS);
    }
    struct json *list = json_add(entry, "attachments", json_array(c->a));
    for (const struct json *d = json_first(digests); d != NULL; d = d->next) {
        const struct attachment *x =
            json_is(d, JSON_STRING) ? attachment_get(txn_view(c->t), c->a, d->string) : NULL;
        if (x == NULL) {
            return error_set(e, ERROR_BAD_REQUEST_DATA,
                             "An attachment is not known: send it to POST /api/v1/attachments first",
                             "有附件不存在:请先上传到 POST /api/v1/attachments");
        }
        json_append(list, attachment_json(c->a, x));
    }
    return true;
}

/* Moves to a state: closing, reopening, the clocks. */
static void move_to(struct change *c, int to)
{
    const struct state *s = &c->w->states[to];
    set_text(c, "state", s->name);
    if (s->kind == STATE_CLOSED) {
        if (json_get(c->entity, "closedAt") == NULL) {
            set_time(c, "closedAt", c->now);
        }
        if (s->reason != NULL) {
            set_text(c, "closeReason", s->reason);
        }
    } else {
        clear(c, "closedAt");
        clear(c, "closeReason");
    }
    clocks_move(c->a, c->p, c->w, c->deadlines, to, c->category, c->severity, c->now);
}

static bool write_change(struct change *c, enum context_mode mode, const char *by, struct error *e)
{
    if (c->timeline->length > CASE_TIMELINE) {
        return error_set(e, ERROR_TOO_LARGE, "The case has %d entries, more it cannot hold",
                         "案件已有%d条记录,不能再增加", CASE_TIMELINE);
    }
    instant due = clocks_due(c->deadlines);
    if (due != INSTANT_MAX) {
        set_time(c, "deadline", due);
    } else {
        clear(c, "deadline");
    }
    set(c, "overdue", json_bool(c->a, clocks_overdue(c->deadlines)));
    set_json(c, "deadlines", c->deadlines);
    set_json(c, "timeline", c->timeline);
    int flags = mode == CONTEXT_UPDATE ? CONTEXT_MUST_EXIST : 0;
    return context_write(c->t, c->a, c->fragment, mode, flags, by, NULL, e);
}

static const struct json *find_case(struct txn *t, struct arena *a, const char *id, struct error *e)
{
    const struct json *entity = context_get_txn(t, a, id);
    if (entity == NULL || !context_has_type(entity, "Case")) {
        error_set(e, ERROR_NOT_FOUND, "There is no case %s", "没有案件 %s", id);
        return NULL;
    }
    return entity;
}

static const struct workflow *find_workflow(const struct playbook *p, const struct json *entity,
                                            struct error *e)
{
    const char *name = context_string(entity, "workflow");
    const struct workflow *w = playbook_workflow(p, name);
    if (w == NULL) {
        error_set(e, ERROR_CONFLICT, "No pack in force has the workflow \"%s\" of this case",
                  "现行应用包中没有本案的流程“%s”", name != NULL ? name : "");
    }
    return w;
}

/* ---- taking an action ---- */

static bool refuse_state(const struct workflow *w, int state, const char *action, struct error *e)
{
    g_autoptr(GString) possible = g_string_new(NULL);
    for (int i = 0; state >= 0 && i < w->actions_count; i++) {
        if ((w->actions[i].from >> state & 1) != 0) {
            g_string_append_printf(possible, "%s%s", possible->len > 0 ? ", " : "", w->actions[i].name);
        }
    }
    return error_set(e, ERROR_CONFLICT, "%s is not possible in the state %s; possible now: %s",
                     "案件现处状态不允许操作 %s(状态 %s);现在可用的操作:%s", action,
                     state >= 0 ? w->states[state].name : "?", possible->len > 0 ? possible->str : "-");
}

static bool check_version(const struct case_action *in, const struct json *entity, struct error *e)
{
    int64_t version = case_version(entity);
    return in->version < 0 || in->version == version ||
           error_set(e, ERROR_CONFLICT,
                     "The case has changed meanwhile (version %" G_GINT64_FORMAT "): read it again",
                     "案件已被他人更新(版本 %" G_GINT64_FORMAT "),请刷新后再试", version);
}

static bool check_comment(const struct action *action, const char *comment, struct error *e)
{
    bool given = comment != NULL && comment[0] != '\0';
    if (given && !text_valid(comment, LIMIT_TEXT, true)) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "A comment has at most %d bytes of text",
                         "意见须为不超过%d字节的文本", LIMIT_TEXT);
    }
    if (action->comment == COMMENT_REQUIRED && !given) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "%s needs a comment", "操作 %s 必须填写意见",
                         action->name);
    }
    return action->comment != COMMENT_NONE || !given ||
           error_set(e, ERROR_BAD_REQUEST_DATA, "%s takes no comment", "操作 %s 不接受意见", action->name);
}

static void apply_setter(struct change *c, const struct setter *s, const struct json *form,
                         const struct user *u)
{
    const struct json *value = s->source == SET_FORM      ? json_get(form, s->field)
                               : s->source == SET_LITERAL ? s->literal
                               : s->source == SET_ME      ? json_string(c->a, u->name)
                                                          : NULL;
    if (value == NULL) {
        clear(c, s->attribute);
        return;
    }
    set(c, s->attribute, json_copy(c->a, value));
    if (strcmp(s->attribute, "category") == 0 && json_is(value, JSON_STRING)) {
        c->category = value->string;
    } else if (strcmp(s->attribute, "severity") == 0 && json_is(value, JSON_STRING)) {
        c->severity = value->string;
    }
}

static bool extend(struct change *c, const struct action *action, const struct json *form, struct error *e)
{
    if (action->extends < 0) {
        return true;
    }
    double n = json_number(json_get(form, action->extends_by));
    struct length by = {0};
    if (action->extends_days && n == (int)n) {
        by.days = (int)n;
    } else {
        double day =
            action->extends_days ? (double)calendar_day_length(c->p->calendar) : (double)CALENDAR_HOUR;
        by.rest = (int64_t)(n * day);
    }
    const struct deadline *d = &c->w->deadlines[action->extends];
    return clocks_extend(c->a, c->p, d, c->deadlines, by, c->now) ||
           error_set(e, ERROR_CONFLICT, "The deadline %s does not run now", "时限 %s 现在没有在计时",
                     d->name);
}

static bool apply_action(struct change *c, const struct action *action, const struct case_action *in,
                         const char *role, struct error *e)
{
    struct json *form = form_check(c->a, action, in->form, txn_view(c->t), e);
    if (form == NULL || !check_comment(action, in->comment, e)) {
        return false;
    }
    struct json *entry = add_entry(c, action->name, in->user);
    json_add(entry, "role", json_string(c->a, role));
    add_text(c, entry, "from", context_string(c->entity, "state"));
    add_text(c, entry, "to",
             action->to >= 0 ? c->w->states[action->to].name : context_string(c->entity, "state"));
    if (form->length > 0) {
        json_add(entry, "form", json_copy(c->a, form));
    }
    add_text(c, entry, "comment", in->comment);
    if (!add_attachments(c, entry, in->attachments, e) || !extend(c, action, form, e)) {
        return false;
    }
    for (int i = 0; i < action->sets_count; i++) {
        apply_setter(c, &action->sets[i], form, in->user);
    }
    if (action->to >= 0) {
        move_to(c, action->to);
    }
    return true;
}

bool case_act(struct txn *t, struct arena *a, const struct playbook *p, const struct case_action *in,
              struct error *e)
{
    const struct json *entity = find_case(t, a, in->id, e);
    const struct workflow *w = entity != NULL ? find_workflow(p, entity, e) : NULL;
    if (w == NULL || !check_version(in, entity, e)) {
        return false;
    }
    int state = case_state(w, entity);
    const struct action *action = workflow_action(w, in->action);
    if (action == NULL || state < 0 || (action->from >> state & 1) == 0) {
        return refuse_state(w, state, in->action, e);
    }
    const char *role;
    if (!case_permits(p, action, entity, in->user, &role, e)) {
        return false;
    }
    struct change c = change_begin(t, a, p, w, in->id, entity);
    return apply_action(&c, action, in, role, e) && write_change(&c, CONTEXT_UPDATE, in->user->name, e);
}

bool case_comment(struct txn *t, struct arena *a, const struct playbook *p, const char *id, const char *text,
                  const struct json *attachments, const struct user *u, struct error *e)
{
    const struct json *entity = find_case(t, a, id, e);
    const struct workflow *w = entity != NULL ? find_workflow(p, entity, e) : NULL;
    if (w == NULL || !in_area(entity, u, e)) {
        return false;
    }
    if (text[0] == '\0' || !text_valid(text, LIMIT_TEXT, true)) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "A comment has 1 to %d bytes of text",
                         "意见须为1至%d字节的文本", LIMIT_TEXT);
    }
    struct change c = change_begin(t, a, p, w, id, entity);
    struct json *entry = add_entry(&c, "comment", u);
    add_text(&c, entry, "comment", text);
    return add_attachments(&c, entry, attachments, e) && write_change(&c, CONTEXT_UPDATE, u->name, e);
}

/* ---- opening ---- */

/* "20261121-000123": the next of the day. */
static bool next_number(struct change *c, char out[32], struct error *e)
{
    int date = calendar_date(c->p->calendar, c->now);
    char key[32], value[24];
    g_snprintf(key, sizeof key, "%08d", date);
    const char *text;
    size_t length;
    gint64 n = 1;
    if (view_kv_get(txn_view(c->t), c->a, "cases.number", key, strlen(key), &text, &length)) {
        n = g_ascii_strtoll(text, NULL, 10) + 1;
    }
    g_snprintf(value, sizeof value, "%" G_GINT64_FORMAT, n);
    g_snprintf(out, 32, "%08d-%06" G_GINT64_FORMAT, date, n);
    return txn_kv_put(c->t, "cases.number", key, strlen(key), value, strlen(value), e);
}

static int priority_of(const char *severity)
{
    static const char *const order[] = {"red", "orange", "yellow", "blue"};
    for (int i = 0; severity != NULL && i < 4; i++) {
        if (strcmp(severity, order[i]) == 0) {
            return i + 1;
        }
    }
    return CASE_PRIORITY_LOW;
}

static void set_given(struct change *c, const char *name, const char *text)
{
    if (text != NULL && text[0] != '\0') {
        set_text(c, name, text);
    }
}

static void fill_opening(struct change *c, const struct opening *o, const char *number)
{
    set_text(c, "number", number);
    set_text(c, "workflow", o->workflow->name);
    set_either(c, "title", o->title);
    if (o->description != NULL) {
        set_either(c, "description", o->description);
    }
    set_given(c, "category", o->category);
    set_given(c, "severity", o->severity);
    set(c, "priority", json_int(c->a, priority_of(o->severity)));
    if (o->alarm != NULL) {
        context_set_relationship(c->a, c->fragment, "alarm", o->alarm);
    }
    if (o->source != NULL) {
        context_set_relationship(c->a, c->fragment, "source", o->source);
    }
    if (o->location != NULL) {
        context_set_geo(c->a, c->fragment, "location", json_copy(c->a, o->location));
    }
    if (o->scope != NULL && o->scope[0] != '\0') {
        context_set_scope(c->a, c->fragment, o->scope);
    }
    set_time(c, "openedAt", c->now);
    set_text(c, "openedBy", o->user != NULL ? o->user->name : CASE_SYSTEM);
}

bool case_open(struct txn *t, struct arena *a, const struct playbook *p, const struct opening *o,
               const char **id, struct error *e)
{
    char number[32];
    struct change c = change_begin(t, a, p, o->workflow, "", NULL);
    if (!next_number(&c, number, e)) {
        return false;
    }
    const char *name = o->id != NULL ? o->id : arena_printf(a, "%s%s", ID_PREFIX, number);
    c.fragment = context_entity(a, name, "Case");
    c.category = o->category;
    c.severity = o->severity;
    fill_opening(&c, o, number);
    struct json *entry = add_entry(&c, "open", o->user);
    add_text(&c, entry, "to", o->workflow->states[o->workflow->start].name);
    move_to(&c, o->workflow->start);
    *id = name;
    return add_attachments(&c, entry, o->attachments, e) &&
           write_change(&c, CONTEXT_CREATE, o->user != NULL ? o->user->name : CASE_SYSTEM, e);
}

/* ---- what the system does ---- */

bool case_note(struct txn *t, struct arena *a, const struct playbook *p, const char *id, const char *what,
               const char *severity, struct error *e)
{
    const struct json *entity = context_get_txn(t, a, id);
    const struct workflow *w =
        entity != NULL ? playbook_workflow(p, context_string(entity, "workflow")) : NULL;
    if (w == NULL || !case_is_open(w, entity) || case_version(entity) >= CASE_TIMELINE / 2) {
        return true; /* a flapping alarm must not fill the timeline that people need */
    }
    const char *before = context_string(entity, "severity");
    if (severity != NULL && g_strcmp0(before, severity) == 0) {
        return true;
    }
    struct change c = change_begin(t, a, p, w, id, entity);
    struct json *entry = add_entry(&c, what, NULL);
    if (severity != NULL) {
        add_text(&c, entry, "severityFrom", before);
        add_text(&c, entry, "severity", severity);
        set_text(&c, "severity", severity);
        int priority = (int)context_number(entity, "priority", CASE_PRIORITY_LOW);
        set(&c, "priority", json_int(a, MIN(priority, priority_of(severity))));
    }
    return write_change(&c, CONTEXT_UPDATE, CASE_SYSTEM, e);
}

struct firing {
    struct change *c;
    int priority;
};

static struct json *names_json(struct arena *a, const char *const *names)
{
    struct json *list = json_array(a);
    for (int i = 0; names != NULL && names[i] != NULL; i++) {
        json_append(list, json_string(a, names[i]));
    }
    return list;
}

static void note_clock(void *user, const char *what, const struct deadline *d, const struct escalation *s)
{
    struct firing *f = user;
    struct json *entry = add_entry(f->c, what, NULL);
    add_text(f->c, entry, "deadline", d->name);
    if (s == NULL) {
        return;
    }
    if (s->notify != NULL) {
        json_add(entry, "notify", names_json(f->c->a, s->notify));
    }
    if (s->raise && f->priority > 1) {
        f->priority--;
        json_add(entry, "priority", json_int(f->c->a, f->priority));
        set(f->c, "priority", json_int(f->c->a, f->priority));
    }
}

bool case_fire(struct txn *t, struct arena *a, const struct playbook *p, const char *id, instant *next,
               struct error *e)
{
    const struct json *entity = context_get_txn(t, a, id);
    const struct workflow *w =
        entity != NULL ? playbook_workflow(p, context_string(entity, "workflow")) : NULL;
    *next = INSTANT_MAX;
    if (w == NULL || case_version(entity) >= CASE_TIMELINE) {
        return true;
    }
    struct change c = change_begin(t, a, p, w, id, entity);
    struct firing f = {&c, (int)context_number(entity, "priority", CASE_PRIORITY_LOW)};
    bool any = clocks_fire(a, p, w, c.deadlines, c.now, note_clock, &f);
    *next = clocks_next(p, w, c.deadlines);
    return !any || write_change(&c, CONTEXT_UPDATE, CASE_SYSTEM, e);
}
