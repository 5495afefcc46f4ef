/* SPDX-License-Identifier: Apache-2.0 */
/* Mistakes that only a whole workflow shows. */
#include "cases/workflow.h"

#define BIT(state) (UINT64_C(1) << (state))

static const struct json *node_of(const struct json *definition, const char *section, const char *name)
{
    const struct json *node = json_get(json_get(definition, section), name);
    return node != NULL ? node : definition;
}

static uint64_t reachable(const struct workflow *w)
{
    uint64_t reached = BIT(w->start), before = 0;
    while (reached != before) {
        before = reached;
        for (int i = 0; i < w->actions_count; i++) {
            const struct action *action = &w->actions[i];
            if (action->to >= 0 && (action->from & reached) != 0) {
                reached |= BIT(action->to);
            }
        }
    }
    return reached;
}

static bool is_left(const struct workflow *w, int state)
{
    for (int i = 0; i < w->actions_count; i++) {
        const struct action *action = &w->actions[i];
        if ((action->from & BIT(state)) != 0 && action->to >= 0 && action->to != state) {
            return true;
        }
    }
    return false;
}

static void check_states(const struct workflow *w, const struct json *definition, struct pack_report *r)
{
    uint64_t reached = reachable(w);
    bool closes = false;
    for (int i = 0; i < w->states_count; i++) {
        const struct state *s = &w->states[i];
        const struct json *node = node_of(definition, "states", s->name);
        if ((reached & BIT(i)) == 0) {
            r->mistake(r, node, "No action leads to the state \"%s\"", "没有操作能到达状态“%s”", s->name);
        }
        if (s->kind != STATE_CLOSED && !is_left(w, i)) {
            r->mistake(r, node, "No action leaves the state \"%s\", and it is not closed",
                       "状态“%s”不是结束状态,却没有操作能离开它", s->name);
        }
        closes = closes || (s->kind == STATE_CLOSED && (reached & BIT(i)) != 0);
    }
    if (!closes) {
        r->mistake(r, definition, "The workflow \"%s\" has no closed state that can be reached",
                   "流程“%s”没有可到达的结束状态", w->name);
    }
}

static void check_roles(const char *const *roles, const struct json *node, const struct workflow_names *n,
                        struct pack_report *r)
{
    for (int i = 0; roles != NULL && roles[i] != NULL; i++) {
        if (!n->role_known(n, roles[i])) {
            r->mistake(r, node, "There is no role \"%s\" in the packs loaded", "已加载的应用包中没有角色“%s”",
                       roles[i]);
        }
    }
}

static void check_actions(const struct workflow *w, const struct json *definition,
                          const struct workflow_names *n, struct pack_report *r)
{
    for (int i = 0; i < w->actions_count; i++) {
        const struct action *action = &w->actions[i];
        const struct json *node = node_of(definition, "actions", action->name);
        check_roles(action->roles, node, n, r);
        check_roles(action->others, node, n, r);
        for (int f = 0; f < action->fields_count; f++) {
            const char *const role[] = {action->fields[f].role, NULL};
            check_roles(role, node, n, r);
        }
        if (action->from == 0) {
            r->mistake(r, node, "The action \"%s\" is possible in no state", "操作“%s”在任何状态都不可用",
                       action->name);
        }
    }
}

static void check_categories(const char *const *codes, const struct json *node,
                             const struct workflow_names *n, struct pack_report *r)
{
    for (int i = 0; codes != NULL && codes[i] != NULL; i++) {
        if (!n->category_known(n, codes[i])) {
            r->mistake(r, node, "There is no category \"%s\" in the packs loaded",
                       "已加载的应用包中没有类别“%s”", codes[i]);
        }
    }
}

static void check_deadlines(const struct workflow *w, const struct json *definition,
                            const struct workflow_names *n, struct pack_report *r)
{
    for (int i = 0; i < w->deadlines_count; i++) {
        const struct deadline *d = &w->deadlines[i];
        const struct json *node = node_of(definition, "deadlines", d->name);
        for (int k = 0; k < d->limits_count; k++) {
            check_categories(d->limits[k].categories, node, n, r);
        }
        for (int k = 0; k < d->escalate_count; k++) {
            check_roles(d->escalate[k].notify, node, n, r);
        }
    }
}

static void check_matches(const struct alarm_match *matches, int count, bool rules, const struct json *node,
                          const struct workflow_names *n, struct pack_report *r)
{
    for (int i = 0; i < count; i++) {
        if (rules && matches[i].rule != NULL && !n->rule_known(n, matches[i].rule)) {
            r->mistake(r, node, "There is no rule \"%s\" in the packs loaded", "已加载的应用包中没有规则“%s”",
                       matches[i].rule);
        }
        const char *const codes[] = {matches[i].category, NULL};
        check_categories(codes, node, n, r);
    }
}

void workflow_check(const struct workflow *w, const struct json *definition, const struct workflow_names *n,
                    struct pack_report *r)
{
    check_states(w, definition, r);
    check_actions(w, definition, n, r);
    check_deadlines(w, definition, n, r);
    check_matches(w->from, w->from_count, true, json_get(definition, "from"), n, r);
    /* Categories may be foreseen for rules of packs that are not loaded. */
    check_matches(w->categorise, w->categorise_count, false, json_get(definition, "categorise"), n, r);
}
