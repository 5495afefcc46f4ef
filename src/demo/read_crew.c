/* SPDX-License-Identifier: Apache-2.0 */
/* The crew, as sections describe it, held against the workflows of the packs. */
#include <string.h>

#include "demo/read.h"

/* ---- values ---- */

static void read_pair(struct reader *r, const struct json *pair)
{
    double numbers[2];
    if (read_numbers(r, pair, 2, numbers) && numbers[1] < numbers[0]) {
        mistake(r, pair, "%s must be [lowest, highest]", "%s 必须是 [最小, 最大]", pair->key);
    }
}

static void read_value(struct reader *r, const struct json *rule)
{
    const struct json *m = json_is(rule, JSON_OBJECT) && rule->length == 1 ? json_first(rule) : NULL;
    if (m == NULL) {
        for (m = json_is(rule, JSON_OBJECT) ? json_first(rule) : NULL; m != NULL; m = m->next) {
            read_value(r, m);
        }
    } else if (strcmp(m->key, "one_of") == 0) {
        if (!json_is(m, JSON_ARRAY) || m->length == 0) {
            mistake(r, m, "one_of must be a list of values", "one_of 必须是值的列表");
        }
        for (const struct json *v = json_is(m, JSON_ARRAY) ? json_first(m) : NULL; v != NULL; v = v->next) {
            read_value(r, v);
        }
    } else if (strcmp(m->key, "between") == 0 || strcmp(m->key, "days_ahead") == 0) {
        read_pair(r, m);
    } else if (strcmp(m->key, "picture") == 0 || strcmp(m->key, "other") == 0) {
        if (!json_is(m, JSON_STRING) || m->length == 0) {
            mistake(r, m, "%s must be a text", "%s 必须是一段文字", m->key);
        }
    } else {
        read_value(r, m);
    }
}

/* ---- the workflows of the packs, as far as a crew needs them ---- */

static const struct json *find_workflow(const struct reader *r, const char *name)
{
    const struct json *found = NULL;
    for (const struct pack *const *p = r->packs; found == NULL && *p != NULL; p++) {
        found = json_get(json_get((*p)->root, "workflows"), name);
    }
    return found;
}

static bool names(const struct json *name_or_list, const char *name)
{
    for (const struct json *m = json_is(name_or_list, JSON_ARRAY) ? json_first(name_or_list) : NULL;
         m != NULL; m = m->next) {
        if (json_streq(m, name)) {
            return true;
        }
    }
    return json_streq(name_or_list, name);
}

static const struct json *find_field(const struct json *action, const char *name)
{
    for (const struct json *f = json_first(json_get(action, "form")); f != NULL; f = f->next) {
        if (json_streq(json_get(f, "name"), name)) {
            return f;
        }
    }
    return NULL;
}

/* One form: its members are fields of the action, and none that is required is missing. */
static void check_form(struct reader *r, const struct json *where, const struct json *action,
                       const struct json *form)
{
    for (const struct json *m = json_first(form); m != NULL; m = m->next) {
        if (find_field(action, m->key) == NULL) {
            mistake(r, m, "The form of %s has no field \"%s\"", "操作 %s 的表单没有字段“%s”", action->key,
                    m->key);
        }
    }
    for (const struct json *f = json_first(json_get(action, "form")); f != NULL; f = f->next) {
        const char *name = json_get_string(f, "name");
        if (name != NULL && json_get_bool(f, "required", false) && json_get(form, name) == NULL) {
            mistake(r, where, "The form of %s needs a value for \"%s\"", "操作 %s 的表单需要字段“%s”的值",
                    action->key, name);
        }
    }
}

static void check_forms(struct reader *r, const struct json *from, const struct json *action,
                        const struct json *form)
{
    const struct json *list = json_get(form, "one_of");
    if (!json_is(list, JSON_ARRAY)) {
        check_form(r, form != NULL ? form : from, action, form);
        return;
    }
    for (const struct json *m = json_first(list); m != NULL; m = m->next) {
        check_form(r, m, action, m);
    }
}

static void check_action(struct reader *r, const struct json *from, const struct crew_desk *d,
                         const struct crew_step *s)
{
    const struct json *action = json_get(json_get(find_workflow(r, d->workflow), "actions"), s->action);
    if (action == NULL || !names(json_get(action, "from"), d->state)) {
        mistake(r, json_get(from, "do"), "Workflow %s has no action \"%s\" from the state %s",
                "流程 %1$s 在状态 %3$s 没有操作“%2$s”", d->workflow, s->action, d->state);
        return;
    }
    if (json_streq(json_get(action, "comment"), "required") && s->comment == NULL) {
        mistake(r, from, "The action %s needs a comment", "操作 %s 必须填写意见（comment）", s->action);
    }
    check_forms(r, from, action, s->form);
}

/* ---- steps ---- */

struct step_text {
    struct crew_step s;
    const struct json *by, *after;
};
#define S(member) offsetof(struct step_text, member)
static const struct json_field step_fields[] = {
    {"do", FIELD_STRING, S(s.action), true}, {"by", FIELD_ANY, S(by), true},
    {"after", FIELD_ARRAY, S(after), true},  {"weight", FIELD_DOUBLE, S(s.weight)},
    {"only", FIELD_OBJECT, S(s.only)},       {"form", FIELD_OBJECT, S(s.form)},
    {"comment", FIELD_ANY, S(s.comment)},    {NULL},
};

static void read_account(struct reader *r, const struct json *name, struct crew_step *s)
{
    bool member = json_is(name, JSON_STRING) && name->length > 2 && name->string[0] == '{' &&
                  name->string[name->length - 1] == '}';
    if (!json_is(name, JSON_STRING) || (!member && crew_account(&r->w->crew, name->string) == NULL)) {
        mistake(r, name,
                "by must name accounts of the crew (accounts), or a member of the case such as "
                "\"{assignee}\"",
                "by 须为 accounts 中列出的账号，或案件的字段，例如 \"{assignee}\"");
        return;
    }
    s->by[s->by_count++] = name->string;
}

static void read_by(struct reader *r, const struct json *by, struct crew_step *s)
{
    bool many = json_is(by, JSON_ARRAY);
    s->by = arena_array(r->a, const char *, many ? by->length : 1);
    for (const struct json *m = many ? json_first(by) : by; m != NULL; m = many ? m->next : NULL) {
        read_account(r, m, s);
    }
    if (many && by->length == 0) {
        mistake(r, by, "by must name an account", "by 至少要有一个账号");
    }
}

static void read_step(struct reader *r, const struct json *from, struct crew_desk *d)
{
    struct step_text t = {.s.weight = 1};
    if (!read_fields(r, from, step_fields, &t)) {
        return;
    }
    read_by(r, t.by, &t.s);
    read_spans(r, t.after, &t.s.soonest, &t.s.latest);
    if (t.s.weight < 0) {
        mistake(r, json_get(from, "weight"), "A weight must be a number, 0 or more",
                "权重必须是不小于 0 的数");
    }
    for (const struct json *m = json_first(t.s.only); m != NULL; m = m->next) {
        if (!json_is(m, JSON_ARRAY)) {
            mistake(r, m, "%s must be a list of values", "%s 必须是值的列表", m->key);
        }
    }
    read_value(r, t.s.form);
    read_value(r, t.s.comment);
    check_action(r, from, d, &t.s);
    d->steps[d->steps_count++] = t.s;
}

static void read_desk(struct reader *r, const char *workflow, const struct json *from)
{
    struct crew *c = &r->w->crew;
    if (json_get(json_get(find_workflow(r, workflow), "states"), from->key) == NULL) {
        mistake(r, from, "Workflow %s has no state \"%s\"", "流程 %s 没有状态“%s”", workflow, from->key);
        return;
    }
    if (!json_is(from, JSON_ARRAY) || from->length == 0 || crew_desk(c, workflow, from->key) != NULL) {
        mistake(r, from, "%s must be a list of steps, in one pack only",
                "%s 必须是步骤的列表，且只在一个包中", from->key);
        return;
    }
    struct crew_desk *d = &c->desks[c->desks_count++];
    *d = (struct crew_desk){workflow, from->key, arena_array(r->a, struct crew_step, from->length), 0};
    for (const struct json *m = json_first(from); m != NULL; m = m->next) {
        read_step(r, m, d);
    }
}

/* ---- the crew ---- */

struct crew_text {
    const struct json *accounts, *workflows;
    int64_t hands_off;
};
static const struct json_field crew_fields[] = {
    {"accounts", FIELD_ARRAY, offsetof(struct crew_text, accounts), true},
    {"hands_off", FIELD_SPAN, offsetof(struct crew_text, hands_off)},
    {"workflows", FIELD_OBJECT, offsetof(struct crew_text, workflows), true},
    {NULL},
};

static void read_accounts(struct reader *r, const struct json *list)
{
    struct crew *c = &r->w->crew;
    const char **more = arena_array(r->a, const char *, (uint32_t)c->accounts_count + list->length);
    if (c->accounts_count > 0) {
        memcpy(more, c->accounts, sizeof *more * (size_t)c->accounts_count);
    }
    c->accounts = more;
    for (const struct json *m = json_first(list); m != NULL; m = m->next) {
        if (!json_is(m, JSON_STRING) || m->length == 0) {
            mistake(r, m, "accounts must be a list of sign-in names", "accounts 必须是登录名的列表");
        } else if (crew_account(c, m->string) == NULL) {
            c->accounts[c->accounts_count++] = m->string;
        }
    }
}

static void make_desks(struct reader *r, const struct json *workflows)
{
    struct crew *c = &r->w->crew;
    uint32_t count = (uint32_t)c->desks_count;
    for (const struct json *m = json_first(workflows); m != NULL; m = m->next) {
        count += json_is(m, JSON_OBJECT) ? m->length : 0;
    }
    struct crew_desk *more = arena_array(r->a, struct crew_desk, count);
    if (c->desks_count > 0) {
        memcpy(more, c->desks, sizeof *more * (size_t)c->desks_count);
    }
    c->desks = more;
}

void read_crew(struct reader *r, const struct json *from)
{
    struct crew_text t = {.hands_off = 10 * 60 * INSTANT_SECOND};
    if (from == NULL || !read_fields(r, from, crew_fields, &t)) {
        return;
    }
    r->w->crew.hands_off = MAX(r->w->crew.hands_off, t.hands_off);
    read_accounts(r, t.accounts);
    make_desks(r, t.workflows);
    for (const struct json *m = json_first(t.workflows); m != NULL; m = m->next) {
        if (find_workflow(r, m->key) == NULL) {
            mistake(r, m, "There is no workflow \"%s\" in these packs", "这些包中没有流程“%s”", m->key);
            continue;
        }
        for (const struct json *d = json_is(m, JSON_OBJECT) ? json_first(m) : NULL; d != NULL; d = d->next) {
            read_desk(r, m->key, d);
        }
    }
}
